//! The rules of a local book, one by one.

use rutter_core::input::{Level, Side};
use rutter_core::number::{Price, Qty};

use super::message::Levels;
use super::sequence::{Break, CHANGES_MAX, SequencedBook};

fn levels(bids: &[(i64, i64)], asks: &[(i64, i64)]) -> Levels {
    let level = |(price, qty): &(i64, i64)| Level { price: Price(*price), qty: Qty(*qty) };
    Levels { bids: bids.iter().map(level).collect(), asks: asks.iter().map(level).collect() }
}

fn best(book: &SequencedBook) -> (i64, i64) {
    let price = |side| book.book().best(side).map_or(0, |level| level.price.0);
    (price(Side::Buy), price(Side::Sell))
}

fn synced(at: u64) -> SequencedBook {
    let mut book = SequencedBook::new(20);
    assert_eq!(book.snapshot(at, &levels(&[(99, 1)], &[(101, 1)]), 1_000), Ok(()));
    book
}

#[test]
fn changes_before_the_snapshot_are_dropped_and_the_rest_applied() {
    let mut book = SequencedBook::new(20);
    assert_eq!(book.change(150, 156, &levels(&[(50, 7)], &[])), Ok(false));
    assert_eq!(book.change(157, 160, &levels(&[(98, 7)], &[])), Ok(false));
    assert_eq!(book.change(161, 165, &levels(&[(99, 3)], &[(101, 0)])), Ok(false));
    let snapshot = levels(&[(99, 1)], &[(101, 1), (102, 1)]);
    assert_eq!(book.snapshot(158, &snapshot, 1_000), Ok(()));
    assert_eq!(book.update_id(), Some(165));
    assert_eq!(best(&book), (99, 102));
    assert_eq!(book.book().len(Side::Buy), 2, "50 was older than the snapshot");
}

#[test]
fn a_snapshot_older_than_the_first_change_is_asked_for_again() {
    let mut book = SequencedBook::new(20);
    assert_eq!(book.change(160, 165, &levels(&[(99, 2)], &[])), Ok(false));
    let old = book.snapshot(159, &levels(&[(99, 1)], &[(101, 1)]), 1_000);
    assert_eq!(old, Err(Break::OldSnapshot { at: 159, first: 160 }));
    assert!(!book.is_synced());
    assert_eq!(book.snapshot(162, &levels(&[(98, 1)], &[(101, 1)]), 1_000), Ok(()));
    assert_eq!((book.update_id(), best(&book)), (Some(165), (99, 101)));
}

#[test]
fn a_gap_among_the_changes_kept_is_found_with_the_snapshot() {
    let mut book = SequencedBook::new(20);
    assert_eq!(book.change(150, 155, &Levels::default()), Ok(false));
    assert_eq!(book.change(158, 160, &Levels::default()), Ok(false));
    let result = book.snapshot(155, &levels(&[(99, 1)], &[(101, 1)]), 1_000);
    assert_eq!(result, Err(Break::Gap { at: 155, first: 158 }));
    assert!(!book.is_synced() && book.book().is_empty());
}

#[test]
fn changes_meet_the_book_or_are_a_gap() {
    let mut book = synced(160);
    assert_eq!(book.change(161, 163, &levels(&[(100, 5)], &[])), Ok(true));
    assert_eq!(book.change(155, 162, &levels(&[(97, 5)], &[])), Ok(false), "older");
    assert_eq!(book.change(161, 163, &levels(&[(100, 5)], &[])), Ok(true), "doubled");
    assert_eq!(book.change(162, 166, &levels(&[(100, 0)], &[])), Ok(true), "overlapping");
    assert_eq!((book.update_id(), best(&book)), (Some(166), (99, 101)));
    let gap = book.change(168, 170, &levels(&[(99, 9)], &[]));
    assert_eq!(gap, Err(Break::Gap { at: 166, first: 168 }));
    assert!(!book.is_synced() && book.book().is_empty());
    // The change that showed the gap is the first one kept for the next snapshot.
    assert_eq!(book.snapshot(168, &levels(&[(98, 1)], &[(101, 1)]), 1_000), Ok(()));
    assert_eq!((book.update_id(), best(&book)), (Some(170), (99, 101)));
}

#[test]
fn deleting_an_unknown_level_is_normal() {
    let mut book = synced(1);
    assert_eq!(book.change(2, 2, &levels(&[(42, 0)], &[(142, 0)])), Ok(true));
    assert_eq!(best(&book), (99, 101));
}

#[test]
fn what_cannot_be_breaks_the_book() {
    let mut book = synced(1);
    assert_eq!(book.change(5, 2, &Levels::default()), Err(Break::Backwards { first: 5, last: 2 }));
    let mut book = synced(1);
    assert_eq!(book.change(2, 2, &levels(&[(101, 1)], &[])), Err(Break::Crossed));
    assert!(!book.is_synced());
    let mut book = synced(1);
    assert!(matches!(book.change(2, 2, &levels(&[(0, 1)], &[])), Err(Break::Level(_))));
    assert!(!book.is_synced() && book.book().is_empty());
}

/// A snapshot that was cut at its limit says nothing of what lies beyond; once the top reaches
/// there, levels that never changed would be missing.
#[test]
fn the_top_never_leaves_the_snapshot_unnoticed() {
    let bids: Vec<(i64, i64)> = (0..100).map(|n| (1_000 - n, 1)).collect();
    let mut book = SequencedBook::new(20);
    assert_eq!(book.snapshot(1, &levels(&bids, &[(2_000, 1)]), 100), Ok(()));
    for n in 0..80 {
        let gone = levels(&[(1_000 - n, 0)], &[]);
        assert_eq!(book.change(2 + n as u64, 2 + n as u64, &gone), Ok(true));
    }
    assert_eq!(book.change(82, 82, &levels(&[(920, 0)], &[])), Err(Break::Horizon));
}

#[test]
fn changes_kept_have_an_end_that_is_told() {
    let mut book = SequencedBook::new(20);
    for n in 0..CHANGES_MAX as u64 {
        assert_eq!(book.change(n, n, &Levels::default()), Ok(false));
    }
    let n = CHANGES_MAX as u64;
    assert_eq!(book.change(n, n, &Levels::default()), Err(Break::Overflow));
}
