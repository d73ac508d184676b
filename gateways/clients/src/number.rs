//! Numbers as text that the codec does not write: averages, and amounts of 128 bits. No floats.
//!
//! A line belongs here if it needs one number and neither an order nor a message.

use rutter_core::reference::ten_to;

/// Decimals of `AvgPx` (6) beyond those of the instrument's prices.
pub const AVERAGE_EXTRA_DECIMALS: u8 = 4;

/// Longest text that [`DecimalText`] holds: sign, point, 39 digits of an `i128`.
const DIGITS_BYTES_MAX: usize = 48;

/// Whether `text` is a FIX `float`, however large: an optional `-`, digits, and at most one point,
/// with at least one digit. Tells a number that does not fit from a malformed field.
pub fn is_number(text: &[u8]) -> bool {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let (mut seen_digit, mut seen_point) = (false, false);
    for byte in digits {
        match byte {
            b'0'..=b'9' => seen_digit = true,
            b'.' if !seen_point => seen_point = true,
            _ => return false,
        }
    }
    seen_digit
}

/// The average price of `qty` that cost `notional`, in units of `10^-(price_decimals + 4)`, rounded
/// to the nearest, halves to even. Zero if `qty` is zero.
pub const fn average(notional: i128, qty: i64) -> i128 {
    if qty <= 0 {
        return 0;
    }
    let qty = qty as i128;
    let factor = ten_to(AVERAGE_EXTRA_DECIMALS as u32);
    // Whole part and remainder apart: the product of the whole notional might overflow.
    let whole = (notional / qty).saturating_mul(factor);
    let scaled = notional % qty * factor;
    let (part, rest) = (scaled / qty, scaled % qty);
    let twice = rest.unsigned_abs() * 2;
    let odd = (whole + part) % 2 != 0;
    let up = twice > qty.unsigned_abs() || (twice == qty.unsigned_abs() && odd);
    let away = if notional < 0 { -1 } else { 1 };
    if up { whole + part + away } else { whole + part }
}

/// The text of one number, held in place.
#[derive(Clone, Copy, Debug)]
pub struct DecimalText {
    bytes: [u8; DIGITS_BYTES_MAX],
    start: usize,
}

impl DecimalText {
    /// `mantissa / 10^scale` without trailing zeros beyond `decimals_min` decimals. `scale` is at
    /// most 30.
    pub fn new(mantissa: i128, scale: u8, decimals_min: u8) -> Self {
        debug_assert!(scale <= 30, "a scale of ours");
        let mut digits = Self { bytes: [0; DIGITS_BYTES_MAX], start: DIGITS_BYTES_MAX };
        let mut rest = mantissa.unsigned_abs();
        let mut decimals = scale;
        while decimals > decimals_min && rest.is_multiple_of(10) {
            rest /= 10;
            decimals -= 1;
        }
        for _ in 0..decimals {
            digits.push(b'0' + (rest % 10) as u8);
            rest /= 10;
        }
        if decimals > 0 {
            digits.push(b'.');
        }
        digits.whole(rest);
        if mantissa < 0 {
            digits.push(b'-');
        }
        digits
    }

    /// Writes the digits before the point, at least one.
    fn whole(&mut self, number: u128) {
        // A 64-bit division is several times faster than a 128-bit one, and nearly always enough.
        let Ok(mut small) = u64::try_from(number) else {
            self.push(b'0' + (number % 10) as u8);
            return self.whole(number / 10);
        };
        loop {
            self.push(b'0' + (small % 10) as u8);
            small /= 10;
            if small == 0 {
                return;
            }
        }
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.start.checked_sub(1) {
            self.start = place;
            self.bytes[place] = byte;
        }
    }

    /// The text.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(self.start..).unwrap_or(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_of_any_size_is_told_from_nonsense() {
        for text in ["0", "-1.5", ".5", "5.", "99999999999999999999999999999999.9"] {
            assert!(is_number(text.as_bytes()), "{text}");
        }
        for text in ["", "-", ".", "-.", "+1", "1e5", "1.2.3", " 1", "1x", "--1"] {
            assert!(!is_number(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn the_average_rounds_halves_to_the_even_neighbour() {
        assert_eq!(average(0, 0), 0);
        assert_eq!(average(300, 2), 1_500_000);
        assert_eq!(average(1, 3), 3_333);
        assert_eq!(average(2, 3), 6_667);
        // 1 / 80 000 of a unit of 10^-4 is 0.125: below a half; 5 / 100 000 is exactly one half.
        assert_eq!(average(1, 80_000), 0);
        assert_eq!(average(5, 100_000), 0, "0.5 goes to 0");
        assert_eq!(average(15, 100_000), 2, "1.5 goes to 2");
        assert_eq!(average(25, 100_000), 2, "2.5 goes to 2");
        let most = i128::from(i64::MAX);
        assert_eq!(average(most * most, i64::MAX), most * 10_000, "the largest there is");
    }

    #[test]
    fn numbers_are_written_without_needless_zeros() {
        let text = |mantissa, scale, least| {
            String::from_utf8(DecimalText::new(mantissa, scale, least).as_bytes().to_vec())
                .expect("ascii")
        };
        assert_eq!(text(0, 18, 0), "0");
        assert_eq!(text(0, 6, 2), "0.00");
        assert_eq!(text(1_500_000, 6, 2), "1.50");
        assert_eq!(text(-12_345, 3, 0), "-12.345");
        assert_eq!(text(1, 18, 0), "0.000000000000000001");
        assert_eq!(text(10_i128.pow(18), 18, 0), "1");
        assert_eq!(text(120, 0, 0), "120");
        assert_eq!(text(i128::MIN, 0, 0), i128::MIN.to_string());
        assert_eq!(text(i128::MAX, 30, 0), "170141183.460469231731687303715884105727");
    }
}
