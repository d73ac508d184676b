//! One child order: an order at one venue, and its state as far as known.
//!
//! A line belongs here if it needs only the child and the event that reached it. Which venue gets a
//! child is `routing`; what a child's end means for its order is `engine`.
//!
//! News from a venue may be late, repeated or out of order. Merging is monotone: a late "accepted"
//! never undoes a fill, and a child whose outcome is unknown keeps its exposure until the venue has
//! answered. The state is private: every change passes through [`Child::apply`].
//!
//! A child is one piece of at most three cache lines. Every event needs its quantities, its state
//! and its links, so nothing of it is kept apart.

use crate::id::{ChildId, InstrumentId, OrderId, VenueId, VenueOrderId};
use crate::input::{Side, TimeInForce};
use crate::lifecycle::{Lifecycle, Row, Step, row_fn};
use crate::number::{Amount, Price, Qty, UnixNanos};
use crate::output::SendNew;
use crate::table::Slot;

/// The states of a child.
///
/// Their numbers are part of the digest of the state ([`Engine::state_digest`]).
///
/// [`Engine::state_digest`]: crate::Engine::state_digest
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChildState {
    /// The table's slot was never used.
    Vacant,
    /// Sent; the venue has not answered.
    Sent,
    /// Open at the venue.
    Live,
    /// A cancel was sent; the venue has not answered it.
    PendingCancel,
    /// A replace was sent; the venue has not answered it.
    PendingReplace,
    /// The outcome is unknown; the venue is queried by id.
    Unknown,
    /// Over: filled completely.
    Filled,
    /// Over: cancelled.
    Canceled,
    /// Over: expired at the venue.
    Expired,
    /// Over: refused by the venue, or it never reached the venue.
    Rejected,
}

/// What can happen to a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChildEvent {
    /// The venue accepted the child.
    Accepted,
    /// The venue refused the child, or it was never sent, or it never arrived.
    Rejected,
    /// An execution that leaves some quantity open.
    PartFilled,
    /// The execution that completes the child.
    LastFilled,
    /// We sent a cancel.
    CancelSent,
    /// We sent a replace.
    ReplaceSent,
    /// The venue replaced the child.
    Replaced,
    /// The venue refused the replace.
    ReplaceRefused,
    /// The venue ended the child before it was filled completely.
    Canceled,
    /// The venue ended the child because its time was over.
    Expired,
    /// The outcome is in doubt: the link was lost, no answer came, or a cancel was refused.
    Doubted,
    /// Queried by id, the venue says that the child is open.
    FoundOpen,
    /// An operator has stated what became of the child.
    Resolved,
    /// The venue ended the child because it would have matched another order of our account.
    SelfMatched,
}

impl ChildEvent {
    /// Whether the venue can say this only of a child that it got. An execution that completes a
    /// child ends it, and what an operator states is not the venue's word.
    const fn proves_arrival(self) -> bool {
        match self {
            Self::Accepted
            | Self::PartFilled
            | Self::LastFilled
            | Self::Replaced
            | Self::FoundOpen
            | Self::Canceled
            | Self::Expired
            | Self::SelfMatched => true,
            Self::Rejected
            | Self::CancelSent
            | Self::ReplaceSent
            | Self::ReplaceRefused
            | Self::Doubted
            | Self::Resolved => false,
        }
    }
}

impl ChildState {
    /// Whether the venue has taken the order, where it has answered at all.
    pub const fn is_taken(self) -> bool {
        match self {
            Self::Live
            | Self::PendingCancel
            | Self::PendingReplace
            | Self::Filled
            | Self::Canceled
            | Self::Expired => true,
            Self::Vacant | Self::Sent | Self::Unknown | Self::Rejected => false,
        }
    }
}

row_fn!(ChildState, ChildEvent);

