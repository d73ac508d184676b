//! A trading client: a FIX session of the other role, random orders and other requests, and a
//! memory of every report. Each speaks its own version of FIX; the last one's orders end with its
//! connection.

use std::collections::{BTreeMap, BTreeSet};

use rutter_fix::codec::{Encoder, FieldIndex, Message, TimePrecision};
use rutter_fix::dictionary::Version;
use rutter_fix::session::{Config, Event, LogonContext, Policy, Session};
use rutter_fix::store::MemStore;
use rutter_fix::tags;
use rutter_sim::random::Random;
use rutter_world::script;

/// Logs on, with the fields that the FIX version has.
pub struct Password {
    version: Version,
    cancel_on_disconnect: bool,
}

/// How often a client that acts sends many orders at once, in parts per million.
const SPIKES_PPM: u32 = 10_000;
/// So many orders: more than any venue takes in ten seconds.
const SPIKE_ORDERS: usize = 70;

/// How many of the orders that may rest are posted at the touch, in parts per million.
const POSTS_PPM: u32 = 400_000;
/// `TargetStrategy` (847) of these: post, and smart.
const POSTS: [u32; 2] = [1001, 1003];

/// Grace of the client whose orders end with its connection, in seconds: for half of its logons
/// none, and for the others more than it takes to come back.
const fn grace_s(logon: &LogonContext<'_>) -> u64 {
    logon.msg_seq_num % 2
}

impl Policy for Password {
    fn authenticate(&mut self, _: &Message<'_>) -> Result<(), &'static str> {
        Ok(())
    }

    fn logon_fields(&mut self, context: &LogonContext<'_>, encoder: &mut Encoder<'_>) {
        if self.version != Version::Fix42 {
            encoder.field(tags::PASSWORD, b"secret-enough");
        }
        if self.cancel_on_disconnect {
            encoder.bool(tags::CANCEL_ON_DISCONNECT, true);
            encoder.uint(tags::CANCEL_ON_DISCONNECT_GRACE, grace_s(context));
        }
    }
}

/// What the client knows of one of its orders.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub status: u8,
    pub filled: i64,
    buy: bool,
    pub qty: i64,
    price: i64,
    tif: u8,
    /// `TargetStrategy` (847); zero for none.
    strategy: u32,
}

pub struct Client {
    pub session: Session<MemStore, Password>,
    pub wire: Option<u64>,
    pub opened: bool,
    input: Vec<u8>,
    pub output: Vec<u8>,
    random: Random,
    number: usize,
    version: Version,
    next_order: u64,
    pub orders: BTreeMap<String, Known>,
    exec_ids: BTreeSet<String>,
    /// Core events received: execution reports, cancel rejects and mass cancel reports.
    pub events: u64,
    /// Reports of orders that lost their place in a queue, and of orders that were reduced.
    pub restated: [u64; 2],
    /// Orders that were replaced.
    pub replaced: u64,
    /// Orders that ended because a connection was lost.
    pub lost: u64,
    /// Mass requests that were answered.
    pub mass_answers: u64,
    pub next_action_ns: u64,
    pub reconnect_ns: u64,
}

fn text(message: &Message<'_>, tag: u32) -> String {
    String::from_utf8_lossy(message.get(tag).unwrap_or_default()).into_owned()
}

fn price_of(message: &Message<'_>) -> i64 {
    let price = message.decimal(tags::PRICE).expect("a decimal");
    price.map_or(0, |price| price.at_scale(2).expect("fits two decimals"))
}

fn number(message: &Message<'_>, tag: u32) -> i64 {
    let value = message.decimal(tag).expect("a decimal").expect("there");
    value.at_scale(8).expect("fits eight decimals")
}

