//! One client: its session, and how outputs of the core become its messages.

use core::cmp::Ordering;

use super::{
    ConnId, Credentials, DisconnectReason, Encoder, MessageStore, Output, OutputError, Owner,
    RecoveryError, SendError, Sent, Session, msg_type,
};

/// One configured session.
#[derive(Debug)]
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
    /// Highest event number that the core has given for it.
    pub journal_event: u64,
}

impl<S: MessageStore> Client<S> {
    pub fn new(owner: Owner, session: Session<S, Credentials>) -> Self {
        Self {
            owner,
            session,
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
        output: &Output,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Encoder<'_>),
    ) -> Result<Sent, OutputError> {
        let session = self.owner.session;
        let expected = self.session.last_event_no() + 1;
        if event > expected {
            return Err(OutputError::EventGap { session, expected, got: event });
        }
        let kind = match output {
            Output::CancelReject(_) => msg_type::ORDER_CANCEL_REJECT,
            _ => msg_type::EXECUTION_REPORT,
        };
        let sent = self.session.send_app(now_ns, event, kind, out, write);
        sent.map_err(|source: SendError| OutputError::Send { session, source })
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
            Ordering::Less => Err(RecoveryError::EventsMissing { session, stored, journal }),
            Ordering::Equal => Ok(()),
        }
    }
}
