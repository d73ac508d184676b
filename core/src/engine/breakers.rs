//! What follows from a venue's refusals and silences: circuit breakers and pauses.
//!
//! A line belongs here if it says which answer of a venue is a failure, what a refusal closes, or
//! what opens again. The counting is `breaker`; what a child's end means for its order is `venues`.
//!
//! | a new order's answer | breaker | what else |
//! |---|---|---|
//! | accepted, executed, ended | success | the venue's and the listing's next pauses are short |
//! | `Late`, `Other`, in doubt | failure | the order avoids the venue until it is routed anew |
//! | `RateLimit`, `NotSent` | | no new order to the venue for the time told, or a wait of ours |
//! | `MarketClosed` | | no new order to the listing for a wait of ours |
//! | `InsufficientFunds` | | the funds count as nothing until the venue's next balance |
//! | `Filter`, `DuplicateId`, `WouldMatch`, `PriceBand`, `UnknownOrder` | | the order is barred |
//! | `WouldMatch` of a post-only child | | not there again before the venue's book changes |
//! | `PairFull` | | no order rests there for a wait of ours, but for each one that ends there |
//! | `SelfMatch` | | an order of ours stands in the way until the order is routed anew |

use super::place::reference_of;
use super::{Engine, Out};
use crate::book::Book;
use crate::breaker::{Due, MARKET_CLOSED_WAITS, RATE_LIMIT_WAITS, RETRY_AFTER_MAX_NS, RequestKind};
use crate::child::{Child, ChildState, Role};
use crate::id::{AssetId, ChildId, InstrumentId, VenueId};
use crate::input::{QueryOutcome, Side, TimeInForce, VenueReject};
use crate::number::UnixNanos;
use crate::order::{Order, OrderBridging};
use crate::output::{Notice, Output, Paused, Sink};
use crate::reference::VENUES_MAX;

impl Engine {
    /// Whether a cancel may be sent: the venue is up, and it has not named a time before which it
    /// wants none.
    pub(super) fn takes_cancels(&self, venue: VenueId) -> bool {
        let state = self.venues.get(venue.index());
        state.is_some_and(|state| state.up && state.cancels_from <= self.now)
    }

    /// A venue has refused a child. What is refused because of the order is not repeated; other
    /// refusals close what they are about.
    pub(super) fn on_refusal<S: Sink>(
        &mut self,
        child: &Child,
        order: &mut Order,
        reason: VenueReject,
        retry_after_ns: u64,
        out: &mut Out<'_, S>,
    ) {
        let venue = child.venue;
        match reason {
            // A halt has voided the order on its way: the venue has nothing to do with it.
            VenueReject::NotSent if self.is_halted_for(order) || self.halts.venues().has(venue) => {
            }
            VenueReject::RateLimit | VenueReject::NotSent => {
                let pause = &mut self.venues[venue.index()].paused;
                if let Some(until) = pause.extend(self.now, retry_after_ns, RATE_LIMIT_WAITS) {
                    out.notice(Notice::Paused(venue, Paused::NewOrders, until));
                }
            }
            VenueReject::MarketClosed => {
                let at = child.instrument.index() * VENUES_MAX + venue.index();
                let pause = &mut self.books[at].closed;
                if let Some(until) = pause.extend(self.now, retry_after_ns, MARKET_CLOSED_WAITS) {
                    let what = Paused::Listing(child.instrument);
                    out.notice(Notice::Paused(venue, what, until));
                }
            }
            VenueReject::PairFull => {
                let at = child.instrument.index() * VENUES_MAX + venue.index();
                if let Some(until) = self.books[at].full.refused(self.now) {
                    let what = Paused::OpenOrders(child.instrument);
                    out.notice(Notice::Paused(venue, what, until));
                }
                if child.tif != TimeInForce::Gtc {
                    self.note_refused(order, venue, reason, out);
                }
            }
            VenueReject::InsufficientFunds => {
                let asset = self.asset_bound_by(child);
                if let Some(until) = self.ledger.refuse(venue, asset, self.now) {
                    out.notice(Notice::Paused(venue, Paused::Funds(asset), until));
                    out.put(&Output::AskBalances(venue));
                }
            }
            VenueReject::Late | VenueReject::Other => {
                self.note_refused_child(child, order, reason, out);
                self.note_refusal(venue);
                self.count_failure(venue, RequestKind::New, out);
            }
            VenueReject::Filter
            | VenueReject::DuplicateId
            | VenueReject::WouldMatch
            | VenueReject::PriceBand
            | VenueReject::UnknownOrder
            | VenueReject::SelfMatch => self.note_refused_child(child, order, reason, out),
        }
    }

