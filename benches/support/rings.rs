//! The node without its sockets: a client and venues on one thread, the core on another, both
//! rings and the journal between them; beside it the same inputs decided in one thread.
//!
//! The edge thread publishes orders and book changes, reads the outputs and answers each child with
//! a fill. The number of orders under way is bounded, and every order ends filled.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rutter::clock::unix_ns;
use rutter::node::decider::Decider;
use rutter::node::layout::{CoreSleeper, CoreThread};
use rutter::node::rings::{InputPositions, InputWriter, OutputReader, input_ring, output_ring};
use rutter::node::station::core::{Core, Publisher};
use rutter_core::output::{OrdStatus, Output, SendNew};
use rutter_journal::{Config, Durability, FileStorage};
use rutter_transport::arrival::Arrival;
use rutter_transport::wait::{Profile, Waiter};
use rutter_transport::wake::WakeHandle;
use tempfile::TempDir;

use super::desk;

const RING_SLOTS: usize = 16_384;
/// As in [`super::journal`]: no run waits for a segment.
const SEGMENT_BYTES: usize = 32 << 20;
/// Orders under way at once: the books do not hold more.
const WINDOW: u64 = desk::UNDER_WAY_MAX - desk::VENUES as u64;
/// Orders of one run at most: their inputs fit the segment.
pub const ORDERS_MAX: u64 = 12_000;

/// The mix of inputs.
#[derive(Clone, Copy, Debug)]
pub struct Mix {
    /// Book changes to each order; an order itself is three inputs, for its fills come back.
    pub changes_per_order: u64,
}

/// Orders, and a book change to each.
pub const ORDERS: Mix = Mix { changes_per_order: 1 };
/// Four of five inputs are book changes.
pub const MIXED: Mix = Mix { changes_per_order: 12 };

impl Mix {
    pub const fn inputs_per_order(self) -> u64 {
        3 + self.changes_per_order
    }
}

fn open(folder: &TempDir) -> Decider<FileStorage> {
    let storage = FileStorage::create(folder.path()).expect("a journal's folder");
    let config = Config::new(Durability::Process).segment_bytes(SEGMENT_BYTES);
    let mut sink = desk::Counting::default();
    Decider::open(storage, config, &desk::GENESIS, unix_ns(), &mut sink).expect("new").0
}

/// The node's core thread with the edge beside it.
pub struct Threads {
    _folder: TempDir,
    writer: InputWriter,
    reader: OutputReader,
    stop: Arc<AtomicBool>,
    core: Option<JoinHandle<Result<Decider<FileStorage>, String>>>,
    wake: WakeHandle,
    sent: Vec<SendNew>,
    orders: u64,
    filled: u64,
    changes: u64,
    execs: u128,
}

impl Threads {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let decider = open(&folder);
        let (inputs, producer) = input_ring(RING_SLOTS);
        let (outputs, mut readers) = output_ring(RING_SLOTS, 1);
        let (taken, stop) = (Arc::new(InputPositions::default()), Arc::new(AtomicBool::new(false)));
        let mut core = Core {
            decider,
            inputs,
            outputs: Publisher::new(outputs, unix_ns),
            readers: Vec::new(),
            taken: Arc::clone(&taken),
            gate: Arc::default(),
            clock: unix_ns,
        };
        core.begin(&desk::opening()).expect("room");
        let sleeper = CoreSleeper::new().expect("a poll");
        let wake = sleeper.wake_handle();
        let waiter = Waiter::new(Profile::Pinned);
        let thread = CoreThread { core, gateway: None, senders: Vec::new(), waiter, sleeper };
        let until = Arc::clone(&stop);
        let handle = std::thread::spawn(move || {
            thread.run(&until)?.end().map_err(|error| error.to_string())
        });
        Self {
            _folder: folder,
            writer: InputWriter::new(producer, RING_SLOTS, taken, wake.clone(), unix_ns),
            reader: readers.remove(0),
            stop,
            core: Some(handle),
            wake,
            sent: Vec::new(),
            orders: 0,
            filled: 0,
            changes: 0,
            execs: 0,
        }
    }

    /// So many orders from their start to their last fill.
    pub fn run(&mut self, orders: u64, mix: Mix) -> Duration {
        let until = self.orders + orders;
        let start = Instant::now();
        while self.filled < until {
            while self.orders < until && self.orders - self.filled < WINDOW {
                self.writer.push(&desk::order(self.orders), Arrival::default());
                self.orders += 1;
                for _ in 0..mix.changes_per_order {
                    self.writer.push(&desk::book_change(self.changes), Arrival::default());
                    self.changes += 1;
                }
            }
            self.answer();
            self.writer.flush();
            self.writer.notify();
        }
        start.elapsed()
    }

    /// Reads the output ring, fills every child and counts the orders that are filled.
    fn answer(&mut self) {
        let (sent, filled) = (&mut self.sent, &mut self.filled);
        let count = self.reader.drain(|envelope| match &envelope.output {
            Output::SendNew(child) => sent.push(*child),
            Output::Report(report) if report.status == OrdStatus::Filled => *filled += 1,
            _ => {}
        });
        for child in self.sent.drain(..) {
            self.execs += 1;
            self.writer.push(&desk::fill(&child, self.execs), Arrival::default());
        }
        if count == 0 {
            std::hint::spin_loop();
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.wake.wake();
        let Some(core) = self.core.take() else { return };
        // The core does not wait for the reader, which has read everything.
        if let Ok(Ok(decider)) = core.join() {
            let counts = decider.engine().counts();
            assert_eq!((counts.orders, counts.refused), (self.orders, 0));
        }
    }
}

/// The same inputs in one thread: engine and journal, no ring.
pub struct OneThread {
    _folder: TempDir,
    decider: Decider<FileStorage>,
    sink: desk::Counting,
    orders: u64,
    changes: u64,
    execs: u128,
}

impl OneThread {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut decider = open(&folder);
        let mut sink = desk::Counting::default();
        for input in desk::opening() {
            decider.decide(unix_ns(), &input, &mut sink).expect("room");
        }
        sink.sent.clear();
        Self { _folder: folder, decider, sink, orders: 0, changes: 0, execs: 0 }
    }

    pub fn run(&mut self, orders: u64, mix: Mix) -> Duration {
        let start = Instant::now();
        for _ in 0..orders {
            self.decide(&desk::order(self.orders));
            self.orders += 1;
            for _ in 0..mix.changes_per_order {
                self.decide(&desk::book_change(self.changes));
                self.changes += 1;
            }
            let mut sent = std::mem::take(&mut self.sink.sent);
            for child in sent.drain(..) {
                self.execs += 1;
                self.decide(&desk::fill(&child, self.execs));
            }
            self.sink.sent = sent;
        }
        start.elapsed()
    }

    #[inline]
    fn decide(&mut self, input: &rutter_core::input::Input) {
        self.decider.decide(unix_ns(), input, &mut self.sink).expect("room");
    }
}
