//! What the gateway tells its operator: why connections end, what went wrong, and what was counted.
//!
//! A line belongs here if an operator should see it. What clients are told is `report` and
//! `refusal`.

use std::net::IpAddr;

use rutter_core::id::SessionId;
use rutter_core::input::SessionCommand;
use rutter_fix::session::{DisconnectReason, SendError, SessionRejectReason, Warning};
use rutter_fix::store::{StoreError, StoreFault};
use rutter_transport::acceptor::ConnId;
use rutter_transport::tls::TlsFault;

use crate::credentials::LogonFault;

/// Why a connection ended, or was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum CloseReason {
    /// The limit of connections is reached.
    #[error("too many connections")]
    TooManyConnections,
    /// The limit of connections without a Logon is reached.
    #[error("too many connections without a logon")]
    TooManyUnbound,
    /// The limit of connections without a Logon from one address is reached.
    #[error("too many connections without a logon from one address")]
    TooManyFromAddress,
    /// The connection made room for a peer from an address with fewer connections without a Logon.
    #[error("displaced before its logon")]
    Displaced,
    /// TLS with the peer failed.
    #[error("TLS: {0}")]
    Tls(TlsFault),
    /// The gateway has not read its journal yet.
    #[error("not recovered yet")]
    NotRecovered,
    /// The Logon did not come in time.
    #[error("logon timeout")]
    LogonTimeout,
    /// The first bytes are no FIX message, or are longer than a Logon may be.
    #[error("garbled logon")]
    GarbledLogon,
    /// The first message is not a Logon.
    #[error("first message is no logon")]
    FirstMessageNotLogon,
    /// `SenderCompID` (49) and `TargetCompID` (56) of the Logon name no configured session.
    #[error("unknown CompID")]
    UnknownCompId,
    /// The session has a connection already. That connection stays.
    #[error("already connected")]
    AlreadyConnected,
    /// An operator has disabled the session, or disconnected it.
    #[error("by an operator")]
    Operator,
    /// The session cannot go on before a restart; see [`Notice::Failed`].
    #[error("session has failed")]
    SessionFailed,
    /// The session's message store cannot be used; see [`Notice::Failed`].
    #[error(transparent)]
    Store(#[from] StoreFault),
    /// More received bytes wait than allowed: the carrier reads on although
    /// [`wants_read`](rutter_transport::acceptor::Acceptor::wants_read) says no.
    #[error("input buffer full")]
    InputFull,
    /// The client does not read. Every report that it missed waits in its store.
    #[error("slow consumer")]
    SlowConsumer,
    /// The FIX session ended the connection.
    #[error(transparent)]
    Session(#[from] DisconnectReason),
    /// The peer, or the network between, closed the connection.
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
    /// The system refused to accept a connection.
    AcceptFailed,
}

impl NoticeKind {
    fn words(self) -> String {
        match self {
            Self::Closed(reason) => format!("connections closed: {reason}"),
            Self::Logon(fault) => format!("logons refused: {fault}"),
            Self::LockedOut => "addresses locked out".to_owned(),
            Self::AcceptFailed => "connections that the system refused".to_owned(),
        }
    }
}

/// Something that an operator should see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A client has logged on.
    LoggedOn {
        /// The client's session.
        session: SessionId,
        /// Agreed heartbeat interval (108), in seconds.
        heartbeat_s: u32,
        /// Both sequence numbers started at 1.
        reset: bool,
    },
    /// A connection ended, or was refused.
    Closed {
        /// The connection.
        conn: ConnId,
        /// The session, if the connection had one.
        session: Option<SessionId>,
        /// The peer's address, if the carrier knows it.
        address: Option<IpAddr>,
        /// Why it ended.
        reason: CloseReason,
    },
    /// A Logon failed its proof. The client is told that it was refused, and not why.
    LogonRefused {
        /// The session that the Logon named.
        session: SessionId,
        /// The peer's address, if the carrier knows it.
        address: Option<IpAddr>,
        /// What the Logon failed to prove.
        fault: LogonFault,
    },
    /// Too many Logons from one address were wrong: the address is locked out of this session.
    LockedOut {
        /// The session that the Logons named.
        session: SessionId,
        /// The peer's address, if the carrier knows it.
        address: Option<IpAddr>,
        /// Length of the lock-out, in seconds.
        for_s: u64,
    },
    /// The system refused to accept a connection, because the process has no descriptor left or the
    /// system no memory. It is tried again after a tenth of a second.
    AcceptFailed {
        /// The system's error number, if it gave one.
        code: Option<i32>,
    },
    /// Notices about peers that are not logged on were counted instead of told one by one.
    Untold {
        /// The kind of the notices.
        kind: NoticeKind,
        /// Number of notices in the period.
        count: u64,
    },
    /// The certificate files have changed, and new connections use the new certificates.
    CertificatesReloaded,
    /// The certificate files have changed and cannot be used: the old certificates stay in use. The
    /// carrier has the error.
    CertificatesRefused,
    /// Something unusual that does not end the session.
    Warning {
        /// The client's session.
        session: SessionId,
        /// What is unusual.
        warning: Warning,
    },
    /// We rejected (35=3) a client's message.
    Rejected {
        /// The client's session.
        session: SessionId,
        /// `MsgSeqNum` (34) of the rejected message.
        seq: u64,
        /// `SessionRejectReason` (373).
        reason: SessionRejectReason,
        /// The field at fault, if it is one.
        tag: Option<u32>,
    },
    /// The client refused a message of ours (35=3, j, Q and the other refusals). It gets no answer.
    PeerRejected {
        /// The client's session.
        session: SessionId,
        /// Name of the refusal's `MsgType` (35).
        kind: &'static str,
        /// `RefSeqNum` (45): the number of our message, if the client says it.
        ref_seq: Option<u64>,
        /// `SessionRejectReason` (373) or `BusinessRejectReason` (380), if the client says one.
        reason: Option<u64>,
    },
    /// A client has refused as many texts as it may: it is sent no News until its next Logon.
    NewsStopped {
        /// The client's session.
        session: SessionId,
    },
    /// A client does not read, and half of its output buffer is used.
    SlowConsumer {
        /// The client's session.
        session: SessionId,
        /// Bytes that wait for the socket.
        backlog_bytes: usize,
    },
    /// A client sends more requests than it may. Told once for each second in which requests are
    /// refused.
    Throttled {
        /// The client's session.
        session: SessionId,
    },
    /// An operator's command was carried out.
    Commanded {
        /// The session that the command names.
        session: SessionId,
        /// The command.
        command: SessionCommand,
    },
    /// A session cannot go on: its store failed, or does not fit the journal. The client is cut off
    /// and cannot log on before a restart, which sends it every report that it missed.
    Failed {
        /// The client's session.
        session: SessionId,
        /// Why, as the client's next Logon is refused.
        reason: CloseReason,
    },
    /// A session's message store and the journal have different events. The session is refused:
    /// [`Notice::Failed`] follows. The store or the journal was restored from another time.
    StoreDiffers {
        /// The client's session.
        session: SessionId,
        /// Number of the newest event in the store.
        stored: u64,
        /// Number of the session's newest event in the journal.
        journal: u64,
    },
    /// A session's message store has damaged places. The session goes on: lost messages are
    /// gap-filled, and lost reports come again with `PossResend` (97).
    StoreDamaged {
        /// The client's session.
        session: SessionId,
        /// Damaged places since the start of the process.
        places: u64,
        /// Reports that were stored again with `PossResend`.
        repeated: u64,
    },
}

