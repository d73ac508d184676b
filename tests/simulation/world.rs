//! The simulated world with everything that goes wrong in it.

use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};

use rutter_core::number::UnixNanos;
use rutter_core::output::{Notice, Output, SendNew};
use rutter_sim::engine::{InstrumentId, Trading};
use rutter_sim::faults::{CutPoint, Fault, Scope};
use rutter_sim::front::FrontAction;
use rutter_sim::random::Random;
use rutter_world::script::Script;

use super::check;
use super::client::Client;
use super::network::{Network, START_NS};
use super::node::{self, CLIENTS, Node, Survivors};
use super::posted::{self, Posted};
use super::shut::Shut;
use super::venues::{SimFront, VENUES};

const SECOND_NS: u64 = 1_000_000_000;
/// Faults happen until here.
const FAULTS_NS: u64 = START_NS + 20 * SECOND_NS;
/// Clients trade until here.
const TRADING_NS: u64 = START_NS + 22 * SECOND_NS;
/// All is known again, with orders still open.
const SETTLED_NS: u64 = START_NS + 110 * SECOND_NS;
/// The rest is cancelled.
const END_NS: u64 = START_NS + 125 * SECOND_NS;

/// What happened in a run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    pub crashes: u64,
    pub cuts: u64,
    pub faults: u64,
    pub orders: u64,
    pub refused: u64,
    pub children: u64,
    pub fills: u64,
    pub duplicate_fills: u64,
    pub replaced: u64,
    /// By venue: orders that it reduced in their place.
    pub amended: [u64; VENUES.len()],
    /// Amends that a venue refused.
    pub not_amended: u64,
    /// By venue: post-only children that were accepted.
    pub posted: [u64; VENUES.len()],
    /// By venue: post-only children that it refused or ended, because they would have taken.
    pub would_take: [u64; VENUES.len()],
    /// Reports of orders that lost their place in a queue, and of orders that were reduced.
    pub restated: [u64; 2],
    pub lost: u64,
    pub mass_answers: u64,
    pub breakers_opened: u64,
    pub pauses: u64,
    pub cancels_passed: u64,
    pub busy: u64,
    pub cancels_held: u64,
    /// Times that a venue told that its market is closed.
    pub markets_closed: u64,
    /// Times that a venue told other filters.
    pub filters_changed: u64,
    pub beyond_limits: u64,
    pub steps: u64,
}

impl Totals {
    pub fn add(&mut self, other: &Self) {
        self.crashes += other.crashes;
        self.cuts += other.cuts;
        self.faults += other.faults;
        self.orders += other.orders;
        self.refused += other.refused;
        self.children += other.children;
        self.fills += other.fills;
        self.duplicate_fills += other.duplicate_fills;
        self.replaced += other.replaced;
        self.not_amended += other.not_amended;
        for venue in 0..VENUES.len() {
            self.amended[venue] += other.amended[venue];
            self.posted[venue] += other.posted[venue];
            self.would_take[venue] += other.would_take[venue];
        }
        self.restated[0] += other.restated[0];
        self.restated[1] += other.restated[1];
        self.lost += other.lost;
        self.mass_answers += other.mass_answers;
        self.breakers_opened += other.breakers_opened;
        self.pauses += other.pauses;
        self.cancels_passed += other.cancels_passed;
        self.busy += other.busy;
        self.cancels_held += other.cancels_held;
        self.markets_closed += other.markets_closed;
        self.filters_changed += other.filters_changed;
        self.beyond_limits += other.beyond_limits;
        self.steps += other.steps;
    }
}

/// The world with its faults, and all that is watched in it.
pub struct World {
    inner: rutter_world::World<Faults>,
    totals: Totals,
    next_fault_ns: u64,
}

impl Deref for World {
    type Target = rutter_world::World<Faults>;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl DerefMut for World {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.inner
    }
}

