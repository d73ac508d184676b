//! A client that trades over FIX, outlives the node, and keeps every message of the node.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use rutter_fix::session::Warning;
use rutter_fix::tags;
use rutter_sim::market::{E8, MARKETS};
use rutter_sim::random::Random;
use rutter_tools::client::{ClientConfig, FixClient, Order, Report, Side, Tif, Told};
use rutter_tools::clock::unix_ns;
use rutter_tools::harness::{Book, ClientSession, USUAL, Venues};

const MS_NS: u64 = 1_000_000;

/// Between two orders of one client.
const INTERVAL_NS: u64 = 15 * MS_NS;

/// Between two attempts to connect.
const RECONNECT_NS: u64 = 2 * MS_NS;

/// Between two requests to cancel the same order.
const CANCEL_AGAIN_NS: u64 = 500 * MS_NS;

const CENT_E8: i64 = 1_000_000;

/// The best prices of each market over both venues, for sensible limits.
#[derive(Debug, Default)]
pub struct Market {
    best: [Option<(i64, i64)>; 2],
}

impl Market {
    pub fn look(&mut self, venues: &Venues) {
        for (market, best) in self.best.iter_mut().enumerate() {
            let books: Vec<Book> =
                USUAL.into_iter().map(|venue| venues.book(venue, market)).collect();
            let bid = books.iter().filter_map(|book| book.bids.first()).map(|(p, _)| *p).max();
            let ask = books.iter().filter_map(|book| book.asks.first()).map(|(p, _)| *p).min();
            *best = bid.zip(ask);
        }
    }
}

/// A message of the node about an order, as the client understood it. The journal's decisions are
/// brought into the same form, so the two can be compared whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// `ExecType`; `x` for a cancel reject.
    pub kind: char,
    pub status: char,
    /// `ExecID` without the node's tag; 0 for a cancel reject.
    pub exec: u64,
    /// `OrderID` without the node's tag; 0 for none.
    pub order: u64,
    pub cl_ord_id: String,
    pub orig_cl_ord_id: String,
    pub cum_e8: i64,
    pub leaves_e8: i64,
    /// Venue, quantity, price, maker.
    pub last: Option<(String, i64, i64, bool)>,
    /// The word.
    pub text: String,
}

/// An order as it was sent.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    pub market: usize,
    pub buy: bool,
    pub qty_e8: i64,
    pub over: bool,
    pub answered: bool,
    cancel_ns: u64,
    cancels: u32,
}

/// One client.
pub struct Desk {
    client: FixClient,
    random: Random,
    pub name: String,
    /// By `ClOrdID`.
    pub orders: BTreeMap<String, Sent>,
    /// Those that are not over.
    live: BTreeSet<String>,
    /// The node's messages in order, each with its `MsgSeqNum`.
    pub told: Vec<(u64, Heard)>,
    /// Reports that came because we asked for them again.
    pub resent: u64,
    /// Times logged on.
    pub logons: u64,
    pub tag: Option<String>,
    pub cancels: u64,
    connected: bool,
    next_order_ns: u64,
    next_connect_ns: u64,
}

fn id(text: &str, tag: &mut Option<String>) -> u64 {
    if text.is_empty() || text == "NONE" {
        return 0;
    }
    let (prefix, number) = text.split_once('-').expect("tag, dash, number");
    let known = tag.get_or_insert_with(|| prefix.to_owned());
    assert_eq!(known, prefix, "one journal has one tag");
    number.parse().expect("a number")
}

