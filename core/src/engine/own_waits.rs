//! Orders of ours in the way of one that cannot go: what becomes of that order.
//!
//! A line belongs here if it is about an order to which the books offer nothing, and own orders
//! that it could match. What those are to it, and how they make way, is `own`.

use super::own::{How, InWay, Meets, Policy};
use super::{Engine, OWN_CALLED_BACK_MAX, OWN_LOOKED_AT_MAX};
use crate::child::Child;
use crate::id::VenueId;
use crate::input::SelfMatchPolicy;
use crate::order::Order;
use crate::routing::{may_go, reaches};

impl Engine {
    /// Whether an order of ours is in the way that would make way, and cannot at this moment.
    pub(super) fn is_held_up(&self, order: &Order) -> bool {
        let makes_way = |child: &Child| {
            self.any_order_of(child, |resting| {
                matches!(self.policy(order, resting, child), Policy::MakeWay(_))
            })
        };
        self.venues_of(order).any(|venue| {
            let facing = self.own_meeting(order, venue).take(OWN_LOOKED_AT_MAX);
            let mut reached =
                facing.take_while(|(child, _)| reaches(order.worst, child.price, order.side));
            reached.any(|(child, meets)| makes_way(child) && meets == Meets::Stays)
        })
    }

    /// Whether an own order that the order could match is being cancelled, for this order or by the
    /// same owner: when its end is told, something may be there to take.
    pub(super) fn awaits_own(&self, order: &Order) -> bool {
        let is_awaited =
            |child: &Child| self.yields_to(child, order.id) || self.have_one_owner(order, child);
        self.venues_of(order).any(|venue| {
            let facing = self.own_meeting(order, venue).take(OWN_LOOKED_AT_MAX);
            let mut reached =
                facing.take_while(|(child, _)| reaches(order.worst, child.price, order.side));
            reached.any(|(child, meets)| meets == Meets::Leaves && is_awaited(child))
        })
    }

    /// Adds the children of the order's owner that its venues' books do not show, where the books
    /// offer it nothing. A book may be behind, and the two would match at the venue.
    pub(super) fn find_unshown(&self, order: &Order, found: &mut InWay) {
        for venue in self.venues_of(order) {
            for (child, meets) in self.facing_within(order, venue, order.worst) {
                let Meets::MakesWay(how @ (How::Cancel | How::Decrement)) = meets else { continue };
                if found.len == OWN_CALLED_BACK_MAX {
                    return;
                }
                found.children[found.len] = (child.id, how);
                found.len += 1;
                found.held = order.unplaced();
            }
        }
    }

    /// The venues that an order may go to, where orders of ours can be in its way.
    fn venues_of(&self, order: &Order) -> impl Iterator<Item = VenueId> + use<'_> {
        let request = self.route_request(order);
        let venues = (0..self.venues.len()).map(|index| VenueId(index as u8));
        venues.filter(move |venue| may_go(&self.market(), &request, *venue))
    }

    /// Whether an order that cannot go is cancelled because an order of its owner is in the way.
    pub(super) fn stops_for_own(&self, order: &Order) -> bool {
        let policy = self.reference.owner_of(order.account).self_match;
        let blocks = |child: &Child| {
            reaches(order.worst, child.price, order.side) && self.have_one_owner(order, child)
        };
        policy == SelfMatchPolicy::CancelIncoming
            && self
                .venues_of(order)
                .any(|venue| self.own_facing(order, venue).take(OWN_LOOKED_AT_MAX).any(blocks))
    }
}
