//! Our FIX codec against `fefix`, in pairs of short slices. Each pair prints one JSON line of the
//! same form as the pairs of `benches/ratios.rs`.
//!
//! A line belongs here if it needs `fefix` and measures.

#![allow(dead_code, reason = "the shared workloads hold floors that only the workspace's benches run")]

#[path = "../../../benches/support/fix.rs"]
mod fix;
#[path = "../../../benches/support/pair.rs"]
mod pair;

use std::hint::black_box;

use fefix::tagvalue::{Config, Decoder, Encoder as PeerEncoder, FieldAccess};
use fefix::{Dictionary, TagU16};
use fix::Report;
use pair::{measure, timed};
use rutter_fix::codec::FieldIndex;

fn peer_decoder() -> Decoder<Config> {
    Decoder::new(Dictionary::fix44())
}

/// `fefix`: decoded, the same fields looked up. It validates nothing.
#[inline]
fn peer_decode(bytes: &[u8], peer: &mut Decoder<Config>) -> usize {
    let Ok(message) = peer.decode(bytes) else { return 0 };
    let tags = [34_u32, 11, 1, 55, 54, 60, 38, 40, 44, 59];
    tags.iter().filter_map(|tag| message.fv_raw(tag)).map(<[u8]>::len).sum()
}

/// `fefix`: the same fields. `fefix` has no decimals without another crate, so prices and
/// times come ready made.
#[inline]
fn peer_encode(report: &Report, peer: &mut PeerEncoder<Config>, out: &mut Vec<u8>) {
    out.clear();
    let mut message = peer.start_message(b"FIX.4.4", out, b"8");
    let mut set = |tag: u16, value: &[u8]| {
        if let Some(tag) = TagU16::new(tag) {
            message.set_any(tag, value);
        }
    };
    for (tag, value) in [(49, &b"RUTTER"[..]), (52, b"20240627-11:17:26.100"), (56, b"DESK01")] {
        set(tag, value);
    }
    let texts: [(u16, &[u8]); 14] = [
        (11, b"rt-0000021487"),
        (150, b"F"),
        (39, b"2"),
        (1, b"FUND"),
        (55, b"BTC/USD"),
        (54, b"1"),
        (38, b"0.25"),
        (40, b"2"),
        (44, b"60000.50"),
        (59, b"3"),
        (32, b"0.25"),
        (31, b"60000.50"),
        (151, b"0.00"),
        (14, b"0.25"),
    ];
    for (tag, value) in texts {
        set(tag, value);
    }
    set(6, b"60000.50");
    set(60, b"20240627-11:17:26.100");
    for (tag, number) in [(34, report.sequence), (37, 987_654), (17, report.exec)] {
        if let Some(tag) = TagU16::new(tag) {
            message.set_any(tag, number);
        }
    }
    let _ = message.wrap();
}

fn decode() {
    let order = fix::order();
    let (mut index, mut peer) = (FieldIndex::new(), peer_decoder());
    assert!(peer_decode(&order, &mut peer) > 60, "fefix finds the fields");
    let mut ours = timed(|| {
        black_box(fix::ours_decode(black_box(&order), &mut index));
    });
    let mut theirs = timed(|| {
        black_box(peer_decode(black_box(&order), &mut peer));
    });
    measure("fix_decode_order/fefix", &mut ours, &mut theirs);
}

fn encode() {
    let (mut out, mut peer_out) = (Vec::with_capacity(1 << 10), Vec::with_capacity(1 << 10));
    let (mut n, mut m) = (0, 0);
    let mut peer = PeerEncoder::<Config>::default();
    let mut ours = timed(|| {
        n += 1;
        fix::ours_encode(&Report::nth(n), &mut out);
        black_box(&out);
    });
    let mut theirs = timed(|| {
        m += 1;
        peer_encode(&Report::nth(m), &mut peer, &mut peer_out);
        black_box(&peer_out);
    });
    measure("fix_encode_report/fefix", &mut ours, &mut theirs);
}

fn main() {
    fix::check();
    decode();
    encode();
}
