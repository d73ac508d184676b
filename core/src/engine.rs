//! The engine: one closed enum of inputs, and one `match` that chooses who handles each.
//!
//! A line belongs here if it is state of the whole engine or chooses who handles an input.
//! `clients`, `replace`, `mass` and `disconnect` handle clients; `operator` handles operators;
//! `venues` handles news from venues, `breakers` what their refusals close, `spend` their
//! budgets, `behaved` what is remembered of them; `bridged` handles what goes over a bridge, and
//! `convert` converts it; `market` handles books, reference data and time;
//! `price` handles reference prices; `place` handles children; `preview` answers what would become
//! of an order; `wake` handles orders that wait, `worked` orders that rest and take elsewhere,
//! `places` where orders rest, `posted` orders that rest at the touch; `reduce` handles children
//! that get less quantity in their place; `strategies` keeps the terms of strategies; `fees` finds
//! the tiers of fees; `shared` puts orders that wait into one child, `shared_news` handles news
//! about it, `shared_rest` lets an order leave one that rests; `resolve` handles children whose
//! venue does not tell their outcome.

mod behaved;
mod breakers;
mod bridged;
mod clients;
mod convert;
mod disconnect;
pub mod fees;
mod market;
mod mass;
mod operator;
mod own;
mod own_waits;
mod place;
mod places;
mod posted;
mod preview;
mod price;
mod reduce;
mod replace;
mod resolve;
mod shared;
mod shared_news;
mod shared_rest;
mod spend;
mod strategies;
mod venues;
mod wake;
mod worked;

use core::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use crate::book::Book;
use crate::bridge::{Bridging, Exposure};
use crate::child::Child;
use crate::client_ids::ClientIds;
use crate::executions::Executions;
use crate::hash::Rolling;
use crate::heard::Heard;
use crate::id::{AccountId, ChildId, InstrumentId, OrderId, SessionId, VenueId};
use crate::input::{CancelOnDisconnect, Genesis, Header, Input, Scope};
use crate::ledger::Ledger;
use crate::listed::Books;
use crate::number::{Qty, UnixNanos};
use crate::order::Order;
use crate::output::{Notice, Output, Sink};
use crate::own_orders::{OwnOrders, OwnPlaces};
use crate::reference::Reference;
use crate::reference_price::ReferencePrice;
use crate::resident::resident;
use crate::resting::RestingOrders;
use crate::risk::AccountUsage;
use crate::routing::{Router, RoutingView, VenueState};
use crate::scopes::Scopes;
use crate::self_match::SelfMatches;
use crate::strategy::{Strategy, StrategyTerms};
use crate::table::{Ring, Slot};
use crate::touches::Touches;
use crate::venue_set::VenueSet;
use crate::waiting::WaitingOrders;

/// Bounds of the table sizes that a [`Genesis`] may ask for (base-2 logarithms).
pub const TABLE_LOG2_RANGE: core::ops::RangeInclusive<u8> = 4..=26;

/// Routing rounds of an order at most. Then it waits for the timer, or its rest is cancelled.
pub const ROUNDS_MAX: u8 = 16;

/// Living children of an order at most. What they do not carry waits.
pub const CHILDREN_PER_ORDER_MAX: u16 = 64;

/// Orders that share a child at most.
pub const SHARERS_MAX: usize = 64;

/// How often a resting order may lose a child that it shares in a time of [`MOVE_WINDOW_NS`],
/// unless for its own sake. Then it rests alone.
pub const REGROUPS_PER_WINDOW_MAX: u32 = 3;

/// How long a venue that did not fill what its book showed gets nothing of the order while the book
/// does not change, in nanoseconds.
pub const FADED_NS: u64 = 1_000_000_000;

/// A feed that breaks its protocol takes all its books; distrust within this time is one fault, in
/// nanoseconds.
pub const ONE_FAULT_NS: u64 = 1_000_000_000;

/// Cancels sent for one child at most, counted from when the cancel was last wanted.
pub const CANCELS_MAX: u8 = 8;

/// Amends sent for one child at most. A later reduction calls the child back. Venues have limits of
/// their own: 10 in the documents of one.
pub const AMENDS_MAX: u8 = 10;

/// Children of one venue that have ended, are open there all the same, and wait for room for their
/// cancels, at most. The cancel of one more is sent at once, whatever the venue's limits.
pub const STRAYS_MAX: usize = 16;

