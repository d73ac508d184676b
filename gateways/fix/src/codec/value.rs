//! The formats of single values: integers, decimals, flags and times.
//!
//! A line belongs here if it turns the text of one value into a number or back. No float is
//! involved: a decimal is an integer and the number of digits behind its point.

/// A decimal number exactly as written: `mantissa / 10^scale`. `1.50` is 150 with scale 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// All digits as one integer.
    pub mantissa: i64,
    /// Digits behind the point, at most [`Decimal::SCALE_MAX`].
    pub scale: u8,
}

impl Decimal {
    /// Most digits behind the point.
    pub const SCALE_MAX: u8 = 18;

    /// The same number in units of `10^-scale`; `None` when that loses a digit or overflows.
    ///
    /// This is how a price or size becomes an instrument's integer: an order between two ticks
    /// has no such integer and is refused, never rounded.
    pub fn at_scale(self, scale: u8) -> Option<i64> {
        if scale >= self.scale {
            let factor = 10_i64.checked_pow(u32::from(scale - self.scale))?;
            return self.mantissa.checked_mul(factor);
        }
        let factor = 10_i64.checked_pow(u32::from(self.scale - scale))?;
        (self.mantissa % factor == 0).then_some(self.mantissa / factor)
    }

    /// Whether it is above zero.
    pub const fn is_positive(self) -> bool {
        self.mantissa > 0
    }
}

/// Digits only, at least one; `None` on anything else or overflow.
pub fn parse_u64(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let mut number = 0_u64;
    for byte in text {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    Some(number)
}

/// Digits with an optional `-` in front; leading zeros are allowed (FIX 4.4, `int`).
pub fn parse_i64(text: &[u8]) -> Option<i64> {
    match text {
        [b'-', digits @ ..] => 0_i64.checked_sub_unsigned(parse_u64(digits)?),
        digits => i64::try_from(parse_u64(digits)?).ok(),
    }
}

/// `Y` or `N`.
pub const fn parse_bool(text: &[u8]) -> Option<bool> {
    match text {
        b"Y" => Some(true),
        b"N" => Some(false),
        _ => None,
    }
}

/// A FIX `float`: optional `-`, digits, optional point and digits; no exponent, no `+`, at least
/// one digit. Zeros behind digit 18 of the fraction are dropped, other digits there refused.
pub fn parse_decimal(text: &[u8]) -> Option<Decimal> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let mut mantissa = 0_i64;
    let mut scale = 0_u8;
    let mut seen_digit = false;
    let mut seen_point = false;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            if *byte != b'.' || seen_point {
                return None;
            }
            seen_point = true;
            continue;
        }
        seen_digit = true;
        if seen_point {
            if scale == Decimal::SCALE_MAX {
                if digit == 0 {
                    continue;
                }
                return None;
            }
            scale += 1;
        }
        mantissa = mantissa.checked_mul(10)?.checked_add(i64::from(digit))?;
    }
    let mantissa = if negative { -mantissa } else { mantissa };
    seen_digit.then_some(Decimal { mantissa, scale })
}

const NS_PER_SECOND: u64 = 1_000_000_000;
const SECONDS_PER_DAY: u64 = 86_400;

fn two(text: &[u8], at: usize, max: u64) -> Option<u64> {
    let [tens, ones] = *text.get(at..)?.first_chunk::<2>()?;
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    let number = u64::from(tens) * 10 + u64::from(ones);
    (tens < 10 && ones < 10 && number <= max).then_some(number)
}

/// `YYYYMMDD-HH:MM:SS` with 0, 3, 6 or 9 digits of fraction, from 1970 to 2553, to nanoseconds
/// since the Unix epoch. A leap second (`:60`) is the first second of the next minute.
pub fn parse_timestamp_ns(text: &[u8]) -> Option<u64> {
    let head = text.first_chunk::<17>()?;
    if head[8] != b'-' || head[11] != b':' || head[14] != b':' {
        return None;
    }
    let year = two(head, 0, 99)? * 100 + two(head, 2, 99)?;
    let (month, day) = (two(head, 4, 12)?, two(head, 6, 31)?);
    let (hour, minute, second) = (two(head, 9, 23)?, two(head, 12, 59)?, two(head, 15, 60)?);
    let days = days_from_date(year, month, day)?;
    let seconds = days * SECONDS_PER_DAY + hour * 3_600 + minute * 60 + second;
    let nanos = match text.get(17..)? {
        [] => 0,
        [b'.', digits @ ..] => match digits.len() {
            3 => parse_u64(digits)? * 1_000_000,
            6 => parse_u64(digits)? * 1_000,
            9 => parse_u64(digits)?,
            _ => return None,
        },
        _ => return None,
    };
    seconds.checked_mul(NS_PER_SECOND)?.checked_add(nanos)
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar; `None` for no such day or year.
fn days_from_date(year: u64, month: u64, day: u64) -> Option<u64> {
    const LENGTHS: [u64; 13] = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    const BEFORE: [u64; 13] = [0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    if !(1970..=2553).contains(&year) || month == 0 || day == 0 {
        return None;
    }
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = LENGTHS.get(month as usize)? + u64::from(leap && month == 2);
    if day > length {
        return None;
    }
    let past = year - 1;
    let leaps = past / 4 - past / 100 + past / 400 - LEAPS_BEFORE_1970;
    let in_year = BEFORE.get(month as usize)? + u64::from(leap && month > 2) + day - 1;
    Some((year - 1970) * 365 + leaps + in_year)
}

/// Leap days in the years 1 to 1969.
const LEAPS_BEFORE_1970: u64 = 477;

/// Year, month and day of a day counted from 1970-01-01. The year is taken to start in March, so
/// that the leap day is its last (era arithmetic over 400 years of 146 097 days).
const fn date_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let year = year_of_era + era * 400 + (month <= 2) as u64;
    (year, month, day)
}

/// Digits of the fraction of a written time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimePrecision {
    /// Three digits.
    #[default]
    Millis,
    /// Six digits.
    Micros,
    /// Nine digits.
    Nanos,
}

