//! Times in answers as text, beside the numbers.
//!
//! A line belongs here if it knows which members are points in time. The others that end in `_ns`
//! are durations.

use serde_json::{Map, Value};

use crate::model::rfc3339;

/// Members that are nanoseconds since 1970-01-01 UTC; zero stands for never.
const TIMES: [&str; 11] = [
    "changed_ns",
    "expires_ns",
    "last_in_ns",
    "made_ns",
    "now_ns",
    "sent_ns",
    "started_ns",
    "time_ns",
    "told_ns",
    "turned_ns",
    "until_ns",
];

/// Puts the text of each time beside its number: `time` beside `time_ns`, RFC 3339 in UTC, or null
/// for never.
pub fn with_text(value: Value) -> Value {
    match value {
        Value::Array(values) => Value::Array(values.into_iter().map(with_text).collect()),
        Value::Object(members) => {
            let mut told = Map::new();
            for (name, value) in members {
                if let Some(ns) = value.as_u64().filter(|_| TIMES.contains(&name.as_str())) {
                    let text = (ns > 0).then(|| rfc3339(ns));
                    told.insert(name.trim_end_matches("_ns").to_owned(), text.into());
                }
                told.insert(name, with_text(value));
            }
            Value::Object(told)
        }
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_time_has_its_text_beside_it_and_a_duration_has_none() {
        let ns = 1_763_732_787_123_000_000_u64;
        let told = with_text(json!({
            "time_ns": ns, "feed_age_ns": 5,
            "rows": [{"told_ns": 0, "last_in_ns": null, "name": "kraken"}],
        }));
        assert_eq!(told["time"], "2025-11-21T13:46:27.123000000Z");
        assert_eq!((&told["time_ns"], told.get("feed_age")), (&json!(ns), None));
        assert_eq!(told["rows"][0]["told"], Value::Null);
        assert_eq!(told["rows"][0].as_object().map(Map::len), Some(4));
    }
}
