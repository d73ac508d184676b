//! What a venue's answers say of one order: its state, and its executions.
//!
//! A line belongs here if it is a fact about one order at a venue, in the core's terms.

use rutter_core::id::{AssetId, ChildId, ExecId, InstrumentId, VenueId, VenueOrderId};
use rutter_core::input::{ChildFill, Fate, Liquidity, Side};
use rutter_core::number::{Amount, Price, Qty};

/// The state of an order at the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OrderState {
    /// The venue's id of the order; empty if the order never arrived.
    pub order: VenueOrderId,
    /// The order is open, or this is how it ended.
    pub fate: Fate,
    /// Quantity filled in all; not negative.
    pub filled: Qty,
    /// Quantity in all, filled and open; zero if the venue has not told it, or the core knows it.
    pub qty: Qty,
}

/// One execution of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trade {
    /// The venue's id of the execution.
    pub exec: ExecId,
    /// Buy or sell.
    pub side: Side,
    /// Quantity; above zero.
    pub qty: Qty,
    /// Price; above zero.
    pub price: Price,
    /// Fee; negative is a rebate.
    pub fee: Amount,
    /// The asset of the fee.
    pub fee_asset: AssetId,
    /// False: the fee is in an asset that is not listed here, and is told as zero.
    pub is_fee_known: bool,
    /// Whether the order rested or took.
    pub liquidity: Liquidity,
}

impl Trade {
    pub(super) const fn fill(
        &self,
        venue: VenueId,
        child: ChildId,
        instrument: InstrumentId,
    ) -> ChildFill {
        ChildFill {
            venue,
            child,
            instrument,
            side: self.side,
            exec: self.exec,
            qty: self.qty,
            price: self.price,
            fee: self.fee,
            fee_asset: self.fee_asset,
            liquidity: self.liquidity,
        }
    }
}
