//! One child order: what was sent to one venue, and what is known of it.
//!
//! A line belongs here if it needs only the child and the event that reached it.
//!
//! News from a venue may be late, doubled or out of order. Merging is monotone: a late "accepted"
//! never undoes a fill, and a child whose fate is unknown keeps its exposure until it is known.

use crate::id::{ChildId, InstrumentId, OrderId, VenueId, VenueOrderId};
use crate::input::{OrdType, Side, TimeInForce};
use crate::number::{Amount, Price, Qty, UnixNanos};
use crate::table::Slot;

/// Where a child stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChildState {
    /// The slot was never used.
    Vacant,
    /// Sent; not yet answered.
    Sent,
    /// In the venue's hands.
    Live,
    /// A cancel was sent.
    PendingCancel,
    /// A replace was sent.
    PendingReplace,
    /// Its fate is not known: it is asked about, never guessed.
    Unknown,
    /// Over: all filled.
    Filled,
    /// Over: cancelled.
    Canceled,
    /// Over: expired.
    Expired,
    /// Over: refused, or it never arrived.
    Rejected,
}

/// What can happen to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChildEvent {
    /// The venue took it.
    Accepted,
    /// The venue refused it, or it never left, or it never arrived.
    Rejected,
    /// Some of it traded.
    PartFilled,
    /// The last of it traded.
    LastFilled,
    /// We sent a cancel.
    CancelSent,
    /// We sent a replace.
    ReplaceSent,
    /// The venue changed it.
    Replaced,
    /// The venue did not change it.
    ReplaceRefused,
    /// The venue ended it.
    Canceled,
    /// The venue ended it because its time was over.
    Expired,
    /// Its fate is in doubt: link lost, no answer, cancel refused.
    Doubted,
    /// Asked by id: it is in the venue's hands.
    FoundOpen,
}

impl ChildState {
    /// The state after an event; `None` for a pair that changes nothing and deserves a notice.
    #[allow(clippy::match_same_arms, reason = "a table: every pair stands by itself")]
    pub const fn after(self, event: ChildEvent) -> Option<Self> {
        use ChildEvent as E;
        use ChildState as S;
        match (self, event) {
            (S::Sent, E::Accepted | E::FoundOpen) => Some(S::Live),
            (S::Sent, E::PartFilled) => Some(S::Live),
            (S::Sent, E::CancelSent) => Some(S::PendingCancel),
            (S::Sent, E::ReplaceSent | E::Replaced | E::ReplaceRefused) => None,

            // The answer to the order may come after the answer to something later.
            (S::Live, E::Accepted | E::PartFilled | E::FoundOpen) => Some(S::Live),
            (S::Live, E::CancelSent) => Some(S::PendingCancel),
            (S::Live, E::ReplaceSent) => Some(S::PendingReplace),
            (S::Live, E::Replaced | E::ReplaceRefused) => Some(S::Live),

            (S::PendingCancel, E::Accepted | E::PartFilled | E::CancelSent | E::FoundOpen) => {
                Some(S::PendingCancel)
            }
            (S::PendingCancel, E::ReplaceSent | E::Replaced | E::ReplaceRefused) => None,

            (S::PendingReplace, E::Accepted | E::PartFilled) => Some(S::PendingReplace),
            (S::PendingReplace, E::Replaced | E::ReplaceRefused | E::FoundOpen) => Some(S::Live),
            (S::PendingReplace, E::CancelSent) => Some(S::PendingCancel),
            (S::PendingReplace, E::ReplaceSent) => None,

            // Unknown ends only with an answer about the child as a whole. A fill is booked, but
            // does not tell that the rest is still there.
            (S::Unknown, E::FoundOpen) => Some(S::Live),
            (S::Unknown, E::Accepted | E::PartFilled | E::Doubted) => Some(S::Unknown),
            (S::Unknown, E::CancelSent) => Some(S::Unknown),
            (S::Unknown, E::ReplaceSent | E::Replaced | E::ReplaceRefused) => None,

            (S::Sent | S::Live | S::PendingCancel | S::PendingReplace, E::Doubted) => {
                Some(S::Unknown)
            }
            (
                S::Sent | S::Live | S::PendingCancel | S::PendingReplace | S::Unknown,
                E::LastFilled,
            ) => Some(S::Filled),
            (
                S::Sent | S::Live | S::PendingCancel | S::PendingReplace | S::Unknown,
                E::Canceled,
            ) => Some(S::Canceled),
            (S::Sent | S::Live | S::PendingCancel | S::PendingReplace | S::Unknown, E::Expired) => {
                Some(S::Expired)
            }
            (
                S::Sent | S::Live | S::PendingCancel | S::PendingReplace | S::Unknown,
                E::Rejected,
            ) => Some(S::Rejected),

            // Late or doubled news of what is over changes nothing. A late fill is booked by the
            // engine, with a notice; an order that should be over but is found open is called back.
            (
                S::Vacant | S::Filled | S::Canceled | S::Expired | S::Rejected,
                E::Accepted
                | E::Rejected
                | E::PartFilled
                | E::LastFilled
                | E::CancelSent
                | E::ReplaceSent
                | E::Replaced
                | E::ReplaceRefused
                | E::Canceled
                | E::Expired
                | E::Doubted
                | E::FoundOpen,
            ) => None,
        }
    }

