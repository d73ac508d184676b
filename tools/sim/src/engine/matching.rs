//! Execution of accepted requests: orders are created, filled and ended, balances move, events are
//! emitted.
//!
//! A line belongs here if it changes an order or a balance after every check has passed.

use std::sync::Arc;

use super::{
    AMOUNT_DECIMALS, Amend, Amount, AssetId, CLOSED_ORDERS_MAX, EVENTS_MAX, EndReason, Event,
    Exchange, FeeAsset, Fill, InstrumentId, LevelChange, NewOrder, Order, OrderKind, OrderSize,
    OrderStatus, PUBLIC_TRADES_MAX, Plan, PublicTrade, Refusal, Report, ReportKind, Resting, Side,
    Step, Taker, Tif,
};

impl Exchange {
    pub(super) fn create(&mut self, now_ns: u64, new: &NewOrder, plan: &Plan, lock: Amount) -> u64 {
        let id = self.next_order;
        self.next_order += 1;
        let market = new.kind == OrderKind::Market;
        let tif = if market { Tif::Ioc } else { new.tif };
        let (quantity, quote_ordered) = match new.size {
            OrderSize::Base(quantity) => (quantity, None),
            // If the book can spend the whole amount, the quantity is known now; otherwise it is
            // the filled quantity.
            OrderSize::Quote(quote) => {
                (if plan.exhausted { plan.quantity } else { 0 }, Some(quote))
            }
        };
        let order = Order {
            id,
            account: new.account,
            instrument: new.instrument,
            client_id: Arc::clone(&new.client_id),
            side: new.side,
            kind: new.kind,
            tif,
            post_only: new.post_only,
            price: if market { 0 } else { new.price },
            quantity,
            quote_ordered,
            filled: 0,
            filled_quote: 0,
            fees: 0,
            status: OrderStatus::New,
            end: None,
            stp: new.stp,
            created_ns: now_ns,
            amends: 0,
            updated_ns: now_ns,
            working_since_ns: (tif == Tif::Gtc).then_some(now_ns),
            locked: lock,
            priority: 0,
            tag: new.tag,
        };
        let asset = self.locking_asset(&order);
        let account = &mut self.accounts[new.account.0 as usize];
        account.lock(asset, lock);
        account.open.insert(id);
        account.open_count[new.instrument.0 as usize] += 1;
        if !new.client_id.is_empty() {
            self.by_client.insert((new.account, Arc::clone(&new.client_id)), id);
        }
        self.orders.insert(id, order);
        self.open_orders += 1;
        id
    }

    pub(super) fn locking_asset(&self, order: &Order) -> AssetId {
        let market = &self.markets[order.instrument.0 as usize];
        if order.side == Side::Buy { market.quote } else { market.base }
    }

    /// Carries out a plan, then rests or ends the remainder.
    pub(super) fn execute(&mut self, now_ns: u64, id: u64, plan: &Plan) {
        for step in &plan.steps {
            match *step {
                Step::Fill { order, priority, price, quantity } => {
                    self.fill(now_ns, id, order, priority, price, quantity);
                }
                Step::ExpireMaker { order } => {
                    let status = OrderStatus::ExpiredInMatch;
                    self.finish(now_ns, order, status, EndReason::SelfTrade, None);
                }
            }
        }
        let Some(order) = self.orders.get(&id) else { return };
        if !order.status.is_open() {
            return;
        }
        let (kind, tif) = (order.kind, order.tif);
        if plan.taker_expires {
            let status = OrderStatus::ExpiredInMatch;
            self.finish(now_ns, id, status, EndReason::SelfTrade, None);
        } else if kind == OrderKind::Market {
            self.finish(now_ns, id, OrderStatus::Expired, EndReason::NoLiquidity, None);
        } else if tif == Tif::Gtc {
            self.rest(now_ns, id);
        } else {
            self.finish(now_ns, id, OrderStatus::Expired, EndReason::Ioc, None);
        }
    }

    fn rest(&mut self, now_ns: u64, id: u64) {
        let priority = self.next_priority;
        self.next_priority += 1;
        let Some(order) = self.orders.get_mut(&id) else { return };
        order.priority = priority;
        let (instrument, side, price) = (order.instrument, order.side, order.price);
        let resting = Resting { order: id, account: order.account, leaves: order.leaves() };
        let book = &mut self.markets[instrument.0 as usize].book;
        let total = book.insert(side, price, priority, resting);
        self.level_changed(now_ns, instrument, side, price, total);
    }

