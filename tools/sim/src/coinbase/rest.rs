//! REST: routing, signatures, answers.
//!
//! A line belongs here if only HTTP needs it. Source: venue reference (Coinbase Exchange), sections
//! 2, 6 and 7, and the cross-check, section 4.

use std::sync::Arc;

use serde_json::Value;

use super::auth::{self, Claim};
use super::error::ApiError;
use super::orders::{OrderRequest, Wanted};
use super::render::{self, amount, price, quantity, side};
use super::{CoinbaseFront, ids};
use crate::decimal;
use crate::engine::{AccountId, InstrumentId, Order, OrderKind, OrderRef, Side, Stp, Tif};
use crate::front::{ConnId, FrontAction, HttpReply, HttpRequest};
use crate::json::{Object, array, quoted};
use crate::time;

/// Rows of a list without a limit in the request, and most rows of a list.
const ROWS_MAX: usize = 1_000;
/// Most levels a side of `book?level=2`.
const LEVELS_MAX: usize = 10_000;

type Outcome = Result<String, ApiError>;

/// The parameters of a query.
struct Query<'a>(&'a str);

impl Query<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let pairs = self.0.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let wrong = |_| ApiError::new(400, format!("invalid {name}"));
        self.get(name).map(|text| text.parse().map_err(wrong)).transpose()
    }

    fn rows(&self) -> Result<usize, ApiError> {
        match self.number("limit")? {
            None => Ok(ROWS_MAX),
            Some(limit @ 1..=1_000) => Ok(limit as usize),
            Some(_) => Err(ApiError::new(400, "invalid limit")),
        }
    }
}

impl CoinbaseFront {
    /// Answers one HTTP request.
    pub(super) fn rest(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        request: &HttpRequest,
        out: &mut Vec<FrontAction>,
    ) {
        let is_order = request.method == "POST" && request.path == "/orders";
        self.cut_around(now_ns, conn, is_order, out, |front, out| {
            let (status, body) = match front.rest_answer(now_ns, request) {
                Ok(body) => (200, body),
                Err(error) => (error.status, error.body()),
            };
            out.push(FrontAction::Http(conn, HttpReply { status, headers: Vec::new(), body }));
        });
    }

    fn rest_answer(&mut self, now_ns: u64, request: &HttpRequest) -> Outcome {
        if self.is_in_maintenance(now_ns) {
            return Err(ApiError::new(503, "Exchange is under maintenance"));
        }
        let path: Vec<&str> = request.path.split('/').skip(1).collect();
        let query = Query(&request.query);
        match path[..] {
            ["time" | "currencies"] | ["products", ..] if request.method == "GET" => {
                self.limits.charge_public(now_ns)?;
                self.public(now_ns, &path, &query)
            }
            ["accounts" | "fees" | "fills"] | ["orders", ..] => {
                let account = self.rest_account(now_ns, request)?;
                self.limits.charge_private(now_ns, account, path == ["fills"])?;
                self.private(now_ns, account, request, &path)
            }
            _ => Err(ApiError::not_found()),
        }
    }

    fn rest_account(&self, now_ns: u64, request: &HttpRequest) -> Result<AccountId, ApiError> {
        let header = |name| request.header(name).unwrap_or_default();
        let claim = Claim {
            key: header("cb-access-key"),
            passphrase: header("cb-access-passphrase"),
            timestamp: header("cb-access-timestamp"),
            signature: header("cb-access-sign"),
        };
        let joint = if request.query.is_empty() { "" } else { "?" };
        let what = [&request.method, &request.path, joint, &request.query, &request.body].concat();
        auth::check(&self.config.keys, now_ns, &claim, &what)
    }

    fn private(
        &mut self,
        now_ns: u64,
        account: AccountId,
        request: &HttpRequest,
        path: &[&str],
    ) -> Outcome {
        let query = Query(&request.query);
        match (request.method.as_str(), path) {
            ("GET", ["accounts"]) => Ok(self.accounts(account)),
            ("GET", ["fees"]) => Ok(self.fees()),
            ("GET", ["fills"]) => self.fills(account, &query),
            ("GET", ["orders"]) => self.orders(account, &query),
            ("POST", ["orders"]) => self.post_order(now_ns, account, &request.body),
            ("DELETE", ["orders"]) => self.cancel_all(now_ns, account, &query),
            ("GET", ["orders", id]) => {
                let order = self.find(account, wanted(id)?)?;
                Ok(render::order(&self.exchange, order, false))
            }
            ("DELETE", ["orders", id]) => {
                let order = self.cancel(now_ns, account, wanted(id)?)?;
                Ok(quoted(&ids::order(order.id)))
            }
            _ => Err(ApiError::not_found()),
        }
    }

    // ----- account --------------------------------------------------------------------------

