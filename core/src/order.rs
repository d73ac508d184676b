//! One client order, from submission to its last fill.
//!
//! A line belongs here if it needs only the order and the event that reached it. Choosing a venue
//! is `routing`; a limit check is `risk`; the children are `child`.
//!
//! Invariant: `filled + canceled + leaves == qty`, and the open children never exceed `leaves`.

use crate::id::{AccountId, ChildId, ClOrdId, InstrumentId, OrderId, SessionId};
use crate::input::{OrdType, Refusal, Side, TimeInForce};
use crate::number::{Notional, Price, Qty, UnixNanos};
use crate::output::OrdStatus;
use crate::table::Slot;

/// Where a client order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderState {
    /// The slot was never used.
    Vacant,
    /// Accepted; waits for its effective time.
    Scheduled,
    /// Accepted; waits for its trigger price.
    WaitingTrigger,
    /// Being worked.
    Working,
    /// A cancel was taken; children are being called back.
    PendingCancel,
    /// A replace was taken; children are being changed.
    PendingReplace,
    /// All of it is filled.
    Filled,
    /// Over, with something unfilled.
    Canceled,
    /// Over because its time has come.
    Expired,
}

/// What can happen to a client order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderEvent {
    /// Its effective time or trigger has come.
    Activated,
    /// Some of it was filled.
    PartFilled,
    /// The last of it was filled.
    LastFilled,
    /// The client, the kill switch or the day roll wants it back.
    CancelTaken,
    /// No child is left, the rest is cancelled.
    CancelDone,
    /// A venue would not give a child back.
    CancelRefused,
    /// The client wants it changed.
    ReplaceTaken,
    /// The change is made.
    ReplaceDone,
    /// The change is refused.
    ReplaceRefused,
    /// No child is left and its time is over.
    ExpireDone,
}

impl OrderState {
    /// The state after an event; `None` for a pair that must not happen.
    ///
    /// A fill never undoes anything: what is over stays over, and what is being called back is
    /// still being called back.
    #[allow(clippy::match_same_arms, reason = "a table: every pair stands by itself")]
    pub const fn after(self, event: OrderEvent) -> Option<Self> {
        use OrderEvent as E;
        use OrderState as S;
        match (self, event) {
            (S::Scheduled | S::WaitingTrigger, E::Activated) => Some(S::Working),
            (S::Scheduled | S::WaitingTrigger, E::CancelTaken) => Some(S::PendingCancel),
            (S::Scheduled | S::WaitingTrigger, E::ReplaceTaken) => Some(S::PendingReplace),
            (S::Scheduled | S::WaitingTrigger, E::ExpireDone) => Some(S::Expired),
            (S::Scheduled | S::WaitingTrigger, E::CancelDone) => Some(S::Canceled),
            (
                S::Scheduled | S::WaitingTrigger,
                E::PartFilled
                | E::LastFilled
                | E::CancelRefused
                | E::ReplaceDone
                | E::ReplaceRefused,
            ) => None,

            (S::Working, E::PartFilled) => Some(S::Working),
            (S::Working, E::LastFilled) => Some(S::Filled),
            (S::Working, E::CancelTaken) => Some(S::PendingCancel),
            (S::Working, E::CancelDone) => Some(S::Canceled),
            (S::Working, E::ReplaceTaken) => Some(S::PendingReplace),
            (S::Working, E::ExpireDone) => Some(S::Expired),
            (S::Working, E::Activated | E::CancelRefused | E::ReplaceDone | E::ReplaceRefused) => {
                None
            }

            (S::PendingCancel, E::PartFilled | E::CancelTaken) => Some(S::PendingCancel),
            (S::PendingCancel, E::LastFilled) => Some(S::Filled),
            (S::PendingCancel, E::CancelDone) => Some(S::Canceled),
            (S::PendingCancel, E::CancelRefused) => Some(S::Working),
            (S::PendingCancel, E::ExpireDone) => Some(S::Expired),
            (
                S::PendingCancel,
                E::Activated | E::ReplaceTaken | E::ReplaceDone | E::ReplaceRefused,
            ) => None,

            (S::PendingReplace, E::PartFilled) => Some(S::PendingReplace),
            (S::PendingReplace, E::LastFilled) => Some(S::Filled),
            (S::PendingReplace, E::CancelTaken) => Some(S::PendingCancel),
            (S::PendingReplace, E::CancelDone) => Some(S::Canceled),
            (S::PendingReplace, E::ReplaceDone | E::ReplaceRefused) => Some(S::Working),
            (S::PendingReplace, E::ExpireDone) => Some(S::Expired),
            (S::PendingReplace, E::Activated | E::CancelRefused | E::ReplaceTaken) => None,

            (
                S::Vacant | S::Filled | S::Canceled | S::Expired,
                E::Activated
                | E::PartFilled
                | E::LastFilled
                | E::CancelTaken
                | E::CancelDone
                | E::CancelRefused
                | E::ReplaceTaken
                | E::ReplaceDone
                | E::ReplaceRefused
                | E::ExpireDone,
            ) => self.after_the_end(event),
        }
    }

