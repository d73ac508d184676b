//! `[alerts]`: webhooks that receive alerts, their repetition, escalation and secrets.
//!
//! A line belongs here if it reads or checks that section. `alerts` decides which alerts are sent.
//!
//! An address may hold a token and a header may be one: neither shows in a log, an error or the
//! configuration's hash; only scheme, host and port do.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rutter_transport::secret::Secret;
use rutter_transport::tls::ClientTls;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use ureq::http::{HeaderName, HeaderValue, Uri};

use super::finding::{Fault, Findings};
use super::secret::{masked, read_secret, secret};
use crate::watch::alerts::conditions::Severity;
use crate::watch::alerts::queue::RetryPolicy;
use crate::watch::alerts::state::{Policy, Route};

/// Most webhooks in the configuration.
pub const WEBHOOKS_MAX: usize = 8;

/// Most additional headers of one webhook.
pub const HEADERS_MAX: usize = 8;

/// Longest name of a webhook, bytes.
pub const NAME_BYTES_MAX: usize = 24;

/// Shortest secret for signatures: nobody has to type it.
pub const HMAC_SECRET_BYTES_MIN: usize = 32;

/// Headers that are ours to set.
const HEADERS_TAKEN: [&str; 6] =
    ["connection", "content-length", "content-type", "host", "transfer-encoding", "user-agent"];

/// Ours begin like this.
const HEADERS_OURS: &str = "rutter-";

/// Why `[alerts]` is refused. No secret and no path of an address is in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlertsError {
    /// None, or more than [`WEBHOOKS_MAX`].
    #[error("alerts.webhook: {0} of them, not 1 to {WEBHOOKS_MAX}")]
    Count(usize),
    /// `alerts.node` is not a valid name.
    #[error("alerts.node: not 1 to 64 printable ASCII characters")]
    Node,
    /// The name of a webhook is not valid.
    #[error("alerts.webhook: {0:?} is not 1 to {NAME_BYTES_MAX} of a-z, 0-9, - and _")]
    Name(String),
    /// Two webhooks have the same name.
    #[error("alerts.webhook: {0:?} is there twice")]
    NameTwice(String),
    /// There must be exactly one of a value, its environment variable and its file.
    #[error("{key}: one of {key}, {key}_env and {key}_file must be there")]
    OneOf {
        /// The configuration key, such as `alerts.webhook.desk.url`.
        key: String,
    },
    /// A variable or file that holds a value cannot be read.
    #[error("{key}: {reason}")]
    Unreadable {
        /// The configuration key.
        key: String,
        /// The reason, for a person.
        reason: String,
    },
    /// The address is none that we can post to.
    #[error("{key}: {fault}")]
    Url {
        /// The configuration key.
        key: String,
        /// The fault in the address.
        fault: UrlFault,
    },
    /// A webhook has more than [`HEADERS_MAX`] headers.
    #[error("{key}: {count} of them, at most {HEADERS_MAX}")]
    Headers {
        /// The configuration key.
        key: String,
        /// Number of headers.
        count: usize,
    },
    /// A header has no name that may be set, or its value is not ASCII in one line.
    #[error("{key}: not a header, or one that is not yours to set")]
    Header {
        /// The configuration key.
        key: String,
    },
    /// A secret is too short.
    #[error("{key}: shorter than {HMAC_SECRET_BYTES_MIN} characters")]
    ShortSecret {
        /// The configuration key.
        key: String,
    },
    /// The webhook would never receive a message.
    #[error("alerts.webhook.{0}.severities: empty, and nobody escalates to it")]
    Idle(String),
    /// A webhook escalates to a name that does not exist.
    #[error("alerts.webhook.{name}.escalate_to: no webhook is called {to:?}")]
    EscalationUnknown {
        /// Name of the webhook.
        name: String,
        /// The unknown name.
        to: String,
    },
    /// A webhook escalates to itself.
    #[error("alerts.webhook.{0}.escalate_to: itself")]
    EscalationToItself(String),
    /// The escalation of a webhook leads back to that webhook.
    #[error("alerts.webhook.{0}.escalate_to: leads back to it")]
    EscalationCircle(String),
    /// The longest wait between attempts is shorter than the first one.
    #[error("alerts.webhook.{0}.retry_max_ms: less than retry_min_ms")]
    RetryOrder(String),
}

