//! Faults on command, between a front and the wire.
//!
//! A line belongs here if it delays, drops, doubles or reorders frames without reading them. Faults
//! that only a dialect can make (a wrong checksum, a refused order) are [`Front::inject`].
//! [`FaultyFront`] wraps any front and is a front itself, so that the socket server and the
//! in-memory simulation use the same faults.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub use super::fault::{CutPoint, Fault};
use super::front::{ConnId, Front, FrontAction, HttpRequest};

/// Most frames held back. Beyond this the frames of the connection leave at once.
pub const HELD_FRAMES_MAX: usize = 100_000;
/// Most scheduled faults.
pub const PLANNED_FAULTS_MAX: usize = 10_000;
/// Most armed wire faults.
pub const ARMED_FAULTS_MAX: usize = 1_000;

/// The connections that a wire fault concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All connections.
    Any,
    /// One connection.
    Conn(ConnId),
    /// Connections whose label starts with this text: `fix`, `http`, or a WebSocket's path.
    Label(String),
}

/// A scheduled fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// Time of the fault.
    pub at_ns: u64,
    /// Connections, for a wire fault.
    pub scope: Scope,
    /// The fault.
    pub fault: Fault,
}

/// Scheduled faults in the order of time.
#[derive(Clone, Debug, Default)]
pub struct FaultPlan(VecDeque<Planned>);

/// The plan holds [`PLANNED_FAULTS_MAX`] faults already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("fault plan is full")]
pub struct PlanFull;

impl FaultPlan {
    /// Adds a fault. Faults of equal time keep the order in which they were added.
    ///
    /// # Errors
    /// [`PlanFull`].
    pub fn add(&mut self, planned: Planned) -> Result<(), PlanFull> {
        if self.0.len() >= PLANNED_FAULTS_MAX {
            return Err(PlanFull);
        }
        let place = self.0.partition_point(|p| p.at_ns <= planned.at_ns);
        self.0.insert(place, planned);
        Ok(())
    }

    /// Takes the next fault that is due.
    pub fn take_due(&mut self, now_ns: u64) -> Option<Planned> {
        if self.0.front()?.at_ns > now_ns { None } else { self.0.pop_front() }
    }

    /// When the next fault is due.
    pub fn next_ns(&self) -> Option<u64> {
        self.0.front().map(|p| p.at_ns)
    }
}

#[derive(Clone, Debug)]
struct Armed {
    scope: Scope,
    fault: Fault,
}

#[derive(Debug, Default)]
struct Line {
    label: String,
    half_open: bool,
    /// Held frames with their due times, which never decrease.
    held: VecDeque<(u64, FrontAction)>,
    /// The first of two frames that change places.
    swap: Option<FrontAction>,
}

/// The wire: delays, drops, doubles and swaps outgoing frames.
#[derive(Debug, Default)]
pub struct FaultyWire {
    armed: VecDeque<Armed>,
    lines: BTreeMap<ConnId, Line>,
    /// Connections with held frames, so that an idle wire costs nothing.
    waiting: BTreeSet<ConnId>,
    held_total: usize,
    /// How far the venue's clock is behind ours.
    clock_behind_ns: i64,
    /// Number of frames that left early because [`HELD_FRAMES_MAX`] was reached.
    pub released_early: u64,
}

impl FaultyWire {
    /// A connection was opened; [`Scope::Label`] compares `label`.
    pub fn opened(&mut self, conn: ConnId, label: &str) {
        label.clone_into(&mut self.lines.entry(conn).or_default().label);
    }

    /// A connection was closed; its held frames are dropped.
    pub fn closed(&mut self, conn: ConnId) {
        if let Some(line) = self.lines.remove(&conn) {
            self.held_total -= line.held.len();
        }
        self.waiting.remove(&conn);
    }

    /// Our time by the venue's clock.
    fn venue_ns(&self, now_ns: u64) -> u64 {
        now_ns.saturating_add_signed(self.clock_behind_ns.saturating_neg())
    }

    /// The venue's time by our clock.
    fn our_ns(&self, venue_ns: u64) -> u64 {
        venue_ns.saturating_add_signed(self.clock_behind_ns)
    }

    /// Whether input of this connection is to be ignored.
    pub fn is_half_open(&self, conn: ConnId) -> bool {
        self.lines.get(&conn).is_some_and(|line| line.half_open)
    }

