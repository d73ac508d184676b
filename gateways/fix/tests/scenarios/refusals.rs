//! Two sessions of ours whose applications refuse everything: no message starts a loop.

use crate::desk::{START, memory};
use rutter_fix::codec::{Encoder, FieldIndex, Message};
use rutter_fix::dictionary::Version;
use rutter_fix::session::{
    AppMessage, BusinessRejectReason, Config, Event, NoCredentials, Session, SessionRejectReason,
};
use rutter_fix::store::MemStore;
use rutter_fix::tags::msg_type;

/// Most messages of both sides after one message.
const MESSAGES_MAX: usize = 2;

/// The same after one session message: a resend, a Logout and its answer.
const SESSION_MESSAGES_MAX: usize = 6;

/// How an application answers a message that it does not know, a refusal included.
#[derive(Clone, Copy, Debug)]
enum Naive {
    Business,
    Session,
}

struct Engine {
    session: Session<MemStore, NoCredentials>,
    naive: Naive,
    out: Vec<u8>,
    index: FieldIndex,
    refused: usize,
}

impl Engine {
    fn new(config: Config, naive: Naive) -> Self {
        let session = Session::new(config, memory(), NoCredentials);
        let mut engine =
            Self { session, naive, out: Vec::new(), index: FieldIndex::new(), refused: 0 };
        engine.session.connected(START, &mut engine.out).expect("not connected yet");
        engine
    }

    fn refuse(&mut self, app: &AppMessage<'_>) {
        let (message, out) = (&app.message, &mut self.out);
        match self.naive {
            Naive::Business => {
                let reason = BusinessRejectReason::UnsupportedMessageType;
                let sent = self.session.business_reject(START, message, reason, None, "no", out);
                assert!(sent.is_ok());
            }
            Naive::Session => {
                let reason = SessionRejectReason::InvalidMsgType;
                self.session.reject(START, message, reason, None, out);
            }
        }
        self.session.confirm_in(app.id);
    }

    fn take(&mut self, mut bytes: &[u8]) {
        loop {
            let mut index = std::mem::take(&mut self.index);
            let received = self.session.receive(START, bytes, &mut index, &mut self.out);
            let done = received.consumed == 0 && received.event.is_none();
            bytes = &bytes[received.consumed..];
            match received.event {
                Some(Event::App(app)) => self.refuse(&app),
                Some(Event::PeerReject(_)) => self.refused += 1,
                _ => {}
            }
            self.index = index;
            if done {
                return;
            }
        }
    }

