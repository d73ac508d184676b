//! Finding out over REST what became of children: which calls are needed, and what they tell.
//!
//! A line belongs here if it decides the next call or draws a conclusion from its answer. Fields
//! and signatures are `rest`. One call is out at a time, paced below the venue's counter.
//!
//! Children that are asked about are gathered into rounds. A round lists the open orders, then
//! finds the rest by id (when they are several, first on the newest pages of closed orders, which
//! is one call for many), then reads the trades of all that have traded, then tells: all fills of a
//! child first, its fate last. What stays open is asked again in a later round, for ever.

use std::collections::{BTreeMap, BTreeSet};

use rutter_core::id::{ChildId, ExecId, InstrumentId, VenueOrderId};
use rutter_core::input::{ChildFill, Fate, Input, Liquidity, Side};
use rutter_core::number::{Amount, Qty};
use rutter_transport::machine::{HttpResponse, Outbox};

use super::children::End;
use super::message::{self, digits};
use super::report::Ledger;
use super::rest::{self, Call, OrderInfo, Orders, PAGE, QUERY_ORDERS_MAX, RestError, TradeInfo};
use super::time::unix_seconds;
use crate::backoff::Backoff;
use crate::ids;
use crate::kraken::config::RestLimit;
use crate::listing::{Listing, amount};

const SECOND_NS: u64 = 1_000_000_000;

/// Children that may wait to be asked about.
pub(super) const ASKS_MAX: usize = 1 << 17;

/// Children in one round.
const ROUND_MAX: usize = 100;

/// Children of one round that are asked for alone. The rest wait for the next round, so that what
/// is found is told soon though calls are slow.
const ALONE_MAX: usize = 8;

/// From so many children on, the newest closed orders are listed before each is asked for alone.
const RECENT_MIN: usize = 3;

/// Pages of closed orders in one round.
const RECENT_PAGES_MAX: usize = 4;

/// Pages of trades in one round.
const PAGES_MAX: usize = 200;

/// Trades are read from so long before the oldest order of the round.
const TRADES_MARGIN_S: u64 = 5;

/// First and longest wait before a child without a clear answer is asked about again.
const AGAIN_BASE_NS: u64 = SECOND_NS;
const AGAIN_SHIFT_MAX: u32 = 5;

/// Longest wait until a child that is not found can no longer arrive.
const CERTAIN_MAX_NS: u64 = 90 * SECOND_NS;

/// The venue's call counter, as far as our own calls fill it.
#[derive(Debug)]
struct Pacer {
    limit: RestLimit,
    /// In thousandths, at `at_ns`.
    level_milli: u64,
    at_ns: u64,
}

impl Pacer {
    fn level(&self, now_ns: u64) -> u64 {
        let passed_ms = now_ns.saturating_sub(self.at_ns) / 1_000_000;
        let decayed = passed_ms.saturating_mul(u64::from(self.limit.decay_milli_per_s)) / 1_000;
        self.level_milli.saturating_sub(decayed)
    }

    /// When a call of that cost fits.
    fn ready_ns(&self, cost: u32, now_ns: u64) -> u64 {
        let now_ns = now_ns.max(self.at_ns);
        let room = u64::from(self.limit.counter_max.saturating_sub(cost)) * 1_000;
        let excess = self.level(now_ns).saturating_sub(room);
        let wait_ms = (excess * 1_000).div_ceil(u64::from(self.limit.decay_milli_per_s).max(1));
        now_ns.saturating_add(wait_ms.saturating_mul(1_000_000))
    }

    fn add(&mut self, cost: u32, now_ns: u64) {
        self.level_milli = self.level(now_ns) + u64::from(cost) * 1_000;
        self.at_ns = now_ns;
    }

    /// The venue says that the counter is full.
    fn fill(&mut self, now_ns: u64) {
        self.level_milli = u64::from(self.limit.counter_max) * 1_000;
        self.at_ns = now_ns;
    }
}