    /// Arms or carries out a wire fault.
    pub fn inject(&mut self, scope: Scope, fault: Fault, out: &mut Vec<FrontAction>) {
        let concerned: Vec<ConnId> = self
            .lines
            .iter()
            .filter(|(conn, line)| scope.covers(**conn, &line.label))
            .map(|(conn, _)| *conn)
            .collect();
        match fault {
            Fault::HalfOpen => {
                for conn in concerned {
                    if let Some(line) = self.lines.get_mut(&conn) {
                        line.half_open = true;
                    }
                }
            }
            Fault::ClockBehind { by_ns } => self.clock_behind_ns = by_ns,
            Fault::Disconnect => out.extend(concerned.into_iter().map(FrontAction::Close)),
            Fault::Heal => {
                self.armed.clear();
                for line in self.lines.values_mut() {
                    line.half_open = false;
                }
            }
            fault if self.armed.len() < ARMED_FAULTS_MAX && !fault.is_dialect() => {
                self.armed.push_back(Armed { scope, fault });
            }
            _ => {}
        }
    }

    /// Takes the actions of a front and appends to `out` the actions that leave now.
    pub fn send(
        &mut self,
        now_ns: u64,
        actions: impl IntoIterator<Item = FrontAction>,
        out: &mut Vec<FrontAction>,
    ) {
        for action in actions {
            self.send_one(now_ns, action);
        }
        self.due(now_ns, out);
    }

    /// Appends the held frames that are due.
    pub fn due(&mut self, now_ns: u64, out: &mut Vec<FrontAction>) {
        let mut emptied = Vec::new();
        for conn in &self.waiting {
            let Some(line) = self.lines.get_mut(conn) else { continue };
            while line.held.front().is_some_and(|(due, _)| *due <= now_ns) {
                if let Some((_, action)) = line.held.pop_front() {
                    self.held_total -= 1;
                    out.push(action);
                }
            }
            if line.held.is_empty() {
                emptied.push(*conn);
            }
        }
        for conn in emptied {
            self.waiting.remove(&conn);
        }
    }

    /// When a held frame is due next.
    pub fn next_ns(&self) -> Option<u64> {
        let lines = self.waiting.iter().filter_map(|conn| self.lines.get(conn));
        lines.filter_map(|line| line.held.front()).map(|(due, _)| *due).min()
    }

    fn send_one(&mut self, now_ns: u64, action: FrontAction) {
        let conn = action.conn();
        let line = self.lines.entry(conn).or_default();
        if line.half_open {
            return;
        }
        let closing = matches!(action, FrontAction::Close(_));
        // HTTP answers requests one after the other, so no wire fault makes it answer another one.
        let is_http = matches!(action, FrontAction::Http(..));
        let fault = if closing { None } else { take_armed(&mut self.armed, conn, &line.label) };
        match fault {
            Some(Fault::Drop { .. }) => {}
            Some(Fault::Delay { delay_ns, .. }) => {
                self.hold(conn, now_ns.saturating_add(delay_ns), action);
            }
            Some(Fault::Duplicate) if !is_http => {
                self.hold(conn, now_ns, action.clone());
                self.hold(conn, now_ns, action);
            }
            Some(Fault::Reorder) if !is_http && line.swap.is_none() => line.swap = Some(action),
            _ => {
                let swapped = line.swap.take();
                if closing {
                    if let Some(first) = swapped {
                        self.hold(conn, now_ns, first);
                    }
                    self.hold(conn, now_ns, action);
                } else {
                    self.hold(conn, now_ns, action);
                    if let Some(first) = swapped {
                        self.hold(conn, now_ns, first);
                    }
                }
            }
        }
    }

    fn hold(&mut self, conn: ConnId, due_ns: u64, action: FrontAction) {
        let full = self.held_total >= HELD_FRAMES_MAX;
        let Some(line) = self.lines.get_mut(&conn) else { return };
        if full {
            // No frame may wait any longer: all frames of this connection leave now, in order.
            self.released_early += 1;
            for (due, _) in &mut line.held {
                *due = 0;
            }
        }
        let last = line.held.back().map_or(0, |(due, _)| *due);
        let due = if full { last } else { due_ns.max(last) };
        line.held.push_back((due, action));
        self.held_total += 1;
        self.waiting.insert(conn);
    }
}

impl Scope {
    fn covers(&self, conn: ConnId, label: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Conn(one) => *one == conn,
            Self::Label(start) => label.starts_with(start.as_str()),
        }
    }
}

/// Uses the first armed fault that concerns this connection once, and returns it.
fn take_armed(armed: &mut VecDeque<Armed>, conn: ConnId, label: &str) -> Option<Fault> {
    let place = armed.iter().position(|a| a.scope.covers(conn, label))?;
    let entry = armed.get_mut(place)?;
    let fault = entry.fault.clone();
    let more = match &mut entry.fault {
        Fault::Drop { frames } | Fault::Delay { frames, .. } => {
            *frames = frames.saturating_sub(1);
            *frames > 0
        }
        _ => false,
    };
    if !more {
        armed.remove(place);
    }
    Some(fault)
}

/// A front with faults: the schedule, the wire, and the front itself.
#[derive(Debug)]
pub struct FaultyFront<F> {
    inner: F,
    wire: FaultyWire,
    plan: FaultPlan,
}

