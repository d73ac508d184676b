//! What the gateway tells its operator: why connections end, what went wrong, what was counted.
//!
//! A line belongs here if it names something that somebody should see. What clients are told is
//! `report` and `refusal`.

use std::net::IpAddr;

use rutter_core::id::SessionId;
use rutter_core::input::SessionCommand;
use rutter_fix::session::{DisconnectReason, SendError, SessionRejectReason, Warning};
use rutter_fix::store::StoreError;
use rutter_transport::acceptor::ConnId;
use rutter_transport::tls::TlsFault;

use crate::credentials::LogonFault;

/// Why a connection ended, or was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CloseReason {
    /// As many connections as are allowed.
    #[error("too many connections")]
    TooManyConnections,
    /// As many connections as are allowed wait for their Logon.
    #[error("too many connections without a logon")]
    TooManyUnbound,
    /// As many of these from its address as are allowed.
    #[error("too many connections without a logon from one address")]
    TooManyFromAddress,
    /// It had to make room for somebody from an address that waits with fewer connections.
    #[error("displaced before its logon")]
    Displaced,
    /// TLS with it failed.
    #[error("TLS: {0}")]
    Tls(TlsFault),
    /// The journal has not been read yet.
    #[error("not recovered yet")]
    NotRecovered,
    /// No Logon in time.
    #[error("logon timeout")]
    LogonTimeout,
    /// The first bytes are no message, or more of them came than a Logon has.
    #[error("garbled logon")]
    GarbledLogon,
    /// The first message is no Logon.
    #[error("first message is no logon")]
    FirstMessageNotLogon,
    /// 49 and 56 of its Logon name no session of ours.
    #[error("unknown CompID")]
    UnknownCompId,
    /// The session has a connection already, which stays.
    #[error("already connected")]
    AlreadyConnected,
    /// An operator has shut the session out, or cut it off.
    #[error("by an operator")]
    Operator,
    /// The session cannot go on before a restart; see [`Notice::Failed`].
    #[error("session has failed")]
    SessionFailed,
    /// More received bytes wait than allowed: the carrier reads on although
    /// [`wants_read`](rutter_transport::acceptor::Acceptor::wants_read) says no.
    #[error("input buffer full")]
    InputFull,
    /// It does not read what we write. What it missed waits in its store.
    #[error("slow consumer")]
    SlowConsumer,
    /// The FIX session ended it.
    #[error(transparent)]
    Session(#[from] DisconnectReason),
    /// The peer, or the network.
    #[error("closed by the peer")]
    Peer,
}

/// Kinds of notices about peers that are not logged on: a notice of a kind that comes too often is
/// counted instead of told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeKind {
    /// A connection was refused, or ended before its Logon was accepted.
    Closed(CloseReason),
    /// A Logon failed its proof.
    Logon(LogonFault),
    /// A source address was locked out.
    LockedOut,
}

/// Something that an operator should see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A client has logged on.
    LoggedOn {
        /// Which.
        session: SessionId,
        /// Agreed interval in seconds.
        heartbeat_s: u32,
        /// Both numbers started anew.
        reset: bool,
    },
    /// A connection is over, or was not taken.
    Closed {
        /// Which.
        conn: ConnId,
        /// Whose, if that was known.
        session: Option<SessionId>,
        /// Where it came from, if that is known.
        address: Option<IpAddr>,
        /// Why.
        reason: CloseReason,
    },
    /// A Logon did not prove what it must. The client is told so, and not why.
    LogonRefused {
        /// Whom it named.
        session: SessionId,
        /// Where it came from.
        address: Option<IpAddr>,
        /// What was wrong.
        fault: LogonFault,
    },
    /// Too many Logons from one address were wrong: it is refused for this session.
    LockedOut {
        /// Whom they named.
        session: SessionId,
        /// Where they came from.
        address: Option<IpAddr>,
        /// For so many seconds.
        for_s: u64,
    },
    /// So many notices about strangers were not told one by one.
    Untold {
        /// About what.
        kind: NoticeKind,
        /// How many.
        count: u64,
    },
    /// The certificates have changed and are in use for new connections.
    CertificatesReloaded,
    /// The certificates have changed and are no good: the old ones stay in use. The carrier has
    /// the error.
    CertificatesRefused,
    /// Odd, but the session goes on.
    Warning {
        /// Whose.
        session: SessionId,
        /// What.
        warning: Warning,
    },
    /// We rejected (35=3) a message.
    Rejected {
        /// Whose.
        session: SessionId,
        /// Its number.
        seq: u64,
        /// Why.
        reason: SessionRejectReason,
        /// The field at fault, if it is one.
        tag: Option<u32>,
    },
    /// The client rejected (35=3) a message of ours.
    PeerRejected {
        /// Who.
        session: SessionId,
    },
    /// A client does not read: half of its output buffer is full.
    SlowConsumer {
        /// Who.
        session: SessionId,
        /// Bytes that wait.
        backlog_bytes: usize,
    },
    /// A client sends more requests than it may: told once in a second in which some are refused.
    Throttled {
        /// Who.
        session: SessionId,
    },
    /// An operator's command was carried out.
    Commanded {
        /// Whose session.
        session: SessionId,
        /// What.
        command: SessionCommand,
    },
    /// A session cannot go on: its store failed or does not fit the journal. The client is cut
    /// off and cannot log on before a restart, which tells it everything it missed.
    Failed {
        /// Whose.
        session: SessionId,
    },
}

