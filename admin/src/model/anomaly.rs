//! Events that should not occur, by kind.
//!
//! A line belongs here if it says which of the core's notices is such an event, or names its kind.
//! Counts, metrics, log, alerts and the list of what is wrong use these words.

use rutter_core::id::{ChildId, InstrumentId, OrderId, VenueId};
use rutter_core::number::{Price, Qty};
use rutter_core::output::Notice;

use super::ReadModel;
use super::number::decimal;

/// A kind of event that should not occur.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anomaly {
    /// A fill for an order that is over or unknown, or more filled than ordered.
    OddFill,
    /// An event that a child's state does not allow.
    IllegalEvent,
    /// A child that was over was found open at its venue.
    FoundAfterEnd,
    /// A venue does not cancel an order that has to end.
    CancelStuck,
    /// A definition that contradicts the known ones.
    BadReference,
    /// An execution came after an operator had stated it; the statement stays booked.
    Reconciled,
    /// A venue tells another filled quantity than the one that is booked by an operator's word.
    Contradicted,
}

impl Anomaly {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::OddFill,
        Self::IllegalEvent,
        Self::FoundAfterEnd,
        Self::CancelStuck,
        Self::BadReference,
        Self::Reconciled,
        Self::Contradicted,
    ];

    /// The kind of a notice; `None` for what may occur at any time.
    pub const fn of(notice: &Notice) -> Option<Self> {
        Some(match notice {
            Notice::OrphanFill(_) | Notice::Overfill(..) => Self::OddFill,
            Notice::IllegalEvent(..) => Self::IllegalEvent,
            Notice::FoundAfterEnd(..) => Self::FoundAfterEnd,
            Notice::CancelStuck(_) => Self::CancelStuck,
            Notice::BadReference => Self::BadReference,
            Notice::Reconciled(..) => Self::Reconciled,
            Notice::Contradicted(..) => Self::Contradicted,
            Notice::VenueUp(_)
            | Notice::VenueDown(_)
            | Notice::BookDistrusted(..)
            | Notice::BookTrusted(..)
            | Notice::ReferenceFound(_)
            | Notice::ReferenceLost(_)
            | Notice::ChildAccepted(..)
            | Notice::VenueOrder(..)
            | Notice::Shares(..)
            | Notice::ChildEnded(..)
            | Notice::ChildUnknown(..)
            | Notice::ChildResolved(..)
            | Notice::ChildRejected(..)
            | Notice::ChildAmended(..)
            | Notice::AmendRejected(..)
            | Notice::CalledBack(..)
            | Notice::Waits(..)
            | Notice::Balance(..)
            | Notice::Breaker(..)
            | Notice::Paused(..)
            | Notice::Barred(..)
            | Notice::Behaviour(..)
            | Notice::Fees(..)
            | Notice::FeeValue(..)
            | Notice::Bridged(..)
            | Notice::Converted(..)
            | Notice::Exposure(_)
            | Notice::Halted
            | Notice::Resumed => return None,
        })
    }

    /// The word of metrics, log and screens.
    pub const fn word(self) -> &'static str {
        match self {
            Self::OddFill => "odd_fill",
            Self::IllegalEvent => "illegal_event",
            Self::FoundAfterEnd => "found_after_end",
            Self::CancelStuck => "cancel_stuck",
            Self::BadReference => "bad_reference",
            Self::Reconciled => "reconciled",
            Self::Contradicted => "contradicted",
        }
    }
}

/// How often each kind occurred.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnomalyCounts([u64; Anomaly::ALL.len()]);

impl AnomalyCounts {
    pub fn count(&mut self, kind: Anomaly) {
        self.0[kind as usize] += 1;
    }

    pub const fn of(&self, kind: Anomaly) -> u64 {
        self.0[kind as usize]
    }
}

/// An event that should not occur, in names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnomalyRow {
    /// The word of its kind.
    pub kind: &'static str,
    /// The venue's name; `None` if the event concerns no single venue.
    pub venue: Option<String>,
    /// The order; `None` if it is not known, or forgotten.
    pub order: Option<u64>,
    /// The order's trace; `None` without an order.
    pub trace: Option<u64>,
    /// The child; `None` if the event concerns the order itself.
    pub child: Option<u64>,
    /// Quantities and prices, in words.
    pub text: String,
}

impl ReadModel {
    /// What a notice tells, if it should not occur. For a notice that was just applied.
    pub fn anomaly(&self, notice: &Notice) -> Option<AnomalyRow> {
        let kind = Anomaly::of(notice)?;
        let (order, at, text) = match *notice {
            Notice::OrphanFill(fill) => {
                let terms = self.terms(fill.instrument, fill.qty, fill.price);
                (
                    None,
                    Some((fill.venue, fill.child)),
                    format!("filled {terms}: booked to no order"),
                )
            }
            Notice::Overfill(_, fill, beyond) => {
                let terms = self.terms(fill.instrument, fill.qty, fill.price);
                let beyond = self.qty_text(fill.instrument, beyond);
                let text = format!("filled {terms}, of which {beyond} beyond the order");
                (None, Some((fill.venue, fill.child)), text)
            }
            Notice::Reconciled(fill, same, stated) => {
                let told = self.terms(fill.instrument, same, fill.price);
                let stated = self.terms(fill.instrument, same, stated);
                let text = format!("filled {told}: stays booked as stated, {stated}, without fee");
                (None, Some((fill.venue, fill.child)), text)
            }
            Notice::Contradicted(child, filled) => {
                let booked = self.children.get(child.child.0).map_or(Qty::ZERO, |one| one.filled);
                let [told, booked] =
                    [filled, booked].map(|qty| self.qty_text(child.instrument, qty));
                let text = format!("the venue tells {told} filled in all, booked are {booked}");
                (Some(child.order), Some((child.venue, child.child)), text)
            }
            Notice::FoundAfterEnd(venue, child) => {
                (None, Some((venue, child)), "found open, a cancel is sent".to_owned())
            }
            Notice::IllegalEvent(venue, child) => {
                let text = "news of no child, or that its state does not allow".to_owned();
                (None, Some((venue, child)), text)
            }
            Notice::CancelStuck(order) => {
                (Some(order), None, "a venue does not cancel the order".to_owned())
            }
            _ => (None, None, "a definition contradicts the known ones".to_owned()),
        };
        let child = at.and_then(|(_, child)| self.children.get(child.0));
        let order = order.or(child.map(|child| child.order));
        let trace = order.and_then(|order| self.orders.get(order.0)).map(|order| order.trace);
        Some(AnomalyRow {
            kind: kind.word(),
            venue: at.map(|(venue, _): (VenueId, _)| self.venue_name(venue).to_owned()),
            order: order.map(|order: OrderId| order.0),
            trace,
            child: at.map(|(_, child): (_, ChildId)| child.0),
            text,
        })
    }

    fn qty_text(&self, instrument: InstrumentId, qty: Qty) -> String {
        decimal(i128::from(qty.0), self.decimals(instrument).1)
    }

    fn terms(&self, instrument: InstrumentId, qty: Qty, price: Price) -> String {
        let price = decimal(i128::from(price.0), self.decimals(instrument).0);
        format!("{} @ {price}", self.qty_text(instrument, qty))
    }
}
