//! What a gateway is told at its start: which sessions may log on, what can be traded, and every
//! limit.
//!
//! A line belongs here if it comes from the operator. Tables made from the configuration are
//! `terms`.

use std::collections::{BTreeMap, BTreeSet};

use rutter_core::id::{InstrumentId, Name, SessionId, Symbol};
use rutter_core::input::CancelOnDisconnect;
use rutter_core::number::AMOUNT_DECIMALS;
use rutter_core::reference::{INSTRUMENTS_MAX, SESSIONS_MAX};
use rutter_fix::codec::{MESSAGE_BYTES_MAX, TimePrecision};
use rutter_fix::dictionary::{Checks, Version};
use rutter_fix::session::{Config, REPLAY_BYTES_MAX, Schedule, Validation};

use crate::credentials::{CertificatePin, Proof};

/// Longest `CompID`, in bytes.
pub const COMP_ID_BYTES_MAX: usize = 64;

/// One client session: a pair of `CompID`s with sequence numbers of its own.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// The core's id of the session.
    pub id: SessionId,
    /// The client's `CompID`: `SenderCompID` (49) of the client's messages.
    pub comp_id: String,
    /// The account that the session trades for: `Account` (1) on every report and, if the client
    /// gives it, on every order.
    pub account: Name,
    /// `Username` (553) that the Logon must carry; `None` accepts any.
    pub username: Option<String>,
    /// What the Logon must prove.
    pub proof: Proof,
    /// The certificate that the TLS handshake must have shown. With one the session can log on over
    /// TLS only.
    pub certificate: Option<CertificatePin>,
    /// Smallest and largest `HeartBtInt` (108), in seconds.
    pub heartbeat_s_range: (u32, u32),
    /// The FIX version of the session.
    pub version: Version,
    /// Checks of every message against the version's data dictionary (`docs/fix`); `None` for no
    /// such checks.
    pub checks: Option<Checks>,
    /// Without `checks`: a header field behind the body is rejected.
    pub check_field_order: bool,
    /// Reports carry a passport: the journal sequence, and the times of arrival and decision.
    pub passport: bool,
    /// The Logon tells the client the number that we expect (`NextExpectedMsgSeqNum`, 789), and we
    /// send again from the number that the client expects.
    pub next_expected: bool,
    /// Most messages that one `ResendRequest` of ours asks for; 0 for no limit.
    pub resend_chunk: u64,
    /// Rights of the session.
    pub kind: SessionKind,
    /// What happens to the session's orders when its connection is lost, unless its Logon chooses
    /// otherwise.
    pub cancel_on_disconnect: CancelOnDisconnect,
    /// Session hours, with sequence numbers that start at 1 in each period. `None`: always open,
    /// and the numbers go on.
    pub schedule: Option<Schedule>,
    /// Requests per second that reach the core; more are refused, except cancels. 0 for no limit.
    pub requests_per_s_max: u32,
    /// Decimals of the times that we write (42, 52, 60, 122, 20024).
    pub time_precision: TimePrecision,
}

impl SessionConfig {
    /// A session that trades in FIX 4.4, accepts any Logon, and keeps its orders when its
    /// connection is lost.
    pub fn trading(id: SessionId, comp_id: &str, account: Name) -> Self {
        Self {
            id,
            comp_id: comp_id.to_owned(),
            account,
            username: None,
            proof: Proof::Nothing,
            certificate: None,
            heartbeat_s_range: (1, 60),
            version: Version::Fix44,
            checks: None,
            check_field_order: false,
            passport: false,
            next_expected: false,
            resend_chunk: 0,
            kind: SessionKind::Trading,
            cancel_on_disconnect: CancelOnDisconnect::default(),
            schedule: None,
            requests_per_s_max: 0,
            time_precision: TimePrecision::Millis,
        }
    }
}

/// Rights of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SessionKind {
    /// Trade for its account.
    #[default]
    Trading,
    /// Read only: a copy of each report of these sessions. A different list gives the reports
    /// different numbers, so a new list needs a new `CompID`.
    DropCopy(Vec<SessionId>),
}

/// Longest grace between the loss of a connection and the cancel of its orders, in nanoseconds: one
/// hour.
pub const GRACE_NS_MAX: u64 = 3_600_000_000_000;

