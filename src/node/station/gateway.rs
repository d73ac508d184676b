//! The station of the client gateway: gives clients' requests to the core, and its reports to them.
//!
//! A line belongs here if it concerns clients, whatever their protocol.

use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use rutter_admin::console::sessions::{Connection, Lockout, SessionGauges};
use rutter_clients::lockout::LockoutShown;
use rutter_clients::server::OUTPUTS_PER_TURN;
use rutter_clients::{ClientGateway, GatewayServer, NoticeLevel, Passport};
use rutter_core::input::Input;
use rutter_core::output::{Notice, Output, ReportKind};
use rutter_fix::store::MessageStore;
use rutter_journal::ReleaseMark;
use rutter_transport::arrival::Arrival;
use rutter_transport::wait::PARK_MAX;

use super::added::{AddedSessions, Addition};
use super::{Station, StationHandles};
use crate::node::rings::{InputWriter, OutputEnvelope, OutputReader};
use crate::node::tap::TapReader;
use crate::watch::gateway_counters::GatewayGauges;
use crate::watch::logs::trace::Sessions;
use crate::watch::stages::{StageRecorder, StageTimes};

/// How often the state of the sessions is shown, nanoseconds.
const SESSIONS_PERIOD_NS: u64 = 100_000_000;

/// Reports that wait for the journal's disk at most, besides those in the output ring. When there
/// are as many, the ring is not drained: it fills, the core decides nothing more and counts it
/// (`output_stalls`), and clients are read no further, until the disk comes.
pub const HELD_REPORTS_MAX: usize = 131_072;

/// The client gateway.
#[derive(Debug)]
pub struct Gateway<S: MessageStore> {
    server: GatewayServer<S>,
    outputs: OutputReader,
    inputs: InputWriter,
    tap: TapReader,
    release: ReleaseMark,
    stages: StageRecorder,
    clock: fn() -> u64,
    /// As the log names its sessions.
    names: Sessions,
    /// Shows its counters to others.
    gauges: Arc<GatewayGauges>,
    /// Shows its sessions to others, where there are any; and when it did last.
    sessions: Option<(Arc<SessionGauges>, u64)>,
    /// Sessions that are added while it runs.
    added: Arc<AddedSessions<S>>,
    /// The lock-outs that it shows.
    lockouts_shown: u64,
    /// Reports that are not released yet, or have to wait for the next turn.
    queue: VecDeque<OutputEnvelope>,
    /// True if the queue has reached its limit; logged once.
    full: bool,
    /// Of the trades in the current batch.
    told: Vec<StageTimes>,
}

/// Publishes a client's input. Returns false if there is no room: new orders leave an eighth of the
/// ring free for cancels and venue answers. The gateway then keeps the input and stops reading that
/// socket.
fn publish(inputs: &mut InputWriter, names: &Sessions, input: &Input, arrival: Arrival) -> bool {
    let room = match input {
        Input::NewOrder(_)
        | Input::Unacceptable(_)
        | Input::Replace(_)
        | Input::Status(_)
        | Input::Preview(_)
        | Input::MassStatus(_) => inputs.has_room_for_orders(),
        _ => inputs.pending() == 0,
    };
    if room {
        // Before anybody can act on it.
        names.received(input);
        inputs.push(input, arrival);
    }
    room
}

impl<S: MessageStore> Gateway<S> {
    /// A gateway that lets clients in.
    pub fn start(
        server: GatewayServer<S>,
        handles: StationHandles,
        tap: TapReader,
        names: Sessions,
        clock: fn() -> u64,
    ) -> Self {
        let StationHandles { outputs, inputs, release, stages, .. } = handles;
        tap.wake_with(server.waker());
        let (queue, told) = (VecDeque::new(), Vec::with_capacity(OUTPUTS_PER_TURN));
        let (gauges, sessions) = (Arc::default(), None);
        Self {
            server,
            outputs,
            inputs,
            tap,
            release,
            stages,
            clock,
            names,
            gauges,
            sessions,
            added: Arc::default(),
            lockouts_shown: 0,
            queue,
            full: false,
            told,
        }
    }

    /// Sets the gauges that show the gateway's sessions.
    pub fn show_sessions(&mut self, gauges: Arc<SessionGauges>) {
        self.sessions = Some((gauges, 0));
    }

    /// Sets where sessions come from that are added while the gateway runs.
    pub fn take_sessions_from(&mut self, added: Arc<AddedSessions<S>>) {
        added.wake_with(self.server.waker());
        self.added = added;
    }

    /// Lets the clients of added sessions in. Returns true if there was any.
    fn take_sessions(&mut self) -> bool {
        if !self.added.are_waiting() {
            return false;
        }
        for Addition { sessions, stores, answer } in self.added.take() {
            let now_ns = (self.clock)();
            let added = self.server.gateway_mut().add_sessions(now_ns, &sessions, stores);
            if added.is_ok() {
                self.names.add(sessions.into_iter().map(|session| session.comp_id).collect());
            }
            // Whoever asked may have given up waiting.
            let _ = answer.try_send(added.map(|_| ()).map_err(|error| error.to_string()));
        }
        true
    }

