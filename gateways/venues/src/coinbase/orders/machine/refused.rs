//! What follows from the venue's refusals of orders, and of our session or key.
//!
//! A line belongs here if it branches on the meaning of a refusal. The meaning of a code is
//! `reject`.

use rutter_core::id::ChildId;
use rutter_core::input::{Doubt, Input, VenueDownReason, VenueReject};
use rutter_transport::machine::Outbox;
use rutter_transport::refusals::Refused as Asked;
use rutter_transport::standing::Why;

use super::super::report::Refused;
use super::{CoinbaseOrders, Link};
use crate::answers::Verdict;
use crate::coinbase::reject;

impl CoinbaseOrders {
    /// Keeps the venue's text, which was read last, for the log.
    pub(super) fn keep_refusal(&mut self, child: ChildId, request: Asked, code: i64) {
        let text = format!("{code} {}", self.last_text.as_str());
        let secrets = [self.signer.api_key.expose(), self.signer.passphrase.expose()];
        self.refusals.add(child.0, request, &text, &secrets);
    }

    /// The venue does not accept our session or key: the session ends, and the next one begins
    /// after a wait.
    pub(super) fn on_session_refused(&mut self, now_ns: u64, code: i64, out: &mut Outbox<Input>) {
        self.counters.logons_refused += 1;
        if self.link == Link::On {
            let why = reject::why(code, self.last_text.as_str()).unwrap_or(Why::NoPermission);
            self.life.failed(now_ns, why, &format!("{code} {}", self.last_text.as_str()));
            self.log_out(now_ns, VenueDownReason::LogonRefused, true, out);
        }
    }

    pub(super) fn on_refused(
        &mut self,
        now_ns: u64,
        child: ChildId,
        refused: Refused,
        out: &mut Outbox<Input>,
    ) {
        self.keep_refusal(child, Asked::New, refused.code);
        let (venue, retry_after_ns) = (self.config.venue, 0);
        match refused.verdict {
            Verdict::Refused(reason) => {
                self.counters.refusals += 1;
                self.children.end(child);
                out.emit(Input::ChildRejected { venue, child, reason, retry_after_ns });
            }
            Verdict::Session => {
                self.children.end(child);
                let reason = VenueReject::Other;
                out.emit(Input::ChildRejected { venue, child, reason, retry_after_ns });
                self.on_session_refused(now_ns, refused.code, out);
            }
            Verdict::Unsure => {
                if let Some(entry) = self.children.get_mut(child) {
                    entry.new_seq = None;
                    entry.doubted_ns = Some(now_ns);
                }
                out.emit(Input::ChildInDoubt { venue, child, doubt: Doubt::VenueUnsure });
            }
        }
    }
}
