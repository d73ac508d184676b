//! FIX: one typical order in, one typical report out, by our codec and by the floor.
//!
//! The floor of decoding is one pass over the bytes that finds the same fields and the checksum,
//! and validates nothing. The floor of encoding writes this one message by hand. The comparison
//! with another codec is in `tests/fefix`, which takes this file in by its path.

use rutter_fix::app::NewOrderSingle;
use rutter_fix::codec::{Encoder, FieldIndex, Message, Status, TimePrecision, checksum, decode};
use rutter_fix::dictionary::{Checks, Dictionary, Version};

pub const SOH: u8 = 1;
const TIME_NS: u64 = 1_719_487_046_100_000_000;

/// A limit order as a client sends it.
pub fn order() -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = Encoder::begin(&mut out, b"FIX.4.4", b"D");
    encoder
        .field(49, b"DESK01")
        .field(56, b"RUTTER")
        .uint(34, 21_487)
        .timestamp(52, TIME_NS, TimePrecision::Millis)
        .field(11, b"rt-0000021487")
        .field(1, b"FUND")
        .char(21, b'1')
        .field(55, b"BTC/USD")
        .char(54, b'1')
        .timestamp(60, TIME_NS, TimePrecision::Millis)
        .decimal(38, 25, 2)
        .char(40, b'2')
        .decimal(44, 6_000_050, 2)
        .char(59, b'3');
    encoder.finish().expect("short");
    out
}

/// Decoded and validated as the gateway does it.
#[inline]
pub fn ours_decode(bytes: &[u8], index: &mut FieldIndex) -> i64 {
    let Ok(Status::Complete { .. }) = decode(bytes, index) else { return -1 };
    let message = Message::new(bytes, index);
    match NewOrderSingle::read(&message) {
        Ok(order) => {
            order.cl_ord_id.len() as i64
                + order.order_qty.at_scale(8).unwrap_or(0)
                + order.price.and_then(|price| price.at_scale(8)).unwrap_or(0)
        }
        Err(_) => -1,
    }
}

/// As [`ours_decode`], and every check of the data dictionary before the order is read.
#[inline]
pub fn ours_validate(
    bytes: &[u8],
    index: &mut FieldIndex,
    dictionary: &Dictionary,
    checks: &Checks,
) -> i64 {
    let Ok(Status::Complete { .. }) = decode(bytes, index) else { return -1 };
    let message = Message::new(bytes, index);
    if message.defect().is_some() || dictionary.check(&message, checks).is_err() {
        return -1;
    }
    match NewOrderSingle::read(&message) {
        Ok(order) => order.cl_ord_id.len() as i64 + order.order_qty.at_scale(8).unwrap_or(0),
        Err(_) => -1,
    }
}

/// Where the fields of an order are.
#[derive(Debug, Default)]
pub struct Found<'a> {
    pub sequence: &'a [u8],
    pub cl_ord_id: &'a [u8],
    pub account: &'a [u8],
    pub symbol: &'a [u8],
    pub side: &'a [u8],
    pub time: &'a [u8],
    pub qty: &'a [u8],
    pub kind: &'a [u8],
    pub price: &'a [u8],
    pub tif: &'a [u8],
    pub sum: &'a [u8],
}

/// The floor: one pass over the bytes.
#[inline]
pub fn scan(bytes: &[u8]) -> Option<Found<'_>> {
    let mut found = Found::default();
    let (mut at, mut sum, mut before_sum) = (0, 0_u8, 0_u8);
    while at < bytes.len() {
        before_sum = sum;
        let mut tag = 0_u32;
        while bytes[at] != b'=' {
            tag = tag * 10 + u32::from(bytes[at] - b'0');
            sum = sum.wrapping_add(bytes[at]);
            at += 1;
        }
        let start = at + 1;
        while bytes[at] != SOH {
            sum = sum.wrapping_add(bytes[at]);
            at += 1;
        }
        sum = sum.wrapping_add(SOH);
        let value = &bytes[start..at];
        at += 1;
        match tag {
            34 => found.sequence = value,
            11 => found.cl_ord_id = value,
            1 => found.account = value,
            55 => found.symbol = value,
            54 => found.side = value,
            60 => found.time = value,
            38 => found.qty = value,
            40 => found.kind = value,
            44 => found.price = value,
            59 => found.tif = value,
            10 => found.sum = value,
            _ => {}
        }
    }
    let said = found.sum.iter().fold(0_u32, |n, digit| n * 10 + u32::from(digit - b'0'));
    (said == u32::from(before_sum)).then_some(found)
}

/// The fields that change from report to report.
#[derive(Clone, Copy, Debug)]
pub struct Report {
    pub sequence: u64,
    pub time_ns: u64,
    pub exec: u64,
    pub qty: i64,
    pub price: i64,
}

impl Report {
    pub const fn nth(n: u64) -> Self {
        Self {
            sequence: 100_000 + n % 800_000,
            // A millisecond each, and a new second now and then.
            time_ns: TIME_NS + n * 1_000_000,
            exec: 5_000_000 + n % 4_000_000,
            qty: 25 + (n % 64) as i64,
            price: 6_000_050 + (n % 100) as i64,
        }
    }
}

