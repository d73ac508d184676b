//! Alerts by webhook: against a local server that fails in every way a webhook can fail, and from a
//! real node whose venue goes down.

mod receiver;

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::receiver::{Got, PATIENCE, Receiver, Reply, status};
use ring::hmac;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rutter::config::Config;
use rutter::watch::alerts::Alerter;
use rutter::watch::metrics::exposition;
use rutter::watch::monitor::Monitor;
use rutter::watch::snapshot::Snapshot;
use rutter_sim::Venue;
use rutter_sim::faults::Fault;
use rutter_tools::clock::unix_ns;
use rutter_tools::harness::{
    Flowing, Node, NodeSettings, READY_DEFAULT, Venues, VenuesConfig, fill_in, free_address,
    write_node_config,
};
use rutter_transport::tls::server_config_of;

const RUTTER: &str = env!("CARGO_BIN_EXE_rutter");

/// The alerter alone, over a monitor whose snapshots the test writes.
struct Scene {
    monitor: Arc<Monitor>,
    alerter: Alerter,
}

fn webhook(name: &str, url: &str, more: &str) -> String {
    let severities = if more.contains("severities") { "" } else { "severities = [\"warn\"]\n" };
    format!("[[alerts.webhook]]\nname = \"{name}\"\nurl = \"{url}\"\n{severities}{more}\n")
}

/// The shortest times that the configuration allows.
const QUICK: &str = "retry_min_ms = 50\nretry_max_ms = 100\ntimeout_ms = 1000\n";

impl Scene {
    fn start(section: &str) -> Self {
        let example = include_str!("../../deploy/example.toml");
        let text = format!("{example}\n[alerts]\nresolve_after_s = 0\n{section}");
        let config = Config::parse(&text).expect("sound");
        let monitor = Arc::new(Monitor::new(&config, unix_ns()));
        let alerts = config.alerts.as_ref().expect("there");
        let alerter = Alerter::start(alerts, "RUTTER", &monitor, 7).expect("starts");
        Self { monitor, alerter }
    }

    fn show(&self, change: impl FnOnce(&mut Snapshot)) {
        // The snapshot must not become stale during the test.
        let made_ns = unix_ns() + 3_600_000_000_000;
        let mut shown = Snapshot { made_ns, turned_ns: made_ns, ..Snapshot::default() };
        change(&mut shown);
        self.monitor.show(shown);
    }

    /// `RutterHalted`, of severity warn, fires without delay.
    fn halt(&self) {
        self.show(|shown| shown.status.halted = true);
    }

    fn resume(&self) {
        self.show(|_| ());
    }

    fn metric(&self, line: &str) -> Option<f64> {
        let text = exposition::text(&self.monitor, unix_ns()).expect("text");
        let value = text.lines().find_map(|one| one.strip_prefix(line))?;
        Some(value.trim().parse().expect("a number"))
    }

    /// Waits until a counter has the wanted value. A counter that only grows may exceed it.
    fn until_metric(&self, line: &str, wanted: f64) {
        let started = Instant::now();
        let falls = !line.contains("_total");
        let is = |value: f64| (value - wanted).abs() < 0.1 || (!falls && value > wanted);
        while self.metric(line).is_none_or(|value| !is(value)) {
            assert!(started.elapsed() < PATIENCE, "{line} is {:?}", self.metric(line));
            std::thread::yield_now();
        }
    }

    fn until_delivered(&self, count: f64) {
        self.until_metric(&result("desk", "delivered"), count);
    }
}

fn result(sink: &str, result: &str) -> String {
    format!("rutter_alert_deliveries_total{{sink=\"{sink}\",result=\"{result}\"}}")
}

fn reasons(got: &[Got]) -> Vec<String> {
    got.iter().map(|one| one.about()[2].clone()).collect()
}

