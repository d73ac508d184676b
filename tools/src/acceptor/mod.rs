//! `rutter-tools fix-acceptor`: a FIX acceptor on the session code of the gateway, for the
//! conformance runner.
//!
//! A line belongs here if it carries bytes between sockets and sessions. The list of sessions is
//! `sessions`, the answers of the application are `application`, the protocol is `rutter_fix`.
//!
//! One thread and one port serve all sessions. `BeginString` and `CompID`s of the Logon tell the
//! session of a connection. A session with a connection refuses a second one.

mod application;
mod link;
mod sessions;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use rutter_fix::codec::{FieldIndex, Message, Status, decode};
use rutter_fix::session::{Event, FRAME_TIMEOUT_NS, Received};
use rutter_fix::tags::{self, msg_type};

use crate::clock::unix_ns;
use application::Application;
use link::Link;
use sessions::SessionSlot;

/// Most open connections; further ones are closed at once.
const LINKS_MAX: usize = 256;

/// A connection without a Logon is closed after this.
const LOGON_TIMEOUT_NS: u64 = 10_000_000_000;

/// Longest sleep when nothing is due.
const IDLE: Duration = Duration::from_secs(1);

const LISTENER: Token = Token(usize::MAX);

/// `rutter-tools fix-acceptor`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Port to listen on; 0 for a free one, which is printed.
    #[arg(long)]
    port: u16,
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1")]
    address: std::net::IpAddr,
    /// Send every valid `NewOrderSingle` and `SecurityDefinition` back instead of answering it.
    #[arg(long)]
    echo: bool,
}

/// Serves until the process is ended. Prints `listening ADDRESS` once it listens.
///
/// # Errors
/// The system's, on listening and waiting.
pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let application = if arguments.echo { Application::Echo } else { Application::Orders };
    let mut acceptor =
        Acceptor::listen(SocketAddr::new(arguments.address, arguments.port), application)?;
    println!("listening {}", acceptor.address()?);
    loop {
        acceptor.turn(IDLE)?;
    }
}

/// All sessions behind one port.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    poll: Poll,
    events: Events,
    links: Vec<Option<Link>>,
    slots: Vec<SessionSlot>,
    index: FieldIndex,
}

/// What to do with a connection after its first bytes.
enum First {
    /// The first message is incomplete.
    Wait,
    /// The first message is not the Logon of a session.
    Close,
    /// The first message is the Logon of the session at this index.
    Bind(usize),
}

