//! Orders, newest first, and one order with its children and events.

use rutter_core::id::{ChildId, InstrumentId, OrderId, VenueId};
use rutter_core::input::{Refusal, Scope, Side};
use rutter_core::output::OrdStatus;
use rutter_core::reference::VENUES_MAX;

use crate::model::ReadModel;
use crate::model::filter::{ORDERS_READ_MAX, OrderFilter, ROWS_MAX};
use crate::model::name::{Named, NamedBy, OrderName};
use crate::model::number::decimal;
use crate::model::rows::{ChildRow, EventRow, OrderDetail, OrderRow, OrdersPage};
use crate::model::slots::{ModelChild, ModelOrder, ModelRole};

/// Digits that an average price has beyond those of a price.
const AVERAGE_EXTRA_DECIMALS: u32 = 4;

impl ReadModel {
    /// The selected orders, newest first. All open orders are found, and ended ones as far back as
    /// the core's table reaches.
    pub fn orders(&self, filter: &OrderFilter) -> OrdersPage {
        let limit = if filter.limit == 0 { ROWS_MAX } else { filter.limit.min(ROWS_MAX) };
        let newest =
            filter.before.map_or(self.newest.0, |id| self.newest.0.min(id.saturating_sub(1)));
        // Below this, only what lives is found by its place.
        let lowest = self.newest.0.saturating_sub(self.orders.size() - 1).max(1);
        let recent = if filter.state.is_of_open() { lowest..lowest } else { lowest..newest + 1 };
        let open_from = if recent.is_empty() { newest } else { lowest - 1 };
        // Found only when it comes to that.
        let older = std::iter::once(open_from).flat_map(|from| self.open_down_from(from));
        let candidates = recent.rev().chain(older);
        let mut page = OrdersPage::default();
        for (looked_at, id) in candidates.enumerate() {
            if looked_at >= ORDERS_READ_MAX {
                (page.more, page.before) = (true, Some(id + 1));
                return page;
            }
            let Some(order) = self.orders.get(id).filter(|order| filter.has(order)) else {
                continue;
            };
            if page.orders.len() >= limit {
                (page.more, page.before) = (true, Some(id + 1));
                return page;
            }
            page.orders.push(self.order_row(order));
        }
        page
    }

    /// Ids of the open orders from that one on, newest first.
    fn open_down_from(&self, newest: u64) -> impl Iterator<Item = u64> {
        // Where to begin is found by place, if an order near is open, else along the list.
        let near = (newest.saturating_sub(self.orders.size())..=newest).rev();
        let near = near.take(ORDERS_READ_MAX);
        let is_open = |id: &u64| self.orders.get(*id).is_some_and(|order| !order.is_over());
        let first = if newest >= self.newest.0 { None } else { near.into_iter().find(is_open) };
        let older = |id: &u64| self.orders.get(*id).map(|order| order.older.0).filter(|id| *id > 0);
        let first = first.unwrap_or(self.newest_open.0);
        std::iter::successors(Some(first).filter(|id| *id > 0 && newest > 0), older)
            .skip_while(move |id| *id > newest)
    }

    /// One order that is open, or over and not forgotten.
    pub fn order(&self, id: OrderId) -> Option<OrderDetail> {
        let order = self.orders.get(id.0)?;
        let mut children = Vec::new();
        let mut at = order.newest_child;
        // Ends: each child leads to an older one.
        while let Some(child) = self.children.get(at.0).filter(|child| child.order == id) {
            if children.len() >= ROWS_MAX {
                break;
            }
            children.push(self.child_row(child));
            at = child.older;
        }
        children.reverse();
        let def = self.reference.instruments.get(order.instrument.index());
        let mut events = Vec::new();
        let mut number = order.newest_event;
        // Ends: each event leads to an older one.
        while let Some(event) = self.events.get(number) {
            if events.len() >= ROWS_MAX {
                break;
            }
            events.push(EventRow {
                seq: event.seq,
                time_ns: event.time.0,
                what: event.what.word(),
                child: (event.child.0 > 0).then_some(event.child.0),
                text: event.text(def, self.venue_name(event.venue)),
            });
            number = event.previous;
        }
        events.reverse();
        let events_forgotten = order.events.saturating_sub(events.len() as u64);
        Some(OrderDetail { order: self.order_row(order), children, events, events_forgotten })
    }

