//! What the client gateway shows of its sessions: atomics that its thread stores ten times a second
//! and the console reads.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rutter_clients::gateway::SessionShown;
use serde_json::{Map, Value, json};

use crate::config::{Config, SessionConfig};

/// How often the gateway's thread stores them, nanoseconds.
pub const SESSIONS_PERIOD_NS: u64 = 100_000_000;

#[derive(Debug, Default)]
struct Gauge {
    name: String,
    kind: &'static str,
    connected: AtomicBool,
    next_in: AtomicU64,
    next_out: AtomicU64,
    last_in_ns: AtomicU64,
    backlog_bytes: AtomicU64,
}

/// One for each configured session.
#[derive(Debug, Default)]
pub struct SessionGauges(Vec<Gauge>);

impl SessionGauges {
    /// For the sessions of a configuration.
    pub fn new(config: &Config) -> Self {
        let gauge = |session: &SessionConfig| Gauge {
            name: session.comp_id.clone(),
            kind: if session.is_drop_copy() { "drop-copy" } else { "trading" },
            ..Gauge::default()
        };
        Self(config.session.iter().map(gauge).collect())
    }

    /// Shows one, by its place in the configuration. One thread calls it.
    pub fn show(&self, place: usize, shown: &SessionShown) {
        let Some(gauge) = self.0.get(place) else { return };
        gauge.connected.store(shown.connected, Ordering::Relaxed);
        gauge.next_in.store(shown.next_in, Ordering::Relaxed);
        gauge.next_out.store(shown.next_out, Ordering::Relaxed);
        gauge.last_in_ns.store(shown.last_in_ns, Ordering::Relaxed);
        gauge.backlog_bytes.store(shown.backlog_bytes, Ordering::Relaxed);
    }

    /// What is shown, by name.
    pub fn rows(&self) -> Vec<(String, Map<String, Value>)> {
        let row = |gauge: &Gauge| {
            let of = |value: &AtomicU64| value.load(Ordering::Relaxed);
            let row = json!({
                "kind": gauge.kind,
                "connected": gauge.connected.load(Ordering::Relaxed),
                "next_in": of(&gauge.next_in), "next_out": of(&gauge.next_out),
                "last_in_ns": of(&gauge.last_in_ns), "backlog_bytes": of(&gauge.backlog_bytes),
            });
            (gauge.name.clone(), super::object(row))
        };
        self.0.iter().map(row).collect()
    }
}
