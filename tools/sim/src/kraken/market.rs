//! The public channels: book, trade, ticker, instrument, status.
//!
//! A line belongs here if it renders public data. Source: venue reference (Kraken), sections 3, 5
//! and 8.

use std::fmt::Write as _;

use super::book::{Precision, View};
use super::private::{LedgerRow, kind_text, side_text};
use super::{Kraken, ids, number};
use crate::engine::{InstrumentConfig, Trading};
use crate::front::{ConnId, FrontAction};
use crate::order::{AMOUNT_DECIMALS, Event, InstrumentId, OrderKind, PublicTrade, Side};
use crate::time;

/// Most trades in a snapshot of the trade channel.
const SNAPSHOT_TRADES: usize = 50;

/// Decimals of a volume-weighted price beyond those of the instrument.
const VWAP_EXTRA_DECIMALS: u32 = 4;

/// Trading statistics since the simulation began. The venue's window of 24 hours is not simulated.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stats {
    pub first: i64,
    pub last: i64,
    pub low: i64,
    pub high: i64,
    pub volume: i128,
    pub turnover: i128,
    pub trades: u64,
}

impl Stats {
    fn add(&mut self, trade: &PublicTrade) {
        if self.trades == 0 {
            self.first = trade.price;
            self.low = trade.price;
        }
        self.last = trade.price;
        self.low = self.low.min(trade.price);
        self.high = self.high.max(trade.price);
        self.volume += i128::from(trade.quantity);
        self.turnover += i128::from(trade.price) * i128::from(trade.quantity);
        self.trades += 1;
    }

    /// Volume-weighted price, with [`VWAP_EXTRA_DECIMALS`] more decimals than a price.
    pub fn vwap(&self, config: &InstrumentConfig) -> String {
        let extra = 10i128.pow(VWAP_EXTRA_DECIMALS);
        let vwap = if self.volume == 0 { 0 } else { self.turnover * extra / self.volume };
        number::float(vwap, config.price_decimals + VWAP_EXTRA_DECIMALS)
    }

    /// Change since the first trade, in hundredths of a percent.
    fn change_centi_pct(&self) -> i128 {
        if self.first == 0 {
            return 0;
        }
        i128::from(self.last - self.first) * 10_000 / i128::from(self.first)
    }
}

/// The book that the subscribers of one depth have received.
#[derive(Clone, Debug, Default)]
pub(super) struct ToldBook {
    pub readers: usize,
    pub view: View,
}

impl Kraken {
    /// Publishes every event of the engine since the last call.
    pub(super) fn publish(&mut self, now_ns: u64, out: &mut Vec<FrontAction>) {
        let mut traded = Vec::new();
        while let Some(event) = self.exchange.next_event() {
            match event {
                Event::Level(change) => {
                    self.dirty.insert(change.instrument);
                }
                Event::Trade(trade) => {
                    if let Some(stats) = self.stats.get_mut(usize::from(trade.instrument.0)) {
                        stats.add(&trade);
                    }
                    traded.push(trade);
                }
                Event::Report(report) => self.tell_report(now_ns, &report, out),
                Event::Deposit { account, asset, amount, time_ns } => {
                    let balance = self.exchange.balance(account, asset);
                    self.ledger_rows += 1;
                    let reference = ids::ledger(self.ledger_rows ^ (1 << 62));
                    let row = LedgerRow {
                        account,
                        asset,
                        change: amount,
                        fee: 0,
                        balance: balance.free + balance.locked,
                        kind: "deposit",
                        reference: &reference,
                        at_ns: time_ns,
                    };
                    self.tell_balance(now_ns, &row, out);
                }
            }
        }
        self.tell_instruments(now_ns, out);
        for (account, id) in std::mem::take(&mut self.spent) {
            self.tell_spent(now_ns, account, id, out);
        }
        self.tell_trades(now_ns, &traded, out);
        for instrument in std::mem::take(&mut self.dirty) {
            self.tell_books(now_ns, instrument, out);
            self.tell_tops(now_ns, instrument, out);
        }
    }

    /// Tells the subscribers of `instrument` what instruments are, after a change.
    fn tell_instruments(&mut self, now_ns: u64, out: &mut Vec<FrontAction>) {
        let revision = self.exchange.revision();
        if std::mem::replace(&mut self.told_revision, revision) == revision {
            return;
        }
        let wanted = self.readers(|session| session.instruments);
        if !wanted.is_empty() {
            let text = self.instruments_json("update");
            self.send_all(now_ns, &wanted, &text, out);
        }
    }

