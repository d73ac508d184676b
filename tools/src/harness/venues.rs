//! Both simulated venues on one server thread, and a look inside them.
//!
//! A line belongs here if it starts the venues or asks what they hold.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::markets::{self, Credentials, MARKETS, Venue};
use super::{HarnessError, io};
use crate::clock::unix_ns;
use rutter_sim::binance::BinanceFront;
use rutter_sim::engine::{Exchange, InstrumentId, Side};
use rutter_sim::faults::{Fault, FaultPlan, FaultyFront};
use rutter_sim::flow::Flow;
use rutter_sim::front::{ConnId, Front, FrontAction, HttpRequest};
use rutter_sim::kraken::Kraken;
use rutter_sim::server::{
    ListenerConfig, ListenerKind, ServerHandle, VenueConfig, certificates, start,
};

/// Levels of a book that [`Venues::book`] shows.
const BOOK_LEVELS: usize = 100;

/// What happens at the venues by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flowing {
    /// Quotes and takers that follow a seeded walk.
    Moving,
    /// One huge quote a side; nothing moves.
    Still,
}

/// What to start.
#[derive(Clone, Debug)]
pub struct VenuesConfig {
    /// Seed of prices, noise and keys.
    pub seed: u64,
    /// First of four ports of Binance (web, FIX, web over TLS, FIX over TLS); 0 picks free ones.
    pub binance_port: u16,
    /// First of two ports of Kraken (web, web over TLS); 0 picks free ones.
    pub kraken_port: u16,
    /// What happens at the venues by itself.
    pub flowing: Flowing,
}

impl Default for VenuesConfig {
    fn default() -> Self {
        Self { seed: 1, binance_port: 0, kraken_port: 0, flowing: Flowing::Moving }
    }
}

/// A front that its owner can look at while the server works it.
#[derive(Debug)]
pub struct SharedFront<F>(Arc<Mutex<F>>);

impl<F> SharedFront<F> {
    /// Shares a front.
    pub fn new(front: Arc<Mutex<F>>) -> Self {
        Self(front)
    }

    fn front(&self) -> MutexGuard<'_, F> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: Front> Front for SharedFront<F> {
    fn on_raw_open(&mut self, now_ns: u64, conn: ConnId, out: &mut Vec<FrontAction>) {
        self.front().on_raw_open(now_ns, conn, out);
    }

    fn on_raw(&mut self, now_ns: u64, conn: ConnId, bytes: &[u8], out: &mut Vec<FrontAction>) {
        self.front().on_raw(now_ns, conn, bytes, out);
    }

    fn on_http(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        request: &HttpRequest,
        out: &mut Vec<FrontAction>,
    ) {
        self.front().on_http(now_ns, conn, request, out);
    }

    fn on_ws_open(&mut self, now_ns: u64, conn: ConnId, target: &str, out: &mut Vec<FrontAction>) {
        self.front().on_ws_open(now_ns, conn, target, out);
    }

    fn on_ws_text(&mut self, now_ns: u64, conn: ConnId, text: &str, out: &mut Vec<FrontAction>) {
        self.front().on_ws_text(now_ns, conn, text, out);
    }

    fn on_ws_pong(&mut self, now_ns: u64, conn: ConnId) {
        self.front().on_ws_pong(now_ns, conn);
    }

    fn on_closed(&mut self, now_ns: u64, conn: ConnId, out: &mut Vec<FrontAction>) {
        self.front().on_closed(now_ns, conn, out);
    }

    fn on_timer(&mut self, now_ns: u64, out: &mut Vec<FrontAction>) {
        self.front().on_timer(now_ns, out);
    }

    fn next_timer_ns(&self) -> Option<u64> {
        self.front().next_timer_ns()
    }

    fn inject(&mut self, now_ns: u64, fault: &Fault, out: &mut Vec<FrontAction>) {
        self.front().inject(now_ns, fault, out);
    }
}

/// The visible book of one market at one venue: (price, quantity), best first, both in 10^-8.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    /// Buyers.
    pub bids: Vec<(i64, i64)>,
    /// Sellers.
    pub asks: Vec<(i64, i64)>,
}

/// An execution of the node's account, as the venue booked it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VenueFill {
    /// Where.
    pub venue: Venue,
    /// Index into [`MARKETS`].
    pub market: usize,
    /// The node bought.
    pub buy: bool,
    /// 10^-8.
    pub price_e8: i64,
    /// 10^-8.
    pub qty_e8: i64,
    /// The node's order was resting.
    pub maker: bool,
    /// The venue's id of the trade.
    pub trade_id: u64,
}

