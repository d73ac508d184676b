//! Times as text: RFC 3339 for deadlines, Unix seconds for REST.
//!
//! A line belongs here if it prints or reads a time.

const DAY_MS: u64 = 86_400_000;

/// Year, month and day of the `days`-th day after 1970-01-01 (proleptic Gregorian calendar).
///
/// Years are counted from March, so that the leap day is the last of its year and a month's first
/// day is a linear function of the month.
const fn civil(days: u64) -> (u64, u64, u64) {
    // Days are counted from 0000-03-01; 146,097 days are 400 years.
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + (month <= 2) as u64;
    (year, month, day)
}

fn push_padded(out: &mut Vec<u8>, value: u64, width: u32) {
    for place in (0..width).rev() {
        out.push(b'0' + (value / 10u64.pow(place) % 10) as u8);
    }
}

/// Appends `time_ns` (since the Unix epoch) as `2026-01-10T10:00:05.000Z`, cut to milliseconds.
pub fn write_rfc3339(out: &mut Vec<u8>, time_ns: u64) {
    let ms = time_ns / 1_000_000;
    let (year, month, day) = civil(ms / DAY_MS);
    let of_day = ms % DAY_MS;
    push_padded(out, year, 4);
    out.push(b'-');
    push_padded(out, month, 2);
    out.push(b'-');
    push_padded(out, day, 2);
    out.push(b'T');
    push_padded(out, of_day / 3_600_000, 2);
    out.push(b':');
    push_padded(out, of_day / 60_000 % 60, 2);
    out.push(b':');
    push_padded(out, of_day / 1_000 % 60, 2);
    out.push(b'.');
    push_padded(out, of_day % 1_000, 3);
    out.push(b'Z');
}

/// Nanoseconds since the Unix epoch of a time such as `2026-01-10T10:00:05.123456Z`, from 1970 on,
/// with up to 9 decimals. `None` for any other text.
pub fn read_rfc3339(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let date: &[u8; 10] = date.as_bytes().try_into().ok()?;
    if date[4] != b'-' || date[7] != b'-' {
        return None;
    }
    // The same time as FIX writes it: `20260110-10:00:05.123456`.
    let mut fix = [b'-'; "20260110-10:00:05.123456789".len()];
    fix[..4].copy_from_slice(&date[..4]);
    fix[4..6].copy_from_slice(&date[5..7]);
    fix[6..8].copy_from_slice(&date[8..]);
    let len = 9 + time.len();
    fix.get_mut(9..len)?.copy_from_slice(time.as_bytes());
    rutter_fix::codec::parse_timestamp_ns(&fix[..len])
}

/// Whole seconds of a Unix time as REST prints it, such as `1688666559.8974`.
pub fn unix_seconds(text: &[u8]) -> Option<u64> {
    let whole = text.split(|b| *b == b'.').next()?;
    if whole.is_empty() {
        return None;
    }
    whole.iter().try_fold(0u64, |value, byte| {
        let digit = u64::from(byte.checked_sub(b'0').filter(|digit| *digit < 10)?);
        value.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(seconds: u64, ms: u64) -> String {
        let mut out = Vec::new();
        write_rfc3339(&mut out, (seconds * 1_000 + ms) * 1_000_000 + 999_999);
        String::from_utf8(out).expect("ASCII")
    }

    /// Seconds from `date -u -d ... +%s`.
    #[test]
    fn what_is_written_is_read_and_nothing_else() {
        for days in (0..106_000).step_by(13) {
            let time_ns = days * 86_400_000_000_000 + days * 1_000_000;
            let mut text = Vec::new();
            write_rfc3339(&mut text, time_ns);
            let text = String::from_utf8(text).expect("text");
            assert_eq!(read_rfc3339(&text), Some(time_ns), "{text}");
        }
        let read = read_rfc3339("2023-09-25T07:49:37.708706Z");
        assert_eq!(read, Some(1_695_628_177_708_706_000));
        assert_eq!(read_rfc3339("1970-01-01T00:00:00Z"), Some(0));
        for wrong in [
            "",
            "2023-09-25T07:49:37.708706",
            "2023-09-25 07:49:37Z",
            "2023-13-25T07:49:37Z",
            "2023-00-25T07:49:37Z",
            "2023-09-00T07:49:37Z",
            "1969-12-31T23:59:59Z",
            "9999-09-25T07:49:37Z",
            "2023-09-25T24:49:37Z",
            "2023-09-25T07:60:37Z",
            "2023-09-25T07:49:37.Z",
            "2023-09-25T07:49:37.1234567891Z",
            "2023-09-25T07:49:37.12x4Z",
            "2023-09-2xT07:49:37Z",
            "\u{e9}023-09-25T07:49:37Z",
        ] {
            assert_eq!(read_rfc3339(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn times_are_printed_as_the_calendar_has_them() {
        assert_eq!(text(0, 0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(951_782_399, 999), "2000-02-28T23:59:59.999Z");
        assert_eq!(text(951_782_400, 1), "2000-02-29T00:00:00.001Z");
        assert_eq!(text(1_709_251_199, 0), "2024-02-29T23:59:59.000Z");
        assert_eq!(text(1_768_039_205, 0), "2026-01-10T10:00:05.000Z");
        assert_eq!(text(4_107_542_400, 0), "2100-03-01T00:00:00.000Z");
    }

    #[test]
    fn rest_times_are_cut_to_seconds() {
        assert_eq!(unix_seconds(b"1688666559.8974"), Some(1_688_666_559));
        assert_eq!(unix_seconds(b"1688666559"), Some(1_688_666_559));
        for bad in [&b""[..], b".5", b"-1", b"1e9", b"99999999999999999999"] {
            assert_eq!(unix_seconds(bad), None);
        }
    }
}
