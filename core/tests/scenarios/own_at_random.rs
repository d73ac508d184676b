//! Orders of several owners that meet each other while everything happens at random: whatever the
//! policies are, no order is sent where it would match a resting one that it may not match.

use std::collections::BTreeMap;

use rutter_core::child::Child;
use rutter_core::engine::{MOVE_WINDOW_NS, OWN_CALLED_BACK_MAX, YIELDS_PER_WINDOW_MAX};
use rutter_core::id::{AccountId, ChildId, OrderId, SessionId, VenueId};
use rutter_core::input::*;
use rutter_core::number::Price;
use rutter_core::order::Order;
use rutter_core::output::SendNew;
use rutter_core::venue_set::VenueSet;
use rutter_test_support::reference::text;
use rutter_test_support::{reference, seeds};

use crate::desk::PAIR;
use crate::worked_at_random::World;

const CASES: u64 = 60;
const STEPS: u64 = 600;

/// The owners of the accounts: two of them have two accounts each.
const OWNERS: [&str; 5] = ["x", "x", "y", "y", "z"];

const POLICIES: [SelfMatchPolicy; 4] = [
    SelfMatchPolicy::CancelResting,
    SelfMatchPolicy::CancelIncoming,
    SelfMatchPolicy::Decrement,
    SelfMatchPolicy::Allow,
];

fn world(seed: u64) -> World {
    let mut world = World::new(seed);
    for at in 1..OWNERS.len() as u16 {
        let mut account = reference::account(at, &format!("a{at}"));
        account.limits.collar_ppm = 500_000;
        (account.limits.open_orders_max, account.limits.rate_per_s) = (1_000, 100_000);
        world.desk.input(Input::Account(account));
        let session = reference::session(at, &format!("S{at}"), Some(AccountId(at)));
        world.desk.input(Input::Session(session));
    }
    for at in 0..OWNERS.len() as u16 {
        set_terms(&mut world, at);
    }
    world.sessions = OWNERS.len() as u64;
    world
}

/// As [`world`]: the second and the fourth account go to the first venue by an account of their
/// own there.
fn world_that_shares(seed: u64) -> World {
    let mut world = world(seed);
    let further = world.accounts;
    world.accounts += 1;
    world.desk.further_account(further, 0).venue_terms(further, |terms| {
        (terms.unanswered_max, terms.rate_orders) = (20, 1_000);
        terms.stale_after_ns = u64::MAX / 2;
    });
    for at in [1, 3] {
        let denied = VenueSet::from_iter([VenueId(0)]);
        let usual = RoutingDef::usual(AccountId(at));
        world.desk.input(Input::Routing(RoutingDef { denied, ..usual }));
    }
    world
}

/// The venue account whose book an order meets.
fn book_of(world: &World, venue: VenueId) -> VenueId {
    world.desk.engine.reference().book_owner(venue)
}

fn set_terms(world: &mut World, at: u16) {
    let def = OwnerDef {
        account: AccountId(at),
        owner: text(OWNERS[usize::from(at)]),
        self_match: world.random.pick(&POLICIES),
        other_owners: world.random.pick(&[OtherOwners::Yield, OtherOwners::Protect]),
    };
    world.desk.input(Input::Owner(def));
}

/// An order near the middle of the books, where orders of both sides meet.
fn order(world: &mut World) {
    world.ids += 1;
    world.desk.session = SessionId(world.random.below(world.sessions) as u16);
    let side = world.random.pick(&["buy", "sell"]);
    let price = 9_995 + world.random.below(11);
    let (qty, tif) = (1 + world.random.below(15), world.random.pick(&["gtc", "gtc", "ioc", "fok"]));
    world.desk.client(&format!("o{} {side} {qty} @ {price} {tif}", world.ids));
}

