//! Things that an operator should know, each beside what the digest takes of it.
//!
//! A line belongs here if it is told to the read model and to nobody else.

use super::ChildRef;
use crate::behaviour::Measured;
use crate::breaker::{BreakerState, RequestKind};
use crate::bridge::Exposure;
use crate::hash::Rolling;
use crate::id::{
    AccountId, AssetId, ChildId, ExecId, InstrumentId, OrderId, VenueId, VenueOrderId,
};
use crate::input::{ChildFill, Distrust, Refusal, VenueReject};
use crate::number::{Amount, Price, Qty, UnixNanos};
use crate::waiting::Waiting;

/// How a child came to an end other than by its last fill.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ChildEnd {
    /// Cancelled at the venue.
    Canceled = 1,
    /// Expired at the venue.
    Expired = 2,
    /// Refused by the venue, or never arrived there.
    Rejected = 3,
    /// Resolved by an operator.
    Resolved = 4,
    /// Ended by the venue, because it would have matched another order of our account.
    SelfMatched = 5,
}

/// What is not used at a venue for a time, because the venue said so or its limits have no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Paused {
    /// New orders: the venue's rate limit is exceeded, or its sender could not send an order.
    NewOrders,
    /// Cancels: the venue has named a time before which it wants none.
    Cancels,
    /// Some cancel waits until the venue's limits have room for its points. A cancel that weighs
    /// less may go before.
    CancelBudget,
    /// One instrument: its market is closed.
    Listing(InstrumentId),
    /// New orders of one instrument that are to rest: the venue has as many as it takes. Each one
    /// that ends there lets one go.
    OpenOrders(InstrumentId),
    /// The funds in one asset, after a refusal for want of funds. They also wait for the venue's
    /// next balance.
    Funds(AssetId),
}

/// What a venue's fees depend on, as it is now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeeState {
    /// Place of the tier that holds; zero without tiers.
    pub tier: u8,
    /// The fees are taken in the venue's token, at its discount.
    pub in_token: bool,
    /// What was traded there in 30 days, in the asset of the schedule.
    pub volume: Amount,
    /// Executions whose value in that asset was not known; they are not in the volume.
    pub not_counted: u64,
}

/// What an account of ours hands over to a client's account after an execution at a bridge
/// instrument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handover {
    /// The client's order.
    pub order: OrderId,
    /// The client's account.
    pub account: AccountId,
    /// The order's instrument.
    pub instrument: InstrumentId,
    /// Quantity.
    pub qty: Qty,
    /// Net price: with the fee at the venue and the conversion.
    pub price: Price,
    /// The part of the fee that the client bears beside the price, in the fee's asset.
    pub fee: Amount,
}

