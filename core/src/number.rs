//! Quantities with their unit in the type: integers only, every overflow checked.
//!
//! A line belongs here if it is arithmetic on numbers with a unit. A venue's tick, lot and minimum
//! are `reference`.

use core::fmt;

/// Digits after the point of an [`Amount`].
pub const AMOUNT_DECIMALS: u32 = 18;

/// Parts per million in one: the unit of [`FeePpm`] and of collars.
pub const PPM: i128 = 1_000_000;

/// Nanoseconds since the Unix epoch. Comes in with an input; the core reads no clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixNanos(pub u64);

impl UnixNanos {
    /// Time passed since `earlier`, in nanoseconds; zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Price as a mantissa of 10^-`price_decimals` of its instrument, in the quote asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(pub i64);

/// Quantity as a mantissa of 10^-`qty_decimals` of its instrument, in the base asset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Qty(pub i64);

impl Qty {
    /// Zero.
    pub const ZERO: Self = Self(0);

    /// Sum; `None` on overflow.
    pub const fn checked_add(self, other: Self) -> Option<Self> {
        match self.0.checked_add(other.0) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// Difference; `None` when more is taken than there is. The caller decides what an overfill
    /// means.
    pub const fn checked_sub(self, taken: Self) -> Option<Self> {
        if taken.0 > self.0 { None } else { Some(Self(self.0 - taken.0)) }
    }

    /// Difference, at least zero.
    #[must_use]
    pub const fn saturating_sub(self, taken: Self) -> Self {
        if taken.0 >= self.0 { Self(0) } else { Self(self.0 - taken.0) }
    }

    /// The smaller of two.
    #[must_use]
    pub const fn min(self, other: Self) -> Self {
        if self.0 < other.0 { self } else { other }
    }

    /// The largest multiple of `lot` that is not more than this; `lot` is at least 1.
    #[must_use]
    pub const fn floor_to(self, lot: Self) -> Self {
        Self(self.0 - self.0 % lot.0)
    }

    /// Whether nothing is left. No path makes less than zero.
    pub const fn is_zero(self) -> bool {
        self.0 <= 0
    }
}

/// Price times quantity, in 10^-(`price_decimals` + `qty_decimals`) of the quote asset.
/// A product of two `i64` always fits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Notional(pub i128);

impl Notional {
    /// The value of `qty` at `price`.
    pub const fn of(price: Price, qty: Qty) -> Self {
        Self(price.0 as i128 * qty.0 as i128)
    }
}

/// An amount of an asset in units of 10^-18 (balances, fees, limits), signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Amount(pub i128);

impl Amount {
    /// Zero.
    pub const ZERO: Self = Self(0);

    /// Sum; stops at the ends of the range (10^20 units), which no real balance reaches.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// Difference; stops at the ends of the range.
    #[must_use]
    pub const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// This amount with `ppm` parts per million on top, rounded up. For amounts of at least zero;
    /// stops at the end of the range.
    #[must_use]
    pub const fn with_ppm_on_top(self, ppm: u32) -> Self {
        let product = match product(self.0, ppm as i128) {
            Some(product) if product >= 0 => product as u128,
            Some(_) | None => return Self(i128::MAX),
        };
        let add = millionth(product.saturating_add(PPM as u128 - 1));
        Self(self.0.saturating_add(add as i128))
    }
}

/// A millionth, rounded down, by limbs of 32 bits. A division of 128 bits by a constant would be a
/// slow call.
const fn millionth(value: u128) -> u128 {
    const MILLION: u64 = 1_000_000;
    let (mut quotient, mut rest, mut limb) = (0_u128, 0_u64, 4);
    while limb > 0 {
        limb -= 1;
        let part = rest << 32 | (value >> (32 * limb)) as u64 & 0xffff_ffff;
        quotient |= ((part / MILLION) as u128) << (32 * limb);
        rest = part % MILLION;
    }
    quotient
}

/// A fee rate in parts per million of the traded value; negative is a rebate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FeePpm(pub i32);

/// ASCII text of at most `N` bytes, held in place so that it can be journaled and hashed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const N: usize> {
    len: u8,
    bytes: [u8; N],
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Self { len: 0, bytes: [0; N] }
    }
}

