//! Orders that rest, by the price at which they would take, and what other venues offer them.
//!
//! A line belongs here if it finds the resting orders that a change of a book concerns, or keeps
//! the time since when a venue offers within their limits. What is done then is `engine::worked`.
//!
//! The resting orders of an instrument and side are a heap with the most aggressive limit on top.
//! So a change of a book looks at one limit, however many orders rest.

use core::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::id::{InstrumentId, VenueId};
use crate::input::Side;
use crate::number::{Price, Qty, UnixNanos};
use crate::rate::RateWindow;
use crate::reference::VENUES_MAX;
use crate::resident::resident;

/// How long a venue must have offered within the limit of a resting order before the order is
/// called back for that, in nanoseconds: a lone flicker moves nothing.
pub const OFFER_AGE_NS: u64 = 50_000_000;

/// Pause until the next part of the orders that an offer concerns, in nanoseconds.
pub const OFFER_PAUSE_NS: u64 = 1_000_000;

/// Pause until an offer is looked at again whose venue takes no order, in nanoseconds.
pub const OFFER_CLOSED_NS: u64 = 1_000_000_000;

/// An order that is not in a heap and comes back at a time of its own.
const HELD: u32 = u32::MAX;

/// A limit as a number that is larger the more aggressive the limit is.
pub const fn keenness(side: Side, price: Price) -> i64 {
    match side {
        Side::Buy => price.0,
        Side::Sell => price.0.saturating_neg(),
    }
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    keenness: i64,
    id: u64,
    slot: u32,
}

impl Entry {
    /// Whether this order goes before the other: a keener limit, or the older one of equals.
    const fn is_before(&self, other: &Self) -> bool {
        self.keenness > other.keenness || (self.keenness == other.keenness && self.id < other.id)
    }
}

/// What one venue offers to the resting orders of one side.
#[derive(Clone, Copy, Debug, Default)]
struct Offer {
    /// Since when the venue has offered within the keenest limit; zero while it does not.
    since: UnixNanos,
    /// The offer is in the queue of those that are looked at when they are old enough.
    is_queued: bool,
}

/// The moves of an order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Moves {
    /// How often the order has moved lately.
    pub made: RateWindow,
    /// Quantity that its children are called back for at this moment.
    pub taking: Qty,
    /// How often the order has made way for orders of others lately.
    pub yields: RateWindow,
}

/// An instrument, one of its venues, and the side of the resting orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The venue that offers.
    pub venue: VenueId,
    /// Side of the resting orders.
    pub side: Side,
}

impl Place {
    const fn index(self) -> usize {
        2 * (self.instrument.index() * VENUES_MAX + self.venue.index()) + self.side as usize - 1
    }

    const fn at(index: u32) -> Self {
        let listing = index as usize / 2;
        Self {
            instrument: InstrumentId((listing / VENUES_MAX) as u16),
            venue: VenueId((listing % VENUES_MAX) as u8),
            side: if index.is_multiple_of(2) { Side::Buy } else { Side::Sell },
        }
    }
}

const fn heap_of(instrument: InstrumentId, side: Side) -> usize {
    2 * instrument.index() + side as usize - 1
}

/// All orders that rest, by the slots of their table. Allocates only while more rest than ever
/// before, and for new instruments.
#[derive(Debug)]
pub struct RestingOrders {
    /// By slot: place in its heap plus one, [`HELD`], or zero.
    places: Vec<u32>,
    /// By slot.
    moves: Vec<Moves>,
    /// By instrument and side.
    heaps: Vec<Vec<Entry>>,
    /// Quantity that orders are being called back for, by instrument and side.
    promised: Vec<Qty>,
    /// By listing and side.
    offers: Vec<Offer>,
    /// Offers that are to be looked at, by the time, so that an offer that is never done keeps no
    /// other one waiting.
    due: BinaryHeap<Reverse<(UnixNanos, u32)>>,
    /// Some order has rested here.
    is_used: bool,
    /// When orders that are held come back, by order id.
    held: BinaryHeap<Reverse<(UnixNanos, u64)>>,
}

