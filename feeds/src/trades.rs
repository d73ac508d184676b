//! Public trades of one feed on their way to the core: each once, none missing unseen, and no more
//! of them than a rate.
//!
//! A line belongs here if it needs the numbers, times and terms of trades, and no venue's dialect.
//! Reading a trade, and the request for missing ones, is `rutter-venues`.
//!
//! - **Once.** A venue numbers the trades of an instrument. A number that is not above the last one
//!   is a trade that was told before, unless the trade is newer: then the venue counts anew.
//! - **None missing unseen.** Numbers that are left out are a [`Gap`]. The gap is asked for over
//!   REST; what does not come is counted as lost.
//! - **A rate.** Trades wait in one queue. While a trade waits, the next one of its instrument,
//!   price and taker side is added to it. A trade that finds the queue full is counted, not told.

use std::collections::VecDeque;

use rutter_core::id::{InstrumentId, VenueId};
use rutter_core::input::{PublicTrade, Side};
use rutter_core::number::{Price, Qty, UnixNanos};
use rutter_core::rate::TokenBucket;

/// Most trades that wait to be told, over all instruments of a feed.
pub const PENDING_MAX: usize = 4_096;

/// Most trades that a feed tells in a second, after adding up; a tenth of them at once.
pub const TRADES_PER_S_MAX: u64 = 2_000;

/// Waiting trades that are looked at for one that a new trade can be added to, newest first.
pub const ADD_UP_LOOKS_MAX: usize = 32;

/// Most missing trades that are asked for at once; of a longer gap the oldest.
pub const GAP_TRADES_MAX: u64 = 1_000;

/// Most gaps of an instrument that are looked for; with more the oldest counts as lost.
pub const GAPS_MAX: usize = 8;

/// Questions about one gap, before what is still missing counts as lost.
pub const GAP_QUESTIONS_MAX: u32 = 3;

const SECOND_NS: u64 = 1_000_000_000;

/// From a gap to the first question, for the venue's REST lags its stream. Each further question
/// waits twice as long.
const GAP_WAIT_NS: u64 = SECOND_NS;

/// Longest time from a question to its answer.
const ANSWER_TIMEOUT_NS: u64 = 10 * SECOND_NS;

/// How long a feed says that trades are missing.
const SAID_NS: u64 = 60 * SECOND_NS;

/// A trade as a venue tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// The venue's number, within the instrument.
    pub id: u64,
    /// Number of the venue's trades that the venue itself has added up in this one.
    pub count: u32,
    /// Side of the order that took; `None`: the venue does not say.
    pub taker: Option<Side>,
    /// Price, in units of the instrument.
    pub price: Price,
    /// Quantity, in units of the instrument.
    pub qty: Qty,
    /// The venue's time.
    pub time: UnixNanos,
}

/// Numbers of an instrument that the stream has left out, from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The first number that is missing.
    pub from: u64,
    /// The last number that is missing.
    pub to: u64,
    /// The venue's time of the trade before the gap.
    pub since: UnixNanos,
}

impl Gap {
    /// Number of missing trades.
    pub const fn len(&self) -> u64 {
        self.to.saturating_sub(self.from).saturating_add(1)
    }

