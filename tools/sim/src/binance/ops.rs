//! The requests that REST and the WebSocket API share, as one table and one match.
//!
//! A line belongs here if it answers a request from the exchange's state, whichever protocol
//! carried it. Source: venue reference (Binance), sections 4.1, 5, 6 and 9.

use super::super::engine::{
    AccountId, Event, InstrumentConfig, InstrumentId, Order, OrderRef, ReportKind, Side, Trading,
};
use super::error::ApiError;
use super::json::{Object, array, quoted};
use super::orders::{ORDER_AMENDS_MAX, OrderRequest, ResponseType, cancel_only, order_ref};
use super::params::Params;
use super::render::{Renderer, TimeUnit, amount, price, quantity};
use super::{BinanceFront, streams};

/// Rows of a list without a limit in the request.
const ROWS_DEFAULT: u64 = 500;
/// Most rows of a list.
const ROWS_MAX: u64 = 1_000;
/// Most levels a side of `depth`.
const DEPTH_MAX: u64 = 5_000;
const DAY_NS: u64 = 86_400_000_000_000;

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Ping,
    Time,
    ExchangeInfo,
    Depth,
    Trades,
    AggTrades,
    Ticker,
    BookTicker,
    OrderPlace,
    OrderTest,
    OrderCancel,
    CancelReplace,
    Amend,
    OrderStatus,
    OpenOrders,
    CancelAll,
    AllOrders,
    Account,
    MyTrades,
    OrderLimits,
    Commission,
}

/// Path, method and parameters of a request.
pub(super) struct Endpoint {
    pub op: Op,
    pub method: &'static str,
    /// Path below `/api/v3`.
    pub path: &'static str,
    /// Name in the WebSocket API.
    pub ws: &'static str,
    pub signed: bool,
    known: &'static [&'static str],
}

const PLACE: &[&str] = &[
    "symbol",
    "side",
    "type",
    "timeInForce",
    "price",
    "quantity",
    "quoteOrderQty",
    "newClientOrderId",
    "newOrderRespType",
    "selfTradePreventionMode",
    "strategyId",
    "strategyType",
];
const REPLACE: &[&str] = &[
    "symbol",
    "side",
    "type",
    "timeInForce",
    "price",
    "quantity",
    "quoteOrderQty",
    "newClientOrderId",
    "newOrderRespType",
    "selfTradePreventionMode",
    "strategyId",
    "strategyType",
    "cancelReplaceMode",
    "cancelOrderId",
    "cancelOrigClientOrderId",
    "cancelNewClientOrderId",
    "cancelRestrictions",
    "orderRateLimitExceededMode",
];
const CANCEL: &[&str] =
    &["symbol", "orderId", "origClientOrderId", "newClientOrderId", "cancelRestrictions"];
const AMEND: &[&str] = &["symbol", "orderId", "origClientOrderId", "newClientOrderId", "newQty"];
const INFO: &[&str] = &["symbol", "symbols", "permissions", "showPermissionSets", "symbolStatus"];
const LIST: &[&str] = &["symbol", "orderId", "startTime", "endTime", "limit"];
const TRADES: &[&str] = &["symbol", "orderId", "startTime", "endTime", "fromId", "limit"];

macro_rules! endpoints {
    ($($op:ident $method:literal $path:literal $ws:literal $signed:literal $known:expr;)*) => {
        &[$(Endpoint {
            op: Op::$op, method: $method, path: $path, ws: $ws, signed: $signed, known: $known,
        }),*]
    };
}

