//! One client order, from submission to its last fill.
//!
//! A line belongs here if it needs only the order and the event that reached it. Choosing a venue
//! is `routing`; a limit check is `risk`; the children are `child`.
//!
//! Invariant: `filled + canceled + leaves == qty`, and the open children never exceed `leaves`. The
//! state is private: every change passes through [`Order::apply`].
//!
//! An order is one piece of at most four cache lines. Its ids and its trace, which routing does not
//! need, are in the report that nearly every event makes, so they are not kept apart.

use crate::id::{AccountId, ChildId, ClOrdId, InstrumentId, OrderId, SessionId, VenueId};
use crate::input::{Choice, NewOrder, OrdType, Refusal, Side, TimeInForce};
use crate::lifecycle::{Lifecycle, Row, Step, row_fn};
use crate::number::{Notional, Price, Qty, UnixNanos};
use crate::output::OrdStatus;
use crate::strategy::{self, Strategy};
use crate::table::Slot;
use crate::venue_set::VenueSet;
use crate::waiting::Waiting;

/// The states of a client order.
///
/// Their numbers are part of the digest of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderState {
    /// The slot was never used.
    Vacant,
    /// Accepted; waits for its effective time (FIX 168).
    Scheduled,
    /// Accepted; waits for its trigger price.
    WaitingTrigger,
    /// Open: its quantity is at venues or waits to be routed.
    Working,
    /// A cancel was accepted; the children are being cancelled.
    PendingCancel,
    /// A replace was accepted; the children are being cancelled first.
    PendingReplace,
    /// Over: filled completely.
    Filled,
    /// Over: cancelled before it was filled completely.
    Canceled,
    /// Over: its time in force has ended.
    Expired,
}

/// Events of a client order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderEvent {
    /// The effective time or the trigger price has come.
    Activated,
    /// An execution that leaves some quantity open.
    PartFilled,
    /// The execution that completes the order.
    LastFilled,
    /// A cancel begins, by the client or for any other reason.
    CancelTaken,
    /// No child is open, and the rest of the quantity is cancelled.
    CancelDone,
    /// A venue refused to cancel a child.
    CancelRefused,
    /// The client asked to replace the order.
    ReplaceTaken,
    /// The new terms are in force.
    ReplaceDone,
    /// The order keeps its old terms.
    ReplaceRefused,
    /// No child is open, and the order's time in force has ended.
    ExpireDone,
}

row_fn!(OrderState, OrderEvent);

