//! The calls of a venue that is asked about one child at a time: the order, then its trades.
//!
//! A line belongs here if it is true of every venue that has such calls. Rounds of several children
//! are planned by the venue's own [`Dialect`].

use core::fmt::Display;
use std::collections::{BTreeMap, BTreeSet};

use rutter_core::id::{AssetId, ChildId, InstrumentId, VenueId, VenueOrderId};
use rutter_core::number::Amount;
use rutter_transport::machine::{HttpRequest, HttpResponse};

use super::answer::{OrderState, Trade};
use super::dialect::{Ask, Dialect, OpenOrders, Refused};
use super::retry::{ABSENCE_GAP_NS, absence_counts};
use super::round::{Member, Round};

/// Most pages of trades that are read of one order in one round.
const TRADE_PAGES_MAX: u32 = 100;

/// Most pages of the history of orders that are read for one child in one round.
const ORDER_PAGES_MAX: u32 = 20;

/// Most instruments whose newest look is kept.
const LOOKS_MAX: usize = 64;

/// A call about one child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum One {
    /// One order, by our id.
    Order {
        /// The child.
        child: ChildId,
        /// The child's instrument; it is listed at the venue.
        instrument: InstrumentId,
    },
    /// The trades of one order.
    Trades {
        /// The child's instrument; it is listed at the venue.
        instrument: InstrumentId,
        /// The venue's id of the order.
        order: VenueOrderId,
        /// Where the page begins, as [`TradePage::next`] of the page before; `None` for the first.
        from: Option<u64>,
    },
    /// The open orders of the child's instrument. Asked where the venue does not know the child.
    Open {
        /// The child.
        child: ChildId,
        /// The child's instrument; it is listed at the venue.
        instrument: InstrumentId,
    },
    /// All orders of the child's instrument since the child may have been sent, open or not. Asked
    /// where the venue does not know the child.
    History {
        /// The child.
        child: ChildId,
        /// The child's instrument; it is listed at the venue.
        instrument: InstrumentId,
        /// Where the page begins, as [`OrderPage::next`] of the page before.
        from: Option<u64>,
    },
}

/// What an answer to [`One::Open`] or [`One::History`] holds.
#[derive(Clone, Debug, Default)]
pub struct OrderPage {
    /// The child's order, if it is there.
    pub found: Option<OrderState>,
    /// All children of ours that are there.
    pub ours: Vec<ChildId>,
    /// Where the next page begins; `None` when this page is the last.
    pub next: Option<u64>,
}

/// What an answer to [`One::Trades`] holds.
#[derive(Clone, Debug, Default)]
pub struct TradePage {
    /// Executions, oldest first.
    pub trades: Vec<Trade>,
    /// Where the next page begins; `None` when this page is the last.
    pub next: Option<u64>,
}

/// What the lists of an instrument's orders have shown. One look answers for all children of the
/// instrument that are not there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// No list of the look was asked for before this time.
    asked_ns: u64,
    /// Since when the history was read.
    since_ns: u64,
    /// Our children in the lists.
    ours: BTreeSet<ChildId>,
}

/// The newest look at each instrument.
#[derive(Clone, Debug, Default)]
pub struct Looks(BTreeMap<InstrumentId, Look>);

impl Looks {
    /// The newest look at an instrument.
    pub fn get(&self, instrument: InstrumentId) -> Option<&Look> {
        self.0.get(&instrument)
    }

    /// Keeps a look instead of an older one. Of too many instruments the one goes that was looked
    /// at longest ago.
    pub fn keep(&mut self, instrument: InstrumentId, look: Look) {
        self.0.insert(instrument, look);
        if self.0.len() > LOOKS_MAX
            && let Some(oldest) = self.0.iter().min_by_key(|(_, look)| look.asked_ns)
        {
            let oldest = *oldest.0;
            self.0.remove(&oldest);
        }
    }
}

/// How far the calls about one child are.
#[derive(Clone, Debug, Default)]
pub struct Steps {
    is_asked: bool,
    from: Option<u64>,
    pages: u32,
    is_read: bool,
    search: Search,
    look: Look,
}

/// Where a child is looked for that the venue does not know by its id.
#[derive(Clone, Copy, Debug, Default)]
enum Search {
    /// Among the open orders.
    #[default]
    Open,
    /// In the history of orders.
    History { from: Option<u64>, pages: u32 },
    /// Everywhere done.
    Done,
}

/// A venue that is asked about one child at a time.
pub trait OneByOne {
    /// Why an answer is of no use.
    type Error: Display;

