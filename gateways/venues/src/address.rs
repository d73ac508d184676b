//! What one of our addresses may ask of a venue over REST: one count and one pause for all machines
//! that use the address.
//!
//! A line belongs here if feeds and order entry must agree on it. What a request weighs, and what
//! an answer says of the count, is the dialect's.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rutter_transport::machine::HttpResponse;

const SECOND_NS: u64 = 1_000_000_000;

/// Longest pause that is taken from a venue's answer: three days, the longest ban that a venue
/// documents.
const PAUSE_MAX_NS: u64 = 3 * 86_400 * SECOND_NS;

/// Pause after an answer 429 that names no time.
const RATE_PAUSE_NS: u64 = 10 * SECOND_NS;

/// Pause after an answer 418 that names no time: a ban, which further requests prolong.
const BAN_PAUSE_NS: u64 = 120 * SECOND_NS;

/// Pause after an answer 403, which is a venue's firewall, or Cloudflare. Its length is not
/// documented.
const FIREWALL_PAUSE_NS: u64 = 300 * SECOND_NS;

/// The count of an address in the present window.
#[derive(Debug, Default)]
struct Count {
    /// Number of the window since the epoch.
    window: u64,
    used: u32,
    /// Most that may be used in a window.
    limit: u32,
}

#[derive(Debug)]
struct Shared {
    window_ns: u64,
    /// No request before this time.
    paused_until_ns: AtomicU64,
    count: Mutex<Count>,
}

/// The budget of one address at one venue. Clones share it. Times are nanoseconds since the epoch.
#[derive(Clone, Debug)]
pub struct AddressBudget(Arc<Shared>);

impl Default for AddressBudget {
    /// A budget without a limit, which still obeys pauses.
    fn default() -> Self {
        Self::new(u32::MAX, 60 * SECOND_NS)
    }
}

impl AddressBudget {
    /// At most `limit` of weight in each window of that length. Windows begin at multiples of it.
    pub fn new(limit: u32, window_ns: u64) -> Self {
        let count = Mutex::new(Count { window: 0, used: 0, limit });
        let paused_until_ns = AtomicU64::new(0);
        Self(Arc::new(Shared { window_ns: window_ns.max(1), paused_until_ns, count }))
    }

    fn with_count<T>(&self, now_ns: u64, use_it: impl FnOnce(&mut Count) -> T) -> T {
        // A count stays a count whoever panicked with it.
        let mut count = self.0.count.lock().unwrap_or_else(PoisonError::into_inner);
        let window = now_ns / self.0.window_ns;
        if window > count.window {
            (count.window, count.used) = (window, 0);
        }
        use_it(&mut count)
    }

    /// Takes weight for a request, and leaves `reserve_percent` of the limit to others.
    ///
    /// # Errors
    /// When to ask again: a pause lasts until then, or the next window begins.
    pub fn take(&self, now_ns: u64, weight: u32, reserve_percent: u32) -> Result<(), u64> {
        let paused_ns = self.paused_until_ns();
        if now_ns < paused_ns {
            return Err(paused_ns);
        }
        let window_ns = self.0.window_ns;
        self.with_count(now_ns, |count| {
            let share = u64::from(100 - reserve_percent.min(100));
            let most = u64::from(count.limit) * share / 100;
            let used = u64::from(count.used) + u64::from(weight);
            // One request a window passes even if it weighs more than the share.
            if used > most && count.used > 0 {
                return Err((count.window + 1).saturating_mul(window_ns));
            }
            count.used = count.used.saturating_add(weight);
            Ok(())
        })
    }

    /// The venue tells what the address has used in the present window, whoever used it.
    pub fn heard_used(&self, now_ns: u64, used: u32) {
        self.with_count(now_ns, |count| count.used = count.used.max(used));
    }

    /// The venue tells, or its documents say, its limit of a window.
    pub fn set_limit(&self, limit: u32) {
        self.with_count(0, |count| count.limit = limit.max(1));
    }

    /// What is used in the present window, and the limit.
    pub fn used(&self, now_ns: u64) -> (u32, u32) {
        self.with_count(now_ns, |count| (count.used, count.limit))
    }

    /// No request goes before this time. A pause is never cut short.
    pub fn pause(&self, now_ns: u64, until_ns: u64) {
        let until_ns = until_ns.min(now_ns.saturating_add(PAUSE_MAX_NS));
        self.0.paused_until_ns.fetch_max(until_ns, Ordering::Relaxed);
    }

