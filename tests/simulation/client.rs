//! A trading client: a FIX session of the other role, random orders, and a memory of every report.

use std::collections::{BTreeMap, BTreeSet};

use rutter_fix::codec::{Encoder, FieldIndex, Message, TimePrecision};
use rutter_fix::session::{Config, Event, LogonContext, Policy, Session};
use rutter_fix::store::MemStore;
use rutter_fix::tags;
use rutter_tools::sim::random::Random;

pub struct Password;

impl Policy for Password {
    fn authenticate(&mut self, _: &Message<'_>) -> Result<(), &'static str> {
        Ok(())
    }

    fn logon_fields(&mut self, _: &LogonContext<'_>, encoder: &mut Encoder<'_>) {
        encoder.field(tags::PASSWORD, b"secret-enough");
    }
}

/// What the client knows of one of its orders.
#[derive(Clone, Debug, Default)]
pub struct Known {
    pub status: u8,
    pub filled: i64,
}

pub struct Client {
    pub session: Session<MemStore, Password>,
    pub wire: Option<u64>,
    pub opened: bool,
    input: Vec<u8>,
    pub output: Vec<u8>,
    random: Random,
    number: usize,
    next_order: u64,
    pub orders: BTreeMap<String, Known>,
    exec_ids: BTreeSet<String>,
    /// Core events received: execution reports and cancel rejects.
    pub events: u64,
    pub next_action_ns: u64,
    pub reconnect_ns: u64,
}

fn text(message: &Message<'_>, tag: u32) -> String {
    String::from_utf8_lossy(message.get(tag).unwrap_or_default()).into_owned()
}

fn number(message: &Message<'_>, tag: u32) -> i64 {
    let value = message.decimal(tag).expect("a decimal").expect("there");
    value.at_scale(8).expect("fits eight decimals")
}

impl Client {
    pub fn new(seed: u64, number: usize, now_ns: u64) -> Self {
        let mut config = Config::initiator(&super::node::client_name(number), "RUTTER");
        config.heartbeat_s = 5;
        Self {
            session: Session::new(config, MemStore::new(16 << 20), Password),
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
            next_action_ns: now_ns + 3_000_000_000,
            reconnect_ns: now_ns,
        }
    }

    pub fn opened(&mut self, now_ns: u64) {
        self.opened = true;
        self.input.clear();
        self.session.connected(now_ns, &mut self.output).expect("not connected before");
    }

    pub fn closed(&mut self, now_ns: u64) {
        self.wire = None;
        self.opened = false;
        self.output.clear();
        self.session.disconnected();
        self.reconnect_ns = now_ns + 20_000_000 + self.random.below(500_000_000);
    }

    /// Takes bytes; false when the session wants the connection closed.
    pub fn receive(&mut self, now_ns: u64, bytes: &[u8]) -> bool {
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
                            on_report(&message, &mut self.orders, &mut self.exec_ids, self.number);
                        }
                        b"9" => {
                            let id = text(&message, tags::ORIG_CL_ORD_ID);
                            if let Some(known) = self.orders.get_mut(&id) {
                                known.status = text(&message, tags::ORD_STATUS).as_bytes()[0];
                            }
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

    fn send(&mut self, now_ns: u64, kind: &[u8], fill: impl FnOnce(&mut Encoder<'_>)) {
        self.session.send_unnumbered(now_ns, kind, &mut self.output, fill).expect("sent");
    }

    /// A random order near `price_e2`, or a cancel of a random open one.
    pub fn act(&mut self, now_ns: u64, price_e2: i64) {
        self.next_action_ns = now_ns + 20_000_000 + self.random.below(400_000_000);
        let open = self.open_orders();
        if !open.is_empty() && self.random.chance_ppm(300_000) {
            let id = open[self.random.below(open.len() as u64) as usize].clone();
            return self.cancel(now_ns, &id);
        }
        let id = format!("{}-{}", self.number, self.next_order);
        self.next_order += 1;
        let buy = self.random.chance_ppm(500_000);
        let market = self.random.chance_ppm(250_000);
        let tif = [b'0', b'1', b'3', b'4'][self.random.below(4) as usize];
        let tif = if market { b'3' } else { tif };
        let qty = 100_000 * (1 + i64::try_from(self.random.below(80)).expect("small"));
        let away = self.random.between(-300, 100) * 10;
        let price = if buy { price_e2 + away } else { price_e2 - away } / 10 * 10;
        self.orders.insert(id.clone(), Known { status: b'?', filled: 0 });
        self.send(now_ns, b"D", |message| {
            message.text(tags::CL_ORD_ID, &id).text(tags::SYMBOL, "BTC/USDT");
            message.char(tags::SIDE, if buy { b'1' } else { b'2' });
            message.timestamp(tags::TRANSACT_TIME, now_ns, TimePrecision::Millis);
            message.decimal(tags::ORDER_QTY, qty, 8);
            message.char(tags::ORD_TYPE, if market { b'1' } else { b'2' });
            if !market {
                message.decimal(tags::PRICE, price, 2);
            }
            message.char(tags::TIME_IN_FORCE, tif);
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

fn on_report(
    message: &Message<'_>,
    orders: &mut BTreeMap<String, Known>,
    exec_ids: &mut BTreeSet<String>,
    number_of_client: usize,
) {
    let exec_id = text(message, tags::EXEC_ID);
    assert!(exec_ids.insert(exec_id.clone()), "client {number_of_client}: {exec_id} came twice");
    let original = text(message, tags::ORIG_CL_ORD_ID);
    let id = if original.is_empty() { text(message, tags::CL_ORD_ID) } else { original };
    let known = orders.get_mut(&id).unwrap_or_else(|| panic!("report for unknown order {id}"));
    let status = text(message, tags::ORD_STATUS).as_bytes()[0];
    if text(message, tags::EXEC_TYPE) == "F" {
        known.filled += number(message, tags::LAST_QTY);
    }
    if status != b'8' {
        assert_eq!(known.filled, number(message, tags::CUM_QTY), "order {id}: fills add up");
    }
    known.status = status;
}
