//! Coinbase's part of asking what became of children: pace, signatures, what an absence proves.
//!
//! A line belongs here if it connects Coinbase's REST messages and the table of children with the
//! shared [`Inquiry`](crate::inquiry::Inquiry). Fields of requests and answers are `rest`.
//!
//! The venue forgets an order that was cancelled without a fill. So an order that it has shown, and
//! that no source knows any more, is over with nothing filled. An order with a fill is kept for
//! ever: its absence says nothing, and the child stays in doubt.

use rutter_core::id::{AssetId, ChildId, InstrumentId, VenueId, VenueOrderId};
use rutter_core::input::Fate;
use rutter_core::number::{Amount, Qty};
use rutter_transport::machine::{HttpMethod, HttpRequest, HttpResponse};
use rutter_transport::standing::Why;

use super::rest::{self, RestError};
use crate::coinbase::signer::Signer;
use crate::fix_children::{CHILDREN_MAX, Children};
use crate::inquiry::{
    Ask, Limit, Look, Looks, One, OneByOne, OpenOrders, OrderPage, OrderState, Pace, Refused,
    Retry, TradePage,
};
use crate::listing::{Assets, Listing, Listings};

const MS: u64 = 1_000_000;

/// How fast Coinbase is asked: below the 10 requests a second for fills, with 20 at once, and the
/// 15 a second for everything else, with 30 at once. Both belong to a profile, not to an address.
pub(super) const PACE: Pace = Pace {
    questions_max: CHILDREN_MAX,
    round_children_max: 1,
    in_flight_max: 4,
    lists_open_orders: true,
    answer_timeout_ns: 10_000 * MS,
    limit: Limit::Rate { burst: 15, call_ns: 110 * MS },
    pause_ns: (200 * MS, 10_000 * MS),
    retry: Retry { first_ns: 500 * MS, longest_ns: 8_000 * MS, proof_wait_max_ns: None },
};
/// Pause after HTTP 429. The venue refills its buckets steadily.
const RATE_PAUSE_NS: u64 = 1_000 * MS;
/// How long an order may wait in the venue's queue, and how far what answers queries may lag behind
/// the matching engine. No document has a figure for either.
const QUEUE_AND_LAG_NS: u64 = 15_000 * MS;

/// What Coinbase's requests and answers need, borrowed from the machine for one call.
#[derive(Debug)]
pub(super) struct CoinbaseDialect<'a> {
    pub venue: VenueId,
    pub node_tag: u32,
    pub listings: &'a Listings,
    pub assets: &'a Assets,
    /// Stands for a fee asset that is not listed.
    pub fallback_asset: AssetId,
    pub signer: &'a Signer,
    pub validity_ns: u64,
    pub now_ns: u64,
    /// When the FIX connection was made.
    pub connected_ns: u64,
    pub children: &'a mut Children,
    pub looks: &'a mut Looks,
}

fn refused(error: RestError) -> Refused<RestError> {
    let pause_ns = match error {
        RestError::RateLimited { .. } => Some(RATE_PAUSE_NS),
        _ => None,
    };
    let why = match error {
        RestError::NoAnswer => Why::RestFailing,
        RestError::RateLimited { .. } => Why::RestPaced,
        RestError::NoSuchOrder => Why::RestRefused,
        RestError::Refused { why, .. } => why.unwrap_or(Why::RestRefused),
        RestError::Json
        | RestError::Product
        | RestError::OtherOrder
        | RestError::TooMany
        | RestError::Decimal(_)
        | RestError::Status
        | RestError::EmptyTrade => Why::RestUnreadable,
    };
    let is_of_child = match error {
        RestError::Refused { status, why } => {
            status < 500 && why.is_none_or(|why| why == Why::UnlistedSymbol)
        }
        RestError::NoSuchOrder
        | RestError::Json
        | RestError::Product
        | RestError::OtherOrder
        | RestError::TooMany
        | RestError::Decimal(_)
        | RestError::Status
        | RestError::EmptyTrade => true,
        RestError::NoAnswer | RestError::RateLimited { .. } => false,
    };
    Refused { error, pause_ns, why, is_of_child }
}

impl CoinbaseDialect<'_> {
    fn listing(&self, instrument: InstrumentId) -> Result<&Listing, Refused<RestError>> {
        self.listings.instrument(instrument).ok_or_else(|| refused(RestError::Product))
    }
}

