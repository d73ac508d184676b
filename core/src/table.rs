//! Fixed-size containers: nothing in here allocates after it is made.
//!
//! [`Ring`] holds orders and children under serial ids; [`Index`] finds things by hash;
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
    /// A bit a slot, set while what is in it is alive: the living are found without a look at the
    /// slots.
    living: Vec<u64>,
    next: u64,
    live: usize,
}

impl<T: Slot> Ring<T> {
    /// `2^log2` slots.
    pub fn new(log2: u8) -> Self {
        let words = (1_usize << log2).div_ceil(64);
        Self { slots: vec![T::EMPTY; 1 << log2], living: vec![0; words], next: 1, live: 0 }
    }

    fn at(&self, id: u64) -> usize {
        id as usize & (self.slots.len() - 1)
    }

    /// The slot of an id.
    #[inline]
    pub fn slot(&self, id: u64) -> u32 {
        self.at(id) as u32
    }

    /// What is in a slot, alive, over or empty.
    #[inline]
    pub fn in_slot(&self, slot: u32) -> &T {
        &self.slots[slot as usize & (self.slots.len() - 1)]
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

    /// The next id; what is in its slot is over, or [`Slot::EMPTY`]. `None` when full.
    pub fn claim(&mut self) -> Option<u64> {
        if self.is_full() {
            return None;
        }
        // Ends: at least half of the slots are not alive.
        loop {
            let id = self.next;
            self.next += 1;
            if self.slots[self.at(id)].is_over() {
                return Some(id);
            }
        }
    }

    /// Puts a claimed id to use.
    pub fn put(&mut self, item: T) {
        let at = self.at(item.id());
        self.slots[at] = item;
        self.living[at / 64] |= 1 << (at % 64);
        self.live += 1;
    }

    /// Says that an item has come to its end.
    pub fn ended(&mut self, id: u64) {
        assert!(self.live > 0, "more ends than beginnings");
        let at = self.at(id);
        self.living[at / 64] &= !(1 << (at % 64));
        self.live -= 1;
    }

    /// How many are alive.
    pub fn live(&self) -> usize {
        self.live
    }

    /// The first living thing in a slot at or after `slot`, and the slot after it.
    pub fn living_after(&self, slot: usize) -> Option<(usize, &T)> {
        let mut word = slot / 64;
        let mut bits = self.living.get(word)? & u64::MAX << (slot % 64);
        while bits == 0 {
            word += 1;
            bits = *self.living.get(word)?;
        }
        let at = word * 64 + bits.trailing_zeros() as usize;
        Some((at + 1, &self.slots[at]))
    }

    /// Everything that is or was, in slot order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter(|slot| slot.id() != 0)
    }
}

/// A hash index over things that are kept elsewhere: a slot is half a hash and half a place, so
/// that a look at one cache line mostly tells that something is not there. Open addressing with
/// linear probing and backward-shift removal, at most half full.
#[derive(Debug)]
pub struct Index {
    /// Zero, or the hash's low half above the place plus one.
    slots: Vec<u64>,
    len: usize,
}

impl Index {
    /// Room for `2^log2` entries.
    pub fn new(log2: u8) -> Self {
        Self { slots: vec![0; 2 << log2], len: 0 }
    }

    fn mask(&self) -> usize {
        self.slots.len() - 1
    }

    /// The slot whose place `is_it`, or the free one where it would go.
    #[inline]
    fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> usize {
        let tag = hash as u32;
        let mut at = tag as usize & self.mask();
        // Ends: the index is never more than half full.
        loop {
            let slot = self.slots[at];
            if slot == 0 || ((slot >> 32) as u32 == tag && is_it(slot as u32 - 1)) {
                return at;
            }
            at = (at + 1) & self.mask();
        }
    }

    /// The place under that hash which `is_it`.
    #[inline]
    pub fn get(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let slot = self.slots[self.find(hash, is_it)];
        (slot != 0).then(|| slot as u32 - 1)
    }

    /// Adds a place; the caller knows that it is not there. False when there is no room.
    pub fn insert(&mut self, hash: u64, place: u32) -> bool {
        if self.len >= self.slots.len() / 2 || place == u32::MAX {
            return false;
        }
        let at = self.find(hash, |_| false);
        self.slots[at] = u64::from(hash as u32) << 32 | u64::from(place + 1);
        self.len += 1;
        true
    }