impl<F: Front> FaultyFront<F> {
    /// Wraps a front. Without scheduled or injected faults nothing changes.
    pub fn new(inner: F, plan: FaultPlan) -> Self {
        Self { inner, wire: FaultyWire::default(), plan }
    }

    /// The front inside.
    pub fn inner(&self) -> &F {
        &self.inner
    }

    /// The front inside.
    pub fn inner_mut(&mut self) -> &mut F {
        &mut self.inner
    }

    /// Schedules a fault.
    ///
    /// # Errors
    /// [`PlanFull`].
    pub fn schedule(&mut self, planned: Planned) -> Result<(), PlanFull> {
        self.plan.add(planned)
    }

    /// Injects a fault now.
    pub fn inject_scoped(
        &mut self,
        now_ns: u64,
        scope: Scope,
        fault: Fault,
        out: &mut Vec<FrontAction>,
    ) {
        if fault.is_dialect() {
            let mut actions = Vec::new();
            self.inner.inject(self.wire.venue_ns(now_ns), &fault, &mut actions);
            self.wire.send(now_ns, actions, out);
        } else {
            self.wire.inject(scope, fault, out);
        }
    }

    fn pass(
        &mut self,
        now_ns: u64,
        out: &mut Vec<FrontAction>,
        call: impl FnOnce(&mut F, u64, &mut Vec<FrontAction>),
    ) {
        let mut actions = Vec::new();
        call(&mut self.inner, self.wire.venue_ns(now_ns), &mut actions);
        self.wire.send(now_ns, actions, out);
    }
}

impl<F: Front> Front for FaultyFront<F> {
    fn on_raw_open(&mut self, now_ns: u64, conn: ConnId, out: &mut Vec<FrontAction>) {
        self.wire.opened(conn, "fix");
        self.pass(now_ns, out, |front, at, out| front.on_raw_open(at, conn, out));
    }

    fn on_raw(&mut self, now_ns: u64, conn: ConnId, bytes: &[u8], out: &mut Vec<FrontAction>) {
        if !self.wire.is_half_open(conn) {
            self.pass(now_ns, out, |front, at, out| front.on_raw(at, conn, bytes, out));
        }
    }

    fn on_http(
        &mut self,
        now_ns: u64,
        conn: ConnId,
        request: &HttpRequest,
        out: &mut Vec<FrontAction>,
    ) {
        if !self.wire.lines.contains_key(&conn) {
            self.wire.opened(conn, "http");
        }
        if !self.wire.is_half_open(conn) {
            self.pass(now_ns, out, |front, at, out| front.on_http(at, conn, request, out));
        }
    }

    fn on_ws_open(&mut self, now_ns: u64, conn: ConnId, target: &str, out: &mut Vec<FrontAction>) {
        self.wire.opened(conn, target);
        self.pass(now_ns, out, |front, at, out| front.on_ws_open(at, conn, target, out));
    }

    fn on_ws_text(&mut self, now_ns: u64, conn: ConnId, text: &str, out: &mut Vec<FrontAction>) {
        if !self.wire.is_half_open(conn) {
            self.pass(now_ns, out, |front, at, out| front.on_ws_text(at, conn, text, out));
        }
    }

    fn on_ws_pong(&mut self, now_ns: u64, conn: ConnId) {
        if !self.wire.is_half_open(conn) {
            self.inner.on_ws_pong(self.wire.venue_ns(now_ns), conn);
        }
    }

    fn on_closed(&mut self, now_ns: u64, conn: ConnId, out: &mut Vec<FrontAction>) {
        self.wire.closed(conn);
        self.pass(now_ns, out, |front, at, out| front.on_closed(at, conn, out));
    }

    fn on_timer(&mut self, now_ns: u64, out: &mut Vec<FrontAction>) {
        while let Some(planned) = self.plan.take_due(now_ns) {
            self.inject_scoped(now_ns, planned.scope, planned.fault, out);
        }
        let due_ns = self.inner.next_timer_ns().map(|due| self.wire.our_ns(due));
        if due_ns.is_some_and(|due| due <= now_ns) {
            self.pass(now_ns, out, F::on_timer);
        }
        self.wire.due(now_ns, out);
    }

    fn next_timer_ns(&self) -> Option<u64> {
        let inner = self.inner.next_timer_ns().map(|due| self.wire.our_ns(due));
        let all = [inner, self.wire.next_ns(), self.plan.next_ns()];
        all.into_iter().flatten().min()
    }

    fn inject(&mut self, now_ns: u64, fault: &Fault, out: &mut Vec<FrontAction>) {
        self.inject_scoped(now_ns, Scope::Any, fault.clone(), out);
    }
}

#[cfg(test)]
mod tests;