    /// What the refusal of a child means for its order. What a venue refuses at a bridge instrument
    /// says nothing of the order's own.
    fn note_refused_child<S: Sink>(
        &mut self,
        child: &Child,
        order: &mut Order,
        reason: VenueReject,
        out: &mut Out<'_, S>,
    ) {
        if child.instrument == order.instrument {
            self.note_refused(order, child.venue, reason, out);
        } else {
            order.bridging = OrderBridging::Over;
        }
    }

    /// What a refusal means for the order alone.
    pub(super) fn note_refused<S: Sink>(
        &mut self,
        order: &mut Order,
        venue: VenueId,
        reason: VenueReject,
        out: &mut Out<'_, S>,
    ) {
        match reason {
            // The venue's book has moved: the order goes there again when ours shows that.
            VenueReject::WouldMatch if order.strategy.posts() => self.note_fade(order, venue),
            VenueReject::Filter
            | VenueReject::DuplicateId
            | VenueReject::WouldMatch
            | VenueReject::PriceBand
            | VenueReject::UnknownOrder
            | VenueReject::PairFull => {
                order.barred.insert(venue);
                out.notice(Notice::Barred(order.id, venue, reason));
            }
            VenueReject::SelfMatch => self.note_self_match(order, venue),
            VenueReject::Late | VenueReject::Other => {
                order.avoided.insert(venue);
                if order.note_refusal(venue) {
                    order.barred.insert(venue);
                    out.notice(Notice::Barred(order.id, venue, reason));
                }
            }
            VenueReject::RateLimit
            | VenueReject::NotSent
            | VenueReject::MarketClosed
            | VenueReject::InsufficientFunds => {}
        }
    }

    /// The asset whose funds a child binds.
    fn asset_bound_by(&self, child: &Child) -> AssetId {
        let def = self.reference.instrument_of(child.instrument);
        match child.side {
            Side::Buy => def.quote,
            Side::Sell => def.base,
        }
    }

    /// A venue has taken an order: what was closed by refusals is proved to be open.
    #[inline]
    pub(super) fn note_order_taken(&mut self, child: &Child) {
        let terms = &self.reference.venues[child.venue.index()].breaker;
        let state = &mut self.venues[child.venue.index()];
        state.breakers[RequestKind::New as usize - 1].succeeded(self.now, terms);
        state.paused.succeeded();
        let at = child.instrument.index() * VENUES_MAX + child.venue.index();
        self.books[at].closed.succeeded();
        if child.tif == TimeInForce::Gtc {
            self.books[at].full.taken();
        }
        let asset = self.asset_bound_by(child);
        self.ledger.note_taken(child.venue, asset);
    }

    /// A venue has accepted an order: the market of its instrument is open, whatever was said.
    pub(super) fn open_listing<S: Sink>(&mut self, child: &Child, out: &mut Out<'_, S>) {
        let at = child.instrument.index() * VENUES_MAX + child.venue.index();
        if self.books[at].closed.lift(self.now) {
            let what = Paused::Listing(child.instrument);
            out.notice(Notice::Paused(child.venue, what, UnixNanos(0)));
        }
    }

    /// A request of that kind has succeeded.
    pub(super) fn count_success(&mut self, venue: VenueId, kind: RequestKind) {
        let terms = &self.reference.venues[venue.index()].breaker;
        self.venues[venue.index()].breakers[kind as usize - 1].succeeded(self.now, terms);
    }

    /// A request of that kind has failed.
    pub(super) fn count_failure<S: Sink>(
        &mut self,
        venue: VenueId,
        kind: RequestKind,
        out: &mut Out<'_, S>,
    ) {
        let terms = &self.reference.venues[venue.index()].breaker;
        let breaker = &mut self.venues[venue.index()].breakers[kind as usize - 1];
        if breaker.failed(self.now, terms) {
            self.tell_breaker(venue, kind, out);
        }
    }

    /// Tells the state of a breaker that has changed, and when the timer is due for it.
    fn tell_breaker<S: Sink>(&mut self, venue: VenueId, kind: RequestKind, out: &mut Out<'_, S>) {
        let breaker = &self.venues[venue.index()].breakers[kind as usize - 1];
        let until = breaker.until().unwrap_or_default();
        out.notice(Notice::Breaker(venue, kind, breaker.state(), until));
        let asks_again = kind == RequestKind::Query && !breaker.is_shut();
        self.set_venues_due();
        if asks_again {
            self.ask_withheld(venue, out);
        }
    }

