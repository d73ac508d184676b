//! Resting orders that are worked while everything happens at random. The venues keep their own
//! account of what they hold, and there is never more at them than was ordered.

use std::collections::{BTreeMap, BTreeSet};

use rutter_core::id::{AccountId, ChildId, OrderId, SessionId, VenueId};
use rutter_core::input::*;
use rutter_core::number::{FeePpm, Price, Qty, UnixNanos};
use rutter_core::output::{Notice, Output, SendNew};
use rutter_core::strategy::Strategy;
use rutter_core::waiting::Waiting;
use rutter_test_support::random::Random;
use rutter_test_support::{reference, seeds};

use crate::desk::{Desk, HALT, PAIR, RESUME};

const CASES: u64 = 60;
const STEPS: u64 = 600;
const VENUES: u8 = 3;

/// A child as its venue has it.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "facts that do not depend on each other")]
pub struct AtVenue {
    venue: u8,
    order: u64,
    qty: i64,
    filled: i64,
    pub is_open: bool,
    pub accepted: bool,
    pub rests: bool,
    cancel_asked: bool,
    /// The quantity in all that the core wants of it, till the venue has answered.
    amend_asked: Option<i64>,
}

pub struct World {
    pub desk: Desk,
    pub random: Random,
    pub children: BTreeMap<u64, AtVenue>,
    /// Sessions that send orders, from the first one on.
    pub sessions: u64,
    /// What was sent, oldest first.
    pub sent: Vec<SendNew>,
    /// Children for which a cancel was sent, oldest first, each as often as one was sent.
    pub cancels: Vec<ChildId>,
    /// Reasons that reports have told.
    pub told: BTreeMap<Refusal, u64>,
    /// Venues that the core cannot reach.
    down: BTreeSet<u8>,
    /// Venue accounts, those with books of their own first.
    pub accounts: u8,
    pub ids: u64,
    moves: u64,
    moving: Moving,
    /// Moves to a venue that offers nothing within the limit of the order.
    places: u64,
    /// Orders have strategies.
    strategies: bool,
    /// Children that were sent as post-only.
    posted: u64,
    /// Children that were reduced in their place.
    amended: u64,
}

/// All venues but the last one amend orders.
fn let_venues_amend(desk: &mut Desk) {
    for venue in (0..VENUES - 1).map(VenueId) {
        let amending = Amending::ReduceKeepsPriority;
        desk.input(Input::Amend(AmendDef { amending, points: 1, ..AmendDef::none(venue) }));
    }
}

/// Orders of some accounts rest by share.
fn rest_by_share(desk: &mut Desk, seed: u64) {
    if seed % 5 < 2 {
        let places = 2 + (seed % 2) as u8;
        let usual = RestDef::usual(AccountId(0));
        desk.input(Input::Rest(RestDef { by: RestBy::Share, places, ..usual }));
    }
}

impl World {
    pub fn new(seed: u64) -> Self {
        let genesis = Genesis {
            orders_log2: 8,
            children_log2: 12,
            executions_log2: 12,
            ..reference::genesis()
        };
        let mut desk = Desk::with_tables(VENUES, &genesis);
        desk.account(|account| {
            account.limits.collar_ppm = 500_000;
            (account.limits.open_orders_max, account.limits.rate_per_s) = (1_000, 100_000);
        });
        let mut random = Random::new(seed);
        let moving = random.pick(&[Moving::Never, Moving::Better, Moving::Sticky]);
        for venue in 0..VENUES {
            desk.venue_terms(venue, |terms| {
                (terms.unanswered_max, terms.rate_orders) = (20, 1_000);
                terms.stale_after_ns = u64::MAX / 2;
            });
            desk.listing(VenueId(venue), |listing| {
                listing.maker_fee = FeePpm(i32::from(venue) * 10);
                listing.qty_max = Qty(7);
            });
        }
        let_venues_amend(&mut desk);
        // Some accounts have tiers, and some venues let cancels of young orders cost much.
        let backup = (0..VENUES).filter(|_| random.in_100(20)).map(VenueId).collect();
        desk.routing(|terms| {
            (terms.moving, terms.move_gain_ppm, terms.backup) = (moving, 5, backup);
        });
        rest_by_share(&mut desk, seed);
        if random.in_100(50) {
            let mut young = [AgeStep::default(); AGE_STEPS_MAX];
            young[0] = AgeStep { below_s: 5, points: 8 };
            let window = WindowDef {
                kind: WindowKind::Decay,
                counted: Counted::Messages,
                reserved: 12,
                young,
                ..WindowDef::orders(60, 60_000_000_000)
            };
            let def = BudgetDef::new(VenueId(0), 0, &[window]).expect("one window");
            desk.input(Input::Budget(def));
        }
        let (children, down) = (BTreeMap::new(), BTreeSet::new());
        let (sent, told, cancels) = (Vec::new(), BTreeMap::new(), Vec::new());
        let (ids, moves, places, sessions) = (0, 0, 0, 1);
        let (strategies, posted, amended) = (false, 0, 0);
        Self {
            desk,
            random,
            children,
            sessions,
            sent,
            cancels,
            told,
            down,
            accounts: VENUES,
            ids,
            moves,
            moving,
            places,
            strategies,
            posted,
            amended,
        }
    }

