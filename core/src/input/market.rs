//! What a venue itself says of a listing while it runs: its filters, and whether the market is
//! open.
//!
//! A line belongs here if a venue's own instrument data tells it. What the configuration says of a
//! listing is `definition`.

use crate::id::{InstrumentId, VenueId};
use crate::input::ListingDef;
use crate::number::{Amount, Price, Qty};
use crate::ticks::{TICK_BANDS_MAX, TickBand, Ticks};
use crate::wire::{wire_enum, wire_struct};

/// Whether a venue's market in an instrument takes orders, as the venue says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum MarketStatus {
    /// The market is open. Markets that take limit orders only are open to us.
    #[default]
    Open = 1,
    /// Trading is interrupted: no new order, no match.
    Halted = 2,
    /// The market takes cancels only.
    CancelOnly = 3,
    /// The market takes orders that only rest, and matches nothing.
    PostOnly = 4,
    /// The venue or the market is under maintenance: neither orders nor cancels.
    Maintenance = 5,
    /// The venue has taken the instrument off its list for good, or has not begun to trade it.
    Delisted = 6,
    /// The venue does not list the symbol: renamed, gone, or never there.
    Unlisted = 7,
    /// The venue has a status that this program does not know.
    Unknown = 8,
    /// The venue has not told its terms since the start, and the configuration leaves them to the
    /// venue.
    Awaited = 9,
}
wire_enum!(MarketStatus {
    Open,
    Halted,
    CancelOnly,
    PostOnly,
    Maintenance,
    Delisted,
    Unlisted,
    Unknown,
    Awaited
});

impl MarketStatus {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Open,
        Self::Halted,
        Self::CancelOnly,
        Self::PostOnly,
        Self::Maintenance,
        Self::Delisted,
        Self::Unlisted,
        Self::Unknown,
        Self::Awaited,
    ];

    /// The word of log, console and metrics.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Halted => "halted",
            Self::CancelOnly => "cancel_only",
            Self::PostOnly => "post_only",
            Self::Maintenance => "maintenance",
            Self::Delisted => "delisted",
            Self::Unlisted => "unlisted",
            Self::Unknown => "unknown_status",
            Self::Awaited => "terms_awaited",
        }
    }

    /// Whether the market takes our orders.
    #[inline]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open)
    }
}

/// The filters that a venue puts on the orders of a listing. They hold beside those of the
/// configuration, until the venue tells others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListingTerms {
    /// The venue.
    pub venue: VenueId,
    /// The instrument.
    pub instrument: InstrumentId,
    /// Which prices are taken.
    pub ticks: Ticks,
    /// Quantity step, above zero.
    pub lot: Qty,
    /// Smallest quantity of an order.
    pub qty_min: Qty,
    /// Largest quantity of an order.
    pub qty_max: Qty,
    /// Smallest order value, in the quote asset.
    pub notional_min: Amount,
}
wire_struct!(ListingTerms { venue, instrument, ticks, lot, qty_min, qty_max, notional_min });

impl From<&ListingDef> for ListingTerms {
    fn from(def: &ListingDef) -> Self {
        Self {
            venue: def.venue,
            instrument: def.instrument,
            ticks: def.ticks,
            lot: def.lot,
            qty_min: def.qty_min,
            qty_max: def.qty_max,
            notional_min: def.notional_min,
        }
    }
}

impl ListingTerms {
    /// Whether each number is in its range.
    pub const fn is_sound(&self) -> bool {
        self.ticks.least().0 > 0
            && self.lot.0 > 0
            && self.qty_min.0 >= 0
            && self.qty_max.0 >= self.qty_min.0
            && self.notional_min.0 >= 0
    }

    /// The terms under which an order satisfies both these and `other`: common multiples of the
    /// steps, the larger minimums, the smaller maximum. `None` if no order satisfies both.
    pub fn and(&self, other: &Self) -> Option<Self> {
        let both = Self {
            ticks: common_ticks(&self.ticks, &other.ticks)?,
            lot: Qty(common_multiple(self.lot.0, other.lot.0)?),
            qty_min: self.qty_min.max(other.qty_min),
            qty_max: self.qty_max.min(other.qty_max),
            notional_min: Amount(self.notional_min.0.max(other.notional_min.0)),
            ..*self
        };
        both.is_sound().then_some(both)
    }
}

