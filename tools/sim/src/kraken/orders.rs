//! Orders from WebSocket or REST: checks of the dialect, the rate counter, the engine.
//!
//! A line belongs here if both routes need it. Source: venue reference (Kraken), sections 4.1, 4.2
//! and 4.6.

use std::sync::Arc;

use super::error::{KrakenError, of_refusal};
use super::number;
use super::params::Params;
use super::rate::{Act, age_points, fixed_points};
use super::{Kraken, ids};
use crate::decimal::DecimalError;
use crate::engine::InstrumentConfig;
use crate::order::{
    AMOUNT_DECIMALS, AccountId, Amend, CancelOnly, EndReason, InstrumentId, NewOrder, Order,
    OrderKind, OrderRef, OrderSize, OrderStatus, Side, Stp, Tif,
};
use crate::time;

/// Latest deadline of an order.
const DEADLINE_MAX_NS: u64 = 60_000_000_000;

/// Earliest deadline. The venue asks for 500 ms at the sender, of which a part has passed on
/// arrival.
const DEADLINE_MIN_NS: u64 = 400_000_000;

/// Longest free-form client id, in characters.
const FREE_ID_BYTES_MAX: usize = 18;

/// Bit of [`Order::tag`] for good till date. The low 32 bits hold the user reference.
const TAG_GTD: u64 = 1 << 32;

/// An order request after all checks that need no state.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub instrument: InstrumentId,
    pub side: Side,
    pub kind: OrderKind,
    pub tif: Tif,
    pub post_only: bool,
    pub price: i64,
    pub size: OrderSize,
    pub stp: Stp,
    pub client_id: String,
    pub user_ref: i32,
    pub expires_ns: Option<u64>,
    pub validate: bool,
}

/// Parameter names that differ between the two routes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub kind: &'static str,
    pub side: &'static str,
    pub price: &'static str,
    pub quantity: &'static str,
    pub tif: &'static str,
    pub user_ref: &'static str,
    pub stp: &'static str,
}

pub(super) const WS_FIELDS: Fields = Fields {
    kind: "order_type",
    side: "side",
    price: "limit_price",
    quantity: "order_qty",
    tif: "time_in_force",
    user_ref: "order_userref",
    stp: "stp_type",
};

pub(super) const REST_FIELDS: Fields = Fields {
    kind: "ordertype",
    side: "type",
    price: "price",
    quantity: "volume",
    tif: "timeinforce",
    user_ref: "userref",
    stp: "stptype",
};

/// The user reference of an order.
pub(super) fn user_ref(order: &Order) -> i32 {
    order.tag as u32 as i32
}

/// The time in force as the venue writes it.
pub(super) fn tif_text(order: &Order) -> &'static str {
    match order.tif {
        _ if order.tag & TAG_GTD != 0 => "GTD",
        Tif::Gtc => "GTC",
        Tif::Ioc | Tif::Fok => "IOC",
    }
}

/// Checks a client id: UUID with hyphens, UUID in hex, or at most 18 printable characters.
pub(super) fn check_client_id(id: &str) -> Result<(), KrakenError> {
    let hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let uuid = id.len() == 36
        && id.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && id.split('-').all(hex);
    let free = id.len() <= FREE_ID_BYTES_MAX && id.bytes().all(|byte| byte.is_ascii_graphic());
    if !id.is_empty() && (uuid || (id.len() == 32 && hex(id)) || free) {
        return Ok(());
    }
    Err(KrakenError::InvalidArguments("cl_ord_id"))
}

/// Reads a price as a mantissa of the instrument.
fn price_of(config: &InstrumentConfig, text: &str) -> Result<i64, KrakenError> {
    let price =
        number::parse(text, config.price_decimals).map_err(|_| KrakenError::InvalidPrice)?;
    if price <= 0 {
        return Err(KrakenError::InvalidPrice);
    }
    if price % config.tick != 0 {
        return Err(KrakenError::TickSize);
    }
    Ok(price)
}

/// Reads a quantity as a mantissa of the instrument.
fn quantity_of(
    config: &InstrumentConfig,
    text: &str,
    field: &'static str,
) -> Result<i64, KrakenError> {
    match number::parse(text, config.quantity_decimals) {
        Ok(quantity) if quantity < config.min_quantity => Err(KrakenError::OrderMinimum),
        Ok(quantity) => Ok(quantity),
        Err(DecimalError::TooPrecise(_) | DecimalError::Malformed | DecimalError::TooLarge) => {
            Err(KrakenError::InvalidArguments(field))
        }
    }
}

