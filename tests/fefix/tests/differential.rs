//! Our FIX codec against an independent one: `fefix` reads the fields of our messages, and our
//! codec reads those of `fefix`.
//!
//! A line belongs here if it compares the two codecs. Messages are generated from a printed seed:
//! `RUTTER_SEED=n` replays it, `RUTTER_SEEDS=n` runs n times as many messages. All messages are
//! well formed, for `fefix` panics on a wrong group count or data length.

use fefix::tagvalue::{Config, Decoder, Encoder as PeerEncoder};
use fefix::{Dictionary, TagU16};
use rutter_fix::codec::{
    Decimal, Encoder, FieldIndex, Message, Status, TimePrecision, checksum, decode,
};

/// Messages a direction of the ordinary run.
const MESSAGES: u64 = 150_000;
/// After so many messages `fefix` gets a new decoder: it never forgets an open group.
const MESSAGES_PER_DECODER: u64 = 2_000;
const FIELDS_MAX: u64 = 40;
const DATA_BYTES_MAX: u64 = 64;
const MS_PER_DAY: u64 = 86_400_000;
/// `10=ddd` and the separator.
const TRAILER_BYTES: usize = 7;

/// The generator: `SplitMix64` (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Small and large numbers alike: first how many bits, then which.
    fn any_size(&mut self) -> u64 {
        let bits = self.below(64);
        self.next() >> bits
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    fn text(&mut self, len_max: u64) -> Vec<u8> {
        let len = 1 + self.below(len_max);
        // Any byte that FIX allows in a text, `=` and those beyond ASCII included.
        (0..len).map(|_| (0x20 + self.below(0xe0)) as u8).collect()
    }
}

fn number_of(name: &str, usual: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")),
        Err(_) => usual,
    }
}

/// One value as a caller of our encoder knows it.
#[derive(Clone, Debug)]
enum Value {
    Text(Vec<u8>),
    Int(i64),
    Uint(u64),
    Decimal {
        mantissa: i64,
        scale: u8,
    },
    Bool(bool),
    Char(u8),
    /// Milliseconds since the Unix epoch.
    Time(u64),
}

/// A field, or a length and the data that it counts.
#[derive(Clone, Debug)]
enum Part {
    Field(u32, Value),
    Data(u32, u32, Vec<u8>),
}

/// Tags by kind, of bodies of FIX 4.4; none of them in two lists, none of them opens a group.
const TEXTS: &[u32] = &[1, 11, 15, 17, 37, 41, 48, 55, 58, 100, 107, 109, 112, 148, 198, 207, 526];
const INTS: &[u32] = &[61, 67, 71, 83, 156, 158, 163, 209, 218];
const UINTS: &[u32] = &[70, 80, 82, 105, 173, 202, 234, 378, 570];
const DECIMALS: &[u32] = &[6, 14, 31, 32, 38, 44, 53, 99, 110, 111, 140, 151, 152, 194, 210];
const BOOLS: &[u32] = &[114, 121, 130, 208, 266, 325, 377];
const CHARS: &[u32] = &[18, 21, 39, 40, 47, 54, 59, 63, 77, 81, 150];
const TIMES: &[u32] = &[42, 60, 62, 126, 168, 229, 341];
const DATA: &[(u32, u32)] = &[(95, 96), (348, 349), (350, 351), (352, 353), (354, 355), (618, 619)];
/// Of venues' own; `fefix` knows no name for them.
const OWN: &[u32] = &[5001, 7777, 9999, 20_001, 25_000, 65_535];
/// (count, first of an entry, others of an entry).
const GROUPS: &[(u32, u32, &[u32])] = &[(453, 448, &[447, 452]), (136, 137, &[138, 139])];
const TYPES: &[&[u8]] = &[b"D", b"F", b"G", b"H", b"8", b"9", b"j", b"AE", b"q", b"r", b"V", b"W"];

/// Days since 1970-01-01 to year, month, day; by counting, so that nothing is shared with ours.
fn date(days: u64) -> (u64, u64, u64) {
    let leap = |y: u64| y.is_multiple_of(4) && (!y.is_multiple_of(100) || y.is_multiple_of(400));
    let (mut year, mut left) = (1970, days);
    while left >= 365 + u64::from(leap(year)) {
        left -= 365 + u64::from(leap(year));
        year += 1;
    }
    let february = 28 + u64::from(leap(year));
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 1;
    for days_of_month in months {
        if left < days_of_month {
            break;
        }
        left -= days_of_month;
        month += 1;
    }
    (year, month, left + 1)
}

