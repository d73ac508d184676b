//! The operator's desk: what each verb does.
//!
//! Looking copies rows out of the read model and writes them down outside its lock. Changing makes
//! one [`Operator`] input, and waits until the core has journaled and decided it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rutter_core::id::{AccountId, InstrumentId, OrderId, SessionId, VenueId};
use rutter_core::input::{
    By, LIMITS, LimitValue, NodeCommand, Operator, OperatorCommand, Reason, Refusal, Scope,
    SessionCommand,
};
use rutter_core::number::{AMOUNT_DECIMALS, Amount, Text};
use rutter_core::output::OperatorReport;
use serde_json::{Map, Value, json};

use super::books::{BookShown, DEPTH_DEFAULT, DEPTH_MAX};
use super::frame::{Code, Failure, Request, VERSION};
use super::pending::Pending;
use super::people::{Peer, Role};
use super::socket::Desk;
use super::totp::Codes;
use super::verbs::{self, VERBS, wrong};
use crate::model::{OrderFilter, ReadModel, StateFilter};

/// Rows of one answer.
pub const ROWS_MAX: usize = 1_000;

/// Rows of an answer where nothing is said.
const ROWS_DEFAULT: usize = 100;

/// What the node lends to its desk.
pub trait Node: Send + Sync + 'static {
    /// Now, nanoseconds since the Unix epoch.
    fn now_ns(&self) -> u64;

    /// What the node calls itself.
    fn name(&self) -> &str;

    /// The read model. Held only while rows are copied.
    fn model(&self) -> MutexGuard<'_, ReadModel>;

    /// What the read model has not: members for `status`, and rows for `venues` and `sessions` by
    /// name.
    fn shown(&self) -> Shown;

    /// The books of one instrument; empty where there are none.
    fn books(&self, symbol: &str) -> Vec<BookShown>;

    /// The configuration, without secrets.
    fn config(&self) -> Value;

    /// Puts a command into the core's ring and waits until it is decided.
    ///
    /// # Errors
    /// [`Code::Busy`], [`Code::Timeout`], [`Code::Stopping`].
    fn command(&self, operator: Operator) -> Result<(u64, OperatorReport), Failure>;

    /// The answer to `journal`. It looks at the disk.
    fn journal(&self) -> Map<String, Value>;
}

/// What is not in the read model.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// Members of `status`.
    pub status: Map<String, Value>,
    /// Rows of `latency`.
    pub stages: Vec<Value>,
    /// By venue's name: members of its row.
    pub venues: Vec<(String, Map<String, Value>)>,
    /// By session's name: members of its row.
    pub sessions: Vec<(String, Map<String, Value>)>,
}

/// What one alone may not do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TwoPerson {
    /// Cancelling everything, or all of a venue or an instrument.
    pub cancel_all: bool,
    /// Making any limit wider.
    pub limits_raise: bool,
}

/// The desk of one node.
pub struct OperatorDesk {
    node: Arc<dyn Node>,
    two_person: TwoPerson,
    codes: Option<Mutex<Codes>>,
    pending: Mutex<Pending>,
    requests: AtomicU64,
    /// Held while many orders are looked at, so that the thread which keeps the read model waits
    /// for one such look at most.
    long_look: Mutex<()>,
}

impl std::fmt::Debug for OperatorDesk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OperatorDesk").field("two_person", &self.two_person).finish_non_exhaustive()
    }
}

type Args = Map<String, Value>;
type Answer = Result<Value, Failure>;

/// Of arguments that `Verb::check` has let through.
fn text<'a>(args: &'a Args, name: &str) -> Option<&'a str> {
    args.get(name).and_then(Value::as_str)
}

fn whole(args: &Args, name: &str) -> Option<u64> {
    args.get(name).and_then(Value::as_u64)
}

fn flag(args: &Args, name: &str) -> bool {
    args.get(name).and_then(Value::as_bool).unwrap_or(false)
}

fn limit_of(args: &Args) -> Result<usize, Failure> {
    match whole(args, "limit") {
        None => Ok(ROWS_DEFAULT),
        Some(rows @ 1..=1_000) => Ok(rows as usize),
        Some(_) => Err(wrong("limit", &format!("1 to {ROWS_MAX}"))),
    }
}

