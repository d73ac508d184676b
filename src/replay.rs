//! `rutter verify` and `rutter replay`: checks a journal, and whether a replay gives the same
//! decisions.
//!
//! A line belongs here if it reads a journal for a person. The words for one order are `story`.

mod decisions;
mod story;

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use rutter_admin::model::decimal;
use rutter_core::Engine;
use rutter_core::number::{AMOUNT_DECIMALS, UnixNanos};
use rutter_core::output::{Output, Sink};
use rutter_journal::{Cut, End, FileStorage, Reader, verify_with};
use rutter_program::progress::{Choice, Progress};

use crate::node::decider::Replayer;
use decisions::Decisions;
use story::{Seeker, Story};

/// Checks every record and prints the result.
///
/// # Errors
/// Damage, naming file, offset and sequence; a folder without a record of a journal; or `out`.
pub fn verify_command(journal: &Path, choice: Choice, out: &mut impl Write) -> anyhow::Result<()> {
    let started = Instant::now();
    let mut progress = Progress::new(UNIT, choice);
    let report = verify_with(FileStorage::existing(journal)?, |done, total| {
        if done.is_multiple_of(RECORDS_PER_LOOK) {
            progress.show(done, total);
        }
    })?;
    drop(progress);
    if report.records == 0 {
        return Err(no_records(journal));
    }
    let seconds = started.elapsed().as_secs_f64();
    writeln!(out, "records {}, each valid and in order", report.records)?;
    writeln!(out, "bodies {} bytes", report.body_bytes)?;
    writeln!(out, "on the disk up to record {}", report.durable)?;
    writeln!(out, "hash over all records {:016x}", report.chain)?;
    if report.mark_slot_lost {
        writeln!(out, "one slot of the durable mark is damaged; the other was used")?;
    }
    match &report.end {
        End::Clean => writeln!(out, "end clean")?,
        End::Torn(cut) => writeln!(out, "end {}", torn(cut))?,
    }
    writeln!(out, "verified in {seconds:.3} s")?;
    Ok(())
}

/// A tail that recovery cuts, in words.
pub(crate) fn torn(cut: &Cut) -> String {
    let Cut { file, offset, sequence, fault, bytes, segments } = cut;
    let later = match segments {
        0 => String::new(),
        count => format!(", and {count} later segments"),
    };
    format!(
        "torn, never promised: record {sequence} would begin in {file} at byte {offset} \
         ({fault}); a start cuts {bytes} bytes{later}"
    )
}

/// A folder that holds none of a journal's files, or a journal that was never begun.
fn no_records(journal: &Path) -> anyhow::Error {
    anyhow::anyhow!("{}: no record of a journal is there", journal.display())
}

/// What the progress counts.
const UNIT: &str = "records";

/// Records between two looks at the clock.
const RECORDS_PER_LOOK: u64 = 1_024;

/// Most orders that the message of an ambiguous name lists.
const MATCHES_SHOWN_MAX: usize = 8;

/// Counts outputs.
#[derive(Debug, Default)]
struct OutputCount(u64);

impl Sink for OutputCount {
    fn output(&mut self, _: &Output) {
        self.0 += 1;
    }
}

/// A journal that was replayed to its end.
struct Replayed {
    replayer: Replayer,
    records: u64,
    end: Option<End>,
    /// Time of the inputs after the first, which makes the tables, seconds.
    seconds: f64,
}

