//! Market data: books, trades, tickers, and the stream connections that subscribe to them.
//!
//! A line belongs here if it makes or routes public data. Source: venue reference (Binance),
//! section
//! 6. `U` and `u` count level changes; every change is in exactly one update of each speed.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::value::RawValue;

use super::super::engine::{
    Amount, Exchange, InstrumentConfig, InstrumentId, LevelChange, PublicTrade, Side,
};
use super::super::front::{ConnId, FrontAction};
use super::BinanceFront;
use super::json::{Object, array, quoted};
use super::limits::Window;
use super::params::unescape;
use super::render::{TimeUnit, amount, price, quantity};

/// Most aggregate trades kept per instrument.
pub const AGG_TRADES_MAX: usize = 5_000;
/// Levels of an update at which it is sent early.
pub const PENDING_LEVELS_MAX: usize = 20_000;
const SECOND_NS: u64 = 1_000_000_000;
const DAY_NS: u64 = 86_400 * SECOND_NS;

/// Aggregate trade: the trades of one taker order at one price.
#[derive(Clone, Debug)]
pub(super) struct AggTrade {
    pub id: u64,
    pub price: i64,
    pub quantity: i64,
    pub first: u64,
    pub last: u64,
    pub time_ns: u64,
    pub buyer_is_maker: bool,
    taker_order: u64,
}

impl AggTrade {
    pub fn members(&self, object: Object, config: &InstrumentConfig, unit: TimeUnit) -> Object {
        object
            .number("a", self.id)
            .text("p", &price(config, self.price))
            .text("q", &quantity(config, self.quantity))
            .number("f", self.first)
            .number("l", self.last)
            .number("T", unit.of(self.time_ns))
            .flag("m", self.buyer_is_maker)
            .flag("M", true)
    }
}

/// Level changes since the last update of one speed.
#[derive(Clone, Debug, Default)]
struct Pending {
    first_id: u64,
    last_id: u64,
    bids: BTreeMap<i64, i64>,
    asks: BTreeMap<i64, i64>,
}

impl Pending {
    fn note(&mut self, change: &LevelChange) {
        if self.bids.is_empty() && self.asks.is_empty() {
            self.first_id = change.update_id;
        }
        self.last_id = change.update_id;
        let side = if change.side == Side::Buy { &mut self.bids } else { &mut self.asks };
        side.insert(change.price, change.quantity);
    }

    fn is_empty(&self) -> bool {
        self.bids.is_empty() && self.asks.is_empty()
    }

    fn len(&self) -> usize {
        self.bids.len() + self.asks.len()
    }
}

/// Price and quantity of best bid and best ask; 0 for an empty side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Best {
    pub bid: (i64, i64),
    pub ask: (i64, i64),
}

pub(super) fn best_of(exchange: &Exchange, id: InstrumentId) -> Best {
    let best = |side| {
        let price = exchange.best(id, side).unwrap_or(0);
        (price, exchange.quantity_at(id, side, price))
    };
    Best { bid: best(Side::Buy), ask: best(Side::Sell) }
}

/// Data of one instrument that its streams have not yet sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Feed {
    fast: Pending,
    slow: Pending,
    best: Best,
    pub agg_trades: VecDeque<AggTrade>,
    open_agg: Option<AggTrade>,
    next_agg: u64,
    traded: bool,
    /// An injected fault: the next update of the slow and of the fast speed is lost.
    pub skip_update: [bool; 2],
}

/// One stream of one instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Trade,
    AggTrade,
    BookTicker,
    MiniTicker,
    Ticker,
    /// Book differences, every 100 ms or every second.
    Diff {
        fast: bool,
    },
    /// Best levels, every 100 ms or every second.
    Top {
        levels: u16,
        fast: bool,
    },
}

/// A stream connection.
#[derive(Clone, Debug)]
pub(super) struct StreamConn {
    /// Names of the subscribed streams, in the order of the answer to `LIST_SUBSCRIPTIONS`.
    names: BTreeMap<String, (InstrumentId, Kind)>,
    combined: bool,
    unit: TimeUnit,
    messages: Window,
    pub pinged_ns: u64,
    pub ponged_ns: u64,
    pub opened_ns: u64,
}

/// A subscription that the venue refuses.
struct BadStream(String);