impl Kraken {
    /// Reads an order of either route, for a known instrument.
    pub(super) fn read_order(
        &self,
        now_ns: u64,
        params: &Params,
        instrument: InstrumentId,
        fields: Fields,
    ) -> Result<Request, KrakenError> {
        let config = self.exchange.instrument_config(instrument);
        let kind = match params.need(fields.kind)?.as_str() {
            "limit" => OrderKind::Limit,
            "market" => OrderKind::Market,
            // The venue knows these; they are not simulated.
            _ => return Err(KrakenError::InvalidArguments(fields.kind)),
        };
        let side = match params.need(fields.side)?.as_str() {
            "buy" => Side::Buy,
            "sell" => Side::Sell,
            _ => return Err(KrakenError::InvalidArguments(fields.side)),
        };
        let price = match (kind, params.number(fields.price)?) {
            (OrderKind::Limit, Some(text)) => price_of(config, text)?,
            (OrderKind::Limit, None) => return Err(KrakenError::InvalidArguments(fields.price)),
            (OrderKind::Market, None) => 0,
            (OrderKind::Market, Some(_)) => {
                return Err(KrakenError::InvalidArguments(fields.price));
            }
        };
        let size = size_of(config, params, kind, side, fields)?;
        let (tif, gtd) = tif_of(params, kind, fields)?;
        let expires_ns = expiry(now_ns, params, gtd, fields)?;
        let user_ref = params.integer(fields.user_ref)?;
        let client_id = params.text("cl_ord_id")?.unwrap_or_default();
        if params.has("cl_ord_id") {
            check_client_id(&client_id)?;
            if user_ref.is_some() {
                return Err(KrakenError::InvalidArguments("cl_ord_id"));
            }
        }
        let user_ref = i32::try_from(user_ref.unwrap_or(0))
            .map_err(|_| KrakenError::InvalidArguments(fields.user_ref))?;
        check_deadline(now_ns, params)?;
        let post_only = post_only_of(params, fields)?;
        if post_only && (kind == OrderKind::Market || tif == Tif::Ioc) {
            return Err(KrakenError::InvalidArguments("post_only"));
        }
        let stp = match params.text(fields.stp)?.as_deref() {
            None | Some("cancel_newest" | "cancel-newest") => Stp::ExpireTaker,
            Some("cancel_oldest" | "cancel-oldest") => Stp::ExpireMaker,
            Some("cancel_both" | "cancel-both") => Stp::ExpireBoth,
            Some(_) => return Err(KrakenError::InvalidArguments(fields.stp)),
        };
        let validate = params.flag("validate", false)?;
        Ok(Request {
            instrument,
            side,
            kind,
            tif,
            post_only,
            price,
            size,
            stp,
            client_id,
            user_ref,
            expires_ns,
            validate,
        })
    }

    /// Counts an operation against the pair's counter.
    pub(super) fn count(
        &mut self,
        now_ns: u64,
        account: AccountId,
        instrument: InstrumentId,
        points: u64,
    ) -> Result<(), KrakenError> {
        let tier = self.keys.tier(account);
        let counter = self.rates.entry((account, instrument)).or_default();
        if counter.order(now_ns, tier, points) {
            return Ok(());
        }
        self.beyond += 1;
        Err(KrakenError::OrderRateLimit)
    }

    /// Places an order; `None` if the request only asks for validation.
    pub(super) fn place(
        &mut self,
        now_ns: u64,
        account: AccountId,
        request: &Request,
        fields: Fields,
    ) -> Result<Option<u64>, KrakenError> {
        let gtd = if request.expires_ns.is_some() { TAG_GTD } else { 0 };
        let new = NewOrder {
            account,
            instrument: request.instrument,
            client_id: Arc::from(request.client_id.as_str()),
            side: request.side,
            kind: request.kind,
            tif: request.tif,
            post_only: request.post_only,
            price: request.price,
            size: request.size,
            stp: request.stp,
            tag: u64::from(request.user_ref as u32) | gtd,
        };
        let word = |refusal| of_refusal(refusal, fields.quantity);
        if request.validate {
            self.exchange.check_new(&new).map_err(word)?;
            return Ok(None);
        }
        let id = self.exchange.place(now_ns, &new).map_err(word)?;
        if let Some(expires_ns) = request.expires_ns {
            self.expiries.insert((expires_ns, id));
        }
        Ok(Some(id))
    }

