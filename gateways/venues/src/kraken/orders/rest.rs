//! Kraken's private REST calls: signed requests out, typed answers in.
//!
//! A line belongs here if it knows a call's parameters or an answer's fields. When to make a call
//! is `reconcile` and `machine`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;

use rutter_transport::machine::{HttpMethod, HttpRequest, HttpResponse};
use rutter_transport::secret::Secret;
use rutter_transport::standing::Why;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::message::digits;
use crate::answers::Class;
use crate::json::text_or_nothing;
use crate::kraken::reject;
use crate::signing::{base64_encode, hmac_sha512, sha256};

/// Most order ids in one `QueryOrders`.
pub const QUERY_ORDERS_MAX: usize = 20;

/// Entries on one page of `TradesHistory` or `ClosedOrders`.
pub const PAGE: usize = 50;

/// Most orders or trades in one answer.
pub const ENTRIES_MAX: usize = 10_000;

/// A call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Token for the private WebSocket.
    Token,
    /// All open orders.
    OpenOrders,
    /// Orders by the venue's ids, open or closed; at most [`QUERY_ORDERS_MAX`].
    QueryOrders(Vec<String>),
    /// Closed orders with one of our ids.
    ClosedOrders(String),
    /// A page of the orders opened or closed since `start_s` that are closed, newest first.
    RecentOrders {
        /// Since when, in Unix seconds.
        start_s: u64,
        /// Number of newer orders to pass over.
        offset: usize,
    },
    /// A page of our trades after `start_s` (Unix seconds), newest first.
    TradesHistory {
        /// Start of the trades, exclusive, in Unix seconds.
        start_s: u64,
        /// Number of newer trades to pass over.
        offset: usize,
    },
    /// All balances, locked amounts included.
    Balances,
}

impl Call {
    /// Request path.
    pub const fn path(&self) -> &'static str {
        match self {
            Self::Token => "/0/private/GetWebSocketsToken",
            Self::OpenOrders => "/0/private/OpenOrders",
            Self::QueryOrders(_) => "/0/private/QueryOrders",
            Self::ClosedOrders(_) | Self::RecentOrders { .. } => "/0/private/ClosedOrders",
            Self::TradesHistory { .. } => "/0/private/TradesHistory",
            Self::Balances => "/0/private/BalanceEx",
        }
    }

    /// What the call adds to the venue's call counter. Calls about history cost two.
    pub const fn cost(&self) -> u32 {
        match self {
            Self::ClosedOrders(_) | Self::RecentOrders { .. } | Self::TradesHistory { .. } => 2,
            Self::Token | Self::OpenOrders | Self::QueryOrders(_) | Self::Balances => 1,
        }
    }

    /// The form body. All values are unreserved characters or commas, so nothing is escaped.
    fn body(&self, nonce: u64) -> String {
        let mut body = format!("nonce={nonce}");
        // Writing to a text does not fail.
        let _ = match self {
            Self::Token | Self::OpenOrders | Self::Balances => Ok(()),
            Self::QueryOrders(ids) => write!(body, "&txid={}", ids.join(",")),
            Self::ClosedOrders(id) => write!(body, "&cl_ord_id={id}"),
            Self::RecentOrders { start_s, offset } => {
                write!(body, "&start={start_s}&ofs={offset}")
            }
            // Consolidated trades would have other ids than the executions of the stream.
            Self::TradesHistory { start_s, offset } => {
                write!(body, "&start={start_s}&ofs={offset}&consolidate_taker=false")
            }
        };
        body
    }
}

/// `API-Sign`: base64 of HMAC-SHA-512, with the decoded secret as key, over the path and the
/// SHA-256 of nonce and body.
pub fn api_sign(secret: &[u8], path: &str, nonce: u64, body: &str) -> String {
    let digest = sha256(format!("{nonce}{body}").as_bytes());
    let mut signed = path.as_bytes().to_vec();
    signed.extend_from_slice(&digest);
    base64_encode(&hmac_sha512(secret, &signed))
}