fn parse_stream(exchange: &Exchange, name: &str) -> Result<(InstrumentId, Kind), BadStream> {
    let bad = || BadStream(format!("Invalid request: unknown stream {name}"));
    let (symbol, kind) = name.split_once('@').ok_or_else(bad)?;
    if symbol.chars().any(char::is_uppercase) {
        return Err(bad());
    }
    let id = exchange.instrument(&symbol.to_uppercase()).ok_or_else(bad)?;
    let (kind, fast) = match kind.strip_suffix("@100ms") {
        Some(rest) => (rest, true),
        None => (kind.strip_suffix("@1000ms").unwrap_or(kind), false),
    };
    let kind = match (kind, fast) {
        ("depth", fast) => Kind::Diff { fast },
        ("depth5", fast) => Kind::Top { levels: 5, fast },
        ("depth10", fast) => Kind::Top { levels: 10, fast },
        ("depth20", fast) => Kind::Top { levels: 20, fast },
        ("trade", false) => Kind::Trade,
        ("aggTrade", false) => Kind::AggTrade,
        ("bookTicker", false) => Kind::BookTicker,
        ("miniTicker", false) => Kind::MiniTicker,
        ("ticker", false) => Kind::Ticker,
        _ => return Err(bad()),
    };
    Ok((id, kind))
}

impl BinanceFront {
    /// Opens `/ws`, `/ws/<streams>`, `/ws/<number>` or `/stream?streams=`.
    pub(super) fn open_stream(&mut self, now_ns: u64, conn: ConnId, path: &str, query: &str) {
        let combined = path.starts_with("/stream");
        let mut unit = TimeUnit::Millis;
        let mut wanted = String::new();
        for (name, value) in query.split('&').filter_map(|part| part.split_once('=')) {
            match name {
                "streams" => wanted = unescape(value).unwrap_or_default(),
                "timeUnit" => unit = TimeUnit::parse(Some(value)),
                _ => {}
            }
        }
        if !combined {
            let tail = path.trim_start_matches("/ws").trim_start_matches('/');
            tail.clone_into(&mut wanted);
        }
        let mut stream = StreamConn {
            names: BTreeMap::new(),
            combined,
            unit,
            messages: Window::default(),
            pinged_ns: now_ns,
            ponged_ns: now_ns,
            opened_ns: now_ns,
        };
        // An unknown name such as `/ws/0` is accepted and subscribes to nothing.
        for name in wanted.split('/').take(self.limits.config.streams_per_connection) {
            if let Ok(found) = parse_stream(&self.exchange, name) {
                stream.names.insert(name.to_owned(), found);
            }
        }
        self.streams.insert(conn, stream);
    }

    /// A control message on a stream connection.
    pub(super) fn stream_text(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        text: &str,
        out: &mut Vec<FrontAction>,
    ) {
        let max = self.limits.config.stream_messages_per_second;
        let streams_max = self.limits.config.streams_per_connection;
        let Some(stream) = self.streams.get_mut(&conn) else { return };
        if !stream.messages.hit(now_ns, SECOND_NS, max) {
            self.streams.remove(&conn);
            out.push(FrontAction::Close(conn));
            return;
        }
        let answer = stream.control(&self.exchange, text, streams_max);
        out.push(FrontAction::Text(conn, answer));
    }

    /// Notes a level change for the next updates.
    pub(super) fn note_level(&mut self, change: &LevelChange) {
        let Some(feed) = self.feeds.get_mut(change.instrument.0 as usize) else { return };
        feed.fast.note(change);
        feed.slow.note(change);
    }

    /// Notes a trade and sends it to its subscribers.
    pub(super) fn note_trade(&mut self, trade: &PublicTrade, out: &mut Vec<FrontAction>) {
        let id = trade.instrument;
        let config = self.exchange.instrument_config(id);
        let Some(feed) = self.feeds.get_mut(id.0 as usize) else { return };
        feed.traded = true;
        let closed = feed.aggregate(trade);
        send(&self.streams, id, out, |kind, unit| {
            if kind != Kind::Trade {
                return None;
            }
            let event = Object::new()
                .text("e", "trade")
                .number("E", unit.of(trade.time_ns))
                .text("s", &config.symbol)
                .number("t", trade.id)
                .text("p", &price(config, trade.price))
                .text("q", &quantity(config, trade.quantity))
                .number("T", unit.of(trade.time_ns))
                .flag("m", trade.taker_side == Side::Sell)
                .flag("M", true);
            Some(event.finish())
        });
        if let Some(closed) = closed {
            send_agg(&self.streams, id, config, &closed, out);
        }
    }

