//! Telling the core that a feed lives although no book changes.
//!
//! A line belongs here if it decides when [`Input::FeedAlive`] is due. A link that is dead is the
//! venue's dialect in `rutter-venues`.

use rutter_core::id::VenueId;
use rutter_core::input::Input;

/// Shortest time between two signs of life, in nanoseconds.
const ALIVE_EVERY_NS: u64 = 500_000_000;

/// When the core last heard of a feed.
#[derive(Clone, Copy, Debug)]
pub struct Alive {
    venue: VenueId,
    told_ns: u64,
    /// The venue has said something since the core was last told anything.
    is_news: bool,
}

impl Alive {
    /// The feed of a venue of which nothing was heard yet.
    pub const fn new(venue: VenueId) -> Self {
        Self { venue, told_ns: 0, is_news: false }
    }

    /// The venue has said something.
    pub const fn heard(&mut self) {
        self.is_news = true;
    }

    /// The next sign of life is due a whole interval from now.
    pub const fn postpone(&mut self, now_ns: u64) {
        self.told_ns = now_ns;
    }

    /// All changed books have been published, and `told` says whether the core was told anything.
    /// Returns the sign of life if one is due.
    pub fn flushed(&mut self, now_ns: u64, told: bool) -> Option<Input> {
        let due = now_ns >= self.told_ns.saturating_add(ALIVE_EVERY_NS);
        let sign = (!told && self.is_news && due).then_some(Input::FeedAlive(self.venue));
        if told || sign.is_some() {
            self.told_ns = now_ns;
            self.is_news = false;
        }
        sign
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_of_life_needs_news_and_an_interval_without_updates() {
        let mut alive = Alive::new(VenueId(3));
        let sign = Some(Input::FeedAlive(VenueId(3)));
        assert_eq!(alive.flushed(ALIVE_EVERY_NS, false), None, "nothing was heard");
        alive.heard();
        assert_eq!(alive.flushed(ALIVE_EVERY_NS - 1, false), None, "not due");
        assert_eq!(alive.flushed(ALIVE_EVERY_NS, false), sign);
        alive.heard();
        assert_eq!(alive.flushed(2 * ALIVE_EVERY_NS, true), None, "an update is a sign of life");
        assert_eq!(alive.flushed(3 * ALIVE_EVERY_NS, false), None, "nothing was heard since");
        alive.heard();
        alive.postpone(3 * ALIVE_EVERY_NS);
        assert_eq!(alive.flushed(4 * ALIVE_EVERY_NS - 1, false), None);
        assert_eq!(alive.flushed(4 * ALIVE_EVERY_NS, false), sign);
    }
}
