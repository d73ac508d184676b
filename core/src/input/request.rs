//! Clients' requests, and operators' requests about a client's session.
//!
//! A line belongs here if it describes a request. Prices and quantities are in the instrument's
//! units; whoever reads the client's message converts them.

use super::{Refusal, ScoreWeights, Side, TimeInForce};
use crate::id::{ClOrdId, InstrumentId, Name, SessionId, Symbol, VenueId};
use crate::number::{Amount, Price, Qty, UnixNanos};
use crate::wire::{Reader, Wire, WireError, Writer, wire_enum, wire_fields, wire_struct};

/// Type of a client's order (FIX 40). Children have no type: each is a limit order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum OrdType {
    /// Market (`OrdType` 40=1).
    Market = 1,
    /// Limit (`OrdType` 40=2).
    #[default]
    Limit = 2,
}

wire_enum!(OrdType { Market, Limit });

impl OrdType {
    /// Whether the order has a limit price.
    #[inline]
    pub const fn has_limit(self) -> bool {
        match self {
            Self::Market => false,
            Self::Limit => true,
        }
    }
}

/// A new order. Price and quantity are in the instrument's units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// The client session.
    pub session: SessionId,
    /// `MsgSeqNum` of the client's message.
    pub client_seq: u64,
    /// The client's id of the order (FIX 11).
    pub cl_ord_id: ClOrdId,
    /// The instrument.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// Order type (40).
    pub ord_type: OrdType,
    /// Time in force.
    pub tif: TimeInForce,
    /// Ordered quantity.
    pub qty: Qty,
    /// Limit price; zero for a market order.
    pub price: Price,
    /// Further instructions.
    pub instructions: Instructions,
    /// FIX 43 or 97: the client may have sent the request before. If its `cl_ord_id` is known, the
    /// status of that order is the answer.
    pub poss_resend: bool,
    /// Trace id: follows the order through logs from the client's bytes to the venues' and back.
    /// The gateway makes it, never zero. Zero in a [`ReplaceOrder`], whose order keeps its own.
    pub trace: u64,
}
wire_struct!(NewOrder {
    session,
    client_seq,
    cl_ord_id,
    instrument,
    side,
    ord_type,
    tif,
    qty,
    price,
    instructions,
    poss_resend,
    trace
});

/// A set of the characters that FIX uses in a `MultipleCharValue` field: `0-9`, `A-Z`, `a-z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct CharSet(pub u64);

impl CharSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// The bit of a character; `None` for one that cannot be in the set.
    const fn bit(byte: u8) -> Option<u64> {
        let place = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'Z' => byte - b'A' + 10,
            b'a'..=b'z' => byte - b'a' + 36,
            _ => return None,
        };
        Some(1 << place)
    }

    /// The set with one more character; `None` when it cannot be in the set.
    #[must_use]
    pub const fn with(self, byte: u8) -> Option<Self> {
        match Self::bit(byte) {
            Some(bit) => Some(Self(self.0 | bit)),
            None => None,
        }
    }

    /// Whether a character is in it.
    pub const fn has(self, byte: u8) -> bool {
        match Self::bit(byte) {
            Some(bit) => self.0 & bit != 0,
            None => false,
        }
    }

    /// True if every character of the set is in `others`.
    pub fn is_within(self, others: &[u8]) -> bool {
        // Nearly every order's set is empty, and each order is asked.
        if self.0 == 0 {
            return true;
        }
        let allowed = others.iter().filter_map(|byte| Self::bit(*byte)).fold(0, |a, b| a | b);
        self.0 & !allowed == 0
    }
}

