//! `QuickFIX` (C++) as the client: an independent session layer logs on, trades, loses its
//! connection, resumes, and survives a SIGKILL of the node. It gets every report exactly once, and
//! validates every message with the dictionaries of `docs/fix`.
//!
//! The Makefile builds the client, `tests/fix_client`; `RUTTER_FIX_CLIENT` is its path. Without the
//! program the scenario is skipped, with a notice.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rutter_sim::Venue;
use rutter_tools::harness::{
    Flowing, Node, NodeSettings, READY_DEFAULT, Venues, VenuesConfig, free_address,
    write_node_config,
};

const PATIENCE: Duration = Duration::from_secs(30);

/// The FIX version of a session without one of its own.
const DEFAULT_VERSION: &str = "FIX.4.4";

/// What happens to the connection within an hour of a simulated day, after a burst of orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hour {
    /// Nothing.
    Quiet,
    /// It is cut while reports are on their way.
    Cut,
    /// It is cut twice: the second time while missed messages are sent again.
    CutTwice,
    /// The client logs out, misses reports, and logs on again.
    Away,
    /// The node is killed (SIGKILL) while it works, and started again.
    Killed,
    /// The node is ended in order, and started again.
    Restarted,
}

/// A whole day, hour by hour.
const DAY: [Hour; 24] = {
    use Hour::{Away, Cut, CutTwice, Killed, Quiet, Restarted};
    [
        Quiet, Cut, CutTwice, Away, Killed, Quiet, Cut, Killed, Killed, Away, CutTwice,
        Cut, // noon
        Restarted, Cut, Quiet, Killed, Away, Cut, CutTwice, Killed, Restarted, Cut, Away, Quiet,
    ]
};

/// Each of them once, for the versions that are no more than another dialect of the same session.
const MORNING: [Hour; 6] =
    [Hour::Cut, Hour::CutTwice, Hour::Away, Hour::Killed, Hour::Restarted, Hour::Quiet];

fn client_program() -> Option<PathBuf> {
    let path = std::env::var_os("RUTTER_FIX_CLIENT").map(PathBuf::from);
    let found = path.filter(|path| path.is_file());
    if found.is_none() {
        println!("notice: no QuickFIX client at RUTTER_FIX_CLIENT (make builds it): skipped");
    }
    found
}

/// The client process and its output so far.
struct QuickFix {
    child: Child,
    commands: ChildStdin,
    lines: Receiver<String>,
    said: Vec<String>,
}

/// A report as `QuickFIX` understood it.
type Fields = BTreeMap<String, String>;

fn fields(line: &str) -> Fields {
    let words = line.split(' ').filter_map(|word| word.split_once('='));
    words.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

impl QuickFix {
    fn start(program: &Path, settings: &NodeSettings, store: &Path) -> Self {
        let session = &settings.sessions[0];
        let mut child = Command::new(program)
            .arg(settings.listen.ip().to_string())
            .arg(settings.listen.port().to_string())
            .args([&session.comp_id, "RUTTER", &session.password])
            .arg(store)
            .arg(settings.begin_string.as_deref().unwrap_or(DEFAULT_VERSION))
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/fix"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the client starts");
        let (give, lines) = channel();
        let output = BufReader::new(child.stdout.take().expect("piped"));
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if give.send(line).is_err() {
                    return;
                }
            }
        });
        let commands = child.stdin.take().expect("piped");
        Self { child, commands, lines, said: Vec::new() }
    }

    fn tell(&mut self, command: &str) {
        writeln!(self.commands, "{command}").expect("the client listens");
    }

    /// Waits until `enough` is true of the output.
    fn until(&mut self, what: &str, enough: impl Fn(&[String]) -> bool) {
        let started = Instant::now();
        while !enough(&self.said) {
            let left = PATIENCE.saturating_sub(started.elapsed());
            let Ok(line) = self.lines.recv_timeout(left) else {
                let end = self.said.len().saturating_sub(30);
                panic!("{what}: not within {PATIENCE:?}:\n{}", self.said[end..].join("\n"));
            };
            assert!(!line.starts_with("error"), "{line}");
            self.said.push(line);
        }
    }

    fn ups(&self) -> usize {
        self.said.iter().filter(|line| line.starts_with("up ")).count()
    }

    fn until_up(&mut self, times: usize) {
        self.until("logged on", |said| {
            said.iter().filter(|line| line.starts_with("up ")).count() >= times
        });
    }

    fn reports(said: &[String]) -> impl Iterator<Item = Fields> + '_ {
        said.iter().filter(|line| line.starts_with("exec ")).map(|line| fields(line))
    }

    /// Waits until every order of these is over.
    fn until_over(&mut self, orders: &[String]) {
        self.until("orders are over", |said| {
            let over: BTreeSet<String> = Self::reports(said)
                .filter(|report| matches!(report["status"].as_str(), "2" | "4" | "8" | "C"))
                .map(|report| report.get("orig").unwrap_or(&report["id"]).clone())
                .collect();
            orders.iter().all(|order| over.contains(order))
        });
    }
}

