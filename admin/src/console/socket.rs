//! The console's Unix socket: the file, the lines, and when a connection ends.
//!
//! A line belongs here if it is about the socket and its lines. Who is let in is `admission`; what
//! a request means is the service's business.

use std::fs::{Permissions, symlink_metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustix::fs::Mode;
use rustix::net::sockopt::socket_peercred;
use rustix::process::{geteuid, umask};
use rutter_core::rate::TokenBucket;
use rutter_files::{make_folder, make_passage};
use serde_json::Value;

use super::admission::{Open, Visitors};
use super::directory::{Arrival, Directory, LookUp};
use super::frame::{Code, Failure, RawRequest, answer, parse};
use super::people::{Peer, Role, RoleTable};
use crate::acceptor::{Acceptor, ConnectionHandler, serve_guest};

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
        Self::listen_with(path, people, service, Peer::of)
    }

    fn listen_with(
        path: &Path,
        people: RoleTable,
        service: Arc<dyn Service>,
        look_up: LookUp,
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
            make_passage(folder).map_err(fail)?;
        }
        listener.set_nonblocking(true).map_err(fail)?;
        let connections = Connections::start(people, service, look_up).map_err(fail)?;
        let next = |listener: &UnixListener| listener.accept().map(|(stream, _)| stream);
        let acceptor = Acceptor::start("console", listener, next, Arc::clone(&connections));
        let acceptor = acceptor.map_err(fail)?;
        Ok(Self { path: path.to_owned(), connections, acceptor: Some(acceptor) })
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        self.acceptor = None;
        self.connections.lock().cut_off();
        let _ = std::fs::remove_file(&self.path);
    }
}

fn bind(path: &Path) -> Result<UnixListener, SocketError> {
    let fail = |source| SocketError::Io { path: path.to_owned(), source };
    let folder = folder_of(path);
    if let Some(folder) = folder {
        check_place(path, geteuid().as_raw())?;
        make_folder(folder)
            .map_err(|source| SocketError::Io { path: folder.to_owned(), source })?;
    }
    check_place(path, geteuid().as_raw())?;
    if symlink_metadata(path).is_ok() {
        if UnixStream::connect(path).is_ok() {
            return Err(SocketError::InUse { path: path.to_owned() });
        }
        std::fs::remove_file(path).map_err(fail)?;
    }
    UnixListener::bind(path).map_err(fail)
}

fn folder_of(path: &Path) -> Option<&Path> {
    path.parent().filter(|folder| *folder != Path::new(""))
}

/// Checks the folder of a socket and what is in the socket's place, if they are there, for a node
/// of that user (uid). Nothing is changed.
///
/// # Errors
/// [`SocketError::Folder`] or [`SocketError::InTheWay`].
pub fn check_place(path: &Path, user: u32) -> Result<(), SocketError> {
    if let Some(folder) = folder_of(path)
        && let Ok(there) = symlink_metadata(folder)
    {
        let wrong = |found| Err(SocketError::Folder { path: folder.to_owned(), found });
        if there.file_type().is_symlink() {
            return wrong("a symbolic link");
        }
        if !there.is_dir() {
            return wrong("not a folder");
        }
        if there.uid() != user {
            return wrong("somebody else's");
        }
        if there.mode() & 0o022 != 0 {
            return wrong("others may write to it");
        }
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
        if there.uid() != user {
            return in_the_way("somebody else's socket");
        }
    }
    Ok(())
}

struct Connections {
    people: RoleTable,
    service: Arc<dyn Service>,
    visitors: Mutex<Visitors>,
    open: Mutex<Open>,
    directory: OnceLock<Directory>,
}

impl std::fmt::Debug for Connections {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connections").field("people", &self.people).finish_non_exhaustive()
    }
}

/// A connection that was let in; its place is given up when dropped.
struct Guest {
    connections: Arc<Connections>,
    stream: UnixStream,
    number: u64,
    peer: Peer,
    role: Role,
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.connections.lock().leave(self.number, self.role);
    }
}

impl ConnectionHandler<UnixStream> for Connections {
    const THREAD_NAME: &'static str = "console-guest";
    type Guest = Guest;

