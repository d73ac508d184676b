//! Orders that wait because no venue takes what is left of them, and what wakes them.
//!
//! A line belongs here if it is about waiting alone. Why an order waits is found by
//! `engine::place`; what happens in the world is told by the other parts of the engine.
//!
//! Each waiting order is in one list, by its instrument, its side and what can help it. A list is
//! in the order of arrival. Something that happens makes lists due; the orders of a due list are
//! looked at oldest first, list by list in turn, a bounded number for each input.

use std::collections::VecDeque;

use crate::id::InstrumentId;
use crate::input::Side;
use crate::resident::resident;

/// Why an order has quantity that no venue holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Waiting {
    /// Nothing waits.
    #[default]
    Nothing = 0,
    /// No venue that could take it has the funds.
    NoFunds = 1,
    /// No venue that it may go to is up and open with a trusted book.
    NoVenue = 2,
    /// It is below the smallest order of each venue that could take it now.
    BelowMinimum = 3,
    /// No venue offers within the order's limit.
    BeyondLimit = 4,
    /// The venues that could take it have too many unanswered orders, or their order rate is used
    /// up.
    VenueBusy = 5,
    /// There is no reference price.
    NoReference = 6,
    /// An order of our own stands in the way.
    OwnOrder = 7,
    /// The venues that could take it have refused a child of the order.
    VenueRefused = 8,
    /// Many routing rounds in a row left something over.
    RoundsExhausted = 9,
    /// A change of a book is not complete.
    BookChanging = 10,
    /// It has as many children as an order may have at once or in one look, or the table of
    /// children is full.
    ChildLimit = 11,
    /// A child is being called back: its quantity goes to a better place, or lets an order of
    /// another owner pass.
    Moving = 12,
    /// Another venue offers within the order's limit, and the order has moved as often as it may in
    /// a minute. It stays where it rests.
    MoveLimit = 13,
    /// Orders of our own that stand in the way are being called back.
    CallingBack = 14,
    /// As [`Self::MoveLimit`], but the limits of the venue where it rests have no room for a cancel
    /// beside what is kept for other cancels, or none for the order that would rest there again.
    VenueLimit = 15,
    /// The order is to rest and not to take, and it would take wherever it may rest.
    WouldTake = 16,
    /// The search for the best shares stopped at its bound, and the plan that it found has no place
    /// for what waits.
    SearchBound = 17,
}

impl Waiting {
    /// All reasons to wait.
    pub const ALL: [Self; 17] = [
        Self::NoFunds,
        Self::NoVenue,
        Self::BelowMinimum,
        Self::BeyondLimit,
        Self::VenueBusy,
        Self::NoReference,
        Self::OwnOrder,
        Self::VenueRefused,
        Self::RoundsExhausted,
        Self::BookChanging,
        Self::ChildLimit,
        Self::Moving,
        Self::MoveLimit,
        Self::CallingBack,
        Self::VenueLimit,
        Self::WouldTake,
        Self::SearchBound,
    ];

    /// Whether the quantity is with a venue all the same.
    pub const fn is_at_venue(self) -> bool {
        matches!(self, Self::Moving | Self::MoveLimit | Self::VenueLimit)
    }

    /// The word for people and programs; `None` if nothing waits.
    pub const fn word(self) -> Option<&'static str> {
        Some(match self {
            Self::Nothing => return None,
            Self::NoFunds => "NoFunds",
            Self::NoVenue => "NoVenue",
            Self::BelowMinimum => "BelowMinimum",
            Self::BeyondLimit => "BeyondLimit",
            Self::VenueBusy => "VenueBusy",
            Self::NoReference => "NoReference",
            Self::OwnOrder => "OwnOrder",
            Self::VenueRefused => "VenueRefused",
            Self::RoundsExhausted => "RoundsExhausted",
            Self::BookChanging => "BookChanging",
            Self::ChildLimit => "ChildLimit",
            Self::Moving => "Moving",
            Self::MoveLimit => "MoveLimit",
            Self::CallingBack => "CallingBack",
            Self::VenueLimit => "VenueLimit",
            Self::WouldTake => "WouldTake",
            Self::SearchBound => "SearchBound",
        })
    }
}

