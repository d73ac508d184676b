//! Operators' commands: halts, drains, cancels, limits.
//!
//! A line belongs here if it carries out a command. Who may give which command is `admin/`'s to
//! check.
//!
//! Every command is answered with an [`OperatorReport`], which comes after all that the command
//! caused.

use std::collections::{BTreeMap, BTreeSet};

use super::{Engine, Out};
use crate::child::Role;
use crate::id::{OrderId, VenueId};
use crate::input::{
    Extension, NodeCommand, Operator, OperatorCommand, Refusal, Scope, SessionCommand,
};
use crate::order::{CancelReason, Order, OrderState};
use crate::output::{Notice, OperatorReport, Output, Sink};

impl Engine {
    pub(super) fn on_operator<S: Sink>(&mut self, operator: &Operator, out: &mut Out<'_, S>) {
        let (affected, refusal) = match self.command(operator, out) {
            Ok(affected) => (affected, Refusal::None),
            Err(refusal) => (0, refusal),
        };
        out.put(&Output::Operator(OperatorReport {
            operator: *operator,
            time: self.now,
            affected,
            refusal,
        }));
    }

    /// Carries a command out; returns how many orders or children are being cancelled.
    fn command<S: Sink>(
        &mut self,
        operator: &Operator,
        out: &mut Out<'_, S>,
    ) -> Result<u32, Refusal> {
        match operator.command {
            OperatorCommand::Halt(scope) => self.halt(scope, out),
            OperatorCommand::Resume(scope) => self.resume(scope, out),
            OperatorCommand::DrainVenue(venue) => self.drain(venue, true, out).map(|()| 0),
            OperatorCommand::EnableVenue(venue) => {
                self.drain(venue, false, out)?;
                self.clear_closures(venue, out);
                self.wake_for_venues();
                self.wake_orders(out);
                Ok(0)
            }
            OperatorCommand::Cancel(order) => self.cancel_one(order, out),
            OperatorCommand::CancelAll(scope) => {
                self.check_scope(scope)?;
                Ok(self.cancel_scope(scope, CancelReason::Operator, out))
            }
            OperatorCommand::SetLimits(account, limits) => {
                self.reference.set_limits(account, &limits).map(|()| 0)
            }
            OperatorCommand::Session(session, command) => {
                self.check_scope(Scope::Session(session))?;
                if command == SessionCommand::Enable {
                    self.sessions[session.index()].disabled = false;
                }
                out.put(&Output::Command(session, command));
                Ok(0)
            }
            OperatorCommand::LogOut(session, command) => {
                self.check_scope(Scope::Session(session))?;
                self.on_logout_sent(session);
                if command == SessionCommand::Disable {
                    self.sessions[session.index()].disabled = true;
                }
                out.put(&Output::Command(session, command));
                Ok(0)
            }
            OperatorCommand::ReduceOnly(scope) => self.reduce_only(scope, out),
            OperatorCommand::ReduceOnlyOff(scope) => {
                self.check_scope(scope)?;
                self.reduce_only.remove(scope);
                Ok(0)
            }
            OperatorCommand::Resolve(resolution) => self.resolve(&resolution, out),
            OperatorCommand::Node(NodeCommand::ShutdownFlat) => self.halt(Scope::All, out),
            OperatorCommand::Node(_) => Ok(0),
            OperatorCommand::Preview(asked) => {
                self.preview(operator.request, &asked, 0, out).map(|()| 0)
            }
            OperatorCommand::PreviewBy(asked, strategy) => {
                self.preview(operator.request, &asked, strategy, out).map(|()| 0)
            }
            OperatorCommand::KeepExposure(exposure) => self.keep_exposure(exposure, out),
            OperatorCommand::Extend(extension) => self.check_extension(&extension).map(|()| 0),
        }
    }

    /// Whether the definitions before the command were taken.
    fn check_extension(&self, extension: &Extension) -> Result<(), Refusal> {
        let Extension { accounts, sessions, .. } = *extension;
        let is_there = self.reference.accounts.len() >= accounts as usize
            && self.reference.sessions.len() >= sessions as usize;
        if is_there { Ok(()) } else { Err(Refusal::CapacityReached) }
    }

    fn check_scope(&self, scope: Scope) -> Result<(), Refusal> {
        let known = match scope {
            Scope::All => true,
            Scope::Venue(venue) => venue.index() < self.reference.venues.len(),
            Scope::Instrument(id) => id.index() < self.reference.instruments.len(),
            Scope::Session(session) => session.index() < self.reference.sessions.len(),
            Scope::Account(account) => account.index() < self.reference.accounts.len(),
        };
        if known { Ok(()) } else { Err(Refusal::UnsupportedScope) }
    }

    fn halt<S: Sink>(&mut self, scope: Scope, out: &mut Out<'_, S>) -> Result<u32, Refusal> {
        self.check_scope(scope)?;
        self.halts.insert(scope);
        self.set_closed(out);
        if scope == Scope::All {
            out.notice(Notice::Halted);
        }
        Ok(match scope {
            Scope::Venue(venue) => self.cancel_children_at(venue, out),
            _ => self.cancel_scope(scope, CancelReason::Kill, out),
        })
    }

    fn resume<S: Sink>(&mut self, scope: Scope, out: &mut Out<'_, S>) -> Result<u32, Refusal> {
        self.check_scope(scope)?;
        self.halts.remove(scope);
        self.set_closed(out);
        if scope == Scope::All {
            out.notice(Notice::Resumed);
        }
        self.wake_for_venues();
        self.wake_orders(out);
        Ok(0)
    }

