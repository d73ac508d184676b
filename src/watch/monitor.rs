//! The newest snapshot and the states beside it: between the thread that counts and those who ask.
//!
//! A line belongs here if scrapes, probes, alerts and consoles share it.

use std::sync::{Arc, Mutex, PoisonError};

use rutter_core::hash::Rolling;

use super::alerts::gauges::AlertGauges;
use super::clock_offset::ClockOffset;
use super::health::Health;
use super::snapshot::Snapshot;
use crate::config::Config;

/// State of the node for scrapes and probes, shared with the thread that makes snapshots.
#[derive(Debug)]
pub struct Monitor {
    /// The state of the start, and the checks.
    pub health: Health,
    /// Counters of alerts.
    pub alerts: AlertGauges,
    /// How far the clock is off.
    pub clock: ClockOffset,
    config_hash: String,
    started_ns: u64,
    shown: Mutex<Arc<Snapshot>>,
}

impl Monitor {
    /// A monitor for a node that is starting.
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

    /// Publishes a snapshot.
    pub fn show(&self, snapshot: Snapshot) {
        let snapshot = Arc::new(snapshot);
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = snapshot;
    }

    /// The last snapshot; empty until the node runs.
    pub fn shown(&self) -> Arc<Snapshot> {
        Arc::clone(&self.shown.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Hash of the configuration without its secrets: 16 hexadecimal digits.
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
pub fn config_hash(config: &Config) -> String {
    let mut hash = Rolling::new(0);
    // The same configuration in another place is the same.
    let config = Config { file: None, ..config.clone() };
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
