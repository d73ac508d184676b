//! Our own orders in the order of their prices: the resting children of each book side, and the
//! resting client orders of each side of an instrument.
//!
//! A line belongs here if it is about that order alone. Which children stand in the way of an order
//! is `engine::own`; which client orders an offer concerns is `resting`.
//!
//! The orders of a side form a treap: a search tree by price, and a heap by random weights. Its
//! nodes are a table with a place for each slot of the table of children or of orders, so nothing
//! is allocated, and one that comes or goes costs a logarithm of the number of those of its side.
//! The best one of each side is at hand.

use crate::hash::Rolling;
use crate::id::VenueId;
use crate::input::Side;
use crate::number::Price;
use crate::resident::resident;
use crate::venue_set::VenueSet;

/// The orders of one side. Places are slots of their table plus one; zero for none.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnSide {
    root: u32,
    best: u32,
}

impl OwnSide {
    /// No order.
    pub const EMPTY: Self = Self { root: 0, best: 0 };

    /// Whether there is no order.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.root == 0
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Node {
    /// The price, or its negative on the bid side: less is better.
    rank: i64,
    parent: u32,
    /// Those with better prices, and those with worse or equal ones that come later.
    below: [u32; 2],
    /// A parent weighs at least as much as those below it.
    weight: u32,
}

const BETTER: usize = 0;
const WORSE: usize = 1;

/// The nodes of all sides.
#[derive(Debug)]
pub struct OwnOrders {
    nodes: Vec<Node>,
    seed: u64,
}

impl OwnOrders {
    /// For a table of so many slots. The seed makes the weights, so that nobody can aim at a deep
    /// tree.
    pub fn new(slots: usize, seed: u64) -> Self {
        Self { nodes: resident(Node::default(), slots + 1), seed }
    }

    fn node(&mut self, place: u32) -> &mut Node {
        &mut self.nodes[place as usize]
    }

    /// Adds an order, whose serial id is given: behind those of the same price, except for those
    /// that `is_before` names by their slots.
    pub fn insert(
        &mut self,
        all: &mut OwnSide,
        (slot, id): (u32, u64),
        (side, price): (Side, Price),
        is_before: impl Fn(u32) -> bool,
    ) {
        let mut hash = Rolling::new(self.seed);
        hash.word(id);
        let (place, rank) = (slot + 1, rank(side, price));
        let (mut parent, mut at, mut way, mut is_best) = (0, all.root, BETTER, true);
        // Ends: each turn goes one node down.
        while at != 0 {
            let node = self.nodes[at as usize];
            let goes_before = rank < node.rank || (rank == node.rank && is_before(at - 1));
            way = if goes_before { BETTER } else { WORSE };
            is_best &= way == BETTER;
            (parent, at) = (at, node.below[way]);
        }
        let weight = (hash.value() >> 32) as u32;
        self.nodes[place as usize] = Node { rank, parent, below: [0; 2], weight };
        match parent {
            0 => all.root = place,
            parent => self.node(parent).below[way] = place,
        }
        if is_best {
            all.best = place;
        }
        // Ends: each turn goes one node up.
        while let parent @ 1.. = self.nodes[place as usize].parent {
            if self.nodes[parent as usize].weight >= weight {
                break;
            }
            self.lift(all, place);
        }
    }

    /// Takes an order out.
    pub fn remove(&mut self, all: &mut OwnSide, slot: u32) {
        let place = slot + 1;
        if all.best == place {
            all.best = self.after(place);
        }
        // Ends: each turn goes one node down.
        loop {
            let Node { parent, below, .. } = self.nodes[place as usize];
            if below[BETTER] != 0 && below[WORSE] != 0 {
                let weight = |place: u32| self.nodes[place as usize].weight;
                let heavier = weight(below[BETTER]) < weight(below[WORSE]);
                self.lift(all, below[usize::from(heavier)]);
                continue;
            }
            let only = below[BETTER].max(below[WORSE]);
            self.replace(all, place, only, parent);
            *self.node(place) = Node::default();
            return;
        }
    }

    /// Puts a node in the place of its parent, which goes below it.
    fn lift(&mut self, all: &mut OwnSide, place: u32) {
        let parent = self.nodes[place as usize].parent;
        let Node { parent: above, below, .. } = self.nodes[parent as usize];
        let way = usize::from(below[WORSE] == place);
        let between = self.nodes[place as usize].below[1 - way];
        self.node(parent).below[way] = between;
        if between != 0 {
            self.node(between).parent = parent;
        }
        self.replace(all, parent, place, above);
        self.node(place).below[1 - way] = parent;
        self.node(parent).parent = place;
    }

