//! What decides: takes an envelope, journals it, applies it, publishes what follows.
//!
//! A line belongs here if the core's thread runs it. The core never waits. Outputs that do not fit
//! the output ring are held in order, and nothing more is decided until the readers have made room.
//! Readers always drain the ring.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use disruptor::Producer;
use rutter_core::id::VenueId;
use rutter_core::input::Input;
use rutter_core::output::{Notice, Output, ReportKind, Sink};
use rutter_journal::{AppendError, Storage};
use rutter_transport::arrival::Arrival;
use rutter_transport::wake::WakeHandle;

use crate::node::decider::Decider;
use crate::node::gate::Gate;
use crate::node::rings::{
    InputEnvelope, InputPoller, InputPositions, NO_OUTPUT, OutputEnvelope, OutputProducer,
};

/// Most inputs in one batch, between two checks of the timer. Outputs of a batch that do not fit
/// the output ring are held, so this bounds the held outputs too.
const BATCH_MAX: u64 = 64;

/// What other threads may see of the core.
#[derive(Debug, Default)]
pub struct CoreGauges {
    /// Number of decided inputs.
    pub inputs: AtomicU64,
    /// Journal sequence of the last one.
    pub seq: AtomicU64,
    /// Times that the output ring was full.
    pub output_stalls: AtomicU64,
    /// Envelopes put into the output ring.
    pub published: AtomicU64,
    /// When the core last had a turn that was not held up, nanoseconds since the Unix epoch.
    pub turned_ns: AtomicU64,
}

/// The recipient of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// The sender of one venue.
    Venue(VenueId),
    /// The client gateway.
    Clients,
}

/// A reader of the output ring, and how to wake it.
#[derive(Clone, Debug)]
pub struct WokenReader {
    /// Which outputs are for it.
    pub recipient: Recipient,
    /// Wakes the recipient's thread.
    pub wake: WakeHandle,
}

/// A bit for each recipient.
const fn bit(recipient: Recipient) -> u64 {
    match recipient {
        Recipient::Venue(venue) => 1 << (venue.0 & 31),
        Recipient::Clients => 1 << 32,
    }
}

/// One bit per reader that this output is addressed to. Zero when only the read model needs it.
const fn bit_of(output: &Output) -> u64 {
    match output {
        Output::Report(_)
        | Output::CancelReject(_)
        | Output::MassCancelReport(_)
        | Output::Command(..)
        | Output::Operator(_)
        | Output::ClientPreview(_)
        | Output::Notice(Notice::Halted | Notice::Resumed) => bit(Recipient::Clients),
        Output::SendNew(new) => bit(Recipient::Venue(new.venue)),
        Output::SendReduce(reduce) => bit(Recipient::Venue(reduce.of.venue)),
        Output::SendCancel(child) | Output::Query(child) => bit(Recipient::Venue(child.venue)),
        Output::AskBalances(venue) => bit(Recipient::Venue(*venue)),
        // The read model's thread answers the console.
        Output::Preview(..) | Output::Notice(_) => 0,
    }
}

/// The core's thread: decider, rings and readers.
pub struct Core<S: Storage> {
    /// Engine and journal, after the replay.
    pub decider: Decider<S>,
    /// The core's end of the input ring.
    pub inputs: InputPoller,
    /// The core's end of the output ring.
    pub outputs: Publisher,
    /// Readers to wake; empty when they share the core's thread.
    pub readers: Vec<WokenReader>,
    /// Shows the core's position in the input ring.
    pub taken: Arc<InputPositions>,
    /// Closed to new orders before a halt is journaled.
    pub gate: Arc<Gate>,
    /// Returns the time, nanoseconds since the Unix epoch.
    pub clock: fn() -> u64,
}

impl<S: Storage> std::fmt::Debug for Core<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Core")
    }
}

/// Writes the engine's outputs to the output ring.
pub struct Publisher {
    producer: OutputProducer,
    held: VecDeque<OutputEnvelope>,
    gauges: Arc<CoreGauges>,
    /// A bit for each recipient of what was published since they were last woken.
    recipients: u64,
    /// Number of envelopes written to the ring.
    published: u64,
    /// Of the input that is being decided.
    now: CurrentInput,
    clock: fn() -> u64,
}

/// The input that is being decided.
#[derive(Clone, Copy, Debug, Default)]
struct CurrentInput {
    seq: u64,
    arrival: Arrival,
    published_ns: u64,
    taken_ns: u64,
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher").field("held", &self.held.len()).finish_non_exhaustive()
    }
}

impl Publisher {
    /// A publisher into an output ring.
    pub fn new(producer: OutputProducer, clock: fn() -> u64) -> Self {
        let (gauges, now) = (Arc::default(), CurrentInput::default());
        Self { producer, held: VecDeque::new(), gauges, recipients: 0, published: 0, now, clock }
    }

    /// What others may see of the core.
    pub fn gauges(&self) -> Arc<CoreGauges> {
        Arc::clone(&self.gauges)
    }

    /// Publishes the held outputs. Returns true if none is left.
    fn flush(&mut self) -> bool {
        while let Some(envelope) = self.held.front() {
            if self.producer.try_publish(|slot| *slot = *envelope).is_err() {
                return false;
            }
            self.recipients |= bit_of(&envelope.output);
            self.published += 1;
            self.held.pop_front();
        }
        true
    }
}

