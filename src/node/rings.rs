//! The two rings. Gateways, senders and feeds write the input ring; the core writes the output ring
//! for all readers.
//!
//! A line belongs here if it moves an envelope from one thread to another. No thread blocks on a
//! full ring. A producer keeps the inputs that did not fit in its own bounded queue, and continues
//! to drain the output ring. So the two rings can never wait for each other.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crossbeam::utils::CachePadded;
use disruptor::{
    BusySpin, EventPoller, MultiConsumerBarrier, MultiProducer, MultiProducerBarrier, Producer,
    SingleConsumerBarrier, SingleProducer, SingleProducerBarrier,
};
use rutter_core::id::{ClOrdId, OrderId, SessionId};
use rutter_core::input::Input;
use rutter_core::output::{CancelReject, OrdStatus, Output};
use rutter_transport::arrival::Arrival;
use rutter_transport::wake::WakeHandle;

/// Most inputs that a producer keeps while the input ring is full. At this number it stops reading
/// its sockets.
pub const PENDING_INPUTS_MAX: usize = 65_536;

/// One slot of the input ring.
#[derive(Clone, Copy, Debug)]
pub struct InputEnvelope {
    /// The input that the core has to decide.
    pub input: Input,
    /// When the bytes that caused the input arrived.
    pub arrival: Arrival,
    /// When the input was put into the ring, nanoseconds since the Unix epoch.
    pub published_ns: u64,
}

/// One slot of the output ring.
#[derive(Clone, Copy, Debug)]
pub struct OutputEnvelope {
    /// The output that the core decided.
    pub output: Output,
    /// Journal sequence of the input that caused it.
    pub seq: u64,
    /// When that input's bytes arrived.
    pub arrival: Arrival,
    /// When that input was published.
    pub published_ns: u64,
    /// When the core took that input.
    pub taken_ns: u64,
    /// When the core published this.
    pub decided_ns: u64,
}

/// The arrival of an input that no bytes caused.
const NEVER: Arrival = Arrival { received_ns: 0, read_ns: 0 };

const NO_INPUT: InputEnvelope =
    InputEnvelope { input: Input::Tick, arrival: NEVER, published_ns: 0 };

/// Content of a slot of the output ring before its first use.
pub const NO_OUTPUT: OutputEnvelope = OutputEnvelope {
    output: Output::CancelReject(CancelReject {
        session: SessionId(0),
        event: 0,
        client_seq: 0,
        time: rutter_core::number::UnixNanos(0),
        order: OrderId(0),
        trace: 0,
        cl_ord_id: ClOrdId::EMPTY,
        orig_cl_ord_id: ClOrdId::EMPTY,
        status: OrdStatus::Rejected,
        of_replace: false,
        reason: rutter_core::input::Refusal::None,
    }),
    seq: 0,
    arrival: NEVER,
    published_ns: 0,
    taken_ns: 0,
    decided_ns: 0,
};

/// The core's end of the input ring.
pub type InputPoller = EventPoller<InputEnvelope, MultiProducerBarrier>;

/// The core's end of the output ring.
pub type OutputProducer = SingleProducer<OutputEnvelope, MultiConsumerBarrier>;

type OutputPoller = EventPoller<OutputEnvelope, SingleProducerBarrier>;

/// Makes the input ring.
pub fn input_ring(
    slots: usize,
) -> (InputPoller, MultiProducer<InputEnvelope, SingleConsumerBarrier>) {
    let builder = disruptor::build_multi_producer(slots, || NO_INPUT, BusySpin);
    let (poller, builder) = builder.new_event_poller();
    (poller, builder.build())
}

/// Makes the output ring with so many readers, at least one.
pub fn output_ring(slots: usize, readers: usize) -> (OutputProducer, Vec<OutputReader>) {
    let builder = disruptor::build_single_producer(slots, || NO_OUTPUT, BusySpin);
    let mut builder = builder.with_multi_consumer();
    let mut pollers = Vec::new();
    for _ in 0..readers.max(1) {
        let (poller, next) = builder.new_event_poller();
        pollers.push(poller);
        builder = next;
    }
    let reader = |poller| OutputReader { poller, seen: Position::default() };
    let readers = pollers.into_iter().map(reader).collect();
    (builder.build(), readers)
}

/// One reader of the output ring.
pub struct OutputReader {
    poller: OutputPoller,
    seen: Position,
}

impl std::fmt::Debug for OutputReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OutputReader")
    }
}

impl OutputReader {
    /// Shows all new envelopes; returns how many.
    pub fn drain(&mut self, mut see: impl FnMut(&OutputEnvelope)) -> usize {
        let Ok(mut guard) = self.poller.poll() else { return 0 };
        let mut count = 0;
        for envelope in &mut guard {
            see(envelope);
            count += 1;
        }
        if count > 0 {
            let seen = self.seen.load(Ordering::Relaxed);
            self.seen.store(seen + count as u64, Ordering::Relaxed);
        }
        count
    }

