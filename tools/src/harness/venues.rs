//! The simulated venues on one server thread.
//!
//! A line belongs here if it starts, addresses or stops the server. Books, orders and executions of
//! the venues are `market`, instruments and protocols `rutter_sim`.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};

use rutter_sim::Venue;
use rutter_sim::faults::Fault;
use rutter_sim::server::{
    ListenerConfig, ListenerKind, ServerHandle, VenueConfig, certificates, start,
};
use rutter_sim::venue::Endpoint;

use super::config::further_name;
use super::market::{Market, SharedFront, VenuesConfig};
use super::{HarnessError, io};
use crate::clock::unix_ns;

/// File of the certificate authority that the venues' certificate is signed by, in
/// [`Venues::dir`].
pub(super) const CA_FILE: &str = "ca.pem";

/// All venues, running. Dropping it stops them.
#[derive(Debug)]
pub struct Venues {
    server: ServerHandle,
    market: Market,
    dir: PathBuf,
    seed: u64,
}

impl Deref for Venues {
    type Target = Market;

    fn deref(&self) -> &Market {
        &self.market
    }
}

impl DerefMut for Venues {
    fn deref_mut(&mut self) -> &mut Market {
        &mut self.market
    }
}

fn listeners(base: u16, endpoints: &[Endpoint]) -> Vec<ListenerConfig> {
    let port = |offset: usize| if base == 0 { 0 } else { base.saturating_add(offset as u16) };
    let listener = |(offset, endpoint): (usize, &Endpoint)| ListenerConfig {
        address: SocketAddr::from((Ipv4Addr::LOCALHOST, port(offset))),
        tls: endpoint.tls,
        kind: endpoint.kind,
    };
    endpoints.iter().enumerate().map(listener).collect()
}

impl Venues {
    /// Starts all venues on loopback and writes into `dir` the certificate authority (`ca.pem`),
    /// the files with the secrets of the node's keys at each venue, and `keys.json` (names of keys
    /// and files).
    ///
    /// # Errors
    /// [`HarnessError`]: a port is taken, or a file cannot be written.
    pub fn start(config: &VenuesConfig, dir: &Path) -> Result<Self, HarnessError> {
        std::fs::create_dir_all(dir).map_err(io(format!("make {}", dir.display())))?;
        write_keys(config.seed, dir)?;
        let market = Market::open(config, unix_ns())?;
        let tls = certificates::self_made(&dir.join(CA_FILE))?;
        let served = |(venue, front): (Venue, SharedFront)| VenueConfig {
            name: venue.name().to_owned(),
            front: Box::new(front),
            listeners: listeners(
                config.ports.get(&venue).copied().unwrap_or(0),
                venue.terms().endpoints(),
            ),
        };
        let served = Venue::ALL.into_iter().zip(market.fronts()).map(served).collect();
        let server = start(served, Some(&tls), unix_ns)?;
        Ok(Self { server, market, dir: dir.to_owned(), seed: config.seed })
    }

    /// The folder of certificates and keys.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The seed that the venues were started with; the keys follow from it.
    pub(super) const fn seed(&self) -> u64 {
        self.seed
    }

    /// Where a venue listens; `None` if it has no such listener.
    pub fn address(&self, venue: Venue, kind: ListenerKind, tls: bool) -> Option<SocketAddr> {
        let wanted = |at: &&rutter_sim::server::ListenerAddress| {
            at.venue == venue.name() && at.kind == kind && at.tls == tls
        };
        self.server.addresses().iter().find(wanted).map(|at| at.address)
    }

    /// The server, for its addresses and counters.
    pub fn server(&self) -> &ServerHandle {
        &self.server
    }

    /// Injects a fault into a venue.
    pub fn inject(&self, venue: Venue, fault: Fault) {
        self.server.inject(venue.name(), fault);
    }

    /// Stops the server.
    ///
    /// # Errors
    /// Why the server had stopped by itself.
    pub fn stop(self) -> Result<(), HarnessError> {
        Ok(self.server.stop()?)
    }
}

/// Writes the files with the secrets of the node's keys at each venue, and `keys.json`, which has
/// the keys: of the first account by the venue's name, of the further one by that name and `-b`.
pub(super) fn write_keys(seed: u64, dir: &Path) -> Result<(), HarnessError> {
    let mut keys = serde_json::Map::new();
    let mut files = Vec::new();
    for venue in Venue::ALL {
        let names = [venue.name().to_owned(), further_name(venue)];
        let both = [venue.terms().credentials(seed), venue.terms().further_credentials(seed)];
        for (name, key) in names.into_iter().zip(both) {
            let (api_key, secret_file) = (key.api_key, key.secret_file);
            keys.insert(
                name,
                serde_json::json!({ "api_key": api_key, "secret_file": secret_file }),
            );
            files.push((secret_file, key.secret));
        }
    }
    files.push(("keys.json", serde_json::Value::Object(keys).to_string()));
    for (name, text) in files {
        let path = dir.join(name);
        std::fs::write(&path, text).map_err(io(format!("write {}", path.display())))?;
    }
    Ok(())
}
