//! `[[session]]`: identity, FIX version and rights of a client.
//!
//! A line belongs here if it reads or checks that part of the file. `access` reads the credentials.

use std::collections::BTreeSet;
use std::path::PathBuf;

use rutter_clients::SessionKind;
use rutter_core::id::SessionId;
use rutter_core::input::CancelOnDisconnect;
use rutter_core::reference::SESSIONS_MAX;
use rutter_fix::codec::TimePrecision;
use rutter_fix::dictionary::{Checks, Version};
use rutter_fix::session::Schedule;
use rutter_fix::session::schedule::{Day, ScheduleError, TimeOfDay};
use rutter_transport::secret::Secret;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::few_of;
use super::finding::{Fault, Findings, KeyError};
use super::secret::{masked, secret};

/// Longest `cancel_grace_ms`, milliseconds.
const GRACE_MS_MAX: u64 = rutter_clients::config::GRACE_NS_MAX / 1_000_000;

/// How a session proves its identity in its Logon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum LogonProof {
    /// The password.
    #[default]
    #[serde(rename = "password")]
    Password,
    /// A signature with a shared secret; the secret itself is not sent.
    #[serde(rename = "hmac-sha256")]
    HmacSha256,
    /// A signature with the private key of `public_key`.
    #[serde(rename = "ed25519")]
    Ed25519,
    /// Nothing more than the client's TLS certificate.
    #[serde(rename = "certificate")]
    Certificate,
}

/// The versions that a session may speak, as `BeginString` (8) has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum BeginString {
    /// FIX 4.2.
    #[serde(rename = "FIX.4.2")]
    Fix42,
    /// FIX 4.4.
    #[default]
    #[serde(rename = "FIX.4.4")]
    Fix44,
    /// FIX 5.0 SP2 over FIXT 1.1.
    #[serde(rename = "FIXT.1.1")]
    Fixt11,
}

impl BeginString {
    /// The version with its dictionary.
    pub const fn version(self) -> Version {
        match self {
            Self::Fix42 => Version::Fix42,
            Self::Fix44 => Version::Fix44,
            Self::Fixt11 => Version::Fix50Sp2,
        }
    }
}

/// Decimals of the times that are written to a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum Precision {
    /// No decimals.
    #[serde(rename = "s")]
    Seconds,
    /// Three decimals.
    #[default]
    #[serde(rename = "ms")]
    Millis,
    /// Six decimals.
    #[serde(rename = "us")]
    Micros,
    /// Nine decimals.
    #[serde(rename = "ns")]
    Nanos,
}

impl Precision {
    /// As the codec names it.
    pub const fn of_codec(self) -> TimePrecision {
        match self {
            Self::Seconds => TimePrecision::Seconds,
            Self::Millis => TimePrecision::Millis,
            Self::Micros => TimePrecision::Micros,
            Self::Nanos => TimePrecision::Nanos,
        }
    }
}