    /// Where it is, for another thread to look at.
    pub fn position(&self) -> Position {
        Arc::clone(&self.seen)
    }

    /// True if the ring holds an envelope for this reader.
    pub fn has_work(&self) -> bool {
        self.poller.has_available()
    }
}

/// Envelopes that one end of a ring has passed on. One thread counts; others only look.
pub type Position = Arc<CachePadded<AtomicU64>>;

/// Position of the core in the input ring, for its writers; and the position of each writer, for
/// metrics.
#[derive(Debug, Default)]
pub struct InputPositions {
    taken: AtomicI64,
    /// Locked only when a writer is made and by metrics.
    published: Mutex<Vec<Position>>,
}

impl InputPositions {
    /// The core has taken so many more.
    pub fn advance(&self, count: usize) {
        self.taken.fetch_add(count as i64, Ordering::Release);
    }

    /// For a new writer to say how far it is.
    fn register(&self) -> Position {
        let position = Position::default();
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        published.push(Arc::clone(&position));
        position
    }

    /// Envelopes in the input ring, as of the writers' last batches.
    pub fn depth(&self) -> u64 {
        let taken = self.taken.load(Ordering::Acquire).max(0) as u64;
        let published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        let newest = published.iter().map(|position| position.load(Ordering::Relaxed)).max();
        newest.unwrap_or(0).saturating_sub(taken)
    }
}

/// One producer's end of the input ring.
pub struct InputWriter {
    producer: MultiProducer<InputEnvelope, SingleConsumerBarrier>,
    pending: VecDeque<InputEnvelope>,
    taken: Arc<InputPositions>,
    published: Position,
    slots: i64,
    last: i64,
    core: WakeHandle,
    clock: fn() -> u64,
}

impl std::fmt::Debug for InputWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InputWriter").field("pending", &self.pending.len()).finish_non_exhaustive()
    }
}

impl InputWriter {
    /// A writer that wakes the core.
    pub fn new(
        producer: MultiProducer<InputEnvelope, SingleConsumerBarrier>,
        slots: usize,
        taken: Arc<InputPositions>,
        core: WakeHandle,
        clock: fn() -> u64,
    ) -> Self {
        let published = taken.register();
        Self {
            producer,
            pending: VecDeque::new(),
            taken,
            published,
            slots: slots as i64,
            last: -1,
            core,
            clock,
        }
    }

    /// Publishes an input, or keeps it in order until [`InputWriter::flush`] finds room.
    /// The arrival is [`Arrival::default`] for an input that no bytes caused; the current time is
    /// then used.
    pub fn push(&mut self, input: &Input, arrival: Arrival) {
        let published_ns = (self.clock)();
        let arrival = if arrival == NEVER { Arrival::new(None, published_ns) } else { arrival };
        if !self.pending.is_empty() || !self.publish(input, arrival, published_ns) {
            self.pending.push_back(InputEnvelope { input: *input, arrival, published_ns });
        }
    }

    /// Publishes at once, or not at all: false when there is no room, or something waits already.
    pub fn try_push(&mut self, input: &Input) -> bool {
        let now_ns = (self.clock)();
        self.pending.is_empty() && self.publish(input, Arrival::new(None, now_ns), now_ns)
    }

    /// Writes directly into the slot: an input is large, and a copy costs time.
    fn publish(&mut self, input: &Input, arrival: Arrival, published_ns: u64) -> bool {
        let fill = |slot: &mut InputEnvelope| {
            slot.input = *input;
            slot.arrival = arrival;
            slot.published_ns = published_ns;
        };
        match self.producer.try_publish(fill) {
            Ok(sequence) => {
                self.last = sequence;
                true
            }
            Err(_) => false,
        }
    }

    /// Publishes the kept inputs. Returns true if none is left.
    pub fn flush(&mut self) -> bool {
        while let Some(envelope) = self.pending.front().copied() {
            if !self.publish(&envelope.input, envelope.arrival, envelope.published_ns) {
                return false;
            }
            self.pending.pop_front();
        }
        true
    }

    /// Wakes the core if it sleeps. Called once after a batch of pushes.
    pub fn notify(&self) {
        self.published.store((self.last + 1) as u64, Ordering::Relaxed);
        self.core.notify();
    }

    /// Inputs that wait because the ring is full.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Free slots of the ring as this producer knows them: other producers may have taken some.
    fn room(&self) -> i64 {
        let taken = self.taken.taken.load(Ordering::Acquire);
        self.slots - (self.last + 1 - taken)
    }

    /// New orders may be published: an eighth of the ring stays free for cancels, halts and venue
    /// answers.
    pub fn has_room_for_orders(&self) -> bool {
        self.pending.is_empty() && self.room() > self.slots / 8
    }

    /// Book changes may be published: half of the ring stays free for orders.
    pub fn has_room_for_books(&self) -> bool {
        self.pending.is_empty() && self.room() > self.slots / 2
    }
}
