//! A store that dies with the process: for venues that reset at every logon, and for tests.
//!
//! A line belongs here if it keeps messages in memory only.

use std::collections::VecDeque;

use super::{Entry, HistoryCursor, MessageStore, StoreError, StoredMessage, check};

#[derive(Clone, Debug)]
struct Kept {
    seq: u64,
    event_no: u64,
    sending_ns: u64,
    type_bytes: usize,
    bytes: Vec<u8>,
}

/// Stores messages in memory up to a number of bytes; the oldest are dropped first. Their buffers
/// are reused, so a store at its limit allocates nothing.
#[derive(Clone, Debug)]
pub struct MemStore {
    next_in: u64,
    next_out: u64,
    last_event_no: u64,
    dropped_upto: u64,
    epoch: u64,
    period_ns: u64,
    kept: VecDeque<Kept>,
    kept_bytes: usize,
    kept_bytes_max: usize,
    spare: Vec<Vec<u8>>,
}

/// Most buffers that wait to be reused.
const SPARE_MAX: usize = 64;

impl MemStore {
    /// An empty store for at most `kept_bytes_max` bytes of messages; the newest message is always
    /// stored.
    pub fn new(kept_bytes_max: usize) -> Self {
        Self {
            next_in: 1,
            next_out: 1,
            last_event_no: 0,
            dropped_upto: 0,
            epoch: 0,
            period_ns: 0,
            kept: VecDeque::new(),
            kept_bytes: 0,
            kept_bytes_max,
            spare: Vec::with_capacity(SPARE_MAX),
        }
    }

    fn position(&self, seq: u64) -> usize {
        self.kept.partition_point(|kept| kept.seq < seq)
    }

    fn recycle(&mut self, kept: Kept) {
        self.kept_bytes -= kept.bytes.len();
        if self.spare.len() < SPARE_MAX {
            let mut bytes = kept.bytes;
            bytes.clear();
            self.spare.push(bytes);
        }
    }
}

impl MessageStore for MemStore {
    fn next_in(&self) -> u64 {
        self.next_in
    }

    fn next_out(&self) -> u64 {
        self.next_out
    }

    fn last_event_no(&self) -> u64 {
        self.last_event_no
    }

    fn dropped_upto(&self) -> u64 {
        self.dropped_upto
    }

    fn epoch(&self) -> u64 {
        self.epoch
    }

    fn set_next_in(&mut self, next: u64) {
        self.next_in = next;
    }

    fn set_next_out(&mut self, next: u64) {
        self.next_out = next;
    }

    fn append(&mut self, entry: &Entry<'_>) -> Result<(), StoreError> {
        check(entry, self.next_out)?;
        let needed = entry.msg_type.len() + entry.body.len();
        while self.kept_bytes + needed > self.kept_bytes_max {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.dropped_upto = oldest.seq;
            self.recycle(oldest);
        }
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.extend_from_slice(entry.msg_type);
        bytes.extend_from_slice(entry.body);
        self.kept_bytes += needed;
        self.kept.push_back(Kept {
            seq: entry.seq,
            event_no: entry.event_no,
            sending_ns: entry.sending_ns,
            type_bytes: entry.msg_type.len(),
            bytes,
        });
        self.last_event_no = self.last_event_no.max(entry.event_no);
        self.next_out = entry.seq + 1;
        Ok(())
    }

    fn get(&self, seq: u64) -> Option<Entry<'_>> {
        let kept = self.kept.get(self.position(seq)).filter(|kept| kept.seq == seq)?;
        let (msg_type, body) = kept.bytes.split_at_checked(kept.type_bytes)?;
        Some(Entry { seq, event_no: kept.event_no, sending_ns: kept.sending_ns, msg_type, body })
    }

    fn next_kept(&self, seq: u64) -> Option<u64> {
        self.kept.get(self.position(seq)).map(|kept| kept.seq)
    }

    fn reset(&mut self) {
        while let Some(kept) = self.kept.pop_front() {
            self.recycle(kept);
        }
        self.next_in = 1;
        self.next_out = 1;
        self.dropped_upto = 0;
        self.epoch += 1;
    }

    fn period_ns(&self) -> u64 {
        self.period_ns
    }

    fn set_period_ns(&mut self, start_ns: u64) {
        self.period_ns = start_ns;
    }

    fn reset_for_period(&mut self, start_ns: u64) {
        self.reset();
        self.period_ns = start_ns;
    }

    /// No message of before a reset is stored.
    fn next_past(&self, cursor: &mut HistoryCursor) -> Option<StoredMessage<'_>> {
        if cursor.segment != self.epoch {
            *cursor = HistoryCursor { segment: self.epoch, at: 0, ..*cursor };
        }
        loop {
            let seq = self.next_kept(cursor.at as u64)?;
            let entry = self.get(seq)?;
            cursor.at = seq as usize + 1;
            if cursor.takes(&entry) {
                return Some(StoredMessage { epoch: self.epoch, entry });
            }
        }
    }
}
