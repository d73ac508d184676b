//! The receiver of webhooks: answers each request as the test says, and keeps the requests.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

pub const PATIENCE: Duration = Duration::from_secs(30);

/// How one request is answered.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Status and further lines of the head.
    Status(u16, String),
    /// No answer until the client closes.
    Hang,
    /// With bytes that are not HTTP.
    Garbage,
    /// With a head that has no end.
    EndlessHead,
    /// 200, and a body that has no end.
    EndlessBody,
    /// The connection is closed.
    Close,
}

pub fn status(status: u16) -> Reply {
    Reply::Status(status, String::new())
}

/// One request.
#[derive(Clone, Debug)]
pub struct Got {
    pub target: String,
    pub headers: BTreeMap<String, String>,
    pub bytes: Vec<u8>,
    pub at: Instant,
}

impl Got {
    pub fn body(&self) -> Value {
        serde_json::from_slice(&self.bytes).expect("JSON")
    }

    /// Alert, subject and reason.
    pub fn about(&self) -> [String; 3] {
        let body = self.body();
        ["alert", "subject", "reason"].map(|key| body[key].as_str().expect("a text").to_owned())
    }
}

#[derive(Default)]
struct State {
    replies: VecDeque<Reply>,
    got: Vec<Got>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    news: Condvar,
    stop: AtomicBool,
    tls: Option<Arc<ServerConfig>>,
}

/// The server; it ends when dropped.
pub struct Receiver {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// Answers with these, then with 200.
    pub fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::listen(SocketAddr::from(([127, 0, 0, 1], 0)), replies, None)
    }

    /// Answers with 200, over TLS.
    pub fn start_tls(config: Arc<ServerConfig>) -> Self {
        Self::listen(SocketAddr::from(([127, 0, 0, 1], 0)), [], Some(config))
    }

    pub fn listen(
        address: SocketAddr,
        replies: impl IntoIterator<Item = Reply>,
        tls: Option<Arc<ServerConfig>>,
    ) -> Self {
        let listener = TcpListener::bind(address).expect("listens");
        let address = listener.local_addr().expect("bound");
        let shared = Arc::new(Shared { tls, ..Shared::default() });
        shared.state.lock().expect("whole").replies.extend(replies);
        let accepts = Arc::clone(&shared);
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if accepts.stop.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), shared) = (stream, Arc::clone(&accepts)) else { return };
                std::thread::spawn(move || {
                    stream.set_read_timeout(Some(PATIENCE)).expect("set");
                    match &shared.tls {
                        None => serve(stream, &shared),
                        Some(config) => {
                            let tls = ServerConnection::new(Arc::clone(config)).expect("sound");
                            serve(StreamOwned::new(tls, stream), &shared);
                        }
                    }
                });
            }
        });
        Self { address, shared, thread: Some(thread) }
    }

    pub fn url(&self, path: &str) -> String {
        let scheme = if self.shared.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address)
    }

    pub fn got(&self) -> Vec<Got> {
        self.shared.state.lock().expect("whole").got.clone()
    }

    /// Waits for `count` requests. False if they do not come.
    pub fn came(&self, count: usize, patience: Duration) -> bool {
        let state = self.shared.state.lock().expect("whole");
        let wait = self.shared.news.wait_timeout_while(state, patience, |s| s.got.len() < count);
        !wait.expect("whole").1.timed_out()
    }

    /// Waits for so many requests.
    pub fn until(&self, count: usize) -> Vec<Got> {
        assert!(self.came(count, PATIENCE), "{count} of {:#?}", self.got());
        self.got()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::SeqCst);
        // Wakes the listener.
        drop(TcpStream::connect(self.address));
        if let Some(thread) = self.thread.take() {
            thread.join().expect("ends");
        }
    }
}

fn serve(mut stream: impl Read + Write, shared: &Shared) {
    let Some(got) = read(&mut stream) else { return };
    let reply = {
        let mut state = shared.state.lock().expect("whole");
        state.got.push(got);
        shared.news.notify_all();
        state.replies.pop_front().unwrap_or(status(200))
    };
    // The client may close at any time; some tests make it close.
    let _ = answer(&mut stream, &reply);
}

fn read(stream: &mut impl Read) -> Option<Got> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let target = line.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let mut bytes = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut bytes).ok()?;
    Some(Got { target, headers, bytes, at: Instant::now() })
}

fn answer(stream: &mut (impl Read + Write), reply: &Reply) -> std::io::Result<()> {
    match reply {
        Reply::Status(status, head) => {
            write!(stream, "HTTP/1.1 {status} X\r\n{head}Content-Length: 0\r\n\r\n")?;
            stream.flush()
        }
        Reply::Hang => stream.read(&mut [0]).map(drop),
        Reply::Garbage => stream.write_all(b"\x00\xff SSH-2.0 nothing like HTTP\r\n\r\n\r\n"),
        Reply::EndlessHead => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
            loop {
                stream.write_all(b"X-More: and more\r\n")?;
            }
        }
        Reply::EndlessBody => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
            loop {
                stream.write_all(b"4\r\nmore\r\n")?;
            }
        }
        Reply::Close => Ok(()),
    }
}
