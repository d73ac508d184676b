//! The validity of an X.509 certificate, out of its DER form (RFC 5280, section 4.1).
//!
//! A line belongs here if it steps over elements up to the two times. Whether a certificate can be
//! trusted is `rustls`'s business: nothing here decides about a connection.

/// Seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// From when on.
    pub from_s: i64,
    /// Until when.
    pub until_s: i64,
}

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// `[0]`, explicit: the version.
const VERSION: u8 = 0xa0;

/// The validity; `None` if this is no certificate.
pub fn validity(der: &[u8]) -> Option<Validity> {
    let (certificate, _) = element(der, SEQUENCE)?;
    let (body, _) = element(certificate, SEQUENCE)?;
    let rest = element(body, VERSION).map_or(body, |(_, rest)| rest);
    // Serial number, signature's algorithm, issuer.
    let (_, rest) = element(rest, INTEGER)?;
    let (_, rest) = element(rest, SEQUENCE)?;
    let (_, rest) = element(rest, SEQUENCE)?;
    let (times, _) = element(rest, SEQUENCE)?;
    let (from_s, rest) = time(times)?;
    let (until_s, _) = time(rest)?;
    Some(Validity { from_s, until_s })
}

/// The content of the first element, if it has this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, rest) = der.split_first()?;
    if *found != tag {
        return None;
    }
    let (first, rest) = rest.split_first()?;
    // From 128 on, the first byte says how many bytes the length has.
    let (length, rest) = if *first < 0x80 {
        (usize::from(*first), rest)
    } else {
        let count = usize::from(*first & 0x7f);
        if !(1..=4).contains(&count) || rest.len() < count {
            return None;
        }
        let (bytes, rest) = rest.split_at(count);
        (bytes.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)), rest)
    };
    (length <= rest.len()).then(|| rest.split_at(length))
}

fn time(der: &[u8]) -> Option<(i64, &[u8])> {
    let (text, rest, years) = match element(der, UTC_TIME) {
        Some((text, rest)) => (text, rest, 2),
        None => element(der, GENERALIZED_TIME).map(|(text, rest)| (text, rest, 4))?,
    };
    let (digits, zone) = text.split_at_checked(years + 10)?;
    if zone != b"Z" || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |from: usize, to: usize| {
        digits[from..to].iter().fold(0, |n, digit| n * 10 + i64::from(digit - b'0'))
    };
    let year = match number(0, years) {
        // RFC 5280, 4.1.2.5.1: two digits from 50 on are of the last century.
        year if years == 2 && year >= 50 => 1900 + year,
        year if years == 2 => 2000 + year,
        year => year,
    };
    let at = |place: usize| number(years + 2 * place, years + 2 * place + 2);
    let (month, day) = (at(0), at(1));
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let seconds = at(2) * 3_600 + at(3) * 60 + at(4);
    Some((days_since_epoch(year, month, day) * 86_400 + seconds, rest))
}

/// Days from 1970-01-01 in the Gregorian calendar: years are counted from March, so that the day
/// that leap years add is the last.
const fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = 365 * year + leap_days + (153 * month + 2) / 5 + day - 1;
    // 0000-03-01 is so many days before the epoch.
    days - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate(from: (i32, u8, u8), until: (i32, u8, u8)) -> Vec<u8> {
        let names = vec!["fix.example".to_owned()];
        let mut params = rcgen::CertificateParams::new(names).expect("names");
        params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
        params.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
        let key = rcgen::KeyPair::generate().expect("a key");
        params.self_signed(&key).expect("signed").der().to_vec()
    }

    #[test]
    fn both_forms_of_a_time_are_read() {
        // Until 2049 in two digits, from 2050 on in four.
        let der = certificate((1999, 12, 31), (2100, 3, 1));
        let expected = Validity { from_s: 946_598_400, until_s: 4_107_542_400 };
        assert_eq!(validity(&der), Some(expected));
        let der = certificate((2024, 2, 29), (2049, 12, 31));
        let expected = Validity { from_s: 1_709_164_800, until_s: 2_524_521_600 };
        assert_eq!(validity(&der), Some(expected));
    }

    #[test]
    fn what_is_cut_or_altered_never_panics() {
        let der = certificate((2024, 1, 1), (2030, 1, 1));
        for end in 0..der.len() {
            assert_eq!(validity(&der[..end]), None);
        }
        for at in 0..der.len() {
            for value in [0, 0x7f, 0x80, 0x84, 0xff] {
                let mut altered = der.clone();
                altered[at] = value;
                let _ = validity(&altered);
            }
        }
    }
}
