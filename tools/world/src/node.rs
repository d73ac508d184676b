//! The node without threads: the same decider, gateway and machines, with queues in place of rings.
//!
//! A line belongs here if it is a part of the node or of what outlives the node. Which venues,
//! sessions and definitions a node has is said by its owner.

use std::collections::VecDeque;

use rutter::node::decider::Decider;
use rutter::node::station::gateway::is_for_clients;
use rutter_clients::{ClientGateway, GatewayConfig};
use rutter_core::book::Book;
use rutter_core::input::{Genesis, Input};
use rutter_core::output::{Output, Sink};
use rutter_fix::store::MemStore;
use rutter_journal::{Config, MemStorage};
use rutter_transport::machine::{Event, Framing, Outbox};
use rutter_venues::venue::{Feed, Orders};

/// Bytes that the message store of one session may take.
const STORE_BYTES_MAX: usize = 64 << 20;

/// Most connections of clients at one time.
const CONNECTIONS_MAX: usize = 16;

/// A machine of either kind.
pub enum Machinery {
    /// Order entry.
    Orders(Orders),
    /// Market data.
    Feed(Feed),
}

/// A machine, its venue, and the wires of its links.
pub struct Running {
    /// The machine.
    pub machine: Machinery,
    /// Index of the venue.
    pub venue: usize,
    /// What the machine asks for.
    pub outbox: Outbox<Input>,
    /// The wire of each link.
    pub wires: Vec<Option<u64>>,
}

macro_rules! each {
    ($running:expr, $machine:ident => $call:expr) => {
        match &mut $running.machine {
            Machinery::Orders($machine) => $call,
            Machinery::Feed($machine) => $call,
        }
    };
}

impl Running {
    /// A machine that has not started.
    pub fn new(machine: Machinery, venue: usize) -> Self {
        let links = match &machine {
            Machinery::Orders(machine) => machine.endpoints().len(),
            Machinery::Feed(machine) => machine.endpoints().len(),
        };
        Self { machine, venue, outbox: Outbox::default(), wires: vec![None; links] }
    }

    fn start(&mut self, now_ns: u64) {
        each!(self, machine => machine.start(now_ns, &mut self.outbox));
    }

    pub(crate) fn event(&mut self, now_ns: u64, event: Event<'_>) {
        each!(self, machine => machine.on_event(now_ns, event, &mut self.outbox));
    }

    pub(crate) fn timer(&mut self, now_ns: u64) {
        each!(self, machine => machine.on_timer(now_ns, &mut self.outbox));
    }

    pub(crate) fn flush(&mut self, now_ns: u64) {
        each!(self, machine => machine.flush(now_ns, &mut self.outbox));
    }

    pub(crate) fn next_timer_ns(&mut self) -> Option<u64> {
        each!(self, machine => machine.next_timer_ns())
    }

    /// Target of a link that speaks WebSocket; `None` for a raw link.
    pub(crate) fn target(&mut self, link: u8) -> Option<String> {
        let endpoints = each!(self, machine => machine.endpoints());
        match &endpoints[usize::from(link)].framing {
            Framing::Raw => None,
            Framing::WebSocket { target } => Some(target.clone()),
        }
    }
}

/// What survives the death of the node.
pub struct Survivors {
    /// The journal.
    pub storage: MemStorage,
    /// The message store of each session.
    pub stores: Vec<MemStore>,
}

impl Survivors {
    /// An empty journal and empty stores of `sessions` sessions.
    pub fn new(seed: u64, sessions: usize) -> Self {
        let stores = (0..sessions).map(|_| MemStore::new(STORE_BYTES_MAX)).collect();
        Self { storage: MemStorage::new(seed), stores }
    }
}

/// What a node is made from.
pub struct Parts {
    /// Configuration of the client gateway.
    pub gateway: GatewayConfig,
    /// First record of a new journal.
    pub genesis: Genesis,
    /// Configuration of the journal.
    pub journal: Config,
    /// Reference data and the start, in the order in which they are journaled.
    pub definitions: Vec<Input>,
    /// The machines of all venues.
    pub machines: Vec<Running>,
}

/// A living node.
pub struct Node {
    /// Engine and journal.
    pub decider: Decider<MemStorage>,
    /// The client gateway.
    pub gateway: ClientGateway<MemStore>,
    /// The machines of all venues.
    pub machines: Vec<Running>,
    /// Inputs that are not decided yet.
    pub inputs: VecDeque<Input>,
    /// Outputs that have not left yet, with the journal sequence of their input.
    pub outputs: VecDeque<(u64, Output)>,
    /// The journal.
    pub storage: MemStorage,
    /// Wire of each connection of a client.
    pub connections: Vec<Option<u64>>,
}

struct CatchUp<'a>(&'a mut ClientGateway<MemStore>, u64);

impl Sink for CatchUp<'_> {
    fn output(&mut self, output: &Output) {
        if is_for_clients(output) {
            self.0.on_output(self.1, output).expect("a replayed report is taken or known");
        }
    }
}

impl Node {
    /// Recovers from journal and stores, and starts all machines.
    ///
    /// # Panics
    /// The parts contradict each other, or the journal does not replay.
    pub fn start(now_ns: u64, parts: Parts, survivors: Survivors) -> Self {
        let Survivors { storage, stores } = survivors;
        let mut gateway = ClientGateway::new(&parts.gateway, stores).expect("a sound gateway");
        let mut catch_up = CatchUp(&mut gateway, now_ns);
        let (decider, _) =
            Decider::open(storage.clone(), parts.journal, &parts.genesis, now_ns, &mut catch_up)
                .expect("the journal recovers");
        gateway.recovered();
        let mut machines = parts.machines;
        for machine in &mut machines {
            machine.start(now_ns);
        }
        Self {
            decider,
            gateway,
            machines,
            inputs: parts.definitions.into(),
            outputs: VecDeque::new(),
            storage,
            connections: vec![None; CONNECTIONS_MAX],
        }
    }

    /// For each venue, by id: whether it is up, and how many of its books are proved by their feed.
    pub fn venue_views(&self) -> impl Iterator<Item = (bool, usize)> {
        let engine = self.decider.engine();
        let proved =
            |venue, instrument| engine.book(venue, instrument).is_some_and(Book::is_proved);
        engine.reference().venues.iter().map(move |def| {
            let instruments = engine.reference().instruments.iter();
            let books = instruments.filter(|instrument| proved(def.id, instrument.id)).count();
            (engine.is_up(def.id), books)
        })
    }

    /// The process dies, and its memory is lost.
    pub(crate) fn die(self) -> Survivors {
        let storage = self.storage.after_kill();
        drop(self.decider);
        Survivors { storage, stores: self.gateway.into_stores() }
    }
}
