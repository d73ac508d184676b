//! Time text: RFC 3339 in UTC, with microseconds when written.
//!
//! A line belongs here if it turns Unix nanoseconds into that text or back. The calendar is
//! `jiff`'s.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;

/// Longest text that is read.
const TEXT_BYTES_MAX: usize = 40;

/// Bytes of `YYYY-MM-DDThh:mm:ss`.
const SECONDS_BYTES: usize = 19;

/// Most digits of a fraction of a second.
const FRACTION_DIGITS_MAX: usize = 9;

/// Microseconds always, nanoseconds cut off.
const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(6));

/// `2023-09-22T10:33:05.709950Z`.
pub fn format(unix_ns: u64) -> String {
    match Timestamp::from_nanosecond(i128::from(unix_ns)) {
        Ok(at) => PRINTER.timestamp_to_string(&at),
        Err(error) => unreachable!("64 bits of nanoseconds end in the year 2554: {error}"),
    }
}

/// Reads `YYYY-MM-DDThh:mm:ss[.fraction](Z|+00:00)`, from 1970 on; `None` for anything else.
pub fn parse(text: &str) -> Option<u64> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let body = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00"))?;
    let (seconds, fraction) = body.split_once('.').unwrap_or((body, "0"));
    let plain = fraction.bytes().all(|byte| byte.is_ascii_digit());
    if !plain || fraction.is_empty() || fraction.len() > FRACTION_DIGITS_MAX {
        return None;
    }
    let at: Timestamp = text.parse().ok()?;
    let unix_ns = u64::try_from(at.as_nanosecond()).ok()?;
    // The parser takes more spellings than a venue does, and moves a leap second back.
    (format(unix_ns).get(..SECONDS_BYTES) == Some(seconds)).then_some(unix_ns)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_NS: u64 = 86_400_000_000_000;

    #[test]
    fn times_are_read_and_written() {
        let at = 1_695_378_785_709_950_000;
        assert_eq!(format(at), "2023-09-22T10:33:05.709950Z");
        assert_eq!(parse("2023-09-22T10:33:05.709950Z"), Some(at));
        assert_eq!(parse("2023-09-22T10:33:05.70995+00:00"), Some(at));
        assert_eq!(parse("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(format(at + 999), "2023-09-22T10:33:05.709950Z");
        for day in (0..80_000).step_by(13) {
            let at = day * DAY_NS;
            assert_eq!(parse(&format(at)), Some(at));
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2023-02-29T00:00:00Z",
            "2023-13-01T00:00:00Z",
            "2023-01-01T24:00:00Z",
            "2023-01-01T00:00:00",
            "2023-01-01 00:00:00Z",
            "2023-01-01t00:00:00Z",
            "2023-01-01T00:00:60Z",
            "2023-01-01T00:00:00.Z",
            "2023-01-01T00:00:00.1234567890Z",
            "\u{661}970-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