/// An `ExecutionReport` of a fill with our encoder.
#[inline]
pub fn ours_encode(report: &Report, out: &mut Vec<u8>) {
    out.clear();
    let mut encoder = Encoder::begin(out, b"FIX.4.4", b"8");
    encoder
        .uint(34, report.sequence)
        .field(49, b"RUTTER")
        .timestamp(52, report.time_ns, TimePrecision::Millis)
        .field(56, b"DESK01")
        .uint(37, 987_654)
        .field(11, b"rt-0000021487")
        .uint(17, report.exec)
        .char(150, b'F')
        .char(39, b'2')
        .field(1, b"FUND")
        .field(55, b"BTC/USD")
        .char(54, b'1')
        .decimal(38, report.qty, 2)
        .char(40, b'2')
        .decimal(44, report.price, 2)
        .char(59, b'3')
        .decimal(32, report.qty, 2)
        .decimal(31, report.price, 2)
        .decimal(151, 0, 2)
        .decimal(14, report.qty, 2)
        .decimal(6, report.price, 2)
        .timestamp(60, report.time_ns, TimePrecision::Millis);
    let _ = encoder.finish();
}

/// Digits of a number, written backwards into a small buffer.
#[inline]
fn digits(out: &mut Vec<u8>, mut n: u64) {
    let mut buf = [0; 20];
    let mut at = buf.len();
    loop {
        at -= 1;
        buf[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    out.extend_from_slice(&buf[at..]);
}

#[inline]
fn cents(out: &mut Vec<u8>, n: i64) {
    digits(out, n.unsigned_abs() / 100);
    let rest = (n.unsigned_abs() % 100) as u8;
    out.extend_from_slice(&[b'.', b'0' + rest / 10, b'0' + rest % 10]);
}

/// The state of a gateway written by hand: the text of the day, and its midnight.
#[derive(Debug)]
pub struct Day {
    text: [u8; 9],
    midnight_ns: u64,
}

const DAY: Day = Day { text: *b"20240627-", midnight_ns: 1_719_446_400_000_000_000 };

#[inline]
fn time(out: &mut Vec<u8>, unix_ns: u64) {
    let ms = (unix_ns - DAY.midnight_ns) / 1_000_000 % 86_400_000;
    let (h, m, s, ms) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60, ms % 1_000);
    let two = |n: u64| [b'0' + (n / 10) as u8, b'0' + (n % 10) as u8];
    let ([h1, h2], [m1, m2], [s1, s2], [t2, t3]) = (two(h), two(m), two(s), two(ms % 100));
    let t1 = b'0' + (ms / 100) as u8;
    out.extend_from_slice(&DAY.text);
    out.extend_from_slice(&[h1, h2, b':', m1, m2, b':', s1, s2, b'.', t1, t2, t3]);
}

/// The floor: this one message by hand.
#[inline]
pub fn hand_encode(report: &Report, out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(b"8=FIX.4.4\x019=000\x0135=8\x0134=");
    let body = b"8=FIX.4.4\x019=000\x01".len();
    digits(out, report.sequence);
    out.extend_from_slice(b"\x0149=RUTTER\x0152=");
    time(out, report.time_ns);
    out.extend_from_slice(b"\x0156=DESK01\x0137=");
    digits(out, 987_654);
    out.extend_from_slice(b"\x0111=rt-0000021487\x0117=");
    digits(out, report.exec);
    out.extend_from_slice(b"\x01150=F\x0139=2\x011=FUND\x0155=BTC/USD\x0154=1\x0138=");
    cents(out, report.qty);
    out.extend_from_slice(b"\x0140=2\x0144=");
    cents(out, report.price);
    out.extend_from_slice(b"\x0159=3\x0132=");
    cents(out, report.qty);
    out.extend_from_slice(b"\x0131=");
    cents(out, report.price);
    out.extend_from_slice(b"\x01151=0.00\x0114=");
    cents(out, report.qty);
    out.extend_from_slice(b"\x016=");
    cents(out, report.price);
    out.extend_from_slice(b"\x0160=");
    time(out, report.time_ns);
    out.push(SOH);
    let length = out.len() - body;
    for (place, unit) in [(body - 4, 100), (body - 3, 10), (body - 2, 1)] {
        out[place] = b'0' + (length / unit % 10) as u8;
    }
    let sum = checksum(out);
    let trailer = [b'1', b'0', b'=', b'0' + sum / 100, b'0' + sum / 10 % 10, b'0' + sum % 10, SOH];
    out.extend_from_slice(&trailer);
}

/// Fails unless our codec and the floors read and write the same.
pub fn check() {
    let bytes = order();
    assert!(ours_decode(&bytes, &mut FieldIndex::new()) > 0, "our decoder takes the order");
    let (dictionary, checks) = (Version::Fix44.dictionary(), Checks::default());
    let validated = ours_validate(&bytes, &mut FieldIndex::new(), &dictionary, &checks);
    assert!(validated > 0, "our dictionary takes the order");
    let found = scan(&bytes).expect("the scan takes the order");
    assert_eq!((found.cl_ord_id, found.price), (&b"rt-0000021487"[..], &b"60000.50"[..]));
    let (mut ours, mut hand) = (Vec::new(), Vec::new());
    for n in [0, 1, 7_000, 40_000_000] {
        ours_encode(&Report::nth(n), &mut ours);
        hand_encode(&Report::nth(n), &mut hand);
        assert_eq!(String::from_utf8_lossy(&ours), String::from_utf8_lossy(&hand));
    }
}
