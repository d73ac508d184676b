//! The stations: what the senders, the feeds and the client gateway do in a turn.
//!
//! A line belongs here if it moves envelopes between a ring and a machine's driver. Deciding is the
//! core's, protocols are the machines', and whose turn it is is `layout`'s. Each drains the output
//! ring into a queue of its own first, so that the core never waits for a venue.

pub mod core;
pub mod model;

use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rutter_clients::server::OUTPUTS_PER_TURN;
use rutter_clients::{GatewayServer, OutputError, Passport};
use rutter_core::id::VenueId;
use rutter_core::input::{Input, VenueReject};
use rutter_core::output::{Notice, Output, ReportKind};
use rutter_feeds::FeedCommand;
use rutter_fix::store::MessageStore;
use rutter_journal::ReleaseMark;
use rutter_transport::driver::Driver;
use rutter_transport::machine::Machine;
use rutter_transport::wait::PARK_MAX;
use rutter_venues::VenueCommand;

use crate::node::bridge::{SESSIONS_PERIOD_NS, SessionGauges};
use crate::node::gate::Gate;
use crate::node::rings::{InputWriter, OutputEnvelope, OutputReader, PENDING_INPUTS_MAX};
use crate::node::tap::{Tap, Taps};
use crate::watch::logs::trace::{self, Children, Sessions};
use crate::watch::metrics::GatewayGauges;
use crate::watch::stages::{Passage, StageRecorder};

/// Moves envelopes between rings and sockets.
pub trait Station: Send {
    /// Moves what is there to be moved; never waits. True if anything was.
    ///
    /// # Errors
    /// What the process must end for.
    fn turn(&mut self) -> Result<bool, String>;

    /// Sleeps until there is something to do, at most [`PARK_MAX`]: for a station alone on its
    /// thread.
    ///
    /// # Errors
    /// As [`Station::turn`].
    fn park(&mut self) -> Result<(), String>;

    /// How long it has nothing to do if its sockets stay quiet; zero if it has something now.
    fn idle_for(&self) -> Duration;

    /// Readable when one of its sockets is ready, or a helper thread has an answer.
    fn poll_fd(&self) -> RawFd;
}

/// Reports that wait for the journal's disk at most, besides those in the output ring. When there
/// are as many, the ring is not drained: it fills, the core decides nothing more and counts it
/// (`output_stalls`), and clients are read no further, until the disk comes.
pub const HELD_REPORTS_MAX: usize = 131_072;

/// Commands sent in one turn; the rest follow in the next, after the socket was looked at.
const COMMANDS_PER_TURN: usize = 256;

/// A station's ends of the rings, and what else it shares with the core.
#[derive(Debug)]
pub struct Ends {
    /// The core's decisions.
    pub outputs: OutputReader,
    /// To the core.
    pub inputs: InputWriter,
    /// Which decisions may leave.
    pub release: ReleaseMark,
    /// Which new orders may not leave any more.
    pub gate: Arc<Gate>,
    /// Where the time goes.
    pub stages: StageRecorder,
}

/// Publishes what a venue's machine says; links that come and go are logged.
fn publish_news(inputs: &mut InputWriter, venue: &str, input: Input, arrived_ns: u64) {
    match &input {
        Input::VenueUp(_) => tracing::info!(venue, "venue up"),
        Input::VenueDown(_, reason) => tracing::warn!(venue, ?reason, "venue down"),
        Input::BookDistrusted { instrument, reason, .. } => {
            tracing::warn!(venue, instrument = instrument.0, ?reason, "book not trusted");
        }
        _ => {}
    }
    inputs.push(&input, arrived_ns);
}

/// As [`publish_news`], of a venue's order entry: what it says of a child is in the log, too.
fn publish_child_news(
    inputs: &mut InputWriter,
    children: &Children,
    input: Input,
    arrived_ns: u64,
) {
    children.news(&input);
    publish_news(inputs, children.venue(), input, arrived_ns);
}

