//! A spike of client orders against strict venues that count for themselves: what is filled, after
//! which time, and what is given back with which word.

use std::collections::VecDeque;

use rutter_core::engine::SHARERS_MAX;
use rutter_core::id::{AccountId, ExecId, VenueId};
use rutter_core::input::*;
use rutter_core::number::{Amount, Price};
use rutter_core::output::{Output, ReportKind, SendNew};
use rutter_test_support::reference;

use crate::desk::{Desk, USD};
use crate::strict_venue::StrictVenue;

const VENUES: u8 = 2;
const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;
/// Time from the core to a venue, and back.
const WAY: u64 = MS;
/// `request_slack_ms` where the configuration names none.
const SLACK: u64 = 100 * MS;

/// Orders of one client, one after the other.
#[derive(Clone, Copy, Debug)]
struct Demand {
    orders: u64,
    /// From one order to the next.
    every: u64,
    /// `busy_wait_ms` of the account, in nanoseconds.
    deadline: u64,
    /// The account's orders may share a child.
    shares: bool,
    /// How long an order rests at its venue before it is filled; zero for orders that take.
    rests: u64,
}

/// What became of all orders.
#[derive(Clone, Debug, Default)]
struct Outcome {
    /// Time from arrival to the fill, of each filled order.
    delays: Vec<u64>,
    /// Time from arrival to the end, of each order that was given back.
    given_back: Vec<u64>,
    /// Children that each venue got.
    by_venue: [u64; VENUES as usize],
    /// Time of each fill, from the first order on.
    filled_at: Vec<u64>,
}

impl Outcome {
    fn delay(&self, percent: usize) -> u64 {
        self.delays[(self.delays.len() - 1) * percent / 100]
    }

    /// Fills between two times, for each second, times ten.
    fn per_10_s(&self, from: u64, upto: u64) -> u64 {
        let within = self.filled_at.iter().filter(|at| (from..upto).contains(*at)).count() as u64;
        within * 10 * SECOND / (upto - from)
    }

    fn tell(&self, what: &str) {
        let ms = |ns: Option<&u64>| ns.map_or(0, |ns| ns / MS);
        println!(
            "{what}: {} filled ({:?} children by venue), {} given back after {} to {} ms; delay p50 \
             {} ms, p99 {} ms, at most {} ms; last fill after {} ms",
            self.delays.len(),
            self.by_venue,
            self.given_back.len(),
            ms(self.given_back.iter().min()),
            ms(self.given_back.iter().max()),
            self.delay(50) / MS,
            self.delay(99) / MS,
            ms(self.delays.last()),
            ms(self.filled_at.last()),
        );
    }
}

struct Market {
    desk: Desk,
    seq: u64,
    start: u64,
    venues: Vec<StrictVenue>,
    /// Orders that rest, with the time at which the venue's accept is here.
    accepts: VecDeque<(u64, SendNew)>,
    /// Orders with a venue, with the time at which the fill is here.
    fills: VecDeque<(u64, SendNew)>,
    /// The last order that was sent to a venue.
    last_sent: u64,
    demand: Demand,
    ended: Vec<bool>,
    outcome: Outcome,
}

