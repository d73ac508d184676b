//! What a Logon must prove, and what happens to those who cannot.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rutter_clients::credentials::{REFUSED_TEXT, REPLAYS_MAX};
use rutter_clients::notice_limiter::{PERIOD_NS, TOLD_MAX};
use rutter_clients::{CloseReason, LogonFault, Notice, Proof};
use rutter_core::id::SessionId;
use rutter_core::input::{CancelOnDisconnect, Input};
use rutter_fix::session::REFUSALS_MAX;
use rutter_transport::acceptor::{Acceptor, ConnId, Event, Peer};

use crate::desk::{Desk, ORDER, SECOND, START, numbered, time_text};

/// The example of `docs/fix/logon.md`.
const SECRET: &str = "an-example-secret-of-32-characters";

/// Python: `base64.b64encode(hmac.new(SECRET, "20240627-11:17:26.000\x011\x01ALPHA\x01RUTTER",
/// hashlib.sha256).digest())`.
const HMAC: &str = "NDniBoTpOoqdh4/shEGyK/Xan7TtYKDBRzzEB0sBX2Y=";

/// The key of RFC 8032, section 7.1, test 1, in base64.
const PUBLIC_KEY: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

/// `openssl pkeyutl -sign -rawin` with its private key over the same text.
const ED25519: &str = "KPvNr9piV9hCNtByL48iB90/dYjZVU3i9oGCkH83k8FsYKQmKZUhMa2eGfTfZvt1AgSdPjfIzY+\
                       k7hKDC3FRCw==";

const HERE: [u8; 4] = [192, 0, 2, 1];
const ELSEWHERE: [u8; 4] = [198, 51, 100, 7];

fn hmac_desk() -> Desk {
    Desk::with(|config| config.sessions[0].proof = Proof::HmacSha256(SECRET.into()))
}

fn ed25519_desk() -> Desk {
    let key = STANDARD.decode(PUBLIC_KEY).expect("base64").try_into().expect("32 bytes");
    Desk::with(|config| config.sessions[0].proof = Proof::Ed25519(key))
}

/// The signature of a Logon of `ALPHA`'s at this time, by the code that the vectors above hold.
fn sign(seq: u64, sent_ns: u64) -> String {
    let text = format!("{}\u{1}{seq}\u{1}ALPHA\u{1}RUTTER", time_text(sent_ns));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, SECRET.as_bytes());
    STANDARD.encode(ring::hmac::sign(&key, text.as_bytes()))
}

fn raw_data(signature: &str) -> String {
    format!("35=A|98=0|108=30|95={}|96={signature}|", signature.len())
}

/// A Logon of `ALPHA`'s on a new connection from somewhere. Whether it got in, and else what the
/// operator was told.
fn knock(desk: &mut Desk, from: [u8; 4], logon: &[u8]) -> Result<(), LogonFault> {
    let peer = Peer { address: Some(IpAddr::from(from)), tls: false };
    desk.notices();
    desk.connect_as(9, &peer).expect("room");
    desk.bytes(9, logon);
    let seen = desk.seen(9);
    let refused = desk.notices().into_iter().find_map(|notice| match notice {
        Notice::LogonRefused { fault, address, session: SessionId(0) } => {
            assert_eq!(address, peer.address);
            Some(fault)
        }
        _ => None,
    });
    let verdict = match seen.as_slice() {
        [] => panic!("no answer"),
        [refusal] if refusal.starts_with("35=5|") => {
            assert!(refusal.ends_with(&format!("|58={REFUSED_TEXT}|")), "{refusal}");
            assert_eq!(refusal.matches('|').count(), 3, "{refusal}");
            // A flood of refusals is told in part: an untold one is still a refusal.
            Err(refused.unwrap_or(LogonFault::LockedOut))
        }
        [logon, ..] => {
            assert!(logon.starts_with("35=A|"), "{logon}");
            Ok(())
        }
    };
    if verdict.is_ok() {
        desk.peer_closes(9);
    }
    desk.closes();
    verdict
}

fn knock_text(desk: &mut Desk, seq: u64, sent_ns: u64, body: &str) -> Result<(), LogonFault> {
    knock(desk, HERE, &numbered("ALPHA", seq, sent_ns, body))
}

#[test]
fn the_documented_signatures_are_good_in_each_form() {
    assert_eq!(knock_text(&mut hmac_desk(), 1, START, &raw_data(HMAC)), Ok(()));
    let password = format!("35=A|98=0|108=30|554={HMAC}|");
    assert_eq!(knock_text(&mut hmac_desk(), 1, START, &password), Ok(()));
    assert_eq!(knock_text(&mut ed25519_desk(), 1, START, &raw_data(ED25519)), Ok(()));
    let password = format!("35=A|98=0|108=30|554={ED25519}|");
    assert_eq!(knock_text(&mut ed25519_desk(), 1, START, &password), Ok(()));
}

