//! The simulated venues on one server thread, and a look inside them.
//!
//! A line belongs here if it starts the venues or reads their books, orders and fills. Instruments
//! and protocols of a venue are `rutter_sim`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rutter_sim::Venue;
use rutter_sim::engine::{Exchange, Fill, InstrumentId, Side};
use rutter_sim::faults::{Fault, FaultPlan, FaultyFront};
use rutter_sim::flow::Flow;
use rutter_sim::front::{ConnId, Front, FrontAction, HttpRequest};
use rutter_sim::market::{self, CLIENT, E8_DECIMALS, MARKETS};
use rutter_sim::server::{
    ListenerConfig, ListenerKind, ServerHandle, VenueConfig, certificates, start,
};
use rutter_sim::venue::{Endpoint, VenueFront};

use super::arrivals::{Arrivals, Witness, messages};
use super::{HarnessError, io};
use crate::clock::unix_ns;

/// Most levels on each side of a book that [`Venues::book`] shows.
const BOOK_LEVELS: usize = 100;

/// Most levels on each side that [`Venues::best`] looks through for one that is not the node's.
const BEST_LEVELS: usize = 20;

/// File of the certificate authority that the venues' certificate is signed by, in
/// [`Venues::dir`].
pub(super) const CA_FILE: &str = "ca.pem";

/// What the background participants do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flowing {
    /// Quotes and takers follow a seeded walk.
    Moving,
    /// One huge quote stands on each side; nothing moves.
    Still,
}

/// What to start.
#[derive(Clone, Debug)]
pub struct VenuesConfig {
    /// Seed of prices, noise and keys.
    pub seed: u64,
    /// First port of a venue's listeners, which take consecutive ports. A venue that is absent
    /// here, or has port 0, gets free ports.
    pub ports: BTreeMap<Venue, u16>,
    /// What the background participants do.
    pub flowing: Flowing,
    /// Price levels a side that the background quotes behind the first
    /// [`LEVELS`](market::LEVELS).
    pub deep_levels: u32,
}

impl Default for VenuesConfig {
    fn default() -> Self {
        Self { seed: 1, ports: BTreeMap::new(), flowing: Flowing::Moving, deep_levels: 0 }
    }
}

/// A venue's front, shared between the server, which drives it, and the harness, which looks at it.
pub(super) type Inner = Arc<Mutex<FaultyFront<Box<dyn VenueFront>>>>;

pub(super) fn lock(inner: &Inner) -> MutexGuard<'_, FaultyFront<Box<dyn VenueFront>>> {
    inner.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The server's handle of a front.
#[derive(Clone, Debug)]
struct SharedFront {
    venue: Venue,
    inner: Inner,
    witness: Arc<Witness>,
}

impl SharedFront {
    fn front(&self) -> MutexGuard<'_, FaultyFront<Box<dyn VenueFront>>> {
        lock(&self.inner)
    }
}

impl Front for SharedFront {
    fn on_raw_open(&mut self, now_ns: u64, conn: ConnId, out: &mut Vec<FrontAction>) {
        self.front().on_raw_open(now_ns, conn, out);
    }

    fn on_raw(&mut self, now_ns: u64, conn: ConnId, bytes: &[u8], out: &mut Vec<FrontAction>) {
        let witness = Arc::clone(&self.witness);
        if !witness.is_on() {
            return self.front().on_raw(now_ns, conn, bytes, out);
        }
        for message in messages(bytes) {
            witness.around(self.venue, now_ns, || self.front().on_raw(now_ns, conn, message, out));
        }
    }

    fn on_http(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        request: &HttpRequest,
        out: &mut Vec<FrontAction>,
    ) {
        let witness = Arc::clone(&self.witness);
        witness.around(self.venue, now_ns, || self.front().on_http(now_ns, conn, request, out));
    }

    fn on_ws_open(&mut self, now_ns: u64, conn: ConnId, target: &str, out: &mut Vec<FrontAction>) {
        self.front().on_ws_open(now_ns, conn, target, out);
    }

    fn on_ws_text(&mut self, now_ns: u64, conn: ConnId, text: &str, out: &mut Vec<FrontAction>) {
        let witness = Arc::clone(&self.witness);
        witness.around(self.venue, now_ns, || self.front().on_ws_text(now_ns, conn, text, out));
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
    /// Levels of buyers.
    pub bids: Vec<(i64, i64)>,
    /// Levels of sellers.
    pub asks: Vec<(i64, i64)>,
}

/// An execution of the node's account, as the venue booked it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VenueFill {
    /// The venue of the trade.
    pub venue: Venue,
    /// Index into [`MARKETS`].
    pub market: usize,
    /// Whether the node bought.
    pub buy: bool,
    /// Price, in 10^-8 quote units.
    pub price_e8: i64,
    /// Quantity, in 10^-8 base units.
    pub qty_e8: i64,
    /// Whether the node's order was resting.
    pub maker: bool,
    /// The venue's id of the trade.
    pub trade_id: u64,
}

