//! What windows count, against a venue's own count of what arrives.

use super::*;
use crate::id::{Name, VenueId};
use crate::input::{AgeStep, BreakerTerms, Counted};

const PAIR: InstrumentId = InstrumentId(0);
const S: u64 = 1_000_000_000;

/// A venue's terms with that window alone.
fn only(window: WindowDef, slack_ns: u64) -> (VenueDef, BudgetDef) {
    let venue = VenueDef {
        id: VenueId(0),
        name: Name::EMPTY,
        stale_after_ns: 1,
        rate_orders: u32::MAX,
        rate_window_ns: 1,
        unanswered_max: 1,
        fok: false,
        breaker: BreakerTerms::DEFAULT,
    };
    (venue, BudgetDef::new(VenueId(0), slack_ns, &[window]).expect("few windows"))
}

fn budget(window: WindowDef, slack_ns: u64) -> Budget {
    let (venue, def) = only(window, slack_ns);
    let mut budget = Budget::default();
    budget.set(&venue, &def, 2, UnixNanos(0));
    budget
}

fn window(kind: WindowKind, limit: u32, length_ns: u64) -> WindowDef {
    WindowDef { kind, ..WindowDef::orders(limit, length_ns) }
}

/// Sends as many orders as there is room for.
fn drain(budget: &mut Budget, now_ns: u64) -> u32 {
    let (now, mut sent) = (UnixNanos(now_ns), 0);
    let left = budget.left(now, PAIR);
    while budget.has_room(now, PAIR) {
        budget.count_order(now, PAIR);
        sent += 1;
    }
    assert_eq!(sent, left, "at {now_ns}");
    sent
}

#[test]
fn a_sliding_window_counts_each_order_for_its_whole_length() {
    let mut all = budget(window(WindowKind::Sliding, 10, S), 0);
    all.count_order(UnixNanos(5 * S), PAIR);
    // The window that began with the first order would end here, and take ten more.
    assert_eq!(drain(&mut all, 6 * S - 50_000_000), 9);
    assert_eq!(drain(&mut all, 6 * S), 0, "both ends belong to an interval");
    assert_eq!(all.ready_at(UnixNanos(6 * S), PAIR), Some(UnixNanos(6 * S + 1)));
    assert_eq!(drain(&mut all, 6 * S + 1), 1);
    assert_eq!(drain(&mut all, 7 * S - 50_000_000), 0);
    assert_eq!(drain(&mut all, 7 * S - 50_000_000 + 1), 9);
}

#[test]
fn a_fixed_window_is_aligned_and_a_request_near_its_border_counts_in_both() {
    let mut exact = budget(window(WindowKind::Fixed, 10, 10 * S), 0);
    assert_eq!(
        [19 * S, 20 * S - 1, 20 * S, 29 * S].map(|at| drain(&mut exact, at)),
        [10, 0, 10, 0]
    );
    assert_eq!(exact.ready_at(UnixNanos(29 * S), PAIR), Some(UnixNanos(30 * S)));
    let mut late = budget(window(WindowKind::Fixed, 10, 10 * S), S);
    assert_eq!([18 * S, 19 * S, 20 * S, 21 * S - 1].map(|at| drain(&mut late, at)), [10, 0, 0, 0]);
    assert_eq!(late.ready_at(UnixNanos(20 * S), PAIR), Some(UnixNanos(21 * S)));
    assert_eq!([21 * S, 29 * S].map(|at| drain(&mut late, at)), [10, 0]);
    let mut at_border = budget(window(WindowKind::Fixed, 10, 10 * S), S);
    assert_eq!([19 * S + 1, 22 * S].map(|at| drain(&mut at_border, at)), [10, 0]);
    assert_eq!(at_border.ready_at(UnixNanos(22 * S), PAIR), Some(UnixNanos(31 * S)));
}

#[test]
fn a_decaying_counter_falls_steadily() {
    let mut all = budget(window(WindowKind::Decay, 60, 60 * S), 0);
    assert_eq!([100 * S, 100 * S + S - 1, 101 * S].map(|at| drain(&mut all, at)), [60, 0, 1]);
    assert_eq!(all.ready_at(UnixNanos(101 * S), PAIR), Some(UnixNanos(102 * S)));
    assert_eq!([111 * S, 1_000 * S].map(|at| drain(&mut all, at)), [10, 60]);
    let mut late = budget(window(WindowKind::Decay, 60, 60 * S), S);
    assert_eq!([100 * S, 101 * S, 102 * S].map(|at| drain(&mut late, at)), [59, 1, 1]);
}

