//! What is left of a venue's budget of requests.
//!
//! A line belongs here if it counts requests as a venue does. What follows when nothing is left is
//! `routing` for new orders and `engine::place` for cancels.
//!
//! A count errs on the safe side only. A request may reach its venue up to `slack_ns` later than it
//! was sent, and counts at each moment at which it could count there. A time before an earlier one
//! counts as the earlier one. Nothing here allocates after [`Budget::set`].

use crate::id::InstrumentId;
use crate::input::{AmendDef, BudgetDef, Counted, VenueDef, WindowDef, WindowKind};
use crate::number::UnixNanos;

/// Spans of time in which a sliding window keeps its requests apart.
///
/// Requests of one span are forgotten together, when the last of them is as old as the window. So a
/// request counts at most a 62nd of the window's length too long, and requests sent at once count
/// exactly as long as the window is.
pub const SPANS: usize = 64;

/// Points of a new order in each window.
const ORDER_POINTS: u32 = 1;

/// The windows of one venue. Without a window there is no limit.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    windows: Vec<Window>,
    slack_ns: u64,
}

/// What one window of a venue has counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// The window.
    pub def: WindowDef,
    /// Points that count now; of the instrument with the most, where each has its own.
    pub used: u32,
    /// New orders that the window still takes.
    pub left: u32,
}

impl Budget {
    /// Takes the terms of a venue, for so many instruments. Changed terms forgive nothing:
    ///
    /// - A window whose terms have not changed keeps its counts, also under another slack.
    /// - Any other window begins with the highest count of the windows that counted the same
    ///   requests; of all windows if there was none. It is full at most.
    pub fn set(
        &mut self,
        venue: &VenueDef,
        budget: &BudgetDef,
        instruments: usize,
        now: UnixNanos,
    ) {
        let first = WindowDef::orders(venue.rate_orders, venue.rate_window_ns.max(1));
        let defs = core::iter::once(&first).chain(budget.windows());
        let known = self.windows.iter().map(|window| &window.def);
        if self.slack_ns != budget.slack_ns || !known.eq(defs.clone()) {
            let slack_ns = [self.slack_ns, budget.slack_ns];
            let mut before = core::mem::take(&mut self.windows);
            let mut started: Vec<Window> = defs
                .clone()
                .map(|def| {
                    let used = used_before(&before, def, now, slack_ns);
                    Window::new(*def, used, budget.slack_ns, now)
                })
                .collect();
            for window in &mut started {
                let Some(at) = before.iter().position(|old| old.def == window.def) else {
                    continue;
                };
                let old = before.remove(at);
                *window =
                    if slack_ns[0] == slack_ns[1] { old } else { old.with_slack(now, slack_ns) };
            }
            (self.windows, self.slack_ns) = (started, budget.slack_ns);
        }
        for window in &mut self.windows {
            window.grow(instruments);
        }
    }

    /// Whether one more new order may be sent.
    #[inline]
    pub fn has_room(&self, now: UnixNanos, instrument: InstrumentId) -> bool {
        self.windows.iter().all(|window| window.left(now.0, instrument, self.slack_ns) > 0)
    }

    /// New orders that may be sent now.
    pub fn left(&self, now: UnixNanos, instrument: InstrumentId) -> u32 {
        let left = self.windows.iter().map(|window| window.left(now.0, instrument, self.slack_ns));
        left.min().unwrap_or(u32::MAX)
    }

    /// The earliest time at which a new order may be sent if nothing else is; `None` for never.
    pub fn ready_at(&self, now: UnixNanos, instrument: InstrumentId) -> Option<UnixNanos> {
        let of_window = |window: &Window| {
            let counter = window.counter(instrument);
            window.ready_ns(counter, now.0, ORDER_POINTS, window.left_alone, self.slack_ns)
        };
        let latest = |at: u64, window: &Window| of_window(window).map(|ready| ready.max(at));
        self.windows.iter().try_fold(now.0, latest).map(UnixNanos)
    }

    /// Counts a new order.
    #[inline]
    pub fn count_order(&mut self, now: UnixNanos, instrument: InstrumentId) {
        for window in &mut self.windows {
            window.count(now.0, instrument, ORDER_POINTS, self.slack_ns);
        }
    }

