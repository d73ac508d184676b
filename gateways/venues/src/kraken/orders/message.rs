//! Messages of Kraken's private WebSocket v2, read and written.
//!
//! A line belongs here if it knows a message's fields. The consequences of a message are `report`
//! and `machine`. Numbers stay text until a listing tells their decimals.

use std::borrow::Cow;

use rutter_core::id::VenueOrderId;
use rutter_core::input::{Side, TimeInForce};
use rutter_core::number::{Price, Qty, UnixNanos};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::time::write_rfc3339;
use crate::decimal::DecimalError;
use crate::json::text_or_nothing;
use crate::listing::Listing;

/// The venue's order id; `None` when the text is empty or too long.
pub fn order_id(text: &str) -> Option<VenueOrderId> {
    VenueOrderId::new(text.as_bytes()).filter(|id| !id.is_empty())
}

/// The digits of a JSON number, with or without quotes.
pub fn digits(raw: &RawValue) -> &[u8] {
    let text = raw.get();
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    bare.as_bytes()
}

/// The fields around `data` or `result`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Envelope<'a> {
    /// `executions`, `balances`, `status`, `heartbeat`; empty in answers.
    #[serde(borrow, deserialize_with = "text_or_nothing")]
    pub channel: Cow<'a, str>,
    /// `snapshot` or `update`.
    #[serde(borrow, rename = "type", deserialize_with = "text_or_nothing")]
    pub kind: Cow<'a, str>,
    /// The method that an answer is about.
    #[serde(borrow, deserialize_with = "text_or_nothing")]
    pub method: Cow<'a, str>,
    /// Whether an answer is a success.
    pub success: Option<bool>,
    /// The text of a refusal.
    #[serde(borrow, deserialize_with = "text_or_nothing")]
    pub error: Cow<'a, str>,
    /// The number of the request that an answer is about.
    pub req_id: Option<u64>,
    /// The number of the message in its subscription.
    pub sequence: Option<u64>,
    /// The venue's time when it sent an answer, as RFC 3339 prints it.
    #[serde(borrow, deserialize_with = "text_or_nothing")]
    pub time_out: Cow<'a, str>,
    /// The content of a channel's message.
    #[serde(borrow)]
    pub data: Option<&'a RawValue>,
    /// The content of an answer.
    #[serde(borrow)]
    pub result: Option<&'a RawValue>,
}

/// One entry of the `executions` channel.
#[derive(Debug, Deserialize)]
pub struct Execution<'a> {
    /// The venue's order id.
    #[serde(borrow, default, deserialize_with = "text_or_nothing")]
    pub order_id: Cow<'a, str>,
    /// Our order id, when the order has one.
    #[serde(borrow, default, deserialize_with = "text_or_nothing")]
    pub cl_ord_id: Cow<'a, str>,
    /// The kind of event.
    #[serde(borrow, default, deserialize_with = "text_or_nothing")]
    pub exec_type: Cow<'a, str>,
    /// The state of the order.
    #[serde(borrow, default, deserialize_with = "text_or_nothing")]
    pub order_status: Cow<'a, str>,
    /// The venue's id of a trade.
    #[serde(borrow, default, deserialize_with = "text_or_nothing")]
    pub exec_id: Cow<'a, str>,
    /// The pair; absent in small updates.
    #[serde(borrow, default, deserialize_with = "text_or_nothing")]
    pub symbol: Cow<'a, str>,
    /// `buy` or `sell`; absent in small updates.
    #[serde(borrow, default, deserialize_with = "text_or_nothing")]
    pub side: Cow<'a, str>,
    /// The quantity of a trade.
    #[serde(borrow, default)]
    pub last_qty: Option<&'a RawValue>,
    /// The price of a trade.
    #[serde(borrow, default)]
    pub last_price: Option<&'a RawValue>,
    /// `t` for taker or `m` for maker.
    #[serde(borrow, default, deserialize_with = "text_or_nothing")]
    pub liquidity_ind: Cow<'a, str>,
    /// Quantity filled in all.
    #[serde(borrow, default)]
    pub cum_qty: Option<&'a RawValue>,
    /// Quantity in all.
    #[serde(borrow, default)]
    pub order_qty: Option<&'a RawValue>,
    /// The fees of a trade.
    #[serde(borrow, default)]
    pub fees: Vec<Fee<'a>>,
    /// `GTC`, `IOC`, ...; absent in small updates.
    #[serde(borrow, default, deserialize_with = "text_or_nothing")]
    pub time_in_force: Cow<'a, str>,
    /// Why the order was cancelled.
    #[serde(borrow, default, deserialize_with = "text_or_nothing")]
    pub reason: Cow<'a, str>,
}