/// A book near the middle, with what rests of our own orders within it.
fn book(world: &mut World) {
    let venue = world.random.below(3) as u8;
    let bid = 9_994 + world.random.below(6) as i64;
    let ask = bid + 2 + world.random.below(6) as i64;
    let (mut bids, mut asks) = (vec![(bid, 20)], vec![(ask, 20)]);
    for sent in world.sent.iter().rev().filter(|sent| book_of(world, sent.venue).0 == venue) {
        let child = &world.children[&sent.child.0];
        let (price, qty) = (sent.price.0, sent.qty.0);
        let shows = child.rests && child.is_open && child.accepted;
        let (levels, is_within) = match sent.side {
            Side::Buy => (&mut bids, price < ask),
            Side::Sell => (&mut asks, price > bid),
        };
        if shows && is_within && levels.len() < 4 && levels.iter().all(|level| level.0 != price) {
            levels.push((price, qty));
        }
    }
    world.desk.book(venue, &bids, &asks);
}

fn step(world: &mut World) {
    match world.random.below(100) {
        0..25 => order(world),
        25..45 => book(world),
        45..50 => world.recover(),
        50..52 => {
            let at = world.random.below(OWNERS.len() as u64) as u16;
            set_terms(world, at);
        }
        _ => return world.step(),
    }
    world.take_outputs();
    world.check();
}

/// Whether an order that is sent would match one that rests.
fn cross(world: &World, new: &SendNew, resting: &SendNew) -> bool {
    let reaches = match new.side {
        Side::Buy => new.price >= resting.price,
        Side::Sell => new.price <= resting.price,
    };
    book_of(world, new.venue) == book_of(world, resting.venue)
        && new.side != resting.side
        && reaches
}

/// What was sent in the last step meets nothing that it may not match.
fn check(world: &World, new: &[SendNew]) {
    let owner_of = |order: OrderId| {
        let order = world.desk.engine.order(order)?;
        Some(*world.desk.engine.reference().owner_of(order.account))
    };
    for new in new {
        let rests = |sent: &&SendNew| {
            let child = &world.children[&sent.child.0];
            sent.child < new.child && child.rests && child.is_open
        };
        for resting in world.sent.iter().filter(rests).filter(|resting| cross(world, new, resting))
        {
            let (Some(mine), Some(theirs)) = (owner_of(new.order), owner_of(resting.order)) else {
                continue;
            };
            let allowed = if mine.owner == theirs.owner {
                mine.self_match == SelfMatchPolicy::Allow
            } else {
                // Two owners with accounts of their own at the venue trade with each other.
                new.venue != resting.venue
            };
            assert!(allowed, "{new:?} meets {resting:?}: {mine:?} {theirs:?}");
        }
    }
}

/// A child that makes way for an order of another owner: when, whose child, and for whom.
type Yield = (u64, OrderId, OrderId);

/// Whether an order could match a resting child and may not.
fn may_not_match(world: &World, passing: &Order, own: &Child, by: VenueId) -> bool {
    let engine = &world.desk.engine;
    let owner = |order: &Order| engine.reference().owner_of(order.account);
    let Some(resting) = engine.order(own.order) else { return true };
    if owner(resting).owner == owner(passing).owner {
        owner(passing).self_match != SelfMatchPolicy::Allow
    } else {
        // Two owners with accounts of their own at the venue trade with each other.
        own.venue == by
    }
}

/// Whether somebody whom an order may match offers something at the price of a child that makes way
/// for it, or behind that price, within the order's limit. Children from `new` on were sent after
/// the child was called back.
fn others_offer(world: &World, child: &Child, passing: &Order, new: ChildId) -> bool {
    let reaches = |price: Price| match passing.side {
        Side::Buy => price <= passing.worst,
        Side::Sell => price >= passing.worst,
    };
    let is_before = |price: Price| match passing.side {
        Side::Buy => price < child.price,
        Side::Sell => price > child.price,
    };
    let book_of = |venue| world.desk.engine.reference().book_owner(venue);
    let book = world.desk.engine.book(child.venue, PAIR).expect("a book");
    let levels = book.opposite(passing.side).iter();
    let levels = levels.filter(|level| !is_before(level.price) && reaches(level.price));
    let ours = |upto: Price| -> i64 {
        let is_there = |own: &&Child| {
            let within = match passing.side {
                Side::Buy => own.price <= upto,
                Side::Sell => own.price >= upto,
            };
            let rests = own.tif == TimeInForce::Gtc && !own.state().is_over() && own.id < new;
            rests
                && may_not_match(world, passing, own, child.venue)
                && (book_of(own.venue), own.side) == (book_of(child.venue), child.side)
                && within
        };
        let own = world.desk.engine.children().filter(is_there);
        own.filter(|own| !is_before(own.price)).map(|own| own.leaves().0).sum()
    };
    let mut shown = 0;
    levels.into_iter().any(|level| {
        shown += level.qty.0;
        shown > ours(level.price)
    })
}

