//! A FIX session under a peer that says anything: framed messages of any fields, raw bytes, time,
//! lost connections. It must make progress, answer, and never move its numbers back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rutter_fix::codec::{Encoder, FieldIndex, TimePrecision, checksum};
use rutter_fix::dictionary::Version;
use rutter_fix::session::{Config, Event, NoCredentials, Session};
use rutter_fix::store::MemStore;

const START_NS: u64 = 1_700_000_000_000_000_000;
const SECOND_NS: u64 = 1_000_000_000;
/// Answers to one input may not grow without bound.
const OUT_BYTES_MAX: usize = 8 << 20;
const TYPES: [&[u8]; 10] = [b"0", b"1", b"2", b"3", b"4", b"5", b"A", b"D", b"F", b"zz"];

type Acceptor = Session<MemStore, NoCredentials>;

struct Wire<'a> {
    session: Acceptor,
    now_ns: u64,
    out: Vec<u8>,
    input: Vec<u8>,
    index: FieldIndex,
    event_no: u64,
    data: &'a [u8],
}

impl<'a> Wire<'a> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.data.split_first() else { return 0 };
        self.data = rest;
        *first
    }

    fn take(&mut self, len: usize) -> &'a [u8] {
        let (head, tail) = self.data.split_at(len.min(self.data.len()));
        self.data = tail;
        head
    }

    /// Everything that was received, in order; bounded, for each turn takes bytes.
    fn drain(&mut self) {
        let next_out = self.session.next_out();
        loop {
            let length = self.input.len();
            let mut id = None;
            let mut lost = false;
            let got =
                self.session.receive(self.now_ns, &self.input, &mut self.index, &mut self.out);
            let (consumed, something) = (got.consumed, got.event.is_some());
            match got.event {
                Some(Event::App(app)) => id = Some(app.id),
                Some(Event::Disconnect { .. }) => lost = true,
                _ => {}
            }
            assert!(consumed <= length);
            self.input.drain(..consumed);
            if let Some(id) = id {
                self.session.confirm_in(id);
            }
            if lost {
                self.input.clear();
            }
            if consumed == 0 && !something {
                break;
            }
        }
        assert!(self.out.len() < OUT_BYTES_MAX, "{} bytes of answers", self.out.len());
        let reset = self.session.next_out() <= 3;
        assert!(reset || self.session.next_out() >= next_out);
        self.out.clear();
    }

    /// A message that is well framed; its fields are the fuzzer's.
    fn framed(&mut self) {
        let kind = TYPES[usize::from(self.byte()) % TYPES.len()];
        let ahead = self.byte();
        let seq = match ahead {
            0..=199 => self.session.next_in(),
            200..=227 => self.session.next_in() + u64::from(ahead - 199),
            _ => self.session.next_in().saturating_sub(u64::from(ahead - 227)),
        };
        let len = usize::from(self.byte());
        let fields = self.take(len);
        let mut frame = Vec::new();
        let mut encoder = Encoder::begin(&mut frame, b"FIX.4.4", kind);
        encoder.uint(34, seq).field(49, b"PEER").timestamp(52, self.now_ns, TimePrecision::Millis);
        encoder.field(56, b"US");
        if kind == b"A" {
            encoder.field(98, b"0").field(108, b"30");
        }
        let _ = encoder.finish();
        // The fuzzer's own fields go in front of the trailer, whatever they are.
        let body = frame.len() - 7;
        frame.truncate(body);
        frame.extend_from_slice(fields);
        if !fields.is_empty() && fields.last() != Some(&1) {
            frame.push(1);
        }
        let at = frame.windows(3).position(|three| three == b"35=").unwrap_or(0);
        let mut bytes = format!("8=FIX.4.4\x019={}\x01", frame.len() - at).into_bytes();
        bytes.extend_from_slice(&frame[at..]);
        let sum = checksum(&bytes);
        bytes.extend_from_slice(format!("10={sum:03}\x01").as_bytes());
        self.input.extend_from_slice(&bytes);
    }

    fn step(&mut self) {
        match self.byte() % 8 {
            0..=3 => self.framed(),
            4 => {
                let len = usize::from(self.byte());
                let raw = self.take(len);
                self.input.extend_from_slice(raw);
            }
            5 => {
                self.now_ns += u64::from(self.byte()) * SECOND_NS;
                let _ = self.session.on_timer(self.now_ns, &mut self.out);
            }
            6 => {
                self.session.disconnected();
                self.input.clear();
                let _ = self.session.connected(self.now_ns, &mut self.out);
            }
            _ => {
                self.event_no += 1;
                let now_ns = self.now_ns;
                let _ = self.session.send_app(now_ns, self.event_no, b"8", &mut self.out, |m| {
                    m.field(37, b"1");
                });
            }
        }
        self.drain();
    }
}

fuzz_target!(|data: &[u8]| {
    let mut config = Config::acceptor("US", "PEER");
    // The last byte is read twice: it chooses what the session may do, too.
    let choice = data.last().copied().unwrap_or(0);
    if choice & 1 != 0 {
        config = config.validated(Version::Fix44);
    }
    config.next_expected = choice & 2 != 0;
    config.resend_chunk = u64::from(choice >> 2 & 7);
    let session = Session::new(config, MemStore::new(1 << 16), NoCredentials);
    let mut wire = Wire {
        session,
        now_ns: START_NS,
        out: Vec::new(),
        input: Vec::new(),
        index: FieldIndex::new(),
        event_no: 0,
        data,
    };
    let _ = wire.session.connected(START_NS, &mut wire.out);
    while !wire.data.is_empty() {
        wire.step();
    }
});