impl Client {
    pub fn new(seed: u64, number: usize, now_ns: u64) -> Self {
        let version = super::node::version_of(number);
        let config = Config::initiator(&super::node::client_name(number), "RUTTER");
        let config = Config { heartbeat_s: 5, ..config.validated(version) };
        let cancel_on_disconnect = number + 1 == super::node::CLIENTS;
        let policy = Password { version, cancel_on_disconnect };
        Self {
            session: Session::new(config, MemStore::new(16 << 20), policy),
            version,
            wire: None,
            opened: false,
            input: Vec::new(),
            output: Vec::new(),
            random: Random::salted(seed, 1_000 + number as u64),
            number,
            next_order: 1,
            orders: BTreeMap::new(),
            exec_ids: BTreeSet::new(),
            events: 0,
            restated: [0; 2],
            replaced: 0,
            lost: 0,
            mass_answers: 0,
            next_action_ns: now_ns + 3_000_000_000,
            reconnect_ns: now_ns,
        }
    }

    fn send(&mut self, now_ns: u64, kind: &[u8], fill: impl FnOnce(&mut Encoder<'_>)) {
        self.session.send_unnumbered(now_ns, kind, &mut self.output, fill).expect("sent");
    }

    /// A random order near `price_e2`, rarely many at once; or a cancel of a random open one.
    pub fn act(&mut self, now_ns: u64, price_e2: i64) {
        self.next_action_ns = now_ns + 20_000_000 + self.random.below(400_000_000);
        let open = self.open_orders();
        if !open.is_empty() && self.random.chance_ppm(400_000) {
            let id = open[self.random.below(open.len() as u64) as usize].clone();
            return match self.random.below(8) {
                0..=2 => self.replace(now_ns, &id, price_e2),
                3 if self.version != Version::Fix42 => self.ask_for_all(now_ns),
                _ => self.cancel(now_ns, &id),
            };
        }
        let orders = if self.random.chance_ppm(SPIKES_PPM) { SPIKE_ORDERS } else { 1 };
        for _ in 0..orders {
            self.order(now_ns, price_e2);
        }
    }

    /// A random order.
    fn order(&mut self, now_ns: u64, price_e2: i64) {
        let id = format!("{}-{}", self.number, self.next_order);
        self.next_order += 1;
        let buy = self.random.chance_ppm(500_000);
        let market = self.random.chance_ppm(250_000);
        let tif = [b'0', b'1', b'3', b'4'][self.random.below(4) as usize];
        let tif = if market { b'3' } else { tif };
        let qty = 100_000 * (1 + i64::try_from(self.random.below(80)).expect("small"));
        let away = self.random.between(-300, 100) * 10;
        let price = if buy { price_e2 + away } else { price_e2 - away } / 10 * 10;
        let price = if market { 0 } else { price };
        let rests = matches!(tif, b'0' | b'1') && !market;
        let posts = rests && self.random.chance_ppm(POSTS_PPM);
        let strategy = if posts { POSTS[self.random.below(2) as usize] } else { 0 };
        let known = Known { status: b'?', filled: 0, buy, qty, price, tif, strategy };
        self.orders.insert(id.clone(), known.clone());
        let version = self.version;
        self.send(now_ns, b"D", |message| {
            message.text(tags::CL_ORD_ID, &id);
            known.write(message, version, now_ns);
        });
    }

    /// Asks for another quantity or price, or both.
    fn replace(&mut self, now_ns: u64, id: &str, price_e2: i64) {
        let request = format!("{}-r{}", self.number, self.next_order);
        self.next_order += 1;
        let mut known = self.orders[id].clone();
        if self.random.chance_ppm(700_000) {
            known.qty = 100_000 * (1 + i64::try_from(self.random.below(80)).expect("small"));
        }
        if known.price > 0 && self.random.chance_ppm(500_000) {
            let away = self.random.between(-300, 100) * 10;
            known.price = if known.buy { price_e2 + away } else { price_e2 - away } / 10 * 10;
        }
        let version = self.version;
        self.send(now_ns, b"G", |message| {
            message.text(tags::ORIG_CL_ORD_ID, id).text(tags::CL_ORD_ID, &request);
            known.write(message, version, now_ns);
        });
    }

    /// Asks for the status of all its orders, or, rarely, for all of them back.
    fn ask_for_all(&mut self, now_ns: u64) {
        let request = format!("{}-m{}", self.number, self.next_order);
        self.next_order += 1;
        if self.random.chance_ppm(200_000) {
            return self.send(now_ns, b"q", |message| {
                message.text(tags::CL_ORD_ID, &request);
                message.char(tags::MASS_CANCEL_REQUEST_TYPE, b'7');
                message.timestamp(tags::TRANSACT_TIME, now_ns, TimePrecision::Millis);
            });
        }
        self.send(now_ns, b"AF", |message| {
            message.text(tags::MASS_STATUS_REQ_ID, &request);
            message.char(tags::MASS_STATUS_REQ_TYPE, b'7');
        });
    }

    pub fn open_orders(&self) -> Vec<String> {
        let open = self.orders.iter().filter(|(_, known)| matches!(known.status, b'0' | b'1'));
        open.map(|(id, _)| id.clone()).collect()
    }

    pub fn cancel(&mut self, now_ns: u64, id: &str) {
        let request = format!("{}-c{}", self.number, self.next_order);
        self.next_order += 1;
        self.send(now_ns, b"F", |message| {
            message.text(tags::ORIG_CL_ORD_ID, id).text(tags::CL_ORD_ID, &request);
            message.text(tags::SYMBOL, "BTC/USDT").char(tags::SIDE, b'1');
            message.timestamp(tags::TRANSACT_TIME, now_ns, TimePrecision::Millis);
        });
    }
}

impl script::Client for Client {
    fn wire(&mut self) -> &mut Option<u64> {
        &mut self.wire
    }

