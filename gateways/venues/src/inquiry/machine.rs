//! The machine that asks a venue what became of children, in rounds that share calls.
//!
//! A line belongs here if it decides when to ask, what an absence proves, or what the core is told.
//! Which call a round needs next, and the content of requests and answers, is the venue's
//! [`Dialect`].
//!
//! After a logon the machine asks for the open orders, unless the private stream shows them; then
//! about every child in doubt; then for the balances; then the venue is up. The link for private
//! reports is logged on before the first question, so whatever happens between two answers is
//! reported there. The core is told all fills of a child first, and the child's fate last.
//!
//! A child that the venue does not answer about does not keep the venue down: after
//! [`ASIDE_TRIES`] answers that settle nothing the venue is up without it. The child stays unknown
//! to the core, with its exposure, and is asked about further.

use core::fmt::Display;
use std::collections::{BTreeMap, BTreeSet};

use rutter_core::id::{ChildId, InstrumentId, VenueId, VenueOrderId};
use rutter_core::input::{Fate, Input, QueryOutcome};
use rutter_core::number::Qty;
use rutter_transport::machine::{HttpResponse, Outbox};
use rutter_transport::standing::Why;

use super::answer::OrderState;
use super::budget::{Budget, Limit};
use super::dialect::{Ask, Dialect, Refused};
use super::pause::Pause;
use super::retry::{Absence, Retry, absence_counts};
use super::round::{Flight, Member, Question, Round};
use crate::backoff::Backoff;
use crate::life::{KEY_PAUSE_NS, KEY_REFUSALS_MAX};

/// How a venue is asked, how fast, and how long its answers may take.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Children in doubt at once. Further questions are dropped and counted.
    pub questions_max: usize,
    /// Children that share the calls of one round.
    pub round_children_max: usize,
    /// Rounds at once, each with one call on its way.
    pub in_flight_max: usize,
    /// The list of open orders is asked for after a logon: no private stream shows them.
    pub lists_open_orders: bool,
    /// A call without an answer for this long is made again, in nanoseconds.
    pub answer_timeout_ns: u64,
    /// The venue's limit of calls.
    pub limit: Limit,
    /// First and longest pause after a failed call, in nanoseconds.
    pub pause_ns: (u64, u64),
    /// When a child without a clear answer is asked about again.
    pub retry: Retry,
}

/// Answers that settle nothing, after which a child no longer keeps the venue from being up.
pub const ASIDE_TRIES: u32 = 3;

/// How far the inquiry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not logged on: nothing is asked.
    Down,
    /// The open orders are awaited.
    OpenOrders,
    /// Answers about children are awaited.
    Questions,
    /// The balances are awaited.
    Balances,
    /// The core has been told everything.
    Up,
    /// The core has been told everything, and the venue takes no orders.
    Closed,
}

/// Counts since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Calls that failed or got an answer of no use.
    pub failures: u64,
    /// Questions dropped because too many children were in doubt.
    pub dropped: u64,
    /// Open orders with an id that is not ours.
    pub others: u64,
    /// Open orders and questions about an instrument that is not listed.
    pub unlisted: u64,
    /// Executions whose fee is in an unlisted asset, told as no fee.
    pub unknown_fee_assets: u64,
    /// Children that the venue never got.
    pub never_arrived: u64,
}

/// A round, and its call while that is on its way.
#[derive(Debug)]
struct Active<C, P> {
    round: Round<P>,
    flight: Option<Flight<Ask<C>>>,
}

/// The questions, the calls on their way, and the pace of asking. `C` and `P` are the dialect's
/// calls and plans.
#[derive(Debug)]
pub struct Inquiry<C, P> {
    pace: Pace,
    phase: Phase,
    questions: BTreeMap<ChildId, Question>,
    /// The questions by the time from which each may be asked.
    due: BTreeSet<(u64, ChildId)>,
    rounds: Vec<Active<C, P>>,
    /// The call about open orders or balances that is on its way.
    account: Option<Flight<Ask<C>>>,
    /// The balances are asked for although the venue is up.
    are_balances_due: bool,
    /// Children whose fate the core has been told since the logon.
    told: BTreeSet<ChildId>,
    /// Children in doubt that do not keep the venue from being up.
    aside: BTreeSet<ChildId>,
    next_id: u64,
    pause: Pause,
    /// Calls in a row that the venue has refused because of our key.
    key_refusals: u32,
    budget: Budget,
    tally: Tally,
    last_error: Option<String>,
    /// The reason of the last failure; `None` after an answer that was of use.
    trouble: Option<Why>,
}