/// How urgent a notice is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeLevel {
    /// An ordinary event.
    Info,
    /// An operator should look into it.
    Warn,
    /// Something is broken.
    Error,
}

impl Notice {
    /// How urgent it is.
    pub const fn level(&self) -> NoticeLevel {
        match self {
            Self::LoggedOn { .. }
            | Self::Closed { .. }
            | Self::Rejected { .. }
            | Self::Commanded { .. }
            | Self::CertificatesReloaded => NoticeLevel::Info,
            Self::LogonRefused { .. }
            | Self::LockedOut { .. }
            | Self::AcceptFailed { .. }
            | Self::Untold { .. }
            | Self::CertificatesRefused
            | Self::Warning { .. }
            | Self::PeerRejected { .. }
            | Self::NewsStopped { .. }
            | Self::SlowConsumer { .. }
            | Self::Throttled { .. } => NoticeLevel::Warn,
            Self::Failed { .. } | Self::StoreDiffers { .. } | Self::StoreDamaged { .. } => {
                NoticeLevel::Error
            }
        }
    }
}

impl Notice {
    /// The notice as a sentence for the log. `name` is the name of a session.
    pub fn words<'a>(&self, name: impl Fn(SessionId) -> &'a str) -> String {
        let from = |address: Option<IpAddr>| {
            address.map_or_else(|| "an unknown address".to_owned(), |address| address.to_string())
        };
        match *self {
            Self::LoggedOn { session, heartbeat_s, reset } => {
                let reset = if reset { ", numbers begin at 1" } else { "" };
                format!("{} logged on, heartbeat {heartbeat_s} s{reset}", name(session))
            }
            Self::Closed { conn, session, address, reason } => {
                let whose = session.map_or("no session", &name);
                let from = from(address);
                format!("connection {} of {whose} from {from} closed: {reason}", conn.0)
            }
            Self::LogonRefused { session, address, fault } => {
                format!("logon of {} from {} refused: {fault}", name(session), from(address))
            }
            Self::LockedOut { session, address, for_s } => {
                format!("{} is locked out of {} for {for_s} s", from(address), name(session))
            }
            Self::AcceptFailed { code } => {
                let why = code.map(|code| std::io::Error::from_raw_os_error(code).to_string());
                let why = why.unwrap_or_else(|| "unknown".to_owned());
                format!("the system accepts no connection: {why}")
            }
            Self::Untold { kind, count } => format!("{count} more of {}", kind.words()),
            Self::CertificatesReloaded => "new certificates are in use".to_owned(),
            Self::CertificatesRefused => "new certificates are refused".to_owned(),
            Self::Warning { session, warning } => {
                format!("{}: {}", name(session), warning_words(warning))
            }
            Self::Rejected { session, seq, reason, tag } => {
                let tag = tag.map_or_else(String::new, |tag| format!(", field {tag}"));
                let reason = in_words(&reason);
                format!("message {seq} of {} rejected: {reason}{tag}", name(session))
            }
            Self::PeerRejected { session, kind, ref_seq, reason } => {
                let number = |value: Option<u64>| {
                    value.map_or_else(|| "unknown".to_owned(), |value| value.to_string())
                };
                let (message, reason) = (number(ref_seq), number(reason));
                format!("{} refused message {message} by {kind}, reason {reason}", name(session))
            }
            Self::NewsStopped { session } => {
                format!("{} refuses News: none is sent until its next logon", name(session))
            }
            Self::SlowConsumer { session, backlog_bytes } => {
                format!("{} does not read: {backlog_bytes} bytes wait", name(session))
            }
            Self::Throttled { session } => {
                format!("{} sends more requests than it may", name(session))
            }
            Self::Commanded { session, command } => {
                format!("{}: {} by an operator", name(session), in_words(&command))
            }
            Self::Failed { session, reason } => {
                format!("{} cannot go on before a restart: {reason}", name(session))
            }
            Self::StoreDiffers { session, stored, journal } => format!(
                "message store of {} ends with event {stored}, the journal with {journal}",
                name(session)
            ),
            Self::StoreDamaged { session, places, repeated } => {
                format!(
                    "message store of {}: {places} damaged places, {repeated} reports repeated",
                    name(session)
                )
            }
        }
    }
}

