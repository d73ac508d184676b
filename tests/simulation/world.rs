//! The simulated world: delivers each message to its receiver, one step at a time.

use std::collections::{BTreeSet, VecDeque};

use rutter_clients::{ClientGateway, ClientInput};
use rutter_core::input::Input;
use rutter_core::number::UnixNanos;
use rutter_core::output::Output;
use rutter_fix::store::MemStore;
use rutter_sim::faults::{CutPoint, Fault, Scope};
use rutter_sim::front::{ConnId, Front, FrontAction, HttpRequest};
use rutter_sim::random::Random;
use rutter_transport::acceptor::{Acceptor, ConnId as GatewayConn, Event as Arrived, Peer};
use rutter_transport::machine::{Action, CloseReason, Event, HttpMethod, HttpResponse, LinkId};
use rutter_venues::VenueCommand;

use super::check;
use super::client::Client;
use super::network::{Arrival, Delivery, End, Network, START_NS};
use super::node::{CLIENTS, Machinery, Node, Survivors};
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
    pub lost: u64,
    pub mass_answers: u64,
    pub breakers_opened: u64,
    pub pauses: u64,
    pub cancels_passed: u64,
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
        self.lost += other.lost;
        self.mass_answers += other.mass_answers;
        self.breakers_opened += other.breakers_opened;
        self.pauses += other.pauses;
        self.cancels_passed += other.cancels_passed;
        self.steps += other.steps;
    }
}

pub struct World {
    seed: u64,
    pub now_ns: u64,
    pub network: Network,
    random: Random,
    pub node: Option<Node>,
    survivors: Option<Survivors>,
    restart_ns: u64,
    /// The simulated exchanges, in the order of [`VENUES`].
    pub fronts: Vec<SimFront>,
    pub clients: Vec<Client>,
    sent: BTreeSet<String>,
    shut: Shut,
    /// By venue: until when it refuses every order.
    refusing_ns: [u64; VENUES.len()],
    totals: Totals,
    next_fault_ns: u64,
    /// `TRACE=1` tells everything that happens.
    trace: bool,
}