impl AlertsError {
    /// The kind of the error.
    const fn fault(&self) -> Fault {
        match self {
            Self::Count(_) | Self::Headers { .. } => Fault::OutOfRange,
            Self::Node | Self::Name(_) | Self::Header { .. } => Fault::BadName,
            Self::NameTwice(_) => Fault::Duplicate,
            Self::OneOf { .. } | Self::Idle(_) => Fault::Conflict,
            Self::Unreadable { .. } => Fault::Unreadable,
            Self::Url { .. } => Fault::BadAddress,
            Self::ShortSecret { .. } => Fault::BadSecret,
            Self::EscalationUnknown { .. } => Fault::NotDeclared,
            Self::EscalationToItself(_) | Self::EscalationCircle(_) | Self::RetryOrder(_) => {
                Fault::Conflict
            }
        }
    }

    /// The text behind the key.
    fn reason(&self) -> String {
        let text = self.to_string();
        text.split_once(": ").map_or(text.clone(), |(_, reason)| reason.to_owned())
    }

    /// The key in its webhook's table, after a dot; empty if the error is about the table.
    fn key_in_webhook(&self) -> String {
        let text = self.to_string();
        let key = text.split_once(": ").map_or("", |(key, _)| key);
        key.rsplit_once('.')
            .filter(|_| key.matches('.').count() > 2)
            .map_or_else(String::new, |(_, last)| format!(".{last}"))
    }
}

/// The fault in a webhook's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UrlFault {
    /// The text is not a URL.
    #[error("not an address")]
    Garbled,
    /// Neither `http` nor `https`.
    #[error("the scheme is neither http nor https")]
    Scheme,
    /// There is no host.
    #[error("no host")]
    Host,
    /// `user:password@` belongs into a header.
    #[error("a user in the address: use a header")]
    User,
}

/// `[alerts]`
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AlertsConfig {
    /// Name of the node in messages; `fix.sender_comp_id` if absent.
    pub node: Option<String>,
    /// Seconds between two messages about an alert that keeps firing.
    #[serde(default = "repeat")]
    #[schemars(range(min = 10, max = 604_800))]
    pub repeat_s: u32,
    /// An alert is over when its condition has not held for this many seconds.
    #[serde(default = "resolve_after")]
    #[schemars(range(max = 3_600))]
    pub resolve_after_s: u32,
    /// Time for waiting messages to leave when the node ends, milliseconds.
    #[serde(default = "shutdown")]
    #[schemars(range(max = 30_000))]
    pub shutdown_ms: u32,
    /// The webhooks.
    #[schemars(length(min = 1, max = WEBHOOKS_MAX))]
    pub webhook: Vec<WebhookConfig>,
}

