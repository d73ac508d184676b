//! The search for the best shares where lots, minimums, maximums or funds bind: as much as can be
//! filled, then at the least all-in cost.
//!
//! A line belongs here if it chooses shares of several venues. What one venue takes is `share`; how
//! venues with equal lots share a quantity is `ladder`.
//!
//! The search is a branch and bound. Each node gives every venue a range of shares and finds the
//! best shares within the ranges, with whole lots, as if no venue had a minimum. Where a venue does
//! not take its share, the node is split at the gap in what the venue takes. A node that cannot be
//! better than the best plan so far is not looked at again. [`NODES_MAX`] and [`LOOKS_MAX`] bound
//! the work; the best single venue is the first plan, so no result is worse than that.

use super::candidate::Candidate;
use super::ladder::{Ladder, Range, Step};
use super::share::{Cost, Row, Share, push_rows};
use super::{RouteRequest, Search};
use crate::book::BOOK_LEVELS_MAX;
use crate::number::{Price, Qty};
use crate::reference::VENUES_MAX;
use crate::resident::resident;

/// Nodes of one search at most.
pub const NODES_MAX: u32 = 256;

/// Quantities of venues with one lot that one search looks at, at most.
pub const LOOKS_MAX: u32 = 20_000;

/// Quantities that are looked at on each side of a found one where lots do not divide each other.
const WINDOW_MAX: i64 = 48;

/// Memory of a search, made once.
#[derive(Debug)]
pub struct Scratch {
    rows: Vec<Row>,
    steps: Vec<Step>,
}

impl Default for Scratch {
    fn default() -> Self {
        let mut rows = resident(Row::default(), VENUES_MAX * (BOOK_LEVELS_MAX + 1));
        // A level gives at most the lots within it and the lot across its end.
        let mut steps = resident(Step::default(), 2 * VENUES_MAX * (BOOK_LEVELS_MAX + 1));
        rows.clear();
        steps.clear();
        Self { rows, steps }
    }
}

struct Explorer<'a> {
    shares: &'a [Share<'a>],
    steps: &'a mut Vec<Step>,
    /// Distinct lots, largest first.
    lots: &'a [i64],
    /// Whether the lots from that place on divide each other, and their least common multiple.
    chains: [(bool, i64); VENUES_MAX],
    qty: i64,
    ladders: [Ladder; VENUES_MAX],
    /// Quantity of each ladder in the solution looked at last.
    chosen: [i64; VENUES_MAX],
    best: Cost,
    best_shares: [i64; VENUES_MAX],
    nodes: u32,
    looks: u32,
}

