//! The two simulated exchanges, as the simulation test wants them.

use rutter_sim::accounts::AccountConfig;
use rutter_sim::binance::{self, BinanceConfig, BinanceFront};
use rutter_sim::engine::{
    AmendRule, Exchange, ExchangeConfig, FeeAsset, InstrumentConfig, PostOnlyCross,
};
use rutter_sim::faults::{FaultPlan, FaultyFront};
use rutter_sim::flow::{Flow, FlowConfig, FlowInstrument};
use rutter_sim::kraken::{self, Kraken};
use rutter_sim::order::{AMOUNT_DECIMALS, AccountId, InstrumentId};

use super::network::START_NS;

/// One whole in the exchanges' amounts.
const ONE: i128 = 10_i128.pow(AMOUNT_DECIMALS);

pub const BINANCE_KEY: &str = "simulationSIMULATIONsimulationSIMULATIONsimulationSIMULATION1234";
/// The seed of the venue reference's published Ed25519 vector.
pub const ED25519_PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIIJEYWtGBrhACmb9Dvy+qa8WEf0lQOl1s4CLIAB9m89u\n\
    -----END PRIVATE KEY-----\n";
const ED25519_PUBLIC: [u8; 32] = [
    0x19, 0x42, 0x0a, 0xbf, 0xd7, 0x52, 0xa5, 0x65, 0xc1, 0x56, 0x25, 0xe9, 0xda, 0x6e, 0xaf, 0x00,
    0x86, 0xfc, 0x40, 0xc1, 0x49, 0x60, 0x18, 0x32, 0x14, 0x44, 0x2c, 0x14, 0x99, 0x6a, 0x80, 0x0d,
];
pub const KRAKEN_KEY: &str = "simulation-key";
pub const KRAKEN_SECRET: &str = "c2VjcmV0LXNlY3JldC1zZWNyZXQ=";

/// Our account at both venues.
pub const OURS: &str = "ours";

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

fn flow(seed: u64, salt: u64, tick_e8: i64) -> Flow {
    Flow::new(FlowConfig {
        seed,
        venue_salt: salt,
        start_ns: START_NS,
        step_ns: 50_000_000,
        maker: AccountId(1),
        taker: AccountId(2),
        instruments: vec![FlowInstrument {
            instrument: InstrumentId(0),
            fundamental: 1,
            start_price_e8: 60_000 * 100_000_000,
            volatility_ppm: 30,
            half_spread_ticks: 100_000_000 / tick_e8,
            noise_ticks: 300_000_000 / tick_e8,
            levels: 12,
            level_gap_ticks: 100_000_000 / tick_e8,
            quote_lots: if salt == 1 { (100, 40_000) } else { (100_000, 40_000_000) },
            refresh_ppm: 200_000,
            taker_ppm: 400_000,
            taker_lots: if salt == 1 { (100, 50_000) } else { (100_000, 50_000_000) },
        }],
    })
}

pub fn binance(seed: u64) -> FaultyFront<BinanceFront> {
    let keys = vec![binance::ApiKey {
        key: BINANCE_KEY.to_owned(),
        account: AccountId(0),
        hmac_secret: None,
        ed25519_public: Some(ED25519_PUBLIC),
    }];
    let mut config = BinanceConfig::new(keys);
    config.limits.fix_attempts_per_30s = 1_000;
    config.limits.orders_per_10s = 5_000;
    let rules =
        rules(instrument("BTCUSDT", 8, 1_000_000, 1_000), FeeAsset::Received, (1_000, 1_000));
    let exchange = Exchange::new(rules).expect("a sound exchange");
    let front = BinanceFront::new(config, exchange, Some(flow(seed, 1, 1_000_000)));
    FaultyFront::new(front, FaultPlan::default())
}

pub fn kraken(seed: u64) -> FaultyFront<Kraken> {
    let mut config = kraken::config::KrakenConfig::standard(KRAKEN_KEY, KRAKEN_SECRET);
    config.exchange = rules(instrument("BTC/USDT", 1, 1, 1), FeeAsset::Quote, (1_600, 2_600));
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
    OURS.clone_into(&mut config.keys[0].account);
    let front = Kraken::new(config).expect("a sound venue").with_flow(flow(seed, 2, 10_000_000));
    FaultyFront::new(front, FaultPlan::default())
}
