//! The page `docs/configuration.md`: every key with type, range, default and meaning.
//!
//! A line belongs here if it turns the schema into a page. What a key means stands at the key.

use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::schema::schema;
use super::shape::{choices, expected};

/// Columns of the page.
const COLUMNS: usize = 118;

const HEAD: &str = "\
# Configuration

<!-- Made by `rutter config reference`; a test compares this page with the code. -->

The node reads one TOML file. An unknown key is an error. `rutter check-config FILE` prints everything that is wrong
with a file, with line and column; `rutter run` refuses the same files with the same words. `rutter config schema`
prints this page as a JSON schema, for editors that check TOML.

Relative paths begin at the node's working directory. Examples: `deploy/example.toml` for all sections, and one for each
venue beside it.
";

/// The page.
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    section(&mut page, &schema(), "", false);
    page
}

/// Writes the keys of a table, then its tables.
fn section(page: &mut String, schema: &Value, path: &str, is_list: bool) {
    let none = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&none);
    let title = match (path, is_list) {
        ("", _) => "Before the first section".to_owned(),
        (path, true) => format!("`[[{path}]]`"),
        (path, false) => format!("`[{path}]`"),
    };
    let _ = write!(page, "\n## {title}\n\n");
    if let Some(text) =
        schema.get("description").and_then(Value::as_str).filter(|_| !path.is_empty())
    {
        wrap(page, text, "", "");
        page.push('\n');
    }
    let is_required = |key: &str| {
        let required = schema.get("required").and_then(Value::as_array);
        required.is_some_and(|required| required.iter().any(|one| one == key))
    };
    let (mut keys, mut tables) = (Vec::new(), Vec::new());
    for (key, property) in properties {
        match table_of(property) {
            Some((table, is_list)) => tables.push((key, table, is_list)),
            None => keys.push((!is_required(key), key, property)),
        }
    }
    keys.sort_by_key(|(is_optional, key, _)| (*is_optional, (*key).clone()));
    for (is_optional, key, property) in keys {
        write_key(page, key, property, is_optional);
    }
    for (key, table, is_list) in tables {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        section(page, &table, &path, is_list);
    }
}

/// The schema of the table that a property is, or is a list of.
fn table_of(property: &Value) -> Option<(Value, bool)> {
    if property.get("properties").is_some() {
        return Some((property.clone(), false));
    }
    let items = property.get("items").filter(|items| items.get("properties").is_some())?;
    let mut table = items.clone();
    if let (Some(text), Some(object)) = (property.get("description"), table.as_object_mut()) {
        object.insert("description".to_owned(), text.clone());
    }
    Some((table, true))
}

fn write_key(page: &mut String, key: &str, property: &Value, is_optional: bool) {
    let text = property.get("description").and_then(Value::as_str).unwrap_or_default();
    let default = match property.get("default") {
        Some(default) => format!("default `{default}`"),
        None if is_optional => "optional".to_owned(),
        None => "required".to_owned(),
    };
    let values = explained(property);
    let kind = match (values.is_empty(), property.get("items")) {
        (true, Some(items)) => format!("a list, each {}", expected(items)),
        (true, None) => expected(property),
        (false, Some(_)) => "a list of the values below".to_owned(),
        (false, None) => "one of the values below".to_owned(),
    };
    // Most meanings tell the unit themselves.
    let unit = unit(key).filter(|unit| !text.contains(unit));
    let unit = unit.map_or_else(String::new, |unit| format!(", {unit}"));
    wrap(page, &format!("- **`{key}`** ({kind}{unit}; {default}): {text}"), "", "  ");
    for (value, meaning) in values {
        wrap(page, &format!("- `{value}`: {meaning}"), "  ", "    ");
    }
}

/// The values of an enumeration that has a meaning for each.
fn explained(property: &Value) -> Vec<(String, String)> {
    let items = property.get("items").unwrap_or(property);
    let all = choices(items).unwrap_or_default();
    all.into_iter().filter_map(|(value, meaning)| Some((value, meaning?))).collect()
}

/// The unit that ends the name of a key.
fn unit(key: &str) -> Option<&'static str> {
    const UNITS: [(&str, &str); 8] = [
        ("_per_s", "per second"),
        ("_per_s_max", "per second"),
        ("_us", "microseconds"),
        ("_ms", "milliseconds"),
        ("_s", "seconds"),
        ("_bytes", "bytes"),
        ("_days", "days"),
        ("_ppm", "parts per million"),
    ];
    UNITS.into_iter().find(|(end, _)| key.ends_with(end)).map(|(_, unit)| unit)
}

/// Writes words in lines of at most [`COLUMNS`].
fn wrap(page: &mut String, text: &str, first: &str, further: &str) {
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > COLUMNS {
            let _ = writeln!(page, "{line}");
            further.clone_into(&mut line);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    let _ = writeln!(page, "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use rutter_core::input::LIMITS;
    use rutter_venues::VENUES;

    #[test]
    fn the_page_is_that_of_the_code() {
        let kept = include_str!("../../docs/configuration.md");
        let hint = "run: rutter config reference > docs/configuration.md";
        assert!(kept == page(), "docs/configuration.md differs from the code; {hint}");
    }

    #[test]
    fn every_key_has_a_meaning_and_every_row_of_the_tables_is_there() {
        let page = page();
        let without: Vec<&str> = page.lines().filter(|line| line.ends_with("):")).collect();
        assert!(without.is_empty(), "{without:#?}");
        let limits = LIMITS.iter().map(|limit| limit.key);
        let own = VENUES.into_iter().flat_map(|venue| venue.own_keys).map(|key| key.name);
        for key in limits.chain(own) {
            assert!(page.contains(&format!("- **`{key}`**")), "{key}");
        }
        assert!(page.lines().all(|line| line.chars().count() <= 120));
    }
}
