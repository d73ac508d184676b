//! The whole node in one thread with virtual time: engine, journal on in-memory storage, FIX
//! gateway, every venue's order and feed machines and simulated exchange, three clients. One seed
//! decides everything: delays, cut connections, doubled and reordered frames, refusals, crashes and
//! restarts at any step.
//!
//! After every step the always-on checks have held (they are assertions in the engine), no order
//! has gone to a venue twice, and none to a venue with an open breaker or within a pause. No order
//! that is to rest at the touch has taken. No venue has refused a request because a count of its
//! documents was at its limit. When the faults have stopped: our open orders are the venues' open
//! orders, with their quantities, nothing is unknown, positions and fees are the sums of the
//! venues' fills, every client has every report once, and a replay makes the same engine.
//!
//! `RUTTER_SEEDS=n` runs seeds 1 to n; `RUTTER_SEED=s` runs one, which is how a failure is
//! replayed.

mod check;
mod client;
mod node;
mod posted;
mod shut;
mod table;
mod venues;
mod world;

use rutter_test_support::seeds;
use rutter_world::network;

use world::{Totals, World};

/// Seeds in a plain test run.
const SEEDS_DEFAULT: u64 = 200;

#[test]
fn whatever_fails_nothing_is_lost_doubled_or_guessed() {
    let seeds = seeds::chosen(SEEDS_DEFAULT);
    let mut totals = Totals::default();
    for counted in seeds::run_all(&seeds, "--test simulation", |seed| World::new(seed, true).run())
    {
        totals.add(&counted);
    }
    println!("seeds {seeds:?}: {totals:?}");
    let count = seeds.count();
    if count == 1 {
        return;
    }
    // A simulation that tests nothing must not pass.
    assert!(totals.crashes > 0 || count < 20, "no crash in {count} seeds");
    assert!(totals.cuts > 0 && totals.orders > 0 && totals.fills > 0, "{totals:?}");
    assert!(totals.breakers_opened > 0 || count < 20, "no breaker opened: {totals:?}");
    assert!(totals.pauses > 0 || count < 20, "no venue was paused: {totals:?}");
    assert!(totals.cancels_passed > 0 || count < 50, "no cancel passed a breaker: {totals:?}");
    assert!(totals.busy > 0 && (totals.cancels_held > 0 || count < 50), "{totals:?}");
    let restated = totals.restated.iter().all(|count| *count > 0);
    assert!(restated || count < 20, "no order met another one of ours: {totals:?}");
    let venues = totals.posted.iter().zip(&totals.would_take);
    for (posted, would_take) in venues {
        let seen = *posted > 0 && *would_take > 0;
        assert!(seen || count < 50, "no venue's post-only rule met: {totals:?}");
    }
    assert!(totals.replaced > 0 && totals.mass_answers > 0, "{totals:?}");
    let amended = totals.amended.iter().all(|count| *count > 0);
    assert!(amended || count < 50, "a venue has reduced no order: {totals:?}");
    let followed = totals.markets_closed > 0 && totals.filters_changed > 0;
    assert!(followed || count < 20, "no venue changed a market: {totals:?}");
    assert!(totals.lost > 0 || count < 20, "no order ended with its connection: {totals:?}");
}

/// The venues are strict: a node that does not count passes their limits.
#[test]
fn the_venues_refuse_requests_of_a_node_that_does_not_count() {
    let beyond = |seed| World::new(seed, false).run().beyond_limits;
    let refused: u64 = seeds::run_all(&(1..=8), "--test simulation", beyond).into_iter().sum();
    assert!(refused > 0);
}
