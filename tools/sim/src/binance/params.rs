//! Named request parameters, from a query, a form body or JSON.
//!
//! A line belongs here if it splits text into parameters or joins them for signing.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::error::ApiError;

/// Parameters of one request.
pub const PARAMS_MAX: usize = 100;

/// Parameters by name; an empty value counts as not sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Params(BTreeMap<String, String>);

impl Params {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    pub fn need(&self, name: &str) -> Result<&str, ApiError> {
        self.get(name).ok_or_else(|| ApiError::missing(name))
    }

    /// An integer, or `default` if absent.
    pub fn number(&self, name: &str, default: u64) -> Result<u64, ApiError> {
        self.optional_number(name).map(|n| n.unwrap_or(default))
    }

    pub fn optional_number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let parse = |text: &str| text.parse().map_err(|_| ApiError::illegal(name));
        self.get(name).map(parse).transpose()
    }

    /// Adds percent-encoded `name=value&...` text.
    pub fn add_encoded(&mut self, text: &str) -> Result<(), ApiError> {
        for part in text.split('&').filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let name = unescape(name).ok_or_else(|| ApiError::illegal("name"))?;
            let value = unescape(value).ok_or_else(|| ApiError::illegal(&name))?;
            self.add(name, value)?;
        }
        Ok(())
    }

    /// Adds the members of a JSON object; numbers and flags keep their text.
    pub fn from_json(members: BTreeMap<String, Box<RawValue>>) -> Result<Self, ApiError> {
        let mut params = Self::default();
        for (name, raw) in members {
            let text = raw.get();
            let value = if text.starts_with('"') {
                serde_json::from_str(text).map_err(|_| ApiError::illegal(&name))?
            } else if text == "null" {
                String::new()
            } else {
                text.to_owned()
            };
            params.add(name, value)?;
        }
        Ok(params)
    }

    fn add(&mut self, name: String, value: String) -> Result<(), ApiError> {
        if self.0.len() >= PARAMS_MAX {
            return Err(ApiError::new(-1101, "Too many parameters sent for this endpoint."));
        }
        if self.0.contains_key(&name) {
            let text = format!("Duplicate values for parameter '{name}' detected.");
            return Err(ApiError::new(-1101, text));
        }
        self.0.insert(name, value);
        Ok(())
    }

    /// Refuses parameters that the endpoint does not know.
    pub fn check_known(&self, known: &[&str]) -> Result<(), ApiError> {
        let read = self.0.keys().filter(|name| known.contains(&name.as_str())).count();
        if read == self.0.len() {
            return Ok(());
        }
        let text = format!(
            "Not all sent parameters were read; read '{read}' parameter(s) but was sent '{}'.",
            self.0.len()
        );
        Err(ApiError::new(-1104, text))
    }

    /// The signed text of a WebSocket API request: all parameters but `signature`, sorted by name,
    /// not encoded.
    pub fn signing_text(&self) -> String {
        let mut text = String::new();
        for (name, value) in self.0.iter().filter(|(name, _)| *name != "signature") {
            if !text.is_empty() {
                text.push('&');
            }
            text.push_str(name);
            text.push('=');
            text.push_str(value);
        }
        text
    }
}

/// Splits the signature, which must come last, off the query or the body of a REST request. Returns
/// the signed text and the decoded signature.
pub(super) fn split_signature(query: &str, body: &str) -> Option<(String, String)> {
    let cut = |text: &str| {
        let at = if text.starts_with("signature=") { 0 } else { text.rfind("&signature=")? + 1 };
        let signature = text.get(at + "signature=".len()..)?;
        if signature.contains('&') {
            return None;
        }
        Some((text.get(..at.saturating_sub(1))?.to_owned(), unescape(signature)?))
    };
    match cut(body) {
        Some((body, signature)) => Some((format!("{query}{body}"), signature)),
        None => cut(query).map(|(query, signature)| (format!("{query}{body}"), signature)),
    }
}

/// Undoes percent-encoding; `None` if the encoding is broken or the result is not UTF-8.
pub(super) fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                bytes.push((high << 4 | low) as u8);
            }
            b'+' => bytes.push(b' '),
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).ok()
}
