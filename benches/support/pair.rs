//! Paired ratios: a workload of ours and its floor in one process, in alternating short slices.
//!
//! A shared machine changes its speed from second to second. Two slices side by side change
//! together, so their ratio holds where the nanoseconds do not. Order within a pair alternates.

use std::time::{Duration, Instant};

/// How long one slice runs, about.
const SLICE: Duration = Duration::from_millis(250);
/// Pairs measured after the one that warms up.
const PAIRS: usize = 12;
const FIRST_COUNT: u64 = 16;

/// Runs so many units and returns how long that took.
pub type Run<'a> = &'a mut dyn FnMut(u64) -> Duration;

/// The number of units that takes about one slice.
fn calibrate(run: Run<'_>) -> u64 {
    let mut count = FIRST_COUNT;
    // The loop ends, for each turn runs four times as many units.
    loop {
        let took = run(count).max(Duration::from_nanos(1));
        if took * 4 >= SLICE {
            let scale = SLICE.as_secs_f64() / took.as_secs_f64();
            return ((count as f64 * scale) as u64).max(1);
        }
        count *= 4;
    }
}

fn per_unit(run: Run<'_>, count: u64) -> f64 {
    run(count).as_secs_f64() * 1e9 / count as f64
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Times the calls of `unit`, all together.
pub fn timed(mut unit: impl FnMut()) -> impl FnMut(u64) -> Duration {
    move |count| {
        let start = Instant::now();
        for _ in 0..count {
            unit();
        }
        start.elapsed()
    }
}

/// So many units in as many fresh worlds of at most `part_max` units as they need; only `run` is
/// timed, not the making.
pub fn in_fresh<T>(
    count: u64,
    part_max: u64,
    fresh: impl Fn() -> T,
    run: impl Fn(&mut T, u64) -> Duration,
) -> Duration {
    let mut took = Duration::ZERO;
    let mut left = count;
    while left > 0 {
        let part = left.min(part_max);
        took += run(&mut fresh(), part);
        left -= part;
    }
    took
}

/// As [`in_fresh`], but every world does exactly `part` units, so that its cold start weighs as
/// much in each; scaled to `count` units.
pub fn in_whole<T>(
    count: u64,
    part: u64,
    fresh: impl Fn() -> T,
    run: impl Fn(&mut T, u64) -> Duration,
) -> Duration {
    let parts = count.div_ceil(part);
    let took = in_fresh(parts * part, part, fresh, run);
    took.mul_f64(count as f64 / (parts * part) as f64)
}

/// Measures and prints one JSON line; nanoseconds are medians.
pub fn measure(name: &str, ours: Run<'_>, floor: Run<'_>) {
    let ours_count = calibrate(ours);
    let floor_count = calibrate(floor);
    let (mut ours_ns, mut floor_ns, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..=PAIRS {
        let (a, b) = if pair % 2 == 0 {
            let a = per_unit(ours, ours_count);
            (a, per_unit(floor, floor_count))
        } else {
            let b = per_unit(floor, floor_count);
            (per_unit(ours, ours_count), b)
        };
        if pair > 0 {
            ours_ns.push(a);
            floor_ns.push(b);
            ratios.push(a / b);
        }
    }
    let p50 = median(&mut ratios);
    println!(
        "{{\"name\":\"{name}\",\"pairs\":{PAIRS},\"ours_ns\":{:.1},\"floor_ns\":{:.1},\
         \"ratio_p50\":{p50:.3},\"ratio_min\":{:.3},\"ratio_max\":{:.3}}}",
        median(&mut ours_ns),
        median(&mut floor_ns),
        ratios[0],
        ratios[ratios.len() - 1],
    );
}
