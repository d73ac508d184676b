//! Why an order went to the venues that it went to.
//!
//! A line belongs here if it explains a routing decision. Decisions are not outputs: no reader gets
//! them from a running node, and the digest leaves them out, for a replay makes them again.

use crate::bridge::BridgeWord;
use crate::hash::Rolling;
use crate::id::{InstrumentId, OrderId, VenueId};
use crate::number::{Amount, Notional, Price, Qty};
use crate::routing::{BridgePlan, Plan, RouteRequest, RoutingView};

/// The result of one routing decision for one venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Verdict {
    /// Gets a child that takes liquidity.
    Taken = 1,
    /// The venue gets the child that rests in its book.
    Rested = 2,
    /// Other venues had better prices.
    WorsePrice = 3,
    /// The venue is down.
    VenueDown = 4,
    /// The venue does not list the instrument, or the listing is disabled.
    NotListed = 5,
    /// The venue's book is not trusted.
    Untrusted = 6,
    /// The venue's feed has been silent for longer than the venue's limit.
    Stale = 7,
    /// The book's best bid is at or above its best ask.
    Crossed = 8,
    /// Too little of the asset is available at the venue.
    NoFunds = 9,
    /// The venue's order rate for this window is used up.
    NoRate = 10,
    /// The venue's share is below its smallest order.
    BelowMinimum = 11,
    /// No level lies within the order's limit.
    BeyondLimit = 12,
    /// The venue takes no fill-or-kill order.
    NoFok = 13,
    /// The venue did not fill this order a moment ago, and its book has not changed since.
    Faded = 14,
    /// The venue refused a child of this order.
    Avoided = 15,
    /// The venue has too many orders left to answer, or takes no more open orders of the instrument
    /// and the order would rest.
    Busy = 16,
    /// An order of our own stands in the way: the node does not trade with itself.
    OwnOrder = 17,
    /// The client named another venue.
    NotNamed = 18,
    /// An operator has drained or halted the venue.
    Drained = 19,
    /// The venue's book shows nothing on that side, or less than a fill-or-kill order; or all books
    /// together show less than the order's minimum quantity.
    TooThin = 20,
    /// A circuit breaker of the venue is not closed.
    BreakerOpen = 21,
    /// New orders to the venue are paused: it has said that its rate limit is exceeded, or its
    /// sender could not send an order.
    Paused = 22,
    /// The venue has said that the instrument's market is closed, and the pause lasts.
    MarketClosed = 23,
    /// The book's mid price lies too far from the reference price.
    Outlier = 24,
    /// The venue's best price is better than the worst that the plan takes, but its lots or
    /// minimum fit worse: another split fills more, or as much for less.
    WorseFit = 25,
    /// The whole quantity of a fill-or-kill order is above the venue's largest order.
    AboveMaximum = 26,
    /// The account's lists leave the venue out.
    NotAllowed = 27,
    /// A backup venue, and other venues take all that is to be placed.
    Backup = 28,
    /// The venue's best price with the fee is better than the worst that the plan takes, but not
    /// with the cost of the venue's behaviour.
    WorseBehaviour = 29,
    /// In score mode: venues with higher scores take all that is to be placed.
    LowerScore = 30,
    /// An order that is to rest would take from the venue's book.
    WouldTake = 31,
}

/// One venue's line of a [`Decision`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VenueLine {
    /// The venue.
    pub venue: VenueId,
    /// The result for the venue.
    pub verdict: Verdict,
    /// Quantity that the venue gets in all.
    pub qty: Qty,
    /// Worst price of the child that takes, or the price of the child that rests; zero if neither.
    pub price: Price,
    /// The part of the child that takes which the book shows.
    pub shown: Qty,
    /// Sum of price times quantity over that part, without fees.
    pub value: Notional,
    /// Best price on the side that the order would take, of the levels that are not gone; zero if
    /// none.
    pub best: Price,
    /// That price with the taker fee, times a billion: [`ALL_IN_DECIMALS`] more decimals.
    ///
    /// [`ALL_IN_DECIMALS`]: crate::routing::ALL_IN_DECIMALS
    pub best_all_in: i128,
    /// What the venue's behaviour is expected to cost the order, in parts per million.
    pub behaviour_ppm: u32,
    /// In score mode the venue's score, in hundredths of a per cent; `None` in cost mode.
    pub score: Option<u16>,
    /// Nanoseconds since the book last changed.
    pub age_ns: u64,
}