/// Whose order an entry of the `executions` channel is about.
#[derive(Debug, Default, Deserialize)]
pub struct Owner<'a> {
    /// The venue's order id.
    #[serde(borrow, default, deserialize_with = "text_or_nothing")]
    pub order_id: Cow<'a, str>,
    /// Our order id, when the order has one.
    #[serde(borrow, default, deserialize_with = "text_or_nothing")]
    pub cl_ord_id: Cow<'a, str>,
}

/// A fee of a trade.
#[derive(Debug, Deserialize)]
pub struct Fee<'a> {
    /// The asset.
    #[serde(borrow)]
    pub asset: Cow<'a, str>,
    /// The amount; negative is a rebate.
    #[serde(borrow)]
    pub qty: &'a RawValue,
}

/// Which asset an entry of the `balances` channel is of.
#[derive(Debug, Deserialize)]
pub struct AssetOnly<'a> {
    /// The asset.
    #[serde(borrow, default, deserialize_with = "text_or_nothing")]
    pub asset: Cow<'a, str>,
}

/// One entry of the `balances` channel.
#[derive(Debug, Deserialize)]
pub struct Balance<'a> {
    /// The asset.
    #[serde(borrow)]
    pub asset: Cow<'a, str>,
    /// All that is held, free and locked.
    #[serde(borrow)]
    pub balance: &'a RawValue,
    /// The kind of wallet; only `spot` is for trading. Empty in snapshots.
    #[serde(borrow, default, deserialize_with = "text_or_nothing")]
    pub wallet_type: Cow<'a, str>,
    /// The parts of the balance; in snapshots only.
    #[serde(borrow, default)]
    pub wallets: Vec<Wallet<'a>>,
}

/// A part of a balance.
#[derive(Debug, Deserialize)]
pub struct Wallet<'a> {
    /// `spot`, `earn`, ...
    #[serde(borrow, rename = "type", default, deserialize_with = "text_or_nothing")]
    pub kind: Cow<'a, str>,
    /// The amount.
    #[serde(borrow)]
    pub balance: &'a RawValue,
}

/// The entry of the `status` channel.
#[derive(Debug, Deserialize)]
pub struct System<'a> {
    /// `online`, `cancel_only`, `maintenance`, `post_only`.
    #[serde(borrow, default, deserialize_with = "text_or_nothing")]
    pub system: Cow<'a, str>,
}

/// The `result` of `add_order`.
#[derive(Debug, Deserialize)]
pub struct OrderResult<'a> {
    /// The venue's order id.
    #[serde(borrow, default)]
    pub order_id: Cow<'a, str>,
}

fn write_number(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends `,"token":"..."},"req_id":n}`: the end of every private request.
fn write_end(out: &mut Vec<u8>, token: &str, req_id: u64) {
    out.extend_from_slice(b",\"token\":\"");
    out.extend_from_slice(token.as_bytes());
    out.extend_from_slice(b"\"},\"req_id\":");
    write_number(out, req_id);
    out.push(b'}');
}

/// A limit order to be sent.
#[derive(Clone, Copy, Debug)]
pub struct AddOrder<'a> {
    /// Symbol and decimals of the instrument.
    pub listing: &'a Listing,
    /// Our id, in the venue's alphabet.
    pub cl_ord_id: &'a str,
    /// Buy or sell.
    pub side: Side,
    /// IOC; any other value is sent as good-till-cancelled.
    pub tif: TimeInForce,
    /// The venue cancels the order if it would take.
    pub post_only: bool,
    /// Quantity.
    pub qty: Qty,
    /// Limit price.
    pub price: Price,
    /// The time after which the venue must not take the order.
    pub deadline: UnixNanos,
    /// From `GetWebSocketsToken`; free of quotes.
    pub token: &'a str,
    /// Number of the request.
    pub req_id: u64,
}

