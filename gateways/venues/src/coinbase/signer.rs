//! Signatures that Coinbase asks for, and the key behind them.
//!
//! A line belongs here if it builds a signed text. Every signature is HMAC-SHA-256 under the
//! decoded secret, in base64.

use core::fmt;

use rutter_fix::codec::{SOH, TimePrecision, write_timestamp};
use rutter_transport::secret::Secret;

use crate::signing::{KeyError, base64_decode, base64_encode, hmac_sha256};

/// What a subscription of the feed signs behind its timestamp.
const FEED_SIGNED: &str = "GET/users/self/verify";

/// An API key with its secret and passphrase.
#[derive(Clone)]
pub(in crate::coinbase) struct Signer {
    pub api_key: Secret,
    pub passphrase: Secret,
    secret: Vec<u8>,
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer(***)")
    }
}

impl Signer {
    /// `secret` is the text of the secret file: the secret in base64 on the first line, and the
    /// passphrase on the second.
    pub fn new(api_key: &Secret, secret: &Secret) -> Result<Self, SignerError> {
        let mut lines = secret.expose().lines().map(str::trim);
        let encoded = lines.next().filter(|line| !line.is_empty()).ok_or(SignerError::NoSecret)?;
        let secret = base64_decode(encoded)?;
        let passphrase = lines.next().filter(|line| is_plain(line));
        let passphrase = Secret::from(passphrase.ok_or(SignerError::NoPassphrase)?);
        Ok(Self { api_key: api_key.clone(), passphrase, secret })
    }

    fn sign(&self, payload: &[u8]) -> String {
        base64_encode(&hmac_sha256(&self.secret, payload))
    }

    /// The headers of a REST request without a body.
    pub fn rest_headers(&self, now_ns: u64, method: &str, target: &str) -> Vec<(String, String)> {
        let timestamp = (now_ns / 1_000_000_000).to_string();
        let signature = self.sign(format!("{timestamp}{method}{target}").as_bytes());
        let header = |name: &str, value: &str| (format!("CB-ACCESS-{name}"), value.to_owned());
        vec![
            header("KEY", self.api_key.expose()),
            header("SIGN", &signature),
            header("TIMESTAMP", &timestamp),
            header("PASSPHRASE", self.passphrase.expose()),
            ("Content-Type".to_owned(), "application/json".to_owned()),
        ]
    }

    /// Timestamp and signature of a subscription of the feed.
    pub fn feed(&self, now_ns: u64) -> (String, String) {
        let timestamp = (now_ns / 1_000_000_000).to_string();
        let signature = self.sign(format!("{timestamp}{FEED_SIGNED}").as_bytes());
        (timestamp, signature)
    }

    /// The signature of a Logon with number 1. It covers `SendingTime` (52) as printed.
    pub fn logon(&self, now_ns: u64, target: &[u8]) -> String {
        let mut payload = Vec::with_capacity(128);
        write_timestamp(&mut payload, now_ns, TimePrecision::Millis);
        let key = self.api_key.expose().as_bytes();
        for part in [b"A", &b"1"[..], key, target, self.passphrase.expose().as_bytes()] {
            payload.push(SOH);
            payload.extend_from_slice(part);
        }
        self.sign(&payload)
    }
}

/// Whether a passphrase can stand in a FIX field and in an HTTP header.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| (0x21..0x7f).contains(&byte) && byte != b'"')
}

/// Why the text of a secret file cannot be used. The message never contains the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignerError {
    /// The first line is empty.
    #[error("the first line of the file is to be the secret")]
    NoSecret,
    /// The second line is absent, or holds blanks, quotes or other letters than ASCII has.
    #[error("the second line of the file is to be the passphrase, without blanks and quotes")]
    NoPassphrase,
    /// The secret is not base64.
    #[error(transparent)]
    Key(#[from] KeyError),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of the venue reference's vectors.
    fn signer() -> Signer {
        let file = Secret::from("Y29pbmJhc2UtZXhhbXBsZS1zZWNyZXQ=\nmy-pass\n");
        Signer::new(&Secret::from("my-api-key"), &file).expect("a key")
    }

    #[test]
    fn the_signatures_of_the_reference_come_out() {
        let signer = signer();
        assert_eq!(
            signer.logon(1_719_487_045_223_000_000, b"Coinbase"),
            "/wCWyr7T4G5Rt7J8U77HjX/k/vTD7/WJULhK0lWkdmg="
        );
        let (timestamp, signature) = signer.feed(1_700_000_000_999_000_000);
        assert_eq!(timestamp, "1700000000");
        assert_eq!(signature, "FPXUiZ+h7fxB89k2pBdkRoEFwKsIBoUPXfUs0pzjfbY=");
        let body = r#"/orders{"price":"1.0","size":"1.0","side":"buy","product_id":"BTC-USD"}"#;
        let headers = signer.rest_headers(1_700_000_000_000_000_000, "POST", body);
        assert_eq!(headers[1].1, "AJxtYREBthwtGV+XfVtymDFg80gUIUAszgsdqzPxF5A=");
        assert_eq!(format!("{signer:?}"), "Signer(***)");
    }

    #[test]
    fn a_file_without_secret_or_passphrase_is_refused_without_its_text() {
        for (file, error) in [
            ("", SignerError::NoSecret),
            ("c2VjcmV0", SignerError::NoPassphrase),
            ("c2VjcmV0\n\n", SignerError::NoPassphrase),
            ("c2VjcmV0\nmy pass", SignerError::NoPassphrase),
            ("se cret\nmy-pass", SignerError::Key(KeyError::NotBase64)),
        ] {
            let made = Signer::new(&Secret::from("k"), &Secret::from(file));
            assert_eq!(made.err(), Some(error), "{file}");
        }
    }
}