impl Notice {
    /// Whether somebody should look into it.
    pub const fn is_warning(&self) -> bool {
        match self {
            Self::LoggedOn { .. }
            | Self::Closed { .. }
            | Self::Rejected { .. }
            | Self::PeerRejected { .. }
            | Self::Commanded { .. }
            | Self::CertificatesReloaded => false,
            Self::LogonRefused { .. }
            | Self::LockedOut { .. }
            | Self::Untold { .. }
            | Self::CertificatesRefused
            | Self::Warning { .. }
            | Self::SlowConsumer { .. }
            | Self::Throttled { .. }
            | Self::Failed { .. } => true,
        }
    }
}

/// Why an output of the core could not be taken to its client.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// No such session is configured here.
    #[error("report for session {}, which is not configured", .0.0)]
    UnknownSession(SessionId),
    /// Events are missing between what is stored and this one: store and journal do not belong
    /// together, or the core's outputs were not all given.
    #[error("event {got} for session {} where {expected} comes next", session.0)]
    EventGap {
        /// Whose.
        session: SessionId,
        /// The next event.
        expected: u64,
        /// What came.
        got: u64,
    },
    /// It could not be stored, so it does not leave.
    #[error("cannot send to session {}: {source}", session.0)]
    Send {
        /// Whose.
        session: SessionId,
        /// Why.
        source: SendError,
    },
}

/// Why the gateway cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum RecoveryError {
    /// The client was told more than the journal knows: the store belongs to another journal, or
    /// the journal has lost its end. New events would be taken for old ones and not be sent.
    #[error("session {} was told {stored} events, the journal holds {journal}", session.0)]
    StoreAhead {
        /// Whose.
        session: SessionId,
        /// Events in the store.
        stored: u64,
        /// Events that the journal yields.
        journal: u64,
    },
    /// The journal knows more than the store holds, and was not read from early enough to tell it.
    #[error("session {} was told {stored} events, the journal has {journal}, not all of them given",
        session.0)]
    EventsMissing {
        /// Whose.
        session: SessionId,
        /// Events in the store.
        stored: u64,
        /// Events that the journal yields.
        journal: u64,
    },
    /// A store failed, or a session's events have a gap, while the journal was read.
    #[error("session {} has failed during recovery", .0.0)]
    Failed(SessionId),
    /// Something below failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What was counted since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections taken.
    pub connections: u64,
    /// Connections refused for a limit.
    pub connections_refused: u64,
    /// Logons that succeeded.
    pub logons: u64,
    /// Connections closed before they were logged on.
    pub logons_refused: u64,
    /// Logons that did not prove what they must.
    pub credentials_refused: u64,
    /// Of these, refused for earlier ones whatever they said.
    pub locked_out: u64,
    /// Times that a source was locked out.
    pub lockouts: u64,
    /// Connections with which TLS failed.
    pub tls_failures: u64,
    /// Clients cut off because they did not read.
    pub slow_consumers: u64,
    /// Times that a client's messages were found missing and asked for.
    pub gaps: u64,
    /// Clients' requests to send again that were carried out.
    pub resends: u64,
    /// Inputs for the core.
    pub inputs: u64,
    /// Times that reading stopped because the input ring was full, or as much of a client as may be
    /// was not confirmed.
    pub stalls: u64,
    /// Reports and cancel rejects stored (and written, if the client is there).
    pub outputs: u64,
    /// Outputs that were stored already.
    pub outputs_repeated: u64,
    /// Outputs for a session that has failed; a restart repeats them.
    pub outputs_dropped: u64,
    /// Messages answered by a session-level Reject or a `BusinessMessageReject`.
    pub messages_rejected: u64,
    /// Requests refused because a session sent too many.
    pub throttled: u64,
    /// Notices about strangers that were only counted.
    pub notices_untold: u64,
    /// Notices that nobody took in time.
    pub notices_lost: u64,
}
