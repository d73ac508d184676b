//! The matching engine that every simulated venue shares.
//!
//! A line belongs here if it decides what happens to an order. Words and number formats of a
//! dialect are the fronts'. The engine is deterministic: the same calls give the same events.
//! Nothing here reads a clock.
//!
//! Invariants, checked by the seeded tests: per asset, balances plus collected fees equal deposits;
//! the book is never crossed after a call; orders at one price trade by priority.

mod matching;
mod query;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

pub use super::accounts::AccountConfig;
use super::accounts::{Account, CLOSED_ORDERS_MAX};
use super::book::{Book, Plan, Resting, Step, Taker};
pub use super::instrument::{InstrumentConfig, PriceBand, Trading};
pub use super::order::*;

/// Most open orders of the whole exchange.
pub const OPEN_ORDERS_MAX: usize = 200_000;
/// Most public trades kept per instrument.
pub const PUBLIC_TRADES_MAX: usize = 5_000;
/// Most undelivered events. Beyond this the oldest are dropped, and [`Exchange::events_lost`]
/// counts them.
pub const EVENTS_MAX: usize = 1_000_000;
/// Largest notional and largest balance, so that sums of many stay far from overflow.
pub const AMOUNT_MAX: Amount = 1_000_000_000_000_000_000_000_000_000_000_000;
/// Longest client id, in bytes.
pub const CLIENT_ID_BYTES_MAX: usize = 64;

/// The asset in which a venue takes its fee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeeAsset {
    /// The asset that the side receives; the fee is deducted.
    Received,
    /// Always the quote asset; a buyer pays the fee on top.
    Quote,
}

/// What a venue does with a post-only order that would take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PostOnlyCross {
    /// Refuses the order.
    Refuse,
    /// Accepts the order, then cancels it.
    Cancel,
}

/// What a venue's amend may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmendRule {
    /// Only the quantity, to less than before and more than filled.
    DownOnly,
    /// Price and quantity. A quantity at or below the filled one cancels the rest.
    Any,
}

/// A venue's rules.
#[derive(Clone, Debug)]
pub struct ExchangeConfig {
    /// Instruments; [`InstrumentId`] is the index.
    pub instruments: Vec<InstrumentConfig>,
    /// Accounts; [`AccountId`] is the index.
    pub accounts: Vec<AccountConfig>,
    /// Maker fee in parts per million.
    pub maker_fee_ppm: u32,
    /// Taker fee in parts per million.
    pub taker_fee_ppm: u32,
    /// Fee asset.
    pub fee_asset: FeeAsset,
    /// Decimals to which a fee is rounded down.
    pub fee_decimals: u32,
    /// Post-only rule.
    pub post_only_cross: PostOnlyCross,
    /// Amend rule.
    pub amend_rule: AmendRule,
    /// First order id.
    pub first_order_id: u64,
    /// First trade id.
    pub first_trade_id: u64,
    /// First execution id.
    pub first_exec_id: u64,
}

/// A configuration that cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// An instrument's numbers contradict each other or could overflow.
    #[error("instrument {0}: {1}")]
    Instrument(String, &'static str),
    /// An account names an asset that no instrument has, or too large a balance.
    #[error("account {0}: {1}")]
    Account(String, String),
    /// Fees at or above 100 %, or more decimals than an amount has.
    #[error("fees out of range")]
    Fees,
}

#[derive(Clone, Debug)]
struct Market {
    config: InstrumentConfig,
    base: AssetId,
    quote: AssetId,
    trading: Trading,
    book: Book,
    update_id: u64,
    trades: VecDeque<PublicTrade>,
    /// Number of the next trade within the instrument.
    next_number: u64,
}

