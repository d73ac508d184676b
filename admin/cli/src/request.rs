//! The command line of every verb, made from the table of verbs, and the request that is typed.
//!
//! A line belongs here if it turns a row of the table into a command of `clap`, or what was typed
//! into a request. Which verbs there are is `rutter_admin::console::verb`.

use clap::builder::PossibleValuesParser;
use clap::{ArgAction, ArgGroup, ArgMatches, Command, FromArgMatches, Subcommand};
use rutter_admin::console::verb::{Arg, Args, Confirm, DEPTH_MAX, Kind, Typed, Verb};
use serde_json::Value;

/// The nouns that verbs of two words begin with, and what their verbs are about.
const NOUNS: [(&str, &str); 6] = [
    ("venue", "Drain or enable a venue"),
    ("limits", "Show or set the limits of accounts"),
    ("session", "Log out, disconnect, enable or disable a session, or reset its numbers"),
    ("lockout", "Lift lock-outs"),
    ("bridge", "End an exposure of a bridge"),
    ("config", "Show the node's configuration, without secrets"),
];

/// Name of the text argument of a verb whose reason is its content.
const TEXT: &str = "text";

/// The group of the options that make up a scope.
const SCOPE_GROUP: &str = "scope";

/// The group of options of which at least one has to be given.
const VALUES_GROUP: &str = "values";

/// One request, as it goes over the socket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The verb.
    pub verb: Verb,
    /// Its arguments. `ctl` adds `reason` and `dry_run`.
    pub args: Args,
}

impl Request {
    /// A request without arguments.
    pub fn new(verb: Verb) -> Self {
        Self { verb, args: Args::new() }
    }

    /// With an argument, if there is a value for it.
    #[must_use]
    pub fn with(mut self, name: &str, value: Option<impl Into<Value>>) -> Self {
        if let Some(value) = value {
            self.args.insert(name.to_owned(), value.into());
        }
        self
    }

    /// A person at a terminal has to confirm it.
    pub fn needs_confirmation(&self) -> bool {
        match self.verb.row().terms.confirm {
            Confirm::Never => false,
            Confirm::Always => true,
            Confirm::WithoutScope => {
                let mut scope = self.verb.own_args().filter(|arg| arg.typed == Typed::Scope);
                scope.all(|arg| !self.args.contains_key(arg.name))
            }
        }
    }

    fn read(verb: Verb, matches: &ArgMatches) -> Self {
        let mut request = Self::new(verb);
        for arg in verb.own_args() {
            request = request.with(arg.name, value_of(arg, matches));
        }
        if verb.row().terms.reason_is_typed {
            request = request.with("reason", matches.get_one::<String>(TEXT).cloned());
        }
        request
    }
}

impl Subcommand for Request {
    fn augment_subcommands(mut command: Command) -> Command {
        command = command.subcommand_required(true).arg_required_else_help(true);
        for verb in Verb::ALL.iter().copied() {
            if noun_and_word(verb).0.is_none() {
                command = command.subcommand(subcommand(verb));
            }
        }
        for (noun, about) in NOUNS {
            let verbs = Verb::ALL.iter().copied();
            let verbs = verbs.filter(|verb| noun_and_word(*verb).0 == Some(noun));
            let group = Command::new(noun)
                .about(about)
                .subcommand_required(true)
                .arg_required_else_help(true)
                .disable_help_subcommand(true)
                .subcommands(verbs.map(subcommand));
            command = command.subcommand(group);
        }
        command
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        let first = |verb: &Verb| verb.row().typed.split(' ').next();
        Verb::ALL.iter().any(|verb| first(verb) == Some(name))
    }
}

