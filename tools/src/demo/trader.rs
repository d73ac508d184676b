//! The demo's client: which orders it sends at which time, and the reports about them.
//!
//! A line belongs here if it needs the client's side only. Open loop: the time of each order is
//! fixed before the run, whatever the node does meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use rutter_fix::tags::{self, msg_type};
use rutter_sim::Venue;
use rutter_sim::market::MARKETS;
use rutter_sim::random::Random;

use super::entry::OrderEntry;
use super::pricing::{Ended, Paid};
use super::savings::Savings;
use crate::client::{ClientError, Order, Report, Side, Tif, Told};
use crate::harness::{Arrivals, Market, USUAL, VenueFill};

const MS_NS: u64 = 1_000_000;

/// Step of limit prices, 0.01. The router rounds to a venue's own tick.
const CENT_E8: i64 = 1_000_000;

/// Most orders sent before the socket is read again.
const ORDERS_PER_TURN: usize = 64;

/// Kind of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Market,
    Ioc,
    /// A limit beyond the best price of the other side; the remainder rests.
    Through,
    /// A limit behind the best price of the own side, cancelled later.
    Resting,
}

#[derive(Debug)]
struct Placed {
    market: usize,
    side: Side,
    kind: Kind,
    qty_e8: i64,
    limit_e8: Option<i64>,
    due_ns: u64,
    sent_ns: u64,
    answered: bool,
    over: bool,
    cancel_sent: bool,
    cum_e8: i64,
    paid: Paid,
}

/// Times of one answered order, nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait {
    /// From the intended time of the order to the time when the client sent the order. The node has
    /// no part in it.
    pub late_ns: u64,
    /// From the sending to the first answer.
    pub answer_ns: u64,
}

/// How the orders stand that were open at some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Fates {
    /// Still open.
    pub open: u64,
    /// Filled whole.
    pub filled: u64,
    /// Ended in another way.
    pub ended: u64,
}

/// Counts for the display and the summary.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Orders sent.
    pub sent: u64,
    /// Orders that were due while the client was not logged on, and were not sent.
    pub held: u64,
    /// Orders refused by the node.
    pub refused: u64,
    /// Orders that have ended.
    pub over: u64,
    /// Reports received, including rejects of cancels.
    pub reports: u64,
    /// Executions reported.
    pub fills: u64,
    /// Cancels sent.
    pub cancels: u64,
    /// Cancels refused.
    pub cancels_refused: u64,
    /// Reports that contradict each other or could not be read.
    pub odd: u64,
    /// Reports whose `ExecID` had been reported before.
    pub doubled: u64,
    /// Messages that the node rejected as malformed.
    pub rejected: u64,
}

/// The client with all its orders.
#[derive(Debug)]
pub struct Trader {
    random: Random,
    orders: Vec<Placed>,
    /// Due time and index of each order that is to be cancelled.
    cancels: BTreeSet<(u64, usize)>,
    executions: BTreeSet<String>,
    /// Number of equal executions that were reported, keyed by the fields that the venue books too.
    pub reported: BTreeMap<VenueFill, u64>,
    /// Counts.
    pub counts: Counts,
    /// Refusals by the word in Text (58).
    pub refusals: BTreeMap<String, u64>,
    /// Orders that ended before they were filled whole, by the word in Text (58).
    pub ends: BTreeMap<String, u64>,
    /// Times of the orders answered since the owner last took them.
    pub waits: Vec<Wait>,
    /// Taking orders that have ended and are not yet priced.
    ended: Vec<usize>,
    /// Orders from this index on were sent after the last [`Trader::mark`].
    marked: usize,
    /// Whether none of them has had an execution. Cancels wait for it, so that orders that were
    /// open at the mark can be seen to be open still.
    pub waits_for_trade: bool,
    /// Why the connection was lost; `None` while it stands.
    pub lost_connection: Option<String>,
    next_due_ns: u64,
    interval_ns: u64,
}

impl Trader {
    /// A trader that sends its first order at `start_ns`.
    pub fn new(seed: u64, start_ns: u64, rate_per_s: u32) -> Self {
        Self {
            random: Random::salted(seed, 4_242),
            orders: Vec::new(),
            cancels: BTreeSet::new(),
            executions: BTreeSet::new(),
            reported: BTreeMap::new(),
            counts: Counts::default(),
            refusals: BTreeMap::new(),
            ends: BTreeMap::new(),
            waits: Vec::new(),
            ended: Vec::new(),
            marked: 0,
            waits_for_trade: false,
            lost_connection: None,
            next_due_ns: start_ns,
            interval_ns: 1_000_000_000 / u64::from(rate_per_s.max(1)),
        }
    }

