//! Rows of answers: owned copies that are written as JSON.
//!
//! A line belongs here if a console or the metrics show it; `docs/console.md` is the contract.
//! Prices, quantities and amounts are decimal numbers in strings. Times are nanoseconds since
//! 1970-01-01 UTC.

use std::collections::BTreeMap;

use rutter_core::bridge::BridgeWord;
use rutter_core::input::{AccountLimits, LIMITS, LimitValue};
use serde::Serialize;

use super::fees::{FeeTermsRow, FeesRow};
use serde::ser::{SerializeMap, Serializer};

use super::number::limit_text;

/// One venue, as the core knows it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct VenueStatus {
    /// The venue's name.
    pub name: String,
    /// The venue account whose feed and books it uses; absent for one with a feed of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub books_of: Option<String>,
    /// The order session is logged on, and all children are reconciled.
    pub up: bool,
    /// An operator drains the venue: it gets no new order.
    pub drained: bool,
    /// An operator has halted the venue.
    pub halted: bool,
    /// Listings of the venue, each with a book that orders are routed by.
    pub books: usize,
    /// Books of the venue that are trusted.
    pub books_trusted: usize,
    /// The other books, by why they are not trusted.
    pub distrusted: BTreeMap<&'static str, usize>,
    /// How often a book of the venue lost its trust.
    pub distrusts: u64,
    /// Children sent to the venue.
    pub children: u64,
    /// Children at the venue that are not over.
    pub open_children: u32,
    /// Children at the venue whose outcome is unknown now.
    pub unknown: u64,
    /// Children that the venue refused, by reason.
    pub rejects: BTreeMap<String, u64>,
    /// Its circuit breakers, by kind of request: `new`, `query`, `data`.
    pub breakers: BTreeMap<&'static str, BreakerRow>,
    /// What the venue's refusals keep from being used for a time.
    pub pauses: Vec<PauseRow>,
    /// What is known of its behaviour; `None` while too little is.
    pub behaviour: Option<BehaviourRow>,
    /// Executions at the venue.
    pub fills: u64,
    /// Value of all executions, summed over all quote assets one to one.
    pub filled_notional: String,
    /// The charged fees beside the configured ones.
    pub fees: FeesRow,
    /// What the fees depend on; `None` if they are those of the listings.
    pub fee_terms: Option<FeeTermsRow>,
}

impl VenueStatus {
    /// Whether anything may go to the venue or is there. A venue that has left the configuration
    /// lists nothing, and needs no link.
    pub const fn is_used(&self) -> bool {
        self.books > 0 || self.open_children > 0 || self.unknown > 0
    }
}

/// A circuit breaker of a venue.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BreakerRow {
    /// `closed`, `open` or `half_open`.
    pub state: &'static str,
    /// Until when at most it stays as it is; zero while closed.
    pub until_ns: u64,
    /// Times that it has opened since the start of the node.
    pub openings: u64,
}

impl BreakerRow {
    /// Whether it keeps new orders from the venue.
    pub fn is_shut(&self) -> bool {
        matches!(self.state, "open" | "half_open")
    }
}

/// Something at a venue that is not used for a time, because the venue said so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PauseRow {
    /// `new_orders`, `cancels`, `listing` or `funds`.
    pub what: &'static str,
    /// The instrument of `listing`, the asset of `funds`; `None` for the others.
    pub of: Option<String>,
    /// Until when. Funds also wait for the venue's next balance.
    pub until_ns: u64,
}

/// How a venue has behaved lately; older answers count less.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BehaviourRow {
    /// Answers in the record.
    pub answers: u32,
    /// Median time from the decision to send an order to the first answer, microseconds.
    pub p50_us: u32,
    /// 99th percentile of that time, microseconds.
    pub p99_us: u32,
    /// Share of the answers that refused the order by the venue's fault, parts per million.
    pub rejects_ppm: u32,
    /// Share of what was shown and not there, parts per million.
    pub faded_ppm: u32,
    /// Share of the children that were filled in part, parts per million.
    pub partial_ppm: u32,
    /// What that costs an account with the usual costs, parts per million of an order's value.
    pub cost_ppm: u32,
    /// When nothing is known any more, unless there are new answers.
    pub until_ns: u64,
}

