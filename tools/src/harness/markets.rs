//! What the simulated venues trade, and at which fees.
//!
//! A line belongs here if it describes a venue or an instrument. Starting them is `venues`.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::HarnessError;
use rutter_sim::binance::{ApiKey as BinanceKey, BinanceConfig, FixConfig, LimitConfig};
use rutter_sim::engine::{
    AccountConfig, AccountId, AmendRule, Exchange, ExchangeConfig, FeeAsset, InstrumentConfig,
    InstrumentId, PostOnlyCross,
};
use rutter_sim::flow::{FlowConfig, FlowInstrument};
use rutter_sim::kraken::auth::ApiKey as KrakenKey;
use rutter_sim::kraken::config::{AssetNames, KrakenConfig, PairNames};
use rutter_sim::kraken::rate::Tier;
use rutter_sim::order::AMOUNT_DECIMALS;

/// Prices and quantities of the tools count 10^-8.
pub const E8: i64 = 100_000_000;

/// One whole of an asset as the engine counts it.
const ONE: i128 = 10i128.pow(AMOUNT_DECIMALS);

/// PKCS#8 version 1 around an Ed25519 seed (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// A simulated venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Venue {
    /// Binance spot.
    Binance,
    /// Kraken spot.
    Kraken,
}

impl Venue {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Binance, Self::Kraken];

    /// As the node's configuration calls it, and `LastMkt` (30).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Binance => "binance",
            Self::Kraken => "kraken",
        }
    }

    /// The venue of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|venue| venue.name() == name)
    }

    /// Position in tables.
    pub const fn index(self) -> usize {
        match self {
            Self::Binance => 0,
            Self::Kraken => 1,
        }
    }

    /// Maker and taker fee in millionths: Binance's ordinary account, and a Kraken account of high
    /// volume, so that prices and depth decide and not the fee alone.
    pub const fn fees_ppm(self) -> (u32, u32) {
        match self {
            Self::Binance => (1_000, 1_000),
            Self::Kraken => (200, 1_000),
        }
    }
}

/// An instrument as it is traded at both venues.
#[derive(Clone, Copy, Debug)]
pub struct Market {
    /// Ours and Kraken's: `BTC/USDT`.
    pub symbol: &'static str,
    /// `BTC`.
    pub base: &'static str,
    /// `USDT`.
    pub quote: &'static str,
    /// Binance's: `BTCUSDT`.
    pub binance_symbol: &'static str,
    /// Key and altname at Kraken: `XBTUSDT`.
    pub kraken_key: &'static str,
    /// Price at the start, whole quote units.
    pub start_price: i64,
    /// Binance's quantity step, 10^-8.
    pub binance_lot_e8: i64,
    /// Decimals of Kraken's prices; its tick is one unit of the last.
    pub kraken_price_decimals: u32,
    /// Smallest quantity at Kraken, 10^-8.
    pub kraken_qty_min_e8: i64,
    /// Distance of the best quotes from the middle, in hundredths of a quote unit.
    pub half_spread_cents: i64,
    /// Distance between levels, likewise.
    pub level_gap_cents: i64,
    /// Quantity of a background quote, lowest and highest, 10^-8.
    pub quote_qty_e8: (i64, i64),
}

/// What both venues list.
pub const MARKETS: [Market; 2] = [
    Market {
        symbol: "BTC/USDT",
        base: "BTC",
        quote: "USDT",
        binance_symbol: "BTCUSDT",
        kraken_key: "XBTUSDT",
        start_price: 60_000,
        binance_lot_e8: 1_000,
        kraken_price_decimals: 1,
        kraken_qty_min_e8: 5_000,
        half_spread_cents: 100,
        level_gap_cents: 200,
        quote_qty_e8: (1_000_000, 30_000_000),
    },
    Market {
        symbol: "ETH/USDT",
        base: "ETH",
        quote: "USDT",
        binance_symbol: "ETHUSDT",
        kraken_key: "ETHUSDT",
        start_price: 3_000,
        binance_lot_e8: 10_000,
        kraken_price_decimals: 2,
        kraken_qty_min_e8: 100_000,
        half_spread_cents: 5,
        level_gap_cents: 10,
        quote_qty_e8: (20_000_000, 600_000_000),
    },
];

/// Binance's prices and both venues' quantities have 8 decimals.
pub(super) const DECIMALS: u32 = 8;
/// Binance's price step: 0.01.
pub(super) const BINANCE_TICK_E8: i64 = 1_000_000;
/// Binance's smallest order value, in quote units.
pub(super) const BINANCE_NOTIONAL_MIN: i64 = 5;
/// Largest order at either venue, in base units.
pub(super) const QTY_MAX: i64 = 9_000;

