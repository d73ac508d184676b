//! Keys, signatures and the time rule.
//!
//! A line belongs here if it decides who sent a request and when. Source: venue reference (Coinbase
//! Exchange), section 2. Every signature is HMAC-SHA-256 under the decoded secret, in base64.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use super::error::ApiError;
use crate::decimal;
use crate::order::AccountId;

/// Most seconds by which the time of a REST request may be off.
pub const TIME_OFF_MAX_S: u64 = 30;
/// What a WebSocket subscription signs behind its timestamp.
const WS_SIGNED: &str = "GET/users/self/verify";

/// An API key.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// The public part.
    pub key: String,
    /// The secret part, base64.
    pub secret: String,
    /// The passphrase.
    pub passphrase: String,
    /// Account (profile) of the key.
    pub account: AccountId,
}

/// What a request says of its sender.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim<'a> {
    pub key: &'a str,
    pub passphrase: &'a str,
    pub timestamp: &'a str,
    pub signature: &'a str,
}

impl ApiKey {
    /// Whether `signature` is this key's signature over `payload`.
    pub(super) fn verifies(&self, payload: &str, signature: &str) -> bool {
        let (Ok(secret), Ok(tag)) = (STANDARD.decode(&self.secret), STANDARD.decode(signature))
        else {
            return false;
        };
        let key = hmac::Key::new(hmac::HMAC_SHA256, &secret);
        hmac::verify(&key, payload.as_bytes(), &tag).is_ok()
    }
}

/// The account of a signed request; `what` follows the timestamp in the signed text.
pub(super) fn check(
    keys: &[ApiKey],
    now_ns: u64,
    claim: &Claim<'_>,
    what: &str,
) -> Result<AccountId, ApiError> {
    if claim.key.is_empty() {
        return Err(ApiError::new(401, "Unauthorized."));
    }
    let key = keys.iter().find(|key| key.key == claim.key);
    let key = key.ok_or_else(|| ApiError::new(401, "Invalid API Key"))?;
    if key.passphrase != claim.passphrase {
        return Err(ApiError::new(401, "Invalid Passphrase"));
    }
    // Seconds with decimals; in milliseconds.
    let sent_ms = decimal::parse(claim.timestamp, 9).ok().map(|ns| ns / 1_000_000);
    let sent_ms = sent_ms.and_then(|ms| u64::try_from(ms).ok());
    let sent_ms = sent_ms.ok_or_else(|| ApiError::new(400, "invalid timestamp"))?;
    if sent_ms.abs_diff(now_ns / 1_000_000) > TIME_OFF_MAX_S * 1_000 {
        return Err(ApiError::new(400, "request timestamp expired"));
    }
    if !key.verifies(&format!("{}{what}", claim.timestamp), claim.signature) {
        return Err(ApiError::new(401, "invalid signature"));
    }
    Ok(key.account)
}

/// The account of a signed WebSocket subscription.
pub(super) fn check_ws(
    keys: &[ApiKey],
    now_ns: u64,
    claim: &Claim<'_>,
) -> Result<AccountId, ApiError> {
    check(keys, now_ns, claim, WS_SIGNED)
}
