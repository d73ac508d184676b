//! Accounts and sessions that a running node takes from its configuration file: their clients log
//! on and trade without a restart, and a restart and a replay see the same definitions.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rutter_sim::market::{E8, MARKETS};
use rutter_tools::client::{ClientConfig, FixClient, Order, Report, Side, Tif, Told};
use rutter_tools::clock::unix_ns;
use rutter_tools::harness::{
    Flowing, HarnessError, Node, NodeSettings, READY_DEFAULT, Venues, VenuesConfig, free_address,
    write_node_config,
};
use serde_json::{Value, json};
use tempfile::TempDir;

const RUTTER: &str = env!("CARGO_BIN_EXE_rutter");
/// FIX `Account`.
const ACCOUNT: u32 = 1;
const PATIENCE: Duration = Duration::from_mins(1);
const PASSWORD: &str = "a password of nine";

/// A second account, and a session of each account.
const ADDED: &str = r#"
[[account]]
name = "second"
order_notional_max = "5000000"
price_collar_ppm = 50000
orders_per_s_max = 1000
open_orders_max = 1000

[[session]]
comp_id = "NEW1"
account = "second"
password = "a password of nine"

[[session]]
comp_id = "NEW2"
account = "fund"
password_file = "new2.password"
"#;

/// A change of the configuration's text.
type Change = Box<dyn Fn(String) -> String>;

struct Desk {
    dir: TempDir,
    venues: Venues,
    settings: NodeSettings,
    config: PathBuf,
    node: Node,
}

impl Desk {
    fn start() -> Self {
        let dir = tempfile::Builder::new().prefix("rutter-reload-").tempdir().expect("folder");
        let still = VenuesConfig { flowing: Flowing::Still, ..VenuesConfig::default() };
        let venues = Venues::start(&still, dir.path()).expect("venues");
        let mut settings = NodeSettings::new(free_address().expect("a port"));
        settings.stale_after_ms = 3_600_000;
        let config = write_node_config(dir.path(), &venues, &settings).expect("configuration");
        let mut node = Node::start(Path::new(RUTTER), &config, dir.path()).expect("node");
        node.wait_ready(READY_DEFAULT).expect("ready");
        Self { dir, venues, settings, config, node }
    }

    fn ask(&self, verb: &str, args: &Value) -> Value {
        self.node.ask(verb, args).unwrap_or_else(|error| panic!("{verb}: {error}"))
    }

    fn refused(&self, verb: &str, args: &Value) -> String {
        match self.node.ask(verb, args) {
            Err(error @ HarnessError::Status(_)) => error.to_string(),
            other => panic!("{verb}: {other:?}"),
        }
    }

    /// Changes the configuration file.
    fn edit(&self, change: impl FnOnce(String) -> String) {
        let text = fs::read_to_string(&self.config).expect("readable");
        fs::write(&self.config, change(text)).expect("written");
    }

    fn add(&self) {
        let file = self.dir.path().join("new2.password");
        fs::write(&file, PASSWORD).expect("written");
        let closed = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(&file, closed).expect("closed");
        let path = format!("\"{}\"", file.display());
        self.edit(|text| text + &ADDED.replace("\"new2.password\"", &path));
    }

    fn connect(&self, comp_id: &str) -> FixClient {
        let config = ClientConfig::new(self.settings.listen, comp_id, PASSWORD);
        let mut client = FixClient::connect(&config).expect("connects");
        client.wait_logon(PATIENCE).expect("logs on");
        client
    }

    /// Whether the node lets a client on.
    fn lets_in(&self, comp_id: &str) -> bool {
        let config = ClientConfig::new(self.settings.listen, comp_id, PASSWORD);
        let mut client = FixClient::connect(&config).expect("connects");
        client.wait_logon(Duration::from_secs(5)).is_ok()
    }

    fn names(&self, verb: &str, list: &str, member: &str) -> Vec<String> {
        let told = self.ask(verb, &json!({}));
        let rows = told[list].as_array().unwrap_or_else(|| panic!("{told}"));
        rows.iter().filter_map(|row| Some(row[member].as_str()?.to_owned())).collect()
    }
}

/// Buys at once, and returns the account of the fill's report.
fn trade(client: &mut FixClient, id: &str) -> String {
    let (side, tif) = (Side::Buy, Tif::Ioc);
    let (symbol, limit) = (MARKETS[0].symbol, 61_000 * E8);
    let order = Order { cl_ord_id: id, symbol, side, qty_e8: E8 / 100, limit_e8: Some(limit), tif };
    client.new_order(unix_ns(), &order).expect("sent");
    let until = std::time::Instant::now() + PATIENCE;
    let mut account = None;
    while account.is_none() && std::time::Instant::now() < until {
        let mut hear = |told: Told| {
            if let Told::App(message, dup) = told {
                let report = Report::read(&message, dup).expect("readable");
                assert_ne!(report.status, '8', "{message}");
                if report.status == '2' {
                    let name = message.get(ACCOUNT).map(|name| String::from_utf8_lossy(name));
                    account = name.map(std::borrow::Cow::into_owned);
                }
            }
        };
        client.turn(unix_ns(), &mut hear).expect("connected");
    }
    account.unwrap_or_else(|| panic!("{id} is not filled"))
}

