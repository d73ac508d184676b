//! The plan of a search that stopped at its bound, fitted anew.
//!
//! A line belongs here if it makes a plan better that need not be the best one. The search itself
//! is `exact`; what one venue takes is `share`.
//!
//! First, what the plan leaves over goes to venues that take more of it, the cheapest first. Then
//! each share gives some lots back, and what is free is shared out anew: the best of all ways to
//! make it up of the venues' lots. The unit is the greatest common divisor of the lots. What is
//! free has at most [`WINDOW_MAX`] units, and the ways are so many that at most [`FITS_MAX`] sums
//! are looked at. Where that covers the whole quantity, the plan is the best there is.

use super::share::{Cost, Share};
use super::split::divisor;
use crate::reference::VENUES_MAX;

/// Units of what is shared out anew, at most.
pub const WINDOW_MAX: usize = 4_096;

/// Sums of shares that are looked at, at most, beside one a venue and unit.
pub const FITS_MAX: u64 = 50_000;

/// Times that a plan is fitted anew, at most: as long as that makes it better.
pub const FIT_ROUNDS_MAX: u32 = 2;

/// Times that one venue gets more of what is left over, at most.
pub const TOP_UPS_MAX: u32 = 256;

/// The shares of all venues.
pub(super) type Shares = [i64; VENUES_MAX];

/// Memory of the fitting, made once.
#[derive(Debug, Default)]
pub(super) struct Fitter {
    /// Cost of the best way to use so many units; `None` if there is none.
    sums: Vec<Option<Cost>>,
    /// The same with one more venue.
    with: Vec<Option<Cost>>,
    /// Lots of each venue in the best way to use so many units, venue by venue.
    lots: Vec<u16>,
}

impl Fitter {
    /// Makes room for so many venues.
    pub fn reserve(&mut self, venues: usize) {
        if self.lots.capacity() < venues * (WINDOW_MAX + 1) {
            self.sums = Vec::with_capacity(WINDOW_MAX + 1);
            self.with = Vec::with_capacity(WINDOW_MAX + 1);
            self.lots = Vec::with_capacity(venues * (WINDOW_MAX + 1));
        }
    }

