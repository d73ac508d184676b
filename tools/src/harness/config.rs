//! Writes a configuration with which the node trades at the simulated venues.
//!
//! A line belongs here if every venue's part of the configuration has it. What differs from venue
//! to venue comes from the venue's terms.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rutter_sim::Venue;
use rutter_sim::engine::FeeAsset;
use rutter_sim::market::{ASSETS, E8_DECIMALS, MARKETS};
use rutter_sim::server::ListenerKind;
use rutter_sim::venue::{Listing, Reach};

use super::venues::{CA_FILE, write_keys};
use super::{HarnessError, Venues, io};

/// `node.durability`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Journaled inputs survive the death of the process.
    Process,
    /// Journaled inputs survive the loss of the machine's memory.
    Disk,
}

impl Durability {
    const fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Disk => "disk",
        }
    }
}

/// A client of the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSession {
    /// `CompID` of the client.
    pub comp_id: String,
    /// Password of the Logon, at least 8 characters.
    pub password: String,
}

impl ClientSession {
    /// `DESK1` to `DESK<count>`, with the passwords `password-1` to `password-<count>`.
    pub fn desks(count: usize) -> Vec<Self> {
        let desk = |number| Self {
            comp_id: format!("DESK{number}"),
            password: format!("password-{number}"),
        };
        (1..=count).map(desk).collect()
    }
}

/// The parts of the configuration that a caller chooses.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// Address of the node's FIX listener.
    pub listen: SocketAddr,
    /// Client sessions.
    pub sessions: Vec<ClientSession>,
    /// `node.durability`.
    pub durability: Durability,
    /// `node.wait_profile`: `auto`, `pinned` or `shared`.
    pub wait_profile: String,
    /// `node.layout`: `auto`, `threads` or `fused`.
    pub layout: String,
    /// Whether the node speaks TLS to the venues.
    pub tls: bool,
    /// Venues that the node trades at.
    pub venues: Vec<Venue>,
    /// A feed that is silent for longer makes its books stale.
    pub stale_after_ms: u64,
    /// Base-2 logarithm of the client orders held. Children get twice the room, executions four
    /// times.
    pub orders_log2: u8,
    /// Whether every client message is also validated with the data dictionary.
    pub validate_messages: bool,
    /// `begin_string` of every session; absent: the node's default.
    pub begin_string: Option<String>,
    /// A venue whose orders go over plain TCP to this address, and not to the simulated venue.
    pub orders_elsewhere: Option<(Venue, SocketAddr)>,
    /// Address of the metrics; absent: no metrics.
    pub metrics: Option<SocketAddr>,
    /// Venues where the node has a further account, `<venue>-b`. The last session then trades for
    /// the account `fund-b`, whose orders go by them.
    pub further: Vec<Venue>,
}

/// The venues of a node and of the demo, unless others are asked for. They are the first of the
/// table, so that [`Venue::index`] is the place here, too.
pub const USUAL: [Venue; 2] = [Venue::Binance, Venue::Kraken];

impl NodeSettings {
    /// One session, and the usual venues over plain sockets.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            sessions: ClientSession::desks(1),
            durability: Durability::Process,
            wait_profile: "auto".to_owned(),
            layout: "auto".to_owned(),
            tls: false,
            venues: USUAL.to_vec(),
            stale_after_ms: 5_000,
            orders_log2: 18,
            validate_messages: false,
            begin_string: None,
            orders_elsewhere: None,
            metrics: None,
            further: Vec::new(),
        }
    }
}

/// The console's socket, relative to the node's folder.
pub const CONSOLE: &str = "console/console.sock";

/// Where the node finds the venues, and the keys for them.
struct Places<'a> {
    /// The folder of keys and certificates.
    keys: &'a Path,
    /// The seed that the keys follow from.
    seed: u64,
    /// Addresses by [`Venue::index`].
    reaches: [Reach; Venue::ALL.len()],
}

/// Writes `dir/node.toml` and returns its path. The node's data go to `dir/data`, the console's
/// socket is `dir/console/console.sock`.
///
/// # Errors
/// [`HarnessError::Io`].
pub fn write_node_config(
    dir: &Path,
    venues: &Venues,
    settings: &NodeSettings,
) -> Result<PathBuf, HarnessError> {
    let tls = settings.tls;
    let reaches = Venue::ALL.map(|venue| {
        let shown = |kind| {
            let address = venues.address(venue, kind, tls);
            address.map_or_else(String::new, |at| at.to_string())
        };
        Reach { web: shown(ListenerKind::Web), fix: shown(ListenerKind::Raw), tls }
    });
    write_config(dir, &Places { keys: venues.dir(), seed: venues.seed(), reaches }, settings)
}

