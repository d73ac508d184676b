//! Any text to Binance's market-data parsers and machine.
#![cfg_attr(fuzzing, no_main)]

use rutter_core::id::{InstrumentId, VenueId};
use rutter_transport::machine::{Action, Event, HttpResponse, LinkId, Machine, Outbox};
use rutter_venues::binance::feed::message::{Decimals, Levels, parse, parse_snapshot};
use rutter_venues::binance::feed::{BinanceFeed, Config};
use rutter_venues::listing::FeedListing;

const LINK: LinkId = LinkId(0);

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));

/// One input of the fuzzer.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let decimals = Decimals { price: 4, qty: 8 };
    let mut levels = Levels::default();
    let _ = parse(text, |symbol| (symbol == "AB").then_some(decimals), &mut levels);
    let _ = parse_snapshot(text, "AB", decimals, &mut levels);
    let listing = FeedListing {
        instrument: InstrumentId(0),
        symbol: "AB".to_owned(),
        price_decimals: 4,
        qty_decimals: 8,
    };
    let config = Config { listings: vec![listing], ..Config::new(VenueId(0)) };
    let Ok(mut feed) = BinanceFeed::new(config) else { return };
    let mut out = Outbox::default();
    let mut now_ns = 1_700_000_000_000_000_000;
    feed.start(now_ns, &mut out);
    feed.on_event(now_ns, Event::Connected(LINK), &mut out);
    let mut asked = None;
    // Each line is a message, or with `@` in front the answer to the last request.
    for line in text.lines() {
        now_ns += 50_000_000;
        match (line.strip_prefix('@'), asked.take()) {
            (Some(body), Some(id)) => {
                let response = HttpResponse::new(200, body.to_owned());
                feed.on_event(now_ns, Event::Http(id, Some(&response)), &mut out);
            }
            (_, still) => {
                asked = still;
                feed.on_event(now_ns, Event::Text(LINK, line), &mut out);
            }
        }
        feed.flush(now_ns, &mut out);
        feed.on_timer(now_ns, &mut out);
        for action in &out.actions {
            if let Action::Http(request) = action {
                asked = Some(request.id);
            }
        }
        out.clear();
    }
}
