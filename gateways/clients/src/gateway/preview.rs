//! A client asks what would become of an order (U3), and is told (U4). Nothing is sent to a venue.
//!
//! The answer is not stored: a plan of an earlier moment is worth nothing. A client may ask one
//! question at a time; a question whose client is gone is forgotten.
//!
//! A line belongs here if it takes such a question, or passes on its answer.

use rutter_core::input::{Input, NewOrder, Unacceptable};
use rutter_core::output::ClientPreview;
use rutter_fix::codec::Encoder;
use rutter_fix::session::{AppMessage, BusinessRejectReason, SendError};
use rutter_fix::store::MessageStore;
use rutter_fix::tags::msg_type;
use rutter_transport::acceptor::ConnId;

use super::ClientGateway;
use crate::preview::{BUSY, PendingPreview, write_no_preview};
use crate::terms::Terms;

impl<S: MessageStore> ClientGateway<S> {
    /// Asks the core, or says that an earlier question is being answered.
    pub(super) fn on_preview_request(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        place: usize,
        app: &AppMessage<'_>,
        order: NewOrder,
    ) {
        let client = &mut self.clients[place];
        if client.preview.is_some() {
            let reason = BusinessRejectReason::ApplicationNotAvailable;
            return self.business_reject(now_ns, conn, place, app, reason, BUSY);
        }
        client.preview = Some(PendingPreview::new(order));
        let arrived_ns = self.connections[conn].arrived_ns;
        self.emit(Input::Preview(order), arrived_ns);
    }

    /// Refuses a question that the core has no fields for.
    pub(super) fn refuse_preview(
        &mut self,
        now_ns: u64,
        place: usize,
        app: &AppMessage<'_>,
        order: &Unacceptable,
    ) {
        let version = self.clients[place].owner.version;
        self.send_preview(now_ns, place, |out, _| write_no_preview(out, order, version));
        self.clients[place].session.confirm_in(app.id);
    }

    /// Takes a part of the core's answer. The answer is sent when it is complete.
    pub(super) fn on_preview_part(&mut self, now_ns: u64, told: &ClientPreview) {
        let Some(place) = self.clients.by_session(told.session) else { return };
        let recovered = self.recovered;
        let client = &mut self.clients[place];
        if told.part.is_none() && !client.failed {
            client.confirm(told.client_seq, recovered);
        }
        // The client may be gone since it asked, and the replay of a start repeats old answers.
        let Some(asked) = client.preview.as_mut().filter(|one| one.asks(told.client_seq)) else {
            return;
        };
        if let Some(part) = told.part {
            return asked.take(part, told.paid);
        }
        let version = client.owner.version;
        if let Some(answer) = client.preview.take() {
            self.send_preview(now_ns, place, |out, terms| answer.write(out, terms, version));
        }
    }

    fn send_preview(
        &mut self,
        now_ns: u64,
        place: usize,
        write: impl FnOnce(&mut Encoder<'_>, &Terms),
    ) {
        let client = &mut self.clients[place];
        let Some(conn) = client.conn.filter(|_| !client.failed) else { return };
        let (out, terms) = (&mut self.connections[conn].out, &self.terms);
        let sent = client.session.send_transient(now_ns, msg_type::PREVIEW, out, |message| {
            write(message, terms);
        });
        match sent {
            // A client that is logging out needs no answer.
            Ok(_) | Err(SendError::NotLoggedOn) => self.after_write(now_ns, conn),
            Err(error) => self.fail(place, error.fault()),
        }
    }
}
