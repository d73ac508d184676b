//! TLS towards clients, over loopback sockets.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection};
use rutter_clients::{CertificatePin, CloseReason, LogonFault, Notice, Proof};
use rutter_core::output::Output;
use rutter_transport::tls::TlsFault;

use crate::desk::{ORDER, numbered, report, unframe};
use crate::hall::{Hall, PATIENCE, clock, connect_from};
use crate::pki::{Issued, Pki, put};

/// A FIX client over TLS.
pub struct TlsClient {
    pub socket: TcpStream,
    pub tls: ClientConnection,
    heard: Vec<u8>,
    pub over: Option<String>,
}

impl TlsClient {
    pub fn new(hall: &Hall, config: Arc<ClientConfig>, name: &str) -> Self {
        let address = hall.server.tls_addr().expect("bound");
        let socket = TcpStream::connect(address).expect("connected");
        socket.set_nonblocking(true).expect("non-blocking");
        Self::over(socket, config, name)
    }

    fn over(socket: TcpStream, config: Arc<ClientConfig>, name: &str) -> Self {
        let name = name.to_owned().try_into().expect("a name");
        let tls = ClientConnection::new(config, name).expect("a client");
        Self { socket, tls, heard: Vec::new(), over: None }
    }

    /// Moves what can be moved; notes how the connection ended.
    fn pump(&mut self) {
        if self.over.is_some() {
            return;
        }
        self.write();
        match self.tls.read_tls(&mut self.socket) {
            Ok(0) => self.over = Some("closed".to_owned()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => self.over = Some(error.to_string()),
        }
        if let Err(error) = self.tls.process_new_packets() {
            self.over = Some(error.to_string());
        }
        self.write();
        let mut buffer = [0; 4_096];
        while let Ok(count @ 1..) = self.tls.reader().read(&mut buffer) {
            self.heard.extend_from_slice(&buffer[..count]);
        }
    }

    fn write(&mut self) {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => {
                    self.over.get_or_insert(error.to_string());
                    break;
                }
            }
        }
    }

    pub fn shake(&mut self, hall: &mut Hall) {
        hall.turn_until("the handshake", |_| {
            self.pump();
            !self.tls.is_handshaking() || self.over.is_some()
        });
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.tls.writer().write_all(bytes).expect("buffered");
        self.pump();
    }

    /// The messages that came, once one of them contains `part`.
    pub fn read(&mut self, hall: &mut Hall, part: &str) -> Vec<String> {
        hall.turn_until(part, |_| {
            self.pump();
            let text = String::from_utf8_lossy(&self.heard).replace('\u{1}', "|");
            let whole = text.rfind("|10=").is_some_and(|at| at + 8 == text.len());
            whole && text.contains(part)
        });
        unframe(&std::mem::take(&mut self.heard))
    }

    pub fn logon(&mut self, hall: &mut Hall, comp_id: &str, seq: u64) -> Vec<String> {
        let logon = format!("35=A|98=0|108=30|554=pw-{comp_id}|");
        self.send(&numbered(comp_id, seq, clock(), &logon));
        self.read(hall, "|10=")
    }

    pub fn is_over(&mut self, hall: &mut Hall) -> String {
        hall.turn_until("its end", |_| {
            self.pump();
            self.over.is_some()
        });
        self.over.clone().unwrap_or_default()
    }
}

fn notices(hall: &mut Hall) -> Vec<Notice> {
    std::iter::from_fn(|| hall.server.gateway_mut().take_notice()).collect()
}

/// Turns until a connection is closed for this.
pub fn told(hall: &mut Hall, expected: CloseReason) {
    let is =
        |notice: &Notice| matches!(notice, Notice::Closed { reason, .. } if *reason == expected);
    hall.turn_until(&format!("{expected}"), |hall| notices(hall).iter().any(is));
}

fn is_on(seen: &[String]) -> bool {
    seen.first().is_some_and(|first| first.starts_with("35=A|"))
}

#[test]
fn a_client_trades_over_tls_1_3_and_1_2() {
    for version in [&TLS13, &TLS12] {
        let pki = Pki::new();
        let mut hall = Hall::with_tls(pki.server(&["fix.example"], false, false), |_| {});
        let config = pki.client(None, &[version]);
        let mut client = TlsClient::new(&hall, config, "fix.example");
        assert!(is_on(&client.logon(&mut hall, "ALPHA", 1)));
        assert_eq!(client.tls.protocol_version(), Some(version.version));
        client.send(&numbered("ALPHA", 2, clock(), &format!("35=D|11=a1|{ORDER}")));
        hall.turn_until("the order", |hall| hall.inputs.len() == 2);
        hall.outputs.push(Output::Report(report(1)));
        assert_eq!(client.read(&mut hall, "|17=000000a1-1|").len(), 1);
        // And in the same moment somebody over the plain door.
        hall.logon("BETA", 1);
    }
}