    /// Whether nothing is missing: never, of a gap that is told.
    pub const fn is_empty(&self) -> bool {
        self.from > self.to
    }
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TradeCounters {
    /// Trades of the venue, each once.
    pub trades: u64,
    /// Inputs to the core.
    pub told: u64,
    /// Trades that were told before.
    pub duplicates: u64,
    /// Trades that cannot be read, or have no price or quantity above zero.
    pub unreadable: u64,
    /// Times that the venue began to count anew.
    pub restarts: u64,
    /// Gaps in the venue's numbers.
    pub gaps: u64,
    /// Numbers in these gaps.
    pub missing: u64,
    /// Missing trades that came when they were asked for.
    pub recovered: u64,
    /// Missing trades that did not come.
    pub lost: u64,
    /// Trades that found the queue full.
    pub dropped: u64,
}

/// A gap that is being asked for.
#[derive(Clone, Copy, Debug)]
struct Search {
    gap: Gap,
    questions: u32,
    due_ns: u64,
}

/// The numbers of one instrument.
#[derive(Clone, Debug)]
struct Line {
    instrument: InstrumentId,
    /// Number and time of the last trade.
    last: Option<(u64, UnixNanos)>,
    /// Oldest first.
    searches: VecDeque<Search>,
}

/// A question on its way.
#[derive(Clone, Copy, Debug)]
struct Asked {
    id: u64,
    at: usize,
    until_ns: u64,
}

/// The trades of one feed.
#[derive(Clone, Debug)]
pub struct Trades {
    venue: VenueId,
    /// By place in the feed.
    lines: Vec<Line>,
    pending: VecDeque<PublicTrade>,
    rate: TokenBucket,
    /// When the next waiting trade is within the rate.
    paced_until_ns: Option<u64>,
    asked: Option<Asked>,
    /// Number of the next question.
    next_id: u64,
    /// Searches that are not over.
    searches: usize,
    questions: TokenBucket,
    /// No question before this time.
    paused_until_ns: u64,
    counters: TradeCounters,
    /// Trades that were lost or dropped, as far as that was said; and until when it is said.
    said: (u64, Option<u64>),
}

impl Trades {
    /// The trades of instruments, in the order of their places in the feed. The first question gets
    /// the number `first_id`; one question is earned in each `question_ns`, three at once.
    pub fn new(
        venue: VenueId,
        instruments: impl Iterator<Item = InstrumentId>,
        first_id: u64,
        question_ns: u64,
    ) -> Self {
        let line = |instrument| Line { instrument, last: None, searches: VecDeque::new() };
        Self {
            venue,
            lines: instruments.map(line).collect(),
            pending: VecDeque::with_capacity(PENDING_MAX),
            rate: TokenBucket::new(TRADES_PER_S_MAX / 10, SECOND_NS / TRADES_PER_S_MAX),
            paced_until_ns: None,
            asked: None,
            next_id: first_id,
            searches: 0,
            questions: TokenBucket::new(3, question_ns),
            paused_until_ns: 0,
            counters: TradeCounters::default(),
            said: (0, None),
        }
    }

    /// Counts since the start.
    pub const fn counters(&self) -> TradeCounters {
        self.counters
    }

    /// A trade cannot be read.
    pub const fn unreadable(&mut self) {
        self.counters.unreadable += 1;
    }

    /// A trade of the stream. `late`: it stands in a snapshot, so it may be older than what was
    /// told of the book.
    pub fn take(&mut self, now_ns: u64, at: usize, trade: &Trade, late: bool) {
        let Some(line) = self.lines.get_mut(at) else { return };
        if trade.price.0 <= 0 || trade.qty <= Qty::ZERO || trade.count == 0 {
            self.counters.unreadable += 1;
            return;
        }
        match line.last {
            Some((id, time)) if trade.id <= id && trade.time <= time => {
                self.counters.duplicates += 1;
                return;
            }
            Some((id, _)) if trade.id <= id => {
                self.counters.restarts += 1;
                while self.give_up(at) {}
            }
            Some((id, since)) if trade.id > id + 1 => {
                self.counters.gaps += 1;
                self.counters.missing += trade.id - id - 1;
                self.search(now_ns, at, Gap { from: id + 1, to: trade.id - 1, since });
            }
            Some(_) | None => {}
        }
        if let Some(line) = self.lines.get_mut(at) {
            line.last = Some((trade.id, trade.time));
        }
        self.push(at, trade, late);
    }

