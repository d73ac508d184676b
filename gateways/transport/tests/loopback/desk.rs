//! A scripted machine, a desk that drives it, and the peers it talks to.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use rutter_transport::driver::{Driver, DriverConfig};
use rutter_transport::machine::{
    Endpoint, Event, Framing, HttpMethod, HttpRequest, LinkId, Machine, Outbox,
};
use rutter_transport::standing::Why;
use rutter_transport::tls::{ClientTls, server_config_of};

/// No step of a test takes longer, however loaded the machine.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Orders to the scripted machine.
#[derive(Debug, Clone)]
pub enum Order {
    Send(String),
    Close,
    Connect,
    Get(u64, &'static str),
    Post(u64, &'static str, &'static str),
}

/// Says what it sees; does what it is told; connects again at once if it is stubborn.
pub struct Script {
    pub endpoint: Endpoint,
    pub rest_base: String,
    pub stubborn: bool,
    pub connect_at_start: bool,
}

const LINK: LinkId = LinkId(0);

impl Machine for Script {
    type Command = Order;
    type Emission = String;

    fn endpoints(&self) -> Vec<Endpoint> {
        vec![self.endpoint.clone()]
    }

    fn rest_base(&self) -> String {
        self.rest_base.clone()
    }

    fn start(&mut self, _now_ns: u64, out: &mut Outbox<String>) {
        if self.connect_at_start {
            out.connect(LINK);
        }
    }

    fn on_event(&mut self, _now_ns: u64, event: Event<'_>, out: &mut Outbox<String>) {
        match event {
            Event::Connected(_) => out.emit("connected".to_owned()),
            Event::Bytes(_, bytes) => {
                out.emit(format!("bytes {}", String::from_utf8_lossy(bytes)));
            }
            Event::Text(_, text) => out.emit(format!("text {text}")),
            Event::Alive(_) => out.emit("alive".to_owned()),
            Event::Closed(_, reason) => {
                out.emit(format!("closed {reason:?}"));
                if self.stubborn {
                    out.connect(LINK);
                }
            }
            Event::Http(id, None) => out.emit(format!("http {id} failed")),
            Event::Http(id, Some(answer)) => {
                out.emit(format!("http {id} {} {}", answer.status, answer.body));
            }
        }
    }

    fn on_command(&mut self, _now_ns: u64, command: &Order, out: &mut Outbox<String>) {
        let request = |id, method, target: &str, body: &str| HttpRequest {
            id,
            method,
            target: target.to_owned(),
            headers: vec![("API-Key".to_owned(), "k".to_owned())],
            body: body.to_owned(),
        };
        match command {
            Order::Send(text) => out.send(LINK, |bytes| bytes.extend_from_slice(text.as_bytes())),
            Order::Close => out.close(LINK),
            Order::Connect => out.connect(LINK),
            Order::Get(id, target) => out.http(request(*id, HttpMethod::Get, target, "")),
            Order::Post(id, target, body) => {
                out.http(request(*id, HttpMethod::Post, target, body));
            }
        }
    }

    fn on_timer(&mut self, _now_ns: u64, _out: &mut Outbox<String>) {}

    fn next_timer_ns(&self) -> Option<u64> {
        None
    }
}

pub fn clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64
}

/// Certificates of one test.
pub struct Pki {
    _folder: tempfile::TempDir,
    pub ca_file: PathBuf,
    pub server: Arc<ServerConfig>,
}

impl Pki {
    pub fn new() -> Self {
        Self::with(&["localhost", "127.0.0.1"], false)
    }

    /// A certificate for these names, which may be expired.
    pub fn with(names: &[&str], is_expired: bool) -> Self {
        use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca_key = KeyPair::generate().expect("key");
        let ca = params.self_signed(&ca_key).expect("CA");
        let issuer = Issuer::new(params, ca_key);
        let key = KeyPair::generate().expect("key");
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("parameters");
        if is_expired {
            params.not_before = rcgen::date_time_ymd(2020, 1, 1);
            params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        }
        let certificate = params.signed_by(&key, &issuer).expect("certificate");
        let folder = tempfile::tempdir().expect("folder");
        let ca_file = folder.path().join("ca.pem");
        std::fs::write(&ca_file, ca.pem()).expect("CA file");
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("key");
        let server =
            server_config_of(vec![certificate.der().clone()], key).expect("server configuration");
        Self { _folder: folder, ca_file, server }
    }
}

/// A scripted machine under a driver, and what it said so far.
pub struct Desk {
    pub driver: Driver<Script>,
    pub said: Vec<String>,
}

