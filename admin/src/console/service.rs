//! The console's answers: who asked what, and what becomes of it.
//!
//! A line belongs here if it connects a request with its answer. A look copies rows out of the read
//! model (`look`); a change becomes one [`Operator`] input, and is answered once the core has
//! journaled and decided it (`change`). The two-person rule and one-time codes are asked for here.

mod change;
mod look;
mod named;
mod preview;
mod understood;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rutter_core::id::{AccountId, InstrumentId, SessionId, VenueId};
use rutter_core::input::{By, NodeCommand, Operator, OperatorCommand, Reason, Refusal, Scope};
use rutter_core::number::Text;
use serde_json::{Value, json};

use super::attempts::{Attempt, Attempts};
use super::commands::Decided;
use super::extend::Plan;
use super::frame::{Code, Failure, RawRequest, VERSION};
use super::handles::Handles;
use super::pending::{Approvals, AwaitingApproval};
use super::people::{Peer, Role};
use super::socket::Service;
use super::totp::TotpVerifier;
use super::verb::{self, Args, Asked, Change, Decision, Request, ScopeName, Verb};
use crate::model::ReadModel;
use understood::Understood;

/// What one person alone may not do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TwoPerson {
    /// Cancelling everything, or all orders of a venue or an instrument.
    pub cancel_all: bool,
    /// Raising any limit.
    pub limits_raise: bool,
    /// Adding accounts and sessions.
    pub reload: bool,
}

/// Answers the console's requests for one node.
pub struct ConsoleService {
    node: Handles,
    two_person: TwoPerson,
    codes: Option<Mutex<TotpVerifier>>,
    pending: Mutex<Approvals>,
    attempts: Mutex<Attempts>,
    /// The number of the next command.
    requests: AtomicU64,
    /// Held while many orders are read, so that the thread which keeps the read model waits for
    /// one such reader at most.
    long_look: Mutex<()>,
}

impl std::fmt::Debug for ConsoleService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsoleService")
            .field("two_person", &self.two_person)
            .finish_non_exhaustive()
    }
}

type Answer = Result<Value, Failure>;

impl ConsoleService {
    /// A service for a node. Commands are numbered from the present time, so that no two starts of
    /// a node use the same numbers.
    pub fn new(node: Handles, two_person: TwoPerson, codes: Option<TotpVerifier>) -> Self {
        let requests = AtomicU64::new(node.now_ns());
        let codes = codes.map(Mutex::new);
        let (pending, attempts, long_look) = <(Mutex<_>, Mutex<_>, Mutex<_>)>::default();
        Self { node, two_person, codes, pending, attempts, requests, long_look }
    }

