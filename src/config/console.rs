//! The `[console]` section: the operators' socket, and the roles of its users.

use std::path::PathBuf;

use rustix::process::geteuid;
use rutter_admin::console::TotpVerifier;
use rutter_admin::console::people::{Role, RoleTable};
use rutter_admin::console::service::TwoPerson;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::error::{ConfigError, wrong};
use super::secret::read_secret_text;

/// `[console]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsoleConfig {
    /// The Unix socket. Its folder is made 0700.
    pub socket: PathBuf,
    /// Viewers: users (name or uid) and groups (`@` and name or gid) that may only read.
    #[serde(default)]
    pub viewers: Vec<String>,
    /// Operators: users and groups that may halt, cancel and resume.
    #[serde(default)]
    pub operators: Vec<String>,
    /// Admins: users and groups that may do everything. The user who runs the node is always one.
    #[serde(default)]
    pub admins: Vec<String>,
    /// What needs a second person.
    #[serde(default)]
    pub two_person: Vec<TwoPersonRule>,
    /// Environment variable with the TOTP secret (base32) that `resume` asks for.
    pub totp_secret_env: Option<String>,
    /// File with the TOTP secret, base32.
    pub totp_secret_file: Option<PathBuf>,
}

/// What one alone may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TwoPersonRule {
    /// Cancelling everything, or all of a venue or an instrument.
    CancelAll,
    /// Making a limit wider.
    LimitsRaise,
}

impl ConsoleConfig {
    /// The role of each user and group.
    ///
    /// # Errors
    /// A name that the system does not know.
    pub fn people(&self) -> Result<RoleTable, ConfigError> {
        let mut people = RoleTable::own(geteuid().as_raw());
        let lists = [
            ("viewers", &self.viewers, Role::Viewer),
            ("operators", &self.operators, Role::Operator),
            ("admins", &self.admins, Role::Admin),
        ];
        for (key, names, role) in lists {
            for name in names {
                people
                    .give(name, role)
                    .or_else(|error| wrong(format!("console.{key}"), error.to_string()))?;
            }
        }
        Ok(people)
    }

    /// What one alone may not do.
    pub fn two_person(&self) -> TwoPerson {
        let has = |rule| self.two_person.contains(&rule);
        TwoPerson {
            cancel_all: has(TwoPersonRule::CancelAll),
            limits_raise: has(TwoPersonRule::LimitsRaise),
        }
    }

    /// What checks the codes that `resume` needs, if it needs any.
    ///
    /// # Errors
    /// The secret cannot be read, or is none; it is not shown.
    pub fn codes(&self) -> Result<Option<TotpVerifier>, ConfigError> {
        let from_file = self.totp_secret_file.is_some();
        let key = if from_file { "console.totp_secret_file" } else { "console.totp_secret_env" };
        let secret: Zeroizing<String> = match (&self.totp_secret_env, &self.totp_secret_file) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return wrong("console.totp_secret_file", "not beside totp_secret_env");
            }
            (Some(name), None) => std::env::var(name)
                .or_else(|_| wrong("console.totp_secret_env", format!("{name} is not set")))?
                .into(),
            (None, Some(path)) => read_secret_text(path)
                .or_else(|reason| wrong("console.totp_secret_file", reason))?,
        };
        TotpVerifier::new(&secret, crate::clock::unix_ns() / 1_000_000_000)
            .map(Some)
            .or_else(|reason| wrong(key, reason))
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
        assert_eq!(console.two_person(), TwoPerson { cancel_all: true, limits_raise: false });
        assert!(parsed("socket = \"x\"\ntwo_person = [\"halt\"]\n").is_err());
        assert!(parsed("socket = \"x\"\nroles = 1\n").is_err());
        let unknown = parsed("socket = \"x\"\nadmins = [\"no-such-user\"]\n").expect("read");
        let error = unknown.people().expect_err("refused").to_string();
        assert!(error.contains("console.admins") && error.contains("no-such-user"), "{error}");
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