#[test]
fn raw_data_may_be_the_bytes_of_the_signature() {
    for (mut desk, signature) in [(hmac_desk(), HMAC), (ed25519_desk(), ED25519)] {
        let raw = STANDARD.decode(signature).expect("base64");
        let time = time_text(START);
        let head = format!(
            "35=A\u{1}34=1\u{1}49=ALPHA\u{1}52={time}\u{1}56=RUTTER\u{1}98=0\u{1}108=30\u{1}95={}\u{1}96=",
            raw.len()
        );
        let body = [head.as_bytes(), &raw, b"\x01"].concat();
        let mut logon = format!("8=FIX.4.4\u{1}9={}\u{1}", body.len()).into_bytes();
        logon.extend_from_slice(&body);
        let sum = rutter_fix::codec::checksum(&logon);
        logon.extend_from_slice(format!("10={sum:03}\u{1}").as_bytes());
        assert_eq!(knock(&mut desk, HERE, &logon), Ok(()));
    }
}

#[test]
fn a_signature_over_anything_else_is_refused() {
    let good = sign(1, START);
    let mut changed = good.clone().into_bytes();
    changed[7] = if changed[7] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).expect("ascii");
    let other_key = STANDARD.encode([7; 32]);
    for (what, seq, sent_ns, body) in [
        ("nothing", 1, START, "35=A|98=0|108=30|".to_owned()),
        ("a changed bit", 1, START, raw_data(&changed)),
        ("noise", 1, START, raw_data(&other_key)),
        ("no base64", 1, START, raw_data("@@@")),
        ("too short", 1, START, raw_data("AAAA")),
        ("another number", 2, START, raw_data(&good)),
        ("another time", 1, START + 1_000_000, raw_data(&good)),
        ("the secret itself", 1, START, format!("35=A|98=0|108=30|554={SECRET}|")),
        ("Ed25519's", 1, START, raw_data(ED25519)),
    ] {
        let refused = knock_text(&mut hmac_desk(), seq, sent_ns, &body);
        assert_eq!(refused, Err(LogonFault::Signature), "{what}");
        let refused = knock_text(&mut ed25519_desk(), seq, sent_ns, &raw_data(HMAC));
        assert_eq!(refused, Err(LogonFault::Signature), "{what}");
    }
    // Another session's name under a good signature is that session's business.
    let mut desk = hmac_desk();
    desk.connect(1).expect("room");
    desk.bytes(1, &numbered("BETA", 1, START, &raw_data(&good)));
    desk.saw(1, &["35=5|34=1|58=Invalid credentials|"]);
}

#[test]
fn a_replayed_logon_is_refused_over_connections_and_other_spellings() {
    let mut desk = hmac_desk();
    let reset = format!("{}141=Y|", raw_data(&sign(1, START)));
    assert_eq!(knock_text(&mut desk, 1, START, &reset), Ok(()));
    assert_eq!(knock_text(&mut desk, 1, START, &reset), Err(LogonFault::Replayed));
    let spelled = format!("35=A|98=0|108=30|141=Y|554={}|", sign(1, START));
    assert_eq!(knock_text(&mut desk, 1, START, &spelled), Err(LogonFault::Replayed));
    desk.now += 5 * SECOND;
    assert_eq!(knock_text(&mut desk, 1, START, &reset), Err(LogonFault::Replayed));
    desk.now += 1;
    assert_eq!(knock_text(&mut desk, 1, START, &reset), Err(LogonFault::Window));
    let fresh = format!("{}141=Y|", raw_data(&sign(1, desk.now)));
    let now = desk.now;
    assert_eq!(knock_text(&mut desk, 1, now, &fresh), Ok(()));
}

#[test]
fn a_skewed_clock_is_refused_beyond_the_window_and_locks_nobody_out() {
    let mut desk = hmac_desk();
    for (at, skew_ms, expected) in [
        (1, 5_001, Err(LogonFault::Window)),
        (2, -5_001, Err(LogonFault::Window)),
        (3, 60_000, Err(LogonFault::Window)),
        (4, -60_000, Err(LogonFault::Window)),
    ]
    .into_iter()
    .cycle()
    .take(REFUSALS_MAX as usize)
    .chain([(5, 5_000, Ok(())), (6, -5_000, Ok(()))])
    {
        let sent_ns = START.saturating_add_signed(skew_ms * 1_000_000);
        let logon = format!("{}141=Y|", raw_data(&sign(1, sent_ns)));
        let got = knock_text(&mut desk, 1, sent_ns, &logon);
        // Of many refusals of one kind not each is told.
        assert_eq!(got.is_ok(), expected.is_ok(), "{at}: {got:?}");
    }
    assert_eq!(desk.gateway.counters().lockouts, 0);
}

