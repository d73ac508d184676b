//! One attempt to deliver a message: the body, its signature, the request, and the meaning of the
//! answer.
//!
//! A line belongs here if it makes or reads HTTP. `queue` decides when to try; `docs/alerts.md` is
//! the contract for receivers.

use std::fmt::Write as _;

use ring::{digest, hmac};
use rutter_transport::http;
use rutter_transport::secret::Secret;
use rutter_transport::tls::{ClientTls, TlsError};
use serde::Serialize;
use ureq::http::HeaderMap;

use super::conditions::Severity;
use super::queue::Outcome;
use super::state::{Message, Reason};
use crate::config::Webhook;

/// Version of the body's format.
pub const BODY_VERSION: u32 = 1;

/// The HMAC-SHA256 of the body, as `sha256=` and 64 hexadecimal digits.
pub const SIGNATURE_HEADER: &str = "rutter-signature";

/// The message's id: the same in each attempt.
pub const ID_HEADER: &str = "rutter-message";

/// Header with which a webhook acknowledges an alert; its value is `true`.
pub const ACKNOWLEDGED_HEADER: &str = "rutter-acknowledged";

const MS_NS: u64 = 1_000_000;
const S_NS: u64 = 1_000_000_000;

/// Bytes of a hash that a fingerprint shows.
const FINGERPRINT_BYTES: usize = 8;

/// The node that sends a message.
#[derive(Clone, Debug)]
pub struct AlertSource {
    /// The node's name.
    pub node: String,
    /// When the node's process began, nanoseconds since the Unix epoch.
    pub started_ns: u64,
}

/// The posted body. Within one `version` its fields keep their names and meaning.
#[derive(Clone, Debug, Serialize)]
pub struct Body<'a> {
    version: u32,
    id: String,
    node: &'a str,
    node_version: &'a str,
    node_started_ms: u64,
    alert: &'static str,
    severity: Severity,
    subject: &'a str,
    fingerprint: String,
    state: &'static str,
    reason: Reason,
    since_ms: u64,
    fired_ms: u64,
    now_ms: u64,
    value: &'a str,
    rule: String,
    hold_s: u64,
    runbook: String,
    journal_seq: u64,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // A string takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl<'a> Body<'a> {
    /// The body of a message.
    pub fn new(source: &'a AlertSource, message: &'a Message) -> Self {
        let condition = message.condition;
        let alert = condition.name();
        let about = format!("{}\n{alert}\n{}", source.node, message.subject);
        let hash = digest::digest(&digest::SHA256, about.as_bytes());
        let fingerprint = hex(hash.as_ref().get(..FINGERPRINT_BYTES).unwrap_or_default());
        let (state, word) = match message.reason {
            Reason::Fired => ("firing", "f"),
            Reason::Repeated => ("firing", "r"),
            Reason::Escalated => ("firing", "e"),
            Reason::Resolved => ("resolved", "o"),
        };
        Self {
            version: BODY_VERSION,
            id: format!("{fingerprint}-{:x}-{word}", message.made_ns),
            node: &source.node,
            node_version: env!("CARGO_PKG_VERSION"),
            node_started_ms: source.started_ns / MS_NS,
            alert,
            severity: condition.severity(),
            subject: &message.subject,
            fingerprint,
            state,
            reason: message.reason,
            since_ms: message.since_ns / MS_NS,
            fired_ms: message.fired_ns / MS_NS,
            now_ms: message.made_ns / MS_NS,
            value: &message.value,
            rule: condition.expression(),
            hold_s: condition.hold_s(),
            runbook: condition.runbook(),
            journal_seq: message.journal_seq,
        }
    }
}

/// Result of one attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Result for the queue.
    pub outcome: Outcome,
    /// Somebody has taken the alert up.
    pub acknowledged: bool,
    /// For the log: the HTTP status or our own word, never text of the webhook.
    pub what: String,
}

/// Posts to one webhook. A call blocks at most for its timeout.
pub struct Post {
    url: Secret,
    headers: Vec<(String, Secret)>,
    key: Option<hmac::Key>,
    agent: ureq::Agent,
}

impl Post {
    /// For one webhook.
    ///
    /// # Errors
    /// [`TlsError`] about its authorities.
    pub fn new(webhook: &Webhook) -> Result<Self, TlsError> {
        let tls = ClientTls::load(webhook.ca_file.as_deref())?;
        let key = |secret: &Secret| hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
        Ok(Self {
            url: webhook.url.clone(),
            headers: webhook.headers.clone(),
            key: webhook.hmac_secret.as_ref().map(key),
            agent: http::agent(&tls, webhook.timeout),
        })
    }

    /// Makes one attempt to deliver a message.
    pub fn attempt(&self, source: &AlertSource, message: &Message) -> Answer {
        let body = Body::new(source, message);
        let Ok(bytes) = serde_json::to_vec(&body) else {
            return refused("the body cannot be written");
        };
        // A kept connection may be closed by the next alert.
        let mut call = self
            .agent
            .post(self.url.expose())
            .header("connection", "close")
            .header("content-type", "application/json")
            .header(ID_HEADER, &body.id);
        for (name, value) in &self.headers {
            call = call.header(name, value.expose());
        }
        if let Some(key) = &self.key {
            let signature = format!("sha256={}", hex(hmac::sign(key, &bytes).as_ref()));
            call = call.header(SIGNATURE_HEADER, signature);
        }
        // Only the head of the answer is read.
        match call.send(&bytes[..]) {
            Ok(response) => answer(response.status().as_u16(), response.headers()),
            Err(error) => failed(word(&error), 0),
        }
    }
}

