//! What a venue's error answers mean: the classes, and how a table of answers is searched.
//!
//! A line belongs here if it is true of every venue. The table of a venue's answers is in its
//! folder; what the core makes of a refusal is `rutter_core::engine::breakers`.

use rutter_core::input::VenueReject;
use rutter_transport::standing::Why;

/// The class of an answer. The class says whether an order was placed, and what is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Of several answers to one request, the one that stands last here counts.
    ///
    /// Information, or nothing that an adapter of ours asks for.
    Other,
    /// This order is refused, at this price or time.
    RefusedOrder,
    /// The order is against the venue's filters, or malformed: it never passes.
    RefusedStructural,
    /// The venue does not know the order that a cancel or a query is about.
    UnknownOrder,
    /// An order with this id exists.
    DuplicateId,
    /// Too little of an asset is free at the venue.
    InsufficientFunds,
    /// The instrument cannot be traded, by this account or at all.
    ListingClosed,
    /// The venue wants fewer requests, or fewer open orders.
    RateLimit,
    /// The venue, or one action of it, is closed.
    VenueClosed,
    /// The key, the signature, the clock, a permission, or the connection is at fault.
    Session,
    /// The venue does not say whether the order was placed.
    OutcomeUnknown,
}

impl Class {
    /// The class in one word, which documents and tables share.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Other => "other",
            Self::RefusedOrder => "refused-order-certain",
            Self::RefusedStructural => "refused-structural",
            Self::UnknownOrder => "unknown-order",
            Self::DuplicateId => "duplicate-id",
            Self::InsufficientFunds => "insufficient-funds",
            Self::ListingClosed => "listing-closed",
            Self::RateLimit => "rate-limit",
            Self::VenueClosed => "venue-closed",
            Self::Session => "session",
            Self::OutcomeUnknown => "outcome-unknown",
        }
    }

    /// What an answer of the class says of a new order.
    const fn of_new(self) -> Verdict {
        match self {
            Self::RefusedOrder => Verdict::Refused(VenueReject::Other),
            Self::RefusedStructural => Verdict::Refused(VenueReject::Filter),
            Self::InsufficientFunds => Verdict::Refused(VenueReject::InsufficientFunds),
            Self::ListingClosed => Verdict::Refused(VenueReject::MarketClosed),
            Self::RateLimit => Verdict::Refused(VenueReject::RateLimit),
            Self::Session => Verdict::Session,
            // An order with this id may live, or the words are about something else.
            Self::DuplicateId
            | Self::UnknownOrder
            | Self::VenueClosed
            | Self::OutcomeUnknown
            | Self::Other => Verdict::Unsure,
        }
    }
}

/// What an answer says of a new order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The venue refused it.
    Refused(VenueReject),
    /// The venue may have done what was asked, so it must be asked by id.
    Unsure,
    /// The venue refused it because it does not accept our session or key, and it will refuse
    /// everything else: the session ends.
    Session,
}

/// The codes of a row. A venue without codes has texts alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Whatever the code is.
    Any,
    /// This code.
    Is(i64),
    /// One of these codes.
    Among(&'static [i64]),
    /// A code from the first to the last.
    Span(i64, i64),
}

impl Code {
    fn has(self, code: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Is(one) => code == one,
            Self::Among(some) => some.contains(&code),
            Self::Span(first, last) => (first..=last).contains(&code),
        }
    }
}