/// `[[alerts.webhook]]`
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Name of this entry in logs, metrics and the console: 1 to 24 of a-z, 0-9, - and _.
    pub name: String,
    /// Address: `https://host:port/path`, or `http`. One of `url`, `url_env` and `url_file` is
    /// there.
    #[serde(
        default,
        deserialize_with = "secret",
        serialize_with = "masked",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "super::schema::secret")]
    pub url: Option<Secret>,
    /// Environment variable that holds the address.
    pub url_env: Option<String>,
    /// File that holds the address.
    pub url_file: Option<PathBuf>,
    /// Severities whose alerts the webhook receives when they fire.
    #[schemars(length(max = 3))]
    pub severities: Vec<Severity>,
    /// Webhook that receives an alert of severity `page` too, unless somebody acknowledges it.
    pub escalate_to: Option<String>,
    /// Seconds until the escalation.
    #[serde(default = "escalate_after")]
    #[schemars(range(min = 1, max = 86_400))]
    pub escalate_after_s: u32,
    /// Environment variable that holds the secret of signatures, at least 32 bytes. Messages are
    /// not signed if neither this nor `hmac_secret_file` is there.
    pub hmac_secret_env: Option<String>,
    /// File that holds the secret of signatures.
    pub hmac_secret_file: Option<PathBuf>,
    /// Additional headers.
    #[serde(default)]
    #[schemars(length(max = HEADERS_MAX))]
    pub header: Vec<HeaderConfig>,
    /// PEM file with the authorities for TLS; the well-known ones if absent.
    pub ca_file: Option<PathBuf>,
    /// Longest time of one attempt, milliseconds.
    #[serde(default = "timeout")]
    #[schemars(range(min = 100, max = 30_000))]
    pub timeout_ms: u32,
    /// Wait before the second attempt, milliseconds. The wait doubles with each further attempt.
    #[serde(default = "retry_min")]
    #[schemars(range(min = 10, max = 60_000))]
    pub retry_min_ms: u32,
    /// Longest wait between two attempts, milliseconds.
    #[serde(default = "retry_max")]
    #[schemars(range(min = 10, max = 600_000))]
    pub retry_max_ms: u32,
    /// Age at which a message is given up, seconds.
    #[serde(default = "age_max")]
    #[schemars(range(min = 1, max = 86_400))]
    pub age_max_s: u32,
}

/// `[[alerts.webhook.header]]`
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HeaderConfig {
    /// Name of the header, such as `Authorization`.
    pub name: String,
    /// Value of the header. One of `value`, `value_env` and `value_file` is there.
    #[serde(
        default,
        deserialize_with = "secret",
        serialize_with = "masked",
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(schema_with = "super::schema::secret")]
    pub value: Option<Secret>,
    /// Environment variable that holds the value of the header.
    pub value_env: Option<String>,
    /// File that holds the value of the header.
    pub value_file: Option<PathBuf>,
}

fn repeat() -> u32 {
    3_600
}
fn resolve_after() -> u32 {
    30
}
fn shutdown() -> u32 {
    3_000
}
fn escalate_after() -> u32 {
    300
}
fn timeout() -> u32 {
    5_000
}
fn retry_min() -> u32 {
    1_000
}
fn retry_max() -> u32 {
    60_000
}
fn age_max() -> u32 {
    900
}

/// A webhook with the values from environment variables and files read.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Name of this entry in logs, metrics and the console.
    pub name: String,
    /// Scheme, host and port: the part of the address that logs may show.
    pub place: String,
    /// Host name or IP address.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// True if the address is `https`.
    pub tls: bool,
    /// The whole address; it may hold a secret.
    pub url: Secret,
    /// Additional headers: name and value.
    pub headers: Vec<(String, Secret)>,
    /// Secret of the HMAC signature; `None` if messages are not signed.
    pub hmac_secret: Option<Secret>,
    /// PEM file with the authorities for TLS; the well-known ones if absent.
    pub ca_file: Option<PathBuf>,
    /// Longest time of one attempt.
    pub timeout: Duration,
    /// Waits between attempts, and the age at which a message is given up.
    pub retry: RetryPolicy,
    /// Which alerts the webhook receives, and its escalation.
    pub route: Route,
}

/// Reads a value from the configuration, an environment variable or a file. `None` if none of them
/// is given.
fn value(
    key: &str,
    text: Option<&Secret>,
    variable: Option<&String>,
    file: Option<&PathBuf>,
) -> Result<Option<Secret>, AlertsError> {
    let unreadable = |end: &str, reason: String| {
        let key = format!("{key}_{end}");
        AlertsError::Unreadable { key, reason }
    };
    match (text, variable, file) {
        (None, None, None) => Ok(None),
        (Some(text), None, None) => Ok(Some(text.clone())),
        (None, Some(name), None) => match std::env::var(name) {
            Ok(text) => Ok(Some(Secret::new(text))),
            // Not even the name: it may be the value, by mistake.
            Err(_) => Err(unreadable("env", "no such variable is set".to_owned())),
        },
        (None, None, Some(path)) => match read_secret(path) {
            Ok(text) => Ok(Some(text)),
            Err(reason) => Err(unreadable("file", reason)),
        },
        _ => Err(AlertsError::OneOf { key: key.to_owned() }),
    }
}

