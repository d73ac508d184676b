//! The feed's life, driven by events as the carrier brings them.

use core::fmt::Write as _;

use rutter_core::id::{InstrumentId, VenueId};
use rutter_core::input::{Input, Side};
use rutter_feeds::deep::Depth;
use rutter_transport::machine::{
    Action, CloseReason, Event, HttpRequest, HttpResponse, Machine, Outbox,
};
use rutter_transport::standing::Why;

use super::{BinanceFeed, Config, ConfigError, LINK};
use crate::listing::FeedListing;

const SECOND: u64 = 1_000_000_000;
const MS: u64 = 1_000_000;

struct Desk {
    feed: BinanceFeed,
    now: u64,
    out: Outbox<Input>,
    sent: Vec<String>,
    requests: Vec<HttpRequest>,
    connects: usize,
    closes: usize,
    seen: Vec<String>,
}

fn listing(instrument: u16, symbol: &str) -> FeedListing {
    FeedListing {
        instrument: InstrumentId(instrument),
        symbol: symbol.to_owned(),
        price_decimals: 2,
        qty_decimals: 3,
    }
}

impl Desk {
    fn new(symbols: &[&str]) -> Self {
        Self::telling(symbols, Depth::DEFAULT)
    }

    fn telling(symbols: &[&str], told: Depth) -> Self {
        let listings = symbols.iter().zip(1..).map(|(symbol, n)| listing(n, symbol)).collect();
        let feed = BinanceFeed::new(Config { listings, told, ..Config::new(VenueId(3)) });
        let mut desk = Self {
            feed: feed.expect("configuration"),
            now: 1_700_000_000 * SECOND,
            out: Outbox::default(),
            sent: Vec::new(),
            requests: Vec::new(),
            connects: 0,
            closes: 0,
            seen: Vec::new(),
        };
        desk.feed.start(desk.now, &mut desk.out);
        desk.drain();
        desk
    }

    fn drain(&mut self) {
        self.feed.flush(self.now, &mut self.out);
        for action in &self.out.actions {
            match action {
                Action::Connect(_) => self.connects += 1,
                Action::Close(_) => self.closes += 1,
                Action::Send(_, range) => {
                    let text = String::from_utf8_lossy(&self.out.bytes[range.clone()]);
                    self.sent.push(text.into_owned());
                }
                Action::Http(request) => self.requests.push(request.clone()),
            }
        }
        self.seen.extend(self.out.emissions.iter().map(tell));
        self.out.clear();
    }

    fn event(&mut self, event: Event<'_>) {
        self.feed.on_event(self.now, event, &mut self.out);
        self.drain();
    }

    fn text(&mut self, text: &str) {
        self.event(Event::Text(LINK, text));
    }

    /// `U`, `u` and one bid.
    fn change(&mut self, symbol: &str, first: u64, last: u64, price: &str, qty: &str) {
        self.text(&format!(
            "{{\"e\":\"depthUpdate\",\"E\":1,\"s\":\"{symbol}\",\"U\":{first},\"u\":{last},\
             \"b\":[[\"{price}\",\"{qty}\"]],\"a\":[]}}"
        ));
    }

    /// Answers the oldest request.
    fn snapshot(&mut self, last: u64) {
        let body = format!(
            "{{\"lastUpdateId\":{last},\"bids\":[[\"99\",\"1\"]],\"asks\":[[\"101\",\"1\"]]}}"
        );
        self.answer(Some(&HttpResponse { status: 200, body }));
    }

    fn answer(&mut self, response: Option<&HttpResponse>) {
        let request = self.requests.remove(0);
        self.event(Event::Http(request.id, response));
    }

    fn wait(&mut self, ns: u64) {
        let end = self.now + ns;
        for _ in 0..10_000 {
            let Some(due) = self.feed.next_timer_ns().filter(|due| *due <= end) else { break };
            self.now = self.now.max(due);
            self.feed.on_timer(self.now, &mut self.out);
            self.drain();
        }
        assert!(self.feed.next_timer_ns().is_none_or(|due| due > end), "a timer spins");
        self.now = end;
    }

    fn saw(&mut self, expected: &[&str]) {
        assert_eq!(self.seen, expected);
        self.seen.clear();
    }

    fn connected(mut self) -> Self {
        self.event(Event::Connected(LINK));
        self
    }

    fn trusted(self) -> Self {
        let mut desk = self.connected();
        desk.text("{\"result\":null,\"id\":1}");
        desk.snapshot(10);
        desk.seen.clear();
        desk
    }
}

