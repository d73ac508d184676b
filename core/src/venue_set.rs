//! A set of venues.
//!
//! A line belongs here if it is about membership alone. Why a venue is in a set is told where the
//! set is kept.

use crate::id::VenueId;
use crate::wire::{Reader, Wire, WireError, Writer};

/// A set of venues, one bit per venue. Holds ids below [`VenueSet::CAPACITY`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct VenueSet(u32);

const _: () = assert!(crate::reference::VENUES_MAX <= VenueSet::CAPACITY, "a bit per venue");

impl VenueSet {
    /// Ids below this fit; [`VENUES_MAX`](crate::reference::VENUES_MAX) is at most this.
    pub const CAPACITY: usize = u32::BITS as usize;

    /// No venue.
    pub const EMPTY: Self = Self(0);

    /// Every venue except one.
    pub const fn all_but(venue: VenueId) -> Self {
        Self(!Self::bit(venue))
    }

    /// Every venue that is not in the set.
    #[must_use]
    pub const fn complement(self) -> Self {
        Self(!self.0)
    }

    /// Adds a venue.
    pub const fn insert(&mut self, venue: VenueId) {
        self.0 |= Self::bit(venue);
    }

    /// Takes a venue out.
    pub const fn remove(&mut self, venue: VenueId) {
        self.0 &= !Self::bit(venue);
    }

    /// Whether the venue is in the set; false for an id that does not fit.
    #[inline]
    pub const fn has(self, venue: VenueId) -> bool {
        self.0 & Self::bit(venue) != 0
    }

    /// The venues that are in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The venues that are in both sets.
    #[must_use]
    pub const fn also_in(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Its venues that are not in the other set.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Number of its venues.
    #[inline]
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there is no venue in it.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its venues, lowest id first.
    #[inline]
    pub fn iter(self) -> impl Iterator<Item = VenueId> {
        let mut left = self.0;
        core::iter::from_fn(move || {
            let first = VenueId(left.trailing_zeros() as u8);
            // Empty when the last venue was told.
            left &= left.checked_sub(1)?;
            Some(first)
        })
    }

    /// Puts a venue in or takes it out.
    pub const fn set(&mut self, venue: VenueId, is_in: bool) {
        if is_in {
            self.insert(venue);
        } else {
            self.remove(venue);
        }
    }

    /// Whether each of its venues is in the other set.
    pub const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// Zero for an id that does not fit, so that an unknown venue is in no set.
    const fn bit(venue: VenueId) -> u32 {
        if venue.index() < Self::CAPACITY { 1 << venue.0 } else { 0 }
    }
}

impl FromIterator<VenueId> for VenueSet {
    fn from_iter<I: IntoIterator<Item = VenueId>>(venues: I) -> Self {
        venues.into_iter().fold(Self::EMPTY, |mut set, venue| {
            set.insert(venue);
            set
        })
    }
}

impl Wire for VenueSet {
    fn put(&self, w: &mut Writer<'_>) {
        self.0.put(w);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(Self(Wire::get(r)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_venue_is_in_the_set_from_its_insertion_to_its_removal() {
        for id in 0..VenueSet::CAPACITY as u8 {
            let mut set = VenueSet::EMPTY;
            set.insert(VenueId(id));
            assert!(set.has(VenueId(id)) && !VenueSet::all_but(VenueId(id)).has(VenueId(id)));
            assert_eq!(VenueSet::all_but(VenueId(id)).union(set), VenueSet(u32::MAX));
            set.remove(VenueId(id));
            assert_eq!(set, VenueSet::EMPTY);
        }
    }

    #[test]
    fn the_venues_of_two_sets_are_told_lowest_first() {
        let set = |ids: &[u8]| ids.iter().copied().map(VenueId).collect::<VenueSet>();
        let (one, other) = (set(&[31, 0, 7]), set(&[7, 8, 31]));
        assert_eq!(one.also_in(other), set(&[7, 31]));
        assert_eq!(one.without(other), set(&[0]));
        assert_eq!(one.iter().map(|venue| venue.0).collect::<Vec<_>>(), [0, 7, 31]);
        assert_eq!((one.len(), VenueSet::EMPTY.len()), (3, 0));
        assert!(VenueSet::EMPTY.is_empty() && VenueSet::EMPTY.iter().next().is_none());
        assert!(!one.is_empty());
    }

    #[test]
    fn an_id_that_does_not_fit_is_in_no_set() {
        let mut set = VenueSet::EMPTY;
        set.insert(VenueId(u8::MAX));
        assert_eq!(set, VenueSet::EMPTY);
        assert!(!set.has(VenueId(u8::MAX)));
    }
}
