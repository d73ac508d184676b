//! What a book update costs the gateway's thread: with nobody looking, and with so many streams.
//!
//! `cargo run --release -p rutter-clients --example market_cost`

use std::hint::black_box;
use std::time::Instant;

use rutter_clients::market::{BookNews, ListingTerms, MarketConfig};
use rutter_clients::{ClientGateway, GatewayConfig, InstrumentConfig, Limits, SessionConfig};
use rutter_core::id::{InstrumentId, SessionId, VenueId};
use rutter_core::input::{BookUpdate, Level, Side};
use rutter_core::number::{Price, Qty, Text};
use rutter_fix::codec::{Encoder, TimePrecision};
use rutter_fix::store::MemStore;
use rutter_transport::acceptor::{Acceptor, ConnId, Event, Peer};

const NOW: u64 = 1_719_487_046_000_000_000;
const ROUNDS: i64 = 1_000;
const RUNS: usize = 400;

fn text<const N: usize>(text: &str) -> Text<N> {
    Text::new(text.as_bytes()).unwrap_or(Text::EMPTY)
}

fn gateway() -> ClientGateway<MemStore> {
    let config = GatewayConfig {
        sender_comp_id: "RUTTER".to_owned(),
        sessions: vec![SessionConfig::trading(SessionId(0), "DESK", text("fund"))],
        instruments: vec![InstrumentConfig {
            id: InstrumentId(0),
            symbol: text("BTC/USDT"),
            price_decimals: 2,
            qty_decimals: 8,
        }],
        venues: vec![text("binance"), text("kraken")],
        assets: Vec::new(),
        node_tag: 1,
        limits: Limits::default(),
    };
    let mut gateway =
        ClientGateway::new(&config, vec![MemStore::new(1 << 20)]).expect("a sound configuration");
    gateway.recovered();
    let listing = |venue| ListingTerms {
        instrument: InstrumentId(0),
        venue: VenueId(venue),
        tick: Price(1),
        lot: Qty(1),
        qty_min: Qty(1),
        qty_max: Qty(10),
    };
    let mut market =
        MarketConfig { listings: vec![listing(0), listing(1)], ..MarketConfig::default() };
    market.limits.session_streams_max = 1_000;
    gateway.set_market(&market).expect("a sound market");
    gateway
}

fn frame(seq: u64, kind: &[u8], write: impl FnOnce(&mut Encoder<'_>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut out = Encoder::begin(&mut bytes, b"FIX.4.4", kind);
    out.uint(34, seq).field(49, b"DESK").field(56, b"RUTTER");
    out.timestamp(52, NOW, TimePrecision::Micros);
    write(&mut out);
    out.finish().expect("short");
    bytes
}

fn book(venue: u8) -> [BookNews; 5] {
    let mut updates = [BookUpdate { venue: VenueId(venue), ..BookUpdate::default() }; 5];
    updates[0].clear = true;
    updates[4].last = true;
    for level in 0..20_i64 {
        let place = level as usize / 4;
        let at = |price| Level { price: Price(price), qty: Qty(100_000_000 + level) };
        updates[place].push(Side::Buy, at(6_000_000 - 7 * level));
        updates[place].push(Side::Sell, at(6_000_100 + 7 * level));
    }
    updates.map(BookNews::Update)
}

/// Two of the best levels change, as in most updates.
fn change(round: i64) -> BookNews {
    let mut update =
        BookUpdate { venue: VenueId((round % 2) as u8), last: true, ..BookUpdate::default() };
    let qty = Qty(100_000_000 + round % 1_000);
    update.push(Side::Buy, Level { price: Price(6_000_000 - 7 * (round % 5)), qty });
    update.push(Side::Sell, Level { price: Price(6_000_100 + 7 * (round % 5)), qty });
    BookNews::Update(update)
}

/// Nanoseconds a round: the best of many short runs, for whatever else the machine does comes on
/// top. With `told` false the loop runs without telling the gateway anything.
fn measure(gateway: &mut ClientGateway<MemStore>, rounds: i64, told: bool) -> u128 {
    let mut best = u128::MAX;
    for run in 0..RUNS as i64 {
        let started = Instant::now();
        for round in run * rounds..(run + 1) * rounds {
            let news = black_box(change(round));
            if told {
                gateway.on_book_news(NOW, &news);
            }
            while gateway.on_timer(NOW) {}
            while let Some(conn) = gateway.next_to_write() {
                let count = black_box(gateway.pending(conn)).len();
                gateway.on_event(NOW, Event::Written(conn, count));
            }
        }
        best = best.min(started.elapsed().as_nanos() / rounds as u128);
    }
    best
}

fn main() {
    let mut gateway = gateway();
    for venue in [0, 1] {
        for news in book(venue) {
            gateway.on_book_news(NOW, &news);
        }
    }
    let alone = measure(&mut gateway, ROUNDS, false);
    println!("the loop alone: {alone} ns");
    println!("nobody looks: {} ns an update", measure(&mut gateway, ROUNDS, true) - alone);
    gateway.accept(NOW, ConnId(0), &Peer::default()).expect("room");
    let logon = frame(1, b"A", |out| {
        out.uint(98, 0).uint(108, 30);
    });
    gateway.on_event(NOW, Event::Bytes(ConnId(0), &logon));
    gateway.deliver(NOW, &mut |_| true);
    let mut seq = 1;
    for streams in [1, 10, 100] {
        while seq <= streams {
            seq += 1;
            let ask = frame(seq, b"V", |out| {
                out.text(262, &format!("r{seq}")).uint(263, 1).uint(264, 0).uint(265, 1);
                out.uint(267, 2).uint(269, 0).uint(269, 1).uint(146, 1).text(55, "BTC/USDT");
            });
            gateway.on_event(NOW, Event::Bytes(ConnId(0), &ask));
        }
        let rounds = ROUNDS / streams as i64;
        let before = gateway.market_counters().increments;
        let ns = measure(&mut gateway, rounds, true) - alone;
        let sent = gateway.market_counters().increments - before;
        assert!(sent as i64 >= (RUNS as i64 - 1) * rounds * streams as i64, "each change is told");
        let a_stream = ns / u128::from(streams);
        println!("{streams} streams of both venues, X: {ns} ns an update, {a_stream} a stream");
    }
}
