//! The simulated venues: one row of [`VENUES`] each.
//!
//! A line belongs here if it is about one venue: keys, rules, settings of the adapters, the texts
//! of order ids, and the ids that a row refers to. A venue joins the simulation with a row. No
//! other file names the venue.

use rutter_core::id::{AssetId, ChildId, InstrumentId, VenueId};
use rutter_core::input::{AmendDef, BreakerTerms, BudgetDef, FeeTaken, ListingDef, VenueDef};
use rutter_core::number::{Amount, FeePpm, Price, Qty};
use rutter_core::ticks::Ticks;
use rutter_sim::accounts::AccountConfig;
use rutter_sim::binance::{self, BinanceFront};
use rutter_sim::coinbase::{self, CoinbaseFront};
use rutter_sim::engine::{
    AmendRule, Exchange, ExchangeConfig, FeeAsset, InstrumentConfig, PostOnlyCross,
};
use rutter_sim::faults::{FaultPlan, FaultyFront};
use rutter_sim::flow::{Flow, FlowConfig, FlowInstrument};
use rutter_sim::front::Front;
use rutter_sim::kraken::{self, Kraken};
use rutter_sim::order::{AMOUNT_DECIMALS, AccountId};
use rutter_test_support::reference::{self, UNIT};
use rutter_transport::secret::Secret;
use rutter_venues::binance::feed::BinanceFeed;
use rutter_venues::binance::{BinanceConfig, BinanceOrders};
use rutter_venues::coinbase::feed::CoinbaseFeed;
use rutter_venues::coinbase::{CoinbaseConfig, CoinbaseOrders};
use rutter_venues::inquiry::CallLimit;
use rutter_venues::kraken::feed::KrakenFeed;
use rutter_venues::kraken::{KrakenConfig, KrakenOrders};
use rutter_venues::listing::{AssetNames, FeedListing, Listing};
use rutter_venues::venue::{Feed, Orders};

use super::network::START_NS;

/// One whole in the exchanges' amounts.
const ONE: i128 = 10_i128.pow(AMOUNT_DECIMALS);

const BINANCE_KEY: &str = "simulationSIMULATIONsimulationSIMULATIONsimulationSIMULATION1234";
/// The seed of the venue reference's published Ed25519 vector.
const ED25519_PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIIJEYWtGBrhACmb9Dvy+qa8WEf0lQOl1s4CLIAB9m89u\n\
    -----END PRIVATE KEY-----\n";
const ED25519_PUBLIC: [u8; 32] = [
    0x19, 0x42, 0x0a, 0xbf, 0xd7, 0x52, 0xa5, 0x65, 0xc1, 0x56, 0x25, 0xe9, 0xda, 0x6e, 0xaf, 0x00,
    0x86, 0xfc, 0x40, 0xc1, 0x49, 0x60, 0x18, 0x32, 0x14, 0x44, 0x2c, 0x14, 0x99, 0x6a, 0x80, 0x0d,
];
const KRAKEN_KEY: &str = "simulation-key";
const KRAKEN_SECRET: &str = "c2VjcmV0LXNlY3JldC1zZWNyZXQ=";
const COINBASE_KEY: &str = "simulation-key";
const COINBASE_SECRET: &str = "c2VjcmV0LXNlY3JldC1zZWNyZXQ=";
const COINBASE_PASSPHRASE: &str = "passphrase";

/// Our account at every venue.
pub const OURS: &str = "ours";

/// Tag of the node in all of its order ids.
pub const NODE_TAG: u32 = 0x51_70_0b_ad;
pub const BTC: AssetId = AssetId(0);
pub const USDT: AssetId = AssetId(1);
pub const PAIR: InstrumentId = InstrumentId(0);

/// A front in the dialect of one venue, over one simulated exchange.
pub trait Dialect: Front {
    fn exchange(&self) -> &Exchange;

    /// The exchange, for another participant.
    fn exchange_mut(&mut self) -> &mut Exchange;

    /// Requests about orders that the venue's own counts have refused.
    fn beyond_limits(&self) -> u64;
}

