//! Numbers as text.

use rutter_core::input::LimitValue;
use rutter_core::number::AMOUNT_DECIMALS;

/// `mantissa` of 10^-`decimals` as a decimal number, without zeros at its end.
pub fn decimal(mantissa: i128, decimals: u32) -> String {
    let digits = mantissa.unsigned_abs().to_string();
    let decimals = decimals as usize;
    let sign = if mantissa < 0 { "-" } else { "" };
    let padded = format!("{digits:0>width$}", width = decimals + 1);
    let (whole, part) = padded.split_at(padded.len() - decimals);
    match part.trim_end_matches('0') {
        "" => format!("{sign}{whole}"),
        part => format!("{sign}{whole}.{part}"),
    }
}

/// A time in nanoseconds since the Unix epoch as text: RFC 3339, UTC, nine decimals.
pub fn rfc3339(ns: u64) -> String {
    // `u64` nanoseconds end in the year 2554.
    let at = jiff::Timestamp::from_nanosecond(i128::from(ns)).unwrap_or(jiff::Timestamp::MAX);
    at.strftime("%Y-%m-%dT%H:%M:%S.%9fZ").to_string()
}

/// The value of a limit, in the limit's unit.
pub fn limit_text(value: LimitValue) -> String {
    match value {
        LimitValue::Amount(amount) => decimal(amount.0, AMOUNT_DECIMALS),
        LimitValue::Whole(whole) => whole.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{decimal, rfc3339};

    #[test]
    fn a_time_has_nine_decimals_and_its_zone() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(rfc3339(1_763_732_787_123_000_001), "2025-11-21T13:46:27.123000001Z");
        assert_eq!(rfc3339(u64::MAX), "2554-07-21T23:34:33.709551615Z");
    }

    #[test]
    fn a_decimal_number_has_its_point_and_no_zeros_that_say_nothing() {
        let shown = [(0, 8), (150, 2), (-5, 3), (1_000, 0), (123_456, 3), (-1_000, 3)];
        let expected = ["0", "1.5", "-0.005", "1000", "123.456", "-1"];
        assert_eq!(shown.map(|(mantissa, decimals)| decimal(mantissa, decimals)), expected);
        assert_eq!(decimal(i128::MIN, 18).len(), 41);
    }
}
