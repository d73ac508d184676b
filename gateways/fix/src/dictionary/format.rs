//! The types of fields and the formats of their values (FIX 4.4 volume 1, "FIX Data Types"; FIX 5.0
//! SP2 volume 1 for the types with a time zone).
//!
//! A line belongs here if it needs one value and its type.

use crate::codec::{parse_bool, parse_timestamp_ns};

macro_rules! field_types {
    ($($name:ident = $($text:literal)|+, $about:literal;)*) => {
        /// Type of a field.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FieldType {
            $(#[doc = concat!($about, ".")] $name,)*
        }

        impl FieldType {
            /// The type with this name in a dictionary.
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($($text)|+ => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

field_types! {
    Int = "INT", "A whole number with an optional sign";
    Count = "LENGTH" | "SEQNUM" | "NUMINGROUP" | "TAGNUM", "A whole number without a sign";
    DayOfMonth = "DAYOFMONTH", "1 to 31";
    Float = "FLOAT" | "PRICE" | "QTY" | "AMT" | "PRICEOFFSET" | "PERCENTAGE" | "QUANTITY",
        "A decimal number with an optional sign, without an exponent";
    Char = "CHAR", "One character";
    Boolean = "BOOLEAN", "`Y` or `N`";
    String = "STRING" | "CURRENCY" | "EXCHANGE" | "COUNTRY" | "LANGUAGE" | "TENOR", "Text";
    Values = "MULTIPLEVALUESTRING" | "MULTIPLESTRINGVALUE" | "MULTIPLECHARVALUE",
        "Values with one space between them";
    UtcTimestamp = "UTCTIMESTAMP" | "TIME", "`YYYYMMDD-HH:MM:SS` with an optional fraction";
    UtcTimeOnly = "UTCTIMEONLY", "`HH:MM:SS` with an optional fraction";
    Date = "UTCDATEONLY" | "UTCDATE" | "LOCALMKTDATE" | "DATE", "`YYYYMMDD`";
    MonthYear = "MONTHYEAR", "`YYYYMM`, `YYYYMMDD` or `YYYYMMwN`";
    TzTimeOnly = "TZTIMEONLY", "A time of day with its distance from UTC";
    TzTimestamp = "TZTIMESTAMP", "A date and time with its distance from UTC";
    Data = "DATA" | "XMLDATA", "Bytes, counted by the field before";
}

impl FieldType {
    /// Whether a field of this type may count the entries of a group. FIX 4.2 has no type of its
    /// own for such fields.
    pub(super) const fn counts(self) -> bool {
        matches!(self, Self::Count | Self::Int)
    }

    /// Whether a non-empty value has the format of this type.
    pub fn fits(self, value: &[u8]) -> bool {
        match self {
            Self::Int => is_count(value.strip_prefix(b"-").unwrap_or(value)),
            Self::Count => is_count(value),
            Self::DayOfMonth => {
                matches!(value, [b'1'..=b'9'] | [b'0', b'1'..=b'9'])
                    || matches!(value, [b'1' | b'2', b'0'..=b'9'] | [b'3', b'0' | b'1'])
            }
            Self::Float => is_float(value),
            Self::Char => value.len() == 1,
            Self::Boolean => parse_bool(value).is_some(),
            Self::String | Self::Data => true,
            Self::Values => value.split(|byte| *byte == b' ').all(|one| !one.is_empty()),
            Self::UtcTimestamp => is_timestamp(value),
            Self::UtcTimeOnly => is_time(value),
            Self::Date => is_date(value),
            Self::MonthYear => is_month_year(value),
            Self::TzTimeOnly => is_tz_time(value),
            Self::TzTimestamp => value.split_at_checked(8).is_some_and(|(date, rest)| {
                is_date(date) && rest.strip_prefix(b"-").is_some_and(is_tz_time)
            }),
        }
    }
}

fn is_count(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(u8::is_ascii_digit)
}

fn is_float(value: &[u8]) -> bool {
    let value = value.strip_prefix(b"-").unwrap_or(value);
    let (mut digits, mut points) = (0, 0);
    for byte in value {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'.' => points += 1,
            _ => return false,
        }
    }
    digits > 0 && points <= 1
}

/// With up to twelve decimals, which is FIX 5.0 SP2's limit, in every version.
fn is_timestamp(value: &[u8]) -> bool {
    parse_timestamp_ns(value).is_some()
}

/// A date or time is right if it is right within a timestamp.
fn is_part(date: &[u8], time: &[u8]) -> bool {
    let mut text = [0; 32];
    let length = date.len() + 1 + time.len();
    let Some(space) = text.get_mut(..length) else { return false };
    space[..date.len()].copy_from_slice(date);
    space[date.len()] = b'-';
    space[date.len() + 1..].copy_from_slice(time);
    is_timestamp(space)
}

fn is_time(value: &[u8]) -> bool {
    is_part(b"20000101", value)
}

fn is_date(value: &[u8]) -> bool {
    value.len() == 8 && is_part(value, b"00:00:00")
}

fn is_month_year(value: &[u8]) -> bool {
    let Some((month, rest)) = value.split_at_checked(6) else { return false };
    let mut date = *b"00000001";
    date[..6].copy_from_slice(month);
    match rest {
        [] | [b'w', b'1'..=b'5'] => is_date(&date),
        _ => is_date(value),
    }
}

/// `HH:MM[:SS[.fraction]]` and `Z` or `+HH[:MM]`.
fn is_tz_time(value: &[u8]) -> bool {
    let zone = value.iter().position(|byte| matches!(byte, b'Z' | b'+' | b'-'));
    let (time, zone) = value.split_at(zone.unwrap_or(value.len()));
    let mut whole = [0; 8];
    let time = if let ([_, _, b':', _, _], Some(space)) = (time, whole.get_mut(..8)) {
        space[..5].copy_from_slice(time);
        space[5..].copy_from_slice(b":00");
        &*space
    } else {
        time
    };
    let zone_is_right = match zone {
        [] | [b'Z'] => true,
        [b'+' | b'-', hours @ ..] => match hours {
            [tens, ones] | [tens, ones, b':', b'0'..=b'5', b'0'..=b'9'] => {
                matches!((tens, ones), (b'0', b'0'..=b'9') | (b'1', b'0'..=b'4'))
            }
            _ => false,
        },
        _ => false,
    };
    is_time(time) && zone_is_right
}

#[cfg(test)]
mod tests {
    use super::FieldType;

    fn check(name: &str, right: &[&str], wrong: &[&str]) {
        let kind = FieldType::named(name).expect("a type");
        for text in right {
            assert!(kind.fits(text.as_bytes()), "{name} {text}");
        }
        for text in wrong {
            assert!(!kind.fits(text.as_bytes()), "{name} {text}");
        }
    }

    #[test]
    fn values_have_the_form_of_their_type() {
        check("INT", &["0", "-1", "007"], &["", "-", "+1", "1.0", "1e3", " 1"]);
        check("SEQNUM", &["0", "12"], &["-1", "x"]);
        check("DAYOFMONTH", &["1", "09", "31"], &["0", "00", "32", "x"]);
        check("PRICE", &["1", "-1.5", ".5", "5.", "002000.00"], &["+1", "1,5", "1.2.3", ".", "-"]);
        check("CHAR", &["1", " "], &["12"]);
        check("BOOLEAN", &["Y", "N"], &["y", "1", "YES"]);
        check("MULTIPLEVALUESTRING", &["A", "A BC"], &["A ", " A", "A  B"]);
        check(
            "UTCTIMESTAMP",
            &["20240229-23:59:60", "20240627-11:17:26.123", "20240627-11:17:26.123456789012"],
            &["20230229-00:00:00", "20240627 11:17:26", "20240627", "20240627-24:00:00"],
        );
        check("UTCTIMEONLY", &["11:17:26", "11:17:26.123"], &["11:17", "24:00:00"]);
        check("LOCALMKTDATE", &["20240627"], &["20241301", "2024062", "202406271"]);
        check("MONTHYEAR", &["202406", "20240627", "202406w2"], &["202413", "2024", "202406w6"]);
        check("TZTIMEONLY", &["07:39Z", "02:39-05", "13:09:00+05:30"], &["7:39", "07:39+15"]);
        check("TZTIMESTAMP", &["20060901-07:39Z", "20060901-13:09:00.123+05:30"], &["20060901"]);
        check("STRING", &["anything at all"], &[]);
        assert_eq!(FieldType::named("NOSUCHTYPE"), None);
    }
}