/// TLS, host and port of an address.
fn place(url: &str) -> Result<(bool, String, u16), UrlFault> {
    let uri: Uri = url.parse().map_err(|_| UrlFault::Garbled)?;
    let tls = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(UrlFault::Scheme),
    };
    let authority = uri.authority().ok_or(UrlFault::Host)?;
    if authority.as_str().contains('@') {
        return Err(UrlFault::User);
    }
    if authority.host().is_empty() {
        return Err(UrlFault::Host);
    }
    let port = authority.port_u16();
    // After a colon behind the host there must be a port.
    if port.is_none() && authority.as_str().len() > authority.host().len() {
        return Err(UrlFault::Garbled);
    }
    Ok((tls, authority.host().to_owned(), port.unwrap_or(if tls { 443 } else { 80 })))
}

impl AlertsConfig {
    /// The routing policy of alerts.
    pub fn policy(&self, webhooks: &[Webhook]) -> Policy {
        const S: u64 = 1_000_000_000;
        Policy {
            repeat_ns: u64::from(self.repeat_s) * S,
            resolve_after_ns: u64::from(self.resolve_after_s) * S,
            routes: webhooks.iter().map(|webhook| webhook.route.clone()).collect(),
        }
    }

    /// All webhooks, with their secrets read from variables and files.
    ///
    /// # Errors
    /// The first [`AlertsError`].
    pub fn webhooks(&self) -> Result<Vec<Webhook>, AlertsError> {
        if !(1..=WEBHOOKS_MAX).contains(&self.webhook.len()) {
            return Err(AlertsError::Count(self.webhook.len()));
        }
        self.check_node()?;
        (0..self.webhook.len()).map(|at| self.resolve(at)).collect()
    }

    fn check_node(&self) -> Result<(), AlertsError> {
        let printable = |name: &str| name.bytes().all(|byte| (0x21..0x7f).contains(&byte));
        match &self.node {
            Some(name) if !(1..=64).contains(&name.len()) || !printable(name) => {
                Err(AlertsError::Node)
            }
            _ => Ok(()),
        }
    }

    /// The webhook at a position, with its secrets read.
    fn resolve(&self, at: usize) -> Result<Webhook, AlertsError> {
        let webhook = &self.webhook[at];
        webhook.check_name()?;
        if self.webhook[..at].iter().any(|before| before.name == webhook.name) {
            return Err(AlertsError::NameTwice(webhook.name.clone()));
        }
        self.check_escalation(webhook)?;
        webhook.resolve(self)
    }

    /// Checks the section; one finding a webhook at most.
    pub(super) fn check(&self, findings: &mut Findings) {
        if let Err(error) = self.check_node() {
            findings.add("alerts.node", error.fault(), error.reason());
        }
        for at in 0..self.webhook.len() {
            let path = format!("alerts.webhook[{at}]");
            match self.resolve(at) {
                Ok(webhook) => {
                    if let Err(error) = ClientTls::load(webhook.ca_file.as_deref()) {
                        let path = format!("{path}.ca_file");
                        findings.add(&path, Fault::BadCertificate, error.to_string());
                    }
                }
                Err(error) => {
                    let path = format!("{path}{}", error.key_in_webhook());
                    findings.add(&path, error.fault(), error.reason());
                }
            }
        }
    }

    /// Paths of all files that hold a secret.
    pub fn secret_files(&self) -> impl Iterator<Item = &Path> {
        self.webhook.iter().flat_map(|webhook| {
            let values = webhook.header.iter().filter_map(|header| header.value_file.as_deref());
            [&webhook.url_file, &webhook.hmac_secret_file]
                .into_iter()
                .filter_map(|file| file.as_deref())
                .chain(values)
        })
    }

