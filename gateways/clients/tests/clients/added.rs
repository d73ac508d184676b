//! Sessions that are added while the gateway runs.

use rutter_clients::{ConfigError, SessionConfig, SessionKind};
use rutter_core::id::SessionId;
use rutter_fix::store::{AtNeedStore, MmapConfig, Preparer};

use crate::desk::{Desk, store, text};

fn new_session(id: u16, comp_id: &str) -> SessionConfig {
    SessionConfig::trading(SessionId(id), comp_id, text("second"))
}

#[test]
fn a_client_of_an_added_session_logs_on_and_the_others_go_on() {
    let mut desk = Desk::new();
    desk.logon(1, "ALPHA");
    desk.try_logon(2, "ADDED1").saw(2, &[]);
    let before = desk.config.sessions.len();
    let added = [new_session(40, "ADDED1"), new_session(41, "ADDED2")];
    let stores = added.iter().map(|one| store(desk.folder(), &one.comp_id)).collect();
    let place = desk.gateway.add_sessions(desk.now, &added, stores).expect("sound");
    assert_eq!(place, before);
    desk.logon(3, "ADDED1");
    let mut connected = Vec::new();
    desk.gateway.each_session(|place, shown| {
        if shown.connected {
            connected.push(place);
        }
    });
    assert_eq!(connected, [0, before]);
}

#[test]
fn additions_that_contradict_what_is_there_are_refused_as_a_whole() {
    let mut desk = Desk::new();
    let taken = desk.config.sessions[0].comp_id.clone();
    let id = desk.config.sessions[0].id;
    let copy = SessionConfig {
        kind: SessionKind::DropCopy(vec![SessionId(999)]),
        ..new_session(42, "COPY9")
    };
    for (bad, expected) in [
        (new_session(50, &taken), ConfigError::CompIdTwice(taken.clone())),
        (SessionConfig { id, ..new_session(0, "ADDED3") }, ConfigError::SessionTwice(id.0)),
        (copy, ConfigError::DropCopy("COPY9".to_owned())),
    ] {
        let added = [new_session(51, "SOUND"), bad];
        let stores = added.iter().map(|one| store(desk.folder(), &format!("x{}", one.id.0)));
        let stores = stores.collect();
        let refused = desk.gateway.add_sessions(desk.now, &added, stores);
        assert_eq!(refused, Err(expected));
        assert!(desk.gateway.session(SessionId(51)).is_none(), "none of them is there");
    }
}

#[test]
fn a_session_has_no_files_before_its_client_logs_on() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let preparer = Preparer::start().expect("a thread");
    let config = crate::desk::config();
    let stores = config.sessions.iter().map(|one| {
        let small = MmapConfig { segment_bytes: 1 << 17, ..MmapConfig::default() };
        let folder = folder.path().join(&one.comp_id);
        AtNeedStore::for_new(&folder, small, 0, &preparer, true).expect("nothing is there")
    });
    let stores = stores.collect();
    let mut gateway = rutter_clients::ClientGateway::new(&config, stores).expect("sound");
    gateway.recovered();
    assert!(gateway.into_stores().iter().all(|store| !store.has_files()));
    assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 0);
}