    /// As [`Dialect::venue`].
    fn venue(&self) -> VenueId;

    /// As [`Dialect::is_listed`].
    fn is_listed(&self, instrument: InstrumentId) -> bool;

    /// As [`Dialect::request`].
    fn request(&self, ask: &Ask<One>, id: u64, now_ns: u64) -> HttpRequest;

    /// As [`Dialect::open_orders`].
    ///
    /// # Errors
    /// The answer is of no use.
    fn open_orders(
        &self,
        response: Option<&HttpResponse>,
    ) -> Result<OpenOrders, Refused<Self::Error>>;

    /// Reads the answer to [`One::Order`]; `None` when the venue does not know the child.
    ///
    /// # Errors
    /// The answer is of no use.
    fn order(
        &self,
        child: ChildId,
        instrument: InstrumentId,
        response: Option<&HttpResponse>,
    ) -> Result<Option<OrderState>, Refused<Self::Error>>;

    /// Reads the answer to [`One::Trades`].
    ///
    /// # Errors
    /// The answer is of no use.
    fn trades(
        &self,
        instrument: InstrumentId,
        order: VenueOrderId,
        response: Option<&HttpResponse>,
    ) -> Result<TradePage, Refused<Self::Error>>;

    /// The venue lists the orders of an instrument. Otherwise the question about the order by its
    /// id is the only source, and [`One::Open`] and [`One::History`] are never asked.
    fn lists_orders(&self) -> bool {
        false
    }

    /// Reads the answer to [`One::Open`] or [`One::History`].
    ///
    /// # Errors
    /// The answer is of no use.
    fn orders(
        &self,
        _child: ChildId,
        _instrument: InstrumentId,
        _response: Option<&HttpResponse>,
    ) -> Result<OrderPage, Refused<Self::Error>> {
        Ok(OrderPage::default())
    }

    /// Since when the history is read in search of a child.
    fn history_from_ns(&self, _child: ChildId) -> u64 {
        0
    }

    /// The newest look at an instrument, of those that were kept.
    fn look(&self, _instrument: InstrumentId) -> Option<&Look> {
        None
    }

    /// Keeps a look for the other children of the instrument.
    fn keep_look(&mut self, _instrument: InstrumentId, _look: Look) {}

    /// As [`Dialect::cost`].
    fn cost(&self, _ask: &Ask<One>) -> u32 {
        1
    }

    /// As [`Dialect::balances`].
    ///
    /// # Errors
    /// The answer is of no use.
    fn balances(
        &self,
        response: Option<&HttpResponse>,
    ) -> Result<Vec<(AssetId, Amount)>, Refused<Self::Error>>;

    /// As [`Dialect::certain_ns`].
    fn certain_ns(&self, child: ChildId) -> u64;

    /// As [`Dialect::is_shown`].
    fn is_shown(&self, child: ChildId) -> bool;

    /// As [`Dialect::settle`].
    fn settle(&mut self, child: ChildId, instrument: InstrumentId, state: &mut OrderState);
}

impl<D: OneByOne> Dialect for D {
    type Error = D::Error;
    type Call = One;
    type Plan = Steps;

    fn venue(&self) -> VenueId {
        OneByOne::venue(self)
    }

    fn is_listed(&self, instrument: InstrumentId) -> bool {
        OneByOne::is_listed(self, instrument)
    }

    fn next_call(&self, round: &mut Round<Steps>) -> Option<One> {
        let (member, steps) = (round.members.first()?, &round.plan);
        if member.is_unclear {
            return None;
        }
        let (child, instrument) = (member.child, member.instrument);
        let Some(found) = &member.found else {
            if steps.is_asked {
                return search(self, round);
            }
            return Some(One::Order { child, instrument });
        };
        let is_needed = !found.state.filled.is_zero() && !steps.is_read;
        let (order, from) = (found.state.order, steps.from);
        is_needed.then_some(One::Trades { instrument, order, from })
    }

    fn request(&mut self, ask: &Ask<One>, id: u64, now_ns: u64) -> HttpRequest {
        OneByOne::request(self, ask, id, now_ns)
    }

    fn answer(
        &mut self,
        call: &One,
        response: Option<&HttpResponse>,
        round: &mut Round<Steps>,
    ) -> Result<(), Refused<D::Error>> {
        let answer = take(self, call, response, round);
        if let (Err(refused), Some(member)) = (&answer, round.members.first_mut()) {
            member.is_unclear |= refused.is_of_child;
        }
        answer
    }