impl<C, P: Default> Inquiry<C, P> {
    /// Nothing is asked before [`Inquiry::start`]. Equal seeds give equal pauses.
    pub fn new(pace: Pace, seed: u64) -> Self {
        let (first_ns, longest_ns) = pace.pause_ns;
        Self {
            phase: Phase::Down,
            questions: BTreeMap::new(),
            due: BTreeSet::new(),
            rounds: Vec::with_capacity(pace.in_flight_max),
            account: None,
            are_balances_due: false,
            told: BTreeSet::new(),
            aside: BTreeSet::new(),
            next_id: 1,
            pause: Pause::new(Backoff::new(first_ns, longest_ns, seed)),
            key_refusals: 0,
            budget: Budget::new(pace.limit),
            tally: Tally::default(),
            last_error: None,
            trouble: None,
            pace,
        }
    }

    /// How far the inquiry is.
    pub const fn phase(&self) -> Phase {
        self.phase
    }

    /// The core has been told everything, so the venue takes orders.
    pub fn is_up(&self) -> bool {
        self.phase == Phase::Up
    }

    /// Children in doubt.
    pub fn pending(&self) -> usize {
        let asked: usize = self.rounds.iter().map(|active| active.round.members.len()).sum();
        self.questions.len() + asked
    }

    /// Children in doubt that keep the venue from being up.
    fn holding(&self) -> usize {
        self.pending().saturating_sub(self.aside.len())
    }

    /// Children that the venue has not answered about for long: how many, and the oldest.
    pub fn unclear(&self) -> Option<(usize, ChildId)> {
        self.aside.first().map(|child| (self.aside.len(), *child))
    }

    /// Counts since the start.
    pub const fn tally(&self) -> Tally {
        self.tally
    }

    /// The last failure, in words.
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// Why the last call failed; `None` when it was answered. A call without an answer has no
    /// words: only the carrier knows more.
    pub fn trouble(&self) -> Option<(Why, &str)> {
        let why = self.trouble?;
        let text = self.last_error.as_deref().filter(|_| why != Why::RestFailing);
        Some((why, text.unwrap_or_default()))
    }

    /// No call is made before this time, because of failures.
    pub const fn paused_until_ns(&self) -> u64 {
        self.pause.until_ns()
    }

    /// No call is made before this time: the venue wants none from our address.
    pub fn hold_until(&mut self, until_ns: u64) {
        self.pause.hold_until(until_ns);
    }

    /// The link is logged on, or the venue takes orders again: everything is asked anew.
    pub fn start(&mut self) {
        let lists = self.pace.lists_open_orders;
        self.phase = if lists { Phase::OpenOrders } else { Phase::Questions };
        self.account = None;
        self.are_balances_due = false;
        self.told.clear();
    }

    /// The venue takes no orders for now. Questions are asked nevertheless.
    pub fn close(&mut self) {
        if self.phase == Phase::Up {
            self.phase = Phase::Closed;
        }
    }

    /// The link is gone: answers on their way are void, and all questions are asked anew after the
    /// next logon.
    pub fn stop(&mut self) {
        self.phase = Phase::Down;
        self.account = None;
        self.are_balances_due = false;
        for active in self.rounds.drain(..) {
            for member in active.round.members {
                self.questions.insert(member.child, member.question);
            }
        }
        self.due.clear();
        self.aside.clear();
        for (child, question) in &mut self.questions {
            let instrument = question.instrument;
            *question = Question { instrument, due_ns: 0, tries: 0, absent_ns: None, known: None };
            self.due.insert((0, *child));
        }
    }

    /// The core asks about a child: the child is in doubt, and is asked about at once. A child that
    /// is being asked about is asked about again afterwards, since the doubt may be newer than the
    /// answers.
    pub fn ask(&mut self, child: ChildId, instrument: InstrumentId) {
        let mut members = self.rounds.iter_mut().flat_map(|active| &mut active.round.members);
        if let Some(member) = members.find(|member| member.child == child) {
            member.is_asked_again = true;
            return;
        }
        let tries = match self.questions.get(&child) {
            Some(question) => question.tries,
            None if self.pending() >= self.pace.questions_max => {
                self.tally.dropped += 1;
                return;
            }
            None => 0,
        };
        self.put(child, Question { instrument, due_ns: 0, tries, absent_ns: None, known: None });
    }