/// A venue's order entry.
#[derive(Debug)]
pub struct Sender<M: Machine<Command = VenueCommand, Emission = Input>> {
    venue: VenueId,
    driver: Driver<M>,
    outputs: OutputReader,
    inputs: InputWriter,
    release: ReleaseMark,
    gate: Arc<Gate>,
    stages: StageRecorder,
    clock: fn() -> u64,
    arrival: Arc<AtomicU64>,
    /// Commands that are not released yet, or have to wait for the next turn.
    queue: VecDeque<Queued>,
    /// Of the new orders in the current batch.
    sent: Vec<Passage>,
    /// Of the current batch what went to the venue, for the log; empty while that does not want it.
    logged: Vec<(VenueCommand, u64)>,
    children: Children,
}

/// A command with the sequence of the input that caused it.
#[derive(Debug)]
struct Queued {
    seq: u64,
    command: VenueCommand,
    passage: Option<Passage>,
}

impl<M: Machine<Command = VenueCommand, Emission = Input>> Sender<M> {
    /// A sender that begins to connect.
    pub fn start(
        venue: VenueId,
        name: String,
        mut driver: Driver<M>,
        ends: Ends,
        clock: fn() -> u64,
    ) -> Self {
        let Ends { outputs, mut inputs, release, gate, stages } = ends;
        let children = Children::new(name);
        driver.start(&mut |input| publish_child_news(&mut inputs, &children, input, 0));
        let arrival = driver.arrival();
        let (queue, sent) = (VecDeque::new(), Vec::with_capacity(COMMANDS_PER_TURN));
        Self {
            venue,
            driver,
            outputs,
            inputs,
            release,
            gate,
            stages,
            clock,
            arrival,
            queue,
            sent,
            logged: Vec::new(),
            children,
        }
    }

    /// Sends what is released, in order; true if anything was.
    fn send(&mut self) -> bool {
        if self.queue.is_empty() {
            return false;
        }
        let released = self.release.up_to();
        let (mut count, is_logged) = (0, trace::is_on());
        self.sent.clear();
        while count < COMMANDS_PER_TURN {
            let Some(queued) = self.queue.front().filter(|queued| queued.seq <= released) else {
                break;
            };
            self.children.learn(&queued.command);
            let (inputs, children) = (&mut self.inputs, &self.children);
            let mut is_sent = true;
            let mut emit = |input| {
                is_sent &= !is_not_sent(&input);
                publish_child_news(inputs, children, input, 0);
            };
            match &queued.command {
                VenueCommand::New(new)
                    if self.gate.is_void(queued.seq, self.venue, &queued.command) =>
                {
                    // It certainly never left, and the core is told so.
                    let (venue, child, reason) = (new.venue, new.child, VenueReject::NotSent);
                    emit(Input::ChildRejected { venue, child, reason });
                }
                command => {
                    self.driver.command(command, &mut emit);
                    self.sent.extend(queued.passage);
                    if is_logged && is_sent {
                        self.logged.push((*command, queued.seq));
                    }
                }
            }
            self.queue.pop_front();
            count += 1;
        }
        if count == 0 {
            return false;
        }
        let (inputs, children) = (&mut self.inputs, &self.children);
        self.driver.flush_now(&mut |input| publish_child_news(inputs, children, input, 0));
        let written = (self.clock)();
        for passage in &self.sent {
            self.stages.record(passage, written);
        }
        for (command, seq) in self.logged.drain(..) {
            self.children.sent(&command, seq);
        }
        true
    }
}

/// The adapter could not write a command.
const fn is_not_sent(input: &Input) -> bool {
    matches!(
        input,
        Input::ChildRejected { reason: VenueReject::NotSent, .. }
            | Input::CancelRejected { reason: VenueReject::NotSent, .. }
    )
}