fn warning_words(warning: Warning) -> String {
    match warning {
        Warning::Garbled(garbled) => format!("skipped bytes that are no message: {garbled}"),
        Warning::Gap { expected, received } => {
            format!("message {expected} is missing before {received}, asked for")
        }
        Warning::ResendTruncated { from, upto } => {
            format!("messages {from} to {upto} are not stored any more, gap-filled")
        }
        Warning::AheadFull { seq } => {
            format!("message {seq} and later ones find no room ahead of the gap, asked for again")
        }
        Warning::SequenceReset { from, to } => {
            format!("raised its number from {from} to {to} without filling the gap")
        }
        // The others have no fields.
        other => in_words(&other),
    }
}

/// The name of a value without fields, as words: `ResetSequence` is "reset sequence".
fn in_words(value: &impl std::fmt::Debug) -> String {
    let mut words = String::new();
    for (at, c) in format!("{value:?}").char_indices() {
        if c.is_ascii_uppercase() && at > 0 {
            words.push(' ');
        }
        words.push(c.to_ascii_lowercase());
    }
    words
}

/// Why an output of the core could not be given to its session.
#[derive(Debug, thiserror::Error)]
pub enum OutputError {
    /// The session is not configured here.
    #[error("report for session {}, which is not configured", .0.0)]
    UnknownSession(SessionId),
    /// Events are missing between the stored ones and this one. The store and the journal do not
    /// belong together, or some of the core's outputs were not given.
    #[error("event {got} for session {} where {expected} comes next", session.0)]
    EventGap {
        /// The session.
        session: SessionId,
        /// The event number that comes next.
        expected: u64,
        /// The event number of the output.
        got: u64,
    },
    /// The message could not be stored, so it is not sent.
    #[error("cannot send to session {}: {source}", session.0)]
    Send {
        /// The session.
        session: SessionId,
        /// Why it could not be stored.
        source: SendError,
    },
}

impl OutputError {
    /// The fault of the session's store; `None` if the store is not at fault.
    pub fn fault(&self) -> Option<StoreFault> {
        match self {
            Self::Send { source, .. } => source.fault(),
            Self::EventGap { .. } => Some(StoreFault::Behind),
            Self::UnknownSession(_) => None,
        }
    }
}