/// The instructions of an order beside side, type, quantity and price. All of them reach the core,
/// and the core refuses by name those that it does not carry out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instructions {
    /// FIX 100: this venue and no other.
    pub only: Option<VenueId>,
    /// FIX 18. Carried out: `o` (cancel on connection loss), `Q` (cancel on system failure). True
    /// of every order: `1` (not held), `H` (reinstate on system failure), `K` (cancel on trading
    /// halt).
    pub exec_inst: CharSet,
    /// FIX 126: end of the order; zero for none. Given with [`TimeInForce::Gtd`], and only then.
    pub expire_at: UnixNanos,
    /// FIX 168: start of the order; zero for none. Refused.
    pub effective_at: UnixNanos,
    /// FIX 847: number of a [`Strategy`](crate::strategy::Strategy); zero for none. Others are
    /// refused.
    pub strategy: u32,
    /// FIX 848: what counts in a venue's score; `None` for the account's weights. Only with
    /// [`BY_SCORE`](crate::strategy::BY_SCORE).
    pub weights: Option<ScoreWeights>,
    /// FIX 957: number of the strategy's parameters. One that is not the deadline is refused.
    pub strategy_parameters: u8,
    /// FIX 960 of the parameter `Deadline`: when a smart order crosses at the latest; zero for
    /// none.
    pub deadline: UnixNanos,
    /// FIX 110: minimum quantity; zero for none. Only with [`TimeInForce::Ioc`].
    pub min_qty: Qty,
    /// FIX 111, 210 or 1138: displayed quantity; zero for all of it. Refused.
    pub display_qty: Qty,
    /// FIX 152: amount of the quote asset instead of a quantity; zero for none. Refused.
    pub cash_qty: Amount,
}

/// One byte for what most orders carry: no instruction.
impl Wire for Instructions {
    #[inline]
    fn put(&self, w: &mut Writer<'_>) {
        let any = *self != Self::default();
        any.put(w);
        if any {
            self.put_all(w);
        }
    }
    #[inline]
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        if !bool::get(r)? {
            return Ok(Self::default());
        }
        let read = Self::get_all(r)?;
        if read == Self::default() { Err(WireError::Value) } else { Ok(read) }
    }
}

wire_fields!(Instructions {
    only,
    exec_inst,
    expire_at,
    effective_at,
    strategy,
    weights,
    strategy_parameters,
    deadline,
    min_qty,
    display_qty,
    cash_qty
});

/// A request to change an order's quantity or price (FIX G).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplaceOrder {
    /// The id of the order (FIX 41).
    pub orig_cl_ord_id: ClOrdId,
    /// The order with its new terms. Its `cl_ord_id` is the request's, and becomes the order's when
    /// the replace is done.
    pub order: NewOrder,
}
wire_struct!(ReplaceOrder { orig_cl_ord_id, order });

/// Terms of an order that the core has no value for, as the client wrote them. The report that
/// refuses the order repeats them; nothing else reads them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WrittenTerms {
    /// FIX 54: one printable character; zero if the client wrote none.
    pub side: u8,
    /// FIX 40, likewise.
    pub ord_type: u8,
    /// FIX 59, likewise.
    pub tif: u8,
    /// FIX 38; zero if the client wrote none, or one with too many digits.
    pub qty: WrittenNumber,
    /// FIX 44, likewise.
    pub price: WrittenNumber,
    /// FIX 1; empty if the client wrote none, or one that is too long.
    pub account: Name,
}
wire_struct!(WrittenTerms { side, ord_type, tif, qty, price, account });

impl WrittenTerms {
    /// Nothing was written.
    pub const NONE: Self = Self {
        side: 0,
        ord_type: 0,
        tif: 0,
        qty: WrittenNumber::ZERO,
        price: WrittenNumber::ZERO,
        account: Name::EMPTY,
    };
}

/// A number with the decimals that the client wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WrittenNumber {
    /// All digits as one integer.
    pub digits: i64,
    /// How many of them are decimals.
    pub decimals: u8,
}
wire_struct!(WrittenNumber { digits, decimals });

impl WrittenNumber {
    /// No number.
    pub const ZERO: Self = Self { digits: 0, decimals: 0 };
}

/// An order or a replace that the gateway could read but not express in the core's terms. The core
/// journals and answers it like any other, so that the refusal reaches the client exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unacceptable {
    /// The client session.
    pub session: SessionId,
    /// `MsgSeqNum` of the client's message.
    pub client_seq: u64,
    /// The client's id of the order (FIX 11).
    pub cl_ord_id: ClOrdId,
    /// The client's name of the instrument, cut to fit.
    pub symbol: Symbol,
    /// The other terms, as the client wrote them.
    pub written: WrittenTerms,
    /// The order to be replaced; empty for a new order.
    pub orig_cl_ord_id: ClOrdId,
    /// Why the request is refused.
    pub refusal: Refusal,
    /// As in [`NewOrder::trace`]; zero for a replace.
    pub trace: u64,
}
wire_struct!(Unacceptable {
    session,
    client_seq,
    cl_ord_id,
    symbol,
    written,
    orig_cl_ord_id,
    refusal,
    trace
});