impl Value {
    /// What must stand on the wire, made by the standard library's formatting alone.
    fn on_the_wire(&self) -> Vec<u8> {
        match self {
            Self::Text(text) => text.clone(),
            Self::Int(n) => n.to_string().into_bytes(),
            Self::Uint(n) => n.to_string().into_bytes(),
            Self::Decimal { mantissa, scale } => decimal_text(*mantissa, *scale).into_bytes(),
            Self::Bool(yes) => vec![if *yes { b'Y' } else { b'N' }],
            Self::Char(c) => vec![*c],
            Self::Time(ms) => {
                let (year, month, day) = date(ms / MS_PER_DAY);
                let ms = ms % MS_PER_DAY;
                let (h, m, s) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
                let ms = ms % 1_000;
                format!("{year:04}{month:02}{day:02}-{h:02}:{m:02}:{s:02}.{ms:03}").into_bytes()
            }
        }
    }
}

fn decimal_text(mantissa: i64, scale: u8) -> String {
    let sign = if mantissa < 0 { "-" } else { "" };
    let digits = format!("{:0>width$}", mantissa.unsigned_abs(), width = usize::from(scale) + 1);
    let (whole, fraction) = digits.split_at(digits.len() - usize::from(scale));
    if scale == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// A message as a list of parts; no tag twice outside of groups.
fn message(random: &mut Random) -> (Vec<u8>, Vec<Part>) {
    let mut parts = vec![
        Part::Field(34, Value::Uint(random.any_size())),
        Part::Field(49, Value::Text(random.text(12))),
        Part::Field(52, Value::Time(random.below(MS_PER_DAY * 40_000))),
        Part::Field(56, Value::Text(random.text(12))),
    ];
    let mut used = Vec::new();
    for _ in 0..random.below(FIELDS_MAX) {
        let part = any_part(random);
        let tag = match &part {
            Part::Field(tag, _) | Part::Data(tag, _, _) => *tag,
        };
        if !used.contains(&tag) {
            used.push(tag);
            parts.push(part);
        }
    }
    if random.below(4) == 0 {
        let (count, first, others) = random.pick(GROUPS);
        let entries = 1 + random.below(4);
        parts.push(Part::Field(count, Value::Uint(entries)));
        for _ in 0..entries {
            parts.push(Part::Field(first, Value::Text(random.text(8))));
            for other in others {
                if random.below(2) == 0 {
                    parts.push(Part::Field(*other, Value::Text(random.text(3))));
                }
            }
        }
    }
    (random.pick(TYPES).to_vec(), parts)
}

fn any_part(random: &mut Random) -> Part {
    match random.below(9) {
        0 => Part::Field(random.pick(TEXTS), Value::Text(random.text(30))),
        1 => {
            let negative = random.below(2) == 0;
            let n = random.any_size() as i64;
            Part::Field(random.pick(INTS), Value::Int(if negative { n.wrapping_neg() } else { n }))
        }
        2 => Part::Field(random.pick(UINTS), Value::Uint(random.any_size())),
        3 => {
            let mantissa = (random.any_size() >> 1) as i64;
            let mantissa = if random.below(4) == 0 { -mantissa } else { mantissa };
            let scale = random.below(u64::from(Decimal::SCALE_MAX) + 1) as u8;
            Part::Field(random.pick(DECIMALS), Value::Decimal { mantissa, scale })
        }
        4 => Part::Field(random.pick(BOOLS), Value::Bool(random.below(2) == 0)),
        5 => Part::Field(random.pick(CHARS), Value::Char(0x21 + random.below(0x5e) as u8)),
        6 => Part::Field(random.pick(TIMES), Value::Time(random.below(MS_PER_DAY * 40_000))),
        7 => Part::Field(random.pick(OWN), Value::Text(random.text(60))),
        _ => {
            let (length, data) = random.pick(DATA);
            let len = random.below(DATA_BYTES_MAX);
            // Any byte at all, the field separator included.
            let bytes = (0..=len).map(|_| random.next() as u8).collect();
            Part::Data(length, data, bytes)
        }
    }
}

/// Tags and bytes in order, the type first.
fn fields_of(msg_type: &[u8], parts: &[Part]) -> Vec<(u32, Vec<u8>)> {
    let mut fields = vec![(35, msg_type.to_vec())];
    for part in parts {
        match part {
            Part::Field(tag, value) => fields.push((*tag, value.on_the_wire())),
            Part::Data(length, data, bytes) => {
                fields.push((*length, bytes.len().to_string().into_bytes()));
                fields.push((*data, bytes.clone()));
            }
        }
    }
    fields
}

fn ours(msg_type: &[u8], parts: &[Part], out: &mut Vec<u8>) {
    let mut encoder = Encoder::begin(out, b"FIX.4.4", msg_type);
    for part in parts {
        match part {
            Part::Field(tag, Value::Text(text)) => encoder.field(*tag, text),
            Part::Field(tag, Value::Int(n)) => encoder.int(*tag, *n),
            Part::Field(tag, Value::Uint(n)) => encoder.uint(*tag, *n),
            Part::Field(tag, Value::Decimal { mantissa, scale }) => {
                encoder.decimal(*tag, *mantissa, *scale)
            }
            Part::Field(tag, Value::Bool(yes)) => encoder.bool(*tag, *yes),
            Part::Field(tag, Value::Char(c)) => encoder.char(*tag, *c),
            Part::Field(tag, Value::Time(ms)) => {
                encoder.timestamp(*tag, ms * 1_000_000, TimePrecision::Millis)
            }
            Part::Data(length, data, bytes) => encoder.data(*length, *data, bytes),
        };
    }
    encoder.finish().expect("far below the longest message");
}

fn tag_u16(tag: u32) -> TagU16 {
    TagU16::new(u16::try_from(tag).expect("a small tag")).expect("not zero")
}

fn peers(peer: &mut PeerEncoder<Config>, msg_type: &[u8], parts: &[Part], out: &mut Vec<u8>) {
    let mut message = peer.start_message(b"FIX.4.4", out, msg_type);
    for part in parts {
        match part {
            Part::Field(tag, Value::Int(n)) => message.set_any(tag_u16(*tag), *n),
            Part::Field(tag, Value::Uint(n)) => message.set_any(tag_u16(*tag), *n),
            Part::Field(tag, Value::Bool(yes)) => message.set_any(tag_u16(*tag), *yes),
            Part::Field(tag, value) => {
                message.set_any(tag_u16(*tag), value.on_the_wire().as_slice());
            }
            Part::Data(length, data, bytes) => {
                message.set_any(tag_u16(*length), bytes.len());
                message.set_any(tag_u16(*data), bytes.as_slice());
            }
        }
    }
    let _ = message.wrap();
    mend(out);
}

/// `fefix` narrows the body length to eight bits before it formats the digits, so a length above
/// 255 is wrong, and so is the checksum. Both are corrected here; all other bytes stay as `fefix`
/// wrote them.
fn mend(out: &mut Vec<u8>) {
    let body = out.windows(4).position(|four| four == b"\x0135=").expect("a type") + 1;
    let trailer = out.len() - TRAILER_BYTES;
    let length = format!("{:06}", trailer - body);
    out[body - 1 - length.len()..body - 1].copy_from_slice(length.as_bytes());
    let sum: u32 = out[..trailer].iter().map(|byte| u32::from(*byte)).sum();
    out.truncate(trailer);
    out.extend_from_slice(format!("10={:03}\x01", sum % 256).as_bytes());
}

/// Reads with our codec and asks for each value by its type.
fn read_by_us(bytes: &[u8], index: &mut FieldIndex, parts: &[Part]) -> Vec<(u32, Vec<u8>)> {
    assert_eq!(decode(bytes, index), Ok(Status::Complete { consumed: bytes.len() }));
    let message = Message::new(bytes, index);
    assert_eq!(message.defect(), None);
    for part in parts {
        match part {
            Part::Field(tag, Value::Int(n)) => assert_eq!(message.int(*tag), Ok(Some(*n))),
            Part::Field(tag, Value::Uint(n)) => assert_eq!(message.uint(*tag), Ok(Some(*n))),
            Part::Field(tag, Value::Bool(yes)) => assert_eq!(message.bool(*tag), Ok(Some(*yes))),
            Part::Field(tag, Value::Char(c)) => assert_eq!(message.char(*tag), Ok(Some(*c))),
            Part::Field(tag, Value::Time(ms)) => {
                assert_eq!(message.timestamp_ns(*tag), Ok(Some(ms * 1_000_000)));
            }
            Part::Field(tag, Value::Decimal { mantissa, scale }) => {
                let read = message.decimal(*tag).expect("a number").expect("there");
                assert_eq!(read.at_scale(*scale), Some(*mantissa), "{tag} {read:?}");
            }
            Part::Field(_, Value::Text(_)) | Part::Data(..) => {}
        }
    }
    message.fields().map(|(tag, value)| (tag, value.to_vec())).collect()
}

/// A value as `fefix` parses it. The trait is not imported, for it has a method `to_string`.
fn typed<'a, T: fefix::FixValue<'a>>(bytes: &'a [u8]) -> Option<T> {
    T::deserialize(bytes).ok()
}

/// Reads with `fefix`, which also parses the typed fields.
fn read_by_peer(peer: &mut Decoder<Config>, bytes: &[u8], parts: &[Part]) -> Vec<(u32, Vec<u8>)> {
    let message = peer.decode(bytes).expect("the independent codec takes it");
    let fields: Vec<(u32, Vec<u8>)> = message
        .fields()
        .map(|(tag, value)| (u32::from(tag.get()), value.to_vec()))
        .filter(|(tag, _)| *tag != 8)
        .collect();
    for part in parts {
        let Part::Field(tag, value) = part else { continue };
        let Some((_, bytes)) = fields.iter().find(|(t, _)| t == tag) else { continue };
        match value {
            Value::Int(n) => assert_eq!(typed::<i64>(bytes), Some(*n)),
            Value::Bool(yes) => assert_eq!(typed::<bool>(bytes), Some(*yes)),
            Value::Time(ms) => {
                let time = typed::<fefix::fix_values::Timestamp>(bytes).expect("a time");
                let (date, clock) = (time.date(), time.time());
                let seen = (u64::from(date.year()), u64::from(date.month()), u64::from(date.day()));
                assert_eq!(seen, self::date(ms / MS_PER_DAY));
                assert_eq!(u64::from(clock.milli()), ms % 1_000);
            }
            _ => {}
        }
    }
    fields
}

/// Runs `check` on so many messages, each from its own seed, which is named when it fails.
fn for_messages(name: &str, mut check: impl FnMut(&[u8], &[Part], u64)) {
    let first = number_of("RUTTER_SEED", 4_404);
    let replay = std::env::var("RUTTER_SEED").is_ok();
    let count = if replay { 1 } else { MESSAGES * number_of("RUTTER_SEEDS", 1) };
    println!("{name}: seed {first}, {count} messages");
    for nth in 0..count {
        let seed = first.wrapping_add(nth);
        let (msg_type, parts) = message(&mut Random(seed));
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            check(&msg_type, &parts, nth);
        }));
        assert!(result.is_ok(), "{name} differs: RUTTER_SEED={seed} replays it; {parts:?}");
    }
}

