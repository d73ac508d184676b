//! The node: recovery, then one thread for each of core, client gateway, sender, feed and read
//! model, until somebody asks it to end.
//!
//! Order of a start: lock and replay the journal (clients' reports go to the message stores, which
//! know what they have already), start the threads, journal the reference data and the start,
//! then let clients in. Order of an end: clients out, venues out, core last, journal synced.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use rutter_admin::{ReadModel, SocketError, StageStatus, Status, StatusSocket};
use rutter_clients::{ClientGateway, GatewayConfig, GatewayServer, Limits};
use rutter_core::input::Input;
use rutter_core::number::Text;
use rutter_core::output::Output;
use rutter_fix::store::{MmapConfig, MmapStore, StoreError};
use rutter_journal::{AppendError, FileStorage, Journal, Recovery, ReleaseMark, StorageError};
use rutter_transport::driver::{Driver, DriverConfig, DriverError};
use rutter_transport::machine::Machine;
use rutter_transport::tls::{ClientTls, TlsError};
use rutter_transport::wait::{Profile, UnknownProfile, Waiter, pin_current_thread};
use rutter_transport::wake::{Parked, WakeHandle};
use rutter_venues::VenueCommand;

use crate::boot::{self, Names};
use crate::clock::unix_ns;
use crate::config::{Config, Durability};
use crate::core_thread::{Addressee, CoreGauges, CoreThread, Reader};
use crate::decider::{Decider, StartError};
use crate::rings::{InputWriter, OutputReader, Taken, input_ring, output_ring};
use crate::stages::{Path as StagePath, SharedStages, StageRecorder};
use crate::threads::{Feed, GatewayThread, Sender};
use crate::venues::{self, Books, Orders, VenueError};

/// How often the read model is brought up to date.
const READ_MODEL_PERIOD: Duration = Duration::from_millis(50);

/// How often the main thread looks whether it is to end.
const MAIN_PERIOD: Duration = Duration::from_millis(50);

