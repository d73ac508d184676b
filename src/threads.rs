//! What the sender and feed threads do, turn by turn.
//!
//! A line belongs here if it moves envelopes between a ring and a machine's driver. Deciding is the
//! core's, protocols are the machines'. Each thread drains the output ring into a queue of its own
//! first, so that the core never waits for a venue.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rutter_clients::server::OUTPUTS_PER_TURN;
use rutter_clients::{GatewayServer, OutputError};
use rutter_core::id::VenueId;
use rutter_core::input::Input;
use rutter_core::output::{Output, ReportKind};
use rutter_feeds::FeedCommand;
use rutter_fix::store::MessageStore;
use rutter_journal::ReleaseMark;
use rutter_transport::driver::{Driver, DriverError};
use rutter_transport::machine::Machine;
use rutter_transport::wait::Waiter;
use rutter_venues::VenueCommand;

use crate::rings::{InputWriter, OutputEnvelope, OutputReader, PENDING_INPUTS_MAX};
use crate::stages::StageRecorder;

/// Commands sent in one turn; the rest follow in the next, after the socket was looked at.
const COMMANDS_PER_TURN: usize = 256;

/// What one sender thread owns.
#[derive(Debug)]
pub struct Sender<M: Machine<Command = VenueCommand, Emission = Input>> {
    /// For which venue.
    pub venue: VenueId,
    /// The venue's protocol over its sockets.
    pub driver: Driver<M>,
    /// The core's decisions.
    pub outputs: OutputReader,
    /// To the core.
    pub inputs: InputWriter,
    /// Which decisions may leave.
    pub release: ReleaseMark,
    /// How to wait.
    pub waiter: Waiter,
    /// Where the time goes.
    pub stages: StageRecorder,
    /// Ask to end.
    pub stop: Arc<AtomicBool>,
    /// The clock.
    pub clock: fn() -> u64,
}

impl<M: Machine<Command = VenueCommand, Emission = Input>> Sender<M> {
    /// Runs until asked to end.
    ///
    /// # Errors
    /// [`DriverError`]: the system's polling failed; the process must end.
    pub fn run(mut self) -> Result<(), DriverError> {
        let mut queue: VecDeque<(VenueCommand, OutputEnvelope)> = VecDeque::new();
        let mut sent: Vec<OutputEnvelope> = Vec::with_capacity(COMMANDS_PER_TURN);
        let arrival = self.driver.arrival();
        let inputs = &mut self.inputs;
        self.driver.start(&mut |input| inputs.push(input, 0));
        while !self.stop.load(Ordering::Relaxed) {
            let venue = self.venue;
            let mut worked = self.outputs.drain(|envelope| {
                if let Some(command) = VenueCommand::from_output(&envelope.output, venue) {
                    queue.push_back((command, *envelope));
                }
            }) > 0;
            worked |= self.send(&mut queue, &mut sent);
            let flushed = self.inputs.flush();
            if flushed || self.inputs.pending() < PENDING_INPUTS_MAX {
                let inputs = &mut self.inputs;
                let mut emit = |input| inputs.push(input, arrival.load(Ordering::Relaxed));
                worked |= self.driver.turn(|| None, &mut emit)?;
            }
            self.inputs.notify();
            if worked {
                self.waiter.worked();
                continue;
            }
            self.stages.hand_over();
            let (outputs, stop) = (&self.outputs, &self.stop);
            let waiting = !queue.is_empty() || self.inputs.pending() > 0;
            let has_work = || waiting || outputs.has_work() || stop.load(Ordering::Relaxed);
            let inputs = &mut self.inputs;
            let mut emit = |input| inputs.push(input, arrival.load(Ordering::Relaxed));
            self.driver.idle(&mut self.waiter, has_work, &mut emit)?;
            self.inputs.notify();
        }
        self.stages.hand_over();
        Ok(())
    }

    /// Sends what is released, in order; true if anything was.
    fn send(
        &mut self,
        queue: &mut VecDeque<(VenueCommand, OutputEnvelope)>,
        sent: &mut Vec<OutputEnvelope>,
    ) -> bool {
        if queue.is_empty() {
            return false;
        }
        let released = self.release.up_to();
        sent.clear();
        while sent.len() < COMMANDS_PER_TURN {
            let Some((command, envelope)) = queue.front() else { break };
            if envelope.seq > released {
                break;
            }
            let inputs = &mut self.inputs;
            self.driver.command(command, &mut |input| inputs.push(input, 0));
            sent.push(*envelope);
            queue.pop_front();
        }
        let inputs = &mut self.inputs;
        self.driver.flush_now(&mut |input| inputs.push(input, 0));
        let written = (self.clock)();
        for envelope in sent.iter() {
            if matches!(envelope.output, Output::SendNew(_)) {
                self.stages.record(envelope, written);
            }
        }
        !sent.is_empty()
    }
}

/// What one feed thread owns.
#[derive(Debug)]
pub struct Feed<M: Machine<Command = FeedCommand, Emission = Input>> {
    /// The venue's market data over its sockets.
    pub driver: Driver<M>,
    /// To the core.
    pub inputs: InputWriter,
    /// How to wait.
    pub waiter: Waiter,
    /// Ask to end.
    pub stop: Arc<AtomicBool>,
}