    /// The balances that the private stream tells cannot be trusted: asks for all balances.
    pub const fn ask_balances(&mut self) {
        self.are_balances_due = true;
    }

    /// Counts a call that another part of the adapter makes.
    pub fn count_call(&mut self, cost: u32, now_ns: u64) {
        self.budget.spend(cost, now_ns);
    }

    /// A number for a call that another part of the adapter makes, so that no two calls share one.
    pub const fn take_id(&mut self) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    fn put(&mut self, child: ChildId, question: Question) {
        if let Some(before) = self.questions.insert(child, question) {
            self.due.remove(&(before.due_ns, child));
        }
        self.due.insert((question.due_ns, child));
    }

    fn in_flight(&self) -> usize {
        let rounds = self.rounds.iter().filter(|active| active.flight.is_some()).count();
        rounds + usize::from(self.account.is_some())
    }

    fn may_call(&self, now_ns: u64) -> bool {
        let is_paused = now_ns < self.pause.until_ns();
        self.in_flight() < self.pace.in_flight_max && !is_paused && self.budget.is_free(now_ns)
    }

    /// Makes the calls that are due, and tells the core what they have shown.
    pub fn pump<D>(&mut self, now_ns: u64, dialect: &mut D, out: &mut Outbox<Input>)
    where
        D: Dialect<Call = C, Plan = P>,
    {
        self.expire(now_ns, dialect.venue(), out);
        if self.phase == Phase::Balances && self.account.is_none() && self.holding() > 0 {
            // A child came into doubt while the balances failed.
            self.phase = Phase::Questions;
        }
        if matches!(self.phase, Phase::Questions | Phase::Up | Phase::Closed) {
            self.pump_rounds(now_ns, dialect, out);
        }
        if self.phase == Phase::Questions && self.holding() == 0 {
            self.tell_shown(dialect, out);
            self.phase = Phase::Balances;
        }
        let ask = match self.phase {
            Phase::OpenOrders => Ask::OpenOrders,
            Phase::Balances => Ask::Balances,
            Phase::Up | Phase::Closed if self.are_balances_due => Ask::Balances,
            Phase::Down | Phase::Questions | Phase::Up | Phase::Closed => return,
        };
        if self.account.is_none() && self.may_call(now_ns) {
            self.are_balances_due &= matches!(ask, Ask::OpenOrders);
            self.account = Some(self.call(now_ns, ask, dialect, out));
        }
    }

    fn pump_rounds<D>(&mut self, now_ns: u64, dialect: &mut D, out: &mut Outbox<Input>)
    where
        D: Dialect<Call = C, Plan = P>,
    {
        let mut at = 0;
        while at < self.rounds.len() || self.begin_round(now_ns, dialect) {
            let active = &mut self.rounds[at];
            if active.flight.is_some() {
                at += 1;
                continue;
            }
            match dialect.next_call(&mut active.round) {
                None => {
                    let active = self.rounds.remove(at);
                    self.tell(now_ns, active.round, dialect, out);
                }
                Some(call) => {
                    if self.may_call(now_ns) {
                        let flight = self.call(now_ns, Ask::Children(call), dialect, out);
                        self.rounds[at].flight = Some(flight);
                    }
                    at += 1;
                }
            }
        }
    }

    /// Gathers the children that are due. False when there are none, or no call can be made.
    fn begin_round<D>(&mut self, now_ns: u64, dialect: &D) -> bool
    where
        D: Dialect<Call = C, Plan = P>,
    {
        if self.rounds.len() >= self.pace.in_flight_max || !self.may_call(now_ns) {
            return false;
        }
        let is_told = matches!(self.phase, Phase::Up | Phase::Closed);
        if is_told && self.are_balances_due && self.account.is_none() {
            // Balances come before further rounds, which may take hours.
            return false;
        }
        let mut members = Vec::new();
        while members.len() < self.pace.round_children_max {
            let Some((_, child)) = self.due.first().filter(|(due_ns, _)| *due_ns <= now_ns) else {
                break;
            };
            let child = *child;
            self.due.pop_first();
            let Some(question) = self.questions.remove(&child) else { continue };
            if dialect.is_listed(question.instrument) {
                members.push(Member::new(child, question));
            } else {
                // The child cannot have been sent, since the instrument has no name at the venue.
                self.tally.unlisted += 1;
                self.aside.remove(&child);
            }
        }
        let has_begun = !members.is_empty();
        if has_begun {
            self.rounds.push(Active { round: Round::new(members), flight: None });
        }
        has_begun
    }

