//! `HistoryRequest` (U1): which reports a client wants to be sent again.
//!
//! A line belongs here if it reads that request. Sending the messages is `gateway::history`.

use rutter_core::id::ClOrdId;
use rutter_fix::codec::{Message, parse_timestamp_ns};
use rutter_fix::session::SessionRejectReason;
use rutter_fix::store::HistoryCursor;
use rutter_fix::tags;

/// A history that is being sent.
#[derive(Clone, Copy, Debug)]
pub struct History {
    /// `HistoryReqID` (20020), repeated in `HistoryEnd` (U2).
    pub id: ClOrdId,
    /// The next message to be sent.
    pub cursor: HistoryCursor,
    /// Messages sent so far.
    pub sent: u64,
}

/// Reject reason of a request, and the tag of the field at fault.
pub type HistoryFault = (SessionRejectReason, u32);

fn time(message: &Message<'_>, tag: u32) -> Result<u64, HistoryFault> {
    let text = message.get(tag).ok_or((SessionRejectReason::RequiredTagMissing, tag))?;
    parse_timestamp_ns(text).ok_or((SessionRejectReason::IncorrectDataFormat, tag))
}

/// Reads a request: its id (20020), and a time from 20021 up to, and without, 20022.
///
/// # Errors
/// [`HistoryFault`], the first that is found.
pub fn read(message: &Message<'_>) -> Result<History, HistoryFault> {
    let tag = tags::HISTORY_REQ_ID;
    let id = message.get(tag).ok_or((SessionRejectReason::RequiredTagMissing, tag))?;
    let id = ClOrdId::new(id).filter(|id| !id.is_empty());
    let id = id.ok_or((SessionRejectReason::ValueOutOfRange, tag))?;
    let (from, upto) = (time(message, tags::HISTORY_FROM)?, time(message, tags::HISTORY_UPTO)?);
    if from >= upto {
        return Err((SessionRejectReason::ValueOutOfRange, tags::HISTORY_UPTO));
    }
    Ok(History { id, cursor: HistoryCursor::new(from, upto), sent: 0 })
}
