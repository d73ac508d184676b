//! What clients and operators are told, each beside the order in which the digest takes its fields.
//!
//! A line belongs here if it describes an answer to a client or to an operator. What a FIX version
//! calls a field is the client gateway's.
//!
//! A field that is added to a report is mixed into the digest only where it has a value that no
//! journal that exists can give it; otherwise the digests of those journals change.

use crate::hash::Rolling;
use crate::id::{
    AssetId, ChildId, ClOrdId, ExecId, InstrumentId, OrderId, SessionId, Symbol, VenueId,
    VenueOrderId,
};
use crate::input::{
    Choice, Input, Liquidity, MassScope, Operator, OrdType, Refusal, ScoreWeights, Side,
    TimeInForce, WrittenTerms,
};
use crate::number::{Amount, Notional, Price, Qty, UnixNanos};
use crate::strategy::Strategy;
use crate::waiting::Waiting;
use crate::wire::{INPUT_BYTES_MAX, encode};

/// FIX `ExecType` (150) of a [`Report`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ReportKind {
    /// New (`ExecType` 150=0).
    New = b'0',
    /// Canceled (`ExecType` 150=4).
    Canceled = b'4',
    /// Replaced (`ExecType` 150=5).
    Replaced = b'5',
    /// Pending cancel (`ExecType` 150=6).
    PendingCancel = b'6',
    /// Rejected (`ExecType` 150=8).
    Rejected = b'8',
    /// Expired (`ExecType` 150=C).
    Expired = b'C',
    /// Restated (`ExecType` 150=D): we have changed the order, and it goes on.
    Restated = b'D',
    /// Pending replace (`ExecType` 150=E).
    PendingReplace = b'E',
    /// Trade (`ExecType` 150=F).
    Trade = b'F',
    /// Order status (`ExecType` 150=I).
    OrderStatus = b'I',
}

/// FIX `OrdStatus` (39).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum OrdStatus {
    /// New (`OrdStatus` 39=0).
    New = b'0',
    /// Partially filled (`OrdStatus` 39=1).
    PartiallyFilled = b'1',
    /// Filled (`OrdStatus` 39=2).
    Filled = b'2',
    /// Canceled (`OrdStatus` 39=4).
    Canceled = b'4',
    /// Pending cancel (`OrdStatus` 39=6).
    PendingCancel = b'6',
    /// Rejected (`OrdStatus` 39=8).
    Rejected = b'8',
    /// 39=A: accepted for later (scheduled, or waiting for its trigger).
    PendingNew = b'A',
    /// Expired (`OrdStatus` 39=C).
    Expired = b'C',
    /// Pending replace (`OrdStatus` 39=E).
    PendingReplace = b'E',
}

/// An execution report (FIX 35=8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The client session that gets the report.
    pub session: SessionId,
    /// Number of this event for that session, dense from 1. The number is what makes delivery
    /// exactly-once.
    pub event: u64,
    /// `MsgSeqNum` of the client's message that the report answers; 0 when it answers none.
    pub client_seq: u64,
    /// Time of the input that caused the report.
    pub time: UnixNanos,
    /// FIX `ExecID` (17): number of this report, dense from 1 over all sessions.
    pub exec: u64,
    /// The order; zero when it was refused before it got an id.
    pub order: OrderId,
    /// Trace id of the order ([`NewOrder::trace`](crate::input::NewOrder::trace)), also of one that
    /// was refused; zero where the report is about no order.
    pub trace: u64,
    /// `ExecType` (150).
    pub kind: ReportKind,
    /// `OrdStatus` (39).
    pub status: OrdStatus,
    /// The order has been replaced before. FIX 4.2 has a status of its own for such an order.
    pub replaced: bool,
    /// `ClOrdID` (11).
    pub cl_ord_id: ClOrdId,
    /// `OrigClOrdID` (41); empty if none.
    pub orig_cl_ord_id: ClOrdId,
    /// Id of the status request that the report answers (FIX 790, or 584 of a mass status); empty
    /// if none.
    pub request: ClOrdId,
    /// FIX 911: number of reports that answer one mass status; zero for any other report.
    pub mass_total: u32,
    /// How many reports of that mass status follow this one.
    pub mass_left: u32,
    /// The instrument; `None` when it is unknown, see [`Report::symbol`].
    pub instrument: Option<InstrumentId>,
    /// What the client called an unknown instrument; empty otherwise.
    pub symbol: Symbol,
    /// The terms of a refused order that the core has no value for, as the client wrote them.
    /// They stand in place of side, type, time in force, quantity and price.
    pub written: WrittenTerms,
    /// `Side` (54).
    pub side: Side,
    /// `OrdType` (40).
    pub ord_type: OrdType,
    /// `TimeInForce` (59).
    pub tif: TimeInForce,
    /// How the order is executed: `TargetStrategy` (847).
    pub strategy: Strategy,
    /// How the order chooses between venues, if it says so itself.
    pub choice: Choice,
    /// Weights of its own: `TargetStrategyParameters` (848); `None` if it names none.
    pub weights: Option<ScoreWeights>,
    /// `MinQty` (110); zero if none.
    pub min_qty: Qty,
    /// `OrderQty` (38).
    pub qty: Qty,
    /// `Price` (44); zero if none.
    pub price: Price,
    /// `CumQty` (14).
    pub filled: Qty,
    /// `LeavesQty` (151).
    pub leaves: Qty,
    /// Sum of price times quantity over all fills: FIX 14 times 6.
    pub filled_notional: Notional,
    /// The execution that a trade report tells; `None` in other reports.
    pub last: Option<LastFill>,
    /// Why the order was refused, cancelled, restated or expired; [`Refusal::None`] in other
    /// reports.
    pub reason: Refusal,
    /// Of a status: why a part of the order is at no venue; [`Waiting::Nothing`] in other reports.
    pub waiting: Waiting,
    /// The instrument at which the execution took place, if it is not the order's own: a bridge.
    /// [`LastFill::price`] is then net, in the order's quote asset.
    pub via: Option<InstrumentId>,
}