/// Whether a sender or the gateway records how long this took.
const fn is_measured(output: &Output) -> bool {
    match output {
        Output::SendNew(_) => true,
        Output::Report(report) => matches!(report.kind, ReportKind::Trade),
        _ => false,
    }
}

impl Sink for Publisher {
    #[inline]
    fn output(&mut self, output: &Output) {
        let CurrentInput { seq, arrival, published_ns, taken_ns } = self.now;
        // The clock is read only for outputs whose stages are measured.
        let decided_ns = if is_measured(output) { (self.clock)() } else { taken_ns };
        let fill = |slot: &mut OutputEnvelope| {
            slot.output = *output;
            slot.seq = seq;
            slot.arrival = arrival;
            slot.published_ns = published_ns;
            slot.taken_ns = taken_ns;
            slot.decided_ns = decided_ns;
        };
        if self.held.is_empty() && self.producer.try_publish(fill).is_ok() {
            self.recipients |= bit_of(output);
            self.published += 1;
            return;
        }
        self.gauges.output_stalls.fetch_add(1, Ordering::Relaxed);
        let mut envelope = NO_OUTPUT;
        fill(&mut envelope);
        self.held.push_back(envelope);
    }
}

impl<S: Storage> Core<S> {
    /// Decides the first inputs, before any input from the ring.
    ///
    /// # Errors
    /// [`AppendError`]: what could not be journaled was not decided; the process must end.
    pub fn begin(&mut self, first: &[Input]) -> Result<(), AppendError> {
        for input in first {
            let now = (self.clock)();
            let envelope = InputEnvelope {
                input: *input,
                arrival: Arrival::new(None, now),
                published_ns: now,
            };
            decide(&mut self.decider, &mut self.outputs, &self.gate, &envelope, now)?;
        }
        self.wake_readers();
        Ok(())
    }

    /// Decides the remaining inputs once all writers have ended, and writes the last digest.
    /// Returns the decider for an orderly end. Outputs that do not fit the ring are dropped: the
    /// next start makes them again from the journal.
    ///
    /// # Errors
    /// The errors of [`Core::begin`].
    pub fn end(mut self) -> Result<Decider<S>, AppendError> {
        loop {
            self.outputs.held.clear();
            if !self.turn()? {
                break;
            }
        }
        let now = (self.clock)();
        self.decider.write_digest(now)?;
        Ok(self.decider)
    }

    /// Decides a due timer and one batch of inputs. Returns true if there was any.
    ///
    /// # Errors
    /// The errors of [`Core::begin`].
    pub fn turn(&mut self) -> Result<bool, AppendError> {
        if !self.outputs.flush() {
            // A reader may sleep because it has not seen these outputs.
            for reader in &self.readers {
                reader.wake.notify();
            }
            return Ok(false);
        }
        let mut now = (self.clock)();
        self.outputs.gauges.turned_ns.store(now, Ordering::Relaxed);
        let mut worked = false;
        if self.decider.engine().next_timer().is_some_and(|due| due.0 <= now) {
            let tick = InputEnvelope {
                input: Input::Tick,
                arrival: Arrival::new(None, now),
                published_ns: now,
            };
            decide(&mut self.decider, &mut self.outputs, &self.gate, &tick, now)?;
            worked = true;
        }
        let mut count = 0;
        if let Ok(mut guard) = self.inputs.take(BATCH_MAX) {
            for envelope in &mut guard {
                decide(&mut self.decider, &mut self.outputs, &self.gate, envelope, now)?;
                now = (self.clock)();
                count += 1;
            }
        }
        if count > 0 {
            self.taken.advance(count);
            worked = true;
        }
        if worked {
            self.wake_readers();
        }
        Ok(worked)
    }

    /// Wakes the readers that have outputs. The others drain the ring when they wake by themselves
    /// or when it is full.
    fn wake_readers(&mut self) {
        let recipients = std::mem::take(&mut self.outputs.recipients);
        self.outputs.gauges.published.store(self.outputs.published, Ordering::Relaxed);
        for reader in &self.readers {
            if recipients & bit(reader.recipient) != 0 {
                reader.wake.notify();
            }
        }
    }

    fn has_work(&self) -> bool {
        self.inputs.has_available() || !self.outputs.held.is_empty()
    }

    fn time_to_timer(&self) -> Duration {
        let timer = self.decider.engine().next_timer().map_or(u64::MAX, |due| due.0);
        Duration::from_nanos(timer.saturating_sub((self.clock)()))
    }

    /// Time until the core's next timer; zero if there is work already.
    pub fn idle_for(&self) -> Duration {
        if self.has_work() { Duration::ZERO } else { self.time_to_timer() }
    }
}

#[inline]
fn decide<S: Storage>(
    decider: &mut Decider<S>,
    outputs: &mut Publisher,
    gate: &Gate,
    envelope: &InputEnvelope,
    now: u64,
) -> Result<(), AppendError> {
    let seq = decider.journal().next_sequence();
    outputs.now = CurrentInput {
        seq,
        arrival: envelope.arrival,
        published_ns: envelope.published_ns,
        taken_ns: now,
    };
    gate.before(seq, &envelope.input);
    decider.decide(now, &envelope.input, outputs)?;
    // One thread writes this counter; others only read.
    outputs
        .gauges
        .inputs
        .store(outputs.gauges.inputs.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    outputs.gauges.seq.store(seq, Ordering::Relaxed);
    Ok(())
}