/// `[[session]]`
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "switches of a file")]
pub struct SessionConfig {
    /// The client's `CompID`: 1 to 12 printable ASCII characters.
    pub comp_id: String,
    /// The account that the session trades for. A drop copy has none.
    #[serde(default)]
    pub account: String,
    /// How a Logon proves who the client is.
    #[serde(default)]
    pub logon: LogonProof,
    /// Password (554) of at least 8 bytes, or the shared secret of `hmac-sha256` of at least 32.
    /// One of `password`, `password_file` and `password_env` is there for these two kinds of logon.
    #[serde(
        default,
        deserialize_with = "secret",
        serialize_with = "masked",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "super::schema::secret")]
    pub password: Option<Secret>,
    /// File that holds the password or shared secret; white space at its end does not count.
    pub password_file: Option<PathBuf>,
    /// Environment variable that holds the password or shared secret.
    pub password_env: Option<String>,
    /// For `ed25519`: the client's public key in base64, bare (32 bytes) or as in a PEM file.
    pub public_key: Option<String>,
    /// SHA-256 of the certificate that the client must show, in hex; colons do not count.
    pub certificate_sha256: Option<String>,
    /// A name (`subjectAltName`) that the client's certificate must have.
    pub certificate_name: Option<String>,
    /// `BeginString` (8): the FIX version of the session.
    #[serde(default)]
    pub begin_string: BeginString,
    /// Whether every message is validated with the data dictionary.
    #[serde(default)]
    pub validate_messages: bool,
    /// Checks of `validate_messages` that are left out.
    #[serde(default)]
    #[schemars(length(max = 11))]
    pub unchecked: Vec<Check>,
    /// Without `validate_messages`: whether a header field behind the body is rejected. With
    /// `validate_messages` the check `order` says so.
    #[serde(default)]
    pub check_field_order: bool,
    /// `Username` (553) that the Logon must carry; any if absent.
    pub username: Option<String>,
    /// Whether reports carry the journal sequence, arrival time and decision time of their input
    /// (20030 to 20032).
    #[serde(default)]
    pub latency_passport: bool,
    /// Whether `NextExpectedMsgSeqNum` (789) is sent, and obeyed when a client sends it.
    #[serde(default)]
    pub next_expected: bool,
    /// Most messages that one `ResendRequest` of the node asks for; 0 for no limit.
    #[serde(default)]
    pub resend_chunk: u64,
    /// Whether the session's open orders are cancelled when its connection is lost. A Logon can
    /// choose otherwise.
    #[serde(default)]
    pub cancel_on_disconnect: bool,
    /// Time between the loss of the connection and the cancels, in milliseconds. A session that is
    /// back by then keeps its orders.
    #[serde(default)]
    #[schemars(range(max = GRACE_MS_MAX))]
    pub cancel_grace_ms: u64,
    /// Requests per second; more are refused, except for cancels. 0 for no limit.
    #[serde(default)]
    pub requests_per_s_max: u32,
    /// Decimals of the times that are sent to the session (52, 60, 122 and others): 0 for `s`, 3
    /// for `ms`, 6 for `us`, 9 for `ns`. Its own times may have 0 to 12.
    #[serde(default)]
    pub time_precision: Precision,
    /// Hours in which the session may log on. Its sequence numbers begin at 1 in each period.
    /// Without hours the session is always open, and time never resets its numbers.
    pub hours: Option<HoursConfig>,
    /// `CompID`s of trading sessions. This session then receives a copy of each of their reports,
    /// and can send no order.
    #[serde(default)]
    #[schemars(length(max = SESSIONS_MAX))]
    pub drop_copy_of: Vec<String>,
}

/// A check of the data dictionary; see [`Checks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "each is described where it is made")]
pub enum Check {
    MessageTypes,
    UnknownFields,
    UserDefinedFields,
    RequiredFields,
    EmptyValues,
    Formats,
    Enumerations,
    Order,
    RepeatedTags,
    GroupCounts,
    GroupOrder,
}

impl Check {
    const fn switch(self, checks: &mut Checks) -> &mut bool {
        match self {
            Self::MessageTypes => &mut checks.message_types,
            Self::UnknownFields => &mut checks.unknown_fields,
            Self::UserDefinedFields => &mut checks.user_defined_fields,
            Self::RequiredFields => &mut checks.required_fields,
            Self::EmptyValues => &mut checks.empty_values,
            Self::Formats => &mut checks.formats,
            Self::Enumerations => &mut checks.enumerations,
            Self::Order => &mut checks.order,
            Self::RepeatedTags => &mut checks.repeated_tags,
            Self::GroupCounts => &mut checks.group_counts,
            Self::GroupOrder => &mut checks.group_order,
        }
    }
}

/// `[session.hours]`
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HoursConfig {
    /// IANA name of the time zone, such as `America/New_York`.
    pub zone: String,
    /// Days of daily hours, `Mon` to `Sun`; every day if absent.
    #[schemars(length(max = 7))]
    pub days: Option<Vec<String>>,
    /// First and last day of weekly hours, such as `["Sun", "Fri"]`; not beside `days`.
    pub week: Option<(String, String)>,
    /// Local time of the start, `HH:MM` or `HH:MM:SS`.
    pub start: String,
    /// Local time of the end; on the next day if it is not after `start`.
    pub end: String,
}

impl HoursConfig {
    fn schedule(&self) -> Result<Schedule, ScheduleError> {
        let (start, end): (TimeOfDay, TimeOfDay) = (self.start.parse()?, self.end.parse()?);
        match (&self.week, &self.days) {
            (Some((first, last)), _) => {
                Schedule::weekly(&self.zone, (first.parse()?, start), (last.parse()?, end))
            }
            (None, Some(days)) => {
                let days = days.iter().map(|day| day.parse()).collect::<Result<Vec<Day>, _>>()?;
                Schedule::daily(&self.zone, &days, start, end)
            }
            (None, None) => Schedule::daily(&self.zone, &Day::ALL, start, end),
        }
    }
}

