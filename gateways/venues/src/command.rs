//! Commands of the core for a venue's order entry.
//!
//! A line belongs here if it turns an output of the core into a command for one venue.

use rutter_core::id::VenueId;
use rutter_core::output::{ChildRef, Output, SendNew, SendReduce};

/// A command for a venue's order entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VenueCommand {
    /// Sends a new child.
    New(SendNew),
    /// Cancels a child.
    Cancel(ChildRef),
    /// Reduces a child in its place.
    Reduce(SendReduce),
    /// Asks the venue what became of a child.
    Query(ChildRef),
    /// Asks the venue for its balances.
    AskBalances(VenueId),
}

impl VenueCommand {
    /// The command that an output means for `venue`. `None` when the output is for somebody else.
    pub fn from_output(output: &Output, venue: VenueId) -> Option<Self> {
        let command = match output {
            Output::SendNew(new) => Self::New(*new),
            Output::SendCancel(child) => Self::Cancel(*child),
            Output::SendReduce(reduce) => Self::Reduce(*reduce),
            Output::Query(child) => Self::Query(*child),
            Output::AskBalances(venue) => Self::AskBalances(*venue),
            Output::Report(_)
            | Output::CancelReject(_)
            | Output::MassCancelReport(_)
            | Output::Command(..)
            | Output::Operator(_)
            | Output::Preview(..)
            | Output::ClientPreview(_)
            | Output::Notice(_) => return None,
        };
        (command.venue() == venue).then_some(command)
    }

    /// The venue that the command is for.
    pub const fn venue(&self) -> VenueId {
        match self {
            Self::New(new) => new.venue,
            Self::Cancel(child) | Self::Query(child) => child.venue,
            Self::Reduce(reduce) => reduce.of.venue,
            Self::AskBalances(venue) => *venue,
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
        let ask = Output::AskBalances(VenueId(2));
        let asked = VenueCommand::AskBalances(VenueId(2));
        assert_eq!(VenueCommand::from_output(&ask, VenueId(2)), Some(asked));
        assert_eq!(VenueCommand::from_output(&ask, VenueId(1)), None);
        assert_eq!(VenueCommand::from_output(&Output::Notice(Notice::Halted), VenueId(2)), None);
    }
}
