//! Nothing is allocated on the decision path once it is warm: a counting allocator proves it.

use crate::desk::{Desk, USD};
use crate::shared;
use rutter_core::child::{Child, Role};
use rutter_core::id::{ChildId, ExecId, VenueOrderId};
use rutter_core::input::{ChildFill, Fate, Input, Liquidity, NewOrder, TimeInForce};
use rutter_core::number::{Amount, Price, Qty};
use rutter_test_support::counting::allocations;
use rutter_test_support::reference::{self, text};

#[test]
fn a_thousand_orders_to_their_last_fill_allocate_nothing() {
    let mut desk = Desk::with_venues(2);
    desk.outputs.reserve(100_000);
    let mut inputs = 0;
    let mut allocated = 0;
    for round in 0..1_200_u64 {
        let order = format!("o{round} buy 9 market ioc");
        desk.now.0 += 10_000_000; // Slow enough for the venues' order rate.
        let before = allocations();
        desk.book(0, &[(9_900, 10)], &[(10_000, 4), (10_020, 9)]);
        desk.book(1, &[(9_900, 10)], &[(10_010, 3), (10_030, 9)]);
        let books = allocations() - before;
        let spoken = allocations();
        drop(order.split_whitespace().collect::<Vec<_>>());
        let words = allocations() - spoken;
        let before = allocations();
        desk.client(&order);
        let order_allocations = allocations() - before - words;
        for (child, fill) in [(2 * round + 1, "fill 6 @ 10000"), (2 * round + 2, "fill 3 @ 10010")]
        {
            let spoken = allocations();
            drop(fill.split_whitespace().collect::<Vec<_>>());
            let words = allocations() - spoken;
            let before = allocations();
            desk.venue(child, fill);
            if round >= 100 {
                allocated += allocations() - before - words;
            }
        }
        if round >= 100 {
            allocated += books + order_allocations;
            inputs += 5;
        }
        desk.outputs.clear();
    }
    assert_eq!(allocated, 0, "over {inputs} inputs");
    assert_eq!(desk.engine.counts().fills, 2_400);
}

/// From the first order on: the tables of orders that rest, that are held and whose venue is asked
/// again have their room from the start.
#[test]
fn orders_that_rest_are_worked_and_become_unknown_allocate_nothing() {
    let mut desk = Desk::with_venues(2);
    desk.venue_terms(0, |terms| (terms.unanswered_max, terms.rate_orders) = (1_000, 100_000));
    for venue in [0, 1] {
        desk.book(venue, &[(9_900, 10)], &[(10_000, 10)]);
    }
    desk.outputs.reserve(100_000);
    let buy = |nth: u64| {
        let price = Price(9_600 + nth as i64 % 300);
        let cl_ord_id = text(&format!("o{nth}"));
        Input::NewOrder(NewOrder { cl_ord_id, price, client_seq: nth, ..reference::buy("o") })
    };
    let orders: Vec<Input> = (1..=390).map(buy).collect();
    let before = allocations();
    for order in orders {
        desk.input(order);
    }
    let children = desk.engine.counts().children;
    for child in 1..=children {
        let (venue, child) = (desk.child(child).venue, ChildId(child));
        desk.input(Input::ChildAccepted { venue, child, venue_order: VenueOrderId::EMPTY });
        desk.input(Input::ChildFate { venue, child, fate: Fate::Closed, filled: Qty(1) });
        desk.input(Input::ChildFate { venue, child, fate: Fate::Closed, filled: Qty(1) });
    }
    for _ in 0..100 {
        desk.wait_ns(100_000_000);
    }
    assert_eq!(allocations() - before, 0);
    assert!(children >= 300, "{children} children");
}

#[test]
fn orders_that_share_children_allocate_nothing() {
    let mut desk = shared::desk(1);
    desk.outputs.reserve(100_000);
    let mut seq = 0;
    let mut buy = || {
        seq += 1;
        let (cl_ord_id, price) = (text(&format!("o{seq}")), Price(10_010));
        let order = NewOrder { cl_ord_id, price, client_seq: seq, ..reference::buy("o") };
        Input::NewOrder(NewOrder { tif: TimeInForce::Ioc, ..order })
    };
    let orders: Vec<Input> = (0..100).map(|_| buy()).collect();
    let before = allocations();
    for order in orders {
        desk.input(order);
    }
    let mut shared = 0;
    for child in 1..=200 {
        let Some(known) = desk.engine.child(ChildId(child)).copied() else { continue };
        if known.role == Role::Part {
            continue;
        }
        shared += u64::from(known.role == Role::Shared);
        let (venue, child) = (known.venue, known.id);
        desk.input(Input::ChildAccepted { venue, child, venue_order: VenueOrderId::EMPTY });
        for (exec, qty) in [(1, 1), (2, known.qty.0 - 1)] {
            let fill = fill_of(&known, ExecId(u128::from(child.0) << 8 | exec), Qty(qty));
            desk.input(Input::ChildFill(fill));
        }
    }
    assert_eq!(allocations() - before, 0);
    assert!(shared > 0 && desk.engine.open_orders() == 0, "{shared} shared children");
}

fn fill_of(child: &Child, exec: ExecId, qty: Qty) -> ChildFill {
    ChildFill {
        venue: child.venue,
        child: child.id,
        instrument: child.instrument,
        side: child.side,
        exec,
        qty,
        price: child.price,
        fee: Amount(7),
        fee_asset: USD,
        liquidity: Liquidity::Taker,
    }
}
