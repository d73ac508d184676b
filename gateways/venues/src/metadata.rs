//! What a venue's own instrument data says of our listings: the seam between a venue's dialect and
//! the core's terms.
//!
//! A line belongs here if it turns filters and a status, which some dialect has read, into news for
//! the core. Which message tells them is the dialect's. Only what has changed is told.

use rutter_core::id::{InstrumentId, VenueId};
use rutter_core::input::{Input, ListingTerms, MarketStatus};
use rutter_core::number::{AMOUNT_DECIMALS, Amount, Price, Qty};
use rutter_core::ticks::Ticks;

use crate::decimal::{self, DecimalError};
use crate::listing::FeedListing;

/// A venue's filters of one symbol, as texts of numbers. An empty text or zero is a rule that the
/// venue does not have, or has switched off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filters<'a> {
    /// Price step.
    pub tick: &'a str,
    /// Quantity step.
    pub lot: &'a str,
    /// Smallest quantity.
    pub qty_min: &'a str,
    /// Largest quantity.
    pub qty_max: &'a str,
    /// Smallest price times quantity.
    pub notional_min: &'a str,
}

impl Filters<'_> {
    /// The filters in the core's units. A step that is finer than the core's decimals, or no
    /// multiple of them, becomes the next step that both have.
    ///
    /// # Errors
    /// A text is no number, or is out of range.
    pub fn terms(
        &self,
        venue: VenueId,
        listing: &FeedListing,
    ) -> Result<ListingTerms, DecimalError> {
        let qty_min = bound(self.qty_min, listing.qty_decimals, Round::Up)?.unwrap_or(0);
        let qty_max = bound(self.qty_max, listing.qty_decimals, Round::Down)?.unwrap_or(i64::MAX);
        let terms = ListingTerms {
            venue,
            instrument: listing.instrument,
            ticks: Ticks::fixed(Price(step(self.tick, listing.price_decimals)?)),
            lot: Qty(step(self.lot, listing.qty_decimals)?),
            qty_min: Qty(qty_min),
            qty_max: Qty(qty_max),
            notional_min: Amount(number(self.notional_min)?.unwrap_or(0)),
        };
        if terms.is_sound() { Ok(terms) } else { Err(DecimalError::Range) }
    }
}

/// To which side a number goes that has more decimals than the core's.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Round {
    Up,
    Down,
}

/// The number of a rule, in units of 10^-18; `None` for a rule that does not hold.
fn number(text: &str) -> Result<Option<i128>, DecimalError> {
    if text.is_empty() {
        return Ok(None);
    }
    match decimal::parse(text.as_bytes(), AMOUNT_DECIMALS as u8)? {
        ..0 => Err(DecimalError::Range),
        0 => Ok(None),
        above => Ok(Some(above)),
    }
}

/// One unit of the core with so many decimals, in units of 10^-18.
fn unit(decimals: u8) -> Result<i128, DecimalError> {
    let power = AMOUNT_DECIMALS.checked_sub(u32::from(decimals)).ok_or(DecimalError::Range)?;
    Ok(10_i128.pow(power))
}

fn step(text: &str, decimals: u8) -> Result<i64, DecimalError> {
    let (unit, Some(step)) = (unit(decimals)?, number(text)?) else { return Ok(1) };
    let (mut x, mut y) = (step, unit);
    // Ends: the remainder falls.
    while y > 0 {
        (x, y) = (y, x % y);
    }
    // The common multiple in units is the step over the common divisor.
    i64::try_from(step / x).map_err(|_| DecimalError::Range)
}

/// A bound in units; one beyond the core's range is at the end of the range.
fn bound(text: &str, decimals: u8, round: Round) -> Result<Option<i64>, DecimalError> {
    let (unit, Some(bound)) = (unit(decimals)?, number(text)?) else { return Ok(None) };
    let whole = bound / unit + i128::from(round == Round::Up && bound % unit != 0);
    Ok(Some(i64::try_from(whole).unwrap_or(i64::MAX)))
}

#[derive(Debug)]
struct Known {
    listing: FeedListing,
    status: Option<MarketStatus>,
    terms: Option<ListingTerms>,
    /// The venue has told of the symbol in the present round.
    is_heard: bool,
}

