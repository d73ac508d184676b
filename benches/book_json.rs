//! A book change from raw JSON to a proved book and an input for the core, for both feeds.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use support::book_json::{Binance, Kraken};

fn book_json(c: &mut Criterion) {
    let mut group = c.benchmark_group("book_json");
    group.bench_function("kraken", |b| {
        let (mut feed, mut texts) = (Kraken::new(), 0);
        b.iter(|| {
            texts += 1;
            feed.ours();
        });
        feed.check(texts);
    });
    group.bench_function("kraken_byte_scan", |b| {
        let mut feed = Kraken::new();
        b.iter(|| feed.floor());
    });
    group.bench_function("binance", |b| {
        let (mut feed, mut texts) = (Binance::new(), 0);
        b.iter(|| {
            texts += 1;
            feed.ours();
        });
        feed.check(texts);
    });
    group.bench_function("binance_byte_scan", |b| {
        let mut feed = Binance::new();
        b.iter(|| feed.floor());
    });
    group.finish();
}

criterion_group!(benches, book_json);
criterion_main!(benches);
