//! REST: signed requests out, typed answers in.
//!
//! A line belongs here if it writes a query or reads a JSON answer. When to ask is the shared
//! inquiry.

use std::borrow::Cow;

use rutter_core::id::{AssetId, ChildId, ExecId, InstrumentId, VenueOrderId};
use rutter_core::input::{Fate, Liquidity, Side};
use rutter_core::number::{Amount, Qty};
use rutter_transport::machine::HttpResponse;
use rutter_transport::standing::Why;
use serde::Deserialize;

use crate::answers::Class;
use crate::coinbase::ids::{self, Kind};
use crate::coinbase::reject;
use crate::decimal::DecimalError;
use crate::inquiry::{Ask, One, OpenOrders, OrderPage, OrderState, Trade, TradePage};
use crate::listing::{self, Assets, Listing, Listings};

/// Most rows of one answer, which is the venue's limit.
const ROWS_MAX: usize = 1_000;

/// Path and query of a question. An instrument that is not listed, which is never asked about, has
/// an empty product. `venue_order` is the venue's id of a child's order; empty if it is not known.
pub(super) fn target(
    ask: &Ask<One>,
    node_tag: u32,
    listings: &Listings,
    venue_order: VenueOrderId,
) -> String {
    let product = |instrument: InstrumentId| {
        listings.instrument(instrument).map_or("", |listing| listing.symbol.as_str())
    };
    match *ask {
        Ask::OpenOrders => format!("/orders?status=open&status=pending&limit={ROWS_MAX}"),
        Ask::Children(One::Order { child, .. }) if venue_order.is_empty() => {
            format!("/orders/client:{}", ids::order(node_tag, child).as_str())
        }
        Ask::Children(One::Order { .. }) => format!("/orders/{venue_order}"),
        Ask::Children(One::Trades { order, from, .. }) => {
            let after = from.map_or(String::new(), |from| format!("&after={from}"));
            format!("/fills?order_id={order}{after}&limit={ROWS_MAX}")
        }
        Ask::Children(One::Open { instrument, .. }) => {
            let product = product(instrument);
            format!("/orders?product_id={product}&status=open&status=pending&limit={ROWS_MAX}")
        }
        Ask::Children(One::History { instrument, .. }) => {
            let product = product(instrument);
            format!("/orders?product_id={product}&status=done&limit={ROWS_MAX}")
        }
        Ask::Balances => "/accounts".to_owned(),
    }
}

/// Why an answer is of no use. The question is then asked again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum RestError {
    /// No answer arrived.
    #[error("no answer")]
    NoAnswer,
    /// The venue wants fewer requests.
    #[error("rate limited, HTTP {status}")]
    RateLimited {
        /// HTTP status.
        status: u16,
    },
    /// The venue does not know the order.
    #[error("the venue does not know the order")]
    NoSuchOrder,
    /// The venue refused the request for another reason.
    #[error("HTTP {status}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// What the answer says of our key, if anything.
        why: Option<Why>,
    },
    /// The body is not the documented JSON.
    #[error("not the documented JSON")]
    Json,
    /// The answer is about another product.
    #[error("answer about another product")]
    Product,
    /// The answer is about another order.
    #[error("answer about another order")]
    OtherOrder,
    /// The list is longer than one answer, and the rest of it cannot be asked for.
    #[error("more than {ROWS_MAX} orders")]
    TooMany,
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
    #[serde(borrow, default)]
    message: Cow<'a, str>,
}

/// The body of a good answer.
fn body(response: Option<&HttpResponse>) -> Result<&str, RestError> {
    let response = response.ok_or(RestError::NoAnswer)?;
    let status = response.status;
    if status == 200 {
        return Ok(&response.body);
    }
    let told = serde_json::from_str::<ErrorJson<'_>>(&response.body);
    let is_ours = told.is_ok();
    let message = told.unwrap_or_default().message;
    match reject::class_of_answer(status, &message) {
        Class::RateLimit => Err(RestError::RateLimited { status }),
        // A page of a proxy says nothing about an order.
        Class::UnknownOrder if is_ours => Err(RestError::NoSuchOrder),
        Class::Session => {
            let why = reject::why(0, &message).unwrap_or(Why::NoPermission);
            Err(RestError::Refused { status, why: Some(why) })
        }
        _ => Err(RestError::Refused { status, why: reject::why(0, &message) }),
    }
}