/// Puts more members into an object.
fn with(row: Value, more: Option<&Map<String, Value>>) -> Value {
    match (row, more) {
        (Value::Object(mut row), Some(more)) => {
            row.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
            Value::Object(row)
        }
        (row, _) => row,
    }
}

fn value(row: impl serde::Serialize) -> Value {
    serde_json::to_value(row).unwrap_or_default()
}

/// A change that was understood.
struct Change {
    command: OperatorCommand,
    /// In words.
    would: String,
    /// Orders or children that it would call back.
    affected: u32,
    /// One alone may not do it.
    needs_two: bool,
}

impl Change {
    /// The answer to a dry run.
    fn told(&self) -> Value {
        json!({"dry_run": true, "would": self.would, "affected": self.affected})
    }
}

impl OperatorDesk {
    /// A desk. The first request's number tells this start's requests from those of any other.
    pub fn new(node: Arc<dyn Node>, two_person: TwoPerson, codes: Option<Codes>) -> Self {
        let requests = AtomicU64::new(node.now_ns());
        let codes = codes.map(Mutex::new);
        let (pending, long_look) = (Mutex::default(), Mutex::default());
        Self { node, two_person, codes, pending, requests, long_look }
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self, verb: &str, args: &Args) -> Answer {
        match verb {
            "help" => Ok(verbs::help()),
            "status" => Ok(self.status()),
            "venues" => Ok(json!({"venues": self.venues(&self.node.shown())})),
            "sessions" => Ok(json!({"sessions": self.sessions(&self.node.shown())})),
            "instruments" => {
                let rows = self.node.model().instruments();
                Ok(json!({"instruments": rows}))
            }
            "book" => self.book(args),
            "orders" => self.orders(args),
            "order" => self.order(args),
            "positions" => {
                let account = self.account_arg(args)?;
                let rows = self.node.model().positions(account);
                Ok(value(rows))
            }
            "balances" => {
                let venue = self.venue_arg(args)?;
                let rows = self.node.model().balances(venue);
                Ok(json!({"balances": rows}))
            }
            "limits" => {
                let account = self.account_arg(args)?;
                let rows = self.node.model().limits(account);
                Ok(json!({"limits": rows}))
            }
            "latency" => Ok(self.latency(args)),
            "journal" => Ok(Value::Object(self.node.journal())),
            "config" => Ok(self.node.config()),
            "commands" => {
                let limit = limit_of(args)?;
                let rows = self.node.model().commands(limit);
                Ok(json!({"commands": rows}))
            }
            "pending" => Ok(json!({"pending": self.pending().rows(self.node.now_ns())})),
            _ => Err(Failure::new(Code::Internal, format!("{verb} is not carried out"))),
        }
    }

    fn status(&self) -> Value {
        let shown = self.node.shown();
        let status = self.node.model().status();
        let row = with(value(status), Some(&shown.status));
        let mut more = Map::new();
        more.insert("venues".to_owned(), self.venues(&shown));
        more.insert("sessions".to_owned(), self.sessions(&shown));
        more.insert("stages".to_owned(), Value::Array(shown.stages.clone()));
        with(row, Some(&more))
    }

    fn venues(&self, shown: &Shown) -> Value {
        let rows = self.node.model().venues();
        joined(value(rows), &shown.venues)
    }

    fn sessions(&self, shown: &Shown) -> Value {
        let rows = self.node.model().sessions();
        joined(value(rows), &shown.sessions)
    }

    fn latency(&self, args: &Args) -> Value {
        let mut stages = self.node.shown().stages;
        for name in ["stage", "path"] {
            if let Some(wanted) = text(args, name) {
                stages.retain(|row| row[name] == wanted);
            }
        }
        json!({"stages": stages})
    }

    fn book(&self, args: &Args) -> Answer {
        let symbol = text(args, "symbol").unwrap_or_default();
        if self.node.model().instrument(symbol).is_none() {
            return Err(unknown(Code::UnknownSymbol, "instrument", symbol));
        }
        let depth = match whole(args, "depth") {
            None => DEPTH_DEFAULT,
            Some(depth) if (1..=DEPTH_MAX as u64).contains(&depth) => depth as usize,
            Some(_) => return Err(wrong("depth", &format!("1 to {DEPTH_MAX}"))),
        };
        self.venue_arg(args)?;
        let books = self.node.books(symbol);
        Ok(super::books::answer(symbol, &books, text(args, "venue"), depth, self.node.now_ns()))
    }

