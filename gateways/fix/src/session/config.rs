//! The settings of a session, and the policy that judges Logons.
//!
//! A line belongs here if it is set before a session begins.

use std::sync::Arc;

use super::Schedule;
use crate::codec::{Defect, Encoder, Message, TimePrecision};
use crate::dictionary::{Checks, Dictionary, Version};
use crate::tags;

/// Which side connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The peer connects and logs on.
    Acceptor,
    /// We connect and log on.
    Initiator,
}

/// Order of the header fields after 8, 9 and 35.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeaderOrder {
    /// 34, 43, 49, 52, 56, 122.
    #[default]
    SequenceFirst,
    /// 49, 56, 34, 43, 52, 122, as Binance requires.
    CompIdsFirst,
}

/// What a gap in the peer's sequence numbers leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recovery {
    /// A `ResendRequest` for the missing messages.
    #[default]
    Resend,
    /// A disconnect, because the peer does not support `ResendRequest`.
    GapIsFatal,
}

/// What happens to a message that is sent while nobody is logged on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Offline {
    /// The message is stored, and the peer's `ResendRequest` fetches it (reports to a client).
    #[default]
    Store,
    /// The message is refused (orders to a venue, which would be stale later).
    Refuse,
}

/// Configuration of one session. Times are in nanoseconds unless the name says otherwise.
#[derive(Clone, Debug)]
pub struct Config {
    /// `BeginString` (8), such as `FIX.4.4`.
    pub begin_string: String,
    /// Our `CompID`: `SenderCompID` (49) of our messages.
    pub sender: String,
    /// The peer's `CompID`: `SenderCompID` (49) of the peer's messages.
    pub target: String,
    /// Which side connects.
    pub role: Role,
    /// Initiator: the `HeartBtInt` (108) that we propose, in seconds; 0 for none.
    pub heartbeat_s: u32,
    /// Acceptor: smallest and largest `HeartBtInt` (108) that we accept, in seconds.
    pub heartbeat_s_range: (u32, u32),
    /// How far `SendingTime` (52) may be from our clock, either way; `None` accepts any.
    pub sending_time_tolerance_ns: Option<u64>,
    /// Time for the peer's Logon, or for its answer to ours.
    pub logon_timeout_ns: u64,
    /// Time for the answer to our Logout.
    pub logout_timeout_ns: u64,
    /// Both numbers start at 1 with every Logon. An initiator sends 141=Y; an acceptor sends it
    /// only as an answer.
    pub reset_on_logon: bool,
    /// Decimals of the times that we write into 52 and 122.
    pub time_precision: TimePrecision,
    /// Order of header fields.
    pub header_order: HeaderOrder,
    /// Rendered fields after the header of every message but the Logon, each ended by SOH, such as
    /// `25000=5000`.
    pub extra_header: Vec<u8>,
    /// What a gap in the peer's sequence numbers leads to.
    pub recovery: Recovery,
    /// What happens to messages that are sent while nobody is logged on.
    pub offline: Offline,
    /// Most messages that one `ResendRequest` of ours asks for; 0 for no limit (`EndSeqNo` 0).
    pub resend_chunk: u64,
    /// Messages at least this old are gap-filled instead of sent again: the sender of an order does
    /// not want it executed late. `None` sends messages of any age again, as reports to a client
    /// require.
    pub resend_age_max_ns: Option<u64>,
    /// The Logon tells the peer the number that we expect (789), and we send again from the number
    /// that the peer expects, without a `ResendRequest` (FIX 4.4 volume 2, "Using
    /// `NextExpectedMsgSeqNum`"). Both sides must do it.
    pub next_expected: bool,
    /// Values of `DefaultApplVerID` (1137) that a Logon may have. An initiator sends the first; an
    /// acceptor accepts any, and answers with the same. Empty before FIXT 1.1, which requires one.
    pub appl_ver_ids: Vec<String>,
    /// Dictionary checks of every message; `None` for checks of the form only.
    pub validation: Option<Validation>,
    /// Without `validation`: a header field behind the body is rejected. Otherwise it counts like
    /// one in its place. With `validation`, [`Checks::order`] says so.
    pub check_field_order: bool,
    /// Session hours, with numbers that start at 1 in each period. `None`: always open, and the
    /// numbers go on.
    pub schedule: Option<Schedule>,
}

/// A dictionary, and the checks that use it.
#[derive(Clone, Debug)]
pub struct Validation {
    /// The definitions of messages and fields.
    pub dictionary: Arc<Dictionary>,
    /// The checks.
    pub checks: Checks,
}

/// Default limit for the distance of a `SendingTime` from our clock (FIX 4.4 volume 2, test case
/// 2o: 120 s).
const SENDING_TIME_TOLERANCE_NS: u64 = 120_000_000_000;
const TEN_SECONDS_NS: u64 = 10_000_000_000;
const TWO_SECONDS_NS: u64 = 2_000_000_000;