    /// When the next order or cancel is due. Cancels of a client that is not logged on wait, and
    /// are due at no time.
    pub fn next_ns(&self, is_logged_on: bool) -> u64 {
        let cancel = self.cancels.first().filter(|_| is_logged_on && !self.waits_for_trade);
        let cancel = cancel.map_or(u64::MAX, |(due_ns, _)| *due_ns);
        self.next_due_ns.min(cancel)
    }

    /// Sends the orders and cancels that are due.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn send_due(
        &mut self,
        now_ns: u64,
        client: &mut impl OrderEntry,
        market: &Market,
    ) -> Result<(), ClientError> {
        for _ in 0..ORDERS_PER_TURN {
            if self.next_due_ns > now_ns {
                break;
            }
            let due_ns = self.next_due_ns;
            self.next_due_ns += self.interval_ns;
            self.place(due_ns, client, market)?;
        }
        while let Some((due_ns, index)) = self.cancels.first().copied() {
            if due_ns > now_ns || self.waits_for_trade {
                break;
            }
            self.cancels.pop_first();
            self.cancel(now_ns, index, client)?;
        }
        Ok(())
    }

    /// Lets the orders pass that are due while the client is not logged on: a price of then is of
    /// no use later. Cancels wait.
    pub fn hold(&mut self, now_ns: u64) {
        while self.next_due_ns <= now_ns {
            self.next_due_ns += self.interval_ns;
            self.counts.held += 1;
        }
    }

    fn place(
        &mut self,
        due_ns: u64,
        client: &mut impl OrderEntry,
        market: &Market,
    ) -> Result<(), ClientError> {
        let random = &mut self.random;
        let traded = random.below(MARKETS.len() as u64) as usize;
        let side = if random.below(2) == 0 { Side::Buy } else { Side::Sell };
        let kind = match random.below(100) {
            0..40 => Kind::Market,
            40..65 => Kind::Ioc,
            65..80 => Kind::Through,
            _ => Kind::Resting,
        };
        // From a tenth of a typical level to several levels; one order in eight takes up to twelve.
        let (least, most) = MARKETS[traded].quote_qty_e8;
        let lot = MARKETS[traded].lot_e8;
        let most = if random.below(8) == 0 { most * 6 } else { most * 3 };
        let qty_e8 = random.between(least, most) / lot * lot;
        let bests = USUAL.map(|venue| market.best(venue, traded));
        let limit_e8 = limit(random, kind, side, &bests);
        if kind != Kind::Market && limit_e8.is_none() {
            // No venue has a quote on that side now, so there is no price to start from.
            return Ok(());
        }
        let index = self.orders.len();
        let (tif, cancel_after) = match kind {
            Kind::Market => (Tif::Day, None),
            Kind::Ioc => (Tif::Ioc, None),
            Kind::Through => (Tif::Gtc, Some(random.between(500, 2_000))),
            Kind::Resting => (Tif::Gtc, Some(random.between(200, 1_500))),
        };
        let cl_ord_id = format!("d{index}");
        let symbol = MARKETS[traded].symbol;
        let order = Order { cl_ord_id: &cl_ord_id, symbol, side, qty_e8, limit_e8, tif };
        let sent_ns = client.now_ns();
        client.new_order(sent_ns, &order)?;
        self.counts.sent += 1;
        if let Some(after_ms) = cancel_after {
            self.cancels.insert((sent_ns + after_ms as u64 * MS_NS, index));
        }
        self.orders.push(Placed {
            market: traded,
            side,
            kind,
            qty_e8,
            limit_e8,
            due_ns,
            sent_ns,
            answered: false,
            over: false,
            cancel_sent: false,
            cum_e8: 0,
            paid: Paid::default(),
        });
        Ok(())
    }

    fn cancel(
        &mut self,
        now_ns: u64,
        index: usize,
        client: &mut impl OrderEntry,
    ) -> Result<(), ClientError> {
        let Some(order) = self.orders.get_mut(index).filter(|o| !o.over && !o.cancel_sent) else {
            return Ok(());
        };
        order.cancel_sent = true;
        self.counts.cancels += 1;
        let symbol = MARKETS[order.market].symbol;
        client.cancel(now_ns, &format!("c{index}"), &format!("d{index}"), symbol, order.side)
    }

    /// Asks to cancel every open order; returns the number of open orders.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn cancel_all(
        &mut self,
        now_ns: u64,
        client: &mut impl OrderEntry,
    ) -> Result<usize, ClientError> {
        self.cancels.clear();
        let open: Vec<usize> = self.open().collect();
        for index in &open {
            self.cancel(now_ns, *index, client)?;
        }
        Ok(open.len())
    }

    /// Indices of orders that have not ended.
    pub fn open(&self) -> impl Iterator<Item = usize> + '_ {
        self.orders.iter().enumerate().filter(|(_, order)| !order.over).map(|(index, _)| index)
    }

    /// Open orders that the node has acknowledged.
    pub fn acknowledged(&self) -> Vec<usize> {
        self.open().filter(|index| self.orders[*index].answered).collect()
    }

    /// How these orders stand.
    pub fn fates(&self, indices: &[usize]) -> Fates {
        let mut fates = Fates::default();
        for order in indices.iter().filter_map(|index| self.orders.get(*index)) {
            match order {
                Placed { over: false, .. } => fates.open += 1,
                order if order.cum_e8 == order.qty_e8 => fates.filled += 1,
                _ => fates.ended += 1,
            }
        }
        fates
    }

    /// Waits for an execution of an order that is sent from now on.
    pub fn mark(&mut self) {
        (self.marked, self.waits_for_trade) = (self.orders.len(), true);
    }

    /// Number of different executions reported.
    pub fn told_fills(&self) -> u64 {
        self.reported.values().sum()
    }

    /// Number of orders with more executed than ordered.
    pub fn overfilled(&self) -> u64 {
        self.orders.iter().filter(|order| order.paid.qty_e8 > order.qty_e8).count() as u64
    }

    /// Prices the orders that have ended. Takes the arrival of each of their executions out of
    /// `arrivals`.
    pub fn price_ended(&mut self, arrivals: &mut Arrivals, savings: &mut Savings) {
        for index in std::mem::take(&mut self.ended) {
            let order = &self.orders[index];
            let fills = order.paid.fills.iter().filter(|fill| !fill.maker);
            let arrival = fills
                .filter_map(|fill| arrivals.get_mut(fill)?.pop_front())
                .min_by_key(|arrival| arrival.time_ns);
            if order.kind == Kind::Resting {
                continue;
            }
            let id = format!("d{index}");
            let ended = Ended {
                id: &id,
                market: order.market,
                side: order.side,
                limit_e8: order.limit_e8,
                paid: &order.paid,
            };
            savings.compare(&ended, arrival.as_deref());
        }
        arrivals.retain(|_, moments| !moments.is_empty());
    }

    /// Number of orders without any answer.
    pub fn unanswered(&self) -> u64 {
        self.orders.iter().filter(|order| !order.answered).count() as u64
    }

    /// Number of orders whose executions do not add up to `CumQty` (14).
    pub fn unbalanced(&self) -> u64 {
        self.orders.iter().filter(|order| order.paid.qty_e8 != order.cum_e8).count() as u64
    }

    /// Takes one piece of news.
    pub fn told(&mut self, now_ns: u64, told: &Told<'_>) {
        match told {
            Told::App(message, poss_dup) => match Report::read(message, *poss_dup) {
                Some(report) => self.report(now_ns, &report),
                None if message.msg_type() == msg_type::BUSINESS_MESSAGE_REJECT => {
                    self.counts.rejected += 1;
                    let id = message.get(tags::BUSINESS_REJECT_REF_ID).unwrap_or(b"");
                    self.answer(now_ns, &String::from_utf8_lossy(id), true);
                }
                None => self.counts.odd += 1,
            },
            Told::Rejected(_) => self.counts.rejected += 1,
            Told::Disconnected(why) => self.lost_connection = Some(why.clone()),
            Told::LoggedOn | Told::Odd(_) => {}
        }
    }

    fn index(cl_ord_id: &str) -> Option<usize> {
        cl_ord_id.strip_prefix('d')?.parse().ok()
    }

    /// Notes an answer about an order; returns the order's index.
    fn answer(&mut self, now_ns: u64, cl_ord_id: &str, over: bool) -> Option<usize> {
        let index = Self::index(cl_ord_id)?;
        let order = self.orders.get_mut(index)?;
        if !order.answered {
            order.answered = true;
            self.waits.push(Wait {
                late_ns: order.sent_ns.saturating_sub(order.due_ns),
                answer_ns: now_ns.saturating_sub(order.sent_ns),
            });
        }
        if over && !order.over {
            order.over = true;
            self.counts.over += 1;
            self.ended.push(index);
        }
        Some(index)
    }

    fn report(&mut self, now_ns: u64, report: &Report) {
        self.counts.reports += 1;
        if report.kind == 'x' {
            self.counts.cancels_refused += 1;
            return;
        }
        // A report about a cancel names the order in OrigClOrdID (41).
        let about = if report.orig_cl_ord_id.is_empty() {
            &report.cl_ord_id
        } else {
            &report.orig_cl_ord_id
        };
        if !report.exec_id.is_empty() && !self.executions.insert(report.exec_id.clone()) {
            self.counts.doubled += 1;
            return;
        }
        let Some(index) = Self::index(about).filter(|index| *index < self.orders.len()) else {
            self.counts.odd += 1;
            return;
        };
        if report.kind == 'F' {
            self.execution(index, report);
        }
        if let Some(order) = self.orders.get_mut(index) {
            order.cum_e8 = order.cum_e8.max(report.cum_e8);
        }
        if report.status == '8' {
            self.counts.refused += 1;
            *self.refusals.entry(report.text.clone()).or_default() += 1;
        } else if matches!(report.kind, '4' | 'C') {
            *self.ends.entry(report.text.clone()).or_default() += 1;
        }
        self.answer(now_ns, about, report.is_final());
    }

    fn execution(&mut self, index: usize, report: &Report) {
        self.counts.fills += 1;
        let (Some(last), Some(order)) = (&report.last, self.orders.get_mut(index)) else {
            self.counts.odd += 1;
            return;
        };
        let Some(venue) = Venue::from_name(&last.venue) else {
            self.counts.odd += 1;
            return;
        };
        let fill = VenueFill {
            venue,
            market: order.market,
            buy: order.side == Side::Buy,
            price_e8: last.price_e8,
            qty_e8: last.qty_e8,
            maker: last.maker,
            trade_id: 0,
        };
        order.paid.add(last, MARKETS[order.market].quote, fill);
        self.waits_for_trade &= index < self.marked;
        *self.reported.entry(fill).or_default() += 1;
    }
}

