//! Posting: where an order joins the touch, and what that is expected to save.
//!
//! A line belongs here if it is about an order that rests and takes nothing. Which venue it rests
//! at, of those where it may rest at that price, is `rest`.

use super::candidate::{ALL_IN_DECIMALS, Candidate};
use super::{Plan, RouteRequest, RoutingView, rest, within};
use crate::input::Side;
use crate::number::{Price, Qty};
use crate::strategy::Posting;

/// What is expected of an order that rests at the touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posted {
    /// The touch: the best price on the order's own side, of the venues that it may go to. The
    /// order's limit where no venue has such a price.
    pub touch: Price,
    /// The order rests at its limit, because the touch is not within it.
    pub is_at_limit: bool,
    /// What a unit costs less at the touch than by taking the best price on the other side, both
    /// with their fees; rounded down. `None` if there is nothing to take.
    pub saving: Option<Price>,
}

/// Plans an order that takes nothing. Returns the quantity that has no place; `None` if the order
/// posts only while that saves something, and it saves nothing.
pub(super) fn post(
    market: &RoutingView<'_>,
    request: &RouteRequest,
    candidates: &[Option<Candidate<'_>>],
    plan: &mut Plan,
) -> Option<Qty> {
    let (side, limit) = (request.side, request.worst);
    let tops = candidates.iter().flatten().filter_map(|c| c.book.own(side).best());
    let tops = tops.map(|level| level.price);
    let top = match side {
        Side::Buy => tops.max(),
        Side::Sell => tops.min(),
    };
    let touch = top.unwrap_or(limit);
    let price = if within(limit, touch, side) { touch } else { limit };
    let leg = rest::at_best(market, request, price, request.qty, candidates);
    let saving = leg.and_then(|leg| {
        let place = candidates.iter().flatten().find(|c| c.listing.venue == leg.venue)?;
        let takes = candidates.iter().flatten().filter_map(|c| Some(c.unit_all_in(c.best?)));
        let saved = takes.min()?.saturating_sub(place.rest_cost(leg.price));
        let whole = saved.div_euclid(10_i128.pow(ALL_IN_DECIMALS));
        Some(Price(i64::try_from(whole).unwrap_or(i64::MAX)))
    });
    if request.posting == Posting::WhileItSaves {
        let blocked = || candidates.iter().flatten().any(|c| c.would_take(price));
        let saves = match leg {
            Some(_) => saving.is_none_or(|saving| saving > Price(0)),
            None => !blocked(),
        };
        if !saves {
            return None;
        }
    }
    let left = rest::rest(market, request, (price, request.qty), candidates, plan);
    let posted = Posted { touch, is_at_limit: price == limit, saving };
    plan.posted = plan.posted.or(Some(posted));
    Some(left)
}
