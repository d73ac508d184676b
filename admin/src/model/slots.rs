//! State of orders and children in the model, and the rings that hold them.
//!
//! A line belongs here if it is the state of one order or child, or finds it. The rings have the
//! core's sizes: the slot is the id modulo the size, and the core never gives an open entry's slot
//! to a new id (`rutter_core::table`). So an open entry is always found, and an ended one until its
//! slot is needed. All memory is in place from the start.

use rutter_core::child::ChildState;
use rutter_core::id::{
    AccountId, ChildId, ClOrdId, InstrumentId, OrderId, SessionId, VenueId, VenueOrderId,
};
use rutter_core::input::{OrdType, Refusal, Side, TimeInForce, VenueReject};
use rutter_core::number::{Amount, Notional, Price, Qty, UnixNanos};
use rutter_core::output::OrdStatus;
use rutter_core::reference::VENUES_MAX;
use rutter_core::resident::resident;
use rutter_core::venue_set::VenueSet;
use rutter_core::waiting::Waiting;

use super::counts::OrderOwner;
use super::pursuit::Pursuit;

/// A client order.
#[derive(Clone, Copy, Debug)]
pub struct ModelOrder {
    pub id: OrderId,
    pub trace: u64,
    pub session: SessionId,
    pub account: AccountId,
    pub instrument: InstrumentId,
    pub cl_ord_id: ClOrdId,
    pub side: Side,
    pub ord_type: OrdType,
    pub tif: TimeInForce,
    pub status: OrdStatus,
    pub reason: Refusal,
    /// Why a part of the order is at no venue.
    pub waiting: Waiting,
    pub qty: Qty,
    pub price: Price,
    pub filled: Qty,
    pub leaves: Qty,
    pub filled_notional: Notional,
    /// When it was taken, and when it last changed.
    pub taken: UnixNanos,
    pub time: UnixNanos,
    /// Children that are not over, by venue.
    pub open_at: [u8; VENUES_MAX],
    /// Venues at which it had a child.
    pub was_at: VenueSet,
    /// Children whose fate is unknown.
    pub unknown: u16,
    /// What of it was sent for and not got.
    pub pursuit: Pursuit,
    pub newest_child: ChildId,
    /// Its last event, and how many there were.
    pub newest_event: u64,
    pub events: u64,
    /// Neighbours in the list of open orders; zero is none.
    pub older: OrderId,
    pub newer: OrderId,
}

/// The order is over.
pub const fn is_over(status: OrdStatus) -> bool {
    match status {
        OrdStatus::Filled | OrdStatus::Canceled | OrdStatus::Rejected | OrdStatus::Expired => true,
        OrdStatus::New
        | OrdStatus::PartiallyFilled
        | OrdStatus::PendingCancel
        | OrdStatus::PendingNew
        | OrdStatus::PendingReplace => false,
    }
}

/// The order is being called back or changed.
pub const fn is_pending(status: OrdStatus) -> bool {
    matches!(status, OrdStatus::PendingCancel | OrdStatus::PendingReplace)
}

impl ModelOrder {
    pub const fn is_over(&self) -> bool {
        is_over(self.status)
    }
}

/// A child order.
#[derive(Clone, Copy, Debug)]
pub struct ModelChild {
    pub id: ChildId,
    pub order: OrderId,
    pub whose: OrderOwner,
    pub venue: VenueId,
    pub side: Side,
    pub tif: TimeInForce,
    pub state: ChildState,
    pub reason: Option<VenueReject>,
    pub qty: Qty,
    pub price: Price,
    pub filled: Qty,
    /// The quantity in all of the last amend; of use only while its answer is awaited.
    pub reduced_to: Qty,
    pub sent: UnixNanos,
    /// The venue's own id; empty if the venue has told none.
    pub venue_order: VenueOrderId,
    /// Funds that the child reserves at the venue; a shared one reserves none beside its parts.
    pub reserved: Amount,
    /// Neighbours among all remembered children of the order; zero is none. A shared child has
    /// none: its parts are the children of their orders.
    pub older: ChildId,
    pub newer: ChildId,
    /// What the child has to do with others.
    pub role: ModelRole,
}

/// What a child has to do with others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelRole {
    /// Nothing: one order has all of it.
    Own,
    /// Orders have parts in it: the newest part that is remembered, or zero.
    Shared(ChildId),
    /// It is the part of its order in a shared child.
    Part { of: ChildId, older: ChildId },
}