/// Why a store is not maintained.
#[derive(Debug, thiserror::Error)]
pub enum MaintainError {
    /// The session has a connection already, so its store is not maintained.
    #[error("session {} is connected already", .0.0)]
    Connected(SessionId),
    /// A store cannot prepare its next file.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Counters since the start of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections accepted.
    pub connections: u64,
    /// Connections refused because of a limit.
    pub connections_refused: u64,
    /// Of these, connections for which no place was free.
    pub connections_full: u64,
    /// Times that the system refused to accept a connection.
    pub accepts_failed: u64,
    /// Successful Logons.
    pub logons: u64,
    /// Connections closed before a successful Logon.
    pub logons_refused: u64,
    /// Logons that failed their proof.
    pub credentials_refused: u64,
    /// Of these, Logons refused because of a lock-out, whatever they said.
    pub locked_out: u64,
    /// Times that an address was locked out of a session.
    pub lockouts: u64,
    /// Connections on which TLS failed.
    pub tls_failures: u64,
    /// Clients disconnected because they did not read.
    pub slow_consumers: u64,
    /// Times that a gap in a client's sequence was found and asked for.
    pub gaps: u64,
    /// Resend requests of clients that were carried out.
    pub resends: u64,
    /// Inputs for the core.
    pub inputs: u64,
    /// Times that reading from a connection stopped: the input ring was full, or too many of the
    /// client's messages were unconfirmed.
    pub stalls: u64,
    /// Reports and cancel rejects stored, and written if the client is logged on.
    pub outputs: u64,
    /// Outputs that the store already held.
    pub outputs_repeated: u64,
    /// Outputs for a session whose store has failed; a restart repeats them.
    pub outputs_dropped: u64,
    /// Sessions that were cut off until a restart.
    pub sessions_failed: u64,
    /// Damaged places found in message stores.
    pub store_damages: u64,
    /// Reports stored again with `PossResend` (97), because a store had lost them.
    pub reports_possible_resends: u64,
    /// Messages answered by a Reject (35=3) or a `BusinessMessageReject` (35=j).
    pub messages_rejected: u64,
    /// Messages of ours that clients refused (35=3, j, Q and the other refusals).
    pub peer_rejects: u64,
    /// Requests refused because a session exceeded its rate limit.
    pub throttled: u64,
    /// Pieces of a connection that the log of messages had no room for.
    pub messages_unlogged: u64,
    /// Notices about peers that are not logged on, counted instead of told.
    pub notices_untold: u64,
    /// Notices lost because nobody took them in time.
    pub notices_lost: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_a_sentence_with_names_and_no_form_of_the_program() {
        let session = SessionId(3);
        let address = "192.0.2.7".parse().ok();
        let notices = [
            Notice::LoggedOn { session, heartbeat_s: 30, reset: true },
            Notice::Closed {
                conn: ConnId(7),
                session: None,
                address,
                reason: CloseReason::Session(DisconnectReason::LogonTimeout),
            },
            Notice::LogonRefused { session, address: None, fault: LogonFault::Password },
            Notice::LockedOut { session, address, for_s: 60 },
            Notice::AcceptFailed { code: Some(24) },
            Notice::AcceptFailed { code: None },
            Notice::Untold { kind: NoticeKind::Closed(CloseReason::Peer), count: 5 },
            Notice::StoreDiffers { session, stored: 9, journal: 7 },
            Notice::NewsStopped { session },
            Notice::Warning { session, warning: Warning::Gap { expected: 5, received: 9 } },
            Notice::Warning { session, warning: Warning::Silent },
            Notice::Rejected {
                session,
                seq: 4,
                reason: SessionRejectReason::RequiredTagMissing,
                tag: Some(55),
            },
            Notice::Commanded { session, command: SessionCommand::ResetSequence },
        ];
        let said: Vec<String> = notices.iter().map(|notice| notice.words(|_| "DESK1")).collect();
        let wanted = [
            "DESK1 logged on, heartbeat 30 s, numbers begin at 1",
            "connection 7 of no session from 192.0.2.7 closed: logon timeout",
            "logon of DESK1 from an unknown address refused: wrong password",
            "192.0.2.7 is locked out of DESK1 for 60 s",
            "the system accepts no connection: Too many open files (os error 24)",
            "the system accepts no connection: unknown",
            "5 more of connections closed: closed by the peer",
            "message store of DESK1 ends with event 9, the journal with 7",
            "DESK1 refuses News: none is sent until its next logon",
            "DESK1: message 5 is missing before 9, asked for",
            "DESK1: silent",
            "message 4 of DESK1 rejected: required tag missing, field 55",
            "DESK1: reset sequence by an operator",
        ];
        assert_eq!(said, wanted);
    }
}
