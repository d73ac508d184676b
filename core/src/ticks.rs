//! The price steps of a listing, which may depend on the price.
//!
//! A line belongs here if it answers which prices a venue takes.

use crate::input::Side;
use crate::number::Price;
use crate::wire::{Reader, Wire, WireError, Writer, wire_struct};

/// Bands above the least step, at most.
pub const TICK_BANDS_MAX: usize = 4;

/// Significant digits of a price, at most.
pub const PRICE_DIGITS_MAX: u8 = 18;

/// A step that holds above a price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TickBand {
    /// The step holds for prices above this one.
    pub above: Price,
    /// Price step, above zero.
    pub tick: Price,
}
wire_struct!(TickBand { above, tick });

/// The price steps of a listing. A price that the venue takes is a multiple of each finer step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticks {
    least: Price,
    /// Significant digits of a price, at most; zero: any number.
    digits: u8,
    /// Bands in use; none if `digits` is not zero.
    len: u8,
    bands: [TickBand; TICK_BANDS_MAX],
}

impl Ticks {
    /// One step, above zero, for all prices.
    pub const fn fixed(tick: Price) -> Self {
        let none = TickBand { above: Price(0), tick: Price(0) };
        Self { least: tick, digits: 0, len: 0, bands: [none; TICK_BANDS_MAX] }
    }

    /// Prices of so many significant digits, 1 to [`PRICE_DIGITS_MAX`]. `least` is the step of the
    /// lowest prices, a power of ten. `None` if a number is not so.
    pub fn significant(least: Price, digits: u8) -> Option<Self> {
        let power = least.0.checked_ilog10().map(|log| 10_i64.pow(log));
        let sound = (1..=PRICE_DIGITS_MAX).contains(&digits) && power == Some(least.0);
        sound.then_some(Self { digits, ..Self::fixed(least) })
    }

    /// A least step, and larger steps above named prices, in the order of the prices.
    ///
    /// `None` if there are more than [`TICK_BANDS_MAX`] bands, a step is not above zero or no
    /// multiple of the step before, or a band's price is no multiple of the band's step.
    pub fn banded(least: Price, bands: &[TickBand]) -> Option<Self> {
        let mut ticks = Self { len: bands.len() as u8, ..Self::fixed(least) };
        ticks.bands.get_mut(..bands.len())?.copy_from_slice(bands);
        let mut before = TickBand { above: Price(0), tick: least };
        for band in bands {
            let sound = band.above > before.above
                && band.tick > before.tick
                && before.tick.0 > 0
                && band.tick.0 % before.tick.0 == 0
                && band.above.0 % band.tick.0 == 0;
            if !sound {
                return None;
            }
            before = *band;
        }
        (least.0 > 0).then_some(ticks)
    }

    /// The smallest step.
    pub const fn least(&self) -> Price {
        self.least
    }

    /// Significant digits of a price, at most; zero: any number.
    pub const fn digits(&self) -> u8 {
        self.digits
    }

    /// The larger steps, in the order of their prices.
    pub fn above(&self) -> &[TickBand] {
        self.bands.get(..usize::from(self.len)).unwrap_or_default()
    }

    /// Whether the venue takes a price.
    #[inline]
    pub fn takes(&self, price: Price) -> bool {
        price.0 % self.at(price) == 0
    }

    /// The price nearest to a limit, and within the limit, that the venue takes.
    #[inline]
    pub fn within(&self, limit: Price, side: Side) -> Price {
        let tick = self.at(limit);
        let over = limit.0.rem_euclid(tick);
        match side {
            Side::Buy => Price(limit.0 - over),
            Side::Sell if over == 0 => limit,
            Side::Sell => Price(limit.0.saturating_add(tick - over)),
        }
    }

    /// The step at a price.
    #[inline]
    fn at(&self, price: Price) -> i64 {
        if self.len == 0 && self.digits == 0 { self.least.0 } else { self.step(price) }
    }

    fn step(&self, price: Price) -> i64 {
        if self.digits > 0 {
            let whole = price.0.checked_ilog10().map_or(0, |log| log + 1);
            let cut = whole.saturating_sub(u32::from(self.digits));
            return self.least.0.max(10_i64.pow(cut));
        }
        let band = self.above().iter().rev().find(|band| price > band.above);
        band.map_or(self.least, |band| band.tick).0
    }
}

