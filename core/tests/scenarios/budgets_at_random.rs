//! Budgets while everything happens at random. The venues count what arrives by their own rules and
//! refuse what is beyond: they never have to, and each order and cancel goes in the end.

use std::collections::{BTreeMap, BTreeSet};

use rutter_core::id::{ChildId, VenueId};
use rutter_core::input::*;
use rutter_core::output::{Notice, Output, Paused};
use rutter_core::waiting::Waiting;
use rutter_test_support::random::Random;
use rutter_test_support::{reference, seeds};

use crate::desk::{Desk, HALT, RESUME};
use crate::strict_venue::StrictVenue;

const CASES: u64 = 60;
const VENUES: u8 = 2;
const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;
/// Clients trade for so long.
const TRADING: u64 = 60 * SECOND;
/// In so much more time everything ends.
const PATIENCE: u64 = 600 * SECOND;

/// A request on its way to a venue.
#[derive(Clone, Copy, Debug)]
struct Request {
    venue: u8,
    child: u64,
    is_cancel: bool,
}

/// What was seen in a run.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    orders: u64,
    cancels: u64,
    full: u64,
    busy: u64,
    held_cancels: u64,
}

struct World {
    desk: Desk,
    random: Random,
    budgets: Vec<BudgetDef>,
    venues: Vec<StrictVenue>,
    /// By the time of arrival and a number.
    on_the_way: BTreeMap<(u64, u64), Request>,
    last_arrival: [u64; VENUES as usize],
    /// Orders that rest at a venue.
    open: BTreeSet<u64>,
    /// Children that a venue has taken, open or not.
    arrived: BTreeSet<u64>,
    down: [bool; VENUES as usize],
    next_action: u64,
    pause: u64,
    ids: u64,
    seen: Seen,
}

fn windows(random: &mut Random) -> Vec<WindowDef> {
    let mut young = [AgeStep::default(); AGE_STEPS_MAX];
    young[0] = AgeStep { below_s: 5, points: 6 };
    young[1] = AgeStep { below_s: 15, points: 2 };
    let kinds = [WindowKind::Sliding, WindowKind::Fixed, WindowKind::Decay];
    let one = |random: &mut Random| {
        let limit = 10 + random.below(40) as u32;
        let length = random.pick(&[1, 3, 10, 20]) * SECOND;
        let orders = WindowDef { kind: random.pick(&kinds), ..WindowDef::orders(limit, length) };
        let (reserved, cancel) = (limit / 5, random.below(3) as u16);
        match random.below(3) {
            0 => orders,
            1 => WindowDef { counted: Counted::Messages, reserved, cancel, ..orders },
            _ => WindowDef { counted: Counted::Messages, reserved, young, ..orders },
        }
    };
    (0..=random.below(3)).map(|_| one(random)).collect()
}

impl World {
    fn new(seed: u64) -> Self {
        let genesis = Genesis {
            orders_log2: 12,
            children_log2: 13,
            executions_log2: 13,
            ..reference::genesis()
        };
        let mut random = Random::new(seed);
        let mut desk = Desk::with_tables(VENUES, &genesis);
        let busy_wait_ns = random.pick(&[0, 500 * MS, 10 * SECOND]);
        desk.account(|account| {
            account.limits.collar_ppm = 500_000;
            (account.limits.open_orders_max, account.limits.rate_per_s) = (1_000, 100_000);
            account.busy_wait_ns = busy_wait_ns;
        });
        let slack_ns = random.pick(&[0, 10 * MS, 300 * MS]);
        let (mut budgets, mut venues) = (Vec::new(), Vec::new());
        for venue in 0..VENUES {
            desk.venue_terms(venue, |terms| {
                (terms.unanswered_max, terms.rate_orders) = (1_000, u32::MAX);
                terms.stale_after_ns = u64::MAX / 2;
            });
            let windows = windows(&mut random);
            venues.push(StrictVenue::new(&windows));
            let budget = BudgetDef::new(VenueId(venue), slack_ns, &windows).expect("few windows");
            desk.input(Input::Budget(budget));
            budgets.push(budget);
        }
        let mut world = Self {
            next_action: desk.now.0,
            pause: random.pick(&[20, 100, 400]) * MS,
            desk,
            random,
            budgets,
            venues,
            on_the_way: BTreeMap::new(),
            last_arrival: [0; VENUES as usize],
            open: BTreeSet::new(),
            arrived: BTreeSet::new(),
            down: [false; VENUES as usize],
            ids: 0,
            seen: Seen::default(),
        };
        (0..VENUES).for_each(|venue| world.book(venue));
        world
    }

