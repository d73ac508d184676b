//! What the node gives its console, and what it does for it.
//!
//! A line belongs here if it connects the console (`rutter_admin::console`) with the node: the
//! handles that the console holds, the snapshot that it shows, and the few commands that concern
//! the process itself. What a verb means is the console's business; what a command does is the
//! core's.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rutter_admin::ReadModel;
use rutter_admin::console::book_set::Books;
use rutter_admin::console::commands::{CommandSender, Decided, Put, Replies};
use rutter_admin::console::handles::{About, Handles, ShownConfig};
use rutter_admin::console::sessions::SessionGauges;
use rutter_admin::console::snapshot::{
    JournalRow, LinkRow, NodeSnapshot, Quantiles, RingRow, SnapshotCell, Trouble, VenueRow,
};
use rutter_clients::SessionKind;
use rutter_clients::market::BookNews;
use rutter_core::id::ChildId;
use rutter_core::input::{Input, NodeCommand, OperatorCommand, Refusal, Scope};

use rutter_transport::standing::{Standing, Why};

use crate::clock::unix_ns;
use crate::config::{Config, Durability, SessionConfig, shown};
use crate::node::rings::InputWriter;
use crate::watch::monitor::Monitor;
use crate::watch::snapshot::{RingDepth, Snapshot};

/// How long a shutdown waits for the orders that it has cancelled.
pub const ORDERS_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a shutdown looks whether orders are still open.
const POLL_PERIOD: Duration = Duration::from_millis(20);

/// What a session is, in its row.
const TRADING: &str = "trading";
const DROP_COPY: &str = "drop-copy";

/// What a session of the gateway is, in its row.
pub const fn kind_of(kind: &SessionKind) -> &'static str {
    match kind {
        SessionKind::Trading => TRADING,
        SessionKind::DropCopy(_) => DROP_COPY,
    }
}

/// The node's side of the console's handles: the read model's thread and the gateway's write, the
/// console reads.
#[derive(Clone, Debug)]
pub struct ConsoleFeed {
    /// The read model.
    pub model: Arc<Mutex<ReadModel>>,
    /// The books that the console shows.
    pub books: Arc<Mutex<Books>>,
    /// What the node measures of itself.
    pub snapshot: Arc<SnapshotCell>,
    /// The connections of client sessions.
    pub sessions: Arc<SessionGauges>,
    /// The commands that wait for the core's answer.
    pub replies: Arc<Replies>,
    stop: Arc<AtomicBool>,
}

impl ConsoleFeed {
    /// For a node that is about to run, and ends when `stop` is set.
    pub fn new(config: &Config, model: Arc<Mutex<ReadModel>>, stop: Arc<AtomicBool>) -> Self {
        let kind = |session: &SessionConfig| {
            if session.is_drop_copy() { DROP_COPY } else { TRADING }
        };
        let names = config.session.iter().map(|one| (one.comp_id.clone(), kind(one)));
        Self {
            model,
            books: Arc::default(),
            snapshot: Arc::default(),
            sessions: Arc::new(SessionGauges::new(names)),
            replies: Arc::default(),
            stop,
        }
    }

    /// The console's handles. Its commands go into the core's ring by `inputs`.
    pub fn handles(
        &self,
        config: &Config,
        node_tag: u32,
        monitor: &Monitor,
        mut inputs: InputWriter,
    ) -> Handles {
        let put: Put = Box::new(move |operator| {
            let has_room = inputs.try_push(&Input::Operator(operator));
            if has_room {
                inputs.notify();
            }
            has_room
        });
        let durability = match config.node.durability {
            Durability::Process => "process",
            Durability::Disk => "disk",
        };
        Handles {
            about: About {
                name: config.fix.sender_comp_id.clone(),
                version: env!("CARGO_PKG_VERSION"),
                started_ns: monitor.started_ns(),
                config: Arc::new(Mutex::new(ShownConfig {
                    text: config_text(config),
                    hash: monitor.config_hash().to_owned(),
                })),
                node_tag,
                child_of: Some(child_of),
                journal_folder: config.node.data_dir.join("journal"),
                durability: durability.to_owned(),
            },
            clock: unix_ns,
            model: Arc::clone(&self.model),
            snapshot: Arc::clone(&self.snapshot),
            sessions: Arc::clone(&self.sessions),
            books: Arc::clone(&self.books),
            commands: CommandSender::new(put, Arc::clone(&self.replies), Arc::clone(&self.stop)),
            extender: None,
        }
    }

    /// Takes a book update.
    pub fn take_book(books: &mut Books, update: &BookNews) {
        match update {
            BookNews::Update(update) => books.update(unix_ns(), update),
            BookNews::Distrusted(venue, instrument, reason) => {
                books.distrust(*venue, *instrument, *reason);
            }
            BookNews::Lost(venue) => books.distrust_venue(*venue),
            BookNews::Alive(_) | BookNews::Trade(_) => {}
        }
    }

