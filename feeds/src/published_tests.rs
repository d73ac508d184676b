//! Claims about what a reader holds who applies all updates, early and late ones.

use rutter_core::book::{BOOK_LEVELS_MAX, Book as CoreBook, Trust};
use rutter_core::number::UnixNanos;

use super::*;

const VENUE: VenueId = VenueId(3);
const INSTRUMENT: InstrumentId = InstrumentId(5);
const TOP: i64 = TOP_LEVELS as i64;
const SIDES: [Side; 2] = [Side::Buy, Side::Sell];

fn level(price: i64, qty: i64) -> Level {
    Level { price: Price(price), qty: Qty(qty) }
}

/// A feed's book, what was told of it, and the core's own book at the other end.
struct Desk {
    book: Book,
    published: Published,
    core: CoreBook,
    depth: usize,
    clears: usize,
    updates: Vec<BookUpdate>,
}

impl Desk {
    fn new(depth: usize) -> Self {
        Self {
            book: Book::new(20_000),
            published: Published::new(VENUE, INSTRUMENT, depth),
            core: CoreBook::new(),
            depth,
            clears: 0,
            updates: Vec::new(),
        }
    }

    /// A book of so many levels a side with a quantity of 1: bids from 10,000 down, asks from
    /// 10,001 up.
    fn of_levels(levels: i64, depth: usize) -> Self {
        let mut desk = Self::new(depth);
        for n in 0..levels {
            desk.set(Side::Buy, 10_000 - n, 1);
            desk.set(Side::Sell, 10_001 + n, 1);
        }
        desk
    }

    fn set(&mut self, side: Side, price: i64, qty: i64) {
        self.book.set(side, level(price, qty)).expect("within bounds");
    }

    fn take(&mut self) -> usize {
        for update in &self.updates {
            assert_eq!((update.venue, update.instrument), (VENUE, INSTRUMENT));
            self.clears += usize::from(update.clear);
            self.core.update(update, UnixNanos(1));
            let held = self.core.bids.len().max(self.core.asks.len());
            assert!(held <= self.depth + LEVELS_BEYOND, "{held} levels");
        }
        assert!(self.updates.len() <= 2 * updates_max(self.depth));
        self.updates.len()
    }

    /// Tells the top tier; the core's top must then be right. Returns the number of updates.
    fn publish(&mut self) -> usize {
        self.updates.clear();
        let updates = &mut self.updates;
        let sent = self.published.publish(&mut self.book, |update| updates.push(update));
        assert_eq!(self.take(), sent);
        self.top_is_right();
        sent
    }

    fn deepen(&mut self) -> usize {
        self.updates.clear();
        let updates = &mut self.updates;
        let sent = self.published.deepen(&mut self.book, |update| updates.push(update));
        assert_eq!(self.take(), sent);
        self.top_is_right();
        self.all_is_right();
        sent
    }

    fn top_is_right(&self) {
        assert_eq!(self.core.trust, Trust::Proved);
        for side in SIDES {
            let top = TOP_LEVELS.min(self.depth);
            let told: Vec<_> = self.core.own(side).iter().take(top).copied().collect();
            let book: Vec<_> = self.book.side(side).take(top).collect();
            assert_eq!(told, book, "{side:?}");
        }
        assert_eq!(self.core.is_crossed(), self.book.is_crossed());
    }

    fn all_is_right(&self) {
        for side in SIDES {
            let told: Vec<_> = self.core.own(side).iter().copied().collect();
            let book: Vec<_> = self.book.side(side).take(self.depth).collect();
            assert_eq!(told, book, "{side:?}");
        }
    }

    fn core_qty(&self, side: Side, price: i64) -> Option<i64> {
        self.core.own(side).iter().find(|level| level.price.0 == price).map(|level| level.qty.0)
    }
}