    /// After a batch of events: closes aggregate trades, sends changed best prices, and sends
    /// updates that have reached [`PENDING_LEVELS_MAX`].
    pub(super) fn flush_real_time(&mut self, now_ns: u64, out: &mut Vec<FrontAction>) {
        for (index, feed) in self.feeds.iter_mut().enumerate() {
            let id = InstrumentId(index as u16);
            let config = self.exchange.instrument_config(id);
            if let Some(closed) = feed.close_aggregate() {
                send_agg(&self.streams, id, config, &closed, out);
            }
            if feed.fast.is_empty() && feed.slow.is_empty() {
                continue;
            }
            let best = best_of(&self.exchange, id);
            if best != feed.best {
                feed.best = best;
                let update_id = self.exchange.update_id(id);
                send(&self.streams, id, out, |kind, _| {
                    (kind == Kind::BookTicker).then(|| book_ticker(config, update_id, &best))
                });
            }
            for fast in [true, false] {
                let pending = if fast { &feed.fast } else { &feed.slow };
                if pending.len() >= PENDING_LEVELS_MAX {
                    flush_depth(&self.exchange, &self.streams, feed, id, fast, now_ns, out);
                }
            }
        }
    }

    /// Sends conflated updates: every 100 ms, with `slow` once a second.
    pub(super) fn flush_timed(&mut self, now_ns: u64, slow: bool, out: &mut Vec<FrontAction>) {
        for (index, feed) in self.feeds.iter_mut().enumerate() {
            let id = InstrumentId(index as u16);
            flush_depth(&self.exchange, &self.streams, feed, id, true, now_ns, out);
            if !slow {
                continue;
            }
            flush_depth(&self.exchange, &self.streams, feed, id, false, now_ns, out);
            if std::mem::take(&mut feed.traded) {
                let exchange = &self.exchange;
                send(&self.streams, id, out, |kind, unit| match kind {
                    Kind::MiniTicker => Some(mini_ticker(exchange, id, now_ns, unit, false)),
                    Kind::Ticker => Some(mini_ticker(exchange, id, now_ns, unit, true)),
                    _ => None,
                });
            }
        }
    }
}

fn flush_depth(
    exchange: &Exchange,
    streams: &BTreeMap<ConnId, StreamConn>,
    feed: &mut Feed,
    id: InstrumentId,
    fast: bool,
    now_ns: u64,
    out: &mut Vec<FrontAction>,
) {
    let pending = std::mem::take(if fast { &mut feed.fast } else { &mut feed.slow });
    if pending.is_empty() {
        return;
    }
    if std::mem::take(&mut feed.skip_update[usize::from(fast)]) {
        return;
    }
    let config = exchange.instrument_config(id);
    let wants = Kind::Diff { fast };
    send(streams, id, out, |kind, unit| match kind {
        kind if kind == wants => Some(depth_update(config, &pending, unit.of(now_ns))),
        Kind::Top { levels, fast: speed } if speed == fast => {
            Some(book(exchange, id, levels as usize))
        }
        _ => None,
    });
}

/// Sends every subscriber of an instrument the text that `make` returns for its kind of stream.
fn send(
    streams: &BTreeMap<ConnId, StreamConn>,
    id: InstrumentId,
    out: &mut Vec<FrontAction>,
    make: impl Fn(Kind, TimeUnit) -> Option<String>,
) {
    for (conn, stream) in streams {
        let mut sent = BTreeSet::new();
        for (name, (instrument, kind)) in &stream.names {
            if *instrument != id || !sent.insert(*kind) {
                continue;
            }
            let Some(data) = make(*kind, stream.unit) else { continue };
            let text = if stream.combined {
                Object::new().text("stream", name).raw("data", &data).finish()
            } else {
                data
            };
            out.push(FrontAction::Text(*conn, text));
        }
    }
}

fn send_agg(
    streams: &BTreeMap<ConnId, StreamConn>,
    id: InstrumentId,
    config: &InstrumentConfig,
    trade: &AggTrade,
    out: &mut Vec<FrontAction>,
) {
    send(streams, id, out, |kind, unit| {
        let event = Object::new()
            .text("e", "aggTrade")
            .number("E", unit.of(trade.time_ns))
            .text("s", &config.symbol);
        (kind == Kind::AggTrade).then(|| trade.members(event, config, unit).finish())
    });
}

