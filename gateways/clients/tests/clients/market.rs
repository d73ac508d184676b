//! Market data: what a client sees of the venues' books, and the end of it.

use rutter_clients::market::{
    BookNews, InstrumentTerms, ListingTerms, MarketConfig, MarketConfigError,
};
use rutter_clients::{CloseReason, GatewayConfig};
use rutter_core::id::{InstrumentId, VenueId};
use rutter_core::input::{BookUpdate, Distrust, Level, Side};
use rutter_core::number::{Price, Qty};
use rutter_transport::acceptor::Acceptor;

use crate::desk::{BTC, Desk, ORDER, SECOND, report, text};

pub const BINANCE: VenueId = VenueId(0);
pub const KRAKEN: VenueId = VenueId(1);
pub const ETH: InstrumentId = InstrumentId(1);
const MS: u64 = 1_000_000;

/// A subscription to both sides of BTC/USDT, by increments.
const SUBSCRIBE: &str = "35=V|262=m1|263=1|264=0|265=1|267=2|269=0|269=1|146=1|55=BTC/USDT|";

fn listing(instrument: InstrumentId, venue: VenueId, tick: i64) -> ListingTerms {
    ListingTerms {
        instrument,
        venue,
        tick: Price(tick),
        lot: Qty(10 + i64::from(venue.0)),
        qty_min: Qty(20 + i64::from(venue.0)),
        qty_max: Qty(90_000_000),
    }
}

pub fn market() -> MarketConfig {
    let instrument = |instrument| InstrumentTerms {
        instrument,
        currency: text("USDT"),
        order_qty_max: Qty(10_000_000),
    };
    MarketConfig {
        listings: vec![
            listing(BTC, BINANCE, 1),
            listing(BTC, KRAKEN, 10),
            listing(ETH, BINANCE, 1),
        ],
        instruments: vec![instrument(BTC), instrument(ETH)],
        stale_after_ns: vec![5 * SECOND, 5 * SECOND],
        ..MarketConfig::default()
    }
}

pub fn with_eth(config: &mut GatewayConfig) {
    let btc = config.instruments[0];
    config.instruments.push(rutter_clients::InstrumentConfig {
        id: ETH,
        symbol: text("ETH/USDT"),
        ..btc
    });
}

/// A desk with both instruments and the listings above, as changed.
pub fn desk(change: impl FnOnce(&mut MarketConfig)) -> Desk {
    let mut desk = Desk::with(with_eth);
    let mut config = market();
    change(&mut config);
    desk.gateway.set_market(&config).expect("sound");
    desk
}

/// `b` or `a`, price in cents, size: `b100@5`. The first update of a book clears it.
pub fn update(venue: VenueId, clear: bool, last: bool, levels: &str) -> BookNews {
    let mut update = BookUpdate { venue, instrument: BTC, clear, last, ..BookUpdate::default() };
    for level in levels.split_whitespace() {
        let (price, qty) = level[1..].split_once('@').expect("price@size");
        let side = if level.starts_with('b') { Side::Buy } else { Side::Sell };
        let number = |text: &str| text.parse().expect("a number");
        let level = Level { price: Price(number(price)), qty: Qty(number(qty)) };
        assert!(update.push(side, level), "one update");
    }
    BookNews::Update(update)
}

pub trait Feed {
    fn news(&mut self, news: &BookNews) -> &mut Self;
    fn book(&mut self, venue: VenueId, levels: &str) -> &mut Self;
    fn change(&mut self, venue: VenueId, levels: &str) -> &mut Self;
    fn subscribed() -> Self;
}

impl Feed for Desk {
    /// A feed tells something, and the gateway has its turn.
    fn news(&mut self, news: &BookNews) -> &mut Self {
        self.gateway.on_book_news(self.now, news);
        self.wait(0)
    }

    fn book(&mut self, venue: VenueId, levels: &str) -> &mut Self {
        self.news(&update(venue, true, true, levels))
    }

    fn change(&mut self, venue: VenueId, levels: &str) -> &mut Self {
        self.news(&update(venue, false, true, levels))
    }

    /// Two venues with a book each, and a client that has seen them.
    fn subscribed() -> Self {
        let mut desk = desk(|_| {});
        desk.book(BINANCE, "b9990@5 b9980@7 a10010@4").book(KRAKEN, "b9990@2 a10000@1 a10010@3");
        desk.logon(1, "ALPHA").send(1, SUBSCRIBE).wait(0);
        desk.saw(1, &[IMAGE]);
        desk
    }
}

