//! Coinbase's terms: the simulated venue's instruments, fees, keys and addresses for the node.
//!
//! A line belongs here if it is a choice that a test or a demo may make about Coinbase. What the
//! protocol demands is in the dialect's own files.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{ApiKey, CoinbaseConfig, CoinbaseFront, Limit, LimitConfig};
use crate::engine::{
    AccountId, AmendRule, Exchange, ExchangeConfig, FeeAsset, InstrumentConfig, PostOnlyCross,
};
use crate::flow::Flow;
use crate::market::{CLIENT, E8, FURTHER, MARKETS, Market, ONE, QUANTITY_MAX, accounts};
use crate::venue::{
    Credentials, Endpoint, FIX, FIX_TLS, NodeLinks, OpenError, Reach, SimulatedVenue, VenueFront,
    WEB, WEB_TLS, key_bytes,
};

/// Decimals of prices; the tick is one unit of the last.
const PRICE_DECIMALS: u32 = 2;
/// Fees in parts per million: an account of high volume, so that prices and depth decide where an
/// order goes and not the fee alone.
const MAKER_FEE_PPM: u32 = 300;
const TAKER_FEE_PPM: u32 = 1_000;
/// A limit that no test reaches.
const NO_LIMIT: Limit = Limit { per_s: 100_000, burst: 1_000_000 };

/// Coinbase Exchange, with limits on the rate of requests that no test reaches.
pub(crate) struct Spot;

impl SimulatedVenue for Spot {
    fn endpoints(&self) -> &'static [Endpoint] {
        &[WEB, FIX, WEB_TLS, FIX_TLS]
    }

    fn exchange_config(&self) -> ExchangeConfig {
        ExchangeConfig {
            instruments: MARKETS.iter().map(instrument).collect(),
            accounts: accounts(),
            maker_fee_ppm: MAKER_FEE_PPM,
            taker_fee_ppm: TAKER_FEE_PPM,
            fee_asset: FeeAsset::Quote,
            fee_decimals: 16,
            post_only_cross: PostOnlyCross::Refuse,
            amend_rule: AmendRule::Any,
            first_order_id: 1_000,
            first_trade_id: 5_000_000,
            first_exec_id: 1,
        }
    }

    fn credentials(&self, seed: u64) -> Credentials {
        credentials(seed, "coinbase", "coinbase.secret")
    }

    fn further_credentials(&self, seed: u64) -> Credentials {
        credentials(seed, "coinbase-b", "coinbase-b.secret")
    }

    fn open(&self, seed: u64, flow: Option<Flow>) -> Result<Box<dyn VenueFront>, OpenError> {
        let exchange =
            Exchange::new(self.exchange_config()).map_err(|error| OpenError(error.to_string()))?;
        let key = |(account, credentials): (AccountId, Credentials)| {
            let mut lines = credentials.secret.lines().map(str::to_owned);
            ApiKey {
                key: credentials.api_key,
                secret: lines.next().unwrap_or_default(),
                passphrase: lines.next().unwrap_or_default(),
                account,
            }
        };
        let keys =
            [(CLIENT, self.credentials(seed)), (FURTHER, self.further_credentials(seed))].map(key);
        let limits = LimitConfig {
            public: NO_LIMIT,
            private: NO_LIMIT,
            fills: NO_LIMIT,
            fix: NO_LIMIT,
            ws: NO_LIMIT,
            logons: NO_LIMIT,
        };
        let config = CoinbaseConfig { limits, ..CoinbaseConfig::new(keys.to_vec()) };
        Ok(Box::new(CoinbaseFront::new(config, exchange, flow)))
    }

    fn node_links(&self, reach: &Reach) -> NodeLinks {
        NodeLinks {
            order_url: format!("{}://{}", reach.tcp(), reach.fix),
            feed_url: format!("{}://{}/", reach.ws(), reach.web),
            more: "",
            more_of_further: "",
        }
    }
}

impl VenueFront for CoinbaseFront {
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

fn instrument(market: &Market) -> InstrumentConfig {
    InstrumentConfig {
        symbol: format!("{}-{}", market.base, market.quote),
        base: market.base.to_owned(),
        quote: market.quote.to_owned(),
        price_decimals: PRICE_DECIMALS,
        quantity_decimals: 8,
        tick: 1,
        lot: 1,
        min_price: 1,
        max_price: 1_000_000 * 10i64.pow(PRICE_DECIMALS),
        min_quantity: 1,
        max_quantity: QUANTITY_MAX * E8,
        max_market_quantity: QUANTITY_MAX * E8,
        min_notional: ONE,
        price_band: None,
        max_open_orders: 100_000,
    }
}

/// The key whose secret follows from a name. The file has the secret and, on its second line, the
/// passphrase.
fn credentials(seed: u64, name: &str, secret_file: &'static str) -> Credentials {
    let hex = |what: &str| {
        let bytes = key_bytes(seed, &format!("{name} {what}"));
        let mut half = [0; 16];
        half.copy_from_slice(&bytes[..16]);
        format!("{:032x}", u128::from_be_bytes(half))
    };
    let passphrase = hex("passphrase");
    Credentials {
        api_key: hex("key"),
        secret_file,
        secret: format!("{}\n{passphrase}\n", STANDARD.encode(key_bytes(seed, name))),
    }
}
