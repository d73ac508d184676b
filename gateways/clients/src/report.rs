//! The core's answers as fields of FIX 4.4: `ExecutionReport` (8) and `OrderCancelReject` (9).
//!
//! A line belongs here if it writes one answer. Header, numbers and storing are the session's.

use rutter_core::input::{Refusal, Side};
use rutter_core::number::AMOUNT_DECIMALS;
use rutter_core::output::{CancelReject, LastFill, OrdStatus, Report, ReportKind};
use rutter_fix::codec::Encoder;
use rutter_fix::tags;

use crate::config::InstrumentConfig;
use crate::number::{AVERAGE_EXTRA_DECIMALS, Digits, average};
use crate::refusal::told;
use crate::terms::{Owner, PREFIX_BYTES, Terms};

/// `OrderID` (37) of an order that got none.
const NO_ORDER: &[u8] = b"NONE";

/// `Symbol` (55) where there is none to tell (FIX 4.4 volume 6, field 55).
const NO_SYMBOL: &[u8] = b"[N/A]";

/// `Side` (54) of an order that is not known: 7, undisclosed.
const NO_SIDE: u8 = b'7';

/// `MiscFeeType` (139): 4, exchange fees.
const EXCHANGE_FEE: u64 = 4;

/// `CxlRejResponseTo` (434): 1, an `OrderCancelRequest`.
const TO_CANCEL_REQUEST: u64 = 1;

/// Writes the fields of an `ExecutionReport`.
///
/// What is not known is left out where FIX lets it be: the answer to an order that could not be
/// read has no 38, 40, 44 and 59, for the core was never told them.
pub fn write_report(out: &mut Encoder<'_>, report: &Report, owner: &Owner, terms: &Terms) {
    let instrument = report.instrument.and_then(|id| terms.instrument(id));
    write_order_id(out, terms, report.order.0);
    write_id(out, tags::EXEC_ID, terms, report.exec);
    out.char(tags::EXEC_TYPE, report.kind as u8).char(tags::ORD_STATUS, report.status as u8);
    if !report.cl_ord_id.is_empty() {
        out.field(tags::CL_ORD_ID, report.cl_ord_id.as_bytes());
    }
    if !report.orig_cl_ord_id.is_empty() {
        out.field(tags::ORIG_CL_ORD_ID, report.orig_cl_ord_id.as_bytes());
    }
    out.field(tags::ACCOUNT, owner.account.as_bytes());
    write_what(out, report, instrument);
    write_numbers(out, report, instrument);
    if let Some(last) = &report.last {
        write_last(out, last, instrument, terms);
    }
    out.timestamp(tags::TRANSACT_TIME, report.time.0, terms.precision());
    if let Some(last) = &report.last {
        write_fee(out, last, terms);
    }
    if report.reason != Refusal::None {
        let told = told(report.reason);
        if report.status == OrdStatus::Rejected {
            out.uint(tags::ORD_REJ_REASON, u64::from(told.order_code));
        }
        out.field(tags::TEXT, told.word.as_bytes());
    }
}

/// Writes the fields of an `OrderCancelReject`.
pub fn write_cancel_reject(
    out: &mut Encoder<'_>,
    reject: &CancelReject,
    owner: &Owner,
    terms: &Terms,
) {
    write_order_id(out, terms, reject.order.0);
    out.field(tags::CL_ORD_ID, non_empty(reject.cl_ord_id.as_bytes()));
    out.field(tags::ORIG_CL_ORD_ID, non_empty(reject.orig_cl_ord_id.as_bytes()));
    out.char(tags::ORD_STATUS, reject.status as u8);
    out.field(tags::ACCOUNT, owner.account.as_bytes());
    out.timestamp(tags::TRANSACT_TIME, reject.time.0, terms.precision());
    out.uint(tags::CXL_REJ_RESPONSE_TO, TO_CANCEL_REQUEST);
    let told = told(reject.reason);
    out.uint(tags::CXL_REJ_REASON, u64::from(told.cancel_code));
    out.field(tags::TEXT, told.word.as_bytes());
}

fn non_empty(text: &[u8]) -> &[u8] {
    if text.is_empty() { NO_ORDER } else { text }
}

