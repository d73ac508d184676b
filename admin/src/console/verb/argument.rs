//! The arguments of verbs: what each may be on the wire, and how an operator types it.
//!
//! A line belongs here if it is about one argument, whichever verb takes it. Which verb takes which
//! arguments is the table in `verb`.

use std::fmt;

use rutter_core::input::{LIMITS, Limit, LimitKind, LimitValue, NodeCommand, Side, TimeInForce};
use rutter_core::number::{AMOUNT_DECIMALS, Amount};
use serde_json::{Map, Value};

use super::super::frame::{Code, Failure};
use crate::model::StateFilter;

/// The arguments of a request, as they came.
pub type Args = Map<String, Value>;

/// Longest text of an argument, bytes.
const TEXT_BYTES_MAX: usize = 64;

/// Longest reason that is read, bytes. Only a halt may use more than the journal keeps.
const REASON_BYTES_READ_MAX: usize = 1_024;

/// Most levels of each side that `book` shows.
pub const DEPTH_MAX: u64 = 50;

/// What an argument means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// The reason of a change.
    Reason,
    /// The words of a command that waits for a second person.
    Command,
    /// The name of a venue.
    Venue,
    /// The symbol of an instrument.
    Symbol,
    /// The name of a client session.
    Session,
    /// The name of an account.
    Account,
    /// A one-time code of an authenticator.
    Code,
    /// Which orders are listed: see [`StateFilter`].
    State,
    /// An amount of money above zero, as a decimal number.
    Amount,
    /// A price or a quantity above zero, as a decimal number.
    Number,
    /// Buy or sell.
    Side,
    /// Time in force of an order without an end of its own.
    Tif,
    /// How an order is executed: one of the words, or a number of FIX 847.
    Strategy,
    /// How much is logged: see [`LogLevel`].
    Level,
    /// A whole number from 0.
    Whole,
    /// The number of an order.
    OrderId,
    /// An order by any of its ids, see [`OrderArg`].
    Order,
    /// Levels of each side of a book, 1 to [`DEPTH_MAX`].
    Depth,
    /// True or false; typed as an option without a value.
    Flag,
    /// True or false; typed as `on` or `off`.
    Switch,
}

/// The JSON type of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A string of 1 to 64 bytes.
    Text,
    /// A string of 1 to 1,024 bytes.
    LongText,
    /// A whole number from 0.
    Whole,
    /// A whole number from 0, or a string of 1 to 64 bytes.
    Id,
    /// True or false.
    Flag,
}

impl Kind {
    /// Its JSON type.
    pub const fn shape(self) -> Shape {
        match self {
            Self::Text
            | Self::Venue
            | Self::Symbol
            | Self::Session
            | Self::Account
            | Self::Code
            | Self::State
            | Self::Amount
            | Self::Number
            | Self::Side
            | Self::Tif
            | Self::Strategy
            | Self::Level => Shape::Text,
            Self::Reason | Self::Command => Shape::LongText,
            Self::Whole | Self::OrderId | Self::Depth => Shape::Whole,
            Self::Order => Shape::Id,
            Self::Flag | Self::Switch => Shape::Flag,
        }
    }

    /// The values that an operator may choose from; empty where there is no closed list.
    pub const fn values(self) -> &'static [&'static str] {
        match self {
            Self::State => &["open", "over", "all", "pending", "unknown"],
            Self::Level => &["error", "warn", "info", "debug", "trace"],
            Self::Switch => &["on", "off"],
            Self::Side => &["buy", "sell"],
            Self::Tif => &["day", "gtc", "ioc", "fok"],
            Self::Text
            | Self::Reason
            | Self::Command
            | Self::Venue
            | Self::Symbol
            | Self::Session
            | Self::Account
            | Self::Code
            | Self::Strategy
            | Self::Amount
            | Self::Number
            | Self::Whole
            | Self::OrderId
            | Self::Order
            | Self::Depth
            | Self::Flag => &[],
        }
    }
}

