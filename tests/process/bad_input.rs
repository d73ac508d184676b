//! Malformed and hostile input to the real node over sockets. Each input gets its answer or closes
//! its connection, and another session trades on undisturbed.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use rutter_fix::codec::{Encoder, TimePrecision};
use rutter_fix::tags;
use rutter_sim::market::{E8, MARKETS};
use rutter_tools::client::{FixClient, Order, Report, Side, Tif, Told};
use rutter_tools::clock::unix_ns;
use rutter_tools::harness::{ClientSession, Node, NodeSettings, Venues};

use crate::desk::{Desk, RUTTER, still};

const PATIENCE: Duration = Duration::from_secs(15);

/// The node, its venues, and a second client that must stay undisturbed.
struct Scene {
    dir: tempfile::TempDir,
    _venues: Venues,
    settings: NodeSettings,
    node: Node,
    neighbour: FixClient,
    trades: usize,
}

impl Scene {
    fn new() -> Self {
        let change = |settings: &mut NodeSettings| settings.sessions = ClientSession::desks(2);
        let Desk { dir, settings, venues, node, client, .. } = Desk::start(&still(), change, "");
        let mut scene = Self { dir, _venues: venues, settings, node, neighbour: client, trades: 0 };
        scene.neighbour_trades();
        scene
    }

