//! All simulated venues as one market: opened without a server, and a look inside them.
//!
//! A line belongs here if it opens the venues or reads their books, orders and executions. Who
//! carries their bytes is `venues`, or the demo's virtual time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use rutter_sim::Venue;
use rutter_sim::engine::{AccountId, Exchange, Side};
use rutter_sim::faults::{Fault, FaultPlan, FaultyFront};
use rutter_sim::flow::Flow;
use rutter_sim::front::{ConnId, Front, FrontAction, HttpRequest};
use rutter_sim::market::{self, CLIENT};
use rutter_sim::venue::VenueFront;

use super::HarnessError;
use super::arrivals::{Arrivals, Witness, messages};
use super::front::{Book, Inner, VenueFill, book, lock, venue_fill};

/// Most levels on each side of a book that [`Market::book`] shows.
const BOOK_LEVELS: usize = 100;

/// Most levels on each side that [`Market::best`] looks through for one that is not the node's.
const BEST_LEVELS: usize = 20;

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

/// The driver's handle of a front.
#[derive(Clone, Debug)]
pub struct SharedFront {
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

/// All venues, opened. A clone looks at the same venues, and takes each execution by itself.
#[derive(Clone, Debug)]
pub struct Market {
    /// By [`Venue::index`].
    fronts: Vec<Inner>,
    witness: Arc<Witness>,
    /// Last trade id that [`Market::take_fills`] has shown, by [`Venue::index`].
    shown: [u64; Venue::ALL.len()],
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

impl Market {
    /// Opens all venues. `now_ns` is the time, nanoseconds since the epoch.
    ///
    /// # Errors
    /// [`HarnessError::Venue`].
    pub fn open(config: &VenuesConfig, now_ns: u64) -> Result<Self, HarnessError> {
        let fronts = Venue::ALL.into_iter().map(|venue| open(venue, config, now_ns));
        let fronts = fronts.collect::<Result<Vec<_>, _>>()?;
        let witness = Arc::new(Witness::default());
        witness.meet(fronts.clone());
        Ok(Self { fronts, witness, shown: [0; Venue::ALL.len()] })
    }

    /// The fronts for whoever carries their bytes, by [`Venue::index`].
    pub fn fronts(&self) -> Vec<SharedFront> {
        let shared = |(venue, inner): (Venue, &Inner)| SharedFront {
            venue,
            inner: Arc::clone(inner),
            witness: Arc::clone(&self.witness),
        };
        Venue::ALL.into_iter().zip(&self.fronts).map(shared).collect()
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

    /// Like [`Market::take_fills`]; each execution comes with the time, in nanoseconds since the
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

    /// What one of the node's accounts has bought in all at a venue, less what it has sold, in
    /// 10^-8 base units.
    pub fn net_bought_e8(&self, venue: Venue, account: AccountId) -> i64 {
        self.with_exchange(venue, |exchange| {
            let fills = exchange.fills(account).map(|fill| match fill.side {
                Side::Buy => fill.quantity,
                Side::Sell => -fill.quantity,
            });
            fills.sum()
        })
    }

    /// Number of connections that a venue sends market data to.
    pub fn feeds(&self, venue: Venue) -> usize {
        lock(&self.fronts[venue.index()]).inner().feeds()
    }

    /// Number of the node's orders that are open at a venue.
    pub fn open_orders(&self, venue: Venue) -> usize {
        self.with_exchange(venue, |exchange| exchange.open_orders(CLIENT, None).count())
    }

    /// The node's orders that are open at a venue: the venue's numbers and their quantities in all,
    /// oldest first.
    pub fn resting(&self, venue: Venue) -> Vec<(u64, i64)> {
        self.with_exchange(venue, |exchange| {
            exchange.open_orders(CLIENT, None).map(|order| (order.id, order.quantity)).collect()
        })
    }
}
