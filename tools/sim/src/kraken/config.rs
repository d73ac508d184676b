//! Configuration of a simulated Kraken: pairs, names, fees, accounts.
//!
//! A line belongs here if it describes a venue before it opens. Source: venue reference (Kraken),
//! section 8; the prices and the balances of the accounts are made up.

use super::auth::ApiKey;
use super::rate::Tier;
use crate::engine::{
    AccountConfig, AmendRule, ExchangeConfig, FeeAsset, InstrumentConfig, PostOnlyCross,
};
use crate::order::AMOUNT_DECIMALS;

/// How REST names a pair.
#[derive(Clone, Debug)]
pub struct PairNames {
    /// Symbol on WebSocket and in the engine, such as `BTC/USD`.
    pub symbol: String,
    /// Key in `AssetPairs`, such as `XXBTZUSD`.
    pub key: String,
    /// `altname`, such as `XBTUSD`.
    pub altname: String,
    /// `wsname`, such as `XBT/USD`.
    pub wsname: String,
}

/// How REST names an asset.
#[derive(Clone, Debug)]
pub struct AssetNames {
    /// Name on WebSocket and in the engine, such as `BTC`.
    pub name: String,
    /// Key in `Assets`, such as `XXBT`.
    pub key: String,
    /// `altname`, such as `XBT`.
    pub altname: String,
    /// `decimals`: decimals of amounts.
    pub decimals: u32,
    /// `display_decimals`.
    pub display_decimals: u32,
}

/// Configuration of a simulated Kraken.
#[derive(Clone, Debug)]
pub struct KrakenConfig {
    /// Configuration of the exchange.
    pub exchange: ExchangeConfig,
    /// Names of each instrument's pair, in the order of the instruments.
    pub pairs: Vec<PairNames>,
    /// Names of each asset.
    pub assets: Vec<AssetNames>,
    /// Keys of the accounts.
    pub keys: Vec<ApiKey>,
}

/// Name of the client account of [`KrakenConfig::standard`].
pub const CLIENT: &str = "client";

/// Name of the account of background quotes.
pub const BACKGROUND: &str = "background";

/// Name of the account of background takers. It differs from [`BACKGROUND`], for an account never
/// trades with itself.
pub const BACKGROUND_TAKER: &str = "background-taker";

/// One whole of an asset in units of 10^-16.
const ONE: i128 = 10i128.pow(AMOUNT_DECIMALS);

impl KrakenConfig {
    /// BTC/USD, ETH/USD and SOL/USD, one client account with this key, two accounts for background
    /// flow, and the fees of the lowest tier: 0.25 % maker, 0.40 % taker.
    pub fn standard(key: &str, secret_base64: &str) -> Self {
        let instruments = vec![
            instrument("BTC", 1, 1, 5_000),
            instrument("ETH", 2, 1, 100_000),
            instrument("SOL", 2, 1, 2_000_000),
        ];
        let names = |name: &str, altname: &str, key: &str| PairNames {
            symbol: format!("{name}/USD"),
            key: key.to_owned(),
            altname: format!("{altname}USD"),
            wsname: format!("{altname}/USD"),
        };
        let asset = |name: &str, key: &str, altname: &str, decimals, display_decimals| AssetNames {
            name: name.to_owned(),
            key: key.to_owned(),
            altname: altname.to_owned(),
            decimals,
            display_decimals,
        };
        let account = |name: &str, factor: i128, background| AccountConfig {
            name: name.to_owned(),
            balances: [("BTC", 100), ("ETH", 1000), ("SOL", 50_000), ("USD", 10_000_000)]
                .map(|(asset, amount)| (asset.to_owned(), amount * factor * ONE))
                .to_vec(),
            background,
        };
        Self {
            exchange: ExchangeConfig {
                instruments,
                accounts: vec![
                    account(CLIENT, 1, false),
                    account(BACKGROUND, 1000, true),
                    account(BACKGROUND_TAKER, 1000, true),
                ],
                maker_fee_ppm: 2500,
                taker_fee_ppm: 4000,
                fee_asset: FeeAsset::Quote,
                fee_decimals: 4,
                post_only_cross: PostOnlyCross::Cancel,
                amend_rule: AmendRule::Any,
                first_order_id: 1,
                first_trade_id: 62_887_576,
                first_exec_id: 1,
            },
            pairs: vec![
                names("BTC", "XBT", "XXBTZUSD"),
                names("ETH", "ETH", "XETHZUSD"),
                names("SOL", "SOL", "SOLUSD"),
            ],
            assets: vec![
                asset("BTC", "XXBT", "XBT", 10, 5),
                asset("ETH", "XETH", "ETH", 10, 5),
                asset("SOL", "SOL", "SOL", 10, 5),
                asset("USD", "ZUSD", "USD", 4, 2),
            ],
            keys: vec![ApiKey {
                account: CLIENT.to_owned(),
                key: key.to_owned(),
                secret: secret_base64.to_owned(),
                tier: Tier::Pro,
            }],
        }
    }
}

fn instrument(base: &str, price_decimals: u32, tick: i64, min_quantity: i64) -> InstrumentConfig {
    InstrumentConfig {
        symbol: format!("{base}/USD"),
        base: base.to_owned(),
        quote: "USD".to_owned(),
        price_decimals,
        quantity_decimals: 8,
        tick,
        lot: 1,
        min_price: tick,
        max_price: 10_000_000 * 10i64.pow(price_decimals),
        min_quantity,
        max_quantity: 100_000 * 100_000_000,
        max_market_quantity: 100_000 * 100_000_000,
        min_notional: ONE / 2,
        price_band: None,
        max_open_orders: Tier::Pro.open_orders_max(),
    }
}