impl<const N: usize> Text<N> {
    /// The empty text.
    pub const EMPTY: Self = Self { len: 0, bytes: [0; N] };

    /// `None` when it is longer than `N` or holds anything but printable ASCII.
    pub fn new(bytes: &[u8]) -> Option<Self> {
        if bytes.len() > N || !bytes.iter().all(|b| (0x20..0x7f).contains(b)) {
            return None;
        }
        let mut text = Self { len: bytes.len() as u8, bytes: [0; N] };
        text.bytes[..bytes.len()].copy_from_slice(bytes);
        Some(text)
    }

    /// The bytes, without padding.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Eight bytes from a place on, little endian; zeros behind the end.
    #[inline]
    pub(crate) fn le_word(&self, at: usize) -> u64 {
        // What is behind the text is zero.
        if let Some(word) = self.bytes.get(at..at + 8).and_then(|bytes| bytes.try_into().ok()) {
            return u64::from_le_bytes(word);
        }
        let rest = self.bytes.get(at..).unwrap_or_default();
        rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        // Only printable ASCII gets in, so this never falls back.
        core::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }

    /// True for the empty text, which stands for "none".
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The product; `None` if it does not fit. Where the bits of both factors fit, this is far quicker
/// than the checked product, which is a call with divisions in it.
#[inline]
pub(crate) const fn product(a: i128, b: i128) -> Option<i128> {
    // |a| < 2^(128 - zeros of a), so the product is below 2^127.
    if a.unsigned_abs().leading_zeros() + b.unsigned_abs().leading_zeros() > 128 {
        Some(a.wrapping_mul(b))
    } else {
        a.checked_mul(b)
    }
}

/// The product of two numbers of at least zero; stops at the end of the range.
#[inline]
pub(crate) const fn saturating_product(a: i128, b: i128) -> i128 {
    match product(a, b) {
        Some(product) => product,
        None => i128::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quick_product_is_the_checked_one() {
        for shift in 0..128 {
            for other in 0..128 {
                let (a, b) = (i128::MAX >> shift, i128::MAX >> other);
                for (a, b) in [(a, b), (-a, b), (a - 1, -b), (-a, -b - 1), (i128::MIN, b)] {
                    assert_eq!(product(a, b), a.checked_mul(b), "{a} {b}");
                }
            }
        }
    }

    #[test]
    fn a_lot_divides_what_floor_leaves() {
        assert_eq!(Qty(1_234).floor_to(Qty(100)), Qty(1_200));
        assert_eq!(Qty(99).floor_to(Qty(100)), Qty(0));
    }

    #[test]
    fn taking_more_than_there_is_is_none() {
        assert_eq!(Qty(5).checked_sub(Qty(6)), None);
        assert_eq!(Qty(5).checked_sub(Qty(5)), Some(Qty(0)));
        assert_eq!(Qty(i64::MAX).checked_add(Qty(1)), None);
    }

    #[test]
    fn ppm_on_top_rounds_up() {
        assert_eq!(Amount(1_000_000).with_ppm_on_top(1_000), Amount(1_001_000));
        assert_eq!(Amount(1).with_ppm_on_top(1), Amount(2));
        assert_eq!(Amount(i128::MAX).with_ppm_on_top(1_000), Amount(i128::MAX));
        for shift in 0..127 {
            let value = u128::MAX >> shift;
            assert_eq!(millionth(value), value / 1_000_000, "{value}");
        }
    }

    #[test]
    fn text_refuses_what_is_long_or_not_printable() {
        assert!(Text::<4>::new(b"abcd").is_some());
        assert!(Text::<4>::new(b"abcde").is_none());
        assert!(Text::<4>::new(b"a\x01").is_none());
        assert_eq!(Text::<4>::new(b"ab").map(|t| t.as_str().len()), Some(2));
    }
}
