//! Parameters of a request, from WebSocket (JSON) or REST (form or JSON). Numbers stay text.
//!
//! A line belongs here if it reads a parameter without knowing its meaning.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::error::KrakenError;

/// Longest request text, in bytes.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// Most elements of a list parameter.
pub const LIST_MAX: usize = 200;

/// Parameters by name; the values are JSON text.
#[derive(Clone, Debug, Default)]
pub struct Params {
    values: BTreeMap<String, String>,
    /// Whether numbers and booleans may be plain text, as in REST forms. WebSocket demands JSON
    /// types.
    form: bool,
}

impl Params {
    /// Reads a JSON object.
    ///
    /// # Errors
    /// [`KrakenError::InvalidArguments`] if the text is not a JSON object.
    pub fn json(text: &str) -> Result<Self, KrakenError> {
        let raw: BTreeMap<String, &RawValue> =
            serde_json::from_str(text).map_err(|_| KrakenError::InvalidArguments(""))?;
        let values = raw.into_iter().map(|(name, value)| (name, value.get().to_owned())).collect();
        Ok(Self { values, form: false })
    }

    /// Reads `a=b&c=d` with percent escapes.
    ///
    /// # Errors
    /// [`KrakenError::InvalidArguments`] for a bad escape or a repeated name.
    pub fn form(text: &str) -> Result<Self, KrakenError> {
        let mut values = BTreeMap::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = unescape(name).ok_or(KrakenError::InvalidArguments(""))?;
            let value = unescape(value).ok_or(KrakenError::InvalidArguments(""))?;
            if values.insert(name, value).is_some() {
                return Err(KrakenError::InvalidArguments(""));
            }
        }
        Ok(Self { values, form: true })
    }

    /// Like [`Params::json`], for a REST body: plain values become text, as in a form.
    ///
    /// # Errors
    /// The errors of [`Params::json`].
    pub fn json_body(text: &str) -> Result<Self, KrakenError> {
        let mut params = Self::json(text)?;
        for value in params.values.values_mut() {
            if let Ok(text) = serde_json::from_str::<String>(value) {
                *value = text;
            }
        }
        params.form = true;
        Ok(params)
    }

    /// Refuses unknown parameters.
    ///
    /// # Errors
    /// [`KrakenError::InvalidArguments`].
    pub fn only(&self, known: &[&str]) -> Result<(), KrakenError> {
        let strange = self.values.keys().any(|name| !known.contains(&name.as_str()));
        if strange { Err(KrakenError::InvalidArguments("")) } else { Ok(()) }
    }

    /// Whether a parameter is present.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// A value as it was written.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// A text; `None` if absent.
    ///
    /// # Errors
    /// [`KrakenError::InvalidArguments`] if the value is not a JSON text.
    pub fn text(&self, name: &'static str) -> Result<Option<String>, KrakenError> {
        let Some(value) = self.values.get(name) else { return Ok(None) };
        if self.form {
            return Ok(Some(value.clone()));
        }
        serde_json::from_str(value).map(Some).map_err(|_| KrakenError::InvalidArguments(name))
    }

    /// A text that must be present.
    ///
    /// # Errors
    /// [`KrakenError::InvalidArguments`].
    pub fn need(&self, name: &'static str) -> Result<String, KrakenError> {
        self.text(name)?.ok_or(KrakenError::InvalidArguments(name))
    }

    /// The text of a number. A JSON text in its place is refused.
    ///
    /// # Errors
    /// [`KrakenError::InvalidArguments`].
    pub fn number(&self, name: &'static str) -> Result<Option<&str>, KrakenError> {
        let Some(value) = self.values.get(name) else { return Ok(None) };
        let numeric = value.bytes().next().is_some_and(|byte| {
            byte.is_ascii_digit() || byte == b'-' || (self.form && byte == b'.')
        });
        if numeric { Ok(Some(value)) } else { Err(KrakenError::InvalidArguments(name)) }
    }

    /// An integer; `None` if absent.
    ///
    /// # Errors
    /// [`KrakenError::InvalidArguments`].
    pub fn integer(&self, name: &'static str) -> Result<Option<i64>, KrakenError> {
        let Some(text) = self.number(name)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| KrakenError::InvalidArguments(name))
    }

    /// A boolean, or a default if absent.
    ///
    /// # Errors
    /// [`KrakenError::InvalidArguments`].
    pub fn flag(&self, name: &'static str, absent: bool) -> Result<bool, KrakenError> {
        match self.raw(name) {
            None => Ok(absent),
            Some("true") => Ok(true),
            Some("false") => Ok(false),
            Some("True" | "1") if self.form => Ok(true),
            Some("False" | "0") if self.form => Ok(false),
            Some(_) => Err(KrakenError::InvalidArguments(name)),
        }
    }

    /// A list of texts; in a form the texts are separated by commas.
    ///
    /// # Errors
    /// [`KrakenError::InvalidArguments`], also for more than [`LIST_MAX`] texts.
    pub fn texts(&self, name: &'static str) -> Result<Vec<String>, KrakenError> {
        let Some(value) = self.values.get(name) else { return Ok(Vec::new()) };
        let texts: Vec<String> = if self.form {
            value.split(',').map(str::to_owned).collect()
        } else {
            serde_json::from_str(value).map_err(|_| KrakenError::InvalidArguments(name))?
        };
        if texts.len() > LIST_MAX {
            return Err(KrakenError::InvalidArguments(name));
        }
        Ok(texts)
    }

    /// A list of objects.
    ///
    /// # Errors
    /// The errors of [`Params::texts`].
    pub fn objects(&self, name: &'static str) -> Result<Vec<Self>, KrakenError> {
        let Some(value) = self.values.get(name) else { return Ok(Vec::new()) };
        let raw: Vec<&RawValue> =
            serde_json::from_str(value).map_err(|_| KrakenError::InvalidArguments(name))?;
        if raw.len() > LIST_MAX {
            return Err(KrakenError::InvalidArguments(name));
        }
        raw.into_iter().map(|object| Self::json(object.get())).collect()
    }
}

fn unescape(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                bytes.push((high * 16 + low) as u8);
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}

/// A JSON text literal.
pub fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn websocket_insists_on_json_types_and_forms_do_not() {
        let json = Params::json(r#"{"a":"x","n":1.50,"b":true,"l":["p","q"]}"#).expect("object");
        assert_eq!(json.number("n"), Ok(Some("1.50")));
        assert_eq!(json.number("a"), Err(KrakenError::InvalidArguments("a")));
        assert_eq!(json.text("n"), Err(KrakenError::InvalidArguments("n")));
        assert_eq!(json.flag("b", false), Ok(true));
        assert_eq!(json.flag("a", false), Err(KrakenError::InvalidArguments("a")));
        assert_eq!(json.texts("l").map(|all| all.len()), Ok(2));
        let form = Params::form("n=1.5&b=True&s=XBT%2FUSD+x").expect("form");
        assert_eq!(form.number("n"), Ok(Some("1.5")));
        assert_eq!(form.flag("b", false), Ok(true));
        assert_eq!(form.text("s"), Ok(Some("XBT/USD x".to_owned())));
        assert!(Params::form("a=1&a=2").is_err() && Params::form("a=%zz").is_err());
        assert!(Params::json("[1]").is_err() && Params::json("").is_err());
        assert!(json.only(&["a", "n", "b"]).is_err());
    }
}