/// An instrument, as far as a client's message names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstrumentConfig {
    /// The core's id of the instrument.
    pub id: InstrumentId,
    /// `Symbol` (55).
    pub symbol: Symbol,
    /// Decimals of a price, 0 to 18.
    pub price_decimals: u8,
    /// Decimals of a quantity, 0 to 18. Price and quantity decimals together are at most 18.
    pub qty_decimals: u8,
}

/// Every limit of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most connections; more are closed at once.
    pub connections_max: usize,
    /// Most connections of one listener whose Logon has not come yet, once for known addresses and
    /// once for strangers; a further one displaces another.
    pub unbound_max: usize,
    /// Most connections without a Logon from one IPv4 address or one IPv6 /56.
    pub unbound_per_address_max: usize,
    /// Time for the Logon, a TLS handshake included.
    pub logon_timeout_ns: u64,
    /// How far the time of a signed Logon may be from our clock, either way.
    pub logon_window_ns: u64,
    /// Wrong Logons from one address for one `CompID` until the address is locked out.
    pub logon_failures_max: u32,
    /// Length of the first lock-out. Each further one is twice as long.
    pub lockout_ns: u64,
    /// Length of the longest lock-out.
    pub lockout_max_ns: u64,
    /// Received bytes of one connection that may wait; at least twice the longest message.
    pub input_bytes_max: usize,
    /// Bytes that may wait for a client which does not read. Above half of it the operator is told,
    /// above all of it the client is cut off. At least twice the bytes that a resend writes at
    /// once.
    pub output_bytes_max: usize,
    /// A client that reads none of the waiting bytes for this long is cut off.
    pub write_stall_ns: u64,
    /// How far `SendingTime` (52) may be from our clock, either way.
    pub sending_time_tolerance_ns: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 1_024,
            unbound_max: 128,
            unbound_per_address_max: 16,
            logon_timeout_ns: 10_000_000_000,
            logon_window_ns: 5_000_000_000,
            logon_failures_max: 5,
            lockout_ns: 30_000_000_000,
            lockout_max_ns: 900_000_000_000,
            input_bytes_max: 256 << 10,
            output_bytes_max: 1 << 20,
            write_stall_ns: 30_000_000_000,
            sending_time_tolerance_ns: 120_000_000_000,
        }
    }
}

/// The configuration of a gateway.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// Our `CompID`: `SenderCompID` (49) of our messages.
    pub sender_comp_id: String,
    /// The sessions that may log on.
    pub sessions: Vec<SessionConfig>,
    /// The instruments that can be traded.
    pub instruments: Vec<InstrumentConfig>,
    /// Venue names by [`VenueId`](rutter_core::id::VenueId): `LastMkt` (30).
    pub venues: Vec<Name>,
    /// Asset names by [`AssetId`](rutter_core::id::AssetId): `MiscFeeCurr` (138).
    pub assets: Vec<Name>,
    /// Node tag of the journal's genesis. It makes `ExecID` and `OrderID` unique over all journals.
    pub node_tag: u32,
    /// Every limit.
    pub limits: Limits,
}

/// Why a configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The number of stores is not the number of sessions.
    #[error("{stores} stores for {sessions} sessions")]
    Stores {
        /// Number of message stores.
        stores: usize,
        /// Number of configured sessions.
        sessions: usize,
    },
    /// More sessions or instruments than the core can define.
    #[error("more than {most} {what}")]
    TooMany {
        /// `sessions` or `instruments`.
        what: &'static str,
        /// How many there may be.
        most: usize,
    },
    /// Empty, longer than [`COMP_ID_BYTES_MAX`], or not printable ASCII.
    #[error("bad CompID {0:?}")]
    CompId(String),
    /// Two sessions have one `CompID`, or a client has ours.
    #[error("CompID {0:?} is used twice")]
    CompIdTwice(String),
    /// Two sessions have one id.
    #[error("session {0} is configured twice")]
    SessionTwice(u16),
    /// A name is empty.
    #[error("empty name of {what}")]
    EmptyName {
        /// The thing without a name.
        what: &'static str,
    },
    /// Two instruments have one id or one symbol.
    #[error("instrument {0} is configured twice")]
    InstrumentTwice(Symbol),
    /// Price and quantity decimals together exceed 18.
    #[error("too many decimals of {0}")]
    Decimals(Symbol),
    /// The smallest heartbeat interval is above the largest.
    #[error("heartbeat range of {0:?} is empty")]
    Heartbeat(String),
    /// A drop copy names a session that is not configured, or that is a drop copy itself.
    #[error("drop copy {0:?} is of a session that does not trade")]
    DropCopy(String),
    /// The grace of a session is longer than [`GRACE_NS_MAX`].
    #[error("grace of {0:?} is too long")]
    Grace(String),
    /// A limit is lower than the gateway can work with.
    #[error("limit {0} is too low")]
    LimitTooLow(&'static str),
}

