//! JSON text, field by field in the order in which a venue prints them.
//!
//! A line belongs here if it writes JSON and knows nothing of a venue.

use std::fmt::Write as _;

/// An object under construction.
#[derive(Clone, Debug)]
pub(crate) struct Object(String);

impl Object {
    pub fn new() -> Self {
        Self(String::from("{"))
    }

    fn key(&mut self, name: &str) -> &mut String {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        push_text(&mut self.0, name);
        self.0.push(':');
        &mut self.0
    }

    /// A string member.
    pub fn text(mut self, name: &str, value: &str) -> Self {
        push_text(self.key(name), value);
        self
    }

    /// A member whose value is JSON text: a number, `true`, `null`, an object.
    pub fn raw(mut self, name: &str, value: &str) -> Self {
        self.key(name).push_str(value);
        self
    }

    pub fn number(mut self, name: &str, value: impl Into<i128>) -> Self {
        let value: i128 = value.into();
        // Writing to a String cannot fail.
        let _ = write!(self.key(name), "{value}");
        self
    }

    pub fn flag(self, name: &str, value: bool) -> Self {
        self.raw(name, if value { "true" } else { "false" })
    }

    pub fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }
}

/// An array of JSON values.
pub(crate) fn array(items: impl IntoIterator<Item = String>) -> String {
    let mut out = String::from("[");
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str(&item);
    }
    out.push(']');
    out
}

/// A quoted and escaped string.
pub(crate) fn quoted(value: &str) -> String {
    let mut out = String::new();
    push_text(&mut out, value);
    out
}

fn push_text(out: &mut String, value: &str) {
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if (c as u32) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}
