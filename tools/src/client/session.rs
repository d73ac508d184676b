//! The client's FIX session without a socket: bytes in, news and bytes out.
//!
//! A line belongs here if it needs no connection. `FixClient` carries the bytes over a socket; the
//! demo's virtual time carries them along a simulated wire.

use std::net::SocketAddr;

use rutter_fix::codec::{Encoder, FieldIndex, Message, TimePrecision};
use rutter_fix::session::{
    Config, Event, LogonContext, Policy, Received, SendError, Session, SessionError, State, Warning,
};
use rutter_fix::store::{MemStore, MessageStore};
use rutter_fix::tags::{self, msg_type};

use super::instructions::Instructions;
use super::message::{Order, SCALE, Side};

/// Most bytes of sent messages that are kept for a resend.
pub(super) const KEPT_BYTES_MAX: usize = 64 << 20;

/// Bytes that are read at once.
pub(super) const READ_BYTES: usize = 64 << 10;

/// Address and identity for the Logon.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The node's FIX address.
    pub address: SocketAddr,
    /// `CompID` of the client.
    pub comp_id: String,
    /// `CompID` of the node.
    pub target: String,
    /// Password of the client.
    pub password: String,
    /// Reset both sequence numbers with each Logon (141=Y). Earlier reports are then not resent.
    pub reset: bool,
}

impl ClientConfig {
    /// A client of a node called `RUTTER`, whose sequence numbers continue.
    pub fn new(address: SocketAddr, comp_id: &str, password: &str) -> Self {
        Self {
            address,
            comp_id: comp_id.to_owned(),
            target: "RUTTER".to_owned(),
            password: password.to_owned(),
            reset: false,
        }
    }
}

/// News for the owner of a client.
#[derive(Debug)]
pub enum Told<'a> {
    /// The Logon was answered.
    LoggedOn,
    /// A message of the application, in sequence and once; the flag is `PossDupFlag` (43).
    App(Message<'a>, bool),
    /// The node rejected (35=3) a message of the client.
    Rejected(Message<'a>),
    /// A deviation that needs no action.
    Odd(Warning),
    /// The connection was lost: the reason, and the node's text.
    Disconnected(String),
}

/// Adds the password to the Logon.
#[derive(Clone)]
struct Password(String);

impl core::fmt::Debug for Password {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Password(***)")
    }
}

impl Policy for Password {
    fn authenticate(&mut self, _: &Message<'_>) -> Result<(), &'static str> {
        Ok(())
    }

    fn logon_fields(&mut self, _: &LogonContext<'_>, logon: &mut Encoder<'_>) {
        logon.text(tags::PASSWORD, &self.0);
    }
}

/// The session with the bytes of its current connection. It survives its connections: after each
/// [`ClientSession::connected`] it asks for the messages that it missed, unless
/// [`ClientConfig::reset`] is set.
#[derive(Debug)]
pub struct ClientSession<S: MessageStore = MemStore> {
    session: Session<S, Password>,
    input: Vec<u8>,
    out: Vec<u8>,
    index: FieldIndex,
}

impl ClientSession {
    /// A session without a connection. Sequence numbers and messages live as long as it does. The
    /// address of `config` is not used.
    pub fn in_memory(config: &ClientConfig) -> Self {
        Self::new(config, MemStore::new(KEPT_BYTES_MAX))
    }
}

impl<S: MessageStore> ClientSession<S> {
    /// A session without a connection, which goes on where `store` stands. The address of `config`
    /// is not used.
    pub fn new(config: &ClientConfig, store: S) -> Self {
        let settings = Config {
            reset_on_logon: config.reset,
            time_precision: TimePrecision::Micros,
            ..Config::initiator(&config.comp_id, &config.target)
        };
        Self {
            session: Session::new(settings, store, Password(config.password.clone())),
            input: Vec::with_capacity(READ_BYTES),
            out: Vec::with_capacity(READ_BYTES),
            index: FieldIndex::new(),
        }
    }