#[test]
fn a_reset_within_a_session_needs_a_signature_of_its_own() {
    let mut desk = hmac_desk();
    desk.as_client(1, "ALPHA");
    desk.send(1, &raw_data(&sign(1, START)));
    assert!(desk.seen(1)[0].starts_with("35=A|"));
    desk.now += SECOND;
    let (now, again) = (desk.now, format!("{}141=Y|", raw_data(&sign(1, desk.now))));
    desk.bytes(1, &numbered("ALPHA", 1, now, &again));
    desk.saw(1, &["35=A|34=1|98=0|108=30|141=Y|"]);
    let replayed = numbered("ALPHA", 1, now, &again);
    desk.bytes(1, &replayed);
    let seen = desk.seen(1);
    assert!(seen[0].starts_with("35=5|") && seen[0].contains(REFUSED_TEXT), "{seen:?}");
}

/// The signatures that were used are forgotten in a restart, so what was signed before it is void.
#[test]
fn a_logon_from_before_a_restart_is_refused_after_it() {
    let logon = |sent_ns| format!("{}141=Y|", raw_data(&sign(1, sent_ns)));
    let mut desk = hmac_desk();
    assert_eq!(knock_text(&mut desk, 1, START, &logon(START)), Ok(()));
    let mut desk = hmac_desk();
    desk.now += SECOND;
    desk.gateway.opened(desk.now);
    assert_eq!(knock_text(&mut desk, 1, START, &logon(START)), Err(LogonFault::BeforeStart));
    let now = desk.now;
    assert_eq!(knock_text(&mut desk, 1, now, &logon(now)), Ok(()));
}

/// Only the client itself can fill the memory of its signatures, and only for a moment.
#[test]
fn more_signed_logons_than_are_remembered_are_refused_until_the_old_ones_are_void() {
    let mut desk = hmac_desk();
    let logon = |sent_ns| format!("{}141=Y|", raw_data(&sign(1, sent_ns)));
    for at in 0..REPLAYS_MAX as u64 {
        let sent_ns = START + at * 1_000_000;
        assert_eq!(knock_text(&mut desk, 1, sent_ns, &logon(sent_ns)), Ok(()));
    }
    let late = START + SECOND;
    assert_eq!(knock_text(&mut desk, 1, late, &logon(late)), Err(LogonFault::TooMany));
    desk.now += 5 * SECOND + 1;
    assert_eq!(knock_text(&mut desk, 1, late, &logon(late)), Ok(()));
}

fn password(word: &str) -> Vec<u8> {
    numbered("ALPHA", 1, START, &format!("35=A|98=0|108=30|141=Y|554={word}|"))
}

#[test]
fn five_wrong_passwords_lock_their_address_out_and_no_other() {
    let mut desk = Desk::new();
    for _ in 0..5 {
        assert_eq!(knock(&mut desk, ELSEWHERE, &password("guess")), Err(LogonFault::Password));
        desk.now += PERIOD_NS;
        desk.wait(0);
        desk.now -= PERIOD_NS;
    }
    assert_eq!(desk.gateway.counters().lockouts, 1);
    let right = password("pw-ALPHA");
    assert_eq!(knock(&mut desk, ELSEWHERE, &right), Err(LogonFault::LockedOut));
    assert_eq!(knock(&mut desk, HERE, &right), Ok(()), "the desk itself is elsewhere");
    desk.now += 30 * SECOND - 1;
    assert_eq!(knock(&mut desk, ELSEWHERE, &right), Err(LogonFault::LockedOut));
    desk.now += 1;
    assert_eq!(knock(&mut desk, ELSEWHERE, &right), Ok(()));
    assert_eq!(desk.gateway.counters().locked_out, 2);
}

/// FIX 4.2 has no Password.
#[test]
fn a_password_may_be_in_raw_data_and_password_goes_first() {
    let mut desk = Desk::new();
    let body = |fields: &str| numbered("ALPHA", 1, START, &format!("35=A|98=0|108=30|{fields}"));
    let both = body("95=8|96=pw-ALPHA|554=other|");
    assert_eq!(knock(&mut desk, HERE, &both), Err(LogonFault::Password));
    let wrong = body("95=8|96=pw-OTHER|");
    assert_eq!(knock(&mut desk, HERE, &wrong), Err(LogonFault::Password));
    assert_eq!(knock(&mut desk, HERE, &body("95=8|96=pw-ALPHA|")), Ok(()));
}

