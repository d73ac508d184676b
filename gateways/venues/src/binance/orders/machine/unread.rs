//! What follows from messages that cannot be read, and from times that the venue refuses.
//!
//! A line belongs here if it keeps such a message, or draws a conclusion from that it cannot be
//! read. Reading is `report` and `rest`.

use rutter_core::input::{Doubt, Input};
use rutter_fix::codec::Message;
use rutter_transport::machine::{HttpResponse, Outbox};
use rutter_transport::standing::Why;

use super::super::report::{self, ReportError};
use super::BinanceOrders;
use crate::binance::reject;

impl BinanceOrders {
    /// A report about an order of ours cannot be read. It may be an execution, so the order is in
    /// doubt until the venue has answered about it.
    pub(super) fn on_unreadable(
        &mut self,
        now_ns: u64,
        message: &Message<'_>,
        error: ReportError,
        out: &mut Outbox<Input>,
    ) {
        let raw = String::from_utf8_lossy(message.bytes()).replace('\u{1}', "|");
        self.unread.add(&error.to_string(), &raw, &[self.config.api_key.expose()]);
        self.life.follow_unread(&self.unread);
        let Some(named) = self.reader(0).child_of(message) else { return };
        if let Some(entry) = self.children.get_mut(named.child) {
            // A refusal that cannot be read is no sign that the venue ever had the order.
            entry.seen |= report::shows_order(message);
            entry.doubted_ns = Some(now_ns);
        }
        let (venue, child, doubt) = (self.config.venue, named.child, Doubt::VenueUnsure);
        out.emit(Input::ChildInDoubt { venue, child, doubt });
    }

    /// The venue has perhaps refused a time of ours. What it says of its own time counts at once.
    pub(super) fn note_refused_time(&mut self, now_ns: u64, message: &Message<'_>) {
        if report::code_of(message) == reject::TIME_REFUSED {
            self.session.time_refused(now_ns, message);
            self.life.follow_clock(self.session.clock());
        }
    }

    /// The inquiry has taken an answer. Keeps the answer if it could not be read, and forgets the
    /// venue's clock if the answer refuses our time: the next message of the session tells it anew.
    pub(super) fn after_answer(&mut self, failures: u64, response: Option<&HttpResponse>) {
        if self.inquiry.tally().failures == failures {
            return;
        }
        match (self.inquiry.trouble(), response) {
            (Some((Why::RestUnreadable, error)), Some(response)) => {
                self.unread.add(error, &response.body, &[self.config.api_key.expose()]);
                self.life.follow_unread(&self.unread);
            }
            (Some((Why::ClockOff, _)), _) => self.session.forget_clock(),
            _ => {}
        }
    }
}
