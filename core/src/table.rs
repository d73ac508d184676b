//! Fixed-size containers that allocate only when they are made.
//!
//! A line belongs here if it stores values without knowing what they mean.
//!
//! [`Ring`] holds orders and children under serial ids, [`Index`] finds entries by hash, and
//! [`Recent`] remembers the newest keys.

use crate::hash::Rolling;
use crate::resident::resident;

/// An item of a [`Ring`].
pub trait Slot: Copy {
    /// A slot that was never used.
    const EMPTY: Self;
    /// The item's id; zero for an unused slot.
    fn id(&self) -> u64;
    /// Whether the item is over, so that its slot may be used again.
    fn is_over(&self) -> bool;
}

/// Items under serial ids, in a power of two of slots. An item's slot is its id modulo their
/// number. A new id skips the slots of living items, so an item that is over stays until its slot
/// comes round again.
#[derive(Debug)]
pub struct Ring<T> {
    slots: Vec<T>,
    /// One bit per slot, set while its item lives, so that living items are found without reading
    /// slots.
    living: Vec<u64>,
    next: u64,
    live: usize,
}

impl<T: Slot> Ring<T> {
    /// A ring of `2^log2` empty slots.
    pub fn new(log2: u8) -> Self {
        let words = (1_usize << log2).div_ceil(64);
        Self { slots: resident(T::EMPTY, 1 << log2), living: resident(0, words), next: 1, live: 0 }
    }

    fn at(&self, id: u64) -> usize {
        id as usize & (self.slots.len() - 1)
    }

    /// The slot of an id.
    #[inline]
    pub fn slot(&self, id: u64) -> u32 {
        self.at(id) as u32
    }

    /// The item in a slot: living, over or unused.
    #[inline]
    pub fn in_slot(&self, slot: u32) -> &T {
        &self.slots[slot as usize & (self.slots.len() - 1)]
    }

    /// The item with this id, living or over.
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

    /// Whether half of the slots hold living items. Then no more are taken, so that the search for
    /// the next slot stays short.
    pub fn is_full(&self) -> bool {
        self.live >= self.slots.len() / 2
    }

    /// Items that can be added before the ring is full.
    pub fn room(&self) -> usize {
        (self.slots.len() / 2).saturating_sub(self.live)
    }

    /// The next id, whose slot holds no living item; `None` when full.
    pub fn claim(&mut self) -> Option<u64> {
        if self.is_full() {
            return None;
        }
        let (mut word, mut skipped) = (self.at(self.next) / 64, self.at(self.next) % 64);
        // A ring of fewer slots than bits has one word, and comes round within it.
        let bits = self.slots.len().min(64);
        let within = u64::MAX >> (64 - bits);
        // Ends: at least half of the slots hold no living item.
        loop {
            let free = !self.living[word] & within & u64::MAX << skipped;
            if free != 0 {
                self.next += (free.trailing_zeros() as usize - skipped) as u64;
                break;
            }
            self.next += (bits - skipped) as u64;
            (word, skipped) = ((word + 1) % self.living.len(), 0);
        }
        let id = self.next;
        debug_assert!(self.slots[self.at(id)].is_over(), "an item that has ended lives");
        self.next += 1;
        Some(id)
    }

    /// Stores an item under the id that was claimed for it.
    pub fn put(&mut self, item: T) {
        let at = self.at(item.id());
        self.slots[at] = item;
        self.living[at / 64] |= 1 << (at % 64);
        self.live += 1;
    }

    /// Counts an item as over.
    pub fn ended(&mut self, id: u64) {
        assert!(self.live > 0, "more ends than beginnings");
        let at = self.at(id);
        self.living[at / 64] &= !(1 << (at % 64));
        self.live -= 1;
    }

    /// Number of living items.
    pub fn live(&self) -> usize {
        self.live
    }

    /// The first living item in a slot at or after `slot`, and the slot after it.
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

    /// All items, living or over, in the order of their slots.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter(|slot| slot.id() != 0)
    }
}

/// A hash index over entries that are kept elsewhere. An index slot is half a hash and half an
/// entry number, so that one cache line mostly suffices to see that an entry is absent. Open
/// addressing with linear probing and backward-shift removal, at most half full.
#[derive(Debug)]
pub struct Index {
    /// Zero, or the low half of the hash above the entry number plus one.
    slots: Vec<u64>,
    len: usize,
}

