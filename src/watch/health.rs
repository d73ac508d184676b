//! The checks behind `/ready`.
//!
//! A line belongs here if it checks the snapshot; `metrics` counts. An answer is reused for
//! [`READY_KEPT_NS`], so frequent probes cost little.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::watch::snapshot::Snapshot;

/// Time for which an answer is reused, nanoseconds.
pub const READY_KEPT_NS: u64 = 1_000_000_000;

/// A core without a turn for longer is stuck, nanoseconds. An idle core has ten turns a second.
pub const TURN_AGE_NS_MAX: u64 = 2_000_000_000;

/// Longest time that a record may wait for the disk, nanoseconds. Beyond it the disk is too slow.
pub const SYNC_LAG_NS_MAX: u64 = 5_000_000_000;

/// Free disk space that the next segments need, bytes.
pub const FREE_BYTES_MIN: u64 = 256 << 20;

/// The phase of the node's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// The journal is being replayed.
    Recovering = 0,
    /// The node trades.
    Running = 1,
    /// The node was asked to end.
    Ending = 2,
}

/// One check of `/ready`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Name: `recovery`, `core`, `journal_write`, `journal_sync` or `venues`.
    pub name: &'static str,
    /// True if the check holds.
    pub ok: bool,
    /// The value that was found, for a person.
    pub detail: String,
}

/// The answer to `/ready`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Readiness {
    /// All checks hold.
    pub ready: bool,
    /// The checks.
    pub checks: Vec<Check>,
}

/// Phase of the node, and the last answer to `/ready`.
#[derive(Debug)]
pub struct Health {
    journal: PathBuf,
    phase: AtomicU8,
    kept: Mutex<Option<(u64, Arc<Readiness>)>>,
}

fn check(name: &'static str, ok: bool, detail: impl Into<String>) -> Check {
    Check { name, ok, detail: detail.into() }
}

impl Health {
    /// A recovering node with its journal in `journal`.
    pub const fn new(journal: PathBuf) -> Self {
        Self { journal, phase: AtomicU8::new(Phase::Recovering as u8), kept: Mutex::new(None) }
    }