/// All venues, running. Dropping it stops them.
#[derive(Debug)]
pub struct Venues {
    server: ServerHandle,
    /// By [`Venue::index`].
    fronts: Vec<Inner>,
    witness: Arc<Witness>,
    dir: PathBuf,
    seed: u64,
    /// Last trade id that [`Venues::take_fills`] has shown, by [`Venue::index`].
    shown: [u64; Venue::ALL.len()],
}

fn listeners(base: u16, endpoints: &[Endpoint]) -> Vec<ListenerConfig> {
    let port = |offset: usize| if base == 0 { 0 } else { base.saturating_add(offset as u16) };
    let listener = |(offset, endpoint): (usize, &Endpoint)| ListenerConfig {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, port(offset))),
        tls: endpoint.tls,
        kind: endpoint.kind,
    };
    endpoints.iter().enumerate().map(listener).collect()
}

/// Opens one venue with its background.
fn open(venue: Venue, config: &VenuesConfig, now_ns: u64) -> Result<Inner, HarnessError> {
    let terms = venue.terms();
    let flow = match config.flowing {
        Flowing::Still => None,
        Flowing::Moving => {
            let instruments = terms.exchange_config().instruments;
            let salt = venue.index() as u64 + 1;
            Some(Flow::new(market::flow(
                &instruments,
                salt,
                config.seed,
                now_ns,
                config.deep_levels,
            )))
        }
    };
    let mut front = terms.open(config.seed, flow)?;
    if config.flowing == Flowing::Still {
        market::still_quotes(front.exchange_mut(), now_ns);
    }
    let front = FaultyFront::new(front, FaultPlan::default());
    Ok(Arc::new(Mutex::new(front)))
}

impl Venues {
    /// Starts all venues on loopback and writes into `dir` the certificate authority (`ca.pem`),
    /// the file with the secret of the node's key at each venue, and `keys.json` (names of keys
    /// and files).
    ///
    /// # Errors
    /// [`HarnessError`]: a port is taken, or a file cannot be written.
    pub fn start(config: &VenuesConfig, dir: &Path) -> Result<Self, HarnessError> {
        std::fs::create_dir_all(dir).map_err(io(format!("make {}", dir.display())))?;
        write_keys(config.seed, dir)?;
        let now_ns = unix_ns();
        let fronts = Venue::ALL.into_iter().map(|venue| open(venue, config, now_ns));
        let fronts = fronts.collect::<Result<Vec<_>, _>>()?;
        let tls = certificates::self_made(&dir.join(CA_FILE))?;
        let witness = Arc::new(Witness::default());
        witness.meet(fronts.clone());
        let served = |(venue, inner): (Venue, &Inner)| VenueConfig {
            name: venue.name().to_owned(),
            front: Box::new(SharedFront {
                venue,
                inner: Arc::clone(inner),
                witness: Arc::clone(&witness),
            }),
            listeners: listeners(
                config.ports.get(&venue).copied().unwrap_or(0),
                venue.terms().endpoints(),
            ),
        };
        let served = Venue::ALL.into_iter().zip(&fronts).map(served).collect();
        let server = start(served, Some(&tls), unix_ns)?;
        let shown = [0; Venue::ALL.len()];
        Ok(Self { server, fronts, witness, dir: dir.to_owned(), seed: config.seed, shown })
    }

    /// The folder of certificates and keys.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The seed that the venues were started with; the keys follow from it.
    pub(super) const fn seed(&self) -> u64 {
        self.seed
    }

    /// Where a venue listens; `None` if it has no such listener.
    pub fn address(&self, venue: Venue, kind: ListenerKind, tls: bool) -> Option<SocketAddr> {
        let wanted = |at: &&rutter_sim::server::ListenerAddress| {
            at.venue == venue.name() && at.kind == kind && at.tls == tls
        };
        self.server.addresses().iter().find(wanted).map(|at| at.address)
    }

    /// The server, for its addresses and counters.
    pub fn server(&self) -> &ServerHandle {
        &self.server
    }

    /// Injects a fault into a venue.
    pub fn inject(&self, venue: Venue, fault: Fault) {
        self.server.inject(venue.name(), fault);
    }

    fn with_exchange<T>(&self, venue: Venue, look: impl FnOnce(&Exchange) -> T) -> T {
        look(lock(&self.fronts[venue.index()]).inner().exchange())
    }

    /// The current book without the node's own orders, at most 100 levels a side.
    /// `market` indexes [`MARKETS`].
    pub fn book(&self, venue: Venue, market: usize) -> Book {
        self.with_exchange(venue, |exchange| book(exchange, market, BOOK_LEVELS))
    }

    /// Best bid and best ask without the node's own orders, in 10^-8. An absent side is `None`, as
    /// is one whose best levels are all the node's own.
    pub fn best(&self, venue: Venue, market: usize) -> (Option<i64>, Option<i64>) {
        let book = self.with_exchange(venue, |exchange| book(exchange, market, BEST_LEVELS));
        let best = |levels: &[(i64, i64)]| levels.first().map(|(price, _)| *price);
        (best(&book.bids), best(&book.asks))
    }