    fn accounts(&self, account: AccountId) -> String {
        let names = self.exchange.assets().iter();
        array(names.filter_map(|name| {
            let asset = self.exchange.asset(name)?;
            let balance = self.exchange.balance(account, asset);
            let row = Object::new()
                .text("id", &ids::wallet(account.0, asset.0))
                .text("currency", name)
                .text("balance", &amount(balance.free + balance.locked))
                .text("hold", &amount(balance.locked))
                .text("available", &amount(balance.free))
                .text("profile_id", &ids::profile(account.0))
                .flag("trading_enabled", true);
            Some(row.finish())
        }))
    }

    fn fees(&self) -> String {
        let rules = self.exchange.rules();
        let rate = |ppm: u32| decimal::format(i128::from(ppm), 6, 4);
        Object::new()
            .text("taker_fee_rate", &rate(rules.taker_fee_ppm))
            .text("maker_fee_rate", &rate(rules.maker_fee_ppm))
            .text("usd_volume", "0.00")
            .finish()
    }

    /// Newest first; `after` is the id of a trade of which older ones are wanted.
    fn fills(&self, account: AccountId, query: &Query<'_>) -> Outcome {
        let product = query.get("product_id").map(|symbol| self.product(symbol)).transpose()?;
        let order = query.get("order_id").map(ids::order_number);
        if product.is_none() && order.is_none() {
            return Err(ApiError::new(400, "product_id or order_id is required"));
        }
        let (after, before) = (query.number("after")?, query.number("before")?);
        let rows = self.exchange.fills(account).rev().filter(|fill| {
            product.is_none_or(|id| fill.instrument == id)
                && order.is_none_or(|id| Some(fill.order_id) == id)
                && after.is_none_or(|id| fill.trade_id < id)
                && before.is_none_or(|id| fill.trade_id > id)
        });
        let rows = rows.take(query.rows()?);
        Ok(array(rows.map(|fill| render::fill(&self.exchange, account.0, fill))))
    }

    // ----- orders ---------------------------------------------------------------------------

    fn orders(&self, account: AccountId, query: &Query<'_>) -> Outcome {
        let product = query.get("product_id").map(|symbol| self.product(symbol)).transpose()?;
        let statuses = query.0.split('&').filter_map(|pair| pair.strip_prefix("status="));
        let statuses: Vec<&str> = statuses.collect();
        let has = |status| statuses.contains(&status) || statuses.contains(&"all");
        let mut rows: Vec<&Order> = Vec::new();
        if statuses.is_empty() || has("open") {
            rows.extend(self.exchange.open_orders(account, product));
        }
        if has("done") {
            let done = self.exchange.closed_orders(account);
            rows.extend(done.filter(|order| {
                let is_kept = order.filled > 0 || !self.config.forgets_unfilled;
                is_kept && product.is_none_or(|id| order.instrument == id)
            }));
        }
        rows.sort_by_key(|order| std::cmp::Reverse(order.id));
        let rows = rows.into_iter().take(query.rows()?);
        Ok(array(rows.map(|order| render::order(&self.exchange, order, false))))
    }

    fn post_order(&mut self, now_ns: u64, account: AccountId, body: &str) -> Outcome {
        let wrong = |_| ApiError::new(400, "Bad request");
        let body: Value = serde_json::from_str(body).map_err(wrong)?;
        let request = order_request(&body)?;
        let id = self.place(now_ns, account, &request)?;
        let order = self.exchange.order(account, OrderRef::Id(id));
        Ok(render::order(&self.exchange, order.ok_or_else(ApiError::not_found)?, true))
    }

    fn cancel_all(&mut self, now_ns: u64, account: AccountId, query: &Query<'_>) -> Outcome {
        let product = query.get("product_id").map(|symbol| self.product(symbol)).transpose()?;
        let ended = self.exchange.cancel_all(now_ns, account, product, None);
        Ok(array(ended.iter().map(|order| quoted(&ids::order(order.id)))))
    }

    // ----- market ---------------------------------------------------------------------------

    fn public(&self, now_ns: u64, path: &[&str], query: &Query<'_>) -> Outcome {
        match path {
            ["time"] => {
                let epoch = decimal::format(i128::from(now_ns / 1_000_000), 3, 3);
                let iso = time::format(now_ns);
                Ok(Object::new().text("iso", &iso).raw("epoch", &epoch).finish())
            }
            ["currencies"] => {
                Ok(array(self.exchange.assets().iter().map(|name| render::currency(name))))
            }
            ["products"] => {
                let row = |(id, config)| render::product(config, self.exchange.trading(id));
                Ok(array(self.exchange.instruments().map(row)))
            }
            ["products", symbol] => {
                let id = self.product(symbol)?;
                let config = self.exchange.instrument_config(id);
                Ok(render::product(config, self.exchange.trading(id)))
            }
            ["products", symbol, "book"] => self.book(now_ns, self.product(symbol)?, query),
            ["products", symbol, "ticker"] => self.ticker(self.product(symbol)?),
            ["products", symbol, "trades"] => self.trades(self.product(symbol)?, query),
            _ => Err(ApiError::not_found()),
        }
    }

