//! Fixed-size containers: nothing in here allocates after it is made.
//!
//! [`Ring`] holds orders and children under serial ids; [`Table`] finds things by key;
//! [`Recent`] remembers the newest keys.

use crate::hash::Rolling;

/// What a [`Ring`] holds.
pub trait Slot: Copy {
    /// A slot that was never used.
    const EMPTY: Self;
    /// The id of what is in it.
    fn id(&self) -> u64;
    /// True when what is in it is over, so that it may give way to a newer one.
    fn is_over(&self) -> bool;
}

/// Serial ids over a power of two of slots: id modulo size is the slot. A new id skips the slots of
/// what is still alive, so what is over stays to be looked up until its slot comes round again.
#[derive(Debug)]
pub struct Ring<T> {
    slots: Vec<T>,
    next: u64,
    live: usize,
}

impl<T: Slot> Ring<T> {
    /// `2^log2` slots.
    pub fn new(log2: u8) -> Self {
        Self { slots: vec![T::EMPTY; 1 << log2], next: 1, live: 0 }
    }

    fn at(&self, id: u64) -> usize {
        id as usize & (self.slots.len() - 1)
    }

    /// What has that id, alive or over.
    #[inline]
    pub fn get(&self, id: u64) -> Option<&T> {
        let slot = &self.slots[self.at(id)];
        (slot.id() == id && id != 0).then_some(slot)
    }

    /// As [`Ring::get`].
    #[inline]
    pub fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        let at = self.at(id);
        let slot = &mut self.slots[at];
        (slot.id() == id && id != 0).then_some(slot)
    }

    /// True when half the slots hold something alive: no more is taken, so that looking for the
    /// next slot stays short.
    pub fn is_full(&self) -> bool {
        self.live >= self.slots.len() / 2
    }

    /// The next id, and what was in its slot (over, or [`Slot::EMPTY`]). `None` when full.
    pub fn claim(&mut self) -> Option<(u64, T)> {
        if self.is_full() {
            return None;
        }
        // Ends: at least half of the slots are not alive.
        loop {
            let id = self.next;
            self.next += 1;
            let old = self.slots[self.at(id)];
            if old.is_over() {
                return Some((id, old));
            }
        }
    }

    /// Puts a claimed id to use.
    pub fn put(&mut self, item: T) {
        let at = self.at(item.id());
        self.slots[at] = item;
        self.live += 1;
    }

    /// Says that one item has come to its end.
    pub fn ended(&mut self) {
        assert!(self.live > 0, "more ends than beginnings");
        self.live -= 1;
    }

    /// How many are alive.
    pub fn live(&self) -> usize {
        self.live
    }

    /// The first living thing in a slot at or after `slot`, and the slot after it.
    pub fn living_after(&self, slot: usize) -> Option<(usize, &T)> {
        let rest = self.slots.get(slot..)?;
        let at = rest.iter().position(|item| !item.is_over())?;
        Some((slot + at + 1, &rest[at]))
    }

    /// Everything that is or was, in slot order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter(|slot| slot.id() != 0)
    }
}

/// A key of a [`Table`].
pub trait Key: Copy + Eq {
    /// Mixes the key in.
    fn mix(&self, hash: &mut Rolling);
}

/// Open addressing with linear probing and backward-shift removal, at most half full.
#[derive(Debug)]
pub struct Table<K, V> {
    slots: Vec<Option<(K, V)>>,
    seed: u64,
    len: usize,
}

impl<K: Key, V: Copy> Table<K, V> {
    /// Room for `2^log2` entries.
    pub fn new(log2: u8, seed: u64) -> Self {
        Self { slots: vec![None; 2 << log2], seed, len: 0 }
    }

    fn home(&self, key: &K) -> usize {
        let mut hash = Rolling::new(self.seed);
        key.mix(&mut hash);
        hash.value() as usize & (self.slots.len() - 1)
    }

    fn step(&self, at: usize) -> usize {
        (at + 1) & (self.slots.len() - 1)
    }

    /// Where the key is, or the free slot where it would go.
    fn find(&self, key: &K) -> usize {
        let mut at = self.home(key);
        // Ends: the table is never more than half full.
        while let Some((held, _)) = &self.slots[at] {
            if held == key {
                return at;
            }
            at = self.step(at);
        }
        at
    }

