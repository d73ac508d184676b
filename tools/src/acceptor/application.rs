//! What answers a valid application message: an echo, or orders that are accepted and rest.

use std::collections::HashSet;

use rutter_fix::codec::{Message, SOH, TimePrecision};
use rutter_fix::session::{AppMessage, BusinessRejectReason, NoCredentials, Session};
use rutter_fix::store::MemStore;
use rutter_fix::tags::{self, msg_type};

/// Most `ClOrdID`s remembered between two logons; beyond it the oldest knowledge is dropped.
const SEEN_MAX: usize = 100_000;

/// Which application answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Application {
    /// Every valid `NewOrderSingle` and `SecurityDefinition` goes back, but for a `NewOrderSingle`
    /// with `PossResend` whose `ClOrdID` has come before.
    Echo,
    /// A valid `NewOrderSingle` is answered with an `ExecutionReport` (New).
    Orders,
}

/// The application of one session.
#[derive(Debug)]
pub(super) struct Answers {
    application: Application,
    seen: HashSet<Vec<u8>>,
    /// Counts reports, for `OrderID` and `ExecID`.
    serial: u64,
}

type Peer = Session<MemStore, NoCredentials>;

impl Answers {
    /// One that has seen nothing.
    pub fn new(application: Application) -> Self {
        Self { application, seen: HashSet::new(), serial: 0 }
    }

    /// A session begins: orders of before it are forgotten.
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
            // Nobody may answer a refusal with a refusal.
            (_, msg_type::BUSINESS_MESSAGE_REJECT) => {}
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
                // A store in memory refuses nothing that came in one message.
                let _ = session.business_reject(now_ns, message, reason, id, reason.text(), out);
            }
        }
    }

    /// Remembers an order; false when it was known.
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
        // As above: nothing that came in one message is too long to go out in one.
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

/// Tags of a header that every sender writes anew.
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

/// Sends a message back; what else its header had comes first again, as it stood there.
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
