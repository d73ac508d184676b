//! What a session must remember over a restart: its two sequence numbers and the application
//! messages it sent, each with the event number that the core gave it.
//!
//! A line belongs here if it keeps messages. When to send one again is `session`.

mod mapped;
mod mem;
mod mmap;
mod prepare;
mod segment;

pub use mem::MemStore;
pub use mmap::{MmapConfig, MmapStore};
pub use prepare::Preparer;

use crate::codec::MESSAGE_BYTES_MAX;

/// Longest message type that is kept, in bytes.
pub const MSG_TYPE_BYTES_MAX: usize = 16;

/// Highest sequence number in either direction: 48 bits, so that one fits into an id with room
/// for more.
pub const SEQ_MAX: u64 = (1 << 48) - 1;

/// An application message as it was first sent, without header and trailer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// `MsgSeqNum` (34).
    pub seq: u64,
    /// The core's event number; 0 for a message that no event of the core caused.
    pub event_no: u64,
    /// `SendingTime` (52) in nanoseconds since the Unix epoch.
    pub sending_ns: u64,
    /// `MsgType` (35).
    pub msg_type: &'a [u8],
    /// The fields behind the header, each ended by SOH.
    pub body: &'a [u8],
}

/// A message of the past, with the reset count under which it was sent: `MsgSeqNum` alone does not
/// name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past<'a> {
    /// [`MessageStore::epoch`] when it was sent.
    pub epoch: u64,
    /// The message.
    pub entry: Entry<'a>,
}

/// How far somebody has read in what a store keeps. It borrows nothing, so that reading can go on
/// in small steps while messages are stored and removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastCursor {
    from_ns: u64,
    upto_ns: u64,
    segment: u64,
    at: usize,
}

impl PastCursor {
    /// At the first message with a `SendingTime` in `from_ns..upto_ns`.
    pub const fn new(from_ns: u64, upto_ns: u64) -> Self {
        Self { from_ns, upto_ns, segment: 0, at: 0 }
    }

    fn takes(&self, entry: &Entry<'_>) -> bool {
        (self.from_ns..self.upto_ns).contains(&entry.sending_ns)
    }
}

/// Why a store refuses.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("cannot {what} {path}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// On which file.
        path: std::path::PathBuf,
        /// Why it failed.
        source: std::io::Error,
    },
    /// Another process (or session) has this folder open.
    #[error("store is open elsewhere: {path}")]
    Locked {
        /// The folder.
        path: std::path::PathBuf,
    },
    /// A file is no store at all.
    #[error("not a message store: {path}")]
    NotAStore {
        /// The file.
        path: std::path::PathBuf,
    },
    /// Written by a version of this program with another layout.
    #[error("message store of version {found}, expected {expected}: {path}")]
    Version {
        /// The version in the file.
        found: u32,
        /// The version this program writes.
        expected: u32,
        /// The file.
        path: std::path::PathBuf,
    },
    /// A file has another size than its header or the configuration asks for.
    #[error("file of {found} bytes, expected {expected}: {path}")]
    Size {
        /// Its size in bytes.
        found: u64,
        /// What it must be.
        expected: u64,
        /// The file.
        path: std::path::PathBuf,
    },
    /// A message longer than [`MESSAGE_BYTES_MAX`] or with a type longer than
    /// [`MSG_TYPE_BYTES_MAX`].
    #[error("message too long to keep")]
    TooLong,
    /// Not the next number: the caller has mixed up its sequence.
    #[error("message {got} where {expected} comes next")]
    Sequence {
        /// The number of the refused message.
        got: u64,
        /// The next one.
        expected: u64,
    },
}

/// Keeps one session's numbers and sent messages.
///
/// Sequence numbers start at 1. What a call has written must survive the death of the process at
/// any instruction after it returned; during it, either all or nothing of it may have happened.
pub trait MessageStore {
    /// Next `MsgSeqNum` expected from the peer.
    fn next_in(&self) -> u64;

    /// Next `MsgSeqNum` to send.
    fn next_out(&self) -> u64;

    /// Highest event number ever stored, over all resets; 0 when none.
    fn last_event_no(&self) -> u64;

    /// Highest number of a kept message that retention has removed since the last reset; 0 when
    /// none.
    fn dropped_upto(&self) -> u64;

    /// Counts resets, so that numbers of before one can be told from those after it.
    fn epoch(&self) -> u64;

    /// Moves the expected number.
    fn set_next_in(&mut self, next: u64);

    /// Moves the number to send: an administrative message takes one without being kept.
    fn set_next_out(&mut self, next: u64);

    /// Keeps a message, whose number must be [`next_out`](Self::next_out), and moves that on.
    ///
    /// # Errors
    /// Nothing is kept then and no number has moved.
    fn append(&mut self, entry: &Entry<'_>) -> Result<(), StoreError>;

    /// The kept message of that number.
    fn get(&self, seq: u64) -> Option<Entry<'_>>;

    /// Number of the first kept message at or after `seq`.
    fn next_kept(&self, seq: u64) -> Option<u64>;

    /// Both numbers to 1 and no messages; the event number and the period stay.
    fn reset(&mut self);

    /// When the session period began that the numbers belong to, in nanoseconds since the Unix
    /// epoch; 0 when none is known.
    fn period_ns(&self) -> u64;

    /// Says which period the numbers belong to, and changes nothing else.
    fn set_period_ns(&mut self, start_ns: u64);

    /// [`reset`](Self::reset) and the new period in one: after a crash both are done or neither.
    fn reset_for_period(&mut self, start_ns: u64);

    /// The next message that was sent in the cursor's time and is still kept, those of before a
    /// reset included; `None` when there are no more. Messages come in the order in which they
    /// were stored.
    fn next_past(&self, cursor: &mut PastCursor) -> Option<Past<'_>>;

    /// Work that can be done while nothing is urgent, such as preparing the next file.
    ///
    /// # Errors
    /// Those of the file system; [`append`](Self::append) will try again and report its own.
    fn maintain(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Checks what every store demands of a message.
fn check(entry: &Entry<'_>, next_out: u64) -> Result<(), StoreError> {
    if entry.msg_type.len() > MSG_TYPE_BYTES_MAX || entry.body.len() > MESSAGE_BYTES_MAX {
        return Err(StoreError::TooLong);
    }
    if entry.seq != next_out {
        return Err(StoreError::Sequence { got: entry.seq, expected: next_out });
    }
    Ok(())
}
