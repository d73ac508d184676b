//! Binance's terms: the simulated venue's instruments, fees, keys and addresses for the node.
//!
//! A line belongs here if it is a choice that a test or a demo may make about Binance. What the
//! protocol demands is in the dialect's own files. Source of the rules: venue reference (Binance).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use super::{ApiKey, BinanceConfig, BinanceFront, FixConfig, LimitConfig};
use crate::engine::{
    AccountId, AmendRule, Exchange, ExchangeConfig, FeeAsset, InstrumentConfig, PostOnlyCross,
};
use crate::flow::Flow;
use crate::market::{CLIENT, E8, FURTHER, MARKETS, Market, ONE, QUANTITY_MAX, accounts};
use crate::venue::{
    Credentials, Endpoint, FIX, FIX_TLS, NodeLinks, OpenError, Reach, SimulatedVenue, VenueFront,
    WEB, WEB_TLS, key_bytes,
};

/// Decimals of the engine's prices and quantities; Binance writes both with 8.
const DECIMALS: u32 = 8;
/// Price step: 0.01 of the quote asset, in 10^-8.
const TICK_E8: i64 = 1_000_000;
/// Quantity step and smallest quantity of each market, in 10^-8.
const LOTS_E8: [i64; MARKETS.len()] = [1_000, 10_000];
/// Smallest order value, in whole quote units.
const NOTIONAL_MIN: i128 = 5;
/// Fee of an ordinary account, in parts per million: 0.1 %.
const FEE_PPM: u32 = 1_000;

/// PKCS#8 version 1 around an Ed25519 seed (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// Binance spot, without limits on the rate of orders.
pub(crate) struct Spot;

impl SimulatedVenue for Spot {
    fn endpoints(&self) -> &'static [Endpoint] {
        &[WEB, FIX, WEB_TLS, FIX_TLS]
    }

    fn exchange_config(&self) -> ExchangeConfig {
        ExchangeConfig {
            instruments: MARKETS.iter().zip(LOTS_E8).map(instrument).collect(),
            accounts: accounts(),
            maker_fee_ppm: FEE_PPM,
            taker_fee_ppm: FEE_PPM,
            fee_asset: FeeAsset::Received,
            fee_decimals: 8,
            post_only_cross: PostOnlyCross::Refuse,
            amend_rule: AmendRule::DownOnly,
            first_order_id: 1_000,
            first_trade_id: 5_000_000,
            first_exec_id: 1,
        }
    }

    fn credentials(&self, seed: u64) -> Credentials {
        credentials(seed, "binance", "binance.pem")
    }

    fn further_credentials(&self, seed: u64) -> Credentials {
        credentials(seed, "binance-b", "binance-b.pem")
    }

    fn open(&self, seed: u64, flow: Option<Flow>) -> Result<Box<dyn VenueFront>, OpenError> {
        let exchange =
            Exchange::new(self.exchange_config()).map_err(|error| OpenError(error.to_string()))?;
        let own = [("binance", CLIENT, self.credentials(seed))];
        let further = [("binance-b", FURTHER, self.further_credentials(seed))];
        let key = |(name, account, credentials): (&str, AccountId, Credentials)| {
            let pair = Ed25519KeyPair::from_seed_unchecked(&key_bytes(seed, name))
                .map_err(|error| OpenError(error.to_string()))?;
            let mut public = [0; 32];
            public.copy_from_slice(pair.public_key().as_ref());
            let (key, ed25519_public) = (credentials.api_key, Some(public));
            Ok(ApiKey { key, account, hmac_secret: None, ed25519_public })
        };
        let keys =
            own.into_iter().chain(further).map(key).collect::<Result<Vec<_>, OpenError>>()?;
        let limits = LimitConfig {
            weight_per_minute: 1_000_000,
            orders_per_10s: u32::MAX,
            orders_per_day: u32::MAX,
            fix_messages_per_10s: u32::MAX,
            fix_attempts_per_30s: 10_000,
            ..LimitConfig::default()
        };
        // A node that was killed logs on again at once; with the lock a crash test waits a minute.
        let fix = FixConfig { lock_comp_id_after_unclean_close: false, ..FixConfig::default() };
        let config = BinanceConfig { limits, fix, ..BinanceConfig::new(keys) };
        Ok(Box::new(BinanceFront::new(config, exchange, flow)))
    }

    fn node_links(&self, reach: &Reach) -> NodeLinks {
        NodeLinks {
            order_url: format!("{}://{}", reach.tcp(), reach.fix),
            feed_url: format!("{}://{}/stream", reach.ws(), reach.web),
            more: "comp_id = \"RUTTER1\"\n",
            more_of_further: "comp_id = \"RUTTER2\"\n",
        }
    }
}

impl VenueFront for BinanceFront {
    fn exchange(&self) -> &Exchange {
        self.exchange()
    }

    fn exchange_mut(&mut self) -> &mut Exchange {
        self.exchange_mut()
    }

    fn feeds(&self) -> usize {
        self.feeds()
    }
}

fn instrument((market, lot_e8): (&Market, i64)) -> InstrumentConfig {
    InstrumentConfig {
        symbol: format!("{}{}", market.base, market.quote),
        base: market.base.to_owned(),
        quote: market.quote.to_owned(),
        price_decimals: DECIMALS,
        quantity_decimals: DECIMALS,
        tick: TICK_E8,
        lot: lot_e8,
        min_price: TICK_E8,
        max_price: 1_000_000 * E8,
        min_quantity: lot_e8,
        max_quantity: QUANTITY_MAX * E8,
        max_market_quantity: QUANTITY_MAX * E8,
        min_notional: NOTIONAL_MIN * ONE,
        price_band: None,
        max_open_orders: 100_000,
    }
}

/// The credentials whose Ed25519 seed follows from a name.
fn credentials(seed: u64, name: &str, secret_file: &'static str) -> Credentials {
    let der = STANDARD.encode([&PKCS8_PREFIX[..], &key_bytes(seed, name)].concat());
    Credentials {
        api_key: hex(&key_bytes(seed, &format!("{name} key"))),
        secret_file,
        secret: format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n"),
    }
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}
