//! Reference data: assets, instruments, venues, listings, accounts, sessions.
//!
//! A line belongs here if it keeps or checks a definition. The definitions themselves are `input`.
//!
//! Ids are dense and given once. Every start of the node sends all definitions again. Terms may
//! differ then (fees, limits, ticks), identity may not (name, decimals, assets).

use crate::id::{AccountId, AssetId, InstrumentId, SessionId, VenueId};
use crate::input::{
    AccountDef, AccountFeeDef, AccountLimits, AmendDef, AssetDef, BASIS_PPM_MAX, BooksOfDef,
    BridgeDef, BudgetDef, Input, InstrumentDef, ListingDef, OwnerDef, Refusal, RestDef, RoutingDef,
    SessionDef, SharingDef, VenueDef,
};
use crate::listed::{Listed, place_of};
use crate::number::{AMOUNT_DECIMALS, Amount, Notional, Qty, saturating_product};
use crate::venue_set::VenueSet;

mod fees;

use fees::ListedFees;
pub use fees::{ACCOUNT_FEES_MAX, HeldFees, ListingFees, VenueFees};

/// Venues at most.
pub const VENUES_MAX: usize = 32;

/// Assets at most.
pub const ASSETS_MAX: usize = 4_096;

/// Instruments at most.
pub const INSTRUMENTS_MAX: usize = 4_096;

/// Accounts at most: as many as [`AccountId`] has numbers.
pub const ACCOUNTS_MAX: usize = 1 << 16;

/// Client sessions at most: as many as [`SessionId`] has numbers.
pub const SESSIONS_MAX: usize = 1 << 16;

