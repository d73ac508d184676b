//! Which addresses sent too many wrong Logons, and until when they are refused.
//!
//! A line belongs here if it needs the address of a Logon, the session that it named, and the time.
//! Judging a Logon is `credentials`.
//!
//! Failures count for an address and a `CompID` together. So a stranger who knows a desk's `CompID`
//! cannot lock the desk out from another address. In return somebody with many addresses has as
//! many tries with each of them: against that signatures and long passwords help, not counting.
//! Desks behind one address (NAT, proxy) share a count only if they use the same `CompID`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

/// Pairs of address and `CompID` that are remembered; beyond that the pair with the oldest failure
/// is forgotten.
pub const LOCKOUTS_MAX: usize = 4_096;

/// A peer's address as limits count it: an IPv4 address, or the /56 of an IPv6 address. Providers
/// give one customer a /56 or more (RIPE-690, section 4.2): all of it counts as one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceAddress(IpAddr);

/// The network part of an IPv6 address.
const IPV6_NETWORK: u128 = !0 << 72;

impl From<IpAddr> for SourceAddress {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & IPV6_NETWORK).into(),
            address @ IpAddr::V4(_) => address,
        })
    }
}

/// How many failures lock an address out, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockoutRule {
    /// Failures until the first lock-out.
    pub failures_max: u32,
    /// Length of the first lock-out; each further one is twice as long.
    pub first_ns: u64,
    /// Length of the longest lock-out. After as long without a failure the count begins anew.
    pub longest_ns: u64,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    failures: u32,
    locks: u32,
    until_ns: u64,
    failed_ns: u64,
}

/// A lock-out, as operators see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockoutShown {
    /// The address, or the network part of an IPv6 address; `None` if the carrier has no addresses.
    pub address: Option<IpAddr>,
    /// Wrong Logons since the count began.
    pub failures: u32,
    /// Logons are refused until then, nanoseconds since the Unix epoch.
    pub until_ns: u64,
}

/// See the module's text. `None` stands for an address that the carrier does not know.
#[derive(Clone, Debug)]
pub struct Lockouts {
    rule: LockoutRule,
    entries: BTreeMap<(Option<SourceAddress>, usize), Entry>,
    revision: u64,
}

impl Lockouts {
    /// Nobody is locked out.
    pub const fn new(rule: LockoutRule) -> Self {
        Self { rule, entries: BTreeMap::new(), revision: 0 }
    }

    /// Whether an address is locked out of the session at a place of the configuration.
    pub fn is_locked(&self, now_ns: u64, source: Option<SourceAddress>, client: usize) -> bool {
        self.entries.get(&(source, client)).is_some_and(|entry| now_ns < entry.until_ns)
    }

    /// A Logon was wrong. Returns the length of the lock-out, if one begins now.
    pub fn failed(
        &mut self,
        now_ns: u64,
        source: Option<SourceAddress>,
        client: usize,
    ) -> Option<u64> {
        let fresh = Entry { failures: 0, locks: 0, until_ns: 0, failed_ns: now_ns };
        let key = (source, client);
        if !self.entries.contains_key(&key) {
            self.make_room();
        }
        let entry = self.entries.entry(key).or_insert(fresh);
        let quiet_since = entry.until_ns.max(entry.failed_ns);
        if now_ns.saturating_sub(quiet_since) > self.rule.longest_ns {
            *entry = fresh;
        }
        entry.failed_ns = now_ns;
        entry.failures = entry.failures.saturating_add(1);
        // After a lock-out a single failure starts the next one.
        if entry.failures < self.rule.failures_max {
            return None;
        }
        let doubled = self.rule.first_ns.saturating_mul(1 << entry.locks.min(32));
        let lock_ns = doubled.min(self.rule.longest_ns);
        entry.locks = entry.locks.saturating_add(1);
        self.revision += 1;
        entry.until_ns = now_ns.saturating_add(lock_ns);
        Some(lock_ns)
    }

    /// A Logon was accepted.
    pub fn succeeded(&mut self, source: Option<SourceAddress>, client: usize) {
        self.entries.remove(&(source, client));
    }

    /// Forgets all failures of the session at a place of the configuration.
    pub fn lift(&mut self, client: usize) {
        self.entries.retain(|(_, of), _| *of != client);
        self.revision += 1;
    }

