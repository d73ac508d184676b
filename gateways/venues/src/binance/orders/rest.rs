//! REST: signed requests out, typed answers in.
//!
//! A line belongs here if it writes a query or reads a JSON answer. When to ask is the shared
//! inquiry.

use core::fmt::Write as _;
use std::borrow::Cow;

use rutter_core::id::{AssetId, ChildId, ExecId, VenueOrderId};
use rutter_core::input::{Fate, Liquidity, Side};
use rutter_core::number::{Amount, Qty};
use rutter_transport::machine::{HttpMethod, HttpRequest, HttpResponse};
use rutter_transport::secret::Secret;
use rutter_transport::standing::Why;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::answers::Class;
use crate::binance::{ids, reject};
use crate::decimal::DecimalError;
use crate::inquiry::{Ask, One, OpenOrders, OrderPage, OrderState, Trade, TradePage};
use crate::listing::{self, Assets, Listing, Listings};
use crate::signing::{Ed25519Signer, percent_encode};

/// Most trades of one answer, which is the venue's limit.
const TRADES_PER_PAGE: usize = 1_000;
/// How long a signed request stays valid, in milliseconds.
const REST_RECV_WINDOW_MS: u32 = 5_000;
const NO_SUCH_ORDER: i64 = -2013;
/// The order ended without an execution over 90 days ago.
const ARCHIVED: i64 = -2026;
/// Most orders on one page of the history, which is the venue's limit.
const ORDERS_PER_PAGE: usize = 1_000;

/// What a call adds to the weight that the venue counts.
pub(super) const fn weight(ask: &Ask<One>) -> u32 {
    match ask {
        Ask::OpenOrders => 80,
        Ask::Children(One::Order { .. }) => 4,
        Ask::Children(One::Trades { .. }) => 5,
        Ask::Children(One::Open { .. }) => 6,
        Ask::Children(One::History { .. }) | Ask::Balances => 20,
    }
}

/// Path and query of a question; the query ends with `&` unless it is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    path: &'static str,
    query: String,
}

/// The query of a question. An instrument that is not listed, which is never asked about, has an
/// empty symbol. `since_ms` is the time since which the history is read, in Unix milliseconds.
pub(super) fn query(ask: &Ask<One>, node_tag: u32, listings: &Listings, since_ms: u64) -> Query {
    let symbol = |instrument| listings.instrument(instrument).map_or("", |l| l.symbol.as_str());
    let (path, query) = match *ask {
        Ask::OpenOrders => ("/api/v3/openOrders", String::new()),
        Ask::Children(One::Order { child, instrument }) => {
            let (symbol, id) = (symbol(instrument), ids::order(node_tag, child));
            ("/api/v3/order", format!("symbol={symbol}&origClientOrderId={}&", id.as_str()))
        }
        Ask::Children(One::Trades { instrument, order, from }) => {
            let from = from.map_or(String::new(), |from| format!("fromId={from}&"));
            let (symbol, limit) = (symbol(instrument), TRADES_PER_PAGE);
            let query = format!("symbol={symbol}&orderId={order}&{from}limit={limit}&");
            ("/api/v3/myTrades", query)
        }
        Ask::Children(One::Open { instrument, .. }) => {
            ("/api/v3/openOrders", format!("symbol={}&", symbol(instrument)))
        }
        Ask::Children(One::History { instrument, from, .. }) => {
            let (symbol, limit) = (symbol(instrument), ORDERS_PER_PAGE);
            let begin = match from {
                Some(from) => format!("orderId={from}"),
                None => format!("startTime={since_ms}"),
            };
            ("/api/v3/allOrders", format!("symbol={symbol}&{begin}&limit={limit}&"))
        }
        Ask::Balances => ("/api/v3/account", String::new()),
    };
    Query { path, query }
}

/// The signed request. The signature covers the query exactly as sent.
pub(super) fn request(
    query: Query,
    id: u64,
    now_ns: u64,
    signer: &Ed25519Signer,
    api_key: &Secret,
) -> HttpRequest {
    let Query { path, mut query } = query;
    let now_ms = now_ns / 1_000_000;
    // Writing to a string cannot fail.
    let _ = write!(query, "recvWindow={REST_RECV_WINDOW_MS}&timestamp={now_ms}");
    let signature = signer.sign_base64(query.as_bytes());
    query.push_str("&signature=");
    percent_encode(&mut query, &signature);
    HttpRequest {
        id,
        method: HttpMethod::Get,
        target: format!("{path}?{query}"),
        headers: vec![("X-MBX-APIKEY".to_owned(), api_key.expose().to_owned())],
        body: String::new(),
    }
}