    /// Adds the orders that a text names, from a place of the tables on. Looks at
    /// [`ORDERS_READ_MAX`] orders and as many children; returns where to go on, `None` at the end.
    /// An order that the text's number was given to counts even if the order is forgotten.
    pub fn named(
        &self,
        name: &OrderName<'_>,
        from: usize,
        found: &mut Vec<Named>,
    ) -> Option<usize> {
        let of = |by: NamedBy| move |order: OrderId| Named { order, by };
        if from == 0 {
            let number = name.number().filter(|id| (1..=self.newest.0).contains(&id.0));
            found.extend(number.map(of(NamedBy::Number)));
            let child = name.child().and_then(|child| self.children.get(child.0));
            let child = child.filter(|child| {
                // No venue knows a part.
                let is_known = !matches!(child.role, ModelRole::Part { .. });
                is_known && name.is_child_at(self.venue_name(child.venue))
            });
            found.extend(
                child.into_iter().flat_map(|child| self.orders_in(child)).map(of(NamedBy::Child)),
            );
        }
        let upto = from.saturating_add(ORDERS_READ_MAX);
        let orders = self.orders.places(from..upto).filter(|order| {
            name.is_of_client(self.session_name(order.session), order.cl_ord_id.as_str())
        });
        found.extend(orders.map(|order| order.id).map(of(NamedBy::Client)));
        let children = self.children.places(from..upto).filter(|child| {
            // The orders of a shared child are those of its parts.
            !matches!(child.role, ModelRole::Shared(_))
                && name.is_of_venue(self.venue_name(child.venue), child.venue_order.text().as_str())
        });
        found.extend(children.map(|child| child.order).map(of(NamedBy::Venue)));
        let size = self.orders.size().max(self.children.size());
        ((upto as u64) < size).then_some(upto)
    }

    /// Some orders as rows, newest first. What is forgotten is left out.
    pub fn rows_of(&self, ids: &[OrderId], filter: &OrderFilter) -> Vec<OrderRow> {
        let orders = ids.iter().filter_map(|id| self.orders.get(id.0));
        orders.filter(|order| filter.has(order)).map(|order| self.order_row(order)).collect()
    }

    /// The decimals of prices and of quantities of a child; `None` if the child is not known, or
    /// forgotten.
    pub fn decimals_of_child(&self, id: ChildId) -> Option<(u32, u32)> {
        let child = self.children.get(id.0)?;
        Some(self.decimals(child.instrument()))
    }

    /// The decimals of an instrument's prices and quantities.
    pub(in crate::model) fn decimals(&self, instrument: InstrumentId) -> (u32, u32) {
        let def = self.reference.instruments.get(instrument.index());
        def.map_or((0, 0), |def| (u32::from(def.price_decimals), u32::from(def.qty_decimals)))
    }

