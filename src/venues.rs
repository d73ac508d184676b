//! Venue adapters and feeds as the configuration asks for them.
//!
//! A line belongs here if it turns configuration into an adapter's settings.

use rutter_core::id::VenueId;
use rutter_transport::machine::{Endpoint, Framing};
use rutter_transport::secret::Secret;
use rutter_venues::binance::feed::BinanceFeed;
use rutter_venues::binance::{BinanceConfig, BinanceOrders, FixEndpoint};
use rutter_venues::kraken::feed::KrakenFeed;
use rutter_venues::kraken::{KrakenConfig, KrakenOrders, RestLimit};
use rutter_venues::listing::{AssetNames, Listing};

use crate::config::{Config, InstrumentConfig, ListingConfig, Url, VenueConfig, VenueKind};
use crate::node::boot::Names;

/// Longest secret file that is read.
const SECRET_BYTES_MAX: u64 = 16 << 10;

/// Why an adapter cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum VenueError {
    /// The secret cannot be read.
    #[error("venue {venue}: secret file {path}: {source}")]
    Secret {
        /// Which venue.
        venue: String,
        /// Which file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The adapter refuses its settings.
    #[error("venue {venue}: {reason}")]
    Settings {
        /// Which venue.
        venue: String,
        /// Why.
        reason: String,
    },
}

/// An adapter for order entry.
#[derive(Debug)]
pub enum Orders {
    /// Binance.
    Binance(Box<BinanceOrders>),
    /// Kraken.
    Kraken(Box<KrakenOrders>),
}

/// An adapter for market data.
#[derive(Debug)]
pub enum Books {
    /// Binance.
    Binance(Box<BinanceFeed>),
    /// Kraken.
    Kraken(Box<KrakenFeed>),
}

struct Parts<'a> {
    id: VenueId,
    listings: Vec<(&'a ListingConfig, &'a InstrumentConfig, rutter_core::id::InstrumentId)>,
    secret: Secret,
    order_url: Url,
    feed_url: Url,
    rest_url: Url,
}

fn bad(venue: &VenueConfig, reason: &dyn ToString) -> VenueError {
    VenueError::Settings { venue: venue.name.clone(), reason: reason.to_string() }
}

fn parts<'a>(
    config: &'a Config,
    venue: &'a VenueConfig,
    names: &Names,
) -> Result<Parts<'a>, VenueError> {
    let url = |text: &str| Url::parse(text).map_err(|reason| bad(venue, &reason));
    let mut listings = Vec::new();
    for listing in &venue.listing {
        let instrument = config.instrument.iter().find(|i| i.symbol == listing.instrument);
        let id = names.instrument(&listing.instrument);
        let (Some(instrument), Some(id)) = (instrument, id) else {
            return Err(bad(venue, &format!("unknown instrument {}", listing.instrument)));
        };
        listings.push((listing, instrument, id));
    }
    Ok(Parts {
        id: names.venue(&venue.name).ok_or_else(|| bad(venue, &"it has no id"))?,
        listings,
        secret: secret(venue)?,
        order_url: url(&venue.order_url)?,
        feed_url: url(&venue.feed_url)?,
        rest_url: url(&venue.rest_url)?,
    })
}

fn secret(venue: &VenueConfig) -> Result<Secret, VenueError> {
    let path = &venue.secret_file;
    let fail =
        |source| VenueError::Secret { venue: venue.name.clone(), path: path.clone(), source };
    if std::fs::metadata(path).map_err(fail)?.len() > SECRET_BYTES_MAX {
        return Err(bad(venue, &"the secret file is too long"));
    }
    let text = std::fs::read_to_string(path).map_err(fail)?;
    Ok(Secret::new(text.trim_end().to_owned()))
}

/// A seed for the jitter of reconnects: different venues, different delays.
fn seed(node_tag: u32, id: VenueId) -> u64 {
    u64::from(node_tag) << 8 | u64::from(id.0)
}

impl Parts<'_> {
    fn rest_base(&self) -> String {
        let scheme = if self.rest_url.tls { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.rest_url.host, self.rest_url.port)
    }

    fn web_socket(url: &Url) -> Endpoint {
        Endpoint {
            host: url.host.clone(),
            port: url.port,
            tls: url.tls,
            framing: Framing::WebSocket { target: url.target.clone() },
        }
    }

    fn order_listings(&self) -> Vec<Listing> {
        let listing =
            |(listing, instrument, id): &(&ListingConfig, &InstrumentConfig, _)| Listing {
                instrument: *id,
                symbol: listing.symbol.clone(),
                price_decimals: instrument.price_decimals,
                qty_decimals: instrument.qty_decimals,
                venue_price_decimals: listing.venue_price_decimals,
                venue_qty_decimals: listing.venue_qty_decimals,
            };
        self.listings.iter().map(listing).collect()
    }
}

