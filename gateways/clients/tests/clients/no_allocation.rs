//! Nothing is allocated for an order and its report, nor for market data, once the gateway is warm:
//! a counting allocator proves it.

use crate::desk;
use rutter_clients::market::{BookNews, ListingTerms, MarketConfig};
use rutter_clients::{ClientGateway, ClientInput};
use rutter_core::id::VenueId;
use rutter_core::input::{BookUpdate, Input, Level, Side};
use rutter_core::number::{Price, Qty};
use rutter_core::output::{Output, Report};
use rutter_fix::store::MemStore;
use rutter_test_support::counting::allocations;
use rutter_transport::acceptor::{Acceptor, ConnId, Event, Peer};

#[test]
fn a_warm_gateway_allocates_nothing_for_orders_and_reports() {
    // While warm all numbers have four digits, so the store's buffers have found their sizes.
    const ROUNDS: u64 = 3_000;
    const WARM: u64 = 2_000;
    let config = desk::config();
    let stores = (0..2).map(|_| MemStore::new(64 << 10)).collect();
    let mut gateway = ClientGateway::new(&config, stores).expect("sound");
    gateway.recovered();
    let (conn, now) = (ConnId(0), desk::START);
    let frames: Vec<Vec<u8>> = (0..ROUNDS)
        .map(|at| match at {
            0 => desk::numbered("ALPHA", 1, now, "35=A|98=0|108=30|554=pw-ALPHA|"),
            at => {
                let body = format!("35=D|11=o{at}|{}", desk::ORDER);
                desk::numbered("ALPHA", at + 1, now, &body)
            }
        })
        .collect();
    let before_all = allocations();
    gateway.accept(now, conn, &Peer::default()).expect("room");
    let (mut orders, mut written, mut warm) = (0, 0, 0);
    for (round, frame) in (0..).zip(&frames) {
        if round == WARM {
            warm = allocations();
        }
        let mut client_seq = 0;
        // Every other message comes in two pieces.
        let cut = if round % 2 == 0 { frame.len() } else { frame.len() / 2 };
        for bytes in [&frame[..cut], &frame[cut..]] {
            gateway.on_event(now + round, Event::Bytes(conn, bytes));
            gateway.deliver(now + round, &mut |emission: &ClientInput| {
                if let Input::NewOrder(order) = &emission.input {
                    orders += 1;
                    client_seq = order.client_seq;
                }
                true
            });
        }
        if round > 0 {
            let report = Report { client_seq, ..desk::report(round) };
            gateway.on_output(now + round, &Output::Report(report)).expect("sent");
        }
        while let Some(conn) = gateway.next_to_write() {
            let count = gateway.pending(conn).len();
            written += count;
            gateway.on_event(now + round, Event::Written(conn, count));
        }
        gateway.resume(now + round);
        gateway.on_timer(now + round);
    }
    let allocated = allocations() - warm;
    assert_eq!((orders, allocated), (ROUNDS - 1, 0));
    assert!(written > 200 * ROUNDS as usize && before_all > 0, "it did work and it was counted");
}

/// The change of one bid of a book that was told before.
fn bid_change(clear: bool, qty: i64) -> BookNews {
    let mut update = BookUpdate { clear, last: true, ..BookUpdate::default() };
    update.push(Side::Buy, Level { price: Price(6_000_000), qty: Qty(qty) });
    update.push(Side::Sell, Level { price: Price(6_000_100), qty: Qty(qty) });
    BookNews::Update(update)
}

#[test]
fn a_warm_gateway_allocates_nothing_for_market_data() {
    const ROUNDS: i64 = 4_000;
    const WARM: i64 = 1_000;
    let config = desk::config();
    let stores = (0..2).map(|_| MemStore::new(64 << 10)).collect();
    let mut gateway = ClientGateway::new(&config, stores).expect("sound");
    gateway.recovered();
    let market = MarketConfig {
        listings: vec![ListingTerms {
            instrument: desk::BTC,
            venue: VenueId(0),
            tick: Price(1),
            lot: Qty(1),
            qty_min: Qty(1),
            qty_max: Qty(10),
        }],
        ..MarketConfig::default()
    };
    gateway.set_market(&market).expect("sound");
    let (conn, now) = (ConnId(0), desk::START);
    gateway.accept(now, conn, &Peer::default()).expect("room");
    let logon = desk::numbered("ALPHA", 1, now, "35=A|98=0|108=30|554=pw-ALPHA|");
    let ask = |seq, id: &str, kind: char| {
        let body =
            format!("35=V|262={id}|263=1|264=0|265={kind}|267=2|269=0|269=1|146=1|55=BTC/USDT|");
        desk::numbered("ALPHA", seq, now, &body)
    };
    for frame in [logon, ask(2, "full", '0'), ask(3, "incremental", '1')] {
        gateway.on_event(now, Event::Bytes(conn, &frame));
        gateway.deliver(now, &mut |_| true);
    }
    let (mut written, mut warm) = (0, 0);
    for round in 0..ROUNDS {
        if round == WARM {
            warm = allocations();
        }
        gateway.on_book_news(now, &bid_change(round == 0, 1 + round));
        gateway.on_timer(now);
        // A client that reads every other time: what it is owed waits in between.
        while round % 2 == 0
            && let Some(conn) = gateway.next_to_write()
        {
            let count = gateway.pending(conn).len();
            written += count;
            gateway.on_event(now, Event::Written(conn, count));
        }
    }
    let allocated = allocations() - warm;
    assert_eq!(allocated, 0);
    let counters = gateway.market_counters();
    assert_eq!((counters.snapshots, counters.increments), (ROUNDS as u64 + 1, ROUNDS as u64 - 1));
    assert!(written > 100 * ROUNDS as usize, "it did work: {written}");
}