    /// The earliest time at which a breaker, a pause of cancels or a budget has something to do. A
    /// breaker for orders or queries of a venue that is down waits for the venue instead.
    pub(super) fn set_venues_due(&mut self) {
        let mut due: Option<UnixNanos> = None;
        for state in &self.venues {
            let kinds = state.breakers.iter().zip(RequestKind::ALL);
            let breakers = kinds.filter(|(_, kind)| state.up || *kind == RequestKind::Data);
            let untils = breakers.filter_map(|(breaker, _)| breaker.until());
            let cancels = [state.cancels_from, state.cancels_due].into_iter();
            let cancels = cancels.filter(|at| state.up && *at > UnixNanos(0));
            due = untils.chain(cancels).chain(due).min();
        }
        self.venues_due = due;
    }

    /// Carries out what time has made due at venues.
    pub(super) fn on_venues_due<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        if self.venues_due.is_none_or(|due| due > self.now) {
            return;
        }
        for index in 0..self.venues.len() {
            let venue = VenueId(index as u8);
            for kind in RequestKind::ALL {
                self.on_breaker_due(venue, kind, out);
            }
            let from = self.venues[index].cancels_from;
            if from > UnixNanos(0) && from <= self.now {
                self.resume_cancels(venue, out);
            }
            self.on_cancels_due(venue, out);
        }
        self.set_venues_due();
    }

    fn on_breaker_due<S: Sink>(&mut self, venue: VenueId, kind: RequestKind, out: &mut Out<'_, S>) {
        let terms = &self.reference.venues[venue.index()].breaker;
        let state = &mut self.venues[venue.index()];
        if !state.up && kind != RequestKind::Data {
            return;
        }
        match state.breakers[kind as usize - 1].on_time(self.now, terms) {
            Due::Nothing => {}
            Due::Reopened => self.tell_breaker(venue, kind, out),
            Due::Probe => {
                self.tell_breaker(venue, kind, out);
                match kind {
                    RequestKind::New | RequestKind::Query => out.put(&Output::AskBalances(venue)),
                    // The feed repairs its books by itself: a proved book is the answer.
                    RequestKind::Data if self.has_proved_book(venue) => {
                        self.on_probed(venue, RequestKind::Data, out);
                    }
                    RequestKind::Data => {}
                }
            }
        }
    }

    fn has_proved_book(&self, venue: VenueId) -> bool {
        let instruments = 0..self.reference.instruments.len();
        instruments
            .filter_map(|at| self.books.get(at * VENUES_MAX + venue.index()))
            .any(Book::is_proved)
    }

    /// A breaker that awaits a probe is closed.
    pub(super) fn on_probed<S: Sink>(
        &mut self,
        venue: VenueId,
        kind: RequestKind,
        out: &mut Out<'_, S>,
    ) {
        if self.venues[venue.index()].breakers[kind as usize - 1].probed() {
            self.tell_breaker(venue, kind, out);
            self.wake_for_venues();
        }
    }

    /// The outcome of a signed query, which may be the probe of the breakers for orders and
    /// queries.
    pub(super) fn on_venue_queried<S: Sink>(
        &mut self,
        venue: VenueId,
        outcome: QueryOutcome,
        out: &mut Out<'_, S>,
    ) {
        if venue.index() >= self.venues.len() {
            return out.notice(Notice::BadReference);
        }
        let probed = [RequestKind::New, RequestKind::Query];
        if outcome == QueryOutcome::Answered {
            // A breaker that the answer closes counts the answer as its first success.
            for kind in probed {
                self.on_probed(venue, kind, out);
            }
            return self.count_success(venue, RequestKind::Query);
        }
        for kind in probed {
            let terms = &self.reference.venues[venue.index()].breaker;
            let breaker = &mut self.venues[venue.index()].breakers[kind as usize - 1];
            if breaker.probe_failed(self.now, terms) {
                self.tell_breaker(venue, kind, out);
            }
        }
        match outcome {
            // The adapter waits as long as the venue wants.
            QueryOutcome::Answered | QueryOutcome::RateLimit => {}
            QueryOutcome::NoAnswer | QueryOutcome::Refused => {
                self.count_failure(venue, RequestKind::Query, out);
            }
        }
    }

    /// Asks about the children whose queries an open breaker has held back.
    fn ask_withheld<S: Sink>(&mut self, venue: VenueId, out: &mut Out<'_, S>) {
        let mut at = self.venues[venue.index()].first_child;
        // Ends: the list holds each living child of the venue once.
        while let Some(child) = self.children.get_mut(at.0) {
            at = child.next;
            if child.state() == ChildState::Unknown {
                child.query_at = UnixNanos(0);
                out.put(&Output::Query(reference_of(child)));
            }
        }
    }

    /// Whether a query is held back: it is sent once the breaker is closed. The questions of a
    /// logon always pass.
    pub(super) fn holds_queries(&self, venue: VenueId) -> bool {
        let state = &self.venues[venue.index()];
        state.up && state.breakers[RequestKind::Query as usize - 1].is_shut()
    }

    /// The venue is up: it has answered signed queries about orders and balances, which is more
    /// than a probe. Its breakers for orders and queries close, on trial, and its pauses end,
    /// except for those whose time the venue has named.
    pub(super) fn on_session_proved<S: Sink>(&mut self, venue: VenueId, out: &mut Out<'_, S>) {
        for kind in [RequestKind::New, RequestKind::Query] {
            if self.venues[venue.index()].breakers[kind as usize - 1].close() {
                self.tell_breaker(venue, kind, out);
            }
        }
        let paused = &mut self.venues[venue.index()].paused;
        if !paused.is_told() && paused.lift(self.now) {
            out.notice(Notice::Paused(venue, Paused::NewOrders, UnixNanos(0)));
        }
        for instrument in 0..self.reference.instruments.len() {
            let Some(book) = self.books.get_mut(instrument * VENUES_MAX + venue.index()) else {
                continue;
            };
            if book.full.lift(self.now) {
                let what = Paused::OpenOrders(InstrumentId(instrument as u16));
                out.notice(Notice::Paused(venue, what, UnixNanos(0)));
            }
            let pause = &mut book.closed;
            if !pause.is_told() && pause.lift(self.now) {
                let what = Paused::Listing(InstrumentId(instrument as u16));
                out.notice(Notice::Paused(venue, what, UnixNanos(0)));
            }
        }
        self.set_venues_due();
    }

    /// An operator wants orders sent to the venue: closes its breakers and ends its pauses.
    pub(super) fn clear_closures<S: Sink>(&mut self, venue: VenueId, out: &mut Out<'_, S>) {
        self.on_session_proved(venue, out);
        if self.venues[venue.index()].breakers[RequestKind::Data as usize - 1].close() {
            self.tell_breaker(venue, RequestKind::Data, out);
        }
        if self.venues[venue.index()].paused.lift(self.now) {
            out.notice(Notice::Paused(venue, Paused::NewOrders, UnixNanos(0)));
        }
        if self.venues[venue.index()].cancels_from > self.now {
            self.resume_cancels(venue, out);
        }
        self.set_venues_due();
    }

    /// A venue refuses to cancel a child. A cancel obeys no breaker, but the time that the venue
    /// itself has named.
    pub(super) fn on_cancel_rejected<S: Sink>(
        &mut self,
        venue: VenueId,
        child: ChildId,
        (reason, retry_after_ns): (VenueReject, u64),
        out: &mut Out<'_, S>,
    ) {
        let now = self.now;
        if reason == VenueReject::RateLimit
            && retry_after_ns > 0
            && let Some(state) = self.venues.get_mut(venue.index())
        {
            let until = UnixNanos(now.0.saturating_add(retry_after_ns.min(RETRY_AFTER_MAX_NS)));
            if until > state.cancels_from {
                state.cancels_from = until;
                out.notice(Notice::Paused(venue, Paused::Cancels, until));
                self.set_venues_due();
            }
        }
        self.on_doubt(venue, child, true, out);
    }

    /// Sends the cancels that have waited for the venue.
    fn resume_cancels<S: Sink>(&mut self, venue: VenueId, out: &mut Out<'_, S>) {
        self.venues[venue.index()].cancels_from = UnixNanos(0);
        out.notice(Notice::Paused(venue, Paused::Cancels, UnixNanos(0)));
        if self.takes_cancels(venue) {
            self.send_wanted_cancels(venue, out);
        }
    }

    /// Sends a cancel for each living child of the venue that is to be cancelled.
    pub(super) fn send_wanted_cancels<S: Sink>(&mut self, venue: VenueId, out: &mut Out<'_, S>) {
        self.send_stray_cancels(venue, out);
        let mut at = self.venues[venue.index()].first_child;
        // Ends: the list holds each living child of the venue once.
        while let Some(child) = self.children.get(at.0).copied() {
            at = child.next;
            if child.role == Role::Shared {
                self.press(child.id, out);
                continue;
            }
            let Some(mut order) = self.load(child.order).filter(|_| child.cancel_wanted) else {
                continue;
            };
            let mut child = child;
            self.cancel_child(&mut child, out);
            self.store_child(&mut child, &mut order);
            self.store(&order);
        }
    }
}