    fn take_output(&mut self) -> Vec<u8> {
        let bytes = std::mem::take(&mut self.output);
        if self.opened { bytes } else { Vec::new() }
    }

    fn opened(&mut self, now_ns: u64) {
        self.opened = true;
        self.input.clear();
        self.session.connected(now_ns, &mut self.output).expect("not connected before");
    }

    fn closed(&mut self, now_ns: u64) {
        self.wire = None;
        self.opened = false;
        self.output.clear();
        self.session.disconnected();
        self.reconnect_ns = now_ns + 20_000_000 + self.random.below(500_000_000);
    }

    /// Takes bytes; false when the session wants the connection closed.
    fn receive(&mut self, now_ns: u64, bytes: &[u8]) -> bool {
        self.input.extend_from_slice(bytes);
        let mut index = FieldIndex::new();
        let input = std::mem::take(&mut self.input);
        let mut at = 0;
        let mut open = true;
        loop {
            let received = self.session.receive(now_ns, &input[at..], &mut index, &mut self.output);
            at += received.consumed;
            let done = received.consumed == 0 && received.event.is_none();
            let mut confirmed = None;
            match received.event {
                Some(Event::App(app)) => {
                    confirmed = Some(app.id);
                    let message = app.message;
                    let kind = message.msg_type().to_vec();
                    match kind.as_slice() {
                        b"8" => {
                            self.replaced += u64::from(text(&message, tags::EXEC_TYPE) == "5");
                            let restated = message.get(tags::EXEC_RESTATEMENT_REASON);
                            self.restated[0] += u64::from(restated == Some(b"4"));
                            self.restated[1] += u64::from(restated == Some(b"5"));
                            self.lost += u64::from(text(&message, tags::TEXT) == "ConnectionLost");
                            let last = message.get(tags::LAST_RPT_REQUESTED) == Some(b"Y");
                            self.mass_answers += u64::from(last);
                            on_report(&message, &mut self.orders, &mut self.exec_ids, self.number);
                        }
                        b"9" => {
                            let id = text(&message, tags::ORIG_CL_ORD_ID);
                            if let Some(known) = self.orders.get_mut(&id) {
                                known.status = text(&message, tags::ORD_STATUS).as_bytes()[0];
                            }
                        }
                        b"r" => {
                            assert_eq!(text(&message, tags::MASS_CANCEL_RESPONSE), "7");
                            self.mass_answers += 1;
                        }
                        other => panic!("unexpected message {other:?}"),
                    }
                    self.events += 1;
                }
                Some(Event::PeerReject(message)) => panic!("rejected: {message}"),
                Some(Event::Rejected { reason, tag, .. }) => panic!("{reason:?} {tag:?}"),
                Some(Event::Disconnect { .. }) => open = false,
                Some(Event::LoggedOn { .. } | Event::LogoutSent { .. } | Event::Warning(_))
                | None => {}
            }
            if let Some(id) = confirmed {
                self.session.confirm_in(id);
            }
            if done || !open {
                break;
            }
        }
        self.input = input[at.min(input.len())..].to_vec();
        open
    }
}

impl Known {
    /// The order's terms as a message has them.
    fn write(&self, message: &mut Encoder<'_>, version: Version, now_ns: u64) {
        if version == Version::Fix42 {
            message.char(tags::HANDL_INST, b'1');
        }
        message.text(tags::SYMBOL, "BTC/USDT").char(tags::SIDE, if self.buy { b'1' } else { b'2' });
        message.timestamp(tags::TRANSACT_TIME, now_ns, TimePrecision::Millis);
        message.decimal(tags::ORDER_QTY, self.qty, 8);
        message.char(tags::ORD_TYPE, if self.price == 0 { b'1' } else { b'2' });
        if self.price != 0 {
            message.decimal(tags::PRICE, self.price, 2);
        }
        message.char(tags::TIME_IN_FORCE, self.tif);
        if self.strategy != 0 {
            message.uint(tags::TARGET_STRATEGY, u64::from(self.strategy));
        }
    }
}

fn on_report(
    message: &Message<'_>,
    orders: &mut BTreeMap<String, Known>,
    exec_ids: &mut BTreeSet<String>,
    number_of_client: usize,
) {
    let exec_id = text(message, tags::EXEC_ID);
    assert!(exec_ids.insert(exec_id.clone()), "client {number_of_client}: {exec_id} came twice");
    if message.get(tags::TOT_NUM_REPORTS) == Some(b"0") {
        // None is open.
        return;
    }
    let original = text(message, tags::ORIG_CL_ORD_ID);
    let id = if original.is_empty() { text(message, tags::CL_ORD_ID) } else { original };
    let kind = text(message, tags::EXEC_TYPE);
    if kind == "5" {
        // From now on it goes by the request's id.
        let known = orders.remove(&id).unwrap_or_else(|| panic!("replaced unknown order {id}"));
        orders.insert(text(message, tags::CL_ORD_ID), known);
    }
    let id = if kind == "5" { text(message, tags::CL_ORD_ID) } else { id };
    let known = orders.get_mut(&id).unwrap_or_else(|| panic!("report for unknown order {id}"));
    let mut status = text(message, tags::ORD_STATUS).as_bytes()[0];
    if kind == "D" {
        // Reduced, or moved to the end of a queue.
        known.qty = number(message, tags::ORDER_QTY);
    }
    if kind == "5" {
        (known.qty, known.price) = (number(message, tags::ORDER_QTY), price_of(message));
    }
    // FIX 4.2 has its own status for a replaced order, in every report of that order.
    if status == b'5' {
        status = b'0';
    }
    // FIX 4.2 has two kinds of trade, by the quantity left.
    if matches!(kind.as_str(), "F" | "1" | "2") && message.get(tags::EXEC_TRANS_TYPE) != Some(b"3")
    {
        known.filled += number(message, tags::LAST_QTY);
    }
    if status != b'8' {
        assert_eq!(known.filled, number(message, tags::CUM_QTY), "order {id}: fills add up");
    }
    known.status = status;
}
