//! The windows in which a venue counts requests, as the configuration says it.
//!
//! A line belongs here if it is about the keys of `[[venue.budget]]`. The counting is the core's.

use rutter_core::input::{Counted, WindowDef, WindowKind};
use rutter_venues::venue::{CANCEL_RESERVE_PERCENT, SettingError, cancel_reserve};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::VenueConfig;

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
    /// Points of a cancel, where `counts` is `messages`.
    #[serde(default = "cancel_points")]
    #[schemars(range(max = 65_535))]
    pub cancel_points: u16,
    /// The share of the limit that new orders leave for cancels, where `counts` is `messages`, in
    /// percent.
    #[serde(default = "cancel_reserve_percent")]
    #[schemars(range(max = 90))]
    pub cancel_reserve_percent: u32,
}

const fn cancel_points() -> u16 {
    1
}
const fn cancel_reserve_percent() -> u32 {
    CANCEL_RESERVE_PERCENT
}

impl BudgetConfig {
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
            reserved: if cancels {
                cancel_reserve(self.limit, self.cancel_reserve_percent)
            } else {
                0
            },
            cancel: if cancels { self.cancel_points } else { 0 },
            ..WindowDef::orders(self.limit, self.length_ms.saturating_mul(1_000_000))
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
}