/// Why an answer is of no use. The question is then asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RestError {
    /// No answer arrived.
    #[error("no answer")]
    NoAnswer,
    /// The venue wants fewer requests, by HTTP status or by code.
    #[error("rate limited, HTTP {status}")]
    RateLimited {
        /// HTTP status.
        status: u16,
        /// The end of a ban, in nanoseconds since the Unix epoch, if the text names it.
        until_ns: Option<u64>,
    },
    /// The venue refused the request for another reason.
    #[error("HTTP {status}, code {code}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Binance's error code; 0 when the body has none.
        code: i64,
        /// What the code says of our key, if anything.
        why: Option<Why>,
    },
    /// The body is not the documented JSON.
    #[error("not the documented JSON")]
    Json,
    /// The answer is about another symbol.
    #[error("answer about another symbol")]
    Symbol,
    /// The answer is about another order.
    #[error("answer about another order")]
    OtherOrder,
    /// A number does not fit the instrument's decimals.
    #[error(transparent)]
    Decimal(#[from] DecimalError),
    /// The order's status is not documented.
    #[error("unknown order status")]
    Status,
    /// A trade's price or quantity is not above zero.
    #[error("a trade of nothing")]
    EmptyTrade,
}

#[derive(Default, Deserialize)]
struct ErrorJson<'a> {
    code: i64,
    #[serde(borrow, default)]
    msg: Cow<'a, str>,
}

/// The body of a good answer.
fn body(response: Option<&HttpResponse>) -> Result<&str, RestError> {
    let response = response.ok_or(RestError::NoAnswer)?;
    if response.status == 200 {
        return Ok(&response.body);
    }
    let status = response.status;
    let told = serde_json::from_str::<ErrorJson<'_>>(&response.body);
    let ErrorJson { code, msg } = told.unwrap_or_default();
    if reject::class_of_answer(status, code, &msg) == Class::RateLimit {
        return Err(RestError::RateLimited { status, until_ns: reject::banned_until_ns(&msg) });
    }
    Err(RestError::Refused { status, code, why: reject::why(code, &msg) })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderJson<'a> {
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    order_id: u64,
    #[serde(borrow)]
    client_order_id: Cow<'a, str>,
    #[serde(borrow)]
    executed_qty: Cow<'a, str>,
    #[serde(borrow)]
    orig_qty: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
}

impl OrderJson<'_> {
    fn state(&self, listing: &Listing) -> Result<OrderState, RestError> {
        let fate = match self.status.as_ref() {
            "NEW" | "PENDING_NEW" | "PARTIALLY_FILLED" | "PENDING_CANCEL" => Fate::Open,
            "FILLED" | "CANCELED" => Fate::Closed,
            "EXPIRED" => Fate::Expired,
            "EXPIRED_IN_MATCH" => Fate::SelfMatch,
            "REJECTED" => Fate::Rejected,
            _ => return Err(RestError::Status),
        };
        let filled = listing.qty(self.executed_qty.as_bytes())?;
        if filled.0 < 0 {
            return Err(DecimalError::Range.into());
        }
        // After an amend it is the new quantity.
        let qty = listing.qty(self.orig_qty.as_bytes())?.max(filled);
        let order = order_id(self.order_id);
        Ok(OrderState { order, fate, filled, qty })
    }
}

/// The venue's number of an order as the core's text.
fn order_id(number: u64) -> VenueOrderId {
    VenueOrderId::new(number.to_string().as_bytes()).unwrap_or_default()
}

