//! A plan as one line of JSON.
//!
//! A line belongs here if it makes a scenario's answer of a plan. `rutter_admin::plan` prints.

use rutter_admin::model::decimal;
use rutter_admin::plan::PlanShown;
use rutter_core::bridge::BridgeWord;
use rutter_core::number::{Price, Qty};
use rutter_core::output::BridgeLine;
use rutter_core::reference::Reference;
use rutter_core::routing::{Plan, RouteRequest};
use serde_json::Value;

use super::scenario::Decimals;

/// A plan, and what it was made from.
pub struct Told<'a> {
    /// Returned with the answer.
    pub name: &'a Value,
    /// The reference data, which has the venues' names.
    pub reference: &'a Reference,
    /// What was asked.
    pub request: &'a RouteRequest,
    /// The plan.
    pub plan: &'a Plan,
    /// What became of each bridge.
    pub bridges: &'a [BridgeLine],
}

impl Told<'_> {
    /// The plan as one JSON object.
    pub fn answer(&self) -> Value {
        // The request is for what goes over no bridge.
        let bridged = self.bridges.iter().filter(|line| line.word == BridgeWord::Taken);
        let bridged: i64 = bridged.map(|line| line.qty.0).sum();
        let shown = PlanShown {
            account: self.request.account,
            reference: self.reference,
            instrument: self.request.instrument,
            side: self.request.side,
            qty: Qty(self.request.qty.0 + bridged),
            takes: self.plan.takes(),
            rests: self.plan.rests(),
            lines: self.plan.lines(),
            bridges: self.bridges,
            search: self.plan.search,
            left_why: &format!("{:?}", self.plan.refusal()),
        };
        let mut answer = shown.answer();
        answer["name"] = self.name.clone();
        answer
    }

    pub(super) fn decimals(&self) -> Decimals {
        let def = self.reference.instruments.get(self.request.instrument.index());
        def.map_or(Decimals::default(), |def| Decimals {
            price: u32::from(def.price_decimals),
            qty: u32::from(def.qty_decimals),
        })
    }
}

pub(super) fn price(price: Price, decimals: Decimals) -> String {
    decimal(i128::from(price.0), decimals.price)
}

pub(super) fn qty(qty: Qty, decimals: Decimals) -> String {
    decimal(i128::from(qty.0), decimals.qty)
}
