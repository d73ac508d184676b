//! Claims about books and about what the core is told of them.

use std::collections::BTreeMap;

use super::*;

const VENUE: VenueId = VenueId(3);
const INSTRUMENT: InstrumentId = InstrumentId(5);

fn level(price: i64, qty: i64) -> Level {
    Level { price: Price(price), qty: Qty(qty) }
}

fn prices(book: &Book, side: Side) -> Vec<i64> {
    book.side(side).map(|level| level.price.0).collect()
}

/// What the core would hold: applies updates the way its doc says.
#[derive(Default)]
struct Core {
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
    trusted: bool,
    clears: usize,
}

impl Core {
    fn take(&mut self, update: &BookUpdate) {
        assert_eq!((update.venue, update.instrument), (VENUE, INSTRUMENT));
        if update.clear {
            self.bids.clear();
            self.asks.clear();
            self.clears += 1;
        }
        for (side, level) in update.changes() {
            let half = if side == Side::Buy { &mut self.bids } else { &mut self.asks };
            if level.qty.is_zero() {
                assert!(half.remove(&level.price.0).is_some(), "removed what it never had");
            } else {
                half.insert(level.price.0, level.qty.0);
            }
        }
        assert!(self.bids.len() <= FEED_DEPTH && self.asks.len() <= FEED_DEPTH);
        self.trusted = update.last;
    }

