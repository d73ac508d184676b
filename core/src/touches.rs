//! The best levels of all venues side by side: for each instrument and side, the venues in the
//! order of what their best level costs.
//!
//! A line belongs here if it keeps that order. The changes of books and terms that change a best
//! level are the engine's; what an order takes is `routing`.
//!
//! A cost here is a lower bound: nothing at the venue is cheaper for a unit. Quantity that is gone,
//! our own orders, funds and the cost of behaviour make it dearer, and none of them is looked at.

use crate::id::{InstrumentId, VenueId};
use crate::input::Side;
use crate::number::Price;
use crate::reference::Reference;

/// A venue's best level of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// All-in cost of a unit, signed so that less is better for both sides of an order.
    pub cost: i128,
    /// The price.
    pub price: Price,
    /// The venue.
    pub venue: VenueId,
}

/// The touches of one side of an instrument, the cheapest first; of equals, the lowest id.
type Row = Vec<Touch>;

fn change(row: &mut Row, venue: VenueId, touch: Option<Touch>) {
    if let Some(at) = row.iter().position(|known| known.venue == venue) {
        row.remove(at);
    }
    let Some(touch) = touch else { return };
    let key = |touch: &Touch| (touch.cost, touch.venue.0);
    row.insert(row.partition_point(|known| key(known) < key(&touch)), touch);
}

/// The touches of all instruments.
#[derive(Clone, Debug, Default)]
pub struct Touches {
    /// By instrument and by the side of the order that takes.
    rows: Vec<[Row; 2]>,
}

impl Touches {
    /// Makes rows for so many instruments.
    pub fn grow(&mut self, instruments: usize) {
        self.rows.resize(instruments, [Row::new(), Row::new()]);
    }

    /// Makes room for all venues that list an instrument, so that no change waits for memory.
    pub fn make_room(&mut self, instrument: InstrumentId, reference: &Reference) {
        let listings = reference.listings(instrument).count();
        for row in &mut self.rows[instrument.index()] {
            row.reserve_exact(listings.saturating_sub(row.len()));
        }
    }

    /// Forgets all touches.
    pub fn clear(&mut self) {
        for row in self.rows.iter_mut().flatten() {
            row.clear();
        }
    }

    /// What an order of that side would take: a touch for each venue whose book has one, the
    /// cheapest first.
    #[inline]
    pub fn of(&self, instrument: InstrumentId, side: Side) -> &[Touch] {
        self.rows.get(instrument.index()).map_or(&[], |rows| &rows[side as usize - 1])
    }

    /// Sets what an order of that side would take first at a venue; `None` for nothing.
    pub fn set(
        &mut self,
        instrument: InstrumentId,
        side: Side,
        venue: VenueId,
        touch: Option<Touch>,
    ) {
        change(&mut self.rows[instrument.index()][side as usize - 1], venue, touch);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::VENUES_MAX;

    const PAIR: InstrumentId = InstrumentId(0);

    /// A linear congruential generator; the state is the seed.
    fn next(state: &mut u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        *state >> 33
    }

    #[test]
    fn venues_stand_in_the_order_of_cost_whatever_has_changed() {
        for seed in 0..200_u64 {
            let (mut state, mut all) = (seed, Touches::default());
            all.grow(1);
            let mut known = [None; VENUES_MAX];
            for _ in 0..300 {
                let venue = VenueId((next(&mut state) % VENUES_MAX as u64) as u8);
                let cost = i128::from(next(&mut state) % 40) - 20;
                let touch = Touch { cost, price: Price(7), venue };
                let touch = (!next(&mut state).is_multiple_of(4)).then_some(touch);
                known[venue.index()] = touch;
                all.set(PAIR, Side::Sell, venue, touch);
                let mut sorted: Vec<Touch> = known.iter().copied().flatten().collect();
                sorted.sort_by_key(|touch| (touch.cost, touch.venue.0));
                assert_eq!(all.of(PAIR, Side::Sell), sorted, "seed {seed}");
                assert_eq!(all.of(PAIR, Side::Buy), [], "the other side is as it was");
            }
        }
    }
}
