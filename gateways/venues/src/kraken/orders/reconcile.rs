//! Kraken's part of asking what became of children: which call the children of a round need next,
//! and what its answer tells of each.
//!
//! A line belongs here if it connects Kraken's REST calls and the ledger with the shared
//! [`Inquiry`](crate::inquiry::Inquiry). Fields and signatures are `rest`.
//!
//! Kraken's call counter allows about one call in six seconds, so children share calls. A round
//! lists the open orders. It then finds the remaining children by id; when they are several, the
//! pages of closed orders since they were sent come first, since one such call finds many, and all
//! pages show which orders are not there. It then reads the
//! trades of all children that have traded.

use std::collections::BTreeMap;

use rutter_core::id::{AssetId, ChildId, ExecId, InstrumentId, VenueId};
use rutter_core::input::{Ending, Fate, Liquidity, Side};
use rutter_core::number::{Amount, Qty};
use rutter_transport::machine::{HttpRequest, HttpResponse};

use super::children::{End, Entry};
use super::message::{self, digits};
use super::nonce::Nonce;
use super::report::{Ledger, canceled};
use super::rest::{
    self, Call, OrderInfo, Orders, PAGE, QUERY_ORDERS_MAX, RestError, TradeInfo, digits_of,
};
use super::time::unix_seconds;
use crate::answers::Class;
use crate::clock::VenueClock;
use crate::inquiry::{
    Ask, CallLimit, Dialect, Limit, Member, OrderState, Pace, Refused, Retry, Round, Trade,
};
use crate::kraken::{ids, reject};
use crate::listing::amount;

const SECOND_NS: u64 = 1_000_000_000;

/// Most children of one round that are asked for alone. The others wait for the next round, so that
/// the core soon hears of the children that were found.
const ALONE_MAX: usize = 8;

/// Fewest children for which the newest closed orders are listed before each is asked for alone.
const RECENT_MIN: usize = 3;

/// Most pages of closed orders in one round. Children that are on none of so many are asked for
/// alone.
const RECENT_PAGES_MAX: usize = 40;

/// How long ago an earlier process may have sent a child, in seconds: closed orders are listed
/// since then.
const HISTORY_S: u64 = 86_400;

/// The venue takes no deadline later than this after its own time, in nanoseconds (`deadline` of
/// `add_order`). An order that it took was so opened at the earliest this long before its deadline,
/// and could be taken at the latest this long after it was sent, whatever our clock said.
const DEADLINE_MAX_NS: u64 = 60 * SECOND_NS;

/// Closed orders are listed from this long before the oldest child can have been opened, in
/// seconds: times of orders are not exact.
const RECENT_MARGIN_S: u64 = 5;

/// Most pages of trades in one round.
const PAGES_MAX: usize = 200;

/// Trades are read from this long before the opening of the round's oldest order, in seconds.
const TRADES_MARGIN_S: u64 = 5;

/// How Kraken is asked: one call at a time, under the account's call counter.
pub(super) const fn pace(limit: CallLimit, pause_ns: (u64, u64)) -> Pace {
    Pace {
        questions_max: 1 << 17,
        round_children_max: 1_000,
        in_flight_max: 1,
        // The channel `executions` shows them.
        lists_open_orders: false,
        answer_timeout_ns: 30 * SECOND_NS,
        limit: Limit::Counter { limit, cost_max: 2 },
        pause_ns,
        retry: Retry {
            first_ns: SECOND_NS,
            longest_ns: 32 * SECOND_NS,
            proof_wait_max_ns: Some(90 * SECOND_NS),
        },
    }
}

/// The kind of call that comes next in a round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    /// List the open orders.
    #[default]
    Open,
    /// Find closed orders by the venue's ids, at most `batch` in one call, from member `from` on.
    Known { from: usize, batch: usize },
    /// List the newest closed orders.
    Recent { pages: usize },
    /// Find one closed order by our id, from member `from` on.
    Closed { from: usize, asked: usize },
    /// Read the trades.
    Trades { offset: usize, pages: usize },
    /// No further call is needed.
    Told,
}

