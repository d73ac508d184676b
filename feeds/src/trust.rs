//! Whether the core may believe a book, and what it has been told of the book.
//!
//! A line belongs here if it follows from a book being proved or not. What proves a book (update
//! ids, a checksum) is the venue's dialect in `rutter-venues`.
//!
//! Invariant: the core is told of a book only from a snapshot that was proved until the first
//! message that breaks the proof; the break is told at once.

use rutter_core::id::{InstrumentId, VenueId};
use rutter_core::input::{BookUpdate, Distrust, Input};

use crate::book::{Book, Published};

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
}

impl Trust {
    /// A book that is not trusted yet.
    pub fn new(venue: VenueId, instrument: InstrumentId) -> Self {
        let published = Published::new(venue, instrument);
        Self { venue, instrument, since_ns: None, published, has_changed: false }
    }

    /// The instrument of the book.
    pub const fn instrument(&self) -> InstrumentId {
        self.instrument
    }

    /// The core may believe the book.
    pub const fn is_trusted(&self) -> bool {
        self.since_ns.is_some()
    }

    /// A snapshot has been proved. The core is told the whole book with the next
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

    /// Emits the difference between the book and what the core was told last, if the book is
    /// trusted and has changed. True if anything was emitted.
    ///
    /// Any number of changes between two calls costs the core no more than the levels that are
    /// different in the end.
    pub fn publish(&mut self, book: &Book, emit: impl FnMut(BookUpdate)) -> bool {
        let is_due = core::mem::take(&mut self.has_changed) && self.is_trusted();
        is_due && self.published.publish(book, emit) > 0
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

    fn published(trust: &mut Trust, book: &Book) -> Vec<BookUpdate> {
        let mut updates = Vec::new();
        let told = trust.publish(book, |update| updates.push(update));
        assert_eq!(told, !updates.is_empty());
        updates
    }

    #[test]
    fn nothing_is_told_of_a_book_that_is_not_trusted() {
        let mut trust = Trust::new(VenueId(1), InstrumentId(2));
        assert!(trust.change() && !trust.change());
        assert!(published(&mut trust, &book()).is_empty());
        trust.begin(5);
        let told = published(&mut trust, &book());
        assert!(told.len() == 1 && told[0].clear && told[0].last);
        assert!(published(&mut trust, &book()).is_empty(), "nothing has changed since");
    }

    #[test]
    fn a_break_is_told_once_and_the_next_snapshot_is_told_whole() {
        let mut trust = Trust::new(VenueId(1), InstrumentId(2));
        trust.begin(0);
        published(&mut trust, &book());
        let mut told = Vec::new();
        assert!(trust.end(STABLE_NS, Distrust::Gap, |input| told.push(input)));
        assert!(!trust.end(STABLE_NS, Distrust::Gap, |input| told.push(input)));
        let (venue, instrument) = (VenueId(1), InstrumentId(2));
        assert_eq!(told, [Input::BookDistrusted { venue, instrument, reason: Distrust::Gap }]);
        trust.begin(STABLE_NS + 1);
        assert!(published(&mut trust, &book())[0].clear);
        assert!(!trust.end(STABLE_NS + 2, Distrust::Gap, |_| {}), "not good for long");
    }

    #[test]
    fn a_snapshot_of_a_trusted_book_does_not_make_it_younger() {
        let mut trust = Trust::new(VenueId(1), InstrumentId(2));
        trust.begin(0);
        trust.begin(STABLE_NS);
        assert!(trust.end(STABLE_NS, Distrust::Gap, |_| {}));
    }
}
