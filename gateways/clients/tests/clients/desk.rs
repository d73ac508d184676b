//! The language of the scenarios: a gateway over real stores, a real core with a journal, and
//! clients that send `35=..|..` text. Headers, lengths and sums are put in and taken out here.

use std::collections::BTreeMap;
use std::path::Path;

use rutter_clients::{
    ClientGateway, ClientInput, CloseReason, GatewayConfig, InstrumentConfig, Limits, Notice,
    Proof, SessionConfig,
};
use rutter_core::Engine;
use rutter_core::id::{AccountId, AssetId, InstrumentId, OrderId, SessionId, VenueId};
use rutter_core::input::*;
use rutter_core::number::*;
use rutter_core::output::*;
use rutter_fix::codec::{TimePrecision, checksum, write_timestamp};
use rutter_fix::dictionary::Version;
use rutter_fix::store::{MmapConfig, MmapStore};
use rutter_test_support::published::assert_allowed;
use rutter_test_support::reference as usual;
pub use rutter_test_support::reference::text;
use rutter_transport::acceptor::{Acceptor, ConnId, Event};
use tempfile::TempDir;

pub const SECOND: u64 = 1_000_000_000;
/// 2024-06-27 11:17:26 UTC.
pub const START: u64 = 1_719_487_046 * SECOND;
pub const TIME: &str = "60=20240627-11:17:26.000|";
pub const BTC: InstrumentId = InstrumentId(0);
/// A good order of `ALPHA`'s but for its id.
pub const ORDER: &str = "38=0.5|40=2|44=60000.25|54=1|55=BTC/USDT|59=1|60=20240627-11:17:26.000|";

/// An operator's command.
pub fn operator(command: OperatorCommand) -> Input {
    let (by, reason) = (text("ops"), text("drill"));
    Input::Operator(Operator { request: 1, by, reason, command })
}

pub fn time_text(ns: u64) -> String {
    let mut out = Vec::new();
    write_timestamp(&mut out, ns, TimePrecision::Millis);
    String::from_utf8(out).expect("ascii")
}

/// Puts 8, 9 and 10 around `body`.
pub fn frame(body: &str) -> Vec<u8> {
    frame_in(Version::Fix44, body)
}

/// The version that a client speaks: those of these names do not speak FIX 4.4.
fn version_of(comp_id: &str) -> Version {
    match comp_id {
        "OLD" | "COPY42" => Version::Fix42,
        "NEW" | "COPY50" => Version::Fix50Sp2,
        _ => Version::Fix44,
    }
}

fn frame_in(version: Version, body: &str) -> Vec<u8> {
    let (begin, body) = (version.begin_string(), body.replace('|', "\u{1}"));
    let mut bytes = format!("8={begin}\u{1}9={}\u{1}{body}", body.len()).into_bytes();
    let sum = checksum(&bytes);
    bytes.extend_from_slice(format!("10={sum:03}\u{1}").as_bytes());
    bytes
}

/// The messages in `bytes`, without the fields that every message has: 8, 9, 10, 49, 52, 56, and
/// 122 of one that was sent again. Each is one that the published dictionary allows.
pub fn unframe(bytes: &[u8]) -> Vec<String> {
    assert_allowed(bytes, |_| false);
    let text = String::from_utf8(bytes.to_vec()).expect("ascii").replace('\u{1}', "|");
    let boring = ["8", "9", "10", "49", "52", "56", "122"];
    let begins = Version::ALL.map(|version| format!("8={}|9=", version.begin_string()));
    let begin = begins.iter().find(|begin| text.starts_with(begin.as_str()));
    let messages = text.split(begin.map_or("8=", String::as_str)).skip(1);
    messages
        .map(|message| format!("9={message}"))
        .map(|message| {
            assert!(message.ends_with('|'), "a whole message: {message}");
            message
                .split_inclusive('|')
                .filter(|field| !boring.contains(&field.split('=').next().expect("a tag")))
                .collect()
        })
        .collect()
}

pub fn config() -> GatewayConfig {
    let session = |id, name: &str| SessionConfig {
        proof: Proof::Password(format!("pw-{name}").as_str().into()),
        ..SessionConfig::trading(SessionId(id), name, text(&format!("ACC-{name}")))
    };
    GatewayConfig {
        sender_comp_id: "RUTTER".to_owned(),
        sessions: vec![session(0, "ALPHA"), session(1, "BETA")],
        instruments: vec![InstrumentConfig {
            id: BTC,
            symbol: text("BTC/USDT"),
            price_decimals: 2,
            qty_decimals: 4,
        }],
        venues: vec![text("binance"), text("kraken")],
        assets: vec![text("BTC"), text("USDT")],
        node_tag: 0xa1,
        limits: Limits::default(),
    }
}