impl Report {
    /// A report about no order: what a report does not say.
    pub const BLANK: Self = Self {
        session: SessionId(0),
        event: 0,
        client_seq: 0,
        time: UnixNanos(0),
        exec: 0,
        order: OrderId(0),
        trace: 0,
        kind: ReportKind::Rejected,
        status: OrdStatus::Rejected,
        replaced: false,
        cl_ord_id: ClOrdId::EMPTY,
        orig_cl_ord_id: ClOrdId::EMPTY,
        request: ClOrdId::EMPTY,
        mass_total: 0,
        mass_left: 0,
        instrument: None,
        symbol: Symbol::EMPTY,
        written: WrittenTerms::NONE,
        side: Side::Buy,
        ord_type: OrdType::Limit,
        tif: TimeInForce::Day,
        strategy: Strategy::Cross,
        choice: Choice::OfAccount,
        weights: None,
        min_qty: Qty::ZERO,
        qty: Qty::ZERO,
        price: Price(0),
        filled: Qty::ZERO,
        leaves: Qty::ZERO,
        filled_notional: Notional(0),
        last: None,
        reason: Refusal::None,
        waiting: Waiting::Nothing,
        via: None,
    };

    pub(super) fn mix(&self, hash: &mut Rolling) {
        let enums = u64::from_le_bytes([
            1,
            self.kind as u8,
            self.status as u8,
            self.side as u8,
            self.ord_type as u8,
            self.tif as u8,
            self.reason as u8,
            u8::from(self.last.is_some()) | u8::from(self.replaced) << 1,
        ]);
        hash.pair(enums, self.event);
        hash.pair(
            u64::from(self.session.0) << 32
                | u64::from(self.instrument.map_or(u16::MAX, |instrument| instrument.0)),
            self.client_seq,
        );
        hash.pair(self.time.0, self.exec);
        hash.text(&self.cl_ord_id);
        hash.text(&self.orig_cl_ord_id);
        if !self.symbol.is_empty() {
            hash.text(&self.symbol);
        }
        if self.written != WrittenTerms::NONE {
            let WrittenTerms { side, ord_type, tif, qty, price, account } = self.written;
            let terms = [side, ord_type, tif, qty.decimals, price.decimals, 0, 0, 0];
            hash.word(u64::from_le_bytes(terms));
            hash.pair(qty.digits.cast_unsigned(), price.digits.cast_unsigned());
            hash.text(&account);
        }
        if !self.request.is_empty() {
            hash.text(&self.request);
            hash.pair(u64::from(self.mass_total), u64::from(self.mass_left));
        }
        hash.pair(self.order.0, self.qty.0.cast_unsigned());
        hash.pair(self.price.0.cast_unsigned(), self.filled.0.cast_unsigned());
        hash.pair(self.leaves.0.cast_unsigned(), self.trace);
        hash.notional(self.filled_notional);
        if let Some(last) = &self.last {
            last.mix(hash);
        }
        if self.strategy != Strategy::Cross {
            hash.pair(self.strategy as u64, self.min_qty.0.cast_unsigned());
        }
        if self.choice != Choice::OfAccount {
            let weights = self.weights.map_or([0; 4], |weights| {
                let ScoreWeights { price, latency, reliability, liquidity } = weights;
                [price, latency, reliability, liquidity]
            });
            let packed = weights.iter().fold(0, |all, weight| all << 8 | u64::from(*weight));
            hash.pair(self.choice as u64, packed);
        }
        if let Some(via) = self.via {
            hash.word(u64::from(via.0) | 1 << 32);
        }
        if self.waiting != Waiting::Nothing {
            hash.word(self.waiting as u64);
        }
    }
}

