//! The driver against real peers on the loopback interface: what a venue does, and what it should
//! not do.

mod desk;
mod reasons;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use desk::{Order, PATIENCE, Pki, Setup, echo, echo_messages, peer, secured};
use rutter_transport::driver::HTTP_QUEUE_MAX;
use rutter_transport::machine::HTTP_BODY_BYTES_MAX;
use rutter_transport::standing::Why;
use rutter_transport::stream::Stream;
use rutter_transport::websocket::{Incoming, MESSAGE_BYTES_MAX, WebSocketLink};

#[test]
fn bytes_come_back_over_a_plain_link() {
    let mut desk = Setup::default().desk(peer(echo));
    desk.saw("connected").send("8=FIX").saw("bytes 8=FIX").orders([Order::Close]);
    desk.saw("closed Requested");
}

#[test]
fn bytes_come_back_over_tls_to_a_host_by_name() {
    let pki = Pki::new();
    let server = Arc::clone(&pki.server);
    let at = peer(move |stream| echo(secured(stream, &server)));
    let mut desk = Setup { host: "localhost", pki: Some(pki), ..Setup::default() }.desk(at);
    desk.saw("connected").send("8=FIX").saw("bytes 8=FIX");
}

#[test]
fn messages_come_back_over_a_websocket() {
    let mut desk = Setup { target: Some("/v2"), ..Setup::default() }.desk(peer(echo_messages));
    desk.saw("connected").send("{}").saw("text {}").send("[1]").saw("text [1]");
    desk.orders([Order::Close]).saw("closed Requested");
}

#[test]
fn messages_come_back_over_a_secure_websocket() {
    let pki = Pki::new();
    let server = Arc::clone(&pki.server);
    let at = peer(move |stream| echo_messages(secured(stream, &server)));
    let setup = Setup { target: Some("/v2"), pki: Some(pki), ..Setup::default() };
    let mut desk = setup.desk(at);
    let long = "x".repeat(300_000);
    desk.saw("connected").send("{}").saw("text {}").send(&long).saw(&format!("text {long}"));
}

#[test]
fn a_certificate_of_an_unknown_authority_is_not_trusted() {
    let pki = Pki::new();
    let server = Arc::clone(&pki.server);
    let at = peer(move |stream| echo(secured(stream, &server)));
    Setup { pki: Some(pki), trusts_ca: false, ..Setup::default() }
        .desk(at)
        .saw("closed ConnectFailed");
}

#[test]
fn a_refused_connection_is_reported() {
    let at = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port");
    Setup::default().desk(at).saw("closed ConnectFailed");
}

#[test]
fn a_name_that_does_not_resolve_is_reported() {
    let at = SocketAddr::from(([127, 0, 0, 1], 9));
    let setup = Setup { host: "does-not-exist.invalid", ..Setup::default() };
    setup.desk(at).saw("closed ConnectFailed");
}

#[test]
fn a_peer_that_accepts_and_never_answers_the_upgrade_is_given_up() {
    let (held, _keep) = mpsc::channel();
    let at = peer(move |stream| drop(held.send(stream)));
    let connect_timeout = Duration::from_millis(100);
    let mut desk = Setup { target: Some("/"), connect_timeout, ..Setup::default() }.desk(at);
    desk.saw("closed ConnectFailed");
}

#[test]
fn garbage_instead_of_an_upgrade_is_a_failed_connect() {
    let at = peer(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"\x00\xff garbage \r\n\r\n");
        let _ = stream.read(&mut [0; 1]);
    });
    Setup { target: Some("/"), ..Setup::default() }.desk(at).saw("closed ConnectFailed");
}

#[test]
fn an_upgrade_that_the_server_declines_is_a_failed_connect() {
    let at = peer(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
        let _ = stream.read(&mut [0; 1]);
    });
    Setup { target: Some("/"), ..Setup::default() }.desk(at).saw("closed ConnectFailed");
}

/// Makes the upgrade, then sends `frame`.
fn peer_that_sends(frame: Vec<u8>) -> SocketAddr {
    peer(move |stream| {
        let Ok(mut socket) = tungstenite::accept(stream) else { return };
        let _ = socket.get_mut().write_all(&frame);
        let _ = socket.get_mut().read(&mut [0; 1]);
    })
}

#[test]
fn an_oversize_frame_is_refused_before_its_bytes_arrive() {
    let mut header = vec![0x81, 127];
    header.extend_from_slice(&(MESSAGE_BYTES_MAX as u64 + 1).to_be_bytes());
    let mut desk = Setup { target: Some("/"), ..Setup::default() }.desk(peer_that_sends(header));
    desk.saw("connected").saw("closed TooLong");
}