#[test]
fn cancels_have_room_that_new_orders_never_take() {
    let mut young = [AgeStep::default(); 6];
    young[0] = AgeStep { below_s: 5, points: 8 };
    let def = WindowDef {
        counted: Counted::Messages,
        reserved: 12,
        cancel: 1,
        young,
        ..window(WindowKind::Decay, 60, 60 * S)
    };
    let mut all = budget(def, 0);
    let now = UnixNanos(100 * S);
    assert_eq!(drain(&mut all, now.0), 48);
    assert_eq!(all.cancel_ready_at(now, PAIR, 4 * S), now);
    all.count_cancel(now, PAIR, 4 * S);
    assert_eq!(all.cancel_ready_at(now, PAIR, 4 * S), UnixNanos(104 * S));
    assert_eq!(all.cancel_ready_at(now, PAIR, 5 * S), now, "an old order's cancel is cheap");
    assert_eq!(all.ready_at(now, PAIR), Some(UnixNanos(109 * S)));
}

/// The order may have arrived later than its cancel did, after it was sent.
#[test]
fn an_order_is_no_older_at_its_venue_than_the_slack_leaves_it() {
    let mut young = [AgeStep::default(); 6];
    young[0] = AgeStep { below_s: 5, points: 8 };
    young[1] = AgeStep { below_s: 10, points: 6 };
    let def =
        WindowDef { counted: Counted::Messages, young, ..window(WindowKind::Decay, 60, 60 * S) };
    let mut all = budget(def, S / 10);
    let now = UnixNanos(100 * S);
    all.count_cancel(now, PAIR, 5 * S);
    let used = |all: &Budget| all.usage(now).next().map(|usage| usage.used);
    assert_eq!(used(&all), Some(8));
    all.count_cancel(now, PAIR, 5 * S + S / 10);
    assert_eq!(used(&all), Some(14));
    let mut count_orders = |orders: u32| {
        for _ in 0..orders {
            all.count_order(now, PAIR);
        }
        all.clone()
    };
    let all = count_orders(31);
    let fits = |age_ns| all.move_ready_at(now, PAIR, &core::iter::once(age_ns)) == Some(now);
    assert_eq!(
        [5 * S, 5 * S + S / 10].map(fits),
        [false, true],
        "of 45 and 8, beside 8 left alone"
    );
    let all = count_orders(8);
    let ready_at = [5 * S, 5 * S + S / 10].map(|age_ns| all.cancel_ready_at(now, PAIR, age_ns));
    assert!(ready_at[0] > now && ready_at[1] == now);
}

#[test]
fn each_instrument_can_have_a_count_of_its_own() {
    let own = WindowDef { per_instrument: true, ..window(WindowKind::Decay, 3, S) };
    let mut all = budget(own, 0);
    assert_eq!(drain(&mut all, S), 3);
    assert_eq!(all.left(UnixNanos(S), InstrumentId(1)), 3);
    let used: Vec<_> = all.usage(UnixNanos(S)).map(|usage| (usage.used, usage.left)).collect();
    assert_eq!(used, [(3, 0)]);
}

#[test]
fn changed_terms_forgive_nothing_and_equal_terms_change_nothing() {
    for kind in [WindowKind::Sliding, WindowKind::Fixed, WindowKind::Decay] {
        let mut all = budget(window(kind, 10, 10 * S), 0);
        assert_eq!(drain(&mut all, 100 * S), 10);
        let now = UnixNanos(101 * S);
        let (venue, def) = only(window(kind, 10, 10 * S), 0);
        all.set(&venue, &def, 5, now);
        assert!(all.left(now, PAIR) <= 1, "{kind:?}");
        let (venue, def) = only(window(kind, 12, 10 * S), 0);
        all.set(&venue, &def, 5, now);
        let left = all.left(now, PAIR);
        assert!((2..=3).contains(&left), "{kind:?}: {left}");
        let (venue, def) = only(window(WindowKind::Sliding, 12, 10 * S), 1);
        all.set(&venue, &def, 5, now);
        let after = all.left(now, PAIR);
        // A counter that has fallen by a part of a point is counted as if it had not.
        assert!((left - 1..=left).contains(&after), "{kind:?}: {after} and not {left}");
        let (venue, def) = only(window(kind, 1, S), 0);
        all.set(&venue, &def, 5, now);
        assert_eq!(all.left(now, PAIR), 0, "{kind:?}");
    }
}

