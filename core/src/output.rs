//! Everything that the core tells the world.
//!
//! A line belongs here if it describes an output. Who reads it: reports go to the client gateway,
//! commands to the senders, notices to the read model. `digest` mixes all of it.

use crate::id::{
    AccountId, AssetId, ChildId, ClOrdId, ExecId, InstrumentId, OrderId, SessionId, Symbol,
    VenueId, VenueOrderId,
};
use crate::input::{
    ChildFill, Distrust, Header, Input, Liquidity, MassScope, Operator, OrdType, Refusal,
    SessionCommand, Side, TimeInForce, VenueReject,
};
use crate::number::{Amount, Notional, Price, Qty, UnixNanos};

/// FIX `ExecType` (150) of a [`Report`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ReportKind {
    /// 150=0.
    New = b'0',
    /// 150=4.
    Canceled = b'4',
    /// 150=5.
    Replaced = b'5',
    /// 150=6.
    PendingCancel = b'6',
    /// 150=8.
    Rejected = b'8',
    /// 150=C.
    Expired = b'C',
    /// 150=E.
    PendingReplace = b'E',
    /// 150=F.
    Trade = b'F',
    /// 150=I.
    OrderStatus = b'I',
}

/// FIX `OrdStatus` (39).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum OrdStatus {
    /// 39=0.
    New = b'0',
    /// 39=1.
    PartiallyFilled = b'1',
    /// 39=2.
    Filled = b'2',
    /// 39=4.
    Canceled = b'4',
    /// 39=6.
    PendingCancel = b'6',
    /// 39=8.
    Rejected = b'8',
    /// 39=A: accepted for later (scheduled, or waiting for its trigger).
    PendingNew = b'A',
    /// 39=C.
    Expired = b'C',
    /// 39=E.
    PendingReplace = b'E',
}

/// An execution report (FIX 35=8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// To whom.
    pub session: SessionId,
    /// Number of this event for that session: dense from 1. What makes delivery exactly-once.
    pub event: u64,
    /// `MsgSeqNum` of the client's message that this answers; 0 when it answers none.
    pub client_seq: u64,
    /// When.
    pub time: UnixNanos,
    /// FIX `ExecID` (17): the number of this report, dense from 1 over all sessions.
    pub exec: u64,
    /// The order; zero when it was refused before it got an id.
    pub order: OrderId,
    /// The order's trace ([`NewOrder::trace`](crate::input::NewOrder::trace)), also of one that was
    /// refused; zero where no order is meant.
    pub trace: u64,
    /// FIX 150.
    pub kind: ReportKind,
    /// FIX 39.
    pub status: OrdStatus,
    /// The order has been replaced: FIX 4.2 has a status of its own for it.
    pub replaced: bool,
    /// FIX 11.
    pub cl_ord_id: ClOrdId,
    /// FIX 41; empty if none.
    pub orig_cl_ord_id: ClOrdId,
    /// Of an order's status: the id of the request for it (790, or 584 of a mass status); empty if
    /// none.
    pub request: ClOrdId,
    /// FIX 911: reports that answer one mass status; zero for any other report.
    pub mass_total: u32,
    /// Of those, how many follow.
    pub mass_left: u32,
    /// The instrument; [`Report::symbol`] when it is not known.
    pub instrument: Option<InstrumentId>,
    /// What the client called an unknown instrument.
    pub symbol: Symbol,
    /// FIX 54.
    pub side: Side,
    /// FIX 40.
    pub ord_type: OrdType,
    /// FIX 59.
    pub tif: TimeInForce,
    /// FIX 38.
    pub qty: Qty,
    /// FIX 44; zero if none.
    pub price: Price,
    /// FIX 14.
    pub filled: Qty,
    /// FIX 151.
    pub leaves: Qty,
    /// FIX 14 times 6.
    pub filled_notional: Notional,
    /// Of a trade: the execution.
    pub last: Option<LastFill>,
    /// Why, when refused, cancelled or expired.
    pub reason: Refusal,
}

