//! Orders that share children while everything happens at random. The venues keep their own account
//! of what they hold and have filled; nothing is lost, doubled, or filled beyond a limit.

use std::collections::BTreeMap;

use rutter_core::child::{ChildState, Role};
use rutter_core::id::{AccountId, ChildId, ExecId, SessionId, VenueId};
use rutter_core::input::*;
use rutter_core::number::{Amount, Price, Qty};
use rutter_core::output::{Notice, Output, ReportKind, SendNew};
use rutter_test_support::random::Random;
use rutter_test_support::{reference, seeds};

use crate::desk::{BTC, Desk, PAIR, USD};

const CASES: u64 = 60;
const STEPS: u64 = 1_500;
const VENUES: u8 = 2;
const ACCOUNTS: u16 = 3;
const SECOND: u64 = 1_000_000_000;

/// A child as its venue has it.
#[derive(Clone, Copy, Debug)]
struct AtVenue {
    new: SendNew,
    filled: i64,
    is_open: bool,
    cancel_asked: bool,
    /// The quantity that an amend is under way for.
    reduce_to: Option<Qty>,
}

struct World {
    desk: Desk,
    random: Random,
    children: BTreeMap<u64, AtVenue>,
    /// Executions that their venues could not tell yet, by venue.
    untold: Vec<Vec<ChildFill>>,
    up: Vec<bool>,
    execs: u128,
    ids: u64,
    /// Quantity that clients were told of as filled, by order.
    told: BTreeMap<u64, i64>,
    fees: i128,
    /// Parts that were told to operators.
    shares: u64,
    /// Id and session of each order that was accepted, as its last replace named it.
    names: BTreeMap<u64, (String, SessionId)>,
    /// Reductions that venues have carried out.
    reduced: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let genesis = Genesis {
            orders_log2: 9,
            children_log2: 9,
            executions_log2: 12,
            ..reference::genesis()
        };
        let mut desk = Desk::with_tables(VENUES, &genesis);
        let mut random = Random::new(seed);
        for at in 0..ACCOUNTS {
            let mut account = reference::account(at, ["fund", "a1", "a2"][usize::from(at)]);
            account.limits.collar_ppm = 500_000;
            (account.limits.open_orders_max, account.limits.rate_per_s) = (1_000, 100_000);
            account.busy_wait_ns = random.pick(&[5, 20, 60]) * SECOND;
            desk.input(Input::Account(account));
            let name = ["DESK", "S1", "S2"][usize::from(at)];
            let session = reference::session(at, name, Some(AccountId(at)));
            desk.input(Input::Session(session));
            let consents = random.in_100(85);
            desk.input(Input::Sharing(SharingDef { account: AccountId(at), consents }));
            let (account, owner) = (AccountId(at), crate::desk::text("owner"));
            if random.in_100(50) {
                // Two accounts of one owner meet each other in other ways.
                let usual = OwnerDef::usual(account, owner);
                let self_match = random.pick(&[
                    SelfMatchPolicy::CancelResting,
                    SelfMatchPolicy::CancelIncoming,
                    SelfMatchPolicy::Decrement,
                    SelfMatchPolicy::Allow,
                ]);
                desk.input(Input::Owner(OwnerDef { self_match, ..usual }));
            }
        }
        let unanswered_max = random.pick(&[1, 2, 5]);
        for venue in 0..VENUES {
            desk.venue_terms(venue, |terms| {
                terms.unanswered_max = unanswered_max;
                (terms.rate_orders, terms.rate_window_ns) = (3, SECOND);
                terms.stale_after_ns = u64::MAX / 2;
            });
        }
        for venue in (0..VENUES).filter(|_| random.in_100(50)).collect::<Vec<_>>() {
            let young = [AgeStep::default(); AGE_STEPS_MAX];
            let (venue, amending) = (VenueId(venue), Amending::ReduceKeepsPriority);
            desk.input(Input::Amend(AmendDef { venue, amending, points: 1, young }));
        }
        desk.outputs.clear();
        let count = usize::from(VENUES);
        Self {
            desk,
            random,
            children: BTreeMap::new(),
            untold: vec![Vec::new(); count],
            up: vec![true; count],
            execs: 0,
            ids: 0,
            told: BTreeMap::new(),
            fees: 0,
            shares: 0,
            names: BTreeMap::new(),
            reduced: 0,
        }
    }

    fn order(&mut self) {
        self.ids += 1;
        let side = self.random.pick(&["buy", "buy", "buy", "sell"]);
        let (qty, tif) =
            (1 + self.random.below(9), self.random.pick(&["ioc", "ioc", "gtc", "gtc", "fok"]));
        let price = if tif == "gtc" && self.random.in_100(75) {
            // It rests, as others do at that price.
            if side == "buy" { 9_997 } else { 10_003 }
        } else {
            let near = if side == "buy" { 10_008 } else { 9_992 };
            near + self.random.below(6) as i64
        };
        self.desk.session = SessionId(self.random.below(u64::from(ACCOUNTS)) as u16);
        self.desk.client(&format!("o{} {side} {qty} @ {price} {tif}", self.ids));
    }

    fn cancel(&mut self) {
        let Some((name, session)) = self.some_order() else { return };
        self.desk.session = session;
        self.desk.client(&format!("cancel {name}"));
    }

    fn some_order(&mut self) -> Option<(String, SessionId)> {
        let living = |id: &u64| {
            let order = self.desk.engine.order(rutter_core::id::OrderId(*id));
            order.is_some_and(|order| !order.state().is_over())
        };
        let open: Vec<u64> = self.names.keys().copied().filter(living).collect();
        (!open.is_empty()).then(|| self.names[&self.random.pick(&open)].clone())
    }

    fn replace(&mut self) {
        let Some((name, session)) = self.some_order() else { return };
        self.desk.session = session;
        let side = self.random.pick(&["buy", "sell"]);
        let near = if side == "buy" { 9_997 } else { 10_003 };
        let price = near - self.random.below(2) as i64;
        let qty = 1 + self.random.below(9);
        self.desk.client(&format!("replace {name} {side} {qty} @ {price} gtc"));
    }

    /// The venue answers an amend.
    fn amend(&mut self) {
        let Some(id) = self.open(|child| child.reduce_to.is_some()) else { return };
        let child = self.children.get_mut(&id).expect("a child");
        let Some(to) = child.reduce_to.take() else { return };
        let venue = child.new.venue;
        if child.filled >= to.0 {
            return self.end(id);
        }
        let refused = self.random.in_100(20);
        if !refused {
            child.new.qty = child.new.qty.min(to);
            self.reduced += 1;
        }
        if !self.up[venue.index()] || self.random.in_100(10) {
            return;
        }
        let (qty, child) = (child.new.qty, ChildId(id));
        self.desk.input(if refused {
            let reason = self.random.pick(&[VenueReject::Other, VenueReject::Late]);
            Input::AmendRejected { venue, child, reason }
        } else {
            Input::ChildAmended { venue, child, qty }
        });
    }

    /// The venue refuses to cancel a child, or says that it does not know it.
    fn refuse_cancel(&mut self) {
        let Some(id) = self.open(|child| child.cancel_asked) else { return };
        let venue = self.children[&id].new.venue;
        if self.up[venue.index()] {
            let (child, reason) = (ChildId(id), VenueReject::UnknownOrder);
            self.desk.input(Input::CancelRejected { venue, child, reason, retry_after_ns: 0 });
        }
    }

    fn book(&mut self) {
        let venue = self.random.below(u64::from(VENUES)) as u8;
        let bid = 9_990 + self.random.below(4) as i64;
        let ask = 10_008 + self.random.below(4) as i64;
        let qty = 5 + self.random.below(60) as i64;
        self.desk.book(venue, &[(bid, qty)], &[(ask, qty), (ask + 1, qty)]);
    }

    fn open(&mut self, is_meant: impl Fn(&AtVenue) -> bool) -> Option<u64> {
        let open: Vec<_> = (self.children.iter())
            .filter(|(_, child)| child.is_open && is_meant(child))
            .map(|(id, _)| *id)
            .collect();
        (!open.is_empty()).then(|| self.random.pick(&open))
    }

    /// The venue fills a part of a child, and tells it, at once or later.
    fn fill(&mut self, id: u64) {
        let child = self.children.get_mut(&id).expect("a child");
        let left = child.new.qty.0 - child.filled;
        let qty = 1 + self.random.below(left as u64) as i64;
        child.filled += qty;
        child.is_open = child.filled < child.new.qty.0;
        self.execs += 1;
        let new = child.new;
        let fill = ChildFill {
            venue: new.venue,
            child: new.child,
            instrument: PAIR,
            side: new.side,
            exec: ExecId(self.execs),
            qty: Qty(qty),
            price: new.price,
            fee: Amount(1 + self.random.below(50) as i128),
            fee_asset: USD,
            liquidity: Liquidity::Taker,
        };
        if !self.up[new.venue.index()] || self.random.in_100(10) {
            return self.untold[new.venue.index()].push(fill);
        }
        self.tell(&fill);
    }

    fn tell(&mut self, fill: &ChildFill) {
        self.fees += fill.fee.0;
        self.desk.input(Input::ChildFill(*fill));
        if self.random.in_100(20) {
            self.desk.input(Input::ChildFill(*fill));
        }
    }

    /// The venue ends a child, which it tells or not.
    fn end(&mut self, id: u64) {
        let child = self.children.get_mut(&id).expect("a child");
        child.is_open = false;
        let (venue, filled) = (child.new.venue, Qty(child.filled));
        if !self.up[venue.index()] {
            return;
        }
        let how = self.random.pick(&[Ending::Canceled, Ending::Expired]);
        self.desk.input(Input::ChildDone { venue, child: ChildId(id), how, filled });
        self.tell_all(venue);
    }

    /// The venue tells the executions that it has held back.
    fn tell_all(&mut self, venue: VenueId) {
        for fill in core::mem::take(&mut self.untold[venue.index()]) {
            self.tell(&fill);
        }
    }

    /// The venue answers about every child whose outcome the core does not know.
    fn answer(&mut self, venue: VenueId) {
        self.tell_all(venue);
        let unknown: Vec<_> = (self.desk.engine.children())
            .filter(|child| child.venue == venue && child.role != Role::Part)
            .filter(|child| child.state() == ChildState::Unknown)
            .map(|child| child.id)
            .collect();
        for id in unknown {
            let child = self.children[&id.0];
            let fate = match (child.is_open, child.filled) {
                (true, _) => Fate::Open,
                (false, 0) => self.random.pick(&[Fate::Closed, Fate::Expired]),
                (false, _) => Fate::Closed,
            };
            let filled = Qty(child.filled);
            self.desk.input(Input::ChildFate { venue, child: id, fate, filled });
        }
    }

    fn link(&mut self) {
        let venue = VenueId(self.random.below(u64::from(VENUES)) as u8);
        if core::mem::replace(&mut self.up[venue.index()], false) {
            self.desk.input(Input::VenueDown(venue, VenueDownReason::LinkLost));
            return;
        }
        self.go_up(venue);
    }

    fn go_up(&mut self, venue: VenueId) {
        // What never arrived is not open.
        self.answer(venue);
        self.up[venue.index()] = true;
        self.desk.input(Input::VenueUp(venue));
    }

    fn refuse(&mut self) {
        let fresh = |child: &AtVenue| child.filled == 0;
        let Some(id) = self.open(fresh) else { return };
        let child = self.children.get_mut(&id).expect("a child");
        let venue = child.new.venue;
        if !self.up[venue.index()] {
            return;
        }
        child.is_open = false;
        let reason = self.random.pick(&[
            VenueReject::RateLimit,
            VenueReject::Late,
            VenueReject::NotSent,
            VenueReject::InsufficientFunds,
            VenueReject::SelfMatch,
        ]);
        let retry_after_ns = self.random.below(2) * SECOND;
        let child = ChildId(id);
        self.desk.input(Input::ChildRejected { venue, child, reason, retry_after_ns });
        if reason == VenueReject::InsufficientFunds {
            for asset in [BTC, USD] {
                let total = self.desk.engine.ledger().funds(venue, asset).total;
                self.desk.input(Input::Balance { venue, asset, total });
            }
        }
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..36 => self.order(),
            36..46 => self.book(),
            46..52 => self.cancel(),
            52 => self.replace(),
            53..56 => self.amend(),
            56 if self.random.in_100(30) => self.refuse_cancel(),
            56..64 => {
                if let Some(id) = self.open(|_| true) {
                    let venue = self.children[&id].new.venue;
                    let venue_order = crate::desk::venue_order("X1");
                    let child = ChildId(id);
                    if self.up[venue.index()] {
                        self.desk.input(Input::ChildAccepted { venue, child, venue_order });
                    }
                }
            }
            64..70 => {
                if let Some(id) = self.open(|_| true) {
                    self.fill(id);
                }
            }
            70..82 => {
                let ends = |c: &AtVenue| c.new.tif != TimeInForce::Gtc || c.cancel_asked;
                if let Some(id) = self.open(ends) {
                    self.end(id);
                }
            }
            82..84 => self.refuse(),
            84..86 => {
                if let Some(id) = self.open(|_| true) {
                    let venue = self.children[&id].new.venue;
                    let (child, doubt) = (ChildId(id), Doubt::NoAnswer);
                    self.desk.input(Input::ChildInDoubt { venue, child, doubt });
                }
            }
            86..89 => {
                let venue = VenueId(self.random.below(u64::from(VENUES)) as u8);
                if self.up[venue.index()] {
                    self.answer(venue);
                }
            }
            89..91 => self.link(),
            91 => {
                self.desk.input(Input::NodeStarted);
                self.up.fill(false);
            }
            _ => {
                let ns = self.random.pick(&[1, 10, 100, 1_200]) * 1_000_000;
                self.desk.wait_ns(ns);
            }
        }
        self.take_outputs();
        self.check();
    }

    fn take_outputs(&mut self) {
        for output in core::mem::take(&mut self.desk.outputs) {
            match output {
                Output::SendNew(new) => {
                    let role = self.desk.child(new.child.0).role;
                    assert!(role != Role::Part, "a part is sent: {new:?}");
                    let child = AtVenue {
                        new,
                        filled: 0,
                        is_open: true,
                        cancel_asked: false,
                        reduce_to: None,
                    };
                    let known = self.children.insert(new.child.0, child);
                    assert!(known.is_none(), "sent twice: {new:?}");
                }
                Output::SendCancel(cancel) => {
                    self.children.get_mut(&cancel.child.0).expect("a child").cancel_asked = true;
                }
                Output::SendReduce(reduce) => {
                    let child = self.children.get_mut(&reduce.of.child.0).expect("a child");
                    child.reduce_to = Some(reduce.qty);
                }
                Output::Report(report)
                    if matches!(report.kind, ReportKind::New | ReportKind::Replaced) =>
                {
                    let name = (report.cl_ord_id.to_string(), report.session);
                    self.names.insert(report.order.0, name);
                }
                Output::Notice(Notice::Shares(..)) => self.shares += 1,
                Output::Report(report) if report.kind == ReportKind::Trade => {
                    let last = report.last.expect("an execution");
                    *self.told.entry(report.order.0).or_default() += last.qty.0;
                    let is_within = match report.side {
                        Side::Buy => last.price <= report.price,
                        Side::Sell => last.price >= report.price,
                    };
                    assert!(is_within || report.price == Price(0), "{report:?}");
                    assert!(self.children.contains_key(&last.child.0), "{report:?}");
                }
                _ => {}
            }
        }
    }

    /// Orders, their children, and the venues agree.
    fn check(&self) {
        let mut sums: BTreeMap<u64, (i64, u16)> = BTreeMap::new();
        let living = self.desk.engine.children().filter(|child| !child.state().is_over());
        for child in living {
            if child.role != Role::Shared {
                let sum = sums.entry(child.order.0).or_default();
                *sum = (sum.0 + child.leaves().0, sum.1 + 1);
            }
            if child.role != Role::Part {
                let there = &self.children[&child.id.0];
                assert!(there.filled >= child.filled.0, "{child:?} {there:?}");
                let open = there.new.qty.0 - there.filled;
                assert!(!there.is_open || open <= child.leaves().0, "{child:?} {there:?}");
            }
        }
        for order in self.desk.engine.orders() {
            let (at_venues, count) = sums.get(&order.id.0).copied().unwrap_or_default();
            assert_eq!((at_venues, count), (order.at_venues.0, order.live_children), "{order:?}");
            let told = self.told.get(&order.id.0).copied().unwrap_or_default();
            assert_eq!(told, order.filled.0, "{order:?}");
        }
    }

    /// Lets everything end: the venues answer, fill nothing more, and time passes.
    fn settle(&mut self) {
        for venue in (0..VENUES).map(VenueId) {
            self.go_up(venue);
        }
        for _ in 0..40 {
            for (name, session) in self.names.clone().into_values() {
                self.desk.session = session;
                self.desk.client(&format!("cancel {name}"));
            }
            self.take_outputs();
            let open: Vec<_> = self.children.keys().copied().collect();
            for id in open {
                if self.children[&id].is_open {
                    self.end(id);
                }
            }
            self.refuse_late_cancels();
            for venue in (0..VENUES).map(VenueId) {
                self.answer(venue);
            }
            self.desk.wait_ns(2 * SECOND);
            self.take_outputs();
            self.check();
            if self.desk.engine.open_orders() == 0 {
                break;
            }
        }
    }

    /// Venues refuse to cancel what is over there by an execution or an amend that they did not
    /// tell.
    fn refuse_late_cancels(&mut self) {
        let living = |id: &u64| {
            let child = self.desk.engine.child(ChildId(*id));
            child.is_some_and(|child| !child.state().is_over())
        };
        let late: Vec<u64> = (self.children.iter())
            .filter(|(id, child)| !child.is_open && child.cancel_asked && living(id))
            .map(|(id, _)| *id)
            .collect();
        for id in late {
            let (venue, child) = (self.children[&id].new.venue, ChildId(id));
            let reason = VenueReject::UnknownOrder;
            self.desk.input(Input::CancelRejected { venue, child, reason, retry_after_ns: 0 });
        }
    }

    fn check_settled(&self) {
        let engine = &self.desk.engine;
        let open: Vec<_> = engine.orders().filter(|order| !order.state().is_over()).collect();
        assert!(open.is_empty(), "{open:?}");
        let mut base = 0;
        for child in self.children.values() {
            base += if child.new.side == Side::Buy { child.filled } else { -child.filled };
        }
        let accounts = (0..ACCOUNTS).map(AccountId);
        let positions = accounts.clone().map(|account| engine.ledger().position(account, PAIR));
        assert_eq!(positions.map(|position| position.base).sum::<i128>(), i128::from(base));
        let fees = accounts.map(|account| engine.ledger().fees(account, USD).0).sum::<i128>();
        assert_eq!(fees, self.fees, "the fees of all accounts are those of all executions");
        for venue in (0..VENUES).map(VenueId) {
            for asset in [BTC, USD] {
                assert_eq!(engine.ledger().funds(venue, asset).reserved, Amount(0));
            }
        }
    }
}

