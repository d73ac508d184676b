//! Typed views of a client's requests about orders: `NewOrderSingle` (D),
//! `OrderCancelReplaceRequest` (G), `OrderCancelRequest` (F), `OrderStatusRequest` (H),
//! `OrderMassCancelRequest` (q) and `OrderMassStatusRequest` (AF).
//!
//! A view is made in one pass over a decoded message, and borrows its text. It says that the
//! required fields are present and well formed. Whether the instrument exists, or the order is
//! accepted, is the core's. A field that changes what an order means, and that is not supported, is
//! never ignored: the view names it in `unsupported`, and the caller refuses the order.
//!
//! A line belongs here if it needs one message and no session.

use crate::session::{BusinessRejectReason, SessionRejectReason};

mod known;
mod messages;
#[cfg(test)]
mod tests;

pub use messages::{
    Instructions, MassRequestType, NewOrderSingle, OrderCancelReplaceRequest, OrderCancelRequest,
    OrderMassCancelRequest, OrderMassStatusRequest, OrderStatusRequest,
};

/// Longest `ClOrdID`, `OrigClOrdID` or `OrdStatusReqID`, in bytes.
pub const CL_ORD_ID_BYTES_MAX: usize = 36;
/// Longest `OrderID`, in bytes.
pub const ORDER_ID_BYTES_MAX: usize = 36;
/// Longest `Symbol`, in bytes.
pub const SYMBOL_BYTES_MAX: usize = 32;
/// Longest `Account`, in bytes.
pub const ACCOUNT_BYTES_MAX: usize = 32;

/// Longest `TargetStrategyParameters`, in bytes.
pub const STRATEGY_PARAMETERS_BYTES_MAX: usize = 64;

/// Fields that change what an order means and that no view supports, in ascending order.
pub const UNSUPPORTED_TAGS: &[u32] = &[
    77, 78, 81, 114, 203, 211, 386, 388, 389, 423, 427, 432, 468, 469, 480, 516, 529, 544, 635,
    640, 835, 836, 837, 838, 840, 841, 842, 843, 844, 846, 849, 854, 1028, 1031, 1079, 1080, 1082,
    1083, 1084, 1085, 1086, 1087, 1088, 1089, 1090, 1091, 1092, 1094, 1096, 1097, 1098, 1099, 1100,
    1101, 1102, 1103, 1104, 1105, 1106, 1107, 1108, 1109, 1110, 1111, 1112, 1113,
];

/// Which answer a request gets that cannot be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rejection {
    /// A Reject (35=3).
    Session(SessionRejectReason),
    /// A `BusinessMessageReject` (35=j).
    Business(BusinessRejectReason),
}

/// Why a request cannot be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("tag {ref_tag}: {}", self.text())]
pub struct AppError {
    /// The field at fault: `RefTagID` (371).
    pub ref_tag: u32,
    /// The answer.
    pub rejection: Rejection,
}

impl AppError {
    const fn session(ref_tag: u32, reason: SessionRejectReason) -> Self {
        Self { ref_tag, rejection: Rejection::Session(reason) }
    }

    const fn missing(ref_tag: u32) -> Self {
        Self::session(ref_tag, SessionRejectReason::RequiredTagMissing)
    }

    const fn range(ref_tag: u32) -> Self {
        Self::session(ref_tag, SessionRejectReason::ValueOutOfRange)
    }

    const fn format(ref_tag: u32) -> Self {
        Self::session(ref_tag, SessionRejectReason::IncorrectDataFormat)
    }

    /// `Text` (58) of the answer: the wording of the specification.
    pub const fn text(&self) -> &'static str {
        match self.rejection {
            Rejection::Session(reason) => reason.text(),
            Rejection::Business(reason) => reason.text(),
        }
    }
}

/// `Side` (54).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// 1.
    Buy,
    /// 2.
    Sell,
    /// Another side of FIX 4.4; not supported.
    Other(u8),
}

/// `OrdType` (40).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrdType {
    /// 1.
    Market,
    /// 2.
    Limit,
    /// 3.
    Stop,
    /// 4.
    StopLimit,
    /// Another type of FIX 4.4; not supported.
    Other(u8),
}

/// `TimeInForce` (59); a day order when absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimeInForce {
    /// 0.
    Day,
    /// 1, good till cancelled.
    Gtc,
    /// 3, immediate or cancel.
    Ioc,
    /// 4, fill or kill.
    Fok,
    /// 6, good till date.
    Gtd,
    /// Another one of FIX 4.4; not supported.
    Other(u8),
}
