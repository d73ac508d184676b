//! Any text to Kraken's market-data parser and machine.
#![cfg_attr(fuzzing, no_main)]

use rutter_core::id::{InstrumentId, VenueId};
use rutter_feeds::deep::Depth;
use rutter_transport::machine::{Event, LinkId, Machine, Outbox};
use rutter_venues::kraken::feed::message::{Content, parse};
use rutter_venues::kraken::feed::{Config, KrakenFeed};
use rutter_venues::listing::FeedListing;

const LINK: LinkId = LinkId(0);
const PAIRS: &str = r#"{"channel":"instrument","type":"snapshot","data":{"pairs":[{"symbol":"A/B","qty_precision":8,"price_precision":4}]}}"#;

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));

/// One input of the fuzzer.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = parse(text, &mut Content::default());
    let listing = FeedListing {
        instrument: InstrumentId(0),
        symbol: "A/B".to_owned(),
        price_decimals: 5,
        qty_decimals: 8,
    };
    let told = Depth { levels: 10, ..Depth::DEFAULT };
    let config = Config { listings: vec![listing], depth: 10, told, ..Config::new(VenueId(0)) };
    let Ok(mut feed) = KrakenFeed::new(config) else { return };
    let mut out = Outbox::default();
    let mut now_ns = 1_700_000_000_000_000_000;
    feed.start(now_ns, &mut out);
    feed.on_event(now_ns, Event::Connected(LINK), &mut out);
    feed.on_event(now_ns, Event::Text(LINK, PAIRS), &mut out);
    // Each line is a message; a timer between them.
    for line in text.lines() {
        now_ns += 50_000_000;
        feed.on_event(now_ns, Event::Text(LINK, line), &mut out);
        feed.flush(now_ns, &mut out);
        feed.on_timer(now_ns, &mut out);
        out.clear();
    }
}
