//! Rate limits: token buckets that are refilled with time.
//!
//! A line belongs here if it counts against a limit. Source: venue reference (Coinbase Exchange),
//! sections 3.5, 5 and 6.

use std::collections::BTreeMap;

use super::error::ApiError;
use crate::order::AccountId;

const SECOND_NS: u64 = 1_000_000_000;

/// A limit: so many a second, and so many at once after a rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Tokens earned in a second.
    pub per_s: u64,
    /// Most tokens.
    pub burst: u64,
}

/// The limits in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimitConfig {
    /// Public REST requests.
    pub public: Limit,
    /// Private REST requests of an account.
    pub private: Limit,
    /// Requests for fills of an account.
    pub fills: Limit,
    /// Messages of a FIX session. Above them the session ends.
    pub fix: Limit,
    /// Messages of a WebSocket connection. Above them the connection ends.
    pub ws: Limit,
    /// FIX logons of a key.
    pub logons: Limit,
}

impl Default for LimitConfig {
    fn default() -> Self {
        Self {
            public: Limit { per_s: 10, burst: 15 },
            private: Limit { per_s: 15, burst: 30 },
            fills: Limit { per_s: 10, burst: 20 },
            fix: Limit { per_s: 100, burst: 200 },
            ws: Limit { per_s: 10, burst: 1_000 },
            logons: Limit { per_s: 2, burst: 2 },
        }
    }
}

/// The tokens of one bucket, in nanoseconds of refilling.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    /// When the bucket is full again.
    full_ns: u64,
}

impl Bucket {
    /// Takes a token; false if there is none.
    pub fn take(&mut self, now_ns: u64, limit: Limit) -> bool {
        let token_ns = SECOND_NS / limit.per_s.max(1);
        let full_ns = self.full_ns.max(now_ns).saturating_add(token_ns);
        if full_ns - now_ns > token_ns.saturating_mul(limit.burst) {
            return false;
        }
        self.full_ns = full_ns;
        true
    }
}

/// The buckets of the whole venue.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    pub config: LimitConfig,
    public: Bucket,
    private: BTreeMap<AccountId, Bucket>,
    fills: BTreeMap<AccountId, Bucket>,
    logons: BTreeMap<String, Bucket>,
    /// Time until which an injected fault refuses all requests.
    pub refused_until_ns: u64,
    /// Requests about orders that were refused because a bucket was empty.
    pub beyond: u64,
}

impl Limits {
    pub fn new(config: LimitConfig) -> Self {
        Self { config, ..Self::default() }
    }

    pub fn charge_public(&mut self, now_ns: u64) -> Result<(), ApiError> {
        let is_free = self.public.take(now_ns, self.config.public);
        answer(is_free && now_ns >= self.refused_until_ns, "Public rate limit exceeded")
    }

    pub fn charge_private(
        &mut self,
        now_ns: u64,
        account: AccountId,
        asks_fills: bool,
    ) -> Result<(), ApiError> {
        let (buckets, limit) = if asks_fills {
            (&mut self.fills, self.config.fills)
        } else {
            (&mut self.private, self.config.private)
        };
        let is_free = buckets.entry(account).or_default().take(now_ns, limit);
        answer(is_free && now_ns >= self.refused_until_ns, "Private rate limit exceeded")
    }

    pub fn logon(&mut self, now_ns: u64, key: &str) -> bool {
        let limit = self.config.logons;
        self.logons.entry(key.to_owned()).or_default().take(now_ns, limit)
    }
}

fn answer(is_free: bool, text: &str) -> Result<(), ApiError> {
    if is_free { Ok(()) } else { Err(ApiError::new(429, text)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let limit = Limit { per_s: 10, burst: 3 };
        let mut bucket = Bucket::default();
        let taken =
            |bucket: &mut Bucket, now_ns| (0..9).filter(|_| bucket.take(now_ns, limit)).count();
        assert_eq!(taken(&mut bucket, 5 * SECOND_NS), 3);
        assert_eq!(taken(&mut bucket, 5 * SECOND_NS + 99_999_999), 0);
        assert_eq!(taken(&mut bucket, 5 * SECOND_NS + 200_000_000), 2);
        assert_eq!(taken(&mut bucket, 60 * SECOND_NS), 3);
    }
}
