//! One round of questions: its children, the calls that it still needs, and what the answers add
//! up to for each child.
//!
//! A line belongs here if it needs only one round. Which rounds there are, and the pace of calls,
//! is `reconcile`.

use std::collections::BTreeMap;

use rutter_core::id::{ChildId, ExecId, InstrumentId, VenueOrderId};
use rutter_core::input::{ChildFill, Fate, Input, Liquidity, Side};
use rutter_core::number::Qty;
use rutter_transport::machine::Outbox;

use super::children::End;
use super::message::digits;
use super::report::Ledger;
use super::rest::{OrderInfo, TradeInfo};
use super::time::unix_seconds;
use crate::inquiry::{Retry, proves_never_arrived};
use crate::listing::{Listing, amount};

const SECOND_NS: u64 = 1_000_000_000;

/// Trades are read from this long before the opening of the round's oldest order, in seconds.
const TRADES_MARGIN_S: u64 = 5;

/// When a child without a clear answer is asked about again.
const RETRY: Retry = Retry { first_ns: SECOND_NS, longest_ns: 32 * SECOND_NS };

/// Longest wait until a child that was not found can no longer arrive, nanoseconds.
const CERTAIN_MAX_NS: u64 = 90 * SECOND_NS;

/// The question about one child.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    pub instrument: InstrumentId,
    /// After this time a child that is not found can no longer arrive.
    pub never_after_ns: u64,
    /// The child is not asked about before this time.
    pub at_ns: u64,
    /// Answers so far that were not clear.
    pub attempts: u32,
}

/// The order of a child as the venue told of it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub order: VenueOrderId,
    fate: Fate,
    filled: Qty,
    opened_s: u64,
    fills: BTreeMap<ExecId, ChildFill>,
    /// Sum of the quantities of `fills`.
    traded: Qty,
}

/// A child of a round.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub child: ChildId,
    pub ask: Ask,
    pub found: Option<Found>,
    /// An answer about the child could not be read, so the round concludes nothing about it.
    pub unclear: bool,
    /// The round has no call left for the child.
    pub postponed: bool,
}

impl Member {
    /// No fill is missing.
    pub fn is_complete(&self) -> bool {
        self.found.as_ref().is_none_or(|found| found.traded >= found.filled)
    }
}

/// The kind of call that comes next in a round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// List the open orders.
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

/// The children that share the calls of one round.
#[derive(Debug)]
pub(super) struct Round {
    pub started_ns: u64,
    pub members: Vec<Member>,
    pub step: Step,
}

impl Round {
    /// Positions, from `from` on, of the members that were not found yet. With `by_order`, those
    /// whose order id at the venue is known; otherwise the others.
    pub fn lookups(&self, ledger: &Ledger, from: usize, by_order: bool) -> Vec<usize> {
        let wanted = |(_, member): &(usize, &Member)| {
            let known = ledger.children.get(member.child).is_some_and(|e| !e.order.is_empty());
            member.found.is_none() && !member.unclear && known == by_order
        };
        let members = self.members.iter().enumerate().skip(from);
        members.filter(wanted).map(|(at, _)| at).collect()
    }

    pub fn postpone(&mut self, positions: &[usize]) {
        for at in positions {
            if let Some(member) = self.members.get_mut(*at) {
                member.postponed = true;
            }
        }
    }

    pub fn order_of(&self, at: usize, ledger: &Ledger) -> String {
        let member = self.members.get(at);
        let entry = member.and_then(|member| ledger.children.get(member.child));
        entry.map(|entry| entry.order.as_str().to_owned()).unwrap_or_default()
    }

    /// The time from which trades must be read, in Unix seconds; `None` when no trade is missing.
    pub fn trades_from_s(&self) -> Option<u64> {
        let missing = self.members.iter().filter(|member| !member.is_complete());
        let opened = missing.filter_map(|m| m.found.as_ref().map(|found| found.opened_s)).min()?;
        Some(opened.saturating_sub(TRADES_MARGIN_S))
    }
}

impl Member {
    /// The question for a later round. A child that may still arrive is asked about when it can no
    /// longer arrive; any other child after ever longer waits.
    pub fn again(&self, now_ns: u64) -> Ask {
        let mut ask = self.ask;
        if self.postponed {
            return ask;
        }
        let next_ns = RETRY.due_ns(now_ns, ask.attempts, None);
        let may_arrive = self.found.is_none() && !self.unclear && ask.never_after_ns >= now_ns;
        let certain_ns = ask.never_after_ns.saturating_add(1);
        ask.at_ns = if may_arrive { certain_ns.min(now_ns + CERTAIN_MAX_NS) } else { next_ns };
        ask.attempts = ask.attempts.saturating_add(1);
        ask
    }

    /// Takes the order from an answer.
    pub fn learn(&mut self, order: VenueOrderId, info: &OrderInfo<'_>, ledger: &mut Ledger) {
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

    /// Takes one trade of the order from an answer.
    pub fn trade(&mut self, exec: &str, trade: &TradeInfo<'_>, ledger: &mut Ledger) {
        let listing = ledger.listing(self.ask.instrument).cloned();
        let fill = listing.and_then(|listing| self.fill(exec, trade, &listing, ledger));
        let (Some(fill), Some(found)) = (fill, &mut self.found) else {
            ledger.counters.protocol_errors += 1;
            self.unclear = true;
            return;
        };
        // Pages shift when a trade happens between two calls, so a trade may be told twice.
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

    /// Tells the core the fate of the child. False when the fate is not clear yet.
    pub fn conclude(&self, started_ns: u64, ledger: &mut Ledger, out: &mut Outbox<Input>) -> bool {
        if self.unclear || self.postponed || !self.is_complete() {
            return false;
        }
        let (venue, child) = (ledger.config.venue, self.child);
        let Some(found) = &self.found else {
            let shown = ledger.children.get(child).is_some_and(|e| !e.order.is_empty());
            let certain_ns = self.ask.never_after_ns.saturating_add(1);
            if !proves_never_arrived(started_ns, certain_ns, shown) {
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
            // The stream has told the end of the order, which is newer than the answer.
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
