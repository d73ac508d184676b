//! The order that an operator names, by any of its ids.
//!
//! A line belongs here if it finds an order for a verb, or says why there is none.

use rutter_core::id::OrderId;
use serde_json::{Value, json};

use super::super::frame::{Code, Failure};
use super::super::verb::OrderArg;
use super::{ConsoleService, unknown_order};
use crate::model::{Named, OrderName, ROWS_MAX, order_id};

/// Most orders that the message of an ambiguous name lists.
const SHOWN_MAX: usize = 8;

impl ConsoleService {
    /// The one order that an argument names. A number on the wire is ours; a text is any id.
    ///
    /// # Errors
    /// [`Code::UnknownOrder`], [`Code::AmbiguousOrder`].
    pub(super) fn order_named(&self, name: &OrderArg) -> Result<OrderId, Failure> {
        let text = match name {
            OrderArg::Number(number) => return Ok(OrderId(*number)),
            OrderArg::Text(text) => text,
        };
        match self.orders_named(text).as_slice() {
            [] => Err(unknown_order(text)),
            [one] => Ok(one.order),
            several => Err(self.ambiguous(text, several)),
        }
    }

    /// All orders that a text names, newest first, each with the first kind of id that it has.
    pub(super) fn orders_named(&self, text: &str) -> Vec<Named> {
        let about = &self.node.about;
        let child_of = |tag, id: &[u8]| about.child_of.and_then(|of| of(tag, id));
        let name = OrderName::new(text, about.node_tag, child_of);
        let _one_at_a_time = self.long_look();
        let (mut found, mut from) = (Vec::new(), Some(0));
        // The model is let go between two parts, so that its own thread does not wait for long.
        while let Some(at) = from {
            from = self.node.model().named(&name, at, &mut found);
        }
        found.sort_unstable_by_key(|named| (std::cmp::Reverse(named.order), named.by));
        found.dedup_by_key(|named| named.order);
        found
    }

    /// A name of several orders. Each is listed by a name that no other order has.
    fn ambiguous(&self, text: &str, found: &[Named]) -> Failure {
        let tag = self.node.about.node_tag;
        let model = self.node.model();
        let shown = found.iter().take(SHOWN_MAX).map(|named| {
            let (id, by) = (order_id(tag, named.order.0), named.by.help());
            let row = model.order(named.order).map(|detail| detail.order);
            let owner = row.map_or_else(String::new, |row| {
                format!("; session {}, client's id {}", row.session, row.cl_ord_id)
            });
            format!("{id} (found by {by}{owner})")
        });
        let mut words: Vec<String> = shown.collect();
        if found.len() > SHOWN_MAX {
            words.push(format!("{} more", found.len() - SHOWN_MAX));
        }
        let count = found.len();
        let words = words.join(", ");
        let message = format!("{text} names {count} orders, type one of these ids: {words}");
        let matches = found.iter().take(ROWS_MAX).map(|named| {
            let row = model.order(named.order).map(|detail| detail.order);
            let of = |part: fn(&crate::model::OrderRow) -> &String| row.as_ref().map(part);
            json!({
                "id": named.order.0, "order_id": order_id(tag, named.order.0),
                "by": named.by.word(), "session": of(|row| &row.session),
                "cl_ord_id": of(|row| &row.cl_ord_id), "state": of(|row| &row.state),
            })
        });
        let matches: Vec<Value> = matches.collect();
        drop(model);
        Failure::new(Code::AmbiguousOrder, message).with("matches", matches)
    }
}
