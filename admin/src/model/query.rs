//! Queries of the model: names to ids and back, and the tables that verbs show.
//!
//! A line belongs here if it answers and changes nothing. Answers about orders look at no more than
//! [`ORDERS_READ_MAX`] orders; lists by definition are as long as the definitions.

use std::collections::BTreeMap;

use rutter_core::id::{AccountId, AssetId, InstrumentId, OrderId, SessionId, VenueId};
use rutter_core::input::{BehaviourCosts, Distrust, InstrumentDef, Scope};
use rutter_core::number::{AMOUNT_DECIMALS, Amount};
use rutter_core::reference::{Reference, VENUES_MAX};
use rutter_core::waiting::Waiting;

use super::ReadModel;
use super::anomaly::Anomaly;
use super::number::decimal;
use super::rows::{
    BalanceRow, BehaviourRow, FeeRow, InstrumentRow, LimitRow, ListingRow, OpenIn, PositionRow,
    Positions, ScopeRow, SessionStatus, Status, TickRow, VenueStatus,
};

mod commands;
mod orders;

pub(super) use commands::{LOG_LEVEL_CONFIGURED, log_level};

pub(super) fn amount(amount: Amount) -> String {
    decimal(amount.0, AMOUNT_DECIMALS)
}

impl ReadModel {
    /// Reference data as the core has it, limits that operators set among it.
    pub const fn reference(&self) -> &Reference {
        &self.reference
    }

    /// The venue with this name.
    pub fn venue(&self, name: &str) -> Option<VenueId> {
        let known = self.reference.venues.iter().find(|def| def.name.as_str() == name);
        known.map(|def| def.id)
    }

    /// The instrument with this symbol.
    pub fn instrument(&self, symbol: &str) -> Option<InstrumentId> {
        let known = self.reference.instruments.iter().find(|def| def.symbol.as_str() == symbol);
        known.map(|def| def.id)
    }

    /// The client session with this name.
    pub fn session(&self, name: &str) -> Option<SessionId> {
        let known = self.reference.sessions.iter().find(|def| def.name.as_str() == name);
        known.map(|def| def.id)
    }

    /// The account with this name.
    pub fn account(&self, name: &str) -> Option<AccountId> {
        let known = self.reference.accounts.iter().find(|def| def.name.as_str() == name);
        known.map(|def| def.id)
    }

    /// A venue's name; `?` if it has none.
    pub fn venue_name(&self, id: VenueId) -> &str {
        self.reference.venues.get(id.index()).map_or("?", |def| def.name.as_str())
    }

    /// An instrument's symbol.
    pub fn symbol_of(&self, id: InstrumentId) -> &str {
        self.reference.instruments.get(id.index()).map_or("?", |def| def.symbol.as_str())
    }

    /// A session's name.
    pub fn session_name(&self, id: SessionId) -> &str {
        self.reference.sessions.get(id.index()).map_or("?", |def| def.name.as_str())
    }

    /// An account's name.
    pub fn account_name(&self, id: AccountId) -> &str {
        self.reference.accounts.get(id.index()).map_or("?", |def| def.name.as_str())
    }

    /// An asset's name.
    pub fn asset_name(&self, id: AssetId) -> &str {
        self.reference.assets.get(id.index()).map_or("?", |def| def.name.as_str())
    }

    /// A scope in names.
    pub fn scope_row(&self, scope: Scope) -> ScopeRow {
        let mut row = ScopeRow::default();
        match scope {
            Scope::All => {}
            Scope::Venue(id) => row.venue = Some(self.venue_name(id).to_owned()),
            Scope::Instrument(id) => row.symbol = Some(self.symbol_of(id).to_owned()),
            Scope::Session(id) => row.session = Some(self.session_name(id).to_owned()),
            Scope::Account(id) => row.account = Some(self.account_name(id).to_owned()),
        }
        row
    }

    /// Open orders and children in a scope: those that a halt or mass cancel would cancel.
    pub fn open_in(&self, scope: Scope) -> OpenIn {
        OpenIn {
            orders: self.open_orders.within(scope),
            children: self.open_children.within(scope),
        }
    }

