//! Operators at the console of a real node with a trading client and simulated venues: the kill
//! switch, the rights of each role, and the state that outlives a restart.

use std::fs::Permissions;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rutter_sim::Venue;
use rutter_sim::market::{E8, MARKETS};
use rutter_tools::client::{ClientConfig, FixClient, Order, Report, Side, Tif, Told};
use rutter_tools::clock::unix_ns;
use rutter_tools::harness::{
    CONSOLE, Flowing, Node, NodeSettings, READY_DEFAULT, USUAL, Venues, VenuesConfig, free_address,
    write_node_config,
};
use serde_json::{Value, json};
use tempfile::TempDir;

const RUTTER: &str = env!("CARGO_BIN_EXE_rutter");
const PATIENCE: Duration = Duration::from_mins(1);
/// Open orders, half at each venue.
const OPEN: usize = 10_000;
/// A limit within the account's collar and far below every offer.
const RESTS: i64 = 58_000 * E8;
/// Most orders that wait for an answer at a time.
const WINDOW: usize = 200;

struct Desk {
    dir: TempDir,
    venues: Venues,
    settings: NodeSettings,
    node: Node,
    client: FixClient,
    sent: usize,
    /// Last status of each report, counted.
    accepted: usize,
    refused: usize,
    over: usize,
}

impl Desk {
    fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("rutter-console-").tempdir().expect("folder");
        let still = VenuesConfig { flowing: Flowing::Still, ..VenuesConfig::default() };
        let venues = Venues::start(&still, dir.path()).expect("venues");
        let mut settings = NodeSettings::new(free_address().expect("a port"));
        settings.orders_log2 = 16;
        settings.stale_after_ms = 3_600_000;
        let config = write_node_config(dir.path(), &venues, &settings).expect("configuration");
        // On a slow machine orders would move to the venue that has fewer of them.
        let text = std::fs::read_to_string(&config).expect("readable");
        let stays = "open_orders_max = 1000000\n[account.routing]\nmove = \"never\"\n";
        let text = text.replacen("open_orders_max = 1000000\n", stays, 1);
        assert!(text.contains(stays), "the account's limits are in the configuration");
        std::fs::write(&config, text).expect("written");
        let mut node = Node::start(Path::new(RUTTER), &config, dir.path()).expect("node");
        node.wait_ready(READY_DEFAULT).expect("ready");
        let client = connect(&settings);
        Self { dir, venues, settings, node, client, sent: 0, accepted: 0, refused: 0, over: 0 }
    }

    fn ask(&self, verb: &str, args: &Value) -> Value {
        self.node.ask(verb, args).unwrap_or_else(|error| panic!("{verb}: {error}"))
    }

    fn send(&mut self) {
        let id = format!("k{}", self.sent);
        let (symbol, qty_e8) = (MARKETS[0].symbol, E8 / 1_000);
        let order = Order {
            cl_ord_id: &id,
            symbol,
            side: Side::Buy,
            qty_e8,
            limit_e8: Some(RESTS),
            tif: Tif::Gtc,
        };
        self.client.new_order(unix_ns(), &order).expect("sent");
        self.sent += 1;
    }

    fn listen(&mut self) {
        let (mut accepted, mut refused, mut over) = (0, 0, 0);
        let mut hear = |told: Told| match told {
            Told::App(message, dup) => {
                let report = Report::read(&message, dup).expect("readable");
                match report.status {
                    '0' => accepted += 1,
                    '8' => refused += 1,
                    '4' => over += 1,
                    other => panic!("{other}: {message}"),
                }
            }
            Told::LoggedOn => {}
            other => panic!("{other:?}"),
        };
        self.client.turn(unix_ns(), &mut hear).expect("the node reads");
        self.accepted += accepted;
        self.refused += refused;
        self.over += over;
    }

    fn answered(&self) -> usize {
        self.accepted + self.refused
    }

    /// Sends `count` orders and waits until all are answered.
    fn place(&mut self, count: usize) {
        let (target, started) = (self.sent + count, Instant::now());
        while self.answered() < target {
            if self.sent < target && self.sent - self.answered() < WINDOW {
                self.send();
            }
            self.listen();
            assert!(started.elapsed() < PATIENCE, "{} of {target} answered", self.answered());
        }
    }

    fn open(&self) -> usize {
        self.venues.open_orders(Venue::Binance) + self.venues.open_orders(Venue::Kraken)
    }

    fn wait_open(&mut self, count: usize) -> Duration {
        let started = Instant::now();
        while self.open() != count {
            self.listen();
            assert!(started.elapsed() < PATIENCE, "{} of {count} open", self.open());
        }
        started.elapsed()
    }

    /// The read model is a few milliseconds behind.
    fn wait_refused(&self, count: usize) {
        let started = Instant::now();
        while self.ask("status", &Value::Null)["refused"]["Halted"].as_u64() < Some(count as u64) {
            assert!(started.elapsed() < PATIENCE, "{count} refused");
        }
    }

    /// Half of them at each venue.
    fn fill_both_venues(&mut self) {
        for (open, place, not_there) in
            [(OPEN / 2, "binance", "kraken"), (OPEN, "kraken", "binance")]
        {
            self.ask("venue-drain", &json!({"venue": not_there, "reason": "share orders out"}));
            self.place(OPEN / 2);
            // An order that finds its venue busy waits for that venue and must not go to the other
            // one.
            self.wait_open(open);
            self.ask("venue-enable", &json!({"venue": not_there, "reason": place}));
        }
        for venue in USUAL {
            assert_eq!(self.venues.open_orders(venue), OPEN / 2, "{}", venue.name());
        }
    }
}

