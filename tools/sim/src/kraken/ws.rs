//! WebSocket v2: requests, their answers, subscriptions.
//!
//! A line belongs here if it reads a request or makes its answer. Source: venue reference (Kraken),
//! sections 3, 4 and 5.

use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::book::DEPTHS;
use super::error::KrakenError;
use super::orders::{WS_FIELDS, check_client_id};
use super::params::{Params, REQUEST_BYTES_MAX, quoted};
use super::rate::{Act, fixed_points};
use super::{BalancesSub, ExecutionsSub, Kraken, ids};
use crate::faults::CutPoint;
use crate::front::{ConnId, FrontAction};
use crate::order::{AccountId, InstrumentId, OrderRef};
use crate::time;

/// Most symbols of one subscription request.
const SYMBOLS_MAX: usize = 100;

/// Longest dead-man timeout in seconds.
const DEAD_MAN_SECONDS_MAX: i64 = 86_400;

const ADD_PARAMS: &[&str] = &[
    "order_type",
    "side",
    "symbol",
    "order_qty",
    "limit_price",
    "limit_price_type",
    "time_in_force",
    "expire_time",
    "post_only",
    "cl_ord_id",
    "order_userref",
    "cash_order_qty",
    "stp_type",
    "fee_preference",
    "deadline",
    "validate",
    "token",
    "no_mpp",
    "margin",
    "reduce_only",
    "sender_sub_id",
];

const BATCH_ORDER_PARAMS: &[&str] = &[
    "order_type",
    "side",
    "order_qty",
    "limit_price",
    "limit_price_type",
    "time_in_force",
    "expire_time",
    "post_only",
    "cl_ord_id",
    "order_userref",
    "cash_order_qty",
    "stp_type",
    "fee_preference",
    "no_mpp",
    "margin",
    "reduce_only",
    "sender_sub_id",
];

/// The outer members of a request.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Frame<'a> {
    method: String,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    req_id: Option<&'a RawValue>,
}

/// The parts of an answer that come from its request.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    conn: ConnId,
    method: String,
    /// `req_id` as the client wrote it.
    req_id: Option<String>,
    time_in_ns: u64,
}

/// A `result` object, or extra members at the top level, as in the answer to a ping.
type Outcome = Result<String, KrakenError>;

impl Kraken {
    pub(super) fn ws_text(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        text: &str,
        out: &mut Vec<FrontAction>,
    ) {
        let Some(session) = self.sessions.get_mut(&conn) else { return };
        session.last_received_ns = now_ns;
        let frame: Option<Frame<'_>> =
            (text.len() <= REQUEST_BYTES_MAX).then(|| serde_json::from_str(text).ok()).flatten();
        let mut reply = Reply { conn, method: String::new(), req_id: None, time_in_ns: now_ns };
        let Some(frame) = frame else {
            self.fail(now_ns, &reply, KrakenError::InvalidArguments(""), "", out);
            return;
        };
        reply.method = frame.method;
        if let Some(req_id) = frame.req_id {
            let integer = req_id.get().parse::<i64>().is_ok();
            if !integer {
                let error = KrakenError::InvalidArguments("req_id");
                self.fail(now_ns, &reply, error, "", out);
                return;
            }
            reply.req_id = Some(req_id.get().to_owned());
        }
        let params = match frame.params.map(|params| Params::json(params.get())).transpose() {
            Ok(params) => params.unwrap_or_default(),
            Err(error) => {
                self.fail(now_ns, &reply, error, "", out);
                return;
            }
        };
        self.ws_method(now_ns, &reply, &params, out);
        self.publish(now_ns, out);
    }

    fn ws_method(
        &mut self,
        now_ns: u64,
        reply: &Reply,
        params: &Params,
        out: &mut Vec<FrontAction>,
    ) {
        match reply.method.as_str() {
            "ping" => {
                let id =
                    reply.req_id.as_ref().map_or(String::new(), |id| format!("\"req_id\":{id},"));
                let at = time::format(now_ns);
                let text = format!(
                    "{{\"method\":\"pong\",{id}\"time_in\":\"{at}\",\"time_out\":\"{at}\"}}"
                );
                self.send(now_ns, reply.conn, text, out);
            }
            "subscribe" | "unsubscribe" => self.subscription(now_ns, reply, params, out),
            "add_order" | "batch_add" | "edit_order" => {
                self.order_entry(now_ns, reply, params, out);
            }
            "amend_order"
            | "cancel_order"
            | "cancel_all"
            | "cancel_all_orders_after"
            | "batch_cancel" => match self.authorized(now_ns, reply.conn, params) {
                Err(error) => self.fail(now_ns, reply, error, "", out),
                Ok(account) => self.order_change(now_ns, reply, account, params, out),
            },
            _ => self.fail(now_ns, reply, KrakenError::UnknownMethod, "", out),
        }
    }

