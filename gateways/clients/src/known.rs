//! The addresses that a client is known to come from.
//!
//! A line belongs here if it tells a known address from a stranger's. Known are the networks of the
//! configuration, and the addresses of the latest good Logons. What being known is good for is
//! `gateway/admission.rs`.

use core::str::FromStr;
use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::lockout::SourceAddress;

/// Most addresses of good Logons that are remembered; beyond that the oldest is forgotten.
pub const KNOWN_MAX: usize = 1_024;

/// A network, as `192.0.2.0/24`, `2001:db8::/32` or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

/// A text that is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address and no network such as 192.0.2.0/24 or 2001:db8::/32")]
pub struct NetworkError(String);

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let wrong = || NetworkError(text.chars().take(64).collect());
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(most), |prefix| prefix.parse().map_err(|_| wrong()))?;
        if prefix > most {
            return Err(wrong());
        }
        Ok(Self { address, prefix })
    }
}

impl Network {
    /// Whether an address lies in the network.
    pub fn holds(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let differs = ours.to_bits() ^ theirs.to_bits();
                differs.checked_shr(32 - self.prefix).unwrap_or(0) == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let differs = ours.to_bits() ^ theirs.to_bits();
                differs.checked_shr(128 - self.prefix).unwrap_or(0) == 0
            }
            _ => false,
        }
    }
}

/// The known addresses.
#[derive(Clone, Debug, Default)]
pub struct KnownAddresses {
    networks: Vec<Network>,
    /// Addresses of good Logons, with the time of the newest.
    logons: BTreeMap<SourceAddress, u64>,
}

impl KnownAddresses {
    /// The networks of the configuration.
    pub const fn new(networks: Vec<Network>) -> Self {
        Self { networks, logons: BTreeMap::new() }
    }

    /// Whether a client is known to come from an address.
    pub fn holds(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.holds(address))
            || self.logons.contains_key(&SourceAddress::from(address))
    }

    /// A Logon from an address was good.
    pub fn learn(&mut self, now_ns: u64, source: SourceAddress) {
        if self.logons.len() >= KNOWN_MAX && !self.logons.contains_key(&source) {
            let oldest = self.logons.iter().min_by_key(|(_, at_ns)| **at_ns);
            if let Some(oldest) = oldest.map(|(source, _)| *source) {
                self.logons.remove(&oldest);
            }
        }
        self.logons.insert(source, now_ns);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(text: &str) -> Network {
        text.parse().expect("a network")
    }

    fn at(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn a_network_holds_its_addresses_and_no_other() {
        for (text, inside, outside) in [
            ("192.0.2.0/24", "192.0.2.255", "192.0.3.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("192.0.2.0/24", "::ffff:192.0.2.1", "2001:db8::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("0.0.0.0/0", "203.0.113.1", "::1"),
            ("::/0", "2001:db8::1", "192.0.2.1"),
        ] {
            assert!(network(text).holds(at(inside)), "{text} {inside}");
            assert!(!network(text).holds(at(outside)), "{text} {outside}");
        }
        for wrong in ["", "x", "192.0.2.0/33", "::/129", "192.0.2.0/", "192.0.2.0/-1", "1.2.3/8"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses_of_good_logons_are_known_within_a_bound() {
        let mut known = KnownAddresses::new(vec![network("192.0.2.0/24")]);
        assert!(known.holds(at("192.0.2.9")) && !known.holds(at("10.0.0.0")));
        for number in 0..=KNOWN_MAX as u32 {
            let address = IpAddr::from((0x0a00_0000 + number).to_be_bytes());
            known.learn(u64::from(number), address.into());
        }
        assert_eq!(known.logons.len(), KNOWN_MAX);
        assert!(!known.holds(at("10.0.0.0")) && known.holds(at("10.0.0.1")));
    }
}