/// Each pair of state and event, with the step it makes and the reason.
static LIFECYCLE: Lifecycle<OrderState, 9, 10> = {
    use OrderEvent as E;
    use OrderState as S;
    use Step::{Forbidden, To};

    const LIVING: &[S] =
        &[S::Scheduled, S::WaitingTrigger, S::Working, S::PendingCancel, S::PendingReplace];
    const WAITING: &[S] = &[S::Scheduled, S::WaitingTrigger];
    const PLACED: &[S] = &[S::Working, S::PendingCancel, S::PendingReplace];

    Lifecycle::new(&[
        row(
            "@O1",
            WAITING,
            &[E::Activated],
            To(S::Working),
            "The order may be placed from now on.",
        ),
        row(
            "@O2",
            LIVING,
            &[E::CancelTaken],
            To(S::PendingCancel),
            "A cancel overtakes a replace, and a cancel that a venue refused is tried again.",
        ),
        row(
            "@O3",
            &[S::Scheduled, S::WaitingTrigger, S::Working],
            &[E::ReplaceTaken],
            To(S::PendingReplace),
            "The children are called back first where the new terms do not cover them.",
        ),
        row("@O4", LIVING, &[E::CancelDone], To(S::Canceled), "No child is open any more."),
        row("@O5", LIVING, &[E::ExpireDone], To(S::Expired), "No child is open any more."),
        row(
            "@O6",
            &[S::Working],
            &[E::PartFilled],
            To(S::Working),
            "The rest is worked on; a fill changes quantities, not the state.",
        ),
        row(
            "@O7",
            &[S::PendingCancel],
            &[E::PartFilled],
            To(S::PendingCancel),
            "A fill does not stop a cancel.",
        ),
        row(
            "@O8",
            &[S::PendingReplace],
            &[E::PartFilled],
            To(S::PendingReplace),
            "A fill does not stop a replace.",
        ),
        row("@O9", PLACED, &[E::LastFilled], To(S::Filled), "Nothing is left."),
        row(
            "@O10",
            &[S::PendingCancel],
            &[E::CancelRefused],
            To(S::Working),
            "A venue does not give its child back, and nothing but the client wanted the cancel.",
        ),
        row(
            "@O11",
            &[S::PendingReplace],
            &[E::ReplaceDone, E::ReplaceRefused],
            To(S::Working),
            "The order goes on, with the new terms or with the old ones.",
        ),
        row(
            "@O12",
            &[S::Canceled],
            &[E::PartFilled],
            To(S::Canceled),
            "A fill that crossed the end on the wire is booked; the order stays over.",
        ),
        row(
            "@O13",
            &[S::Expired],
            &[E::PartFilled],
            To(S::Expired),
            "A fill that crossed the end on the wire, as in @O12.",
        ),
        row(
            "@O14",
            &[S::Canceled, S::Expired],
            &[E::LastFilled],
            To(S::Filled),
            "Everything was filled after all; the order stays over.",
        ),
        row(
            "@O15",
            WAITING,
            &[E::PartFilled, E::LastFilled],
            Forbidden,
            "An order that waits has nothing at a venue.",
        ),
        row(
            "@O16",
            PLACED,
            &[E::Activated],
            Forbidden,
            "An order is activated once, while it waits.",
        ),
        row(
            "@O17",
            &[S::Scheduled, S::WaitingTrigger, S::Working, S::PendingReplace],
            &[E::CancelRefused],
            Forbidden,
            "No cancel is pending.",
        ),
        row(
            "@O18",
            &[S::Scheduled, S::WaitingTrigger, S::Working, S::PendingCancel],
            &[E::ReplaceDone, E::ReplaceRefused],
            Forbidden,
            "No replace is pending.",
        ),
        row(
            "@O19",
            &[S::PendingCancel, S::PendingReplace],
            &[E::ReplaceTaken],
            Forbidden,
            "A replace is refused while another request is pending.",
        ),
        row(
            "@O20",
            &[S::Filled],
            &[E::PartFilled, E::LastFilled],
            Forbidden,
            "A fill beyond the ordered quantity is an overfill, which no order takes.",
        ),
        row(
            "@O21",
            &[S::Filled, S::Canceled, S::Expired],
            &[
                E::Activated,
                E::CancelTaken,
                E::CancelDone,
                E::CancelRefused,
                E::ReplaceTaken,
                E::ReplaceDone,
                E::ReplaceRefused,
                E::ExpireDone,
            ],
            Forbidden,
            "An order that is over takes nothing but late fills.",
        ),
        row(
            "@O22",
            &[S::Vacant],
            &[
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
            ],
            Forbidden,
            "No id names a slot that was never used.",
        ),
    ])
};

impl OrderState {
    /// What an event does to an order in this state.
    #[inline]
    pub fn after(self, event: OrderEvent) -> Step<Self> {
        LIFECYCLE.row(self as usize, event as usize).step
    }

    /// Whether nothing more can happen, apart from late fills.
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

/// Why an order is being cancelled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CancelReason {
    /// The client asked.
    #[default]
    Client,
    /// A halt cancels the order.
    Kill,
    /// A day order at the end of its day.
    DayEnd,
    /// A good-till-date order at its end.
    Expiry,
    /// A market order that has been open for as long as its account allows.
    Waited,
    /// A replace: the children are cancelled, the order goes on.
    Replace,
    /// The client's mass cancel.
    MassCancel,
    /// The client's connection was lost, and the order or its session asked for this then.
    ConnectionLost,
    /// The node was down, and the order asked for this then.
    SystemFailure,
    /// An operator's command.
    Operator,
    /// An order of the same owner came in that would have matched this one.
    SelfMatch,
}

