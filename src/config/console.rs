//! The `[console]` section: the operators' socket, and the roles of its users.
//!
//! A line belongs here if it reads or checks that section.

use std::path::PathBuf;

use rustix::process::geteuid;
use rutter_admin::console::TotpVerifier;
use rutter_admin::console::people::{Role, RoleTable};
use rutter_admin::console::service::TwoPerson;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::finding::{Fault, Findings, KeyError};
use super::secret::read_secret_text;

/// Most users and groups of one role.
const NAMES_MAX: usize = 256;

/// `[console]`
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsoleConfig {
    /// Path of the Unix socket. Its folder is made 0700.
    pub socket: PathBuf,
    /// Users (name or uid) and groups (`@` and name or gid) that may only read.
    #[serde(default)]
    #[schemars(length(max = NAMES_MAX))]
    pub viewers: Vec<String>,
    /// Users and groups that may halt, cancel and resume.
    #[serde(default)]
    #[schemars(length(max = NAMES_MAX))]
    pub operators: Vec<String>,
    /// Users and groups that may do everything. The user who runs the node is always one of them.
    #[serde(default)]
    #[schemars(length(max = NAMES_MAX))]
    pub admins: Vec<String>,
    /// Commands that need a second person.
    #[serde(default)]
    #[schemars(length(max = 3))]
    pub two_person: Vec<TwoPersonRule>,
    /// Environment variable with the TOTP secret (base32). With a secret `resume` needs a one-time
    /// code.
    pub totp_secret_env: Option<String>,
    /// File with the TOTP secret (base32); not beside `totp_secret_env`.
    pub totp_secret_file: Option<PathBuf>,
}

/// What one alone may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TwoPersonRule {
    /// Cancelling everything, or all of a venue or an instrument.
    CancelAll,
    /// Making a limit wider.
    LimitsRaise,
    /// Adding accounts and sessions to a running node.
    Reload,
}

impl ConsoleConfig {
    /// The role of each user and group.
    ///
    /// # Errors
    /// The first name that the system does not know.
    pub fn people(&self) -> Result<RoleTable, KeyError> {
        let mut people = RoleTable::own(geteuid().as_raw());
        for (key, names, role) in self.roles() {
            for name in names {
                people
                    .give(name, role)
                    .map_err(|error| KeyError::new(key, Fault::NotDeclared, error.to_string()))?;
            }
        }
        Ok(people)
    }

    const fn roles(&self) -> [(&'static str, &Vec<String>, Role); 3] {
        [
            ("viewers", &self.viewers, Role::Viewer),
            ("operators", &self.operators, Role::Operator),
            ("admins", &self.admins, Role::Admin),
        ]
    }

    /// Checks the section: every name, and the secret of one-time codes.
    pub(super) fn check(&self, findings: &mut Findings) {
        let mut people = RoleTable::own(geteuid().as_raw());
        for (key, names, role) in self.roles() {
            for (at, name) in names.iter().enumerate() {
                if let Err(error) = people.give(name, role) {
                    let path = format!("console.{key}[{at}]");
                    findings.add(&path, Fault::NotDeclared, error.to_string());
                }
            }
        }
        if let Err(error) = self.codes() {
            findings.add_key("console", error);
        }
    }

    /// What one alone may not do.
    pub fn two_person(&self) -> TwoPerson {
        let has = |rule| self.two_person.contains(&rule);
        TwoPerson {
            cancel_all: has(TwoPersonRule::CancelAll),
            limits_raise: has(TwoPersonRule::LimitsRaise),
            reload: has(TwoPersonRule::Reload),
        }
    }

    /// What checks the codes that `resume` needs, if it needs any.
    ///
    /// # Errors
    /// The secret cannot be read, or is none; it is not shown.
    pub fn codes(&self) -> Result<Option<TotpVerifier>, KeyError> {
        const FILE: &str = "totp_secret_file";
        const VARIABLE: &str = "totp_secret_env";
        let (key, secret): (_, Zeroizing<String>) =
            match (&self.totp_secret_env, &self.totp_secret_file) {
                (None, None) => return Ok(None),
                (Some(_), Some(_)) => {
                    return Err(KeyError::new(FILE, Fault::Conflict, "not beside totp_secret_env"));
                }
                (Some(name), None) => {
                    let unset = |_| {
                        KeyError::new(
                            VARIABLE,
                            Fault::Unreadable,
                            "no environment variable of this name is set",
                        )
                    };
                    (VARIABLE, std::env::var(name).map_err(unset)?.into())
                }
                (None, Some(path)) => {
                    let unreadable = |reason| KeyError::new(FILE, Fault::Unreadable, reason);
                    (FILE, read_secret_text(path).map_err(unreadable)?)
                }
            };
        TotpVerifier::new(&secret, crate::clock::unix_ns() / 1_000_000_000)
            .map(Some)
            .map_err(|reason| KeyError::new(key, Fault::BadSecret, reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<ConsoleConfig, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn names_rules_and_secrets_are_checked_before_the_node_runs() {
        let sound = "socket = \"c/c.sock\"\nviewers = [\"4242\"]\ntwo_person = [\"cancel-all\"]\n";
        let console = parsed(sound).expect("sound");
        assert!(console.people().is_ok() && matches!(console.codes(), Ok(None)));
        assert_eq!(
            console.two_person(),
            TwoPerson { cancel_all: true, limits_raise: false, reload: false }
        );
        assert!(parsed("socket = \"x\"\ntwo_person = [\"halt\"]\n").is_err());
        assert!(parsed("socket = \"x\"\nroles = 1\n").is_err());
        let unknown = parsed("socket = \"x\"\nadmins = [\"no-such-user\"]\n").expect("read");
        let error = unknown.people().expect_err("refused").to_string();
        assert!(error.contains("admins") && error.contains("no-such-user"), "{error}");
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("secret");
        std::fs::write(&file, "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n").expect("written");
        let with_file = format!("socket = \"x\"\ntotp_secret_file = {file:?}\n");
        let console = parsed(&with_file).expect("read");
        assert!(matches!(console.codes(), Ok(Some(_))));
        std::fs::write(&file, "hunter2!").expect("written");
        let error = console.codes().err().expect("refused").to_string();
        assert!(!error.contains("hunter2"), "{error}");
    }
}
