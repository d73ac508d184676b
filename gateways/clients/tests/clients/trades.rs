//! Public trades to clients: 269=2 in W and X.

use rutter_clients::market::books::BookNews;
use rutter_clients::market::tape::TAPE_TRADES_MAX;
use rutter_clients::market::write::{StreamHeader, write_snapshot, write_trades};
use rutter_clients::market::{MdReqId, TRADES_PER_MESSAGE_MAX};
use rutter_core::id::VenueId;
use rutter_core::input::{PublicTrade, Side};
use rutter_core::number::{Price, Qty, UnixNanos};
use rutter_fix::dictionary::Version;

use crate::desk::{BTC, Desk, SECOND, config, text};
use crate::market::{BINANCE, Feed, KRAKEN, desk};
use crate::market_versions::{ladders, written};

const MS: u64 = 1_000_000;
/// 2023-11-14 22:13:20.123 UTC, and some nanoseconds.
const TIME: u64 = 1_700_000_000_123_456_789;

fn trade(venue: VenueId, id: u64, taker: Option<Side>) -> PublicTrade {
    PublicTrade {
        venue,
        instrument: BTC,
        taker,
        price: Price(10_000 + id as i64),
        qty: Qty(7),
        id,
        count: 1,
        time: UnixNanos(TIME),
        late: false,
    }
}

fn trades(desk: &mut Desk, venue: VenueId, ids: impl IntoIterator<Item = u64>) {
    for id in ids {
        let news = BookNews::Trade(trade(venue, id, Some(Side::Sell)));
        desk.gateway.on_book_news(desk.now, &news);
    }
}

const SUBSCRIBE: &str = "35=V|262=m1|263=1|264=1|265=1|267=2|269=0|269=2|146=1|55=BTC/USDT|";

/// The numbers of the trades in the messages that a client saw.
fn numbers(desk: &mut Desk) -> Vec<Vec<u64>> {
    let seen = desk.seen(1);
    let of = |message: &String| {
        let fields = message.split('|').filter_map(|field| field.strip_prefix("278="));
        fields.map(|id| id.parse().expect("a number")).collect()
    };
    seen.iter().map(of).collect()
}

#[test]
fn a_subscriber_is_told_the_last_trade_and_then_each_one_before_the_book_that_it_changed() {
    let mut desk = desk(|_| {});
    desk.book(BINANCE, "b9990@5");
    trades(&mut desk, KRAKEN, [3]);
    desk.logon(1, "ALPHA").send(1, SUBSCRIBE).wait(0).saw(
        1,
        &["35=W|34=2|262=m1|55=BTC/USDT|268=2|269=0|270=99.90|271=0.0005|275=binance|\
            269=2|270=100.03|271=0.0007|272=20231114|273=22:13:20.123|275=kraken|2446=2|"],
    );
    let news = BookNews::Trade(trade(BINANCE, 8, None));
    desk.gateway.on_book_news(desk.now, &news);
    desk.change(BINANCE, "b9990@4").saw(
        1,
        &[
            "35=X|34=3|262=m1|268=1|279=0|269=2|278=8|55=BTC/USDT|\
             270=100.08|271=0.0007|272=20231114|273=22:13:20.123|275=binance|",
            "35=X|34=4|262=m1|268=1|279=1|269=0|55=BTC/USDT|\
             270=99.90|271=0.0004|275=binance|",
        ],
    );
    desk.wait(SECOND).saw(1, &[]);
}