fn new_peer() -> Decoder<Config> {
    Decoder::<Config>::new(Dictionary::fix44())
}

#[test]
fn what_we_write_the_independent_codec_reads_to_the_same_fields() {
    let mut peer = new_peer();
    let mut index = FieldIndex::new();
    let mut out = Vec::new();
    for_messages("ours to theirs", |msg_type, parts, nth| {
        if nth.is_multiple_of(MESSAGES_PER_DECODER) {
            peer = new_peer();
        }
        out.clear();
        ours(msg_type, parts, &mut out);
        let expected = fields_of(msg_type, parts);
        assert_eq!(read_by_peer(&mut peer, &out, parts), expected);
        assert_eq!(read_by_us(&out, &mut index, parts), expected);
    });
}

#[test]
fn what_the_independent_codec_writes_we_read_to_the_same_fields() {
    let mut peer = PeerEncoder::<Config>::default();
    let mut index = FieldIndex::new();
    let (mut out, mut own) = (Vec::new(), Vec::new());
    for_messages("theirs to ours", |msg_type, parts, _| {
        out.clear();
        peers(&mut peer, msg_type, parts, &mut out);
        let expected = fields_of(msg_type, parts);
        assert_eq!(read_by_us(&out, &mut index, parts), expected);
        own.clear();
        ours(msg_type, parts, &mut own);
        let body = |bytes: &[u8]| {
            let at = bytes.windows(3).position(|three| three == b"35=").expect("a type");
            bytes[at..bytes.len() - TRAILER_BYTES].to_vec()
        };
        assert_eq!(body(&own), body(&out), "the bodies are equal to the byte");
    });
}