/// What the venue has told of each listing, and the core was told.
#[derive(Debug)]
pub struct Metadata {
    venue: VenueId,
    /// Sorted by symbol.
    known: Vec<Known>,
}

impl Metadata {
    /// Nothing is told yet.
    pub fn new(venue: VenueId, listings: &[FeedListing]) -> Self {
        let listing = |listing: &FeedListing| Known {
            listing: listing.clone(),
            status: None,
            terms: None,
            is_heard: false,
        };
        let mut known: Vec<Known> = listings.iter().map(listing).collect();
        known.sort_by(|a, b| a.listing.symbol.cmp(&b.listing.symbol));
        Self { venue, known }
    }

    /// The symbols, sorted.
    pub fn symbols(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(|known| known.listing.symbol.as_str())
    }

    /// What the venue says of the market of an instrument; `None` before it has said anything.
    pub fn status(&self, instrument: InstrumentId) -> Option<MarketStatus> {
        let known = self.known.iter().find(|known| known.listing.instrument == instrument);
        known.and_then(|known| known.status)
    }

    /// The symbols whose market is not open, each with the word for it.
    pub fn closed(&self) -> impl Iterator<Item = (&str, MarketStatus)> {
        let closed = |known: &Known| known.status.filter(|status| !status.is_open());
        self.known.iter().filter_map(move |known| {
            closed(known).map(|status| (known.listing.symbol.as_str(), status))
        })
    }

    /// The venue tells of a symbol; `None` is what it leaves out, which then stays as it was. Emits
    /// what is new: filters before the status, since a market that opens is traded by its filters.
    /// Filters that cannot be read close the market.
    ///
    /// # Errors
    /// Some filter of one of our listings cannot be read.
    pub fn told(
        &mut self,
        symbol: &str,
        status: Option<MarketStatus>,
        filters: Option<&Filters<'_>>,
        mut emit: impl FnMut(Input),
    ) -> Result<(), DecimalError> {
        let venue = self.venue;
        let found = self.known.binary_search_by(|known| known.listing.symbol.as_str().cmp(symbol));
        let Some(known) = found.ok().and_then(|at| self.known.get_mut(at)) else { return Ok(()) };
        known.is_heard = true;
        let terms = filters.map(|filters| filters.terms(venue, &known.listing)).transpose();
        if let Ok(Some(terms)) = terms
            && known.terms != Some(terms)
        {
            known.terms = Some(terms);
            emit(Input::VenueTerms(terms));
        }
        let status = if terms.is_ok() { status } else { Some(MarketStatus::Unknown) };
        if let Some(status) = status {
            known.tell(venue, status, &mut emit);
        }
        terms.map(drop)
    }

    /// The venue has no such symbol.
    pub fn unlisted(&mut self, symbol: &str, mut emit: impl FnMut(Input)) {
        let venue = self.venue;
        let found = self.known.binary_search_by(|known| known.listing.symbol.as_str().cmp(symbol));
        if let Some(known) = found.ok().and_then(|at| self.known.get_mut(at)) {
            known.is_heard = true;
            known.tell(venue, MarketStatus::Unlisted, &mut emit);
        }
    }

    /// A round begins in which the venue tells of all its symbols.
    pub fn begin_round(&mut self) {
        for known in &mut self.known {
            known.is_heard = false;
        }
    }

    /// The venue has told of all its symbols: those that it did not tell of are not listed.
    pub fn end_round(&mut self, mut emit: impl FnMut(Input)) {
        let venue = self.venue;
        for known in self.known.iter_mut().filter(|known| !known.is_heard) {
            known.tell(venue, MarketStatus::Unlisted, &mut emit);
        }
    }
}

