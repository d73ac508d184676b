//! Scenarios of the tap: a feed at one end, the book that a reader makes at the other.

use rutter_core::input::{Distrust, Level};
use rutter_core::number::{Price, Qty};

use super::*;

const VENUE: VenueId = VenueId(1);
const INSTRUMENT: InstrumentId = InstrumentId(2);

fn update(clear: bool, levels: &[(Side, i64, i64)]) -> Input {
    let mut update = BookUpdate {
        venue: VENUE,
        instrument: INSTRUMENT,
        clear,
        last: true,
        ..BookUpdate::default()
    };
    for (side, price, qty) in levels {
        assert!(update.push(*side, Level { price: Price(*price), qty: Qty(*qty) }));
    }
    Input::Book(update)
}

fn one_reader() -> (Tap, TapReader, Book) {
    let (mut tap, mut reader) = (Tap::new(VENUE, 1), TapReader::default());
    tap.connect(&mut reader);
    (tap, reader, Book::new())
}

/// Takes all updates that wait into a book.
fn drain(reader: &TapReader, book: &mut Book) {
    while reader.drain(|update| match update {
        BookNews::Update(update) => {
            book.update(update, UnixNanos(0));
        }
        BookNews::Distrusted(_, _, reason) => book.distrust(*reason),
        BookNews::Lost(venue) => {
            assert_eq!(*venue, VENUE);
            book.distrust(Distrust::Gap);
        }
        BookNews::Alive(_) | BookNews::Trade(_) => {}
    }) {}
}

fn bids(book: &Book) -> Vec<(i64, i64)> {
    book.bids.iter().map(|level| (level.price.0, level.qty.0)).collect()
}

#[test]
fn what_a_feed_tells_arrives_in_order() {
    let (mut tap, reader, mut book) = one_reader();
    assert!(!reader.has_work());
    tap.offer(&update(true, &[(Side::Buy, 10, 1), (Side::Sell, 12, 1)]));
    tap.offer(&update(false, &[(Side::Buy, 11, 5)]));
    tap.offer(&Input::Tick);
    tap.flush();
    assert!(reader.has_work());
    drain(&reader, &mut book);
    assert_eq!((book.trust, bids(&book)), (Trust::Proved, vec![(11, 5), (10, 1)]));
    tap.offer(&Input::BookDistrusted {
        venue: VENUE,
        instrument: INSTRUMENT,
        reason: Distrust::Checksum,
    });
    drain(&reader, &mut book);
    assert_eq!(book.trust, Trust::Distrusted(Distrust::Checksum));
    assert_eq!(reader.lost(), 0);
}

#[test]
fn a_gateway_that_sleeps_too_long_believes_nothing_until_all_is_told_anew() {
    let (mut tap, reader, mut book) = one_reader();
    let deep: Vec<_> = (1..=8).map(|price| (Side::Buy, price, price)).collect();
    tap.offer(&update(true, &deep));
    let more: Vec<_> = (9..=16).map(|price| (Side::Buy, price, price)).collect();
    tap.offer(&update(false, &more));
    for qty in 1..=TAP_UPDATES_MIN as i64 {
        tap.offer(&update(false, &[(Side::Buy, 1, qty)]));
        tap.flush();
    }
    assert_eq!(reader.lost(), 1, "from the first that is lost on none is put in");
    assert!(reader.has_work());
    // The gateway wakes: it must not believe what is in the queue, for some is missing behind it.
    reader.drain(|update| assert_eq!(*update, BookNews::Lost(VENUE)));
    drain(&reader, &mut book);
    assert_eq!(bids(&book), []);
    // Still only the books as they are are told, and what comes after.
    tap.offer(&update(false, &[(Side::Buy, 16, 99)]));
    assert!(!reader.has_work(), "the change is part of the image");
    tap.flush();
    tap.offer(&update(false, &[(Side::Buy, 1, 0)]));
    drain(&reader, &mut book);
    let expected: Vec<_> =
        (2..=16).rev().map(|price| (price, if price == 16 { 99 } else { price })).collect();
    assert_eq!((book.trust, bids(&book)), (Trust::Proved, expected));
}

#[test]
fn a_book_that_is_distrusted_meanwhile_is_not_told_anew() {
    let (mut tap, reader, mut book) = one_reader();
    tap.offer(&update(true, &[(Side::Buy, 10, 1)]));
    for _ in 0..TAP_UPDATES_MIN {
        tap.offer(&Input::FeedAlive(VENUE));
    }
    tap.offer(&Input::BookDistrusted {
        venue: VENUE,
        instrument: INSTRUMENT,
        reason: Distrust::Gap,
    });
    drain(&reader, &mut book);
    tap.flush();
    drain(&reader, &mut book);
    assert_eq!(bids(&book), []);
    assert!(!reader.has_work());
}