impl Dialect for BinanceFront {
    fn exchange(&self) -> &Exchange {
        self.exchange()
    }

    fn exchange_mut(&mut self) -> &mut Exchange {
        self.exchange_mut()
    }

    fn beyond_limits(&self) -> u64 {
        self.beyond_limits()
    }
}

impl Dialect for Kraken {
    fn exchange(&self) -> &Exchange {
        self.exchange()
    }

    fn exchange_mut(&mut self) -> &mut Exchange {
        self.exchange_mut()
    }

    fn beyond_limits(&self) -> u64 {
        self.beyond_limits()
    }
}

impl Dialect for CoinbaseFront {
    fn exchange(&self) -> &Exchange {
        self.exchange()
    }

    fn exchange_mut(&mut self) -> &mut Exchange {
        self.exchange_mut()
    }

    fn beyond_limits(&self) -> u64 {
        self.beyond_limits()
    }
}

/// The front of any venue, with faults.
pub type SimFront = FaultyFront<Box<dyn Dialect>>;

/// A venue of the simulation. Its place in [`VENUES`] is its id.
pub struct SimVenue {
    pub name: &'static str,
    /// Makes the simulated exchange from the seed of the run.
    pub front: fn(u64) -> SimFront,
    pub definition: fn(VenueId) -> VenueDef,
    /// Keys of the venue's own that say by which limits it counts, as JSON.
    limits: &'static str,
    /// Code and text of a refusal that the core takes for a fault of the venue.
    pub refusal: (i32, &'static str),
    pub listing: fn(VenueId) -> ListingDef,
    /// Makes the order-entry adapter from the venue's id and the seed of the run.
    pub orders: fn(VenueId, u64) -> Orders,
    pub feed: fn(VenueId) -> Feed,
    /// The id under which the venue knows a child's order.
    pub order_id: fn(ChildId) -> String,
    /// The id that the venue knew an order by before any amend.
    pub first_id: fn(&str) -> String,
    /// The order id in a message of ours, if the message is a new order.
    pub new_order: fn(&str) -> Option<String>,
}

/// Breakers that close again well before the end of a run.
const BREAKER: BreakerTerms = BreakerTerms {
    failures: 3,
    open_ns: 1_000_000_000,
    open_max_ns: 4_000_000_000,
    ..BreakerTerms::DEFAULT
};

/// All venues of the simulation.
pub const VENUES: [SimVenue; 3] = [
    SimVenue {
        name: "binance",
        front: binance_front,
        definition: |venue| VenueDef {
            stale_after_ns: 5_000_000_000,
            rate_orders: u32::MAX,
            unanswered_max: 1_000,
            fok: true,
            breaker: BREAKER,
            ..reference::venue(venue.0, "binance")
        },
        limits: "{}",
        refusal: (-2010, "Order would trigger immediately."),
        listing: |venue| ListingDef {
            fee_taken: FeeTaken::Received,
            ..listing_def(venue, 1, 1_000, (1_000, 1_000))
        },
        orders: binance_orders,
        feed: |venue| {
            let listings = vec![feed_listing("BTCUSDT")];
            let config = rutter_venues::binance::feed::Config::new(venue);
            let config = rutter_venues::binance::feed::Config { listings, ..config };
            Box::new(BinanceFeed::new(config).expect("sound"))
        },
        order_id: |child| format!("r{NODE_TAG:08x}-{:x}", child.0),
        first_id: str::to_owned,
        new_order: |message| {
            let fields = message.contains("\u{1}35=D\u{1}").then(|| message.split('\u{1}'));
            fields?.find_map(|field| field.strip_prefix("11=")).map(str::to_owned)
        },
    },
    SimVenue {
        name: "kraken",
        front: kraken_front,
        definition: |venue| VenueDef {
            stale_after_ns: 5_000_000_000,
            rate_orders: u32::MAX,
            unanswered_max: 3,
            fok: false,
            breaker: BREAKER,
            ..reference::venue(venue.0, "kraken")
        },
        limits: r#"{"tier": "intermediate"}"#,
        refusal: (0, "EOrder:Insufficient margin"),
        listing: |venue| listing_def(venue, 10, 1, (1_600, 2_600)),
        orders: kraken_orders,
        feed: |venue| {
            let listings = vec![feed_listing("BTC/USDT")];
            let config = rutter_venues::kraken::feed::Config::new(venue);
            let config = rutter_venues::kraken::feed::Config { listings, ..config };
            Box::new(KrakenFeed::new(config).expect("sound"))
        },
        order_id: |child| format!("{NODE_TAG:08x}{:08x}{:016x}", 0, child.0),
        first_id: str::to_owned,
        new_order: |message| {
            if !message.contains("\"add_order\"") {
                return None;
            }
            let after = message.split("\"cl_ord_id\":\"").nth(1).expect("an order has an id");
            after.split('"').next().map(str::to_owned)
        },
    },
    SimVenue {
        name: "coinbase",
        front: coinbase_front,
        definition: |venue| VenueDef {
            stale_after_ns: 5_000_000_000,
            rate_orders: u32::MAX,
            unanswered_max: 50,
            fok: true,
            breaker: BREAKER,
            ..reference::venue(venue.0, "coinbase")
        },
        limits: "{}",
        refusal: (0, "Price is out of its band"),
        listing: |venue| listing_def(venue, 1, 1, (400, 1_200)),
        orders: coinbase_orders,
        feed: |venue| {
            let config = rutter_venues::coinbase::feed::Config {
                listings: vec![feed_listing("BTC-USDT")],
                api_key: Secret::from(COINBASE_KEY),
                api_secret: coinbase_secret(),
                ..rutter_venues::coinbase::feed::Config::new(venue)
            };
            Box::new(CoinbaseFeed::new(config).expect("sound"))
        },
        order_id: |child| {
            let id = child.0;
            format!(
                "{NODE_TAG:08x}-{:04x}-4{:03x}-8{:03x}-{:06x}000000",
                id >> 48,
                id >> 36 & 0xfff,
                id >> 24 & 0xfff,
                id & 0xff_ffff
            )
        },
        first_id: |id| format!("{}8{}000000", &id[..19], &id[20..30]),
        new_order: |message| {
            let fields = message.contains("\u{1}35=D\u{1}").then(|| message.split('\u{1}'));
            fields?.find_map(|field| field.strip_prefix("11=")).map(str::to_owned)
        },
    },
];

/// A wire is late by 402 ms at most, whatever goes wrong.
const SLACK_NS: u64 = 450_000_000;

impl SimVenue {
    fn row(&self) -> &'static rutter_venues::venue::Venue {
        let row = rutter_venues::VENUES.into_iter().find(|row| row.kind == self.name);
        row.expect("a venue")
    }

