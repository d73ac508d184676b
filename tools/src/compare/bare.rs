//! A load client that does as little as possible: prebuilt orders of which only numbers, times and
//! checksum change, and answers that are counted by frame and `OrdStatus` (39).
//!
//! A line belongs here if it moves bytes of one connection. The client is no FIX session: it
//! numbers its messages, starts with 141=Y, and fails at any message that is no answer.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use rutter_fix::codec::{SOH, TimePrecision, checksum, write_timestamp};

use crate::clock::unix_ns;
use crate::quantiles::Latencies;

/// Digits of `MsgSeqNum` (34) and of the number in `ClOrdID` (11).
const DIGITS: usize = 9;
/// Bytes of `YYYYMMDD-HH:MM:SS.mmm`.
const TIME_BYTES: usize = 21;
const TRAILER_BYTES: usize = 7;
const READ_BYTES: usize = 256 << 10;
/// Most orders rendered before the socket is read again.
const BATCH_MAX: u64 = 256;
/// A peer that sends nothing for this long has failed.
const STALL: Duration = Duration::from_secs(5);
const MS_NS: u64 = 1_000_000;

/// Why a measurement cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum BareError {
    /// The socket failed.
    #[error("socket: {0}")]
    Io(#[from] io::Error),
    /// The peer has closed the connection.
    #[error("closed by the peer")]
    Closed,
    /// Nothing came for [`STALL`].
    #[error("no answer for {} s, {answered} of {sent} answered", STALL.as_secs())]
    Stalled {
        /// Orders sent.
        sent: u64,
        /// Orders of these that have ended.
        answered: u64,
    },
    /// A message that the lane does not measure.
    #[error("unexpected: {0}")]
    Unexpected(String),
}

/// How the client waits for the answer to a single order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Waiting {
    /// Polls the socket without pause, so that no wake-up of the client is in the round trip.
    Spin,
    /// Sleeps in the read call.
    Sleep,
}

/// The report that ends an order of a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `OrdStatus` (39) Rejected: 8.
    Refused,
    /// `OrdStatus` (39) Filled: 2.
    Filled,
}

impl Answer {
    const fn status(self) -> u8 {
        match self {
            Self::Refused => b'8',
            Self::Filled => b'2',
        }
    }
}

/// The peer of a client, and the order to send.
#[derive(Clone, Debug)]
pub struct BareConfig {
    /// Address of the peer.
    pub address: SocketAddr,
    /// `SenderCompID` (49).
    pub sender: String,
    /// `Password` (554).
    pub password: String,
    /// Fields after `TransactTime` (60), each ended by `|`.
    pub order: &'static str,
    /// The report that ends an order.
    pub answer: Answer,
}

/// `CompID` of every peer.
const TARGET: &str = "RUTTER";

/// A rendered order in which numbers and times are overwritten in place.
#[derive(Debug)]
struct Template {
    bytes: Vec<u8>,
    sequence: usize,
    number: usize,
    times: [usize; 2],
    /// Position of `Side` (54), if every second order sells.
    side: Option<usize>,
    /// The millisecond since the epoch that is written at `times`.
    ms: u64,
}

/// A whole message around a body in which `|` stands for SOH.
fn framed(body: &str) -> Vec<u8> {
    let body = body.replace('|', "\x01");
    let mut bytes = format!("8=FIX.4.4\x019={}\x01{body}", body.len()).into_bytes();
    bytes.extend_from_slice(format!("10={:03}\x01", checksum(&bytes)).as_bytes());
    bytes
}

fn time_text(now_ns: u64) -> String {
    let mut text = Vec::with_capacity(TIME_BYTES);
    write_timestamp(&mut text, now_ns, TimePrecision::Millis);
    String::from_utf8_lossy(&text).into_owned()
}

