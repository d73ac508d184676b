//! The faults that can be injected.
//!
//! A line belongs here if it names a fault. Carrying a fault out is `faults` and the fronts.

/// The moment at which an order's connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CutPoint {
    /// The order never reaches the exchange.
    BeforeProcessing,
    /// The order is processed, but its acknowledgement never leaves.
    BeforeAck,
    /// The acknowledgement leaves, then the connection is cut.
    AfterAck,
}

/// A fault to inject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Wire: the next `frames` frames leave `delay_ns` later and hold up the frames behind them.
    Delay {
        /// Delay in nanoseconds.
        delay_ns: u64,
        /// How many frames.
        frames: u32,
    },
    /// Wire: the next frames are lost.
    Drop {
        /// How many frames.
        frames: u32,
    },
    /// Wire: the next frame comes twice.
    Duplicate,
    /// Wire: the next two frames change places.
    Reorder,
    /// Wire: the connections stay open, but nothing is read or sent until [`Fault::Heal`].
    HalfOpen,
    /// Wire: the connections are closed now.
    Disconnect,
    /// Wire: the venue's clock is behind ours by so many nanoseconds (ahead if negative), until
    /// another fault of this kind.
    ClockBehind {
        /// How far.
        by_ns: i64,
    },
    /// Wire: ends half-open states and disarms all armed faults.
    Heal,
    /// Dialect: the connection of the next order request is cut.
    CutOnOrder(CutPoint),
    /// Dialect: the next book update is wrong: a wrong checksum, or a gap in its ids.
    CorruptBook,
    /// Dialect: the next order request is refused with this code and text.
    RejectNextOrder {
        /// Numeric code, at venues that have one.
        code: i32,
        /// Text of the refusal.
        text: String,
    },
    /// Dialect: a maintenance notice, then connections are closed and requests refused.
    Maintenance {
        /// Duration in nanoseconds.
        for_ns: u64,
    },
    /// Dialect, Binance over FIX: the next order waits in front of the engine. After 10 s its
    /// sender is told that the outcome is unknown (-1007). The order is placed all the same when it
    /// is due.
    SlowEngine {
        /// Time from the order's arrival to its placement, in nanoseconds.
        for_ns: u64,
    },
    /// Dialect: requests are refused as over the rate limit.
    RateLimit {
        /// Duration in nanoseconds.
        for_ns: u64,
    },
}

impl Fault {
    /// Whether the front must carry out the fault.
    pub fn is_dialect(&self) -> bool {
        match self {
            Self::CutOnOrder(_)
            | Self::CorruptBook
            | Self::RejectNextOrder { .. }
            | Self::Maintenance { .. }
            | Self::SlowEngine { .. }
            | Self::RateLimit { .. } => true,
            Self::Delay { .. }
            | Self::Drop { .. }
            | Self::Duplicate
            | Self::Reorder
            | Self::HalfOpen
            | Self::Disconnect
            | Self::ClockBehind { .. }
            | Self::Heal => false,
        }
    }
}