    /// Lets the node above `old`, or the root, lead to `new`.
    fn replace(&mut self, all: &mut OwnSide, old: u32, new: u32, above: u32) {
        if new != 0 {
            self.node(new).parent = above;
        }
        if above == 0 {
            all.root = new;
        } else {
            let above = self.node(above);
            above.below[usize::from(above.below[WORSE] == old)] = new;
        }
    }

    /// The next node in the order of prices; zero if there is none.
    fn after(&self, place: u32) -> u32 {
        let mut at = self.nodes[place as usize].below[WORSE];
        if at != 0 {
            // Ends: each turn goes one node down.
            while self.nodes[at as usize].below[BETTER] != 0 {
                at = self.nodes[at as usize].below[BETTER];
            }
            return at;
        }
        let mut from = place;
        // Ends: each turn goes one node up.
        loop {
            let above = self.nodes[from as usize].parent;
            if above == 0 || self.nodes[above as usize].below[BETTER] == from {
                return above;
            }
            from = above;
        }
    }

    /// The slot of a side's best order, and its price: for buys the negative, so that less is
    /// better.
    #[inline]
    pub fn best(&self, all: OwnSide) -> Option<(u32, i64)> {
        (all.best != 0).then(|| (all.best - 1, self.nodes[all.best as usize].rank))
    }

    /// The slots of a side's orders, best price first, the oldest first among equals.
    pub fn iter(&self, all: OwnSide) -> impl Iterator<Item = u32> + use<'_> {
        let next = |place: u32| Some(self.after(place)).filter(|place| *place != 0);
        let best = Some(all.best).filter(|place| *place != 0);
        core::iter::successors(best, move |place| next(*place)).map(|place| place - 1)
    }
}

const fn rank(side: Side, price: Price) -> i64 {
    match side {
        Side::Buy => -price.0,
        Side::Sell => price.0,
    }
}

/// Where own children of one side rest in an instrument, by the venue account that owns the book.
#[derive(Clone, Copy, Debug, Default)]
pub struct OwnPlaces {
    /// Venues with such a child.
    pub rest: VenueSet,
    /// Venues whose book has a note of one that stands in the way.
    pub in_way: VenueSet,
}

impl OwnPlaces {
    /// The venues whose notes are to be made again.
    pub fn all(self) -> impl Iterator<Item = VenueId> {
        self.rest.union(self.in_way).iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against a sorted list, over a seeded run of comings and goings with many equal prices.
    #[test]
    fn children_stand_best_price_first_and_the_oldest_first_among_equals() {
        let seed = 17_u64;
        for side in [Side::Buy, Side::Sell] {
            let mut state = seed;
            let mut own = OwnOrders::new(64, seed);
            let mut all = OwnSide::default();
            let mut sorted: Vec<(i64, u64, u32)> = Vec::new();
            for id in 1..20_000_u64 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040);
                let slot = ((state >> 33) % 64) as u32;
                if let Some(at) = sorted.iter().position(|(.., held)| *held == slot) {
                    own.remove(&mut all, slot);
                    sorted.remove(at);
                } else {
                    let price = Price(((state >> 20) % 9) as i64 + 1);
                    own.insert(&mut all, (slot, id), (side, price), |_| false);
                    sorted.push((rank(side, price), id, slot));
                    sorted.sort_unstable();
                }
                let expected: Vec<u32> = sorted.iter().map(|(.., slot)| *slot).collect();
                assert_eq!(own.iter(all).collect::<Vec<_>>(), expected, "seed {seed} turn {id}");
                assert_eq!(all.is_empty(), expected.is_empty());
            }
        }
    }

    #[test]
    fn a_hundred_thousand_children_in_the_order_of_their_prices_make_no_deep_tree() {
        let count = 100_000_u32;
        let mut own = OwnOrders::new(count as usize, 3);
        let mut all = OwnSide::default();
        for slot in 0..count {
            let (id, price) = (u64::from(slot) + 1, Price(i64::from(slot) + 1));
            own.insert(&mut all, (slot, id), (Side::Sell, price), |_| false);
        }
        let depth = |slot: u32| {
            let mut place = slot + 1;
            let mut depth = 0;
            while place != 0 {
                (place, depth) = (own.nodes[place as usize].parent, depth + 1);
            }
            depth
        };
        let deepest = (0..count).map(depth).max();
        assert!(deepest < Some(64), "{deepest:?} nodes deep");
    }
}