    /// Places new orders, and carries out the faults that concern them.
    fn order_entry(
        &mut self,
        now_ns: u64,
        reply: &Reply,
        params: &Params,
        out: &mut Vec<FrontAction>,
    ) {
        let cut = self.faults.cut.take();
        if cut == Some(CutPoint::BeforeProcessing) {
            out.push(FrontAction::Close(reply.conn));
            return;
        }
        let start = out.len();
        let account = self.authorized(now_ns, reply.conn, params);
        let outcome = account.and_then(|account| match reply.method.as_str() {
            "add_order" => self.add_order(now_ns, account, params),
            "batch_add" => self.batch_add(now_ns, account, params),
            _ => self.edit_order(now_ns, account, params),
        });
        self.answer(now_ns, reply, outcome, out);
        self.publish(now_ns, out);
        match cut {
            Some(CutPoint::BeforeAck) => {
                let kept = out.split_off(start);
                out.extend(kept.into_iter().filter(|action| action.conn() != reply.conn));
                out.push(FrontAction::Close(reply.conn));
            }
            Some(CutPoint::AfterAck) => out.push(FrontAction::Close(reply.conn)),
            Some(CutPoint::BeforeProcessing) | None => {}
        }
    }

    /// The account of a request's token. An expired token is valid while a private channel is open.
    fn authorized(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        params: &Params,
    ) -> Result<AccountId, KrakenError> {
        let token = params.text("token")?.ok_or(KrakenError::InvalidSession)?;
        let (account, expired) =
            self.keys.token(now_ns, &token).ok_or(KrakenError::InvalidSession)?;
        let active = self.sessions.get(&conn).is_some_and(|session| {
            let executions = session.executions.as_ref().map(|s| s.account);
            let balances = session.balances.as_ref().map(|s| s.account);
            executions == Some(account) || balances == Some(account)
        });
        if expired && !active { Err(KrakenError::InvalidSession) } else { Ok(account) }
    }

    fn add_order(&mut self, now_ns: u64, account: AccountId, params: &Params) -> Outcome {
        let instrument = self.symbol(&params.need("symbol")?)?;
        self.gate(now_ns)?;
        self.count(now_ns, account, instrument, fixed_points(Act::Add))?;
        self.reject_injected()?;
        params.only(ADD_PARAMS)?;
        let request = self.read_order(now_ns, params, instrument, WS_FIELDS)?;
        let placed = self.place(now_ns, account, &request, WS_FIELDS)?;
        if let Some(id) = placed.filter(|&id| self.is_spent(account, id)) {
            self.spent.push((account, id));
        }
        Ok(order_result(placed, &request.client_id, request.user_ref))
    }

    fn batch_add(&mut self, now_ns: u64, account: AccountId, params: &Params) -> Outcome {
        params.only(&["symbol", "orders", "deadline", "validate", "token"])?;
        let instrument = self.symbol(&params.need("symbol")?)?;
        let orders = params.objects("orders")?;
        if !(2..=15).contains(&orders.len()) {
            return Err(KrakenError::InvalidArguments("orders"));
        }
        self.gate(now_ns)?;
        self.count(now_ns, account, instrument, (orders.len() as u64).div_ceil(2))?;
        self.reject_injected()?;
        super::orders::check_deadline(now_ns, params)?;
        let validate = params.flag("validate", false)?;
        let mut requests = Vec::with_capacity(orders.len());
        for order in &orders {
            order.only(BATCH_ORDER_PARAMS)?;
            let mut request = self.read_order(now_ns, order, instrument, WS_FIELDS)?;
            request.validate = validate;
            requests.push(request);
        }
        let mut results = Vec::with_capacity(requests.len());
        for request in &requests {
            // A refusal of the engine (funds) concerns this order only.
            results.push(match self.place(now_ns, account, request, WS_FIELDS) {
                Ok(placed) => order_result(placed, &request.client_id, request.user_ref),
                Err(error) => format!("{{\"error\":{}}}", quoted(&error.to_string())),
            });
        }
        Ok(format!("[{}]", results.join(",")))
    }

