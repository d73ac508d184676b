//! What the node shows of itself: Prometheus metrics and health, over HTTP.
//!
//! A line belongs here if it copies a number that is there already, names it, or serves it. What
//! is counted comes from the output ring, from gauges that other threads store by atomics, and from
//! the client gateway's counters. Nothing here is waited for by a thread that carries orders, and
//! nothing here changes anything. Every name is explained in `docs/metrics.md`.

mod clock;
pub mod exposition;
pub mod gauges;
pub mod model;
pub mod server;

use std::sync::{Arc, Mutex, PoisonError};

use rutter_admin::Status;
use rutter_core::hash::Rolling;

use crate::config::Config;
use crate::watch::alerts::AlertGauges;
use crate::watch::health::Health;
use crate::watch::stages::Buckets;

pub use clock::ClockOffset;
pub use gauges::GatewayGauges;
pub use model::{Counted, MetricsModel, Sources};
pub use server::{MetricsError, MetricsServer};

/// One ring, as it was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingDepth {
    /// Envelopes in it.
    pub depth: u64,
    /// Its slots.
    pub slots: u64,
    /// Times that somebody found it full.
    pub stalls: u64,
}

/// The journal, as it was found.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct JournalShown {
    /// The last record appended.
    pub written: u64,
    /// The last record on disk.
    pub durable: u64,
    /// Bytes appended since the start.
    pub written_bytes: u64,
    /// Bytes that are not on disk yet.
    pub unsynced_bytes: u64,
    /// How long the oldest record that is not on disk has waited, nanoseconds.
    pub sync_lag_ns: u64,
    /// How long groups took to sync.
    pub sync_times: rutter_journal::SyncTimes,
    /// Appends that waited for a segment.
    pub stalls: u64,
    /// A sync has failed.
    pub failed: bool,
}

/// Everything that is shown, made by the read model's thread ten times a second.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// When it was made, nanoseconds since the Unix epoch.
    pub made_ns: u64,
    /// When the core last had a turn, nanoseconds since the Unix epoch.
    pub turned_ns: u64,
    /// The read model's.
    pub status: Status,
    /// What only metrics count.
    pub counted: Counted,
    /// Path, stage and times.
    pub stages: Vec<(&'static str, &'static str, Buckets)>,
    /// Samples of stages that were dropped.
    pub stage_samples_dropped: u64,
    /// The client gateway's counters, by [`gauges::GATEWAY`].
    pub gateway: [u64; gauges::GATEWAY.len()],
    /// The input ring.
    pub input: RingDepth,
    /// The output ring.
    pub output: RingDepth,
    /// The journal.
    pub journal: JournalShown,
    /// By venue: seconds since its feed told anything, and how much it told.
    pub feeds: Vec<FeedShown>,
}

impl Snapshot {
    /// The anomaly that has an alert of its own.
    pub const CANCEL_STUCK: &'static str = "cancel_stuck";

    /// What should not happen and was dealt with, by kind.
    pub const fn anomalies(&self) -> [(&'static str, u64); 5] {
        let status = &self.status;
        [
            ("odd_fill", status.odd_fills),
            ("illegal_event", status.illegal_events),
            ("found_after_end", status.found_after_end),
            (Self::CANCEL_STUCK, status.cancels_stuck),
            ("bad_reference", status.bad_reference),
        ]
    }
}

/// One venue's feed, as it was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedShown {
    /// Index of the venue.
    pub venue: usize,
    /// News of its books since the start.
    pub news: u64,
    /// Since the last of them, nanoseconds.
    pub age_ns: u64,
}

/// What a node is and shows: between the thread that counts and those who ask.
#[derive(Debug)]
pub struct Monitor {
    /// The state of the start, and the checks.
    pub health: Health,
    /// What is counted of alerts.
    pub alerts: AlertGauges,
    /// How far the clock is off.
    pub clock: ClockOffset,
    config_hash: String,
    started_ns: u64,
    shown: Mutex<Arc<Snapshot>>,
}

impl Monitor {
    /// Of a node that begins to start.
    pub fn new(config: &Config, started_ns: u64) -> Self {
        let webhooks = config.alerts.iter().flat_map(|alerts| &alerts.webhook);
        Self {
            alerts: AlertGauges::new(webhooks.map(|webhook| webhook.name.clone())),
            health: Health::new(config.node.data_dir.join("journal")),
            clock: ClockOffset::default(),
            config_hash: config_hash(config),
            started_ns,
            shown: Mutex::default(),
        }
    }

    /// Shows this from now on.
    pub fn show(&self, snapshot: Snapshot) {
        let snapshot = Arc::new(snapshot);
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }

    /// What is shown; empty until the node runs.
    pub fn shown(&self) -> Arc<Snapshot> {
        Arc::clone(&self.shown.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells one configuration from another, without a secret in it: 16 hexadecimal digits.
    pub fn config_hash(&self) -> &str {
        &self.config_hash
    }

    /// When the process began, nanoseconds since the Unix epoch.
    pub const fn started_ns(&self) -> u64 {
        self.started_ns
    }
}

/// A hash of the configuration as it shows itself: secrets do not show, so that none can be found
/// out by trying. Two builds may hash the same file differently.
fn config_hash(config: &Config) -> String {
    let mut hash = Rolling::new(0);
    for chunk in format!("{config:?}").as_bytes().chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        hash.word(u64::from_le_bytes(word));
    }
    format!("{:016x}", hash.value())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = include_str!("../../deploy/example.toml");

    #[test]
    fn the_hash_tells_configurations_apart_and_says_nothing_of_a_password() {
        let of = |text: &str| config_hash(&Config::parse(text).expect("sound"));
        assert_eq!(of(SOUND), of(SOUND));
        assert_ne!(of(SOUND), of(&SOUND.replacen("5000000", "5000001", 1)));
        assert_eq!(of(SOUND), of(&SOUND.replacen("change-me-please", "another-password", 1)));
    }
}
