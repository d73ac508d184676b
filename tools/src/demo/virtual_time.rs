//! Virtual time: client, node and venues in one thread, and simulated wires between them.
//!
//! A line belongs here if it starts, asks, kills or ends the parts of such a run. The world that
//! carries the messages is `rutter_world`. The node is made from the same configuration as the
//! process of a run in real time; only its sockets, threads and clock are missing. The seed decides
//! every delay, and nothing reads a clock, so equal options give an equal run.
//!
//! A kill also loses the bytes on their way to the client, which a kernel would still deliver. The
//! session asks for them again. The start of a process takes no time.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rutter_sim::Venue;
use rutter_sim::market::MARKETS;
use rutter_world::World;
use rutter_world::configured::Configured;
use rutter_world::network::{LATENCY_NS, Network, START_NS};
use rutter_world::node::{Node, Survivors};
use rutter_world::script::{Client, Script};

use super::Arguments;
use super::entry::OrderEntry;
use super::environment::Environment;
use super::screen::Screen;
use super::trader::Wait;
use super::view::{VenueView, View, Watched};
use crate::client::{ClientConfig, ClientError, ClientSession, Order, Side, Told};
use crate::harness::{
    HarnessError, Market, NodeSettings, Program, READY_DEFAULT, SharedFront, USUAL, VenuesConfig,
    write_unserved_config,
};

const MS_NS: u64 = 1_000_000;
const SECOND_NS: u64 = 1_000 * MS_NS;

/// Longest wait for the answer to a Logon.
const LOGON_NS_MAX: u64 = 10 * SECOND_NS;
/// Longest wait for the answer to a Logout.
const LOGOUT_NS_MAX: u64 = SECOND_NS;
/// A killed node stays dead for this long, if nobody restarts it before.
const DEAD_NS_MAX: u64 = 86_400 * SECOND_NS;
/// Steps of the world between two rounds of the journal's helper work.
const STEPS_PER_SYNC: u64 = 64;
/// The one client of the world.
const CLIENT: usize = 0;

/// Makes the node of the world.
struct FromFile(Configured);

impl Script for FromFile {
    type Front = SharedFront;
    type Client = Mailbox;

    fn start(&mut self, now_ns: u64, survivors: Survivors) -> Node {
        let parts = self.0.parts().expect("`Configured::read` has made them once");
        Node::start(now_ns, parts, survivors)
    }
}

/// What has arrived for the client.
enum Arrived {
    Opened,
    Bytes(Vec<u8>),
    Closed,
}

/// The client's end of its wire. The session reads and writes it in its turn.
#[derive(Default)]
struct Mailbox {
    wire: Option<u64>,
    is_open: bool,
    /// The arrivals of one step of the world: the client reads after each step that has any.
    arrived: Vec<Arrived>,
    out: Vec<u8>,
}

impl Client for Mailbox {
    fn wire(&mut self) -> &mut Option<u64> {
        &mut self.wire
    }

    fn opened(&mut self, _now_ns: u64) {
        self.is_open = true;
        self.arrived.push(Arrived::Opened);
    }

    fn closed(&mut self, _now_ns: u64) {
        (self.wire, self.is_open) = (None, false);
        self.arrived.push(Arrived::Closed);
    }

    fn receive(&mut self, _now_ns: u64, bytes: &[u8]) -> bool {
        self.arrived.push(Arrived::Bytes(bytes.to_vec()));
        true
    }

    fn take_output(&mut self) -> Vec<u8> {
        let bytes = std::mem::take(&mut self.out);
        if self.is_open { bytes } else { Vec::new() }
    }
}

/// The parts of a run in virtual time.
pub struct VirtualTime {
    world: World<FromFile>,
    market: Market,
    session: ClientSession,
    screen: Screen,
    watched: Watched,
    journal: PathBuf,
    steps: u64,
}

