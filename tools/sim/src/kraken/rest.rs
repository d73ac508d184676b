//! REST: public and private calls. Every answer has status 200 and an `error` list.
//!
//! A line belongs here if it answers an HTTP request. Source: venue reference (Kraken), sections
//! 2.1 and 6; cross-check, section 3.

use std::fmt::Write as _;

use super::auth::{SignedCall, TOKEN_SECONDS};
use super::error::KrakenError;
use super::orders::{REST_FIELDS, tif_text, user_ref};
use super::params::{Params, REQUEST_BYTES_MAX, quoted};
use super::private::{kind_text, side_text};
use super::rate::{Act, fixed_points};
use super::{Kraken, ids, number};
use crate::faults::CutPoint;
use crate::front::{ConnId, FrontAction, HttpReply, HttpRequest};
use crate::order::{
    AMOUNT_DECIMALS, AccountId, AssetId, EndReason, Fill, InstrumentId, Order, OrderRef,
    OrderStatus, Side,
};
use crate::time;

/// Most levels of `Depth`.
const DEPTH_MAX: usize = 500;

/// Most trades, closed orders or fills in one answer.
const ROWS_MAX: usize = 1000;
const PAGE: usize = 50;

type Outcome = Result<String, KrakenError>;

impl Kraken {
    pub(super) fn http(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        request: &HttpRequest,
        out: &mut Vec<FrontAction>,
    ) {
        let start = out.len();
        let adds = request.path == "/0/private/AddOrder";
        let cut = if adds { self.faults.cut.take() } else { None };
        if cut == Some(CutPoint::BeforeProcessing) {
            out.push(FrontAction::Close(conn));
            return;
        }
        let outcome = self.call(now_ns, request);
        let body = match outcome {
            Ok(result) => format!("{{\"error\":[],\"result\":{result}}}"),
            Err(error) => {
                let word = self.faults.rejected.take().unwrap_or_else(|| error.to_string());
                format!("{{\"error\":[{}]}}", quoted(&word))
            }
        };
        out.push(FrontAction::Http(conn, HttpReply { status: 200, headers: Vec::new(), body }));
        self.publish(now_ns, out);
        match cut {
            Some(CutPoint::BeforeAck) => {
                let kept = out.split_off(start);
                out.extend(kept.into_iter().filter(|action| action.conn() != conn));
                out.push(FrontAction::Close(conn));
            }
            Some(CutPoint::AfterAck) => out.push(FrontAction::Close(conn)),
            Some(CutPoint::BeforeProcessing) | None => {}
        }
    }

    fn call(&mut self, now_ns: u64, request: &HttpRequest) -> Outcome {
        if request.body.len() > REQUEST_BYTES_MAX || request.query.len() > REQUEST_BYTES_MAX {
            return Err(KrakenError::InvalidArguments(""));
        }
        if self.faults.rate_limited_until_ns.is_some() {
            return Err(KrakenError::ApiRateLimit);
        }
        if let Some(method) = request.path.strip_prefix("/0/public/") {
            let mut params = Params::form(&request.query)?;
            if request.method == "POST" && !request.body.is_empty() {
                params = Params::form(&request.body)?;
            }
            return self.public(now_ns, method, &params);
        }
        let Some(method) = request.path.strip_prefix("/0/private/") else {
            return Err(KrakenError::UnknownMethod);
        };
        if request.method != "POST" {
            return Err(KrakenError::UnknownMethod);
        }
        let json = request.header("content-type").is_some_and(|kind| kind.contains("json"));
        let params =
            if json { Params::json_body(&request.body)? } else { Params::form(&request.body)? };
        let nonce = params.raw("nonce").map(str::to_owned);
        let call = SignedCall {
            key: request.header("api-key"),
            signature: request.header("api-sign"),
            nonce: nonce.as_deref(),
            path: &request.path,
            body: &request.body,
        };
        let points = match method {
            "AddOrder" | "CancelOrder" | "AmendOrder" => 0,
            "TradesHistory" | "ClosedOrders" => 2,
            _ => 1,
        };
        let account = self.keys.check(now_ns, &call, points)?;
        self.private(now_ns, account, method, &params)
    }