const IMAGE: &str = "35=W|34=2|262=m1|55=BTC/USDT|268=6|\
    269=0|270=99.90|271=0.0005|275=binance|269=0|270=99.90|271=0.0002|275=kraken|\
    269=0|270=99.80|271=0.0007|275=binance|\
    269=1|270=100.00|271=0.0001|275=kraken|269=1|270=100.10|271=0.0004|275=binance|\
    269=1|270=100.10|271=0.0003|275=kraken|";

#[test]
fn a_subscriber_sees_the_levels_of_all_venues_and_then_what_changes() {
    let mut desk = Desk::subscribed();
    desk.change(KRAKEN, "b9990@0 a10000@6 b9991@8").saw(
        1,
        &["35=X|34=3|262=m1|268=3|279=2|269=0|55=BTC/USDT|270=99.90|275=kraken|\
            279=0|269=0|55=BTC/USDT|270=99.91|271=0.0008|275=kraken|\
            279=1|269=1|55=BTC/USDT|270=100.00|271=0.0006|275=kraken|"],
    );
    desk.change(BINANCE, "b9970@0").saw(1, &[]);
}

#[test]
fn the_levels_of_a_feed_that_dies_vanish_and_come_back() {
    let mut desk = Desk::subscribed();
    desk.news(&BookNews::Distrusted(KRAKEN, BTC, Distrust::Disconnected)).saw(
        1,
        &["35=X|34=3|262=m1|268=3|279=2|269=0|55=BTC/USDT|270=99.90|275=kraken|\
            279=2|269=1|55=BTC/USDT|270=100.00|275=kraken|\
            279=2|269=1|55=BTC/USDT|270=100.10|275=kraken|"],
    );
    desk.change(KRAKEN, "b9999@1").saw(1, &[]);
    desk.book(KRAKEN, "b9991@9").saw(
        1,
        &["35=X|34=4|262=m1|268=1|279=0|269=0|55=BTC/USDT|270=99.91|271=0.0009|275=kraken|"],
    );
    for venue in [BINANCE, KRAKEN] {
        desk.news(&BookNews::Lost(venue));
    }
    let seen = desk.seen(1);
    assert!(seen[0].starts_with("35=X|34=5|262=m1|268=3|279=2|"), "{seen:#?}");
    assert_eq!(seen[1..], ["35=W|34=6|262=m1|55=BTC/USDT|268=0|"], "nothing is left to rely on");
}

#[test]
fn a_silent_feed_is_believed_no_longer_than_the_core_believes_it() {
    let mut desk = Desk::subscribed();
    desk.now += 3 * SECOND;
    desk.news(&BookNews::Alive(BINANCE)).saw(1, &[]);
    assert_eq!(desk.gateway.next_timer_ns(), Some(desk.now + 2 * SECOND));
    desk.wait(2 * SECOND).saw(1, &[]);
    desk.wait(1);
    let seen = desk.seen(1);
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].matches("279=2|").count(), 3, "the levels of kraken: {seen:?}");
    desk.news(&BookNews::Alive(KRAKEN));
    assert_eq!(desk.seen(1)[0].matches("279=0|").count(), 3, "and they are back");
}

#[test]
fn a_change_that_is_half_told_is_not_shown() {
    let mut desk = Desk::subscribed();
    desk.news(&update(BINANCE, false, false, "b9990@0")).saw(1, &[]);
    desk.change(KRAKEN, "a10000@0").saw(1, &[]);
    desk.send(1, "35=V|262=m2|263=0|264=1|267=1|269=1|146=1|55=BTC/USDT|").wait(0).saw(1, &[]);
    desk.change(BINANCE, "b9980@0 a10010@0 a10005@1");
    desk.saw_like(
        1,
        &["35=X 262=m1 268=5 279=2|269=0|55=BTC/USDT|270=99.90", "35=W 262=m2 268=1 270=100.05"],
    );
}