impl Feed {
    /// Adds a trade; returns the aggregate that it closes.
    fn aggregate(&mut self, trade: &PublicTrade) -> Option<AggTrade> {
        if let Some(open) = &mut self.open_agg
            && open.taker_order == trade.taker_order
            && open.price == trade.price
        {
            open.quantity += trade.quantity;
            open.last = trade.id;
            return None;
        }
        let closed = self.close_aggregate();
        self.next_agg += 1;
        self.open_agg = Some(AggTrade {
            id: self.next_agg,
            price: trade.price,
            quantity: trade.quantity,
            first: trade.id,
            last: trade.id,
            time_ns: trade.time_ns,
            buyer_is_maker: trade.taker_side == Side::Sell,
            taker_order: trade.taker_order,
        });
        closed
    }

    fn close_aggregate(&mut self) -> Option<AggTrade> {
        let closed = self.open_agg.take()?;
        if self.agg_trades.len() == AGG_TRADES_MAX {
            self.agg_trades.pop_front();
        }
        self.agg_trades.push_back(closed.clone());
        Some(closed)
    }
}

fn depth_update(config: &InstrumentConfig, pending: &Pending, time: u64) -> String {
    let row = |(level, total): (&i64, &i64)| {
        array([quoted(&price(config, *level)), quoted(&quantity(config, *total))])
    };
    Object::new()
        .text("e", "depthUpdate")
        .number("E", time)
        .text("s", &config.symbol)
        .number("U", pending.first_id)
        .number("u", pending.last_id)
        .raw("b", &array(pending.bids.iter().rev().map(row)))
        .raw("a", &array(pending.asks.iter().map(row)))
        .finish()
}

fn book_ticker(config: &InstrumentConfig, update_id: u64, best: &Best) -> String {
    Object::new()
        .number("u", update_id)
        .text("s", &config.symbol)
        .text("b", &price(config, best.bid.0))
        .text("B", &quantity(config, best.bid.1))
        .text("a", &price(config, best.ask.0))
        .text("A", &quantity(config, best.ask.1))
        .finish()
}

/// `{"lastUpdateId":..,"bids":[..],"asks":[..]}`.
pub(super) fn book(exchange: &Exchange, id: InstrumentId, limit: usize) -> String {
    let config = exchange.instrument_config(id);
    let rows = |side| {
        array(exchange.depth(id, side, limit).into_iter().map(|(level, total)| {
            array([quoted(&price(config, level)), quoted(&quantity(config, total))])
        }))
    };
    Object::new()
        .number("lastUpdateId", exchange.update_id(id))
        .raw("bids", &rows(Side::Buy))
        .raw("asks", &rows(Side::Sell))
        .finish()
}

/// Statistics of the last 24 hours, from the remembered trades.
#[derive(Clone, Debug, Default)]
pub(super) struct DayStats {
    pub open: i64,
    pub close: i64,
    pub high: i64,
    pub low: i64,
    pub last_quantity: i64,
    pub base: Amount,
    pub quote: Amount,
    pub first_id: Option<u64>,
    pub last_id: Option<u64>,
    pub count: u64,
}

pub(super) fn day_stats(exchange: &Exchange, id: InstrumentId, now_ns: u64) -> DayStats {
    let config = exchange.instrument_config(id);
    let start_ns = now_ns.saturating_sub(DAY_NS);
    let mut stats = DayStats::default();
    for trade in exchange.trades(id).filter(|t| t.time_ns >= start_ns) {
        if stats.count == 0 {
            stats.open = trade.price;
            stats.high = trade.price;
            stats.low = trade.price;
            stats.first_id = Some(trade.id);
        }
        stats.high = stats.high.max(trade.price);
        stats.low = stats.low.min(trade.price);
        stats.close = trade.price;
        stats.last_quantity = trade.quantity;
        stats.base += config.base_amount(trade.quantity);
        stats.quote += config.notional(trade.price, trade.quantity);
        stats.last_id = Some(trade.id);
        stats.count += 1;
    }
    stats
}

impl DayStats {
    /// Price change in percent, with three decimals.
    pub fn change_percent(&self) -> String {
        let change = i128::from(self.close - self.open) * 100_000;
        let ratio = if self.open == 0 { 0 } else { change / i128::from(self.open) };
        super::super::decimal::format(ratio, 3, 3)
    }

    /// Average price: quote volume over base volume.
    pub fn average(&self, config: &InstrumentConfig) -> String {
        let scaled = self.quote.checked_mul(10i128.pow(config.price_decimals));
        let mean = scaled.filter(|_| self.base > 0).map_or(0, |quote| quote / self.base);
        super::super::decimal::format(mean, config.price_decimals, 8)
    }
}

