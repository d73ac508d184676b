//! Which orders count for execution success, and how. Prices have two decimals.

use rutter_admin::model::Judged;
use rutter_core::id::*;
use rutter_core::input::*;
use rutter_core::number::*;
use rutter_test_support::reference;

use crate::world::{VENUES, World, text};

const PAIR: InstrumentId = InstrumentId(0);
const MS: u64 = 1_000_000;

/// Asks of 4 at 100.00 (v0) and of 1 at 101.00 (v1).
fn desk() -> World {
    let mut world = World::new(0);
    for (venue, ask, qty) in [(0, 10_000, 4), (1, 10_100, 1)] {
        let venue = VenueId(venue);
        let mut update = BookUpdate { venue, clear: true, last: true, ..BookUpdate::default() };
        update.push(Side::Buy, Level { price: Price(9_900), qty: Qty(10) });
        update.push(Side::Sell, Level { price: Price(ask), qty: Qty(qty) });
        world.input(Input::Book(update));
    }
    world
}

fn buy(world: &mut World, tif: TimeInForce, qty: i64, price: i64) {
    let ord_type = if price == 0 { OrdType::Market } else { OrdType::Limit };
    let (qty, price) = (Qty(qty), Price(price));
    let order = NewOrder { instrument: PAIR, ord_type, tif, qty, price, ..reference::buy("a") };
    world.input(Input::NewOrder(order));
}

fn fill(world: &mut World, venue: u8, child: u64, qty: i64) {
    world.input(Input::ChildFill(ChildFill {
        venue: VenueId(venue),
        child: ChildId(child),
        instrument: PAIR,
        side: Side::Buy,
        exec: ExecId(u128::from(child)),
        qty: Qty(qty),
        price: Price(10_000),
        fee: Amount(0),
        fee_asset: AssetId(2),
        liquidity: Liquidity::Taker,
    }));
}

fn ends(world: &mut World, venue: u8, child: u64, filled: i64) {
    let (venue, child, filled) = (VenueId(venue), ChildId(child), Qty(filled));
    world.input(Input::ChildDone { venue, child, how: Ending::Expired, filled });
}

/// What the operators see: successes, and failures by reason.
fn counted(world: &World) -> (u64, Vec<(String, u64)>) {
    let status = world.model.status();
    (status.succeeded, status.failed.into_iter().collect())
}

const NOTHING: (u64, Vec<(String, u64)>) = (0, Vec::new());

fn success() -> (u64, Vec<(String, u64)>) {
    (1, Vec::new())
}

fn failure(reason: &str) -> (u64, Vec<(String, u64)>) {
    (0, vec![(reason.to_owned(), 1)])
}

#[test]
fn an_order_that_is_filled_is_a_success_and_took_from_its_acceptance_to_its_end() {
    let mut world = desk();
    buy(&mut world, TimeInForce::Ioc, 4, 10_000);
    world.wait(3 * MS);
    assert_eq!(counted(&world), NOTHING, "it is not over");
    fill(&mut world, 0, 1, 4);
    assert_eq!(counted(&world), success());
    // Each input takes a microsecond.
    let took_ns = Some(3 * MS + 2_000);
    assert_eq!(world.judged, [Judged { is_success: true, took_ns }]);
}

#[test]
fn what_no_book_offers_within_the_limit_is_no_failure() {
    let mut world = desk();
    buy(&mut world, TimeInForce::Ioc, 10, 10_000);
    fill(&mut world, 0, 1, 4);
    assert_eq!(counted(&world), success(), "all that was shown was got");
    let mut world = desk();
    buy(&mut world, TimeInForce::Ioc, 10, 9_990);
    assert_eq!(world.model.status().ended.get("NoLiquidity"), Some(&1));
    assert_eq!(counted(&world), NOTHING, "nothing could be filled");
}

#[test]
fn what_a_book_showed_and_nobody_filled_is_a_failure() {
    let mut world = desk();
    buy(&mut world, TimeInForce::Ioc, 5, 10_100);
    fill(&mut world, 0, 1, 4);
    ends(&mut world, 1, 2, 0);
    assert_eq!(counted(&world), failure("NoLiquidity"), "1 of 5 faded at v1");
}

#[test]
fn what_fades_at_one_venue_and_is_got_at_another_is_a_success() {
    let mut world = desk();
    buy(&mut world, TimeInForce::Ioc, 1, 10_100);
    ends(&mut world, 0, 1, 0);
    fill(&mut world, 1, 2, 1);
    assert_eq!(counted(&world), success());
}