impl Drop for QuickFix {
    fn drop(&mut self) {
        // Fails only if the process has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Orders of one burst, some of which rest and are cancelled.
fn burst(client: &mut QuickFix, name: &str, count: usize) -> Vec<String> {
    let orders: Vec<String> = (0..count).map(|number| format!("{name}{number}")).collect();
    for (number, order) in orders.iter().enumerate() {
        let side = if number % 2 == 0 { "buy" } else { "sell" };
        match number % 5 {
            0 => {
                let price = if number % 2 == 0 { "59000" } else { "61000" };
                client.tell(&format!("new {order} {side} 0.01 {price} gtc BTC/USDT"));
                client.tell(&format!("cancel c-{order} {order} {side} 0.01 BTC/USDT"));
            }
            _ => client.tell(&format!("new {order} {side} 0.01 market ioc BTC/USDT")),
        }
    }
    orders
}

/// Sets up venues, a node that is ready, and where it lives. `None` when this node does not know
/// sessions of that version.
fn scene(dir: &Path, version: &str) -> Option<(Venues, NodeSettings, Node)> {
    let venues = VenuesConfig { flowing: Flowing::Still, ..VenuesConfig::default() };
    let venues = Venues::start(&venues, dir).expect("venues");
    let mut settings = NodeSettings::new(free_address().expect("a port"));
    settings.orders_log2 = 12;
    if version != DEFAULT_VERSION {
        settings.begin_string = Some(version.to_owned());
    }
    let config = write_node_config(dir, &venues, &settings).expect("configuration");
    let program = Path::new(env!("CARGO_BIN_EXE_rutter"));
    let check = Command::new(program).arg("check-config").arg(&config).output();
    let check = check.expect("the program runs");
    let said = [check.stdout, check.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    if said.contains("unknown field `begin_string`") {
        println!("notice: this node's sessions speak {DEFAULT_VERSION} only: {version} is skipped");
        return None;
    }
    let mut node = Node::start(program, &config, dir).expect("node");
    node.wait_ready(READY_DEFAULT).expect("ready");
    Some((venues, settings, node))
}

/// Every report came once, and the fills add up to the venues' fills.
fn once(client: &QuickFix, orders: &[String], booked: usize) {
    let reports: Vec<Fields> = QuickFix::reports(&client.said).collect();
    let execs: Vec<u64> = reports
        .iter()
        .map(|report| report["exec"].split_once('-').expect("tag, dash, number").1)
        .map(|number| number.parse().expect("a number"))
        .collect();
    let expected: Vec<u64> = (1..=execs.len() as u64).collect();
    assert_eq!(execs, expected, "each ExecID once, in order, none left out");
    let numbers: BTreeSet<u64> =
        reports.iter().map(|report| report["seq"].parse().expect("a number")).collect();
    assert_eq!(numbers.len(), reports.len(), "each MsgSeqNum once");
    // 4.2 tells a fill by 1 and 2, later versions by F.
    let fills = ["F", "1", "2"];
    let told = reports.iter().filter(|report| fills.contains(&report["type"].as_str())).count();
    assert_eq!(told, booked, "as many executions as the venues have booked");
    for order in orders {
        let new = reports.iter().filter(|one| one["id"] == *order && one["type"] == "0").count();
        let refused = reports.iter().filter(|one| one["id"] == *order && one["type"] == "8");
        assert_eq!(new + refused.count(), 1, "{order} was taken or refused, once");
    }
    assert!(client.said.iter().any(|line| line.contains(" dup=Y")), "something was sent again");
    let rejects = ["admin in type=3", "admin out type=3"];
    let refused = |line: &&String| {
        rejects.iter().any(|reject| line.starts_with(reject))
            || (line.starts_with("msg ") && line.contains(" type=j"))
    };
    assert_eq!(client.said.iter().find(refused), None, "neither side rejected the other's words");
    println!("{} orders, {} reports, {booked} fills", orders.len(), reports.len());
}

/// Plays the hours; `settings` and `node` are of one scene.
fn live_through(
    hours: &[Hour],
    client: &mut QuickFix,
    settings: &NodeSettings,
    node: &mut Node,
) -> Vec<String> {
    let mut orders = Vec::new();
    for (number, hour) in hours.iter().enumerate() {
        let ups = client.ups();
        let mut mine = burst(client, &format!("{number}a"), 10);
        match hour {
            Hour::Quiet => {}
            Hour::Cut | Hour::CutTwice => {
                client.tell("drop");
                mine.extend(burst(client, &format!("{number}b"), 5));
                client.until_up(ups + 1);
                if *hour == Hour::CutTwice {
                    client.tell("drop");
                    mine.extend(burst(client, &format!("{number}c"), 5));
                    client.until_up(ups + 2);
                }
            }
            Hour::Away => {
                client.tell("logout");
                client.until("logged out", |said| said.last().is_some_and(|line| line == "down"));
                mine.extend(burst(client, &format!("{number}b"), 5));
                client.tell("back");
                client.until_up(ups + 1);
            }
            Hour::Killed | Hour::Restarted => {
                if *hour == Hour::Killed {
                    std::thread::sleep(Duration::from_millis(number as u64 % 5 * 3));
                    node.kill().expect("killed");
                } else {
                    assert!(node.terminate(PATIENCE).expect("ended").success());
                }
                mine.extend(burst(client, &format!("{number}b"), 5));
                node.restart().expect("started");
                client.until_up(ups + 1);
            }
        }
        client.until_over(&mine);
        orders.extend(mine);
        if matches!(hour, Hour::Killed | Hour::Restarted) {
            node.wait_ready(READY_DEFAULT).expect("ready");
        }
    }
    println!("{} hours in {}", hours.len(), settings.begin_string.as_deref().unwrap_or("FIX.4.4"));
    orders
}

fn day(version: &str, hours: &[Hour]) {
    let Some(program) = client_program() else { return };
    let dir = tempfile::Builder::new().prefix("rutter-quickfix-").tempdir().expect("folder");
    let Some((mut venues, settings, mut node)) = scene(dir.path(), version) else { return };
    let mut client = QuickFix::start(&program, &settings, &dir.path().join("store"));
    client.until_up(1);
    let orders = live_through(hours, &mut client, &settings, &mut node);
    client.tell("logout");
    client.until("logged out", |said| said.last().is_some_and(|line| line == "down"));
    let booked = Venue::ALL.into_iter().map(|venue| venues.take_fills(venue).len()).sum();
    once(&client, &orders, booked);
    assert!(node.terminate(PATIENCE).expect("ended").success(), "{}", node.log_end());
    for command in ["verify", "replay"] {
        let output = node.journal_command(command).expect("runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn quickfix_trades_through_a_day_of_disconnects_and_has_every_report_once() {
    day("FIX.4.4", &DAY);
}

#[test]
fn quickfix_in_4_2_trades_through_disconnects_and_has_every_report_once() {
    day("FIX.4.2", &MORNING);
}

#[test]
fn quickfix_in_5_0_sp2_trades_through_disconnects_and_has_every_report_once() {
    day("FIXT.1.1", &MORNING);
}

/// A client that knows no message: `QuickFIX` answers each message of the application with a `j`,
/// also each `j`. The client sends every type, and the operator sends News. No message starts a
/// loop, and after three refused News the client is sent none.
#[test]
fn quickfix_with_an_application_that_refuses_everything_is_drawn_into_no_loop() {
    let Some(program) = client_program() else { return };
    let dir = tempfile::Builder::new().prefix("rutter-refuses-").tempdir().expect("folder");
    let Some((_venues, settings, node)) = scene(dir.path(), DEFAULT_VERSION) else { return };
    let mut client = QuickFix::start(&program, &settings, &dir.path().join("store"));
    client.until_up(1);
    client.tell("refuse");
    let letters = || ('0'..='9').chain('A'..='Z').chain('a'..='z');
    let two = ['A', 'B', 'C', 'D', 'U'].into_iter();
    let two = two.flat_map(|first| letters().map(move |second| format!("{first}{second}")));
    let one = letters().filter(|letter| !"012345A".contains(*letter)).map(String::from);
    let kinds: Vec<String> = one.chain(two).collect();
    for kind in &kinds {
        client.tell(&format!("raw {kind} 11=x{kind} 262=m 320=l 335=t 584=s 58=x"));
    }
    client.tell("new last buy 0.01 market ioc BTC/USDT");
    client.until_over(&["last".to_owned()]);
    let mut asked = 0;
    // Answers come in order: behind the answer to this, all before have been refused and read.
    let mut all_said = |client: &mut QuickFix| {
        asked += 1;
        client.tell(&format!("status none{asked} buy BTC/USDT"));
        let id = format!("none{asked}");
        client.until("the status", |said| QuickFix::reports(said).any(|report| report["id"] == id));
    };
    all_said(&mut client);
    let heard = |client: &QuickFix, begin: &str, kind: &str| {
        let is_of = |line: &&String| fields(line).get("type").is_some_and(|one| one == kind);
        client.said.iter().filter(|line| line.starts_with(begin)).filter(is_of).count()
    };
    let (refusals, rejects) = (heard(&client, "msg", "j"), heard(&client, "admin in", "3"));
    assert!(refusals > 0 && refusals + rejects <= kinds.len(), "{refusals} j, {rejects} Rejects");
    for count in 1..=6_usize {
        let text = serde_json::json!({ "reason": "hello" });
        node.ask("news", &text).expect("taken");
        // The client's refusal of the News comes before its second request.
        all_said(&mut client);
        all_said(&mut client);
        assert_eq!(heard(&client, "msg", "B"), count.min(3), "News that are refused");
    }
    assert!(!client.said.iter().any(|line| line == "down"), "the session goes on");
}
