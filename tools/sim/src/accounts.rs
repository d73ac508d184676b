//! Accounts and their balances.
//!
//! A line belongs here if it needs one account only.
//!
//! Invariants: free and locked balances are never negative. Per asset, the sum over accounts and
//! collected fees changes by deposits alone.

use std::collections::{BTreeSet, VecDeque};

use super::order::{Amount, AssetId, Balance, Fill, InstrumentId};

/// Most closed orders kept per account; the oldest are forgotten.
pub const CLOSED_ORDERS_MAX: usize = 20_000;
/// Most fills kept per account; the oldest are forgotten.
pub const FILLS_MAX: usize = 50_000;

/// An account to open.
#[derive(Clone, Debug)]
pub struct AccountConfig {
    /// Name, for reports and logs.
    pub name: String,
    /// Opening balances: asset name and amount in units of 10^-16.
    pub balances: Vec<(String, Amount)>,
    /// Whether the account is a background participant: no events, no history, no limit on open
    /// orders, no fees.
    pub background: bool,
}

/// One account.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub config: AccountConfig,
    pub balances: Vec<Balance>,
    pub open: BTreeSet<u64>,
    /// Number of open orders per instrument.
    pub open_count: Vec<u32>,
    pub closed: VecDeque<u64>,
    pub fills: VecDeque<Fill>,
}

impl Account {
    pub fn new(config: AccountConfig, assets: usize, instruments: usize) -> Self {
        Self {
            config,
            balances: vec![Balance::default(); assets],
            open: BTreeSet::new(),
            open_count: vec![0; instruments],
            closed: VecDeque::new(),
            fills: VecDeque::new(),
        }
    }

    pub fn free(&self, asset: AssetId) -> Amount {
        self.balances[asset.0 as usize].free
    }

    pub fn balance(&self, asset: AssetId) -> Balance {
        self.balances[asset.0 as usize]
    }

    pub fn add(&mut self, asset: AssetId, amount: Amount) {
        self.balances[asset.0 as usize].free += amount;
        debug_assert!(self.balances[asset.0 as usize].free >= 0, "overdrawn");
    }

    /// Moves an amount from free to locked; a negative amount moves it back.
    pub fn lock(&mut self, asset: AssetId, amount: Amount) {
        let balance = &mut self.balances[asset.0 as usize];
        balance.free -= amount;
        balance.locked += amount;
        debug_assert!(balance.free >= 0 && balance.locked >= 0, "lock beyond balance");
    }

    pub fn open_on(&self, instrument: InstrumentId) -> u32 {
        self.open_count[instrument.0 as usize]
    }

    pub fn keep_fill(&mut self, fill: Fill) {
        if self.config.background {
            return;
        }
        if self.fills.len() == FILLS_MAX {
            self.fills.pop_front();
        }
        self.fills.push_back(fill);
    }
}