    fn book(&mut self) {
        let venue = self.random.below(u64::from(VENUES)) as u8;
        let ask = 9_990 + self.random.below(40) as i64;
        let bid = ask - 1 - self.random.below(30) as i64;
        let qty = 1 + self.random.below(9) as i64;
        self.desk.book(venue, &[(bid, qty)], &[(ask, qty), (ask + 3, qty)]);
    }

    fn order(&mut self) {
        self.ids += 1;
        let side = self.random.pick(&["buy", "sell"]);
        let price = if side == "buy" { 9_985 } else { 10_015 } + self.random.below(11) as i64 - 5;
        let tif = self.random.pick(&["gtc", "gtc", "gtc", "ioc"]);
        let qty = 1 + self.random.below(20);
        self.desk.session = SessionId(self.random.below(self.sessions) as u16);
        let words = format!("o{} {side} {qty} @ {price} {tif}", self.ids);
        let strategy = match (self.strategies, tif) {
            (false, _) => Strategy::Cross,
            (true, "ioc") => Strategy::NearlyAll,
            (true, _) => self.random.pick(&[
                Strategy::Cross,
                Strategy::Post,
                Strategy::Smart,
                Strategy::Smart,
            ]),
        };
        let deadline = self.random.pick(&[0, 1, 3]) * 1_000_000_000;
        let now = self.desk.now.0;
        self.desk.instructed(&words, |new| {
            new.instructions.strategy = strategy.number();
            if strategy == Strategy::Smart && deadline > 0 {
                new.instructions.strategy_parameters = 1;
                new.instructions.deadline = UnixNanos(now + deadline);
            }
        });
    }

    fn change(&mut self) {
        let open: Vec<_> = self.desk.engine.orders().filter(|o| o.is_working()).copied().collect();
        let Some(order) = open.get(self.random.below(open.len() as u64) as usize) else { return };
        let id = order.cl_ord_id;
        self.desk.session = order.session;
        if self.random.in_100(50) {
            self.desk.client(&format!("cancel {id}"));
        } else {
            let side = if order.side == Side::Buy { "buy" } else { "sell" };
            let qty = order.filled.0 + 1 + self.random.below(20) as i64;
            let price = order.price.0 + self.random.below(3) as i64 - 1;
            let tif = if order.tif == TimeInForce::Gtc { "gtc" } else { "ioc" };
            self.desk.client(&format!("replace {id} {side} {qty} @ {price} {tif}"));
        }
    }

    /// A venue does something with one of its children, and tells it if it is up.
    fn venue_acts(&mut self) {
        let open: Vec<u64> =
            self.children.iter().filter(|(_, child)| child.is_open).map(|(id, _)| *id).collect();
        let Some(&id) = open.get(self.random.below(open.len() as u64) as usize) else { return };
        let mut child = self.children[&id];
        if self.down.contains(&child.venue) {
            return;
        }
        let left = child.qty - child.filled;
        let words = match self.random.below(10) {
            _ if !child.accepted && self.random.in_100(90) => {
                child.accepted = true;
                vec!["accepted".to_owned()]
            }
            0 | 1 => {
                let qty = 1 + self.random.below(left as u64) as i64;
                child.filled += qty;
                child.is_open = child.filled < child.qty;
                vec![format!("fill {qty} @ 10000")]
            }
            2 if !child.accepted => {
                child.is_open = false;
                vec![self.random.pick(&["rejected Other", "rejected RateLimit"]).to_owned()]
            }
            _ if child.amend_asked.is_some() => self.answer_amend(&mut child),
            3 => vec!["unsure".to_owned()],
            // A post-only order would have taken.
            4 if self.strategies && child.rests => {
                child.is_open = false;
                vec![format!("done {}", child.filled)]
            }
            5 if self.strategies && child.rests && !child.accepted => {
                child.is_open = false;
                vec!["rejected WouldMatch".to_owned()]
            }
            _ if child.cancel_asked && self.random.in_100(20) => {
                child.cancel_asked = false;
                vec!["cancel-rejected".to_owned()]
            }
            _ if child.cancel_asked || !child.rests => {
                child.is_open = false;
                vec![format!("done {}", child.filled)]
            }
            _ => return,
        };
        self.children.insert(id, child);
        for words in words {
            self.desk.venue(id, &words);
        }
    }

