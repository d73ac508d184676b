//! `RoutePreview` (U4): what would become of an order that a client asks about.
//!
//! A line belongs here if it collects the parts of the core's answer, or writes their fields.

use rutter_core::input::{NewOrder, OrdType, Refusal, Unacceptable};
use rutter_core::output::{Previewed, VenueLine};
use rutter_core::reference::VENUES_MAX;
use rutter_core::routing::{ALL_IN_DECIMALS, PlannedChild};
use rutter_core::waiting::Waiting;
use rutter_fix::codec::Encoder;
use rutter_fix::dictionary::Version;
use rutter_fix::tags;

use crate::number::{AVERAGE_EXTRA_DECIMALS, DecimalText, average};
use crate::refusal::codes;
use crate::report::{write_written, write_written_numbers};
use crate::terms::Terms;

/// `Text` (58) of the answer to a preview while another is being answered.
pub const BUSY: &str = "PreviewBusy";

/// One venue's part of a plan.
#[derive(Clone, Copy, Debug)]
struct VenuePart {
    line: VenueLine,
    take: Option<PlannedChild>,
    rest: Option<PlannedChild>,
}

/// A preview that the core is asked for.
#[derive(Clone, Debug)]
pub struct PendingPreview {
    order: NewOrder,
    refusal: Refusal,
    given_back: Refusal,
    waits: Waiting,
    venues: Vec<VenuePart>,
    /// What the taking children are expected to cost or to bring with fees, as
    /// [`ClientPreview::paid`](rutter_core::output::ClientPreview::paid).
    paid: i128,
}

impl PendingPreview {
    /// Nothing is answered yet.
    pub const fn new(order: NewOrder) -> Self {
        let (refusal, given_back, waits) = (Refusal::None, Refusal::None, Waiting::Nothing);
        Self { order, refusal, given_back, waits, venues: Vec::new(), paid: 0 }
    }

    /// Whether this is the question of that message.
    pub const fn asks(&self, client_seq: u64) -> bool {
        self.order.client_seq == client_seq
    }

    /// Takes a part of the answer. A plan has one part for each venue.
    pub fn take(&mut self, part: Previewed, paid: i128) {
        match part {
            Previewed::Order { refusal, given_back, waits, .. } => {
                (self.refusal, self.given_back, self.waits) = (refusal, given_back, waits);
            }
            Previewed::Venue { line, take, rest } => {
                debug_assert!(self.venues.len() < VENUES_MAX, "one part a venue");
                self.venues.push(VenuePart { line, take, rest });
                self.paid = self.paid.saturating_add(paid);
            }
            Previewed::Bridge(_) => {}
        }
    }

    /// Writes the fields of the answer.
    pub fn write(&self, out: &mut Encoder<'_>, terms: &Terms, version: Version) {
        out.field(tags::CL_ORD_ID, self.order.cl_ord_id.as_bytes());
        let Some(instrument) = terms.instrument(self.order.instrument) else { return };
        let (prices, quantities) = (instrument.price_decimals, instrument.qty_decimals);
        out.field(tags::SYMBOL, instrument.symbol.as_bytes());
        out.char(tags::SIDE, b'0' + self.order.side as u8);
        out.char(tags::ORD_TYPE, b'0' + self.order.ord_type as u8);
        out.char(tags::TIME_IN_FORCE, b'0' + self.order.tif as u8);
        out.decimal(tags::ORDER_QTY, self.order.qty.0, quantities);
        if self.order.ord_type == OrdType::Limit {
            out.decimal(tags::PRICE, self.order.price.0, prices);
        }
        if self.refusal != Refusal::None {
            return write_refusal(out, self.refusal, version);
        }
        let shown: i64 = self.venues.iter().map(|venue| venue.line.shown.0).sum();
        let value: i128 = self.venues.iter().map(|venue| venue.line.value.0).sum();
        let rests: i64 = self.venues.iter().filter_map(|one| one.rest).map(|rest| rest.qty.0).sum();
        out.decimal(tags::CUM_QTY, shown, quantities);
        if shown > 0 {
            let scale = prices + AVERAGE_EXTRA_DECIMALS;
            let price = DecimalText::new(average(value, shown), scale, prices);
            out.field(tags::AVG_PX, price.as_bytes());
            let scale = prices + ALL_IN_DECIMALS as u8;
            let price = DecimalText::new(self.paid / i128::from(shown), scale, prices);
            out.field(tags::AVG_PX_ALL_IN, price.as_bytes());
        }
        let left = self.order.qty.0 - shown - rests;
        out.decimal(tags::LEAVES_QTY, left, quantities);
        if left > 0 {
            let given_back = codes(self.given_back).word;
            out.text(tags::LEFT_WHY, self.waits.word().unwrap_or(given_back));
            out.bool(tags::LEFT_WAITS, self.waits != Waiting::Nothing);
        }
        if self.venues.is_empty() {
            return;
        }
        out.uint(tags::NO_PREVIEW_VENUES, self.venues.len() as u64);
        for venue in &self.venues {
            venue.write(out, terms, (prices, quantities));
        }
    }
}

impl VenuePart {
    fn write(&self, out: &mut Encoder<'_>, terms: &Terms, (prices, quantities): (u8, u8)) {
        let name = terms.venue(self.line.venue).map_or(&b"?"[..], |name| name.as_bytes());
        out.field(tags::PREVIEW_VENUE, name);
        out.text(tags::PREVIEW_VERDICT, &format!("{:?}", self.line.verdict));
        if let Some(take) = self.take {
            out.decimal(tags::PREVIEW_TAKE_QTY, take.qty.0, quantities);
            out.decimal(tags::PREVIEW_TAKE_PX, take.price.0, prices);
            out.decimal(tags::PREVIEW_SHOWN_QTY, self.line.shown.0, quantities);
        }
        if let Some(rest) = self.rest {
            out.decimal(tags::PREVIEW_REST_QTY, rest.qty.0, quantities);
            out.decimal(tags::PREVIEW_REST_PX, rest.price.0, prices);
        }
        if self.line.best.0 != 0 {
            out.decimal(tags::PREVIEW_BEST_PX, self.line.best.0, prices);
            let scale = prices + ALL_IN_DECIMALS as u8;
            let price = DecimalText::new(self.line.best_all_in, scale, prices);
            out.field(tags::PREVIEW_BEST_PX_ALL_IN, price.as_bytes());
        }
    }
}

/// Writes the answer to a preview that the core has no fields for, with the terms as the client
/// wrote them.
pub fn write_no_preview(out: &mut Encoder<'_>, order: &Unacceptable, version: Version) {
    out.field(tags::CL_ORD_ID, order.cl_ord_id.as_bytes());
    if !order.symbol.is_empty() {
        out.field(tags::SYMBOL, order.symbol.as_bytes());
    }
    write_written(out, &order.written);
    write_written_numbers(out, &order.written);
    write_refusal(out, order.refusal, version);
}

fn write_refusal(out: &mut Encoder<'_>, refusal: Refusal, version: Version) {
    let codes = codes(refusal);
    out.uint(tags::ORD_REJ_REASON, u64::from(codes.order_code(version)));
    out.field(tags::TEXT, codes.word.as_bytes());
}
