//! What the client gateway shows of its sessions, for the console to read.
//!
//! A line belongs here if it is about a session's connection. What the core knows of a session
//! comes from the read model.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError, RwLock, RwLockReadGuard, TryLockError};

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
/// load, and the gateway's thread waits for nobody. While sessions are added, which takes a moment,
/// nothing is stored; the next look stores it.
#[derive(Debug, Default)]
pub struct SessionGauges {
    gauges: RwLock<Vec<Gauge>>,
    lockouts: Mutex<Vec<Lockout>>,
}

impl SessionGauges {
    /// For sessions of these names and kinds (`trading`, `drop-copy`), in the order of the
    /// configuration.
    pub fn new(sessions: impl IntoIterator<Item = (String, &'static str)>) -> Self {
        let gauges = Self::default();
        gauges.add(sessions);
        gauges
    }

    /// Adds sessions behind those that are there.
    pub fn add(&self, sessions: impl IntoIterator<Item = (String, &'static str)>) {
        let in_hours = || AtomicBool::new(true);
        let gauge = |(name, kind)| Gauge { name, kind, in_hours: in_hours(), ..Gauge::default() };
        let mut gauges = self.gauges.write().unwrap_or_else(PoisonError::into_inner);
        gauges.extend(sessions.into_iter().map(gauge));
    }

    fn read(&self) -> RwLockReadGuard<'_, Vec<Gauge>> {
        self.gauges.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The gauges, unless sessions are being added.
    fn read_now(&self) -> Option<RwLockReadGuard<'_, Vec<Gauge>>> {
        match self.gauges.try_read() {
            Ok(gauges) => Some(gauges),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Stores the connection of one session, by its place in the configuration. Only one thread
    /// may call this.
    pub fn store(&self, place: usize, connection: &Connection) {
        let Some(gauges) = self.read_now() else { return };
        let Some(gauge) = gauges.get(place) else { return };
        gauge.connected.store(connection.connected, Ordering::Relaxed);
        gauge.next_in.store(connection.next_in, Ordering::Relaxed);
        gauge.next_out.store(connection.next_out, Ordering::Relaxed);
        gauge.last_in_ns.store(connection.last_in_ns, Ordering::Relaxed);
        gauge.backlog_bytes.store(connection.backlog_bytes, Ordering::Relaxed);
    }

    /// Stores whether one session is within its hours, by its place in the configuration.
    pub fn store_in_hours(&self, place: usize, in_hours: bool) {
        if let Some(gauge) = self.read().get(place) {
            gauge.in_hours.store(in_hours, Ordering::Relaxed);
        }
    }

    /// Names of the sessions that are within their hours and whose client is not logged on: at most
    /// so many; and the number of all.
    pub fn away(&self, most: usize, is_meant: impl Fn(&str) -> bool) -> (Vec<String>, usize) {
        let (mut names, mut count) = (Vec::new(), 0);
        for gauge in self.read().iter() {
            let is_away =
                gauge.in_hours.load(Ordering::Relaxed) && !gauge.connected.load(Ordering::Relaxed);
            if is_away && is_meant(&gauge.name) {
                count += 1;
                if names.len() < most {
                    names.push(gauge.name.clone());
                }
            }
        }
        (names, count)
    }

    /// Whether the configuration in use has the session. The journal also knows removed ones.
    pub fn is_configured(&self, name: &str) -> bool {
        self.read().iter().any(|gauge| gauge.name == name)
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
        let (gauges, hold) = (self.read(), stored.into_iter().filter(|one| now_ns < one.until_ns));
        hold.filter_map(|one| Some((gauges.get(one.place)?.name.clone(), one))).collect()
    }

    /// Stores the word why a session is cut off until a restart. The first one stays.
    pub fn fail(&self, place: usize, word: String) {
        if let Some(gauges) = self.read_now()
            && let Some(gauge) = gauges.get(place)
        {
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
        self.read().iter().map(row).collect()
    }
}