    /// A trade in an answer to a question. Only what is missing counts.
    pub fn recover(&mut self, at: usize, trade: &Trade) {
        let Some(line) = self.lines.get_mut(at) else { return };
        let Some(search) = line.searches.front_mut() else { return };
        if trade.id < search.gap.from || trade.id > search.gap.to {
            return;
        }
        if trade.price.0 <= 0 || trade.qty <= Qty::ZERO || trade.count == 0 {
            self.counters.unreadable += 1;
            return;
        }
        // Numbers that the answer leaves out are lost.
        self.counters.lost += trade.id - search.gap.from;
        self.counters.recovered += 1;
        (search.gap.from, search.gap.since) = (trade.id + 1, trade.time);
        if search.gap.is_empty() {
            line.searches.pop_front();
            self.searches -= 1;
        }
        self.push(at, trade, true);
    }

    fn push(&mut self, at: usize, trade: &Trade, late: bool) {
        let Some(line) = self.lines.get(at) else { return };
        self.counters.trades += 1;
        let newest = self.pending.iter_mut().rev().take(ADD_UP_LOOKS_MAX);
        let mut of_instrument = newest.filter(|waiting| waiting.instrument == line.instrument);
        if let Some(waiting) = of_instrument.next()
            && (waiting.price, waiting.taker, waiting.late) == (trade.price, trade.taker, late)
            && let Some(qty) = waiting.qty.0.checked_add(trade.qty.0)
            && let Some(count) = waiting.count.checked_add(trade.count)
        {
            (waiting.qty, waiting.count) = (Qty(qty), count);
            (waiting.id, waiting.time) = (trade.id, trade.time);
            return;
        }
        if self.pending.len() >= PENDING_MAX {
            self.counters.dropped += 1;
            return;
        }
        let Trade { id, count, taker, price, qty, time } = *trade;
        let (venue, instrument) = (self.venue, line.instrument);
        let trade = PublicTrade { venue, instrument, taker, price, qty, id, count, time, late };
        self.pending.push_back(trade);
    }

    /// Looks for what is missing.
    fn search(&mut self, now_ns: u64, at: usize, gap: Gap) {
        // The oldest are asked for: venues tell trades from a time or a number on.
        let to = gap.from.saturating_add(GAP_TRADES_MAX - 1).min(gap.to);
        self.counters.lost += gap.to - to;
        if self.lines.get(at).is_some_and(|line| line.searches.len() >= GAPS_MAX) {
            self.give_up(at);
        }
        let Some(line) = self.lines.get_mut(at) else { return };
        let due_ns = now_ns.saturating_add(GAP_WAIT_NS).max(self.paused_until_ns);
        line.searches.push_back(Search { gap: Gap { to, ..gap }, questions: 0, due_ns });
        self.searches += 1;
    }

    /// What is missing in the oldest gap of an instrument counts as lost. False: there is none.
    fn give_up(&mut self, at: usize) -> bool {
        let oldest = self.lines.get_mut(at).and_then(|line| line.searches.pop_front());
        if let Some(search) = oldest {
            self.searches -= 1;
            self.counters.lost += search.gap.len();
        }
        oldest.is_some()
    }

    /// Whether a question about missing trades is due, if the rate of questions allows one.
    pub fn has_question(&self, now_ns: u64) -> bool {
        let is_due = |line: &Line| line.searches.front().is_some_and(|one| one.due_ns <= now_ns);
        let may_ask = self.asked.is_none() && self.questions.due_ns(now_ns) <= now_ns;
        self.searches > 0 && may_ask && self.lines.iter().any(is_due)
    }

    /// The next question: its number, the place of the instrument, and what is missing. One
    /// question is on its way at a time, within the budget.
    pub fn question(&mut self, now_ns: u64) -> Option<(u64, usize, Gap)> {
        if self.searches == 0 || self.asked.is_some() {
            return None;
        }
        let is_due = |line: &Line| line.searches.front().is_some_and(|one| one.due_ns <= now_ns);
        let at = self.lines.iter().position(is_due)?;
        if !self.questions.take(now_ns) {
            return None;
        }
        let search = self.lines.get_mut(at)?.searches.front_mut()?;
        search.questions += 1;
        let id = self.next_id;
        self.next_id += 1;
        self.asked = Some(Asked { id, at, until_ns: now_ns.saturating_add(ANSWER_TIMEOUT_NS) });
        Some((id, at, search.gap))
    }

