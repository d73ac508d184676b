//! The formats of single values: integers, decimals, flags and times.
//!
//! A line belongs here if it turns the text of one value into a number or back. No float is
//! involved: a decimal is an integer and a number of decimals.
//!
//! Times are converted by arithmetic of our own and not by a calendar crate, because every message
//! has at least one time: this is on the path of every order. Session hours use `jiff`.

use std::cell::Cell;

/// A decimal number exactly as written: `mantissa / 10^scale`. `1.50` is 150 with scale 2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Decimal {
    /// All digits as one integer.
    pub mantissa: i64,
    /// Decimals, at most [`Decimal::SCALE_MAX`].
    pub scale: u8,
}

impl Decimal {
    /// Most decimals.
    pub const SCALE_MAX: u8 = 18;

    /// The same number in units of `10^-scale`; `None` when that would lose a digit or overflow.
    ///
    /// A price or size becomes an instrument's integer in this way. An order between two ticks has
    /// no such integer: it is refused, never rounded.
    pub fn at_scale(self, scale: u8) -> Option<i64> {
        if scale >= self.scale {
            let factor = 10_i64.checked_pow(u32::from(scale - self.scale))?;
            return self.mantissa.checked_mul(factor);
        }
        let factor = 10_i64.checked_pow(u32::from(self.scale - scale))?;
        (self.mantissa % factor == 0).then_some(self.mantissa / factor)
    }

    /// Whether the number is above zero.
    pub const fn is_positive(self) -> bool {
        self.mantissa > 0
    }
}

/// Reads digits only, at least one; `None` for anything else, or on overflow.
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

/// Reads digits with an optional `-`; leading zeros are allowed (FIX 4.4, `int`).
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

