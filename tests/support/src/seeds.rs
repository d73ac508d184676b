//! Which seeds a random test runs, and how a failed one is replayed.
//!
//! `RUTTER_SEEDS=n` runs seeds 1 to n. `RUTTER_SEED=s` runs that seed only.

use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// The number in an environment variable; `None` if the variable does not exist.
///
/// # Panics
/// If the variable holds anything but a number.
pub fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// The seeds to run, `count` of them unless the environment says otherwise.
pub fn chosen(count: u64) -> RangeInclusive<u64> {
    match number("RUTTER_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=number("RUTTER_SEEDS").unwrap_or(count),
    }
}

/// Runs one seed. If `run` panics, prints the command that replays the seed, and panics as well.
pub fn run<T>(seed: u64, test: &str, run: impl FnOnce() -> T) -> T {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result,
        Err(panic) => {
            eprintln!("seed {seed} failed; again with: RUTTER_SEED={seed} cargo test {test}");
            resume_unwind(panic)
        }
    }
}

/// Runs all `seeds`, several at a time on a machine with several processors. The results are in no
/// order. If a seed fails, no further seed is started, and the call panics.
pub fn run_all<T: Send>(
    seeds: &RangeInclusive<u64>,
    test: &str,
    run_one: impl Fn(u64) -> T + Sync,
) -> Vec<T> {
    let next = AtomicU64::new(*seeds.start());
    let work = || {
        let mut results = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if !seeds.contains(&seed) {
                return results;
            }
            let _stop = StopOnPanic(&next);
            results.push(run(seed, test, || run_one(seed)));
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let joined = workers.into_iter().map(thread::ScopedJoinHandle::join);
        joined.flat_map(|result| result.unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

/// Behind every seed, with room for the workers to count on.
const NO_SEED: u64 = u64::MAX / 2;

/// While a panic unwinds, sets the counter to [`NO_SEED`].
struct StopOnPanic<'a>(&'a AtomicU64);

impl Drop for StopOnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.store(NO_SEED, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_runs_once() {
        let mut results = run_all(&(1..=100), "", |seed| seed);
        results.sort_unstable();
        assert_eq!(results, (1..=100).collect::<Vec<_>>());
    }

    #[test]
    fn a_seed_that_fails_fails_the_run() {
        let failed = catch_unwind(|| run_all(&(1..=100), "", |seed| assert!(seed < 50)));
        assert!(failed.is_err());
    }
}