/// A child that is asked about.
#[derive(Clone, Copy, Debug)]
struct Ask {
    instrument: InstrumentId,
    /// After this time a child that is not found can no longer arrive.
    never_after_ns: u64,
    /// Not to be asked before.
    at_ns: u64,
    attempts: u32,
}

/// What the orders' calls told of a child.
#[derive(Clone, Debug)]
struct Found {
    order: VenueOrderId,
    fate: Fate,
    filled: Qty,
    opened_s: u64,
    fills: BTreeMap<ExecId, ChildFill>,
    traded: Qty,
}

#[derive(Clone, Debug)]
struct Member {
    child: ChildId,
    ask: Ask,
    found: Option<Found>,
    /// Something about it could not be read: ask again, conclude nothing.
    unclear: bool,
    /// There was no time for it in this round.
    postponed: bool,
}

impl Member {
    fn is_complete(&self) -> bool {
        self.found.as_ref().is_none_or(|found| found.traded >= found.filled)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// List the open orders.
    Open,
    /// Find by the venue's id what is not open; `from` is the next member, `batch` at most at once.
    Known { from: usize, batch: usize },
    /// List the newest closed orders.
    Recent { pages: usize },
    /// Find by our id what is not open.
    Closed { from: usize, asked: usize },
    /// Read the trades.
    Trades { offset: usize, pages: usize },
    /// Tell.
    Told,
}

#[derive(Debug)]
struct Round {
    started_ns: u64,
    members: Vec<Member>,
    step: Step,
}

/// See the module's text.
#[derive(Debug)]
pub(super) struct Reconciler {
    asks: BTreeMap<ChildId, Ask>,
    round: Option<Round>,
    balances_due: bool,
    /// The venue is to come up after this: tell of all open orders, too.
    full: bool,
    /// Of whose fate the core was told meanwhile.
    told: BTreeSet<ChildId>,
    pacer: Pacer,
    retry_ns: u64,
    backoff: Backoff,
}

impl Reconciler {
    pub fn new(limit: RestLimit, backoff: Backoff) -> Self {
        Self {
            asks: BTreeMap::new(),
            round: None,
            balances_due: false,
            full: false,
            told: BTreeSet::new(),
            pacer: Pacer { limit, level_milli: 0, at_ns: 0 },
            retry_ns: 0,
            backoff,
        }
    }

    /// The core asks about a child; false when too many are asked about.
    pub fn ask(&mut self, child: ChildId, instrument: InstrumentId, never_after_ns: u64) -> bool {
        if self.asks.len() >= ASKS_MAX && !self.asks.contains_key(&child) {
            return false;
        }
        let ask = Ask { instrument, never_after_ns, at_ns: 0, attempts: 0 };
        let held = self.asks.entry(child).or_insert(ask);
        held.at_ns = 0;
        true
    }

    /// The link is up: everything is to be found out before the venue counts as up. For a child
    /// that is not found, what an earlier connection sent can no longer arrive after
    /// `never_after_ns`.
    pub fn begin_full(&mut self, never_after_ns: u64) {
        self.full = true;
        self.told.clear();
        self.balances_due = true;
        for ask in self.asks.values_mut() {
            // Of children of an earlier process it is not known when they were sent.
            if ask.never_after_ns == u64::MAX {
                ask.never_after_ns = never_after_ns;
            }
        }
    }

    /// The totals of the stream cannot be trusted: ask for them.
    pub const fn ask_balances(&mut self) {
        self.balances_due = true;
    }

    /// The link is gone: what was found out is not told; the questions stay.
    pub fn reset(&mut self) {
        if let Some(round) = self.round.take() {
            self.put_back(round.members);
        }
        self.full = false;
        self.balances_due = false;
    }

    fn put_back(&mut self, members: Vec<Member>) {
        for member in members {
            self.asks.entry(member.child).or_insert(member.ask);
        }
    }

    pub fn is_done(&self) -> bool {
        self.asks.is_empty() && self.round.is_none() && !self.balances_due
    }

