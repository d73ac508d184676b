//! Parameters of a request, WebSocket (JSON) or REST (form or JSON), with numbers kept as text.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::error::KrakenError;

/// Longest request text.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// Most elements of a list parameter.
pub const LIST_MAX: usize = 200;

/// Parameters by name; values as JSON text.
#[derive(Clone, Debug, Default)]
pub struct Params {
    values: BTreeMap<String, String>,
    /// REST forms carry numbers and booleans as plain text; WebSocket insists on JSON types.
    form: bool,
}

impl Params {
    /// Reads a JSON object.
    ///
    /// # Errors
    /// [`KrakenError::InvalidArguments`] for anything else.
    pub fn json(text: &str) -> Result<Self, KrakenError> {
        let raw: BTreeMap<String, &RawValue> =
            serde_json::from_str(text).map_err(|_| KrakenError::InvalidArguments(""))?;
        let values = raw.into_iter().map(|(name, value)| (name, value.get().to_owned())).collect();
        Ok(Self { values, form: false })
    }

    /// Reads `a=b&c=d` with percent escapes.
    ///
    /// # Errors
    /// [`KrakenError::InvalidArguments`] for bad escapes or a name given twice.
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

    /// As [`Params::json`], for a REST body: plain values become what a form would hold.
    ///
    /// # Errors
    /// As [`Params::json`].
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

    /// Refuses parameters that are not known.
    ///
    /// # Errors
    /// [`KrakenError::InvalidArguments`].
    pub fn only(&self, known: &[&str]) -> Result<(), KrakenError> {
        let strange = self.values.keys().any(|name| !known.contains(&name.as_str()));
        if strange { Err(KrakenError::InvalidArguments("")) } else { Ok(()) }
    }

    /// Whether it was given.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// The value as it was written.
    pub fn raw(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// A text.
    ///
    /// # Errors
    /// [`KrakenError::InvalidArguments`] if it is no JSON text.
    pub fn text(&self, name: &'static str) -> Result<Option<String>, KrakenError> {
        let Some(value) = self.values.get(name) else { return Ok(None) };
        if self.form {
            return Ok(Some(value.clone()));
        }
        serde_json::from_str(value).map(Some).map_err(|_| KrakenError::InvalidArguments(name))
    }

    /// A text that must be there.
    ///
    /// # Errors
    /// [`KrakenError::InvalidArguments`].
    pub fn need(&self, name: &'static str) -> Result<String, KrakenError> {
        self.text(name)?.ok_or(KrakenError::InvalidArguments(name))
    }

    /// A number's text; a JSON text in its place is refused.
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

    /// An integer.
    ///
    /// # Errors
    /// [`KrakenError::InvalidArguments`].
    pub fn integer(&self, name: &'static str) -> Result<Option<i64>, KrakenError> {
        let Some(text) = self.number(name)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| KrakenError::InvalidArguments(name))
    }

    /// A boolean, or what it is when absent.
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

    /// A list of texts; in a form, texts between commas.
    ///
    /// # Errors
    /// [`KrakenError::InvalidArguments`], also beyond [`LIST_MAX`].
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
    /// As [`Params::texts`].
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