    /// The place of the instrument that an answer with this number is about. The caller gives each
    /// trade of the answer to [`Trades::recover`], then calls [`Trades::answered`].
    pub fn answers(&self, id: u64) -> Option<usize> {
        self.asked.filter(|asked| asked.id == id).map(|asked| asked.at)
    }

    /// The answer has been read, or there was none.
    pub fn answered(&mut self, now_ns: u64) {
        let Some(Asked { at, .. }) = self.asked.take() else { return };
        let front = self.lines.get_mut(at).and_then(|line| line.searches.front_mut());
        let Some(search) = front else { return };
        if search.questions == 0 {
            // The gap that was asked for is closed; this is the next one.
        } else if search.questions >= GAP_QUESTIONS_MAX {
            self.give_up(at);
        } else {
            let due_ns = now_ns.saturating_add(GAP_WAIT_NS << search.questions);
            search.due_ns = due_ns.max(self.paused_until_ns);
        }
    }

    /// The venue wants no question before this time.
    pub fn pause(&mut self, until_ns: u64) {
        let first = self.lines.iter_mut().filter_map(|line| line.searches.front_mut());
        for search in first {
            search.due_ns = search.due_ns.max(until_ns);
        }
        self.paused_until_ns = until_ns;
    }

    /// The feed's timers are due.
    pub fn on_timer(&mut self, now_ns: u64) {
        if self.asked.is_some_and(|asked| asked.until_ns <= now_ns) {
            self.answered(now_ns);
        }
        // The receiver may have no room; then the next look is later.
        if self.paced_until_ns.is_some_and(|until_ns| until_ns <= now_ns) {
            self.paced_until_ns = Some(now_ns.saturating_add(SECOND_NS / 10));
        }
    }

    /// Tells the trades that wait, within the rate. True if any was told.
    pub fn flush(&mut self, now_ns: u64, mut emit: impl FnMut(PublicTrade)) -> bool {
        let before = self.counters.told;
        while !self.pending.is_empty() && self.rate.take(now_ns) {
            let Some(trade) = self.pending.pop_front() else { break };
            self.counters.told += 1;
            emit(trade);
        }
        self.paced_until_ns = (!self.pending.is_empty()).then(|| self.rate.due_ns(now_ns));
        self.counters.told > before
    }

    /// When something is due next.
    pub fn next_ns(&self) -> Option<u64> {
        let asked = self.asked.map(|asked| asked.until_ns);
        let search = if self.searches == 0 || self.asked.is_some() {
            None
        } else {
            let due = self.lines.iter().filter_map(|line| line.searches.front());
            due.map(|search| search.due_ns).min().map(|due| self.questions.due_ns(due))
        };
        [self.paced_until_ns, asked, search, self.said.1].into_iter().flatten().min()
    }

    /// What is to be said of missing trades, if that has changed: a text for a minute after some
    /// were lost or dropped, then nothing.
    pub fn news(&mut self, now_ns: u64) -> Option<Option<String>> {
        let TradeCounters { lost, dropped, .. } = self.counters;
        if lost + dropped > self.said.0 {
            self.said = (lost + dropped, Some(now_ns.saturating_add(SAID_NS)));
            return Some(Some(format!(
                "public trades since the start: {lost} missing, {dropped} beyond the queue"
            )));
        }
        if self.said.1.is_some_and(|until_ns| until_ns <= now_ns) {
            self.said.1 = None;
            return Some(None);
        }
        None
    }
}

#[cfg(test)]
#[path = "trades_tests.rs"]
mod tests;
