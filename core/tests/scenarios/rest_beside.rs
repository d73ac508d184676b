//! The rest beside a living child: while whatever keeps the next venue from holding the rest lasts,
//! the rest waits with a reason, and goes there when it ends.

use rutter_core::id::VenueId;
use rutter_core::input::*;
use rutter_core::number::{Amount, FeePpm, Price, Qty};
use rutter_core::waiting::Waiting;

use crate::desk::{Desk, PAIR, UNIT, USD};
use crate::waiting::waits;

const V1: VenueId = VenueId(1);
const SECOND_NS: u64 = 1_000_000_000;

struct Case {
    name: &'static str,
    begins: fn(&mut Desk),
    word: Waiting,
    ends: fn(&mut Desk),
}

fn resync(desk: &mut Desk) {
    let mut update =
        BookUpdate { venue: V1, instrument: PAIR, clear: true, ..BookUpdate::default() };
    for (side, price) in [(Side::Buy, 9_980), (Side::Sell, 10_010)] {
        assert!(update.push(side, Level { price: Price(price), qty: Qty(5) }));
        desk.input(Input::Book(update)).sent(&[]);
        update.clear = false;
    }
    desk.input(Input::Book(BookUpdate { last: true, ..update }));
}

fn cases() -> [Case; 6] {
    let drained: fn(&mut Desk) = |desk| _ = desk.operator(OperatorCommand::DrainVenue(V1));
    [
        Case {
            name: "a resync of the book in three inputs",
            begins: |desk| {
                let (venue, instrument, reason) = (V1, PAIR, Distrust::Gap);
                desk.input(Input::BookDistrusted { venue, instrument, reason });
            },
            word: Waiting::NoFunds,
            ends: resync,
        },
        Case {
            name: "too many unanswered orders",
            begins: |desk| _ = desk.venue_terms(1, |terms| terms.unanswered_max = 0),
            word: Waiting::VenueBusy,
            ends: |desk| _ = desk.venue_terms(1, |_| {}),
        },
        Case {
            name: "a used up rate",
            begins: |desk| {
                desk.venue_terms(1, |terms| {
                    (terms.rate_orders, terms.rate_window_ns) = (1, SECOND_NS);
                });
                desk.instructed("x buy 1 @ 9000 gtc", |new| new.instructions.only = Some(V1));
                desk.venue(1, "accepted").outputs.clear();
            },
            word: Waiting::VenueBusy,
            ends: |desk| _ = desk.wait_ns(SECOND_NS),
        },
        Case {
            name: "a drain",
            begins: drained,
            word: Waiting::NoFunds,
            ends: |desk| _ = desk.operator(OperatorCommand::EnableVenue(V1)),
        },
        Case {
            name: "a link",
            begins: |desk| _ = desk.input(Input::VenueDown(V1, VenueDownReason::LinkLost)),
            word: Waiting::NoFunds,
            ends: |desk| _ = desk.input(Input::VenueUp(V1)),
        },
        Case {
            name: "its funds",
            begins: |desk| {
                desk.input(Input::Balance { venue: V1, asset: USD, total: Amount(0) });
            },
            word: Waiting::NoFunds,
            ends: |desk| {
                let total = Amount(1_000_000 * UNIT);
                desk.input(Input::Balance { venue: V1, asset: USD, total });
            },
        },
    ]
}

#[test]
fn the_rest_goes_to_the_next_venue_when_whatever_kept_it_ends() {
    for Case { name, begins, word, ends } in cases() {
        let mut desk = Desk::with_venues(2);
        desk.listing(VenueId(0), |l| (l.maker_fee, l.taker_fee) = (FeePpm(0), FeePpm(0)));
        let total = Amount(10_100 * UNIT / 1_000);
        desk.input(Input::Balance { venue: VenueId(0), asset: USD, total });
        desk.book(0, &[(9_980, 5)], &[(10_010, 5)]).book(1, &[(9_980, 5)], &[(10_010, 5)]);
        begins(&mut desk);
        let first = desk.engine.children().count() + 1;
        desk.client("a buy 1000 @ 9990 gtc");
        desk.sent(&[&format!("v0 new buy 101 @ 9990 Gtc #{first}")]);
        let order = desk.engine.orders().count() as u64;
        assert_eq!(waits(&mut desk, order), word, "{name}");
        ends(&mut desk);
        // A timer comes for what has no input of its own.
        desk.wait_ns(100_000_000);
        desk.sent(&[&format!("v1 new buy 899 @ 9990 Gtc #{}", first + 1)]);
        assert_eq!(waits(&mut desk, order), Waiting::Nothing, "{name}");
    }
}
