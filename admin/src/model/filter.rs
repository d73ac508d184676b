//! Which orders an answer lists.
//!
//! A line belongs here if it decides whether one order matches. Walking over the orders is
//! `query::orders`.

use rutter_core::id::{AccountId, InstrumentId, SessionId, VenueId};
use rutter_core::output::OrdStatus;

use super::slots::{ModelOrder, is_over, is_pending};

/// Most rows of an answer.
pub const ROWS_MAX: usize = 1_000;

/// Most orders that one answer reads, which takes a fraction of a millisecond. The answer says
/// where the next one goes on.
pub const ORDERS_READ_MAX: usize = 1 << 13;

/// Which orders are listed, by their state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StateFilter {
    /// Orders that are not over.
    #[default]
    Open,
    /// Orders that are over.
    Over,
    /// All orders.
    All,
    /// Orders that are being cancelled or replaced.
    Pending,
    /// Orders with a child whose outcome at its venue is unknown.
    Unknown,
    /// Orders in exactly this state.
    Is(OrdStatus),
}

impl StateFilter {
    /// Reads the name of a group, or the name of a state in upper or lower case.
    pub fn parse(word: &str) -> Option<Self> {
        const STATES: [OrdStatus; 9] = [
            OrdStatus::New,
            OrdStatus::PartiallyFilled,
            OrdStatus::Filled,
            OrdStatus::Canceled,
            OrdStatus::PendingCancel,
            OrdStatus::Rejected,
            OrdStatus::PendingNew,
            OrdStatus::Expired,
            OrdStatus::PendingReplace,
        ];
        Some(match word {
            "open" => Self::Open,
            "over" => Self::Over,
            "all" => Self::All,
            "pending" => Self::Pending,
            "unknown" => Self::Unknown,
            word => {
                let is = |state: &&OrdStatus| format!("{state:?}").eq_ignore_ascii_case(word);
                Self::Is(*STATES.iter().find(is)?)
            }
        })
    }

    pub(super) fn has(self, order: &ModelOrder) -> bool {
        match self {
            Self::Open => !order.is_over(),
            Self::Over => order.is_over(),
            Self::All => true,
            Self::Pending => is_pending(order.status),
            Self::Unknown => order.unknown > 0,
            Self::Is(status) => order.status == status,
        }
    }

    /// Whether only open orders can match. An order that is over has no child of unknown outcome.
    pub(super) const fn is_of_open(self) -> bool {
        match self {
            Self::Open | Self::Pending | Self::Unknown => true,
            Self::Over | Self::All => false,
            Self::Is(status) => !is_over(status),
        }
    }
}

/// Which orders are listed. `None` does not restrict.
#[derive(Clone, Copy, Debug, Default)]
pub struct OrderFilter {
    /// Orders of this client session.
    pub session: Option<SessionId>,
    /// Orders of this account.
    pub account: Option<AccountId>,
    /// Orders with an open child at this venue.
    pub venue: Option<VenueId>,
    /// Orders in this instrument.
    pub instrument: Option<InstrumentId>,
    /// Orders in these states.
    pub state: StateFilter,
    /// Orders older than the order of this id.
    pub before: Option<u64>,
    /// Most rows: 1 to [`ROWS_MAX`]; zero stands for that.
    pub limit: usize,
}

impl OrderFilter {
    pub(super) fn has(&self, order: &ModelOrder) -> bool {
        let at = |venue: VenueId| order.open_at.get(venue.index()).is_some_and(|open| *open > 0);
        self.state.has(order)
            && self.session.is_none_or(|session| session == order.session)
            && self.account.is_none_or(|account| account == order.account)
            && self.instrument.is_none_or(|instrument| instrument == order.instrument)
            && self.venue.is_none_or(at)
    }
}
