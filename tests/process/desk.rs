//! A real node between simulated venues, with one client that is logged on.
//!
//! A line belongs here if more than one subject starts its node by it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rutter_tools::client::{ClientConfig, FixClient};
use rutter_tools::harness::{
    Flowing, Node, NodeSettings, READY_DEFAULT, Venues, VenuesConfig, free_address,
    write_node_config,
};
use tempfile::TempDir;

/// The program.
pub const RUTTER: &str = env!("CARGO_BIN_EXE_rutter");
/// Longest wait for the client's logon.
const LOGON: Duration = Duration::from_secs(30);

/// A node, its venues, and the client of its last session.
pub struct Desk {
    pub dir: TempDir,
    /// The configuration file.
    pub config: PathBuf,
    pub settings: NodeSettings,
    pub venues: Venues,
    pub node: Node,
    pub client: FixClient,
}

/// Venues whose books nobody moves.
pub fn still() -> VenuesConfig {
    VenuesConfig { flowing: Flowing::Still, ..VenuesConfig::default() }
}

impl Desk {
    /// Starts everything, with settings changed from the usual ones and further lines of
    /// configuration.
    pub fn start(
        venues: &VenuesConfig,
        change: impl FnOnce(&mut NodeSettings),
        more: &str,
    ) -> Self {
        let dir = tempfile::Builder::new().prefix("rutter-desk-").tempdir().expect("folder");
        let venues = Venues::start(venues, dir.path()).expect("venues");
        let mut settings = NodeSettings::new(free_address().expect("a port"));
        settings.orders_log2 = 12;
        change(&mut settings);
        let config = write_node_config(dir.path(), &venues, &settings).expect("configuration");
        let mut text = std::fs::read_to_string(&config).expect("readable");
        let _ = writeln!(text, "{more}");
        std::fs::write(&config, text).expect("written");
        let mut node = Node::start(Path::new(RUTTER), &config, dir.path()).expect("node");
        node.wait_ready(READY_DEFAULT).expect("ready");
        let desk = settings.sessions.last().expect("a session");
        let client = ClientConfig::new(settings.listen, &desk.comp_id, &desk.password);
        let mut client = FixClient::connect(&client).expect("connects");
        client.wait_logon(LOGON).expect("logs on");
        Self { dir, config, settings, venues, node, client }
    }
}
