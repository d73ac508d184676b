//! Circuit breakers and pauses of one venue, as the core's notices tell them.

use std::collections::BTreeMap;

use rutter_core::breaker::{BreakerState, RequestKind};
use rutter_core::id::{AssetId, InstrumentId, VenueId};
use rutter_core::input::{ListingTerms, MarketStatus};
use rutter_core::number::{AMOUNT_DECIMALS, UnixNanos};
use rutter_core::output::Paused;
use rutter_core::reference::Reference;

use super::number::decimal;
use super::rows::{BreakerRow, MarketRow, PauseRow, TermRow, TermsRow};

/// What keeps new orders from a venue, by the venue's own answers. A new pause may allocate.
#[derive(Clone, Debug, Default)]
pub struct Closures {
    breakers: [(BreakerState, UnixNanos); RequestKind::ALL.len()],
    pauses: BTreeMap<Paused, UnixNanos>,
    /// Markets that are not open, by the venue's own word.
    markets: BTreeMap<InstrumentId, MarketStatus>,
}

impl Closures {
    pub fn breaker(&mut self, kind: RequestKind, state: BreakerState, until: UnixNanos) {
        if let Some(breaker) = self.breakers.get_mut(kind as usize - 1) {
            *breaker = (state, until);
        }
    }

    pub fn pause(&mut self, what: Paused, until: UnixNanos) {
        if until == UnixNanos(0) {
            self.pauses.remove(&what);
        } else {
            self.pauses.insert(what, until);
        }
    }

    /// The venue has told the status of its market.
    pub fn market(&mut self, instrument: InstrumentId, status: MarketStatus) {
        if status.is_open() {
            self.markets.remove(&instrument);
        } else {
            self.markets.insert(instrument, status);
        }
    }

    /// The markets that are not open, with the venue's word for it.
    pub fn markets(&self, reference: &Reference) -> Vec<MarketRow> {
        let row = |(id, status): (&InstrumentId, &MarketStatus)| MarketRow {
            symbol: symbol_of(*id, reference).unwrap_or_default(),
            status: status.word(),
        };
        self.markets.iter().map(row).collect()
    }

    /// The venue has told a balance: a pause for want of funds lasts until its time at most.
    pub fn told(&mut self, asset: AssetId, now: UnixNanos) {
        self.pauses.retain(|what, until| *what != Paused::Funds(asset) || *until > now);
    }

    /// The breakers, by kind. `openings` are those since the start of the node.
    pub fn breakers(&self, openings: &[u64; 3]) -> BTreeMap<&'static str, BreakerRow> {
        let each = RequestKind::ALL.into_iter().zip(self.breakers).zip(openings);
        each.map(|((kind, (state, until)), openings)| {
            let (state, until_ns) = (state_word(state), until.0);
            (kind_word(kind), BreakerRow { state, until_ns, openings: *openings })
        })
        .collect()
    }

    /// The pauses that last at `now`. One for want of funds lasts until the venue's balance, too.
    pub fn pauses(&self, now: UnixNanos, reference: &Reference) -> Vec<PauseRow> {
        let lasts = |(what, until): &(&Paused, &UnixNanos)| {
            matches!(what, Paused::Funds(_)) || **until > now
        };
        let row = |(what, until): (&Paused, &UnixNanos)| pause_row(*what, *until, reference);
        self.pauses.iter().filter(lasts).map(row).collect()
    }
}

fn symbol_of(id: InstrumentId, reference: &Reference) -> Option<String> {
    let def = reference.instruments.get(id.index());
    def.map(|def| def.symbol.as_str().to_owned())
}

