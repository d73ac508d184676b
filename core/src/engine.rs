//! The core itself: one closed enum of inputs, one `match`, everything else hangs below.
//!
//! A line belongs here if it is state of the whole or chooses who handles an input. Clients are
//! `clients`, `replace`, `mass` and `loss`, operators are `operator`, venue news is `venues`,
//! books, reference data and time are `market`, children are `place`.

mod clients;
mod disconnect;
mod market;
mod mass;
mod operator;
mod place;
mod replace;
mod venues;

use core::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::book::Book;
use crate::child::Child;
use crate::client_ids::ClientIds;
use crate::hash::Rolling;
use crate::id::{AccountId, ChildId, ExecId, InstrumentId, OrderId, SessionId, VenueId};
use crate::input::{CancelOnDisconnect, Genesis, Header, Input, Scope};
use crate::ledger::Ledger;
use crate::number::UnixNanos;
use crate::order::Order;
use crate::output::{Notice, Output, Sink};
use crate::reference::Reference;
use crate::risk::AccountUsage;
use crate::routing::{RoutingView, VenueState};
use crate::scopes::Scopes;
use crate::table::{Key, Recent, Ring, Slot};
use crate::venue_set::VenueSet;

/// Bounds of the table sizes that a [`Genesis`] may ask for (base-2 logarithms).
pub const TABLE_LOG2_RANGE: core::ops::RangeInclusive<u8> = 4..=26;

/// Times that an order is routed at most before it has to wait for the timer, or is given up.
pub const ROUNDS_MAX: u8 = 16;

/// Cancels that are sent for one child at most.
pub const CANCELS_MAX: u8 = 8;

/// Parked orders that one input routes again at most; the rest wait for the timer.
pub const UNPARKED_PER_INPUT_MAX: usize = 64;

/// How long parked orders wait for the timer.
pub const PARKED_RETRY_NS: u64 = 100_000_000;

const DAY_NS: u64 = 86_400_000_000_000;

/// An execution counts once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ExecKey {
    child: ChildId,
    exec: ExecId,
}

impl Key for ExecKey {
    fn mix(&self, hash: &mut Rolling) {
        hash.word(self.child.0);
        hash.wide(self.exec.0.cast_signed());
    }
}

/// What the core keeps of a client session.
#[derive(Clone, Copy, Debug, Default)]
struct ClientSession {
    up: bool,
    /// What it chose for its end.
    choice: CancelOnDisconnect,
    /// When the loss of its connection takes effect.
    loss_due: Option<UnixNanos>,
    /// Number of its last event.
    event: u64,
    /// Highest `MsgSeqNum` that was journaled.
    client_seq: u64,
}

/// Counts of what has passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Inputs applied.
    pub inputs: u64,
    /// Orders accepted.
    pub orders: u64,
    /// Orders refused.
    pub refused: u64,
    /// Children sent.
    pub children: u64,
    /// Executions booked.
    pub fills: u64,
    /// Execution reports made.
    pub reports: u64,
    /// Executions that came again.
    pub duplicate_fills: u64,
}

/// The state machine.
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
    books: Vec<Book>,
    venues: Vec<VenueState>,
    sessions: Vec<ClientSession>,
    accounts: Vec<AccountUsage>,
    ledger: Ledger,
    orders: Ring<Order>,
    children: Ring<Child>,
    client_ids: ClientIds,
    executions: Recent<ExecKey>,
    /// Orders that wait for a venue: a ring over a fixed array.
    parked: std::collections::VecDeque<OrderId>,
    parked_retry_at: Option<UnixNanos>,
    /// Ends of orders, the next on top; what is over is dropped when it comes up, or when there is
    /// no room.
    expiries: BinaryHeap<Reverse<(UnixNanos, u64)>>,
    /// The first of the sessions' `loss_due`.
    loss_due: Option<UnixNanos>,
}

/// A [`Genesis`] whose table sizes are out of [`TABLE_LOG2_RANGE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadGenesis;

