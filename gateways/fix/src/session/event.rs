//! What a session tells its caller: events, reasons and errors. Every way to lose a connection
//! has a name here.

use crate::codec::{EncodeError, Garbled, Message};
use crate::store::StoreError;

/// What one call of [`Session::receive`](super::Session::receive) did.
#[derive(Debug)]
pub struct Received<'b> {
    /// Bytes to drop from the front of the input.
    pub consumed: usize,
    /// What the caller must know. With nothing consumed and no event, more bytes are needed, the
    /// output buffer must be written first, or [confirmations](super::Session::is_held) must come.
    pub event: Option<Event<'b>>,
}

/// Something that the caller must know.
#[derive(Debug)]
pub enum Event<'b> {
    /// Both sides have logged on.
    LoggedOn {
        /// Agreed interval in seconds.
        heartbeat_s: u32,
        /// Both numbers started anew.
        reset: bool,
    },
    /// A message for the application, in sequence, once.
    App(AppMessage<'b>),
    /// The peer rejected (35=3) a message of ours.
    PeerReject(Message<'b>),
    /// We rejected a message of the peer's; it counts in the sequence and is not delivered.
    Rejected {
        /// Its number.
        seq: u64,
        /// Why.
        reason: SessionRejectReason,
        /// The field at fault, if it is one; 0 for a tag that is no number.
        tag: Option<u32>,
    },
    /// Our Logout has gone out; [`Event::Disconnect`] follows when it is answered or late.
    LogoutSent {
        /// Why: the peer is at fault, or the session's hours are over.
        reason: DisconnectReason,
    },
    /// Something odd that needs no action.
    Warning(Warning),
    /// The session has let go of the connection: write the output buffer, then close.
    Disconnect {
        /// Why.
        reason: DisconnectReason,
        /// The peer's own words (58), if it gave any.
        text: &'b [u8],
    },
}

/// A message for the application.
#[derive(Clone, Copy, Debug)]
pub struct AppMessage<'b> {
    /// The message.
    pub message: Message<'b>,
    /// For [`Session::confirm_in`](super::Session::confirm_in): number and reset count in one.
    pub id: u64,
    /// `MsgSeqNum`.
    pub seq: u64,
    /// `PossDupFlag`: the peer sends it again because we asked.
    pub poss_dup: bool,
    /// `PossResend`: its content may have come before under another number.
    pub poss_resend: bool,
}

/// Odd, but the session goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// Bytes that are no message were skipped.
    Garbled(Garbled),
    /// Numbers are missing; they have been asked for.
    Gap {
        /// The first missing one.
        expected: u64,
        /// What came.
        received: u64,
    },
    /// Messages that the peer asked for are no longer kept; they were gap-filled.
    ResendTruncated {
        /// First number asked for.
        from: u64,
        /// Last number that retention has removed.
        upto: u64,
    },
    /// The peer moved its number forward without filling the gap: messages may be lost.
    SequenceReset {
        /// What we expected.
        from: u64,
        /// What comes next.
        to: u64,
    },
    /// The peer is silent; a `TestRequest` has gone out.
    Silent,
}

/// Why a session lets go of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum DisconnectReason {
    /// The first bytes were no message.
    #[error("garbled logon")]
    GarbledLogon,
    /// The first message was no Logon.
    #[error("first message is no logon")]
    FirstMessageNotLogon,
    /// No Logon in time.
    #[error("logon timeout")]
    LogonTimeout,
    /// A Logon that is badly formed or lacks a field.
    #[error("invalid logon")]
    InvalidLogon,
    /// We refused the peer's Logon.
    #[error("logon refused: {0}")]
    LogonRefused(Refusal),
    /// The peer refused ours.
    #[error("logon refused by the peer")]
    LogonRefusedByPeer,
    /// A second Logon within a session.
    #[error("duplicate logon")]
    DuplicateLogon,
    /// Tag 8 of another version.
    #[error("incorrect BeginString")]
    BeginString,
    /// 49 or 56 of somebody else.
    #[error("CompID problem")]
    CompId,
    /// 52 too far off, or before 122.
    #[error("SendingTime accuracy problem")]
    SendingTime,
    /// A message without a usable 34.
    #[error("no MsgSeqNum")]
    NoMsgSeqNum,
    /// A number below the expected one, not marked as a duplicate.
    #[error("MsgSeqNum too low")]
    SequenceTooLow,
    /// The peer expects (789) a number that we have not come to.
    #[error("NextExpectedMsgSeqNum too high")]
    NextExpectedTooHigh,
    /// A gap towards a peer that cannot resend.
    #[error("gap in the sequence")]
    GapFatal,
    /// The peer does not resend what it was asked for.
    #[error("gap not filled")]
    GapNotFilled,
    /// The peer asks for the same messages for ever.
    #[error("too many resend requests")]
    ResendLoop,
    /// No message and no answer for 2.4 heartbeat intervals.
    #[error("heartbeat timeout")]
    HeartbeatTimeout,
    /// The peer logged out; we answered.
    #[error("logged out by the peer")]
    PeerLogout,
    /// The peer answered our Logout.
    #[error("logged out")]
    LogoutComplete,
    /// The peer did not answer our Logout.
    #[error("logout timeout")]
    LogoutTimeout,
    /// Too many garbled stretches in a row.
    #[error("too much garbage")]
    TooMuchGarbage,
    /// The session's hours are over.
    #[error("outside session hours")]
    OutsideHours,
    /// The core does not keep up: too many unconfirmed messages, and no confirmation for long.
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
    /// The policy said no.
    #[error("credentials")]
    Credentials,
    /// 141=Y under a number other than 1.
    #[error("ResetSeqNumFlag")]
    ResetSeqNum,
    /// `DefaultApplVerID` (1137) is absent or none of ours.
    #[error("DefaultApplVerID")]
    DefaultApplVerId,
    /// The session is closed now.
    #[error("outside session hours")]
    OutsideHours,
    /// The Logon is not as the dictionary has it.
    #[error("invalid field")]
    InvalidField,
}

/// Why a message could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Not logged on, and the session does not store for later.
    #[error("not logged on")]
    NotLoggedOn,
    /// The message cannot be written.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// It cannot be stored, so it must not leave. The session should be stopped.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There are no more sequence numbers.
    #[error("sequence numbers exhausted")]
    SequenceExhausted,
}

/// A misuse of, or a failure below, the session.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// There is a connection already.
    #[error("already connected")]
    AlreadyConnected,
    /// The store failed.
    #[error(transparent)]
    Store(StoreError),
}

/// What became of a message that was to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Stored and in the output buffer.
    Written {
        /// Its number.
        seq: u64,
    },
    /// Stored only: nobody is logged on.
    Held {
        /// Its number.
        seq: u64,
    },
    /// An event of this or a higher number is stored already: nothing was done.
    AlreadyStored,
}

macro_rules! reasons {
    ($(#[$about:meta])* $name:ident { $($variant:ident = $code:literal, $text:literal;)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $(#[doc = concat!($text, ".")] $variant,)*
        }

        impl $name {
            /// The number on the wire.
            pub const fn code(self) -> u16 {
                match self { $(Self::$variant => $code,)* }
            }

            /// The words of the specification.
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
