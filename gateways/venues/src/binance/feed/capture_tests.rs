//! Recorded traffic of the real exchange, replayed.

use std::collections::BTreeMap;
use std::path::Path;

use rutter_core::id::{InstrumentId, VenueId};
use rutter_core::input::{Input, ListingTerms, MarketStatus, Side};
use rutter_transport::machine::{Action, Event, HttpResponse, Machine, Outbox};

use super::message::{Decimals, Levels, Message, parse};
use super::{BinanceFeed, Config, LINK};
use crate::listing::FeedListing;

const SYMBOLS: [&str; 4] = ["NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR"];

fn read(name: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/captures").join(name);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped: no recording {name} beside the project");
    }
    text
}

/// Seconds with a fraction, as nanoseconds.
fn time(text: &str) -> u64 {
    let (seconds, fraction) = text.trim().split_once('.').expect("seconds");
    let digits = format!("{fraction:0<9}");
    seconds.parse::<u64>().expect("seconds") * 1_000_000_000
        + digits[..9].parse::<u64>().expect("fraction")
}

/// Stream and snapshots by time: `None` is the stream, otherwise the symbol of the answer.
fn recording() -> Option<Vec<(u64, Option<String>, String)>> {
    let (stream, http) = (read("BINANCE.ws.1.0")?, read("BINANCE.http.0.0")?);
    let mut events = Vec::new();
    for line in stream.lines() {
        let Some((at, text)) = line.split_once(": ") else { continue };
        if at.starts_with(|c: char| c.is_ascii_digit()) && text.starts_with('{') {
            events.push((time(at), None, text.to_owned()));
        }
    }
    for line in http.lines() {
        let Some((url, rest)) = line.split_once(" -> ") else { continue };
        let (at, body) = rest.split_once(": ").expect("answer");
        let symbol = url.split_once("symbol=").expect("symbol").1;
        let symbol = symbol.split_once('&').map_or(symbol, |(symbol, _)| symbol);
        events.push((time(at), Some(symbol.to_owned()), body.to_owned()));
    }
    events.sort_by_key(|(at, ..)| *at);
    Some(events)
}

fn is_depth_of(target: &str, symbol: &str) -> bool {
    target.contains("/depth?") && target.contains(symbol)
}

fn feed(symbols: &[&str]) -> BinanceFeed {
    let listings = symbols.iter().zip(1..).map(|(symbol, n)| FeedListing {
        instrument: InstrumentId(n),
        symbol: (*symbol).to_owned(),
        price_decimals: 8,
        qty_decimals: 8,
    });
    let config = Config { listings: listings.collect(), ..Config::new(VenueId(1)) };
    BinanceFeed::new(config).expect("configuration")
}

/// The recorder asked for a snapshot of each book once; so does the feed, and the recorded answer
/// meets the recorded stream. The answer is given when it was recorded, or when it is asked for.
#[test]
fn the_recorded_day_is_followed_without_a_gap() {
    let Some(events) = recording() else { return };
    let mut feed = feed(&SYMBOLS);
    let mut out = Outbox::default();
    let start = events.first().map_or(0, |(at, ..)| *at);
    feed.start(start, &mut out);
    feed.on_event(start, Event::Connected(LINK), &mut out);
    let mut asked: Vec<(String, u64)> = Vec::new();
    let mut inputs = Vec::new();
    for (now, symbol, text) in &events {
        match symbol {
            None => feed.on_event(*now, Event::Text(LINK, text), &mut out),
            Some(symbol) => {
                if let Some(at) = asked.iter().position(|(target, _)| is_depth_of(target, symbol)) {
                    let (_, id) = asked.remove(at);
                    let response = HttpResponse::new(200, text.clone());
                    feed.on_event(*now, Event::Http(id, Some(&response)), &mut out);
                }
            }
        }
        feed.flush(*now, &mut out);
        for action in out.actions.drain(..) {
            if let Action::Http(request) = action {
                asked.push((request.target, request.id));
            }
        }
        inputs.append(&mut out.emissions);
        out.clear();
    }
    let counters = feed.counters();
    println!("{counters:?}, {} inputs", inputs.len());
    assert_eq!((counters.gaps, counters.breaks, counters.protocol_errors), (0, 0, 0));
    assert_eq!(feed.synced(), SYMBOLS.len());
    assert!(inputs.iter().filter(|input| matches!(input, Input::Book(_))).count() > 100);
    for n in 1..=4 {
        let book = feed.book(InstrumentId(n)).expect("synced");
        assert!(!book.is_crossed() && book.len(Side::Buy) > 100 && book.len(Side::Sell) > 100);
    }
}

