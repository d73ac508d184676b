//! The sessions that the conformance cases expect.

use rutter_fix::dictionary::Version;
use rutter_fix::session::{Config, NoCredentials, Session};
use rutter_fix::store::MemStore;

use super::application::{Answers, Application};

/// Bytes of sent messages kept for a resend, a session.
const KEPT_BYTES_MAX: usize = 16 << 20;

/// Our `CompID` in all of them.
const SENDER: &str = "ISLD";

/// A session, its application, and the connection it has.
#[derive(Debug)]
pub(super) struct Desk {
    /// The protocol.
    pub session: Session<MemStore, NoCredentials>,
    /// What answers.
    pub application: Answers,
    /// Place of its connection.
    pub owner: Option<usize>,
}

/// One session a version and service pack.
const SESSIONS: &[(Version, &str)] = &[
    (Version::Fix42, "TW42"),
    (Version::Fix44, "TW44"),
    (Version::Fix50Sp2, "TW50"),
    (Version::Fix50Sp2, "TW50SP1"),
    (Version::Fix50Sp2, "TW50SP2"),
];

/// The sessions, nobody connected.
pub(super) fn all(application: Application) -> Vec<Desk> {
    let desk = |(version, target): &(Version, &str)| {
        // HeartBtInt 0 is "no heartbeats" (FIX 4.4 volume 2, Logon).
        let config = Config {
            reset_on_logon: true,
            heartbeat_s_range: (0, 3_600),
            ..Config::acceptor(SENDER, target)
        };
        let config = config.validated(*version);
        Desk {
            session: Session::new(config, MemStore::new(KEPT_BYTES_MAX), NoCredentials),
            application: Answers::new(application),
            owner: None,
        }
    };
    SESSIONS.iter().map(desk).collect()
}