impl Desk {
    pub fn new(seed: u64, at: usize, address: SocketAddr, session: &ClientSession) -> Self {
        let config = ClientConfig::new(address, &session.comp_id, &session.password);
        // The node may not listen yet.
        let client = loop {
            match FixClient::connect(&config) {
                Ok(client) => break client,
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        Self {
            client,
            random: Random::salted(seed, 1_000 + at as u64),
            name: session.comp_id.clone(),
            orders: BTreeMap::new(),
            live: BTreeSet::new(),
            told: Vec::new(),
            resent: 0,
            logons: 0,
            tag: None,
            cancels: 0,
            connected: true,
            next_order_ns: 0,
            next_connect_ns: 0,
        }
    }

    pub fn is_up(&self) -> bool {
        self.client.is_logged_on()
    }

    /// Reads, answers, connects again; with a market to look at, also trades.
    pub fn turn(&mut self, now_ns: u64, market: Option<&Market>) -> bool {
        if !self.connected && now_ns >= self.next_connect_ns {
            self.next_connect_ns = now_ns + RECONNECT_NS;
            self.connected = self.client.reconnect().is_ok();
        }
        let (mut heard, mut logons, mut gone) = (Vec::new(), 0, false);
        let arrived = self.client.turn(now_ns, &mut |told| match told {
            Told::LoggedOn => logons += 1,
            Told::App(message, poss_dup) => {
                let seq = message.uint(tags::MSG_SEQ_NUM).expect("a number").expect("34");
                let report = Report::read(&message, poss_dup);
                heard.push((seq, report.unwrap_or_else(|| panic!("unreadable: {message:?}"))));
            }
            Told::Rejected(message) => panic!("the node rejects {message:?}"),
            Told::Odd(
                odd @ (Warning::SequenceReset { .. }
                | Warning::ResendTruncated { .. }
                | Warning::AheadFull { .. }
                | Warning::RejectNotStored
                | Warning::Garbled(_)),
            ) => panic!("something may be lost: {odd:?}"),
            Told::Odd(Warning::Gap { .. } | Warning::Silent) => {}
            Told::Disconnected(_) => gone = true,
        });
        self.logons += logons;
        for (seq, report) in heard {
            self.hear(seq, report);
        }
        self.connected &= !gone;
        if let Some(market) = market.filter(|_| self.client.is_logged_on()) {
            self.trade(now_ns, market);
        }
        arrived.expect("the node reads")
    }

    fn hear(&mut self, seq: u64, report: Report) {
        self.resent += u64::from(report.poss_dup);
        let about = if report.orig_cl_ord_id.is_empty() {
            &report.cl_ord_id
        } else {
            &report.orig_cl_ord_id
        };
        let name = &self.name;
        let order = self.orders.get_mut(about);
        let order = order.unwrap_or_else(|| panic!("{name} never sent {about}: {report:?}"));
        order.answered |= report.kind != 'x';
        order.over |= report.is_final();
        if order.over {
            self.live.remove(about);
        }
        let heard = Heard {
            kind: report.kind,
            status: report.status,
            exec: id(&report.exec_id, &mut self.tag),
            order: id(&report.order_id, &mut self.tag),
            cl_ord_id: report.cl_ord_id,
            orig_cl_ord_id: report.orig_cl_ord_id,
            cum_e8: report.cum_e8,
            leaves_e8: report.leaves_e8,
            last: report.last.map(|last| (last.venue, last.qty_e8, last.price_e8, last.maker)),
            text: report.text,
        };
        self.told.push((seq, heard));
    }

    fn trade(&mut self, now_ns: u64, market: &Market) {
        self.cancel_open(now_ns);
        if now_ns >= self.next_order_ns {
            self.next_order_ns = now_ns + INTERVAL_NS;
            self.order(now_ns, market);
        }
    }

    fn order(&mut self, now_ns: u64, market: &Market) {
        let random = &mut self.random;
        let at = random.below(MARKETS.len() as u64) as usize;
        let Some((bid, ask)) = market.best[at] else { return };
        let buy = random.below(2) == 0;
        let (least, most) = MARKETS[at].quote_qty_e8;
        let lot = MARKETS[at].lot_e8;
        let mut qty_e8 = random.between(least, most * 2) / lot * lot;
        let (touch, behind, sign) = if buy { (ask, bid, 1) } else { (bid, ask, -1) };
        let away = |price: i64, ppm: i64| {
            let moved = i128::from(price) * i128::from(1_000_000 + sign * ppm) / 1_000_000;
            i64::try_from(moved).expect("a price") / CENT_E8 * CENT_E8
        };
        let ppm = random.between(0, 500);
        let (limit_e8, tif) = match random.below(100) {
            0..30 => (None, Tif::Ioc),
            30..50 => (Some(away(touch, ppm)), Tif::Ioc),
            50..60 => (Some(away(touch, ppm)), Tif::Fok),
            60..75 => (Some(away(touch, ppm)), Tif::Gtc),
            // The rest is behind the market and stays there until it is cancelled.
            75..98 => (Some(away(behind, -ppm)), Tif::Day),
            // Refused: refusals are numbered reports too.
            _ => {
                qty_e8 = 5_000 * E8;
                (None, Tif::Ioc)
            }
        };
        let cl_ord_id = format!("{}-{}", self.name, self.orders.len());
        let side = if buy { Side::Buy } else { Side::Sell };
        let symbol = MARKETS[at].symbol;
        let cancel_ns = now_ns + random.below(500) * MS_NS + 50 * MS_NS;
        let order = Order { cl_ord_id: &cl_ord_id, symbol, side, qty_e8, limit_e8, tif };
        self.client.new_order(now_ns, &order).expect("sent");
        let sent =
            Sent { market: at, buy, qty_e8, over: false, answered: false, cancel_ns, cancels: 0 };
        self.live.insert(cl_ord_id.clone());
        self.orders.insert(cl_ord_id, sent);
    }

    fn cancel(&mut self, now_ns: u64, cl_ord_id: &str) {
        let order = self.orders.get_mut(cl_ord_id).expect("ours");
        order.cancel_ns = now_ns + CANCEL_AGAIN_NS;
        order.cancels += 1;
        let id = format!("{cl_ord_id}.c{}", order.cancels);
        let side = if order.buy { Side::Buy } else { Side::Sell };
        let symbol = MARKETS[order.market].symbol;
        self.client.cancel(now_ns, &id, cl_ord_id, symbol, side).expect("sent");
        self.cancels += 1;
    }

    /// Cancels open orders, except those with a recent cancel request.
    pub fn cancel_open(&mut self, now_ns: u64) {
        if !self.client.is_logged_on() {
            return;
        }
        let due = self.live.iter().filter(|id| self.orders[*id].cancel_ns <= now_ns);
        for id in due.cloned().collect::<Vec<_>>() {
            self.cancel(now_ns, &id);
        }
    }

    /// Orders that are not over.
    pub fn open(&self) -> usize {
        self.live.len()
    }

    pub fn open_shown(&self) -> Vec<String> {
        self.live.iter().map(|id| format!("{id} {:?}", self.orders[id])).collect()
    }

    pub fn log_out(&mut self) {
        self.client.logout(unix_ns()).expect("written");
        for _ in 0..200 {
            self.turn(unix_ns(), None);
            if !self.connected {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("{}: no answer to the Logout", self.name);
    }
}
