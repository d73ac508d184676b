//! API keys: request signatures, nonces, WebSocket tokens.
//!
//! A line belongs here if it decides who sent a request. Source: venue reference (Kraken), sections
//! 2.1 and 2.2.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::{digest, hmac};

use super::error::KrakenError;
use super::ids;
use super::rate::{Counter, Tier};
use crate::order::AccountId;

/// Seconds for which an unused token is valid.
pub const TOKEN_SECONDS: u64 = 900;

/// Most tokens remembered; a new token replaces the oldest.
pub const TOKENS_MAX: usize = 4096;

/// Most digits of a nonce.
const NONCE_DIGITS_MAX: usize = 20;

/// A key of an account.
#[derive(Clone, Debug)]
pub struct ApiKey {
    /// Name of the account in the exchange's configuration.
    pub account: String,
    /// Public part of the key.
    pub key: String,
    /// Secret part of the key, in base64 as the venue gives it.
    pub secret: String,
    /// Tier, which decides the rate limits.
    pub tier: Tier,
}

#[derive(Debug)]
struct Holder {
    account: AccountId,
    tier: Tier,
    secret: hmac::Key,
    last_nonce: u64,
    calls: Counter,
}

/// All keys, and the tokens that were issued.
#[derive(Debug, Default)]
pub struct Keys {
    holders: BTreeMap<String, Holder>,
    /// Account and expiry time of each token.
    tokens: BTreeMap<String, (AccountId, u64)>,
    /// Tokens in the order of their issue.
    given: std::collections::VecDeque<String>,
    next_token: u64,
}

impl Keys {
    /// Adds a key; `false` when its secret is not base64.
    pub fn add(&mut self, key: &ApiKey, account: AccountId) -> bool {
        let Ok(secret) = STANDARD.decode(&key.secret) else { return false };
        let holder = Holder {
            account,
            tier: key.tier,
            secret: hmac::Key::new(hmac::HMAC_SHA512, &secret),
            last_nonce: 0,
            calls: Counter::default(),
        };
        self.holders.insert(key.key.clone(), holder);
        true
    }

    /// Checks key, signature, nonce and rate of a private REST call that costs `points`.
    ///
    /// # Errors
    /// The venue's error.
    pub fn check(
        &mut self,
        now_ns: u64,
        call: &SignedCall<'_>,
        points: u64,
    ) -> Result<AccountId, KrakenError> {
        let holder = call.key.and_then(|key| self.holders.get_mut(key));
        let holder = holder.ok_or(KrakenError::InvalidKey)?;
        let nonce = call.nonce.filter(|nonce| {
            nonce.len() <= NONCE_DIGITS_MAX && nonce.bytes().all(|byte| byte.is_ascii_digit())
        });
        let number: u64 =
            nonce.and_then(|nonce| nonce.parse().ok()).ok_or(KrakenError::InvalidNonce)?;
        let signature = call.signature.and_then(|text| STANDARD.decode(text).ok());
        let message = signed_message(call.path, nonce.unwrap_or(""), call.body);
        if signature.is_none_or(|given| hmac::verify(&holder.secret, &message, &given).is_err()) {
            return Err(KrakenError::InvalidSignature);
        }
        if number <= holder.last_nonce {
            return Err(KrakenError::InvalidNonce);
        }
        holder.last_nonce = number;
        if points > 0 && !holder.calls.rest_call(now_ns, holder.tier, points) {
            return Err(KrakenError::ApiRateLimit);
        }
        Ok(holder.account)
    }

    /// The tier of an account.
    pub fn tier(&self, account: AccountId) -> Tier {
        let holder = self.holders.values().find(|holder| holder.account == account);
        holder.map_or(Tier::Intermediate, |holder| holder.tier)
    }

    /// Issues a token.
    pub fn give_token(&mut self, now_ns: u64, account: AccountId) -> String {
        self.next_token += 1;
        let token = ids::token(self.next_token);
        let expires_ns = now_ns.saturating_add(TOKEN_SECONDS * 1_000_000_000);
        if self.given.len() >= TOKENS_MAX
            && let Some(oldest) = self.given.pop_front()
        {
            self.tokens.remove(&oldest);
        }
        self.given.push_back(token.clone());
        self.tokens.insert(token.clone(), (account, expires_ns));
        token
    }