/// Whatever a window of another kind has counted, a new one is full at most: all cancels can be
/// sent one length later, and a window that counts something else says nothing of it.
#[test]
fn a_new_window_begins_full_at_most_and_with_the_count_of_its_like() {
    let day = window(WindowKind::Fixed, 160_000, 86_400 * S);
    let now = UnixNanos(43_200 * S);
    for kind in [WindowKind::Sliding, WindowKind::Fixed, WindowKind::Decay] {
        for counted in [Counted::Orders, Counted::Messages] {
            let mut all = budget(day, 0);
            for _ in 0..40_000 {
                all.count_order(now, PAIR);
            }
            let new = WindowDef { counted, cancel: 1, ..window(kind, 60, 60 * S) };
            let (venue, def) = only(new, 0);
            all.set(&venue, &def, 1, now);
            let used: Vec<_> = all.usage(now).map(|usage| usage.used).collect();
            assert_eq!(used, [60], "{kind:?} {counted:?}");
            let ready = all.cancel_ready_at(now, PAIR, S);
            assert!(ready.since(now) <= 60 * S + 1, "{kind:?} {counted:?}: {ready:?}");
        }
    }
    let messages = WindowDef { counted: Counted::Messages, cancel: 1, ..window(day.kind, 900, S) };
    let venue = only(day, 0).0;
    let def = BudgetDef::new(VenueId(0), 0, &[day, messages]).expect("few windows");
    let mut all = Budget::default();
    all.set(&venue, &def, 1, now);
    for _ in 0..70 {
        all.count_order(now, PAIR);
    }
    let next = UnixNanos(now.0 + 2 * S);
    all.count_order(next, PAIR);
    let changed = WindowDef { limit: 800, ..messages };
    let def = BudgetDef::new(VenueId(0), 0, &[day, changed]).expect("few windows");
    all.set(&venue, &def, 1, next);
    let used: Vec<_> = all.usage(next).map(|usage| usage.used).collect();
    assert_eq!(used, [71, 1]);
}

/// Each window goes on with its own counts, of each instrument, when only the slack changes.
#[test]
fn another_slack_neither_forgives_nor_mixes_up_what_was_counted() {
    let own = WindowDef { per_instrument: true, ..window(WindowKind::Decay, 9, 9 * S) };
    let short = window(WindowKind::Sliding, 50, S);
    let day = window(WindowKind::Fixed, 160_000, 86_400 * S);
    let def =
        |slack_ns| BudgetDef::new(VenueId(0), slack_ns, &[own, short, day]).expect("few windows");
    let venue = only(day, 0).0;
    let mut all = Budget::default();
    let now = UnixNanos(100_000 * S);
    all.set(&venue, &def(S / 10), 2, now);
    for _ in 0..8 {
        all.count_order(now, PAIR);
    }
    let later = UnixNanos(now.0 + S + S / 20);
    all.count_order(later, InstrumentId(1));
    let lefts = |all: &Budget, at| [PAIR, InstrumentId(1)].map(|pair| all.left(at, pair));
    let before = lefts(&all, later);
    all.set(&venue, &def(S / 5), 2, later);
    let after = lefts(&all, later);
    assert!((0..2).all(|at| after[at] <= before[at] && after[at] + 2 >= before[at]));
    let used: Vec<_> = all.usage(later).map(|usage| usage.used).collect();
    // Eight of the second before could still arrive within this one.
    assert_eq!(used[1..], [9, 9]);
}

