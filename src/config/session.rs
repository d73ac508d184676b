//! `[[session]]`: identity, FIX version and rights of a client.
//!
//! A line belongs here if it reads or checks that part of the file. `access` reads the credentials.

use std::path::PathBuf;

use rutter_clients::SessionKind;
use rutter_core::id::SessionId;
use rutter_core::input::CancelOnDisconnect;
use rutter_fix::dictionary::{Checks, Version};
use rutter_fix::session::Schedule;
use rutter_fix::session::schedule::{Day, ScheduleError, TimeOfDay};
use rutter_transport::secret::Secret;
use serde::Deserialize;

use super::error::{ConfigError, wrong};
use super::secret::secret;

/// How a session proves its identity in its Logon.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
pub enum LogonProof {
    /// That it knows the password.
    #[default]
    #[serde(rename = "password")]
    Password,
    /// That it knows the shared secret, without telling it.
    #[serde(rename = "hmac-sha256")]
    HmacSha256,
    /// That it has the private key.
    #[serde(rename = "ed25519")]
    Ed25519,
    /// Nothing: the certificate that it shows is enough.
    #[serde(rename = "certificate")]
    Certificate,
}

/// The versions that a session may speak, as `BeginString` (8) has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
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

/// `[[session]]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(clippy::struct_excessive_bools, reason = "switches of a file")]
pub struct SessionConfig {
    /// The client's `CompID`.
    pub comp_id: String,
    /// The account it trades for; not for a drop copy.
    #[serde(default)]
    pub account: String,
    /// What its Logon must prove.
    #[serde(default)]
    pub logon: LogonProof,
    /// Password (554), or the shared secret for `hmac-sha256`. Give one of these three keys.
    #[serde(default, deserialize_with = "secret")]
    pub password: Option<Secret>,
    /// A file that holds it; white space at its end does not count.
    pub password_file: Option<PathBuf>,
    /// An environment variable that holds it.
    pub password_env: Option<String>,
    /// For `ed25519`: its public key in base64, bare (32 bytes) or as in a PEM file.
    pub public_key: Option<String>,
    /// SHA-256 of the certificate that it must show, in hex; colons do not count.
    pub certificate_sha256: Option<String>,
    /// A name (`subjectAltName`) that the certificate must have which it shows.
    pub certificate_name: Option<String>,
    /// `BeginString` (8): the version that it speaks.
    #[serde(default)]
    pub begin_string: BeginString,
    /// True if every message is validated with the data dictionary too.
    #[serde(default)]
    pub validate_messages: bool,
    /// Checks that are left out then, by their names.
    #[serde(default)]
    pub unchecked: Vec<Check>,
    /// `Username` (553) that its Logon must carry; any if absent.
    pub username: Option<String>,
    /// Its reports say when their cause arrived and was decided, and where it is in the journal
    /// (20030 to 20032).
    #[serde(default)]
    pub latency_passport: bool,
    /// `NextExpectedMsgSeqNum` (789) is told and obeyed.
    #[serde(default)]
    pub next_expected: bool,
    /// Most messages that one `ResendRequest` of ours asks for; 0 for all there are.
    #[serde(default)]
    pub resend_chunk: u64,
    /// Its open orders are cancelled when its connection is lost, unless its Logon says otherwise.
    #[serde(default)]
    pub cancel_on_disconnect: bool,
    /// So long after the loss, unless it is back by then.
    #[serde(default)]
    pub cancel_grace_ms: u64,
    /// Requests a second that are passed on; more are refused, but for cancels. 0 for no limit.
    #[serde(default)]
    pub requests_per_s_max: u32,
    /// Hours in which the session may log on. Its sequence numbers begin at 1 in each period.
    /// Without hours the session is always open, and time never resets its numbers.
    pub hours: Option<HoursConfig>,
    /// `CompID`s of sessions: it gets a copy of each of their reports, and asks for nothing.
    #[serde(default)]
    pub drop_copy_of: Vec<String>,
}

/// A check of the data dictionary; see [`Checks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
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
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoursConfig {
    /// IANA name of the time zone, such as `America/New_York`.
    pub zone: String,
    /// Days of daily hours; every day if absent.
    pub days: Option<Vec<String>>,
    /// Days of weekly hours: the one that they begin on, and the one that they end on.
    pub week: Option<(String, String)>,
    /// Local time, `HH:MM` or `HH:MM:SS`.
    pub start: String,
    /// Local time; on the next day if it is not behind `start`.
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

impl SessionConfig {
    /// Its hours; `None` when it is open always.
    ///
    /// # Errors
    /// The zone, a day or a time is none.
    pub fn schedule(&self) -> Result<Option<Schedule>, ConfigError> {
        let Some(hours) = &self.hours else { return Ok(None) };
        let key = format!("session.{}.hours", self.comp_id);
        if hours.week.is_some() && hours.days.is_some() {
            return wrong(key, "either days or week");
        }
        hours.schedule().map(Some).or_else(|reason| wrong(key, reason.to_string()))
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

    /// Checks a session by itself, and against the names of all accounts and the other sessions.
    pub(super) fn check(&self, accounts: &[&str], sessions: &[Self]) -> Result<(), ConfigError> {
        let key = |name: &str| format!("session.{}.{name}", self.comp_id);
        let known = accounts.contains(&self.account.as_str());
        if self.is_drop_copy() && !self.account.is_empty() {
            return wrong(key("account"), "a drop copy has none");
        }
        if !self.is_drop_copy() && !known {
            return wrong(key("account"), format!("no account is called {:?}", self.account));
        }
        for name in &self.drop_copy_of {
            let trades = |one: &Self| one.comp_id == *name && one.drop_copy_of.is_empty();
            if !sessions.iter().any(trades) {
                return wrong(key("drop_copy_of"), format!("no session {name:?} trades"));
            }
        }
        if self.cancel_on_disconnect().grace_ns > rutter_clients::config::GRACE_NS_MAX {
            return wrong(key("cancel_grace_ms"), "more than an hour");
        }
        if !self.unchecked.is_empty() && !self.validate_messages {
            return wrong(key("unchecked"), "nothing is checked: validate_messages is not set");
        }
        self.schedule()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

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