impl OneByOne for CoinbaseDialect<'_> {
    type Error = RestError;

    fn venue(&self) -> VenueId {
        self.venue
    }

    fn is_listed(&self, instrument: InstrumentId) -> bool {
        self.listings.instrument(instrument).is_some()
    }

    fn request(&self, ask: &Ask<One>, id: u64, now_ns: u64) -> HttpRequest {
        let venue_order = match ask {
            Ask::Children(One::Order { child, .. }) => {
                self.children.get(*child).map(|entry| entry.venue_order).unwrap_or_default()
            }
            _ => VenueOrderId::EMPTY,
        };
        let target = rest::target(ask, self.node_tag, self.listings, venue_order);
        let headers = self.signer.rest_headers(now_ns, "GET", &target);
        HttpRequest { id, method: HttpMethod::Get, target, headers, body: String::new() }
    }

    fn open_orders(
        &self,
        response: Option<&HttpResponse>,
    ) -> Result<OpenOrders, Refused<RestError>> {
        rest::open_orders(response, self.node_tag, self.listings).map_err(refused)
    }

    fn order(
        &self,
        child: ChildId,
        instrument: InstrumentId,
        response: Option<&HttpResponse>,
    ) -> Result<Option<OrderState>, Refused<RestError>> {
        let listing = self.listing(instrument)?;
        rest::order(response, listing, (self.node_tag, child)).map_err(refused)
    }

    fn trades(
        &self,
        instrument: InstrumentId,
        order: VenueOrderId,
        response: Option<&HttpResponse>,
    ) -> Result<TradePage, Refused<RestError>> {
        let listing = self.listing(instrument)?;
        let assets = (self.assets, self.fallback_asset);
        rest::trades(response, listing, order, assets).map_err(refused)
    }

    /// Also for the sake of an order that a replace of an earlier process has given another id.
    fn lists_orders(&self) -> bool {
        true
    }

    fn orders(
        &self,
        child: ChildId,
        instrument: InstrumentId,
        response: Option<&HttpResponse>,
    ) -> Result<OrderPage, Refused<RestError>> {
        let listing = self.listing(instrument)?;
        rest::orders(response, listing, (self.node_tag, child)).map_err(refused)
    }

    fn look(&self, instrument: InstrumentId) -> Option<&Look> {
        self.looks.get(instrument)
    }

    fn keep_look(&mut self, instrument: InstrumentId, look: Look) {
        self.looks.keep(instrument, look);
    }

    fn balances(
        &self,
        response: Option<&HttpResponse>,
    ) -> Result<Vec<(AssetId, Amount)>, Refused<RestError>> {
        rest::balances(response, self.assets).map_err(refused)
    }

    /// An earlier process sent the child at the latest when this connection was made. What the
    /// venue has shown or left open itself may take as long again to be seen in its queries.
    fn certain_ns(&self, child: ChildId) -> u64 {
        let entry = self.children.get(child);
        let sent_ns = entry.and_then(|entry| entry.sent_ns).unwrap_or(self.connected_ns);
        let valid_ns = sent_ns.saturating_add(self.validity_ns);
        let shown_ns = entry.map(|entry| entry.shown_ns).unwrap_or_default();
        let doubted_ns = entry.and_then(|entry| entry.doubted_ns).unwrap_or_default();
        valid_ns.max(shown_ns).max(doubted_ns).saturating_add(QUEUE_AND_LAG_NS)
    }

    /// Only of an order with a fill does an absence say nothing.
    fn is_shown(&self, child: ChildId) -> bool {
        self.children.get(child).is_some_and(|entry| !entry.filled.is_zero())
    }

    fn settle(&mut self, child: ChildId, _instrument: InstrumentId, state: &mut OrderState) {
        if state.fate == Fate::NeverArrived {
            // An order of an earlier process may have been shown to that one.
            let is_new = self
                .children
                .get(child)
                .is_some_and(|entry| entry.sent_ns.is_some() && !entry.seen);
            if !is_new {
                state.fate = Fate::Closed;
            }
        }
        if state.fate != Fate::Open {
            self.children.end(child);
        } else if let Ok(entry) = self.children.ensure(child) {
            // Also of an order of an earlier process: perhaps a replace has given it another id, so
            // that it is cancelled by the venue's own.
            entry.seen = true;
            entry.shown_ns = self.now_ns;
            entry.new_seq = None;
            entry.venue_order = state.order;
            entry.filled = entry.filled.max(state.filled);
            if state.qty == entry.qty {
                state.qty = Qty::ZERO;
            } else {
                entry.qty = state.qty;
            }
        }
    }
}
