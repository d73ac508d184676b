//! A FIX session of any version under any peer: framed messages of any fields, raw bytes, time,
//! lost connections, ends of session hours. The session must make progress, answer, bound its
//! memory, and never move its sequence numbers back.
#![cfg_attr(fuzzing, no_main)]

use rutter_fix::codec::{Encoder, FieldIndex, TimePrecision, checksum};
use rutter_fix::dictionary::Version;
use rutter_fix::session::schedule::{Day, TimeOfDay};
use rutter_fix::session::{Config, Event, NoCredentials, Schedule, Session};
use rutter_fix::store::MemStore;

const START_NS: u64 = 1_700_000_000_000_000_000;
const SECOND_NS: u64 = 1_000_000_000;
/// Answers to one input may not grow without bound.
const OUT_BYTES_MAX: usize = 8 << 20;
const TYPES: [&[u8]; 16] = [
    b"0", b"1", b"2", b"3", b"4", b"5", b"A", b"D", b"F", b"zz", b"V", b"q", b"AF", b"x", b"j",
    b"8",
];

type Acceptor = Session<MemStore, NoCredentials>;

struct Wire<'a> {
    session: Acceptor,
    now_ns: u64,
    out: Vec<u8>,
    input: Vec<u8>,
    index: FieldIndex,
    event_no: u64,
    begin_string: String,
    /// Whether numbers may start anew by the time alone.
    scheduled: bool,
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
        let reset = self.scheduled || self.session.next_out() <= 3;
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
        let begin_string = self.begin_string.clone();
        let mut encoder = Encoder::begin(&mut frame, begin_string.as_bytes(), kind);
        encoder.uint(34, seq).field(49, b"PEER").timestamp(52, self.now_ns, TimePrecision::Millis);
        encoder.field(56, b"US");
        if kind == b"A" {
            encoder.field(98, b"0").field(108, b"30");
            if begin_string == "FIXT.1.1" {
                encoder.field(1137, b"9");
            }
        }
        let _ = encoder.finish();
        // The fuzzer's fields go in front of the trailer.
        let body = frame.len() - 7;
        frame.truncate(body);
        frame.extend_from_slice(fields);
        if !fields.is_empty() && fields.last() != Some(&1) {
            frame.push(1);
        }
        let at = frame.windows(3).position(|three| three == b"35=").unwrap_or(0);
        let mut bytes = format!("8={begin_string}\x019={}\x01", frame.len() - at).into_bytes();
        bytes.extend_from_slice(&frame[at..]);
        let sum = checksum(&bytes);
        bytes.extend_from_slice(format!("10={sum:03}\x01").as_bytes());
        self.input.extend_from_slice(&bytes);
    }

    fn step(&mut self) {
        match self.byte() % 9 {
            0..=3 => self.framed(),
            4 => {
                let len = usize::from(self.byte());
                let raw = self.take(len);
                self.input.extend_from_slice(raw);
            }
            5 => {
                // Seconds mostly, hours now and then.
                let unit = if self.byte().is_multiple_of(16) { 3_600 } else { 1 };
                self.now_ns += u64::from(self.byte()) * unit * SECOND_NS;
                let _ = self.session.on_timer(self.now_ns, &mut self.out);
            }
            6 => {
                self.session.disconnected();
                self.input.clear();
                let _ = self.session.connected(self.now_ns, &mut self.out);
            }
            7 => {
                let _ = self.session.send_transient(self.now_ns, b"W", &mut self.out, |m| {
                    m.field(55, b"X");
                });
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

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| run(data));

/// One input of the fuzzer.
pub fn run(data: &[u8]) {
    let mut config = Config::acceptor("US", "PEER");
    // The last byte also chooses the session's options.
    let choice = data.last().copied().unwrap_or(0);
    // Three of four sessions check against a dictionary.
    match choice & 3 {
        1 => config = config.validated(Version::Fix42),
        2 => config = config.validated(Version::Fix44),
        3 => config = config.validated(Version::Fix50Sp2),
        _ => {}
    }
    config.next_expected = choice & 4 != 0;
    config.resend_chunk = u64::from(choice >> 3 & 7);
    if choice & 64 != 0 {
        let at = |hour| TimeOfDay::new(hour, 0, 0).expect("an hour");
        config.schedule = Schedule::daily("Europe/Zurich", &Day::ALL, at(8), at(7)).ok();
    }
    let (begin_string, scheduled) = (config.begin_string.clone(), config.schedule.is_some());
    let session = Session::new(config, MemStore::new(1 << 16), NoCredentials);
    let mut wire = Wire {
        session,
        now_ns: START_NS,
        out: Vec::new(),
        input: Vec::new(),
        index: FieldIndex::new(),
        event_no: 0,
        begin_string,
        scheduled,
        data,
    };
    let _ = wire.session.connected(START_NS, &mut wire.out);
    while !wire.data.is_empty() {
        wire.step();
    }
}
