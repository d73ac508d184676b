//! Which of the mark's slots to believe.
//!
//! A line belongs here if it compares slots. Their bytes are `format`; what the durable mark means
//! for records is `reader`.

use crate::error::{MarkFault, ReadError, Refusal};
use crate::format::{MARK_SLOTS, Mark, Unreadable};
use crate::storage::Source;

/// How often a mark that contradicts itself is read again: a live writer may have written both
/// slots while they were read.
const MARK_READ_TRIES: usize = 3;

/// The mark as it is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FoundMark {
    pub mark: Mark,
    /// The other slot does not hold what it should: a torn write, or damage.
    pub slot_lost: bool,
}

/// Reads the mark beside `segments` segments. `None`: there never was one, so the journal is new.
pub(crate) fn read_mark(
    source: &impl Source,
    segments: usize,
) -> Result<Option<FoundMark>, ReadError> {
    let mut tries = MARK_READ_TRIES;
    loop {
        tries -= 1;
        match read_once(source, segments) {
            Err(ReadError::Refused(Refusal::MarkDamaged { .. })) if tries > 0 => {}
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
                return Err(Refusal::OtherMachine { file: file() }.into());
            }
            Err(Unreadable::OtherVersion(found)) => {
                return Err(Refusal::OtherVersion { file: file(), found }.into());
            }
            Ok(mark) if mark.slot() != place => {
                let fault = MarkFault::Contradiction;
                return Err(Refusal::MarkDamaged { file: file(), fault }.into());
            }
            other => other,
        };
    }
    match decoded {
        [Ok(even), Ok(odd)] => {
            let mark = newer_of(even, odd).ok_or_else(|| Refusal::MarkDamaged {
                file: file(),
                fault: MarkFault::Contradiction,
            })?;
            Ok(Some(FoundMark { mark, slot_lost: false }))
        }
        [Ok(mark), Err(other)] | [Err(other), Ok(mark)] => {
            // Generation 1 is the first ever written: the other slot is still as it was made.
            let slot_lost = mark.generation != 1 || other != Unreadable::Blank;
            Ok(Some(FoundMark { mark, slot_lost }))
        }
        [Err(Unreadable::Blank), Err(Unreadable::Blank)] => absent(source, segments),
        // The very first write was torn: nothing can have been promised yet.
        [Err(Unreadable::Blank), Err(_)] if segments == 0 => Ok(None),
        [Err(_), Err(_)] => {
            Err(Refusal::MarkDamaged { file: file(), fault: MarkFault::NoSlot }.into())
        }
    }
}

fn absent(source: &impl Source, segments: usize) -> Result<Option<FoundMark>, ReadError> {
    if segments == 0 {
        return Ok(None);
    }
    Err(Refusal::MarkMissing { file: source.mark_name(), segments }.into())
}

/// The newer of two whole slots; `None` when they cannot both be ours.
fn newer_of(even: Mark, odd: Mark) -> Option<Mark> {
    let (older, newer) = if even.generation < odd.generation { (even, odd) } else { (odd, even) };
    let agree = newer.generation == older.generation + 1
        && newer.journal_id == older.journal_id
        && newer.epoch >= older.epoch
        && newer.durable >= older.durable;
    agree.then_some(newer)
}