    /// True if the configuration file itself holds an address or a header value.
    pub fn has_secrets_in_text(&self) -> bool {
        self.webhook.iter().any(|webhook| {
            webhook.url.is_some() || webhook.header.iter().any(|header| header.value.is_some())
        })
    }

    /// Severities that no webhook receives.
    pub fn untold(&self) -> Vec<Severity> {
        let told = |one: &Severity| self.webhook.iter().any(|hook| hook.severities.contains(one));
        Severity::ALL.into_iter().filter(|severity| !told(severity)).collect()
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.webhook.iter().position(|webhook| webhook.name == name)
    }

    fn check_escalation(&self, webhook: &WebhookConfig) -> Result<(), AlertsError> {
        let name = &webhook.name;
        let told = |one: &WebhookConfig| one.escalate_to.as_ref() == Some(name);
        if webhook.severities.is_empty() && !self.webhook.iter().any(told) {
            return Err(AlertsError::Idle(name.clone()));
        }
        let mut next = webhook.escalate_to.as_ref();
        for _ in 0..self.webhook.len() {
            let Some(to) = next else { break };
            let Some(at) = self.position(to) else {
                return Err(AlertsError::EscalationUnknown { name: name.clone(), to: to.clone() });
            };
            if to == name {
                if webhook.escalate_to.as_ref() == Some(name) {
                    return Err(AlertsError::EscalationToItself(name.clone()));
                }
                return Err(AlertsError::EscalationCircle(name.clone()));
            }
            next = self.webhook.get(at).and_then(|one| one.escalate_to.as_ref());
        }
        Ok(())
    }
}