    /// A connection stands: writes the Logon.
    ///
    /// # Errors
    /// [`SessionError`].
    pub fn connected(&mut self, now_ns: u64) -> Result<(), SessionError> {
        self.session.connected(now_ns, &mut self.out)
    }

    /// The connection is gone, and with it all bytes on their way.
    pub fn disconnected(&mut self) {
        self.session.disconnected();
        (self.input, self.out) = (Vec::new(), Vec::new());
    }

    /// The connection was lost: reports it, unless the session has ended by itself.
    pub fn lost(&mut self, why: &str, see: &mut dyn FnMut(Told<'_>)) {
        if self.is_connected() {
            self.session.disconnected();
            see(Told::Disconnected(why.to_owned()));
        }
    }

    /// Whether the session is logged on, so that orders are sent at once.
    pub fn is_logged_on(&self) -> bool {
        self.session.is_logged_on()
    }

    /// `MsgSeqNum` (34) of the next message to the node.
    pub fn next_out(&self) -> u64 {
        self.session.next_out()
    }

    /// Whether the session takes its connection for one that stands.
    pub fn is_connected(&self) -> bool {
        self.session.state() != State::Disconnected
    }

    /// When [`ClientSession::on_timer`] is due: a heartbeat or a timeout.
    pub fn next_deadline_ns(&self) -> Option<u64> {
        self.session.next_deadline_ns()
    }

    /// Keeps bytes that have arrived, for [`ClientSession::work_off`].
    pub fn received(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
    }

    /// Handles all whole messages that have arrived.
    pub fn work_off(&mut self, now_ns: u64, see: &mut dyn FnMut(Told<'_>)) {
        let mut at = 0;
        loop {
            let rest = self.input.get(at..).unwrap_or(&[]);
            let Received { consumed, event } =
                self.session.receive(now_ns, rest, &mut self.index, &mut self.out);
            if consumed == 0 && event.is_none() {
                break;
            }
            at += consumed;
            let confirmed = match &event {
                Some(Event::App(app)) => Some(app.id),
                _ => None,
            };
            if let Some(event) = event {
                tell(&event, see);
            }
            if let Some(id) = confirmed {
                self.session.confirm_in(id);
            }
        }
        self.input.drain(..at.min(self.input.len()));
    }

    /// Does what is due.
    pub fn on_timer(&mut self, now_ns: u64, see: &mut dyn FnMut(Told<'_>)) {
        while let Some(event) = self.session.on_timer(now_ns, &mut self.out) {
            tell(&event, see);
        }
    }

    /// The bytes that are to be written; whoever writes them takes them out.
    pub fn unwritten(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Sends an order.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn new_order(&mut self, now_ns: u64, order: &Order<'_>) -> Result<(), SendError> {
        self.new_order_with(now_ns, order, &Instructions::NONE)
    }

    /// Sends an order that says more.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn new_order_with(
        &mut self,
        now_ns: u64,
        order: &Order<'_>,
        instructions: &Instructions,
    ) -> Result<(), SendError> {
        self.send(now_ns, msg_type::NEW_ORDER_SINGLE, |out| {
            write_order(now_ns, order, out);
            instructions.write(out);
        })
    }

    /// Asks to replace an order by one with new terms.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn replace(
        &mut self,
        now_ns: u64,
        orig_cl_ord_id: &str,
        order: &Order<'_>,
    ) -> Result<(), SendError> {
        self.replace_with(now_ns, orig_cl_ord_id, order, &Instructions::NONE)
    }

    /// Asks to replace an order by one that says more.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn replace_with(
        &mut self,
        now_ns: u64,
        orig_cl_ord_id: &str,
        order: &Order<'_>,
        instructions: &Instructions,
    ) -> Result<(), SendError> {
        self.send(now_ns, msg_type::ORDER_CANCEL_REPLACE_REQUEST, |out| {
            out.text(tags::ORIG_CL_ORD_ID, orig_cl_ord_id);
            write_order(now_ns, order, out);
            instructions.write(out);
        })
    }

    /// Asks how all open orders of the session stand.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn mass_status(&mut self, now_ns: u64, request: &str) -> Result<(), SendError> {
        self.send(now_ns, msg_type::ORDER_MASS_STATUS_REQUEST, |out| {
            out.text(tags::MASS_STATUS_REQ_ID, request);
            out.char(tags::MASS_STATUS_REQ_TYPE, b'7');
        })
    }