/// Two threads, a queue that overflows again and again: at the end both ends agree, and on the way
/// the gateway never holds a mixture. Every change sets both levels to the same size.
#[test]
fn both_ends_agree_whatever_is_lost_between_two_threads() {
    const CHANGES: i64 = 400_000;
    const CHANGES_MAX: i64 = 1_000_000_000;
    const LOSSES_MIN: u64 = 10;
    let (mut tap, reader, mut book) = one_reader();
    let feed = std::thread::spawn(move || {
        tap.offer(&update(true, &[(Side::Buy, 1, 1), (Side::Sell, 2, 1)]));
        let mut qty = 1;
        // However seldom the gateway's thread has its turn, it must have lost something so often.
        while qty < CHANGES
            || qty < CHANGES_MAX && tap.outlets[0].queue.lost.load(Ordering::Relaxed) < LOSSES_MIN
        {
            qty += 1;
            tap.offer(&update(false, &[(Side::Buy, 1, qty), (Side::Sell, 2, qty)]));
            tap.flush();
        }
        (tap, qty)
    });
    let check = |book: &Book| {
        if book.trust == Trust::Proved {
            let (bid, ask) = (book.bids.best().expect("a bid"), book.asks.best().expect("an ask"));
            assert_eq!(bid.qty, ask.qty);
        }
    };
    let (mut turns, mut losses) = (0_u64, 0);
    while !feed.is_finished() {
        // A gateway that sleeps until news are lost, ten times, and is busy most of the time then.
        turns += 1;
        let lost = reader.lost() > losses;
        if lost || losses >= LOSSES_MIN && turns.is_multiple_of(4_096) {
            losses = reader.lost();
            drain(&reader, &mut book);
            check(&book);
        }
        std::hint::spin_loop();
    }
    let (mut tap, newest) = feed.join().expect("it ends");
    drain(&reader, &mut book);
    tap.flush();
    drain(&reader, &mut book);
    check(&book);
    assert_eq!(bids(&book), [(1, newest)]);
    assert!(reader.lost() >= LOSSES_MIN);
}

#[test]
fn a_reader_that_loses_updates_does_not_hold_up_another() {
    let (mut tap, slow, mut slow_book) = one_reader();
    let (mut quick, mut quick_book) = (TapReader::default(), Book::new());
    tap.connect(&mut quick);
    for qty in 1..=TAP_UPDATES_MIN as i64 + 1 {
        tap.offer(&update(qty == 1, &[(Side::Buy, 1, qty)]));
        tap.flush();
        drain(&quick, &mut quick_book);
    }
    assert_eq!((slow.lost(), quick.lost()), (1, 0));
    drain(&slow, &mut slow_book);
    assert_eq!(slow_book.trust, Trust::Distrusted(Distrust::Gap));
    tap.flush();
    assert!(!quick.has_work(), "only the reader that lost updates is sent the books again");
    drain(&slow, &mut slow_book);
    assert_eq!((bids(&slow_book), bids(&quick_book)), (bids(&quick_book), bids(&slow_book)));
    assert_eq!(slow_book.trust, Trust::Proved);
}

#[test]
fn readers_are_sent_the_levels_that_they_show_and_no_deeper_ones() {
    let (mut tap, reader, mut book) = one_reader();
    let levels = TAP_LEVELS as i64;
    tap.offer(&update(true, &[]));
    for price in 1..=2 * levels {
        tap.offer(&update(false, &[(Side::Sell, price, 1)]));
    }
    drain(&reader, &mut book);
    let asks = |book: &Book| book.asks.iter().map(|l| (l.price.0, l.qty.0)).collect::<Vec<_>>();
    let shown: Vec<_> = (1..=levels).map(|price| (price, 1)).collect();
    assert_eq!(asks(&book), shown);
    // A deep level changes, often: the queue stays empty.
    for qty in 2..=9 {
        tap.offer(&update(false, &[(Side::Sell, levels + 1, qty)]));
    }
    assert!(!reader.has_work());
    // It comes up, as it is.
    tap.offer(&update(false, &[(Side::Sell, 1, 0)]));
    drain(&reader, &mut book);
    assert_eq!(asks(&book).last(), Some(&(levels + 1, 9)));
    assert_eq!(asks(&book).len(), TAP_LEVELS);
    // A book that is sent anew has the same levels.
    for _ in 0..=TAP_UPDATES_MIN {
        tap.offer(&Input::FeedAlive(VENUE));
    }
    drain(&reader, &mut book);
    tap.flush();
    let shown = asks(&book);
    drain(&reader, &mut book);
    assert!(shown.is_empty() && asks(&book).len() == TAP_LEVELS);
}