#[test]
fn binary_bad_utf8_and_reserved_bits_are_protocol_errors() {
    for frame in [vec![0x82, 1, b'x'], vec![0x81, 1, 0xff], vec![0xf1, 1, b'x'], vec![0x83, 0]] {
        let mut desk = Setup { target: Some("/"), ..Setup::default() }.desk(peer_that_sends(frame));
        desk.saw("connected").saw("closed Protocol");
    }
}

#[test]
fn a_ping_is_answered_with_its_payload() {
    let (tell, told) = mpsc::channel();
    let at = peer(move |stream| {
        let Ok(mut socket) = tungstenite::accept(stream) else { return };
        let _ = socket.send(tungstenite::Message::Ping("abc".into()));
        let _ = tell.send(socket.read());
    });
    Setup { target: Some("/"), ..Setup::default() }.desk(at).saw("connected").saw("alive");
    let pong = told.recv_timeout(PATIENCE).expect("an answer").expect("a message");
    assert_eq!(pong, tungstenite::Message::Pong("abc".into()));
}

#[test]
fn a_peer_that_does_not_read_is_cut_off_when_the_buffer_is_full() {
    for target in [None, Some("/")] {
        // The peer keeps its sockets open and unread until the test is over.
        let (held, _keep) = mpsc::channel();
        let at = peer(move |stream| {
            if target.is_some() {
                let unread = tungstenite::accept(stream).expect("upgrade");
                drop(held.send(unread.into_inner()));
            } else {
                drop(held.send(stream));
            }
        });
        let mut desk = Setup { target, ..Setup::default() }.desk(at);
        desk.saw("connected");
        let text = "x".repeat(60_000);
        for _ in 0..1000 {
            desk.send(&text);
            if !desk.said.is_empty() {
                break;
            }
        }
        desk.saw("closed WriteBufferFull").link_fault(Why::WriteBufferFull, "bytes wait");
        assert_eq!(desk.driver.counters().links_overfull, 1);
    }
}

#[test]
fn a_stubborn_machine_connects_again_after_the_peer_left() {
    let mut served = 0;
    let at = peer(move |stream| {
        served += 1;
        if served > 2 {
            echo(stream);
        }
    });
    let mut desk = Setup { stubborn: true, ..Setup::default() }.desk(at);
    desk.saw("connected").saw("closed Peer").saw("connected").saw("closed Peer").saw("connected");
    desk.send("again").saw("bytes again");
}

#[test]
fn messages_of_one_turn_arrive_together() {
    let (tell, told) = mpsc::channel();
    let at = peer(move |mut stream| {
        let mut buffer = vec![0; 65536];
        while let Ok(count @ 1..) = stream.read(&mut buffer) {
            let _ = tell.send(count);
        }
    });
    let mut desk = Setup::default().desk(at);
    desk.saw("connected");
    desk.orders((0..200).map(|_| Order::Send("0123456789".to_owned())));
    assert_eq!(told.recv_timeout(PATIENCE), Ok(2000), "one write, hence one read");
    desk.send("alone");
    assert_eq!(told.recv_timeout(PATIENCE), Ok(5), "a lone message is not held back");
}

#[test]
fn what_goes_to_a_closed_link_is_counted_not_sent() {
    let mut desk = Setup::default().desk(peer(echo));
    desk.saw("connected").orders([Order::Close, Order::Send("late".to_owned()), Order::Close]);
    desk.saw("closed Requested");
    assert_eq!(desk.driver.counters().sends_dropped, 1);
    assert!(desk.said.is_empty(), "one Closed for one Connect: {:?}", desk.said);
    desk.orders([Order::Connect, Order::Connect]).saw("connected");
    assert_eq!(desk.driver.counters().connects_ignored, 1);
}

/// Reads one request's head and body (by Content-Length).
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = stream.read(&mut buffer).ok().filter(|&count| count > 0)?;
        text.extend_from_slice(&buffer[..count]);
        let request = String::from_utf8_lossy(&text).into_owned();
        let Some((head, body)) = request.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .find_map(|line| {
                line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok()
            })
            .unwrap_or(0);
        if body.len() >= length {
            return Some(request);
        }
    }
}

fn http_peer(mut answer: impl FnMut(&str) -> Vec<u8> + Send + 'static) -> SocketAddr {
    peer(move |mut stream| {
        while let Some(request) = read_request(&mut stream) {
            if stream.write_all(&answer(&request)).is_err() {
                return;
            }
        }
    })
}

fn http_ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