#[test]
fn the_operator_is_told_of_a_lock_out_and_how_long_it_lasts() {
    let mut desk = Desk::new();
    let peer = Peer { address: Some(IpAddr::from(ELSEWHERE)), tls: false };
    let mut told = Vec::new();
    for conn in 0..12 {
        desk.connect_as(conn, &peer).expect("room");
        desk.bytes(conn, &password("guess"));
        desk.saw(conn, &[&format!("35=5|34={}|58=Invalid credentials|", conn + 1)]);
        told.extend(desk.notices());
        if conn == 4 {
            desk.wait(30 * SECOND);
        }
        desk.closes();
    }
    let locks = told.iter().filter_map(|notice| match notice {
        Notice::LockedOut { session: SessionId(0), address, for_s } => Some((*address, *for_s)),
        _ => None,
    });
    assert_eq!(locks.collect::<Vec<_>>(), [(peer.address, 30), (peer.address, 60)]);
    assert!(told.iter().all(|notice| !format!("{notice:?}").contains("guess")));
}

#[test]
fn every_refusal_for_credentials_reads_the_same() {
    let mut desk = Desk::with(|config| config.sessions[0].username = Some("trader".to_owned()));
    let logon = |fields: &str| numbered("ALPHA", 1, START, &format!("35=A|98=0|108=30|{fields}"));
    // `knock` compares every byte of the answer.
    let cases = [
        ("554=pw-ALPHA|", LogonFault::Username),
        ("553=other|554=pw-ALPHA|", LogonFault::Username),
        ("553=trader|554=other|", LogonFault::Password),
        ("553=trader|", LogonFault::Password),
        ("553=other|554=other|", LogonFault::Username),
    ];
    for (fields, fault) in cases {
        assert_eq!(knock(&mut desk, HERE, &logon(fields)), Err(fault), "{fields}");
    }
    let good = logon("553=trader|554=pw-ALPHA|");
    assert_eq!(knock(&mut desk, HERE, &good), Err(LogonFault::LockedOut));
    assert_eq!(knock(&mut desk, ELSEWHERE, &good), Ok(()));
}

#[test]
fn one_address_cannot_use_up_the_connections_that_wait_for_a_logon() {
    let mut desk = Desk::with(|config| config.limits.unbound_per_address_max = 3);
    let from = |address: [u8; 4]| Peer { address: Some(IpAddr::from(address)), tls: false };
    for conn in 0..3 {
        desk.connect_as(conn, &from(ELSEWHERE)).expect("room");
    }
    let refused = desk.connect_as(3, &from(ELSEWHERE));
    assert_eq!(refused, Err(CloseReason::TooManyFromAddress));
    desk.connect_as(3, &from(HERE)).expect("room for others");
    desk.bytes(3, &password("pw-ALPHA"));
    assert_eq!(desk.published(), [Input::SessionUp(SessionId(0), CancelOnDisconnect::default())]);
    // One that is logged on no longer counts.
    for conn in 4..7 {
        desk.connect_as(conn, &from(HERE)).expect("room");
    }
    assert_eq!(desk.connect_as(7, &from(HERE)), Err(CloseReason::TooManyFromAddress));
    let network = |host| Peer {
        address: Some(format!("2001:db8::{host}").parse().expect("an address")),
        tls: false,
    };
    for conn in 7..10 {
        desk.connect_as(conn, &network(conn)).expect("room");
    }
    assert_eq!(desk.connect_as(10, &network(10)), Err(CloseReason::TooManyFromAddress));
}

/// The limit is reached by many addresses: who comes from one more takes the place of the one that
/// waits longest at the address with the most.
#[test]
fn a_crowd_from_many_addresses_makes_room_for_a_newcomer() {
    let mut desk = Desk::with(|config| {
        config.limits.unbound_max = 4;
        config.limits.unbound_per_address_max = 2;
    });
    let from = |host| Peer { address: Some(IpAddr::from([198, 51, 100, host])), tls: false };
    for (conn, host) in [(0, 1), (1, 2), (2, 2), (3, 3)] {
        desk.connect_as(conn, &from(host)).expect("room");
        desk.now += 1;
    }
    assert_eq!(desk.connect_as(4, &from(2)), Err(CloseReason::TooManyFromAddress));
    desk.connect_as(4, &from(4)).expect("room is made");
    assert_eq!(desk.closes(), [(1, CloseReason::Displaced)]);
    desk.connect_as(5, &from(5)).expect("room is made");
    assert_eq!(desk.closes(), [(0, CloseReason::Displaced)]);
    assert_eq!(desk.connect_as(6, &from(5)), Err(CloseReason::TooManyUnbound));
    desk.bytes(5, &password("pw-ALPHA"));
    assert_eq!(desk.published(), [Input::SessionUp(SessionId(0), CancelOnDisconnect::default())]);
}