/// Longest time that [`write_timestamp`] writes, in bytes.
pub const TIMESTAMP_BYTES_MAX: usize = 27;

const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut i = 0;
    while i < 100 {
        pairs[i] = [b'0' + (i / 10) as u8, b'0' + (i % 10) as u8];
        i += 1;
    }
    pairs
};

/// The two digits of a number below 100.
#[inline]
fn pair(number: u64) -> [u8; 2] {
    PAIRS[(number % 100) as usize]
}

/// Appends a `UTCTimestamp`, cut (not rounded) to `precision`.
pub fn write_timestamp(out: &mut Vec<u8>, unix_ns: u64, precision: TimePrecision) {
    let seconds = unix_ns / NS_PER_SECOND;
    let nanos = unix_ns % NS_PER_SECOND;
    let (year, month, day) = date_from_days(seconds / SECONDS_PER_DAY);
    let of_day = seconds % SECONDS_PER_DAY;
    let mut text = *b"00000000-00:00:00.000000000";
    let mut put = |at: usize, number: u64| {
        let [tens, ones] = pair(number);
        text[at] = tens;
        text[at + 1] = ones;
    };
    put(0, year / 100);
    put(2, year);
    put(4, month);
    put(6, day);
    put(9, of_day / 3_600);
    put(12, of_day / 60 % 60);
    put(15, of_day % 60);
    let millis = nanos / 1_000_000;
    put(18, millis / 10);
    // Millisecond digit three and microsecond digit one are a pair, and so on.
    put(20, nanos / 100_000);
    put(22, nanos / 1_000);
    put(24, nanos / 10);
    text[26] = b'0' + (nanos % 10) as u8;
    let length = match precision {
        TimePrecision::Millis => 21,
        TimePrecision::Micros => 24,
        TimePrecision::Nanos => 27,
    };
    let start = out.len();
    out.extend_from_slice(&text);
    out.truncate(start + length);
}

const DIGITS_MAX: usize = 20;

/// Decimal digits of `number` at the end of a buffer; where they start.
#[inline]
fn digits(mut number: u64) -> ([u8; DIGITS_MAX], usize) {
    let mut text = [b'0'; DIGITS_MAX];
    let mut at = DIGITS_MAX;
    while number >= 100 {
        at -= 2;
        let [tens, ones] = pair(number);
        text[at] = tens;
        text[at + 1] = ones;
        number /= 100;
    }
    let [tens, ones] = pair(number);
    at -= 1;
    text[at] = ones;
    if number >= 10 {
        at -= 1;
        text[at] = tens;
    }
    (text, at)
}

/// Appends the digits of `number`.
#[inline]
pub fn write_u64(out: &mut Vec<u8>, number: u64) {
    if number < 10 {
        out.push(b'0' + number as u8);
        return;
    }
    let (text, at) = digits(number);
    out.extend_from_slice(text.get(at..).unwrap_or(&[]));
}

/// Appends `number`, with `-` when it is below zero.
pub fn write_i64(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    write_u64(out, number.unsigned_abs());
}