/// Each pair of state and event, with the step it makes and the reason.
static LIFECYCLE: Lifecycle<ChildState, 10, 14> = {
    use ChildEvent as E;
    use ChildState as S;
    use Step::{Forbidden, Ignored, To};

    const LIVING: &[S] = &[S::Sent, S::Live, S::PendingCancel, S::PendingReplace, S::Unknown];
    const OVER: &[S] = &[S::Filled, S::Canceled, S::Expired, S::Rejected];

    Lifecycle::new(&[
        row(
            "@C1",
            &[S::Sent],
            &[E::Accepted, E::PartFilled, E::FoundOpen],
            To(S::Live),
            "An execution or the answer to a query proves an accept.",
        ),
        row(
            "@C2",
            &[S::Sent, S::Live, S::PendingReplace],
            &[E::CancelSent],
            To(S::PendingCancel),
            "A cancel may overtake every other answer.",
        ),
        row(
            "@C3",
            &[S::Live],
            &[E::Accepted, E::PartFilled, E::Replaced, E::ReplaceRefused, E::FoundOpen],
            To(S::Live),
            "The answer to the order may come after the answer to something later.",
        ),
        row("@C4", &[S::Live], &[E::ReplaceSent], To(S::PendingReplace), "The venue now decides."),
        row(
            "@C5",
            &[S::PendingCancel],
            &[E::Accepted, E::PartFilled, E::CancelSent, E::FoundOpen],
            To(S::PendingCancel),
            "Only the venue's answer to the cancel, or an end, settles a cancel that was sent.",
        ),
        row(
            "@C6",
            &[S::PendingReplace],
            &[E::Accepted, E::PartFilled],
            To(S::PendingReplace),
            "An accept or an execution does not tell whether the replace was taken.",
        ),
        row(
            "@C7",
            &[S::PendingReplace],
            &[E::Replaced, E::ReplaceRefused, E::FoundOpen],
            To(S::Live),
            "The venue has answered the replace, or was queried after it.",
        ),
        row(
            "@C8",
            &[S::Unknown],
            &[E::FoundOpen],
            To(S::Live),
            "Unknown ends only with an answer about the child as a whole.",
        ),
        row(
            "@C9",
            &[S::Unknown],
            &[E::Accepted, E::PartFilled],
            To(S::Unknown),
            "An accept or an execution does not tell whether the rest is still open.",
        ),
        row(
            "@C10",
            &[S::Unknown],
            &[E::CancelSent],
            To(S::Unknown),
            "A cancel does not tell whether there is something to cancel.",
        ),
        row(
            "@C11",
            LIVING,
            &[E::Doubted],
            To(S::Unknown),
            "The exposure is kept and the venue is queried, again if the child is unknown already.",
        ),
        row("@C12", LIVING, &[E::LastFilled], To(S::Filled), "Nothing is left."),
        row("@C13", LIVING, &[E::Canceled], To(S::Canceled), "The venue's word ends the child."),
        row(
            "@C14",
            LIVING,
            &[E::Expired, E::SelfMatched],
            To(S::Expired),
            "The venue's word ends the child.",
        ),
        row("@C15", LIVING, &[E::Rejected], To(S::Rejected), "The venue holds nothing."),
        row(
            "@C16",
            &[S::Sent, S::PendingCancel, S::Unknown],
            &[E::Replaced, E::ReplaceRefused],
            Ignored,
            "A late answer to a replace; something later has been sent or asked since.",
        ),
        row(
            "@C17",
            OVER,
            &[
                E::Accepted,
                E::Rejected,
                E::PartFilled,
                E::LastFilled,
                E::Replaced,
                E::ReplaceRefused,
                E::Canceled,
                E::Expired,
                E::Doubted,
                E::FoundOpen,
                E::SelfMatched,
            ],
            Ignored,
            "Late news of a child that is over. The engine books a late fill, and cancels a child \
             that is found open after its end.",
        ),
        row(
            "@C18",
            &[S::Sent, S::PendingCancel, S::PendingReplace, S::Unknown],
            &[E::ReplaceSent],
            Forbidden,
            "A replace is sent only for a child that is open and has nothing pending.",
        ),
        row(
            "@C19",
            OVER,
            &[E::CancelSent, E::ReplaceSent],
            Forbidden,
            "Nothing is sent for a child that is over, except by the engine on its own (see @C17).",
        ),
        row(
            "@C20",
            &[S::Vacant],
            &[
                E::Accepted,
                E::Rejected,
                E::PartFilled,
                E::LastFilled,
                E::CancelSent,
                E::ReplaceSent,
                E::Replaced,
                E::ReplaceRefused,
                E::Canceled,
                E::Expired,
                E::Doubted,
                E::FoundOpen,
                E::Resolved,
                E::SelfMatched,
            ],
            Forbidden,
            "No id names a slot that was never used.",
        ),
        row(
            "@C21",
            &[S::Unknown],
            &[E::Resolved],
            To(S::Canceled),
            "The operator's word stands in for that of a venue that does not tell.",
        ),
        row(
            "@C22",
            &[
                S::Sent,
                S::Live,
                S::PendingCancel,
                S::PendingReplace,
                S::Filled,
                S::Canceled,
                S::Expired,
                S::Rejected,
            ],
            &[E::Resolved],
            Forbidden,
            "What the venue has told is not overruled: the command is refused before.",
        ),
    ])
};

impl ChildState {
    /// What an event does to a child in this state.
    #[inline]
    pub fn after(self, event: ChildEvent) -> Step<Self> {
        LIFECYCLE.row(self as usize, event as usize).step
    }

    /// Whether the venue holds no open quantity of the child any more.
    #[inline]
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

/// Who tells what became of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToldBy {
    /// The venue.
    Venue,
    /// An operator, who has resolved the child.
    Operator,
}