/// Names of the accounts of both simulated venues; [`AccountId`] is the index.
const ACCOUNTS: [&str; 3] = ["client", "background", "background-taker"];
/// The node's account.
pub(super) const CLIENT: AccountId = AccountId(0);
const BACKGROUND: AccountId = AccountId(1);
const BACKGROUND_TAKER: AccountId = AccountId(2);

/// Levels that the background quotes on each side.
const LEVELS: u32 = 20;

/// 32 bytes that follow from the seed and a name: keys of a simulated venue are no secrets.
pub fn key_secret(seed: u64, name: &str) -> [u8; 32] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(&seed.to_le_bytes());
    context.update(name.as_bytes());
    let mut secret = [0; 32];
    secret.copy_from_slice(context.finish().as_ref());
    secret
}

/// What the node needs to log on to a venue.
#[derive(Clone, Debug)]
pub(super) struct Credentials {
    pub binance_key: String,
    pub binance_pem: String,
    pub kraken_key: String,
    pub kraken_secret: String,
    binance_public: [u8; 32],
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// Keys of both venues.
pub(super) fn credentials(seed: u64) -> Result<Credentials, HarnessError> {
    let secret = key_secret(seed, "binance");
    let pair = Ed25519KeyPair::from_seed_unchecked(&secret)
        .map_err(|error| HarnessError::Exchange(error.to_string()))?;
    let mut binance_public = [0; 32];
    binance_public.copy_from_slice(pair.public_key().as_ref());
    let der = STANDARD.encode([&PKCS8_PREFIX[..], &secret].concat());
    Ok(Credentials {
        binance_key: hex(&key_secret(seed, "binance key")),
        binance_pem: format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n"),
        kraken_key: format!("simulated-{seed}"),
        kraken_secret: STANDARD.encode(key_secret(seed, "kraken")),
        binance_public,
    })
}

fn accounts() -> Vec<AccountConfig> {
    // Ours has less, so that an order can be too large for it.
    let ours = [("BTC", 100_000), ("ETH", 1_000_000), ("USDT", 100_000_000_i128)];
    let others = [("BTC", 100_000), ("ETH", 1_000_000), ("USDT", 10_000_000_000_i128)];
    ACCOUNTS
        .iter()
        .map(|name| {
            let background = *name != ACCOUNTS[0];
            let balances = if background { others } else { ours };
            let balances = balances.map(|(asset, whole)| (asset.to_owned(), whole * ONE));
            AccountConfig { name: (*name).to_owned(), balances: balances.to_vec(), background }
        })
        .collect()
}

fn instrument(venue: Venue, market: &Market) -> InstrumentConfig {
    let (symbol, price_decimals, tick) = match venue {
        Venue::Binance => (market.binance_symbol, DECIMALS, BINANCE_TICK_E8),
        Venue::Kraken => (market.symbol, market.kraken_price_decimals, 1),
    };
    let (lot, min_quantity) = match venue {
        Venue::Binance => (market.binance_lot_e8, market.binance_lot_e8),
        Venue::Kraken => (1, market.kraken_qty_min_e8),
    };
    InstrumentConfig {
        symbol: symbol.to_owned(),
        base: market.base.to_owned(),
        quote: market.quote.to_owned(),
        price_decimals,
        quantity_decimals: DECIMALS,
        tick,
        lot,
        min_price: tick,
        max_price: 1_000_000 * 10i64.pow(price_decimals),
        min_quantity,
        max_quantity: QTY_MAX * E8,
        max_market_quantity: QTY_MAX * E8,
        min_notional: match venue {
            Venue::Binance => i128::from(BINANCE_NOTIONAL_MIN) * ONE,
            Venue::Kraken => ONE / 2,
        },
        price_band: None,
        max_open_orders: 100_000,
    }
}

fn exchange_config(venue: Venue) -> ExchangeConfig {
    let (maker_fee_ppm, taker_fee_ppm) = venue.fees_ppm();
    let (fee_asset, fee_decimals, post_only_cross, amend_rule) = match venue {
        Venue::Binance => (FeeAsset::Received, 8, PostOnlyCross::Refuse, AmendRule::DownOnly),
        Venue::Kraken => (FeeAsset::Quote, 4, PostOnlyCross::Cancel, AmendRule::Any),
    };
    ExchangeConfig {
        instruments: MARKETS.iter().map(|market| instrument(venue, market)).collect(),
        accounts: accounts(),
        maker_fee_ppm,
        taker_fee_ppm,
        fee_asset,
        fee_decimals,
        post_only_cross,
        amend_rule,
        first_order_id: 1_000,
        first_trade_id: 5_000_000,
        first_exec_id: 1,
    }
}

/// The simulated Binance, without limits on the rate of orders.
pub(super) fn binance(
    credentials: &Credentials,
) -> Result<(BinanceConfig, Exchange), HarnessError> {
    let exchange = Exchange::new(exchange_config(Venue::Binance))
        .map_err(|error| HarnessError::Exchange(error.to_string()))?;
    let keys = vec![BinanceKey {
        key: credentials.binance_key.clone(),
        account: CLIENT,
        hmac_secret: None,
        ed25519_public: Some(credentials.binance_public),
    }];
    let limits = LimitConfig {
        weight_per_minute: 1_000_000,
        orders_per_10s: u32::MAX,
        orders_per_day: u32::MAX,
        fix_messages_per_10s: u32::MAX,
        fix_attempts_per_30s: 10_000,
        ..LimitConfig::default()
    };
    // A node that was killed must be let in again at once, or a crash test waits for a minute.
    let fix = FixConfig { lock_comp_id_after_unclean_close: false, ..FixConfig::default() };
    Ok((BinanceConfig { limits, fix, ..BinanceConfig::new(keys) }, exchange))
}

/// The simulated Kraken, likewise.
pub(super) fn kraken(credentials: &Credentials) -> KrakenConfig {
    let pair = |market: &Market| PairNames {
        symbol: market.symbol.to_owned(),
        key: market.kraken_key.to_owned(),
        altname: market.kraken_key.to_owned(),
        wsname: market.symbol.replace("BTC", "XBT"),
    };
    let asset = |name: &str, key: &str, altname: &str, decimals| AssetNames {
        name: name.to_owned(),
        key: key.to_owned(),
        altname: altname.to_owned(),
        decimals,
        display_decimals: 5,
    };
    KrakenConfig {
        exchange: exchange_config(Venue::Kraken),
        pairs: MARKETS.iter().map(pair).collect(),
        assets: vec![
            asset("BTC", "XXBT", "XBT", 10),
            asset("USDT", "USDT", "USDT", 8),
            asset("ETH", "XETH", "ETH", 10),
        ],
        keys: vec![KrakenKey {
            account: ACCOUNTS[0].to_owned(),
            key: credentials.kraken_key.clone(),
            secret: credentials.kraken_secret.clone(),
            tier: Tier::Raised,
        }],
    }
}

/// Background order flow of a venue: both venues' prices follow one walk.
pub(super) fn flow(venue: Venue, seed: u64, start_ns: u64) -> FlowConfig {
    let instruments = MARKETS
        .iter()
        .enumerate()
        .map(|(index, market)| {
            let config = instrument(venue, market);
            // Both venues' distances are the same in money, whatever their ticks.
            let cents_per_tick = match venue {
                Venue::Binance => 1,
                Venue::Kraken => 10i64.pow(2 - market.kraken_price_decimals),
            };
            let lots = |qty_e8: i64| qty_e8 / config.lot;
            let (least, most) = market.quote_qty_e8;
            FlowInstrument {
                instrument: InstrumentId(index as u16),
                fundamental: index as u64,
                start_price_e8: market.start_price * E8,
                volatility_ppm: 20,
                half_spread_ticks: market.half_spread_cents / cents_per_tick,
                noise_ticks: market.half_spread_cents / cents_per_tick,
                levels: LEVELS,
                level_gap_ticks: market.level_gap_cents / cents_per_tick,
                quote_lots: (lots(least), lots(most)),
                refresh_ppm: 50_000,
                taker_ppm: 200_000,
                taker_lots: (lots(least), lots(most)),
            }
        })
        .collect();
    FlowConfig {
        seed,
        venue_salt: venue.index() as u64 + 1,
        start_ns,
        step_ns: 50_000_000,
        maker: BACKGROUND,
        taker: BACKGROUND_TAKER,
        instruments,
    }
}

/// One huge quote a side and instrument, for measurements in which nothing but the node's own
/// orders moves the market.
pub(super) fn still_quotes(venue: Venue, exchange: &mut Exchange, now_ns: u64) {
    use rutter_sim::engine::{NewOrder, OrderKind, OrderSize, Side, Stp, Tif};
    for (index, market) in MARKETS.iter().enumerate() {
        let config = instrument(venue, market);
        let units = 10i64.pow(config.price_decimals);
        for (side, price) in [(Side::Buy, market.start_price - 1), (Side::Sell, market.start_price)]
        {
            let order = NewOrder {
                account: BACKGROUND,
                instrument: InstrumentId(index as u16),
                client_id: Arc::from(""),
                side,
                kind: OrderKind::Limit,
                tif: Tif::Gtc,
                post_only: false,
                price: price * units,
                size: OrderSize::Base(QTY_MAX * E8),
                stp: Stp::Allow,
                tag: 0,
            };
            // The configuration above leaves no reason to refuse it, and a market without quotes
            // would show at once.
            let _ = exchange.place(now_ns, &order);
        }
    }
}
