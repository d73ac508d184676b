//! The Kraken dialect over the shared matching engine: REST and WebSocket v2, strict.
//!
//! A line belongs in this folder if it knows how Kraken spells something. Matching is `engine`,
//! sockets are `server`. The dialect is written from the venue reference (Kraken) alone, never from
//! the node's adapter. Not simulated: FIX, level 3, triggered and iceberg orders, margin, the limit
//! on reconnects per address.

use std::collections::{BTreeMap, BTreeSet};

use super::engine::{Exchange, Trading};
use super::faults::{CutPoint, Fault};
use super::flow::Flow;
use super::front::{ConnId, Front, FrontAction, HttpRequest};
use super::order::{AccountId, InstrumentId};

pub mod auth;
pub mod book;
pub mod config;
pub mod error;
pub mod ids;
mod market;
pub mod number;
mod orders;
pub mod params;
mod private;
pub mod rate;
mod rest;
pub(crate) mod terms;
mod ws;

#[cfg(test)]
mod tests;

use auth::Keys;
use config::{AssetNames, KrakenConfig, PairNames};
use error::KrakenError;
use market::{Stats, ToldBook};
use rate::Counter;

const SECOND_NS: u64 = 1_000_000_000;

/// Silence after which a subscribed connection gets a heartbeat.
pub const HEARTBEAT_NS: u64 = SECOND_NS;

/// A connection without subscriptions that sends nothing for this long is closed.
pub const IDLE_NS: u64 = 60 * SECOND_NS;

/// First connection id, as long as the venue's ids.
const FIRST_CONNECTION: u64 = 12_393_906_104_898_154_338;

/// A configuration that cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The engine refuses its configuration.
    #[error(transparent)]
    Exchange(#[from] super::engine::ConfigError),
    /// A key names no account, or its secret is not base64.
    #[error("key {0} names no account, or its secret is not base64")]
    Key(String),
    /// The pairs differ from the instruments, or an asset has no name.
    #[error("every instrument needs its pair and every asset its name, in order")]
    Names,
}

#[derive(Clone, Debug)]
struct ExecutionsSub {
    account: AccountId,
    sequence: u64,
    rate_counter: bool,
}

#[derive(Clone, Debug)]
struct BalancesSub {
    account: AccountId,
    sequence: u64,
}

/// One WebSocket connection.
#[derive(Clone, Debug)]
struct Session {
    connection: u64,
    books: BTreeSet<(InstrumentId, usize)>,
    trades: BTreeSet<InstrumentId>,
    /// Ticker subscriptions; `true` means an update at each change of the best prices, `false` one
    /// at each trade.
    tickers: BTreeMap<InstrumentId, bool>,
    instruments: bool,
    executions: Option<ExecutionsSub>,
    balances: Option<BalancesSub>,
    last_sent_ns: u64,
    last_received_ns: u64,
}

impl Session {
    fn is_subscribed(&self) -> bool {
        !self.books.is_empty()
            || !self.trades.is_empty()
            || !self.tickers.is_empty()
            || self.instruments
            || self.executions.is_some()
            || self.balances.is_some()
    }
}

/// Faults that are armed or in progress.
#[derive(Clone, Debug, Default)]
struct Faults {
    cut: Option<CutPoint>,
    corrupt_book: bool,
    reject_next: Option<String>,
    /// Text of an injected rejection that is being reported.
    rejected: Option<String>,
    maintenance_until_ns: Option<u64>,
    rate_limited_until_ns: Option<u64>,
}

/// Best price and its quantity on each side; `None` for an empty side.
type Top = [Option<(i64, i64)>; 2];

/// The front of one simulated Kraken.
#[derive(Debug)]
pub struct Kraken {
    exchange: Exchange,
    pairs: Vec<PairNames>,
    assets: Vec<AssetNames>,
    keys: Keys,
    flow: Option<Flow>,
    sessions: BTreeMap<ConnId, Session>,
    books: BTreeMap<(InstrumentId, usize), ToldBook>,
    tops: BTreeMap<InstrumentId, Top>,
    stats: Vec<Stats>,
    dirty: BTreeSet<InstrumentId>,
    rates: BTreeMap<(AccountId, InstrumentId), Counter>,
    /// Operations on orders that a counter has refused.
    beyond: u64,
    /// Time of the last amend, by open order.
    amended: BTreeMap<u64, u64>,
    /// Expiry time and id of each good-till-date order.
    expiries: BTreeSet<(u64, u64)>,
    dead_man: BTreeMap<AccountId, u64>,
    /// Quote-sized market orders that ended silently.
    spent: Vec<(AccountId, u64)>,
    connections: u64,
    amends: u64,
    ledger_rows: u64,
    next_sweep_ns: u64,
    /// Revision of the exchange that subscribers of `instrument` were told of.
    told_revision: u64,
    faults: Faults,
}