    /// A call that is not this reconciler's fills the venue's counter, too.
    pub fn count_call(&mut self, call: &Call, now_ns: u64) {
        self.pacer.add(call.cost(), now_ns);
    }

    /// When [`Reconciler::next_call`] may have something.
    pub fn next_ns(&self, now_ns: u64) -> Option<u64> {
        let balances = self.balances_due && (self.asks.is_empty() || !self.full);
        let due = if self.round.is_some() || balances {
            now_ns
        } else {
            self.asks.values().map(|ask| ask.at_ns).min()?
        };
        Some(due.max(self.retry_ns).max(self.pacer.ready_ns(2, now_ns)))
    }

    /// The next call to make, if it is time for one.
    pub fn next_call(
        &mut self,
        now_ns: u64,
        ledger: &mut Ledger,
        out: &mut Outbox<Input>,
    ) -> Option<Call> {
        if now_ns < self.retry_ns || now_ns < self.pacer.ready_ns(2, now_ns) {
            return None;
        }
        if self.round.is_none() {
            self.begin_round(now_ns);
        }
        let call = if let Some(call) = self.round_call(ledger) {
            call
        } else {
            self.tell(now_ns, ledger, out);
            if !self.balances_due || (self.full && !self.asks.is_empty()) {
                return None;
            }
            self.tell_open(ledger, out);
            ledger.balances.clear();
            Call::Balances
        };
        self.pacer.add(call.cost(), now_ns);
        Some(call)
    }

    fn begin_round(&mut self, now_ns: u64) {
        let due = self.asks.iter().filter(|(_, ask)| ask.at_ns <= now_ns);
        let members: Vec<Member> = due
            .take(ROUND_MAX)
            .map(|(child, ask)| Member {
                child: *child,
                ask: *ask,
                found: None,
                unclear: false,
                postponed: false,
            })
            .collect();
        for member in &members {
            self.asks.remove(&member.child);
        }
        if !members.is_empty() {
            self.round = Some(Round { started_ns: now_ns, members, step: Step::Open });
        }
    }

    /// The next call of the round, passing over steps that need none.
    fn round_call(&mut self, ledger: &Ledger) -> Option<Call> {
        let round = self.round.as_mut()?;
        if let Step::Known { from, batch } = round.step {
            let known = round.lookups(ledger, from, true);
            let chosen: Vec<_> = known.into_iter().take(batch).collect();
            if !chosen.is_empty() {
                let ids = chosen.into_iter().map(|at| round.order_of(at, ledger)).collect();
                return Some(Call::QueryOrders(ids));
            }
            round.step = Step::Recent { pages: 0 };
        }
        if let Step::Recent { pages } = round.step {
            if pages < RECENT_PAGES_MAX && round.lookups(ledger, 0, false).len() >= RECENT_MIN {
                return Some(Call::RecentOrders { offset: pages * PAGE });
            }
            round.step = Step::Closed { from: 0, asked: 0 };
        }
        if let Step::Closed { from, asked } = round.step {
            let lookups = round.lookups(ledger, from, false);
            if asked >= ALONE_MAX {
                round.postpone(&lookups);
            } else if let Some(at) = lookups.first().copied() {
                round.step = Step::Closed { from: at, asked };
                let child = round.members.get(at)?.child;
                let text = ids::hex32(ledger.config.node_tag, child);
                return Some(Call::ClosedOrders(text.as_str().to_owned()));
            }
            round.step = Step::Trades { offset: 0, pages: 0 };
        }
        match round.step {
            Step::Open => Some(Call::OpenOrders),
            Step::Trades { offset, .. } => {
                let start_s = round.trades_from_s()?;
                Some(Call::TradesHistory { start_s, offset })
            }
            Step::Known { .. } | Step::Recent { .. } | Step::Closed { .. } | Step::Told => None,
        }
    }