impl Shape {
    /// The word for it in the answer to `help`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Text | Self::LongText => "text",
            Self::Whole => "whole",
            Self::Id => "id",
            Self::Flag => "flag",
        }
    }

    /// What an operator is told who sent something else.
    pub(super) const fn described(self) -> &'static str {
        match self {
            Self::Text => "a string of 1 to 64 bytes",
            Self::LongText => "a string of 1 to 1024 bytes",
            Self::Whole => "a whole number",
            Self::Id => "a whole number, or a string of 1 to 64 bytes",
            Self::Flag => "true or false",
        }
    }

    /// Whether a value has this type.
    pub(super) fn fits(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Text | Self::Id, Value::String(text)) => {
                (1..=TEXT_BYTES_MAX).contains(&text.len())
            }
            (Self::LongText, Value::String(text)) => {
                (1..=REASON_BYTES_READ_MAX).contains(&text.len())
            }
            (Self::Whole | Self::Id, Value::Number(number)) => number.is_u64(),
            (Self::Flag, Value::Bool(_)) => true,
            _ => false,
        }
    }
}

/// How an operator types an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// By its position behind the verb.
    Position,
    /// As an option: `--name VALUE`.
    Option,
    /// As an option, of which at most one may be given: the scope of a command.
    Scope,
    /// As an option, of which at least one must be given.
    OneOrMore,
}

/// One argument of a verb.
#[derive(Clone, Copy, Debug)]
pub struct Arg {
    /// Its name on the wire. Typed as an option, `_` becomes `-`.
    pub name: &'static str,
    /// What the argument means.
    pub kind: Kind,
    /// The verb cannot be carried out without it.
    pub required: bool,
    /// How an operator types it.
    pub typed: Typed,
    /// What it is for, in a sentence.
    pub help: &'static str,
}

/// An argument typed by its position, which has to be there.
pub(super) const fn at(name: &'static str, kind: Kind, help: &'static str) -> Arg {
    Arg { name, kind, required: true, typed: Typed::Position, help }
}

/// An argument typed by its position, which may be left out.
pub(super) const fn maybe_at(name: &'static str, kind: Kind, help: &'static str) -> Arg {
    Arg { name, kind, required: false, typed: Typed::Position, help }
}

/// An argument typed as an option.
pub(super) const fn option(name: &'static str, kind: Kind, help: &'static str) -> Arg {
    Arg { name, kind, required: false, typed: Typed::Option, help }
}

/// An argument typed as an option, which has to be there.
pub(super) const fn must(name: &'static str, kind: Kind, help: &'static str) -> Arg {
    Arg { name, kind, required: true, typed: Typed::Option, help }
}

/// One of several options, at least one of which has to be given.
pub(super) const fn one_or_more(name: &'static str, kind: Kind, help: &'static str) -> Arg {
    Arg { name, kind, required: false, typed: Typed::OneOrMore, help }
}

const fn scope(name: &'static str, kind: Kind, help: &'static str) -> Arg {
    Arg { name, kind, required: false, typed: Typed::Scope, help }
}

/// A scope that may be a venue.
pub(super) const SCOPE: &[Arg] = &[
    scope("venue", Kind::Venue, "Only at this venue."),
    scope("symbol", Kind::Symbol, "Only this symbol."),
    scope("session", Kind::Session, "Only this client session."),
    scope("account", Kind::Account, "Only this account."),
];

/// A scope that may not be a venue.
pub(super) const SCOPE_WITHOUT_VENUE: &[Arg] = &[
    scope("symbol", Kind::Symbol, "Only this symbol."),
    scope("session", Kind::Session, "Only this client session."),
    scope("account", Kind::Account, "Only this account."),
];

/// The limits of an account, by the core's table.
pub(super) const LIMIT_ARGS: &[Arg] = &{
    let mut args = [one_or_more("", Kind::Whole, ""); LIMITS.len()];
    let mut at = 0;
    while at < LIMITS.len() {
        let kind = match LIMITS[at].kind {
            LimitKind::Amount => Kind::Amount,
            LimitKind::Whole => Kind::Whole,
        };
        args[at] = one_or_more(LIMITS[at].name, kind, LIMITS[at].help);
        at += 1;
    }
    args
};

/// The limits that a request gives, as they came, by their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LimitsGiven(Args);

