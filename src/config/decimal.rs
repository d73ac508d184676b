//! Decimals of the configuration as the integers that the core counts in, exactly or not at all.
//!
//! A line belongs here if it turns a decimal into an integer. The range of a key stands at the key.

use rust_decimal::Decimal;
use rutter_core::number::AMOUNT_DECIMALS;

/// Whether a text has only the characters of a decimal: no exponent, plus sign or separator.
pub fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'))
}

/// A decimal as a mantissa of 10^-`decimals`. `None`: more decimals, or out of range.
pub fn mantissa(value: Decimal, decimals: u32) -> Option<i64> {
    let value = value.normalize();
    let scale = value.scale();
    if scale > decimals {
        return None;
    }
    let factor = 10_i128.checked_pow(decimals - scale)?;
    i64::try_from(value.mantissa().checked_mul(factor)?).ok()
}

/// A decimal in units of 10^-18. `None`: more decimals, or out of range.
pub fn amount(value: Decimal) -> Option<i128> {
    let value = value.normalize();
    let factor = 10_i128.checked_pow(AMOUNT_DECIMALS.checked_sub(value.scale())?)?;
    value.mantissa().checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_become_mantissas_exactly_or_not_at_all() {
        let decimal = |text: &str| text.parse::<Decimal>().expect("decimal");
        assert_eq!(mantissa(decimal("1.50"), 2), Some(150));
        assert_eq!(mantissa(decimal("0.001"), 2), None);
        assert_eq!(mantissa(decimal("99999999999999999999"), 2), None);
        assert_eq!(amount(decimal("2.5")), Some(2_500_000_000_000_000_000));
    }
}