/// What goes wrong by chance, and what must be true at every step.
pub struct Faults {
    seed: u64,
    /// Whether the node counts as the venues do.
    pub counts: bool,
    random: Random,
    sent: BTreeSet<String>,
    shut: Shut,
    posted: Posted,
    /// By venue: until when it refuses every order.
    refusing_ns: [u64; VENUES.len()],
    /// By venue: a post-only child on its way that is to find an order in its way.
    to_cross: [Option<SendNew>; VENUES.len()],
    /// By venue: its steps are the usual ones times this.
    factors: [i64; VENUES.len()],
    crashes: u64,
    /// By venue: orders that it reduced in their place.
    amended: [u64; VENUES.len()],
    /// Amends that a venue refused.
    not_amended: u64,
}

impl Script for Faults {
    type Front = SimFront;
    type Client = Client;

    fn start(&mut self, now_ns: u64, survivors: Survivors) -> Node {
        node::start(now_ns, self.seed, self.counts, survivors)
    }

    fn node_dies(&mut self, network: &Network) -> bool {
        let dies = network.faulty && self.random.chance_ppm(150);
        self.crashes += u64::from(dies);
        dies
    }

    fn down_ns(&mut self) -> u64 {
        10_000_000 + self.random.below(2 * SECOND_NS)
    }

    fn loses_call(&mut self, network: &Network) -> bool {
        network.faulty && self.random.chance_ppm(20_000)
    }

    fn arriving(
        &mut self,
        now_ns: u64,
        venue: usize,
        front: &mut SimFront,
        out: &mut Vec<FrontAction>,
    ) {
        if now_ns < self.refusing_ns[venue] {
            let (code, text) = VENUES[venue].refusal;
            let fault = Fault::RejectNextOrder { code, text: text.to_owned() };
            front.inject_scoped(now_ns, Scope::Any, fault, out);
        }
        if let Some(child) = self.to_cross[venue].take() {
            posted::cross(now_ns, front.inner_mut().exchange_mut(), &child);
        }
    }

    fn decided(&mut self, now: UnixNanos, output: &Output) {
        self.shut.watch(now, output);
        self.posted.watch(output);
        match output {
            Output::SendNew(new) if new.post_only && now.0 < FAULTS_NS => {
                let crosses = self.random.chance_ppm(200_000);
                self.to_cross[new.venue.index()] = crosses.then_some(*new);
            }
            Output::Notice(Notice::ChildAmended(venue, ..)) => self.amended[venue.index()] += 1,
            Output::Notice(Notice::AmendRejected(..)) => self.not_amended += 1,
            _ => {}
        }
    }

    /// No order goes to a venue twice.
    fn sent(&mut self, venue: usize, bytes: &[u8]) {
        let id = (VENUES[venue].new_order)(&String::from_utf8_lossy(bytes));
        if let Some(id) = id {
            assert!(self.sent.insert(id.clone()), "{id} was sent twice");
        }
    }
}

impl World {
    /// A world whose node counts requests as the venues do, or one that does not.
    pub fn new(seed: u64, counts: bool) -> Self {
        let faults = Faults {
            seed,
            counts,
            random: Random::salted(seed, 7),
            sent: BTreeSet::new(),
            shut: Shut::default(),
            posted: Posted::default(),
            refusing_ns: [0; VENUES.len()],
            to_cross: [None; VENUES.len()],
            factors: [1; VENUES.len()],
            crashes: 0,
            amended: [0; VENUES.len()],
            not_amended: 0,
        };
        let fronts = VENUES.iter().map(|venue| (venue.front)(seed)).collect();
        let clients = (0..CLIENTS).map(|n| Client::new(seed, n, START_NS)).collect();
        let (network, survivors) = (Network::new(seed), Survivors::new(seed, CLIENTS));
        Self {
            inner: rutter_world::World::new(network, survivors, fronts, clients, faults),
            totals: Totals::default(),
            next_fault_ns: START_NS + 5 * SECOND_NS,
        }
    }

    fn inject(&mut self, venue: usize, fault: Fault) {
        let mut out = Vec::new();
        let now_ns = self.now_ns;
        self.fronts[venue].inject_scoped(now_ns, Scope::Any, fault, &mut out);
        self.perform(venue, out);
    }