    /// What the venue's amend does, as the node has it.
    pub fn amends(&self, venue: VenueId) -> AmendDef {
        AmendDef { venue, ..self.row().amend }
    }

    /// The windows of the venue's documents, as the node has them.
    pub fn budget(&self, venue: VenueId) -> BudgetDef {
        let keys = serde_json::from_str(self.limits).expect("keys");
        let windows = (self.row().budget)(&keys).expect("sound keys");
        BudgetDef::new(venue, SLACK_NS, &windows).expect("few windows")
    }
}

fn listing_def(venue: VenueId, tick: i64, lot: i64, fees: (i32, i32)) -> ListingDef {
    ListingDef {
        ticks: Ticks::fixed(Price(tick)),
        lot: Qty(lot),
        qty_min: Qty(5_000),
        qty_max: Qty(900_000_000_000),
        notional_min: Amount(5 * UNIT),
        maker_fee: FeePpm(fees.0),
        taker_fee: FeePpm(fees.1),
        ..reference::listing(venue, PAIR)
    }
}

fn listing(symbol: &str, venue_price_decimals: u8) -> Listing {
    Listing {
        instrument: PAIR,
        symbol: symbol.to_owned(),
        price_decimals: 2,
        qty_decimals: 8,
        venue_price_decimals,
        venue_qty_decimals: 8,
    }
}