fn connect(settings: &NodeSettings) -> FixClient {
    let desk = &settings.sessions[0];
    let config = ClientConfig {
        reset: true,
        ..ClientConfig::new(settings.listen, &desk.comp_id, &desk.password)
    };
    let mut client = FixClient::connect(&config).expect("connects");
    client.wait_logon(PATIENCE).expect("logs on");
    client
}

#[test]
fn the_kill_switch_takes_ten_thousand_orders_back_lets_nothing_new_leave_and_outlives_a_sigkill() {
    let mut desk = Desk::start();
    desk.fill_both_venues();
    let would = desk.ask("halt", &json!({"dry_run": true}));
    assert_eq!(would["affected"], OPEN);
    assert_eq!(desk.open(), OPEN, "a dry run changes nothing");

    // The client sends orders while the switch takes effect.
    (0..WINDOW).for_each(|_| desk.send());
    let started = Instant::now();
    let done = desk.ask("halt", &json!({"reason": "kill switch drill"}));
    let answered = started.elapsed();
    let seq = done["seq"].as_u64().expect("a sequence");
    desk.wait_open(0);
    println!(
        "halt of {OPEN} open orders over two venues: answered after {answered:?}, none open at \
         the venues after {:?}",
        started.elapsed()
    );
    let status = desk.ask("status", &Value::Null);
    assert_eq!((&status["halted"], &status["halts"]), (&json!(true), &json!([{}])));

    // Every new order is refused, and none reaches a venue.
    desk.place(WINDOW);
    assert_eq!(desk.open(), 0);
    desk.wait_refused(WINDOW);
    assert_eq!(news_after(&desk, seq), 0, "new orders were decided after the halt");

    desk.node.kill().expect("killed");
    desk.node.restart().expect("starts");
    desk.node.wait_ready(READY_DEFAULT).expect("ready");
    desk.client = connect(&desk.settings);
    let status = desk.ask("status", &Value::Null);
    assert_eq!((&status["halted"], &status["open_orders"]), (&json!(true), &json!(0)));
    let (refused, accepted) = (desk.refused, desk.accepted);
    desk.place(10);
    assert_eq!((desk.refused, desk.accepted), (refused + 10, accepted));
    let commands = desk.ask("commands", &json!({"limit": 1}));
    assert_eq!(commands["commands"][0]["command"], "halt everything");
    assert_eq!(commands["commands"][0]["reason"], "kill switch drill");
    desk.ask("resume", &json!({"reason": "drill over"}));
    desk.place(10);
    assert_eq!(desk.accepted, accepted + 10);
    desk.wait_open(10);
    let replay = desk.node.journal_command("verify").expect("runs");
    assert!(replay.status.success(), "{replay:?}");
    drop(desk.dir);
}

/// How many children the core has sent since a journal sequence, by the read model.
fn news_after(desk: &Desk, seq: u64) -> usize {
    let orders = desk.ask("orders", &json!({"state": "all", "limit": 500}));
    let ids = orders["orders"].as_array().expect("rows").iter();
    ids.map(|order| {
        let shown = desk.ask("order", &json!({"id": order["id"]}));
        let events = shown["events"].as_array().expect("rows");
        let sent = |event: &&Value| event["what"] == "SendNew" && event["seq"].as_u64() > Some(seq);
        events.iter().filter(sent).count()
    })
    .sum()
}