    /// When the pause ends; in the past, or zero, if there is none.
    pub fn paused_until_ns(&self) -> u64 {
        self.0.paused_until_ns.load(Ordering::Relaxed)
    }

    /// Obeys an answer that wants fewer requests: for as long as `Retry-After` says, or the text
    /// (`told_until_ns`), or else for the usual time of the status. Returns the end of the pause;
    /// `None` for an answer that wants no pause.
    pub fn obey(
        &self,
        now_ns: u64,
        response: &HttpResponse,
        told_until_ns: Option<u64>,
    ) -> Option<u64> {
        let usual_ns = match response.status {
            403 => FIREWALL_PAUSE_NS,
            418 => BAN_PAUSE_NS,
            429 => RATE_PAUSE_NS,
            _ => return None,
        };
        let by_header = response.retry_after_s().map(|s| s.saturating_mul(SECOND_NS));
        let told_ns = by_header.map(|wait_ns| now_ns.saturating_add(wait_ns)).max(told_until_ns);
        let until_ns = told_ns.unwrap_or_else(|| now_ns.saturating_add(usual_ns));
        self.pause(now_ns, until_ns.max(now_ns.saturating_add(SECOND_NS)));
        Some(self.paused_until_ns())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_NS: u64 = 60 * SECOND_NS;

    #[test]
    fn clones_share_one_count_and_the_feed_leaves_its_reserve_to_others() {
        let orders = AddressBudget::new(100, MINUTE_NS);
        let feed = orders.clone();
        let now_ns = 10 * MINUTE_NS + 7;
        assert_eq!(feed.take(now_ns, 40, 50), Ok(()));
        assert_eq!(feed.take(now_ns, 20, 50), Err(11 * MINUTE_NS), "half is for others");
        assert_eq!(orders.take(now_ns, 60, 0), Ok(()));
        assert_eq!(orders.take(now_ns, 1, 0), Err(11 * MINUTE_NS));
        assert_eq!(feed.take(11 * MINUTE_NS, 20, 50), Ok(()), "a new window");
        assert_eq!(feed.used(11 * MINUTE_NS), (20, 100));
    }

    #[test]
    fn what_the_venue_counts_is_believed_if_it_is_more() {
        let budget = AddressBudget::new(100, MINUTE_NS);
        assert_eq!(budget.take(1, 10, 0), Ok(()));
        budget.heard_used(2, 95);
        assert_eq!(budget.take(3, 10, 0), Err(MINUTE_NS), "another program uses the address");
        budget.heard_used(4, 5);
        assert_eq!(budget.used(5), (95, 100), "an older answer");
        budget.set_limit(200);
        assert_eq!(budget.take(7, 10, 0), Ok(()));
    }

    #[test]
    fn a_ban_lasts_as_long_as_the_venue_says_and_is_not_cut_short() {
        let budget = AddressBudget::default();
        let told = |status, seconds: Option<&str>| {
            let headers = seconds.map(|s| ("retry-after".to_owned(), s.to_owned()));
            let headers = headers.into_iter().collect();
            HttpResponse { headers, ..HttpResponse::new(status, String::new()) }
        };
        assert_eq!(budget.obey(0, &told(200, Some("9")), None), None);
        assert_eq!(budget.obey(0, &told(418, Some("600")), None), Some(600 * SECOND_NS));
        assert_eq!(budget.obey(0, &told(429, None), None), Some(600 * SECOND_NS));
        assert_eq!(budget.take(599 * SECOND_NS, 1, 0), Err(600 * SECOND_NS));
        assert_eq!(budget.take(600 * SECOND_NS, 1, 0), Ok(()));
        let now_ns = 1_000 * SECOND_NS;
        let odd = told(418, Some("Fri, 31 Dec 1999 23:59:59 GMT"));
        assert_eq!(budget.obey(now_ns, &odd, None), Some(now_ns + BAN_PAUSE_NS));
        let by_text = now_ns + 5_000 * SECOND_NS;
        assert_eq!(budget.obey(now_ns, &told(418, Some("1")), Some(by_text)), Some(by_text));
        let longest = Some(now_ns + PAUSE_MAX_NS);
        assert_eq!(budget.obey(now_ns, &told(403, Some("99999999999")), None), longest);
    }
}