/// Replays a journal. `each` looks at the sink after each record.
fn replay<S: Sink>(
    journal: &Path,
    choice: Choice,
    sink: &mut S,
    mut each: impl FnMut(&mut S) -> anyhow::Result<()>,
) -> anyhow::Result<Replayed> {
    let mut reader = Reader::open(FileStorage::existing(journal)?)?;
    let mut replayer = Replayer::default();
    let mut started = Instant::now();
    let (mut progress, total) = (Progress::new(UNIT, choice), reader.durable());
    while let Some(record) = reader.next()? {
        if record.sequence.is_multiple_of(RECORDS_PER_LOOK) {
            progress.show(record.sequence, total);
        }
        let first = replayer.inputs == 0;
        replayer.record(&record, sink)?;
        each(sink)?;
        if first {
            started = Instant::now();
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let records = reader.last_sequence();
    if records == 0 {
        return Err(no_records(journal));
    }
    Ok(Replayed { replayer, records, end: reader.end().cloned(), seconds })
}

/// The orders that a person asks for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// Our id, the client's (11), or an id at a venue.
    pub name: &'a str,
    /// One JSON object a line.
    pub json: bool,
}

/// Replays a journal; prints rate, final state and digest, or everything about the orders that
/// `order` names: our id, the client's, or an id at a venue.
///
/// # Errors
/// Damage, a record that cannot be replayed, the first sequence at which the digest differs, an
/// order that the journal does not have, or `out`.
pub fn replay_command(
    journal: &Path,
    order: Option<Asked<'_>>,
    choice: Choice,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut counted = OutputCount::default();
    let replayed = match order {
        None => replay(journal, choice, &mut counted, |_| Ok(()))?,
        Some(asked) => {
            tell(journal, asked, choice, out)?;
            return Ok(());
        }
    };
    let Replayed { replayer, records, end, seconds } = replayed;
    let outputs = counted.0;
    writeln!(out, "records {records}, inputs {}, outputs {outputs}", replayer.inputs)?;
    let inputs = replayer.inputs.saturating_sub(1);
    if inputs > 0 && seconds > 0.0 {
        writeln!(out, "rate {:.0} inputs/s ({seconds:.3} s)", inputs as f64 / seconds)?;
    }
    if let Some(End::Torn(cut)) = &end {
        writeln!(out, "end {}", torn(cut))?;
    }
    writeln!(out, "digests compared {}, all equal", replayer.digests)?;
    match replayer.engine() {
        Some(engine) => summary(engine, out)?,
        None => writeln!(out, "empty journal")?,
    }
    Ok(())
}

/// Tells everything about the orders of that name. Which orders these are is found out first, since
/// an id at a venue comes long after an order's first record.
fn tell(
    journal: &Path,
    Asked { name, json }: Asked<'_>,
    choice: Choice,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let mut seeker = Seeker::new(name);
    replay(journal, choice, &mut seeker, |_| Ok(()))?;
    if seeker.seeks_children() {
        replay(journal, choice, &mut seeker, |_| Ok(()))?;
    }
    let found = seeker.found();
    let mut story = match found.len() {
        0 => anyhow::bail!(
            "no order {name} in {}: not our id, a client's or a venue's (unknown_order)",
            journal.display()
        ),
        1 => Story::new(found.keys().copied().collect(), json),
        count => {
            let shown = found.iter().rev().take(MATCHES_SHOWN_MAX);
            let shown: Vec<String> = shown
                .map(|(order, by)| format!("{} (found by {})", seeker.order_id(*order), by.help()))
                .collect();
            let more = if count > shown.len() { ", and more" } else { "" };
            anyhow::bail!(
                "{name} names {count} orders, type one of these ids: {}{more} (ambiguous_order)",
                shown.join(", ")
            )
        }
    };
    replay(journal, choice, &mut story, |story| {
        story.lines().try_for_each(|line| writeln!(out, "{line}")).map_err(Into::into)
    })?;
    Ok(())
}

/// Replays a journal, and prints a JSON line for each accepted order and each routing decision.
///
/// # Errors
/// As [`replay_command`].
pub fn decisions_command(
    journal: &Path,
    choice: Choice,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    replay(journal, choice, &mut Decisions::new(), |decisions| {
        decisions.lines().try_for_each(|line| writeln!(out, "{line}")).map_err(Into::into)
    })?;
    Ok(())
}

fn summary(engine: &Engine, out: &mut impl Write) -> std::io::Result<()> {
    let counts = engine.counts();
    writeln!(out, "orders {} accepted, {} refused", counts.orders, counts.refused)?;
    writeln!(out, "open orders {}, children sent {}", engine.open_orders(), counts.children)?;
    writeln!(out, "fills {}, seen twice {}", counts.fills, counts.duplicate_fills)?;
    for account in &engine.reference().accounts {
        for instrument in &engine.reference().instruments {
            let position = engine.ledger().position(account.id, instrument.id);
            let base = decimal(position.base, u32::from(instrument.qty_decimals));
            let cash = decimal(position.cash.0, AMOUNT_DECIMALS);
            writeln!(
                out,
                "position {} {}: base {base}, cash {cash}",
                account.name, instrument.symbol
            )?;
        }
    }
    writeln!(out, "halted {}", engine.is_halted())?;
    writeln!(out, "digest {:016x}", engine.digest())?;
    writeln!(out, "state_digest {:016x}", engine.state_digest())
}

/// The time of an input in words.
fn time(at: UnixNanos) -> String {
    rutter_admin::model::rfc3339(at.0)
}
