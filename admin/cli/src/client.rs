//! One connection to a node: a greeting, then a line asked and a line answered.
//!
//! A line belongs here if it knows how the lines are framed. Everything has a deadline and a bound:
//! a node that hangs, closes or sends nonsense ends as an error that says whether a change may have
//! been carried out.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Longest line that is taken from a node.
pub const LINE_BYTES_MAX: usize = 8 << 20;

/// The version of the contract that is spoken here.
pub const VERSION: u64 = 1;

/// Bytes asked of the socket at once.
const READ_BYTES: usize = 64 << 10;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Nothing was sent: nobody listens there, or it may not be used.
    #[error("cannot reach a node at {path}: {reason}")]
    Unreachable {
        /// The system's error.
        kind: ErrorKind,
        /// Path of the socket.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// The node sent an error instead of its greeting.
    #[error("the node turned this connection away: {message} ({code})")]
    TurnedAway {
        /// From the contract's table.
        code: String,
        /// Message of the node.
        message: String,
    },
    /// The line could not be written whole: the node cannot have done it.
    #[error("the connection ended before the request was sent: {0}")]
    NotSent(std::io::Error),
    /// The request was sent, and no sound answer came.
    #[error("{0}")]
    Lost(Lost),
}

impl ClientError {
    /// No node listens at the socket.
    pub fn is_nobody(&self) -> bool {
        use ErrorKind::{ConnectionRefused, NotFound};
        matches!(self, Self::Unreachable { kind: NotFound | ConnectionRefused, .. })
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Lost {
    /// No answer in time.
    #[error("no answer in {} s", .0.as_secs_f32())]
    Timeout(Duration),
    /// The node closed the connection.
    #[error("the node closed the connection before it answered")]
    Closed,
    /// An error of the socket.
    #[error("the connection was lost before the answer: {0}")]
    Io(std::io::Error),
    /// A line that does not end.
    #[error("the node sent a line of more than {LINE_BYTES_MAX} bytes")]
    Endless,
    /// A line that is no answer.
    #[error("the node sent what is no answer: {0}")]
    Nonsense(&'static str),
    /// The answer to something else.
    #[error("the node answered another request than was asked")]
    OtherId,
}

/// The node's first line.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Greeting {
    /// The node's name.
    #[serde(default)]
    pub node: String,
    /// Who it thinks we are.
    #[serde(default)]
    pub user: String,
    /// The user's role.
    #[serde(default)]
    pub role: String,
}

/// An error answer of the node.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct NodeError {
    /// From the contract's table.
    pub code: String,
    /// Message of the node.
    #[serde(default)]
    pub message: String,
    /// Number of the command that waits for a second person.
    pub pending: Option<u64>,
    /// The core's reason.
    pub refusal: Option<String>,
    /// Where the journal has the refused input.
    pub seq: Option<u64>,
}

/// An answer, as the node wrote it.
#[derive(Debug)]
pub enum Answer {
    /// The `ok` object.
    Ok(Box<RawValue>),
    /// The `error` object.
    Error(NodeError, Box<RawValue>),
}

#[derive(Deserialize)]
struct Line<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    ok: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct First {
    rutter: Option<String>,
    version: Option<u64>,
    error: Option<NodeError>,
}

/// A connection that was greeted.
#[derive(Debug)]
pub struct Client {
    stream: UnixStream,
    /// Came and was not taken yet.
    buffer: Vec<u8>,
    next_id: u64,
    greeting: Greeting,
}

impl Client {
    /// Connects, and takes the greeting, all within `timeout`.
    ///
    /// # Errors
    /// Nobody is there, it may not be used, it is no console or of another version.
    pub fn connect(path: &Path, timeout: Duration) -> Result<Self, ClientError> {
        let deadline = Instant::now() + timeout;
        let stream = open(path, timeout).map_err(|error| {
            unreachable(path, error.kind(), reason(error.kind(), &error.to_string()))
        })?;
        let greeting = Greeting { node: String::new(), user: String::new(), role: String::new() };
        let mut client = Self { stream, buffer: Vec::new(), next_id: 1, greeting };
        let line = client
            .line(deadline, timeout)
            .map_err(|lost| unreachable(path, ErrorKind::Other, format!("no greeting: {lost}")))?;
        client.greeting = greeted(&line).map_err(|error| match error {
            Turned::Away(error) => {
                ClientError::TurnedAway { code: error.code, message: error.message }
            }
            Turned::Stranger(what) => unreachable(path, ErrorKind::Other, what),
        })?;
        Ok(client)
    }