    fn fill(
        &mut self,
        now_ns: u64,
        taker: u64,
        maker: u64,
        priority: u64,
        price: i64,
        quantity: i64,
    ) {
        let Some(order) = self.orders.get(&taker) else { return };
        let (instrument, side) = (order.instrument, order.side);
        let taker_market = order.kind == OrderKind::Market;
        let trade_id = self.next_trade;
        self.next_trade += 1;
        let market = &mut self.markets[instrument.0 as usize];
        let total = market.book.reduce(side.opposite(), price, priority, quantity);
        let number = market.next_number;
        market.next_number += 1;
        let trade = PublicTrade {
            id: trade_id,
            number,
            instrument,
            price,
            quantity,
            taker_side: side,
            time_ns: now_ns,
            taker_order: taker,
            taker_market,
        };
        if market.trades.len() == PUBLIC_TRADES_MAX {
            market.trades.pop_front();
        }
        market.trades.push_back(trade);
        self.level_changed(now_ns, instrument, side.opposite(), price, total);
        self.emit(Event::Trade(trade));
        self.book_side(now_ns, maker, &trade, true);
        self.book_side(now_ns, taker, &trade, false);
    }

    /// Books one side of a trade: order, balances, fee, report.
    fn book_side(&mut self, now_ns: u64, id: u64, trade: &PublicTrade, maker: bool) {
        let market = &self.markets[trade.instrument.0 as usize];
        let (base, quote) = (market.base, market.quote);
        let notional = market.config.notional(trade.price, trade.quantity);
        let base_amount = market.config.base_amount(trade.quantity);
        let Some(order) = self.orders.get(&id) else { return };
        let side = order.side;
        let exempt = self.accounts[order.account.0 as usize].config.background;
        let ppm = match (exempt, maker) {
            (true, _) => 0,
            (false, true) => self.config.maker_fee_ppm,
            (false, false) => self.config.taker_fee_ppm,
        };
        let (fee_asset, fee_on) = match (self.config.fee_asset, side) {
            (FeeAsset::Received, Side::Buy) => (base, base_amount),
            (FeeAsset::Received, Side::Sell) | (FeeAsset::Quote, _) => (quote, notional),
        };
        let unit = 10i128.pow(AMOUNT_DECIMALS - self.config.fee_decimals);
        let fee = fee_on * i128::from(ppm) / 1_000_000 / unit * unit;
        let left = order.quantity - order.filled - trade.quantity;
        let lock_after = match order.kind {
            OrderKind::Limit => self.lock_for(order.instrument, side, order.price, left),
            OrderKind::Market => 0,
        };
        let Some(order) = self.orders.get_mut(&id) else { return };
        let released = order.locked - lock_after;
        order.locked = lock_after;
        order.filled += trade.quantity;
        order.filled_quote += notional;
        order.fees += fee;
        order.updated_ns = now_ns;
        // Only a quote-sized order that the book could not fill whole fills beyond its quantity.
        order.quantity = order.quantity.max(order.filled);
        let done = left == 0;
        order.status = if done { OrderStatus::Filled } else { OrderStatus::PartiallyFilled };
        let account = &mut self.accounts[order.account.0 as usize];
        let (pay, paid, get, got) = match side {
            Side::Buy => (quote, notional, base, base_amount),
            Side::Sell => (base, base_amount, quote, notional),
        };
        account.lock(pay, -released);
        account.add(get, got);
        account.add(pay, -paid);
        account.add(fee_asset, -fee);
        self.fees[fee_asset.0 as usize] += fee;
        let exec_id = self.next_exec;
        let fill = Fill {
            trade_id: trade.id,
            order_id: id,
            instrument: trade.instrument,
            side,
            price: trade.price,
            quantity: trade.quantity,
            quote: notional,
            maker,
            fee,
            fee_asset,
            time_ns: now_ns,
            exec_id,
        };
        account.keep_fill(fill);
        let filled = order.status == OrderStatus::Filled;
        if filled {
            self.close_funds(id);
        }
        self.report(now_ns, id, ReportKind::Trade(fill), None, None);
        if filled {
            self.forget_open(id);
        }
    }

    /// Ends an open order: removes it from the book, unlocks funds, emits a report. `None` if the
    /// order was not open.
    pub(super) fn finish(
        &mut self,
        now_ns: u64,
        id: u64,
        status: OrderStatus,
        why: EndReason,
        request_id: Option<Arc<str>>,
    ) -> Option<Order> {
        let order = self.orders.get(&id).filter(|o| o.status.is_open())?;
        let (instrument, side, price) = (order.instrument, order.side, order.price);
        let (priority, leaves) = (order.priority, order.leaves());
        if priority != 0 {
            let book = &mut self.markets[instrument.0 as usize].book;
            let total = book.reduce(side, price, priority, leaves);
            self.level_changed(now_ns, instrument, side, price, total);
        }
        let order = self.orders.get_mut(&id)?;
        order.status = status;
        order.end = Some(why);
        order.updated_ns = now_ns;
        self.close_funds(id);
        let kind = match status {
            OrderStatus::Canceled => ReportKind::Canceled,
            _ => ReportKind::Expired,
        };
        self.report(now_ns, id, kind, request_id, None);
        let ended = self.orders.get(&id).cloned();
        self.forget_open(id);
        ended
    }