const ENDPOINTS: &[Endpoint] = endpoints! {
    Ping "GET" "/ping" "ping" false &[];
    Time "GET" "/time" "time" false &[];
    ExchangeInfo "GET" "/exchangeInfo" "exchangeInfo" false INFO;
    Depth "GET" "/depth" "depth" false &["symbol", "limit"];
    Trades "GET" "/trades" "trades.recent" false &["symbol", "limit"];
    AggTrades "GET" "/aggTrades" "trades.aggregate" false
        &["symbol", "fromId", "startTime", "endTime", "limit"];
    Ticker "GET" "/ticker/24hr" "ticker.24hr" false &["symbol", "symbols", "type"];
    BookTicker "GET" "/ticker/bookTicker" "ticker.book" false &["symbol", "symbols"];
    OrderPlace "POST" "/order" "order.place" true PLACE;
    OrderTest "POST" "/order/test" "order.test" true PLACE;
    OrderCancel "DELETE" "/order" "order.cancel" true CANCEL;
    CancelReplace "POST" "/order/cancelReplace" "order.cancelReplace" true REPLACE;
    Amend "PUT" "/order/amend/keepPriority" "order.amend.keepPriority" true AMEND;
    OrderStatus "GET" "/order" "order.status" true &["symbol", "orderId", "origClientOrderId"];
    OpenOrders "GET" "/openOrders" "openOrders.status" true &["symbol"];
    CancelAll "DELETE" "/openOrders" "openOrders.cancelAll" true &["symbol"];
    AllOrders "GET" "/allOrders" "allOrders" true LIST;
    Account "GET" "/account" "account.status" true &["omitZeroBalances"];
    MyTrades "GET" "/myTrades" "myTrades" true TRADES;
    OrderLimits "GET" "/rateLimit/order" "account.rateLimits.orders" true &[];
    Commission "GET" "/account/commission" "account.commission" true &["symbol"];
};

/// Parameters that every signed request may carry.
const SIGNED: [&str; 4] = ["apiKey", "timestamp", "recvWindow", "signature"];

impl Endpoint {
    pub fn rest(method: &str, path: &str) -> Option<&'static Self> {
        ENDPOINTS.iter().find(|e| e.method == method && e.path == path)
    }

    pub fn ws(method: &str) -> Option<&'static Self> {
        ENDPOINTS.iter().find(|e| e.ws == method)
    }

    /// Whether a path exists with another method.
    pub fn path_exists(path: &str) -> bool {
        ENDPOINTS.iter().any(|e| e.path == path)
    }

    /// Whether the request can place an order.
    pub fn is_order(&self) -> bool {
        matches!(self.op, Op::OrderPlace | Op::CancelReplace)
    }

    pub fn check_known(&self, params: &Params, extra: &[&str]) -> Result<(), ApiError> {
        let mut known = [self.known, extra].concat();
        if self.signed {
            known.extend(SIGNED);
        }
        params.check_known(&known)
    }

    /// Request weight.
    pub fn weight(&self, params: &Params) -> u32 {
        match self.op {
            Op::Ping
            | Op::Time
            | Op::OrderPlace
            | Op::OrderTest
            | Op::OrderCancel
            | Op::CancelReplace
            | Op::CancelAll => 1,
            Op::Depth => match params.number("limit", 100).unwrap_or(DEPTH_MAX) {
                0..=100 => 5,
                101..=500 => 25,
                501..=1_000 => 50,
                _ => 250,
            },
            Op::Trades => 25,
            Op::AggTrades | Op::Amend | Op::OrderStatus => 4,
            Op::Ticker | Op::OpenOrders if params.get("symbol").is_none() => 80,
            Op::Ticker | Op::BookTicker => 2,
            Op::OpenOrders => 6,
            Op::MyTrades if params.get("orderId").is_some() => 5,
            Op::ExchangeInfo | Op::Account | Op::AllOrders | Op::Commission | Op::MyTrades => 20,
            Op::OrderLimits => 40,
        }
    }
}

/// Account and time of a request, and the time unit of its answer.
#[derive(Clone, Copy)]
pub(super) struct Caller {
    pub now_ns: u64,
    pub account: Option<AccountId>,
    pub unit: TimeUnit,
}

impl Caller {
    fn account(&self) -> Result<AccountId, ApiError> {
        self.account.ok_or_else(super::bad_key)
    }
}

