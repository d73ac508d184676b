//! The journal: an append, against a bare copy with CRC-32C into mapped memory.

mod support;

use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use support::journal::{APPENDS_MAX, Floor, Ours};

/// So many appends, in as many fresh journals as they need; making these is not timed.
fn in_runs<T>(count: u64, fresh: impl Fn() -> T, run: impl Fn(&mut T, u64)) -> Duration {
    let mut took = Duration::ZERO;
    let mut left = count;
    while left > 0 {
        let part = left.min(APPENDS_MAX);
        let mut one = fresh();
        let start = Instant::now();
        run(&mut one, part);
        took += start.elapsed();
        left -= part;
    }
    took
}

fn append(c: &mut Criterion) {
    let mut group = c.benchmark_group("journal_append");
    group.throughput(Throughput::Elements(1));
    group.sample_size(10);
    group.bench_function("ours", |b| b.iter_custom(|n| in_runs(n, Ours::new, Ours::run)));
    group.bench_function("copy_and_crc", |b| {
        b.iter_custom(|n| in_runs(n, Floor::new, Floor::run));
    });
    group.finish();
}

criterion_group!(benches, append);
criterion_main!(benches);