#[test]
fn added_sessions_log_on_and_trade_without_a_restart_and_a_restart_sees_the_same_world() {
    let mut desk = Desk::start();
    assert!(!desk.lets_in("NEW1"), "not there yet");
    let nothing = desk.refused("reload", &json!({"reason": "nothing"}));
    assert!(nothing.contains("no new account or session"), "{nothing}");
    desk.add();
    let would = desk.ask("reload", &json!({"dry_run": true}));
    assert_eq!(would["accounts"], json!(["second"]), "{would}");
    assert_eq!(would["sessions"], json!(["NEW1", "NEW2"]), "{would}");
    assert!(!desk.lets_in("NEW1"), "a dry run changes nothing");
    let done = desk.ask("reload", &json!({"reason": "two new desks"}));
    assert_eq!(
        (&done["accounts_added"], &done["sessions_added"]),
        (&json!(1), &json!(2)),
        "{done}"
    );

    let (mut one, mut two) = (desk.connect("NEW1"), desk.connect("NEW2"));
    assert_eq!(trade(&mut one, "a"), "second");
    assert_eq!(trade(&mut two, "b"), "fund");
    let first = &desk.settings.sessions[0];
    let old = ClientConfig::new(desk.settings.listen, &first.comp_id, &first.password);
    let mut old = FixClient::connect(&old).expect("connects");
    old.wait_logon(PATIENCE).expect("the sessions before go on");
    assert_eq!(trade(&mut old, "c"), "fund");
    let commands = desk.ask("commands", &json!({}));
    let newest = &commands["commands"][0];
    assert_eq!(newest["reason"], "two new desks", "{commands}");
    assert!(newest["command"].as_str().is_some_and(|one| one.starts_with("reload: 2 accounts")));
    let shown = desk.ask("config", &json!({}));
    assert!(shown["text"].as_str().is_some_and(|text| text.contains("NEW2")));
    let again = desk.refused("reload", &json!({"reason": "again"}));
    assert!(again.contains("no new account or session"), "{again}");
    let positions = desk.names("positions", "positions", "account");
    assert_eq!(positions, ["fund", "second"]);
    let sessions = desk.names("sessions", "sessions", "name");
    assert!(sessions.contains(&"NEW1".to_owned()), "{sessions:?}");
    drop((two, old));
    desk.node.terminate(PATIENCE).expect("ends");
    let replayed = desk.node.journal_command("replay").expect("runs");
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    let config = desk.config.clone();
    desk.node = Node::start(Path::new(RUTTER), &config, desk.dir.path()).expect("node");
    desk.node.wait_ready(READY_DEFAULT).expect("ready");
    assert_eq!(desk.names("sessions", "sessions", "name"), sessions);
    assert_eq!(desk.names("positions", "positions", "account"), positions);
    one.reconnect().expect("connects");
    one.wait_logon(PATIENCE).expect("its numbers go on");
    assert_eq!(trade(&mut one, "d"), "second");
    let venues = desk.venues.open_orders(rutter_sim::Venue::Binance);
    assert_eq!(venues, 0);
}

#[test]
fn a_file_that_changes_anything_else_is_refused_by_name_and_nothing_of_it_is_taken() {
    let desk = Desk::start();
    let before = desk.names("sessions", "sessions", "name");
    desk.add();
    let first = desk.settings.sessions[0].comp_id.clone();
    let sound = fs::read_to_string(&desk.config).expect("readable");
    let cases: [(&str, Change); 5] = [
        ("account fund", Box::new(|text| text.replace("= 1000000\n\n", "= 999999\n\n"))),
        ("fix", Box::new(|text| text.replacen("[fix]\n", "[fix]\nstore_retention_days = 3\n", 1))),
        (
            "instrument",
            Box::new(|text| text.replacen("order_qty_max = \"", "order_qty_max = \"9", 1)),
        ),
        ("session", Box::new(move |text| text.replacen(&first, "ELSE1", 1))),
        (
            "password",
            Box::new(|text| text + "\n[[session]]\ncomp_id = \"BAD1\"\naccount = \"fund\"\n"),
        ),
    ];
    for (what, change) in cases {
        fs::write(&desk.config, change(sound.clone())).expect("written");
        assert_ne!(fs::read_to_string(&desk.config).expect("readable"), sound, "{what}");
        let refused = desk.refused("reload", &json!({"reason": "all of it"}));
        assert!(refused.contains(what) && refused.contains("not_additions"), "{what}: {refused}");
        assert_eq!(desk.names("sessions", "sessions", "name"), before, "{what}");
    }
    fs::write(&desk.config, &sound).expect("written");
    desk.ask("reload", &json!({"reason": "the file is sound again"}));
    assert_eq!(trade(&mut desk.connect("NEW1"), "a"), "second");
}
