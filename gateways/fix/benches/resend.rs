//! How fast a session resends what its memory-mapped store keeps: one million reports, asked for
//! by one `ResendRequest`, with and without live messages between the parts.
//!
//! `cargo bench -p rutter-fix --bench resend` prints messages a second, and by how much anonymous
//! memory grows. Nothing is sent over a socket, the bytes are dropped. The store's files are in the
//! system's temporary folder.

use std::time::Instant;

use rutter_fix::codec::{Encoder, FieldIndex, TimePrecision, checksum};
use rutter_fix::session::{Config, NoCredentials, Session};
use rutter_fix::store::{MmapConfig, MmapStore};

const START_NS: u64 = 1_719_487_046_000_000_000;
const MESSAGES: u64 = 1_000_000;
const ROUNDS: usize = 5;

type Desk = Session<MmapStore, NoCredentials>;

fn report(message: &mut Encoder<'_>, number: u64) {
    message
        .uint(37, 7_000_000 + number)
        .uint(17, number)
        .char(150, b'F')
        .char(39, b'1')
        .field(11, b"ORDER-0000123456")
        .field(55, b"BTC-USD")
        .char(54, b'1')
        .decimal(38, 150_000_000, 8)
        .decimal(44, 6_512_345, 2)
        .decimal(31, 6_512_300, 2)
        .decimal(32, 1_000_000, 8)
        .decimal(14, 2_000_000, 8)
        .decimal(151, 148_000_000, 8)
        .decimal(6, 6_512_300, 2)
        .timestamp(60, START_NS + number, TimePrecision::Millis);
}

fn from_client(body: &str) -> Vec<u8> {
    let time = "52=20240627-11:17:26.000|49=CLIENT|56=RUTTER|";
    let body = body.replacen("52|", time, 1).replace('|', "\u{1}");
    let mut bytes = format!("8=FIX.4.4\u{1}9={}\u{1}{body}", body.len()).into_bytes();
    let sum = checksum(&bytes);
    bytes.extend_from_slice(format!("10={sum:03}\u{1}").as_bytes());
    bytes
}

/// Serves a request for everything; `live` messages are sent after each part. Returns seconds,
/// parts and bytes.
fn resend(desk: &mut Desk, out: &mut Vec<u8>, live: u64) -> (f64, u64, usize) {
    let mut index = FieldIndex::new();
    let request = from_client(&format!("35=2|34={}|52|7=1|16={MESSAGES}|", desk.next_in()));
    let began = Instant::now();
    let (mut parts, mut bytes) = (1, 0);
    let _ = desk.receive(START_NS, &request, &mut index, out);
    loop {
        bytes += out.len();
        out.clear();
        if !desk.replay_pending() {
            break;
        }
        parts += 1;
        for number in 0..live {
            let sent = desk.send_unnumbered(START_NS, b"8", out, |one| report(one, number));
            assert!(sent.is_ok());
        }
        let _ = desk.on_timer(START_NS, out);
    }
    (began.elapsed().as_secs_f64(), parts, bytes)
}

/// Anonymous memory of this process (`RssAnon` of Linux), in KiB.
fn anonymous_kib() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config =
        MmapConfig { segment_bytes: 64 << 20, retention_bytes: 2 << 30, owner: 0, first_epoch: 0 };
    let store = MmapStore::open(folder.path(), config).expect("a store");
    let mut desk = Session::new(Config::acceptor("RUTTER", "CLIENT"), store, NoCredentials);
    let mut out = Vec::with_capacity(1 << 20);
    let (began, before_kib) = (Instant::now(), anonymous_kib());
    for number in 1..=MESSAGES {
        let sent = desk.send_app(START_NS, number, b"8", &mut out, |one| report(one, number));
        assert!(sent.is_ok());
    }
    let seconds = began.elapsed().as_secs_f64();
    println!("stored {MESSAGES}: {:.0} messages/s", MESSAGES as f64 / seconds);
    println!("anonymous memory grew by {} KiB", anonymous_kib() - before_kib);
    desk.connected(START_NS, &mut out).expect("not connected yet");
    let logon = from_client("35=A|34=1|52|98=0|108=30|");
    let mut index = FieldIndex::new();
    let _ = desk.receive(START_NS, &logon, &mut index, &mut out);
    assert!(desk.is_logged_on());
    out.clear();
    for live in [0, 10] {
        for _ in 0..ROUNDS {
            let (seconds, parts, bytes) = resend(&mut desk, &mut out, live);
            println!(
                "resent {MESSAGES} in {parts} parts of {} bytes, {live} live after each: {:.0} messages/s",
                bytes as u64 / parts,
                MESSAGES as f64 / seconds
            );
        }
    }
}
