//! Everything that a journal says about one order, in words.
//!
//! A line belongs here if it finds an order by one of its ids, or turns an output into a sentence
//! with names, decimals and times.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use rutter_admin::ReadModel;
use rutter_admin::model::{NamedBy, OrderName, Sizes, decimal, order_id};
use rutter_core::id::{ChildId, InstrumentId, OrderId};
use rutter_core::input::{Genesis, Header, Input, OrdType, Refusal};
use rutter_core::number::{AMOUNT_DECIMALS, Price, Qty};
use rutter_core::output::{
    BridgeLine, CancelReject, ChildEnd, ChildRef, Decision, Notice, Output, Report, ReportKind,
    SendNew, Sink,
};
use rutter_core::routing::{ALL_IN_DECIMALS, all_in};
use rutter_venues::VENUES;
use serde_json::json;

/// A value without fields as reports and screens write it.
fn word(value: impl std::fmt::Debug) -> String {
    format!("{value:?}")
}

/// Finds the orders that a text names.
#[derive(Debug)]
pub struct Seeker<'a> {
    name: OrderName<'a>,
    node_tag: u32,
    /// For the names of sessions and venues alone.
    names: ReadModel,
    orders: BTreeMap<OrderId, NamedBy>,
    /// Children whose id at a venue it is.
    children: BTreeMap<ChildId, NamedBy>,
}

impl<'a> Seeker<'a> {
    /// Looks for the orders of a text.
    pub fn new(text: &'a str) -> Self {
        let (orders, children) = (BTreeMap::new(), BTreeMap::new());
        Self { name: named(text, 0), node_tag: 0, names: names(), orders, children }
    }

    /// The id is that of a child, whose order a second replay finds.
    pub fn seeks_children(&self) -> bool {
        !self.children.is_empty()
    }

    /// A name that an order of the journal shares with no other.
    pub fn order_id(&self, order: OrderId) -> String {
        order_id(self.node_tag, order.0)
    }

    /// The orders, each with the kind of id that it was found by.
    pub const fn found(&self) -> &BTreeMap<OrderId, NamedBy> {
        &self.orders
    }

    fn add(&mut self, order: OrderId, by: NamedBy) {
        let kept = self.orders.entry(order).or_insert(by);
        *kept = by.min(*kept);
    }

    fn report(&mut self, report: &Report) {
        if report.order.0 == 0 {
            return;
        }
        let session = self.names.session_name(report.session);
        let named = [report.cl_ord_id, report.orig_cl_ord_id];
        if named.iter().any(|id| self.name.is_of_client(session, id.as_str())) {
            self.add(report.order, NamedBy::Client);
        }
        if report.kind == ReportKind::New && self.name.number() == Some(report.order) {
            self.add(report.order, NamedBy::Number);
        }
    }
}

/// A text that names orders of the journal with that tag.
fn named(text: &str, node_tag: u32) -> OrderName<'_> {
    let child_of = |tag, id: &[u8]| VENUES.iter().find_map(|venue| (venue.child_of)(tag, id));
    OrderName::new(text, node_tag, child_of)
}

/// A model that knows names, and remembers next to nothing else.
pub(super) fn names() -> ReadModel {
    ReadModel::new(Sizes { orders_log2: 0, children_log2: 0, events_log2: 0 })
}

impl Sink for Seeker<'_> {
    fn input(&mut self, _: Header, input: &Input) {
        if let Input::Genesis(Genesis { node_tag, .. }) = input {
            self.node_tag = *node_tag;
            self.name = named(self.name.text(), *node_tag);
            self.children.extend(self.name.child().map(|child| (child, NamedBy::Child)));
        }
        self.names.define(input);
    }

    fn output(&mut self, output: &Output) {
        match output {
            Output::Report(report) => self.report(report),
            Output::Notice(Notice::VenueOrder(venue, child, id))
                if self.name.is_of_venue(self.names.venue_name(*venue), id.as_str()) =>
            {
                self.children.insert(*child, NamedBy::Venue);
            }
            Output::SendNew(new) => match self.children.get(&new.child).copied() {
                Some(NamedBy::Child)
                    if !self.name.is_child_at(self.names.venue_name(new.venue)) => {}
                Some(by) => self.add(new.order, by),
                None => {}
            },
            _ => {}
        }
    }
}

