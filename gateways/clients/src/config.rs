//! What a gateway is told at its start: who may log on, what can be traded, and every limit.
//!
//! A line belongs here if it comes from the operator. Tables made from it are `terms`.

use std::collections::BTreeSet;

use rutter_core::id::{InstrumentId, Name, SessionId, Symbol};
use rutter_core::input::CancelOnDisconnect;
use rutter_core::number::AMOUNT_DECIMALS;
use rutter_core::reference::DEFINITIONS_MAX;
use rutter_fix::codec::{MESSAGE_BYTES_MAX, TimePrecision};
use rutter_fix::dictionary::{Checks, Version};
use rutter_fix::session::{Config, REPLAY_BYTES_MAX, Schedule, Validation};

use crate::credentials::{CertificatePin, Proof};

/// Longest `CompID`, in bytes.
pub const COMP_ID_BYTES_MAX: usize = 64;

/// One client session: a pair of `CompID`s with its own sequence numbers.
#[derive(Clone, Debug)]
pub struct SessionConfig {
    /// What the core calls it.
    pub id: SessionId,
    /// The client's `CompID`: 49 of what it sends.
    pub comp_id: String,
    /// The account it trades for: `Account` (1), on every report and, if given, on every order.
    pub account: Name,
    /// `Username` (553) that its Logon must carry; `None` takes any.
    pub username: Option<String>,
    /// What its Logon must prove.
    pub proof: Proof,
    /// The certificate that it must have shown; then it can log on over TLS only.
    pub certificate: Option<CertificatePin>,
    /// Least and most `HeartBtInt` (108), in seconds.
    pub heartbeat_s_range: (u32, u32),
    /// The version that it speaks.
    pub version: Version,
    /// Every message is checked with the version's data dictionary (`docs/fix`) as well: these
    /// checks.
    pub checks: Option<Checks>,
    /// Its reports say where their time went, and where they are in the journal.
    pub passport: bool,
    /// Tell it with the Logon what we expect (789), and send again what it says it expects.
    pub next_expected: bool,
    /// Most messages that one `ResendRequest` of ours asks for; 0 for all there are.
    pub resend_chunk: u64,
    /// What it may do.
    pub kind: SessionKind,
    /// What becomes of its orders when its connection is lost, unless its Logon says otherwise.
    pub cancel_on_disconnect: CancelOnDisconnect,
    /// When it is open and its numbers start anew; `None` for always and never.
    pub schedule: Option<Schedule>,
    /// Requests a second that are passed on; more are refused, but for cancels. 0 for no limit.
    pub requests_per_s_max: u32,
}

impl SessionConfig {
    /// A session that trades in FIX 4.4, takes any logon, and keeps its orders when it is gone.
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
            passport: false,
            next_expected: false,
            resend_chunk: 0,
            kind: SessionKind::Trading,
            cancel_on_disconnect: CancelOnDisconnect::default(),
            schedule: None,
            requests_per_s_max: 0,
        }
    }
}

/// What a session may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SessionKind {
    /// Orders for its account.
    #[default]
    Trading,
    /// Nothing: it gets a copy of each report of these sessions. Another list would give its
    /// reports other numbers, so that a new list needs a new `CompID`.
    DropCopy(Vec<SessionId>),
}

/// Longest that a session's orders may outlive its connection.
pub const GRACE_NS_MAX: u64 = 3_600_000_000_000;

/// What can be traded, as far as a client's message must name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstrumentConfig {
    /// What the core calls it.
    pub id: InstrumentId,
    /// `Symbol` (55).
    pub symbol: Symbol,
    /// Decimals of prices.
    pub price_decimals: u8,
    /// Decimals of quantities.
    pub qty_decimals: u8,
}

/// Every limit of the gateway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections in all; more are closed at once.
    pub connections_max: usize,
    /// Connections whose Logon has not come yet; more are closed at once.
    pub unbound_max: usize,
    /// Of these, from one address (of IPv6: from one /64).
    pub unbound_per_address_max: usize,
    /// The Logon must be there within this, a TLS handshake included.
    pub logon_timeout_ns: u64,
    /// The time of a signed Logon may be off by this much either way.
    pub logon_window_ns: u64,
    /// Wrong Logons from one address for one `CompID` until it is locked out.
    pub logon_failures_max: u32,
    /// How long the first time; twice as long each further time.
    pub lockout_ns: u64,
    /// How long at most.
    pub lockout_max_ns: u64,
    /// Bytes of a connection that wait to be understood; at least twice the longest message.
    pub input_bytes_max: usize,
    /// Bytes that wait for a client which does not read. At half of it the operator is told, above
    /// it the client is cut off; at least twice what a resend puts there at once.
    pub output_bytes_max: usize,
    /// A client that takes none of what waits for this long is cut off.
    pub write_stall_ns: u64,
    /// `SendingTime` (52) may be off by this much either way.
    pub sending_time_tolerance_ns: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 256,
            unbound_max: 32,
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

