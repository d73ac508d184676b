//! The core's answers as FIX fields: `ExecutionReport` (8), `OrderCancelReject` (9) and
//! `OrderMassCancelReport` (r), in FIX 4.2, 4.4 and 5.0 SP2.
//!
//! A line belongs here if it writes the fields of one answer. Header, sequence numbers and storing
//! are the session's. A field that only some versions have is written under a condition on
//! `reader`, the version of the session that reads the report.

use rutter_core::id::ChildId;
use rutter_core::input::{Liquidity, Refusal, ScoreWeights, WrittenTerms};
use rutter_core::number::AMOUNT_DECIMALS;
use rutter_core::output::{
    CancelReject, LastFill, MassCancelReport, OrdStatus, Report, ReportKind,
};
use rutter_core::strategy::number_of;
use rutter_fix::codec::{Encoder, TimePrecision};
use rutter_fix::dictionary::Version;
use rutter_fix::tags;

use crate::config::InstrumentConfig;
use crate::number::{AVERAGE_EXTRA_DECIMALS, DecimalText, average};
use crate::refusal::codes;
use crate::terms::{Owner, PREFIX_BYTES, Terms};

/// `OrderID` (37) of an order that was refused or is not known.
const NO_ORDER: &[u8] = b"NONE";

/// `Symbol` (55) where none is known (FIX 4.4 volume 6, field 55).
const NO_SYMBOL: &[u8] = b"[N/A]";

/// `Side` (54) of an order that is not known: 7, undisclosed.
const NO_SIDE: u8 = b'7';

/// `MiscFeeType` (139): 4, exchange fees.
const EXCHANGE_FEE: u64 = 4;

/// `CommType` (13): 3, an absolute amount.
const ABSOLUTE: u8 = b'3';

/// `ExecRestatementReason` (378): 5, the quantity is reduced.
const REDUCED: u64 = 5;
/// `ExecRestatementReason` (378): 4, the broker's decision.
const BROKER_OPTION: u64 = 4;

/// `ExecTransType` (20) of FIX 4.2: 0, new.
const TRANS_NEW: u8 = b'0';
/// `ExecTransType` (20) of FIX 4.2: 3, status.
const TRANS_STATUS: u8 = b'3';

/// Writes the fields of an `ExecutionReport` for a session of `reader`'s version.
///
/// Fields whose value is not known are left out where FIX allows it. A refused order that could not
/// be expressed in the core's terms has 1, 54, 40, 59, 38 and 44 as the client wrote them.
pub fn write_report(
    out: &mut Encoder<'_>,
    report: &Report,
    owner: &Owner,
    reader: &Owner,
    terms: &Terms,
) {
    let instrument = report.instrument.and_then(|id| terms.instrument(id));
    write_order_id(out, terms, report.order.0);
    write_id(out, tags::EXEC_ID, terms, report.exec);
    write_state(out, report, reader.version);
    if !report.cl_ord_id.is_empty() {
        out.field(tags::CL_ORD_ID, report.cl_ord_id.as_bytes());
    }
    if !report.orig_cl_ord_id.is_empty() {
        out.field(tags::ORIG_CL_ORD_ID, report.orig_cl_ord_id.as_bytes());
    }
    if !report.request.is_empty() && reader.version != Version::Fix42 {
        write_request(out, report);
    }
    write_account(out, report, owner);
    write_what(out, report, instrument);
    write_strategy(out, report, instrument, reader.version);
    write_numbers(out, report, instrument);
    if let Some(last) = &report.last {
        write_last(out, last, instrument, reader.version, terms);
    } else if reader.version == Version::Fix42 {
        // FIX 4.2 has both fields in every report.
        out.uint(tags::LAST_QTY, 0).uint(tags::LAST_PX, 0);
    }
    out.timestamp(tags::TRANSACT_TIME, report.time.0, reader.precision);
    if let Some(last) = &report.last
        && reader.version != Version::Fix42
    {
        write_fee(out, last, terms);
    }
    if report.reason != Refusal::None {
        let codes = codes(report.reason);
        if report.status == OrdStatus::Rejected {
            out.uint(tags::ORD_REJ_REASON, u64::from(codes.order_code(reader.version)));
        }
        if report.kind == ReportKind::Restated {
            let is_moved = report.reason == Refusal::PlaceLost;
            let reason = if is_moved { BROKER_OPTION } else { REDUCED };
            out.uint(tags::EXEC_RESTATEMENT_REASON, reason);
        }
        out.field(tags::TEXT, codes.word.as_bytes());
    } else if let Some(word) = report.waiting.word() {
        out.field(tags::TEXT, word.as_bytes());
    } else if let Some(word) = report.strategy.caution().filter(|_| report.kind == ReportKind::New)
    {
        out.field(tags::TEXT, word.as_bytes());
    }
}

