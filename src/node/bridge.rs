//! What the node lends to the operator's desk (`rutter_admin::console`): the read model, what is
//! shown beside it, books, and a way into the core's ring.
//!
//! A line belongs here if it connects the console with the node. What a verb means is the desk's;
//! what it does is the core's.

mod books;
mod replies;
mod sessions;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rutter_admin::ReadModel;
use rutter_admin::console::books::BookShown;
use rutter_admin::console::desk::{Node, Shown};
use rutter_admin::console::frame::{Code, Failure};
use rutter_core::input::{Input, NodeCommand, Operator, OperatorCommand, Refusal, Scope};
use rutter_core::output::OperatorReport;
use serde_json::{Map, Value, json};

pub use books::Books;
pub use replies::Replies;
pub use sessions::{SESSIONS_PERIOD_NS, SessionGauges};

use crate::clock::unix_ns;
use crate::config::Config;
use crate::node::rings::InputWriter;
use crate::watch::metrics::{Monitor, RingDepth, Snapshot};

/// How long the core may take to answer a command.
pub const COMMAND_PATIENCE: Duration = Duration::from_secs(5);

/// How long a shutdown waits for the orders that it has called back.
pub const ORDERS_PATIENCE: Duration = Duration::from_secs(10);

/// How often a command that has no room in the ring tries again.
const RETRY: Duration = Duration::from_millis(1);

/// How often it looks whether they are over.
const LOOK: Duration = Duration::from_millis(20);

/// What the console's threads share with the read model's.
#[derive(Debug)]
pub struct Bridge {
    /// Kept up to date by the read model's thread.
    pub model: Arc<Mutex<ReadModel>>,
    /// As well.
    pub books: Arc<Mutex<Books>>,
    /// Answers of the core.
    pub replies: Arc<Replies>,
    /// What the gateway shows of its sessions.
    pub sessions: Arc<SessionGauges>,
    /// What is shown ten times a second.
    pub monitor: Arc<Monitor>,
    inputs: Mutex<InputWriter>,
    stop: Arc<AtomicBool>,
    name: String,
    text: String,
    folder: String,
    durability: String,
}

impl Bridge {
    /// Between a console and a node that is about to run.
    pub fn new(
        config: &Config,
        model: Arc<Mutex<ReadModel>>,
        monitor: Arc<Monitor>,
        inputs: InputWriter,
        stop: Arc<AtomicBool>,
    ) -> Self {
        Self {
            model,
            books: Arc::default(),
            replies: Arc::default(),
            sessions: Arc::new(SessionGauges::new(config)),
            monitor,
            inputs: Mutex::new(inputs),
            stop,
            name: config.fix.sender_comp_id.clone(),
            // Secrets do not show themselves.
            text: format!("{config:#?}"),
            folder: config.node.data_dir.join("journal").display().to_string(),
            durability: format!("{:?}", config.node.durability).to_lowercase(),
        }
    }

    fn status(&self, snapshot: &Snapshot) -> Map<String, Value> {
        let ring = |name: &str, ring: &RingDepth| {
            let RingDepth { depth, slots, stalls } = ring;
            json!({"ring": name, "slots": slots, "used": depth, "stalls": stalls})
        };
        object(json!({
            "node": self.name,
            "version": env!("CARGO_PKG_VERSION"),
            "config_hash": self.monitor.config_hash(),
            "started_ns": self.monitor.started_ns(),
            "now_ns": unix_ns(),
            "made_ns": snapshot.made_ns,
            "turned_ns": snapshot.turned_ns,
            "inputs": snapshot.status.inputs,
            "journal_seq": snapshot.status.journal_seq,
            "released_seq": snapshot.status.released_seq,
            "durable_seq": snapshot.journal.durable,
            "unsynced_bytes": snapshot.journal.unsynced_bytes,
            "sync_lag_ns": snapshot.journal.sync_lag_ns,
            "output_stalls": snapshot.status.output_stalls,
            "rings": [ring("input", &snapshot.input), ring("output", &snapshot.output)],
        }))
    }

    fn journal_as_in(&self, snapshot: &Snapshot) -> Map<String, Value> {
        let journal = &snapshot.journal;
        let groups: u64 = journal.sync_times.buckets.iter().sum();
        let (segments, bytes) = size_of(&self.folder);
        object(json!({
            "seq": snapshot.status.journal_seq,
            "released_seq": snapshot.status.released_seq,
            "durable_seq": journal.durable,
            "unsynced_bytes": journal.unsynced_bytes,
            "sync_lag_ns": journal.sync_lag_ns,
            "syncs": groups,
            "sync_mean_ns": journal.sync_times.sum_ns.checked_div(groups),
            "stalls": journal.stalls,
            "failed": journal.failed,
            "written_bytes": journal.written_bytes,
            "segments": segments,
            "bytes": bytes,
            "free_bytes": self.monitor.health.journal_free_bytes(),
            "folder": self.folder,
            "durability": self.durability,
        }))
    }
}