#[test]
fn extreme_terms_neither_panic_nor_pass_more_than_the_limit() {
    let lengths = [1, 2, S, 86_400 * S, u64::MAX];
    for kind in [WindowKind::Sliding, WindowKind::Fixed, WindowKind::Decay] {
        for length_ns in lengths {
            for slack_ns in [0, 1, S, u64::MAX] {
                let mut none = budget(window(kind, 0, length_ns), slack_ns);
                assert_eq!(drain(&mut none, 7), 0);
                assert_eq!(none.ready_at(UnixNanos(7), PAIR), None);
                none.count_order(UnixNanos(7), PAIR);
                let mut one = budget(window(kind, 1, length_ns), slack_ns);
                let sent: u32 = [5, 5, 4, 0].map(|at| drain(&mut one, at)).iter().sum();
                assert_eq!(sent, 1, "{kind:?} {length_ns} {slack_ns}");
                let mut most = budget(window(kind, u32::MAX - 1, length_ns), slack_ns);
                for at in [0, 9, u64::MAX, 3] {
                    most.count_order(UnixNanos(at), PAIR);
                    most.count_cancel(UnixNanos(at), PAIR, u64::MAX);
                    let left = most.left(UnixNanos(at), PAIR);
                    assert!(left < u32::MAX, "{kind:?} {length_ns} {slack_ns}: {left}");
                    most.ready_at(UnixNanos(at), PAIR);
                }
                let endless = budget(window(kind, u32::MAX, length_ns), slack_ns);
                assert_eq!(endless.left(UnixNanos(3), PAIR), u32::MAX);
            }
        }
    }
}

#[test]
fn a_cancel_that_no_limit_could_hold_does_not_wait() {
    let def = WindowDef { cancel: 8, ..window(WindowKind::Sliding, 3, S) };
    let mut all = budget(def, 0);
    drain(&mut all, S);
    assert_eq!(all.cancel_ready_at(UnixNanos(S), PAIR, 0), UnixNanos(S));
}

/// Numbers for the test below, from one seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) % end
    }
}

/// The most points that a venue has counted in one of its windows, by its own rule, from the
/// times of arrival.
fn most_counted(def: &WindowDef, arrivals: &[(u64, u32)]) -> u64 {
    let points = |of: &[(u64, u32)]| of.iter().map(|(_, points)| u64::from(*points)).sum();
    let mut most = 0;
    // In points times the length.
    let mut level = 0_u128;
    for (at, (time, weight)) in arrivals.iter().enumerate() {
        let count: u64 = match def.kind {
            WindowKind::Sliding => {
                let end = arrivals.partition_point(|(t, _)| *t <= time + def.length_ns);
                points(&arrivals[at..end])
            }
            WindowKind::Fixed => {
                let of = |t: u64| t / def.length_ns;
                points(
                    &arrivals
                        .iter()
                        .filter(|(t, _)| of(*t) == of(*time))
                        .copied()
                        .collect::<Vec<_>>(),
                )
            }
            WindowKind::Decay => {
                let before = at.checked_sub(1).map_or(*time, |at| arrivals[at].0);
                let fallen = u128::from(time - before) * u128::from(def.limit);
                let length = u128::from(def.length_ns);
                level = level.saturating_sub(fallen) + u128::from(*weight) * length;
                level.div_ceil(length) as u64
            }
        };
        most = most.max(count);
    }
    most
}

/// The window and the slack a million times longer, with cancels that weigh more for young orders.
fn with_steps(random: &mut Random, def: WindowDef, slack_ns: u64) -> (WindowDef, u64) {
    const LONGER: u64 = 1_000_000;
    let length_ns = def.length_ns * LONGER;
    let most = u64::from(def.limit);
    let points = [1 + random.below(most.min(9)), 1 + random.below(most.min(4))];
    let below_s = 1 + random.below(length_ns / S) / 3;
    let mut young = [AgeStep::default(); 6];
    young[0] = AgeStep { below_s: below_s as u16, points: points[0].max(points[1]) as u16 };
    young[1] = AgeStep { below_s: 2 * below_s as u16, points: points[1] as u16 };
    (WindowDef { length_ns, cancel: 0, young, ..def }, slack_ns * LONGER)
}

