//! The whole node in one thread with virtual time: engine, journal on in-memory storage, FIX
//! gateway, both venues' order and feed machines, both simulated exchanges, three clients. One seed
//! decides everything: delays, cut connections, doubled and reordered frames, refusals, crashes and
//! restarts at any step.
//!
//! After every step the always-on checks have held (they are assertions in the engine), and no
//! order has gone to a venue twice. When the faults have stopped: our open orders are the venues'
//! open orders, nothing is unknown, positions and fees are the sums of the venues' fills, every
//! client has every report once, and a replay of the journal makes the same engine.
//!
//! `RUTTER_SEEDS=n` runs seeds 1 to n; `RUTTER_SEED=s` runs one, which is how a failure is
//! replayed.

mod check;
mod client;
mod network;
mod node;
mod venues;
mod world;

use world::World;

/// Seeds in a plain test run.
const SEEDS_DEFAULT: u64 = 200;

fn run(seed: u64) {
    let result = std::panic::catch_unwind(|| World::new(seed).run());
    if let Err(panic) = result {
        eprintln!(
            "seed {seed} failed; again with: RUTTER_SEED={seed} cargo test --test simulation"
        );
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn whatever_fails_nothing_is_lost_doubled_or_guessed() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("RUTTER_SEED") {
        return run(seed);
    }
    let seeds = number("RUTTER_SEEDS").unwrap_or(SEEDS_DEFAULT);
    let mut totals = world::Totals::default();
    for seed in 1..=seeds {
        let mut counted = world::Totals::default();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            counted = World::new(seed).run();
        }));
        if let Err(panic) = result {
            eprintln!(
                "seed {seed} failed; again with: RUTTER_SEED={seed} cargo test --test simulation"
            );
            std::panic::resume_unwind(panic);
        }
        totals.add(&counted);
    }
    println!("{seeds} seeds: {totals:?}");
    // A simulation that tests nothing must not pass.
    assert!(totals.crashes > 0 || seeds < 20, "no crash in {seeds} seeds");
    assert!(totals.cuts > 0 && totals.orders > 0 && totals.fills > 0, "{totals:?}");
    assert!(totals.replaced > 0 && totals.mass_answers > 0, "{totals:?}");
    assert!(totals.lost > 0 || seeds < 20, "no order ended with its connection: {totals:?}");
}