/// One simulated exchange.
#[derive(Clone, Debug)]
pub struct Exchange {
    config: ExchangeConfig,
    assets: Vec<String>,
    markets: Vec<Market>,
    accounts: Vec<Account>,
    /// Open orders and remembered closed ones. The map is never iterated.
    orders: HashMap<u64, Order>,
    /// Newest order of each client id. The map is never iterated.
    by_client: HashMap<(AccountId, Arc<str>), u64>,
    open_orders: usize,
    next_order: u64,
    next_trade: u64,
    next_exec: u64,
    next_priority: u64,
    fees: Vec<Amount>,
    events: VecDeque<Event>,
    events_lost: u64,
    /// Counts the changes of what instruments are and whether they trade.
    revision: u64,
}

impl Exchange {
    /// Opens an exchange.
    ///
    /// # Errors
    /// [`ConfigError`] when the configuration could not be traded without overflow.
    pub fn new(mut config: ExchangeConfig) -> Result<Self, ConfigError> {
        if config.maker_fee_ppm >= 1_000_000
            || config.taker_fee_ppm >= 1_000_000
            || config.fee_decimals > AMOUNT_DECIMALS
        {
            return Err(ConfigError::Fees);
        }
        let mut assets: Vec<String> = Vec::new();
        let mut markets = Vec::new();
        for instrument in std::mem::take(&mut config.instruments) {
            check_instrument(&instrument)?;
            let base = asset_index(&mut assets, &instrument.base);
            let quote = asset_index(&mut assets, &instrument.quote);
            markets.push(Market {
                config: instrument,
                base,
                quote,
                trading: Trading::Online,
                book: Book::default(),
                update_id: 0,
                trades: VecDeque::new(),
                next_number: config.first_trade_id.max(1),
            });
        }
        let accounts = std::mem::take(&mut config.accounts);
        let mut exchange = Self {
            next_order: config.first_order_id.max(1),
            next_trade: config.first_trade_id.max(1),
            next_exec: config.first_exec_id.max(1),
            config,
            fees: vec![0; assets.len()],
            assets,
            markets,
            accounts: Vec::new(),
            orders: HashMap::new(),
            by_client: HashMap::new(),
            open_orders: 0,
            next_priority: 1,
            events: VecDeque::new(),
            events_lost: 0,
            revision: 0,
        };
        for account in accounts {
            exchange.open_account(account)?;
        }
        Ok(exchange)
    }

    /// Adds an account after start.
    ///
    /// # Errors
    /// [`ConfigError::Account`] for an unknown asset or a balance beyond [`AMOUNT_MAX`].
    pub fn open_account(&mut self, config: AccountConfig) -> Result<AccountId, ConfigError> {
        let mut account = Account::new(config, self.assets.len(), self.markets.len());
        for (name, amount) in account.config.balances.clone() {
            let Some(asset) = self.asset(&name) else {
                return Err(ConfigError::Account(account.config.name, name));
            };
            if !(0..=AMOUNT_MAX).contains(&amount) {
                return Err(ConfigError::Account(account.config.name, name));
            }
            account.add(asset, amount);
        }
        self.accounts.push(account);
        Ok(AccountId(self.accounts.len() as u32 - 1))
    }

    // ----- requests -------------------------------------------------------------------------

    /// Places an order and matches it; events tell the result.
    ///
    /// # Errors
    /// [`Refusal`]; then nothing has changed.
    pub fn place(&mut self, now_ns: u64, new: &NewOrder) -> Result<u64, Refusal> {
        self.check_new(new)?;
        let market = &self.markets[new.instrument.0 as usize];
        let plan = market.book.plan(&taker_of(new), &market.config);
        let crosses = new.kind == OrderKind::Limit && market.book.crosses(new.side, new.price);
        let cancel_post_only = new.post_only && crosses;
        if cancel_post_only && self.config.post_only_cross == PostOnlyCross::Refuse {
            return Err(Refusal::WouldMatch);
        }
        if matches!(new.size, OrderSize::Quote(_)) && plan.exhausted && plan.quantity == 0 {
            return Err(Refusal::LotSize);
        }
        let lock = self.funds_needed(new, &plan)?;
        let id = self.create(now_ns, new, &plan, lock);
        self.report(now_ns, id, ReportKind::Accepted, None, None);
        if cancel_post_only {
            self.finish(now_ns, id, OrderStatus::Canceled, EndReason::PostOnly, None);
        } else if new.tif == Tif::Fok
            && new.kind == OrderKind::Limit
            && new.size != OrderSize::Base(plan.quantity)
        {
            self.finish(now_ns, id, OrderStatus::Expired, EndReason::Fok, None);
        } else {
            self.execute(now_ns, id, &plan);
        }
        Ok(id)
    }

