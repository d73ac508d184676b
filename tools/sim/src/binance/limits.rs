//! Rate limits: request weight, unfilled orders, messages, connections.
//!
//! A line belongs here if it counts against a window. Source: venue reference (Binance), sections
//! 3.7 and 7. A window starts at a multiple of its length, as `intervalNum` suggests.

use std::collections::{BTreeMap, VecDeque};

use super::super::engine::AccountId;
use super::error::ApiError;
use super::json::{Object, array};

const SECOND_NS: u64 = 1_000_000_000;
const MINUTE_NS: u64 = 60 * SECOND_NS;
const DAY_NS: u64 = 86_400 * SECOND_NS;

/// The limits in force.
#[derive(Clone, Debug)]
pub struct LimitConfig {
    /// `REQUEST_WEIGHT` per minute.
    pub weight_per_minute: u32,
    /// `ORDERS` per 10 s and account.
    pub orders_per_10s: u32,
    /// `ORDERS` per day and account.
    pub orders_per_day: u32,
    /// Requests over the weight limit in one minute after which the answer is 418.
    pub violations_before_ban: u32,
    /// Duration of a ban.
    pub ban_ns: u64,
    /// FIX messages per 10 s and session.
    pub fix_messages_per_10s: u32,
    /// Most open FIX sessions per account.
    pub fix_connections: u32,
    /// FIX connection attempts per 30 s.
    pub fix_attempts_per_30s: u32,
    /// Messages per second and market stream connection.
    pub stream_messages_per_second: u32,
    /// Most streams of one connection.
    pub streams_per_connection: usize,
}

impl Default for LimitConfig {
    fn default() -> Self {
        Self {
            weight_per_minute: 6_000,
            orders_per_10s: 50,
            orders_per_day: 160_000,
            violations_before_ban: 20,
            ban_ns: 120 * SECOND_NS,
            fix_messages_per_10s: 10_000,
            fix_connections: 10,
            fix_attempts_per_30s: 15,
            stream_messages_per_second: 5,
            streams_per_connection: 1_024,
        }
    }
}

/// A count within one aligned window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Window {
    index: u64,
    pub count: u32,
}

impl Window {
    /// The count of the window that `now_ns` is in.
    pub fn at(&mut self, now_ns: u64, length_ns: u64) -> &mut u32 {
        let index = now_ns / length_ns.max(1);
        if index != self.index {
            *self = Self { index, count: 0 };
        }
        &mut self.count
    }

    /// Counts one; false when the count exceeds `max`.
    pub fn hit(&mut self, now_ns: u64, length_ns: u64, max: u32) -> bool {
        let count = self.at(now_ns, length_ns);
        *count = count.saturating_add(1);
        *count <= max
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct OrderCounts {
    ten_seconds: Window,
    day: Window,
}

/// The counters of the whole venue.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    pub config: LimitConfig,
    weight: Window,
    violations: Window,
    banned_until_ns: u64,
    /// Time until which an injected fault refuses all requests.
    pub refused_until_ns: u64,
    /// Orders and messages that were refused because a count was at its limit.
    pub beyond: u64,
    orders: BTreeMap<AccountId, OrderCounts>,
    fix_attempts: VecDeque<u64>,
}

impl Limits {
    pub fn new(config: LimitConfig) -> Self {
        Self {
            config,
            weight: Window::default(),
            violations: Window::default(),
            banned_until_ns: 0,
            refused_until_ns: 0,
            beyond: 0,
            orders: BTreeMap::new(),
            fix_attempts: VecDeque::new(),
        }
    }

    /// Charges request weight.
    pub fn charge(&mut self, now_ns: u64, weight: u32) -> Result<(), ApiError> {
        let ban_text = "Way too much request weight used; IP banned until the ban expires.";
        if now_ns < self.banned_until_ns {
            return Err(ApiError::new(-1003, ban_text).with_status(418));
        }
        let count = self.weight.at(now_ns, MINUTE_NS);
        *count = count.saturating_add(weight);
        if *count <= self.config.weight_per_minute && now_ns >= self.refused_until_ns {
            return Ok(());
        }
        if !self.violations.hit(now_ns, MINUTE_NS, self.config.violations_before_ban) {
            self.banned_until_ns = now_ns.saturating_add(self.config.ban_ns);
            return Err(ApiError::new(-1003, ban_text).with_status(418));
        }
        let max = self.config.weight_per_minute;
        let text = format!(
            "Too much request weight used; current limit is {max} request weight per 1 MINUTE. \
             Please use WebSocket Streams for live updates to avoid polling the API."
        );
        Err(ApiError::new(-1003, text).with_status(429))
    }