/// Best bid and best ask of one venue, in 10^-8.
type Best = (Option<i64>, Option<i64>);

/// A limit price relative to the best price of all venues; `None` for a market order, or without a
/// quote.
fn limit(random: &mut Random, kind: Kind, side: Side, bests: &[Best]) -> Option<i64> {
    let bid = bests.iter().filter_map(|(bid, _)| *bid).max();
    let ask = bests.iter().filter_map(|(_, ask)| *ask).min();
    let sign = if side == Side::Buy { 1 } else { -1 };
    let (from, ppm) = match (kind, side) {
        (Kind::Market, _) => return None,
        (Kind::Ioc | Kind::Through, Side::Buy) => (ask?, random.between(50, 500)),
        (Kind::Ioc | Kind::Through, Side::Sell) => (bid?, random.between(50, 500)),
        (Kind::Resting, Side::Buy) => (bid?, -random.between(50, 400)),
        (Kind::Resting, Side::Sell) => (ask?, -random.between(50, 400)),
    };
    let moved = i128::from(from) + i128::from(from) * i128::from(sign * ppm) / 1_000_000;
    let moved = i64::try_from(moved).ok()?;
    Some(moved / CENT_E8 * CENT_E8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overdue_cancel_of_a_client_that_is_not_logged_on_wakes_nobody() {
        let mut trader = Trader::new(1, 1_000, 1);
        trader.cancels.insert((500, 0));
        assert_eq!(trader.next_ns(true), 500);
        assert_eq!(trader.next_ns(false), 1_000, "the next order is held, and time goes on");
        trader.mark();
        assert_eq!(trader.next_ns(true), 1_000, "cancels wait for the first execution");
    }
}