/// The store of a client.
pub fn store(folder: &Path, comp_id: &str) -> MmapStore {
    let small =
        MmapConfig { segment_bytes: 1 << 17, retention_bytes: 32 << 20, owner: 0, first_epoch: 0 };
    MmapStore::open(&folder.join(comp_id), small).expect("a store")
}

pub fn open(folder: &Path, config: &GatewayConfig) -> ClientGateway<MmapStore> {
    let stores = config.sessions.iter().map(|one| store(folder, &one.comp_id)).collect();
    ClientGateway::new(config, stores).expect("a sound configuration")
}

/// What the journal of these scenarios begins with.
pub fn reference() -> Vec<Input> {
    let [base, quote] = [AssetId(0), AssetId(1)];
    let mut inputs = vec![
        Input::Genesis(Genesis { node_tag: 0xa1, ..usual::genesis() }),
        Input::Asset(usual::asset(base.0, "BTC")),
        Input::Asset(usual::asset(quote.0, "USDT")),
        Input::Instrument(InstrumentDef {
            qty_decimals: 4,
            order_qty_max: Qty(10_000_000),
            ..usual::instrument(BTC.0, "BTC/USDT", base, quote)
        }),
        Input::Venue(usual::venue(0, "binance")),
        Input::Listing(ListingDef {
            qty_max: Qty(10_000_000),
            maker_fee: FeePpm(0),
            taker_fee: FeePpm(0),
            fee_taken: FeeTaken::Quote,
            ..usual::listing(VenueId(0), BTC)
        }),
    ];
    for (id, name) in [(0, "ALPHA"), (1, "BETA"), (2, "OLD"), (3, "NEW")] {
        inputs.push(Input::Account(AccountDef {
            limits: AccountLimits {
                notional_max: Amount(100_000_000 * usual::UNIT),
                collar_ppm: 500_000,
                ..usual::limits()
            },
            ..usual::account(id, &format!("ACC-{name}"))
        }));
        inputs.push(Input::Session(usual::session(id, name, Some(AccountId(id)))));
    }
    let mut book = BookUpdate { instrument: BTC, clear: true, last: true, ..BookUpdate::default() };
    book.push(Side::Buy, Level { price: Price(6_000_000), qty: Qty(100_000) });
    book.push(Side::Sell, Level { price: Price(6_100_000), qty: Qty(100_000) });
    inputs.extend([Input::NodeStarted, Input::VenueUp(VenueId(0))]);
    let total = Amount(1_000_000_000 * 1_000_000_000_000_000_000);
    let balance = |asset| Input::Balance { venue: VenueId(0), asset: AssetId(asset), total };
    inputs.extend([0, 1].map(balance));
    inputs.push(Input::Book(book));
    inputs
}

/// One side of a connection as its client sees it.
#[derive(Debug, Default)]
struct Peer {
    comp_id: String,
    seen: Vec<String>,
}

pub struct Desk {
    pub gateway: ClientGateway<MmapStore>,
    pub config: GatewayConfig,
    pub now: u64,
    /// Inputs that the core's ring has room for; `None` for any number.
    pub room: Option<usize>,
    /// What was published and is not journaled yet.
    pub ring: Vec<Input>,
    pub arrivals: Vec<u64>,
    journal: Vec<Input>,
    peers: BTreeMap<u32, Peer>,
    /// Next number of each client by its `CompID`; a client lives longer than its connection.
    pub next_seq: BTreeMap<String, u64>,
    /// Whether clients read what is sent to them.
    pub reads: bool,
    folder: TempDir,
}

impl Desk {
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    pub fn with(change: impl FnOnce(&mut GatewayConfig)) -> Self {
        let mut config = config();
        change(&mut config);
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut gateway = open(folder.path(), &config);
        gateway.recovered();
        Self {
            gateway,
            config,
            now: START,
            room: None,
            ring: Vec::new(),
            arrivals: Vec::new(),
            journal: reference(),
            peers: BTreeMap::new(),
            next_seq: BTreeMap::new(),
            reads: true,
            folder,
        }
    }

    /// The folder of the stores.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The ring takes the gateway's inputs as far as it has room.
    fn deliver(&mut self) {
        let (ring, room, arrivals) = (&mut self.ring, &mut self.room, &mut self.arrivals);
        let mut receive = |emission: &ClientInput| {
            if let Some(room) = room {
                if *room == 0 {
                    return false;
                }
                *room -= 1;
            }
            ring.push(emission.input);
            arrivals.push(emission.arrived_ns);
            true
        };
        self.gateway.deliver(self.now, &mut receive);
    }

