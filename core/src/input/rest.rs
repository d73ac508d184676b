//! Where the part of an account's orders rests that waits in a book, as an input.
//!
//! A line belongs here if an account sets it and `routing::rest` or `routing::shares` follows it.

use crate::id::{AccountId, VenueId};
use crate::reference::VENUES_MAX;
use crate::wire::{Reader, Wire, WireError, Writer, wire_enum, wire_struct};

/// Places that an order rests at by share at most.
pub const REST_PLACES_MAX: usize = 8;

/// The usual [`RestDef::places`].
pub const REST_PLACES_DEFAULT: u8 = 3;

/// Where the part of an order rests that waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum RestBy {
    /// At the best place.
    #[default]
    Best = 1,
    /// At several places, each with a share.
    Share = 2,
}
wire_enum!(RestBy { Best, Share });

/// A share for each venue in per cent: all zero, or 100 together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VenuePercents([u8; VENUES_MAX]);

impl VenuePercents {
    /// No venue has a share.
    pub const NONE: Self = Self([0; VENUES_MAX]);

    /// The share of a venue, in per cent.
    pub fn of(&self, venue: VenueId) -> u8 {
        self.0.get(venue.index()).copied().unwrap_or(0)
    }

    /// Sets the share of a venue. True if there is such a venue.
    pub fn set(&mut self, venue: VenueId, percent: u8) -> bool {
        let found = self.0.get_mut(venue.index());
        found.is_some_and(|share| {
            *share = percent;
            true
        })
    }

    /// Whether any venue has a share.
    pub fn is_given(&self) -> bool {
        self.0.iter().any(|share| *share > 0)
    }

    /// Whether no venue has a share, or at most [`REST_PLACES_MAX`] have 100 per cent together.
    pub fn is_sound(&self) -> bool {
        let given = self.0.iter().filter(|share| **share > 0);
        let sum: u32 = given.clone().map(|share| u32::from(*share)).sum();
        sum == 0 || sum == 100 && given.count() <= REST_PLACES_MAX
    }
}

impl Wire for VenuePercents {
    fn put(&self, w: &mut Writer<'_>) {
        for share in &self.0 {
            share.put(w);
        }
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut all = Self::NONE;
        for share in &mut all.0 {
            *share = u8::get(r)?;
        }
        Ok(all)
    }
}

/// Where the part of an account's orders rests that waits. Holds from the input on, for what comes
/// to rest from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestDef {
    /// The account, which is defined before.
    pub account: AccountId,
    /// At the best place or by share, unless an order says otherwise.
    pub by: RestBy,
    /// Places of an order at most, from 1 to [`REST_PLACES_MAX`]. Of use only without shares.
    pub places: u8,
    /// The shares of the venues. Where none is given, they follow from how fast an order is
    /// expected to fill at each place.
    pub percents: VenuePercents,
}
wire_struct!(RestDef { account, by, places, percents });

impl RestDef {
    /// The terms of an account that sets none: an order rests at the best place.
    pub const fn usual(account: AccountId) -> Self {
        let (places, percents) = (REST_PLACES_DEFAULT, VenuePercents::NONE);
        Self { account, by: RestBy::Best, places, percents }
    }

    /// Whether places and shares are in range.
    pub fn is_sound(&self) -> bool {
        (1..=REST_PLACES_MAX).contains(&usize::from(self.places)) && self.percents.is_sound()
    }
}
