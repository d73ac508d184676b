//! The simulated world: delivers each message to its receiver, one step at a time.

use std::collections::VecDeque;
use std::path::Path;

use rutter::node::station::gateway::is_for_clients;
use rutter_clients::{ClientGateway, ClientInput};
use rutter_core::id::VenueId;
use rutter_core::input::Input;
use rutter_core::number::UnixNanos;
use rutter_core::output::Output;
use rutter_fix::store::MemStore;
use rutter_journal::{FileStorage, StorageError};
use rutter_sim::front::{ConnId, Front, FrontAction, HttpRequest};
use rutter_transport::acceptor::{Acceptor, ConnId as GatewayConn, Event as Arrived, Peer};
use rutter_transport::machine::{Action, CloseReason, Event, HttpMethod, HttpResponse, LinkId};
use rutter_venues::VenueCommand;

use crate::network::{Arrival, Delivery, End, Network, START_NS};
use crate::node::{Machinery, Node, Running, Survivors};
use crate::script::{Client, Script};

const SECOND_NS: u64 = 1_000_000_000;

/// Everybody, and the wires between them. The owner says what is due at which moment.
pub struct World<S: Script> {
    /// Nanoseconds since the epoch.
    pub now_ns: u64,
    /// All wires.
    pub network: Network,
    /// The node, while it lives.
    pub node: Option<Node>,
    survivors: Option<Survivors>,
    restart_ns: u64,
    /// The simulated exchanges, by the index of their venue.
    pub fronts: Vec<S::Front>,
    /// The node's clients.
    pub clients: Vec<S::Client>,
    /// What goes wrong, and who watches.
    pub script: S,
    /// `TRACE=1` tells everything that happens.
    trace: bool,
}

impl<S: Script> World<S> {
    /// A world at [`START_NS`], with a node that starts at once.
    pub fn new(
        network: Network,
        survivors: Survivors,
        fronts: Vec<S::Front>,
        clients: Vec<S::Client>,
        script: S,
    ) -> Self {
        Self {
            now_ns: START_NS,
            network,
            node: None,
            survivors: Some(survivors),
            restart_ns: START_NS,
            fronts,
            clients,
            script,
            trace: std::env::var_os("TRACE").is_some(),
        }
    }

    /// When the next message, timer of node and exchanges, or restart is due.
    pub fn next_ns(&mut self) -> Option<u64> {
        let mut due: Vec<u64> = Vec::new();
        due.extend(self.network.next_ns());
        due.extend(self.fronts.iter().filter_map(Front::next_timer_ns));
        match &mut self.node {
            Some(node) => {
                due.extend(node.gateway.next_timer_ns());
                due.extend(node.decider.engine().next_timer().map(|at| at.0));
                due.extend(node.machines.iter_mut().filter_map(Running::next_timer_ns));
            }
            None => due.push(self.restart_ns),
        }
        due.into_iter().min()
    }

    /// Starts a dead node when its restart is due.
    pub fn revive(&mut self) {
        if self.node.is_none() && self.now_ns >= self.restart_ns {
            let survivors = self.survivors.take().expect("something survived");
            self.node = Some(self.script.start(self.now_ns, survivors));
        }
    }

    /// The node dies as by SIGKILL, and starts again after `down_ns`.
    pub fn kill_node(&mut self, down_ns: u64) {
        let Some(node) = self.node.take() else { return };
        self.tell(|| "the node dies".to_owned());
        self.survivors = Some(node.die());
        self.network.node_died(self.now_ns);
        self.restart_ns = self.now_ns + down_ns;
    }

    /// Starts a dead node at the next [`World::revive`].
    pub fn restart_node(&mut self) {
        self.restart_ns = self.now_ns;
    }

    /// The node ends in order: the digest over all decisions is the last record of its journal. The
    /// journal is then written to `directory`, for the programs that read journals. A dead node
    /// leaves no journal.
    ///
    /// # Errors
    /// The directory cannot be made or written.
    ///
    /// # Panics
    /// The journal in memory refuses the record.
    pub fn end_node(&mut self, directory: &Path) -> Result<(), StorageError> {
        let Some(mut node) = self.node.take() else { return Ok(()) };
        node.decider.write_digest(self.now_ns).expect("journaled");
        rutter_journal::copy(&node.storage.after_kill(), &FileStorage::create(directory)?)
    }