    /// Whether somebody waits for a new snapshot.
    pub fn is_asked(&self) -> bool {
        self.snapshot.take_request()
    }

    /// The core has decided on a command: whoever waits is answered, and a command that concerns
    /// the process is carried out.
    pub fn decided(&self, decided: &Decided) {
        self.replies.decided(decided);
        let report = &decided.report;
        if let OperatorCommand::Node(command) = report.operator.command
            && report.refusal == Refusal::None
        {
            self.carry_out(command);
        }
    }

    fn carry_out(&self, command: NodeCommand) {
        let level = match command {
            // The client gateway and the console carry these out.
            NodeCommand::News | NodeCommand::LiftCodeLock => return,
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

    /// Ends the node, at once or when no order is open any more.
    fn shut_down(&self, after_orders: bool) {
        let (model, stop) = (Arc::clone(&self.model), Arc::clone(&self.stop));
        let body = move || {
            let until = Instant::now() + ORDERS_TIMEOUT;
            let open = || {
                let model = model.lock().unwrap_or_else(PoisonError::into_inner);
                model.open_in(Scope::All).orders
            };
            while after_orders && open() > 0 && Instant::now() < until {
                std::thread::park_timeout(POLL_PERIOD);
            }
            match open() {
                0 => tracing::info!("an operator ends the node"),
                open => tracing::warn!(open, "an operator ends the node; orders stay open"),
            }
            stop.store(true, Ordering::SeqCst);
        };
        // Without a thread that could wait, the node ends at once.
        if std::thread::Builder::new().name("shutdown".to_owned()).spawn(body).is_err() {
            self.stop.store(true, Ordering::SeqCst);
        }
    }
}

/// The configuration in use. A comment where it cannot be shown.
fn config_text(config: &Config) -> String {
    shown(config).unwrap_or_else(|error| format!("# cannot be written as TOML: {error}\n"))
}

/// The child whose order has that id at a venue.
fn child_of(node_tag: u32, id: &[u8]) -> Option<ChildId> {
    rutter_venues::VENUES.iter().find_map(|venue| (venue.child_of)(node_tag, id))
}

/// The part of a snapshot that the console shows.
pub fn console_snapshot(snapshot: &Snapshot, wrong: Vec<Trouble>) -> NodeSnapshot {
    let ring = |ring, depth: &RingDepth| RingRow {
        ring,
        slots: depth.slots,
        used: depth.depth,
        stalls: depth.stalls,
    };
    let journal = &snapshot.journal;
    let syncs: u64 = journal.sync_times.buckets.iter().sum();
    NodeSnapshot {
        made_ns: snapshot.made_ns,
        turned_ns: snapshot.turned_ns,
        inputs: snapshot.status.inputs,
        journal_seq: snapshot.status.journal_seq,
        released_seq: snapshot.status.released_seq,
        output_stalls: snapshot.status.output_stalls,
        rings: vec![ring("input", &snapshot.input), ring("output", &snapshot.output)],
        journal: JournalRow {
            durable_seq: journal.durable,
            unsynced_bytes: journal.unsynced_bytes,
            sync_lag_ns: journal.sync_lag_ns,
            syncs,
            sync_mean_ns: journal.sync_times.sum_ns.checked_div(syncs),
            stalls: journal.stalls,
            failed: journal.failed,
            written_bytes: journal.written_bytes,
        },
        stages: snapshot.status.stages.clone(),
        venues: venue_rows(snapshot),
        status: Some(snapshot.status.clone()),
        wrong,
    }
}

fn link_row(standing: &Standing) -> LinkRow {
    LinkRow {
        up: standing.is_up,
        why: standing.why.map(Why::word),
        meaning: standing.why.map(Why::help),
        detail: standing.detail.clone(),
        since_ns: standing.since_ns,
        attempts: standing.attempts,
        next_attempt_ns: standing.next_ns,
        clock_ahead_ms: standing.clock_ahead_ns.map(|ahead_ns| ahead_ns / 1_000_000),
        unread: standing.unread.count(),
        unread_last: standing.unread.last().map(|last| format!("{}: {}", last.what, last.raw)),
    }
}

fn venue_rows(snapshot: &Snapshot) -> Vec<VenueRow> {
    let row = |(index, name): (usize, &String)| {
        let feed = snapshot.feeds.iter().find(|feed| feed.venue == index);
        let times = snapshot.counted.answer_latency.get(index).copied().unwrap_or_default();
        let [p50, p99, p999, max] = [500, 990, 999, 1_000].map(|part| times.within(part));
        let count = times.count();
        VenueRow {
            name: name.clone(),
            order_link: snapshot.links_of(index).map(|links| link_row(&links.orders)),
            feed_link: snapshot.links_of(index).and_then(|links| links.feed.as_ref().map(link_row)),
            feed_age_ns: feed.and_then(|feed| feed.age_ns),
            latency_ns: (count > 0).then_some(Quantiles { p50, p99, p999, max, count }),
        }
    };
    snapshot.counted.venues.iter().enumerate().map(row).collect()
}