    /// The open order that an id or client id names.
    pub(super) fn find_open(
        &self,
        account: AccountId,
        id: OrderRef<'_>,
    ) -> Result<Order, KrakenError> {
        let found = self.exchange.order(account, id).filter(|order| order.status.is_open());
        found.cloned().ok_or(KrakenError::UnknownOrder)
    }

    /// Cancels one order and counts the cancel against the pair.
    pub(super) fn cancel(
        &mut self,
        now_ns: u64,
        account: AccountId,
        id: u64,
    ) -> Result<Order, KrakenError> {
        let order = self.find_open(account, OrderRef::Id(id))?;
        let points = age_points(Act::Cancel, self.age_ns(now_ns, &order));
        self.count(now_ns, account, order.instrument, points)?;
        self.amended.remove(&id);
        self.exchange
            .cancel(now_ns, account, OrderRef::Id(id), CancelOnly::Any, None)
            .map_err(|refusal| of_refusal(refusal, ""))
    }

    /// Age of an order for the rate counter, since its creation or last amend.
    fn age_ns(&self, now_ns: u64, order: &Order) -> u64 {
        let since_ns = self.amended.get(&order.id).copied().unwrap_or(order.created_ns);
        now_ns.saturating_sub(since_ns)
    }

    /// Changes price and quantity of an open order in place.
    pub(super) fn amend(
        &mut self,
        now_ns: u64,
        account: AccountId,
        order: &Order,
        params: &Params,
    ) -> Result<(), KrakenError> {
        let points = fixed_points(Act::Amend) + age_points(Act::Amend, self.age_ns(now_ns, order));
        self.count(now_ns, account, order.instrument, points)?;
        check_deadline(now_ns, params)?;
        let config = self.exchange.instrument_config(order.instrument);
        let price = params.number("limit_price")?.map(|text| price_of(config, text)).transpose()?;
        let quantity = params
            .number("order_qty")?
            .map(|text| quantity_of(config, text, "order_qty"))
            .transpose()?;
        if price.is_none() && quantity.is_none() {
            return Err(KrakenError::InvalidArguments(""));
        }
        if params.flag("post_only", false)?
            && let Some(price) = price
        {
            let best = self.exchange.best(order.instrument, order.side.opposite());
            let crosses = best.is_some_and(|best| match order.side {
                Side::Buy => price >= best,
                Side::Sell => price <= best,
            });
            if crosses {
                return Err(KrakenError::InvalidPrice);
            }
        }
        let amend = Amend { quantity, price, client_id: None };
        self.exchange
            .amend(now_ns, account, OrderRef::Id(order.id), &amend)
            .map_err(|refusal| of_refusal(refusal, "order_qty"))?;
        self.amended.insert(order.id, now_ns);
        Ok(())
    }

    /// Ends expired orders, and fires dead-man timers that are due.
    pub(super) fn expire(&mut self, now_ns: u64) {
        while let Some(&(due_ns, id)) = self.expiries.first()
            && due_ns <= now_ns
        {
            self.expiries.pop_first();
            // The order may have ended before.
            let _ = self.exchange.end(now_ns, id, EndReason::Time);
        }
        let fired: Vec<AccountId> = self
            .dead_man
            .iter()
            .filter(|(_, due_ns)| **due_ns <= now_ns)
            .map(|(account, _)| *account)
            .collect();
        for account in fired {
            self.dead_man.remove(&account);
            let open: Vec<u64> =
                self.exchange.open_orders(account, None).map(|order| order.id).collect();
            for id in open {
                let _ = self.exchange.end(now_ns, id, EndReason::Disconnect);
            }
        }
    }

    /// The order that an id text names.
    pub(super) fn by_text<'a>(
        order_id: Option<&str>,
        client_id: Option<&'a str>,
    ) -> Result<OrderRef<'a>, KrakenError> {
        match (order_id, client_id) {
            (Some(text), None) => {
                ids::parse_order(text).map(OrderRef::Id).ok_or(KrakenError::UnknownOrder)
            }
            (None, Some(client)) => Ok(OrderRef::Client(client)),
            (None, None) | (Some(_), Some(_)) => Err(KrakenError::InvalidArguments("order_id")),
        }
    }

    /// Whether a quote-sized market order has spent all it could. The engine ends it without a
    /// report.
    pub(super) fn is_spent(&self, account: AccountId, id: u64) -> bool {
        self.exchange.order(account, OrderRef::Id(id)).is_some_and(|order| {
            order.quote_ordered.is_some() && order.status == OrderStatus::Filled
        })
    }
}