    /// A number that grows when a lock-out begins or is lifted.
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// The lock-outs that hold now, with the place of their session in the configuration.
    pub fn each(&self, now_ns: u64, mut see: impl FnMut(usize, &LockoutShown)) {
        for ((source, client), entry) in &self.entries {
            if now_ns < entry.until_ns {
                let address = source.map(|source| source.0);
                let Entry { failures, until_ns, .. } = *entry;
                see(*client, &LockoutShown { address, failures, until_ns });
            }
        }
    }

    fn make_room(&mut self) {
        if self.entries.len() < LOCKOUTS_MAX {
            return;
        }
        let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.failed_ns);
        if let Some(key) = oldest.map(|(key, _)| *key) {
            self.entries.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;
    const RULE: LockoutRule =
        LockoutRule { failures_max: 3, first_ns: 30 * SECOND, longest_ns: 100 * SECOND };

    fn at(text: &str) -> SourceAddress {
        text.parse::<IpAddr>().expect("an address").into()
    }

    #[test]
    fn the_third_failure_locks_and_each_further_one_twice_as_long_up_to_a_limit() {
        let mut lockouts = Lockouts::new(RULE);
        let here = Some(at("192.0.2.1"));
        assert_eq!(lockouts.failed(1, here, 0), None);
        assert_eq!(lockouts.failed(2, here, 0), None);
        let mut now = 3;
        for seconds in [30, 60, 100, 100] {
            assert!(!lockouts.is_locked(now, here, 0));
            assert_eq!(lockouts.failed(now, here, 0), Some(seconds * SECOND));
            assert!(lockouts.is_locked(now + seconds * SECOND - 1, here, 0));
            now += seconds * SECOND;
        }
        assert!(!lockouts.is_locked(now, here, 1), "another CompID");
        assert!(!lockouts.is_locked(now, Some(at("192.0.2.2")), 0), "another source");
    }

    #[test]
    fn a_good_logon_and_a_long_quiet_make_it_forgotten() {
        let mut lockouts = Lockouts::new(RULE);
        let here = Some(at("192.0.2.1"));
        for now in 0..2 {
            assert_eq!(lockouts.failed(now, here, 0), None);
        }
        lockouts.succeeded(here, 0);
        for now in 2..4 {
            assert_eq!(lockouts.failed(now, here, 0), None);
        }
        let later = 4 + 101 * SECOND;
        assert_eq!(lockouts.failed(later, here, 0), None, "the old ones are forgotten");
    }

    #[test]
    fn an_operator_sees_and_lifts_the_lock_outs_of_one_session() {
        let mut lockouts = Lockouts::new(LockoutRule { failures_max: 1, ..RULE });
        for (address, client) in [("192.0.2.1", 0), ("192.0.2.2", 0), ("192.0.2.1", 1)] {
            lockouts.failed(7, Some(at(address)), client);
        }
        let seen = |lockouts: &Lockouts, now_ns| {
            let mut seen = Vec::new();
            lockouts.each(now_ns, |client, one| seen.push((client, one.until_ns)));
            seen
        };
        let until_ns = 7 + 30 * SECOND;
        assert_eq!(seen(&lockouts, 8), [(0, until_ns), (1, until_ns), (0, until_ns)]);
        let before = lockouts.revision();
        lockouts.lift(0);
        assert!(lockouts.revision() > before && !lockouts.is_locked(8, Some(at("192.0.2.1")), 0));
        assert_eq!(seen(&lockouts, 8), [(1, until_ns)]);
        assert_eq!(seen(&lockouts, until_ns), [], "a lock-out that is over is not shown");
    }

    #[test]
    fn the_table_is_bounded_and_forgets_the_oldest() {
        let mut lockouts = Lockouts::new(LockoutRule { failures_max: 1, ..RULE });
        let source =
            |number: usize| Some(SourceAddress(Ipv6Addr::from_bits((number as u128) << 72).into()));
        for number in 0..LOCKOUTS_MAX + 10 {
            lockouts.failed(number as u64, source(number), 0);
        }
        assert_eq!(lockouts.entries.len(), LOCKOUTS_MAX);
        assert!(!lockouts.is_locked(LOCKOUTS_MAX as u64, source(9), 0));
        assert!(lockouts.is_locked(LOCKOUTS_MAX as u64, source(10), 0));
    }

    #[test]
    fn one_host_is_one_source() {
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1"));
        assert_eq!(at("2001:db8::1"), at("2001:db8:0:ff::1"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:100::1"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
        assert_ne!(at("192.0.2.2"), at("192.0.2.1"));
    }
}
