//! A FIX acceptor on the session code of the gateway: what a conformance runner plays against.
//!
//! A line belongs here if it carries bytes between sockets and sessions. Which sessions there are
//! is `sessions`, what an application answers is `application`, the protocol is `rutter_fix`'s.
//!
//! One thread, one port for all sessions. A connection belongs to nobody before its Logon has told
//! by `BeginString` and `CompID`s whose it is; a session with a connection refuses a second one.

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
use sessions::Desk;

/// Most connections at a time; more are closed at once.
const LINKS_MAX: usize = 256;

/// A connection without a Logon is closed after this.
const LOGON_TIMEOUT_NS: u64 = 10_000_000_000;

/// Longest sleep while nothing is due.
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

/// Serves until the process is ended. Prints `listening ADDRESS` once it does.
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
    desks: Vec<Desk>,
    index: FieldIndex,
}

/// What is to become of a connection whose first bytes have come.
enum First {
    /// Not a whole message yet.
    Wait,
    /// It is no Logon of a session that is free.
    Close,
    /// The Logon of this session.
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
            desks: sessions::all(application),
            index: FieldIndex::new(),
        })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The system's.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Waits at most `idle` for something to do, and does it.
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
        // Ends of connections are seen before new ones, so that a session is free at once.
        for token in ready.iter().filter(|token| **token != LISTENER) {
            self.serve(token.0, now_ns);
        }
        // Readiness is told once only: what an error or a full turn left behind is looked for.
        self.accept(now_ns);
        self.on_time(unix_ns());
        Ok(())
    }

    fn until_due(&self, now_ns: u64) -> Duration {
        if self.links.iter().flatten().any(|link| link.unread) {
            return Duration::ZERO;
        }
        let links = self.links.iter().flatten().filter_map(|link| link.due_ns);
        let desks = self.desks.iter().filter_map(|desk| desk.session.next_deadline_ns());
        let due_ns = links.chain(desks).min().unwrap_or(u64::MAX);
        // Rounded up: a wait that ends early would only be another one.
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
        if link.desk.is_none() && !link.closing {
            match self.first(&link.input) {
                First::Wait if link.input.is_empty() => {}
                First::Wait => link.hurry(now_ns.saturating_add(FRAME_TIMEOUT_NS)),
                First::Close => link.close(now_ns),
                First::Bind(desk) => self.bind(place, desk, link, now_ns),
            }
        }
        let Some(desk) = link.desk.and_then(|desk| self.desks.get_mut(desk)) else { return };
        while !link.closing {
            let input = std::mem::take(&mut link.input);
            let Received { consumed, event } =
                desk.session.receive(now_ns, &input, &mut self.index, &mut link.out);
            let stuck = consumed == 0 && event.is_none();
            let gone = matches!(event, Some(Event::Disconnect { .. }));
            match event {
                Some(Event::App(app)) => {
                    desk.application.answer(&mut desk.session, now_ns, &app, &mut link.out);
                    desk.session.confirm_in(app.id);
                }
                Some(Event::LoggedOn { .. }) => desk.application.logged_on(),
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
        let found = self.desks.iter().position(|desk| {
            let config = desk.session.config();
            config.begin_string.as_bytes() == message.begin_string()
                && config.target.as_bytes() == peer
                && config.sender.as_bytes() == ours
        });
        found.map_or(First::Close, First::Bind)
    }

    fn bind(&mut self, place: usize, desk: usize, link: &mut Link, now_ns: u64) {
        // An end of the earlier connection that has not been read yet frees the session as well.
        if let Some(owner) = self.desks.get(desk).and_then(|desk| desk.owner) {
            self.serve(owner, now_ns);
        }
        let Some(at) = self.desks.get_mut(desk) else { return };
        if at.owner.is_some() || at.session.connected(now_ns, &mut link.out).is_err() {
            link.close(now_ns);
            return;
        }
        at.owner = Some(place);
        link.desk = Some(desk);
        link.due_ns = None;
    }

    /// Writes what waits and lets go of a connection that is over.
    fn settle(&mut self, place: usize, mut link: Link, now_ns: u64) {
        link.write();
        if link.ended
            && let Some(desk) = link.desk.and_then(|desk| self.desks.get_mut(desk))
        {
            desk.session.disconnected();
        }
        if (link.ended || link.closing)
            && let Some(desk) = link.desk.take().and_then(|desk| self.desks.get_mut(desk))
        {
            desk.owner = None;
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
            if let Some(desk) = link.desk.and_then(|desk| self.desks.get_mut(desk)) {
                while let Some(event) = desk.session.on_timer(now_ns, &mut link.out) {
                    if matches!(event, Event::Disconnect { .. }) {
                        link.close(now_ns);
                    }
                }
            }
            // What a replay held back may be read now.
            self.work_off(place, &mut link, now_ns);
            self.settle(place, link, now_ns);
        }
    }
}
