//! The windows in which a venue counts requests, as the configuration says it.
//!
//! A line belongs here if it is about the keys of `[[venue.budget]]`. The counting is the core's.

use rutter_core::input::{Counted, WindowDef, WindowKind};
use rutter_venues::venue::{CANCEL_RESERVE_PERCENT, SettingError, cancel_reserve};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::VenueConfig;
use super::finding::{Fault, Findings};

const NS_PER_MS: u64 = 1_000_000;

/// `orders_per_window_max` of a venue whose configuration names none.
pub(super) const NO_LIMIT: u32 = u32::MAX;

/// How a window forgets what it has counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WindowShape {
    /// No interval of the window's length holds more than the limit.
    Sliding,
    /// Each window begins at a multiple of its length since 1970-01-01 00:00 UTC.
    Fixed,
    /// A counter that falls steadily, from the limit to zero in the window's length.
    Decay,
}

/// What a window counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WindowCounts {
    /// New orders.
    #[default]
    Orders,
    /// New orders and cancels.
    Messages,
}

/// `[[venue.budget]]`: a window in which the venue counts requests.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BudgetConfig {
    /// How the window forgets: no interval of its length holds more than the limit (`sliding`), it
    /// begins anew at multiples of its length since 1970 UTC (`fixed`), or it falls steadily, from
    /// the limit to zero in its length (`decay`).
    pub window: WindowShape,
    /// Most points in the window. A new order is one point.
    #[schemars(range(min = 1, max = 4_294_967_294_u32))]
    pub limit: u32,
    /// Length of the window, in milliseconds.
    #[schemars(range(min = 1, max = 86_400_000))]
    pub length_ms: u64,
    /// What counts: `orders` (new ones), or `messages` (new orders and cancels).
    #[serde(default)]
    pub counts: WindowCounts,
    /// Each instrument has a count of its own.
    #[serde(default)]
    pub per_instrument: bool,
    /// Points of a cancel, at most the limit; 1 if absent. Only where `counts` is `messages`.
    #[schemars(range(max = 65_535))]
    pub cancel_points: Option<u16>,
    /// The share of the limit that new orders leave for cancels, in percent, rounded up to a whole
    /// cancel at least; 20 if absent. Only where `counts` is `messages`.
    #[schemars(range(max = 90))]
    pub cancel_reserve_percent: Option<u32>,
}

/// Points of a cancel, where the configuration does not say.
const CANCEL_POINTS: u16 = 1;

impl BudgetConfig {
    fn cancel(&self) -> u16 {
        self.cancel_points.unwrap_or(CANCEL_POINTS)
    }

    /// Points of the limit that new orders leave for cancels: a whole cancel at least, if any.
    fn reserved(&self) -> u32 {
        let percent = self.cancel_reserve_percent.unwrap_or(CANCEL_RESERVE_PERCENT);
        let share = cancel_reserve(self.limit, percent);
        let least = if percent == 0 { 0 } else { u32::from(self.cancel()) };
        share.max(least).min(self.limit.saturating_sub(1))
    }

    fn window(&self) -> WindowDef {
        let cancels = self.counts == WindowCounts::Messages;
        WindowDef {
            kind: match self.window {
                WindowShape::Sliding => WindowKind::Sliding,
                WindowShape::Fixed => WindowKind::Fixed,
                WindowShape::Decay => WindowKind::Decay,
            },
            counted: if cancels { Counted::Messages } else { Counted::Orders },
            per_instrument: self.per_instrument,
            reserved: if cancels { self.reserved() } else { 0 },
            cancel: if cancels { self.cancel() } else { 0 },
            ..WindowDef::orders(self.limit, self.length_ms.saturating_mul(NS_PER_MS))
        }
    }

    /// Adds what is wrong with the keys at that path.
    fn check(&self, findings: &mut Findings, at: &str) {
        let cancels = self.counts == WindowCounts::Messages;
        let keys = [
            ("cancel_points", self.cancel_points.is_some()),
            ("cancel_reserve_percent", self.cancel_reserve_percent.is_some()),
        ];
        for (key, _) in keys.into_iter().filter(|(_, is_there)| *is_there && !cancels) {
            let reason = "of use only with counts = \"messages\"";
            findings.add(&format!("{at}.{key}"), Fault::Conflict, reason);
        }
        if cancels && u32::from(self.cancel()) > self.limit {
            let reason = format!("above the limit ({}): no cancel would ever fit", self.limit);
            findings.add(&format!("{at}.cancel_points"), Fault::Conflict, reason);
        }
    }
}

impl VenueConfig {
    /// The windows in which the venue counts requests, beside `orders_per_window_max`: those that
    /// the configuration names, or those of the venue's documents if it names no limit at all.
    ///
    /// # Errors
    /// A key of the venue's own that its limits depend on.
    pub fn windows(&self) -> Result<Vec<WindowDef>, SettingError> {
        if self.budget.is_empty() && self.orders_per_window_max == NO_LIMIT {
            return (self.kind.budget)(&self.own_keys);
        }
        Ok(self.budget.iter().map(BudgetConfig::window).collect())
    }

    /// Whether the limits of the venue's documents do not hold, because the configuration names a
    /// rate of new orders and no windows.
    pub fn drops_documented_limits(&self) -> bool {
        let documented = (self.kind.budget)(&self.own_keys).is_ok_and(|all| !all.is_empty());
        documented && self.budget.is_empty() && self.orders_per_window_max != NO_LIMIT
    }

    /// Adds what is wrong with the keys of the limits, in the table at that path.
    pub(super) fn check_limits(&self, findings: &mut Findings, at: &str) {
        for (n, window) in self.budget.iter().enumerate() {
            window.check(findings, &format!("{at}.budget[{n}]"));
        }
        let first = WindowDef::orders(
            self.orders_per_window_max,
            self.order_window_ms.saturating_mul(NS_PER_MS),
        );
        let windows = self.windows().unwrap_or_default().into_iter().chain([first]);
        let limited = windows.filter(|window| !window.is_unlimited());
        let shortest_ms = limited.map(|window| window.length_ns / NS_PER_MS).min();
        if let Some(shortest_ms) = shortest_ms.filter(|length| *length < self.request_slack_ms) {
            let reason = format!("longer than a window of the venue ({shortest_ms} ms)");
            findings.add(&format!("{at}.request_slack_ms"), Fault::Conflict, reason);
        }
    }
}