    fn admit(self: &Arc<Self>, stream: UnixStream) -> Option<Guest> {
        let known = match socket_peercred(&stream) {
            Ok(known) => known,
            Err(error) => {
                let message = format!("the system does not tell who connects: {error}");
                self.refuse(u32::MAX, stream, Failure::new(Code::Forbidden, message));
                return None;
            }
        };
        self.arrive(Arrival { stream, uid: known.uid.as_raw(), gid: known.gid.as_raw() })
    }

    fn serve(&self, guest: Guest) {
        // A peer may leave at any time.
        let _ = self.talk(&guest);
    }
}

/// Sends an error and closes. Does not wait: what the system's buffer does not take is lost.
fn tell_and_leave(mut stream: UnixStream, failure: Failure) {
    if stream.set_nonblocking(true).is_ok() {
        let _ = stream.write(answer(None, Err(failure)).as_bytes());
    }
}

impl Connections {
    /// Starts the thread that looks users up.
    fn start(
        people: RoleTable,
        service: Arc<dyn Service>,
        look_up: LookUp,
    ) -> io::Result<Arc<Self>> {
        let (visitors, open) = (Mutex::default(), Mutex::default());
        let directory = OnceLock::new();
        let connections = Arc::new(Self { people, service, visitors, open, directory });
        let ours = Arc::downgrade(&connections);
        let directory = Directory::start(look_up, move |arrival, peer| {
            if let Some(connections) = ours.upgrade() {
                connections.found(arrival, peer);
            }
        })?;
        let _ = connections.directory.set(directory);
        Ok(connections)
    }

    /// A user has connected. Does not wait.
    fn arrive(self: &Arc<Self>, arrival: Arrival) -> Option<Guest> {
        let (now, ids) = (Instant::now(), (arrival.uid, arrival.gid));
        let known = self.visitors().arrive(ids, &self.people, now);
        match (known, self.directory.get()) {
            (Ok(Some((peer, role))), _) => self.enter(arrival.stream, peer, role, now),
            (Ok(None), Some(directory)) => {
                if let Err((arrival, failure)) = directory.ask(arrival, now) {
                    self.refuse(arrival.uid, arrival.stream, failure);
                }
                None
            }
            (Ok(None), None) => None,
            (Err(failure), _) => {
                self.refuse(arrival.uid, arrival.stream, failure);
                None
            }
        }
    }

    /// The user of a connection has been looked up.
    fn found(self: &Arc<Self>, arrival: Arrival, peer: Peer) {
        let (now, ids) = (Instant::now(), (arrival.uid, arrival.gid));
        self.visitors().learn(ids, peer, &self.people, now);
        if let Some(guest) = self.arrive(arrival) {
            serve_guest(guest, self);
        }
    }

    fn enter(
        self: &Arc<Self>,
        stream: UnixStream,
        peer: Peer,
        role: Role,
        now: Instant,
    ) -> Option<Guest> {
        let entered = stream.try_clone().map_err(|error| {
            Failure::new(Code::Internal, format!("the connection cannot be held: {error}"))
        });
        match entered.and_then(|other| self.lock().enter(peer.uid, role, other, now)) {
            Ok(number) => Some(Guest { connections: Arc::clone(self), stream, number, peer, role }),
            Err(failure) => {
                self.refuse(peer.uid, stream, failure);
                None
            }
        }
    }

    fn refuse(&self, uid: u32, stream: UnixStream, failure: Failure) {
        self.visitors().refused(uid, &failure, Instant::now());
        tell_and_leave(stream, failure);
    }

    fn visitors(&self) -> MutexGuard<'_, Visitors> {
        self.visitors.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn talk(&self, guest: &Guest) -> io::Result<()> {
        let Guest { stream, number, peer, role, .. } = guest;
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(IDLE_MAX))?;
        stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
        tracing::debug!(user = peer.name, uid = peer.uid, role = role.word(), "console opened");
        let result = self.converse(stream, *number, peer, *role);
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
            if !self.lock().asked(number) {
                return Ok(());
            }
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
            self.lock().answered(number, Instant::now());
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