    /// Does the work of the journal's helper threads: makes the next segment ready, moves the mark.
    ///
    /// # Panics
    /// The storage fails.
    pub fn sync_journal(&mut self) {
        if let Some(node) = &mut self.node {
            node.decider.journal_mut().sync_step().expect("synced");
        }
    }

    /// The timers of exchanges and node that are due.
    pub fn timers(&mut self) {
        for venue in 0..self.fronts.len() {
            let now_ns = self.now_ns;
            if self.fronts[venue].next_timer_ns().is_some_and(|due| due <= now_ns) {
                let mut out = Vec::new();
                self.fronts[venue].on_timer(now_ns, &mut out);
                self.perform(venue, out);
            }
        }
        self.node_timers();
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

    /// Delivers all messages that are due, and lets the node work after each.
    pub fn messages(&mut self) {
        while let Some(delivery) = self.network.next(self.now_ns) {
            self.deliver(delivery);
            self.pump();
        }
        self.pump();
    }

    /// Connects a client to the node.
    pub fn connect_client(&mut self, number: usize) {
        let wire = self.network.connect(self.now_ns, End::Client(number), End::Gateway, None);
        *self.clients[number].wire() = Some(wire);
    }

    /// A client closes its connection.
    pub fn end_client(&mut self, number: usize) {
        if let Some(wire) = *self.clients[number].wire() {
            self.network.close(self.now_ns, wire, End::Client(number));
        }
    }

    /// Sends what a client has written.
    pub fn send_client(&mut self, number: usize) {
        let bytes = self.clients[number].take_output();
        let (Some(wire), false) = (*self.clients[number].wire(), bytes.is_empty()) else { return };
        self.network.send(self.now_ns, wire, End::Client(number), Arrival::Bytes(bytes));
    }

    /// Tells what happens, if that is wanted.
    pub fn tell(&self, what: impl FnOnce() -> String) {
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
        if *client.wire() != Some(delivery.wire) {
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
        let known = node.connections.iter().position(|there| *there == Some(wire));
        match (delivery.arrival, known) {
            (Arrival::Opened { .. }, None) => {
                let free = node.connections.iter().position(Option::is_none).expect("a free slot");
                let peer = Peer::default();
                if node.gateway.accept(now_ns, GatewayConn(free as u32), &peer).is_ok() {
                    node.connections[free] = Some(wire);
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
                if let Some(wire) = node.connections[conn.0 as usize] {
                    self.network.send(now_ns, wire, End::Gateway, Arrival::Bytes(bytes));
                }
            }
            while let Some((conn, _)) = node.gateway.next_to_close() {
                worked = true;
                if let Some(wire) = node.connections[conn.0 as usize].take() {
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
            if self.node.is_some() && self.script.node_dies(&self.network) {
                let down_ns = self.script.down_ns();
                return self.kill_node(down_ns);
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
                for output in &outputs {
                    self.script.decided(now, output);
                }
                node.outputs.extend(outputs.into_iter().map(|output| (seq, output)));
            } else {
                return;
            }
        }
    }

    fn on_output(&mut self, output: &Output) {
        let now_ns = self.now_ns;
        let Some(node) = &mut self.node else { return };
        if is_for_clients(output) {
            node.gateway.on_output(now_ns, output).expect("a report is taken");
            return self.write_gateway();
        }
        for at in 0..node.machines.len() {
            let Some(node) = &mut self.node else { return };
            let running = &mut node.machines[at];
            let Machinery::Orders(machine) = &mut running.machine else { continue };
            let venue = VenueId(running.venue as u8);
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
            let response = reply.map(|(status, body)| HttpResponse::new(status, body));
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
                    self.script.sent(venue, &bytes);
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
        if self.script.loses_call(&self.network) {
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

    fn arrive_at_front(&mut self, venue: usize, delivery: Delivery) {
        let now_ns = self.now_ns;
        let conn = ConnId(delivery.wire);
        let mut out = Vec::new();
        let front = &mut self.fronts[venue];
        self.script.arriving(now_ns, venue, front, &mut out);
        self.perform(venue, std::mem::take(&mut out));
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
    pub fn perform(&mut self, venue: usize, actions: Vec<FrontAction>) {
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