#[test]
fn an_order_that_rests_is_no_failure_and_its_time_in_the_book_is_not_measured() {
    let mut world = desk();
    buy(&mut world, TimeInForce::Gtc, 1, 9_900);
    let (session, client_seq) = (SessionId(0), 2);
    let (cl_ord_id, orig_cl_ord_id) = (text("b"), text("a"));
    let cancel = CancelOrder { session, client_seq, cl_ord_id, orig_cl_ord_id };
    world.input(Input::Cancel(cancel));
    let rests = world.engine.children().next().expect("a child").venue;
    ends(&mut world, rests.0, 1, 0);
    assert_eq!(world.model.status().ended.get("ClientRequest"), Some(&1));
    assert_eq!(counted(&world), NOTHING, "the client wanted no more");
    let mut world = desk();
    buy(&mut world, TimeInForce::Gtc, 1, 9_900);
    let rests = world.engine.children().next().expect("a child").venue;
    fill(&mut world, rests.0, 1, 1);
    assert_eq!(world.judged, [Judged { is_success: true, took_ns: None }]);
}

/// The child is told with its first order; the others have parts of it.
#[test]
fn orders_that_rest_in_one_child_are_not_measured_by_their_time_in_the_book_either() {
    let mut world = desk();
    let venues = world.engine.reference().venues.clone();
    for venue in venues {
        world.input(Input::Venue(VenueDef { unanswered_max: 1, ..venue }));
    }
    world.input(Input::VenueDown(VenueId(2), VenueDownReason::LinkLost));
    world.input(Input::Sharing(SharingDef { account: AccountId(0), consents: true }));
    let orders = [("x", TimeInForce::Ioc, 5, 10_100), ("b", TimeInForce::Gtc, 1, 9_900)];
    for (id, tif, qty, price) in orders.into_iter().chain([("c", TimeInForce::Gtc, 1, 9_900)]) {
        let order = reference::buy(id);
        let (qty, price) = (Qty(qty), Price(price));
        world.input(Input::NewOrder(NewOrder { instrument: PAIR, tif, qty, price, ..order }));
    }
    fill(&mut world, 0, 1, 4);
    let shared = world.engine.children().find(|child| child.qty == Qty(2)).expect("b and c");
    assert_eq!(shared.tif, TimeInForce::Gtc);
    let (venue, child) = (shared.venue, shared.id);
    world.wait(3 * MS);
    fill(&mut world, venue.0, child.0, 2);
    assert_eq!(world.judged, [Judged { is_success: true, took_ns: None }; 2]);
}

#[test]
fn an_order_that_finds_no_venue_is_a_failure_and_one_that_is_not_to_be_executed_is_none() {
    let mut world = desk();
    let halt = OperatorCommand::Halt(Scope::All);
    let (by, reason) = (text("alice"), text("drill"));
    world.input(Input::Operator(Operator { request: 1, by, reason, command: halt }));
    buy(&mut world, TimeInForce::Ioc, 1, 10_000);
    assert_eq!(world.model.status().refused.get("Halted"), Some(&1));
    assert_eq!(counted(&world), NOTHING);
    let mut world = desk();
    for id in 0..VENUES {
        world.input(Input::VenueDown(VenueId(id), VenueDownReason::LinkLost));
    }
    buy(&mut world, TimeInForce::Ioc, 1, 10_000);
    assert_eq!(counted(&world), failure("NoVenue"));
    assert_eq!(world.judged, [Judged { is_success: false, took_ns: None }]);
}

#[test]
fn a_market_order_that_waited_for_the_market_alone_got_all_that_could_be_filled() {
    let mut world = desk();
    buy(&mut world, TimeInForce::Day, 10, 0);
    fill(&mut world, 0, 1, 4);
    fill(&mut world, 1, 2, 1);
    world.wait(MARKET_WAIT_NS_DEFAULT);
    assert_eq!(world.model.status().ended.get("WaitedTooLong"), Some(&1));
    assert_eq!(counted(&world), success());
}

/// What holds whatever happens: an order is judged at most once, and a filled one is a success.
pub fn check(world: &World) {
    let status = world.model.status();
    let of = |success| world.judged.iter().filter(|one| one.is_success == success).count() as u64;
    let failed: u64 = status.failed.values().sum();
    assert_eq!((status.succeeded, failed), (of(true), of(false)));
    let over: u64 = status.ended.values().chain(status.refused.values()).sum();
    let filled = status.ended.get("Filled").copied().unwrap_or(0);
    assert!(filled <= status.succeeded && status.succeeded + failed <= over, "{status:?}");
}