/// An alert is delivered once, whatever the first answers were. Each retry sends the same bytes.
fn comes_through(first: &Reply, times: usize) -> Vec<Got> {
    let receiver = Receiver::start(vec![first.clone(); times]);
    let scene = Scene::start(&webhook("desk", &receiver.url("/hook"), QUICK));
    scene.halt();
    let got = receiver.until(times + 1);
    scene.until_delivered(1.0);
    assert_eq!(receiver.got().len(), times + 1, "{first:?}");
    assert!(got.iter().all(|one| one.bytes == got[0].bytes), "{first:?}: the same each time");
    let failures = scene.metric("rutter_alert_attempts_failed_total{sink=\"desk\"}");
    assert_eq!(failures.map(|count| count.round() as usize), Some(times), "{first:?}");
    got
}

#[test]
fn an_alert_arrives_exactly_once_signed_and_with_its_headers_and_so_does_its_end() {
    let dir = tempfile::tempdir().expect("folder");
    let (secret, token) = (dir.path().join("hmac"), dir.path().join("token"));
    std::fs::write(&secret, "a secret that both sides know 0123456789\n").expect("written");
    std::fs::write(&token, "Bearer of-a-token\n").expect("written");
    let receiver = Receiver::start([]);
    let more = format!(
        "hmac_secret_file = \"{}\"\n[[alerts.webhook.header]]\nname = \"Authorization\"\n\
         value_file = \"{}\"",
        secret.display(),
        token.display()
    );
    let scene = Scene::start(&webhook("desk", &receiver.url("/hook?x=1"), &more));
    scene.halt();
    receiver.until(1);
    scene.until_metric("rutter_alerts_firing{severity=\"warn\"}", 1.0);
    scene.resume();
    let got = receiver.until(2);
    scene.until_delivered(2.0);
    scene.until_metric("rutter_alerts_firing{severity=\"warn\"}", 0.0);
    assert_eq!(reasons(&receiver.got()), ["fired", "resolved"]);
    let key = hmac::Key::new(hmac::HMAC_SHA256, b"a secret that both sides know 0123456789");
    for one in &got {
        assert_eq!(one.target, "/hook?x=1");
        assert_eq!(one.headers["content-type"], "application/json");
        assert_eq!(one.headers["authorization"], "Bearer of-a-token");
        assert_eq!(one.headers["rutter-message"], one.body()["id"].as_str().expect("an id"));
        let tag = hmac::sign(&key, &one.bytes);
        let hex = tag.as_ref().iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        });
        assert_eq!(one.headers["rutter-signature"], format!("sha256={hex}"));
    }
    let (fired, resolved) = (got[0].body(), got[1].body());
    assert_eq!((&fired["alert"], &fired["state"]), (&"RutterHalted".into(), &"firing".into()));
    assert_eq!((&fired["node"], &fired["severity"]), (&"RUTTER".into(), &"warn".into()));
    assert_eq!(resolved["state"], "resolved");
    assert_eq!(fired["fingerprint"], resolved["fingerprint"]);
    assert_eq!(fired["fired_ms"], resolved["fired_ms"]);
    assert_ne!(fired["id"], resolved["id"]);
}

#[test]
fn a_server_that_fails_twice_is_tried_again_later_each_time() {
    let got = comes_through(&status(500), 2);
    // Each wait is at least half of its backoff.
    assert!(got[1].at - got[0].at >= Duration::from_millis(25));
    assert!(got[2].at - got[1].at >= Duration::from_millis(50));
}

#[test]
fn garbage_and_closed_connections_and_endless_heads_and_no_answer_are_tried_again() {
    comes_through(&Reply::Garbage, 2);
    comes_through(&Reply::Close, 2);
    comes_through(&Reply::EndlessHead, 1);
    let got = comes_through(&Reply::Hang, 1);
    assert!(got[1].at - got[0].at >= Duration::from_secs(1), "only when its time was up");
}

#[test]
fn a_wish_to_be_left_alone_is_heard() {
    let busy = Reply::Status(429, "Retry-After: 2\r\n".to_owned());
    let got = comes_through(&busy, 1);
    assert!(got[1].at - got[0].at >= Duration::from_secs(2), "not after a tenth of a second");
}

