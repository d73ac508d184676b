//! An event as one JSON object: `ts`, `level`, `event`, then `trace_id`, `order_id`, `session` and
//! `seq` if present, then `target`, then the other fields.

use std::fmt;

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// Longest text of one field, in characters; longer texts are cut.
pub const TEXT_CHARS_MAX: usize = 4_096;

/// Member names that every line has.
const OWN_NAMES: [&str; 4] = ["ts", "level", "event", "target"];

/// Members that come before the other fields, in this order.
const FIRST_NAMES: [&str; 4] = ["trace_id", "order_id", "session", "seq"];

/// Writes events as JSON.
#[derive(Clone, Copy, Debug)]
pub struct JsonLine;

impl<S, N> FormatEvent<S, N> for JsonLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        writer.write_str("{\"ts\":\"")?;
        SystemTime.format_time(&mut writer)?;
        let level = metadata.level().as_str().to_ascii_lowercase();
        write!(writer, "\",\"level\":\"{level}\",\"event\":{}", Value::from(fields.event))?;
        for first in FIRST_NAMES {
            if let Some((name, value)) = fields.others.iter().find(|(name, _)| *name == first) {
                write!(writer, ",\"{name}\":{value}")?;
            }
        }
        write!(writer, ",\"target\":{}", Value::from(metadata.target()))?;
        let is_other = |name| !FIRST_NAMES.contains(name);
        for (name, value) in fields.others.iter().filter(|(name, _)| is_other(name)) {
            // A field with the name of a fixed member gets an underscore.
            let end = if OWN_NAMES.contains(name) { "_" } else { "" };
            write!(writer, ",\"{name}{end}\":{value}")?;
        }
        writer.write_str("}\n")
    }
}

/// The fields of one event, in their order.
#[derive(Default)]
struct Fields {
    event: String,
    others: Vec<(&'static str, Value)>,
}

impl Fields {
    fn text(&mut self, field: &Field, text: &str) {
        let cut = match text.char_indices().nth(TEXT_CHARS_MAX) {
            Some((at, _)) => format!("{}…", &text[..at]),
            None => text.to_owned(),
        };
        if field.name() == "message" {
            self.event = cut;
        } else {
            self.others.push((field.name(), Value::from(cut)));
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.others.push((field.name(), Value::from(value)));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.others.push((field.name(), Value::from(value)));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.others.push((field.name(), Value::from(value)));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.others.push((field.name(), Value::from(value)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::logs::kept::CapturedLogs;

    #[test]
    fn an_event_is_one_object_whatever_is_in_it() {
        let kept = CapturedLogs::default();
        let subscriber =
            tracing_subscriber::fmt().event_format(JsonLine).with_writer(kept.clone()).finish();
        let nasty = "two\nlines \"quoted\" \u{1b}[31m \u{0}";
        tracing::subscriber::with_default(subscriber, || {
            tracing::warn!(venue = nasty, count = 7_u64, up = false, level = "mine", "book lost");
            tracing::info!(venue = "kraken", seq = 3, trace_id = "00ff", order_id = 7, "sent");
            tracing::info!(long = "x".repeat(TEXT_CHARS_MAX + 1), "long");
        });
        let text = String::from_utf8(kept.0.lock().expect("free").clone()).expect("text");
        let lines: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines.len(), 3, "{text}");
        let first = &lines[0];
        assert_eq!((&first["event"], &first["level"]), (&"book lost".into(), &"warn".into()));
        assert_eq!((&first["venue"], &first["count"]), (&nasty.into(), &7.into()));
        assert_eq!((&first["up"], &first["level_"]), (&false.into(), &"mine".into()));
        assert!(first["ts"].as_str().is_some_and(|ts| ts.ends_with('Z')), "{first}");
        let sent = text.lines().nth(1).unwrap_or_default();
        assert!(
            sent.contains(r#""event":"sent","trace_id":"00ff","order_id":7,"seq":3,"target":"#)
        );
        assert!(sent.ends_with(r#","venue":"kraken"}"#), "{sent}");
        let long = lines[2]["long"].as_str().expect("text");
        assert_eq!(long.chars().count(), TEXT_CHARS_MAX + 1, "cut, and marked so");
    }
}