#[test]
fn trades_alone_and_of_one_venue_alone() {
    let mut desk = desk(|_| {});
    desk.logon(1, "ALPHA");
    desk.send(1, "35=V|262=m2|263=1|264=1|265=1|267=1|269=2|146=1|55=BTC/USDT|207=kraken|");
    desk.wait(0).saw(1, &["35=W|34=2|262=m2|55=BTC/USDT|207=kraken|268=0|"]);
    trades(&mut desk, BINANCE, [1]);
    trades(&mut desk, KRAKEN, [2]);
    desk.wait(0);
    assert_eq!(numbers(&mut desk), [[2]]);
    desk.send(1, "35=V|262=m3|263=0|264=1|267=1|269=2|146=1|55=BTC/USDT|").wait(0);
    desk.saw_like(1, &["35=W 262=m3 268=1 269=2 270=100.02 275=kraken"]);
    desk.send(1, "35=V|262=m4|263=1|264=1|267=1|265=0|269=2|146=1|55=BTC/USDT|").wait(0);
    desk.saw_like(1, &["35=Y 262=m4 281=6 58=UnsupportedMDUpdateType"]);
}

#[test]
fn many_trades_come_in_messages_of_64_and_one_far_behind_misses_the_oldest() {
    let mut desk = desk(|_| {});
    desk.logon(1, "ALPHA").send(1, SUBSCRIBE).wait(0).seen(1);
    let most = TRADES_PER_MESSAGE_MAX as u64;
    trades(&mut desk, KRAKEN, 1..=most + 1);
    desk.wait(0);
    let all: Vec<u64> = (1..=most).collect();
    assert_eq!(numbers(&mut desk), [all, vec![most + 1]]);
    let kept = TAPE_TRADES_MAX as u64;
    trades(&mut desk, KRAKEN, 100..100 + kept + 5);
    desk.wait(0);
    let told: Vec<u64> = numbers(&mut desk).concat();
    assert_eq!((told[0], told.len() as u64), (105, kept));
}

#[test]
fn the_pace_between_two_messages_holds_for_trades_too() {
    let mut desk = desk(|config| config.limits.update_interval_ns = 10 * MS);
    desk.logon(1, "ALPHA").send(1, SUBSCRIBE).wait(0).seen(1);
    trades(&mut desk, KRAKEN, [1]);
    desk.wait(10 * MS);
    assert_eq!(numbers(&mut desk), [[1]]);
    trades(&mut desk, KRAKEN, [2]);
    desk.wait(0);
    assert!(numbers(&mut desk).is_empty());
    trades(&mut desk, KRAKEN, [3]);
    desk.wait(10 * MS);
    assert_eq!(numbers(&mut desk), [[2, 3]]);
}

#[test]
fn a_trade_of_an_instrument_that_is_not_listed_there_is_shown_to_nobody() {
    let mut desk = desk(|_| {});
    desk.logon(1, "ALPHA").send(1, SUBSCRIBE).wait(0).seen(1);
    trades(&mut desk, VenueId(31), [1]);
    desk.wait(0);
    assert!(numbers(&mut desk).is_empty());
}

#[test]
fn trades_in_each_version_are_what_its_dictionary_allows() {
    let venues = [text("binance"), text("kraken")];
    let heading = StreamHeader {
        id: &MdReqId::new(b"m1").expect("short"),
        instrument: &config().instruments[0],
        exchange: None,
        depth: 2,
        venues: &venues,
    };
    let one = [trade(KRAKEN, 5, Some(Side::Buy))];
    let last = "269=2|270=100.05|271=0.0007|272=20231114|273=22:13:20.123|275=kraken";
    for version in [Version::Fix42, Version::Fix44, Version::Fix50Sp2] {
        let more = match version {
            Version::Fix50Sp2 => "|1003=5|2446=1",
            Version::Fix42 | Version::Fix44 => "|2446=1",
        };
        let shown = written(version, "W", |out| {
            write_snapshot(out, &heading, &ladders(), one.first(), version);
        });
        assert!(shown.ends_with(&format!("{last}{more}")), "{shown}");
        let told = written(version, "X", |out| {
            write_trades(out, &heading, &one, version);
        });
        assert!(told.contains("268=1|279=0|269=2|"), "{told}");
        assert_eq!(told.contains("|278=5|"), version != Version::Fix50Sp2, "{told}");
    }
}
