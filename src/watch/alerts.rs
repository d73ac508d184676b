//! Alerts by webhook: sent by severity until somebody acknowledges them.
//!
//! A line belongs here if it runs the parts. `conditions` finds conditions that hold, `state`
//! decides who gets which message, `queue` when to try, `webhook` how. One thread checks the
//! snapshot four times a second. Each webhook has its own thread, so a dead webhook delays no
//! other. No thread that carries orders waits for alerts, and neither does the read model's. The
//! parts get the time as an argument; here it comes from a clock that never goes back.

pub mod conditions;
pub mod gauges;
pub mod queue;
mod sink;
pub mod state;
mod steady;
pub mod webhook;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rutter_transport::tls::TlsError;

use crate::clock::unix_ns;
use crate::config::{AlertsConfig, AlertsError};
use crate::watch::health::Phase;
use crate::watch::monitor::Monitor;

use conditions::{AlertView, Evaluator};
use sink::Sink;
use state::{Acknowledged, Alerts};
use steady::MonotonicWallClock;
use webhook::{AlertSource, Post};

/// Time between two checks of the snapshot.
const EVALUATION_PERIOD: Duration = Duration::from_millis(250);

/// Most acknowledgements that wait to be processed. A further one is lost; the next repetition asks
/// again.
const ACKNOWLEDGED_MAX: usize = 256;

/// Why alerts cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The section `[alerts]` of the configuration.
    #[error(transparent)]
    Config(#[from] AlertsError),
    /// The authorities of a webhook cannot be read.
    #[error("alerts.webhook.{name}.ca_file: {source}")]
    Tls {
        /// The webhook's name.
        name: String,
        /// What is wrong with the file.
        source: TlsError,
    },
    /// A thread cannot be started.
    #[error("alerts: {0}")]
    Thread(std::io::Error),
}

/// Runs alerts until dropped. Waiting messages then have `shutdown_ms` to leave.
pub struct Alerter {
    stop: Arc<AtomicBool>,
    looking: Option<JoinHandle<()>>,
    sinks: Vec<Arc<Sink>>,
    /// Closed when the last sink's thread has ended; nothing is sent on it.
    ended: Receiver<()>,
    shutdown: Duration,
    clock: MonotonicWallClock,
}

impl Alerter {
    /// Starts alerts on the snapshots of `monitor`. `seed` determines the random part of the waits.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(
        config: &AlertsConfig,
        node: &str,
        monitor: &Arc<Monitor>,
        seed: u64,
    ) -> Result<Self, StartError> {
        let webhooks = config.webhooks()?;
        let policy = config.policy(&webhooks);
        let node = config.node.as_deref().unwrap_or(node).to_owned();
        let source = AlertSource { node, started_ns: monitor.started_ns() };
        let clock = MonotonicWallClock::new();
        let (acknowledged, heard) = sync_channel(ACKNOWLEDGED_MAX);
        let (ends, ended) = channel();
        let mut sinks = Vec::new();
        for (at, webhook) in webhooks.iter().enumerate() {
            let post = Post::new(webhook)
                .map_err(|source| StartError::Tls { name: webhook.name.clone(), source })?;
            let seed = seed.wrapping_add(at as u64);
            sinks.push(Arc::new(Sink::new(webhook, post, source.clone(), clock, seed)));
        }
        let mut alerter = Self {
            stop: Arc::default(),
            looking: None,
            sinks,
            ended,
            shutdown: Duration::from_millis(u64::from(config.shutdown_ms)),
            clock,
        };
        // From here on, dropping the alerter ends all threads that were started.
        alerter.start_sinks(monitor, &acknowledged, &ends)?;
        let watch = AlertThread {
            alerts: Alerts::new(policy),
            watcher: Evaluator::default(),
            monitor: Arc::clone(monitor),
            sinks: alerter.sinks.clone(),
            heard,
            clock,
        };
        let stop = Arc::clone(&alerter.stop);
        let looking = std::thread::Builder::new()
            .name("alerts".to_owned())
            .spawn(move || watch.run(&stop))
            .map_err(StartError::Thread)?;
        alerter.looking = Some(looking);
        Ok(alerter)
    }

    fn start_sinks(
        &self,
        monitor: &Arc<Monitor>,
        acknowledged: &SyncSender<Acknowledged>,
        ends: &std::sync::mpsc::Sender<()>,
    ) -> Result<(), StartError> {
        for (at, sink) in self.sinks.iter().enumerate() {
            let (sink, monitor) = (Arc::clone(sink), Arc::clone(monitor));
            let (acknowledged, end) = (acknowledged.clone(), ends.clone());
            std::thread::Builder::new()
                .name(format!("alerts-{at}"))
                .spawn(move || {
                    if let Some(counts) = monitor.alerts.sink(at) {
                        sink.run(counts, &acknowledged);
                    }
                    drop(end);
                })
                .map_err(StartError::Thread)?;
        }
        Ok(())
    }
}

impl Drop for Alerter {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        if let Some(looking) = self.looking.take() {
            looking.thread().unpark();
            // A thread that panicked has no further message.
            drop(looking.join());
        }
        let until = Instant::now() + self.shutdown;
        let shutdown_ns = u64::try_from(self.shutdown.as_nanos()).unwrap_or(u64::MAX);
        let until_ns = self.clock.now_ns().saturating_add(shutdown_ns);
        self.sinks.iter().for_each(|sink| sink.close(until_ns));
        // A thread that hangs in an attempt is abandoned: the process ends.
        let left = until.saturating_duration_since(Instant::now());
        let _ = self.ended.recv_timeout(left);
        self.sinks.iter().for_each(|sink| sink.tell_unsent());
    }
}

/// The thread that checks conditions.
struct AlertThread {
    alerts: Alerts,
    watcher: Evaluator,
    monitor: Arc<Monitor>,
    sinks: Vec<Arc<Sink>>,
    heard: Receiver<Acknowledged>,
    clock: MonotonicWallClock,
}

impl AlertThread {
    fn run(mut self, stop: &AtomicBool) {
        loop {
            let last = stop.load(Ordering::SeqCst);
            for told in self.heard.try_iter().take(ACKNOWLEDGED_MAX) {
                self.alerts.acknowledge(&told);
            }
            // While the node ends, stopping threads must not raise alerts. The last check reports
            // the fault that ended the node.
            if last || self.monitor.health.phase() != Phase::Ending {
                self.look();
            }
            if last {
                return;
            }
            std::thread::park_timeout(EVALUATION_PERIOD);
        }
    }

    fn look(&mut self) {
        let shown = self.monitor.shown();
        let view = AlertView {
            shown: &shown,
            age_ns: unix_ns().saturating_sub(shown.made_ns),
            free_bytes: self.monitor.health.journal_free_bytes(),
        };
        let now_ns = self.clock.now_ns();
        let holding = self.watcher.look(now_ns, view);
        let orders = self.alerts.step(now_ns, shown.status.journal_seq, &holding);
        for order in orders {
            if let (Some(sink), Some(counts)) =
                (self.sinks.get(order.sink), self.monitor.alerts.sink(order.sink))
            {
                sink.push(order.message, counts);
            }
        }
        self.monitor.alerts.show_firing(&self.alerts.firing());
    }
}
