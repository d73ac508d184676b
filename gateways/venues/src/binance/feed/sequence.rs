//! The sequence of one book: which changes of the stream follow its snapshot without a gap.
//!
//! A line belongs here if it compares update ids or applies a proved change. Asking for snapshots
//! and telling the core is `machine`.

use rutter_core::input::{Level, Side};
use rutter_feeds::book::{Book, BookError};
use rutter_feeds::horizon::Horizon;

use super::message::Levels;

/// Most changes kept while a snapshot is awaited: over three minutes of a 100 ms stream.
pub const CHANGES_MAX: usize = 2_048;
/// Most levels of the changes kept.
pub const CHANGE_LEVELS_MAX: usize = 200_000;
/// Most levels a side of a book. A snapshot has at most 5,000; changes far from the top add more.
pub const BOOK_LEVELS_MAX: usize = 20_000;

/// Why a book cannot go on and needs a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// Update ids are missing before the change.
    #[error("gap: the book is at {at}, the change starts at {first}")]
    Gap {
        /// Update id of the book.
        at: u64,
        /// First update id of the change (`U`).
        first: u64,
    },
    /// The first update id (`U`) is above the last (`u`).
    #[error("update ids run backwards: {first} to {last}")]
    Backwards {
        /// First update id (`U`).
        first: u64,
        /// Last update id (`u`).
        last: u64,
    },
    /// The snapshot is older than the first change kept.
    #[error("snapshot {at} is older than the first change kept, {first}")]
    OldSnapshot {
        /// Update id of the snapshot (`lastUpdateId`).
        at: u64,
        /// First update id (`U`) of the first change kept.
        first: u64,
    },
    /// A level is impossible.
    #[error(transparent)]
    Level(#[from] BookError),
    /// The best bid is not below the best ask after a whole change.
    #[error("crossed")]
    Crossed,
    /// The snapshot no longer covers the levels that the core is told, so some may be missing.
    #[error("the market has left the snapshot")]
    Horizon,
    /// There are more changes than [`CHANGES_MAX`] or more levels than [`CHANGE_LEVELS_MAX`].
    #[error("too many changes while waiting for a snapshot")]
    Overflow,
}

#[derive(Clone, Copy, Debug)]
struct Change {
    first: u64,
    last: u64,
    bids_end: usize,
    asks_end: usize,
}

/// A book and its proof. Changes are kept until the snapshot arrives, and applied from then on.
#[derive(Clone, Debug)]
pub struct SequencedBook {
    book: Book,
    /// Last update id (`u`) in the book; `None` while a snapshot is awaited.
    at: Option<u64>,
    changes: Vec<Change>,
    kept: Levels,
    horizon: Horizon,
    /// Levels a side that the snapshot must cover.
    depth: usize,
}

impl SequencedBook {
    /// Empty, waiting for a snapshot that covers `depth` levels a side, at least one.
    pub fn new(depth: usize) -> Self {
        Self {
            book: Book::new(BOOK_LEVELS_MAX),
            at: None,
            changes: Vec::new(),
            kept: Levels::default(),
            horizon: Horizon::default(),
            depth,
        }
    }

    /// The book. It is proved only while [`SequencedBook::is_synced`].
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// The book, for telling its changes.
    pub const fn book_mut(&mut self) -> &mut Book {
        &mut self.book
    }

    /// A snapshot and all changes since are in the book, which is therefore proved.
    pub const fn is_synced(&self) -> bool {
        self.at.is_some()
    }

    /// Update id of the book; `None` while a snapshot is awaited.
    pub const fn update_id(&self) -> Option<u64> {
        self.at
    }

    /// Forgets everything and waits for a snapshot again.
    pub fn restart(&mut self) {
        self.at = None;
        self.book.clear();
        self.changes.clear();
        self.kept.bids.clear();
        self.kept.asks.clear();
        self.horizon = Horizon::default();
    }