    fn edit_order(&mut self, now_ns: u64, account: AccountId, params: &Params) -> Outcome {
        let instrument = self.symbol(&params.need("symbol")?)?;
        let old_text = params.need("order_id")?;
        let old = self.find_open(account, Self::by_text(Some(&old_text), None)?)?;
        self.gate(now_ns)?;
        self.count(now_ns, account, instrument, fixed_points(Act::Edit))?;
        if old.instrument != instrument {
            return Err(KrakenError::UnknownOrder);
        }
        let config = self.exchange.instrument_config(instrument);
        let (pd, qd) = (config.price_decimals, config.quantity_decimals);
        let price = match params.number("limit_price")? {
            Some(text) => text.to_owned(),
            None => super::number::float(i128::from(old.price), pd),
        };
        let quantity = match params.number("order_qty")? {
            Some(text) => text.to_owned(),
            None => super::number::float(i128::from(old.quantity), qd),
        };
        let order = format!(
            "{{\"order_type\":\"limit\",\"side\":\"{}\",\"limit_price\":{price},\
             \"order_qty\":{quantity},\"post_only\":{}}}",
            super::private::side_text(old.side),
            params.flag("post_only", old.post_only)?
        );
        let request = self.read_order(now_ns, &Params::json(&order)?, instrument, WS_FIELDS)?;
        self.cancel(now_ns, account, old.id)?;
        let placed = self.place(now_ns, account, &request, WS_FIELDS)?.unwrap_or(0);
        Ok(format!(
            "{{\"order_id\":\"{}\",\"original_order_id\":\"{}\"}}",
            ids::order(placed),
            ids::order(old.id)
        ))
    }

    fn order_change(
        &mut self,
        now_ns: u64,
        reply: &Reply,
        account: AccountId,
        params: &Params,
        out: &mut Vec<FrontAction>,
    ) {
        if let Err(error) = self.gate(now_ns) {
            self.fail(now_ns, reply, error, "", out);
            return;
        }
        match reply.method.as_str() {
            "amend_order" => {
                let outcome = self.amend_order(now_ns, account, params);
                self.answer(now_ns, reply, outcome, out);
            }
            "cancel_order" => self.cancel_orders(now_ns, reply, account, params, out),
            "cancel_all" => {
                let count = self.exchange.cancel_all(now_ns, account, None, None).len();
                self.answer(now_ns, reply, Ok(format!("{{\"count\":{count}}}")), out);
            }
            "batch_cancel" => self.batch_cancel(now_ns, reply, account, params, out),
            _ => {
                let outcome = self.dead_man_switch(now_ns, account, params);
                self.answer(now_ns, reply, outcome, out);
            }
        }
    }

    fn amend_order(&mut self, now_ns: u64, account: AccountId, params: &Params) -> Outcome {
        params.only(&[
            "order_id",
            "cl_ord_id",
            "order_qty",
            "limit_price",
            "limit_price_type",
            "trigger_price",
            "display_qty",
            "post_only",
            "deadline",
            "token",
            "symbol",
        ])?;
        let (id, client) = (params.text("order_id")?, params.text("cl_ord_id")?);
        let order = self.find_open(account, Self::by_text(id.as_deref(), client.as_deref())?)?;
        self.amend(now_ns, account, &order, params)?;
        self.amends += 1;
        let echoed = match client {
            Some(client) => format!("\"cl_ord_id\":{}", quoted(&client)),
            None => format!("\"order_id\":\"{}\"", ids::order(order.id)),
        };
        Ok(format!("{{\"amend_id\":\"{}\",{echoed}}}", ids::amend(self.amends)))
    }

