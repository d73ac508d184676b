//! Sessions that come and go, and what becomes of the orders of those that are gone.

use super::{Engine, Out};
use crate::id::SessionId;
use crate::input::CancelOnDisconnect;
use crate::number::UnixNanos;
use crate::order::CancelReason;
use crate::output::Sink;

impl Engine {
    pub(super) fn on_session_up(&mut self, session: SessionId, choice: CancelOnDisconnect) {
        if let Some(state) = self.sessions.get_mut(session.index()) {
            (state.up, state.choice, state.loss_due) = (true, choice, None);
            self.find_next_loss();
        }
    }

    pub(super) fn on_session_down<S: Sink>(&mut self, session: SessionId, out: &mut Out<'_, S>) {
        self.lose(session);
        self.lose_due_sessions(out);
    }

    /// The node was down, and with it every connection.
    pub(super) fn lose_all_sessions<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        for index in 0..self.sessions.len() {
            self.lose(SessionId(index as u16));
        }
        self.cancel_where(CancelReason::SystemFailure, out, |order| order.ends_with_failure);
        self.lose_due_sessions(out);
    }

    fn lose(&mut self, session: SessionId) {
        let now = self.now;
        let Some(state) = self.sessions.get_mut(session.index()).filter(|state| state.up) else {
            return;
        };
        state.up = false;
        state.loss_due = Some(UnixNanos(now.0.saturating_add(state.choice.grace_ns)));
        self.find_next_loss();
    }

    fn find_next_loss(&mut self) {
        self.loss_due = self.sessions.iter().filter_map(|state| state.loss_due).min();
    }

    /// Calls back what the sessions that were lost long enough ago leave behind.
    pub(super) fn lose_due_sessions<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        if self.loss_due.is_none_or(|due| due > self.now) {
            return;
        }
        for index in 0..self.sessions.len() {
            let now = self.now;
            let Some(state) = self.sessions.get_mut(index) else { continue };
            if state.loss_due.is_none_or(|due| due > now) {
                continue;
            }
            state.loss_due = None;
            let (session, all) = (SessionId(index as u16), state.choice.all);
            self.cancel_where(CancelReason::ConnectionLost, out, |order| {
                order.session == session && (all || order.ends_with_connection)
            });
        }
        self.find_next_loss();
    }
}