    fn orders(&self, args: &Args) -> Answer {
        let state = text(args, "state").unwrap_or("open");
        let state = StateFilter::parse(state).ok_or_else(|| {
            wrong("state", "open, over, all, pending, unknown, or a state by name")
        })?;
        let filter = OrderFilter {
            session: self.session_arg(args)?,
            account: self.account_arg(args)?,
            venue: self.venue_arg(args)?,
            instrument: self.instrument_arg(args)?,
            state,
            before: whole(args, "before"),
            limit: limit_of(args)?,
        };
        let _one_at_a_time = self.long_look.lock().unwrap_or_else(PoisonError::into_inner);
        let page = self.node.model().orders(&filter);
        Ok(value(page))
    }

    fn order(&self, args: &Args) -> Answer {
        let id = whole(args, "id").unwrap_or_default();
        let found = self.node.model().order(OrderId(id));
        found.map(value).ok_or_else(|| unknown_order(id))
    }

    fn venue_arg(&self, args: &Args) -> Result<Option<VenueId>, Failure> {
        let Some(name) = text(args, "venue") else { return Ok(None) };
        let found = self.node.model().venue(name);
        found.map(Some).ok_or_else(|| unknown(Code::UnknownVenue, "venue", name))
    }

    fn instrument_arg(&self, args: &Args) -> Result<Option<InstrumentId>, Failure> {
        let Some(name) = text(args, "symbol") else { return Ok(None) };
        let found = self.node.model().instrument(name);
        found.map(Some).ok_or_else(|| unknown(Code::UnknownSymbol, "instrument", name))
    }

    fn session_arg(&self, args: &Args) -> Result<Option<SessionId>, Failure> {
        let Some(name) = text(args, "session") else { return Ok(None) };
        let found = self.node.model().session(name);
        found.map(Some).ok_or_else(|| unknown(Code::UnknownSession, "session", name))
    }

    fn account_arg(&self, args: &Args) -> Result<Option<AccountId>, Failure> {
        let Some(name) = text(args, "account") else { return Ok(None) };
        let found = self.node.model().account(name);
        found.map(Some).ok_or_else(|| unknown(Code::UnknownAccount, "account", name))
    }

    fn scope(&self, args: &Args) -> Result<(Scope, String), Failure> {
        let names = ["venue", "symbol", "session", "account"];
        let mut given = names.iter().filter_map(|name| Some((*name, text(args, name)?)));
        let (first, second) = (given.next(), given.next());
        if let Some((name, _)) = second {
            return Err(wrong(name, "a scope is one of venue, symbol, session, account"));
        }
        let words = first.map_or("everything".to_owned(), |(name, of)| format!("{name} {of}"));
        let scope = if let Some(venue) = self.venue_arg(args)? {
            Scope::Venue(venue)
        } else if let Some(instrument) = self.instrument_arg(args)? {
            Scope::Instrument(instrument)
        } else if let Some(session) = self.session_arg(args)? {
            Scope::Session(session)
        } else if let Some(account) = self.account_arg(args)? {
            Scope::Account(account)
        } else {
            Scope::All
        };
        Ok((scope, words))
    }

