//! Choosing the valid slot of the mark.
//!
//! A line belongs here if it compares the two slots. `format` decodes their bytes; `reader` applies
//! the durable mark to records.

use crate::error::{JournalFault, MarkFault, ReadError};
use crate::format::{MARK_SLOTS, Mark, Unreadable};
use crate::storage::Source;

/// Attempts to read a mark whose slots contradict each other: a live writer may have written both
/// slots during the read.
const MARK_READ_TRIES: usize = 3;

/// The newest valid slot of the mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FoundMark {
    pub mark: Mark,
    /// The other slot is torn or damaged.
    pub slot_lost: bool,
}

/// Reads the mark of a journal with `segments` segments. `None` means that no mark was ever
/// written: the journal is new.
pub(crate) fn read_mark(
    source: &impl Source,
    segments: usize,
) -> Result<Option<FoundMark>, ReadError> {
    let mut tries = MARK_READ_TRIES;
    loop {
        tries -= 1;
        match read_once(source, segments) {
            Err(ReadError::Refused(JournalFault::MarkDamaged { .. })) if tries > 0 => {}
            result => return result,
        }
    }
}

fn read_once(source: &impl Source, segments: usize) -> Result<Option<FoundMark>, ReadError> {
    let file = || source.mark_name();
    let Some(slots) = source.read_mark()? else {
        return absent(source, segments);
    };
    let mut decoded = [Err(Unreadable::Blank); MARK_SLOTS];
    for (place, slot) in slots.iter().enumerate() {
        decoded[place] = match Mark::decode(slot) {
            Err(Unreadable::OtherMachine) => {
                return Err(JournalFault::OtherMachine { file: file() }.into());
            }
            Err(Unreadable::OtherVersion(found)) => {
                return Err(JournalFault::OtherVersion { file: file(), found }.into());
            }
            Ok(mark) if mark.slot() != place => {
                let fault = MarkFault::Contradiction;
                return Err(JournalFault::MarkDamaged { file: file(), fault }.into());
            }
            other => other,
        };
    }
    match decoded {
        [Ok(even), Ok(odd)] => {
            let mark = newer_of(even, odd).ok_or_else(|| JournalFault::MarkDamaged {
                file: file(),
                fault: MarkFault::Contradiction,
            })?;
            Ok(Some(FoundMark { mark, slot_lost: false }))
        }
        [Ok(mark), Err(other)] | [Err(other), Ok(mark)] => {
            // Generation 1 is the first write: the other slot is still all zeros.
            let slot_lost = mark.generation != 1 || other != Unreadable::Blank;
            Ok(Some(FoundMark { mark, slot_lost }))
        }
        [Err(Unreadable::Blank), Err(Unreadable::Blank)] => absent(source, segments),
        // The first write was torn, so no record can be durable yet.
        [Err(Unreadable::Blank), Err(_)] if segments == 0 => Ok(None),
        [Err(_), Err(_)] => {
            Err(JournalFault::MarkDamaged { file: file(), fault: MarkFault::NoSlot }.into())
        }
    }
}

fn absent(source: &impl Source, segments: usize) -> Result<Option<FoundMark>, ReadError> {
    if segments == 0 {
        return Ok(None);
    }
    Err(JournalFault::MarkMissing { file: source.mark_name(), segments }.into())
}

/// The newer of two valid slots; `None` when they contradict each other.
fn newer_of(even: Mark, odd: Mark) -> Option<Mark> {
    let (older, newer) = if even.generation < odd.generation { (even, odd) } else { (odd, even) };
    let agree = newer.generation == older.generation + 1
        && newer.journal_id == older.journal_id
        && newer.epoch >= older.epoch
        && newer.durable >= older.durable;
    agree.then_some(newer)
}