/// How long a child's outcome must have been unknown before an operator may resolve the child, in
/// nanoseconds.
pub const RESOLVE_AFTER_NS: u64 = 60_000_000_000;

/// Time until a venue whose answer has settled nothing is queried about the child again, in
/// nanoseconds. Each further one is twice as long.
pub const QUERY_AGAIN_NS: u64 = 1_000_000_000;

/// The longest such time, in nanoseconds.
pub const QUERY_AGAIN_MAX_NS: u64 = 300_000_000_000;

/// Ends of orders that one input looks at at most; the others are next, at once.
pub const ENDS_PER_INPUT_MAX: usize = 256;

/// Queries that one input sends at most; the others are next, at once.
pub const QUERIES_PER_INPUT_MAX: usize = 256;

/// Waiting orders that one input looks at again at most; the others are next.
pub const WOKEN_PER_INPUT_MAX: usize = 64;

/// Resting orders whose places one input looks at at most; the others are next.
pub const PLACES_PER_INPUT_MAX: usize = 64;

/// Our own children that one public trade looks at: those with the best prices of the side that
/// rested, the oldest first among equals. The trade brings forward those at its price. The others
/// keep what is known of their places, which is then too far back.
pub const FORWARD_PER_TRADE_MAX: usize = 16;
/// Waiting orders that one input passes at most, with those that it looks at: the venues where an
/// order may go are full. The others are next.
pub const PASSED_OVER_PER_INPUT_MAX: usize = 4_096;

/// Resting orders that one input looks at at most, for what other venues offer; the others are
/// next.
pub const WORKED_PER_INPUT_MAX: usize = 16;

/// How long a resting order is not looked at again after a look, in nanoseconds.
pub const HOLD_NS: u64 = 1_000_000_000;

/// Moves of an order at most in a time of [`MOVE_WINDOW_NS`].
pub const MOVES_PER_WINDOW_MAX: u32 = 6;

/// Own resting children that a look at one side of a book goes through at most. One beyond them
/// stands in the way.
pub const OWN_LOOKED_AT_MAX: usize = 256;

/// Own resting children that are called back at most in one look of the order that they make way
/// for; the others are next.
pub const OWN_CALLED_BACK_MAX: usize = 16;

/// How often a resting order makes way for orders of other owners at most in a time of
/// [`MOVE_WINDOW_NS`]. Then the others wait.
pub const YIELDS_PER_WINDOW_MAX: u32 = 60;

/// The time in which moves of an order are counted: one minute, in nanoseconds.
pub const MOVE_WINDOW_NS: u64 = 60_000_000_000;

/// Plans that one look at an order makes at most: several children rest where one venue does not
/// take all.
pub const PLANS_PER_LOOK_MAX: u8 = 8;

/// How often one exposure is tried to be converted at most: once in this time, in nanoseconds.
pub const CONVERT_PAUSE_NS: u64 = 100_000_000;

/// When a conversion is tried again at the latest, in nanoseconds. What is below the smallest order
/// of each venue is not.
pub const CONVERT_RETRY_NS: u64 = 1_000_000_000;

/// How old what is not converted becomes without an alert, in nanoseconds.
pub const EXPOSURE_ALARM_NS: u64 = 60_000_000_000;

/// Pause until the next part of the waiting orders that are due, in nanoseconds.
pub const WAKE_PAUSE_NS: u64 = 10_000_000;

/// The same pause while each order that is looked at goes, in nanoseconds.
pub const FLOW_PAUSE_NS: u64 = 1_000_000;

/// Time between two looks at orders that only time helps, in nanoseconds.
pub const RETRY_NS: u64 = 100_000_000;

/// Time between two looks at all waiting orders, whatever has happened, in nanoseconds.
pub const RECHECK_NS: u64 = 60_000_000_000;

const DAY_NS: u64 = 86_400_000_000_000;

/// The engine's state of a client session.
#[derive(Clone, Copy, Debug, Default)]
struct ClientSession {
    up: bool,
    /// What becomes of its orders when its connection is lost.
    choice: CancelOnDisconnect,
    /// When the loss of its connection takes effect; `None` while connected or after that.
    loss_due: Option<UnixNanos>,
    /// Our Logout was sent, or is about to be, and the client has not logged on since.
    logged_out: bool,
    /// An operator has disabled the session.
    disabled: bool,
    /// Number of the last event made for it.
    event: u64,
    /// Highest `MsgSeqNum` (34) of the client that is journaled.
    client_seq: u64,
}