    /// What a verb of change asks for.
    fn understand(&self, verb: &str, args: &Args) -> Result<Change, Failure> {
        use OperatorCommand as C;
        let plain =
            |command, would: String| Change { command, would, affected: 0, needs_two: false };
        let node = |command, would: &str| plain(C::Node(command), would.to_owned());
        match verb {
            "halt" | "resume" | "reduce-only" | "cancel-all" => self.understand_scoped(verb, args),
            "venue-drain" | "venue-enable" => {
                let name = text(args, "venue").unwrap_or_default();
                let venue = self.venue_arg(args)?.unwrap_or_default();
                Ok(match verb {
                    "venue-drain" => plain(C::DrainVenue(venue), format!("drain {name}")),
                    _ => plain(C::EnableVenue(venue), format!("enable {name}")),
                })
            }
            "cancel" => self.understand_cancel(args),
            "limits-set" => self.understand_limits(args),
            "session-logout" => self.session_change(args, SessionCommand::Logout),
            "session-disconnect" => self.session_change(args, SessionCommand::Disconnect),
            "session-disable" => self.session_change(args, SessionCommand::Disable),
            "session-enable" => self.session_change(args, SessionCommand::Enable),
            "session-reset-seq" => self.session_change(args, SessionCommand::ResetSequence),
            "news" => Ok(node(NodeCommand::News, "tell all clients the reason")),
            "log-level" => {
                let level = text(args, "level").unwrap_or_default();
                let command = match level {
                    "error" => NodeCommand::LogError,
                    "warn" => NodeCommand::LogWarn,
                    "info" => NodeCommand::LogInfo,
                    "debug" => NodeCommand::LogDebug,
                    "trace" => NodeCommand::LogTrace,
                    _ => return Err(wrong("level", "error, warn, info, debug or trace")),
                };
                Ok(node(command, &format!("log {level} and worse")))
            }
            "shutdown" => {
                let affected = self.node.model().open_in(Scope::All).orders;
                Ok(if flag(args, "cancel_orders") {
                    let would = "halt everything, and end the node when nothing is open";
                    let needs_two = self.two_person.cancel_all;
                    let change = node(NodeCommand::ShutdownFlat, would);
                    Change { affected, needs_two, ..change }
                } else {
                    let rest = format!("end the node; {affected} open orders stay at the venues");
                    node(NodeCommand::Shutdown, &rest)
                })
            }
            _ => Err(Failure::new(Code::Internal, format!("{verb} is not carried out"))),
        }
    }

    fn understand_scoped(&self, verb: &str, args: &Args) -> Result<Change, Failure> {
        let (scope, words) = self.scope(args)?;
        if verb == "resume" && !self.node.model().is_halted(scope) {
            let status = self.node.model().status();
            let others = status.halts.len();
            let message = format!("nothing to resume: no halt of {words} ({others} others are on)");
            let failure = Failure::new(Code::NotHalted, message);
            return Err(failure.with("halts", value(status.halts)));
        }
        let open = self.node.model().open_in(scope);
        // A venue that is halted gives its children back; their orders go on.
        let called_back =
            if matches!(scope, Scope::Venue(_)) { open.children } else { open.orders };
        let (command, would, affected) = match verb {
            "halt" => (OperatorCommand::Halt(scope), "halt", called_back),
            "resume" => (OperatorCommand::Resume(scope), "resume", 0),
            "cancel-all" => {
                (OperatorCommand::CancelAll(scope), "cancel all open orders of", open.orders)
            }
            _ if flag(args, "on") => {
                let _one = self.long_look.lock().unwrap_or_else(PoisonError::into_inner);
                let raising = self.node.model().raising_in(scope);
                (OperatorCommand::ReduceOnly(scope), "only reduce in", raising)
            }
            _ => (OperatorCommand::ReduceOnlyOff(scope), "not only reduce in", 0),
        };
        let is_wide = matches!(scope, Scope::All | Scope::Venue(_) | Scope::Instrument(_));
        let needs_two = verb == "cancel-all" && is_wide && self.two_person.cancel_all;
        Ok(Change { command, would: format!("{would} {words}"), affected, needs_two })
    }

    fn understand_cancel(&self, args: &Args) -> Result<Change, Failure> {
        let id = whole(args, "order").unwrap_or_default();
        // What the read model has forgotten, the core has too.
        let is_open = self.node.model().is_open(OrderId(id)).ok_or_else(|| unknown_order(id))?;
        let command = OperatorCommand::Cancel(OrderId(id));
        let would =
            if is_open { format!("cancel order {id}") } else { format!("nothing: {id} is over") };
        Ok(Change { command, would, affected: u32::from(is_open), needs_two: false })
    }