#[derive(Deserialize)]
struct OrderJson<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    size: Option<Cow<'a, str>>,
    #[serde(borrow)]
    product_id: Cow<'a, str>,
    #[serde(borrow, default)]
    client_oid: Option<Cow<'a, str>>,
    #[serde(borrow)]
    filled_size: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    #[serde(borrow, default)]
    done_reason: Option<Cow<'a, str>>,
}

impl OrderJson<'_> {
    fn child(&self, node_tag: u32) -> Option<ChildId> {
        let named = ids::parse(node_tag, self.client_oid.as_deref()?.as_bytes())?;
        (!matches!(named.kind, Kind::Cancel(_))).then_some(named.child)
    }

    fn state(&self, listing: &Listing) -> Result<OrderState, RestError> {
        let fate = match (self.status.as_ref(), self.done_reason.as_deref()) {
            ("pending" | "open" | "active" | "received", _) => Fate::Open,
            ("done", Some("filled" | "canceled")) => Fate::Closed,
            ("rejected", _) => Fate::Rejected,
            _ => return Err(RestError::Status),
        };
        let filled = listing.qty(self.filled_size.as_bytes())?;
        if filled.0 < 0 {
            return Err(DecimalError::Range.into());
        }
        let size = self.size.as_deref().unwrap_or("0");
        let qty: Qty = listing.qty(size.as_bytes())?.max(filled);
        let order = VenueOrderId::new(self.id.as_bytes()).unwrap_or_default();
        Ok(OrderState { order, fate, filled, qty })
    }
}

/// Reads the answer to [`One::Order`]; `None` when the venue does not know the order.
pub(super) fn order(
    response: Option<&HttpResponse>,
    listing: &Listing,
    (node_tag, child): (u32, ChildId),
) -> Result<Option<OrderState>, RestError> {
    let text = match body(response) {
        Err(RestError::NoSuchOrder) => return Ok(None),
        other => other?,
    };
    let order: OrderJson<'_> = serde_json::from_str(text).map_err(|_| RestError::Json)?;
    if order.product_id != listing.symbol.as_str() {
        return Err(RestError::Product);
    }
    if order.child(node_tag) != Some(child) {
        return Err(RestError::OtherOrder);
    }
    order.state(listing).map(Some)
}

/// Reads the answer to [`Ask::OpenOrders`]. A list that is cut is of use: children in doubt are
/// asked about one by one.
pub(super) fn open_orders(
    response: Option<&HttpResponse>,
    node_tag: u32,
    listings: &Listings,
) -> Result<OpenOrders, RestError> {
    let orders: Vec<OrderJson<'_>> =
        serde_json::from_str(body(response)?).map_err(|_| RestError::Json)?;
    let mut found = OpenOrders::default();
    for order in orders {
        let Some(child) = order.child(node_tag) else {
            found.others += 1;
            continue;
        };
        let Some(listing) = listings.symbol(order.product_id.as_bytes()) else {
            found.unlisted += 1;
            continue;
        };
        match order.state(listing) {
            Ok(state) => found.ours.push((child, listing.instrument, state)),
            Err(_) => found.unclear.push((child, listing.instrument)),
        }
    }
    Ok(found)
}

/// Reads the answer to [`One::Open`] or [`One::History`].
pub(super) fn orders(
    response: Option<&HttpResponse>,
    listing: &Listing,
    (node_tag, child): (u32, ChildId),
) -> Result<OrderPage, RestError> {
    let told: Vec<OrderJson<'_>> =
        serde_json::from_str(body(response)?).map_err(|_| RestError::Json)?;
    let found = told.iter().find(|order| order.child(node_tag) == Some(child));
    if found.is_none() && told.len() >= ROWS_MAX {
        // The cursor of the next page is in a header, which the transport does not tell.
        return Err(RestError::TooMany);
    }
    let found = found.map(|order| order.state(listing)).transpose()?;
    let ours = told.iter().filter_map(|order| order.child(node_tag)).collect();
    Ok(OrderPage { found, ours, next: None })
}

