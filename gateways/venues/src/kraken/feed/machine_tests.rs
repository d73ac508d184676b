//! Scenarios: a venue on one side, the core on the other, the feed between them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use rutter_core::id::{InstrumentId, VenueId};
use rutter_core::input::PublicTrade;
use rutter_core::number::UnixNanos;
use rutter_feeds::deep::Depth;
use rutter_transport::machine::Action;
use rutter_transport::machine::HttpResponse;

use super::*;

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;
const VENUE: VenueId = VenueId(2);
const MATIC: InstrumentId = InstrumentId(7);

const PAIRS: &str = r#"{"channel":"instrument","type":"snapshot","data":{"assets":[],"pairs":[{"symbol":"MATIC/USD","status":"online","qty_precision":8,"price_precision":4},{"symbol":"X/Y","qty_precision":null,"price_precision":99}]}}"#;
/// The documented book of worked example 2; prices and quantities printed as JSON prints them.
const BIDS: &str = "0.5666x4831.75496356 0.5665x6658.22734739 0.5664x18724.91513344 \
    0.5663x11563.92544914 0.5662x14006.65365711 0.5661x17454.85679807 0.566x18097.1547 \
    0.5659x33644.89175666 0.5658x148.3464 0.5657x606.70854372";
const ASKS: &str = "0.5668x4410.79769741 0.5669x4655.40412487 0.567x49844.89424998 \
    0.5671x24306.41678 0.5672x29783.25223475 0.5673x57234.71239278 0.5674x45065.04744 \
    0.5675x5912.76380354 0.5676x42514.92434778 0.5677x36304.0847022";