    /// A fill may cross the end of an order on the wire. It is real money: booked by the ledger,
    /// and the order stays over. Nothing else can happen to what is over.
    const fn after_the_end(self, event: OrderEvent) -> Option<Self> {
        match (self, event) {
            (Self::Canceled | Self::Expired, OrderEvent::PartFilled) => Some(self),
            (Self::Canceled | Self::Expired, OrderEvent::LastFilled) => Some(Self::Filled),
            (_, _) => None,
        }
    }

    /// True when nothing more will happen, late fills aside.
    pub const fn is_over(self) -> bool {
        match self {
            Self::Vacant | Self::Filled | Self::Canceled | Self::Expired => true,
            Self::Scheduled
            | Self::WaitingTrigger
            | Self::Working
            | Self::PendingCancel
            | Self::PendingReplace => false,
        }
    }
}

/// Why an order is being called back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CallBack {
    /// The client asked for it.
    #[default]
    Client,
    /// The kill switch.
    Kill,
    /// The day is over.
    DayEnd,
    /// Its own time is over.
    Expiry,
    /// The client wants it changed.
    Replace,
    /// The client wants many orders back.
    MassCancel,
    /// The client's connection was lost.
    ConnectionLost,
    /// The node was down.
    SystemFailure,
    /// An operator cancelled it.
    Operator,
}

impl CallBack {
    /// The word for the report.
    pub const fn reason(self) -> Refusal {
        match self {
            Self::Client => Refusal::ClientRequest,
            Self::Kill => Refusal::KillSwitch,
            Self::DayEnd => Refusal::DayEnd,
            Self::Expiry => Refusal::TimeExpired,
            Self::Replace => Refusal::None,
            Self::MassCancel => Refusal::MassCancel,
            Self::ConnectionLost => Refusal::ConnectionLost,
            Self::Operator => Refusal::OperatorCancel,
            Self::SystemFailure => Refusal::SystemFailure,
        }
    }
}

/// A client order.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "facts that do not depend on each other")]
pub struct Order {
    /// For ever.
    pub id: OrderId,
    /// The trace that it came with.
    pub trace: u64,
    /// Whose.
    pub session: SessionId,
    /// For which account.
    pub account: AccountId,
    /// What.
    pub instrument: InstrumentId,
    /// The client's id.
    pub cl_ord_id: ClOrdId,
    /// Hash of the session and that id.
    pub key_hash: u64,
    /// Id of the last request to cancel or replace it that was taken; empty if none.
    pub request_id: ClOrdId,
    /// Why it is being called back, while it is.
    pub call_back: CallBack,
    /// Why it must end although the client's own cancel is under way: if a venue refuses that, the
    /// order does not go on.
    pub must_end: Option<CallBack>,
    /// A venue does not give it back: nothing is under way, and a later cancel tries again.
    pub stuck: bool,
    /// Buy or sell.
    pub side: Side,
    /// Market or limit.
    pub ord_type: OrdType,
    /// How long.
    pub tif: TimeInForce,
    /// Where it stands.
    pub state: OrderState,
    /// Ordered.
    pub qty: Qty,
    /// Limit; zero for a market order.
    pub price: Price,
    /// What a replace that was taken makes of `qty` and `price`.
    pub next: (Qty, Price),
    /// It has been replaced.
    pub is_replaced: bool,
    /// When its time is over; zero for never.
    pub expire_at: UnixNanos,
    /// To be cancelled when its client's connection is lost.
    pub ends_with_connection: bool,
    /// To be cancelled when the node was down.
    pub ends_with_failure: bool,
    /// Filled.
    pub filled: Qty,
    /// Given up.
    pub canceled: Qty,
    /// Value of what is filled.
    pub filled_notional: Notional,
    /// Sum of the leaves of all children that are not over.
    pub at_venues: Qty,
    /// Children that are not over.
    pub live_children: u16,
    /// Times it was routed.
    pub rounds: u8,
    /// Bit v set: venue v refused a child of it.
    pub avoided: u8,
    /// Bit v set: the client named another venue than v.
    pub excluded: u8,
    /// Bit v set: venue v did not fill what its book showed at `faded_at`.
    pub faded: u8,
    /// When that was.
    pub faded_at: UnixNanos,
    /// It waits for a venue, in the list of parked orders.
    pub parked: bool,
    /// Its newest child that is not over; older ones hang from it.
    pub newest_child: ChildId,
}

