//! `QuickFIX` (C++) as the client: somebody else's session layer logs on, trades, is cut off in the
//! middle, resumes, and outlives the node's SIGKILL, and every report comes to it exactly once.
//!
//! The client program is `tests/fix_client`, which the Makefile builds; `RUTTER_FIX_CLIENT` says
//! where it is. Without it the scenario is skipped with a notice.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rutter_tools::harness::{
    Flowing, Node, NodeSettings, READY_DEFAULT, Venue, Venues, VenuesConfig, free_address,
    write_node_config,
};

const PATIENCE: Duration = Duration::from_secs(30);

fn client_program() -> Option<PathBuf> {
    let path = std::env::var_os("RUTTER_FIX_CLIENT").map(PathBuf::from);
    let found = path.filter(|path| path.is_file());
    if found.is_none() {
        println!("notice: no QuickFIX client at RUTTER_FIX_CLIENT (make builds it): skipped");
    }
    found
}

/// The client process, and what it has said so far.
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

    /// Waits until enough has been said.
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
        // Fails only when the process is gone already.
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

/// Sets up venues, a node that is ready, and where it lives.
fn scene(dir: &Path) -> (Venues, NodeSettings, Node) {
    let venues = VenuesConfig { flowing: Flowing::Still, ..VenuesConfig::default() };
    let venues = Venues::start(&venues, dir).expect("venues");
    let mut settings = NodeSettings::new(free_address().expect("a port"));
    settings.orders_log2 = 12;
    let config = write_node_config(dir, &venues, &settings).expect("configuration");
    let program = Path::new(env!("CARGO_BIN_EXE_rutter"));
    let mut node = Node::start(program, &config, dir).expect("node");
    node.wait_ready(READY_DEFAULT).expect("ready");
    (venues, settings, node)
}

/// Every report came once, and they add up to what the venues booked.
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
    let told = reports.iter().filter(|report| report["type"] == "F").count();
    assert_eq!(told, booked, "as many executions as the venues have booked");
    for order in orders {
        let new = reports.iter().filter(|one| one["id"] == *order && one["type"] == "0").count();
        let refused = reports.iter().filter(|one| one["id"] == *order && one["type"] == "8");
        assert_eq!(new + refused.count(), 1, "{order} was taken or refused, once");
    }
    assert!(client.said.iter().any(|line| line.contains(" dup=Y")), "something was sent again");
    assert!(
        client.said.iter().all(|line| !line.starts_with("admin in type=3")),
        "the node rejected nothing that QuickFIX said"
    );
    println!("{} orders, {} reports, {booked} fills", orders.len(), reports.len());
}

#[test]
fn quickfix_is_cut_off_resumes_and_has_every_report_once() {
    let Some(program) = client_program() else { return };
    let dir = tempfile::Builder::new().prefix("rutter-quickfix-").tempdir().expect("folder");
    let (mut venues, settings, mut node) = scene(dir.path());
    let mut client = QuickFix::start(&program, &settings, &dir.path().join("store"));
    client.until_up(1);
    let mut orders = burst(&mut client, "a", 20);
    client.until_over(&orders);

    // Cut off in the middle of its stream, again and again; QuickFIX comes back by itself.
    for round in 0..3 {
        let ups = client.ups();
        let mine = burst(&mut client, &format!("b{round}-"), 20);
        client.tell("drop");
        let late = burst(&mut client, &format!("l{round}-"), 10);
        client.until_up(ups + 1);
        orders.extend(mine.into_iter().chain(late));
        client.until_over(&orders);
    }

    // The node dies in the middle of it, and comes back.
    for round in 0..3 {
        let ups = client.ups();
        let mine = burst(&mut client, &format!("k{round}-"), 20);
        std::thread::sleep(Duration::from_millis(7 * round));
        node.kill().expect("killed");
        let late = burst(&mut client, &format!("m{round}-"), 10);
        node.restart().expect("started");
        client.until_up(ups + 1);
        orders.extend(mine.into_iter().chain(late));
        client.until_over(&orders);
        node.wait_ready(READY_DEFAULT).expect("ready");
    }
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