#[test]
fn a_snapshot_is_told_with_its_top_first_and_its_depth_later() {
    let mut desk = Desk::of_levels(500, BOOK_LEVELS_MAX);
    assert_eq!(desk.publish(), 5, "the best 20 levels of both sides, eight an update");
    let flags: Vec<_> = desk.updates.iter().map(|update| (update.clear, update.last)).collect();
    assert_eq!((flags[0], flags[3], flags[4]), ((true, false), (false, false), (false, true)));
    assert!(desk.published.deep_differs());
    assert_eq!(desk.deepen(), 120, "480 levels of both sides");
    assert!(desk.updates.iter().all(|update| update.last && !update.clear));
    assert!(!desk.published.deep_differs());
    assert_eq!((desk.publish(), desk.deepen()), (0, 0));
    desk.published.restart();
    assert_eq!((desk.publish(), desk.clears), (5, 2));
}

#[test]
fn an_empty_book_after_a_restart_is_told_as_empty() {
    let mut desk = Desk::new(BOOK_LEVELS_MAX);
    assert_eq!(desk.publish(), 1);
    assert!(desk.updates[0].clear && desk.updates[0].last && desk.updates[0].len == 0);
    assert_eq!((desk.publish(), desk.deepen()), (0, 0));
}

#[test]
fn a_change_at_the_touch_tells_one_level_and_leaves_the_depth_alone() {
    let mut desk = Desk::of_levels(1_000, BOOK_LEVELS_MAX);
    desk.publish();
    desk.deepen();
    desk.set(Side::Buy, 10_000, 7);
    assert_eq!(desk.publish(), 1);
    assert_eq!(desk.updates[0].changes().collect::<Vec<_>>(), [(Side::Buy, level(10_000, 7))]);
    assert!(!desk.published.deep_differs(), "the depth needs no look");
    desk.set(Side::Buy, 10_000 - TOP, 7);
    assert_eq!(desk.publish(), 0, "a deep level comes later");
    assert!(desk.published.deep_differs());
    assert_eq!(desk.core_qty(Side::Buy, 10_000 - TOP), Some(1));
    assert_eq!(desk.deepen(), 1);
}

/// The core keeps a level that better ones push out of the top tier, as it was at that moment.
#[test]
fn a_level_that_leaves_the_top_tier_is_right_and_one_that_comes_back_is_right_again() {
    let mut desk = Desk::of_levels(100, BOOK_LEVELS_MAX);
    desk.publish();
    desk.deepen();
    let last = 10_000 - TOP + 1;
    // In one message the last level of the top tier changes and is pushed out.
    desk.set(Side::Buy, last, 5);
    desk.set(Side::Buy, 10_001 - TOP * 10, 1);
    desk.set(Side::Sell, 10_001, 0);
    desk.set(Side::Buy, 10_001, 9);
    desk.publish();
    assert_eq!(desk.core_qty(Side::Buy, last), Some(5));
    // Deep now, the level changes unseen, and comes back into the top tier.
    desk.set(Side::Buy, last, 6);
    desk.publish();
    assert_eq!(desk.core_qty(Side::Buy, last), Some(5), "late");
    desk.set(Side::Buy, 10_001, 0);
    desk.publish();
    assert_eq!(desk.core_qty(Side::Buy, last), Some(6), "right, for it is in the top tier again");
    desk.deepen();
}

#[test]
fn a_deep_level_that_is_gone_never_stands_in_the_top_tier() {
    let mut desk = Desk::of_levels(100, BOOK_LEVELS_MAX);
    desk.publish();
    desk.deepen();
    let gone = 10_000 - TOP;
    desk.set(Side::Buy, gone, 0);
    desk.publish();
    assert_eq!(desk.core_qty(Side::Buy, gone), Some(1), "late: it is deep");
    desk.set(Side::Buy, 10_000, 0);
    desk.publish();
    assert_eq!(desk.core_qty(Side::Buy, gone), None, "the top tier has come to its place");
}