/// Bridges at most, of all accounts and instruments.
pub const BRIDGES_MAX: usize = 1_024;

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
    /// Venue accounts by id.
    pub venues: Vec<VenueDef>,
    /// Whose books a venue account uses, by venue account: mostly its own.
    books_of: Vec<VenueId>,
    /// The venue accounts that use the books of another one.
    further: VenueSet,
    /// How the venues count requests, by venue.
    pub budgets: Vec<BudgetDef>,
    /// How the venues amend open orders, by venue.
    amends: Vec<AmendDef>,
    /// Accounts by id, with the limits that operators have set.
    pub accounts: Vec<AccountDef>,
    /// Accounts by id, as the configuration last defined them.
    configured: Vec<AccountDef>,
    /// How the orders of accounts choose between venues, by account.
    routing: Vec<RoutingDef>,
    /// Who owns accounts, by account.
    owners: Vec<OwnerDef>,
    /// Where the orders of accounts rest, by account.
    rests: Vec<RestDef>,
    /// Whether the orders of accounts may share a child, by account.
    sharing: Vec<SharingDef>,
    /// Bridges, in the order in which they were first defined.
    bridges: Vec<BridgeDef>,
    /// Whether an account has a bridge that is on, by account.
    bridged: Vec<bool>,
    /// Client sessions by id.
    pub sessions: Vec<SessionDef>,
    /// Numbers of the listings.
    listed: Listed,
    /// Listings, by number, with the fees that hold now for accounts without fees of their own.
    listings: Vec<ListingDef>,
    /// The fees that the listings came with, by number.
    listed_fees: Vec<ListedFees>,
    /// What the venues' fees depend on, by venue.
    venue_fees: Vec<VenueFees>,
    /// Fees of accounts, by account, venue and instrument.
    account_fees: Vec<AccountFeeDef>,
    /// Where an account has fees of its own, by account.
    fee_venues: Vec<VenueSet>,
    /// Venues whose listings have other fees since the engine last took note of it.
    renewed: VenueSet,
    /// Instruments by base and quote asset.
    pairs: Vec<(AssetId, AssetId, InstrumentId)>,
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
            Input::BooksOf(def) => self.use_books_of(*def),
            Input::Budget(def) => self.budget(*def),
            Input::Amend(def) => self.amend(*def),
            Input::Listing(def) => self.set_listing(*def),
            Input::Account(def) => self.account(*def),
            Input::Routing(def) => self.routing(*def),
            Input::Owner(def) => self.owner(*def),
            Input::Rest(def) => self.rest(*def),
            Input::Sharing(def) => self.set_sharing(*def),
            Input::Bridge(def) => self.bridge(*def),
            Input::Session(def) => self.session(*def),
            Input::FeeSchedule(def) => self.fee_schedule(*def),
            Input::FeeTier(def) => self.fee_tier(*def),
            Input::FeeByTier { venue, instrument } => self.fee_by_tier(*venue, *instrument),
            Input::AccountFee(def) => self.account_fee(*def),
            _ => Err(BadReference),
        }
    }

    /// All definitions, as the inputs that would define them again. Accounts and the fees of
    /// listings are as the configuration defined them.
    pub fn definitions(&self) -> impl Iterator<Item = Input> {
        (self.assets.iter().map(|def| Input::Asset(*def)))
            .chain(self.instruments.iter().map(|def| Input::Instrument(*def)))
            .chain(self.venues.iter().map(|def| Input::Venue(*def)))
            .chain(self.books_of())
            .chain(self.budgets.iter().map(|def| Input::Budget(*def)))
            .chain(self.amends.iter().map(|def| Input::Amend(*def)))
            .chain(self.listings_as_defined().map(Input::Listing))
            .chain(self.configured.iter().map(|def| Input::Account(*def)))
            .chain(self.routing.iter().map(|def| Input::Routing(*def)))
            .chain(self.owners.iter().map(|def| Input::Owner(*def)))
            .chain(self.rests.iter().map(|def| Input::Rest(*def)))
            .chain(self.sharing.iter().map(|def| Input::Sharing(*def)))
            .chain(self.bridges.iter().map(|def| Input::Bridge(*def)))
            .chain(self.sessions.iter().map(|def| Input::Session(*def)))
            .chain(fees::definitions(self))
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
        define(&mut self.assets, def.id.index(), ASSETS_MAX, def, |a, b| a.name == b.name)
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
        define(&mut self.instruments, def.id.index(), INSTRUMENTS_MAX, def, |a, b| {
            (a.symbol, a.base, a.quote, a.price_decimals, a.qty_decimals)
                == (b.symbol, b.base, b.quote, b.price_decimals, b.qty_decimals)
        })?;
        self.note_pair(def.base, def.quote, def.id);
        Ok(())
    }

    fn venue(&mut self, def: VenueDef) -> Result<(), BadReference> {
        define(&mut self.venues, def.id.index(), VENUES_MAX, def, |a, b| a.name == b.name)?;
        if self.budgets.len() < self.venues.len() {
            self.budgets.push(BudgetDef::none(def.id));
            self.venue_fees.push(VenueFees::none(def.id));
            self.books_of.push(def.id);
            self.amends.push(AmendDef::none(def.id));
        }
        Ok(())
    }

    /// Lets a venue account use the books of another one. Two accounts that share books are never
    /// both open to a client's account: those that were defined before are kept from this one.
    fn use_books_of(&mut self, def: BooksOfDef) -> Result<(), BadReference> {
        let known = |venue: VenueId| venue.index() < self.venues.len();
        let both_known = known(def.venue) && known(def.owner);
        if !both_known || def.venue == def.owner || !self.has_own_books(def.owner) {
            return Err(BadReference);
        }
        if self.book_owner(def.venue) == def.owner {
            return Ok(());
        }
        let is_new = self.has_own_books(def.venue)
            && self.accounts_with_books_of(def.venue).count() == 1
            && !self.listings.iter().any(|listing| listing.venue == def.venue);
        if !is_new {
            return Err(BadReference);
        }
        self.books_of[def.venue.index()] = def.owner;
        self.further.insert(def.venue);
        for terms in &mut self.routing {
            terms.denied.insert(def.venue);
        }
        Ok(())
    }

    /// The venue accounts that use the books of another one, as inputs.
    fn books_of(&self) -> impl Iterator<Item = Input> {
        let further = |def: &&VenueDef| self.further.has(def.id);
        self.venues
            .iter()
            .filter(further)
            .map(|def| Input::BooksOf(BooksOfDef { venue: def.id, owner: self.book_owner(def.id) }))
    }

    fn account(&mut self, def: AccountDef) -> Result<(), BadReference> {
        // A start with an unchanged configuration keeps the limits that operators have set.
        if self.configured.get(def.id.index()) == Some(&def) {
            return Ok(());
        }
        for all in [&mut self.accounts, &mut self.configured] {
            define(all, def.id.index(), ACCOUNTS_MAX, def, |a, b| a.name == b.name)?;
        }
        if self.routing.len() < self.accounts.len() {
            self.routing.push(RoutingDef { denied: self.further, ..RoutingDef::usual(def.id) });
            self.owners.push(OwnerDef::usual(def.id, def.name));
            self.fee_venues.push(VenueSet::EMPTY);
            self.rests.push(RestDef::usual(def.id));
            self.sharing.push(SharingDef { account: def.id, consents: false });
            self.bridged.push(false);
        }
        Ok(())
    }

    fn routing(&mut self, def: RoutingDef) -> Result<(), BadReference> {
        if !def.weights.is_whole() || self.reaches_books_twice(def.denied) {
            return Err(BadReference);
        }
        *self.routing.get_mut(def.account.index()).ok_or(BadReference)? = def;
        Ok(())
    }

    /// Whether two venue accounts with the same books are open to those that these are denied to:
    /// a level of the book could be counted twice.
    fn reaches_books_twice(&self, denied: VenueSet) -> bool {
        if self.further == VenueSet::EMPTY {
            return false;
        }
        let mut reached = VenueSet::EMPTY;
        self.venues.iter().filter(|def| !denied.has(def.id)).any(|def| {
            let owner = self.book_owner(def.id);
            let again = reached.has(owner);
            reached.insert(owner);
            again
        })
    }

    fn owner(&mut self, def: OwnerDef) -> Result<(), BadReference> {
        let known = self.owners.get_mut(def.account.index()).filter(|_| !def.owner.is_empty());
        *known.ok_or(BadReference)? = def;
        Ok(())
    }

    fn rest(&mut self, def: RestDef) -> Result<(), BadReference> {
        let known = self.rests.get_mut(def.account.index()).filter(|_| def.is_sound());
        *known.ok_or(BadReference)? = def;
        Ok(())
    }

    fn set_sharing(&mut self, def: SharingDef) -> Result<(), BadReference> {
        *self.sharing.get_mut(def.account.index()).ok_or(BadReference)? = def;
        Ok(())
    }

    fn bridge(&mut self, def: BridgeDef) -> Result<(), BadReference> {
        let instrument = |id: InstrumentId| self.instruments.get(id.index()).copied();
        let all = instrument(def.instrument).zip(instrument(def.via));
        let ((own, via), conversion) = all.zip(instrument(def.conversion)).ok_or(BadReference)?;
        let decimals = |of: &InstrumentDef| u32::from(of.price_decimals);
        let sound = def.account.index() < self.accounts.len()
            && def.desk.index() < self.accounts.len()
            && def.account != def.desk
            && own.id != via.id
            && own.base == via.base
            && own.qty_decimals == via.qty_decimals
            && via.quote == conversion.base
            && conversion.quote == own.quote
            && decimals(&via) + decimals(&conversion) >= decimals(&own)
            && def.basis_ppm <= BASIS_PPM_MAX
            && def.legging_max.0 >= 0
            // The last number of a session stands for orders that convert.
            && u16::try_from(self.sessions.len()).is_ok();
        if !sound {
            return Err(BadReference);
        }
        let known = self.bridges.iter().position(|known| known.key() == def.key());
        match known {
            Some(at) => self.bridges[at] = def,
            None if self.bridges.len() < BRIDGES_MAX => self.bridges.push(def),
            None => return Err(BadReference),
        }
        let mut of_account = self.bridges.iter().filter(|known| known.account == def.account);
        self.bridged[def.account.index()] = of_account.any(BridgeDef::is_on);
        Ok(())
    }

    fn session(&mut self, def: SessionDef) -> Result<(), BadReference> {
        let is_taken = def.id.0 == u16::MAX && !self.bridges.is_empty();
        if is_taken || def.account.is_some_and(|account| account.index() >= self.accounts.len()) {
            return Err(BadReference);
        }
        define(&mut self.sessions, def.id.index(), SESSIONS_MAX, def, |a, b| a.name == b.name)
    }

    fn budget(&mut self, def: BudgetDef) -> Result<(), BadReference> {
        let known = self.budgets.get_mut(def.venue.index()).filter(|_| def.is_sound());
        *known.ok_or(BadReference)? = def;
        Ok(())
    }

    fn amend(&mut self, def: AmendDef) -> Result<(), BadReference> {
        *self.amends.get_mut(def.venue.index()).ok_or(BadReference)? = def;
        Ok(())
    }

    fn set_listing(&mut self, def: ListingDef) -> Result<(), BadReference> {
        let sound = def.ticks.least().0 > 0
            && def.lot.0 > 0
            && def.qty_min.0 >= 0
            && def.qty_max >= def.qty_min
            && def.notional_min.0 >= 0
            && fees::is_rate(def.maker_fee)
            && fees::is_rate(def.taker_fee)
            && def.venue.index() < self.venues.len()
            && def.instrument.index() < self.instruments.len();
        if !sound {
            return Err(BadReference);
        }
        let number = self.listed.list(place_of(def.instrument, def.venue));
        let fees = ListedFees::of(&def);
        let known = self.listings.get_mut(number).zip(self.listed_fees.get_mut(number));
        if let Some((known_def, known_fees)) = known {
            (*known_def, *known_fees) = (def, fees);
        } else {
            self.listings.push(def);
            self.listed_fees.push(fees);
        }
        let instruments = self.enabled.len().max(def.instrument.index() + 1);
        self.enabled.resize(instruments, VenueSet::EMPTY);
        self.enabled[def.instrument.index()].set(def.venue, def.enabled);
        self.renew(number);
        Ok(())
    }

    /// An instrument's terms at a venue, with the fees that hold now for accounts without fees of
    /// their own; `None` if the venue does not list it.
    #[inline]
    pub fn listing(&self, instrument: InstrumentId, venue: VenueId) -> Option<&ListingDef> {
        self.listings.get(self.listed.number(place_of(instrument, venue))?)
    }

    /// The venues with a listing of the instrument that is enabled.
    #[inline]
    pub fn enabled(&self, instrument: InstrumentId) -> VenueSet {
        self.enabled.get(instrument.index()).copied().unwrap_or_default()
    }

    /// An instrument's terms at all venues that list it.
    pub fn listings(&self, instrument: InstrumentId) -> impl Iterator<Item = &ListingDef> {
        self.listed.of_instrument(instrument).filter_map(|number| self.listings.get(number))
    }

    /// All listings, by instrument and venue.
    pub fn all_listings(&self) -> impl Iterator<Item = &ListingDef> {
        self.listed.iter().filter_map(|number| self.listings.get(number))
    }

    /// Whose books a venue account uses.
    #[inline]
    pub fn book_owner(&self, venue: VenueId) -> VenueId {
        self.books_of.get(venue.index()).copied().unwrap_or(venue)
    }

    /// The venue accounts that own the books which these use.
    #[inline]
    pub fn book_owners(&self, venues: VenueSet) -> VenueSet {
        if self.shares_books() {
            venues.iter().map(|venue| self.book_owner(venue)).collect()
        } else {
            venues
        }
    }

    /// Whether a venue account has books of its own, which its feed keeps.
    #[inline]
    pub const fn has_own_books(&self, venue: VenueId) -> bool {
        !self.further.has(venue)
    }

    /// Whether some venue account uses the books of another one.
    #[inline]
    pub fn shares_books(&self) -> bool {
        self.further != VenueSet::EMPTY
    }

    /// The venue accounts that use the books of this one, itself among them.
    pub fn accounts_with_books_of(&self, owner: VenueId) -> impl Iterator<Item = VenueId> {
        let of_owner = move |def: &&VenueDef| self.book_owner(def.id) == owner;
        self.venues.iter().filter(of_owner).map(|def| def.id)
    }

    /// The venue account by which a client's account goes to a venue that an order names. The
    /// account that owns the books stands for the venue; another one stands for itself.
    pub fn account_at(&self, account: AccountId, named: VenueId) -> VenueId {
        let denied = self.routing_of(account).denied;
        if !self.has_own_books(named) || !denied.has(named) {
            return named;
        }
        let mut all = self.accounts_with_books_of(named);
        all.find(|venue| !denied.has(*venue)).unwrap_or(named)
    }

    /// Place of the book that a venue account uses, in a table by instrument times [`VENUES_MAX`]
    /// plus venue.
    #[inline]
    pub fn book_at(&self, instrument: InstrumentId, venue: VenueId) -> usize {
        instrument.index() * VENUES_MAX + self.book_owner(venue).index()
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

    /// How a venue amends open orders, by an id that was checked when its input came in.
    #[inline]
    pub fn amend_of(&self, venue: VenueId) -> &AmendDef {
        &self.amends[venue.index()]
    }

    /// Where an account's orders rest, by an id that was checked when its input came in.
    #[inline]
    pub fn rest_of(&self, account: AccountId) -> &RestDef {
        &self.rests[account.index()]
    }

    /// Whether the orders of an account may share a child, by an id that was checked when its input
    /// came in.
    #[inline]
    pub fn consents_to_sharing(&self, account: AccountId) -> bool {
        self.sharing[account.index()].consents
    }

    /// Whether an account has a bridge, by an id that was checked when its input came in.
    #[inline]
    pub fn has_bridge(&self, account: AccountId) -> bool {
        self.bridged[account.index()]
    }

    /// All bridges, those that are off among them.
    pub fn bridges(&self) -> &[BridgeDef] {
        &self.bridges
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