impl BinanceFront {
    /// Answers one request; the text is the JSON of the result.
    pub(super) fn answer(
        &mut self,
        op: Op,
        caller: &Caller,
        params: &Params,
    ) -> Result<String, ApiError> {
        match op {
            Op::Ping => Ok("{}".to_owned()),
            Op::Time => {
                let now = caller.unit.of(caller.now_ns);
                Ok(Object::new().number("serverTime", now).finish())
            }
            Op::ExchangeInfo => self.exchange_info(caller, params),
            Op::Depth => self.depth(params),
            Op::Trades => self.recent_trades(caller, params),
            Op::AggTrades => self.agg_trades(caller, params),
            Op::Ticker => self.tickers(caller, params),
            Op::BookTicker => self.book_tickers(params),
            Op::OrderPlace => self.order_place(caller, params),
            Op::OrderTest => {
                let request = OrderRequest::from_params(params)?;
                self.test_order(caller.account()?, &request).map(|()| "{}".to_owned())
            }
            Op::OrderCancel => self.order_cancel(caller, params),
            Op::CancelReplace => self.cancel_replace(caller, params),
            Op::Amend => self.order_amend(caller, params),
            Op::OrderStatus => self.order_status(caller, params),
            Op::OpenOrders => self.open_orders(caller, params),
            Op::CancelAll => self.cancel_all(caller, params),
            Op::AllOrders => self.all_orders(caller, params),
            Op::Account => self.account_status(caller, params),
            Op::MyTrades => self.my_trades(caller, params),
            Op::OrderLimits => {
                let account = caller.account()?;
                Ok(self.limits.render_orders(caller.now_ns, account))
            }
            Op::Commission => self.commission(params),
        }
    }

