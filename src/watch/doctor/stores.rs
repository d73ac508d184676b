//! The message stores of the sessions: whether their files are sound.

use rutter_fix::store::{DamageReport, look};

use super::finding::Finding;
use crate::config::Config;
use crate::node::{boot, stores};

const CHECK: &str = "message_stores";

/// Damaged places of one session that are named.
const NAMED_MAX: usize = 4;

/// Looks at the store of each session. Nothing is changed, and a running node is not disturbed.
pub fn examine(config: &Config) -> Vec<Finding> {
    let Some(genesis) = boot::begun(&config.node.data_dir.join("journal")) else {
        return vec![Finding::ok(CHECK, "no journal yet, so no store")];
    };
    let mut findings = Vec::new();
    for session in &config.session {
        let name = session.comp_id.as_str();
        let folder = stores::folder(&config.node.data_dir, name);
        match look(&folder, stores::settings(config, name, genesis.node_tag)) {
            Ok(report) if report.count == 0 => {}
            Ok(report) => findings.push(Finding::warn(
                CHECK,
                damaged(name, &report),
                "look at the disk; docs/runbooks/RutterFixStore.md",
            )),
            Err(error) => {
                let word = error.fault().map_or("refused", |fault| fault.word());
                let found = format!("{name}: {word}: {error}");
                findings.push(Finding::fail(CHECK, found, "docs/runbooks/RutterFixStore.md"));
            }
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, format!("{} are sound", config.session.len())));
    }
    findings
}

fn damaged(session: &str, report: &DamageReport) -> String {
    let named = report.places.iter().take(NAMED_MAX);
    let places: Vec<String> = named
        .map(|place| format!("{} at byte {} of {}", place.kind, place.at, place.file.display()))
        .collect();
    let more = report.count.saturating_sub(places.len() as u64);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    format!("{session}: {}{more}; {} reports are lost", places.join(", "), report.lost_events)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;
    use crate::node::decider::Decider;
    use rutter_fix::store::{Entry, MessageStore as _, MmapStore};
    use rutter_journal::{Durability, FileStorage};

    #[test]
    fn a_damaged_store_is_a_warning_and_one_that_is_refused_a_failure() {
        let dir = tempfile::tempdir().expect("folder");
        let text = include_str!("../../../deploy/example.toml");
        let mut config = Config::parse(text).expect("sound");
        dir.path().clone_into(&mut config.node.data_dir);
        let level = |config: &Config| examine(config).iter().map(|one| one.level).max();
        assert_eq!(level(&config), Some(Level::Ok), "nothing there yet");
        let genesis = boot::genesis(&config, 77);
        let journal = dir.path().join("journal");
        let storage = FileStorage::create(&journal).expect("made");
        let settings = rutter_journal::Config::new(Durability::Process);
        let mut outputs: Vec<rutter_core::output::Output> = Vec::new();
        Decider::open(storage, settings, &genesis, 1, &mut outputs).expect("a new journal");
        let name = config.session[0].comp_id.clone();
        let folder = stores::folder(dir.path(), &name);
        let settings = stores::settings(&config, &name, genesis.node_tag);
        let mut store = MmapStore::open(&folder, settings).expect("opened");
        let body = b"58=a report\x01";
        for seq in 1..=2 {
            let entry = Entry { seq, event_no: seq, sending_ns: 1, msg_type: b"8", body };
            store.append(&entry).expect("stored");
        }
        drop(store);
        assert_eq!(level(&config), Some(Level::Ok));
        let segment = folder.join("segment-000000000001.fix");
        let mut bytes = std::fs::read(&segment).expect("read");
        bytes[90] ^= 1;
        std::fs::write(&segment, bytes).expect("written");
        let found = examine(&config);
        assert_eq!(found[0].level, Level::Warn, "{found:?}");
        assert!(found[0].found.contains("damaged record at byte 32"), "{found:?}");
        std::fs::remove_file(folder.join("state")).expect("removed");
        let found = examine(&config);
        assert_eq!(found[0].level, Level::Fail, "{found:?}");
        assert!(found[0].found.contains("store damaged"), "{found:?}");
    }
}
