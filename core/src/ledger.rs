//! Positions, cash and fees by account, and funds by venue.
//!
//! A line belongs here if it adds up money. What an order may spend is `routing`.
//!
//! Positions and cash are sums over fills and fees and nothing else. Funds at a venue are what the
//! venue tells, moved by our own fills in between; they only limit what is sent there. A fill may
//! move the funds twice for a moment, once by itself and once within the venue's balance. The
//! venue's next balance corrects that, and a venue refuses what it cannot cover.

use crate::breaker::FUNDS_WAITS;
use crate::hash::Rolling;
use crate::id::{AccountId, AssetId, InstrumentId, VenueId};
use crate::input::{ChildFill, InstrumentDef, Side};
use crate::number::{Amount, Notional, Price, Qty, UnixNanos};
use crate::reference::{amount_of, base_amount};
use crate::sparse::Sparse;

/// The position of one account in one instrument.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Bought minus sold, in 10^-`qty_decimals` of the base asset.
    pub base: i128,
    /// Received minus paid in the quote asset, without fees.
    pub cash: Amount,
}

/// What we hold of one asset at one venue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Funds {
    /// The total.
    pub total: Amount,
    /// The part that children which are not over bind.
    pub reserved: Amount,
    /// The venue has refused an order for want of these funds, and has not told its balance since.
    pub in_doubt: bool,
    /// Such refusals after a balance, with no order taken in between.
    refusals: u8,
    /// Until then nothing is spent, whatever balance is told.
    pub spent_from: UnixNanos,
}

impl Funds {
    /// The part that may still be bound; nothing after a refusal for want of funds.
    pub fn available(&self, now: UnixNanos) -> Amount {
        if self.in_doubt || now < self.spent_from {
            return Amount::ZERO;
        }
        self.total.minus(self.reserved)
    }
}

/// Positions, and assets of fees, of an account for which there is room from the start. Accounts
/// that trade more take room that others leave, and the room doubles when half of it is used.
pub const ROWS_PER_ACCOUNT: usize = 2;

/// All positions, fees and funds.
#[derive(Debug)]
pub struct Ledger {
    assets: usize,
    venues: usize,
    /// By account and instrument.
    positions: Sparse<Position>,
    /// By account and asset.
    fees: Sparse<Amount>,
    /// By venue times `assets` plus asset.
    funds: Vec<Funds>,
}

impl Default for Ledger {
    fn default() -> Self {
        let (positions, fees) = (Sparse::new(), Sparse::new());
        Self { assets: 0, venues: 0, positions, fees, funds: Vec::new() }
    }
}

impl Ledger {
    /// Makes room for so many of each. Existing entries keep their values.
    pub fn grow(&mut self, venues: usize, accounts: usize, assets: usize) {
        self.positions.make_room(ROWS_PER_ACCOUNT * accounts);
        self.fees.make_room(ROWS_PER_ACCOUNT * accounts);
        if (self.venues, self.assets) == (venues, assets) {
            return;
        }
        let mut funds = vec![Funds::default(); venues * assets];
        copy_rows(&self.funds, self.assets, &mut funds, assets);
        (self.venues, self.assets, self.funds) = (venues, assets, funds);
    }

    /// Makes room ahead of need, away from the path of an order.
    pub fn make_room(&mut self) {
        self.positions.make_room(0);
        self.fees.make_room(0);
    }

    /// The position of one account in one instrument.
    #[inline]
    pub fn position(&self, account: AccountId, instrument: InstrumentId) -> Position {
        self.positions.get(account.0, instrument.0)
    }

    /// The positions that are not zero, by account and instrument. Allocates; for people.
    pub fn positions(&self) -> Vec<(AccountId, InstrumentId, Position)> {
        let rows = self.positions.sorted().into_iter();
        let rows = rows.filter(|(_, position)| *position != Position::default());
        rows.map(|((account, instrument), position)| {
            (AccountId(account), InstrumentId(instrument), position)
        })
        .collect()
    }