impl CancelReason {
    /// The reason that the client's report tells.
    pub const fn reason(self) -> Refusal {
        match self {
            Self::Client => Refusal::ClientRequest,
            Self::Kill => Refusal::KillSwitch,
            Self::DayEnd => Refusal::DayEnd,
            Self::Expiry => Refusal::TimeExpired,
            Self::Waited => Refusal::WaitedTooLong,
            Self::Replace => Refusal::None,
            Self::MassCancel => Refusal::MassCancel,
            Self::ConnectionLost => Refusal::ConnectionLost,
            Self::Operator => Refusal::OperatorCancel,
            Self::SystemFailure => Refusal::SystemFailure,
            Self::SelfMatch => Refusal::SelfMatchResting,
        }
    }
}

/// What an order has to do with bridges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OrderBridging {
    /// It may go over a bridge, if its account has one.
    #[default]
    Open,
    /// A child of it at a bridge instrument was not filled whole: it goes over no bridge any more,
    /// unless it is replaced.
    Over,
    /// It is no client's. It converts what orders of clients have left over a bridge.
    Converts,
}

/// A client order.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "facts that do not depend on each other")]
pub struct Order {
    /// Serial id, never used again.
    pub id: OrderId,
    /// Trace id, from the client's message.
    pub trace: u64,
    /// The client session.
    pub session: SessionId,
    /// The account that the order trades for.
    pub account: AccountId,
    /// The instrument.
    pub instrument: InstrumentId,
    /// The client's id (FIX 11); after a replace, the id of the replace request.
    pub cl_ord_id: ClOrdId,
    /// Hash of the session and `cl_ord_id`. An order that converts has no such id: the place of its
    /// exposure.
    pub key_hash: u64,
    /// Id of the last accepted request to cancel or replace the order; empty if none.
    pub request_id: ClOrdId,
    /// Why the order is being cancelled; meaningful while a cancel or a replace is pending.
    pub cancel_reason: CancelReason,
    /// Why the order must end whatever becomes of the client's own cancel. A venue's refusal of
    /// that cancel then does not bring the order back to work.
    pub must_end: Option<CancelReason>,
    /// A venue refused the cancel of a child. No cancel is under way, and a later one is tried
    /// again.
    pub stuck: bool,
    /// Buy or sell.
    pub side: Side,
    /// Order type (40).
    pub ord_type: OrdType,
    /// Time in force.
    pub tif: TimeInForce,
    /// How the order is executed. What an order of a strategy has to remember is in the engine.
    pub strategy: Strategy,
    /// How the order chooses between venues, if it says so itself.
    pub choice: Choice,
    state: OrderState,
    /// Ordered quantity.
    pub qty: Qty,
    /// Limit price; zero for a market order.
    pub price: Price,
    /// The worst price at which the order may trade: its limit, or the limit that the account's
    /// collar gave a market order on arrival. Zero while the order waits for a reference price.
    pub worst: Price,
    /// Quantity and price after the replace that is pending.
    pub replacement: (Qty, Price),
    /// The order has been replaced before.
    pub is_replaced: bool,
    /// End of a good-till-date order, of the time that a market order may wait, or of the time that
    /// an IOC or FOK order may wait for a busy venue; zero for none.
    pub expire_at: UnixNanos,
    /// An IOC or FOK order has waited for a busy venue, and its end is in the list of ends.
    pub has_queued: bool,
    /// The order is cancelled when its client's connection is lost (FIX 18 `o`).
    pub ends_with_connection: bool,
    /// The order is cancelled when the node was down (FIX 18 `Q`).
    pub ends_with_failure: bool,
    /// What the order has to do with bridges.
    pub bridging: OrderBridging,
    /// Filled quantity.
    pub filled: Qty,
    /// Quantity that is neither filled nor open any more.
    pub canceled: Qty,
    /// Sum of price times quantity over all fills.
    pub filled_notional: Notional,
    /// Sum of the open quantities of all children that are not over.
    pub at_venues: Qty,
    /// Number of children that are not over.
    pub live_children: u16,
    /// Number of its children that are called back so that their quantity goes elsewhere.
    pub moving: u8,
    /// The order is found by offers within its limit, or will be after a hold.
    pub is_watched: bool,
    /// Routing rounds since the order was accepted or began anew, at most
    /// [`ROUNDS_MAX`](crate::engine::ROUNDS_MAX).
    pub rounds: u8,
    /// Venues that refused a child of this order; cleared when the order begins anew (replace,
    /// retry by the timer).
    pub avoided: VenueSet,
    /// Venues that refused a child for a reason that lies in the order's terms; cleared by a
    /// replace.
    pub barred: VenueSet,
    /// Venues that refused a child of the order without a reason that we know, once and twice,
    /// since the order was accepted or replaced.
    refused: [VenueSet; 2],
    /// Venues that said that a child of the order would match another order of our account; cleared
    /// when the wait after that is over, and by a replace.
    pub self_matched: VenueSet,
    /// Venues that the client did not name; empty when the client named none.
    pub excluded: VenueSet,
    /// Venues that did not fill what their books showed, until those books change.
    pub faded: VenueSet,
    /// When a venue was last added to `faded`.
    pub faded_at: UnixNanos,
    /// Why a part of the order is at no venue.
    pub waiting: Waiting,
    /// The newest child that is not over, which leads to the older ones; zero for none.
    pub newest_child: ChildId,
}