/// How far the calls of a round are.
#[derive(Debug, Default)]
pub(super) struct Plan {
    step: Step,
    /// Since when the closed orders are listed, in Unix seconds; zero before the first page.
    recent_s: u64,
    /// All pages of closed orders were read, so an order on none of them is not closed.
    is_listed: bool,
    /// When the orders that were found were opened, in Unix seconds.
    opened_s: BTreeMap<ChildId, u64>,
}

/// What Kraken's calls and answers need, borrowed from the machine for one call.
pub(super) struct KrakenDialect<'a> {
    pub ledger: &'a mut Ledger,
    /// The decoded API secret.
    pub secret: &'a [u8],
    pub nonce: &'a mut Nonce,
    pub now_ns: u64,
    /// When the private link was connected.
    pub connected_ns: u64,
    /// The venue takes orders.
    pub is_online: bool,
    pub clock: &'a VenueClock,
}

/// The signed request of a call.
pub(super) fn signed(
    call: &Call,
    id: u64,
    now_ns: u64,
    nonce: &mut Nonce,
    key: (&rutter_transport::secret::Secret, &[u8]),
) -> HttpRequest {
    rest::request(id, call, nonce.next(now_ns), key.0, key.1)
}

fn refused(error: RestError, now_ns: u64) -> Refused<RestError> {
    let (why, pause_ns) = (error.why(), error.pause_ns(now_ns));
    Refused { error, pause_ns, why, is_of_child: false }
}

