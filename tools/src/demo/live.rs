//! Real time: the node as a process, the simulated venues behind sockets, the client on a socket.
//!
//! A line belongs here if it starts, asks, kills or ends the parts of such a run. The console is
//! asked, and the screen drawn, by `watcher`.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::Arguments;
use super::entry::OrderEntry;
use super::environment::Environment;
use super::screen::Screen;
use super::trader::Wait;
use super::view::{View, Watched};
use super::watcher::Watcher;
use crate::client::{ClientConfig, ClientError, ClientPoll, FixClient, Order, Side, Told};
use crate::clock::unix_ns;
use crate::harness::{
    Market, Node, NodeSettings, READY_DEFAULT, Venues, VenuesConfig, free_address,
    write_node_config,
};

/// Longest wait for the answer to a Logon.
const LOGON_PATIENCE: Duration = Duration::from_secs(10);
/// Longest wait for the node to end.
const END_PATIENCE: Duration = Duration::from_secs(20);

/// The parts of a run in real time.
pub struct Live {
    venues: Venues,
    node: Node,
    client: FixClient,
    poll: ClientPoll,
    watcher: Watcher,
}

impl Live {
    /// Starts everything in `dir`, which the caller removes, and waits until the client is logged
    /// on.
    ///
    /// # Errors
    /// A part could not be started.
    pub fn start(
        arguments: &Arguments,
        program: &Path,
        dir: &Path,
        stop: &AtomicBool,
        screen: Screen,
    ) -> anyhow::Result<Self> {
        let config = VenuesConfig { seed: arguments.seed, ..VenuesConfig::default() };
        let venues = Venues::start(&config, dir)?;
        let mut settings = NodeSettings::new(free_address()?);
        settings.tls = arguments.wires.tls;
        let config = write_node_config(dir, &venues, &settings)?;
        let mut node = Node::start(program, &config, dir)?;
        node.wait_ready_unless(READY_DEFAULT, stop)?;
        let session = &settings.sessions[0];
        let config = ClientConfig::new(settings.listen, &session.comp_id, &session.password);
        let mut client = FixClient::connect(&config)?;
        client.wait_logon(LOGON_PATIENCE)?;
        let poll = ClientPoll::new()?;
        client.register(poll.registry(), mio::Token(0))?;
        let watcher = Watcher::start(node.console(), screen)?;
        Ok(Self { venues, node, client, poll, watcher })
    }

    /// A look at the venues.
    pub fn market(&self) -> Market {
        Market::clone(&self.venues)
    }
}

impl OrderEntry for Live {
    fn now_ns(&self) -> u64 {
        unix_ns()
    }

    fn is_logged_on(&self) -> bool {
        self.client.is_logged_on()
    }

    fn new_order(&mut self, now_ns: u64, order: &Order<'_>) -> Result<(), ClientError> {
        self.client.new_order(now_ns, order)
    }

    fn cancel(
        &mut self,
        now_ns: u64,
        cl_ord_id: &str,
        orig_cl_ord_id: &str,
        symbol: &str,
        side: Side,
    ) -> Result<(), ClientError> {
        self.client.cancel(now_ns, cl_ord_id, orig_cl_ord_id, symbol, side)
    }
}

impl Environment for Live {
    fn read(&mut self, see: &mut dyn FnMut(u64, Told<'_>)) -> anyhow::Result<()> {
        self.client.turn(unix_ns(), &mut |told| see(unix_ns(), told))?;
        Ok(())
    }

    fn next_deadline_ns(&self) -> Option<u64> {
        self.client.next_deadline_ns()
    }

    fn wait(&mut self, until_ns: u64) -> anyhow::Result<()> {
        Ok(self.poll.wait(until_ns)?)
    }

    fn reconnect(&mut self) -> anyhow::Result<bool> {
        // A node that is starting refuses connections.
        if self.client.reconnect().is_err() {
            return Ok(false);
        }
        self.client.register(self.poll.registry(), mio::Token(0))?;
        Ok(true)
    }

    fn check_node(&mut self) -> anyhow::Result<()> {
        Ok(self.node.check_alive()?)
    }

    fn kill_node(&mut self) -> anyhow::Result<()> {
        Ok(self.node.kill()?)
    }

    fn restart_node(&mut self) -> anyhow::Result<()> {
        Ok(self.node.restart()?)
    }

    fn show(&mut self, view: View) -> anyhow::Result<Vec<Wait>> {
        self.watcher.show(view)
    }

    fn end_screen(&mut self) -> anyhow::Result<Watched> {
        self.watcher.end()
    }

    fn latency_note(&self) -> Option<String> {
        None
    }

    fn end(mut self) -> anyhow::Result<()> {
        self.client.logout(unix_ns())?;
        let status = self.node.terminate(END_PATIENCE)?;
        if !status.success() {
            anyhow::bail!("the node ended with {status}:\n{}", self.node.log_end());
        }
        Ok(self.venues.stop()?)
    }
}