    /// Cancels orders; each gets its own answer.
    fn cancel_orders(
        &mut self,
        now_ns: u64,
        reply: &Reply,
        account: AccountId,
        params: &Params,
        out: &mut Vec<FrontAction>,
    ) {
        let lists = params
            .only(&["order_id", "cl_ord_id", "order_userref", "token"])
            .and_then(|()| Ok((params.texts("order_id")?, params.texts("cl_ord_id")?)));
        let (ids, clients) = match lists {
            Ok((ids, clients)) if !(ids.is_empty() && clients.is_empty()) => (ids, clients),
            Ok(_) => {
                self.fail(now_ns, reply, KrakenError::InvalidArguments("order_id"), "", out);
                return;
            }
            Err(error) => {
                self.fail(now_ns, reply, error, "", out);
                return;
            }
        };
        for text in &ids {
            let outcome = ids::parse_order(text)
                .ok_or(KrakenError::UnknownOrder)
                .and_then(|id| self.cancel(now_ns, account, id))
                .map(|order| format!("{{\"order_id\":\"{}\"}}", ids::order(order.id)));
            self.answer(now_ns, reply, outcome, out);
        }
        for client in &clients {
            let outcome = self
                .find_open(account, OrderRef::Client(client))
                .and_then(|order| self.cancel(now_ns, account, order.id))
                .map(|_| format!("{{\"cl_ord_id\":{}}}", quoted(client)));
            self.answer(now_ns, reply, outcome, out);
        }
    }

    fn batch_cancel(
        &mut self,
        now_ns: u64,
        reply: &Reply,
        account: AccountId,
        params: &Params,
        out: &mut Vec<FrontAction>,
    ) {
        let lists = params
            .only(&["orders", "cl_ord_id", "token"])
            .and_then(|()| Ok((params.texts("orders")?, params.texts("cl_ord_id")?)));
        let (ids, clients) = match lists {
            Ok((ids, clients)) if (2..=50).contains(&(ids.len() + clients.len())) => (ids, clients),
            Ok(_) => {
                self.fail(now_ns, reply, KrakenError::InvalidArguments("orders"), "", out);
                return;
            }
            Err(error) => {
                self.fail(now_ns, reply, error, "", out);
                return;
            }
        };
        let mut count = 0;
        for text in &ids {
            let id = ids::parse_order(text)
                .or_else(|| self.find_open(account, OrderRef::Client(text)).ok().map(|o| o.id));
            count += u32::from(id.is_some_and(|id| self.cancel(now_ns, account, id).is_ok()));
        }
        for client in &clients {
            let found = self.find_open(account, OrderRef::Client(client)).ok();
            let id = found.map(|order| order.id);
            count += u32::from(id.is_some_and(|id| self.cancel(now_ns, account, id).is_ok()));
        }
        let extra = format!("\"orders_cancelled\":{count},");
        let text = Self::success(now_ns, reply, &format!("{{\"count\":{count}}}"), &extra);
        self.send(now_ns, reply.conn, text, out);
    }

    fn dead_man_switch(&mut self, now_ns: u64, account: AccountId, params: &Params) -> Outcome {
        params.only(&["timeout", "token"])?;
        let seconds = params.integer("timeout")?.filter(|s| (0..DEAD_MAN_SECONDS_MAX).contains(s));
        let seconds = seconds.ok_or(KrakenError::InvalidArguments("timeout"))?;
        let due_ns = now_ns + seconds as u64 * 1_000_000_000;
        let trigger = if seconds == 0 {
            self.dead_man.remove(&account);
            "0".to_owned()
        } else {
            self.dead_man.insert(account, due_ns);
            time::format(due_ns)
        };
        Ok(format!(
            "{{\"currentTime\":\"{}\",\"triggerTime\":\"{trigger}\"}}",
            time::format(now_ns)
        ))
    }

    fn subscription(
        &mut self,
        now_ns: u64,
        reply: &Reply,
        params: &Params,
        out: &mut Vec<FrontAction>,
    ) {
        let on = reply.method == "subscribe";
        let channel = match params.need("channel") {
            Ok(channel) => channel,
            Err(error) => return self.fail(now_ns, reply, error, "", out),
        };
        let refused = match channel.as_str() {
            "book" | "trade" | "ticker" => {
                self.market_channels(now_ns, reply, &channel, params, out)
            }
            "instrument" => self.instrument_channel(now_ns, reply, on, params, out),
            "executions" => self.executions_channel(now_ns, reply, on, params, out),
            "balances" => self.balances_channel(now_ns, reply, on, params, out),
            _ => Err(KrakenError::InvalidArguments("channel")),
        };
        if let Err(error) = refused {
            self.fail(now_ns, reply, error, "", out);
        }
    }

