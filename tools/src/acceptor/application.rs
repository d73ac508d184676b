//! The applications that answer valid messages: an echo, or a book that accepts every order.
//! An order that may have come before (43=Y or 97=Y) and is known is answered with its status.
//!
//! A line belongs here if it answers a message that the session layer has passed.

use std::collections::HashMap;

use rutter_fix::codec::{Message, SOH, TimePrecision};
use rutter_fix::session::{AppMessage, BusinessRejectReason, NoCredentials, Session};
use rutter_fix::store::MemStore;
use rutter_fix::tags::{self, msg_type};

/// Most `ClOrdID`s remembered between two logons; when reached, all are forgotten.
const SEEN_MAX: usize = 100_000;

/// The application that answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Application {
    /// Returns every valid `NewOrderSingle` and `SecurityDefinition`, except a `NewOrderSingle`
    /// with `PossResend` (97) whose `ClOrdID` (11) is known.
    Echo,
    /// Answers a valid `NewOrderSingle` with an `ExecutionReport` (New).
    Orders,
}

/// The application of one session.
#[derive(Debug)]
pub(super) struct Answers {
    application: Application,
    /// `OrderID` (37) by `ClOrdID` (11).
    seen: HashMap<Vec<u8>, u64>,
    /// Number of reports, which makes `OrderID` (37) and `ExecID` (17).
    serial: u64,
}

type Peer = Session<MemStore, NoCredentials>;

impl Answers {
    /// An application that knows no order.
    pub fn new(application: Application) -> Self {
        Self { application, seen: HashMap::new(), serial: 0 }
    }

    /// A session begins; orders of earlier sessions are forgotten.
    pub fn logged_on(&mut self) {
        self.seen.clear();
    }

    /// Answers a message that the session layer has found valid.
    pub fn answer(
        &mut self,
        session: &mut Peer,
        now_ns: u64,
        app: &AppMessage<'_>,
        out: &mut Vec<u8>,
    ) {
        let message = &app.message;
        match (self.application, message.msg_type()) {
            (_, kind) if msg_type::is_refusal(kind) => {}
            (Application::Echo, msg_type::NEW_ORDER_SINGLE) => {
                let known = self.order_of(message);
                if known.is_none() || !app.poss_resend {
                    echo(session, now_ns, message, out);
                }
            }
            (Application::Echo, msg_type::SECURITY_DEFINITION) => {
                echo(session, now_ns, message, out);
            }
            (Application::Orders, msg_type::NEW_ORDER_SINGLE) => {
                let known = self.order_of(message);
                let known = known.filter(|_| app.poss_resend || app.poss_dup);
                self.report(session, now_ns, message, known, out);
            }
            _ => {
                let reason = BusinessRejectReason::UnsupportedMessageType;
                let id = message.get(tags::CL_ORD_ID);
                // A store in memory fails only for a message above the limit, which no answer to a
                // received message reaches.
                let _ = session.business_reject(now_ns, message, reason, id, reason.text(), out);
            }
        }
    }

    /// The id of a known order; an unknown one is remembered under the id that comes next.
    fn order_of(&mut self, message: &Message<'_>) -> Option<u64> {
        if self.seen.len() >= SEEN_MAX {
            self.seen.clear();
        }
        let name = message.get(tags::CL_ORD_ID).unwrap_or(b"").to_vec();
        let known = self.seen.get(&name).copied();
        if known.is_none() {
            self.seen.insert(name, self.serial + 1);
        }
        known
    }

    /// Reports a new order, or the status of the order with the id `known`.
    fn report(
        &mut self,
        session: &mut Peer,
        now_ns: u64,
        message: &Message<'_>,
        known: Option<u64>,
        out: &mut Vec<u8>,
    ) {
        self.serial += 1;
        let (serial, order) = (self.serial, known.unwrap_or(self.serial));
        let before_4_3 = session.config().begin_string == "FIX.4.2";
        let copied = |tag| message.get(tag).filter(|value| !value.is_empty());
        // The report holds fields of one received message, so it stays below the limit.
        let _ = session.send_unnumbered(now_ns, msg_type::EXECUTION_REPORT, out, |report| {
            report.uint(tags::ORDER_ID, order).uint(tags::EXEC_ID, serial);
            // A status is ExecTransType (20) 3 up to FIX 4.2, and ExecType (150) I later.
            if before_4_3 {
                report.char(tags::EXEC_TRANS_TYPE, if known.is_some() { b'3' } else { b'0' });
            }
            let status = known.is_some() && !before_4_3;
            report.char(tags::EXEC_TYPE, if status { b'I' } else { b'0' });
            report.char(tags::ORD_STATUS, b'0');
            for tag in [tags::CL_ORD_ID, tags::SYMBOL, tags::SIDE, tags::ORDER_QTY, tags::ORD_TYPE]
            {
                if let Some(value) = copied(tag) {
                    report.field(tag, value);
                }
            }
            match copied(tags::ORDER_QTY) {
                Some(quantity) => report.field(tags::LEAVES_QTY, quantity),
                None => report.uint(tags::LEAVES_QTY, 0),
            };
            report.uint(tags::CUM_QTY, 0).uint(tags::AVG_PX, 0);
            report.timestamp(tags::TRANSACT_TIME, now_ns, TimePrecision::Millis);
        });
    }
}