impl HoursConfig {
    /// Checks each key by itself; their combination is [`SessionConfig::schedule`].
    fn errors(&self) -> Vec<KeyError> {
        let time = |text: &str| text.parse::<TimeOfDay>().err();
        let day = |text: &String| text.parse::<Day>().err();
        // The zone is checked with hours that every zone has.
        let noon = ["12:00", "13:00"].map(|text| text.parse::<TimeOfDay>().ok());
        let zone = match noon {
            [Some(start), Some(end)] => Schedule::daily(&self.zone, &Day::ALL, start, end).err(),
            _ => None,
        };
        let days = self.days.iter().flatten().find_map(day);
        let week = self.week.as_ref().and_then(|(first, last)| day(first).or_else(|| day(last)));
        let each = [
            ("hours.zone", zone),
            ("hours.start", time(&self.start)),
            ("hours.end", time(&self.end)),
            ("hours.days", days),
            ("hours.week", week),
        ];
        let error = |(key, error): (&'static str, Option<ScheduleError>)| {
            Some(KeyError::new(key, Fault::BadHours, error?.to_string()))
        };
        each.into_iter().filter_map(error).collect()
    }
}

impl SessionConfig {
    /// Its hours; `None` when it is open always.
    ///
    /// # Errors
    /// The zone, a day or a time cannot be read.
    pub fn schedule(&self) -> Result<Option<Schedule>, KeyError> {
        let Some(hours) = &self.hours else { return Ok(None) };
        if hours.week.is_some() && hours.days.is_some() {
            return Err(KeyError::new("hours", Fault::Conflict, "either days or week"));
        }
        let wrong =
            |error: ScheduleError| KeyError::new("hours", Fault::BadHours, error.to_string());
        hours.schedule().map(Some).map_err(wrong)
    }

    /// The checks of the data dictionary that its messages go through.
    pub fn checks(&self) -> Option<Checks> {
        let mut checks = Checks::default();
        self.unchecked.iter().for_each(|check| *check.switch(&mut checks) = false);
        self.validate_messages.then_some(checks)
    }

    /// Whether it gets copies instead of trading.
    pub const fn is_drop_copy(&self) -> bool {
        !self.drop_copy_of.is_empty()
    }

    /// Rights of the session; `id` finds a session by its name.
    pub fn kind(&self, id: impl Fn(&str) -> Option<SessionId>) -> Option<SessionKind> {
        if !self.is_drop_copy() {
            return Some(SessionKind::Trading);
        }
        let sources = self.drop_copy_of.iter().map(|name| id(name));
        sources.collect::<Option<Vec<_>>>().map(SessionKind::DropCopy)
    }

    /// What happens to the session's orders when its connection is lost.
    pub const fn cancel_on_disconnect(&self) -> CancelOnDisconnect {
        let grace_ns = self.cancel_grace_ms.saturating_mul(1_000_000);
        CancelOnDisconnect { all: self.cancel_on_disconnect, grace_ns }
    }