/// Orders and cancels are sent whenever there is room, and each arrives up to the slack later.
/// However that falls, the venue never counts more than its limit; and where there is demand,
/// the limit is used.
#[test]
fn no_window_of_the_venue_ever_holds_more_than_its_limit() {
    let mut total = 0;
    for seed in 0..600 {
        let mut random = Random(seed);
        let kind = [WindowKind::Sliding, WindowKind::Fixed, WindowKind::Decay][seed as usize % 3];
        let length_ns = [1_000, 60_000, 1_000_000][random.below(3) as usize];
        let limit = 1 + random.below(200) as u32;
        let slack_ns = [0, length_ns / 100, length_ns / 3][random.below(3) as usize];
        let reserved = random.below(u64::from(limit)) as u32 / 2;
        let cancel = random.below(u64::from(limit).min(9)) as u16;
        let def = WindowDef { reserved, cancel, ..window(kind, limit, length_ns) };
        // Steps of age are whole seconds, so that such windows are longer.
        let aged = random.below(2) == 0;
        let (def, slack_ns) =
            if aged { with_steps(&mut random, def, slack_ns) } else { (def, slack_ns) };
        let length_ns = def.length_ns;
        let mut all = budget(def, slack_ns);
        let (mut now, mut arrivals, mut sent) = (1_000_000_000, Vec::new(), 0_u64);
        let mut open: Vec<(u64, u64)> = Vec::new();
        let pause = [1, length_ns / 50, length_ns / 5][random.below(3) as usize] + 1;
        for _ in 0..600 {
            now += random.below(pause);
            let arrives = now + random.below(slack_ns + 1);
            if random.below(4) == 0 && !open.is_empty() {
                let at = random.below(open.len() as u64) as usize;
                let (sent_at, came_at) = open[at];
                let age_ns = now - sent_at;
                if all.cancel_ready_at(UnixNanos(now), PAIR, age_ns) == UnixNanos(now) {
                    all.count_cancel(UnixNanos(now), PAIR, age_ns);
                    open.swap_remove(at);
                    // The venue knows when both arrived.
                    let points = def.cancel_points(arrives.saturating_sub(came_at));
                    arrivals.push((arrives, points));
                }
            } else if all.has_room(UnixNanos(now), PAIR) {
                assert!(all.left(UnixNanos(now), PAIR) > 0);
                all.count_order(UnixNanos(now), PAIR);
                arrivals.push((arrives, 1));
                open.push((now, arrives));
                sent += 1;
            } else if let Some(ready) = all.ready_at(UnixNanos(now), PAIR) {
                assert!(ready.0 > now && all.has_room(ready, PAIR), "seed {seed}");
                assert!(
                    !all.has_room(UnixNanos(ready.0 - 1), PAIR),
                    "seed {seed}: later than needed"
                );
            }
        }
        arrivals.sort_unstable();
        let most = most_counted(&def, &arrivals);
        assert!(most <= u64::from(limit), "seed {seed}: {most} of {limit} in {def:?}");
        total += sent;
    }
    assert!(total > 50_000, "{total} orders");
}

#[test]
fn a_steady_demand_gets_nearly_the_whole_limit() {
    for kind in [WindowKind::Sliding, WindowKind::Fixed, WindowKind::Decay] {
        let mut all = budget(window(kind, 100, 10 * S), S / 10);
        let sent: u32 = (0..100_000).map(|tick| drain(&mut all, tick * S / 100)).sum();
        // A thousand seconds.
        assert!((9_500..=10_100).contains(&sent), "{kind:?}: {sent}");
    }
}

/// Points of a cancel by the age of its order, in seconds: below, points.
const BY_AGE: [(u64, u64); 3] = [(5, 8), (15, 5), (90, 2)];

fn by_age() -> WindowDef {
    let mut young = [AgeStep::default(); 6];
    for (step, (below_s, points)) in young.iter_mut().zip(BY_AGE) {
        *step = AgeStep { below_s: below_s as u16, points: points as u16 };
    }
    WindowDef {
        counted: Counted::Messages,
        reserved: 12,
        young,
        ..window(WindowKind::Decay, 60, 60 * S)
    }
}