impl Kraken {
    /// Number of connections that have asked for books.
    pub fn feeds(&self) -> usize {
        self.sessions.values().filter(|session| !session.books.is_empty()).count()
    }

    /// Opens the venue.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn new(config: KrakenConfig) -> Result<Self, ConfigError> {
        let exchange = Exchange::new(config.exchange)?;
        let mut keys = Keys::default();
        for key in &config.keys {
            let account = exchange.account(&key.account);
            if !account.is_some_and(|account| keys.add(key, account)) {
                return Err(ConfigError::Key(key.key.clone()));
            }
        }
        let instruments = exchange.instruments().count();
        let named = config.pairs.len() == instruments
            && exchange
                .instruments()
                .zip(&config.pairs)
                .all(|((_, instrument), pair)| instrument.symbol == pair.symbol);
        let kraken = Self {
            exchange,
            pairs: config.pairs,
            assets: config.assets,
            keys,
            flow: None,
            sessions: BTreeMap::new(),
            books: BTreeMap::new(),
            tops: BTreeMap::new(),
            stats: vec![Stats::default(); instruments],
            dirty: BTreeSet::new(),
            rates: BTreeMap::new(),
            beyond: 0,
            amended: BTreeMap::new(),
            expiries: BTreeSet::new(),
            dead_man: BTreeMap::new(),
            spent: Vec::new(),
            connections: 0,
            amends: 0,
            ledger_rows: 0,
            next_sweep_ns: 0,
            told_revision: 0,
            faults: Faults::default(),
        };
        if named && kraken.names_every_asset() { Ok(kraken) } else { Err(ConfigError::Names) }
    }

    /// Adds background order flow.
    #[must_use]
    pub fn with_flow(mut self, flow: Flow) -> Self {
        self.flow = Some(flow);
        self
    }

    /// The exchange behind the front.
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Operations on orders that were refused because a pair's counter was at its threshold.
    /// Refusals of an injected fault do not count.
    pub fn beyond_limits(&self) -> u64 {
        self.beyond
    }

    /// The exchange, for scripted participants; the next timer publishes their actions.
    pub fn exchange_mut(&mut self) -> &mut Exchange {
        self.next_sweep_ns = 0;
        &mut self.exchange
    }

    fn send(&mut self, now_ns: u64, conn: ConnId, text: String, out: &mut Vec<FrontAction>) {
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.last_sent_ns = now_ns;
            out.push(FrontAction::Text(conn, text));
        }
    }

    /// Refuses orders while an injected maintenance or rate limit lasts.
    fn gate(&mut self, now_ns: u64) -> Result<(), KrakenError> {
        self.end_faults(now_ns);
        if self.faults.maintenance_until_ns.is_some() {
            return Err(KrakenError::Unavailable);
        }
        if self.faults.rate_limited_until_ns.is_some() {
            return Err(KrakenError::OrderRateLimit);
        }
        Ok(())
    }

    /// Carries out an injected rejection of an order.
    fn reject_injected(&mut self) -> Result<(), KrakenError> {
        match self.faults.reject_next.take() {
            Some(text) => {
                self.faults.rejected = Some(text);
                Err(KrakenError::Internal)
            }
            None => Ok(()),
        }
    }

    /// Ends faults whose time is over; `true` when the maintenance has just ended.
    fn end_faults(&mut self, now_ns: u64) -> bool {
        let over = |until: &Option<u64>| until.is_some_and(|until_ns| until_ns <= now_ns);
        if over(&self.faults.rate_limited_until_ns) {
            self.faults.rate_limited_until_ns = None;
        }
        let ended = over(&self.faults.maintenance_until_ns);
        if ended {
            self.faults.maintenance_until_ns = None;
            self.trade_all(Trading::Online);
        }
        ended
    }

    fn trade_all(&mut self, trading: Trading) {
        let all: Vec<InstrumentId> = self.exchange.instruments().map(|(id, _)| id).collect();
        for instrument in all {
            self.exchange.set_trading(instrument, trading);
        }
    }

    fn tell_status(&mut self, now_ns: u64, out: &mut Vec<FrontAction>) {
        let all: Vec<(ConnId, u64)> =
            self.sessions.iter().map(|(conn, session)| (*conn, session.connection)).collect();
        for (conn, connection) in all {
            let text = self.status_json(connection);
            self.send(now_ns, conn, text, out);
        }
    }

    /// Sends heartbeats on silent connections, closes idle ones, and sets the time of the next
    /// sweep.
    fn sweep(&mut self, now_ns: u64, out: &mut Vec<FrontAction>) {
        let mut next_ns = now_ns.saturating_add(HEARTBEAT_NS);
        for (conn, session) in &mut self.sessions {
            if session.is_subscribed() {
                if now_ns.saturating_sub(session.last_sent_ns) >= HEARTBEAT_NS {
                    session.last_sent_ns = now_ns;
                    let text = "{\"channel\":\"heartbeat\"}".to_owned();
                    out.push(FrontAction::Text(*conn, text));
                }
                next_ns = next_ns.min(session.last_sent_ns.saturating_add(HEARTBEAT_NS));
            } else if now_ns.saturating_sub(session.last_received_ns) >= IDLE_NS {
                out.push(FrontAction::Close(*conn));
            }
        }
        self.next_sweep_ns = next_ns;
    }
}

