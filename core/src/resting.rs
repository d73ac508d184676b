//! Orders that rest, by the price at which they would take, and what other venues offer them.
//!
//! A line belongs here if it finds the resting orders that a change of a book concerns, or keeps
//! the time since when a venue offers within their limits. What is done then is `engine::worked`.
//!
//! The resting orders of an instrument and side are in the order of their limits, and the most
//! aggressive one is at hand. So a change of a book looks at one limit, however many orders rest.

use core::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::id::{InstrumentId, OrderId, VenueId};
use crate::input::Side;
use crate::listed::Listed;
use crate::number::{Price, Qty, UnixNanos};
use crate::own_orders::{OwnOrders, OwnSide};
use crate::rate::RateWindow;
use crate::reference::VENUES_MAX;
use crate::resident::resident;

/// How long a venue must have offered within the limit of a resting order before the order is
/// called back for that, in nanoseconds: a lone flicker moves nothing.
pub const OFFER_AGE_NS: u64 = 50_000_000;

/// Pause until the next part of the orders that an offer concerns, in nanoseconds.
pub const OFFER_PAUSE_NS: u64 = 1_000_000;

/// Time until the place of an order is looked at first, in nanoseconds. Each look that moves
/// nothing doubles the time until the next.
pub const PLACE_PAUSE_NS: u64 = 1_000_000_000;

/// The longest time between two looks at the place of an order, in nanoseconds.
pub const PLACE_PAUSE_MAX_NS: u64 = 32_000_000_000;

/// Looks at places are due at multiples of this time, in nanoseconds, so that they share a timer.
const PLACE_GRID_NS: u64 = 100_000_000;
/// Pause until an offer is looked at again whose venue takes no order, in nanoseconds.
pub const OFFER_CLOSED_NS: u64 = 1_000_000_000;

/// Where an order is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Where {
    /// Not here.
    #[default]
    Nowhere,
    /// Among the orders of its instrument and side.
    Resting,
    /// It comes back at a time of its own.
    Held,
}

