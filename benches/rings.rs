//! Core and journal through both rings: orders a second, and inputs a second when four of five are
//! book changes.

mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use support::pair::in_whole;
use support::rings::{MIXED, Mix, ORDERS, ORDERS_MAX, OneThread, Threads};

fn rings(c: &mut Criterion) {
    let mut group = c.benchmark_group("rings");
    group.sample_size(10);
    let mixes: [(&str, Mix, u64); 2] =
        [("orders", ORDERS, 1), ("mixed_inputs", MIXED, MIXED.inputs_per_order())];
    for (name, mix, elements) in mixes {
        group.throughput(Throughput::Elements(elements));
        group.bench_function(name, |b| {
            b.iter_custom(|n| {
                in_whole(n, ORDERS_MAX, Threads::new, |node, orders| node.run(orders, mix))
            });
        });
        group.bench_function(format!("{name}_in_one_thread"), |b| {
            b.iter_custom(|n| {
                in_whole(n, ORDERS_MAX, OneThread::new, |node, orders| node.run(orders, mix))
            });
        });
    }
    group.finish();
}

criterion_group!(benches, rings);
criterion_main!(benches);
