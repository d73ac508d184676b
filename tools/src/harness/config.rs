//! Writes a configuration with which the node trades at the simulated venues.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::markets::{BINANCE_NOTIONAL_MIN, DECIMALS, Market, QTY_MAX};
use super::{HarnessError, MARKETS, Venue, Venues, io};

/// `node.durability`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Survives the process.
    Process,
    /// Survives the machine.
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
    /// Its `CompID`.
    pub comp_id: String,
    /// At least 8 characters.
    pub password: String,
}

impl ClientSession {
    /// `DESK1` to `DESK<count>`, with passwords that follow from the names.
    pub fn desks(count: usize) -> Vec<Self> {
        let desk = |number| Self {
            comp_id: format!("DESK{number}"),
            password: format!("password-{number}"),
        };
        (1..=count).map(desk).collect()
    }
}

/// What of the configuration is the caller's to say.
#[derive(Clone, Debug)]
pub struct NodeSettings {
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Who may.
    pub sessions: Vec<ClientSession>,
    /// Journal durability.
    pub durability: Durability,
    /// `auto`, `pinned` or `shared`.
    pub wait_profile: String,
    /// `auto`, `threads` or `fused`.
    pub layout: String,
    /// TLS to the venues.
    pub tls: bool,
    /// Which venues.
    pub venues: Vec<Venue>,
    /// A feed that is silent for longer makes books stale.
    pub stale_after_ms: u64,
    /// Base-2 logarithm of the client orders held; children and executions get twice and four
    /// times the room.
    pub orders_log2: u8,
    /// Every message of a client is checked with the data dictionary as well.
    pub validate_messages: bool,
    /// Each session's `begin_string`; the node's own default if absent.
    pub begin_string: Option<String>,
    /// Where Binance's orders go instead of to the simulated one: `host:port`, without TLS.
    pub binance_orders: Option<SocketAddr>,
    /// Where metrics are served; none if absent.
    pub metrics: Option<SocketAddr>,
}

impl NodeSettings {
    /// One session, both venues over plain sockets.
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            sessions: ClientSession::desks(1),
            durability: Durability::Process,
            wait_profile: "auto".to_owned(),
            layout: "auto".to_owned(),
            tls: false,
            venues: Venue::ALL.to_vec(),
            stale_after_ms: 5_000,
            orders_log2: 18,
            validate_messages: false,
            begin_string: None,
            binance_orders: None,
            metrics: None,
        }
    }
}

/// Where the console's socket is, in the node's folder.
pub const CONSOLE: &str = "console/console.sock";

/// Writes `dir/node.toml`; the node's data go to `dir/data`, its console's socket is
/// `dir/console/console.sock`. Returns the path of the file.
///
/// # Errors
/// [`HarnessError::Io`].
pub fn write_node_config(
    dir: &Path,
    venues: &Venues,
    settings: &NodeSettings,
) -> Result<PathBuf, HarnessError> {
    std::fs::create_dir_all(dir).map_err(io(format!("make {}", dir.display())))?;
    let path = dir.join("node.toml");
    let text = node_config(dir, venues, settings);
    std::fs::write(&path, text).map_err(io(format!("write {}", path.display())))?;
    Ok(path)
}

