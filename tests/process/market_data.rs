//! Market data from the real node with simulated venues: a client sees the levels of both venues,
//! and the levels of a venue disappear when its feed ends.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rutter_fix::codec::{
    Encoder, FieldIndex, Message, Status, TimePrecision, decode, write_timestamp,
};
use rutter_fix::dictionary::{Checks, Version};
use rutter_fix::tags;
use rutter_sim::Venue;
use rutter_sim::faults::Fault;
use rutter_sim::market::MARKETS;
use rutter_tools::clock::unix_ns;
use rutter_tools::harness::{
    Flowing, Node, NodeSettings, READY_DEFAULT, Venues, VenuesConfig, free_address,
    write_node_config,
};

const RUTTER: &str = env!("CARGO_BIN_EXE_rutter");
const PATIENCE: Duration = Duration::from_secs(20);

/// Side, price and venue of an entry, as they were written.
type Key = (String, String, String);

/// A client that keeps the books which its messages describe.
struct Desk {
    stream: TcpStream,
    heard: Vec<u8>,
    seq: u64,
    books: BTreeMap<String, BTreeMap<Key, String>>,
    /// Trades that came in an X: venue, number, side of the taker, quantity.
    trades: Vec<[String; 4]>,
    /// Messages by type.
    seen: BTreeMap<String, usize>,
    last: String,
}

impl Desk {
    fn connect(settings: &NodeSettings) -> Self {
        let stream = TcpStream::connect(settings.listen).expect("connects");
        stream.set_read_timeout(Some(Duration::from_millis(20))).expect("set");
        stream.set_nodelay(true).expect("set");
        let (books, seen) = (BTreeMap::new(), BTreeMap::new());
        let (heard, trades, last) = (Vec::new(), Vec::new(), String::new());
        let mut desk = Self { stream, heard, seq: 0, books, trades, seen, last };
        desk.send(
            "A",
            &[(98, "0"), (108, "30"), (141, "Y"), (554, &settings.sessions[0].password)],
        );
        desk.until("logged on", |desk| desk.seen.contains_key("A"));
        desk
    }

    fn send(&mut self, kind: &str, fields: &[(u32, &str)]) {
        self.seq += 1;
        let mut bytes = Vec::new();
        let mut out = Encoder::begin(&mut bytes, b"FIX.4.4", kind.as_bytes());
        out.uint(tags::MSG_SEQ_NUM, self.seq);
        out.text(tags::SENDER_COMP_ID, "DESK1").text(tags::TARGET_COMP_ID, "RUTTER");
        out.timestamp(tags::SENDING_TIME, unix_ns(), TimePrecision::Micros);
        for (tag, value) in fields {
            out.text(*tag, value);
        }
        out.finish().expect("encodes");
        self.stream.write_all(&bytes).expect("written");
    }

    /// Reads until `done`.
    fn until(&mut self, what: &str, mut done: impl FnMut(&Self) -> bool) {
        let started = Instant::now();
        while !done(self) {
            assert!(started.elapsed() < PATIENCE, "{what}: {} {:#?}", self.last, self.books);
            self.hear();
        }
    }

    /// Reads all bytes that have arrived.
    fn hear(&mut self) {
        let mut chunk = [0; 16 << 10];
        match self.stream.read(&mut chunk) {
            Ok(0) => panic!("the node closes: {}", self.last),
            Ok(count) => self.heard.extend_from_slice(&chunk[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => panic!("{error}"),
        }
        let heard = std::mem::take(&mut self.heard);
        let (mut at, mut index) = (0, FieldIndex::new());
        let dictionary = Version::Fix44.dictionary();
        while let Ok(Status::Complete { consumed }) = decode(&heard[at..], &mut index) {
            let message = Message::new(&heard[at..at + consumed], &index);
            assert_eq!(dictionary.check(&message, &Checks::default()), Ok(()), "{message}");
            self.on_message(&message);
            at += consumed;
        }
        self.heard = heard[at..].to_vec();
    }

    fn on_message(&mut self, message: &Message<'_>) {
        let kind = String::from_utf8_lossy(message.msg_type()).into_owned();
        self.last = message.to_string();
        if kind == "W" {
            self.books.insert(text(message.get(tags::MD_REQ_ID)), BTreeMap::new());
        }
        if kind == "W" || kind == "X" {
            let members = [279, 269, 278, 55, 207, 270, 271, 272, 273, 275, 2446];
            let first = if kind == "W" { &members[1..] } else { &members[..] };
            let group = message.group(tags::NO_MD_ENTRIES, first).expect("a group");
            let book = self.books.get_mut(&text(message.get(tags::MD_REQ_ID))).expect("a W first");
            for entry in group.entries() {
                if entry.get(269) == Some(b"2") {
                    if kind == "X" {
                        self.trades.push([275, 278, 2446, 271].map(|tag| text(entry.get(tag))));
                    }
                    continue;
                }
                let key = (text(entry.get(269)), text(entry.get(270)), text(entry.get(275)));
                let known = match entry.get(279) {
                    Some(b"2") => book.remove(&key),
                    _ => book.insert(key, text(entry.get(271))),
                };
                assert_eq!(
                    known.is_some(),
                    matches!(entry.get(279), Some(b"1" | b"2")),
                    "{message}"
                );
            }
        }
        *self.seen.entry(kind).or_default() += 1;
    }

    /// Venues that have levels in a book.
    fn venues(&self, id: &str) -> Vec<String> {
        let book = self.books.get(id);
        let mut venues: Vec<String> =
            book.into_iter().flatten().map(|((_, _, venue), _)| venue.clone()).collect();
        venues.sort_unstable();
        venues.dedup();
        venues
    }
}

fn text(value: Option<&[u8]>) -> String {
    String::from_utf8_lossy(value.unwrap_or(b"")).into_owned()
}

fn subscribe(id: &'static str, extra: &[(u32, &'static str)]) -> Vec<(u32, &'static str)> {
    let mut fields =
        vec![(262, id), (263, "1"), (264, "0"), (265, "1"), (267, "2"), (269, "0"), (269, "1")];
    fields.extend([(146, "1"), (55, MARKETS[0].symbol)]);
    fields.extend(extra);
    fields
}

