//! Whether the core may believe a book, and what it has been told of the book.
//!
//! A line belongs here if it follows from a book being proved or not. What proves a book (update
//! ids, a checksum) is the venue's dialect in `rutter-venues`.
//!
//! Invariant: the core is told of a book only from a snapshot that was proved until the first
//! message that breaks the proof; the break is told at once.

use rutter_core::id::{InstrumentId, VenueId};
use rutter_core::input::{BookUpdate, Distrust, Input};

use crate::book::Book;
use crate::published::Published;

/// A book or link that was good for this long starts its waits from the first again.
pub const STABLE_NS: u64 = 60_000_000_000;

/// The trust in one book.
#[derive(Clone, Debug)]
pub struct Trust {
    venue: VenueId,
    instrument: InstrumentId,
    /// Since when the book has been trusted without a break; `None` while it is not trusted.
    since_ns: Option<u64>,
    published: Published,
    has_changed: bool,
    /// The book waits for its deep tier to be told.
    is_deep_waiting: bool,
}

impl Trust {
    /// A book that is not trusted yet, and of which the core is told `depth` levels a side.
    pub const fn new(venue: VenueId, instrument: InstrumentId, depth: usize) -> Self {
        Self {
            venue,
            instrument,
            since_ns: None,
            published: Published::new(venue, instrument, depth),
            has_changed: false,
            is_deep_waiting: false,
        }
    }

    /// The instrument of the book.
    pub const fn instrument(&self) -> InstrumentId {
        self.instrument
    }

    /// The core may believe the book.
    pub const fn is_trusted(&self) -> bool {
        self.since_ns.is_some()
    }

    /// A snapshot has been proved. The core is told the book anew with the next
    /// [`Trust::publish`].
    pub fn begin(&mut self, now_ns: u64) {
        self.since_ns.get_or_insert(now_ns);
        self.published.restart();
        self.has_changed = true;
    }

    /// A proved change is in the book. True for the first one since the last [`Trust::publish`].
    pub const fn change(&mut self) -> bool {
        !core::mem::replace(&mut self.has_changed, true)
    }

    /// The book is not proved any more. Emits [`Input::BookDistrusted`] if the core was told to
    /// trust the book. True if the book had been good for [`STABLE_NS`].
    pub fn end(&mut self, now_ns: u64, reason: Distrust, emit: impl FnOnce(Input)) -> bool {
        self.has_changed = false;
        let Some(since_ns) = self.since_ns.take() else { return false };
        let (venue, instrument) = (self.venue, self.instrument);
        emit(Input::BookDistrusted { venue, instrument, reason });
        now_ns.saturating_sub(since_ns) >= STABLE_NS
    }

    /// Tells the top tier's difference, if the book is trusted and has changed. True if anything
    /// was emitted.
    ///
    /// Any number of changes between two calls costs the core no more than the levels that are
    /// different in the end.
    pub fn publish(&mut self, book: &mut Book, emit: impl FnMut(BookUpdate)) -> bool {
        let is_due = core::mem::take(&mut self.has_changed) && self.is_trusted();
        is_due && self.published.publish(book, emit) > 0
    }

    /// True if the deep tier is to be told and the book does not wait for that yet: from now on
    /// the book waits.
    pub const fn begins_deep_wait(&mut self) -> bool {
        let begins = !self.is_deep_waiting && self.is_trusted() && self.published.deep_differs();
        self.is_deep_waiting |= begins;
        begins
    }

    /// Ends the wait, and tells all that differs down to the depth if the book is trusted. Returns
    /// the number of updates.
    pub fn deepen(&mut self, book: &mut Book, emit: impl FnMut(BookUpdate)) -> usize {
        self.is_deep_waiting = false;
        if self.is_trusted() { self.published.deepen(book, emit) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rutter_core::input::{Level, Side};
    use rutter_core::number::{Price, Qty};

    const BID: Level = Level { price: Price(10), qty: Qty(1) };

    fn book() -> Book {
        let mut book = Book::new(10);
        book.set(Side::Buy, BID).expect("a level");
        book
    }

    fn published(trust: &mut Trust, book: &mut Book) -> Vec<BookUpdate> {
        let mut updates = Vec::new();
        let told = trust.publish(book, |update| updates.push(update));
        assert_eq!(told, !updates.is_empty());
        updates
    }

    #[test]
    fn nothing_is_told_of_a_book_that_is_not_trusted() {
        let mut trust = Trust::new(VenueId(1), InstrumentId(2), 10);
        assert!(trust.change() && !trust.change());
        assert!(published(&mut trust, &mut book()).is_empty());
        trust.begin(5);
        let told = published(&mut trust, &mut book());
        assert!(told.len() == 1 && told[0].clear && told[0].last);
        assert!(published(&mut trust, &mut book()).is_empty(), "nothing has changed since");
    }

    #[test]
    fn a_break_is_told_once_and_the_next_snapshot_is_told_whole() {
        let mut trust = Trust::new(VenueId(1), InstrumentId(2), 10);
        trust.begin(0);
        published(&mut trust, &mut book());
        let mut told = Vec::new();
        assert!(trust.end(STABLE_NS, Distrust::Gap, |input| told.push(input)));
        assert!(!trust.end(STABLE_NS, Distrust::Gap, |input| told.push(input)));
        let (venue, instrument) = (VenueId(1), InstrumentId(2));
        assert_eq!(told, [Input::BookDistrusted { venue, instrument, reason: Distrust::Gap }]);
        trust.begin(STABLE_NS + 1);
        assert!(published(&mut trust, &mut book())[0].clear);
        assert!(!trust.end(STABLE_NS + 2, Distrust::Gap, |_| {}), "not good for long");
    }

    #[test]
    fn a_snapshot_of_a_trusted_book_does_not_make_it_younger() {
        let mut trust = Trust::new(VenueId(1), InstrumentId(2), 10);
        trust.begin(0);
        trust.begin(STABLE_NS);
        assert!(trust.end(STABLE_NS, Distrust::Gap, |_| {}));
    }
}