    /// Cancels an open order; returns the ended order.
    ///
    /// # Errors
    /// [`Refusal::UnknownOrder`], [`Refusal::CancelRestricted`].
    pub fn cancel(
        &mut self,
        now_ns: u64,
        account: AccountId,
        order: OrderRef<'_>,
        only: CancelOnly,
        request_id: Option<Arc<str>>,
    ) -> Result<Order, Refusal> {
        let found = self.order(account, order).filter(|o| o.status.is_open());
        let found = found.ok_or(Refusal::UnknownOrder)?;
        let allowed = match only {
            CancelOnly::Any => true,
            CancelOnly::New => found.status == OrderStatus::New,
            CancelOnly::PartiallyFilled => found.status == OrderStatus::PartiallyFilled,
        };
        if !allowed {
            return Err(Refusal::CancelRestricted);
        }
        let id = found.id;
        self.finish(now_ns, id, OrderStatus::Canceled, EndReason::User, request_id)
            .ok_or(Refusal::UnknownOrder)
    }

    /// Cancels every open order of an account, on one instrument or on all, oldest first.
    pub fn cancel_all(
        &mut self,
        now_ns: u64,
        account: AccountId,
        instrument: Option<InstrumentId>,
        request_id: Option<&Arc<str>>,
    ) -> Vec<Order> {
        let ids: Vec<u64> = self.open_orders(account, instrument).map(|o| o.id).collect();
        let end = |id| {
            let request_id = request_id.cloned();
            self.finish(now_ns, id, OrderStatus::Canceled, EndReason::User, request_id)
        };
        ids.into_iter().filter_map(end).collect()
    }

    /// Ends an open order for a reason of the venue: expiry time, disconnect, or the venue's will.
    ///
    /// # Errors
    /// [`Refusal::UnknownOrder`] if the order is not open.
    pub fn end(&mut self, now_ns: u64, id: u64, why: EndReason) -> Result<Order, Refusal> {
        let status = match why {
            EndReason::Time => OrderStatus::Expired,
            _ => OrderStatus::Canceled,
        };
        self.finish(now_ns, id, status, why, None).ok_or(Refusal::UnknownOrder)
    }

    /// Changes an open order under the venue's [`AmendRule`]; returns the changed order.
    ///
    /// # Errors
    /// [`Refusal`]; then nothing has changed.
    pub fn amend(
        &mut self,
        now_ns: u64,
        account: AccountId,
        order: OrderRef<'_>,
        amend: &Amend,
    ) -> Result<Order, Refusal> {
        let old = self.order(account, order).filter(|o| o.status.is_open());
        let old = old.ok_or(Refusal::UnknownOrder)?.clone();
        let market = &self.markets[old.instrument.0 as usize];
        match market.trading {
            Trading::Online | Trading::PostOnly => {}
            Trading::CancelOnly => return Err(Refusal::CancelOnly),
            Trading::Halted => return Err(Refusal::MarketClosed),
        }
        let quantity = amend.quantity.unwrap_or(old.quantity);
        let price = amend.price.unwrap_or(old.price);
        if let Some(id) = &amend.client_id {
            let taken = self.order(account, OrderRef::Client(id));
            if taken.is_some_and(|o| o.id != old.id && o.status.is_open()) {
                return Err(Refusal::DuplicateClientId);
            }
        }
        let same = quantity == old.quantity && price == old.price;
        match self.config.amend_rule {
            _ if same => return Err(Refusal::AmendNoChange),
            AmendRule::DownOnly if quantity > old.quantity || price != old.price => {
                return Err(Refusal::AmendIncrease);
            }
            AmendRule::DownOnly if quantity <= old.filled => {
                return Err(Refusal::AmendBelowFilled);
            }
            AmendRule::DownOnly | AmendRule::Any => {}
        }
        if quantity <= old.filled {
            return self
                .finish(now_ns, old.id, OrderStatus::Canceled, EndReason::Amend, None)
                .ok_or(Refusal::UnknownOrder);
        }
        market.config.check_price(price)?;
        market.config.check_quantity(quantity)?;
        if market.config.notional(price, quantity) < market.config.min_notional {
            return Err(Refusal::MinNotional);
        }
        let crosses = price != old.price && market.book.crosses(old.side, price);
        if crosses && old.post_only {
            return Err(Refusal::WouldMatch);
        }
        self.apply_amend(now_ns, &old, price, quantity, amend)?;
        self.order(account, OrderRef::Id(old.id)).cloned().ok_or(Refusal::UnknownOrder)
    }

