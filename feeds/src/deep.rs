//! When the deep tier of a book is told: some time after its change, and within a rate.
//!
//! A line belongs here if it decides about time or rate of the deep tiers of one feed. What a deep
//! tier is, is `published`.
//!
//! A book whose deep tier differs waits in a queue, one place a book. All books wait equally long,
//! so the queue is in the order of its times. When the rate is used up, books wait longer, oldest
//! first: deep levels are then older, never wrong for longer than the queue takes.

use std::collections::VecDeque;

/// How much of its books a feed tells the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Depth {
    /// Levels a side, from 1 to [`BOOK_LEVELS_MAX`](rutter_core::book::BOOK_LEVELS_MAX).
    pub levels: usize,
    /// From the first change of a deep tier until the tier is told, in nanoseconds.
    pub every_ns: u64,
    /// Most updates of deep tiers in one second, over all books of the feed; above 0. One update
    /// has up to [`LEVELS_PER_UPDATE`](rutter_core::input::LEVELS_PER_UPDATE) levels.
    pub updates_per_s_max: u32,
}

impl Depth {
    /// 1,000 levels a side, every 100 ms, at most 2,000 updates a second.
    pub const DEFAULT: Self = Self {
        levels: rutter_core::book::BOOK_LEVELS_MAX,
        every_ns: 100_000_000,
        updates_per_s_max: 2_000,
    };
}

/// Share of a second's updates that may be sent at once.
const BURST_NS: u64 = 100_000_000;

/// A book that is this late shows that the rate does not suffice, in nanoseconds.
pub const BEHIND_NS: u64 = 1_000_000_000;

/// The books of one feed whose deep tier is to be told.
#[derive(Clone, Debug)]
pub struct DeepQueue {
    depth: Depth,
    /// When the deep tier is due, and the book's place in the feed.
    waiting: VecDeque<(u64, usize)>,
    /// The time up to which the updates so far use the rate.
    used_until_ns: u64,
    timer_ns: Option<u64>,
    late: u64,
    is_behind: bool,
}

impl DeepQueue {
    /// An empty queue.
    pub const fn new(depth: Depth) -> Self {
        Self {
            depth,
            waiting: VecDeque::new(),
            used_until_ns: 0,
            timer_ns: None,
            late: 0,
            is_behind: false,
        }
    }

    /// The deep tier of the book at `at` differs. The caller adds no book twice.
    pub fn add(&mut self, now_ns: u64, at: usize) {
        self.waiting.push_back((now_ns.saturating_add(self.depth.every_ns), at));
    }

    /// The next book whose deep tier is due and may be told.
    pub fn next(&mut self, now_ns: u64) -> Option<usize> {
        let (due_ns, at) = *self.waiting.front()?;
        if now_ns < due_ns || now_ns < self.free_ns() {
            return None;
        }
        self.waiting.pop_front();
        self.late += u64::from(now_ns >= due_ns.saturating_add(self.depth.every_ns));
        Some(at)
    }

    /// Counts the updates of a deep tier that was told.
    pub fn told(&mut self, now_ns: u64, updates: usize) {
        let each_ns = 1_000_000_000 / u64::from(self.depth.updates_per_s_max.max(1));
        let used_ns = each_ns.saturating_mul(updates as u64);
        self.used_until_ns = self.used_until_ns.max(now_ns).saturating_add(used_ns);
    }

    /// All that is due and possible has been told. Sets the timer, and returns whether the feed has
    /// fallen behind ([`BEHIND_NS`]) or has caught up, if that has changed.
    pub fn settle(&mut self, now_ns: u64) -> Option<bool> {
        let front = self.waiting.front();
        self.timer_ns = front.map(|(due_ns, _)| (*due_ns).max(self.free_ns()));
        let late_ns = front.map_or(0, |(due_ns, _)| now_ns.saturating_sub(*due_ns));
        let is_behind = if self.is_behind { late_ns > 0 } else { late_ns >= BEHIND_NS };
        (core::mem::replace(&mut self.is_behind, is_behind) != is_behind).then_some(is_behind)
    }

    /// The timer may be due while the receiver of updates has no room: the next look is later.
    pub fn on_timer(&mut self, now_ns: u64) {
        if self.timer_ns.is_some_and(|at_ns| at_ns <= now_ns) {
            self.timer_ns = Some(now_ns.saturating_add(self.depth.every_ns));
        }
    }

    /// When something is due next.
    pub const fn next_ns(&self) -> Option<u64> {
        self.timer_ns
    }

    /// Books that were told later than twice [`Depth::every_ns`] after the change, since the start.
    pub const fn late(&self) -> u64 {
        self.late
    }

    /// Books that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// From when on updates are within the rate.
    const fn free_ns(&self) -> u64 {
        self.used_until_ns.saturating_sub(BURST_NS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn queue(updates_per_s_max: u32) -> DeepQueue {
        DeepQueue::new(Depth { updates_per_s_max, ..Depth::DEFAULT })
    }

    /// Tells all that may be told now, `updates` each.
    fn tell(queue: &mut DeepQueue, now_ns: u64, updates: usize) -> (Vec<usize>, Option<bool>) {
        let mut told = Vec::new();
        while let Some(at) = queue.next(now_ns) {
            queue.told(now_ns, updates);
            told.push(at);
        }
        (told, queue.settle(now_ns))
    }

    #[test]
    fn a_deep_tier_is_due_an_interval_after_its_change() {
        let mut queue = queue(1_000);
        queue.add(5 * MS, 7);
        queue.add(6 * MS, 3);
        assert_eq!(tell(&mut queue, 104 * MS, 1), (vec![], None));
        assert_eq!(queue.next_ns(), Some(105 * MS));
        assert_eq!(tell(&mut queue, 105 * MS, 1), (vec![7], None));
        assert_eq!(tell(&mut queue, 106 * MS, 1), (vec![3], None));
        assert_eq!((queue.next_ns(), queue.waiting(), queue.late()), (None, 0, 0));
    }

    #[test]
    fn beyond_the_rate_books_wait_oldest_first_are_counted_and_told_once() {
        let mut queue = queue(1_000);
        for at in 0..8 {
            queue.add(0, at);
        }
        assert_eq!(tell(&mut queue, 100 * MS, 250), (vec![0], None), "a burst, and one book more");
        assert_eq!(queue.next_ns(), Some(250 * MS), "250 updates are a quarter of a second");
        assert_eq!(tell(&mut queue, 249 * MS, 250), (vec![], None));
        let mut now_ns = 250 * MS;
        let mut said = Vec::new();
        for at in 1..8 {
            let (told, news) = tell(&mut queue, now_ns, 250);
            assert_eq!(told, [at]);
            said.extend(news);
            now_ns += 250 * MS;
        }
        assert_eq!(said, [true, false]);
        assert_eq!(queue.late(), 7);
    }

    #[test]
    fn a_timer_without_room_for_updates_does_not_fire_at_once_again() {
        let mut queue = queue(1_000);
        queue.add(0, 0);
        queue.settle(0);
        queue.on_timer(100 * MS);
        assert_eq!(queue.next_ns(), Some(200 * MS));
        assert_eq!(tell(&mut queue, 150 * MS, 1), (vec![0], None), "but it may come earlier");
        assert_eq!(queue.next_ns(), None);
    }
}