impl Acceptor {
    /// Listens with the sessions of the conformance cases.
    ///
    /// # Errors
    /// The system's.
    pub fn listen(address: SocketAddr, application: Application) -> io::Result<Self> {
        let mut listener = TcpListener::bind(address)?;
        let poll = Poll::new()?;
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            listener,
            poll,
            events: Events::with_capacity(LINKS_MAX + 1),
            links: Vec::new(),
            slots: sessions::all(application),
            index: FieldIndex::new(),
        })
    }

    /// The address of the listener.
    ///
    /// # Errors
    /// The system's.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Waits at most `idle` for work, and does it.
    ///
    /// # Errors
    /// The system's, on waiting.
    pub fn turn(&mut self, idle: Duration) -> io::Result<()> {
        let wait = self.until_due(unix_ns()).min(idle);
        match self.poll.poll(&mut self.events, Some(wait)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            other => other?,
        }
        let ready: Vec<Token> = self.events.iter().map(mio::event::Event::token).collect();
        let now_ns = unix_ns();
        // Ends of connections are handled before new connections, so that their sessions are free.
        for token in ready.iter().filter(|token| **token != LISTENER) {
            self.serve(token.0, now_ns);
        }
        // The poll reports readiness once only, so connections that an earlier turn left waiting
        // are accepted here as well.
        self.accept(now_ns);
        self.on_time(unix_ns());
        Ok(())
    }

    fn until_due(&self, now_ns: u64) -> Duration {
        if self.links.iter().flatten().any(|link| link.unread) {
            return Duration::ZERO;
        }
        let links = self.links.iter().flatten().filter_map(|link| link.due_ns);
        let slots = self.slots.iter().filter_map(|slot| slot.session.next_deadline_ns());
        let due_ns = links.chain(slots).min().unwrap_or(u64::MAX);
        // Rounded up, because a wait that ends early would only be repeated.
        Duration::from_millis(due_ns.saturating_sub(now_ns).div_ceil(1_000_000))
    }

    fn accept(&mut self, now_ns: u64) {
        while let Ok((socket, _)) = self.listener.accept() {
            let free = self.links.iter().position(Option::is_none);
            let place = free.unwrap_or(self.links.len());
            if place >= LINKS_MAX {
                continue;
            }
            let mut link = Link::new(socket, now_ns.saturating_add(LOGON_TIMEOUT_NS));
            if link.register(self.poll.registry(), Token(place)).is_err() {
                continue;
            }
            if place == self.links.len() {
                self.links.push(None);
            }
            self.links[place] = Some(link);
            self.serve(place, now_ns);
        }
    }

    /// Reads, answers and writes one connection.
    fn serve(&mut self, place: usize, now_ns: u64) {
        let Some(mut link) = self.links.get_mut(place).and_then(Option::take) else { return };
        link.read();
        self.work_off(place, &mut link, now_ns);
        self.settle(place, link, now_ns);
    }

    fn work_off(&mut self, place: usize, link: &mut Link, now_ns: u64) {
        if link.slot.is_none() && !link.closing {
            match self.first(&link.input) {
                First::Wait if link.input.is_empty() => {}
                First::Wait => link.hurry(now_ns.saturating_add(FRAME_TIMEOUT_NS)),
                First::Close => link.close(now_ns),
                First::Bind(slot) => self.bind(place, slot, link, now_ns),
            }
        }
        let Some(slot) = link.slot.and_then(|slot| self.slots.get_mut(slot)) else { return };
        while !link.closing {
            let input = std::mem::take(&mut link.input);
            let Received { consumed, event } =
                slot.session.receive(now_ns, &input, &mut self.index, &mut link.out);
            let stuck = consumed == 0 && event.is_none();
            let gone = matches!(event, Some(Event::Disconnect { .. }));
            match event {
                Some(Event::App(app)) => {
                    slot.application.answer(&mut slot.session, now_ns, &app, &mut link.out);
                    slot.session.confirm_in(app.id);
                }
                Some(Event::LoggedOn { .. }) => slot.application.logged_on(),
                _ => {}
            }
            link.input = input;
            link.input.drain(..consumed.min(link.input.len()));
            if gone {
                link.close(now_ns);
            }
            if stuck {
                break;
            }
        }
    }

    fn first(&mut self, input: &[u8]) -> First {
        let consumed = match decode(input, &mut self.index) {
            Ok(Status::Incomplete) => return First::Wait,
            Ok(Status::Complete { consumed }) => consumed,
            Err(_) => return First::Close,
        };
        let message = Message::new(input.get(..consumed).unwrap_or(input), &self.index);
        if message.msg_type() != msg_type::LOGON {
            return First::Close;
        }
        let said = |tag| message.get(tag).unwrap_or(b"");
        let (peer, ours) = (said(tags::SENDER_COMP_ID), said(tags::TARGET_COMP_ID));
        let found = self.slots.iter().position(|slot| {
            let config = slot.session.config();
            config.begin_string.as_bytes() == message.begin_string()
                && config.target.as_bytes() == peer
                && config.sender.as_bytes() == ours
        });
        found.map_or(First::Close, First::Bind)
    }

    fn bind(&mut self, place: usize, slot: usize, link: &mut Link, now_ns: u64) {
        // The earlier connection may have ended without having been read; then the session is free.
        if let Some(owner) = self.slots.get(slot).and_then(|slot| slot.owner) {
            self.serve(owner, now_ns);
        }
        let Some(at) = self.slots.get_mut(slot) else { return };
        if at.owner.is_some() || at.session.connected(now_ns, &mut link.out).is_err() {
            link.close(now_ns);
            return;
        }
        at.owner = Some(place);
        link.slot = Some(slot);
        link.due_ns = None;
    }

    /// Writes the waiting bytes, and drops a connection that has ended.
    fn settle(&mut self, place: usize, mut link: Link, now_ns: u64) {
        link.write();
        if link.ended
            && let Some(slot) = link.slot.and_then(|slot| self.slots.get_mut(slot))
        {
            slot.session.disconnected();
        }
        if (link.ended || link.closing)
            && let Some(slot) = link.slot.take().and_then(|slot| self.slots.get_mut(slot))
        {
            slot.owner = None;
        }
        let over = link.ended || (link.closing && link.out.is_empty());
        let late = link.due_ns.is_some_and(|due_ns| now_ns >= due_ns);
        if !over && !late {
            self.links[place] = Some(link);
        }
    }

    fn on_time(&mut self, now_ns: u64) {
        for place in 0..self.links.len() {
            let Some(mut link) = self.links[place].take() else { continue };
            link.read();
            if let Some(slot) = link.slot.and_then(|slot| self.slots.get_mut(slot)) {
                while let Some(event) = slot.session.on_timer(now_ns, &mut link.out) {
                    if matches!(event, Event::Disconnect { .. }) {
                        link.close(now_ns);
                    }
                }
            }
            // A resend that held up the input may be over.
            self.work_off(place, &mut link, now_ns);
            self.settle(place, link, now_ns);
        }
    }
}
