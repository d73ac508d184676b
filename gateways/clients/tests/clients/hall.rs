//! A server over loopback sockets and a plain client; the test itself turns the server.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rutter_clients::GatewayServer;
use rutter_core::input::Input;
use rutter_core::output::Output;
use rutter_fix::store::MmapStore;
use rutter_transport::arrival::Arrival;
use rutter_transport::tls::ServerTls;

use crate::desk::{config, numbered, open, unframe};

/// How often the files of certificates are looked at.
const RELOAD: Duration = Duration::from_millis(5);

pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64
}

/// A connection from an address of this host (127.0.0.0/8).
pub fn connect_from(from: std::net::Ipv4Addr, to: SocketAddr) -> TcpStream {
    let family = rustix::net::AddressFamily::INET;
    let socket = rustix::net::socket(family, rustix::net::SocketType::STREAM, None);
    let socket = socket.expect("a socket");
    rustix::net::bind(&socket, &SocketAddr::from((from, 0))).expect("bound");
    rustix::net::connect(&socket, &to).expect("connected");
    let stream = TcpStream::from(socket);
    stream.set_nonblocking(true).expect("non-blocking");
    stream
}

pub struct Hall {
    pub server: GatewayServer<MmapStore>,
    pub inputs: Vec<(Input, u64)>,
    pub outputs: Vec<Output>,
    pub room: bool,
    _folder: tempfile::TempDir,
}

impl Hall {
    pub fn new(change: impl FnOnce(&mut rutter_clients::GatewayConfig)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = config();
        change(&mut config);
        let gateway = open(folder.path(), &config);
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = GatewayServer::bind(any, gateway, clock).expect("bound");
        Self { server, inputs: Vec::new(), outputs: Vec::new(), room: true, _folder: folder }
    }

    /// With a TLS door beside the plain one, and ready.
    pub fn with_tls(
        tls: ServerTls,
        change: impl FnOnce(&mut rutter_clients::GatewayConfig),
    ) -> Self {
        let mut hall = Self::new(change);
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        hall.server.listen_tls(any, tls, RELOAD).expect("bound");
        hall.server.recovered();
        hall
    }

    pub fn turn(&mut self) {
        let (inputs, outputs, room) = (&mut self.inputs, &mut self.outputs, self.room);
        let mut publish = |input: &Input, arrival: Arrival| {
            if room {
                inputs.push((*input, arrival.read_ns));
            }
            room
        };
        outputs.reverse();
        let worked = self.server.turn(|| outputs.pop(), &mut publish).expect("it turns");
        if !worked {
            self.server.park(|| false, Duration::from_millis(1), &mut publish).expect("it sleeps");
        }
    }

    pub fn turn_until(&mut self, what: &str, mut done: impl FnMut(&mut Self) -> bool) {
        let started = Instant::now();
        while !done(self) {
            assert!(started.elapsed() < PATIENCE, "{what}");
            self.turn();
        }
    }

    pub fn connect(&self) -> TcpStream {
        let at = self.server.local_addr().expect("bound");
        let stream = TcpStream::connect(at).expect("connected");
        stream.set_nonblocking(true).expect("non-blocking");
        stream
    }

    /// Turns until the client has read a whole number of messages that contain `part`.
    pub fn read(&mut self, stream: &mut TcpStream, part: &str) -> Vec<String> {
        let mut bytes = Vec::new();
        let mut seen = Vec::new();
        self.turn_until(part, |_| {
            let mut buffer = [0; 8_192];
            match stream.read(&mut buffer) {
                Ok(count) => bytes.extend_from_slice(&buffer[..count]),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
            let text = String::from_utf8_lossy(&bytes).replace('\u{1}', "|");
            let whole = text.rfind("|10=").is_some_and(|at| at + 8 == text.len());
            if whole && text.contains(part) {
                seen = unframe(&bytes);
            }
            !seen.is_empty()
        });
        seen
    }

    pub fn logon(&mut self, comp_id: &str, seq: u64) -> TcpStream {
        let mut stream = self.connect();
        let logon = format!("35=A|98=0|108=30|554=pw-{comp_id}|");
        stream.write_all(&numbered(comp_id, seq, clock(), &logon)).expect("sent");
        let seen = self.read(&mut stream, "35=A");
        assert!(seen[0].starts_with("35=A|"), "{seen:?}");
        stream
    }

    pub fn is_closed(&mut self, stream: &mut TcpStream) {
        self.turn_until("closed", |_| match stream.read(&mut [0; 4_096]) {
            Ok(count) => count == 0,
            Err(error) => error.kind() != ErrorKind::WouldBlock,
        });
    }
}