    /// The second client's order is filled, over its first connection.
    fn neighbour_trades(&mut self) {
        self.node.check_alive().expect("the node lives");
        self.trades += 1;
        let id = format!("n{}", self.trades);
        let order = Order {
            cl_ord_id: &id,
            symbol: MARKETS[0].symbol,
            side: Side::Buy,
            qty_e8: E8 / 100,
            limit_e8: None,
            tif: Tif::Ioc,
        };
        self.neighbour.new_order(unix_ns(), &order).expect("sent");
        let (started, mut filled) = (Instant::now(), false);
        while !filled {
            self.neighbour
                .turn(unix_ns(), &mut |told| match told {
                    Told::App(message, dup) => {
                        let report = Report::read(&message, dup).expect("readable");
                        filled |= report.cl_ord_id == id && report.status == '2';
                    }
                    Told::LoggedOn => {}
                    other => panic!("the neighbour is bothered: {other:?}"),
                })
                .expect("the node reads");
            assert!(started.elapsed() < PATIENCE, "the neighbour's order is not filled");
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn socket(&self) -> Wire {
        let stream = TcpStream::connect(self.settings.listen).expect("connects");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        stream.set_nodelay(true).expect("set");
        Wire { stream, heard: Vec::new(), seq: 0 }
    }

    /// A connection that is logged on as the first desk, with numbers from 1.
    fn logged_on(&self) -> Wire {
        let mut wire = self.socket();
        let logon = logon("DESK1", "RUTTER", "password-1");
        wire.send(&logon);
        let answer = wire.hear();
        assert!(has(&answer, "35=A"), "{answer}");
        wire.seq = 1;
        wire
    }
}

/// A peer that writes raw bytes.
struct Wire {
    stream: TcpStream,
    heard: Vec<u8>,
    seq: u64,
}

impl Wire {
    /// A write error is ignored: a connection that the node has closed shows when reading.
    fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// The next message, with `|` between fields; empty once the node has closed.
    fn hear(&mut self) -> String {
        let started = Instant::now();
        loop {
            let text = String::from_utf8_lossy(&self.heard).replace('\u{1}', "|");
            if let Some(end) = text.find("|10=").and_then(|at| text.get(at + 8..).map(|_| at + 8)) {
                self.heard.drain(..end);
                return text[..end].to_owned();
            }
            let mut chunk = [0; 4_096];
            match self.stream.read(&mut chunk) {
                Ok(0) => return String::new(),
                Ok(count) => self.heard.extend_from_slice(&chunk[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return String::new(),
                Err(error) => panic!("neither answer nor close: {error}, {text}"),
            }
            assert!(started.elapsed() < PATIENCE, "neither answer nor close");
        }
    }

    fn is_closed(&mut self) -> bool {
        self.hear().is_empty()
    }

    /// An order with fields as given; the number is the next one.
    fn order(&mut self, id: &str, fields: &[(u32, &str)]) {
        self.seq += 1;
        let message = message("D", "DESK1", "RUTTER", self.seq, |out| {
            let now = unix_ns();
            out.text(tags::CL_ORD_ID, id).timestamp(
                tags::TRANSACT_TIME,
                now,
                TimePrecision::Micros,
            );
            for (tag, value) in fields {
                out.text(*tag, value);
            }
        });
        self.send(&message);
    }
}

fn message(
    kind: &str,
    sender: &str,
    target: &str,
    seq: u64,
    body: impl FnOnce(&mut Encoder<'_>),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut out = Encoder::begin(&mut bytes, b"FIX.4.4", kind.as_bytes());
    out.uint(tags::MSG_SEQ_NUM, seq);
    out.text(tags::SENDER_COMP_ID, sender).text(tags::TARGET_COMP_ID, target);
    out.timestamp(tags::SENDING_TIME, unix_ns(), TimePrecision::Micros);
    body(&mut out);
    out.finish().expect("encodes");
    bytes
}

fn logon(sender: &str, target: &str, password: &str) -> Vec<u8> {
    message("A", sender, target, 1, |out| {
        out.uint(tags::ENCRYPT_METHOD, 0).uint(tags::HEART_BT_INT, 30);
        out.bool(tags::RESET_SEQ_NUM_FLAG, true);
        out.text(tags::PASSWORD, password);
    })
}

fn has(message: &str, field: &str) -> bool {
    message.contains(&format!("|{field}|"))
}

#[test]
fn who_is_not_a_client_is_closed_on_without_a_word() {
    let mut scene = Scene::new();
    let other = message("0", "DESK1", "RUTTER", 1, |_| {});
    let mut wrong_sum = logon("DESK1", "RUTTER", "password-1");
    let last_digit = wrong_sum.len() - 2;
    wrong_sum[last_digit] = if wrong_sum[last_digit] == b'0' { b'1' } else { b'0' };
    let oversize = b"8=FIX.4.4\x019=999999999\x0135=A\x01".to_vec();
    for (what, bytes) in [
        ("an unknown SenderCompID", logon("NOBODY", "RUTTER", "password-1")),
        ("an unknown TargetCompID", logon("DESK1", "SOMEBODY", "password-1")),
        ("no Logon first", other),
        ("a checksum that is wrong", wrong_sum),
        ("a web browser", b"GET / HTTP/1.1\r\nHost: rutter\r\n\r\n".to_vec()),
        ("noise", (0..5_000_u32).map(|at| (at.wrapping_mul(40_503) >> 7) as u8).collect()),
        ("a length beyond all messages", oversize),
        (
            "a Logon without end",
            [b"8=FIX.4.4\x019=4000\x0135=A\x01".as_slice(), &[b'x'; 8_000]].concat(),
        ),
    ] {
        let mut wire = scene.socket();
        wire.send(&bytes);
        let heard = wire.hear();
        assert_eq!(heard, "", "{what}");
        scene.neighbour_trades();
    }
    // The owner of the CompID can still log on.
    scene.logged_on();
    scene.neighbour_trades();
}

#[test]
fn a_wrong_password_is_refused_in_words_that_tell_nothing_more() {
    let mut scene = Scene::new();
    for password in ["password-2", "", "x"] {
        let mut wire = scene.socket();
        wire.send(&logon("DESK1", "RUTTER", password));
        let answer = wire.hear();
        // An empty field is no field, and the Logon is malformed: closed on at once.
        assert!(answer.is_empty() == password.is_empty() || has(&answer, "35=5"), "{answer}");
        assert!(!answer.contains("password-"), "{answer}");
        assert!(answer.is_empty() || wire.is_closed());
        scene.neighbour_trades();
    }
    // A session in use stays with its connection.
    let mut owner = scene.logged_on();
    let mut thief = scene.socket();
    thief.send(&logon("DESK1", "RUTTER", "password-1"));
    assert!(thief.is_closed(), "the second connection is closed");
    owner.order("mine", &[(55, "BTC/USDT"), (54, "1"), (38, "0.01"), (40, "1"), (59, "3")]);
    assert!(has(&owner.hear(), "11=mine"));
    scene.neighbour_trades();
}

#[test]
fn slow_and_half_messages_wait_and_garbled_ones_are_asked_for_again() {
    let mut scene = Scene::new();
    let mut slow = scene.socket();
    for byte in logon("DESK1", "RUTTER", "password-1") {
        slow.send(&[byte]);
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(has(&slow.hear(), "35=A"), "one byte at a time is a Logon, too");
    slow.seq = 1;
    scene.neighbour_trades();

    // Garbage between messages is skipped. The message lost in it is requested again.
    let lost = message("0", "DESK1", "RUTTER", 2, |_| {});
    let mut garbled = lost.clone();
    let middle = garbled.len() / 2;
    garbled[middle] ^= 0x55;
    slow.send(&garbled);
    slow.seq = 2;
    slow.order("o1", &[(55, "BTC/USDT"), (54, "1"), (38, "0.01"), (40, "1"), (59, "3")]);
    let request = slow.hear();
    assert!(has(&request, "35=2") && has(&request, "7=2"), "a resend is asked for: {request}");
    scene.neighbour_trades();
    drop(slow);

    // Half a message, then nothing, then the end of the connection.
    let mut half = scene.logged_on();
    let order = message("D", "DESK1", "RUTTER", 2, |out| {
        out.text(tags::CL_ORD_ID, "half");
    });
    half.send(&order[..order.len() / 2]);
    scene.neighbour_trades();
    drop(half);
    scene.neighbour_trades();

    // A message beyond the longest that the codec takes.
    let mut long = scene.logged_on();
    long.send(b"8=FIX.4.4\x019=70000\x0135=D\x01");
    for _ in 0..200 {
        long.send(&[b'x'; 1_000]);
    }
    long.seq = 1;
    long.order("o2", &[(55, "BTC/USDT"), (54, "1"), (38, "0.01"), (40, "1"), (59, "3")]);
    let answer = long.hear();
    let understood = has(&answer, "11=o2");
    assert!(understood || answer.is_empty() || has(&answer, "35=5"), "{answer}");
    scene.neighbour_trades();
}

#[test]
fn hundreds_of_connections_leave_room_for_clients() {
    let mut scene = Scene::new();
    let mut flood: Vec<Wire> = Vec::new();
    for number in 0..400 {
        let mut wire = scene.socket();
        match number % 3 {
            0 => {}
            1 => wire.send(b"8=FIX.4.4\x01"),
            _ => wire.send(&logon("NOBODY", "RUTTER", "password-1")),
        }
        flood.push(wire);
        if number % 100 == 0 {
            scene.neighbour_trades();
        }
    }
    scene.neighbour_trades();
    // Connections beyond the few that may wait for a Logon are closed at once.
    let mut closed = 0;
    for wire in &mut flood {
        wire.stream.set_read_timeout(Some(Duration::from_millis(20))).expect("set");
        let gone = match wire.stream.read(&mut [0; 64]) {
            Ok(count) => count == 0,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        };
        closed += usize::from(gone);
    }
    assert!((400 - 32..=400).contains(&closed), "{closed} of 400 are closed");
    drop(flood);
    let started = Instant::now();
    loop {
        let mut wire = scene.socket();
        wire.send(&logon("DESK1", "RUTTER", "password-1"));
        if has(&wire.hear(), "35=A") {
            break;
        }
        assert!(started.elapsed() < PATIENCE, "a client gets in when the flood has gone");
    }
    scene.neighbour_trades();
}

/// How an order is refused.
#[derive(Debug)]
enum Refused {
    /// An `ExecutionReport` with this `Text`.
    Word(&'static str),
    /// A Reject (35=3) with this `SessionRejectReason`: the message is malformed.
    Reject(&'static str),
}

#[test]
fn orders_that_cannot_be_meant_are_refused_by_the_word_for_it() {
    use Refused::{Reject, Word};
    let mut scene = Scene::new();
    let mut wire = scene.logged_on();
    let huge = "9".repeat(40);
    // Symbol, quantity, price, and how it is refused.
    let refused = [
        ("DOGE/USDT", "0.01", Some("60000"), Word("UnknownSymbol")),
        ("", "0.01", Some("60000"), Reject("1")),
        ("BTC/USDT", "0", Some("60000"), Reject("5")),
        ("BTC/USDT", "-1", Some("60000"), Reject("5")),
        ("BTC/USDT", "x", Some("60000"), Reject("6")),
        ("BTC/USDT", huge.as_str(), Some("60000"), Word("BadQuantity")),
        ("BTC/USDT", "0.000000001", Some("60000"), Word("BadQuantity")),
        ("BTC/USDT", "1001", Some("60000"), Word("QuantityTooLarge")),
        ("BTC/USDT", "90000000000", Some("60000"), Word("QuantityTooLarge")),
        ("BTC/USDT", "900", Some("60000"), Word("NotionalTooLarge")),
        ("BTC/USDT", "0.00000001", Some("60000"), Word("BelowMinimum")),
        ("BTC/USDT", "0.01", Some("0"), Reject("5")),
        ("BTC/USDT", "0.01", Some("-5"), Reject("5")),
        ("BTC/USDT", "0.01", Some("60000.001"), Word("BadPrice")),
        ("BTC/USDT", "0.01", Some(huge.as_str()), Word("BadPrice")),
        ("BTC/USDT", "0.01", Some("66000"), Word("PriceCollar")),
    ];
    let mut wrong = Vec::new();
    for (number, (symbol, qty, price, wanted)) in refused.into_iter().enumerate() {
        let id = format!("bad{number}");
        let mut fields = vec![(54, "1"), (38, qty), (40, "2"), (59, "3")];
        if !symbol.is_empty() {
            fields.push((55, symbol));
        }
        fields.extend(price.map(|price| (44, price)));
        wire.order(&id, &fields);
        let answer = wire.hear();
        let as_wanted = match wanted {
            Word(word) => {
                has(&answer, "35=8")
                    && has(&answer, "39=8")
                    && has(&answer, &format!("58={word}"))
                    && has(&answer, &format!("11={id}"))
            }
            Reject(reason) => has(&answer, "35=3") && has(&answer, &format!("373={reason}")),
        };
        if !as_wanted {
            wrong.push(format!("{symbol:?} {qty} @ {price:?}: want {wanted:?}, got {answer}"));
        }
        scene.neighbour_trades();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The session goes on.
    wire.order("good", &[(55, "BTC/USDT"), (54, "1"), (38, "0.01"), (40, "1"), (59, "3")]);
    let answer = wire.hear();
    assert!(has(&answer, "11=good") && has(&answer, "150=0"), "{answer}");
}

#[test]
fn a_configuration_with_a_wrong_or_missing_key_is_refused_by_its_name() {
    let scene = Scene::new();
    let sound = std::fs::read_to_string(scene.dir.path().join("node.toml")).expect("text");
    let check = |text: &str| {
        let path = scene.dir.path().join("changed.toml");
        std::fs::write(&path, text).expect("written");
        let output = Command::new(RUTTER).arg("check-config").arg(&path).output().expect("runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(check(&sound).0, Some(0));
    for (from, to, named) in [
        ("durability", "durabilty", "durabilty"),
        ("data_dir", "# data_dir", "data_dir"),
        ("listen =", "# listen =", "listen"),
        ("tick = \"0.01\"", "tick = \"0\"", "tick"),
        ("account = \"fund\"", "account = \"fnd\"", "account"),
        ("wait_profile = \"auto\"", "wait_profile = 7", "wait_profile"),
        ("price_collar_ppm = 50000", "price_collar_ppm = -1", "price_collar_ppm"),
        ("[fix]", "[fix]\nsurprise = 1", "surprise"),
        ("assets = [", "assets = ", "assets"),
    ] {
        let (code, said) = check(&sound.replacen(from, to, 1));
        assert_eq!(code, Some(1), "{to}: {said}");
        assert!(said.contains(named) && !said.contains("panicked"), "{to}: {said}");
    }
    let missing = Command::new(RUTTER).arg("check-config").arg("/nowhere.toml").output();
    assert_eq!(missing.expect("runs").status.code(), Some(1));
}
