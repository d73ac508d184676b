//! A table with two ids as its key, of which most pairs have no row.
//!
//! A line belongs here if it keeps values by a pair of ids without knowing what they mean.
//!
//! Accounts times instruments would be 268 million rows. A pair gets a row with its first change.

use crate::resident::resident;
use crate::table::Index;

/// Rows for which a table has room at least, as a base-2 logarithm.
const ROOM_LOG2_MIN: u8 = 6;

/// Values by two ids of 16 bits each. A pair without a row has the default value.
///
/// A new row takes no memory while there is room. [`Sparse::make_room`] makes room ahead of need.
#[derive(Debug)]
pub struct Sparse<V> {
    index: Index,
    /// Base-2 logarithm of the rows that there is room for.
    room_log2: u8,
    rows: Vec<(u32, V)>,
}

const fn key_of(first: u16, second: u16) -> u32 {
    (first as u32) << 16 | second as u32
}

/// Spreads neighbouring keys. The keys are our own numbers, so that nobody aims at collisions.
const fn hash_of(key: u32) -> u64 {
    (key as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

impl<V: Copy + Default> Sparse<V> {
    /// No row.
    pub fn new() -> Self {
        Self {
            index: Index::new(ROOM_LOG2_MIN),
            room_log2: ROOM_LOG2_MIN,
            rows: room(ROOM_LOG2_MIN),
        }
    }

    #[inline]
    fn row(&self, key: u32) -> Option<usize> {
        let is_it = |at: u32| self.rows.get(at as usize).is_some_and(|(held, _)| *held == key);
        self.index.get(hash_of(key), is_it).map(|at| at as usize)
    }

    /// The value of a pair.
    #[inline]
    pub fn get(&self, first: u16, second: u16) -> V {
        if self.rows.is_empty() {
            return V::default();
        }
        self.row(key_of(first, second)).map_or_else(V::default, |at| self.rows[at].1)
    }

    /// The value of a pair, to change it. Allocates only if more rows are needed at once than there
    /// is room for.
    pub fn entry(&mut self, first: u16, second: u16) -> &mut V {
        let key = key_of(first, second);
        let at = self.row(key).unwrap_or_else(|| self.add(key));
        &mut self.rows[at].1
    }

    fn add(&mut self, key: u32) -> usize {
        let at = self.rows.len();
        self.make_room_for(at + 1);
        let is_indexed = self.index.insert(hash_of(key), at as u32);
        assert!(is_indexed, "room was made for row {at}");
        self.rows.push((key, V::default()));
        at
    }

    /// Makes room for twice the rows that there are, and for so many at least.
    pub fn make_room(&mut self, rows: usize) {
        self.make_room_for(rows.max(2 * self.rows.len()));
    }

    fn make_room_for(&mut self, rows: usize) {
        let mut log2 = self.room_log2;
        // Ends: memory holds fewer rows than 2^63.
        while 1_usize << log2 < rows {
            log2 += 1;
        }
        if log2 == self.room_log2 {
            return;
        }
        let (mut index, mut grown) = (Index::new(log2), room(log2));
        grown.extend_from_slice(&self.rows);
        for (at, (key, _)) in grown.iter().enumerate() {
            let is_indexed = index.insert(hash_of(*key), at as u32);
            assert!(is_indexed, "the new index has more room than the old one");
        }
        (self.index, self.rows, self.room_log2) = (index, grown, log2);
    }

    /// All rows in the order of their pairs. Allocates; for people and digests.
    pub fn sorted(&self) -> Vec<((u16, u16), V)> {
        let mut all: Vec<(u32, V)> = self.rows.clone();
        all.sort_unstable_by_key(|(key, _)| *key);
        all.into_iter().map(|(key, value)| (((key >> 16) as u16, key as u16), value)).collect()
    }
}

/// An empty vector with the pages of `2^log2` rows in memory.
fn room<V: Copy + Default>(log2: u8) -> Vec<(u32, V)> {
    let mut rows = resident((0, V::default()), 1 << log2);
    rows.clear();
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Against a map from the standard library, over a seeded run that outgrows its room.
    #[test]
    fn a_sparse_table_agrees_with_a_sorted_map() {
        let seed = 5_u64;
        let mut state = seed;
        let mut table = Sparse::<u64>::new();
        let mut model = BTreeMap::new();
        for turn in 0..20_000_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040);
            let pair = ((state >> 40) as u16 % 300, (state >> 20) as u16 % 40);
            if turn % 3 == 0 {
                *table.entry(pair.0, pair.1) += turn;
                *model.entry(pair).or_insert(0) += turn;
            }
            let expected = model.get(&pair).copied().unwrap_or(0);
            assert_eq!(table.get(pair.0, pair.1), expected, "seed {seed} turn {turn}");
        }
        assert!(table.rows.len() > 1 << ROOM_LOG2_MIN, "it has grown");
        assert_eq!(table.sorted(), model.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn room_is_made_ahead_of_need() {
        let mut table = Sparse::<u64>::new();
        table.make_room(1_000);
        let rows = table.rows.as_ptr();
        for account in 0..1_000 {
            *table.entry(account, 1) = 7;
        }
        assert_eq!(table.rows.as_ptr(), rows, "nothing was moved");
        table.make_room(0);
        assert!(table.rows.capacity() >= 2_000);
        assert_eq!((table.get(999, 1), table.get(999, 2), table.rows.len()), (7, 0, 1_000));
    }
}