/// Everything that a gateway must know.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// Our `CompID`: 49 of what we send.
    pub sender_comp_id: String,
    /// Who may log on.
    pub sessions: Vec<SessionConfig>,
    /// What can be traded.
    pub instruments: Vec<InstrumentConfig>,
    /// Names by [`VenueId`](rutter_core::id::VenueId): `LastMkt` (30).
    pub venues: Vec<Name>,
    /// Names by [`AssetId`](rutter_core::id::AssetId): `MiscFeeCurr` (138).
    pub assets: Vec<Name>,
    /// Of the journal's genesis: makes `ExecID` and `OrderID` unique over journals.
    pub node_tag: u32,
    /// Digits of the times that we write (52, 60, 122).
    pub time_precision: TimePrecision,
    /// Limits.
    pub limits: Limits,
}

/// Why a configuration is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Not one store for each session.
    #[error("{stores} stores for {sessions} sessions")]
    Stores {
        /// Stores given.
        stores: usize,
        /// Sessions configured.
        sessions: usize,
    },
    /// More sessions or instruments than the core defines.
    #[error("more than {DEFINITIONS_MAX} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
    },
    /// Empty, longer than [`COMP_ID_BYTES_MAX`], or not printable ASCII.
    #[error("bad CompID {0:?}")]
    CompId(String),
    /// Two sessions of one `CompID`, or a client with our own.
    #[error("CompID {0:?} is used twice")]
    CompIdTwice(String),
    /// Two sessions of one id.
    #[error("session {0} is configured twice")]
    SessionTwice(u16),
    /// No name, or not a name that can be written.
    #[error("empty name of {what}")]
    EmptyName {
        /// Of what.
        what: &'static str,
    },
    /// Two instruments of one id or symbol.
    #[error("instrument {0} is configured twice")]
    InstrumentTwice(Symbol),
    /// Price and quantity decimals together exceed 18.
    #[error("too many decimals of {0}")]
    Decimals(Symbol),
    /// The heartbeat range is empty.
    #[error("heartbeat range of {0:?} is empty")]
    Heartbeat(String),
    /// A drop copy of a session that is not configured, or is one itself.
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
    /// Checks what can be checked without the stores.
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
        if self.sessions.len() > DEFINITIONS_MAX {
            return Err(ConfigError::TooMany { what: "sessions" });
        }
        check_comp_id(&self.sender_comp_id)?;
        let mut names = BTreeSet::from([self.sender_comp_id.as_str()]);
        let mut ids = BTreeSet::new();
        for session in &self.sessions {
            check_comp_id(&session.comp_id)?;
            if !names.insert(&session.comp_id) {
                return Err(ConfigError::CompIdTwice(session.comp_id.clone()));
            }
            if !ids.insert(session.id) {
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
            let SessionKind::DropCopy(sources) = &session.kind else { continue };
            if !sources.iter().all(|source| self.trades(*source)) {
                return Err(ConfigError::DropCopy(session.comp_id.clone()));
            }
        }
        Ok(())
    }

    fn trades(&self, id: SessionId) -> bool {
        let of_id = |session: &&SessionConfig| session.id == id;
        self.sessions.iter().find(of_id).is_some_and(|one| one.kind == SessionKind::Trading)
    }

    fn check_instruments(&self) -> Result<(), ConfigError> {
        if self.instruments.len() > DEFINITIONS_MAX {
            return Err(ConfigError::TooMany { what: "instruments" });
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
            if decimals > AMOUNT_DECIMALS || instrument.id.index() >= DEFINITIONS_MAX {
                return Err(ConfigError::Decimals(instrument.symbol));
            }
        }
        Ok(())
    }

    /// The FIX session of one client.
    pub(crate) fn fix_session(&self, session: &SessionConfig) -> Config {
        let config = Config {
            heartbeat_s_range: session.heartbeat_s_range,
            sending_time_tolerance_ns: Some(self.limits.sending_time_tolerance_ns),
            logon_timeout_ns: self.limits.logon_timeout_ns,
            time_precision: self.time_precision,
            schedule: session.schedule.clone(),
            ..Config::acceptor(&self.sender_comp_id, &session.comp_id)
        };
        let config = config.validated(session.version);
        let validation = config.validation.zip(session.checks);
        Config {
            validation: validation.map(|(validation, checks)| Validation { checks, ..validation }),
            next_expected: session.next_expected,
            resend_chunk: session.resend_chunk,
            ..config
        }
    }
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
            time_precision: TimePrecision::Millis,
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
