//! The last answers of the node, and rates from the difference of two answers.

use serde_json::Value;

use super::super::render::{number, rows};

/// Answers of about one moment.
#[derive(Clone, Debug, Default)]
pub struct Sample {
    /// When the answers came, by the clock of this side, nanoseconds since 1970 UTC.
    pub heard_ns: u64,
    /// Name of the user, as the node knows it.
    pub user: String,
    /// Role of the user.
    pub role: String,
    /// The `ok` of `status`.
    pub status: Value,
    /// The `ok` of `orders`.
    pub orders: Value,
    /// The `ok` of `order`, of the one that is open.
    pub order: Option<Value>,
    /// Error of a refused request.
    pub refused: Option<String>,
}

impl Sample {
    /// The node's time.
    pub fn now_ns(&self) -> u64 {
        number(&self.status, "now_ns").unwrap_or(0)
    }

    /// Names of the venues.
    pub fn venues(&self) -> &[Value] {
        rows(&self.status, "venues")
    }
}

/// What grew in a second, in tenths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// Client orders.
    pub orders: u64,
    /// Fills.
    pub fills: u64,
    /// Reports to clients.
    pub reports: u64,
    /// Records of the journal.
    pub journal: u64,
}

impl Rates {
    /// `None` where the two are not of one run of a node, or of one moment.
    pub fn between(before: &Value, after: &Value) -> Option<Self> {
        if number(before, "started_ns") != number(after, "started_ns") {
            return None;
        }
        let ns = number(after, "now_ns")?.checked_sub(number(before, "now_ns")?)?;
        let grew = |name: &str| {
            let grown = number(after, name)?.checked_sub(number(before, name)?)?;
            let tenths = u128::from(grown) * 10_000_000_000 / u128::from(ns.max(1));
            (ns > 0).then_some(u64::try_from(tenths).unwrap_or(u64::MAX))
        };
        Some(Self {
            orders: grew("orders")?,
            fills: grew("fills")?,
            reports: grew("reports")?,
            journal: grew("journal_seq")?,
        })
    }
}
