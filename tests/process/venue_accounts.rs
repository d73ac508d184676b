//! A real node with two keys at one simulated venue: each of two clients trades by its own key,
//! with balances of its own, and one feed serves both.

use std::path::Path;
use std::time::{Duration, Instant};

use rutter_sim::Venue;
use rutter_sim::engine::AccountId;
use rutter_sim::market::{CLIENT, E8, FURTHER, MARKETS};
use rutter_tools::client::{ClientConfig, FixClient, Order, Report, Side, Tif, Told};
use rutter_tools::clock::unix_ns;
use rutter_tools::harness::{
    ClientSession, Flowing, Node, NodeSettings, READY_DEFAULT, Venues, VenuesConfig, free_address,
    write_node_config,
};
use serde_json::{Value, json};
use tempfile::TempDir;

const RUTTER: &str = env!("CARGO_BIN_EXE_rutter");
const PATIENCE: Duration = Duration::from_mins(1);
/// What each client buys.
const QTY: [i64; 2] = [E8 / 10, E8 / 4];

struct Desk {
    venue: Venue,
    venues: Venues,
    node: Node,
    clients: Vec<FixClient>,
    // Dropped last.
    _dir: TempDir,
}

impl Desk {
    fn start(venue: Venue) -> Self {
        let dir = tempfile::Builder::new().prefix("rutter-keys-").tempdir().expect("folder");
        let still = VenuesConfig { flowing: Flowing::Still, ..VenuesConfig::default() };
        let venues = Venues::start(&still, dir.path()).expect("venues");
        let mut settings = NodeSettings::new(free_address().expect("a port"));
        (settings.venues, settings.further) = (vec![venue], vec![venue]);
        settings.sessions = ClientSession::desks(2);
        settings.orders_log2 = 12;
        settings.stale_after_ms = 3_600_000;
        let config = write_node_config(dir.path(), &venues, &settings).expect("configuration");
        let mut node = Node::start(Path::new(RUTTER), &config, dir.path()).expect("node");
        node.wait_ready(READY_DEFAULT).unwrap_or_else(|error| panic!("{error} {}", node.log_end()));
        let connect = |session: &ClientSession| {
            let config = ClientConfig::new(settings.listen, &session.comp_id, &session.password);
            let mut client = FixClient::connect(&config).expect("connects");
            client.wait_logon(PATIENCE).expect("logs on");
            client
        };
        let clients = settings.sessions.iter().map(connect).collect();
        Self { venue, venues, node, clients, _dir: dir }
    }

    fn ask(&self, verb: &str) -> Value {
        self.node.ask(verb, &json!({})).unwrap_or_else(|error| panic!("{verb}: {error}"))
    }

    /// A client buys at the market and waits for its fill.
    fn buy(&mut self, client: usize, id: &str) {
        let order = Order {
            cl_ord_id: id,
            symbol: MARKETS[0].symbol,
            side: Side::Buy,
            qty_e8: QTY[client],
            limit_e8: None,
            tif: Tif::Ioc,
        };
        self.clients[client].new_order(unix_ns(), &order).expect("sent");
        let (started, mut filled) = (Instant::now(), false);
        while !filled {
            let mut hear = |told: Told| match told {
                Told::App(message, dup) => {
                    let report = Report::read(&message, dup).expect("readable");
                    assert_ne!(report.status, '8', "{message}");
                    filled |= report.status == '2';
                }
                Told::LoggedOn => {}
                other => panic!("{other:?}"),
            };
            self.clients[client].turn(unix_ns(), &mut hear).expect("the node reads");
            assert!(started.elapsed() < PATIENCE, "no fill: {}", self.node.log_end());
        }
    }

    fn bought(&self, account: AccountId) -> i64 {
        self.venues.net_bought_e8(self.venue, account)
    }

    /// The rows that a verb answers with, by the names of their venue accounts.
    fn rows(&self, verb: &str, list: &str, key: &str) -> Vec<(String, Value)> {
        let answer = self.ask(verb);
        let rows = answer[list].as_array().unwrap_or_else(|| panic!("{answer}"));
        let named = |row: &Value| (row[key].as_str().unwrap_or_default().to_owned(), row.clone());
        rows.iter().map(named).collect()
    }

    /// Waits until the read model has both fills: it is a few milliseconds behind.
    fn wait_for_model(&self) {
        let started = Instant::now();
        let has_fill = |(_, row): &(String, Value)| row["fills"] == 1;
        while !self.rows("venues", "venues", "name").iter().all(has_fill) {
            assert!(started.elapsed() < PATIENCE, "{}", self.ask("venues"));
        }
    }

    /// What the node says that a venue account holds of the first market's base asset.
    fn base_held(&self, account: &str) -> String {
        let rows = self.rows("balances", "balances", "venue");
        let of =
            |(name, row): &&(String, Value)| name == account && row["asset"] == MARKETS[0].base;
        let row = rows.iter().find(of).unwrap_or_else(|| panic!("{rows:?}"));
        row.1["total"].as_str().unwrap_or_default().to_owned()
    }
}

fn each_client_trades_by_its_own_key(venue: Venue) {
    let mut desk = Desk::start(venue);
    let (first, further) = (venue.name().to_owned(), format!("{}-b", venue.name()));
    desk.buy(0, "a");
    assert_eq!((desk.bought(CLIENT), desk.bought(FURTHER)), (QTY[0], 0));
    desk.buy(1, "b");
    assert_eq!((desk.bought(CLIENT), desk.bought(FURTHER)), (QTY[0], QTY[1]));

    desk.wait_for_model();
    assert_eq!(desk.venues.feeds(venue), 1, "one feed serves both accounts");
    let venues = desk.rows("venues", "venues", "name");
    let names: Vec<&str> = venues.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, [&first, &further]);
    for (name, row) in &venues {
        assert_eq!(row["up"], true, "{row}");
        assert_eq!(row["books_trusted"], row["books"], "{row}");
        assert_eq!(row["fills"], 1, "{row}");
        assert_eq!(row["books_of"].as_str(), (*name == further).then_some(first.as_str()));
        assert_eq!(row.get("feed_link").is_some(), *name == first, "{row}");
    }
    let held = [&first, &further].map(|name| desk.base_held(name));
    assert_ne!(held[0], held[1], "each account has balances of its own");
    // The clients do not listen any more, which is no fault of a venue.
    let wrong = desk.ask("status")["wrong"].clone();
    let mut words = wrong.as_array().into_iter().flatten().map(|one| one["word"].as_str());
    assert!(words.all(|word| word == Some("session_away")), "{wrong}");
}

#[test]
fn each_client_trades_by_its_own_key_at_a_venue_with_fix() {
    each_client_trades_by_its_own_key(Venue::Binance);
}

#[test]
fn each_client_trades_by_its_own_key_at_a_venue_with_keys_of_two_lines() {
    each_client_trades_by_its_own_key(Venue::Coinbase);
}

#[test]
fn each_client_trades_by_its_own_key_at_a_venue_with_web_sockets() {
    each_client_trades_by_its_own_key(Venue::Kraken);
}