    /// Takes one change of the stream: first and last update id (`U`, `u`) and levels. True when
    /// the book has changed.
    ///
    /// # Errors
    /// [`Break`]: a new snapshot is needed. The book has been restarted and keeps this change as
    /// the first, unless the change itself is impossible.
    pub fn change(&mut self, first: u64, last: u64, levels: &Levels) -> Result<bool, Break> {
        if first > last {
            self.restart();
            return Err(Break::Backwards { first, last });
        }
        let Some(at) = self.at else {
            self.keep(first, last, levels)?;
            return Ok(false);
        };
        if last < at {
            return Ok(false);
        }
        if at.checked_add(1).is_some_and(|next| first > next) {
            self.restart();
            self.keep(first, last, levels)?;
            return Err(Break::Gap { at, first });
        }
        let applied = self.apply(&levels.bids, &levels.asks);
        if let Err(error) = applied.and_then(|()| self.check()) {
            self.restart();
            return Err(error);
        }
        self.at = Some(last);
        Ok(true)
    }

    fn keep(&mut self, first: u64, last: u64, levels: &Levels) -> Result<(), Break> {
        let size = self.kept.bids.len() + self.kept.asks.len();
        let more = levels.bids.len() + levels.asks.len();
        if self.changes.len() >= CHANGES_MAX || size + more > CHANGE_LEVELS_MAX {
            self.restart();
            return Err(Break::Overflow);
        }
        self.kept.bids.extend_from_slice(&levels.bids);
        self.kept.asks.extend_from_slice(&levels.asks);
        let (bids_end, asks_end) = (self.kept.bids.len(), self.kept.asks.len());
        self.changes.push(Change { first, last, bids_end, asks_end });
        Ok(())
    }

    /// Takes a snapshot with update id `at` that was asked for with `limit` levels a side, and
    /// applies the changes kept.
    ///
    /// # Errors
    /// [`Break::OldSnapshot`] keeps the changes: ask again. Any other error restarts the book.
    pub fn snapshot(&mut self, at: u64, levels: &Levels, limit: usize) -> Result<(), Break> {
        if let Some(change) = self.changes.first()
            && at < change.first
        {
            return Err(Break::OldSnapshot { at, first: change.first });
        }
        let changes = core::mem::take(&mut self.changes);
        let kept = core::mem::take(&mut self.kept);
        self.restart();
        self.horizon = Horizon::of(&levels.bids, &levels.asks, limit);
        let result = self.build(at, levels, &changes, &kept);
        // The memory of the changes is used again.
        self.changes = changes;
        self.kept = kept;
        self.changes.clear();
        self.kept.bids.clear();
        self.kept.asks.clear();
        if result.is_err() {
            self.restart();
        }
        result
    }

    fn build(
        &mut self,
        at: u64,
        levels: &Levels,
        changes: &[Change],
        kept: &Levels,
    ) -> Result<(), Break> {
        self.apply(&levels.bids, &levels.asks)?;
        let mut at = at;
        let (mut bids, mut asks) = (0, 0);
        for change in changes {
            let bid_levels = kept.bids.get(bids..change.bids_end).unwrap_or_default();
            let ask_levels = kept.asks.get(asks..change.asks_end).unwrap_or_default();
            (bids, asks) = (change.bids_end, change.asks_end);
            if change.last <= at {
                continue;
            }
            if at.checked_add(1).is_some_and(|next| change.first > next) {
                return Err(Break::Gap { at, first: change.first });
            }
            self.apply(bid_levels, ask_levels)?;
            at = change.last;
        }
        self.check()?;
        self.at = Some(at);
        Ok(())
    }

    fn apply(&mut self, bids: &[Level], asks: &[Level]) -> Result<(), Break> {
        for level in bids {
            self.book.set(Side::Buy, *level)?;
        }
        for level in asks {
            self.book.set(Side::Sell, *level)?;
        }
        Ok(())
    }

    /// Checks what must hold after every whole change.
    fn check(&self) -> Result<(), Break> {
        if self.book.is_crossed() {
            return Err(Break::Crossed);
        }
        if self.horizon.covers(&self.book, self.depth) { Ok(()) } else { Err(Break::Horizon) }
    }
}
