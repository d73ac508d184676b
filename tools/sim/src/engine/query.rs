//! Queries of an [`Exchange`].
//!
//! A line belongs here if it changes nothing but the queue of events.

use std::sync::Arc;

use super::{
    AccountId, Amount, AssetId, Balance, Event, Exchange, ExchangeConfig, Fill, InstrumentConfig,
    InstrumentId, Order, OrderRef, PublicTrade, Side, Trading,
};

impl Exchange {
    /// Takes the next undelivered event.
    pub fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Undelivered events, oldest first; they stay undelivered.
    pub fn pending_events(&self) -> impl DoubleEndedIterator<Item = &Event> {
        self.events.iter()
    }

    /// Number of events dropped because nobody took them.
    pub fn events_lost(&self) -> u64 {
        self.events_lost
    }

    /// The venue's rules.
    pub fn rules(&self) -> &ExchangeConfig {
        &self.config
    }

    /// Asset names; [`AssetId`] is the index.
    pub fn assets(&self) -> &[String] {
        &self.assets
    }

    /// The asset of that name.
    pub fn asset(&self, name: &str) -> Option<AssetId> {
        self.assets.iter().position(|a| a == name).map(|i| AssetId(i as u16))
    }

    /// Instruments with their ids.
    pub fn instruments(&self) -> impl Iterator<Item = (InstrumentId, &InstrumentConfig)> {
        self.markets.iter().enumerate().map(|(i, m)| (InstrumentId(i as u16), &m.config))
    }

    /// The instrument of that symbol.
    pub fn instrument(&self, symbol: &str) -> Option<InstrumentId> {
        self.instruments().find(|(_, config)| config.symbol == symbol).map(|(id, _)| id)
    }

    /// Configuration of an instrument. The id must come from this exchange.
    pub fn instrument_config(&self, instrument: InstrumentId) -> &InstrumentConfig {
        &self.markets[instrument.0 as usize].config
    }

    /// Base and quote asset of an instrument.
    pub fn pair(&self, instrument: InstrumentId) -> (AssetId, AssetId) {
        let market = &self.markets[instrument.0 as usize];
        (market.base, market.quote)
    }

    /// Whether an instrument trades.
    pub fn trading(&self, instrument: InstrumentId) -> Trading {
        self.markets[instrument.0 as usize].trading
    }

    /// The account of that name.
    pub fn account(&self, name: &str) -> Option<AccountId> {
        self.accounts.iter().position(|a| a.config.name == name).map(|i| AccountId(i as u32))
    }

    /// Balance of one asset.
    pub fn balance(&self, account: AccountId, asset: AssetId) -> Balance {
        self.accounts.get(account.0 as usize).map_or_else(Balance::default, |a| a.balance(asset))
    }

    /// Fees collected in an asset.
    pub fn fees_collected(&self, asset: AssetId) -> Amount {
        self.fees[asset.0 as usize]
    }

    /// Sum of an asset over all accounts, free and locked.
    pub fn total_held(&self, asset: AssetId) -> Amount {
        self.accounts.iter().map(|a| a.balance(asset)).map(|b| b.free + b.locked).sum()
    }

    /// An order of an account, open or remembered.
    pub fn order(&self, account: AccountId, order: OrderRef<'_>) -> Option<&Order> {
        let by_client = |client: &str| {
            let id = self.by_client.get(&(account, Arc::from(client)))?;
            self.orders.get(id)
        };
        let found = match order {
            OrderRef::Id(id) => self.orders.get(&id),
            OrderRef::Client(client) => by_client(client),
            OrderRef::Both(id, client) => {
                self.orders.get(&id).filter(|o| by_client(client).is_some_and(|c| c.id == o.id))
            }
        };
        found.filter(|o| o.account == account)
    }

    /// Open orders of an account, by id.
    pub fn open_orders(
        &self,
        account: AccountId,
        instrument: Option<InstrumentId>,
    ) -> impl Iterator<Item = &Order> {
        let account = self.accounts.get(account.0 as usize);
        account
            .into_iter()
            .flat_map(|a| a.open.iter())
            .filter_map(|id| self.orders.get(id))
            .filter(move |o| instrument.is_none_or(|i| i == o.instrument))
    }

    /// Remembered closed orders of an account, in the order in which they closed.
    pub fn closed_orders(&self, account: AccountId) -> impl Iterator<Item = &Order> {
        let account = self.accounts.get(account.0 as usize);
        account.into_iter().flat_map(|a| a.closed.iter()).filter_map(|id| self.orders.get(id))
    }

    /// Remembered fills of an account, by trade id.
    pub fn fills(&self, account: AccountId) -> impl DoubleEndedIterator<Item = &Fill> {
        self.accounts.get(account.0 as usize).into_iter().flat_map(|a| a.fills.iter())
    }

    /// The last level-change id of a book.
    pub fn update_id(&self, instrument: InstrumentId) -> u64 {
        self.markets[instrument.0 as usize].update_id
    }

    /// The best `limit` levels, best first: (price, total quantity).
    pub fn depth(&self, instrument: InstrumentId, side: Side, limit: usize) -> Vec<(i64, i64)> {
        self.markets[instrument.0 as usize].book.levels(side, limit)
    }

    /// Best price of a side; `None` if the side is empty.
    pub fn best(&self, instrument: InstrumentId, side: Side) -> Option<i64> {
        self.markets[instrument.0 as usize].book.best(side)
    }

    /// Total quantity at a price; 0 if there is no such level.
    pub fn quantity_at(&self, instrument: InstrumentId, side: Side, price: i64) -> i64 {
        let levels = self.markets[instrument.0 as usize].book.side(side);
        levels.get(&price).map_or(0, |level| level.total)
    }

    /// Remembered public trades, oldest first.
    pub fn trades(
        &self,
        instrument: InstrumentId,
    ) -> impl DoubleEndedIterator<Item = &PublicTrade> + ExactSizeIterator {
        self.markets[instrument.0 as usize].trades.iter()
    }

    /// Price of the last trade; `None` before the first.
    pub fn last_price(&self, instrument: InstrumentId) -> Option<i64> {
        self.markets[instrument.0 as usize].trades.back().map(|t| t.price)
    }
}
