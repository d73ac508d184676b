//! JSON numbers as Kraken writes and reads them, from integers, never through a float.
//!
//! A line belongs here if it formats or reads a number. The venue writes the shortest decimals and
//! keeps one zero on a whole number (`0.567`, `40.0`); steps of instruments may be in exponent form
//! (`1e-08`). Source: venue reference (Kraken), sections 4, 5 and 8.

use crate::decimal::{self, DecimalError};

/// Largest absolute exponent of a client's number.
const EXPONENT_MAX: i32 = 40;

/// The shortest decimals; a whole number keeps one zero: `40.0`.
pub fn float(mantissa: i128, decimals: u32) -> String {
    let mut text = decimal::format_trimmed(mantissa, decimals);
    if !text.contains('.') {
        text.push_str(".0");
    }
    text
}

/// The shortest decimals; zero is `0`, as in the venue's small execution updates.
pub fn float_or_zero(mantissa: i128, decimals: u32) -> String {
    if mantissa == 0 { "0".to_owned() } else { float(mantissa, decimals) }
}

/// The shortest decimals; a whole number has no point: `500`.
pub fn plain(mantissa: i128, decimals: u32) -> String {
    decimal::format_trimmed(mantissa, decimals)
}

/// Like [`float`], but numbers below 10^-4 are in exponent form: `1e-08`, `5e-05`.
pub fn step(mantissa: i128, decimals: u32) -> String {
    let digits = mantissa.unsigned_abs().to_string();
    let leading = i64::from(decimals) - digits.len() as i64 + 1;
    if mantissa <= 0 || leading <= 4 {
        return float(mantissa, decimals);
    }
    let significant = digits.trim_end_matches('0');
    let (first, rest) = significant.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    format!("{first}{point}{rest}e-{leading:02}")
}

/// Reads a JSON number, also in exponent form, as a mantissa. A negative number is malformed.
///
/// # Errors
/// [`DecimalError`].
pub fn parse(text: &str, decimals: u32) -> Result<i64, DecimalError> {
    let Some(at) = text.find(['e', 'E']) else { return decimal::parse(text, decimals) };
    let (digits, exponent) = text.split_at(at);
    let exponent: i32 = exponent
        .get(1..)
        .unwrap_or("")
        .trim_start_matches('+')
        .parse()
        .map_err(|_| DecimalError::Malformed)?;
    if exponent.abs() > EXPONENT_MAX || digits.len() > decimal::DECIMAL_TEXT_MAX {
        return Err(DecimalError::Malformed);
    }
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if whole.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(DecimalError::Malformed);
    }
    let all = format!("{whole}{fraction}");
    let point = whole.len() as i32 + exponent;
    let moved = if point <= 0 {
        format!("0.{}{all}", "0".repeat(point.unsigned_abs() as usize))
    } else if point as usize >= all.len() {
        format!("{all}{}", "0".repeat(point as usize - all.len()))
    } else {
        let (whole, fraction) = all.split_at(point as usize);
        format!("{whole}.{fraction}")
    };
    let trimmed = moved.trim_start_matches('0');
    let trimmed = if moved.contains('.') { trimmed.trim_end_matches('0') } else { trimmed };
    decimal::parse(if trimmed.is_empty() || trimmed == "." { "0" } else { trimmed }, decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_printed_as_the_venue_prints_them() {
        assert_eq!(float(5670, 4), "0.567");
        assert_eq!(float(4_000_000_000, 8), "40.0");
        assert_eq!(float(0, 8), "0.0");
        assert_eq!(float_or_zero(0, 8), "0");
        assert_eq!(plain(5_000_000, 4), "500");
        assert_eq!(step(1, 8), "1e-08");
        assert_eq!(step(5000, 8), "5e-05");
        assert_eq!(step(10_000, 8), "0.0001");
        assert_eq!(step(1, 1), "0.1");
        assert_eq!(step(125, 8), "1.25e-06");
    }

    #[test]
    fn numbers_are_read_with_and_without_exponent() {
        assert_eq!(parse("26500.4", 1), Ok(265_004));
        assert_eq!(parse("1e-08", 8), Ok(1));
        assert_eq!(parse("1.25E-6", 8), Ok(125));
        assert_eq!(parse("1e2", 0), Ok(100));
        assert_eq!(parse("1.5e+1", 0), Ok(15));
        assert_eq!(parse("0e0", 3), Ok(0));
        assert_eq!(parse("1e-9", 8), Err(DecimalError::TooPrecise(8)));
        assert_eq!(parse("1e99", 8), Err(DecimalError::Malformed));
        assert_eq!(parse("1e40", 8), Err(DecimalError::Malformed));
        for text in ["-1", "e5", "1e", "1e--1", "1.2.3e1", "\u{663}e1"] {
            assert_eq!(parse(text, 8), Err(DecimalError::Malformed), "{text}");
        }
    }
}