    /// Adds an amount to a free balance; a negative amount is a withdrawal.
    ///
    /// # Errors
    /// [`Refusal::InsufficientBalance`] if the balance would be negative or beyond [`AMOUNT_MAX`].
    pub fn deposit(
        &mut self,
        now_ns: u64,
        account: AccountId,
        asset: AssetId,
        amount: Amount,
    ) -> Result<(), Refusal> {
        let holder = self.accounts.get_mut(account.0 as usize);
        let holder = holder.ok_or(Refusal::InsufficientBalance)?;
        let free = holder.free(asset).checked_add(amount).unwrap_or(-1);
        if !(0..=AMOUNT_MAX).contains(&free) {
            return Err(Refusal::InsufficientBalance);
        }
        holder.add(asset, amount);
        self.emit(Event::Deposit { account, asset, amount, time_ns: now_ns });
        Ok(())
    }

    /// Changes whether an instrument trades.
    pub fn set_trading(&mut self, instrument: InstrumentId, trading: Trading) {
        if let Some(market) = self.markets.get_mut(instrument.0 as usize) {
            self.revision += u64::from(market.trading != trading);
            market.trading = trading;
        }
    }

    /// Changes the rules of an instrument while it trades: steps and bounds. Open orders stay as
    /// they are.
    ///
    /// # Errors
    /// [`ConfigError`]: the instrument could not be traded; nothing was changed.
    pub fn change_rules(
        &mut self,
        instrument: InstrumentId,
        change: impl FnOnce(&mut InstrumentConfig),
    ) -> Result<(), ConfigError> {
        let Some(market) = self.markets.get_mut(instrument.0 as usize) else { return Ok(()) };
        let mut config = market.config.clone();
        change(&mut config);
        check_instrument(&config)?;
        market.config = config;
        self.revision += 1;
        Ok(())
    }

    /// How often instruments have changed, or have begun or ceased to trade.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    // ----- checks ---------------------------------------------------------------------------

