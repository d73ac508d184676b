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

/// The value of a limit, in the limit's unit.
pub fn limit_text(value: LimitValue) -> String {
    match value {
        LimitValue::Amount(amount) => decimal(amount.0, AMOUNT_DECIMALS),
        LimitValue::Whole(whole) => whole.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn a_decimal_number_has_its_point_and_no_zeros_that_say_nothing() {
        let shown = [(0, 8), (150, 2), (-5, 3), (1_000, 0), (123_456, 3), (-1_000, 3)];
        let expected = ["0", "1.5", "-0.005", "1000", "123.456", "-1"];
        assert_eq!(shown.map(|(mantissa, decimals)| decimal(mantissa, decimals)), expected);
        assert_eq!(decimal(i128::MIN, 18).len(), 41);
    }
}