    fn drain<S: Sink>(
        &mut self,
        venue: VenueId,
        on: bool,
        out: &mut Out<'_, S>,
    ) -> Result<(), Refusal> {
        self.check_scope(Scope::Venue(venue)).map_err(|_| Refusal::UnknownVenue)?;
        if on {
            self.drained.insert(venue);
        } else {
            self.drained.remove(venue);
        }
        self.set_closed(out);
        Ok(())
    }

    /// Recomputes which venues take no new order.
    fn set_closed<S: Sink>(&mut self, out: &mut Out<'_, S>) {
        let closed = self.drained.union(self.halts.venues());
        if closed != self.closed {
            self.remember_prices();
            self.closed = closed;
            self.judge_all_books(out);
        }
    }

    fn cancel_scope<S: Sink>(
        &mut self,
        scope: Scope,
        why: CancelReason,
        out: &mut Out<'_, S>,
    ) -> u32 {
        match scope {
            Scope::All => self.cancel_where(why, out, |_| true),
            Scope::Instrument(id) => self.cancel_where(why, out, |o| o.instrument == id),
            Scope::Session(session) => self.cancel_where(why, out, |o| o.session == session),
            Scope::Account(account) => self.cancel_where(why, out, |o| o.account == account),
            Scope::Venue(venue) => {
                let mut orders = BTreeSet::new();
                let mut at = self.venues[venue.index()].first_child;
                // Ends: the list holds each living child of the venue once.
                while let Some(child) = self.children.get(at.0) {
                    at = child.next;
                    match child.role {
                        Role::Shared => orders.extend(self.orders_of_shared(child)),
                        Role::Own | Role::Part => orders.extend([child.order]),
                    }
                }
                self.cancel_where(why, out, |order: &Order| orders.contains(&order.id))
            }
        }
    }

    /// Cancels a venue's children; their orders are routed to other venues.
    fn cancel_children_at<S: Sink>(&mut self, venue: VenueId, out: &mut Out<'_, S>) -> u32 {
        let (mut at, mut count) = (self.venues[venue.index()].first_child, 0);
        let up = self.takes_cancels(venue);
        // Ends: the list holds each living child of the venue once.
        while let Some(child) = self.children.get(at.0).copied() {
            at = child.next;
            let mut child = child;
            if child.role == Role::Shared {
                self.call_back_all(&child, out);
                count += 1;
                continue;
            }
            let Some(mut order) = self.load(child.order) else { continue };
            self.give_up_move(&mut child, &mut order, out);
            (child.cancel_wanted, child.cancels) = (true, 0);
            if up {
                self.cancel_child(&mut child, out);
            }
            count += 1;
            // The child is not over yet, so it keeps its quantity and funds.
            self.store_child(&mut child, &mut order);
            self.store(&order);
        }
        count
    }

    /// Whether a halt covers the order's session, account or instrument.
    #[inline]
    pub(super) fn is_halted_for(&self, order: &Order) -> bool {
        self.halts.cover(order.session, order.account, order.instrument)
    }

    /// Begins reduce-only in the scope, and cancels open orders that could raise a position.
    fn reduce_only<S: Sink>(&mut self, scope: Scope, out: &mut Out<'_, S>) -> Result<u32, Refusal> {
        self.check_scope(scope)?;
        if matches!(scope, Scope::Venue(_)) {
            return Err(Refusal::UnsupportedScope);
        }
        self.reduce_only.insert(scope);
        let raising = self.raising();
        Ok(self.cancel_where(CancelReason::Operator, out, |order| raising.contains(&order.id)))
    }

    /// Open orders in a reduce-only scope that could raise a position if all of the account's open
    /// orders were filled.
    ///
    /// Orders of other scopes are counted first, then the others by their slots. An order that does
    /// not fit any more is in the set, and so is every later one. A cancelled order may still fill
    /// until it is over, and an order that is being replaced may become any size.
    fn raising(&self) -> BTreeSet<OrderId> {
        let (mut room, mut raising) = (BTreeMap::new(), BTreeSet::new());
        for covered_now in [false, true] {
            let mut slot = 0;
            // Ends: each turn goes to a later slot.
            while let Some((next, order)) = self.orders.living_after(slot) {
                slot = next;
                let (session, account, instrument) =
                    (order.session, order.account, order.instrument);
                let covered = self.reduce_only.cover(session, account, instrument);
                let replacing = order.state() == OrderState::PendingReplace;
                if (covered && !replacing) != covered_now {
                    continue;
                }
                let left = room
                    .entry((account, instrument, order.side as u8))
                    .or_insert_with(|| self.ledger.reducible(account, instrument, order.side));
                let needed =
                    if replacing { i128::from(i64::MAX) } else { i128::from(order.leaves().0) };
                if covered && *left < needed {
                    raising.insert(order.id);
                }
                *left -= needed;
            }
        }
        raising
    }

    fn cancel_one<S: Sink>(&mut self, id: OrderId, out: &mut Out<'_, S>) -> Result<u32, Refusal> {
        let mut order = self.load(id).ok_or(Refusal::UnknownOrder)?;
        match order.state() {
            state if state.is_over() => return Err(Refusal::TooLateToCancel),
            OrderState::PendingCancel
                if !order.stuck && order.cancel_reason != CancelReason::Client =>
            {
                return Err(Refusal::AlreadyPending);
            }
            _ => {}
        }
        self.end(&mut order, CancelReason::Operator, out);
        self.store(&order);
        Ok(1)
    }
}