impl Index {
    /// Room for `2^log2` entries.
    pub fn new(log2: u8) -> Self {
        Self { slots: resident(0, 2 << log2), len: 0 }
    }

    fn mask(&self) -> usize {
        self.slots.len() - 1
    }

    /// The slot of the entry that `is_it`, or the free slot where it would go.
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

    /// The entry under that hash which `is_it`.
    #[inline]
    pub fn get(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let slot = self.slots[self.find(hash, is_it)];
        (slot != 0).then(|| slot as u32 - 1)
    }

    /// Adds an entry that the caller knows to be absent. False when there is no room.
    pub fn insert(&mut self, hash: u64, place: u32) -> bool {
        if self.len >= self.slots.len() / 2 || place == u32::MAX {
            return false;
        }
        let at = self.find(hash, |_| false);
        self.slots[at] = u64::from(hash as u32) << 32 | u64::from(place + 1);
        self.len += 1;
        true
    }

    /// Removes the entry under that hash which `is_it`, if it is there.
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
                // An entry may stay only if its home lies cyclically after the hole.
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

/// The newest `2^log2` keys in the order of arrival, each with a value.
#[derive(Debug)]
pub struct Recent<K, V> {
    index: Index,
    seed: u64,
    /// The keys with their hashes and values.
    arrived: Vec<Option<(K, u64, V)>>,
    next: usize,
}

impl<K: Key, V: Copy> Recent<K, V> {
    /// An empty set for `2^log2` keys.
    pub fn new(log2: u8, seed: u64) -> Self {
        Self { index: Index::new(log2), seed, arrived: resident(None, 1 << log2), next: 0 }
    }

    /// The key's hash, and its value if the key is remembered.
    fn look(&self, key: K) -> (u64, Option<V>) {
        let mut hash = Rolling::new(self.seed);
        key.mix(&mut hash);
        let hash = hash.value();
        let is_it = |place: u32| self.arrived[place as usize].is_some_and(|(held, ..)| held == key);
        let place = self.index.get(hash, is_it);
        (hash, place.and_then(|place| self.arrived[place as usize]).map(|(.., value)| value))
    }

    /// The key's value; `None` if the key is not remembered.
    pub fn get(&self, key: K) -> Option<V> {
        if self.index.len == 0 { None } else { self.look(key).1 }
    }

    /// Whether the key is remembered.
    pub fn has(&self, key: K) -> bool {
        self.get(key).is_some()
    }

    /// Remembers a key and forgets the oldest. False, without a change, if the key is remembered
    /// already.
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

    /// Against a look at each slot, over a seeded run of beginnings and ends.
    #[test]
    fn a_new_id_is_the_next_one_whose_slot_holds_no_living_item() {
        for log2 in [2, 4, 6, 7, 9] {
            let seed = 17_u64;
            let (mut state, mut next) = (seed, 1);
            let mut ring = Ring::<Item>::new(log2);
            let mut living = Vec::new();
            for turn in 0..6_000_u64 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040);
                let begins = (state >> 40) % 100 < if turn % 2_000 < 1_000 { 70 } else { 40 };
                if begins {
                    let room = living.len() < 1 << (log2 - 1);
                    while room
                        && living.iter().any(|id: &u64| (id ^ next).is_multiple_of(1 << log2))
                    {
                        next += 1;
                    }
                    assert_eq!(ring.claim(), room.then_some(next), "seed {seed}, 2^{log2}");
                    if room {
                        ring.put(Item(next, false));
                        living.push(next);
                        next += 1;
                    }
                } else if !living.is_empty() {
                    let id = living.swap_remove((state >> 20) as usize % living.len());
                    ring.get_mut(id).expect("held").1 = true;
                    ring.ended(id);
                }
            }
        }
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
        let mut recent = Recent::<u64, ()>::new(2, 3);
        assert!([1, 2, 3, 4].into_iter().all(|k| recent.remember(k, ())));
        assert!(!recent.remember(1, ()));
        assert!(recent.remember(5, ()), "1 falls out");
        assert!(recent.remember(1, ()));
        assert!(!recent.remember(4, ()));
    }
}
