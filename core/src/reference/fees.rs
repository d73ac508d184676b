//! Which fees hold: those of a listing, of a tier of its venue, or of an account, with or without
//! the discount of a token.
//!
//! A line belongs here if it keeps or finds a fee. Which tier holds, and whether the discount does,
//! the engine finds and sets here; the read model sets what it is told.

use super::{BadReference, Reference};
use crate::id::{AccountId, AssetId, InstrumentId, VenueId};
use crate::input::{
    AccountFeeDef, FEE_TIERS_MAX, FeeScheduleDef, FeeTaken, FeeTierDef, FeeTokenDef, Input,
    ListingDef, ListingTerms,
};
use crate::listed::place_of;
use crate::number::{Amount, FeePpm, PPM};
use crate::venue_set::VenueSet;

/// Fees of accounts at most.
pub const ACCOUNT_FEES_MAX: usize = 65_536;

/// The fees of an execution, and from where they are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListingFees {
    /// Fee of an order that rested in the book; negative is a rebate.
    pub maker: FeePpm,
    /// Fee of an order that took from the book; negative is a rebate.
    pub taker: FeePpm,
    /// From where the venue takes its fees.
    pub taken: FeeTaken,
}

impl ListingFees {
    /// The fee that a buy locks on top of its value, in parts per million, at least zero.
    #[inline]
    pub const fn locked_ppm(&self) -> i32 {
        match self.taken {
            FeeTaken::Quote if self.taker.0 > 0 => self.taker.0,
            FeeTaken::Quote | FeeTaken::Received | FeeTaken::Other => 0,
        }
    }

    /// The fees that are taken in a token, at its discount, rounded up to a part per million.
    #[must_use]
    fn in_token(self, token: &FeeTokenDef) -> Self {
        let discounted = |fee: FeePpm| {
            let (fee, kept) = (i128::from(fee.0), PPM - i128::from(token.discount_ppm));
            // A rebate is paid whole. The result is at most the fee.
            let less = if fee > 0 { (fee * kept + PPM - 1) / PPM } else { fee };
            FeePpm(less as i32)
        };
        let (maker, taker) = (discounted(self.maker), discounted(self.taker));
        Self { maker, taker, taken: FeeTaken::Other }
    }
}

/// The fees that hold, before the discount of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldFees {
    /// The fees without a discount.
    pub full: ListingFees,
    /// The token in which they are taken at a discount, while there is enough of it.
    pub token: Option<FeeTokenDef>,
}

/// The fees that a listing came with.
#[derive(Clone, Copy, Debug)]
pub(super) struct ListedFees {
    /// The fees of its own.
    own: ListingFees,
    /// The listing has the fees of its venue's tier.
    tiered: bool,
}

impl ListedFees {
    /// Those of a new definition, which are its own.
    pub const fn of(def: &ListingDef) -> Self {
        Self { own: def.fees(), tiered: false }
    }
}

/// What a venue's fees depend on, and what holds now.
#[derive(Clone, Debug)]
pub struct VenueFees {
    /// The schedule.
    pub schedule: FeeScheduleDef,
    /// The tiers that have come so far, by place.
    pub tiers: Vec<FeeTierDef>,
    /// Place of the tier that holds.
    pub tier: u8,
    /// Whether the fees are taken in the token now.
    pub in_token: bool,
}

impl VenueFees {
    /// A venue whose fees are those of its listings.
    pub(super) fn none(venue: VenueId) -> Self {
        let schedule = FeeScheduleDef::none(venue);
        Self { schedule, tiers: Vec::new(), tier: 0, in_token: false }
    }

    /// Whether all tiers of the schedule have come.
    pub fn is_whole(&self) -> bool {
        self.tiers.len() == usize::from(self.schedule.tiers)
    }

    /// Place of the tier for a volume of 30 days; zero without tiers.
    pub fn tier_for(&self, volume: Amount) -> u8 {
        let reached = self.tiers.iter().take_while(|tier| tier.from <= volume).count();
        reached.saturating_sub(1) as u8
    }