    /// Checks a new order against all rules but funds and post-only.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn check_new(&self, new: &NewOrder) -> Result<(), Refusal> {
        let market = self.markets.get(new.instrument.0 as usize).ok_or(Refusal::MarketClosed)?;
        let account = self.accounts.get(new.account.0 as usize);
        let account = account.ok_or(Refusal::InsufficientBalance)?;
        match market.trading {
            Trading::Online => {}
            Trading::PostOnly if new.post_only => {}
            Trading::PostOnly => return Err(Refusal::PostOnlyMode),
            Trading::CancelOnly => return Err(Refusal::CancelOnly),
            Trading::Halted => return Err(Refusal::MarketClosed),
        }
        market.config.check(new, market.trades.back().map(|t| t.price))?;
        if self.open_orders >= OPEN_ORDERS_MAX || new.client_id.len() > CLIENT_ID_BYTES_MAX {
            return Err(Refusal::Full);
        }
        let open = account.open_on(new.instrument);
        if !account.config.background && open >= market.config.max_open_orders {
            return Err(Refusal::MaxOpenOrders);
        }
        let same = self.order(new.account, OrderRef::Client(&new.client_id));
        if !new.client_id.is_empty() && same.is_some_and(|o| o.status.is_open()) {
            return Err(Refusal::DuplicateClientId);
        }
        Ok(())
    }

    /// The amount to lock for an order; refused if the account cannot pay it.
    fn funds_needed(&self, new: &NewOrder, plan: &Plan) -> Result<Amount, Refusal> {
        let market = &self.markets[new.instrument.0 as usize];
        let account = &self.accounts[new.account.0 as usize];
        let (asset, needed, lock) = match (new.kind, new.side, new.size) {
            (OrderKind::Limit, side, OrderSize::Base(quantity)) => {
                let asset = if side == Side::Buy { market.quote } else { market.base };
                let lock = self.lock_for(new.instrument, side, new.price, quantity);
                (asset, lock, lock)
            }
            (_, Side::Buy, OrderSize::Quote(quote)) => (market.quote, self.with_fee(quote), 0),
            (_, Side::Buy, OrderSize::Base(_)) => (market.quote, self.with_fee(plan.quote), 0),
            (_, Side::Sell, OrderSize::Quote(_)) => {
                (market.base, market.config.base_amount(plan.quantity), 0)
            }
            (_, Side::Sell, OrderSize::Base(quantity)) => {
                (market.base, market.config.base_amount(quantity), 0)
            }
        };
        if account.free(asset) < needed { Err(Refusal::InsufficientBalance) } else { Ok(lock) }
    }

    /// A quote amount plus the highest fee that a buyer may pay on top, rounded up.
    fn with_fee(&self, quote: Amount) -> Amount {
        match self.config.fee_asset {
            FeeAsset::Received => quote,
            FeeAsset::Quote => {
                let ppm = self.config.maker_fee_ppm.max(self.config.taker_fee_ppm);
                quote + (quote * i128::from(ppm) + 999_999) / 1_000_000
            }
        }
    }

    /// Funds held for a resting order.
    fn lock_for(&self, instrument: InstrumentId, side: Side, price: i64, quantity: i64) -> Amount {
        let config = &self.markets[instrument.0 as usize].config;
        match side {
            Side::Buy => self.with_fee(config.notional(price, quantity)),
            Side::Sell => config.base_amount(quantity),
        }
    }
}

fn taker_of(new: &NewOrder) -> Taker {
    Taker {
        account: new.account,
        side: new.side,
        limit: (new.kind == OrderKind::Limit).then_some(new.price),
        size: new.size,
        stp: new.stp,
    }
}

fn asset_index(assets: &mut Vec<String>, name: &str) -> AssetId {
    let index = assets.iter().position(|a| a == name).unwrap_or_else(|| {
        assets.push(name.to_owned());
        assets.len() - 1
    });
    AssetId(index as u16)
}

fn check_instrument(config: &InstrumentConfig) -> Result<(), ConfigError> {
    let wrong = |what| Err(ConfigError::Instrument(config.symbol.clone(), what));
    if config.price_decimals + config.quantity_decimals > AMOUNT_DECIMALS {
        return wrong("price and quantity decimals exceed 16 together");
    }
    if config.tick <= 0 || config.lot <= 0 || config.max_price <= 0 || config.max_quantity <= 0 {
        return wrong("tick, lot and maxima must be positive");
    }
    if config.max_quantity > i64::MAX / OPEN_ORDERS_MAX as i64 {
        return wrong("a level could overflow: lower the largest quantity");
    }
    let largest = i128::from(config.max_price) * i128::from(config.max_quantity);
    let scale = AMOUNT_DECIMALS - config.price_decimals - config.quantity_decimals;
    if largest.checked_mul(10i128.pow(scale)).is_none_or(|n| n > AMOUNT_MAX) {
        return wrong("largest notional exceeds the amount limit");
    }
    if config.base == config.quote {
        return wrong("base and quote are the same asset");
    }
    Ok(())
}
