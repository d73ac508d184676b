//! The message stores of the configured sessions: their folders, and what becomes of a session
//! whose store cannot be used.
//!
//! A line belongs here if it opens stores, or looks at them. What is in a store is `rutter-fix`.

use std::path::{Path, PathBuf};

use rutter_core::hash::Rolling;
use rutter_fix::store::{
    AtNeedStore, DamagedPlace, MmapConfig, MmapStore, Preparer, StoreError, StoreFault, folder_name,
};

use super::boot::Names;
use super::error::NodeError;
use crate::clock::unix_ns;
use crate::config::Config;

const DAY_NS: u64 = 86_400_000_000_000;
const NS_PER_S: u64 = 1_000_000_000;

/// The folder of a session's store.
pub fn folder(data_dir: &Path, comp_id: &str) -> PathBuf {
    data_dir.join("sessions").join(folder_name(comp_id))
}

/// The settings of a session's store. The owner identifies the session and the journal.
pub fn settings(config: &Config, comp_id: &str, node_tag: u32) -> MmapConfig {
    let mut owner = Rolling::new(u64::from(node_tag));
    for byte in comp_id.bytes() {
        owner.word(u64::from(byte));
    }
    let retention_bytes = config.fix.store_retention_bytes;
    // A store that takes the place of a lost one begins with another number, by the time.
    let first_epoch = unix_ns() / NS_PER_S;
    MmapConfig { retention_bytes, owner: owner.value(), first_epoch, ..MmapConfig::default() }
}

/// Opens the stores in the order of the configured sessions. A store that cannot be used is logged,
/// and a store that refuses stands in for it: its session is refused, and the others go on. A
/// session that has no folder gets one with its first message.
///
/// # Errors
/// [`NodeError`]: no memory.
pub fn open(
    config: &Config,
    names: &Names,
    node_tag: u32,
    preparer: &Preparer,
) -> Result<Vec<AtNeedStore>, NodeError> {
    let mut stores = Vec::with_capacity(config.session.len());
    for session in &config.session {
        let name = session.comp_id.as_str();
        // The store of a session that the journal does not know has nothing to repeat.
        stores.push(open_one(config, name, node_tag, preparer, names.is_journaled(name))?);
    }
    Ok(stores)
}

/// Opens the store of one session. `repeats` says whether the journal's events follow.
///
/// # Errors
/// [`NodeError`]: no memory.
pub fn open_one(
    config: &Config,
    name: &str,
    node_tag: u32,
    preparer: &Preparer,
    repeats: bool,
) -> Result<AtNeedStore, NodeError> {
    let kept_ns = u64::from(config.fix.store_retention_days) * DAY_NS;
    let folder = folder(&config.node.data_dir, name);
    let settings = settings(config, name, node_tag);
    if let Some(store) = AtNeedStore::for_new(&folder, settings, kept_ns, preparer, repeats) {
        return Ok(store);
    }
    let store = match MmapStore::open(&folder, settings) {
        Ok(store) => {
            tell_damage(name, &store);
            let store = store.keeping_ns(kept_ns).prepared_by(preparer);
            if repeats { store.repeats_follow() } else { store }
        }
        Err(error) => refuse(name, &error)?,
    };
    Ok(store.into())
}

fn refuse(session: &str, error: &StoreError) -> Result<MmapStore, NodeError> {
    let fault = error.fault().unwrap_or(StoreFault::Unreadable);
    tracing::error!(session, word = fault.word(), %error, "the session is refused");
    Ok(MmapStore::refused(fault)?)
}

fn tell_damage(session: &str, store: &MmapStore) {
    let report = store.damage();
    for DamagedPlace { file, at, bytes, kind } in &report.places {
        let file = file.display();
        tracing::error!(session, %file, offset = at, bytes, what = %kind, "message store damaged");
    }
    if report.count > 0 {
        let (places, lost) = (report.count, report.lost_events);
        tracing::error!(session, places, lost, "lost reports are repeated with PossResend");
    }
}