    /// The tier that holds; `None` without tiers.
    pub fn held(&self) -> Option<&FeeTierDef> {
        self.tiers.get(usize::from(self.tier).min(self.tiers.len().saturating_sub(1)))
    }

    /// The next tier; `None` at the last one.
    pub fn next(&self) -> Option<&FeeTierDef> {
        self.tiers.get(usize::from(self.tier) + 1)
    }

    /// The token in which the fees are taken now.
    const fn token(&self) -> Option<&FeeTokenDef> {
        if self.in_token { self.schedule.token.as_ref() } else { None }
    }
}

/// What `definitions` tells of fees.
pub(super) fn definitions(reference: &Reference) -> impl Iterator<Item = Input> {
    let schedules = reference.venue_fees.iter().filter(|fees| !fees.schedule.is_none());
    let schedules = schedules.flat_map(|fees| {
        let tiers = fees.tiers.iter().map(|tier| Input::FeeTier(*tier));
        core::iter::once(Input::FeeSchedule(fees.schedule)).chain(tiers)
    });
    let listings = reference.listings.iter().zip(&reference.listed_fees);
    let tiered = listings
        .filter(|(_, fees)| fees.tiered)
        .map(|(def, _)| Input::FeeByTier { venue: def.venue, instrument: def.instrument });
    let accounts = reference.account_fees.iter().map(|def| Input::AccountFee(*def));
    schedules.chain(tiered).chain(accounts)
}

/// Whether a fee is one that can be.
pub(super) const fn is_rate(fee: FeePpm) -> bool {
    fee.0.unsigned_abs() < 1_000_000
}

impl Reference {
    /// The listings as they were defined, by instrument and venue.
    pub(super) fn listings_as_defined(&self) -> impl Iterator<Item = ListingDef> {
        self.listed.iter().filter_map(|number| {
            let ListingFees { maker, taker, taken } = self.listed_fees.get(number)?.own;
            let (def, terms) = self.listings.get(number).zip(self.listed_terms.get(number))?;
            let ListingTerms { ticks, lot, qty_min, qty_max, notional_min, .. } = terms.own;
            Some(ListingDef {
                enabled: terms.enabled,
                ticks,
                lot,
                qty_min,
                qty_max,
                notional_min,
                maker_fee: maker,
                taker_fee: taker,
                fee_taken: taken,
                ..*def
            })
        })
    }

    /// Gives the listing of a number the fees that hold now.
    pub(super) fn renew(&mut self, number: usize) {
        let (Some(def), Some(listed)) =
            (self.listings.get_mut(number), self.listed_fees.get(number))
        else {
            return;
        };
        let fees = &self.venue_fees[def.venue.index()];
        let full = match fees.held().filter(|_| listed.tiered) {
            Some(tier) => ListingFees { maker: tier.maker, taker: tier.taker, ..listed.own },
            None => listed.own,
        };
        let held = fees.token().map_or(full, |token| full.in_token(token));
        if def.fees() != held {
            self.renewed.insert(def.venue);
        }
        (def.maker_fee, def.taker_fee, def.fee_taken) = (held.maker, held.taker, held.taken);
    }

    /// Takes one of the venues whose listings have had other fees since the last call for them.
    #[inline]
    pub(crate) fn take_renewed(&mut self) -> Option<VenueId> {
        let venue = self.renewed.iter().next()?;
        self.renewed.remove(venue);
        Some(venue)
    }

    /// Whether an account has fees of its own somewhere.
    #[inline]
    pub fn has_own_fees(&self, account: AccountId) -> bool {
        !self.fee_venues[account.index()].is_empty()
    }

    fn renew_all(&mut self, venue: VenueId) {
        for number in 0..self.listings.len() {
            if self.listings[number].venue == venue {
                self.renew(number);
            }
        }
    }

