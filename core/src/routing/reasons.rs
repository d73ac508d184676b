//! Why a venue gets nothing of an order, and why a part of the order has no place.
//!
//! A line belongs here if it finds the word for a venue or an order that the plan leaves out. The
//! word of an order follows from its venues' words by their causes, so that an order that is given
//! back and one that waits say the same.

use super::candidate::Candidate;
use super::eligible::eligible;
use super::{Plan, RouteRequest, RoutingView, Wants, within, worse_by};
use crate::id::VenueId;
use crate::input::{Refusal, Side};
use crate::number::{Price, Qty};
use crate::output::{VenueLine, Verdict};
use crate::reference::VENUES_MAX;
use crate::waiting::{Help, Waiting};

/// How much lower than now a price is that a book can have soon, in parts per million. A book that
/// falls further helps an order that lacks funds within a minute, as all waiting orders are looked
/// at.
const CHEAPER_PPM: u32 = 100_000;

/// What kind of reason a verdict is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// The venue has a child.
    Placed,
    /// The book's prices or quantities.
    Book,
    /// An order of our own.
    OwnOrder,
    /// The venue's lot or smallest order.
    Minimum,
    /// The venue's largest order.
    Maximum,
    /// Funds.
    Funds,
    /// The venue takes no further order for the moment.
    Room,
    /// The instrument's market is closed.
    Closed,
    /// The venue has refused a child of the order.
    Refused,
    /// The venue cannot be used now, or not for this order.
    Away,
}

const fn cause(verdict: Verdict) -> Cause {
    match verdict {
        Verdict::Taken | Verdict::Rested => Cause::Placed,
        Verdict::WorsePrice
        | Verdict::BeyondLimit
        | Verdict::TooThin
        | Verdict::Faded
        | Verdict::Backup
        | Verdict::WouldTake
        | Verdict::WorseBehaviour
        | Verdict::LowerScore
        | Verdict::NoFok => Cause::Book,
        Verdict::OwnOrder => Cause::OwnOrder,
        Verdict::BelowMinimum | Verdict::WorseFit => Cause::Minimum,
        Verdict::AboveMaximum => Cause::Maximum,
        Verdict::NoFunds => Cause::Funds,
        Verdict::NoRate | Verdict::Busy | Verdict::Paused | Verdict::BreakerOpen => Cause::Room,
        Verdict::MarketClosed => Cause::Closed,
        Verdict::Avoided => Cause::Refused,
        Verdict::VenueDown
        | Verdict::NotListed
        | Verdict::NotNamed
        | Verdict::NotAllowed
        | Verdict::Untrusted
        | Verdict::Stale
        | Verdict::Crossed
        | Verdict::Outlier
        | Verdict::Drained => Cause::Away,
    }
}

/// Whether an order may go to a venue, now or as soon as there is room or something for it there.
pub(crate) fn may_go(market: &RoutingView<'_>, request: &RouteRequest, venue: VenueId) -> bool {
    let Err(verdict) = eligible(market, request, venue) else { return true };
    match cause(verdict) {
        Cause::Book => verdict != Verdict::NoFok,
        Cause::OwnOrder | Cause::Room => true,
        Cause::Placed
        | Cause::Minimum
        | Cause::Maximum
        | Cause::Funds
        | Cause::Closed
        | Cause::Refused
        | Cause::Away => false,
    }
}

/// A set of causes, one bit each.
#[derive(Clone, Copy, Debug)]
pub(super) struct Causes(u16);

impl Causes {
    /// No cause.
    pub const NONE: Self = Self(0);

    /// Adds the cause of a verdict.
    pub fn note(&mut self, verdict: Verdict) {
        self.0 |= 1 << cause(verdict) as u16;
    }

    fn has(self, cause: Cause) -> bool {
        self.0 & 1 << cause as u16 != 0
    }

    fn has_only(self, causes: &[Cause]) -> bool {
        let among = causes.iter().fold(0, |bits, cause| bits | 1 << *cause as u16);
        self.0 & !among == 0
    }
}

impl Plan {
    fn causes(&self) -> Causes {
        let bits = self.lines().iter().map(|line| 1 << cause(line.verdict) as u16);
        Causes(bits.fold(self.kept.0, |bits, bit: u16| bits | bit))
    }

    /// Whether the quantity is below the minimum of every venue that could take it, now or later.
    pub fn is_dust(&self) -> bool {
        use Verdict::{Avoided, BelowMinimum, NoFok, NotAllowed, NotListed, NotNamed};
        self.lines().iter().any(|line| line.verdict == BelowMinimum)
            && (self.lines().iter()).all(|line| {
                matches!(
                    line.verdict,
                    BelowMinimum | NotListed | NotNamed | NotAllowed | Avoided | NoFok
                )
            })
    }

    /// Why quantity has no child, for an order that does not wait.
    pub fn refusal(&self) -> Refusal {
        let causes = self.causes();
        if causes.has_only(&[Cause::Away, Cause::Closed]) {
            Refusal::NoVenue
        } else if causes.has_only(&[Cause::Away, Cause::Closed, Cause::Refused]) {
            Refusal::VenuesRefused
        } else if causes.has(Cause::Room) {
            Refusal::VenueBusy
        } else if causes.has(Cause::Funds) {
            Refusal::InsufficientFunds
        } else if causes.has(Cause::OwnOrder) {
            Refusal::SelfMatch
        } else if self.wants == Wants::Whole
            && !causes.has_only(&[Cause::Away, Cause::Closed, Cause::Minimum])
        {
            Refusal::FokNotFillable
        } else if self.wants == Wants::Minimum
            && !causes.has_only(&[Cause::Away, Cause::Closed, Cause::Minimum])
        {
            if self.search.bounded { Refusal::SearchBound } else { Refusal::MinQtyNotFillable }
        } else if causes.has(Cause::Maximum) {
            Refusal::QuantityTooLarge
        } else if causes.has(Cause::Minimum) && self.search.bounded {
            Refusal::SearchBound
        } else if causes.has(Cause::Minimum) {
            Refusal::BelowMinimum
        } else {
            Refusal::NoLiquidity
        }
    }

