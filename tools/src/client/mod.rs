//! A FIX client of the node: one session over one socket that never blocks.
//!
//! A line belongs here if any client of the node would need it. The caller decides which orders to
//! send and when: `demo`, `load` and `prompt` do. Orders and reports are `message`, the session
//! without its socket is `session`; its rules are `rutter_fix`'s.

mod instructions;
mod keyboard;
mod known;
mod message;
pub mod prompt;
mod session;

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use rutter_fix::session::{SendError, SessionError};
use rutter_fix::store::{MemStore, MessageStore};

use crate::clock::unix_ns;
pub use instructions::Instructions;
pub use message::{Execution, Order, Report, Side, Terms, Tif, parse_e8};
pub use session::{ClientConfig, ClientSession, Told};
use session::{KEPT_BYTES_MAX, READ_BYTES};

/// Most bytes that wait for a node that does not read. Beyond this the connection is given up.
pub const OUTPUT_BYTES_MAX: usize = 64 << 20;

/// Why a client cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The socket failed.
    #[error("socket: {0}")]
    Io(#[from] io::Error),
    /// The session refused a step.
    #[error("session: {0}")]
    Session(#[from] SessionError),
    /// A message could not be sent.
    #[error("send: {0}")]
    Send(#[from] SendError),
    /// The node does not read.
    #[error("the node has not read {0} bytes")]
    NotReading(usize),
    /// The connection was lost.
    #[error("disconnected: {0}")]
    Disconnected(String),
    /// The node did not answer the Logon in time.
    #[error("no logon within {0} ms")]
    NoLogon(u128),
}

/// One session over one socket. A session survives its connections: after [`FixClient::reconnect`]
/// the client asks for the messages that it missed, unless `reset` is set.
#[derive(Debug)]
pub struct FixClient<S: MessageStore = MemStore> {
    address: SocketAddr,
    session: ClientSession<S>,
    stream: Option<TcpStream>,
}

impl FixClient {
    /// Connects. The first [`FixClient::turn`] sends the Logon. Sequence numbers and messages live
    /// as long as the client.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn connect(config: &ClientConfig) -> Result<Self, ClientError> {
        Self::connect_with(config, MemStore::new(KEPT_BYTES_MAX))
    }
}

impl<S: MessageStore> FixClient<S> {
    /// Connects as [`FixClient::connect`] does. The session goes on where `store` stands.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn connect_with(config: &ClientConfig, store: S) -> Result<Self, ClientError> {
        let session = ClientSession::new(config, store);
        let mut client = Self { address: config.address, session, stream: None };
        client.reconnect()?;
        Ok(client)
    }

    /// Replaces the connection by a new one.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn reconnect(&mut self) -> Result<(), ClientError> {
        self.session.disconnected();
        self.stream = None;
        let stream = std::net::TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        self.session.connected(unix_ns())?;
        self.stream = Some(TcpStream::from_std(stream));
        Ok(())
    }

    /// Registers the socket with a poll; again after each [`FixClient::reconnect`].
    ///
    /// # Errors
    /// The system's.
    pub fn register(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        let interests = Interest::READABLE | Interest::WRITABLE;
        match &mut self.stream {
            Some(stream) => registry.register(stream, token, interests),
            None => Ok(()),
        }
    }

    /// Waits until the node has answered the Logon.
    ///
    /// # Errors
    /// [`ClientError::NoLogon`], [`ClientError::Disconnected`].
    pub fn wait_logon(&mut self, patience: Duration) -> Result<(), ClientError> {
        let started = std::time::Instant::now();
        let mut gone = None;
        while !self.session.is_logged_on() {
            self.turn(unix_ns(), &mut |told| {
                if let Told::Disconnected(why) = told {
                    gone.get_or_insert(why);
                }
            })?;
            if let Some(why) = gone {
                return Err(ClientError::Disconnected(why));
            }
            if started.elapsed() > patience {
                return Err(ClientError::NoLogon(started.elapsed().as_millis()));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }

    /// Whether the session is logged on, so that orders are sent at once.
    pub fn is_logged_on(&self) -> bool {
        self.session.is_logged_on()
    }

    /// `MsgSeqNum` (34) of the next message to the node.
    pub fn next_out(&self) -> u64 {
        self.session.next_out()
    }

    /// When [`FixClient::turn`] is due without any input: a heartbeat or a timeout.
    pub fn next_deadline_ns(&self) -> Option<u64> {
        self.session.next_deadline_ns()
    }

    /// Reads, answers, writes. Returns whether anything arrived.
    ///
    /// # Errors
    /// [`ClientError::NotReading`]. A lost connection is reported as [`Told::Disconnected`].
    pub fn turn(
        &mut self,
        now_ns: u64,
        see: &mut dyn FnMut(Told<'_>),
    ) -> Result<bool, ClientError> {
        let arrived = self.read(see);
        self.session.work_off(now_ns, see);
        self.session.on_timer(now_ns, see);
        self.flush()?;
        if !self.session.is_connected() && self.stream.is_some() {
            self.stream = None;
        }
        Ok(arrived)
    }

    fn read(&mut self, see: &mut dyn FnMut(Told<'_>)) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        let mut arrived = false;
        let mut chunk = vec![0; READ_BYTES];
        loop {
            match stream.read(&mut chunk) {
                Ok(0) => {
                    self.lost("closed by the node", see);
                    break;
                }
                Ok(count) => {
                    arrived = true;
                    self.session.received(chunk.get(..count).unwrap_or(&[]));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.lost(&error.to_string(), see);
                    break;
                }
            }
        }
        arrived
    }

    /// Handles what arrived before the end of the connection, then reports the end.
    fn lost(&mut self, why: &str, see: &mut dyn FnMut(Told<'_>)) {
        self.session.work_off(unix_ns(), see);
        self.stream = None;
        self.session.lost(why, see);
    }

    fn flush(&mut self) -> Result<(), ClientError> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let out = self.session.unwritten();
        let mut written = 0;
        while let Some(rest) = out.get(written..).filter(|rest| !rest.is_empty()) {
            match stream.write(rest) {
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The next read reports a broken connection.
                Err(_) => break,
            }
        }
        out.drain(..written);
        if out.len() > OUTPUT_BYTES_MAX {
            return Err(ClientError::NotReading(out.len()));
        }
        Ok(())
    }

    /// Sends an order and writes at once.
    ///
    /// # Errors
    /// [`ClientError::Send`].
    pub fn new_order(&mut self, now_ns: u64, order: &Order<'_>) -> Result<(), ClientError> {
        self.session.new_order(now_ns, order)?;
        self.flush()
    }

    /// Sends an order that says more and writes at once.
    ///
    /// # Errors
    /// [`ClientError::Send`].
    pub fn new_order_with(
        &mut self,
        now_ns: u64,
        order: &Order<'_>,
        instructions: &Instructions,
    ) -> Result<(), ClientError> {
        self.session.new_order_with(now_ns, order, instructions)?;
        self.flush()
    }

    /// Asks to replace an order by one with new terms and writes at once.
    ///
    /// # Errors
    /// [`ClientError::Send`].
    pub fn replace(
        &mut self,
        now_ns: u64,
        orig_cl_ord_id: &str,
        order: &Order<'_>,
    ) -> Result<(), ClientError> {
        self.session.replace(now_ns, orig_cl_ord_id, order)?;
        self.flush()
    }

    /// Asks to replace an order by one that says more and writes at once.
    ///
    /// # Errors
    /// [`ClientError::Send`].
    pub fn replace_with(
        &mut self,
        now_ns: u64,
        orig_cl_ord_id: &str,
        order: &Order<'_>,
        instructions: &Instructions,
    ) -> Result<(), ClientError> {
        self.session.replace_with(now_ns, orig_cl_ord_id, order, instructions)?;
        self.flush()
    }

    /// Asks how all open orders of the session stand and writes at once.
    ///
    /// # Errors
    /// [`ClientError::Send`].
    pub fn mass_status(&mut self, now_ns: u64, request: &str) -> Result<(), ClientError> {
        self.session.mass_status(now_ns, request)?;
        self.flush()
    }

    /// Asks to cancel an order and writes at once.
    ///
    /// # Errors
    /// [`ClientError::Send`].
    pub fn cancel(
        &mut self,
        now_ns: u64,
        cl_ord_id: &str,
        orig_cl_ord_id: &str,
        symbol: &str,
        side: Side,
    ) -> Result<(), ClientError> {
        self.session.cancel(now_ns, cl_ord_id, orig_cl_ord_id, symbol, side)?;
        self.flush()
    }

    /// Asks how an order stands and writes at once.
    ///
    /// # Errors
    /// [`ClientError::Send`].
    pub fn status(
        &mut self,
        now_ns: u64,
        cl_ord_id: &str,
        symbol: &str,
        side: Side,
    ) -> Result<(), ClientError> {
        self.session.status(now_ns, cl_ord_id, symbol, side)?;
        self.flush()
    }

    /// Sends a Logout; the node's answer ends the connection.
    ///
    /// # Errors
    /// [`ClientError::NotReading`].
    pub fn logout(&mut self, now_ns: u64) -> Result<(), ClientError> {
        self.session.logout(now_ns);
        self.flush()
    }
}

/// A poll for one or several clients: sleeps until bytes arrive or a time has come. The time is a
/// timer of the system with nanoseconds, because the timeout of a poll has milliseconds only.
#[derive(Debug)]
pub struct ClientPoll {
    poll: Poll,
    events: Events,
    timer: OwnedFd,
}

/// The timer's token; clients number theirs from 0.
const TIMER: Token = Token(usize::MAX);

/// Most sockets reported by one wait.
const EVENTS_MAX: usize = 64;

impl ClientPoll {
    /// A poll without clients.
    ///
    /// # Errors
    /// The system's.
    pub fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        let raw = timer.as_raw_fd();
        poll.registry().register(&mut SourceFd(&raw), TIMER, Interest::READABLE)?;
        Ok(Self { poll, events: Events::with_capacity(EVENTS_MAX), timer })
    }

    /// The registry for [`FixClient::register`].
    pub fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// Sleeps until a registered client has bytes, at most until `until_ns`.
    ///
    /// # Errors
    /// The system's.
    pub fn wait(&mut self, until_ns: u64) -> io::Result<()> {
        let left = Duration::from_nanos(until_ns.saturating_sub(unix_ns()));
        let timeout = if left.is_zero() {
            // A timer that is set to zero is disarmed, so this poll returns by its timeout.
            Some(left)
        } else {
            let it_value = Timespec::try_from(left).map_err(io::Error::other)?;
            let once = Itimerspec { it_interval: Timespec::default(), it_value };
            timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
            None
        };
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            result => result,
        }
    }
}