    /// The number of a listing, and the fees that it came with.
    fn listed_fees(&self, instrument: InstrumentId, venue: VenueId) -> Option<(usize, ListedFees)> {
        let number = self.listed.number(place_of(instrument, venue))?;
        Some((number, *self.listed_fees.get(number)?))
    }

    pub(super) fn fee_schedule(&mut self, def: FeeScheduleDef) -> Result<(), BadReference> {
        let is_asset = |asset: AssetId| asset.index() < self.assets.len();
        let token_is_sound = def.token.is_none_or(|token| {
            is_asset(token.asset) && i128::from(token.discount_ppm) <= PPM && token.least.0 > 0
        });
        let sound = token_is_sound
            && (def.tiers == 0 || is_asset(def.asset))
            && usize::from(def.tiers) <= FEE_TIERS_MAX
            && def.volume.0 >= 0;
        let fees = self.venue_fees.get_mut(def.venue.index()).filter(|_| sound);
        let fees = fees.ok_or(BadReference)?;
        fees.schedule = def;
        fees.tiers.clear();
        if def.is_none() {
            *fees = VenueFees::none(def.venue);
        }
        self.account_fees.retain(|fee| fee.venue != def.venue);
        for venues in &mut self.fee_venues {
            venues.remove(def.venue);
        }
        self.renew_all(def.venue);
        Ok(())
    }

    pub(super) fn fee_tier(&mut self, def: FeeTierDef) -> Result<(), BadReference> {
        let fees = self.venue_fees.get_mut(def.venue.index()).ok_or(BadReference)?;
        let follows = match fees.tiers.last() {
            None => def.from == Amount::ZERO,
            Some(before) => def.from > before.from,
        };
        let sound = follows
            && usize::from(def.place) == fees.tiers.len()
            && def.place < fees.schedule.tiers
            && is_rate(def.maker)
            && is_rate(def.taker);
        if !sound {
            return Err(BadReference);
        }
        fees.tiers.push(def);
        self.renew_all(def.venue);
        Ok(())
    }

    pub(super) fn fee_by_tier(
        &mut self,
        venue: VenueId,
        instrument: InstrumentId,
    ) -> Result<(), BadReference> {
        let is_venue = venue.index() < self.venues.len();
        let known = is_venue.then(|| self.listed_fees(instrument, venue)).flatten();
        let (number, listed) = known.ok_or(BadReference)?;
        self.listed_fees[number] = ListedFees { tiered: true, ..listed };
        self.renew(number);
        Ok(())
    }

    pub(super) fn account_fee(&mut self, def: AccountFeeDef) -> Result<(), BadReference> {
        let is_instrument = |id: InstrumentId| id.index() < self.instruments.len();
        let sound = def.venue.index() < self.venues.len()
            && def.instrument.is_none_or(is_instrument)
            && is_rate(def.maker)
            && is_rate(def.taker);
        let venues = self.fee_venues.get_mut(def.account.index()).filter(|_| sound);
        let venues = venues.ok_or(BadReference)?;
        match self.account_fees.binary_search_by_key(&key_of(&def), key_of) {
            Ok(at) => self.account_fees[at] = def,
            Err(_) if self.account_fees.len() == ACCOUNT_FEES_MAX => return Err(BadReference),
            Err(at) => self.account_fees.insert(at, def),
        }
        venues.insert(def.venue);
        Ok(())
    }

    /// Sets the tier of a venue that holds, and whether its fees are taken in the token.
    pub fn hold_fees(&mut self, venue: VenueId, tier: u8, in_token: bool) {
        let Some(fees) = self.venue_fees.get_mut(venue.index()) else { return };
        if (fees.tier, fees.in_token) != (tier, in_token) {
            (fees.tier, fees.in_token) = (tier, in_token);
            self.renew_all(venue);
        }
    }

