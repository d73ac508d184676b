//! What the read model answers with: owned copies, ready to be written as JSON.
//!
//! A line belongs here if a console or a page of metrics shows it; `docs/console.md` has the words.
//! Prices, quantities and amounts are decimal numbers in strings, times nanoseconds since 1970 UTC.

use std::collections::BTreeMap;

use rutter_core::input::{AccountLimits, LIMITS, LimitValue};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};

use super::number::limit_text;

/// One venue, as the core knows it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct VenueStatus {
    /// Its name.
    pub name: String,
    /// Logged on and reconciled.
    pub up: bool,
    /// An operator lets nothing new go there.
    pub drained: bool,
    /// An operator has halted it.
    pub halted: bool,
    /// Books that it is routed by.
    pub books: usize,
    /// Books that are trusted.
    pub books_trusted: usize,
    /// Times that a book lost its trust.
    pub distrusts: u64,
    /// Children sent.
    pub children: u64,
    /// Children that are not over.
    pub open_children: u32,
    /// Children whose fate is unknown at present.
    pub unknown: u64,
    /// Children refused, by reason.
    pub rejects: BTreeMap<String, u64>,
    /// Executions.
    pub fills: u64,
    /// Value of what was filled, summed over all quote assets one to one.
    pub filled_notional: String,
}

/// One client session, as the core knows it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SessionStatus {
    /// Its `CompID`.
    pub name: String,
    /// The account it trades for; none if it only listens.
    pub account: Option<String>,
    /// Number of its last event.
    pub events: u64,
    /// An operator lets it in no more.
    pub disabled: bool,
    /// Its orders that are not over.
    pub open_orders: u32,
}

/// One stage of one path, nanoseconds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StageStatus {
    /// `order` or `report`.
    pub path: &'static str,
    /// `decode`, `input_ring`, `core`, `send`, `total`.
    pub stage: &'static str,
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
    /// 99.9th percentile.
    pub p999: u64,
    /// Longest.
    pub max: u64,
    /// How many.
    pub count: u64,
}

/// A scope in names: one of the four, or none, which is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ScopeRow {
    /// One venue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub venue: Option<String>,
    /// One instrument.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// One client session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// One account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// Everything at a glance. What is counted is counted since the start of the node; what is open,
/// halted or unknown is as it is.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Status {
    /// Inputs decided.
    pub inputs: u64,
    /// Journal sequence of the last input.
    pub journal_seq: u64,
    /// Sequence up to which outputs may leave.
    pub released_seq: u64,
    /// Orders accepted.
    pub orders: u64,
    /// Orders that are not over.
    pub open_orders: u32,
    /// Of those, the ones that are being called back or changed.
    pub pending_orders: u32,
    /// Children that are not over.
    pub open_children: u32,
    /// Of those, the ones whose fate is unknown.
    pub unknown_children: u32,
    /// Orders refused, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Orders that are over, by how.
    pub ended: BTreeMap<String, u64>,
    /// Reports made, cancel rejects among them.
    pub reports: u64,
    /// Executions reported.
    pub fills: u64,
    /// Fills that were booked and could not be reported: late, or beyond their order.
    pub odd_fills: u64,
    /// Events that a child's state did not allow.
    pub illegal_events: u64,
    /// Children that were over and found open, and so called back.
    pub found_after_end: u64,
    /// Orders that have to end and that a venue does not give back.
    pub cancels_stuck: u64,
    /// Reference data that was not taken.
    pub bad_reference: u64,
    /// Everything is halted.
    pub halted: bool,
    /// Where trading is halted.
    pub halts: Vec<ScopeRow>,
    /// Where only what reduces a position is taken.
    pub reduce_only: Vec<ScopeRow>,
    /// Times that the output ring was full.
    pub output_stalls: u64,
    /// By venue.
    pub venues: Vec<VenueStatus>,
    /// By session.
    pub sessions: Vec<SessionStatus>,
    /// Latency.
    pub stages: Vec<StageStatus>,
}

/// An instrument and where it trades.
#[derive(Clone, Debug, Serialize)]
pub struct InstrumentRow {
    /// Such as `BTC/USDT`.
    pub symbol: String,
    /// What is bought.
    pub base: String,
    /// What it is paid with.
    pub quote: String,
    /// Decimals of a price.
    pub price_decimals: u8,
    /// Decimals of a quantity.
    pub qty_decimals: u8,
    /// An operator has halted it.
    pub halted: bool,
    /// An operator takes only what reduces a position in it.
    pub reduce_only: bool,
    /// Its terms by venue.
    pub listings: Vec<ListingRow>,
}

/// An instrument's terms at one venue.
#[derive(Clone, Debug, Serialize)]
pub struct ListingRow {
    /// Where.
    pub venue: String,
    /// It is routed to.
    pub enabled: bool,
    /// Price step.
    pub tick: String,
    /// Quantity step.
    pub lot: String,
    /// Smallest order.
    pub qty_min: String,
    /// Smallest order value.
    pub notional_min: String,
    /// Parts per million.
    pub taker_fee_ppm: i32,
    /// Parts per million; negative is a rebate.
    pub maker_fee_ppm: i32,
    /// Its book is trusted.
    pub trusted: bool,
}