/// Whether a child is known to have reached its venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// The venue has not shown it.
    Open,
    /// The venue has accepted or executed the child, ended it, or named it as open.
    Proved,
}

/// What an operator has stated of a child that the venue did not tell about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stated {
    /// The part of the stated quantity that no execution of the venue has confirmed so far.
    pub left: Qty,
    /// The stated price of that quantity.
    pub price: Price,
}

/// What a child is to its order and its venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It carries quantity of one order.
    Own,
    /// It carries quantity of several orders. Each of them has a part of it. The shared child is
    /// what its venue knows; `order` is the first of the orders, and `older` leads to the parts.
    Shared,
    /// A part of a shared child. Its order knows it as a child, and its venue does not. `previous`
    /// is the shared child, and `next` leads to the next part.
    Part,
}

/// A child order.
#[derive(Clone, Copy, Debug)]
pub struct Child {
    /// Serial id, never used again.
    pub id: ChildId,
    /// The client order that this child works for.
    pub order: OrderId,
    /// Trace id of that order.
    pub trace: u64,
    /// The venue that the child was sent to.
    pub venue: VenueId,
    /// The instrument.
    pub instrument: InstrumentId,
    /// Buy or sell.
    pub side: Side,
    /// Time in force at the venue: IOC, FOK or GTC.
    pub tif: TimeInForce,
    /// Whether the child is of one order, of several, or a part of one of several.
    pub role: Role,
    state: ChildState,
    /// Ordered quantity; less after the venue has amended the child.
    pub qty: Qty,
    /// Limit price.
    pub price: Price,
    /// Filled quantity, at most `qty`.
    pub filled: Qty,
    /// The part of `qty` that the book showed when the child was made; zero for a child that rests.
    pub shown: Qty,
    /// The part of the venue's funds that the child binds.
    pub reserved: Amount,
    /// When the core decided to send the child.
    pub sent_at: UnixNanos,
    /// The child is to be cancelled as soon as its state and its venue allow that.
    pub cancel_wanted: bool,
    /// The venue has said nothing of the child, and its outcome is not in doubt.
    pub is_unanswered: bool,
    /// Whether the venue has ever shown that it got the child, whatever it says later.
    pub arrival: Arrival,
    /// The child is called back so that its quantity goes elsewhere, or so that another order
    /// passes; its order does not end.
    pub moves: bool,
    /// The order for which the child is called back; zero for none.
    pub yields_to: OrderId,
    /// Cancels sent since the cancel was last wanted, at most
    /// [`CANCELS_MAX`](crate::engine::CANCELS_MAX).
    pub cancels: u8,
    /// How the child ended, while executions are missing: the venue reports the child as over with
    /// a larger filled quantity than the executions received add up to.
    pub awaited: Option<ChildEvent>,
    /// That filled quantity; of use only while an end is awaited.
    pub awaited_filled: Qty,
    /// Since when the outcome is unknown. Of use only in the state [`ChildState::Unknown`].
    pub unknown_since: UnixNanos,
    /// Answers since then that have settled nothing.
    pub vain_answers: u8,
    /// When the venue is queried again after such an answer; zero if no query waits.
    pub query_at: UnixNanos,
    /// Who has told the outcome.
    pub told_by: ToldBy,
    /// What the operator has stated; of use only in a child that an operator has resolved.
    pub stated: Stated,
    /// The venue's id of the child; empty until the venue has told it.
    pub venue_order: VenueOrderId,
    /// The next older child of the same order that is not over; zero for none. Of a shared child
    /// the first part.
    pub older: ChildId,
    /// The neighbour before this one in the list of the venue's living children; zero for none. Of
    /// a part the shared child.
    pub previous: ChildId,
    /// The neighbour after this one in that list; zero for none. Of a part the next part.
    pub next: ChildId,
}

const _: () = assert!(size_of::<Child>() <= 3 * 64, "three cache lines");

