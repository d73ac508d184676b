//! The node without threads: the same decider, gateway and machines, queues in place of rings.

use std::collections::VecDeque;

use rutter::node::decider::Decider;
use rutter_clients::{ClientGateway, GatewayConfig, Limits, SessionConfig};
use rutter_core::id::{AccountId, SessionId, VenueId};
use rutter_core::input::{AccountDef, AccountLimits, Genesis, Input, InstrumentDef};
use rutter_core::number::Qty;
use rutter_core::output::Output;
use rutter_fix::dictionary::Version;
use rutter_fix::store::MemStore;
use rutter_journal::{Config, Durability, MemStorage};
use rutter_test_support::reference::{self, text};
use rutter_transport::machine::{Event, Outbox};
use rutter_venues::venue::{Feed, Orders};

use super::venues::{BTC, NODE_TAG, PAIR, USDT, VENUES};

pub const CLIENTS: usize = 3;

/// A machine of either kind.
pub enum Machinery {
    Orders(Orders),
    Feed(Feed),
}

/// A machine, its venue, and the wires of its links.
pub struct Running {
    pub machine: Machinery,
    pub venue: usize,
    pub outbox: Outbox<Input>,
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
    fn new(machine: Machinery, venue: usize) -> Self {
        let links = match &machine {
            Machinery::Orders(machine) => machine.endpoints().len(),
            Machinery::Feed(machine) => machine.endpoints().len(),
        };
        Self { machine, venue, outbox: Outbox::default(), wires: vec![None; links] }
    }

    pub fn start(&mut self, now_ns: u64) {
        each!(self, machine => machine.start(now_ns, &mut self.outbox));
    }

    pub fn event(&mut self, now_ns: u64, event: Event<'_>) {
        each!(self, machine => machine.on_event(now_ns, event, &mut self.outbox));
    }

    pub fn timer(&mut self, now_ns: u64) {
        each!(self, machine => machine.on_timer(now_ns, &mut self.outbox));
    }

    pub fn flush(&mut self, now_ns: u64) {
        each!(self, machine => machine.flush(now_ns, &mut self.outbox));
    }

    pub fn next_timer_ns(&mut self) -> Option<u64> {
        each!(self, machine => machine.next_timer_ns())
    }

    pub fn target(&mut self, link: u8) -> Option<String> {
        let endpoints = each!(self, machine => machine.endpoints());
        match &endpoints[usize::from(link)].framing {
            rutter_transport::machine::Framing::Raw => None,
            rutter_transport::machine::Framing::WebSocket { target } => Some(target.clone()),
        }
    }
}

/// What survives the death of the node.
pub struct Survivors {
    pub storage: MemStorage,
    pub stores: Vec<MemStore>,
}

impl Survivors {
    pub fn new(seed: u64) -> Self {
        let stores = (0..CLIENTS).map(|_| MemStore::new(64 << 20)).collect();
        Self { storage: MemStorage::new(seed), stores }
    }
}

/// A living node.
pub struct Node {
    pub decider: Decider<MemStorage>,
    pub gateway: ClientGateway<MemStore>,
    pub machines: Vec<Running>,
    pub inputs: VecDeque<Input>,
    pub outputs: VecDeque<(u64, Output)>,
    pub storage: MemStorage,
    /// Client of each gateway connection.
    pub connections: Vec<Option<(usize, u64)>>,
}

/// The version that a client speaks: one of each, and again.
pub fn version_of(client: usize) -> Version {
    Version::ALL[(client + 1) % Version::ALL.len()]
}

pub fn client_name(client: usize) -> String {
    format!("CLIENT{client}")
}