    /// Shows its sessions, if it is time.
    fn show_sessions_if_due(&mut self) {
        if let Some((gauges, shown_ns)) = &mut self.sessions {
            let now_ns = (self.clock)();
            if now_ns.saturating_sub(*shown_ns) >= SESSIONS_PERIOD_NS {
                *shown_ns = now_ns;
                self.server.gateway_mut().each_session(|place, shown| {
                    gauges.store(
                        place,
                        &Connection {
                            connected: shown.connected,
                            next_in: shown.next_in,
                            next_out: shown.next_out,
                            last_in_ns: shown.last_in_ns,
                            backlog_bytes: shown.backlog_bytes,
                        },
                    );
                    if let Some(reason) = shown.failure {
                        gauges.fail(place, reason.to_string());
                    }
                });
                let gateway = self.server.gateway();
                let revision = gateway.lockouts_revision();
                if revision != self.lockouts_shown && show_lockouts(gateway, gauges, now_ns) {
                    self.lockouts_shown = revision;
                }
            }
        }
    }

    /// What others may see of the gateway.
    pub fn gauges(&self) -> Arc<GatewayGauges> {
        Arc::clone(&self.gauges)
    }

    /// Drains the ring and sends the released reports in order. Returns true if there was any.
    fn tell(&mut self) -> bool {
        let Self { outputs, queue, full, server, told, names, .. } = self;
        let released = self.release.up_to();
        let mut count = 0;
        told.clear();
        let mut tell = |envelope: &OutputEnvelope| {
            if envelope.seq > released || count >= OUTPUTS_PER_TURN {
                return false;
            }
            count += 1;
            give(server, names, envelope);
            if matches!(&envelope.output, Output::Report(r) if r.kind == ReportKind::Trade) {
                told.push(StageTimes::of(envelope));
            }
            true
        };
        while queue.front().is_some_and(&mut tell) {
            queue.pop_front();
        }
        // A report that may be sent at once is read from the ring's slot, because a copy costs
        // time.
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
        if count == 0 {
            return drained > 0;
        }
        let (inputs, names) = (&mut self.inputs, &self.names);
        self.server.flush_now(&mut |input: &Input, arrival| publish(inputs, names, input, arrival));
        let written = (self.clock)();
        for passage in &self.told {
            self.stages.record(passage, written);
        }
        true
    }

    /// Applies the feeds' updates to the books that clients see. Returns true if there was any.
    fn take_books(&mut self) -> bool {
        if !self.tap.has_work() {
            return false;
        }
        let (now_ns, gateway) = ((self.clock)(), self.server.gateway_mut());
        self.tap.drain(|news| gateway.on_book_news(now_ns, news))
    }

    fn log_notices(&mut self) {
        while let Some(notice) = self.server.gateway_mut().take_notice() {
            let said = notice.words(|session| self.names.name(session));
            match notice.level() {
                NoticeLevel::Info => tracing::info!(notice = said, "client"),
                NoticeLevel::Warn => tracing::warn!(notice = said, "client"),
                NoticeLevel::Error => tracing::error!(notice = said, "client"),
            }
        }
        if let Some(error) = self.server.last_tls_error() {
            tracing::error!(%error, "certificates have changed and are refused");
        }
    }
}

/// Shows the addresses that are locked out; false if that has to be tried again.
fn show_lockouts<S: MessageStore>(
    gateway: &ClientGateway<S>,
    gauges: &SessionGauges,
    now_ns: u64,
) -> bool {
    gauges.store_lockouts(|store| {
        gateway.each_lockout(now_ns, |place, shown| {
            let LockoutShown { address, failures, until_ns } = *shown;
            store(Lockout { place, address, failures, until_ns });
        });
    })
}

/// Gives an output to its session. A session that cannot take it is cut off until a restart, which
/// repeats the output from the journal. The other sessions go on.
fn give<S: MessageStore>(
    server: &mut GatewayServer<S>,
    names: &Sessions,
    envelope: &OutputEnvelope,
) {
    let passport = Passport {
        journal_seq: envelope.seq,
        arrived_ns: envelope.arrival.read_ns,
        decided_ns: envelope.decided_ns,
    };
    match server.output_from(&envelope.output, Some(&passport)) {
        Ok(()) => names.sent(&envelope.output, envelope.seq),
        Err(error) => tracing::error!(%error, "a report cannot be given to its session"),
    }
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
            | Output::ClientPreview(_)
            | Output::Notice(Notice::Halted | Notice::Resumed)
    )
}

impl<S: MessageStore + Send> Station for Gateway<S> {
    fn turn(&mut self) -> Result<bool, String> {
        let mut worked = self.tell();
        worked |= self.take_books();
        worked |= self.take_sessions();
        self.inputs.flush();
        let (inputs, names) = (&mut self.inputs, &self.names);
        let mut emit = |input: &Input, arrival: Arrival| publish(inputs, names, input, arrival);
        worked |= self.server.turn(|| None, &mut emit).map_err(|e| e.to_string())?;
        self.inputs.notify();
        self.tap.set_wanted(self.server.gateway().wants_books());
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
        let (tap, names, added) = (&self.tap, &self.names, &self.added);
        let has_work = || waiting || outputs.has_work() || tap.has_work() || added.are_waiting();
        let mut emit = |input: &Input, arrival: Arrival| publish(inputs, names, input, arrival);
        self.server.park(has_work, PARK_MAX, &mut emit).map_err(|e| e.to_string())?;
        self.inputs.notify();
        Ok(())
    }

    fn idle_for(&self) -> Duration {
        self.gauges.show(&self.server.gateway().counters());
        let waiting = !self.queue.is_empty() || self.inputs.pending() > 0;
        let added = self.added.are_waiting();
        if waiting || added || self.outputs.has_work() || self.tap.has_work() {
            return Duration::ZERO;
        }
        self.server.idle_for()
    }

    fn poll_fd(&self) -> RawFd {
        self.server.poll_fd()
    }
}