#[test]
fn the_certificate_is_chosen_by_the_name_asked_for() {
    let pki = Pki::new();
    let mut hall =
        Hall::with_tls(pki.server(&["one.example", "two.example"], false, false), |_| {});
    for (name, file) in [("one.example", "one.example.pem"), ("two.example", "two.example.pem")] {
        let mut client = TlsClient::new(&hall, pki.client(None, &[&TLS13]), name);
        client.shake(&mut hall);
        let shown = client.tls.peer_certificates().expect("a certificate")[0].clone();
        let text = std::fs::read_to_string(pki.path(file)).expect("text");
        let issued = Issued { certificate_pem: text, key_pem: String::new() };
        assert_eq!(shown, issued.certificate(), "{name}");
    }
    let mut client = TlsClient::new(&hall, pki.client(None, &[&TLS13]), "three.example");
    client.shake(&mut hall);
    assert!(client.over.is_some_and(|over| over.contains("not valid for name")), "the first");
    told(&mut hall, CloseReason::Tls(TlsFault::RefusedByPeer));
}

#[test]
fn a_client_certificate_can_be_demanded() {
    let pki = Pki::new();
    let mut hall = Hall::with_tls(pki.server(&["fix.example"], true, true), |_| {});
    let versions = [&TLS13, &TLS12];
    for (version, fault) in versions.map(|version| (version, TlsFault::NoCertificate)) {
        let mut client = TlsClient::new(&hall, pki.client(None, &[version]), "fix.example");
        client.is_over(&mut hall);
        told(&mut hall, CloseReason::Tls(fault));
    }
    let stranger = pki.authority.issue("desk1.example");
    let config = pki.client(Some(&stranger), &[&TLS13]);
    let mut client = TlsClient::new(&hall, config, "fix.example");
    client.is_over(&mut hall);
    told(&mut hall, CloseReason::Tls(TlsFault::BadCertificate));
    let ours = pki.clients.issue("desk1.example");
    let mut client = TlsClient::new(&hall, pki.client(Some(&ours), &[&TLS13]), "fix.example");
    assert!(is_on(&client.logon(&mut hall, "ALPHA", 1)));
    assert_eq!(hall.server.gateway().counters().tls_failures, 3);
}

#[test]
fn a_session_can_be_bound_to_one_certificate_by_fingerprint_or_by_name() {
    let pki = Pki::new();
    let (first, second) = (pki.clients.issue("desk1.example"), pki.clients.issue("desk2.example"));
    let pins =
        [CertificatePin::Sha256(first.sha256()), CertificatePin::Name("desk1.example".to_owned())];
    for pin in pins {
        let mut hall = Hall::with_tls(pki.server(&["fix.example"], true, false), |config| {
            config.sessions[0].certificate = Some(pin.clone());
            config.sessions[0].proof = Proof::Nothing;
        });
        let refused = |hall: &mut Hall| {
            let wrong = |notice: &Notice| {
                matches!(notice, Notice::LogonRefused { fault: LogonFault::Certificate, .. })
            };
            hall.turn_until("it is told", |hall| notices(hall).iter().any(wrong));
        };
        for (identity, number) in [(Some(&second), 1), (None, 2)] {
            let config = pki.client(identity, &[&TLS13]);
            let mut client = TlsClient::new(&hall, config, "fix.example");
            let seen = client.logon(&mut hall, "ALPHA", 1);
            assert_eq!(seen, [format!("35=5|34={number}|58=Invalid credentials|")]);
            refused(&mut hall);
        }
        // Over the plain door nobody has a certificate.
        let mut plain = hall.connect();
        let logon = numbered("ALPHA", 1, clock(), "35=A|98=0|108=30|554=pw-ALPHA|");
        plain.write_all(&logon).expect("sent");
        assert_eq!(hall.read(&mut plain, "35=5"), ["35=5|34=3|58=Invalid credentials|"]);
        refused(&mut hall);
        let config = pki.client(Some(&first), &[&TLS13]);
        let mut client = TlsClient::new(&hall, config, "fix.example");
        assert!(is_on(&client.logon(&mut hall, "ALPHA", 1)), "{pin:?}");
        // A session without a pin takes any client of the authority, and any without.
        let mut other = TlsClient::new(&hall, pki.client(None, &[&TLS13]), "fix.example");
        assert!(is_on(&other.logon(&mut hall, "BETA", 1)));
    }
}