#[test]
fn depth_sides_venue_and_aggregation_are_the_client_s_choice() {
    let mut desk = Desk::subscribed();
    desk.send(1, "35=V|262=a|263=0|264=2|266=Y|267=2|269=0|269=1|146=1|55=BTC/USDT|").wait(0);
    desk.saw(
        1,
        &["35=W|34=3|262=a|55=BTC/USDT|268=4|269=0|270=99.90|271=0.0007|\
            269=0|270=99.80|271=0.0007|269=1|270=100.00|271=0.0001|269=1|270=100.10|271=0.0007|"],
    );
    desk.send(1, "35=V|262=b|263=1|264=1|265=0|267=1|269=1|146=1|55=BTC/USDT|207=kraken|").wait(0);
    desk.saw(
        1,
        &["35=W|34=4|262=b|55=BTC/USDT|207=kraken|268=1|269=1|270=100.00|271=0.0001|275=kraken|"],
    );
    // Only what the second request shows has changed, and it is told as a whole.
    desk.send(1, "35=V|262=m1|263=2|264=0|267=1|269=0|146=1|55=BTC/USDT|");
    desk.change(KRAKEN, "a10000@0").saw(
        1,
        &["35=W|34=5|262=b|55=BTC/USDT|207=kraken|268=1|269=1|270=100.10|271=0.0003|275=kraken|"],
    );
    desk.change(KRAKEN, "a10020@9").change(BINANCE, "a10000@9").saw(1, &[]);
}

#[test]
fn one_request_may_name_several_instruments_and_venues() {
    let mut desk = desk(|_| {});
    desk.book(BINANCE, "b9990@5").book(KRAKEN, "b9991@2").logon(1, "ALPHA");
    let entries = "55=BTC/USDT|207=binance|55=BTC/USDT|207=kraken|55=ETH/USDT|";
    desk.send(1, &format!("35=V|262=x|263=1|264=1|265=1|267=1|269=0|146=3|{entries}")).wait(0);
    desk.saw_like(
        1,
        &["55=BTC/USDT|207=binance|268=1 99.90", "207=kraken|268=1 99.91", "55=ETH/USDT|268=0|"],
    );
    desk.change(KRAKEN, "b9991@3");
    desk.saw_like(1, &["35=X 55=BTC/USDT|207=kraken|270=99.91|271=0.0003|275=kraken"]);
    assert_eq!(desk.gateway.market_streams(), 3);
    desk.send(1, "35=V|262=x|263=2|").change(KRAKEN, "b9991@4").saw(1, &[]);
    assert_eq!(desk.gateway.market_streams(), 0);
    assert!(!desk.gateway.wants_books());
}

/// What is asked for that is not to be had: the answer and its reason.
#[test]
fn nonsense_is_refused_with_its_reason_and_changes_nothing() {
    let mut desk = Desk::subscribed();
    let good = SUBSCRIBE.replace("m1", "n");
    let spoilt = |from: &str, to: &str| good.replacen(from, to, 1);
    for (request, answer) in [
        (spoilt("BTC/USDT", "DOGE/USDT"), "35=Y 262=n 281=0 58=UnknownSymbol"),
        (spoilt("BTC/USDT|", "BTC/USDT|207=nasdaq|"), "35=Y 281=0"),
        (spoilt("BTC/USDT|", "ETH/USDT|207=kraken|"), "35=Y 281=0"),
        (spoilt("262=n", "262=m1"), "35=Y 262=m1 281=1 58=Duplicate"),
        (spoilt("146=1|", "146=2|55=BTC/USDT|"), "35=Y 262=n 281=1"),
        (spoilt("263=1", "263=3"), "35=Y 281=4"),
        (spoilt("264=0", "264=33"), "35=Y 281=5"),
        (spoilt("264=0", "264=-1"), "35=Y 281=5"),
        (spoilt("264=0", "264=99999999999999999999"), "35=Y 281=5"),
        (spoilt("265=1", "265=2"), "35=Y 281=6"),
        (spoilt("269=1", "269=3"), "35=Y 281=8"),
        (format!("{good}336=MORNING|"), "35=Y 281=9"),
        (spoilt("267=", "546=1|267="), "35=Y 281=A"),
        (spoilt("267=", "286=0|267="), "35=Y 281=B"),
        (spoilt("267=", "547=Y|267="), "35=Y 281=C"),
        (format!("{good}812=10|"), "35=Y 58=UnsupportedApplQueue"),
        ("35=V|262=none|263=2|".to_owned(), "35=Y 262=none 58=UnknownMDReqID"),
        (spoilt("262=n|", ""), "35=3 371=262 373=1"),
        (spoilt("262=n", &format!("262={}", "n".repeat(65))), "35=3 371=262 373=5"),
        (spoilt("263=1|", ""), "35=3 371=263 373=1"),
        (spoilt("263=1", "263=11"), "35=3 371=263 373=6"),
        (spoilt("264=0|", ""), "35=3 371=264 373=1"),
        (spoilt("264=0", "264=x"), "35=3 371=264 373=6"),
        (spoilt("265=1|", ""), "35=j 379=n 380=5"),
        (spoilt("265=1", "265=x"), "35=3 371=265 373=6"),
        (spoilt("267=2", "267=3"), "35=3 371=267 373=16"),
        (spoilt("267=2|269=0|269=1|", ""), "35=3 371=267 373=1"),
        (spoilt("146=1", "146=2"), "35=3 371=146 373=16"),
        (spoilt("146=1|55=BTC/USDT|", "146=0|"), "35=3 371=146 373=16"),
        (spoilt("146=1|55=BTC/USDT|", ""), "35=3 371=146 373=1"),
        (spoilt("264=0", "264=0|266=x"), "35=3 371=266 373=6"),
    ] {
        desk.send(1, &request).wait(0);
        desk.saw_like(1, &[answer]);
    }
    assert_eq!(desk.gateway.market_streams(), 1);
    desk.change(BINANCE, "b9990@6");
    desk.saw_like(1, &["35=X 262=m1 270=99.90|271=0.0006"]);
    assert_eq!(desk.published().len(), 1, "the core has heard of the logon only");
}