/// Orders and their cancels take turns and each arrives up to the slack later, an order never after
/// its cancel. The venue weighs a cancel by the age that it sees.
#[test]
fn no_cancel_of_a_young_order_passes_the_limit_of_the_venue() {
    let mut cancels = 0;
    for seed in 0..300 {
        let mut random = Random(seed);
        let slack_ns = [0, S / 10, 2 * S][random.below(3) as usize];
        let kind = [WindowKind::Decay, WindowKind::Sliding, WindowKind::Fixed][seed as usize % 3];
        let def = WindowDef { kind, ..by_age() };
        let mut all = budget(def, slack_ns);
        let (mut now, mut arrivals, mut open) = (1_000 * S, Vec::new(), Vec::new());
        for _ in 0..400 {
            now += random.below(3 * S / 2);
            let mut arrives = now + random.below(slack_ns + 1);
            if random.below(2) == 0 && !open.is_empty() {
                let at = random.below(open.len() as u64) as usize;
                let (sent, arrived): (u64, u64) = open[at];
                if all.cancel_ready_at(UnixNanos(now), PAIR, now - sent) == UnixNanos(now) {
                    all.count_cancel(UnixNanos(now), PAIR, now - sent);
                    arrives = arrives.max(arrived);
                    let age_s = (arrives - arrived) / S;
                    let row = BY_AGE.iter().find(|(below_s, _)| age_s < *below_s);
                    arrivals.push((arrives, row.map_or(0, |(_, points)| *points as u32)));
                    open.swap_remove(at);
                    cancels += 1;
                }
            } else if all.has_room(UnixNanos(now), PAIR) {
                all.count_order(UnixNanos(now), PAIR);
                arrivals.push((arrives, 1));
                open.push((now, arrives));
            }
        }
        arrivals.sort_unstable();
        let most = most_counted(&def, &arrivals);
        assert!(most <= u64::from(def.limit), "seed {seed}: {most} of {} in {def:?}", def.limit);
    }
    assert!(cancels > 5_000, "{cancels} cancels");
}

/// Orders take all the room that they find, at each moment, and little or nothing is reserved.
#[test]
fn new_orders_never_delay_a_cancel_that_waits() {
    let mut waited = 0;
    for seed in 0..300 {
        let mut random = Random(seed);
        let kind = [WindowKind::Sliding, WindowKind::Fixed, WindowKind::Decay][seed as usize % 3];
        let limit = 10 + random.below(50) as u32;
        let length_ns = u64::from(limit) * 1_000;
        let slack_ns = [0, length_ns / 100][random.below(2) as usize];
        let (reserved, cancel) = (random.below(3) as u32, 1 + random.below(8) as u16);
        let def = WindowDef { reserved, cancel, ..window(kind, limit, length_ns) };
        let (mut all, start) = (budget(def, slack_ns), 1_000_000_000 + random.below(length_ns));
        drain(&mut all, start);
        let ready_at = |all: &Budget, now| all.cancel_ready_at(UnixNanos(now), PAIR, 0).0;
        while ready_at(&all, start) == start {
            all.count_cancel(UnixNanos(start), PAIR, 0);
        }
        let ready = ready_at(&all, start);
        for step in 0..=100 {
            drain(&mut all, start + (ready - start) * step / 100);
        }
        assert_eq!(ready_at(&all, ready), ready, "seed {seed}: {def:?}");
        waited += u64::from(ready > start);
    }
    assert_eq!(waited, 300);
}

/// What cancels alone hold of a window at a moment, at most, from the times of their sending.
fn held_by_cancels(def: &WindowDef, slack_ns: u64, now: u64, cancels: &[(u64, u64)]) -> u64 {
    let since = |from: u64| {
        let of = cancels.iter().filter(|(at, _)| *at >= from);
        of.map(|(_, points)| points).sum::<u64>()
    };
    match def.kind {
        WindowKind::Sliding => {
            let length_ns = def.length_ns + slack_ns;
            since(now.saturating_sub(length_ns + length_ns.div_ceil(SPANS as u64 - 2) + 1))
        }
        WindowKind::Fixed => {
            since(((now - slack_ns) / def.length_ns * def.length_ns).saturating_sub(slack_ns))
        }
        WindowKind::Decay => {
            // In points times the length of the window.
            let (mut level, mut before) = (0_u128, 0);
            for (at, points) in cancels.iter().copied().chain([(now, 0)]) {
                level = level.saturating_sub(u128::from(at - before) * u128::from(def.limit));
                level += u128::from(points) * u128::from(def.length_ns);
                before = at;
            }
            level.div_ceil(u128::from(def.length_ns)) as u64
        }
    }
}