/// Event for the read model, the log and operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A venue is up.
    VenueUp(VenueId),
    /// A venue is down.
    VenueDown(VenueId),
    /// A book is not trusted.
    BookDistrusted(VenueId, InstrumentId, Distrust),
    /// A book is trusted again.
    BookTrusted(VenueId, InstrumentId),
    /// There is a reference price of the instrument again.
    ReferenceFound(InstrumentId),
    /// There is no reference price of the instrument.
    ReferenceLost(InstrumentId),
    /// A venue has accepted a child.
    ChildAccepted(VenueId, ChildId),
    /// A venue has told its own id of a child. Not in the digest: the id comes from the input as it
    /// is, and journals that exist have no such notice.
    VenueOrder(VenueId, ChildId, VenueOrderId),
    /// A child is over without being filled completely.
    ChildEnded(VenueId, ChildId, ChildEnd),
    /// A child's outcome is unknown.
    ChildUnknown(VenueId, ChildId),
    /// A child's outcome is known again.
    ChildResolved(VenueId, ChildId),
    /// A venue refused a child.
    ChildRejected(VenueId, ChildId, VenueReject),
    /// A child has this quantity in all at its venue from now on, less than before.
    ChildAmended(VenueId, ChildId, Qty),
    /// A venue refused to amend a child.
    AmendRejected(VenueId, ChildId, VenueReject),
    /// A fill for a child that is not in the table or does not match. The fill is booked to the
    /// venue's funds and reported to no client.
    OrphanFill(ChildFill),
    /// More was filled than was ordered. The account is booked the whole fill; the client's report
    /// leaves this quantity out.
    Overfill(AccountId, ChildFill, Qty),
    /// An execution of a child that an operator has resolved: this quantity of the execution is
    /// what the operator stated, at this price. The quantity is not booked again. What was stated
    /// stays booked, whatever the execution's price and fee.
    Reconciled(ChildFill, Qty, Price),
    /// A venue tells another filled quantity in all of a child that an operator has resolved.
    Contradicted(ChildRef, Qty),
    /// News that names an unknown child, or that is malformed. Nothing was changed.
    IllegalEvent(VenueId, ChildId),
    /// A child that is over was found open at its venue, and a cancel was sent. The venue's answer
    /// may be older than the news of the end.
    FoundAfterEnd(VenueId, ChildId),
    /// An order is being cancelled, and children have to end first. A client's own request is
    /// reported to the client instead.
    CalledBack(OrderId, Refusal),
    /// This quantity of an order goes to a venue in a child that the order shares with others.
    Shares(OrderId, VenueId, ChildId, Qty),
    /// A part of an order is at no venue, for this reason; or nothing of the order waits any more.
    Waits(OrderId, Waiting),
    /// A venue refuses to cancel a child of an order that has to end; the child is still open.
    CancelStuck(OrderId),
    /// The total that a venue holds for us.
    Balance(VenueId, AssetId, Amount),
    /// A circuit breaker of a venue has changed: its kind, its state, and until when it stays so;
    /// zero while it is closed.
    Breaker(VenueId, RequestKind, BreakerState, UnixNanos),
    /// Something at a venue is not used for new orders until that time; zero: it is used again
    /// before its time.
    Paused(VenueId, Paused, UnixNanos),
    /// A venue refused a child for a reason that lies in the order: the order does not go there
    /// again, unless it is replaced.
    Barred(OrderId, VenueId, VenueReject),
    /// What is known of a venue's behaviour now; at most once a second for each venue.
    Behaviour(VenueId, Measured),
    /// What a venue's fees are by now: at once when the tier or the discount changes, otherwise
    /// once a second at most for each venue.
    Fees(VenueId, FeeState),
    /// What the fee of an execution is worth in the quote asset; before the news of the execution.
    FeeValue(ExecId, Amount),
    /// An execution of a child at a bridge instrument. It is booked to the first account, which
    /// trades this quantity of it with the client's at the net price, in the order's instrument,
    /// and hands over this part of the fee. Before the client's report.
    Bridged(AccountId, ChildFill, Handover),
    /// An execution of a child that converts, booked to the account of ours, without what
    /// [`Self::Overfill`] tells.
    Converted(AccountId, ChildFill),
    /// What is to be converted has changed, or why it is not.
    Exposure(Exposure),
    /// Reference data that contradicts the known data. Nothing was changed.
    BadReference,
    /// Trading is halted for the whole node.
    Halted,
    /// The halt of everything is over.
    Resumed,
}

impl Notice {
    pub(super) fn mix(self, hash: &mut Rolling) {
        let (tag, venue, other) = match self {
            Self::VenueUp(venue) => (10, venue.0, 0),
            Self::VenueDown(venue) => (11, venue.0, 0),
            Self::BookDistrusted(venue, instrument, why) => {
                (12, venue.0, u64::from(instrument.0) << 8 | why as u64)
            }
            Self::BookTrusted(venue, instrument) => (13, venue.0, u64::from(instrument.0)),
            Self::ReferenceFound(instrument) => (0x21, 0, u64::from(instrument.0)),
            Self::ReferenceLost(instrument) => (0x22, 0, u64::from(instrument.0)),
            Self::ChildUnknown(venue, child) => (14, venue.0, child.0),
            Self::ChildResolved(venue, child) => (15, venue.0, child.0),
            Self::ChildRejected(venue, child, why) => (16 | (why as u64) << 8, venue.0, child.0),
            Self::ChildAmended(venue, child, qty) => {
                hash.word(qty.0.cast_unsigned());
                (0x26, venue.0, child.0)
            }
            Self::AmendRejected(venue, child, why) => (0x27 | (why as u64) << 8, venue.0, child.0),
            Self::VenueOrder(..) => return,
            Self::ChildAccepted(venue, child) => (25, venue.0, child.0),
            Self::ChildEnded(venue, child, end) => (26, venue.0, child.0 << 8 | end as u64),
            Self::Balance(venue, asset, total) => {
                hash.amount(total);
                (27, venue.0, u64::from(asset.0))
            }
            Self::OrphanFill(fill) => {
                mix_fill(hash, &fill);
                (17, fill.venue.0, fill.child.0)
            }
            Self::Overfill(account, fill, beyond) => {
                mix_fill(hash, &fill);
                hash.pair(beyond.0.cast_unsigned(), u64::from(account.0));
                (18, fill.venue.0, fill.child.0)
            }
            Self::Reconciled(fill, same, price) => {
                mix_fill(hash, &fill);
                hash.pair(same.0.cast_unsigned(), price.0.cast_unsigned());
                (0x23, fill.venue.0, fill.child.0)
            }
            Self::Contradicted(child, filled) => {
                hash.word(filled.0.cast_unsigned());
                child.mix(hash, 0x24);
                (0x24, child.venue.0, child.child.0)
            }
            Self::Shares(order, venue, child, qty) => {
                hash.pair(order.0, qty.0.cast_unsigned());
                (0x26, venue.0, child.0)
            }
            Self::IllegalEvent(venue, child) => (19, venue.0, child.0),
            Self::FoundAfterEnd(venue, child) => (23, venue.0, child.0),
            Self::CancelStuck(order) => (24, 0, order.0),
            Self::Waits(order, why) => (0x20 | (why as u64) << 8, 0, order.0),
            Self::CalledBack(order, why) => (0x1c | (why as u64) << 8, 0, order.0),
            Self::Breaker(..)
            | Self::Paused(..)
            | Self::Behaviour(..)
            | Self::Fees(..)
            | Self::FeeValue(..) => self.words_of_venue(hash),
            Self::Bridged(..) | Self::Converted(..) | Self::Exposure(_) => {
                self.words_of_bridge(hash)
            }
            Self::Barred(order, venue, why) => (0x1f | (why as u64) << 8, venue.0, order.0),
            Self::BadReference => (20, 0, 0),
            Self::Halted => (21, 0, 0),
            Self::Resumed => (22, 0, 0),
        };
        hash.pair(tag | u64::from(venue) << 32, other);
    }