/// When an order good till a date ends.
fn expiry(
    now_ns: u64,
    params: &Params,
    gtd: bool,
    fields: Fields,
) -> Result<Option<u64>, KrakenError> {
    let field = if fields.tif == WS_FIELDS.tif { "expire_time" } else { "expiretm" };
    let blame = KrakenError::InvalidArguments(field);
    let expires_ns = match (gtd, params.has(field)) {
        (false, false) => return Ok(None),
        (false, true) | (true, false) => return Err(blame),
        (true, true) if field == "expire_time" => time::parse(&params.need(field)?),
        (true, true) => rest_time(now_ns, params.raw(field).unwrap_or("")),
    };
    match expires_ns {
        Some(expires_ns) if expires_ns > now_ns => Ok(Some(expires_ns)),
        _ => Err(blame),
    }
}

fn size_of(
    config: &InstrumentConfig,
    params: &Params,
    kind: OrderKind,
    side: Side,
    fields: Fields,
) -> Result<OrderSize, KrakenError> {
    let by_quote = params.number("cash_order_qty")?;
    match (by_quote, params.number(fields.quantity)?) {
        (None, Some(text)) => quantity_of(config, text, fields.quantity).map(OrderSize::Base),
        (Some(text), None) if kind == OrderKind::Market && side == Side::Buy => {
            let blame = KrakenError::InvalidArguments("cash_order_qty");
            let units = number::parse(text, 8).map_err(|_| blame)?;
            Ok(OrderSize::Quote(i128::from(units) * 10i128.pow(AMOUNT_DECIMALS - 8)))
        }
        (Some(_), _) => Err(KrakenError::InvalidArguments("cash_order_qty")),
        (None, None) => Err(KrakenError::InvalidArguments(fields.quantity)),
    }
}

fn tif_of(params: &Params, kind: OrderKind, fields: Fields) -> Result<(Tif, bool), KrakenError> {
    let text = params.text(fields.tif)?.map(|text| text.to_ascii_lowercase());
    match (text.as_deref(), kind) {
        (_, OrderKind::Market) | (Some("ioc"), OrderKind::Limit) => Ok((Tif::Ioc, false)),
        (None | Some("gtc"), OrderKind::Limit) => Ok((Tif::Gtc, false)),
        (Some("gtd"), OrderKind::Limit) => Ok((Tif::Gtc, true)),
        // This route does not offer "fok".
        (Some("fok"), OrderKind::Limit) => Err(KrakenError::InvalidArguments("")),
        (Some(_), OrderKind::Limit) => Err(KrakenError::InvalidArguments(fields.tif)),
    }
}

fn post_only_of(params: &Params, fields: Fields) -> Result<bool, KrakenError> {
    if fields.tif == WS_FIELDS.tif {
        return params.flag("post_only", false);
    }
    let mut post_only = false;
    for flag in params.texts("oflags")? {
        match flag.as_str() {
            "post" => post_only = true,
            "fciq" | "" => {}
            _ => return Err(KrakenError::InvalidArguments("oflags")),
        }
    }
    Ok(post_only)
}

/// Checks that a deadline is in the future and not too far away.
pub(super) fn check_deadline(now_ns: u64, params: &Params) -> Result<(), KrakenError> {
    let Some(text) = params.text("deadline")? else { return Ok(()) };
    let deadline_ns = time::parse(&text).ok_or(KrakenError::InvalidArguments("deadline"))?;
    match deadline_ns.checked_sub(now_ns) {
        None | Some(0) => Err(KrakenError::DeadlineElapsed),
        Some(DEADLINE_MIN_NS..=DEADLINE_MAX_NS) => Ok(()),
        Some(_) => Err(KrakenError::InvalidArguments("deadline")),
    }
}

/// Reads `+<seconds>` from now, or Unix seconds.
fn rest_time(now_ns: u64, text: &str) -> Option<u64> {
    match text.strip_prefix('+') {
        Some(seconds) => {
            now_ns.checked_add(seconds.parse::<u64>().ok()?.checked_mul(1_000_000_000)?)
        }
        None => text.parse::<u64>().ok()?.checked_mul(1_000_000_000),
    }
}
