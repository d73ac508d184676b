//! The venue accounts that are up and whose feed is not silent.
//!
//! A line belongs here if it keeps that set. It is kept by what changes it, so that no order looks
//! at every venue: a venue comes up or goes down, a feed is heard, or the time has come at which
//! the next feed would be silent.

use crate::id::VenueId;
use crate::number::UnixNanos;
use crate::reference::Reference;
use crate::routing::VenueState;
use crate::venue_set::VenueSet;

/// The venue accounts that are up, and the feed of whose books is not silent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Heard {
    venues: VenueSet,
    /// No feed of these venues is silent up to this time.
    sure_until: UnixNanos,
}

impl Heard {
    /// The venues that are up and not silent, until [`Heard::is_due`].
    #[inline]
    pub const fn venues(&self) -> VenueSet {
        self.venues
    }

    /// Whether a feed may have become silent by now.
    #[inline]
    pub fn is_due(&self, now: UnixNanos) -> bool {
        now > self.sure_until
    }

    /// Looks at all venues.
    pub fn of(reference: &Reference, states: &[VenueState], now: UnixNanos) -> Self {
        let mut heard = Self { venues: VenueSet::EMPTY, sure_until: UnixNanos(u64::MAX) };
        for (index, state) in states.iter().enumerate().take(reference.venues.len()) {
            let venue = VenueId(index as u8);
            let feed = reference.book_owner(venue).index();
            let (alive_at, def) = (states[feed].feed_alive_at, &reference.venues[feed]);
            let silent_after = UnixNanos(alive_at.0.saturating_add(def.stale_after_ns));
            if state.up && now <= silent_after {
                heard.note(venue, silent_after);
            }
        }
        heard
    }

    /// A venue that is up has been heard and would be silent after that time.
    #[inline]
    pub fn note(&mut self, venue: VenueId, silent_after: UnixNanos) {
        self.venues.insert(venue);
        self.sure_until = self.sure_until.min(silent_after);
    }
}

#[cfg(test)]
mod tests {
    use rutter_test_support::random::Random;
    use rutter_test_support::seeds;

    use super::*;
    use crate::input::{BreakerTerms, Input, VenueDef};
    use crate::number::Text;

    const VENUES: u8 = 5;

    fn venue(id: u8, stale_after_ns: u64) -> VenueDef {
        VenueDef {
            id: VenueId(id),
            name: Text::new(&[b'a' + id]).expect("short"),
            stale_after_ns,
            rate_orders: 1,
            rate_window_ns: 1,
            unanswered_max: 1,
            fok: true,
            breaker: BreakerTerms::DEFAULT,
        }
    }

    /// Against a look at every venue after each change.
    #[test]
    fn a_venue_is_heard_while_it_is_up_and_has_not_been_silent_for_too_long() {
        seeds::run_all(&seeds::chosen(200), "heard", |seed| {
            let mut random = Random::new(seed);
            let mut reference = Reference::default();
            for id in 0..VENUES {
                let def = venue(id, 1 + random.below(50));
                reference.define(&Input::Venue(def)).expect("sound");
            }
            let mut states = vec![VenueState::default(); usize::from(VENUES)];
            let mut now = UnixNanos(1_000);
            let mut heard = Heard::of(&reference, &states, now);
            for _ in 0..300 {
                now.0 += random.below(12);
                if heard.is_due(now) {
                    heard = Heard::of(&reference, &states, now);
                }
                let index = random.below(u64::from(VENUES)) as usize;
                let (id, state) = (VenueId(index as u8), &mut states[index]);
                let silent_after = now.0 + reference.venues[index].stale_after_ns;
                if random.in_100(80) {
                    state.feed_alive_at = now;
                    if state.up {
                        heard.note(id, UnixNanos(silent_after));
                    }
                } else {
                    state.up = !state.up;
                    heard = Heard::of(&reference, &states, now);
                }
                let is_heard = |(def, state): (&VenueDef, &VenueState)| {
                    let silent_ns = now.since(state.feed_alive_at);
                    (state.up && silent_ns <= def.stale_after_ns).then_some(def.id)
                };
                let all = reference.venues.iter().zip(&states).filter_map(is_heard);
                assert_eq!(heard.venues(), all.collect(), "at {now:?}");
            }
        });
    }
}