#[derive(Deserialize)]
struct FillJson<'a> {
    trade_id: u64,
    #[serde(borrow)]
    product_id: Cow<'a, str>,
    #[serde(borrow)]
    order_id: Cow<'a, str>,
    #[serde(borrow)]
    price: Cow<'a, str>,
    #[serde(borrow)]
    size: Cow<'a, str>,
    #[serde(borrow)]
    fee: Cow<'a, str>,
    #[serde(borrow)]
    side: Cow<'a, str>,
    #[serde(borrow)]
    liquidity: Cow<'a, str>,
}

/// Reads the answer to [`One::Trades`], newest first. `assets` are the listed assets, and the asset
/// that stands for any other.
pub(super) fn trades(
    response: Option<&HttpResponse>,
    listing: &Listing,
    order: VenueOrderId,
    assets: (&Assets, AssetId),
) -> Result<TradePage, RestError> {
    let told: Vec<FillJson<'_>> =
        serde_json::from_str(body(response)?).map_err(|_| RestError::Json)?;
    let next = told.last().filter(|_| told.len() >= ROWS_MAX).map(|last| last.trade_id);
    let trades: Result<Vec<Trade>, _> =
        told.iter().rev().map(|fill| trade_of(fill, listing, order, assets)).collect();
    Ok(TradePage { trades: trades?, next })
}

/// Coinbase takes its fees in the quote currency.
fn trade_of(
    fill: &FillJson<'_>,
    listing: &Listing,
    order: VenueOrderId,
    (assets, fallback): (&Assets, AssetId),
) -> Result<Trade, RestError> {
    if fill.product_id != listing.symbol.as_str() {
        return Err(RestError::Product);
    }
    if VenueOrderId::new(fill.order_id.as_bytes()) != Some(order) {
        return Err(RestError::OtherOrder);
    }
    let quote = listing.symbol.split_once('-').map_or("", |(_, quote)| quote);
    let asset = assets.name(quote.as_bytes());
    let fee = listing::amount(fill.fee.as_bytes())?;
    let read = Trade {
        exec: ExecId(u128::from(fill.trade_id)),
        side: match fill.side.as_ref() {
            "buy" => Side::Buy,
            "sell" => Side::Sell,
            _ => return Err(RestError::Json),
        },
        qty: listing.qty(fill.size.as_bytes())?,
        price: listing.price(fill.price.as_bytes())?,
        fee: if asset.is_some() { fee } else { Amount::ZERO },
        fee_asset: asset.unwrap_or(fallback),
        is_fee_known: asset.is_some(),
        liquidity: match fill.liquidity.as_ref() {
            "M" => Liquidity::Maker,
            "T" => Liquidity::Taker,
            _ => return Err(RestError::Json),
        },
    };
    if read.qty.0 <= 0 || read.price.0 <= 0 { Err(RestError::EmptyTrade) } else { Ok(read) }
}

#[derive(Deserialize)]
struct AccountJson<'a> {
    #[serde(borrow)]
    currency: Cow<'a, str>,
    #[serde(borrow)]
    balance: Cow<'a, str>,
}

/// Reads the answer to [`Ask::Balances`]: the total of every listed asset, which is zero for an
/// asset that the venue does not name.
pub(super) fn balances(
    response: Option<&HttpResponse>,
    assets: &Assets,
) -> Result<Vec<(AssetId, Amount)>, RestError> {
    let accounts: Vec<AccountJson<'_>> =
        serde_json::from_str(body(response)?).map_err(|_| RestError::Json)?;
    let mut totals: Vec<(AssetId, Amount)> =
        assets.ids().into_iter().map(|id| (id, Amount::ZERO)).collect();
    for account in &accounts {
        let Some(asset) = assets.name(account.currency.as_bytes()) else { continue };
        let balance = listing::amount(account.balance.as_bytes())?;
        if let Some((_, total)) = totals.iter_mut().find(|(id, _)| *id == asset) {
            *total = total.plus(balance);
        }
    }
    Ok(totals)
}