/// Counters since the first record of the journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Number of applied inputs.
    pub inputs: u64,
    /// Number of accepted client orders.
    pub orders: u64,
    /// Number of refused client orders.
    pub refused: u64,
    /// Number of children sent to venues.
    pub children: u64,
    /// Number of booked executions.
    pub fills: u64,
    /// Number of execution reports.
    pub reports: u64,
    /// Executions that came again and were not booked again.
    pub duplicate_fills: u64,
    /// Routing plans whose search hit a bound of work.
    pub bounded_plans: u64,
}

/// The core's whole state, and the only way to change it: [`Engine::apply`].
#[derive(Debug)]
pub struct Engine {
    genesis: Genesis,
    now: UnixNanos,
    digest: Rolling,
    counts: Counts,
    halts: Scopes,
    reduce_only: Scopes,
    /// Venues that an operator has drained.
    drained: VenueSet,
    /// Venues that take no new order: drained or halted.
    closed: VenueSet,
    day_ends_at: UnixNanos,
    reference: Reference,
    books: Books,
    /// Reference prices, by instrument.
    prices: Vec<ReferencePrice>,
    touches: Touches,
    heard: Heard,
    venues: Vec<VenueState>,
    sessions: Vec<ClientSession>,
    accounts: Vec<AccountUsage>,
    ledger: Ledger,
    orders: Ring<Order>,
    /// By slot of the order; meaningful for an order of a strategy that has terms.
    strategy_terms: Vec<StrategyTerms>,
    children: Ring<Child>,
    own: OwnOrders,
    /// By instrument and side.
    own_places: Vec<[OwnPlaces; 2]>,
    client_ids: ClientIds,
    executions: Executions,
    waiting: WaitingOrders,
    resting: RestingOrders,
    /// Orders that rest at the touch, by the touch that concerns them.
    posted: RestingOrders,
    /// Quantity at the same price that stands before a resting child at its venue, at most, by slot
    /// of the table of children.
    ahead: Vec<Qty>,
    /// By slot of the table of children; of use only for a child that rests.
    reductions: Vec<reduce::Reduction>,
    /// By slot of the table of orders.
    self_matches: Vec<SelfMatches>,
    /// What this input has brought to an end for the sake of another order.
    yielded: Option<own::Yielded>,
    /// In this input an instrument's order has got rid of the last child that was called back for
    /// it.
    way_is_clear: Option<InstrumentId>,
    /// Something has happened that can help waiting orders.
    wakes: bool,
    /// When the next part of the due orders is looked at.
    wake_at: Option<UnixNanos>,
    /// When orders are looked at that only time helps.
    retry_at: Option<UnixNanos>,
    /// When a budget has room again, or a pause ends, that orders wait for.
    room_at: Option<UnixNanos>,
    /// When all waiting orders are looked at.
    recheck_at: Option<UnixNanos>,
    /// Ends of good-till-date orders, the next one on top. Entries of orders that are over are
    /// dropped when they come up, or when there is no room.
    expiries: BinaryHeap<Reverse<(UnixNanos, u64)>>,
    /// The lost sessions by their `loss_due`, each once.
    losses: BTreeSet<(UnixNanos, SessionId)>,
    /// Venues whose record of behaviour has changed since it was told.
    behaved: VenueSet,
    /// When such a record is told.
    behaviour_due: UnixNanos,
    /// When a breaker or a pause of a venue has something to do.
    venues_due: Option<UnixNanos>,
    /// Queries that wait after an answer that has settled nothing, the next one on top: when, and
    /// the child. An entry of a child that has another time, or none, is dropped when it comes up.
    queries: BinaryHeap<Reverse<(UnixNanos, u64)>>,
    /// What the tiers of fees depend on, by venue.
    fee_counts: Vec<fees::FeeCount>,
    /// Venues whose fees depend on our volume or on a token.
    fees_watched: VenueSet,
    /// When the fees of those venues are looked at whatever happens.
    fees_due: UnixNanos,
    bridging: Bridging,
    router: Router,
}