    fn public(&mut self, now_ns: u64, method: &str, params: &Params) -> Outcome {
        match method {
            "Time" => Ok(format!(
                "{{\"unixtime\":{},\"rfc1123\":{}}}",
                now_ns / 1_000_000_000,
                quoted(&time::format(now_ns))
            )),
            "SystemStatus" => Ok(format!(
                "{{\"status\":\"{}\",\"timestamp\":\"{}\"}}",
                self.system(),
                time::format(now_ns)
            )),
            "Assets" => Ok(self.assets_json()),
            "AssetPairs" => self.pairs_json(params),
            "Depth" => self.depth_json(now_ns, params),
            "Trades" => self.trades_json(params),
            "Ticker" => self.rest_ticker(params),
            _ => Err(KrakenError::UnknownMethod),
        }
    }

    fn private(
        &mut self,
        now_ns: u64,
        account: AccountId,
        method: &str,
        params: &Params,
    ) -> Outcome {
        match method {
            "GetWebSocketsToken" => {
                let token = self.keys.give_token(now_ns, account);
                Ok(format!("{{\"token\":\"{token}\",\"expires\":{TOKEN_SECONDS}}}"))
            }
            "Balance" => Ok(self.balance_json(account, false)),
            "BalanceEx" => Ok(self.balance_json(account, true)),
            "AddOrder" => self.rest_add(now_ns, account, params),
            "AmendOrder" => self.rest_amend(now_ns, account, params),
            "CancelOrder" => self.rest_cancel(now_ns, account, params),
            "CancelAll" => {
                let count = self.exchange.cancel_all(now_ns, account, None, None).len();
                Ok(format!("{{\"count\":{count}}}"))
            }
            "OpenOrders" => {
                let orders = self.exchange.open_orders(account, None);
                Ok(format!("{{\"open\":{{{}}}}}", self.orders_json(orders)))
            }
            "ClosedOrders" => self.closed_json(account, params),
            "QueryOrders" => self.query_orders(account, params),
            "TradesHistory" => self.history_json(account, params),
            _ => Err(KrakenError::UnknownMethod),
        }
    }

    fn rest_add(&mut self, now_ns: u64, account: AccountId, params: &Params) -> Outcome {
        let pair = params.need("pair")?;
        let instrument = self.pair(&pair).ok_or(KrakenError::UnknownPair)?;
        self.gate(now_ns)?;
        self.count(now_ns, account, instrument, fixed_points(Act::Add))?;
        self.reject_injected()?;
        params.only(&[
            "nonce",
            "otp",
            "pair",
            "type",
            "ordertype",
            "volume",
            "price",
            "timeinforce",
            "oflags",
            "cl_ord_id",
            "userref",
            "deadline",
            "validate",
            "stptype",
            "expiretm",
        ])?;
        let request = self.read_order(now_ns, params, instrument, REST_FIELDS)?;
        let placed = self.place(now_ns, account, &request, REST_FIELDS)?;
        let text = format!(
            "{} {} {} @ {}",
            side_text(request.side),
            params.raw("volume").unwrap_or("0"),
            self.pairs.get(usize::from(instrument.0)).map_or("", |pair| pair.altname.as_str()),
            match params.raw("price") {
                Some(price) => format!("limit {price}"),
                None => "market".to_owned(),
            }
        );
        let txid = placed.map_or(String::new(), |id| format!(",\"txid\":[\"{}\"]", ids::order(id)));
        Ok(format!("{{\"descr\":{{\"order\":{}}}{txid}}}", quoted(&text)))
    }

    fn rest_amend(&mut self, now_ns: u64, account: AccountId, params: &Params) -> Outcome {
        params.only(&[
            "nonce",
            "otp",
            "txid",
            "cl_ord_id",
            "order_qty",
            "limit_price",
            "trigger_price",
            "display_qty",
            "post_only",
            "deadline",
            "pair",
        ])?;
        self.gate(now_ns)?;
        let (id, client) = (params.text("txid")?, params.text("cl_ord_id")?);
        let order = self.find_open(account, Self::by_text(id.as_deref(), client.as_deref())?)?;
        self.amend(now_ns, account, &order, params)?;
        self.amends += 1;
        Ok(format!("{{\"amend_id\":\"{}\"}}", ids::amend(self.amends)))
    }

