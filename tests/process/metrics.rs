//! The metrics and the health of a real node. The dashboards and rules in `deploy/` name only
//! metrics that the node has.

#![allow(clippy::float_cmp, reason = "counts are whole numbers, told without loss")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use rutter_sim::market::{E8, MARKETS};
use rutter_tools::client::{ClientConfig, FixClient, Order, Report, Side, Tif, Told};
use rutter_tools::clock::unix_ns;
use rutter_tools::harness::{
    Flowing, Node, NodeSettings, READY_DEFAULT, Venues, VenuesConfig, free_address,
    write_node_config,
};
use serde_json::Value;

const RUTTER: &str = env!("CARGO_BIN_EXE_rutter");
const PATIENCE: Duration = Duration::from_secs(20);
const ORDERS: usize = 40;

/// A node with simulated venues and its metrics.
struct Scene {
    settings: NodeSettings,
    metrics: SocketAddr,
    node: Node,
    venues: Venues,
    // Dropped last.
    _dir: tempfile::TempDir,
}

impl Scene {
    fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("rutter-metrics-").tempdir().expect("folder");
        let still = VenuesConfig { flowing: Flowing::Still, ..VenuesConfig::default() };
        let venues = Venues::start(&still, dir.path()).expect("venues");
        let mut settings = NodeSettings::new(free_address().expect("a port"));
        settings.orders_log2 = 12;
        settings.stale_after_ms = 3_600_000;
        "shared".clone_into(&mut settings.wait_profile);
        let metrics = free_address().expect("a port");
        settings.metrics = Some(metrics);
        let config = write_node_config(dir.path(), &venues, &settings).expect("configuration");
        let mut node = Node::start(Path::new(RUTTER), &config, dir.path()).expect("node");
        node.wait_ready(READY_DEFAULT).expect("ready");
        Self { settings, metrics, node, venues, _dir: dir }
    }

    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.metrics).expect("connects");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: rutter\r\n\r\n").expect("written");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status");
        (status, body.to_owned())
    }

    fn scrape(&self) -> Page {
        let (status, text) = self.get("/metrics");
        assert_eq!(status, 200);
        Page::read(&text)
    }

    /// Scrapes until `holds` is true.
    fn until(&self, what: &str, holds: impl Fn(&Page) -> bool) -> Page {
        let started = Instant::now();
        loop {
            let page = self.scrape();
            if holds(&page) {
                return page;
            }
            assert!(started.elapsed() < PATIENCE, "{what}: {:#?}", page.samples);
        }
    }

    /// Trades, and has some orders refused.
    fn trade(&self) {
        let desk = &self.settings.sessions[0];
        let config = ClientConfig::new(self.settings.listen, &desk.comp_id, &desk.password);
        let mut client = FixClient::connect(&config).expect("connects");
        client.wait_logon(PATIENCE).expect("logs on");
        for number in 0..=ORDERS {
            let id = format!("o{number}");
            let side = if number % 2 == 0 { Side::Buy } else { Side::Sell };
            let symbol = if number == ORDERS { "NO/SUCH" } else { MARKETS[0].symbol };
            let (limit_e8, qty_e8) = (None, E8 / 1_000);
            let order = Order { cl_ord_id: &id, symbol, side, qty_e8, limit_e8, tif: Tif::Day };
            client.new_order(unix_ns(), &order).expect("sent");
        }
        let (started, mut over) = (Instant::now(), 0);
        while over <= ORDERS {
            client
                .turn(unix_ns(), &mut |told| {
                    if let Told::App(message, dup) = told {
                        let report = Report::read(&message, dup).expect("readable");
                        over += usize::from(matches!(report.status, '2' | '4' | '8'));
                    }
                })
                .expect("the node reads");
            assert!(started.elapsed() < PATIENCE, "{over} orders are over");
        }
    }
}

/// A scrape: families by name with their type, and samples by name and labels.
struct Page {
    text: String,
    families: BTreeMap<String, String>,
    samples: BTreeMap<String, f64>,
}

impl Page {
    fn read(text: &str) -> Self {
        let (mut families, mut samples) = (BTreeMap::new(), BTreeMap::new());
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a type");
                let known = families.insert(name.to_owned(), kind.to_owned());
                assert_eq!(known, None, "{name} is there twice");
            } else if !line.starts_with('#') {
                let (name, value) = line.rsplit_once(' ').expect("a value");
                let value = value.parse().expect("a number");
                assert_eq!(samples.insert(name.to_owned(), value), None, "{name} is there twice");
            }
        }
        assert!(text.ends_with("# EOF\n"));
        Self { text: text.to_owned(), families, samples }
    }

    fn get(&self, sample: &str) -> f64 {
        *self.samples.get(sample).unwrap_or_else(|| panic!("no {sample} in {}", self.text))
    }

    /// Sum over all labels.
    fn sum(&self, name: &str) -> f64 {
        let of = |sample: &str| sample.split('{').next() == Some(name);
        self.samples.iter().filter(|(sample, _)| of(sample)).map(|(_, value)| value).sum()
    }

    /// Every name that a query may use.
    fn names(&self) -> BTreeSet<String> {
        let of = |(name, kind): (&String, &String)| match kind.as_str() {
            "counter" => vec![format!("{name}_total")],
            "histogram" => {
                ["_bucket", "_sum", "_count"].iter().map(|end| format!("{name}{end}")).collect()
            }
            _ => vec![name.clone()],
        };
        self.families.iter().flat_map(of).collect()
    }
}

