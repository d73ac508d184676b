//! The messages that we send: logon, new order, cancel, amend.
//!
//! A line belongs here if it writes a field of one of these messages. `session` writes header and
//! trailer.

use rutter_core::id::VenueOrderId;
use rutter_core::input::{Side, TimeInForce};
use rutter_core::number::Qty;
use rutter_core::output::SendNew;
use rutter_fix::codec::{Encoder, SOH, TimePrecision, write_timestamp};
use rutter_fix::tags;

use crate::binance::config::BinanceConfig;
use crate::decimal::{self, DecimalError};
use crate::fix_session::{Frame, Session};
use crate::ids::IdText;
use crate::listing::Listing;
use crate::signing::Ed25519Signer;

/// `RecvWindow` (25000): how long after `SendingTime` the venue may take the message, in
/// milliseconds.
pub(super) const RECV_WINDOW: u32 = 25_000;
/// `OrdType` (40) of a limit order.
const LIMIT: u8 = b'2';
/// `ExecInst` (18): 6, participate and do not initiate. The venue refuses the order if it would
/// take.
const POST_ONLY: u8 = b'6';
/// `MsgType` (35) of an `OrderAmendKeepPriorityRequest`.
pub(super) const ORDER_AMEND: &[u8] = b"XAK";
/// How messages are framed.
pub(super) const FRAME: Frame = Frame {
    begin_string: b"FIX.4.4",
    header: [tags::MSG_SEQ_NUM, tags::SENDER_COMP_ID, tags::SENDING_TIME, tags::TARGET_COMP_ID],
};
/// `MessageHandling` (25035).
pub(super) const MESSAGE_HANDLING: u32 = 25_035;

/// The body of our Logon. The signature covers the fields of the header, with `SendingTime` as
/// printed. `ResponseMode` (25036) is left at its default, 1: every report of the account is
/// pushed.
pub(super) fn logon(
    encoder: &mut Encoder<'_>,
    now_ns: u64,
    session: (&[u8], &[u8]),
    config: &BinanceConfig,
    signer: &Ed25519Signer,
) {
    let (sender, target) = session;
    let mut payload = Vec::with_capacity(64);
    payload.extend_from_slice(b"A\x01");
    payload.extend_from_slice(sender);
    payload.push(SOH);
    payload.extend_from_slice(target);
    payload.extend_from_slice(b"\x011\x01");
    write_timestamp(&mut payload, now_ns, TimePrecision::Millis);
    let signature = signer.sign_base64(&payload);
    encoder
        .data(tags::RAW_DATA_LENGTH, tags::RAW_DATA, signature.as_bytes())
        .char(tags::ENCRYPT_METHOD, b'0')
        .uint(tags::HEART_BT_INT, u64::from(config.heartbeat_s))
        .bool(tags::RESET_SEQ_NUM_FLAG, true)
        .field(tags::USERNAME, config.api_key.expose().as_bytes())
        .char(MESSAGE_HANDLING, config.message_handling.tag_value());
}

/// Sends our Logon.
pub(super) fn send_logon<T>(
    session: &mut Session,
    now_ns: u64,
    config: &BinanceConfig,
    signer: &Ed25519Signer,
    out: &mut rutter_transport::machine::Outbox<T>,
) {
    let (sender, target) = (session.sender().to_vec(), session.target().to_vec());
    let venue_ns = session.clock().at_venue(now_ns);
    session.send_admin(now_ns, out, tags::msg_type::LOGON, |encoder| {
        logon(encoder, venue_ns, (&sender, &target), config, signer);
    });
}

/// The body of a `NewOrderSingle`, `RecvWindow` included.
pub(super) fn new_order(
    encoder: &mut Encoder<'_>,
    new: &SendNew,
    id: &IdText,
    listing: &Listing,
    recv_window_ms: u32,
) -> Result<(), DecimalError> {
    let qty = decimal::rescale(new.qty.0, listing.qty_decimals, listing.venue_qty_decimals)?;
    let price =
        decimal::rescale(new.price.0, listing.price_decimals, listing.venue_price_decimals)?;
    encoder.uint(RECV_WINDOW, u64::from(recv_window_ms)).field(tags::CL_ORD_ID, id.as_bytes());
    if new.post_only {
        encoder.char(tags::EXEC_INST, POST_ONLY);
    }
    encoder
        .decimal(tags::ORDER_QTY, qty, listing.venue_qty_decimals)
        .char(tags::ORD_TYPE, LIMIT)
        .decimal(tags::PRICE, price, listing.venue_price_decimals);
    let side = match new.side {
        Side::Buy => b'1',
        Side::Sell => b'2',
    };
    encoder.char(tags::SIDE, side).field(tags::SYMBOL, listing.symbol.as_bytes());
    let tif = match new.tif {
        // The venue has no day orders and no dates: the core cancels such an order at its end.
        TimeInForce::Day | TimeInForce::Gtc | TimeInForce::Gtd => b'1',
        TimeInForce::Ioc => b'3',
        TimeInForce::Fok => b'4',
    };
    // A post-only order (LIMIT_MAKER) has no time in force.
    if !new.post_only {
        encoder.char(tags::TIME_IN_FORCE, tif);
    }
    Ok(())
}

/// The body of an `OrderCancelRequest`. The venue finds an order quickest by the venue's own id.
pub(super) fn cancel(
    encoder: &mut Encoder<'_>,
    request: &IdText,
    order: &IdText,
    venue_order: VenueOrderId,
    symbol: &str,
) {
    encoder.field(tags::CL_ORD_ID, request.as_bytes());
    if venue_order.is_empty() {
        encoder.field(tags::ORIG_CL_ORD_ID, order.as_bytes());
    } else {
        encoder.field(tags::ORDER_ID, venue_order.text().as_bytes());
    }
    encoder.field(tags::SYMBOL, symbol.as_bytes());
}

/// The body of an `OrderAmendKeepPriorityRequest`. `ClOrdID` (11) is the order's id after the
/// amend: the order keeps the id that it has, by which it is asked about.
pub(super) fn amend(
    encoder: &mut Encoder<'_>,
    order: &IdText,
    venue_order: VenueOrderId,
    qty: Qty,
    listing: &Listing,
) -> Result<(), DecimalError> {
    let qty = decimal::rescale(qty.0, listing.qty_decimals, listing.venue_qty_decimals)?;
    encoder.field(tags::CL_ORD_ID, order.as_bytes());
    if venue_order.is_empty() {
        encoder.field(tags::ORIG_CL_ORD_ID, order.as_bytes());
    } else {
        encoder.field(tags::ORDER_ID, venue_order.text().as_bytes());
    }
    encoder
        .decimal(tags::ORDER_QTY, qty, listing.venue_qty_decimals)
        .field(tags::SYMBOL, listing.symbol.as_bytes());
    Ok(())
}