/// Tells what concerns some orders.
#[derive(Debug)]
pub struct Story {
    orders: BTreeSet<OrderId>,
    children: BTreeSet<ChildId>,
    /// For the names of ids alone.
    names: ReadModel,
    at: Header,
    lines: Vec<String>,
    /// Each line is a JSON object.
    json: bool,
}

impl Story {
    /// About these orders, as sentences or as JSON.
    pub fn new(orders: BTreeSet<OrderId>, json: bool) -> Self {
        let names = names();
        let (children, lines) = (BTreeSet::new(), Vec::new());
        Self { orders, children, names, at: Header::default(), lines, json }
    }

    /// The lines since the last call.
    pub fn lines(&mut self) -> impl Iterator<Item = String> + '_ {
        self.lines.drain(..)
    }

    fn tell(&mut self, words: &str) {
        let (time, seq) = (super::time(self.at.time), self.at.seq);
        if self.json {
            let line = json!({ "time": time, "record": seq, "text": words });
            return self.lines.push(line.to_string());
        }
        self.lines.push(format!("{time} record {seq}: {words}"));
    }

    fn decimals(&self, instrument: InstrumentId) -> (u32, u32) {
        let def = self.names.reference().instruments.get(instrument.index());
        def.map_or((0, 0), |def| (u32::from(def.price_decimals), u32::from(def.qty_decimals)))
    }

    fn qty(&self, instrument: InstrumentId, qty: Qty) -> String {
        decimal(i128::from(qty.0), self.decimals(instrument).1)
    }

    fn price(&self, instrument: InstrumentId, price: Price) -> String {
        decimal(i128::from(price.0), self.decimals(instrument).0)
    }

    fn report(&mut self, report: &Report) {
        let Some(instrument) = report.instrument else { return };
        let qty = |qty| self.qty(instrument, qty);
        let mut words = format!(
            "order {} {}: {} {} {} {} {}",
            report.order.0,
            word(report.kind),
            word(report.side),
            qty(report.qty),
            self.names.symbol_of(instrument),
            word(report.ord_type),
            word(report.tif),
        );
        if report.ord_type != OrdType::Market {
            let _ = write!(words, " at {}", self.price(instrument, report.price));
        }
        if let Some(last) = &report.last {
            let fee = decimal(last.fee.0, AMOUNT_DECIMALS);
            let _ = write!(
                words,
                "; filled {} at {} on {} as {}, fee {fee} {}, child {}, execution {}",
                qty(last.qty),
                self.price(instrument, last.price),
                self.names.venue_name(last.venue),
                word(last.liquidity),
                self.names.asset_name(last.fee_asset),
                last.child.0,
                last.exec.text(),
            );
            if !last.venue_order.as_str().is_empty() {
                let _ = write!(words, ", the venue's order {}", last.venue_order);
            }
        }
        let _ = write!(
            words,
            "; state {}, {} filled, {} left; session {}, client's id {}",
            word(report.status),
            qty(report.filled),
            qty(report.leaves),
            self.names.session_name(report.session),
            report.cl_ord_id,
        );
        if !report.orig_cl_ord_id.as_str().is_empty() {
            let _ = write!(words, ", was {}", report.orig_cl_ord_id);
        }
        if report.reason != Refusal::None {
            let _ = write!(words, "; reason {}", word(report.reason));
        }
        self.tell(&words);
    }

    fn cancel_reject(&mut self, reject: &CancelReject) {
        let what = if reject.of_replace { "replace" } else { "cancel" };
        self.tell(&format!(
            "order {}: {what} {} refused, reason {}; state {}",
            reject.order.0,
            reject.cl_ord_id,
            word(reject.reason),
            word(reject.status),
        ));
    }

    fn sent(&mut self, new: &SendNew) {
        self.children.insert(new.child);
        self.tell(&format!(
            "order {}: child {} sent to {}: {} {} {} {} at {}",
            new.order.0,
            new.child.0,
            self.names.venue_name(new.venue),
            word(new.side),
            self.qty(new.instrument, new.qty),
            self.names.symbol_of(new.instrument),
            word(new.tif),
            self.price(new.instrument, new.price),
        ));
    }

    fn child(&mut self, child: &ChildRef, what: &str) {
        let venue = self.names.venue_name(child.venue);
        let words = format!("order {}: child {} {what} {venue}", child.order.0, child.child.0);
        self.tell(&words);
    }

    fn notice(&mut self, notice: &Notice) {
        match *notice {
            Notice::CalledBack(order, why) if self.orders.contains(&order) => {
                self.tell(&format!("order {}: called back, reason {}", order.0, word(why)));
            }
            Notice::Waits(order, why) if self.orders.contains(&order) => {
                let words = match why.word() {
                    Some(word) if why.is_at_venue() => format!("order {}: {word}", order.0),
                    Some(word) => format!("order {}: a part is at no venue: {word}", order.0),
                    None => format!("order {}: nothing waits any more", order.0),
                };
                self.tell(&words);
            }
            Notice::CancelStuck(order) if self.orders.contains(&order) => {
                self.tell(&format!("order {}: a venue does not cancel it", order.0));
            }
            Notice::Shares(order, venue, child, _) if self.orders.contains(&order) => {
                self.children.insert(child);
                let venue = self.names.venue_name(venue);
                let words =
                    format!("order {}: has a part in child {} at {venue}", order.0, child.0);
                self.tell(&words);
            }
            Notice::Barred(order, venue, why) if self.orders.contains(&order) => {
                let (venue, why) = (self.names.venue_name(venue), word(why));
                self.tell(&format!("order {}: not sent to {venue} again ({why})", order.0));
            }
            _ => self.notice_of_child(notice),
        }
    }

    /// What became of a bridge in a decision.
    fn tell_bridge(&mut self, instrument: InstrumentId, line: &BridgeLine) {
        let (via, conversion) =
            (self.names.symbol_of(line.via), self.names.symbol_of(line.conversion));
        let mut words = format!("    over {via}: {}", line.word.word());
        if !line.qty.is_zero() {
            let _ = write!(words, ", {}", self.qty(instrument, line.qty));
        }
        if line.worst.0 != 0 {
            let [best, worst, reference, limit] =
                [line.best, line.worst, line.reference, line.limit]
                    .map(|price| self.price(line.conversion, price));
            let of = self.decimals(line.conversion).0;
            let average = line.paid.checked_div(i128::from(line.converts.0)).unwrap_or(0);
            let average = decimal(average, of + ALL_IN_DECIMALS);
            let _ = write!(
                words,
                "; {conversion} from {best} to {worst}, with fee {average} on average; reference \
                 price {reference}, limit {limit}"
            );
        }
        self.tell(&words);
    }

    fn notice_of_child(&mut self, notice: &Notice) {
        let (venue, child, what) = match *notice {
            Notice::ChildAccepted(venue, child) => (venue, child, "accepted by".to_owned()),
            Notice::ChildEnded(venue, child, end) => {
                let how = match end {
                    ChildEnd::Canceled => "canceled by",
                    ChildEnd::Expired => "expired at",
                    ChildEnd::Rejected => "ended, refused by",
                    ChildEnd::SelfMatched => "ended, as it would match our own order at",
                    ChildEnd::Resolved => "resolved by an operator, not by",
                };
                (venue, child, how.to_owned())
            }
            Notice::ChildUnknown(venue, child) => {
                (venue, child, "has an unknown outcome at".to_owned())
            }
            Notice::ChildResolved(venue, child) => {
                (venue, child, "has a known outcome at".to_owned())
            }
            Notice::ChildRejected(venue, child, why) => {
                (venue, child, format!("refused ({}) by", word(why)))
            }
            Notice::ChildAmended(venue, child, _) => (venue, child, "reduced by".to_owned()),
            Notice::AmendRejected(venue, child, why) => {
                (venue, child, format!("not amended ({}) by", word(why)))
            }
            Notice::Overfill(_, fill, beyond) => {
                let beyond = self.qty(fill.instrument, beyond);
                (fill.venue, fill.child, format!("overfilled by {beyond} at"))
            }
            Notice::Reconciled(fill, same, price) => {
                let of = fill.instrument;
                let (told, stated) = (self.price(of, fill.price), self.price(of, price));
                let same = self.qty(of, same);
                let what =
                    format!("reconciled: filled {same} at {told}, stated at {stated} before, at");
                (fill.venue, fill.child, what)
            }
            Notice::Contradicted(child, filled) => {
                let filled = self.qty(child.instrument, filled);
                (
                    child.venue,
                    child.child,
                    format!("contradicted: filled {filled} in all, as told by"),
                )
            }
            Notice::OrphanFill(fill) => {
                let qty = self.qty(fill.instrument, fill.qty);
                (fill.venue, fill.child, format!("filled {qty} after its end at"))
            }
            Notice::IllegalEvent(venue, child) => {
                (venue, child, "has news that its state does not allow from".to_owned())
            }
            Notice::FoundAfterEnd(venue, child) => {
                (venue, child, "found open after its end at".to_owned())
            }
            _ => return,
        };
        if self.children.contains(&child) {
            let words = format!("child {} {what} {}", child.0, self.names.venue_name(venue));
            self.tell(&words);
        }
    }
}