/// Writing to a string cannot fail, so the results are dropped.
fn node_config(dir: &Path, venues: &Venues, settings: &NodeSettings) -> String {
    let mut text = String::new();
    let (data, socket) = (quoted(&dir.join("data")), quoted(&dir.join(CONSOLE)));
    let log2 = settings.orders_log2;
    let _ = writeln!(
        text,
        "assets = [\"BTC\", \"ETH\", \"USDT\"]\n\n[node]\ndata_dir = {data}\n\
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
    if let Some(metrics) = settings.metrics {
        let _ = writeln!(text, "[metrics]\nlisten = \"{metrics}\"\n");
    }
    for session in &settings.sessions {
        let _ = writeln!(
            text,
            "[[session]]\ncomp_id = \"{}\"\naccount = \"fund\"\npassword = \"{}\"",
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
             price_decimals = 2\nqty_decimals = {DECIMALS}\norder_qty_max = \"1000\"\n",
            market.symbol, market.base, market.quote
        );
    }
    for venue in &settings.venues {
        write_venue(&mut text, *venue, venues, settings);
        for market in &MARKETS {
            write_listing(&mut text, *venue, market);
        }
    }
    text
}

fn write_venue(text: &mut String, venue: Venue, venues: &Venues, settings: &NodeSettings) {
    let tls = settings.tls;
    let shown = |address: Option<SocketAddr>| address.map_or_else(String::new, |at| at.to_string());
    let web = shown(venues.web(venue, tls));
    let (ws, http, tcp) = if tls { ("wss", "https", "tls") } else { ("ws", "http", "tcp") };
    let keys = &venues.credentials;
    let (order_url, feed_url, api_key, secret_file, comp_id) = match venue {
        Venue::Binance => (
            match settings.binance_orders {
                Some(address) => format!("tcp://{address}"),
                None => format!("{tcp}://{}", shown(venues.fix(tls))),
            },
            format!("{ws}://{web}/stream"),
            &keys.binance_key,
            "binance.pem",
            "comp_id = \"RUTTER1\"\n",
        ),
        Venue::Kraken => (
            format!("{ws}://{web}/v2"),
            format!("{ws}://{web}/v2"),
            &keys.kraken_key,
            "kraken.secret",
            "",
        ),
    };
    let _ = writeln!(
        text,
        "[[venue]]\nname = \"{0}\"\nkind = \"{0}\"\nstale_after_ms = {1}\n\
         orders_per_window_max = 1000000\norder_window_ms = 1000\norder_url = \"{order_url}\"\n\
         feed_url = \"{feed_url}\"\nrest_url = \"{http}://{web}\"\nca_file = {2}\n\
         api_key = \"{api_key}\"\nsecret_file = {3}\n{comp_id}",
        venue.name(),
        settings.stale_after_ms,
        quoted(&venues.dir().join("ca.pem")),
        quoted(&venues.dir().join(secret_file)),
    );
}

fn write_listing(text: &mut String, venue: Venue, market: &Market) {
    let (maker, taker) = venue.fees_ppm();
    let (symbol, tick, lot_e8, qty_min_e8, notional_min, price_decimals) = match venue {
        Venue::Binance => (
            market.binance_symbol,
            "0.01".to_owned(),
            market.binance_lot_e8,
            market.binance_lot_e8,
            BINANCE_NOTIONAL_MIN.to_string(),
            2,
        ),
        Venue::Kraken => (
            market.symbol,
            e8_text(super::E8 / 10i64.pow(market.kraken_price_decimals)),
            1,
            market.kraken_qty_min_e8,
            "0.5".to_owned(),
            market.kraken_price_decimals,
        ),
    };
    let _ = writeln!(
        text,
        "[[venue.listing]]\ninstrument = \"{}\"\nsymbol = \"{symbol}\"\ntick = \"{tick}\"\n\
         lot = \"{}\"\nqty_min = \"{}\"\nqty_max = \"{QTY_MAX}\"\n\
         notional_min = \"{notional_min}\"\nmaker_fee_ppm = {maker}\ntaker_fee_ppm = {taker}\n\
         venue_price_decimals = {price_decimals}\nvenue_qty_decimals = {DECIMALS}\n",
        market.symbol,
        e8_text(lot_e8),
        e8_text(qty_min_e8),
    );
}

/// A path as a TOML string.
fn quoted(path: &Path) -> String {
    // TOML's basic strings escape like JSON's.
    serde_json::Value::from(path.to_string_lossy()).to_string()
}

/// 10^-8 units as a decimal.
pub(crate) fn e8_text(value: i64) -> String {
    let whole = value.unsigned_abs();
    let sign = if value < 0 { "-" } else { "" };
    let unit = super::E8.unsigned_abs();
    let text = format!("{sign}{}.{:08}", whole / unit, whole % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_of_ten_to_the_minus_eight_read_as_decimals() {
        assert_eq!(e8_text(1), "0.00000001");
        assert_eq!(e8_text(10_000_000), "0.1");
        assert_eq!(e8_text(-6_000_000_000_000), "-60000");
    }

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
        assert_eq!((count("[[session]]"), count("[[venue]]")), (3, 2));
        assert_eq!((count("[[instrument]]"), count("[[venue.listing]]")), (2, 4));
        assert!(text.contains(&format!("tcp://{}", venues.fix(false).expect("FIX"))));
    }
}
