//! The machine that asks a venue about one child at a time.
//!
//! A line belongs here if it decides what to ask next, or what the answers about one child add up
//! to. The content of requests and answers is the venue's [`Dialect`].
//!
//! After a logon the machine asks for the open orders, then about every child in doubt (its order,
//! then its trades), then for the balances; then the venue is up. The link for private reports is
//! logged on before the first question, so whatever happens between two answers is reported there.

use core::fmt::Display;

use rutter_core::id::{AssetId, ChildId, ExecId, InstrumentId, VenueId, VenueOrderId};
use rutter_core::input::{ChildFill, Fate, Input, Liquidity, Side};
use rutter_core::number::{Amount, Price, Qty};
use rutter_core::rate::TokenBucket;
use rutter_transport::machine::{HttpRequest, HttpResponse, Outbox};

use super::pause::Pause;
use super::retry::{Retry, proves_never_arrived};
use crate::backoff::Backoff;

/// Most pages of trades that are read of one order.
const TRADE_PAGES_MAX: u32 = 100;

/// How fast a venue may be asked, and how long its answers may take.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Children in doubt at once. Further questions are dropped and counted.
    pub questions_max: usize,
    /// Requests without an answer at once.
    pub in_flight_max: usize,
    /// A request without an answer for this long is made again, in nanoseconds.
    pub answer_timeout_ns: u64,
    /// Requests that may be made at once after a rest.
    pub burst: u64,
    /// Time in which one more request is earned, in nanoseconds.
    pub request_ns: u64,
    /// First and longest pause after a failed request, in nanoseconds.
    pub pause_ns: (u64, u64),
    /// When a child without a clear answer is asked about again.
    pub retry: Retry,
}

/// How far the inquiry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not logged on: nothing is asked.
    Down,
    /// The open orders are awaited.
    OpenOrders,
    /// Answers about single children are awaited.
    Questions,
    /// The balances are awaited.
    Balances,
    /// The core has been told everything.
    Up,
}

/// What can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// All open orders of the account.
    OpenOrders,
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
    /// All balances.
    Balances,
}

/// The state of an order at the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderState {
    /// The venue's id of the order; empty if the order never arrived.
    pub order: VenueOrderId,
    /// The order is open, or this is how it ended.
    pub fate: Fate,
    /// Quantity filled in all; not negative.
    pub filled: Qty,
}

/// What an answer to [`Ask::OpenOrders`] holds.
#[derive(Clone, Debug, Default)]
pub struct OpenOrders {
    /// Orders with an id of ours.
    pub ours: Vec<(ChildId, InstrumentId, OrderState)>,
    /// Number of orders with another id.
    pub others: u64,
    /// Number of orders with an id of ours whose symbol is not listed here.
    pub unlisted: u64,
}

/// One execution of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// The venue's id of the execution.
    pub exec: ExecId,
    /// Buy or sell.
    pub side: Side,
    /// Quantity; above zero.
    pub qty: Qty,
    /// Price; above zero.
    pub price: Price,
    /// Fee; negative is a rebate.
    pub fee: Amount,
    /// The asset of the fee.
    pub fee_asset: AssetId,
    /// False: the fee is in an asset that is not listed here, and is told as zero.
    pub is_fee_known: bool,
    /// Whether the order rested or took.
    pub liquidity: Liquidity,
}

/// What an answer to [`Ask::Trades`] holds.
#[derive(Clone, Debug, Default)]
pub struct TradePage {
    /// Executions, oldest first.
    pub trades: Vec<Trade>,
    /// Where the next page begins; `None` when this page is the last.
    pub next: Option<u64>,
}

/// Why an answer is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused<E> {
    /// The reason, for the log.
    pub error: E,
    /// Length of the pause that the answer implies (a rate limit, a ban), in nanoseconds.
    pub pause_ns: Option<u64>,
}

/// A venue's requests and answers, and what the adapter remembers of its children.
pub trait Dialect {
    /// Why an answer is of no use.
    type Error: Display;

    /// The core's id of the venue.
    fn venue(&self) -> VenueId;