/// The execution that a trade report tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LastFill {
    /// FIX 30.
    pub venue: VenueId,
    /// FIX 851.
    pub liquidity: Liquidity,
    /// FIX 32.
    pub qty: Qty,
    /// FIX 31.
    pub price: Price,
    /// FIX 137.
    pub fee: Amount,
    /// FIX 138.
    pub fee_asset: AssetId,
    /// FIX 526: what we sent there.
    pub child: ChildId,
    /// FIX 527: the venue's id of the execution.
    pub exec: ExecId,
    /// FIX 198: the venue's id of the order; empty if it never told one.
    pub venue_order: VenueOrderId,
}

/// A cancel reject (FIX 35=9).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CancelReject {
    /// To whom.
    pub session: SessionId,
    /// As in [`Report::event`].
    pub event: u64,
    /// As in [`Report::client_seq`].
    pub client_seq: u64,
    /// When.
    pub time: UnixNanos,
    /// The order; zero when unknown.
    pub order: OrderId,
    /// As in [`Report::trace`].
    pub trace: u64,
    /// FIX 11: the request.
    pub cl_ord_id: ClOrdId,
    /// FIX 41: the order.
    pub orig_cl_ord_id: ClOrdId,
    /// FIX 39.
    pub status: OrdStatus,
    /// FIX 434: it answers a request to replace, not to cancel.
    pub of_replace: bool,
    /// Why.
    pub reason: Refusal,
}

/// A mass cancel report (FIX 35=r). The orders' own reports come before or after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MassCancelReport {
    /// To whom.
    pub session: SessionId,
    /// As in [`Report::event`].
    pub event: u64,
    /// As in [`Report::client_seq`].
    pub client_seq: u64,
    /// When.
    pub time: UnixNanos,
    /// FIX 11: the request.
    pub cl_ord_id: ClOrdId,
    /// FIX 530.
    pub asked: u8,
    /// What was asked for.
    pub scope: MassScope,
    /// FIX 533: orders that are being called back.
    pub affected: u32,
    /// Why not, if not.
    pub reason: Refusal,
}

/// What became of an operator's command; what it caused comes before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperatorReport {
    /// The command, with who and why.
    pub operator: Operator,
    /// When.
    pub time: UnixNanos,
    /// Orders that are being called back; of a venue's halt: children.
    pub affected: u32,
    /// Why not, if not: nothing was changed then.
    pub refusal: Refusal,
}

/// Orders a new child to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendNew {
    /// Where.
    pub venue: VenueId,
    /// Its id; the venue's text id derives from it.
    pub child: ChildId,
    /// For which client order.
    pub order: OrderId,
    /// That order's trace.
    pub trace: u64,
    /// What.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// Always a limit at present: a market order is swept with a worst price.
    pub ord_type: OrdType,
    /// IOC, FOK or GTC.
    pub tif: TimeInForce,
    /// How much.
    pub qty: Qty,
    /// Limit.
    pub price: Price,
}

/// Orders a child to be cancelled, or asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildRef {
    /// Where.
    pub venue: VenueId,
    /// Which.
    pub child: ChildId,
    /// For which client order.
    pub order: OrderId,
    /// That order's trace.
    pub trace: u64,
    /// What.
    pub instrument: InstrumentId,
}

/// How a child came to an end other than by its last fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ChildEnd {
    /// The venue gave it back.
    Canceled = 1,
    /// Its time at the venue was over.
    Expired = 2,
    /// The venue refused it, or it never arrived.
    Rejected = 3,
}

