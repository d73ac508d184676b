//! Side and time in force of an order.
//!
//! A line belongs here if client orders and children share it. The numbers of the enums are FIX's,
//! and stand in journals.

use crate::wire::wire_enum;

/// Buy or sell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Side {
    /// Buy (`Side` 54=1).
    #[default]
    Buy = 1,
    /// Sell (`Side` 54=2).
    Sell = 2,
}

wire_enum!(Side { Buy, Sell });

impl Side {
    /// The opposite side.
    #[must_use]
    #[inline]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Buy => Self::Sell,
            Self::Sell => Self::Buy,
        }
    }
}

/// Time in force (FIX 59).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum TimeInForce {
    /// FIX 59=0: until the next day roll.
    #[default]
    Day = 0,
    /// FIX 59=1: until cancelled.
    Gtc = 1,
    /// FIX 59=3: the quantity that does not fill at once is cancelled.
    Ioc = 3,
    /// FIX 59=4: all at once or nothing.
    Fok = 4,
    /// FIX 59=6: until a given time.
    Gtd = 6,
}

wire_enum!(TimeInForce { Day, Gtc, Ioc, Fok, Gtd });

impl TimeInForce {
    /// Whether the quantity that does not fill at once stays open.
    #[inline]
    pub const fn waits(self) -> bool {
        match self {
            Self::Day | Self::Gtc | Self::Gtd => true,
            Self::Ioc | Self::Fok => false,
        }
    }
}
