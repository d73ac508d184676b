//! The Coinbase Exchange dialect over the shared matching engine: FIX 5.0 SP2, feed, REST.
//!
//! A line belongs in this folder if it knows how Coinbase spells something, and in this file if it
//! ties the protocols together: configuration, connections, time, faults, and the delivery of
//! engine events. The dialect is written from the venue reference (Coinbase Exchange) alone. Not
//! simulated: FIX market data, resend of a FIX session, batches of orders, stop orders, orders with
//! an end date, the channels `full`, `level3`, `status` and `balance`, and the decrement of
//! self-trade prevention, which ends both orders here.

mod auth;
mod error;
mod feed;
mod fix;
mod ids;
mod limits;
mod orders;
mod render;
mod rest;
pub(crate) mod terms;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

pub use auth::{ApiKey, TIME_OFF_MAX_S};
pub use error::ApiError;
pub use fix::FixConfig;
pub use limits::{Limit, LimitConfig};

use crate::engine::{Event, Exchange, InstrumentId, Trading};
use crate::faults::{CutPoint, Fault};
use crate::flow::Flow;
use crate::front::{ConnId, Front, FrontAction, HttpRequest};
use feed::{Changes, FeedConn};
use limits::Limits;

const SECOND_NS: u64 = 1_000_000_000;
/// Interval of the channel `level2_batch`.
pub const TICK_NS: u64 = 50_000_000;
/// Most connections of each kind; further ones are closed at once.
pub const CONNECTIONS_MAX: usize = 4_096;

/// How the simulated venue behaves.
#[derive(Clone, Debug)]
pub struct CoinbaseConfig {
    /// API keys of the exchange's accounts.
    pub keys: Vec<ApiKey>,
    /// Rate limits.
    pub limits: LimitConfig,
    /// FIX switches.
    pub fix: FixConfig,
    /// A cancelled order without a fill is forgotten at once, as documented (default true).
    pub forgets_unfilled: bool,
}

impl CoinbaseConfig {
    /// Strict defaults with these keys.
    pub fn new(keys: Vec<ApiKey>) -> Self {
        Self {
            keys,
            limits: LimitConfig::default(),
            fix: FixConfig::default(),
            forgets_unfilled: true,
        }
    }
}

/// Faults that are armed or in progress.
#[derive(Clone, Debug, Default)]
struct Armed {
    reject_next: Option<String>,
    cut: Option<CutPoint>,
    corrupt_book: bool,
    maintenance_until_ns: Option<u64>,
}

/// The front of one simulated Coinbase Exchange.
#[derive(Debug)]
pub struct CoinbaseFront {
    config: CoinbaseConfig,
    exchange: Exchange,
    flow: Option<Flow>,
    feeds: BTreeMap<ConnId, FeedConn>,
    /// Level changes that the real-time and the batched channel have not sent, by instrument.
    fresh: Vec<Changes>,
    batched: Vec<Changes>,
    fix: fix::Sessions,
    limits: Limits,
    faults: Armed,
    next_tick_ns: u64,
}

impl CoinbaseFront {
    /// Puts the dialect over an exchange, with or without background flow.
    pub fn new(config: CoinbaseConfig, exchange: Exchange, flow: Option<Flow>) -> Self {
        let changes: Vec<Changes> = exchange.instruments().map(|_| Changes::default()).collect();
        Self {
            limits: Limits::new(config.limits),
            config,
            exchange,
            flow,
            feeds: BTreeMap::new(),
            fresh: changes.clone(),
            batched: changes,
            fix: fix::Sessions::default(),
            faults: Armed::default(),
            next_tick_ns: 0,
        }
    }

    /// The exchange behind the front.
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// The exchange, for scripted participants; the next timer publishes their actions.
    pub fn exchange_mut(&mut self) -> &mut Exchange {
        &mut self.exchange
    }

    /// Requests about orders that were refused because one of the venue's counts was at its limit.
    /// Refusals of an injected fault do not count.
    pub fn beyond_limits(&self) -> u64 {
        self.limits.beyond
    }

    /// Number of connections that have asked for books.
    pub fn feeds(&self) -> usize {
        self.feeds.values().filter(|conn| conn.has_books()).count()
    }

    /// Delivers every event of the engine.
    fn pump(&mut self, now_ns: u64, out: &mut Vec<FrontAction>) {
        let (mut trades, mut accepted) = (Vec::new(), Vec::new());
        while let Some(event) = self.exchange.next_event() {
            match &event {
                Event::Level(change) => {
                    let at = usize::from(change.instrument.0);
                    for changes in [&mut self.fresh, &mut self.batched] {
                        changes[at].note(change);
                    }
                }
                Event::Trade(trade) => {
                    self.tell_match(trade, out);
                    trades.push(*trade);
                }
                Event::Report(report) => {
                    self.tell_fix(now_ns, report, out);
                    self.tell_user(report, &mut accepted, out);
                }
                // Deposits are no message of a channel that is simulated.
                Event::Deposit { .. } => {}
            }
        }
        self.tell_open(now_ns, &accepted, out);
        self.flush_books(now_ns, out);
        for trade in trades {
            self.tell_ticker(&trade, out);
        }
    }

