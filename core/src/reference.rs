//! Reference data: assets, instruments, venues, listings, accounts, sessions.
//!
//! A line belongs here if it keeps or checks a definition. The definitions themselves are `input`.
//!
//! Ids are dense and given once. Every start of the node sends all definitions again. Terms may
//! differ then (fees, limits, ticks), identity may not (name, decimals, assets).

use crate::id::{AccountId, InstrumentId, SessionId, VenueId};
use crate::input::{
    AccountDef, AccountLimits, AssetDef, BudgetDef, Input, InstrumentDef, ListingDef, OwnerDef,
    Refusal, RoutingDef, SessionDef, VenueDef,
};
use crate::number::{AMOUNT_DECIMALS, Amount, Notional, Qty, saturating_product};
use crate::venue_set::VenueSet;

/// Venues at most.
pub const VENUES_MAX: usize = 32;

/// Assets, instruments, accounts and sessions at most, each.
pub const DEFINITIONS_MAX: usize = 1024;

/// A definition that contradicts an earlier one or is out of range. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadReference;

/// Reference data of the core.
#[derive(Debug, Default)]
pub struct Reference {
    /// Assets by id.
    pub assets: Vec<AssetDef>,
    /// Instruments by id.
    pub instruments: Vec<InstrumentDef>,
    /// Venues by id.
    pub venues: Vec<VenueDef>,
    /// How the venues count requests, by venue.
    pub budgets: Vec<BudgetDef>,
    /// Accounts by id, with the limits that operators have set.
    pub accounts: Vec<AccountDef>,
    /// Accounts by id, as the configuration last defined them.
    configured: Vec<AccountDef>,
    /// How the orders of accounts choose between venues, by account.
    routing: Vec<RoutingDef>,
    /// Who owns accounts, by account.
    owners: Vec<OwnerDef>,
    /// Client sessions by id.
    pub sessions: Vec<SessionDef>,
    /// Listings, by instrument times [`VENUES_MAX`] plus venue.
    listings: Vec<Option<ListingDef>>,
    /// The venues with a listing that is enabled, by instrument.
    enabled: Vec<VenueSet>,
}

/// Puts `new` at `index` if that is the next free one, or over the definition there if `same` finds
/// both to have one identity.
fn define<T>(
    all: &mut Vec<T>,
    index: usize,
    limit: usize,
    new: T,
    same: impl Fn(&T, &T) -> bool,
) -> Result<(), BadReference> {
    if index == all.len() && index < limit {
        all.push(new);
        return Ok(());
    }
    match all.get_mut(index) {
        Some(old) if same(old, &new) => {
            *old = new;
            Ok(())
        }
        Some(_) | None => Err(BadReference),
    }
}

impl Reference {
    /// Takes the definition that an input holds.
    ///
    /// # Errors
    /// The input contradicts a known definition, is out of range, or is not a definition. Nothing
    /// was changed.
    pub fn define(&mut self, definition: &Input) -> Result<(), BadReference> {
        match definition {
            Input::Asset(def) => self.asset(*def),
            Input::Instrument(def) => self.instrument(*def),
            Input::Venue(def) => self.venue(*def),
            Input::Budget(def) => self.budget(*def),
            Input::Listing(def) => self.set_listing(*def),
            Input::Account(def) => self.account(*def),
            Input::Routing(def) => self.routing(*def),
            Input::Owner(def) => self.owner(*def),
            Input::Session(def) => self.session(*def),
            _ => Err(BadReference),
        }
    }

    /// All definitions, as the inputs that would define them again. Accounts are as the
    /// configuration defined them.
    pub fn definitions(&self) -> impl Iterator<Item = Input> {
        (self.assets.iter().map(|def| Input::Asset(*def)))
            .chain(self.instruments.iter().map(|def| Input::Instrument(*def)))
            .chain(self.venues.iter().map(|def| Input::Venue(*def)))
            .chain(self.budgets.iter().map(|def| Input::Budget(*def)))
            .chain(self.listings.iter().flatten().map(|def| Input::Listing(*def)))
            .chain(self.configured.iter().map(|def| Input::Account(*def)))
            .chain(self.routing.iter().map(|def| Input::Routing(*def)))
            .chain(self.owners.iter().map(|def| Input::Owner(*def)))
            .chain(self.sessions.iter().map(|def| Input::Session(*def)))
    }

    /// Sets an account's limits; they hold until its configuration changes.
    ///
    /// # Errors
    /// There is no such account, or no order would be small enough; nothing was changed.
    pub fn set_limits(&mut self, id: AccountId, limits: &AccountLimits) -> Result<(), Refusal> {
        let account = self.accounts.get_mut(id.index()).ok_or(Refusal::WrongAccount)?;
        if limits.notional_max.0 <= 0 {
            return Err(Refusal::BadQuantity);
        }
        account.limits = *limits;
        Ok(())
    }

    fn asset(&mut self, def: AssetDef) -> Result<(), BadReference> {
        define(&mut self.assets, def.id.index(), DEFINITIONS_MAX, def, |a, b| a.name == b.name)
    }

    fn instrument(&mut self, def: InstrumentDef) -> Result<(), BadReference> {
        let sound = def.base.index() < self.assets.len()
            && def.quote.index() < self.assets.len()
            && def.base != def.quote
            && u32::from(def.price_decimals) + u32::from(def.qty_decimals) <= AMOUNT_DECIMALS
            && def.order_qty_max.0 > 0;
        if !sound {
            return Err(BadReference);
        }
        define(&mut self.instruments, def.id.index(), DEFINITIONS_MAX, def, |a, b| {
            (a.symbol, a.base, a.quote, a.price_decimals, a.qty_decimals)
                == (b.symbol, b.base, b.quote, b.price_decimals, b.qty_decimals)
        })?;
        self.listings.resize(self.instruments.len() * VENUES_MAX, None);
        self.enabled.resize(self.instruments.len(), VenueSet::EMPTY);
        Ok(())
    }