impl Wire for Ticks {
    fn put(&self, w: &mut Writer<'_>) {
        self.least.put(w);
        self.digits.put(w);
        self.len.put(w);
        for band in self.above() {
            band.put(w);
        }
    }

    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let (least, digits, len) = (Price::get(r)?, u8::get(r)?, usize::from(u8::get(r)?));
        let mut bands = [TickBand::default(); TICK_BANDS_MAX];
        for band in bands.get_mut(..len).ok_or(WireError::Value)? {
            *band = TickBand::get(r)?;
        }
        let ticks = match (digits, &bands[..len]) {
            // The value itself is judged with the listing.
            (0, []) => Some(Self::fixed(least)),
            (0, bands) => Self::banded(least, bands),
            (digits, []) => Self::significant(least, digits),
            _ => None,
        };
        ticks.ok_or(WireError::Value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn band(above: i64, tick: i64) -> TickBand {
        TickBand { above: Price(above), tick: Price(tick) }
    }

    fn within(ticks: &Ticks, limit: i64) -> (i64, i64) {
        [Side::Buy, Side::Sell].map(|side| ticks.within(Price(limit), side).0).into()
    }

    #[test]
    fn one_step_holds_for_all_prices() {
        let ticks = Ticks::fixed(Price(5));
        assert!(ticks.takes(Price(10)) && !ticks.takes(Price(11)));
        assert_eq!([within(&ticks, 10), within(&ticks, 11)], [(10, 10), (10, 15)]);
        assert_eq!(within(&ticks, i64::MAX), (i64::MAX - 2, i64::MAX));
    }

    /// Deribit's options: 0.0001, and 0.0005 above 0.005.
    #[test]
    fn a_larger_step_holds_above_a_price_and_not_at_it() {
        let ticks = Ticks::banded(Price(1), &[band(50, 5), band(1_000, 50)]).expect("sound");
        let taken = [1, 49, 50, 55, 1_000, 1_050];
        assert!(taken.iter().all(|price| ticks.takes(Price(*price))));
        assert!([51, 54, 1_005, 1_049].iter().all(|price| !ticks.takes(Price(*price))));
        assert_eq!(
            [50, 51, 999, 1_001].map(|limit| within(&ticks, limit)),
            [(50, 50), (50, 55), (995, 1_000), (1_000, 1_050),]
        );
    }

    /// Bitfinex: five significant digits.
    #[test]
    fn a_price_has_so_many_significant_digits() {
        let ticks = Ticks::significant(Price(1), 5).expect("sound");
        assert!([7, 99_999, 100_000, 123_450].iter().all(|price| ticks.takes(Price(*price))));
        assert!([100_001, 123_456].iter().all(|price| !ticks.takes(Price(*price))));
        assert_eq!(
            [99_999, 123_456, 999_996].map(|limit| within(&ticks, limit)),
            [(99_999, 99_999), (123_450, 123_460), (999_990, 1_000_000),]
        );
        assert_eq!(ticks.within(Price(i64::MAX), Side::Buy).0, 9_223_300_000_000_000_000);
    }

    /// A limit within another step's prices leads to a price that the venue takes, on its own side.
    #[test]
    fn the_nearest_price_is_taken_and_no_nearer_one_is() {
        let steps = [
            Ticks::fixed(Price(3)),
            Ticks::significant(Price(1), 2).expect("sound"),
            Ticks::significant(Price(10), 1).expect("sound"),
            Ticks::banded(Price(2), &[band(40, 4), band(96, 8), band(240, 80)]).expect("sound"),
        ];
        for ticks in steps {
            for limit in 1..1_200 {
                let (low, high) = within(&ticks, limit);
                let taken = |price: &i64| ticks.takes(Price(*price));
                assert_eq!((0..=limit).rev().find(taken), Some(low), "{ticks:?} {limit}");
                assert_eq!((limit..9_999).find(taken), Some(high), "{ticks:?} {limit}");
            }
        }
    }

    #[test]
    fn steps_that_contradict_each_other_are_none() {
        let least = Price(2);
        let bad: [&[TickBand]; 7] = [
            &[band(40, 0)],
            &[band(40, 2)],
            &[band(40, 5)],
            &[band(41, 4)],
            &[band(40, 4), band(40, 8)],
            &[band(40, 4), band(80, 6)],
            &[band(8, 4), band(16, 8), band(32, 16), band(64, 32), band(128, 64)],
        ];
        assert!(bad.iter().all(|bands| Ticks::banded(least, bands).is_none()));
        assert!(Ticks::banded(Price(0), &[band(40, 4)]).is_none());
        assert!([0, 19].iter().all(|digits| Ticks::significant(Price(1), *digits).is_none()));
        assert!([0, 2, 11].iter().all(|least| Ticks::significant(Price(*least), 5).is_none()));
    }
}