    fn rest_cancel(&mut self, now_ns: u64, account: AccountId, params: &Params) -> Outcome {
        params.only(&["nonce", "otp", "txid", "cl_ord_id"])?;
        self.gate(now_ns)?;
        let (id, client) = (params.text("txid")?, params.text("cl_ord_id")?);
        let order = self.find_open(account, Self::by_text(id.as_deref(), client.as_deref())?)?;
        self.cancel(now_ns, account, order.id)?;
        Ok("{\"count\":1}".to_owned())
    }

    /// Orders by `txid` (a list), or filtered by `cl_ord_id`.
    fn query_orders(&self, account: AccountId, params: &Params) -> Outcome {
        params.only(&[
            "nonce",
            "otp",
            "txid",
            "cl_ord_id",
            "userref",
            "trades",
            "consolidate_taker",
        ])?;
        let mut found: Vec<&Order> = Vec::new();
        for text in params.texts("txid")? {
            let id = ids::parse_order(&text).ok_or(KrakenError::InvalidArguments("txid"))?;
            found.extend(self.exchange.order(account, OrderRef::Id(id)));
        }
        if let Some(client) = params.text("cl_ord_id")? {
            found.extend(self.exchange.order(account, OrderRef::Client(&client)));
        } else if !params.has("txid") {
            return Err(KrakenError::InvalidArguments("txid"));
        }
        if found.is_empty() && params.has("txid") {
            return Err(KrakenError::UnknownOrder);
        }
        Ok(format!("{{{}}}", self.orders_json(found.into_iter())))
    }