impl RestingOrders {
    /// For a table of so many slots.
    pub fn new(slots: usize) -> Self {
        Self {
            places: resident(0, slots),
            moves: resident(Moves::default(), slots),
            heaps: Vec::new(),
            promised: Vec::new(),
            offers: Vec::new(),
            due: BinaryHeap::new(),
            is_used: false,
            held: BinaryHeap::new(),
        }
    }

    /// Makes room for so many instruments.
    pub fn grow(&mut self, instruments: usize) {
        self.heaps.resize(2 * instruments, Vec::new());
        self.promised.resize(2 * instruments, Qty::ZERO);
        self.offers.resize(2 * instruments * VENUES_MAX, Offer::default());
    }

    /// Adds an order. True if its limit is the keenest of its instrument and side.
    pub fn add(
        &mut self,
        (slot, id): (u32, u64),
        instrument: InstrumentId,
        side: Side,
        limit: Price,
    ) -> bool {
        self.is_used = true;
        let heap = &mut self.heaps[heap_of(instrument, side)];
        heap.push(Entry { keenness: keenness(side, limit), id, slot });
        let last = heap.len() - 1;
        sift_up(heap, &mut self.places, last);
        self.places[slot as usize] == 1
    }

    /// Takes an order out, wherever it is.
    pub fn remove(&mut self, slot: u32, instrument: InstrumentId, side: Side) {
        let place = core::mem::take(&mut self.places[slot as usize]);
        if place == 0 || place == HELD {
            return;
        }
        let heap = &mut self.heaps[heap_of(instrument, side)];
        let at = place as usize - 1;
        heap.swap_remove(at);
        if at < heap.len() {
            sift_up(heap, &mut self.places, at);
            let at = self.places[heap[at].slot as usize] as usize - 1;
            sift_down(heap, &mut self.places, at);
        }
    }

    /// The moves of the order in a slot.
    pub fn moves(&mut self, slot: u32) -> &mut Moves {
        &mut self.moves[slot as usize]
    }

    /// As [`Self::moves`], to look at.
    pub fn moves_of(&self, slot: u32) -> &Moves {
        &self.moves[slot as usize]
    }

    /// Takes an order out that is over.
    pub fn forget(&mut self, slot: u32, instrument: InstrumentId, side: Side) {
        self.remove(slot, instrument, side);
        self.moves[slot as usize] = Moves::default();
    }

    /// Keeps an order away from offers until a time. The order is in no heap.
    pub fn hold(&mut self, (slot, id): (u32, u64), until: UnixNanos) {
        self.places[slot as usize] = HELD;
        self.held.push(Reverse((until, id)));
    }

    /// Whether some order has rested here.
    pub const fn is_used(&self) -> bool {
        self.is_used
    }

    /// Gives an order back at a time, wherever it is.
    pub fn remind(&mut self, id: u64, at: UnixNanos) {
        self.held.push(Reverse((at, id)));
    }

    /// Whether an order is held.
    pub fn is_held(&self, slot: u32) -> bool {
        self.places[slot as usize] == HELD
    }

    /// The id of the next order whose hold is over. Orders may have ended meanwhile.
    pub fn next_released(&mut self, now: UnixNanos) -> Option<u64> {
        let Reverse((at, id)) = *self.held.peek()?;
        (at <= now).then(|| {
            self.held.pop();
            id
        })
    }

    /// Takes out the order with the keenest limit, if that limit reaches a price on the other side.
    pub fn pop_within(&mut self, place: Place, price: Price) -> Option<u64> {
        let first = *self.heaps[heap_of(place.instrument, place.side)].first()?;
        (first.keenness >= keenness(place.side, price)).then(|| {
            self.remove(first.slot, place.instrument, place.side);
            first.id
        })
    }

    /// Notes the best price that a venue offers, if it offers any.
    #[inline]
    pub fn note_offer(&mut self, place: Place, price: Option<Price>, now: UnixNanos) {
        let first = self.heaps[heap_of(place.instrument, place.side)].first();
        let within = first
            .zip(price)
            .is_some_and(|(first, price)| first.keenness >= keenness(place.side, price));
        let offer = &mut self.offers[place.index()];
        if !within {
            offer.since = UnixNanos(0);
        } else if offer.since == UnixNanos(0) {
            offer.since = now;
            self.look_later(place, now);
        }
    }

