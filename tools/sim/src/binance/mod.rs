//! The Binance dialect over the shared matching engine: REST, market streams, WebSocket API, FIX.
//!
//! A line belongs in this folder if it knows how Binance spells something, and in this file if it
//! ties the protocols together: configuration, connections, time, faults, and the delivery of
//! engine events. The dialect is written from the venue reference (Binance) alone. It is strict by
//! default; behaviour that the reference calls unconfirmed is a switch.

mod auth;
mod error;
mod fix;

mod limits;
mod ops;
mod orders;
mod params;
mod render;
mod rest;
mod streams;
pub(crate) mod terms;
#[cfg(test)]
mod tests;
mod ws_api;

use std::collections::BTreeMap;

pub use auth::{
    AHEAD_MAX_MS, ApiKey, RECV_WINDOW_DEFAULT_US, RECV_WINDOW_MAX_US, ed25519_public_from_pem,
};
pub use error::ApiError;
pub use fix::FixConfig;
pub use limits::LimitConfig;

use super::engine::{AccountId, Event, Exchange, ReportKind, Trading};
use super::faults::{CutPoint, Fault};
use super::flow::Flow;
use super::front::{ConnId, Front, FrontAction, HttpRequest};
use super::json::{self, Object};
use super::random::Random;
use limits::Limits;
use streams::{Feed, StreamConn};
use ws_api::ApiConn;

const SECOND_NS: u64 = 1_000_000_000;
/// Interval of conflated book updates.
pub const TICK_NS: u64 = 100_000_000;
/// Interval of server pings.
pub const PING_NS: u64 = 20 * SECOND_NS;
/// A connection without a pong for this long after a ping is closed.
pub const PONG_NS: u64 = 60 * SECOND_NS;
/// Longest life of a WebSocket connection.
pub const WS_LIFETIME_NS: u64 = 86_400 * SECOND_NS;
/// Most connections of each kind; further ones are closed at once.
pub const CONNECTIONS_MAX: usize = 4_096;
/// Time between the warning and the maintenance that closes connections.
pub const MAINTENANCE_WARNING_NS: u64 = 10 * SECOND_NS;

/// How the simulated venue behaves.
#[derive(Clone, Debug)]
pub struct BinanceConfig {
    /// API keys of the exchange's accounts.
    pub keys: Vec<ApiKey>,
    /// Whether an endpoint refuses unknown parameters (default true).
    pub reject_unknown_parameters: bool,
    /// Rate limits.
    pub limits: LimitConfig,
    /// FIX switches.
    pub fix: FixConfig,
    /// Seed of the ids that the venue generates.
    pub id_seed: u64,
}

impl BinanceConfig {
    /// Strict defaults with these keys.
    pub fn new(keys: Vec<ApiKey>) -> Self {
        Self {
            keys,
            reject_unknown_parameters: true,
            limits: LimitConfig::default(),
            fix: FixConfig::default(),
            id_seed: 1,
        }
    }
}

/// Faults that are armed or in progress.
#[derive(Clone, Debug, Default)]
struct Armed {
    reject_next: Option<(i32, String)>,
    /// The next order waits so long in front of the engine.
    slow_next_ns: Option<u64>,
    cut: Option<CutPoint>,
    /// Times at which connections close, and until which requests are refused.
    maintenance: Option<(u64, u64)>,
    maintenance_done: bool,
}

/// The front of one simulated Binance.
#[derive(Debug)]
pub struct BinanceFront {
    config: BinanceConfig,
    exchange: Exchange,
    flow: Option<Flow>,
    feeds: Vec<Feed>,
    streams: BTreeMap<ConnId, StreamConn>,
    apis: BTreeMap<ConnId, ApiConn>,
    fix: fix::Sessions,
    limits: Limits,
    ids: Random,
    faults: Armed,
    /// The connection whose request is being served. Some sessions want reports of their own
    /// requests only.
    requester: Option<ConnId>,
    next_tick_ns: u64,
}

/// Error -2015: the key is unknown.
fn bad_key() -> ApiError {
    let text = "Invalid API-key, IP, or permissions for action.";
    ApiError::new(-2015, text).with_status(401)
}

impl BinanceFront {
    /// Puts the dialect over an exchange, with or without background flow.
    pub fn new(config: BinanceConfig, exchange: Exchange, flow: Option<Flow>) -> Self {
        let feeds = exchange.instruments().map(|_| Feed::default()).collect();
        Self {
            limits: Limits::new(config.limits.clone()),
            ids: Random::salted(config.id_seed, 77),
            config,
            exchange,
            flow,
            feeds,
            streams: BTreeMap::new(),
            apis: BTreeMap::new(),
            fix: fix::Sessions::default(),
            faults: Armed::default(),
            requester: None,
            next_tick_ns: 0,
        }
    }

