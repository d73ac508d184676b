//! The table of the children sent over FIX and not over, and of the answers awaited.
//!
//! A line belongs here if it keeps a fact about one child between two messages, at any venue that
//! takes orders over FIX. All other facts follow from the child's id, so a child that is over can
//! be dropped.

use std::collections::VecDeque;

use rutter_core::id::{ChildId, VenueOrderId};
use rutter_core::number::{Price, Qty};

/// Most children in the table. With a full table a new order is refused as not sent.
pub(crate) const CHILDREN_MAX: usize = 1 << 16;
/// The table is swept when entries that are over, times this factor, exceed all entries.
const SWEEP_FACTOR: usize = 2;
/// Fewest entries with which the table is swept.
const SWEEP_MIN: usize = 64;

/// A request whose answer is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// The order itself.
    New,
    /// The cancel request with this number.
    Cancel(u32),
    /// An amend.
    Amend,
}

/// One child.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Entry {
    pub child: ChildId,
    /// When this process sent the order; `None` when an earlier process did.
    pub sent_ns: Option<u64>,
    /// When the venue said last that it does not know what became of the order.
    pub doubted_ns: Option<u64>,
    /// The venue's id of the order; empty until told.
    pub venue_order: VenueOrderId,
    /// Quantity in all, as the core knows it; zero if this process has not told or heard it.
    pub qty: Qty,
    /// The venue has shown that it knows the order.
    pub seen: bool,
    /// `MsgSeqNum` of the order while it has no answer.
    pub new_seq: Option<u64>,
    /// Number and `MsgSeqNum` of the newest cancel request while it has no answer.
    pub cancel: Option<(u32, u64)>,
    /// `MsgSeqNum` of the newest amend while it has no answer.
    pub amend_seq: Option<u64>,
    /// The quantity in all that this amend asks for.
    pub amend_to: Qty,
    /// Limit price, if this process has sent the order.
    pub price: Price,
    /// Quantity filled, by the executions that the session has told.
    pub filled: Qty,
    /// When the venue showed last that it knows the order.
    pub shown_ns: u64,
    /// Number of the newest amend, at a venue where each gives the order another id of ours.
    pub amends: u32,
    /// The amend by whose id the venue knows the order; zero for the order's first id.
    pub amended_by: u32,
    over: bool,
}

impl Entry {
    /// Whether the entry says nothing of its order, and no answer is awaited.
    const fn is_idle(&self) -> bool {
        let awaits = self.new_seq.is_some() || self.cancel.is_some() || self.amend_seq.is_some();
        self.sent_ns.is_none() && !self.seen && !awaits
    }
}

/// An answer that is due.
#[derive(Clone, Copy, Debug)]
struct Wait {
    deadline_ns: u64,
    child: ChildId,
    request: Request,
    seq: u64,
}

/// The table is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{CHILDREN_MAX} children are remembered already")]
pub(crate) struct TableFull;

/// All children of one venue, sorted by id. Ids rise in the order of sending, so that adding is
/// nearly always a push and ending a pop.
#[derive(Debug, Default)]
pub(crate) struct Children {
    entries: VecDeque<Entry>,
    over: usize,
    /// The number of the newest cancel request of this process, of whatever child. So no id of a
    /// request comes twice, also of a child whose entry has been dropped between two of them.
    cancels: u32,
    /// Sorted by deadline, since the time to answer is the same for all requests.
    waits: VecDeque<Wait>,
}