    /// The venue lists the instrument, so that it can be named in a request.
    fn is_listed(&self, instrument: InstrumentId) -> bool;

    /// The signed request.
    fn request(&self, ask: &Ask, id: u64, now_ns: u64) -> HttpRequest;

    /// Reads the answer to [`Ask::OpenOrders`]; no response is an error.
    ///
    /// # Errors
    /// The answer is of no use.
    fn open_orders(
        &self,
        response: Option<&HttpResponse>,
    ) -> Result<OpenOrders, Refused<Self::Error>>;

    /// Reads the answer to [`Ask::Order`]; `None` when the venue does not know the child.
    ///
    /// # Errors
    /// The answer is of no use.
    fn order(
        &self,
        child: ChildId,
        instrument: InstrumentId,
        response: Option<&HttpResponse>,
    ) -> Result<Option<OrderState>, Refused<Self::Error>>;

    /// Reads the answer to [`Ask::Trades`].
    ///
    /// # Errors
    /// The answer is of no use.
    fn trades(
        &self,
        instrument: InstrumentId,
        order: VenueOrderId,
        response: Option<&HttpResponse>,
    ) -> Result<TradePage, Refused<Self::Error>>;

    /// Reads the answer to [`Ask::Balances`]: the total of every listed asset.
    ///
    /// # Errors
    /// The answer is of no use.
    fn balances(
        &self,
        response: Option<&HttpResponse>,
    ) -> Result<Vec<(AssetId, Amount)>, Refused<Self::Error>>;

    /// From this time on, an absence proves that the child never arrived: the end of the child's
    /// validity at the venue and a margin.
    fn certain_ns(&self, child: ChildId) -> u64;

    /// The venue has shown that it knows the child.
    fn is_shown(&self, child: ChildId) -> bool;

    /// The core has been told this state of the child.
    fn concluded(&mut self, child: ChildId, state: &OrderState);
}

/// What is known so far of a child in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The order is asked for.
    Order,
    /// The order's state is known, and its trades are asked for.
    Trades { state: OrderState, found: Qty, from: Option<u64>, pages: u32 },
}

impl Stage {
    const fn trades(state: OrderState) -> Self {
        Self::Trades { state, found: Qty::ZERO, from: None, pages: 0 }
    }
}

#[derive(Clone, Copy, Debug)]
struct Question {
    child: ChildId,
    instrument: InstrumentId,
    stage: Stage,
    due_ns: u64,
    /// Answers so far that were not clear.
    tries: u32,
    is_asked: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    OpenOrders,
    Balances,
    Child(ChildId),
}

#[derive(Clone, Copy, Debug)]
struct InFlight {
    id: u64,
    subject: Subject,
    sent_ns: u64,
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Requests that failed or got an answer of no use.
    pub failures: u64,
    /// Questions dropped because too many children were in doubt.
    pub dropped: u64,
    /// Open orders with an id that is not ours.
    pub others: u64,
    /// Open orders and questions about an instrument that is not listed.
    pub unlisted: u64,
    /// Executions whose fee is in an unlisted asset, told as no fee.
    pub unknown_fee_assets: u64,
    /// Children that the venue never got.
    pub never_arrived: u64,
}

/// The questions, the requests on their way, and the pace of asking.
#[derive(Debug)]
pub struct Inquiry {
    pace: Pace,
    phase: Phase,
    questions: Vec<Question>,
    in_flight: Vec<InFlight>,
    next_id: u64,
    pause: Pause,
    budget: TokenBucket,
    tally: Tally,
    last_error: Option<String>,
}

impl Inquiry {
    /// Nothing is asked before [`Inquiry::start`]. Equal seeds give equal pauses.
    pub fn new(pace: Pace, seed: u64) -> Self {
        let (first_ns, longest_ns) = pace.pause_ns;
        Self {
            phase: Phase::Down,
            questions: Vec::new(),
            in_flight: Vec::with_capacity(pace.in_flight_max),
            next_id: 1,
            pause: Pause::new(Backoff::new(first_ns, longest_ns, seed)),
            budget: TokenBucket::new(pace.burst, pace.request_ns),
            tally: Tally::default(),
            last_error: None,
            pace,
        }
    }