impl GatewayConfig {
    /// Checks everything that can be checked without the stores.
    ///
    /// # Errors
    /// [`ConfigError`], the first that is found.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.check_sessions()?;
        self.check_instruments()?;
        if self.venues.iter().any(Name::is_empty) {
            return Err(ConfigError::EmptyName { what: "venue" });
        }
        if self.assets.iter().any(Name::is_empty) {
            return Err(ConfigError::EmptyName { what: "asset" });
        }
        let limits = &self.limits;
        for (low, name) in [
            (limits.connections_max == 0, "connections_max"),
            (limits.connections_max > u32::MAX as usize, "connections_max"),
            (limits.unbound_max == 0, "unbound_max"),
            (limits.unbound_per_address_max == 0, "unbound_per_address_max"),
            (limits.logon_timeout_ns == 0, "logon_timeout_ns"),
            (limits.logon_window_ns == 0, "logon_window_ns"),
            (limits.logon_failures_max == 0, "logon_failures_max"),
            (limits.lockout_ns == 0, "lockout_ns"),
            (limits.lockout_max_ns < limits.lockout_ns, "lockout_max_ns"),
            (limits.input_bytes_max < 2 * MESSAGE_BYTES_MAX, "input_bytes_max"),
            (limits.output_bytes_max < 2 * REPLAY_BYTES_MAX, "output_bytes_max"),
            (limits.write_stall_ns == 0, "write_stall_ns"),
        ] {
            if low {
                return Err(ConfigError::LimitTooLow(name));
            }
        }
        Ok(())
    }

    fn check_sessions(&self) -> Result<(), ConfigError> {
        check_comp_id(&self.sender_comp_id)?;
        check_added(&self.sender_comp_id, &BTreeMap::new(), &self.sessions)
    }

    fn check_instruments(&self) -> Result<(), ConfigError> {
        if self.instruments.len() > INSTRUMENTS_MAX {
            return Err(ConfigError::TooMany { what: "instruments", most: INSTRUMENTS_MAX });
        }
        let (mut ids, mut symbols) = (BTreeSet::new(), BTreeSet::new());
        for instrument in &self.instruments {
            if instrument.symbol.is_empty() {
                return Err(ConfigError::EmptyName { what: "instrument" });
            }
            if !ids.insert(instrument.id) || !symbols.insert(instrument.symbol) {
                return Err(ConfigError::InstrumentTwice(instrument.symbol));
            }
            let decimals =
                u32::from(instrument.price_decimals) + u32::from(instrument.qty_decimals);
            if decimals > AMOUNT_DECIMALS || instrument.id.index() >= INSTRUMENTS_MAX {
                return Err(ConfigError::Decimals(instrument.symbol));
            }
        }
        Ok(())
    }
}

impl SessionConfig {
    /// The settings of the FIX session. `sender_comp_id` is ours.
    pub(crate) fn fix_session(&self, sender_comp_id: &str, limits: &Limits) -> Config {
        let config = Config {
            heartbeat_s_range: self.heartbeat_s_range,
            sending_time_tolerance_ns: Some(limits.sending_time_tolerance_ns),
            logon_timeout_ns: limits.logon_timeout_ns,
            time_precision: self.time_precision,
            schedule: self.schedule.clone(),
            ..Config::acceptor(sender_comp_id, &self.comp_id)
        };
        let config = config.validated(self.version);
        let validation = config.validation.zip(self.checks);
        Config {
            validation: validation.map(|(validation, checks)| Validation { checks, ..validation }),
            check_field_order: self.check_field_order,
            next_expected: self.next_expected,
            resend_chunk: self.resend_chunk,
            ..config
        }
    }
}

/// A session that is there: its `CompID`, and whether it trades.
pub(crate) type KnownSessions<'a> = BTreeMap<SessionId, (&'a str, bool)>;

