//! The messages that we send: logon, new order, cancel, replace.
//!
//! A line belongs here if it writes a field of one of these messages. `fix_session` writes header
//! and trailer.

use rutter_core::id::VenueOrderId;
use rutter_core::input::{Side, TimeInForce};
use rutter_core::number::{Price, Qty};
use rutter_core::output::SendNew;
use rutter_fix::codec::Encoder;
use rutter_fix::tags;
use rutter_transport::machine::Outbox;

use crate::coinbase::signer::Signer;
use crate::decimal::{self, DecimalError};
use crate::fix_session::{Frame, Session};
use crate::ids::IdText;
use crate::listing::Listing;

/// `TargetCompID` (56).
pub(super) const TARGET: &str = "Coinbase";
/// How messages are framed.
pub(super) const FRAME: Frame = Frame {
    begin_string: b"FIXT.1.1",
    header: [tags::SENDER_COMP_ID, tags::TARGET_COMP_ID, tags::MSG_SEQ_NUM, tags::SENDING_TIME],
};
/// `OrdType` (40) of a limit order.
const LIMIT: u8 = b'2';
/// `ExecInst` (18): the venue refuses the order if it would take.
const POST_ONLY: u8 = b'A';
/// `DefaultApplVerID` (1137): FIX 5.0 SP2.
const FIX_50_SP2: u8 = b'9';
/// `SelfTradeType` (7928): N ends the order that arrives.
const SELF_TRADE: (u32, u8) = (7928, b'N');

/// Sends our Logon.
pub(super) fn send_logon<T>(
    session: &mut Session,
    now_ns: u64,
    heartbeat_s: u8,
    signer: &Signer,
    out: &mut Outbox<T>,
) {
    // The signature covers `SendingTime`, which is in the venue's time.
    let signature = signer.logon(session.clock().at_venue(now_ns), session.target());
    session.send_admin(now_ns, out, tags::msg_type::LOGON, |encoder| {
        encoder
            .data(tags::RAW_DATA_LENGTH, tags::RAW_DATA, signature.as_bytes())
            .char(tags::ENCRYPT_METHOD, b'0')
            .uint(tags::HEART_BT_INT, u64::from(heartbeat_s))
            .bool(tags::RESET_SEQ_NUM_FLAG, true)
            .field(tags::USERNAME, signer.api_key.expose().as_bytes())
            .field(tags::PASSWORD, signer.passphrase.expose().as_bytes())
            .char(tags::DEFAULT_APPL_VER_ID, FIX_50_SP2);
    });
}

fn quantity(encoder: &mut Encoder<'_>, listing: &Listing, qty: Qty) -> Result<(), DecimalError> {
    let qty = decimal::rescale(qty.0, listing.qty_decimals, listing.venue_qty_decimals)?;
    encoder.decimal(tags::ORDER_QTY, qty, listing.venue_qty_decimals);
    Ok(())
}

fn price(encoder: &mut Encoder<'_>, listing: &Listing, price: Price) -> Result<(), DecimalError> {
    let price = decimal::rescale(price.0, listing.price_decimals, listing.venue_price_decimals)?;
    encoder.char(tags::ORD_TYPE, LIMIT).decimal(tags::PRICE, price, listing.venue_price_decimals);
    Ok(())
}

/// The body of a `NewOrderSingle`.
pub(super) fn new_order(
    encoder: &mut Encoder<'_>,
    new: &SendNew,
    id: &IdText,
    listing: &Listing,
) -> Result<(), DecimalError> {
    encoder.field(tags::CL_ORD_ID, id.as_bytes());
    if new.post_only {
        encoder.char(tags::EXEC_INST, POST_ONLY);
    }
    quantity(encoder, listing, new.qty)?;
    price(encoder, listing, new.price)?;
    let side = match new.side {
        Side::Buy => b'1',
        Side::Sell => b'2',
    };
    let tif = match new.tif {
        // The venue has no day orders: the core cancels such an order at its end.
        TimeInForce::Day | TimeInForce::Gtc | TimeInForce::Gtd => b'1',
        TimeInForce::Ioc => b'3',
        TimeInForce::Fok => b'4',
    };
    encoder
        .char(tags::SIDE, side)
        .field(tags::SYMBOL, listing.symbol.as_bytes())
        .char(tags::TIME_IN_FORCE, tif)
        .char(SELF_TRADE.0, SELF_TRADE.1);
    Ok(())
}

/// The order that a request is about: the venue's id, or ours while the venue has not told its own.
fn named(encoder: &mut Encoder<'_>, order: &IdText, venue_order: VenueOrderId) {
    if venue_order.is_empty() {
        encoder.field(tags::ORIG_CL_ORD_ID, order.as_bytes());
    } else {
        encoder.field(tags::ORDER_ID, venue_order.text().as_bytes());
    }
}

/// The body of an `OrderCancelRequest`.
pub(super) fn cancel(
    encoder: &mut Encoder<'_>,
    request: &IdText,
    order: &IdText,
    venue_order: VenueOrderId,
    symbol: &str,
) {
    encoder.field(tags::CL_ORD_ID, request.as_bytes());
    named(encoder, order, venue_order);
    encoder.field(tags::SYMBOL, symbol.as_bytes());
}

/// The body of an `OrderCancelReplaceRequest` that leaves the price as it is. `ClOrdID` (11) is the
/// order's id from then on.
pub(super) fn replace(
    encoder: &mut Encoder<'_>,
    (request, order): (&IdText, &IdText),
    venue_order: VenueOrderId,
    (qty, limit): (Qty, Price),
    listing: &Listing,
) -> Result<(), DecimalError> {
    encoder
        .field(tags::CL_ORD_ID, request.as_bytes())
        .field(tags::ORDER_ID, venue_order.text().as_bytes())
        .field(tags::ORIG_CL_ORD_ID, order.as_bytes());
    quantity(encoder, listing, qty)?;
    price(encoder, listing, limit)?;
    encoder.field(tags::SYMBOL, listing.symbol.as_bytes());
    Ok(())
}
