//! The read model: orders, children, money, venues and operators' commands, as the core's outputs
//! report them.
//!
//! A line belongs here if it follows the core. It decides nothing: where the core has a rule (what
//! a child's state is after an event, how a fill is booked, which definition is taken) the core's
//! own code is called. `report` follows orders, `children` children, `money` the ledger, `query`
//! answers.
//!
//! An output allocates nothing once the rings have been filled once. Reference data and operators'
//! commands may allocate.

mod anomaly;
mod bridges;
mod children;
mod closures;
mod counts;
mod events;
mod execution;
mod fees;
mod filter;
mod money;
mod name;
mod number;
mod pursuit;
mod query;
mod report;
mod rows;
mod slots;

use std::collections::{BTreeSet, VecDeque};

use rutter_core::behaviour::Measured;
use rutter_core::bridge::Exposure;
use rutter_core::engine::TABLE_LOG2_RANGE;
use rutter_core::id::{AccountId, ChildId, ExecId, OrderId, SessionId, VenueId};
use rutter_core::input::{
    Distrust, Genesis, Header, Input, NodeCommand, OperatorCommand, Refusal, Scope, SessionCommand,
};
use rutter_core::ledger::Ledger;
use rutter_core::number::{Amount, UnixNanos};
use rutter_core::output::{FeeState, OperatorReport, Output, Sink};
use rutter_core::reference::{Reference, VENUES_MAX};
use rutter_core::waiting::Waiting;

pub use anomaly::{Anomaly, AnomalyRow};
pub use closures::{kind_word, pause_row, state_word};
pub use execution::Judged;
pub use fees::{FeeDriftRow, FeeResult, FeeTermsRow, FeeTokenRow, FeesRow};
pub use filter::{ORDERS_READ_MAX, OrderFilter, ROWS_MAX, StateFilter};
pub use name::{Named, NamedBy, OrderName, order_id};
pub use number::{decimal, rfc3339};
pub use rows::{
    BalanceRow, BehaviourRow, BreakerRow, BridgeRow, ChangeRow, ChildRow, CommandRow, EventRow,
    ExposureRow, FeeRow, InstrumentRow, LimitRow, ListingRow, OpenIn, OrderDetail, OrderRow,
    OrdersPage, PauseRow, PositionRow, Positions, ScopeRow, SessionStatus, StageStatus, Status,
    VenueStatus,
};

use closures::Closures;
use counts::{Counts, Open};
use events::{Event, EventKind, Events};
use query::{LOG_LEVEL_CONFIGURED, log_level};
use slots::{ModelChild, ModelOrder, SlotTable};

/// Operators' commands that are remembered.
pub const COMMANDS_MAX: usize = 1_000;

/// Base-2 logarithm of the events that a node remembers, of all orders together.
pub const EVENTS_LOG2: u8 = 19;

/// How much is remembered, as base-2 logarithms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Orders: the core's number, or not all that live are known.
    pub orders_log2: u8,
    /// Base-2 logarithm of the number of children.
    pub children_log2: u8,
    /// Events of all orders together.
    pub events_log2: u8,
}

impl Sizes {
    /// For the core that begins so.
    pub const fn of(genesis: &Genesis) -> Self {
        Self {
            orders_log2: genesis.orders_log2,
            children_log2: genesis.children_log2,
            events_log2: EVENTS_LOG2,
        }
    }
}

/// Follows the core by its outputs: those of the replay at a start (as its [`Sink`]), then those on
/// the ring.
#[derive(Debug)]
pub struct ReadModel {
    reference: Reference,
    ledger: Ledger,
    orders: SlotTable<ModelOrder>,
    children: SlotTable<ModelChild>,
    events: Events,
    /// Id of the newest order.
    newest: OrderId,
    /// Newest of the open orders, which hang together in the order of their ids.
    newest_open: OrderId,
    open_orders: Open,
    open_children: Open,
    pending_orders: u32,
    /// Open orders by why they wait, `Waiting::Nothing` included.
    waiting: [u32; Waiting::ALL.len() + 1],
    unknown: [u32; VENUES_MAX],
    up: [bool; VENUES_MAX],
    /// Why a book is not proved, `None` if it is: instrument times [`VENUES_MAX`] plus venue.
    unproved: Vec<Option<Distrust>>,
    /// For each instrument: it has a reference price.
    referenced: Vec<bool>,
    /// Venues whose feed has been silent for longer than routing allows.
    silent: [bool; VENUES_MAX],
    /// Asset times [`VENUES_MAX`] plus venue.
    told: Vec<UnixNanos>,
    /// For each session: number of its last event, and whether an operator has disabled it.
    sessions: Vec<(u64, bool)>,
    halts: BTreeSet<Scope>,
    reduce_only: BTreeSet<Scope>,
    drained: [bool; VENUES_MAX],
    /// Circuit breakers and pauses, by venue.
    closures: [Closures; VENUES_MAX],
    /// What is known of the venues' behaviour.
    behaviour: [Measured; VENUES_MAX],
    /// What the venues' fees depend on.
    fee_states: [FeeState; VENUES_MAX],
    /// What bridges have told, by account, account of ours and conversion.
    exposures: Vec<Exposure>,
    /// What the fee of the execution that comes next is worth in its quote asset.
    fee_value: Option<(ExecId, Amount)>,
    /// Operators' commands with their journal sequence, newest last.
    commands: VecDeque<KeptCommand>,
    /// The session of the newest command about a session, and whether it was disabled before.
    disabled_before: Option<(SessionId, bool)>,
    /// The log level that an operator has set since the start.
    log_level: &'static str,
    counts: Counts,
    /// The counts of the journal before the start of the node.
    replayed: Counts,
    /// The judgement that the last output brought.
    judged: Option<Judged>,
    /// The overfill execution whose child is already updated by the notice.
    overfilled: Option<(ChildId, ExecId)>,
    /// The input whose outputs are being taken.
    at: Header,
}