/// Writes `dir/node.toml` for venues of that seed that no server serves, with their keys, and
/// returns its path. The addresses lead nowhere.
///
/// # Errors
/// [`HarnessError::Io`].
pub fn write_unserved_config(
    dir: &Path,
    seed: u64,
    settings: &NodeSettings,
) -> Result<PathBuf, HarnessError> {
    write_keys(seed, dir)?;
    let nowhere = || "127.0.0.1:1".to_owned();
    let reaches = Venue::ALL.map(|_| Reach { web: nowhere(), fix: nowhere(), tls: settings.tls });
    write_config(dir, &Places { keys: dir, seed, reaches }, settings)
}

fn write_config(
    dir: &Path,
    places: &Places<'_>,
    settings: &NodeSettings,
) -> Result<PathBuf, HarnessError> {
    std::fs::create_dir_all(dir).map_err(io(format!("make {}", dir.display())))?;
    let path = dir.join("node.toml");
    let text = node_config(dir, places, settings);
    std::fs::write(&path, text).map_err(io(format!("write {}", path.display())))?;
    Ok(path)
}

/// Writing to a string cannot fail, so the results are dropped.
fn node_config(dir: &Path, places: &Places<'_>, settings: &NodeSettings) -> String {
    let mut text = String::new();
    let (data, socket) = (quoted(&dir.join("data")), quoted(&dir.join(CONSOLE)));
    // A list of texts is written in TOML as in Rust.
    let assets = format!("{ASSETS:?}");
    let log2 = settings.orders_log2;
    let _ = writeln!(
        text,
        "assets = {assets}\n\n[node]\ndata_dir = {data}\n\
         durability = \"{}\"\nwait_profile = \"{}\"\nlayout = \"{}\"\n\
         orders_log2 = {log2}\nchildren_log2 = {}\nexecutions_log2 = {}\n\n[console]\nsocket = {socket}\n\n\
         [fix]\nlisten = \"{}\"\nsender_comp_id = \"RUTTER\"\n\n\
         [[account]]\nname = \"fund\"\norder_notional_max = \"5000000\"\n\
         price_collar_ppm = 50000\norders_per_s_max = 1000000\nopen_orders_max = 1000000\n",
        settings.durability.name(),
        settings.wait_profile,
        settings.layout,
        log2 + 1,
        log2 + 2,
        settings.listen,
    );
    if !settings.further.is_empty() {
        let names: Vec<String> = settings.further.iter().copied().map(further_name).collect();
        let _ = writeln!(
            text,
            "[[account]]\nname = \"fund-b\"\norder_notional_max = \"5000000\"\n\
             price_collar_ppm = 50000\norders_per_s_max = 1000000\n\
             open_orders_max = 1000000\n[account.routing]\nvenue_accounts = {names:?}\n"
        );
    }
    if let Some(metrics) = settings.metrics {
        let _ = writeln!(text, "[metrics]\nlisten = \"{metrics}\"\n");
    }
    for (nth, session) in settings.sessions.iter().enumerate() {
        let is_last = nth + 1 == settings.sessions.len();
        let account = if is_last && !settings.further.is_empty() { "fund-b" } else { "fund" };
        let _ = writeln!(
            text,
            "[[session]]\ncomp_id = \"{}\"\naccount = \"{account}\"\npassword = \"{}\"",
            session.comp_id, session.password
        );
        if settings.validate_messages {
            let _ = writeln!(text, "validate_messages = true");
        }
        if let Some(begin_string) = &settings.begin_string {
            let _ = writeln!(text, "begin_string = \"{begin_string}\"");
        }
        text.push('\n');
    }
    for market in &MARKETS {
        let _ = writeln!(
            text,
            "[[instrument]]\nsymbol = \"{}\"\nbase = \"{}\"\nquote = \"{}\"\n\
             price_decimals = 2\nqty_decimals = {E8_DECIMALS}\norder_qty_max = \"1000\"\n",
            market.symbol, market.base, market.quote
        );
    }
    for venue in &settings.venues {
        write_venue(&mut text, *venue, places, settings);
        write_listings(&mut text, *venue);
    }
    for venue in &settings.further {
        write_further(&mut text, *venue, places);
        write_listings(&mut text, *venue);
    }
    text
}

/// Name of the node's further account at a venue.
pub(super) fn further_name(venue: Venue) -> String {
    format!("{}-b", venue.name())
}

