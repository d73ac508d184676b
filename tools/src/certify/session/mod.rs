//! The tool's side of the session under test: the connection, both sequence numbers, and sending.
//!
//! A line belongs here if more than one case needs it. The messages of a case are `cases`.

mod expect;
mod logon;

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use rustix::net::sockopt::Timeout;

use super::draft::{Draft, Seq};
use super::outcome::{Miss, Step};
use super::wire::{Got, Header, Spoil, Transcript, Wire, render};
use crate::clock::unix_ns;

const SECOND_NS: u64 = 1_000_000_000;
/// Attempts to connect: the peer may still hold the connection that the tool cut before.
const CONNECT_TRIES: u32 = 20;
/// Most Heartbeats passed over while waiting for another message.
const HEARTBEATS_MAX: usize = 16;
const CONNECT_PAUSE: Duration = Duration::from_millis(100);

/// The side that connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The tool connects; the peer is an acceptor.
    Initiator,
    /// The peer connects.
    Acceptor,
}

/// What the tool knows about the peer.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `BeginString` (8).
    pub begin_string: String,
    /// `CompID` of the tool.
    pub sender: String,
    /// `CompID` of the peer.
    pub target: String,
    /// `Username` (553).
    pub username: Option<String>,
    /// `Password` (554).
    pub password: Option<String>,
    /// `HeartBtInt` (108) of the tool's Logon, in seconds.
    pub heartbeat_s: u64,
    /// `DefaultApplVerID` (1137); FIXT.1.1 only.
    pub appl_ver_id: String,
    /// Symbol that may be ordered; without it the order cases are skipped.
    pub symbol: Option<String>,
    /// Quantity of an order.
    pub qty: String,
    /// Price at which a buy order rests.
    pub price: String,
    /// Field of the tool's Logon that asks for cancel-on-disconnect.
    pub cancel_on_disconnect: Option<(u32, String)>,
    /// Time that the peer may take to cancel after a connection is lost.
    pub grace: Duration,
    /// Longest wait for an answer.
    pub patience: Duration,
    /// Longest wait for the peer to connect.
    pub connect_patience: Duration,
}

/// The session under test. The sequence numbers outlive a connection.
#[derive(Debug)]
pub struct Session {
    /// What the tool knows about the peer.
    pub settings: Settings,
    /// The side that connects.
    pub role: Role,
    /// Next sequence number of the tool.
    pub next_out: u64,
    /// Next sequence number expected of the peer.
    pub next_in: u64,
    /// All messages so far.
    pub transcript: Transcript,
    address: SocketAddr,
    listener: Option<TcpListener>,
    wire: Option<Wire>,
    serial: u64,
}

impl Session {
    /// A session that connects to an acceptor.
    pub fn initiator(settings: Settings, address: SocketAddr) -> Self {
        Self::new(settings, Role::Initiator, address, None)
    }

    /// A session that an initiator connects to.
    ///
    /// # Errors
    /// The system's.
    pub fn acceptor(settings: Settings, listener: TcpListener) -> io::Result<Self> {
        let address = listener.local_addr()?;
        let patience = Some(settings.connect_patience);
        rustix::net::sockopt::set_socket_timeout(&listener, Timeout::Recv, patience)?;
        Ok(Self::new(settings, Role::Acceptor, address, Some(listener)))
    }

    fn new(
        settings: Settings,
        role: Role,
        address: SocketAddr,
        listener: Option<TcpListener>,
    ) -> Self {
        Self {
            settings,
            role,
            next_out: 1,
            next_in: 1,
            transcript: Transcript::default(),
            address,
            listener,
            wire: None,
            serial: unix_ns() / 1_000_000,
        }
    }

    /// A text that was never sent before.
    pub fn fresh(&mut self, prefix: &str) -> String {
        self.serial += 1;
        format!("{prefix}{}", self.serial)
    }