/// Appends `mantissa / 10^scale` with exactly `scale` digits behind the point and at least one in
/// front of it.
pub fn write_decimal(out: &mut Vec<u8>, mantissa: i64, scale: u8) {
    if mantissa < 0 {
        out.push(b'-');
    }
    let (text, at) = digits(mantissa.unsigned_abs());
    let digits = text.get(at..).unwrap_or(&[]);
    let scale = usize::from(scale);
    if scale == 0 {
        out.extend_from_slice(digits);
        return;
    }
    match digits.len().checked_sub(scale) {
        Some(whole) if whole > 0 => {
            out.extend_from_slice(digits.get(..whole).unwrap_or(&[]));
            out.push(b'.');
            out.extend_from_slice(digits.get(whole..).unwrap_or(&[]));
        }
        _ => {
            out.extend_from_slice(b"0.");
            out.resize(out.len() + scale - digits.len(), b'0');
            out.extend_from_slice(digits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(ns: u64, precision: TimePrecision) -> String {
        let mut out = Vec::new();
        write_timestamp(&mut out, ns, precision);
        String::from_utf8(out).expect("ascii")
    }

    fn decimal(mantissa: i64, scale: u8) -> String {
        let mut out = Vec::new();
        write_decimal(&mut out, mantissa, scale);
        String::from_utf8(out).expect("ascii")
    }

    /// 1 719 487 046 is 2024-06-27 11:17:26 UTC.
    #[test]
    fn times_of_every_precision_are_read_and_written() {
        let base = 1_719_487_046 * NS_PER_SECOND;
        for (text, ns, precision) in [
            ("20240627-11:17:26.123", 123_000_000, TimePrecision::Millis),
            ("20240627-11:17:26.123456", 123_456_000, TimePrecision::Micros),
            ("20240627-11:17:26.123456789", 123_456_789, TimePrecision::Nanos),
        ] {
            assert_eq!(parse_timestamp_ns(text.as_bytes()), Some(base + ns));
            assert_eq!(time(base + ns, precision), text);
        }
        assert_eq!(parse_timestamp_ns(b"20240627-11:17:26"), Some(base));
        assert_eq!(time(0, TimePrecision::Millis), "19700101-00:00:00.000");
    }

    #[test]
    fn every_day_of_six_centuries_survives_a_round_trip() {
        let mut days = 0;
        for year in 1970..=2553 {
            for month in 1..=12 {
                for day in 1..=31 {
                    let Some(counted) = days_from_date(year, month, day) else { continue };
                    assert_eq!(counted, days);
                    assert_eq!(date_from_days(days), (year, month, day));
                    days += 1;
                }
            }
        }
        assert_eq!(days, 213_302);
    }

    #[test]
    fn leap_second_is_taken_and_impossible_times_are_not() {
        let new_year = parse_timestamp_ns(b"20170101-00:00:00");
        assert_eq!(parse_timestamp_ns(b"20161231-23:59:60"), new_year);
        for bad in [
            "",
            "20240627",
            "20240627-11:17",
            "20240627 11:17:26",
            "20240627-11:17:26.",
            "20240627-11:17:26.1",
            "20240627-11:17:26.12x",
            "20240231-00:00:00",
            "20240627-24:00:00",
            "20241327-00:00:00",
            "20240600-00:00:00",
            "19691231-23:59:59",
            "26000101-00:00:00",
            "20240627-11:17:26.1234567890",
            "2024062x-11:17:26",
        ] {
            assert_eq!(parse_timestamp_ns(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn decimals_are_exact_or_refused() {
        let read = |text: &str| parse_decimal(text.as_bytes()).map(|d| (d.mantissa, d.scale));
        assert_eq!(read("002000.00"), Some((200_000, 2)));
        assert_eq!(read("-0.5"), Some((-5, 1)));
        assert_eq!(read(".5"), Some((5, 1)));
        assert_eq!(read("5."), Some((5, 0)));
        assert_eq!(read("0.00000000"), Some((0, 8)));
        assert_eq!(read("9223372036854775807"), Some((i64::MAX, 0)));
        assert_eq!(read("1.000000000000000000000"), Some((1_000_000_000_000_000_000, 18)));
        for bad in [
            "",
            ".",
            "-",
            "+1",
            "1e5",
            "1.2.3",
            "1 ",
            "9223372036854775808",
            "--1",
            "0.0000000000000000001",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(decimal(150, 2), "1.50");
        assert_eq!(decimal(-5, 3), "-0.005");
        assert_eq!(decimal(0, 8), "0.00000000");
        assert_eq!(decimal(i64::MIN, 0), "-9223372036854775808");
        assert_eq!(decimal(12, 0), "12");
    }

    #[test]
    fn a_decimal_between_two_ticks_has_no_integer() {
        let price = Decimal { mantissa: 60_000_50, scale: 2 };
        assert_eq!(price.at_scale(1), Some(600_005));
        assert_eq!(price.at_scale(4), Some(600_005_000));
        assert_eq!(price.at_scale(0), None);
        assert_eq!(Decimal { mantissa: i64::MAX, scale: 0 }.at_scale(1), None);
        assert_eq!(Decimal { mantissa: 1, scale: 0 }.at_scale(200), None);
    }

    #[test]
    fn integers_take_leading_zeros_and_stop_at_the_edge() {
        assert_eq!(parse_i64(b"-0007"), Some(-7));
        assert_eq!(parse_i64(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(parse_i64(b"9223372036854775808"), None);
        assert_eq!(parse_u64(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(parse_u64(b"18446744073709551616"), None);
        for bad in [&b""[..], b"-", b"+1", b"1x", b" 1"] {
            assert_eq!(parse_i64(bad), None);
        }
        for number in [0, 9, 10, 99, 100, 101, 12_345, u64::MAX] {
            let mut out = Vec::new();
            write_u64(&mut out, number);
            assert_eq!(out, number.to_string().into_bytes());
        }
    }
}
