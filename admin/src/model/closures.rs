//! Circuit breakers and pauses of one venue, as the core's notices tell them.

use std::collections::BTreeMap;

use rutter_core::breaker::{BreakerState, RequestKind};
use rutter_core::id::{AssetId, InstrumentId};
use rutter_core::number::UnixNanos;
use rutter_core::output::Paused;
use rutter_core::reference::Reference;

use super::rows::{BreakerRow, PauseRow};

/// What keeps new orders from a venue, by the venue's own answers. A new pause may allocate.
#[derive(Clone, Debug, Default)]
pub struct Closures {
    breakers: [(BreakerState, UnixNanos); RequestKind::ALL.len()],
    pauses: BTreeMap<Paused, UnixNanos>,
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

/// A pause in names.
pub fn pause_row(what: Paused, until: UnixNanos, reference: &Reference) -> PauseRow {
    let symbol = |id: InstrumentId| {
        let def = reference.instruments.get(id.index());
        def.map(|def| def.symbol.as_str().to_owned())
    };
    let asset = |id: AssetId| {
        let def = reference.assets.get(id.index());
        def.map(|def| def.name.as_str().to_owned())
    };
    let (what, of) = match what {
        Paused::NewOrders => ("new_orders", None),
        Paused::Cancels => ("cancels", None),
        Paused::CancelBudget => ("cancel_budget", None),
        Paused::Listing(id) => ("listing", symbol(id)),
        Paused::OpenOrders(id) => ("open_orders", symbol(id)),
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
