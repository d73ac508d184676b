//! Which venue lists which instrument, as numbers, and the books of what is listed.
//!
//! A line belongs here if it finds what is kept for a listing. The terms of a listing are
//! `reference`, the levels of its book are `book`.
//!
//! A venue lists a small part of all instruments. So whatever is large is kept once for each
//! listing, in a pool, and a table of small numbers leads there: [`LISTED_BYTES_PER_INSTRUMENT`]
//! for each instrument, however many venues there are.

use core::ops::{Index, IndexMut};

use crate::book::Book;
use crate::id::{InstrumentId, VenueId};
use crate::reference::VENUES_MAX;

/// Bytes that a table of numbers takes for each instrument.
pub const LISTED_BYTES_PER_INSTRUMENT: usize = VENUES_MAX * size_of::<u32>();

/// The place of an instrument at a venue: instrument times [`VENUES_MAX`] plus venue.
#[inline]
pub const fn place_of(instrument: InstrumentId, venue: VenueId) -> usize {
    instrument.index() * VENUES_MAX + venue.index()
}

/// The numbers of listings: 0, 1, 2 and so on, in the order in which they were defined.
#[derive(Clone, Debug, Default)]
pub struct Listed {
    /// By place: the number plus one; zero if the venue does not list the instrument.
    numbers: Vec<u32>,
    len: u32,
}

impl Listed {
    /// Gives a place the next number, if the place has none yet. Returns the number.
    pub fn list(&mut self, place: usize) -> usize {
        let instruments = place / VENUES_MAX + 1;
        if self.numbers.len() < instruments * VENUES_MAX {
            self.numbers.resize(instruments * VENUES_MAX, 0);
        }
        if self.numbers[place] == 0 {
            self.len += 1;
            self.numbers[place] = self.len;
        }
        self.numbers[place] as usize - 1
    }

    /// The number of a place; `None` if the venue does not list the instrument.
    #[inline]
    pub fn number(&self, place: usize) -> Option<usize> {
        (*self.numbers.get(place)? as usize).checked_sub(1)
    }

    /// How many places have a number.
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether nothing is listed.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The numbers of an instrument's listings, in the order of the venues.
    pub fn of_instrument(&self, instrument: InstrumentId) -> impl Iterator<Item = usize> {
        let at = instrument.index() * VENUES_MAX;
        let numbers = self.numbers.get(at..at + VENUES_MAX).unwrap_or_default();
        numbers.iter().filter_map(|number| (*number as usize).checked_sub(1))
    }

    /// All numbers, by instrument and venue.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        self.numbers.iter().filter_map(|number| (*number as usize).checked_sub(1))
    }
}

/// The books of all listings, by their places.
///
/// Who reads the book of a place that is not listed gets an empty book that is not trusted. No
/// book of such a place can be changed.
#[derive(Clone, Debug)]
pub struct Books {
    listed: Listed,
    /// The book of no listing, then a book for each number.
    pool: Vec<Book>,
}

impl Books {
    /// No listing.
    pub fn new() -> Self {
        Self { listed: Listed::default(), pool: vec![Book::new()] }
    }

    /// Makes the book of a listing, with room for all its levels. A book that is there is kept.
    pub fn list(&mut self, place: usize) {
        self.list_without_levels(place).reserve();
    }

    /// As [`Self::list`], for a venue account that uses the levels of another one: the book keeps
    /// what is the account's own, such as whether its market is closed.
    pub fn list_without_levels(&mut self, place: usize) -> &mut Book {
        let number = self.listed.list(place);
        if number + 1 == self.pool.len() {
            self.pool.push(Book::new());
        }
        &mut self.pool[number + 1]
    }

    /// How many books there are.
    pub const fn len(&self) -> usize {
        self.listed.len()
    }

    /// Whether there is no book.
    pub const fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }

    /// The book of a place; `None` if it is not listed.
    #[inline]
    pub fn get(&self, place: usize) -> Option<&Book> {
        self.pool.get(self.listed.number(place)? + 1)
    }

    /// As [`Self::get`].
    #[inline]
    pub fn get_mut(&mut self, place: usize) -> Option<&mut Book> {
        self.pool.get_mut(self.listed.number(place)? + 1)
    }

    /// The books of all listings.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut Book> {
        self.pool.iter_mut().skip(1)
    }
}

impl Default for Books {
    fn default() -> Self {
        Self::new()
    }
}

impl Index<usize> for Books {
    type Output = Book;

    #[inline]
    fn index(&self, place: usize) -> &Book {
        let number = self.listed.numbers.get(place).copied().unwrap_or(0);
        &self.pool[number as usize]
    }
}

impl IndexMut<usize> for Books {
    /// # Panics
    /// When the place is not listed: what is written there would count for all such places.
    #[inline]
    fn index_mut(&mut self, place: usize) -> &mut Book {
        let number = self.listed.numbers.get(place).copied().unwrap_or(0);
        assert!(number > 0, "place {place} has no book: it is not listed");
        &mut self.pool[number as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::Trust;
    use crate::number::UnixNanos;

    #[test]
    fn a_book_is_there_for_a_listing_and_for_nothing_else() {
        let mut books = Books::new();
        let places = [(4_095, 31), (0, 0), (7, 2)]
            .map(|(instrument, venue)| place_of(InstrumentId(instrument), VenueId(venue)));
        for place in places {
            books.list(place);
            books.list(place);
        }
        assert_eq!(
            books.len(),
            places.len(),
            "a listing has one book, however often it is defined"
        );
        for (at, place) in places.into_iter().enumerate() {
            books[place].changed_at = UnixNanos(at as u64 + 1);
        }
        let changed = places.map(|place| books.get(place).map(|book| book.changed_at.0));
        assert_eq!(changed, [Some(1), Some(2), Some(3)]);
        for place in [1, 31, places[2] + 1, usize::MAX / 2] {
            assert!(books.get(place).is_none() && books.get_mut(place).is_none());
            assert!(matches!(books[place].trust, Trust::Distrusted(_)));
        }
    }

    #[test]
    #[should_panic(expected = "it is not listed")]
    fn the_book_of_what_is_not_listed_cannot_be_changed() {
        Books::new()[5].is_outlier = true;
    }

    #[test]
    fn the_numbers_of_an_instrument_come_in_the_order_of_its_venues() {
        let mut listed = Listed::default();
        for venue in [9, 0, 4] {
            listed.list(place_of(InstrumentId(1), VenueId(venue)));
        }
        assert_eq!(listed.of_instrument(InstrumentId(1)).collect::<Vec<_>>(), [1, 2, 0]);
        assert_eq!(listed.of_instrument(InstrumentId(0)).count(), 0);
        assert_eq!(listed.of_instrument(InstrumentId(2)).count(), 0);
        assert_eq!(listed.iter().collect::<Vec<_>>(), [1, 2, 0]);
    }
}