    fn understand_limits(&self, args: &Args) -> Result<Change, Failure> {
        let name = text(args, "account").unwrap_or_default();
        let account = self.account_arg(args)?;
        let Some((account, old)) = account.and_then(|id| {
            let model = self.node.model();
            Some((id, *model.reference().accounts.get(id.index())?))
        }) else {
            return Err(unknown(Code::UnknownAccount, "account", name));
        };
        let old = old.limits;
        let mut new = old;
        for limit in LIMITS {
            let value = match limit.get(&old) {
                LimitValue::Amount(_) => match text(args, limit.name) {
                    None => continue,
                    Some(text) => LimitValue::Amount(
                        amount_of(text)
                            .ok_or_else(|| wrong(limit.name, "a decimal number above zero"))?,
                    ),
                },
                LimitValue::Whole(_) => match whole(args, limit.name) {
                    None => continue,
                    Some(value) => LimitValue::Whole(
                        u32::try_from(value).map_err(|_| wrong(limit.name, "too large"))?,
                    ),
                },
            };
            limit.set(&mut new, value);
        }
        let raises = new.allow_more_than(&old);
        Ok(Change {
            command: OperatorCommand::SetLimits(account, new),
            would: self.node.model().command_words(&OperatorCommand::SetLimits(account, new)),
            affected: 0,
            needs_two: raises && self.two_person.limits_raise,
        })
    }

    fn session_change(&self, args: &Args, command: SessionCommand) -> Result<Change, Failure> {
        let name = text(args, "session").unwrap_or_default();
        let session = self.session_arg(args)?.unwrap_or_default();
        let would = match command {
            SessionCommand::Logout => format!("log {name} out"),
            SessionCommand::Disconnect => format!("cut {name} off"),
            SessionCommand::Disable => format!("log {name} out, and let it in no more"),
            SessionCommand::Enable => format!("let {name} in again"),
            SessionCommand::ResetSequence => {
                format!("log {name} out, and begin at 1 with its next Logon: it must do so too")
            }
        };
        let command = OperatorCommand::Session(session, command);
        Ok(Change { command, would, affected: 0, needs_two: false })
    }

    fn change(&self, peer: &Peer, verb: &'static verbs::Verb, args: &Args) -> Answer {
        let change = self.understand(verb.name, args)?;
        if flag(args, "dry_run") {
            return Ok(change.told());
        }
        if verb.name == "resume"
            && let Some(codes) = &self.codes
        {
            let mut codes = codes.lock().unwrap_or_else(PoisonError::into_inner);
            codes.take(text(args, "totp"), self.node.now_ns() / 1_000_000_000)?;
        }
        if change.needs_two {
            return Err(self.pending().ask(peer, verb.name, args, self.node.now_ns()));
        }
        self.carry_out(&peer.name, args, &change)
    }

    fn carry_out(&self, by: &str, args: &Args, change: &Change) -> Answer {
        let command = change.command;
        let reason = kept_reason(text(args, "reason").unwrap_or_default());
        let by: By = Text::new(by.as_bytes()).unwrap_or_default();
        let reason: Reason = Text::new(reason.as_bytes()).unwrap_or_default();
        let request = self.requests.fetch_add(1, Ordering::Relaxed);
        let (seq, report) = self.node.command(Operator { request, by, reason, command })?;
        if report.refusal != Refusal::None {
            let word = format!("{:?}", report.refusal);
            let failure = Failure::new(Code::Refused, "the core refused it");
            return Err(failure.with("refusal", word).with("seq", seq));
        }
        Ok(json!({"seq": seq, "time_ns": report.time.0, "affected": report.affected}))
    }

    /// Carries out what another has asked for, and what it means now: that may have changed. The
    /// journal has his reason; that of the second person is in the log.
    fn approve(&self, peer: &Peer, role: Role, args: &Args) -> Answer {
        let (number, dry_run) = self.check_pending(role, args)?;
        if dry_run {
            let waiting = self.pending().get(number)?.clone();
            return Ok(self.understand(waiting.verb, &waiting.args)?.told());
        }
        let waiting = self.pending().approve(number, peer, self.node.now_ns())?;
        let change = self.understand(waiting.verb, &waiting.args)?;
        let both = format!("{}+{}", waiting.by.name, peer.name);
        self.carry_out(&both, &waiting.args, &change)
    }

