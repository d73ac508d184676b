//! Where the values of a configuration stand in its text.
//!
//! A line belongs here if it turns a path into a line, a column or a key that people read.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Keys that name the element of a list, in the order in which they are looked for.
const NAMES: [&str; 4] = ["name", "instrument", "comp_id", "symbol"];

/// Line and column of each value, and the names of the elements of lists.
#[derive(Debug, Default)]
pub struct Places {
    /// Line and column, from 1, by path. A table of the file stands where its header is.
    at: BTreeMap<String, (usize, usize)>,
    /// The name of an element, by its path.
    names: BTreeMap<String, String>,
}

/// The lines of a text.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(ends).collect())
    }

    /// The line and the column of a byte, both from 1.
    pub(super) fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.0.partition_point(|start| *start <= offset);
        let start = self.0.get(line.saturating_sub(1)).copied().unwrap_or_default();
        (line, offset - start + 1)
    }
}

/// Most characters of a key or name from the file in a message.
const SHOWN_CHARS_MAX: usize = 64;

/// A key of the file as a part of a path: without the characters that separate the parts.
pub(super) fn segment(key: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    key.chars().take(SHOWN_CHARS_MAX).map(|c| if plain(c) { c } else { '?' }).collect()
}

/// A name of the file as people may see it: without characters that move a cursor.
fn plain_name(name: &str) -> String {
    name.chars().take(SHOWN_CHARS_MAX).map(|c| if c.is_ascii_graphic() { c } else { '?' }).collect()
}

impl Places {
    /// The places of a parsed text.
    pub(super) fn of(text: &str, document: &DeTable<'_>) -> Self {
        let mut places = Self::default();
        places.add_table(&Lines::of(text), document, "");
        places
    }

    fn add_table(&mut self, lines: &Lines, table: &DeTable<'_>, path: &str) {
        for (key, value) in table {
            let name = segment(key.get_ref());
            let path = if path.is_empty() { name } else { format!("{path}.{name}") };
            // A key stands before its value; the value's own place is its first byte.
            self.at.insert(path.clone(), lines.position(key.span().start));
            self.add_value(lines, value, &path);
        }
    }

    fn add_value(&mut self, lines: &Lines, value: &Spanned<DeValue<'_>>, path: &str) {
        match value.get_ref() {
            DeValue::Table(table) => self.add_table(lines, table, path),
            DeValue::Array(items) => {
                for (at, item) in items.iter().enumerate() {
                    let path = format!("{path}[{at}]");
                    self.at.insert(path.clone(), lines.position(item.span().start));
                    if let Some(table) = item.get_ref().as_table() {
                        let name = NAMES.iter().find_map(|key| table.get(*key)?.get_ref().as_str());
                        self.names.extend(name.map(|name| (path.clone(), plain_name(name))));
                    }
                    self.add_value(lines, item, &path);
                }
            }
            _ => {}
        }
    }

    /// Line and column of the value at a path, or of the nearest table around it; (0, 0) if the
    /// text has neither.
    pub(super) fn find(&self, path: &str) -> (usize, usize) {
        let mut path = path;
        loop {
            if let Some(place) = self.at.get(path) {
                return *place;
            }
            match path.rfind(['.', '[']) {
                Some(at) => path = &path[..at],
                None => return (0, 0),
            }
        }
    }

    /// The path as people read it: an element of a list by its name, or else by its number from 1.
    pub(super) fn shown(&self, path: &str) -> String {
        let mut shown = String::new();
        let mut rest = path;
        while let Some(open) = rest.find('[') {
            let close = rest.find(']').unwrap_or(rest.len() - 1);
            let element = &path[..=path.len() - rest.len() + close];
            shown.push_str(&rest[..open]);
            if let Some(name) = self.names.get(element) {
                shown.push('.');
                shown.push_str(name);
            } else {
                let number = rest[open + 1..close].parse::<usize>().map_or(0, |at| at + 1);
                let _ = write!(shown, "[{number}]");
            }
            rest = &rest[close + 1..];
        }
        shown.push_str(rest);
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "a = 1\n[[v]]\nname = \"x\"\n[[v.l]]\nsymbol = \"B/U\"\ntick = 2\n\
                        [[v]]\nlist = [ 1,\n  2 ]\n";

    fn places() -> Places {
        Places::of(TEXT, DeTable::parse(TEXT).expect("sound").get_ref())
    }

    #[test]
    fn a_value_is_found_by_its_line_and_an_absent_one_by_its_table() {
        let places = places();
        assert_eq!(places.find("a"), (1, 1));
        assert_eq!(places.find("v[0].l[0].tick"), (6, 1));
        assert_eq!(places.find("v[0].l[0].lot").0, 4);
        assert_eq!(places.find("v[1].list[1]"), (9, 3));
        assert_eq!(places.find("nowhere.at.all"), (0, 0));
    }

    #[test]
    fn a_key_or_name_with_separators_or_control_characters_breaks_no_message() {
        let text = "\"a].b[\" = 1\n[[v]]\nname = \"x\\u001b[2J\"\n";
        let places = Places::of(text, DeTable::parse(text).expect("sound").get_ref());
        assert_eq!((segment("a].b[").as_str(), places.find("a??b?")), ("a??b?", (1, 1)));
        assert_eq!(places.shown("v[0].tick"), "v.x?[2J.tick");
    }

    #[test]
    fn people_read_names_and_numbers_from_one() {
        let places = places();
        assert_eq!(places.shown("v[0].l[0].tick"), "v.x.l.B/U.tick");
        assert_eq!(places.shown("v[1].list[1]"), "v[2].list[2]");
        assert_eq!(places.shown("a"), "a");
    }
}
