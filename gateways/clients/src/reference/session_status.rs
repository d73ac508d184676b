//! `TradingSessionStatus` (h): trading is open or halted. The only trading session never closes.
//!
//! A line belongs here if it is about that status.

use rutter_core::output::Notice;
use rutter_fix::codec::{Encoder, Message};
use rutter_fix::tags;

use super::{RequestId, SESSION_ID};
use crate::market::fields::{SUBSCRIPTION_REQUEST_TYPE, TRADING_SESSION_ID};
use crate::market::request::{RequestFault, echo};

/// `TradingSessionStatusRequest`.
pub const STATUS_REQUEST: &[u8] = b"g";
/// `TradingSessionStatus`.
pub const STATUS: &[u8] = b"h";

/// `UnsolicitedIndicator`.
const UNSOLICITED_INDICATOR: u32 = 325;
/// `TradSesReqID`.
pub const TRAD_SES_REQ_ID: u32 = 335;
/// `TradSesMethod`; 1 is electronic.
const TRAD_SES_METHOD: u32 = 338;
/// `TradSesMode`.
const TRAD_SES_MODE: u32 = 339;
/// `TradSesStatus`.
const TRAD_SES_STATUS: u32 = 340;
/// `TradSesStatusRejReason`; 1 is an unknown `TradingSessionID`. Not in FIX 4.2.
const TRAD_SES_STATUS_REJ_REASON: u32 = 567;

/// `TradSesStatus` (340).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TradSesStatus {
    Halted = 1,
    Open = 2,
    Rejected = 6,
}

/// The answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusRequest {
    /// Report the status.
    Report(RequestId),
    /// Refuse: another trading session than ours, or a subscription type (263) that does not exist.
    Refuse(RequestId),
    /// Nothing: the subscription ends.
    End,
}

/// Whether trading is halted, and which clients are told when that changes.
#[derive(Debug)]
pub struct SessionStatus {
    halted: bool,
    /// The active request of each client, by place.
    subscribed: Vec<Option<RequestId>>,
}

impl SessionStatus {
    /// Trading is open, and no client has asked.
    pub fn new(clients: usize) -> Self {
        Self { halted: false, subscribed: vec![None; clients] }
    }

    /// Makes room for so many clients.
    pub fn grow(&mut self, clients: usize) {
        self.subscribed.resize(clients.max(self.subscribed.len()), None);
    }

    /// Takes a notice of the core; true if subscribers are to be told.
    pub const fn on_notice(&mut self, notice: &Notice) -> bool {
        let halted = match notice {
            Notice::Halted => true,
            Notice::Resumed => false,
            _ => return false,
        };
        let changed = self.halted != halted;
        self.halted = halted;
        changed
    }

    /// Reads a client's 35=g, and begins or ends its subscription. A new subscription replaces the
    /// old one.
    ///
    /// # Errors
    /// [`RequestFault`].
    pub fn read(
        &mut self,
        client: usize,
        message: &Message<'_>,
    ) -> Result<StatusRequest, RequestFault> {
        let id: RequestId = echo(message, TRAD_SES_REQ_ID)?;
        let kind = message.get(SUBSCRIPTION_REQUEST_TYPE);
        let kind = kind.ok_or(RequestFault::missing(SUBSCRIPTION_REQUEST_TYPE))?;
        let ours = message.get(TRADING_SESSION_ID).is_none_or(|session| session == SESSION_ID);
        // 338=1 is electronic, 339=3 is production.
        let other = message.get(TRAD_SES_METHOD).is_some_and(|method| method != b"1")
            || message.get(TRAD_SES_MODE).is_some_and(|mode| mode != b"3");
        let subscribed = &mut self.subscribed[client];
        match kind {
            b"2" => {
                *subscribed = None;
                Ok(StatusRequest::End)
            }
            b"0" | b"1" if !ours || other => Ok(StatusRequest::Refuse(id)),
            b"0" => Ok(StatusRequest::Report(id)),
            b"1" => {
                *subscribed = Some(id);
                Ok(StatusRequest::Report(id))
            }
            [_] => Ok(StatusRequest::Refuse(id)),
            _ => Err(RequestFault::format(SUBSCRIPTION_REQUEST_TYPE)),
        }
    }

    /// The active request of a client.
    pub fn subscribed(&self, client: usize) -> Option<RequestId> {
        self.subscribed[client]
    }

    /// The client is gone.
    pub fn client_gone(&mut self, client: usize) {
        self.subscribed[client] = None;
    }

    /// Whether trading is halted.
    pub const fn is_halted(&self) -> bool {
        self.halted
    }
}

/// Writes the status; `unasked` for a change that a subscriber is told.
pub fn write_status(out: &mut Encoder<'_>, id: &RequestId, halted: bool, unasked: bool) {
    let status = if halted { TradSesStatus::Halted } else { TradSesStatus::Open };
    out.field(TRAD_SES_REQ_ID, id.as_bytes()).field(TRADING_SESSION_ID, SESSION_ID);
    out.uint(TRAD_SES_METHOD, 1);
    if unasked {
        out.bool(UNSOLICITED_INDICATOR, true);
    }
    out.uint(TRAD_SES_STATUS, status as u64);
}

/// Writes a refusal. FIX 4.2 has no status for it.
pub fn write_refusal(out: &mut Encoder<'_>, id: &RequestId) {
    out.field(TRAD_SES_REQ_ID, id.as_bytes()).field(TRADING_SESSION_ID, SESSION_ID);
    out.uint(TRAD_SES_STATUS, TradSesStatus::Rejected as u64).uint(TRAD_SES_STATUS_REJ_REASON, 1);
    out.text(tags::TEXT, "the only trading session is 24X7, electronic and in production");
}