    fn order_row(&self, order: &ModelOrder) -> OrderRow {
        let (price_decimals, qty_decimals) = self.decimals(order.instrument);
        let qty = |mantissa: i64| decimal(i128::from(mantissa), qty_decimals);
        let price =
            (order.price.0 != 0).then(|| decimal(i128::from(order.price.0), price_decimals));
        let average = (order.filled.0 > 0).then(|| {
            let scale = 10_i128.pow(AVERAGE_EXTRA_DECIMALS);
            let mantissa =
                order.filled_notional.0.saturating_mul(scale) / i128::from(order.filled.0);
            decimal(mantissa, price_decimals + AVERAGE_EXTRA_DECIMALS)
        });
        let is_at = |venue: &VenueId| {
            if order.is_over() {
                order.was_at.has(*venue)
            } else {
                order.open_at[venue.index()] > 0
            }
        };
        let venues = (0..VENUES_MAX).map(|at| VenueId(at as u8)).filter(is_at);
        OrderRow {
            id: order.id.0,
            trace_id: format!("{:016x}", order.trace),
            session: self.session_name(order.session).to_owned(),
            account: self.account_name(order.account).to_owned(),
            cl_ord_id: order.cl_ord_id.as_str().to_owned(),
            symbol: self.symbol_of(order.instrument).to_owned(),
            side: format!("{:?}", order.side),
            ord_type: format!("{:?}", order.ord_type),
            tif: format!("{:?}", order.tif),
            qty: qty(order.qty.0),
            price,
            filled: qty(order.filled.0),
            leaves: qty(order.leaves.0),
            avg_px: average,
            state: format!("{:?}", order.status),
            reason: (order.reason != Refusal::None).then(|| format!("{:?}", order.reason)),
            waiting: if order.is_over() { None } else { order.waiting.word() },
            venues: venues.map(|id| self.venue_name(id).to_owned()).collect(),
            unknown: u32::from(order.unknown),
            time_ns: order.taken.0,
            changed_ns: order.time.0,
        }
    }

    fn child_row(&self, child: &ModelChild) -> ChildRow {
        let (price_decimals, qty_decimals) = self.decimals(child.instrument());
        let (id, shared) = match child.role {
            ModelRole::Part { of, .. } => (of.0, true),
            ModelRole::Own | ModelRole::Shared(_) => (child.id.0, false),
        };
        ChildRow {
            id,
            shared,
            venue: self.venue_name(child.venue).to_owned(),
            side: format!("{:?}", child.side),
            qty: decimal(i128::from(child.qty.0), qty_decimals),
            price: decimal(i128::from(child.price.0), price_decimals),
            tif: format!("{:?}", child.tif),
            state: format!("{:?}", child.state),
            filled: decimal(i128::from(child.filled.0), qty_decimals),
            sent_ns: child.sent.0,
            venue_order: (!child.venue_order.is_empty()).then(|| child.venue_order.to_string()),
            reason: child.reason.map(|why| format!("{why:?}")),
        }
    }

    /// Whether an order is open; `None` if it is not known, or forgotten.
    pub fn is_open(&self, id: OrderId) -> Option<bool> {
        self.orders.get(id.0).map(|order| !order.is_over())
    }

    /// How many open orders a command that takes only what reduces would call back in a scope, as
    /// the core decides it: orders of other scopes first, then the others by their places in its
    /// table; an order that is being replaced may become any size.
    pub fn raising_in(&self, scope: Scope) -> u32 {
        let mut room = std::collections::BTreeMap::new();
        let mut open: Vec<(bool, &ModelOrder)> = self
            .open_down_from(self.newest.0)
            .filter_map(|id| self.orders.get(id))
            .map(|order| (self.reduces_in(scope, order), order))
            .collect();
        let is_last = |covered: bool, order: &ModelOrder| {
            covered && order.status != OrdStatus::PendingReplace
        };
        open.sort_unstable_by_key(|(covered, order)| {
            (is_last(*covered, order), order.id.0 & (self.orders.size() - 1))
        });
        let mut raising = 0;
        for (covered, order) in open {
            let key = (order.account, order.instrument, order.side == Side::Buy);
            let left = room
                .entry(key)
                .or_insert_with(|| self.reducible(order.account, order.instrument, order.side));
            let needed = match order.status {
                OrdStatus::PendingReplace => i128::from(i64::MAX),
                _ => i128::from(order.leaves.0),
            };
            raising += u32::from(covered && *left < needed);
            *left -= needed;
        }
        raising
    }

    fn reduces_in(&self, scope: Scope, order: &ModelOrder) -> bool {
        let all = [
            Scope::All,
            Scope::Instrument(order.instrument),
            Scope::Session(order.session),
            Scope::Account(order.account),
        ];
        all.iter().any(|covers| *covers == scope || self.reduce_only.contains(covers))
    }
}