impl Market {
    fn new(windows: [&[WindowDef]; VENUES as usize], demand: Demand) -> Self {
        let genesis = Genesis {
            orders_log2: 18,
            children_log2: 16,
            executions_log2: 14,
            ..reference::genesis()
        };
        let mut desk = Desk::with_tables(VENUES, &genesis);
        desk.account(|account| {
            (account.limits.open_orders_max, account.limits.rate_per_s) = (u32::MAX, u32::MAX);
            account.busy_wait_ns = demand.deadline;
        });
        let (account, consents) = (AccountId(0), demand.shares);
        desk.input(Input::Sharing(SharingDef { account, consents }));
        for (venue, windows) in (0..VENUES).zip(windows) {
            desk.venue_terms(venue, |terms| {
                (terms.unanswered_max, terms.rate_orders) = (10_000, u32::MAX);
                terms.stale_after_ns = 3_600 * SECOND;
            });
            let budget = BudgetDef::new(VenueId(venue), SLACK, windows).expect("few windows");
            desk.input(Input::Budget(budget));
            desk.book(venue, &[(9_990, 1_000_000)], &[(10_010, 1_000_000)]);
        }
        desk.outputs.clear();
        // A whole minute, so that windows of the venues begin here.
        desk.now.0 = desk.now.0.next_multiple_of(60 * SECOND);
        Self {
            seq: 1_000_000,
            start: desk.now.0,
            desk,
            venues: windows.iter().map(|windows| StrictVenue::new(windows)).collect(),
            accepts: VecDeque::new(),
            fills: VecDeque::new(),
            last_sent: 0,
            demand,
            ended: vec![false; demand.orders as usize],
            outcome: Outcome::default(),
        }
    }

    fn apply(&mut self, at: u64, input: &Input) {
        self.seq += 1;
        self.desk.now.0 = at;
        let header = Header { seq: self.seq, time: self.desk.now };
        self.desk.engine.apply(header, input, &mut self.desk.outputs);
        let mut outputs = core::mem::take(&mut self.desk.outputs);
        for output in outputs.drain(..) {
            match output {
                Output::SendNew(new) => self.send(at, new),
                Output::Report(report) => match report.kind {
                    ReportKind::Trade => {
                        self.end(at, report.order.0, true);
                        self.outcome.filled_at.push(at - self.start);
                    }
                    ReportKind::Canceled => {
                        assert_eq!(report.reason, Refusal::VenueBusy);
                        self.end(at, report.order.0, false);
                    }
                    ReportKind::New => {}
                    _ => panic!("{report:?}"),
                },
                _ => {}
            }
        }
        self.desk.outputs = outputs;
    }

    /// The venue counts the order, which is the next of the queue and was never sent before.
    fn send(&mut self, at: u64, new: SendNew) {
        assert!(new.order.0 > self.last_sent, "{} after {}", new.order.0, self.last_sent);
        self.last_sent = new.order.0;
        let venue = &mut self.venues[new.venue.index()];
        assert!(venue.order(at + WAY, new.child.0), "beyond the venue's limit: {new:?}");
        self.outcome.by_venue[new.venue.index()] += 1;
        if self.demand.rests > 0 {
            self.accepts.push_back((at + 2 * WAY, new));
        }
        self.fills.push_back((at + 2 * WAY + self.demand.rests, new));
    }

    /// Each order ends once.
    fn end(&mut self, at: u64, order: u64, is_filled: bool) {
        let nth = order - 1;
        assert!(!core::mem::replace(&mut self.ended[nth as usize], true), "{order} ends twice");
        let delay = at - self.start - nth * self.demand.every;
        let ends = if is_filled { &mut self.outcome.delays } else { &mut self.outcome.given_back };
        ends.push(delay);
    }