    fn book(&mut self, venue: u8) {
        let ask = 10_000 + self.random.below(20) as i64;
        self.desk.book(venue, &[(ask - 20, 1_000)], &[(ask, 1_000)]);
    }

    /// Time goes on to the next thing that is due, and one thing that is due happens.
    fn step(&mut self, acts: bool) {
        let arrival = self.on_the_way.first_key_value().map(|((at, _), _)| *at);
        let timer = self.desk.engine.next_timer().map(|at| at.0);
        let action = acts.then_some(self.next_action);
        let due = [arrival, timer, action].into_iter().flatten().min();
        let now = due.map_or(self.desk.now.0 + SECOND, |due| due.max(self.desk.now.0));
        self.desk.now.0 = now;
        if arrival.is_some_and(|at| at <= now) {
            self.arrive();
        } else if timer.is_some_and(|at| at <= now) {
            self.desk.input(Input::Tick);
        } else if action.is_some_and(|at| at <= now) {
            self.next_action = now + self.random.below(self.pause);
            self.act();
        }
        self.take_outputs();
        self.check();
    }

    fn act(&mut self) {
        match self.random.below(100) {
            0..60 => self.order(),
            60..85 => self.change(),
            85..92 => {
                let venue = self.random.below(u64::from(VENUES)) as u8;
                self.book(venue);
            }
            92..95 => {
                let venue = self.random.below(u64::from(VENUES)) as u8;
                self.link(venue);
            }
            95..97 => {
                let budget = self.random.below(u64::from(VENUES)) as usize;
                self.desk.input(Input::Budget(self.budgets[budget]));
            }
            _ => {
                let halts = self.desk.engine.is_halted();
                self.desk.operator(if halts { RESUME } else { HALT });
            }
        }
    }

    fn order(&mut self) {
        self.ids += 1;
        let terms = self.random.pick(&["@ 9500 gtc", "@ 9500 gtc", "@ 10030 ioc", "market ioc"]);
        let qty = 1 + self.random.below(5);
        self.desk.client(&format!("o{} buy {qty} {terms}", self.ids));
    }

    fn change(&mut self) {
        let open: Vec<_> = self.desk.engine.orders().filter(|o| o.is_working()).copied().collect();
        let Some(order) = open.get(self.random.below(open.len() as u64) as usize) else { return };
        let id = order.cl_ord_id;
        if order.tif != TimeInForce::Gtc || self.random.in_100(70) {
            self.desk.client(&format!("cancel {id}"));
        } else {
            let (qty, price) = (order.filled.0 + 1 + self.random.below(5) as i64, order.price.0);
            self.desk.client(&format!("replace {id} buy {qty} @ {price} gtc"));
        }
    }

    /// The link to a venue is lost, with some of what was on its way; or the link is back.
    fn link(&mut self, venue: u8) {
        let id = VenueId(venue);
        if !core::mem::replace(&mut self.down[usize::from(venue)], true) {
            let all = core::mem::take(&mut self.on_the_way);
            let lost = |random: &mut Random, request: &Request| {
                request.venue == venue && random.in_100(50)
            };
            self.on_the_way = all.into_iter().filter(|(_, r)| !lost(&mut self.random, r)).collect();
            self.desk.input(Input::VenueDown(id, VenueDownReason::LinkLost));
            return;
        }
        // What was not lost has arrived before the venue is asked.
        while self.on_the_way.values().any(|request| request.venue == venue) {
            let at = self.on_the_way.first_key_value().map_or(0, |((at, _), _)| *at);
            self.desk.now.0 = self.desk.now.0.max(at);
            self.arrive();
            self.take_outputs();
        }
        self.down[usize::from(venue)] = false;
        self.desk.input(Input::VenueUp(id));
        self.take_outputs();
        let lives =
            |child: &&rutter_core::child::Child| child.venue == id && !child.state().is_over();
        let asked: Vec<u64> =
            self.desk.engine.children().filter(lives).map(|child| child.id.0).collect();
        for child in asked {
            let words = match (self.open.contains(&child), self.arrived.contains(&child)) {
                (true, _) => "open 0",
                (false, true) => "gone 0",
                (false, false) => "never",
            };
            self.desk.venue(child, words);
            self.take_outputs();
        }
        self.book(venue);
    }

