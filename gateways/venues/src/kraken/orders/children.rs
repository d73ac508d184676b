//! What was sent and is not over, and which answers are awaited.
//!
//! A line belongs here if it remembers something about one child between two messages.

use std::collections::{BTreeMap, VecDeque};

use rutter_core::id::{ChildId, InstrumentId, VenueOrderId};
use rutter_core::input::Side;
use rutter_core::number::Qty;

/// Children remembered that are not over. Beyond it new ones are refused as not sent.
pub(super) const LIVE_MAX: usize = 1 << 16;

/// Children that are over and still remembered, for what the venue says late.
const OVER_MAX: usize = 4_096;

/// Requests whose answer is awaited. Beyond it new ones are refused as not sent.
pub(super) const WAITS_MAX: usize = 1 << 14;

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub expired: bool,
    pub filled: Qty,
}

/// What is remembered of a child.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub instrument: InstrumentId,
    pub side: Option<Side>,
    /// The venue's id; empty until told.
    pub order: VenueOrderId,
    /// When this process sent it; `None` when an earlier one did.
    pub sent_ns: Option<u64>,
    /// Immediate or cancel: what the venue then calls cancelled has expired.
    pub ioc: bool,
    /// The core was told of its acceptance, or that it is open.
    pub accepted: bool,
    /// We asked for its cancellation.
    pub cancel_asked: bool,
    /// The largest cumulative quantity that the venue told.
    pub filled: Qty,
    pub end: Option<End>,
    /// Request that has no answer yet.
    pub new_req: Option<u64>,
    /// The newest cancel request that has no answer yet.
    pub cancel_req: Option<u64>,
}

impl Entry {
    pub fn new(instrument: InstrumentId) -> Self {
        Self {
            instrument,
            side: None,
            order: VenueOrderId::default(),
            sent_ns: None,
            ioc: false,
            accepted: false,
            cancel_asked: false,
            filled: Qty::ZERO,
            end: None,
            new_req: None,
            cancel_req: None,
        }
    }
}

/// All children of the venue. Sorted, so that nothing depends on the order of a hash.
#[derive(Debug, Default)]
pub(super) struct Children {
    by_child: BTreeMap<ChildId, Entry>,
    by_order: BTreeMap<VenueOrderId, ChildId>,
    over: VecDeque<ChildId>,
    /// The largest id ever sent by this process. The core numbers children in the order in which
    /// it sends them, so what is not larger was sent before.
    last_sent: ChildId,
}

impl Children {
    pub fn get(&self, child: ChildId) -> Option<&Entry> {
        self.by_child.get(&child)
    }

    pub fn get_mut(&mut self, child: ChildId) -> Option<&mut Entry> {
        self.by_child.get_mut(&child)
    }

    pub fn of_order(&self, order: VenueOrderId) -> Option<ChildId> {
        self.by_order.get(&order).copied()
    }

    /// Children that are not over.
    pub fn live(&self) -> impl Iterator<Item = (ChildId, &Entry)> {
        let live = self.by_child.iter().filter(|(_, entry)| entry.end.is_none());
        live.map(|(child, entry)| (*child, entry))
    }

    pub fn is_full(&self) -> bool {
        self.by_child.len() - self.over.len() >= LIVE_MAX
    }

    pub fn was_sent(&self, child: ChildId) -> bool {
        child <= self.last_sent || self.by_child.contains_key(&child)
    }

    pub fn sent(&mut self, child: ChildId, entry: Entry) {
        self.last_sent = self.last_sent.max(child);
        self.by_child.insert(child, entry);
    }

    /// The entry of a child that the venue speaks of; made when it was forgotten or is of an
    /// earlier process. `None` when there is no room.
    pub fn known(&mut self, child: ChildId, instrument: InstrumentId) -> Option<&mut Entry> {
        if !self.by_child.contains_key(&child) && self.is_full() {
            return None;
        }
        Some(self.by_child.entry(child).or_insert_with(|| Entry::new(instrument)))
    }

    /// Joins the venue's id to the child. An id names one order: a child that had it before (which
    /// no honest venue causes) is found by our id again.
    pub fn join(&mut self, child: ChildId, order: VenueOrderId) {
        if order.is_empty() {
            return;
        }
        let Some(entry) = self.by_child.get_mut(&child) else { return };
        let before = std::mem::replace(&mut entry.order, order);
        if before != order {
            self.by_order.remove(&before);
        }
        if let Some(other) = self.by_order.insert(order, child)
            && other != child
            && let Some(entry) = self.by_child.get_mut(&other)
        {
            entry.order = VenueOrderId::default();
        }
    }