    /// Asks to cancel an order.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn cancel(
        &mut self,
        now_ns: u64,
        cl_ord_id: &str,
        orig_cl_ord_id: &str,
        symbol: &str,
        side: Side,
    ) -> Result<(), SendError> {
        self.send(now_ns, msg_type::ORDER_CANCEL_REQUEST, |out| {
            out.text(tags::CL_ORD_ID, cl_ord_id).text(tags::ORIG_CL_ORD_ID, orig_cl_ord_id);
            out.text(tags::SYMBOL, symbol).char(tags::SIDE, side_char(side));
            out.timestamp(tags::TRANSACT_TIME, now_ns, TimePrecision::Micros);
        })
    }

    /// Asks how an order stands.
    ///
    /// # Errors
    /// [`SendError`].
    pub fn status(
        &mut self,
        now_ns: u64,
        cl_ord_id: &str,
        symbol: &str,
        side: Side,
    ) -> Result<(), SendError> {
        self.send(now_ns, msg_type::ORDER_STATUS_REQUEST, |out| {
            out.text(tags::CL_ORD_ID, cl_ord_id);
            out.text(tags::SYMBOL, symbol).char(tags::SIDE, side_char(side));
        })
    }

    /// Sends a Logout; the node's answer ends the connection.
    pub fn logout(&mut self, now_ns: u64) {
        self.session.logout(now_ns, "", &mut self.out);
    }

    fn send(
        &mut self,
        now_ns: u64,
        kind: &[u8],
        fill: impl FnOnce(&mut Encoder<'_>),
    ) -> Result<(), SendError> {
        self.session.send_unnumbered(now_ns, kind, &mut self.out, fill)?;
        Ok(())
    }
}

fn write_order(now_ns: u64, order: &Order<'_>, out: &mut Encoder<'_>) {
    out.text(tags::CL_ORD_ID, order.cl_ord_id);
    out.text(tags::SYMBOL, order.symbol);
    out.char(tags::SIDE, side_char(order.side));
    out.timestamp(tags::TRANSACT_TIME, now_ns, TimePrecision::Micros);
    out.decimal(tags::ORDER_QTY, order.qty_e8, SCALE);
    match order.limit_e8 {
        None => {
            out.char(tags::ORD_TYPE, b'1');
        }
        Some(price) => {
            out.char(tags::ORD_TYPE, b'2').decimal(tags::PRICE, price, SCALE);
        }
    }
    out.char(tags::TIME_IN_FORCE, order.tif.byte());
}

const fn side_char(side: Side) -> u8 {
    match side {
        Side::Buy => b'1',
        Side::Sell => b'2',
    }
}

fn tell(event: &Event<'_>, see: &mut dyn FnMut(Told<'_>)) {
    match *event {
        Event::LoggedOn { .. } => see(Told::LoggedOn),
        Event::App(app) => see(Told::App(app.message, app.poss_dup)),
        Event::PeerReject(message) => see(Told::Rejected(message)),
        Event::Warning(warning) => see(Told::Odd(warning)),
        // A disconnect follows, and that is reported.
        Event::Rejected { .. } | Event::LogoutSent { .. } => {}
        Event::Disconnect { reason, text } => {
            let text = String::from_utf8_lossy(text);
            let why =
                if text.is_empty() { reason.to_string() } else { format!("{reason} ({text})") };
            see(Told::Disconnected(why));
        }
    }
}