#[test]
fn a_market_that_falls_through_hundreds_of_levels_leaves_none_behind() {
    let mut desk = Desk::of_levels(900, BOOK_LEVELS_MAX);
    desk.publish();
    desk.deepen();
    for n in 0..600 {
        desk.set(Side::Buy, 10_000 - n, 0);
        desk.set(Side::Sell, 10_000 - n, 2);
    }
    desk.publish();
    assert!(!desk.core.is_crossed());
    desk.deepen();
}

#[test]
fn new_best_levels_never_make_the_core_hold_more_than_it_may() {
    for depth in [10, 25, BOOK_LEVELS_MAX] {
        let mut desk = Desk::of_levels(2_000, depth);
        desk.publish();
        desk.deepen();
        for n in 0..300 {
            for price in [10_001 + 3 * n, 10_002 + 3 * n, 10_003 + 3 * n] {
                desk.set(Side::Sell, price, 0);
                desk.set(Side::Buy, price, 1);
            }
            desk.publish();
        }
        // More new levels in one message than the depth.
        for n in 0..2 * depth as i64 {
            desk.set(Side::Sell, 12_000 + n, 0);
            desk.set(Side::Buy, 12_000 + n, 1);
        }
        desk.publish();
        desk.deepen();
    }
}

#[test]
fn a_reader_of_few_levels_is_told_all_of_them_in_one_change() {
    let mut desk = Desk::of_levels(100, 50);
    let mut shown = Published::new(VENUE, INSTRUMENT, 50);
    let mut reader = CoreBook::new();
    let mut tell = |desk: &Desk, reader: &mut CoreBook| {
        let sides = SIDES.map(|side| desk.book.worst_first(side));
        shown.publish_all(sides, |update| {
            reader.update(&update, UnixNanos(1));
        })
    };
    assert_eq!(tell(&desk, &mut reader), 13);
    desk.set(Side::Buy, 9_901, 5);
    assert_eq!(tell(&desk, &mut reader), 0, "the hundredth level is not shown");
    desk.set(Side::Buy, 10_000, 0);
    assert_eq!(tell(&desk, &mut reader), 1);
    assert_eq!((reader.trust, reader.bids.len()), (Trust::Proved, 50));
}

/// A small generator (a 64-bit linear congruence, high bits used); a seed replays exactly.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        ((self.0 >> 33) % bound) as i64
    }
}

/// Books move, jump, empty, are truncated and begin anew. [`Desk::publish`] checks the top tier
/// after each change, [`Desk::deepen`] the whole book.
#[test]
fn the_top_is_right_at_every_moment_and_the_whole_book_after_its_deep_tier() {
    for seed in 1..=40 {
        let depth = [10, 25, 100, BOOK_LEVELS_MAX][seed as usize % 4];
        println!("seed {seed}, depth {depth}");
        let mut random = Random(seed);
        let mut desk = Desk::new(depth);
        let mut middle = 5_000;
        for round in 0..400 {
            if random.below(60) == 0 {
                desk.published.restart();
            }
            if random.below(40) == 0 {
                middle = 1_000 + random.below(8_000);
            }
            middle += random.below(7) - 3;
            let near = if random.below(4) == 0 { 1_500 } else { 30 };
            for _ in 0..random.below(if round % 50 == 0 { 1_200 } else { 40 }) {
                let away = 1 + random.below(near);
                let qty = random.below(4);
                desk.set(Side::Buy, (middle - away).max(1), qty);
                desk.set(Side::Sell, middle + away, qty);
                // A venue's book is not crossed: the other side's levels there are gone.
                if random.below(3) == 0 {
                    desk.set(Side::Sell, (middle - away).max(1), 0);
                    desk.set(Side::Buy, middle + away, 0);
                }
            }
            match random.below(60) {
                0 => desk.book.clear(),
                1..=4 => desk.book.truncate(depth),
                _ => {}
            }
            desk.publish();
            if random.below(8) == 0 {
                desk.deepen();
            } else if !desk.published.deep_differs() {
                desk.all_is_right();
            }
        }
    }
}