impl<M> Station for Sender<M>
where
    M: Machine<Command = VenueCommand, Emission = Input> + Send,
{
    fn turn(&mut self) -> Result<bool, String> {
        let (venue, queue) = (self.venue, &mut self.queue);
        let mut worked = self.outputs.drain(|envelope| {
            if let Some(command) = VenueCommand::from_output(&envelope.output, venue) {
                let is_new = matches!(envelope.output, Output::SendNew(_));
                let passage = is_new.then(|| Passage::of(envelope));
                queue.push_back(Queued { seq: envelope.seq, command, passage });
            }
        }) > 0;
        worked |= self.send();
        let flushed = self.inputs.flush();
        if flushed || self.inputs.pending() < PENDING_INPUTS_MAX {
            let (inputs, children) = (&mut self.inputs, &self.children);
            let arrival = &self.arrival;
            let mut emit = |input| {
                publish_child_news(inputs, children, input, arrival.load(Ordering::Relaxed));
            };
            worked |= self.driver.turn(|| None, &mut emit).map_err(|e| e.to_string())?;
        }
        self.inputs.notify();
        Ok(worked)
    }

    fn park(&mut self) -> Result<(), String> {
        let (outputs, inputs, arrival) = (&self.outputs, &mut self.inputs, &self.arrival);
        let waiting = !self.queue.is_empty() || inputs.pending() > 0;
        let has_work = || waiting || outputs.has_work();
        let children = &self.children;
        let mut emit =
            |input| publish_child_news(inputs, children, input, arrival.load(Ordering::Relaxed));
        self.driver.park(has_work, PARK_MAX, &mut emit).map_err(|e| e.to_string())?;
        self.inputs.notify();
        Ok(())
    }

    fn idle_for(&self) -> Duration {
        if !self.queue.is_empty() || self.inputs.pending() > 0 || self.outputs.has_work() {
            return Duration::ZERO;
        }
        self.driver.idle_for()
    }

    fn poll_fd(&self) -> RawFd {
        self.driver.poll_fd()
    }
}

/// A venue's market data.
#[derive(Debug)]
pub struct Feed<M: Machine<Command = FeedCommand, Emission = Input>> {
    name: String,
    driver: Driver<M>,
    inputs: InputWriter,
    taps: Vec<Tap>,
    arrival: Arc<AtomicU64>,
}

/// Publishes what a feed's machine says, to the core and to those who look.
fn publish_book(
    inputs: &mut InputWriter,
    taps: &mut [Tap],
    name: &str,
    input: Input,
    arrived: u64,
) {
    for tap in taps {
        tap.offer(&input);
    }
    publish_news(inputs, name, input, arrived);
}

impl<M: Machine<Command = FeedCommand, Emission = Input>> Feed<M> {
    /// A feed that begins to connect.
    pub fn start(
        name: String,
        mut driver: Driver<M>,
        mut inputs: InputWriter,
        mut taps: Vec<Tap>,
    ) -> Self {
        driver.start(&mut |input| publish_book(&mut inputs, &mut taps, &name, input, 0));
        let arrival = driver.arrival();
        Self { name, driver, inputs, taps, arrival }
    }

    /// Book changes are emitted only while the ring has room; meanwhile the machine keeps the
    /// newest state.
    fn emit_books(&mut self) {
        if self.inputs.has_room_for_books() {
            let (inputs, taps, name) = (&mut self.inputs, &mut self.taps, self.name.as_str());
            self.driver.emit_held(&mut |input| publish_book(inputs, taps, name, input, 0));
        }
        self.taps.iter_mut().for_each(Tap::flush);
        self.inputs.notify();
    }
}

impl<M: Machine<Command = FeedCommand, Emission = Input> + Send> Station for Feed<M> {
    fn turn(&mut self) -> Result<bool, String> {
        self.inputs.flush();
        let (inputs, taps) = (&mut self.inputs, &mut self.taps);
        let (name, arrival) = (&self.name, &self.arrival);
        let mut emit =
            |input| publish_book(inputs, taps, name, input, arrival.load(Ordering::Relaxed));
        let worked = self.driver.turn(|| None, &mut emit).map_err(|e| e.to_string())?;
        self.emit_books();
        Ok(worked)
    }

    fn park(&mut self) -> Result<(), String> {
        let (inputs, taps) = (&mut self.inputs, &mut self.taps);
        let (name, arrival) = (&self.name, &self.arrival);
        let waiting = inputs.pending() > 0;
        let mut emit =
            |input| publish_book(inputs, taps, name, input, arrival.load(Ordering::Relaxed));
        self.driver.park(|| waiting, PARK_MAX, &mut emit).map_err(|e| e.to_string())?;
        self.emit_books();
        Ok(())
    }

    fn idle_for(&self) -> Duration {
        if self.inputs.pending() > 0 { Duration::ZERO } else { self.driver.idle_for() }
    }

    fn poll_fd(&self) -> RawFd {
        self.driver.poll_fd()
    }
}

