//! Client sessions that connect, are logged out and disconnect, and the orders of those that are
//! lost.
//!
//! A line belongs here if it changes whether a session is connected or may trade, or if it cancels
//! orders because a connection or the node was lost.

use super::{Engine, Out};
use crate::id::SessionId;
use crate::input::{CancelOnDisconnect, Refusal};
use crate::number::UnixNanos;
use crate::order::CancelReason;
use crate::output::Sink;

impl Engine {
    pub(super) fn on_session_up(&mut self, session: SessionId, choice: CancelOnDisconnect) {
        if let Some(state) = self.sessions.get_mut(session.index()) {
            (state.up, state.choice, state.logged_out) = (true, choice, false);
            if let Some(due) = state.loss_due.take() {
                self.losses.remove(&(due, session));
            }
        }
    }

    /// Our Logout was sent to the client, or a command to send it is on its way to the gateway.
    pub(super) fn on_logout_sent(&mut self, session: SessionId) {
        if let Some(state) = self.sessions.get_mut(session.index()) {
            state.logged_out = true;
        }
    }

    /// Why the session's new orders and replaces are refused now; [`Refusal::None`] if they are
    /// not.
    pub(super) fn shut_out(&self, session: SessionId) -> Refusal {
        match self.sessions.get(session.index()) {
            Some(state) if state.disabled => Refusal::SessionDisabled,
            Some(state) if state.logged_out => Refusal::LoggedOut,
            Some(_) | None => Refusal::None,
        }
    }

    pub(super) fn on_session_down<S: Sink>(&mut self, session: SessionId, out: &mut Out<'_, S>) {
        self.lose(session);
        self.lose_due_sessions(out);
    }

    /// The node was down, so every connection was lost.
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
        let due = UnixNanos(now.0.saturating_add(state.choice.grace_ns));
        (state.up, state.loss_due) = (false, Some(due));
        self.losses.insert((due, session));
    }

    /// Cancels orders of the sessions whose grace after the loss is over, in the order of the
    /// sessions.
    pub(super) fn lose_due_sessions<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        let mut lost = Vec::new();
        // Ends: each turn takes a session out.
        while let Some((_, session)) =
            self.losses.first().copied().filter(|(due, _)| *due <= self.now)
        {
            self.losses.pop_first();
            lost.push(session);
        }
        lost.sort_unstable();
        for session in lost {
            let Some(state) = self.sessions.get_mut(session.index()) else { continue };
            state.loss_due = None;
            let all = state.choice.all;
            self.cancel_where(CancelReason::ConnectionLost, out, |order| {
                order.session == session && (all || order.ends_with_connection)
            });
        }
    }
}