/// What the core was told, put together from differences, has the top of the book at every moment,
/// and the whole book when its deep levels have been told.
#[test]
fn the_core_is_told_the_top_of_the_recorded_books() {
    let Some(events) = recording() else { return };
    let mut feed = feed(&SYMBOLS[..1]);
    let mut out = Outbox::default();
    feed.start(1, &mut out);
    feed.on_event(1, Event::Connected(LINK), &mut out);
    out.clear();
    let mut asked = None;
    let mut told: Vec<BTreeMap<i64, i64>> = vec![BTreeMap::default(); 2];
    let mut now = 1_633_998_511_000_000_000;
    let mut whole = 0;
    for (_, symbol, text) in &events {
        if symbol.is_none() {
            feed.on_event(now, Event::Text(LINK, text), &mut out);
        } else if symbol.as_deref() == Some("NKNUSDT") {
            let response = HttpResponse::new(200, text.clone());
            let id = asked.expect("a snapshot is asked for");
            feed.on_event(now, Event::Http(id, Some(&response)), &mut out);
        }
        now += 30_000_000;
        feed.flush(now, &mut out);
        for action in &out.actions {
            if let Action::Http(request) = action
                && is_depth_of(&request.target, "NKNUSDT")
            {
                asked = Some(request.id);
            }
        }
        for input in &out.emissions {
            let Input::Book(update) = input else { continue };
            if update.clear {
                told.iter_mut().for_each(BTreeMap::clear);
            }
            for (side, level) in update.changes() {
                let half = &mut told[usize::from(side == Side::Sell)];
                if level.qty.is_zero() {
                    half.remove(&level.price.0);
                } else {
                    half.insert(level.price.0, level.qty.0);
                }
            }
        }
        out.clear();
        if let Some(book) = feed.book(InstrumentId(1)) {
            let best = |side, depth| -> Vec<(i64, i64)> {
                book.side(side).take(depth).map(|l| (l.price.0, l.qty.0)).collect()
            };
            let bids: Vec<_> = told[0].iter().rev().map(|(p, q)| (*p, *q)).collect();
            let asks: Vec<_> = told[1].iter().map(|(p, q)| (*p, *q)).collect();
            let top = |levels: &[(i64, i64)]| levels[..20].to_vec();
            assert_eq!(top(&bids), best(Side::Buy, 20));
            assert_eq!(top(&asks), best(Side::Sell, 20));
            whole += u32::from(bids == best(Side::Buy, 1_000) && asks == best(Side::Sell, 1_000));
        }
    }
    assert!(whole > 0 && told[0].len() > 100, "{whole} times, {} bids", told[0].len());
}

/// Losing any one change of a synced book must be seen.
#[test]
fn every_lost_recorded_change_is_noticed() {
    let Some(events) = recording() else { return };
    let decimals = Decimals { price: 8, qty: 8 };
    let mut levels = Levels::default();
    let mut changes = Vec::new();
    for (_, _, text) in events.iter().filter(|(_, symbol, _)| symbol.is_none()) {
        let listed = |symbol: &str| (symbol == "NKNUSDT").then_some(decimals);
        if let Ok(Message::Depth(depth)) = parse(text, listed, &mut levels) {
            changes.push((depth.first, depth.last));
        }
    }
    assert!(changes.len() > 20);
    for lost in 1..changes.len() - 1 {
        let mut book = super::sequence::SequencedBook::new(20);
        let empty = Levels::default();
        assert!(book.snapshot(changes[0].1, &empty, 1_000).is_ok());
        let kept = changes.iter().enumerate().skip(1).filter(|(n, _)| *n != lost);
        let seen = kept.map(|(_, (first, last))| book.change(*first, *last, &empty));
        assert!(seen.filter(Result::is_err).count() >= 1, "change {lost} was lost unseen");
    }
}

/// The recorded filters against the recorded books: nearly all that the venue showed is what its
/// filters take. Orders that rested when the venue changed its filters stayed as they were
/// (NKNUSDT, far from the market).
#[test]
fn the_recorded_filters_take_the_recorded_levels() {
    let (Some(recorded), Some(events)) = (read("BINANCE.0"), recording()) else { return };
    let line = recorded.lines().find(|line| line.contains("exchangeInfo -> ")).expect("recorded");
    let (_, body) = line.split_once("exchangeInfo -> ").expect("answer");
    let response = HttpResponse::new(200, body.split_once(": ").expect("time").1.to_owned());
    let mut feed = feed(&SYMBOLS);
    let mut out = Outbox::default();
    feed.start(1, &mut out);
    feed.on_event(1, Event::Connected(LINK), &mut out);
    let ask = out.actions.iter().find_map(|action| match action {
        Action::Http(request) if request.target.contains("exchangeInfo") => Some(request.id),
        _ => None,
    });
    feed.on_event(2, Event::Http(ask.expect("asked for"), Some(&response)), &mut out);
    let terms: BTreeMap<u16, ListingTerms> = out
        .emissions
        .iter()
        .filter_map(|input| match input {
            Input::VenueTerms(terms) => Some((terms.instrument.0, *terms)),
            _ => None,
        })
        .collect();
    let open = out
        .emissions
        .iter()
        .filter(|input| matches!(input, Input::Market { status: MarketStatus::Open, .. }));
    assert_eq!((terms.len(), open.count()), (SYMBOLS.len(), SYMBOLS.len()));
    let (mut levels_seen, mut older) = (0, 0);
    for (symbol, n) in SYMBOLS.iter().zip(1..) {
        let terms = &terms[&n];
        assert!(terms.notional_min.0 > 0 && terms.qty_min.0 > 0, "{symbol}: {terms:?}");
        for (_, name, text) in events.iter().filter(|(_, name, _)| name.is_some()) {
            if name.as_deref() != Some(*symbol) {
                continue;
            }
            let mut levels = Levels::default();
            let decimals = Decimals { price: 8, qty: 8 };
            super::message::parse_snapshot(text, symbol, decimals, &mut levels).expect("a book");
            for level in levels.bids.iter().chain(&levels.asks) {
                let fits = terms.ticks.takes(level.price) && level.qty.0 % terms.lot.0 == 0;
                older += i32::from(!fits);
                levels_seen += 1;
            }
        }
    }
    println!("{levels_seen} levels, {older} of older filters");
    assert!(levels_seen > 1_000 && older * 50 < levels_seen, "{older} of {levels_seen}");
}