#[test]
fn certificates_are_renewed_without_a_restart_and_connections_live_on() {
    let pki = Pki::new();
    let mut hall = Hall::with_tls(pki.server(&["fix.example"], false, false), |_| {});
    let config = pki.client(None, &[&TLS13]);
    let mut old = TlsClient::new(&hall, config.clone(), "fix.example");
    assert!(is_on(&old.logon(&mut hall, "ALPHA", 1)));
    let renewed = pki.renew("fix.example");
    // Key and certificate are two files: between the two renames they do not fit, which may be
    // told as well.
    hall.turn_until("reloaded", |hall| notices(hall).contains(&Notice::CertificatesReloaded));
    let mut new = TlsClient::new(&hall, config.clone(), "fix.example");
    new.shake(&mut hall);
    assert_eq!(new.tls.peer_certificates().expect("shown")[0], renewed.certificate());
    assert!(is_on(&new.logon(&mut hall, "BETA", 1)));

    let stranger = pki.authority.issue("fix.example");
    for (file, text) in [
        ("fix.example.pem", "not a certificate"),
        ("fix.example.key", ""),
        ("fix.example.pem", renewed.certificate_pem.as_str()),
        ("fix.example.key", stranger.key_pem.as_str()),
    ] {
        put(&pki.path(file), text);
        let refused = |hall: &mut Hall| notices(hall).contains(&Notice::CertificatesRefused);
        hall.turn_until(file, refused);
        let said = hall.server.last_tls_error().expect("an error").to_string();
        assert!(said.contains("fix.example."), "{said}");
        assert!(!said.contains("PRIVATE"), "{said}");
        let mut still = TlsClient::new(&hall, config.clone(), "fix.example");
        still.shake(&mut hall);
        assert_eq!(still.tls.peer_certificates().expect("shown")[0], renewed.certificate());
    }
    put(&pki.path("fix.example.key"), &renewed.key_pem);
    hall.turn_until("mended", |hall| notices(hall).contains(&Notice::CertificatesReloaded));
    old.send(&numbered("ALPHA", 2, clock(), &format!("35=D|11=a1|{ORDER}")));
    hall.turn_until("the order", |hall| hall.inputs.len() == 3);
}

/// A TLS 1.0 hello: legal records, a version that is too old, one cipher suite of its time.
fn old_hello() -> Vec<u8> {
    let mut hello = vec![3, 1];
    hello.extend_from_slice(&[7; 32]);
    hello.extend_from_slice(&[0, 0, 2, 0, 0x2f, 1, 0]);
    let mut record = vec![0x16, 3, 1, 0, hello.len() as u8 + 4, 1, 0, 0, hello.len() as u8];
    record.extend_from_slice(&hello);
    record
}

#[test]
fn what_is_no_tls_on_the_tls_port_is_closed_for_its_reason() {
    let pki = Pki::new();
    let mut hall = Hall::with_tls(pki.server(&["fix.example"], false, false), |_| {});
    let mut neighbour = hall.logon("BETA", 1);
    let logon = numbered("ALPHA", 1, clock(), "35=A|98=0|108=30|554=pw-ALPHA|");
    let noise: Vec<u8> = (0..5_000_u32).map(|at| (at.wrapping_mul(40_503) >> 7) as u8).collect();
    let cases: [(&str, Vec<u8>, TlsFault); 8] = [
        ("plain FIX", logon, TlsFault::NotTls),
        ("a web browser", b"GET / HTTP/1.1\r\n\r\n".to_vec(), TlsFault::NotTls),
        ("noise", noise, TlsFault::NotTls),
        ("a record of 65,535 bytes", vec![0x16, 3, 1, 0xff, 0xff, 1], TlsFault::Violation),
        (
            "a handshake message of 16 MB",
            vec![0x16, 3, 1, 0, 5, 1, 0xff, 0xff, 0xff, 3],
            TlsFault::Violation,
        ),
        ("data before the handshake", vec![0x17, 3, 3, 0, 1, 0], TlsFault::Violation),
        ("an empty hello", vec![0x16, 3, 1, 0, 4, 1, 0, 0, 0], TlsFault::Violation),
        ("TLS 1.0", old_hello(), TlsFault::Incompatible),
    ];
    for (number, (what, bytes, fault)) in cases.into_iter().enumerate() {
        let address = hall.server.tls_addr().expect("bound");
        let mut stranger = TcpStream::connect(address).expect("connected");
        stranger.set_nonblocking(true).expect("non-blocking");
        stranger.write_all(&bytes).expect("sent");
        hall.turn_until(what, |hall| {
            let reasons: Vec<CloseReason> = notices(hall)
                .iter()
                .filter_map(|notice| match notice {
                    Notice::Closed { reason, .. } => Some(*reason),
                    _ => None,
                })
                .collect();
            assert!(
                reasons.iter().all(|got| *got == CloseReason::Tls(fault)),
                "{what}: {reasons:?}"
            );
            !reasons.is_empty()
        });
        hall.is_closed(&mut stranger);
        let order = format!("35=D|11=b{number}|{ORDER}");
        let before = hall.inputs.len();
        neighbour.write_all(&numbered("BETA", number as u64 + 2, clock(), &order)).expect("sent");
        hall.turn_until("the neighbour's order", |hall| hall.inputs.len() == before + 1);
    }
    let mut confused = hall.connect();
    confused.write_all(&old_hello()).expect("sent");
    told(&mut hall, CloseReason::GarbledLogon);
}

