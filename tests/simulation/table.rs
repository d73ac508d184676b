//! The fault table: each fault, at each state of an order, on both sides, at each venue.
//!
//! A line belongs here if it makes one order, lets one thing go wrong at one moment, and checks
//! what has become of the order. The node, the adapters and the simulated venues are the whole ones, in
//! one thread and in virtual time.
//!
//! In each cell: no order is sent twice, no execution is lost, nothing is unknown once the venue
//! answers, the order is over once it is cancelled, and positions, cash and fees are the venue's.

use std::collections::BTreeSet;

use rutter_core::child::ChildState;
use rutter_core::id::VenueId;
use rutter_core::input::{
    CancelOrder, Input, Instructions, NewOrder, ReplaceOrder, Side, TimeInForce,
};
use rutter_core::number::{Price, Qty, UnixNanos};
use rutter_core::output::{Output, SendNew};
use rutter_sim::faults::{CutPoint, Fault, Scope};
use rutter_sim::instrument::Trading;
use rutter_sim::order::{
    self, AccountId, CancelOnly, InstrumentId, OrderKind, OrderRef, OrderSize, Stp, Tif,
};
use rutter_test_support::reference::{self, text};
use rutter_test_support::seeds;
use rutter_transport::machine::Machine as _;
use rutter_transport::standing::Why;
use rutter_world::network::{Arrival, End, Network, START_NS};
use rutter_world::node::{Machinery, Node, Survivors};
use rutter_world::script::Script;

use super::check;
use super::client::Client;
use super::node::{self as config, CLIENTS};
use super::venues::{OURS, PAIR, SimFront, VENUES};

const SECOND_NS: u64 = 1_000_000_000;
/// The venues are up by then.
const READY_NS: u64 = START_NS + 8 * SECOND_NS;
/// Half-open connections and delays end.
const HEAL_NS: u64 = 40 * SECOND_NS;
/// The proof that an order never arrived takes less, a maintenance and its reconnect too.
const SETTLE_NS: u64 = 120 * SECOND_NS;
/// The order is cancelled, and has ended.
const END_NS: u64 = 30 * SECOND_NS;
/// Of the market and the wires.
const SEED: u64 = 7;
const QTY: i64 = 1_000_000;
const PART: i64 = 200_000;
const REDUCED: i64 = 600_000;

/// By venue: how the label of its order link begins.
const ORDER_LINKS: [&str; VENUES.len()] = ["fix", "/v2"];
/// By venue: an answer that leaves the outcome of an order open.
const UNKNOWN_ANSWERS: [(i32, &str); VENUES.len()] =
    [(-1000, "An unknown error occurred."), (0, "EGeneral:Unknown error")];

/// Where the order is when the fault comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// About to be sent.
    Sending,
    /// Open, without an execution.
    Resting,
    /// Open, with one execution.
    Partial,
    /// The client cancels at this moment.
    Cancelling,
    /// The client reduces the quantity at this moment.
    Amending,
}

const STATES: [State; 5] =
    [State::Sending, State::Resting, State::Partial, State::Cancelling, State::Amending];

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Nothing,
    Disconnect,
    CutBefore,
    CutUnacked,
    CutAcked,
    HalfOpen,
    Lost,
    Slow,
    Late,
    Doubled,
    Reordered,
    RateLimit,
    Unknown,
    SlowEngine,
    SlowRestart,
    Garbage,
    Maintenance,
    Unsolicited,
    FillRaces,
    Restart,
    ClockAhead,
    ClockBehind,
}

const WRONGS: [(Wrong, &str); 22] = [
    (Wrong::Nothing, "nothing"),
    (Wrong::Disconnect, "all connections are cut"),
    (Wrong::CutBefore, "cut before the next order arrives"),
    (Wrong::CutUnacked, "cut after the next order, before its answer"),
    (Wrong::CutAcked, "cut after the answer to the next order"),
    (Wrong::HalfOpen, "half-open for 40 s"),
    (Wrong::Lost, "the next five messages of the venue are lost"),
    (Wrong::Slow, "the venue's messages are 3 s late"),
    (Wrong::Late, "the venue's messages are 12 s late"),
    (Wrong::Doubled, "two messages of the venue come twice"),
    (Wrong::Reordered, "messages of the venue change places"),
    (Wrong::RateLimit, "requests are over the rate limit for 5 s"),
    (Wrong::Unknown, "the next order is answered with an unknown outcome"),
    (Wrong::SlowEngine, "the engine takes 12 s: -1007, then the order is placed"),
    (Wrong::SlowRestart, "the same, and the node is killed meanwhile"),
    (Wrong::Garbage, "the venue sends garbage"),
    (Wrong::Maintenance, "maintenance"),
    (Wrong::Unsolicited, "the venue cancels the order"),
    (Wrong::FillRaces, "the order fills at this moment"),
    (Wrong::Restart, "the node is killed"),
    (Wrong::ClockAhead, "our clock is 5 s ahead"),
    (Wrong::ClockBehind, "our clock is 5 s behind"),
];