    /// The gateway does something; the ring takes its inputs, and clients read.
    fn act(&mut self, act: impl FnOnce(&mut ClientGateway<MmapStore>, u64)) -> &mut Self {
        self.deliver();
        act(&mut self.gateway, self.now);
        self.deliver();
        self.read_all();
        self
    }

    /// Clients read what was written to them.
    pub fn read_all(&mut self) {
        while self.reads
            && let Some(conn) = self.gateway.next_to_write()
        {
            let bytes = self.gateway.pending(conn).to_vec();
            self.gateway.on_event(self.now, Event::Written(conn, bytes.len()));
            self.peers.entry(conn.0).or_default().seen.extend(unframe(&bytes));
        }
    }

    pub fn connect(&mut self, conn: u32) -> Result<(), CloseReason> {
        self.connect_as(conn, &rutter_transport::acceptor::Peer::default())
    }

    pub fn connect_as(
        &mut self,
        conn: u32,
        peer: &rutter_transport::acceptor::Peer,
    ) -> Result<(), CloseReason> {
        self.gateway.accept(self.now, ConnId(conn), peer)
    }

    pub fn bytes(&mut self, conn: u32, bytes: &[u8]) -> &mut Self {
        self.act(|gateway, now| gateway.on_event(now, Event::Bytes(ConnId(conn), bytes)))
    }

    pub fn resume(&mut self) -> &mut Self {
        self.act(|gateway, now| {
            gateway.resume(now);
        })
    }

    pub fn wait(&mut self, ns: u64) -> &mut Self {
        self.now += ns;
        self.act(|gateway, now| {
            gateway.on_timer(now);
        })
    }

    pub fn peer_closes(&mut self, conn: u32) -> &mut Self {
        self.peers.remove(&conn);
        self.act(|gateway, now| gateway.on_event(now, Event::Closed(ConnId(conn))))
    }

    /// The message as the client of this connection would send it next.
    pub fn message(&mut self, conn: u32, body: &str) -> Vec<u8> {
        let comp_id = self.peers.entry(conn).or_default().comp_id.clone();
        let seq = self.next_seq.entry(comp_id.clone()).or_insert(1);
        let bytes = numbered(&comp_id, *seq, self.now, body);
        *seq += 1;
        bytes
    }

    /// A client sends `35=..|..` under its next number.
    pub fn send(&mut self, conn: u32, body: &str) -> &mut Self {
        let bytes = self.message(conn, body);
        self.bytes(conn, &bytes)
    }

    /// A client sends again what it had sent under `seq`.
    pub fn send_again(&mut self, conn: u32, seq: u64, body: &str) -> &mut Self {
        let comp_id = self.peers.entry(conn).or_default().comp_id.clone();
        let (kind, rest) = body.split_once('|').expect("35 first");
        let body = format!("{kind}|43=Y|122={}|{rest}", time_text(self.now));
        let bytes = numbered(&comp_id, seq, self.now, &body);
        self.bytes(conn, &bytes)
    }

    /// A client connects and sends its Logon; what is answered can be looked at.
    pub fn try_logon(&mut self, conn: u32, comp_id: &str) -> &mut Self {
        self.connect(conn).expect("room");
        self.peers.insert(conn, Peer { comp_id: comp_id.to_owned(), seen: Vec::new() });
        let more = match version_of(comp_id) {
            // It has no Password.
            Version::Fix42 => String::new(),
            Version::Fix44 => format!("554=pw-{comp_id}|"),
            Version::Fix50Sp2 => format!("554=pw-{comp_id}|1137=9|"),
        };
        self.send(conn, &format!("35=A|98=0|108=30|{more}"))
    }

    /// A client logs on and says more with it.
    pub fn logon_with(&mut self, conn: u32, comp_id: &str, more: &str) -> &mut Self {
        self.as_client(conn, comp_id);
        self.send(conn, &format!("35=A|98=0|108=30|554=pw-{comp_id}|{more}"));
        let seen = self.seen(conn);
        assert!(seen.first().is_some_and(|first| first.starts_with("35=A|")), "{seen:?}");
        self
    }

    /// A client logs on.
    pub fn logon(&mut self, conn: u32, comp_id: &str) -> &mut Self {
        self.try_logon(conn, comp_id);
        let seen = self.seen(conn);
        assert!(seen.first().is_some_and(|first| first.starts_with("35=A|")), "{seen:?}");
        self
    }

    pub fn as_client(&mut self, conn: u32, comp_id: &str) -> &mut Self {
        self.connect(conn).expect("room");
        self.peers.insert(conn, Peer { comp_id: comp_id.to_owned(), seen: Vec::new() });
        self
    }

