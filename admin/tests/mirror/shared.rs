//! What the screens show of a child that orders share: each order shows its part. Prices have two
//! decimals, quantities three.

use rutter_admin::model::{OrderDetail, OrderName};
use rutter_core::child::Role;
use rutter_core::id::*;
use rutter_core::input::*;
use rutter_core::number::*;
use rutter_test_support::reference;

use crate::world::{World, text};
use crate::{compare_scopes_of_parts, digest};

const PAIR: InstrumentId = InstrumentId(0);
const MS: u64 = 1_000_000;
const V0: VenueId = VenueId(0);

/// Only v0 is left, the prices of v1 are remembered. v0 takes one unanswered order, and has filled
/// `a` (5). Now `b` (4) and `c` (6), which have waited for it, share a child.
fn shared(tif: TimeInForce, price: i64) -> World {
    let mut world = World::new(0);
    for venue in [V0, VenueId(1)] {
        let mut update = BookUpdate { venue, clear: true, last: true, ..BookUpdate::default() };
        update.push(Side::Buy, Level { price: Price(9_900), qty: Qty(10) });
        update.push(Side::Sell, Level { price: Price(10_000), qty: Qty(20) });
        world.input(Input::Book(update));
    }
    let venues = world.engine.reference().venues.clone();
    for venue in venues {
        world.input(Input::Venue(VenueDef { unanswered_max: 1, ..venue }));
    }
    for venue in [VenueId(1), VenueId(2)] {
        world.input(Input::VenueDown(venue, VenueDownReason::LinkLost));
    }
    world.input(Input::Sharing(SharingDef { account: AccountId(0), consents: true }));
    let account = world.engine.reference().accounts[0];
    world.input(Input::Account(AccountDef { busy_wait_ns: 10_000 * MS, ..account }));
    let orders = [("a", TimeInForce::Ioc, 5, 10_000), ("b", tif, 4, price), ("c", tif, 6, price)];
    for (id, tif, qty, price) in orders {
        let (qty, price) = (Qty(qty), Price(price));
        let order = NewOrder { instrument: PAIR, tif, qty, price, ..reference::buy(id) };
        world.input(Input::NewOrder(order));
    }
    fill(&mut world, 1, 1, 5);
    world
}

fn fill(world: &mut World, child: u64, exec: u128, qty: i64) {
    world.input(Input::ChildFill(ChildFill {
        venue: V0,
        child: ChildId(child),
        instrument: PAIR,
        side: Side::Buy,
        exec: ExecId(exec),
        qty: Qty(qty),
        price: Price(9_900),
        fee: Amount(0),
        fee_asset: AssetId(2),
        liquidity: Liquidity::Taker,
    }));
}

/// Child, whether it is shared, quantity, filled and state, of each child of an order. Whatever is
/// shown is what the core has.
fn shown(world: &World, order: u64) -> Vec<String> {
    let shown: OrderDetail = world.model.order(OrderId(order)).expect("known");
    let [ours, theirs] = [world.model.ledger(), world.engine.ledger()].map(digest);
    assert_eq!(ours, theirs, "positions, fees and funds");
    compare_scopes_of_parts(&world.engine, &world.model);
    let parts = world.engine.children().filter(|child| child.order == OrderId(order));
    let mut parts: Vec<_> = parts.filter(|child| child.role != Role::Shared).collect();
    parts.sort_unstable_by_key(|part| part.id);
    let qty = |qty: Qty| rutter_admin::model::decimal(i128::from(qty.0), 3);
    for (row, part) in shown.children.iter().zip(&parts) {
        let is = (row.qty.clone(), row.filled.clone());
        assert_eq!(is, (qty(part.qty), qty(part.filled)), "{part:?}");
    }
    assert_eq!(shown.children.len(), parts.len());
    let row = |row: &rutter_admin::model::ChildRow| {
        let shared = if row.shared { " shared" } else { "" };
        format!("#{}{shared} {} of {} {}", row.id, row.filled, row.qty, row.state)
    };
    shown.children.iter().map(row).collect()
}