/// Appends an `add_order` request. Fees are asked for in the quote asset, so that the stream and
/// the trades history tell the same fee.
///
/// # Errors
/// The price or quantity has more decimals than the venue; `out` then holds a part of the request.
pub fn write_add_order(out: &mut Vec<u8>, order: &AddOrder<'_>) -> Result<(), DecimalError> {
    out.extend_from_slice(
        b"{\"method\":\"add_order\",\"params\":{\"order_type\":\"limit\",\"side\":\"",
    );
    out.extend_from_slice(match order.side {
        Side::Buy => b"buy",
        Side::Sell => b"sell",
    });
    out.extend_from_slice(b"\",\"limit_price\":");
    order.listing.write_price(out, order.price)?;
    out.extend_from_slice(b",\"order_qty\":");
    order.listing.write_qty(out, order.qty)?;
    out.extend_from_slice(b",\"symbol\":\"");
    out.extend_from_slice(order.listing.symbol.as_bytes());
    out.extend_from_slice(b"\",\"time_in_force\":\"");
    out.extend_from_slice(if order.tif == TimeInForce::Ioc { b"ioc" } else { b"gtc" });
    out.push(b'"');
    if order.post_only {
        out.extend_from_slice(b",\"post_only\":true");
    }
    out.extend_from_slice(b",\"fee_preference\":\"quote\",\"cl_ord_id\":\"");
    out.extend_from_slice(order.cl_ord_id.as_bytes());
    out.extend_from_slice(b"\",\"deadline\":\"");
    write_rfc3339(out, order.deadline.0);
    out.push(b'"');
    write_end(out, order.token, order.req_id);
    Ok(())
}

/// Appends a `cancel_order` request for one order, by the venue's id if known, else by ours.
pub fn write_cancel_order(
    out: &mut Vec<u8>,
    order: VenueOrderId,
    cl_ord_id: &str,
    token: &str,
    req_id: u64,
) {
    out.extend_from_slice(b"{\"method\":\"cancel_order\",\"params\":{\"");
    if order.is_empty() {
        out.extend_from_slice(b"cl_ord_id\":[\"");
        out.extend_from_slice(cl_ord_id.as_bytes());
    } else {
        out.extend_from_slice(b"order_id\":[\"");
        out.extend_from_slice(order.text().as_bytes());
    }
    out.extend_from_slice(b"\"]");
    write_end(out, token, req_id);
}

/// Appends an `amend_order` request for a new quantity in all, by the venue's id of the order if
/// known, else by ours.
///
/// # Errors
/// The quantity has more decimals than the venue; `out` then holds a part of the request.
pub fn write_amend_order(
    out: &mut Vec<u8>,
    (order, cl_ord_id): (VenueOrderId, &str),
    (listing, qty): (&Listing, Qty),
    (token, req_id): (&str, u64),
) -> Result<(), DecimalError> {
    out.extend_from_slice(b"{\"method\":\"amend_order\",\"params\":{\"");
    if order.is_empty() {
        out.extend_from_slice(b"cl_ord_id\":\"");
        out.extend_from_slice(cl_ord_id.as_bytes());
    } else {
        out.extend_from_slice(b"order_id\":\"");
        out.extend_from_slice(order.text().as_bytes());
    }
    out.extend_from_slice(b"\",\"order_qty\":");
    listing.write_qty(out, qty)?;
    write_end(out, token, req_id);
    Ok(())
}

/// Appends the subscription of `executions`: open orders first, then every change of state. Old
/// fills are left out, since they are asked for over REST.
pub fn write_subscribe_executions(out: &mut Vec<u8>, token: &str, req_id: u64) {
    out.extend_from_slice(
        b"{\"method\":\"subscribe\",\"params\":{\"channel\":\"executions\",\"snap_orders\":true,\
          \"snap_trades\":false,\"order_status\":true,\"ratecounter\":false",
    );
    write_end(out, token, req_id);
}

/// Appends the subscription of `balances`.
pub fn write_subscribe_balances(out: &mut Vec<u8>, token: &str, req_id: u64) {
    out.extend_from_slice(b"{\"method\":\"subscribe\",\"params\":{\"channel\":\"balances\"");
    write_end(out, token, req_id);
}