impl Front for Kraken {
    fn on_raw_open(&mut self, _now_ns: u64, conn: ConnId, out: &mut Vec<FrontAction>) {
        // FIX is not simulated here.
        out.push(FrontAction::Close(conn));
    }

    fn on_raw(&mut self, _now_ns: u64, conn: ConnId, _: &[u8], out: &mut Vec<FrontAction>) {
        out.push(FrontAction::Close(conn));
    }

    fn on_http(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        request: &HttpRequest,
        out: &mut Vec<FrontAction>,
    ) {
        self.end_faults(now_ns);
        self.http(now_ns, conn, request, out);
    }

    fn on_ws_open(&mut self, now_ns: u64, conn: ConnId, target: &str, out: &mut Vec<FrontAction>) {
        if target.split('?').next() != Some("/v2") {
            out.push(FrontAction::Close(conn));
            return;
        }
        self.connections += 1;
        let session = Session {
            connection: FIRST_CONNECTION.wrapping_add(self.connections),
            books: BTreeSet::new(),
            trades: BTreeSet::new(),
            tickers: BTreeMap::new(),
            instruments: false,
            executions: None,
            balances: None,
            last_sent_ns: now_ns,
            last_received_ns: now_ns,
        };
        let text = self.status_json(session.connection);
        self.sessions.insert(conn, session);
        self.send(now_ns, conn, text, out);
    }

    fn on_ws_text(&mut self, now_ns: u64, conn: ConnId, text: &str, out: &mut Vec<FrontAction>) {
        self.ws_text(now_ns, conn, text, out);
    }

    fn on_ws_pong(&mut self, now_ns: u64, conn: ConnId) {
        if let Some(session) = self.sessions.get_mut(&conn) {
            session.last_received_ns = now_ns;
        }
    }

    fn on_closed(&mut self, _now_ns: u64, conn: ConnId, _out: &mut Vec<FrontAction>) {
        if let Some(session) = self.sessions.remove(&conn) {
            for (instrument, depth) in session.books {
                self.count_book_readers(instrument, depth, false);
            }
        }
    }

    fn on_timer(&mut self, now_ns: u64, out: &mut Vec<FrontAction>) {
        if self.end_faults(now_ns) {
            self.tell_status(now_ns, out);
        }
        if let Some(flow) = &mut self.flow
            && flow.next_ns() <= now_ns
        {
            flow.on_timer(now_ns, &mut self.exchange);
        }
        self.expire(now_ns);
        self.publish(now_ns, out);
        if now_ns >= self.next_sweep_ns {
            self.sweep(now_ns, out);
        }
    }

    fn next_timer_ns(&self) -> Option<u64> {
        let sweep =
            (!self.sessions.is_empty() || self.next_sweep_ns == 0).then_some(self.next_sweep_ns);
        [
            sweep,
            self.flow.as_ref().map(Flow::next_ns),
            self.expiries.first().map(|(due_ns, _)| *due_ns),
            self.dead_man.values().copied().min(),
            self.faults.maintenance_until_ns,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    fn inject(&mut self, now_ns: u64, fault: &Fault, out: &mut Vec<FrontAction>) {
        match fault {
            Fault::CutOnOrder(point) => self.faults.cut = Some(*point),
            Fault::CorruptBook => self.faults.corrupt_book = true,
            Fault::RejectNextOrder { text, .. } => self.faults.reject_next = Some(text.clone()),
            Fault::Maintenance { for_ns } => {
                self.faults.maintenance_until_ns = Some(now_ns.saturating_add(*for_ns));
                self.trade_all(Trading::Halted);
                self.tell_status(now_ns, out);
                out.extend(self.sessions.keys().copied().map(FrontAction::Close));
            }
            Fault::RateLimit { for_ns } => {
                self.faults.rate_limited_until_ns = Some(now_ns.saturating_add(*for_ns));
            }
            // Wire faults are carried out by `faults`.
            Fault::Delay { .. }
            | Fault::Drop { .. }
            | Fault::Duplicate
            | Fault::Reorder
            | Fault::HalfOpen
            | Fault::Disconnect
            | Fault::ClockBehind { .. }
            | Fault::Heal
            // Another venue's.
            | Fault::SlowEngine { .. } => {}
        }
    }
}
