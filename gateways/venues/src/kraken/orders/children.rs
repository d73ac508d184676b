//! The table of the children sent, and of the answers awaited.
//!
//! A line belongs here if it keeps a fact about one child between two messages.

use std::collections::{BTreeMap, VecDeque};

use rutter_core::id::{ChildId, InstrumentId, VenueOrderId};
use rutter_core::input::{Ending, Side};
use rutter_core::number::Qty;

/// Most children in the table that are not over. With more, a new order is refused as not sent.
pub(super) const LIVE_MAX: usize = 1 << 16;

/// Most children in the table that are over. They are kept for late messages of the venue.
const OVER_MAX: usize = 4_096;

/// Most requests whose answer is awaited. With more, a new request is refused as not sent.
pub(super) const WAITS_MAX: usize = 1 << 14;

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub how: Ending,
    pub filled: Qty,
}

/// One child.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    pub instrument: InstrumentId,
    pub side: Option<Side>,
    /// The venue's id of the order; empty until told.
    pub order: VenueOrderId,
    /// When this process sent the order; `None` when an earlier process did.
    pub sent_ns: Option<u64>,
    /// The time, of the venue's clock, until which the venue may take the order; zero if an earlier
    /// process sent the order.
    pub deadline_ns: u64,
    /// When the venue said last that it does not know what became of the order.
    pub doubted_ns: Option<u64>,
    /// The order is immediate-or-cancel: a cancel by the venue means that it has expired.
    pub ioc: bool,
    /// The core was told that the order was accepted or is open.
    pub accepted: bool,
    /// We have sent a cancel.
    pub cancel_asked: bool,
    /// Quantity in all, as the core knows it; zero if this process has not told or heard it.
    pub qty: Qty,
    /// Quantity in all, as the stream has told it last; zero if it has not.
    pub shown_qty: Qty,
    /// The largest cumulative filled quantity that the venue has told.
    pub filled: Qty,
    pub end: Option<End>,
    /// Number of the order's request while it has no answer.
    pub new_req: Option<u64>,
    /// Number of the newest cancel request while it has no answer.
    pub cancel_req: Option<u64>,
    /// Number of the newest amend while the stream has not told what became of it.
    pub amend_req: Option<u64>,
    /// The quantity in all that this amend asks for.
    pub amend_to: Qty,
}

impl Entry {
    /// The quantity that the stream has told, if the core does not know it; zero otherwise. Never
    /// below what is filled.
    pub fn news_of_qty(&self) -> Qty {
        let shown =
            if self.shown_qty.is_zero() { Qty::ZERO } else { self.shown_qty.max(self.filled) };
        if shown == self.qty { Qty::ZERO } else { shown }
    }

    pub fn new(instrument: InstrumentId) -> Self {
        Self {
            instrument,
            side: None,
            order: VenueOrderId::default(),
            sent_ns: None,
            deadline_ns: 0,
            doubted_ns: None,
            ioc: false,
            accepted: false,
            cancel_asked: false,
            qty: Qty::ZERO,
            shown_qty: Qty::ZERO,
            filled: Qty::ZERO,
            end: None,
            new_req: None,
            cancel_req: None,
            amend_req: None,
            amend_to: Qty::ZERO,
        }
    }
}

/// All children of the venue, sorted, so that nothing depends on the order of a hash.
#[derive(Debug, Default)]
pub(super) struct Children {
    by_child: BTreeMap<ChildId, Entry>,
    by_order: BTreeMap<VenueOrderId, ChildId>,
    over: VecDeque<ChildId>,
    /// The largest id that this process has sent. The core numbers children in the order of
    /// sending, so a child with a smaller id was sent before.
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

    /// The entry of a child in a message of the venue. The entry is added when the child was
    /// dropped or an earlier process sent it. `None` when there is no room.
    pub fn known(&mut self, child: ChildId, instrument: InstrumentId) -> Option<&mut Entry> {
        if !self.by_child.contains_key(&child) && self.is_full() {
            return None;
        }
        Some(self.by_child.entry(child).or_insert_with(|| Entry::new(instrument)))
    }

    /// Connects the venue's id with the child. An id names one order, so another child loses the id
    /// if it had it before, which no sound venue causes.
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

    /// The child is over. Drops the child that has been over for longest when there are too many.
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

    /// The link is gone, and no answer will arrive on it.
    pub fn forget_requests(&mut self) {
        for entry in self.by_child.values_mut() {
            entry.new_req = None;
            entry.cancel_req = None;
            entry.amend_req = None;
        }
    }
}

/// The kind of a request whose answer is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    New,
    Cancel,
    Amend,
}

/// An answer that is awaited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    pub req_id: u64,
    pub child: ChildId,
    pub request: Request,
    deadline_ns: u64,
    done: bool,
}

/// The answers awaited. Request ids and deadlines rise, since the time to answer is the same for
/// all requests.
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

    /// The request with this number, if its answer is still awaited.
    pub fn get(&self, req_id: u64) -> Option<&Wait> {
        let at = self.waits.binary_search_by_key(&req_id, |wait| wait.req_id).ok()?;
        self.waits.get(at).filter(|wait| !wait.done)
    }

    /// The answer has arrived, or is not needed any more.
    pub fn take(&mut self, req_id: u64) -> Option<Wait> {
        let at = self.waits.binary_search_by_key(&req_id, |wait| wait.req_id).ok()?;
        let wait = self.waits.get_mut(at)?;
        let open = (!wait.done).then_some(*wait);
        wait.done = true;
        self.drop_done();
        open
    }

    /// The next answer that is overdue.
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
                children.end(ChildId(n), End { how: Ending::Canceled, filled: Qty(1) });
            }
        }
        let order = |n: u64| VenueOrderId::new(format!("O{n}").as_bytes()).expect("id");
        assert_eq!(children.of_order(order(1)), Some(ChildId(1)));
        assert_eq!(children.of_order(order(2)), None);
        assert!(children.get(ChildId(2)).is_none() && children.was_sent(ChildId(2)));
        assert_eq!(children.live().count(), 1);
    }
}
