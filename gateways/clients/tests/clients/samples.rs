//! `docs/fix/logon.md` says what is so: its samples are played, and its table names every reason.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rutter_clients::{CloseReason, LogonFault, Proof};
use rutter_fix::session::{DisconnectReason, Refusal};
use rutter_test_support::published::assert_allowed;
use rutter_transport::acceptor::{Acceptor, ConnId};
use rutter_transport::tls::TlsFault;

use crate::desk::Desk;

const DOCUMENT: &str = include_str!("../../../../docs/fix/logon.md");

/// The blocks of FIX: how the session proves itself, and the lines.
fn samples() -> Vec<(&'static str, Vec<&'static str>)> {
    let blocks = DOCUMENT.split("```fix ").skip(1);
    blocks
        .map(|block| {
            let (proof, rest) = block.split_once('\n').expect("a line");
            (proof, rest.split("```").next().expect("an end").lines().collect())
        })
        .collect()
}

fn proof(name: &str) -> Proof {
    let key = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    match name {
        "password" => Proof::Password("change-me-please".into()),
        "hmac-sha256" => Proof::HmacSha256("an-example-secret-of-32-characters".into()),
        "ed25519" => {
            Proof::Ed25519(STANDARD.decode(key).expect("base64").try_into().expect("32 bytes"))
        }
        other => panic!("no such proof: {other}"),
    }
}

#[test]
fn the_documented_samples_are_what_is_said() {
    let samples = samples();
    assert!(samples.len() >= 8, "{}", samples.len());
    for (name, lines) in samples {
        let mut desk = Desk::with(|config| {
            config.sessions[0].comp_id = "DESK1".to_owned();
            config.sessions[0].heartbeat_s_range = (1, 3_600);
            config.sessions[0].proof = proof(name);
        });
        desk.reads = false;
        desk.connect(1).expect("room");
        for line in lines {
            let (who, text) = line.split_once(' ').expect("who says what");
            match (who, text) {
                ("C", text) => {
                    desk.bytes(1, text.replace('|', "\u{1}").as_bytes());
                }
                ("R", "(closed)") => {
                    assert!(desk.gateway.pending(ConnId(1)).is_empty(), "{line}");
                    assert_eq!(desk.closes().len(), 1, "{line}");
                }
                ("R", text) => {
                    assert_allowed(desk.gateway.pending(ConnId(1)), |_| false);
                    let said = String::from_utf8_lossy(desk.gateway.pending(ConnId(1)));
                    assert_eq!(said.replace('\u{1}', "|"), text);
                }
                (other, _) => panic!("who is {other}?"),
            }
        }
    }
}

#[test]
fn the_documented_table_names_every_reason_at_the_door() {
    let faults = [
        LogonFault::LockedOut,
        LogonFault::Certificate,
        LogonFault::Username,
        LogonFault::Password,
        LogonFault::Signature,
        LogonFault::Window,
        LogonFault::Replayed,
        LogonFault::BeforeStart,
        LogonFault::TooMany,
    ];
    let tls = [
        TlsFault::NotTls,
        TlsFault::Incompatible,
        TlsFault::NoCertificate,
        TlsFault::BadCertificate,
        TlsFault::RefusedByPeer,
        TlsFault::Violation,
        TlsFault::Left,
        TlsFault::Stalled,
    ];
    let refusals =
        [Refusal::EncryptMethod, Refusal::HeartBtInt, Refusal::ResetSeqNum, Refusal::InvalidField];
    let refused = refusals.map(|one| CloseReason::Session(DisconnectReason::LogonRefused(one)));
    let closed = [
        CloseReason::TooManyConnections,
        CloseReason::TooManyUnbound,
        CloseReason::TooManyFromAddress,
        CloseReason::Displaced,
        CloseReason::LogonTimeout,
        CloseReason::GarbledLogon,
        CloseReason::FirstMessageNotLogon,
        CloseReason::UnknownCompId,
        CloseReason::AlreadyConnected,
        CloseReason::SessionFailed,
        CloseReason::Operator,
        CloseReason::Session(DisconnectReason::SendingTime),
        CloseReason::Session(DisconnectReason::InvalidLogon),
    ];
    let words = faults.iter().map(ToString::to_string);
    let words = words.chain(tls.iter().map(|fault| CloseReason::Tls(*fault).to_string()));
    let words = words.chain(refused.iter().chain(&closed).map(ToString::to_string));
    for word in words {
        assert!(DOCUMENT.contains(&format!("| `{word}` |")), "{word}");
    }
}
