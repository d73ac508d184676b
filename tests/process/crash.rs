//! The real node process against both simulated exchanges: killed with SIGKILL at random moments
//! under load and started again at once, and started on journals that are damaged, torn, foreign or
//! in use.
//!
//! `RUTTER_KILLS=n` sets the number of kills, `RUTTER_SEED=s` replays the moments and the orders of
//! a run (not the threads' timing within the node, which is the point of killing it).

mod damage;
mod desk;
mod proof;
mod run;

use std::path::{Path, PathBuf};

use rutter_tools::harness::{ClientSession, NodeSettings, Venues, free_address, write_node_config};

/// The node that is tested.
const RUTTER: &str = env!("CARGO_BIN_EXE_rutter");

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

fn program() -> &'static Path {
    Path::new(RUTTER)
}

/// Small tables and segments: a start is quick, and segments end under load.
fn settings(sessions: usize, orders_log2: u8) -> NodeSettings {
    let mut settings = NodeSettings::new(free_address().expect("a free port"));
    settings.sessions = ClientSession::desks(sessions);
    settings.orders_log2 = orders_log2;
    settings
}

/// As [`write_node_config`], with journal segments of that size.
fn write_config(dir: &Path, venues: &Venues, settings: &NodeSettings, segment: u64) -> PathBuf {
    let path = write_node_config(dir, venues, settings).expect("configuration");
    let text = std::fs::read_to_string(&path).expect("configuration");
    let line = format!("[node]\njournal_segment_bytes = {segment}\n");
    let text = text.replacen("[node]\n", &line, 1);
    // An order that was on its way when the node died is known not to have arrived only after its
    // validity at the venue, and the venue is up only then: the validity is short here. The REST
    // pace is short too, for the simulated Kraken has higher limits.
    let raised = "rest_counter_max = 100000\nrest_decay_milli_per_s = 100000000\n";
    let (kind, void) = ("kind = \"kraken\"\n", "validity_ms = 500\n");
    assert!(text.contains(kind), "there is a Kraken");
    let text = text.replacen(kind, &format!("{kind}{raised}"), 1);
    let text = text.replace("order_window_ms", &format!("{void}order_window_ms"));
    std::fs::write(&path, text).expect("written");
    path
}
