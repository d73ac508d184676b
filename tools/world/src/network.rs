//! Virtual time and the wires between everybody: ordered like TCP, delayed and cut by the seed.
//!
//! A line belongs here if it says when something arrives.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Range;

use rutter_sim::random::Random;

/// When every simulation begins: 2023-11-14 22:13:20 UTC.
pub const START_NS: u64 = 1_700_000_000_000_000_000;

/// How long a message takes along a wire that is not faulty, in nanoseconds.
pub const LATENCY_NS: Range<u64> = 100_000..2_100_000;

/// One end of a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// A machine of the node and its link.
    Machine(usize, u8),
    /// A venue's front.
    Front(usize),
    /// The node's FIX gateway.
    Gateway,
    /// A client.
    Client(usize),
}

/// What arrives at an end.
#[derive(Clone, Debug)]
pub enum Arrival {
    /// The wire stands.
    Opened {
        /// Target of a WebSocket; `None` for a raw connection.
        target: Option<String>,
    },
    /// There is no wire.
    Refused,
    /// Bytes of a raw connection.
    Bytes(Vec<u8>),
    /// A text of a WebSocket.
    Text(String),
    /// A ping of a WebSocket.
    Ping,
    /// Its answer.
    Pong,
    /// The wire is gone.
    Closed,
    /// The end of a call over HTTP.
    HttpReply {
        /// The call.
        id: u64,
        /// Status and body; `None` if the call or its answer was lost.
        reply: Option<(u16, String)>,
    },
}

/// One direction of a wire, or a call that needs no wire.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Who gets it.
    pub to: End,
    /// The wire; 0 for a call that needs none.
    pub wire: u64,
    /// What arrives.
    pub arrival: Arrival,
}

impl std::fmt::Display for Delivery {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?} wire {}: ", self.to, self.wire)?;
        match &self.arrival {
            Arrival::Bytes(bytes) => {
                write!(f, "{}", String::from_utf8_lossy(bytes).replace('\u{1}', "|"))
            }
            Arrival::Text(text) => write!(f, "{text:.300}"),
            other => write!(f, "{other:?}"),
        }
    }
}

#[derive(Debug)]
struct Queued {
    due_ns: u64,
    order: u64,
    delivery: Delivery,
}

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        (self.due_ns, self.order) == (other.due_ns, other.order)
    }
}
impl Eq for Queued {}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.due_ns, self.order).cmp(&(other.due_ns, other.order))
    }
}

#[derive(Debug)]
struct Wire {
    ends: [End; 2],
    last_due_ns: [u64; 2],
}

/// All wires.
#[derive(Debug)]
pub struct Network {
    queue: BinaryHeap<Reverse<Queued>>,
    wires: BTreeMap<u64, Wire>,
    next_wire: u64,
    next_order: u64,
    random: Random,
    /// Whether wires break, and messages are late.
    pub faulty: bool,
    /// Wires that broke by chance.
    pub cuts: u64,
}

impl Network {
    /// No wires yet.
    pub fn new(seed: u64) -> Self {
        Self {
            queue: BinaryHeap::new(),
            wires: BTreeMap::new(),
            next_wire: 1,
            next_order: 0,
            random: Random::salted(seed, 99),
            faulty: true,
            cuts: 0,
        }
    }

    fn push(&mut self, due_ns: u64, delivery: Delivery) {
        self.next_order += 1;
        self.queue.push(Reverse(Queued { due_ns, order: self.next_order, delivery }));
    }

    fn latency_ns(&mut self) -> u64 {
        let Range { start, end } = LATENCY_NS;
        let usual = start + self.random.below(end - start);
        if self.faulty && self.random.chance_ppm(3_000) {
            usual + self.random.below(400_000_000)
        } else {
            usual
        }
    }