    /// What a client saw since the last look.
    pub fn seen(&mut self, conn: u32) -> Vec<String> {
        std::mem::take(&mut self.peers.entry(conn).or_default().seen)
    }

    pub fn saw(&mut self, conn: u32, expected: &[&str]) -> &mut Self {
        assert_eq!(self.seen(conn), expected);
        self
    }

    /// The newest messages that a client saw contain these texts, in order.
    pub fn saw_like(&mut self, conn: u32, parts: &[&str]) -> &mut Self {
        let seen = self.seen(conn);
        assert_eq!(seen.len(), parts.len(), "{seen:#?}");
        for (message, part) in seen.iter().zip(parts) {
            for part in part.split_whitespace() {
                assert!(message.contains(part), "{part} in {message}");
            }
        }
        self
    }

    /// What was published since the last look.
    pub fn published(&mut self) -> Vec<Input> {
        std::mem::take(&mut self.ring)
    }

    /// Connections that are to be closed, which then are.
    pub fn closes(&mut self) -> Vec<(u32, CloseReason)> {
        let mut closes = Vec::new();
        while let Some((conn, reason)) = self.gateway.next_to_close() {
            closes.push((conn.0, reason));
        }
        for (conn, _) in &closes {
            self.act(|gateway, now| gateway.on_event(now, Event::Closed(ConnId(*conn))));
        }
        closes
    }

    pub fn notices(&mut self) -> Vec<Notice> {
        std::iter::from_fn(|| self.gateway.take_notice()).collect()
    }

    pub fn output(&mut self, output: &Output) -> &mut Self {
        self.gateway.on_output(self.now, output).expect("taken");
        self.read_all();
        self
    }

    /// Outputs of the whole journal, and how many of them the last `count` inputs caused.
    fn replay(&self, count: usize) -> Vec<Output> {
        let Some(Input::Genesis(genesis)) = self.journal.first() else { panic!("no genesis") };
        let mut engine = Engine::new(genesis).expect("sound");
        let (mut outputs, mut fresh) = (Vec::new(), 0);
        for (at, input) in self.journal.iter().enumerate() {
            if at == self.journal.len() - count {
                fresh = outputs.len();
            }
            let header = Header { seq: at as u64 + 1, time: UnixNanos(START) };
            engine.apply(header, input, &mut outputs);
        }
        if count == 0 { outputs } else { outputs.split_off(fresh) }
    }

    /// The core journals the first `count` inputs of the ring. Their outputs are lost with
    /// [`Desk::crash`] unless [`Desk::decide`] is used.
    pub fn journal(&mut self, count: usize) -> Vec<Output> {
        let taken: Vec<Input> = self.ring.drain(..count).collect();
        self.journal.extend(taken);
        if count == 0 { Vec::new() } else { self.replay(count) }
    }

    /// The core takes everything in the ring and the gateway gets what comes out.
    pub fn decide(&mut self) -> &mut Self {
        let outputs = self.journal(self.ring.len());
        for output in &outputs {
            self.output(output);
        }
        self
    }

    /// The process dies with everything that is not in the journal or a store, and a new one
    /// reads the journal.
    pub fn crash(self) -> Self {
        self.crash_after(|_| {})
    }

    /// As [`Desk::crash`]; meanwhile something happens to the folder of the stores.
    pub fn crash_after(mut self, change: impl FnOnce(&Path)) -> Self {
        drop(self.gateway);
        change(self.folder.path());
        self.gateway = open(self.folder.path(), &self.config);
        self.peers.clear();
        self.ring.clear();
        for output in self.replay(0) {
            self.gateway.on_output(self.now, &output).expect("taken");
        }
        self.gateway.recovered();
        self
    }
}

/// A whole message of a client's.
pub fn numbered(comp_id: &str, seq: u64, now: u64, body: &str) -> Vec<u8> {
    let (kind, rest) = body.split_once('|').expect("35 first");
    let body = format!("{kind}|34={seq}|49={comp_id}|52={}|56=RUTTER|{rest}", time_text(now));
    frame_in(version_of(comp_id), &body)
}

/// A report of `ALPHA`'s first order, to be changed.
pub fn report(event: u64) -> Report {
    Report {
        event,
        time: UnixNanos(START + 1_000_000),
        exec: event,
        order: OrderId(7),
        trace: 1,
        kind: ReportKind::New,
        status: OrdStatus::New,
        cl_ord_id: text("a1"),
        instrument: Some(BTC),
        tif: TimeInForce::Gtc,
        qty: Qty(5_000),
        price: Price(6_000_025),
        leaves: Qty(5_000),
        ..Report::BLANK
    }
}