    /// When the cancel of an order of that age may be sent: now, or when there is room for it. A
    /// cancel that no limit could ever hold does not wait for that limit.
    pub fn cancel_ready_at(
        &self,
        now: UnixNanos,
        instrument: InstrumentId,
        age_ns: u64,
    ) -> UnixNanos {
        let of_window = |window: &Window| {
            let points = window.cancel_points(age_ns, self.slack_ns);
            let counter = window.counter(instrument);
            window.ready_ns(counter, now.0, points, 0, self.slack_ns)
        };
        self.windows.iter().filter_map(of_window).max().map_or(now, UnixNanos)
    }

    /// As [`Self::orders_ready_at`], with no new order.
    pub fn move_ready_at(
        &self,
        now: UnixNanos,
        instrument: InstrumentId,
        ages_ns: &(impl Iterator<Item = u64> + Clone),
    ) -> Option<UnixNanos> {
        self.orders_ready_at(now, instrument, ages_ns, 0)
    }

    /// When the cancels of orders of these ages may be sent together with so many new orders, and
    /// leave the room that is kept for other cancels; `None` if the limits never hold them at these
    /// ages.
    pub fn orders_ready_at(
        &self,
        now: UnixNanos,
        instrument: InstrumentId,
        ages_ns: &(impl Iterator<Item = u64> + Clone),
        orders: u32,
    ) -> Option<UnixNanos> {
        let of_window = |window: &Window| {
            let points = ages_ns.clone().map(|age| window.cancel_points(age, self.slack_ns));
            let points = points.fold(orders.saturating_mul(ORDER_POINTS), u32::saturating_add);
            let counter = window.counter(instrument);
            window.ready_ns(counter, now.0, points, window.left_alone, self.slack_ns)
        };
        let latest = |at: u64, window: &Window| of_window(window).map(|ready| ready.max(at));
        self.windows.iter().try_fold(now.0, latest).map(UnixNanos)
    }

    /// Counts the cancel of an order of that age.
    pub fn count_cancel(&mut self, now: UnixNanos, instrument: InstrumentId, age_ns: u64) {
        for window in &mut self.windows {
            let points = window.cancel_points(age_ns, self.slack_ns);
            window.count(now.0, instrument, points, self.slack_ns);
        }
    }

    /// Whether an amend of so many points may be sent now and leaves the room that is kept for
    /// cancels.
    pub fn has_room_to_amend(&self, now: UnixNanos, instrument: InstrumentId, points: u32) -> bool {
        let fits = |window: &Window| {
            let (points, left_alone) = (window.amend_points(points), window.left_alone);
            let counter = window.counter(instrument);
            let ready = window.ready_ns(counter, now.0, points, left_alone, self.slack_ns);
            ready.is_some_and(|at| at <= now.0)
        };
        self.windows.iter().all(fits)
    }

    /// Points of the amend of an order of that age, which has perhaps arrived later by the slack.
    pub fn amend_points(&self, terms: &AmendDef, age_ns: u64) -> u32 {
        terms.points_at(age_ns.saturating_sub(self.slack_ns))
    }

    /// Counts an amend of so many points.
    pub fn count_amend(&mut self, now: UnixNanos, instrument: InstrumentId, points: u32) {
        for window in &mut self.windows {
            let points = window.amend_points(points);
            window.count(now.0, instrument, points, self.slack_ns);
        }
    }

    /// What the windows that have a limit have counted.
    pub fn usage(&self, now: UnixNanos) -> impl Iterator<Item = Usage> {
        let limited = self.windows.iter().filter(|window| !window.def.is_unlimited());
        limited.map(move |window| {
            let used = window.counters.iter().map(|counter| window.used(counter, now.0));
            let used = used.max().unwrap_or(0);
            let left = (0..window.counters.len())
                .map(|at| window.left(now.0, InstrumentId(at as u16), self.slack_ns));
            Usage { def: window.def, used, left: left.min().unwrap_or(window.def.limit) }
        })
    }
}

/// Points with which a window begins that was not there before.
fn used_before(before: &[Window], def: &WindowDef, now: UnixNanos, slack_ns: [u64; 2]) -> u32 {
    let most = |like: bool| {
        let windows = before.iter().filter(|window| !window.def.is_unlimited());
        let windows = windows.filter(|window| !like || window.def.counted == def.counted);
        windows.map(|window| window.most_held(now.0, slack_ns)).max()
    };
    most(true).or_else(|| most(false)).unwrap_or(0)
}

/// A window and its counts: one, or one for each instrument.
#[derive(Clone, Debug)]
struct Window {
    def: WindowDef,
    /// Points that new orders leave: those reserved for cancels, and always room for one cancel, so
    /// that new orders never delay a cancel that waits.
    left_alone: u32,
    counters: Vec<Counter>,
    /// What a counter begins with.
    first: Counter,
}

