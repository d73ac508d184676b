//! The checksum that proves a Kraken book.
//!
//! A line belongs here if it turns levels into the checksum. Comparing checksums is `machine`.

use rutter_core::input::{Level, Side};

use rutter_feeds::book::Book;

/// Levels of each side that the checksum covers, at any subscribed depth.
pub const CHECKSUM_LEVELS: usize = 10;

/// Most decimals of a number, in the core or at the venue.
pub const DECIMALS_MAX: u8 = 18;

/// Digits of the largest `u64`.
const DIGITS_MAX: usize = 20;

/// Digits that are written at once.
const EIGHT: usize = 8;

/// Ten to the power of [`EIGHT`].
const BASE: u64 = 100_000_000;

/// Length of the longest text that is hashed, in bytes, and room for the last digits.
const TEXT_BYTES_MAX: usize = 2 * CHECKSUM_LEVELS * 2 * DIGITS_MAX + EIGHT;

/// The digits of a number below [`BASE`], with leading zeros: the first one in the lowest byte.
#[inline]
const fn eight(number: u64) -> u64 {
    // Two halves of four digits, then pairs, then single digits, each lane by itself.
    let halves = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((halves * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let pairs = hundreds | ((halves - hundreds * 100) << 16);
    let tens = ((pairs * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((pairs - tens * 10) << 8)
}

/// The factor from a number in the core's decimals to one in the venue's precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rescale {
    multiply: i64,
    divide: i64,
}

impl Rescale {
    fn new(decimals: u8, precision: u8) -> Option<Self> {
        if decimals > DECIMALS_MAX || precision > DECIMALS_MAX {
            return None;
        }
        let power = |by: u8| 10i64.checked_pow(u32::from(by));
        Some(Self {
            multiply: power(precision.saturating_sub(decimals))?,
            divide: power(decimals.saturating_sub(precision))?,
        })
    }

    fn apply(self, mantissa: i64) -> Option<u64> {
        let scaled = if self.divide == 1 {
            mantissa.checked_mul(self.multiply)?
        } else if mantissa % self.divide == 0 {
            mantissa / self.divide
        } else {
            return None;
        };
        u64::try_from(scaled).ok()
    }
}

/// The precision with which an instrument's levels are printed for the checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Precision {
    price: Rescale,
    qty: Rescale,
}

impl Precision {
    /// The core's decimals and the venue's precisions (`instrument` channel), each of price and
    /// quantity. `None` when one is above [`DECIMALS_MAX`].
    pub fn new(decimals: (u8, u8), precisions: (u8, u8)) -> Option<Self> {
        Some(Self {
            price: Rescale::new(decimals.0, precisions.0)?,
            qty: Rescale::new(decimals.1, precisions.1)?,
        })
    }
}

/// The text that is hashed, held in place.
struct Digits {
    bytes: [u8; TEXT_BYTES_MAX],
    len: usize,
}

impl Digits {
    /// The venue pads a number to its precision, then drops the point and the leading zeros. The
    /// result is the digits of the mantissa.
    #[inline]
    fn push(&mut self, mantissa: u64) {
        let (high, low) = (mantissa / BASE, mantissa % BASE);
        if high == 0 {
            self.push_first(low);
        } else if high < BASE {
            self.push_first(high);
            self.put(eight(low), EIGHT);
        } else {
            self.push_first(high / BASE);
            self.put(eight(high % BASE), EIGHT);
            self.put(eight(low), EIGHT);
        }
    }

    /// The digits of a number below [`BASE`], without leading zeros: none of zero.
    #[inline]
    fn push_first(&mut self, number: u64) {
        let digits = eight(number);
        if digits != 0 {
            let zeros = digits.trailing_zeros() / 8;
            self.put(digits >> (8 * zeros), EIGHT - zeros as usize);
        }
    }

    /// Writes digits, the first one in the lowest byte.
    #[inline]
    fn put(&mut self, digits: u64, count: usize) {
        const ZEROS: u64 = 0x3030_3030_3030_3030;
        if let Some(room) = self.bytes.get_mut(self.len..self.len + EIGHT) {
            room.copy_from_slice(&(digits + ZEROS).to_le_bytes());
            self.len += count;
        }
    }
}

/// CRC-32 (IEEE 802.3) over the best ten asks, then the best ten bids; of each level the digits of
/// the price, then of the quantity. `None` when a level has more digits than the venue's precision,
/// which the protocol does not allow.
pub fn checksum(book: &Book, precision: &Precision) -> Option<u32> {
    let mut text = Digits { bytes: [0; TEXT_BYTES_MAX], len: 0 };
    for side in [Side::Sell, Side::Buy] {
        for Level { price, qty } in book.side(side).take(CHECKSUM_LEVELS) {
            text.push(precision.price.apply(price.0)?);
            text.push(precision.qty.apply(qty.0)?);
        }
    }
    Some(crc32fast::hash(text.bytes.get(..text.len)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal;
    use rutter_core::number::{Price, Qty};

    fn fill(book: &mut Book, side: Side, levels: &str, decimals: (u8, u8)) {
        for level in levels.split_ascii_whitespace() {
            let (price, qty) = level.split_once('x').expect("price x quantity");
            let level = Level {
                price: Price(decimal::parse_unsigned(price.as_bytes(), decimals.0).expect("price")),
                qty: Qty(decimal::parse_unsigned(qty.as_bytes(), decimals.1).expect("quantity")),
            };
            book.set(side, level).expect("level");
        }
    }

    #[test]
    fn the_digits_of_a_mantissa_are_those_of_its_text() {
        let mut state: u64 = 5;
        println!("seed {state}");
        let edges = [0, 1, 9, 10, BASE - 1, BASE, BASE * BASE - 1, BASE * BASE, u64::MAX];
        let random = (0..20_000).map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            state >> (state >> 58)
        });
        for mantissa in edges.into_iter().chain(random) {
            let mut digits = Digits { bytes: [0; TEXT_BYTES_MAX], len: 0 };
            digits.push(mantissa);
            let text = if mantissa == 0 { String::new() } else { mantissa.to_string() };
            assert_eq!(&digits.bytes[..digits.len], text.as_bytes());
        }
    }

    const BTC_ASKS: &str = "45285.2x0.00100000 45286.4x1.54571953 45286.6x1.54571109 \
        45289.6x1.54560911 45290.2x0.15890660 45291.8x1.54553491 45294.7x0.04454749 \
        45296.1x0.35380000 45297.5x0.09945542 45299.5x0.18772827";
    const BTC_BIDS: &str = "45283.5x0.10000000 45283.4x1.54582015 45282.1x0.10000000 \
        45281.0x0.10000000 45280.3x1.54592586 45279.0x0.07990000 45277.6x0.03310103 \
        45277.5x0.30000000 45277.3x1.54602737 45276.6x0.15445238";

    /// The core may keep more decimals than the venue prints, or the same, or fewer.
    #[test]
    fn the_first_worked_example_comes_out_in_any_decimals_of_ours() {
        for decimals in [(1, 8), (2, 8), (8, 9), (4, 10)] {
            let mut book = Book::new(100);
            fill(&mut book, Side::Sell, BTC_ASKS, decimals);
            fill(&mut book, Side::Buy, BTC_BIDS, decimals);
            // The eleventh level is not covered.
            fill(&mut book, Side::Buy, "45000.1x1", decimals);
            let precision = Precision::new(decimals, (1, 8)).expect("precision");
            assert_eq!(checksum(&book, &precision), Some(3_310_070_434));
        }
    }

    #[test]
    fn the_second_worked_example_comes_out_before_and_after_its_update() {
        let decimals = (4, 8);
        let mut book = Book::new(100);
        let bids = "0.5666x4831.75496356 0.5665x6658.22734739 0.5664x18724.91513344 \
            0.5663x11563.92544914 0.5662x14006.65365711 0.5661x17454.85679807 \
            0.566x18097.1547 0.5659x33644.89175666 0.5658x148.3464 0.5657x606.70854372";
        let asks = "0.5668x4410.79769741 0.5669x4655.40412487 0.567x49844.89424998 \
            0.5671x24306.41678 0.5672x29783.25223475 0.5673x57234.71239278 \
            0.5674x45065.04744 0.5675x5912.76380354 0.5676x42514.92434778 0.5677x36304.0847022";
        fill(&mut book, Side::Buy, bids, decimals);
        fill(&mut book, Side::Sell, asks, decimals);
        let precision = Precision::new(decimals, (4, 8)).expect("precision");
        assert_eq!(checksum(&book, &precision), Some(2_439_117_997));
        fill(&mut book, Side::Buy, "0.5657x1098.3947558", decimals);
        assert_eq!(checksum(&book, &precision), Some(2_114_181_697));
    }

    #[test]
    fn fewer_decimals_of_ours_than_the_venue_prints_are_padded() {
        let mut book = Book::new(100);
        fill(&mut book, Side::Buy, "2x3", (0, 0));
        let precision = Precision::new((0, 0), (1, 2)).expect("precision");
        assert_eq!(checksum(&book, &precision), Some(crc32fast::hash(b"20300")));
    }

    #[test]
    fn more_digits_than_the_precision_are_no_checksum() {
        let mut book = Book::new(100);
        fill(&mut book, Side::Buy, "2.05x3", (2, 0));
        let precision = Precision::new((2, 0), (1, 0)).expect("precision");
        assert_eq!(checksum(&book, &precision), None);
        assert_eq!(Precision::new((2, 0), (19, 0)), None);
    }
}
