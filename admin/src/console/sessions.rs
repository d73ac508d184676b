//! What the client gateway shows of its sessions, for the console to read.
//!
//! A line belongs here if it is about a session's connection. What the core knows of a session
//! comes from the read model.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, TryLockError};

use serde_json::{Map, Value, json};

/// The state of one session's connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// A client is logged on.
    pub connected: bool,
    /// Sequence number that the next message of the client must have.
    pub next_in: u64,
    /// Sequence number that the next message to the client gets.
    pub next_out: u64,
    /// When the last message of the client arrived, nanoseconds since the Unix epoch.
    pub last_in_ns: u64,
    /// Bytes that wait to be written to the client.
    pub backlog_bytes: u64,
}

/// An address that is locked out of a session after wrong Logons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lockout {
    /// Place of the session in the configuration.
    pub place: usize,
    /// The address, or the network part of an IPv6 address.
    pub address: Option<IpAddr>,
    /// Wrong Logons since the count began.
    pub failures: u32,
    /// Logons are refused until then, nanoseconds since the Unix epoch.
    pub until_ns: u64,
}

/// Most lock-outs that are shown.
pub const LOCKOUTS_SHOWN_MAX: usize = 256;

#[derive(Debug, Default)]
struct Gauge {
    name: String,
    kind: &'static str,
    connected: AtomicBool,
    /// Its hours have begun and are not over; true where it has none.
    in_hours: AtomicBool,
    next_in: AtomicU64,
    next_out: AtomicU64,
    last_in_ns: AtomicU64,
    backlog_bytes: AtomicU64,
    /// Why the session is cut off until a restart.
    failure: OnceLock<String>,
}

/// The connections of all configured sessions: the gateway's thread stores, the console's threads
/// load, and the gateway's thread waits for nobody.
#[derive(Debug, Default)]
pub struct SessionGauges {
    gauges: Vec<Gauge>,
    lockouts: Mutex<Vec<Lockout>>,
}

impl SessionGauges {
    /// For sessions of these names and kinds (`trading`, `drop-copy`), in the order of the
    /// configuration.
    pub fn new(sessions: impl IntoIterator<Item = (String, &'static str)>) -> Self {
        let in_hours = || AtomicBool::new(true);
        let gauge = |(name, kind)| Gauge { name, kind, in_hours: in_hours(), ..Gauge::default() };
        Self { gauges: sessions.into_iter().map(gauge).collect(), lockouts: Mutex::default() }
    }

    /// Stores the connection of one session, by its place in the configuration. Only one thread
    /// may call this.
    pub fn store(&self, place: usize, connection: &Connection) {
        let Some(gauge) = self.gauges.get(place) else { return };
        gauge.connected.store(connection.connected, Ordering::Relaxed);
        gauge.next_in.store(connection.next_in, Ordering::Relaxed);
        gauge.next_out.store(connection.next_out, Ordering::Relaxed);
        gauge.last_in_ns.store(connection.last_in_ns, Ordering::Relaxed);
        gauge.backlog_bytes.store(connection.backlog_bytes, Ordering::Relaxed);
    }

    /// Stores whether one session is within its hours, by its place in the configuration.
    pub fn store_in_hours(&self, place: usize, in_hours: bool) {
        if let Some(gauge) = self.gauges.get(place) {
            gauge.in_hours.store(in_hours, Ordering::Relaxed);
        }
    }

    /// Names of the sessions that are within their hours and whose client is not logged on.
    pub fn away(&self) -> impl Iterator<Item = &str> {
        let is_away = |gauge: &&Gauge| {
            gauge.in_hours.load(Ordering::Relaxed) && !gauge.connected.load(Ordering::Relaxed)
        };
        self.gauges.iter().filter(is_away).map(|gauge| gauge.name.as_str())
    }

    /// Whether the configuration in use has the session. The journal also knows removed ones.
    pub fn is_configured(&self, name: &str) -> bool {
        self.gauges.iter().any(|gauge| gauge.name == name)
    }

    /// Stores the lock-outs, at most [`LOCKOUTS_SHOWN_MAX`] of them. False if a console reads them
    /// at this moment: the caller tries again later.
    pub fn store_lockouts(&self, fill: impl FnOnce(&mut dyn FnMut(Lockout))) -> bool {
        let mut lockouts = match self.lockouts.try_lock() {
            Ok(lockouts) => lockouts,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        lockouts.clear();
        fill(&mut |one| {
            if lockouts.len() < LOCKOUTS_SHOWN_MAX {
                lockouts.push(one);
            }
        });
        true
    }

    /// The lock-outs that hold now, with the names of their sessions.
    pub(super) fn lockouts(&self, now_ns: u64) -> Vec<(String, Lockout)> {
        let stored = self.lockouts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let hold = stored.into_iter().filter(|one| now_ns < one.until_ns);
        hold.filter_map(|one| Some((self.gauges.get(one.place)?.name.clone(), one))).collect()
    }

    /// Stores the word why a session is cut off until a restart. The first one stays.
    pub fn fail(&self, place: usize, word: String) {
        if let Some(gauge) = self.gauges.get(place) {
            gauge.failure.get_or_init(|| word);
        }
    }

    /// The members of each session's row, by its name.
    pub(super) fn rows(&self, now_ns: u64) -> Vec<(String, Map<String, Value>)> {
        let lockouts = self.lockouts(now_ns);
        let row = |gauge: &Gauge| {
            let locked_out = lockouts.iter().filter(|(name, _)| *name == gauge.name).count();
            let of = |value: &AtomicU64| value.load(Ordering::Relaxed);
            let row = json!({
                "kind": gauge.kind,
                "configured": true,
                "connected": gauge.connected.load(Ordering::Relaxed),
                "in_hours": gauge.in_hours.load(Ordering::Relaxed),
                "next_in": of(&gauge.next_in), "next_out": of(&gauge.next_out),
                "last_in_ns": of(&gauge.last_in_ns), "backlog_bytes": of(&gauge.backlog_bytes),
                "failure": gauge.failure.get(),
                "locked_out": locked_out,
            });
            (gauge.name.clone(), super::snapshot::members(row))
        };
        self.gauges.iter().map(row).collect()
    }
}