    /// The answer to the call that was out.
    pub fn on_answer(
        &mut self,
        now_ns: u64,
        call: &Call,
        response: Option<&HttpResponse>,
        ledger: &mut Ledger,
        out: &mut Outbox<Input>,
    ) {
        let result = match call {
            Call::Token => Ok(()),
            Call::Balances => self.on_balances(response, ledger, out),
            Call::OpenOrders => rest::open_orders(response).map(|orders| {
                self.on_orders(&orders, ledger);
                self.step(Step::Known { from: 0, batch: QUERY_ORDERS_MAX });
            }),
            Call::QueryOrders(_) => {
                let orders = rest::query_orders(response);
                orders.map(|orders| self.on_known(&orders, ledger))
            }
            Call::ClosedOrders(asked) => rest::closed_orders(response).map(|orders| {
                self.on_orders(&orders, ledger);
                self.on_filtered(&orders, asked, ledger);
            }),
            Call::RecentOrders { .. } => rest::closed_orders(response).map(|orders| {
                self.on_orders(&orders, ledger);
                self.next_recent(orders.len());
            }),
            Call::TradesHistory { .. } => {
                let page = rest::trades(response);
                page.map(|page| self.on_trades(&page, ledger))
            }
        };
        match result {
            Ok(()) => self.backoff.reset(),
            Err(error) => self.on_error(now_ns, &error, ledger),
        }
    }

    fn step(&mut self, step: Step) {
        if let Some(round) = &mut self.round {
            round.step = step;
        }
    }

    /// The call failed. A refusal of some ids must not hold up the others; everything else is
    /// tried again later.
    fn on_error(&mut self, now_ns: u64, error: &RestError, ledger: &mut Ledger) {
        ledger.counters.rest_failures += 1;
        self.retry_ns = now_ns.saturating_add(self.backoff.next_ns());
        let RestError::Venue(text) = error else { return };
        if text.contains("Rate limit") {
            self.pacer.fill(now_ns);
        }
        if text.starts_with("EAPI:") || text.starts_with("EService:") {
            return;
        }
        match self.round.as_ref().map(|round| round.step) {
            Some(Step::Known { from, batch }) if batch > 1 => {
                self.step(Step::Known { from, batch: 1 });
            }
            Some(Step::Known { from, .. }) => self.give_up_known(from, ledger),
            Some(Step::Closed { from, .. }) => {
                self.give_up(from);
                self.pass_over_closed();
            }
            Some(Step::Open | Step::Recent { .. } | Step::Trades { .. } | Step::Told) | None => {}
        }
    }

    /// Concludes nothing about the member at that position in this round.
    fn give_up(&mut self, at: usize) {
        if let Some(member) = self.round.as_mut().and_then(|round| round.members.get_mut(at)) {
            member.unclear = true;
        }
    }

    fn give_up_known(&mut self, from: usize, ledger: &Ledger) {
        let first = self.round.as_ref().map(|round| round.lookups(ledger, from, true));
        if let Some(at) = first.and_then(|lookups| lookups.first().copied()) {
            self.give_up(at);
        }
    }

    /// The venue was asked for the closed orders with one of our ids. If it names others, it did
    /// not heed the filter, and that ours is not among them proves nothing.
    fn on_filtered(&mut self, orders: &Orders<'_>, asked: &str, ledger: &mut Ledger) {
        if orders.values().any(|info| info.cl_ord_id.as_deref() != Some(asked)) {
            ledger.counters.protocol_errors += 1;
            let step = self.round.as_ref().map(|round| round.step);
            if let Some(Step::Closed { from, .. }) = step
                && !self.is_found(from)
            {
                self.give_up(from);
            }
        }
        self.pass_over_closed();
    }

    fn is_found(&self, at: usize) -> bool {
        let member = self.round.as_ref().and_then(|round| round.members.get(at));
        member.is_some_and(|member| member.found.is_some())
    }

    /// A page of closed orders was read; a short one is the last.
    fn next_recent(&mut self, orders: usize) {
        if let Some(Round { step: Step::Recent { pages }, .. }) = &mut self.round {
            *pages = if orders < PAGE { RECENT_PAGES_MAX } else { *pages + 1 };
        }
    }