/// One client session, as the core knows it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SessionStatus {
    /// The `CompID` of the client.
    pub name: String,
    /// The account that the session trades for; `None` for a drop copy.
    pub account: Option<String>,
    /// Number of the last event that the core made for the session.
    pub events: u64,
    /// An operator has disabled the session: its Logons are refused.
    pub disabled: bool,
    /// Orders of the session that are not over.
    pub open_orders: u32,
}

/// Latency of one stage of an order's path, nanoseconds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StageStatus {
    /// `order` or `report`.
    pub path: &'static str,
    /// `decode`, `input_ring`, `core`, `send`, `total`.
    pub stage: &'static str,
    /// Median, nanoseconds.
    pub p50: u64,
    /// 99th percentile, nanoseconds.
    pub p99: u64,
    /// 99.9th percentile, nanoseconds.
    pub p999: u64,
    /// Largest value.
    pub max: u64,
    /// How many values were measured.
    pub count: u64,
}

/// A scope by name. At most one member is present; none stands for everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ScopeRow {
    /// The venue's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub venue: Option<String>,
    /// The instrument's symbol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
    /// The client session's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// The account's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
}

/// The state of the whole node. Counts are since the start of the node, unless they are named
/// `replayed`; what is open, halted or unknown is as of now.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Status {
    /// Inputs decided by the core.
    pub inputs: u64,
    /// Journal sequence of the last input.
    pub journal_seq: u64,
    /// Sequence up to which outputs may leave.
    pub released_seq: u64,
    /// Orders accepted by the core.
    pub orders: u64,
    /// Orders accepted before the start of the node, as its journal has them.
    pub orders_replayed: u64,
    /// Executions reported before the start of the node, as its journal has them.
    pub fills_replayed: u64,
    /// Orders that are not over.
    pub open_orders: u32,
    /// Open orders that are being cancelled or replaced.
    pub pending_orders: u32,
    /// Open orders of which a part is at no venue, by reason.
    pub waiting: BTreeMap<String, u64>,
    /// Children that are not over.
    pub open_children: u32,
    /// Open children whose outcome is unknown.
    pub unknown_children: u32,
    /// Orders refused, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Orders that are over, by final state.
    pub ended: BTreeMap<String, u64>,
    /// Orders that are over and of which all that could be filled was.
    pub succeeded: u64,
    /// Orders that are over or refused and were not carried out, by reason.
    pub failed: BTreeMap<String, u64>,
    /// Reports made for clients, cancel rejects included.
    pub reports: u64,
    /// Executions reported to clients.
    pub fills: u64,
    /// Fills that were booked and could not be reported: they came late, or beyond their order.
    pub odd_fills: u64,
    /// Events that a child's state did not allow.
    pub illegal_events: u64,
    /// Children that were over and were found open at the venue: they are cancelled again.
    pub found_after_end: u64,
    /// Orders that have to end and that a venue does not cancel.
    pub cancels_stuck: u64,
    /// Definitions that the core did not accept.
    pub bad_reference: u64,
    /// Executions that came after an operator had stated them.
    pub reconciled: u64,
    /// Totals that contradict what an operator has stated.
    pub contradicted: u64,
    /// True if the whole node is halted.
    pub halted: bool,
    /// The scopes that are halted.
    pub halts: Vec<ScopeRow>,
    /// The scopes in which only orders that reduce a position are accepted.
    pub reduce_only: Vec<ScopeRow>,
    /// Symbols of instruments that have no reference price.
    pub no_reference: Vec<String>,
    /// What went over bridges and is not converted.
    pub exposures: Vec<ExposureRow>,
    /// How often the output ring was full.
    pub output_stalls: u64,
    /// The venues.
    pub venues: Vec<VenueStatus>,
    /// The client sessions.
    pub sessions: Vec<SessionStatus>,
    /// The latency of each stage.
    pub stages: Vec<StageStatus>,
}

/// One instrument and its listings.
#[derive(Clone, Debug, Serialize)]
pub struct InstrumentRow {
    /// Symbol, such as `BTC/USDT`.
    pub symbol: String,
    /// The base asset.
    pub base: String,
    /// The quote asset.
    pub quote: String,
    /// Decimals of a price.
    pub price_decimals: u8,
    /// Decimals of a quantity.
    pub qty_decimals: u8,
    /// An operator has halted the instrument.
    pub halted: bool,
    /// An operator accepts only orders that reduce a position in the instrument.
    pub reduce_only: bool,
    /// The instrument's terms at each venue.
    pub listings: Vec<ListingRow>,
}

