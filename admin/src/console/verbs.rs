//! Every verb: who may say it, with what, and what it is for. `docs/console.md` says the same.

use serde_json::{Map, Value, json};

use super::frame::{Code, Failure};
use super::people::Role;

/// Longest reason of a change, bytes: what the journal has room for.
pub const REASON_BYTES_MAX: usize = 64;

/// What an argument may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A string of at most 64 bytes.
    Text,
    /// Why: a string of at most 1,024 bytes.
    Reason,
    /// A whole number from 0.
    Whole,
    /// True or false.
    Flag,
}

/// Longest text of an argument, bytes.
const TEXT_BYTES_MAX: usize = 64;

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Text => "a string of 1 to 64 bytes",
            Self::Reason => "a string of 1 to 1024 bytes",
            Self::Whole => "a whole number",
            Self::Flag => "true or false",
        }
    }

    fn fits(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text, Value::String(text)) => (1..=TEXT_BYTES_MAX).contains(&text.len()),
            (Self::Reason, Value::String(text)) => (1..=1_024).contains(&text.len()),
            (Self::Whole, Value::Number(number)) => number.is_u64(),
            (Self::Flag, Value::Bool(_)) => true,
            _ => false,
        }
    }
}

/// One argument.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    /// Its name.
    pub name: &'static str,
    /// What it may be.
    pub kind: Kind,
    /// It cannot be left out.
    pub required: bool,
}

/// One verb.
#[derive(Clone, Copy, Debug)]
pub struct Verb {
    /// Its name.
    pub name: &'static str,
    /// Who may say it.
    pub role: Role,
    /// It changes something: it takes `reason` and `dry_run` as well.
    pub changes: bool,
    /// Its own arguments.
    pub args: &'static [Arg],
    /// What it is for.
    pub help: &'static str,
}

const fn may(name: &'static str, kind: Kind) -> Arg {
    Arg { name, kind, required: false }
}

const fn must(name: &'static str, kind: Kind) -> Arg {
    Arg { name, kind, required: true }
}

const fn look(name: &'static str, args: &'static [Arg], help: &'static str) -> Verb {
    Verb { name, role: Role::Viewer, changes: false, args, help }
}

const fn change(name: &'static str, role: Role, args: &'static [Arg], help: &'static str) -> Verb {
    Verb { name, role, changes: true, args, help }
}

use Kind::{Flag, Text, Whole};
use Role::{Admin, Operator};

const SCOPE: &[Arg] =
    &[may("venue", Text), may("symbol", Text), may("session", Text), may("account", Text)];
const RESUME: &[Arg] = &[
    may("venue", Text),
    may("symbol", Text),
    may("session", Text),
    may("account", Text),
    may("totp", Text),
];
const REDUCE: &[Arg] =
    &[must("on", Flag), may("symbol", Text), may("session", Text), may("account", Text)];
const ORDERS: &[Arg] = &[
    may("session", Text),
    may("account", Text),
    may("venue", Text),
    may("symbol", Text),
    may("state", Text),
    may("before", Whole),
    may("limit", Whole),
];
const LIMITS: &[Arg] = &[
    must("account", Text),
    may("notional_max", Text),
    may("collar_ppm", Whole),
    may("rate_per_s", Whole),
    may("open_orders_max", Whole),
];
const SESSION: &[Arg] = &[must("session", Text)];
const VENUE: &[Arg] = &[must("venue", Text)];
const PENDING: &[Arg] = &[must("pending", Whole)];