fn write_order_id(out: &mut Encoder<'_>, terms: &Terms, order: u64) {
    if order == 0 {
        out.field(tags::ORDER_ID, NO_ORDER);
    } else {
        write_id(out, tags::ORDER_ID, terms, order);
    }
}

/// Node tag, dash, number: unique over all journals of all nodes.
fn write_id(out: &mut Encoder<'_>, tag: u32, terms: &Terms, number: u64) {
    let digits = Digits::new(i128::from(number), 0, 0);
    let digits = digits.as_bytes();
    let mut text = [0; PREFIX_BYTES + 20];
    let (prefix, rest) = text.split_at_mut(PREFIX_BYTES);
    prefix.copy_from_slice(terms.prefix());
    for (place, digit) in rest.iter_mut().zip(digits) {
        *place = *digit;
    }
    out.field(tag, text.get(..PREFIX_BYTES + digits.len()).unwrap_or(&text));
}

/// Symbol, side, type and time in force.
fn write_what(out: &mut Encoder<'_>, report: &Report, instrument: Option<&InstrumentConfig>) {
    let symbol = instrument.map_or(&report.symbol, |one| &one.symbol);
    out.field(tags::SYMBOL, if symbol.is_empty() { NO_SYMBOL } else { symbol.as_bytes() });
    let unknown = report.kind == ReportKind::OrderStatus && report.order.0 == 0;
    let side = match report.side {
        _ if unknown => NO_SIDE,
        Side::Buy => b'1',
        Side::Sell => b'2',
    };
    out.char(tags::SIDE, side);
    if instrument.is_some() {
        out.char(tags::ORD_TYPE, b'0' + report.ord_type as u8);
        out.char(tags::TIME_IN_FORCE, b'0' + report.tif as u8);
    }
}

/// Ordered, limit, filled, left, average.
fn write_numbers(out: &mut Encoder<'_>, report: &Report, instrument: Option<&InstrumentConfig>) {
    let Some(InstrumentConfig { price_decimals, qty_decimals, .. }) = instrument.copied() else {
        // Nothing was filled of what could not be named.
        out.uint(tags::CUM_QTY, 0).uint(tags::LEAVES_QTY, 0).uint(tags::AVG_PX, 0);
        return;
    };
    out.decimal(tags::ORDER_QTY, report.qty.0, qty_decimals);
    if report.price.0 != 0 {
        out.decimal(tags::PRICE, report.price.0, price_decimals);
    }
    out.decimal(tags::CUM_QTY, report.filled.0, qty_decimals);
    out.decimal(tags::LEAVES_QTY, report.leaves.0, qty_decimals);
    if report.filled.0 == 0 {
        out.uint(tags::AVG_PX, 0);
        return;
    }
    let scale = price_decimals + AVERAGE_EXTRA_DECIMALS;
    let mantissa = average(report.filled_notional.0, report.filled.0);
    out.field(tags::AVG_PX, Digits::new(mantissa, scale, price_decimals).as_bytes());
}

fn write_last(
    out: &mut Encoder<'_>,
    last: &LastFill,
    instrument: Option<&InstrumentConfig>,
    terms: &Terms,
) {
    if let Some(instrument) = instrument {
        out.decimal(tags::LAST_QTY, last.qty.0, instrument.qty_decimals);
        out.decimal(tags::LAST_PX, last.price.0, instrument.price_decimals);
    }
    if let Some(venue) = terms.venue(last.venue) {
        out.field(tags::LAST_MKT, venue.as_bytes());
    }
    out.uint(tags::LAST_LIQUIDITY_IND, last.liquidity as u64);
}

/// The group of one fee; positive was paid, negative is a rebate.
fn write_fee(out: &mut Encoder<'_>, last: &LastFill, terms: &Terms) {
    let amount = Digits::new(last.fee.0, AMOUNT_DECIMALS as u8, 0);
    out.uint(tags::NO_MISC_FEES, 1).field(tags::MISC_FEE_AMT, amount.as_bytes());
    if let Some(asset) = terms.asset(last.fee_asset) {
        out.field(tags::MISC_FEE_CURR, asset.as_bytes());
    }
    out.uint(tags::MISC_FEE_TYPE, EXCHANGE_FEE);
}
