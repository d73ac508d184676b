//! The kill of the node in the middle of trading: what stood before, and what stands after.
//!
//! A line belongs here if it compares the two. All counts are the client's and the venues'; the
//! node is not asked.

use serde::Serialize;

use super::trader::{Fates, Trader};

const MS_NS: u64 = 1_000_000;

/// Longest time after a kill until the node has to trade again.
pub const DOWN_NS_MAX: u64 = 60_000 * MS_NS;

/// Open orders and executions at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// Orders that are open by the reports that the client has.
    pub open_by_client: u64,
    /// Orders that are open at the venues. One order of the client can have one at each.
    pub open_by_venues: u64,
    /// Executions that the venues have booked.
    pub fills_booked: u64,
    /// Executions that the client was told.
    pub fills_told: u64,
}

/// One kill.
#[derive(Clone, Debug, Serialize)]
pub struct Crash {
    /// Time of the kill since the start of trading, in milliseconds.
    pub at_ms: u64,
    /// When the node was dead and the client had read all that the node had written.
    pub before: Standing,
    /// When trading went on.
    pub after: Option<Standing>,
    /// What has become of the orders of `before.open_by_client`, when trading went on.
    pub fates: Fates,
    /// From the kill to the first execution of an order that was sent after the kill, in
    /// milliseconds; so far, while there is none.
    pub down_ms: u64,
    #[serde(skip)]
    killed_ns: u64,
    #[serde(skip)]
    open: Vec<usize>,
}

impl Crash {
    /// A node that was killed at `killed_ns`.
    pub fn new(start_ns: u64, killed_ns: u64, trader: &mut Trader, before: Standing) -> Self {
        trader.mark();
        Self {
            at_ms: killed_ns.saturating_sub(start_ns) / MS_NS,
            before,
            after: None,
            fates: Fates::default(),
            down_ms: 0,
            killed_ns,
            open: trader.acknowledged(),
        }
    }

    /// Looks whether trading goes on; returns whether the node is still down.
    pub fn look(
        &mut self,
        now_ns: u64,
        trader: &Trader,
        standing: impl FnOnce() -> Standing,
    ) -> bool {
        if self.after.is_some() {
            return false;
        }
        self.down_ms = now_ns.saturating_sub(self.killed_ns) / MS_NS;
        if trader.waits_for_trade {
            return true;
        }
        self.after = Some(standing());
        self.fates = trader.fates(&self.open);
        false
    }

    /// Whether the node has taken longer than [`DOWN_NS_MAX`].
    pub fn given_up(&self) -> bool {
        self.after.is_none() && self.down_ms > DOWN_NS_MAX / MS_NS
    }
}