/// Steps whose prices both take.
fn common_ticks(a: &Ticks, b: &Ticks) -> Option<Ticks> {
    if a == b {
        return Some(*a);
    }
    let (a_fixed, b_fixed) = (is_fixed(a), is_fixed(b));
    let common = match (a_fixed, b_fixed) {
        (true, _) => with_least(b, a.least()),
        (false, true) => with_least(a, b.least()),
        (false, false) => None,
    };
    common.or_else(|| coarsest(a, b))
}

fn is_fixed(ticks: &Ticks) -> bool {
    ticks.digits() == 0 && ticks.above().is_empty()
}

/// The same steps, each a multiple of `tick` also. `None` if such steps have no simple form.
fn with_least(ticks: &Ticks, tick: Price) -> Option<Ticks> {
    let least = Price(common_multiple(ticks.least().0, tick.0)?);
    if ticks.digits() > 0 {
        return Ticks::significant(least, ticks.digits());
    }
    let mut bands = [TickBand::default(); TICK_BANDS_MAX];
    for (band, own) in bands.iter_mut().zip(ticks.above()) {
        *band = TickBand { tick: Price(common_multiple(own.tick.0, tick.0)?), ..*own };
    }
    Ticks::banded(least, bands.get(..ticks.above().len())?)
}

/// One step of which each price satisfies both: used where nothing finer has a simple form.
fn coarsest(a: &Ticks, b: &Ticks) -> Option<Ticks> {
    if a.digits() > 0 || b.digits() > 0 {
        return None;
    }
    let steps = |ticks: &Ticks| ticks.above().last().map_or(ticks.least(), |band| band.tick).0;
    common_multiple(steps(a), steps(b)).map(|tick| Ticks::fixed(Price(tick)))
}

/// The least common multiple of two numbers above zero; `None` if it is out of range.
fn common_multiple(a: i64, b: i64) -> Option<i64> {
    if a <= 0 || b <= 0 {
        return None;
    }
    let (mut x, mut y) = (a, b);
    // Ends: the remainder falls.
    while y > 0 {
        (x, y) = (y, x % y);
    }
    (a / x).checked_mul(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(tick: i64, lot: i64, qty: (i64, i64), notional_min: i128) -> ListingTerms {
        ListingTerms {
            venue: VenueId(0),
            instrument: InstrumentId(0),
            ticks: Ticks::fixed(Price(tick)),
            lot: Qty(lot),
            qty_min: Qty(qty.0),
            qty_max: Qty(qty.1),
            notional_min: Amount(notional_min),
        }
    }

    #[test]
    fn what_satisfies_both_is_a_multiple_of_both_steps_within_both_ranges() {
        let both = terms(10, 4, (2, 100), 7).and(&terms(4, 6, (5, 50), 3));
        assert_eq!(both, Some(terms(20, 12, (5, 50), 7)));
    }

    #[test]
    fn terms_that_no_order_satisfies_have_nothing_in_common() {
        assert_eq!(terms(1, 1, (9, 10), 0).and(&terms(1, 1, (1, 8), 0)), None);
        assert_eq!(terms(i64::MAX, 1, (0, 1), 0).and(&terms(i64::MAX - 1, 1, (0, 1), 0)), None);
    }

    #[test]
    fn larger_steps_above_a_price_stay_beside_the_venues_single_step() {
        let bands = [TickBand { above: Price(100), tick: Price(10) }];
        let banded = Ticks::banded(Price(1), &bands).expect("sound");
        let own = ListingTerms { ticks: banded, ..terms(1, 1, (0, 9), 0) };
        let both = own.and(&terms(5, 1, (0, 9), 0)).expect("sound").ticks;
        assert_eq!((both.least(), both.above()), (Price(5), &bands[..]));
        let digits = Ticks::significant(Price(1), 5).expect("sound");
        let own = ListingTerms { ticks: digits, ..own };
        let both = own.and(&terms(10, 1, (0, 9), 0)).expect("sound").ticks;
        assert_eq!((both.least(), both.digits()), (Price(10), 5));
        assert_eq!(own.and(&terms(5, 1, (0, 9), 0)), None, "no power of ten");
    }

    #[test]
    fn words_of_a_market_are_unique_and_one_of_them_is_open() {
        let open = MarketStatus::ALL.into_iter().filter(|status| status.is_open());
        assert_eq!(open.collect::<Vec<_>>(), [MarketStatus::Open]);
        for (at, status) in MarketStatus::ALL.into_iter().enumerate() {
            let others = &MarketStatus::ALL[at + 1..];
            assert!(others.iter().all(|other| other.word() != status.word()));
        }
    }
}
