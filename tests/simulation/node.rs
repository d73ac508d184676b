//! The node without threads: the same decider, gateway and machines, queues in place of rings.

use std::collections::VecDeque;

use rutter::node::decider::Decider;
use rutter_clients::{ClientGateway, GatewayConfig, Limits, SessionConfig};
use rutter_core::id::{AccountId, AssetId, InstrumentId, SessionId, VenueId};
use rutter_core::input::{
    AccountDef, AccountLimits, Genesis, Input, InstrumentDef, ListingDef, VenueDef,
};
use rutter_core::number::{Amount, FeePpm, Price, Qty};
use rutter_core::output::Output;
use rutter_feeds::FeedCommand;
use rutter_fix::codec::TimePrecision;
use rutter_fix::dictionary::Version;
use rutter_fix::store::MemStore;
use rutter_journal::{Config, Durability, MemStorage};
use rutter_test_support::reference::{self, UNIT, text};
use rutter_transport::machine::{Event, Machine, Outbox};
use rutter_transport::secret::Secret;
use rutter_venues::VenueCommand;
use rutter_venues::binance::feed::BinanceFeed;
use rutter_venues::binance::{BinanceConfig, BinanceOrders};
use rutter_venues::inquiry::CallLimit;
use rutter_venues::kraken::feed::KrakenFeed;
use rutter_venues::kraken::{KrakenConfig, KrakenOrders};
use rutter_venues::listing::{AssetNames, FeedListing, Listing};

use super::venues::{BINANCE_KEY, ED25519_PEM, KRAKEN_KEY, KRAKEN_SECRET};

pub const CLIENTS: usize = 3;
pub const NODE_TAG: u32 = 0x51_70_0b_ad;
pub const BTC: AssetId = AssetId(0);
pub const USDT: AssetId = AssetId(1);
pub const PAIR: InstrumentId = InstrumentId(0);

/// A machine of either kind.
pub enum Machinery {
    Orders(Box<dyn Machine<Command = VenueCommand, Emission = Input>>),
    Feed(Box<dyn Machine<Command = FeedCommand, Emission = Input>>),
}

/// A machine, the venue it belongs to, and its links' wires.
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
        venues: vec![text("binance"), text("kraken")],
        assets: vec![text("BTC"), text("USDT")],
        node_tag: NODE_TAG,
        time_precision: TimePrecision::Micros,
        limits: Limits::default(),
    }
}

fn definitions() -> Vec<Input> {
    let venue = |id: u8, name: &str| {
        Input::Venue(VenueDef {
            stale_after_ns: 5_000_000_000,
            rate_orders: if id == 0 { 400 } else { 10 },
            rate_window_ns: if id == 0 { 10_000_000_000 } else { 5_000_000_000 },
            unanswered_max: if id == 0 { 1_000 } else { 3 },
            fok: id == 0,
            ..reference::venue(id, name)
        })
    };
    let listing = |id: u8, tick: i64, lot: i64, fees: (i32, i32)| {
        Input::Listing(ListingDef {
            tick: Price(tick),
            lot: Qty(lot),
            qty_min: Qty(5_000),
            qty_max: Qty(900_000_000_000),
            notional_min: Amount(5 * UNIT),
            maker_fee: FeePpm(fees.0),
            taker_fee: FeePpm(fees.1),
            ..reference::listing(VenueId(id), PAIR)
        })
    };
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
        venue(0, "binance"),
        venue(1, "kraken"),
        listing(0, 1, 1_000, (1_000, 1_000)),
        listing(1, 10, 1, (1_600, 2_600)),
        Input::Account(AccountDef { slack_ppm: 100, limits, ..reference::account(0, "fund") }),
    ];
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
    let listing = |symbol: &str, price: u8| Listing {
        instrument: PAIR,
        symbol: symbol.to_owned(),
        price_decimals: 2,
        qty_decimals: 8,
        venue_price_decimals: price,
        venue_qty_decimals: 8,
    };
    let assets = vec![
        AssetNames { asset: BTC, names: ["BTC", "XBT", "XXBT"].map(str::to_owned).to_vec() },
        AssetNames { asset: USDT, names: vec!["USDT".to_owned()] },
    ];
    let binance = BinanceConfig {
        sender_comp_id: "RUTTER".to_owned(),
        api_key: Secret::from(BINANCE_KEY),
        private_key: Secret::from(ED25519_PEM),
        recv_window_ms: 5_000,
        seed,
        listings: vec![listing("BTCUSDT", 2)],
        assets: assets.clone(),
        ..BinanceConfig::new(VenueId(0), NODE_TAG)
    };
    let kraken = KrakenConfig {
        api_key: Secret::from(KRAKEN_KEY),
        api_secret: Secret::from(KRAKEN_SECRET),
        // The simulated account is of the highest tier: 20 points, one a second back.
        rest_limit: CallLimit { counter_max: 18, decay_milli_per_s: 1_000 },
        seed,
        listings: vec![listing("BTC/USDT", 1)],
        assets,
        ..KrakenConfig::new(VenueId(1), NODE_TAG)
    };
    let binance_feed = rutter_venues::binance::feed::Config {
        listings: vec![FeedListing {
            instrument: PAIR,
            symbol: "BTCUSDT".to_owned(),
            price_decimals: 2,
            qty_decimals: 8,
        }],
        ..rutter_venues::binance::feed::Config::new(VenueId(0))
    };
    let kraken_feed = rutter_venues::kraken::feed::Config {
        listings: vec![FeedListing {
            instrument: PAIR,
            symbol: "BTC/USDT".to_owned(),
            price_decimals: 2,
            qty_decimals: 8,
        }],
        ..rutter_venues::kraken::feed::Config::new(VenueId(1))
    };
    let orders = Machinery::Orders;
    vec![
        Running::new(orders(Box::new(BinanceOrders::new(binance).expect("sound"))), 0),
        Running::new(orders(Box::new(KrakenOrders::new(kraken).expect("sound"))), 1),
        Running::new(Machinery::Feed(Box::new(BinanceFeed::new(binance_feed).expect("sound"))), 0),
        Running::new(Machinery::Feed(Box::new(KrakenFeed::new(kraken_feed).expect("sound"))), 1),
    ]
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
        gateway.recovered().expect("stores and journal agree");
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
