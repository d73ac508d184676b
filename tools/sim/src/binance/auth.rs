//! Keys, signatures and the time rule.
//!
//! A line belongs here if it decides who sent a request and when. Source: venue reference
//! (Binance), section 2.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{hmac, signature};

use super::super::engine::AccountId;
use super::error::ApiError;

/// Most milliseconds by which a client's clock may be ahead.
pub const AHEAD_MAX_MS: u64 = 1_000;
/// Default `recvWindow`, in microseconds.
pub const RECV_WINDOW_DEFAULT_US: u64 = 5_000_000;
/// Largest `recvWindow`, in microseconds.
pub const RECV_WINDOW_MAX_US: u64 = 60_000_000;
/// DER prefix of an Ed25519 public key (RFC 8410).
const SPKI_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// An API key with the secret or public key that verifies signatures.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// The key as sent in `X-MBX-APIKEY`, `apiKey` and tag 553.
    pub key: String,
    /// Account of the key.
    pub account: AccountId,
    /// Secret, for an HMAC key.
    pub hmac_secret: Option<String>,
    /// Public key, for an Ed25519 key; see [`ed25519_public_from_pem`].
    pub ed25519_public: Option<[u8; 32]>,
}

/// Reads a `-----BEGIN PUBLIC KEY-----` text (RFC 8410); `None` if it holds no Ed25519 public key.
pub fn ed25519_public_from_pem(pem: &str) -> Option<[u8; 32]> {
    let body: String =
        pem.lines().filter(|line| !line.starts_with("-----")).flat_map(str::chars).collect();
    let der = STANDARD.decode(body.trim()).ok()?;
    let key = der.strip_prefix(SPKI_PREFIX.as_slice())?;
    key.try_into().ok()
}

impl ApiKey {
    /// Whether `signature` is this key's signature over `payload`: hex for HMAC, base64 for
    /// Ed25519.
    pub(super) fn verifies(&self, payload: &[u8], signature: &str) -> bool {
        self.verifies_hmac(payload, signature) || self.verifies_ed25519(payload, signature)
    }

    fn verifies_hmac(&self, payload: &[u8], signature: &str) -> bool {
        let (Some(secret), Some(tag)) = (&self.hmac_secret, unhex(signature)) else {
            return false;
        };
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        hmac::verify(&key, payload, &tag).is_ok()
    }

    /// Whether `signature` is a base64 Ed25519 signature of this key over `payload`.
    pub(super) fn verifies_ed25519(&self, payload: &[u8], signature: &str) -> bool {
        let (Some(public), Ok(tag)) = (&self.ed25519_public, STANDARD.decode(signature)) else {
            return false;
        };
        let key = signature::UnparsedPublicKey::new(&signature::ED25519, public);
        key.verify(payload, &tag).is_ok()
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if text.len() != 64 {
        return None;
    }
    let digit = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    text.as_bytes()
        .chunks(2)
        .map(|pair| Some(digit(pair[0])? << 4 | digit(*pair.get(1)?)?))
        .collect()
}

/// Checks `timestamp` (ms or µs) and `recvWindow` (ms, with at most three decimals) against the
/// time.
pub(super) fn check_time(
    now_ns: u64,
    timestamp: Option<&str>,
    recv_window: Option<&str>,
) -> Result<(), ApiError> {
    let text = timestamp.ok_or_else(|| ApiError::missing("timestamp"))?;
    let sent: u64 = text.parse().map_err(|_| ApiError::illegal("timestamp"))?;
    // Milliseconds have 13 digits until the year 2286, microseconds 16.
    let sent_us = if text.len() >= 16 { sent } else { sent.saturating_mul(1_000) };
    let window_us = match recv_window {
        None => RECV_WINDOW_DEFAULT_US,
        Some(text) => recv_window_us(text).ok_or_else(|| ApiError::illegal("recvWindow"))?,
    };
    if window_us > RECV_WINDOW_MAX_US {
        return Err(ApiError::new(-1131, "recvWindow must be less than 60000."));
    }
    check_window(now_ns / 1_000, sent_us, window_us)
}

/// The time rule, in microseconds.
pub(super) fn check_window(now_us: u64, sent_us: u64, window_us: u64) -> Result<(), ApiError> {
    if sent_us >= now_us.saturating_add(AHEAD_MAX_MS * 1_000) {
        let text = "Timestamp for this request was 1000ms ahead of the server's time.";
        return Err(ApiError::new(-1021, text));
    }
    if now_us.saturating_sub(sent_us) > window_us {
        let text = "Timestamp for this request is outside of the recvWindow.";
        return Err(ApiError::new(-1021, text));
    }
    Ok(())
}

/// Reads milliseconds with at most three decimals as microseconds.
pub(super) fn recv_window_us(text: &str) -> Option<u64> {
    let us = super::super::decimal::parse(text, 3).ok()?;
    u64::try_from(us).ok()
}