/// The client gateway.
#[derive(Debug)]
pub struct Clients<S: MessageStore> {
    server: GatewayServer<S>,
    outputs: OutputReader,
    inputs: InputWriter,
    taps: Taps,
    release: ReleaseMark,
    stages: StageRecorder,
    clock: fn() -> u64,
    /// As the log names its sessions.
    names: Sessions,
    /// Shows its counters to others.
    gauges: Arc<GatewayGauges>,
    /// Shows its sessions to others, where there are any; and when it did last.
    sessions: Option<(Arc<SessionGauges>, u64)>,
    /// Reports that are not released yet, or have to wait for the next turn.
    queue: VecDeque<OutputEnvelope>,
    /// There are too many of them, which has been told.
    full: bool,
    /// Of the trades in the current batch.
    told: Vec<Passage>,
}

/// Publishes a client's input, or says that there is no room: new orders leave an eighth of the
/// ring to cancels and venue answers. What is refused here stays with the gateway, which then stops
/// reading that socket.
fn publish(inputs: &mut InputWriter, names: &Sessions, input: &Input, arrived_ns: u64) -> bool {
    let room = match input {
        Input::NewOrder(_)
        | Input::Unacceptable(_)
        | Input::Replace(_)
        | Input::Status(_)
        | Input::MassStatus(_) => inputs.has_room_for_orders(),
        _ => inputs.pending() == 0,
    };
    if room {
        // Before anybody can act on it.
        names.received(input);
        inputs.push(input, arrived_ns);
    }
    room
}

impl<S: MessageStore> Clients<S> {
    /// A gateway that lets clients in.
    pub fn start(
        server: GatewayServer<S>,
        ends: Ends,
        taps: Taps,
        names: Sessions,
        clock: fn() -> u64,
    ) -> Self {
        let Ends { outputs, inputs, release, stages, .. } = ends;
        taps.wake_with(server.waker());
        let (queue, told) = (VecDeque::new(), Vec::with_capacity(OUTPUTS_PER_TURN));
        let (gauges, sessions) = (Arc::default(), None);
        Self {
            server,
            outputs,
            inputs,
            taps,
            release,
            stages,
            clock,
            names,
            gauges,
            sessions,
            queue,
            full: false,
            told,
        }
    }

    /// Shows its sessions from now on.
    pub fn show_sessions(&mut self, gauges: Arc<SessionGauges>) {
        self.sessions = Some((gauges, 0));
    }

    /// Shows its sessions, if it is time.
    fn show_sessions_if_due(&mut self) {
        if let Some((gauges, shown_ns)) = &mut self.sessions {
            let now_ns = (self.clock)();
            if now_ns.saturating_sub(*shown_ns) >= SESSIONS_PERIOD_NS {
                *shown_ns = now_ns;
                self.server.gateway().each_session(|place, shown| gauges.show(place, shown));
            }
        }
    }

    /// What others may see of the gateway.
    pub fn gauges(&self) -> Arc<GatewayGauges> {
        Arc::clone(&self.gauges)
    }

    /// Drains the ring and tells clients what is released, in order; true if there was anything.
    fn tell(&mut self) -> Result<bool, String> {
        let Self { outputs, queue, full, server, told, names, .. } = self;
        let released = self.release.up_to();
        let (mut count, mut failed) = (0, None);
        told.clear();
        let mut tell = |envelope: &OutputEnvelope| {
            if envelope.seq > released || count >= OUTPUTS_PER_TURN || failed.is_some() {
                return false;
            }
            count += 1;
            failed = give(server, names, envelope).err();
            if matches!(&envelope.output, Output::Report(r) if r.kind == ReportKind::Trade) {
                told.push(Passage::of(envelope));
            }
            true
        };
        while queue.front().is_some_and(&mut tell) {
            queue.pop_front();
        }
        // What can be told at once is told from the ring's own memory: a copy of it costs.
        let was_full = std::mem::replace(full, queue.len() >= HELD_REPORTS_MAX);
        if *full && !was_full {
            tracing::warn!(held = queue.len(), "reports wait for the journal's disk");
        }
        let see = |envelope: &OutputEnvelope| {
            let concerns = is_for_clients(&envelope.output);
            if concerns && !(queue.is_empty() && tell(envelope)) {
                queue.push_back(*envelope);
            }
        };
        let drained = if *full { 0 } else { outputs.drain(see) };
        if let Some(error) = failed {
            return Err(error);
        }
        if count == 0 {
            return Ok(drained > 0);
        }
        let (inputs, names) = (&mut self.inputs, &self.names);
        self.server.flush_now(&mut |input: &Input, arrived| publish(inputs, names, input, arrived));
        let written = (self.clock)();
        for passage in &self.told {
            self.stages.record(passage, written);
        }
        Ok(true)
    }