/// A command of an operator, with what it changed.
#[derive(Clone, Debug)]
struct KeptCommand {
    /// Journal sequence.
    seq: u64,
    report: OperatorReport,
    changes: Vec<ChangeRow>,
}

impl ReadModel {
    /// An empty model. A size outside the core's range is replaced by the nearest allowed one.
    pub fn new(sizes: Sizes) -> Self {
        let (least, most) = (*TABLE_LOG2_RANGE.start(), *TABLE_LOG2_RANGE.end());
        Self {
            reference: Reference::default(),
            ledger: Ledger::default(),
            orders: SlotTable::new(sizes.orders_log2.clamp(least, most)),
            children: SlotTable::new(sizes.children_log2.clamp(least, most)),
            events: Events::new(sizes.events_log2.clamp(least, most)),
            newest: OrderId(0),
            newest_open: OrderId(0),
            open_orders: Open::default(),
            open_children: Open::default(),
            pending_orders: 0,
            waiting: [0; Waiting::ALL.len() + 1],
            unknown: [0; VENUES_MAX],
            up: [false; VENUES_MAX],
            unproved: Vec::new(),
            referenced: Vec::new(),
            silent: [false; VENUES_MAX],
            told: Vec::new(),
            sessions: Vec::new(),
            halts: BTreeSet::new(),
            reduce_only: BTreeSet::new(),
            drained: [false; VENUES_MAX],
            closures: std::array::from_fn(|_| Closures::default()),
            behaviour: [Measured::default(); VENUES_MAX],
            fee_states: [FeeState::default(); VENUES_MAX],
            exposures: Vec::new(),
            fee_value: None,
            commands: VecDeque::with_capacity(COMMANDS_MAX),
            disabled_before: None,
            log_level: LOG_LEVEL_CONFIGURED,
            counts: Counts::default(),
            replayed: Counts::default(),
            judged: None,
            overfilled: None,
            at: Header::default(),
        }
    }

    /// Takes a definition as the core does. An input that is not a definition, or that the core
    /// refuses, changes nothing.
    pub fn define(&mut self, definition: &Input) {
        if self.reference.define(definition).is_err() {
            return;
        }
        let reference = &self.reference;
        let (venues, accounts) = (reference.venues.len(), reference.accounts.len());
        let (instruments, assets) = (reference.instruments.len(), reference.assets.len());
        self.ledger.grow(venues, accounts, assets);
        for open in [&mut self.open_orders, &mut self.open_children] {
            open.grow(instruments, reference.sessions.len(), accounts);
        }
        self.unproved.resize(instruments * VENUES_MAX, Some(Distrust::NoSnapshot));
        self.referenced.resize(instruments, false);
        self.told.resize(assets * VENUES_MAX, UnixNanos(0));
        self.sessions.resize(reference.sessions.len(), (0, false));
    }

    /// The replay is over: counters start at zero, and no book is trusted.
    pub fn start_counting(&mut self) {
        self.replayed = std::mem::take(&mut self.counts);
        self.judged = None;
        self.log_level = LOG_LEVEL_CONFIGURED;
        self.begin();
    }

    /// As the core at a start of the node, which does not say it of each book.
    fn begin(&mut self) {
        self.unproved.fill(Some(Distrust::NoSnapshot));
        self.referenced.fill(false);
    }

    /// Takes how long a venue's feed has been silent, nanoseconds; `None` if nothing was heard yet.
    pub fn heard(&mut self, venue: VenueId, age_ns: Option<u64>) {
        let Some(def) = self.reference.venues.get(venue.index()) else { return };
        let silent = age_ns.is_none_or(|age_ns| age_ns > def.stale_after_ns);
        set(self.silent.get_mut(venue.index()), silent);
    }