/// A limit as a number that is larger the more aggressive the limit is.
pub const fn keenness(side: Side, price: Price) -> i64 {
    match side {
        Side::Buy => price.0,
        Side::Sell => price.0.saturating_neg(),
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
    /// When the place where it waits is looked at next; zero if that is not planned.
    pub place_at: UnixNanos,
    /// Time from the look before to that one, in nanoseconds.
    place_pause_ns: u64,
    /// How often the order has made way for orders of others lately.
    pub yields: RateWindow,
    /// How often it has lost a child lately that it shared with others.
    pub regroups: RateWindow,
    /// The order that it has made way for, until it is put back; zero for none.
    pub made_way_for: OrderId,
    /// Children that are being called back for it.
    pub awaited: u16,
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

const fn side_of(instrument: InstrumentId, side: Side) -> usize {
    2 * instrument.index() + side as usize - 1
}

/// All orders that rest, by the slots of their table. Allocates only for new instruments.
#[derive(Debug)]
pub struct RestingOrders {
    /// By slot.
    places: Vec<Where>,
    /// Serial ids, by slot. Of use only while the order rests.
    ids: Vec<u64>,
    /// The order of the limits.
    limits: OwnOrders,
    /// By slot.
    moves: Vec<Moves>,
    /// By instrument and side.
    sides: Vec<OwnSide>,
    /// Quantity that orders are being called back for, by instrument and side.
    promised: Vec<Qty>,
    /// Numbers of the listings.
    listed: Listed,
    /// By number of the listing times two plus side.
    offers: Vec<Offer>,
    /// Offers that are to be looked at, by the time, so that an offer that is never done keeps no
    /// other one waiting.
    due: BinaryHeap<Reverse<(UnixNanos, u32)>>,
    /// Some order has rested here.
    is_used: bool,
    /// When orders that are held come back, by order id.
    held: BinaryHeap<Reverse<(UnixNanos, u64)>>,
    /// When the places of orders are looked at, by order id. An entry with another time than the
    /// order has is dropped when it comes up.
    places_due: BinaryHeap<Reverse<(UnixNanos, u64)>>,
    /// No place is looked at before this time: others were looked at just now.
    places_from: UnixNanos,
}

impl RestingOrders {
    /// For a table of so many slots, and with the seed of its trees.
    pub fn new(slots: usize, seed: u64) -> Self {
        let queue = || {
            let mut queue = BinaryHeap::from(resident(Reverse((UnixNanos(0), 0)), slots));
            queue.clear();
            queue
        };
        Self {
            places: resident(Where::default(), slots),
            ids: resident(0, slots),
            limits: OwnOrders::new(slots, seed),
            moves: resident(Moves::default(), slots),
            sides: Vec::new(),
            promised: Vec::new(),
            listed: Listed::default(),
            offers: Vec::new(),
            due: BinaryHeap::new(),
            is_used: false,
            held: queue(),
            places_due: queue(),
            places_from: UnixNanos(0),
        }
    }

    /// Makes room for so many instruments.
    pub fn grow(&mut self, instruments: usize) {
        self.sides.resize(2 * instruments, OwnSide::EMPTY);
        self.promised.resize(2 * instruments, Qty::ZERO);
    }

    /// Makes room for the offers of a listing, by the place of its instrument and venue.
    pub fn list(&mut self, place: usize) {
        self.listed.list(place);
        self.offers.resize(2 * self.listed.len(), Offer::default());
        // An offer is in the queue once at most.
        self.due.reserve(self.offers.len().saturating_sub(self.due.len()));
    }

    /// The offer of a place. A venue offers only what it lists.
    #[inline]
    fn offer(&mut self, place: Place) -> Option<&mut Offer> {
        let number = self.listed.number(place.index() / 2)?;
        self.offers.get_mut(2 * number + place.side as usize - 1)
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
        (self.places[slot as usize], self.ids[slot as usize]) = (Where::Resting, id);
        let all = &mut self.sides[side_of(instrument, side)];
        let ids = &self.ids;
        self.limits.insert(all, (slot, id), (side, limit), |other| id < ids[other as usize]);
        self.limits.best(*all).is_some_and(|(best, _)| best == slot)
    }

    /// Takes an order out, wherever it is.
    pub fn remove(&mut self, slot: u32, instrument: InstrumentId, side: Side) {
        if core::mem::take(&mut self.places[slot as usize]) == Where::Resting {
            self.limits.remove(&mut self.sides[side_of(instrument, side)], slot);
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

    /// Keeps an order away from offers until a time. The order does not rest here.
    pub fn hold(&mut self, (slot, id): (u32, u64), until: UnixNanos) {
        self.places[slot as usize] = Where::Held;
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
        self.places[slot as usize] == Where::Held
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
        let (slot, limit) = self.keenest(place)?;
        (limit >= keenness(place.side, price)).then(|| {
            self.remove(slot, place.instrument, place.side);
            self.ids[slot as usize]
        })
    }

    /// The slot of the order with the keenest limit, and that limit.
    #[inline]
    fn keenest(&self, place: Place) -> Option<(u32, i64)> {
        let all = self.sides[side_of(place.instrument, place.side)];
        self.limits.best(all).map(|(slot, rank)| (slot, rank.saturating_neg()))
    }

    /// Notes the best price that a venue offers, if it offers any.
    #[inline]
    pub fn note_offer(&mut self, place: Place, price: Option<Price>, now: UnixNanos) {
        let within = self
            .keenest(place)
            .zip(price)
            .is_some_and(|((_, limit), price)| limit >= keenness(place.side, price));
        let Some(offer) = self.offer(place) else { return };
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
        let Some(offer) = self.offer(place) else { return };
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
            let Some(offer) = self.offer(Place::at(index)) else { continue };
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
        let place = self.places_due.peek().map(|Reverse((at, _))| (*at).max(self.places_from));
        offer.into_iter().chain(held).chain(place).min()
    }

    /// Plans the next look at the place of an order. The time until then is the first one if the
    /// order has moved or has just begun to rest; otherwise it is twice the time before.
    pub fn look_at_place_later(&mut self, (slot, id): (u32, u64), anew: bool, now: UnixNanos) {
        let moves = &mut self.moves[slot as usize];
        let doubled = moves.place_pause_ns.saturating_mul(2).min(PLACE_PAUSE_MAX_NS);
        moves.place_pause_ns = if anew { PLACE_PAUSE_NS } else { doubled.max(PLACE_PAUSE_NS) };
        let at = (now.0 + moves.place_pause_ns).next_multiple_of(PLACE_GRID_NS);
        moves.place_at = UnixNanos(at);
        self.places_due.push(Reverse((UnixNanos(at), id)));
    }

    /// The next place that is due to be looked at: the planned time, and the order's id.
    pub fn next_place(&mut self, now: UnixNanos) -> Option<(UnixNanos, u64)> {
        let Reverse((at, _)) = *self.places_due.peek()?;
        if at.max(self.places_from) > now {
            return None;
        }
        self.places_due.pop().map(|Reverse(due)| due)
    }

    /// Ends the looks at places for this input; those that are due are next after a pause.
    pub fn pause_places(&mut self, now: UnixNanos) {
        self.places_from = UnixNanos(now.0 + OFFER_PAUSE_NS);
    }

    /// Drops the looks that are planned no more, when there are too many. The heap never grows:
    /// living orders take at most half of its room.
    pub fn tidy_places(&mut self, slot_of: impl Fn(u64) -> Option<u32>) {
        if self.places_due.len() >= self.moves.len() {
            let moves = &self.moves;
            self.places_due.retain(|Reverse((at, id))| {
                slot_of(*id).is_some_and(|slot| moves[slot as usize].place_at == *at)
            });
        }
    }

    /// Quantity that orders of an instrument and side are being called back for.
    pub fn promised(&self, instrument: InstrumentId, side: Side) -> Qty {
        self.promised[side_of(instrument, side)]
    }

    /// Adds to that quantity.
    pub fn promise(&mut self, instrument: InstrumentId, side: Side, qty: Qty) {
        let sum = &mut self.promised[side_of(instrument, side)];
        *sum = Qty(sum.0.saturating_add(qty.0));
    }

    /// Takes off that quantity.
    pub fn release(&mut self, instrument: InstrumentId, side: Side, qty: Qty) {
        let sum = &mut self.promised[side_of(instrument, side)];
        *sum = sum.saturating_sub(qty);
    }

    /// Drops the entries of held orders that do not live any more, when there are too many.
    pub fn tidy(&mut self, lives: impl Fn(u64) -> bool) {
        if self.held.len() >= self.places.len() {
            self.held.retain(|Reverse((_, id))| lives(*id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAIR: InstrumentId = InstrumentId(0);

    fn resting(side: Side, limits: &[i64]) -> RestingOrders {
        let mut all = RestingOrders::new(1_024, 7);
        all.grow(1);
        for venue in 1..=2 {
            all.list(venue);
        }
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
    fn a_place_is_looked_at_after_a_second_and_then_ever_more_rarely() {
        let mut all = resting(Side::Buy, &[100]);
        let (mut now, order) = (UnixNanos(1_000_000_000), (0, 1));
        let mut pauses = Vec::new();
        all.look_at_place_later(order, true, now);
        for turn in 0..8 {
            let at = all.next_time().expect("a look");
            assert_eq!(all.next_place(UnixNanos(at.0 - 1)), None);
            assert_eq!(all.next_place(at), Some((at, 1)));
            pauses.push((at.0 - now.0) / PLACE_PAUSE_NS);
            now = at;
            all.look_at_place_later(order, turn == 6, now);
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 32, 1]);
        // An earlier look than the planned one: the entry of the other is dropped in time.
        all.look_at_place_later(order, true, now);
        all.pause_places(UnixNanos(now.0 + 5 * PLACE_PAUSE_NS));
        let from = UnixNanos(now.0 + 5 * PLACE_PAUSE_NS + OFFER_PAUSE_NS);
        assert_eq!((all.next_time(), all.next_place(UnixNanos(from.0 - 1))), (Some(from), None));
        // Looks that are planned anew take no more room.
        for _ in 0..1_500 {
            now.0 += PLACE_GRID_NS;
            all.tidy_places(|id| (id == 1).then_some(0));
            all.look_at_place_later(order, true, now);
        }
        assert!(all.places_due.len() <= 1_024, "{}", all.places_due.len());
    }

    #[test]
    fn places_have_indices_of_their_own() {
        for index in [0, 1, 2, 3, 63, 64, 65, 2 * 4_096 * VENUES_MAX as u32 - 1] {
            assert_eq!(Place::at(index).index(), index as usize);
        }
    }
}
