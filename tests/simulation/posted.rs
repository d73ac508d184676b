//! Children that are to rest and not to take, held against what the venues make of them.
//!
//! A line belongs here if it watches the outputs, or looks at an exchange, for a post-only child.

use std::collections::BTreeSet;

use rutter_core::id::ChildId;
use rutter_core::input::{self, Liquidity, VenueReject};
use rutter_core::output::{Notice, Output, SendNew};
use rutter_sim::engine::Exchange;
use rutter_sim::order::{
    AccountId, EndReason, InstrumentId, NewOrder, OrderKind, OrderSize, Refusal, Side, Stp, Tif,
};

use super::venues::{OURS, VENUES};

/// Follows the outputs of all nodes of a run, one after the other.
#[derive(Debug, Default)]
pub struct Posted {
    children: BTreeSet<ChildId>,
    /// By venue: post-only children that were accepted.
    pub accepted: [u64; VENUES.len()],
    /// By venue: post-only children that were refused, because they would have taken.
    refused: [u64; VENUES.len()],
}

impl Posted {
    /// Checks one output: what rests at the touch never takes.
    pub fn watch(&mut self, output: &Output) {
        match output {
            Output::SendNew(new) if new.post_only => {
                self.children.insert(new.child);
            }
            Output::Notice(Notice::ChildAccepted(venue, child)) => {
                let posted = self.children.contains(child);
                self.accepted[venue.index()] += u64::from(posted);
            }
            Output::Notice(Notice::ChildRejected(venue, child, VenueReject::WouldMatch)) => {
                assert!(self.children.contains(child), "{child:?} may take, and is refused for it");
                self.refused[venue.index()] += 1;
            }
            Output::Report(report) => {
                let posted = report.last.filter(|last| self.children.contains(&last.child));
                if let Some(last) = posted {
                    assert_eq!(
                        last.liquidity,
                        Liquidity::Maker,
                        "a post-only child took: {last:?}"
                    );
                }
            }
            _ => {}
        }
    }

    /// Every order that a venue knows of is post-only there if it was sent as such, and no other
    /// is. Returns how many post-only children the venue has not let take, by refusal or by cancel.
    pub fn check(&self, venue: usize, exchange: &Exchange) -> u64 {
        let posted: BTreeSet<String> =
            self.children.iter().map(|child| (VENUES[venue].order_id)(*child)).collect();
        let account = exchange.account(OURS).expect("our account");
        let known = exchange.open_orders(account, None).chain(exchange.closed_orders(account));
        let mut ended = 0;
        for order in known {
            let id = (VENUES[venue].first_id)(&order.client_id);
            assert_eq!(order.post_only, posted.contains(&id), "{order:?}");
            if order.end == Some(EndReason::PostOnly) {
                assert_eq!(order.filled, 0, "{order:?}");
                ended += 1;
            }
        }
        self.refused[venue] + ended
    }
}

/// Another participant trades through the book up to the price of a child that is on its way, and
/// leaves an order there: the child would take when it arrives.
pub fn cross(now_ns: u64, exchange: &mut Exchange, child: &SendNew) {
    let instrument = InstrumentId(0);
    let decimals = exchange.instrument_config(instrument).price_decimals;
    let price = child.price.0 * 10_i64.pow(decimals) / 100;
    let (ours, side) = match child.side {
        input::Side::Buy => (Side::Buy, Side::Sell),
        input::Side::Sell => (Side::Sell, Side::Buy),
    };
    let reached = |at: i64| if ours == Side::Buy { at >= price } else { at <= price };
    let depth = exchange.depth(instrument, ours, usize::MAX);
    let levels = depth.into_iter().filter(|(at, _)| reached(*at));
    let quantity = levels.map(|(_, quantity)| quantity).sum::<i64>() + child.qty.0;
    let new = NewOrder {
        account: AccountId(1),
        instrument,
        client_id: "".into(),
        side,
        kind: OrderKind::Limit,
        tif: Tif::Gtc,
        post_only: false,
        price,
        size: OrderSize::Base(quantity),
        stp: Stp::Allow,
        tag: 0,
    };
    // Since the child was sent the venue may have changed its rules, or closed its market.
    match exchange.place(now_ns, &new) {
        Ok(_)
        | Err(
            Refusal::PriceFilter | Refusal::LotSize | Refusal::CancelOnly | Refusal::MinNotional,
        ) => {}
        Err(refusal) => panic!("another participant has the funds: {refusal:?}"),
    }
}