impl Wrong {
    /// Whether there is such a cell: some faults are about the next order only, and one about
    /// Binance only.
    fn applies(self, venue: usize, state: State) -> bool {
        let is_slow = matches!(self, Self::SlowEngine | Self::SlowRestart);
        let cuts = [Self::CutBefore, Self::CutUnacked, Self::CutAcked, Self::Unknown];
        let is_of_next_order = is_slow || cuts.contains(&self);
        let is_here = !is_slow || ORDER_LINKS[venue] == "fix";
        is_here && (!is_of_next_order || state == State::Sending)
    }

    /// Whether the order link must say what is wrong.
    fn is_told(self) -> bool {
        matches!(
            self,
            Self::Disconnect
                | Self::CutBefore
                | Self::CutUnacked
                | Self::CutAcked
                | Self::HalfOpen
                | Self::Late
                | Self::Garbage
                | Self::Maintenance
        )
    }
}

/// Watches one cell.
struct Cell {
    seed: u64,
    venue: usize,
    sent: BTreeSet<String>,
    first: Option<SendNew>,
    /// What the order link's standing has said, newest last.
    reasons: Vec<Why>,
}

impl Script for Cell {
    type Front = SimFront;
    type Client = Client;

    fn start(&mut self, now_ns: u64, survivors: Survivors) -> Node {
        config::start(now_ns, self.seed, true, survivors)
    }

    fn down_ns(&mut self) -> u64 {
        SECOND_NS
    }

    fn decided(&mut self, _now: UnixNanos, output: &Output) {
        if let Output::SendNew(new) = output {
            assert_eq!(new.venue.index(), self.venue, "the order names its venue");
            self.first.get_or_insert(*new);
        }
    }

    fn sent(&mut self, venue: usize, bytes: &[u8]) {
        if let Some(id) = (VENUES[venue].new_order)(&String::from_utf8_lossy(bytes)) {
            assert!(self.sent.insert(id.clone()), "{id} was sent twice");
        }
    }
}

struct Table {
    world: rutter_world::World<Cell>,
    side: Side,
    steps: u64,
}

impl Table {
    fn new(venue: usize, side: Side, seed: u64) -> Self {
        let reasons = Vec::new();
        let cell = Cell { seed, venue, sent: BTreeSet::new(), first: None, reasons };
        let fronts = VENUES.iter().map(|venue| (venue.front)(seed)).collect();
        let clients = (0..CLIENTS).map(|n| Client::new(seed, n, START_NS)).collect();
        let mut network = Network::new(seed);
        network.faulty = false;
        let survivors = Survivors::new(seed, CLIENTS);
        let world = rutter_world::World::new(network, survivors, fronts, clients, cell);
        Self { world, side, steps: 0 }
    }

    fn run_to(&mut self, end_ns: u64) {
        while self.world.now_ns < end_ns {
            let next_ns = self.world.next_ns().unwrap_or(end_ns).min(end_ns);
            self.world.now_ns = next_ns.max(self.world.now_ns + 1);
            self.world.revive();
            self.steps += 1;
            if self.steps.is_multiple_of(64) {
                self.world.sync_journal();
            }
            self.world.timers();
            self.world.messages();
            self.note_reason();
        }
    }

    fn note_reason(&mut self) {
        let venue = self.world.script.venue;
        let Some(node) = &self.world.node else { return };
        let orders = node.machines.iter().find_map(|running| match &running.machine {
            Machinery::Orders(machine) if running.venue == venue => Some(machine),
            Machinery::Orders(_) | Machinery::Feed(_) => None,
        });
        let why = orders.and_then(|machine| machine.standing()).and_then(|told| told.why);
        let Some(why) = why.filter(|why| !why.is_progress()) else { return };
        if self.world.script.reasons.last() != Some(&why) {
            self.world.script.reasons.push(why);
        }
    }

