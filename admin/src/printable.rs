//! Characters that a reader of a log or a screen must not be exposed to, as escapes.
//!
//! A line belongs here if it decides which characters are shown as they are. Names, reasons and ids
//! come from clients, venues and operators. Such a text must not command a terminal, begin a line
//! of its own, turn the order of reading around, or hide.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

/// Ranges of characters that are shown as escapes, beside the control characters (category Cc).
///
/// Source: Unicode 16, `UnicodeData.txt` and `DerivedCoreProperties.txt`: categories Cf (format),
/// Zl and Zp (line and paragraph separator), and `Default_Ignorable_Code_Point`.
const ESCAPED: [(char, char); 33] = [
    ('\u{ad}', '\u{ad}'),
    ('\u{34f}', '\u{34f}'),
    ('\u{600}', '\u{605}'),
    ('\u{61c}', '\u{61c}'),
    ('\u{6dd}', '\u{6dd}'),
    ('\u{70f}', '\u{70f}'),
    ('\u{890}', '\u{891}'),
    ('\u{8e2}', '\u{8e2}'),
    ('\u{115f}', '\u{1160}'),
    ('\u{17b4}', '\u{17b5}'),
    ('\u{180b}', '\u{180f}'),
    ('\u{200b}', '\u{200f}'),
    ('\u{2028}', '\u{202e}'),
    ('\u{2060}', '\u{206f}'),
    ('\u{3164}', '\u{3164}'),
    ('\u{fe00}', '\u{fe0f}'),
    ('\u{feff}', '\u{feff}'),
    ('\u{ffa0}', '\u{ffa0}'),
    ('\u{fff0}', '\u{fffb}'),
    ('\u{110bd}', '\u{110bd}'),
    ('\u{110cd}', '\u{110cd}'),
    ('\u{13430}', '\u{1343f}'),
    ('\u{1bca0}', '\u{1bca3}'),
    ('\u{1d173}', '\u{1d17a}'),
    ('\u{e0000}', '\u{e0fff}'),
    // Characters that are no characters: some terminals leave them out.
    ('\u{fdd0}', '\u{fdef}'),
    ('\u{fffe}', '\u{ffff}'),
    ('\u{1fffe}', '\u{1ffff}'),
    ('\u{2fffe}', '\u{2ffff}'),
    ('\u{3fffe}', '\u{3ffff}'),
    ('\u{efffe}', '\u{effff}'),
    ('\u{ffffe}', '\u{fffff}'),
    ('\u{10fffe}', '\u{10ffff}'),
];

/// Whether a character is shown as it is.
pub fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return (' '..='~').contains(&c);
    }
    !c.is_control() && !ESCAPED.iter().any(|(first, last)| (*first..=*last).contains(&c))
}

/// How an escape is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// `\u{9b}`, for people.
    Text,
    /// `\u009b`, within the strings of JSON (RFC 8259, section 7).
    Json,
}

impl Escape {
    fn write(self, c: char, out: &mut impl fmt::Write) -> fmt::Result {
        match self {
            Self::Text => write!(out, "\\u{{{:x}}}", u32::from(c)),
            Self::Json => {
                let mut units = [0; 2];
                c.encode_utf16(&mut units).iter().try_for_each(|unit| write!(out, "\\u{unit:04x}"))
            }
        }
    }

    /// A text whose unprintable characters are escapes.
    pub fn apply(self, text: &str) -> Cow<'_, str> {
        if text.chars().all(is_printable) {
            return Cow::Borrowed(text);
        }
        let mut out = String::with_capacity(text.len() + 16);
        for c in text.chars() {
            if is_printable(c) {
                out.push(c);
            } else {
                // Writing to a String cannot fail.
                let _ = self.write(c, &mut out);
            }
        }
        Cow::Owned(out)
    }
}

/// Shows a value with its unprintable characters as escapes: for one line of a screen.
#[derive(Clone, Copy, Debug)]
pub struct Printable<T>(pub T);

impl<T: fmt::Display> fmt::Display for Printable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        struct Escaping<'a, 'b>(&'a mut fmt::Formatter<'b>);
        impl fmt::Write for Escaping<'_, '_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0.write_str(&Escape::Text.apply(text))
            }
        }
        write!(Escaping(f), "{}", self.0)
    }
}

/// The lines of a text for a screen: only the ends of lines are kept as they are.
pub fn lines(text: &str) -> String {
    text.lines().map(|line| Escape::Text.apply(line)).collect::<Vec<_>>().join("\n")
}

/// A line of JSON that may go to a terminal: the same JSON, with escapes in its strings. Outside of
/// strings such characters are only blanks, and fall away.
pub fn json_line(json: &str) -> String {
    let without_blanks: String = json.chars().filter(|c| !matches!(c, '\0'..='\x1f')).collect();
    Escape::Json.apply(&without_blanks).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_commands_a_terminal_turns_the_reading_around_or_hides_is_escaped() {
        let controls = ('\0'..='\x1f').chain('\x7f'..='\u{9f}');
        let directions = "\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\
                          \u{2066}\u{2067}\u{2068}\u{2069}";
        let separators = "\u{2028}\u{2029}";
        let hidden = "\u{ad}\u{34f}\u{115f}\u{1160}\u{180e}\u{200b}\u{200c}\u{200d}\u{2060}\
                      \u{2064}\u{206f}\u{3164}\u{fe0f}\u{feff}\u{ffa0}\u{fff9}\u{e0001}\u{e0041}\
                      \u{e0100}\u{1d173}\u{110bd}\u{ffff}";
        let all = controls.chain(directions.chars()).chain(separators.chars());
        for c in all.chain(hidden.chars()) {
            assert!(!is_printable(c), "U+{:04X}", u32::from(c));
            let shown = Printable(c).to_string();
            assert_eq!(shown, format!("\\u{{{:x}}}", u32::from(c)));
            let json = Escape::Json.apply(&c.to_string()).into_owned();
            let read: String = serde_json::from_str(&format!("\"{json}\"")).expect("JSON");
            assert_eq!(read, c.to_string(), "JSON keeps the text");
            assert!(json.is_ascii(), "{json}");
        }
    }

    #[test]
    fn a_text_of_several_lines_keeps_its_lines_and_nothing_else() {
        assert_eq!(lines("a\u{9b}\r\n\tb\n"), "a\\u{9b}\n\\u{9}b");
    }

    #[test]
    fn what_people_write_stays() {
        let text = "naïve — 東京 Ωμέγα עברית العربية 🦀 ¿qué? \\u{9b} \"x\"";
        assert!(matches!(Escape::Text.apply(text), Cow::Borrowed(same) if same == text));
        assert_eq!(Printable(text).to_string(), text);
    }

    #[test]
    fn the_ranges_are_sound() {
        for (first, last) in ESCAPED {
            assert!(first <= last && !first.is_control(), "{first:?}");
        }
    }

    #[test]
    fn a_line_of_json_loses_blanks_outside_of_strings_only() {
        let json = "{\"a\":\"\u{9b}é\u{7f}\u{202e}\"}\r";
        assert_eq!(json_line(json), "{\"a\":\"\\u009bé\\u007f\\u202e\"}");
    }
}
