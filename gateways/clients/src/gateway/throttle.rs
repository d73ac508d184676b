//! How many requests a session may make in a second, and the answer to a request that it may not
//! make.
//!
//! A line belongs here if it needs neither a session nor a connection.

use rutter_core::rate::RateWindow;
use rutter_fix::session::BusinessRejectReason;

/// One second: requests are counted over it.
const WINDOW_NS: u64 = 1_000_000_000;

/// Counts a session's requests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Throttle {
    /// Requests that pass in a second; 0 for no limit.
    per_s_max: u32,
    window: RateWindow,
    /// The newest request's number in its second, beginning with 1.
    newest: u32,
}

impl Throttle {
    pub const fn new(per_s_max: u32) -> Self {
        Self { per_s_max, window: RateWindow::new(), newest: 0 }
    }

    /// Whether the newest request is the first that is refused in its second.
    pub const fn is_first_refused(&self) -> bool {
        self.newest == self.per_s_max.saturating_add(1)
    }

    /// Counts one request; false when the second's allowance is used up.
    pub const fn may_pass(&mut self, now_ns: u64) -> bool {
        if self.per_s_max == 0 {
            return true;
        }
        self.newest = self.window.count(now_ns, WINDOW_NS);
        self.newest <= self.per_s_max
    }
}

/// Why a request is refused whatever it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestRefusal {
    /// A drop copy may ask for its own history only.
    ReadOnly,
    /// The session sends more requests in a second than it may.
    Throttled,
}

impl RequestRefusal {
    /// `BusinessRejectReason` (380).
    pub const fn reason(self) -> BusinessRejectReason {
        match self {
            Self::ReadOnly => BusinessRejectReason::NotAuthorized,
            Self::Throttled => BusinessRejectReason::Other,
        }
    }

    /// `Text` (58).
    pub const fn text(self) -> &'static str {
        match self {
            Self::ReadOnly => "ReadOnlySession",
            Self::Throttled => "ThrottleExceeded",
        }
    }
}
