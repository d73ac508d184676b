//! Finds out over REST what became of children: after a logon for all that are asked about, later
//! for single ones.
//!
//! A line belongs here if it decides what to ask next and what the answers add up to. What an
//! answer says is `rest`.
//!
//! After a logon: open orders, then every child asked about (order, then its trades), then
//! balances, then up. The FIX session is on before the first question, so what happens between two
//! answers is pushed.

use rutter_core::id::{AssetId, ChildId, ExecId, InstrumentId, VenueId};
use rutter_core::input::{ChildFill, Fate, Input};
use rutter_core::number::Qty;
use rutter_transport::machine::{HttpResponse, Outbox};

use super::children::Children;
use super::rest::{self, Ask, OrderState, RestError, TRADES_PER_PAGE, Trade};
use crate::backoff::Backoff;
use crate::ids;
use crate::listing::{Assets, Listings};
use crate::signing::Ed25519Signer;
use rutter_transport::secret::Secret;

const MS: u64 = 1_000_000;
/// Children asked about at once; as many as are remembered.
pub(super) const QUESTIONS_MAX: usize = super::children::CHILDREN_MAX;
/// Requests on their way at once.
const IN_FLIGHT_MAX: usize = 4;
/// A request without an answer for so long is made again.
const REST_TIMEOUT_NS: u64 = 10_000 * MS;
/// First and longest pause after a failure.
const REST_BACKOFF_NS: (u64, u64) = (200 * MS, 10_000 * MS);
/// Pause after 429, and after 418, which is a ban that asking prolongs.
const RATE_PAUSE_NS: (u64, u64) = (10_000 * MS, 120_000 * MS);
/// Added to the receive window: one second that our clock may be ahead, and the time from the
/// venue's door to its books.
const WINDOW_MARGIN_NS: u64 = 3_000 * MS;
/// An order that is not (or not wholly) to be found yet is asked about again after so long,
/// doubling up to the second.
const ASK_AGAIN_NS: (u64, u64) = (500 * MS, 8_000 * MS);
/// Pages of trades of one order.
const TRADE_PAGES_MAX: u32 = 100;
/// Requests that may be made at once after a pause, and the gap in which one more is earned.
/// 1,100 requests of weight 5 a minute stay below the venue's 6,000.
const BURST: u64 = 100;
const GAP_NS: u64 = 60 * MS;

/// How far the reconciliation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Not logged on: nothing is asked.
    Down,
    /// Waiting for the open orders.
    OpenOrders,
    /// Waiting for single children.
    Questions,
    /// Waiting for the balances.
    Account,
    /// All told.
    Up,
}

/// What is known so far of a child asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Order,
    Trades { state: OrderState, found: Qty, from_id: Option<u64>, pages: u32 },
}

#[derive(Clone, Copy, Debug)]
struct Question {
    child: ChildId,
    instrument: InstrumentId,
    stage: Stage,
    due_ns: u64,
    tries: u32,
    busy: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Subject {
    OpenOrders,
    Account,
    Child(ChildId),
}

#[derive(Clone, Copy, Debug)]
struct InFlight {
    id: u64,
    subject: Subject,
    sent_ns: u64,
}

/// What asking needs to know.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub venue: VenueId,
    pub node_tag: u32,
    pub listings: &'a Listings,
    pub assets: &'a Assets,
    pub fallback_asset: AssetId,
    pub signer: &'a Ed25519Signer,
    pub api_key: &'a Secret,
    pub recv_window_ns: u64,
    /// When the FIX connection was made.
    pub connected_ns: u64,
}

/// Counts of what went wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub failures: u64,
    pub dropped: u64,
    pub others: u64,
    pub unlisted: u64,
    pub unknown_fee_assets: u64,
    pub never_arrived: u64,
}

/// Questions, requests on their way and the pace of asking.
#[derive(Debug)]
pub(super) struct Reconciler {
    phase: Phase,
    questions: Vec<Question>,
    in_flight: Vec<InFlight>,
    next_id: u64,
    backoff: Backoff,
    pause_until_ns: u64,
    tokens: u64,
    earned_ns: u64,
    pub tally: Tally,
    pub last_error: Option<RestError>,
}

impl Reconciler {
    pub fn new(seed: u64) -> Self {
        Self {
            phase: Phase::Down,
            questions: Vec::new(),
            in_flight: Vec::with_capacity(IN_FLIGHT_MAX),
            next_id: 1,
            backoff: Backoff::new(REST_BACKOFF_NS.0, REST_BACKOFF_NS.1, seed),
            pause_until_ns: 0,
            tokens: BURST,
            earned_ns: 0,
            tally: Tally::default(),
            last_error: None,
        }
    }