    /// Sends all orders, and lets time pass until each has ended, or until the end of an order that
    /// would rest for ever.
    fn run(mut self) -> Outcome {
        let end =
            self.start + if self.demand.rests > 0 { self.demand.deadline } else { u64::MAX / 2 };
        let mut sent = 0;
        // Ends: an order of an account with a deadline ends at its deadline.
        loop {
            let order = self.start + sent * self.demand.every;
            let fill = self.fills.front().map(|(at, _)| *at);
            let timer = self.desk.engine.next_timer().map(|at| at.0.max(self.desk.now.0));
            let order = (sent < self.demand.orders).then_some(order);
            let accept = self.accepts.front().map(|(at, _)| *at);
            let next = [order, accept, fill, timer].into_iter().flatten().min();
            let Some(at) = next.filter(|at| *at <= end) else { break };
            if self.desk.engine.open_orders() == 0 && order.is_none() {
                break;
            }
            if accept == Some(at) {
                let (_, new) = self.accepts.pop_front().expect("an accept");
                let (venue, child) = (new.venue, new.child);
                let venue_order = crate::desk::venue_order("X1");
                self.apply(at, &Input::ChildAccepted { venue, child, venue_order });
            } else if fill == Some(at) {
                let (_, new) = self.fills.pop_front().expect("a fill");
                self.apply(at, &Input::ChildFill(fill_of(&new)));
            } else if timer == Some(at) {
                self.apply(at, &Input::Tick);
            } else {
                sent += 1;
                let order = NewOrder {
                    client_seq: sent,
                    tif: if self.demand.rests > 0 { TimeInForce::Gtc } else { TimeInForce::Ioc },
                    price: Price(if self.demand.rests > 0 { 10_000 } else { 10_010 }),
                    ..reference::buy(&format!("o{sent}"))
                };
                self.apply(at, &Input::NewOrder(order));
            }
        }
        let open = self.ended.iter().filter(|ended| !**ended).count();
        assert_eq!(open, self.desk.engine.open_orders(), "orders are lost");
        assert!(open == 0 || self.demand.rests > 0, "orders that take end at their deadline");
        self.outcome.delays.sort_unstable();
        self.outcome
    }
}

fn fill_of(new: &SendNew) -> ChildFill {
    ChildFill {
        venue: new.venue,
        child: new.child,
        instrument: new.instrument,
        side: new.side,
        exec: ExecId(new.child.0.into()),
        qty: new.qty,
        price: new.price,
        fee: Amount(0),
        fee_asset: USD,
        liquidity: Liquidity::Taker,
    }
}

/// The limits of Binance's documents: 50 orders in ten seconds.
fn binance() -> [WindowDef; 1] {
    [WindowDef { kind: WindowKind::Fixed, ..WindowDef::orders(50, 10 * SECOND) }]
}

/// The limits of Kraken's documents for the lowest tier: 60 orders, of which one a second comes
/// back. A fifth is left for cancels.
fn kraken() -> [WindowDef; 1] {
    let counted = Counted::Messages;
    let window = WindowDef::orders(60, 60 * SECOND);
    [WindowDef { kind: WindowKind::Decay, counted, reserved: 12, ..window }]
}

#[test]
fn a_hundred_thousand_orders_of_one_second_are_all_filled_by_two_venues_that_take_ten_thousand() {
    let window = [WindowDef::orders(5_000, SECOND)];
    let demand =
        Demand { orders: 100_000, every: 10_000, deadline: 60 * SECOND, shares: false, rests: 0 };
    let outcome = Market::new([&window, &window], demand).run();
    outcome.tell("100,000 orders in one second");
    assert_eq!((outcome.delays.len(), outcome.given_back.len()), (100_000, 0));
    // Each venue takes 5,000 in 1.1 s, which is its window and the slack.
    assert!(outcome.delays[99_999] < 11 * SECOND, "{:?}", outcome.delays.last());
    assert!(outcome.by_venue.iter().all(|orders| (45_000..=55_000).contains(orders)));
}

#[test]
fn of_a_spike_beyond_the_documented_limits_the_oldest_are_filled_and_the_others_told_in_time() {
    let demand =
        Demand { orders: 100_000, every: 10_000, deadline: 60 * SECOND, shares: false, rests: 0 };
    let outcome = Market::new([&binance(), &kraken()], demand).run();
    outcome.tell("100,000 orders in one second, documented limits");
    let filled = outcome.delays.len() as u64;
    assert_eq!(filled + outcome.given_back.len() as u64, demand.orders);
    // In one minute Binance takes six or seven windows, Kraken its counter and one a second.
    assert!((6 * 50 + 48 + 58..=7 * 50 + 48 + 60).contains(&filled), "{filled} filled");
    let late = 10 * MS;
    let in_time = demand.deadline..=demand.deadline + late;
    assert!(outcome.given_back.iter().all(|delay| in_time.contains(delay)), "told with its word");
    assert!(outcome.delay(100) <= demand.deadline + late);
}