#[test]
fn an_id_is_free_again_once_its_request_is_over() {
    let mut desk = Desk::subscribed();
    desk.send(1, "35=V|262=m1|263=2|").send(1, SUBSCRIBE).wait(0);
    desk.saw_like(1, &["35=W 262=m1"]);
    let once = "35=V|262=s|263=0|264=1|267=1|269=0|146=1|55=BTC/USDT|";
    desk.send(1, once).wait(0).send(1, once).wait(0);
    desk.saw_like(1, &["35=W 262=s", "35=W 262=s"]);
    // Another session's ids are its own.
    desk.logon(2, "BETA").send(2, SUBSCRIBE).wait(0);
    desk.saw_like(2, &["35=W 262=m1"]);
}

#[test]
fn more_than_the_limits_is_refused() {
    let mut desk = desk(|config| {
        config.limits.session_streams_max = 3;
        config.limits.streams_max = 4;
        config.limits.request_symbols_max = 2;
    });
    desk.logon(1, "ALPHA").logon(2, "BETA");
    let ask = |id: &str, symbols: &str| {
        let count = symbols.matches("55=").count();
        format!("35=V|262={id}|263=1|264=1|265=1|267=1|269=0|146={count}|{symbols}")
    };
    let (one, two) = ("55=BTC/USDT|", "55=BTC/USDT|55=ETH/USDT|");
    let three = "55=BTC/USDT|55=ETH/USDT|55=BTC/USDT|207=kraken|";
    desk.send(1, &ask("a", three)).wait(0).saw_like(1, &["35=Y 281=2 58=TooManySymbols"]);
    desk.send(1, &ask("a", two)).send(1, &ask("b", two)).wait(0);
    desk.saw_like(1, &["35=Y 262=b 281=2 58=TooManyStreams", "35=W 262=a", "35=W 262=a"]);
    desk.send(2, &ask("c", two)).send(2, &ask("d", one)).wait(0);
    desk.saw_like(2, &["35=Y 262=d 281=2 58=TooManyStreams", "35=W 262=c", "35=W 262=c"]);
    desk.send(1, "35=V|262=a|263=2|").send(2, &ask("d", one)).wait(0);
    desk.saw_like(2, &["35=W 262=d"]);
}