    pub const fn phase(&self) -> Phase {
        self.phase
    }

    pub fn is_up(&self) -> bool {
        self.phase == Phase::Up
    }

    /// Children asked about and not answered.
    pub fn pending(&self) -> usize {
        self.questions.len()
    }

    /// Logged on: starts with the open orders.
    pub fn start(&mut self) {
        self.phase = Phase::OpenOrders;
    }

    /// The link is gone: answers on their way are void, questions wait for the next logon.
    pub fn stop(&mut self) {
        self.phase = Phase::Down;
        self.in_flight.clear();
        for question in &mut self.questions {
            *question = Question { stage: Stage::Order, busy: false, due_ns: 0, ..*question };
        }
    }

    /// Puts a child on the list, unless it is there.
    pub fn ask(&mut self, child: ChildId, instrument: InstrumentId) {
        if self.questions.iter().any(|question| question.child == child) {
            return;
        }
        if self.questions.len() >= QUESTIONS_MAX {
            self.tally.dropped += 1;
            return;
        }
        let stage = Stage::Order;
        let question = Question { child, instrument, stage, due_ns: 0, tries: 0, busy: false };
        self.questions.push(question);
    }

    /// Makes the requests that are due.
    pub fn pump(&mut self, now_ns: u64, context: &Context<'_>, out: &mut Outbox<Input>) {
        if self.phase == Phase::Down {
            return;
        }
        self.expire(now_ns);
        if now_ns < self.pause_until_ns {
            return;
        }
        if self.phase == Phase::Questions && self.questions.is_empty() {
            self.phase = Phase::Account;
        }
        match self.phase {
            Phase::Down => {}
            Phase::OpenOrders => {
                self.send_once(now_ns, Subject::OpenOrders, Ask::OpenOrders, context, out);
            }
            Phase::Account => {
                self.send_once(now_ns, Subject::Account, Ask::Account, context, out);
            }
            Phase::Questions | Phase::Up => self.pump_questions(now_ns, context, out),
        }
    }

    fn pump_questions(&mut self, now_ns: u64, context: &Context<'_>, out: &mut Outbox<Input>) {
        let mut at = 0;
        while self.in_flight.len() < IN_FLIGHT_MAX && at < self.questions.len() {
            let question = self.questions[at];
            let Some(listing) = context.listings.instrument(question.instrument) else {
                // Cannot be asked about, for it has no name there; it cannot have been sent.
                self.tally.unlisted += 1;
                self.questions.remove(at);
                continue;
            };
            if !question.busy && question.due_ns <= now_ns {
                let symbol = listing.symbol.as_str();
                let ask = match question.stage {
                    Stage::Order => {
                        Ask::Order { symbol, id: ids::dashed(context.node_tag, question.child) }
                    }
                    Stage::Trades { state, from_id, .. } => {
                        Ask::Trades { symbol, order_id: state.order_id, from_id }
                    }
                };
                let subject = Subject::Child(question.child);
                if !self.send_once(now_ns, subject, ask, context, out) {
                    return;
                }
                self.questions[at].busy = true;
            }
            at += 1;
        }
    }

    /// Sends unless the same is on its way; false when the pace forbids it.
    fn send_once(
        &mut self,
        now_ns: u64,
        subject: Subject,
        ask: Ask<'_>,
        context: &Context<'_>,
        out: &mut Outbox<Input>,
    ) -> bool {
        if self.in_flight.iter().any(|sent| sent.subject == subject) {
            return true;
        }
        if !self.take_token(now_ns) {
            return false;
        }
        let id = self.next_id;
        self.next_id += 1;
        self.in_flight.push(InFlight { id, subject, sent_ns: now_ns });
        out.http(rest::request(ask, id, now_ns, context.signer, context.api_key));
        true
    }

    fn take_token(&mut self, now_ns: u64) -> bool {
        let earned = now_ns.saturating_sub(self.earned_ns) / GAP_NS;
        if self.tokens + earned >= BURST {
            self.tokens = BURST;
            self.earned_ns = now_ns;
        } else {
            self.tokens += earned;
            self.earned_ns += earned * GAP_NS;
        }
        if self.tokens == 0 {
            return false;
        }
        self.tokens -= 1;
        true
    }

    fn expire(&mut self, now_ns: u64) {
        while let Some(at) = self
            .in_flight
            .iter()
            .position(|sent| now_ns >= sent.sent_ns.saturating_add(REST_TIMEOUT_NS))
        {
            let sent = self.in_flight.remove(at);
            self.failed(now_ns, sent.subject, RestError::NoAnswer);
        }
    }