    /// Takes one output of the input `seq` at `time_ns`.
    pub fn apply(&mut self, seq: u64, time_ns: u64, output: &Output) {
        self.at = Header { seq, time: UnixNanos(time_ns) };
        match output {
            Output::Report(report) => self.on_report(report),
            Output::CancelReject(reject) => self.on_cancel_reject(reject),
            Output::MassCancelReport(report) => {
                self.counts.reports += 1;
                self.session_event(report.session, report.event);
            }
            Output::Command(session, command) => self.on_command(*session, *command),
            Output::Operator(report) => self.on_operator(report),
            Output::SendNew(new) => self.on_send_new(new),
            Output::SendCancel(child) => self.on_send_cancel(child),
            Output::SendReduce(reduce) => self.on_send_reduce(reduce),
            Output::Query(child) => self.child_event(child.child, child.venue, EventKind::Query),
            // The venue's answer tells what it has changed, and a preview changes nothing.
            Output::AskBalances(_) | Output::Preview(..) | Output::ClientPreview(_) => {}
            Output::Notice(notice) => self.on_notice(notice),
        }
    }

    fn session_event(&mut self, session: SessionId, event: u64) {
        if let Some((last, _)) = self.sessions.get_mut(session.index()) {
            *last = event;
        }
    }

    fn on_command(&mut self, session: SessionId, command: SessionCommand) {
        let Some((_, disabled)) = self.sessions.get_mut(session.index()) else { return };
        self.disabled_before = Some((session, *disabled));
        match command {
            SessionCommand::Disable => *disabled = true,
            SessionCommand::Enable => *disabled = false,
            SessionCommand::Logout
            | SessionCommand::Disconnect
            | SessionCommand::ResetSequence
            | SessionCommand::LiftLockouts => {}
        }
    }

    fn on_operator(&mut self, report: &OperatorReport) {
        // A look: it would crowd out the commands that change something.
        let command = report.operator.command;
        if matches!(command, OperatorCommand::Preview(_) | OperatorCommand::PreviewBy(..)) {
            return;
        }
        while self.commands.len() >= COMMANDS_MAX {
            self.commands.pop_front();
        }
        let done = report.refusal == Refusal::None;
        let changes = if done { self.changes_of(&command) } else { Vec::new() };
        self.commands.push_back(KeptCommand { seq: self.at.seq, report: *report, changes });
        if !done {
            return;
        }
        match command {
            OperatorCommand::Halt(scope) => {
                self.halts.insert(scope);
            }
            OperatorCommand::Node(NodeCommand::ShutdownFlat) => {
                self.halts.insert(Scope::All);
            }
            OperatorCommand::Resume(scope) => {
                self.halts.remove(&scope);
            }
            OperatorCommand::ReduceOnly(scope) => {
                self.reduce_only.insert(scope);
            }
            OperatorCommand::ReduceOnlyOff(scope) => {
                self.reduce_only.remove(&scope);
            }
            OperatorCommand::DrainVenue(venue) => set(self.drained.get_mut(venue.index()), true),
            OperatorCommand::EnableVenue(venue) => set(self.drained.get_mut(venue.index()), false),
            OperatorCommand::SetLimits(account, limits) => {
                // The core has taken them, so there is no refusal here.
                let _taken = self.reference.set_limits(account, &limits);
            }
            OperatorCommand::Cancel(_)
            | OperatorCommand::CancelAll(_)
            | OperatorCommand::Resolve(_)
            | OperatorCommand::Session(..)
            | OperatorCommand::LogOut(..)
            | OperatorCommand::Extend(_)
            | OperatorCommand::KeepExposure(_)
            | OperatorCommand::Preview(_)
            | OperatorCommand::PreviewBy(..) => {}
            OperatorCommand::Node(command) => {
                self.log_level = log_level(command).unwrap_or(self.log_level);
            }
        }
    }

    /// Adds an event of an order.
    fn event(&mut self, order: OrderId, event: Event) {
        let Some(kept) = self.orders.get_mut(order.0) else { return };
        let previous = kept.newest_event;
        kept.newest_event = self.events.push(Event { previous, ..event });
        kept.events += 1;
    }

    /// An event at the current time, without a subject.
    fn happens(&self, what: EventKind) -> Event {
        Event {
            seq: self.at.seq,
            time: self.at.time,
            previous: 0,
            what,
            child: ChildId(0),
            venue: VenueId(0),
            qty: rutter_core::number::Qty::ZERO,
            price: rutter_core::number::Price(0),
        }
    }

    /// The account to which an order's fills are booked.
    fn account_of(&self, order: OrderId, session: SessionId) -> Option<AccountId> {
        let kept = self.orders.get(order.0).map(|order| order.account);
        kept.or_else(|| self.reference.account_of(session))
    }
}

fn set(flag: Option<&mut bool>, on: bool) {
    if let Some(flag) = flag {
        *flag = on;
    }
}

/// For the replay at a start.
impl Sink for ReadModel {
    fn input(&mut self, header: Header, input: &Input) {
        self.at = header;
        match input {
            Input::NodeStarted => self.begin(),
            definition => self.define(definition),
        }
    }

    fn output(&mut self, output: &Output) {
        let Header { seq, time } = self.at;
        self.apply(seq, time.0, output);
    }
}
