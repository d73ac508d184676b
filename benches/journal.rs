//! The journal: an append, against a bare copy with CRC-32C into mapped memory.

mod support;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use support::journal::{APPENDS_MAX, Floor, Ours};
use support::pair::in_fresh;

fn append(c: &mut Criterion) {
    let mut group = c.benchmark_group("journal_append");
    group.throughput(Throughput::Elements(1));
    group.sample_size(10);
    group.bench_function("ours", |b| {
        b.iter_custom(|count| in_fresh(count, APPENDS_MAX, Ours::new, Ours::run));
    });
    group.bench_function("copy_and_crc", |b| {
        b.iter_custom(|count| in_fresh(count, APPENDS_MAX, Floor::new, Floor::run));
    });
    group.finish();
}

criterion_group!(benches, append);
criterion_main!(benches);
