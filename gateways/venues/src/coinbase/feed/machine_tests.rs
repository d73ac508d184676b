//! Scenarios: a venue on one side, the core on the other, the feed between them.

use std::collections::BTreeMap;

use rutter_core::id::{InstrumentId, VenueId};
use rutter_core::input::Side;
use rutter_feeds::deep::Depth;
use rutter_transport::machine::Action;
use rutter_transport::secret::Secret;

use super::*;

#[path = "capture_tests.rs"]
mod capture_tests;

const S: u64 = 1_000_000_000;
const VENUE: VenueId = VenueId(2);
const BTC: InstrumentId = InstrumentId(7);

const SNAPSHOT: &str = r#"{"type":"snapshot","product_id":"BTC-USD","bids":[["100.00","1.5"],["99.50","2"]],"asks":[["100.50","1"],["101.00","3"]]}"#;
const LEFT: &str = r#"{"type":"subscriptions","channels":[]}"#;
const SUBSCRIBED: &str = r#"{"type":"subscriptions","channels":[{"name":"level2","product_ids":["BTC-USD"]},{"name":"heartbeat","product_ids":["BTC-USD"]}]}"#;

fn update(changes: &str) -> String {
    format!(r#"{{"type":"l2update","product_id":"BTC-USD","time":"t","changes":[{changes}]}}"#)
}

fn heartbeat(product: &str) -> String {
    format!(r#"{{"type":"heartbeat","sequence":90,"last_trade_id":20,"product_id":"{product}"}}"#)
}

fn listing(instrument: InstrumentId, symbol: &str) -> FeedListing {
    FeedListing { instrument, symbol: symbol.to_owned(), price_decimals: 2, qty_decimals: 8 }
}

fn config() -> Config {
    Config {
        listings: vec![listing(BTC, "BTC-USD")],
        api_key: Secret::from("my-api-key"),
        api_secret: Secret::from("Y29pbmJhc2UtZXhhbXBsZS1zZWNyZXQ=\nmy-pass\n"),
        told: Depth { levels: 10, ..Depth::DEFAULT },
        ..Config::new(VENUE)
    }
}

/// What the core holds, from the emissions alone.
#[derive(Default)]
struct Core {
    books: BTreeMap<u16, [BTreeMap<i64, i64>; 2]>,
    distrusted: Vec<Distrust>,
}

struct Desk {
    feed: CoinbaseFeed,
    now_ns: u64,
    out: Outbox<Input>,
    sent: Vec<String>,
    core: Core,
}

impl Desk {
    fn new(config: Config) -> Self {
        let mut desk = Self {
            feed: CoinbaseFeed::new(config).expect("configuration"),
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
        desk.event(Event::Connected(LINK)).text(SUBSCRIBED).text(SNAPSHOT);
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
                Input::FeedAlive(VENUE) => {}
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
        let [bids, asks] = self.core.books.get(&BTC.0)?;
        Some((*bids.last_key_value()?.0, *asks.first_key_value()?.0))
    }
}

const SUBSCRIBE: &str =
    r#"{"type":"subscribe","product_ids":["BTC-USD"],"channels":["level2","heartbeat"]"#;
const UNSUBSCRIBE: &str = r#"{"type":"unsubscribe","product_ids":["BTC-USD"]"#;

#[test]
fn a_signed_subscription_brings_a_snapshot_and_absolute_changes() {
    let mut desk = Desk::new(config());
    desk.sent(&["connect"]).event(Event::Connected(LINK));
    let signed = r#""signature":"FPXUiZ+h7fxB89k2pBdkRoEFwKsIBoUPXfUs0pzjfbY=","key":"my-api-key","passphrase":"my-pass","timestamp":"1700000000"}"#;
    assert!(desk.sent[0].ends_with(signed), "{:?}", desk.sent);
    desk.sent(&[SUBSCRIBE]).text(SUBSCRIBED).text(SNAPSHOT);
    assert_eq!(desk.best(), Some((10_000, 10_050)));
    assert!(desk.feed.standing().is_some_and(|standing| standing.is_up));
    desk.text(&update(r#"["buy","100.00","0.00000000"],["sell","100.20","0.7"]"#));
    assert_eq!(desk.best(), Some((9_950, 10_020)));
    assert_eq!(desk.core.books[&BTC.0][1][&10_020], 70_000_000);
}

#[test]
fn a_book_whose_sides_cross_is_distrusted_at_once_and_comes_back() {
    let mut desk = Desk::synced();
    desk.text(&update(r#"["buy","100.50","1"]"#)).sent(&[UNSUBSCRIBE]);
    assert_eq!((desk.core.distrusted.as_slice(), desk.best()), (&[Distrust::Gap][..], None));
    // What is still on its way from the old subscription is not used.
    desk.text(&update(r#"["buy","99.00","1"]"#)).text(SNAPSHOT);
    assert_eq!(desk.best(), None);
    desk.text(LEFT).sent(&[]).pass(RESYNC_BASE_NS).sent(&[SUBSCRIBE]);
    desk.text(&update(r#"["buy","99.00","1"]"#));
    assert_eq!(desk.best(), None, "a change before the snapshot proves nothing");
    desk.text(SUBSCRIBED).text(SNAPSHOT);
    assert_eq!(desk.best(), Some((10_000, 10_050)));
    assert_eq!(desk.feed.counters().crossed, 1);
}

#[test]
fn a_book_without_its_own_heartbeat_is_not_trusted() {
    let mut desk = Desk::synced();
    for _ in 0..20 {
        desk.pass(S).text(&heartbeat("BTC-USD"));
    }
    assert_eq!(desk.feed.synced(), 1);
    // Another product lives, and so does the link.
    for _ in 0..5 {
        desk.pass(S).text(&heartbeat("ETH-USD"));
    }
    desk.sent(&[UNSUBSCRIBE]);
    assert_eq!(desk.core.distrusted, [Distrust::Disconnected]);
    assert_eq!(desk.feed.counters().heartbeats_missed, 1);
}

#[test]
fn a_silent_link_is_closed_and_made_again() {
    let mut desk = Desk::synced();
    desk.pass(6 * S);
    assert_eq!(desk.core.distrusted, [Distrust::Disconnected]);
    assert_eq!(desk.sent.last().map(String::as_str), Some("close"));
    desk.sent.clear();
    desk.event(Event::Closed(LINK, CloseReason::Requested)).pass(2 * S).sent(&["connect"]);
    desk.event(Event::Connected(LINK)).sent(&[SUBSCRIBE]);
}

#[test]
fn one_product_that_the_venue_refuses_leaves_the_others() {
    let mut config = config();
    config.listings.push(listing(InstrumentId(8), "ETH-USD"));
    let mut desk = Desk::new(config);
    desk.event(Event::Connected(LINK)).text(SUBSCRIBED).text(SNAPSHOT);
    desk.text(
        r#"{"type":"error","message":"Failed to subscribe","reason":"ETH-USD is not a valid product"}"#,
    );
    assert_eq!(desk.best(), Some((10_000, 10_050)));
    let standing = desk.feed.standing().expect("one");
    assert_eq!(standing.why, Some(Why::UnlistedSymbol));
    assert!(standing.detail.contains("ETH-USD"), "{}", standing.detail);
    for _ in 0..12 {
        desk.pass(S).text(&heartbeat("BTC-USD"));
    }
    assert_eq!((desk.feed.synced(), desk.feed.counters().resyncs), (1, 1));
}

#[test]
fn what_is_no_message_of_the_feed_ends_the_link() {
    for text in ["", "{", r#"{"type":"l2update","product_id":"BTC-USD"}"#] {
        let mut desk = Desk::synced();
        desk.text(text).sent(&["close"]);
        assert_eq!(desk.core.distrusted, [Distrust::Protocol], "{text}");
    }
    let mut desk = Desk::synced();
    desk.text(&update(r#"["buy","100.001","1"]"#)).sent(&[UNSUBSCRIBE]);
    assert_eq!(desk.core.distrusted, [Distrust::Protocol], "more decimals than the instrument");
}

#[test]
fn settings_that_cannot_be_used_are_refused() {
    let with = |change: fn(&mut Config)| {
        let mut config = config();
        change(&mut config);
        CoinbaseFeed::new(config).err().map(|error| error.key())
    };
    assert_eq!(with(|c| c.listings.push(listing(BTC, "BTC-USD"))), Some("listing"));
    assert_eq!(with(|c| c.listings[0].symbol = "BTC/USD".to_owned()), Some("listing"));
    assert_eq!(with(|c| c.listings[0].qty_decimals = 19), Some("listing"));
    assert_eq!(with(|c| c.api_secret = Secret::from("c2VjcmV0")), Some("secret_file"));
    assert_eq!(with(|c| c.api_key = Secret::from("")), Some("api_key"));
    assert_eq!(with(|_| {}), None);
}
