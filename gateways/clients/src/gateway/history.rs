//! A client that asks for yesterday's reports gets them: the messages that its store has of a time
//! are sent again, over all resets of its sequence numbers.
//!
//! `HistoryRequest` (U1) names a period from 20021 (inclusive) to 20022 (exclusive). Each message
//! of the period is sent again unchanged, with `PossResend` (97) and its original number and time
//! (20023, 20024). `HistoryEnd` (U2) gives the number of messages, and of damaged places. These
//! messages are not stored. A client may request one history at a time, and gets its other messages
//! in between.
//!
//! A line belongs here if it sends a history. Reading the request is `reference::history`.

use rutter_fix::session::{AppMessage, BusinessRejectReason, SendError};
use rutter_fix::store::{MSG_TYPE_BYTES_MAX, MessageStore};
use rutter_fix::tags::{self, msg_type};
use rutter_transport::acceptor::ConnId;

use super::ClientGateway;
use crate::connection::Connection;
use crate::notice::Notice;
use crate::reference::history::{History, read};

/// Messages sent again to one client in one turn.
pub const TOLD_PER_TURN: usize = 64;

/// `Text` (58) of the answer to a request while another is being answered.
const BUSY: &str = "HistoryBusy";

/// How the stored fields of a possible resend begin.
const POSS_RESEND: &[u8] = b"97=Y\x01";

/// `Text` (58) of the end of a history that lacks what damage has taken.
const DAMAGED: &str = "HistoryDamaged";

impl<S: MessageStore> ClientGateway<S> {
    /// Begins to send a history, or answers why not.
    pub(super) fn on_history_request(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        place: usize,
        app: &AppMessage<'_>,
    ) {
        let client = &mut self.clients[place];
        match read(&app.message) {
            Ok(_) if client.history.is_some() => {
                let reason = BusinessRejectReason::ApplicationNotAvailable;
                return self.business_reject(now_ns, conn, place, app, reason, BUSY);
            }
            Ok(history) => {
                client.history = Some(history);
                self.histories += 1;
            }
            Err((reason, tag)) => {
                let session = client.owner.session;
                let out = &mut self.connections[conn].out;
                client.session.reject(now_ns, &app.message, reason, Some(tag), out);
                self.counters.messages_rejected += 1;
                self.note(Notice::Rejected { session, seq: app.seq, reason, tag: Some(tag) });
            }
        }
        self.clients[place].session.confirm_in(app.id);
    }

    /// Goes on with every history whose client reads; true if any message was sent.
    pub(super) fn serve_histories(&mut self, now_ns: u64) -> bool {
        if self.histories == 0 {
            return false;
        }
        let mut told = false;
        for conn in self.connections.ids() {
            if let Some(place) = self.connections.get(conn).and_then(Connection::client) {
                told |= self.serve_history(now_ns, place);
            }
        }
        told
    }

    /// Whether a client has read what it was sent of its history.
    pub(super) fn history_is_due(&self) -> bool {
        let reads = |conn| {
            let place = self.connections.get(conn).and_then(Connection::client);
            place.is_some_and(|place| self.reads_history(place).is_some())
        };
        self.histories > 0 && self.connections.ids().any(reads)
    }

    /// The history of a client that has read what it was sent, and its connection.
    fn reads_history(&self, place: usize) -> Option<(History, ConnId)> {
        let client = &self.clients[place];
        let (history, conn) = client.history.zip(client.conn)?;
        let reads = !client.session.replay_pending() && self.has_room_for_market(conn);
        reads.then_some((history, conn))
    }

    fn serve_history(&mut self, now_ns: u64, place: usize) -> bool {
        let Some((mut history, conn)) = self.reads_history(place) else { return false };
        let mut over = false;
        for _ in 0..TOLD_PER_TURN {
            over = !self.tell_past(now_ns, place, conn, &mut history);
            if over || !self.has_room_for_market(conn) {
                break;
            }
        }
        if over {
            self.tell_damage(place, 0);
        }
        self.clients[place].history = (!over).then_some(history);
        self.histories -= usize::from(over);
        self.after_write(now_ns, conn);
        true
    }

    /// Sends the next message, or the end; false when the history is complete.
    fn tell_past(
        &mut self,
        now_ns: u64,
        place: usize,
        conn: ConnId,
        history: &mut History,
    ) -> bool {
        let (client, connection) = (&mut self.clients[place], &mut self.connections[conn]);
        let precision = client.owner.precision;
        self.scratch.clear();
        let found = client.session.store().next_past(&mut history.cursor).map(|past| {
            self.scratch.extend_from_slice(past.entry.body);
            let mut kind = [0; MSG_TYPE_BYTES_MAX];
            let length = past.entry.msg_type.len().min(kind.len());
            if let Some(part) = kind.get_mut(..length) {
                part.copy_from_slice(&past.entry.msg_type[..length]);
            }
            (kind, length, past.entry.seq, past.entry.sending_ns)
        });
        let (out, body) = (&mut connection.out, self.scratch.as_slice());
        let sent = if let Some((kind, length, seq, sending_ns)) = found {
            let kind = kind.get(..length).unwrap_or(&[]);
            // A Reject of then would read as a Reject of now.
            if kind == msg_type::REJECT {
                return true;
            }
            client.session.send_transient(now_ns, kind, out, |message| {
                // A report that damage has lost is stored again as a possible resend.
                if !body.starts_with(POSS_RESEND) {
                    message.bool(tags::POSS_RESEND, true);
                }
                message.raw(body);
                message.uint(tags::ORIGINAL_MSG_SEQ_NUM, seq);
                message.timestamp(tags::ORIGINAL_TIME, sending_ns, precision);
            })
        } else {
            client.session.send_transient(now_ns, msg_type::HISTORY_END, out, |message| {
                message.field(tags::HISTORY_REQ_ID, history.id.as_bytes());
                message.uint(tags::HISTORY_COUNT, history.sent);
                if history.cursor.damaged() > 0 {
                    message.uint(tags::HISTORY_DAMAGED, history.cursor.damaged());
                    message.field(tags::TEXT, DAMAGED.as_bytes());
                }
            })
        };
        match (found, sent) {
            (Some(_), Ok(_)) => {
                history.sent += 1;
                true
            }
            // A message at the very limit, to which the fields of the history cannot be added, is
            // passed over. The count in `HistoryEnd` does not include it.
            (Some(_), Err(SendError::Encode(_))) => true,
            // The end was sent, or the client is logging out and needs no history.
            (None, _) | (Some(_), Err(_)) => false,
        }
    }

    /// The client's connection is gone: it may ask again.
    pub(super) fn forget_history(&mut self, place: usize) {
        if self.clients[place].history.take().is_some() {
            self.histories -= 1;
        }
    }
}
