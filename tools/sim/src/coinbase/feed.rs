//! The WebSocket feed: subscriptions, books, trades, tickers, heartbeats, and own orders.
//!
//! A line belongs here if it makes or routes a message of the feed. Source: venue reference
//! (Coinbase Exchange), section 5. `sequence` counts the level changes of a product.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::auth::{self, Claim};
use super::limits::Bucket;
use super::render::{cancel_reason, price, quantity, side};
use super::{CoinbaseFront, SECOND_NS, ids};
use crate::engine::{
    AccountId, InstrumentId, LevelChange, Order, OrderRef, PublicTrade, Report, ReportKind, Side,
};
use crate::front::{ConnId, FrontAction};
use crate::json::{Object, array, quoted};
use crate::time;

/// Longest time from the connection to the first subscription.
pub const SUBSCRIBE_NS: u64 = 5 * SECOND_NS;
/// Prices of a book that an injected fault crosses are this many ticks through the other side.
const CROSSED_TICKS: i64 = 1_000;

/// A channel that can be subscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Channel {
    Level2,
    Level2Batch,
    Heartbeat,
    Ticker,
    Matches,
    User,
}

const CHANNELS: [Channel; 6] = [
    Channel::Level2,
    Channel::Level2Batch,
    Channel::Heartbeat,
    Channel::Ticker,
    Channel::Matches,
    Channel::User,
];

impl Channel {
    const fn name(self) -> &'static str {
        match self {
            Self::Level2 => "level2",
            Self::Level2Batch => "level2_batch",
            Self::Heartbeat => "heartbeat",
            Self::Ticker => "ticker",
            Self::Matches => "matches",
            Self::User => "user",
        }
    }

    fn of(name: &str) -> Option<Self> {
        CHANNELS.into_iter().find(|channel| channel.name() == name)
    }

    const fn is_private(self) -> bool {
        matches!(self, Self::Level2 | Self::User)
    }
}

/// Level changes by side and price: the newest quantity counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Changes(BTreeMap<(Side, i64), i64>);

impl Changes {
    pub fn note(&mut self, change: &LevelChange) {
        self.0.insert((change.side, change.price), change.quantity);
    }
}

/// One WebSocket connection.
#[derive(Clone, Debug)]
pub(super) struct FeedConn {
    opened_ns: u64,
    account: Option<AccountId>,
    subscribed: BTreeSet<(Channel, InstrumentId)>,
    bucket: Bucket,
}

impl FeedConn {
    pub fn new(now_ns: u64) -> Self {
        Self {
            opened_ns: now_ns,
            account: None,
            subscribed: BTreeSet::new(),
            bucket: Bucket::default(),
        }
    }

    pub fn has_books(&self) -> bool {
        let is_book = |channel| matches!(channel, Channel::Level2 | Channel::Level2Batch);
        self.subscribed.iter().any(|(channel, _)| is_book(*channel))
    }

    fn has(&self, channel: Channel, instrument: InstrumentId) -> bool {
        self.subscribed.contains(&(channel, instrument))
    }
}

