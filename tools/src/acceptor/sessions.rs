//! The sessions that the conformance cases expect.
//!
//! A line belongs here if it configures a session.

use rutter_fix::dictionary::Version;
use rutter_fix::session::{Config, NoCredentials, Session};
use rutter_fix::store::MemStore;

use super::application::{Answers, Application};

/// Most bytes of sent messages that a session keeps for a resend.
const KEPT_BYTES_MAX: usize = 16 << 20;

/// The acceptor's `CompID` in every session.
const SENDER: &str = "ISLD";

/// A session with its application and its connection.
#[derive(Debug)]
pub(super) struct SessionSlot {
    /// The protocol.
    pub session: Session<MemStore, NoCredentials>,
    /// The application that answers.
    pub application: Answers,
    /// Index of the connection; `None` while nobody is connected.
    pub owner: Option<usize>,
}

/// Version and peer's `CompID` of each session.
const SESSIONS: &[(Version, &str)] = &[
    (Version::Fix42, "TW42"),
    (Version::Fix44, "TW44"),
    (Version::Fix50Sp2, "TW50"),
    (Version::Fix50Sp2, "TW50SP1"),
    (Version::Fix50Sp2, "TW50SP2"),
];

/// All sessions, none of them connected.
pub(super) fn all(application: Application) -> Vec<SessionSlot> {
    let slot = |(version, target): &(Version, &str)| {
        // HeartBtInt (108) 0 means no heartbeats (FIX 4.4 volume 2, Logon).
        let config = Config {
            reset_on_logon: true,
            heartbeat_s_range: (0, 3_600),
            ..Config::acceptor(SENDER, target)
        };
        let config = config.validated(*version);
        SessionSlot {
            session: Session::new(config, MemStore::new(KEPT_BYTES_MAX), NoCredentials),
            application: Answers::new(application),
            owner: None,
        }
    };
    SESSIONS.iter().map(slot).collect()
}