impl VenueLine {
    pub(super) fn mix(&self, hash: &mut Rolling) {
        hash.pair(u64::from(self.venue.0) | (self.verdict as u64) << 8, self.age_ns);
        hash.pair(self.qty.0.cast_unsigned(), self.price.0.cast_unsigned());
        hash.pair(self.shown.0.cast_unsigned(), self.best.0.cast_unsigned());
        hash.notional(self.value);
        hash.wide(self.best_all_in);
        // Journals that exist have digests without it.
        if self.behaviour_ppm != 0 {
            hash.word(u64::from(self.behaviour_ppm));
        }
        if let Some(score) = self.score {
            hash.word(u64::from(score) | 1 << 32);
        }
    }
}

/// One bridge of the order's account and instrument in a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BridgeLine {
    /// The bridge instrument.
    pub via: InstrumentId,
    /// The instrument that converts.
    pub conversion: InstrumentId,
    /// Whether the bridge gets a part, or why not.
    pub word: BridgeWord,
    /// Quantity of the children at the bridge instrument.
    pub qty: Qty,
    /// The part of it that the books show.
    pub shown: Qty,
    /// Bridge asset that it needs or brings, with fees on top.
    pub needs: Amount,
    /// The reference price of the conversion; zero if there is none.
    pub reference: Price,
    /// The worst price at which the basis limit lets the conversion trade.
    pub limit: Price,
    /// The best price that the conversion would take; zero if none.
    pub best: Price,
    /// The worst price that it would take.
    pub worst: Price,
    /// Quantity of the conversion that the books show.
    pub converts: Qty,
    /// Its value without fees.
    pub value: Notional,
    /// Its value with fees, in billionths.
    pub paid: i128,
}

impl BridgeLine {
    /// Of all bridges that were better than what came before only the best gets a part.
    pub fn keep_best(lines: &mut [Self], best: Option<InstrumentId>) {
        for line in lines {
            if line.word == BridgeWord::Taken && Some(line.via) != best {
                (line.word, line.qty) = (BridgeWord::WorsePrice, Qty::ZERO);
            }
        }
    }

    pub(super) fn mix(&self, hash: &mut Rolling) {
        let ids = u64::from(self.via.0) | u64::from(self.conversion.0) << 16;
        hash.pair(ids | (self.word as u64) << 32, self.qty.0.cast_unsigned());
        hash.pair(self.shown.0.cast_unsigned(), self.converts.0.cast_unsigned());
        hash.pair(self.reference.0.cast_unsigned(), self.limit.0.cast_unsigned());
        hash.pair(self.best.0.cast_unsigned(), self.worst.0.cast_unsigned());
        hash.amount(self.needs);
        hash.notional(self.value);
        hash.wide(self.paid);
    }
}

/// One routing decision.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// The order.
    pub order: OrderId,
    /// Its instrument.
    pub instrument: InstrumentId,
    /// Quantity that was to be routed.
    pub qty: Qty,
    /// The routing round; 1 for the first.
    pub round: u8,
    /// One line per venue.
    pub venues: &'a [VenueLine],
    /// One line per bridge of the order's account and instrument.
    pub bridges: &'a [BridgeLine],
    /// The plan over the bridge that was chosen; it has no children if none was.
    pub bridge: &'a BridgePlan,
    /// What the router saw.
    pub market: RoutingView<'a>,
    /// What was asked of the router.
    pub request: &'a RouteRequest,
    /// The plan that was made.
    pub plan: &'a Plan,
}