/// Tags of the header that every sender writes itself.
const OWN_HEADER: &[u32] = &[
    tags::MSG_TYPE,
    tags::MSG_SEQ_NUM,
    tags::POSS_DUP_FLAG,
    tags::SENDER_COMP_ID,
    tags::SENDING_TIME,
    tags::TARGET_COMP_ID,
    tags::ORIG_SENDING_TIME,
    tags::LAST_MSG_SEQ_NUM_PROCESSED,
];

/// Returns a message with all its fields, in their order, but for those of [`OWN_HEADER`].
fn echo(session: &mut Peer, now_ns: u64, message: &Message<'_>, out: &mut Vec<u8>) {
    let mut fields = Vec::with_capacity(message.bytes().len());
    for (tag, value) in message.fields().filter(|(tag, _)| !OWN_HEADER.contains(tag)) {
        fields.extend_from_slice(format!("{tag}=").as_bytes());
        fields.extend_from_slice(value);
        fields.push(SOH);
    }
    let _ = session.send_unnumbered(now_ns, message.msg_type(), out, |copy| {
        copy.raw(&fields);
    });
}

#[cfg(test)]
mod tests {
    use rutter_fix::codec::{FieldIndex, checksum, write_timestamp};
    use rutter_fix::dictionary::Version;
    use rutter_fix::session::Event;
    use rutter_test_support::published::assert_allowed;

    use super::Application;
    use crate::acceptor::sessions::{SessionSlot, all};

    /// 2024-06-27 11:17:26 UTC.
    const NOW_NS: u64 = 1_719_487_046_000_000_000;
    const ORDER: &str = "21=1|55=BTC/USDT|54=1|60=20240627-11:17:26.000|38=5|40=2|44=7|";

    /// A client sends `35=..|34=..|..`; what it is sent is allowed by the published dictionary.
    fn send(slot: &mut SessionSlot, text: &str) -> String {
        let config = slot.session.config();
        let (begin, target) = (config.begin_string.clone(), config.target.clone());
        let mut time = Vec::new();
        write_timestamp(&mut time, NOW_NS, super::TimePrecision::Millis);
        let time = String::from_utf8(time).expect("ascii");
        let (head, rest) = text.split_at(text.find("|34=").map_or(0, |at| at + 6));
        let body = format!("{head}49={target}|52={time}|56=ISLD|{rest}").replace('|', "\u{1}");
        let mut bytes = format!("8={begin}\u{1}9={}\u{1}{body}", body.len()).into_bytes();
        let sum = checksum(&bytes);
        bytes.extend_from_slice(format!("10={sum:03}\u{1}").as_bytes());
        let (mut index, mut out) = (FieldIndex::new(), Vec::new());
        let received = slot.session.receive(NOW_NS, &bytes, &mut index, &mut out);
        assert_eq!(received.consumed, bytes.len(), "{text}");
        if let Some(Event::App(app)) = received.event {
            slot.application.answer(&mut slot.session, NOW_NS, &app, &mut out);
            slot.session.confirm_in(app.id);
        }
        assert_allowed(&out, |_| false);
        String::from_utf8(out).expect("ascii").replace('\u{1}', "|")
    }

    /// The order was accepted again, and its client had two.
    #[test]
    fn an_order_that_is_perhaps_sent_again_is_answered_with_its_status_in_every_version() {
        for (place, version) in Version::ALL.into_iter().enumerate() {
            let mut slot = all(Application::Orders).swap_remove(place);
            slot.session.connected(NOW_NS, &mut Vec::new()).expect("not connected yet");
            let more = if version == Version::Fix50Sp2 { "1137=9|" } else { "" };
            let logon = send(&mut slot, &format!("35=A|34=1|98=0|108=30|{more}"));
            assert!(logon.contains("|35=A|"), "{logon}");
            let first = send(&mut slot, &format!("35=D|34=2|11=a|{ORDER}"));
            assert!(first.contains("|37=1|17=1|"), "{first}");
            let (old, dup) = (version == Version::Fix42, "43=Y|122=20240627-11:17:26.000|");
            let status = if old { "|20=3|150=0|39=0|" } else { "|150=I|39=0|" };
            for (seq, flag) in [(3, dup), (4, "97=Y|")] {
                let again = send(&mut slot, &format!("35=D|34={seq}|{flag}11=a|{ORDER}"));
                let exec = seq - 1;
                assert!(again.contains(&format!("|37=1|17={exec}{status}11=a|")), "{again}");
            }
            let new = send(&mut slot, &format!("35=D|34=5|{dup}11=b|{ORDER}"));
            assert!(new.contains("|37=4|17=4|") && new.contains("|150=0|39=0|11=b|"), "{new}");
        }
    }
}
