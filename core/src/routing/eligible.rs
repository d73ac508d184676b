//! Which venues an order may go to at this moment, whatever their prices.
//!
//! A line belongs here if it is about a venue's state, its limits on requests, or the trust of its
//! book.

use super::{RouteRequest, RoutingView, within};
use crate::book::{Book, Trust};
use crate::id::{InstrumentId, VenueId};
use crate::input::{ListingDef, Side, TimeInForce};
use crate::number::{Price, UnixNanos};
use crate::output::Verdict;
use crate::reference::VENUES_MAX;
use crate::venue_set::VenueSet;

/// The best price that an order of that side would take, over the trusted books of all usable
/// venues that are not barred.
pub fn best_price(
    market: &RoutingView<'_>,
    instrument: InstrumentId,
    side: Side,
    barred: VenueSet,
) -> Option<Price> {
    let mut best: Option<Price> = None;
    for index in 0..market.reference.venues.len() {
        let venue = VenueId(index as u8);
        let usable = usable(market, instrument, venue).ok().filter(|_| !barred.has(venue));
        let Some((_, book)) = usable else { continue };
        let Some(level) = book.opposite(side).best() else { continue };
        best = Some(match (best, side) {
            (None, _) => level.price,
            (Some(known), Side::Buy) => known.min(level.price),
            (Some(known), Side::Sell) => known.max(level.price),
        });
    }
    best
}

/// The venue's terms and book; the verdict if they cannot be used now.
pub(super) fn usable<'a>(
    market: &RoutingView<'a>,
    instrument: InstrumentId,
    venue: VenueId,
) -> Result<(&'a ListingDef, &'a Book), Verdict> {
    let listing = match market.reference.listing(instrument, venue) {
        Some(listing) if listing.enabled => listing,
        Some(_) | None => return Err(Verdict::NotListed),
    };
    let state = &market.venues[venue.index()];
    if !state.up {
        return Err(Verdict::VenueDown);
    }
    let book = &market.books[market.reference.book_at(instrument, venue)];
    if book.trust != Trust::Proved {
        return Err(Verdict::Untrusted);
    }
    let feed = market.reference.book_owner(venue).index();
    let alive_at = book.changed_at.max(market.venues[feed].feed_alive_at);
    if market.now.since(alive_at) > market.reference.venues[feed].stale_after_ns {
        return Err(Verdict::Stale);
    }
    if book.is_crossed() {
        return Err(Verdict::Crossed);
    }
    if book.is_outlier {
        return Err(Verdict::Outlier);
    }
    Ok((listing, book))
}

/// As [`usable`], and the order may go to the venue.
pub(super) fn eligible<'a>(
    market: &RoutingView<'a>,
    request: &RouteRequest,
    venue: VenueId,
) -> Result<(&'a ListingDef, &'a Book), Verdict> {
    let (listing, book) = usable(market, request.instrument, venue)?;
    let barring = [
        (request.excluded, Verdict::NotNamed),
        (request.denied, Verdict::NotAllowed),
        (request.closed, Verdict::Drained),
        (request.avoided, Verdict::Avoided),
        (request.self_matched, Verdict::OwnOrder),
    ];
    let barred = barring.iter().fold(VenueSet::EMPTY, |all, (venues, _)| all.union(*venues));
    if barred.has(venue)
        && let Some((_, verdict)) = barring.iter().find(|(venues, _)| venues.has(venue))
    {
        return Err(*verdict);
    }
    if request.faded.has(venue) && book.changed_at <= request.faded_at {
        return Err(Verdict::Faded);
    }
    if is_market_closed(market, request.instrument, venue) {
        return Err(Verdict::MarketClosed);
    }
    if request.tif == TimeInForce::Fok && !market.reference.venues[venue.index()].fok {
        return Err(Verdict::NoFok);
    }
    let Some(full) = no_room(market, request.instrument, venue) else {
        return Ok((listing, book));
    };
    // An order that cannot rest waits for no room where the book has nothing for it.
    Err(match book.opposite(request.side).best() {
        None if !request.tif.waits() => Verdict::TooThin,
        Some(best) if !request.tif.waits() && !within(request.worst, best.price, request.side) => {
            Verdict::BeyondLimit
        }
        None | Some(_) => full,
    })
}

/// Whether the venue account has been told that the instrument's market is closed. Accounts that
/// share a book are told one by one: some markets are closed to some accounts only.
#[inline]
fn is_market_closed(market: &RoutingView<'_>, instrument: InstrumentId, venue: VenueId) -> bool {
    let of_account = &market.books[instrument.index() * VENUES_MAX + venue.index()];
    of_account.closed.is_on(market.now)
        || !market.books[market.reference.book_at(instrument, venue)].market.is_open()
}

/// Why the venue takes no further order in the instrument at this moment, whatever the order.
#[inline]
fn no_room(market: &RoutingView<'_>, instrument: InstrumentId, venue: VenueId) -> Option<Verdict> {
    let state = &market.venues[venue.index()];
    if let Some(verdict) = state.refuses(market.now) {
        return Some(verdict);
    }
    let feed = market.reference.book_owner(venue);
    if feed != venue && market.venues[feed.index()].distrusts_feed() {
        return Some(Verdict::BreakerOpen);
    }
    if !state.budget.has_room(market.now, instrument) {
        return Some(Verdict::NoRate);
    }
    let def = &market.reference.venues[venue.index()];
    let busy = state.unanswered >= state.unanswered_max(def.unanswered_max);
    busy.then_some(Verdict::Busy)
}

/// Whether a venue takes an order in the instrument at this moment, by any of its accounts that use
/// these books.
pub fn takes_orders(
    market: &RoutingView<'_>,
    instrument: InstrumentId,
    owner: VenueId,
    closed: VenueSet,
) -> bool {
    let takes = |venue: VenueId| {
        usable(market, instrument, venue).is_ok()
            && !closed.has(venue)
            && !is_market_closed(market, instrument, venue)
            && no_room(market, instrument, venue).is_none()
    };
    takes(owner)
        || market.reference.shares_books()
            && market.reference.accounts_with_books_of(owner).any(takes)
}

/// Whether there are venues that could take orders in the instrument, and none has room for one.
pub fn is_full(market: &RoutingView<'_>, instrument: InstrumentId, closed: VenueSet) -> bool {
    let mut any = false;
    for index in 0..market.reference.venues.len() {
        let venue = VenueId(index as u8);
        if usable(market, instrument, venue).is_err()
            || closed.has(venue)
            || is_market_closed(market, instrument, venue)
        {
            continue;
        }
        if no_room(market, instrument, venue).is_none() {
            return false;
        }
        any = true;
    }
    any
}

/// When the next venue that lists the instrument has room in its budget again, or its pause ends.
/// `None` if neither keeps a venue from taking orders.
pub fn room_comes_at(market: &RoutingView<'_>, instrument: InstrumentId) -> Option<UnixNanos> {
    let of_venue = |index: usize| {
        let venue = VenueId(index as u8);
        market.reference.listing(instrument, venue).filter(|listing| listing.enabled)?;
        let state = &market.venues[index];
        let paused = state.paused.is_on(market.now).then(|| state.paused.until());
        let ready_at = state.budget.ready_at(market.now, instrument)?;
        paused.max(Some(ready_at).filter(|at| *at > market.now))
    };
    (0..market.reference.venues.len()).filter_map(of_venue).min()
}