fn mini_ticker(
    exchange: &Exchange,
    id: InstrumentId,
    now_ns: u64,
    unit: TimeUnit,
    full: bool,
) -> String {
    let config = exchange.instrument_config(id);
    let stats = day_stats(exchange, id, now_ns);
    let name = if full { "24hrTicker" } else { "24hrMiniTicker" };
    let event = Object::new()
        .text("e", name)
        .number("E", unit.of(now_ns))
        .text("s", &config.symbol)
        .text("c", &price(config, stats.close))
        .text("o", &price(config, stats.open))
        .text("h", &price(config, stats.high))
        .text("l", &price(config, stats.low))
        .text("v", &amount(stats.base))
        .text("q", &amount(stats.quote));
    if !full {
        return event.finish();
    }
    let best = best_of(exchange, id);
    event
        .text("p", &price(config, stats.close - stats.open))
        .text("P", &stats.change_percent())
        .text("w", &stats.average(config))
        .text("b", &price(config, best.bid.0))
        .text("B", &quantity(config, best.bid.1))
        .text("a", &price(config, best.ask.0))
        .text("A", &quantity(config, best.ask.1))
        .number("n", stats.count)
        .finish()
}

#[derive(serde::Deserialize)]
struct Control<'a> {
    method: String,
    #[serde(default, borrow)]
    params: Option<&'a RawValue>,
    #[serde(default, borrow)]
    id: Option<&'a RawValue>,
}

impl StreamConn {
    pub fn is_combined(&self) -> bool {
        self.combined
    }

    fn control(&mut self, exchange: &Exchange, text: &str, streams_max: usize) -> String {
        let error = |code: i32, text: String| {
            Object::new().number("code", code).text("msg", &text).finish()
        };
        let control: Control<'_> = match serde_json::from_str(text) {
            Ok(control) => control,
            Err(e) if e.is_data() => return error(2, format!("Invalid request: {e}")),
            Err(e) => return error(3, format!("Invalid JSON: {e}")),
        };
        let id = control.id.map_or("null", RawValue::get);
        let done = |result: &str| Object::new().raw("result", result).raw("id", id).finish();
        let params = control.params.map_or("[]", RawValue::get);
        let result = match control.method.as_str() {
            "SUBSCRIBE" => self.subscribe(exchange, params, streams_max),
            "UNSUBSCRIBE" => self.unsubscribe(params),
            "LIST_SUBSCRIPTIONS" => Ok(array(self.names.keys().map(|name| quoted(name)))),
            "SET_PROPERTY" => self.set_property(params),
            "GET_PROPERTY" if params.contains("\"combined\"") => Ok(self.combined.to_string()),
            other => Err(BadStream(format!("Invalid request: unknown variant `{other}`"))),
        };
        match result {
            Ok(result) => done(&result),
            Err(BadStream(text)) => error(2, text),
        }
    }

    fn subscribe(
        &mut self,
        exchange: &Exchange,
        params: &str,
        streams_max: usize,
    ) -> Result<String, BadStream> {
        let mut found = Vec::new();
        for name in stream_names(params)? {
            let parsed = parse_stream(exchange, &name)?;
            found.push((name, parsed));
        }
        let added = found.iter().filter(|(name, _)| !self.names.contains_key(name)).count();
        if self.names.len() + added > streams_max {
            return Err(BadStream("Invalid request: too many streams".to_owned()));
        }
        self.names.extend(found);
        Ok("null".to_owned())
    }

    fn unsubscribe(&mut self, params: &str) -> Result<String, BadStream> {
        for name in stream_names(params)? {
            self.names.remove(&name);
        }
        Ok("null".to_owned())
    }

    fn set_property(&mut self, params: &str) -> Result<String, BadStream> {
        let bad = |e: serde_json::Error| BadStream(format!("Invalid request: {e}"));
        let (name, value): (String, bool) = serde_json::from_str(params).map_err(bad)?;
        if name != "combined" {
            return Err(BadStream(format!("Invalid request: unknown property {name}")));
        }
        self.combined = value;
        Ok("null".to_owned())
    }
}

fn stream_names(params: &str) -> Result<Vec<String>, BadStream> {
    serde_json::from_str(params).map_err(|e| BadStream(format!("Invalid request: {e}")))
}