/// An instrument's terms at one venue.
#[derive(Clone, Debug, Serialize)]
pub struct ListingRow {
    /// The venue's name.
    pub venue: String,
    /// Orders are routed to the listing.
    pub enabled: bool,
    /// Tick: prices are multiples of this.
    pub tick: String,
    /// Larger ticks above named prices, in the order of the prices.
    pub ticks: Vec<TickRow>,
    /// Significant digits of a price, at most; 0: any number.
    pub price_digits: u8,
    /// Lot: quantities are multiples of this.
    pub lot: String,
    /// Smallest quantity of an order.
    pub qty_min: String,
    /// Smallest value of an order, in the quote asset.
    pub notional_min: String,
    /// Fee of an order that takes from the book, parts per million of its value.
    pub taker_fee_ppm: i32,
    /// Fee of an order that rests in the book, parts per million; negative is a rebate.
    pub maker_fee_ppm: i32,
    /// The book of the listing is trusted.
    pub trusted: bool,
}

/// A tick that holds above a price.
#[derive(Clone, Debug, Serialize)]
pub struct TickRow {
    /// The tick holds for prices above this one.
    pub above: String,
    /// Tick: such prices are multiples of this.
    pub tick: String,
}

/// Row of a client order.
#[derive(Clone, Debug, Serialize)]
pub struct OrderRow {
    /// The order's id.
    pub id: u64,
    /// The trace id, which is in each log line of the order: 16 hexadecimal digits.
    pub trace_id: String,
    /// The client session of the order.
    pub session: String,
    /// The account of the order.
    pub account: String,
    /// The client's id of the order: `ClOrdID` (11).
    pub cl_ord_id: String,
    /// The instrument's symbol.
    pub symbol: String,
    /// `Buy` or `Sell`.
    pub side: String,
    /// `Market` or `Limit`.
    #[serde(rename = "type")]
    pub ord_type: String,
    /// `Day`, `Gtc`, `Ioc`, `Fok` or `Gtd`.
    pub tif: String,
    /// Quantity ordered.
    pub qty: String,
    /// Limit price; `None` for a market order.
    pub price: Option<String>,
    /// Quantity filled.
    pub filled: String,
    /// Quantity that is neither filled nor given up.
    pub leaves: String,
    /// Average price of the fills, cut four digits behind a price's decimals; `None` before a fill.
    pub avg_px: Option<String>,
    /// The order's state: `OrdStatus` (39) in words.
    pub state: String,
    /// Why the order is over or is being cancelled.
    pub reason: Option<String>,
    /// Why a part of an open order is at no venue; `None` if nothing waits.
    pub waiting: Option<&'static str>,
    /// Venues of its open children. For an order that is over: venues of all its children.
    pub venues: Vec<String>,
    /// Children of the order whose outcome is unknown.
    pub unknown: u32,
    /// When the core accepted the order.
    pub time_ns: u64,
    /// When the order last changed.
    pub changed_ns: u64,
}

/// A page of orders, newest first.
#[derive(Clone, Debug, Default, Serialize)]
pub struct OrdersPage {
    /// The orders.
    pub orders: Vec<OrderRow>,
    /// Older orders may match.
    pub more: bool,
    /// The `before` of the next page; `None` if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
}

/// A child: an order that was sent to one venue.
#[derive(Clone, Debug, Serialize)]
pub struct ChildRow {
    /// The child's id.
    pub id: u64,
    /// The venue's name.
    pub venue: String,
    /// `Buy` or `Sell`.
    pub side: String,
    /// Quantity sent.
    pub qty: String,
    /// Limit price.
    pub price: String,
    /// `Ioc`, `Fok` or `Gtc`.
    pub tif: String,
    /// The child's state, as in `rutter_core::child`.
    pub state: String,
    /// Quantity filled.
    pub filled: String,
    /// When the core decided to send the child.
    pub sent_ns: u64,
    /// The venue's own id of the child; `None` if the venue has told none.
    pub venue_order: Option<String>,
    /// Why the venue refused the child.
    pub reason: Option<String>,
}

/// One event of an order or of one of its children.
#[derive(Clone, Debug, Serialize)]
pub struct EventRow {
    /// Journal sequence of the input that caused the event.
    pub seq: u64,
    /// When the event happened.
    pub time_ns: u64,
    /// The kind of the event, in one word.
    pub what: &'static str,
    /// The child; `None` if the event concerns the order itself.
    pub child: Option<u64>,
    /// Details, in words.
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
    /// How many older events are forgotten.
    pub events_forgotten: u64,
}