/// Why a subscription is refused: `message` and `reason`.
struct Refused(&'static str, String);

type Wanted = BTreeSet<(Channel, InstrumentId)>;

impl CoinbaseFront {
    pub(super) fn feed_text(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        text: &str,
        out: &mut Vec<FrontAction>,
    ) {
        let limit = self.limits.config.ws;
        let Some(feed) = self.feeds.get_mut(&conn) else { return };
        if !feed.bucket.take(now_ns, limit) {
            self.feeds.remove(&conn);
            out.push(FrontAction::Close(conn));
            return;
        }
        let request: Value = serde_json::from_str(text).unwrap_or_default();
        let done = match request["type"].as_str() {
            Some("subscribe") => self.subscribe(now_ns, conn, &request, out),
            Some("unsubscribe") => self.unsubscribe(conn, &request, out),
            _ => Err(Refused("Malformed JSON", "the message has no known type".to_owned())),
        };
        if let Err(Refused(message, reason)) = done {
            let json = Object::new().text("type", "error").text("message", message);
            out.push(FrontAction::Text(conn, json.text("reason", &reason).finish()));
        }
    }

    fn subscribe(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        request: &Value,
        out: &mut Vec<FrontAction>,
    ) -> Result<(), Refused> {
        let refused = |reason: String| Refused("Failed to subscribe", reason);
        let wanted = self.wanted(request)?;
        let account = match self.claimed(now_ns, request) {
            None => self.feeds.get(&conn).and_then(|feed| feed.account),
            Some(claimed) => Some(claimed.map_err(|text| Refused("Authentication Failed", text))?),
        };
        let private = wanted.iter().find(|(channel, _)| channel.is_private());
        if let Some((channel, _)) = private.filter(|_| account.is_none()) {
            let reason = match channel {
                Channel::User => "user channel requires authentication".to_owned(),
                _ => "level2, level3, and full channels now require authentication. \
                      https://docs.cloud.coinbase.com/exchange/docs/websocket-channels"
                    .to_owned(),
            };
            return Err(refused(reason));
        }
        let Some(feed) = self.feeds.get_mut(&conn) else { return Ok(()) };
        feed.account = account;
        let fresh: Vec<_> =
            wanted.into_iter().filter(|pair| feed.subscribed.insert(*pair)).collect();
        self.tell_subscriptions(conn, out);
        for (channel, instrument) in fresh {
            match channel {
                Channel::Level2 | Channel::Level2Batch => {
                    out.push(FrontAction::Text(conn, self.snapshot(instrument)));
                }
                Channel::Matches => {
                    if let Some(trade) = self.exchange.trades(instrument).next_back() {
                        let text = self.match_json("last_match", trade);
                        out.push(FrontAction::Text(conn, text));
                    }
                }
                Channel::Heartbeat | Channel::Ticker | Channel::User => {}
            }
        }
        Ok(())
    }

    fn unsubscribe(
        &mut self,
        conn: ConnId,
        request: &Value,
        out: &mut Vec<FrontAction>,
    ) -> Result<(), Refused> {
        let names_products = request["product_ids"].is_array();
        let left = self.wanted(request)?;
        let Some(feed) = self.feeds.get_mut(&conn) else { return Ok(()) };
        if names_products {
            feed.subscribed.retain(|pair| !left.contains(pair));
        } else {
            feed.subscribed.retain(|(channel, _)| !left.iter().any(|(left, _)| left == channel));
        }
        self.tell_subscriptions(conn, out);
        Ok(())
    }

    /// The channels and products of a request. One bad product fails the whole message.
    fn wanted(&self, request: &Value) -> Result<Wanted, Refused> {
        let refused = |reason: String| Refused("Failed to subscribe", reason);
        let names = |value: &Value| -> Vec<String> {
            let all = value.as_array().into_iter().flatten();
            all.filter_map(|name| name.as_str().map(str::to_owned)).collect()
        };
        let common = names(&request["product_ids"]);
        let mut wanted = Wanted::new();
        for channel in request["channels"].as_array().into_iter().flatten() {
            let name = channel.as_str().or_else(|| channel["name"].as_str()).unwrap_or_default();
            let found = Channel::of(name);
            let found = found.ok_or_else(|| refused(format!("{name} is not a valid channel")))?;
            let own = names(&channel["product_ids"]);
            for product in common.iter().chain(&own) {
                let instrument = self.exchange.instrument(product);
                let instrument = instrument
                    .ok_or_else(|| refused(format!("{product} is not a valid product")))?;
                wanted.insert((found, instrument));
            }
            if common.is_empty() && own.is_empty() {
                wanted.extend(self.exchange.instruments().map(|(id, _)| (found, id)));
            }
        }
        if wanted.is_empty() { Err(refused("no channels provided".to_owned())) } else { Ok(wanted) }
    }

    /// The account that a subscription claims; `None` if it is not signed.
    fn claimed(&self, now_ns: u64, request: &Value) -> Option<Result<AccountId, String>> {
        let signature = request["signature"].as_str()?;
        let timestamp = match &request["timestamp"] {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => String::new(),
        };
        let claim = Claim {
            key: request["key"].as_str().unwrap_or_default(),
            passphrase: request["passphrase"].as_str().unwrap_or_default(),
            timestamp: &timestamp,
            signature,
        };
        Some(auth::check_ws(&self.config.keys, now_ns, &claim).map_err(|error| error.text))
    }

    fn tell_subscriptions(&self, conn: ConnId, out: &mut Vec<FrontAction>) {
        let Some(feed) = self.feeds.get(&conn) else { return };
        let row = |channel: Channel| {
            let symbols = feed.subscribed.iter().filter(|(of, _)| *of == channel);
            let symbols: Vec<String> = symbols
                .map(|(_, id)| quoted(&self.exchange.instrument_config(*id).symbol))
                .collect();
            (!symbols.is_empty()).then(|| {
                let row = Object::new().text("name", channel.name());
                row.raw("product_ids", &array(symbols)).finish()
            })
        };
        let channels = array(CHANNELS.into_iter().filter_map(row));
        let json = Object::new().text("type", "subscriptions").raw("channels", &channels);
        out.push(FrontAction::Text(conn, json.finish()));
    }

    // ----- books ----------------------------------------------------------------------------

    fn snapshot(&self, instrument: InstrumentId) -> String {
        let config = self.exchange.instrument_config(instrument);
        let rows = |side| {
            let levels = self.exchange.depth(instrument, side, usize::MAX);
            array(levels.into_iter().map(|(at, size)| {
                array([quoted(&price(config, at)), quoted(&quantity(config, size))])
            }))
        };
        Object::new()
            .text("type", "snapshot")
            .text("product_id", &config.symbol)
            .raw("bids", &rows(Side::Buy))
            .raw("asks", &rows(Side::Sell))
            .finish()
    }

    fn update_json(&self, now_ns: u64, instrument: InstrumentId, changes: &Changes) -> String {
        let config = self.exchange.instrument_config(instrument);
        let rows = changes.0.iter().map(|((of, at), size)| {
            let row = [side(*of), &price(config, *at), &quantity(config, *size)].map(quoted);
            array(row)
        });
        Object::new()
            .text("type", "l2update")
            .text("product_id", &config.symbol)
            .raw("changes", &array(rows))
            .text("time", &time::format(now_ns))
            .finish()
    }

    pub(super) fn flush_books(&mut self, now_ns: u64, out: &mut Vec<FrontAction>) {
        for at in 0..self.fresh.len() {
            let mut changes = std::mem::take(&mut self.fresh[at]);
            if changes.0.is_empty() {
                continue;
            }
            let instrument = InstrumentId(at as u16);
            if std::mem::take(&mut self.faults.corrupt_book)
                && let Some(ask) = self.exchange.best(instrument, Side::Sell)
            {
                let tick = self.exchange.instrument_config(instrument).tick;
                changes.0.insert((Side::Buy, ask + tick * CROSSED_TICKS), 1);
            }
            let text = self.update_json(now_ns, instrument, &changes);
            self.tell(Channel::Level2, instrument, &text, out);
        }
    }

    pub(super) fn flush_batches(&mut self, now_ns: u64, out: &mut Vec<FrontAction>) {
        for at in 0..self.batched.len() {
            let changes = std::mem::take(&mut self.batched[at]);
            if !changes.0.is_empty() {
                let instrument = InstrumentId(at as u16);
                let text = self.update_json(now_ns, instrument, &changes);
                self.tell(Channel::Level2Batch, instrument, &text, out);
            }
        }
    }

    fn tell(
        &self,
        channel: Channel,
        instrument: InstrumentId,
        text: &str,
        out: &mut Vec<FrontAction>,
    ) {
        let conns = self.feeds.iter().filter(|(_, feed)| feed.has(channel, instrument));
        out.extend(conns.map(|(conn, _)| FrontAction::Text(*conn, text.to_owned())));
    }

    // ----- trades, tickers, heartbeats ------------------------------------------------------

    /// The side is the maker's.
    fn match_json(&self, kind: &str, trade: &PublicTrade) -> String {
        let config = self.exchange.instrument_config(trade.instrument);
        Object::new()
            .text("type", kind)
            .number("trade_id", trade.id)
            // The engine does not tell whose order rested.
            .text("maker_order_id", ids::NO_ORDER)
            .text("taker_order_id", &ids::order(trade.taker_order))
            .text("side", side(trade.taker_side.opposite()))
            .text("size", &quantity(config, trade.quantity))
            .text("price", &price(config, trade.price))
            .text("product_id", &config.symbol)
            .number("sequence", self.exchange.update_id(trade.instrument))
            .text("time", &time::format(trade.time_ns))
            .finish()
    }

    pub(super) fn tell_match(&self, trade: &PublicTrade, out: &mut Vec<FrontAction>) {
        let text = self.match_json("match", trade);
        self.tell(Channel::Matches, trade.instrument, &text, out);
    }

    /// Price and quantity of the best level of a side; zero for an empty side.
    fn best(&self, instrument: InstrumentId, side: Side) -> (String, String) {
        let config = self.exchange.instrument_config(instrument);
        let at = self.exchange.best(instrument, side).unwrap_or(0);
        let size = self.exchange.quantity_at(instrument, side, at);
        (price(config, at), quantity(config, size))
    }

    /// The side is the taker's.
    pub(super) fn tell_ticker(&self, trade: &PublicTrade, out: &mut Vec<FrontAction>) {
        let instrument = trade.instrument;
        let config = self.exchange.instrument_config(instrument);
        let of = |pick: fn(i64, i64) -> i64| {
            let prices = self.exchange.trades(instrument).map(|trade| trade.price);
            price(config, prices.reduce(pick).unwrap_or(trade.price))
        };
        let open = self.exchange.trades(instrument).next().map_or(trade.price, |first| first.price);
        let volume: i64 = self.exchange.trades(instrument).map(|trade| trade.quantity).sum();
        let (bid, ask) = (self.best(instrument, Side::Buy), self.best(instrument, Side::Sell));
        let text = Object::new()
            .text("type", "ticker")
            .number("sequence", self.exchange.update_id(instrument))
            .text("product_id", &config.symbol)
            .text("price", &price(config, trade.price))
            .text("open_24h", &price(config, open))
            .text("volume_24h", &quantity(config, volume))
            .text("low_24h", &of(i64::min))
            .text("high_24h", &of(i64::max))
            .text("volume_30d", &quantity(config, volume))
            .text("best_bid", &bid.0)
            .text("best_bid_size", &bid.1)
            .text("best_ask", &ask.0)
            .text("best_ask_size", &ask.1)
            .text("side", side(trade.taker_side))
            .text("time", &time::format(trade.time_ns))
            .number("trade_id", trade.id)
            .text("last_size", &quantity(config, trade.quantity))
            .finish();
        self.tell(Channel::Ticker, instrument, &text, out);
    }

    pub(super) fn tell_heartbeats(&self, now_ns: u64, out: &mut Vec<FrontAction>) {
        for (instrument, config) in self.exchange.instruments() {
            let last = self.exchange.trades(instrument).next_back().map_or(0, |trade| trade.id);
            let text = Object::new()
                .text("type", "heartbeat")
                .number("last_trade_id", last)
                .text("product_id", &config.symbol)
                .number("sequence", self.exchange.update_id(instrument))
                .text("time", &time::format(now_ns))
                .finish();
            self.tell(Channel::Heartbeat, instrument, &text, out);
        }
    }

    pub(super) fn close_idle_feeds(&mut self, now_ns: u64, out: &mut Vec<FrontAction>) {
        let is_idle = |_: &ConnId, feed: &mut FeedConn| {
            feed.subscribed.is_empty() && now_ns.saturating_sub(feed.opened_ns) >= SUBSCRIBE_NS
        };
        let idle: Vec<ConnId> = self.feeds.extract_if(.., is_idle).map(|(conn, _)| conn).collect();
        out.extend(idle.into_iter().map(FrontAction::Close));
    }

    // ----- own orders -----------------------------------------------------------------------

    /// Tells the owner what happened; `accepted` gathers the orders that may rest now.
    pub(super) fn tell_user(
        &self,
        report: &Report,
        accepted: &mut Vec<(AccountId, u64)>,
        out: &mut Vec<FrontAction>,
    ) {
        let order = &report.order;
        match &report.kind {
            ReportKind::Accepted => {
                accepted.push((order.account, order.id));
                self.tell_owner(order, &self.received(order), out);
            }
            ReportKind::Trade(fill) => {
                let rates = self.exchange.rules();
                let ppm = if fill.maker { rates.maker_fee_ppm } else { rates.taker_fee_ppm };
                let rate = crate::decimal::format(i128::from(ppm), 6, 6);
                let config = self.exchange.instrument_config(order.instrument);
                let (maker, taker) = (ids::NO_ORDER.to_owned(), ids::order(order.id));
                let (maker, taker) = if fill.maker { (taker, maker) } else { (maker, taker) };
                let maker_side = if fill.maker { order.side } else { order.side.opposite() };
                let text = self
                    .of_order(order, "match", report.time_ns)
                    .number("trade_id", fill.trade_id)
                    .text("maker_order_id", &maker)
                    .text("taker_order_id", &taker)
                    .text("size", &quantity(config, fill.quantity))
                    .text("price", &price(config, fill.price))
                    .text("side", side(maker_side))
                    .text(if fill.maker { "maker_fee_rate" } else { "taker_fee_rate" }, &rate);
                self.tell_owner(order, &text.finish(), out);
                if !order.status.is_open() {
                    self.tell_owner(order, &self.done(order, report.time_ns), out);
                }
            }
            ReportKind::Canceled | ReportKind::Expired => {
                self.tell_owner(order, &self.done(order, report.time_ns), out);
            }
            ReportKind::Amended { old_quantity, old_price } => {
                let config = self.exchange.instrument_config(order.instrument);
                let text = self
                    .of_order(order, "change", report.time_ns)
                    .text("reason", "modify_order")
                    .text("order_id", &ids::order(order.id))
                    .text("side", side(order.side))
                    .text("old_size", &quantity(config, *old_quantity))
                    .text("new_size", &quantity(config, order.quantity))
                    .text("old_price", &price(config, *old_price))
                    .text("new_price", &price(config, order.price));
                self.tell_owner(order, &text.finish(), out);
            }
        }
    }

    /// The orders that were accepted and rest.
    pub(super) fn tell_open(
        &self,
        now_ns: u64,
        accepted: &[(AccountId, u64)],
        out: &mut Vec<FrontAction>,
    ) {
        for (account, id) in accepted {
            let order = self.exchange.order(*account, OrderRef::Id(*id));
            let Some(order) = order.filter(|order| order.status.is_open()) else { continue };
            let config = self.exchange.instrument_config(order.instrument);
            let text = self
                .of_order(order, "open", now_ns)
                .text("order_id", &ids::order(order.id))
                .text("price", &price(config, order.price))
                .text("remaining_size", &quantity(config, order.leaves()))
                .text("side", side(order.side));
            self.tell_owner(order, &text.finish(), out);
        }
    }

    fn of_order(&self, order: &Order, kind: &str, time_ns: u64) -> Object {
        Object::new()
            .text("type", kind)
            .text("time", &time::format(time_ns))
            .text("product_id", &self.exchange.instrument_config(order.instrument).symbol)
            .number("sequence", self.exchange.update_id(order.instrument))
            .text("user_id", &format!("{:024x}", order.account.0))
            .text("profile_id", &ids::profile(order.account.0))
    }

    fn received(&self, order: &Order) -> String {
        let config = self.exchange.instrument_config(order.instrument);
        self.of_order(order, "received", order.created_ns)
            .text("order_id", &ids::order(order.id))
            .text("size", &quantity(config, order.quantity))
            .text("price", &price(config, order.price))
            .text("side", side(order.side))
            .text("order_type", if order.price == 0 { "market" } else { "limit" })
            .text("client_oid", &order.client_id)
            .finish()
    }

    fn done(&self, order: &Order, time_ns: u64) -> String {
        let config = self.exchange.instrument_config(order.instrument);
        let is_filled = order.end.is_none();
        let mut json = self
            .of_order(order, "done", time_ns)
            .text("price", &price(config, order.price))
            .text("order_id", &ids::order(order.id))
            .text("reason", if is_filled { "filled" } else { "canceled" })
            .text("side", side(order.side))
            .text("remaining_size", &quantity(config, order.quantity - order.filled));
        if !cancel_reason(order.end).is_empty() {
            json = json.text("cancel_reason", cancel_reason(order.end));
        }
        json.finish()
    }

    fn tell_owner(&self, order: &Order, text: &str, out: &mut Vec<FrontAction>) {
        let conns = self.feeds.iter().filter(|(_, feed)| {
            feed.account == Some(order.account) && feed.has(Channel::User, order.instrument)
        });
        out.extend(conns.map(|(conn, _)| FrontAction::Text(*conn, text.to_owned())));
    }
}
