//! A small HTTP server for scrapes and probes.
//!
//! A line belongs here if it reads a request or writes an answer. One thread accepts. At most
//! [`CONNECTIONS_MAX`] connections are served, each by a short-lived thread: one request of at most
//! [`REQUEST_BYTES_MAX`] bytes, within [`REQUEST_TIMEOUT`]. A further connection takes the place of
//! one that has not asked yet. When all are being answered, the further connection gets a 503.
//! No thread that carries orders waits for a request.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rutter_admin::acceptor::{Acceptor, ConnectionHandler};
use rutter_clients::lockout::SourceAddress;

use super::exposition;
use crate::clock::unix_ns;
use crate::watch::monitor::Monitor;

/// Most connections at once.
pub const CONNECTIONS_MAX: usize = 16;

/// Most headers of a request.
const HEADERS_MAX: usize = 64;

/// Longest head of a request, bytes.
pub const REQUEST_BYTES_MAX: usize = 4_096;

/// How long one connection may take in all.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// The server cannot start.
#[derive(Debug, thiserror::Error)]
#[error("metrics: cannot listen on {address}: {source}")]
pub struct MetricsError {
    /// The address.
    pub address: SocketAddr,
    /// The error of the system.
    pub source: std::io::Error,
}

/// The listener; it ends when dropped.
#[derive(Debug)]
pub struct MetricsServer {
    address: SocketAddr,
    _acceptor: Acceptor,
}

impl MetricsServer {
    /// Binds the address and starts to listen.
    ///
    /// # Errors
    /// [`MetricsError`].
    pub fn listen(address: SocketAddr, monitor: Arc<Monitor>) -> Result<Self, MetricsError> {
        let fail = |source| MetricsError { address, source };
        let listener = TcpListener::bind(address).map_err(fail)?;
        listener.set_nonblocking(true).map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        let scrapes = Arc::new(Scrapes { monitor, open: Mutex::default() });
        let acceptor =
            Acceptor::start("metrics", listener, TcpListener::accept, scrapes).map_err(fail)?;
        Ok(Self { address, _acceptor: acceptor })
    }

    /// The address of the listener.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Serves the connections of scrapes and probes.
struct Scrapes {
    monitor: Arc<Monitor>,
    open: Mutex<Open>,
}

/// The connections that are served, by number.
#[derive(Default)]
struct Open {
    last: u64,
    connections: BTreeMap<u64, Connection>,
}

struct Connection {
    source: SourceAddress,
    /// The request has come, and is being answered.
    asked: bool,
    stream: TcpStream,
}

impl Open {
    /// Makes room for a newcomer, if there is none: of those whose request has not come yet the
    /// address with the most connections loses its oldest. False if all are being answered.
    fn make_room(&mut self) -> bool {
        if self.connections.len() < CONNECTIONS_MAX {
            return true;
        }
        let silent = || self.connections.iter().filter(|(_, one)| !one.asked);
        let mut counts = BTreeMap::<SourceAddress, usize>::new();
        silent().for_each(|(_, one)| *counts.entry(one.source).or_default() += 1);
        let most = counts.values().copied().max();
        let goes = silent().find(|(_, one)| counts.get(&one.source).copied() == most);
        let Some(number) = goes.map(|(number, _)| *number) else { return false };
        if let Some(displaced) = self.connections.remove(&number) {
            // Gone already, if this fails.
            let _ = displaced.stream.shutdown(Shutdown::Both);
        }
        true
    }
}

/// A connection that was let in; its place is given up when dropped.
struct Scrape {
    stream: TcpStream,
    number: u64,
    scrapes: Arc<Scrapes>,
}

impl Scrapes {
    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Scrape {
    fn drop(&mut self) {
        self.scrapes.lock().connections.remove(&self.number);
    }
}

impl ConnectionHandler<(TcpStream, SocketAddr)> for Scrapes {
    const THREAD_NAME: &'static str = "scrape";
    type Guest = Scrape;

