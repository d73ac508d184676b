//! `rutter verify` and `rutter replay`: checks a journal, and whether a replay gives the same
//! decisions.

use std::path::Path;
use std::time::Instant;

use rutter_core::Engine;
use rutter_core::id::OrderId;
use rutter_core::number::UnixNanos;
use rutter_core::output::{Decision, Output, Sink};
use rutter_journal::{End, FileStorage, Reader, verify};

use crate::node::decider::Replayer;

/// Checks every record and prints the result.
///
/// # Errors
/// Damage, naming file, offset and sequence; or a folder without a record of a journal.
pub fn verify_command(journal: &Path) -> anyhow::Result<()> {
    let started = Instant::now();
    let report = verify(FileStorage::existing(journal)?)?;
    if report.records == 0 {
        return Err(no_records(journal));
    }
    let seconds = started.elapsed().as_secs_f64();
    println!("{report:#?}");
    println!("verified in {seconds:.3} s");
    Ok(())
}

/// A folder that holds none of a journal's files, or a journal that was never begun.
fn no_records(journal: &Path) -> anyhow::Error {
    anyhow::anyhow!("{}: no record of a journal is there", journal.display())
}

/// Prints what concerns one order.
struct OrderPrinter {
    order: Option<OrderId>,
    outputs: u64,
    time: UnixNanos,
    seq: u64,
}

impl OrderPrinter {
    fn concerns(&self, output: &Output) -> bool {
        let order = match output {
            Output::Report(report) => report.order,
            Output::CancelReject(reject) => reject.order,
            Output::SendNew(new) => new.order,
            Output::MassCancelReport(_)
            | Output::Command(..)
            | Output::Operator(_)
            | Output::SendCancel(_)
            | Output::Query(_)
            | Output::Notice(_) => return false,
        };
        Some(order) == self.order
    }
}

impl Sink for OrderPrinter {
    fn output(&mut self, output: &Output) {
        self.outputs += 1;
        if self.order.is_some() && self.concerns(output) {
            println!("{} seq {} {output:?}", self.time.0, self.seq);
        }
    }

    fn decision(&mut self, decision: &Decision<'_>) {
        if Some(decision.order) != self.order {
            return;
        }
        let (round, qty) = (decision.round, decision.qty.0);
        println!("{} seq {} route round {round}, quantity {qty}:", self.time.0, self.seq);
        for line in decision.venues {
            println!(
                "    venue {}: {:?}, quantity {} at {}; best {} (all-in {} e-6), book age {} ns",
                line.venue.0,
                line.verdict,
                line.qty.0,
                line.price.0,
                line.best.0,
                line.best_all_in,
                line.age_ns
            );
        }
    }
}

/// Replays a journal; prints rate, final state and digest, or everything about one order.
///
/// # Errors
/// Damage, a record that cannot be replayed, or the first sequence at which the digest differs.
pub fn replay_command(journal: &Path, order: Option<u64>) -> anyhow::Result<()> {
    let mut reader = Reader::open(FileStorage::existing(journal)?)?;
    let mut replayer = Replayer::default();
    let mut teller =
        OrderPrinter { order: order.map(OrderId), outputs: 0, time: UnixNanos(0), seq: 0 };
    let started = Instant::now();
    while let Some(record) = reader.next()? {
        (teller.time, teller.seq) = (UnixNanos(record.time_ns), record.sequence);
        replayer.record(&record, &mut teller)?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let records = reader.last_sequence();
    if records == 0 {
        return Err(no_records(journal));
    }
    println!("records {records}, inputs {}, outputs {}", replayer.inputs, teller.outputs);
    println!("rate {:.0} inputs/s ({seconds:.3} s)", replayer.inputs as f64 / seconds);
    if let Some(End::Torn(cut)) = reader.end() {
        println!("torn tail, never promised: {cut:?}");
    }
    println!("digests compared {}, all equal", replayer.digests);
    match replayer.engine() {
        Some(engine) => summary(engine),
        None => println!("empty journal"),
    }
    Ok(())
}

fn summary(engine: &Engine) {
    let counts = engine.counts();
    println!("orders {} accepted, {} refused", counts.orders, counts.refused);
    println!("open orders {}, children sent {}", engine.open_orders(), counts.children);
    println!("fills {}, seen twice {}", counts.fills, counts.duplicate_fills);
    for account in &engine.reference().accounts {
        for instrument in &engine.reference().instruments {
            let position = engine.ledger().position(account.id, instrument.id);
            println!(
                "position {} {}: base {} e-{}, cash {} e-18",
                account.name,
                instrument.symbol,
                position.base,
                instrument.qty_decimals,
                position.cash.0
            );
        }
    }
    println!("halted {}", engine.is_halted());
    println!("digest {:016x}", engine.digest());
    println!("state_digest {:016x}", engine.state_digest());
}