/// All verbs.
pub const VERBS: [Verb; 34] = [
    look("help", &[], "every verb, who may say it, and with what"),
    look("status", &[], "the whole node at a glance"),
    look("venues", &[], "state, trust, latency and counts of each venue"),
    look("instruments", &[], "instruments and their terms at each venue"),
    look(
        "book",
        &[must("symbol", Text), may("venue", Text), may("depth", Whole)],
        "the consolidated book, or one venue's",
    ),
    look("orders", ORDERS, "orders, newest first"),
    look("order", &[must("id", Whole)], "one order, its children and its events"),
    look("sessions", &[], "client sessions"),
    look("positions", &[may("account", Text)], "positions and fees by account"),
    look("balances", &[may("venue", Text)], "what each venue holds for us"),
    look("limits", &[may("account", Text)], "the accounts' limits"),
    look("latency", &[may("stage", Text), may("path", Text)], "where the microseconds go"),
    look("journal", &[], "how far the journal is, and its disk"),
    look("config", &[], "the configuration as it is used, without secrets"),
    look("commands", &[may("limit", Whole)], "what operators did, newest first"),
    look("pending", &[], "what waits for a second person"),
    change("halt", Operator, SCOPE, "the kill switch: nothing new, and what is open is cancelled"),
    change("resume", Operator, RESUME, "ends the halt of exactly that scope"),
    change("reduce-only", Operator, REDUCE, "only what reduces a position is taken"),
    change("venue-drain", Operator, VENUE, "nothing new goes there"),
    change("venue-enable", Operator, VENUE, "ends a drain"),
    change("cancel", Operator, &[must("order", Whole)], "cancels one order"),
    change("cancel-all", Operator, SCOPE, "cancels all open orders in the scope"),
    change("limits-set", Admin, LIMITS, "sets an account's limits"),
    change("session-logout", Operator, SESSION, "says goodbye to a client"),
    change("session-disconnect", Operator, SESSION, "cuts a client off"),
    change("session-disable", Operator, SESSION, "logs a client out and lets it in no more"),
    change("session-enable", Operator, SESSION, "lets a client in again"),
    change("session-reset-seq", Admin, SESSION, "both numbers begin at 1 with the next Logon"),
    change("news", Operator, &[], "tells all clients the reason, as News"),
    change("log-level", Admin, &[must("level", Text)], "what is logged, until the next start"),
    change("shutdown", Admin, &[may("cancel_orders", Flag)], "an orderly end of the node"),
    change("approve", Operator, PENDING, "agrees to what waits for a second person"),
    change("reject", Operator, PENDING, "drops what waits"),
];

/// What every change takes beside its own arguments.
const OF_CHANGES: [Arg; 2] = [may("reason", Kind::Reason), may("dry_run", Flag)];

/// The verb of that name.
///
/// # Errors
/// [`Code::UnknownVerb`].
pub fn find(name: &str) -> Result<&'static Verb, Failure> {
    VERBS.iter().find(|verb| verb.name == name).ok_or_else(|| {
        let shown: String = name.chars().take(40).collect();
        Failure::new(Code::UnknownVerb, format!("no verb {shown:?}; help lists them"))
    })
}

impl Verb {
    fn takes(&self) -> impl Iterator<Item = &Arg> {
        self.args.iter().chain(OF_CHANGES.iter().filter(|_| self.changes))
    }

    /// Checks who and with what.
    ///
    /// # Errors
    /// [`Code::Forbidden`], [`Code::BadArgument`], [`Code::ReasonRequired`].
    pub fn check(&self, role: Role, args: &Map<String, Value>) -> Result<(), Failure> {
        if role < self.role {
            let (verb, has, needs) = (self.name, role.word(), self.role.word());
            let message = format!("{verb} is for {needs}s; you are {has}");
            return Err(Failure::new(Code::Forbidden, message).with("needs", needs));
        }
        for (name, value) in args {
            let known = self.takes().find(|arg| arg.name == name);
            let Some(arg) = known else {
                let shown: String = name.chars().take(40).collect();
                return Err(wrong(&shown, &format!("not an argument of {}", self.name)));
            };
            if !arg.kind.fits(value) {
                return Err(wrong(arg.name, arg.kind.word()));
            }
        }
        if let Some(arg) = self.args.iter().find(|arg| arg.required && !args.contains_key(arg.name))
        {
            return Err(wrong(arg.name, &format!("is missing: {}", arg.kind.word())));
        }
        if self.changes && args.get("dry_run") != Some(&Value::Bool(true)) {
            let message = "reason: 1 to 64 printable ASCII characters, for the journal";
            let reason = args.get("reason").and_then(Value::as_str).unwrap_or("");
            let printable = |byte: u8| (b' '..=b'~').contains(&byte);
            let fits = reason.len() <= REASON_BYTES_MAX && reason.bytes().all(printable);
            // Nothing that was pasted into its reason keeps a halt up.
            let fits = fits || self.name == "halt";
            if reason.trim().is_empty() || !fits {
                return Err(Failure::new(Code::ReasonRequired, message));
            }
        }
        Ok(())
    }