impl VirtualTime {
    /// Makes everything, with the node's configuration in `dir`, and lets time pass until the
    /// client is logged on. The node leaves its journal where `program` reads it.
    ///
    /// # Errors
    /// A part could not be started.
    pub fn start(
        arguments: &Arguments,
        program: &Program,
        dir: &Path,
        stop: &AtomicBool,
        screen: Screen,
    ) -> anyhow::Result<Self> {
        let seed = arguments.seed;
        let market = Market::open(&VenuesConfig { seed, ..VenuesConfig::default() }, START_NS)?;
        // The address is not used: there is no socket.
        let settings = NodeSettings::new(([127, 0, 0, 1], 1).into());
        let configured = Configured::read(&write_unserved_config(dir, seed, &settings)?, seed)?;
        let names = USUAL.map(Venue::name);
        anyhow::ensure!(configured.venues() == names, "a venue's id is its place in the table");
        let mut network = Network::new(seed);
        network.faulty = false;
        let survivors = Survivors::new(seed, configured.sessions());
        let client = &settings.sessions[0];
        let client = ClientConfig::new(settings.listen, &client.comp_id, &client.password);
        let (fronts, mailboxes) = (market.fronts(), vec![Mailbox::default()]);
        let mut virtual_time = Self {
            world: World::new(network, survivors, fronts, mailboxes, FromFile(configured)),
            market,
            session: ClientSession::in_memory(&client),
            screen,
            watched: Watched::default(),
            journal: program.journal(),
            steps: 0,
        };
        virtual_time.wait_ready(stop)?;
        virtual_time.log_on(stop)?;
        Ok(virtual_time)
    }

    /// A look at the venues.
    pub fn market(&self) -> Market {
        self.market.clone()
    }

    /// Lets time pass until every venue is up with all books proved.
    fn wait_ready(&mut self, stop: &AtomicBool) -> anyhow::Result<()> {
        let last_ns = self.world.now_ns + u64::try_from(READY_DEFAULT.as_nanos())?;
        let whole = VenueView { up: true, books: MARKETS.len() as u64 };
        while self.venues() != Some([whole; USUAL.len()]) {
            if stop.load(Ordering::Relaxed) {
                return Err(HarnessError::Interrupted.into());
            }
            anyhow::ensure!(self.world.now_ns < last_ns, "the node is not ready in virtual time");
            self.step(last_ns);
        }
        Ok(())
    }

    fn log_on(&mut self, stop: &AtomicBool) -> anyhow::Result<()> {
        let last_ns = self.world.now_ns + LOGON_NS_MAX;
        anyhow::ensure!(self.reconnect()?, "the node is dead");
        while !self.session.is_logged_on() {
            if stop.load(Ordering::Relaxed) {
                return Err(HarnessError::Interrupted.into());
            }
            if self.world.now_ns >= last_ns {
                return Err(ClientError::NoLogon(u128::from(LOGON_NS_MAX / MS_NS)).into());
            }
            self.wait(last_ns)?;
            let mut gone = None;
            self.read(&mut |_, told| {
                if let Told::Disconnected(why) = told {
                    gone = Some(why);
                }
            })?;
            if let Some(why) = gone {
                return Err(ClientError::Disconnected(why).into());
            }
        }
        Ok(())
    }

    /// Time goes on to the next thing that is due, at most to `until_ns`, and that happens.
    fn step(&mut self, until_ns: u64) {
        let world = &mut self.world;
        let next_ns = world.next_ns().unwrap_or(u64::MAX);
        // Time always goes on, so that no caller can wait for ever.
        world.now_ns = next_ns.min(until_ns).max(world.now_ns + 1);
        world.revive();
        self.steps += 1;
        if self.steps.is_multiple_of(STEPS_PER_SYNC) {
            world.sync_journal();
        }
        world.timers();
        world.messages();
    }

    /// Hands what the session has written to the wire.
    fn flush(&mut self) {
        self.world.clients[CLIENT].out.append(self.session.unwritten());
        self.world.send_client(CLIENT);
    }

    /// How the node sees each venue; `None` while the node is dead. A book counts when its feed has
    /// proved that no change is missing.
    fn venues(&self) -> Option<[VenueView; USUAL.len()]> {
        let node = self.world.node.as_ref()?;
        let mut views = node.venue_views();
        Some(USUAL.map(|_| {
            let (up, books) = views.next().unwrap_or_default();
            VenueView { up, books: books as u64 }
        }))
    }
}