fn gateway_config() -> GatewayConfig {
    GatewayConfig {
        sender_comp_id: "RUTTER".to_owned(),
        sessions: (0..CLIENTS)
            .map(|client| {
                let (id, name) = (SessionId(client as u16), client_name(client));
                let version = version_of(client);
                // FIX 4.2 has no password.
                let proof = match version {
                    Version::Fix42 => rutter_clients::Proof::Nothing,
                    _ => rutter_clients::Proof::Password("secret-enough".into()),
                };
                SessionConfig {
                    proof,
                    version,
                    checks: Some(rutter_fix::dictionary::Checks::default()),
                    ..SessionConfig::trading(id, &name, text("fund"))
                }
            })
            .collect(),
        instruments: vec![rutter_clients::InstrumentConfig {
            id: PAIR,
            symbol: text("BTC/USDT"),
            price_decimals: 2,
            qty_decimals: 8,
        }],
        venues: VENUES.iter().map(|venue| text(venue.name)).collect(),
        assets: vec![text("BTC"), text("USDT")],
        node_tag: NODE_TAG,
        limits: Limits::default(),
    }
}

fn definitions() -> Vec<Input> {
    let limits = AccountLimits {
        collar_ppm: 20_000,
        rate_per_s: 1_000,
        open_orders_max: 200,
        ..reference::limits()
    };
    let mut inputs = vec![
        Input::Asset(reference::asset(BTC.0, "BTC")),
        Input::Asset(reference::asset(USDT.0, "USDT")),
        Input::Instrument(InstrumentDef {
            qty_decimals: 8,
            order_qty_max: Qty(10_000_000_000),
            ..reference::instrument(PAIR.0, "BTC/USDT", BTC, USDT)
        }),
    ];
    let ids = || (0..).map(VenueId).zip(&VENUES);
    inputs.extend(ids().map(|(id, venue)| Input::Venue((venue.definition)(id))));
    inputs.extend(ids().map(|(id, venue)| Input::Listing((venue.listing)(id))));
    inputs.push(Input::Account(AccountDef {
        slack_ppm: 100,
        limits,
        ..reference::account(0, "fund")
    }));
    for client in 0..CLIENTS {
        let account = Some(AccountId(0));
        inputs.push(Input::Session(reference::session(
            client as u16,
            &client_name(client),
            account,
        )));
    }
    inputs.push(Input::NodeStarted);
    inputs
}

fn machines(seed: u64) -> Vec<Running> {
    let ids = || (0..).map(VenueId).zip(&VENUES);
    let orders = ids().map(|(id, venue)| (id, Machinery::Orders((venue.orders)(id, seed))));
    let feeds = ids().map(|(id, venue)| (id, Machinery::Feed((venue.feed)(id))));
    orders.chain(feeds).map(|(id, machine)| Running::new(machine, id.index())).collect()
}

pub fn genesis() -> Genesis {
    Genesis {
        node_tag: NODE_TAG,
        orders_log2: 12,
        children_log2: 13,
        executions_log2: 14,
        hash_seed: 7,
        ..reference::genesis()
    }
}

pub fn journal_config() -> Config {
    Config::new(Durability::Process).stepped().segment_bytes(256 << 10)
}

struct CatchUp<'a>(&'a mut ClientGateway<MemStore>, u64);

impl rutter_core::output::Sink for CatchUp<'_> {
    fn output(&mut self, output: &Output) {
        if rutter::node::station::gateway::is_for_clients(output) {
            self.0.on_output(self.1, output).expect("a replayed report is taken or known");
        }
    }
}

impl Node {
    /// Recovers from journal and stores, and starts all machines.
    pub fn start(now_ns: u64, seed: u64, survivors: Survivors) -> Self {
        let Survivors { storage, stores } = survivors;
        let mut gateway = ClientGateway::new(&gateway_config(), stores).expect("a sound gateway");
        let mut catch_up = CatchUp(&mut gateway, now_ns);
        let (decider, _) =
            Decider::open(storage.clone(), journal_config(), &genesis(), now_ns, &mut catch_up)
                .expect("the journal recovers");
        gateway.recovered();
        let mut machines = machines(seed);
        for machine in &mut machines {
            machine.start(now_ns);
        }
        Self {
            decider,
            gateway,
            machines,
            inputs: definitions().into(),
            outputs: VecDeque::new(),
            storage,
            connections: vec![None; 16],
        }
    }

    /// The process dies, and its memory is lost.
    pub fn die(self) -> Survivors {
        let storage = self.storage.after_kill();
        drop(self.decider);
        Survivors { storage, stores: self.gateway.into_stores() }
    }
}