/// Something that an operator should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A venue is up.
    VenueUp(VenueId),
    /// A venue is down.
    VenueDown(VenueId),
    /// A book is not trusted.
    BookDistrusted(VenueId, InstrumentId, Distrust),
    /// A book is trusted again.
    BookTrusted(VenueId, InstrumentId),
    /// A venue has taken a child.
    ChildAccepted(VenueId, ChildId),
    /// A child is over without being filled whole.
    ChildEnded(VenueId, ChildId, ChildEnd),
    /// A child's fate is unknown.
    ChildUnknown(VenueId, ChildId),
    /// A child's fate is known again.
    ChildResolved(VenueId, ChildId),
    /// A venue refused a child.
    ChildRejected(VenueId, ChildId, VenueReject),
    /// A fill came for a child that is over or not ours: booked, not reported.
    OrphanFill(ChildFill),
    /// More was filled than was ordered: booked to the account, and reported without this much.
    Overfill(AccountId, ChildFill, Qty),
    /// An event that this child's state does not allow; nothing was changed.
    IllegalEvent(VenueId, ChildId),
    /// A child that is over was found open at its venue and is called back: it should not be there,
    /// or the answer is older than the news of its end.
    FoundAfterEnd(VenueId, ChildId),
    /// An order is being called back, and has children that have to end first; not told for its
    /// client's own request, which is reported.
    CalledBack(OrderId, Refusal),
    /// A venue will not give back what is left of an order that has to end; it is still there.
    CancelStuck(OrderId),
    /// A venue tells what it holds for us in all.
    Balance(VenueId, AssetId, Amount),
    /// Reference data that contradicts what is known; nothing was changed.
    BadReference,
    /// Trading is halted.
    Halted,
    /// Trading is on.
    Resumed,
}

/// The closed set of outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "a ring slot holds the largest anyway")]
pub enum Output {
    /// To a client.
    Report(Report),
    /// To a client.
    CancelReject(CancelReject),
    /// To a client.
    MassCancelReport(MassCancelReport),
    /// To the client gateway.
    Command(SessionId, SessionCommand),
    /// To the console that asked, and to the audit.
    Operator(OperatorReport),
    /// To a sender.
    SendNew(SendNew),
    /// To a sender.
    SendCancel(ChildRef),
    /// To a sender: what became of it?
    Query(ChildRef),
    /// To the read model.
    Notice(Notice),
}

/// What became of one venue in one routing decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Verdict {
    /// Gets a child that takes.
    Taken = 1,
    /// Gets the child that rests.
    Rested = 2,
    /// Its prices lost.
    WorsePrice = 3,
    /// It is down.
    VenueDown = 4,
    /// It does not list the instrument, or is switched off.
    NotListed = 5,
    /// Its book is not trusted.
    Untrusted = 6,
    /// Its book is stale.
    Stale = 7,
    /// Its book is crossed.
    Crossed = 8,
    /// Too little money there.
    NoFunds = 9,
    /// Too many orders there in this window.
    NoRate = 10,
    /// What it would get is below its minimum.
    BelowMinimum = 11,
    /// Nothing within the order's limit.
    BeyondLimit = 12,
    /// It takes no fill-or-kill.
    NoFok = 13,
    /// It did not fill this order here a moment ago, and its book has not changed since.
    Faded = 14,
    /// It refused a child of this order.
    Avoided = 15,
    /// It has too many orders to answer.
    Busy = 16,
    /// An order of our own stands in the way: nobody trades with himself.
    OwnOrder = 17,
    /// The client named another venue.
    NotNamed = 18,
    /// An operator has drained or halted it.
    Drained = 19,
}

/// One venue's line of a [`Decision`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VenueLine {
    /// Which venue.
    pub venue: VenueId,
    /// What became of it.
    pub verdict: Verdict,
    /// What it gets in all.
    pub qty: Qty,
    /// Worst price taken, or the resting price.
    pub price: Price,
    /// Best price seen on the side that would be hit; zero if none.
    pub best: Price,
    /// That price with the taker fee, times a million.
    pub best_all_in: i128,
    /// Nanoseconds since the book last changed.
    pub age_ns: u64,
}

/// Why an order went where it went. Not on the ring: a replay makes it again, to the bit.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// Which order.
    pub order: OrderId,
    /// What.
    pub instrument: InstrumentId,
    /// How much was to be routed.
    pub qty: Qty,
    /// 1 for the first time.
    pub round: u8,
    /// A line for each venue.
    pub venues: &'a [VenueLine],
}

/// Takes what the core decides.
pub trait Sink {
    /// One output, in order.
    fn output(&mut self, output: &Output);

    /// One routing decision, before the outputs that carry it out.
    fn decision(&mut self, _decision: &Decision<'_>) {}

    /// One input, before anything that it makes: a replay's sink learns the sequence and the time
    /// of the outputs from it, and the reference data.
    fn input(&mut self, _header: Header, _input: &Input) {}
}

impl Sink for Vec<Output> {
    fn output(&mut self, output: &Output) {
        self.push(*output);
    }
}
