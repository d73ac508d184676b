//! The console's Unix socket: who may connect, how much a peer may send, when a connection ends.
//!
//! A line belongs here if it is about connections and lines. What a request means is the service's
//! business.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{DirBuilder, Permissions, symlink_metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::Mode;
use rustix::net::sockopt::socket_peercred;
use rustix::process::{geteuid, umask};
use rutter_core::rate::TokenBucket;
use serde_json::Value;

use super::frame::{Code, Failure, RawRequest, answer, parse};
use super::people::{Peer, Role, RoleTable};
use crate::acceptor::{Acceptor, ConnectionHandler};

/// Most connections at once.
pub const CONNECTIONS_MAX: usize = 32;

/// Most connections of one user. One more closes the one that has been idle for longest.
pub const CONNECTIONS_OF_ONE_MAX: usize = 16;

/// Most connections of viewers, so that operators always find a place.
pub const CONNECTIONS_OF_VIEWERS_MAX: usize = 20;

/// Longest line that is read, bytes.
pub const LINE_BYTES_MAX: usize = 65_536;

/// Requests a second that one connection may send; twice as many at once.
pub const REQUESTS_PER_S: u32 = 100;

/// Requests refused for their rate, after which the connection is closed.
pub const REFUSED_MAX: u32 = 1_000;

/// How long an answer may wait to be read.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may send no request.
pub const IDLE_MAX: Duration = Duration::from_hours(1);

/// Why the socket cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// The operating system refused.
    #[error("console {path}: {source}")]
    Io {
        /// The path of the socket.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The folder is a link, no folder, somebody else's, or others may write to it.
    #[error("console: {path} must be a folder of ours that nobody else may write to: {found}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What was found there.
        found: &'static str,
    },
    /// Something is in its place that is no socket of ours.
    #[error("console: {path} is {found}; it is left alone")]
    InTheWay {
        /// The path of the socket.
        path: PathBuf,
        /// What was found there.
        found: &'static str,
    },
    /// Another process answers there.
    #[error("console: another process answers at {path}")]
    InUse {
        /// The path of the socket.
        path: PathBuf,
    },
}

/// What answers the requests.
pub trait Service: Send + Sync + 'static {
    /// The first line that a peer gets.
    fn hello(&self, peer: &Peer, role: Role) -> Value;

    /// The answer to a request.
    ///
    /// # Errors
    /// A [`Failure`].
    fn answer(&self, peer: &Peer, role: Role, request: &RawRequest) -> Result<Value, Failure>;
}

/// The listening socket; removed when dropped.
#[derive(Debug)]
pub struct Console {
    path: PathBuf,
    connections: Arc<Connections>,
    acceptor: Option<Acceptor>,
}

impl Console {
    /// Makes the socket and starts to listen.
    ///
    /// # Errors
    /// [`SocketError`]. A file at the path that is not our own socket is never removed.
    pub fn listen(
        path: &Path,
        people: RoleTable,
        service: Arc<dyn Service>,
    ) -> Result<Self, SocketError> {
        let fail = |source| SocketError::Io { path: path.to_owned(), source };
        let others = people.has_others_than(geteuid().as_raw());
        // Until its mode is set, only this user may connect to the socket.
        let before = umask(Mode::from_raw_mode(0o077));
        let bound = bind(path);
        umask(before);
        let listener = bound?;
        let mode = if others { 0o666 } else { 0o600 };
        std::fs::set_permissions(path, Permissions::from_mode(mode)).map_err(fail)?;
        if let Some(folder) = path.parent().filter(|_| others) {
            std::fs::set_permissions(folder, Permissions::from_mode(0o711)).map_err(fail)?;
        }
        listener.set_nonblocking(true).map_err(fail)?;
        let connections = Arc::new(Connections { people, service, open: Mutex::default() });
        let next = move || listener.accept().map(|(stream, _)| stream);
        let acceptor = Acceptor::start("console", next, Arc::clone(&connections)).map_err(fail)?;
        Ok(Self { path: path.to_owned(), connections, acceptor: Some(acceptor) })
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.acceptor = None;
        for connection in self.connections.lock().connections.values() {
            // Gone already, if this fails.
            let _ = connection.stream.shutdown(std::net::Shutdown::Both);
        }
        let _ = std::fs::remove_file(&self.path);
    }
}

