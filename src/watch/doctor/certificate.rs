//! How long an X.509 certificate is valid (RFC 5280, section 4.1.2.5).
//!
//! A line belongs here if it reads that out of a certificate. Whether a certificate can be trusted
//! is the business of `rustls`: nothing here decides about a connection.

use x509_parser::prelude::{FromDer, X509Certificate};

/// Seconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// The first second in which the certificate is valid.
    pub from_s: i64,
    /// The last second in which the certificate is valid.
    pub until_s: i64,
}

/// The validity of a certificate in DER form; `None` if the bytes are no certificate.
pub fn validity(der: &[u8]) -> Option<Validity> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let times = certificate.validity();
    Some(Validity { from_s: times.not_before.timestamp(), until_s: times.not_after.timestamp() })
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
