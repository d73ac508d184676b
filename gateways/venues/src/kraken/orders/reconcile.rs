//! What became of children, asked over REST: which rounds there are and which call is next.
//!
//! A line belongs here if it decides the next call or passes an answer on. What the answers add up
//! to for each child is `round`; fields and signatures are `rest`. Waits, pauses, the call counter
//! and the proof of an absence are shared with other venues, in [`crate::inquiry`].
//!
//! Kraken's call counter allows about one call in six seconds, so children share calls: they are
//! gathered into rounds, and one call is on its way at a time. A round lists the open orders. It
//! then finds the remaining children by id; when they are several, the newest pages of closed
//! orders come first, since one such call finds many. It then reads the trades of all children
//! that have traded. At its end it tells the core all fills of a child first and its fate last. A
//! child without a clear answer is asked about again in a later round, for ever.

use std::collections::{BTreeMap, BTreeSet};

use rutter_core::id::{ChildId, InstrumentId};
use rutter_core::input::{Fate, Input};
use rutter_core::number::Amount;
use rutter_transport::machine::{HttpResponse, Outbox};

use super::message::{self, digits};
use super::report::Ledger;
use super::rest::{self, Call, Orders, PAGE, QUERY_ORDERS_MAX, RestError};
use super::round::{Ask, Member, Round, Step};
use crate::backoff::Backoff;
use crate::inquiry::{CallCounter, CallLimit, Pause};
use crate::kraken::ids;
use crate::listing::amount;

/// Most children in doubt at once.
pub(super) const ASKS_MAX: usize = 1 << 17;

/// Most children in one round.
const ROUND_MAX: usize = 100;

/// Most children of one round that are asked for alone. The others wait for the next round, so that
/// the core soon hears of the children that were found.
const ALONE_MAX: usize = 8;

/// Fewest children for which the newest closed orders are listed before each is asked for alone.
const RECENT_MIN: usize = 3;

/// Most pages of closed orders in one round.
const RECENT_PAGES_MAX: usize = 4;

/// Most pages of trades in one round.
const PAGES_MAX: usize = 200;

/// The children in doubt, the round under way, and the pace of calls.
#[derive(Debug)]
pub(super) struct Reconciler {
    asks: BTreeMap<ChildId, Ask>,
    round: Option<Round>,
    balances_due: bool,
    /// The venue comes up afterwards, so the core is told of all open orders as well.
    full: bool,
    /// Children whose fate the core was told since the link came up.
    told: BTreeSet<ChildId>,
    counter: CallCounter,
    pause: Pause,
}

impl Reconciler {
    pub fn new(limit: CallLimit, backoff: Backoff) -> Self {
        Self {
            asks: BTreeMap::new(),
            round: None,
            balances_due: false,
            full: false,
            told: BTreeSet::new(),
            counter: CallCounter::new(limit),
            pause: Pause::new(backoff),
        }
    }

    /// The core asks about a child. False when too many children are in doubt.
    pub fn ask(&mut self, child: ChildId, instrument: InstrumentId, never_after_ns: u64) -> bool {
        if self.asks.len() >= ASKS_MAX && !self.asks.contains_key(&child) {
            return false;
        }
        let ask = Ask { instrument, never_after_ns, at_ns: 0, attempts: 0 };
        let held = self.asks.entry(child).or_insert(ask);
        held.at_ns = 0;
        true
    }

    /// The link is up. Every question is answered before the venue counts as up. A child that an
    /// earlier connection sent can no longer arrive after `never_after_ns`.
    pub fn begin_full(&mut self, never_after_ns: u64) {
        self.full = true;
        self.told.clear();
        self.balances_due = true;
        for ask in self.asks.values_mut() {
            // An earlier process sent the child, at a time that is not known.
            if ask.never_after_ns == u64::MAX {
                ask.never_after_ns = never_after_ns;
            }
        }
    }

    /// The balances of the stream cannot be trusted: asks for all balances.
    pub const fn ask_balances(&mut self) {
        self.balances_due = true;
    }

    /// The link is gone. The findings of the round are dropped, and its questions stay.
    pub fn reset(&mut self) {
        if let Some(round) = self.round.take() {
            self.put_back(round.members);
        }
        self.full = false;
        self.balances_due = false;
    }