    fn failed(&mut self, now_ns: u64, subject: Subject, error: RestError) {
        self.tally.failures += 1;
        self.last_error = Some(error);
        let pause = match error {
            RestError::RateLimited(418) => RATE_PAUSE_NS.1,
            RestError::RateLimited(_) => RATE_PAUSE_NS.0,
            _ => self.backoff.next_ns(),
        };
        self.pause_until_ns = self.pause_until_ns.max(now_ns.saturating_add(pause));
        if let Subject::Child(child) = subject {
            self.with(child, |question| question.busy = false);
        }
    }

    fn with<T>(&mut self, child: ChildId, act: impl FnOnce(&mut Question) -> T) -> Option<T> {
        self.questions.iter_mut().find(|question| question.child == child).map(act)
    }

    /// Takes an answer. An id that is not on its way is an answer given up long ago.
    pub fn on_http(
        &mut self,
        now_ns: u64,
        id: u64,
        response: Option<&HttpResponse>,
        context: &Context<'_>,
        children: &mut Children,
        out: &mut Outbox<Input>,
    ) {
        let Some(at) = self.in_flight.iter().position(|sent| sent.id == id) else { return };
        let sent = self.in_flight.remove(at);
        let result = match sent.subject {
            Subject::OpenOrders => self.on_open_orders(response, context, children, out),
            Subject::Account => self.on_account(response, context, out),
            Subject::Child(child) => {
                let asked = (now_ns, sent.sent_ns, child);
                self.on_answer(asked, response, context, children, out)
            }
        };
        match result {
            Ok(()) => self.backoff.reset(),
            Err(error) => self.failed(now_ns, sent.subject, error),
        }
        self.pump(now_ns, context, out);
    }

    /// An open order without trades is answered by the list itself; one with trades needs them.
    fn on_open_orders(
        &mut self,
        response: Option<&HttpResponse>,
        context: &Context<'_>,
        children: &mut Children,
        out: &mut Outbox<Input>,
    ) -> Result<(), RestError> {
        let found = rest::open_orders(response, context.node_tag, context.listings)?;
        self.tally.others += found.others;
        self.tally.unlisted += found.unlisted;
        for (child, listing, state) in found.ours {
            if state.filled.is_zero() && state.fate == Fate::Open {
                self.tell(child, state, context, children, out);
                continue;
            }
            self.ask(child, listing.instrument);
            let stage = Stage::Trades { state, found: Qty::ZERO, from_id: None, pages: 0 };
            self.with(child, |question| question.stage = stage);
        }
        self.phase = Phase::Questions;
        Ok(())
    }

    fn on_account(
        &mut self,
        response: Option<&HttpResponse>,
        context: &Context<'_>,
        out: &mut Outbox<Input>,
    ) -> Result<(), RestError> {
        let totals = rest::balances(response, context.assets)?;
        if !self.questions.is_empty() {
            // Somebody asked meanwhile: what the answer brings comes before the balances.
            self.phase = Phase::Questions;
            return Ok(());
        }
        let venue = context.venue;
        for (asset, total) in totals {
            out.emit(Input::Balance { venue, asset, total });
        }
        out.emit(Input::VenueUp(venue));
        self.phase = Phase::Up;
        Ok(())
    }

    fn on_answer(
        &mut self,
        (now_ns, sent_ns, child): (u64, u64, ChildId),
        response: Option<&HttpResponse>,
        context: &Context<'_>,
        children: &mut Children,
        out: &mut Outbox<Input>,
    ) -> Result<(), RestError> {
        let Some(question) = self.with(child, |question| {
            question.busy = false;
            *question
        }) else {
            return Ok(());
        };
        let listing = context.listings.instrument(question.instrument).ok_or(RestError::Symbol)?;
        match question.stage {
            Stage::Order => match rest::order(response, listing, (context.node_tag, child))? {
                None => self.not_found((now_ns, sent_ns, child), context, children, out),
                Some(state) if state.filled.is_zero() => {
                    self.tell(child, state, context, children, out);
                }
                Some(state) => {
                    let stage = Stage::Trades { state, found: Qty::ZERO, from_id: None, pages: 0 };
                    self.with(child, |question| question.stage = stage);
                }
            },
            Stage::Trades { state, .. } => {
                let trades = rest::trades(response, listing, state.order_id, context.assets)?;
                self.on_trades(now_ns, &question, &trades, context, children, out);
            }
        }
        Ok(())
    }

