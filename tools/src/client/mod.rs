//! A FIX client of the node: one session over one socket that never blocks.
//!
//! A line belongs here if any client of the node would need it. The caller decides which orders to
//! send and when: `demo`, `load` and `prompt` do. The rules of a session are `rutter_fix`'s.

mod keyboard;
mod known;
pub mod prompt;

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
use rutter_fix::codec::{Encoder, FieldIndex, Message, TimePrecision};
use rutter_fix::session::{
    Config, Event, LogonContext, Policy, Received, SendError, Session, SessionError, Warning,
};
use rutter_fix::store::{MemStore, MessageStore};
use rutter_fix::tags::{self, msg_type};
use rutter_sim::market::E8;

use crate::clock::unix_ns;

/// Most bytes of sent messages that are kept for a resend.
const KEPT_BYTES_MAX: usize = 64 << 20;

/// Most bytes that wait for a node that does not read. Beyond this the connection is given up.
pub const OUTPUT_BYTES_MAX: usize = 64 << 20;

const READ_BYTES: usize = 64 << 10;

/// Decimals of prices and quantities in this module.
const SCALE: u8 = 8;

/// Decimals of fees in this module.
const FEE_SCALE: u8 = 18;

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

/// Side of an order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Side {
    /// 54=1.
    #[default]
    Buy,
    /// 54=2.
    Sell,
}

/// `TimeInForce` (59).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tif {
    /// 0.
    #[default]
    Day,
    /// 1.
    Gtc,
    /// 3.
    Ioc,
    /// 4.
    Fok,
}

impl Tif {
    const fn byte(self) -> u8 {
        match self {
            Self::Day => b'0',
            Self::Gtc => b'1',
            Self::Ioc => b'3',
            Self::Fok => b'4',
        }
    }

    /// `None` for a time in force that the client does not send.
    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            b'0' => Some(Self::Day),
            b'1' => Some(Self::Gtc),
            b'3' => Some(Self::Ioc),
            b'4' => Some(Self::Fok),
            _ => None,
        }
    }
}

/// A new order, or the new terms of one.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// `ClOrdID`.
    pub cl_ord_id: &'a str,
    /// Such as `BTC/USDT`.
    pub symbol: &'a str,
    /// Side.
    pub side: Side,
    /// Quantity, in 10^-8.
    pub qty_e8: i64,
    /// Limit price, in 10^-8; `None` for a market order.
    pub limit_e8: Option<i64>,
    /// `TimeInForce` (59).
    pub tif: Tif,
}

/// An execution within a report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// `LastQty` (32), in 10^-8.
    pub qty_e8: i64,
    /// `LastPx` (31), in 10^-8.
    pub price_e8: i64,
    /// `LastMkt` (30).
    pub venue: String,
    /// Whether `LastLiquidityInd` (851) is 1 (added liquidity).
    pub maker: bool,
    /// `MiscFeeAmt` (137), in 10^-18; negative for a rebate.
    pub fee_e18: i128,
    /// `MiscFeeCurr` (138).
    pub fee_asset: String,
}

/// An order's terms within a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Terms {
    /// Side.
    pub side: Side,
    /// `OrderQty` (38), in 10^-8.
    pub qty_e8: i64,
    /// `Price` (44), in 10^-8; `None` for a market order.
    pub limit_e8: Option<i64>,
    /// `TimeInForce` (59).
    pub tif: Tif,
}

impl Terms {
    fn read(message: &Message<'_>) -> Option<Self> {
        let char_of = |tag| message.char(tag).ok().flatten();
        Some(Self {
            side: match char_of(tags::SIDE)? {
                b'1' => Side::Buy,
                b'2' => Side::Sell,
                _ => return None,
            },
            qty_e8: e8(message, tags::ORDER_QTY)?,
            limit_e8: match char_of(tags::ORD_TYPE)? {
                b'1' => None,
                _ => Some(e8(message, tags::PRICE)?),
            },
            tif: char_of(tags::TIME_IN_FORCE).map_or(Some(Tif::Day), Tif::from_byte)?,
        })
    }
}

/// An `ExecutionReport` or `OrderCancelReject`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// `ExecType` (150); `x` for an `OrderCancelReject`.
    pub kind: char,
    /// `OrdStatus` (39).
    pub status: char,
    /// `ClOrdID` (11).
    pub cl_ord_id: String,
    /// `OrigClOrdID` (41), empty if absent.
    pub orig_cl_ord_id: String,
    /// `OrderID` (37).
    pub order_id: String,
    /// `ExecID` (17), empty in an `OrderCancelReject`.
    pub exec_id: String,
    /// `Symbol` (55).
    pub symbol: String,
    /// The order's terms; `None` if the report does not have them all.
    pub terms: Option<Terms>,
    /// `CumQty` (14), in 10^-8.
    pub cum_e8: i64,
    /// `LeavesQty` (151), in 10^-8.
    pub leaves_e8: i64,
    /// The execution; `None` in a report without one.
    pub last: Option<Execution>,
    /// `Text` (58): the word of a refusal, empty if absent.
    pub text: String,
    /// `PossDupFlag` (43): the node resends a report.
    pub poss_dup: bool,
}