    /// The value of a key.
    #[inline]
    pub fn get(&self, key: &K) -> Option<V> {
        self.slots[self.find(key)].map(|(_, value)| value)
    }

    /// Sets the value of a key; false when there is no room.
    pub fn insert(&mut self, key: K, value: V) -> bool {
        let at = self.find(&key);
        if self.slots[at].is_none() {
            if self.len >= self.slots.len() / 2 {
                return false;
            }
            self.len += 1;
        }
        self.slots[at] = Some((key, value));
        true
    }

    /// Forgets a key.
    pub fn remove(&mut self, key: &K) {
        let mut hole = self.find(key);
        if self.slots[hole].is_none() {
            return;
        }
        self.len -= 1;
        let mut at = hole;
        loop {
            self.slots[hole] = None;
            loop {
                at = self.step(at);
                let Some((held, _)) = &self.slots[at] else { return };
                let home = self.home(held);
                // May it stay? Only when its home lies cyclically after the hole.
                let stays =
                    if hole <= at { hole < home && home <= at } else { hole < home || home <= at };
                if !stays {
                    break;
                }
            }
            self.slots[hole] = self.slots[at];
            hole = at;
        }
    }
}

/// The newest `2^log2` keys, in order of arrival.
#[derive(Debug)]
pub struct Recent<K> {
    table: Table<K, ()>,
    arrived: Vec<Option<K>>,
    next: usize,
}

impl<K: Key> Recent<K> {
    /// Remembers `2^log2` keys.
    pub fn new(log2: u8, seed: u64) -> Self {
        Self { table: Table::new(log2, seed), arrived: vec![None; 1 << log2], next: 0 }
    }

    /// True when the key is new; it is remembered, and the oldest one forgotten.
    pub fn is_new(&mut self, key: K) -> bool {
        if self.table.get(&key).is_some() {
            return false;
        }
        if let Some(oldest) = self.arrived[self.next].replace(key) {
            self.table.remove(&oldest);
        }
        self.next = (self.next + 1) & (self.arrived.len() - 1);
        self.table.insert(key, ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Clone, Copy)]
    struct Item(u64, bool);

    impl Slot for Item {
        const EMPTY: Self = Self(0, true);
        fn id(&self) -> u64 {
            self.0
        }
        fn is_over(&self) -> bool {
            self.1
        }
    }

    impl Key for u64 {
        fn mix(&self, hash: &mut Rolling) {
            hash.word(*self);
        }
    }

    #[test]
    fn a_ring_skips_the_living_and_recycles_the_dead() {
        let mut ring = Ring::<Item>::new(2);
        let (first, _) = ring.claim().expect("room");
        ring.put(Item(first, false));
        let (second, _) = ring.claim().expect("room");
        ring.put(Item(second, false));
        assert!(ring.claim().is_none(), "half full is full");
        ring.get_mut(second).expect("held").1 = true;
        ring.ended();
        let ids: Vec<u64> = (0..4).map(|_| ring.claim().expect("room").0).collect();
        assert_eq!(ids, [3, 4, 6, 7], "5 would be the slot of 1, which lives");
        assert!(ring.get(first).is_some());
        assert!(ring.get(0).is_none());
    }

    /// Against a map from the standard library, over a seeded run of inserts and removals.
    #[test]
    fn a_table_agrees_with_a_sorted_map() {
        let seed = 11;
        let mut state = seed;
        let mut table = Table::<u64, u64>::new(6, seed);
        let mut model = BTreeMap::new();
        for step in 0..20_000_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040);
            let key = (state >> 33) % 100;
            if (state >> 20) & 1 == 0 {
                let taken = table.insert(key, step);
                assert_eq!(taken, model.len() < 64 || model.contains_key(&key), "seed {seed}");
                if taken {
                    model.insert(key, step);
                }
            } else {
                table.remove(&key);
                model.remove(&key);
            }
            for probe in 0..100 {
                assert_eq!(table.get(&probe), model.get(&probe).copied(), "seed {seed}");
            }
        }
    }

    #[test]
    fn recent_forgets_the_oldest_only() {
        let mut recent = Recent::<u64>::new(2, 3);
        assert!([1, 2, 3, 4].into_iter().all(|k| recent.is_new(k)));
        assert!(!recent.is_new(1));
        assert!(recent.is_new(5), "1 falls out");
        assert!(recent.is_new(1));
        assert!(!recent.is_new(4));
    }
}
