//! Events, reasons and errors of a session. Every reason to close a connection has a name here.
//!
//! A line belongs here if a caller of a session has to know it.

use std::fmt;

use crate::codec::{EncodeError, Garbled, Message};
use crate::store::{StoreError, StoreFault};

/// The result of one call of [`Session::receive`](super::Session::receive).
#[derive(Debug)]
pub struct Received<'b> {
    /// Bytes to drop from the front of the input.
    pub consumed: usize,
    /// What the caller must know. With nothing consumed and no event, the session needs more bytes,
    /// or waits: for its output to be written, or for [confirmations](super::Session::is_held).
    pub event: Option<Event<'b>>,
}

/// Something that the caller must know.
#[derive(Debug)]
pub enum Event<'b> {
    /// Both sides have logged on.
    LoggedOn {
        /// Agreed heartbeat interval (108), in seconds.
        heartbeat_s: u32,
        /// Both sequence numbers started at 1.
        reset: bool,
        /// The peer's Logon.
        logon: Message<'b>,
    },
    /// An application message, in sequence, delivered once.
    App(AppMessage<'b>),
    /// The peer rejected (35=3) a message of ours.
    PeerReject(Message<'b>),
    /// We rejected a message of the peer. It takes its number and is not delivered. If the message
    /// is itself a [refusal](crate::tags::msg_type::is_refusal), no Reject was written.
    Rejected {
        /// `MsgSeqNum` (34) of the message.
        seq: u64,
        /// `SessionRejectReason` (373).
        reason: SessionRejectReason,
        /// The field at fault, if it is one; 0 for a tag that is not a number.
        tag: Option<u32>,
    },
    /// Our Logout was sent. [`Event::Disconnect`] follows when the peer answers or is late.
    LogoutSent {
        /// Why: the peer is at fault, or the session's hours are over.
        reason: DisconnectReason,
    },
    /// Something unusual that needs no action.
    Warning(Warning),
    /// The session has ended its connection: write the output buffer, then close.
    Disconnect {
        /// Why the connection ended.
        reason: DisconnectReason,
        /// The peer's `Text` (58), if it sent any.
        text: &'b [u8],
    },
}

/// An application message.
#[derive(Clone, Copy, Debug)]
pub struct AppMessage<'b> {
    /// The message.
    pub message: Message<'b>,
    /// The id for [`Session::confirm_in`](super::Session::confirm_in): sequence number and reset
    /// count in one.
    pub id: u64,
    /// `MsgSeqNum`.
    pub seq: u64,
    /// `PossDupFlag` (43): the peer sends the message again because we asked.
    pub poss_dup: bool,
    /// `PossResend` (97): the content may have come before under another number.
    pub poss_resend: bool,
}

/// Something unusual that does not end the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// Bytes that are not a message were skipped.
    Garbled(Garbled),
    /// Sequence numbers are missing, and have been asked for.
    Gap {
        /// The first missing number.
        expected: u64,
        /// The number that came.
        received: u64,
    },
    /// Too many messages, or bytes, came ahead of a gap: this message and later ones are not kept
    /// and are asked for again once the gap is filled. Told once for each gap.
    AheadFull {
        /// The number of the message.
        seq: u64,
    },
    /// Messages that the peer asked for are not stored any more: they were gap-filled.
    ResendTruncated {
        /// The first number that the peer asked for.
        from: u64,
        /// The last number that retention has removed.
        upto: u64,
    },
    /// A Reject (35=3) of ours could not be stored. It was sent, and a `ResendRequest` for it gets
    /// a gap fill.
    RejectNotStored,
    /// The peer raised its number without filling a gap: messages may be lost.
    SequenceReset {
        /// The number that we expected.
        from: u64,
        /// The number that comes next.
        to: u64,
    },
    /// The peer is silent, and a `TestRequest` was sent.
    Silent,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Garbled(garbled) => write!(f, "skipped bytes that are no message: {garbled}"),
            Self::Gap { expected, received } => {
                write!(f, "message {expected} is missing before {received}, asked for")
            }
            Self::ResendTruncated { from, upto } => {
                write!(f, "messages {from} to {upto} are not stored any more, gap-filled")
            }
            Self::AheadFull { seq } => write!(
                f,
                "message {seq} and later ones find no room ahead of the gap, asked for again"
            ),
            Self::SequenceReset { from, to } => {
                write!(f, "raised its number from {from} to {to} without filling the gap")
            }
            Self::RejectNotStored => f.write_str("reject not stored"),
            Self::Silent => f.write_str("silent"),
        }
    }
}