fn levels(text: &str) -> String {
    let mut out = String::new();
    for level in text.split_ascii_whitespace() {
        let (price, qty) = level.split_once('x').expect("price x quantity");
        let comma = if out.is_empty() { "" } else { "," };
        write!(out, r#"{comma}{{"price":{price},"qty":{qty}}}"#).expect("text");
    }
    out
}

fn book(kind: &str, symbol: &str, bids: &str, asks: &str, checksum: u32) -> String {
    format!(
        r#"{{"channel":"book","type":"{kind}","data":[{{"symbol":"{symbol}","bids":[{}],"asks":[{}],"checksum":{checksum}}}]}}"#,
        levels(bids),
        levels(asks)
    )
}

fn snapshot() -> String {
    book("snapshot", "MATIC/USD", BIDS, ASKS, 2_439_117_997)
}

fn update() -> String {
    book("update", "MATIC/USD", "0.5657x1098.3947558", "", 2_114_181_697)
}

fn config() -> Config {
    let listing = FeedListing {
        instrument: MATIC,
        symbol: "MATIC/USD".to_owned(),
        price_decimals: 5,
        qty_decimals: 8,
    };
    let told = Depth { levels: 10, ..Depth::DEFAULT };
    Config { listings: vec![listing], depth: 10, told, ..Config::new(VENUE) }
}

/// What the core holds, from the emissions alone.
#[derive(Default)]
struct Core {
    books: BTreeMap<u16, [BTreeMap<i64, i64>; 2]>,
    distrusted: Vec<Distrust>,
    alive: usize,
    trades: Vec<PublicTrade>,
}

struct Desk {
    feed: KrakenFeed,
    now_ns: u64,
    out: Outbox<Input>,
    sent: Vec<String>,
    core: Core,
}

impl Desk {
    fn new(config: Config) -> Self {
        let feed = KrakenFeed::new(config).expect("configuration");
        let mut desk = Self {
            feed,
            now_ns: 1_700_000_000 * S,
            out: Outbox::default(),
            sent: Vec::new(),
            core: Core::default(),
        };
        desk.feed.start(desk.now_ns, &mut desk.out);
        desk.drain();
        desk
    }

    /// Connected, with a trusted book.
    fn synced() -> Self {
        let mut desk = Self::new(config());
        desk.event(Event::Connected(LINK)).text(PAIRS).text(&snapshot());
        desk.sent.clear();
        assert_eq!(desk.feed.synced(), 1);
        desk
    }

    fn drain(&mut self) {
        self.feed.flush(self.now_ns, &mut self.out);
        for action in &self.out.actions {
            self.sent.push(match action {
                Action::Connect(LINK) => "connect".to_owned(),
                Action::Close(LINK) => "close".to_owned(),
                Action::Send(LINK, range) => {
                    String::from_utf8(self.out.bytes[range.clone()].to_vec()).expect("text")
                }
                Action::Http(request) => request.target.clone(),
                other => panic!("not this feed's: {other:?}"),
            });
        }
        for emission in &self.out.emissions {
            match emission {
                Input::Book(update) => {
                    let book = self.core.books.entry(update.instrument.0).or_default();
                    if update.clear {
                        *book = Default::default();
                    }
                    for (side, level) in update.changes() {
                        let half = &mut book[usize::from(side == Side::Sell)];
                        if level.qty.is_zero() {
                            half.remove(&level.price.0);
                        } else {
                            half.insert(level.price.0, level.qty.0);
                        }
                    }
                }
                Input::BookDistrusted { instrument, reason, .. } => {
                    self.core.books.remove(&instrument.0);
                    self.core.distrusted.push(*reason);
                }
                Input::FeedAlive(VENUE) => self.core.alive += 1,
                Input::Trade(trade) => self.core.trades.push(*trade),
                other => panic!("not a feed's: {other:?}"),
            }
        }
        self.out.clear();
    }

    fn event(&mut self, event: Event<'_>) -> &mut Self {
        self.feed.on_event(self.now_ns, event, &mut self.out);
        self.drain();
        self
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.event(Event::Text(LINK, text))
    }

    /// Lets time pass, timer by timer.
    fn pass(&mut self, span_ns: u64) -> &mut Self {
        let end = self.now_ns + span_ns;
        for _ in 0..10_000 {
            match self.feed.next_timer_ns() {
                Some(due) if due <= end => {
                    self.now_ns = self.now_ns.max(due);
                    self.feed.on_timer(self.now_ns, &mut self.out);
                    self.drain();
                }
                _ => {
                    self.now_ns = end;
                    return self;
                }
            }
        }
        panic!("the timer does not move on");
    }

    fn sent(&mut self, wanted: &[&str]) -> &mut Self {
        let sent = std::mem::take(&mut self.sent);
        assert_eq!(sent.len(), wanted.len(), "{sent:#?}");
        for (sent, wanted) in sent.iter().zip(wanted) {
            assert!(sent.contains(wanted), "{sent} is not {wanted}");
        }
        self
    }

    fn best(&self) -> Option<(i64, i64)> {
        let [bids, asks] = self.core.books.get(&MATIC.0)?;
        Some((*bids.last_key_value()?.0, *asks.first_key_value()?.0))
    }
}

const SUBSCRIBE: &str = r#""method":"subscribe","params":{"channel":"book""#;
const TRADES: &str =
    r#""params":{"channel":"trade","symbol":["MATIC/USD"],"snapshot":true},"req_id":2"#;
const UNSUBSCRIBE: &str = r#""method":"unsubscribe""#;
const LEFT: &str = r#"{"method":"unsubscribe","result":{"channel":"book","depth":10,"symbol":"MATIC/USD"},"success":true}"#;

#[test]
fn precisions_come_first_then_books_are_told_in_the_cores_decimals() {
    let mut desk = Desk::new(config());
    desk.sent(&["connect"]);
    desk.event(Event::Connected(LINK)).sent(&[r#""channel":"instrument""#]);
    desk.text(PAIRS).sent(&[TRADES, SUBSCRIBE]).text(&snapshot()).text(&update());
    assert_eq!(desk.best(), Some((56_660, 56_680)));
    let [bids, asks] = &desk.core.books[&MATIC.0];
    assert_eq!((bids.len(), asks.len()), (10, 10));
    assert_eq!(bids[&56_570], 109_839_475_580);
    assert!(desk.core.distrusted.is_empty());
}

#[test]
fn a_wrong_checksum_distrusts_at_once_and_the_book_comes_back() {
    let mut desk = Desk::synced();
    desk.text(&book("update", "MATIC/USD", "0.5657x1", "", 1)).sent(&[UNSUBSCRIBE]);
    assert_eq!(desk.core.distrusted, [Distrust::Checksum]);
    // What is still on its way from the old subscription is not used.
    desk.text(&update()).text(&snapshot());
    assert_eq!(desk.best(), None);
    desk.text(LEFT).sent(&[]).pass(RESYNC_BASE_NS).sent(&[SUBSCRIBE]);
    desk.text(&update());
    assert_eq!(desk.best(), None, "an update before the snapshot proves nothing");
    desk.text(&snapshot()).text(&update());
    assert_eq!(desk.best(), Some((56_660, 56_680)));
    assert_eq!(desk.feed.counters().checksum_errors, 1);
}

#[test]
fn a_level_pushed_out_of_the_depth_is_gone_without_a_delete() {
    let mut desk = Desk::synced();
    let mut full = Book::new(100);
    let decimals = (5, 8);
    for (side, text) in [(Side::Buy, BIDS), (Side::Sell, ASKS)] {
        for level in text.split_ascii_whitespace().chain((side == Side::Buy).then_some("0.5667x1"))
        {
            let (price, qty) = level.split_once('x').expect("price x quantity");
            let price =
                Price(decimal::parse_unsigned(price.as_bytes(), decimals.0).expect("price"));
            let qty = Qty(decimal::parse_unsigned(qty.as_bytes(), decimals.1).expect("quantity"));
            full.set(side, Level { price, qty }).expect("level");
        }
    }
    let sum = checksum(&full, &Precision::new(decimals, (4, 8)).expect("precision"));
    let sum = sum.expect("checksum");
    desk.text(&book("update", "MATIC/USD", "0.5667x1.0", "", sum));
    assert_eq!(desk.best(), Some((56_670, 56_680)));
    let [bids, _] = &desk.core.books[&MATIC.0];
    assert_eq!(bids.len(), 10);
    assert!(!bids.contains_key(&56_570), "the eleventh level is cut");
    assert!(desk.core.distrusted.is_empty());
}

#[test]
fn resyncs_are_ever_slower_while_the_book_stays_wrong() {
    let mut desk = Desk::synced();
    let mut subscribed = 0;
    for _ in 0..600 {
        desk.text(&book("snapshot", "MATIC/USD", BIDS, ASKS, 1)).text(LEFT).pass(S);
        subscribed += desk.sent.iter().filter(|text| text.contains(SUBSCRIBE)).count();
        desk.sent.clear();
    }
    assert!((20..60).contains(&subscribed), "{subscribed} subscriptions in ten minutes");
}

#[test]
fn numbers_that_do_not_fit_the_cores_decimals_distrust_and_are_never_rounded() {
    for bids in ["0.566666x1", "0.5666x0.000000001", "1e30x1", "0.5666x-1", "0x1"] {
        let mut desk = Desk::synced();
        desk.text(&book("update", "MATIC/USD", bids, "", 1)).sent(&[UNSUBSCRIBE]);
        assert_eq!(desk.core.distrusted, [Distrust::Protocol], "{bids}");
    }
}

#[test]
fn a_lost_link_distrusts_at_once_and_comes_back_after_a_wait() {
    let mut desk = Desk::synced();
    desk.event(Event::Closed(LINK, CloseReason::Peer)).sent(&[]);
    assert_eq!(desk.core.distrusted, [Distrust::Disconnected]);
    desk.pass(S).sent(&["connect"]);
    desk.event(Event::Connected(LINK)).text(PAIRS).text(&snapshot());
    assert_eq!(desk.best(), Some((56_660, 56_680)));
}

#[test]
fn failed_connects_stay_far_below_the_venues_limit() {
    let mut desk = Desk::new(config());
    for _ in 0..600 {
        if desk.feed.link == Link::Connecting {
            desk.event(Event::Closed(LINK, CloseReason::ConnectFailed));
        }
        desk.pass(S);
    }
    let connects = desk.sent.iter().filter(|sent| *sent == "connect").count();
    assert!((10..40).contains(&connects), "{connects} in ten minutes; the venue allows 150");
}

#[test]
fn a_silent_link_is_pinged_then_given_up() {
    let mut desk = Desk::synced();
    desk.pass(5 * S).sent(&[r#""method":"ping""#]);
    desk.text(r#"{"method":"pong","req_id":9}"#).pass(5 * S).sent(&[r#""method":"ping""#]);
    desk.pass(5 * S).sent(&["close"]);
    assert_eq!(desk.core.distrusted, [Distrust::Disconnected]);
    desk.event(Event::Closed(LINK, CloseReason::Requested)).pass(2 * S).sent(&["connect"]);
    assert_eq!(desk.core.distrusted.len(), 1, "told once");
}

#[test]
fn life_without_news_is_told_at_most_every_half_second() {
    let mut desk = Desk::synced();
    for _ in 0..101 {
        desk.pass(100 * MS).text(r#"{"channel":"heartbeat"}"#);
    }
    assert!((19..=21).contains(&desk.core.alive), "{} times in ten seconds", desk.core.alive);
    let before = desk.core.alive;
    for _ in 0..100 {
        desk.pass(100 * MS).text(&update()).text(&snapshot());
    }
    assert_eq!(desk.core.alive, before, "news are proof enough");
}

#[test]
fn bytes_that_are_no_message_close_the_link() {
    for text in ["", "{", "[1,2]", "{\"channel\":\"book\",\"type\":\"update\",\"data\":[{}]}"] {
        let mut desk = Desk::synced();
        desk.text(text).sent(&["close"]);
        assert_eq!(desk.core.distrusted, [Distrust::Protocol], "{text}");
        desk.text(&snapshot());
        assert_eq!(desk.best(), None, "nothing counts on a link that is being closed");
    }
}

#[test]
fn a_venue_that_names_no_instruments_is_left() {
    let mut desk = Desk::new(config());
    desk.event(Event::Connected(LINK));
    for _ in 0..4 {
        desk.pass(3 * S).text(r#"{"channel":"heartbeat"}"#);
    }
    assert!(desk.sent.contains(&"close".to_owned()));
}

#[test]
fn a_refused_or_silent_subscription_is_tried_again() {
    let mut desk = Desk::new(config());
    desk.event(Event::Connected(LINK)).text(PAIRS);
    desk.sent.clear();
    let refusal = r#"{"error":"Already subscribed","method":"subscribe","success":false,"symbol":"MATIC/USD"}"#;
    desk.text(refusal).pass(0).sent(&[UNSUBSCRIBE]);
    desk.text(LEFT).pass(S).sent(&[SUBSCRIBE]);
    for _ in 0..10 {
        desk.pass(S).text(r#"{"channel":"heartbeat"}"#);
    }
    desk.pass(0).sent(&[UNSUBSCRIBE]);
    for _ in 0..12 {
        desk.pass(S).text(r#"{"channel":"heartbeat"}"#);
    }
    desk.sent(&[SUBSCRIBE]).text(&snapshot());
    assert_eq!(desk.best(), Some((56_660, 56_680)));
    assert!(desk.core.distrusted.is_empty(), "what was never trusted is not distrusted");
}

#[test]
fn a_changed_precision_begins_the_book_again() {
    let mut desk = Desk::synced();
    desk.text(&PAIRS.replace(r#""price_precision":4"#, r#""price_precision":5"#))
        .sent(&[UNSUBSCRIBE]);
    assert_eq!(desk.core.distrusted, [Distrust::Protocol]);
}

#[test]
fn a_configuration_that_cannot_be_is_refused() {
    let refuse = |change: fn(&mut Config)| {
        let mut config = config();
        change(&mut config);
        KrakenFeed::new(config).expect_err("refused")
    };
    assert_eq!(refuse(|c| c.depth = 11), ConfigError::Depth(11));
    let quoted = refuse(|c| c.listings[0].symbol = "A\"B".to_owned());
    assert_eq!(quoted, ConfigError::Symbol("A\"B".to_owned()));
    assert!(matches!(refuse(|c| c.listings[0].qty_decimals = 19), ConfigError::Decimals(_)));
    assert!(matches!(refuse(|c| c.listings.push(c.listings[0].clone())), ConfigError::Twice(_)));
    let many = refuse(|c| c.listings = vec![c.listings[0].clone(); LISTINGS_MAX + 1]);
    assert_eq!(many, ConfigError::TooMany(LISTINGS_MAX + 1));
}

#[path = "capture_tests.rs"]
mod capture;

fn why(desk: &Desk) -> (Option<Why>, &str) {
    let standing = desk.feed.standing().expect("told");
    (standing.why, standing.detail.as_str())
}

#[test]
fn each_failure_has_a_word_that_lasts_until_the_feed_has_come_further() {
    let mut desk = Desk::new(config());
    assert_eq!(why(&desk), (Some(Why::Connecting), ""));
    desk.event(Event::Closed(LINK, CloseReason::ConnectFailed));
    assert_eq!(why(&desk), (Some(Why::ConnectFailed), ""));
    let mut desk = Desk::new(config());
    desk.event(Event::Connected(LINK));
    assert_eq!(why(&desk), (Some(Why::LoggingOn), ""));
    desk.text("<html>");
    assert_eq!(why(&desk).0, Some(Why::Protocol));
    let mut desk = Desk::synced();
    assert_eq!(why(&desk), (None, ""));
    desk.event(Event::Closed(LINK, CloseReason::Peer));
    assert_eq!(why(&desk), (Some(Why::ClosedByPeer), ""));
    desk.pass(2 * S).event(Event::Connected(LINK)).text(PAIRS);
    assert_eq!(why(&desk), (Some(Why::Reconciling), ""));
    desk.text(&snapshot());
    assert_eq!(why(&desk), (None, ""));
}

#[test]
fn a_symbol_that_the_venue_does_not_list_is_named() {
    let mut desk = Desk::new(config());
    desk.event(Event::Connected(LINK));
    desk.text(&PAIRS.replace("MATIC/USD", "ETH/USD"));
    let (reason, detail) = why(&desk);
    assert_eq!(reason, Some(Why::UnlistedSymbol));
    assert!(detail.contains("MATIC/USD"), "{detail}");
}

/// One element of the trade channel, at that second of a minute.
fn element(id: u64, terms: &str) -> String {
    format!(
        r#"{{"symbol":"MATIC/USD",{terms},"ord_type":"market","trade_id":{id},"timestamp":"2023-09-25T07:49:{id}.708706Z"}}"#
    )
}

fn trades(kind: &str, elements: &[String]) -> String {
    format!(r#"{{"channel":"trade","type":"{kind}","data":[{}]}}"#, elements.join(","))
}

const SOLD: &str = r#""side":"sell","price":0.5117,"qty":40.0"#;

#[test]
fn trades_are_told_with_number_side_and_time_and_one_that_cannot_be_read_is_counted() {
    let mut desk = Desk::synced();
    let history = [element(12, SOLD), element(11, SOLD)];
    desk.text(&trades("snapshot", &history));
    let strange = [
        element(13, SOLD),
        element(14, r#""side":null,"price":0.5,"qty":1e-3,"new":[{}]"#),
        element(15, r#""side":"sell","price":"0.5117","qty":40.0"#),
        element(15, r#""side":"sell","price":0.511755,"qty":40.0"#),
        element(15, r#""side":"sell","price":0.5,"qty":0"#),
        element(15, r#""side":"sell","qty":1"#),
        "7".to_owned(),
        element(14, SOLD),
    ];
    desk.text(&trades("update", &strange));
    let time = |second: u64| UnixNanos((1_695_628_140 + second) * S + 708_706_000);
    let told = desk.core.trades.iter().map(|t| (t.id, t.count, t.taker, t.late, t.time));
    assert_eq!(
        told.collect::<Vec<_>>(),
        [
            (12, 2, Some(Side::Sell), true, time(12)),
            (13, 1, Some(Side::Sell), false, time(13)),
            (14, 1, None, false, time(14)),
        ]
    );
    let last = desk.core.trades[2];
    assert_eq!((last.price, last.qty, last.instrument), (Price(50_000), Qty(100_000), MATIC));
    let counters = desk.feed.trade_counters();
    assert_eq!((counters.trades, counters.duplicates, counters.unreadable), (4, 1, 5));
    assert_eq!((desk.feed.synced(), desk.feed.counters().protocol_errors), (1, 0));
}

#[test]
fn trades_that_the_stream_leaves_out_are_asked_for_over_rest() {
    let mut desk = Desk::synced();
    desk.text(&trades("update", &[element(11, SOLD), element(14, SOLD)]));
    desk.sent(&[]).pass(S).sent(&["/0/public/Trades?pair=MATICUSD&since=1695628151708705999"]);
    let row = |id: u64| {
        format!(r#"["0.51170","40.00000000",16956281{}.7087061,"b","m","",{id}]"#, 40 + id)
    };
    let rows = [row(11), "[7]".to_owned(), row(12), row(13), row(14)].join(",");
    let body = format!(r#"{{"error":[],"result":{{"MATICUSD":[{rows}],"last":"1"}}}}"#);
    desk.event(Event::Http(1, Some(&HttpResponse { status: 200, body })));
    let late: Vec<_> = desk.core.trades.iter().filter(|trade| trade.late).collect();
    assert!(late.len() == 1 && (late[0].id, late[0].count) == (13, 2), "{late:?}");
    assert_eq!(late[0].taker, Some(Side::Buy));
    assert_eq!(late[0].time, UnixNanos(1_695_628_153 * S + 708_706_100));
    let counters = desk.feed.trade_counters();
    assert_eq!((counters.gaps, counters.recovered, counters.lost), (1, 2, 0));
    assert_eq!(counters.unreadable, 1);
}

#[test]
fn a_refused_request_for_trades_is_told_and_asked_again_and_then_lost() {
    let mut desk = Desk::synced();
    desk.text(&trades("update", &[element(11, SOLD), element(14, SOLD)]));
    for (id, body) in [
        (1, r#"{"error":["EQuery:Unknown asset pair"]}"#),
        (2, r#"{"error":[],"result":{"MATICUSD":[]"#),
        (3, r#"{"error":[],"result":{"MATICUSD":[],"last":"1"}}"#),
    ] {
        while desk.sent.is_empty() {
            desk.pass(S).text(r#"{"channel":"heartbeat"}"#);
        }
        desk.sent(&["/0/public/Trades"]);
        desk.event(Event::Http(id, Some(&HttpResponse { status: 200, body: body.to_owned() })));
        let why = desk.feed.standing().and_then(|standing| standing.why);
        let told = [Some(Why::RestRefused), Some(Why::RestUnreadable), Some(Why::TradesMissing)];
        assert_eq!(why, told[id as usize - 1]);
    }
    assert_eq!(desk.feed.trade_counters().lost, 2);
    assert_eq!(desk.feed.synced(), 1);
}

#[test]
fn a_refused_subscription_of_trades_does_not_end_the_book() {
    let mut desk = Desk::new(config());
    desk.event(Event::Connected(LINK)).text(PAIRS).sent(&[
        "connect",
        "instrument",
        TRADES,
        SUBSCRIBE,
    ]);
    desk.text(
        r#"{"error":"Event(s) not found","method":"subscribe","req_id":2,"success":false,"symbol":"MATIC/USD"}"#,
    );
    desk.pass(S).sent(&[]);
    desk.text(&snapshot());
    assert_eq!(desk.feed.synced(), 1);
}