#[test]
fn a_handshake_that_stalls_is_closed_in_time_and_so_is_a_logon_after_one() {
    let pki = Pki::new();
    let mut hall = Hall::with_tls(pki.server(&["fix.example"], false, false), |config| {
        config.limits.logon_timeout_ns = 200_000_000;
    });
    let address = hall.server.tls_addr().expect("bound");
    let mut half = TcpStream::connect(address).expect("connected");
    half.write_all(&old_hello()[..20]).expect("sent");
    told(&mut hall, CloseReason::Tls(TlsFault::Stalled));
    let mut silent = TlsClient::new(&hall, pki.client(None, &[&TLS13]), "fix.example");
    silent.shake(&mut hall);
    told(&mut hall, CloseReason::LogonTimeout);
}

#[test]
fn damage_within_a_tls_session_ends_it_with_its_reason() {
    let pki = Pki::new();
    let mut hall = Hall::with_tls(pki.server(&["fix.example"], false, false), |_| {});
    for (seq, version) in [(1, &TLS13), (2, &TLS12)] {
        let config = pki.client(None, &[version]);
        let mut client = TlsClient::new(&hall, config, "fix.example");
        assert!(is_on(&client.logon(&mut hall, "ALPHA", seq)));
        client.socket.write_all(&[0x17, 3, 3, 0, 40]).expect("sent");
        client.socket.write_all(&[9; 40]).expect("sent");
        told(&mut hall, CloseReason::Tls(TlsFault::Violation));
        client.is_over(&mut hall);
    }
}

/// A signature costs as much as hundreds of orders, so there are few of them between two looks at
/// those who are logged on.
#[test]
fn a_crowd_of_handshakes_leaves_turns_for_the_others() {
    const CROWD: usize = 30;
    let pki = Pki::new();
    let mut hall = Hall::with_tls(pki.server(&["fix.example"], false, false), |config| {
        config.limits.unbound_per_address_max = CROWD;
    });
    let mut neighbour = hall.logon("BETA", 1);
    let mut crowd: Vec<TlsClient> = (0..CROWD)
        .map(|_| TlsClient::new(&hall, pki.client(None, &[&TLS13]), "fix.example"))
        .collect();
    crowd.iter_mut().for_each(TlsClient::write);
    hall.turn_until("all have come", |hall| hall.server.counters().accepted as usize > CROWD);
    let order = format!("35=D|11=b1|{ORDER}");
    neighbour.write_all(&numbered("BETA", 2, clock(), &order)).expect("sent");
    let started = Instant::now();
    hall.turn_until("the order", |hall| hall.inputs.len() == 2);
    let waited = started.elapsed();
    let answered = crowd.iter().filter(|one| one.socket.peek(&mut [0; 1]).is_ok()).count();
    assert!(answered < CROWD / 2, "{answered} handshakes before the neighbour's order");
    let done = |crowd: &mut Vec<TlsClient>| {
        crowd.iter_mut().for_each(TlsClient::pump);
        crowd.iter().all(|one| !one.tls.is_handshaking())
    };
    hall.turn_until("all are done", |_| done(&mut crowd));
    eprintln!("an order beside {CROWD} handshakes: {waited:?}; all: {:?}", started.elapsed());
}