    fn input(&mut self, input: Input) {
        if let Some(node) = &mut self.world.node {
            node.inputs.push_back(input);
        }
        self.world.messages();
    }

    fn inject(&mut self, scope: Scope, fault: Fault) {
        let (venue, now_ns) = (self.world.script.venue, self.world.now_ns);
        let mut out = Vec::new();
        self.world.fronts[venue].inject_scoped(now_ns, scope, fault, &mut out);
        self.world.perform(venue, out);
    }

    /// A price one per cent away from the market, where nobody trades by chance.
    fn price(&self) -> Price {
        let exchange = self.world.fronts[self.world.script.venue].inner().exchange();
        let (instrument, terms) = exchange.instruments().next().expect("an instrument");
        let unit = 10_i64.pow(terms.price_decimals);
        let whole = exchange.last_price(instrument).expect("a trade") / unit;
        Price(match self.side {
            Side::Buy => whole * 99,
            Side::Sell => whole * 101,
        })
    }

    fn order(&self, id: &str, qty: i64, price: Price) -> NewOrder {
        let only = Some(VenueId(self.world.script.venue as u8));
        NewOrder {
            instrument: PAIR,
            side: self.side,
            tif: TimeInForce::Gtc,
            qty: Qty(qty),
            price,
            instructions: Instructions { only, ..Instructions::default() },
            ..reference::buy(id)
        }
    }

    fn cancel(&mut self, request: &str, of: &str) {
        let (cl_ord_id, orig_cl_ord_id) = (text(request), text(of));
        let session = rutter_core::id::SessionId(0);
        self.input(Input::Cancel(CancelOrder {
            session,
            client_seq: 1,
            cl_ord_id,
            orig_cl_ord_id,
        }));
    }

    /// Somebody trades with our order: first with all that is better, then a part of ours.
    fn fill(&mut self, qty: i64) {
        let Some(new) = self.world.script.first else { return };
        let now_ns = self.world.now_ns;
        let exchange = self.world.fronts[self.world.script.venue].inner_mut().exchange_mut();
        let instrument = InstrumentId(0);
        let decimals = exchange.instrument_config(instrument).price_decimals;
        let price = new.price.0 * 10_i64.pow(decimals) / 100;
        let ours = exchange.account(OURS).expect("our account");
        let is_open = exchange.open_orders(ours, None).any(|order| order.price == price);
        if !is_open || exchange.trading(instrument) != Trading::Online {
            return;
        }
        let (side, theirs) = match new.side {
            Side::Buy => (order::Side::Sell, order::Side::Buy),
            Side::Sell => (order::Side::Buy, order::Side::Sell),
        };
        let depth = exchange.depth(instrument, theirs, usize::MAX);
        let better = |at: i64| if theirs == order::Side::Buy { at > price } else { at < price };
        let before: i64 = depth.iter().filter(|(at, _)| better(*at)).map(|(_, qty)| *qty).sum();
        let taker = order::NewOrder {
            account: AccountId(2),
            instrument,
            client_id: "".into(),
            side,
            kind: OrderKind::Limit,
            tif: Tif::Ioc,
            post_only: false,
            price,
            size: OrderSize::Base(before + qty),
            stp: Stp::Allow,
            tag: 0,
        };
        exchange.place(now_ns, &taker).expect("another participant has the funds");
    }

    /// The venue's order link carries what is no message.
    fn garbage(&mut self) {
        let (venue, now_ns) = (self.world.script.venue, self.world.now_ns);
        let Some(node) = &self.world.node else { return };
        let is_orders = |machine: &Machinery| matches!(machine, Machinery::Orders(_));
        let of = node.machines.iter().find(|one| one.venue == venue && is_orders(&one.machine));
        let Some(wire) = of.and_then(|running| running.wires[0]) else { return };
        let garbage = "8=FIX.4.4|9=x|{[";
        let arrival = match ORDER_LINKS[venue] {
            "fix" => Arrival::Bytes(garbage.replace('|', "\u{1}").into_bytes()),
            _ => Arrival::Text(garbage.to_owned()),
        };
        self.world.network.send(now_ns, wire, End::Front(venue), arrival);
    }