/// As [`subscribe`], with trades.
fn subscribe_trades(id: &'static str) -> Vec<(u32, &'static str)> {
    let mut fields = subscribe(id, &[]);
    fields.retain(|(tag, _)| !matches!(tag, 267 | 269));
    let at = fields.len() - 2;
    fields.splice(at..at, [(267, "3"), (269, "0"), (269, "1"), (269, "2")]);
    fields
}

fn scene(flowing: Flowing, layout: &str) -> (tempfile::TempDir, Venues, NodeSettings, Node) {
    let dir = tempfile::Builder::new().prefix("rutter-market-").tempdir().expect("folder");
    let venues = VenuesConfig { flowing, ..VenuesConfig::default() };
    let venues = Venues::start(&venues, dir.path()).expect("venues");
    let mut settings = NodeSettings::new(free_address().expect("a port"));
    settings.orders_log2 = 12;
    layout.clone_into(&mut settings.layout);
    "shared".clone_into(&mut settings.wait_profile);
    let config = write_node_config(dir.path(), &venues, &settings).expect("configuration");
    let mut node = Node::start(Path::new(RUTTER), &config, dir.path()).expect("node");
    node.wait_ready(READY_DEFAULT).expect("ready");
    (dir, venues, settings, node)
}

#[test]
fn the_levels_of_a_venue_whose_feed_dies_vanish_from_the_consolidated_book() {
    for layout in ["fused", "threads"] {
        let (_dir, venues, settings, _node) = scene(Flowing::Moving, layout);
        let mut desk = Desk::connect(&settings);
        desk.send("x", &[(320, "all"), (559, "4")]);
        desk.send("g", &[(335, "open"), (263, "1")]);
        desk.send("V", &subscribe("all", &[]));
        desk.send("V", &subscribe("kraken", &[(207, "kraken")]));
        let both = ["binance".to_owned(), "kraken".to_owned()];
        desk.until("both venues", |desk| desk.venues("all") == both);
        desk.until("the venue alone", |desk| desk.venues("kraken") == ["kraken"]);
        desk.until("changes", |desk| desk.seen.get("X").is_some_and(|count| *count > 20));
        assert_eq!((desk.seen["y"], desk.seen["h"]), (1, 1));
        // The feed is cut off and refused for a while.
        venues.inject(Venue::Kraken, Fault::Maintenance { for_ns: 3_000_000_000 });
        desk.until("its levels vanish", |desk| desk.venues("all") == ["binance"]);
        desk.until("its own book is empty", |desk| desk.venues("kraken").is_empty());
        desk.until("its levels come back", |desk| desk.venues("all") == both);
        desk.send("V", &[(262, "all"), (263, "2")]);
        desk.send("V", &[(262, "kraken"), (263, "2")]);
        // What is answered behind the end of a subscription is behind its last message.
        desk.send("V", &[(262, "all"), (263, "2")]);
        desk.until("the refusal", |desk| desk.seen.contains_key("Y"));
        let told = (desk.seen["W"], desk.seen["X"]);
        desk.send("1", &[(112, "still there")]);
        desk.until("the answer", |desk| desk.seen.contains_key("0"));
        assert_eq!(told, (desk.seen["W"], desk.seen["X"]), "{layout}: nothing more is told");
    }
}

