//! A copy of the core's ledger, booked from the outputs.

use rutter_core::id::{AccountId, AssetId, ChildId, VenueId};
use rutter_core::input::{ChildFill, Side};
use rutter_core::ledger::{Ledger, reserve};
use rutter_core::number::{Amount, Qty};
use rutter_core::output::{LastFill, Report};
use rutter_core::reference::VENUES_MAX;

use super::ReadModel;

impl ReadModel {
    /// Positions, fees and funds: the core's, as far as the outputs have told them.
    pub const fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Books a fill, if all that it names is known.
    pub(super) fn book(&mut self, account: Option<AccountId>, fill: &ChildFill) {
        let known = fill.venue.index() < self.reference.venues.len()
            && fill.fee_asset.index() < self.reference.assets.len()
            && account.is_none_or(|account| account.index() < self.reference.accounts.len());
        let Some(def) = self.reference.instruments.get(fill.instrument.index()) else { return };
        if known {
            self.ledger.book(def, account, fill);
        }
    }

    pub(super) fn book_trade(&mut self, report: &Report, last: &LastFill) {
        // What went over a bridge is booked by its notice.
        let Some(fill) = fill_of(report, last).filter(|_| report.via.is_none()) else { return };
        self.book(self.account_of(report.order, report.session), &fill);
    }

    /// Books the part of a fill beyond its order. The fee is booked with the report of the other
    /// part, if there is one.
    pub(super) fn book_beyond(&mut self, account: AccountId, fill: &ChildFill, beyond: Qty) {
        let fee = if beyond < fill.qty { Amount::ZERO } else { fill.fee };
        self.book(Some(account), &ChildFill { qty: beyond, fee, ..*fill });
    }

    pub(super) fn on_balance(&mut self, venue: VenueId, asset: AssetId, total: Amount) {
        let known = venue.index() < self.reference.venues.len()
            && asset.index() < self.reference.assets.len();
        if known {
            self.ledger.set_total(venue, asset, total);
            self.told_at(asset.index() * VENUES_MAX + venue.index());
            self.closures[venue.index()].told(asset, self.at.time);
        }
    }

    /// The venue has refused an order for want of funds: they count as nothing until its balance.
    pub(super) fn on_funds_refused(&mut self, venue: VenueId, asset: AssetId) {
        let known = venue.index() < self.reference.venues.len()
            && asset.index() < self.reference.assets.len();
        if known {
            self.ledger.refuse(venue, asset, self.at.time);
        }
    }

    /// Adjusts the reservation of funds to the unfilled quantity of a child.
    pub(super) fn bind(&mut self, id: ChildId) {
        let Some(child) = self.children.get_mut(id.0) else { return };
        let (instrument, venue) = (child.instrument(), child.venue);
        let Some(def) = self.reference.instruments.get(instrument.index()) else { return };
        if venue.index() >= self.reference.venues.len() {
            return;
        }
        let order = self.orders.get(child.order.0).filter(|_| child.whose.session.0 < u16::MAX);
        let account = order.map_or(child.whose.account, |order| order.account);
        let listing = self.reference.listing(instrument, venue);
        let fees = listing.map(|listing| self.reference.fees(account, listing));
        let fee = fees.map_or(0, |fees| fees.locked_ppm());
        let needed = if child.state.is_over() {
            Amount::ZERO
        } else {
            reserve(def, child.side, child.price, child.leaves(), fee)
        };
        let asset = match child.side {
            Side::Buy => def.quote,
            Side::Sell => def.base,
        };
        self.ledger.reserve(venue, asset, needed.minus(child.reserved));
        child.reserved = needed;
    }
}

/// The execution that a trade report tells.
pub(super) fn fill_of(report: &Report, last: &LastFill) -> Option<ChildFill> {
    Some(ChildFill {
        venue: last.venue,
        child: last.child,
        instrument: report.instrument?,
        side: report.side,
        exec: last.exec,
        qty: last.qty,
        price: last.price,
        fee: last.fee,
        fee_asset: last.fee_asset,
        liquidity: last.liquidity,
    })
}