    /// What a venue's fees depend on; `None` for an unknown venue.
    pub fn fees_at(&self, venue: VenueId) -> Option<&VenueFees> {
        self.venue_fees.get(venue.index())
    }

    /// The fees of an account's orders in a listing, as they hold now.
    #[inline]
    pub fn fees(&self, account: AccountId, listing: &ListingDef) -> ListingFees {
        let own = self.fee_venues.get(account.index()).copied().unwrap_or(VenueSet::EMPTY);
        if own.has(listing.venue) {
            return self.fees_of_account(account, listing);
        }
        listing.fees()
    }

    /// An instrument's terms at a venue, with the fees of an account's orders.
    pub fn terms(
        &self,
        account: AccountId,
        instrument: InstrumentId,
        venue: VenueId,
    ) -> Option<ListingDef> {
        let listing = self.listing(instrument, venue)?;
        let ListingFees { maker, taker, taken } = self.fees(account, listing);
        Some(ListingDef { maker_fee: maker, taker_fee: taker, fee_taken: taken, ..*listing })
    }

    fn fees_of_account(&self, account: AccountId, listing: &ListingDef) -> ListingFees {
        match self.held_fees(Some(account), listing.instrument, listing.venue) {
            Some(HeldFees { full, token: Some(token) }) => full.in_token(&token),
            Some(HeldFees { full, token: None }) => full,
            None => listing.fees(),
        }
    }

    /// The fees that hold for an account's orders, or for those of an account without fees of its
    /// own; `None` if the venue does not list the instrument.
    pub fn held_fees(
        &self,
        account: Option<AccountId>,
        instrument: InstrumentId,
        venue: VenueId,
    ) -> Option<HeldFees> {
        let (_, listed) = self.listed_fees(instrument, venue)?;
        let fees = self.venue_fees.get(venue.index())?;
        let own = account.and_then(|account| self.account_fee_of(account, instrument, venue));
        let (maker, taker) = match (own, fees.held().filter(|_| listed.tiered)) {
            (Some(own), _) => (own.maker, own.taker),
            (None, Some(tier)) => (tier.maker, tier.taker),
            (None, None) => (listed.own.maker, listed.own.taker),
        };
        let full = ListingFees { maker, taker, taken: listed.own.taken };
        Some(HeldFees { full, token: fees.token().copied() })
    }

    fn account_fee_of(
        &self,
        account: AccountId,
        instrument: InstrumentId,
        venue: VenueId,
    ) -> Option<&AccountFeeDef> {
        [Some(instrument), None].into_iter().find_map(|instrument| {
            let key = (account, venue, instrument);
            let at = self.account_fees.binary_search_by_key(&key, key_of).ok()?;
            self.account_fees.get(at)
        })
    }

    /// The instrument whose price turns one asset into another, and whether the price is of the
    /// other one.
    pub(crate) fn pair(&self, from: AssetId, to: AssetId) -> Option<(InstrumentId, bool)> {
        let find = |base, quote| {
            let key = |pair: &(AssetId, AssetId, InstrumentId)| (pair.0, pair.1);
            let at = self.pairs.binary_search_by_key(&(base, quote), key).ok()?;
            self.pairs.get(at).map(|(_, _, id)| *id)
        };
        find(from, to).map(|id| (id, false)).or_else(|| find(to, from).map(|id| (id, true)))
    }

    /// Remembers which assets an instrument's price is between; the first instrument of a pair
    /// stays.
    pub(super) fn note_pair(&mut self, base: AssetId, quote: AssetId, id: InstrumentId) {
        let key = |pair: &(AssetId, AssetId, InstrumentId)| (pair.0, pair.1);
        if let Err(at) = self.pairs.binary_search_by_key(&(base, quote), key) {
            self.pairs.insert(at, (base, quote, id));
        }
    }
}

const fn key_of(def: &AccountFeeDef) -> (AccountId, VenueId, Option<InstrumentId>) {
    (def.account, def.venue, def.instrument)
}