    fn tell_trades(&mut self, now_ns: u64, traded: &[PublicTrade], out: &mut Vec<FrontAction>) {
        // Consecutive trades of one instrument share a message.
        let mut rest = traded;
        while let Some(first) = rest.first() {
            let same = rest.iter().take_while(|t| t.instrument == first.instrument).count();
            let (group, next) = rest.split_at(same);
            let instrument = first.instrument;
            rest = next;
            let wanted: Vec<ConnId> = self.readers(|session| session.trades.contains(&instrument));
            if !wanted.is_empty() {
                let elements: Vec<String> =
                    group.iter().map(|trade| self.trade_json(trade)).collect();
                let text = format!(
                    "{{\"channel\":\"trade\",\"type\":\"update\",\"data\":[{}]}}",
                    elements.join(",")
                );
                self.send_all(now_ns, &wanted, &text, out);
            }
            let on_trade =
                |session: &super::Session| session.tickers.get(&instrument).is_some_and(|bbo| !bbo);
            let wanted = self.readers(on_trade);
            if !wanted.is_empty() {
                let text = self.ticker_json(instrument, "update");
                self.send_all(now_ns, &wanted, &text, out);
            }
        }
    }

    fn tell_tops(&mut self, now_ns: u64, instrument: InstrumentId, out: &mut Vec<FrontAction>) {
        let top = [Side::Buy, Side::Sell]
            .map(|side| self.exchange.depth(instrument, side, 1).first().copied());
        if self.tops.insert(instrument, top) == Some(top) {
            return;
        }
        let wanted =
            self.readers(|session| session.tickers.get(&instrument).is_some_and(|bbo| *bbo));
        if !wanted.is_empty() {
            let text = self.ticker_json(instrument, "update");
            self.send_all(now_ns, &wanted, &text, out);
        }
    }

    fn tell_books(&mut self, now_ns: u64, instrument: InstrumentId, out: &mut Vec<FrontAction>) {
        let range = (instrument, 0)..=(instrument, usize::MAX);
        let depths: Vec<usize> = self
            .books
            .range(range)
            .filter(|(_, told)| told.readers > 0)
            .map(|((_, depth), _)| *depth)
            .collect();
        for depth in depths {
            let next = self.view(instrument, depth);
            let Some(told) = self.books.get_mut(&(instrument, depth)) else { continue };
            let changes = told.view.changes(&next, depth);
            if changes.is_empty() {
                continue;
            }
            let mut checksum = next.checksum();
            told.view = next;
            if std::mem::take(&mut self.faults.corrupt_book) {
                checksum ^= 1;
            }
            let text = self.book_json(instrument, "update", &changes, checksum, now_ns);
            let wanted = self.readers(|session| session.books.contains(&(instrument, depth)));
            self.send_all(now_ns, &wanted, &text, out);
        }
    }

    /// The current book down to a depth.
    fn view(&self, instrument: InstrumentId, depth: usize) -> View {
        View {
            bids: self.exchange.depth(instrument, Side::Buy, depth),
            asks: self.exchange.depth(instrument, Side::Sell, depth),
        }
    }

    fn book_json(
        &self,
        instrument: InstrumentId,
        kind: &str,
        view: &View,
        checksum: u32,
        now_ns: u64,
    ) -> String {
        let config = self.exchange.instrument_config(instrument);
        let precision =
            Precision { price: config.price_decimals, quantity: config.quantity_decimals };
        let element = view.json(&config.symbol, precision, checksum, &time::format(now_ns));
        format!("{{\"channel\":\"book\",\"type\":\"{kind}\",\"data\":[{element}]}}")
    }

    /// Counts a subscriber of this depth in (`on`) or out.
    pub(super) fn count_book_readers(&mut self, instrument: InstrumentId, depth: usize, on: bool) {
        let view = self.view(instrument, depth);
        let told = self.books.entry((instrument, depth)).or_default();
        if on {
            if told.readers == 0 {
                told.view = view;
            }
            told.readers += 1;
        } else {
            told.readers = told.readers.saturating_sub(1);
        }
    }

    pub(super) fn market_snapshot(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        channel: &str,
        instrument: InstrumentId,
        depth: usize,
        out: &mut Vec<FrontAction>,
    ) {
        let text = match channel {
            "book" => {
                let view = self.view(instrument, depth);
                self.book_json(instrument, "snapshot", &view, view.checksum(), now_ns)
            }
            "trade" => {
                let mut trades: Vec<&PublicTrade> =
                    self.exchange.trades(instrument).rev().take(SNAPSHOT_TRADES).collect();
                trades.reverse();
                let elements: Vec<String> =
                    trades.into_iter().map(|trade| self.trade_json(trade)).collect();
                format!(
                    "{{\"channel\":\"trade\",\"type\":\"snapshot\",\"data\":[{}]}}",
                    elements.join(",")
                )
            }
            _ => self.ticker_json(instrument, "snapshot"),
        };
        self.send(now_ns, conn, text, out);
    }