    /// Looks at an offer when it is old enough, or again.
    pub fn look_later(&mut self, place: Place, now: UnixNanos) {
        self.look_after(place, now, OFFER_AGE_NS);
    }

    /// Goes on with an offer after a pause.
    pub fn look_on(&mut self, place: Place, now: UnixNanos) {
        self.look_after(place, now, OFFER_PAUSE_NS);
    }

    /// Looks again later at the offer of a venue that takes no order at this moment.
    pub fn look_when_open(&mut self, place: Place, now: UnixNanos) {
        self.look_after(place, now, OFFER_CLOSED_NS);
    }

    fn look_after(&mut self, place: Place, now: UnixNanos, pause_ns: u64) {
        let offer = &mut self.offers[place.index()];
        if !core::mem::replace(&mut offer.is_queued, true) {
            self.due.push(Reverse((UnixNanos(now.0 + pause_ns), place.index() as u32)));
        }
    }

    /// The next offer that has stood long enough.
    pub fn next_offer(&mut self, now: UnixNanos) -> Option<Place> {
        // Ends: each turn takes an entry out, or puts it back with a later time.
        while let Some(Reverse((_, index))) =
            self.due.peek().copied().filter(|next| next.0.0 <= now)
        {
            self.due.pop();
            let offer = &mut self.offers[index as usize];
            offer.is_queued = false;
            if offer.since == UnixNanos(0) {
                continue;
            }
            if now.since(offer.since) >= OFFER_AGE_NS {
                return Some(Place::at(index));
            }
            self.look_later(Place::at(index), now);
        }
        None
    }

    /// When something is to be looked at.
    pub fn next_time(&self) -> Option<UnixNanos> {
        let offer = self.due.peek().map(|Reverse((at, _))| *at);
        let held = self.held.peek().map(|Reverse((at, _))| *at);
        offer.into_iter().chain(held).min()
    }

    /// Quantity that orders of an instrument and side are being called back for.
    pub fn promised(&self, instrument: InstrumentId, side: Side) -> Qty {
        self.promised[heap_of(instrument, side)]
    }

    /// Adds to that quantity.
    pub fn promise(&mut self, instrument: InstrumentId, side: Side, qty: Qty) {
        let sum = &mut self.promised[heap_of(instrument, side)];
        *sum = Qty(sum.0.saturating_add(qty.0));
    }

    /// Takes off that quantity.
    pub fn release(&mut self, instrument: InstrumentId, side: Side, qty: Qty) {
        let sum = &mut self.promised[heap_of(instrument, side)];
        *sum = sum.saturating_sub(qty);
    }

    /// Drops the entries of held orders that do not live any more, when there are too many.
    pub fn tidy(&mut self, lives: impl Fn(u64) -> bool) {
        if self.held.len() >= self.places.len() {
            self.held.retain(|Reverse((_, id))| lives(*id));
        }
    }
}

fn sift_up(heap: &mut [Entry], places: &mut [u32], mut at: usize) {
    let moved = heap[at];
    // Ends: each turn halves the place.
    while at > 0 {
        let parent = (at - 1) / 2;
        if !moved.is_before(&heap[parent]) {
            break;
        }
        heap[at] = heap[parent];
        places[heap[at].slot as usize] = at as u32 + 1;
        at = parent;
    }
    heap[at] = moved;
    places[moved.slot as usize] = at as u32 + 1;
}