impl Slot for Child {
    const EMPTY: Self = Self {
        id: ChildId(0),
        order: OrderId(0),
        trace: 0,
        venue: VenueId(0),
        instrument: InstrumentId(0),
        side: Side::Buy,
        tif: TimeInForce::Ioc,
        role: Role::Own,
        state: ChildState::Vacant,
        qty: Qty::ZERO,
        price: Price(0),
        filled: Qty::ZERO,
        shown: Qty::ZERO,
        reserved: Amount::ZERO,
        sent_at: UnixNanos(0),
        cancel_wanted: false,
        is_unanswered: false,
        arrival: Arrival::Open,
        moves: false,
        yields_to: OrderId(0),
        cancels: 0,
        awaited: None,
        awaited_filled: Qty::ZERO,
        unknown_since: UnixNanos(0),
        vain_answers: 0,
        query_at: UnixNanos(0),
        told_by: ToldBy::Venue,
        stated: Stated { left: Qty::ZERO, price: Price(0) },
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
    /// A child that is about to be sent, in the state [`ChildState::Sent`].
    pub fn sent(send: &SendNew, sent_at: UnixNanos, older: ChildId) -> Self {
        Self {
            id: send.child,
            order: send.order,
            trace: send.trace,
            venue: send.venue,
            instrument: send.instrument,
            side: send.side,
            tif: send.tif,
            state: ChildState::Sent,
            qty: send.qty,
            price: send.price,
            sent_at,
            is_unanswered: true,
            older,
            ..Self::EMPTY
        }
    }

    /// The child's state.
    #[inline]
    pub const fn state(&self) -> ChildState {
        self.state
    }

    /// Moves the child on. Every transition passes here. False for late or repeated news that
    /// changes nothing.
    ///
    /// # Panics
    /// On a pair that the table forbids. The callers look first, so it would be our own mistake.
    pub fn apply(&mut self, event: ChildEvent) -> bool {
        // What we send is no answer, whatever it makes of the state.
        self.is_unanswered &= matches!(event, ChildEvent::CancelSent | ChildEvent::ReplaceSent);
        if event.proves_arrival() {
            self.arrival = Arrival::Proved;
        }
        let row = LIFECYCLE.row(self.state as usize, event as usize);
        match row.step {
            Step::To(next) => self.state = next,
            Step::Ignored => return false,
            Step::Forbidden => {
                let (id, state, label) = (self.id.0, self.state, row.label);
                panic!("child {id} in {state:?} cannot take {event:?} ({label}): {}", row.reason)
            }
        }
        true
    }

    /// The venue has shown that it got the child: by its accept, an execution, its place in the
    /// book, or an end with executions that are still missing here.
    pub const fn has_arrived(&self) -> bool {
        matches!(self.arrival, Arrival::Proved) || self.awaited.is_some()
    }

    /// The quantity that is not filled.
    #[inline]
    pub const fn leaves(&self) -> Qty {
        self.qty.saturating_sub(self.filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Step::{Ignored, To};

    const LIVING: [ChildState; 5] = [
        ChildState::Sent,
        ChildState::Live,
        ChildState::PendingCancel,
        ChildState::PendingReplace,
        ChildState::Unknown,
    ];

    fn child(state: ChildState) -> Child {
        Child { state, ..Child::EMPTY }
    }

    #[test]
    fn every_state_and_event_match_one_row_and_every_row_is_reached() {
        LIFECYCLE.assert_sound("@C");
    }

    #[test]
    fn a_late_accept_never_undoes_anything() {
        for state in [ChildState::PendingCancel, ChildState::PendingReplace, ChildState::Unknown] {
            assert_eq!(state.after(ChildEvent::Accepted), To(state));
        }
        for state in [ChildState::Filled, ChildState::Canceled, ChildState::Rejected] {
            assert_eq!(state.after(ChildEvent::Accepted), Ignored);
        }
    }

    #[test]
    fn unknown_ends_only_with_an_answer_about_the_whole_child() {
        use ChildEvent as E;
        for event in [E::Accepted, E::PartFilled, E::CancelSent, E::Doubted] {
            assert_eq!(ChildState::Unknown.after(event), To(ChildState::Unknown));
        }
        let ends = [E::Canceled, E::Expired, E::Rejected, E::LastFilled, E::Resolved];
        for event in ends.into_iter().chain([E::FoundOpen]) {
            assert_ne!(ChildState::Unknown.after(event), To(ChildState::Unknown));
        }
    }

    #[test]
    fn every_living_child_can_be_doubted_and_can_end() {
        use ChildEvent as E;
        for state in LIVING {
            assert_eq!(state.after(E::Doubted), To(ChildState::Unknown));
            for end in [E::LastFilled, E::Canceled, E::Expired, E::Rejected] {
                let after = state.after(end).or(state);
                assert!(after.is_over(), "{state:?} {end:?}");
            }
        }
    }

    #[test]
    fn late_news_is_told_from_news_and_changes_nothing() {
        use ChildEvent as E;
        let mut over = child(ChildState::Canceled);
        for late in [E::Accepted, E::PartFilled, E::LastFilled, E::Doubted, E::FoundOpen] {
            assert!(!over.apply(late), "{late:?}");
            assert_eq!(over.state(), ChildState::Canceled);
        }
        // An unknown child that is doubted again is queried again: that is news.
        let mut unknown = child(ChildState::Unknown);
        assert!(unknown.apply(E::Doubted));
        assert_eq!(unknown.state(), ChildState::Unknown);
    }

    #[test]
    #[should_panic = "(@C19)"]
    fn a_cancel_of_a_child_that_is_over_is_our_own_mistake() {
        child(ChildState::Filled).apply(ChildEvent::CancelSent);
    }
}