    fn pending(&self) -> MutexGuard<'_, Approvals> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn attempts(&self) -> MutexGuard<'_, Attempts> {
        self.attempts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn codes(&self) -> Option<MutexGuard<'_, TotpVerifier>> {
        let codes = self.codes.as_ref()?;
        Some(codes.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn long_look(&self) -> MutexGuard<'_, ()> {
        self.long_look.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads a request, and carries it out.
    fn carry_out(&self, peer: &Peer, role: Role, verb: Verb, args: &Args) -> Answer {
        let Asked { request, reason, dry_run } = verb.ask(role, args)?;
        match request {
            Request::Look(look) => self.look(&look),
            Request::Question(question) => self.route_preview(&peer.name, &question),
            Request::Change(change) => {
                let understood = self.understand(&change)?;
                if dry_run {
                    return Ok(understood.described());
                }
                self.check_code(peer, &change)?;
                if let Some(plan) = &understood.plan {
                    plan.check()?;
                }
                if understood.needs_two {
                    let (by, args, command) = (peer.clone(), args.clone(), self.words(&understood));
                    let asked =
                        AwaitingApproval { by, verb, change, command, reason, args, expires_ns: 0 };
                    return Err(self.pending().ask(asked, self.node.now_ns()));
                }
                self.send(&peer.name, &reason, &understood)
            }
            Request::Decision(Decision::Approve { pending, command }) => {
                self.approve(peer, role, pending, command.as_deref(), dry_run)
            }
            Request::Decision(Decision::Reject { pending }) => self.reject(role, pending, dry_run),
        }
    }

    /// Asks for a one-time code, where a resume needs one, and who may lift the lock of codes.
    fn check_code(&self, peer: &Peer, change: &Change) -> Result<(), Failure> {
        let now_s = self.node.now_ns() / 1_000_000_000;
        match (change, self.codes()) {
            (Change::Resume { totp, .. }, Some(mut codes)) => {
                codes.take(peer.uid, totp.as_deref(), now_s)
            }
            (Change::LockoutLift { codes: true, .. }, Some(codes)) => {
                codes.may_lift(peer.uid, now_s)
            }
            (Change::LockoutLift { codes: true, .. }, None) => {
                Err(Failure::new(Code::NotLocked, "no one-time codes are configured"))
            }
            _ => Ok(()),
        }
    }

    fn next_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    /// A command in the words that the journal is shown with.
    fn words(&self, change: &Understood) -> String {
        self.node.model().command_words(&change.command)
    }

    /// Sends a command to the core, and tells what the core made of it.
    fn send(&self, by: &str, reason: &str, change: &Understood) -> Answer {
        let command = change.command;
        let reason = journaled_reason(reason);
        let by: By = Text::new(by.as_bytes()).unwrap_or_default();
        let reason: Reason = Text::new(reason.as_bytes()).unwrap_or_default();
        let request = self.next_request();
        let operator = Operator { request, by, reason, command };
        let decided = match &command {
            OperatorCommand::Extend(extension) => {
                let mut send = |operator| self.node.commands.send(operator);
                self.extender()?.carry_out(extension, operator, &mut send)?
            }
            _ => self.node.commands.send(operator)?,
        };
        if decided.report.refusal != Refusal::None {
            return Err(refused(&decided));
        }
        let Decided { seq, report, .. } = decided;
        if command == OperatorCommand::Node(NodeCommand::LiftCodeLock)
            && let Some(mut codes) = self.codes()
        {
            codes.lift();
        }
        let mut done = json!({
            "seq": seq, "time_ns": report.time.0, "affected": report.affected,
        });
        if let OperatorCommand::Cancel(order) = command {
            done["order"] = order.0.into();
        }
        for (name, value) in change.plan.iter().flat_map(Plan::members) {
            done[name] = value;
        }
        if let OperatorCommand::Halt(Scope::Venue(first)) = command
            && let Some(others) = &change.also_halted
        {
            return self.halt_also(&operator, (first, others), report.affected.into(), done);
        }
        Ok(done)
    }

    /// Halts further venue accounts behind the first one. Each halt is a command of its own in the
    /// journal. One that fails does not keep those behind it back; the failure names what is
    /// halted.
    fn halt_also(
        &self,
        operator: &Operator,
        (first, others): (VenueId, &[VenueId]),
        mut affected: u64,
        mut done: Value,
    ) -> Answer {
        let name = |id: VenueId| self.node.model().venue_name(id).to_owned();
        let (mut halted, mut failed) = (vec![name(first)], None);
        for venue in others {
            let command = OperatorCommand::Halt(Scope::Venue(*venue));
            let operator = Operator { request: self.next_request(), command, ..*operator };
            let decided = self.node.commands.send(operator).and_then(|decided| {
                let is_done = decided.report.refusal == Refusal::None;
                if is_done { Ok(decided) } else { Err(refused(&decided)) }
            });
            match decided {
                Ok(decided) => {
                    affected += u64::from(decided.report.affected);
                    halted.push(name(*venue));
                }
                Err(failure) => failed = failed.or(Some(failure)),
            }
        }
        if let Some(mut failure) = failed {
            failure.message = format!("{}; halted: {}", failure.message, halted.join(", "));
            return Err(failure.with("halted", halted));
        }
        (done["affected"], done["halted"]) = (affected.into(), halted.into());
        Ok(done)
    }

    /// Carries out what another person has asked for. What the command means is found anew: names
    /// and limits may have changed meanwhile, and then nothing is approved. The journal has the
    /// first person's reason; the log has that of the second.
    fn approve(
        &self,
        peer: &Peer,
        role: Role,
        number: u64,
        expected: Option<&str>,
        dry_run: bool,
    ) -> Answer {
        self.check_pending(role, number)?;
        let asked = self.pending().get(number)?.change.clone();
        let change = self.understand(&asked)?;
        if dry_run {
            return Ok(change.described());
        }
        if let Some(plan) = &change.plan {
            plan.check()?;
        }
        let meant = (self.words(&change), expected);
        let meant = (meant.0.as_str(), meant.1);
        let waiting = self.pending().approve(number, peer, meant, self.node.now_ns())?;
        let both = format!("{}+{}", waiting.by.name, peer.name);
        self.send(&both, &waiting.reason, &change)
    }

    fn reject(&self, role: Role, number: u64, dry_run: bool) -> Answer {
        self.check_pending(role, number)?;
        if dry_run {
            let would = format!("drop what {} asked for", self.pending().get(number)?.by.name);
            return Ok(json!({"dry_run": true, "would": would, "affected": 0}));
        }
        let waiting = self.pending().reject(number, self.node.now_ns())?;
        Ok(json!({"rejected": number, "verb": waiting.verb.name(), "by": waiting.by.name}))
    }

    /// A person who may not ask for a command may not decide on it either.
    fn check_pending(&self, role: Role, number: u64) -> Result<(), Failure> {
        let verb = self.pending().get(number)?.verb;
        let needs = verb.role();
        if role < needs {
            let message = format!("{} is for {}s", verb.name(), needs.word());
            return Err(Failure::new(Code::Forbidden, message).with("needs", needs.word()));
        }
        Ok(())
    }
}

/// The core has refused a command.
fn refused(decided: &Decided) -> Failure {
    let word = format!("{:?}", decided.report.refusal);
    let failure = Failure::new(Code::Refused, "the core refused it");
    failure.with("refusal", word).with("seq", decided.seq)
}

/// The id of a venue.
fn venue_id(model: &ReadModel, name: &str) -> Result<VenueId, Failure> {
    model.venue(name).ok_or_else(|| unknown(Code::UnknownVenue, "venue", name))
}

/// The id of an instrument.
fn instrument_id(model: &ReadModel, name: &str) -> Result<InstrumentId, Failure> {
    model.instrument(name).ok_or_else(|| unknown(Code::UnknownSymbol, "instrument", name))
}

/// The id of a client session.
fn session_id(model: &ReadModel, name: &str) -> Result<SessionId, Failure> {
    model.session(name).ok_or_else(|| unknown(Code::UnknownSession, "session", name))
}

/// The id of an account.
fn account_id(model: &ReadModel, name: &str) -> Result<AccountId, Failure> {
    model.account(name).ok_or_else(|| unknown(Code::UnknownAccount, "account", name))
}

/// The ids of a scope.
fn scope_of(model: &ReadModel, scope: &ScopeName) -> Result<Scope, Failure> {
    Ok(match scope {
        ScopeName::Everything => Scope::All,
        ScopeName::Venue(name) => Scope::Venue(venue_id(model, name)?),
        ScopeName::Symbol(name) => Scope::Instrument(instrument_id(model, name)?),
        ScopeName::Session(name) => Scope::Session(session_id(model, name)?),
        ScopeName::Account(name) => Scope::Account(account_id(model, name)?),
    })
}

fn unknown(code: Code, noun: &str, name: &str) -> Failure {
    Failure::new(code, format!("no {noun} {name:?}"))
}

fn unknown_order(id: impl std::fmt::Display) -> Failure {
    let message = format!("no order {id}, or it is forgotten: rutter replay JOURNAL --order {id}");
    Failure::new(Code::UnknownOrder, message)
}

/// A row as JSON.
fn value(row: impl serde::Serialize) -> Value {
    serde_json::to_value(row).unwrap_or_default()
}

/// The arguments that may stand in the log: no one-time code, no unknown name, no long text.
fn logged(args: &Args) -> Args {
    let is_known = |name: &str| {
        let taken = |verb: &Verb| verb.args().any(|arg| arg.name == name);
        name != "totp" && Verb::ALL.iter().any(taken)
    };
    let is_short = |value: &Value| value.as_str().is_none_or(|text| text.len() <= 64);
    let shown = args.iter().filter(|(name, value)| is_known(name) && is_short(value));
    shown.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// The reason as the journal keeps it: printable ASCII of at most 64 bytes. Only a halt may come
/// with another one.
fn journaled_reason(reason: &str) -> String {
    let printable = |c: char| if (' '..='~').contains(&c) { c } else { '?' };
    reason.chars().map(printable).take(verb::REASON_BYTES_MAX).collect()
}

/// The beginning of a word that somebody sent.
fn shortened(word: &str) -> String {
    word.chars().take(40).collect()
}

impl Service for ConsoleService {
    fn hello(&self, peer: &Peer, role: Role) -> Value {
        json!({
            "rutter": "console", "version": VERSION, "node": self.node.about.name,
            "user": peer.name, "uid": peer.uid, "role": role.word(),
        })
    }

    fn answer(&self, peer: &Peer, role: Role, request: &RawRequest) -> Answer {
        let verb = Verb::find(&request.verb);
        let changes = verb.as_ref().ok().copied().filter(|verb| verb.changes());
        let result = verb.and_then(|verb| self.carry_out(peer, role, verb, &request.args));
        let (user, args) = (&peer.name, Value::Object(logged(&request.args)));
        match &result {
            Err(failure) => {
                let (verb, code) = (shortened(&request.verb), failure.code.word());
                tracing::warn!(user, verb, %args, code, "console refuses");
                let is_dry = request.args.get("dry_run") == Some(&Value::Bool(true));
                // What waits for a second person, and what the core refused, is shown elsewhere.
                let shown = [Code::NeedsSecondPerson, Code::Refused].contains(&failure.code);
                if let Some(verb) = changes.filter(|_| !is_dry && !shown) {
                    let (time_ns, by, verb) = (self.node.now_ns(), peer.clone(), verb.name());
                    self.attempts().keep(Attempt { time_ns, by, verb, args, code: failure.code });
                }
            }
            Ok(_) if changes.is_some() => {
                tracing::info!(user, verb = request.verb, %args, "console command");
            }
            Ok(_) => {}
        }
        result.map(super::times::with_text)
    }
}