    fn call<D>(
        &mut self,
        now_ns: u64,
        call: Ask<C>,
        dialect: &mut D,
        out: &mut Outbox<Input>,
    ) -> Flight<Ask<C>>
    where
        D: Dialect<Call = C, Plan = P>,
    {
        self.budget.spend(dialect.cost(&call), now_ns);
        let id = self.take_id();
        out.http(dialect.request(&call, id, now_ns));
        Flight { id, sent_ns: now_ns, call }
    }

    fn expire(&mut self, now_ns: u64, venue: VenueId, out: &mut Outbox<Input>) {
        let timeout_ns = self.pace.answer_timeout_ns;
        let is_late = |flight: &mut Flight<_>| now_ns >= flight.sent_ns.saturating_add(timeout_ns);
        let late_rounds = self.rounds.iter_mut().filter_map(|a| a.flight.take_if(is_late)).count();
        let late_account = self.account.take_if(is_late);
        let late = late_rounds + usize::from(late_account.is_some());
        if let Some(flight) = late_account {
            self.unasked(&flight.call);
        }
        for _ in 0..late {
            let (error, why) = ("no answer", Why::RestFailing);
            let refused = Refused { error, pause_ns: None, why, is_of_child: false };
            self.failed(now_ns, &refused, venue, out);
        }
    }

    fn failed(
        &mut self,
        now_ns: u64,
        refused: &Refused<impl Display>,
        venue: VenueId,
        out: &mut Outbox<Input>,
    ) {
        // Before the venue is up, its standing tells what goes wrong.
        if matches!(self.phase, Phase::Up | Phase::Closed) {
            out.emit(Input::VenueQueried { venue, outcome: outcome_of(refused.why) });
        }
        self.tally.failures += 1;
        self.last_error = Some(refused.error.to_string());
        self.trouble = Some(refused.why);
        self.key_refusals =
            if refused.why.may_lock() { self.key_refusals.saturating_add(1) } else { 0 };
        let is_locked = self.key_refusals >= KEY_REFUSALS_MAX;
        let pause_ns = if is_locked { Some(KEY_PAUSE_NS) } else { refused.pause_ns };
        self.pause.failed(now_ns, pause_ns);
        if refused.why == Why::RestPaced {
            self.budget.exhaust(now_ns);
        }
    }

    /// An answer about one child is of no use. That says nothing of the venue, so other calls do
    /// not wait.
    fn unread(&mut self, refused: &Refused<impl Display>) {
        self.tally.failures += 1;
        self.last_error = Some(refused.error.to_string());
        self.trouble = Some(refused.why);
    }

    /// A call about the account has brought nothing. While the venue is up, the call is due again.
    fn unasked(&mut self, ask: &Ask<C>) {
        let is_told = matches!(self.phase, Phase::Up | Phase::Closed);
        self.are_balances_due |= is_told && matches!(ask, Ask::Balances);
    }

    /// Takes an answer. An unknown id belongs to a call that was given up.
    pub fn on_http<D>(
        &mut self,
        now_ns: u64,
        id: u64,
        response: Option<&HttpResponse>,
        dialect: &mut D,
        out: &mut Outbox<Input>,
    ) where
        D: Dialect<Call = C, Plan = P>,
    {
        let is_this = |flight: &mut Flight<Ask<C>>| flight.id == id;
        let result = if let Some(flight) = self.account.take_if(is_this) {
            let result = match flight.call {
                Ask::OpenOrders => self.on_open_orders(response, dialect, out),
                Ask::Balances => self.on_balances(response, dialect, out),
                Ask::Children(_) => Ok(()),
            };
            result.map_err(|refused| {
                self.unasked(&flight.call);
                Refused { is_of_child: false, ..refused }
            })
        } else {
            let answered = self.rounds.iter_mut().find_map(|active| {
                let flight = active.flight.take_if(is_this)?;
                Some((flight, &mut active.round))
            });
            let Some((Flight { sent_ns, call: Ask::Children(call), .. }, round)) = answered else {
                return;
            };
            let result = dialect.answer(&call, response, round);
            if result.is_ok() {
                round.asked_ns.get_or_insert(sent_ns);
            }
            result
        };
        match result {
            Ok(()) => {
                self.pause.succeeded();
                self.key_refusals = 0;
                self.trouble = None;
            }
            Err(refused) if refused.is_of_child => self.unread(&refused),
            Err(refused) => self.failed(now_ns, &refused, dialect.venue(), out),
        }
        self.pump(now_ns, dialect, out);
    }

