//! Binance's part of asking what became of children: pace, signatures, validity.
//!
//! A line belongs here if it connects Binance's REST messages and the table of children with the
//! shared [`Inquiry`](crate::inquiry::Inquiry). Fields of requests and answers are `rest`.

use rutter_core::id::{AssetId, ChildId, InstrumentId, VenueId, VenueOrderId};
use rutter_core::input::Fate;
use rutter_core::number::{Amount, Qty};
use rutter_transport::machine::{HttpRequest, HttpResponse};
use rutter_transport::secret::Secret;
use rutter_transport::standing::Why;

use super::rest::{self, RestError};
use crate::clock::VenueClock;
use crate::fix_children::{CHILDREN_MAX, Children};
use crate::inquiry::{
    Ask, Limit, Look, Looks, One, OneByOne, OpenOrders, OrderPage, OrderState, Pace, Refused,
    Retry, TradePage,
};
use crate::listing::{Assets, Listing, Listings};
use crate::signing::Ed25519Signer;

const MS: u64 = 1_000_000;

/// How fast Binance is asked: 5,000 of the 6,000 that requests may weigh in a minute, and 500 at
/// once after a rest. The accounts of one address share them.
pub(super) const PACE: Pace = Pace {
    questions_max: CHILDREN_MAX,
    round_children_max: 1,
    in_flight_max: 4,
    lists_open_orders: true,
    answer_timeout_ns: 10_000 * MS,
    limit: Limit::Rate { burst: 500, call_ns: 12 * MS },
    pause_ns: (200 * MS, 10_000 * MS),
    retry: Retry { first_ns: 500 * MS, longest_ns: 8_000 * MS, proof_wait_max_ns: None },
};
/// Pause after HTTP 429.
const RATE_PAUSE_NS: u64 = 10_000 * MS;
/// Pause after HTTP 418, which is a ban that further requests prolong.
const BAN_PAUSE_NS: u64 = 120_000 * MS;
/// Pause after HTTP 403, which is the venue's firewall. How long it lasts is not documented.
const FIREWALL_PAUSE_NS: u64 = 300_000 * MS;
/// How far our clock may be ahead of the venue's, which refuses more.
const CLOCK_AHEAD_NS: u64 = 1_000 * MS;
/// Longest time from the venue's gateway to the answer of its matching engine. After that it
/// answers -1007, and may still have done what was asked.
const PROCESSING_NS: u64 = 10_000 * MS;
/// How far what answers queries may lag behind the matching engine. No document has a figure.
const QUERY_LAG_NS: u64 = 5_000 * MS;
/// How far back the history is read for a child of an earlier process: the longest span that one
/// query may have.
const HISTORY_NS: u64 = 86_400_000 * MS;

/// What Binance's requests and answers need, borrowed from the machine for one call.
#[derive(Debug)]
pub(super) struct BinanceDialect<'a> {
    pub venue: VenueId,
    pub node_tag: u32,
    pub listings: &'a Listings,
    pub assets: &'a Assets,
    /// Stands for a fee asset that is not listed.
    pub fallback_asset: AssetId,
    pub signer: &'a Ed25519Signer,
    pub api_key: &'a Secret,
    pub recv_window_ns: u64,
    pub now_ns: u64,
    /// When the FIX connection was made.
    pub connected_ns: u64,
    pub children: &'a mut Children,
    pub looks: &'a mut Looks,
    pub clock: &'a VenueClock,
}

/// A ban lasts as long as its text says, and otherwise as the documents have it.
fn refused(error: RestError, now_ns: u64) -> Refused<RestError> {
    let pause_ns = match error {
        RestError::RateLimited { until_ns: Some(until_ns), .. } => {
            Some(until_ns.saturating_sub(now_ns).max(RATE_PAUSE_NS))
        }
        RestError::RateLimited { status: 418, .. } => Some(BAN_PAUSE_NS),
        RestError::RateLimited { status: 403, .. } => Some(FIREWALL_PAUSE_NS),
        RestError::RateLimited { .. } => Some(RATE_PAUSE_NS),
        _ => None,
    };
    let is_of_child = match error {
        RestError::Refused { status, code, why } => {
            status < 500 && code != 0 && why.is_none_or(|why| why == Why::UnlistedSymbol)
        }
        RestError::Json
        | RestError::Symbol
        | RestError::OtherOrder
        | RestError::Decimal(_)
        | RestError::Status
        | RestError::EmptyTrade => true,
        RestError::NoAnswer | RestError::RateLimited { .. } => false,
    };
    let why = match error {
        RestError::NoAnswer => Why::RestFailing,
        RestError::RateLimited { status: 403 | 418, .. } => Why::RestBanned,
        RestError::RateLimited { .. } => Why::RestPaced,
        RestError::Refused { why, .. } => why.unwrap_or(Why::RestRefused),
        RestError::Json
        | RestError::Symbol
        | RestError::OtherOrder
        | RestError::Decimal(_)
        | RestError::Status
        | RestError::EmptyTrade => Why::RestUnreadable,
    };
    Refused { error, pause_ns, why, is_of_child }
}