/// A [`Genesis`] whose table sizes are out of [`TABLE_LOG2_RANGE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadGenesis;

/// A sink that mixes each output into the digest before it passes the output on.
struct Out<'a, S> {
    sink: &'a mut S,
    digest: &'a mut Rolling,
}

impl<S: Sink> Out<'_, S> {
    #[inline]
    fn put(&mut self, output: &Output) {
        output.mix(self.digest);
        self.sink.output(output);
    }

    fn notice(&mut self, notice: Notice) {
        self.put(&Output::Notice(notice));
    }
}

impl Engine {
    /// An engine for the journal that begins with this genesis. Allocates all its tables, with all
    /// their pages in memory.
    ///
    /// # Errors
    /// [`BadGenesis`] when a size is out of range.
    pub fn new(genesis: &Genesis) -> Result<Self, BadGenesis> {
        let sizes = [genesis.orders_log2, genesis.children_log2, genesis.executions_log2];
        if !sizes.iter().all(|log2| TABLE_LOG2_RANGE.contains(log2)) {
            return Err(BadGenesis);
        }
        let orders = 1 << genesis.orders_log2;
        let mut expiries = BinaryHeap::from(resident(Reverse((UnixNanos(0), 0)), orders));
        expiries.clear();
        let mut queries =
            BinaryHeap::from(resident(Reverse((UnixNanos(0), 0)), 1 << genesis.children_log2));
        queries.clear();
        Ok(Self {
            genesis: *genesis,
            now: UnixNanos(0),
            digest: Rolling::new(u64::from(genesis.node_tag)),
            counts: Counts::default(),
            halts: Scopes::default(),
            reduce_only: Scopes::default(),
            drained: VenueSet::EMPTY,
            closed: VenueSet::EMPTY,
            day_ends_at: UnixNanos(0),
            reference: Reference::default(),
            books: Books::new(),
            prices: Vec::new(),
            touches: Touches::default(),
            heard: Heard::default(),
            venues: Vec::new(),
            sessions: Vec::new(),
            accounts: Vec::new(),
            ledger: Ledger::default(),
            orders: Ring::new(genesis.orders_log2),
            strategy_terms: resident(StrategyTerms::default(), orders),
            children: Ring::new(genesis.children_log2),
            own: OwnOrders::new(1 << genesis.children_log2, genesis.hash_seed),
            own_places: Vec::new(),
            client_ids: ClientIds::new(genesis.orders_log2, genesis.hash_seed),
            executions: Executions::new(genesis.executions_log2, genesis.hash_seed),
            waiting: WaitingOrders::new(orders),
            resting: RestingOrders::new(orders, genesis.hash_seed),
            posted: RestingOrders::new(orders, genesis.hash_seed),
            ahead: resident(Qty::ZERO, 1 << genesis.children_log2),
            reductions: resident(reduce::Reduction::NONE, 1 << genesis.children_log2),
            self_matches: resident(SelfMatches::default(), orders),
            yielded: None,
            way_is_clear: None,
            wakes: false,
            wake_at: None,
            retry_at: None,
            room_at: None,
            recheck_at: None,
            expiries,
            losses: BTreeSet::new(),
            behaved: VenueSet::EMPTY,
            behaviour_due: UnixNanos(u64::MAX),
            venues_due: None,
            queries,
            fee_counts: Vec::new(),
            fees_watched: VenueSet::EMPTY,
            fees_due: UnixNanos(u64::MAX),
            bridging: Bridging::default(),
            router: Router::default(),
        })
    }