impl ModelRole {
    /// The next part in the list of a shared child.
    pub const fn next_part(self) -> ChildId {
        match self {
            Self::Own => ChildId(0),
            Self::Shared(newest) => newest,
            Self::Part { older, .. } => older,
        }
    }

    /// The same, with another next part.
    pub const fn leading_to(self, next: ChildId) -> Self {
        match self {
            Self::Own => Self::Own,
            Self::Shared(_) => Self::Shared(next),
            Self::Part { of, .. } => Self::Part { of, older: next },
        }
    }
}

impl ModelChild {
    pub const fn leaves(&self) -> Qty {
        self.qty.saturating_sub(self.filled)
    }
}

/// An entry with a serial id.
pub trait Kept: Copy {
    /// A place that was never used: its id is zero.
    const EMPTY: Self;
    /// Id of the entry.
    fn id(&self) -> u64;
}

impl Kept for ModelOrder {
    const EMPTY: Self = Self {
        id: OrderId(0),
        trace: 0,
        session: SessionId(0),
        account: AccountId(0),
        instrument: InstrumentId(0),
        cl_ord_id: ClOrdId::EMPTY,
        side: Side::Buy,
        ord_type: OrdType::Limit,
        tif: TimeInForce::Day,
        status: OrdStatus::Rejected,
        reason: Refusal::None,
        waiting: Waiting::Nothing,
        qty: Qty::ZERO,
        price: Price(0),
        filled: Qty::ZERO,
        leaves: Qty::ZERO,
        filled_notional: Notional(0),
        taken: UnixNanos(0),
        time: UnixNanos(0),
        open_at: [0; VENUES_MAX],
        was_at: VenueSet::EMPTY,
        unknown: 0,
        pursuit: Pursuit::NONE,
        newest_child: ChildId(0),
        newest_event: 0,
        events: 0,
        older: OrderId(0),
        newer: OrderId(0),
    };

    fn id(&self) -> u64 {
        self.id.0
    }
}

impl Kept for ModelChild {
    const EMPTY: Self = Self {
        id: ChildId(0),
        order: OrderId(0),
        whose: OrderOwner {
            session: SessionId(0),
            account: AccountId(0),
            instrument: InstrumentId(0),
        },
        venue: VenueId(0),
        side: Side::Buy,
        tif: TimeInForce::Ioc,
        state: ChildState::Vacant,
        reason: None,
        qty: Qty::ZERO,
        price: Price(0),
        filled: Qty::ZERO,
        reduced_to: Qty::ZERO,
        sent: UnixNanos(0),
        venue_order: VenueOrderId::EMPTY,
        reserved: Amount::ZERO,
        older: ChildId(0),
        newer: ChildId(0),
        role: ModelRole::Own,
    };

    fn id(&self) -> u64 {
        self.id.0
    }
}

/// A table of `2^log2` slots.
#[derive(Debug)]
pub struct SlotTable<T> {
    places: Vec<T>,
    mask: u64,
}

impl<T: Kept> SlotTable<T> {
    pub fn new(log2: u8) -> Self {
        Self { places: resident(T::EMPTY, 1 << log2), mask: (1 << log2) - 1 }
    }

    /// How many there are in all.
    pub const fn size(&self) -> u64 {
        self.mask + 1
    }

    fn at(&self, id: u64) -> usize {
        (id & self.mask) as usize
    }

    /// The entry of an id, if it has not been overwritten.
    #[inline]
    pub fn get(&self, id: u64) -> Option<&T> {
        self.places.get(self.at(id)).filter(|kept| kept.id() == id && id != 0)
    }

    /// The entry of an id, to be changed.
    #[inline]
    pub fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        let at = self.at(id);
        self.places.get_mut(at).filter(|kept| kept.id() == id && id != 0)
    }

    /// The used ones of some places.
    pub fn places(&self, range: std::ops::Range<usize>) -> impl Iterator<Item = &T> {
        let range = range.start.min(self.places.len())..range.end.min(self.places.len());
        self.places[range].iter().filter(|kept| kept.id() != 0)
    }

    /// What would have to give way to that id.
    pub fn in_the_way(&self, id: u64) -> Option<&T> {
        self.places.get(self.at(id)).filter(|kept| kept.id() != 0)
    }

    /// Stores an entry in its slot, and overwrites the earlier one.
    pub fn put(&mut self, kept: T) {
        let at = self.at(kept.id());
        self.places[at] = kept;
    }
}