/// Reads the answer to [`One::Order`]; `None` when the venue does not know the order.
pub(super) fn order(
    response: Option<&HttpResponse>,
    listing: &Listing,
    (node_tag, child): (u32, ChildId),
) -> Result<Option<OrderState>, RestError> {
    let text = match body(response) {
        Err(RestError::Refused { code: NO_SUCH_ORDER, .. }) => return Ok(None),
        Err(RestError::Refused { code: ARCHIVED, .. }) => {
            let (order, fate) = (VenueOrderId::default(), Fate::Closed);
            let (filled, qty) = (Qty::ZERO, Qty::ZERO);
            return Ok(Some(OrderState { order, fate, filled, qty }));
        }
        other => other?,
    };
    let order: OrderJson<'_> = serde_json::from_str(text).map_err(|_| RestError::Json)?;
    if order.symbol != listing.symbol.as_str() {
        return Err(RestError::Symbol);
    }
    let id = ids::parse(node_tag, order.client_order_id.as_bytes());
    if id.is_none_or(|id| id.child != child) {
        return Err(RestError::OtherOrder);
    }
    order.state(listing).map(Some)
}

/// Whose an order in a list is. Nothing else is read of an order that is not ours.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OwnerJson<'a> {
    #[serde(borrow, default, deserialize_with = "crate::json::text_or_nothing")]
    symbol: Cow<'a, str>,
    #[serde(borrow, default)]
    order_id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "crate::json::text_or_nothing")]
    client_order_id: Cow<'a, str>,
}

impl OwnerJson<'_> {
    fn number(&self) -> Option<u64> {
        self.order_id.and_then(|raw| raw.get().parse().ok())
    }

    fn child(&self, node_tag: u32) -> Option<ChildId> {
        let id = ids::parse(node_tag, self.client_order_id.as_bytes());
        id.filter(|id| id.cancel.is_none()).map(|id| id.child)
    }
}

/// The orders of a list, each with its owner. An entry of which not even that can be read fails the
/// list: it may be ours.
fn listed(response: Option<&HttpResponse>) -> Result<Vec<(OwnerJson<'_>, &RawValue)>, RestError> {
    let told: Vec<&RawValue> =
        serde_json::from_str(body(response)?).map_err(|_| RestError::Json)?;
    let mut orders = Vec::with_capacity(told.len());
    for raw in told {
        // A structure may be read from an array as well.
        if !raw.get().starts_with('{') {
            return Err(RestError::Json);
        }
        orders.push((serde_json::from_str(raw.get()).map_err(|_| RestError::Json)?, raw));
    }
    Ok(orders)
}

/// Reads the answer to [`Ask::OpenOrders`].
pub(super) fn open_orders(
    response: Option<&HttpResponse>,
    node_tag: u32,
    listings: &Listings,
) -> Result<OpenOrders, RestError> {
    let mut found = OpenOrders::default();
    for (owner, raw) in listed(response)? {
        let Some(child) = owner.child(node_tag) else {
            found.others += 1;
            continue;
        };
        let Some(listing) = listings.symbol(owner.symbol.as_bytes()) else {
            found.unlisted += 1;
            continue;
        };
        match state_of(raw, listing) {
            Ok(state) => found.ours.push((child, listing.instrument, state)),
            Err(_) => found.unclear.push((child, listing.instrument)),
        }
    }
    Ok(found)
}

/// The state of an order of ours in a list.
fn state_of(raw: &RawValue, listing: &Listing) -> Result<OrderState, RestError> {
    let order: OrderJson<'_> = serde_json::from_str(raw.get()).map_err(|_| RestError::Json)?;
    order.state(listing)
}