/// What can help a waiting order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Help {
    /// A change of a book of its instrument, or more funds, or a venue.
    Book = 0,
    /// More funds, or a venue.
    Funds = 1,
    /// A venue that becomes usable for its instrument.
    Venue = 2,
    /// Room at a venue for one more order, or time.
    Room = 3,
    /// Time: the order is looked at again and again.
    Time = 4,
    /// Time, or whatever [`Help::Book`] stands for: a venue did not fill what its book showed.
    Fade = 5,
}

impl Help {
    /// Everything that can help.
    pub const ALL: [Self; HELPS] =
        [Self::Book, Self::Funds, Self::Venue, Self::Room, Self::Time, Self::Fade];
}

const HELPS: usize = 6;
const LISTS_PER_INSTRUMENT: usize = 2 * HELPS;
const BITS: usize = u64::BITS as usize;

/// Orders that an order passes at most when it comes back to a list for room, from the oldest on.
pub const PASSED_MAX: usize = 64;

/// Neighbours of a waiting order, by slot plus one; zero for none.
#[derive(Clone, Copy, Debug, Default)]
struct Link {
    older: u32,
    newer: u32,
    /// The order's list plus one; zero if the order does not wait.
    list: u32,
    /// The order's serial id.
    id: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct List {
    oldest: u32,
    newest: u32,
    /// The next order to be looked at; zero when the list is not due.
    next: u32,
    /// The order that was looked at last; zero when none was since the list became due.
    last: u32,
    /// The list is in the queue of due lists.
    is_due: bool,
    /// The list became due again while it was: it is gone through once more.
    again: bool,
}

/// All waiting orders, by the slots of their table. Allocates only for new instruments.
#[derive(Debug)]
pub struct WaitingOrders {
    links: Vec<Link>,
    lists: Vec<List>,
    /// Lists that are due, in turn. At most one entry for each list.
    due: VecDeque<u32>,
    /// Lists for room that are not empty: bit `side` of the pair of bits of each instrument.
    roomed: Vec<u64>,
    /// Where the next wake for room begins, so that instruments take turns.
    turn: usize,
    /// Waiting orders that time helps.
    timed: usize,
    /// Waiting orders that funds help.
    funded: usize,
    len: usize,
}

const fn list_of(instrument: InstrumentId, side: Side, help: Help) -> usize {
    let side = if matches!(side, Side::Buy) { 0 } else { HELPS };
    instrument.index() * LISTS_PER_INSTRUMENT + side + help as usize
}

impl WaitingOrders {
    /// For a table of so many slots.
    pub fn new(slots: usize) -> Self {
        Self {
            links: resident(Link::default(), slots),
            lists: Vec::new(),
            due: VecDeque::new(),
            roomed: Vec::new(),
            turn: 0,
            timed: 0,
            funded: 0,
            len: 0,
        }
    }

    /// Makes room for so many instruments.
    pub fn grow(&mut self, instruments: usize) {
        let lists = instruments * LISTS_PER_INSTRUMENT;
        self.lists.resize(lists, List::default());
        self.roomed.resize((2 * instruments).div_ceil(BITS), 0);
        self.due.reserve(lists.saturating_sub(self.due.len()));
    }

    /// Number of waiting orders.
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether no order waits.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether an order waits that time helps.
    pub const fn any_timed(&self) -> bool {
        self.timed > 0
    }

    /// Whether an order waits that funds help.
    pub const fn any_funded(&self) -> bool {
        self.funded > 0
    }

    /// Whether a list is due.
    pub fn any_due(&self) -> bool {
        !self.due.is_empty()
    }

