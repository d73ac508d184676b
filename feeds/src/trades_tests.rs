//! Trades of one venue's stream, with what it leaves out and repeats.

use super::*;

const VENUE: VenueId = VenueId(3);
const SECOND: u64 = SECOND_NS;

fn trade(id: u64) -> Trade {
    Trade {
        id,
        count: 1,
        taker: Some(Side::Buy),
        price: Price(100),
        qty: Qty(5),
        time: UnixNanos(id * SECOND),
    }
}

fn trades() -> Trades {
    let instruments = [InstrumentId(7), InstrumentId(8)].into_iter();
    Trades::new(VENUE, instruments, 1_000, SECOND)
}

/// What is told now, as number, count, quantity, and whether it is late.
fn told(trades: &mut Trades, now_ns: u64) -> Vec<(u64, u32, i64, bool)> {
    let mut told = Vec::new();
    let any = trades.flush(now_ns, |t| told.push((t.id, t.count, t.qty.0, t.late)));
    assert_eq!(any, !told.is_empty());
    told
}

#[test]
fn a_trade_is_told_once_however_often_the_venue_tells_it() {
    let mut trades = trades();
    for id in [5, 6, 5, 6, 7] {
        trades.take(0, 0, &trade(id), false);
        told(&mut trades, id);
    }
    let counters = trades.counters();
    assert_eq!((counters.trades, counters.told, counters.duplicates), (3, 3, 2));
    assert_eq!((counters.gaps, counters.restarts), (0, 0));
}

#[test]
fn a_venue_that_counts_anew_is_followed() {
    let mut trades = trades();
    trades.take(0, 0, &trade(9_000), false);
    trades.take(0, 0, &Trade { time: UnixNanos(9_001 * SECOND), ..trade(1) }, false);
    trades.take(0, 0, &Trade { time: UnixNanos(9_002 * SECOND), ..trade(2) }, false);
    let counters = trades.counters();
    assert_eq!((counters.trades, counters.restarts, counters.gaps), (3, 1, 0));
}

#[test]
fn waiting_trades_of_one_price_and_side_are_added_up_and_others_are_not() {
    let mut trades = trades();
    trades.take(0, 0, &trade(1), false);
    trades.take(0, 1, &trade(1), false);
    trades.take(0, 0, &trade(2), false);
    trades.take(0, 0, &Trade { price: Price(101), ..trade(3) }, false);
    trades.take(0, 0, &Trade { taker: None, price: Price(101), ..trade(4) }, false);
    trades.take(
        0,
        0,
        &Trade { taker: None, price: Price(101), qty: Qty(i64::MAX), ..trade(5) },
        false,
    );
    let told = told(&mut trades, 0);
    let rows = [(2, 2, 10, false), (1, 1, 5, false), (3, 1, 5, false), (4, 1, 5, false)];
    assert_eq!(told, [&rows[..], &[(5, 1, i64::MAX, false)]].concat());
}

#[test]
fn a_gap_is_asked_for_and_what_comes_is_told_as_late() {
    let mut trades = trades();
    trades.take(0, 0, &trade(10), false);
    trades.take(0, 0, &trade(14), false);
    assert_eq!(told(&mut trades, 0), [(14, 2, 10, false)]);
    assert_eq!(trades.question(0), None, "the venue's REST lags its stream");
    assert_eq!(trades.next_ns(), Some(SECOND));
    let gap = Gap { from: 11, to: 13, since: UnixNanos(10 * SECOND) };
    assert_eq!(trades.question(SECOND), Some((1_000, 0, gap)));
    assert_eq!(trades.question(SECOND), None, "one at a time");
    assert_eq!((trades.answers(999), trades.answers(1_000)), (None, Some(0)));
    for id in [10, 11, 12, 13, 14] {
        trades.recover(0, &trade(id));
    }
    trades.answered(SECOND);
    assert_eq!(told(&mut trades, SECOND), [(13, 3, 15, true)]);
    let counters = trades.counters();
    assert_eq!((counters.gaps, counters.recovered, counters.lost), (1, 3, 0));
    assert_eq!((counters.trades, trades.next_ns()), (5, None));
    assert_eq!(trades.news(SECOND), None);
}