/// Checks sessions that come to those that are there.
///
/// # Errors
/// [`ConfigError`], the first that is found.
pub(crate) fn check_added(
    sender_comp_id: &str,
    known: &KnownSessions<'_>,
    added: &[SessionConfig],
) -> Result<(), ConfigError> {
    if known.len() + added.len() > SESSIONS_MAX {
        return Err(ConfigError::TooMany { what: "sessions", most: SESSIONS_MAX });
    }
    let mut names: BTreeSet<&str> = known.values().map(|(comp_id, _)| *comp_id).collect();
    names.insert(sender_comp_id);
    let mut trades: BTreeMap<SessionId, bool> =
        known.iter().map(|(id, (_, trades))| (*id, *trades)).collect();
    for session in added {
        check_comp_id(&session.comp_id)?;
        if !names.insert(&session.comp_id) {
            return Err(ConfigError::CompIdTwice(session.comp_id.clone()));
        }
        if trades.insert(session.id, session.kind == SessionKind::Trading).is_some() {
            return Err(ConfigError::SessionTwice(session.id.0));
        }
        if session.account.is_empty() {
            return Err(ConfigError::EmptyName { what: "account" });
        }
        let (least, most) = session.heartbeat_s_range;
        if least > most {
            return Err(ConfigError::Heartbeat(session.comp_id.clone()));
        }
        if session.cancel_on_disconnect.grace_ns > GRACE_NS_MAX {
            return Err(ConfigError::Grace(session.comp_id.clone()));
        }
    }
    for session in added {
        let SessionKind::DropCopy(sources) = &session.kind else { continue };
        if !sources.iter().all(|source| trades.get(source) == Some(&true)) {
            return Err(ConfigError::DropCopy(session.comp_id.clone()));
        }
    }
    Ok(())
}

fn check_comp_id(comp_id: &str) -> Result<(), ConfigError> {
    let printable = comp_id.bytes().all(|byte| byte.is_ascii_graphic());
    if comp_id.is_empty() || comp_id.len() > COMP_ID_BYTES_MAX || !printable {
        return Err(ConfigError::CompId(comp_id.to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> GatewayConfig {
        let account = Name::new(b"DESK").expect("short");
        let session = |id, comp_id: &str| SessionConfig {
            proof: Proof::Password("hunter2".into()),
            ..SessionConfig::trading(SessionId(id), comp_id, account)
        };
        GatewayConfig {
            sender_comp_id: "RUTTER".to_owned(),
            sessions: vec![session(0, "A"), session(1, "B")],
            instruments: vec![InstrumentConfig {
                id: InstrumentId(0),
                symbol: Symbol::new(b"BTC/USDT").expect("short"),
                price_decimals: 2,
                qty_decimals: 8,
            }],
            venues: Vec::new(),
            assets: Vec::new(),
            node_tag: 1,
            limits: Limits::default(),
        }
    }

    #[test]
    fn a_sound_configuration_is_taken_and_shows_no_password() {
        assert_eq!(config().check(), Ok(()));
        assert!(!format!("{:?}", config()).contains("hunter2"));
    }

    #[test]
    fn every_contradiction_has_its_error() {
        type Spoil = fn(&mut GatewayConfig);
        let cases: [(Spoil, ConfigError); 11] = [
            (|c| c.sessions[1].comp_id = "A".into(), ConfigError::CompIdTwice("A".into())),
            (
                |c| c.sessions[1].comp_id = "RUTTER".into(),
                ConfigError::CompIdTwice("RUTTER".into()),
            ),
            (|c| c.sessions[1].comp_id = "A\x01B".into(), ConfigError::CompId("A\x01B".into())),
            (|c| c.sessions[1].id = SessionId(0), ConfigError::SessionTwice(0)),
            (|c| c.sessions[0].account = Name::EMPTY, ConfigError::EmptyName { what: "account" }),
            (|c| c.sessions[0].heartbeat_s_range = (9, 8), ConfigError::Heartbeat("A".into())),
            (
                |c| c.sessions[1].kind = SessionKind::DropCopy(vec![SessionId(1)]),
                ConfigError::DropCopy("B".into()),
            ),
            (
                |c| c.sessions[0].cancel_on_disconnect.grace_ns = u64::MAX,
                ConfigError::Grace("A".into()),
            ),
            (
                |c| c.instruments[0].qty_decimals = 17,
                ConfigError::Decimals(Symbol::new(b"BTC/USDT").expect("short")),
            ),
            (|c| c.limits.input_bytes_max = 1_000, ConfigError::LimitTooLow("input_bytes_max")),
            (|c| c.limits.output_bytes_max = 1_000, ConfigError::LimitTooLow("output_bytes_max")),
        ];
        for (spoil, error) in cases {
            let mut config = config();
            spoil(&mut config);
            assert_eq!(config.check(), Err(error));
        }
    }
}