#[test]
fn a_node_that_cannot_let_operators_in_does_not_start_and_leaves_what_is_in_the_way() {
    let dir = tempfile::Builder::new().prefix("rutter-console-").tempdir().expect("folder");
    let still = VenuesConfig { flowing: Flowing::Still, ..VenuesConfig::default() };
    let venues = Venues::start(&still, dir.path()).expect("venues");
    let mut settings = NodeSettings::new(free_address().expect("a port"));
    settings.orders_log2 = 12;
    let config = write_node_config(dir.path(), &venues, &settings).expect("configuration");
    let (socket, secret) = (dir.path().join(CONSOLE), dir.path().join("secret"));
    std::fs::write(&secret, "kept").expect("written");
    std::fs::create_dir(socket.parent().expect("a folder")).expect("made");
    std::os::unix::fs::symlink(&secret, &socket).expect("planted");
    let mut node = Node::start(Path::new(RUTTER), &config, dir.path()).expect("started");
    let error = node.wait_ready(READY_DEFAULT).expect_err("it does not become ready").to_string();
    assert!(error.contains("symbolic link"), "{error}");
    assert_eq!(std::fs::read_to_string(&secret).expect("there"), "kept");
    assert_eq!(venues.open_orders(Venue::Binance), 0);
}

/// Connects so many times, says so, and keeps the connections; then connects and leaves again at
/// that rate, until it is killed.
const CROWD: &str = r#"
import socket, sys, time
path, idle, per_second = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
def connect():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(5)
    s.connect(path)
    return s
kept = [connect() for _ in range(idle)]
for s in kept:
    s.recv(4096)
print("in", flush=True)
while True:
    if per_second:
        try:
            connect().close()
        except OSError:
            pass
    time.sleep(1 / per_second if per_second else 60)
"#;

/// Users who are named as viewer and as operator, and one without a role.
const USERS: [u32; 3] = [4_242, 4_243, 4_244];

/// Halts that are timed.
const HALTS: usize = 20;

/// A process that goes when the test ends.
struct Visitors(Child);

impl Visitors {
    /// As that user, if the test may become another user.
    fn enter(dir: &Path, user: Option<u32>, idle: usize, per_second: u32) -> Self {
        let mut command = Command::new("python3");
        command.args(["-c", CROWD]).arg(dir.join(CONSOLE));
        command.args([idle.to_string(), per_second.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        if let Some(user) = user {
            command.uid(user);
        }
        let mut child = command.spawn().expect("python3 starts");
        let mut line = String::new();
        let told = child.stdout.as_mut().expect("piped");
        BufReader::new(told).read_line(&mut line).expect("readable");
        assert_eq!(line, "in\n", "{idle} connections of {user:?}");
        Self(child)
    }
}

impl Drop for Visitors {
    fn drop(&mut self) {
        // Both calls fail only when the process has ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Idle connections of two users take all their places, and a third one comes and goes. Only the
/// superuser can be others; else all are the one user of the test.
#[test]
fn idle_connections_and_a_crowd_do_not_keep_an_administrators_halt_waiting() {
    let dir = tempfile::Builder::new().prefix("rutter-console-").tempdir().expect("folder");
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o711)).expect("set");
    let still = VenuesConfig { flowing: Flowing::Still, ..VenuesConfig::default() };
    let venues = Venues::start(&still, dir.path()).expect("venues");
    let mut settings = NodeSettings::new(free_address().expect("a port"));
    settings.orders_log2 = 12;
    let config = write_node_config(dir.path(), &venues, &settings).expect("configuration");
    let text = std::fs::read_to_string(&config).expect("there");
    let [viewer, operator, _] = USERS;
    let people = format!("[console]\nviewers = [\"{viewer}\"]\noperators = [\"{operator}\"]");
    std::fs::write(&config, text.replace("[console]", &people)).expect("written");
    let mut node = Node::start(Path::new(RUTTER), &config, dir.path()).expect("started");
    node.wait_ready(READY_DEFAULT).expect("ready");

    let others = rustix::process::geteuid().is_root().then_some(USERS);
    let user = |nth: usize| others.map(|users| users[nth]);
    let (idle, crowd) = if others.is_some() { (16, 1_000) } else { (4, 20) };
    let _visitors = [
        Visitors::enter(dir.path(), user(0), idle, 0),
        Visitors::enter(dir.path(), user(1), idle, 0),
        Visitors::enter(dir.path(), user(2), 0, crowd),
    ];
    let halt = |nth: usize| {
        let started = Instant::now();
        let done = node.ask("halt", &json!({"reason": format!("drill {nth}")})).expect("halts");
        let took = started.elapsed();
        assert!(done["seq"].as_u64().is_some(), "{done}");
        node.ask("resume", &json!({"reason": "drill over"})).expect("resumes");
        took
    };
    let mut took: Vec<Duration> = (0..HALTS).map(halt).collect();
    took.sort_unstable();
    println!(
        "halt beside {idle} + {idle} idle connections and {crowd} new ones a second: p50 {:?}, at \
         most {:?}",
        took[HALTS / 2],
        took[HALTS - 1]
    );
    // A machine that does other things as well makes some of them late.
    assert!(took[HALTS / 4] < Duration::from_millis(50), "{took:?}");
}