/// Gives the candidates the best shares.
pub(super) fn search(
    request: &RouteRequest,
    limit: Price,
    candidates: &mut [Option<Candidate<'_>>],
    scratch: &mut Scratch,
) -> Search {
    let Scratch { rows, steps } = scratch;
    rows.clear();
    let mut ends = [0; VENUES_MAX];
    for (c, end) in candidates.iter().zip(&mut ends) {
        if let Some(c) = c {
            push_rows(rows, c, limit, request.qty);
        }
        *end = rows.len();
    }
    let (found, search) = {
        let mut shares = [const { None }; VENUES_MAX];
        let (mut count, mut from) = (0, 0);
        for (at, c) in candidates.iter().enumerate() {
            let rows = &rows[from..ends[at]];
            from = ends[at];
            if let (Some(candidate), false) = (c, rows.is_empty()) {
                shares[count] = Some((at, Share { candidate, rows }));
                count += 1;
            }
        }
        explore(&shares[..count], request.qty.0, steps)
    };
    for (at, c) in candidates.iter_mut().enumerate() {
        let Some(c) = c else { continue };
        let (share, worst) = found[at];
        c.set_share(limit, Qty(share), worst);
    }
    search
}

type Found = [(i64, Price); VENUES_MAX];

fn explore(
    shares: &[Option<(usize, Share<'_>)>],
    qty: i64,
    steps: &mut Vec<Step>,
) -> (Found, Search) {
    let mut found = [(0, Price(0)); VENUES_MAX];
    let Some((_, any)) = shares.first().copied().flatten() else {
        return (found, Search::default());
    };
    // Places of `shares` are dense from here on.
    let mut dense = [any; VENUES_MAX];
    for (slot, share) in dense.iter_mut().zip(shares.iter().flatten()) {
        *slot = share.1;
    }
    let dense = &dense[..shares.len()];
    let (lots, count) = distinct_lots(dense);
    let lots = &lots[..count];
    let mut explorer = Explorer {
        shares: dense,
        steps,
        lots,
        chains: chains(lots),
        qty,
        ladders: [Ladder::default(); VENUES_MAX],
        chosen: [0; VENUES_MAX],
        best: unsent(qty),
        best_shares: [0; VENUES_MAX],
        nodes: 0,
        looks: 0,
    };
    let mut ranges = [Range::default(); VENUES_MAX];
    for (at, share) in dense.iter().enumerate() {
        // The sweep's shares are where the first look begins.
        let place = lots.iter().position(|lot| *lot == share.lot()).unwrap_or_default();
        explorer.chosen[place] += share.candidate.share.0;
        ranges[at] = Range { low: 0, high: share.at_or_below(qty) };
        let shown = share.at_or_below(qty.min(share.shown()));
        let above = share.at_or_above(shown + 1).filter(|above| *above <= qty);
        for alone in [Some(shown).filter(|shown| *shown > 0), above].into_iter().flatten() {
            let value = unsent(qty - alone).plus(share.cost(alone));
            if value < explorer.best {
                explorer.best = value;
                explorer.best_shares = [0; VENUES_MAX];
                explorer.best_shares[at] = alone;
            }
        }
    }
    explorer.visit(&mut ranges);
    for (at, share) in shares.iter().flatten().enumerate() {
        let qty = explorer.best_shares[at];
        found[share.0] = (qty, share.1.worst(qty));
    }
    (found, Search { nodes: explorer.nodes, bounded: explorer.is_bounded() })
}

/// Cost of a quantity that is not sent.
fn unsent(qty: i64) -> Cost {
    Cost { unfilled: qty, ..Cost::default() }
}

/// The distinct lots, largest first, and their number.
fn distinct_lots(shares: &[Share<'_>]) -> ([i64; VENUES_MAX], usize) {
    let (mut lots, mut count) = ([0; VENUES_MAX], 0);
    for share in shares {
        if !lots[..count].contains(&share.lot()) {
            lots[count] = share.lot();
            count += 1;
        }
    }
    lots[..count].sort_unstable_by(|a, b| b.cmp(a));
    (lots, count)
}

/// For each place, whether the lots from there on divide each other, and their common multiple.
fn chains(lots: &[i64]) -> [(bool, i64); VENUES_MAX] {
    let mut chains = [(true, 1); VENUES_MAX];
    let (mut divides, mut multiple, mut finer) = (true, 1_i64, None);
    for (at, &lot) in lots.iter().enumerate().rev() {
        divides &= finer.is_none_or(|finer| lot % finer == 0);
        multiple = multiple.saturating_mul(lot / divisor(multiple, lot));
        finer = Some(lot);
        chains[at] = (divides, multiple);
    }
    chains
}

/// The greatest common divisor of two numbers above zero.
const fn divisor(mut a: i64, mut b: i64) -> i64 {
    // Ends: the smaller number shrinks.
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl Explorer<'_> {
    const fn is_bounded(&self) -> bool {
        self.nodes >= NODES_MAX || self.looks >= LOOKS_MAX
    }

    /// Looks at one node and, where a venue does not take its share, at the two nodes below.
    fn visit(&mut self, ranges: &mut [Range; VENUES_MAX]) {
        if self.is_bounded() {
            return;
        }
        self.nodes += 1;
        if !self.climb(ranges) {
            self.nodes = NODES_MAX;
            return;
        }
        let Some(value) = self.value(0, self.qty) else { return };
        if value >= self.best {
            return;
        }
        let mut split = [0; VENUES_MAX];
        for at in 0..self.lots.len() {
            let (ladder, qty) = (self.ladders[at], self.chosen[at]);
            ladder.split(self.steps, qty, self.shares, ranges, &mut split);
        }
        let refused = (self.shares.iter().enumerate())
            .find(|(at, s)| s.at_or_below(split[*at]) != split[*at]);
        let Some((at, share)) = refused else {
            (self.best, self.best_shares) = (value, split);
            return;
        };
        let whole = ranges[at];
        if let Some(low) = share.at_or_above(split[at]).filter(|low| *low <= whole.high) {
            ranges[at] = Range { low, high: whole.high };
            self.visit(ranges);
        }
        let high = share.at_or_below(split[at]);
        if high >= whole.low {
            ranges[at] = Range { low: whole.low, high };
            self.visit(ranges);
        }
        ranges[at] = whole;
    }

    /// Makes the ladders of the ranges; false if the scratch memory is too small.
    fn climb(&mut self, ranges: &[Range; VENUES_MAX]) -> bool {
        self.steps.clear();
        for (at, &lot) in self.lots.iter().enumerate() {
            match Ladder::new(lot, self.shares, ranges, self.qty, self.steps) {
                Some(ladder) => self.ladders[at] = ladder,
                None => return false,
            }
        }
        true
    }

    /// The best value of the ladders from `at` on for a quantity; leaves their quantities in
    /// `chosen`. `None` if their smallest quantities are more than that.
    fn value(&mut self, at: usize, qty: i64) -> Option<Cost> {
        self.looks += 1;
        let ladder = self.ladders[at];
        if at + 1 == self.lots.len() {
            let taken = ladder.at_or_below(qty)?;
            self.chosen[at] = taken;
            return Some(unsent(qty - taken).plus(ladder.cost(self.steps, taken)));
        }
        let finer: i64 = self.ladders[at + 1..self.lots.len()].iter().map(|l| l.low).sum();
        let most = ladder.at_or_below(qty - finer)?;
        let start = self.chosen[at].clamp(ladder.low, most);
        let start = (start - ladder.low) / ladder.lot;
        let last = (most - ladder.low) / ladder.lot;
        let (mut best, mut value) = self.descend(at, qty, start, last)?;
        let (divides, multiple) = self.chains[at];
        if !divides {
            let steps = (multiple / ladder.lot).saturating_mul(self.lots.len() as i64 + 1);
            let window = steps.min(WINDOW_MAX);
            let middle = best;
            for lots in (middle - window).max(0)..=middle.saturating_add(window).min(last) {
                if self.looks >= LOOKS_MAX {
                    break;
                }
                if let Some(found) = self.at(at, qty, lots).filter(|found| *found < value) {
                    (best, value) = (lots, found);
                }
            }
        }
        // Leaves the quantities of the finer ladders as they belong to the best one.
        self.at(at, qty, best)
    }

    /// The value when the ladder at `at` has so many lots above its smallest quantity.
    fn at(&mut self, at: usize, qty: i64, lots: i64) -> Option<Cost> {
        let ladder = self.ladders[at];
        let taken = ladder.low + lots * ladder.lot;
        let finer = self.value(at + 1, qty - taken)?;
        self.chosen[at] = taken;
        Some(finer.plus(ladder.cost(self.steps, taken)))
    }

    /// Goes from `start` to the best number of lots from 0 to `last`. Where lots divide each other
    /// the value has one valley, so that no better neighbour means no better place.
    fn descend(&mut self, at: usize, qty: i64, start: i64, last: i64) -> Option<(i64, Cost)> {
        let mut here = start;
        let mut value = self.at(at, qty, here)?;
        let mut stride = 1;
        let mut widens = true;
        // Ends: the value falls, or the stride shrinks to nothing; the number of looks is bounded.
        while stride > 0 && self.looks < LOOKS_MAX {
            let mut moved = false;
            for next in [here.saturating_add(stride).min(last), (here - stride).max(0)] {
                if next == here {
                    continue;
                }
                if let Some(found) = self.at(at, qty, next).filter(|found| *found < value) {
                    (here, value, moved) = (next, found, true);
                    break;
                }
            }
            match (moved, widens) {
                (true, true) => stride = stride.saturating_mul(2),
                (true, false) => {}
                (false, _) => (stride, widens) = (stride / 2, false),
            }
        }
        Some((here, value))
    }
}