/// The terms of a listing that are not as configured: each as `configured -> held`. `None` if all
/// are. A term that filters nothing is left to the venue, so the venue's own is no difference.
fn terms_row(own: &ListingTerms, held: &ListingTerms, reference: &Reference) -> Option<TermsRow> {
    let def = reference.instruments.get(held.instrument.index())?;
    let (price, qty) = (u32::from(def.price_decimals), u32::from(def.qty_decimals));
    let text = |value: i64, decimals| decimal(value.into(), decimals);
    let pairs = [
        (
            "tick",
            own.ticks.least().0 > 1,
            text(own.ticks.least().0, price),
            text(held.ticks.least().0, price),
        ),
        ("lot", own.lot.0 > 1, text(own.lot.0, qty), text(held.lot.0, qty)),
        ("qty_min", own.qty_min.0 > 1, text(own.qty_min.0, qty), text(held.qty_min.0, qty)),
        ("qty_max", own.qty_max.0 < i64::MAX, text(own.qty_max.0, qty), text(held.qty_max.0, qty)),
        (
            "notional_min",
            own.notional_min.0 > 0,
            decimal(own.notional_min.0, AMOUNT_DECIMALS),
            decimal(held.notional_min.0, AMOUNT_DECIMALS),
        ),
    ];
    let differs =
        |(_, filters, own, held): &(&'static str, bool, String, String)| *filters && own != held;
    let row = |(name, _, own, held)| (name, TermRow { configured: own, held });
    let differing: BTreeMap<_, _> = pairs.into_iter().filter(differs).map(row).collect();
    let symbol = def.symbol.as_str().to_owned();
    (!differing.is_empty()).then_some(TermsRow { symbol, terms: differing })
}

/// Where orders at a venue are held to other terms than the configuration's, since the venue has
/// told filters of its own.
pub fn told_terms(venue: VenueId, reference: &Reference) -> Vec<TermsRow> {
    let of_venue = reference.all_listings().filter(|listing| listing.venue == venue);
    let rows = of_venue.filter_map(|listing| {
        let (own, told) = reference.terms_of(listing.instrument, venue)?;
        told.and_then(|_| terms_row(own, &ListingTerms::from(listing), reference))
    });
    rows.collect()
}

/// The terms of a listing that are not as configured, in a line: `lot 0.001 -> 0.01`. Empty if all
/// are as configured.
pub fn terms_text(instrument: InstrumentId, venue: VenueId, reference: &Reference) -> String {
    let held = reference.listing(instrument, venue).map(ListingTerms::from);
    let own = reference.terms_of(instrument, venue).map(|(own, _)| own);
    let row = own.zip(held).and_then(|(own, held)| terms_row(own, &held, reference));
    let text =
        |(name, term): (&&str, &TermRow)| format!("{name} {} -> {}", term.configured, term.held);
    let texts = row.iter().flat_map(|row| row.terms.iter().map(text));
    texts.collect::<Vec<_>>().join(", ")
}

/// A pause in names.
pub fn pause_row(what: Paused, until: UnixNanos, reference: &Reference) -> PauseRow {
    let asset = |id: AssetId| {
        let def = reference.assets.get(id.index());
        def.map(|def| def.name.as_str().to_owned())
    };
    let (what, of) = match what {
        Paused::NewOrders => ("new_orders", None),
        Paused::Cancels => ("cancels", None),
        Paused::CancelBudget => ("cancel_budget", None),
        Paused::Listing(id) => ("listing", symbol_of(id, reference)),
        Paused::OpenOrders(id) => ("open_orders", symbol_of(id, reference)),
        Paused::Funds(id) => ("funds", asset(id)),
    };
    PauseRow { what, of, until_ns: until.0 }
}

/// The word for a kind of request, as metrics and the console write it.
pub const fn kind_word(kind: RequestKind) -> &'static str {
    match kind {
        RequestKind::New => "new",
        RequestKind::Query => "query",
        RequestKind::Data => "data",
    }
}

/// The word for the state of a breaker.
pub const fn state_word(state: BreakerState) -> &'static str {
    match state {
        BreakerState::Closed => "closed",
        BreakerState::Open => "open",
        BreakerState::HalfOpen => "half_open",
    }
}
