//! Why a link or a request failed, in the words that people are told.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rutter_transport::probe::reach;
use rutter_transport::standing::Why;
use rutter_transport::tls::ClientTls;

use super::desk::{self, Order, Pki, Setup, echo, peer, secured};
use super::peer_that_sends;

const SHORT: Duration = Duration::from_millis(100);

fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port")
}

/// A TLS peer with this certificate; the other side trusts the authority or not.
fn over_tls(pki: Pki, trusts_ca: bool) -> (Setup, SocketAddr) {
    let server = Arc::clone(&pki.server);
    let at = peer(move |stream| echo(secured(stream, &server)));
    (Setup { host: "localhost", pki: Some(pki), trusts_ca, ..Setup::default() }, at)
}

#[test]
fn a_link_that_cannot_be_made_says_what_failed() {
    let mut desk = Setup::default().desk(nobody());
    desk.saw("closed ConnectFailed").link_fault(Why::ConnectionRefused, "127.0.0.1:");

    let setup = Setup { host: "does-not-exist.invalid", ..Setup::default() };
    let mut desk = setup.desk(SocketAddr::from(([127, 0, 0, 1], 9)));
    desk.saw("closed ConnectFailed").link_fault(Why::NameNotResolved, "does-not-exist.invalid");

    for (pki, trusts_ca, why) in [
        (Pki::new(), false, Why::TlsUntrusted),
        (Pki::with(&["other.example"], false), true, Why::TlsWrongName),
        (Pki::with(&["localhost"], true), true, Why::TlsExpired),
    ] {
        let (setup, at) = over_tls(pki, trusts_ca);
        setup.desk(at).saw("closed ConnectFailed").link_fault(why, "certificate");
    }

    let at = peer(|mut stream| drop(stream.write_all(b"220 mail.example ready\r\n")));
    let setup = Setup { pki: Some(Pki::new()), ..Setup::default() };
    setup.desk(at).saw("closed ConnectFailed").link_fault(Why::TlsFailed, "");
}

#[test]
fn a_peer_that_is_silent_while_connecting_is_a_timeout() {
    let (held, _keep) = mpsc::channel();
    let at = peer(move |stream| drop(held.send(stream)));
    for (pki, target, says) in
        [(None, Some("/"), "upgrade"), (Some(Pki::new()), None, "TLS handshake")]
    {
        let setup = Setup { pki, target, connect_timeout: SHORT, ..Setup::default() };
        setup.desk(at).saw("closed ConnectFailed").link_fault(Why::ConnectTimeout, says);
    }
}

#[test]
fn an_upgrade_that_is_declined_is_told_with_its_status() {
    let at = peer(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let _ = stream.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
        let _ = stream.read(&mut [0; 1]);
    });
    let mut desk = Setup { target: Some("/"), ..Setup::default() }.desk(at);
    desk.saw("closed ConnectFailed").link_fault(Why::UpgradeRefused, "503");
}

#[test]
fn an_open_link_that_ends_says_how() {
    let mut desk = Setup::default().desk(peer(drop));
    desk.saw("connected").saw("closed Peer").link_fault(Why::ClosedByPeer, "");

    let target = Some("/");
    let mut desk = Setup { target, ..Setup::default() }.desk(peer_that_sends(vec![0x83, 0]));
    desk.saw("connected").saw("closed Protocol").link_fault(Why::Protocol, "protocol");

    let mut header = vec![0x81, 127];
    header.extend_from_slice(&(u64::MAX >> 1).to_be_bytes());
    let mut desk = Setup { target, ..Setup::default() }.desk(peer_that_sends(header));
    desk.saw("connected").saw("closed TooLong").link_fault(Why::TooLong, "");
    assert_eq!(desk.driver.counters().too_long, 1);

    let mut desk = Setup::default().desk(peer(echo));
    desk.saw("connected").orders([Order::Close]).saw("closed Requested");
    assert_eq!(desk.driver.faults().0, None, "the machine asked for the end");
}

#[test]
fn a_request_without_an_answer_says_why() {
    let refused = nobody();
    let mut desk = Setup { http: Some(refused), ..Setup::default() }.desk(refused);
    desk.orders([Order::Get(1, "/")]).saw("http 1 failed").http_fault(Why::ConnectionRefused, "");

    let (setup, at) = over_tls(Pki::with(&["other.example"], false), true);
    let mut desk = Setup { http: Some(at), ..setup }.desk(at);
    desk.orders([Order::Get(2, "/")]).saw("http 2 failed").http_fault(Why::TlsWrongName, "REST");

    let at = peer(|mut stream| {
        let _ = stream.read(&mut [0; 1024]);
        let head = format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\n\r\n", "x".repeat(1 << 20));
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.read(&mut [0; 1]);
    });
    let mut desk = Setup { http: Some(at), ..Setup::default() }.desk(at);
    desk.orders([Order::Get(3, "/")]).saw("http 3 failed").http_fault(Why::TooLong, "header");
}

#[test]
fn a_probe_uses_the_same_words() {
    let timeout = desk::PATIENCE;
    let word = |at: SocketAddr, pki: Option<(&Pki, bool)>| {
        let tls = pki.map(|(pki, trusts_ca)| {
            ClientTls::load(trusts_ca.then_some(pki.ca_file.as_path())).expect("client TLS")
        });
        let host = if tls.is_some() { "localhost" } else { "127.0.0.1" };
        match reach(host, at.port(), tls.as_ref(), timeout) {
            Ok(_) => "ok",
            Err(fault) => fault.why.word(),
        }
    };
    assert_eq!(word(nobody(), None), "connection_refused");
    assert_eq!(word(peer(echo), None), "ok");
    for (names, is_expired, trusts_ca, expected) in [
        (["localhost"], false, true, "ok"),
        (["localhost"], false, false, "tls_untrusted"),
        (["other.example"], false, true, "tls_wrong_name"),
        (["localhost"], true, true, "tls_expired"),
    ] {
        let pki = Pki::with(&names, is_expired);
        let server = Arc::clone(&pki.server);
        let at = peer(move |stream| echo(secured(stream, &server)));
        assert_eq!(word(at, Some((&pki, trusts_ca))), expected);
    }
    let unknown = reach("does-not-exist.invalid", 9, None, timeout);
    assert_eq!(unknown.map_err(|fault| fault.why), Err(Why::NameNotResolved));
}