impl WebhookConfig {
    fn check_name(&self) -> Result<(), AlertsError> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b);
        let fits = (1..=NAME_BYTES_MAX).contains(&self.name.len());
        if fits && self.name.bytes().all(allowed) {
            return Ok(());
        }
        Err(AlertsError::Name(self.name.clone()))
    }

    fn resolve(&self, all: &AlertsConfig) -> Result<Webhook, AlertsError> {
        let key = |name: &str| format!("alerts.webhook.{}.{name}", self.name);
        if self.retry_max_ms < self.retry_min_ms {
            return Err(AlertsError::RetryOrder(self.name.clone()));
        }
        let text = self.url.as_ref();
        let url = value(&key("url"), text, self.url_env.as_ref(), self.url_file.as_ref())?
            .ok_or_else(|| AlertsError::OneOf { key: key("url") })?;
        let (tls, host, port) =
            place(url.expose()).map_err(|fault| AlertsError::Url { key: key("url"), fault })?;
        let (variable, file) = (self.hmac_secret_env.as_ref(), self.hmac_secret_file.as_ref());
        let hmac_secret = value(&key("hmac_secret"), None, variable, file)?;
        if hmac_secret.as_ref().is_some_and(|s| s.expose().len() < HMAC_SECRET_BYTES_MIN) {
            return Err(AlertsError::ShortSecret { key: key("hmac_secret") });
        }
        let ms = |ms: u32| u64::from(ms) * 1_000_000;
        let after_ns = u64::from(self.escalate_after_s) * 1_000_000_000;
        let to = self.escalate_to.as_ref().and_then(|to| all.position(to));
        Ok(Webhook {
            name: self.name.clone(),
            place: format!("{}://{host}:{port}", if tls { "https" } else { "http" }),
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            tls,
            url,
            headers: self.headers()?,
            hmac_secret,
            ca_file: self.ca_file.clone(),
            timeout: Duration::from_millis(u64::from(self.timeout_ms)),
            retry: RetryPolicy {
                retry_ns_min: ms(self.retry_min_ms),
                retry_ns_max: ms(self.retry_max_ms),
                age_ns_max: u64::from(self.age_max_s) * 1_000_000_000,
            },
            route: Route {
                severities: self.severities.clone(),
                escalation: to.map(|to| (to, after_ns)),
            },
        })
    }

    fn headers(&self) -> Result<Vec<(String, Secret)>, AlertsError> {
        if self.header.len() > HEADERS_MAX {
            let key = format!("alerts.webhook.{}.header", self.name);
            return Err(AlertsError::Headers { key, count: self.header.len() });
        }
        let each = self.header.iter().map(|header| {
            let key = format!("alerts.webhook.{}.header.{}", self.name, header.name);
            let name = header.name.to_ascii_lowercase();
            let ours = HEADERS_TAKEN.contains(&name.as_str()) || name.starts_with(HEADERS_OURS);
            if ours || HeaderName::from_bytes(name.as_bytes()).is_err() {
                return Err(AlertsError::Header { key });
            }
            let (variable, file) = (header.value_env.as_ref(), header.value_file.as_ref());
            let of = format!("{key}.value");
            let found = value(&of, header.value.as_ref(), variable, file)?
                .ok_or(AlertsError::OneOf { key: of })?;
            match HeaderValue::from_str(found.expose()) {
                Ok(_) => Ok((name, found)),
                Err(_) => Err(AlertsError::Header { key }),
            }
        });
        each.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, ConfigError};

    const CANARY: &str = "canary-of-an-address-or-header-77ab";

    fn parse(section: &str) -> Result<Config, ConfigError> {
        let example = include_str!("../../deploy/example.toml");
        Config::parse(&format!("{example}\n[alerts]\n{section}"))
    }

    fn webhook(more: &str) -> String {
        format!(
            "[[alerts.webhook]]\nname = \"desk\"\nurl = \"https://alerts.example/hook\"\n\
             severities = [\"page\"]\n{more}\n"
        )
    }

    fn refused(section: &str) -> AlertsError {
        let section = format!("[alerts]\n{section}");
        let all: toml::Table = toml::from_str(&section).expect("TOML");
        let alerts: AlertsConfig = all["alerts"].clone().try_into().expect("read");
        let error = alerts.webhooks().expect_err(&section);
        // The file is refused for the same reason.
        let example = include_str!("../../deploy/example.toml");
        let said = Config::parse(&format!("{example}\n{section}")).expect_err("refused");
        assert!(said.to_string().contains(&error.reason()), "{said} without {error}");
        error
    }

    #[test]
    fn a_sound_section_has_defaults_and_shows_no_secret() {
        let header = format!(
            "[[alerts.webhook.header]]\nname = \"Authorization\"\nvalue = \"Bearer {CANARY}\""
        );
        let text = webhook(&header).replace("/hook", &format!("/{CANARY}"));
        let config = parse(&text).expect("sound");
        assert!(!format!("{config:?}").contains(CANARY));
        let alerts = config.alerts.expect("there");
        let webhooks = alerts.webhooks().expect("sound");
        assert!(!format!("{webhooks:?}").contains(CANARY));
        assert_eq!(webhooks[0].place, "https://alerts.example:443");
        assert_eq!(webhooks[0].headers[0].1.expose(), format!("Bearer {CANARY}"));
        assert_eq!(webhooks[0].retry.retry_ns_min, 1_000_000_000);
    }

    #[test]
    fn each_bad_address_has_its_own_word_and_is_not_shown() {
        for (url, fault) in [
            ("ftp://a.example/x", UrlFault::Scheme),
            ("a.example", UrlFault::Scheme),
            ("https://", UrlFault::Garbled),
            ("https://user:word@a.example/", UrlFault::User),
            ("https://a.example:99999/", UrlFault::Garbled),
            ("https://a example/", UrlFault::Garbled),
        ] {
            let url_key = "alerts.webhook.desk.url".to_owned();
            let error = refused(&webhook("").replace("https://alerts.example/hook", url));
            assert_eq!(error, AlertsError::Url { key: url_key, fault }, "{url}");
            assert!(!error.to_string().contains("word"));
        }
    }

    #[test]
    fn escalation_leads_to_somebody_else_and_comes_to_an_end() {
        let name = || "desk".to_owned();
        assert_eq!(
            refused(&webhook("escalate_to = \"desk\"")),
            AlertsError::EscalationToItself(name())
        );
        assert_eq!(
            refused(&webhook("escalate_to = \"boss\"")),
            AlertsError::EscalationUnknown { name: name(), to: "boss".to_owned() }
        );
        let boss = webhook("escalate_to = \"desk\"").replace("name = \"desk\"", "name = \"boss\"");
        let both = format!("{}{boss}", webhook("escalate_to = \"boss\""));
        assert_eq!(refused(&both), AlertsError::EscalationCircle(name()));
        let last = boss.replace("escalate_to = \"desk\"", "").replace("[\"page\"]", "[]");
        assert!(parse(&format!("{}{last}", webhook("escalate_to = \"boss\""))).is_ok());
        assert_eq!(
            refused(&format!("{}{last}", webhook(""))),
            AlertsError::Idle("boss".to_owned())
        );
        // A circle that it is not part of does not keep the check for ever.
        let third = boss.replace("name = \"boss\"", "name = \"x\"");
        let leads = format!("{}{boss}{third}", webhook("escalate_to = \"boss\""));
        assert!(matches!(refused(&leads), AlertsError::EscalationCircle(_)));
    }

    #[test]
    fn values_that_cannot_be_meant_are_refused_each_by_its_key() {
        use AlertsError as E;
        let key = |name: &str| format!("alerts.webhook.desk.{name}");
        let header = |text: &str| webhook(&format!("[[alerts.webhook.header]]\n{text}"));
        let cases = [
            (format!("node = \"\"\n{}", webhook("")), E::Node),
            (webhook("").replace("\"desk\"", "\"Desk\""), E::Name("Desk".to_owned())),
            (webhook("") + &webhook(""), E::NameTwice("desk".to_owned())),
            (webhook("url_env = \"X\""), E::OneOf { key: key("url") }),
            (
                webhook("").replace("url =", "url_env ="),
                E::Unreadable { key: key("url_env"), reason: "no such variable is set".to_owned() },
            ),
            (webhook("retry_min_ms = 50\nretry_max_ms = 40"), E::RetryOrder("desk".to_owned())),
            (header("name = \"Host\"\nvalue = \"x\""), E::Header { key: key("header.Host") }),
            (header("name = \"A\"\nvalue = \"x\\ny\""), E::Header { key: key("header.A") }),
            (header("name = \"A\""), E::OneOf { key: key("header.A.value") }),
        ];
        for (section, error) in cases {
            assert_eq!(refused(&section), error);
        }
        for (section, words) in [
            ("webhook = []".to_owned(), "alerts.webhook: 0 elements, not 1 to 8"),
            (
                webhook("timeout_ms = 5"),
                "alerts.webhook.desk.timeout_ms: 5 is not a whole number from 100 to 30000",
            ),
        ] {
            let said = parse(&section).expect_err("refused").to_string();
            assert!(said.contains(words), "{said}");
        }
    }

    #[test]
    fn an_unknown_severity_and_a_secret_of_the_wrong_type_are_refused_where_they_are() {
        let said = parse(&webhook("").replace("\"page\"", "\"loud\"")).expect_err("refused");
        assert!(said.to_string().contains("loud"), "{said}");
        let said = parse(&webhook("").replace("\"https://alerts.example/hook\"", "[\"token-x\"]"));
        let said = said.expect_err("refused").to_string();
        assert!(said.contains("not a string") && !said.contains("token-x"), "{said}");
    }

    #[test]
    fn secrets_come_from_files_and_short_ones_are_refused() {
        let dir = tempfile::tempdir().expect("folder");
        let path = dir.path().join("secret");
        let section = webhook(&format!("hmac_secret_file = \"{}\"", path.display()));
        assert!(matches!(refused(&section), AlertsError::Unreadable { .. }));
        std::fs::write(&path, "short\n").expect("written");
        assert!(matches!(refused(&section), AlertsError::ShortSecret { .. }));
        std::fs::write(&path, format!("{CANARY}\n")).expect("written");
        let alerts = parse(&section).expect("sound").alerts.expect("there");
        let secret = alerts.webhooks().expect("sound").remove(0).hmac_secret.expect("there");
        assert_eq!(secret.expose(), CANARY);
    }
}