impl Dialect for KrakenDialect<'_> {
    type Error = RestError;
    type Call = Call;
    type Plan = Plan;

    fn venue(&self) -> VenueId {
        self.ledger.config.venue
    }

    fn takes_orders(&self) -> bool {
        self.is_online
    }

    /// Skips the steps that need no call.
    fn next_call(&self, round: &mut Round<Plan>) -> Option<Call> {
        if let Step::Known { from, batch } = round.plan.step {
            let known = self.lookups(round, from, true);
            let chosen: Vec<_> = known.into_iter().take(batch).collect();
            if !chosen.is_empty() {
                let ids = chosen.into_iter().map(|at| self.order_of(round, at)).collect();
                return Some(Call::QueryOrders(ids));
            }
            round.plan.step = Step::Recent { pages: 0 };
        }
        if let Step::Recent { pages } = round.plan.step {
            if pages < RECENT_PAGES_MAX && self.lookups(round, 0, false).len() >= RECENT_MIN {
                if pages == 0 {
                    round.plan.recent_s = self.recent_from_s(round);
                }
                let start_s = round.plan.recent_s;
                return Some(Call::RecentOrders { start_s, offset: pages * PAGE });
            }
            round.plan.step = Step::Closed { from: 0, asked: 0 };
        }
        if let Step::Closed { from, asked } = round.plan.step {
            let mut lookups = self.lookups(round, from, false);
            if round.plan.is_listed {
                lookups.clear();
            }
            if asked >= ALONE_MAX {
                postpone(round, &lookups);
            } else if let Some(at) = lookups.first().copied() {
                round.plan.step = Step::Closed { from: at, asked };
                let child = round.members.get(at)?.child;
                let text = ids::order(self.ledger.config.node_tag, child);
                return Some(Call::ClosedOrders(text.as_str().to_owned()));
            }
            round.plan.step = Step::Trades { offset: 0, pages: 0 };
        }
        match round.plan.step {
            Step::Open => Some(Call::OpenOrders),
            Step::Trades { offset, .. } => {
                let start_s = trades_from_s(round)?;
                Some(Call::TradesHistory { start_s, offset })
            }
            Step::Known { .. } | Step::Recent { .. } | Step::Closed { .. } | Step::Told => None,
        }
    }

    fn cost(&self, ask: &Ask<Call>) -> u32 {
        call_of(ask).cost()
    }

    fn request(&mut self, ask: &Ask<Call>, id: u64, now_ns: u64) -> HttpRequest {
        if *ask == Ask::Balances {
            // From now on, a balance that the stream tells is newer than the answer.
            self.ledger.balances.clear();
        }
        let key = (&self.ledger.config.api_key, self.secret);
        signed(call_of(ask), id, now_ns, self.nonce, key)
    }

    fn answer(
        &mut self,
        call: &Call,
        response: Option<&HttpResponse>,
        round: &mut Round<Plan>,
    ) -> Result<(), Refused<RestError>> {
        let result = match call {
            Call::Token | Call::Balances => Ok(()),
            Call::OpenOrders => rest::open_orders(response).map(|orders| {
                self.on_orders(&orders, round);
                round.plan.step = Step::Known { from: 0, batch: QUERY_ORDERS_MAX };
            }),
            Call::QueryOrders(_) => {
                rest::query_orders(response).map(|orders| self.on_known(&orders, round))
            }
            Call::ClosedOrders(asked) => rest::closed_orders(response).map(|orders| {
                self.on_orders(&orders, round);
                self.on_filtered(&orders, asked, round);
            }),
            Call::RecentOrders { .. } => rest::closed_orders(response).map(|orders| {
                self.on_orders(&orders, round);
                next_recent(orders.len(), round);
            }),
            Call::TradesHistory { .. } => {
                rest::trades(response).map(|page| self.on_trades(&page, round))
            }
        };
        result.map_err(|error| {
            self.on_error(&error, round);
            refused(error, self.now_ns)
        })
    }

    fn balances(
        &self,
        response: Option<&HttpResponse>,
    ) -> Result<Vec<(AssetId, Amount)>, Refused<RestError>> {
        let ledger = &*self.ledger;
        let refused = |error| refused(error, self.now_ns);
        let told = rest::balances(response).map_err(refused)?;
        let assets = ledger.assets.ids().into_iter();
        let mut totals: BTreeMap<_, _> = assets.map(|asset| (asset, Amount::ZERO)).collect();
        for (name, info) in &told {
            if let Some(asset) = ledger.assets.name(name.as_bytes()) {
                let part =
                    amount(digits_of(info.balance)).map_err(|_| refused(RestError::Shape))?;
                let total = totals.entry(asset).or_default();
                *total = total.plus(part);
            }
        }
        // A balance that the stream told while the call was under way is newer.
        totals.extend(ledger.balances.iter().map(|(asset, total)| (*asset, *total)));
        Ok(totals.into_iter().collect())
    }

    fn shown_open(&self) -> Vec<(ChildId, OrderState)> {
        let open = self.ledger.children.live().filter(|(_, entry)| entry.accepted);
        let state = |entry: &Entry| OrderState {
            order: entry.order,
            fate: Fate::Open,
            filled: entry.filled,
            qty: entry.news_of_qty(),
        };
        open.map(|(child, entry)| (child, state(entry))).collect()
    }

    /// An earlier process sent the child at the latest when this connection was made. A correction
    /// of the clock that was wrong, or a clock that is ahead, lets the venue take the order later.
    fn certain_ns(&self, child: ChildId) -> u64 {
        let entry = self.ledger.children.get(child);
        let sent_ns = entry.and_then(|entry| entry.sent_ns).unwrap_or(self.connected_ns);
        let config = &self.ledger.config;
        let usual_ns = sent_ns.saturating_add(config.validity_ns);
        let corrected_ns = entry
            .map(|entry| entry.deadline_ns)
            .filter(|deadline_ns| *deadline_ns > 0)
            .map_or(0, |deadline_ns| deadline_ns.abs_diff(usual_ns));
        let ahead_ns = self.clock.ahead_ns().unwrap_or(0).max(0).unsigned_abs();
        let off_ns = corrected_ns.saturating_add(ahead_ns);
        let latest_ns = sent_ns.saturating_add(DEADLINE_MAX_NS).max(usual_ns);
        let valid_ns = usual_ns.saturating_add(off_ns).min(latest_ns);
        let doubted_ns = entry.and_then(|entry| entry.doubted_ns).unwrap_or_default();
        let late_ns = valid_ns.max(doubted_ns).saturating_add(config.never_arrived_margin_ns);
        late_ns.saturating_add(1)
    }

    fn is_shown(&self, child: ChildId) -> bool {
        self.ledger.children.get(child).is_some_and(|entry| !entry.order.is_empty())
    }

    fn settle(&mut self, child: ChildId, instrument: InstrumentId, state: &mut OrderState) {
        let ledger = &mut *self.ledger;
        if state.fate != Fate::NeverArrived {
            if ledger.children.known(child, instrument).is_none() {
                ledger.counters.children_dropped += 1;
            }
            ledger.children.join(child, state.order);
            if let Some(entry) = ledger.children.get_mut(child) {
                entry.accepted = true;
                entry.filled = entry.filled.max(state.filled);
                state.filled = entry.filled;
                if state.qty == entry.qty {
                    state.qty = Qty::ZERO;
                } else if !state.qty.is_zero() {
                    entry.qty = state.qty;
                }
                // The stream has told the end of the order, which is newer than the answer.
                if let (Some(end), Fate::Open) = (entry.end, state.fate) {
                    state.fate = fate_of(end.how);
                }
            }
        }
        if state.fate != Fate::Open {
            let how = match state.fate {
                Fate::Expired => Ending::Expired,
                Fate::SelfMatch => Ending::SelfMatch,
                Fate::Open | Fate::Closed | Fate::NeverArrived | Fate::Rejected => Ending::Canceled,
            };
            let end = End { how, filled: state.filled };
            ledger.children.end(child, end);
        }
    }
}