    /// The exchange behind the front.
    pub fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Orders and messages that were refused because one of the venue's counts was at its limit.
    /// Refusals of an injected fault do not count.
    pub fn beyond_limits(&self) -> u64 {
        self.limits.beyond
    }

    /// Number of connections of market streams.
    pub fn feeds(&self) -> usize {
        self.streams.len()
    }

    /// The exchange, for scripted participants; the next timer publishes their actions.
    pub fn exchange_mut(&mut self) -> &mut Exchange {
        &mut self.exchange
    }

    /// Changes the exchange from outside (another participant, a deposit, a trading halt) and
    /// delivers the events.
    pub fn with_exchange<T>(
        &mut self,
        now_ns: u64,
        out: &mut Vec<FrontAction>,
        change: impl FnOnce(&mut Exchange) -> T,
    ) -> T {
        let result = change(&mut self.exchange);
        self.pump(now_ns, out);
        result
    }

    /// Delivers every event of the engine.
    fn pump(&mut self, now_ns: u64, out: &mut Vec<FrontAction>) {
        let mut any = false;
        while let Some(event) = self.exchange.next_event() {
            any = true;
            match &event {
                Event::Level(change) => self.note_level(change),
                Event::Trade(trade) => self.note_trade(trade, out),
                Event::Report(report) => {
                    if let ReportKind::Trade(fill) = report.kind
                        && fill.quantity == report.order.filled
                    {
                        self.limits.order_filled(now_ns, report.order.account);
                    }
                    self.tell_fix(now_ns, report, out);
                    self.tell_user_data(now_ns, &event, out);
                }
                Event::Deposit { .. } => self.tell_user_data(now_ns, &event, out),
            }
        }
        if any {
            self.flush_real_time(now_ns, out);
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
        self.requester = Some(conn);
        serve(self, &mut actions);
        self.pump(now_ns, &mut actions);
        self.requester = None;
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
        self.streams.remove(&conn);
        self.apis.remove(&conn);
        self.drop_fix(now_ns, conn);
    }

    /// Refuses requests during maintenance.
    fn check_maintenance(&self, now_ns: u64) -> Result<(), ApiError> {
        match self.faults.maintenance {
            Some((from, until)) if (from..until).contains(&now_ns) => {
                let text = "This service is no longer available.";
                Err(ApiError::new(-1016, text).with_status(503))
            }
            _ => Ok(()),
        }
    }

    fn in_maintenance(&self, now_ns: u64) -> bool {
        self.check_maintenance(now_ns).is_err()
    }

    fn announce_maintenance(&mut self, now_ns: u64, for_ns: u64, out: &mut Vec<FrontAction>) {
        let from = now_ns.saturating_add(MAINTENANCE_WARNING_NS);
        self.faults.maintenance = Some((from, from.saturating_add(for_ns)));
        self.faults.maintenance_done = false;
        let event = Object::new().text("e", "serverShutdown").number("E", now_ns / 1_000_000);
        let event = event.finish();
        for conn in self.apis.keys() {
            let text = Object::new().raw("event", &event).finish();
            out.push(FrontAction::Text(*conn, text));
        }
        for (conn, stream) in &self.streams {
            let text = if stream.is_combined() {
                Object::new().text("stream", "!serverShutdown").raw("data", &event).finish()
            } else {
                event.clone()
            };
            out.push(FrontAction::Text(*conn, text));
        }
        self.fix_news(now_ns, MAINTENANCE_WARNING_NS / SECOND_NS, out);
    }

    fn run_maintenance(&mut self, now_ns: u64, out: &mut Vec<FrontAction>) {
        let Some((from, until)) = self.faults.maintenance else { return };
        if now_ns >= from && !self.faults.maintenance_done {
            self.faults.maintenance_done = true;
            self.fix_shutdown(now_ns, out);
            let conns: Vec<ConnId> = self.streams.keys().chain(self.apis.keys()).copied().collect();
            for conn in conns {
                self.drop_conn(now_ns, conn);
                out.push(FrontAction::Close(conn));
            }
            self.set_all_trading(Trading::Halted);
        }
        if now_ns >= until {
            self.faults.maintenance = None;
            self.set_all_trading(Trading::Online);
        }
    }

    fn set_all_trading(&mut self, trading: Trading) {
        let ids: Vec<_> = self.exchange.instruments().map(|(id, _)| id).collect();
        for id in ids {
            self.exchange.set_trading(id, trading);
        }
    }

    /// Pings WebSocket connections, and closes those without a pong or older than 24 hours.
    fn keep_alive(&mut self, now_ns: u64, out: &mut Vec<FrontAction>) {
        let streams =
            self.streams.iter_mut().map(|(c, s)| (*c, s.opened_ns, &mut s.pinged_ns, s.ponged_ns));
        let apis =
            self.apis.iter_mut().map(|(c, a)| (*c, a.opened_ns, &mut a.pinged_ns, a.ponged_ns));
        let mut dead = Vec::new();
        for (conn, opened, pinged, ponged) in streams.chain(apis) {
            if now_ns.saturating_sub(ponged) >= PING_NS + PONG_NS
                || now_ns.saturating_sub(opened) >= WS_LIFETIME_NS
            {
                dead.push(conn);
            } else if now_ns.saturating_sub(*pinged) >= PING_NS {
                *pinged = now_ns;
                out.push(FrontAction::Ping(conn));
            }
        }
        for conn in dead {
            self.drop_conn(now_ns, conn);
            out.push(FrontAction::Close(conn));
        }
    }
}

impl Front for BinanceFront {
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
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let full = self.streams.len() + self.apis.len() >= CONNECTIONS_MAX;
        if full || self.in_maintenance(now_ns) {
            out.push(FrontAction::Close(conn));
        } else if path == "/ws-api/v3" {
            self.apis.insert(conn, ApiConn::new(now_ns, query));
        } else if path == "/ws" || path.starts_with("/ws/") || path == "/stream" {
            self.open_stream(now_ns, conn, path, query);
        } else {
            out.push(FrontAction::Close(conn));
        }
    }