fn tell(input: &Input) -> String {
    match input {
        Input::Book(update) => {
            let mut text = format!("book {}", update.instrument.0);
            if update.clear {
                text += " clear";
            }
            for (side, level) in update.changes() {
                let side = if side == Side::Buy { "bid" } else { "ask" };
                let _ = write!(text, " {side} {}@{}", level.qty.0, level.price.0);
            }
            if update.last { text + " last" } else { text }
        }
        Input::BookDistrusted { instrument, reason, .. } => {
            format!("distrust {} {reason:?}", instrument.0)
        }
        Input::FeedAlive(_) => "alive".to_owned(),
        other => format!("{other:?}"),
    }
}

const FIRST_BOOK: &str = "book 1 clear bid 1000@9900 ask 1000@10100 last";

#[test]
fn a_book_is_told_once_its_snapshot_meets_the_stream() {
    let mut desk = Desk::new(&["BTCUSDT"]).connected();
    assert_eq!(
        desk.sent,
        [
            "{\"method\":\"SUBSCRIBE\",\"params\":[\"btcusdt@depth@100ms\",\"btcusdt@aggTrade\"],\"id\":1}"
        ]
    );
    desk.change("BTCUSDT", 157, 160, "99.5", "2");
    assert_eq!(desk.requests[0].target, "/api/v3/depth?symbol=BTCUSDT&limit=5000");
    desk.change("BTCUSDT", 161, 162, "98", "1.5");
    desk.saw(&["alive"]);
    desk.snapshot(158);
    desk.saw(&["book 1 clear bid 1500@9800 bid 1000@9900 bid 2000@9950 ask 1000@10100 last"]);
    desk.change("BTCUSDT", 163, 163, "99.5", "0");
    desk.saw(&["book 1 bid 0@9950 last"]);
}

#[test]
fn a_quiet_market_is_trusted_from_its_subscription() {
    let mut desk = Desk::new(&["BTCUSDT"]).connected();
    desk.text("{\"result\":null,\"id\":1}");
    desk.seen.clear();
    desk.snapshot(10);
    desk.saw(&[FIRST_BOOK]);
    desk.change("BTCUSDT", 11, 12, "98", "1");
    desk.saw(&["book 1 bid 1000@9800 last"]);
}

#[test]
fn a_gap_distrusts_at_once_and_a_new_snapshot_heals_it() {
    let mut desk = Desk::new(&["BTCUSDT"]).trusted();
    desk.change("BTCUSDT", 12, 13, "98", "1");
    desk.saw(&["distrust 1 Gap"]);
    desk.change("BTCUSDT", 14, 15, "97", "1");
    desk.wait(SECOND);
    desk.seen.clear();
    desk.snapshot(13);
    desk.saw(&["book 1 clear bid 1000@9700 bid 1000@9900 ask 1000@10100 last"]);
    assert_eq!(desk.feed.counters().gaps, 1);
}

#[test]
fn an_old_or_failed_snapshot_is_asked_for_again_ever_later() {
    let mut desk = Desk::new(&["BTCUSDT"]).connected();
    desk.change("BTCUSDT", 100, 101, "98", "1");
    desk.seen.clear();
    desk.snapshot(99);
    desk.wait(SECOND);
    desk.answer(None);
    desk.wait(SECOND);
    desk.answer(Some(&HttpResponse { status: 429, body: String::new() }));
    desk.wait(2 * SECOND);
    desk.answer(Some(&HttpResponse { status: 200, body: "{".to_owned() }));
    desk.wait(4 * SECOND);
    desk.seen.retain(|seen| seen != "alive");
    desk.snapshot(100);
    desk.saw(&["book 1 clear bid 1000@9800 bid 1000@9900 ask 1000@10100 last"]);
    assert_eq!(desk.feed.counters().snapshots_failed, 4);
}

#[test]
fn a_snapshot_that_never_comes_is_given_up_and_its_late_answer_ignored() {
    let mut desk = Desk::new(&["BTCUSDT"]).connected();
    desk.text("{\"result\":null,\"id\":1}");
    desk.wait(16 * SECOND);
    assert_eq!(desk.requests.len(), 2);
    desk.seen.clear();
    desk.snapshot(10);
    desk.saw(&[]);
    desk.snapshot(11);
    desk.saw(&[FIRST_BOOK]);
}