    /// The node's greeting.
    pub fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    /// Sends a request and reads the answer. After an error the connection cannot be used again.
    ///
    /// # Errors
    /// [`ClientError::NotSent`] or [`ClientError::Lost`].
    pub fn ask(
        &mut self,
        verb: &str,
        args: &Map<String, Value>,
        timeout: Duration,
    ) -> Result<Answer, ClientError> {
        let deadline = Instant::now() + timeout;
        let id = self.next_id;
        self.next_id += 1;
        let mut line = serde_json::json!({"id": id, "verb": verb, "args": args}).to_string();
        line.push('\n');
        self.stream.set_write_timeout(Some(timeout)).map_err(ClientError::NotSent)?;
        self.stream.write_all(line.as_bytes()).map_err(ClientError::NotSent)?;
        let line = self.line(deadline, timeout).map_err(ClientError::Lost)?;
        answer(&line, id).map_err(ClientError::Lost)
    }

    /// The next line, without its end.
    fn line(&mut self, deadline: Instant, timeout: Duration) -> Result<Vec<u8>, Lost> {
        let mut looked_at = 0;
        let mut chunk = vec![0; READ_BYTES];
        loop {
            let new = self.buffer.get(looked_at..).unwrap_or_default();
            if let Some(at) = new.iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(looked_at + at + 1);
                let mut line = std::mem::replace(&mut self.buffer, rest);
                line.pop();
                return Ok(line);
            }
            looked_at = self.buffer.len();
            if looked_at > LINE_BYTES_MAX {
                return Err(Lost::Endless);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Lost::Timeout(timeout));
            }
            self.stream.set_read_timeout(Some(left)).map_err(Lost::Io)?;
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(Lost::Closed),
                Ok(n) => self.buffer.extend_from_slice(chunk.get(..n).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The deadline is looked at above.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == ErrorKind::TimedOut => {}
                Err(error) if error.kind() == ErrorKind::ConnectionReset => {
                    return Err(Lost::Closed);
                }
                Err(error) => return Err(Lost::Io(error)),
            }
        }
    }
}

/// A connect waits where the listener's queue is full; its send timeout bounds that.
fn open(path: &Path, timeout: Duration) -> std::io::Result<UnixStream> {
    let flags = SocketFlags::CLOEXEC;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(timeout))?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(UnixStream::from(socket))
}

fn unreachable(path: &Path, kind: ErrorKind, reason: String) -> ClientError {
    ClientError::Unreachable { kind, path: path.to_owned(), reason }
}

/// The fault, and what to do about it.
fn reason(kind: ErrorKind, said: &str) -> String {
    match kind {
        ErrorKind::NotFound => {
            "there is no such socket: is the node running, and the path right?".to_owned()
        }
        ErrorKind::ConnectionRefused => "nobody listens: the node is not running".to_owned(),
        ErrorKind::PermissionDenied => {
            "no permission: your user is not in the node's [console] lists".to_owned()
        }
        ErrorKind::WouldBlock => "the node does not take connections".to_owned(),
        _ => said.to_owned(),
    }
}

enum Turned {
    Away(NodeError),
    Stranger(String),
}

fn greeted(line: &[u8]) -> Result<Greeting, Turned> {
    let stranger = |what: &str| Turned::Stranger(what.to_owned());
    let first: First =
        serde_json::from_slice(line).map_err(|_| stranger("what listens there is no console"))?;
    if let Some(error) = first.error {
        return Err(Turned::Away(error));
    }
    if first.rutter.as_deref() != Some("console") {
        return Err(stranger("what listens there is no console"));
    }
    if first.version != Some(VERSION) {
        let theirs = first.version.map_or_else(|| "none".to_owned(), |version| version.to_string());
        let what = format!("it speaks version {theirs} of the console, this program {VERSION}");
        return Err(Turned::Stranger(what));
    }
    serde_json::from_slice(line).map_err(|_| stranger("its greeting makes no sense"))
}

fn answer(line: &[u8], id: u64) -> Result<Answer, Lost> {
    let parsed: Line<'_> =
        serde_json::from_slice(line).map_err(|_| Lost::Nonsense("not an answer's JSON"))?;
    match (parsed.ok, parsed.error) {
        // A node that cannot read the id still reports the fault of the line.
        (None, Some(raw)) if parsed.id.is_none_or(|theirs| theirs == id) => {
            let error = serde_json::from_str(raw.get())
                .map_err(|_| Lost::Nonsense("an error without a code"))?;
            Ok(Answer::Error(error, raw.to_owned()))
        }
        (Some(raw), None) if parsed.id == Some(id) => {
            if !raw.get().starts_with('{') {
                return Err(Lost::Nonsense("`ok` is no object"));
            }
            Ok(Answer::Ok(raw.to_owned()))
        }
        (Some(_), None) | (None, Some(_)) => Err(Lost::OtherId),
        (None, None) | (Some(_), Some(_)) => Err(Lost::Nonsense("neither ok nor error alone")),
    }
}
