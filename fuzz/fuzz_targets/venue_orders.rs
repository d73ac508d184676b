//! Any answers of a venue to the order entry of an adapter: FIX, WebSocket and REST.
//!
//! A script of lines. The first says which adapter: `binance`, or anything else for Kraken. Then a
//! line is an answer to the oldest request (`200 BODY`, `- ` for none), a message of the venue, or
//! a command of ours: `!n` new, `!c` cancel, `!q` query, `!b` balances, `!k` connected, `!x`
//! closed, `!t` a second. `{id}` stands for the order id that we sent last, `{r}` for the number
//! of the last request.
#![cfg_attr(fuzzing, no_main)]

use rutter_core::id::{AssetId, ChildId, InstrumentId, OrderId, VenueId};
use rutter_core::input::{Input, Side, TimeInForce};
use rutter_core::number::{Price, Qty};
use rutter_core::output::{ChildRef, SendNew};
use rutter_transport::machine::{
    Action, CloseReason, Event, HttpResponse, LinkId, Machine, Outbox,
};
use rutter_transport::secret::Secret;
use rutter_venues::VenueCommand;
use rutter_venues::binance::{BinanceConfig, BinanceOrders};
use rutter_venues::kraken::{KrakenConfig, KrakenOrders};
use rutter_venues::listing::{AssetNames, Listing};

const VENUE: VenueId = VenueId(3);
const INSTRUMENT: InstrumentId = InstrumentId(1);
const LINK: LinkId = LinkId(0);
const SECOND: u64 = 1_000_000_000;
const START: u64 = 1_719_487_045 * SECOND;
/// The key that Binance publishes with its examples.
const PEM: &str = "-----BEGIN PRIVATE KEY-----\n\
    MC4CAQAwBQYDK2VwBCIEIIJEYWtGBrhACmb9Dvy+qa8WEf0lQOl1s4CLIAB9m89u\n\
    -----END PRIVATE KEY-----\n";

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));

/// One input of the fuzzer.
pub fn run(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((venue, script)) = text.split_once('\n') else { return };
    if venue == "binance" {
        let machine = BinanceOrders::new(binance()).expect("a configuration");
        Desk::new(machine, true).play(script);
    } else {
        let machine = KrakenOrders::new(kraken()).expect("a configuration");
        Desk::new(machine, false).play(script);
    }
}

fn listing(symbol: &str) -> Listing {
    Listing {
        instrument: INSTRUMENT,
        symbol: symbol.to_owned(),
        price_decimals: 2,
        qty_decimals: 8,
        venue_price_decimals: 1,
        venue_qty_decimals: 8,
    }
}

fn assets() -> Vec<AssetNames> {
    let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect();
    vec![
        AssetNames { asset: AssetId(0), names: names(&["BTC", "XXBT"]) },
        AssetNames { asset: AssetId(1), names: names(&["USD", "ZUSD", "USDT"]) },
    ]
}

fn binance() -> BinanceConfig {
    BinanceConfig {
        sender_comp_id: "EXAMPLE".to_owned(),
        api_key: Secret::from("KEY"),
        private_key: Secret::from(PEM),
        listings: vec![listing("BTCUSDT")],
        assets: assets(),
        ..BinanceConfig::new(VENUE, 0xab)
    }
}

fn kraken() -> KrakenConfig {
    KrakenConfig {
        api_key: Secret::from("KEY"),
        api_secret: Secret::from("c2VjcmV0"),
        listings: vec![listing("BTC/USD")],
        assets: assets(),
        ..KrakenConfig::new(VENUE, 0xab)
    }
}

/// An adapter, the requests that it has out, and the ids that it sent last.
struct Desk<M> {
    machine: M,
    fix: bool,
    now: u64,
    out: Outbox<Input>,
    requests: Vec<u64>,
    children: u64,
    id: String,
    request: String,
    sender: String,
    sequence: u64,
}

impl<M: Machine<Command = VenueCommand, Emission = Input>> Desk<M> {
    fn new(machine: M, fix: bool) -> Self {
        Self {
            machine,
            fix,
            now: START,
            out: Outbox::default(),
            requests: Vec::new(),
            children: 0,
            id: String::new(),
            request: String::new(),
            sender: String::new(),
            sequence: 0,
        }
    }

