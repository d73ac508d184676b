//! What a preview is answered with.
//!
//! A line belongs here if it tells what would become of an order that is not sent.

use super::{BridgeLine, VenueLine};
use crate::hash::Rolling;
use crate::id::SessionId;
use crate::input::Refusal;
use crate::routing::{PlannedChild, Search};
use crate::waiting::Waiting;

/// One part of the answer to [`OperatorCommand::Preview`](crate::input::OperatorCommand::Preview).
///
/// The parts come one after the other: [`Previewed::Order`], then [`Previewed::Venue`] for each
/// venue by its id if a plan was made, [`Previewed::Bridge`] for each bridge, then the operator's
/// report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Previewed {
    /// The order as a whole.
    Order {
        /// Why the order would be refused; [`Refusal::None`] if it would be accepted.
        refusal: Refusal,
        /// Why the order would be given back what the plan leaves; [`Refusal::None`] if the plan
        /// leaves nothing, or what it leaves would wait.
        given_back: Refusal,
        /// Why what the plan leaves would wait; [`Waiting::Nothing`] if it would not.
        waits: Waiting,
        /// The work of the search for the plan.
        search: Search,
    },
    /// One venue.
    Venue {
        /// The result for the venue.
        line: VenueLine,
        /// The child that would take; `None` for none.
        take: Option<PlannedChild>,
        /// The child that would rest; `None` for none.
        rest: Option<PlannedChild>,
    },
    /// One bridge of the order's account and instrument.
    Bridge(BridgeLine),
}

/// One part of the answer to a client's preview. The parts come as in [`Previewed`], and then one
/// without a part: the answer is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientPreview {
    /// The client session that asks.
    pub session: SessionId,
    /// [`NewOrder::client_seq`](crate::input::NewOrder::client_seq) of the question.
    pub client_seq: u64,
    /// The part; `None` at the end.
    pub part: Option<Previewed>,
    /// What a venue's taking child is expected to cost or to bring with fees: price times quantity,
    /// with [`ALL_IN_DECIMALS`](crate::routing::ALL_IN_DECIMALS) more decimals; else zero.
    pub paid: i128,
}

impl ClientPreview {
    pub(super) fn mix(&self, hash: &mut Rolling) {
        hash.pair(u64::from(self.session.0) << 1 | u64::from(self.part.is_some()), self.client_seq);
        hash.wide(self.paid);
        if let Some(part) = &self.part {
            part.mix(hash);
        }
    }
}

impl Previewed {
    pub(super) fn mix(&self, hash: &mut Rolling) {
        match self {
            Self::Order { refusal, given_back, waits, search } => {
                let words = [*refusal as u8, *given_back as u8, *waits as u8];
                let [refusal, given_back, waits] = words.map(u64::from);
                hash.pair(refusal | given_back << 8 | waits << 16, u64::from(search.nodes));
                hash.word(u64::from(search.bounded));
            }
            Self::Bridge(line) => line.mix(hash),
            Self::Venue { line, take, rest } => {
                line.mix(hash);
                for child in [take, rest] {
                    let PlannedChild { qty, price, .. } = child.unwrap_or_default();
                    hash.pair(qty.0.cast_unsigned(), price.0.cast_unsigned());
                }
            }
        }
    }
}