#[test]
fn a_node_that_trades_shows_what_it_did_and_is_ready() {
    let scene = Scene::start();
    assert_eq!(scene.get("/live"), (200, "alive\n".to_owned()));
    scene.trade();
    let page = scene.until("all fills", |page| page.get("rutter_fills_total") >= ORDERS as f64);
    assert_eq!(page.get("rutter_orders_accepted_total"), ORDERS as f64);
    assert_eq!(page.get("rutter_orders_refused_total{reason=\"unknown_symbol\"}"), 1.0);
    assert_eq!(page.get("rutter_fix_logons_total"), 1.0);
    for venue in ["binance", "kraken"] {
        let of = |name: &str| page.get(&format!("{name}{{exchange=\"{venue}\"}}"));
        assert_eq!(of("rutter_venue_up"), 1.0);
        assert_eq!(of("rutter_venue_books_trusted"), MARKETS.len() as f64);
        assert!(of("rutter_book_updates_total") >= MARKETS.len() as f64);
        assert_eq!(of("rutter_venue_unknown_orders"), 0.0);
    }
    let at = |status: &str| {
        let of = |venue: &str| format!("orders_total{{status=\"{status}\",exchange=\"{venue}\"}}");
        page.get(&of("binance")) + page.get(&of("kraken"))
    };
    assert!(at("sent") >= ORDERS as f64);
    assert_eq!(at("filled"), at("sent"), "every child was filled");
    assert_eq!(page.sum("order_execution_latency_seconds_count"), at("sent"));
    let core = "{path=\"order\",stage=\"core\"}";
    assert_eq!(page.get(&format!("rutter_stage_duration_seconds_count{core}")), at("sent"));
    assert!(page.get(&format!("rutter_stage_duration_seconds_sum{core}")) > 0.0);
    assert!(page.get("rutter_journal_sequence{mark=\"written\"}") > ORDERS as f64);
    assert!(page.sum("rutter_journal_sync_duration_seconds_count") > 0.0);
    // At rest, everything is on disk and the rings are empty.
    let page = scene.until("quiet", |page| {
        let records = |mark| page.get(&format!("rutter_journal_sequence{{mark=\"{mark}\"}}"));
        records("written") - records("durable") < 1.0
            && page.get("rutter_journal_unsynced_bytes") < 1.0
            && page.sum("rutter_ring_depth") < 1.0
    });
    assert_eq!(page.get("rutter_halted"), 0.0);
    let (status, body) = scene.get("/ready");
    let ready: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, &ready["ready"]), (200, &Value::Bool(true)), "{body}");
    let names: Vec<&str> = ready["checks"]
        .as_array()
        .expect("checks")
        .iter()
        .filter_map(|c| c["name"].as_str())
        .collect();
    assert_eq!(names, ["recovery", "core", "journal_write", "journal_sync", "venues"]);
    promtool(&["check", "metrics"], Some(&page.text));
}

#[test]
fn a_venue_that_goes_is_seen_and_with_none_left_the_node_is_not_ready() {
    let mut scene = Scene::start();
    let kraken = rutter_sim::Venue::Kraken;
    let away = rutter_sim::faults::Fault::Maintenance { for_ns: 60_000_000_000 };
    let up =
        |page: &Page, venue: &str| page.get(&format!("rutter_venue_up{{exchange=\"{venue}\"}}"));
    // The console is ahead of the metrics, which are a copy made ten times a second.
    scene.until("both are up", |page| up(page, "kraken") + up(page, "binance") > 1.5);
    scene.venues.inject(kraken, away.clone());
    let page = scene.until("kraken is down", |page| up(page, "kraken") < 0.5);
    assert_eq!(up(&page, "binance"), 1.0);
    assert!(page.sum("rutter_book_distrusts_total") >= MARKETS.len() as f64);
    assert_eq!(scene.get("/ready").0, 200);
    scene.venues.inject(rutter_sim::Venue::Binance, away);
    scene.until("binance is down", |page| up(page, "binance") < 0.5);
    let started = Instant::now();
    while scene.get("/ready").0 != 503 {
        assert!(started.elapsed() < PATIENCE, "the answer is kept for a second only");
    }
    let (_, body) = scene.get("/ready");
    assert!(body.contains("0 of 2 are up"), "{body}");
    scene.node.check_alive().expect("alive");
}

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Words of a text that have the form of a metric's name.
fn metrics_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let ours = |word: &&str| {
        word.starts_with("rutter_")
            || word.starts_with("orders_total")
            || word.starts_with("order_execution_latency_seconds")
    };
    words.filter(ours).map(str::to_owned).collect()
}

