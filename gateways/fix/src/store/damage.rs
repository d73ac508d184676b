//! What is wrong with the files of a store: damaged places, and the events that went with them.
//!
//! A line belongs here if it describes damage. Finding damage is `open`, reading around it
//! `records`.

use std::path::PathBuf;

/// Places that are described one by one; further ones are only counted.
pub const PLACES_MAX: usize = 64;

/// Most separate ranges of lost events. With more, the newest range grows: then some events are
/// repeated that are not lost.
const RANGES_MAX: usize = 1_024;

/// What is wrong with a place in a store's files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DamageKind {
    /// Bytes with a wrong checksum, or a record that is out of its order.
    #[error("damaged record")]
    Record,
    /// Records that must be there have been cleared.
    #[error("records cleared")]
    Cleared,
    /// The segment's header is wrong.
    #[error("damaged header")]
    Header,
    /// The segment has another size.
    #[error("wrong size")]
    Size,
    /// The segment is not there.
    #[error("segment missing")]
    Missing,
    /// The segment is another store's. It was renamed to `*.aside-N`.
    #[error("foreign segment")]
    Foreign,
}

/// A damaged place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedPlace {
    /// The file.
    pub file: PathBuf,
    /// Offset of the first damaged byte.
    pub at: u64,
    /// Number of damaged bytes; 0 when unknown.
    pub bytes: u64,
    /// What is wrong.
    pub kind: DamageKind,
}

/// All damage that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DamageReport {
    /// The first [`PLACES_MAX`] places.
    pub places: Vec<DamagedPlace>,
    /// Number of all places.
    pub count: u64,
    /// Highest number of events whose messages are lost. [`u64::MAX`] when unknown.
    pub lost_events: u64,
}

impl DamageReport {
    pub(super) fn note(&mut self, place: DamagedPlace) {
        self.count += 1;
        if self.places.len() < PLACES_MAX {
            self.places.push(place);
        }
    }
}

/// Event numbers whose messages were stored and are lost: ascending ranges, both ends included.
#[derive(Debug, Default)]
pub(super) struct LostEvents {
    ranges: Vec<(u64, u64)>,
}

impl LostEvents {
    /// Adds a range above all others.
    pub fn add(&mut self, from: u64, upto: u64) {
        if from > upto {
            return;
        }
        let full = self.ranges.len() >= RANGES_MAX;
        match self.ranges.last_mut() {
            Some(last) if full || last.1 >= from => {
                last.1 = last.1.max(upto);
            }
            _ => self.ranges.push((from, upto)),
        }
    }

    /// An event of a range is stored again. Events are repeated in ascending order, so the events
    /// below it in the range are not to come.
    pub fn found(&mut self, event_no: u64) {
        let at = self.ranges.partition_point(|range| range.1 < event_no);
        if let Some(range) = self.ranges.get_mut(at).filter(|range| range.0 <= event_no) {
            range.0 = event_no.saturating_add(1);
            if range.0 > range.1 {
                self.ranges.remove(at);
            }
        }
    }

    pub fn has(&self, event_no: u64) -> bool {
        let at = self.ranges.partition_point(|range| range.1 < event_no);
        self.ranges.get(at).is_some_and(|range| range.0 <= event_no)
    }

    pub const fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    pub fn clear(&mut self) {
        self.ranges.clear();
    }

    /// Number of events in all ranges.
    pub fn count(&self) -> u64 {
        self.ranges.iter().fold(0, |sum: u64, (from, upto)| sum.saturating_add(upto - from + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_lost_until_it_is_found_and_ranges_stay_few() {
        let mut lost = LostEvents::default();
        lost.add(5, 7);
        lost.add(9, 8);
        lost.add(20, u64::MAX);
        let has = |lost: &LostEvents| (1..25).filter(|event| lost.has(*event)).collect::<Vec<_>>();
        assert_eq!(has(&lost), [5, 6, 7, 20, 21, 22, 23, 24]);
        lost.found(4);
        lost.found(5);
        lost.found(7);
        lost.found(21);
        assert_eq!(has(&lost), [22, 23, 24]);
        assert!(lost.has(u64::MAX));
        let mut lost = LostEvents::default();
        (0..5_000).for_each(|number| lost.add(number * 3, number * 3));
        assert!(lost.ranges.len() <= RANGES_MAX);
        assert!((0..5_000).all(|number| lost.has(number * 3)), "none is forgotten");
    }
}
