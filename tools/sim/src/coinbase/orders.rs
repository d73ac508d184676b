//! Orders as both protocols ask for them: a request out of texts, and its way into the engine.
//!
//! A line belongs here if FIX and REST need it.

use std::sync::Arc;

use super::error::{self, ApiError, Steps};
use super::{CoinbaseFront, ids};
use crate::decimal::{self, DecimalError};
use crate::engine::{
    AMOUNT_DECIMALS, AccountId, Amend, CancelOnly, InstrumentConfig, InstrumentId, NewOrder, Order,
    OrderKind, OrderRef, OrderSize, Side, Stp, Tif,
};

/// A new order, with its numbers as texts.
#[derive(Clone, Debug)]
pub(super) struct OrderRequest {
    pub product: String,
    pub client_id: Arc<str>,
    pub side: Side,
    pub kind: OrderKind,
    pub tif: Tif,
    pub post_only: bool,
    pub price: Option<String>,
    pub size: Option<String>,
    pub funds: Option<String>,
    pub stp: Stp,
    /// The FIX connection that places the order; zero over REST.
    pub tag: u64,
}

/// Which order a request is about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    /// The venue's id.
    pub id: Option<&'a str>,
    /// The client's id.
    pub client_id: Option<&'a str>,
}

impl CoinbaseFront {
    pub(super) fn product(&self, symbol: &str) -> Result<InstrumentId, ApiError> {
        self.exchange.instrument(symbol).ok_or_else(ApiError::unknown_product)
    }

    /// Places an order; returns the engine's number of it.
    pub(super) fn place(
        &mut self,
        now_ns: u64,
        account: AccountId,
        request: &OrderRequest,
    ) -> Result<u64, ApiError> {
        if let Some(text) = self.faults.reject_next.take() {
            return Err(ApiError::new(400, text));
        }
        if now_ns < self.limits.refused_until_ns {
            return Err(ApiError::new(429, "Private rate limit exceeded"));
        }
        let instrument = self.product(&request.product)?;
        let config = self.exchange.instrument_config(instrument);
        let new = NewOrder {
            account,
            instrument,
            client_id: Arc::clone(&request.client_id),
            side: request.side,
            kind: request.kind,
            tif: request.tif,
            post_only: request.post_only,
            price: price(config, request.price.as_deref().unwrap_or("0"))?,
            size: size(config, request)?,
            stp: request.stp,
            tag: request.tag,
        };
        let steps = steps(config);
        self.exchange.place(now_ns, &new).map_err(|refusal| error::of_order(refusal, &steps))
    }

    /// The order that a request names, also one that is over.
    pub(super) fn find(&self, account: AccountId, wanted: Wanted<'_>) -> Result<&Order, ApiError> {
        let by_client = |id: &str| {
            let order = self.exchange.order(account, OrderRef::Client(id));
            // A replaced order is known by its newest id alone.
            order.filter(|order| *order.client_id == *id)
        };
        let found = match wanted {
            Wanted { id: Some(id), client_id } => {
                let number = ids::order_number(id);
                let order = number.and_then(|id| self.exchange.order(account, OrderRef::Id(id)));
                order.filter(|order| client_id.is_none_or(|client| *order.client_id == *client))
            }
            Wanted { id: None, client_id: Some(client) } => by_client(client),
            Wanted { id: None, client_id: None } => None,
        };
        found.filter(|order| !self.is_forgotten(order)).ok_or_else(ApiError::unknown_order)
    }

    /// A cancelled order without a fill leaves no trace.
    fn is_forgotten(&self, order: &Order) -> bool {
        self.config.forgets_unfilled && !order.status.is_open() && order.filled == 0
    }

    pub(super) fn cancel(
        &mut self,
        now_ns: u64,
        account: AccountId,
        wanted: Wanted<'_>,
    ) -> Result<Order, ApiError> {
        let order = self.find(account, wanted)?;
        if !order.status.is_open() {
            return Err(ApiError::already_done());
        }
        let id = OrderRef::Id(order.id);
        self.exchange
            .cancel(now_ns, account, id, CancelOnly::Any, None)
            .map_err(|_| ApiError::unknown_order())
    }

    /// Replaces price and quantity in all; the order gets another client id. Only the connection
    /// that placed the order may do so.
    pub(super) fn replace(
        &mut self,
        now_ns: u64,
        account: AccountId,
        wanted: Wanted<'_>,
        (tag, client_id): (u64, &str),
        (new_price, new_size): (&str, &str),
    ) -> Result<(), ApiError> {
        let order = self.find(account, wanted)?;
        if order.tag != tag {
            return Err(ApiError::unknown_order());
        }
        if !order.status.is_open() {
            return Err(ApiError::already_done());
        }
        let id = OrderRef::Id(order.id);
        let config = self.exchange.instrument_config(order.instrument);
        let amend = Amend {
            quantity: Some(quantity(config, new_size)?),
            price: Some(price(config, new_price)?),
            client_id: Some(Arc::from(client_id)),
        };
        let steps = steps(config);
        let done = self.exchange.amend(now_ns, account, id, &amend);
        done.map(|_| ()).map_err(|refusal| error::of_order(refusal, &steps))
    }
}

fn price(config: &InstrumentConfig, text: &str) -> Result<i64, ApiError> {
    match decimal::parse(text, config.price_decimals) {
        Ok(price) => Ok(price),
        Err(DecimalError::TooPrecise(_)) => {
            let tick = steps(config).tick;
            Err(ApiError::new(400, format!("price is too accurate. Smallest unit is {tick}")))
        }
        Err(DecimalError::Malformed | DecimalError::TooLarge) => {
            Err(ApiError::new(400, "Invalid Price"))
        }
    }
}

fn quantity(config: &InstrumentConfig, text: &str) -> Result<i64, ApiError> {
    match decimal::parse(text, config.quantity_decimals) {
        Ok(quantity) if quantity % config.lot == 0 => Ok(quantity),
        Ok(_) | Err(DecimalError::TooPrecise(_)) => {
            let lot = steps(config).lot;
            Err(ApiError::new(400, format!("size is too accurate. Smallest unit is {lot}")))
        }
        Err(DecimalError::Malformed | DecimalError::TooLarge) => {
            Err(ApiError::new(400, "Invalid size"))
        }
    }
}

fn size(config: &InstrumentConfig, request: &OrderRequest) -> Result<OrderSize, ApiError> {
    match (&request.size, &request.funds) {
        (Some(size), None) => quantity(config, size).map(OrderSize::Base),
        (None, Some(funds)) if request.kind == OrderKind::Market => {
            let funds = decimal::parse(funds, config.price_decimals)
                .map_err(|_| ApiError::new(400, "Invalid funds"))?;
            let scale = 10i128.pow(AMOUNT_DECIMALS - config.price_decimals);
            Ok(OrderSize::Quote(i128::from(funds) * scale))
        }
        _ => Err(ApiError::new(400, "size is required")),
    }
}

/// The steps and minima of a product as texts.
pub(super) fn steps(config: &InstrumentConfig) -> Steps {
    let quantity =
        |mantissa| decimal::format_trimmed(i128::from(mantissa), config.quantity_decimals);
    Steps {
        tick: decimal::format_trimmed(i128::from(config.tick), config.price_decimals),
        lot: quantity(config.lot),
        size_min: quantity(config.min_quantity),
        notional_min: decimal::format_trimmed(config.min_notional, AMOUNT_DECIMALS),
    }
}