#[test]
fn what_does_not_come_is_asked_for_three_times_then_lost_and_said_for_a_minute() {
    let mut trades = trades();
    trades.take(0, 0, &trade(10), false);
    trades.take(0, 0, &trade(14), false);
    let mut asked = Vec::new();
    let mut now_ns = 0;
    while let Some(due_ns) = trades.next_ns().filter(|due| *due < 60 * SECOND) {
        assert!(due_ns > now_ns || asked.is_empty(), "a timer spins at {now_ns}");
        now_ns = due_ns;
        trades.on_timer(now_ns);
        if trades.question(now_ns).is_some() {
            asked.push(now_ns / SECOND);
        }
        told(&mut trades, now_ns);
    }
    // Ten seconds for each answer, and a wait that doubles.
    assert_eq!(asked, [1, 13, 27]);
    assert_eq!(trades.counters().lost, 3);
    let said = trades.news(now_ns).flatten().expect("news");
    assert_eq!(said, "public trades since the start: 3 missing, 0 beyond the queue");
    assert_eq!(trades.news(now_ns), None);
    assert_eq!(trades.next_ns(), Some(now_ns + 60 * SECOND));
    assert_eq!(trades.news(now_ns + 60 * SECOND), Some(None));
    assert_eq!(trades.next_ns(), None);
}

#[test]
fn numbers_that_the_answer_leaves_out_are_lost_and_a_second_gap_keeps_what_was_told_between() {
    let mut trades = trades();
    for id in [10, 14, 15, 18] {
        trades.take(0, 0, &trade(id), false);
    }
    told(&mut trades, 0);
    assert!(trades.question(SECOND).is_some_and(|(_, _, gap)| (gap.from, gap.to) == (11, 13)));
    for id in [12, 13, 14, 15, 16] {
        trades.recover(0, &trade(id));
    }
    assert_eq!((trades.counters().lost, trades.counters().recovered), (1, 3));
    trades.answered(SECOND);
    assert!(trades.question(2 * SECOND).is_some_and(|(_, _, gap)| (gap.from, gap.to) == (17, 17)));
    trades.recover(0, &trade(17));
    trades.answered(2 * SECOND);
    assert_eq!((trades.counters().lost, trades.counters().recovered), (1, 4));
    assert_eq!(trades.next_ns(), None);
}

#[test]
fn a_gap_that_is_too_long_is_asked_for_from_its_oldest_trades() {
    let mut trades = trades();
    trades.take(0, 0, &trade(1), false);
    trades.take(0, 0, &trade(5_002), false);
    let gap = trades.question(SECOND).expect("a question").2;
    assert_eq!((gap.from, gap.to, gap.len()), (2, 1_001, GAP_TRADES_MAX));
    assert_eq!(trades.counters().lost, 4_000);
    for nth in 1..=10 {
        trades.take(0, 0, &trade(5_002 + 2 * nth), false);
    }
    assert_eq!(trades.counters().gaps, 11);
    assert!(trades.counters().lost >= 5_000, "the oldest of too many gaps is given up");
}

#[test]
fn beyond_the_rate_trades_wait_and_beyond_the_queue_they_are_counted_and_said() {
    let mut trades = trades();
    let many = PENDING_MAX as u64 + 10;
    for id in 1..=many {
        trades.take(0, 0, &Trade { price: Price(id as i64), ..trade(id) }, false);
    }
    assert_eq!(told(&mut trades, 0).len() as u64, TRADES_PER_S_MAX / 10);
    assert_eq!(trades.counters().dropped, 10);
    assert!(trades.news(0).flatten().is_some_and(|text| text.ends_with("10 beyond the queue")));
    let mut now_ns = 0;
    while let Some(due_ns) = trades.next_ns().filter(|due| *due < 60 * SECOND) {
        assert!(due_ns > now_ns, "a timer spins");
        now_ns = due_ns;
        assert!(told(&mut trades, now_ns).len() as u64 <= TRADES_PER_S_MAX / 10);
    }
    assert_eq!(trades.counters().told, PENDING_MAX as u64);
    let least_ns = (PENDING_MAX as u64 - TRADES_PER_S_MAX / 10) * SECOND / TRADES_PER_S_MAX;
    assert!((least_ns..least_ns + SECOND / 100).contains(&now_ns), "{now_ns}");
}

#[test]
fn a_trade_that_makes_no_sense_is_counted_and_changes_nothing() {
    let mut trades = trades();
    trades.take(0, 9, &trade(1), false);
    for wrong in [
        Trade { price: Price(0), ..trade(1) },
        Trade { qty: Qty(-1), ..trade(1) },
        Trade { count: 0, ..trade(1) },
    ] {
        trades.take(0, 0, &wrong, false);
    }
    trades.unreadable();
    assert_eq!((trades.counters().unreadable, trades.counters().trades), (4, 0));
    assert!(told(&mut trades, 0).is_empty());
}
