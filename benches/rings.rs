//! Core and journal through both rings: orders a second, and inputs a second when four of five are
//! book changes.

mod support;

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use support::rings::{MIXED, Mix, ORDERS, ORDERS_MAX, OneThread, Threads};

/// So many orders, in as many fresh nodes as they need; making these is not timed.
fn in_runs<T>(
    count: u64,
    fresh: impl Fn() -> T,
    run: impl Fn(&mut T, u64) -> Duration,
) -> Duration {
    let mut took = Duration::ZERO;
    let mut left = count;
    while left > 0 {
        let part = left.min(ORDERS_MAX);
        took += run(&mut fresh(), part);
        left -= part;
    }
    took
}

fn rings(c: &mut Criterion) {
    let mut group = c.benchmark_group("rings");
    group.sample_size(10);
    let mixes: [(&str, Mix, u64); 2] =
        [("orders", ORDERS, 1), ("mixed_inputs", MIXED, MIXED.inputs_per_order())];
    for (name, mix, elements) in mixes {
        group.throughput(Throughput::Elements(elements));
        group.bench_function(name, |b| {
            b.iter_custom(|n| in_runs(n, Threads::new, |node, orders| node.run(orders, mix)));
        });
        group.bench_function(format!("{name}_in_one_thread"), |b| {
            b.iter_custom(|n| in_runs(n, OneThread::new, |node, orders| node.run(orders, mix)));
        });
    }
    group.finish();
}

criterion_group!(benches, rings);
criterion_main!(benches);