const fn fate_of(how: Ending) -> Fate {
    match how {
        Ending::Canceled => Fate::Closed,
        Ending::Expired => Fate::Expired,
        Ending::SelfMatch => Fate::SelfMatch,
    }
}

/// The call behind a question of the shared inquiry.
const fn call_of(ask: &Ask<Call>) -> &Call {
    match ask {
        Ask::OpenOrders => &Call::OpenOrders,
        Ask::Children(call) => call,
        Ask::Balances => &Call::Balances,
    }
}

/// The time from which trades must be read, in Unix seconds; `None` when no trade is missing.
fn trades_from_s(round: &Round<Plan>) -> Option<u64> {
    let missing = round.members.iter().filter(|member| !member.is_complete());
    let opened = missing.filter_map(|member| round.plan.opened_s.get(&member.child)).min()?;
    Some(opened.saturating_sub(TRADES_MARGIN_S))
}

fn postpone(round: &mut Round<Plan>, positions: &[usize]) {
    for at in positions {
        if let Some(member) = round.members.get_mut(*at) {
            member.is_postponed = true;
        }
    }
}

/// Concludes nothing in this round about the member at that position.
fn give_up(at: usize, round: &mut Round<Plan>) {
    if let Some(member) = round.members.get_mut(at) {
        member.is_unclear = true;
    }
}

/// A page of closed orders was read; a short one is the last.
const fn next_recent(orders: usize, round: &mut Round<Plan>) {
    round.plan.is_listed = orders < PAGE;
    if let Step::Recent { pages } = &mut round.plan.step {
        *pages = if orders < PAGE { RECENT_PAGES_MAX } else { *pages + 1 };
    }
}

/// The member that was looked up by our id is done with, found or not.
const fn pass_over_closed(round: &mut Round<Plan>) {
    if let Step::Closed { from, asked } = &mut round.plan.step {
        *from += 1;
        *asked += 1;
    }
}