    /// Subscribes or unsubscribes; each symbol gets its own answer.
    fn market_channels(
        &mut self,
        now_ns: u64,
        reply: &Reply,
        channel: &str,
        params: &Params,
        out: &mut Vec<FrontAction>,
    ) -> Result<(), KrakenError> {
        params.only(&["channel", "symbol", "depth", "snapshot", "event_trigger"])?;
        let symbols = params.texts("symbol")?;
        if symbols.is_empty() || symbols.len() > SYMBOLS_MAX {
            return Err(KrakenError::InvalidArguments("symbol"));
        }
        let depth = params.integer("depth")?.unwrap_or(DEPTHS[0] as i64);
        let depth = usize::try_from(depth).ok().filter(|depth| DEPTHS.contains(depth));
        let depth = depth.ok_or(KrakenError::InvalidArguments("depth"))?;
        let snapshot = params.flag("snapshot", channel != "trade")?;
        let trigger = params.text("event_trigger")?.unwrap_or_else(|| "trades".to_owned());
        if !matches!(trigger.as_str(), "trades" | "bbo") {
            return Err(KrakenError::InvalidArguments("event_trigger"));
        }
        for symbol in symbols {
            let Some(instrument) = self.exchange.instrument(&symbol) else {
                let extra = format!("\"symbol\":{},", quoted(&symbol));
                self.fail(now_ns, reply, KrakenError::UnsupportedPair, &extra, out);
                continue;
            };
            let detail = match channel {
                "book" => format!("\"depth\":{depth},\"snapshot\":{snapshot},"),
                "ticker" => format!("\"event_trigger\":\"{trigger}\",\"snapshot\":{snapshot},"),
                _ => format!("\"snapshot\":{snapshot},"),
            };
            let changed = self.change_market_sub(
                reply.conn,
                reply.method == "subscribe",
                channel,
                instrument,
                depth,
                trigger == "bbo",
            );
            if let Err(error) = changed {
                let extra = format!("\"symbol\":{},", quoted(&symbol));
                self.fail(now_ns, reply, error, &extra, out);
                continue;
            }
            let result = format!("{{\"channel\":\"{channel}\",{detail}\"symbol\":\"{symbol}\"}}");
            self.answer(now_ns, reply, Ok(result), out);
            if reply.method == "subscribe" && snapshot {
                self.market_snapshot(now_ns, reply.conn, channel, instrument, depth, out);
            }
        }
        Ok(())
    }

    fn change_market_sub(
        &mut self,
        conn: ConnId,
        on: bool,
        channel: &str,
        instrument: InstrumentId,
        depth: usize,
        bbo: bool,
    ) -> Result<(), KrakenError> {
        let session = self.sessions.get_mut(&conn).ok_or(KrakenError::NotSubscribed)?;
        let changed = match (channel, on) {
            ("book", true) => session.books.insert((instrument, depth)),
            ("book", false) => session.books.remove(&(instrument, depth)),
            ("trade", true) => session.trades.insert(instrument),
            ("trade", false) => session.trades.remove(&instrument),
            (_, true) => session.tickers.insert(instrument, bbo).is_none(),
            (_, false) => session.tickers.remove(&instrument).is_some(),
        };
        match (changed, on) {
            (false, true) => return Err(KrakenError::AlreadySubscribed),
            (false, false) => return Err(KrakenError::NotSubscribed),
            (true, _) => {}
        }
        if channel == "book" {
            self.count_book_readers(instrument, depth, on);
        }
        Ok(())
    }

    fn instrument_channel(
        &mut self,
        now_ns: u64,
        reply: &Reply,
        on: bool,
        params: &Params,
        out: &mut Vec<FrontAction>,
    ) -> Result<(), KrakenError> {
        params.only(&["channel", "snapshot", "include_tokenized_assets"])?;
        let snapshot = params.flag("snapshot", true)?;
        if let Some(session) = self.sessions.get_mut(&reply.conn) {
            session.instruments = on;
        }
        let result = format!("{{\"channel\":\"instrument\",\"snapshot\":{snapshot}}}");
        self.answer(now_ns, reply, Ok(result), out);
        if on && snapshot {
            let text = self.instruments_json("snapshot");
            self.send(now_ns, reply.conn, text, out);
        }
        Ok(())
    }