    /// An operator has halted exactly this scope.
    pub fn is_halted(&self, scope: Scope) -> bool {
        self.halts.contains(&scope)
    }

    /// An operator takes only what reduces positions in exactly this scope.
    pub fn is_reduce_only(&self, scope: Scope) -> bool {
        self.reduce_only.contains(&scope)
    }

    /// An operator has drained the venue.
    pub fn is_drained(&self, venue: VenueId) -> bool {
        self.drained.get(venue.index()).copied().unwrap_or(false)
    }

    /// True if an operator has disabled the session.
    pub fn is_disabled(&self, session: SessionId) -> bool {
        self.sessions.get(session.index()).is_some_and(|(_, disabled)| *disabled)
    }

    /// Id of the newest order; zero if there is none.
    pub const fn newest_order(&self) -> OrderId {
        self.newest
    }

    /// Status of the node. Values that do not come from the core's outputs are zero.
    pub fn status(&self) -> Status {
        let counts = &self.counts;
        let rows = |scopes: &std::collections::BTreeSet<Scope>| {
            scopes.iter().map(|scope| self.scope_row(*scope)).collect()
        };
        Status {
            orders: counts.orders,
            orders_replayed: self.replayed.orders,
            fills_replayed: self.replayed.fills,
            open_orders: self.open_orders.within(Scope::All),
            pending_orders: self.pending_orders,
            waiting: self.waiting_orders(),
            open_children: self.open_children.within(Scope::All),
            unknown_children: self.unknown.iter().sum(),
            refused: counts.refused.named(),
            ended: counts.ended_named(),
            succeeded: counts.succeeded,
            failed: counts.failed.named(),
            reports: counts.reports,
            fills: counts.fills,
            odd_fills: counts.anomalies.of(Anomaly::OddFill),
            illegal_events: counts.anomalies.of(Anomaly::IllegalEvent),
            found_after_end: counts.anomalies.of(Anomaly::FoundAfterEnd),
            cancels_stuck: counts.anomalies.of(Anomaly::CancelStuck),
            bad_reference: counts.anomalies.of(Anomaly::BadReference),
            reconciled: counts.anomalies.of(Anomaly::Reconciled),
            contradicted: counts.anomalies.of(Anomaly::Contradicted),
            halted: self.is_halted(Scope::All),
            halts: rows(&self.halts),
            reduce_only: rows(&self.reduce_only),
            no_reference: self.no_reference(),
            exposures: self.exposure_rows(),
            venues: self.venues(),
            sessions: self.sessions(),
            ..Status::default()
        }
    }

    /// Open orders that wait, by reason.
    fn waiting_orders(&self) -> BTreeMap<String, u64> {
        let each = Waiting::ALL.iter().filter_map(|why| {
            let count = self.waiting[*why as usize];
            (count > 0).then(|| (why.word().unwrap_or_default().to_owned(), u64::from(count)))
        });
        each.collect()
    }

    /// Symbols of the listed instruments that have no reference price.
    fn no_reference(&self) -> Vec<String> {
        let without =
            self.reference.instruments.iter().zip(&self.referenced).filter(|(def, has)| {
                !**has && self.reference.listings(def.id).any(|listing| listing.enabled)
            });
        without.map(|(def, _)| def.symbol.as_str().to_owned()).collect()
    }

    /// All venues, by id.
    pub fn venues(&self) -> Vec<VenueStatus> {
        self.reference.venues.iter().map(|def| self.venue_status(def.id)).collect()
    }