fn text(message: &Message<'_>, tag: u32) -> String {
    String::from_utf8_lossy(message.get(tag).unwrap_or(b"")).into_owned()
}

fn e8(message: &Message<'_>, tag: u32) -> Option<i64> {
    message.decimal(tag).ok().flatten()?.at_scale(SCALE)
}

/// A decimal text in units of 10^-18, exactly.
fn e18(text: &[u8]) -> Option<i128> {
    let text = core::str::from_utf8(text).ok()?;
    let value: rust_decimal::Decimal = text.parse().ok()?;
    let factor = 10_i128.checked_pow(u32::from(FEE_SCALE).checked_sub(value.scale())?)?;
    value.mantissa().checked_mul(factor)
}

impl Report {
    /// Reads an `ExecutionReport` (8) or `OrderCancelReject` (9). `None` for any other message, and
    /// for a report with a number that is malformed or out of range.
    pub fn read(message: &Message<'_>, poss_dup: bool) -> Option<Self> {
        let char_of = |tag| message.char(tag).ok().flatten().map(char::from);
        let cancel_reject = match message.msg_type() {
            msg_type::EXECUTION_REPORT => false,
            msg_type::ORDER_CANCEL_REJECT => true,
            _ => return None,
        };
        let last = match message.get(tags::LAST_QTY) {
            None => None,
            Some(_) => Some(Execution {
                qty_e8: e8(message, tags::LAST_QTY)?,
                price_e8: e8(message, tags::LAST_PX)?,
                venue: text(message, tags::LAST_MKT),
                maker: char_of(tags::LAST_LIQUIDITY_IND) == Some('1'),
                fee_e18: match message.get(tags::MISC_FEE_AMT) {
                    None => 0,
                    Some(amount) => e18(amount)?,
                },
                fee_asset: text(message, tags::MISC_FEE_CURR),
            }),
        };
        Some(Self {
            kind: if cancel_reject { 'x' } else { char_of(tags::EXEC_TYPE)? },
            status: char_of(tags::ORD_STATUS)?,
            cl_ord_id: text(message, tags::CL_ORD_ID),
            orig_cl_ord_id: text(message, tags::ORIG_CL_ORD_ID),
            order_id: text(message, tags::ORDER_ID),
            exec_id: text(message, tags::EXEC_ID),
            symbol: text(message, tags::SYMBOL),
            terms: Terms::read(message),
            cum_e8: if cancel_reject { 0 } else { e8(message, tags::CUM_QTY)? },
            leaves_e8: if cancel_reject { 0 } else { e8(message, tags::LEAVES_QTY)? },
            last,
            text: text(message, tags::TEXT),
            poss_dup,
        })
    }

    /// Whether the order is over.
    pub fn is_final(&self) -> bool {
        self.kind != 'x' && matches!(self.status, '2' | '3' | '4' | '8' | 'C')
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

/// One session. A session survives its connections: after [`FixClient::reconnect`] the client asks
/// for the messages that it missed, unless `reset` is set.
#[derive(Debug)]
pub struct FixClient<S: MessageStore = MemStore> {
    address: SocketAddr,
    session: Session<S, Password>,
    stream: Option<TcpStream>,
    input: Vec<u8>,
    out: Vec<u8>,
    index: FieldIndex,
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
        let settings = Config {
            reset_on_logon: config.reset,
            time_precision: TimePrecision::Micros,
            ..Config::initiator(&config.comp_id, &config.target)
        };
        let session = Session::new(settings, store, Password(config.password.clone()));
        let mut client = Self {
            address: config.address,
            session,
            stream: None,
            input: Vec::with_capacity(READ_BYTES),
            out: Vec::with_capacity(READ_BYTES),
            index: FieldIndex::new(),
        };
        client.reconnect()?;
        Ok(client)
    }

    /// Replaces the connection by a new one.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn reconnect(&mut self) -> Result<(), ClientError> {
        self.session.disconnected();
        (self.input, self.out) = (Vec::new(), Vec::new());
        self.stream = None;
        let stream = std::net::TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        self.session.connected(unix_ns(), &mut self.out)?;
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
        self.work_off(now_ns, see);
        while let Some(event) = self.session.on_timer(now_ns, &mut self.out) {
            tell(&event, see);
        }
        self.flush()?;
        if !self.is_connected_session() && self.stream.is_some() {
            self.stream = None;
        }
        Ok(arrived)
    }

    fn is_connected_session(&self) -> bool {
        self.session.state() != rutter_fix::session::State::Disconnected
    }