impl KrakenDialect<'_> {
    /// Positions, from `from` on, of the members that were not found yet. With `by_order`, those
    /// whose order id at the venue is known; otherwise the others.
    fn lookups(&self, round: &Round<Plan>, from: usize, by_order: bool) -> Vec<usize> {
        let wanted = |(_, member): &(usize, &Member)| {
            let is_open = member.found.is_none() && !member.is_unclear;
            is_open && self.is_shown(member.child) == by_order
        };
        let members = round.members.iter().enumerate().skip(from);
        members.filter(wanted).map(|(at, _)| at).collect()
    }

    /// The time since which the closed orders must be listed to show all that were not found yet.
    fn recent_from_s(&self, round: &Round<Plan>) -> u64 {
        let old_ns = self.connected_ns.min(self.clock.at_venue(self.connected_ns));
        let old_ns = old_ns.saturating_sub(HISTORY_S * SECOND_NS);
        let sent = self.lookups(round, 0, false).into_iter().map(|at| {
            let member = round.members.get(at);
            let entry = member.and_then(|member| self.ledger.children.get(member.child));
            let deadline_ns = entry.map(|entry| entry.deadline_ns).filter(|at| *at > 0);
            deadline_ns.map_or(old_ns, |at| at.saturating_sub(DEADLINE_MAX_NS))
        });
        let oldest_ns = sent.min().unwrap_or(old_ns);
        (oldest_ns / SECOND_NS).saturating_sub(RECENT_MARGIN_S)
    }

    fn order_of(&self, round: &Round<Plan>, at: usize) -> String {
        let member = round.members.get(at);
        let entry = member.and_then(|member| self.ledger.children.get(member.child));
        entry.map(|entry| entry.order.to_string()).unwrap_or_default()
    }

    /// The call failed. A refusal of one id must not hold up the others. Any other call is made
    /// again later.
    fn on_error(&self, error: &RestError, round: &mut Round<Plan>) {
        let RestError::Venue(text) = error else { return };
        if matches!(reject::class(text), Class::Session | Class::RateLimit | Class::VenueClosed) {
            return;
        }
        match round.plan.step {
            Step::Known { from, batch } if batch > 1 => {
                round.plan.step = Step::Known { from, batch: 1 };
            }
            Step::Known { from, .. } => {
                if let Some(at) = self.lookups(round, from, true).first() {
                    give_up(*at, round);
                }
            }
            Step::Closed { from, .. } => {
                give_up(from, round);
                pass_over_closed(round);
            }
            Step::Open | Step::Recent { .. } | Step::Trades { .. } | Step::Told => {}
        }
    }

    /// The venue was asked for the closed orders with one of our ids. If it names other orders, it
    /// ignored the filter, and the absence of ours proves nothing.
    fn on_filtered(&mut self, orders: &Orders<'_>, asked: &str, round: &mut Round<Plan>) {
        if orders.values().any(|info| info.cl_ord_id.as_deref() != Some(asked)) {
            self.ledger.counters.protocol_errors += 1;
            if let Step::Closed { from, .. } = round.plan.step
                && round.members.get(from).is_none_or(|member| member.found.is_none())
            {
                give_up(from, round);
            }
        }
        pass_over_closed(round);
    }

    fn on_orders(&mut self, orders: &Orders<'_>, round: &mut Round<Plan>) {
        for (txid, info) in orders {
            let order = message::order_id(txid);
            let by_id = info.cl_ord_id.as_ref().and_then(|id| self.ledger.child(id));
            let by_order = || order.and_then(|order| self.ledger.children.of_order(order));
            let Some(child) = by_id.or_else(by_order) else {
                if info.cl_ord_id.is_none() {
                    self.doubt_absences(round);
                }
                continue;
            };
            let Some(member) = round.members.iter_mut().find(|m| m.child == child) else {
                continue;
            };
            let Some(order) = order else {
                self.ledger.counters.protocol_errors += 1;
                member.is_unclear = true;
                continue;
            };
            let fate = self.fate(child, info);
            let listing = self.ledger.listing(member.instrument);
            let filled = listing.and_then(|listing| listing.qty(digits_of(info.vol_exec)).ok());
            if let (Some(fate), Some(filled)) = (fate, filled) {
                let qty = listing.zip(info.vol).map(|(listing, vol)| listing.qty(digits(vol)));
                let qty = qty.and_then(Result::ok).unwrap_or_default().max(filled);
                member.learn(OrderState { order, fate, filled, qty });
                let opened_s = info.opentm.and_then(|raw| unix_seconds(digits(raw)));
                round.plan.opened_s.insert(child, opened_s.unwrap_or(0));
            } else {
                self.ledger.counters.protocol_errors += 1;
                member.is_unclear = true;
            }
        }
    }

    /// An order of the answer has an id that cannot be read. It may be any of ours, so no absence
    /// from the answer proves anything in this round.
    fn doubt_absences(&mut self, round: &mut Round<Plan>) {
        self.ledger.counters.protocol_errors += 1;
        for member in round.members.iter_mut().filter(|member| member.found.is_none()) {
            member.is_unclear = true;
        }
    }

    fn fate(&self, child: ChildId, info: &OrderInfo<'_>) -> Option<Fate> {
        let entry = self.ledger.children.get(child);
        let ioc = entry.is_some_and(|entry| entry.ioc && !entry.cancel_asked);
        match info.status.as_ref() {
            "pending" | "open" => Some(Fate::Open),
            "closed" => Some(Fate::Closed),
            "canceled" => Some(fate_of(canceled(ioc, &info.reason))),
            "expired" => Some(Fate::Expired),
            _ => None,
        }
    }

    fn on_known(&mut self, orders: &Orders<'_>, round: &mut Round<Plan>) {
        let Step::Known { from, batch } = round.plan.step else { return };
        let asked = self.lookups(round, from, true);
        self.on_orders(orders, round);
        // All members of the batch are done with, found or not.
        let last = asked.into_iter().take(batch).next_back();
        round.plan.step = Step::Known { from: last.map_or(from, |at| at + 1), batch };
    }

    fn on_trades(&mut self, page: &rest::Trades<'_>, round: &mut Round<Plan>) {
        let Step::Trades { offset, pages } = round.plan.step else { return };
        for (exec, info) in &page.trades {
            let order = message::order_id(&info.ordertxid);
            let of =
                |m: &&mut Member| m.found.as_ref().is_some_and(|f| Some(f.state.order) == order);
            let Some(member) = round.members.iter_mut().find(of) else { continue };
            if let Some(trade) = self.trade(member.instrument, exec, info) {
                member.add(trade);
            } else {
                self.ledger.counters.protocol_errors += 1;
                member.is_unclear = true;
            }
        }
        let read = offset + page.trades.len();
        let is_last = page.trades.is_empty()
            || page.count.map_or(page.trades.len() < PAGE, |count| read >= count)
            || pages + 1 >= PAGES_MAX;
        if pages + 1 >= PAGES_MAX {
            self.ledger.counters.rest_failures += 1;
        }
        let complete = round.members.iter().all(Member::is_complete);
        round.plan.step = if complete || is_last {
            Step::Told
        } else {
            Step::Trades { offset: read, pages: pages + 1 }
        };
    }

    fn trade(&self, instrument: InstrumentId, exec: &str, info: &TradeInfo<'_>) -> Option<Trade> {
        let listing = self.ledger.listing(instrument)?;
        Some(Trade {
            side: match info.side.as_ref() {
                "buy" => Side::Buy,
                "sell" => Side::Sell,
                _ => return None,
            },
            exec: ExecId::from_text(exec.as_bytes())?,
            qty: listing.qty(digits_of(info.vol)).ok()?,
            price: listing.price(digits_of(info.price)).ok()?,
            fee: amount(digits_of(info.fee)).ok()?,
            fee_asset: self.ledger.quote(listing),
            is_fee_known: true,
            liquidity: match info.maker.map(serde_json::value::RawValue::get) {
                Some("true") => Liquidity::Maker,
                _ => Liquidity::Taker,
            },
        })
    }
}
