//! What a session must remember over a restart: its two sequence numbers, and the application
//! messages that it has sent, each with the core's event number.
//!
//! A line belongs here if it stores messages. When to send one again is `session`.

mod at_need;
mod contents;
mod damage;
mod mapped;
mod mem;
mod mmap;
mod names;
mod open;
mod prepare;
mod records;
mod segment;
mod state;

pub use at_need::AtNeedStore;
pub use damage::{DamageKind, DamageReport, DamagedPlace};
pub use mem::MemStore;
pub use mmap::{MmapConfig, MmapStore};
pub use names::folder_name;
pub use open::look;
pub use prepare::Preparer;

use crate::codec::MESSAGE_BYTES_MAX;

/// Longest message type that is stored, in bytes.
pub const MSG_TYPE_BYTES_MAX: usize = 16;

/// Highest sequence number in either direction. It has 48 bits, so that one id has room for it and
/// for a reset count.
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
    /// The fields after the header, each ended by SOH.
    pub body: &'a [u8],
}

/// A stored message with the reset count under which it was sent, because `MsgSeqNum` alone does
/// not identify it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredMessage<'a> {
    /// [`MessageStore::epoch`] when it was sent.
    pub epoch: u64,
    /// The message.
    pub entry: Entry<'a>,
}

/// A position in the stored messages. It borrows nothing, so reading can go on in small steps while
/// messages are stored and removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryCursor {
    from_ns: u64,
    upto_ns: u64,
    segment: u64,
    at: usize,
    /// `SendingTime` of the message before, in nanoseconds since the Unix epoch.
    before_ns: u64,
    /// Damaged places since the message before.
    damaged_now: u64,
    damaged: u64,
}

impl HistoryCursor {
    /// The position of the first message with a `SendingTime` in `from_ns..upto_ns`.
    pub const fn new(from_ns: u64, upto_ns: u64) -> Self {
        Self { from_ns, upto_ns, segment: 0, at: 0, before_ns: 0, damaged_now: 0, damaged: 0 }
    }

    /// Damaged places and missing files that were passed over, and that may have held messages of
    /// the cursor's time.
    pub const fn damaged(&self) -> u64 {
        self.damaged + self.damaged_now
    }

    /// Damaged places were passed over. Their messages are not older than the message before.
    const fn passed_damage(&mut self, places: u64) {
        if self.before_ns < self.upto_ns {
            self.damaged_now += places;
        }
    }

    /// Messages of a time were passed over. What was damaged before them is not newer.
    const fn passed(&mut self, (earliest_ns, latest_ns): (u64, u64)) {
        if earliest_ns > latest_ns {
            return; // There was no message.
        }
        if earliest_ns >= self.from_ns {
            self.damaged += self.damaged_now;
        }
        (self.damaged_now, self.before_ns) = (0, latest_ns);
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
        /// The operation that failed.
        what: &'static str,
        /// The file.
        path: std::path::PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// Another process (or session) has this folder open.
    #[error("store is open elsewhere: {path}")]
    Locked {
        /// The folder.
        path: std::path::PathBuf,
    },
    /// A file is not a message store.
    #[error("not a message store: {path}")]
    NotAStore {
        /// The file.
        path: std::path::PathBuf,
    },
    /// The file was written by a version of this program with another layout.
    #[error("message store of version {found}, expected {expected}: {path}")]
    Version {
        /// The version in the file.
        found: u32,
        /// The version this program writes.
        expected: u32,
        /// The file.
        path: std::path::PathBuf,
    },
    /// The size of a file differs from its header or from the configuration.
    #[error("file of {found} bytes, expected {expected}: {path}")]
    Size {
        /// Size of the file, in bytes.
        found: u64,
        /// The size that it must have, in bytes.
        expected: u64,
        /// The file.
        path: std::path::PathBuf,
    },
    /// A file that is needed to know the sequence numbers is damaged or missing.
    #[error("{what} is damaged or missing: {path}")]
    Damaged {
        /// What is damaged.
        what: &'static str,
        /// The file.
        path: std::path::PathBuf,
    },
    /// The store belongs to another session, or to another journal.
    #[error("message store of another session or journal: {path}")]
    Foreign {
        /// The file.
        path: std::path::PathBuf,
    },
    /// The store was refused when it was opened.
    #[error("{0}")]
    Refused(StoreFault),
    /// A message longer than [`MESSAGE_BYTES_MAX`] or with a type longer than
    /// [`MSG_TYPE_BYTES_MAX`].
    #[error("message too long to keep")]
    TooLong,
    /// The number is not the next one: the caller has mixed up its sequence.
    #[error("message {got} where {expected} comes next")]
    Sequence {
        /// The number of the refused message.
        got: u64,
        /// The expected number.
        expected: u64,
    },
}

/// Why a store cannot be used, in one word: the session is refused until an operator acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", self.word())]
pub enum StoreFault {
    /// The sequence numbers cannot be known.
    Damaged,
    /// The store belongs to another session, or to another journal.
    Foreign,
    /// A build with another layout wrote the store.
    Version,
    /// Another process has the store open.
    Locked,
    /// The disk, or the user's part of it, is full.
    Full,
    /// The operating system refuses to read or write the store's files.
    Unreadable,
    /// The store has more events than the journal, so new events would be taken for told ones.
    Ahead,
    /// Events of the journal are missing in the store, and are not repeated.
    Behind,
}

impl StoreFault {
    /// The word for it, in every place where a session is shown.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Damaged => "store damaged",
            Self::Foreign => "store foreign",
            Self::Version => "store version",
            Self::Locked => "store locked",
            Self::Full => "store full",
            Self::Unreadable => "store unreadable",
            Self::Ahead => "store ahead",
            Self::Behind => "store behind",
        }
    }

    /// Every fault, for tables.
    pub const ALL: [Self; 8] = [
        Self::Damaged,
        Self::Foreign,
        Self::Version,
        Self::Locked,
        Self::Full,
        Self::Unreadable,
        Self::Ahead,
        Self::Behind,
    ];
}