/// Both venues, running. Dropping it stops them.
#[derive(Debug)]
pub struct Venues {
    server: ServerHandle,
    binance: Arc<Mutex<FaultyFront<BinanceFront>>>,
    kraken: Arc<Mutex<FaultyFront<Kraken>>>,
    dir: PathBuf,
    pub(super) credentials: Credentials,
    /// Last trade id that [`Venues::take_fills`] has shown, by venue.
    shown: [u64; 2],
}

fn listeners(base: u16, kinds: &[(ListenerKind, bool)]) -> Vec<ListenerConfig> {
    let port = |offset: usize| if base == 0 { 0 } else { base.saturating_add(offset as u16) };
    kinds
        .iter()
        .enumerate()
        .map(|(offset, (kind, tls))| ListenerConfig {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port(offset))),
            tls: *tls,
            kind: *kind,
        })
        .collect()
}

impl Venues {
    /// Starts both venues on loopback and writes into `dir`: `ca.pem`, `binance.pem` (the node's
    /// private key), `kraken.secret` and `keys.json` (the public parts).
    ///
    /// # Errors
    /// [`HarnessError`]: a port is taken, or a file cannot be written.
    pub fn start(config: &VenuesConfig, dir: &Path) -> Result<Self, HarnessError> {
        std::fs::create_dir_all(dir).map_err(io(format!("make {}", dir.display())))?;
        let credentials = markets::credentials(config.seed)?;
        write_keys(&credentials, dir)?;
        let now_ns = unix_ns();
        let flow = |venue| match config.flowing {
            Flowing::Moving => Some(Flow::new(markets::flow(venue, config.seed, now_ns))),
            Flowing::Still => None,
        };
        let (settings, mut exchange) = markets::binance(&credentials)?;
        let mut kraken = Kraken::new(markets::kraken(&credentials))
            .map_err(|error| HarnessError::Exchange(error.to_string()))?;
        if config.flowing == Flowing::Still {
            markets::still_quotes(Venue::Binance, &mut exchange, now_ns);
            markets::still_quotes(Venue::Kraken, kraken.exchange_mut(), now_ns);
        }
        if let Some(flow) = flow(Venue::Kraken) {
            kraken = kraken.with_flow(flow);
        }
        let binance = BinanceFront::new(settings, exchange, flow(Venue::Binance));
        let binance = Arc::new(Mutex::new(FaultyFront::new(binance, FaultPlan::default())));
        let kraken = Arc::new(Mutex::new(FaultyFront::new(kraken, FaultPlan::default())));
        let tls = certificates::self_made(&dir.join("ca.pem"))?;
        let (web, raw) = (ListenerKind::Web, ListenerKind::Raw);
        let venues = vec![
            VenueConfig {
                name: Venue::Binance.name().to_owned(),
                front: Box::new(SharedFront::new(Arc::clone(&binance))),
                listeners: listeners(
                    config.binance_port,
                    &[(web, false), (raw, false), (web, true), (raw, true)],
                ),
            },
            VenueConfig {
                name: Venue::Kraken.name().to_owned(),
                front: Box::new(SharedFront::new(Arc::clone(&kraken))),
                listeners: listeners(config.kraken_port, &[(web, false), (web, true)]),
            },
        ];
        let server = start(venues, Some(&tls), unix_ns)?;
        Ok(Self { server, binance, kraken, dir: dir.to_owned(), credentials, shown: [0; 2] })
    }

    /// Where certificates and keys are.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where HTTP and WebSocket of a venue are served.
    pub fn web(&self, venue: Venue, tls: bool) -> Option<SocketAddr> {
        self.listener(venue, ListenerKind::Web, tls)
    }

    /// Where Binance's FIX is served.
    pub fn fix(&self, tls: bool) -> Option<SocketAddr> {
        self.listener(Venue::Binance, ListenerKind::Raw, tls)
    }

    fn listener(&self, venue: Venue, kind: ListenerKind, tls: bool) -> Option<SocketAddr> {
        let wanted = |at: &&rutter_sim::server::ListenerAddress| {
            at.venue == venue.name() && at.kind == kind && at.tls == tls
        };
        self.server.addresses().iter().find(wanted).map(|at| at.address)
    }