    /// Returns request weight: a successful order costs none.
    pub fn refund(&mut self, now_ns: u64, weight: u32) {
        let count = self.weight.at(now_ns, MINUTE_NS);
        *count = count.saturating_sub(weight);
    }

    /// Whether another order may be placed.
    pub fn check_order(&mut self, now_ns: u64, account: AccountId) -> Result<(), ApiError> {
        let (ten, day) = self.order_counts(now_ns, account);
        let refuse = |max: u32, interval: &str| {
            let text =
                format!("Too many new orders; current limit is {max} orders per {interval}.");
            Err(ApiError::new(-1015, text).with_status(429))
        };
        let ten_seconds = (ten, self.config.orders_per_10s, "10 SECOND");
        if now_ns < self.refused_until_ns {
            return refuse(ten_seconds.1, ten_seconds.2);
        }
        for (count, max, interval) in [ten_seconds, (day, self.config.orders_per_day, "1 DAY")] {
            if count >= max {
                self.beyond += 1;
                return refuse(max, interval);
            }
        }
        Ok(())
    }

    /// Counts a placed order.
    pub fn order_placed(&mut self, now_ns: u64, account: AccountId) {
        let counts = self.orders.entry(account).or_default();
        *counts.ten_seconds.at(now_ns, 10 * SECOND_NS) += 1;
        *counts.day.at(now_ns, DAY_NS) += 1;
    }

    /// Removes an order from the unfilled count after its first fill.
    pub fn order_filled(&mut self, now_ns: u64, account: AccountId) {
        let counts = self.orders.entry(account).or_default();
        for count in [counts.ten_seconds.at(now_ns, 10 * SECOND_NS), counts.day.at(now_ns, DAY_NS)]
        {
            *count = count.saturating_sub(1);
        }
    }

    /// Orders counted in the 10 s and day windows.
    pub fn order_counts(&mut self, now_ns: u64, account: AccountId) -> (u32, u32) {
        let counts = self.orders.entry(account).or_default();
        (*counts.ten_seconds.at(now_ns, 10 * SECOND_NS), *counts.day.at(now_ns, DAY_NS))
    }

    /// Weight used in this minute.
    pub fn weight_used(&mut self, now_ns: u64) -> u32 {
        *self.weight.at(now_ns, MINUTE_NS)
    }

    /// Seconds for `Retry-After`.
    pub fn retry_after_s(&self, now_ns: u64) -> u64 {
        let until = self.banned_until_ns.max(self.refused_until_ns);
        let until = if until > now_ns { until } else { (now_ns / MINUTE_NS + 1) * MINUTE_NS };
        (until - now_ns).div_ceil(SECOND_NS)
    }

    /// Counts a FIX connection attempt; false when the limit is exceeded.
    pub fn fix_attempt(&mut self, now_ns: u64) -> bool {
        let horizon = now_ns.saturating_sub(30 * SECOND_NS);
        while self.fix_attempts.front().is_some_and(|at| *at < horizon) {
            self.fix_attempts.pop_front();
        }
        if self.fix_attempts.len() >= self.config.fix_attempts_per_30s as usize {
            return false;
        }
        self.fix_attempts.push_back(now_ns);
        true
    }

    /// The `rateLimits` array; without an account it has no order counts.
    pub fn render(&mut self, now_ns: u64, account: Option<AccountId>, counted: bool) -> String {
        let mut rows = Vec::new();
        let (ten, day) = account.map_or((0, 0), |a| self.order_counts(now_ns, a));
        let (per_10s, per_day) = (self.config.orders_per_10s, self.config.orders_per_day);
        if account.is_some() || !counted {
            rows.push(row("ORDERS", "SECOND", 10, per_10s, counted.then_some(ten)));
            rows.push(row("ORDERS", "DAY", 1, per_day, counted.then_some(day)));
        }
        let used = self.weight_used(now_ns);
        let max = self.config.weight_per_minute;
        rows.push(row("REQUEST_WEIGHT", "MINUTE", 1, max, counted.then_some(used)));
        array(rows)
    }

    /// The `ORDERS` rows of `rateLimits`.
    pub fn render_orders(&mut self, now_ns: u64, account: AccountId) -> String {
        let (ten, day) = self.order_counts(now_ns, account);
        array([
            row("ORDERS", "SECOND", 10, self.config.orders_per_10s, Some(ten)),
            row("ORDERS", "DAY", 1, self.config.orders_per_day, Some(day)),
        ])
    }
}

fn row(kind: &str, interval: &str, number: u32, limit: u32, count: Option<u32>) -> String {
    let object = Object::new()
        .text("rateLimitType", kind)
        .text("interval", interval)
        .number("intervalNum", number)
        .number("limit", limit);
    match count {
        Some(count) => object.number("count", count).finish(),
        None => object.finish(),
    }
}