/// Orders take all the room that they find, at each moment. A cancel goes at once as long as the
/// cancels before it leave it room in what is reserved for them.
#[test]
fn cancels_always_find_the_room_that_is_reserved_for_them() {
    let (mut at_once, mut beyond) = (0, 0);
    for seed in 0..300 {
        let mut random = Random(seed);
        let kind = [WindowKind::Sliding, WindowKind::Fixed, WindowKind::Decay][seed as usize % 3];
        let limit = 10 + random.below(100) as u32;
        // A counter falls by a whole number of nanoseconds a point.
        let length_ns = u64::from(limit) * [10, 600, 10_000][random.below(3) as usize];
        let slack_ns = [0, length_ns / 100, length_ns / 3][random.below(3) as usize];
        let reserved = 4 + random.below(u64::from(limit) / 2) as u32;
        let cancel = 1 + random.below(4) as u16;
        let def = WindowDef { reserved, cancel, ..window(kind, limit, length_ns) };
        let mut all = budget(def, slack_ns);
        let (mut now, mut cancels) = (1_000_000_000, Vec::new());
        let pause = [1, length_ns / 50, length_ns / 5][random.below(3) as usize] + 1;
        for _ in 0..300 {
            now += random.below(pause);
            drain(&mut all, now);
            let points = u64::from(cancel);
            let held = held_by_cancels(&def, slack_ns, now, &cancels);
            let is_ready = all.cancel_ready_at(UnixNanos(now), PAIR, 0) == UnixNanos(now);
            let has_room = held + points <= u64::from(reserved);
            assert!(is_ready || !has_room, "seed {seed}: {held} held of {def:?} at {now}");
            at_once += u64::from(has_room);
            beyond += u64::from(!has_room);
            if is_ready && random.below(3) > 0 {
                all.count_cancel(UnixNanos(now), PAIR, 0);
                cancels.push((now, points));
            }
        }
    }
    assert!(at_once > 10_000 && beyond > 10_000, "{at_once} {beyond}");
}

/// What the venue counts at a moment, by its own rule, from the times of all requests.
fn counted_at(def: &WindowDef, now: u64, length_ns: u64, requests: &[(u64, u32)]) -> u64 {
    let since = |from: u64| {
        let of = requests.iter().filter(|(at, _)| *at >= from);
        of.map(|(_, points)| u64::from(*points)).sum::<u64>()
    };
    match def.kind {
        WindowKind::Sliding => since(now.saturating_sub(length_ns)),
        WindowKind::Fixed => since(now / length_ns * length_ns),
        WindowKind::Decay => {
            let cancels: Vec<_> = requests.iter().map(|(at, p)| (*at, u64::from(*p))).collect();
            held_by_cancels(def, 0, now, &cancels)
        }
    }
}

/// Requests of random weights at random moments, sent whether there is room or not.
#[test]
fn a_count_is_the_venues_own_and_a_sliding_one_is_late_by_a_span_at_most() {
    for seed in 0..300 {
        let mut random = Random(seed);
        let kind = [WindowKind::Sliding, WindowKind::Fixed, WindowKind::Decay][seed as usize % 3];
        let limit = 1 + random.below(200) as u32;
        let length_ns = u64::from(limit) * [10, 600, 10_000][random.below(3) as usize];
        let def = WindowDef { cancel: 1, ..window(kind, limit, length_ns) };
        let mut all = budget(def, 0);
        let (mut now, mut requests) = (1_000_000_000, Vec::new());
        let pause = [1, length_ns / 50, length_ns / 5][random.below(3) as usize] + 1;
        for _ in 0..200 {
            now += random.below(pause);
            for _ in 0..random.below(4) {
                all.count_order(UnixNanos(now), PAIR);
                requests.push((now, 1));
            }
            let used = u64::from(all.usage(UnixNanos(now)).next().expect("a window").used);
            let least = counted_at(&def, now, length_ns, &requests);
            let span = length_ns.div_ceil(SPANS as u64 - 2) + 1;
            let most = match kind {
                WindowKind::Sliding => counted_at(&def, now, length_ns + span, &requests),
                WindowKind::Fixed | WindowKind::Decay => least,
            };
            let range = least..=most;
            assert!(range.contains(&used), "seed {seed}: {used} is not in {range:?} of {def:?}");
        }
    }
}