    /// Runs to the end and checks everything.
    pub fn run(mut self) -> Totals {
        let mut settled = false;
        let mut canceled = false;
        while self.now_ns < END_NS {
            self.network.faulty = self.now_ns < FAULTS_NS;
            self.step();
            // News that is on its way arrives within a second.
            let is_due = self.now_ns >= SETTLED_NS + SECOND_NS
                || self.now_ns >= SETTLED_NS && !settled && check::is_quiet(&self);
            if is_due && !settled {
                settled = true;
                check::settled(&self);
            }
            if settled && !canceled {
                canceled = true;
                self.cancel_all();
            }
        }
        check::settled(&self);
        check::ended(&self);
        self.totals.beyond_limits = check::beyond_limits(&self);
        let beyond = self.totals.beyond_limits;
        assert!(beyond == 0 || !self.script.counts, "{beyond} requests beyond a venue's limits");
        let node = self.node.as_ref().expect("the node lives at the end");
        let counts = node.decider.engine().counts();
        self.totals.cuts = self.network.cuts;
        self.totals.crashes = self.script.crashes;
        self.totals.breakers_opened = self.script.shut.opened;
        self.totals.pauses = self.script.shut.pauses;
        self.totals.cancels_passed = self.script.shut.cancels_passed;
        self.totals.busy = self.script.shut.busy;
        self.totals.cancels_held = self.script.shut.cancels_held;
        self.totals.markets_closed = self.script.shut.markets_closed;
        self.totals.filters_changed = self.script.shut.filters_changed;
        self.totals.posted = self.script.posted.accepted;
        self.totals.amended = self.script.amended;
        self.totals.not_amended = self.script.not_amended;
        for (venue, front) in self.inner.fronts.iter().enumerate() {
            let exchange = front.inner().exchange();
            self.totals.would_take[venue] = self.inner.script.posted.check(venue, exchange);
        }
        self.totals.orders = counts.orders;
        self.totals.refused = counts.refused;
        self.totals.children = counts.children;
        self.totals.fills = counts.fills;
        self.totals.duplicate_fills = counts.duplicate_fills;
        let restated: Vec<_> = self.clients.iter().map(|client| client.restated).collect();
        for [made_way, reduced] in restated {
            self.totals.restated[0] += made_way;
            self.totals.restated[1] += reduced;
        }
        self.totals.replaced = self.clients.iter().map(|client| client.replaced).sum();
        self.totals.lost = self.clients.iter().map(|client| client.lost).sum();
        self.totals.mass_answers = self.clients.iter().map(|client| client.mass_answers).sum();
        self.totals
    }

    fn cancel_all(&mut self) {
        let now_ns = self.now_ns;
        for number in 0..self.clients.len() {
            for id in self.clients[number].open_orders() {
                self.clients[number].cancel(now_ns, &id);
            }
            self.send_client(number);
        }
    }

    /// One moment: time goes on to the next thing that is due, and all that is due happens.
    fn step(&mut self) {
        self.totals.steps += 1;
        self.now_ns = self.next_ns().max(self.now_ns + 1);
        self.maybe_fault();
        self.revive();
        if self.totals.steps.is_multiple_of(64) {
            self.sync_journal();
        }
        self.timers();
        for number in 0..self.clients.len() {
            self.client_timer(number);
        }
        self.messages();
    }

    fn next_ns(&mut self) -> u64 {
        let mut due = vec![END_NS, self.next_fault_ns];
        due.extend(self.inner.next_ns());
        for client in &self.clients {
            due.extend(client.session.next_deadline_ns());
            if client.wire.is_none() {
                due.push(client.reconnect_ns);
            } else if client.session.is_logged_on() && self.now_ns < TRADING_NS {
                due.push(client.next_action_ns);
            }
        }
        due.into_iter().min().unwrap_or(END_NS)
    }