fn write_digits(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

impl Template {
    fn new(config: &BareConfig) -> Self {
        let zeros = "0".repeat(DIGITS);
        let time = time_text(0);
        let bytes = framed(&format!(
            "35=D|34={zeros}|49={}|52={time}|56={TARGET}|11=b{zeros}|60={time}|{}",
            config.sender, config.order
        ));
        let place = |tag: &[u8]| {
            let at = bytes.windows(tag.len()).position(|found| found == tag);
            at.map_or(0, |at| at + tag.len())
        };
        let (sequence, number) = (place(b"\x0134="), place(b"\x0111=b"));
        let times = [place(b"\x0152="), place(b"\x0160=")];
        let side = (config.answer == Answer::Filled).then(|| place(b"\x0154="));
        Self { sequence, number, times, side, bytes, ms: 0 }
    }

    fn render(&mut self, now_ns: u64, sequence: u64, number: u64, out: &mut Vec<u8>) {
        if now_ns / MS_NS != self.ms {
            self.ms = now_ns / MS_NS;
            let text = time_text(now_ns);
            for at in self.times {
                self.bytes[at..at + TIME_BYTES].copy_from_slice(text.as_bytes());
            }
        }
        write_digits(&mut self.bytes[self.sequence..self.sequence + DIGITS], sequence);
        write_digits(&mut self.bytes[self.number..self.number + DIGITS], number);
        if let Some(at) = self.side {
            self.bytes[at] = b'1' + (number % 2) as u8;
        }
        let summed = self.bytes.len() - TRAILER_BYTES;
        let sum = checksum(&self.bytes[..summed]);
        write_digits(&mut self.bytes[summed + 3..summed + 6], u64::from(sum));
        out.extend_from_slice(&self.bytes);
    }
}

/// Length of the first message in `bytes`, and the position of its body. `None` while the message
/// is incomplete.
pub fn frame(bytes: &[u8]) -> Option<(usize, usize)> {
    let begin = bytes.iter().position(|byte| *byte == SOH)? + 1;
    let digits = bytes.get(begin + 2..)?;
    let mut length = 0;
    for (place, byte) in digits.iter().take(DIGITS).enumerate() {
        if *byte == SOH {
            let body = begin + 2 + place + 1;
            let total = body + length + TRAILER_BYTES;
            return (bytes.len() >= total).then_some((total, body));
        }
        length = length * 10 + usize::from(byte.wrapping_sub(b'0'));
    }
    None
}

/// The value of `OrdStatus` (39); 0 if there is none.
fn status(body: &[u8]) -> u8 {
    let found = body.windows(4).position(|four| four == b"\x0139=");
    found.and_then(|at| body.get(at + 4)).copied().unwrap_or(0)
}

/// The result of a stretch of pipelined orders.
#[derive(Clone, Copy, Debug)]
pub struct Flow {
    /// Orders, all of them answered.
    pub orders: u64,
    /// Time from the first byte sent to the last answer received.
    pub took: Duration,
}

impl Flow {
    /// Orders a second.
    pub fn rate(&self) -> f64 {
        self.orders as f64 / self.took.as_secs_f64().max(1e-9)
    }
}

/// One connection that is logged on.
#[derive(Debug)]
pub struct Bare {
    stream: TcpStream,
    template: Template,
    answer: Answer,
    sequence: u64,
    sent: u64,
    answered: u64,
    input: Vec<u8>,
    /// Bytes of `input` that were read, and how many of them were counted.
    filled: usize,
    taken: usize,
    out: Vec<u8>,
    written: usize,
}

impl Bare {
    /// Connects and logs on with both sequence numbers at 1.
    ///
    /// # Errors
    /// [`BareError`].
    pub fn log_on(config: &BareConfig) -> Result<Self, BareError> {
        let mut stream = TcpStream::connect(config.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(STALL))?;
        let logon = framed(&format!(
            "35=A|34=1|49={0}|52={1}|56={TARGET}|98=0|108=30|141=Y|553={0}|554={2}|",
            config.sender,
            time_text(unix_ns()),
            config.password
        ));
        stream.write_all(&logon)?;
        let mut bare = Self {
            stream,
            template: Template::new(config),
            answer: config.answer,
            sequence: 1,
            sent: 0,
            answered: 0,
            input: vec![0; READ_BYTES],
            filled: 0,
            taken: 0,
            out: Vec::with_capacity(READ_BYTES),
            written: 0,
        };
        loop {
            bare.read()?;
            if let Some((total, body)) = frame(&bare.input[..bare.filled]) {
                if bare.input.get(body..body + 4) != Some(b"35=A") {
                    return Err(bare.unexpected(0, total));
                }
                bare.taken = total;
                return Ok(bare);
            }
        }
    }

    /// Orders that have not ended.
    pub fn open(&self) -> u64 {
        self.sent - self.answered
    }

    fn unexpected(&self, from: usize, to: usize) -> BareError {
        let text = String::from_utf8_lossy(&self.input[from..to]).replace('\x01', "|");
        BareError::Unexpected(text)
    }

    /// Reads once; false when nothing has arrived.
    fn read(&mut self) -> Result<bool, BareError> {
        if self.taken == self.filled {
            (self.taken, self.filled) = (0, 0);
        } else if self.filled == self.input.len() {
            self.input.copy_within(self.taken..self.filled, 0);
            (self.taken, self.filled) = (0, self.filled - self.taken);
        }
        match self.stream.read(&mut self.input[self.filled..]) {
            Ok(0) => Err(BareError::Closed),
            Ok(count) => {
                self.filled += count;
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    /// Counts the answers among the bytes read.
    fn count(&mut self) -> Result<(), BareError> {
        while let Some((total, body)) = frame(&self.input[self.taken..self.filled]) {
            let (from, to) = (self.taken, self.taken + total);
            match self.input.get(from + body + 3) {
                Some(b'8') => match status(&self.input[from + body..to]) {
                    b'0' | b'1' | b'A' => {}
                    status if status == self.answer.status() => self.answered += 1,
                    _ => return Err(self.unexpected(from, to)),
                },
                Some(b'0' | b'1') => {}
                _ => return Err(self.unexpected(from, to)),
            }
            self.taken = to;
        }
        Ok(())
    }

    /// Reads once and counts the answers; true if anything arrived. Waits unless the socket is set
    /// not to block.
    ///
    /// # Errors
    /// [`BareError`].
    pub fn receive(&mut self) -> Result<bool, BareError> {
        let came = self.read()?;
        self.count()?;
        Ok(came)
    }

    /// Renders the next order with `number` in its `ClOrdID` (11), and increments `number`.
    pub fn order(&mut self, now_ns: u64, number: &mut u64) {
        self.sequence += 1;
        self.sent += 1;
        self.template.render(now_ns, self.sequence, *number, &mut self.out);
        *number += 1;
    }

    /// Writes the rendered orders; true if the socket took any bytes.
    ///
    /// # Errors
    /// [`BareError::Io`].
    pub fn flush(&mut self) -> Result<bool, BareError> {
        if self.written == self.out.len() {
            return Ok(false);
        }
        match self.stream.write(&self.out[self.written..]) {
            Ok(count) => self.written += count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
        if self.written == self.out.len() {
            self.out.clear();
            self.written = 0;
        }
        Ok(true)
    }

    /// Keeps `window` orders unanswered for `length`, then waits for the last answer.
    ///
    /// # Errors
    /// [`BareError`].
    pub fn pipelined(
        &mut self,
        window: u64,
        length: Duration,
        number: &mut u64,
    ) -> Result<Flow, BareError> {
        self.stream.set_nonblocking(true)?;
        let mut poll = Poll::new()?;
        let interest = Interest::READABLE | Interest::WRITABLE;
        let fd = self.stream.as_raw_fd();
        poll.registry().register(&mut SourceFd(&fd), Token(0), interest)?;
        let mut events = Events::with_capacity(4);
        let (start, before) = (Instant::now(), self.sent);
        let mut sending = true;
        while sending || self.open() > 0 {
            if sending {
                let now_ns = unix_ns();
                for _ in 0..BATCH_MAX.min(window.saturating_sub(self.open())) {
                    self.order(now_ns, number);
                }
                sending = start.elapsed() < length;
            }
            let wrote = self.flush()?;
            if !self.receive()? && !wrote {
                poll.poll(&mut events, Some(STALL))?;
                if events.is_empty() {
                    return Err(self.stalled());
                }
            }
        }
        let took = start.elapsed();
        self.stream.set_nonblocking(false)?;
        Ok(Flow { orders: self.sent - before, took })
    }

    const fn stalled(&self) -> BareError {
        BareError::Stalled { sent: self.sent, answered: self.answered }
    }

    /// Sends one order at a time for `length`.
    ///
    /// # Errors
    /// [`BareError`].
    pub fn round_trips(
        &mut self,
        waiting: Waiting,
        length: Duration,
        number: &mut u64,
    ) -> Result<Latencies, BareError> {
        self.set_waiting(waiting)?;
        let mut latencies = Latencies::default();
        let start = Instant::now();
        while start.elapsed() < length {
            let sent = Instant::now();
            self.round_trip(number)?;
            latencies.record(sent.elapsed().as_nanos() as u64);
        }
        self.set_waiting(Waiting::Sleep)?;
        Ok(latencies)
    }

    /// Sets how later reads wait.
    ///
    /// # Errors
    /// The system's.
    pub fn set_waiting(&self, waiting: Waiting) -> Result<(), BareError> {
        Ok(self.stream.set_nonblocking(waiting == Waiting::Spin)?)
    }

    /// Sends one order and waits for its end.
    ///
    /// # Errors
    /// [`BareError`].
    pub fn round_trip(&mut self, number: &mut u64) -> Result<(), BareError> {
        self.order(unix_ns(), number);
        while self.written < self.out.len() {
            self.flush()?;
        }
        let start = Instant::now();
        while self.open() > 0 {
            if !self.receive()? && start.elapsed() > STALL {
                return Err(self.stalled());
            }
        }
        Ok(())
    }

    /// Sends a Logout and waits until the peer has answered it or closed.
    ///
    /// # Errors
    /// [`BareError`].
    pub fn log_out(mut self) -> Result<(), BareError> {
        let sequence = self.sequence + 1;
        let logout = framed(&format!(
            "35=5|34={sequence}|49={}|52={}|56={TARGET}|",
            self.sender(),
            time_text(unix_ns())
        ));
        self.stream.write_all(&logout)?;
        loop {
            match self.read() {
                Ok(true) => {}
                Ok(false) => return Err(self.stalled()),
                Err(BareError::Closed) => return Ok(()),
                Err(error) => return Err(error),
            }
            while let Some((total, body)) = frame(&self.input[self.taken..self.filled]) {
                let kind = self.input.get(self.taken + body + 3).copied();
                self.taken += total;
                if kind == Some(b'5') {
                    return Ok(());
                }
            }
        }
    }

    fn sender(&self) -> String {
        let bytes = &self.template.bytes;
        let from = bytes.windows(4).position(|four| four == b"\x0149=").map_or(0, |at| at + 4);
        let value = bytes[from..].split(|byte| *byte == SOH).next().unwrap_or(&[]);
        String::from_utf8_lossy(value).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use rutter_fix::app::NewOrderSingle;
    use rutter_fix::codec::{FieldIndex, Message, Status, decode};

    use super::*;

    fn config() -> BareConfig {
        BareConfig {
            address: SocketAddr::from(([127, 0, 0, 1], 1)),
            sender: "DESK1".to_owned(),
            password: "password-1".to_owned(),
            order: "55=BTC/USDT|54=1|38=0.001|40=1|59=3|",
            answer: Answer::Filled,
        }
    }

    #[test]
    fn a_patched_order_is_a_good_message_with_its_own_numbers() {
        let mut template = Template::new(&config());
        let mut bytes = Vec::new();
        template.render(1_719_487_046_100_000_000, 7, 41, &mut bytes);
        bytes.clear();
        template.render(1_719_487_046_101_000_000, 8, 42, &mut bytes);
        let mut index = FieldIndex::new();
        let consumed = bytes.len();
        assert_eq!(decode(&bytes, &mut index), Ok(Status::Complete { consumed }));
        let message = Message::new(&bytes, &index);
        let order = NewOrderSingle::read(&message).expect("an order");
        assert_eq!(message.uint(34), Ok(Some(8)));
        assert_eq!(order.cl_ord_id, b"b000000042");
        assert_eq!(message.get(52), Some(&b"20240627-11:17:26.101"[..]));
        assert_eq!(message.get(60), message.get(52));
        // Even numbers buy and odd numbers sell, so that balances stay.
        assert_eq!(message.get(54), Some(&b"1"[..]));
        bytes.clear();
        template.render(1_719_487_046_101_000_000, 9, 43, &mut bytes);
        assert!(decode(&bytes, &mut index).is_ok());
        assert_eq!(Message::new(&bytes, &index).get(54), Some(&b"2"[..]));
    }

    #[test]
    fn frames_are_cut_where_their_length_says_and_not_before_all_is_there() {
        let report = framed("35=8|37=1|17=1|150=8|39=8|");
        assert_eq!(frame(&report), Some((report.len(), 15)));
        assert_eq!(status(&report[15..]), b'8');
        for cut in 0..report.len() {
            assert_eq!(frame(&report[..cut]), None, "cut at {cut}");
        }
    }
}