    /// The fees that are not zero, by account and asset. Allocates; for people.
    pub fn all_fees(&self) -> Vec<(AccountId, AssetId, Amount)> {
        let rows = self.fees.sorted().into_iter().filter(|(_, fee)| *fee != Amount::ZERO);
        rows.map(|((account, asset), fee)| (AccountId(account), AssetId(asset), fee)).collect()
    }

    /// Quantity of the base asset that an order of `side` may trade until the position is flat.
    pub fn reducible(&self, account: AccountId, instrument: InstrumentId, side: Side) -> i128 {
        let base = self.position(account, instrument).base;
        match side {
            Side::Buy => (-base).max(0),
            Side::Sell => base.max(0),
        }
    }

    /// Fees that one account has paid in one asset.
    pub fn fees(&self, account: AccountId, asset: AssetId) -> Amount {
        self.fees.get(account.0, asset.0)
    }

    /// What we hold of one asset at one venue.
    #[inline]
    pub fn funds(&self, venue: VenueId, asset: AssetId) -> Funds {
        self.funds.get(venue.index() * self.assets + asset.index()).copied().unwrap_or_default()
    }

    fn funds_mut(&mut self, venue: VenueId, asset: AssetId) -> &mut Funds {
        &mut self.funds[venue.index() * self.assets + asset.index()]
    }

    /// Sets the total that the venue tells. True if that ends a doubt.
    pub fn set_total(&mut self, venue: VenueId, asset: AssetId, total: Amount) -> bool {
        let funds = self.funds_mut(venue, asset);
        funds.total = total;
        core::mem::take(&mut funds.in_doubt)
    }

    /// The venue has refused an order for want of funds, which count as nothing until the venue
    /// tells its balance. If the venue goes on refusing after that, they wait longer. Returns until
    /// when at least, for the first refusal since the last balance.
    pub fn refuse(&mut self, venue: VenueId, asset: AssetId, now: UnixNanos) -> Option<UnixNanos> {
        let funds = self.funds_mut(venue, asset);
        if core::mem::replace(&mut funds.in_doubt, true) {
            return None;
        }
        let wait_ns = match funds.refusals {
            0 => 0,
            refusals => FUNDS_WAITS.after(refusals - 1),
        };
        funds.refusals = funds.refusals.saturating_add(1);
        funds.spent_from = UnixNanos(now.0.saturating_add(wait_ns));
        Some(funds.spent_from)
    }

    /// The venue has taken an order that these funds pay for.
    #[inline]
    pub fn note_taken(&mut self, venue: VenueId, asset: AssetId) {
        self.funds_mut(venue, asset).refusals = 0;
    }

    /// Binds a further amount; a negative one is released.
    pub fn reserve(&mut self, venue: VenueId, asset: AssetId, amount: Amount) {
        let funds = self.funds_mut(venue, asset);
        funds.reserved = funds.reserved.plus(amount);
        assert!(funds.reserved.0 >= 0, "more released than was bound: {funds:?}");
    }

    fn book_position(
        &mut self,
        account: AccountId,
        instrument: InstrumentId,
        side: Side,
        qty: Qty,
        value: Amount,
    ) {
        let position = self.positions.entry(account.0, instrument.0);
        match side {
            Side::Buy => {
                position.base += i128::from(qty.0);
                position.cash = position.cash.minus(value);
            }
            Side::Sell => {
                position.base -= i128::from(qty.0);
                position.cash = position.cash.plus(value);
            }
        }
    }

    fn book_fee(&mut self, account: AccountId, asset: AssetId, fee: Amount) {
        let fees = self.fees.entry(account.0, asset.0);
        *fees = fees.plus(fee);
    }