impl StoreError {
    /// The fault of the store; `None` if the message is at fault.
    pub fn fault(&self) -> Option<StoreFault> {
        use std::io::ErrorKind;
        Some(match self {
            Self::Io { source, .. } => match source.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => StoreFault::Full,
                _ => StoreFault::Unreadable,
            },
            Self::Locked { .. } => StoreFault::Locked,
            Self::NotAStore { .. } | Self::Size { .. } | Self::Damaged { .. } => {
                StoreFault::Damaged
            }
            Self::Version { .. } => StoreFault::Version,
            Self::Foreign { .. } => StoreFault::Foreign,
            Self::Refused(fault) => *fault,
            Self::TooLong | Self::Sequence { .. } => return None,
        })
    }
}

/// Whether a message of an event was stored before, and so may have been sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It was not.
    Never,
    /// It is stored.
    Surely,
    /// It was stored and is lost, or nobody knows: a repetition says `PossResend` (97).
    Perhaps,
}

/// Stores one session's sequence numbers and sent messages.
///
/// Sequence numbers start at 1. Data written by a call must survive the death of the process at any
/// instruction after the call. If the process dies during a call, all or nothing of it has
/// happened.
pub trait MessageStore {
    /// Next `MsgSeqNum` expected from the peer.
    fn next_in(&self) -> u64;

    /// Next `MsgSeqNum` to send.
    fn next_out(&self) -> u64;

    /// Highest event number ever stored, over all resets; 0 when none.
    fn last_event_no(&self) -> u64;

    /// Whether a message of that event was stored before.
    fn told(&self, event_no: u64) -> Told {
        if event_no <= self.last_event_no() { Told::Surely } else { Told::Never }
    }

    /// The journal's events have been repeated: later ones are new. Returns the number of events
    /// that were stored again as [`Told::Perhaps`].
    fn replay_ends(&mut self) -> u64 {
        0
    }

    /// Why the store takes no message; `None` for a store in use.
    fn fault(&self) -> Option<StoreFault> {
        None
    }

    /// Damaged places found so far.
    fn damaged(&self) -> u64 {
        0
    }

    /// Highest number of a message that retention has removed since the last reset; 0 when none.
    fn dropped_upto(&self) -> u64;

    /// Number of resets: tells the sequence numbers of before a reset from those after it.
    fn epoch(&self) -> u64;

    /// Sets the number that is expected next.
    fn set_next_in(&mut self, next: u64);

    /// Sets the number that is sent next: an administrative message takes a number without being
    /// stored.
    fn set_next_out(&mut self, next: u64);

    /// Stores a message, whose number must be [`next_out`](Self::next_out), and adds one to that.
    ///
    /// # Errors
    /// Then nothing is stored and no number has changed.
    fn append(&mut self, entry: &Entry<'_>) -> Result<(), StoreError>;

    /// The stored message with that number.
    fn get(&self, seq: u64) -> Option<Entry<'_>>;

    /// Number of the first stored message at or after `seq`.
    fn next_kept(&self, seq: u64) -> Option<u64>;

    /// Both numbers become 1 and no messages are left; the event number and the period stay.
    fn reset(&mut self);

    /// Beginning of the session period that the numbers belong to, in nanoseconds since the Unix
    /// epoch; 0 when none is known.
    fn period_ns(&self) -> u64;

    /// Sets the period that the numbers belong to, and changes nothing else.
    fn set_period_ns(&mut self, start_ns: u64);

    /// [`reset`](Self::reset) and the new period in one: a crash leaves both done, or neither.
    fn reset_for_period(&mut self, start_ns: u64);

    /// The next stored message that was sent in the cursor's time, also one of before a reset;
    /// `None` when there are no more. Messages come in the order in which they were stored.
    fn next_past(&self, cursor: &mut HistoryCursor) -> Option<StoredMessage<'_>>;

    /// Work for times in which nothing is urgent, such as preparing the next file.
    ///
    /// # Errors
    /// An error of the file system. [`append`](Self::append) will try again and report its own.
    fn maintain(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Checks a message against the demands of every store.
fn check(entry: &Entry<'_>, next_out: u64) -> Result<(), StoreError> {
    if entry.msg_type.len() > MSG_TYPE_BYTES_MAX || entry.body.len() > MESSAGE_BYTES_MAX {
        return Err(StoreError::TooLong);
    }
    if entry.seq != next_out {
        return Err(StoreError::Sequence { got: entry.seq, expected: next_out });
    }
    Ok(())
}
