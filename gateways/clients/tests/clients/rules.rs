//! The samples of `docs/fix/orders.md` and `docs/fix/session.md` are played: what the pages say
//! that Rutter sends is what the gateway writes.
//!
//! A block of a page is a script. `C` is what the client sends, `*` what else happens, `R` what the
//! client is sent and `D` what its drop copy is sent; the last two are compared. What differs is
//! printed as it is; with `RUTTER_WRITE_RULES` set, it is written into the page instead.

use std::fmt::Write as _;
use std::path::Path;

use rutter_clients::{GatewayConfig, Proof, SessionConfig, SessionKind};
use rutter_core::Engine;
use rutter_core::id::{AssetId, ExecId, SessionId, VenueOrderId};
use rutter_core::input::*;
use rutter_core::number::{AMOUNT_DECIMALS, Amount, Price, Qty, UnixNanos};
use rutter_core::output::{Output, SendNew};
use rutter_fix::codec::parse_decimal;
use rutter_fix::dictionary::Version;
use rutter_fix::session::schedule::{Day, Schedule};
use rutter_transport::acceptor::{Acceptor, ConnId, Event};

use crate::desk::{Desk, SECOND, START, frame, numbered, operator, reference, time_text};
use crate::market::{BINANCE, KRAKEN, market, update, with_eth};

/// What a block may ask for behind its version, beside a time.
const WORDS: [&str; 7] = ["proof", "wire", "copy", "checked", "throttle", "hours", "market"];

/// The client's connections come after the drop copy's.
const COPY_CONN: u32 = 1;

/// Lines that are shown from the first one that differs.
const DIFFERENCE_LINES: usize = 12;

/// Times that a venue refuses a cancel until the core gives up.
const STUBBORN: usize = 9;

struct Play {
    desk: Desk,
    engine: Engine,
    seq: u64,
    children: Vec<SendNew>,
    executions: u32,
    comp_id: &'static str,
    conn: u32,
    connected: bool,
    wire: bool,
    copy: bool,
    text: String,
}

fn configure(config: &mut GatewayConfig, words: &[&str]) {
    for (id, name, version) in [(2, "OLD", Version::Fix42), (3, "NEW", Version::Fix50Sp2)] {
        let account = crate::desk::text(&format!("ACC-{name}"));
        let session = SessionConfig::trading(SessionId(id), name, account);
        config.sessions.push(SessionConfig { version, ..session });
    }
    let of = [0, 2, 3].map(SessionId).to_vec();
    let copy = SessionConfig::trading(SessionId(4), "COPY", crate::desk::text("none"));
    config.sessions.push(SessionConfig { kind: SessionKind::DropCopy(of), ..copy });
    if words.contains(&"market") {
        with_eth(config);
    }
    for session in config.sessions.iter_mut().filter(|one| one.kind == SessionKind::Trading) {
        session.checks = words.contains(&"checked").then(rutter_fix::dictionary::Checks::default);
        session.requests_per_s_max = u32::from(words.contains(&"throttle"));
        if words.contains(&"proof") {
            session.proof = Proof::Password("secret".into());
        }
        if words.contains(&"hours") {
            let at = |text: &str| text.parse().expect("a time");
            let hours = Schedule::daily("Europe/Zurich", &Day::ALL, at("08:00"), at("20:00"));
            session.schedule = Some(hours.expect("sound"));
        }
    }
}

/// The time of a block's day, `HH:MM:SS`, in nanoseconds since the epoch.
fn time_of(text: &str) -> u64 {
    let parts = text.split(':').map(|part| part.parse::<u64>().expect("a number"));
    let seconds = parts.fold(0, |sum, part| sum * 60 + part);
    (START / SECOND / 86_400 * 86_400 + seconds) * SECOND
}

fn amount(text: &str, decimals: u32) -> i64 {
    let scale = u8::try_from(decimals).expect("small");
    parse_decimal(text.as_bytes()).and_then(|said| said.at_scale(scale)).expect("a number")
}