#[test]
fn a_thousand_subscriptions_are_all_served_a_few_at_a_time() {
    const COUNT: usize = 1_000;
    let mut desk = desk(|config| config.limits.session_streams_max = COUNT);
    desk.book(BINANCE, "b9990@5").logon(1, "ALPHA");
    for number in 0..COUNT {
        desk.send(1, &SUBSCRIBE.replace("m1", &format!("id{number}")));
    }
    assert!(desk.gateway.has_work());
    for _ in 0..=COUNT / 64 {
        desk.wait(0);
    }
    assert_eq!(desk.seen(1).len(), COUNT);
    assert!(!desk.gateway.has_work());
    desk.change(BINANCE, "b9990@6");
    assert_eq!(desk.seen(1).len(), 64, "others have their turn in between");
    desk.change(BINANCE, "b9990@7");
    for _ in 0..=2 * COUNT / 64 {
        desk.wait(0);
    }
    let seen = desk.seen(1);
    let newest = seen.iter().filter(|message| message.contains("271=0.0007|")).count();
    assert_eq!(newest, COUNT, "each ends with the newest");
    assert!(seen.len() <= COUNT, "those that were still to be told are told once");
    desk.peer_closes(1);
    assert_eq!(desk.gateway.market_streams(), 0);
    desk.change(BINANCE, "b9990@8");
    assert!(!desk.gateway.has_work(), "nobody is left");
}

#[test]
fn a_client_that_does_not_read_gets_its_reports_and_one_image_when_it_reads() {
    let mut desk = desk(|config| config.limits.backlog_bytes_max = 2_000);
    desk.book(BINANCE, "b9990@5").logon(1, "ALPHA").send(1, SUBSCRIBE).wait(0).seen(1);
    desk.reads = false;
    for round in 1..10_000 {
        desk.change(BINANCE, &format!("b9990@{round} b{}@1", 9_000 + round % 900));
    }
    desk.output(&rutter_core::output::Output::Report(report(1)));
    assert!(desk.closes().is_empty(), "market data never gets it cut off");
    let counters = desk.gateway.market_counters();
    assert_eq!(counters.held_back, 1, "it waits once, whatever happens meanwhile");
    let before = counters.increments;
    assert!(before < 40, "{before} were written until it was full");
    desk.reads = true;
    desk.read_all();
    desk.wait(0);
    let seen = desk.seen(1);
    assert_eq!(seen.len() as u64, before + 2);
    assert!(seen[seen.len() - 2].contains("35=8|"), "the report did not wait for it");
    assert!(seen[seen.len() - 1].contains("270=99.90|271=0.9999|"), "{}", seen[seen.len() - 1]);
}

/// What waits for a client that does not read ends with its request, and takes no slot after it.
#[test]
fn a_client_that_does_not_read_cannot_use_up_everybodys_streams() {
    let mut desk = desk(|config| {
        config.limits.backlog_bytes_max = 2_000;
        config.limits.session_streams_max = 3;
        config.limits.streams_max = 4;
    });
    desk.book(BINANCE, "b9990@5").logon(1, "ALPHA").logon(2, "BETA");
    desk.send(1, SUBSCRIBE).wait(0).reads = false;
    for round in 1..200 {
        desk.change(BINANCE, &format!("b9990@{round} b{}@1", 9_000 + round % 900));
    }
    for round in 0..10 {
        let id = format!("n{round}");
        desk.send(1, &SUBSCRIBE.replace("m1", &id)).wait(0);
        desk.send(1, &format!("35=V|262={id}|263=2|")).wait(0);
    }
    assert_eq!(desk.gateway.market_streams(), 1);
    desk.reads = true;
    desk.send(2, SUBSCRIBE).wait(0);
    assert!(desk.seen(2).iter().any(|seen| seen.starts_with("35=W|")), "there is room");
    desk.read_all();
    desk.wait(0);
    assert!(desk.seen(1).iter().all(|seen| !seen.starts_with("35=Y|")));
}

#[test]
fn between_two_messages_of_a_stream_is_the_interval_and_the_newest_is_told() {
    let mut desk = desk(|config| config.limits.update_interval_ns = 100 * MS);
    desk.book(BINANCE, "b9990@5").logon(1, "ALPHA").send(1, SUBSCRIBE).wait(0).seen(1);
    desk.wait(60 * MS).change(BINANCE, "b9990@6").change(BINANCE, "b9990@7").saw(1, &[]);
    assert_eq!(desk.gateway.next_timer_ns(), Some(desk.now + 40 * MS));
    assert!(!desk.gateway.has_work(), "nobody spins for it");
    desk.wait(40 * MS - 1).saw(1, &[]);
    desk.wait(1);
    desk.saw_like(1, &["35=X 271=0.0007"]);
    desk.wait(200 * MS).change(BINANCE, "b9990@8");
    desk.saw_like(1, &["35=X 271=0.0008"]);
    // What ends while it is delayed is told nothing any more.
    desk.change(BINANCE, "b9990@9").send(1, "35=V|262=m1|263=2|").wait(SECOND).saw(1, &[]);
}