#[test]
fn a_body_that_has_no_end_is_not_read_and_the_alert_counts_as_delivered() {
    let receiver = Receiver::start([Reply::EndlessBody]);
    let scene = Scene::start(&webhook("desk", &receiver.url("/"), QUICK));
    scene.halt();
    scene.until_delivered(1.0);
    scene.resume();
    scene.until_delivered(2.0);
    assert_eq!(reasons(&receiver.got()), ["fired", "resolved"]);
}

#[test]
fn what_is_refused_is_not_tried_again_and_a_redirect_is_not_followed() {
    let other = Receiver::start([]);
    let away = Reply::Status(302, format!("Location: {}\r\n", other.url("/")));
    let receiver = Receiver::start([status(404), away]);
    let scene = Scene::start(&webhook("desk", &receiver.url("/"), QUICK));
    scene.halt();
    scene.until_metric(&result("desk", "refused"), 1.0);
    scene.resume();
    scene.until_metric(&result("desk", "refused"), 2.0);
    scene.halt();
    scene.until_delivered(1.0);
    assert_eq!(reasons(&receiver.got()), ["fired", "resolved", "fired"]);
    assert_eq!(other.got().len(), 0);
}

/// An address without a listener.
fn closed() -> SocketAddr {
    free_address().expect("a port")
}

#[test]
fn a_server_that_comes_back_gets_what_it_has_missed() {
    let address = closed();
    let scene = Scene::start(&webhook("desk", &format!("http://{address}/"), QUICK));
    scene.halt();
    let failed = "rutter_alert_attempts_failed_total{sink=\"desk\"}";
    scene.until_metric(failed, 1.0);
    scene.resume();
    scene.until_metric("rutter_alerts_waiting{sink=\"desk\"}", 2.0);
    let receiver = Receiver::listen(address, [], None);
    assert_eq!(reasons(&receiver.until(2)), ["fired", "resolved"]);
}

#[test]
fn over_tls_only_a_server_that_shows_a_certificate_of_a_known_authority_is_told() {
    let dir = tempfile::tempdir().expect("folder");
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("made");
    let ca_file = dir.path().join("ca.pem");
    std::fs::write(&ca_file, made.cert.pem()).expect("written");
    let key = PrivateKeyDer::from_pem_slice(made.signing_key.serialize_pem().as_bytes());
    let chain = vec![made.cert.der().clone()];
    let server = server_config_of(chain, key.expect("a key")).expect("sound");
    let receiver = Receiver::start_tls(server);
    let known = format!("{QUICK}ca_file = \"{}\"\n", ca_file.display());
    let section = webhook("desk", &receiver.url("/known"), &known)
        + &webhook("stranger", &receiver.url("/stranger"), QUICK);
    let scene = Scene::start(&format!("shutdown_ms = 0\n{section}"));
    scene.halt();
    assert_eq!(receiver.until(1)[0].target, "/known");
    scene.until_delivered(1.0);
    scene.until_metric("rutter_alert_attempts_failed_total{sink=\"stranger\"}", 2.0);
    assert_eq!(receiver.got().len(), 1, "not a byte for who trusts only well-known authorities");
}

#[test]
fn what_is_too_old_is_given_up() {
    let old = format!("{QUICK}age_max_s = 1\n");
    let scene = Scene::start(&webhook("desk", &format!("http://{}/", closed()), &old));
    scene.halt();
    scene.until_metric(&result("desk", "expired"), 1.0);
    scene.until_metric("rutter_alerts_waiting{sink=\"desk\"}", 0.0);
}

