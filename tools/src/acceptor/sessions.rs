//! The sessions that the conformance cases expect.

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

/// One session a version.
pub(super) fn all(application: Application) -> Vec<Desk> {
    [("FIX.4.2", "TW42"), ("FIX.4.4", "TW44"), ("FIXT.1.1", "TW50")]
        .into_iter()
        .map(|(begin_string, target)| {
            let config = Config {
                begin_string: begin_string.to_owned(),
                reset_on_logon: true,
                ..Config::acceptor(SENDER, target)
            };
            Desk {
                session: Session::new(config, MemStore::new(KEPT_BYTES_MAX), NoCredentials),
                application: Answers::new(application),
                owner: None,
            }
        })
        .collect()
}
