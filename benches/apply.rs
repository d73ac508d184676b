//! The core alone: a new order to its two children, its fills, a book change.

mod support;

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use support::desk::{Desk, UNDER_WAY_MAX};

fn apply(c: &mut Criterion) {
    let mut group = c.benchmark_group("apply");
    group.throughput(Throughput::Elements(1));
    group.bench_function("order_risk_route_two_children", |b| {
        let mut desk = Desk::new();
        b.iter_custom(|count| split(&mut desk, count).0);
        desk.check();
    });
    group.bench_function("fill", |b| {
        let mut desk = Desk::new();
        // Two fills an order.
        b.iter_custom(|count| split(&mut desk, count).1 / 2);
        desk.check();
    });
    group.bench_function("book_change_two_levels", |b| {
        let mut desk = Desk::new();
        b.iter(|| desk.book_change());
    });
    for resting in [0, 100_000] {
        let mut desk = Desk::with_resting(resting);
        group.bench_function(format!("touch_change_beside_{resting}_resting"), |b| {
            b.iter(|| desk.touch_change());
        });
        group.bench_function(format!("public_trade_beside_{resting}_resting"), |b| {
            b.iter(|| desk.trade());
        });
    }
    group.bench_function("order_its_two_fills_and_a_book_change", |b| {
        let mut desk = Desk::new();
        b.iter(|| {
            desk.order();
            desk.fills();
            desk.book_change();
        });
        desk.check();
    });
    group.finish();
}

/// Time of so many orders, and of their fills. Book changes between the batches are not counted.
fn split(desk: &mut Desk, count: u64) -> (Duration, Duration) {
    let (mut orders, mut fills) = (Duration::ZERO, Duration::ZERO);
    let mut left = count;
    while left > 0 {
        let batch = left.min(UNDER_WAY_MAX);
        let start = Instant::now();
        for _ in 0..batch {
            desk.order();
        }
        let between = Instant::now();
        desk.fills();
        orders += between - start;
        fills += between.elapsed();
        left -= batch;
        desk.refresh();
    }
    (orders, fills)
}

criterion_group!(benches, apply);
criterion_main!(benches);
