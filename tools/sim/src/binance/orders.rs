//! Orders from JSON or FIX: parse, check, place, cancel, amend.
//!
//! A line belongs here if it turns the venue's order parameters into an engine request.

use std::sync::Arc;

use super::super::decimal::{self, DecimalError};
use super::super::engine::{
    AMOUNT_DECIMALS, AccountId, Amend, CancelOnly, InstrumentConfig, InstrumentId, NewOrder, Order,
    OrderKind, OrderRef, OrderSize, Refusal, Side, Stp, Tif,
};
use super::error::{ApiError, of_amend, of_cancel, of_new_order};
use super::params::Params;
use super::{BinanceFront, render};

/// Longest client order id, in characters (`^[a-zA-Z0-9-_]{1,36}$`).
pub const CLIENT_ID_CHARS_MAX: usize = 36;

/// Amends of one order at most (`MAX_NUM_ORDER_AMENDS`); the number of the documents' sample.
pub(super) const ORDER_AMENDS_MAX: u32 = 10;

/// A new order with the venue's parameters.
#[derive(Clone, Debug)]
pub(super) struct OrderRequest {
    pub symbol: String,
    pub side: Side,
    pub kind: OrderKind,
    pub tif: Tif,
    pub post_only: bool,
    pub price: Option<String>,
    pub quantity: Option<String>,
    pub quote_quantity: Option<String>,
    pub client_id: Option<String>,
    pub stp: Stp,
}

/// How many members the answer to a new order has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResponseType {
    Ack,
    Result,
    Full,
}