impl Play {
    fn new(head: &str) -> Self {
        let words: Vec<&str> = head.split_whitespace().collect();
        let at = words.iter().find(|word| word.contains(':'));
        let now = at.map_or(START, |at| time_of(at));
        let known = |word: &&str| WORDS.contains(word) || word.contains(':');
        assert!(words[1..].iter().all(known), "{head}");
        let comp_id = match words[0] {
            "FIX.4.2" => "OLD",
            "FIX.4.4" => "ALPHA",
            "FIXT.1.1" => "NEW",
            other => panic!("no version {other}"),
        };
        let mut desk = Desk::with(|config| configure(config, &words));
        desk.now = now;
        if words.contains(&"market") {
            desk.gateway.set_market(&market()).expect("sound");
        }
        let inputs = reference();
        let Some(Input::Genesis(genesis)) = inputs.first() else { panic!("no genesis") };
        let engine = Engine::new(genesis).expect("sound");
        let copy = words.contains(&"copy");
        let mut play = Self {
            desk,
            engine,
            seq: 0,
            children: Vec::new(),
            executions: 0,
            comp_id,
            conn: COPY_CONN,
            connected: false,
            wire: words.contains(&"wire"),
            copy,
            text: String::new(),
        };
        for input in &inputs {
            play.decide(input);
        }
        if copy {
            play.desk.logon(COPY_CONN, "COPY");
        }
        play.turn();
        play
    }

    fn decide(&mut self, input: &Input) {
        self.seq += 1;
        let mut outputs: Vec<Output> = Vec::new();
        let header = Header { seq: self.seq, time: UnixNanos(self.desk.now) };
        self.engine.apply(header, input, &mut outputs);
        for output in &outputs {
            if let Output::SendNew(child) = output {
                self.children.push(*child);
            }
            self.desk.output(output);
        }
    }

    /// Everything that is to be done at this time is done.
    fn turn(&mut self) {
        loop {
            self.desk.resume().wait(0);
            let inputs = self.desk.published();
            if inputs.is_empty() {
                return;
            }
            for input in &inputs {
                self.decide(input);
            }
        }
    }

    /// Connects; and logs on unless that is what the block does.
    fn connect(&mut self, by_itself: bool) {
        self.conn += 1;
        self.connected = true;
        if by_itself {
            self.desk.as_client(self.conn, self.comp_id);
        } else {
            self.desk.logon(self.conn, self.comp_id);
            self.turn();
            self.desk.seen(self.conn);
        }
        self.desk.reads = !self.wire;
    }

    fn line(&mut self, line: &str) {
        let (who, text) = line.split_once(' ').expect("who says what");
        match who {
            "C" => self.client(text),
            "*" => {
                let _ = writeln!(self.text, "{line}");
                self.event(text);
            }
            _ => return,
        }
        self.turn();
        self.told();
    }

    fn client(&mut self, text: &str) {
        if !self.connected {
            self.connect(text.contains("35=A|"));
        }
        let bytes = if text.starts_with("8=") {
            text.replace('|', "\u{1}").into_bytes()
        } else if text.contains("|49=") {
            frame(text)
        } else {
            self.numbered(text)
        };
        let shown = String::from_utf8_lossy(&bytes).replace('\u{1}', "|");
        let _ = writeln!(self.text, "C {}", if self.wire { &shown } else { text });
        self.desk.bytes(self.conn, &bytes);
    }

    fn numbered(&self, text: &str) -> Vec<u8> {
        let fields: Vec<&str> = text.split_inclusive('|').collect();
        let number = fields.iter().find_map(|field| field.strip_prefix("34="));
        let number = number.and_then(|number| number.trim_end_matches('|').parse().ok());
        let rest = fields.iter().filter(|field| !field.starts_with("34="));
        let rest: String = rest.copied().collect();
        numbered(self.comp_id, number.expect("34"), self.desk.now, &rest)
    }