/// The origin of a report. A client needs it to ask "why", and to measure our latency.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passport {
    /// Journal sequence of the input that caused the report.
    pub journal_seq: u64,
    /// When the bytes of that input arrived, nanoseconds since the Unix epoch.
    pub arrived_ns: u64,
    /// When the core decided about that input, nanoseconds since the Unix epoch.
    pub decided_ns: u64,
}

/// Writes the origin of a report.
pub fn write_passport(out: &mut Encoder<'_>, passport: &Passport) {
    out.uint(tags::PASSPORT_JOURNAL_SEQ, passport.journal_seq);
    out.timestamp(tags::PASSPORT_ARRIVED, passport.arrived_ns, TimePrecision::Nanos);
    out.timestamp(tags::PASSPORT_DECIDED, passport.decided_ns, TimePrecision::Nanos);
}

/// Writes the fields that a drop copy adds to a report: that it is a copy, and the `CompID` of the
/// session that the report is for.
pub fn write_copy_of(out: &mut Encoder<'_>, comp_id: &str, reader: Version) {
    if reader != Version::Fix42 {
        out.bool(tags::COPY_MSG_INDICATOR, true);
    }
    out.text(tags::ORIGINAL_COMP_ID, comp_id);
}

/// Writes `ExecType` (150) and `OrdStatus` (39). FIX 4.2 differs: it has `ExecTransType` (20), no
/// `ExecType` for trades and for answers to status requests, and a status of its own for replaced
/// orders.
fn write_state(out: &mut Encoder<'_>, report: &Report, reader: Version) {
    if reader != Version::Fix42 {
        out.char(tags::EXEC_TYPE, report.kind as u8).char(tags::ORD_STATUS, report.status as u8);
        return;
    }
    let replaced = report.replaced && report.status == OrdStatus::New;
    let status = if replaced { b'5' } else { report.status as u8 };
    let (trans, exec_type) = match report.kind {
        ReportKind::Trade if report.leaves.0 == 0 => (TRANS_NEW, OrdStatus::Filled as u8),
        ReportKind::Trade => (TRANS_NEW, OrdStatus::PartiallyFilled as u8),
        ReportKind::OrderStatus => (TRANS_STATUS, status),
        kind => (TRANS_NEW, kind as u8),
    };
    out.char(tags::EXEC_TRANS_TYPE, trans);
    out.char(tags::EXEC_TYPE, exec_type).char(tags::ORD_STATUS, status);
}

/// Writes the id of the status request that a report answers.
fn write_request(out: &mut Encoder<'_>, report: &Report) {
    let of_mass = report.mass_total > 0 || report.cl_ord_id.is_empty();
    if !of_mass {
        out.field(tags::ORD_STATUS_REQ_ID, report.request.as_bytes());
        return;
    }
    out.field(tags::MASS_STATUS_REQ_ID, report.request.as_bytes());
    out.uint(tags::TOT_NUM_REPORTS, u64::from(report.mass_total));
    out.bool(tags::LAST_RPT_REQUESTED, report.mass_left == 0);
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
    out.timestamp(tags::TRANSACT_TIME, reject.time.0, owner.precision);
    // 1 answers an OrderCancelRequest, 2 an OrderCancelReplaceRequest.
    out.char(tags::CXL_REJ_RESPONSE_TO, if reject.of_replace { b'2' } else { b'1' });
    let codes = codes(reject.reason);
    out.uint(tags::CXL_REJ_REASON, u64::from(codes.cancel_code(owner.version)));
    out.field(tags::TEXT, codes.word.as_bytes());
}