    /// The venue does not know it. That is an answer only if it can no longer arrive, and if the
    /// venue has never shown that it does know it.
    fn not_found(
        &mut self,
        (now_ns, sent_ns, child): (u64, u64, ChildId),
        context: &Context<'_>,
        children: &mut Children,
        out: &mut Outbox<Input>,
    ) {
        let entry = children.get(child);
        let left_ns = entry.and_then(|entry| entry.sent_ns).unwrap_or(context.connected_ns);
        let over_ns =
            left_ns.saturating_add(context.recv_window_ns).saturating_add(WINDOW_MARGIN_NS);
        if sent_ns >= over_ns && !entry.is_some_and(|entry| entry.seen) {
            self.tally.never_arrived += 1;
            let state = OrderState { order_id: 0, fate: Fate::NeverArrived, filled: Qty::ZERO };
            self.tell(child, state, context, children, out);
            return;
        }
        self.ask_again(now_ns, child, over_ns);
    }

    /// Puts a question off: later each time, but not beyond `latest_ns` if that is to come.
    fn ask_again(&mut self, now_ns: u64, child: ChildId, latest_ns: u64) {
        self.with(child, |question| {
            let wait = ASK_AGAIN_NS.0.saturating_mul(1 << question.tries.min(10));
            question.tries = question.tries.saturating_add(1);
            question.due_ns = now_ns.saturating_add(wait.min(ASK_AGAIN_NS.1));
            if latest_ns > now_ns {
                question.due_ns = question.due_ns.min(latest_ns);
            }
        });
    }

    fn on_trades(
        &mut self,
        now_ns: u64,
        question: &Question,
        trades: &[Trade],
        context: &Context<'_>,
        children: &mut Children,
        out: &mut Outbox<Input>,
    ) {
        let Stage::Trades { state, mut found, pages, .. } = question.stage else { return };
        let child = question.child;
        for trade in trades {
            self.tally.unknown_fee_assets += u64::from(trade.fee_asset.is_none());
            found = found.checked_add(trade.qty).unwrap_or(Qty(i64::MAX));
            out.emit(Input::ChildFill(ChildFill {
                venue: context.venue,
                child,
                instrument: question.instrument,
                side: trade.side,
                exec: ExecId(u128::from(trade.id)),
                qty: trade.qty,
                price: trade.price,
                fee: trade.fee,
                fee_asset: trade.fee_asset.unwrap_or(context.fallback_asset),
                liquidity: trade.liquidity,
            }));
        }
        if let Some(last) = trades.last()
            && trades.len() >= TRADES_PER_PAGE
            && pages < TRADE_PAGES_MAX
        {
            let from_id = last.id.checked_add(1);
            let stage = Stage::Trades { state, found, from_id, pages: pages + 1 };
            self.with(child, |question| question.stage = stage);
            return;
        }
        // The trades of an order may show up after its state, or the state be older than they.
        let complete = match state.fate {
            Fate::Open => found >= state.filled,
            _ => found == state.filled,
        };
        if complete {
            let state = OrderState { filled: found, ..state };
            self.tell(child, state, context, children, out);
        } else {
            self.with(child, |question| question.stage = Stage::Order);
            self.ask_again(now_ns, child, 0);
        }
    }

    /// Tells the core, and takes the question off the list.
    fn tell(
        &mut self,
        child: ChildId,
        state: OrderState,
        context: &Context<'_>,
        children: &mut Children,
        out: &mut Outbox<Input>,
    ) {
        self.questions.retain(|question| question.child != child);
        out.emit(Input::ChildFate {
            venue: context.venue,
            child,
            fate: state.fate,
            filled: state.filled,
        });
        if state.fate != Fate::Open {
            children.end(child);
        } else if let Some(entry) = children.get_mut(child) {
            entry.seen = true;
            entry.new_seq = None;
            entry.venue_order = Some(state.order_id);
        }
    }

    /// When [`Reconciler::pump`] may have something to do next.
    pub fn next_timer_ns(&self) -> Option<u64> {
        if self.phase == Phase::Down {
            return None;
        }
        let timeout =
            self.in_flight.iter().map(|sent| sent.sent_ns.saturating_add(REST_TIMEOUT_NS)).min();
        let room = self.in_flight.len() < IN_FLIGHT_MAX;
        let paced = if self.tokens == 0 { self.earned_ns + GAP_NS } else { 0 };
        let free = self.pause_until_ns.max(paced);
        let next = match self.phase {
            Phase::Down => None,
            Phase::OpenOrders | Phase::Account => self.in_flight.is_empty().then_some(free),
            Phase::Questions if self.questions.is_empty() => Some(free),
            Phase::Questions | Phase::Up => {
                let idle = self.questions.iter().filter(|question| !question.busy);
                idle.map(|question| question.due_ns.max(free)).min().filter(|_| room)
            }
        };
        [timeout, next].into_iter().flatten().min()
    }
}