    fn renderer(&self, caller: &Caller) -> Renderer<'_> {
        Renderer { exchange: &self.exchange, unit: caller.unit }
    }

    fn optional_symbol(&self, params: &Params) -> Result<Option<InstrumentId>, ApiError> {
        params.get("symbol").map(|symbol| self.symbol(symbol)).transpose()
    }

    // ----- orders ---------------------------------------------------------------------------

    fn order_place(&mut self, caller: &Caller, params: &Params) -> Result<String, ApiError> {
        let account = caller.account()?;
        let request = OrderRequest::from_params(params)?;
        let response = request.response_type(params)?;
        let id = self.place(caller.now_ns, account, &request)?;
        Ok(self.placed(caller, account, id, response))
    }

    fn placed(
        &self,
        caller: &Caller,
        account: AccountId,
        id: u64,
        response: ResponseType,
    ) -> String {
        let Some(order) = self.exchange.order(account, OrderRef::Id(id)) else {
            return "{}".to_owned();
        };
        let fills: Vec<_> = self
            .exchange
            .fills(account)
            .rev()
            .take_while(|fill| fill.order_id >= id || fill.time_ns == order.created_ns)
            .filter(|fill| fill.order_id == id)
            .copied()
            .collect();
        let fills: Vec<_> = fills.into_iter().rev().collect();
        let full = (response == ResponseType::Full).then_some(fills.as_slice());
        self.renderer(caller).new_order(order, response != ResponseType::Ack, full)
    }

    fn order_cancel(&mut self, caller: &Caller, params: &Params) -> Result<String, ApiError> {
        let account = caller.account()?;
        let instrument = self.symbol(params.need("symbol")?)?;
        let order = order_ref(params, "orderId", "origClientOrderId")?;
        let only = cancel_only(params.get("cancelRestrictions"))?;
        let id = params.get("newClientOrderId");
        let (ended, request_id) =
            self.cancel(caller.now_ns, account, instrument, order, only, id)?;
        Ok(self.renderer(caller).canceled(&ended, &request_id))
    }

    fn cancel_replace(&mut self, caller: &Caller, params: &Params) -> Result<String, ApiError> {
        let account = caller.account()?;
        let stop = match params.need("cancelReplaceMode")? {
            "STOP_ON_FAILURE" => true,
            "ALLOW_FAILURE" => false,
            _ => return Err(ApiError::illegal("cancelReplaceMode")),
        };
        let request = OrderRequest::from_params(params)?;
        let response = request.response_type(params)?;
        let instrument = self.symbol(params.need("symbol")?)?;
        let order = order_ref(params, "cancelOrderId", "cancelOrigClientOrderId")?;
        let only = cancel_only(params.get("cancelRestrictions"))?;
        if params.get("orderRateLimitExceededMode") != Some("CANCEL_ONLY") {
            self.limits.check_order(caller.now_ns, account)?;
        }
        let cancel_id = params.get("cancelNewClientOrderId");
        let canceled = self
            .cancel(caller.now_ns, account, instrument, order, only, cancel_id)
            .map(|(ended, id)| self.renderer(caller).canceled(&ended, &id));
        let placed = if canceled.is_err() && stop {
            None
        } else {
            let placed = self.place(caller.now_ns, account, &request);
            Some(placed.map(|id| self.placed(caller, account, id, response)))
        };
        replace_answer(&canceled, placed.as_ref())
    }

    fn order_amend(&mut self, caller: &Caller, params: &Params) -> Result<String, ApiError> {
        let account = caller.account()?;
        let instrument = self.symbol(params.need("symbol")?)?;
        let order = order_ref(params, "orderId", "origClientOrderId")?;
        let quantity = params.need("newQty")?;
        let id = params.get("newClientOrderId");
        let (after, old) =
            self.amend_quantity(caller.now_ns, account, instrument, order, quantity, id)?;
        let exec_id = self.last_exec_id(after.id);
        Ok(self.renderer(caller).amended(&after, &old, exec_id))
    }

    /// Execution id of the order's newest undelivered report.
    fn last_exec_id(&self, order: u64) -> u64 {
        let amended = |event: &Event| match event {
            Event::Report(report)
                if report.order.id == order
                    && matches!(report.kind, ReportKind::Amended { .. }) =>
            {
                Some(report.exec_id)
            }
            _ => None,
        };
        self.exchange.pending_events().rev().find_map(amended).unwrap_or(0)
    }

    fn order_status(&mut self, caller: &Caller, params: &Params) -> Result<String, ApiError> {
        let account = caller.account()?;
        let instrument = self.symbol(params.need("symbol")?)?;
        let wanted = order_ref(params, "orderId", "origClientOrderId")?;
        let found = self.exchange.order(account, wanted).filter(|o| o.instrument == instrument);
        let order = found.ok_or_else(|| ApiError::new(-2013, "Order does not exist."))?;
        Ok(self.renderer(caller).order(order))
    }

    fn open_orders(&mut self, caller: &Caller, params: &Params) -> Result<String, ApiError> {
        let account = caller.account()?;
        let instrument = self.optional_symbol(params)?;
        let renderer = self.renderer(caller);
        let rows = self.exchange.open_orders(account, instrument);
        Ok(array(rows.map(|order| renderer.order(order))))
    }

    fn cancel_all(&mut self, caller: &Caller, params: &Params) -> Result<String, ApiError> {
        let account = caller.account()?;
        let instrument = self.symbol(params.need("symbol")?)?;
        let request_id = self.make_client_id();
        let ended =
            self.exchange.cancel_all(caller.now_ns, account, Some(instrument), Some(&request_id));
        if ended.is_empty() {
            return Err(ApiError::unknown_order());
        }
        let renderer = self.renderer(caller);
        Ok(array(ended.iter().map(|order| renderer.canceled(order, &request_id))))
    }

    fn all_orders(&mut self, caller: &Caller, params: &Params) -> Result<String, ApiError> {
        let account = caller.account()?;
        let instrument = self.symbol(params.need("symbol")?)?;
        let from = params.optional_number("orderId")?;
        let limit = rows_limit(params)?;
        let window = TimeWindow::of(params)?;
        let open = self.exchange.open_orders(account, Some(instrument));
        let closed = self.exchange.closed_orders(account);
        let mut rows: Vec<&Order> = open
            .chain(closed.filter(|o| o.instrument == instrument))
            .filter(|o| from.is_none_or(|id| o.id >= id) && window.holds(o.created_ns))
            .collect();
        rows.sort_by_key(|o| o.id);
        // Without a first id the answer has the newest rows, oldest first.
        let skip = if from.is_some() { 0 } else { rows.len().saturating_sub(limit) };
        let renderer = self.renderer(caller);
        Ok(array(rows.into_iter().skip(skip).take(limit).map(|o| renderer.order(o))))
    }

    // ----- account --------------------------------------------------------------------------

    fn account_status(&mut self, caller: &Caller, params: &Params) -> Result<String, ApiError> {
        let account = caller.account()?;
        let omit_zero = params.get("omitZeroBalances") == Some("true");
        let names = self.exchange.assets().iter();
        let assets = names.filter_map(|name| Some((name, self.exchange.asset(name)?)));
        let rows = assets.filter_map(|(name, asset)| {
            let balance = self.exchange.balance(account, asset);
            if omit_zero && balance.free == 0 && balance.locked == 0 {
                return None;
            }
            let row = Object::new()
                .text("asset", name)
                .text("free", &amount(balance.free))
                .text("locked", &amount(balance.locked));
            Some(row.finish())
        });
        let balances = array(rows);
        let rules = self.exchange.rules();
        Ok(Object::new()
            .number("makerCommission", rules.maker_fee_ppm / 100)
            .number("takerCommission", rules.taker_fee_ppm / 100)
            .raw("buyerCommission", "0")
            .raw("sellerCommission", "0")
            .raw("commissionRates", &self.rates())
            .flag("canTrade", true)
            .flag("canWithdraw", true)
            .flag("canDeposit", true)
            .flag("brokered", false)
            .flag("requireSelfTradePrevention", false)
            .flag("preventSor", false)
            .number("updateTime", caller.unit.of(caller.now_ns))
            .text("accountType", "SPOT")
            .raw("balances", &balances)
            .raw("permissions", "[\"SPOT\"]")
            .number("uid", account.0)
            .finish())
    }

    fn rates(&self) -> String {
        let rules = self.exchange.rules();
        let rate = |ppm: u32| super::super::decimal::format(i128::from(ppm), 6, 8);
        Object::new()
            .text("maker", &rate(rules.maker_fee_ppm))
            .text("taker", &rate(rules.taker_fee_ppm))
            .text("buyer", "0.00000000")
            .text("seller", "0.00000000")
            .finish()
    }

    fn commission(&mut self, params: &Params) -> Result<String, ApiError> {
        let instrument = self.symbol(params.need("symbol")?)?;
        let symbol = &self.exchange.instrument_config(instrument).symbol;
        Ok(Object::new().text("symbol", symbol).raw("standardCommission", &self.rates()).finish())
    }

    fn my_trades(&mut self, caller: &Caller, params: &Params) -> Result<String, ApiError> {
        let account = caller.account()?;
        let instrument = self.symbol(params.need("symbol")?)?;
        let order = params.optional_number("orderId")?;
        let from = params.optional_number("fromId")?;
        let limit = rows_limit(params)?;
        let window = TimeWindow::of(params)?;
        let fills = self.exchange.fills(account).filter(|fill| {
            fill.instrument == instrument
                && order.is_none_or(|id| fill.order_id == id)
                && from.is_none_or(|id| fill.trade_id >= id)
                && window.holds(fill.time_ns)
        });
        let renderer = self.renderer(caller);
        let rows: Vec<String> = if from.is_some() {
            fills.take(limit).map(|fill| renderer.my_trade(fill)).collect()
        } else {
            let newest: Vec<_> = fills.rev().take(limit).collect();
            newest.into_iter().rev().map(|fill| renderer.my_trade(fill)).collect()
        };
        Ok(array(rows))
    }

    // ----- market ---------------------------------------------------------------------------

    fn exchange_info(&mut self, caller: &Caller, params: &Params) -> Result<String, ApiError> {
        let wanted: Option<Vec<InstrumentId>> = match (params.get("symbol"), params.get("symbols"))
        {
            (Some(symbol), _) => Some(vec![self.symbol(symbol)?]),
            (None, Some(list)) => Some(self.symbol_list(list)?),
            (None, None) => None,
        };
        let rows = self.exchange.instruments().filter_map(|(id, config)| {
            let asked = wanted.as_ref().is_none_or(|list| list.contains(&id));
            asked.then(|| symbol_info(config, self.exchange.trading(id)))
        });
        let symbols = array(rows);
        Ok(Object::new()
            .text("timezone", "UTC")
            .number("serverTime", caller.unit.of(caller.now_ns))
            .raw("rateLimits", &self.limits.render(caller.now_ns, None, false))
            .raw("exchangeFilters", "[]")
            .raw("symbols", &symbols)
            .finish())
    }

    /// Reads a list such as `["BTCUSDT","ETHUSDT"]`.
    fn symbol_list(&self, list: &str) -> Result<Vec<InstrumentId>, ApiError> {
        let names: Vec<String> =
            serde_json::from_str(list).map_err(|_| ApiError::illegal("symbols"))?;
        names.iter().map(|name| self.symbol(name)).collect()
    }

    fn depth(&mut self, params: &Params) -> Result<String, ApiError> {
        let instrument = self.symbol(params.need("symbol")?)?;
        let limit = params.number("limit", 100)?;
        if limit == 0 {
            return Err(ApiError::illegal("limit"));
        }
        Ok(streams::book(&self.exchange, instrument, limit.min(DEPTH_MAX) as usize))
    }

    fn recent_trades(&mut self, caller: &Caller, params: &Params) -> Result<String, ApiError> {
        let instrument = self.symbol(params.need("symbol")?)?;
        let limit = rows_limit(params)?;
        let config = self.exchange.instrument_config(instrument);
        let trades = self.exchange.trades(instrument);
        let skip = trades.len().saturating_sub(limit);
        Ok(array(trades.skip(skip).map(|trade| {
            Object::new()
                .number("id", trade.id)
                .text("price", &price(config, trade.price))
                .text("qty", &quantity(config, trade.quantity))
                .text("quoteQty", &amount(config.notional(trade.price, trade.quantity)))
                .number("time", caller.unit.of(trade.time_ns))
                .flag("isBuyerMaker", trade.taker_side == Side::Sell)
                .flag("isBestMatch", true)
                .finish()
        })))
    }

    fn agg_trades(&mut self, caller: &Caller, params: &Params) -> Result<String, ApiError> {
        let instrument = self.symbol(params.need("symbol")?)?;
        let limit = rows_limit(params)?;
        let from = params.optional_number("fromId")?;
        let window = TimeWindow::of(params)?;
        let config = self.exchange.instrument_config(instrument);
        let feed = self.feeds.get(instrument.0 as usize);
        let trades: Vec<_> = feed
            .into_iter()
            .flat_map(|feed| feed.agg_trades.iter())
            .filter(|t| from.is_none_or(|id| t.id >= id) && window.holds(t.time_ns))
            .collect();
        let skip = if from.is_some() { 0 } else { trades.len().saturating_sub(limit) };
        Ok(array(
            trades
                .into_iter()
                .skip(skip)
                .take(limit)
                .map(|t| t.members(Object::new(), config, caller.unit).finish()),
        ))
    }

    fn tickers(&mut self, caller: &Caller, params: &Params) -> Result<String, ApiError> {
        self.per_symbol(params, |front, id| front.ticker(caller, id))
    }

    fn book_tickers(&mut self, params: &Params) -> Result<String, ApiError> {
        self.per_symbol(params, |front, id| {
            let config = front.exchange.instrument_config(id);
            let best = streams::best_of(&front.exchange, id);
            Object::new()
                .text("symbol", &config.symbol)
                .text("bidPrice", &price(config, best.bid.0))
                .text("bidQty", &quantity(config, best.bid.1))
                .text("askPrice", &price(config, best.ask.0))
                .text("askQty", &quantity(config, best.ask.1))
                .finish()
        })
    }

    fn per_symbol(
        &self,
        params: &Params,
        row: impl Fn(&Self, InstrumentId) -> String,
    ) -> Result<String, ApiError> {
        if let Some(id) = self.optional_symbol(params)? {
            return Ok(row(self, id));
        }
        let ids = match params.get("symbols") {
            Some(list) => self.symbol_list(list)?,
            None => self.exchange.instruments().map(|(id, _)| id).collect(),
        };
        Ok(array(ids.into_iter().map(|id| row(self, id))))
    }

    fn ticker(&self, caller: &Caller, id: InstrumentId) -> String {
        let config = self.exchange.instrument_config(id);
        let stats = streams::day_stats(&self.exchange, id, caller.now_ns);
        let best = streams::best_of(&self.exchange, id);
        Object::new()
            .text("symbol", &config.symbol)
            .text("priceChange", &price(config, stats.close - stats.open))
            .text("priceChangePercent", &stats.change_percent())
            .text("weightedAvgPrice", &stats.average(config))
            .text("prevClosePrice", &price(config, stats.open))
            .text("lastPrice", &price(config, stats.close))
            .text("lastQty", &quantity(config, stats.last_quantity))
            .text("bidPrice", &price(config, best.bid.0))
            .text("bidQty", &quantity(config, best.bid.1))
            .text("askPrice", &price(config, best.ask.0))
            .text("askQty", &quantity(config, best.ask.1))
            .text("openPrice", &price(config, stats.open))
            .text("highPrice", &price(config, stats.high))
            .text("lowPrice", &price(config, stats.low))
            .text("volume", &amount(stats.base))
            .text("quoteVolume", &amount(stats.quote))
            .number("openTime", caller.unit.of(caller.now_ns.saturating_sub(DAY_NS)))
            .number("closeTime", caller.unit.of(caller.now_ns))
            .raw("firstId", &stats.first_id.map_or_else(|| "-1".to_owned(), |id| id.to_string()))
            .raw("lastId", &stats.last_id.map_or_else(|| "-1".to_owned(), |id| id.to_string()))
            .number("count", stats.count)
            .finish()
    }
}

