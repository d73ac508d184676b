//! A desk with one session on it, spoken to in `35=..|..|` text under virtual time.

use rutter_fix::codec::{
    FieldIndex, Message, Status, TimePrecision, checksum, decode, write_timestamp,
};
use rutter_fix::session::{Config, Event, LogonContext, Policy, Received, Session, Warning};
use rutter_fix::store::{MemStore, MessageStore};
use rutter_test_support::published::assert_allowed;

pub const SECOND: u64 = 1_000_000_000;
/// 2024-06-27 11:17:26 UTC.
pub const START: u64 = 1_719_487_046 * SECOND;

pub fn time_text(ns: u64) -> String {
    let mut out = Vec::new();
    write_timestamp(&mut out, ns, TimePrecision::Millis);
    String::from_utf8(out).expect("ascii")
}

/// Puts 8, 9 and 10 around `body`.
pub fn frame(begin_string: &str, body: &str) -> Vec<u8> {
    let body = body.replace('|', "\u{1}");
    let mut bytes = format!("8={begin_string}\u{1}9={}\u{1}{body}", body.len()).into_bytes();
    let sum = checksum(&bytes);
    bytes.extend_from_slice(format!("10={sum:03}\u{1}").as_bytes());
    bytes
}

/// What a session's caller sees, as one line an event.
fn tell(event: &Event<'_>) -> String {
    match event {
        Event::LoggedOn { heartbeat_s, reset, .. } => {
            format!("logged on, {heartbeat_s} s{}", if *reset { ", reset" } else { "" })
        }
        Event::App(app) => {
            let kind = String::from_utf8_lossy(app.message.msg_type()).into_owned();
            let dup = if app.poss_dup { " again" } else { "" };
            let resend = if app.poss_resend { " resend" } else { "" };
            format!("app {kind} {}{dup}{resend}", app.seq)
        }
        Event::PeerReject(message) => format!("peer rejects {:?}", message.uint(45)),
        Event::Rejected { seq, reason, tag } => format!("rejected {seq} {reason:?} {tag:?}"),
        Event::LogoutSent { reason } => format!("logout sent: {reason}"),
        Event::Warning(Warning::Gap { expected, received }) => {
            format!("gap {expected}..{received}")
        }
        Event::Warning(warning) => format!("{warning:?}"),
        Event::Disconnect { reason, text } => {
            let text = String::from_utf8_lossy(text);
            if text.is_empty() {
                format!("gone: {reason}")
            } else {
                format!("gone: {reason} ({text})")
            }
        }
    }
}

/// Whether the session itself has made a message. The scenarios' application messages are no
/// orders, and a session with a venue has that venue's fields.
fn is_the_sessions_own(message: &Message<'_>) -> bool {
    let of_venue = [25_000, 25_035].into_iter().any(|tag| message.get(tag).is_some());
    matches!(message.msg_type(), [b'0'..=b'5' | b'A' | b'j']) && !of_venue
}

pub struct Desk<S: MessageStore, P: Policy> {
    pub session: Session<S, P>,
    pub now: u64,
    pub events: Vec<String>,
    /// Ids of delivered messages, to be confirmed.
    pub ids: Vec<u64>,
    /// Bytes that arrived and are not consumed.
    pub input: Vec<u8>,
    pub out: Vec<u8>,
    index: FieldIndex,
}

impl<S: MessageStore, P: Policy> Desk<S, P> {
    pub fn new(config: Config, store: S, policy: P) -> Self {
        Self {
            session: Session::new(config, store, policy),
            now: START,
            events: Vec::new(),
            ids: Vec::new(),
            input: Vec::new(),
            out: Vec::new(),
            index: FieldIndex::new(),
        }
    }