/// The execution in a trade report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastFill {
    /// `LastMkt` (30): the venue.
    pub venue: VenueId,
    /// `LastLiquidityInd` (851).
    pub liquidity: Liquidity,
    /// `LastQty` (32).
    pub qty: Qty,
    /// `LastPx` (31).
    pub price: Price,
    /// `MiscFeeAmt` (137); negative is a rebate.
    pub fee: Amount,
    /// `MiscFeeCurr` (138).
    pub fee_asset: AssetId,
    /// FIX 526: the child order that was executed.
    pub child: ChildId,
    /// `SecondaryExecID` (527): the venue's execution id.
    pub exec: ExecId,
    /// FIX 198: the venue's id of the child; empty if the venue has told none.
    pub venue_order: VenueOrderId,
}

impl LastFill {
    fn mix(&self, hash: &mut Rolling) {
        let enums = u64::from_le_bytes([self.venue.0, self.liquidity as u8, 0, 0, 0, 0, 0, 0]);
        hash.pair(enums, u64::from(self.fee_asset.0));
        hash.pair(self.qty.0.cast_unsigned(), self.price.0.cast_unsigned());
        hash.amount(self.fee);
        hash.word(self.child.0);
        hash.wide(self.exec.0.cast_signed());
        hash.text(&self.venue_order);
    }
}

/// A cancel reject (FIX 35=9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelReject {
    /// The client session that gets the reject.
    pub session: SessionId,
    /// As in [`Report::event`].
    pub event: u64,
    /// As in [`Report::client_seq`].
    pub client_seq: u64,
    /// Time of the input that caused the reject.
    pub time: UnixNanos,
    /// The order; zero when it is unknown.
    pub order: OrderId,
    /// As in [`Report::trace`].
    pub trace: u64,
    /// FIX 11: the id of the request.
    pub cl_ord_id: ClOrdId,
    /// FIX 41: the id of the order.
    pub orig_cl_ord_id: ClOrdId,
    /// `OrdStatus` (39).
    pub status: OrdStatus,
    /// FIX 434: the request was to replace the order, not to cancel it.
    pub of_replace: bool,
    /// Why the request was refused.
    pub reason: Refusal,
}

impl CancelReject {
    pub(super) fn mix(&self, hash: &mut Rolling) {
        let of_replace = u8::from(self.of_replace);
        let enums = [2, self.status as u8, self.reason as u8, of_replace, 0, 0, 0, 0];
        hash.pair(u64::from_le_bytes(enums), self.event);
        hash.pair(u64::from(self.session.0), self.client_seq);
        hash.pair(self.time.0, self.order.0);
        hash.word(self.trace);
        hash.text(&self.cl_ord_id);
        hash.text(&self.orig_cl_ord_id);
    }
}

/// A mass cancel report (FIX 35=r). The orders' own reports come before or after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MassCancelReport {
    /// The client session that gets the report.
    pub session: SessionId,
    /// As in [`Report::event`].
    pub event: u64,
    /// As in [`Report::client_seq`].
    pub client_seq: u64,
    /// Time of the input that caused the report.
    pub time: UnixNanos,
    /// FIX 11: the id of the request.
    pub cl_ord_id: ClOrdId,
    /// FIX 530 (`MassCancelRequestType`) as the client wrote it.
    pub asked: u8,
    /// The orders that the request was about.
    pub scope: MassScope,
    /// FIX 533: number of orders that are being cancelled.
    pub affected: u32,
    /// Why the request was refused; [`Refusal::None`] if it was not.
    pub reason: Refusal,
}

impl MassCancelReport {
    pub(super) fn mix(&self, hash: &mut Rolling) {
        let instrument = self.scope.instrument.map_or(u16::MAX, |instrument| instrument.0);
        let side = self.scope.side.map_or(0, |side| side as u8);
        let [low, high] = instrument.to_le_bytes();
        let enums = u64::from_le_bytes([6, self.reason as u8, side, low, high, self.asked, 0, 0]);
        hash.pair(enums, self.event);
        hash.pair(u64::from(self.session.0) << 32 | u64::from(self.affected), self.client_seq);
        hash.word(self.time.0);
        hash.text(&self.cl_ord_id);
    }
}

/// The answer to an operator's command. Everything that the command caused comes before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperatorReport {
    /// The command, with the operator's name and reason.
    pub operator: Operator,
    /// Time of the command's input.
    pub time: UnixNanos,
    /// Number of orders that are being cancelled; for the halt of a venue, number of children.
    pub affected: u32,
    /// Why the command was refused, in which case nothing was changed; or [`Refusal::None`].
    pub refusal: Refusal,
}

impl OperatorReport {
    /// The command is mixed in as the bytes that the journal holds, eight bytes a word.
    pub(super) fn mix(&self, hash: &mut Rolling) {
        hash.pair(8 | (self.refusal as u64) << 8, u64::from(self.affected));
        hash.word(self.time.0);
        let mut bytes = [0; INPUT_BYTES_MAX];
        let len = encode(&Input::Operator(self.operator), &mut bytes);
        for chunk in bytes[..len].chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            hash.word(u64::from_le_bytes(word));
        }
    }
}