impl OrderEntry for VirtualTime {
    fn now_ns(&self) -> u64 {
        self.world.now_ns
    }

    fn is_logged_on(&self) -> bool {
        self.session.is_logged_on()
    }

    fn new_order(&mut self, now_ns: u64, order: &Order<'_>) -> Result<(), ClientError> {
        self.session.new_order(now_ns, order)?;
        self.flush();
        Ok(())
    }

    fn cancel(
        &mut self,
        now_ns: u64,
        cl_ord_id: &str,
        orig_cl_ord_id: &str,
        symbol: &str,
        side: Side,
    ) -> Result<(), ClientError> {
        self.session.cancel(now_ns, cl_ord_id, orig_cl_ord_id, symbol, side)?;
        self.flush();
        Ok(())
    }
}

impl Environment for VirtualTime {
    fn read(&mut self, see: &mut dyn FnMut(u64, Told<'_>)) -> anyhow::Result<()> {
        let now_ns = self.world.now_ns;
        let see = &mut |told: Told<'_>| see(now_ns, told);
        for arrived in std::mem::take(&mut self.world.clients[CLIENT].arrived) {
            match arrived {
                Arrived::Opened => self.session.connected(now_ns)?,
                Arrived::Bytes(bytes) => {
                    self.session.received(&bytes);
                    self.session.work_off(now_ns, see);
                }
                Arrived::Closed if self.session.is_connected() => {
                    self.session.lost("closed by the node", see);
                }
                Arrived::Closed => see(Told::Disconnected("closed before the Logon".to_owned())),
            }
        }
        self.session.on_timer(now_ns, see);
        self.flush();
        if self.world.clients[CLIENT].is_open && !self.session.is_connected() {
            self.world.end_client(CLIENT);
        }
        Ok(())
    }

    fn next_deadline_ns(&self) -> Option<u64> {
        self.session.next_deadline_ns()
    }

    fn wait(&mut self, until_ns: u64) -> anyhow::Result<()> {
        loop {
            self.step(until_ns);
            let has_arrived = !self.world.clients[CLIENT].arrived.is_empty();
            if has_arrived || self.world.now_ns >= until_ns {
                return Ok(());
            }
        }
    }

    fn reconnect(&mut self) -> anyhow::Result<bool> {
        if self.world.node.is_none() {
            return Ok(false);
        }
        self.session.disconnected();
        self.world.connect_client(CLIENT);
        Ok(true)
    }

    /// A node in virtual time does not end by itself: a defect ends the whole run.
    fn check_node(&mut self) -> anyhow::Result<()> {
        Ok(())
    }

    fn kill_node(&mut self) -> anyhow::Result<()> {
        self.world.kill_node(DEAD_NS_MAX);
        Ok(())
    }

    fn restart_node(&mut self) -> anyhow::Result<()> {
        self.world.restart_node();
        self.world.revive();
        Ok(())
    }

    fn show(&mut self, view: View) -> anyhow::Result<Vec<Wait>> {
        self.watched.add(&view);
        // A dead node does not answer. Its last answer stands until the next node's first.
        if let Some(venues) = self.venues() {
            self.watched.venues = venues;
        }
        self.screen.show(&view, &self.watched)?;
        Ok(Vec::new())
    }

    fn end_screen(&mut self) -> anyhow::Result<Watched> {
        self.screen.end()?;
        Ok(std::mem::take(&mut self.watched))
    }

    fn latency_note(&self) -> Option<String> {
        let [least, most] = [LATENCY_NS.start, LATENCY_NS.end].map(|ns| ns as f64 / 1e6);
        Some(format!(
            "virtual time: processors and process starts take none, wires {least:.1} to {most:.1} ms"
        ))
    }

    fn end(mut self) -> anyhow::Result<()> {
        self.session.logout(self.world.now_ns);
        self.flush();
        let last_ns = self.world.now_ns + LOGOUT_NS_MAX;
        while self.session.is_connected() && self.world.now_ns < last_ns {
            self.wait(last_ns)?;
            self.read(&mut |_, _| {})?;
        }
        Ok(self.world.end_node(&self.journal)?)
    }
}