    fn says(&mut self, kind: &[u8], write: impl FnOnce(&mut Encoder<'_>)) {
        self.session.send_unnumbered(START, kind, &mut self.out, write).expect("sent");
    }
}

fn messages(bytes: &[u8]) -> usize {
    bytes.windows(5).filter(|five| five == b"8=FIX").count()
}

/// Carries bytes between the two until both are quiet; the number of messages.
fn talk(one: &mut Engine, other: &mut Engine) -> usize {
    let mut count = 0;
    while !one.out.is_empty() || !other.out.is_empty() {
        let bytes = std::mem::take(&mut one.out);
        count += messages(&bytes);
        other.take(&bytes);
        let bytes = std::mem::take(&mut other.out);
        count += messages(&bytes);
        one.take(&bytes);
        assert!(count < 100, "a loop");
    }
    count
}

/// One-letter types, and the two-letter ones of FIX 5.0 SP2 and our own.
fn every_kind() -> impl Iterator<Item = Vec<u8>> {
    let letters = || (b'0'..=b'9').chain(b'A'..=b'Z').chain(b'a'..=b'z');
    let two = b"ABCDU".iter().flat_map(move |first| letters().map(|second| vec![*first, second]));
    letters().map(|letter| vec![letter]).chain(two)
}

/// Session messages without their fields, or with fields that they cannot have. One side sends such
/// a message, and the other side reads it as from any peer.
#[test]
fn no_session_message_starts_a_loop_between_two_of_our_sessions() {
    for version in Version::ALL {
        for kind in every_kind().filter(|kind| msg_type::is_admin(kind)) {
            let fields: [&[(u32, &[u8])]; 5] = [
                &[(58, b"x")],
                &[(112, b"again")],
                &[(7, b"1"), (16, b"0")],
                &[(36, b"1"), (123, b"Y")],
                &[(98, b"0"), (108, b"30"), (141, b"Y")],
            ];
            for fields in fields {
                for asks_first in [true, false] {
                    let acceptor = Config::acceptor("A", "B").validated(version);
                    let initiator = Config::initiator("B", "A").validated(version);
                    let mut one = Engine::new(acceptor, Naive::Business);
                    let mut other = Engine::new(initiator, Naive::Session);
                    talk(&mut one, &mut other);
                    let (first, second) =
                        if asks_first { (&mut one, &mut other) } else { (&mut other, &mut one) };
                    first.says(&kind, |message| {
                        for (tag, value) in fields {
                            message.field(*tag, value);
                        }
                    });
                    let count = talk(first, second);
                    let kind = String::from_utf8_lossy(&kind);
                    assert!(
                        count <= SESSION_MESSAGES_MAX,
                        "{version:?} {kind} {fields:?}: {count}"
                    );
                }
            }
        }
    }
}

#[test]
fn no_message_of_any_type_starts_a_loop_between_two_of_our_sessions() {
    let kinds: Vec<Vec<u8>> = every_kind().filter(|kind| !msg_type::is_admin(kind)).collect();
    for version in Version::ALL {
        for checked in [false, true] {
            for naive in
                [[Naive::Business; 2], [Naive::Session; 2], [Naive::Business, Naive::Session]]
            {
                let config = |config: Config| {
                    let whole = config.validated(version);
                    let validation = whole.validation.clone().filter(|_| checked);
                    Config { validation, ..whole }
                };
                let mut one = Engine::new(config(Config::acceptor("A", "B")), naive[0]);
                let mut other = Engine::new(config(Config::initiator("B", "A")), naive[1]);
                talk(&mut one, &mut other);
                for kind in &kinds {
                    for asks_first in [true, false] {
                        let (first, second) = if asks_first {
                            (&mut one, &mut other)
                        } else {
                            (&mut other, &mut one)
                        };
                        first.says(kind, |message| {
                            message.field(58, b"x");
                        });
                        let count = talk(first, second);
                        let kind = String::from_utf8_lossy(kind);
                        assert!(count <= MESSAGES_MAX, "{kind} {naive:?} {count}");
                    }
                }
                assert!(one.session.is_logged_on() && other.session.is_logged_on());
            }
        }
    }
}

#[test]
fn a_refusal_is_read_whatever_its_form_and_takes_its_number() {
    let config = Config::acceptor("A", "B").validated(Version::Fix44);
    let mut desk = crate::desk::Desk::new(config, memory(), NoCredentials);
    desk.connect().gets(&crate::desk::logon(1)).wrote();
    desk.events.clear();
    desk.gets("35=3|34=2|45=1|").gets("35=3|34=3|45=|x=1|").gets("35=j|34=4|58=a|b|");
    desk.gets("35=Q|34=5|9999=|").says([]);
    desk.sees([
        "peer rejects Ok(Some(1))",
        "peer rejects Err(FieldError { tag: 45, kind: Format })",
        "app j 4",
        "app Q 5",
    ]);
    // A fault in the header: it is told, and still not answered.
    desk.gets("35=j|34=6|43=Y|").says([]).sees(["rejected 6 RequiredTagMissing Some(122)"]);
    assert_eq!(desk.session.next_in(), 7);
}

/// What a session may be asked to refuse, as a message of the application.
#[test]
fn the_application_cannot_refuse_a_refusal() {
    let mut index = FieldIndex::new();
    let config = Config::acceptor("A", "B");
    let mut desk = crate::desk::Desk::new(config, memory(), NoCredentials);
    desk.connect().gets(&crate::desk::logon(1)).wrote();
    for kind in ["3", "9", "j", "Q", "Y", "AG"] {
        let body = format!("35={kind}|34=2|49=B|56=A|");
        let bytes = crate::desk::frame("FIX.4.4", &body);
        rutter_fix::codec::decode(&bytes, &mut index).expect("well formed");
        let message = Message::new(&bytes, &index);
        let reason = SessionRejectReason::Other;
        desk.session.reject(START, &message, reason, None, &mut desk.out);
        let reason = BusinessRejectReason::Other;
        let sent = desk.session.business_reject(START, &message, reason, None, "no", &mut desk.out);
        assert!(matches!(sent, Ok(rutter_fix::session::Sent::Unanswered)), "{kind}");
        desk.says([]);
    }
}
