//! A venue's names of instruments and assets, and its decimals.
//!
//! A line belongs here if it maps a venue's name to the core's id, or a number from one's decimals
//! to the other's.

use rutter_core::id::{AssetId, InstrumentId};
use rutter_core::number::{AMOUNT_DECIMALS, Amount, Price, Qty};

use crate::decimal::{self, DecimalError};

/// An instrument at a venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The core's id of the instrument.
    pub instrument: InstrumentId,
    /// The venue's symbol, exactly as it stands in its messages.
    pub symbol: String,
    /// Decimals of the core's [`Price`].
    pub price_decimals: u8,
    /// Decimals of the core's [`Qty`].
    pub qty_decimals: u8,
    /// Decimals of the prices that are sent to the venue.
    pub venue_price_decimals: u8,
    /// Decimals of the quantities that are sent to the venue.
    pub venue_qty_decimals: u8,
}

impl Listing {
    /// Reads a price of the venue.
    ///
    /// # Errors
    /// The price does not fit the core's decimals exactly.
    pub fn price(&self, text: &[u8]) -> Result<Price, DecimalError> {
        decimal::parse_i64(text, self.price_decimals).map(Price)
    }

    /// Reads a quantity of the venue.
    ///
    /// # Errors
    /// The quantity does not fit the core's decimals exactly.
    pub fn qty(&self, text: &[u8]) -> Result<Qty, DecimalError> {
        decimal::parse_i64(text, self.qty_decimals).map(Qty)
    }

    /// Appends a price in the venue's decimals. Appends nothing on error.
    ///
    /// # Errors
    /// The price has more decimals than the venue.
    pub fn write_price(&self, out: &mut Vec<u8>, price: Price) -> Result<(), DecimalError> {
        let mantissa = i128::from(price.0);
        decimal::write(out, mantissa, self.price_decimals, self.venue_price_decimals)
    }

    /// Appends a quantity in the venue's decimals. Appends nothing on error.
    ///
    /// # Errors
    /// The quantity has more decimals than the venue.
    pub fn write_qty(&self, out: &mut Vec<u8>, qty: Qty) -> Result<(), DecimalError> {
        let mantissa = i128::from(qty.0);
        decimal::write(out, mantissa, self.qty_decimals, self.venue_qty_decimals)
    }
}

/// An instrument as a venue's market data names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedListing {
    /// The core's id of the instrument.
    pub instrument: InstrumentId,
    /// The venue's symbol, exactly as it stands in its messages.
    pub symbol: String,
    /// Decimals of the core's [`Price`].
    pub price_decimals: u8,
    /// Decimals of the core's [`Qty`].
    pub qty_decimals: u8,
}

impl From<&Listing> for FeedListing {
    fn from(listing: &Listing) -> Self {
        Self {
            instrument: listing.instrument,
            symbol: listing.symbol.clone(),
            price_decimals: listing.price_decimals,
            qty_decimals: listing.qty_decimals,
        }
    }
}

/// An asset with all the names that a venue uses for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssetNames {
    /// The core's id of the asset.
    pub asset: AssetId,
    /// The venue's names.
    pub names: Vec<String>,
}

/// The listings of a venue, found by either name.
#[derive(Clone, Debug, Default)]
pub struct Listings {
    by_instrument: Vec<Listing>,
    /// Positions in `by_instrument`, by symbol.
    by_symbol: Vec<usize>,
}

impl Listings {
    /// Of two listings with the same instrument or symbol, the later one counts.
    pub fn new(listings: Vec<Listing>) -> Self {
        let mut by_instrument: Vec<Listing> = Vec::with_capacity(listings.len());
        for listing in listings {
            by_instrument
                .retain(|l| l.instrument != listing.instrument && l.symbol != listing.symbol);
            by_instrument.push(listing);
        }
        by_instrument.sort_by_key(|l| l.instrument);
        let mut by_symbol: Vec<usize> = (0..by_instrument.len()).collect();
        by_symbol.sort_by(|a, b| by_instrument[*a].symbol.cmp(&by_instrument[*b].symbol));
        Self { by_instrument, by_symbol }
    }