    fn venue_status(&self, id: VenueId) -> VenueStatus {
        let at = id.index() % VENUES_MAX;
        let counts = &self.counts.venues[at];
        let (mut books, mut distrusted) = (0, BTreeMap::<_, usize>::new());
        for def in &self.reference.instruments {
            if self.reference.listing(def.id, id).is_some_and(|listing| listing.enabled) {
                books += 1;
                if let Some(why) = self.distrust(id, def.id) {
                    *distrusted.entry(why).or_default() += 1;
                }
            }
        }
        VenueStatus {
            name: self.venue_name(id).to_owned(),
            books_of: (!self.reference.has_own_books(id))
                .then(|| self.venue_name(self.reference.book_owner(id)).to_owned()),
            up: self.up[at],
            drained: self.drained[at],
            halted: self.is_halted(Scope::All) || self.is_halted(Scope::Venue(id)),
            books,
            books_trusted: books - distrusted.values().sum::<usize>(),
            distrusted,
            distrusts: counts.distrusts,
            children: counts.children,
            open_children: self.open_children.within(Scope::Venue(id)),
            unknown: u64::from(self.unknown[at]),
            rejects: counts.rejects(),
            breakers: self.closures[at].breakers(&counts.openings),
            pauses: self.closures[at].pauses(self.at.time, &self.reference),
            behaviour: self.behaviour_row(at),
            fills: counts.fills,
            filled_notional: amount(counts.filled),
            fees: self.fees_row(&counts.fees),
            fee_terms: self.fee_terms(id),
        }
    }

    /// What is known of a venue's behaviour now.
    fn behaviour_row(&self, at: usize) -> Option<BehaviourRow> {
        let known = Some(self.behaviour[at]).filter(|known| known.is_known(self.at.time))?;
        Some(BehaviourRow {
            answers: known.answers,
            p50_us: known.p50_us,
            p99_us: known.p99_us,
            rejects_ppm: known.rejects_ppm,
            faded_ppm: known.faded_ppm,
            partial_ppm: known.partial_ppm,
            cost_ppm: known.cost_ppm(self.at.time, &BehaviourCosts::USUAL),
            until_ns: known.known_until.0,
        })
    }

    /// All client sessions, by id.
    pub fn sessions(&self) -> Vec<SessionStatus> {
        let row = |(def, (events, disabled)): (&rutter_core::input::SessionDef, &(u64, bool))| {
            SessionStatus {
                name: def.name.as_str().to_owned(),
                account: def.account.map(|id| self.account_name(id).to_owned()),
                events: *events,
                disabled: *disabled,
                open_orders: self.open_orders.within(Scope::Session(def.id)),
            }
        };
        self.reference.sessions.iter().zip(&self.sessions).map(row).collect()
    }

    /// All instruments, by id.
    pub fn instruments(&self) -> Vec<InstrumentRow> {
        self.reference.instruments.iter().map(|def| self.instrument_row(def)).collect()
    }

    fn instrument_row(&self, def: &InstrumentDef) -> InstrumentRow {
        let price = |mantissa: i64| decimal(i128::from(mantissa), u32::from(def.price_decimals));
        let qty = |mantissa: i64| decimal(i128::from(mantissa), u32::from(def.qty_decimals));
        let listings = self.reference.listings(def.id).map(|listing| ListingRow {
            venue: self.venue_name(listing.venue).to_owned(),
            enabled: listing.enabled,
            tick: price(listing.ticks.least().0),
            ticks: (listing.ticks.above().iter())
                .map(|band| TickRow { above: price(band.above.0), tick: price(band.tick.0) })
                .collect(),
            price_digits: listing.ticks.digits(),
            lot: qty(listing.lot.0),
            qty_min: qty(listing.qty_min.0),
            notional_min: amount(listing.notional_min),
            taker_fee_ppm: listing.taker_fee.0,
            maker_fee_ppm: listing.maker_fee.0,
            trusted: self.is_trusted(listing.venue, def.id),
        });
        let within = |scopes: &std::collections::BTreeSet<Scope>| {
            scopes.contains(&Scope::All) || scopes.contains(&Scope::Instrument(def.id))
        };
        InstrumentRow {
            symbol: def.symbol.as_str().to_owned(),
            base: self.asset_name(def.base).to_owned(),
            quote: self.asset_name(def.quote).to_owned(),
            price_decimals: def.price_decimals,
            qty_decimals: def.qty_decimals,
            halted: within(&self.halts),
            reduce_only: within(&self.reduce_only),
            listings: listings.collect(),
        }
    }

