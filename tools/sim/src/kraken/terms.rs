//! Kraken's terms: the simulated venue's instruments, fees, keys and addresses for the node.
//!
//! A line belongs here if it is a choice that a test or a demo may make about Kraken. What the
//! protocol demands is in the dialect's own files. Source of the rules: venue reference (Kraken).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::Kraken;
use super::auth::ApiKey;
use super::config::{AssetNames, KrakenConfig, PairNames};
use super::rate::Tier;
use crate::engine::{
    AmendRule, Exchange, ExchangeConfig, FeeAsset, InstrumentConfig, PostOnlyCross,
};
use crate::flow::Flow;
use crate::market::{CLIENT_NAME, E8, FURTHER_NAME, MARKETS, Market, ONE, QUANTITY_MAX, accounts};
use crate::venue::{
    Credentials, Endpoint, NodeLinks, OpenError, Reach, SimulatedVenue, VenueFront, WEB, WEB_TLS,
    key_bytes,
};

/// Terms of one market.
struct Terms {
    /// Key and altname in `AssetPairs`.
    key: &'static str,
    /// Decimals of prices; the tick is one unit of the last.
    price_decimals: u32,
    /// Smallest quantity, in 10^-8.
    qty_min_e8: i64,
}

/// Terms of each market.
const TERMS: [Terms; MARKETS.len()] = [
    Terms { key: "XBTUSDT", price_decimals: 1, qty_min_e8: 5_000 },
    Terms { key: "ETHUSDT", price_decimals: 2, qty_min_e8: 100_000 },
];

/// Maker fee in parts per million: an account of high volume, so that prices and depth decide
/// where an order goes and not the fee alone.
const MAKER_FEE_PPM: u32 = 200;
/// Taker fee in parts per million.
const TAKER_FEE_PPM: u32 = 1_000;

/// Kraken spot, with limits on the rate of orders that no test reaches.
pub(crate) struct Spot;

impl SimulatedVenue for Spot {
    fn endpoints(&self) -> &'static [Endpoint] {
        &[WEB, WEB_TLS]
    }

    fn exchange_config(&self) -> ExchangeConfig {
        ExchangeConfig {
            instruments: MARKETS.iter().zip(&TERMS).map(instrument).collect(),
            accounts: accounts(),
            maker_fee_ppm: MAKER_FEE_PPM,
            taker_fee_ppm: TAKER_FEE_PPM,
            fee_asset: FeeAsset::Quote,
            fee_decimals: 4,
            post_only_cross: PostOnlyCross::Cancel,
            amend_rule: AmendRule::Any,
            first_order_id: 1_000,
            first_trade_id: 5_000_000,
            first_exec_id: 1,
        }
    }

    fn credentials(&self, seed: u64) -> Credentials {
        Credentials {
            api_key: format!("simulated-{seed}"),
            secret_file: "kraken.secret",
            secret: STANDARD.encode(key_bytes(seed, "kraken")),
        }
    }

    fn further_credentials(&self, seed: u64) -> Credentials {
        Credentials {
            api_key: format!("simulated-{seed}-b"),
            secret_file: "kraken-b.secret",
            secret: STANDARD.encode(key_bytes(seed, "kraken-b")),
        }
    }

    fn open(&self, seed: u64, flow: Option<Flow>) -> Result<Box<dyn VenueFront>, OpenError> {
        let keys =
            [(CLIENT_NAME, self.credentials(seed)), (FURTHER_NAME, self.further_credentials(seed))];
        let key = |(account, Credentials { api_key, secret, .. }): (&str, Credentials)| ApiKey {
            account: account.to_owned(),
            key: api_key,
            secret,
            tier: Tier::Raised,
        };
        let pair = |(market, terms): (&Market, &Terms)| PairNames {
            symbol: market.symbol.to_owned(),
            key: terms.key.to_owned(),
            altname: terms.key.to_owned(),
            wsname: market.symbol.replace("BTC", "XBT"),
        };
        let asset = |name: &str, key: &str, altname: &str, decimals| AssetNames {
            name: name.to_owned(),
            key: key.to_owned(),
            altname: altname.to_owned(),
            decimals,
            display_decimals: 5,
        };
        let config = KrakenConfig {
            exchange: self.exchange_config(),
            pairs: MARKETS.iter().zip(&TERMS).map(pair).collect(),
            assets: vec![
                asset("BTC", "XXBT", "XBT", 10),
                asset("USDT", "USDT", "USDT", 8),
                asset("ETH", "XETH", "ETH", 10),
            ],
            keys: keys.into_iter().map(key).collect(),
        };
        let kraken = Kraken::new(config).map_err(|error| OpenError(error.to_string()))?;
        Ok(Box::new(match flow {
            Some(flow) => kraken.with_flow(flow),
            None => kraken,
        }))
    }

    fn node_links(&self, reach: &Reach) -> NodeLinks {
        let url = format!("{}://{}/v2", reach.ws(), reach.web);
        NodeLinks { order_url: url.clone(), feed_url: url, more: "", more_of_further: "" }
    }
}

impl VenueFront for Kraken {
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

fn instrument((market, terms): (&Market, &Terms)) -> InstrumentConfig {
    InstrumentConfig {
        symbol: market.symbol.to_owned(),
        base: market.base.to_owned(),
        quote: market.quote.to_owned(),
        price_decimals: terms.price_decimals,
        quantity_decimals: 8,
        tick: 1,
        lot: 1,
        min_price: 1,
        max_price: 1_000_000 * 10i64.pow(terms.price_decimals),
        min_quantity: terms.qty_min_e8,
        max_quantity: QUANTITY_MAX * E8,
        max_market_quantity: QUANTITY_MAX * E8,
        min_notional: ONE / 2,
        price_band: None,
        max_open_orders: 100_000,
    }
}
