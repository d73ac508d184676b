//! Everything that the core tells the world.
//!
//! A line belongs here if it describes an output. Reports go to the client gateway, orders to the
//! venues go to their senders, notices go to the read model. The digest takes every field of every
//! output but [`Notice::VenueOrder`], in a fixed order that stands beside the fields.

use crate::hash::Rolling;
use crate::id::{ChildId, InstrumentId, OrderId, SessionId, VenueId};
use crate::input::{Header, Input, OrdType, SessionCommand, Side, TimeInForce};
use crate::number::{Price, Qty};

mod decision;
mod notice;
mod previewed;
mod report;

pub use decision::{BridgeLine, Decision, VenueLine, Verdict};
pub use notice::{ChildEnd, FeeState, Handover, Notice, Paused};
pub use previewed::{ClientPreview, Previewed};
pub use report::{
    CancelReject, LastFill, MassCancelReport, OperatorReport, OrdStatus, Report, ReportKind,
};

/// A new child to be sent: a limit order, also for a market order, which is swept with a worst
/// price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendNew {
    /// The venue.
    pub venue: VenueId,
    /// The child's id, from which the adapter derives the order id at the venue.
    pub child: ChildId,
    /// The client order that the child works for.
    pub order: OrderId,
    /// Trace id of that order.
    pub trace: u64,
    /// The instrument.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// IOC, FOK or GTC.
    pub tif: TimeInForce,
    /// The venue is to refuse or end the child if it would take. With GTC only.
    pub post_only: bool,
    /// Ordered quantity.
    pub qty: Qty,
    /// Limit price.
    pub price: Price,
}

impl SendNew {
    fn mix(&self, hash: &mut Rolling) {
        let enums = u64::from_le_bytes([
            3,
            self.venue.0,
            self.side as u8,
            OrdType::Limit as u8,
            self.tif as u8,
            u8::from(self.post_only),
            self.instrument.0 as u8,
            (self.instrument.0 >> 8) as u8,
        ]);
        hash.pair(enums, self.child.0);
        hash.pair(self.qty.0.cast_unsigned(), self.price.0.cast_unsigned());
        hash.pair(self.order.0, self.trace);
    }
}

/// A child to be cancelled, or to be queried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChildRef {
    /// The child's venue.
    pub venue: VenueId,
    /// The child.
    pub child: ChildId,
    /// The client order that the child works for.
    pub order: OrderId,
    /// Trace id of that order.
    pub trace: u64,
    /// The instrument.
    pub instrument: InstrumentId,
}

impl ChildRef {
    fn mix(&self, hash: &mut Rolling, tag: u64) {
        let ids = tag | u64::from(self.venue.0) << 8 | u64::from(self.instrument.0) << 16;
        hash.pair(ids, self.child.0);
        hash.pair(self.order.0, self.trace);
    }
}

/// A child's quantity is to be reduced in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendReduce {
    /// The child.
    pub of: ChildRef,
    /// The child's new quantity in all, filled and open, below the one before.
    pub qty: Qty,
}

/// The closed set of outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "a ring slot holds the largest anyway")]
pub enum Output {
    /// An execution report to a client.
    Report(Report),
    /// A cancel reject to a client.
    CancelReject(CancelReject),
    /// A mass cancel report to a client.
    MassCancelReport(MassCancelReport),
    /// A command to the client gateway.
    Command(SessionId, SessionCommand),
    /// The answer to an operator's command.
    Operator(OperatorReport),
    /// A part of the answer to a preview, with the number of the request at the console.
    Preview(u64, Previewed),
    /// A part of the answer to a client's preview.
    ClientPreview(ClientPreview),
    /// A new child, to a sender.
    SendNew(SendNew),
    /// A cancel of a child, to a sender.
    SendCancel(ChildRef),
    /// To a sender: the child is amended at its venue and keeps its place.
    SendReduce(SendReduce),
    /// To a sender: the venue is queried about the child.
    Query(ChildRef),
    /// To a sender: the venue is asked for its balances. Also the probe of a circuit breaker, for
    /// the query is signed and changes nothing.
    AskBalances(VenueId),
    /// An event, to the read model.
    Notice(Notice),
}

impl Output {
    /// Mixes every field into the rolling digest.
    #[inline]
    pub(crate) fn mix(&self, hash: &mut Rolling) {
        match self {
            Self::Report(report) => report.mix(hash),
            Self::CancelReject(reject) => reject.mix(hash),
            Self::MassCancelReport(report) => report.mix(hash),
            Self::Command(session, command) => {
                hash.pair(7 | (*command as u64) << 8, u64::from(session.0));
            }
            Self::Operator(report) => report.mix(hash),
            Self::Preview(request, part) => {
                hash.pair(9, *request);
                part.mix(hash);
            }
            Self::ClientPreview(part) => {
                hash.word(0x80);
                part.mix(hash);
            }
            Self::SendNew(send) => send.mix(hash),
            Self::SendCancel(child) => child.mix(hash, 4),
            Self::SendReduce(SendReduce { of, qty }) => {
                of.mix(hash, 0x82);
                hash.word(qty.0.cast_unsigned());
            }
            Self::Query(child) => child.mix(hash, 5),
            Self::AskBalances(venue) => hash.pair(6, u64::from(venue.0)),
            Self::Notice(notice) => notice.mix(hash),
        }
    }
}

/// Receives the outputs of the core.
pub trait Sink {
    /// One output, in order.
    fn output(&mut self, output: &Output);

    /// Whether the sink takes routing decisions. A decision tells of every venue, so a plan for a
    /// sink that takes none looks at fewer.
    fn wants_decisions(&self) -> bool {
        false
    }

    /// One routing decision, before the outputs that carry it out. Only for a sink that
    /// [wants](Self::wants_decisions) decisions.
    fn decision(&mut self, _decision: &Decision<'_>) {}

    /// One input, before the outputs that it causes. A replay's sink learns from the input the
    /// sequence and the time of the outputs, and the reference data.
    fn input(&mut self, _header: Header, _input: &Input) {}
}

impl Sink for Vec<Output> {
    fn output(&mut self, output: &Output) {
        self.push(*output);
    }
}