/// The four outcomes of cancel-replace.
fn replace_answer(
    canceled: &Result<String, ApiError>,
    placed: Option<&Result<String, ApiError>>,
) -> Result<String, ApiError> {
    let word = |ok: bool| if ok { "SUCCESS" } else { "FAILURE" };
    let json = |result: &Result<String, ApiError>| match result {
        Ok(text) => text.clone(),
        Err(error) => error.body(),
    };
    let new_word = placed.map_or("NOT_ATTEMPTED", |p| word(p.is_ok()));
    let body = Object::new()
        .text("cancelResult", word(canceled.is_ok()))
        .text("newOrderResult", new_word)
        .raw("cancelResponse", &json(canceled))
        .raw("newOrderResponse", &placed.map_or_else(|| "null".to_owned(), json))
        .finish();
    let placed_ok = placed.is_some_and(Result::is_ok);
    match (canceled.is_ok(), placed_ok) {
        (true, true) => Ok(body),
        (false, false) => {
            let mut error = ApiError::new(-2022, "Order cancel-replace failed.");
            error.data = Some(body);
            Err(error)
        }
        _ => {
            let text = "Order cancel-replace partially failed.";
            let mut error = ApiError::new(-2021, text).with_status(409);
            error.data = Some(body);
            Err(error)
        }
    }
}

