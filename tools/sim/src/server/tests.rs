//! Tests of the server over loopback, with a Kraken front and an echo.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::stream::{ANSWER_BYTES_MAX, OUTPUT_BYTES_MAX};
use super::*;
use crate::front::{HttpReply, HttpRequest};
use crate::kraken::Kraken;
use crate::kraken::config::KrakenConfig;

const PATIENCE: Duration = Duration::from_secs(30);

fn clock() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64
}

/// Returns every message, answers HTTP with path and body, and closes on `bye`.
#[derive(Default)]
struct Echo {
    flood: Option<ConnId>,
}

impl Front for Echo {
    fn on_raw_open(&mut self, _: u64, conn: ConnId, out: &mut Vec<FrontAction>) {
        out.push(FrontAction::Bytes(conn, b"hello".to_vec()));
    }
    fn on_raw(&mut self, _: u64, conn: ConnId, bytes: &[u8], out: &mut Vec<FrontAction>) {
        out.push(FrontAction::Bytes(conn, bytes.to_vec()));
        if bytes == b"bye" {
            out.push(FrontAction::Close(conn));
        }
    }
    fn on_http(&mut self, _: u64, conn: ConnId, request: &HttpRequest, out: &mut Vec<FrontAction>) {
        let body = match request.path.strip_prefix("/bytes/").map(str::parse) {
            Some(Ok(count)) => "x".repeat(count),
            _ => format!("{} {}", request.path, request.body),
        };
        out.push(FrontAction::Http(conn, HttpReply { status: 200, headers: Vec::new(), body }));
    }
    fn on_ws_open(&mut self, _: u64, conn: ConnId, target: &str, out: &mut Vec<FrontAction>) {
        out.push(FrontAction::Text(conn, target.to_owned()));
        if target == "/flood" {
            self.flood = Some(conn);
        }
    }
    fn on_ws_text(&mut self, _: u64, conn: ConnId, text: &str, out: &mut Vec<FrontAction>) {
        out.push(FrontAction::Text(conn, text.to_owned()));
    }
    fn on_ws_pong(&mut self, _: u64, _: ConnId) {}
    fn on_closed(&mut self, _: u64, conn: ConnId, _: &mut Vec<FrontAction>) {
        if self.flood == Some(conn) {
            self.flood = None;
        }
    }
    fn on_timer(&mut self, _: u64, out: &mut Vec<FrontAction>) {
        if let Some(conn) = self.flood {
            out.push(FrontAction::Text(conn, "x".repeat(60_000)));
        }
    }
    fn next_timer_ns(&self) -> Option<u64> {
        self.flood.map(|_| 0)
    }
    fn inject(&mut self, _: u64, _: &Fault, _: &mut Vec<FrontAction>) {}
}

fn listener(kind: ListenerKind, tls: bool) -> ListenerConfig {
    ListenerConfig { address: SocketAddr::from(([127, 0, 0, 1], 0)), tls, kind }
}

struct Rig {
    server: ServerHandle,
    tls: Arc<ClientConfig>,
    _folder: tempfile::TempDir,
}

/// A server of two venues: an echo (web, web over TLS, raw) and Kraken.
fn rig() -> Rig {
    let folder = tempfile::tempdir().expect("folder");
    let ca_file = folder.path().join("ca.pem");
    let tls = certificates::self_made(&ca_file).expect("certificates");
    let kraken = Kraken::new(KrakenConfig::standard("K", "c2VjcmV0")).expect("configuration");
    let venues = vec![
        VenueConfig {
            name: "echo".to_owned(),
            front: Box::new(Echo::default()),
            listeners: vec![
                listener(ListenerKind::Web, false),
                listener(ListenerKind::Web, true),
                listener(ListenerKind::Raw, false),
            ],
        },
        VenueConfig {
            name: "kraken".to_owned(),
            front: Box::new(kraken),
            listeners: vec![listener(ListenerKind::Web, false)],
        },
    ];
    let server = start(venues, Some(&tls), clock).expect("server");
    let tls = client_tls(&ca_file);
    Rig { server, tls, _folder: folder }
}

/// Trusts the certificate authority of `ca_file` and no other.
fn client_tls(ca_file: &Path) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_file(ca_file).expect("the authority's certificate");
    roots.add(authority).expect("a root");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions");
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

impl Rig {
    fn connect(&self, venue: &str, index: usize) -> TcpStream {
        let address = self.server.address(venue, index).expect("address");
        let stream = TcpStream::connect(address).expect("connect");
        stream.set_read_timeout(Some(PATIENCE)).expect("timeout");
        stream.set_nodelay(true).expect("no delay");
        stream
    }
}

fn read_until(stream: &mut impl Read, end: &str) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(end.as_bytes()) {
        stream.read_exact(&mut byte).expect("more");
        text.push(byte[0]);
    }
    String::from_utf8(text).expect("text")
}

#[test]
fn raw_bytes_are_greeted_echoed_and_closed_after_the_last_byte() {
    let rig = rig();
    let mut stream = rig.connect("echo", 2);
    stream.write_all(b"bye").expect("write");
    let mut all = Vec::new();
    stream.read_to_end(&mut all).expect("read to the end");
    assert_eq!(all, b"hellobye");
    rig.server.stop().expect("stopped");
}