impl FromArgMatches for Request {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let missing = || clap::Error::new(clap::error::ErrorKind::MissingSubcommand);
        let (first, matches) = matches.subcommand().ok_or_else(missing)?;
        let (typed, matches) = match matches.subcommand() {
            None => (first.to_owned(), matches),
            Some((word, matches)) => (format!("{first} {word}"), matches),
        };
        let verb = Verb::ALL.iter().find(|verb| verb.row().typed == typed).ok_or_else(missing)?;
        Ok(Self::read(*verb, matches))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The noun of a verb that is typed as two words, and its last word.
fn noun_and_word(verb: Verb) -> (Option<&'static str>, &'static str) {
    let typed = verb.row().typed;
    typed.split_once(' ').map_or((None, typed), |(noun, word)| (Some(noun), word))
}

/// `clap` writes help without a full stop.
fn without_stop(sentence: &'static str) -> &'static str {
    sentence.strip_suffix('.').unwrap_or(sentence)
}

fn subcommand(verb: Verb) -> Command {
    let row = verb.row();
    let mut command = Command::new(noun_and_word(verb).1).about(without_stop(row.help));
    if row.terms.reason_is_typed {
        let help = "The text: 1 to 64 bytes of printable ASCII";
        command = command.arg(clap::Arg::new(TEXT).required(true).help(help));
    }
    for arg in verb.own_args() {
        command = command.arg(argument(arg));
    }
    let of = |typed: Typed| verb.own_args().filter(move |arg| arg.typed == typed);
    let ids = |typed: Typed| of(typed).map(|arg| arg.name).collect::<Vec<_>>();
    if of(Typed::Scope).next().is_some() {
        command = command.group(ArgGroup::new(SCOPE_GROUP).args(ids(Typed::Scope)));
    }
    if of(Typed::OneOrMore).next().is_some() {
        let group = ArgGroup::new(VALUES_GROUP).args(ids(Typed::OneOrMore));
        command = command.group(group.required(true).multiple(true));
    }
    command
}

fn argument(arg: &Arg) -> clap::Arg {
    let mut shown = clap::Arg::new(arg.name).help(without_stop(arg.help));
    if arg.typed == Typed::Position {
        shown = shown.required(arg.required);
    } else {
        shown = shown.long(arg.name.replace('_', "-")).required(arg.required);
        if arg.kind == Kind::Session {
            shown = shown.visible_alias("client");
        }
    }
    match arg.kind {
        Kind::Text
        | Kind::Reason
        | Kind::Command
        | Kind::Venue
        | Kind::Symbol
        | Kind::Session
        | Kind::Account
        | Kind::Strategy
        | Kind::State => shown,
        Kind::Code => shown.value_name("CODE"),
        Kind::Amount => shown.value_name("AMOUNT").value_parser(decimal),
        Kind::Number => shown.value_name("NUMBER").value_parser(decimal),
        Kind::Level | Kind::Switch | Kind::Side | Kind::Tif => {
            shown.value_parser(PossibleValuesParser::new(arg.kind.values()))
        }
        Kind::Whole => shown.value_name("N").value_parser(clap::value_parser!(u64)),
        Kind::OrderId => shown.value_name("ID").value_parser(clap::value_parser!(u64)),
        Kind::Order => shown.value_name("ID"),
        Kind::Depth => {
            shown.value_name("N").value_parser(clap::value_parser!(u64).range(1..=DEPTH_MAX))
        }
        Kind::Flag => shown.action(ArgAction::SetTrue),
    }
}

/// A decimal number as it was typed. The node says what is wrong with its size and its decimals.
fn decimal(text: &str) -> Result<String, String> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    if digits(whole) && digits(part) {
        Ok(text.to_owned())
    } else {
        Err("not a decimal number, such as 1000 or 0.5".to_owned())
    }
}

/// The value of an argument on the wire; `None` if it was not typed.
fn value_of(arg: &Arg, matches: &ArgMatches) -> Option<Value> {
    match arg.kind {
        Kind::Text
        | Kind::Reason
        | Kind::Command
        | Kind::Venue
        | Kind::Symbol
        | Kind::Session
        | Kind::Account
        | Kind::Code
        | Kind::State
        | Kind::Level
        | Kind::Side
        | Kind::Tif
        | Kind::Strategy
        | Kind::Amount
        | Kind::Number
        | Kind::Order => matches.get_one::<String>(arg.name).cloned().map(Value::from),
        Kind::Whole | Kind::OrderId | Kind::Depth => {
            matches.get_one::<u64>(arg.name).copied().map(Value::from)
        }
        Kind::Flag => matches.get_flag(arg.name).then_some(true.into()),
        Kind::Switch => matches.get_one::<String>(arg.name).map(|word| (word == "on").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_typed_with_digits_and_one_point() {
        for sound in ["1", "0.50", "1000000"] {
            assert_eq!(decimal(sound), Ok(sound.to_owned()));
        }
        for text in ["1e3", "1E-3", "+1", "-1", "1_000", "1,5", ".5", "5.", ""] {
            assert!(decimal(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_noun_of_a_verb_has_its_help() {
        for noun in Verb::ALL.iter().filter_map(|verb| noun_and_word(*verb).0) {
            assert!(NOUNS.iter().any(|(known, _)| *known == noun), "{noun}");
        }
        let command = Command::new("test").disable_help_subcommand(true);
        Request::augment_subcommands(command).debug_assert();
    }
}