fn rows_limit(params: &Params) -> Result<usize, ApiError> {
    match params.number("limit", ROWS_DEFAULT)? {
        0 => Err(ApiError::illegal("limit")),
        limit => Ok(limit.min(ROWS_MAX) as usize),
    }
}

/// `startTime` and `endTime`, both inclusive, in ms (13 digits) or µs (16 digits).
struct TimeWindow {
    start_ns: u64,
    end_ns: u64,
}

impl TimeWindow {
    fn of(params: &Params) -> Result<Self, ApiError> {
        let scale = |n: u64| if n >= 1_000_000_000_000_000 { 1_000 } else { 1_000_000 };
        let start = params.optional_number("startTime")?;
        let end = params.optional_number("endTime")?;
        Ok(Self {
            start_ns: start.map_or(0, |n| n.saturating_mul(scale(n))),
            end_ns: end.map_or(u64::MAX, |n| {
                n.saturating_add(1).saturating_mul(scale(n)).saturating_sub(1)
            }),
        })
    }

    fn holds(&self, ns: u64) -> bool {
        (self.start_ns..=self.end_ns).contains(&ns)
    }
}

fn symbol_info(config: &InstrumentConfig, trading: Trading) -> String {
    let status = match trading {
        Trading::Online => "TRADING",
        Trading::CancelOnly | Trading::PostOnly => "CANCEL_ONLY",
        Trading::Halted => "HALT",
    };
    let types = array(["LIMIT", "LIMIT_MAKER", "MARKET"].map(quoted));
    let stp = array(["NONE", "EXPIRE_MAKER", "EXPIRE_TAKER", "EXPIRE_BOTH"].map(quoted));
    Object::new()
        .text("symbol", &config.symbol)
        .text("status", status)
        .text("baseAsset", &config.base)
        .raw("baseAssetPrecision", "8")
        .text("quoteAsset", &config.quote)
        .raw("quotePrecision", "8")
        .raw("quoteAssetPrecision", "8")
        .raw("baseCommissionPrecision", "8")
        .raw("quoteCommissionPrecision", "8")
        .raw("orderTypes", &types)
        .flag("icebergAllowed", false)
        .flag("ocoAllowed", false)
        .flag("otoAllowed", false)
        .flag("quoteOrderQtyMarketAllowed", true)
        .flag("allowTrailingStop", false)
        .flag("amendAllowed", true)
        .flag("cancelReplaceAllowed", true)
        .flag("isSpotTradingAllowed", true)
        .flag("isMarginTradingAllowed", false)
        .raw("filters", &filters(config))
        .raw("permissions", "[]")
        .raw("permissionSets", "[[\"SPOT\"]]")
        .text("defaultSelfTradePreventionMode", "NONE")
        .raw("allowedSelfTradePreventionModes", &stp)
        .finish()
}

