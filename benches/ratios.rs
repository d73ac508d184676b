//! Each of our workloads against its floor, in pairs of short slices: one JSON line a pair.
//! Arguments choose pairs by a part of their names.

mod support;

use std::hint::black_box;

use rutter_fix::codec::FieldIndex;
use support::book_json::{Binance, Kraken};
use support::journal::APPENDS_MAX;
use support::pair::{in_fresh, in_whole, measure, timed};
use support::{fix, journal, rings};

fn fix_decode(name: &str) {
    fix::check();
    let order = fix::order();
    let mut index = FieldIndex::new();
    let mut ours = timed(|| {
        black_box(fix::ours_decode(black_box(&order), &mut index));
    });
    let mut floor = timed(|| {
        black_box(fix::scan(black_box(&order)).map(|found| found.price.len()));
    });
    measure(name, &mut ours, &mut floor);
}

fn fix_encode(name: &str) {
    let (mut out, mut theirs) = (Vec::with_capacity(1 << 10), Vec::with_capacity(1 << 10));
    let (mut n, mut m) = (0, 0);
    let mut ours = timed(|| {
        n += 1;
        fix::ours_encode(&fix::Report::nth(n), &mut out);
        black_box(&out);
    });
    let mut floor = timed(|| {
        m += 1;
        fix::hand_encode(&fix::Report::nth(m), &mut theirs);
        black_box(&theirs);
    });
    measure(name, &mut ours, &mut floor);
}

fn journal_append(name: &str) {
    let mut ours = |count| in_fresh(count, APPENDS_MAX, journal::Ours::new, journal::Ours::run);
    let mut floor = |count| in_fresh(count, APPENDS_MAX, journal::Floor::new, journal::Floor::run);
    measure(name, &mut ours, &mut floor);
}

fn book_json(name: &str) {
    if name.starts_with("book_json_kraken") {
        let (mut feed, mut scanned) = (Kraken::new(), Kraken::new());
        let mut ours = timed(|| feed.ours());
        let mut floor = timed(|| {
            black_box(scanned.floor());
        });
        return measure(name, &mut ours, &mut floor);
    }
    let (mut feed, mut scanned) = (Binance::new(), Binance::new());
    let mut ours = timed(|| feed.ours());
    let mut floor = timed(|| {
        black_box(scanned.floor());
    });
    measure(name, &mut ours, &mut floor);
}

/// The nanoseconds are those of one order with all its inputs.
fn both_rings(name: &str) {
    let mix = if name.starts_with("rings_mixed") { rings::MIXED } else { rings::ORDERS };
    let max = rings::ORDERS_MAX;
    let mut ours =
        |orders| in_whole(orders, max, rings::Threads::new, |node, part| node.run(part, mix));
    let mut floor =
        |orders| in_whole(orders, max, rings::OneThread::new, |node, part| node.run(part, mix));
    measure(name, &mut ours, &mut floor);
}

/// `workload/floor`, and the function that measures both.
type Pair = (&'static str, fn(&str));

/// All pairs.
const ALL: &[Pair] = &[
    ("fix_decode_order/byte_scan", fix_decode),
    ("fix_encode_report/by_hand", fix_encode),
    ("journal_append/copy_and_crc", journal_append),
    ("book_json_kraken/byte_scan", book_json),
    ("book_json_binance/byte_scan", book_json),
    ("rings_orders/one_thread", both_rings),
    ("rings_mixed_inputs/one_thread", both_rings),
];

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    for (name, run) in ALL {
        if wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str())) {
            run(name);
        }
    }
}