    /// The child is over; forgets the one that has been over for longest when they are too many.
    pub fn end(&mut self, child: ChildId, end: End) {
        let Some(entry) = self.by_child.get_mut(&child) else { return };
        if entry.end.replace(end).is_some() {
            return;
        }
        self.over.push_back(child);
        if self.over.len() > OVER_MAX
            && let Some(oldest) = self.over.pop_front()
            && let Some(entry) = self.by_child.remove(&oldest)
            && self.by_order.get(&entry.order) == Some(&oldest)
        {
            self.by_order.remove(&entry.order);
        }
    }

    /// No answer will come any more.
    pub fn forget_requests(&mut self) {
        for entry in self.by_child.values_mut() {
            entry.new_req = None;
            entry.cancel_req = None;
        }
    }
}

/// A request whose answer is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    New,
    Cancel,
}

/// An answer that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    pub req_id: u64,
    pub child: ChildId,
    pub request: Request,
    deadline_ns: u64,
    done: bool,
}

/// Answers that are due. Request ids and deadlines rise: the time to answer is the same for all.
#[derive(Debug, Default)]
pub(super) struct Waits {
    waits: VecDeque<Wait>,
}

impl Waits {
    pub fn is_full(&self) -> bool {
        self.waits.len() >= WAITS_MAX
    }

    pub fn push(&mut self, req_id: u64, child: ChildId, request: Request, deadline_ns: u64) {
        self.waits.push_back(Wait { req_id, child, request, deadline_ns, done: false });
    }

    fn drop_done(&mut self) {
        while self.waits.front().is_some_and(|wait| wait.done) {
            self.waits.pop_front();
        }
    }

    /// The answer has come, or is not needed any more.
    pub fn take(&mut self, req_id: u64) -> Option<Wait> {
        let at = self.waits.binary_search_by_key(&req_id, |wait| wait.req_id).ok()?;
        let wait = self.waits.get_mut(at)?;
        let open = (!wait.done).then_some(*wait);
        wait.done = true;
        self.drop_done();
        open
    }

    /// The next one that is overdue.
    pub fn overdue(&mut self, now_ns: u64) -> Option<Wait> {
        self.drop_done();
        let wait = *self.waits.front()?;
        if wait.deadline_ns > now_ns {
            return None;
        }
        self.waits.pop_front();
        Some(wait)
    }

    pub fn next_ns(&self) -> Option<u64> {
        self.waits.front().map(|wait| wait.deadline_ns)
    }

    pub fn clear(&mut self) {
        self.waits.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_taken_once_and_what_is_overdue_comes_in_order() {
        let mut waits = Waits::default();
        for (req_id, deadline_ns) in [(3, 10), (5, 20), (9, 30)] {
            waits.push(req_id, ChildId(req_id), Request::New, deadline_ns);
        }
        assert_eq!(waits.take(5).map(|wait| wait.child), Some(ChildId(5)));
        assert_eq!(waits.take(5), None);
        assert_eq!(waits.take(4), None);
        assert_eq!(waits.overdue(9), None);
        assert_eq!(waits.overdue(30).map(|wait| wait.req_id), Some(3));
        assert_eq!(waits.overdue(30).map(|wait| wait.req_id), Some(9));
        assert_eq!(waits.next_ns(), None);
    }

    #[test]
    fn an_order_id_names_the_child_that_had_it_last() {
        let mut children = Children::default();
        let order = VenueOrderId::new(b"O1").expect("id");
        for n in 1..=2 {
            children.sent(ChildId(n), Entry::new(InstrumentId(0)));
            children.join(ChildId(n), order);
        }
        assert_eq!(children.of_order(order), Some(ChildId(2)));
        assert!(children.get(ChildId(1)).is_some_and(|entry| entry.order.is_empty()));
    }

    #[test]
    fn only_children_that_are_over_are_forgotten() {
        let mut children = Children::default();
        for n in 1..=OVER_MAX as u64 + 10 {
            children.sent(ChildId(n), Entry::new(InstrumentId(0)));
            let order = VenueOrderId::new(format!("O{n}").as_bytes()).expect("id");
            children.join(ChildId(n), order);
            if n > 1 {
                children.end(ChildId(n), End { expired: false, filled: Qty(1) });
            }
        }
        let order = |n: u64| VenueOrderId::new(format!("O{n}").as_bytes()).expect("id");
        assert_eq!(children.of_order(order(1)), Some(ChildId(1)));
        assert_eq!(children.of_order(order(2)), None);
        assert!(children.get(ChildId(2)).is_none() && children.was_sent(ChildId(2)));
        assert_eq!(children.live().count(), 1);
    }
}
