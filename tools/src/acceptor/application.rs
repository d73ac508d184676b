//! The applications that answer valid messages: an echo, or a book that accepts every order.
//!
//! A line belongs here if it answers a message that the session layer has passed.

use std::collections::HashSet;

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
    seen: HashSet<Vec<u8>>,
    /// Number of reports, which makes `OrderID` (37) and `ExecID` (17).
    serial: u64,
}

type Peer = Session<MemStore, NoCredentials>;

impl Answers {
    /// An application that knows no order.
    pub fn new(application: Application) -> Self {
        Self { application, seen: HashSet::new(), serial: 0 }
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
                if self.is_news(message) || !app.poss_resend {
                    echo(session, now_ns, message, out);
                }
            }
            (Application::Echo, msg_type::SECURITY_DEFINITION) => {
                echo(session, now_ns, message, out);
            }
            (Application::Orders, msg_type::NEW_ORDER_SINGLE) => {
                if self.is_news(message) || !app.poss_resend {
                    self.accept(session, now_ns, message, out);
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

    /// Remembers an order; false if the order was known.
    fn is_news(&mut self, message: &Message<'_>) -> bool {
        if self.seen.len() >= SEEN_MAX {
            self.seen.clear();
        }
        self.seen.insert(message.get(tags::CL_ORD_ID).unwrap_or(b"").to_vec())
    }

    fn accept(
        &mut self,
        session: &mut Peer,
        now_ns: u64,
        message: &Message<'_>,
        out: &mut Vec<u8>,
    ) {
        self.serial += 1;
        let serial = self.serial;
        let before_4_3 = session.config().begin_string == "FIX.4.2";
        let copied = |tag| message.get(tag).filter(|value| !value.is_empty());
        // The report holds fields of one received message, so it stays below the limit.
        let _ = session.send_unnumbered(now_ns, msg_type::EXECUTION_REPORT, out, |report| {
            report.uint(tags::ORDER_ID, serial).uint(tags::EXEC_ID, serial);
            if before_4_3 {
                report.char(tags::EXEC_TRANS_TYPE, b'0');
            }
            report.char(tags::EXEC_TYPE, b'0').char(tags::ORD_STATUS, b'0');
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