impl Known {
    fn tell(&mut self, venue: VenueId, status: MarketStatus, emit: &mut impl FnMut(Input)) {
        if self.status != Some(status) {
            self.status = Some(status);
            emit(Input::Market { venue, instrument: self.listing.instrument, status });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(symbol: &str, instrument: u16) -> FeedListing {
        FeedListing {
            instrument: InstrumentId(instrument),
            symbol: symbol.to_owned(),
            price_decimals: 2,
            qty_decimals: 3,
        }
    }

    const FILTERS: Filters<'static> = Filters {
        tick: "0.05000000",
        lot: "0.00200000",
        qty_min: "0.0011",
        qty_max: "9000.0009",
        notional_min: "5",
    };

    #[test]
    fn filters_become_units_and_a_bound_between_units_goes_to_the_safe_side() {
        let terms = FILTERS.terms(VenueId(3), &listing("AB", 7)).expect("numbers");
        assert_eq!((terms.ticks, terms.lot), (Ticks::fixed(Price(5)), Qty(2)));
        assert_eq!((terms.qty_min, terms.qty_max), (Qty(2), Qty(9_000_000)));
        assert_eq!(terms.notional_min, Amount(5_000_000_000_000_000_000));
    }

    #[test]
    fn a_step_that_our_decimals_do_not_have_becomes_the_next_one_that_both_have() {
        let step_of = |tick| {
            let filters = Filters { tick, ..FILTERS };
            filters.terms(VenueId(0), &listing("AB", 0)).expect("a number").ticks.least().0
        };
        assert_eq!(["0.001", "0.015", "0.025", "2", "1e-5"].map(step_of), [1, 3, 5, 200, 1]);
    }

    #[test]
    fn a_rule_of_zero_or_without_text_does_not_hold() {
        for off in ["", "0", "0.00000000"] {
            let filters =
                Filters { tick: off, lot: off, qty_min: off, qty_max: off, notional_min: off };
            let terms = filters.terms(VenueId(0), &listing("AB", 0)).expect("no rules");
            assert_eq!((terms.ticks, terms.lot), (Ticks::fixed(Price(1)), Qty(1)));
            assert_eq!((terms.qty_min, terms.qty_max), (Qty(0), Qty(i64::MAX)));
        }
    }

    #[test]
    fn only_news_is_told_and_the_filters_come_before_the_status() {
        let mut metadata = Metadata::new(VenueId(1), &[listing("CD", 1), listing("AB", 0)]);
        let mut told = Vec::new();
        let mut tell = |metadata: &mut Metadata, symbol, status, filters: &Filters<'_>| {
            let result =
                metadata.told(symbol, Some(status), Some(filters), |input| told.push(input));
            let news: Vec<&str> = told
                .drain(..)
                .map(|input| match input {
                    Input::VenueTerms(_) => "terms",
                    Input::Market { status, .. } => status.word(),
                    _ => "?",
                })
                .collect();
            (result.is_ok(), news)
        };
        let open = MarketStatus::Open;
        assert_eq!(tell(&mut metadata, "AB", open, &FILTERS), (true, vec!["terms", "open"]));
        assert_eq!(tell(&mut metadata, "AB", open, &FILTERS), (true, vec![]));
        assert_eq!(tell(&mut metadata, "XX", open, &FILTERS), (true, vec![]), "not ours");
        let halted = tell(&mut metadata, "AB", MarketStatus::Halted, &FILTERS);
        assert_eq!(halted, (true, vec!["halted"]));
        let finer = Filters { lot: "0.001", ..FILTERS };
        assert_eq!(tell(&mut metadata, "AB", open, &finer), (true, vec!["terms", "open"]));
        let odd = Filters { tick: "a tick", ..FILTERS };
        assert_eq!(tell(&mut metadata, "AB", open, &odd), (false, vec!["unknown_status"]));
        assert_eq!(tell(&mut metadata, "AB", open, &finer), (true, vec!["open"]));
    }

    #[test]
    fn a_symbol_that_a_whole_list_leaves_out_is_not_listed() {
        let mut metadata = Metadata::new(VenueId(1), &[listing("AB", 0), listing("CD", 1)]);
        let mut told = Vec::new();
        metadata.begin_round();
        let open = Some(MarketStatus::Open);
        let result = metadata.told("CD", open, Some(&FILTERS), |input| told.push(input));
        assert_eq!((result, told.len()), (Ok(()), 2));
        told.clear();
        metadata.end_round(|input| told.push(input));
        let (venue, instrument) = (VenueId(1), InstrumentId(0));
        let status = MarketStatus::Unlisted;
        assert_eq!(told, [Input::Market { venue, instrument, status }]);
        assert_eq!(metadata.closed().collect::<Vec<_>>(), [("AB", status)]);
        assert_eq!(metadata.status(InstrumentId(1)), Some(MarketStatus::Open));
    }
}