/// All places are taken, and half as many empty connections come between any two turns of the
/// gateway, each from an address that was not there before.
#[test]
fn a_crowd_of_empty_connections_from_rotating_addresses_leaves_every_logon() {
    const LOGONS: u32 = 100;
    const AT_ONCE: u32 = 60;
    let begun = Instant::now();
    let pki = Pki::new();
    let mut hall = Hall::with_tls(pki.server(&["fix.example"], false, false), |_| {});
    let door = hall.server.tls_addr().expect("bound");
    let address = |number: u32| std::net::Ipv4Addr::from_bits(0x7f01_0000 + number);
    let (mut crowd, mut came) = (std::collections::VecDeque::new(), 0);
    for seq in 1..=LOGONS {
        let socket = connect_from(address(0x20_0000 + seq), door);
        let mut client = TlsClient::over(socket, pki.client(None, &[&TLS13]), "fix.example");
        client.send(&numbered("ALPHA", seq.into(), clock(), "35=A|98=0|108=30|554=pw-ALPHA|"));
        let started = Instant::now();
        while !String::from_utf8_lossy(&client.heard).contains("\u{1}35=A\u{1}") {
            assert!(client.over.is_none() && started.elapsed() < PATIENCE, "{:?}", client.over);
            for _ in 0..AT_ONCE {
                came += 1;
                crowd.push_back(connect_from(address(came), door));
                if crowd.len() > 4 * AT_ONCE as usize {
                    crowd.pop_front();
                }
            }
            client.pump();
            hall.turn();
        }
        drop(client);
        hall.turn_until("the session is down", |hall| hall.inputs.len() == 2 * seq as usize);
    }
    assert!(came > 2 * AT_ONCE * LOGONS, "a crowd came: {came}");
    let took = begun.elapsed();
    eprintln!("{LOGONS} of {LOGONS} Logons among {came} empty connections in {took:?}");
}

/// Somebody else's TLS: OpenSSL's client logs on with its certificate, and out again.
#[test]
fn openssl_logs_on_with_a_certificate_over_both_versions() {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("notice: openssl is not there: it is not tried as a client");
        return;
    }
    let pki = Pki::new();
    let ours = pki.clients.issue("desk1.example");
    put(&pki.path("authority.pem"), &pki.authority.pem);
    put(&pki.path("desk1.pem"), &ours.certificate_pem);
    put(&pki.path("desk1.key"), &ours.key_pem);
    let mut hall = Hall::with_tls(pki.server(&["fix.example"], true, true), |config| {
        config.sessions[0].certificate = Some(CertificatePin::Sha256(ours.sha256()));
    });
    let address = hall.server.tls_addr().expect("bound").to_string();
    for (seq, version) in [(1, "-tls1_3"), (3, "-tls1_2")] {
        let mut client = Command::new("openssl")
            .args(["s_client", "-quiet", "-verify_return_error", "-connect", &address, version])
            .args(["-servername", "fix.example", "-verify_hostname", "fix.example", "-CAfile"])
            .arg(pki.path("authority.pem"))
            .arg("-cert")
            .arg(pki.path("desk1.pem"))
            .arg("-key")
            .arg(pki.path("desk1.key"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("openssl runs");
        let mut input = client.stdin.take().expect("piped");
        let logon = numbered("ALPHA", seq, clock(), "35=A|98=0|108=30|554=pw-ALPHA|");
        let logout = numbered("ALPHA", seq + 1, clock(), "35=5|");
        input.write_all(&[logon, logout].concat()).expect("sent");
        hall.turn_until(version, |_| client.try_wait().expect("waited").is_some());
        let output = client.wait_with_output().expect("its words");
        let kinds: Vec<String> =
            unframe(&output.stdout).iter().map(|message| message[..5].to_owned()).collect();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(kinds, ["35=A|", "35=5|"], "{version}: {said}");
    }
}

/// OpenSSL's client can ask for another handshake within a TLS 1.2 session: it gets none.
#[test]
fn renegotiation_is_refused() {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("notice: openssl is not there: renegotiation is not tried");
        return;
    }
    let pki = Pki::new();
    let mut hall = Hall::with_tls(pki.server(&["fix.example"], false, false), |_| {});
    let address = hall.server.tls_addr().expect("bound").to_string();
    let mut client = Command::new("openssl")
        .args(["s_client", "-connect", &address, "-tls1_2", "-servername", "fix.example"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("openssl runs");
    hall.turn_until("it connects", |hall| hall.server.counters().accepted == 1);
    let mut input = client.stdin.take().expect("piped");
    input.write_all(b"R\n").expect("sent");
    hall.turn_until("it gives up", |_| client.try_wait().expect("waited").is_some());
    let output = client.wait_with_output().expect("its words");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("RENEGOTIATING"), "{said}");
    assert!(!output.status.success(), "{said}");
    // The server goes on.
    let mut other = TlsClient::new(&hall, pki.client(None, &[&TLS12]), "fix.example");
    assert!(is_on(&other.logon(&mut hall, "BETA", 1)));
}