    /// Whether it takes an argument of that name.
    pub fn takes_arg(&self, name: &str) -> bool {
        self.takes().any(|arg| arg.name == name)
    }

    /// As `help` shows it.
    fn shown(&self) -> Value {
        let arg = |arg: &Arg| {
            let kind = match arg.kind {
                Text | Kind::Reason => "text",
                Whole => "whole",
                Flag => "flag",
            };
            json!({"name": arg.name, "type": kind, "required": arg.required})
        };
        json!({
            "verb": self.name, "role": self.role.word(), "changes": self.changes,
            "args": self.takes().map(arg).collect::<Vec<_>>(), "help": self.help,
        })
    }
}

/// The answer to `help`.
pub fn help() -> Value {
    json!({"verbs": VERBS.iter().map(Verb::shown).collect::<Vec<_>>()})
}

/// [`Code::BadArgument`], naming it.
pub fn wrong(name: &str, why: &str) -> Failure {
    Failure::new(Code::BadArgument, format!("{name}: {why}")).with("argument", name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(value: &Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn every_role_may_say_exactly_the_verbs_of_its_own_and_the_weaker_roles() {
        for verb in &VERBS {
            for role in [Role::Viewer, Operator, Admin] {
                let refused = verb.check(role, &Map::new()).err();
                let forbidden = refused.is_some_and(|failure| failure.code == Code::Forbidden);
                assert_eq!(forbidden, role < verb.role, "{} as {role:?}", verb.name);
            }
            assert!(!verb.changes || verb.role > Role::Viewer, "{}", verb.name);
        }
    }

    #[test]
    fn every_argument_of_every_verb_is_refused_with_every_wrong_type() {
        let values =
            [json!("x"), json!(7), json!(true), json!(-1), json!(1.5), json!(null), json!([])];
        for verb in &VERBS {
            for arg in verb.takes() {
                for value in &values {
                    let mut one = Map::new();
                    one.insert(arg.name.to_owned(), value.clone());
                    let misfit = !arg.kind.fits(value);
                    let told = verb.check(Admin, &one);
                    let named = |f: &Failure| f.more.get("argument") == Some(&json!(arg.name));
                    let refused = told.is_err_and(|f| f.code == Code::BadArgument && named(&f));
                    assert_eq!(refused, misfit, "{} {}={value}", verb.name, arg.name);
                }
            }
        }
    }

    #[test]
    fn a_change_needs_a_reason_unless_it_is_a_dry_run() {
        let halt = find("halt").expect("a verb");
        let code = |value: &Value| halt.check(Admin, &args(value)).err().map(|f| f.code);
        assert_eq!(code(&json!({})), Some(Code::ReasonRequired));
        assert_eq!(code(&json!({"reason": "  "})), Some(Code::ReasonRequired));
        assert_eq!(code(&json!({"reason": "na\u{ef}ve"})), None);
        let other = find("cancel-all").expect("a verb");
        let refused = other.check(Admin, &args(&json!({"reason": "na\u{ef}ve"})));
        assert_eq!(refused.expect_err("refused").code, Code::ReasonRequired);
        assert_eq!(code(&json!({"reason": "x".repeat(65)})), None, "nothing keeps a halt up");
        assert_eq!(code(&json!({"reason": "x".repeat(1_025)})), Some(Code::BadArgument));
        assert_eq!(code(&json!({"dry_run": false})), Some(Code::ReasonRequired));
        assert_eq!(code(&json!({"dry_run": true})), None);
        assert_eq!(code(&json!({"reason": "venue fills wrong"})), None);
        assert_eq!(code(&json!({"reason": "x", "size": 1})), Some(Code::BadArgument));
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        let order = find("order").expect("a verb").check(Role::Viewer, &Map::new());
        assert_eq!(order.expect_err("refused").more["argument"], "id");
        assert_eq!(find("hlat").expect_err("refused").code, Code::UnknownVerb);
    }
}