    fn put_back(&mut self, members: Vec<Member>) {
        for member in members {
            self.asks.entry(member.child).or_insert(member.ask);
        }
    }

    pub fn is_done(&self) -> bool {
        self.asks.is_empty() && self.round.is_none() && !self.balances_due
    }

    /// Counts a call that another part of the adapter makes.
    pub fn count_call(&mut self, call: &Call, now_ns: u64) {
        self.counter.add(call.cost(), now_ns);
    }

    /// When [`Reconciler::next_call`] may have something.
    pub fn next_ns(&self, now_ns: u64) -> Option<u64> {
        let balances = self.balances_due && (self.asks.is_empty() || !self.full);
        let due = if self.round.is_some() || balances {
            now_ns
        } else {
            self.asks.values().map(|ask| ask.at_ns).min()?
        };
        Some(due.max(self.pause.until_ns()).max(self.counter.ready_ns(2, now_ns)))
    }

    /// The next call to make, if it is time for one.
    pub fn next_call(
        &mut self,
        now_ns: u64,
        ledger: &mut Ledger,
        out: &mut Outbox<Input>,
    ) -> Option<Call> {
        if now_ns < self.pause.until_ns() || now_ns < self.counter.ready_ns(2, now_ns) {
            return None;
        }
        if self.round.is_none() {
            self.begin_round(now_ns);
        }
        let call = if let Some(call) = self.round_call(ledger) {
            call
        } else {
            self.tell(now_ns, ledger, out);
            if !self.balances_due || (self.full && !self.asks.is_empty()) {
                return None;
            }
            self.tell_open(ledger, out);
            ledger.balances.clear();
            Call::Balances
        };
        self.counter.add(call.cost(), now_ns);
        Some(call)
    }

    fn begin_round(&mut self, now_ns: u64) {
        let due = self.asks.iter().filter(|(_, ask)| ask.at_ns <= now_ns);
        let members: Vec<Member> = due
            .take(ROUND_MAX)
            .map(|(child, ask)| Member {
                child: *child,
                ask: *ask,
                found: None,
                unclear: false,
                postponed: false,
            })
            .collect();
        for member in &members {
            self.asks.remove(&member.child);
        }
        if !members.is_empty() {
            self.round = Some(Round { started_ns: now_ns, members, step: Step::Open });
        }
    }

    /// The next call of the round; skips steps that need no call.
    fn round_call(&mut self, ledger: &Ledger) -> Option<Call> {
        let round = self.round.as_mut()?;
        if let Step::Known { from, batch } = round.step {
            let known = round.lookups(ledger, from, true);
            let chosen: Vec<_> = known.into_iter().take(batch).collect();
            if !chosen.is_empty() {
                let ids = chosen.into_iter().map(|at| round.order_of(at, ledger)).collect();
                return Some(Call::QueryOrders(ids));
            }
            round.step = Step::Recent { pages: 0 };
        }
        if let Step::Recent { pages } = round.step {
            if pages < RECENT_PAGES_MAX && round.lookups(ledger, 0, false).len() >= RECENT_MIN {
                return Some(Call::RecentOrders { offset: pages * PAGE });
            }
            round.step = Step::Closed { from: 0, asked: 0 };
        }
        if let Step::Closed { from, asked } = round.step {
            let lookups = round.lookups(ledger, from, false);
            if asked >= ALONE_MAX {
                round.postpone(&lookups);
            } else if let Some(at) = lookups.first().copied() {
                round.step = Step::Closed { from: at, asked };
                let child = round.members.get(at)?.child;
                let text = ids::order(ledger.config.node_tag, child);
                return Some(Call::ClosedOrders(text.as_str().to_owned()));
            }
            round.step = Step::Trades { offset: 0, pages: 0 };
        }
        match round.step {
            Step::Open => Some(Call::OpenOrders),
            Step::Trades { offset, .. } => {
                let start_s = round.trades_from_s()?;
                Some(Call::TradesHistory { start_s, offset })
            }
            Step::Known { .. } | Step::Recent { .. } | Step::Closed { .. } | Step::Told => None,
        }
    }

