//! The station of a venue's order entry: takes commands from the output ring, and gives the venue's
//! answers to the core.
//!
//! A line belongs here if it concerns one venue's orders, whatever the venue's protocol.

use std::collections::VecDeque;
use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use rutter_core::id::VenueId;
use rutter_core::input::{Input, VenueReject};
use rutter_core::output::Output;
use rutter_journal::ReleaseMark;
use rutter_transport::arrival::{Arrival, ArrivalCell};
use rutter_transport::driver::Driver;
use rutter_transport::machine::Machine;
use rutter_transport::wait::PARK_MAX;
use rutter_venues::VenueCommand;

use super::{Station, StationHandles, publish_news};
use crate::node::gate::Gate;
use crate::node::link_watch::{LinkGauge, LinkWatch};
use crate::node::rings::{InputWriter, OutputReader, PENDING_INPUTS_MAX};
use crate::watch::logs::trace::{self, Children};
use crate::watch::stages::{StageRecorder, StageTimes};

/// Commands sent in one turn; the rest follow in the next, after the socket was looked at.
const COMMANDS_PER_TURN: usize = 256;

/// Like [`publish_news`] for a venue's order entry, and logs each event of a child.
fn publish_child_news(
    inputs: &mut InputWriter,
    children: &Children,
    input: Input,
    arrival: Arrival,
) {
    children.news(&input);
    publish_news(inputs, children.venue(), input, arrival);
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
    arrival: Arc<ArrivalCell>,
    /// Commands that are not released yet, or wait for the next turn.
    queue: VecDeque<Queued>,
    /// Stage times of the new orders in the current batch.
    sent: Vec<StageTimes>,
    /// Commands of the current batch that were sent, for the log; empty below level `debug`.
    logged: Vec<(VenueCommand, u64)>,
    children: Children,
    link: LinkWatch,
}

/// A command with the sequence of the input that caused it.
#[derive(Debug)]
struct Queued {
    seq: u64,
    command: VenueCommand,
    passage: Option<StageTimes>,
}

impl<M: Machine<Command = VenueCommand, Emission = Input>> Sender<M> {
    /// A sender that begins to connect.
    pub fn start(
        venue: VenueId,
        name: String,
        mut driver: Driver<M>,
        handles: StationHandles,
        gauge: LinkGauge,
        clock: fn() -> u64,
    ) -> Self {
        let StationHandles { outputs, mut inputs, release, gate, stages } = handles;
        let link = LinkWatch::new(name.clone(), "orders", gauge);
        let children = Children::new(name);
        driver.start(&mut |input| {
            publish_child_news(&mut inputs, &children, input, Arrival::default());
        });
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
            link,
        }
    }

    /// Sends the released commands in order. Returns true if any was sent.
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
                publish_child_news(inputs, children, input, Arrival::default());
            };
            match &queued.command {
                VenueCommand::New(new)
                    if self.gate.is_void(queued.seq, self.venue, &queued.command) =>
                {
                    // It certainly never left, and the core is told so.
                    let (venue, child, reason) = (new.venue, new.child, VenueReject::NotSent);
                    emit(Input::ChildRejected { venue, child, reason, retry_after_ns: 0 });
                }
                command => {
                    self.driver.command(command, &mut emit);
                    // Only what was written has a time of writing.
                    self.sent.extend(queued.passage.filter(|_| is_sent));
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
        self.driver.flush_now(&mut |input| {
            publish_child_news(inputs, children, input, Arrival::default());
        });
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
            | Input::AmendRejected { reason: VenueReject::NotSent, .. }
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
                let passage = is_new.then(|| StageTimes::of(envelope));
                queue.push_back(Queued { seq: envelope.seq, command, passage });
            }
        }) > 0;
        worked |= self.send();
        let flushed = self.inputs.flush();
        if flushed || self.inputs.pending() < PENDING_INPUTS_MAX {
            let (inputs, children) = (&mut self.inputs, &self.children);
            let arrival = &self.arrival;
            let mut emit = |input| {
                publish_child_news(inputs, children, input, arrival.load());
            };
            worked |= self.driver.turn(|| None, &mut emit).map_err(|e| e.to_string())?;
        }
        self.link.look(&self.driver);
        self.children.refused(self.driver.machine().refusals());
        self.inputs.notify();
        Ok(worked)
    }

    fn park(&mut self) -> Result<(), String> {
        let (outputs, inputs, arrival) = (&self.outputs, &mut self.inputs, &self.arrival);
        let waiting = !self.queue.is_empty() || inputs.pending() > 0;
        let has_work = || waiting || outputs.has_work();
        let children = &self.children;
        let mut emit = |input| publish_child_news(inputs, children, input, arrival.load());
        self.driver.park(has_work, PARK_MAX, &mut emit).map_err(|e| e.to_string())?;
        self.link.look(&self.driver);
        self.children.refused(self.driver.machine().refusals());
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
