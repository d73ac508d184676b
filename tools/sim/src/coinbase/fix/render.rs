//! The venue's outgoing FIX messages.
//!
//! A line belongs here if it turns data into tags. The tags and their order follow the samples of
//! the venue reference (Coinbase Exchange), sections 3.1 to 3.4. The frame is built here and not by
//! the shared encoder, so that a mistake in the encoder's length or checksum shows.

use std::fmt::Write as _;

use rutter_fix::codec::{TimePrecision, checksum, write_timestamp};

use super::super::error::ApiError;
use super::super::ids;
use super::super::render::{amount, cancel_reason, price, short_quantity};
use super::VENUE_COMP_ID;
use super::fields::{Fault, Inbound};
use crate::engine::{
    Exchange, InstrumentConfig, Order, OrderKind, OrderStatus, Report, ReportKind, Side, Tif,
};

/// A message without header and trailer.
#[derive(Clone, Debug)]
pub(super) struct Outbound {
    kind: &'static str,
    fields: Vec<(u32, String)>,
}

impl Outbound {
    pub fn new(kind: &'static str) -> Self {
        Self { kind, fields: Vec::new() }
    }

    #[expect(clippy::needless_pass_by_value, reason = "numbers and texts alike read as values")]
    pub fn add(mut self, tag: u32, value: impl ToString) -> Self {
        self.fields.push((tag, value.to_string()));
        self
    }

    pub fn add_some(self, tag: u32, value: Option<impl ToString>) -> Self {
        match value {
            Some(value) => self.add(tag, value),
            None => self,
        }
    }

    /// Renders header, body and trailer.
    pub fn frame(&self, sequence: u64, peer: &str, now_ns: u64) -> Vec<u8> {
        let mut body = format!("35={}\x0149={VENUE_COMP_ID}\x0156={peer}\x01", self.kind);
        // Writing to a String cannot fail.
        let _ = write!(body, "34={sequence}\x0152={}\x01", time(now_ns));
        for (tag, value) in &self.fields {
            let _ = write!(body, "{tag}={value}\x01");
        }
        let mut bytes = format!("8=FIXT.1.1\x019={}\x01{body}", body.len()).into_bytes();
        let sum = checksum(&bytes);
        bytes.extend_from_slice(format!("10={sum:03}\x01").as_bytes());
        bytes
    }
}

fn time(ns: u64) -> String {
    let mut text = Vec::new();
    write_timestamp(&mut text, ns, TimePrecision::Millis);
    String::from_utf8(text).unwrap_or_default()
}

pub(super) fn logon(heartbeat_s: u64, key: &str) -> Outbound {
    let answer = Outbound::new("A").add(98, 0).add(108, heartbeat_s).add(141, "Y");
    answer.add(553, key).add(1137, 9)
}

pub(super) fn heartbeat(id: Option<&str>) -> Outbound {
    Outbound::new("0").add_some(112, id)
}

pub(super) fn test_request(id: &str) -> Outbound {
    Outbound::new("1").add(112, id)
}

pub(super) fn logout(text: &str) -> Outbound {
    Outbound::new("5").add_some(58, (!text.is_empty()).then_some(text))
}

pub(super) fn reject(ref_sequence: u64, ref_type: &str, fault: &Fault) -> Outbound {
    Outbound::new("3")
        .add(45, ref_sequence)
        .add_some(371, fault.tag)
        .add(372, ref_type)
        .add(373, fault.reason)
        .add(58, &fault.text)
}

/// `ExecutionReport` of an engine event.
pub(super) fn execution_report(exchange: &Exchange, report: &Report) -> Outbound {
    let order = &report.order;
    let config = exchange.instrument_config(order.instrument);
    let mut message = head(exchange, order)
        .add_some(41, report.old_client_id.as_deref())
        .add(17, ids::execution(report.exec_id))
        .add(39, order_status(order.status))
        .add(150, execution_type(report));
    message = terms(message, config, order);
    if let ReportKind::Trade(fill) = &report.kind {
        let asset = exchange.assets().get(fill.fee_asset.0 as usize).map_or("", String::as_str);
        return message
            .add(32, short_quantity(config, fill.quantity))
            .add(31, price(config, fill.price))
            .add(60, time(report.time_ns))
            .add(1003, fill.trade_id)
            .add(1057, if fill.maker { "N" } else { "Y" })
            .add(136, 1)
            .add(137, amount(fill.fee))
            .add(138, asset)
            .add(139, 4)
            .add(891, 0);
    }
    let is_over = !order.status.is_open();
    let text = match cancel_reason(order.end) {
        "" => "User requested cancel",
        reason => reason,
    };
    message.add_some(58, is_over.then_some(text)).add(60, time(report.time_ns))
}

/// The answer to a status request: 150=I.
pub(super) fn status(exchange: &Exchange, now_ns: u64, order: &Order) -> Outbound {
    let config = exchange.instrument_config(order.instrument);
    let message = head(exchange, order)
        .add(17, ids::NO_ORDER)
        .add(39, order_status(order.status))
        .add(150, "I");
    terms(message, config, order).add(60, time(now_ns))
}

/// `RptSeq` (83), `ClOrdID` (11) and `OrderID` (37).
fn head(exchange: &Exchange, order: &Order) -> Outbound {
    Outbound::new("8")
        .add(83, exchange.update_id(order.instrument))
        .add(11, &order.client_id)
        .add(37, ids::order(order.id))
}

fn terms(message: Outbound, config: &InstrumentConfig, order: &Order) -> Outbound {
    let is_limit = order.kind == OrderKind::Limit;
    let tif = match order.tif {
        Tif::Gtc => "1",
        Tif::Ioc => "3",
        Tif::Fok => "4",
    };
    message
        .add(55, &config.symbol)
        .add(54, if order.side == Side::Buy { "1" } else { "2" })
        .add(40, if is_limit { "2" } else { "1" })
        .add_some(44, is_limit.then(|| price(config, order.price)))
        .add(38, short_quantity(config, order.quantity))
        .add(14, short_quantity(config, order.filled))
        .add(151, short_quantity(config, order.leaves()))
        .add(59, tif)
        .add_some(18, order.post_only.then_some("A"))
}

/// `ExecutionReport` of a refused request, with its terms.
pub(super) fn rejected(now_ns: u64, request: &Inbound, error: &ApiError) -> Outbound {
    Outbound::new("8")
        .add_some(11, request.get(11))
        .add(37, ids::NO_ORDER)
        .add(17, ids::NO_ORDER)
        .add(39, 8)
        .add(150, if request.kind == "H" { "I" } else { "8" })
        .add_some(55, request.get(55))
        .add_some(54, request.get(54))
        .add(103, error.reason)
        .add(58, &error.text)
        .add(60, time(now_ns))
}

fn execution_type(report: &Report) -> &'static str {
    match report.kind {
        ReportKind::Accepted => "0",
        ReportKind::Trade(_) => "F",
        ReportKind::Canceled => "4",
        // The end of an IOC or FOK order. Self-trade prevention cancels.
        ReportKind::Expired if report.order.status == OrderStatus::ExpiredInMatch => "4",
        ReportKind::Expired => "C",
        ReportKind::Amended { .. } => "5",
    }
}

fn order_status(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::New => "0",
        OrderStatus::PartiallyFilled => "1",
        OrderStatus::Filled => "2",
        OrderStatus::Canceled | OrderStatus::ExpiredInMatch => "4",
        OrderStatus::Expired => "C",
    }
}