impl Window {
    /// A window in which so many points have been counted at this moment, or as many as it holds.
    fn new(def: WindowDef, used: u32, slack_ns: u64, now: UnixNanos) -> Self {
        let left_alone = def.reserved.max(one_cancel(&def));
        let (counters, first) = (Vec::new(), Counter::Decay(0));
        let mut window = Self { def, left_alone, counters, first };
        window.first = window.counter_with(now.0, used, slack_ns);
        window.counters.push(window.first.clone());
        window
    }

    /// A counter that has counted so many points at this moment, or as many as it holds.
    fn counter_with(&self, now_ns: u64, used: u32, slack_ns: u64) -> Counter {
        let fits = self.def.length_ns > slack_ns.saturating_mul(2);
        let mut counter = match self.def.kind {
            WindowKind::Fixed if fits => Counter::Fixed(Fixed::default()),
            // A venue with a shorter window than the slack could count a request in any of several.
            WindowKind::Sliding | WindowKind::Fixed => Counter::Sliding(Box::default()),
            WindowKind::Decay => Counter::Decay(0),
        };
        add(&self.def, &mut counter, now_ns, used.min(self.def.limit), slack_ns);
        counter
    }

    /// The window with the same counts under another slack; `slack_ns` is the old and the new one.
    fn with_slack(mut self, now: UnixNanos, slack_ns: [u64; 2]) -> Self {
        let anew = |counter: &Counter| {
            self.counter_with(now.0, self.held(counter, now.0, slack_ns), slack_ns[1])
        };
        let counters = self.counters.iter().map(anew).collect();
        (self.first, self.counters) = (anew(&self.first), counters);
        self
    }

    /// Points that the venue may count at this moment or later of what was sent, under the larger
    /// of two slacks.
    fn held(&self, counter: &Counter, now_ns: u64, slack_ns: [u64; 2]) -> u32 {
        let slack_ns = slack_ns[0].max(slack_ns[1]);
        match counter {
            Counter::Sliding(sliding) => {
                sliding.used(now_ns, self.def.length_ns.saturating_add(slack_ns))
            }
            Counter::Fixed(fixed) => {
                let windows = fixed.windows(now_ns, self.def.length_ns, slack_ns);
                windows.map(|window| fixed.count_of(window)).into_iter().max().unwrap_or(0)
            }
            Counter::Decay(empty_ns) => {
                let used_ns = empty_ns.saturating_add(slack_ns).saturating_sub(now_ns);
                let points = if *empty_ns == 0 { 0 } else { used_ns.div_ceil(point_ns(&self.def)) };
                u32::try_from(points).unwrap_or(u32::MAX)
            }
        }
    }

    /// The most that a counter holds.
    fn most_held(&self, now_ns: u64, slack_ns: [u64; 2]) -> u32 {
        let held = self.counters.iter().map(|counter| self.held(counter, now_ns, slack_ns));
        held.max().unwrap_or(0)
    }

    fn grow(&mut self, instruments: usize) {
        if self.def.per_instrument && self.counters.len() < instruments {
            self.counters.resize(instruments, self.first.clone());
        }
    }

    #[inline]
    fn place(&self, instrument: InstrumentId) -> usize {
        if self.def.per_instrument { instrument.index() } else { 0 }
    }

    /// The count of an instrument; of one that was defined later than all others, an empty one.
    #[inline]
    fn counter(&self, instrument: InstrumentId) -> &Counter {
        self.counters.get(self.place(instrument)).unwrap_or(&self.first)
    }

    /// Points of the cancel of an order that was sent so long ago, and has perhaps arrived later
    /// by the slack.
    #[inline]
    fn cancel_points(&self, age_ns: u64, slack_ns: u64) -> u32 {
        self.def.cancel_points(age_ns.saturating_sub(slack_ns))
    }

    /// What an amend of so many points weighs in this window.
    const fn amend_points(&self, points: u32) -> u32 {
        match self.def.counted {
            Counted::Orders => 0,
            Counted::Messages => points,
        }
    }

    /// Points that count at this moment.
    fn used(&self, counter: &Counter, now_ns: u64) -> u32 {
        match counter {
            Counter::Sliding(sliding) => sliding.used(now_ns, self.def.length_ns),
            Counter::Fixed(fixed) => {
                fixed.count_of(now_ns.max(fixed.newest_ns) / self.def.length_ns)
            }
            Counter::Decay(empty_ns) => {
                let ns = empty_ns.saturating_sub(now_ns).div_ceil(point_ns(&self.def));
                u32::try_from(ns).unwrap_or(u32::MAX)
            }
        }
    }