impl LimitsGiven {
    /// The value that the request gives for a limit; `None` if it gives none.
    ///
    /// # Errors
    /// [`Code::BadArgument`]: the value is out of the limit's range.
    pub fn get(&self, limit: &Limit) -> Result<Option<LimitValue>, Failure> {
        let Some(given) = self.0.get(limit.name) else { return Ok(None) };
        let value = match limit.kind {
            LimitKind::Amount => {
                let amount = given.as_str().and_then(amount_of);
                let why = "a decimal number above zero";
                LimitValue::Amount(amount.ok_or_else(|| bad_argument(limit.name, why))?)
            }
            LimitKind::Whole => {
                let whole = given.as_u64().and_then(|whole| u32::try_from(whole).ok());
                LimitValue::Whole(whole.ok_or_else(|| bad_argument(limit.name, "too large"))?)
            }
        };
        Ok(Some(value))
    }
}

/// What a command reaches, by name. Nothing given is everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScopeName {
    /// The whole node.
    Everything,
    /// One venue.
    Venue(String),
    /// One instrument, by its symbol.
    Symbol(String),
    /// One client session.
    Session(String),
    /// One account.
    Account(String),
}

impl ScopeName {
    /// The scope in words.
    pub fn words(&self) -> String {
        match self {
            Self::Everything => "everything".to_owned(),
            Self::Venue(name) => format!("venue {name}"),
            Self::Symbol(name) => format!("symbol {name}"),
            Self::Session(name) => format!("session {name}"),
            Self::Account(name) => format!("account {name}"),
        }
    }
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLevel {
    /// The word for it.
    pub word: &'static str,
    /// The command that sets it.
    pub command: NodeCommand,
}

/// Every level, from least to most.
const LEVELS: [LogLevel; 5] = [
    LogLevel { word: "error", command: NodeCommand::LogError },
    LogLevel { word: "warn", command: NodeCommand::LogWarn },
    LogLevel { word: "info", command: NodeCommand::LogInfo },
    LogLevel { word: "debug", command: NodeCommand::LogDebug },
    LogLevel { word: "trace", command: NodeCommand::LogTrace },
];

/// The type of an argument in a request. [`Shape::fits`] has let its value through.
pub(super) trait Field: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// [`Code::BadArgument`] where the shape is right and the value is not.
    fn read(args: &Args, name: &str) -> Result<Self, Failure>;
}

/// An order, as a request names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderArg {
    /// A number of JSON: our number, and nothing else.
    Number(u64),
    /// A text: any id.
    Text(String),
}

impl fmt::Display for OrderArg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

impl From<OrderArg> for Value {
    fn from(order: OrderArg) -> Self {
        match order {
            OrderArg::Number(number) => number.into(),
            OrderArg::Text(text) => text.into(),
        }
    }
}

impl Field for Option<OrderArg> {
    fn read(args: &Args, name: &str) -> Result<Self, Failure> {
        let number = || args.get(name)?.as_u64().map(OrderArg::Number);
        let text = || args.get(name)?.as_str().map(|text| OrderArg::Text(text.to_owned()));
        Ok(number().or_else(text))
    }
}

impl Field for OrderArg {
    fn read(args: &Args, name: &str) -> Result<Self, Failure> {
        Option::<Self>::read(args, name)?.ok_or_else(|| bad_argument(name, "is missing"))
    }
}

impl Field for Option<String> {
    fn read(args: &Args, name: &str) -> Result<Self, Failure> {
        Ok(args.get(name).and_then(Value::as_str).map(str::to_owned))
    }
}

impl Field for String {
    fn read(args: &Args, name: &str) -> Result<Self, Failure> {
        Option::<Self>::read(args, name)?.ok_or_else(|| bad_argument(name, "is missing"))
    }
}

impl Field for Option<u64> {
    fn read(args: &Args, name: &str) -> Result<Self, Failure> {
        Ok(args.get(name).and_then(Value::as_u64))
    }
}

impl Field for u64 {
    fn read(args: &Args, name: &str) -> Result<Self, Failure> {
        Option::<Self>::read(args, name)?.ok_or_else(|| bad_argument(name, "is missing"))
    }
}

impl Field for bool {
    fn read(args: &Args, name: &str) -> Result<Self, Failure> {
        Ok(args.get(name).and_then(Value::as_bool).unwrap_or(false))
    }
}

impl Field for Option<StateFilter> {
    fn read(args: &Args, name: &str) -> Result<Self, Failure> {
        let Some(word) = args.get(name).and_then(Value::as_str) else { return Ok(None) };
        let why = "open, over, all, pending, unknown, or a state by name";
        StateFilter::parse(word).map(Some).ok_or_else(|| bad_argument(name, why))
    }
}