    /// The venue ends our order for a reason of its own.
    fn unsolicited(&mut self) {
        let Some(new) = self.world.script.first else { return };
        let venue = self.world.script.venue;
        let now_ns = self.world.now_ns;
        let id = (VENUES[venue].order_id)(new.child);
        let exchange = self.world.fronts[venue].inner_mut().exchange_mut();
        let ours = exchange.account(OURS).expect("our account");
        // It may not be there.
        let _ = exchange.cancel(now_ns, ours, OrderRef::Client(&id), CancelOnly::Any, None);
    }

    fn go_wrong(&mut self, wrong: Wrong) {
        let venue = self.world.script.venue;
        let scope = Scope::Label(ORDER_LINKS[venue].to_owned());
        let late = |seconds: u64| Fault::Delay { delay_ns: seconds * SECOND_NS, frames: 200 };
        match wrong {
            Wrong::Nothing => {}
            Wrong::Disconnect => self.inject(Scope::Any, Fault::Disconnect),
            Wrong::CutBefore => {
                self.inject(scope, Fault::CutOnOrder(CutPoint::BeforeProcessing));
            }
            Wrong::CutUnacked => self.inject(scope, Fault::CutOnOrder(CutPoint::BeforeAck)),
            Wrong::CutAcked => self.inject(scope, Fault::CutOnOrder(CutPoint::AfterAck)),
            Wrong::HalfOpen => self.inject(scope, Fault::HalfOpen),
            Wrong::Lost => self.inject(scope, Fault::Drop { frames: 5 }),
            Wrong::Slow => self.inject(scope, late(3)),
            Wrong::Late => self.inject(scope, late(12)),
            Wrong::Doubled => {
                self.inject(scope.clone(), Fault::Duplicate);
                self.inject(scope, Fault::Duplicate);
            }
            Wrong::Reordered => self.inject(scope, Fault::Reorder),
            Wrong::RateLimit => self.inject(scope, Fault::RateLimit { for_ns: 5 * SECOND_NS }),
            Wrong::Unknown => {
                let (code, text) = UNKNOWN_ANSWERS[venue];
                self.inject(scope, Fault::RejectNextOrder { code, text: text.to_owned() });
            }
            Wrong::SlowEngine | Wrong::SlowRestart => {
                self.inject(scope, Fault::SlowEngine { for_ns: 12 * SECOND_NS });
            }
            Wrong::Garbage => self.garbage(),
            Wrong::Maintenance => {
                self.inject(scope, Fault::Maintenance { for_ns: 10 * SECOND_NS });
            }
            Wrong::Unsolicited => self.unsolicited(),
            Wrong::FillRaces => self.fill(PART),
            Wrong::Restart => self.world.kill_node(SECOND_NS),
            Wrong::ClockAhead => {
                self.inject(scope, Fault::ClockBehind { by_ns: 5_000_000_000 });
            }
            Wrong::ClockBehind => {
                self.inject(scope, Fault::ClockBehind { by_ns: -5_000_000_000 });
            }
        }
    }

    /// Runs one cell to its end. Returns what the order link said.
    fn cell(mut self, state: State, wrong: Wrong) -> Vec<Why> {
        self.run_to(READY_NS);
        let price = self.price();
        if state != State::Sending {
            self.input(Input::NewOrder(self.order("1", QTY, price)));
            self.run_to(READY_NS + 2 * SECOND_NS);
        }
        if state == State::Partial {
            self.fill(PART);
            self.run_to(READY_NS + 3 * SECOND_NS);
        }
        let wrong_ns = self.world.now_ns;
        self.go_wrong(wrong);
        match state {
            State::Sending => self.input(Input::NewOrder(self.order("1", QTY, price))),
            State::Resting | State::Partial => {}
            State::Cancelling => self.cancel("2", "1"),
            State::Amending => {
                let orig_cl_ord_id = text("1");
                let order = NewOrder { trace: 0, ..self.order("2", REDUCED, price) };
                self.input(Input::Replace(ReplaceOrder { orig_cl_ord_id, order }));
            }
        }
        self.run_to(wrong_ns + SECOND_NS);
        if wrong == Wrong::SlowRestart {
            self.world.kill_node(SECOND_NS);
        }
        // An execution while things are wrong, and another one later.
        self.fill(PART);
        self.run_to(wrong_ns + HEAL_NS);
        self.inject(Scope::Any, Fault::Heal);
        self.run_to(wrong_ns + SETTLE_NS);
        self.fill(PART);
        self.run_to(wrong_ns + SETTLE_NS + SECOND_NS);
        self.settled(false);
        self.cancel("8", "1");
        self.cancel("9", "2");
        self.run_to(wrong_ns + SETTLE_NS + END_NS);
        self.settled(true);
        let reasons = self.world.script.reasons;
        assert!(!wrong.is_told() || !reasons.is_empty(), "the reason is visible");
        reasons
    }