    fn event(&mut self, text: &str) {
        let words: Vec<&str> = text.split_whitespace().collect();
        match *words.as_slice() {
            ["the", "connection", "is", "lost"] => {
                self.connected = false;
                self.desk.peer_closes(self.conn);
            }
            ["the", "node", "starts", "again"] => self.start_again(),
            ["trading", "is", "halted"] => {
                self.decide(&operator(OperatorCommand::Halt(Scope::All)));
            }
            ["trading", "goes", "on"] => {
                self.decide(&operator(OperatorCommand::Resume(Scope::All)));
            }
            [count, "s", "later"] => {
                let seconds: u64 = count.parse().expect("a number");
                self.desk.wait(seconds * SECOND);
                self.turn();
                self.decide(&Input::Tick);
            }
            [venue, "shows", ref levels @ ..] => self.book(venue, true, levels),
            [venue, "changes", ref levels @ ..] => self.book(venue, false, levels),
            ["binance", "amends", "orders"] => {
                let (venue, amending) = (BINANCE, Amending::ReduceKeepsPriority);
                self.decide(&Input::Amend(AmendDef { amending, ..AmendDef::none(venue) }));
            }
            ["binance", ref does @ ..] => self.venue(does),
            _ => panic!("what is {text:?}?"),
        }
    }

    /// What the core is told when the process was gone, and then that the venues are there again.
    fn start_again(&mut self) {
        self.connected = false;
        self.desk.peer_closes(self.conn);
        // The process did not live to tell it.
        self.desk.published();
        let started = |input: &Input| matches!(input, Input::NodeStarted);
        for input in reference().iter().skip_while(|input| !started(input)) {
            self.decide(input);
        }
    }

    /// A venue's feed tells levels of BTC/USDT: `b` or `a`, price, `@`, size.
    fn book(&mut self, venue: &str, clear: bool, levels: &[&str]) {
        let venue = if venue == "kraken" { KRAKEN } else { BINANCE };
        let whole = levels.iter().map(|level| {
            let (side, rest) = level.split_at(1);
            let (price, size) = rest.split_once('@').expect("price@size");
            format!("{side}{}@{} ", amount(price, 2), amount(size, 4))
        });
        let news = update(venue, clear, true, &whole.collect::<String>());
        self.desk.gateway.on_book_news(self.desk.now, &news);
    }

    /// What a venue does with the newest child.
    fn venue(&mut self, does: &[&str]) {
        let SendNew { venue, child, instrument, side, .. } =
            *self.children.last().expect("something was sent there");
        match *does {
            ["takes", "it"] => {
                let id = format!("B-{}", self.children.len());
                let venue_order = VenueOrderId::new(id.as_bytes()).expect("short");
                self.decide(&Input::ChildAccepted { venue, child, venue_order });
            }
            ["fills", qty, "at", price, how] => {
                self.executions += 1;
                let taker = how == "(taker)";
                let cents = u32::from(taker);
                let exec = ExecId::from_text(format!("T-{}", self.executions).as_bytes());
                self.decide(&Input::ChildFill(ChildFill {
                    venue,
                    child,
                    instrument,
                    side,
                    exec: exec.expect("packs"),
                    qty: Qty(amount(qty, 4)),
                    price: Price(amount(price, 2)),
                    fee: Amount(i128::from(cents + 1) * 10_i128.pow(AMOUNT_DECIMALS)),
                    fee_asset: AssetId(1),
                    liquidity: if taker { Liquidity::Taker } else { Liquidity::Maker },
                }));
            }
            ["reduces", "it", "to", qty] => {
                let qty = Qty(amount(qty, 4));
                self.decide(&Input::ChildAmended { venue, child, qty });
            }
            // All that was sent there for the client; what is over stays as it is.
            ["cancels", "it"] => {
                for SendNew { venue, child, .. } in self.children.clone() {
                    let filled = Qty(0);
                    self.decide(&Input::ChildDone { venue, child, how: Ending::Canceled, filled });
                }
            }
            ["ends", "it"] => {
                self.decide(&Input::ChildDone {
                    venue,
                    child,
                    how: Ending::Expired,
                    filled: Qty(0),
                });
            }
            ["refuses", "it"] => {
                let reason = VenueReject::Other;
                self.decide(&Input::ChildRejected { venue, child, reason, retry_after_ns: 0 });
            }
            ["does", "not", "cancel", "it"] => {
                for _ in 0..STUBBORN {
                    let reason = VenueReject::Other;
                    let retry_after_ns = 0;
                    self.decide(&Input::CancelRejected { venue, child, reason, retry_after_ns });
                    let fate = Fate::Open;
                    self.decide(&Input::ChildFate { venue, child, fate, filled: Qty(0) });
                }
            }
            _ => panic!("what does it do: {does:?}?"),
        }
    }

