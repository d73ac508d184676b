//! One client: its session, and how outputs of the core become its messages.

use core::cmp::Ordering;

use rutter_core::input::CancelOnDisconnect;

use super::history::History;
use super::throttle::Throttle;
use super::{
    ConnId, Credentials, DisconnectReason, Encoder, MessageStore, OutputError, Owner,
    RecoveryError, SendError, Sent, Session,
};
use crate::config::{SessionConfig, SessionKind};

/// One configured session.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "facts that do not depend on each other")]
pub(super) struct Client<S> {
    pub owner: Owner,
    pub session: Session<S, Credentials>,
    /// Its connection, from the Logon's arrival on.
    pub conn: Option<ConnId>,
    /// The core has been told that it is there.
    pub up: bool,
    /// It cannot go on before a restart.
    pub failed: bool,
    /// Why our Logout went out.
    pub logout_reason: Option<DisconnectReason>,
    /// Highest event number that the core has given for it; of a drop copy, the highest number of a
    /// report (whether it was copied or not).
    pub journal_event: u64,
    /// What it may do.
    pub kind: SessionKind,
    /// Its `CompID`.
    pub comp_id: String,
    /// What becomes of its orders when its connection is lost: as configured, and as its newest
    /// Logon chose.
    pub configured: CancelOnDisconnect,
    pub chosen: CancelOnDisconnect,
    /// How many requests it may make.
    pub throttle: Throttle,
    /// Its reports say where they come from.
    pub passport: bool,
    /// What it is being told again.
    pub history: Option<History>,
    /// An operator has shut it out.
    pub disabled: bool,
    /// An operator wants its numbers to start anew once its connection is gone.
    pub reset_wanted: bool,
}

impl<S: MessageStore> Client<S> {
    pub fn new(owner: Owner, session: Session<S, Credentials>, config: &SessionConfig) -> Self {
        Self {
            owner,
            session,
            kind: config.kind.clone(),
            comp_id: config.comp_id.clone(),
            configured: config.cancel_on_disconnect,
            chosen: config.cancel_on_disconnect,
            throttle: Throttle::new(config.requests_per_s_max),
            passport: config.passport,
            history: None,
            disabled: false,
            reset_wanted: false,
            conn: None,
            up: false,
            failed: false,
            logout_reason: None,
            journal_event: 0,
        }
    }

    /// Stores an output under its event number and writes it if the client is there.
    pub fn send(
        &mut self,
        now_ns: u64,
        event: u64,
        kind: &[u8],
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Encoder<'_>),
    ) -> Result<Sent, OutputError> {
        let session = self.owner.session;
        let expected = self.session.last_event_no() + 1;
        if event > expected && !self.is_drop_copy() {
            return Err(OutputError::EventGap { session, expected, got: event });
        }
        let sent = self.session.send_app(now_ns, event, kind, out, write);
        sent.map_err(|source: SendError| OutputError::Send { session, source })
    }

    /// A drop copy counts by the numbers of all reports, of which it is told some.
    pub const fn is_drop_copy(&self) -> bool {
        matches!(self.kind, SessionKind::DropCopy(_))
    }

    /// Starts the numbers anew if an operator asked for it. Nobody is connected.
    pub fn reset_if_wanted(&mut self) {
        if std::mem::take(&mut self.reset_wanted) {
            self.session.reset();
        }
    }

    /// The journal holds the message that an output answers; 0 for none.
    pub fn confirm(&mut self, client_seq: u64, recovered: bool) {
        if client_seq == 0 {
            return;
        }
        if recovered {
            self.session.confirm_in(client_seq);
        } else {
            self.session.recover_in(client_seq);
        }
    }

    /// Whether store and journal agree about what the client has been told.
    pub fn check_recovery(&self) -> Result<(), RecoveryError> {
        let session = self.owner.session;
        if self.failed {
            return Err(RecoveryError::Failed(session));
        }
        let (stored, journal) = (self.session.last_event_no(), self.journal_event);
        match stored.cmp(&journal) {
            Ordering::Greater => Err(RecoveryError::StoreAhead { session, stored, journal }),
            Ordering::Less if self.is_drop_copy() => Ok(()),
            Ordering::Less => Err(RecoveryError::EventsMissing { session, stored, journal }),
            Ordering::Equal => Ok(()),
        }
    }
}
