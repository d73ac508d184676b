//! The one thread that decides: takes an envelope, journals it, applies it, publishes what follows.
//!
//! A line belongs here if the core thread runs it. It never waits for anybody: when the output
//! ring is full it yields until its readers, who always drain, have made room.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use disruptor::Producer;
use rutter_core::id::VenueId;
use rutter_core::input::Input;
use rutter_core::output::{Output, Sink};
use rutter_journal::{AppendError, Storage};
use rutter_transport::wait::{Idle, PARK_MAX, Waiter};
use rutter_transport::wake::{Parked, WakeHandle, sleep_unless};

use crate::decider::Decider;
use crate::rings::{InputEnvelope, InputPoller, OutputEnvelope, OutputProducer, Taken};

/// Envelopes taken before readers are woken and the timer is looked at.
const BATCH_MAX: u64 = 256;

/// What other threads may see of the core.
#[derive(Debug, Default)]
pub struct CoreGauges {
    /// Inputs decided.
    pub inputs: AtomicU64,
    /// Journal sequence of the last one.
    pub seq: AtomicU64,
    /// Times that the output ring was full.
    pub output_stalls: AtomicU64,
}

/// Whom an output is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Addressee {
    /// A venue's sender.
    Venue(VenueId),
    /// The client gateway.
    Clients,
}

/// A reader of the output ring, and how to wake it.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Which outputs are for it.
    pub addressee: Addressee,
    /// How to wake it.
    pub wake: WakeHandle,
}

/// A bit for each addressee.
const fn bit(addressee: Addressee) -> u64 {
    match addressee {
        Addressee::Venue(venue) => 1 << (venue.0 & 31),
        Addressee::Clients => 1 << 32,
    }
}

/// The bit of whom an output is for; none for what only the read model takes: it looks by itself.
const fn bit_of(output: &Output) -> u64 {
    match output {
        Output::Report(_) | Output::CancelReject(_) => bit(Addressee::Clients),
        Output::SendNew(new) => bit(Addressee::Venue(new.venue)),
        Output::SendCancel(child) | Output::Query(child) => bit(Addressee::Venue(child.venue)),
        Output::Notice(_) => 0,
    }
}

/// Everything that the core thread owns.
pub struct CoreThread<S: Storage> {
    /// Engine and journal.
    pub decider: Decider<S>,
    /// Where inputs come from.
    pub inputs: InputPoller,
    /// Where outputs go.
    pub outputs: OutputProducer,
    /// Those who read them.
    pub readers: Vec<Reader>,
    /// Told how far the input ring is read.
    pub taken: Arc<Taken>,
    /// Sleep flag.
    pub parked: Arc<Parked>,
    /// How to wait.
    pub waiter: Waiter,
    /// Ask to end.
    pub stop: Arc<AtomicBool>,
    /// What others may see.
    pub gauges: Arc<CoreGauges>,
    /// The clock.
    pub clock: fn() -> u64,
    /// A bit for each addressee of what was published since they were last woken.
    pub addressed: u64,
}

impl<S: Storage> std::fmt::Debug for CoreThread<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CoreThread")
    }
}

/// Publishes what the engine decides.
struct Publisher<'a> {
    producer: &'a mut OutputProducer,
    readers: &'a [Reader],
    gauges: &'a CoreGauges,
    seq: u64,
    arrived_ns: u64,
    published_ns: u64,
    taken_ns: u64,
    addressed: u64,
    clock: fn() -> u64,
}

impl Sink for Publisher<'_> {
    #[inline]
    fn output(&mut self, output: &Output) {
        let envelope = OutputEnvelope {
            output: *output,
            seq: self.seq,
            arrived_ns: self.arrived_ns,
            published_ns: self.published_ns,
            taken_ns: self.taken_ns,
            decided_ns: (self.clock)(),
        };
        self.addressed |= bit_of(output);
        while self.producer.try_publish(|slot| *slot = envelope).is_err() {
            self.gauges.output_stalls.fetch_add(1, Ordering::Relaxed);
            for reader in self.readers {
                reader.wake.notify();
            }
            std::thread::yield_now();
        }
    }
}

impl<S: Storage> CoreThread<S> {
    /// Runs until asked to end or until the journal refuses. `first` is decided before anything
    /// from the ring. Returns the decider for an orderly end.
    ///
    /// # Errors
    /// [`AppendError`]: what could not be journaled was not decided; the process must end.
    pub fn run(mut self, first: &[Input]) -> Result<Decider<S>, AppendError> {
        for input in first {
            let now = (self.clock)();
            let envelope = InputEnvelope { input: *input, arrived_ns: now, published_ns: now };
            self.decide(&envelope, now)?;
        }
        self.wake_readers();
        while !self.stop.load(Ordering::Relaxed) {
            let worked = self.turn()?;
            if worked {
                self.waiter.worked();
            } else if self.waiter.idle() == Idle::Park {
                self.park();
            }
        }
        while self.turn()? {}
        let now = (self.clock)();
        self.decider.write_digest(now)?;
        Ok(self.decider)
    }

    fn turn(&mut self) -> Result<bool, AppendError> {
        let mut now = (self.clock)();
        let mut worked = false;
        if self.decider.engine().next_timer().is_some_and(|due| due.0 <= now) {
            let tick = InputEnvelope { input: Input::Tick, arrived_ns: now, published_ns: now };
            self.decide(&tick, now)?;
            worked = true;
        }
        let mut batch = [None; 16];
        let mut taken_in_all = 0;
        while taken_in_all < BATCH_MAX {
            let mut count = 0;
            if let Ok(mut guard) = self.inputs.take(batch.len() as u64) {
                for (slot, envelope) in batch.iter_mut().zip(&mut guard) {
                    *slot = Some(*envelope);
                    count += 1;
                }
            }
            if count == 0 {
                break;
            }
            self.taken.advance(count);
            for envelope in batch[..count].iter().flatten() {
                self.decide(envelope, now)?;
                now = (self.clock)();
            }
            taken_in_all += count as u64;
        }
        if worked || taken_in_all > 0 {
            worked = true;
            self.wake_readers();
        }
        Ok(worked)
    }

    #[inline]
    fn decide(&mut self, envelope: &InputEnvelope, now: u64) -> Result<(), AppendError> {
        let seq = self.decider.journal().next_sequence();
        let mut publisher = Publisher {
            producer: &mut self.outputs,
            readers: &self.readers,
            gauges: &self.gauges,
            seq,
            arrived_ns: envelope.arrived_ns,
            published_ns: envelope.published_ns,
            taken_ns: now,
            addressed: 0,
            clock: self.clock,
        };
        self.decider.decide(now, &envelope.input, &mut publisher)?;
        self.addressed |= publisher.addressed;
        self.gauges.inputs.fetch_add(1, Ordering::Relaxed);
        self.gauges.seq.store(seq, Ordering::Relaxed);
        Ok(())
    }

    /// Wakes those for whom something was published. The others drain the ring when they wake by
    /// themselves, or when it is full.
    fn wake_readers(&mut self) {
        let addressed = std::mem::take(&mut self.addressed);
        for reader in &self.readers {
            if addressed & bit(reader.addressee) != 0 {
                reader.wake.notify();
            }
        }
    }

    fn park(&self) {
        let now = (self.clock)();
        let timer = self.decider.engine().next_timer().map_or(u64::MAX, |due| due.0);
        let longest = PARK_MAX.min(std::time::Duration::from_nanos(timer.saturating_sub(now)));
        let has_work = || self.inputs.has_available() || self.stop.load(Ordering::Relaxed);
        sleep_unless(&self.parked, has_work, longest);
    }
}