/// Writes the fields of an `OrderMassCancelReport`.
pub fn write_mass_cancel_report(
    out: &mut Encoder<'_>,
    report: &MassCancelReport,
    owner: &Owner,
    terms: &Terms,
) {
    let done = report.reason == Refusal::None;
    out.field(tags::CL_ORD_ID, report.cl_ord_id.as_bytes());
    // FIX 4.4 requires an OrderID. No order is meant, so it is the number of this event.
    write_id(out, tags::ORDER_ID, terms, report.event);
    if owner.version == Version::Fix50Sp2 {
        write_id(out, tags::MASS_ACTION_REPORT_ID, terms, report.event);
    }
    out.char(tags::MASS_CANCEL_REQUEST_TYPE, report.asked);
    // 0 is a refusal; the other values repeat the request's type.
    out.char(tags::MASS_CANCEL_RESPONSE, if done { report.asked } else { b'0' });
    if !done {
        // 0 not supported, 1 unknown security, 99 other.
        let reason = match report.reason {
            Refusal::UnsupportedScope => 0,
            Refusal::UnknownSymbol => 1,
            _ => 99,
        };
        out.uint(tags::MASS_CANCEL_REJECT_REASON, reason);
    }
    out.uint(tags::TOTAL_AFFECTED_ORDERS, u64::from(report.affected));
    if let Some(instrument) = report.scope.instrument.and_then(|id| terms.instrument(id)) {
        out.field(tags::SYMBOL, instrument.symbol.as_bytes());
    }
    if let Some(side) = report.scope.side {
        out.char(tags::SIDE, b'0' + side as u8);
    }
    out.timestamp(tags::TRANSACT_TIME, report.time.0, owner.precision);
    if !done {
        out.field(tags::TEXT, codes(report.reason).word.as_bytes());
    }
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

/// Writes the node tag, a dash and a number: unique over all journals of all nodes.
fn write_id(out: &mut Encoder<'_>, tag: u32, terms: &Terms, number: u64) {
    write_id_of(out, tag, terms, b"", number);
}

/// Writes the id of a child. The letter tells it from the `OrderID` with the same number.
fn write_child_id(out: &mut Encoder<'_>, tag: u32, terms: &Terms, child: ChildId) {
    write_id_of(out, tag, terms, b"c", child.0);
}

fn write_id_of(out: &mut Encoder<'_>, tag: u32, terms: &Terms, kind: &[u8], number: u64) {
    let digits = DecimalText::new(i128::from(number), 0, 0);
    let parts = terms.prefix().iter().chain(kind).chain(digits.as_bytes());
    // The prefix, one letter, and the digits of the longest number.
    let mut text = [0; PREFIX_BYTES + 1 + 20];
    let mut length = 0;
    for (place, byte) in text.iter_mut().zip(parts) {
        *place = *byte;
        length += 1;
    }
    out.field(tag, text.get(..length).unwrap_or(&text));
}

/// Writes the account. A wrong one is repeated, and left out when it was too long to be kept.
fn write_account(out: &mut Encoder<'_>, report: &Report, owner: &Owner) {
    let written = &report.written.account;
    if !written.is_empty() {
        out.field(tags::ACCOUNT, written.as_bytes());
    } else if report.reason != Refusal::WrongAccount {
        out.field(tags::ACCOUNT, owner.account.as_bytes());
    }
}

/// Writes symbol, side, order type and time in force.
fn write_what(out: &mut Encoder<'_>, report: &Report, instrument: Option<&InstrumentConfig>) {
    let symbol = instrument.map_or(&report.symbol, |one| &one.symbol);
    out.field(tags::SYMBOL, if symbol.is_empty() { NO_SYMBOL } else { symbol.as_bytes() });
    if instrument.is_some() {
        out.char(tags::SIDE, b'0' + report.side as u8);
        out.char(tags::ORD_TYPE, b'0' + report.ord_type as u8);
        out.char(tags::TIME_IN_FORCE, b'0' + report.tif as u8);
        return;
    }
    if report.written.side == 0 {
        out.char(tags::SIDE, NO_SIDE);
    }
    write_written(out, &report.written);
}

/// Writes side, type and time in force as the client wrote them.
pub fn write_written(out: &mut Encoder<'_>, written: &WrittenTerms) {
    let WrittenTerms { side, ord_type, tif, .. } = *written;
    for (tag, written) in
        [(tags::SIDE, side), (tags::ORD_TYPE, ord_type), (tags::TIME_IN_FORCE, tif)]
    {
        if written != 0 {
            out.char(tag, written);
        }
    }
}

/// Writes quantity and price as the client wrote them.
pub fn write_written_numbers(out: &mut Encoder<'_>, written: &WrittenTerms) {
    for (tag, number) in [(tags::ORDER_QTY, written.qty), (tags::PRICE, written.price)] {
        if number.digits != 0 {
            out.decimal(tag, number.digits, number.decimals);
        }
    }
}

/// Writes the strategy that the order names, and its terms. Our dictionary of FIX 4.2 has the field
/// for the strategy, and none for its parameters.
fn write_strategy(
    out: &mut Encoder<'_>,
    report: &Report,
    instrument: Option<&InstrumentConfig>,
    version: Version,
) {
    let number = number_of(report.strategy, report.choice);
    let Some(instrument) = instrument.filter(|_| number != 0) else { return };
    if report.min_qty.0 != 0 {
        out.decimal(tags::MIN_QTY, report.min_qty.0, instrument.qty_decimals);
    }
    out.uint(tags::TARGET_STRATEGY, u64::from(number));
    if let Some(weights) = report.weights.filter(|_| version != Version::Fix42) {
        let ScoreWeights { price, latency, reliability, liquidity } = weights;
        let text = format!(
            "price={price},latency={latency},reliability={reliability},liquidity={liquidity}"
        );
        out.text(tags::TARGET_STRATEGY_PARAMETERS, &text);
    }
}

/// Writes quantity, limit price, filled and open quantity, and the average price.
fn write_numbers(out: &mut Encoder<'_>, report: &Report, instrument: Option<&InstrumentConfig>) {
    let Some(InstrumentConfig { price_decimals, qty_decimals, .. }) = instrument.copied() else {
        write_written_numbers(out, &report.written);
        // The instrument is not known, so nothing was filled.
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
    out.field(tags::AVG_PX, DecimalText::new(mantissa, scale, price_decimals).as_bytes());
}

fn write_last(
    out: &mut Encoder<'_>,
    last: &LastFill,
    instrument: Option<&InstrumentConfig>,
    reader: Version,
    terms: &Terms,
) {
    if let Some(instrument) = instrument {
        out.decimal(tags::LAST_QTY, last.qty.0, instrument.qty_decimals);
        out.decimal(tags::LAST_PX, last.price.0, instrument.price_decimals);
    }
    if let Some(venue) = terms.venue(last.venue) {
        out.field(tags::LAST_MKT, venue.as_bytes());
    }
    if !last.venue_order.is_empty() {
        out.field(tags::SECONDARY_ORDER_ID, last.venue_order.text().as_bytes());
    }
    if reader == Version::Fix42 {
        return;
    }
    write_child_id(out, tags::SECONDARY_CL_ORD_ID, terms, last.child);
    out.field(tags::SECONDARY_EXEC_ID, last.exec.text().as_bytes());
    out.uint(tags::LAST_LIQUIDITY_IND, last.liquidity as u64);
    if reader == Version::Fix50Sp2 {
        out.bool(tags::AGGRESSOR_INDICATOR, last.liquidity == Liquidity::Taker);
    }
}

/// Writes the fee, once as a commission and once as a group of one fee. A positive amount was paid,
/// a negative one is a rebate.
fn write_fee(out: &mut Encoder<'_>, last: &LastFill, terms: &Terms) {
    let amount = DecimalText::new(last.fee.0, AMOUNT_DECIMALS as u8, 0);
    let asset = terms.asset(last.fee_asset);
    out.field(tags::COMMISSION, amount.as_bytes()).char(tags::COMM_TYPE, ABSOLUTE);
    if let Some(asset) = asset {
        out.field(tags::COMM_CURRENCY, asset.as_bytes());
    }
    out.uint(tags::NO_MISC_FEES, 1).field(tags::MISC_FEE_AMT, amount.as_bytes());
    if let Some(asset) = asset {
        out.field(tags::MISC_FEE_CURR, asset.as_bytes());
    }
    out.uint(tags::MISC_FEE_TYPE, EXCHANGE_FEE);
}
