//! The venue's outgoing FIX messages.
//!
//! A line belongs here if it turns data into tags. The sets of tags follow the samples of the venue
//! reference (Binance), sections 3.2 to 3.5. The frame is built here and not by the shared encoder,
//! so that a mistake in the encoder's length or checksum shows.

use std::fmt::Write as _;

use rutter_fix::codec::{TimePrecision, checksum, write_timestamp};

use super::super::super::engine::{
    EndReason, Exchange, InstrumentConfig, Order, OrderKind, OrderStatus, Report, ReportKind, Side,
    Stp, Tif,
};
use super::super::render::{amount, client_ids, price, quantity};
use super::VENUE_COMP_ID;
use super::fields::{Fault, Inbound};

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
    pub fn frame(&self, sequence: u64, peer: &str, now_ns: u64, padded: bool) -> Vec<u8> {
        let mut body = format!("35={}\x0134={sequence}\x0149={VENUE_COMP_ID}\x0152=", self.kind);
        body.push_str(&time(now_ns));
        // Writing to a String cannot fail.
        let _ = write!(body, "\x0156={peer}\x01");
        for (tag, value) in &self.fields {
            let _ = write!(body, "{tag}={value}\x01");
        }
        let length = body.len();
        let head = if padded {
            format!("8=FIX.4.4\x019={length:07}\x01")
        } else {
            format!("8=FIX.4.4\x019={length}\x01")
        };
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body.as_bytes());
        let sum = checksum(&bytes);
        bytes.extend_from_slice(format!("10={sum:03}\x01").as_bytes());
        bytes
    }
}

fn time(ns: u64) -> String {
    let mut text = Vec::new();
    write_timestamp(&mut text, ns, TimePrecision::Micros);
    String::from_utf8(text).unwrap_or_default()
}

