//! Events of orders: one ring for all orders, in which the newest event overwrites the oldest. Each
//! event links to the previous one of its order. Overwritten events are only in the journal.

use rutter_core::id::{ChildId, VenueId};
use rutter_core::input::{InstrumentDef, Refusal, TimeInForce, VenueReject};
use rutter_core::number::{Price, Qty, UnixNanos};
use rutter_core::output::ChildEnd;
use rutter_core::resident::resident;
use rutter_core::waiting::Waiting;

use super::number::decimal;

/// The kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    New,
    PendingCancel,
    PendingReplace,
    Replaced,
    Restated(Refusal),
    Canceled(Refusal),
    Expired(Refusal),
    Trade,
    CancelReject(Refusal),
    CalledBack(Refusal),
    CancelStuck,
    Waits(Waiting),
    SendNew(TimeInForce),
    Shares,
    PartReduced,
    SendCancel,
    SendReduce,
    Query,
    ChildAccepted,
    ChildEnded(ChildEnd),
    ChildUnknown,
    ChildResolved,
    ChildRejected(VenueReject),
    ChildAmended,
    AmendRejected(VenueReject),
    Barred(VenueReject),
    Overfill,
    Reconciled,
    Contradicted,
    FoundAfterEnd,
    IllegalEvent,
}

impl EventKind {
    /// The word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::New => "New",
            Self::PendingCancel => "PendingCancel",
            Self::PendingReplace => "PendingReplace",
            Self::Replaced => "Replaced",
            Self::Restated(_) => "Restated",
            Self::Canceled(_) => "Canceled",
            Self::Expired(_) => "Expired",
            Self::Trade => "Trade",
            Self::CancelReject(_) => "CancelReject",
            Self::CalledBack(_) => "CalledBack",
            Self::CancelStuck => "CancelStuck",
            Self::Waits(Waiting::Nothing) => "WaitsNoMore",
            Self::Waits(_) => "Waits",
            Self::SendNew(_) => "SendNew",
            Self::Shares => "Shares",
            Self::PartReduced => "PartReduced",
            Self::SendCancel => "SendCancel",
            Self::SendReduce => "SendReduce",
            Self::Query => "Query",
            Self::ChildAccepted => "ChildAccepted",
            Self::ChildEnded(_) => "ChildEnded",
            Self::ChildUnknown => "ChildUnknown",
            Self::ChildResolved => "ChildResolved",
            Self::ChildRejected(_) => "ChildRejected",
            Self::ChildAmended => "ChildAmended",
            Self::AmendRejected(_) => "AmendRejected",
            Self::Barred(_) => "Barred",
            Self::Overfill => "Overfill",
            Self::Reconciled => "Reconciled",
            Self::Contradicted => "Contradicted",
            Self::FoundAfterEnd => "FoundAfterEnd",
            Self::IllegalEvent => "IllegalEvent",
        }
    }
}

/// One event of an order.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub seq: u64,
    pub time: UnixNanos,
    /// The order's event before it; zero if it is the first.
    pub previous: u64,
    pub what: EventKind,
    /// The child; zero for an event of the order itself.
    pub child: ChildId,
    pub venue: VenueId,
    pub qty: Qty,
    pub price: Price,
}

impl Event {
    /// A place that was never used.
    const EMPTY: Self = Self {
        seq: 0,
        time: UnixNanos(0),
        previous: 0,
        what: EventKind::New,
        child: ChildId(0),
        venue: VenueId(0),
        qty: Qty::ZERO,
        price: Price(0),
    };

    /// The event as text; `venue` is the name of its venue.
    pub fn text(&self, def: Option<&InstrumentDef>, venue: &str) -> String {
        let (price, qty) = def.map_or((0, 0), |def| (def.price_decimals, def.qty_decimals));
        let qty = decimal(i128::from(self.qty.0), u32::from(qty));
        let terms = match self.price.0 {
            0 => format!("{qty} at market"),
            mantissa => format!("{qty} @ {}", decimal(i128::from(mantissa), u32::from(price))),
        };
        match self.what {
            EventKind::New | EventKind::Replaced => terms,
            EventKind::Canceled(why) | EventKind::Expired(why) | EventKind::CancelReject(why) => {
                format!("{why:?}")
            }
            EventKind::CalledBack(why) => format!("{why:?}"),
            EventKind::Restated(why) => format!("{terms}, {why:?}"),
            EventKind::Waits(why) => why.word().unwrap_or_default().to_owned(),
            EventKind::Trade => format!("{terms} on {venue}"),
            EventKind::SendNew(tif) => format!("{terms} {tif:?} to {venue}"),
            EventKind::PartReduced => format!("{qty} in all in a shared child on {venue}"),
            EventKind::Shares => format!("{qty} in a shared child to {venue}"),
            EventKind::ChildEnded(ChildEnd::Resolved) => format!("by an operator, at {venue}"),
            EventKind::ChildEnded(end) => format!("{end:?} by {venue}"),
            EventKind::ChildRejected(why) | EventKind::AmendRejected(why) => {
                format!("{why:?} by {venue}")
            }
            EventKind::SendReduce => format!("to {qty} in all, to {venue}"),
            EventKind::ChildAmended => format!("{qty} in all on {venue}"),
            EventKind::Barred(why) => format!("{why:?}: not sent to {venue} again"),
            EventKind::Overfill => format!("{qty} beyond, on {venue}"),
            EventKind::Reconciled => format!("{terms} on {venue}, not booked again"),
            EventKind::Contradicted => format!("{venue} tells {qty} in all"),
            EventKind::SendCancel | EventKind::Query => format!("to {venue}"),
            EventKind::ChildAccepted
            | EventKind::ChildUnknown
            | EventKind::ChildResolved
            | EventKind::FoundAfterEnd
            | EventKind::IllegalEvent => format!("on {venue}"),
            EventKind::PendingCancel | EventKind::PendingReplace | EventKind::CancelStuck => {
                String::new()
            }
        }
    }
}

/// The newest `2^log2` events, numbered from 1.
#[derive(Debug)]
pub struct Events {
    ring: Vec<Event>,
    size: u64,
    newest: u64,
}

impl Events {
    pub fn new(log2: u8) -> Self {
        Self { ring: resident(Event::EMPTY, 1 << log2), size: 1 << log2, newest: 0 }
    }

    /// Takes one in, over the oldest if need be; its number.
    pub fn push(&mut self, event: Event) -> u64 {
        self.newest += 1;
        let at = ((self.newest - 1) & (self.size - 1)) as usize;
        self.ring[at] = event;
        self.newest
    }

    /// The event with this number; `None` if overwritten.
    pub fn get(&self, number: u64) -> Option<&Event> {
        let known = number > 0 && number <= self.newest && self.newest - number < self.size;
        if known { self.ring.get(((number - 1) & (self.size - 1)) as usize) } else { None }
    }
}