/// A cancel request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelOrder {
    /// The client session.
    pub session: SessionId,
    /// `MsgSeqNum` of the client's message.
    pub client_seq: u64,
    /// The id of the request.
    pub cl_ord_id: ClOrdId,
    /// The id of the order (FIX 41).
    pub orig_cl_ord_id: ClOrdId,
}
wire_struct!(CancelOrder { session, client_seq, cl_ord_id, orig_cl_ord_id });

/// An order status request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderStatus {
    /// The client session.
    pub session: SessionId,
    /// `MsgSeqNum` of the client's message.
    pub client_seq: u64,
    /// The id of the order (FIX 41).
    pub cl_ord_id: ClOrdId,
    /// The id of the request (FIX 790), repeated in the answer; may be empty.
    pub request: ClOrdId,
}
wire_struct!(OrderStatus { session, client_seq, cl_ord_id, request });

/// The orders of a session that a mass request is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MassScope {
    /// Only orders of this instrument (FIX 530 or 585 is 1); of all when absent (7).
    pub instrument: Option<InstrumentId>,
    /// Only orders of this side (FIX 54).
    pub side: Option<Side>,
}
wire_struct!(MassScope { instrument, side });

impl MassScope {
    /// Whether the request is about orders of that instrument and side.
    pub fn has(&self, instrument: InstrumentId, side: Side) -> bool {
        self.instrument.is_none_or(|only| only == instrument)
            && self.side.is_none_or(|only| only == side)
    }
}

/// A request to cancel many orders of the session (FIX q).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MassCancel {
    /// The client session.
    pub session: SessionId,
    /// `MsgSeqNum` of the client's message.
    pub client_seq: u64,
    /// The id of the request.
    pub cl_ord_id: ClOrdId,
    /// FIX 530 as the client wrote it, repeated in the report.
    pub asked: u8,
    /// The orders that the request is about.
    pub scope: MassScope,
    /// Why the gateway could not express the request; [`Refusal::None`] if it could.
    pub refusal: Refusal,
}
wire_struct!(MassCancel { session, client_seq, cl_ord_id, asked, scope, refusal });

/// A request for the status of every open order of the session (FIX AF).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MassStatus {
    /// The client session.
    pub session: SessionId,
    /// `MsgSeqNum` of the client's message.
    pub client_seq: u64,
    /// The id of the request (FIX 584).
    pub request: ClOrdId,
    /// The orders that the request is about.
    pub scope: MassScope,
    /// As in [`MassCancel::refusal`].
    pub refusal: Refusal,
}
wire_struct!(MassStatus { session, client_seq, request, scope, refusal });

/// What becomes of a session's open orders when its connection is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CancelOnDisconnect {
    /// All orders are cancelled; otherwise only those that ask for it (FIX 18 `o`).
    pub all: bool,
    /// Time from the loss to the cancel, in nanoseconds; a session that is back by then keeps its
    /// orders.
    pub grace_ns: u64,
}
wire_struct!(CancelOnDisconnect { all, grace_ns });

/// An operator's command about a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SessionCommand {
    /// Log the session out; it may log on again.
    Logout = 1,
    /// Close the session's connection.
    Disconnect = 2,
    /// Start both sequences at 1 with the next logon; an open connection is logged out first.
    ResetSequence = 3,
    /// Log the session out, and refuse its logons.
    Disable = 4,
    /// Accept the session's logons again.
    Enable = 5,
    /// Forget the wrong Logons of the session: no address is locked out any more.
    LiftLockouts = 6,
}
wire_enum!(SessionCommand { Logout, Disconnect, ResetSequence, Disable, Enable, LiftLockouts });

impl SessionCommand {
    /// Whether the client is sent our Logout for it.
    pub const fn logs_out(self) -> bool {
        match self {
            Self::Logout | Self::ResetSequence | Self::Disable => true,
            Self::Disconnect | Self::Enable | Self::LiftLockouts => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_characters_holds_what_was_put_in_and_nothing_else() {
        let all = (0..=u8::MAX).filter(u8::is_ascii_alphanumeric);
        let set = all.clone().fold(CharSet::EMPTY, |set, byte| set.with(byte).expect("allowed"));
        assert!((0..=u8::MAX).all(|byte| set.has(byte) == byte.is_ascii_alphanumeric()));
        assert_eq!(set.0.count_ones(), 62);
        assert!(set.is_within(&all.collect::<Vec<u8>>()) && !set.is_within(b"o"));
        assert_eq!(CharSet::EMPTY.with(b' '), None);
    }
}