fn bind(path: &Path) -> Result<UnixListener, SocketError> {
    let fail = |source| SocketError::Io { path: path.to_owned(), source };
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    if let Some(folder) = folder {
        match DirBuilder::new().recursive(true).mode(0o700).create(folder) {
            Ok(()) => {}
            Err(source) => return Err(SocketError::Io { path: folder.to_owned(), source }),
        }
        check_folder(folder)?;
    }
    if let Ok(there) = symlink_metadata(path) {
        let kind = there.file_type();
        let in_the_way = |found| Err(SocketError::InTheWay { path: path.to_owned(), found });
        if kind.is_symlink() {
            return in_the_way("a symbolic link");
        }
        if !kind.is_socket() {
            return in_the_way("not a socket");
        }
        if there.uid() != geteuid().as_raw() {
            return in_the_way("somebody else's socket");
        }
        if UnixStream::connect(path).is_ok() {
            return Err(SocketError::InUse { path: path.to_owned() });
        }
        std::fs::remove_file(path).map_err(fail)?;
    }
    UnixListener::bind(path).map_err(fail)
}

fn check_folder(path: &Path) -> Result<(), SocketError> {
    let wrong = |found| Err(SocketError::Folder { path: path.to_owned(), found });
    let there = symlink_metadata(path)
        .map_err(|source| SocketError::Io { path: path.to_owned(), source })?;
    if there.file_type().is_symlink() {
        return wrong("a symbolic link");
    }
    if !there.is_dir() {
        return wrong("not a folder");
    }
    if there.uid() != geteuid().as_raw() {
        return wrong("somebody else's");
    }
    if there.mode() & 0o022 != 0 {
        return wrong("others may write to it");
    }
    // The folder is ours and holds no secret: others are kept out, whatever its mode was.
    std::fs::set_permissions(path, Permissions::from_mode(0o700))
        .map_err(|source| SocketError::Io { path: path.to_owned(), source })
}

struct Connections {
    people: RoleTable,
    service: Arc<dyn Service>,
    open: Mutex<Open>,
}

/// One connection.
struct Connection {
    uid: u32,
    stream: UnixStream,
    /// When its last request came.
    active: Instant,
}

/// The open connections, by number.
#[derive(Default)]
struct Open {
    last: u64,
    connections: BTreeMap<u64, Connection>,
    viewers: BTreeSet<u64>,
}

impl Open {
    /// The number of a new connection. If its user has too many, the one of his that has been idle
    /// for longest is cut off: forgotten ones must not keep him from the kill switch.
    fn enter(&mut self, uid: u32, stream: UnixStream) -> u64 {
        let of_one = self.connections.iter().filter(|(_, connection)| connection.uid == uid);
        if of_one.clone().count() >= CONNECTIONS_OF_ONE_MAX
            && let Some((number, idle)) = of_one.min_by_key(|(_, connection)| connection.active)
        {
            tracing::warn!(uid, "console: too many connections of one user; an idle one is closed");
            // Gone already, if this fails.
            let _ = idle.stream.shutdown(std::net::Shutdown::Both);
            let number = *number;
            self.leave(number);
        }
        self.last += 1;
        self.connections.insert(self.last, Connection { uid, stream, active: Instant::now() });
        self.last
    }

    fn touch(&mut self, number: u64) {
        if let Some(connection) = self.connections.get_mut(&number) {
            connection.active = Instant::now();
        }
    }

    /// Counts a viewer's connection; false if viewers have too many.
    fn enter_viewer(&mut self, number: u64) -> bool {
        self.viewers.len() < CONNECTIONS_OF_VIEWERS_MAX && self.viewers.insert(number)
    }

    fn leave(&mut self, number: u64) {
        self.connections.remove(&number);
        self.viewers.remove(&number);
    }
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connections").field("people", &self.people).finish_non_exhaustive()
    }
}

impl ConnectionHandler<UnixStream> for Connections {
    const THREAD_NAME: &'static str = "console-guest";
    const CONNECTIONS_MAX: usize = CONNECTIONS_MAX;

    fn serve(&self, stream: UnixStream) {
        // A peer may leave at any time.
        let _ = self.talk(stream);
    }

    fn refuse(&self, stream: UnixStream) {
        let message = format!("more than {CONNECTIONS_MAX} connections");
        tell_and_leave(stream, Failure::new(Code::TooManyConnections, message));
    }
}

/// Sends an error and closes. Does not wait: what the system's buffer does not take is lost.
fn tell_and_leave(mut stream: UnixStream, failure: Failure) {
    tracing::warn!(code = failure.code.word(), message = failure.message, "console refuses");
    if stream.set_nonblocking(true).is_ok() {
        let _ = stream.write(answer(None, Err(failure)).as_bytes());
    }
}