    /// The next request arrives at its venue, which counts it and answers.
    fn arrive(&mut self) {
        let Some(((at, _), request)) = self.on_the_way.pop_first() else { return };
        let Request { venue, child, is_cancel } = request;
        let strict = &mut self.venues[usize::from(venue)];
        if is_cancel {
            assert!(strict.cancel(at, child), "a cancel too many: {request:?} at {at}");
            if self.open.remove(&child) {
                self.answer(venue, child, "done 0");
            }
            return;
        }
        assert!(strict.order(at, child), "an order too many: {request:?} at {at}");
        let sent = self.desk.child(child);
        if sent.tif == TimeInForce::Gtc {
            self.arrived.insert(child);
            self.open.insert(child);
            self.answer(venue, child, "accepted");
        } else if self.random.in_100(80) {
            self.answer(venue, child, &format!("fill {} @ {}", sent.qty.0, sent.price.0));
        } else {
            self.answer(venue, child, "expired 0");
        }
    }

    /// The venue tells what became of an order, if its link stands. Without a link an order that
    /// cannot rest has not filled.
    fn answer(&mut self, venue: u8, child: u64, words: &str) {
        if !self.down[usize::from(venue)] {
            self.desk.venue(child, words);
        }
    }

    fn take_outputs(&mut self) {
        let slack_ns = self.budgets[0].slack_ns;
        for output in core::mem::take(&mut self.desk.outputs) {
            let (venue, child, is_cancel) = match output {
                Output::SendNew(new) => (new.venue, new.child, false),
                Output::SendCancel(cancel) => (cancel.venue, cancel.child, true),
                Output::Notice(Notice::Waits(_, Waiting::VenueBusy)) => {
                    self.seen.busy += 1;
                    continue;
                }
                Output::Notice(Notice::Paused(_, Paused::CancelBudget, until)) => {
                    self.seen.held_cancels += u64::from(until.0 > 0);
                    continue;
                }
                _ => continue,
            };
            self.seen.orders += u64::from(!is_cancel);
            self.seen.cancels += u64::from(is_cancel);
            let last = &mut self.last_arrival[venue.index()];
            *last = (*last).max(self.desk.now.0 + self.random.below(slack_ns + 1));
            let request = Request { venue: venue.0, child: child.0, is_cancel };
            self.on_the_way.insert((*last, self.seen.orders + self.seen.cancels), request);
        }
    }

    /// Whatever of an order is not at a venue has a reason.
    fn check(&self) {
        for order in self.desk.engine.orders().filter(|order| order.is_working()) {
            let told = order.waiting != Waiting::Nothing || self.desk.engine.is_halted();
            // An order that does not wait is looked at again when a child ends.
            assert!(order.unplaced().is_zero() || told || !order.tif.waits(), "{order:?}");
        }
    }

    /// Clients trade; then everything is called back, and everything ends.
    fn run(mut self) -> Seen {
        let ends = self.desk.now.0 + TRADING;
        while self.desk.now.0 < ends {
            self.step(true);
        }
        for venue in 0..VENUES {
            if self.down[usize::from(venue)] {
                self.link(venue);
                self.take_outputs();
            }
        }
        if !self.desk.engine.is_halted() {
            self.desk.operator(HALT);
            self.take_outputs();
        }
        let patience = self.desk.now.0 + PATIENCE;
        while self.desk.engine.open_orders() > 0 {
            self.step(false);
            let open = self.desk.engine.orders().find(|order| !order.leaves().is_zero());
            assert!(self.desk.now.0 < patience, "never ends: {open:?}");
        }
        let is_over = |child: u64| {
            let child = self.desk.engine.child(ChildId(child));
            child.is_none_or(|child| child.state().is_over())
        };
        assert!(self.open.iter().all(|child| is_over(*child)), "{:?}", self.open);
        self.seen.full = self.venues.iter().map(|venue| venue.full).sum();
        self.seen
    }
}

#[test]
fn no_venue_ever_has_to_refuse_a_request_and_every_order_ends() {
    let mut all = Seen::default();
    for seed in seeds::chosen(CASES) {
        let seen = seeds::run(seed, "scenarios budgets_at_random::", || World::new(seed).run());
        all.orders += seen.orders;
        all.cancels += seen.cancels;
        all.full += seen.full;
        all.busy += seen.busy;
        all.held_cancels += seen.held_cancels;
    }
    println!("{all:?}");
    // A test in which no limit is reached must not pass.
    assert!(all.full > 0 && all.busy > 0 && all.held_cancels > 0, "{all:?}");
    assert!(all.orders > 0 && all.cancels > 0, "{all:?}");
}
