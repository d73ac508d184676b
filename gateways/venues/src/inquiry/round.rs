//! One round of questions: its children, and what the answers so far add up to for each of them.
//!
//! A line belongs here if it needs only one round. Which rounds there are, and when their calls are
//! made, is `machine`; which calls a round needs is the venue's dialect.

use std::collections::BTreeMap;

use rutter_core::id::{ChildId, ExecId, InstrumentId};
use rutter_core::input::Fate;
use rutter_core::number::Qty;

use super::answer::{OrderState, Trade};

/// A child in doubt that is not being asked about now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub instrument: InstrumentId,
    /// The child is not asked about before this time.
    pub due_ns: u64,
    /// Answers so far that were not clear.
    pub tries: u32,
    /// When the first round was asked that found the child nowhere, if that counts as proof.
    pub absent_ns: Option<u64>,
    /// The order's state, when the list of open orders has told it and its trades are missing.
    pub known: Option<OrderState>,
}

/// An order as the venue has told of it.
#[derive(Clone, Debug)]
pub struct Found {
    /// The state that was told last.
    pub state: OrderState,
    /// Executions found so far, each once.
    pub(super) trades: BTreeMap<ExecId, Trade>,
    /// Sum of the quantities of `trades`.
    pub(super) traded: Qty,
}

impl Found {
    /// Quantity filled in all, by the state or by the executions, whichever is newer.
    pub(super) fn filled(&self) -> Qty {
        self.state.filled.max(self.traded)
    }
}

/// A child of a round.
#[derive(Clone, Debug)]
pub struct Member {
    /// The child.
    pub child: ChildId,
    /// The child's instrument.
    pub instrument: InstrumentId,
    /// The child's order, once found.
    pub found: Option<Found>,
    /// An answer about the child could not be read, so the round concludes nothing about it.
    pub is_unclear: bool,
    /// The round has no call left for the child, which is asked about in the next round.
    pub is_postponed: bool,
    /// The core has asked about the child once more since the round began.
    pub(super) is_asked_again: bool,
    pub(super) question: Question,
}

impl Member {
    pub(super) fn new(child: ChildId, question: Question) -> Self {
        let mut member = Self {
            child,
            instrument: question.instrument,
            found: None,
            is_unclear: false,
            is_postponed: false,
            is_asked_again: false,
            question,
        };
        if let Some(state) = question.known {
            member.learn(state);
        }
        member
    }

    /// Takes the state of the child's order from an answer.
    pub fn learn(&mut self, state: OrderState) {
        let (trades, traded) = (BTreeMap::new(), Qty::ZERO);
        self.found = Some(Found { state, trades, traded });
    }

    /// Takes a trade of the child's order from an answer. A trade that was told before counts once:
    /// pages shift when a trade happens between two calls.
    pub fn add(&mut self, trade: Trade) {
        let Some(found) = &mut self.found else { return };
        if found.trades.insert(trade.exec, trade).is_none() {
            found.traded = Qty(found.traded.0.saturating_add(trade.qty.0));
        }
    }

    /// No trade is missing: what was found is all that the order has filled. The state of an open
    /// order may be older than its trades. True of a child whose order was not found.
    pub fn is_complete(&self) -> bool {
        self.found.as_ref().is_none_or(|found| match found.state.fate {
            Fate::Open => found.traded >= found.state.filled,
            _ => found.traded == found.state.filled,
        })
    }
}

/// A call that waits for its answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flight<C> {
    pub id: u64,
    pub sent_ns: u64,
    pub call: C,
}

/// The children that share the calls of one round, and the round's plan `P`.
#[derive(Debug)]
pub struct Round<P> {
    /// The children.
    pub members: Vec<Member>,
    /// How far the round's calls are; the dialect's.
    pub plan: P,
    /// When the first call that was answered was made: no answer of the round is older.
    pub(super) asked_ns: Option<u64>,
}

impl<P: Default> Round<P> {
    pub(super) fn new(members: Vec<Member>) -> Self {
        Self { members, plan: P::default(), asked_ns: None }
    }
}
