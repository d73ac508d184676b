//! What the feeds told, one book for each listing.
//!
//! A line belongs here if it is about what is known of the market, and nobody who asks. A book is
//! the core's own type, so that clients see what the router sees.

use rutter_core::book::{Book, Trust};
use rutter_core::id::{InstrumentId, VenueId};
use rutter_core::input::{BookUpdate, Distrust, Input};
use rutter_core::number::UnixNanos;
use rutter_core::reference::VENUES_MAX;

use super::config::MarketConfig;

/// What a feed tells, as far as clients may see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookNews {
    /// Changed levels.
    Update(BookUpdate),
    /// The book is not to be trusted until its next snapshot.
    Distrusted(VenueId, InstrumentId, Distrust),
    /// The feed lives, though nothing changed.
    Alive(VenueId),
    /// Changes of this venue were lost on the way: none of its books is to be trusted.
    Lost(VenueId),
}

impl BookNews {
    /// The news in an input that a feed makes, if it is any.
    pub const fn of(input: &Input) -> Option<Self> {
        match input {
            Input::Book(update) => Some(Self::Update(*update)),
            Input::BookDistrusted { venue, instrument, reason } => {
                Some(Self::Distrusted(*venue, *instrument, *reason))
            }
            Input::FeedAlive(venue) => Some(Self::Alive(*venue)),
            _ => None,
        }
    }
}

/// Venues as bits, by id.
pub type VenueSet = u8;

const _: () = assert!(VENUES_MAX <= VenueSet::BITS as usize, "a bit for each venue");

/// One venue's feed.
#[derive(Clone, Copy, Debug)]
struct Feed {
    heard_ns: u64,
    stale_after_ns: u64,
    /// Silent for too long.
    stale: bool,
}

impl Feed {
    const fn due_ns(&self) -> u64 {
        if self.stale { u64::MAX } else { self.heard_ns.saturating_add(self.stale_after_ns) }
    }
}

/// All books.
#[derive(Debug)]
pub struct Books {
    /// Instrument times [`VENUES_MAX`] plus venue, for those that are listed.
    by_listing: Vec<Option<Box<Book>>>,
    /// By instrument.
    listed: Vec<VenueSet>,
    feeds: [Feed; VENUES_MAX],
    /// A feed that is not stale may be from then on.
    stale_due_ns: u64,
}

impl Books {
    /// A book that nobody has proved for each listing.
    pub fn new(config: &MarketConfig) -> Self {
        let slots = config.listings.iter().map(|one| one.instrument.index() + 1).max().unwrap_or(0);
        let mut books: Vec<Option<Box<Book>>> = Vec::new();
        books.resize_with(slots * VENUES_MAX, || None);
        let mut listed = vec![0; slots];
        for one in &config.listings {
            let at = one.instrument.index() * VENUES_MAX + one.venue.index();
            books[at] = Some(Box::new(Book::new()));
            listed[one.instrument.index()] |= 1 << one.venue.index();
        }
        let feeds = core::array::from_fn(|venue| Feed {
            heard_ns: 0,
            stale_after_ns: config.stale_after_ns.get(venue).copied().unwrap_or(u64::MAX),
            stale: false,
        });
        Self { by_listing: books, listed, feeds, stale_due_ns: u64::MAX }
    }

    /// Instruments that ever have a book: ids are below.
    pub const fn instruments(&self) -> usize {
        self.listed.len()
    }

    /// Where an instrument is listed.
    pub fn listed(&self, instrument: InstrumentId) -> VenueSet {
        self.listed.get(instrument.index()).copied().unwrap_or(0)
    }

    fn book_mut(&mut self, instrument: InstrumentId, venue: VenueId) -> Option<&mut Book> {
        let known = venue.index() < VENUES_MAX;
        let at = instrument.index() * VENUES_MAX + venue.index();
        self.by_listing.get_mut(at).filter(|_| known)?.as_deref_mut()
    }