impl BinanceDialect<'_> {
    fn refused(&self, error: RestError) -> Refused<RestError> {
        refused(error, self.now_ns)
    }

    fn listing(&self, instrument: InstrumentId) -> Result<&Listing, RestError> {
        self.listings.instrument(instrument).ok_or(RestError::Symbol)
    }
}

impl OneByOne for BinanceDialect<'_> {
    type Error = RestError;

    fn venue(&self) -> VenueId {
        self.venue
    }

    fn is_listed(&self, instrument: InstrumentId) -> bool {
        self.listings.instrument(instrument).is_some()
    }

    fn request(&self, ask: &Ask<One>, id: u64, now_ns: u64) -> HttpRequest {
        let since_ns = match ask {
            Ask::Children(One::History { child, .. }) => self.history_from_ns(*child),
            _ => 0,
        };
        let since_ms = self.clock.at_venue(since_ns) / MS;
        let query = rest::query(ask, self.node_tag, self.listings, since_ms);
        rest::request(query, id, self.clock.at_venue(now_ns), self.signer, self.api_key)
    }

    fn open_orders(
        &self,
        response: Option<&HttpResponse>,
    ) -> Result<OpenOrders, Refused<RestError>> {
        rest::open_orders(response, self.node_tag, self.listings)
            .map_err(|error| self.refused(error))
    }

    fn order(
        &self,
        child: ChildId,
        instrument: InstrumentId,
        response: Option<&HttpResponse>,
    ) -> Result<Option<OrderState>, Refused<RestError>> {
        let listing = self.listing(instrument).map_err(|error| self.refused(error))?;
        rest::order(response, listing, (self.node_tag, child)).map_err(|error| self.refused(error))
    }

    fn trades(
        &self,
        instrument: InstrumentId,
        order: VenueOrderId,
        response: Option<&HttpResponse>,
    ) -> Result<TradePage, Refused<RestError>> {
        let listing = self.listing(instrument).map_err(|error| self.refused(error))?;
        rest::trades(response, listing, order, (self.assets, self.fallback_asset))
            .map_err(|error| self.refused(error))
    }

    fn lists_orders(&self) -> bool {
        true
    }

    fn orders(
        &self,
        child: ChildId,
        instrument: InstrumentId,
        response: Option<&HttpResponse>,
    ) -> Result<OrderPage, Refused<RestError>> {
        let listing = self.listing(instrument).map_err(|error| self.refused(error))?;
        let read = rest::orders(response, listing, (self.node_tag, child));
        read.map_err(|error| self.refused(error))
    }

    /// Our clock may be ahead.
    fn history_from_ns(&self, child: ChildId) -> u64 {
        let sent_ns = self.children.get(child).and_then(|entry| entry.sent_ns);
        let begin_ns = sent_ns.unwrap_or(self.connected_ns.saturating_sub(HISTORY_NS));
        begin_ns.saturating_sub(CLOCK_AHEAD_NS)
    }

    fn look(&self, instrument: InstrumentId) -> Option<&Look> {
        self.looks.get(instrument)
    }

    fn keep_look(&mut self, instrument: InstrumentId, look: Look) {
        self.looks.keep(instrument, look);
    }

    fn cost(&self, ask: &Ask<One>) -> u32 {
        rest::weight(ask)
    }

    fn balances(
        &self,
        response: Option<&HttpResponse>,
    ) -> Result<Vec<(AssetId, Amount)>, Refused<RestError>> {
        rest::balances(response, self.assets).map_err(|error| self.refused(error))
    }

    /// The receive window counts from the time at which this process sent the child. An earlier
    /// process sent the child at the latest when this connection was made. An order that the venue
    /// itself is unsure of may be in work from then on.
    fn certain_ns(&self, child: ChildId) -> u64 {
        let entry = self.children.get(child);
        let sent_ns = entry.and_then(|entry| entry.sent_ns).unwrap_or(self.connected_ns);
        let valid_ns = sent_ns.saturating_add(self.recv_window_ns).saturating_add(CLOCK_AHEAD_NS);
        let doubted_ns = entry.and_then(|entry| entry.doubted_ns).unwrap_or_default();
        valid_ns.max(doubted_ns).saturating_add(PROCESSING_NS + QUERY_LAG_NS)
    }

    fn is_shown(&self, child: ChildId) -> bool {
        self.children.get(child).is_some_and(|entry| entry.seen)
    }

    fn settle(&mut self, child: ChildId, _instrument: InstrumentId, state: &mut OrderState) {
        if state.fate != Fate::Open {
            self.children.end(child);
        } else if let Some(entry) = self.children.get_mut(child) {
            entry.seen = true;
            entry.new_seq = None;
            entry.venue_order = state.order;
            if state.qty == entry.qty {
                state.qty = Qty::ZERO;
            } else {
                entry.qty = state.qty;
            }
        }
    }
}