    fn admit(self: &Arc<Self>, (stream, address): (TcpStream, SocketAddr)) -> Option<Scrape> {
        let mut open = self.lock();
        let other = stream.try_clone().ok().filter(|_| open.make_room());
        let Some(other) = other else {
            refuse(stream);
            return None;
        };
        open.last += 1;
        let (number, source) = (open.last, SourceAddress::from(address.ip()));
        open.connections.insert(number, Connection { source, asked: false, stream: other });
        Some(Scrape { stream, number, scrapes: Arc::clone(self) })
    }

    fn serve(&self, scrape: Scrape) {
        let asked = || {
            let mut open = self.lock();
            open.connections.get_mut(&scrape.number).is_some_and(|one| {
                one.asked = true;
                true
            })
        };
        // A client that closes the connection early is not reported.
        drop(serve(&scrape.stream, &self.monitor, asked));
    }
}

/// An HTTP answer.
struct Answer {
    status: &'static str,
    content_type: &'static str,
    body: String,
}

const PLAIN: &str = "text/plain; charset=utf-8";

fn plain(status: &'static str, body: &str) -> Answer {
    Answer { status, content_type: PLAIN, body: body.to_owned() }
}

/// Writes without waiting: bytes that do not fit the socket's buffer are lost.
fn refuse(mut stream: TcpStream) {
    let busy = head(&plain("503 Service Unavailable", ""), 0);
    if stream.set_nonblocking(true).is_ok() {
        let _ = stream.write(busy.as_bytes());
    }
}

fn head(answer: &Answer, length: usize) -> String {
    format!(
        "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {length}\r\n\
         Cache-Control: no-store\r\nConnection: close\r\n\r\n",
        answer.status, answer.content_type
    )
}

/// Reads a request and answers it. `asked` notes that the request has come; false if the connection
/// was displaced before.
fn serve(
    mut stream: &TcpStream,
    monitor: &Arc<Monitor>,
    asked: impl FnOnce() -> bool,
) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    let until = Instant::now() + REQUEST_TIMEOUT;
    stream.set_write_timeout(Some(REQUEST_TIMEOUT))?;
    let request = read_request(stream, until)?;
    if !asked() {
        return Ok(());
    }
    let answer = match request {
        Request::Path(path) => respond(&path, monitor),
        Request::TooLong => plain("431 Request Header Fields Too Large", "too long\n"),
        Request::NotGet => plain("405 Method Not Allowed", "only GET\n"),
        Request::Garbled => plain("400 Bad Request", "not HTTP\n"),
        Request::Gone => return Ok(()),
    };
    let mut bytes = head(&answer, answer.body.len()).into_bytes();
    bytes.extend_from_slice(answer.body.as_bytes());
    stream.write_all(&bytes)
}

fn respond(path: &str, monitor: &Arc<Monitor>) -> Answer {
    match path {
        "/live" => plain("200 OK", "alive\n"),
        "/ready" => {
            let readiness = monitor.health.readiness(&monitor.shown(), unix_ns());
            let status = if readiness.ready { "200 OK" } else { "503 Service Unavailable" };
            let body = serde_json::to_string(&*readiness).unwrap_or_default() + "\n";
            Answer { status, content_type: "application/json", body }
        }
        "/metrics" => match exposition::text(monitor, unix_ns()) {
            Ok(body) => Answer { status: "200 OK", content_type: exposition::CONTENT_TYPE, body },
            Err(_) => plain("500 Internal Server Error", "the text cannot be made\n"),
        },
        _ => plain("404 Not Found", "/metrics, /live or /ready\n"),
    }
}

enum Request {
    Path(String),
    TooLong,
    NotGet,
    Garbled,
    Gone,
}

/// Reads a request up to the empty line that ends its head.
fn read_request(mut stream: &TcpStream, until: Instant) -> std::io::Result<Request> {
    let mut bytes = [0; REQUEST_BYTES_MAX];
    let mut used = 0;
    loop {
        let Some(left) = until.checked_duration_since(Instant::now()).filter(|d| !d.is_zero())
        else {
            return Ok(Request::Gone);
        };
        stream.set_read_timeout(Some(left))?;
        let Some(room) = bytes.get_mut(used..).filter(|room| !room.is_empty()) else {
            return Ok(Request::TooLong);
        };
        match stream.read(room)? {
            0 => return Ok(Request::Gone),
            count => used += count,
        }
        if let Some(request) = request(bytes.get(..used).unwrap_or(&[])) {
            return Ok(request);
        }
    }
}

/// What a head asks for; `None` while it is not complete. A query is passed over: Prometheus may
/// send one.
fn request(head: &[u8]) -> Option<Request> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(head) {
        Ok(httparse::Status::Partial) => return None,
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Some(Request::TooLong),
        Err(_) => return Some(Request::Garbled),
    }
    Some(match (parsed.method, parsed.path) {
        (Some("GET"), Some(target)) => {
            Request::Path(target.split('?').next().unwrap_or(target).to_owned())
        }
        _ => Request::NotGet,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn server() -> MetricsServer {
        let config = Config::parse(include_str!("../../../deploy/example.toml")).expect("sound");
        let monitor = Arc::new(Monitor::new(&config, 1));
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        MetricsServer::listen(any, monitor).expect("listens")
    }

    /// The first line that answers these bytes; empty if the connection just ends.
    fn said(server: &MetricsServer, bytes: &[u8]) -> String {
        let mut stream = TcpStream::connect(server.address()).expect("connects");
        stream.set_read_timeout(Some(REQUEST_TIMEOUT * 2)).expect("set");
        // The client may not read an early refusal to its end.
        let _ = stream.write_all(bytes);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).lines().next().unwrap_or("").to_owned()
    }

    #[test]
    fn each_kind_of_bad_request_is_refused_with_its_own_word() {
        let server = server();
        for (request, status) in [
            (&b"GET /live HTTP/1.1\r\n\r\n"[..], "200"),
            (b"GET /live?x=1 HTTP/1.0\r\nHost: a\r\n\r\n", "200"),
            (b"GET /metrics HTTP/1.1\r\n\r\n", "200"),
            (b"GET /ready HTTP/1.1\r\n\r\n", "503"),
            (b"GET /other HTTP/1.1\r\n\r\n", "404"),
            (b"POST /metrics HTTP/1.1\r\n\r\n", "405"),
            (b"\xff\xfe\x00 nonsense\r\n\r\n", "400"),
            (b"GET /live\r\n\r\n", "400"),
            (&[b'x'; REQUEST_BYTES_MAX], "431"),
        ] {
            let line = said(&server, request);
            assert!(line.starts_with(&format!("HTTP/1.1 {status}")), "{line} for {status}");
        }
    }

    #[test]
    fn connections_that_ask_nothing_make_room_for_one_that_asks() {
        let server = server();
        let live = b"GET /live HTTP/1.1\r\n\r\n";
        let mut silent: Vec<TcpStream> = Vec::new();
        for _ in 0..4 * CONNECTIONS_MAX {
            silent.push(TcpStream::connect(server.address()).expect("connects"));
            assert!(said(&server, live).starts_with("HTTP/1.1 200"));
        }
        let first = &mut silent[0];
        first.set_read_timeout(Some(REQUEST_TIMEOUT * 2)).expect("set");
        assert_eq!(first.read(&mut [0]).expect("its end"), 0, "the oldest one is closed");
    }

    #[test]
    fn who_is_being_answered_is_never_displaced() {
        let (ours, _theirs) = {
            let listener = TcpListener::bind("127.0.0.1:0").expect("listens");
            let ours = TcpStream::connect(listener.local_addr().expect("bound")).expect("connects");
            (ours, listener)
        };
        let mut open = Open::default();
        for number in 0..CONNECTIONS_MAX as u64 {
            let source = SourceAddress::from(std::net::IpAddr::from([10, 0, 0, number as u8]));
            let stream = ours.try_clone().expect("cloned");
            open.connections.insert(number, Connection { source, asked: number > 0, stream });
        }
        assert!(open.make_room() && !open.connections.contains_key(&0), "the silent one goes");
        let again = Connection {
            source: SourceAddress::from(std::net::IpAddr::from([10, 0, 1, 1])),
            asked: true,
            stream: ours,
        };
        open.connections.insert(99, again);
        assert!(!open.make_room(), "a further one gets a 503");
    }
}