fn sift_down(heap: &mut [Entry], places: &mut [u32], mut at: usize) {
    let moved = heap[at];
    // Ends: each turn doubles the place.
    loop {
        let mut child = 2 * at + 1;
        if child >= heap.len() {
            break;
        }
        if child + 1 < heap.len() && heap[child + 1].is_before(&heap[child]) {
            child += 1;
        }
        if !heap[child].is_before(&moved) {
            break;
        }
        heap[at] = heap[child];
        places[heap[at].slot as usize] = at as u32 + 1;
        at = child;
    }
    heap[at] = moved;
    places[moved.slot as usize] = at as u32 + 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: InstrumentId = InstrumentId(0);

    fn resting(side: Side, limits: &[i64]) -> RestingOrders {
        let mut all = RestingOrders::new(1_024);
        all.grow(1);
        for (slot, limit) in limits.iter().enumerate() {
            all.add((slot as u32, slot as u64 + 1), PAIR, side, Price(*limit));
        }
        all
    }

    fn place(side: Side) -> Place {
        Place { instrument: PAIR, venue: VenueId(1), side }
    }

    fn within(all: &mut RestingOrders, side: Side, price: i64) -> Vec<u64> {
        std::iter::from_fn(|| all.pop_within(place(side), Price(price))).collect()
    }

    #[test]
    fn the_keenest_limit_comes_first_and_the_older_one_of_equals() {
        let limits = [5, 9, 7, 9, 1];
        assert_eq!(within(&mut resting(Side::Buy, &limits), Side::Buy, 6), [2, 4, 3]);
        assert_eq!(within(&mut resting(Side::Sell, &limits), Side::Sell, 6), [5, 1]);
        assert_eq!(within(&mut resting(Side::Buy, &limits), Side::Buy, 10), []);
    }

    #[test]
    fn whatever_is_taken_out_the_rest_stays_in_its_order() {
        // A linear congruence: the same limits in every run.
        let limits: Vec<i64> = (0..500).map(|nth| nth * 7_919 % 101).collect();
        for step in 2..9 {
            let mut all = resting(Side::Buy, &limits);
            let gone = |id: u64| id.is_multiple_of(step);
            for id in (1..=500).filter(|id| gone(*id)) {
                all.remove(id as u32 - 1, PAIR, Side::Buy);
                all.remove(id as u32 - 1, PAIR, Side::Buy);
            }
            let mut left: Vec<u64> = (1..=500).filter(|id| !gone(*id)).collect();
            left.sort_by_key(|id| (-limits[*id as usize - 1], *id));
            assert_eq!(within(&mut all, Side::Buy, 0), left, "without each {step}th");
        }
    }

    #[test]
    fn an_offer_is_looked_at_when_it_has_stood_long_enough_and_a_flicker_is_not() {
        let mut all = resting(Side::Buy, &[100]);
        let at = |ns: u64| UnixNanos(1_000_000_000 + ns);
        let here = place(Side::Buy);
        all.note_offer(here, Some(Price(101)), at(0));
        assert_eq!((all.next_time(), all.next_offer(at(0))), (None, None));
        all.note_offer(here, Some(Price(100)), at(0));
        all.note_offer(here, None, at(10));
        all.note_offer(here, Some(Price(99)), at(20));
        assert_eq!(all.next_time(), Some(at(OFFER_AGE_NS)));
        assert_eq!(all.next_offer(at(OFFER_AGE_NS)), None, "a flicker, and then a young offer");
        all.note_offer(here, Some(Price(98)), at(OFFER_AGE_NS + 1));
        assert_eq!(all.next_offer(at(2 * OFFER_AGE_NS)), Some(here));
        assert_eq!(all.next_time(), None);
    }

    /// The orders that one offer concerns can be so many that the first come back before the last
    /// is looked at.
    #[test]
    fn an_offer_that_is_never_done_does_not_starve_the_others() {
        let mut all = resting(Side::Buy, &[100]);
        let [crowded, other] =
            [1, 2].map(|venue| Place { venue: VenueId(venue), ..place(Side::Buy) });
        let mut now = UnixNanos(1_000_000_000);
        all.note_offer(crowded, Some(Price(99)), now);
        now.0 += OFFER_AGE_NS;
        assert_eq!(all.next_offer(now), Some(crowded));
        all.look_on(crowded, now);
        all.note_offer(other, Some(Price(99)), now);
        let mut seen = 0;
        for _ in 0..100 {
            now = all.next_time().expect("the crowded one").max(now);
            match all.next_offer(now) {
                Some(place) if place == other => seen += 1,
                Some(place) => all.look_on(place, now),
                None => {}
            }
        }
        assert_eq!(seen, 1);
    }

    #[test]
    fn places_have_indices_of_their_own() {
        for index in [0, 1, 2, 3, 63, 64, 65, 2 * 4_096 * VENUES_MAX as u32 - 1] {
            assert_eq!(Place::at(index).index(), index as usize);
        }
    }
}