fn filters(config: &InstrumentConfig) -> String {
    let filter = |name: &str| Object::new().text("filterType", name);
    let mut rows = vec![
        filter("PRICE_FILTER")
            .text("minPrice", &price(config, config.min_price))
            .text("maxPrice", &price(config, config.max_price))
            .text("tickSize", &price(config, config.tick))
            .finish(),
        filter("LOT_SIZE")
            .text("minQty", &quantity(config, config.min_quantity))
            .text("maxQty", &quantity(config, config.max_quantity))
            .text("stepSize", &quantity(config, config.lot))
            .finish(),
        filter("MARKET_LOT_SIZE")
            .text("minQty", "0.00000000")
            .text("maxQty", &quantity(config, config.max_market_quantity))
            .text("stepSize", "0.00000000")
            .finish(),
        filter("NOTIONAL")
            .text("minNotional", &amount(config.min_notional))
            .flag("applyMinToMarket", true)
            .text("maxNotional", &amount(config.notional(config.max_price, config.max_quantity)))
            .flag("applyMaxToMarket", false)
            .raw("avgPriceMins", "0")
            .finish(),
        filter("MAX_NUM_ORDERS").number("maxNumOrders", config.max_open_orders).finish(),
        filter("MAX_NUM_ORDER_AMENDS").number("maxNumOrderAmends", ORDER_AMENDS_MAX).finish(),
    ];
    if let Some(band) = config.price_band {
        let factor = |ppm: u64| super::super::decimal::format_trimmed(i128::from(ppm), 6);
        let (up, down) = (factor(band.up_ppm), factor(band.down_ppm));
        let row = filter("PERCENT_PRICE_BY_SIDE")
            .text("bidMultiplierUp", &up)
            .text("bidMultiplierDown", &down)
            .text("askMultiplierUp", &up)
            .text("askMultiplierDown", &down)
            .raw("avgPriceMins", "0");
        rows.push(row.finish());
    }
    array(rows)
}