/// Writes the node's further account at a venue.
fn write_further(text: &mut String, venue: Venue, places: &Places<'_>) {
    let reach = &places.reaches[venue.index()];
    let links = venue.terms().node_links(reach);
    let key = venue.terms().further_credentials(places.seed);
    let _ = writeln!(
        text,
        "[[venue]]\nname = \"{0}\"\nkind = \"{1}\"\nbooks_of = \"{1}\"\n\
         orders_per_window_max = 1000000\norder_window_ms = 1000\norder_url = \"{2}\"\n\
         rest_url = \"{3}://{4}\"\nca_file = {5}\napi_key = \"{6}\"\nsecret_file = {7}\n{8}",
        further_name(venue),
        venue.name(),
        links.order_url,
        if reach.tls { "https" } else { "http" },
        reach.web,
        quoted(&places.keys.join(CA_FILE)),
        key.api_key,
        quoted(&places.keys.join(key.secret_file)),
        links.more_of_further,
    );
}

fn write_venue(text: &mut String, venue: Venue, places: &Places<'_>, settings: &NodeSettings) {
    let reach = &places.reaches[venue.index()];
    let mut links = venue.terms().node_links(reach);
    if let Some((_, address)) = settings.orders_elsewhere.filter(|(other, _)| *other == venue) {
        links.order_url = format!("tcp://{address}");
    }
    let key = venue.terms().credentials(places.seed);
    let _ = writeln!(
        text,
        "[[venue]]\nname = \"{0}\"\nkind = \"{0}\"\nstale_after_ms = {1}\n\
         orders_per_window_max = 1000000\norder_window_ms = 1000\norder_url = \"{2}\"\n\
         feed_url = \"{3}\"\nrest_url = \"{4}://{5}\"\nca_file = {6}\n\
         api_key = \"{7}\"\nsecret_file = {8}\n{9}",
        venue.name(),
        settings.stale_after_ms,
        links.order_url,
        links.feed_url,
        if reach.tls { "https" } else { "http" },
        reach.web,
        quoted(&places.keys.join(CA_FILE)),
        key.api_key,
        quoted(&places.keys.join(key.secret_file)),
        links.more,
    );
}

fn write_listings(text: &mut String, venue: Venue) {
    let exchange = venue.terms().exchange_config();
    let fee_taken = match exchange.fee_asset {
        FeeAsset::Quote => "quote",
        FeeAsset::Received => "received",
    };
    for (market, instrument) in MARKETS.iter().zip(&exchange.instruments) {
        let listing = Listing::of(instrument);
        let _ = writeln!(
            text,
            "[[venue.listing]]\ninstrument = \"{}\"\nsymbol = \"{}\"\ntick = \"{}\"\n\
             lot = \"{}\"\nqty_min = \"{}\"\nqty_max = \"{}\"\n\
             notional_min = \"{}\"\nmaker_fee_ppm = {}\ntaker_fee_ppm = {}\n\
             fee_taken = \"{}\"\n\
             venue_price_decimals = {}\nvenue_qty_decimals = {}\n",
            market.symbol,
            listing.symbol,
            listing.tick,
            listing.lot,
            listing.qty_min,
            listing.qty_max,
            listing.notional_min,
            exchange.maker_fee_ppm,
            exchange.taker_fee_ppm,
            fee_taken,
            listing.price_decimals,
            listing.qty_decimals,
        );
    }
}

/// A path as a TOML string.
fn quoted(path: &Path) -> String {
    // TOML's basic strings escape like JSON's.
    serde_json::Value::from(path.to_string_lossy()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configuration_names_every_venue_session_and_market() {
        let dir = tempfile::tempdir().expect("folder");
        let venues = Venues::start(&super::super::VenuesConfig::default(), dir.path());
        let venues = venues.expect("venues");
        let mut settings = NodeSettings::new(SocketAddr::from(([127, 0, 0, 1], 4)));
        settings.sessions = ClientSession::desks(3);
        let path = write_node_config(dir.path(), &venues, &settings).expect("written");
        let text = std::fs::read_to_string(path).expect("read");
        let count = |what: &str| text.matches(what).count();
        let listed = USUAL.len();
        assert_eq!((count("[[session]]"), count("[[venue]]")), (3, listed));
        assert_eq!((count("[[instrument]]"), count("[[venue.listing]]")), (2, 2 * listed));
        let fix = venues.address(Venue::Binance, ListenerKind::Raw, false).expect("FIX");
        assert!(text.contains(&format!("tcp://{fix}")));
    }
}