#[test]
fn requests_are_made_as_asked_and_answered_whatever_the_status() {
    let at = http_peer(|request| {
        let lower = request.to_ascii_lowercase();
        assert!(lower.contains("api-key: k\r\n"), "{request}");
        if request.starts_with("GET /time?a=1 HTTP/1.1\r\n") {
            return http_ok("now");
        }
        assert!(request.starts_with("POST /order HTTP/1.1\r\n"), "{request}");
        assert!(lower.contains("content-type: application/x-www-form-urlencoded\r\n"));
        assert!(request.ends_with("\r\n\r\nnonce=1"), "{request}");
        b"HTTP/1.1 400 Bad\r\nContent-Length: 4\r\n\r\nnope".to_vec()
    });
    let mut desk = Setup { http: Some(at), ..Setup::default() }.desk(at);
    desk.orders([Order::Get(1, "/time?a=1"), Order::Post(2, "/order", "nonce=1")]);
    desk.saw("http 1 200 now").saw("http 2 400 nope");
}

#[test]
fn a_huge_body_is_a_failure_not_an_allocation() {
    let at = peer(|mut stream| {
        let _ = read_request(&mut stream);
        let length = HTTP_BODY_BYTES_MAX + 1;
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        let chunk = vec![b'x'; 65536];
        while stream.write_all(&chunk).is_ok() {}
    });
    let mut desk = Setup { http: Some(at), ..Setup::default() }.desk(at);
    desk.orders([Order::Get(7, "/huge")]).saw("http 7 failed").http_fault(Why::TooLong, "REST");
    assert_eq!(desk.driver.counters().http_failed, 1);
}

#[test]
fn requests_beyond_the_queue_fail_at_once() {
    let (release, released) = mpsc::channel::<()>();
    let at = http_peer(move |_| {
        let _ = released.recv_timeout(PATIENCE);
        http_ok("")
    });
    let mut desk = Setup { http: Some(at), ..Setup::default() }.desk(at);
    let total = HTTP_QUEUE_MAX as u64 + 2;
    desk.orders((0..total / 2).map(|id| Order::Get(id, "/")));
    desk.orders((total / 2..total).map(|id| Order::Get(id, "/")));
    desk.saw(&format!("http {} failed", total - 1)).http_fault(Why::RestBusy, "256");
    assert!(desk.driver.counters().http_refused >= 1);
    drop(release);
    desk.saw("http 0 200 ");
}

#[test]
fn a_sleeping_driver_is_woken_by_a_publisher() {
    let mut desk = Setup::default().desk(peer(echo));
    desk.saw("connected");
    let handle = desk.driver.waker();
    let publisher = std::thread::spawn(move || {
        while !handle.notify() {
            std::thread::yield_now();
        }
    });
    let started = Instant::now();
    desk.driver.park(|| false, PATIENCE, &mut |_| {}).expect("park");
    assert!(started.elapsed() < PATIENCE, "it slept through");
    publisher.join().expect("publisher");
}

/// The server side of the link type, as gateways use it: non-blocking, turned by hand.
#[test]
fn a_server_link_ignores_offered_compression_and_knows_the_target() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("listener");
    let at = listener.local_addr().expect("address");
    let client = std::thread::spawn(move || {
        let mut stream = TcpStream::connect(at).expect("connect");
        let head = "GET /v2?x=1 HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";
        stream.write_all(head.as_bytes()).expect("request");
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("answer");
            answer.push(byte[0]);
        }
        let answer = String::from_utf8(answer).expect("text").to_ascii_lowercase();
        assert!(answer.contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{answer}");
        assert!(!answer.contains("extensions"), "{answer}");
        // A masked "hi".
        stream.write_all(&[0x81, 0x82, 0, 0, 0, 0, b'h', b'i']).expect("frame");
        let mut echoed = [0; 4];
        stream.read_exact(&mut echoed).expect("echo");
        assert_eq!(&echoed, b"\x81\x02hi");
    });
    let (socket, _) = listener.accept().expect("accept");
    socket.set_nonblocking(true).expect("non-blocking");
    let mut poll = mio::Poll::new().expect("poll");
    let mut events = mio::Events::with_capacity(8);
    let mut stream = Stream::plain(mio::net::TcpStream::from_std(socket));
    poll.registry()
        .register(&mut stream, mio::Token(0), mio::Interest::READABLE)
        .expect("registered");
    let mut link = WebSocketLink::server(stream);
    let mut open = false;
    let incoming = loop {
        poll.poll(&mut events, Some(PATIENCE)).expect("poll");
        for event in &events {
            link.stream().expect("a stream").on_ready(event);
        }
        open = open || link.handshake().expect("handshake");
        if let Some(incoming) = open.then(|| link.read().expect("read")).flatten() {
            break incoming;
        }
    };
    assert_eq!(link.target(), "/v2?x=1");
    assert_eq!(incoming, Incoming::Text("hi".into()));
    link.send_text("hi").expect("queued");
    link.flush().expect("sent");
    client.join().expect("client");
}