    /// Why orders are not routed by the venue's book of the instrument; `None` if the book is
    /// trusted. All screens and metrics ask here, and routing judges likewise: the feed has proved
    /// that no change is missing, and has not been silent for longer than `stale_after_ms`; the
    /// book's mid price is near the reference price.
    pub fn distrust(&self, venue: VenueId, instrument: InstrumentId) -> Option<&'static str> {
        let feed = self.reference.book_owner(venue);
        match self.unproved.get(self.reference.book_at(instrument, venue)) {
            None | Some(Some(Distrust::NoSnapshot)) => Some("NoSnapshot"),
            Some(Some(Distrust::Gap)) => Some("Gap"),
            Some(Some(Distrust::Checksum)) => Some("Checksum"),
            Some(Some(Distrust::Disconnected)) => Some("Disconnected"),
            Some(Some(Distrust::Protocol)) => Some("Protocol"),
            Some(Some(Distrust::Outlier)) => Some("Outlier"),
            Some(None) => {
                self.silent.get(feed.index()).is_none_or(|silent| *silent).then_some("Stale")
            }
        }
    }

    /// The venue's book of the instrument is trusted.
    pub fn is_trusted(&self, venue: VenueId, instrument: InstrumentId) -> bool {
        self.distrust(venue, instrument).is_none()
    }

    /// The venue is logged on and reconciled.
    pub fn is_up(&self, venue: VenueId) -> bool {
        self.up.get(venue.index()).copied().unwrap_or(false)
    }

    /// Positions and fees that are not zero, of one account or all.
    pub fn positions(&self, account: Option<AccountId>) -> Positions {
        let mut shown = Positions::default();
        let meant = |id| account.is_none_or(|account| account == id);
        for (of, instrument, position) in self.ledger.positions() {
            let Some(def) = self.reference.instruments.get(instrument.index()) else { continue };
            if meant(of) {
                shown.positions.push(PositionRow {
                    account: self.account_name(of).to_owned(),
                    symbol: def.symbol.as_str().to_owned(),
                    base: decimal(position.base, u32::from(def.qty_decimals)),
                    cash: amount(position.cash),
                });
            }
        }
        for (of, asset, paid) in self.ledger.all_fees() {
            if meant(of) {
                shown.fees.push(FeeRow {
                    account: self.account_name(of).to_owned(),
                    asset: self.asset_name(asset).to_owned(),
                    paid: amount(paid),
                });
            }
        }
        shown
    }

    /// What venues hold for us, of one venue or all: where they have told it, or where it moved.
    pub fn balances(&self, venue: Option<VenueId>) -> Vec<BalanceRow> {
        let mut shown = Vec::new();
        let meant = |id| venue.is_none_or(|venue| venue == id);
        for of in self.reference.venues.iter().filter(|def| meant(def.id)) {
            for asset in &self.reference.assets {
                let funds = self.ledger.funds(of.id, asset.id);
                let told = self.told.get(asset.id.index() * VENUES_MAX + of.id.index());
                let told_ns = told.map_or(0, |time| time.0);
                if told_ns > 0 || funds != rutter_core::ledger::Funds::default() {
                    shown.push(BalanceRow {
                        venue: of.name.as_str().to_owned(),
                        asset: asset.name.as_str().to_owned(),
                        total: amount(funds.total),
                        in_orders: amount(funds.reserved),
                        told_ns,
                    });
                }
            }
        }
        shown
    }

    /// Limits as they hold, of one account or all.
    pub fn limits(&self, account: Option<AccountId>) -> Vec<LimitRow> {
        let all = self.reference.accounts.iter();
        let meant = all.filter(|def| account.is_none_or(|account| account == def.id));
        let row = meant.map(|def| LimitRow {
            account: def.name.as_str().to_owned(),
            limits: def.limits,
            open_orders: self.open_orders.within(Scope::Account(def.id)),
        });
        row.collect()
    }
}