    fn venue(&mut self, def: VenueDef) -> Result<(), BadReference> {
        define(&mut self.venues, def.id.index(), VENUES_MAX, def, |a, b| a.name == b.name)?;
        if self.budgets.len() < self.venues.len() {
            self.budgets.push(BudgetDef::none(def.id));
        }
        Ok(())
    }

    fn account(&mut self, def: AccountDef) -> Result<(), BadReference> {
        // A start with an unchanged configuration keeps the limits that operators have set.
        if self.configured.get(def.id.index()) == Some(&def) {
            return Ok(());
        }
        for all in [&mut self.accounts, &mut self.configured] {
            define(all, def.id.index(), DEFINITIONS_MAX, def, |a, b| a.name == b.name)?;
        }
        if self.routing.len() < self.accounts.len() {
            self.routing.push(RoutingDef::usual(def.id));
            self.owners.push(OwnerDef::usual(def.id, def.name));
        }
        Ok(())
    }

    fn routing(&mut self, def: RoutingDef) -> Result<(), BadReference> {
        if !def.weights.is_whole() {
            return Err(BadReference);
        }
        *self.routing.get_mut(def.account.index()).ok_or(BadReference)? = def;
        Ok(())
    }

    fn owner(&mut self, def: OwnerDef) -> Result<(), BadReference> {
        let known = self.owners.get_mut(def.account.index()).filter(|_| !def.owner.is_empty());
        *known.ok_or(BadReference)? = def;
        Ok(())
    }

    fn session(&mut self, def: SessionDef) -> Result<(), BadReference> {
        if def.account.is_some_and(|account| account.index() >= self.accounts.len()) {
            return Err(BadReference);
        }
        define(&mut self.sessions, def.id.index(), DEFINITIONS_MAX, def, |a, b| a.name == b.name)
    }

    fn budget(&mut self, def: BudgetDef) -> Result<(), BadReference> {
        let known = self.budgets.get_mut(def.venue.index()).filter(|_| def.is_sound());
        *known.ok_or(BadReference)? = def;
        Ok(())
    }

    fn set_listing(&mut self, def: ListingDef) -> Result<(), BadReference> {
        let sound = def.ticks.least().0 > 0
            && def.lot.0 > 0
            && def.qty_min.0 >= 0
            && def.qty_max >= def.qty_min
            && def.notional_min.0 >= 0
            && def.maker_fee.0.unsigned_abs() < 1_000_000
            && def.taker_fee.0.unsigned_abs() < 1_000_000
            && def.venue.index() < self.venues.len()
            && def.instrument.index() < self.instruments.len();
        if !sound {
            return Err(BadReference);
        }
        self.listings[def.instrument.index() * VENUES_MAX + def.venue.index()] = Some(def);
        self.enabled[def.instrument.index()].set(def.venue, def.enabled);
        Ok(())
    }

    /// An instrument's terms at a venue; `None` if the venue does not list it.
    #[inline]
    pub fn listing(&self, instrument: InstrumentId, venue: VenueId) -> Option<&ListingDef> {
        self.listings.get(instrument.index() * VENUES_MAX + venue.index())?.as_ref()
    }

    /// The venues with a listing of the instrument that is enabled.
    #[inline]
    pub fn enabled(&self, instrument: InstrumentId) -> VenueSet {
        self.enabled.get(instrument.index()).copied().unwrap_or_default()
    }

    /// An instrument's terms at all venues that list it.
    pub fn listings(&self, instrument: InstrumentId) -> impl Iterator<Item = &ListingDef> {
        let at = instrument.index() * VENUES_MAX;
        self.listings.get(at..at + VENUES_MAX).unwrap_or_default().iter().flatten()
    }

    /// An instrument by an id that was checked when its input came in.
    #[inline]
    pub(crate) fn instrument_of(&self, id: InstrumentId) -> &InstrumentDef {
        &self.instruments[id.index()]
    }

    /// Who owns an account, by an id that was checked when its input came in.
    #[inline]
    pub fn owner_of(&self, account: AccountId) -> &OwnerDef {
        &self.owners[account.index()]
    }

    /// How an account's orders choose between venues, by an id that was checked when its input came
    /// in.
    #[inline]
    pub fn routing_of(&self, account: AccountId) -> &RoutingDef {
        &self.routing[account.index()]
    }

    /// The account of a session; `None` for an unknown session or a drop copy.
    #[inline]
    pub fn account_of(&self, session: SessionId) -> Option<AccountId> {
        self.sessions.get(session.index())?.account
    }
}

/// A value in units of [`Amount`].
#[inline]
pub fn amount_of(instrument: &InstrumentDef, value: Notional) -> Amount {
    let decimals = u32::from(instrument.price_decimals) + u32::from(instrument.qty_decimals);
    Amount(saturating_product(value.0, ten_to(AMOUNT_DECIMALS - decimals)))
}

/// A quantity in units of [`Amount`].
#[inline]
pub fn base_amount(instrument: &InstrumentDef, qty: Qty) -> Amount {
    let unit = ten_to(AMOUNT_DECIMALS - u32::from(instrument.qty_decimals));
    Amount(saturating_product(i128::from(qty.0), unit))
}

/// Ten to a power up to 18.
#[inline]
pub const fn ten_to(power: u32) -> i128 {
    const POWERS: [i128; 19] = {
        let mut powers = [1; 19];
        let mut i = 1;
        while i < 19 {
            powers[i] = powers[i - 1] * 10;
            i += 1;
        }
        powers
    };
    POWERS[power as usize]
}