    /// The member that was looked up by our id is dealt with, found or not.
    fn pass_over_closed(&mut self) {
        if let Some(Round { step: Step::Closed { from, asked }, .. }) = &mut self.round {
            *from += 1;
            *asked += 1;
        }
    }

    fn on_orders(&mut self, orders: &Orders<'_>, ledger: &mut Ledger) {
        let Some(round) = &mut self.round else { return };
        for (txid, info) in orders {
            let Some(order) = message::order_id(txid) else { continue };
            let by_id = info.cl_ord_id.as_deref().and_then(|id| ledger.child(id));
            let child = by_id.or_else(|| ledger.children.of_order(order));
            if let Some(child) = child
                && let Some(member) = round.members.iter_mut().find(|m| m.child == child)
            {
                member.learn(order, info, ledger);
            }
        }
    }

    fn on_known(&mut self, orders: &Orders<'_>, ledger: &mut Ledger) {
        let Some(Round { step: Step::Known { from, batch }, .. }) = self.round else { return };
        let asked = self.round.as_ref().map(|round| round.lookups(ledger, from, true));
        self.on_orders(orders, ledger);
        // All that were asked are dealt with, found or not.
        let last = asked.and_then(|asked| asked.into_iter().take(batch).next_back());
        self.step(Step::Known { from: last.map_or(from, |at| at + 1), batch });
    }

    fn on_trades(&mut self, page: &rest::Trades<'_>, ledger: &mut Ledger) {
        let Some(round) = &mut self.round else { return };
        let Step::Trades { offset, pages } = round.step else { return };
        for (exec, trade) in &page.trades {
            let order = message::order_id(&trade.ordertxid);
            let of = |m: &&mut Member| m.found.as_ref().is_some_and(|f| Some(f.order) == order);
            if let Some(member) = round.members.iter_mut().find(of) {
                member.trade(exec, trade, ledger);
            }
        }
        let read = offset + page.trades.len();
        let is_last = page.trades.is_empty()
            || page.count.map_or(page.trades.len() < PAGE, |count| read >= count)
            || pages + 1 >= PAGES_MAX;
        if pages + 1 >= PAGES_MAX {
            ledger.counters.rest_failures += 1;
        }
        let complete = round.members.iter().all(Member::is_complete);
        round.step = if complete || is_last {
            Step::Told
        } else {
            Step::Trades { offset: read, pages: pages + 1 }
        };
    }

    fn on_balances(
        &mut self,
        response: Option<&HttpResponse>,
        ledger: &mut Ledger,
        out: &mut Outbox<Input>,
    ) -> Result<(), RestError> {
        let told = rest::balances(response)?;
        let mut totals: BTreeMap<_, _> =
            ledger.assets.ids().into_iter().map(|asset| (asset, Amount::ZERO)).collect();
        for (name, info) in &told {
            if let Some(asset) = ledger.assets.name(name.as_bytes()) {
                let part = amount(digits(info.balance)).map_err(|_| RestError::Shape)?;
                let total = totals.entry(asset).or_default();
                *total = total.plus(part);
            }
        }
        // What the stream told while the call was out is newer.
        totals.extend(ledger.balances.iter().map(|(asset, total)| (*asset, *total)));
        for (asset, total) in totals {
            out.emit(Input::Balance { venue: ledger.config.venue, asset, total });
        }
        self.balances_due = false;
        self.full = false;
        Ok(())
    }

    /// Ends the round: tells what is clear, asks again about the rest.
    fn tell(&mut self, now_ns: u64, ledger: &mut Ledger, out: &mut Outbox<Input>) {
        let Some(round) = self.round.take() else { return };
        for member in round.members {
            if !member.conclude(round.started_ns, ledger, out) {
                let ask = member.again(now_ns);
                self.asks.entry(member.child).or_insert(ask);
            } else if self.full {
                self.told.insert(member.child);
            }
        }
    }