    /// How far the inquiry is.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// The core has been told everything, so the venue takes orders.
    pub fn is_up(&self) -> bool {
        self.phase == Phase::Up
    }

    /// Children in doubt.
    pub fn pending(&self) -> usize {
        self.questions.len()
    }

    /// Counts since the start.
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    /// The last failure, in words.
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// The link is logged on: starts with the open orders.
    pub const fn start(&mut self) {
        self.phase = Phase::OpenOrders;
    }

    /// The link is gone: answers on their way are void, and all questions are asked anew after the
    /// next logon.
    pub fn stop(&mut self) {
        self.phase = Phase::Down;
        self.in_flight.clear();
        for question in &mut self.questions {
            *question = Question { stage: Stage::Order, is_asked: false, due_ns: 0, ..*question };
        }
    }

    /// Puts a child on the list of questions, unless it is there.
    pub fn ask(&mut self, child: ChildId, instrument: InstrumentId) {
        if self.questions.iter().any(|question| question.child == child) {
            return;
        }
        if self.questions.len() >= self.pace.questions_max {
            self.tally.dropped += 1;
            return;
        }
        let stage = Stage::Order;
        let question = Question { child, instrument, stage, due_ns: 0, tries: 0, is_asked: false };
        self.questions.push(question);
    }

    /// Makes the requests that are due.
    pub fn pump(&mut self, now_ns: u64, dialect: &impl Dialect, out: &mut Outbox<Input>) {
        if self.phase == Phase::Down {
            return;
        }
        self.expire(now_ns);
        if now_ns < self.pause.until_ns() {
            return;
        }
        if self.phase == Phase::Questions && self.questions.is_empty() {
            self.phase = Phase::Balances;
        }
        match self.phase {
            Phase::Down => {}
            Phase::OpenOrders => {
                self.send_once(now_ns, Subject::OpenOrders, &Ask::OpenOrders, dialect, out);
            }
            Phase::Balances => {
                self.send_once(now_ns, Subject::Balances, &Ask::Balances, dialect, out);
            }
            Phase::Questions | Phase::Up => self.pump_questions(now_ns, dialect, out),
        }
    }

    fn pump_questions(&mut self, now_ns: u64, dialect: &impl Dialect, out: &mut Outbox<Input>) {
        let mut at = 0;
        while self.in_flight.len() < self.pace.in_flight_max && at < self.questions.len() {
            let Question { child, instrument, stage, due_ns, is_asked, .. } = self.questions[at];
            if !dialect.is_listed(instrument) {
                // The child cannot have been sent, since the instrument has no name at the venue.
                self.tally.unlisted += 1;
                self.questions.remove(at);
                continue;
            }
            if !is_asked && due_ns <= now_ns {
                let ask = match stage {
                    Stage::Order => Ask::Order { child, instrument },
                    Stage::Trades { state, from, .. } => {
                        Ask::Trades { instrument, order: state.order, from }
                    }
                };
                if !self.send_once(now_ns, Subject::Child(child), &ask, dialect, out) {
                    return;
                }
                self.questions[at].is_asked = true;
            }
            at += 1;
        }
    }

    /// Sends the request unless one about the same is on its way; false when the pace forbids it.
    fn send_once(
        &mut self,
        now_ns: u64,
        subject: Subject,
        ask: &Ask,
        dialect: &impl Dialect,
        out: &mut Outbox<Input>,
    ) -> bool {
        if self.in_flight.iter().any(|sent| sent.subject == subject) {
            return true;
        }
        if !self.budget.take(now_ns) {
            return false;
        }
        let id = self.next_id;
        self.next_id += 1;
        self.in_flight.push(InFlight { id, subject, sent_ns: now_ns });
        out.http(dialect.request(ask, id, now_ns));
        true
    }

    fn expire(&mut self, now_ns: u64) {
        let timeout_ns = self.pace.answer_timeout_ns;
        let late = |sent: &InFlight| now_ns >= sent.sent_ns.saturating_add(timeout_ns);
        while let Some(at) = self.in_flight.iter().position(late) {
            let sent = self.in_flight.remove(at);
            self.failed(now_ns, sent.subject, &Refused { error: "no answer", pause_ns: None });
        }
    }