    /// Takes the answer to the pending call.
    pub fn on_answer(
        &mut self,
        now_ns: u64,
        call: &Call,
        response: Option<&HttpResponse>,
        ledger: &mut Ledger,
        out: &mut Outbox<Input>,
    ) {
        let result = match call {
            Call::Token => Ok(()),
            Call::Balances => self.on_balances(response, ledger, out),
            Call::OpenOrders => rest::open_orders(response).map(|orders| {
                self.on_orders(&orders, ledger);
                self.step(Step::Known { from: 0, batch: QUERY_ORDERS_MAX });
            }),
            Call::QueryOrders(_) => {
                let orders = rest::query_orders(response);
                orders.map(|orders| self.on_known(&orders, ledger))
            }
            Call::ClosedOrders(asked) => rest::closed_orders(response).map(|orders| {
                self.on_orders(&orders, ledger);
                self.on_filtered(&orders, asked, ledger);
            }),
            Call::RecentOrders { .. } => rest::closed_orders(response).map(|orders| {
                self.on_orders(&orders, ledger);
                self.next_recent(orders.len());
            }),
            Call::TradesHistory { .. } => {
                let page = rest::trades(response);
                page.map(|page| self.on_trades(&page, ledger))
            }
        };
        match result {
            Ok(()) => self.pause.succeeded(),
            Err(error) => self.on_error(now_ns, &error, ledger),
        }
    }

    fn step(&mut self, step: Step) {
        if let Some(round) = &mut self.round {
            round.step = step;
        }
    }

    /// The call failed. A refusal of one id must not hold up the others. Any other call is made
    /// again later.
    fn on_error(&mut self, now_ns: u64, error: &RestError, ledger: &mut Ledger) {
        ledger.counters.rest_failures += 1;
        self.pause.failed(now_ns, None);
        let RestError::Venue(text) = error else { return };
        if text.contains("Rate limit") {
            self.counter.fill(now_ns);
        }
        if text.starts_with("EAPI:") || text.starts_with("EService:") {
            return;
        }
        match self.round.as_ref().map(|round| round.step) {
            Some(Step::Known { from, batch }) if batch > 1 => {
                self.step(Step::Known { from, batch: 1 });
            }
            Some(Step::Known { from, .. }) => self.give_up_known(from, ledger),
            Some(Step::Closed { from, .. }) => {
                self.give_up(from);
                self.pass_over_closed();
            }
            Some(Step::Open | Step::Recent { .. } | Step::Trades { .. } | Step::Told) | None => {}
        }
    }

    /// Concludes nothing in this round about the member at that position.
    fn give_up(&mut self, at: usize) {
        if let Some(member) = self.round.as_mut().and_then(|round| round.members.get_mut(at)) {
            member.unclear = true;
        }
    }

    fn give_up_known(&mut self, from: usize, ledger: &Ledger) {
        let first = self.round.as_ref().map(|round| round.lookups(ledger, from, true));
        if let Some(at) = first.and_then(|lookups| lookups.first().copied()) {
            self.give_up(at);
        }
    }

    /// The venue was asked for the closed orders with one of our ids. If it names other orders, it
    /// ignored the filter, and the absence of ours proves nothing.
    fn on_filtered(&mut self, orders: &Orders<'_>, asked: &str, ledger: &mut Ledger) {
        if orders.values().any(|info| info.cl_ord_id.as_deref() != Some(asked)) {
            ledger.counters.protocol_errors += 1;
            let step = self.round.as_ref().map(|round| round.step);
            if let Some(Step::Closed { from, .. }) = step
                && !self.is_found(from)
            {
                self.give_up(from);
            }
        }
        self.pass_over_closed();
    }

    fn is_found(&self, at: usize) -> bool {
        let member = self.round.as_ref().and_then(|round| round.members.get(at));
        member.is_some_and(|member| member.found.is_some())
    }

    /// A page of closed orders was read; a short one is the last.
    fn next_recent(&mut self, orders: usize) {
        if let Some(Round { step: Step::Recent { pages }, .. }) = &mut self.round {
            *pages = if orders < PAGE { RECENT_PAGES_MAX } else { *pages + 1 };
        }
    }

    /// The member that was looked up by our id is done with, found or not.
    fn pass_over_closed(&mut self) {
        if let Some(Round { step: Step::Closed { from, asked }, .. }) = &mut self.round {
            *from += 1;
            *asked += 1;
        }
    }

