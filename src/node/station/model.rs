//! The station of the read model: follows the core's outputs for people and metrics.
//!
//! A line belongs here if it drains the output ring into the read model and the metrics, answers
//! the console's commands, or makes the snapshot: ten times a second, and when somebody looks. A
//! thread that carries orders waits for this one only if the output ring is full because this one
//! does not drain it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rutter_admin::console::commands::Decided;
use rutter_admin::{ReadModel, StageStatus};
use rutter_core::id::VenueId;
use rutter_core::output::{Output, Previewed};
use rutter_journal::ReleaseMark;

use crate::clock::unix_ns;
use crate::node::console::{ConsoleFeed, console_snapshot};
use crate::node::rings::OutputReader;
use crate::node::station::core::CoreGauges;
use crate::node::tap::TapReader;
use crate::watch::logs::notices::NoticeLog;
use crate::watch::metrics::MetricsModel;
use crate::watch::monitor::Monitor;
use crate::watch::stages::{Path, StageHistograms};
use crate::watch::trouble::{View, Watcher};

/// How often the output ring is drained.
const PERIOD: Duration = Duration::from_millis(5);

/// How often a new snapshot is made.
const SNAPSHOT_PERIOD: Duration = Duration::from_millis(100);

/// The read model's thread.
pub struct ModelStation {
    /// The read model, shared with the console.
    pub model: Arc<Mutex<ReadModel>>,
    /// What only metrics count.
    pub metrics: MetricsModel,
    /// Where the snapshot is shown.
    pub monitor: Arc<Monitor>,
    /// What the console reads, and where its books come from; `None` without a console.
    pub console: Option<(ConsoleFeed, TapReader)>,
    /// Finds what is wrong, for the console.
    pub watcher: Watcher,
    /// What the log tells of notices.
    pub notices: NoticeLog,
    /// The output ring.
    pub outputs: OutputReader,
    /// What the core shows of itself.
    pub gauges: Arc<CoreGauges>,
    /// Which decisions may be told: up to this journal sequence.
    pub release: ReleaseMark,
    /// Latencies of the stages, by path.
    pub stages: [(Path, StageHistograms); 2],
    /// Ends the thread when it is set.
    pub stop: Arc<AtomicBool>,
}

/// Commands whose decisions are not released, or not told yet.
#[derive(Debug, Default)]
struct Untold {
    commands: Vec<Decided>,
    /// The parts of a preview whose report has not come yet: one for the order, one per venue.
    preview: Vec<Previewed>,
}

impl Untold {
    fn take(&mut self, seq: u64, output: &Output) {
        match output {
            Output::Preview(_, part) => self.preview.push(*part),
            Output::Operator(report) => {
                let preview = std::mem::take(&mut self.preview);
                self.commands.push(Decided { seq, report: *report, preview });
            }
            _ => {}
        }
    }
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
        let mut untold = Untold::default();
        while !self.stop.load(Ordering::Relaxed) {
            self.metrics.look(unix_ns());
            self.drain(&mut untold);
            self.tell(&mut untold);
            self.stages.iter_mut().for_each(|(_, histograms)| histograms.collect());
            let now = Instant::now();
            let is_asked = || self.console.as_ref().is_some_and(|(feed, _)| feed.is_asked());
            if now >= snapshot_at || is_asked() {
                snapshot_at = now + SNAPSHOT_PERIOD;
                self.show();
            }
            std::thread::park_timeout(PERIOD);
        }
        // Alerts must see why the node ends.
        self.show();
    }

    fn drain(&mut self, untold: &mut Untold) {
        let mut model = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        let (metrics, notices) = (&mut self.metrics, &mut self.notices);
        for feed in metrics.feeds() {
            model.heard(VenueId(feed.venue as u8), feed.age_ns);
        }
        self.outputs.drain(|envelope| {
            model.apply(envelope.seq, envelope.taken_ns, &envelope.output);
            metrics.apply(envelope);
            if let Some(judged) = model.take_judged() {
                metrics.judged(judged);
            }
            notices.tell(&envelope.output, envelope.taken_ns, &model);
            untold.take(envelope.seq, &envelope.output);
        });
        drop(model);
        if let Some((console, reader)) = &self.console {
            let mut books = console.books.lock().unwrap_or_else(PoisonError::into_inner);
            reader.drain(|update| ConsoleFeed::take_book(&mut books, update));
        }
    }

    /// Answers the commands whose decisions are released.
    fn tell(&self, untold: &mut Untold) {
        let commands = &mut untold.commands;
        if commands.is_empty() {
            return;
        }
        let released = self.release.up_to();
        let later = commands.iter().position(|one| one.seq > released).unwrap_or(commands.len());
        for decided in commands.drain(..later) {
            if let Some((console, _)) = &self.console {
                console.decided(&decided);
            }
        }
    }

    fn show(&mut self) {
        let mut status = self.model.lock().unwrap_or_else(PoisonError::into_inner).status();
        self.notices.look(&status.venues);
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
        let now_ns = unix_ns();
        let snapshot = self.metrics.snapshot(now_ns, &status, &self.stages);
        if let Some((console, _)) = &self.console {
            let firing = self.monitor.alerts.firing();
            let view = View { shown: &snapshot, sessions: &console.sessions, firing: &firing };
            let free_bytes = || self.monitor.health.journal_free_bytes();
            let wrong = self.watcher.look(now_ns, &view, free_bytes);
            console.snapshot.store(console_snapshot(&snapshot, wrong));
        }
        self.monitor.show(snapshot);
    }
}