    fn failed(&mut self, now_ns: u64, subject: Subject, refused: &Refused<impl Display>) {
        self.tally.failures += 1;
        self.last_error = Some(refused.error.to_string());
        self.pause.failed(now_ns, refused.pause_ns);
        if let Subject::Child(child) = subject {
            self.with(child, |question| question.is_asked = false);
        }
    }

    fn with<T>(&mut self, child: ChildId, act: impl FnOnce(&mut Question) -> T) -> Option<T> {
        self.questions.iter_mut().find(|question| question.child == child).map(act)
    }

    /// Takes an answer. An unknown id belongs to a request that was given up.
    pub fn on_http(
        &mut self,
        now_ns: u64,
        id: u64,
        response: Option<&HttpResponse>,
        dialect: &mut impl Dialect,
        out: &mut Outbox<Input>,
    ) {
        let Some(at) = self.in_flight.iter().position(|sent| sent.id == id) else { return };
        let sent = self.in_flight.remove(at);
        let result = match sent.subject {
            Subject::OpenOrders => self.on_open_orders(response, dialect, out),
            Subject::Balances => self.on_balances(response, dialect, out),
            Subject::Child(child) => {
                self.on_answer((now_ns, sent.sent_ns), child, response, dialect, out)
            }
        };
        match result {
            Ok(()) => self.pause.succeeded(),
            Err(refused) => self.failed(now_ns, sent.subject, &refused),
        }
        self.pump(now_ns, dialect, out);
    }

    /// An open order without trades is answered by the list itself. One with trades needs them.
    fn on_open_orders<D: Dialect>(
        &mut self,
        response: Option<&HttpResponse>,
        dialect: &mut D,
        out: &mut Outbox<Input>,
    ) -> Result<(), Refused<D::Error>> {
        let found = dialect.open_orders(response)?;
        self.tally.others += found.others;
        self.tally.unlisted += found.unlisted;
        for (child, instrument, state) in found.ours {
            if state.filled.is_zero() && state.fate == Fate::Open {
                self.conclude(child, state, dialect, out);
                continue;
            }
            self.ask(child, instrument);
            self.with(child, |question| question.stage = Stage::trades(state));
        }
        self.phase = Phase::Questions;
        Ok(())
    }

    fn on_balances<D: Dialect>(
        &mut self,
        response: Option<&HttpResponse>,
        dialect: &D,
        out: &mut Outbox<Input>,
    ) -> Result<(), Refused<D::Error>> {
        let totals = dialect.balances(response)?;
        if !self.questions.is_empty() {
            // A child came into doubt meanwhile. Its fills must reach the core before the balances
            // that contain them.
            self.phase = Phase::Questions;
            return Ok(());
        }
        let venue = dialect.venue();
        for (asset, total) in totals {
            out.emit(Input::Balance { venue, asset, total });
        }
        out.emit(Input::VenueUp(venue));
        self.phase = Phase::Up;
        Ok(())
    }

    fn on_answer<D: Dialect>(
        &mut self,
        (now_ns, sent_ns): (u64, u64),
        child: ChildId,
        response: Option<&HttpResponse>,
        dialect: &mut D,
        out: &mut Outbox<Input>,
    ) -> Result<(), Refused<D::Error>> {
        let Some(question) = self.with(child, |question| {
            question.is_asked = false;
            *question
        }) else {
            return Ok(());
        };
        match question.stage {
            Stage::Order => match dialect.order(child, question.instrument, response)? {
                None => self.on_absence((now_ns, sent_ns), child, dialect, out),
                Some(state) if state.filled.is_zero() => self.conclude(child, state, dialect, out),
                Some(state) => {
                    self.with(child, |question| question.stage = Stage::trades(state));
                }
            },
            Stage::Trades { state, .. } => {
                let page = dialect.trades(question.instrument, state.order, response)?;
                self.on_trades(now_ns, &question, &page, dialect, out);
            }
        }
        Ok(())
    }

