//! The executions that were booked lately, so that each is booked once.
//!
//! A line belongs here if it remembers executions without knowing what they mean.
//!
//! Executions come for the newest children, and children have serial ids. So the first executions
//! of neighbouring children stand beside each other in memory that is at hand, and those of a child
//! that has many are found by their hash.

use crate::hash::Rolling;
use crate::id::{ChildId, ExecId};
use crate::resident::resident;
use crate::table::Index;

/// Base-2 logarithm of the children that share a home: every so many executions, on average, if
/// each child has two.
const SHARED_LOG2: u32 = 1;

/// Executions in a home at most.
const PLACES: usize = 7;

/// Key of an execution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Key {
    child: ChildId,
    exec: ExecId,
}

/// The executions of a few children: a cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Home {
    /// Zero, or the low half of the key's hash above the number of the execution plus one.
    places: [u64; PLACES],
    /// Executions that have found no place here and are in the index.
    beside: u64,
}

const NO_EXECUTIONS: Home = Home { places: [0; PLACES], beside: 0 };

/// The newest `2^log2` executions.
#[derive(Debug)]
pub struct Executions {
    seed: u64,
    homes: Vec<Home>,
    index: Index,
    /// In the order of arrival; all are in use once `next` has come round.
    arrived: Vec<Key>,
    next: usize,
    has_come_round: bool,
}

impl Executions {
    /// Room for `2^log2` executions.
    pub fn new(log2: u8, seed: u64) -> Self {
        Self {
            seed,
            homes: resident(NO_EXECUTIONS, 1 << log2.saturating_sub(2)),
            index: Index::new(log2),
            arrived: resident(Key::default(), 1 << log2),
            next: 0,
            has_come_round: false,
        }
    }

    fn hash(&self, key: Key) -> u64 {
        let mut hash = Rolling::new(self.seed);
        hash.word(key.child.0);
        hash.wide(key.exec.0.cast_signed());
        hash.value()
    }

    #[inline]
    fn home_of(&self, child: ChildId) -> usize {
        (child.0 >> SHARED_LOG2) as usize & (self.homes.len() - 1)
    }

    /// Remembers an execution and forgets the oldest. False, without a change, if the execution is
    /// remembered already.
    pub fn is_new(&mut self, child: ChildId, exec: ExecId) -> bool {
        let key = Key { child, exec };
        let hash = self.hash(key);
        let tag = hash << 32;
        let home = &self.homes[self.home_of(child)];
        let is_it = |number: u32| self.arrived[number as usize] == key;
        let held = |place: &u64| place & !0xffff_ffff == tag && *place != 0;
        if home.places.iter().any(|place| held(place) && is_it(*place as u32 - 1))
            || home.beside > 0 && self.index.get(hash, is_it).is_some()
        {
            return false;
        }
        if self.has_come_round {
            self.forget(self.next);
        }
        self.arrived[self.next] = key;
        self.add(key, hash, self.next as u32);
        self.next = (self.next + 1) & (self.arrived.len() - 1);
        self.has_come_round |= self.next == 0;
        true
    }

    fn add(&mut self, key: Key, hash: u64, number: u32) {
        let at = self.home_of(key.child);
        let home = &mut self.homes[at];
        if let Some(place) = home.places.iter_mut().find(|place| **place == 0) {
            *place = hash << 32 | u64::from(number + 1);
            return;
        }
        home.beside += 1;
        // The index has room for all executions that are remembered.
        let is_indexed = self.index.insert(hash, number);
        assert!(is_indexed, "no room for execution {number}");
    }

    fn forget(&mut self, number: usize) {
        let old = self.arrived[number];
        let at = self.home_of(old.child);
        let home = &mut self.homes[at];
        let is_it = |place: &&mut u64| **place as u32 == number as u32 + 1;
        if let Some(place) = home.places.iter_mut().find(is_it) {
            *place = 0;
            return;
        }
        home.beside -= 1;
        let hash = self.hash(old);
        self.index.remove(hash, |held| held as usize == number);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use rutter_test_support::random::Random;
    use rutter_test_support::seeds;

    use super::*;

    const LOG2: u8 = 6;

    /// Against a list of the newest. Some children have one execution, and some have more than a
    /// home has places.
    #[test]
    fn an_execution_is_new_unless_it_is_among_the_newest() {
        seeds::run_all(&seeds::chosen(100), "executions", |seed| {
            let mut random = Random::new(seed);
            let mut executions = Executions::new(LOG2, seed);
            let mut newest = VecDeque::new();
            let (children, execs) = (1 + random.below(60), 1 + random.below(60));
            for turn in 0..1_500 {
                let child = ChildId(turn / 20 + random.below(children));
                let exec = ExecId(u128::from(random.below(execs)));
                let is_new = !newest.contains(&(child, exec));
                assert_eq!(executions.is_new(child, exec), is_new, "turn {turn}");
                if is_new {
                    newest.push_back((child, exec));
                    if newest.len() > 1 << LOG2 {
                        newest.pop_front();
                    }
                }
            }
        });
    }

    #[test]
    fn one_child_may_have_all_executions() {
        let mut executions = Executions::new(LOG2, 1);
        let is_new =
            |executions: &mut Executions, exec| executions.is_new(ChildId(7), ExecId(exec));
        for exec in 0..200 {
            assert!(is_new(&mut executions, exec));
            assert!(!is_new(&mut executions, exec));
            assert!(!is_new(&mut executions, exec.saturating_sub((1 << LOG2) - 1)), "{exec}");
        }
        assert!(is_new(&mut executions, 200 - (1 << LOG2) - 1), "the oldest is forgotten");
    }
}
