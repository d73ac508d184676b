//! Bridges: what went over them and is not converted, and how it is booked.
//!
//! A line belongs here if it follows what the core tells of a bridge.

use rutter_core::bridge::{BridgeWord, Exposure};
use rutter_core::id::{AccountId, OrderId, SessionId};
use rutter_core::input::{ChildFill, Side};
use rutter_core::number::{Amount, Notional};
use rutter_core::output::{Handover, Notice};
use rutter_core::reference::amount_of;

use super::counts::OrderOwner;
use super::number::decimal;
use super::rows::{BridgeRow, ExposureRow};
use super::{ReadModel, rfc3339};

const AMOUNT_DECIMALS: u32 = rutter_core::number::AMOUNT_DECIMALS;

/// Sides of a conversion in words.
const SIDES: [&str; 2] = ["buy", "sell"];

impl ReadModel {
    /// What the core tells of bridges.
    pub(super) fn on_bridge(&mut self, notice: &Notice) {
        match *notice {
            Notice::Bridged(desk, ref fill, over) => self.on_bridged(desk, fill, over),
            Notice::Converted(desk, ref fill) => self.on_converted(desk, fill),
            Notice::Exposure(exposure) => self.on_exposure(exposure),
            // The other notices have places of their own.
            _ => {}
        }
    }

    /// An execution at a bridge instrument. The client's report comes next, and is not booked.
    fn on_bridged(&mut self, desk: AccountId, fill: &ChildFill, over: Handover) {
        if self.overfilled != Some((fill.child, fill.exec)) && over.qty == fill.qty {
            self.compare_fee(fill, Some(over.account));
        }
        let known = desk.index() < self.reference.accounts.len()
            && over.account.index() < self.reference.accounts.len();
        if over.qty.is_zero() || !known {
            return;
        }
        self.book(Some(desk), &ChildFill { qty: over.qty, ..*fill });
        if let Some(def) = self.reference.instruments.get(over.instrument.index()) {
            let (accounts, terms) = ((desk, over.account), (over.qty, over.price));
            self.ledger.hand_over(def, accounts, fill.side, terms, (fill.fee_asset, over.fee));
        }
    }

    /// An execution of an order of ours that converts. There is no report of it.
    fn on_converted(&mut self, desk: AccountId, fill: &ChildFill) {
        self.counts.fills += 1;
        if let Some(def) = self.reference.instruments.get(fill.instrument.index())
            && let Some(venue) = self.counts.venues.get_mut(fill.venue.index())
        {
            venue.fills += 1;
            venue.filled = venue.filled.plus(amount_of(def, Notional::of(fill.price, fill.qty)));
        }
        if self.overfilled.take() != Some((fill.child, fill.exec)) {
            self.child_filled(fill.child, fill.qty);
            self.compare_fee(fill, Some(desk));
        }
        self.book(Some(desk), fill);
    }

    fn on_exposure(&mut self, told: Exposure) {
        let key = |of: &Exposure| (of.account, of.desk, of.conversion);
        match self.exposures.iter_mut().find(|known| key(known) == key(&told)) {
            Some(known) => *known = told,
            None => self.exposures.push(told),
        }
    }

    /// Who owns an order that converts, if it is one.
    pub(super) fn owner_of_conversion(&self, order: OrderId) -> Option<OrderOwner> {
        let of = self.exposures.iter().find(|of| of.order == order && order != OrderId(0))?;
        Some(OrderOwner {
            session: SessionId(u16::MAX),
            account: of.desk,
            instrument: of.conversion,
        })
    }

    /// The exposures that have something to convert, or children that may add to it.
    pub fn exposures(&self) -> impl Iterator<Item = &Exposure> {
        let told = self.exposures.iter();
        told.filter(|of| of.amount != Amount::ZERO || of.pending != Amount::ZERO)
    }

    /// An exposure by its number.
    pub fn exposure(&self, id: u64) -> Option<&Exposure> {
        self.exposures().find(|of| of.id == id && id != 0)
    }

    /// The bridges that are on.
    pub fn bridges(&self) -> Vec<BridgeRow> {
        let on = self.reference.bridges().iter().filter(|def| def.is_on());
        on.map(|def| BridgeRow {
            account: self.account_name(def.account).to_owned(),
            instrument: self.symbol_of(def.instrument).to_owned(),
            via: self.symbol_of(def.via).to_owned(),
            conversion: self.symbol_of(def.conversion).to_owned(),
            desk: self.account_name(def.desk).to_owned(),
            basis_bps: decimal(i128::from(def.basis_ppm), 2),
            legging_max: decimal(def.legging_max.0, AMOUNT_DECIMALS),
        })
        .collect()
    }

    /// What is not converted.
    pub fn exposure_rows(&self) -> Vec<ExposureRow> {
        self.exposures().map(|of| self.exposure_row(of)).collect()
    }

    fn exposure_row(&self, of: &Exposure) -> ExposureRow {
        let def = self.reference.instruments.get(of.conversion.index());
        let asset = def.and_then(|def| self.reference.assets.get(def.base.index()));
        let is_open = of.amount != Amount::ZERO;
        let side = SIDES[usize::from(of.side() == Side::Sell)];
        ExposureRow {
            id: of.id,
            account: self.account_name(of.account).to_owned(),
            desk: self.account_name(of.desk).to_owned(),
            conversion: self.symbol_of(of.conversion).to_owned(),
            asset: asset.map_or_else(String::new, |asset| asset.name.to_string()),
            side,
            amount: decimal(of.amount.0.abs(), AMOUNT_DECIMALS),
            pending: decimal(of.pending.0, AMOUNT_DECIMALS),
            counted: decimal(of.counted().0, AMOUNT_DECIMALS),
            since: is_open.then(|| rfc3339(of.since.0)),
            since_ns: if is_open { of.since.0 } else { 0 },
            order: (of.order != OrderId(0)).then_some(of.order.0),
            why: if is_open { of.word } else { BridgeWord::Converted }.word(),
        }
    }
}