    /// Sets the node's phase.
    pub fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::SeqCst);
    }

    /// The node's phase.
    pub fn phase(&self) -> Phase {
        match self.phase.load(Ordering::SeqCst) {
            1 => Phase::Running,
            2 => Phase::Ending,
            _ => Phase::Recovering,
        }
    }

    /// Free space of the journal's file system, bytes; `None` if the system does not tell.
    pub fn journal_free_bytes(&self) -> Option<u64> {
        rutter_admin::disk::free_bytes(&self.journal)
    }

    /// The checks, at most [`READY_KEPT_NS`] old.
    pub fn readiness(&self, shown: &Snapshot, now_ns: u64) -> Arc<Readiness> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, answer)) = &*kept
            && now_ns.abs_diff(*at) < READY_KEPT_NS
        {
            return Arc::clone(answer);
        }
        let checks = self.checks(shown, now_ns);
        let ready = checks.iter().all(|check| check.ok);
        let answer = Arc::new(Readiness { ready, checks });
        *kept = Some((now_ns, Arc::clone(&answer)));
        answer
    }

    fn checks(&self, shown: &Snapshot, now_ns: u64) -> Vec<Check> {
        let phase = self.phase();
        let recovery = match phase {
            Phase::Recovering => "the journal is being replayed",
            Phase::Running => "done",
            Phase::Ending => "the node is ending",
        };
        // Another thread makes the snapshot: if that thread is stuck, the core's state is not
        // known.
        let since = shown.turned_ns.min(shown.made_ns);
        let age_ns = now_ns.saturating_sub(since);
        let turns = match (shown.made_ns, shown.turned_ns) {
            (0, _) => "no figures yet: the node is starting".to_owned(),
            (_, 0) => "no turn yet".to_owned(),
            _ => format!("last turn {} ms ago", age_ns / 1_000_000),
        };
        let journal = &shown.journal;
        let (writable, room) = match (journal.failed, self.journal_free_bytes()) {
            (true, _) => (false, "a sync has failed".to_owned()),
            (false, None) => (false, "the file system cannot be asked".to_owned()),
            (false, Some(free)) => (free >= FREE_BYTES_MIN, format!("{free} bytes are free")),
        };
        let lag = match shown.made_ns {
            0 => "no figures yet: the node is starting".to_owned(),
            _ => format!("the oldest record waits for {} ms", journal.sync_lag_ns / 1_000_000),
        };
        let venues = &shown.status.venues;
        let up = venues.iter().filter(|venue| venue.up).count();
        vec![
            check("recovery", phase == Phase::Running, recovery),
            check("core", since > 0 && age_ns <= TURN_AGE_NS_MAX, turns),
            check("journal_write", writable, room),
            check("journal_sync", since > 0 && journal.sync_lag_ns <= SYNC_LAG_NS_MAX, lag),
            check("venues", up > 0, format!("{up} of {} are up", venues.len())),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rutter_admin::VenueStatus;

    const NOW: u64 = 1_000_000_000_000;

    fn sound() -> Snapshot {
        let mut shown = Snapshot { made_ns: NOW, turned_ns: NOW, ..Snapshot::default() };
        shown.status.venues = vec![VenueStatus::default(), VenueStatus::default()];
        shown.status.venues[1].up = true;
        shown
    }

    fn failing(change: impl Fn(&mut Snapshot)) -> Vec<&'static str> {
        let health = Health::new(std::env::temp_dir());
        health.set_phase(Phase::Running);
        let mut shown = sound();
        change(&mut shown);
        let answer = health.readiness(&shown, NOW);
        assert_eq!(answer.ready, answer.checks.iter().all(|check| check.ok));
        answer.checks.iter().filter(|check| !check.ok).map(|check| check.name).collect()
    }

    #[test]
    fn each_check_fails_by_itself() {
        // How much room the machine of the test has is its own business.
        let but_room = |names: Vec<&'static str>| -> Vec<&'static str> {
            names.into_iter().filter(|name| *name != "journal_write").collect()
        };
        assert_eq!(but_room(failing(|_| {})), [""; 0]);
        assert_eq!(but_room(failing(|s| s.turned_ns -= TURN_AGE_NS_MAX + 1)), ["core"]);
        assert_eq!(but_room(failing(|s| s.made_ns -= TURN_AGE_NS_MAX + 1)), ["core"]);
        assert_eq!(
            but_room(failing(|s| s.journal.sync_lag_ns = SYNC_LAG_NS_MAX + 1)),
            ["journal_sync"]
        );
        assert_eq!(but_room(failing(|s| s.status.venues[1].up = false)), ["venues"]);
        assert!(failing(|s| s.journal.failed = true).contains(&"journal_write"));
    }

    #[test]
    fn a_node_that_has_not_turned_yet_says_so_and_claims_nothing() {
        let detail = |change: fn(&mut Snapshot)| {
            let health = Health::new(std::env::temp_dir());
            health.set_phase(Phase::Running);
            let mut shown = sound();
            change(&mut shown);
            let answer = health.readiness(&shown, NOW);
            assert!(!answer.ready);
            answer.checks[1].detail.clone()
        };
        assert_eq!(detail(|s| s.turned_ns = 0), "no turn yet");
        let starting = "no figures yet: the node is starting";
        assert_eq!(detail(|s| *s = Snapshot::default()), starting);
    }

    #[test]
    fn a_node_that_recovers_or_ends_is_not_ready_and_an_answer_is_kept_for_a_second() {
        let health = Health::new(std::env::temp_dir());
        let recovery = |now| {
            let answer =
                health.readiness(&Snapshot { turned_ns: now, made_ns: now, ..sound() }, now);
            answer.checks[0].ok
        };
        assert!(!recovery(NOW));
        health.set_phase(Phase::Running);
        assert!(!recovery(NOW + READY_KEPT_NS - 1), "the answer is kept");
        assert!(recovery(NOW + READY_KEPT_NS));
        health.set_phase(Phase::Ending);
        assert!(!recovery(NOW + 2 * READY_KEPT_NS));
    }
}