/// The background participants trade with each other at both venues.
#[test]
fn the_trades_of_both_venues_reach_a_client_once_and_in_order() {
    let (_dir, _venues, settings, _node) = scene(Flowing::Moving, "auto");
    let mut desk = Desk::connect(&settings);
    desk.send("V", &subscribe_trades("all"));
    let of = |desk: &Desk, venue: &str| -> Vec<u64> {
        let trades = desk.trades.iter().filter(|[of, ..]| of == venue);
        trades.map(|[_, id, ..]| id.parse().expect("a number")).collect()
    };
    desk.until("trades of both", |desk| {
        of(desk, "binance").len() >= 5 && of(desk, "kraken").len() >= 5
    });
    for venue in ["binance", "kraken"] {
        let ids = of(&desk, venue);
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{venue}: {ids:?}");
    }
    assert!(desk.trades.iter().all(|[_, _, taker, _]| taker == "1" || taker == "2"));
    assert!(!desk.books["all"].is_empty(), "the books go on beside them");
}

/// Both venues show the same book and have the same fees, so an order waits at the first one. Once
/// much has traded against the bids of the other, an order waits there.
#[test]
fn an_order_waits_at_the_venue_where_its_level_trades() {
    let dir = tempfile::Builder::new().prefix("rutter-market-").tempdir().expect("folder");
    let still = VenuesConfig { flowing: Flowing::Still, ..VenuesConfig::default() };
    let venues = Venues::start(&still, dir.path()).expect("venues");
    let mut settings = NodeSettings::new(free_address().expect("a port"));
    settings.orders_log2 = 12;
    "shared".clone_into(&mut settings.wait_profile);
    let config = write_node_config(dir.path(), &venues, &settings).expect("configuration");
    let written = std::fs::read_to_string(&config).expect("readable");
    let same_fee = |line: &str| {
        let of_maker = line.starts_with("maker_fee_ppm");
        if of_maker { "maker_fee_ppm = 1000\n".to_owned() } else { format!("{line}\n") }
    };
    std::fs::write(&config, written.lines().map(same_fee).collect::<String>()).expect("written");
    let mut node = Node::start(Path::new(RUTTER), &config, dir.path()).expect("node");
    node.wait_ready(READY_DEFAULT).expect("ready");
    let mut desk = Desk::connect(&settings);
    desk.send("V", &subscribe_trades("all"));
    desk.until("an image", |desk| desk.venues("all").len() == 2);
    let mut now = Vec::new();
    write_timestamp(&mut now, unix_ns(), TimePrecision::Millis);
    let now = String::from_utf8(now).expect("text");
    let order = |desk: &mut Desk, id: &str, terms: &[(u32, &str)]| {
        let usual = [(11, id), (55, MARKETS[0].symbol), (40, "2"), (60, now.as_str())];
        desk.send("D", &[&usual[..], terms].concat());
    };
    let buy = [(54, "1"), (38, "1"), (44, "59700"), (59, "1")];
    order(&mut desk, "first", &buy);
    desk.until("it rests", |_| venues.open_orders(Venue::Binance) == 1);
    assert_eq!(venues.open_orders(Venue::Kraken), 0);
    for nth in 0..10 {
        let sell = [(54, "2"), (38, "80"), (44, "59999"), (59, "3"), (100, "kraken")];
        order(&mut desk, &format!("sell-{nth}"), &sell);
    }
    let e8 = |text: &String| rutter_tools::client::parse_e8(text).expect("a number");
    desk.until("800 have traded", |desk| {
        let sold = desk.trades.iter().filter(|[at, _, taker, _]| at == "kraken" && taker == "2");
        sold.map(|[.., qty]| e8(qty)).sum::<i64>() == 80_000_000_000
    });
    order(&mut desk, "second", &buy);
    desk.until("it rests at the other venue", |_| venues.open_orders(Venue::Kraken) > 0);
}

/// The venues' books stand still, so the client's books equal them digit by digit.
#[test]
fn the_book_that_a_client_has_is_the_one_that_the_venues_have() {
    let (_dir, venues, settings, _node) = scene(Flowing::Still, "auto");
    let mut desk = Desk::connect(&settings);
    desk.send("V", &subscribe("all", &[]));
    desk.until("an image", |desk| desk.venues("all").len() == 2);
    let mut expected = BTreeMap::new();
    for venue in Venue::ALL {
        let book = venues.book(venue, 0);
        for (side, levels) in [("0", book.bids), ("1", book.asks)] {
            for (price_e8, qty_e8) in levels {
                let key = (side.to_owned(), price_e8, venue.name().to_owned());
                expected.insert(key, qty_e8);
            }
        }
    }
    let e8 = |text: &String| rutter_tools::client::parse_e8(text).expect("a number");
    let told: BTreeMap<_, _> = desk.books["all"]
        .iter()
        .map(|((side, price, venue), qty)| ((side.clone(), e8(price), venue.clone()), e8(qty)))
        .collect();
    assert_eq!(told, expected);
    assert_eq!(told.len(), 4);
}