/// Why a session ends its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DisconnectReason {
    /// The first bytes are not a message.
    #[error("garbled logon")]
    GarbledLogon,
    /// The first message is not a Logon.
    #[error("first message is no logon")]
    FirstMessageNotLogon,
    /// The Logon did not come in time.
    #[error("logon timeout")]
    LogonTimeout,
    /// The Logon is malformed, or lacks a field.
    #[error("invalid logon")]
    InvalidLogon,
    /// We refused the peer's Logon.
    #[error("logon refused: {0}")]
    LogonRefused(Refusal),
    /// The peer refused our Logon.
    #[error("logon refused by the peer")]
    LogonRefusedByPeer,
    /// A second Logon within a session.
    #[error("duplicate logon")]
    DuplicateLogon,
    /// `BeginString` (8) is another version's.
    #[error("incorrect BeginString")]
    BeginString,
    /// `SenderCompID` (49) or `TargetCompID` (56) is another one.
    #[error("CompID problem")]
    CompId,
    /// `SendingTime` (52) is too far from our clock, or earlier than `OrigSendingTime` (122).
    #[error("SendingTime accuracy problem")]
    SendingTime,
    /// `MsgSeqNum` (34) is missing or malformed.
    #[error("no MsgSeqNum")]
    NoMsgSeqNum,
    /// The number is below the expected one, and the message is not marked as a duplicate.
    #[error("MsgSeqNum too low")]
    SequenceTooLow,
    /// The peer expects (789) a number that we have not reached.
    #[error("NextExpectedMsgSeqNum too high")]
    NextExpectedTooHigh,
    /// A gap in the numbers of a peer that cannot resend.
    #[error("gap in the sequence")]
    GapFatal,
    /// The peer does not resend the messages that it was asked for.
    #[error("gap not filled")]
    GapNotFilled,
    /// The peer asks for the same messages again and again.
    #[error("too many resend requests")]
    ResendLoop,
    /// The peer resets the sequence numbers again and again.
    #[error("too many sequence resets")]
    ResetLoop,
    /// No message and no answer came for 2.4 heartbeat intervals.
    #[error("heartbeat timeout")]
    HeartbeatTimeout,
    /// The peer logged out, and we answered.
    #[error("logged out by the peer")]
    PeerLogout,
    /// The peer answered our Logout.
    #[error("logged out")]
    LogoutComplete,
    /// The peer did not answer our Logout.
    #[error("logout timeout")]
    LogoutTimeout,
    /// Too many garbled stretches came in a row.
    #[error("too much garbage")]
    TooMuchGarbage,
    /// The session's hours are over.
    #[error("outside session hours")]
    OutsideHours,
    /// The core does not keep up: too many messages are unconfirmed, and no confirmation came for
    /// too long.
    #[error("too many unconfirmed messages")]
    TooManyUnconfirmed,
}

/// Why a Logon is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refusal {
    /// `EncryptMethod` (98) is not 0.
    #[error("EncryptMethod")]
    EncryptMethod,
    /// `HeartBtInt` (108) is absent or outside the configured range.
    #[error("HeartBtInt")]
    HeartBtInt,
    /// The policy refused it.
    #[error("credentials")]
    Credentials,
    /// `ResetSeqNumFlag` (141) is Y with a number other than 1.
    #[error("ResetSeqNumFlag")]
    ResetSeqNum,
    /// `DefaultApplVerID` (1137) is absent, or none of ours.
    #[error("DefaultApplVerID")]
    DefaultApplVerId,
    /// The session is outside its hours.
    #[error("outside session hours")]
    OutsideHours,
    /// The Logon breaks the dictionary.
    #[error("invalid field")]
    InvalidField,
}