impl Connections {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn talk(&self, stream: UnixStream) -> io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(IDLE_MAX))?;
        stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
        let known = socket_peercred(&stream)?;
        let (uid, gid) = (known.uid.as_raw(), known.gid.as_raw());
        let number = self.lock().enter(uid, stream.try_clone()?);
        let result = self.receive(stream, number, &Peer::of(uid, gid));
        self.lock().leave(number);
        result
    }

    fn receive(&self, stream: UnixStream, number: u64, peer: &Peer) -> io::Result<()> {
        let Some(role) = self.people.role(peer) else {
            let message = format!("user {} has no role here", peer.name);
            tell_and_leave(stream, Failure::new(Code::Forbidden, message));
            return Ok(());
        };
        if role == Role::Viewer && !self.lock().enter_viewer(number) {
            let message = format!("more than {CONNECTIONS_OF_VIEWERS_MAX} connections of viewers");
            tell_and_leave(stream, Failure::new(Code::TooManyConnections, message));
            return Ok(());
        }
        tracing::debug!(user = peer.name, uid = peer.uid, role = role.word(), "console opened");
        let result = self.converse(&stream, number, peer, role);
        tracing::debug!(user = peer.name, "console closed");
        result
    }

    fn converse(
        &self,
        mut stream: &UnixStream,
        number: u64,
        peer: &Peer,
        role: Role,
    ) -> io::Result<()> {
        let hello = format!("{}\n", self.service.hello(peer, role));
        stream.write_all(hello.as_bytes())?;
        let mut lines = LineSplitter::default();
        let mut rate = RequestRate::new(Instant::now());
        loop {
            let line = match lines.next(stream)? {
                Line::Whole(line) => line,
                Line::TooLong => {
                    let message = format!("a line has at most {LINE_BYTES_MAX} bytes");
                    tracing::warn!(user = peer.name, "console: line too long");
                    let failure = Failure::new(Code::LineTooLong, message);
                    return stream.write_all(answer(None, Err(failure)).as_bytes());
                }
                Line::End => return Ok(()),
            };
            self.lock().touch(number);
            let text = match rate.take(Instant::now()) {
                Ok(()) => match parse(&line) {
                    Ok(request) => {
                        let result = self.service.answer(peer, role, &request);
                        answer(Some(request.id), result)
                    }
                    Err((id, failure)) => {
                        let code = failure.code.word();
                        tracing::warn!(user = peer.name, code, "console refuses");
                        answer(id, Err(failure))
                    }
                },
                Err(refused) if refused > REFUSED_MAX => return Ok(()),
                Err(_) => {
                    let message = format!("more than {REQUESTS_PER_S} requests a second");
                    let id = parse(&line).ok().map(|request| request.id);
                    answer(id, Err(Failure::new(Code::TooManyRequests, message)))
                }
            };
            stream.write_all(text.as_bytes())?;
        }
    }
}

enum Line {
    Whole(Vec<u8>),
    TooLong,
    End,
}

/// Splits what arrives into lines, and holds at most one line of the greatest length.
#[derive(Default)]
struct LineSplitter {
    bytes: Vec<u8>,
}

impl LineSplitter {
    fn next(&mut self, mut stream: &UnixStream) -> io::Result<Line> {
        let mut looked = 0;
        loop {
            let end = self.bytes[looked..].iter().position(|byte| *byte == b'\n');
            if end.is_some_and(|end| looked + end > LINE_BYTES_MAX) {
                return Ok(Line::TooLong);
            }
            if let Some(end) = end {
                let rest = self.bytes.split_off(looked + end + 1);
                let mut line = std::mem::replace(&mut self.bytes, rest);
                line.pop();
                return Ok(Line::Whole(line));
            }
            looked = self.bytes.len();
            if looked > LINE_BYTES_MAX {
                return Ok(Line::TooLong);
            }
            let mut room = [0; 4_096];
            match stream.read(&mut room)? {
                0 => return Ok(Line::End),
                count => self.bytes.extend_from_slice(&room[..count]),
            }
        }
    }
}

/// How many requests a connection may still send.
struct RequestRate {
    started: Instant,
    allowed: TokenBucket,
    refused: u32,
}

impl RequestRate {
    const fn new(now: Instant) -> Self {
        let (burst, period_ns) = (2 * REQUESTS_PER_S as u64, 1_000_000_000 / REQUESTS_PER_S as u64);
        Self { started: now, allowed: TokenBucket::new(burst, period_ns), refused: 0 }
    }

    /// One more request. The error is the number of requests refused so far.
    fn take(&mut self, now: Instant) -> Result<(), u32> {
        let since = now.saturating_duration_since(self.started).as_nanos();
        if self.allowed.take(u64::try_from(since).unwrap_or(u64::MAX)) {
            return Ok(());
        }
        self.refused += 1;
        Err(self.refused)
    }
}

#[cfg(test)]
#[path = "socket_tests.rs"]
mod tests;
