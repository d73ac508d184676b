//! Names of orders: every id by which a person may ask for an order.
//!
//! A line belongs here if it decides whether a text names an order. Where orders are looked for is
//! the caller's business: the read model (`query::orders`), or a replay of a journal.
//!
//! A text may be an id of several kinds at once, and then of several orders: clients and venues
//! choose their ids without each other. Nobody guesses then: the caller refuses the text.

use rutter_core::id::{ChildId, OrderId};

/// Separates an id from the name of the session or venue that it belongs to.
const OWNER_END: char = '/';

/// The kind of id by which an order was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NamedBy {
    /// Our number, alone or as `OrderID` (37).
    Number,
    /// The client's id, `ClOrdID` (11).
    Client,
    /// The venue's own id of a child.
    Venue,
    /// Our id of a child, as the venue was given it, or as clients see it.
    Child,
}

impl NamedBy {
    /// The word for it in answers.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Client => "client",
            Self::Venue => "venue",
            Self::Child => "child",
        }
    }

    /// The kind in a sentence.
    pub const fn help(self) -> &'static str {
        match self {
            Self::Number => "our number",
            Self::Client => "a client's id",
            Self::Venue => "a venue's id",
            Self::Child => "our id of a child",
        }
    }
}

/// An order that a text names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// The order.
    pub order: OrderId,
    /// The kind of the id.
    pub by: NamedBy,
}

/// A text that names orders, with every meaning that it may have.
#[derive(Clone, Copy, Debug)]
pub struct OrderName<'a> {
    text: &'a str,
    number: Option<OrderId>,
    /// The child, and the name of the venue if the text has one.
    child: Option<(ChildId, Option<&'a str>)>,
}

impl<'a> OrderName<'a> {
    /// Reads a text, for the journal with that tag. `child_of` reads the id that a venue was given.
    pub fn new(
        text: &'a str,
        node_tag: u32,
        child_of: impl Fn(u32, &[u8]) -> Option<ChildId>,
    ) -> Self {
        let digits = text.strip_prefix(&order_id(node_tag, "")).unwrap_or(text);
        let child = |text: &str| {
            let digits = text.strip_prefix(&child_id(node_tag, ""));
            digits.map_or_else(
                || child_of(node_tag, text.as_bytes()),
                |digits| plain_number(digits).map(ChildId),
            )
        };
        let alone = child(text).map(|id| (id, None));
        let of_venue = || {
            let (venue, id) = text.split_once(OWNER_END)?;
            child(id).map(|id| (id, Some(venue)))
        };
        Self { text, number: plain_number(digits).map(OrderId), child: alone.or_else(of_venue) }
    }

    /// The text.
    pub const fn text(&self) -> &'a str {
        self.text
    }

    /// The order whose number it is.
    pub const fn number(&self) -> Option<OrderId> {
        self.number
    }

    /// The child whose id it is, if that child is at the venue that the text names.
    pub fn child(&self) -> Option<ChildId> {
        self.child.map(|(child, _)| child)
    }

    /// Whether the child may be at that venue.
    pub fn is_child_at(&self, venue: &str) -> bool {
        self.child.is_some_and(|(_, named)| named.is_none_or(|named| named == venue))
    }

    /// Whether it is that id of that session's client.
    pub fn is_of_client(&self, session: &str, cl_ord_id: &str) -> bool {
        self.is_of(session, cl_ord_id)
    }

    /// Whether it is that id of that venue.
    pub fn is_of_venue(&self, venue: &str, id: &str) -> bool {
        self.is_of(venue, id)
    }

    /// The id alone, or behind its owner.
    fn is_of(&self, owner: &str, id: &str) -> bool {
        let behind = |text: &'a str| text.strip_prefix(owner)?.strip_prefix(OWNER_END);
        !id.is_empty() && (self.text == id || behind(self.text) == Some(id))
    }
}

/// A number without sign or leading zeros.
fn plain_number(digits: &str) -> Option<u64> {
    digits.parse().ok().filter(|number: &u64| number.to_string() == digits)
}

/// The id of a child as clients see it in `SecondaryClOrdID` (526).
fn child_id(node_tag: u32, number: impl std::fmt::Display) -> String {
    order_id(node_tag, format_args!("c{number}"))
}

/// The id of an order as clients see it in `OrderID` (37): unique over all nodes.
pub fn order_id(node_tag: u32, number: impl std::fmt::Display) -> String {
    format!("{node_tag:08x}-{number}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> OrderName<'_> {
        OrderName::new(text, 0xab, |tag, id| {
            let child = std::str::from_utf8(id).ok()?.strip_prefix(&format!("v{tag}-"))?;
            child.parse().ok().map(ChildId)
        })
    }

    #[test]
    fn a_number_is_ours_alone_and_behind_our_tag_and_in_no_other_form() {
        for (text, number) in [
            ("17", Some(17)),
            ("000000ab-17", Some(17)),
            ("000000ac-17", None),
            ("017", None),
            ("+17", None),
            ("-17", None),
            ("", None),
            ("18446744073709551616", None),
        ] {
            assert_eq!(name(text).number(), number.map(OrderId), "{text}");
        }
        assert_eq!(name(&order_id(0xab, 5)).number(), Some(OrderId(5)));
    }

    #[test]
    fn an_id_is_found_alone_and_behind_the_name_of_its_owner() {
        for text in ["A/1", "DESK1/A/1"] {
            assert!(name(text).is_of_client("DESK1", "A/1"), "{text}");
            assert!(name(text).is_of_venue("DESK1", "A/1"), "{text}");
        }
        for text in ["DESK2/A/1", "DESK1A/1", "1", "/A/1", "DESK1/"] {
            assert!(!name(text).is_of_client("DESK1", "A/1"), "{text}");
        }
        assert!(!name("").is_of_venue("K", ""), "a venue has told no id");
    }

    #[test]
    fn a_clients_id_of_a_child_is_that_childs_and_no_orders() {
        for (text, child) in [
            ("000000ab-c9", Some(9)),
            ("KRAKEN/000000ab-c9", Some(9)),
            ("000000ab-c09", None),
            ("000000ab-c", None),
            ("000000ac-c9", None),
            ("000000ab-9", None),
        ] {
            assert_eq!(name(text).child(), child.map(ChildId), "{text}");
        }
        assert_eq!(name("000000ab-c9").number(), None);
    }

    #[test]
    fn our_id_at_a_venue_is_a_childs_and_the_venue_may_stand_before_it() {
        assert_eq!(name("v171-9").child(), Some(ChildId(9)));
        assert!(name("v171-9").is_child_at("KRAKEN"));
        assert_eq!(name("KRAKEN/v171-9").child(), Some(ChildId(9)));
        assert!(name("KRAKEN/v171-9").is_child_at("KRAKEN"));
        assert!(!name("BINANCE/v171-9").is_child_at("KRAKEN"));
        assert_eq!(name("v172-9").child(), None);
    }
}
