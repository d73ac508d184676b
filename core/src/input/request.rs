//! What clients ask for, and what operators ask about a client's session.
//!
//! A line belongs here if it describes a request. Prices and quantities are already in the
//! instrument's units: whoever reads the client's message converts them.

use super::{OrdType, Refusal, Side, TimeInForce};
use crate::id::{ClOrdId, InstrumentId, SessionId, Symbol, VenueId};
use crate::number::{Amount, Price, Qty, UnixNanos};
use crate::wire::{Reader, Wire, WireError, Writer, wire_enum, wire_fields, wire_struct};

/// A new order. Prices and quantities are already in the instrument's units.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// Who.
    pub session: SessionId,
    /// `MsgSeqNum` of the message that brought it.
    pub client_seq: u64,
    /// The client's id of it.
    pub cl_ord_id: ClOrdId,
    /// What.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// Market or limit.
    pub ord_type: OrdType,
    /// How long.
    pub tif: TimeInForce,
    /// How much.
    pub qty: Qty,
    /// Limit; zero for a market order.
    pub price: Price,
    /// What else it says.
    pub instructions: Instructions,
    /// FIX 97: the client has perhaps sent it before. If so, it is told how the order stands.
    pub poss_resend: bool,
    /// Follows the order through logs from the client's bytes to the venues' and back: made by the
    /// gateway, never zero. Zero in a [`ReplaceOrder`], for an order keeps the one it came with.
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
    /// No characters.
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

    /// Whether every character of it is one of `others`.
    pub fn is_within(self, others: &[u8]) -> bool {
        let allowed = others.iter().filter_map(|byte| Self::bit(*byte)).fold(0, |a, b| a | b);
        self.0 & !allowed == 0
    }
}

/// What an order says beside side, type, quantity and price. All of it reaches the core; what the
/// core does not do is refused by name, never passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instructions {
    /// FIX 100: this venue and no other.
    pub only: Option<VenueId>,
    /// FIX 18. Done: `o` (cancel on connection loss), `Q` (cancel on system failure); always so:
    /// `1` (not held), `H` (reinstate on system failure), `K` (cancel on trading halt).
    pub exec_inst: CharSet,
    /// FIX 126: over at this time; zero for none. With [`TimeInForce::Gtd`], and only then.
    pub expire_at: UnixNanos,
    /// FIX 168: not before this time; zero for none. Not done yet.
    pub effective_at: UnixNanos,
    /// FIX 847: an algorithm; zero for none. Not done yet.
    pub strategy: u32,
    /// FIX 957: its parameters. Not done yet.
    pub strategy_parameters: u8,
    /// FIX 110: at least so much at once; zero for none. Not done yet.
    pub min_qty: Qty,
    /// FIX 111, 210 or 1138: show so much at a time; zero for all. Not done yet.
    pub display_qty: Qty,
    /// FIX 152: so much of the quote asset instead of a quantity; zero for none. Not done yet.
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
    strategy_parameters,
    min_qty,
    display_qty,
    cash_qty
});

/// A request to change an order's quantity or price (FIX G).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplaceOrder {
    /// The id of the order.
    pub orig_cl_ord_id: ClOrdId,
    /// The order as it is to be: `cl_ord_id` is the request's, and the order's once it is done.
    pub order: NewOrder,
}
wire_struct!(ReplaceOrder { orig_cl_ord_id, order });

/// An order that the gateway could read but not express in the core's terms. Journaled and
/// answered by the core like any other, so that its refusal reaches the client exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unacceptable {
    /// Who.
    pub session: SessionId,
    /// `MsgSeqNum` of the message that brought it.
    pub client_seq: u64,
    /// The client's id of it.
    pub cl_ord_id: ClOrdId,
    /// What the client called the instrument (cut to fit).
    pub symbol: Symbol,
    /// Buy or sell.
    pub side: Side,
    /// The order that it was to replace; empty for a new order.
    pub orig_cl_ord_id: ClOrdId,
    /// Why.
    pub refusal: Refusal,
    /// As in [`NewOrder::trace`]: zero if it was to replace an order.
    pub trace: u64,
}
wire_struct!(Unacceptable {
    session,
    client_seq,
    cl_ord_id,
    symbol,
    side,
    orig_cl_ord_id,
    refusal,
    trace
});

/// A cancel request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelOrder {
    /// Who.
    pub session: SessionId,
    /// `MsgSeqNum` of the message that brought it.
    pub client_seq: u64,
    /// The id of the request.
    pub cl_ord_id: ClOrdId,
    /// The id of the order.
    pub orig_cl_ord_id: ClOrdId,
}
wire_struct!(CancelOrder { session, client_seq, cl_ord_id, orig_cl_ord_id });

/// An order status request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderStatus {
    /// Who.
    pub session: SessionId,
    /// `MsgSeqNum` of the message that brought it.
    pub client_seq: u64,
    /// The id of the order.
    pub cl_ord_id: ClOrdId,
    /// The id of the request (FIX 790), given back in the answer; may be empty.
    pub request: ClOrdId,
}
wire_struct!(OrderStatus { session, client_seq, cl_ord_id, request });

/// Which orders of a session a mass request means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MassScope {
    /// Only of this instrument (FIX 530 or 585 is 1); all when absent (7).
    pub instrument: Option<InstrumentId>,
    /// Only of this side (FIX 54).
    pub side: Option<Side>,
}
wire_struct!(MassScope { instrument, side });

impl MassScope {
    /// Whether an order of that instrument and side is meant.
    pub fn has(&self, instrument: InstrumentId, side: Side) -> bool {
        self.instrument.is_none_or(|only| only == instrument)
            && self.side.is_none_or(|only| only == side)
    }
}

/// A request to cancel many orders of the session (FIX q).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MassCancel {
    /// Who.
    pub session: SessionId,
    /// `MsgSeqNum` of the message that brought it.
    pub client_seq: u64,
    /// The id of the request.
    pub cl_ord_id: ClOrdId,
    /// FIX 530 as the client wrote it, for the report.
    pub asked: u8,
    /// Which.
    pub scope: MassScope,
    /// Not [`Refusal::None`]: it could be read but not expressed in the core's terms.
    pub refusal: Refusal,
}
wire_struct!(MassCancel { session, client_seq, cl_ord_id, asked, scope, refusal });

/// A request to be told of every open order of the session (FIX AF).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MassStatus {
    /// Who.
    pub session: SessionId,
    /// `MsgSeqNum` of the message that brought it.
    pub client_seq: u64,
    /// The id of the request (FIX 584).
    pub request: ClOrdId,
    /// Which.
    pub scope: MassScope,
    /// As in [`MassCancel::refusal`].
    pub refusal: Refusal,
}
wire_struct!(MassStatus { session, client_seq, request, scope, refusal });

/// What becomes of a session's open orders when its connection is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CancelOnDisconnect {
    /// All are cancelled; otherwise those that say so themselves (FIX 18 `o`).
    pub all: bool,
    /// So long after the loss, unless the session is back by then.
    pub grace_ns: u64,
}
wire_struct!(CancelOnDisconnect { all, grace_ns });

/// What an operator asks about a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SessionCommand {
    /// Log it out; it may come back.
    Logout = 1,
    /// Cut its connection.
    Disconnect = 2,
    /// Start both sequences at 1 with its next logon; a connection is logged out first.
    ResetSequence = 3,
    /// Log it out, and let it in no more.
    Disable = 4,
    /// Let it in again.
    Enable = 5,
}
wire_enum!(SessionCommand { Logout, Disconnect, ResetSequence, Disable, Enable });

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