impl Children {
    fn find(&self, child: ChildId) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&child, |entry| entry.child)
    }

    pub fn get(&self, child: ChildId) -> Option<&Entry> {
        let entry = self.entries.get(self.find(child).ok()?)?;
        (!entry.over).then_some(entry)
    }

    pub fn get_mut(&mut self, child: ChildId) -> Option<&mut Entry> {
        let at = self.find(child).ok()?;
        self.entries.get_mut(at).filter(|entry| !entry.over)
    }

    /// The entry of a child, which is added if absent.
    pub fn ensure(&mut self, child: ChildId) -> Result<&mut Entry, TableFull> {
        let at = match self.find(child) {
            Ok(at) => {
                if let Some(entry) = self.entries.get_mut(at).filter(|entry| entry.over) {
                    *entry = Entry { child, ..Entry::default() };
                    self.over -= 1;
                }
                at
            }
            Err(at) => {
                if self.entries.len() - self.over >= CHILDREN_MAX {
                    return Err(TableFull);
                }
                self.entries.insert(at, Entry { child, ..Entry::default() });
                at
            }
        };
        self.entries.get_mut(at).ok_or(TableFull)
    }

    /// The child is over: drops its entry.
    pub fn end(&mut self, child: ChildId) {
        let Some(entry) = self.get_mut(child) else { return };
        entry.over = true;
        self.over += 1;
        while self.entries.front().is_some_and(|entry| entry.over) {
            self.entries.pop_front();
            self.over -= 1;
        }
        let total = self.entries.len();
        if total > SWEEP_MIN && self.over * SWEEP_FACTOR > total {
            self.entries.retain(|entry| !entry.over);
            self.over = 0;
        }
    }

    /// The number of the next cancel request.
    pub const fn number_cancel(&mut self) -> u32 {
        self.cancels = self.cancels.wrapping_add(1);
        self.cancels
    }

    /// Drops the entry of a child that is there for the answer to a request alone, once no answer
    /// is awaited: the request has crossed the end of the order, and nothing more is told of it.
    pub fn end_if_idle(&mut self, child: ChildId) {
        if self.get(child).is_some_and(Entry::is_idle) {
            self.end(child);
        }
    }

    /// An answer to the request that was sent with `seq` is due at `deadline_ns`.
    pub fn await_answer(&mut self, child: ChildId, request: Request, seq: u64, deadline_ns: u64) {
        self.waits.push_back(Wait { deadline_ns, child, request, seq });
    }

    /// The next request that got no answer in time. Its answer is no longer awaited.
    pub fn take_overdue(&mut self, now_ns: u64) -> Option<(ChildId, Request)> {
        self.drop_answered();
        let wait = self.waits.pop_front_if(|wait| wait.deadline_ns <= now_ns)?;
        if let Some(entry) = self.get_mut(wait.child) {
            match wait.request {
                Request::New => entry.new_seq = None,
                Request::Cancel(_) => entry.cancel = None,
                Request::Amend => entry.amend_seq = None,
            }
        }
        self.end_if_idle(wait.child);
        Some((wait.child, wait.request))
    }

    /// When the next answer is overdue.
    pub fn next_deadline_ns(&self) -> Option<u64> {
        // The first request may be answered already. The timer then fires early, without harm.
        self.waits.front().map(|wait| wait.deadline_ns)
    }

    fn drop_answered(&mut self) {
        while let Some(wait) = self.waits.front() {
            let awaited = self.get(wait.child).is_some_and(|entry| match wait.request {
                Request::New => entry.new_seq == Some(wait.seq),
                Request::Cancel(attempt) => entry.cancel == Some((attempt, wait.seq)),
                Request::Amend => entry.amend_seq == Some(wait.seq),
            });
            if awaited {
                return;
            }
            self.waits.pop_front();
        }
    }

    /// The request that was sent under this number, if its answer is still awaited.
    pub fn by_seq(&self, seq: u64) -> Option<(ChildId, Request)> {
        // A linear search is enough: only a Reject needs it, which is rare.
        self.entries.iter().filter(|entry| !entry.over).find_map(|entry| {
            if entry.new_seq == Some(seq) {
                return Some((entry.child, Request::New));
            }
            if entry.amend_seq == Some(seq) {
                return Some((entry.child, Request::Amend));
            }
            let (attempt, sent) = entry.cancel?;
            (sent == seq).then_some((entry.child, Request::Cancel(attempt)))
        })
    }

    /// The connection is gone, and no answer will arrive on it.
    pub fn forget_answers(&mut self) {
        self.waits.clear();
        for entry in &mut self.entries {
            (entry.new_seq, entry.amend_seq) = (None, None);
            entry.cancel = None;
        }
        self.entries.retain(|entry| !entry.over && !entry.is_idle());
        self.over = 0;
    }

    /// Number of children that are not over.
    pub fn len(&self) -> usize {
        self.entries.len() - self.over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_is_forgotten_and_the_rest_stays_in_order() {
        let mut children = Children::default();
        for n in [3, 1, 2, 200] {
            assert!(children.ensure(ChildId(n)).is_ok());
        }
        children.end(ChildId(2));
        children.end(ChildId(2));
        assert!(children.get(ChildId(2)).is_none());
        assert_eq!(children.len(), 3);
        children.end(ChildId(1));
        assert_eq!(children.entries.len(), 2, "the front is popped with all that is over");
        assert!(children.ensure(ChildId(2)).is_ok_and(|entry| entry.sent_ns.is_none()));
    }

    #[test]
    fn a_long_liver_at_the_front_does_not_keep_the_dead() {
        let mut children = Children::default();
        assert!(children.ensure(ChildId(1)).is_ok());
        for n in 2..10_000 {
            assert!(children.ensure(ChildId(n)).is_ok());
            children.end(ChildId(n));
            assert!(children.entries.len() <= SWEEP_MIN + 2);
        }
        assert_eq!(children.len(), 1);
    }

    #[test]
    fn the_table_has_an_end_that_is_told() {
        let mut children = Children::default();
        for n in 0..CHILDREN_MAX as u64 {
            assert!(children.ensure(ChildId(n)).is_ok());
        }
        assert_eq!(children.ensure(ChildId(1 << 40)).err(), Some(TableFull));
        assert!(children.ensure(ChildId(5)).is_ok());
    }

    #[test]
    fn only_what_got_no_answer_is_overdue() {
        let mut children = Children::default();
        for n in 1..=3 {
            let entry = children.ensure(ChildId(n)).expect("room");
            entry.new_seq = Some(n + 10);
            children.await_answer(ChildId(n), Request::New, n + 10, 100 * n);
        }
        assert_eq!(children.by_seq(12), Some((ChildId(2), Request::New)));
        children.get_mut(ChildId(1)).expect("there").new_seq = None;
        assert_eq!(children.take_overdue(150), None);
        assert_eq!(children.next_deadline_ns(), Some(200));
        assert_eq!(children.take_overdue(250), Some((ChildId(2), Request::New)));
        assert_eq!(children.take_overdue(250), None);
        children.forget_answers();
        assert_eq!(children.take_overdue(u64::MAX), None);
    }
}