    /// Applies one journaled input. The same inputs in the same order give the same outputs and
    /// state, to the bit, on every machine and build.
    ///
    /// # Panics
    /// When a check that always runs fails. That is our own mistake, and stopping is the safe
    /// answer.
    pub fn apply<S: Sink>(&mut self, header: Header, input: &Input, sink: &mut S) {
        self.begin(header);
        sink.input(header, input);
        let mut digest = self.digest;
        digest.word(header.seq);
        let out = &mut Out { sink, digest: &mut digest };
        match input {
            Input::Genesis(_) => out.notice(Notice::BadReference),
            Input::NodeStarted => self.on_node_started(out),
            Input::Tick => self.on_tick(out),
            Input::Asset(_)
            | Input::Instrument(_)
            | Input::Venue(_)
            | Input::BooksOf(_)
            | Input::Budget(_)
            | Input::Amend(_)
            | Input::Listing(_)
            | Input::Account(_)
            | Input::Routing(_)
            | Input::Owner(_)
            | Input::Rest(_)
            | Input::Sharing(_)
            | Input::Bridge(_)
            | Input::Session(_)
            | Input::FeeSchedule(_)
            | Input::FeeTier(_)
            | Input::FeeByTier { .. }
            | Input::AccountFee(_) => self.on_definition(input, out),
            Input::NewOrder(order) => self.on_new_order(order, out),
            Input::Unacceptable(order) => self.on_unacceptable(order, out),
            Input::Cancel(request) => self.on_cancel(request, out),
            Input::Status(request) => self.on_status(request, out),
            Input::Replace(request) => self.on_replace(request, out),
            Input::MassCancel(request) => self.on_mass_cancel(request, out),
            Input::MassStatus(request) => self.on_mass_status(request, out),
            Input::Preview(order) => self.on_preview(order, out),
            Input::Operator(operator) => self.on_operator(operator, out),
            Input::SessionUp(session, choice) => self.on_session_up(*session, *choice),
            Input::SessionDown(session) => self.on_session_down(*session, out),
            Input::LogoutSent(session) => self.on_logout_sent(*session),
            Input::VenueUp(venue) => self.on_venue_up(*venue, out),
            Input::VenueDown(venue, _) => self.on_venue_down(*venue, out),
            Input::ChildAccepted { .. }
            | Input::ChildRejected { .. }
            | Input::ChildFill(_)
            | Input::ChildDone { .. }
            | Input::CancelRejected { .. }
            | Input::ChildAmended { .. }
            | Input::AmendRejected { .. }
            | Input::ChildInDoubt { .. }
            | Input::VenueQueried { .. }
            | Input::ChildFate { .. } => self.on_child_news(input, out),
            Input::Balance { venue, asset, total } => self.on_balance(*venue, *asset, *total, out),
            Input::Book(update) => self.on_book(update, out),
            Input::BookDistrusted { venue, instrument, reason } => {
                self.on_book_distrusted(*venue, *instrument, *reason, out);
            }
            Input::Trade(trade) => self.on_trade(trade, out),
            Input::FeedAlive(venue) => self.on_feed_alive(*venue, out),
        }
        self.look_at_fees(out);
        self.settle_yield(out);
        self.wake_orders(out);
        self.convert_open(out);
        self.put_back(out);
        self.tell_behaviour(out);
        self.digest = digest;
    }

    /// An input begins: its time is the core's.
    #[inline]
    fn begin(&mut self, header: Header) {
        self.now = self.now.max(header.time);
        self.counts.inputs += 1;
        if self.heard.is_due(self.now) {
            self.heard = Heard::of(&self.reference, &self.venues, self.now);
        }
    }

    /// When the next [`Input::Tick`] is due; `None` if none is.
    pub fn next_timer(&self) -> Option<UnixNanos> {
        let day_end = (self.day_ends_at.0 > 0).then_some(self.day_ends_at);
        let expiry = self.expiries.peek().map(|Reverse((at, _))| *at);
        let waiting = [self.wake_at, self.retry_at, self.room_at, self.recheck_at];
        let query = self.queries.peek().map(|Reverse((at, _))| *at);
        let loss = self.losses.first().map(|(at, _)| *at);
        let fees = (self.fees_due.0 < u64::MAX).then_some(self.fees_due);
        let others = [day_end, expiry, loss, self.venues_due, query, fees, self.bridging.retry_at];
        let timers = others
            .into_iter()
            .chain(waiting)
            .chain([self.resting.next_time(), self.posted.next_time()]);
        timers.flatten().min()
    }

    /// Rolling digest over all outputs so far. Equal inputs give an equal digest.
    pub const fn digest(&self) -> u64 {
        self.digest.value()
    }

    /// Digest of the present orders, children, positions, fees and funds.
    pub fn state_digest(&self) -> u64 {
        let mut hash = Rolling::new(1);
        for order in self.orders.iter() {
            hash.pair(order.id.0, order.state() as u64);
            hash.word(order.trace);
            hash.pair(order.filled.0.cast_unsigned(), order.canceled.0.cast_unsigned());
            hash.notional(order.filled_notional);
        }
        for child in self.children.iter() {
            hash.pair(child.id.0, child.state() as u64);
            hash.pair(child.filled.0.cast_unsigned(), child.order.0);
        }
        self.ledger.mix(&mut hash);
        self.bridging.mix(&mut hash);
        hash.value()
    }