    /// New orders that the window takes now.
    #[inline]
    fn left(&self, now_ns: u64, instrument: InstrumentId, slack_ns: u64) -> u32 {
        if self.def.is_unlimited() {
            return u32::MAX;
        }
        let most = self.def.limit - self.left_alone;
        match self.counter(instrument) {
            Counter::Sliding(sliding) => {
                let length_ns = self.def.length_ns.saturating_add(slack_ns);
                most.saturating_sub(sliding.used(now_ns, length_ns))
            }
            Counter::Fixed(fixed) => {
                let [from, upto] = fixed.windows(now_ns, self.def.length_ns, slack_ns);
                most.saturating_sub(fixed.count_of(from).max(fixed.count_of(upto)))
            }
            Counter::Decay(empty_ns) => {
                let point_ns = point_ns(&self.def);
                let used_ns = empty_ns.saturating_sub(now_ns).saturating_add(slack_ns);
                let most_ns = point_ns.saturating_mul(u64::from(most));
                let left = most_ns.saturating_sub(used_ns) / point_ns;
                // Alone in the counter, one request fits whenever it arrives.
                let is_empty = *empty_ns == 0 || empty_ns.saturating_add(slack_ns) <= now_ns;
                u32::try_from(left).unwrap_or(most).max(most.min(u32::from(is_empty)))
            }
        }
    }

    /// The earliest time at which so many points fit below the limit less `reserved`; `None` for
    /// never.
    fn ready_ns(
        &self,
        counter: &Counter,
        now_ns: u64,
        points: u32,
        reserved: u32,
        slack_ns: u64,
    ) -> Option<u64> {
        if points == 0 || self.def.is_unlimited() {
            return Some(now_ns);
        }
        let most = self.def.limit.saturating_sub(reserved).checked_sub(points)?;
        let length_ns = self.def.length_ns;
        let ready_ns = match counter {
            Counter::Sliding(sliding) => {
                sliding.ready_ns(now_ns, length_ns.saturating_add(slack_ns), most)
            }
            Counter::Fixed(fixed) => {
                let windows = fixed.windows(now_ns, length_ns, slack_ns);
                let full = windows.into_iter().rev().find(|at| fixed.count_of(*at) > most);
                full.map_or(now_ns, |at| {
                    at.saturating_add(1).saturating_mul(length_ns).saturating_add(slack_ns)
                })
            }
            Counter::Decay(empty_ns) => {
                let most_ns = point_ns(&self.def).saturating_mul(u64::from(most));
                let late_ns = empty_ns.saturating_add(slack_ns);
                match (*empty_ns, most_ns.checked_sub(slack_ns)) {
                    (0, _) => now_ns,
                    (_, Some(room_ns)) => empty_ns.saturating_sub(room_ns),
                    (_, None) => late_ns,
                }
            }
        };
        Some(ready_ns.max(now_ns))
    }

    #[inline]
    fn count(&mut self, now_ns: u64, instrument: InstrumentId, points: u32, slack_ns: u64) {
        let place = self.place(instrument);
        let Some(counter) = self.counters.get_mut(place) else { return };
        add(&self.def, counter, now_ns, points, slack_ns);
    }
}

/// Adds points to a counter of a window.
#[inline]
fn add(def: &WindowDef, counter: &mut Counter, now_ns: u64, points: u32, slack_ns: u64) {
    if points == 0 || def.is_unlimited() {
        return;
    }
    let length_ns = def.length_ns;
    match counter {
        Counter::Sliding(sliding) => {
            sliding.count(now_ns, length_ns.saturating_add(slack_ns), points);
        }
        Counter::Fixed(fixed) => {
            let windows = fixed.windows(now_ns, length_ns, slack_ns);
            fixed.count(now_ns, windows, points);
        }
        Counter::Decay(empty_ns) => {
            let ns = point_ns(def).saturating_mul(u64::from(points));
            *empty_ns = (*empty_ns).max(now_ns).saturating_add(ns);
        }
    }
}

/// The most points of one cancel that the window can hold. An order alone always finds room.
fn one_cancel(def: &WindowDef) -> u32 {
    let young = def.young.iter().map(|step| u32::from(step.points));
    let held = young.chain([u32::from(def.cancel)]).filter(|points| *points <= def.limit);
    held.max().unwrap_or(0).min(def.limit.saturating_sub(1))
}

/// Time in which a decaying counter falls by one point, rounded up.
const fn point_ns(def: &WindowDef) -> u64 {
    let limit = if def.limit == 0 { 1 } else { def.limit };
    def.length_ns.div_ceil(limit as u64)
}