    fn play(mut self, script: &str) {
        self.machine.start(self.now, &mut self.out);
        self.drain();
        for line in script.lines() {
            let line = line.replace("{id}", &self.id).replace("{r}", &self.request);
            self.now += 1_000_000;
            match (line.strip_prefix('!'), line.split_once(' ')) {
                (Some(command), _) => self.command(command),
                (None, Some(("-", _))) => self.answer(None),
                (None, Some((status, body))) if status.parse::<u16>().is_ok() => {
                    let status = status.parse().unwrap_or(200);
                    self.answer(Some(&HttpResponse::new(status, body.to_owned())));
                }
                (None, _) if self.fix => self.fix_message(&line),
                (None, _) => self.event(Event::Text(LINK, &line)),
            }
        }
        // All that the adapter still waits for ends by its timers.
        self.command("t");
    }

    fn command(&mut self, word: &str) {
        let child = ChildRef {
            venue: VENUE,
            child: ChildId(self.children),
            order: OrderId(1),
            trace: 1,
            instrument: INSTRUMENT,
        };
        match word {
            "n" => {
                self.children += 1;
                self.tell(&VenueCommand::New(SendNew {
                    venue: VENUE,
                    child: ChildId(self.children),
                    order: OrderId(1),
                    trace: 1,
                    instrument: INSTRUMENT,
                    side: Side::Sell,
                    tif: TimeInForce::Gtc,
                    post_only: false,
                    qty: Qty(500_000),
                    price: Price(2_650_000),
                }));
            }
            "c" if self.children > 0 => self.tell(&VenueCommand::Cancel(child)),
            "q" if self.children > 0 => self.tell(&VenueCommand::Query(child)),
            "b" => self.tell(&VenueCommand::AskBalances(VENUE)),
            "k" => {
                self.sequence = 0;
                self.event(Event::Connected(LINK));
            }
            "x" => self.event(Event::Closed(LINK, CloseReason::Peer)),
            _ => self.pass(SECOND),
        }
    }

    /// Lets time pass, timer by timer.
    fn pass(&mut self, span: u64) {
        let end = self.now + span;
        for _ in 0..10_000 {
            let due = self.machine.next_timer_ns().filter(|due| *due <= end);
            let Some(due) = due else {
                self.now = end;
                return;
            };
            self.now = self.now.max(due);
            self.machine.on_timer(self.now, &mut self.out);
            self.drain();
        }
        panic!("a timer spins");
    }

    /// A FIX message from its fields with `|` for SOH, without header and trailer.
    fn fix_message(&mut self, body: &str) {
        self.sequence += 1;
        let (kind, rest) = body.split_once('|').unwrap_or((body, ""));
        let text = format!(
            "{kind}|34={}|49=SPOT|52=20240627-11:17:26.101250|56={}|{rest}",
            self.sequence, self.sender
        );
        let text = text.replace('|', "\x01");
        let head = format!("8=FIX.4.4\x019={}\x01{text}", text.len());
        let sum = rutter_fix::codec::checksum(head.as_bytes());
        let frame = format!("{head}10={sum:03}\x01");
        self.event(Event::Bytes(LINK, frame.as_bytes()));
    }

    fn answer(&mut self, response: Option<&HttpResponse>) {
        if !self.requests.is_empty() {
            let request = self.requests.remove(0);
            self.event(Event::Http(request, response));
        }
    }

    fn tell(&mut self, command: &VenueCommand) {
        self.machine.on_command(self.now, command, &mut self.out);
        self.drain();
    }

    fn event(&mut self, event: Event<'_>) {
        self.machine.on_event(self.now, event, &mut self.out);
        self.drain();
    }

    fn drain(&mut self) {
        for action in &self.out.actions {
            match action {
                Action::Http(request) => self.requests.push(request.id),
                Action::Send(_, range) => {
                    let text = String::from_utf8_lossy(&self.out.bytes[range.clone()]);
                    let keep = |place: &mut String, open: &str| {
                        let found = text.split_once(open).map(|(_, rest)| rest);
                        let ends = ['\x01', '"', ',', '}'];
                        if let Some(value) = found.and_then(|rest| rest.split(ends).next()) {
                            value.clone_into(place);
                        }
                    };
                    keep(&mut self.sender, "\x0149=");
                    keep(&mut self.id, if self.fix { "\x0111=" } else { r#""cl_ord_id":""# });
                    keep(&mut self.request, r#""req_id":"#);
                }
                Action::Connect(_) | Action::Close(_) => {}
            }
        }
        for input in &self.out.emissions {
            self.known(input);
        }
        self.out.clear();
    }

    /// No answer invents an order of ours.
    fn known(&self, input: &Input) {
        let child = match input {
            Input::ChildAccepted { child, .. }
            | Input::ChildRejected { child, .. }
            | Input::ChildDone { child, .. }
            | Input::ChildFate { child, .. } => child.0,
            Input::ChildFill(fill) => fill.child.0,
            _ => return,
        };
        assert!((1..=self.children).contains(&child), "a child that was never sent: {input:?}");
    }
}
