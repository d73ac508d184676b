//! The price of an instrument that collars and the limits of market orders are measured from.
//!
//! A line belongs here if it compares the mid prices of venues. What a venue's book shows is
//! `book`; what an order may do without a reference price is `risk`.
//!
//! Invariant: where several venues may be counted, no single one of them moves the reference price
//! by more than half of [`ReferenceTerms::outlier_bps`].

use crate::id::{InstrumentId, VenueId};
use crate::input::ReferenceTerms;
use crate::number::{Price, UnixNanos};
use crate::reference::{Reference, VENUES_MAX};
use crate::venue_set::VenueSet;

const BPS: i128 = 10_000;

/// The venues' mid prices of one instrument, and the last reference price that they agreed on.
#[derive(Clone, Copy, Debug)]
pub struct ReferencePrice {
    /// Mid price by venue, as of the book's last complete change; zero for none.
    mids: [Price; VENUES_MAX],
    /// The venues that have one.
    with_mid: VenueSet,
    /// The venues whose mid prices were last put in order; none if one has changed since.
    ordered: VenueSet,
    /// The one or two mid prices in the middle of those.
    middle: [Price; 2],
    /// The last price that at least two venues agreed on; zero for none.
    agreed: Price,
    /// When the venues last agreed.
    agreed_at: UnixNanos,
    /// The operator was last told that there is a reference price.
    pub told: bool,
}

/// The venues that may be counted, and those of them that have a mid price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Number of books whose venues list the instrument and are not barred. Venue accounts that
    /// share a book count as one.
    pub possible: usize,
    /// Those of them whose venues are up and not silent, with a trusted book that is not crossed;
    /// named by the venue account that owns the book.
    pub present: VenueSet,
}

/// What the mid prices of the counted venues say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The median of the mid prices, or the mean of two that are near each other.
    Agreed(Price),
    /// Two mid prices are too far apart; this one is nearer to the last agreed price.
    Nearer(Price),
    /// Only one venue may be counted at all, and this is its mid price.
    Only(Price),
    /// One of several venues is present: the last agreed price.
    Last(Price),
    /// One of several venues is present, or two disagree, and no agreed price is recent enough.
    NoReference,
    /// No venue is present.
    NoVenue,
}

impl Found {
    /// The reference price, if there is one.
    pub const fn price(self) -> Option<Price> {
        match self {
            Self::Agreed(price) | Self::Nearer(price) | Self::Only(price) | Self::Last(price) => {
                Some(price)
            }
            Self::NoReference | Self::NoVenue => None,
        }
    }

    /// The price that each present venue is compared with; `None` if they do not tell which of
    /// them is wrong.
    pub const fn judges_by(self) -> Option<Price> {
        match self {
            Self::Agreed(price) | Self::Nearer(price) | Self::Only(price) => Some(price),
            Self::Last(_) | Self::NoReference | Self::NoVenue => None,
        }
    }
}

impl Default for ReferencePrice {
    fn default() -> Self {
        let zero = Price(0);
        let none = VenueSet::EMPTY;
        Self {
            mids: [zero; VENUES_MAX],
            with_mid: none,
            ordered: none,
            middle: [zero; 2],
            agreed: zero,
            agreed_at: UnixNanos(0),
            told: false,
        }
    }
}

impl ReferencePrice {
    /// A venue's mid price; zero for none.
    pub const fn mid(&self, venue: VenueId) -> Price {
        self.mids[venue.index()]
    }

    /// Sets a venue's mid price. Only a price above zero counts.
    pub fn set_mid(&mut self, venue: VenueId, mid: Option<Price>) {
        let mid = mid.unwrap_or(Price(0)).max(Price(0));
        self.mids[venue.index()] = mid;
        self.with_mid.set(venue, mid.0 > 0);
        self.ordered = VenueSet::EMPTY;
    }

    /// Forgets what the venues' prices are. The last price that they agreed on stays.
    pub fn forget_venues(&mut self) {
        let Self { agreed, agreed_at, .. } = *self;
        *self = Self { agreed, agreed_at, ..Self::default() };
    }

    /// The venues that count for the instrument, of those that are `heard`. Barred venues do not
    /// count: an operator has drained or halted them, or the client has not named them.
    #[inline]
    pub fn counted(
        &self,
        reference: &Reference,
        heard: VenueSet,
        instrument: InstrumentId,
        barred: VenueSet,
    ) -> Counted {
        let accounts = reference.enabled(instrument).without(barred);
        let possible = reference.book_owners(accounts);
        let present = reference.book_owners(accounts.also_in(heard)).also_in(self.with_mid);
        Counted { possible: possible.len(), present }
    }

    /// The one or two mid prices in the middle; the same twice for an odd number.
    fn middle_of(&mut self, present: VenueSet) -> [Price; 2] {
        if self.ordered != present {
            let mut mids = [Price(0); VENUES_MAX];
            for (place, venue) in mids.iter_mut().zip(present.iter()) {
                *place = self.mid(venue);
            }
            let mids = &mut mids[..present.len()];
            mids.sort_unstable();
            let last = mids.len() - 1;
            (self.ordered, self.middle) = (present, [mids[last / 2], mids[last.div_ceil(2)]]);
        }
        self.middle
    }

