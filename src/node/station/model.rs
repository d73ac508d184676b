//! The read model's thread: drains the output ring into the read model and into what metrics count,
//! tells consoles what became of their commands, and shows a snapshot ten times a second.
//!
//! Nobody who carries orders waits for it, unless it does not drain the ring.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rutter_admin::{ReadModel, StageStatus};
use rutter_core::output::{OperatorReport, Output};
use rutter_journal::ReleaseMark;

use crate::clock::unix_ns;
use crate::node::bridge::Bridge;
use crate::node::rings::OutputReader;
use crate::node::station::core::CoreGauges;
use crate::node::tap::Taps;
use crate::watch::metrics::{MetricsModel, Monitor};
use crate::watch::stages::{Path, StageHistograms};

/// How often it drains the output ring.
const PERIOD: Duration = Duration::from_millis(5);

/// How often the snapshot is made anew.
const SNAPSHOT_PERIOD: Duration = Duration::from_millis(100);

/// Keeps what operators see up to date.
pub struct ModelStation {
    /// The read model.
    pub model: Arc<Mutex<ReadModel>>,
    /// What only metrics count, and where all of it is shown.
    pub metrics: MetricsModel,
    /// As said.
    pub monitor: Arc<Monitor>,
    /// Consoles, and the books that they see; none if there is no console.
    pub bridge: Option<(Arc<Bridge>, Taps)>,
    /// The output ring.
    pub outputs: OutputReader,
    /// The core's.
    pub gauges: Arc<CoreGauges>,
    /// Which decisions may be told.
    pub release: ReleaseMark,
    /// Where the time goes.
    pub stages: [(Path, StageHistograms); 2],
    /// Ends it.
    pub stop: Arc<AtomicBool>,
}

impl std::fmt::Debug for ModelStation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ModelStation")
    }
}

impl ModelStation {
    /// Runs until it is stopped.
    pub fn run(mut self) {
        let mut snapshot_at = Instant::now();
        let mut untold = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            self.drain(&mut untold);
            self.tell(&mut untold);
            self.metrics.look(unix_ns());
            self.stages.iter_mut().for_each(|(_, histograms)| histograms.collect());
            let now = Instant::now();
            if now >= snapshot_at {
                snapshot_at = now + SNAPSHOT_PERIOD;
                self.show();
            }
            std::thread::park_timeout(PERIOD);
        }
        // What the node ends for is seen by those who tell of it.
        self.show();
    }

    fn drain(&mut self, untold: &mut Vec<(u64, OperatorReport)>) {
        let mut model = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        let metrics = &mut self.metrics;
        self.outputs.drain(|envelope| {
            model.apply(envelope.seq, envelope.taken_ns, &envelope.output);
            metrics.apply(envelope);
            if let Output::Operator(report) = &envelope.output {
                untold.push((envelope.seq, *report));
            }
        });
        drop(model);
        if let Some((bridge, taps)) = &self.bridge {
            let mut books = bridge.books.lock().unwrap_or_else(PoisonError::into_inner);
            taps.drain(|news| books.take(unix_ns(), news));
        }
    }

    /// Tells consoles what is released.
    fn tell(&self, untold: &mut Vec<(u64, OperatorReport)>) {
        if untold.is_empty() {
            return;
        }
        let released = self.release.up_to();
        let later = untold.iter().position(|(seq, _)| *seq > released).unwrap_or(untold.len());
        for (seq, report) in untold.drain(..later) {
            if let Some((bridge, _)) = &self.bridge {
                bridge.decided(seq, &report);
            }
        }
    }

    fn show(&self) {
        let mut status = self.model.lock().unwrap_or_else(PoisonError::into_inner).status();
        status.inputs = self.gauges.inputs.load(Ordering::Relaxed);
        status.journal_seq = self.gauges.seq.load(Ordering::Relaxed);
        status.output_stalls = self.gauges.output_stalls.load(Ordering::Relaxed);
        status.released_seq = self.release.up_to();
        for (path, stages) in &self.stages {
            for (stage, [p50, p99, p999, max, count]) in stages.summary() {
                let (path, stage) = (path.name(), stage.name());
                status.stages.push(StageStatus { path, stage, p50, p99, p999, max, count });
            }
        }
        self.monitor.show(self.metrics.snapshot(unix_ns(), &status, &self.stages));
    }
}