    /// Tells of every order of ours that is open: the core knows which of them it wants no more.
    fn tell_open(&mut self, ledger: &Ledger, out: &mut Outbox<Input>) {
        if !std::mem::take(&mut self.full) {
            return;
        }
        let venue = ledger.config.venue;
        let told = std::mem::take(&mut self.told);
        let open = ledger.children.live().filter(|(_, entry)| entry.accepted);
        for (child, entry) in open.filter(|(child, _)| !told.contains(child)) {
            let (fate, filled) = (Fate::Open, entry.filled);
            out.emit(Input::ChildFate { venue, child, fate, filled });
        }
    }
}

impl Round {
    /// Positions from `from` on of members that were not found yet and whose order id is known
    /// (or, for `by_order` false, is not).
    fn lookups(&self, ledger: &Ledger, from: usize, by_order: bool) -> Vec<usize> {
        let wanted = |(_, member): &(usize, &Member)| {
            let known = ledger.children.get(member.child).is_some_and(|e| !e.order.is_empty());
            member.found.is_none() && !member.unclear && known == by_order
        };
        let members = self.members.iter().enumerate().skip(from);
        members.filter(wanted).map(|(at, _)| at).collect()
    }

    fn postpone(&mut self, positions: &[usize]) {
        for at in positions {
            if let Some(member) = self.members.get_mut(*at) {
                member.postponed = true;
            }
        }
    }

    fn order_of(&self, at: usize, ledger: &Ledger) -> String {
        let member = self.members.get(at);
        let entry = member.and_then(|member| ledger.children.get(member.child));
        entry.map(|entry| entry.order.as_str().to_owned()).unwrap_or_default()
    }

    /// Since when trades are missing; `None` when none are.
    fn trades_from_s(&self) -> Option<u64> {
        let missing = self.members.iter().filter(|member| !member.is_complete());
        let opened = missing.filter_map(|m| m.found.as_ref().map(|found| found.opened_s)).min()?;
        Some(opened.saturating_sub(TRADES_MARGIN_S))
    }
}

impl Member {
    /// When to ask again: at once when it can no longer arrive if nothing but that is open, else
    /// after ever longer waits.
    fn again(&self, now_ns: u64) -> Ask {
        let mut ask = self.ask;
        if self.postponed {
            return ask;
        }
        let wait_ns = AGAIN_BASE_NS << ask.attempts.min(AGAIN_SHIFT_MAX);
        let next_ns = now_ns.saturating_add(wait_ns);
        let may_arrive = self.found.is_none() && !self.unclear && ask.never_after_ns >= now_ns;
        let certain_ns = ask.never_after_ns.saturating_add(1);
        ask.at_ns = if may_arrive { certain_ns.min(now_ns + CERTAIN_MAX_NS) } else { next_ns };
        ask.attempts = ask.attempts.saturating_add(1);
        ask
    }

    /// Takes what a call tells of the order.
    fn learn(&mut self, order: VenueOrderId, info: &OrderInfo<'_>, ledger: &mut Ledger) {
        let filled =
            ledger.listing(self.ask.instrument).and_then(|l| l.qty(digits(info.vol_exec)).ok());
        let entry = ledger.children.get(self.child);
        let ioc = entry.is_some_and(|entry| entry.ioc && !entry.cancel_asked)
            || info.reason.as_deref().is_some_and(|reason| reason.starts_with("IOC"));
        let fate = match info.status.as_ref() {
            "pending" | "open" => Some(Fate::Open),
            "closed" => Some(Fate::Closed),
            "canceled" => Some(if ioc { Fate::Expired } else { Fate::Closed }),
            "expired" => Some(Fate::Expired),
            _ => None,
        };
        let (Some(filled), Some(fate)) = (filled, fate) else {
            ledger.counters.protocol_errors += 1;
            self.unclear = true;
            return;
        };
        let opened_s = info.opentm.and_then(|raw| unix_seconds(digits(raw))).unwrap_or(0);
        let (fills, traded) = (BTreeMap::new(), Qty::ZERO);
        self.found = Some(Found { order, fate, filled, opened_s, fills, traded });
    }

