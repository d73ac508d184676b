//! The signature of a Logon: the signed text, its encodings, and the signatures that were used.
//!
//! A line belongs here if it needs neither a key nor a session.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rutter_fix::codec::Message;
use rutter_fix::tags;

use super::LogonFault;

/// Used signatures that one session remembers until their time is over; one more within that time
/// is refused.
pub const REPLAYS_MAX: usize = 64;

/// Longest signature, in bytes: Ed25519's.
pub const SIGNATURE_BYTES_MAX: usize = 64;

/// Bytes of an HMAC-SHA256.
const HMAC_BYTES: usize = 32;

/// Bytes that the decoder needs for the base64 form of the longest signature.
const DECODE_BYTES: usize = 72;

/// A decoded signature: the raw form and the base64 form of one signature are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Signature {
    bytes: [u8; SIGNATURE_BYTES_MAX],
    length: usize,
}

impl Signature {
    /// From `RawData` (96), raw or in base64, or else from `Password` (554) in base64.
    pub fn of(logon: &Message<'_>) -> Option<Self> {
        match logon.get(tags::RAW_DATA) {
            Some(raw) => Self::raw(raw).or_else(|| Self::base64(raw)),
            None => Self::base64(logon.get(tags::PASSWORD)?),
        }
    }

    fn raw(raw: &[u8]) -> Option<Self> {
        if raw.len() != HMAC_BYTES && raw.len() != SIGNATURE_BYTES_MAX {
            return None;
        }
        let mut bytes = [0; SIGNATURE_BYTES_MAX];
        bytes.get_mut(..raw.len())?.copy_from_slice(raw);
        Some(Self { bytes, length: raw.len() })
    }

    fn base64(text: &[u8]) -> Option<Self> {
        let mut room = [0; DECODE_BYTES];
        let length = STANDARD.decode_slice(text, &mut room).ok()?;
        Self::raw(room.get(..length)?)
    }

    /// The bytes of the signature.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or(&[])
    }
}

/// `SendingTime` SOH `MsgSeqNum` SOH `SenderCompID` SOH `TargetCompID`, byte for byte as in the
/// Logon. No value can hold an SOH, so two different Logons have different texts.
pub(super) fn signed_text(logon: &Message<'_>, text: &mut Vec<u8>) -> Option<()> {
    text.clear();
    text.extend_from_slice(logon.get(tags::SENDING_TIME)?);
    for tag in [tags::MSG_SEQ_NUM, tags::SENDER_COMP_ID, tags::TARGET_COMP_ID] {
        text.push(1);
        text.extend_from_slice(logon.get(tag)?);
    }
    Some(())
}

/// Used signatures, each until its time is over. They survive a connection, but not the process.
#[derive(Clone, Debug, Default)]
pub(super) struct Replays {
    /// Each signature, and the time until which it would be accepted.
    used: Vec<(u64, Signature)>,
}

impl Replays {
    /// Uses a signature that is void after `void_ns`.
    pub fn take(
        &mut self,
        now_ns: u64,
        void_ns: u64,
        signature: &Signature,
    ) -> Result<(), LogonFault> {
        self.used.retain(|(void_ns, _)| *void_ns >= now_ns);
        if self.used.iter().any(|(_, used)| used == signature) {
            return Err(LogonFault::Replayed);
        }
        if self.used.len() >= REPLAYS_MAX {
            return Err(LogonFault::TooMany);
        }
        self.used.push((void_ns, *signature));
        Ok(())
    }
}