impl Config {
    /// A FIX 4.4 acceptor with the customary limits.
    pub fn acceptor(sender: &str, target: &str) -> Self {
        Self {
            begin_string: "FIX.4.4".to_owned(),
            sender: sender.to_owned(),
            target: target.to_owned(),
            role: Role::Acceptor,
            heartbeat_s: 30,
            heartbeat_s_range: (1, 3_600),
            sending_time_tolerance_ns: Some(SENDING_TIME_TOLERANCE_NS),
            logon_timeout_ns: TEN_SECONDS_NS,
            logout_timeout_ns: TWO_SECONDS_NS,
            reset_on_logon: false,
            time_precision: TimePrecision::Millis,
            header_order: HeaderOrder::SequenceFirst,
            extra_header: Vec::new(),
            recovery: Recovery::Resend,
            offline: Offline::Store,
            resend_chunk: 0,
            resend_age_max_ns: None,
            next_expected: false,
            appl_ver_ids: Vec::new(),
            validation: None,
            check_field_order: false,
            schedule: None,
        }
    }

    /// This configuration in another version, with every check of that version's dictionary.
    #[must_use]
    pub fn validated(self, version: Version) -> Self {
        let ids = version.appl_ver_ids().iter().copied();
        Self {
            begin_string: version.begin_string().to_owned(),
            appl_ver_ids: ids.map(str::to_owned).collect(),
            validation: Some(Validation {
                dictionary: version.dictionary(),
                checks: Checks::default(),
            }),
            ..self
        }
    }

    /// Whether a session without a dictionary overlooks a defect of a message's form.
    pub(super) const fn tolerates(&self, defect: Defect) -> bool {
        match defect {
            Defect::OutOfOrder { tag } => {
                !self.check_field_order
                    && !matches!(tag, tags::BEGIN_STRING | tags::BODY_LENGTH | tags::CHECK_SUM)
            }
            _ => false,
        }
    }

    /// A FIX 4.4 initiator with the customary limits. Messages sent while logged out are stored.
    pub fn initiator(sender: &str, target: &str) -> Self {
        Self { role: Role::Initiator, ..Self::acceptor(sender, target) }
    }

    /// An initiator towards a venue that stores nothing between sessions and does not support
    /// `ResendRequest`: numbers start at 1, a gap is fatal, and nothing is sent late.
    pub fn venue(sender: &str, target: &str) -> Self {
        Self {
            reset_on_logon: true,
            header_order: HeaderOrder::CompIdsFirst,
            recovery: Recovery::GapIsFatal,
            offline: Offline::Refuse,
            resend_age_max_ns: Some(0),
            ..Self::initiator(sender, target)
        }
    }
}

/// The fields of our next Logon, for a signature over them.
#[derive(Clone, Copy, Debug)]
pub struct LogonContext<'a> {
    /// Our `CompID`.
    pub sender: &'a str,
    /// The peer's `CompID`.
    pub target: &'a str,
    /// `MsgSeqNum`.
    pub msg_seq_num: u64,
    /// `SendingTime` exactly as in tag 52.
    pub sending_time: &'a [u8],
}

/// Judges Logons.
pub trait Policy {
    /// Acceptor: whether the peer may log on. Everything else about the Logon has been checked.
    ///
    /// # Errors
    /// `Text` (58) of the Logout that refuses. It should not tell which part was wrong.
    fn authenticate(&mut self, logon: &Message<'_>) -> Result<(), &'static str>;

    /// Initiator: appends fields after 98, 108 and 141 of our Logon.
    fn logon_fields(&mut self, context: &LogonContext<'_>, logon: &mut Encoder<'_>);

    /// Initiator: appends fields before 98, for a venue that requires an order of fields.
    fn logon_fields_first(&mut self, context: &LogonContext<'_>, logon: &mut Encoder<'_>) {
        let _ = (context, logon);
    }
}

/// Accepts every Logon, and adds nothing to ours.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCredentials;

impl Policy for NoCredentials {
    fn authenticate(&mut self, _: &Message<'_>) -> Result<(), &'static str> {
        Ok(())
    }

    fn logon_fields(&mut self, _: &LogonContext<'_>, _: &mut Encoder<'_>) {}
}

/// User name (553) and password (554): required of the peer, or sent to the peer.
#[derive(Clone)]
pub struct PasswordPolicy {
    username: Vec<u8>,
    password: Vec<u8>,
}

impl PasswordPolicy {
    /// Requires, or sends, exactly this pair.
    pub fn new(username: &str, password: &str) -> Self {
        Self { username: username.into(), password: password.into() }
    }
}

/// Prints no password.
impl core::fmt::Debug for PasswordPolicy {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PasswordPolicy").finish_non_exhaustive()
    }
}

impl Policy for PasswordPolicy {
    fn authenticate(&mut self, logon: &Message<'_>) -> Result<(), &'static str> {
        let given = |tag| logon.get(tag).unwrap_or(b"");
        let name = constant_time_eq(given(tags::USERNAME), &self.username);
        let password = constant_time_eq(given(tags::PASSWORD), &self.password);
        if name & password { Ok(()) } else { Err("Invalid credentials") }
    }

    fn logon_fields(&mut self, _: &LogonContext<'_>, logon: &mut Encoder<'_>) {
        logon.field(tags::USERNAME, &self.username);
        logon.field(tags::PASSWORD, &self.password);
    }
}

/// Whether two texts are equal. The time depends only on the length of `given`.
pub fn constant_time_eq(given: &[u8], expected: &[u8]) -> bool {
    let mut difference = u8::from(given.len() != expected.len());
    for (i, byte) in given.iter().enumerate() {
        let other = if expected.is_empty() { 0 } else { expected[i % expected.len()] };
        difference |= core::hint::black_box(byte ^ other);
    }
    core::hint::black_box(difference) == 0
}
