//! RFC 3339 times with microseconds, from and to Unix nanoseconds.

use std::fmt::Write as _;

const NANOS: u64 = 1_000_000_000;

/// `2023-09-22T10:33:05.709950Z`.
pub fn format(unix_ns: u64) -> String {
    let seconds = unix_ns / NANOS;
    let (year, month, day) = civil(seconds / 86_400);
    let rest = seconds % 86_400;
    let mut text = String::with_capacity(27);
    let _ = write!(
        text,
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:06}Z",
        rest / 3600,
        rest / 60 % 60,
        rest % 60,
        unix_ns % NANOS / 1000
    );
    text
}

/// Reads `YYYY-MM-DDThh:mm:ss[.fraction](Z|+00:00)`; `None` for anything else.
pub fn parse(text: &str) -> Option<u64> {
    if text.len() > 40 || !text.is_ascii() {
        return None;
    }
    let body = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00"))?;
    let (date, time) = body.split_once('T')?;
    let mut date = date.splitn(3, '-').map(digits);
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let (clock, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let mut clock = clock.splitn(3, ':').map(digits);
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if !(1970..=2200).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 23
        || minute > 59
        || second > 59
        || fraction.len() > 9
    {
        return None;
    }
    let nanos = digits(fraction)? * 10u64.pow(9 - fraction.len() as u32);
    let day_number = days(year, month, day);
    if civil(day_number) != (year, month, day) {
        return None;
    }
    Some((day_number * 86_400 + hour * 3600 + minute * 60 + second) * NANOS + nanos)
}

fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// Days since 1970 of a date after 1969 (proleptic Gregorian; March starts the counting year, so
/// that the leap day is its last).
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    365 * year + year / 4 - year / 100 + year / 400 + (month * 306 + 5) / 10 + day - 1 - 719_468
}

/// The date of a day since 1970.
fn civil(day_number: u64) -> (u64, u64, u64) {
    let day_number = day_number + 719_468;
    let era = day_number / 146_097;
    let day_of_era = day_number % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_and_written() {
        let at = 1_695_378_785_709_950_000;
        assert_eq!(format(at), "2023-09-22T10:33:05.709950Z");
        assert_eq!(parse("2023-09-22T10:33:05.709950Z"), Some(at));
        assert_eq!(parse("2023-09-22T10:33:05.70995+00:00"), Some(at));
        assert_eq!(parse("1970-01-01T00:00:00Z"), Some(0));
        for day in (0..80_000).step_by(13) {
            let at = day * 86_400 * NANOS;
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
            "2023-01-01T00:00:00.1234567890Z",
            "\u{661}970-01-01T00:00:00Z",
            "1969-12-31T23:59:59Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