    /// The server, for its addresses and counters.
    pub fn server(&self) -> &ServerHandle {
        &self.server
    }

    /// Something goes wrong at a venue.
    pub fn inject(&self, venue: Venue, fault: Fault) {
        self.server.inject(venue.name(), fault);
    }

    fn with_exchange<T>(&self, venue: Venue, look: impl FnOnce(&Exchange) -> T) -> T {
        match venue {
            Venue::Binance => {
                let front = self.binance.lock().unwrap_or_else(PoisonError::into_inner);
                look(front.inner().exchange())
            }
            Venue::Kraken => {
                let front = self.kraken.lock().unwrap_or_else(PoisonError::into_inner);
                look(front.inner().exchange())
            }
        }
    }

    /// The book as it is now without the node's own orders, at most 100 levels a side. `market`
    /// indexes [`MARKETS`].
    pub fn book(&self, venue: Venue, market: usize) -> Book {
        self.with_exchange(venue, |exchange| {
            let id = InstrumentId(market as u16);
            let scale = price_scale(exchange, market);
            let side = |side| {
                let mut levels = exchange.depth(id, side, BOOK_LEVELS);
                let own = exchange.open_orders(markets::CLIENT, Some(id));
                for order in own.filter(|order| order.side == side) {
                    if let Some(level) = levels.iter_mut().find(|level| level.0 == order.price) {
                        level.1 -= order.leaves();
                    }
                }
                let levels = levels.into_iter().filter(|(_, qty)| *qty > 0);
                levels.map(|(price, qty)| (price * scale, qty)).collect()
            };
            Book { bids: side(Side::Buy), asks: side(Side::Sell) }
        })
    }

    /// Executions of the node's account that were not taken before, oldest first. The engine keeps
    /// the last 50 000, so call it at least so often.
    pub fn take_fills(&mut self, venue: Venue) -> Vec<VenueFill> {
        self.take_timed_fills(venue).into_iter().map(|(fill, _)| fill).collect()
    }

    /// As [`Venues::take_fills`], each with the time at which the venue's poll had its order,
    /// nanoseconds since the epoch.
    pub fn take_timed_fills(&mut self, venue: Venue) -> Vec<(VenueFill, u64)> {
        let shown = self.shown[venue.index()];
        let mut fills = self.with_exchange(venue, |exchange| {
            let new = exchange.fills(markets::CLIENT).rev().take_while(|f| f.trade_id > shown);
            new.map(|fill| {
                let market = usize::from(fill.instrument.0);
                let one = VenueFill {
                    venue,
                    market,
                    buy: fill.side == Side::Buy,
                    price_e8: fill.price * price_scale(exchange, market),
                    qty_e8: fill.quantity,
                    maker: fill.maker,
                    trade_id: fill.trade_id,
                };
                (one, fill.time_ns)
            })
            .collect::<Vec<_>>()
        });
        fills.reverse();
        if let Some((last, _)) = fills.last() {
            self.shown[venue.index()] = last.trade_id;
        }
        fills
    }

    /// Orders of the node's account that are open at a venue.
    pub fn open_orders(&self, venue: Venue) -> usize {
        self.with_exchange(venue, |exchange| exchange.open_orders(markets::CLIENT, None).count())
    }

    /// Stops the server.
    ///
    /// # Errors
    /// Why it stopped by itself before.
    pub fn stop(self) -> Result<(), HarnessError> {
        Ok(self.server.stop()?)
    }
}

/// Factor from the venue's price mantissa to 10^-8.
fn price_scale(exchange: &Exchange, market: usize) -> i64 {
    debug_assert!(market < MARKETS.len(), "one of ours");
    let decimals = exchange.instrument_config(InstrumentId(market as u16)).price_decimals;
    10i64.pow(markets::DECIMALS - decimals)
}

fn write_keys(credentials: &Credentials, dir: &Path) -> Result<(), HarnessError> {
    let keys = serde_json::json!({
        "binance": { "api_key": credentials.binance_key, "secret_file": "binance.pem" },
        "kraken": { "api_key": credentials.kraken_key, "secret_file": "kraken.secret" },
    });
    for (name, text) in [
        ("binance.pem", &credentials.binance_pem),
        ("kraken.secret", &credentials.kraken_secret),
        ("keys.json", &keys.to_string()),
    ] {
        let path = dir.join(name);
        std::fs::write(&path, text).map_err(io(format!("write {}", path.display())))?;
    }
    Ok(())
}