fn refused(what: impl Into<String>) -> Answer {
    Answer { outcome: Outcome::Refused, acknowledged: false, what: what.into() }
}

fn failed(what: impl Into<String>, retry_after_ns: u64) -> Answer {
    let outcome = Outcome::Failed { retry_after_ns };
    Answer { outcome, acknowledged: false, what: what.into() }
}

/// The result of an HTTP status. Redirects are not followed: an alert goes only to the configured
/// address.
fn answer(status: u16, headers: &HeaderMap) -> Answer {
    let what = format!("status {status}");
    match status {
        200..=299 => {
            let said = headers.get(ACKNOWLEDGED_HEADER);
            let acknowledged = said.is_some_and(|value| value.as_bytes() == b"true");
            Answer { outcome: Outcome::Delivered, acknowledged, what }
        }
        408 | 429 | 500..=599 => {
            let wish = headers.get("retry-after").and_then(|value| value.to_str().ok());
            let wish_s = wish.and_then(|text| text.trim().parse::<u32>().ok()).unwrap_or(0);
            failed(what, u64::from(wish_s) * S_NS)
        }
        _ => refused(what),
    }
}

/// Our own word for an error: the error's text may contain the address.
fn word(error: &ureq::Error) -> &'static str {
    match error {
        ureq::Error::Timeout(_) => "no answer in time",
        ureq::Error::HostNotFound => "the host has no address",
        ureq::Error::ConnectionFailed => "no connection",
        ureq::Error::Io(error) => match error.kind() {
            std::io::ErrorKind::ConnectionRefused => "the connection was refused",
            std::io::ErrorKind::TimedOut => "no answer in time",
            std::io::ErrorKind::ConnectionReset => "the connection was reset",
            _ => "the connection failed",
        },
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Pem(_) => "TLS failed",
        ureq::Error::LargeResponseHeader(..) => "the head of the answer is too long",
        ureq::Error::Protocol(_) | ureq::Error::Http(_) => "the answer is not HTTP",
        _ => "the request failed",
    }
}

#[cfg(test)]
mod tests {
    use super::super::conditions::Condition;
    use super::*;
    use ureq::http::HeaderValue;

    fn message(subject: &str) -> Message {
        Message {
            reason: Reason::Fired,
            condition: Condition::VenueDown,
            subject: subject.to_owned(),
            since_ns: 1_700_000_000_000_000_000,
            fired_ns: 1_700_000_010_000_000_000,
            made_ns: 1_700_000_010_000_000_000,
            value: "not up".to_owned(),
            journal_seq: 42,
        }
    }

    #[test]
    fn the_body_is_what_the_document_shows() {
        let source =
            AlertSource { node: "RUTTER".to_owned(), started_ns: 1_699_999_000_000_000_000 };
        let message = message("kraken");
        let body = serde_json::to_value(Body::new(&source, &message)).expect("JSON");
        let document = include_str!("../../../docs/alerts.md");
        let shown = document.split("```json\n").nth(1).and_then(|rest| rest.split("```").next());
        let mut shown: serde_json::Value =
            serde_json::from_str(shown.expect("an example")).expect("JSON");
        shown["node_version"] = env!("CARGO_PKG_VERSION").into();
        assert_eq!(body, shown);
    }

    #[test]
    fn a_fingerprint_tells_nodes_alerts_and_subjects_apart_and_not_messages() {
        let source = |node: &str| AlertSource { node: node.to_owned(), started_ns: 0 };
        let of = |node: &str, message: &Message| Body::new(&source(node), message).fingerprint;
        let first = of("a", &message("kraken"));
        assert_eq!(first.len(), 16);
        assert_eq!(first, of("a", &Message { made_ns: 9, ..message("kraken") }));
        assert_ne!(first, of("b", &message("kraken")));
        assert_ne!(first, of("a", &message("binance")));
        let other = Message { condition: Condition::NoVenue, ..message("kraken") };
        assert_ne!(first, of("a", &other));
    }

    #[test]
    fn each_status_is_delivered_refused_or_tried_again() {
        let mut headers = HeaderMap::new();
        headers.insert("retry-after", HeaderValue::from_static("7"));
        for status in [200, 202, 204] {
            assert_eq!(answer(status, &headers).outcome, Outcome::Delivered);
        }
        for status in [301, 302, 307, 400, 401, 404, 410, 999] {
            assert_eq!(answer(status, &headers).outcome, Outcome::Refused, "{status}");
        }
        for status in [408, 429, 500, 503] {
            let wish = Outcome::Failed { retry_after_ns: 7 * S_NS };
            assert_eq!(answer(status, &headers).outcome, wish, "{status}");
        }
        headers.insert("retry-after", HeaderValue::from_static("Wed, 21 Oct 2026 07:28:00 GMT"));
        assert_eq!(answer(503, &headers).outcome, Outcome::Failed { retry_after_ns: 0 });
    }

    #[test]
    fn an_acknowledgement_counts_only_with_success() {
        let mut headers = HeaderMap::new();
        assert!(!answer(200, &headers).acknowledged);
        headers.insert(ACKNOWLEDGED_HEADER, HeaderValue::from_static("true"));
        assert!(answer(200, &headers).acknowledged);
        assert!(!answer(500, &headers).acknowledged);
    }
}
