//! What a run takes place in: real time with processes and sockets, or virtual time without.
//!
//! A line belongs here if the course of a run asks it of both. The course is `run`; real time is
//! `live`, virtual time is `virtual_time`.

use super::entry::OrderEntry;
use super::trader::Wait;
use super::view::{View, Watched};
use crate::client::Told;

/// Client, node and venues, and the bytes between them.
pub trait Environment: OrderEntry {
    /// Reads, answers and writes what is due for the client. `see` gets each piece of news with its
    /// time.
    ///
    /// # Errors
    /// The client cannot go on. A lost connection is news, and no error.
    fn read(&mut self, see: &mut dyn FnMut(u64, Told<'_>)) -> anyhow::Result<()>;

    /// When [`Environment::read`] is due without any input.
    fn next_deadline_ns(&self) -> Option<u64>;

    /// Lets time pass until something has arrived for the client, at most until `until_ns`.
    ///
    /// # Errors
    /// The system refuses to wait.
    fn wait(&mut self, until_ns: u64) -> anyhow::Result<()>;

    /// Begins a new connection of the client; false if the node does not take one now.
    ///
    /// # Errors
    /// The connection cannot be waited for.
    fn reconnect(&mut self) -> anyhow::Result<bool>;

    /// Fails if the node has ended by itself.
    ///
    /// # Errors
    /// The node has ended.
    fn check_node(&mut self) -> anyhow::Result<()>;

    /// Kills the node (SIGKILL).
    ///
    /// # Errors
    /// The system refuses.
    fn kill_node(&mut self) -> anyhow::Result<()>;

    /// Starts the killed node again at once, from what it had written.
    ///
    /// # Errors
    /// The system refuses.
    fn restart_node(&mut self) -> anyhow::Result<()>;

    /// Shows one moment. Returns the times that the next moment has to carry because this one found
    /// no room.
    ///
    /// # Errors
    /// The output is closed.
    fn show(&mut self, view: View) -> anyhow::Result<Vec<Wait>>;

    /// Ends the screen and takes what was gathered.
    ///
    /// # Errors
    /// The output is closed.
    fn end_screen(&mut self) -> anyhow::Result<Watched>;

    /// Which latencies have no meaning here, in words; `None` if all are measured.
    fn latency_note(&self) -> Option<String>;

    /// Ends client, node and venues in order. The node's journal is then in its folder.
    ///
    /// # Errors
    /// A part does not end in order.
    fn end(self) -> anyhow::Result<()>;
}