    /// A book that may be shown.
    #[inline]
    pub fn shown(&self, instrument: InstrumentId, venue: usize) -> Option<&Book> {
        let book = self.by_listing.get(instrument.index() * VENUES_MAX + venue)?.as_deref()?;
        (book.trust == Trust::Proved && !self.feeds.get(venue)?.stale).then_some(book)
    }

    /// Whether a change of one of these books is half told: no view can be made of it now, and the
    /// rest is on its way.
    pub fn half_told(&self, instrument: InstrumentId, venues: VenueSet) -> bool {
        let at = instrument.index() * VENUES_MAX;
        let books = self.by_listing.get(at..at + VENUES_MAX).unwrap_or(&[]);
        books.iter().enumerate().any(|(venue, book)| {
            let trust = book.as_ref().map(|book| book.trust);
            venues >> venue & 1 == 1 && matches!(trust, Some(Trust::Changing | Trust::Beginning))
        })
    }

    /// Takes news. `changed` is called with each listing that looks different afterwards.
    #[inline]
    pub fn take(
        &mut self,
        now_ns: u64,
        news: &BookNews,
        mut changed: impl FnMut(InstrumentId, VenueId),
    ) {
        match news {
            BookNews::Update(update) => {
                let (instrument, venue) = (update.instrument, update.venue);
                self.heard(now_ns, venue, &mut changed);
                if let Some(book) = self.book_mut(instrument, venue) {
                    book.update(update, UnixNanos(now_ns));
                    if update.last && book.trust == Trust::Proved {
                        changed(instrument, venue);
                    }
                }
            }
            BookNews::Distrusted(venue, instrument, reason) => {
                if let Some(book) = self.book_mut(*instrument, *venue) {
                    book.distrust(*reason);
                    changed(*instrument, *venue);
                }
            }
            BookNews::Alive(venue) => self.heard(now_ns, *venue, &mut changed),
            BookNews::Lost(venue) => {
                for instrument in (0..self.listed.len()).map(|at| InstrumentId(at as u16)) {
                    if let Some(book) = self.book_mut(instrument, *venue) {
                        book.distrust(Distrust::Gap);
                        changed(instrument, *venue);
                    }
                }
            }
        }
    }

    #[inline]
    fn heard(
        &mut self,
        now_ns: u64,
        venue: VenueId,
        changed: &mut impl FnMut(InstrumentId, VenueId),
    ) {
        let Some(feed) = self.feeds.get_mut(venue.index()) else { return };
        feed.heard_ns = now_ns;
        let was_stale = core::mem::replace(&mut feed.stale, false);
        self.stale_due_ns = self.stale_due_ns.min(feed.due_ns());
        if was_stale {
            self.all_of(venue, changed);
        }
    }

    fn all_of(&self, venue: VenueId, changed: &mut impl FnMut(InstrumentId, VenueId)) {
        for (at, listed) in self.listed.iter().enumerate() {
            if listed >> venue.index() & 1 == 1 {
                changed(InstrumentId(at as u16), venue);
            }
        }
    }

    /// When [`age`](Self::age) may have something to do: early perhaps, never late.
    pub const fn stale_due_ns(&self) -> u64 {
        self.stale_due_ns
    }

    /// Takes the books of feeds that have been silent for too long out of view.
    pub fn age(&mut self, now_ns: u64, mut changed: impl FnMut(InstrumentId, VenueId)) {
        if now_ns < self.stale_due_ns {
            return;
        }
        self.stale_due_ns = u64::MAX;
        for venue in 0..VENUES_MAX {
            let feed = &mut self.feeds[venue];
            // The core lets a feed be silent for the whole of its time, and no longer.
            if feed.heard_ns > 0 && now_ns > feed.due_ns() {
                feed.stale = true;
                self.all_of(VenueId(venue as u8), &mut changed);
            } else if feed.heard_ns > 0 {
                let next_ns = feed.due_ns().saturating_add(1);
                self.stale_due_ns = self.stale_due_ns.min(next_ns);
            }
        }
    }
}