    /// The venue does not know the child.
    fn on_absence(
        &mut self,
        (now_ns, sent_ns): (u64, u64),
        child: ChildId,
        dialect: &mut impl Dialect,
        out: &mut Outbox<Input>,
    ) {
        let certain_ns = dialect.certain_ns(child);
        if proves_never_arrived(sent_ns, certain_ns, dialect.is_shown(child)) {
            self.tally.never_arrived += 1;
            let (order, fate) = (VenueOrderId::default(), Fate::NeverArrived);
            self.conclude(child, OrderState { order, fate, filled: Qty::ZERO }, dialect, out);
        } else {
            self.ask_again(now_ns, child, Some(certain_ns));
        }
    }

    fn ask_again(&mut self, now_ns: u64, child: ChildId, certain_ns: Option<u64>) {
        let retry = self.pace.retry;
        self.with(child, |question| {
            question.due_ns = retry.due_ns(now_ns, question.tries, certain_ns);
            question.tries = question.tries.saturating_add(1);
        });
    }

    fn on_trades(
        &mut self,
        now_ns: u64,
        question: &Question,
        page: &TradePage,
        dialect: &mut impl Dialect,
        out: &mut Outbox<Input>,
    ) {
        let Stage::Trades { state, mut found, pages, .. } = question.stage else { return };
        let Question { child, instrument, .. } = *question;
        for trade in &page.trades {
            self.tally.unknown_fee_assets += u64::from(!trade.is_fee_known);
            found = found.checked_add(trade.qty).unwrap_or(Qty(i64::MAX));
            out.emit(Input::ChildFill(trade.fill(dialect.venue(), child, instrument)));
        }
        if page.next.is_some() && pages < TRADE_PAGES_MAX {
            let stage = Stage::Trades { state, found, from: page.next, pages: pages + 1 };
            self.with(child, |question| question.stage = stage);
            return;
        }
        // The trades of an order may appear after its state, and its state may be older than the
        // trades.
        let complete = match state.fate {
            Fate::Open => found >= state.filled,
            _ => found == state.filled,
        };
        if complete {
            self.conclude(child, OrderState { filled: found, ..state }, dialect, out);
        } else {
            self.with(child, |question| question.stage = Stage::Order);
            self.ask_again(now_ns, child, None);
        }
    }

    /// Tells the core the child's fate, and takes the question off the list.
    fn conclude(
        &mut self,
        child: ChildId,
        state: OrderState,
        dialect: &mut impl Dialect,
        out: &mut Outbox<Input>,
    ) {
        self.questions.retain(|question| question.child != child);
        let (venue, fate, filled) = (dialect.venue(), state.fate, state.filled);
        out.emit(Input::ChildFate { venue, child, fate, filled });
        dialect.concluded(child, &state);
    }

    /// When [`Inquiry::pump`] may have something to do next.
    pub fn next_timer_ns(&self) -> Option<u64> {
        let timeout_ns = self.pace.answer_timeout_ns;
        let late = self.in_flight.iter().map(|sent| sent.sent_ns.saturating_add(timeout_ns)).min();
        // A free token is due at once, whatever the time is.
        let free = self.pause.until_ns().max(self.budget.due_ns(0));
        let next = match self.phase {
            Phase::Down => return None,
            Phase::OpenOrders | Phase::Balances => self.in_flight.is_empty().then_some(free),
            Phase::Questions if self.questions.is_empty() => Some(free),
            Phase::Questions | Phase::Up => {
                let has_room = self.in_flight.len() < self.pace.in_flight_max;
                let idle = self.questions.iter().filter(|question| !question.is_asked);
                idle.map(|question| question.due_ns.max(free)).min().filter(|_| has_room)
            }
        };
        [late, next].into_iter().flatten().min()
    }
}

impl Trade {
    fn fill(&self, venue: VenueId, child: ChildId, instrument: InstrumentId) -> ChildFill {
        ChildFill {
            venue,
            child,
            instrument,
            side: self.side,
            exec: self.exec,
            qty: self.qty,
            price: self.price,
            fee: self.fee,
            fee_asset: self.fee_asset,
            liquidity: self.liquidity,
        }
    }
}