impl Field for Side {
    fn read(args: &Args, name: &str) -> Result<Self, Failure> {
        match args.get(name).and_then(Value::as_str) {
            Some("buy") => Ok(Self::Buy),
            Some("sell") => Ok(Self::Sell),
            _ => Err(bad_argument(name, "buy or sell")),
        }
    }
}

impl Field for Option<TimeInForce> {
    fn read(args: &Args, name: &str) -> Result<Self, Failure> {
        let Some(word) = args.get(name).and_then(Value::as_str) else { return Ok(None) };
        Ok(Some(match word {
            "day" => TimeInForce::Day,
            "gtc" => TimeInForce::Gtc,
            "ioc" => TimeInForce::Ioc,
            "fok" => TimeInForce::Fok,
            _ => return Err(bad_argument(name, "day, gtc, ioc or fok")),
        }))
    }
}

impl Field for LogLevel {
    fn read(args: &Args, name: &str) -> Result<Self, Failure> {
        let word = args.get(name).and_then(Value::as_str).unwrap_or_default();
        let level = LEVELS.into_iter().find(|level| level.word == word);
        level.ok_or_else(|| bad_argument(name, "error, warn, info, debug or trace"))
    }
}

impl Field for ScopeName {
    fn read(args: &Args, _: &str) -> Result<Self, Failure> {
        let mut given = SCOPE.iter().filter_map(|arg| Some((arg, args.get(arg.name)?.as_str()?)));
        let (first, second) = (given.next(), given.next());
        if let Some((arg, _)) = second {
            let why = "a scope is one of venue, symbol, session, account";
            return Err(bad_argument(arg.name, why));
        }
        let Some((arg, name)) = first else { return Ok(Self::Everything) };
        let name = name.to_owned();
        Ok(match arg.kind {
            Kind::Venue => Self::Venue(name),
            Kind::Symbol => Self::Symbol(name),
            Kind::Session => Self::Session(name),
            _ => Self::Account(name),
        })
    }
}

impl Field for LimitsGiven {
    fn read(args: &Args, _: &str) -> Result<Self, Failure> {
        let given = LIMITS.iter().filter_map(|limit| args.get_key_value(limit.name));
        Ok(Self(given.map(|(name, value)| (name.clone(), value.clone())).collect()))
    }
}

/// An amount above zero, from its decimal text.
fn amount_of(text: &str) -> Option<Amount> {
    decimal_of(text, AMOUNT_DECIMALS).map(Amount)
}

/// A decimal number above zero in units of 10^-`decimals`; `None` if it has more decimals.
pub fn decimal_of(text: &str, decimals: u32) -> Option<i128> {
    units_of(text, decimals).filter(|units| *units > 0)
}

/// A decimal number from 0, in units of 10^-`decimals`. `None` if it has more decimals.
pub fn units_of(text: &str, decimals: u32) -> Option<i128> {
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let decimals = usize::try_from(decimals).ok()?;
    if whole.is_empty() || !digits(whole) || !digits(part) || part.len() > decimals {
        return None;
    }
    format!("{whole}{part:0<decimals$}").parse().ok()
}

/// [`Code::BadArgument`], naming the argument.
pub fn bad_argument(name: &str, why: &str) -> Failure {
    Failure::new(Code::BadArgument, format!("{name}: {why}")).with("argument", name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_that_an_operator_may_choose_is_read() {
        for word in Kind::Level.values() {
            let args = Args::from_iter([("level".to_owned(), Value::from(*word))]);
            assert_eq!(LogLevel::read(&args, "level").expect("a level").word, *word);
        }
        assert_eq!(Kind::Level.values().len(), LEVELS.len());
    }

    #[test]
    fn a_number_is_written_with_digits_and_one_point_and_nothing_else() {
        assert_eq!(units_of("1.5", 2), Some(150));
        for text in ["1e3", "1E3", "+1", "-1", "1_000", "1,000", " 1", "1.5.0", ".", "0x1", ""] {
            assert_eq!(units_of(text, 4), None, "{text}");
        }
    }

    #[test]
    fn every_state_that_is_offered_is_read() {
        for word in Kind::State.values() {
            assert!(StateFilter::parse(word).is_some(), "{word}");
        }
    }
}