    /// The genesis that the engine was made from.
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Counters since the first record of the journal.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// Whether everything is halted.
    pub fn is_halted(&self) -> bool {
        self.halts.has_all()
    }

    /// The scopes in which trading is halted.
    pub fn halts(&self) -> impl Iterator<Item = Scope> {
        self.halts.iter()
    }

    /// The scopes in which only orders that reduce a position are accepted.
    pub fn reduce_only_scopes(&self) -> impl Iterator<Item = Scope> {
        self.reduce_only.iter()
    }

    /// Whether an operator has drained the venue.
    pub const fn is_drained(&self, venue: VenueId) -> bool {
        self.drained.has(venue)
    }

    /// The reference data.
    pub const fn reference(&self) -> &Reference {
        &self.reference
    }

    /// Positions, fees and funds.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// What bridges have bought or sold and not yet converted: one for each account, account of
    /// ours and conversion that a bridge has named.
    pub fn exposures(&self) -> &[Exposure] {
        &self.bridging.exposures
    }

    /// An order that is open, or over and still in the table.
    pub fn order(&self, id: OrderId) -> Option<&Order> {
        self.orders.get(id.0)
    }

    /// A child that is open, or over and still in the table.
    pub fn child(&self, id: ChildId) -> Option<&Child> {
        self.children.get(id.0)
    }

    /// All orders in the table, open or over.
    pub fn orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.iter()
    }

    /// All children in the table, open or over.
    pub fn children(&self) -> impl Iterator<Item = &Child> {
        self.children.iter()
    }

    /// Number of orders that are not over.
    pub fn open_orders(&self) -> usize {
        self.orders.live()
    }

    /// The book of one instrument that a venue account uses; `None` if it is not listed.
    pub fn book(&self, venue: VenueId, instrument: InstrumentId) -> Option<&Book> {
        self.books.get(self.reference.book_at(instrument, venue))
    }

    /// Whether the venue is up.
    pub fn is_up(&self, venue: VenueId) -> bool {
        self.venues.get(venue.index()).is_some_and(|v| v.up)
    }

    /// Number of the last event made for a session.
    pub fn last_event(&self, session: SessionId) -> u64 {
        self.sessions.get(session.index()).map_or(0, |s| s.event)
    }

    /// Highest `MsgSeqNum` of a session that the journal holds.
    pub fn last_client_seq(&self, session: SessionId) -> u64 {
        self.sessions.get(session.index()).map_or(0, |s| s.client_seq)
    }

    /// Copies an order out of the table; [`Engine::store`] puts it back.
    fn load(&self, id: OrderId) -> Option<Order> {
        self.orders.get(id.0).copied()
    }

    /// Checks an order and puts it back. An order that has ended no longer counts as open.
    fn store(&mut self, order: &Order) {
        order.check();
        let Some(slot) = self.orders.get_mut(order.id.0) else { return };
        let was_over = slot.is_over();
        *slot = *order;
        if !was_over {
            self.check_out(order);
        }
    }

    /// Stops counting an order as open if it is over.
    fn check_out(&mut self, order: &Order) {
        if order.is_over() {
            let slot = self.orders.slot(order.id.0);
            self.waiting.remove(slot);
            // Also an order that is not watched at this moment has perhaps moved.
            self.resting.forget(slot, order.instrument, order.side);
            self.forget_self_matches(order);
            if order.strategy != Strategy::Cross {
                self.posted.forget(slot, order.instrument, order.side.opposite());
            }
            if order.is_conversion() {
                self.conversion_is_over(order);
            }
            self.orders.ended(order.id.0);
            self.accounts[order.account.index()].open_orders -= 1;
        }
    }

    fn market(&self) -> RoutingView<'_> {
        RoutingView::new(&self.reference, &self.books, &self.venues, &self.ledger, self.now)
    }

    fn account_usage(&mut self, account: AccountId) -> &mut AccountUsage {
        &mut self.accounts[account.index()]
    }
}