#[test]
fn a_dead_sink_delays_no_other() {
    let dead = Receiver::start(vec![Reply::Hang; 8]);
    let alive = Receiver::start([]);
    let slow = webhook("dead", &dead.url("/"), "timeout_ms = 30000\n");
    let section = format!("shutdown_ms = 0\n{slow}{}", webhook("desk", &alive.url("/"), QUICK));
    let scene = Scene::start(&section);
    scene.halt();
    dead.until(1);
    for turn in 1..=3_usize {
        alive.until(2 * turn - 1);
        scene.resume();
        alive.until(2 * turn);
        scene.halt();
    }
    assert_eq!(dead.got().len(), 1, "it still hangs in its first attempt");
}

#[test]
fn what_waits_when_the_node_ends_is_tried_at_once_and_not_for_longer_than_it_may() {
    let later = "retry_min_ms = 60000\nretry_max_ms = 60000\n";
    let receiver = Receiver::start([status(503)]);
    let scene = Scene::start(&webhook("desk", &receiver.url("/"), later));
    scene.halt();
    receiver.until(1);
    scene.until_metric("rutter_alert_attempts_failed_total{sink=\"desk\"}", 1.0);
    // The last change is delivered as well.
    scene.resume();
    drop(scene.alerter);
    assert_eq!(reasons(&receiver.got()), ["fired", "fired", "resolved"]);

    let dead = Receiver::start(vec![Reply::Hang; 4]);
    let slow = webhook("desk", &dead.url("/"), "timeout_ms = 30000\n");
    let scene = Scene::start(&format!("shutdown_ms = 500\n{slow}"));
    scene.halt();
    dead.until(1);
    let before = Instant::now();
    drop(scene.alerter);
    let took = before.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}, and not the thirty seconds of an attempt");
}

#[test]
fn a_page_that_nobody_acknowledges_goes_to_the_next_and_one_that_somebody_does_goes_not() {
    let pages = "severities = [\"page\"]\nescalate_to = \"boss\"\nescalate_after_s = 1\n";
    let desk_and_boss = |replies: Vec<Reply>| {
        let (desk, boss) = (Receiver::start(replies), Receiver::start([]));
        let section = webhook("desk", &desk.url("/"), pages)
            + &webhook("boss", &boss.url("/"), "severities = []\n");
        let scene = Scene::start(&section);
        scene.show(|shown| shown.journal.failed = true);
        desk.until(1);
        (scene, desk, boss)
    };
    let (scene, _desk, boss) = desk_and_boss(Vec::new());
    assert_eq!(boss.until(1)[0].about(), ["RutterJournalFailed", "", "escalated"]);
    scene.resume();
    assert_eq!(reasons(&boss.until(2)), ["escalated", "resolved"]);

    let yes = Reply::Status(200, "Rutter-Acknowledged: true\r\n".to_owned());
    let (scene, desk, boss) = desk_and_boss(vec![yes]);
    assert!(!boss.came(1, Duration::from_secs(3)), "{:?}", boss.got());
    scene.resume();
    assert_eq!(reasons(&desk.until(2)), ["fired", "resolved"]);
}

const CANARY: &str = "canary-of-a-webhook-5d1e";