    fn agrees_with(&self, book: &Book) {
        let top = |side| {
            let levels = book.side(side).take(FEED_DEPTH);
            levels.map(|level| (level.price.0, level.qty.0)).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(self.bids, top(Side::Buy));
        assert_eq!(self.asks, top(Side::Sell));
        assert!(self.trusted);
    }
}

#[test]
fn levels_come_best_first_whatever_the_order_of_arrival() {
    let mut book = Book::new(10);
    for price in [5, 7, 6] {
        book.set(Side::Buy, level(price, 1)).expect("bid");
        book.set(Side::Sell, level(price + 10, 1)).expect("ask");
    }
    assert_eq!(prices(&book, Side::Buy), [7, 6, 5]);
    assert_eq!(prices(&book, Side::Sell), [15, 16, 17]);
    assert_eq!(book.best(Side::Buy), Some(level(7, 1)));
    assert!(!book.is_crossed());
    book.set(Side::Buy, level(15, 1)).expect("bid");
    assert!(book.is_crossed());
}

#[test]
fn zero_removes_and_removing_nothing_is_no_error() {
    let mut book = Book::new(10);
    book.set(Side::Buy, level(5, 1)).expect("bid");
    book.set(Side::Buy, level(5, 0)).expect("removal");
    book.set(Side::Buy, level(5, 0)).expect("removal again");
    assert!(book.is_empty());
}

#[test]
fn cutting_drops_the_worst() {
    let mut book = Book::new(10);
    for price in 1..=5 {
        book.set(Side::Buy, level(price, 1)).expect("bid");
        book.set(Side::Sell, level(price + 10, 1)).expect("ask");
    }
    book.truncate(2);
    assert_eq!(prices(&book, Side::Buy), [5, 4]);
    assert_eq!(prices(&book, Side::Sell), [11, 12]);
}

#[test]
fn what_cannot_be_a_level_is_refused_and_changes_nothing() {
    let mut book = Book::new(1);
    book.set(Side::Buy, level(5, 1)).expect("bid");
    assert_eq!(book.set(Side::Buy, level(0, 1)), Err(BookError::BadPrice(0)));
    assert_eq!(book.set(Side::Buy, level(6, -1)), Err(BookError::BadQty(-1)));
    assert_eq!(book.set(Side::Buy, level(6, 1)), Err(BookError::Full { limit: 1 }));
    book.set(Side::Buy, level(5, 2)).expect("a full side still changes");
    book.set(Side::Sell, level(6, 1)).expect("the other side has its own room");
    assert_eq!(book.best(Side::Buy), Some(level(5, 2)));
    assert_eq!(book.len(Side::Buy), 1);
}

#[test]
fn the_first_update_after_a_restart_clears_and_the_final_one_ends() {
    let mut book = Book::new(100);
    for price in 1..=10 {
        book.set(Side::Buy, level(price, 1)).expect("bid");
    }
    let mut published = Published::new(VENUE, INSTRUMENT);
    let mut updates = Vec::new();
    assert_eq!(published.publish(&book, |update| updates.push(update)), 2);
    let flags: Vec<_> = updates.iter().map(|update| (update.clear, update.last)).collect();
    assert_eq!(flags, [(true, false), (false, true)]);
    assert_eq!(published.publish(&book, |_| unreachable!("nothing changed")), 0);
    published.restart();
    updates.clear();
    assert_eq!(published.publish(&book, |update| updates.push(update)), 2);
    assert!(updates[0].clear);
}

#[test]
fn an_empty_book_after_a_restart_is_told_as_empty() {
    let mut published = Published::new(VENUE, INSTRUMENT);
    let mut updates = Vec::new();
    assert_eq!(published.publish(&Book::new(10), |update| updates.push(update)), 1);
    assert!(updates[0].clear && updates[0].last && updates[0].len == 0);
}

#[test]
fn a_level_pushed_out_of_the_top_is_removed_and_one_that_returns_is_told_again() {
    let mut book = Book::new(100);
    for price in 0..FEED_DEPTH as i64 {
        book.set(Side::Sell, level(100 + price, 1)).expect("ask");
    }
    let mut published = Published::new(VENUE, INSTRUMENT);
    published.publish(&book, drop);
    let worst = 100 + FEED_DEPTH as i64 - 1;
    book.set(Side::Sell, level(99, 7)).expect("a new best ask");
    let mut changes = Vec::new();
    published.publish(&book, |update| changes.extend(update.changes()));
    assert_eq!(changes, [(Side::Sell, level(worst, 0)), (Side::Sell, level(99, 7))]);
    book.set(Side::Sell, level(99, 0)).expect("gone again");
    changes.clear();
    published.publish(&book, |update| changes.extend(update.changes()));
    assert_eq!(changes, [(Side::Sell, level(99, 0)), (Side::Sell, level(worst, 1))]);
}

#[test]
fn a_whole_new_book_fits_the_named_number_of_updates() {
    let mut book = Book::new(100);
    for price in 0..FEED_DEPTH as i64 {
        book.set(Side::Buy, level(100 + price, 1)).expect("bid");
        book.set(Side::Sell, level(200 + price, 1)).expect("ask");
    }
    let mut published = Published::new(VENUE, INSTRUMENT);
    published.publish(&book, drop);
    book.clear();
    for price in 0..FEED_DEPTH as i64 {
        book.set(Side::Buy, level(300 + price, 1)).expect("bid");
        book.set(Side::Sell, level(400 + price, 1)).expect("ask");
    }
    assert_eq!(published.publish(&book, drop), UPDATES_PER_PUBLISH_MAX);
}

/// A small generator (a 64-bit linear congruence, high bits used); a seed replays exactly.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> i64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        ((self.0 >> 33) % bound) as i64
    }
}

#[test]
fn the_core_ends_with_the_same_top_whatever_changed_in_between() {
    for seed in 1..=20 {
        println!("seed {seed}");
        let mut random = Random(seed);
        let mut book = Book::new(200);
        let mut published = Published::new(VENUE, INSTRUMENT);
        let mut core = Core::default();
        let mut clears = 1;
        for round in 0..500 {
            if random.below(50) == 0 && round > 0 {
                published.restart();
                clears += 1;
            }
            for _ in 0..random.below(12) {
                let side = if random.below(2) == 0 { Side::Buy } else { Side::Sell };
                let price = 1 + random.below(60);
                book.set(side, level(price, random.below(4))).expect("within bounds");
            }
            if random.below(20) == 0 {
                book.truncate(25);
            }
            published.publish(&book, |update| core.take(&update));
            core.agrees_with(&book);
        }
        assert_eq!(core.clears, clears);
    }
}