    fn cost(&self, ask: &Ask<One>) -> u32 {
        OneByOne::cost(self, ask)
    }

    fn open_orders(
        &self,
        response: Option<&HttpResponse>,
    ) -> Result<OpenOrders, Refused<D::Error>> {
        OneByOne::open_orders(self, response)
    }

    fn balances(
        &self,
        response: Option<&HttpResponse>,
    ) -> Result<Vec<(AssetId, Amount)>, Refused<D::Error>> {
        OneByOne::balances(self, response)
    }

    fn certain_ns(&self, child: ChildId) -> u64 {
        OneByOne::certain_ns(self, child)
    }

    fn is_shown(&self, child: ChildId) -> bool {
        OneByOne::is_shown(self, child)
    }

    fn settle(&mut self, child: ChildId, instrument: InstrumentId, state: &mut OrderState) {
        OneByOne::settle(self, child, instrument, state);
    }
}

/// Takes the answer to a call about the round's only child.
fn take<D: OneByOne>(
    dialect: &mut D,
    call: &One,
    response: Option<&HttpResponse>,
    round: &mut Round<Steps>,
) -> Result<(), Refused<D::Error>> {
    let asked_ns = round.asked_ns.unwrap_or_default();
    let Some(member) = round.members.first_mut() else { return Ok(()) };
    match *call {
        One::Order { child, instrument } => {
            if let Some(state) = dialect.order(child, instrument, response)? {
                member.learn(state);
            }
            round.plan.is_asked = true;
        }
        One::Trades { instrument, order, .. } => {
            let page = dialect.trades(instrument, order, response)?;
            for trade in page.trades {
                member.add(trade);
            }
            let steps = &mut round.plan;
            steps.is_read = page.next.is_none() || steps.pages >= TRADE_PAGES_MAX;
            steps.from = page.next;
            steps.pages += 1;
        }
        One::Open { child, instrument } | One::History { child, instrument, .. } => {
            let page = dialect.orders(child, instrument, response)?;
            let steps = &mut round.plan;
            steps.look.ours.extend(page.ours.iter().copied());
            on_orders(&page, call, member, steps);
            let is_whole = matches!(steps.search, Search::Done) && page.next.is_none();
            if is_whole && member.found.is_none() {
                let since_ns = dialect.history_from_ns(child);
                let look = Look { asked_ns, since_ns, ..core::mem::take(&mut steps.look) };
                dialect.keep_look(instrument, look);
            }
        }
    }
    Ok(())
}

/// The next call about a child that the venue does not know by its id. The other sources are asked
/// only where an absence from all of them would count, and where no look has shown it already.
fn search<D: OneByOne>(dialect: &D, round: &mut Round<Steps>) -> Option<One> {
    let member = round.members.first()?;
    let (child, instrument) = (member.child, member.instrument);
    let (certain_ns, is_shown) = (dialect.certain_ns(child), dialect.is_shown(child));
    let asked_ns = round.asked_ns.filter(|asked| absence_counts(*asked, certain_ns, is_shown));
    let asked_ns = asked_ns.filter(|_| dialect.lists_orders())?;
    match round.plan.search {
        Search::Open => {
            let again_ns = member.question.absent_ns.map_or(0, |first| first + ABSENCE_GAP_NS);
            let since_ns = dialect.history_from_ns(child);
            let look = dialect.look(instrument).filter(|look| {
                let is_new = look.asked_ns >= certain_ns.max(again_ns);
                is_new && look.since_ns <= since_ns && !look.ours.contains(&child)
            });
            let Some(look) = look else { return Some(One::Open { child, instrument }) };
            round.asked_ns = Some(asked_ns.min(look.asked_ns));
            round.plan.search = Search::Done;
            None
        }
        Search::History { from, .. } => Some(One::History { child, instrument, from }),
        Search::Done => None,
    }
}

/// Takes a page of orders in which the child was looked for.
fn on_orders(page: &OrderPage, call: &One, member: &mut Member, steps: &mut Steps) {
    let pages = match steps.search {
        Search::History { pages, .. } => pages + 1,
        Search::Open | Search::Done => 0,
    };
    steps.search = match (call, page.next) {
        (One::Open { .. }, _) => Search::History { from: None, pages: 0 },
        (_, None) => Search::Done,
        (_, from) if pages < ORDER_PAGES_MAX => Search::History { from, pages },
        (_, Some(_)) => {
            // The history is longer than is read, so that the absence proves nothing.
            member.is_unclear = true;
            Search::Done
        }
    };
    if let Some(state) = page.found {
        member.learn(state);
    }
}