    /// The venue amends a child, ends it because more is filled than is wanted, or does nothing,
    /// and tells that or not.
    fn answer_amend(&mut self, child: &mut AtVenue) -> Vec<String> {
        let wanted = child.amend_asked.take().unwrap_or(child.qty);
        match self.random.below(10) {
            0 | 1 => {
                return vec![self.random.pick(&["amend-rejected", "amend-rejected Late"]).into()];
            }
            2 => return vec!["unsure".to_owned()],
            3 => {
                Self::amend(child, wanted);
                return vec!["unsure".to_owned()];
            }
            _ => {}
        }
        Self::amend(child, wanted);
        let ended = format!("done {}", child.filled);
        vec![if child.is_open { format!("amended {wanted}") } else { ended }]
    }

    fn amend(child: &mut AtVenue, wanted: i64) {
        if wanted > child.filled {
            child.qty = wanted;
        } else {
            child.is_open = false;
        }
    }

    /// Amends that are on their way when the core loses a venue have arrived or not.
    fn settle_amends(&mut self, venue: u8) {
        let asked = self.children.values_mut().filter(|child| child.venue == venue);
        for child in asked {
            if let Some(wanted) = child.amend_asked.take().filter(|_| self.random.in_100(50)) {
                Self::amend(child, wanted);
            }
        }
    }

    /// What the venue answers when it is asked about a child.
    fn tell_fate(&mut self, id: u64, child: &AtVenue) {
        if child.is_open {
            self.desk.venue(id, &format!("amended {}", child.qty));
        }
        let fate = if child.is_open { "open" } else { "gone" };
        self.desk.venue(id, &format!("{fate} {}", child.filled));
    }

    /// Answers queries, and notes what was sent.
    pub fn take_outputs(&mut self) {
        let mut asked = Vec::new();
        for output in std::mem::take(&mut self.desk.outputs) {
            match output {
                Output::SendNew(new) => {
                    self.check_strategy(&new);
                    self.posted += u64::from(new.post_only);
                    let child = AtVenue {
                        venue: new.venue.0,
                        order: new.order.0,
                        qty: new.qty.0,
                        filled: 0,
                        is_open: true,
                        accepted: false,
                        rests: new.tif == TimeInForce::Gtc,
                        cancel_asked: false,
                        amend_asked: None,
                    };
                    assert!(self.children.insert(new.child.0, child).is_none(), "sent twice");
                    self.sent.push(new);
                }
                Output::SendCancel(cancel) => {
                    self.cancels.push(cancel.child);
                    if let Some(child) = self.children.get_mut(&cancel.child.0) {
                        child.cancel_asked = true;
                    }
                }
                Output::SendReduce(reduce) => {
                    let child = self.children.get_mut(&reduce.of.child.0).expect("a child");
                    assert!(reduce.qty.0 < child.qty, "{reduce:?} of {child:?}");
                    child.amend_asked = Some(reduce.qty.0);
                }
                Output::Notice(Notice::ChildAmended(..)) => self.amended += 1,
                Output::Query(child) => asked.push(child.child.0),
                Output::Report(report) => *self.told.entry(report.reason).or_default() += 1,
                Output::Notice(Notice::Waits(order, Waiting::Moving)) => {
                    self.moves += 1;
                    self.places += u64::from(!self.is_offered(order));
                }
                _ => {}
            }
        }
        for id in asked {
            let child = self.children[&id];
            if !self.down.contains(&child.venue) {
                self.tell_fate(id, &child);
                return self.take_outputs();
            }
        }
    }

    /// Whether any venue offers within the limit of an order.
    fn is_offered(&self, id: OrderId) -> bool {
        let order = self.desk.engine.order(id).expect("an order that moves");
        (0..VENUES).any(|venue| {
            let book = self.desk.engine.book(VenueId(venue), PAIR).expect("a book");
            let best = book.opposite(order.side).best();
            best.is_some_and(|best| match order.side {
                Side::Buy => best.price <= order.worst,
                Side::Sell => best.price >= order.worst,
            })
        })
    }

    fn trade(&mut self) {
        let trade = PublicTrade {
            venue: VenueId(self.random.below(u64::from(VENUES)) as u8),
            instrument: PAIR,
            taker: self.random.pick(&[Some(Side::Buy), Some(Side::Sell), None]),
            price: Price(9_980 + self.random.below(40) as i64),
            qty: Qty(1 + self.random.below(9) as i64),
            id: 1,
            count: 1,
            time: UnixNanos(u64::MAX),
            late: self.random.in_100(10),
        };
        self.desk.input(Input::Trade(trade));
    }