    fn trade_json(&self, trade: &PublicTrade) -> String {
        let config = self.exchange.instrument_config(trade.instrument);
        let kind = if trade.taker_market { OrderKind::Market } else { OrderKind::Limit };
        format!(
            "{{\"symbol\":\"{}\",\"side\":\"{}\",\"price\":{},\"qty\":{},\"ord_type\":\"{}\",\
             \"trade_id\":{},\"timestamp\":\"{}\"}}",
            config.symbol,
            side_text(trade.taker_side),
            number::float(i128::from(trade.price), config.price_decimals),
            number::float(i128::from(trade.quantity), config.quantity_decimals),
            kind_text(kind),
            trade.number,
            time::format(trade.time_ns)
        )
    }

    fn ticker_json(&self, instrument: InstrumentId, kind: &str) -> String {
        let config = self.exchange.instrument_config(instrument);
        let (pd, qd) = (config.price_decimals, config.quantity_decimals);
        let stats = self.stats.get(usize::from(instrument.0)).copied().unwrap_or_default();
        let top =
            |side| self.exchange.depth(instrument, side, 1).first().copied().unwrap_or_default();
        let ((bid, bid_qty), (ask, ask_qty)) = (top(Side::Buy), top(Side::Sell));
        let price = |mantissa: i64| number::float(i128::from(mantissa), pd);
        let quantity = |mantissa: i64| number::float(i128::from(mantissa), qd);
        format!(
            "{{\"channel\":\"ticker\",\"type\":\"{kind}\",\"data\":[{{\"symbol\":\"{}\",\
             \"bid\":{},\"bid_qty\":{},\"ask\":{},\"ask_qty\":{},\"last\":{},\"volume\":{},\
             \"vwap\":{},\"low\":{},\"high\":{},\"change\":{},\"change_pct\":{}}}]}}",
            config.symbol,
            price(bid),
            quantity(bid_qty),
            price(ask),
            quantity(ask_qty),
            price(stats.last),
            number::float(stats.volume, qd),
            stats.vwap(config),
            price(stats.low),
            price(stats.high),
            price(stats.last - stats.first),
            number::float(stats.change_centi_pct(), 2)
        )
    }

    pub(super) fn instruments_json(&self, kind: &str) -> String {
        let mut assets = Vec::new();
        for asset in &self.assets {
            assets.push(format!(
                "{{\"id\":\"{}\",\"status\":\"enabled\",\"precision\":{},\
                 \"precision_display\":{},\"borrowable\":false,\"collateral_value\":1.0,\
                 \"margin_rate\":0.0}}",
                asset.name, asset.decimals, asset.display_decimals
            ));
        }
        let mut pairs = Vec::new();
        for (instrument, config) in self.exchange.instruments() {
            let (pd, qd) = (config.price_decimals, config.quantity_decimals);
            let tick = number::step(i128::from(config.tick), pd);
            let mut text = format!(
                "{{\"symbol\":\"{}\",\"base\":\"{}\",\"quote\":\"{}\",\"status\":\"{}\",\
                 \"qty_precision\":{qd},\"qty_increment\":{},\"price_precision\":{pd},",
                config.symbol,
                config.base,
                config.quote,
                self.status_of(instrument),
                number::step(i128::from(config.lot), qd),
            );
            let _ = write!(
                text,
                "\"cost_precision\":5,\"marginable\":false,\"has_index\":true,\"cost_min\":{},\
                 \"tick_size\":{tick},\"price_increment\":{tick},\"qty_min\":{}}}",
                number::step(config.min_notional, AMOUNT_DECIMALS),
                number::step(i128::from(config.min_quantity), qd)
            );
            pairs.push(text);
        }
        format!(
            "{{\"channel\":\"instrument\",\"type\":\"{kind}\",\"data\":{{\"assets\":[{}],\
             \"pairs\":[{}]}}}}",
            assets.join(","),
            pairs.join(",")
        )
    }

    /// A pair's status as the venue writes it.
    pub(super) fn status_of(&self, instrument: InstrumentId) -> &'static str {
        match self.exchange.trading(instrument) {
            Trading::Online => "online",
            Trading::CancelOnly => "cancel_only",
            Trading::PostOnly => "post_only",
            Trading::Halted => "maintenance",
        }
    }

    /// The venue's system status.
    pub(super) fn system(&self) -> &'static str {
        if self.faults.maintenance_until_ns.is_some() { "maintenance" } else { "online" }
    }

    pub(super) fn status_json(&self, connection: u64) -> String {
        format!(
            "{{\"channel\":\"status\",\"data\":[{{\"api_version\":\"v2\",\
             \"connection_id\":{connection},\"system\":\"{}\",\"version\":\"2.0.0\"}}],\
             \"type\":\"update\"}}",
            self.system()
        )
    }

    fn readers(&self, wants: impl Fn(&super::Session) -> bool) -> Vec<ConnId> {
        self.sessions.iter().filter(|(_, session)| wants(session)).map(|(conn, _)| *conn).collect()
    }

    fn send_all(&mut self, now_ns: u64, conns: &[ConnId], text: &str, out: &mut Vec<FrontAction>) {
        for conn in conns {
            self.send(now_ns, *conn, text.to_owned(), out);
        }
    }
}