fn feed_listing(symbol: &str) -> FeedListing {
    FeedListing { instrument: PAIR, symbol: symbol.to_owned(), price_decimals: 2, qty_decimals: 8 }
}

fn assets() -> Vec<AssetNames> {
    vec![
        AssetNames { asset: BTC, names: ["BTC", "XBT", "XXBT"].map(str::to_owned).to_vec() },
        AssetNames { asset: USDT, names: vec!["USDT".to_owned()] },
    ]
}

fn binance_orders(venue: VenueId, seed: u64) -> Orders {
    let config = BinanceConfig {
        sender_comp_id: "RUTTER".to_owned(),
        api_key: Secret::from(BINANCE_KEY),
        private_key: Secret::from(ED25519_PEM),
        recv_window_ms: 5_000,
        seed,
        listings: vec![listing("BTCUSDT", 2)],
        assets: assets(),
        ..BinanceConfig::new(venue, NODE_TAG)
    };
    Box::new(BinanceOrders::new(config).expect("sound"))
}

fn kraken_orders(venue: VenueId, seed: u64) -> Orders {
    let config = KrakenConfig {
        api_key: Secret::from(KRAKEN_KEY),
        api_secret: Secret::from(KRAKEN_SECRET),
        // The simulated account is of the middle tier: 20 points, one in two seconds back.
        rest_limit: CallLimit { counter_max: 18, decay_milli_per_s: 500 },
        seed,
        listings: vec![listing("BTC/USDT", 1)],
        assets: assets(),
        ..KrakenConfig::new(venue, NODE_TAG)
    };
    Box::new(KrakenOrders::new(config).expect("sound"))
}

fn coinbase_secret() -> Secret {
    Secret::from(format!("{COINBASE_SECRET}\n{COINBASE_PASSPHRASE}\n").as_str())
}

fn coinbase_orders(venue: VenueId, seed: u64) -> Orders {
    let config = CoinbaseConfig {
        api_key: Secret::from(COINBASE_KEY),
        api_secret: coinbase_secret(),
        seed,
        listings: vec![listing("BTC-USDT", 2)],
        assets: assets(),
        ..CoinbaseConfig::new(venue, NODE_TAG)
    };
    Box::new(CoinbaseOrders::new(config).expect("sound"))
}

fn accounts() -> Vec<AccountConfig> {
    let account = |name: &str, factor: i128, background| AccountConfig {
        name: name.to_owned(),
        balances: vec![
            ("BTC".to_owned(), 100 * factor * ONE),
            ("USDT".to_owned(), 10_000_000 * factor * ONE),
        ],
        background,
    };
    vec![account(OURS, 1, false), account("maker", 1000, true), account("taker", 1000, true)]
}

fn instrument(symbol: &str, price_decimals: u32, tick: i64, lot: i64) -> InstrumentConfig {
    InstrumentConfig {
        symbol: symbol.to_owned(),
        base: "BTC".to_owned(),
        quote: "USDT".to_owned(),
        price_decimals,
        quantity_decimals: 8,
        tick,
        lot,
        min_price: tick,
        max_price: 1_000_000 * 10_i64.pow(price_decimals),
        min_quantity: 5_000,
        max_quantity: 900_000_000_000,
        max_market_quantity: 900_000_000_000,
        min_notional: 5 * ONE,
        price_band: None,
        max_open_orders: 200,
    }
}

fn rules(instrument: InstrumentConfig, fee_asset: FeeAsset, fees: (u32, u32)) -> ExchangeConfig {
    ExchangeConfig {
        instruments: vec![instrument],
        accounts: accounts(),
        maker_fee_ppm: fees.0,
        taker_fee_ppm: fees.1,
        fee_asset,
        fee_decimals: 8,
        post_only_cross: PostOnlyCross::Refuse,
        amend_rule: AmendRule::DownOnly,
        first_order_id: 1,
        first_trade_id: 1,
        first_exec_id: 1,
    }
}

