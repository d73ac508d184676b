//! The search for the best shares where lots, minimums, maximums or funds bind: as much as can be
//! filled, then at the least all-in cost.
//!
//! A line belongs here if it chooses between nodes of the search. What one venue takes is `share`;
//! the best split within bounds is `split`.
//!
//! The search is a branch and bound. Each node gives every venue bounds of its share and finds the
//! best split within them, with whole lots, as if no venue had a minimum. Where a venue does not
//! take its share, the node is cut in two at the gap in what the venue takes. A node that cannot be
//! better than the best plan so far is not looked at again. [`NODES_MAX`], [`WORK_MAX`] and
//! [`LOOKS_MAX`] bound the work. The first plans are the best single venue, and the sweep with each
//! share lowered to what its venue takes, so no result is worse than these. What a search has found
//! that stopped at a bound is fitted anew: `fit`.

use super::candidate::Candidate;
use super::fit::{FIT_ROUNDS_MAX, Fitter, Shares, cost_of, top_up};
use super::ladder::{Bounds, Step, Steps};
use super::share::{Cost, Row, Share, push_rows};
use super::split::Splitter;
use super::{RouteRequest, Search};
use crate::book::{BOOK_LEVELS_MAX, LEVELS_BEYOND};
use crate::number::{Price, Qty};
use crate::reference::VENUES_MAX;

/// Nodes of one search at most.
pub const NODES_MAX: u32 = 256;

/// Numbers of single lots that one search tries at most, where lots do not divide each other.
pub const LOOKS_MAX: u32 = 4_096;

/// Steps of all ladders after which no further node is looked at.
pub const WORK_MAX: usize = 100_000;

/// Lists of lots that one search holds at once, each with the steps of all venues, at most.
const LADDERS: usize = 16;

/// Memory of a search, made once.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    rows: Vec<Row>,
    steps: Vec<Step>,
    splitter: Splitter,
    fitter: Fitter,
}

impl Scratch {
    /// Makes room for the books of so many venues.
    pub fn reserve(&mut self, venues: usize) {
        self.fitter.reserve(venues);
        let rows = venues * (BOOK_LEVELS_MAX + LEVELS_BEYOND + 1);
        if rows > self.rows.capacity() {
            self.rows = begun(Row::default(), rows);
            self.steps = begun(Step::default(), LADDERS * rows);
        }
    }
}

/// Rows and steps of a search whose pages are in memory from the start; deep books need more.
const BEGUN: usize = 512;

/// An empty vector with room for so many, of which the first pages are in memory.
fn begun<T: Copy>(value: T, count: usize) -> Vec<T> {
    let mut all = Vec::with_capacity(count);
    all.resize(BEGUN.min(count), value);
    all.clear();
    all
}

struct Explorer<'a> {
    shares: &'a [Share<'a>],
    steps: Steps<'a>,
    splitter: &'a mut Splitter,
    qty: i64,
    best: Cost,
    best_shares: Shares,
    nodes: u32,
    /// A bound was hit before all nodes were looked at.
    bounded: bool,
}