    /// Why quantity of an order that waits has no child, and what can help. `refused_now`: a venue
    /// has refused a child of the order for a reason that time may end.
    pub fn waits_for(&self, refused_now: bool) -> (Waiting, Help) {
        let causes = self.causes();
        if refused_now {
            return (Waiting::VenueRefused, Help::Time);
        }
        if causes.has(Cause::Room) {
            return (Waiting::VenueBusy, Help::Room);
        }
        // Time ends a fade, also where the book does not change.
        if self.lines().iter().any(|line| line.verdict == Verdict::Faded) {
            return (self.at_book(), Help::Fade);
        }
        let by_size = causes.has(Cause::Minimum) || causes.has(Cause::Maximum);
        let by_book = causes.has(Cause::Book) || causes.has(Cause::OwnOrder) || by_size;
        if causes.has(Cause::Funds) {
            let by_book = by_book || self.cheaper_helps;
            return (Waiting::NoFunds, if by_book { Help::Book } else { Help::Funds });
        }
        if by_size && self.search.bounded {
            return (Waiting::SearchBound, Help::Book);
        }
        if by_size {
            return (Waiting::BelowMinimum, Help::Book);
        }
        if causes.has(Cause::OwnOrder) {
            return (Waiting::OwnOrder, Help::Book);
        }
        // Also a child of the order that is with a venue, and takes all that it offers.
        if by_book || causes.has(Cause::Placed) {
            return (self.at_book(), Help::Book);
        }
        if causes.has(Cause::Refused) {
            return (Waiting::VenueRefused, Help::Venue);
        }
        (Waiting::NoVenue, if causes.has(Cause::Closed) { Help::Room } else { Help::Venue })
    }

    /// What waits for a book: an order that is to rest where it would not take, or one that takes.
    fn at_book(&self) -> Waiting {
        if self.wants == Wants::Rest { Waiting::WouldTake } else { Waiting::BeyondLimit }
    }

    /// Notes the candidates whose funds would carry a smallest child at a price that a book can
    /// have soon. A sell locks its quantity, whatever the price.
    pub(super) fn note_nearly_funded(
        &mut self,
        request: &RouteRequest,
        limit: Price,
        candidates: &[Option<Candidate<'_>>],
    ) {
        let is_near = |c: &Candidate<'_>| {
            let (c, listing) = (c.beside_share(), c.listing);
            let best = c.best.filter(|best| within(limit, *best, Side::Buy)).unwrap_or(limit);
            let cheaper = worse_by(best, Side::Sell, CHEAPER_PPM);
            let most = request.qty.min(listing.qty_max);
            let smallest = c.enough_from(cheaper, listing.lot.0.max(listing.qty_min.0));
            smallest.is_some_and(|qty| qty <= most.0 && c.carries(cheaper, Qty(qty)))
        };
        self.cheaper_helps |= request.side == Side::Buy && candidates.iter().flatten().any(is_near);
    }

    /// Notes what keeps a candidate that takes from taking some of what is left.
    pub(super) fn note_left(&mut self, c: &Candidate<'_>, limit: Price, left: Qty) {
        if left.is_zero() || !c.shows_more(limit) {
            return;
        }
        let lot = c.listing.lot;
        let Some(more) = c.share.checked_add(lot) else { return };
        self.kept.note(if more > c.listing.qty_max {
            Verdict::AboveMaximum
        } else if lot <= left && !c.carries(c.price_at(limit, more), more) {
            Verdict::NoFunds
        } else {
            Verdict::BelowMinimum
        });
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

/// Tells the venues whose price with the fee is good enough, and whose behaviour costs too much.
pub(super) fn worse_behaviour(
    candidates: &[Option<Candidate<'_>>],
    lines: &mut [VenueLine; VENUES_MAX],
) {
    if candidates.iter().flatten().all(|c| lines[c.line].behaviour_ppm == 0) {
        return;
    }
    let taken = candidates.iter().flatten().filter(|c| !c.share.is_zero());
    let Some(worst) = taken.map(|c| c.unit_all_in(c.worst)).max() else { return };
    for c in candidates.iter().flatten().filter(|c| c.share.is_zero()) {
        let line = &mut lines[c.line];
        if line.verdict == Verdict::WorsePrice
            && line.behaviour_ppm > 0
            && c.best.is_some_and(|best| c.unit_all_in(best) < worst)
        {
            line.verdict = Verdict::WorseBehaviour;
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
    if c.available(limit).next().is_none() {
        if c.best.is_some_and(|best| !within(limit, best, request.side)) {
            line.verdict = Verdict::BeyondLimit;
        }
        return;
    }
    match c.smallest(limit, request.qty) {
        None => line.verdict = Verdict::BelowMinimum,
        Some((qty, price)) if !c.carries(price, qty) => line.verdict = Verdict::NoFunds,
        Some((qty, _)) if !left.is_zero() && qty > left => line.verdict = Verdict::BelowMinimum,
        Some(_) if !left.is_zero() => line.verdict = Verdict::WorseFit,
        Some(_) => {}
    }
}
