//! Orders of several owners that meet each other while everything happens at random: whatever the
//! policies are, no order is sent where it would match a resting one that it may not match.

use std::collections::BTreeMap;

use rutter_core::id::{AccountId, OrderId, SessionId, VenueId};
use rutter_core::input::*;
use rutter_core::output::SendNew;
use rutter_core::venue_set::VenueSet;
use rutter_test_support::reference::text;
use rutter_test_support::{reference, seeds};

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
    let mut told: BTreeMap<Refusal, u64> = BTreeMap::new();
    for seed in seeds::chosen(CASES) {
        seeds::run(seed, "scenarios own_at_random::", || {
            let mut world = world(seed);
            let accounts_of = |world: &World, order: OrderId| {
                let order = world.desk.engine.order(order)?;
                Some(world.desk.engine.reference().routing_of(order.account).denied)
            };
            for _ in 0..STEPS {
                let before = world.sent.len();
                step(&mut world);
                check(&world, &world.sent[before..]);
                for new in &world.sent[before..] {
                    let denied = accounts_of(&world, new.order).unwrap_or_default();
                    assert!(!denied.has(new.venue), "{new:?} goes by an account of others");
                }
            }
            all.append(&mut world.sent);
            for (reason, count) in world.told {
                *told.entry(reason).or_default() += count;
            }
        });
    }
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
