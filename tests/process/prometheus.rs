//! A real Prometheus scrapes a real node: an exchange goes down, and the alert fires. Skipped with
//! a notice if Debian's package `prometheus` is not installed.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rutter_sim::Venue;
use rutter_sim::faults::Fault;
use rutter_tools::harness::{
    Node, NodeSettings, READY_DEFAULT, Venues, VenuesConfig, free_address, write_node_config,
};
use serde_json::Value;

const RUTTER: &str = env!("CARGO_BIN_EXE_rutter");
/// The alert's own delay is ten seconds of this.
const PATIENCE: Duration = Duration::from_mins(1);

/// Killed when dropped.
struct Prometheus {
    child: Child,
    address: SocketAddr,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // Both calls fail only if the process has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Prometheus {
    /// Starts with the configuration of `deploy/`, except for the addresses.
    fn start(dir: &Path, node: SocketAddr) -> Option<Self> {
        let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/prometheus");
        let read = |file: &str| std::fs::read_to_string(deploy.join(file)).expect("readable");
        let config = read("prometheus.yml").replace("127.0.0.1:9464", &node.to_string());
        assert!(config.contains(&node.to_string()));
        let path = dir.join("prometheus.yml");
        std::fs::write(&path, config).expect("written");
        std::fs::write(dir.join("rutter.rules.yml"), read("rutter.rules.yml")).expect("written");
        let address = free_address().expect("a port");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", path.display()))
            .arg(format!("--storage.tsdb.path={}", dir.join("series").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(dir.join("prometheus.log")).expect("made"))
            .spawn()
            .ok()?;
        Some(Self { child, address })
    }

    /// `None` while it does not answer.
    fn ask(&self, path: &str) -> Option<Value> {
        let mut stream = TcpStream::connect(self.address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
    }

    /// Alerts that fire, with the exchange that they name.
    fn firing(&self) -> Vec<(String, String)> {
        let Some(answer) = self.ask("/api/v1/alerts") else { return Vec::new() };
        let alerts = answer["data"]["alerts"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or("").to_owned();
        alerts
            .iter()
            .filter(|alert| alert["state"] == "firing")
            .map(|a| (text(&a["labels"]["alertname"]), text(&a["labels"]["exchange"])))
            .collect()
    }

    fn until(&self, what: &str, holds: impl Fn() -> bool) {
        let started = Instant::now();
        while !holds() {
            assert!(started.elapsed() < PATIENCE, "{what}: {:?}", self.firing());
            // Asks ten times a second.
            std::thread::park_timeout(Duration::from_millis(100));
        }
    }
}

#[test]
fn an_exchange_goes_down_and_the_alert_fires_and_ends_when_it_is_back() {
    let dir = tempfile::Builder::new().prefix("rutter-prometheus-").tempdir().expect("folder");
    let venues = Venues::start(&VenuesConfig::default(), dir.path()).expect("venues");
    let mut settings = NodeSettings::new(free_address().expect("a port"));
    settings.orders_log2 = 12;
    "shared".clone_into(&mut settings.wait_profile);
    let metrics = free_address().expect("a port");
    settings.metrics = Some(metrics);
    let config = write_node_config(dir.path(), &venues, &settings).expect("configuration");
    let mut node = Node::start(Path::new(RUTTER), &config, dir.path()).expect("node");
    node.wait_ready(READY_DEFAULT).expect("ready");
    let Some(prometheus) = Prometheus::start(dir.path(), metrics) else {
        println!("notice: prometheus is not there (Debian package prometheus): skipped");
        return;
    };
    let up = || {
        let answer = prometheus.ask("/api/v1/query?query=rutter_venue_up")?;
        Some(
            answer["data"]["result"].as_array()?.iter().all(|one| one["value"][1] == "1")
                && !answer["data"]["result"].as_array()?.is_empty(),
        )
    };
    prometheus.until("both exchanges are seen up", || up() == Some(true));
    let of_kraken = ("RutterVenueDown".to_owned(), "kraken".to_owned());
    assert!(!prometheus.firing().contains(&of_kraken));
    venues.inject(Venue::Kraken, Fault::Maintenance { for_ns: 16_000_000_000 });
    prometheus.until("the alert fires", || prometheus.firing().contains(&of_kraken));
    let others = prometheus.firing();
    assert!(!others.iter().any(|(name, _)| name == "RutterNoVenue"), "{others:?}");
    assert!(!others.iter().any(|(_, exchange)| exchange == "binance"), "{others:?}");
    prometheus.until("the alert ends", || !prometheus.firing().contains(&of_kraken));
    node.check_alive().expect("alive");
}