    /// Serves one request, delivers its events, and cuts the connection where an armed fault
    /// demands.
    fn cut_around(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        is_order: bool,
        out: &mut Vec<FrontAction>,
        serve: impl FnOnce(&mut Self, &mut Vec<FrontAction>),
    ) {
        let cut = if is_order { self.faults.cut.take() } else { None };
        if cut == Some(CutPoint::BeforeProcessing) {
            self.drop_conn(now_ns, conn);
            out.push(FrontAction::Close(conn));
            return;
        }
        let mut actions = Vec::new();
        serve(self, &mut actions);
        self.pump(now_ns, &mut actions);
        if cut == Some(CutPoint::BeforeAck) {
            actions.retain(|action| action.conn() != conn);
        }
        out.append(&mut actions);
        if cut.is_some() {
            self.drop_conn(now_ns, conn);
            out.push(FrontAction::Close(conn));
        }
    }

    fn drop_conn(&mut self, now_ns: u64, conn: ConnId) {
        self.feeds.remove(&conn);
        self.drop_fix(now_ns, conn);
    }

    fn is_in_maintenance(&self, now_ns: u64) -> bool {
        self.faults.maintenance_until_ns.is_some_and(|until_ns| now_ns < until_ns)
    }

    /// A deployment: sessions end with a Logout, connections close.
    fn begin_maintenance(&mut self, now_ns: u64, for_ns: u64, out: &mut Vec<FrontAction>) {
        self.faults.maintenance_until_ns = Some(now_ns.saturating_add(for_ns));
        self.fix_shutdown(now_ns, out);
        let conns: Vec<ConnId> = self.feeds.keys().copied().collect();
        for conn in conns {
            self.feeds.remove(&conn);
            out.push(FrontAction::Close(conn));
        }
        self.set_all_trading(Trading::Halted);
    }

    fn end_maintenance(&mut self, now_ns: u64) {
        if self.faults.maintenance_until_ns.take_if(|until_ns| *until_ns <= now_ns).is_some() {
            self.set_all_trading(Trading::Online);
        }
    }

    fn set_all_trading(&mut self, trading: Trading) {
        let ids: Vec<InstrumentId> = self.exchange.instruments().map(|(id, _)| id).collect();
        for id in ids {
            self.exchange.set_trading(id, trading);
        }
    }
}

impl Front for CoinbaseFront {
    fn on_raw_open(&mut self, now_ns: u64, conn: ConnId, out: &mut Vec<FrontAction>) {
        self.open_fix(now_ns, conn, out);
    }

    fn on_raw(&mut self, now_ns: u64, conn: ConnId, bytes: &[u8], out: &mut Vec<FrontAction>) {
        self.fix_bytes(now_ns, conn, bytes, out);
    }

    fn on_http(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        request: &HttpRequest,
        out: &mut Vec<FrontAction>,
    ) {
        self.rest(now_ns, conn, request, out);
    }

    fn on_ws_open(&mut self, now_ns: u64, conn: ConnId, target: &str, out: &mut Vec<FrontAction>) {
        let path = target.split('?').next().unwrap_or_default();
        let is_full = self.feeds.len() >= CONNECTIONS_MAX;
        if path != "/" || is_full || self.is_in_maintenance(now_ns) {
            out.push(FrontAction::Close(conn));
        } else {
            self.feeds.insert(conn, FeedConn::new(now_ns));
        }
    }

    fn on_ws_text(&mut self, now_ns: u64, conn: ConnId, text: &str, out: &mut Vec<FrontAction>) {
        self.feed_text(now_ns, conn, text, out);
    }

    fn on_ws_pong(&mut self, _now_ns: u64, _conn: ConnId) {}

    fn on_closed(&mut self, now_ns: u64, conn: ConnId, out: &mut Vec<FrontAction>) {
        self.drop_conn(now_ns, conn);
        self.pump(now_ns, out);
    }

    fn on_timer(&mut self, now_ns: u64, out: &mut Vec<FrontAction>) {
        self.end_maintenance(now_ns);
        if let Some(flow) = &mut self.flow {
            flow.on_timer(now_ns, &mut self.exchange);
        }
        self.pump(now_ns, out);
        if now_ns < self.next_tick_ns {
            return;
        }
        // The first call only sets the time of the next tick.
        let second_passed = now_ns / SECOND_NS != self.next_tick_ns.saturating_sub(1) / SECOND_NS;
        self.next_tick_ns = (now_ns / TICK_NS + 1) * TICK_NS;
        self.flush_batches(now_ns, out);
        if second_passed {
            self.tell_heartbeats(now_ns, out);
        }
        self.close_idle_feeds(now_ns, out);
        self.fix_timer(now_ns, out);
    }

    fn next_timer_ns(&self) -> Option<u64> {
        let flow = self.flow.as_ref().map(Flow::next_ns);
        Some(flow.map_or(self.next_tick_ns, |flow| flow.min(self.next_tick_ns)))
    }

    fn inject(&mut self, now_ns: u64, fault: &Fault, out: &mut Vec<FrontAction>) {
        match fault {
            Fault::CutOnOrder(point) => self.faults.cut = Some(*point),
            Fault::CorruptBook => self.faults.corrupt_book = true,
            Fault::RejectNextOrder { text, .. } => self.faults.reject_next = Some(text.clone()),
            Fault::Maintenance { for_ns } => self.begin_maintenance(now_ns, *for_ns, out),
            Fault::RateLimit { for_ns } => {
                self.limits.refused_until_ns = now_ns.saturating_add(*for_ns);
            }
            // Wire faults are carried out by `faults`; the slow engine is Binance's.
            Fault::SlowEngine { .. }
            | Fault::Delay { .. }
            | Fault::Drop { .. }
            | Fault::Duplicate
            | Fault::Reorder
            | Fault::ClockBehind { .. }
            | Fault::HalfOpen
            | Fault::Disconnect
            | Fault::Heal => {}
        }
    }
}