    /// Takes one trade of this order.
    fn trade(&mut self, exec: &str, trade: &TradeInfo<'_>, ledger: &mut Ledger) {
        let listing = ledger.listing(self.ask.instrument).cloned();
        let fill = listing.and_then(|listing| self.fill(exec, trade, &listing, ledger));
        let (Some(fill), Some(found)) = (fill, &mut self.found) else {
            ledger.counters.protocol_errors += 1;
            self.unclear = true;
            return;
        };
        // Pages shift when a trade happens between them.
        if found.fills.insert(fill.exec, fill).is_none() {
            found.traded = Qty(found.traded.0.saturating_add(fill.qty.0));
        }
    }

    fn fill(
        &self,
        exec: &str,
        trade: &TradeInfo<'_>,
        listing: &Listing,
        ledger: &Ledger,
    ) -> Option<ChildFill> {
        Some(ChildFill {
            venue: ledger.config.venue,
            child: self.child,
            instrument: self.ask.instrument,
            side: match trade.side.as_ref() {
                "buy" => Side::Buy,
                "sell" => Side::Sell,
                _ => return None,
            },
            exec: ExecId::from_text(exec.as_bytes())?,
            qty: listing.qty(digits(trade.vol)).ok()?,
            price: listing.price(digits(trade.price)).ok()?,
            fee: amount(digits(trade.fee)).ok()?,
            fee_asset: ledger.quote(listing),
            liquidity: if trade.maker == Some(true) { Liquidity::Maker } else { Liquidity::Taker },
        })
    }

    /// Tells what became of it; false when that is not clear yet.
    fn conclude(&self, started_ns: u64, ledger: &mut Ledger, out: &mut Outbox<Input>) -> bool {
        if self.unclear || self.postponed || !self.is_complete() {
            return false;
        }
        let (venue, child) = (ledger.config.venue, self.child);
        let Some(found) = &self.found else {
            let shown = ledger.children.get(child).is_some_and(|e| !e.order.is_empty());
            if shown || started_ns <= self.ask.never_after_ns {
                return false;
            }
            ledger.counters.never_arrived += 1;
            let (fate, filled) = (Fate::NeverArrived, Qty::ZERO);
            ledger.children.end(child, End { expired: false, filled });
            out.emit(Input::ChildFate { venue, child, fate, filled });
            return true;
        };
        for fill in found.fills.values() {
            out.emit(Input::ChildFill(*fill));
        }
        if ledger.children.known(child, self.ask.instrument).is_none() {
            ledger.counters.children_dropped += 1;
        }
        ledger.children.join(child, found.order);
        let mut filled = found.filled.max(found.traded);
        let mut fate = found.fate;
        if let Some(entry) = ledger.children.get_mut(child) {
            entry.accepted = true;
            filled = filled.max(entry.filled);
            entry.filled = filled;
            // The stream was quicker: what it said is newer than the answer.
            match (entry.end, fate) {
                (Some(end), Fate::Open) if end.expired => fate = Fate::Expired,
                (Some(_), Fate::Open) => fate = Fate::Closed,
                _ => {}
            }
        }
        if fate != Fate::Open {
            ledger.children.end(child, End { expired: fate == Fate::Expired, filled });
        }
        out.emit(Input::ChildFate { venue, child, fate, filled });
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_paced_below_the_venues_counter() {
        let limit = RestLimit { counter_max: 3, decay_milli_per_s: 500 };
        let mut pacer = Pacer { limit, level_milli: 0, at_ns: 0 };
        let mut now_ns = 1_000 * SECOND_NS;
        let start_ns = now_ns;
        for _ in 0..20 {
            now_ns = pacer.ready_ns(2, now_ns);
            pacer.add(2, now_ns);
            assert!(pacer.level(now_ns) <= 3_000);
        }
        // 40 points, 3 of them at once, half a point a second.
        assert_eq!((now_ns - start_ns) / SECOND_NS, 74);
        pacer.fill(now_ns);
        assert_eq!(pacer.ready_ns(1, now_ns), now_ns + 2 * SECOND_NS);
    }
}