#[test]
fn a_lost_link_distrusts_all_and_comes_back_with_new_snapshots() {
    let mut desk = Desk::new(&["BTCUSDT"]).trusted();
    desk.event(Event::Closed(LINK, CloseReason::Peer));
    desk.saw(&["distrust 1 Disconnected"]);
    desk.wait(2 * SECOND);
    assert_eq!(desk.connects, 2);
    desk.event(Event::Connected(LINK));
    assert_eq!(desk.sent.len(), 2);
    desk.text("{\"result\":null,\"id\":1}");
    desk.seen.clear();
    desk.snapshot(5);
    desk.saw(&[FIRST_BOOK]);
}

#[test]
fn reconnects_wait_longer_each_time() {
    let mut desk = Desk::new(&["BTCUSDT"]);
    let mut waits = Vec::new();
    for _ in 0..8 {
        desk.event(Event::Closed(LINK, CloseReason::ConnectFailed));
        let due = desk.feed.next_timer_ns().expect("a retry");
        waits.push(due - desk.now);
        desk.wait(due - desk.now);
    }
    assert!(waits[0] <= SECOND && waits[7] >= 30 * SECOND && waits[7] <= 60 * SECOND, "{waits:?}");
}

#[test]
fn silence_kills_a_link_but_a_ping_keeps_it() {
    let mut desk = Desk::new(&["BTCUSDT"]).trusted();
    for _ in 0..10 {
        desk.wait(20 * SECOND);
        desk.event(Event::Alive(LINK));
    }
    assert_eq!(desk.closes, 0);
    assert!(desk.seen.iter().all(|seen| seen == "alive"));
    desk.seen.clear();
    desk.wait(46 * SECOND);
    desk.saw(&["distrust 1 Disconnected"]);
    assert_eq!(desk.closes, 1);
}

#[test]
fn a_link_is_renewed_before_the_venue_cuts_it() {
    let mut desk = Desk::new(&["BTCUSDT"]).trusted();
    for _ in 0..24 * 60 - 11 {
        desk.wait(30 * SECOND);
        desk.event(Event::Alive(LINK));
        desk.wait(30 * SECOND);
        desk.event(Event::Alive(LINK));
    }
    assert_eq!(desk.closes, 0);
    desk.seen.clear();
    desk.wait(60 * SECOND);
    assert_eq!(desk.closes, 1);
    desk.saw(&["distrust 1 Disconnected"]);
}

#[test]
fn a_server_that_shuts_down_is_left_at_once() {
    let mut desk = Desk::new(&["BTCUSDT"]).trusted();
    desk.text("{\"stream\":\"!serverShutdown\",\"data\":{\"e\":\"serverShutdown\",\"E\":1}}");
    desk.saw(&["distrust 1 Disconnected"]);
    assert_eq!(desk.closes, 1);
}

#[test]
fn texts_that_cannot_be_read_end_the_link_and_bad_numbers_only_the_book() {
    let mut desk = Desk::new(&["BTCUSDT", "ETHUSDT"]).connected();
    desk.text("{\"result\":null,\"id\":2}");
    desk.snapshot(10);
    desk.snapshot(10);
    desk.seen.clear();
    desk.change("BTCUSDT", 11, 11, "98.001", "1");
    desk.saw(&["distrust 1 Protocol"]);
    desk.text("{\"e\":\"depthUpd");
    desk.saw(&["distrust 2 Protocol"]);
    assert_eq!(desk.closes, 1);
}

#[test]
fn a_crossed_book_is_not_believed() {
    let mut desk = Desk::new(&["BTCUSDT"]).trusted();
    desk.change("BTCUSDT", 11, 11, "101", "1");
    desk.saw(&["distrust 1 Protocol"]);
}

#[test]
fn a_refused_or_unanswered_subscription_ends_the_link() {
    let mut desk = Desk::new(&["BTCUSDT"]).connected();
    desk.text("{\"error\":{\"code\":2,\"msg\":\"Invalid request: unknown stream\"},\"id\":1}");
    assert_eq!(desk.closes, 1);
    let mut desk = Desk::new(&["BTCUSDT"]).connected();
    desk.wait(11 * SECOND);
    assert_eq!(desk.closes, 1);
}

