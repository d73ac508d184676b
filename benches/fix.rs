//! FIX: an order decoded and validated, a report encoded; our codec and the floors by hand.

mod support;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use rutter_fix::codec::FieldIndex;
use rutter_fix::dictionary::{Checks, Version};
use support::fix;

fn decode(c: &mut Criterion) {
    fix::check();
    let order = fix::order();
    let mut group = c.benchmark_group("fix_decode_order");
    group.bench_function("ours", |b| {
        let mut index = FieldIndex::new();
        b.iter(|| fix::ours_decode(black_box(&order), &mut index));
    });
    group.bench_function("ours_validated", |b| {
        let (dictionary, checks) = (Version::Fix44.dictionary(), Checks::default());
        let mut index = FieldIndex::new();
        b.iter(|| fix::ours_validate(black_box(&order), &mut index, &dictionary, &checks));
    });
    group.bench_function("byte_scan", |b| {
        b.iter(|| fix::scan(black_box(&order)).map(|found| found.price.len()));
    });
    group.finish();
}

fn encode(c: &mut Criterion) {
    let mut group = c.benchmark_group("fix_encode_report");
    let mut out = Vec::with_capacity(1 << 10);
    let mut nth = 0;
    let mut next = move || {
        nth += 1;
        fix::Report::nth(nth)
    };
    group.bench_function("ours", |b| b.iter(|| fix::ours_encode(&next(), &mut out)));
    group.bench_function("by_hand", |b| b.iter(|| fix::hand_encode(&next(), &mut out)));
    group.finish();
}

criterion_group!(benches, decode, encode);
criterion_main!(benches);