    /// Forgets the place under that hash which `is_it`, if it is there.
    pub fn remove(&mut self, hash: u64, is_it: impl Fn(u32) -> bool) {
        let mut hole = self.find(hash, is_it);
        if self.slots[hole] == 0 {
            return;
        }
        self.len -= 1;
        let mut at = hole;
        loop {
            self.slots[hole] = 0;
            loop {
                at = (at + 1) & self.mask();
                if self.slots[at] == 0 {
                    return;
                }
                let home = (self.slots[at] >> 32) as usize & self.mask();
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

/// A key of [`Recent`].
pub trait Key: Copy + Eq {
    /// Mixes the key in.
    fn mix(&self, hash: &mut Rolling);
}

/// The newest `2^log2` keys, in order of arrival, each with what is to be known of it.
#[derive(Debug)]
pub struct Recent<K, V = ()> {
    index: Index,
    seed: u64,
    /// With its hash.
    arrived: Vec<Option<(K, u64, V)>>,
    next: usize,
}

impl<K: Key, V: Copy> Recent<K, V> {
    /// Remembers `2^log2` keys.
    pub fn new(log2: u8, seed: u64) -> Self {
        Self { index: Index::new(log2), seed, arrived: vec![None; 1 << log2], next: 0 }
    }

    /// The key's hash, and what is known of it if it is remembered.
    fn look(&self, key: K) -> (u64, Option<V>) {
        let mut hash = Rolling::new(self.seed);
        key.mix(&mut hash);
        let hash = hash.value();
        let is_it = |place: u32| self.arrived[place as usize].is_some_and(|(held, ..)| held == key);
        let place = self.index.get(hash, is_it);
        (hash, place.and_then(|place| self.arrived[place as usize]).map(|(.., value)| value))
    }

    /// What is known of the key, if it is remembered.
    pub fn get(&self, key: K) -> Option<V> {
        if self.index.len == 0 { None } else { self.look(key).1 }
    }

    /// True when the key is remembered.
    pub fn has(&self, key: K) -> bool {
        self.get(key).is_some()
    }

    /// True when the key is new; it is remembered, and the oldest one forgotten.
    pub fn remember(&mut self, key: K, value: V) -> bool {
        let (hash, held) = self.look(key);
        if held.is_some() {
            return false;
        }
        let place = self.next as u32;
        if let Some((_, old, _)) = self.arrived[self.next].replace((key, hash, value)) {
            self.index.remove(old, |held| held == place);
        }
        self.next = (self.next + 1) & (self.arrived.len() - 1);
        self.index.insert(hash, place)
    }
}

impl<K: Key> Recent<K> {
    /// As [`remember`](Self::remember), where there is nothing to be known of a key.
    pub fn is_new(&mut self, key: K) -> bool {
        self.remember(key, ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

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
        let first = ring.claim().expect("room");
        ring.put(Item(first, false));
        let second = ring.claim().expect("room");
        ring.put(Item(second, false));
        assert!(ring.claim().is_none(), "half full is full");
        let living = |ring: &Ring<Item>, from| ring.living_after(from).map(|(next, i)| (next, i.0));
        assert_eq!([living(&ring, 0), living(&ring, 2)], [Some((2, first)), Some((3, second))]);
        ring.get_mut(second).expect("held").1 = true;
        ring.ended(second);
        assert_eq!([living(&ring, 0), living(&ring, 2)], [Some((2, first)), None]);
        let ids: Vec<u64> = (0..4).map(|_| ring.claim().expect("room")).collect();
        assert_eq!(ids, [3, 4, 6, 7], "5 would be the slot of 1, which lives");
        assert!(ring.get(first).is_some());
        assert!(ring.get(0).is_none());
    }

    /// Against a set from the standard library, over a seeded run of inserts and removals. Hashes
    /// are bad on purpose, so that many collide.
    #[test]
    fn an_index_agrees_with_a_sorted_set() {
        let seed = 11_u64;
        let mut state = seed;
        let mut index = Index::new(6);
        let mut model = BTreeSet::new();
        for _ in 0..20_000_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040);
            let key = ((state >> 33) % 100) as u32;
            let hash = u64::from(key % 23) << 2;
            if (state >> 20) & 1 == 0 && !model.contains(&key) {
                let taken = index.insert(hash, key);
                assert_eq!(taken, model.len() < 64, "seed {seed}");
                if taken {
                    model.insert(key);
                }
            } else {
                index.remove(hash, |place| place == key);
                model.remove(&key);
            }
            for probe in 0..100_u32 {
                let found = index.get(u64::from(probe % 23) << 2, |place| place == probe);
                assert_eq!(found.is_some(), model.contains(&probe), "seed {seed}");
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