    /// The account of a token, and whether the token has expired. An expired token may still be in
    /// use on a connection.
    pub fn token(&self, now_ns: u64, token: &str) -> Option<(AccountId, bool)> {
        self.tokens.get(token).map(|&(account, expires_ns)| (account, now_ns >= expires_ns))
    }
}

/// The signed parts of a REST call, and the key.
#[derive(Clone, Copy, Debug)]
pub struct SignedCall<'a> {
    /// Header `API-Key`.
    pub key: Option<&'a str>,
    /// Header `API-Sign`.
    pub signature: Option<&'a str>,
    /// Text of the nonce in the body.
    pub nonce: Option<&'a str>,
    /// Path, from `/0/` on.
    pub path: &'a str,
    /// Body as it was sent.
    pub body: &'a str,
}

/// The signed bytes: `path + SHA256(nonce + body)`.
fn signed_message(path: &str, nonce: &str, body: &str) -> Vec<u8> {
    let mut hashed = digest::Context::new(&digest::SHA256);
    hashed.update(nonce.as_bytes());
    hashed.update(body.as_bytes());
    let mut message = path.as_bytes().to_vec();
    message.extend_from_slice(hashed.finish().as_ref());
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str =
        "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==";

    fn keys() -> Keys {
        let key = ApiKey {
            account: "a".to_owned(),
            key: "K".to_owned(),
            secret: SECRET.to_owned(),
            tier: Tier::Starter,
        };
        let mut keys = Keys::default();
        assert!(keys.add(&key, AccountId(3)));
        keys
    }

    fn call<'a>(path: &'a str, body: &'a str, signature: &'a str) -> SignedCall<'a> {
        let nonce = Some("1616492376594");
        SignedCall { key: Some("K"), signature: Some(signature), nonce, path, body }
    }

    const ORDER_SIGN: &str =
        "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ==";
    const ORDER_BODY: &str =
        "nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25";
    const TOKEN_SIGN: &str =
        "+mRDmY9Ks0Moc1zjv/BjfvYa98buO0x1yHChZR5onlfAzAUbfIYlLggUZzdQ0RsmXm4Sh+Q8iAIZdo2wSeHeiA==";

    #[test]
    fn the_published_signatures_are_accepted() {
        let order = call("/0/private/AddOrder", ORDER_BODY, ORDER_SIGN);
        assert_eq!(keys().check(0, &order, 0), Ok(AccountId(3)));
        let path = "/0/private/GetWebSocketsToken";
        let token = call(path, "nonce=1616492376594", TOKEN_SIGN);
        assert_eq!(keys().check(0, &token, 1), Ok(AccountId(3)));
    }

    #[test]
    fn anything_else_is_refused_with_the_venues_word() {
        let good = call("/0/private/AddOrder", ORDER_BODY, ORDER_SIGN);
        let mut keys = keys();
        let mut refused = |call: SignedCall<'_>| keys.check(0, &call, 1).expect_err("refused");
        assert_eq!(refused(SignedCall { key: Some("X"), ..good }), KrakenError::InvalidKey);
        assert_eq!(refused(SignedCall { key: None, ..good }), KrakenError::InvalidKey);
        let other = SignedCall { signature: Some(TOKEN_SIGN), ..good };
        assert_eq!(refused(other), KrakenError::InvalidSignature);
        let path = SignedCall { path: "/0/private/CancelOrder", ..good };
        assert_eq!(refused(path), KrakenError::InvalidSignature);
        assert_eq!(refused(SignedCall { nonce: None, ..good }), KrakenError::InvalidNonce);
        assert_eq!(refused(SignedCall { nonce: Some("x"), ..good }), KrakenError::InvalidNonce);
        assert_eq!(keys.check(0, &good, 1), Ok(AccountId(3)));
        assert_eq!(keys.check(0, &good, 1), Err(KrakenError::InvalidNonce), "used twice");
    }

    #[test]
    fn a_token_expires_after_fifteen_minutes() {
        let mut keys = keys();
        let token = keys.give_token(0, AccountId(3));
        assert_eq!(keys.token(899_999_999_999, &token), Some((AccountId(3), false)));
        assert_eq!(keys.token(900_000_000_000, &token), Some((AccountId(3), true)));
        assert_eq!(keys.token(0, "nonsense"), None);
    }
}