    /// Adds an order, whose serial id is given, to its list. An order that is in that list already
    /// keeps its place. In a list for room an order goes before those that arrived after it, if it
    /// passes at most [`PASSED_MAX`] from the oldest on. Otherwise the order goes to the end.
    pub fn add(
        &mut self,
        (slot, id): (u32, u64),
        instrument: InstrumentId,
        side: Side,
        help: Help,
    ) {
        let at = list_of(instrument, side, help);
        let place = at as u32 + 1;
        if self.links[slot as usize].list == place {
            return;
        }
        self.remove(slot);
        let newer = if help == Help::Room { self.first_after(at, id) } else { 0 };
        let list = &mut self.lists[at];
        let older = match newer {
            0 => list.newest,
            newer => self.links[newer as usize - 1].older,
        };
        match older {
            0 => list.oldest = slot + 1,
            older => self.links[older as usize - 1].newer = slot + 1,
        }
        match newer {
            0 => list.newest = slot + 1,
            newer => self.links[newer as usize - 1].older = slot + 1,
        }
        if newer != 0 && list.next == newer {
            // The order comes back just before the one that would be looked at next.
            list.next = slot + 1;
        }
        self.links[slot as usize] = Link { older, newer, list: place, id };
        self.len += 1;
        self.timed += usize::from(is_timed(place));
        self.funded += usize::from(is_funded(place));
        if help == Help::Room {
            let bit = bit_of(at);
            self.roomed[bit / BITS] |= 1 << (bit % BITS);
        }
    }

    /// The oldest order of a list that arrived after the order of that id, by slot plus one. Zero
    /// if there is none, or none among the first [`PASSED_MAX`].
    fn first_after(&self, at: usize, id: u64) -> u32 {
        let List { oldest, newest, .. } = self.lists[at];
        if newest == 0 || self.links[newest as usize - 1].id < id {
            return 0;
        }
        let mut next = oldest;
        for _ in 0..PASSED_MAX {
            match self.links.get((next as usize).wrapping_sub(1)) {
                Some(link) if link.id < id => next = link.newer,
                Some(_) | None => return next,
            }
        }
        0
    }

    /// Takes an order out of its list, if it waits.
    pub fn remove(&mut self, slot: u32) {
        let link = core::mem::take(&mut self.links[slot as usize]);
        if link.list == 0 {
            return;
        }
        self.len -= 1;
        self.timed -= usize::from(is_timed(link.list));
        self.funded -= usize::from(is_funded(link.list));
        let list = &mut self.lists[link.list as usize - 1];
        if list.next == slot + 1 {
            list.next = link.newer;
        }
        if link.older == 0 {
            list.oldest = link.newer;
        } else {
            self.links[link.older as usize - 1].newer = link.newer;
        }
        if link.newer == 0 {
            list.newest = link.older;
        } else {
            self.links[link.newer as usize - 1].older = link.older;
        }
        if list.oldest == 0 && is_for_room(link.list) {
            let bit = bit_of(link.list as usize - 1);
            self.roomed[bit / BITS] &= !(1 << (bit % BITS));
        }
    }

    /// Makes a list due, from its oldest order to its newest. False if the list is empty.
    pub fn wake(&mut self, instrument: InstrumentId, side: Side, help: Help) -> bool {
        self.wake_list(list_of(instrument, side, help))
    }

    fn wake_list(&mut self, at: usize) -> bool {
        let list = &mut self.lists[at];
        if list.oldest == 0 {
            return false;
        }
        if list.is_due {
            list.again = true;
            return true;
        }
        (list.is_due, list.next, list.last) = (true, list.oldest, 0);
        self.due.push_back(at as u32);
        true
    }

    /// Makes all lists for room due. Each call begins with another list. False if all are empty.
    pub fn wake_for_room(&mut self) -> bool {
        let mut from = self.turn;
        let mut any = false;
        // Ends: the second part ends where the first one began.
        for end in [self.roomed.len() * BITS, self.turn] {
            while let Some(bit) = self.next_roomed(from).filter(|bit| *bit < end) {
                if !any {
                    (any, self.turn) = (true, bit + 1);
                }
                self.wake_list(list_of_bit(bit));
                from = bit + 1;
            }
            from = 0;
        }
        any
    }

    /// The first list for room from a place on that is not empty.
    fn next_roomed(&self, from: usize) -> Option<usize> {
        let word = from / BITS;
        let first = self.roomed.get(word)? & (u64::MAX << (from % BITS));
        let later = self.roomed[word + 1..].iter().copied();
        let mut words = core::iter::once(first).chain(later).zip(word..);
        let (bits, word) = words.find(|(bits, _)| *bits != 0)?;
        Some(word * BITS + bits.trailing_zeros() as usize)
    }

    /// The slot of the order that waits behind an order in the same list.
    pub fn behind(&self, slot: u32) -> Option<u32> {
        self.links[slot as usize].newer.checked_sub(1)
    }