    /// The listing of an instrument, by the core's id.
    pub fn instrument(&self, instrument: InstrumentId) -> Option<&Listing> {
        let found = self.by_instrument.binary_search_by_key(&instrument, |l| l.instrument);
        found.ok().map(|at| &self.by_instrument[at])
    }

    /// The listing of an instrument, by the venue's symbol.
    pub fn symbol(&self, symbol: &[u8]) -> Option<&Listing> {
        let order = |at: &usize| self.by_instrument[*at].symbol.as_bytes().cmp(symbol);
        self.by_symbol.binary_search_by(order).ok().map(|n| &self.by_instrument[self.by_symbol[n]])
    }

    /// All listings, in the order of the core's ids.
    pub fn iter(&self) -> impl Iterator<Item = &Listing> {
        self.by_instrument.iter()
    }
}

/// The assets of a venue, found by its names.
#[derive(Clone, Debug, Default)]
pub struct Assets {
    by_name: Vec<(String, AssetId)>,
}

impl Assets {
    /// Of two assets with the same name, the later one counts.
    pub fn new(assets: Vec<AssetNames>) -> Self {
        let mut by_name: Vec<(String, AssetId)> = Vec::new();
        for AssetNames { asset, names } in assets {
            for name in names {
                by_name.retain(|(known, _)| *known != name);
                by_name.push((name, asset));
            }
        }
        by_name.sort();
        Self { by_name }
    }

    /// The asset, by one of the venue's names.
    pub fn name(&self, name: &[u8]) -> Option<AssetId> {
        let found = self.by_name.binary_search_by(|(known, _)| known.as_bytes().cmp(name));
        found.ok().map(|at| self.by_name[at].1)
    }

    /// Every asset once, in rising order.
    pub fn ids(&self) -> Vec<AssetId> {
        let mut ids: Vec<AssetId> = self.by_name.iter().map(|(_, id)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

/// Reads an amount of the venue, in units of 10^-18.
///
/// # Errors
/// The text is not a number, or has more than 18 decimals.
pub fn amount(text: &[u8]) -> Result<Amount, DecimalError> {
    decimal::parse(text, AMOUNT_DECIMALS as u8).map(Amount)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(instrument: u16, symbol: &str) -> Listing {
        Listing {
            instrument: InstrumentId(instrument),
            symbol: symbol.to_owned(),
            price_decimals: 4,
            qty_decimals: 8,
            venue_price_decimals: 2,
            venue_qty_decimals: 5,
        }
    }

    #[test]
    fn a_listing_is_found_by_either_name() {
        let all = Listings::new(vec![listing(2, "ETHUSDT"), listing(0, "BTCUSDT")]);
        assert_eq!(all.symbol(b"ETHUSDT").map(|l| l.instrument), Some(InstrumentId(2)));
        assert_eq!(all.instrument(InstrumentId(0)).map(|l| l.symbol.as_str()), Some("BTCUSDT"));
        assert!(all.symbol(b"ethusdt").is_none() && all.instrument(InstrumentId(1)).is_none());
        assert_eq!(all.iter().count(), 2);
    }

    #[test]
    fn numbers_cross_the_border_exactly_or_not_at_all() {
        let btc = listing(0, "BTCUSDT");
        assert_eq!(btc.price(b"60000.01000000"), Ok(Price(600_000_100)));
        assert_eq!(btc.price(b"0.00001"), Err(DecimalError::Inexact));
        let mut out = Vec::new();
        assert!(btc.write_price(&mut out, Price(600_000_100)).is_ok());
        assert!(btc.write_qty(&mut out, Qty(1)).is_err());
        assert_eq!(out, b"60000.01");
        assert_eq!(amount(b"0.00020000"), Ok(Amount(200_000_000_000_000)));
    }

    #[test]
    fn an_asset_may_have_several_names() {
        let names = vec!["XBT".to_owned(), "BTC".to_owned()];
        let assets = Assets::new(vec![AssetNames { asset: AssetId(3), names }]);
        assert_eq!(assets.name(b"XBT"), Some(AssetId(3)));
        assert_eq!(assets.name(b"BTC"), Some(AssetId(3)));
        assert_eq!(assets.name(b"ETH"), None);
        assert_eq!(assets.ids(), vec![AssetId(3)]);
    }
}