    fn on_orders(&mut self, orders: &Orders<'_>, ledger: &mut Ledger) {
        let Some(round) = &mut self.round else { return };
        for (txid, info) in orders {
            let Some(order) = message::order_id(txid) else { continue };
            let by_id = info.cl_ord_id.as_deref().and_then(|id| ledger.child(id));
            let child = by_id.or_else(|| ledger.children.of_order(order));
            if let Some(child) = child
                && let Some(member) = round.members.iter_mut().find(|m| m.child == child)
            {
                member.learn(order, info, ledger);
            }
        }
    }

    fn on_known(&mut self, orders: &Orders<'_>, ledger: &mut Ledger) {
        let Some(Round { step: Step::Known { from, batch }, .. }) = self.round else { return };
        let asked = self.round.as_ref().map(|round| round.lookups(ledger, from, true));
        self.on_orders(orders, ledger);
        // All members of the batch are done with, found or not.
        let last = asked.and_then(|asked| asked.into_iter().take(batch).next_back());
        self.step(Step::Known { from: last.map_or(from, |at| at + 1), batch });
    }

    fn on_trades(&mut self, page: &rest::Trades<'_>, ledger: &mut Ledger) {
        let Some(round) = &mut self.round else { return };
        let Step::Trades { offset, pages } = round.step else { return };
        for (exec, trade) in &page.trades {
            let order = message::order_id(&trade.ordertxid);
            let of = |m: &&mut Member| m.found.as_ref().is_some_and(|f| Some(f.order) == order);
            if let Some(member) = round.members.iter_mut().find(of) {
                member.trade(exec, trade, ledger);
            }
        }
        let read = offset + page.trades.len();
        let is_last = page.trades.is_empty()
            || page.count.map_or(page.trades.len() < PAGE, |count| read >= count)
            || pages + 1 >= PAGES_MAX;
        if pages + 1 >= PAGES_MAX {
            ledger.counters.rest_failures += 1;
        }
        let complete = round.members.iter().all(Member::is_complete);
        round.step = if complete || is_last {
            Step::Told
        } else {
            Step::Trades { offset: read, pages: pages + 1 }
        };
    }

    fn on_balances(
        &mut self,
        response: Option<&HttpResponse>,
        ledger: &mut Ledger,
        out: &mut Outbox<Input>,
    ) -> Result<(), RestError> {
        let told = rest::balances(response)?;
        let mut totals: BTreeMap<_, _> =
            ledger.assets.ids().into_iter().map(|asset| (asset, Amount::ZERO)).collect();
        for (name, info) in &told {
            if let Some(asset) = ledger.assets.name(name.as_bytes()) {
                let part = amount(digits(info.balance)).map_err(|_| RestError::Shape)?;
                let total = totals.entry(asset).or_default();
                *total = total.plus(part);
            }
        }
        // A balance that the stream told while the call was under way is newer.
        totals.extend(ledger.balances.iter().map(|(asset, total)| (*asset, *total)));
        for (asset, total) in totals {
            out.emit(Input::Balance { venue: ledger.config.venue, asset, total });
        }
        self.balances_due = false;
        self.full = false;
        Ok(())
    }

    /// Ends the round: tells the clear fates, and asks again about the other children.
    fn tell(&mut self, now_ns: u64, ledger: &mut Ledger, out: &mut Outbox<Input>) {
        let Some(round) = self.round.take() else { return };
        for member in round.members {
            if !member.conclude(round.started_ns, ledger, out) {
                let ask = member.again(now_ns);
                self.asks.entry(member.child).or_insert(ask);
            } else if self.full {
                self.told.insert(member.child);
            }
        }
    }

    /// Tells the core of every open order of ours. The core cancels those that it no longer wants.
    fn tell_open(&mut self, ledger: &Ledger, out: &mut Outbox<Input>) {
        if !std::mem::take(&mut self.full) {
            return;
        }
        let venue = ledger.config.venue;
        let told = std::mem::take(&mut self.told);
        let open = ledger.children.live().filter(|(_, entry)| entry.accepted);
        for (child, entry) in open.filter(|(child, _)| !told.contains(child)) {
            let (fate, filled) = (Fate::Open, entry.filled);
            out.emit(Input::ChildFate { venue, child, fate, filled });
        }
    }
}