#[test]
fn one_connection_serves_many_requests_also_when_they_come_together() {
    let rig = rig();
    let mut stream = rig.connect("echo", 0);
    stream
        .write_all(b"POST /a HTTP/1.1\r\nContent-Length: 1\r\n\r\nxGET /b HTTP/1.1\r\n\r\n")
        .expect("write");
    assert!(read_until(&mut stream, "/a x").starts_with("HTTP/1.1 200 OK\r\n"));
    read_until(&mut stream, "/b ");
    stream.write_all(b"GET /c HTTP/1.1\r\nConnection: close\r\n\r\n").expect("write");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).expect("closed after the answer");
    assert!(rest.ends_with("/c "), "{rest}");
}

/// An answer that was too long for the output of one connection ended the connection, and the
/// client waited for the answer for ever.
#[test]
fn an_answer_of_many_megabytes_arrives_whole_and_a_longer_one_is_refused_with_a_word() {
    let rig = rig();
    for bytes in [OUTPUT_BYTES_MAX - 1, OUTPUT_BYTES_MAX, OUTPUT_BYTES_MAX + 1, 12 << 20] {
        let mut stream = rig.connect("echo", 0);
        let request = format!("GET /bytes/{bytes} HTTP/1.1\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("write");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("closed after the answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(body.len() == bytes && body.bytes().all(|byte| byte == b'x'), "{bytes}");
    }
    let mut stream = rig.connect("echo", 0);
    let request = format!("GET /bytes/{ANSWER_BYTES_MAX} HTTP/1.1\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("write");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("closed after the answer");
    assert!(answer.starts_with("HTTP/1.1 500 ") && answer.contains("too long"), "{answer}");
    assert_eq!(rig.server.counters().expect("counters").answers_too_long, 1);
}

#[test]
fn garbage_is_answered_with_400_and_closed() {
    let rig = rig();
    let mut stream = rig.connect("echo", 0);
    stream.write_all(b"\x00\x01\x02\r\n\r\n").expect("write");
    let mut all = String::new();
    stream.read_to_string(&mut all).expect("read");
    assert!(all.starts_with("HTTP/1.1 400 "), "{all}");
}

#[test]
fn a_websocket_is_upgraded_on_the_http_port_plain_and_tls() {
    let rig = rig();
    let plain = rig.connect("echo", 0);
    let (mut socket, _) = tungstenite::client("ws://localhost/v2?x=1", plain).expect("upgrade");
    assert_eq!(socket.read().expect("target").into_text().expect("text"), "/v2?x=1");
    let secure = rig.connect("echo", 1);
    let name = ServerName::try_from("localhost").expect("name");
    let connection = ClientConnection::new(Arc::clone(&rig.tls), name).expect("TLS");
    let secure = StreamOwned::new(connection, secure);
    let (mut socket, _) = tungstenite::client("ws://localhost/s", secure).expect("upgrade");
    assert_eq!(socket.read().expect("target").into_text().expect("text"), "/s");
    socket.send(tungstenite::Message::text("ping")).expect("send");
    assert_eq!(socket.read().expect("echo").into_text().expect("text"), "ping");
}

#[test]
fn a_client_that_does_not_read_is_cut_off_and_counted() {
    let rig = rig();
    let (_held, _) =
        tungstenite::client("ws://localhost/flood", rig.connect("echo", 0)).expect("upgrade");
    let deadline = std::time::Instant::now() + PATIENCE;
    while rig.server.counters().expect("counters").slow_readers == 0 {
        assert!(std::time::Instant::now() < deadline);
        std::thread::yield_now();
    }
}

#[test]
fn a_burst_of_small_messages_comes_back_whole_and_in_order() {
    const MESSAGES: usize = 20_000;
    let rig = rig();
    let stream = rig.connect("echo", 2);
    let mut writer = stream.try_clone().expect("clone");
    let numbers: Vec<String> = (0..MESSAGES).map(|number| number.to_string()).collect();
    let text = numbers.join("\n");
    let sent = text.clone();
    let writing = std::thread::spawn(move || writer.write_all(sent.as_bytes()).expect("write"));
    let mut back = vec![0; text.len() + 5];
    let mut stream = stream;
    stream.read_exact(&mut back).expect("all back");
    assert_eq!(&back[5..], text.as_bytes());
    writing.join().expect("writer");
    let counters = rig.server.counters().expect("counters");
    assert!(counters.messages_in > 0 && counters.open == 1, "{counters:?}");
}

#[test]
fn kraken_speaks_over_real_sockets_and_takes_faults_from_outside() {
    let rig = rig();
    let stream = rig.connect("kraken", 0);
    let (mut socket, _) = tungstenite::client("ws://localhost/v2", stream).expect("upgrade");
    let status = socket.read().expect("status").into_text().expect("text");
    assert!(status.contains("\"system\":\"online\""), "{status}");
    rig.server.inject("kraken", Fault::Maintenance { for_ns: 60_000_000_000 });
    let status = socket.read().expect("status").into_text().expect("text");
    assert!(status.contains("\"system\":\"maintenance\""), "{status}");
    assert!(socket.read().is_err() || socket.read().is_err(), "closed");
}
