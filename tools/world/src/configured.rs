//! A node of the world out of a configuration file, as the program makes its node.
//!
//! A line belongs here if it turns a configuration into [`Parts`]. Addresses, folders and sizes of
//! rings have no meaning in the world.

use std::path::Path;

use rutter::config::{Config, ConfigError};
use rutter::node::boot::{self, Names};
use rutter::node::error::NodeError;
use rutter::{node, venues};
use rutter_core::hash::Rolling;
use rutter_core::input::Genesis;
use rutter_journal::Durability;

use crate::node::{Machinery, Parts, Running};

/// Size of a journal segment, bytes. A segment lies in memory, so it is smaller than on a disk.
const SEGMENT_BYTES: usize = 1 << 20;

/// Why a configuration makes no node.
#[derive(Debug, thiserror::Error)]
pub enum ConfiguredError {
    /// The text is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A part refuses its settings.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// An adapter refuses its settings, or a secret cannot be read.
    #[error(transparent)]
    Venue(#[from] venues::VenueError),
    /// A name is used and not defined.
    #[error("a name is not defined")]
    Undefined,
}

/// A configuration, with the ids of its names.
#[derive(Clone, Debug)]
pub struct Configured {
    config: Config,
    names: Names,
    genesis: Genesis,
}

impl Configured {
    /// Reads a configuration file, and the secrets that it names. A new journal's ids follow from
    /// the seed.
    ///
    /// # Errors
    /// [`ConfiguredError`].
    pub fn read(path: &Path, seed: u64) -> Result<Self, ConfiguredError> {
        let config = Config::parse(&Config::read(path)?)?;
        let mut names = Names::default();
        names.add_config(&config);
        let mut mixed = Rolling::new(seed);
        mixed.word(seed);
        let genesis = boot::genesis(&config, mixed.value());
        let configured = Self { config, names, genesis };
        // What would fail at a start fails here.
        configured.parts()?;
        Ok(configured)
    }

    /// Number of client sessions.
    pub fn sessions(&self) -> usize {
        self.config.session.len()
    }

    /// Names of the venues; the index is the id.
    pub fn venues(&self) -> &[String] {
        &self.names.venues
    }

    /// What a node is made from, at each start anew.
    ///
    /// # Errors
    /// [`ConfiguredError`].
    pub fn parts(&self) -> Result<Parts, ConfiguredError> {
        let Self { config, names, genesis } = self;
        let gateway = node::gateway_settings(config, names, genesis.node_tag)?;
        let definitions = boot::inputs(config, names).ok_or(ConfiguredError::Undefined)?;
        let mut machines = Vec::new();
        for venue in &config.venue {
            let setup = venues::setup(config, venue, names, genesis.node_tag)?;
            let at = setup.venue.index();
            machines.push(Running::new(Machinery::Orders(venues::orders(venue, &setup)?), at));
            machines.push(Running::new(Machinery::Feed(venues::feed(venue, &setup)?), at));
        }
        let journal = rutter_journal::Config::new(Durability::Process);
        Ok(Parts {
            gateway,
            genesis: *genesis,
            journal: journal.stepped().segment_bytes(SEGMENT_BYTES),
            definitions,
            machines,
        })
    }
}