const _: () = assert!(size_of::<Order>() <= 4 * 64, "four cache lines");

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
        cancel_reason: CancelReason::Client,
        must_end: None,
        stuck: false,
        side: Side::Buy,
        ord_type: OrdType::Limit,
        tif: TimeInForce::Day,
        strategy: Strategy::Cross,
        choice: Choice::OfAccount,
        state: OrderState::Vacant,
        qty: Qty::ZERO,
        price: Price(0),
        worst: Price(0),
        replacement: (Qty::ZERO, Price(0)),
        is_replaced: false,
        expire_at: UnixNanos(0),
        has_queued: false,
        ends_with_connection: false,
        ends_with_failure: false,
        bridging: OrderBridging::Open,
        filled: Qty::ZERO,
        canceled: Qty::ZERO,
        filled_notional: Notional(0),
        at_venues: Qty::ZERO,
        live_children: 0,
        moving: 0,
        is_watched: false,
        rounds: 0,
        avoided: VenueSet::EMPTY,
        refused: [VenueSet::EMPTY; 2],
        barred: VenueSet::EMPTY,
        self_matched: VenueSet::EMPTY,
        excluded: VenueSet::EMPTY,
        faded: VenueSet::EMPTY,
        faded_at: UnixNanos(0),
        waiting: Waiting::Nothing,
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
    /// An order that has been accepted and is to be placed.
    pub fn accepted(id: OrderId, account: AccountId, key_hash: u64, new: &NewOrder) -> Self {
        let NewOrder { session, cl_ord_id, instrument, instructions, trace, .. } = *new;
        Self {
            id,
            trace,
            session,
            account,
            instrument,
            cl_ord_id,
            key_hash,
            side: new.side,
            ord_type: new.ord_type,
            tif: new.tif,
            strategy: Strategy::asked(&instructions).unwrap_or_default(),
            choice: strategy::choice_asked(&instructions),
            state: OrderState::Working,
            qty: new.qty,
            price: new.price,
            excluded: instructions.only.map_or(VenueSet::EMPTY, VenueSet::all_but),
            expire_at: instructions.expire_at,
            ends_with_connection: instructions.exec_inst.has(b'o'),
            ends_with_failure: instructions.exec_inst.has(b'Q'),
            ..Self::EMPTY
        }
    }

    /// An order of ours that converts. No client has sent it, and nobody gets reports of it.
    pub fn converting(
        id: OrderId,
        exposure: u16,
        (account, instrument): (AccountId, InstrumentId),
        side: Side,
        (qty, price): (Qty, Price),
    ) -> Self {
        Self {
            id,
            session: SessionId(u16::MAX),
            account,
            instrument,
            side,
            ord_type: OrdType::Limit,
            tif: TimeInForce::Ioc,
            state: OrderState::Working,
            qty,
            price,
            worst: price,
            key_hash: u64::from(exposure),
            bridging: OrderBridging::Converts,
            ..Self::EMPTY
        }
    }

    /// Whether it is an order of ours that converts.
    #[inline]
    pub const fn is_conversion(&self) -> bool {
        matches!(self.bridging, OrderBridging::Converts)
    }

    /// The place of the exposure that an order of ours converts.
    pub const fn exposure(&self) -> usize {
        self.key_hash as usize
    }

    /// Forgets what earlier routing rounds have learnt about venues: the terms are new.
    pub const fn begin_anew(&mut self) {
        (self.rounds, self.avoided, self.faded) = (0, VenueSet::EMPTY, VenueSet::EMPTY);
        self.self_matched = VenueSet::EMPTY;
        (self.barred, self.refused) = (VenueSet::EMPTY, [VenueSet::EMPTY; 2]);
        self.bridging = OrderBridging::Open;
    }

    /// Notes that a venue has refused a child without a reason that we know. True from the third
    /// time on: one order does not close the venue's breaker for all others.
    pub const fn note_refusal(&mut self, venue: VenueId) -> bool {
        let [once, twice] = &mut self.refused;
        let (was_once, was_twice) = (once.has(venue), twice.has(venue));
        once.insert(venue);
        if was_once {
            twice.insert(venue);
        }
        was_twice
    }

    /// Forgets how often the order was routed. An order that waits also forgets which venues
    /// refused a child of it; an IOC or FOK order does not go to these again.
    pub const fn begin_again(&mut self) {
        self.rounds = 0;
        if self.tif.waits() {
            self.avoided = VenueSet::EMPTY;
        }
    }

    /// The order's state.
    #[inline]
    pub const fn state(&self) -> OrderState {
        self.state
    }

    /// Whether the order is placed, with no request to change it under way.
    pub const fn is_working(&self) -> bool {
        matches!(self.state, OrderState::Working)
    }

    /// The quantity that is still open.
    pub const fn leaves(&self) -> Qty {
        Qty(self.qty.0 - self.filled.0 - self.canceled.0)
    }

    /// The open quantity that no child carries.
    pub const fn unplaced(&self) -> Qty {
        Qty(self.leaves().0 - self.at_venues.0)
    }

    /// The order's status (FIX 39).
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
    /// On a pair that the table forbids. The callers look first, so it would be our own mistake.
    pub fn apply(&mut self, event: OrderEvent) {
        let row = LIFECYCLE.row(self.state as usize, event as usize);
        let Step::To(next) = row.step else {
            let (id, state, label) = (self.id.0, self.state, row.label);
            panic!("order {id} in {state:?} cannot take {event:?} ({label}): {}", row.reason);
        };
        self.state = next;
    }

    /// The check of every change, in every build.
    ///
    /// # Panics
    /// When quantities do not balance. Stopping is better than trading on wrong numbers.
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
    fn every_state_and_event_match_one_row_and_every_row_is_reached() {
        LIFECYCLE.assert_sound("@O");
    }

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
                if let Step::To(next) = state.after(event) {
                    assert!(next.is_over(), "{state:?} after {event:?} is {next:?}");
                }
            }
        }
    }

    #[test]
    fn every_living_order_can_be_called_back_and_filled_orders_cannot() {
        for state in STATES {
            let taken = state.after(OrderEvent::CancelTaken);
            assert_eq!(taken != Step::Forbidden, !state.is_over(), "{state:?}");
        }
    }
}