    /// Records from now on what the books held just before each order of the node took liquidity.
    pub fn watch_arrivals(&self) {
        self.witness.start();
    }

    /// Takes the recorded moments since the last call, and the number of executions beyond
    /// [`ARRIVALS_MAX`](super::arrivals::ARRIVALS_MAX), which were not recorded.
    pub fn take_arrivals(&self) -> (Arrivals, u64) {
        self.witness.take()
    }

    /// Number of orders that a venue accepted under an id that it had accepted before, among the
    /// orders that it remembers. Must be 0: the node sends each id once.
    pub fn orders_sent_twice(&self, venue: Venue) -> u64 {
        self.with_exchange(venue, |exchange| {
            let all = exchange.closed_orders(CLIENT).chain(exchange.open_orders(CLIENT, None));
            let mut seen = BTreeSet::new();
            let named = all.map(|order| &*order.client_id).filter(|id| !id.is_empty());
            named.filter(|id| !seen.insert(*id)).count() as u64
        })
    }

    /// Executions of the node's account since the last call, oldest first. The engine keeps the
    /// last 50,000, so a caller must ask before that many are new.
    pub fn take_fills(&mut self, venue: Venue) -> Vec<VenueFill> {
        self.take_timed_fills(venue).into_iter().map(|(fill, _)| fill).collect()
    }

    /// Like [`Venues::take_fills`]; each execution comes with the time, in nanoseconds since the
    /// epoch, at which the venue's poll returned with the order.
    pub fn take_timed_fills(&mut self, venue: Venue) -> Vec<(VenueFill, u64)> {
        let shown = self.shown[venue.index()];
        let mut fills = self.with_exchange(venue, |exchange| {
            let new = exchange.fills(CLIENT).rev().take_while(|f| f.trade_id > shown);
            new.map(|fill| (venue_fill(venue, exchange, fill), fill.time_ns)).collect::<Vec<_>>()
        });
        fills.reverse();
        if let Some((last, _)) = fills.last() {
            self.shown[venue.index()] = last.trade_id;
        }
        fills
    }

    /// Number of the node's orders that are open at a venue.
    pub fn open_orders(&self, venue: Venue) -> usize {
        self.with_exchange(venue, |exchange| exchange.open_orders(CLIENT, None).count())
    }

    /// Stops the server.
    ///
    /// # Errors
    /// Why the server had stopped by itself.
    pub fn stop(self) -> Result<(), HarnessError> {
        Ok(self.server.stop()?)
    }
}

/// An execution in the units of no venue.
pub(super) fn venue_fill(venue: Venue, exchange: &Exchange, fill: &Fill) -> VenueFill {
    let market = usize::from(fill.instrument.0);
    VenueFill {
        venue,
        market,
        buy: fill.side == Side::Buy,
        price_e8: fill.price * price_scale(exchange, market),
        qty_e8: fill.quantity,
        maker: fill.maker,
        trade_id: fill.trade_id,
    }
}

/// The book of a market without the node's own orders, at most `levels` levels a side.
pub(super) fn book(exchange: &Exchange, market: usize, levels: usize) -> Book {
    let id = InstrumentId(market as u16);
    let scale = price_scale(exchange, market);
    let side = |side| {
        let mut levels = exchange.depth(id, side, levels);
        let own = exchange.open_orders(CLIENT, Some(id));
        for order in own.filter(|order| order.side == side) {
            if let Some(level) = levels.iter_mut().find(|level| level.0 == order.price) {
                level.1 -= order.leaves();
            }
        }
        let levels = levels.into_iter().filter(|(_, qty)| *qty > 0);
        levels.map(|(price, qty)| (price * scale, qty)).collect()
    };
    Book { bids: side(Side::Buy), asks: side(Side::Sell) }
}

/// Factor from the venue's price mantissa to units of 10^-8.
fn price_scale(exchange: &Exchange, market: usize) -> i64 {
    debug_assert!(market < MARKETS.len(), "a market that every venue lists");
    let decimals = exchange.instrument_config(InstrumentId(market as u16)).price_decimals;
    10i64.pow(E8_DECIMALS - decimals)
}

fn write_keys(seed: u64, dir: &Path) -> Result<(), HarnessError> {
    let mut keys = serde_json::Map::new();
    let mut files = Vec::new();
    for venue in Venue::ALL {
        let key = venue.terms().credentials(seed);
        let entry = serde_json::json!({ "api_key": key.api_key, "secret_file": key.secret_file });
        keys.insert(venue.name().to_owned(), entry);
        files.push((key.secret_file, key.secret));
    }
    files.push(("keys.json", serde_json::Value::Object(keys).to_string()));
    for (name, text) in files {
        let path = dir.join(name);
        std::fs::write(&path, text).map_err(io(format!("write {}", path.display())))?;
    }
    Ok(())
}