/// Gives the candidates the best shares.
pub(super) fn search(
    request: &RouteRequest,
    limit: Price,
    candidates: &mut [Option<Candidate<'_>>],
    scratch: &mut Scratch,
) -> Search {
    let Scratch { rows, steps, splitter, fitter } = scratch;
    rows.clear();
    let mut ends = [0; VENUES_MAX];
    for (c, end) in candidates.iter().zip(&mut ends) {
        if let Some(c) = c {
            push_rows(rows, c, limit, request.qty);
        }
        *end = rows.len();
    }
    let (found, search) = {
        let mut from = 0;
        let mut shares = candidates.iter().zip(ends).enumerate().filter_map(|(at, (c, end))| {
            let rows = &rows[core::mem::replace(&mut from, end)..end];
            let candidate = c.as_ref().filter(|_| !rows.is_empty())?;
            Some(Share { candidate, rows, at, asked: request.qty.0 })
        });
        // Without a level nobody has a share, from the sweep either.
        let Some(first) = shares.next() else { return Search::default() };
        let (mut all, mut count) = ([first; VENUES_MAX], 1);
        for share in shares {
            all[count] = share;
            count += 1;
        }
        splitter.begin(&all[..count], LOOKS_MAX);
        explore(&all[..count], request.qty.0, steps, (splitter, fitter))
    };
    for (c, (share, worst)) in candidates.iter_mut().zip(found) {
        let Some(c) = c else { continue };
        c.set_share(limit, Qty(share), worst);
    }
    search
}

/// The share of each candidate, with its worst price.
type Found = [(i64, Price); VENUES_MAX];

fn explore(
    shares: &[Share<'_>],
    qty: i64,
    steps: &mut Vec<Step>,
    (splitter, fitter): (&mut Splitter, &mut Fitter),
) -> (Found, Search) {
    let mut explorer = Explorer {
        shares,
        steps: Steps::new(steps),
        splitter,
        qty,
        best: unsent(qty),
        best_shares: [0; VENUES_MAX],
        nodes: 0,
        bounded: false,
    };
    let mut bounds = [Bounds::default(); VENUES_MAX];
    for (at, share) in shares.iter().enumerate() {
        bounds[at] = Bounds { low: 0, high: share.at_or_below(qty) };
        explorer.alone(at, share);
    }
    let floored = explorer.floored();
    explorer.visit(&mut bounds);
    let nodes = explorer.nodes;
    let (mut best, mut bounded) =
        (explorer.best_shares, explorer.bounded || explorer.splitter.is_cut);
    if bounded {
        bounded = !fitted(shares, qty, &mut best, floored, fitter);
    }
    let mut found = [(0, Price(0)); VENUES_MAX];
    for (share, qty) in shares.iter().zip(best) {
        found[share.at] = (qty, share.worst(qty));
    }
    (found, Search { nodes, bounded })
}

/// Makes the best plan of a search that stopped at a bound better: the plan itself, or the lowered
/// sweep, with what they leave over. True if no plan is better than the result.
#[inline(never)]
fn fitted(
    shares: &[Share<'_>],
    qty: i64,
    best: &mut Shares,
    mut floored: Shares,
    fitter: &mut Fitter,
) -> bool {
    top_up(shares, qty, best);
    top_up(shares, qty, &mut floored);
    let mut before = cost_of(shares, best, qty);
    let cost = cost_of(shares, &floored, qty);
    if cost < before {
        (*best, before) = (floored, cost);
    }
    for _ in 0..FIT_ROUNDS_MAX {
        let mut fit = *best;
        let (cost, is_best) = fitter.fit(shares, qty, &mut fit);
        if cost >= before {
            return is_best && cost == before;
        }
        (*best, before) = (fit, cost);
        if is_best {
            return true;
        }
    }
    false
}

/// Cost of a quantity that is not sent.
fn unsent(qty: i64) -> Cost {
    Cost { unfilled: qty, ..Cost::default() }
}

impl Explorer<'_> {
    const fn is_at_bound(&self) -> bool {
        self.nodes >= NODES_MAX || self.steps.work >= WORK_MAX || self.splitter.is_cut
    }

    /// Looks at what one venue alone can fill.
    fn alone(&mut self, at: usize, share: &Share<'_>) {
        let shown = share.at_or_below(self.qty.min(share.shown()));
        let above = share.at_or_above(shown + 1).filter(|above| *above <= self.qty);
        for qty in [Some(shown).filter(|shown| *shown > 0), above].into_iter().flatten() {
            let cost = unsent(self.qty - qty).plus(share.cost(qty));
            if cost < self.best {
                self.best = cost;
                self.best_shares = [0; VENUES_MAX];
                self.best_shares[at] = qty;
            }
        }
    }

    /// Looks at the shares of the sweep, each lowered to what its venue takes, and returns them.
    fn floored(&mut self) -> Shares {
        let (mut shares, mut cost, mut left) = ([0; VENUES_MAX], Cost::default(), self.qty);
        for (share, qty) in self.shares.iter().zip(&mut shares) {
            *qty = share.at_or_below(share.candidate.share.0);
            (cost, left) = (cost.plus(share.cost(*qty)), left - *qty);
        }
        let cost = cost.plus(unsent(left));
        if cost < self.best {
            (self.best, self.best_shares) = (cost, shares);
        }
        shares
    }

    /// Looks at one node and, where a venue does not take its share, at the two nodes below.
    fn visit(&mut self, bounds: &mut [Bounds; VENUES_MAX]) {
        if self.is_at_bound() {
            self.bounded = true;
            return;
        }
        self.nodes += 1;
        let split = self.splitter.split(
            self.shares,
            &bounds[..self.shares.len()],
            self.qty,
            self.best,
            &mut self.steps,
        );
        let Ok(split) = split else {
            self.bounded = true;
            return;
        };
        let Some(cost) = split else { return };
        let split = &self.splitter.found;
        let refused = self.shares.iter().zip(split).position(|(share, qty)| !share.takes(*qty));
        let Some(at) = refused else {
            (self.best, self.best_shares) = (cost, *split);
            return;
        };
        let (share, qty, whole) = (&self.shares[at], split[at], bounds[at]);
        if let Some(low) = share.at_or_above(qty).filter(|low| *low <= whole.high) {
            bounds[at] = Bounds { low, high: whole.high };
            self.visit(bounds);
        }
        let high = share.at_or_below(qty);
        if high >= whole.low {
            bounds[at] = Bounds { low: whole.low, high };
            self.visit(bounds);
        }
        bounds[at] = whole;
    }
}