/// What the children do that were called back in the last step for orders of other owners. `sent`
/// and `cancels` are what had been sent before that step.
fn check_yields(world: &World, (sent, cancels): (usize, usize), yields: &mut Vec<Yield>) {
    let cancels = &world.cancels[cancels..];
    let new = world.sent.get(sent).map_or(ChildId(u64::MAX), |sent| sent.child);
    let engine = &world.desk.engine;
    let mut called: BTreeMap<OrderId, usize> = BTreeMap::new();
    for id in cancels {
        let Some(child) = engine.child(*id).filter(|child| child.yields_to != OrderId(0)) else {
            continue;
        };
        let (Some(back), Some(passing)) =
            (engine.order(child.order), engine.order(child.yields_to))
        else {
            continue;
        };
        let owner = |order: &Order| engine.reference().owner_of(order.account).owner;
        if owner(back) == owner(passing) {
            continue;
        }
        let again = world.cancels.iter().filter(|other| *other == id).count() > 1;
        // The cancel of a child that was called back before says nothing of the books as they are.
        assert!(again || others_offer(world, child, passing, new), "{child:?} for {passing:?}");
        *called.entry(passing.id).or_default() += 1;
        yields.push((world.desk.now.0, back.id, passing.id));
    }
    assert!(called.values().all(|count| *count <= OWN_CALLED_BACK_MAX), "{called:?}");
    if let Some((now, last, _)) = yields.last() {
        let since = now.saturating_sub(MOVE_WINDOW_NS);
        let lately = yields.iter().filter(|(at, back, _)| back == last && *at > since).count();
        assert!(lately <= YIELDS_PER_WINDOW_MAX as usize, "{last:?} has made way {lately} times");
    }
}

#[test]
fn no_order_meets_a_resting_one_that_it_may_not_match_whatever_happens() {
    run_all(world);
}

#[test]
fn no_order_meets_one_that_it_may_not_match_by_another_account_of_the_venue_either() {
    let sent = run_all(world_that_shares);
    let by = |venue: u8| sent.iter().filter(|sent| sent.venue == VenueId(venue)).count();
    assert!(by(0) > 0 && by(3) > 0, "both accounts send: {} and {}", by(0), by(3));
}

/// Runs the worlds of all seeds. Returns what they have sent.
fn run_all(world: impl Fn(u64) -> World) -> Vec<SendNew> {
    let mut all = Vec::new();
    let (mut told, mut passed): (BTreeMap<Refusal, u64>, u64) = (BTreeMap::new(), 0);
    for seed in seeds::chosen(CASES) {
        seeds::run(seed, "scenarios own_at_random::", || {
            let (mut world, mut yields) = (world(seed), Vec::new());
            let accounts_of = |world: &World, order: OrderId| {
                let order = world.desk.engine.order(order)?;
                Some(world.desk.engine.reference().routing_of(order.account).denied)
            };
            for _ in 0..STEPS {
                let (sent, cancels) = (world.sent.len(), world.cancels.len());
                step(&mut world);
                check(&world, &world.sent[sent..]);
                check_yields(&world, (sent, cancels), &mut yields);
                for new in &world.sent[sent..] {
                    let denied = accounts_of(&world, new.order).unwrap_or_default();
                    assert!(!denied.has(new.venue), "{new:?} goes by an account of others");
                }
            }
            passed += u64::from(!yields.is_empty());
            all.append(&mut world.sent);
            for (reason, count) in world.told {
                *told.entry(reason).or_default() += count;
            }
        });
    }
    assert!(passed > 0, "no order passes another one");
    for reason in [
        Refusal::SelfMatch,
        Refusal::SelfMatchResting,
        Refusal::SelfMatchReduced,
        Refusal::PlaceLost,
    ] {
        assert!(told.contains_key(&reason), "{reason:?} never happens: {told:?}");
    }
    all
}