/// What the venues call an asset: Kraken's REST has older names for some.
fn asset_names(config: &Config, names: &Names) -> Vec<AssetNames> {
    let known = |name: &String| {
        let mut all = vec![name.clone()];
        match name.as_str() {
            "BTC" => all.extend(["XBT".to_owned(), "XXBT".to_owned()]),
            "ETH" | "LTC" | "XRP" | "XLM" => all.push(format!("X{name}")),
            "USD" | "EUR" | "GBP" | "JPY" | "CAD" => all.push(format!("Z{name}")),
            "DOGE" => all.extend(["XDG".to_owned(), "XXDG".to_owned()]),
            _ => {}
        }
        names.asset(name).map(|asset| AssetNames { asset, names: all })
    };
    config.assets.iter().filter_map(known).collect()
}

/// Makes the adapter for a venue's order entry.
///
/// # Errors
/// [`VenueError`], naming the venue.
pub fn orders(
    config: &Config,
    venue: &VenueConfig,
    names: &Names,
    node_tag: u32,
) -> Result<Orders, VenueError> {
    let parts = parts(config, venue, names)?;
    match venue.kind {
        VenueKind::Binance => {
            let settings = BinanceConfig {
                fix: FixEndpoint {
                    host: parts.order_url.host.clone(),
                    port: parts.order_url.port,
                    tls: parts.order_url.tls,
                },
                rest_base: parts.rest_base(),
                sender_comp_id: venue.comp_id.clone().unwrap_or_default(),
                api_key: Secret::from(venue.api_key.as_str()),
                private_key: parts.secret.clone(),
                recv_window_ms: u32::try_from(venue.validity_ms).unwrap_or(u32::MAX),
                answer_timeout_ns: venue.answer_timeout_ms.saturating_mul(1_000_000),
                seed: seed(node_tag, parts.id),
                listings: parts.order_listings(),
                assets: asset_names(config, names),
                ..BinanceConfig::new(parts.id, node_tag)
            };
            let machine = BinanceOrders::new(settings).map_err(|e| bad(venue, &e))?;
            Ok(Orders::Binance(Box::new(machine)))
        }
        VenueKind::Kraken => {
            let defaults = KrakenConfig::new(parts.id, node_tag);
            let RestLimit { counter_max, decay_milli_per_s } = defaults.rest_limit;
            let settings = KrakenConfig {
                rest_limit: RestLimit {
                    counter_max: venue.rest_counter_max.unwrap_or(counter_max),
                    decay_milli_per_s: venue.rest_decay_milli_per_s.unwrap_or(decay_milli_per_s),
                },
                endpoint: Parts::web_socket(&parts.order_url),
                rest_base: parts.rest_base(),
                api_key: Secret::from(venue.api_key.as_str()),
                api_secret: parts.secret.clone(),
                validity_ns: venue.validity_ms.saturating_mul(1_000_000),
                answer_timeout_ns: venue.answer_timeout_ms.saturating_mul(1_000_000),
                seed: seed(node_tag, parts.id),
                listings: parts.order_listings(),
                assets: asset_names(config, names),
                ..defaults
            };
            let machine = KrakenOrders::new(settings).map_err(|e| bad(venue, &e))?;
            Ok(Orders::Kraken(Box::new(machine)))
        }
    }
}

/// Makes the adapter for a venue's market data.
///
/// # Errors
/// [`VenueError`], naming the venue.
pub fn books(
    config: &Config,
    venue: &VenueConfig,
    names: &Names,
    node_tag: u32,
) -> Result<Books, VenueError> {
    let parts = parts(config, venue, names)?;
    match venue.kind {
        VenueKind::Binance => {
            let listing = |(listing, instrument, id): &(&ListingConfig, &InstrumentConfig, _)| {
                rutter_venues::binance::feed::FeedListing {
                    instrument: *id,
                    symbol: listing.symbol.clone(),
                    price_decimals: instrument.price_decimals,
                    qty_decimals: instrument.qty_decimals,
                }
            };
            let settings = rutter_venues::binance::feed::Config {
                endpoint: Parts::web_socket(&parts.feed_url),
                rest_base: parts.rest_base(),
                listings: parts.listings.iter().map(listing).collect(),
                seed: seed(node_tag, parts.id),
                ..rutter_venues::binance::feed::Config::new(parts.id)
            };
            let machine = BinanceFeed::new(settings).map_err(|e| bad(venue, &e))?;
            Ok(Books::Binance(Box::new(machine)))
        }
        VenueKind::Kraken => {
            let listing = |(listing, instrument, id): &(&ListingConfig, &InstrumentConfig, _)| {
                rutter_venues::kraken::feed::FeedListing {
                    instrument: *id,
                    symbol: listing.symbol.clone(),
                    price_decimals: instrument.price_decimals,
                    qty_decimals: instrument.qty_decimals,
                }
            };
            let settings = rutter_venues::kraken::feed::Config {
                endpoint: Parts::web_socket(&parts.feed_url),
                rest_base: parts.rest_base(),
                listings: parts.listings.iter().map(listing).collect(),
                seed: seed(node_tag, parts.id),
                ..rutter_venues::kraken::feed::Config::new(parts.id)
            };
            let machine = KrakenFeed::new(settings).map_err(|e| bad(venue, &e))?;
            Ok(Books::Kraken(Box::new(machine)))
        }
    }
}