/// Runs `promtool` of Debian's package `prometheus`; prints a notice if it is not installed.
fn promtool(arguments: &[&str], input: Option<&str>) {
    let mut command = Command::new("promtool");
    command.args(arguments).stdin(std::process::Stdio::piped());
    command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let Ok(mut child) = command.spawn() else {
        println!("notice: promtool is not there (Debian package prometheus): skipped");
        return;
    };
    let mut stdin = child.stdin.take().expect("piped");
    // Its checks read Prometheus' older text, where a counter has its whole name, and no end mark.
    let old = input.map(older_text).unwrap_or_default();
    stdin.write_all(old.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("ends");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&said));
}

/// `OpenMetrics` as the text format before it.
fn older_text(text: &str) -> String {
    let mut older = String::new();
    let counters: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.strip_suffix(" counter"))
        .collect();
    for line in text.lines().filter(|line| *line != "# EOF") {
        let mut words = line.splitn(4, ' ');
        let head = (words.next(), words.next(), words.next(), words.next());
        match head {
            (Some("#"), Some(kind), Some(name), Some(rest)) if counters.contains(name) => {
                let _ = writeln!(older, "# {kind} {name}_total {rest}");
            }
            _ => {
                let _ = writeln!(older, "{line}");
            }
        }
    }
    older
}

#[test]
fn rules_and_dashboard_name_only_metrics_that_a_node_shows_and_each_metric_is_explained() {
    let scene = Scene::start();
    scene.trade();
    let page = scene.scrape();
    let names = page.names();
    for file in ["prometheus/rutter.rules.yml", "grafana/rutter.json"] {
        let used = metrics_in(&read(&deploy().join(file)));
        assert!(used.len() > 10, "{file} names only {used:?}");
        let unknown: Vec<_> = used.iter().filter(|name| !names.contains(*name)).collect();
        assert!(unknown.is_empty(), "{file} names {unknown:?}, which no node shows");
    }
    let explained = read(&deploy().join("../docs/metrics.md"));
    let table: BTreeSet<&str> = explained
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(['`', '{']).next())
        .collect();
    let shown: BTreeSet<String> = page
        .families
        .iter()
        .map(|(name, kind)| if kind == "counter" { format!("{name}_total") } else { name.clone() })
        .collect();
    let shown: BTreeSet<&str> = shown.iter().map(String::as_str).collect();
    assert_eq!(table, shown, "docs/metrics.md lists what is shown, no more and no less");
}

#[test]
fn every_alert_has_a_runbook_and_every_runbook_an_alert() {
    let rules = read(&deploy().join("prometheus/rutter.rules.yml"));
    let alerts: BTreeSet<&str> =
        rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() >= 10, "{alerts:?}");
    let folder = deploy().join("../docs/runbooks");
    let pages: BTreeSet<String> = std::fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.file_name().is_some_and(|name| name != "README.md"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    assert_eq!(alerts, pages.iter().map(String::as_str).collect());
    for alert in alerts {
        let page = read(&folder.join(format!("{alert}.md")));
        for part in ["## What it means", "## What to look at", "## What to do"] {
            assert!(page.contains(part), "{alert}.md has no {part:?}");
        }
        let named = format!("runbook: docs/runbooks/{alert}.md");
        assert!(rules.contains(&named), "the alert {alert} names its runbook");
    }
}

#[test]
fn promtool_takes_the_rules_their_tests_and_the_scrape_configuration() {
    let path = |file: &str| deploy().join("prometheus").join(file).to_string_lossy().into_owned();
    promtool(&["check", "rules", &path("rutter.rules.yml")], None);
    promtool(&["test", "rules", &path("rutter.rules.test.yml")], None);
    promtool(&["check", "config", &path("prometheus.yml")], None);
}

#[test]
fn systemd_takes_the_unit_and_finds_little_exposed() {
    let unit = read(&deploy().join("systemd/rutter.service"));
    let dir = tempfile::tempdir().expect("folder");
    let copy = dir.path().join("rutter.service");
    std::fs::write(&copy, unit.replace("/usr/local/bin/rutter", RUTTER)).expect("written");
    let copy = copy.to_string_lossy().into_owned();
    let analyze = |arguments: &[&str]| Command::new("systemd-analyze").args(arguments).output();
    let Ok(verified) = analyze(&["verify", &copy]) else {
        println!("notice: systemd-analyze is not there: skipped");
        return;
    };
    let said = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && !said.contains("rutter.service"), "{said}");
    // Thresholds are ten times the level that it shows.
    let exposed = analyze(&["security", "--offline=true", "--threshold=20", &copy]).expect("runs");
    assert!(exposed.status.success(), "{}", String::from_utf8_lossy(&exposed.stdout));
}