#[test]
fn many_books_are_subscribed_and_asked_for_at_the_allowed_pace() {
    let symbols: Vec<String> = (0..250).map(|n| format!("S{n:03}USDT")).collect();
    let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
    let mut desk = Desk::new(&symbols).connected();
    assert_eq!(desk.sent.len(), 1);
    desk.wait(299 * MS);
    assert_eq!(desk.sent.len(), 1);
    desk.wait(2 * MS);
    assert_eq!(desk.sent.len(), 2);
    desk.wait(SECOND);
    assert_eq!(desk.sent.len(), 5);
    for id in [50, 100, 150, 200, 250] {
        desk.text(&format!("{{\"result\":null,\"id\":{id}}}"));
    }
    assert_eq!(desk.requests.len(), 4, "few at once");
    let start = desk.now;
    let mut asked = 0;
    while desk.now < start + 60 * SECOND {
        while !desk.requests.is_empty() {
            desk.snapshot(10);
            asked += 1;
        }
        desk.wait(SECOND);
        desk.event(Event::Alive(LINK));
    }
    assert!((11..=12).contains(&asked), "weight 250 each, 3000 a minute: {asked}");
    assert_eq!(desk.feed.synced(), asked);
}

/// A snapshot whose levels are `levels` ticks deep on each side.
fn deep_snapshot(levels: i64) -> HttpResponse {
    let side = |sign: i64| {
        let level = |n: i64| format!("[\"{}\",\"1\"]", 10_000 + sign * n);
        (1..=levels).map(level).collect::<Vec<_>>().join(",")
    };
    let (bids, asks) = (side(-1), side(1));
    let body = format!("{{\"lastUpdateId\":10,\"bids\":[{bids}],\"asks\":[{asks}]}}");
    HttpResponse { status: 200, body }
}

/// Updates of books that were told, and their levels.
fn told_to_core(desk: &mut Desk) -> (usize, usize) {
    let levels = |line: &String| line.matches('@').count();
    desk.seen.retain(|line| line.starts_with("book "));
    let told = (desk.seen.len(), desk.seen.iter().map(levels).sum());
    desk.seen.clear();
    told
}

#[test]
fn the_depth_follows_the_top_and_a_change_at_the_touch_comes_alone() {
    let mut desk = Desk::new(&["BTCUSDT"]).connected();
    desk.text("{\"result\":null,\"id\":1}");
    desk.answer(Some(&deep_snapshot(1_500)));
    assert_eq!(told_to_core(&mut desk), (5, 40), "the best 20 levels of both sides");
    desk.wait(99 * MS);
    assert_eq!(told_to_core(&mut desk), (0, 0));
    desk.wait(MS);
    assert_eq!(told_to_core(&mut desk), (245, 2 * 980), "down to 1,000");
    desk.change("BTCUSDT", 11, 11, "9999", "5");
    assert_eq!(told_to_core(&mut desk), (1, 1));
    desk.change("BTCUSDT", 12, 12, "9500", "5");
    desk.change("BTCUSDT", 13, 13, "8500", "5");
    desk.change("BTCUSDT", 14, 14, "9500", "6");
    assert_eq!(told_to_core(&mut desk), (0, 0), "deep levels are conflated");
    desk.wait(100 * MS);
    desk.saw(&["book 1 bid 6000@950000 last"]);
}

#[test]
fn deep_levels_of_too_many_books_come_late_and_the_standing_says_so() {
    let symbols: Vec<String> = (0..6).map(|n| format!("S{n:03}USDT")).collect();
    let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
    let told = Depth { updates_per_s_max: 500, ..Depth::DEFAULT };
    let mut desk = Desk::telling(&symbols, told).connected();
    desk.text("{\"result\":null,\"id\":6}");
    while !desk.requests.is_empty() {
        desk.answer(Some(&deep_snapshot(1_000)));
    }
    assert_eq!(told_to_core(&mut desk), (30, 240));
    assert_eq!(why(&desk), (None, ""));
    desk.wait(SECOND);
    assert_eq!(told_to_core(&mut desk).0, 3 * 245, "half a second each, and one at once");
    desk.wait(SECOND);
    desk.event(Event::Alive(LINK));
    let (reason, detail) = why(&desk);
    assert_eq!(reason, Some(Why::DepthPaced));
    assert!(detail.contains("books wait"), "{detail}");
    desk.wait(SECOND);
    assert_eq!(told_to_core(&mut desk).0, 3 * 245);
    assert_eq!(why(&desk), (None, ""));
}

#[test]
fn a_burst_of_changes_is_told_as_one_difference() {
    let mut desk = Desk::new(&["BTCUSDT"]).trusted();
    for n in 0..500u64 {
        let text = format!(
            "{{\"e\":\"depthUpdate\",\"E\":1,\"s\":\"BTCUSDT\",\"U\":{0},\"u\":{0},\
             \"b\":[[\"99.5\",\"{1}\"]],\"a\":[]}}",
            11 + n,
            n % 7
        );
        desk.feed.on_event(desk.now, Event::Text(LINK, &text), &mut desk.out);
        assert!(desk.out.emissions.is_empty(), "nothing before the flush");
    }
    desk.drain();
    desk.saw(&["book 1 bid 2000@9950 last"]);
}