/// Orders of the other participants. Each venue has a salt of its own. `lots_per_step` is
/// 0.00001 BTC in lots.
fn flow(seed: u64, salt: u64, tick_e8: i64, lots_per_step: i64) -> Flow {
    Flow::new(FlowConfig {
        seed,
        venue_salt: salt,
        start_ns: START_NS,
        step_ns: 50_000_000,
        maker: AccountId(1),
        taker: AccountId(2),
        instruments: vec![FlowInstrument {
            instrument: rutter_sim::order::InstrumentId(0),
            fundamental: 1,
            start_price_e8: 60_000 * 100_000_000,
            volatility_ppm: 30,
            half_spread_ticks: 100_000_000 / tick_e8,
            noise_ticks: 300_000_000 / tick_e8,
            levels: 12,
            deep_levels: 0,
            level_gap_ticks: 100_000_000 / tick_e8,
            quote_lots: (100 * lots_per_step, 40_000 * lots_per_step),
            refresh_ppm: 200_000,
            taker_ppm: 400_000,
            taker_lots: (100 * lots_per_step, 50_000 * lots_per_step),
        }],
    })
}

fn binance_front(seed: u64) -> SimFront {
    let keys = vec![binance::ApiKey {
        key: BINANCE_KEY.to_owned(),
        account: AccountId(0),
        hmac_secret: None,
        ed25519_public: Some(ED25519_PUBLIC),
    }];
    let mut config = binance::BinanceConfig::new(keys);
    config.limits.fix_attempts_per_30s = 1_000;
    let rules =
        rules(instrument("BTCUSDT", 8, 1_000_000, 1_000), FeeAsset::Received, (1_000, 1_000));
    let exchange = Exchange::new(rules).expect("a sound exchange");
    let front = BinanceFront::new(config, exchange, Some(flow(seed, 1, 1_000_000, 1)));
    FaultyFront::new(Box::new(front), FaultPlan::default())
}

fn kraken_front(seed: u64) -> SimFront {
    let mut config = kraken::config::KrakenConfig::standard(KRAKEN_KEY, KRAKEN_SECRET);
    config.exchange = ExchangeConfig {
        post_only_cross: PostOnlyCross::Cancel,
        ..rules(instrument("BTC/USDT", 1, 1, 1), FeeAsset::Quote, (1_600, 2_600))
    };
    config.pairs = vec![kraken::config::PairNames {
        symbol: "BTC/USDT".to_owned(),
        key: "XBTUSDT".to_owned(),
        altname: "XBTUSDT".to_owned(),
        wsname: "XBT/USDT".to_owned(),
    }];
    config.assets.retain(|asset| asset.name == "BTC");
    config.assets.push(kraken::config::AssetNames {
        name: "USDT".to_owned(),
        key: "USDT".to_owned(),
        altname: "USDT".to_owned(),
        decimals: 8,
        display_decimals: 4,
    });
    config.keys.truncate(1);
    config.keys[0].tier = kraken::rate::Tier::Intermediate;
    OURS.clone_into(&mut config.keys[0].account);
    let front =
        Kraken::new(config).expect("a sound venue").with_flow(flow(seed, 2, 10_000_000, 1_000));
    FaultyFront::new(Box::new(front), FaultPlan::default())
}

fn coinbase_front(seed: u64) -> SimFront {
    let key = coinbase::ApiKey {
        key: COINBASE_KEY.to_owned(),
        secret: COINBASE_SECRET.to_owned(),
        passphrase: COINBASE_PASSPHRASE.to_owned(),
        account: AccountId(0),
    };
    let config = coinbase::CoinbaseConfig::new(vec![key]);
    let rules = ExchangeConfig {
        amend_rule: AmendRule::Any,
        ..rules(instrument("BTC-USDT", 2, 1, 1), FeeAsset::Quote, (400, 1_200))
    };
    let exchange = Exchange::new(rules).expect("a sound exchange");
    let front = CoinbaseFront::new(config, exchange, Some(flow(seed, 3, 1_000_000, 1_000)));
    FaultyFront::new(Box::new(front), FaultPlan::default())
}