/// Both must refuse a message with one byte changed after its checksum was written.
#[test]
fn a_changed_byte_is_noticed_by_both() {
    let mut index = FieldIndex::new();
    let mut out = Vec::new();
    for_messages_few(|msg_type, parts, random| {
        out.clear();
        ours(msg_type, parts, &mut out);
        let at = out.len() - 8 - random.below(out.len() as u64 / 2) as usize;
        let by = 1 + random.below(255) as u8;
        out[at] = out[at].wrapping_add(by);
        assert_ne!(checksum(&out[..out.len() - 7]), {
            let digits = &out[out.len() - 4..out.len() - 1];
            digits.iter().fold(0_u8, |n, d| n.wrapping_mul(10).wrapping_add(d - b'0'))
        });
        assert!(!matches!(decode(&out, &mut index), Ok(Status::Complete { .. })));
        assert!(new_peer_once(|peer| peer.decode(out.as_slice()).is_err()));
    });
}

fn for_messages_few(mut check: impl FnMut(&[u8], &[Part], &mut Random)) {
    let first = number_of("RUTTER_SEED", 77);
    println!("changed byte: seed {first}");
    let mut random = Random(first);
    for _ in 0..2_000 {
        let (msg_type, parts) = message(&mut random);
        check(&msg_type, &parts, &mut random);
    }
}

thread_local! {
    static PEER: std::cell::RefCell<Decoder<Config>> = std::cell::RefCell::new(new_peer());
}

fn new_peer_once<T>(ask: impl FnOnce(&mut Decoder<Config>) -> T) -> T {
    PEER.with(|peer| ask(&mut peer.borrow_mut()))
}