/// Segments of a journal, and their bytes.
fn size_of(folder: &str) -> (u64, u64) {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let sizes = files.filter_map(|file| file.metadata().ok()).filter(std::fs::Metadata::is_file);
    sizes.fold((0, 0), |(count, bytes), one| (count + 1, bytes + one.len()))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

fn venues(snapshot: &Snapshot) -> Vec<(String, Map<String, Value>)> {
    let row = |(index, name): (usize, &String)| {
        let feed = snapshot.feeds.iter().find(|feed| feed.venue == index);
        let mut row = Map::new();
        if let Some(feed) = feed {
            row.insert("feed_age_ns".to_owned(), feed.age_ns.into());
        }
        let times = snapshot.counted.latency_of(index);
        let [p50, p99, p999, max] = [500, 990, 999, 1_000].map(|part| times.within(part));
        let count = times.count();
        let latency = json!({"p50": p50, "p99": p99, "p999": p999, "max": max, "count": count});
        row.insert("latency_ns".to_owned(), if count > 0 { latency } else { Value::Null });
        (name.clone(), row)
    };
    snapshot.counted.venues.iter().enumerate().map(row).collect()
}

impl Node for Bridge {
    fn now_ns(&self) -> u64 {
        unix_ns()
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn model(&self) -> MutexGuard<'_, ReadModel> {
        self.model.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shown(&self) -> Shown {
        let snapshot = self.monitor.shown();
        let stages = snapshot.status.stages.iter();
        Shown {
            status: self.status(&snapshot),
            stages: stages.map(|row| serde_json::to_value(row).unwrap_or_default()).collect(),
            venues: venues(&snapshot),
            sessions: self.sessions.rows(),
        }
    }

    fn journal(&self) -> Map<String, Value> {
        self.journal_as_in(&self.monitor.shown())
    }

    fn books(&self, symbol: &str) -> Vec<BookShown> {
        let model = self.model();
        let books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let mut shown = books.shown(model.reference(), symbol);
        drop(books);
        let snapshot = self.monitor.shown();
        for book in &mut shown {
            // As routing judges it: by the silence of the feed, whatever the book says.
            let def =
                model.venue(&book.venue).and_then(|id| model.reference().venues.get(id.index()));
            let feed =
                def.and_then(|def| snapshot.feeds.iter().find(|feed| feed.venue == def.id.index()));
            if let (Some(def), Some(feed)) = (def, feed)
                && feed.age_ns > def.stale_after_ns
            {
                book.distrust.get_or_insert_with(|| "Stale".to_owned());
            }
        }
        shown
    }

    fn config(&self) -> Value {
        json!({"text": self.text, "hash": self.monitor.config_hash()})
    }

    fn command(&self, operator: Operator) -> Result<(u64, OperatorReport), Failure> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Failure::new(Code::Stopping, "the node is being stopped"));
        }
        let waiting = self
            .replies
            .expect(operator.request)
            .ok_or_else(|| Failure::new(Code::Busy, "too many commands wait for the core"))?;
        let seconds = COMMAND_PATIENCE.as_secs();
        let until = Instant::now() + COMMAND_PATIENCE;
        // Into the ring or nowhere: what waited outside would come true at a time of its own.
        while !self.put(operator) {
            if Instant::now() >= until {
                let message = format!("the input ring was full for {seconds} s: nothing was done");
                return Err(Failure::new(Code::Busy, message));
            }
            std::thread::park_timeout(RETRY);
        }
        if let Some(reply) = waiting.wait(until.saturating_duration_since(Instant::now())) {
            return Ok(reply);
        }
        let message =
            format!("no answer in {seconds} s; it may still be carried out: see commands");
        Err(Failure::new(Code::Timeout, message))
    }
}

impl Bridge {
    /// Puts a command into the ring, and wakes the core; false if there is no room.
    fn put(&self, operator: Operator) -> bool {
        let mut inputs = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
        let put = inputs.try_push(&Input::Operator(operator));
        if put {
            inputs.notify();
        }
        put
    }

    /// The core has decided on a command: whoever waits is told, and what is the node's own to do
    /// is done.
    pub fn decided(&self, seq: u64, report: &OperatorReport) {
        self.replies.tell(seq, report);
        if let OperatorCommand::Node(command) = report.operator.command
            && report.refusal == Refusal::None
        {
            self.carry_out(command);
        }
    }

    fn carry_out(&self, command: NodeCommand) {
        let level = match command {
            NodeCommand::News => return,
            NodeCommand::Shutdown => return self.shut_down(false),
            NodeCommand::ShutdownFlat => return self.shut_down(true),
            NodeCommand::LogError => "error",
            NodeCommand::LogWarn => "warn",
            NodeCommand::LogInfo => "info",
            NodeCommand::LogDebug => "debug",
            NodeCommand::LogTrace => "trace",
        };
        if let Err(error) = crate::watch::logs::set_level(level) {
            tracing::error!(%error, level, "log level is not changed");
        }
    }

    fn shut_down(&self, after_orders: bool) {
        let (model, stop) = (Arc::clone(&self.model), Arc::clone(&self.stop));
        let body = move || {
            let until = Instant::now() + ORDERS_PATIENCE;
            let open = || {
                let model = model.lock().unwrap_or_else(PoisonError::into_inner);
                model.open_in(Scope::All).orders
            };
            while after_orders && open() > 0 && Instant::now() < until {
                std::thread::park_timeout(LOOK);
            }
            match open() {
                0 => tracing::info!("an operator ends the node"),
                open => tracing::warn!(open, "an operator ends the node; orders stay open"),
            }
            stop.store(true, Ordering::SeqCst);
        };
        // Without a thread to wait on there is nothing to wait for.
        if std::thread::Builder::new().name("shutdown".to_owned()).spawn(body).is_err() {
            self.stop.store(true, Ordering::SeqCst);
        }
    }
}