    /// Takes what the feeds told into the books that clients see; true if there was anything.
    fn take_books(&mut self) -> bool {
        if !self.taps.has_work() {
            return false;
        }
        let (now_ns, gateway) = ((self.clock)(), self.server.gateway_mut());
        self.taps.drain(|news| gateway.on_book_news(now_ns, news))
    }

    fn log_notices(&mut self) {
        while let Some(notice) = self.server.gateway_mut().take_notice() {
            if notice.is_warning() {
                tracing::warn!(?notice, "client");
            } else {
                tracing::info!(?notice, "client");
            }
        }
        if let Some(error) = self.server.last_tls_error() {
            tracing::error!(%error, "certificates have changed and are refused");
        }
    }
}

/// Gives an output to its session.
fn give<S: MessageStore>(
    server: &mut GatewayServer<S>,
    names: &Sessions,
    envelope: &OutputEnvelope,
) -> Result<(), String> {
    let passport = Passport {
        journal_seq: envelope.seq,
        arrived_ns: envelope.arrived_ns,
        decided_ns: envelope.decided_ns,
    };
    let given = server.output_from(&envelope.output, Some(&passport));
    if given.is_ok() {
        names.sent(&envelope.output, envelope.seq);
    }
    given.or_else(|error| {
        tracing::error!(%error, "a report cannot be given to its session");
        if matches!(error, OutputError::UnknownSession(_)) {
            Ok(())
        } else {
            Err(error.to_string())
        }
    })
}

/// Whether the gateway has anything to do about an output.
pub const fn is_for_clients(output: &Output) -> bool {
    matches!(
        output,
        Output::Report(_)
            | Output::CancelReject(_)
            | Output::MassCancelReport(_)
            | Output::Command(..)
            | Output::Operator(_)
            | Output::Notice(Notice::Halted | Notice::Resumed)
    )
}

impl<S: MessageStore + Send> Station for Clients<S> {
    fn turn(&mut self) -> Result<bool, String> {
        let mut worked = self.tell()?;
        worked |= self.take_books();
        self.inputs.flush();
        let (inputs, names) = (&mut self.inputs, &self.names);
        let mut emit = |input: &Input, arrived_ns: u64| publish(inputs, names, input, arrived_ns);
        worked |= self.server.turn(|| None, &mut emit).map_err(|e| e.to_string())?;
        self.inputs.notify();
        self.taps.set_wanted(self.server.gateway().wants_books());
        self.log_notices();
        if worked {
            self.gauges.show(&self.server.gateway().counters());
        }
        self.show_sessions_if_due();
        Ok(worked)
    }

    fn park(&mut self) -> Result<(), String> {
        let (outputs, inputs) = (&self.outputs, &mut self.inputs);
        let waiting = !self.queue.is_empty() || inputs.pending() > 0;
        let (taps, names) = (&self.taps, &self.names);
        let has_work = || waiting || outputs.has_work() || taps.has_work();
        let mut emit = |input: &Input, arrived_ns: u64| publish(inputs, names, input, arrived_ns);
        self.server.park(has_work, PARK_MAX, &mut emit).map_err(|e| e.to_string())?;
        self.inputs.notify();
        Ok(())
    }

    fn idle_for(&self) -> Duration {
        self.gauges.show(&self.server.gateway().counters());
        let waiting = !self.queue.is_empty() || self.inputs.pending() > 0;
        if waiting || self.outputs.has_work() || self.taps.has_work() {
            return Duration::ZERO;
        }
        self.server.idle_for()
    }

    fn poll_fd(&self) -> RawFd {
        self.server.poll_fd()
    }
}
