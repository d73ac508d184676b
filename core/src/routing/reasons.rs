//! Why a venue gets nothing of an order, and why a part of the order has no place.
//!
//! A line belongs here if it finds the word for a venue or an order that the plan leaves out.

use super::candidate::Candidate;
use super::{Plan, RouteRequest, within};
use crate::input::Refusal;
use crate::number::{Price, Qty};
use crate::output::{VenueLine, Verdict};
use crate::reference::VENUES_MAX;

impl Plan {
    /// Whether the quantity is below the minimum of every venue that could take it, now or later.
    pub fn is_dust(&self) -> bool {
        use Verdict::{Avoided, BelowMinimum, NoFok, NotListed, NotNamed};
        self.lines().iter().any(|line| line.verdict == BelowMinimum)
            && (self.lines().iter()).all(|line| {
                matches!(line.verdict, BelowMinimum | NotListed | NotNamed | Avoided | NoFok)
            })
    }

    /// Whether a venue that takes would take more if it had the funds.
    pub const fn is_poor(&self) -> bool {
        self.poor
    }

    /// Why no child is sent; meaningful for a plan without children.
    pub fn refusal(&self) -> Refusal {
        let any = |verdict| self.lines().iter().any(|line| line.verdict == verdict);
        if self.lines().iter().all(|line| {
            matches!(
                line.verdict,
                Verdict::VenueDown
                    | Verdict::NotListed
                    | Verdict::NotNamed
                    | Verdict::Untrusted
                    | Verdict::Outlier
                    | Verdict::Drained
                    | Verdict::MarketClosed
            )
        }) {
            Refusal::NoVenue
        } else if any(Verdict::Avoided)
            && self.lines().iter().all(|line| {
                matches!(
                    line.verdict,
                    Verdict::Avoided
                        | Verdict::VenueDown
                        | Verdict::NotListed
                        | Verdict::NotNamed
                        | Verdict::Drained
                )
            })
        {
            Refusal::VenuesRefused
        } else if [Verdict::Busy, Verdict::NoRate, Verdict::Paused, Verdict::BreakerOpen]
            .into_iter()
            .any(any)
        {
            Refusal::VenueBusy
        } else if any(Verdict::NoFunds) || self.poor {
            Refusal::InsufficientFunds
        } else if any(Verdict::BelowMinimum) || any(Verdict::WorseFit) || self.cut {
            Refusal::BelowMinimum
        } else {
            Refusal::NoLiquidity
        }
    }
}

/// Tells the venues whose price is good enough, and whose lots or minimum are not.
pub(super) fn worse_fits(
    candidates: &[Option<Candidate<'_>>],
    limit: Price,
    lines: &mut [VenueLine; VENUES_MAX],
) {
    let taken = candidates.iter().flatten().filter(|c| !c.share.is_zero());
    let Some(worst) = taken.map(|c| c.unit_cost(c.worst)).max() else { return };
    for c in candidates.iter().flatten().filter(|c| c.share.is_zero()) {
        let best = c.available(limit).next().map(|level| c.unit_cost(level.price));
        let line = &mut lines[c.line];
        if line.verdict == Verdict::WorsePrice && best.is_some_and(|best| best < worst) {
            line.verdict = Verdict::WorseFit;
        }
    }
}

/// Says why a candidate gets nothing.
pub(super) fn why_nothing(
    request: &RouteRequest,
    limit: Price,
    c: &Candidate<'_>,
    left: Qty,
    searched: bool,
    line: &mut VenueLine,
) {
    // Without a search, the venue was not needed: the sweep has passed it by.
    if c.could_take_more() && c.carries_a_lot() && left.is_zero() && !searched {
        return;
    }
    let Some(first) = c.available(limit).next() else {
        if c.best.is_some_and(|best| !within(limit, best, request.side)) {
            line.verdict = Verdict::BeyondLimit;
        }
        return;
    };
    let least = Qty(c.listing.qty_min.0.max(c.listing.lot.0));
    if least > request.qty || !c.is_enough(first.price, request.qty) {
        line.verdict = Verdict::BelowMinimum;
    } else if !c.carries(first.price, least) {
        line.verdict = Verdict::NoFunds;
    } else if !left.is_zero() {
        let carried = c.carried(first.price).min(request.qty).floor_to(c.listing.lot);
        let poor = !c.is_enough(first.price, carried);
        line.verdict = if poor { Verdict::NoFunds } else { Verdict::BelowMinimum };
    }
}