/// Why a message was not sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The peer is not logged on, and the session does not store messages for later.
    #[error("not logged on")]
    NotLoggedOn,
    /// The message cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The message could not be stored, so it must not leave. The session should be stopped.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The sequence numbers are used up.
    #[error("sequence numbers exhausted")]
    SequenceExhausted,
}

impl SendError {
    /// The fault of the store; `None` if the store is not at fault.
    pub fn fault(&self) -> Option<StoreFault> {
        match self {
            Self::Store(error) => error.fault(),
            Self::NotLoggedOn | Self::Encode(_) | Self::SequenceExhausted => None,
        }
    }
}

/// A misuse of the session, or a failure of its store.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The session has a connection already.
    #[error("already connected")]
    AlreadyConnected,
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
}

/// The result of sending a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// The message is stored, and is in the output buffer.
    Written {
        /// `MsgSeqNum` (34) of the message.
        seq: u64,
    },
    /// The message is only stored, because nobody is logged on.
    Held {
        /// `MsgSeqNum` (34) of the message.
        seq: u64,
    },
    /// An event with this number or a higher one is stored already: nothing was done.
    AlreadyStored,
    /// The message to be answered is the peer's refusal of one of ours, which gets no answer:
    /// nothing was done.
    Unanswered,
}

macro_rules! reasons {
    ($(#[$about:meta])* $name:ident { $($variant:ident = $code:literal, $text:literal;)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = concat!($text, ".")] $variant,)*
        }

        impl $name {
            /// The number in the message.
            pub const fn code(self) -> u16 {
                match self { $(Self::$variant => $code,)* }
            }

            /// The wording of the specification.
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }
    };
}

reasons! {
    /// `SessionRejectReason` (373), FIX 4.4 and FIXT 1.1.
    SessionRejectReason {
        InvalidTagNumber = 0, "Invalid tag number";
        RequiredTagMissing = 1, "Required tag missing";
        TagNotDefinedForMessage = 2, "Tag not defined for this message type";
        UndefinedTag = 3, "Undefined Tag";
        TagWithoutValue = 4, "Tag specified without a value";
        ValueOutOfRange = 5, "Value is incorrect (out of range) for this tag";
        IncorrectDataFormat = 6, "Incorrect data format for value";
        CompIdProblem = 9, "CompID problem";
        SendingTimeAccuracy = 10, "SendingTime accuracy problem";
        InvalidMsgType = 11, "Invalid MsgType";
        TagRepeated = 13, "Tag appears more than once";
        TagOutOfOrder = 14, "Tag specified out of required order";
        GroupOutOfOrder = 15, "Repeating group fields out of order";
        GroupCount = 16, "Incorrect NumInGroup count for repeating group";
        ValueContainsDelimiter = 17, "Non \"data\" value includes field delimiter";
        InvalidApplicationVersion = 18, "Invalid or unsupported application version";
        Other = 99, "Message not acceptable";
    }
}

reasons! {
    /// `BusinessRejectReason` (380), FIX 4.4.
    BusinessRejectReason {
        Other = 0, "Other";
        UnknownId = 1, "Unknown ID";
        UnknownSecurity = 2, "Unknown security";
        UnsupportedMessageType = 3, "Unsupported message type";
        ApplicationNotAvailable = 4, "Application not available";
        ConditionallyRequiredFieldMissing = 5, "Conditionally required field missing";
        NotAuthorized = 6, "Not authorized";
        DeliverToFirmNotAvailable = 7, "DeliverTo firm not available at this time";
    }
}
