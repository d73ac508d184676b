//! The configuration as TOML: with the defaults that hold, and without its secrets.
//!
//! A line belongs here if it decides how the configuration is shown. The loader reads the text, and
//! refuses each mask in it until a secret stands in its place.

use serde::Serialize;

use super::{AccountConfig, Config, SessionConfig};

/// The text for a configuration. [`MASK`](super::MASK) stands in the place of each secret.
///
/// # Errors
/// A value that TOML cannot hold. No file that was read has one.
pub fn shown(config: &Config) -> Result<String, toml::ser::Error> {
    let mut config = config.clone();
    for venue in &mut config.venue {
        venue.own_keys.fill_in(venue.kind);
    }
    // A list is written in parts: the time for a part grows with its square.
    let accounts = std::mem::take(&mut config.account);
    let sessions = std::mem::take(&mut config.session);
    let mut text = toml::to_string(&config)?;
    for account in accounts.chunks(ROWS_AT_ONCE) {
        text.push_str(&toml::to_string(&Rows { account, session: &[] })?);
    }
    for session in sessions.chunks(ROWS_AT_ONCE) {
        text.push_str(&toml::to_string(&Rows { account: &[], session })?);
    }
    Ok(text)
}

/// Rows of a list that are written at once.
const ROWS_AT_ONCE: usize = 64;

/// Some rows of the long lists.
#[derive(Serialize)]
struct Rows<'a> {
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    account: &'a [AccountConfig],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    session: &'a [SessionConfig],
}

#[cfg(test)]
mod tests {
    use super::*;

    use serde_json::Value;

    use crate::config::{MASK, placeholder, schema};

    const EXAMPLE: &str = include_str!("../../deploy/example.toml");
    /// Sections that the example has not, or has as comments.
    const MORE: &str = r#"
[alerts]
[[alerts.webhook]]
name = "desk"
url = "https://alerts.example:443/hooks/token-of-the-url"
severities = ["info", "page"]
[[alerts.webhook.header]]
name = "Authorization"
value = "Bearer token-of-the-header"
"#;
    const HOURS: &str = "[session.hours]\nzone = \"Europe/Zurich\"\nweek = [\"Mon\", \"Fri\"]\n\
                         start = \"08:00\"\nend = \"17:30\"\n\n[[session]]\ncomp_id = \"COPY1\"";
    const SECRETS: [&str; 5] = [
        "https://alerts.example:443/hooks/token-of-the-url",
        "Bearer token-of-the-header",
        "change-me-please",
        "change-me-too",
        "your-api-key",
    ];

    fn everything() -> Config {
        let text = EXAMPLE
            .replacen("[[session]]\ncomp_id = \"COPY1\"", HOURS, 1)
            .replacen("# two_person", "two_person", 1)
            .replacen("# fix = ", "fix = ", 1);
        Config::parse(&format!("{text}{MORE}")).unwrap_or_else(|error| panic!("{error}"))
    }

    fn table(config: &Config) -> Value {
        let text = shown(config).expect("shown");
        toml::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    /// Names the keys that have a default or are required, and that are not shown.
    fn missing(value: &Value, schema: &Value, path: &str, found: &mut Vec<String>) {
        if let (Some(rows), Some(schema)) = (value.as_array(), schema.get("items")) {
            for row in rows {
                missing(row, schema, path, found);
            }
        }
        let (Some(value), Some(keys)) =
            (value.as_object(), schema.get("properties").and_then(Value::as_object))
        else {
            return;
        };
        let required = schema.get("required").and_then(Value::as_array);
        for (key, schema) in keys {
            let path = format!("{path}.{key}");
            let is_required = required.is_some_and(|all| all.iter().any(|one| one == key));
            match value.get(key) {
                Some(value) => missing(value, schema, &path, found),
                None if is_required || schema.get("default").is_some() => found.push(path),
                None => {}
            }
        }
        let strangers = value.keys().filter(|key| !keys.contains_key(*key));
        found.extend(strangers.map(|key| format!("{path}.{key} is no key")));
    }

    #[test]
    fn every_key_with_a_default_is_shown_and_no_other_than_the_files_keys() {
        let mut found = Vec::new();
        missing(&table(&everything()), &schema(), "", &mut found);
        // One venue's own key is none of the other's.
        let config = everything();
        let own = |key: &String| {
            let key = key.trim_start_matches(".venue.");
            let of = |venue: &crate::config::VenueConfig| {
                venue.kind.own_keys.iter().any(|own| own.name == key)
            };
            config.venue.iter().any(of) && !config.venue.iter().all(of)
        };
        found.retain(|key| !own(key));
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn a_configuration_is_read_back_from_what_is_shown_but_for_its_secrets() {
        let config = everything();
        let text = shown(&config).expect("shown");
        for secret in SECRETS {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
        let is_masked = |line: &str| line.ends_with(&format!("= \"{MASK}\""));
        let masks: Vec<&str> = text.lines().filter(|line| is_masked(line)).collect();
        assert_eq!(masks.len(), 6, "two passwords, two API keys, a URL, a header's value: {text}");
        assert!(placeholder(MASK), "nothing starts with a mask for a secret");
        // The secrets in the order of the text.
        let mut filled = text;
        for key in ["url", "value", "password", "password", "api_key", "api_key"] {
            let (at, len) = {
                let mask = format!("{key} = \"{MASK}\"");
                (filled.find(&mask).unwrap_or_else(|| panic!("{key} in {filled}")), mask.len())
            };
            let secret = match key {
                "url" => SECRETS[0],
                "value" => SECRETS[1],
                "password" => SECRETS[2],
                _ => SECRETS[4],
            };
            filled.replace_range(at..at + len, &format!("{key} = \"{secret}\""));
        }
        let again = Config::parse(&filled).unwrap_or_else(|error| panic!("{error} in {filled}"));
        let mut config = config;
        config.venue.iter_mut().for_each(|venue| venue.own_keys.fill_in(venue.kind));
        assert_eq!(format!("{again:?}"), format!("{config:?}"));
    }
}