/// Why a node does not start, or ends before it is asked to.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The data folder.
    #[error("cannot make {path}: {source}")]
    DataDir {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The journal's folder.
    #[error("journal: {0}")]
    Storage(#[from] StorageError),
    /// The journal, or a record in it.
    #[error("journal: {0}")]
    Start(#[from] StartError),
    /// An input could not be journaled.
    #[error("journal: {0}")]
    Append(#[from] AppendError),
    /// The last sync failed.
    #[error("journal: {0}")]
    Sync(#[from] rutter_journal::SyncError),
    /// A session's message store.
    #[error("message store: {0}")]
    Store(#[from] StoreError),
    /// The client gateway.
    #[error("client gateway: {0}")]
    Gateway(String),
    /// A venue.
    #[error(transparent)]
    Venue(#[from] VenueError),
    /// Certificates.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// A venue's or feed's sockets.
    #[error("driver: {0}")]
    Driver(#[from] DriverError),
    /// The status socket.
    #[error(transparent)]
    Status(#[from] SocketError),
    /// `node.wait_profile`.
    #[error("node.wait_profile: {0}")]
    Profile(#[from] UnknownProfile),
    /// The configuration contradicts the journal, or itself.
    #[error("configuration: {0}")]
    Configuration(String),
    /// A thread could not be started, or died.
    #[error("thread {0}")]
    Thread(String),
}

/// What all threads share.
struct Shared {
    stop: Arc<AtomicBool>,
    profile: Profile,
    release: ReleaseMark,
    taken: Arc<Taken>,
    core: WakeHandle,
    producer:
        disruptor::MultiProducer<crate::rings::InputEnvelope, disruptor::SingleConsumerBarrier>,
    slots: usize,
}

impl Shared {
    fn writer(&self) -> InputWriter {
        let taken = Arc::clone(&self.taken);
        InputWriter::new(self.producer.clone(), self.slots, taken, self.core.clone(), unix_ns)
    }
}

/// A thread that ends with what went wrong.
type Worker = JoinHandle<Result<(), String>>;

fn spawn(
    name: &str,
    stop: &Arc<AtomicBool>,
    body: impl FnOnce() -> Result<(), String> + Send + 'static,
) -> Result<Worker, NodeError> {
    let stop = Arc::clone(stop);
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let result = body();
            // Whoever ends takes the others along: half a node is worse than none.
            stop.store(true, Ordering::SeqCst);
            result
        })
        .map_err(|error| NodeError::Thread(format!("{name}: {error}")))
}

/// Runs a node until SIGINT or SIGTERM.
///
/// # Errors
/// [`NodeError`], before anything was sent, or when a thread had to give up.
pub fn run(config: &Config) -> Result<(), NodeError> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))
            .map_err(|error| NodeError::Thread(format!("signal handler: {error}")))?;
    }
    run_until(config, &stop)
}

/// Runs a node until `stop` is set.
///
/// # Errors
/// As [`run`].
pub fn run_until(config: &Config, stop: &Arc<AtomicBool>) -> Result<(), NodeError> {
    let journal_dir = config.node.data_dir.join("journal");
    std::fs::create_dir_all(&journal_dir)
        .map_err(|source| NodeError::DataDir { path: journal_dir.clone(), source })?;
    let entropy = entropy();
    let (genesis, names) = boot::scan(&journal_dir, config, || boot::genesis(config, entropy))?;
    let mut gateway = gateway(config, &names, genesis.node_tag)?;
    let (decider, recovery) = recover(config, &journal_dir, &genesis, &mut gateway)?;
    tracing::info!(
        created = recovery.created,
        records = recovery.last_sequence,
        cut = ?recovery.cut,
        digest = format!("{:016x}", decider.engine().digest()),
        "journal recovered"
    );
    let first = boot::inputs(config, &names)
        .ok_or_else(|| NodeError::Configuration("a name is not defined".to_owned()))?;
    boot::check(&decider, &first).map_err(NodeError::Configuration)?;
    let machines = machines(config, &names, genesis.node_tag)?;
    start(config, &names, stop, decider, first, gateway, machines)
}

/// Something that differs between journals: the time and the process, mixed.
fn entropy() -> u64 {
    let mut mixed = rutter_core::hash::Rolling::new(u64::from(std::process::id()));
    mixed.word(unix_ns());
    mixed.value()
}

fn gateway(
    config: &Config,
    names: &Names,
    node_tag: u32,
) -> Result<ClientGateway<MmapStore>, NodeError> {
    let undefined = || NodeError::Configuration("a name is not defined".to_owned());
    let sessions = config
        .session
        .iter()
        .map(|session| {
            Some(rutter_clients::SessionConfig {
                id: names.session(&session.comp_id)?,
                comp_id: session.comp_id.clone(),
                account: Text::new(session.account.as_bytes())?,
                username: None,
                password: Some(rutter_clients::Secret::from(session.password.as_str())),
                heartbeat_s_range: (1, 3_600),
            })
        })
        .collect::<Option<Vec<_>>>()
        .ok_or_else(undefined)?;
    let instruments = config
        .instrument
        .iter()
        .map(|instrument| {
            Some(rutter_clients::InstrumentConfig {
                id: names.instrument(&instrument.symbol)?,
                symbol: Text::new(instrument.symbol.as_bytes())?,
                price_decimals: instrument.price_decimals,
                qty_decimals: instrument.qty_decimals,
            })
        })
        .collect::<Option<Vec<_>>>()
        .ok_or_else(undefined)?;
    let texts = |names: &[String]| {
        names.iter().map(|name| Text::new(name.as_bytes())).collect::<Option<Vec<_>>>()
    };
    let stores = config
        .session
        .iter()
        .map(|session| {
            let folder = config.node.data_dir.join("sessions").join(&session.comp_id);
            let retention_bytes = config.fix.store_retention_bytes;
            MmapStore::open(&folder, MmapConfig { retention_bytes, ..MmapConfig::default() })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let settings = GatewayConfig {
        sender_comp_id: config.fix.sender_comp_id.clone(),
        sessions,
        instruments,
        venues: texts(&names.venues).ok_or_else(undefined)?,
        assets: texts(&names.assets).ok_or_else(undefined)?,
        node_tag,
        time_precision: rutter_fix::codec::TimePrecision::Micros,
        limits: Limits::default(),
    };
    ClientGateway::new(&settings, stores).map_err(|error| NodeError::Gateway(error.to_string()))
}

/// Replays the journal; clients' reports go to the stores, which keep those they do not have.
fn recover(
    config: &Config,
    journal_dir: &Path,
    genesis: &rutter_core::input::Genesis,
    gateway: &mut ClientGateway<MmapStore>,
) -> Result<(Decider<FileStorage>, Recovery), NodeError> {
    let durability = match config.node.durability {
        Durability::Process => rutter_journal::Durability::Process,
        Durability::Disk => rutter_journal::Durability::Disk,
    };
    let settings = rutter_journal::Config::new(durability).segment_bytes(
        usize::try_from(config.node.journal_segment_bytes)
            .map_err(|_| NodeError::Configuration("node.journal_segment_bytes".to_owned()))?,
    );
    let storage = FileStorage::create(journal_dir)?;
    let mut catch_up = CatchUp { gateway, failed: None };
    let opened = Decider::open(storage, settings, genesis, unix_ns(), &mut catch_up)?;
    if let Some(reason) = catch_up.failed {
        return Err(NodeError::Gateway(reason));
    }
    Ok(opened)
}

/// Gives replayed reports to the gateway.
struct CatchUp<'a> {
    gateway: &'a mut ClientGateway<MmapStore>,
    failed: Option<String>,
}

impl rutter_core::output::Sink for CatchUp<'_> {
    fn output(&mut self, output: &Output) {
        if !matches!(output, Output::Report(_) | Output::CancelReject(_)) {
            return;
        }
        // A session that the configuration no longer has cannot be told anything.
        if let Err(error) = self.gateway.on_output(unix_ns(), output)
            && !matches!(error, rutter_clients::OutputError::UnknownSession(_))
        {
            self.failed.get_or_insert(error.to_string());
        }
    }
}

type Machines = Vec<(rutter_core::id::VenueId, Orders, Books, DriverConfig)>;

fn machines(config: &Config, names: &Names, node_tag: u32) -> Result<Machines, NodeError> {
    let mut machines = Vec::new();
    for venue in &config.venue {
        let id =
            names.venue(&venue.name).ok_or_else(|| NodeError::Configuration(venue.name.clone()))?;
        let orders = venues::orders(config, venue, names, node_tag)?;
        let books = venues::books(config, venue, names, node_tag)?;
        let driver = DriverConfig {
            name: venue.name.clone(),
            tls: ClientTls::load(venue.ca_file.as_deref())?,
            connect_timeout: Duration::from_secs(5),
            http_timeout: Duration::from_secs(5),
        };
        machines.push((id, orders, books, driver));
    }
    Ok(machines)
}

/// The core thread, and what everybody else needs of it.
struct Launched {
    core: JoinHandle<Result<Journal<FileStorage>, String>>,
    shared: Shared,
    readers: Vec<OutputReader>,
    give_readers: mpsc::Sender<Vec<Reader>>,
    gauges: Arc<CoreGauges>,
}

/// Makes the rings and starts the core thread, which waits to be told its readers.
fn launch(
    config: &Config,
    stop: &Arc<AtomicBool>,
    decider: Decider<FileStorage>,
    first: Vec<Input>,
    venues: usize,
) -> Result<Launched, NodeError> {
    let node = &config.node;
    // Spinning threads: core, gateway, a sender a venue.
    let profile = Profile::from_name(&node.wait_profile, 2 + venues)?;
    let (poller, producer) = input_ring(node.input_ring_slots);
    let (outputs, readers) = output_ring(node.output_ring_slots, venues + 2);
    let release = decider.journal().release_mark();
    let taken = Arc::new(Taken::default());
    let gauges = Arc::new(CoreGauges::default());
    let parked = Arc::new(Parked::default());
    let (wake_core, core_wakes) = mpsc::channel();
    let (give_readers, take_readers) = mpsc::channel::<Vec<Reader>>();
    let make: MakeCore = {
        let (taken, gauges, stop) = (Arc::clone(&taken), Arc::clone(&gauges), Arc::clone(stop));
        let parked = Arc::clone(&parked);
        Box::new(move |decider, readers| CoreThread {
            decider,
            inputs: poller,
            outputs,
            readers,
            taken,
            parked,
            waiter: Waiter::new(profile),
            stop,
            gauges,
            clock: unix_ns,
            addressed: 0,
        })
    };
    let core_cpu = node.core_cpu;
    let stop_core = Arc::clone(stop);
    let parts = CoreParts {
        decider,
        first,
        core_cpu,
        make,
        parked,
        wake_core,
        take_readers,
        stop: stop_core,
    };
    let core = spawn_core(parts)?;
    let core_handle =
        core_wakes.recv().map_err(|_| NodeError::Thread("core did not start".to_owned()))?;
    let stop = Arc::clone(stop);
    let slots = node.input_ring_slots;
    let shared = Shared { stop, profile, release, taken, core: core_handle, producer, slots };
    Ok(Launched { core, shared, readers, give_readers, gauges })
}

fn start(
    config: &Config,
    names: &Names,
    stop: &Arc<AtomicBool>,
    decider: Decider<FileStorage>,
    first: Vec<Input>,
    gateway: ClientGateway<MmapStore>,
    machines: Machines,
) -> Result<(), NodeError> {
    let Launched { core, shared, mut readers, give_readers, gauges } =
        launch(config, stop, decider, first, machines.len())?;
    let (order_path, report_path) = (SharedStages::default(), SharedStages::default());
    let (mut workers, mut wakes) = serve_venues(&shared, machines, &mut readers, &order_path)?;
    let (worker, wake) = serve_clients(config, &shared, gateway, &mut readers, &report_path)?;
    workers.push(worker);
    wakes.push(Reader { addressee: Addressee::Clients, wake });
    let status = Arc::new(Mutex::new(Status::default()));
    let model = ModelThread {
        model: ReadModel::new(&names.venues, &names.sessions),
        outputs: next_reader(&mut readers)?,
        status: Arc::clone(&status),
        gauges,
        release: shared.release.clone(),
        stages: [(StagePath::Order, order_path), (StagePath::Report, report_path)],
        stop: Arc::clone(stop),
    };
    workers.push(spawn("read-model", stop, move || {
        model.run();
        Ok(())
    })?);
    give_readers.send(wakes.clone()).map_err(|_| NodeError::Thread("core ended".to_owned()))?;
    let socket = match &config.node.status_socket {
        Some(path) => Some(StatusSocket::listen(path, status)?),
        None => None,
    };
    tracing::info!(listen = %config.fix.listen, profile = ?shared.profile, "running");
    wait(stop, &wakes, workers, core, &shared, socket)
}

/// Starts a sender and a feed for each venue.
fn serve_venues(
    shared: &Shared,
    machines: Machines,
    readers: &mut Vec<OutputReader>,
    order_path: &SharedStages,
) -> Result<(Vec<Worker>, Vec<Reader>), NodeError> {
    let mut wakes = Vec::new();
    let mut workers = Vec::new();
    for (id, orders, books, driver) in machines {
        let reader = next_reader(readers)?;
        let stages = StageRecorder::new(order_path.clone());
        let (worker, wake) = match orders {
            Orders::Binance(machine) => sender(shared, id, *machine, &driver, reader, stages)?,
            Orders::Kraken(machine) => sender(shared, id, *machine, &driver, reader, stages)?,
        };
        workers.push(worker);
        wakes.push(Reader { addressee: Addressee::Venue(id), wake });
        workers.push(match books {
            Books::Binance(machine) => feed(shared, *machine, &driver)?,
            Books::Kraken(machine) => feed(shared, *machine, &driver)?,
        });
    }
    Ok((workers, wakes))
}

fn next_reader(readers: &mut Vec<OutputReader>) -> Result<OutputReader, NodeError> {
    readers.pop().ok_or_else(|| NodeError::Thread("no reader is left".to_owned()))
}

/// Waits for the end: senders, feeds and gateway first, the core last, then the journal.
fn wait(
    stop: &Arc<AtomicBool>,
    readers: &[Reader],
    workers: Vec<Worker>,
    core: JoinHandle<Result<Journal<FileStorage>, String>>,
    shared: &Shared,
    socket: Option<StatusSocket>,
) -> Result<(), NodeError> {
    while !stop.load(Ordering::SeqCst) {
        std::thread::park_timeout(MAIN_PERIOD);
    }
    tracing::info!("ending");
    for reader in readers {
        reader.wake.wake();
    }
    shared.core.wake();
    let mut failed = None;
    for worker in workers {
        if let Err(error) = worker.join().unwrap_or_else(|_| Err("panicked".to_owned())) {
            tracing::error!(error, "thread ended");
            failed.get_or_insert(error);
        }
    }
    let journal = core
        .join()
        .unwrap_or_else(|_| Err("core panicked".to_owned()))
        .map_err(NodeError::Thread)?;
    drop(socket);
    let last = journal.close()?;
    tracing::info!(records = last, "journal closed");
    failed.map_or(Ok(()), |error| Err(NodeError::Thread(error)))
}

type MakeCore =
    Box<dyn FnOnce(Decider<FileStorage>, Vec<Reader>) -> CoreThread<FileStorage> + Send>;

struct CoreParts {
    decider: Decider<FileStorage>,
    first: Vec<Input>,
    core_cpu: Option<usize>,
    make: MakeCore,
    parked: Arc<Parked>,
    wake_core: mpsc::Sender<WakeHandle>,
    take_readers: mpsc::Receiver<Vec<Reader>>,
    stop: Arc<AtomicBool>,
}

fn spawn_core(
    parts: CoreParts,
) -> Result<JoinHandle<Result<Journal<FileStorage>, String>>, NodeError> {
    let stop = Arc::clone(&parts.stop);
    let body = move || {
        let handle = WakeHandle::for_current_thread(Arc::clone(&parts.parked));
        parts.wake_core.send(handle).map_err(|e| e.to_string())?;
        let readers = parts.take_readers.recv().map_err(|e| e.to_string())?;
        if let Some(cpu) = parts.core_cpu
            && let Err(error) = pin_current_thread(cpu)
        {
            tracing::warn!(%error, "core thread is not pinned");
        }
        let core = (parts.make)(parts.decider, readers);
        core.run(&parts.first)
            .map(|decider| decider.into_parts().1)
            .map_err(|error| error.to_string())
    };
    std::thread::Builder::new()
        .name("core".to_owned())
        .spawn(move || {
            let result = body();
            stop.store(true, Ordering::SeqCst);
            result
        })
        .map_err(|error| NodeError::Thread(format!("core: {error}")))
}

fn sender<M>(
    shared: &Shared,
    venue: rutter_core::id::VenueId,
    machine: M,
    config: &DriverConfig,
    outputs: OutputReader,
    stages: StageRecorder,
) -> Result<(Worker, WakeHandle), NodeError>
where
    M: Machine<Command = VenueCommand, Emission = Input> + Send + 'static,
{
    let driver = Driver::new(machine, config.clone(), unix_ns)?;
    let wake = driver.waker();
    let sender = Sender {
        venue,
        driver,
        outputs,
        inputs: shared.writer(),
        release: shared.release.clone(),
        waiter: Waiter::new(shared.profile),
        stages,
        stop: Arc::clone(&shared.stop),
        clock: unix_ns,
    };
    let name = format!("send-{}", config.name);
    let worker = spawn(&name, &shared.stop, move || sender.run().map_err(|e| e.to_string()))?;
    Ok((worker, wake))
}

fn feed<M>(shared: &Shared, machine: M, config: &DriverConfig) -> Result<Worker, NodeError>
where
    M: Machine<Command = rutter_feeds::FeedCommand, Emission = Input> + Send + 'static,
{
    let feed = Feed {
        driver: Driver::new(machine, config.clone(), unix_ns)?,
        inputs: shared.writer(),
        // Market data is not worth a spinning processor.
        waiter: Waiter::new(Profile::Shared),
        stop: Arc::clone(&shared.stop),
    };
    let name = format!("feed-{}", config.name);
    spawn(&name, &shared.stop, move || feed.run().map_err(|e| e.to_string()))
}

fn serve_clients(
    config: &Config,
    shared: &Shared,
    gateway: ClientGateway<MmapStore>,
    readers: &mut Vec<OutputReader>,
    report_path: &SharedStages,
) -> Result<(Worker, WakeHandle), NodeError> {
    let gateway_error = |error: &dyn std::fmt::Display| NodeError::Gateway(error.to_string());
    let mut server = GatewayServer::bind(config.fix.listen, gateway, unix_ns)
        .map_err(|error| gateway_error(&error))?;
    server.recovered().map_err(|error| gateway_error(&error))?;
    let wake = server.waker();
    let thread = GatewayThread {
        server,
        outputs: next_reader(readers)?,
        inputs: shared.writer(),
        release: shared.release.clone(),
        waiter: Waiter::new(shared.profile),
        stages: StageRecorder::new(report_path.clone()),
        stop: Arc::clone(&shared.stop),
        clock: unix_ns,
    };
    let worker = spawn("clients", &shared.stop, move || thread.run())?;
    Ok((worker, wake))
}

/// Keeps the status up to date from the output ring.
struct ModelThread {
    model: ReadModel,
    outputs: OutputReader,
    status: Arc<Mutex<Status>>,
    gauges: Arc<CoreGauges>,
    release: ReleaseMark,
    stages: [(StagePath, SharedStages); 2],
    stop: Arc<AtomicBool>,
}

impl ModelThread {
    fn run(mut self) {
        while !self.stop.load(Ordering::Relaxed) {
            let model = &mut self.model;
            self.outputs.drain(|envelope| model.apply(&envelope.output));
            self.publish();
            std::thread::park_timeout(READ_MODEL_PERIOD);
        }
    }

    fn publish(&self) {
        let mut status = self.model.status().clone();
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
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }
}