/// Reads the answer to [`One::Open`] or [`One::History`]: the child's order among those of its
/// instrument. Orders of others are not read further than their ids.
pub(super) fn orders(
    response: Option<&HttpResponse>,
    listing: &Listing,
    (node_tag, child): (u32, ChildId),
) -> Result<OrderPage, RestError> {
    let told = listed(response)?;
    let is_full = told.len() >= ORDERS_PER_PAGE;
    let last = told.last().filter(|_| is_full).and_then(|(last, _)| last.number());
    let next = last.and_then(|last| last.checked_add(1));
    if is_full && next.is_none() {
        // Where the next page begins is not known.
        return Err(RestError::Json);
    }
    if told.iter().any(|(owner, _)| owner.client_order_id.is_empty()) {
        // The order may be the child's, so the list proves nothing.
        return Err(RestError::Json);
    }
    let ours = |(owner, _): &(OwnerJson<'_>, &RawValue)| owner.child(node_tag);
    let found = told.iter().find(|order| ours(order) == Some(child));
    let found = found.map(|(_, raw)| state_of(raw, listing)).transpose()?;
    let ours = told.iter().filter_map(ours).collect();
    Ok(OrderPage { next: next.filter(|_| found.is_none()), ours, found })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TradeJson<'a> {
    id: u64,
    #[serde(borrow)]
    symbol: Cow<'a, str>,
    order_id: u64,
    #[serde(borrow)]
    price: Cow<'a, str>,
    #[serde(borrow)]
    qty: Cow<'a, str>,
    #[serde(borrow)]
    commission: Cow<'a, str>,
    #[serde(borrow)]
    commission_asset: Cow<'a, str>,
    is_buyer: bool,
    is_maker: bool,
}

/// Reads the answer to [`One::Trades`]. `assets` are the listed assets, and the asset that stands
/// for any other.
pub(super) fn trades(
    response: Option<&HttpResponse>,
    listing: &Listing,
    order: VenueOrderId,
    assets: (&Assets, AssetId),
) -> Result<TradePage, RestError> {
    let told: Vec<TradeJson<'_>> =
        serde_json::from_str(body(response)?).map_err(|_| RestError::Json)?;
    let is_full = told.len() >= TRADES_PER_PAGE;
    let next = told.last().filter(|_| is_full).and_then(|last| last.id.checked_add(1));
    let trades: Result<_, _> =
        told.iter().map(|trade| trade_of(trade, listing, order, assets)).collect();
    Ok(TradePage { trades: trades?, next })
}

fn trade_of(
    trade: &TradeJson<'_>,
    listing: &Listing,
    order: VenueOrderId,
    (assets, fallback): (&Assets, AssetId),
) -> Result<Trade, RestError> {
    if trade.symbol != listing.symbol.as_str() || order_id(trade.order_id) != order {
        return Err(RestError::Symbol);
    }
    let asset = assets.name(trade.commission_asset.as_bytes());
    let fee = listing::amount(trade.commission.as_bytes())?;
    let read = Trade {
        exec: ExecId(u128::from(trade.id)),
        side: if trade.is_buyer { Side::Buy } else { Side::Sell },
        qty: listing.qty(trade.qty.as_bytes())?,
        price: listing.price(trade.price.as_bytes())?,
        fee: if asset.is_some() { fee } else { Amount::ZERO },
        fee_asset: asset.unwrap_or(fallback),
        is_fee_known: asset.is_some(),
        liquidity: if trade.is_maker { Liquidity::Maker } else { Liquidity::Taker },
    };
    if read.qty.0 <= 0 || read.price.0 <= 0 { Err(RestError::EmptyTrade) } else { Ok(read) }
}

#[derive(Deserialize)]
struct AccountJson<'a> {
    #[serde(borrow)]
    balances: Vec<&'a RawValue>,
}

/// Which asset a balance is of. Nothing else is read of an asset that is not listed.
#[derive(Deserialize)]
struct AssetJson<'a> {
    #[serde(borrow, default, deserialize_with = "crate::json::text_or_nothing")]
    asset: Cow<'a, str>,
}

#[derive(Deserialize)]
struct BalanceJson<'a> {
    #[serde(borrow)]
    free: Cow<'a, str>,
    #[serde(borrow)]
    locked: Cow<'a, str>,
}

/// Reads the answer to [`Ask::Balances`]: the total of every listed asset, which is zero for an
/// asset that the venue does not name.
pub(super) fn balances(
    response: Option<&HttpResponse>,
    assets: &Assets,
) -> Result<Vec<(AssetId, Amount)>, RestError> {
    let account: AccountJson<'_> =
        serde_json::from_str(body(response)?).map_err(|_| RestError::Json)?;
    let mut totals: Vec<(AssetId, Amount)> =
        assets.ids().into_iter().map(|id| (id, Amount::ZERO)).collect();
    for raw in account.balances {
        let of: AssetJson<'_> = serde_json::from_str(raw.get()).map_err(|_| RestError::Json)?;
        let Some(asset) = assets.name(of.asset.as_bytes()) else { continue };
        let read = serde_json::from_str(raw.get());
        let balance: BalanceJson<'_> = read.map_err(|_| RestError::Json)?;
        let free = listing::amount(balance.free.as_bytes())?;
        let locked = listing::amount(balance.locked.as_bytes())?;
        if let Some((_, total)) = totals.iter_mut().find(|(id, _)| *id == asset) {
            *total = total.plus(free).plus(locked);
        }
    }
    Ok(totals)
}
