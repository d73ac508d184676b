//! The applications that answer valid messages: an echo, or a book that accepts every order.
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
    /// Answers a valid `NewOrderSingle` with an `ExecutionReport` (New); one with `PossDupFlag` (43)
    /// or `PossResend` whose `ClOrdID` is known, with that order's status.
    Orders,
}

/// The application of one session.
#[derive(Debug)]
pub(super) struct Answers {
    application: Application,
    /// Known orders by `ClOrdID` (11).
    seen: HashMap<Vec<u8>, Order>,
    /// Number of reports, which makes `OrderID` (37) and `ExecID` (17).
    serial: u64,
}

/// A known order.
#[derive(Clone, Debug)]
struct Order {
    /// `OrderID` (37); zero in the echo application, which gives none.
    id: u64,
    /// The fields that a report repeats.
    terms: Vec<(u32, Vec<u8>)>,
}

/// Fields of an order that a report repeats.
const TERMS: [u32; 5] =
    [tags::CL_ORD_ID, tags::SYMBOL, tags::SIDE, tags::ORDER_QTY, tags::ORD_TYPE];

impl Order {
    fn new(id: u64, message: &Message<'_>) -> Self {
        let terms = TERMS.into_iter().filter_map(|tag| {
            let value = message.get(tag).filter(|value| !value.is_empty())?;
            Some((tag, value.to_vec()))
        });
        Self { id, terms: terms.collect() }
    }

    fn qty(&self) -> Option<&[u8]> {
        let qty = self.terms.iter().find(|(tag, _)| *tag == tags::ORDER_QTY);
        qty.map(|(_, value)| value.as_slice())
    }
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
            // A reject is never answered with a reject.
            (_, msg_type::BUSINESS_MESSAGE_REJECT) => {}
            (Application::Echo, msg_type::NEW_ORDER_SINGLE) => {
                let known = self.known(message).is_some();
                self.remember(message, 0);
                if !known || !app.poss_resend {
                    echo(session, now_ns, message, out);
                }
            }
            (Application::Echo, msg_type::SECURITY_DEFINITION) => {
                echo(session, now_ns, message, out);
            }
            (Application::Orders, msg_type::NEW_ORDER_SINGLE) => {
                self.serial += 1;
                let perhaps_again = app.poss_dup || app.poss_resend;
                match self.known(message).filter(|_| perhaps_again) {
                    Some(order) => report(session, now_ns, (&order, self.serial), STATUS, out),
                    None => {
                        let order = self.remember(message, self.serial);
                        report(session, now_ns, (&order, self.serial), NEW, out);
                    }
                }
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

    fn known(&self, message: &Message<'_>) -> Option<Order> {
        self.seen.get(message.get(tags::CL_ORD_ID).unwrap_or(b"")).cloned()
    }

    fn remember(&mut self, message: &Message<'_>, id: u64) -> Order {
        if self.seen.len() >= SEEN_MAX {
            self.seen.clear();
        }
        let order = Order::new(id, message);
        let cl_ord_id = message.get(tags::CL_ORD_ID).unwrap_or(b"").to_vec();
        self.seen.insert(cl_ord_id, order.clone());
        order
    }
}

/// `ExecType` (150) of a new order.
const NEW: u8 = b'0';
/// `ExecType` (150) of an order's status; FIX 4.2 tells it by `ExecTransType` (20) 3.
const STATUS: u8 = b'I';

/// Reports an order, which stays as new as it was, under the `ExecID` (17) `exec`.
fn report(
    session: &mut Peer,
    now_ns: u64,
    (order, exec): (&Order, u64),
    kind: u8,
    out: &mut Vec<u8>,
) {
    let before_4_3 = session.config().begin_string == "FIX.4.2";
    // The report holds fields of one received message, so it stays below the limit.
    let _ = session.send_unnumbered(now_ns, msg_type::EXECUTION_REPORT, out, |report| {
        report.uint(tags::ORDER_ID, order.id).uint(tags::EXEC_ID, exec);
        if before_4_3 {
            report.char(tags::EXEC_TRANS_TYPE, if kind == STATUS { b'3' } else { b'0' });
            report.char(tags::EXEC_TYPE, NEW);
        } else {
            report.char(tags::EXEC_TYPE, kind);
        }
        report.char(tags::ORD_STATUS, NEW);
        for (tag, value) in &order.terms {
            report.field(*tag, value);
        }
        match order.qty() {
            Some(quantity) => report.field(tags::LEAVES_QTY, quantity),
            None => report.uint(tags::LEAVES_QTY, 0),
        };
        if before_4_3 {
            // FIX 4.2 has both fields in every report.
            report.uint(tags::LAST_QTY, 0).uint(tags::LAST_PX, 0);
        }
        report.uint(tags::CUM_QTY, 0).uint(tags::AVG_PX, 0);
        report.timestamp(tags::TRANSACT_TIME, now_ns, TimePrecision::Millis);
    });
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
