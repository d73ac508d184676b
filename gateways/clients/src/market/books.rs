//! The books that clients see, one for each listing, made from the feeds' updates.
//!
//! A line belongs here if it is about the market and needs no client. A book has the core's own
//! type, so clients see what the router sees.

use rutter_core::book::{Book, Trust};
use rutter_core::id::{InstrumentId, VenueId};
use rutter_core::input::{BookUpdate, Distrust, Input, PublicTrade};
use rutter_core::number::UnixNanos;
use rutter_core::reference::VENUES_MAX;

use super::config::MarketConfig;

/// One update of a feed, as far as clients may see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BookNews {
    /// Changed price levels.
    Update(BookUpdate),
    /// The book is not trusted until its next snapshot.
    Distrusted(VenueId, InstrumentId, Distrust),
    /// The feed is alive, although nothing has changed.
    Alive(VenueId),
    /// A public trade.
    Trade(PublicTrade),
    /// Updates of this venue were lost on the way: none of its books is trusted.
    Lost(VenueId),
}

impl BookNews {
    /// The update in an input that a feed makes, if the input is one.
    pub const fn of(input: &Input) -> Option<Self> {
        match input {
            Input::Book(update) => Some(Self::Update(*update)),
            Input::BookDistrusted { venue, instrument, reason } => {
                Some(Self::Distrusted(*venue, *instrument, *reason))
            }
            Input::FeedAlive(venue) => Some(Self::Alive(*venue)),
            Input::Trade(trade) => Some(Self::Trade(*trade)),
            _ => None,
        }
    }
}

/// A set of venues: bit number [`VenueId`].
pub type VenueSet = u32;

const _: () = assert!(VENUES_MAX <= VenueSet::BITS as usize, "a bit for each venue");

/// The state of one venue's feed.
#[derive(Clone, Copy, Debug)]
struct Feed {
    heard_ns: u64,
    stale_after_ns: u64,
    /// The feed has been silent for longer than its configured time.
    stale: bool,
}

impl Feed {
    const fn due_ns(&self) -> u64 {
        if self.stale { u64::MAX } else { self.heard_ns.saturating_add(self.stale_after_ns) }
    }
}

/// All books, and the state of their feeds.
#[derive(Debug)]
pub struct Books {
    /// Index: instrument times [`VENUES_MAX`] plus venue. `None` where the instrument is not
    /// listed.
    by_listing: Vec<Option<Box<Book>>>,
    /// Venues that list an instrument, by instrument.
    listed: Vec<VenueSet>,
    feeds: [Feed; VENUES_MAX],
    /// When the next feed becomes stale if it stays silent.
    stale_due_ns: u64,
}

impl Books {
    /// One book for each listing, none of them trusted yet.
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

    /// Number of instruments that may have a book: ids are below it.
    pub const fn instruments(&self) -> usize {
        self.listed.len()
    }

    /// The venues that list an instrument.
    pub fn listed(&self, instrument: InstrumentId) -> VenueSet {
        self.listed.get(instrument.index()).copied().unwrap_or(0)
    }

    fn book_mut(&mut self, instrument: InstrumentId, venue: VenueId) -> Option<&mut Book> {
        let known = venue.index() < VENUES_MAX;
        let at = instrument.index() * VENUES_MAX + venue.index();
        self.by_listing.get_mut(at).filter(|_| known)?.as_deref_mut()
    }

    /// A book that may be shown: it is trusted and its feed is not stale.
    #[inline]
    pub fn shown(&self, instrument: InstrumentId, venue: usize) -> Option<&Book> {
        let book = self.by_listing.get(instrument.index() * VENUES_MAX + venue)?.as_deref()?;
        (book.trust == Trust::Proved && !self.feeds.get(venue)?.stale).then_some(book)
    }

    /// Whether one of these books is in the middle of an update that takes several messages. It
    /// cannot be shown now; the rest is on its way.
    pub fn half_told(&self, instrument: InstrumentId, venues: VenueSet) -> bool {
        let at = instrument.index() * VENUES_MAX;
        let books = self.by_listing.get(at..at + VENUES_MAX).unwrap_or(&[]);
        books.iter().enumerate().any(|(venue, book)| {
            let trust = book.as_ref().map(|book| book.trust);
            venues >> venue & 1 == 1 && matches!(trust, Some(Trust::Changing | Trust::Beginning))
        })
    }

    /// Takes an update. `changed` is called with each listing whose shown book differs afterwards.
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
            BookNews::Trade(trade) => self.heard(now_ns, trade.venue, &mut changed),
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

    /// When [`age`](Self::age) may have something to do. May be too early, never too late.
    pub const fn stale_due_ns(&self) -> u64 {
        self.stale_due_ns
    }

    /// Stops showing the books of feeds that have been silent for too long.
    pub fn age(&mut self, now_ns: u64, mut changed: impl FnMut(InstrumentId, VenueId)) {
        if now_ns < self.stale_due_ns {
            return;
        }
        self.stale_due_ns = u64::MAX;
        for venue in 0..VENUES_MAX {
            let feed = &mut self.feeds[venue];
            // Stale only after the configured time, not at it: the same rule as the core's.
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