    fn executions_channel(
        &mut self,
        now_ns: u64,
        reply: &Reply,
        on: bool,
        params: &Params,
        out: &mut Vec<FrontAction>,
    ) -> Result<(), KrakenError> {
        params.only(&[
            "channel",
            "token",
            "snap_orders",
            "snap_trades",
            "order_status",
            "ratecounter",
            "snapshot",
            "users",
        ])?;
        let account = self.authorized(now_ns, reply.conn, params)?;
        let orders = params.flag("snap_orders", params.flag("snapshot", true)?)?;
        let trades = params.flag("snap_trades", false)?;
        let rate_counter = params.flag("ratecounter", false)?;
        let tier = self.keys.tier(account);
        let session = self.sessions.get_mut(&reply.conn).ok_or(KrakenError::NotSubscribed)?;
        if !on {
            session.executions.take().ok_or(KrakenError::NotSubscribed)?;
            self.answer(now_ns, reply, Ok("{\"channel\":\"executions\"}".to_owned()), out);
            return Ok(());
        }
        if session.executions.is_some() {
            return Err(KrakenError::AlreadySubscribed);
        }
        session.executions = Some(ExecutionsSub { account, sequence: 0, rate_counter });
        let result = format!(
            "{{\"channel\":\"executions\",\"maxratecount\":{},\"snap_orders\":{orders},\
             \"snap_trades\":{trades}}}",
            tier.threshold()
        );
        self.answer(now_ns, reply, Ok(result), out);
        self.executions_snapshot(now_ns, reply.conn, orders, trades, out);
        Ok(())
    }

    fn balances_channel(
        &mut self,
        now_ns: u64,
        reply: &Reply,
        on: bool,
        params: &Params,
        out: &mut Vec<FrontAction>,
    ) -> Result<(), KrakenError> {
        params.only(&["channel", "token", "snapshot", "users"])?;
        let account = self.authorized(now_ns, reply.conn, params)?;
        let session = self.sessions.get_mut(&reply.conn).ok_or(KrakenError::NotSubscribed)?;
        if on {
            if session.balances.is_some() {
                return Err(KrakenError::AlreadySubscribed);
            }
            session.balances = Some(BalancesSub { account, sequence: 0 });
        } else {
            session.balances.take().ok_or(KrakenError::NotSubscribed)?;
        }
        self.answer(now_ns, reply, Ok("{\"channel\":\"balances\"}".to_owned()), out);
        if on {
            self.balances_snapshot(now_ns, reply.conn, out);
        }
        Ok(())
    }

    fn symbol(&self, symbol: &str) -> Result<InstrumentId, KrakenError> {
        self.exchange.instrument(symbol).ok_or(KrakenError::UnknownPair)
    }

    fn answer(&mut self, now_ns: u64, reply: &Reply, outcome: Outcome, out: &mut Vec<FrontAction>) {
        match outcome {
            Ok(result) => {
                let text = Self::success(now_ns, reply, &result, "");
                self.send(now_ns, reply.conn, text, out);
            }
            Err(error) => self.fail(now_ns, reply, error, "", out),
        }
    }

    fn success(now_ns: u64, reply: &Reply, result: &str, extra: &str) -> String {
        let mut text = format!("{{\"method\":{},", quoted(&reply.method));
        if let Some(req_id) = &reply.req_id {
            let _ = write!(text, "\"req_id\":{req_id},");
        }
        let _ = write!(
            text,
            "\"result\":{result},\"success\":true,{extra}\"time_in\":\"{}\",\"time_out\":\"{}\"}}",
            time::format(reply.time_in_ns),
            time::format(now_ns)
        );
        text
    }

    fn fail(
        &mut self,
        now_ns: u64,
        reply: &Reply,
        error: KrakenError,
        extra: &str,
        out: &mut Vec<FrontAction>,
    ) {
        let word = self.faults.rejected.take().unwrap_or_else(|| error.to_string());
        let mut text =
            format!("{{\"error\":{},\"method\":{},", quoted(&word), quoted(&reply.method));
        if let Some(req_id) = &reply.req_id {
            let _ = write!(text, "\"req_id\":{req_id},");
        }
        let _ = write!(
            text,
            "\"success\":false,{extra}\"time_in\":\"{}\",\"time_out\":\"{}\"}}",
            time::format(reply.time_in_ns),
            time::format(now_ns)
        );
        self.send(now_ns, reply.conn, text, out);
    }
}

fn order_result(placed: Option<u64>, client_id: &str, user_ref: i32) -> String {
    let mut parts = Vec::with_capacity(3);
    if let Some(id) = placed {
        parts.push(format!("\"order_id\":\"{}\"", ids::order(id)));
    }
    if check_client_id(client_id).is_ok() {
        parts.push(format!("\"cl_ord_id\":{}", quoted(client_id)));
    } else if user_ref != 0 {
        parts.push(format!("\"order_userref\":{user_ref}"));
    }
    format!("{{{}}}", parts.join(","))
}