    /// Ends the pass through the list of an order: none of its orders can be helped at this moment.
    pub fn stop(&mut self, slot: u32) {
        let place = self.links[slot as usize].list;
        if place > 0 {
            let list = &mut self.lists[place as usize - 1];
            (list.next, list.again) = (0, false);
        }
    }

    /// Whether an order goes behind those that wait for room: their list is being gone through,
    /// and the order looked at last has left it; or the list is about to be gone through, and its
    /// oldest order arrived before the order of that id.
    pub fn flows_before(&self, instrument: InstrumentId, side: Side, id: u64) -> bool {
        let at = list_of(instrument, side, Help::Room);
        let list = &self.lists[at];
        let link = |place: u32| &self.links[place as usize - 1];
        list.is_due
            && list.next != 0
            && match list.last {
                0 => link(list.next).id < id,
                last => link(last).list != at as u32 + 1,
            }
    }

    /// The slot of the next order that is to be looked at.
    pub fn next_due(&mut self) -> Option<u32> {
        // Ends: each turn returns an order, or takes a list out of the queue or its `again` back.
        while let Some(at) = self.due.pop_front() {
            let list = &mut self.lists[at as usize];
            if list.next == 0 && core::mem::take(&mut list.again) {
                list.next = list.oldest;
            }
            if list.next == 0 {
                list.is_due = false;
                continue;
            }
            let slot = list.next - 1;
            list.last = slot + 1;
            list.next = self.links[slot as usize].newer;
            self.due.push_back(at);
            return Some(slot);
        }
        None
    }
}

const fn is_timed(place: u32) -> bool {
    (place as usize - 1) % HELPS >= Help::Room as usize
}

const fn is_for_room(place: u32) -> bool {
    (place as usize - 1) % HELPS == Help::Room as usize
}

/// The bit of a list for room: two for each instrument.
const fn bit_of(list: usize) -> usize {
    list / HELPS
}

const fn list_of_bit(bit: usize) -> usize {
    bit * HELPS + Help::Room as usize
}

const fn is_funded(place: u32) -> bool {
    let help = (place as usize - 1) % HELPS;
    help <= Help::Funds as usize || help == Help::Fade as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: InstrumentId = InstrumentId(0);
    const B: InstrumentId = InstrumentId(1);

    fn waiting(orders: &[(u32, InstrumentId, Help)]) -> WaitingOrders {
        let mut all = WaitingOrders::new(64);
        all.grow(2);
        for (slot, instrument, help) in orders {
            all.add((*slot, u64::from(*slot)), *instrument, Side::Buy, *help);
        }
        all
    }

    fn due(all: &mut WaitingOrders) -> Vec<u32> {
        std::iter::from_fn(|| all.next_due()).collect()
    }

    #[test]
    fn only_what_is_woken_is_due_and_the_oldest_first() {
        let orders =
            [(7, A, Help::Book), (3, A, Help::Book), (5, B, Help::Book), (1, A, Help::Time)];
        let mut all = waiting(&orders);
        all.wake(A, Side::Sell, Help::Book);
        all.wake(A, Side::Buy, Help::Funds);
        assert_eq!(due(&mut all), []);
        all.wake(A, Side::Buy, Help::Book);
        assert_eq!(due(&mut all), [7, 3]);
        assert!(all.any_timed() && !all.any_due() && all.len() == 4);
    }

    #[test]
    fn lists_take_turns_and_a_list_that_is_woken_again_is_gone_through_again() {
        let mut all = waiting(&[(1, A, Help::Book), (2, A, Help::Book), (3, B, Help::Book)]);
        all.wake(A, Side::Buy, Help::Book);
        all.wake(B, Side::Buy, Help::Book);
        assert_eq!([all.next_due(), all.next_due()], [Some(1), Some(3)]);
        all.wake(A, Side::Buy, Help::Book);
        assert_eq!(due(&mut all), [2, 1, 2]);
    }

    #[test]
    fn an_order_that_leaves_is_passed_over_wherever_the_pass_is() {
        for gone in [1, 2, 3] {
            let mut all = waiting(&[(1, A, Help::Book), (2, A, Help::Book), (3, A, Help::Book)]);
            all.wake(A, Side::Buy, Help::Book);
            assert_eq!(all.next_due(), Some(1));
            all.remove(gone);
            all.remove(gone);
            let left: Vec<u32> = [2, 3].into_iter().filter(|slot| *slot != gone).collect();
            assert_eq!(due(&mut all), left, "without {gone}");
            assert_eq!(all.len(), 2);
        }
    }

    #[test]
    fn an_order_keeps_its_place_unless_something_else_can_help_it() {
        let mut all = waiting(&[(1, A, Help::Book), (2, A, Help::Book), (1, A, Help::Book)]);
        all.wake(A, Side::Buy, Help::Book);
        assert_eq!(due(&mut all), [1, 2]);
        all.add((1, 1), A, Side::Buy, Help::Time);
        all.add((1, 1), A, Side::Buy, Help::Book);
        all.wake(A, Side::Buy, Help::Book);
        assert_eq!(due(&mut all), [2, 1]);
        assert!(!all.any_timed());
    }

    #[test]
    fn in_a_list_for_room_an_order_that_comes_back_goes_before_later_ones() {
        let orders = [3, 5, 8].map(|slot| (slot, A, Help::Room));
        let mut all = waiting(&orders);
        all.remove(3);
        for slot in [4, 9, 3] {
            all.add((slot, u64::from(slot)), A, Side::Buy, Help::Room);
        }
        assert!(all.wake_for_room());
        assert_eq!(due(&mut all), [3, 4, 5, 8, 9]);
        let mut all = waiting(&[]);
        for id in (0..=PASSED_MAX as u32).map(|id| 2 * id).chain([2 * PASSED_MAX as u32 - 1]) {
            all.links.resize(256, Link::default());
            all.add((id, u64::from(id)), A, Side::Buy, Help::Room);
        }
        all.wake_for_room();
        assert_eq!(due(&mut all).last(), Some(&(2 * PASSED_MAX as u32 - 1)), "beyond the bound");
    }

    #[test]
    fn an_order_that_comes_back_while_its_list_is_due_is_looked_at_before_later_ones() {
        let mut all = waiting(&[(5, A, Help::Room), (8, A, Help::Room)]);
        all.wake_for_room();
        all.add((3, 3), A, Side::Buy, Help::Room);
        assert_eq!(all.next_due(), Some(3));
        all.add((4, 4), A, Side::Buy, Help::Room);
        assert_eq!(due(&mut all), [4, 5, 8]);
    }

    #[test]
    fn lists_for_room_take_turns_in_being_first_and_a_stopped_one_is_not_gone_through() {
        let mut all = waiting(&[
            (1, A, Help::Room),
            (2, A, Help::Room),
            (3, B, Help::Room),
            (4, B, Help::Time),
        ]);
        let mut firsts = Vec::new();
        for _ in 0..3 {
            assert!(all.wake_for_room());
            firsts.push(all.next_due());
            all.stop(1);
            all.stop(3);
            assert_eq!(due(&mut all), []);
        }
        assert_eq!(firsts, [Some(1), Some(3), Some(1)]);
        for slot in [1, 2, 3] {
            all.remove(slot);
        }
        assert!(!all.wake_for_room(), "time is not room");
    }

    #[test]
    fn a_list_flows_while_its_orders_leave_it() {
        let mut all = waiting(&[(1, A, Help::Room), (2, A, Help::Room), (3, A, Help::Room)]);
        all.wake_for_room();
        let flows = |all: &WaitingOrders| all.flows_before(A, Side::Buy, 9);
        assert!(flows(&all) && !all.flows_before(A, Side::Buy, 1), "about to be gone through");
        assert_eq!(all.next_due(), Some(1));
        all.remove(1);
        assert!(flows(&all));
        assert!(!all.flows_before(A, Side::Sell, 9) && !all.flows_before(B, Side::Buy, 9));
        assert_eq!(all.next_due(), Some(2));
        assert!(!flows(&all), "the second stays");
        assert_eq!(all.next_due(), Some(3));
        all.remove(3);
        assert!(!flows(&all), "the pass is at its end");
    }

    #[test]
    fn every_reason_has_its_own_name_as_its_word() {
        for reason in Waiting::ALL {
            assert_eq!(reason.word(), Some(format!("{reason:?}")).as_deref());
        }
        assert_eq!(Waiting::Nothing.word(), None);
    }
}