    /// An open order without trades is answered by the list itself. One with trades needs them.
    fn on_open_orders<D: Dialect<Call = C, Plan = P>>(
        &mut self,
        response: Option<&HttpResponse>,
        dialect: &mut D,
        out: &mut Outbox<Input>,
    ) -> Result<(), Refused<D::Error>> {
        let found = dialect.open_orders(response)?;
        self.tally.others += found.others;
        self.tally.unlisted += found.unlisted;
        for (child, instrument, state) in found.ours {
            if state.filled.is_zero() && state.fate == Fate::Open {
                if let Some(question) = self.questions.remove(&child) {
                    self.due.remove(&(question.due_ns, child));
                }
                self.conclude(child, instrument, state, dialect, out);
            } else {
                self.ask(child, instrument);
                if let Some(question) = self.questions.get_mut(&child) {
                    question.known = Some(state);
                }
            }
        }
        for (child, instrument) in found.unclear {
            self.ask(child, instrument);
        }
        self.phase = Phase::Questions;
        Ok(())
    }

    fn on_balances<D: Dialect<Call = C, Plan = P>>(
        &mut self,
        response: Option<&HttpResponse>,
        dialect: &D,
        out: &mut Outbox<Input>,
    ) -> Result<(), Refused<D::Error>> {
        let totals = dialect.balances(response)?;
        let is_last = self.phase == Phase::Balances;
        if is_last && self.holding() > 0 {
            // A child came into doubt meanwhile. Its fills must reach the core before the balances
            // that contain them.
            self.phase = Phase::Questions;
            return Ok(());
        }
        let venue = dialect.venue();
        for (asset, total) in totals {
            out.emit(Input::Balance { venue, asset, total });
        }
        if !is_last {
            let outcome = QueryOutcome::Answered;
            out.emit(Input::VenueQueried { venue, outcome });
        }
        if is_last && dialect.takes_orders() {
            out.emit(Input::VenueUp(venue));
            self.phase = Phase::Up;
        } else if is_last {
            self.phase = Phase::Closed;
        }
        Ok(())
    }

    /// Tells the core of the open orders that the private stream has shown and no answer has told.
    fn tell_shown<D>(&mut self, dialect: &D, out: &mut Outbox<Input>)
    where
        D: Dialect<Call = C, Plan = P>,
    {
        let venue = dialect.venue();
        for (child, state) in dialect.shown_open() {
            if self.told.insert(child) {
                let (fate, filled) = (Fate::Open, state.filled);
                tell_quantity(venue, child, &state, out);
                out.emit(Input::ChildFate { venue, child, fate, filled });
            }
        }
    }

    /// Ends a round: tells fills and clear fates, and asks again about the other children.
    fn tell<D>(&mut self, now_ns: u64, round: Round<P>, dialect: &mut D, out: &mut Outbox<Input>)
    where
        D: Dialect<Call = C, Plan = P>,
    {
        let asked_ns = round.asked_ns;
        for member in round.members {
            let (child, instrument) = (member.child, member.instrument);
            let trades = member.found.iter().flat_map(|found| found.trades.values());
            for trade in trades {
                self.tally.unknown_fee_assets += u64::from(!trade.is_fee_known);
                out.emit(Input::ChildFill(trade.fill(dialect.venue(), child, instrument)));
            }
            let is_open_question =
                member.is_unclear || member.is_postponed || !member.is_complete();
            let absence = absence(asked_ns, &member, dialect).filter(|_| !is_open_question);
            let state = match (&member.found, absence) {
                (Some(found), _) => Some(OrderState { filled: found.filled(), ..found.state }),
                (None, Some(Absence::Proved)) => Some(NEVER_ARRIVED),
                (None, _) => None,
            };
            match state {
                Some(state) if !is_open_question => {
                    self.tally.never_arrived += u64::from(state.fate == Fate::NeverArrived);
                    self.conclude(child, instrument, state, dialect, out);
                }
                _ => self.ask_again(now_ns, &member, (asked_ns.is_some(), absence), dialect),
            }
            if member.is_asked_again {
                self.ask(child, instrument);
            }
        }
    }