    fn settled(&self, is_over: bool) {
        let node = self.world.node.as_ref().expect("the node lives");
        let engine = node.decider.engine();
        let venue = self.world.script.venue;
        assert!(engine.is_up(VenueId(venue as u8)), "the venue is up again");
        for child in engine.children().filter(|child| !child.state().is_over()) {
            assert_eq!(child.state(), ChildState::Live, "nothing is unknown: {child:?}");
        }
        let exchange = self.world.fronts[venue].inner().exchange();
        let ours = exchange.account(OURS).expect("our account");
        let filled: i64 = exchange.fills(ours).map(|fill| fill.quantity).sum();
        let booked: i64 = engine.orders().map(|order| order.filled.0).sum();
        assert_eq!(booked, filled, "every execution is booked, once");
        let leaves = exchange.open_orders(ours, None).map(|order| order.quantity - order.filled);
        let out: i64 = filled + leaves.sum::<i64>();
        assert!(out <= QTY, "no more than ordered is open or filled: {out}");
        check::money(&self.world.fronts, engine);
        if is_over {
            assert_eq!(exchange.open_orders(ours, None).count(), 0, "nothing rests at the venue");
            let open = engine.orders().find(|order| !order.state().is_over());
            assert_eq!(open.map(|order| order.id), None, "the order is over: {open:?}");
        }
    }
}

type Place = (usize, Wrong, State, Side);

fn name((venue, wrong, state, side): Place) -> String {
    format!("{}/{wrong:?}/{state:?}/{side:?}", VENUES[venue].name)
}

/// The cells that there are, and whose name has the text of `RUTTER_CELL`, if that is set.
fn cells() -> Vec<Place> {
    let only = std::env::var("RUTTER_CELL").unwrap_or_default();
    let mut cells = Vec::new();
    for venue in 0..VENUES.len() {
        for (wrong, _) in WRONGS {
            for state in STATES.into_iter().filter(|state| wrong.applies(venue, *state)) {
                cells.extend([Side::Buy, Side::Sell].map(|side| (venue, wrong, state, side)));
            }
        }
    }
    cells.retain(|place| name(*place).contains(&only));
    cells
}

/// What a cell of the printed table says: the words of both sides, or a dash: there is no cell.
fn words(told: &[(Place, Option<Vec<Why>>)], venue: usize, wrong: Wrong, state: State) -> String {
    let here = told.iter().filter(|((v, w, s, _), _)| (*v, *w, *s) == (venue, wrong, state));
    let mut sides: Vec<String> = here
        .map(|(_, reasons)| match reasons.as_deref() {
            None => "FAILED".to_owned(),
            Some([]) => "ok".to_owned(),
            Some(reasons) => reasons.iter().map(|why| why.word()).collect::<Vec<_>>().join(", "),
        })
        .collect();
    sides.dedup();
    if sides.is_empty() { "-".to_owned() } else { sides.join("; ") }
}

/// `RUTTER_CELL=venue/fault/state/side` runs the cells whose name has this text.
#[test]
fn every_fault_at_every_state_of_an_order_loses_nothing_and_sends_nothing_twice() {
    let cells = cells();
    let run = |at: u64| {
        let place = cells[at as usize];
        let (venue, wrong, state, side) = place;
        let run = || Table::new(venue, side, SEED).cell(state, wrong);
        (place, std::panic::catch_unwind(run).ok())
    };
    let told = seeds::run_all(&(0..=cells.len() as u64 - 1), "--test simulation fault", run);
    println!("| venue | fault | {} |", STATES.map(|state| format!("{state:?}")).join(" | "));
    for (venue, named) in VENUES.iter().enumerate() {
        for (wrong, what) in WRONGS {
            let row = STATES.map(|state| words(&told, venue, wrong, state)).join(" | ");
            println!("| {} | {what} | {row} |", named.name);
        }
    }
    let failed = told.iter().filter(|(_, reasons)| reasons.is_none());
    let failed: Vec<String> = failed.map(|(place, _)| name(*place)).collect();
    assert!(failed.is_empty(), "{} of {} cells failed: {failed:#?}", failed.len(), cells.len());
}