pub(super) fn logon(heartbeat_s: u64, uuid: &str) -> Outbound {
    Outbound::new("A").add(98, 0).add(108, heartbeat_s).add(25037, uuid)
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

pub(super) fn news(headline: &str) -> Outbound {
    Outbound::new("B").add(148, headline)
}

pub(super) fn reject(ref_sequence: u64, ref_type: &str, fault: &Fault) -> Outbound {
    Outbound::new("3")
        .add(45, ref_sequence)
        .add_some(371, fault.tag)
        .add_some(372, (!ref_type.is_empty()).then_some(ref_type))
        .add(373, fault.reason)
        .add(25016, fault.code)
        .add(58, &fault.text)
}

/// Whether a report answers a request, as opposed to an unsolicited fill or expiry.
pub(super) fn is_answer(report: &Report) -> bool {
    match report.kind {
        ReportKind::Accepted | ReportKind::Amended { .. } => true,
        ReportKind::Canceled => report.request_id.is_some(),
        ReportKind::Trade(_) | ReportKind::Expired => false,
    }
}

/// `ExecutionReport` of an engine event.
pub(super) fn execution_report(exchange: &Exchange, report: &Report) -> Outbound {
    let order = &report.order;
    let config = exchange.instrument_config(order.instrument);
    let fill = match &report.kind {
        ReportKind::Trade(fill) => Some(fill),
        _ => None,
    };
    let (client, original) = client_ids(report);
    let mut message = Outbound::new("8")
        .add(11, client)
        .add(14, quantity(config, order.filled))
        .add(17, report.exec_id)
        .add_some(31, fill.map(|f| price(config, f.price)))
        .add(32, quantity(config, fill.map_or(0, |f| f.quantity)))
        .add(37, order.id)
        .add(38, quantity(config, order.quantity))
        .add(39, order_status(order.status))
        .add_some(41, (!original.is_empty()).then_some(original));
    message = terms(message, config, order).add(60, time(report.time_ns));
    if let Some(fill) = fill {
        let asset = exchange.assets().get(fill.fee_asset.0 as usize).map_or("", String::as_str);
        message = message.add(136, 1).add(137, amount(fill.fee)).add(138, asset).add(139, 4);
    }
    let working = order.working_since_ns;
    let prevented =
        (order.end == Some(EndReason::SelfTrade)).then(|| order.quantity - order.filled);
    let aggressor = match report.kind {
        ReportKind::Accepted => Some("Y"),
        ReportKind::Trade(fill) => Some(if fill.maker { "N" } else { "Y" }),
        ReportKind::Canceled | ReportKind::Expired | ReportKind::Amended { .. } => None,
    };
    message
        .add(150, execution_type(report.kind))
        .add(151, quantity(config, order.leaves()))
        .add_some(152, order.quote_ordered.map(amount))
        .add_some(636, working.map(|_| "Y"))
        .add_some(1003, fill.map(|f| f.trade_id))
        .add_some(1057, aggressor)
        .add(25001, stp(order.stp))
        .add(25017, amount(order.filled_quote))
        .add(25018, time(order.created_ns))
        .add_some(25023, working.map(time))
        .add_some(25030, prevented.map(|left| quantity(config, left)))
        .add_some(25056, expiry_reason(order.end))
}

/// Type, price, side, symbol and time in force.
fn terms(message: Outbound, config: &InstrumentConfig, order: &Order) -> Outbound {
    let limit = order.kind == OrderKind::Limit;
    let tif = match order.tif {
        _ if !limit => "1",
        Tif::Gtc => "1",
        Tif::Ioc => "3",
        Tif::Fok => "4",
    };
    message
        .add_some(18, order.post_only.then_some("6"))
        .add(40, if limit { "2" } else { "1" })
        .add_some(44, limit.then(|| price(config, order.price)))
        .add(54, if order.side == Side::Buy { "1" } else { "2" })
        .add(55, &config.symbol)
        .add_some(59, (!order.post_only).then_some(tif))
}

/// `ExecutionReport` of a refused order, with the terms of the request.
pub(super) fn rejected(now_ns: u64, request: &Inbound, code: i32, text: &str) -> Outbound {
    let echo = |tag: u32| request.get(tag);
    let number = |tag: u32| {
        let mantissa = echo(tag).and_then(|t| super::super::super::decimal::parse(t, 8).ok());
        mantissa.map(|m| super::super::super::decimal::format(i128::from(m), 8, 8))
    };
    Outbound::new("8")
        .add_some(11, echo(11))
        .add(14, "0.00000000")
        .add_some(18, echo(18))
        .add(32, "0.00000000")
        .add_some(38, number(38))
        .add(39, "8")
        .add_some(40, echo(40))
        .add_some(44, number(44))
        .add_some(54, echo(54))
        .add_some(55, echo(55))
        .add_some(59, echo(59))
        .add(60, time(now_ns))
        .add(150, "8")
        .add(151, "0.00000000")
        .add_some(152, number(152))
        .add(25016, code)
        .add(58, text)
}

fn execution_type(kind: ReportKind) -> &'static str {
    match kind {
        ReportKind::Accepted => "0",
        ReportKind::Trade(_) => "F",
        ReportKind::Canceled => "4",
        ReportKind::Expired => "C",
        ReportKind::Amended { .. } => "5",
    }
}

fn order_status(status: OrderStatus) -> &'static str {
    match status {
        OrderStatus::New => "0",
        OrderStatus::PartiallyFilled => "1",
        OrderStatus::Filled => "2",
        OrderStatus::Canceled => "4",
        OrderStatus::Expired | OrderStatus::ExpiredInMatch => "C",
    }
}

fn stp(stp: Stp) -> u32 {
    match stp {
        Stp::Allow => 1,
        Stp::ExpireTaker => 2,
        Stp::ExpireMaker => 3,
        Stp::ExpireBoth => 4,
    }
}

/// A value as the integer of the venue's schema.
fn expiry_reason(end: Option<EndReason>) -> Option<u32> {
    match end? {
        EndReason::Ioc => Some(5),
        EndReason::Fok => Some(6),
        EndReason::NoLiquidity => Some(7),
        EndReason::User
        | EndReason::SelfTrade
        | EndReason::PostOnly
        | EndReason::Amend
        | EndReason::Time
        | EndReason::Disconnect
        | EndReason::Venue => None,
    }
}
