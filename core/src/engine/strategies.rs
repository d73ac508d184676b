//! Strategies: what an order of a strategy has to remember, and what follows from it.
//!
//! A line belongs here if it is about one strategy. Which strategies there are is `strategy`.

use super::Engine;
use crate::id::ChildId;
use crate::input::{Choice, REST_PLACES_MAX, RestBy, ScoreWeights};
use crate::number::{Price, Qty};
use crate::order::Order;
use crate::routing::RestShares;
use crate::strategy::{Strategy, StrategyTerms};
use crate::venue_set::VenueSet;

impl Engine {
    /// What an order's strategy has to remember.
    #[inline]
    pub(super) fn terms_of(&self, order: &Order) -> StrategyTerms {
        match order.strategy {
            Strategy::Cross if order.choice != Choice::ByOwnScore => StrategyTerms::default(),
            Strategy::Cross | Strategy::NearlyAll | Strategy::Post | Strategy::Smart => {
                self.strategy_terms[self.orders.slot(order.id.0) as usize]
            }
        }
    }

    /// The weights of score mode; `None` for an order that chooses by cost.
    #[inline]
    pub(super) fn score_of(&self, order: &Order) -> Option<ScoreWeights> {
        let own = match order.choice {
            Choice::ByOwnScore => self.terms_of(order).weights,
            Choice::OfAccount
            | Choice::ByCost
            | Choice::ByScore
            | Choice::RestByShare
            | Choice::RestAtBest => None,
        };
        own.or_else(|| self.reference.routing_of(order.account).score(order.choice))
    }

    /// How an order rests by share; `None` for one that rests at the best place.
    #[inline]
    pub(super) fn rest_shares(&self, order: &Order) -> Option<RestShares> {
        let by = match order.choice {
            Choice::RestByShare => RestBy::Share,
            Choice::RestAtBest => RestBy::Best,
            Choice::OfAccount | Choice::ByCost | Choice::ByScore | Choice::ByOwnScore => {
                self.reference.rest_of(order.account).by
            }
        };
        let may = by == RestBy::Share && order.tif.waits() && order.ord_type.has_limit();
        may.then(|| self.shares_beside(order, ChildId(0)))
    }

    /// The shares of an order that rests by share, as if one of its children were gone.
    pub(super) fn shares_beside(&self, order: &Order, gone: ChildId) -> RestShares {
        let terms = self.reference.rest_of(order.account);
        let (mut at, mut living) = (VenueSet::EMPTY, 0_u8);
        for child in self.children_of(order).filter(|child| child.id != gone) {
            at.insert(child.venue);
            living = living.saturating_add(1);
        }
        let places = if terms.percents.is_given() { REST_PLACES_MAX as u8 } else { terms.places };
        let legs = places.saturating_sub(living).max(1);
        RestShares { places, legs, at, percents: terms.percents }
    }

    /// The least quantity that the order is to fill; zero for any. A replace to less than the
    /// minimum asks for all of the new quantity.
    fn minimum_of(&self, order: &Order) -> Qty {
        match (order.strategy, self.terms_of(order).min_qty) {
            (Strategy::Cross | Strategy::Post | Strategy::Smart, _) => Qty::ZERO,
            (Strategy::NearlyAll, Qty::ZERO) => order.qty,
            (Strategy::NearlyAll, min_qty) => min_qty.min(order.qty),
        }
    }

    /// The least quantity that the next plan is to fill; zero for any. Once a part is filled, more
    /// is always nearer to the minimum.
    #[inline]
    pub(super) fn least_of_plan(&self, order: &Order) -> Qty {
        if order.strategy != Strategy::NearlyAll || !order.filled.is_zero() {
            return Qty::ZERO;
        }
        self.minimum_of(order).saturating_sub(order.at_venues)
    }

    /// A replace changes the limit of an order: where it rests, and what that is expected to save,
    /// is found anew.
    pub(super) fn post_anew(&mut self, order: &Order) {
        if order.strategy != Strategy::Cross {
            let slot = self.orders.slot(order.id.0) as usize;
            self.strategy_terms[slot].acts_at = Price(0);
        }
    }

    /// Whether an order has filled something, and less than its minimum.
    pub(super) fn is_short_of_minimum(&self, order: &Order) -> bool {
        !order.filled.is_zero() && order.filled < self.minimum_of(order)
    }
}
