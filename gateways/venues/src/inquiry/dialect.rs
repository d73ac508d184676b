//! What a venue supplies: its requests, its answers, and what the adapter remembers of children.
//!
//! A line belongs here if it is the border between the shared machine and a venue's folder.

use core::fmt::Display;

use rutter_core::id::{AssetId, ChildId, InstrumentId, VenueId};
use rutter_core::number::Amount;
use rutter_transport::machine::{HttpRequest, HttpResponse};
use rutter_transport::standing::Why;

use super::answer::OrderState;
use super::round::Round;

/// What can be asked. `C` is the venue's kind of call about the children of a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask<C> {
    /// All open orders of the account.
    OpenOrders,
    /// Children in doubt.
    Children(C),
    /// All balances.
    Balances,
}

/// What an answer to [`Ask::OpenOrders`] holds.
#[derive(Clone, Debug, Default)]
pub struct OpenOrders {
    /// Orders with an id of ours.
    pub ours: Vec<(ChildId, InstrumentId, OrderState)>,
    /// Number of orders with another id.
    pub others: u64,
    /// Orders with an id of ours whose state cannot be read: each is asked about by its id.
    pub unclear: Vec<(ChildId, InstrumentId)>,
    /// Number of orders with an id of ours whose symbol is not listed here.
    pub unlisted: u64,
}

/// Why an answer is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused<E> {
    /// The reason, for the log.
    pub error: E,
    /// Length of the pause that the answer implies (a rate limit, a ban), in nanoseconds.
    pub pause_ns: Option<u64>,
    /// The reason, for people.
    pub why: Why,
    /// Only the child that the call was about is at fault: the venue answers, and answers about
    /// other children may be of use.
    pub is_of_child: bool,
}

/// A venue's requests and answers, and what the adapter remembers of its children.
///
/// A venue that is asked about one child at a time implements
/// [`OneByOne`](super::one_by_one::OneByOne) instead, which makes it a `Dialect`.
pub trait Dialect {
    /// Why an answer is of no use.
    type Error: Display;
    /// A call about the children of a round.
    type Call;
    /// How far the calls of a round are.
    type Plan: Default;

    /// The core's id of the venue.
    fn venue(&self) -> VenueId;

    /// The instrument can be named in a request. A child of any other instrument is not asked
    /// about.
    fn is_listed(&self, _instrument: InstrumentId) -> bool {
        true
    }

    /// The venue takes orders, as far as its status messages tell.
    fn takes_orders(&self) -> bool {
        true
    }

    /// The next call of a round; `None` when the round needs no further call. One call may answer
    /// several members. The same call is told again until it has been answered.
    fn next_call(&self, round: &mut Round<Self::Plan>) -> Option<Self::Call>;

    /// What a call adds to the venue's count of our calls.
    fn cost(&self, _ask: &Ask<Self::Call>) -> u32 {
        1
    }

    /// The signed request.
    fn request(&mut self, ask: &Ask<Self::Call>, id: u64, now_ns: u64) -> HttpRequest;

    /// Takes the answer to a call of the round; no response is an error.
    ///
    /// # Errors
    /// The answer is of no use. The call is made again unless the plan of the round has changed.
    fn answer(
        &mut self,
        call: &Self::Call,
        response: Option<&HttpResponse>,
        round: &mut Round<Self::Plan>,
    ) -> Result<(), Refused<Self::Error>>;

    /// Reads the answer to [`Ask::OpenOrders`]. A venue whose private stream shows the open orders
    /// is not asked; see [`Pace::lists_open_orders`](super::Pace::lists_open_orders).
    ///
    /// # Errors
    /// The answer is of no use.
    fn open_orders(
        &self,
        _response: Option<&HttpResponse>,
    ) -> Result<OpenOrders, Refused<Self::Error>> {
        Ok(OpenOrders::default())
    }

    /// Reads the answer to [`Ask::Balances`]: the total of every listed asset.
    ///
    /// # Errors
    /// The answer is of no use.
    fn balances(
        &self,
        response: Option<&HttpResponse>,
    ) -> Result<Vec<(AssetId, Amount)>, Refused<Self::Error>>;

    /// Open orders of ours that the private stream has shown. The core cancels those that it no
    /// longer wants.
    fn shown_open(&self) -> Vec<(ChildId, OrderState)> {
        Vec::new()
    }

    /// From this time on, an absence proves that the child never arrived: the end of the child's
    /// validity at the venue and a margin.
    fn certain_ns(&self, child: ChildId) -> u64;

    /// The venue has shown that it knows the child.
    fn is_shown(&self, child: ChildId) -> bool;

    /// The core is about to be told this state of the child. The dialect remembers the state, and
    /// corrects what its private stream has told since.
    fn settle(&mut self, child: ChildId, instrument: InstrumentId, state: &mut OrderState);
}