impl Sink for Story {
    fn input(&mut self, header: Header, input: &Input) {
        self.at = header;
        self.names.define(input);
    }

    fn output(&mut self, output: &Output) {
        match output {
            Output::Report(report) if self.orders.contains(&report.order) => self.report(report),
            Output::CancelReject(reject) if self.orders.contains(&reject.order) => {
                self.cancel_reject(reject);
            }
            Output::SendNew(new) if self.orders.contains(&new.order) => self.sent(new),
            Output::SendCancel(child) if self.orders.contains(&child.order) => {
                self.child(child, "to be canceled at");
            }
            Output::SendReduce(reduce) if self.orders.contains(&reduce.of.order) => {
                let qty = self.qty(reduce.of.instrument, reduce.qty);
                self.child(&reduce.of, &format!("to be reduced to {qty} in all at"));
            }
            Output::Query(child) if self.orders.contains(&child.order) => {
                self.child(child, "asked about at");
            }
            Output::Notice(notice) => self.notice(notice),
            _ => {}
        }
    }

    fn wants_decisions(&self) -> bool {
        true
    }

    fn decision(&mut self, decision: &Decision<'_>) {
        if !self.orders.contains(&decision.order) {
            return;
        }
        if self.json {
            let time = super::time(self.at.time);
            let decision = crate::route::record(decision);
            let line = json!({ "time": time, "record": self.at.seq, "decision": decision });
            return self.lines.push(line.to_string());
        }
        let (instrument, order) = (decision.instrument, decision.order.0);
        let qty = self.qty(instrument, decision.qty);
        self.tell(&format!("order {order}: routed, round {}, quantity {qty}", decision.round));
        for line in decision.bridges {
            self.tell_bridge(instrument, line);
        }
        for line in decision.venues {
            let mut words =
                format!("    {}: {}", self.names.venue_name(line.venue), word(line.verdict));
            if !line.qty.is_zero() {
                let (qty, price) =
                    (self.qty(instrument, line.qty), self.price(instrument, line.price));
                let _ = write!(words, ", {qty} at {price}");
            }
            if !line.shown.is_zero() {
                let (reference, request) = (decision.market.reference, decision.request);
                let terms = reference.terms(request.account, instrument, line.venue);
                let paid = terms.map_or(0, |t| all_in(&t, request.side, line.value));
                let (prices, quantities) = self.decimals(instrument);
                let paid = decimal(paid, prices + quantities + ALL_IN_DECIMALS);
                let _ = write!(
                    words,
                    ", of which {} shown for {paid} with fee",
                    self.qty(instrument, line.shown)
                );
            }
            if line.best.0 != 0 {
                let decimals = self.decimals(instrument).0 + ALL_IN_DECIMALS;
                let all_in = decimal(line.best_all_in, decimals);
                let best = self.price(instrument, line.best);
                let _ = write!(words, "; best {best}, with fee {all_in}");
                if line.behaviour_ppm > 0 {
                    let _ = write!(words, ", behaviour costs {} ppm more", line.behaviour_ppm);
                }
            }
            if let Some(score) = line.score {
                let _ = write!(words, "; score {} of 100", decimal(i128::from(score), 2));
            }
            // A venue that was ruled out before has no book that was looked at.
            if line.age_ns > 0 {
                let _ = write!(words, "; book {} old", rutter_cli::text::duration(line.age_ns));
            }
            self.lines.push(words);
        }
    }
}