    fn on_ws_text(&mut self, now_ns: u64, conn: ConnId, text: &str, out: &mut Vec<FrontAction>) {
        if self.apis.contains_key(&conn) {
            self.api_text(now_ns, conn, text, out);
        } else {
            self.stream_text(now_ns, conn, text, out);
        }
    }

    fn on_ws_pong(&mut self, now_ns: u64, conn: ConnId) {
        if let Some(stream) = self.streams.get_mut(&conn) {
            stream.ponged_ns = now_ns;
        }
        if let Some(api) = self.apis.get_mut(&conn) {
            api.ponged_ns = now_ns;
        }
    }

    fn on_closed(&mut self, now_ns: u64, conn: ConnId, _out: &mut Vec<FrontAction>) {
        self.drop_conn(now_ns, conn);
    }

    fn on_timer(&mut self, now_ns: u64, out: &mut Vec<FrontAction>) {
        self.run_maintenance(now_ns, out);
        self.run_slow_orders(now_ns, out);
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
        self.flush_timed(now_ns, second_passed, out);
        self.keep_alive(now_ns, out);
        self.fix_timer(now_ns, out);
    }

    fn next_timer_ns(&self) -> Option<u64> {
        let flow = self.flow.as_ref().map(Flow::next_ns);
        let due = [flow, self.fix.next_slow_ns()].into_iter().flatten();
        Some(due.fold(self.next_tick_ns, u64::min))
    }

    fn inject(&mut self, now_ns: u64, fault: &Fault, out: &mut Vec<FrontAction>) {
        match fault {
            Fault::CutOnOrder(point) => self.faults.cut = Some(*point),
            Fault::CorruptBook => {
                for feed in &mut self.feeds {
                    feed.skip_update = [true; 2];
                }
            }
            Fault::RejectNextOrder { code, text } => {
                self.faults.reject_next = Some((*code, text.clone()));
            }
            Fault::SlowEngine { for_ns } => self.faults.slow_next_ns = Some(*for_ns),
            Fault::Maintenance { for_ns } => self.announce_maintenance(now_ns, *for_ns, out),
            Fault::RateLimit { for_ns } => {
                self.limits.refused_until_ns = now_ns.saturating_add(*for_ns);
            }
            // Wire faults are carried out by `faults`.
            Fault::Delay { .. }
            | Fault::Drop { .. }
            | Fault::Duplicate
            | Fault::Reorder
            | Fault::HalfOpen
            | Fault::Disconnect
            | Fault::ClockBehind { .. }
            | Fault::Heal => {}
        }
    }
}