#[test]
fn a_real_node_tells_that_its_venue_is_down_and_that_it_is_back_and_shows_no_secret() {
    let dir = tempfile::Builder::new().prefix("rutter-alerts-").tempdir().expect("folder");
    let still = VenuesConfig { flowing: Flowing::Still, ..VenuesConfig::default() };
    let venues = Venues::start(&still, dir.path()).expect("venues");
    let mut settings = NodeSettings::new(free_address().expect("a port"));
    settings.orders_log2 = 12;
    settings.stale_after_ms = 3_600_000;
    "shared".clone_into(&mut settings.wait_profile);
    let config = write_node_config(dir.path(), &venues, &settings).expect("configuration");
    // The first attempt fails.
    let receiver = Receiver::start([status(500)]);
    let mut text = std::fs::read_to_string(&config).expect("readable");
    let hook = webhook("desk", &receiver.url(&format!("/{CANARY}")), QUICK);
    let _ = write!(text, "\n[alerts]\nnode = \"desk-1\"\nresolve_after_s = 1\n{hook}");
    std::fs::write(&config, text).expect("written");
    let mut node = Node::start(Path::new(RUTTER), &config, dir.path()).expect("node");
    node.wait_ready(READY_DEFAULT).expect("ready");
    let venue_down = |got: Vec<Got>| -> Vec<Got> {
        got.into_iter().filter(|one| one.about()[0] == "RutterVenueDown").collect()
    };
    venues.inject(Venue::Kraken, Fault::Maintenance { for_ns: 15_000_000_000 });
    let started = Instant::now();
    let told = loop {
        let count = receiver.got().len();
        let told = venue_down(receiver.got());
        if told.last().is_some_and(|one| one.body()["state"] == "resolved") {
            break told;
        }
        assert!(started.elapsed() < 4 * PATIENCE, "{told:#?} {}", node.log_end());
        receiver.came(count + 1, Duration::from_secs(1));
    };
    let (first, last) = (told[0].body(), told[told.len() - 1].body());
    assert_eq!((&first["subject"], &first["node"]), (&"kraken".into(), &"desk-1".into()));
    assert_eq!((&first["reason"], &last["reason"]), (&"fired".into(), &"resolved".into()));
    assert!(first["journal_seq"].as_u64() > Some(0), "{first}");
    let ms = |key: &str| first[key].as_u64().expect("a number");
    assert!(ms("fired_ms") - ms("since_ms") >= 10_000, "{first}");
    let mut ids: Vec<String> = told.iter().map(|one| one.body()["id"].to_string()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 2, "but for the attempt that failed each came once: {told:#?}");
    node.terminate(PATIENCE).expect("ends");
    let log = std::fs::read_to_string(node.log_path()).expect("readable");
    assert!(log.contains("alert delivered"), "{log}");
    assert!(!log.contains(CANARY), "{log}");
}

#[test]
fn check_config_names_what_is_wrong_with_the_section() {
    let dir = tempfile::tempdir().expect("folder");
    let path = dir.path().join("rutter.toml");
    let example = include_str!("../../deploy/example.toml");
    let example = fill_in(example, dir.path()).expect("filled in");
    let said = |section: &str| {
        std::fs::write(&path, format!("{example}\n[alerts]\n{section}")).expect("written");
        let checked = std::process::Command::new(RUTTER).arg("check-config").arg(&path).output();
        let checked = checked.expect("runs");
        (checked.status.success(), String::from_utf8_lossy(&checked.stderr).into_owned())
    };
    let sound = webhook("desk", "https://alerts.example/x", "");
    assert!(said(&sound).0);
    for (section, words) in [
        (sound.replace("https", "ftp"), "alerts.webhook.desk.url: the scheme is neither"),
        (sound.replace("\"warn\"", "\"loud\""), "\"loud\" is not one of info, warn, page"),
        (format!("{sound}escalate_to = \"desk\"\n"), "escalate_to: itself"),
    ] {
        let (success, words_said) = said(&section);
        assert!(!success && words_said.contains(words), "{words_said}");
    }
}

#[test]
fn the_commented_section_of_the_example_is_sound_when_it_is_no_comment() {
    let example = include_str!("../../deploy/example.toml");
    let (before, section) = example.split_once("# [alerts]\n").expect("there");
    let dir = tempfile::tempdir().expect("folder");
    for name in ["alerts.hmac", "oncall.url"] {
        let text = "https://oncall.example/a-token-of-thirty-two-letters";
        std::fs::write(dir.path().join(name), text).expect("written");
    }
    let open = |line: &str| format!("{}\n", line.strip_prefix('#').unwrap_or(line).trim_start());
    let section: String = section.lines().map(open).collect();
    let section = section.replace("secrets/", &format!("{}/", dir.path().display()));
    let config = Config::parse(&format!("{before}[alerts]\n{section}")).expect("sound");
    assert_eq!(config.alerts.expect("there").webhook.len(), 2);
}
