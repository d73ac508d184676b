//! What a session is told at its start, and the policy it asks about logons.

use std::sync::Arc;

use super::Schedule;
use crate::codec::{Encoder, Message, TimePrecision};
use crate::dictionary::{Checks, Dictionary, Version};

/// Who connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The peer connects and logs on.
    Acceptor,
    /// We connect and log on.
    Initiator,
}

/// Order of the header fields behind 8, 9 and 35.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeaderOrder {
    /// 34, 43, 49, 52, 56, 122.
    #[default]
    SequenceFirst,
    /// 49, 56, 34, 43, 52, 122, as Binance wants it.
    CompIdsFirst,
}

/// What a gap in the peer's numbers means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recovery {
    /// Ask for the missing messages.
    #[default]
    Resend,
    /// The peer knows no `ResendRequest`: disconnect.
    GapIsFatal,
}

/// What happens to a message that is sent while nobody is logged on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Offline {
    /// It is stored, and fetched by the peer's `ResendRequest` (reports to a client).
    #[default]
    Store,
    /// It is refused (orders to a venue, which would be stale later).
    Refuse,
}

/// Configuration of one session. Times in nanoseconds unless the name says otherwise.
#[derive(Clone, Debug)]
pub struct Config {
    /// Tag 8, such as `FIX.4.4`.
    pub begin_string: String,
    /// Our `CompID`: 49 of what we send.
    pub sender: String,
    /// The peer's `CompID`: 49 of what we receive.
    pub target: String,
    /// Who connects.
    pub role: Role,
    /// Initiator: the `HeartBtInt` (108) we propose, in seconds; 0 for none.
    pub heartbeat_s: u32,
    /// Acceptor: least and most `HeartBtInt` we take, in seconds.
    pub heartbeat_s_range: (u32, u32),
    /// `SendingTime` may be off by this much either way; `None` takes any.
    pub sending_time_tolerance_ns: Option<u64>,
    /// A Logon must be there (or answered) within this.
    pub logon_timeout_ns: u64,
    /// Our Logout must be answered within this.
    pub logout_timeout_ns: u64,
    /// Both numbers start at 1 with every Logon. An initiator says so with 141=Y, an acceptor
    /// says nothing unless asked.
    pub reset_on_logon: bool,
    /// Digits of the times we write into 52 and 122.
    pub time_precision: TimePrecision,
    /// Order of header fields.
    pub header_order: HeaderOrder,
    /// Rendered fields behind the header of every message but the Logon, each ended by SOH; such
    /// as `25000=5000`.
    pub extra_header: Vec<u8>,
    /// What a gap means.
    pub recovery: Recovery,
    /// What happens to messages sent while logged out.
    pub offline: Offline,
    /// Most messages that one `ResendRequest` asks for; 0 asks for all there are (`EndSeqNo` 0).
    pub resend_chunk: u64,
    /// What is this old or older is not sent again but filled over: an order that reaches a venue
    /// late is not what its sender wants any more. `None` sends again at any age, as reports to a
    /// client must be.
    pub resend_age_max_ns: Option<u64>,
    /// Tell the peer with the Logon what we expect (789), and send again what the peer says it
    /// expects, instead of waiting for a `ResendRequest` (FIX 4.4 volume 2, "Using
    /// `NextExpectedMsgSeqNum`"). Both sides must do it.
    pub next_expected: bool,
    /// Values of `DefaultApplVerID` (1137) that a Logon may have; an initiator sends the first,
    /// an acceptor takes any and answers with the same. Empty before FIXT 1.1, which demands one.
    pub appl_ver_ids: Vec<String>,
    /// What messages are checked against; `None` for their form only.
    pub validation: Option<Validation>,
    /// When the session is open and its numbers start anew; `None` for always and never.
    pub schedule: Option<Schedule>,
}

/// A dictionary and the checks that are made with it.
#[derive(Clone, Debug)]
pub struct Validation {
    /// Messages and fields.
    pub dictionary: Arc<Dictionary>,
    /// What is checked.
    pub checks: Checks,
}

/// Most a `SendingTime` may be off by default (FIX 4.4 volume 2, test case 2o: 120 s).
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
            schedule: None,
        }
    }

    /// The same session in another version, with every check of that version's dictionary.
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

    /// A FIX 4.4 initiator with the customary limits. Messages sent while logged out are stored.
    pub fn initiator(sender: &str, target: &str) -> Self {
        Self { role: Role::Initiator, ..Self::acceptor(sender, target) }
    }

    /// An initiator towards a venue that keeps nothing from session to session and knows no
    /// `ResendRequest`: numbers start at 1, a gap is fatal, nothing is sent late.
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

/// What a Logon of ours will say, for a signature over it.
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

/// Decides about logons.
pub trait Policy {
    /// Acceptor: whether the peer may log on. Everything else about the Logon is checked already.
    ///
    /// # Errors
    /// The text (58) of the Logout that refuses; it should not tell which part was wrong.
    fn authenticate(&mut self, logon: &Message<'_>) -> Result<(), &'static str>;

    /// Initiator: appends fields behind 98, 108 and 141 of our Logon.
    fn logon_fields(&mut self, context: &LogonContext<'_>, logon: &mut Encoder<'_>);

    /// Initiator: appends fields in front of 98, as far as a venue's order of fields matters.
    fn logon_fields_first(&mut self, context: &LogonContext<'_>, logon: &mut Encoder<'_>) {
        let _ = (context, logon);
    }
}

/// Takes every logon and adds nothing to ours.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCredentials;

impl Policy for NoCredentials {
    fn authenticate(&mut self, _: &Message<'_>) -> Result<(), &'static str> {
        Ok(())
    }

    fn logon_fields(&mut self, _: &LogonContext<'_>, _: &mut Encoder<'_>) {}
}

/// User name (553) and password (554), demanded of the peer or sent to it.
#[derive(Clone)]
pub struct PasswordPolicy {
    username: Vec<u8>,
    password: Vec<u8>,
}

impl PasswordPolicy {
    /// Exactly this pair.
    pub fn new(username: &str, password: &str) -> Self {
        Self { username: username.into(), password: password.into() }
    }
}

/// Shows no password.
impl core::fmt::Debug for PasswordPolicy {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PasswordPolicy").finish_non_exhaustive()
    }
}

impl Policy for PasswordPolicy {
    fn authenticate(&mut self, logon: &Message<'_>) -> Result<(), &'static str> {
        let given = |tag| logon.get(tag).unwrap_or(b"");
        let name = constant_time_eq(given(crate::tags::USERNAME), &self.username);
        let password = constant_time_eq(given(crate::tags::PASSWORD), &self.password);
        if name & password { Ok(()) } else { Err("Invalid credentials") }
    }

    fn logon_fields(&mut self, _: &LogonContext<'_>, logon: &mut Encoder<'_>) {
        logon.field(crate::tags::USERNAME, &self.username);
        logon.field(crate::tags::PASSWORD, &self.password);
    }
}

/// Whether two texts are equal, in a time that depends on the length of `given` only.
pub fn constant_time_eq(given: &[u8], expected: &[u8]) -> bool {
    let mut difference = u8::from(given.len() != expected.len());
    for (i, byte) in given.iter().enumerate() {
        let other = if expected.is_empty() { 0 } else { expected[i % expected.len()] };
        difference |= core::hint::black_box(byte ^ other);
    }
    core::hint::black_box(difference) == 0
}