/// What a test may change about a desk.
pub struct Setup {
    pub host: &'static str,
    pub target: Option<&'static str>,
    pub pki: Option<Pki>,
    pub trusts_ca: bool,
    pub stubborn: bool,
    pub connect_timeout: Duration,
    pub http: Option<SocketAddr>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            host: "127.0.0.1",
            target: None,
            pki: None,
            trusts_ca: true,
            stubborn: false,
            connect_timeout: PATIENCE,
            http: None,
        }
    }
}

impl Setup {
    /// A desk whose link goes to `peer`, started.
    pub fn desk(self, peer: SocketAddr) -> Desk {
        let framing = self
            .target
            .map_or(Framing::Raw, |target| Framing::WebSocket { target: target.to_owned() });
        let tls = self.pki.is_some();
        let endpoint = Endpoint { host: self.host.to_owned(), port: peer.port(), tls, framing };
        let ca_file = self.pki.as_ref().filter(|_| self.trusts_ca).map(|pki| pki.ca_file.as_path());
        let config = DriverConfig {
            name: "test".to_owned(),
            tls: ClientTls::load(ca_file).expect("client TLS"),
            connect_timeout: self.connect_timeout,
            http_timeout: PATIENCE,
        };
        let scheme = if tls { "https" } else { "http" };
        let script = Script {
            endpoint,
            rest_base: self
                .http
                .map_or(String::new(), |at| format!("{scheme}://localhost:{}", at.port())),
            stubborn: self.stubborn,
            connect_at_start: self.http.is_none(),
        };
        let mut desk =
            Desk { driver: Driver::new(script, config, clock).expect("driver"), said: Vec::new() };
        let said = &mut desk.said;
        desk.driver.start(&mut |emission| said.push(emission));
        desk
    }
}

impl Desk {
    /// Gives orders, all in one turn.
    pub fn orders(&mut self, orders: impl IntoIterator<Item = Order>) -> &mut Self {
        let mut orders = orders.into_iter();
        let said = &mut self.said;
        self.driver.turn(|| orders.next(), &mut |emission| said.push(emission)).expect("turn");
        assert!(orders.next().is_none(), "more orders than one turn takes");
        self
    }

    /// The link that ended last ended for this reason, and the text says so too.
    pub fn link_fault(&mut self, why: Why, says: &str) -> &mut Self {
        let fault = self.driver.faults().0.expect("a fault of the link");
        assert_eq!(fault.why, why, "{fault:?}");
        assert!(fault.text.contains(says), "{fault:?}");
        self
    }

    /// The last request failed for this reason.
    pub fn http_fault(&mut self, why: Why, says: &str) -> &mut Self {
        let fault = self.driver.faults().1.expect("a fault of a request");
        assert_eq!(fault.why, why, "{fault:?}");
        assert!(fault.text.contains(says), "{fault:?}");
        self
    }

    pub fn send(&mut self, text: &str) -> &mut Self {
        self.orders([Order::Send(text.to_owned())])
    }

    /// Turns until the machine has said this (after what was awaited before).
    pub fn saw(&mut self, expected: &str) -> &mut Self {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.said.iter().position(|said| said == expected) {
                self.said.drain(..=at);
                return self;
            }
            assert!(Instant::now() < deadline, "waited for {expected:?}, saw {:?}", self.said);
            let said = &mut self.said;
            self.driver
                .park(|| false, Duration::from_millis(20), &mut |emission| said.push(emission))
                .expect("turn");
        }
    }
}

/// Starts a peer that serves each connection in turn with `serve`.
pub fn peer(mut serve: impl FnMut(TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listener");
    let address = listener.local_addr().expect("address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = stream.set_read_timeout(Some(PATIENCE));
            serve(stream);
        }
    });
    address
}

/// Sends everything back until the other side is done.
pub fn echo(mut stream: impl Read + Write) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = stream.read(&mut buffer) {
        if stream.write_all(&buffer[..count]).and_then(|()| stream.flush()).is_err() {
            return;
        }
    }
}

/// Sends every text message back until the other side is done.
pub fn echo_messages(stream: impl Read + Write) {
    let Ok(mut socket) = tungstenite::accept(stream) else { return };
    while let Ok(message) = socket.read() {
        if message.is_text() && socket.send(message).is_err() {
            return;
        }
    }
}

pub fn secured(stream: TcpStream, config: &Arc<ServerConfig>) -> impl Read + Write + use<> {
    let connection = ServerConnection::new(Arc::clone(config)).expect("server connection");
    StreamOwned::new(connection, stream)
}