    fn ask_again<D>(
        &mut self,
        now_ns: u64,
        member: &Member,
        (was_asked, absence): (bool, Option<Absence>),
        dialect: &D,
    ) where
        D: Dialect<Call = C, Plan = P>,
    {
        let mut question = Question { absent_ns: None, known: None, ..member.question };
        if member.is_postponed {
            question.absent_ns = member.question.absent_ns;
        }
        // A postponed child is as due as before. A round without any answer postpones nothing.
        if !(member.is_postponed && was_asked) {
            let may_arrive = member.found.is_none() && !member.is_unclear;
            let certain_ns = may_arrive.then(|| dialect.certain_ns(member.child));
            question.due_ns = self.pace.retry.due_ns(now_ns, question.tries, certain_ns);
            if let Some(Absence::Again { first_ns, due_ns }) = absence {
                (question.absent_ns, question.due_ns) = (Some(first_ns), due_ns.max(now_ns));
            }
            question.tries = question.tries.saturating_add(1);
            if question.tries >= ASIDE_TRIES {
                self.aside.insert(member.child);
            }
        }
        self.put(member.child, question);
    }

    /// Tells the core the child's fate.
    fn conclude<D>(
        &mut self,
        child: ChildId,
        instrument: InstrumentId,
        mut state: OrderState,
        dialect: &mut D,
        out: &mut Outbox<Input>,
    ) where
        D: Dialect<Call = C, Plan = P>,
    {
        dialect.settle(child, instrument, &mut state);
        // The venue came up without the child, so its balances were told before its fills.
        let is_told = matches!(self.phase, Phase::Up | Phase::Closed);
        self.are_balances_due |= self.aside.remove(&child) && is_told;
        let (venue, fate, filled) = (dialect.venue(), state.fate, state.filled);
        tell_quantity(venue, child, &state, out);
        out.emit(Input::ChildFate { venue, child, fate, filled });
        if !matches!(self.phase, Phase::Up | Phase::Closed) {
            self.told.insert(child);
        }
    }

    /// When [`Inquiry::pump`] may have something to do next.
    pub fn next_timer_ns(&self) -> Option<u64> {
        let timeout_ns = self.pace.answer_timeout_ns;
        let rounds = self.rounds.iter().filter_map(|active| active.flight.as_ref());
        let sent = rounds.chain(&self.account).map(|flight| flight.sent_ns).min();
        let late = sent.map(|sent_ns| sent_ns.saturating_add(timeout_ns));
        // A free call is due at once, whatever the time is.
        let free = self.pause.until_ns().max(self.budget.due_ns(0));
        let account = self.account.is_none().then_some(free);
        let next = match self.phase {
            Phase::Down => return None,
            Phase::OpenOrders | Phase::Balances => account,
            Phase::Questions if self.holding() == 0 => Some(free),
            Phase::Up | Phase::Closed if self.are_balances_due => account,
            Phase::Questions | Phase::Up | Phase::Closed => self.next_round_ns(free),
        };
        let has_room = self.in_flight() < self.pace.in_flight_max;
        [late, next.filter(|_| has_room)].into_iter().flatten().min()
    }

    fn next_round_ns(&self, free: u64) -> Option<u64> {
        if self.rounds.iter().any(|active| active.flight.is_none()) {
            return Some(free);
        }
        self.due.first().map(|(due_ns, _)| free.max(*due_ns))
    }
}

/// What the reason of a failed call says about the venue.
const fn outcome_of(why: Why) -> QueryOutcome {
    match why {
        Why::RestPaced | Why::RestBanned => QueryOutcome::RateLimit,
        Why::RestFailing | Why::RestUnreadable => QueryOutcome::NoAnswer,
        _ => QueryOutcome::Refused,
    }
}

/// The state of a child that never arrived.
const NEVER_ARRIVED: OrderState = OrderState {
    order: VenueOrderId::EMPTY,
    fate: Fate::NeverArrived,
    filled: Qty::ZERO,
    qty: Qty::ZERO,
};

/// What it comes to that a round has not found the member; `None` if that does not count.
fn absence<D: Dialect>(asked_ns: Option<u64>, member: &Member, dialect: &D) -> Option<Absence> {
    let (asked_ns, child) = (asked_ns?, member.child);
    let counts = member.found.is_none()
        && absence_counts(asked_ns, dialect.certain_ns(child), dialect.is_shown(child));
    counts.then(|| Absence::of(asked_ns, member.question.absent_ns))
}

/// Tells the core the quantity of an open order, where the core does not know it yet.
fn tell_quantity(venue: VenueId, child: ChildId, state: &OrderState, out: &mut Outbox<Input>) {
    if state.fate == Fate::Open && !state.qty.is_zero() {
        out.emit(Input::ChildAmended { venue, child, qty: state.qty });
    }
}