    /// Connects `from` to `to`. Either both ends learn of the wire, or `from` is refused.
    pub fn connect(&mut self, now_ns: u64, from: End, to: End, target: Option<String>) -> u64 {
        let wire = self.next_wire;
        self.next_wire += 1;
        if self.faulty && self.random.chance_ppm(20_000) {
            let due_ns = now_ns + self.latency_ns();
            self.push(due_ns, Delivery { to: from, wire, arrival: Arrival::Refused });
            return wire;
        }
        let there = now_ns + self.latency_ns();
        let back = there + self.latency_ns();
        self.wires.insert(wire, Wire { ends: [from, to], last_due_ns: [back, there] });
        let opened = Arrival::Opened { target };
        self.push(there, Delivery { to, wire, arrival: opened.clone() });
        self.push(back, Delivery { to: from, wire, arrival: opened });
        wire
    }

    /// Sends along a wire, in order; lost when the wire is gone. Sometimes the wire breaks.
    pub fn send(&mut self, now_ns: u64, wire: u64, from: End, arrival: Arrival) {
        let latency_ns = self.latency_ns();
        let Some(line) = self.wires.get_mut(&wire) else { return };
        let side = usize::from(line.ends[0] == from);
        let due_ns = (now_ns + latency_ns).max(line.last_due_ns[side]);
        line.last_due_ns[side] = due_ns;
        let to = line.ends[side];
        self.push(due_ns, Delivery { to, wire, arrival });
        if self.faulty && self.random.chance_ppm(700) {
            self.cuts += 1;
            self.cut(now_ns, wire);
        }
    }

    /// Delivers to an end without a wire (HTTP answers).
    pub fn deliver(&mut self, now_ns: u64, to: End, arrival: Arrival) {
        let due_ns = now_ns + self.latency_ns();
        self.push(due_ns, Delivery { to, wire: 0, arrival });
    }

    /// Cuts a wire: both ends learn of the cut, and bytes on their way are lost.
    pub fn cut(&mut self, now_ns: u64, wire: u64) {
        let Some(line) = self.wires.remove(&wire) else { return };
        for to in line.ends {
            let due_ns = now_ns + self.latency_ns();
            self.push(due_ns, Delivery { to, wire, arrival: Arrival::Closed });
        }
    }

    /// `from` closes: bytes sent before still arrive, then the close.
    pub fn close(&mut self, now_ns: u64, wire: u64, from: End) {
        let Some(line) = self.wires.get(&wire) else { return };
        let side = usize::from(line.ends[0] == from);
        let (to, last) = (line.ends[side], line.last_due_ns[side]);
        let due_ns = (now_ns + self.latency_ns()).max(last);
        self.push(due_ns, Delivery { to, wire, arrival: Arrival::Closed });
        self.push(now_ns, Delivery { to: from, wire, arrival: Arrival::Closed });
    }

    /// The node has died: all its wires break.
    pub fn node_died(&mut self, now_ns: u64) {
        let of_node = |end: &End| matches!(end, End::Machine(..) | End::Gateway);
        let wires: Vec<u64> = self
            .wires
            .iter()
            .filter(|(_, line)| line.ends.iter().any(of_node))
            .map(|(wire, _)| *wire)
            .collect();
        for wire in wires {
            self.cut(now_ns, wire);
        }
        let queue = std::mem::take(&mut self.queue);
        self.queue = queue.into_iter().filter(|q| !of_node(&q.0.delivery.to)).collect();
    }

    /// The next delivery that is due at `now_ns` over a wire that still exists.
    pub fn next(&mut self, now_ns: u64) -> Option<Delivery> {
        while self.queue.peek().is_some_and(|q| q.0.due_ns <= now_ns) {
            let Queued { delivery, .. } = self.queue.pop()?.0;
            let wire = delivery.wire;
            match delivery.arrival {
                // The last delivery of a wire that the other end may have closed.
                Arrival::Closed | Arrival::Refused => {
                    self.wires.remove(&wire);
                    return Some(delivery);
                }
                _ if wire == 0 || self.wires.contains_key(&wire) => return Some(delivery),
                _ => {}
            }
        }
        None
    }

    /// When the next delivery is due.
    pub fn next_ns(&self) -> Option<u64> {
        self.queue.peek().map(|q| q.0.due_ns)
    }
}