impl Slot for Order {
    const EMPTY: Self = Self {
        id: OrderId(0),
        trace: 0,
        session: SessionId(0),
        account: AccountId(0),
        instrument: InstrumentId(0),
        cl_ord_id: ClOrdId::EMPTY,
        key_hash: 0,
        request_id: ClOrdId::EMPTY,
        call_back: CallBack::Client,
        must_end: None,
        stuck: false,
        side: Side::Buy,
        ord_type: OrdType::Limit,
        tif: TimeInForce::Day,
        state: OrderState::Vacant,
        qty: Qty::ZERO,
        price: Price(0),
        next: (Qty::ZERO, Price(0)),
        is_replaced: false,
        expire_at: UnixNanos(0),
        ends_with_connection: false,
        ends_with_failure: false,
        filled: Qty::ZERO,
        canceled: Qty::ZERO,
        filled_notional: Notional(0),
        at_venues: Qty::ZERO,
        live_children: 0,
        rounds: 0,
        avoided: 0,
        excluded: 0,
        faded: 0,
        faded_at: UnixNanos(0),
        parked: false,
        newest_child: ChildId(0),
    };

    fn id(&self) -> u64 {
        self.id.0
    }

    fn is_over(&self) -> bool {
        self.state.is_over()
    }
}

impl Order {
    /// What is neither filled nor given up.
    pub const fn leaves(&self) -> Qty {
        Qty(self.qty.0 - self.filled.0 - self.canceled.0)
    }

    /// What no child carries.
    pub const fn unplaced(&self) -> Qty {
        Qty(self.leaves().0 - self.at_venues.0)
    }

    /// FIX 39.
    pub const fn status(&self) -> OrdStatus {
        match self.state {
            OrderState::Vacant => OrdStatus::Rejected,
            OrderState::Scheduled | OrderState::WaitingTrigger => OrdStatus::PendingNew,
            OrderState::Working if self.filled.0 == 0 => OrdStatus::New,
            OrderState::Working => OrdStatus::PartiallyFilled,
            OrderState::PendingCancel => OrdStatus::PendingCancel,
            OrderState::PendingReplace => OrdStatus::PendingReplace,
            OrderState::Filled => OrdStatus::Filled,
            OrderState::Canceled => OrdStatus::Canceled,
            OrderState::Expired => OrdStatus::Expired,
        }
    }

    /// Moves the order on. Every transition passes here.
    ///
    /// # Panics
    /// On a pair that the table forbids: the callers look first, so it would be our own mistake.
    pub fn apply(&mut self, event: OrderEvent) {
        let Some(next) = self.state.after(event) else {
            panic!("order {} in {:?} cannot take {event:?}", self.id.0, self.state);
        };
        self.state = next;
    }

    /// The always-on check.
    ///
    /// # Panics
    /// When quantities no longer balance: better to stop than to go on trading.
    #[inline]
    pub fn check(&self) {
        let sound = self.leaves().0 >= 0
            && self.unplaced().0 >= 0
            && self.filled.0 >= 0
            && self.canceled.0 >= 0
            && (self.live_children > 0 || self.at_venues.0 == 0)
            && (!self.state.is_over() || self.leaves().0 == 0);
        assert!(sound, "order {} does not balance: {self:?}", self.id.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [OrderState; 9] = [
        OrderState::Vacant,
        OrderState::Scheduled,
        OrderState::WaitingTrigger,
        OrderState::Working,
        OrderState::PendingCancel,
        OrderState::PendingReplace,
        OrderState::Filled,
        OrderState::Canceled,
        OrderState::Expired,
    ];

    #[test]
    fn what_is_over_never_comes_back_to_life() {
        use OrderEvent as E;
        let events = [
            E::Activated,
            E::PartFilled,
            E::LastFilled,
            E::CancelTaken,
            E::CancelDone,
            E::CancelRefused,
            E::ReplaceTaken,
            E::ReplaceDone,
            E::ReplaceRefused,
            E::ExpireDone,
        ];
        for state in STATES.into_iter().filter(|s| s.is_over()) {
            for event in events {
                if let Some(next) = state.after(event) {
                    assert!(next.is_over(), "{state:?} after {event:?} is {next:?}");
                }
            }
        }
    }

    #[test]
    fn every_living_order_can_be_called_back_and_filled_orders_cannot() {
        for state in STATES {
            let taken = state.after(OrderEvent::CancelTaken);
            assert_eq!(taken.is_some(), !state.is_over(), "{state:?}");
        }
    }
}