    /// True when the venue holds nothing of it any more.
    pub const fn is_over(self) -> bool {
        match self {
            Self::Vacant | Self::Filled | Self::Canceled | Self::Expired | Self::Rejected => true,
            Self::Sent
            | Self::Live
            | Self::PendingCancel
            | Self::PendingReplace
            | Self::Unknown => false,
        }
    }
}

/// The venue says that the child is over, but with more filled than we have heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AwaitedEnd {
    /// Filled in all, as the venue counts.
    pub filled: Qty,
    /// How it ended.
    pub event: ChildEvent,
}

/// A child order.
#[derive(Clone, Copy, Debug)]
pub struct Child {
    /// For ever.
    pub id: ChildId,
    /// For which client order.
    pub order: OrderId,
    /// That order's trace.
    pub trace: u64,
    /// Where.
    pub venue: VenueId,
    /// What.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// Order type.
    pub ord_type: OrdType,
    /// IOC, FOK or GTC.
    pub tif: TimeInForce,
    /// Where it stands.
    pub state: ChildState,
    /// Sent quantity.
    pub qty: Qty,
    /// Limit.
    pub price: Price,
    /// Filled.
    pub filled: Qty,
    /// What it holds of the venue's funds.
    pub reserved: Amount,
    /// When it was decided.
    pub sent_at: UnixNanos,
    /// It is to be cancelled as soon as that is possible.
    pub cancel_wanted: bool,
    /// Cancels sent.
    pub cancels: u8,
    /// Set while fills are missing.
    pub awaited: Option<AwaitedEnd>,
    /// The venue's id; empty before it told.
    pub venue_order: VenueOrderId,
    /// Next older child of the same order that is not over.
    pub older: ChildId,
    /// Neighbours in the list of the venue's living children.
    pub previous: ChildId,
    /// As `previous`.
    pub next: ChildId,
}

impl Slot for Child {
    const EMPTY: Self = Self {
        id: ChildId(0),
        order: OrderId(0),
        trace: 0,
        venue: VenueId(0),
        instrument: InstrumentId(0),
        side: Side::Buy,
        ord_type: OrdType::Limit,
        tif: TimeInForce::Ioc,
        state: ChildState::Vacant,
        qty: Qty::ZERO,
        price: Price(0),
        filled: Qty::ZERO,
        reserved: Amount::ZERO,
        sent_at: UnixNanos(0),
        cancel_wanted: false,
        cancels: 0,
        awaited: None,
        venue_order: VenueOrderId::EMPTY,
        older: ChildId(0),
        previous: ChildId(0),
        next: ChildId(0),
    };

    fn id(&self) -> u64 {
        self.id.0
    }

    fn is_over(&self) -> bool {
        self.state.is_over()
    }
}

impl Child {
    /// What is not filled.
    pub const fn leaves(&self) -> Qty {
        self.qty.saturating_sub(self.filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIVING: [ChildState; 5] = [
        ChildState::Sent,
        ChildState::Live,
        ChildState::PendingCancel,
        ChildState::PendingReplace,
        ChildState::Unknown,
    ];

    #[test]
    fn a_late_accept_never_undoes_anything() {
        for state in [ChildState::PendingCancel, ChildState::PendingReplace, ChildState::Unknown] {
            assert_eq!(state.after(ChildEvent::Accepted), Some(state));
        }
        for state in [ChildState::Filled, ChildState::Canceled, ChildState::Rejected] {
            assert_eq!(state.after(ChildEvent::Accepted), None);
        }
    }

    #[test]
    fn unknown_ends_only_with_an_answer_about_the_whole_child() {
        use ChildEvent as E;
        for event in [E::Accepted, E::PartFilled, E::CancelSent, E::Doubted] {
            assert_eq!(ChildState::Unknown.after(event), Some(ChildState::Unknown));
        }
        for event in [E::FoundOpen, E::Canceled, E::Expired, E::Rejected, E::LastFilled] {
            assert_ne!(ChildState::Unknown.after(event), Some(ChildState::Unknown));
        }
    }

    #[test]
    fn every_living_child_can_be_doubted_and_can_end() {
        use ChildEvent as E;
        for state in LIVING {
            assert_eq!(state.after(E::Doubted), Some(ChildState::Unknown));
            for end in [E::LastFilled, E::Canceled, E::Expired, E::Rejected] {
                assert!(state.after(end).is_some_and(ChildState::is_over), "{state:?} {end:?}");
            }
        }
    }
}