    fn orders_json<'a>(&self, orders: impl Iterator<Item = &'a Order>) -> String {
        let rows: Vec<String> = orders
            .take(ROWS_MAX)
            .map(|order| format!("\"{}\":{}", ids::order(order.id), self.order_json(order)))
            .collect();
        rows.join(",")
    }

    fn order_json(&self, order: &Order) -> String {
        let config = self.exchange.instrument_config(order.instrument);
        let (pd, qd) = (config.price_decimals, config.quantity_decimals);
        let pair = self.pairs.get(usize::from(order.instrument.0));
        let altname = pair.map_or("", |pair| pair.altname.as_str());
        let status = match (order.status, order.end) {
            (OrderStatus::New | OrderStatus::PartiallyFilled, _) => "open",
            (OrderStatus::Filled, _) => "closed",
            (OrderStatus::Expired, Some(EndReason::Time)) => "expired",
            (OrderStatus::Canceled | OrderStatus::Expired | OrderStatus::ExpiredInMatch, _) => {
                "canceled"
            }
        };
        let price = padded(order.price, pd);
        let volume = padded(order.quantity, qd);
        let kind = kind_text(order.kind);
        let side = side_text(order.side);
        let mut text = format!("{{\"refid\":null,\"userref\":{},", user_ref(order));
        if !order.client_id.is_empty() {
            let _ = write!(text, "\"cl_ord_id\":{},", quoted(&order.client_id));
        }
        let _ = write!(
            text,
            "\"status\":\"{status}\",\"opentm\":{},\"starttm\":0,\"expiretm\":0,\"descr\":{{\
             \"pair\":\"{altname}\",\"type\":\"{side}\",\"ordertype\":\"{kind}\",\
             \"price\":\"{price}\",\"price2\":\"0\",\"leverage\":\"none\",\
             \"order\":\"{side} {volume} {altname} @ {kind} {price}\",\"close\":\"\"}},\
             \"vol\":\"{volume}\",\"vol_exec\":\"{}\",\"cost\":\"{}\",\"fee\":\"{}\",\
             \"price\":\"{}\",\"stopprice\":\"0.00000\",\"limitprice\":\"0.00000\",\"misc\":\"\",\
             \"oflags\":\"{}\",\"timeinforce\":\"{}\"",
            seconds(order.created_ns),
            padded(order.filled, qd),
            number::plain(order.filled_quote, AMOUNT_DECIMALS),
            number::plain(order.fees, AMOUNT_DECIMALS),
            self.average(order),
            if order.post_only { "fciq,post" } else { "fciq" },
            tif_text(order),
        );
        if !order.status.is_open() {
            let _ = write!(text, ",\"closetm\":{},\"reason\":null", seconds(order.updated_ns));
        }
        text.push('}');
        text
    }

    /// A page of the closed orders, newest first; `cl_ord_id` selects the orders of that id.
    fn closed_json(&self, account: AccountId, params: &Params) -> Outcome {
        let client = params.text("cl_ord_id")?;
        let offset = page_offset(params)?;
        let mut all: Vec<&Order> = self
            .exchange
            .closed_orders(account)
            .filter(|order| client.as_deref().is_none_or(|id| *order.client_id == *id))
            .collect();
        all.reverse();
        let count = all.len();
        let page = all.into_iter().skip(offset).take(PAGE);
        Ok(format!("{{\"closed\":{{{}}},\"count\":{count}}}", self.orders_json(page)))
    }

    /// A page of the trades after `start` (Unix seconds, exclusive), newest first.
    fn history_json(&self, account: AccountId, params: &Params) -> Outcome {
        let start_ns = match params.text("start")? {
            Some(text) => text
                .parse::<u64>()
                .ok()
                .and_then(|seconds| seconds.checked_mul(1_000_000_000))
                .ok_or(KrakenError::InvalidArguments("start"))?,
            None => 0,
        };
        let offset = page_offset(params)?;
        let mut count = 0;
        let mut rows = Vec::new();
        for fill in self.exchange.fills(account).rev().filter(|fill| fill.time_ns > start_ns) {
            count += 1;
            if count > offset && rows.len() < PAGE {
                rows.push(format!(
                    "\"{}\":{}",
                    ids::trade(fill.exec_id),
                    self.fill_json(account, fill)
                ));
            }
        }
        Ok(format!("{{\"trades\":{{{}}},\"count\":{count}}}", rows.join(",")))
    }

    fn fill_json(&self, account: AccountId, fill: &Fill) -> String {
        let config = self.exchange.instrument_config(fill.instrument);
        let pair = self.pairs.get(usize::from(fill.instrument.0));
        let order = self.exchange.order(account, OrderRef::Id(fill.order_id));
        let client = order
            .filter(|order| !order.client_id.is_empty())
            .map_or(String::new(), |o| format!("\"cl_ord_id\":{},", quoted(&o.client_id)));
        format!(
            "{{\"ordertxid\":\"{}\",{client}\
             \"pair\":\"{}\",\"time\":{},\"type\":\"{}\",\"ordertype\":\"{}\",\"price\":\"{}\",\
             \"cost\":\"{}\",\"fee\":\"{}\",\"vol\":\"{}\",\"margin\":\"0.00000\",\"misc\":\"\",\
             \"trade_id\":{},\"maker\":{}}}",
            ids::order(fill.order_id),
            pair.map_or("", |pair| pair.key.as_str()),
            seconds(fill.time_ns),
            side_text(fill.side),
            order.map_or("limit", |order| kind_text(order.kind)),
            padded(fill.price, config.price_decimals),
            number::plain(fill.quote, AMOUNT_DECIMALS),
            number::plain(fill.fee, AMOUNT_DECIMALS),
            padded(fill.quantity, config.quantity_decimals),
            fill.trade_id,
            fill.maker
        )
    }

    fn balance_json(&self, account: AccountId, extended: bool) -> String {
        let mut rows = Vec::new();
        for asset in &self.assets {
            let Some(id) = self.exchange.asset(&asset.name) else { continue };
            let balance = self.exchange.balance(account, id);
            let text = |amount| crate::decimal::format(amount, AMOUNT_DECIMALS, asset.decimals);
            let total = text(balance.free + balance.locked);
            rows.push(if extended {
                let held = text(balance.locked);
                format!("\"{}\":{{\"balance\":\"{total}\",\"hold_trade\":\"{held}\"}}", asset.key)
            } else {
                format!("\"{}\":\"{total}\"", asset.key)
            });
        }
        format!("{{{}}}", rows.join(","))
    }

    fn assets_json(&self) -> String {
        let rows: Vec<String> = self
            .assets
            .iter()
            .map(|asset| {
                format!(
                    "\"{}\":{{\"aclass\":\"currency\",\"altname\":\"{}\",\"decimals\":{},\
                     \"display_decimals\":{},\"status\":\"enabled\"}}",
                    asset.key, asset.altname, asset.decimals, asset.display_decimals
                )
            })
            .collect();
        format!("{{{}}}", rows.join(","))
    }

    fn pairs_json(&self, params: &Params) -> Outcome {
        let mut wanted = Vec::new();
        if params.has("pair") {
            for name in params.texts("pair")? {
                wanted.push(self.pair(&name).ok_or(KrakenError::UnknownPair)?);
            }
        } else {
            wanted.extend(self.exchange.instruments().map(|(id, _)| id));
        }
        let rules = self.exchange.rules();
        let percent = |ppm: u32| number::plain(i128::from(ppm), 4);
        let mut rows = Vec::new();
        for id in wanted {
            let config = self.exchange.instrument_config(id);
            let Some(names) = self.pairs.get(usize::from(id.0)) else { continue };
            rows.push(format!(
                "\"{}\":{{\"altname\":\"{}\",\"wsname\":\"{}\",\"aclass_base\":\"currency\",\
                 \"base\":\"{}\",\"aclass_quote\":\"currency\",\"quote\":\"{}\",\
                 \"lot\":\"unit\",\"cost_decimals\":5,\"pair_decimals\":{},\"lot_decimals\":{},\
                 \"lot_multiplier\":1,\"leverage_buy\":[],\"leverage_sell\":[],\
                 \"fees\":[[0,{}]],\"fees_maker\":[[0,{}]],\"fee_volume_currency\":\"ZUSD\",\
                 \"margin_call\":80,\"margin_stop\":40,\"ordermin\":\"{}\",\"costmin\":\"{}\",\
                 \"tick_size\":\"{}\",\"status\":\"{}\"}}",
                names.key,
                names.altname,
                names.wsname,
                self.asset_key(&config.base),
                self.asset_key(&config.quote),
                config.price_decimals,
                config.quantity_decimals,
                percent(rules.taker_fee_ppm),
                percent(rules.maker_fee_ppm),
                number::plain(i128::from(config.min_quantity), config.quantity_decimals),
                number::plain(config.min_notional, AMOUNT_DECIMALS),
                number::plain(i128::from(config.tick), config.price_decimals),
                self.status_of(id)
            ));
        }
        Ok(format!("{{{}}}", rows.join(",")))
    }

    fn depth_json(&self, now_ns: u64, params: &Params) -> Outcome {
        let (id, key) = self.one_pair(params)?;
        let count = params.integer("count")?.unwrap_or(100);
        let count = usize::try_from(count).ok().filter(|count| (1..=DEPTH_MAX).contains(count));
        let count = count.ok_or(KrakenError::InvalidArguments("count"))?;
        let config = self.exchange.instrument_config(id);
        let side = |side| {
            let rows: Vec<String> = self
                .exchange
                .depth(id, side, count)
                .into_iter()
                .map(|(price, quantity)| {
                    format!(
                        "[\"{}\",\"{}\",{}]",
                        padded(price, config.price_decimals),
                        padded(quantity, config.quantity_decimals),
                        now_ns / 1_000_000_000
                    )
                })
                .collect();
            rows.join(",")
        };
        let (asks, bids) = (side(Side::Sell), side(Side::Buy));
        Ok(format!("{{\"{key}\":{{\"asks\":[{asks}],\"bids\":[{bids}]}}}}"))
    }

    fn trades_json(&self, params: &Params) -> Outcome {
        let (id, key) = self.one_pair(params)?;
        let config = self.exchange.instrument_config(id);
        let since_ns: Option<u64> = match params.raw("since") {
            None => None,
            Some(text) => Some(text.parse().map_err(|_| KrakenError::InvalidArguments("since"))?),
        };
        // With a time the trades after it, from the oldest on; without one the newest.
        let all = self.exchange.trades(id);
        let skipped = if since_ns.is_some() { 0 } else { all.len().saturating_sub(ROWS_MAX) };
        let wanted =
            all.skip(skipped).filter(|trade| since_ns.is_none_or(|since| trade.time_ns > since));
        let mut last_ns = since_ns.unwrap_or(0);
        let mut rows = Vec::new();
        for trade in wanted.take(ROWS_MAX) {
            last_ns = trade.time_ns;
            rows.push(format!(
                "[\"{}\",\"{}\",{},\"{}\",\"{}\",\"\",{}]",
                padded(trade.price, config.price_decimals),
                padded(trade.quantity, config.quantity_decimals),
                seconds(trade.time_ns),
                if trade.taker_side == Side::Buy { "b" } else { "s" },
                if trade.taker_market { "m" } else { "l" },
                trade.id
            ));
        }
        Ok(format!("{{\"{key}\":[{}],\"last\":\"{last_ns}\"}}", rows.join(",")))
    }

    fn rest_ticker(&self, params: &Params) -> Outcome {
        let (id, key) = self.one_pair(params)?;
        let config = self.exchange.instrument_config(id);
        let stats = self.stats.get(usize::from(id.0)).copied().unwrap_or_default();
        let top = |side| self.exchange.depth(id, side, 1).first().copied().unwrap_or_default();
        let price = |mantissa| padded(mantissa, config.price_decimals);
        let ((bid, bid_quantity), (ask, ask_quantity)) = (top(Side::Buy), top(Side::Sell));
        let volume = number::plain(stats.volume, config.quantity_decimals);
        let vwap = stats.vwap(config);
        let last_quantity = self.exchange.trades(id).next_back().map_or(0, |trade| trade.quantity);
        Ok(format!(
            "{{\"{key}\":{{\"a\":[\"{}\",\"1\",\"{}\"],\"b\":[\"{}\",\"1\",\"{}\"],\
             \"c\":[\"{}\",\"{}\"],\"v\":[\"{volume}\",\"{volume}\"],\
             \"p\":[\"{vwap}\",\"{vwap}\"],\"t\":[{trades},{trades}],\"l\":[\"{low}\",\"{low}\"],\
             \"h\":[\"{high}\",\"{high}\"],\"o\":\"{}\"}}}}",
            price(ask),
            padded(ask_quantity, config.quantity_decimals),
            price(bid),
            padded(bid_quantity, config.quantity_decimals),
            price(stats.last),
            padded(last_quantity, config.quantity_decimals),
            price(stats.first),
            trades = stats.trades,
            low = price(stats.low),
            high = price(stats.high),
        ))
    }

    fn one_pair(&self, params: &Params) -> Result<(InstrumentId, &str), KrakenError> {
        let name = params.need("pair")?;
        let id = self.pair(&name).ok_or(KrakenError::UnknownPair)?;
        let names = self.pairs.get(usize::from(id.0)).ok_or(KrakenError::UnknownPair)?;
        Ok((id, names.key.as_str()))
    }

    /// The instrument of a pair, by any of its names.
    fn pair(&self, name: &str) -> Option<InstrumentId> {
        let place = self.pairs.iter().position(|pair| {
            [&pair.key, &pair.altname, &pair.wsname, &pair.symbol].iter().any(|n| *n == name)
        })?;
        Some(InstrumentId(place as u16))
    }

    fn asset_key(&self, name: &str) -> &str {
        let asset = self.assets.iter().find(|asset| asset.name == name);
        asset.map_or("", |asset| asset.key.as_str())
    }

    /// Whether the configuration names every asset of the engine.
    pub(super) fn names_every_asset(&self) -> bool {
        (0..self.exchange.assets().len()).all(|index| {
            let name = &self.exchange.assets()[usize::from(AssetId(index as u16).0)];
            self.assets.iter().any(|asset| asset.name == *name)
        })
    }
}

/// A number with all decimals of its mantissa.
fn padded(mantissa: i64, decimals: u32) -> String {
    crate::decimal::format(i128::from(mantissa), decimals, decimals)
}

/// Unix seconds with four decimals.
fn seconds(unix_ns: u64) -> String {
    crate::decimal::format(i128::from(unix_ns), 9, 4)
}

/// `ofs`: number of entries to skip.
fn page_offset(params: &Params) -> Result<usize, KrakenError> {
    let text = params.text("ofs")?.unwrap_or_else(|| "0".to_owned());
    text.parse().map_err(|_| KrakenError::InvalidArguments("ofs"))
}