/// The signed request of a call.
pub fn request(id: u64, call: &Call, nonce: u64, key: &Secret, secret: &[u8]) -> HttpRequest {
    let body = call.body(nonce);
    let sign = api_sign(secret, call.path(), nonce, &body);
    HttpRequest {
        id,
        method: HttpMethod::Post,
        target: call.path().to_owned(),
        headers: vec![
            ("API-Key".to_owned(), key.expose().to_owned()),
            ("API-Sign".to_owned(), sign),
            ("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned()),
        ],
        body,
    }
}

/// Why an answer is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestError {
    /// No answer arrived.
    #[error("no answer")]
    NoAnswer,
    /// The answer is not JSON, and its HTTP status is not 200.
    #[error("HTTP status {0}")]
    Status(u16),
    /// The venue's own error text.
    #[error("venue: {0}")]
    Venue(String),
    /// The answer has another shape than documented.
    #[error("answer of another shape than documented")]
    Shape,
    /// The answer has more entries than are read.
    #[error("more than {ENTRIES_MAX} entries")]
    TooMany,
}

impl RestError {
    /// The reason, for people.
    pub fn why(&self) -> Why {
        match self {
            Self::NoAnswer => Why::RestFailing,
            Self::Status(403 | 418 | 429) => Why::RestBanned,
            Self::Status(status) if reject::class_of_status(*status) == Class::OutcomeUnknown => {
                Why::RestFailing
            }
            Self::Status(_) => Why::RestRefused,
            Self::Venue(text) => reject::why(text).unwrap_or(Why::RestRefused),
            Self::Shape | Self::TooMany => Why::RestUnreadable,
        }
    }

    /// How long no call is made after this, in nanoseconds; `None` if the usual wait will do.
    pub fn pause_ns(&self, now_ns: u64) -> Option<u64> {
        match self {
            Self::Status(403 | 418 | 429) => Some(reject::PROXY_PAUSE_NS),
            Self::Venue(text) => reject::pause_ns(text, now_ns),
            Self::NoAnswer | Self::Status(_) | Self::Shape | Self::TooMany => None,
        }
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(borrow, default)]
    error: Vec<Cow<'a, str>>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
}

/// Takes the envelope off.
fn result(response: Option<&HttpResponse>) -> Result<&RawValue, RestError> {
    let response = response.ok_or(RestError::NoAnswer)?;
    let answer = serde_json::from_str::<Answer<'_>>(&response.body);
    let answer = match answer {
        Ok(answer) => answer,
        Err(_) if response.status != 200 => return Err(RestError::Status(response.status)),
        Err(_) => return Err(RestError::Shape),
    };
    if let Some(error) = reject::worst(answer.error.iter().map(Cow::as_ref)) {
        // The text is logged, so only a bounded part is kept.
        return Err(RestError::Venue(error.chars().take(120).collect()));
    }
    if response.status != 200 {
        return Err(RestError::Status(response.status));
    }
    answer.result.ok_or(RestError::Shape)
}

fn read<'a, T: Deserialize<'a>>(response: Option<&'a HttpResponse>) -> Result<T, RestError> {
    serde_json::from_str(result(response)?.get()).map_err(|_| RestError::Shape)
}

/// The digits of a number that may be missing; then none, which no decimal has.
pub fn digits_of(raw: Option<&RawValue>) -> &[u8] {
    raw.map_or(b"", digits)
}

#[expect(clippy::unnecessary_wraps, reason = "the default of a field that may be unreadable")]
const fn no_id<'a>() -> Option<Cow<'a, str>> {
    Some(Cow::Borrowed(""))
}

/// A text, an empty one for `null`, and `None` for anything else.
fn id_or_none<'de: 'a, 'a, D>(from: D) -> Result<Option<Cow<'a, str>>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Told<'a> {
        Text(#[serde(borrow)] Cow<'a, str>),
        Nothing(()),
        Other(serde::de::IgnoredAny),
    }
    Ok(match Told::deserialize(from)? {
        Told::Text(text) => Some(text),
        Told::Nothing(()) => no_id(),
        Told::Other(_) => None,
    })
}

/// An order in an answer to `OpenOrders`, `QueryOrders` or `ClosedOrders`.
#[derive(Debug, Deserialize)]
pub struct OrderInfo<'a> {
    /// `pending`, `open`, `closed`, `canceled`, `expired`.
    #[serde(borrow, default, deserialize_with = "text_or_nothing")]
    pub status: Cow<'a, str>,
    /// Our order id; empty when the order has none, `None` when it cannot be read.
    #[serde(borrow, default = "no_id", deserialize_with = "id_or_none")]
    pub cl_ord_id: Option<Cow<'a, str>>,
    /// When the order was opened, in Unix seconds.
    #[serde(borrow, default)]
    pub opentm: Option<&'a RawValue>,
    /// Quantity filled in all.
    #[serde(borrow, default)]
    pub vol_exec: Option<&'a RawValue>,
    /// Quantity in all.
    #[serde(borrow, default)]
    pub vol: Option<&'a RawValue>,
    /// Why the order ended.
    #[serde(borrow, default, deserialize_with = "text_or_nothing")]
    pub reason: Cow<'a, str>,
}