#[test]
fn market_data_is_not_sent_again_but_filled_by_a_gap() {
    let mut desk = Desk::subscribed();
    desk.change(BINANCE, "b9990@6");
    desk.output(&rutter_core::output::Output::Report(report(1)));
    desk.change(BINANCE, "b9990@7");
    desk.saw_like(1, &["35=X 34=3", "35=8 34=4", "35=X 34=5"]);
    desk.send(1, "35=2|7=2|16=0|").wait(0);
    desk.saw_like(1, &["35=4 34=2 43=Y 36=4 123=Y", "35=8 34=4 43=Y", "35=4 34=5 43=Y 36=6 123=Y"]);
    desk.change(BINANCE, "b9990@8");
    desk.saw_like(1, &["35=X 34=6"]);
}

#[test]
fn market_data_waits_for_a_long_resend_to_end_and_then_comes_by_itself() {
    const REPORTS: u64 = 2_000;
    let mut desk = Desk::subscribed();
    for event in 1..=REPORTS {
        desk.output(&rutter_core::output::Output::Report(report(event)));
    }
    desk.seen(1);
    desk.reads = false;
    desk.send(1, "35=2|7=2|16=0|");
    desk.change(BINANCE, "b9990@6").change(BINANCE, "b9990@7");
    assert_eq!(desk.gateway.market_counters().increments, 0);
    desk.reads = true;
    desk.read_all();
    for _ in 0..20 {
        desk.resume().wait(0);
    }
    let seen = desk.seen(1);
    let resent = seen.iter().filter(|m| m.starts_with("35=8|") && m.contains("|43=Y|")).count();
    assert_eq!(resent as u64, REPORTS);
    let last = seen.last().expect("messages");
    assert!(last.starts_with("35=X|") && last.contains("271=0.0007|"), "{last}");
    assert_eq!(desk.gateway.market_counters().increments, 1);
}

#[test]
fn requests_end_with_the_connection() {
    let mut desk = Desk::subscribed();
    desk.send(1, "35=5|").change(BINANCE, "b9990@6");
    desk.saw_like(1, &["35=5"]);
    assert!(matches!(desk.closes()[..], [(1, CloseReason::Session(_))]));
    assert!(!desk.gateway.wants_books());
    desk.logon(1, "ALPHA").change(BINANCE, "b9990@7").saw(1, &[]);
    desk.send(1, SUBSCRIBE).wait(0);
    desk.saw_like(1, &["35=W 262=m1 271=0.0007"]);
    desk.send(1, &format!("35=D|11=a1|{ORDER}"));
    desk.decide().saw_like(1, &["35=8 11=a1 39=0"]);
}

#[test]
fn a_market_that_cannot_be_is_refused() {
    type Spoil = fn(&mut MarketConfig);
    let mut desk = Desk::with(with_eth);
    let cases: [(Spoil, MarketConfigError); 7] = [
        (
            |c| c.listings[0].instrument = InstrumentId(7),
            MarketConfigError::Unknown(InstrumentId(7), BINANCE),
        ),
        (|c| c.listings[0].venue = VenueId(200), MarketConfigError::Unknown(BTC, VenueId(200))),
        (|c| c.listings[1].venue = BINANCE, MarketConfigError::Twice(BTC, BINANCE)),
        (|c| c.listings[1].tick = Price(0), MarketConfigError::Terms(BTC, KRAKEN)),
        (|c| c.limits.streams_max = 0, MarketConfigError::Limit("streams_max")),
        (|c| c.limits.request_symbols_max = 0, MarketConfigError::Limit("request_symbols_max")),
        (|c| c.limits.backlog_bytes_max = 1 << 19, MarketConfigError::Limit("backlog_bytes_max")),
    ];
    for (spoil, error) in cases {
        let mut config = market();
        spoil(&mut config);
        assert_eq!(desk.gateway.set_market(&config), Err(error));
    }
}