/// A client order.
#[derive(Clone, Debug, Serialize)]
pub struct OrderRow {
    /// Its id.
    pub id: u64,
    /// What its lines in the log have, as 16 hexadecimal digits.
    pub trace_id: String,
    /// Whose.
    pub session: String,
    /// For which account.
    pub account: String,
    /// FIX 11.
    pub cl_ord_id: String,
    /// What.
    pub symbol: String,
    /// `Buy` or `Sell`.
    pub side: String,
    /// `Market` or `Limit`.
    #[serde(rename = "type")]
    pub ord_type: String,
    /// `Day`, `Gtc`, `Ioc`, `Fok` or `Gtd`.
    pub tif: String,
    /// Ordered.
    pub qty: String,
    /// Limit; none for a market order.
    pub price: Option<String>,
    /// Filled.
    pub filled: String,
    /// Neither filled nor given up.
    pub leaves: String,
    /// Average price of what is filled, cut after four digits more than a price has; none before.
    pub avg_px: Option<String>,
    /// FIX 39 in words.
    pub state: String,
    /// Why it is over or being called back.
    pub reason: Option<String>,
    /// Where its open children are; of an order that is over, where they were.
    pub venues: Vec<String>,
    /// Its children whose fate is unknown.
    pub unknown: u32,
    /// When it was taken.
    pub time_ns: u64,
    /// When it last changed.
    pub changed_ns: u64,
}

/// Orders, newest first.
#[derive(Clone, Debug, Default, Serialize)]
pub struct OrdersPage {
    /// A row each.
    pub orders: Vec<OrderRow>,
    /// There may be more.
    pub more: bool,
    /// To go on with, as `before`, when there may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
}

/// What was sent to one venue for an order.
#[derive(Clone, Debug, Serialize)]
pub struct ChildRow {
    /// Its id.
    pub id: u64,
    /// Where.
    pub venue: String,
    /// `Buy` or `Sell`.
    pub side: String,
    /// Sent.
    pub qty: String,
    /// Limit.
    pub price: String,
    /// `Ioc`, `Fok` or `Gtc`.
    pub tif: String,
    /// As in `rutter_core::child`.
    pub state: String,
    /// Filled.
    pub filled: String,
    /// When it was decided.
    pub sent_ns: u64,
    /// Why the venue refused it.
    pub reason: Option<String>,
}

/// Something that happened to an order or one of its children.
#[derive(Clone, Debug, Serialize)]
pub struct EventRow {
    /// The input's place in the journal.
    pub seq: u64,
    /// When.
    pub time_ns: u64,
    /// What, in a word.
    pub what: &'static str,
    /// Which child, if one.
    pub child: Option<u64>,
    /// What there is to say of it.
    pub text: String,
}

/// An order with its children and events.
#[derive(Clone, Debug, Serialize)]
pub struct OrderDetail {
    /// The order.
    pub order: OrderRow,
    /// Its children, oldest first: the newest [`super::filter::ROWS_MAX`] that are not forgotten.
    pub children: Vec<ChildRow>,
    /// Its events in order: the newest [`super::filter::ROWS_MAX`] that are not forgotten.
    pub events: Vec<EventRow>,
    /// How many came before those.
    pub events_forgotten: u64,
}

/// One account in one instrument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PositionRow {
    /// Whose.
    pub account: String,
    /// What.
    pub symbol: String,
    /// Bought minus sold.
    pub base: String,
    /// Received minus paid in the quote asset, without fees.
    pub cash: String,
}

/// What one account has paid in fees of one asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FeeRow {
    /// Whose.
    pub account: String,
    /// In what.
    pub asset: String,
    /// How much; negative is a rebate.
    pub paid: String,
}

/// Positions and fees that are not zero.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Positions {
    /// By account and instrument.
    pub positions: Vec<PositionRow>,
    /// By account and asset.
    pub fees: Vec<FeeRow>,
}

/// What one venue holds for us of one asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BalanceRow {
    /// Where.
    pub venue: String,
    /// Of what.
    pub asset: String,
    /// All of it: as it told, moved by what was filled since.
    pub total: String,
    /// Bound by children that are not over.
    pub in_orders: String,
    /// When it last told; zero if it never has.
    pub told_ns: u64,
}

/// An account's limits as they hold. JSON has one member per limit, by the limit's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitRow {
    /// The account's name.
    pub account: String,
    /// The limits.
    pub limits: AccountLimits,
    /// Orders that are open.
    pub open_orders: u32,
}

impl Serialize for LimitRow {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut row = serializer.serialize_map(Some(LIMITS.len() + 2))?;
        row.serialize_entry("account", &self.account)?;
        for limit in LIMITS {
            match limit.get(&self.limits) {
                LimitValue::Whole(whole) => row.serialize_entry(limit.name, &whole)?,
                amount @ LimitValue::Amount(_) => {
                    row.serialize_entry(limit.name, &limit_text(amount))?;
                }
            }
        }
        row.serialize_entry("open_orders", &self.open_orders)?;
        row.end()
    }
}

/// What an operator did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommandRow {
    /// The command's place in the journal.
    pub seq: u64,
    /// When.
    pub time_ns: u64,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// What, in words.
    pub command: String,
    /// Orders, or a venue's children, that were called back.
    pub affected: u32,
    /// Why it was not carried out, if it was not.
    pub refusal: Option<String>,
}

/// How many orders and children a scope has open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OpenIn {
    /// Orders that are not over; of a venue: those with an open child there.
    pub orders: u32,
    /// Children that are not over.
    pub children: u32,
}