    /// Checks a session by itself, and against the names of all accounts and trading sessions.
    /// The session is at `at`.
    pub(super) fn check(
        &self,
        findings: &mut Findings,
        at: &str,
        accounts: &BTreeSet<&str>,
        trading: &BTreeSet<&str>,
    ) {
        let known = accounts.contains(self.account.as_str()) || findings.is_damaged("account");
        let mut wrong = |key, fault, reason: String| {
            findings.add_key(at, KeyError { key, fault, reason });
        };
        if self.is_drop_copy() && !self.account.is_empty() {
            wrong("account", Fault::Conflict, "a drop copy has none".to_owned());
        }
        if !self.is_drop_copy() && self.account.is_empty() {
            let reason = "needed, unless the session is a drop copy";
            wrong("account", Fault::MissingKey, reason.to_owned());
        } else if !self.is_drop_copy() && !known {
            let names = few_of(accounts.iter().copied());
            let reason = format!("no account is called {:?}; there are {names}", self.account);
            wrong("account", Fault::NotDeclared, reason);
        }
        for name in &self.drop_copy_of {
            if !trading.contains(name.as_str()) {
                let reason = format!("no session {name:?} trades");
                wrong("drop_copy_of", Fault::NotDeclared, reason);
            }
        }
        if !self.unchecked.is_empty() && !self.validate_messages {
            let reason = "nothing is checked: validate_messages is not true";
            wrong("unchecked", Fault::Conflict, reason.to_owned());
        }
        let mut errors = self.hours.as_ref().map(HoursConfig::errors).unwrap_or_default();
        if errors.is_empty() {
            errors.extend(self.schedule().err());
        }
        for error in errors {
            findings.add_key(at, error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, ConfigError};

    const SOUND: &str = include_str!("../../deploy/example.toml");
    const HOURS: &str = "[session.hours]\nzone = \"Europe/Zurich\"\nstart = \"08:00\"\nend = \"17:30\"\n\n[[session]]";

    fn read(from: &str, to: &str) -> Result<Config, ConfigError> {
        assert!(SOUND.contains(from), "{from}");
        Config::parse(&SOUND.replacen(from, to, 1))
    }

    #[test]
    fn a_session_is_read_with_all_that_it_may_do() {
        let config = read("cancel_on_disconnect = false", "cancel_on_disconnect = true");
        let config = config.expect("sound");
        let [desk, copy] = config.session.as_slice() else { panic!("two sessions") };
        let choice = CancelOnDisconnect { all: true, grace_ns: 5_000_000_000 };
        assert_eq!(desk.cancel_on_disconnect(), choice);
        assert_eq!(desk.kind(|_| None), Some(SessionKind::Trading));
        let id = |name: &str| (name == "DESK1").then_some(SessionId(7));
        assert_eq!(copy.kind(id), Some(SessionKind::DropCopy(vec![SessionId(7)])));
        let unchecked = "validate_messages = true\nunchecked = [\"group_order\"]";
        let config = read("validate_messages = true", unchecked).expect("sound");
        let checks = config.session[0].checks().expect("checked");
        assert!(!checks.group_order && checks.group_counts);
    }

    /// The samples of `docs/fix` are played with the gateway's own default.
    #[test]
    fn times_have_three_decimals_unless_a_session_asks_for_others() {
        let config = Config::parse(SOUND).expect("sound");
        let account = rutter_core::id::Name::new(b"fund").expect("short");
        let usual = rutter_clients::SessionConfig::trading(SessionId(0), "DESK1", account);
        assert_eq!(config.session[0].time_precision.of_codec(), usual.time_precision);
        assert_eq!(usual.time_precision, TimePrecision::Millis);
        for (word, precision) in [
            ("s", TimePrecision::Seconds),
            ("ms", TimePrecision::Millis),
            ("us", TimePrecision::Micros),
            ("ns", TimePrecision::Nanos),
        ] {
            let to = format!("time_precision = \"{word}\"");
            let config = read("time_precision = \"ms\"", &to).expect("sound");
            assert_eq!(config.session[0].time_precision.of_codec(), precision);
        }
        assert!(read("time_precision = \"ms\"", "time_precision = \"m\"").is_err());
    }

    #[test]
    fn hours_of_a_week_are_read_and_each_day_is_judged() {
        let with = |week: &str| {
            let hours = HOURS.replacen("start", &format!("week = {week}\nstart"), 1);
            let to = format!("\n{hours}\ncomp_id = \"COPY1\"");
            read("\n[[session]]\ncomp_id = \"COPY1\"", &to)
        };
        let config = with("[\"Sun\", \"Fri\"]").unwrap_or_else(|error| panic!("{error}"));
        assert!(matches!(config.session[0].schedule(), Ok(Some(_))));
        for (week, fault) in [
            ("[\"Sun\"]", Fault::OutOfRange),
            ("[\"Sun\", \"Fri\", \"Sat\"]", Fault::OutOfRange),
            ("[\"Sun\", 5]", Fault::WrongType),
            ("[\"Sun\", \"Freitag\"]", Fault::BadHours),
        ] {
            let refused = with(week).expect_err(week);
            assert!(refused.findings.iter().any(|one| one.fault == fault), "{week}: {refused}");
        }
    }

    #[test]
    fn what_a_session_cannot_be_is_refused_by_its_key() {
        let hours = |from: &str, to: &str| format!("\n{}", HOURS.replacen(from, to, 1));
        for (from, to, key) in [
            ("drop_copy_of = [\"DESK1\"]", "drop_copy_of = [\"X\"]", "COPY1.drop_copy_of"),
            ("drop_copy_of = [\"DESK1\"]", "drop_copy_of = [\"COPY1\"]", "COPY1.drop_copy_of"),
            ("drop_copy_of", "account = \"fund\"\ndrop_copy_of", "COPY1.account"),
            ("account = \"fund\"", "account = \"none\"", "DESK1.account"),
            ("cancel_grace_ms = 5000", "cancel_grace_ms = 3600001", "DESK1.cancel_grace_ms"),
            ("validate_messages = true", "unchecked = [\"order\"]", "DESK1.unchecked"),
            ("\n[[session]]\ncomp_id = \"COPY1\"", &hours("Zurich", "Mars"), "DESK1.hours"),
            ("\n[[session]]\ncomp_id = \"COPY1\"", &hours("08:00", "8:00"), "DESK1.hours"),
        ] {
            let to = to.replace("[[session]]", "[[session]]\ncomp_id = \"COPY1\"");
            let said = read(from, &to).expect_err(key).to_string();
            assert!(said.contains(key), "{said}");
        }
    }
}