/// The texts of a row. Letter case does not count, nor does a space after a colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// Whatever the text is.
    Anything,
    /// The text begins so.
    Begins(&'static str),
    /// The text has these words somewhere.
    Has(&'static str),
    /// The text begins so and has these words behind.
    Both(&'static str, &'static str),
}

impl Says {
    fn is_said_by(self, text: &str) -> bool {
        match self {
            Self::Anything => true,
            Self::Begins(words) => begins(text, words),
            Self::Has(words) => has(text, words),
            Self::Both(first, then) => begins(text, first) && has(text, then),
        }
    }
}

fn begins(text: &str, words: &str) -> bool {
    let mut said = letters(text);
    letters(words).all(|letter| said.next() == Some(letter))
}

fn has(text: &str, words: &str) -> bool {
    text.char_indices().any(|(at, _)| begins(text.get(at..).unwrap_or_default(), words))
}

/// The letters that count.
fn letters(text: &str) -> impl Iterator<Item = char> {
    let mut last = ' ';
    let counts = move |letter: &char| {
        let is_filler = *letter == ' ' && last == ':';
        last = *letter;
        !is_filler
    };
    text.chars().filter(counts).map(|letter| letter.to_ascii_lowercase())
}

/// What the answers of a row say of a new order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// As the class has it.
    ByClass,
    /// The order is refused for this reason.
    Refused(VenueReject),
    /// Nothing.
    Unsure,
}

/// A row of a venue's table.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The codes.
    pub code: Code,
    /// The texts.
    pub says: Says,
    /// The class.
    pub class: Class,
    order: Order,
    why: Option<Why>,
}

/// A row whose answers say what their class says.
pub const fn row(code: Code, says: Says, class: Class) -> Row {
    let why = match class {
        Class::RateLimit => Some(Why::RestPaced),
        Class::VenueClosed => Some(Why::VenueClosed),
        Class::ListingClosed => Some(Why::UnlistedSymbol),
        Class::Session => Some(Why::NoPermission),
        Class::Other
        | Class::RefusedOrder
        | Class::RefusedStructural
        | Class::UnknownOrder
        | Class::DuplicateId
        | Class::InsufficientFunds
        | Class::OutcomeUnknown => None,
    };
    Row { code, says, class, order: Order::ByClass, why }
}

impl Row {
    /// The refusal has this reason.
    #[must_use]
    pub const fn of(mut self, reason: VenueReject) -> Self {
        self.order = Order::Refused(reason);
        self
    }

    /// The answer leaves it open whether an order was placed, whatever the class says of a query.
    #[must_use]
    pub const fn unsure(mut self) -> Self {
        self.order = Order::Unsure;
        self
    }

    /// The answer says this of our session, our key or our pace.
    #[must_use]
    pub const fn why(mut self, why: Why) -> Self {
        self.why = Some(why);
        self
    }

    /// What the answer says of a new order.
    pub const fn verdict(&self) -> Verdict {
        match self.order {
            Order::ByClass => self.class.of_new(),
            Order::Refused(reason) => Verdict::Refused(reason),
            Order::Unsure => Verdict::Unsure,
        }
    }
}

/// What a row says of our session, our key or our pace; `None` if it is about anything else.
pub fn why(row: Option<&Row>) -> Option<Why> {
    row.and_then(|row| row.why)
}

/// The first row of a table that fits an answer; `None` for an answer that no document lists.
pub fn find<'a>(table: &'a [Row], code: i64, text: &str) -> Option<&'a Row> {
    table.iter().find(|row| row.code.has(code) && row.says.is_said_by(text))
}

/// The class of an answer. An answer that no document lists says nothing about an order.
pub fn class(row: Option<&Row>) -> Class {
    row.map_or(Class::OutcomeUnknown, |row| row.class)
}

/// What an answer says of a new order.
pub fn of_new(row: Option<&Row>) -> Verdict {
    row.map_or(Verdict::Unsure, Row::verdict)
}

/// What an answer says of a cancel. The core asks for the order after each refusal, so a refusal is
/// never taken for the end of the order.
pub fn of_cancel(row: Option<&Row>) -> Verdict {
    match row {
        Some(row) if row.class == Class::UnknownOrder => {
            Verdict::Refused(VenueReject::UnknownOrder)
        }
        row => of_new(row),
    }
}

#[cfg(test)]
#[path = "answers_tests.rs"]
mod tests;

#[cfg(test)]
pub(crate) use tests::published;
