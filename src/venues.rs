//! The setup of a venue's adapters, out of the configuration.
//!
//! A line belongs here if it turns configuration into a setup and is true of every venue.

use rutter_core::id::{AssetId, VenueId};
use rutter_transport::secret::Secret;
use rutter_venues::address::AddressBudget;
use rutter_venues::listing::Listing;
use rutter_venues::venue::{Address, Feed, Orders, Setup};
use zeroize::Zeroizing;

use crate::config::{Config, ListingConfig, Url, VenueConfig};
use crate::node::boot::Names;

/// Longest secret file that is read, in bytes.
const SECRET_BYTES_MAX: u64 = 16 << 10;

/// Why an adapter cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum VenueError {
    /// The secret file cannot be read.
    #[error("venue {venue}: secret file {path}: {source}")]
    Secret {
        /// The venue's name in the configuration.
        venue: String,
        /// Path of the secret file.
        path: std::path::PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The adapter refuses a setting.
    #[error("venue {venue}: {key}: {reason}")]
    Settings {
        /// The venue's name in the configuration.
        venue: String,
        /// The key of `[[venue]]`.
        key: &'static str,
        /// A sentence about the setting that is wrong.
        reason: String,
    },
}

fn bad(venue: &VenueConfig, key: &'static str, reason: impl Into<String>) -> VenueError {
    VenueError::Settings { venue: venue.name.clone(), key, reason: reason.into() }
}

/// What the adapters of a venue are made from.
///
/// # Errors
/// [`VenueError`], naming the venue.
pub fn setup(
    config: &Config,
    venue: &VenueConfig,
    names: &Names,
    node_tag: u32,
) -> Result<Setup, VenueError> {
    let id = names.venue(&venue.name).ok_or_else(|| bad(venue, "name", "the venue has no id"))?;
    let owner = config
        .book_owner(venue)
        .ok_or_else(|| bad(venue, "books_of", "no venue with books of its own has that name"))?;
    let feed_url = owner
        .feed_url
        .as_deref()
        .ok_or_else(|| bad(owner, "feed_url", "needed for books of its own"))?;
    Ok(Setup {
        venue: id,
        node_tag,
        seed: seed(node_tag, id),
        order_entry: address(venue, "order_url", &venue.order_url)?,
        market_data: address(venue, "feed_url", feed_url)?,
        rest: address(venue, "rest_url", &venue.rest_url)?,
        api_key: Secret::from(venue.api_key.as_str()),
        api_secret: secret(venue)?,
        accounts_at_address: config.accounts_at_address(venue),
        validity_ms: venue.validity_ms,
        answer_timeout_ms: venue.answer_timeout_ms,
        silence_ns: silence_ns(owner),
        reconnect: venue.reconnect(),
        address: AddressBudget::default(),
        depth: venue.depth(),
        own_keys: venue.own_keys.clone(),
        listings: listings(config, venue, names)?,
        assets: assets(config, names),
    })
}

/// Shortest silence after which a feed is given up, in nanoseconds: with less, a link to a venue
/// far away would be made anew again and again.
const SILENCE_NS_MIN: u64 = 1_000_000_000;

/// A feed is given up when the core no longer trusts its books for its silence.
fn silence_ns(owner: &VenueConfig) -> u64 {
    let stale_after_ms = owner.stale_after_ms.unwrap_or(u64::MAX);
    stale_after_ms.saturating_mul(1_000_000).max(SILENCE_NS_MIN)
}

fn address(venue: &VenueConfig, key: &'static str, url: &str) -> Result<Address, VenueError> {
    let Url { tls, host, port, target } =
        Url::parse(url).map_err(|reason| bad(venue, key, reason))?;
    Ok(Address { tls, host, port, target })
}

fn listings(
    config: &Config,
    venue: &VenueConfig,
    names: &Names,
) -> Result<Vec<Listing>, VenueError> {
    let listing = |listing: &ListingConfig| {
        let instrument = config.instrument.iter().find(|i| i.symbol == listing.instrument);
        let id = names.instrument(&listing.instrument);
        let (Some(instrument), Some(id)) = (instrument, id) else {
            return Err(bad(
                venue,
                "listing",
                format!("unknown instrument {}", listing.instrument),
            ));
        };
        Ok(Listing {
            instrument: id,
            symbol: listing.symbol.clone(),
            price_decimals: instrument.price_decimals,
            qty_decimals: instrument.qty_decimals,
            venue_price_decimals: listing.venue_price_decimals.unwrap_or(instrument.price_decimals),
            venue_qty_decimals: listing.venue_qty_decimals.unwrap_or(instrument.qty_decimals),
        })
    };
    venue.listing.iter().map(listing).collect()
}

fn assets(config: &Config, names: &Names) -> Vec<(AssetId, String)> {
    let known = |name: &String| names.asset(name).map(|asset| (asset, name.clone()));
    config.assets.iter().filter_map(known).collect()
}

/// Reads the secret part of a venue's key.
///
/// # Errors
/// [`VenueError`], naming the file and never its text.
pub fn secret(venue: &VenueConfig) -> Result<Secret, VenueError> {
    let path = &venue.secret_file;
    let fail =
        |source| VenueError::Secret { venue: venue.name.clone(), path: path.clone(), source };
    if std::fs::metadata(path).map_err(fail)?.len() > SECRET_BYTES_MAX {
        return Err(bad(venue, "secret_file", "the file is too long"));
    }
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(fail)?);
    if text.trim().is_empty() {
        return Err(bad(venue, "secret_file", "the file is empty"));
    }
    Ok(Secret::new(text.trim_end().to_owned()))
}

/// The seed of the jitter of reconnects. Each venue has another, so that delays differ.
fn seed(node_tag: u32, id: VenueId) -> u64 {
    u64::from(node_tag) << 8 | u64::from(id.0)
}

/// Makes the adapter for a venue's order entry.
///
/// # Errors
/// [`VenueError`], naming the venue.
pub fn orders(venue: &VenueConfig, setup: &Setup) -> Result<Orders, VenueError> {
    (venue.kind.orders)(setup).map_err(|error| bad(venue, error.key, error.reason))
}

/// Makes the adapter for a venue's market data.
///
/// # Errors
/// [`VenueError`], naming the venue.
pub fn feed(venue: &VenueConfig, setup: &Setup) -> Result<Feed, VenueError> {
    (venue.kind.feed)(setup).map_err(|error| bad(venue, error.key, error.reason))
}