#[test]
fn nothing_is_lost_or_doubled_whatever_happens_to_children_that_orders_share() {
    let (mut shares, mut of_shared, mut resting, mut reduced) = (0, 0, 0, 0);
    for seed in seeds::chosen(CASES) {
        seeds::run(seed, "scenarios shared_at_random::", || {
            let run = || {
                let mut world = World::new(seed);
                for venue in 0..VENUES {
                    world.desk.book(venue, &[(9_990, 50)], &[(10_010, 50)]);
                }
                for _ in 0..STEPS {
                    world.step();
                }
                world
            };
            let (mut world, again) = (run(), run());
            let digests =
                |world: &World| (world.desk.engine.digest(), world.desk.engine.state_digest());
            assert_eq!(digests(&world), digests(&again), "the same inputs, the same decisions");
            world.settle();
            world.check_settled();
            shares += world.shares;
            let parts = |id: &u64| {
                let child = world.desk.engine.child(ChildId(*id));
                child.is_some_and(|child| child.role == Role::Shared)
            };
            of_shared += world.children.keys().filter(|id| parts(id)).count();
            let rests = |child: &AtVenue| child.new.tif == TimeInForce::Gtc;
            let all = world.children.iter().filter(|(id, child)| parts(id) && rests(child));
            resting += all.count();
            reduced += world.reduced;
        });
    }
    assert!(shares > 500 && of_shared > 50, "{shares} parts, {of_shared} shared children");
    assert!(resting > 50 && reduced > 20, "{resting} rest, {reduced} are reduced");
}