    /// Skips the case if the peer is an initiator.
    ///
    /// # Errors
    /// [`Miss::Skip`].
    pub fn needs_initiator(&self) -> Step {
        match self.role {
            Role::Initiator => Ok(()),
            Role::Acceptor => Err(Miss::Skip("only against an acceptor".to_owned())),
        }
    }

    /// Opens a connection and sends nothing.
    ///
    /// # Errors
    /// [`Miss::Fail`]: no connection in time.
    pub fn connect(&mut self) -> Step {
        self.cut();
        let stream = match &self.listener {
            None => TcpStream::connect(self.address)?,
            Some(listener) => accepted(listener)?,
        };
        let what = if self.role == Role::Initiator { "connected" } else { "accepted" };
        self.transcript.add('-', &format!("({what})"));
        self.wire = Some(Wire::new(stream)?);
        Ok(())
    }

    /// Closes the connection without a Logout.
    pub fn cut(&mut self) {
        if self.wire.take().is_some() {
            self.transcript.add('-', "(we have closed the connection)");
        }
    }

    /// Takes the connection out of the session, so that a second one can be opened beside it.
    pub fn set_aside(&mut self) -> Option<Wire> {
        self.wire.take()
    }

    /// Replaces the connection by one that was set aside.
    pub fn take_up(&mut self, wire: Option<Wire>) {
        self.cut();
        self.wire = wire;
    }

    /// Sends a message.
    ///
    /// # Errors
    /// [`Miss::Fail`]: the connection has ended.
    pub fn send(&mut self, draft: &Draft) -> Step {
        let seq = match draft.seq {
            Seq::Next => self.next_out,
            Seq::At(seq) => seq,
            Seq::Skip(count) => self.next_out + count,
        };
        let header = Header {
            begin_string: draft.begin_string.as_deref().unwrap_or(&self.settings.begin_string),
            seq,
            sender: &self.settings.sender,
            target: draft.target.as_deref().unwrap_or(&self.settings.target),
            sending_ns: unix_ns().saturating_sub(draft.late_s * SECOND_NS),
            poss_dup: draft.poss_dup,
            original_ns: draft.original_ns,
            poss_resend: draft.poss_resend,
        };
        let bytes = render(&header, &draft.msg_type, &draft.fields, draft.spoil)
            .ok_or_else(|| Miss::Skip("a message of the tool is too long".to_owned()))?;
        if !matches!(draft.seq, Seq::At(_)) && draft.spoil == Spoil::No {
            self.next_out = seq + 1;
        }
        let Some(wire) = &mut self.wire else {
            return Err(Miss::fail("a connection", "none"));
        };
        Ok(wire.send(&bytes, &mut self.transcript)?)
    }

    /// The next message, or the reason why there is none. Sequence numbers are not checked.
    ///
    /// # Errors
    /// [`Miss::Fail`]: the socket fails.
    pub fn next(&mut self, patience: Duration) -> Step<Got> {
        match &mut self.wire {
            None => Ok(Got::Closed),
            Some(wire) => Ok(wire.next(Instant::now() + patience, &mut self.transcript)?),
        }
    }

    /// Waits for the time that the peer may take to cancel after a lost connection.
    pub fn await_grace(&self) {
        pause(self.settings.grace);
    }

    /// Logs out and closes.
    ///
    /// # Errors
    /// [`Miss::Fail`]: the peer does not answer the Logout.
    pub fn close(&mut self) -> Step {
        self.send(&Draft::of("5"))?;
        self.expect("5", &[])?;
        self.cut();
        Ok(())
    }
}

/// Waits for a time. No event tells when the peer has released its session.
fn pause(length: Duration) {
    std::thread::park_timeout(length);
}

fn accepted(listener: &TcpListener) -> Step<TcpStream> {
    match listener.accept() {
        Ok((stream, _)) => Ok(stream),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            Err(Miss::fail("a connection of the peer", "none in time"))
        }
        Err(error) => Err(error.into()),
    }
}