    /// Mixes in what is told of a bridge, and returns tag, venue and one word more.
    fn words_of_bridge(self, hash: &mut Rolling) -> (u64, u8, u64) {
        match self {
            Self::Bridged(desk, fill, over) => {
                mix_fill(hash, &fill);
                let ids = u64::from(over.account.0) << 16 | u64::from(over.instrument.0);
                hash.pair(over.order.0, ids);
                hash.pair(over.qty.0.cast_unsigned(), over.price.0.cast_unsigned());
                hash.amount(over.fee);
                (0x50, fill.venue.0, u64::from(desk.0))
            }
            Self::Converted(desk, fill) => {
                mix_fill(hash, &fill);
                (0x51, fill.venue.0, u64::from(desk.0))
            }
            Self::Exposure(exposure) => {
                exposure.mix(hash);
                (0x52, 0, exposure.id)
            }
            // The other notices are not about a bridge.
            _ => (0, 0, 0),
        }
    }

    /// Mixes in what is known of a venue, and returns tag, venue and one word more.
    fn words_of_venue(self, hash: &mut Rolling) -> (u64, u8, u64) {
        match self {
            Self::Breaker(venue, kind, state, until) => {
                (0x1d | (kind as u64) << 8 | (state as u64) << 16, venue.0, until.0)
            }
            Self::Paused(venue, what, until) => {
                let what = match what {
                    Paused::NewOrders => 0,
                    Paused::Cancels => 1,
                    Paused::Listing(instrument) => 2 | u64::from(instrument.0) << 8,
                    Paused::Funds(asset) => 3 | u64::from(asset.0) << 8,
                    Paused::CancelBudget => 4,
                    Paused::OpenOrders(instrument) => 5 | u64::from(instrument.0) << 8,
                };
                (0x1e | what << 8, venue.0, until.0)
            }
            Self::Behaviour(venue, known) => {
                let pair = |a: u32, b: u32| u64::from(a) | u64::from(b) << 32;
                hash.pair(pair(known.p50_us, known.p99_us), pair(known.answers, known.rejects_ppm));
                hash.word(pair(known.faded_ppm, known.partial_ppm));
                (0x25, venue.0, known.known_until.0)
            }
            Self::Fees(venue, state) => {
                hash.amount(state.volume);
                let tier = u64::from(state.tier) << 8 | u64::from(state.in_token) << 16;
                (0x30 | tier, venue.0, state.not_counted)
            }
            Self::FeeValue(exec, value) => {
                hash.wide(exec.0.cast_signed());
                hash.amount(value);
                (0x31, 0, 0)
            }
            // The other notices are not about a venue alone.
            _ => (0, 0, 0),
        }
    }
}

fn mix_fill(hash: &mut Rolling, fill: &ChildFill) {
    hash.pair(fill.qty.0.cast_unsigned(), fill.price.0.cast_unsigned());
    hash.wide(fill.exec.0.cast_signed());
    hash.amount(fill.fee);
    let enums = (fill.side as u64) << 8 | fill.liquidity as u64;
    let ids = u64::from(fill.instrument.0) << 16 | u64::from(fill.fee_asset.0);
    hash.pair(enums, ids);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Journals that exist have digests without the notice, and their replay makes it.
    #[test]
    fn a_venues_id_is_told_and_leaves_the_digest_as_it_is() {
        let (mut hash, before) = (Rolling::new(1), Rolling::new(1));
        let id = VenueOrderId::new(b"OABC").unwrap_or_default();
        Notice::VenueOrder(VenueId(1), ChildId(2), id).mix(&mut hash);
        assert_eq!(hash, before);
        Notice::ChildAccepted(VenueId(1), ChildId(2)).mix(&mut hash);
        assert_ne!(hash, before);
    }
}