    /// A venue misbehaves, or the node dies.
    fn maybe_fault(&mut self) {
        if self.now_ns < self.next_fault_ns {
            return;
        }
        if self.now_ns >= FAULTS_NS {
            self.next_fault_ns = END_NS;
            for venue in 0..self.fronts.len() {
                self.inject(venue, Fault::Heal);
                self.set_rules(venue, Trading::Online, 1);
            }
            return;
        }
        self.next_fault_ns = self.now_ns + 100_000_000 + self.script.random.below(1_500_000_000);
        self.totals.faults += 1;
        let venue = self.script.random.below(VENUES.len() as u64) as usize;
        let fault = match self.script.random.below(14) {
            0 => Fault::Duplicate,
            1 => Fault::Reorder,
            2 => Fault::Drop { frames: 1 + self.script.random.below(3) as u32 },
            3 => Fault::Delay { delay_ns: self.script.random.below(300_000_000), frames: 20 },
            4 => Fault::CutOnOrder(CutPoint::BeforeProcessing),
            5 => Fault::CutOnOrder(CutPoint::BeforeAck),
            6 => Fault::CutOnOrder(CutPoint::AfterAck),
            7 => Fault::CorruptBook,
            8 => Fault::Disconnect,
            9 => Fault::RateLimit { for_ns: self.script.random.below(SECOND_NS) },
            10 => {
                self.tell(|| format!("venue {venue} refuses everything"));
                self.script.refusing_ns[venue] =
                    self.now_ns + self.script.random.below(5 * SECOND_NS);
                return;
            }
            11 => Fault::HalfOpen,
            12 => return self.shut_market(venue),
            _ => return self.change_rules(venue),
        };
        self.tell(|| format!("fault at venue {venue}: {fault:?}"));
        self.inject(venue, fault);
    }

    /// The venue's market takes cancels only, or is open again.
    fn shut_market(&mut self, venue: usize) {
        let exchange = self.fronts[venue].inner().exchange();
        let is_open = exchange.trading(InstrumentId(0)) == Trading::Online;
        self.tell(|| format!("venue {venue} is open: {}", !is_open));
        let trading = if is_open { Trading::CancelOnly } else { Trading::Online };
        self.set_rules(venue, trading, self.script.factors[venue]);
    }

    /// The venue takes coarser prices and quantities, or the usual ones again.
    fn change_rules(&mut self, venue: usize) {
        let factor = [1, 2, 5][self.script.random.below(3) as usize];
        self.tell(|| format!("venue {venue} has steps times {factor}"));
        let trading = self.fronts[venue].inner().exchange().trading(InstrumentId(0));
        self.set_rules(venue, trading, factor);
    }

    fn set_rules(&mut self, venue: usize, trading: Trading, factor: i64) {
        let before = std::mem::replace(&mut self.script.factors[venue], factor);
        let exchange = self.fronts[venue].inner_mut().exchange_mut();
        exchange.set_trading(InstrumentId(0), trading);
        if before == factor {
            return;
        }
        let changed = exchange.change_rules(InstrumentId(0), |rules| {
            rules.tick = rules.tick / before * factor;
            rules.lot = rules.lot / before * factor;
            rules.min_quantity = rules.min_quantity / before * factor;
        });
        changed.expect("sound rules");
    }

    fn client_timer(&mut self, number: usize) {
        let now_ns = self.now_ns;
        let (price, lives) = (self.price_e2(), self.node.is_some());
        let client = &mut self.clients[number];
        if client.wire.is_none() {
            if now_ns >= client.reconnect_ns && lives {
                self.connect_client(number);
            } else if now_ns >= client.reconnect_ns {
                client.reconnect_ns = now_ns + 100_000_000;
            }
            return;
        }
        if client.session.next_deadline_ns().is_some_and(|due| due <= now_ns) {
            let mut ended = false;
            while let Some(event) = client.session.on_timer(now_ns, &mut client.output) {
                ended |= matches!(event, rutter_fix::session::Event::Disconnect { .. });
            }
            self.send_client(number);
            if ended {
                return self.end_client(number);
            }
        }
        let client = &mut self.clients[number];
        let may_act = now_ns < TRADING_NS && client.session.is_logged_on();
        if may_act && now_ns >= client.next_action_ns {
            client.act(now_ns, price);
            self.send_client(number);
        }
    }

    /// The last price at the first venue, in hundredths.
    fn price_e2(&self) -> i64 {
        let exchange = self.fronts[0].inner().exchange();
        let (instrument, terms) = exchange.instruments().next().expect("an instrument");
        let unit = 10_i64.pow(terms.price_decimals);
        exchange.last_price(instrument).map_or(6_000_000, |price| price * 100 / unit)
    }
}