#[test]
fn each_order_shows_its_part_of_a_shared_child_and_its_fills() {
    let mut world = shared(TimeInForce::Ioc, 10_000);
    assert_eq!(shown(&world, 2), ["#2 shared 0 of 0.004 Sent"]);
    assert_eq!(shown(&world, 3), ["#2 shared 0 of 0.006 Sent"]);
    let venue_order = VenueOrderId::new(b"V-7").expect("short");
    world.input(Input::ChildAccepted { venue: V0, child: ChildId(2), venue_order });
    fill(&mut world, 2, 2, 5);
    assert_eq!(shown(&world, 2), ["#2 shared 0.002 of 0.004 Live"]);
    assert_eq!(shown(&world, 3), ["#2 shared 0.003 of 0.006 Live"]);
    for order in [2, 3] {
        let row = world.model.order(OrderId(order)).expect("known");
        assert_eq!(row.children[0].venue_order.as_deref(), Some("V-7"));
        assert_eq!(row.order.venues, ["v0"]);
    }
    let status = world.model.status();
    assert_eq!((status.open_children, status.open_orders), (1, 2), "one child of two orders");
    fill(&mut world, 2, 3, 5);
    assert_eq!(shown(&world, 2), ["#2 shared 0.004 of 0.004 Filled"]);
    assert_eq!(shown(&world, 3), ["#2 shared 0.006 of 0.006 Filled"]);
    assert_eq!(world.model.status().open_children, 0);
}

#[test]
fn an_order_whose_shared_child_is_in_doubt_says_so() {
    let mut world = shared(TimeInForce::Gtc, 9_900);
    world.input(Input::VenueDown(V0, VenueDownReason::LinkLost));
    for (order, qty) in [(2, 4), (3, 6)] {
        assert_eq!(shown(&world, order), [format!("#2 shared 0 of 0.00{qty} Unknown")]);
        assert_eq!(world.model.order(OrderId(order)).expect("known").order.unknown, 1);
    }
    assert_eq!(world.model.status().unknown_children, 1, "it is one child");
}

#[test]
fn an_order_that_leaves_a_shared_child_shows_what_the_venue_took_off() {
    let mut world = shared(TimeInForce::Gtc, 9_900);
    let venue_order = VenueOrderId::new(b"V-7").expect("short");
    world.input(Input::ChildAccepted { venue: V0, child: ChildId(2), venue_order });
    let (session, client_seq) = (SessionId(0), 9);
    let (cl_ord_id, orig_cl_ord_id) = (text("x"), text("b"));
    let cancel = CancelOrder { session, client_seq, cl_ord_id, orig_cl_ord_id };
    world.input(Input::Cancel(cancel));
    assert_eq!(shown(&world, 3), ["#2 shared 0 of 0.006 PendingReplace"]);
    world.input(Input::ChildAmended { venue: V0, child: ChildId(2), qty: Qty(6) });
    assert_eq!(shown(&world, 2), ["#2 shared 0 of 0.004 Canceled"]);
    assert_eq!(shown(&world, 3), ["#2 shared 0 of 0.006 Live"]);
    assert_eq!(world.model.status().open_orders, 1);
}

#[test]
fn a_shared_childs_ids_name_every_order_that_has_a_part_in_it() {
    let mut world = shared(TimeInForce::Gtc, 9_900);
    let venue_order = VenueOrderId::new(b"V-7").expect("short");
    world.input(Input::ChildAccepted { venue: V0, child: ChildId(2), venue_order });
    let named = |text: &str| {
        let child_of = |_, id: &[u8]| (id == b"v0-2").then_some(ChildId(2));
        let mut found = Vec::new();
        assert_eq!(world.model.named(&OrderName::new(text, 7, child_of), 0, &mut found), None);
        let mut orders: Vec<u64> = found.iter().map(|named| named.order.0).collect();
        orders.sort_unstable();
        orders
    };
    assert_eq!(named("v0-2"), [2, 3], "our id at the venue");
    assert_eq!(named("V-7"), [2, 3], "the venue's id");
}