    /// What was written since the last look, and what was closed.
    fn told(&mut self) {
        let mut lines = Vec::new();
        if self.wire {
            let conn = ConnId(self.conn);
            let bytes = self.desk.gateway.pending(conn).to_vec();
            self.desk.gateway.on_event(self.desk.now, Event::Written(conn, bytes.len()));
            let said = String::from_utf8_lossy(&bytes).replace('\u{1}', "|");
            let messages = said.split("8=FIX").skip(1);
            lines.extend(messages.map(|message| format!("R 8=FIX{message}")));
        } else {
            let seen = self.desk.seen(self.conn);
            lines.extend(seen.iter().map(|message| format!("R {message}")));
        }
        if self.copy {
            let seen = self.desk.seen(COPY_CONN);
            lines.extend(seen.iter().map(|message| format!("D {message}")));
        }
        let closes = self.desk.closes();
        self.connected &= closes.is_empty();
        lines.extend(closes.iter().map(|(_, reason)| format!("R (closed: {reason})")));
        for line in lines {
            let _ = writeln!(self.text, "{line}");
        }
        self.turn();
    }
}

/// A page with every sample as it really is.
fn played(page: &str) -> String {
    let mut blocks = page.split("```fix ");
    let mut whole = blocks.next().unwrap_or("").to_owned();
    for block in blocks {
        let (head, rest) = block.split_once('\n').expect("a line");
        let (script, behind) = rest.split_once("```").expect("an end");
        let mut play = Play::new(head);
        let logs_on = script.lines().next().is_some_and(|line| line.contains("35=A|"));
        if !logs_on {
            play.connect(false);
        }
        for line in script.lines() {
            play.line(line);
        }
        let _ = write!(whole, "```fix {head}\n{}```{behind}", play.text);
    }
    whole
}

fn check(name: &str, least: usize) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/fix").join(name);
    let page = std::fs::read_to_string(&path).expect("the page is there");
    assert!(page.matches("```fix ").count() >= least, "{name} has its samples");
    let really = played(&page);
    if really == page {
        return;
    }
    if std::env::var_os("RUTTER_WRITE_RULES").is_some() {
        return std::fs::write(&path, really).expect("written");
    }
    let same = page.lines().zip(really.lines()).take_while(|(said, sent)| said == sent).count();
    let sent = really.lines().skip(same).take(DIFFERENCE_LINES).collect::<Vec<_>>().join("\n");
    let line = same + 1;
    panic!("{name}:{line} is not what is sent (RUTTER_WRITE_RULES=1 writes it), which is:\n{sent}");
}

#[test]
fn the_samples_about_orders_are_what_is_sent() {
    check("orders.md", 24);
}

#[test]
fn the_samples_about_sessions_are_what_is_sent() {
    check("session.md", 10);
}

#[test]
fn the_samples_about_market_data_are_what_is_sent() {
    check("market-data.md", 3);
}

#[test]
fn the_time_of_a_block_is_of_its_day() {
    assert_eq!(time_text(time_of("11:17:26")), time_text(START));
}