    /// Books an execution and its fee to the venue's funds, and to the account if the order is
    /// known.
    pub fn book(&mut self, def: &InstrumentDef, account: Option<AccountId>, fill: &ChildFill) {
        let value = amount_of(def, Notional::of(fill.price, fill.qty));
        let base = base_amount(def, fill.qty);
        let (base, quote) = match fill.side {
            Side::Buy => (base, Amount(-value.0)),
            Side::Sell => (Amount(-base.0), value),
        };
        self.move_funds(fill.venue, def.base, base);
        self.move_funds(fill.venue, def.quote, quote);
        self.move_funds(fill.venue, fill.fee_asset, Amount(-fill.fee.0));
        if let Some(account) = account {
            self.book_position(account, fill.instrument, fill.side, fill.qty, value);
            self.book_fee(account, fill.fee_asset, fill.fee);
        }
    }

    /// Books a trade between two accounts of ours, and the part of a fee that goes over with it:
    /// the second account buys or sells.
    pub fn hand_over(
        &mut self,
        def: &InstrumentDef,
        (from, to): (AccountId, AccountId),
        side: Side,
        (qty, price): (Qty, Price),
        fee: (AssetId, Amount),
    ) {
        let value = amount_of(def, Notional::of(price, qty));
        self.book_position(from, def.id, side.opposite(), qty, value);
        self.book_position(to, def.id, side, qty, value);
        let (asset, fee) = fee;
        if fee != Amount::ZERO {
            self.book_fee(from, asset, Amount(-fee.0));
            self.book_fee(to, asset, fee);
        }
    }

    /// Moves the venue's funds by an execution or a fee.
    fn move_funds(&mut self, venue: VenueId, asset: AssetId, change: Amount) {
        let funds = self.funds_mut(venue, asset);
        funds.total = funds.total.plus(change);
    }

    /// Mixes everything in that is not zero, for the digest of the state. Allocates.
    pub fn mix(&self, hash: &mut Rolling) {
        for (account, instrument, position) in self.positions() {
            hash.pair(u64::from(account.0), u64::from(instrument.0));
            hash.wide(position.base);
            hash.amount(position.cash);
        }
        for (account, asset, fee) in self.all_fees() {
            hash.pair(u64::from(account.0), u64::from(asset.0));
            hash.amount(fee);
        }
        for funds in &self.funds {
            hash.amount(funds.total);
            hash.amount(funds.reserved);
            if funds.in_doubt {
                hash.word(1);
            }
        }
    }
}

/// The amount that an order binds: a buy its value with the fee on top, a sell its quantity.
pub fn reserve(
    def: &InstrumentDef,
    side: Side,
    price: Price,
    qty: Qty,
    taker_fee_ppm: i32,
) -> Amount {
    match side {
        Side::Buy => amount_of(def, Notional::of(price, qty))
            .with_ppm_on_top(taker_fee_ppm.max(0).unsigned_abs()),
        Side::Sell => base_amount(def, qty),
    }
}

fn copy_rows<T: Copy>(from: &[T], from_width: usize, to: &mut [T], to_width: usize) {
    if from_width == 0 {
        return;
    }
    for (old, new) in from.chunks(from_width).zip(to.chunks_mut(to_width)) {
        new[..from_width].copy_from_slice(old);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growing_keeps_what_is_booked() {
        let mut ledger = Ledger::default();
        ledger.grow(1, 1, 2);
        let (account, instrument) = (AccountId(0), InstrumentId(0));
        ledger.book_position(account, instrument, Side::Buy, Qty(5), Amount(50));
        ledger.book_fee(account, AssetId(1), Amount(3));
        ledger.set_total(VenueId(0), AssetId(1), Amount(9));
        ledger.grow(3, 4, 6);
        assert_eq!(ledger.position(account, instrument), Position { base: 5, cash: Amount(-50) });
        assert_eq!(ledger.fees(account, AssetId(1)), Amount(3));
        assert_eq!(ledger.funds(VenueId(0), AssetId(1)).total, Amount(9));
        assert_eq!(ledger.funds(VenueId(2), AssetId(5)), Funds::default());
    }
}