/// Appends an application ping.
pub fn write_ping(out: &mut Vec<u8>, req_id: u64) {
    out.extend_from_slice(b"{\"method\":\"ping\",\"req_id\":");
    write_number(out, req_id);
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;
    use rutter_core::id::InstrumentId;

    fn listing() -> Listing {
        Listing {
            instrument: InstrumentId(1),
            symbol: "BTC/USD".to_owned(),
            price_decimals: 2,
            qty_decimals: 8,
            venue_price_decimals: 1,
            venue_qty_decimals: 8,
        }
    }

    #[test]
    fn requests_are_the_documented_text() {
        let listing = listing();
        let order = AddOrder {
            listing: &listing,
            cl_ord_id: "000000ab00000000000000000000002f",
            side: Side::Buy,
            tif: TimeInForce::Gtc,
            post_only: false,
            qty: Qty(120_000_000),
            price: Price(2_650_040),
            deadline: UnixNanos(1_768_039_205_000_000_000),
            token: "TOKEN",
            req_id: 123_456_789,
        };
        let mut out = Vec::new();
        write_add_order(&mut out, &order).expect("within decimals");
        assert_eq!(
            String::from_utf8_lossy(&out),
            r#"{"method":"add_order","params":{"order_type":"limit","side":"buy","limit_price":26500.4,"order_qty":1.20000000,"symbol":"BTC/USD","time_in_force":"gtc","fee_preference":"quote","cl_ord_id":"000000ab00000000000000000000002f","deadline":"2026-01-10T10:00:05.000Z","token":"TOKEN"},"req_id":123456789}"#
        );
        out.clear();
        let post = AddOrder { post_only: true, ..order };
        write_add_order(&mut out, &post).expect("within decimals");
        let text = String::from_utf8_lossy(&out).into_owned();
        let asked = r#","time_in_force":"gtc","post_only":true,"fee_preference":"quote""#;
        assert!(text.contains(asked), "{text}");
        out.clear();
        let fine = AddOrder { price: Price(2_650_041), ..order };
        assert!(write_add_order(&mut out, &fine).is_err(), "the venue has one decimal");
        out.clear();
        let id = order_id("OM5CRX-N2HAL-GFGWE9").expect("id");
        write_cancel_order(&mut out, id, "x", "TOKEN", 5);
        assert_eq!(
            String::from_utf8_lossy(&out),
            r#"{"method":"cancel_order","params":{"order_id":["OM5CRX-N2HAL-GFGWE9"],"token":"TOKEN"},"req_id":5}"#
        );
        out.clear();
        write_cancel_order(&mut out, VenueOrderId::default(), "2f", "TOKEN", 0);
        assert_eq!(
            String::from_utf8_lossy(&out),
            r#"{"method":"cancel_order","params":{"cl_ord_id":["2f"],"token":"TOKEN"},"req_id":0}"#
        );
        out.clear();
        write_subscribe_executions(&mut out, "TOKEN", 2);
        assert_eq!(
            String::from_utf8_lossy(&out),
            r#"{"method":"subscribe","params":{"channel":"executions","snap_orders":true,"snap_trades":false,"order_status":true,"ratecounter":false,"token":"TOKEN"},"req_id":2}"#
        );
        out.clear();
        write_subscribe_balances(&mut out, "TOKEN", 3);
        assert_eq!(
            String::from_utf8_lossy(&out),
            r#"{"method":"subscribe","params":{"channel":"balances","token":"TOKEN"},"req_id":3}"#
        );
    }

    #[test]
    fn an_amend_is_the_documented_text() {
        let (listing, mut out) = (listing(), Vec::new());
        let id = order_id("OM5CRX-N2HAL-GFGWE9").expect("id");
        for (id, cl_ord_id) in [(id, "x"), (VenueOrderId::default(), "2f")] {
            let named = (id, cl_ord_id);
            write_amend_order(&mut out, named, (&listing, Qty(120_000_000)), ("TOKEN", 9))
                .expect("within decimals");
            out.push(b'\n');
        }
        assert_eq!(
            String::from_utf8_lossy(&out),
            concat!(
                r#"{"method":"amend_order","params":{"order_id":"OM5CRX-N2HAL-GFGWE9","#,
                r#""order_qty":1.20000000,"token":"TOKEN"},"req_id":9}"#,
                "\n",
                r#"{"method":"amend_order","params":{"cl_ord_id":"2f","#,
                r#""order_qty":1.20000000,"token":"TOKEN"},"req_id":9}"#,
                "\n",
            )
        );
    }

    #[test]
    fn numbers_keep_their_digits() {
        let text = r#"{"asset":"BTC","balance":1e-08}"#;
        let balance: Balance<'_> = serde_json::from_str(text).expect("a balance");
        assert_eq!(digits(balance.balance), b"1e-08");
        let text = r#"{"asset":"BTC","balance":"0.10"}"#;
        let balance: Balance<'_> = serde_json::from_str(text).expect("a balance");
        assert_eq!(digits(balance.balance), b"0.10");
    }
}