/// What a window has counted.
#[derive(Clone, Debug)]
enum Counter {
    Sliding(Box<Sliding>),
    Fixed(Fixed),
    /// When the counter will have fallen to zero, in nanoseconds.
    Decay(u64),
}

/// Requests near each other in time.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    first_ns: u64,
    last_ns: u64,
    points: u32,
}

/// The requests of a sliding window, in a ring of spans.
#[derive(Clone, Debug)]
struct Sliding {
    spans: [Span; SPANS],
    oldest: usize,
    len: usize,
    /// Points of all spans in the ring.
    points: u32,
}

impl Default for Sliding {
    fn default() -> Self {
        Self { spans: [Span::default(); SPANS], oldest: 0, len: 0, points: 0 }
    }
}

impl Sliding {
    fn span(&self, at: usize) -> &Span {
        &self.spans[(self.oldest + at) % SPANS]
    }

    /// Spans in the ring, oldest first.
    fn each(&self) -> impl Iterator<Item = &Span> {
        (0..self.len).map(|at| self.span(at))
    }

    /// Points that are not older than the window.
    fn used(&self, now_ns: u64, length_ns: u64) -> u32 {
        let old = self.each().take_while(|span| is_over(span, now_ns, length_ns));
        self.points.saturating_sub(old.fold(0, |sum, span| sum.saturating_add(span.points)))
    }

    /// When at most `most` points are left in the window.
    fn ready_ns(&self, now_ns: u64, length_ns: u64, most: u32) -> u64 {
        let (mut points, mut ready_ns) = (self.points, now_ns);
        // Ends: each turn passes a span.
        for span in self.each() {
            if points <= most {
                break;
            }
            points = points.saturating_sub(span.points);
            ready_ns = span.last_ns.saturating_add(length_ns).saturating_add(1);
        }
        ready_ns
    }

    fn count(&mut self, now_ns: u64, length_ns: u64, points: u32) {
        // Ends: each turn takes a span out of the ring.
        while self.len > 0 && is_over(self.span(0), now_ns, length_ns) {
            self.points = self.points.saturating_sub(self.span(0).points);
            self.oldest = (self.oldest + 1) % SPANS;
            self.len -= 1;
        }
        self.points = self.points.saturating_add(points);
        let span_ns = length_ns.div_ceil(SPANS as u64 - 2);
        let newest = self.len.checked_sub(1).map(|at| (self.oldest + at) % SPANS);
        if let Some(newest) = newest.map(|at| &mut self.spans[at])
            && (now_ns.saturating_sub(newest.first_ns) <= span_ns || self.len == SPANS)
        {
            newest.last_ns = newest.last_ns.max(now_ns);
            newest.points = newest.points.saturating_add(points);
            return;
        }
        self.spans[(self.oldest + self.len) % SPANS] =
            Span { first_ns: now_ns, last_ns: now_ns, points };
        self.len += 1;
    }
}

/// Whether a span is older than the window. Both ends of an interval belong to it.
const fn is_over(span: &Span, now_ns: u64, length_ns: u64) -> bool {
    now_ns.saturating_sub(span.last_ns) > length_ns
}

/// The counts of two neighbouring fixed windows. A request near the border of two windows counts in
/// both.
#[derive(Clone, Copy, Debug, Default)]
struct Fixed {
    /// The first of the two.
    from: u64,
    counts: [u32; 2],
    /// Time of the newest request.
    newest_ns: u64,
}

impl Fixed {
    /// The first and the last window in which the venue may count a request that is sent now.
    fn windows(&self, now_ns: u64, length_ns: u64, slack_ns: u64) -> [u64; 2] {
        let now_ns = now_ns.max(self.newest_ns);
        [now_ns.saturating_sub(slack_ns), now_ns.saturating_add(slack_ns)].map(|ns| ns / length_ns)
    }

    fn count_of(&self, window: u64) -> u32 {
        let at = window.checked_sub(self.from).and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| self.counts.get(at)).copied().unwrap_or(0)
    }

    fn count(&mut self, now_ns: u64, [from, upto]: [u64; 2], points: u32) {
        self.counts = [from, from.saturating_add(1)].map(|window| self.count_of(window));
        self.from = from;
        self.newest_ns = self.newest_ns.max(now_ns);
        for count in &mut self.counts[..=usize::from(upto > from)] {
            *count = count.saturating_add(points);
        }
    }
}

#[cfg(test)]
mod tests;
