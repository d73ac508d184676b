//! Instruments with their steps and bounds, and the check of an order against them.
//!
//! A line belongs here if it needs only the instrument and the order. Funds are `accounts`.

use super::order::{AMOUNT_DECIMALS, Amount, NewOrder, OrderKind, OrderSize, Refusal};

/// Whether and how an instrument trades.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trading {
    /// All orders are accepted.
    Online,
    /// Only cancels are accepted.
    CancelOnly,
    /// Only cancels and post-only orders are accepted.
    PostOnly,
    /// Nothing is accepted.
    Halted,
}

/// How far a price may be from the price of the last trade, in parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PriceBand {
    /// Highest price: last × this / 10^6.
    pub up_ppm: u64,
    /// Lowest price: last × this / 10^6.
    pub down_ppm: u64,
}

/// One instrument. Prices and quantities are mantissas with the instrument's decimals.
#[derive(Clone, Debug)]
pub struct InstrumentConfig {
    /// The venue's symbol, such as `BTCUSDT` or `BTC/USD`.
    pub symbol: String,
    /// Base asset.
    pub base: String,
    /// Quote asset.
    pub quote: String,
    /// Decimals of price mantissas; price and quantity decimals add up to 16 at most.
    pub price_decimals: u32,
    /// Decimals of quantity mantissas.
    pub quantity_decimals: u32,
    /// Price step, above 0.
    pub tick: i64,
    /// Quantity step, above 0.
    pub lot: i64,
    /// Lowest price.
    pub min_price: i64,
    /// Highest price.
    pub max_price: i64,
    /// Smallest quantity.
    pub min_quantity: i64,
    /// Largest quantity.
    pub max_quantity: i64,
    /// Largest quantity of a market order.
    pub max_market_quantity: i64,
    /// Smallest price × quantity, as an [`Amount`] of quote.
    pub min_notional: Amount,
    /// Price band around the last trade; `None` for no band.
    pub price_band: Option<PriceBand>,
    /// Most open orders of one account. Background accounts have no limit.
    pub max_open_orders: u32,
}

impl InstrumentConfig {
    /// `price` × `quantity` as an [`Amount`] of quote. Exact.
    pub fn notional(&self, price: i64, quantity: i64) -> Amount {
        let scale = AMOUNT_DECIMALS.saturating_sub(self.price_decimals + self.quantity_decimals);
        i128::from(price) * i128::from(quantity) * 10i128.pow(scale)
    }

    /// A quantity as an [`Amount`] of base. Exact.
    pub fn base_amount(&self, quantity: i64) -> Amount {
        i128::from(quantity) * 10i128.pow(AMOUNT_DECIMALS.saturating_sub(self.quantity_decimals))
    }

    /// The largest quantity in whole lots that `quote` pays at `price`.
    pub fn quantity_for(&self, quote: Amount, price: i64) -> i64 {
        let unit = self.notional(price, 1);
        if unit <= 0 || quote <= 0 {
            return 0;
        }
        let quantity = i64::try_from(quote / unit).unwrap_or(i64::MAX);
        quantity - quantity % self.lot
    }

    /// Checks a limit price against step and bounds.
    pub(crate) fn check_price(&self, price: i64) -> Result<(), Refusal> {
        if price < self.min_price.max(1) || price > self.max_price || price % self.tick != 0 {
            return Err(Refusal::PriceFilter);
        }
        Ok(())
    }

    /// Checks a quantity against step and bounds.
    pub(crate) fn check_quantity(&self, quantity: i64) -> Result<(), Refusal> {
        if quantity < self.min_quantity.max(1)
            || quantity > self.max_quantity
            || quantity % self.lot != 0
        {
            return Err(Refusal::LotSize);
        }
        Ok(())
    }

    /// Checks an order against every rule that needs no account; `last` is the last trade's price.
    pub(crate) fn check(&self, order: &NewOrder, last: Option<i64>) -> Result<(), Refusal> {
        match (order.kind, order.size) {
            (OrderKind::Limit, OrderSize::Quote(_)) => return Err(Refusal::LotSize),
            (OrderKind::Limit, OrderSize::Base(quantity)) => {
                self.check_price(order.price)?;
                self.check_band(order.price, last)?;
                self.check_quantity(quantity)?;
                if self.notional(order.price, quantity) < self.min_notional {
                    return Err(Refusal::MinNotional);
                }
            }
            (OrderKind::Market, OrderSize::Base(quantity)) => {
                self.check_quantity(quantity)?;
                if quantity > self.max_market_quantity {
                    return Err(Refusal::MarketLotSize);
                }
                if last.is_some_and(|last| self.notional(last, quantity) < self.min_notional) {
                    return Err(Refusal::MinNotional);
                }
            }
            (OrderKind::Market, OrderSize::Quote(quote)) => {
                if quote <= 0 || quote < self.min_notional {
                    return Err(Refusal::MinNotional);
                }
            }
        }
        Ok(())
    }

    fn check_band(&self, price: i64, last: Option<i64>) -> Result<(), Refusal> {
        let (Some(band), Some(last)) = (self.price_band, last) else { return Ok(()) };
        let scaled = i128::from(price) * 1_000_000;
        let last = i128::from(last);
        if scaled > last * i128::from(band.up_ppm) || scaled < last * i128::from(band.down_ppm) {
            return Err(Refusal::PriceBand);
        }
        Ok(())
    }
}