    /// Shares out anew what is left and what the shares can give back. Returns the cost, with what
    /// is not sent, and whether no plan is better.
    pub fn fit(&mut self, shares: &[Share<'_>], qty: i64, found: &mut Shares) -> (Cost, bool) {
        let unit = shares.iter().fold(0, |unit, share| divisor(share.lot(), unit));
        let window = window_of(shares, unit).min(qty / unit);
        let is_whole = window == qty / unit;
        let mut free = qty - found.iter().sum::<i64>();
        for (nth, (share, found)) in shares.iter().zip(found.iter_mut()).enumerate() {
            let still = (window.saturating_mul(unit) - free).max(0);
            let part = if is_whole { *found } else { still / (shares.len() - nth) as i64 };
            let back = (part / share.lot() * share.lot()).min(*found);
            (*found, free) = (*found - back, free + back);
        }
        let units = (free / unit).min(window);
        self.sum_up(shares, found, unit, units as usize);
        self.take_best(shares, found, unit, qty);
        (cost_of(shares, found, qty), is_whole)
    }

    /// Finds the best way to use each number of units, beside the shares that stay.
    fn sum_up(&mut self, shares: &[Share<'_>], stay: &Shares, unit: i64, units: usize) {
        let count = units + 1;
        self.sums.clear();
        self.sums.resize(count, None);
        self.sums[0] = Some(Cost::default());
        self.lots.clear();
        self.lots.resize(shares.len() * count, 0);
        for ((share, stay), lots) in shares.iter().zip(stay).zip(self.lots.chunks_mut(count)) {
            self.with.clear();
            self.with.resize(count, None);
            let step = (share.lot() / unit) as usize;
            for nth in 0..=units / step {
                let qty = stay + nth as i64 * share.lot();
                if !share.takes(qty) {
                    continue;
                }
                let more = share.cost(qty);
                let upto = nth * step;
                let sums = self.sums.iter().zip(self.with[upto..].iter_mut());
                for ((sum, with), lots) in sums.zip(&mut lots[upto..]) {
                    let Some(sum) = sum else { continue };
                    let sum = sum.plus(more);
                    if with.is_none_or(|with| sum.is_below(&with)) {
                        (*with, *lots) = (Some(sum), nth as u16);
                    }
                }
            }
            core::mem::swap(&mut self.sums, &mut self.with);
        }
    }

    /// Adds the best way of all to the shares that stay.
    fn take_best(&self, shares: &[Share<'_>], found: &mut Shares, unit: i64, qty: i64) {
        let stay: i64 = found.iter().sum();
        let unsent = |units: usize| qty - stay - units as i64 * unit;
        let sums = self.sums.iter().enumerate();
        let sums = sums.filter_map(|(at, sum)| Some((sum.as_ref()?.with_unsent(unsent(at)), at)));
        let Some((_, mut left)) = sums.min() else { return };
        let count = self.sums.len();
        for (at, share) in shares.iter().enumerate().rev() {
            let lots = usize::from(self.lots[at * count + left]);
            found[at] += lots as i64 * share.lot();
            left -= lots * (share.lot() / unit) as usize;
        }
    }
}

/// Units that can be shared out anew within the bounds.
fn window_of(shares: &[Share<'_>], unit: i64) -> i64 {
    // A venue whose lot has so many units adds half of the square of the window, by these.
    let per_square =
        shares.iter().fold(0, |sum, share| sum + 1_000_000 / (share.lot() / unit).max(1));
    let square = (2 * FITS_MAX * 1_000_000) / per_square.max(1).cast_unsigned();
    square.isqrt().min(WINDOW_MAX as u64).cast_signed()
}

/// Gives what the shares leave to venues that take more of it: the cheapest next unit first, up to
/// the end of its level; then to each venue as much as it takes, larger lots first.
pub(super) fn top_up(shares: &[Share<'_>], qty: i64, found: &mut Shares) {
    let mut left = qty - found.iter().sum::<i64>();
    for _ in 0..TOP_UPS_MAX {
        let more = shares.iter().enumerate().filter_map(|(at, share)| {
            let (upto, unit) = share.level_after(found[at])?;
            let more = grown(share, found[at], (upto - found[at]).min(left), left)?;
            Some((unit, at, more))
        });
        let Some((_, at, more)) = more.min() else { return };
        (found[at], left) = (found[at] + more, left - more);
    }
    let mut order: [usize; VENUES_MAX] = core::array::from_fn(|at| at);
    let order = &mut order[..shares.len()];
    order.sort_unstable_by_key(|at| core::cmp::Reverse(shares[*at].lot()));
    for at in order {
        if let Some(more) = grown(&shares[*at], found[*at], left, left) {
            (found[*at], left) = (found[*at] + more, left - more);
        }
    }
}

/// What is added to a share: as much up to `wanted` as its venue takes, or the least beyond it that
/// the venue takes, up to `most`.
fn grown(share: &Share<'_>, now: i64, wanted: i64, most: i64) -> Option<i64> {
    let below = share.at_or_below(now + wanted);
    if below > now {
        return Some(below - now);
    }
    let above = share.at_or_above(now + 1)?;
    (above <= now + most).then_some(above - now)
}

/// Cost of some shares, with what is not sent.
pub(super) fn cost_of(shares: &[Share<'_>], found: &Shares, qty: i64) -> Cost {
    let all = shares.iter().zip(found);
    let (cost, sent) = all.fold((Cost::default(), 0), |(cost, sent), (share, qty)| {
        (cost.plus(share.cost(*qty)), sent + qty)
    });
    cost.with_unsent(qty - sent)
}