    fn book(&self, now_ns: u64, instrument: InstrumentId, query: &Query<'_>) -> Outcome {
        let levels = match query.get("level") {
            None | Some("1") => 1,
            Some("2") => LEVELS_MAX,
            Some(_) => return Err(ApiError::new(400, "Invalid level")),
        };
        let config = self.exchange.instrument_config(instrument);
        let rows = |side| {
            let levels = self.exchange.depth(instrument, side, levels);
            array(levels.into_iter().map(|(at, size)| {
                let (at, size) = (quoted(&price(config, at)), quoted(&quantity(config, size)));
                array([at, size, "1".to_owned()])
            }))
        };
        Ok(Object::new()
            .raw("bids", &rows(Side::Buy))
            .raw("asks", &rows(Side::Sell))
            .number("sequence", self.exchange.update_id(instrument))
            .flag("auction_mode", false)
            .raw("auction", "null")
            .text("time", &time::format(now_ns))
            .finish())
    }

    fn ticker(&self, instrument: InstrumentId) -> Outcome {
        let config = self.exchange.instrument_config(instrument);
        let last = self.exchange.trades(instrument).next_back();
        let last = last.ok_or_else(ApiError::not_found)?;
        let best = |side| price(config, self.exchange.best(instrument, side).unwrap_or(0));
        Ok(Object::new()
            .text("ask", &best(Side::Sell))
            .text("bid", &best(Side::Buy))
            .text("volume", "0")
            .number("trade_id", last.id)
            .text("price", &price(config, last.price))
            .text("size", &quantity(config, last.quantity))
            .text("time", &time::format(last.time_ns))
            .finish())
    }

    fn trades(&self, instrument: InstrumentId, query: &Query<'_>) -> Outcome {
        let config = self.exchange.instrument_config(instrument);
        let rows = self.exchange.trades(instrument).rev().take(query.rows()?);
        Ok(array(rows.map(|trade| {
            Object::new()
                .number("trade_id", trade.id)
                .text("side", side(trade.taker_side.opposite()))
                .text("size", &quantity(config, trade.quantity))
                .text("price", &price(config, trade.price))
                .text("time", &time::format(trade.time_ns))
                .finish()
        })))
    }
}

/// The order of a path: `<id>` or `client:<client_oid>`.
fn wanted(text: &str) -> Result<Wanted<'_>, ApiError> {
    let client = text.strip_prefix("client:");
    if !ids::is_uuid(client.unwrap_or(text)) {
        return Err(ApiError::new(400, "Invalid order id"));
    }
    Ok(match client {
        Some(client) => Wanted { id: None, client_id: Some(client) },
        None => Wanted { id: Some(text), client_id: None },
    })
}

fn order_request(body: &Value) -> Result<OrderRequest, ApiError> {
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let wrong = |name: &str| ApiError::new(400, format!("Invalid {name}"));
    let kind = match body["type"].as_str() {
        None | Some("limit") => OrderKind::Limit,
        Some("market") => OrderKind::Market,
        Some(_) => return Err(wrong("type")),
    };
    let tif = match body["time_in_force"].as_str() {
        None | Some("GTC") => Tif::Gtc,
        Some("IOC") => Tif::Ioc,
        Some("FOK") => Tif::Fok,
        Some(_) => return Err(ApiError::new(400, "invalid time_in_force")),
    };
    let post_only = body["post_only"].as_bool().unwrap_or_default();
    if post_only && tif != Tif::Gtc {
        return Err(ApiError::new(400, "invalid post_only"));
    }
    let client_id = match body["client_oid"].as_str() {
        None => Arc::from(""),
        Some(id) => ids::rest_client_id(id).ok_or_else(|| wrong("client_oid"))?,
    };
    if kind == OrderKind::Limit && body["price"].as_str().is_none() {
        return Err(ApiError::new(400, "price is required"));
    }
    Ok(OrderRequest {
        product: text("product_id").ok_or_else(|| ApiError::new(400, "product_id is required"))?,
        client_id,
        side: match body["side"].as_str() {
            Some("buy") => Side::Buy,
            Some("sell") => Side::Sell,
            _ => return Err(wrong("side")),
        },
        kind,
        tif,
        post_only,
        price: text("price").filter(|_| kind == OrderKind::Limit),
        size: text("size"),
        funds: text("funds"),
        stp: match body["stp"].as_str() {
            // The decrement is not simulated.
            None | Some("dc" | "cb") => Stp::ExpireBoth,
            Some("co") => Stp::ExpireMaker,
            Some("cn") => Stp::ExpireTaker,
            Some(_) => return Err(wrong("stp")),
        },
        tag: 0,
    })
}