/// Reads a FIX `float`: optional `-`, digits, optional point and digits; no exponent, no `+`, at
/// least one digit. Zeros beyond 18 decimals are dropped, other digits there are refused.
pub fn parse_decimal(text: &[u8]) -> Option<Decimal> {
    let (negative, digits) = match text {
        [b'-', rest @ ..] => (true, rest),
        rest => (false, rest),
    };
    let short = digits.len() <= 18;
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
        // Eighteen digits always fit. Only a longer text needs overflow checks.
        mantissa = if short {
            mantissa * 10 + i64::from(digit)
        } else {
            mantissa.checked_mul(10)?.checked_add(i64::from(digit))?
        };
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

/// Most decimals of a time that is read: picoseconds (FIX 5.0 SP2 volume 1, `UTCTimestamp`).
const TIME_DECIMALS_MAX: usize = 12;

/// Reads `YYYYMMDD-HH:MM:SS` with 0 to 12 decimals, from 1970 to 2553, as nanoseconds since the
/// Unix epoch. Decimals beyond the ninth are cut off. A leap second (`:60`) is the first second of
/// the next minute.
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
        [b'.', digits @ ..] if digits.len() <= TIME_DECIMALS_MAX => {
            // At most twelve digits, so there is no overflow.
            let number = parse_u64(digits)?;
            match digits.len() as u32 {
                count @ 0..=9 => number * 10_u64.pow(9 - count),
                count => number / 10_u64.pow(count - 9),
            }
        }
        _ => return None,
    };
    seconds.checked_mul(NS_PER_SECOND)?.checked_add(nanos)
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar; `None` for an impossible day or year.
fn days_from_date(year: u64, month: u64, day: u64) -> Option<u64> {
    const LENGTHS: [u64; 13] = [0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    const BEFORE: [u64; 13] = [0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    if !(1970..=2553).contains(&year) || month == 0 || day == 0 {
        return None;
    }
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
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

/// Year, month and day of a day since 1970-01-01, until the year 2553. The year is taken to start
/// in March, so that the leap day is its last. Divisions by the lengths of a year and a month are
/// multiplications (Neri and Schneider, "Euclidean affine functions", 2022).
const fn date_from_days(days: u64) -> (u64, u64, u64) {
    let quarters = 4 * (days as u32 + 719_468) + 3;
    let century = quarters / 146_097;
    let in_century = ((quarters % 146_097) | 3) as u64 * 2_939_745;
    let year_of_century = (in_century >> 32) as u32;
    let day_of_year = in_century as u32 / 2_939_745 / 4;
    let months = 2_141 * day_of_year + 197_913;
    let (month, day) = (months >> 16, (months & 0xffff) / 2_141 + 1);
    let past_december = day_of_year >= 306;
    let year = 100 * century + year_of_century + past_december as u32;
    let month = if past_december { month - 12 } else { month };
    (year as u64, month as u64, day as u64)
}

/// Decimals of the seconds of a written time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimePrecision {
    /// None, and no point.
    Seconds,
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

/// The eight digits of a number below 10^8, with leading zeros, first digit in the lowest byte. All
/// digits are made at once: halves of four, quarters of two, then single digits, each in its own
/// lane. The multiplications divide by 100 and by 10.
#[inline]
fn eight(number: u32) -> u64 {
    let fours = u64::from(number / 10_000) | (u64::from(number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | ((fours - 100 * hundreds) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    let ones = tens | ((twos - 10 * tens) << 8);
    ones | 0x3030_3030_3030_3030
}

/// A short text that is being written. Bytes that do not fit would be lost; all callers' texts fit.
pub(super) struct Text<'a> {
    bytes: &'a mut [u8],
    length: usize,
}

impl<'a> Text<'a> {
    /// Starts after the first `length` bytes, which are already written.
    #[inline]
    pub fn new(bytes: &'a mut [u8], length: usize) -> Self {
        Self { bytes, length }
    }

    #[inline]
    pub const fn len(&self) -> usize {
        self.length
    }

    #[inline]
    pub fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.length) {
            *place = byte;
        }
        self.length += 1;
    }

    /// Writes eight bytes, of which the first `length` count.
    #[inline]
    pub fn word(&mut self, word: u64, length: usize) {
        let places = self.bytes.get_mut(self.length..);
        if let Some(places) = places.and_then(|rest| rest.first_chunk_mut::<8>()) {
            *places = word.to_le_bytes();
        }
        self.length += length;
    }

    /// The last `count` (at most eight) digits of a number below 10^8.
    #[inline]
    fn last_digits(&mut self, number: u32, count: usize) {
        let unused = 8 - count.min(8) as u32;
        self.word(eight(number).checked_shr(8 * unused).unwrap_or(0), count.min(8));
    }

    /// A number with `count` digits, leading zeros included; at most 24.
    #[inline]
    fn padded(&mut self, number: u64, count: usize) {
        if count <= 8 {
            return self.last_digits((number % BASE) as u32, count);
        }
        let (low, rest) = ((number % BASE) as u32, number / BASE);
        if count <= 16 {
            self.last_digits((rest % BASE) as u32, count - 8);
        } else {
            self.last_digits((rest / BASE) as u32, count - 16);
            self.last_digits((rest % BASE) as u32, 8);
        }
        self.last_digits(low, 8);
    }

    /// A number without leading zeros.
    #[inline]
    pub fn number(&mut self, number: u64) {
        let count = number.checked_ilog10().map_or(1, |log| log as usize + 1);
        self.padded(number, count);
    }

    /// `mantissa / 10^scale`; see [`write_decimal`].
    #[inline]
    pub fn decimal(&mut self, mantissa: i64, scale: u8) {
        if mantissa < 0 {
            self.push(b'-');
        }
        let number = mantissa.unsigned_abs();
        match scale {
            0 => self.number(number),
            // The usual scale of a crypto venue: a division by a constant is faster.
            8 => {
                self.number(number / BASE);
                self.push(b'.');
                self.last_digits((number % BASE) as u32, 8);
            }
            _ => {
                // From 10^20 on the divisor is above any mantissa.
                let (whole, fraction) = match 10_u64.checked_pow(u32::from(scale)) {
                    Some(factor) => (number / factor, number % factor),
                    None => (0, number),
                };
                self.number(whole);
                self.push(b'.');
                for _ in 24..scale {
                    self.push(b'0');
                }
                self.padded(fraction, usize::from(scale.min(24)));
            }
        }
    }

    /// A time; see [`write_timestamp`].
    #[inline]
    pub fn timestamp(&mut self, unix_ns: u64, precision: TimePrecision) {
        self.date(unix_ns);
        self.push(b'-');
        self.time(unix_ns, precision);
    }

    /// The day of a time: `YYYYMMDD`.
    #[inline]
    pub fn date(&mut self, unix_ns: u64) {
        self.word(date_text(unix_ns / NS_PER_SECOND / SECONDS_PER_DAY), 8);
    }

    /// A time without its day.
    #[inline]
    pub fn time(&mut self, unix_ns: u64, precision: TimePrecision) {
        let (seconds, nanos) = (unix_ns / NS_PER_SECOND, (unix_ns % NS_PER_SECOND) as u32);
        let of_day = (seconds % SECONDS_PER_DAY) as u32;
        let (hour, minute, second) = (of_day / 3_600, of_day / 60 % 60, of_day % 60);
        // HH0MM0SS, the zeros raised to colons.
        let time = eight(hour * 1_000_000 + minute * 1_000 + second);
        self.word(time + 0x0000_0a00_000a_0000, 8);
        if precision == TimePrecision::Seconds {
            return;
        }
        self.push(b'.');
        match precision {
            TimePrecision::Seconds => {}
            TimePrecision::Millis => self.last_digits(nanos / 1_000_000, 3),
            TimePrecision::Micros => self.last_digits(nanos / 1_000, 6),
            TimePrecision::Nanos => self.padded(u64::from(nanos), 9),
        }
    }
}

thread_local! {
    /// The day that was written last, and its text: nearly every time is of the same day.
    static LAST_DATE: Cell<(u64, u64)> = const { Cell::new((u64::MAX, 0)) };
}

/// `YYYYMMDD` of a day since 1970-01-01, as [`eight`] gives digits.
#[inline]
fn date_text(days: u64) -> u64 {
    let (last, text) = LAST_DATE.get();
    if last == days {
        return text;
    }
    let (year, month, day) = date_from_days(days);
    let text = eight((year * 10_000 + month * 100 + day) as u32);
    LAST_DATE.set((days, text));
    text
}

const BASE: u64 = 100_000_000;

/// Longest text of a decimal of any scale: sign, 20 digits, point, 255 digits, and a spare word for
/// the last block.
const DECIMAL_BYTES_MAX: usize = 288;

fn append(out: &mut Vec<u8>, write: impl FnOnce(&mut Text<'_>)) {
    let mut bytes = [0; DECIMAL_BYTES_MAX];
    let mut text = Text::new(&mut bytes, 0);
    write(&mut text);
    let length = text.len();
    out.extend_from_slice(bytes.get(..length).unwrap_or(&[]));
}

/// Appends a `UTCTimestamp`, truncated (not rounded) to `precision`.
pub fn write_timestamp(out: &mut Vec<u8>, unix_ns: u64, precision: TimePrecision) {
    append(out, |text| text.timestamp(unix_ns, precision));
}

/// Appends the digits of `number`.
pub fn write_u64(out: &mut Vec<u8>, number: u64) {
    append(out, |text| text.number(number));
}

/// Appends `number`, with `-` when it is below zero.
pub fn write_i64(out: &mut Vec<u8>, number: i64) {
    append(out, |text| text.decimal(number, 0));
}

/// Appends `mantissa / 10^scale` with exactly `scale` decimals and at least one digit before the
/// point.
pub fn write_decimal(out: &mut Vec<u8>, mantissa: i64, scale: u8) {
    append(out, |text| text.decimal(mantissa, scale));
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
        for (digits, ns) in [
            ("", 0),
            (".1", 100_000_000),
            (".12", 120_000_000),
            (".1234", 123_400_000),
            (".12345", 123_450_000),
            (".1234567", 123_456_700),
            (".12345678", 123_456_780),
            (".1234567891", 123_456_789),
            (".12345678919", 123_456_789),
            (".999999999999", 999_999_999),
            (".000000000000", 0),
        ] {
            let text = format!("20240627-11:17:26{digits}");
            assert_eq!(parse_timestamp_ns(text.as_bytes()), Some(base + ns), "{text}");
        }
        assert_eq!(time(base + 999_999_999, TimePrecision::Seconds), "20240627-11:17:26");
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
            "20240627-11:17:26,1",
            "20240627-11:17:26.12x",
            "20240231-00:00:00",
            "20240627-24:00:00",
            "20241327-00:00:00",
            "20240600-00:00:00",
            "19691231-23:59:59",
            "26000101-00:00:00",
            "20240627-11:17:26.1234567890123",
            "20240627-11:17:26.-1",
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
        for scale in 0..=255 {
            let zeros = "0".repeat(usize::from(scale).saturating_sub(1));
            let expected = if scale == 0 { "7".to_owned() } else { format!("0.{zeros}7") };
            assert_eq!(decimal(7, scale), expected);
        }
    }

    #[test]
    fn eight_digits_are_right_for_every_half() {
        for half in 0..10_000 {
            for number in [half, half * 10_000, half * 10_000 + 9_999, 99_990_000 + half] {
                assert_eq!(eight(number).to_le_bytes(), *format!("{number:08}").as_bytes());
            }
        }
    }

    #[test]
    fn a_decimal_between_two_ticks_has_no_integer() {
        let price = Decimal { mantissa: 6_000_050, scale: 2 };
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
        let edges = (0..20).flat_map(|i| [10_u64.pow(i) - 1, 10_u64.pow(i), 10_u64.pow(i) + 7]);
        for number in edges.chain([0, 12_345, 99_999_999, 1_234_567_890_123, u64::MAX]) {
            let mut out = Vec::new();
            write_u64(&mut out, number);
            assert_eq!(out, number.to_string().into_bytes());
        }
    }
}