/// A trade in an answer to `TradesHistory`. Its key there is the `exec_id` of the stream.
#[derive(Debug, Deserialize)]
pub struct TradeInfo<'a> {
    /// The venue's order id.
    #[serde(borrow, default, deserialize_with = "text_or_nothing")]
    pub ordertxid: Cow<'a, str>,
    /// `buy` or `sell`.
    #[serde(borrow, default, rename = "type", deserialize_with = "text_or_nothing")]
    pub side: Cow<'a, str>,
    /// Price.
    #[serde(borrow, default)]
    pub price: Option<&'a RawValue>,
    /// Quantity.
    #[serde(borrow, default)]
    pub vol: Option<&'a RawValue>,
    /// Fee, in the quote asset.
    #[serde(borrow, default)]
    pub fee: Option<&'a RawValue>,
    /// `true` if our order rested in the book; absent in old entries.
    #[serde(borrow, default)]
    pub maker: Option<&'a RawValue>,
}

/// Orders by the venue's id.
pub type Orders<'a> = BTreeMap<String, OrderInfo<'a>>;

fn bounded<T>(map: BTreeMap<String, T>) -> Result<BTreeMap<String, T>, RestError> {
    if map.len() > ENTRIES_MAX { Err(RestError::TooMany) } else { Ok(map) }
}

#[derive(Deserialize)]
struct TokenResult {
    token: String,
}

/// The token of [`Call::Token`]: printable, without quotes or backslashes, at most 512 characters.
///
/// # Errors
/// [`RestError`].
pub fn token(response: Option<&HttpResponse>) -> Result<String, RestError> {
    let TokenResult { token } = read(response)?;
    let plain = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
    if token.is_empty() || token.len() > 512 || !token.bytes().all(plain) {
        return Err(RestError::Shape);
    }
    Ok(token)
}

#[derive(Deserialize)]
struct Open<'a> {
    #[serde(borrow)]
    open: Orders<'a>,
}

/// The orders of [`Call::OpenOrders`].
///
/// # Errors
/// [`RestError`].
pub fn open_orders(response: Option<&HttpResponse>) -> Result<Orders<'_>, RestError> {
    bounded(read::<Open<'_>>(response)?.open)
}

/// The orders of [`Call::QueryOrders`].
///
/// # Errors
/// [`RestError`].
pub fn query_orders(response: Option<&HttpResponse>) -> Result<Orders<'_>, RestError> {
    bounded(read(response)?)
}

#[derive(Deserialize)]
struct Closed<'a> {
    #[serde(borrow)]
    closed: Orders<'a>,
}

/// The orders of [`Call::ClosedOrders`] and [`Call::RecentOrders`].
///
/// # Errors
/// [`RestError`].
pub fn closed_orders(response: Option<&HttpResponse>) -> Result<Orders<'_>, RestError> {
    bounded(read::<Closed<'_>>(response)?.closed)
}

/// A page of trades.
#[derive(Debug, Deserialize)]
pub struct Trades<'a> {
    /// Trades by execution id.
    #[serde(borrow)]
    pub trades: BTreeMap<String, TradeInfo<'a>>,
    /// Number of trades on all pages, when told.
    #[serde(default)]
    pub count: Option<usize>,
}

/// The trades of [`Call::TradesHistory`].
///
/// # Errors
/// [`RestError`].
pub fn trades(response: Option<&HttpResponse>) -> Result<Trades<'_>, RestError> {
    let page: Trades<'_> = read(response)?;
    if page.trades.len() > ENTRIES_MAX { Err(RestError::TooMany) } else { Ok(page) }
}

/// The balance of an asset in an answer to [`Call::Balances`].
#[derive(Debug, Deserialize)]
pub struct BalanceInfo<'a> {
    /// All that is held, free and locked.
    #[serde(borrow, default)]
    pub balance: Option<&'a RawValue>,
}

/// The balances of [`Call::Balances`], by asset.
///
/// # Errors
/// [`RestError`].
pub fn balances(
    response: Option<&HttpResponse>,
) -> Result<BTreeMap<String, BalanceInfo<'_>>, RestError> {
    bounded(read(response)?)
}

#[cfg(test)]
#[path = "rest_tests.rs"]
mod tests;