/// The position of one account in one instrument.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PositionRow {
    /// The account's name.
    pub account: String,
    /// The instrument's symbol.
    pub symbol: String,
    /// Quantity bought minus quantity sold.
    pub base: String,
    /// Amount received minus amount paid in the quote asset, without fees.
    pub cash: String,
}

/// A bridge that is on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BridgeRow {
    /// The account's name.
    pub account: String,
    /// The instrument of its orders.
    pub instrument: String,
    /// The instrument where they may fill.
    pub via: String,
    /// The instrument that converts.
    pub conversion: String,
    /// The account of ours that bears the conversion.
    pub desk: String,
    /// How far a conversion may lie beyond its reference price, in basis points.
    pub basis_bps: String,
    /// The most that may be unconverted, in the bridge asset.
    pub legging_max: String,
}

/// What went over a bridge and is not converted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExposureRow {
    /// The exposure's number; zero while nothing is to be converted.
    pub id: u64,
    /// The account whose orders went over the bridge.
    pub account: String,
    /// The account of ours that bears it.
    pub desk: String,
    /// The instrument that converts.
    pub conversion: String,
    /// The bridge asset.
    pub asset: String,
    /// The side of the conversion.
    pub side: &'static str,
    /// What is to be converted.
    pub amount: String,
    /// What open children may still add.
    pub pending: String,
    /// What counts against the legging limit.
    pub counted: String,
    /// Since when there is something to convert.
    pub since: Option<String>,
    /// The same, nanoseconds since 1970 UTC; zero for never.
    pub since_ns: u64,
    /// The order that converts.
    pub order: Option<u64>,
    /// Why it is not converted.
    pub why: &'static str,
}

impl ExposureRow {
    /// For how long there has been something to convert that a venue would take, nanoseconds.
    pub fn age_ns(&self, now_ns: u64) -> u64 {
        let is_dust = self.why == BridgeWord::BelowMinimum.word();
        if self.since_ns == 0 || is_dust { 0 } else { now_ns.saturating_sub(self.since_ns) }
    }
}

/// The fees that one account has paid in one asset.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FeeRow {
    /// The account's name.
    pub account: String,
    /// The asset's name.
    pub asset: String,
    /// The amount paid; negative is a rebate.
    pub paid: String,
}

/// Positions and fees that are not zero.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Positions {
    /// Positions, by account and instrument.
    pub positions: Vec<PositionRow>,
    /// Fees, by account and asset.
    pub fees: Vec<FeeRow>,
}

/// The balance of one asset at one venue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BalanceRow {
    /// The venue's name.
    pub venue: String,
    /// The asset's name.
    pub asset: String,
    /// The whole balance: as the venue reported it, changed by the fills since then.
    pub total: String,
    /// The part that open children bind.
    pub in_orders: String,
    /// When the venue last reported it; zero if it never has.
    pub told_ns: u64,
}

/// An account's limits as they hold. JSON has one member per limit, by the limit's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitRow {
    /// The account's name.
    pub account: String,
    /// The limits.
    pub limits: AccountLimits,
    /// Open orders of the account.
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

/// One command of an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CommandRow {
    /// Journal sequence of the command.
    pub seq: u64,
    /// When the core decided on the command.
    pub time_ns: u64,
    /// The name of the operator; two names with `+` if two persons were needed.
    pub by: String,
    /// The reason that the operator gave.
    pub reason: String,
    /// The command in words.
    pub command: String,
    /// Orders, or children of a venue, that the command cancels.
    pub affected: u32,
    /// Why the core refused the command; `None` if the core carried it out.
    pub refusal: Option<String>,
    /// What the command changed; empty where nothing changed.
    pub changes: Vec<ChangeRow>,
}

/// A value that a command changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeRow {
    /// The name of the value: a limit, `halted`, `reduce_only`, `drained`, `disabled`, `log_level`.
    pub name: &'static str,
    /// The value before the command.
    pub old: String,
    /// The value since the command.
    pub new: String,
}

/// How many orders and children are open in a scope.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct OpenIn {
    /// Orders that are not over; for a venue: orders with an open child there.
    pub orders: u32,
    /// Children that are not over.
    pub children: u32,
}