    fn read(&mut self, see: &mut dyn FnMut(Told<'_>)) -> bool {
        let Some(stream) = &mut self.stream else { return false };
        let before = self.input.len();
        let mut chunk = vec![0; READ_BYTES];
        loop {
            match stream.read(&mut chunk) {
                Ok(0) => {
                    self.lost("closed by the node", see);
                    break;
                }
                Ok(count) => self.input.extend_from_slice(chunk.get(..count).unwrap_or(&[])),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.lost(&error.to_string(), see);
                    break;
                }
            }
        }
        self.input.len() > before
    }

    /// Handles what arrived before the end of the connection, then reports the end.
    fn lost(&mut self, why: &str, see: &mut dyn FnMut(Told<'_>)) {
        self.work_off(unix_ns(), see);
        self.stream = None;
        if self.is_connected_session() {
            self.session.disconnected();
            see(Told::Disconnected(why.to_owned()));
        }
    }

    fn work_off(&mut self, now_ns: u64, see: &mut dyn FnMut(Told<'_>)) {
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

    fn flush(&mut self) -> Result<(), ClientError> {
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let mut written = 0;
        while let Some(rest) = self.out.get(written..).filter(|rest| !rest.is_empty()) {
            match stream.write(rest) {
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The next read reports a broken connection.
                Err(_) => break,
            }
        }
        self.out.drain(..written);
        if self.out.len() > OUTPUT_BYTES_MAX {
            return Err(ClientError::NotReading(self.out.len()));
        }
        Ok(())
    }

    /// Sends an order and writes at once.
    ///
    /// # Errors
    /// [`ClientError::Send`].
    pub fn new_order(&mut self, now_ns: u64, order: &Order<'_>) -> Result<(), ClientError> {
        let kind = msg_type::NEW_ORDER_SINGLE;
        self.session.send_unnumbered(now_ns, kind, &mut self.out, |out| {
            write_order(now_ns, order, out);
        })?;
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
        let kind = msg_type::ORDER_CANCEL_REPLACE_REQUEST;
        self.session.send_unnumbered(now_ns, kind, &mut self.out, |out| {
            out.text(tags::ORIG_CL_ORD_ID, orig_cl_ord_id);
            write_order(now_ns, order, out);
        })?;
        self.flush()
    }

    /// Asks how all open orders of the session stand and writes at once.
    ///
    /// # Errors
    /// [`ClientError::Send`].
    pub fn mass_status(&mut self, now_ns: u64, request: &str) -> Result<(), ClientError> {
        let kind = msg_type::ORDER_MASS_STATUS_REQUEST;
        self.session.send_unnumbered(now_ns, kind, &mut self.out, |out| {
            out.text(tags::MASS_STATUS_REQ_ID, request);
            out.char(tags::MASS_STATUS_REQ_TYPE, b'7');
        })?;
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
        let kind = msg_type::ORDER_CANCEL_REQUEST;
        self.session.send_unnumbered(now_ns, kind, &mut self.out, |out| {
            out.text(tags::CL_ORD_ID, cl_ord_id).text(tags::ORIG_CL_ORD_ID, orig_cl_ord_id);
            out.text(tags::SYMBOL, symbol).char(tags::SIDE, side_char(side));
            out.timestamp(tags::TRANSACT_TIME, now_ns, TimePrecision::Micros);
        })?;
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
        let kind = msg_type::ORDER_STATUS_REQUEST;
        self.session.send_unnumbered(now_ns, kind, &mut self.out, |out| {
            out.text(tags::CL_ORD_ID, cl_ord_id);
            out.text(tags::SYMBOL, symbol).char(tags::SIDE, side_char(side));
        })?;
        self.flush()
    }

    /// Sends a Logout; the node's answer ends the connection.
    ///
    /// # Errors
    /// [`ClientError::NotReading`].
    pub fn logout(&mut self, now_ns: u64) -> Result<(), ClientError> {
        self.session.logout(now_ns, "", &mut self.out);
        self.flush()
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

/// Reads a decimal such as `0.25` into 10^-8; `None` for anything else.
pub fn parse_e8(text: &str) -> Option<i64> {
    rutter_fix::codec::parse_decimal(text.as_bytes())?.at_scale(SCALE)
}

const _: () = assert!(E8 == 10i64.pow(SCALE as u32), "all tools count in units of 10^-8");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_are_read_exactly_to_the_eighteenth_digit() {
        assert_eq!(e18(b"0.000000000000000001"), Some(1));
        assert_eq!(e18(b"-2.5"), Some(-2_500_000_000_000_000_000));
        assert_eq!(e18(b"0.0000000000000000001"), None);
        assert_eq!(e18(b"x"), None);
    }

    #[test]
    fn prices_are_read_to_the_eighth_digit_and_no_further() {
        assert_eq!(parse_e8("60000.01"), Some(6_000_001_000_000));
        assert_eq!(parse_e8("0.000000001"), None);
        assert_eq!(parse_e8("1e3"), None);
    }
}