impl<M: Machine<Command = FeedCommand, Emission = Input>> Feed<M> {
    /// Runs until asked to end. Book changes are emitted only while the ring has room; meanwhile
    /// the machine keeps the newest state.
    ///
    /// # Errors
    /// [`DriverError`]: the system's polling failed; the process must end.
    pub fn run(mut self) -> Result<(), DriverError> {
        let arrival = self.driver.arrival();
        let inputs = &mut self.inputs;
        self.driver.start(&mut |input| inputs.push(input, 0));
        while !self.stop.load(Ordering::Relaxed) {
            self.inputs.flush();
            let inputs = &mut self.inputs;
            let mut emit = |input| inputs.push(input, arrival.load(Ordering::Relaxed));
            let worked = self.driver.turn(|| None, &mut emit)?;
            self.emit_books();
            if worked {
                self.waiter.worked();
                continue;
            }
            let waiting = self.inputs.pending() > 0;
            let stop = &self.stop;
            let has_work = || waiting || stop.load(Ordering::Relaxed);
            let inputs = &mut self.inputs;
            let mut emit = |input| inputs.push(input, arrival.load(Ordering::Relaxed));
            self.driver.idle(&mut self.waiter, has_work, &mut emit)?;
            self.emit_books();
        }
        Ok(())
    }

    fn emit_books(&mut self) {
        if self.inputs.has_room_for_books() {
            let inputs = &mut self.inputs;
            self.driver.emit_held(&mut |input| inputs.push(input, 0));
        }
        self.inputs.notify();
    }
}

/// What the client gateway's thread owns.
#[derive(Debug)]
pub struct GatewayThread<S: MessageStore> {
    /// All client sessions over their sockets.
    pub server: GatewayServer<S>,
    /// The core's decisions.
    pub outputs: OutputReader,
    /// To the core.
    pub inputs: InputWriter,
    /// Which decisions may leave.
    pub release: ReleaseMark,
    /// How to wait.
    pub waiter: Waiter,
    /// Where the time goes.
    pub stages: StageRecorder,
    /// Ask to end.
    pub stop: Arc<AtomicBool>,
    /// The clock.
    pub clock: fn() -> u64,
}

/// Publishes a client's input, or says that there is no room: new orders leave an eighth of the
/// ring to cancels and venue answers. What is refused here stays with the gateway, which then stops
/// reading that socket.
fn publish(inputs: &mut InputWriter, input: &Input, arrived_ns: u64) -> bool {
    let room = match input {
        Input::NewOrder(_) | Input::Unacceptable(_) | Input::Status(_) => {
            inputs.has_room_for_orders()
        }
        _ => inputs.pending() == 0,
    };
    if room {
        inputs.push(*input, arrived_ns);
    }
    room
}

impl<S: MessageStore> GatewayThread<S> {
    /// Runs until asked to end.
    ///
    /// # Errors
    /// The system's polling failed, or a report cannot be stored: the process must end, and a
    /// restart tells the client from the journal.
    pub fn run(mut self) -> Result<(), String> {
        let mut queue: VecDeque<OutputEnvelope> = VecDeque::new();
        let mut told: Vec<OutputEnvelope> = Vec::with_capacity(OUTPUTS_PER_TURN);
        while !self.stop.load(Ordering::Relaxed) {
            let mut worked = self.outputs.drain(|envelope| {
                if matches!(envelope.output, Output::Report(_) | Output::CancelReject(_)) {
                    queue.push_back(*envelope);
                }
            }) > 0;
            worked |= self.tell(&mut queue, &mut told)?;
            self.inputs.flush();
            let inputs = &mut self.inputs;
            let mut emit = |input: &Input, arrived_ns: u64| publish(inputs, input, arrived_ns);
            let turn = self.server.turn(|| None, &mut emit);
            worked |= turn.map_err(|e| e.to_string())?;
            self.inputs.notify();
            self.log_notices();
            if worked {
                self.waiter.worked();
                continue;
            }
            self.stages.hand_over();
            let (outputs, stop) = (&self.outputs, &self.stop);
            let waiting = !queue.is_empty() || self.inputs.pending() > 0;
            let has_work = || waiting || outputs.has_work() || stop.load(Ordering::Relaxed);
            let inputs = &mut self.inputs;
            let mut emit = |input: &Input, arrived_ns: u64| publish(inputs, input, arrived_ns);
            let idle = self.server.idle(&mut self.waiter, has_work, &mut emit);
            idle.map_err(|e| e.to_string())?;
            self.inputs.notify();
        }
        self.stages.hand_over();
        Ok(())
    }

    /// Tells clients what is released, in order; true if anything was told.
    fn tell(
        &mut self,
        queue: &mut VecDeque<OutputEnvelope>,
        told: &mut Vec<OutputEnvelope>,
    ) -> Result<bool, String> {
        if queue.is_empty() {
            return Ok(false);
        }
        let released = self.release.up_to();
        told.clear();
        while told.len() < OUTPUTS_PER_TURN {
            let Some(envelope) = queue.front() else { break };
            if envelope.seq > released {
                break;
            }
            if let Err(error) = self.server.output(&envelope.output) {
                tracing::error!(%error, "a report cannot be given to its session");
                if !matches!(error, OutputError::UnknownSession(_)) {
                    return Err(error.to_string());
                }
            }
            told.push(*envelope);
            queue.pop_front();
        }
        let inputs = &mut self.inputs;
        self.server
            .flush_now(&mut |input: &Input, arrived_ns: u64| publish(inputs, input, arrived_ns));
        let written = (self.clock)();
        for envelope in told.iter() {
            if matches!(&envelope.output, Output::Report(r) if r.kind == ReportKind::Trade) {
                self.stages.record(envelope, written);
            }
        }
        Ok(!told.is_empty())
    }

    fn log_notices(&mut self) {
        while let Some(notice) = self.server.gateway_mut().take_notice() {
            tracing::info!(?notice, "client");
        }
    }
}