pub(super) fn is_client_id(text: &str) -> bool {
    (1..=CLIENT_ID_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

impl OrderRequest {
    /// Reads the parameters of `order.place` and `POST order`.
    pub fn from_params(params: &Params) -> Result<Self, ApiError> {
        let symbol = params.need("symbol")?.to_owned();
        let side = parse_side(params.need("side")?)?;
        let (kind, post_only) = match params.need("type")? {
            "LIMIT" => (OrderKind::Limit, false),
            "LIMIT_MAKER" => (OrderKind::Limit, true),
            "MARKET" => (OrderKind::Market, false),
            _ => return Err(ApiError::new(-1116, "Invalid orderType.")),
        };
        let limit = kind == OrderKind::Limit;
        let tif = match params.get("timeInForce") {
            Some(_) if post_only || !limit => return Err(not_required("timeInForce")),
            Some(text) => parse_tif(text)?,
            None if limit && !post_only => return Err(ApiError::missing("timeInForce")),
            None => Tif::Gtc,
        };
        let owned = |name: &str| params.get(name).map(str::to_owned);
        if limit {
            params.need("price")?;
            params.need("quantity")?;
        }
        let sized = (params.get("quantity").is_some(), params.get("quoteOrderQty").is_some());
        match sized {
            (true, true) => return Err(not_required("quoteOrderQty")),
            (_, true) if limit => return Err(not_required("quoteOrderQty")),
            (false, false) => return Err(ApiError::missing("quantity")),
            _ => {}
        }
        if !limit && params.get("price").is_some() {
            return Err(not_required("price"));
        }
        Ok(Self {
            symbol,
            side,
            kind,
            tif,
            post_only,
            price: owned("price"),
            quantity: owned("quantity"),
            quote_quantity: owned("quoteOrderQty"),
            client_id: owned("newClientOrderId"),
            stp: parse_stp(params.get("selfTradePreventionMode"))?,
        })
    }

    /// The type of the answer.
    pub fn response_type(&self, params: &Params) -> Result<ResponseType, ApiError> {
        match params.get("newOrderRespType") {
            Some("ACK") => Ok(ResponseType::Ack),
            Some("RESULT") => Ok(ResponseType::Result),
            Some("FULL") => Ok(ResponseType::Full),
            Some(_) => Err(ApiError::illegal("newOrderRespType")),
            None if self.post_only => Ok(ResponseType::Ack),
            None => Ok(ResponseType::Full),
        }
    }
}

/// Error -1106: a parameter does not go with the others.
fn not_required(name: &str) -> ApiError {
    ApiError::new(-1106, format!("Parameter '{name}' sent when not required."))
}

fn parse_side(text: &str) -> Result<Side, ApiError> {
    match text {
        "BUY" => Ok(Side::Buy),
        "SELL" => Ok(Side::Sell),
        _ => Err(ApiError::new(-1117, "Invalid side.")),
    }
}

fn parse_tif(text: &str) -> Result<Tif, ApiError> {
    match text {
        "GTC" => Ok(Tif::Gtc),
        "IOC" => Ok(Tif::Ioc),
        "FOK" => Ok(Tif::Fok),
        _ => Err(ApiError::new(-1115, "Invalid timeInForce.")),
    }
}

fn parse_stp(text: Option<&str>) -> Result<Stp, ApiError> {
    match text {
        None | Some("NONE") => Ok(Stp::Allow),
        Some("EXPIRE_TAKER") => Ok(Stp::ExpireTaker),
        Some("EXPIRE_MAKER") => Ok(Stp::ExpireMaker),
        Some("EXPIRE_BOTH") => Ok(Stp::ExpireBoth),
        Some(_) => Err(ApiError::illegal("selfTradePreventionMode")),
    }
}

/// Reads a number with at most eight written decimals as a mantissa of the instrument.
fn number(name: &str, text: &str, decimals: u32, filter: &str) -> Result<i64, ApiError> {
    if decimal::written_decimals(text) > render::SHOWN_DECIMALS as usize {
        let text = format!("Parameter '{name}' has too much precision.");
        return Err(ApiError::new(-1111, text));
    }
    match decimal::parse(text, decimals) {
        Ok(mantissa) => Ok(mantissa),
        Err(DecimalError::Malformed) => Err(ApiError::illegal(name)),
        Err(DecimalError::TooPrecise(_) | DecimalError::TooLarge) => {
            Err(ApiError::new(-1013, format!("Filter failure: {filter}")))
        }
    }
}

fn size(request: &OrderRequest, config: &InstrumentConfig) -> Result<OrderSize, ApiError> {
    if let Some(text) = &request.quantity {
        let quantity = number("quantity", text, config.quantity_decimals, "LOT_SIZE")?;
        return Ok(OrderSize::Base(quantity));
    }
    let text = request.quote_quantity.as_deref().unwrap_or("");
    let quote = number("quoteOrderQty", text, render::SHOWN_DECIMALS, "NOTIONAL")?;
    Ok(OrderSize::Quote(i128::from(quote) * 10i128.pow(AMOUNT_DECIMALS - render::SHOWN_DECIMALS)))
}

impl BinanceFront {
    pub(super) fn symbol(&self, symbol: &str) -> Result<InstrumentId, ApiError> {
        self.exchange.instrument(symbol).ok_or_else(ApiError::invalid_symbol)
    }

    /// Turns a request into an engine order.
    fn engine_order(
        &mut self,
        account: AccountId,
        request: &OrderRequest,
    ) -> Result<NewOrder, ApiError> {
        let instrument = self.symbol(&request.symbol)?;
        let config = self.exchange.instrument_config(instrument);
        let price = match (request.kind, &request.price) {
            (OrderKind::Limit, Some(text)) => {
                number("price", text, config.price_decimals, "PRICE_FILTER")?
            }
            _ => 0,
        };
        let size = size(request, config)?;
        let client_id: Arc<str> = match &request.client_id {
            Some(id) if is_client_id(id) => Arc::from(id.as_str()),
            Some(_) => return Err(ApiError::illegal("newClientOrderId")),
            None => self.make_client_id(),
        };
        Ok(NewOrder {
            account,
            instrument,
            client_id,
            side: request.side,
            kind: request.kind,
            tif: request.tif,
            post_only: request.post_only,
            price,
            size,
            stp: request.stp,
            tag: 0,
        })
    }

    /// Places an order. Checks in this order: fault, rate, syntax, engine.
    pub(super) fn place(
        &mut self,
        now_ns: u64,
        account: AccountId,
        request: &OrderRequest,
    ) -> Result<u64, ApiError> {
        let new = self.engine_order(account, request)?;
        if let Some((code, text)) = self.faults.reject_next.take() {
            return Err(ApiError::new(code, text));
        }
        self.limits.check_order(now_ns, account)?;
        let id = self.exchange.place(now_ns, &new).map_err(of_new_order)?;
        self.limits.order_placed(now_ns, account);
        Ok(id)
    }

    /// Checks an order without placing it.
    pub(super) fn test_order(
        &mut self,
        account: AccountId,
        request: &OrderRequest,
    ) -> Result<(), ApiError> {
        let new = self.engine_order(account, request)?;
        self.exchange.check_new(&new).map_err(of_new_order)
    }

    /// Cancels an order; returns the ended order and the id of the request.
    pub(super) fn cancel(
        &mut self,
        now_ns: u64,
        account: AccountId,
        instrument: InstrumentId,
        order: OrderRef<'_>,
        only: CancelOnly,
        request_id: Option<&str>,
    ) -> Result<(Order, Arc<str>), ApiError> {
        let request_id: Arc<str> = match request_id {
            Some(id) if is_client_id(id) => Arc::from(id),
            Some(_) => return Err(ApiError::illegal("newClientOrderId")),
            None => self.make_client_id(),
        };
        let known = self.exchange.order(account, order);
        if known.is_none_or(|o| o.instrument != instrument) {
            return Err(ApiError::unknown_order());
        }
        let ended = self
            .exchange
            .cancel(now_ns, account, order, only, Some(Arc::clone(&request_id)))
            .map_err(of_cancel)?;
        Ok((ended, request_id))
    }

    /// Reduces an order's quantity; returns the changed order and its earlier client id.
    pub(super) fn amend_quantity(
        &mut self,
        now_ns: u64,
        account: AccountId,
        instrument: InstrumentId,
        order: OrderRef<'_>,
        quantity: &str,
        client_id: Option<&str>,
    ) -> Result<(Order, Arc<str>), ApiError> {
        let client_id: Arc<str> = match client_id {
            Some(id) if is_client_id(id) => Arc::from(id),
            Some(_) => return Err(ApiError::illegal("newClientOrderId")),
            None => self.make_client_id(),
        };
        let decimals = self.exchange.instrument_config(instrument).quantity_decimals;
        let quantity = number("newQty", quantity, decimals, "LOT_SIZE")?;
        let known = self.exchange.order(account, order).filter(|o| o.instrument == instrument);
        let known = known.ok_or_else(|| of_amend(Refusal::UnknownOrder))?;
        if known.amends >= ORDER_AMENDS_MAX {
            return Err(ApiError::new(-2038, "Filter failure: MAX_NUM_ORDER_AMENDS"));
        }
        let old = Arc::clone(&known.client_id);
        let amend = Amend { quantity: Some(quantity), price: None, client_id: Some(client_id) };
        let order = self.exchange.amend(now_ns, account, order, &amend).map_err(of_amend)?;
        Ok((order, old))
    }

    /// A client id that the venue generates: 22 characters, from a counter.
    pub(super) fn make_client_id(&mut self) -> Arc<str> {
        const ALPHABET: &[u8; 62] =
            b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let text: String =
            (0..22).map(|_| ALPHABET[self.ids.below(62) as usize % 62] as char).collect();
        Arc::from(text)
    }
}

/// The order that the parameters of a request name.
pub(super) fn order_ref<'a>(
    params: &'a Params,
    id_name: &str,
    client_name: &'a str,
) -> Result<OrderRef<'a>, ApiError> {
    let id = params.optional_number(id_name)?;
    match (id, params.get(client_name)) {
        (Some(id), Some(client)) => Ok(OrderRef::Both(id, client)),
        (Some(id), None) => Ok(OrderRef::Id(id)),
        (None, Some(client)) => Ok(OrderRef::Client(client)),
        (None, None) => {
            let text = format!(
                "Param '{client_name}' or '{id_name}' must be sent, but both were empty/null!"
            );
            Err(ApiError::new(-1102, text))
        }
    }
}

/// Reads `cancelRestrictions`.
pub(super) fn cancel_only(text: Option<&str>) -> Result<CancelOnly, ApiError> {
    match text {
        None => Ok(CancelOnly::Any),
        Some("ONLY_NEW") => Ok(CancelOnly::New),
        Some("ONLY_PARTIALLY_FILLED") => Ok(CancelOnly::PartiallyFilled),
        Some(_) => Err(ApiError::illegal("cancelRestrictions")),
    }
}
