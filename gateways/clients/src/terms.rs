//! Tables made once from the configuration: symbols, decimals, names, id prefixes.
//!
//! A line belongs here if it looks something up that never changes while the gateway runs.

use rutter_core::id::{AssetId, InstrumentId, Name, SessionId, VenueId};
use rutter_fix::codec::TimePrecision;
use rutter_fix::dictionary::Version;

use crate::config::{GatewayConfig, InstrumentConfig};

/// Bytes of `node_tag` as eight hexadecimal digits and a dash.
pub const PREFIX_BYTES: usize = 9;

/// The tables that reading a message and writing a report need.
#[derive(Debug)]
pub struct Terms {
    /// Instruments, sorted by symbol.
    by_symbol: Vec<InstrumentConfig>,
    by_id: Vec<Option<InstrumentConfig>>,
    venues: Vec<Name>,
    assets: Vec<Name>,
    node_tag: u32,
    prefix: [u8; PREFIX_BYTES],
}

/// The session that a message belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Owner {
    /// The session's id.
    pub session: SessionId,
    /// The session's account.
    pub account: Name,
    /// The session's FIX version.
    pub version: Version,
    /// Decimals of the times that we write.
    pub precision: TimePrecision,
}

impl Terms {
    /// The tables of a configuration that has been checked.
    pub fn new(config: &GatewayConfig) -> Self {
        let mut by_symbol = config.instruments.clone();
        by_symbol.sort_unstable_by(|a, b| a.symbol.as_bytes().cmp(b.symbol.as_bytes()));
        let slots = by_symbol.iter().map(|one| one.id.index() + 1).max().unwrap_or(0);
        let mut by_id = vec![None; slots];
        for instrument in &by_symbol {
            by_id[instrument.id.index()] = Some(*instrument);
        }
        let mut prefix = [b'-'; PREFIX_BYTES];
        for (place, byte) in prefix.iter_mut().take(8).enumerate() {
            let nibble = (config.node_tag >> (28 - 4 * place)) & 0xf;
            *byte = b"0123456789abcdef"[nibble as usize];
        }
        Self {
            by_symbol,
            by_id,
            venues: config.venues.clone(),
            assets: config.assets.clone(),
            node_tag: config.node_tag,
            prefix,
        }
    }

    /// The instrument with that `Symbol`.
    pub fn by_symbol(&self, symbol: &[u8]) -> Option<&InstrumentConfig> {
        let at = self.by_symbol.binary_search_by(|one| one.symbol.as_bytes().cmp(symbol));
        at.ok().and_then(|at| self.by_symbol.get(at))
    }

    /// The instrument with that id.
    pub fn instrument(&self, id: InstrumentId) -> Option<&InstrumentConfig> {
        self.by_id.get(id.index())?.as_ref()
    }

    /// The venue's name.
    pub fn venue(&self, id: VenueId) -> Option<&Name> {
        self.venues.get(id.index())
    }

    /// The venue with that name.
    pub fn venue_named(&self, name: &[u8]) -> Option<VenueId> {
        let at = self.venues.iter().position(|venue| venue.as_bytes() == name)?;
        u8::try_from(at).ok().map(VenueId)
    }

    /// The venues' names by id.
    pub fn venues(&self) -> &[Name] {
        &self.venues
    }

    /// The asset's name.
    pub fn asset(&self, id: AssetId) -> Option<&Name> {
        self.assets.get(id.index())
    }

    /// The node tag: tells this journal's orders from those of every other journal.
    pub const fn node_tag(&self) -> u32 {
        self.node_tag
    }

    /// The beginning of every `ExecID` and `OrderID`.
    pub const fn prefix(&self) -> &[u8; PREFIX_BYTES] {
        &self.prefix
    }
}