    pub fn connect(&mut self) -> &mut Self {
        self.input.clear();
        self.out.clear();
        self.session.connected(self.now, &mut self.out).expect("not connected yet");
        self
    }

    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.input.extend_from_slice(bytes);
        loop {
            let input = std::mem::take(&mut self.input);
            let Received { consumed, event } =
                self.session.receive(self.now, &input, &mut self.index, &mut self.out);
            if let Some(event) = &event {
                self.events.push(tell(event));
                if let Event::App(app) = event {
                    self.ids.push(app.id);
                }
            }
            let stuck = consumed == 0 && event.is_none();
            self.input = input[consumed..].to_vec();
            if stuck {
                return self;
            }
        }
    }

    /// The peer sends `35=..|34=..|..`; 49, 52 and 56 are put behind 34.
    pub fn gets(&mut self, text: &str) -> &mut Self {
        let (kind, rest) = text.split_once('|').expect("35 first");
        let (seq, rest) = rest.split_once('|').expect("34 second");
        let config = self.session.config();
        let body = format!(
            "{kind}|{seq}|49={}|52={}|56={}|{rest}",
            config.target,
            time_text(self.now),
            config.sender
        );
        let begin_string = config.begin_string.clone();
        self.bytes(&frame(&begin_string, &body))
    }

    /// The peer sends exactly this body.
    pub fn gets_raw(&mut self, body: &str) -> &mut Self {
        self.bytes(&frame("FIX.4.4", body))
    }

    pub fn waits(&mut self, ns: u64) -> &mut Self {
        self.now += ns;
        while let Some(event) = self.session.on_timer(self.now, &mut self.out) {
            self.events.push(tell(&event));
        }
        self
    }

    /// What the session has written since the last look, without 8, 9, 10, 49, 52 and 56.
    pub fn wrote(&mut self) -> Vec<String> {
        let bytes = std::mem::take(&mut self.out);
        assert_allowed(&bytes, |message| !is_the_sessions_own(message));
        let (mut rest, mut said) = (&bytes[..], Vec::new());
        while !rest.is_empty() {
            let Ok(Status::Complete { consumed }) = decode(rest, &mut self.index) else {
                panic!("wrote garbage: {:?}", String::from_utf8_lossy(rest));
            };
            let message = Message::new(&rest[..consumed], &self.index);
            assert_eq!(message.defect(), None, "{message}");
            let fields: Vec<String> = message
                .fields()
                .filter(|(tag, _)| ![49, 52, 56].contains(tag))
                .map(|(tag, value)| format!("{tag}={}|", String::from_utf8_lossy(value)))
                .collect();
            said.push(fields.concat());
            rest = &rest[consumed..];
        }
        said
    }

    #[track_caller]
    pub fn says<const N: usize>(&mut self, expected: [&str; N]) -> &mut Self {
        assert_eq!(self.wrote(), expected);
        self
    }

    #[track_caller]
    pub fn sees<const N: usize>(&mut self, expected: [&str; N]) -> &mut Self {
        assert_eq!(std::mem::take(&mut self.events), expected);
        self
    }

    /// The core has journaled everything that was delivered.
    pub fn confirm(&mut self) -> &mut Self {
        for id in self.ids.drain(..) {
            self.session.confirm_in(id);
        }
        self
    }

    /// The core reports an event: a message with `58=event n`.
    #[track_caller]
    pub fn reports(&mut self, event_no: u64) -> &mut Self {
        let text = format!("event {event_no}");
        self.session
            .send_app(self.now, event_no, b"8", &mut self.out, |message| {
                message.text(58, &text);
            })
            .expect("sent");
        self
    }
}

/// A client's logon of that number.
pub fn logon(seq: u64) -> String {
    format!("35=A|34={seq}|98=0|108=30|")
}

/// Adds fields like a venue's signed Logon does.
pub struct Signer;

impl Policy for Signer {
    fn authenticate(&mut self, _: &Message<'_>) -> Result<(), &'static str> {
        Ok(())
    }

    fn logon_fields_first(
        &mut self,
        context: &LogonContext<'_>,
        logon: &mut rutter_fix::codec::Encoder<'_>,
    ) {
        let payload = format!(
            "A\u{1}{}\u{1}{}\u{1}{}\u{1}{}",
            context.sender,
            context.target,
            context.msg_seq_num,
            String::from_utf8_lossy(context.sending_time)
        );
        logon.data(95, 96, payload.as_bytes());
    }

    fn logon_fields(&mut self, _: &LogonContext<'_>, logon: &mut rutter_fix::codec::Encoder<'_>) {
        logon.field(553, b"key").field(25_035, b"2");
    }
}

pub fn memory() -> MemStore {
    MemStore::new(1 << 20)
}
