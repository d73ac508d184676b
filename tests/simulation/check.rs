//! What must be true when the faults have stopped and everybody has caught up.

use std::collections::BTreeSet;

use rutter::node::decider::Replayer;
use rutter_core::Engine;
use rutter_core::child::{ChildState, Role};
use rutter_core::id::{AccountId, AssetId, SessionId, VenueId};
use rutter_core::order::Order;
use rutter_core::output::Output;
use rutter_journal::Reader;
use rutter_sim::order::Side;

use super::node::{CLIENTS, Node};
use super::venues::{BTC, OURS, PAIR, SimFront, USDT, VENUES};
use super::world::World;

/// From the exchanges' amounts (10^-16) to the core's (10^-18).
const TO_CORE: i128 = 100;

fn node(world: &World) -> &Node {
    world.node.as_ref().expect("the node lives")
}

/// Open orders, with their quantities in all.
type OpenOrders = BTreeSet<(String, i64)>;

/// Our open orders at a venue as the core knows them, and as the venue does.
fn open_orders(world: &World, index: usize) -> (OpenOrders, OpenOrders) {
    let exchange = world.fronts[index].inner().exchange();
    let account = exchange.account(OURS).expect("our account");
    let theirs = exchange.open_orders(account, None);
    let children = node(world).decider.engine().children();
    // A venue knows the shared child, and not its parts.
    let ours = children
        .filter(|child| !child.state().is_over() && child.venue.index() == index)
        .filter(|child| child.role != Role::Part);
    (
        ours.map(|child| ((VENUES[index].order_id)(child.id), child.qty.0)).collect(),
        theirs.map(|order| ((VENUES[index].first_id)(&order.client_id), order.quantity)).collect(),
    )
}

/// No news of our orders is on its way at this moment: an order that has just been filled at its
/// venue is open for us, and for its client, until the messages are here.
pub fn is_quiet(world: &World) -> bool {
    let Some(node) = &world.node else { return false };
    let engine = node.decider.engine();
    let told = |number: usize| engine.last_event(SessionId(number as u16));
    let agrees = |index| {
        let (ours, theirs) = open_orders(world, index);
        ours == theirs
    };
    (0..CLIENTS).all(|number| world.clients[number].events == told(number))
        && (0..VENUES.len()).all(agrees)
}

/// Our open orders are the venues' open orders; nothing is unknown; clients and core agree.
pub fn settled(world: &World) {
    let engine = node(world).decider.engine();
    for venue in (0..VENUES.len()).map(|index| VenueId(index as u8)) {
        assert!(engine.is_up(venue), "venue {} is up again", venue.0);
    }
    for child in engine.children().filter(|child| !child.state().is_over()) {
        assert_eq!(child.state(), ChildState::Live, "child {} is known: {child:?}", child.id.0);
    }
    for index in 0..VENUES.len() {
        let (ours, theirs) = open_orders(world, index);
        assert_eq!(ours, theirs, "open orders and their quantities at venue {index}");
    }
    money(&world.fronts, engine);
    for number in 0..CLIENTS {
        let client = &world.clients[number];
        let told = engine.last_event(SessionId(number as u16));
        assert_eq!(client.events, told, "client {number} has every event once");
        for order in engine.orders().filter(|o| o.session == SessionId(number as u16)) {
            let id = order.cl_ord_id.to_string();
            let known = client.orders.get(&id).expect("an order that the client sent");
            assert_eq!(known.filled, order.filled.0, "order {id}: filled");
            assert_eq!(known.status, order.status() as u8, "order {id}: status");
            assert_eq!(known.qty, order.qty.0, "order {id}: quantity");
            let placed = order.unplaced().is_zero() || !order.is_working();
            let has_reason = order.waiting.word().is_some();
            assert!(placed || has_reason, "order {id} waits without a reason: {order:?}");
        }
    }
}

/// Requests about orders that the venues' own counts have refused.
pub fn beyond_limits(world: &World) -> u64 {
    world.fronts.iter().map(|front| front.inner().beyond_limits()).sum()
}

/// Positions, cash and fees are the sums of the venues' fills.
pub fn money(fronts: &[SimFront], engine: &Engine) {
    let ledger = engine.ledger();
    let (mut base, mut cash) = (0_i128, 0_i128);
    let mut fees = [0_i128; 2];
    for exchange in fronts.iter().map(|front| front.inner().exchange()) {
        let account = exchange.account(OURS).expect("our account");
        for fill in exchange.fills(account) {
            let sign = if fill.side == Side::Buy { 1 } else { -1 };
            base += sign * i128::from(fill.quantity);
            cash -= sign * fill.quote * TO_CORE;
            let asset = &exchange.assets()[usize::from(fill.fee_asset.0)];
            fees[usize::from(asset == "USDT")] += fill.fee * TO_CORE;
        }
    }
    let accounts = || (0..CLIENTS).map(|client| AccountId(client as u16));
    let positions = || accounts().map(|account| ledger.position(account, PAIR));
    let (held, paid) = (positions().map(|one| one.base), positions().map(|one| one.cash.0));
    assert_eq!(held.sum::<i128>(), base, "position is the sum of fills");
    assert_eq!(paid.sum::<i128>(), cash, "cash is the sum of fills");
    for (asset, paid) in [(BTC, fees[0]), (USDT, fees[1])] {
        let asset: AssetId = asset;
        let fees: i128 = accounts().map(|account| ledger.fees(account, asset).0).sum();
        assert_eq!(fees, paid, "fees in asset {}", asset.0);
    }
}

/// Everything is over, and a replay makes the same engine again.
pub fn ended(world: &World) {
    let node = node(world);
    let engine = node.decider.engine();
    // Venues may refuse all cancels of an order by a node that does not count them.
    let explained = |order: &&Order| order.state().is_over() || order.stuck && !world.script.counts;
    let open = engine.orders().find(|order| !explained(order));
    assert_eq!(open.map(|order| order.id), None, "every order is over");
    let mut replayer = Replayer::default();
    let mut outputs: Vec<Output> = Vec::new();
    let storage = node.storage.after_kill();
    let mut reader = Reader::open(&storage).expect("the journal opens");
    while let Some(record) = reader.next().expect("the journal reads") {
        replayer.record(&record, &mut outputs).expect("the replay agrees");
        outputs.clear();
    }
    let replayed = replayer.engine().expect("a genesis");
    assert_eq!(replayed.digest(), engine.digest(), "the replay's digest");
    assert_eq!(replayed.state_digest(), engine.state_digest(), "the replay's state");
}