    fn reject(&self, role: Role, args: &Args) -> Answer {
        let (number, dry_run) = self.check_pending(role, args)?;
        if dry_run {
            let would = format!("drop what {} asked for", self.pending().get(number)?.by.name);
            return Ok(json!({"dry_run": true, "would": would, "affected": 0}));
        }
        let waiting = self.pending().reject(number, self.node.now_ns())?;
        Ok(json!({"rejected": number, "verb": waiting.verb, "by": waiting.by.name}))
    }

    /// Who may not ask for it may not agree to it either. Its number, and whether it is a dry run.
    fn check_pending(&self, role: Role, args: &Args) -> Result<(u64, bool), Failure> {
        let number = whole(args, "pending").unwrap_or_default();
        let verb = self.pending().get(number)?.verb;
        let needs = verbs::find(verb)?.role;
        if role < needs {
            let message = format!("{verb} is for {}s", needs.word());
            return Err(Failure::new(Code::Forbidden, message).with("needs", needs.word()));
        }
        Ok((number, flag(args, "dry_run")))
    }
}

/// What the log may have of arguments: no code, and nothing that is not known or too long.
fn logged(args: &Args) -> Args {
    let known = |name: &str| name != "totp" && VERBS.iter().any(|verb| verb.takes_arg(name));
    let short = |value: &Value| value.as_str().is_none_or(|text| text.len() <= 64);
    let shown = args.iter().filter(|(name, value)| known(name) && short(value));
    shown.map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// What the journal has room for. Only a halt may come with more: nothing keeps it up.
fn kept_reason(reason: &str) -> String {
    let printable = |c: char| if (' '..='~').contains(&c) { c } else { '?' };
    reason.chars().map(printable).take(verbs::REASON_BYTES_MAX).collect()
}

/// The beginning of a word that somebody sent.
fn shown(word: &str) -> String {
    word.chars().take(40).collect()
}

/// An amount above zero, from its decimal text.
fn amount_of(text: &str) -> Option<Amount> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let decimals = usize::try_from(AMOUNT_DECIMALS).ok()?;
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > decimals {
        return None;
    }
    let units: i128 = format!("{whole}{part:0<decimals$}").parse().ok()?;
    (units > 0).then_some(Amount(units))
}

/// Rows with a `name`, joined with what is known by that name.
fn joined(rows: Value, more: &[(String, Map<String, Value>)]) -> Value {
    let Value::Array(rows) = rows else { return rows };
    let join = |row: Value| {
        let found = more.iter().find(|(name, _)| row["name"] == name.as_str());
        let more = found.map(|(_, more)| more);
        with(row, more)
    };
    Value::Array(rows.into_iter().map(join).collect())
}

fn unknown(code: Code, what: &str, name: &str) -> Failure {
    Failure::new(code, format!("no {what} {name:?}"))
}

fn unknown_order(id: u64) -> Failure {
    let message = format!("no order {id}, or it is forgotten: rutter replay JOURNAL --order {id}");
    Failure::new(Code::UnknownOrder, message)
}

impl Desk for OperatorDesk {
    fn hello(&self, peer: &Peer, role: Role) -> Value {
        json!({
            "rutter": "console", "version": VERSION, "node": self.node.name(),
            "user": peer.name, "uid": peer.uid, "role": role.word(),
        })
    }

    fn answer(&self, peer: &Peer, role: Role, request: &Request) -> Answer {
        let verb = verbs::find(&request.verb);
        let changes = verb.as_ref().is_ok_and(|verb| verb.changes);
        let result = verb.and_then(|verb| {
            verb.check(role, &request.args)?;
            match verb.name {
                "approve" => self.approve(peer, role, &request.args),
                "reject" => self.reject(role, &request.args),
                _ if verb.changes => self.change(peer, verb, &request.args),
                name => self.look(name, &request.args),
            }
        });
        let (user, args) = (&peer.name, Value::Object(logged(&request.args)));
        match &result {
            Err(failure) => {
                let (verb, code) = (shown(&request.verb), failure.code.word());
                tracing::warn!(user, verb, %args, code, "console refuses");
            }
            Ok(_) if changes => {
                tracing::info!(user, verb = request.verb, %args, "console command");
            }
            Ok(_) => {}
        }
        result
    }
}