    fn close_funds(&mut self, id: u64) {
        let Some(order) = self.orders.get(&id) else { return };
        let asset = self.locking_asset(order);
        let (account, locked) = (order.account, order.locked);
        self.accounts[account.0 as usize].lock(asset, -locked);
        if let Some(order) = self.orders.get_mut(&id) {
            order.locked = 0;
        }
    }

    /// Moves an ended order to the account's history. Orders of background accounts are forgotten.
    fn forget_open(&mut self, id: u64) {
        let Some(order) = self.orders.get(&id) else { return };
        let account = &mut self.accounts[order.account.0 as usize];
        if !account.open.remove(&id) {
            return;
        }
        account.open_count[order.instrument.0 as usize] -= 1;
        self.open_orders -= 1;
        let forgotten = if account.config.background {
            Some(id)
        } else {
            account.closed.push_back(id);
            (account.closed.len() > CLOSED_ORDERS_MAX).then(|| account.closed.pop_front()).flatten()
        };
        let Some(old) = forgotten.and_then(|id| self.orders.remove(&id)) else { return };
        let key = (old.account, old.client_id);
        if self.by_client.get(&key) == Some(&old.id) {
            self.by_client.remove(&key);
        }
    }

    pub(super) fn apply_amend(
        &mut self,
        now_ns: u64,
        old: &Order,
        price: i64,
        quantity: i64,
        amend: &Amend,
    ) -> Result<(), Refusal> {
        let lock = self.lock_for(old.instrument, old.side, price, quantity - old.filled);
        let asset = self.locking_asset(old);
        let account = &mut self.accounts[old.account.0 as usize];
        if account.free(asset) < lock - old.locked {
            return Err(Refusal::InsufficientBalance);
        }
        account.lock(asset, lock - old.locked);
        let keeps = price == old.price && quantity < old.quantity;
        let taken = if keeps { old.quantity - quantity } else { old.leaves() };
        let book = &mut self.markets[old.instrument.0 as usize].book;
        let total = book.reduce(old.side, old.price, old.priority, taken);
        self.level_changed(now_ns, old.instrument, old.side, old.price, total);
        let Some(order) = self.orders.get_mut(&old.id) else { return Ok(()) };
        order.locked = lock;
        order.price = price;
        order.quantity = quantity;
        order.amends += 1;
        order.updated_ns = now_ns;
        let mut old_client_id = None;
        if let Some(client_id) = &amend.client_id {
            let previous = std::mem::replace(&mut order.client_id, Arc::clone(client_id));
            self.by_client.remove(&(old.account, Arc::clone(&previous)));
            self.by_client.insert((old.account, Arc::clone(client_id)), old.id);
            old_client_id = Some(previous);
        }
        let kind = ReportKind::Amended { old_quantity: old.quantity, old_price: old.price };
        if !keeps {
            order.priority = 0;
        }
        let taker = Taker {
            account: old.account,
            side: old.side,
            limit: Some(price),
            size: OrderSize::Base(quantity - old.filled),
            stp: old.stp,
        };
        self.report(now_ns, old.id, kind, None, old_client_id);
        if !keeps {
            let market = &self.markets[old.instrument.0 as usize];
            let plan = market.book.plan(&taker, &market.config);
            self.execute(now_ns, old.id, &plan);
        }
        Ok(())
    }

    // ----- events ---------------------------------------------------------------------------

    pub(super) fn report(
        &mut self,
        now_ns: u64,
        id: u64,
        kind: ReportKind,
        request_id: Option<Arc<str>>,
        old_client_id: Option<Arc<str>>,
    ) {
        let exec_id = self.next_exec;
        self.next_exec += 1;
        let Some(order) = self.orders.get(&id) else { return };
        let account = &self.accounts[order.account.0 as usize];
        if account.config.background {
            return;
        }
        let market = &self.markets[order.instrument.0 as usize];
        let report = Report {
            exec_id,
            time_ns: now_ns,
            kind,
            order: order.clone(),
            request_id,
            old_client_id,
            base: account.balance(market.base),
            quote: account.balance(market.quote),
        };
        self.emit(Event::Report(Box::new(report)));
    }

    fn level_changed(
        &mut self,
        now_ns: u64,
        instrument: InstrumentId,
        side: Side,
        price: i64,
        quantity: i64,
    ) {
        let market = &mut self.markets[instrument.0 as usize];
        market.update_id += 1;
        let update_id = market.update_id;
        let change = LevelChange { instrument, side, price, quantity, update_id, time_ns: now_ns };
        self.emit(Event::Level(change));
    }

    pub(super) fn emit(&mut self, event: Event) {
        if self.events.len() == EVENTS_MAX {
            self.events.pop_front();
            self.events_lost += 1;
        }
        self.events.push_back(event);
    }
}