#[test]
fn a_steady_demand_beyond_the_documented_limits_gets_all_that_the_venues_allow() {
    let demand = Demand {
        orders: 20 * 600,
        every: SECOND / 20,
        deadline: 10 * SECOND,
        shares: false,
        rests: 0,
    };
    let outcome = Market::new([&binance(), &kraken()], demand).run();
    outcome.tell("20 orders a second for ten minutes, documented limits");
    let per_10_s = outcome.per_10_s(100 * SECOND, 600 * SECOND);
    println!("sustained: {per_10_s} orders in ten seconds");
    // 50 of Binance and 10 of Kraken.
    assert!((59..=60).contains(&per_10_s), "{per_10_s}");
}

/// The venues count children, and a child carries up to [`SHARERS_MAX`] orders.
#[test]
fn orders_that_share_children_go_many_at_a_time_through_the_documented_limits() {
    let sharers = SHARERS_MAX as u64;
    let demand =
        Demand { orders: 100_000, every: 10_000, deadline: 60 * SECOND, shares: true, rests: 0 };
    let outcome = Market::new([&binance(), &kraken()], demand).run();
    outcome.tell("100,000 orders in one second, documented limits, sharing");
    let filled = outcome.delays.len() as u64;
    assert_eq!(filled + outcome.given_back.len() as u64, demand.orders);
    // The first orders found room and went alone.
    let children: u64 = outcome.by_venue.iter().sum();
    assert!(filled > (children - 110) * sharers && filled <= children * sharers, "{filled}");
    let every = SECOND / 500;
    let demand = Demand { orders: 500 * 300, every, deadline: 10 * SECOND, shares: true, rests: 0 };
    let outcome = Market::new([&binance(), &kraken()], demand).run();
    outcome.tell("500 orders a second for five minutes, documented limits, sharing");
    let per_10_s = outcome.per_10_s(100 * SECOND, 300 * SECOND);
    println!("sustained: {per_10_s} orders in ten seconds");
    assert!((59 * sharers..=60 * sharers).contains(&per_10_s), "{per_10_s}");
}

/// Orders that rest for a second each, at a limit that no book offers. The documented limits count
/// children, and one of them carries up to [`SHARERS_MAX`] of these orders as well.
#[test]
fn resting_orders_that_share_children_go_many_at_a_time_through_the_documented_limits() {
    let sharers = SHARERS_MAX as u64;
    let mut filled = Vec::new();
    for shares in [false, true] {
        let (every, deadline, rests) = (10_000, 60 * SECOND, SECOND);
        let demand = Demand { orders: 100_000, every, deadline, shares, rests };
        let outcome = Market::new([&binance(), &kraken()], demand).run();
        outcome.tell(if shares { "100,000 resting, sharing" } else { "100,000 resting, alone" });
        let children: u64 = outcome.by_venue.iter().sum();
        filled.push((outcome.delays.len() as u64, children));
    }
    let [(alone, requests), (together, children)] = filled[..] else { panic!("two runs") };
    assert!((6 * 50 + 48 + 50..=7 * 50 + 48 + 60).contains(&alone), "{alone} of {requests}");
    assert!(together > (children - 120) * sharers && together <= children * sharers, "{together}");
    for (per_s, shares) in [(20, false), (500, true)] {
        let (every, deadline, rests) = (SECOND / per_s, 300 * SECOND, SECOND);
        let demand = Demand { orders: per_s * 300, every, deadline, shares, rests };
        let outcome = Market::new([&binance(), &kraken()], demand).run();
        let per_10_s = outcome.per_10_s(100 * SECOND, 300 * SECOND);
        println!("sustained, sharing {shares}: {per_10_s} resting orders in ten seconds");
        let each = if shares { sharers } else { 1 };
        assert!((59 * each..=60 * each).contains(&per_10_s), "{per_10_s}");
    }
}
