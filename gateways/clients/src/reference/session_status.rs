//! `TradingSessionStatus` (h): open or halted. The only session never closes.
//!
//! A line belongs here if it is about that question or its answer.

use rutter_core::output::Notice;
use rutter_fix::codec::{Encoder, Message};
use rutter_fix::tags;

use super::{RequestId, SESSION_ID};
use crate::market::fields::{SUBSCRIPTION_REQUEST_TYPE, TRADING_SESSION_ID};
use crate::market::request::{Fault, echo};

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
enum Told {
    Halted = 1,
    Open = 2,
    Rejected = 6,
}

/// What to do about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatusAsked {
    /// Tell it.
    Tell(RequestId),
    /// Refuse it: another session than ours, or a kind (263) that there is not.
    Refuse(RequestId),
    /// No more.
    End,
}

/// Whether trading is on, and who wants to know when that changes.
#[derive(Debug)]
pub struct SessionStatus {
    halted: bool,
    /// By client: the request that is on.
    subscribed: Vec<Option<RequestId>>,
}

impl SessionStatus {
    /// Open, and nobody asks.
    pub fn new(clients: usize) -> Self {
        Self { halted: false, subscribed: vec![None; clients] }
    }

    /// Takes a notice of the core's; true if it is a change that subscribers are told.
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

    /// Reads a 35=g of a client's and begins or ends its subscription. A new one takes the place
    /// of the old.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn read(&mut self, client: usize, message: &Message<'_>) -> Result<StatusAsked, Fault> {
        let id: RequestId = echo(message, TRAD_SES_REQ_ID)?;
        let kind = message.get(SUBSCRIPTION_REQUEST_TYPE);
        let kind = kind.ok_or(Fault::missing(SUBSCRIPTION_REQUEST_TYPE))?;
        let ours = message.get(TRADING_SESSION_ID).is_none_or(|session| session == SESSION_ID);
        // 1 is the method, 3 the mode of a session that trades electronically and for money.
        let other = message.get(TRAD_SES_METHOD).is_some_and(|method| method != b"1")
            || message.get(TRAD_SES_MODE).is_some_and(|mode| mode != b"3");
        let subscribed = &mut self.subscribed[client];
        match kind {
            b"2" => {
                *subscribed = None;
                Ok(StatusAsked::End)
            }
            b"0" | b"1" if !ours || other => Ok(StatusAsked::Refuse(id)),
            b"0" => Ok(StatusAsked::Tell(id)),
            b"1" => {
                *subscribed = Some(id);
                Ok(StatusAsked::Tell(id))
            }
            [_] => Ok(StatusAsked::Refuse(id)),
            _ => Err(Fault::format(SUBSCRIPTION_REQUEST_TYPE)),
        }
    }

    /// The request of a client that wants to be told of changes.
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

/// Writes how things stand; `unasked` if the client only asked to be told.
pub fn write_status(out: &mut Encoder<'_>, id: &RequestId, halted: bool, unasked: bool) {
    let told = if halted { Told::Halted } else { Told::Open };
    out.field(TRAD_SES_REQ_ID, id.as_bytes()).field(TRADING_SESSION_ID, SESSION_ID);
    out.uint(TRAD_SES_METHOD, 1);
    if unasked {
        out.bool(UNSOLICITED_INDICATOR, true);
    }
    out.uint(TRAD_SES_STATUS, told as u64);
}

/// Writes that a request is refused; FIX 4.2 has no such status.
pub fn write_refusal(out: &mut Encoder<'_>, id: &RequestId) {
    out.field(TRAD_SES_REQ_ID, id.as_bytes()).field(TRADING_SESSION_ID, SESSION_ID);
    out.uint(TRAD_SES_STATUS, Told::Rejected as u64).uint(TRAD_SES_STATUS_REJ_REASON, 1);
    out.text(tags::TEXT, "the only trading session is 24X7, electronic and in production");
}