#[test]
fn settings_that_the_venue_would_refuse_are_refused() {
    let with = |listings| BinanceFeed::new(Config { listings, ..Config::new(VenueId(1)) }).err();
    assert_eq!(with(vec![listing(1, "btc")]), Some(ConfigError::Symbol("btc".to_owned())));
    let twice = vec![listing(1, "AB"), listing(2, "AB")];
    assert_eq!(with(twice), Some(ConfigError::Twice("AB".to_owned())));
    let config = Config { snapshot_limit: 20, ..Config::new(VenueId(1)) };
    assert_eq!(BinanceFeed::new(config).err(), Some(ConfigError::SnapshotLimit(20)));
}

fn why(desk: &Desk) -> (Option<Why>, &str) {
    let standing = desk.feed.standing().expect("told");
    (standing.why, standing.detail.as_str())
}

#[test]
fn each_failure_has_a_word_that_lasts_until_the_feed_has_come_further() {
    let mut desk = Desk::new(&["BTCUSDT"]);
    assert_eq!(why(&desk), (Some(Why::Connecting), ""));
    desk.event(Event::Closed(LINK, CloseReason::ConnectFailed));
    assert_eq!(why(&desk), (Some(Why::ConnectFailed), ""));
    let mut desk = Desk::new(&["BTCUSDT"]).connected();
    assert_eq!(why(&desk), (Some(Why::LoggingOn), ""));
    desk.wait(10 * SECOND);
    assert_eq!(why(&desk), (Some(Why::SubscribeTimeout), ""));
    let mut desk = Desk::new(&["BTCUSDT"]).trusted();
    assert_eq!(why(&desk), (None, ""));
    desk.event(Event::Closed(LINK, CloseReason::TooLong));
    assert_eq!(why(&desk), (Some(Why::TooLong), ""));

    for (text, word) in [
        (r#"{"error":{"code":2,"msg":"Invalid request"},"id":1}"#, Why::SubscriptionRefused),
        ("<html>", Why::Protocol),
        (r#"{"e":"serverShutdown","E":1}"#, Why::VenueLeaves),
    ] {
        let mut desk = Desk::new(&["BTCUSDT"]).connected();
        desk.text(text);
        assert_eq!(why(&desk).0, Some(word), "{text}");
    }
    let mut desk = Desk::new(&["BTCUSDT"]).trusted();
    desk.wait(60 * SECOND);
    assert_eq!(why(&desk).0, Some(Why::Silent));
}

#[test]
fn a_snapshot_that_cannot_be_used_says_why_and_a_good_one_ends_it() {
    for (status, body, word) in [
        (429, "", Why::RestPaced),
        (418, "", Why::RestBanned),
        (400, r#"{"code":-1121,"msg":"Invalid symbol."}"#, Why::UnlistedSymbol),
        (500, "", Why::SnapshotFailing),
        (200, "<html>", Why::SnapshotFailing),
    ] {
        let mut desk = Desk::new(&["BTCUSDT"]).connected();
        desk.text("{\"result\":null,\"id\":1}");
        desk.answer(Some(&HttpResponse { status, body: body.to_owned() }));
        let (reason, detail) = why(&desk);
        assert_eq!(reason, Some(word), "{detail}");
        assert!(detail.starts_with("BTCUSDT: "), "{detail}");
    }
    let mut desk = Desk::new(&["BTCUSDT"]).connected();
    desk.text("{\"result\":null,\"id\":1}");
    assert_eq!(why(&desk), (Some(Why::Reconciling), ""));
    desk.answer(None);
    assert_eq!(why(&desk), (Some(Why::RestFailing), ""), "the carrier knows more");
    desk.wait(SECOND);
    desk.snapshot(10);
    assert_eq!(why(&desk), (None, ""));
}

/// An aggregate trade of three trades, one of them unreadable if `qty` is.
fn agg_trade(id: u64, qty: &str, more: &str) -> String {
    let (first, last) = (10 * id, 10 * id + 2);
    format!(
        "{{\"e\":\"aggTrade\",\"E\":1,\"s\":\"BTCUSDT\",\"a\":{id},\"p\":\"99.50\",\"q\":\"{qty}\",\
         \"f\":{first},\"l\":{last},\"T\":{id}{more}}}"
    )
}

fn told_trades(desk: &mut Desk) -> Vec<String> {
    let mut told = std::mem::take(&mut desk.seen);
    told.retain(|line| line.starts_with("Trade"));
    told
}

#[test]
fn trades_are_told_with_number_side_and_time_and_one_that_cannot_be_read_is_counted() {
    let mut desk = Desk::new(&["BTCUSDT"]).connected();
    desk.text(&agg_trade(7, "1.5", ",\"m\":true,\"M\":true"));
    desk.text(&agg_trade(8, "0.25", ",\"m\":null,\"new\":{\"a\":[]}"));
    desk.text(&agg_trade(8, "0.25", ",\"m\":false"));
    let told = |taker: &str, qty, id, ms| {
        format!(
            "Trade(PublicTrade {{ venue: VenueId(3), instrument: InstrumentId(1), taker: {taker}, \
             price: Price(9950), qty: Qty({qty}), id: {id}, count: 3, time: UnixNanos({ms}000000), \
             late: false }})"
        )
    };
    assert_eq!(told_trades(&mut desk), [told("Some(Sell)", 1500, 7, 7), told("None", 250, 8, 8)]);
    let strange = [
        agg_trade(9, "0.0001", ",\"m\":true"),
        agg_trade(9, "-1", ",\"m\":true"),
        agg_trade(9, "0", ",\"m\":true"),
        agg_trade(9, "1", ",\"m\":7"),
        "{\"e\":\"aggTrade\",\"s\":\"BTCUSDT\",\"a\":null}".to_owned(),
    ];
    for text in strange {
        desk.text(&text);
    }
    desk.text(&agg_trade(1, "1", ",\"m\":true").replace("BTCUSDT", "ETHUSDT"));
    let counters = desk.feed.trade_counters();
    assert_eq!((counters.trades, counters.duplicates, counters.unreadable), (2, 1, 5));
    assert_eq!((desk.closes, desk.feed.counters().protocol_errors), (0, 0));
    assert!(told_trades(&mut desk).is_empty());
}

#[test]
fn trades_that_the_stream_leaves_out_are_asked_for_over_rest() {
    let mut desk = Desk::new(&["BTCUSDT"]).connected();
    desk.text(&agg_trade(7, "1", ",\"m\":true"));
    desk.text(&agg_trade(10, "1", ",\"m\":true"));
    told_trades(&mut desk);
    desk.wait(SECOND);
    let target = "/api/v3/aggTrades?symbol=BTCUSDT&fromId=8&limit=2";
    assert_eq!(desk.requests.last().map(|request| request.target.as_str()), Some(target));
    // A row in the middle cannot be read, and counts as missing.
    let rows = [8, 9, 10].map(|id| agg_trade(id, "1", ",\"m\":false").replace("BTCUSDT", ""));
    desk.requests.drain(..desk.requests.len() - 1);
    desk.answer(Some(&HttpResponse { status: 200, body: format!("[{},7]", rows.join(",")) }));
    let told = told_trades(&mut desk);
    assert!(told.len() == 1 && told[0].contains("id: 9, count: 6"), "{told:?}");
    assert!(told[0].contains("late: true") && told[0].contains("Some(Buy)"), "{told:?}");
    let counters = desk.feed.trade_counters();
    assert_eq!((counters.gaps, counters.recovered, counters.lost), (1, 2, 0));
    assert_eq!(counters.unreadable, 1);
}

#[test]
fn a_venue_that_bans_us_is_not_asked_for_trades_and_the_loss_is_said() {
    let mut desk = Desk::new(&["BTCUSDT"]).connected();
    desk.text("{\"result\":null,\"id\":1}");
    desk.snapshot(10);
    desk.text(&agg_trade(7, "1", ",\"m\":true"));
    desk.text(&agg_trade(9, "1", ",\"m\":true"));
    desk.wait(SECOND);
    let banned = HttpResponse { status: 418, body: String::new() };
    desk.answer(Some(&banned));
    let standing = desk.feed.standing().cloned().expect("a standing");
    assert_eq!(standing.why, Some(Why::RestBanned));
    assert!(standing.detail.starts_with("trades of BTCUSDT: HTTP 418"), "{}", standing.detail);
    for _ in 0..115 {
        desk.wait(SECOND);
        desk.event(Event::Alive(LINK));
    }
    assert!(desk.requests.is_empty(), "for two minutes");
    desk.wait(10 * SECOND);
    assert_eq!(desk.requests.len(), 1);
}
