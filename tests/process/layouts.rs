//! Every layout of threads and every wait profile does the same work. The same journal is continued
//! under each of them.

use std::path::Path;
use std::time::{Duration, Instant};

use rutter_sim::market::{E8, MARKETS};
use rutter_tools::client::{ClientConfig, FixClient, Order, Report, Side, Tif, Told};
use rutter_tools::clock::unix_ns;
use rutter_tools::harness::{
    Flowing, Node, NodeSettings, READY_DEFAULT, Venues, VenuesConfig, free_address,
    write_node_config,
};

const RUTTER: &str = env!("CARGO_BIN_EXE_rutter");
const PATIENCE: Duration = Duration::from_secs(20);
/// Orders sent at once.
const BURST: usize = 300;
/// Long enough for every thread of a `shared` node to go to sleep.
const QUIET: Duration = Duration::from_millis(300);

/// Sends orders with ids `from..from + count`, and waits until each is filled.
fn trade(client: &mut FixClient, from: usize, count: usize) {
    for number in from..from + count {
        let id = format!("o{number}");
        let side = if number % 2 == 0 { Side::Buy } else { Side::Sell };
        let (symbol, qty_e8) = (MARKETS[0].symbol, E8 / 1_000);
        let order = Order { cl_ord_id: &id, symbol, side, qty_e8, limit_e8: None, tif: Tif::Day };
        client.new_order(unix_ns(), &order).expect("sent");
    }
    let (started, mut filled) = (Instant::now(), 0);
    while filled < count {
        client
            .turn(unix_ns(), &mut |told| match told {
                Told::App(message, dup) => {
                    let report = Report::read(&message, dup).expect("readable");
                    assert!(!matches!(report.status, '4' | '8'), "{message}");
                    filled += usize::from(report.status == '2');
                }
                Told::LoggedOn => {}
                other => panic!("{other:?}"),
            })
            .expect("the node reads");
        assert!(started.elapsed() < PATIENCE, "{filled} of {count} are filled");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn a_journal_goes_on_in_every_layout_and_profile() {
    let dir = tempfile::Builder::new().prefix("rutter-layouts-").tempdir().expect("folder");
    let still = VenuesConfig { flowing: Flowing::Still, ..VenuesConfig::default() };
    let venues = Venues::start(&still, dir.path()).expect("venues");
    let mut settings = NodeSettings::new(free_address().expect("a port"));
    settings.orders_log2 = 12;
    settings.stale_after_ms = 3_600_000;
    let mut next = 0;
    for (layout, profile) in
        [("fused", "pinned"), ("threads", "shared"), ("fused", "shared"), ("threads", "pinned")]
    {
        (settings.layout, settings.wait_profile) = (layout.to_owned(), profile.to_owned());
        let config = write_node_config(dir.path(), &venues, &settings).expect("configuration");
        let mut node = Node::start(Path::new(RUTTER), &config, dir.path()).expect("node");
        node.wait_ready(READY_DEFAULT).expect("ready");
        let desk = &settings.sessions[0];
        // The client starts its sequence numbers anew after each start.
        let client = ClientConfig {
            reset: true,
            ..ClientConfig::new(settings.listen, &desk.comp_id, &desk.password)
        };
        let mut client = FixClient::connect(&client).expect("connects");
        client.wait_logon(PATIENCE).expect("logs on");
        trade(&mut client, next, BURST);
        // A node that sleeps is woken by its sockets.
        std::thread::sleep(QUIET);
        trade(&mut client, next + BURST, 1);
        next += BURST + 1;
        assert!(
            node.log_end().to_lowercase().contains(&format!("layout=\"{layout}\"")),
            "{layout}"
        );
        // Some nodes are terminated, the others killed.
        if profile == "pinned" {
            node.kill().expect("killed");
        } else {
            node.terminate(PATIENCE).expect("ends");
        }
        let replay = node.journal_command("replay").expect("runs");
        assert!(replay.status.success(), "{layout} {profile}: {replay:?}");
        let told = String::from_utf8_lossy(&replay.stdout);
        assert!(told.contains(&format!("orders {next} accepted, 0 refused")), "{told}");
    }
}