/// Mixes everything into the digest before it goes on.
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
    /// An engine for the journal that begins with this genesis. Allocates all its tables.
    ///
    /// # Errors
    /// [`BadGenesis`] when a size is out of range.
    pub fn new(genesis: &Genesis) -> Result<Self, BadGenesis> {
        let sizes = [genesis.orders_log2, genesis.children_log2, genesis.executions_log2];
        if !sizes.iter().all(|log2| TABLE_LOG2_RANGE.contains(log2)) {
            return Err(BadGenesis);
        }
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
            books: Vec::new(),
            venues: Vec::new(),
            sessions: Vec::new(),
            accounts: Vec::new(),
            ledger: Ledger::default(),
            orders: Ring::new(genesis.orders_log2),
            children: Ring::new(genesis.children_log2),
            client_ids: ClientIds::new(genesis.orders_log2, genesis.hash_seed),
            executions: Recent::new(genesis.executions_log2, genesis.hash_seed),
            parked: std::collections::VecDeque::with_capacity(1 << genesis.orders_log2),
            parked_retry_at: None,
            expiries: BinaryHeap::with_capacity(1 << genesis.orders_log2),
            loss_due: None,
        })
    }

    /// Applies one journaled input. The same inputs in the same order give the same outputs and
    /// state, to the bit, on every machine and build.
    ///
    /// # Panics
    /// When an always-on check fails: it is our own mistake, and stopping is the safe answer.
    pub fn apply<S: Sink>(&mut self, header: Header, input: &Input, sink: &mut S) {
        self.now = self.now.max(header.time);
        self.counts.inputs += 1;
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
            | Input::Listing(_)
            | Input::Account(_)
            | Input::Session(_) => self.on_definition(input, out),
            Input::NewOrder(order) => self.on_new_order(order, out),
            Input::Unacceptable(order) => self.on_unacceptable(order, out),
            Input::Cancel(request) => self.on_cancel(request, out),
            Input::Status(request) => self.on_status(request, out),
            Input::Replace(request) => self.on_replace(request, out),
            Input::MassCancel(request) => self.on_mass_cancel(request, out),
            Input::MassStatus(request) => self.on_mass_status(request, out),
            Input::Operator(operator) => self.on_operator(operator, out),
            Input::SessionUp(session, choice) => self.on_session_up(*session, *choice),
            Input::SessionDown(session) => self.on_session_down(*session, out),
            Input::VenueUp(venue) => self.on_venue_up(*venue, out),
            Input::VenueDown(venue, _) => self.on_venue_down(*venue, out),
            Input::ChildAccepted { venue, child, venue_order } => {
                self.on_accepted(*venue, *child, *venue_order, out);
            }
            Input::ChildRejected { venue, child, reason } => {
                self.on_rejected(*venue, *child, *reason, out);
            }
            Input::ChildFill(fill) => self.on_fill(fill, out),
            Input::ChildDone { venue, child, expired, filled } => {
                self.on_done(*venue, *child, *expired, *filled, out);
            }
            Input::CancelRejected { venue, child, .. }
            | Input::ChildInDoubt { venue, child, .. } => {
                self.on_doubt(*venue, *child, out);
            }
            Input::ChildFate { venue, child, fate, filled } => {
                self.on_fate(*venue, *child, *fate, *filled, out);
            }
            Input::Balance { venue, asset, total } => self.on_balance(*venue, *asset, *total, out),
            Input::Book(update) => self.on_book(update, out),
            Input::BookDistrusted { venue, instrument, reason } => {
                self.on_book_distrusted(*venue, *instrument, *reason, out);
            }
            Input::FeedAlive(venue) => self.on_feed_alive(*venue),
        }
        self.digest = digest;
    }

    /// When the next [`Input::Tick`] is due.
    pub fn next_timer(&self) -> Option<UnixNanos> {
        let day_end = (self.day_ends_at.0 > 0).then_some(self.day_ends_at);
        let expiry = self.expiries.peek().map(|Reverse((at, _))| *at);
        [day_end, self.parked_retry_at, expiry, self.loss_due].into_iter().flatten().min()
    }

    /// Rolling digest over all outputs so far: equal inputs, equal digest.
    pub const fn digest(&self) -> u64 {
        self.digest.value()
    }

    /// Digest over orders, positions and funds as they are.
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
        hash.value()
    }

    /// The genesis it was made from.
    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// Counts of what has passed.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// The kill switch is on, for everything.
    pub fn is_halted(&self) -> bool {
        self.halts.has_all()
    }

    /// Where trading is halted.
    pub fn halts(&self) -> impl Iterator<Item = Scope> {
        self.halts.iter()
    }

    /// Where only what reduces a position is taken.
    pub fn reduce_only_scopes(&self) -> impl Iterator<Item = Scope> {
        self.reduce_only.iter()
    }

    /// An operator has drained the venue.
    pub const fn is_drained(&self, venue: VenueId) -> bool {
        self.drained.has(venue)
    }

    /// Reference data.
    pub const fn reference(&self) -> &Reference {
        &self.reference
    }

    /// Positions, fees and funds.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// An order that is alive, or over and not yet forgotten.
    pub fn order(&self, id: OrderId) -> Option<&Order> {
        self.orders.get(id.0)
    }

    /// A child that is alive, or over and not yet forgotten.
    pub fn child(&self, id: ChildId) -> Option<&Child> {
        self.children.get(id.0)
    }

    /// All orders that are alive or not yet forgotten.
    pub fn orders(&self) -> impl Iterator<Item = &Order> {
        self.orders.iter()
    }

    /// All children that are alive or not yet forgotten.
    pub fn children(&self) -> impl Iterator<Item = &Child> {
        self.children.iter()
    }

    /// Orders that are not over.
    pub fn open_orders(&self) -> usize {
        self.orders.live()
    }

    /// One venue's book of one instrument.
    pub fn book(&self, venue: VenueId, instrument: InstrumentId) -> Option<&Book> {
        self.books.get(instrument.index() * crate::reference::VENUES_MAX + venue.index())
    }

    /// The venue is up.
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

    fn market(&self) -> RoutingView<'_> {
        RoutingView {
            reference: &self.reference,
            books: &self.books,
            venues: &self.venues,
            ledger: &self.ledger,
            now: self.now,
        }
    }

    /// Copies an order out; it is put back with [`Engine::store`].
    fn load(&self, id: OrderId) -> Option<Order> {
        self.orders.get(id.0).copied()
    }

    /// Puts an order back, checked; counts it out when it has come to its end.
    fn store(&mut self, order: &Order) {
        order.check();
        let Some(slot) = self.orders.get_mut(order.id.0) else { return };
        let was_over = slot.is_over();
        *slot = *order;
        if !was_over {
            self.check_out(order);
        }
    }

    /// Counts an order out if it has come to its end.
    fn check_out(&mut self, order: &Order) {
        if order.is_over() {
            self.orders.ended(order.id.0);
            self.accounts[order.account.index()].open_orders -= 1;
        }
    }

    fn account_usage(&mut self, account: AccountId) -> &mut AccountUsage {
        &mut self.accounts[account.index()]
    }
}