    /// The reference price that the counted venues give.
    pub fn find(&mut self, counted: Counted, terms: &ReferenceTerms, now: UnixNanos) -> Found {
        let last =
            (self.agreed.0 > 0 && now.since(self.agreed_at) <= terms.age_ns).then_some(self.agreed);
        if counted.present.is_empty() {
            return Found::NoVenue;
        }
        let [low, high] = self.middle_of(counted.present);
        match (counted.present.len(), counted.possible) {
            (1, 1) => return Found::Only(low),
            (1, _) => return last.map_or(Found::NoReference, Found::Last),
            (_, _) => {}
        }
        let mean = Price(low.0 + (high.0 - low.0) / 2);
        if !is_apart(low, high, mean, terms.outlier_bps) {
            return Found::Agreed(mean);
        }
        let Some(last) = last else { return Found::NoReference };
        match (last.0.abs_diff(low.0), last.0.abs_diff(high.0)) {
            (to_low, to_high) if to_low < to_high => Found::Nearer(low),
            (to_low, to_high) if to_low > to_high => Found::Nearer(high),
            (_, _) => Found::NoReference,
        }
    }

    /// Remembers a price that the venues agree on.
    pub const fn remember(&mut self, found: Found, now: UnixNanos) {
        if let Found::Agreed(price) = found {
            (self.agreed, self.agreed_at) = (price, now);
        }
    }
}

/// Whether two prices differ by more than `bps` basis points of `base`.
pub fn is_apart(one: Price, other: Price, base: Price, bps: u32) -> bool {
    i128::from(one.0.abs_diff(other.0)) * BPS > i128::from(base.0) * i128::from(bps)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixNanos = UnixNanos(100_000_000_000);

    fn prices(mids: &[i64]) -> (ReferencePrice, Counted) {
        let mut prices = ReferencePrice::default();
        let mut counted = Counted { possible: mids.len(), present: VenueSet::EMPTY };
        for (index, mid) in mids.iter().enumerate() {
            let venue = VenueId(index as u8);
            prices.set_mid(venue, Some(Price(*mid)));
            if *mid > 0 {
                counted.present.insert(venue);
            }
        }
        (prices, counted)
    }

    /// What the venues say whose mids are these (zero for one that is not present), while the last
    /// agreed price is 10000 and one second old.
    fn found(mids: &[i64]) -> Found {
        let (mut prices, counted) = prices(mids);
        prices.remember(Found::Agreed(Price(10_000)), UnixNanos(NOW.0 - 1_000_000_000));
        prices.find(counted, &ReferenceTerms::DEFAULT, NOW)
    }

    #[test]
    fn the_middle_of_three_or_more_counts_and_the_mean_of_the_two_in_the_middle() {
        assert_eq!(found(&[10_100, 9_000, 1]), Found::Agreed(Price(9_000)));
        assert_eq!(found(&[9_990, 10_010, 1, 50_000]), Found::Agreed(Price(10_000)));
        assert_eq!(found(&[20_000, 20_000, 20_000]), Found::Agreed(Price(20_000)));
        assert_eq!(found(&[i64::MAX, i64::MAX - 2, 1]), Found::Agreed(Price(i64::MAX - 2)));
    }

    #[test]
    fn two_agree_up_to_the_limit_and_beyond_it_the_nearer_to_the_last_price_counts() {
        assert_eq!(found(&[10_000, 10_100]), Found::Agreed(Price(10_050)));
        assert_eq!(found(&[10_000, 10_102]), Found::Nearer(Price(10_000)));
        assert_eq!(found(&[1, 9_000]), Found::Nearer(Price(9_000)));
        assert_eq!(found(&[9_000, 11_000]), Found::NoReference, "equally far");
        assert_eq!(found(&[1, 2, 9_000, 9_001]), Found::Nearer(Price(9_000)), "four, two by two");
    }

    #[test]
    fn one_of_several_has_the_last_price_and_an_only_one_has_its_own() {
        assert_eq!(found(&[70]), Found::Only(Price(70)));
        assert_eq!(found(&[70, 0]), Found::Last(Price(10_000)));
        assert_eq!(found(&[0, 0]), Found::NoVenue);
        assert_eq!(found(&[]), Found::NoVenue);
    }

    #[test]
    fn a_last_price_is_good_for_its_age_and_not_longer() {
        for (mids, recent) in [(&[70, 0][..], true), (&[10_000, 1], true), (&[10_000, 1], false)] {
            let (mut prices, counted) = prices(mids);
            let age_ns = ReferenceTerms::DEFAULT.age_ns + u64::from(!recent);
            prices.remember(Found::Agreed(Price(10_000)), UnixNanos(NOW.0 - age_ns));
            let found = prices.find(counted, &ReferenceTerms::DEFAULT, NOW);
            assert_eq!(found.price(), recent.then_some(Price(10_000)));
        }
    }

    #[test]
    fn a_mid_that_changes_or_a_venue_that_is_left_out_is_seen_at_once() {
        let (mut prices, counted) = prices(&[9_990, 10_010, 10_000]);
        let two = Counted {
            possible: 2,
            present: VenueSet::all_but(VenueId(1)).also_in(counted.present),
        };
        let found = |prices: &mut ReferencePrice, counted| {
            prices.find(counted, &ReferenceTerms::DEFAULT, NOW)
        };
        assert_eq!(found(&mut prices, counted), Found::Agreed(Price(10_000)));
        assert_eq!(found(&mut prices, two), Found::Agreed(Price(9_995)));
        assert_eq!(found(&mut prices, counted), Found::Agreed(Price(10_000)));
        prices.set_mid(VenueId(2), Some(Price(10_020)));
        assert_eq!(found(&mut prices, counted), Found::Agreed(Price(10_010)));
    }

    #[test]
    fn only_an_agreement_is_remembered() {
        let (mut prices, counted) = prices(&[70, 0]);
        prices.remember(Found::Agreed(Price(5)), NOW);
        for found in [Found::Nearer(Price(6)), Found::Only(Price(7)), Found::NoReference] {
            prices.remember(found, NOW);
        }
        assert_eq!(prices.find(counted, &ReferenceTerms::DEFAULT, NOW), Found::Last(Price(5)));
    }
}
