//! Claims about books.

use rutter_core::number::Qty;

use super::*;

fn level(price: i64, qty: i64) -> Level {
    Level { price: Price(price), qty: Qty(qty) }
}

fn prices(book: &Book, side: Side) -> Vec<i64> {
    book.side(side).map(|level| level.price.0).collect()
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
fn the_worst_changed_price_of_a_side_is_told_once() {
    let mut book = Book::new(10);
    for price in [5, 7, 6] {
        book.set(Side::Buy, level(price, 1)).expect("bid");
        book.set(Side::Sell, level(price + 10, 1)).expect("ask");
    }
    let changed = |book: &mut Book| [Side::Buy, Side::Sell].map(|side| book.take_changed(side));
    assert_eq!(changed(&mut book), [Some(Price(5)), Some(Price(17))]);
    assert_eq!(changed(&mut book), [None, None]);
    book.set(Side::Buy, level(6, 0)).expect("removal");
    book.set(Side::Buy, level(6, 0)).expect("nothing to remove");
    assert_eq!(changed(&mut book), [Some(Price(6)), None]);
    book.truncate(1);
    assert_eq!(changed(&mut book), [Some(Price(5)), Some(Price(17))]);
    book.clear();
    assert_eq!(changed(&mut book), [Some(Price(7)), Some(Price(15))]);
}

/// Truncated levels stay in memory for a while: they must not come back.
#[test]
fn a_side_that_is_truncated_all_the_time_keeps_its_best_levels_only() {
    let mut book = Book::new(30);
    for price in 1..=3 * TRUNCATED_MAX as i64 {
        book.set(Side::Buy, level(price, 1)).expect("bid");
        book.truncate(20);
        let worst = (price - 19).max(1);
        assert!(prices(&book, Side::Buy).into_iter().eq((worst..=price).rev()));
        assert!(book.bids.levels.len() <= TRUNCATED_MAX + 21);
    }
}