impl World {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            now_ns: START_NS,
            network: Network::new(seed),
            random: Random::salted(seed, 7),
            node: None,
            survivors: Some(Survivors::new(seed)),
            restart_ns: START_NS,
            fronts: VENUES.iter().map(|venue| (venue.front)(seed)).collect(),
            clients: (0..CLIENTS).map(|n| Client::new(seed, n, START_NS)).collect(),
            sent: BTreeSet::new(),
            shut: Shut::default(),
            refusing_ns: [0; VENUES.len()],
            totals: Totals::default(),
            next_fault_ns: START_NS + 5 * SECOND_NS,
            trace: std::env::var_os("TRACE").is_some(),
        }
    }

    fn inject(&mut self, venue: usize, fault: Fault) {
        let mut out = Vec::new();
        self.fronts[venue].inject_scoped(self.now_ns, Scope::Any, fault, &mut out);
        self.perform(venue, out);
    }

    /// Runs to the end and checks everything.
    pub fn run(mut self) -> Totals {
        let mut settled = false;
        let mut canceled = false;
        while self.now_ns < END_NS {
            self.network.faulty = self.now_ns < FAULTS_NS;
            self.step();
            if self.now_ns >= SETTLED_NS && !settled {
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
        let node = self.node.as_ref().expect("the node lives at the end");
        let counts = node.decider.engine().counts();
        self.totals.cuts = self.network.cuts;
        self.totals.breakers_opened = self.shut.opened;
        self.totals.pauses = self.shut.pauses;
        self.totals.cancels_passed = self.shut.cancels_passed;
        self.totals.orders = counts.orders;
        self.totals.refused = counts.refused;
        self.totals.children = counts.children;
        self.totals.fills = counts.fills;
        self.totals.duplicate_fills = counts.duplicate_fills;
        self.totals.replaced = self.clients.iter().map(|client| client.replaced).sum();
        self.totals.lost = self.clients.iter().map(|client| client.lost).sum();
        self.totals.mass_answers = self.clients.iter().map(|client| client.mass_answers).sum();
        self.totals
    }

    fn cancel_all(&mut self) {
        for number in 0..self.clients.len() {
            for id in self.clients[number].open_orders() {
                self.clients[number].cancel(self.now_ns, &id);
            }
            self.send_client(number);
        }
    }

    /// One moment: time goes on to the next thing that is due, and all that is due happens.
    fn step(&mut self) {
        self.totals.steps += 1;
        self.now_ns = self.next_ns().max(self.now_ns + 1);
        self.maybe_fault();
        if self.node.is_none() && self.now_ns >= self.restart_ns {
            let survivors = self.survivors.take().expect("something survived");
            self.node = Some(Node::start(self.now_ns, self.seed, survivors));
        }
        if let Some(node) = self.node.as_mut().filter(|_| self.totals.steps.is_multiple_of(64)) {
            node.decider.journal_mut().sync_step().expect("synced");
        }
        self.timers();
        while let Some(delivery) = self.network.next(self.now_ns) {
            self.deliver(delivery);
            self.pump();
        }
        self.pump();
    }

    fn next_ns(&mut self) -> u64 {
        let mut due = vec![END_NS, self.next_fault_ns];
        due.extend(self.network.next_ns());
        due.extend(self.fronts.iter().filter_map(Front::next_timer_ns));
        match &mut self.node {
            Some(node) => {
                due.extend(node.gateway.next_timer_ns());
                due.extend(node.decider.engine().next_timer().map(|at| at.0));
                due.extend(
                    node.machines.iter_mut().filter_map(super::node::Running::next_timer_ns),
                );
            }
            None => due.push(self.restart_ns),
        }
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
            }
            return;
        }
        self.next_fault_ns = self.now_ns + 100_000_000 + self.random.below(1_500_000_000);
        self.totals.faults += 1;
        let venue = self.random.below(self.fronts.len() as u64) as usize;
        let fault = match self.random.below(12) {
            0 => Fault::Duplicate,
            1 => Fault::Reorder,
            2 => Fault::Drop { frames: 1 + self.random.below(3) as u32 },
            3 => Fault::Delay { delay_ns: self.random.below(300_000_000), frames: 20 },
            4 => Fault::CutOnOrder(CutPoint::BeforeProcessing),
            5 => Fault::CutOnOrder(CutPoint::BeforeAck),
            6 => Fault::CutOnOrder(CutPoint::AfterAck),
            7 => Fault::CorruptBook,
            8 => Fault::Disconnect,
            9 => Fault::RateLimit { for_ns: self.random.below(SECOND_NS) },
            10 => {
                self.tell(|| format!("venue {venue} refuses everything"));
                self.refusing_ns[venue] = self.now_ns + self.random.below(5 * SECOND_NS);
                return;
            }
            _ => Fault::HalfOpen,
        };
        self.tell(|| format!("fault at venue {venue}: {fault:?}"));
        self.inject(venue, fault);
    }

    fn crash(&mut self) {
        let Some(node) = self.node.take() else { return };
        self.totals.crashes += 1;
        self.tell(|| "the node dies".to_owned());
        self.survivors = Some(node.die());
        self.network.node_died(self.now_ns);
        self.restart_ns = self.now_ns + 10_000_000 + self.random.below(2 * SECOND_NS);
    }

    fn may_crash(&mut self) -> bool {
        self.network.faulty && self.random.chance_ppm(150)
    }

    fn timers(&mut self) {
        for venue in 0..self.fronts.len() {
            let now_ns = self.now_ns;
            if self.fronts[venue].next_timer_ns().is_some_and(|due| due <= now_ns) {
                let mut out = Vec::new();
                self.fronts[venue].on_timer(now_ns, &mut out);
                self.perform(venue, out);
            }
        }
        self.node_timers();
        for number in 0..self.clients.len() {
            self.client_timer(number);
        }
    }

    fn node_timers(&mut self) {
        let now_ns = self.now_ns;
        let Some(node) = &mut self.node else { return };
        node.gateway.on_timer(now_ns);
        deliver(now_ns, &mut node.gateway, &mut node.inputs);
        if node.decider.engine().next_timer().is_some_and(|due| due.0 <= now_ns) {
            node.inputs.push_back(Input::Tick);
        }
        for at in 0..node.machines.len() {
            let Some(node) = &mut self.node else { return };
            let machine = &mut node.machines[at];
            if machine.next_timer_ns().is_some_and(|due| due <= now_ns) {
                machine.timer(now_ns);
            }
            self.take_machine(at);
        }
        self.write_gateway();
    }

    fn client_timer(&mut self, number: usize) {
        let now_ns = self.now_ns;
        let price = self.price_e2();
        let client = &mut self.clients[number];
        if client.wire.is_none() {
            if now_ns >= client.reconnect_ns && self.node.is_some() {
                let wire = self.network.connect(now_ns, End::Client(number), End::Gateway, None);
                client.wire = Some(wire);
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

    fn end_client(&mut self, number: usize) {
        if let Some(wire) = self.clients[number].wire {
            self.network.close(self.now_ns, wire, End::Client(number));
        }
    }

    fn send_client(&mut self, number: usize) {
        let client = &mut self.clients[number];
        let bytes = std::mem::take(&mut client.output);
        let (Some(wire), false) = (client.wire, bytes.is_empty()) else { return };
        if client.opened {
            self.network.send(self.now_ns, wire, End::Client(number), Arrival::Bytes(bytes));
        }
    }

    fn tell(&self, what: impl FnOnce() -> String) {
        if self.trace {
            let since_ns = self.now_ns - START_NS;
            eprintln!("{:>3}.{:09} {}", since_ns / SECOND_NS, since_ns % SECOND_NS, what());
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        self.tell(|| delivery.to_string());
        match delivery.to {
            End::Machine(machine, link) => self.arrive_at_machine(machine, link, delivery),
            End::Front(venue) => self.arrive_at_front(venue, delivery),
            End::Gateway => self.arrive_at_gateway(delivery),
            End::Client(number) => self.arrive_at_client(number, delivery),
        }
    }

    fn arrive_at_client(&mut self, number: usize, delivery: Delivery) {
        let client = &mut self.clients[number];
        if client.wire != Some(delivery.wire) {
            return;
        }
        match delivery.arrival {
            Arrival::Opened { .. } => client.opened(self.now_ns),
            Arrival::Bytes(bytes) => {
                if !client.receive(self.now_ns, &bytes) {
                    self.send_client(number);
                    return self.end_client(number);
                }
            }
            Arrival::Closed | Arrival::Refused => client.closed(self.now_ns),
            other => panic!("a client got {other:?}"),
        }
        self.send_client(number);
    }

    fn arrive_at_gateway(&mut self, delivery: Delivery) {
        let now_ns = self.now_ns;
        let wire = delivery.wire;
        let Some(node) = &mut self.node else { return };
        let known = node.connections.iter().position(|c| c.is_some_and(|(_, w)| w == wire));
        match (delivery.arrival, known) {
            (Arrival::Opened { .. }, None) => {
                let free = node.connections.iter().position(Option::is_none).expect("a free slot");
                let peer = Peer::default();
                if node.gateway.accept(now_ns, GatewayConn(free as u32), &peer).is_ok() {
                    node.connections[free] = Some((0, wire));
                } else {
                    self.network.close(now_ns, wire, End::Gateway);
                }
            }
            (Arrival::Bytes(bytes), Some(at)) => {
                let arrived = Arrived::Bytes(GatewayConn(at as u32), &bytes);
                node.gateway.on_event(now_ns, arrived);
            }
            (Arrival::Closed, Some(at)) => {
                node.connections[at] = None;
                node.gateway.on_event(now_ns, Arrived::Closed(GatewayConn(at as u32)));
            }
            (_, _) => {}
        }
        deliver(now_ns, &mut node.gateway, &mut node.inputs);
        self.write_gateway();
    }

    fn write_gateway(&mut self) {
        let now_ns = self.now_ns;
        let Some(node) = &mut self.node else { return };
        loop {
            let mut worked = node.gateway.resume(now_ns);
            worked |= deliver(now_ns, &mut node.gateway, &mut node.inputs);
            while let Some(conn) = node.gateway.next_to_write() {
                let bytes = node.gateway.pending(conn).to_vec();
                if bytes.is_empty() {
                    continue;
                }
                worked = true;
                node.gateway.on_event(now_ns, Arrived::Written(conn, bytes.len()));
                if let Some((_, wire)) = node.connections[conn.0 as usize] {
                    self.network.send(now_ns, wire, End::Gateway, Arrival::Bytes(bytes));
                }
            }
            while let Some((conn, _)) = node.gateway.next_to_close() {
                worked = true;
                if let Some((_, wire)) = node.connections[conn.0 as usize].take() {
                    self.network.close(now_ns, wire, End::Gateway);
                }
                node.gateway.on_event(now_ns, Arrived::Closed(conn));
                deliver(now_ns, &mut node.gateway, &mut node.inputs);
            }
            if !worked {
                break;
            }
        }
        while node.gateway.take_notice().is_some() {}
    }

    /// The node works off its queues, one thing at a time; it may die before each.
    fn pump(&mut self) {
        loop {
            if self.node.is_some() && self.may_crash() {
                return self.crash();
            }
            let Some(node) = &mut self.node else { return };
            if let Some((seq, output)) = node.outputs.pop_front() {
                assert!(seq < node.decider.journal().next_sequence(), "output before its input");
                self.on_output(&output);
            } else if let Some(input) = node.inputs.pop_front() {
                if self.trace && !matches!(input, Input::Book(_)) {
                    eprintln!("    input {input:?}");
                }
                let mut outputs: Vec<Output> = Vec::new();
                let seq =
                    node.decider.decide(self.now_ns, &input, &mut outputs).expect("journaled");
                let now = UnixNanos(self.now_ns);
                outputs.iter().for_each(|output| self.shut.watch(now, output));
                node.outputs.extend(outputs.into_iter().map(|output| (seq, output)));
            } else {
                return;
            }
        }
    }

    fn on_output(&mut self, output: &Output) {
        let now_ns = self.now_ns;
        let Some(node) = &mut self.node else { return };
        if rutter::node::station::gateway::is_for_clients(output) {
            node.gateway.on_output(now_ns, output).expect("a report is taken");
            return self.write_gateway();
        }
        for at in 0..node.machines.len() {
            let Some(node) = &mut self.node else { return };
            let running = &mut node.machines[at];
            let Machinery::Orders(machine) = &mut running.machine else { continue };
            let venue = rutter_core::id::VenueId(running.venue as u8);
            if let Some(command) = VenueCommand::from_output(output, venue) {
                machine.on_command(now_ns, &command, &mut running.outbox);
                self.take_machine(at);
            }
        }
    }

    fn arrive_at_machine(&mut self, at: usize, link: u8, delivery: Delivery) {
        let now_ns = self.now_ns;
        let Some(node) = &mut self.node else { return };
        let machine = &mut node.machines[at];
        let id = LinkId(link);
        if let Arrival::HttpReply { id, reply } = delivery.arrival {
            let response = reply.map(|(status, body)| HttpResponse { status, body });
            machine.event(now_ns, Event::Http(id, response.as_ref()));
            return self.take_machine(at);
        }
        if machine.wires[usize::from(link)] != Some(delivery.wire) {
            return;
        }
        match delivery.arrival {
            Arrival::Opened { .. } => machine.event(now_ns, Event::Connected(id)),
            Arrival::Refused => {
                machine.wires[usize::from(link)] = None;
                machine.event(now_ns, Event::Closed(id, CloseReason::ConnectFailed));
            }
            Arrival::Closed => {
                machine.wires[usize::from(link)] = None;
                machine.event(now_ns, Event::Closed(id, CloseReason::Peer));
            }
            Arrival::Bytes(bytes) => machine.event(now_ns, Event::Bytes(id, &bytes)),
            Arrival::Text(text) => machine.event(now_ns, Event::Text(id, &text)),
            Arrival::Ping => {
                machine.event(now_ns, Event::Alive(id));
                let from = End::Machine(at, link);
                self.network.send(now_ns, delivery.wire, from, Arrival::Pong);
            }
            other => panic!("a machine got {other:?}"),
        }
        self.take_machine(at);
    }

    /// Carries out the actions of a venue machine.
    fn take_machine(&mut self, at: usize) {
        let now_ns = self.now_ns;
        let Some(node) = &mut self.node else { return };
        let machine = &mut node.machines[at];
        machine.flush(now_ns);
        let outbox = std::mem::take(&mut machine.outbox);
        node.inputs.extend(outbox.emissions.iter().copied());
        let venue = machine.venue;
        let front = End::Front(venue);
        for action in &outbox.actions {
            let Some(node) = &mut self.node else { return };
            let machine = &mut node.machines[at];
            match action {
                Action::Connect(link) => {
                    let target = machine.target(link.0);
                    let from = End::Machine(at, link.0);
                    let wire = self.network.connect(now_ns, from, front, target);
                    machine.wires[usize::from(link.0)] = Some(wire);
                }
                Action::Close(link) => {
                    if let Some(wire) = machine.wires[usize::from(link.0)] {
                        self.network.close(now_ns, wire, End::Machine(at, link.0));
                    }
                }
                Action::Send(link, range) => {
                    let bytes = outbox.bytes[range.clone()].to_vec();
                    let raw = machine.target(link.0).is_none();
                    let wire = machine.wires[usize::from(link.0)];
                    self.note_sent(venue, &bytes);
                    let arrival = if raw {
                        Arrival::Bytes(bytes)
                    } else {
                        Arrival::Text(String::from_utf8(bytes).expect("text"))
                    };
                    if let Some(wire) = wire {
                        self.network.send(now_ns, wire, End::Machine(at, link.0), arrival);
                    }
                }
                Action::Http(request) => {
                    self.http(at, front, request.id, &http_request(request));
                }
            }
        }
    }

    /// An HTTP call: the front answers at once in its own time, or the answer is lost.
    fn http(&mut self, at: usize, front: End, id: u64, request: &HttpRequest) {
        let to = End::Machine(at, 0);
        if self.network.faulty && self.random.chance_ppm(20_000) {
            return self.network.deliver(self.now_ns, to, Arrival::HttpReply { id, reply: None });
        }
        let End::Front(venue) = front else { return };
        self.tell(|| format!("http {:?} {} {}", front, request.path, request.query));
        let conn = ConnId(1_000_000_000 + id + at as u64 * 100_000_000);
        let now_ns = self.now_ns;
        let mut out = Vec::new();
        self.fronts[venue].on_http(now_ns, conn, request, &mut out);
        let mut replied = false;
        let mut others = Vec::new();
        for action in out {
            match action {
                FrontAction::Http(whose, reply) if whose == conn => {
                    replied = true;
                    self.tell(|| format!("http answer {} {:.300}", reply.status, reply.body));
                    let reply = Some((reply.status, reply.body));
                    self.network.deliver(now_ns, to, Arrival::HttpReply { id, reply });
                }
                other => others.push(other),
            }
        }
        if !replied {
            self.network.deliver(now_ns, to, Arrival::HttpReply { id, reply: None });
        }
        self.perform(venue, others);
    }

    /// No order goes to a venue twice.
    fn note_sent(&mut self, venue: usize, bytes: &[u8]) {
        let id = (VENUES[venue].new_order)(&String::from_utf8_lossy(bytes));
        if let Some(id) = id {
            assert!(self.sent.insert(id.clone()), "{id} was sent twice");
        }
    }

    fn arrive_at_front(&mut self, venue: usize, delivery: Delivery) {
        let now_ns = self.now_ns;
        let conn = ConnId(delivery.wire);
        if now_ns < self.refusing_ns[venue] {
            let (code, text) = VENUES[venue].refusal;
            self.inject(venue, Fault::RejectNextOrder { code, text: text.to_owned() });
        }
        let mut out = Vec::new();
        let front = &mut self.fronts[venue];
        match delivery.arrival {
            Arrival::Opened { target: None } => front.on_raw_open(now_ns, conn, &mut out),
            Arrival::Opened { target: Some(target) } => {
                front.on_ws_open(now_ns, conn, &target, &mut out);
            }
            Arrival::Bytes(bytes) => front.on_raw(now_ns, conn, &bytes, &mut out),
            Arrival::Text(text) => front.on_ws_text(now_ns, conn, &text, &mut out),
            Arrival::Pong => front.on_ws_pong(now_ns, conn),
            Arrival::Closed => front.on_closed(now_ns, conn, &mut out),
            other => panic!("a front got {other:?}"),
        }
        self.perform(venue, out);
    }

    /// Carries out the actions of a simulated exchange.
    fn perform(&mut self, venue: usize, actions: Vec<FrontAction>) {
        let now_ns = self.now_ns;
        let from = End::Front(venue);
        for action in actions {
            let wire = action.conn().0;
            match action {
                FrontAction::Text(_, text) => {
                    self.network.send(now_ns, wire, from, Arrival::Text(text));
                }
                FrontAction::Bytes(_, bytes) => {
                    self.network.send(now_ns, wire, from, Arrival::Bytes(bytes));
                }
                FrontAction::Ping(_) => self.network.send(now_ns, wire, from, Arrival::Ping),
                FrontAction::Close(_) => self.network.close(now_ns, wire, from),
                // An answer that a fault held back: its asker has given up.
                FrontAction::Http(..) => {}
            }
        }
    }
}

/// The core's queue takes all inputs of the gateway; true if there were any.
fn deliver(
    now_ns: u64,
    gateway: &mut ClientGateway<MemStore>,
    inputs: &mut VecDeque<Input>,
) -> bool {
    gateway.deliver(now_ns, &mut |emission: &ClientInput| {
        inputs.push_back(emission.input);
        true
    })
}

fn http_request(request: &rutter_transport::machine::HttpRequest) -> HttpRequest {
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    HttpRequest {
        method: match request.method {
            HttpMethod::Get => "GET",
            HttpMethod::Post => "POST",
            HttpMethod::Delete => "DELETE",
        }
        .to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: request
            .headers
            .iter()
            .map(|(name, value)| (name.to_lowercase(), value.clone()))
            .collect(),
        body: request.body.clone(),
    }
}
