//! Venues: order entry, private reports and market data, one folder a venue.
//!
//! A line belongs in this crate if it tells a venue what the core decided, or tells the core what
//! a venue said. A venue's dialect is in its own folder; pieces that venues share are beside the
//! folders. Sockets are `rutter-transport`; books are `rutter-feeds`; a decision about an order is
//! `rutter-core`.

pub mod backoff;
pub mod binance;
pub mod decimal;
pub mod ids;
pub mod json;
pub mod kraken;
pub mod level_decimal;
pub mod listing;
pub mod signing;

use rutter_core::id::VenueId;
use rutter_core::output::{ChildRef, Output, SendNew};

/// What the core orders a venue adapter to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VenueCommand {
    /// Send a new child.
    New(SendNew),
    /// Cancel a child.
    Cancel(ChildRef),
    /// Find out what became of a child.
    Query(ChildRef),
}

impl VenueCommand {
    /// The command that an output means for one venue; `None` when it is for somebody else.
    pub fn from_output(output: &Output, venue: VenueId) -> Option<Self> {
        let command = match output {
            Output::SendNew(new) => Self::New(*new),
            Output::SendCancel(child) => Self::Cancel(*child),
            Output::Query(child) => Self::Query(*child),
            Output::Report(_)
            | Output::CancelReject(_)
            | Output::MassCancelReport(_)
            | Output::Command(..)
            | Output::Operator(_)
            | Output::Notice(_) => return None,
        };
        (command.venue() == venue).then_some(command)
    }

    /// The venue that it is for.
    pub const fn venue(&self) -> VenueId {
        match self {
            Self::New(new) => new.venue,
            Self::Cancel(child) | Self::Query(child) => child.venue,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rutter_core::id::{ChildId, InstrumentId, OrderId};
    use rutter_core::output::Notice;

    #[test]
    fn only_what_is_for_the_venue_becomes_its_command() {
        let child = ChildRef {
            venue: VenueId(2),
            child: ChildId(7),
            order: OrderId(1),
            trace: 1,
            instrument: InstrumentId(1),
        };
        let output = Output::SendCancel(child);
        assert_eq!(
            VenueCommand::from_output(&output, VenueId(2)),
            Some(VenueCommand::Cancel(child))
        );
        assert_eq!(VenueCommand::from_output(&output, VenueId(3)), None);
        assert_eq!(VenueCommand::from_output(&Output::Notice(Notice::Halted), VenueId(2)), None);
    }
}