    /// Brings a venue up that is down, and ends a halt.
    pub fn recover(&mut self) {
        if let Some(venue) = self.down.first().copied() {
            self.down.remove(&venue);
            self.desk.input(Input::VenueUp(VenueId(venue)));
            self.ask_all(venue);
        }
        if self.desk.engine.is_halted() {
            self.desk.operator(RESUME);
        }
        self.take_outputs();
    }

    fn link(&mut self) {
        let venue = self.random.below(u64::from(self.accounts)) as u8;
        if self.down.remove(&venue) {
            self.desk.input(Input::VenueUp(VenueId(venue)));
            self.ask_all(venue);
        } else {
            self.down.insert(venue);
            self.settle_amends(venue);
            self.desk.input(Input::VenueDown(VenueId(venue), VenueDownReason::LinkLost));
        }
    }

    /// What the venue's adapter finds out after a logon.
    fn ask_all(&mut self, venue: u8) {
        let known: Vec<(u64, AtVenue)> = self.children.iter().map(|(id, c)| (*id, *c)).collect();
        for (id, child) in known {
            let lives = self.desk.engine.child(ChildId(id)).is_some_and(|c| !c.state().is_over());
            if child.venue == venue && lives {
                self.tell_fate(id, &child);
            }
        }
    }

    pub fn step(&mut self) {
        match self.random.below(100) {
            0..25 => self.book(),
            25..30 => self.trade(),
            30..42 => self.order(),
            42..48 => self.change(),
            48..80 => self.venue_acts(),
            80..97 => {
                let ns = self.random.pick(&[1_000, 10_000_000, 60_000_000, 1_000_000_000]);
                self.desk.wait_ns(ns);
            }
            97 => self.link(),
            98 => {
                let halts = self.desk.engine.is_halted();
                self.desk.operator(if halts { RESUME } else { HALT });
            }
            _ => {
                self.desk.input(Input::NodeStarted);
                for venue in 0..self.accounts {
                    self.settle_amends(venue);
                    self.down.insert(venue);
                }
            }
        }
        self.take_outputs();
        self.check();
    }

    /// A posted child rests, and not where it would take; no order that never takes sends another.
    fn check_strategy(&self, new: &SendNew) {
        let order = self.desk.engine.order(new.order).expect("an order");
        assert!(!new.post_only || new.tif == TimeInForce::Gtc, "{new:?}");
        assert!(new.post_only || order.strategy != Strategy::Post, "{new:?} of {order:?}");
        let posts = matches!(order.strategy, Strategy::Post | Strategy::Smart);
        assert!(posts || !new.post_only, "{new:?} of {order:?}");
    }

    /// What the venues hold and have filled of an order is never more than was ordered.
    pub fn check(&self) {
        let mut sums: BTreeMap<u64, i64> = BTreeMap::new();
        for child in self.children.values() {
            let holds = if child.is_open { child.qty } else { child.filled };
            *sums.entry(child.order).or_default() += holds;
        }
        for (id, sum) in sums {
            let Some(order) = self.desk.engine.order(OrderId(id)) else { continue };
            assert!(sum <= order.qty.0, "{sum} of {order:?}");
            let placed = order.unplaced().is_zero() || !order.is_working();
            let told = order.waiting != Waiting::Nothing || self.desk.engine.is_halted();
            // An order that does not wait is looked at again when a child ends.
            assert!(placed || told || !order.tif.waits(), "no reason: {order:?}");
        }
    }
}

#[test]
fn never_more_is_out_than_was_ordered_whatever_happens_to_orders_that_move() {
    let (mut moves, mut places, mut amended) = (0, 0, 0);
    for seed in seeds::chosen(CASES) {
        seeds::run(seed, "scenarios worked_at_random::", || {
            let mut world = World::new(seed);
            for _ in 0..STEPS {
                world.step();
            }
            moves += world.moves;
            assert!(
                world.moving != Moving::Never || world.places == 0,
                "an order that never moves"
            );
            places += world.places;
            amended += world.amended;
        });
    }
    assert!(moves > 0 && places > 0, "some order moves, and some to a better place");
    assert!(amended > 0, "no child is ever reduced in its place");
}

#[test]
fn never_more_is_out_than_was_ordered_whatever_happens_to_orders_of_strategies() {
    let (mut moves, mut posted) = (0, 0);
    for seed in seeds::chosen(CASES) {
        seeds::run(seed, "scenarios worked_at_random::", || {
            let run = || {
                let mut world = World::new(seed);
                world.strategies = true;
                for _ in 0..STEPS {
                    world.step();
                }
                world
            };
            let (world, again) = (run(), run());
            let digests =
                |world: &World| (world.desk.engine.digest(), world.desk.engine.state_digest());
            assert_eq!(digests(&world), digests(&again), "the same inputs, the same decisions");
            (moves, posted) = (moves + world.moves, posted + world.posted);
        });
    }
    assert!(moves > 0 && posted > 0, "{moves} moves, {posted} posted children");
}