/// A client that has begun its handshake is not displaced by those who only connect.
#[test]
fn who_has_sent_nothing_makes_room_first() {
    let mut desk = Desk::with(|config| config.limits.unbound_max = 3);
    let from = |host: u32| Peer { address: Some(IpAddr::from(host.to_be_bytes())), tls: true };
    desk.connect_as(0, &from(0)).expect("room");
    desk.gateway.on_event(START, Event::Spoke(ConnId(0)));
    for host in 1..200 {
        desk.now += 1;
        desk.connect_as(1 + host % 4, &from(host)).expect("room is made");
        let displaced: Vec<u32> = desk.closes().into_iter().map(|(conn, _)| conn).collect();
        assert!(!displaced.contains(&0), "{displaced:?}");
    }
}

/// A place belongs to a listener, and to known addresses or to strangers.
#[test]
fn strangers_never_take_a_place_of_a_known_address_or_of_the_other_listener() {
    let mut desk = Desk::with(|config| config.limits.unbound_max = 2);
    desk.gateway.set_known(vec!["192.0.2.0/24".parse().expect("a network")]);
    let from = |address: [u8; 4], tls| Peer { address: Some(IpAddr::from(address)), tls };
    desk.connect_as(0, &from(HERE, true)).expect("room");
    desk.connect_as(1, &from(ELSEWHERE, false)).expect("room");
    for host in 1..100 {
        desk.now += 1;
        desk.connect_as(2 + host % 4, &from([10, 0, 0, host as u8], true)).expect("room");
        let displaced: Vec<u32> = desk.closes().into_iter().map(|(conn, _)| conn).collect();
        assert!(!displaced.contains(&0) && !displaced.contains(&1), "{displaced:?}");
    }
    // The address of a good Logon is known from then on.
    desk.bytes(1, &password("pw-ALPHA"));
    desk.peer_closes(1);
    desk.connect_as(1, &from(ELSEWHERE, true)).expect("room");
    for host in 1..100 {
        desk.now += 1;
        desk.connect_as(2 + host % 4, &from([10, 0, 1, host as u8], true)).expect("room");
        let displaced: Vec<u32> = desk.closes().into_iter().map(|(conn, _)| conn).collect();
        assert!(!displaced.contains(&1), "{displaced:?}");
    }
}

/// The time for a Logon is one, not one for each byte.
#[test]
fn a_logon_that_comes_a_byte_a_second_is_closed_after_ten() {
    let mut desk = Desk::new();
    desk.connect(1).expect("room");
    let logon = password("pw-ALPHA");
    let mut bytes = 0;
    while desk.closes().is_empty() {
        desk.bytes(1, &logon[bytes..=bytes]);
        desk.wait(SECOND);
        bytes += 1;
        assert!(bytes <= 10, "it is closed");
    }
    assert_eq!(bytes, 10);
    let timeout = |notice: &Notice| {
        matches!(notice, Notice::Closed { reason: CloseReason::LogonTimeout, session: None, .. })
    };
    assert_eq!(desk.notices().iter().filter(|notice| timeout(notice)).count(), 1);
}

#[test]
fn a_flood_of_refusals_is_told_a_few_times_and_then_as_a_number() {
    const FLOOD: u64 = 10_000;
    let mut desk = Desk::new();
    desk.logon(0, "BETA").notices();
    let mut told = Vec::new();
    for _ in 0..FLOOD {
        desk.connect(1).expect("room");
        desk.bytes(1, b"GET / HTTP/1.1\r\n\r\n");
        told.extend(desk.notices());
        desk.closes();
        desk.now += 100_000;
    }
    assert_eq!(told.len(), TOLD_MAX as usize, "{told:?}");
    assert!(desk.gateway.next_timer_ns().is_some_and(|due_ns| due_ns <= START + PERIOD_NS));
    desk.wait(PERIOD_NS);
    let told = desk.notices();
    let untold = told.iter().find_map(|notice| match notice {
        Notice::Untold { count, .. } => Some(*count),
        _ => None,
    });
    assert_eq!(untold, Some(FLOOD - u64::from(TOLD_MAX)));
    desk.send(0, &format!("35=D|11=b1|{ORDER}"));
    assert_eq!(desk.published().len(), 2, "the neighbour's logon and its order");
}
