//! Launches a recovered node: rings, stations and threads; and ends it.
//!
//! Order of a start: journal the reference data and the start, then begin to connect and let
//! clients in. Order of an end: clients and venues out, core last, journal synced.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use disruptor::{MultiProducer, SingleConsumerBarrier};
use rutter_admin::{ReadModel, Sizes, StageStatus, Status, StatusSocket};
use rutter_clients::server::RELOAD_PERIOD;
use rutter_clients::{ClientGateway, GatewayServer};
use rutter_core::id::VenueId;
use rutter_core::input::Input;
use rutter_fix::store::MmapStore;
use rutter_journal::{FileStorage, Journal, ReleaseMark};
use rutter_transport::driver::{Driver, DriverConfig};
use rutter_transport::machine::Machine;
use rutter_transport::tls::ServerTls;
use rutter_transport::wait::{Profile, Waiter, pin_current_thread, processors};
use rutter_transport::wake::WakeHandle;
use rutter_venues::VenueCommand;

use crate::boot::Names;
use crate::clock::unix_ns;
use crate::config::Config;
use crate::core_station::{Addressee, Core, CoreGauges, Publisher, Reader};
use crate::decider::Decider;
use crate::gate::Gate;
use crate::health::Phase;
use crate::layout::{Bed, CoreThread, Layout, run_alone};
use crate::metrics::{MetricsModel, Monitor, Sources};
use crate::node::NodeError;
use crate::rings::{InputEnvelope, InputWriter, OutputReader, Taken, input_ring, output_ring};
use crate::stages::{Path, StageHistograms, StageRecorder};
use crate::stations::{Clients, Ends, Feed, Sender, Station};
use crate::tap::Taps;
use crate::venues::{Books, Orders};

/// How often the read model drains the output ring.
const READ_MODEL_PERIOD: Duration = Duration::from_millis(5);

/// How often the status is made anew.
const STATUS_PERIOD: Duration = Duration::from_millis(100);

/// How often the main thread looks whether it is to end.
const MAIN_PERIOD: Duration = Duration::from_millis(50);

/// The adapters of each venue.
pub type Machines = Vec<(VenueId, Orders, Books, DriverConfig)>;

/// What a recovered node consists of.
pub struct Parts<'a> {
    /// How it is to be run.
    pub config: &'a Config,
    /// Ids of what has a name.
    pub names: &'a Names,
    /// Engine and journal.
    pub decider: Decider<FileStorage>,
    /// Reference data and the start.
    pub first: Vec<Input>,
    /// Client sessions.
    pub gateway: ClientGateway<MmapStore>,
    /// Venues.
    pub machines: Machines,
    /// Where metrics are shown.
    pub monitor: Arc<Monitor>,
}

/// What all stations share.
struct Shared {
    release: ReleaseMark,
    gate: Arc<Gate>,
    taken: Arc<Taken>,
    core: WakeHandle,
    producer: MultiProducer<InputEnvelope, SingleConsumerBarrier>,
    slots: usize,
    readers: Vec<OutputReader>,
    /// Until the gateway takes them.
    taps: Taps,
}

impl Shared {
    fn writer(&self) -> InputWriter {
        let taken = Arc::clone(&self.taken);
        InputWriter::new(self.producer.clone(), self.slots, taken, self.core.clone(), unix_ns)
    }

    fn reader(&mut self) -> Result<OutputReader, NodeError> {
        self.readers.pop().ok_or_else(|| NodeError::Thread("no reader is left".to_owned()))
    }

    fn ends(&mut self, stages: StageRecorder) -> Result<Ends, NodeError> {
        let (release, gate) = (self.release.clone(), Arc::clone(&self.gate));
        Ok(Ends { outputs: self.reader()?, inputs: self.writer(), release, gate, stages })
    }
}

/// A station of order flow that looks for a thread.
struct Placed {
    name: String,
    station: Box<dyn Station>,
    reader: Reader,
}

/// A thread that ends with what went wrong.
type Worker = JoinHandle<Result<(), String>>;

fn spawn<T: Send + 'static>(
    name: &str,
    stop: &Arc<AtomicBool>,
    body: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> Result<JoinHandle<Result<T, String>>, NodeError> {
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

/// Runs a recovered node until `stop` is set.
///
/// # Errors
/// [`NodeError`], before anything was sent, or when a thread had to give up.
pub fn run(parts: Parts<'_>, stop: &Arc<AtomicBool>) -> Result<(), NodeError> {
    let Parts { config, names, decider, first, gateway, machines, monitor } = parts;
    let venue_count = machines.len();
    let layout = Layout::from_name(&config.node.layout, venue_count, processors())?;
    let profile = Profile::from_name(&config.node.wait_profile, layout.order_threads(venue_count))?;
    let bed = Bed::new().map_err(|error| NodeError::Thread(error.to_string()))?;
    let (mut core, mut shared) = core_and_rings(config, decider, bed.wake_handle(), venue_count);
    core.begin(&first).map_err(NodeError::Append)?;
    let mut sources = sources(config, &core, &shared);
    let halted = core.decider.engine().is_halted();
    let status = Arc::new(Mutex::new(Status::default()));
    let mut read_model = ReadModel::new(Sizes::of(core.decider.engine().genesis()));
    core.decider.engine().reference().definitions().for_each(|def| read_model.define(&def));
    let mut model = ModelThread {
        metrics: None,
        model: read_model,
        outputs: shared.reader()?,
        status: Arc::clone(&status),
        gauges: core.outputs.gauges(),
        release: shared.release.clone(),
        stages: [Path::Order, Path::Report].map(|path| (path, StageHistograms::default())),
        stop: Arc::clone(stop),
    };
    let [order_path, report_path] = [0, 1].map(|path: usize| model.stages[path].1.recorder());
    let (senders, mut workers) = venues(&mut shared, machines, &order_path, stop)?;
    let feeds = shared.taps.pulses();
    sources.pulses = feeds.into_iter().map(|(venue, pulse)| (venue.index(), pulse)).collect();
    let gateway = clients(config, &mut shared, gateway, report_path, &mut sources)?;
    if config.metrics.is_some() || config.alerts.is_some() {
        let (venues, instruments) = (&names.venues, &names.instruments);
        let metrics = MetricsModel::new(venues, instruments, halted, sources, unix_ns());
        model.metrics = Some((metrics, Arc::clone(&monitor)));
    }
    monitor.health.set_phase(Phase::Running);
    workers.push(spawn("read-model", stop, move || {
        model.run();
        Ok(())
    })?);
    let wakes: Vec<WakeHandle> =
        senders.iter().chain([&gateway]).map(|placed| placed.reader.wake.clone()).collect();
    let waiter = Waiter::new(profile);
    let mut thread = CoreThread { core, gateway: None, senders: Vec::new(), waiter, bed };
    place(&mut thread, layout, gateway, senders, stop, &mut workers)?;
    let end_core = Arc::new(AtomicBool::new(false));
    let core = spawn_core(thread, config.node.core_cpu, &end_core, stop)?;
    let socket = match &config.node.status_socket {
        Some(path) => Some(StatusSocket::listen(path, status)?),
        None => None,
    };
    tracing::info!(listen = ?config.fix.listen, tls = ?config.fix.tls_listen, ?layout, ?profile, "running");
    while !stop.load(Ordering::SeqCst) {
        std::thread::park_timeout(MAIN_PERIOD);
    }
    tracing::info!("ending");
    monitor.health.set_phase(Phase::Ending);
    wakes.iter().for_each(WakeHandle::wake);
    let failed = join(workers);
    end_core.store(true, Ordering::SeqCst);
    shared.core.wake();
    let ended = core.join().unwrap_or_else(|_| Err("core panicked".to_owned()));
    drop(socket);
    let last = ended.map_err(NodeError::Thread)?.close()?;
    tracing::info!(records = last, "journal closed");
    failed.map_or(Ok(()), |error| Err(NodeError::Thread(error)))
}

fn core_and_rings(
    config: &Config,
    decider: Decider<FileStorage>,
    wake: WakeHandle,
    venues: usize,
) -> (Core<FileStorage>, Shared) {
    let slots = config.node.input_ring_slots;
    let (inputs, producer) = input_ring(slots);
    // Read by each sender, the gateway and the read model.
    let (outputs, readers) = output_ring(config.node.output_ring_slots, venues + 2);
    let release = decider.journal().release_mark();
    let (taken, gate) = (Arc::new(Taken::default()), Arc::new(Gate::default()));
    let core = Core {
        decider,
        inputs,
        outputs: Publisher::new(outputs, unix_ns),
        readers: Vec::new(),
        taken: Arc::clone(&taken),
        gate: Arc::clone(&gate),
        clock: unix_ns,
    };
    let taps = Taps::default();
    (core, Shared { release, gate, taken, core: wake, producer, slots, readers, taps })
}

/// Puts the stations of order flow where the layout wants them.
fn place(
    thread: &mut CoreThread<FileStorage>,
    layout: Layout,
    gateway: Placed,
    senders: Vec<Placed>,
    stop: &Arc<AtomicBool>,
    workers: &mut Vec<Worker>,
) -> Result<(), NodeError> {
    match layout {
        Layout::Fused => {
            thread.gateway = Some(gateway.station);
            thread.senders = senders.into_iter().map(|placed| placed.station).collect();
        }
        Layout::Threads => {
            for Placed { name, station, reader } in senders.into_iter().chain([gateway]) {
                thread.core.readers.push(reader);
                let (waiter, until) = (thread.waiter.clone(), Arc::clone(stop));
                workers.push(spawn(&name, stop, move || run_alone(station, waiter, &until))?);
            }
        }
    }
    Ok(())
}

/// Waits for threads; the first error.
fn join(workers: Vec<Worker>) -> Option<String> {
    let mut failed = None;
    for worker in workers {
        if let Err(error) = worker.join().unwrap_or_else(|_| Err("panicked".to_owned())) {
            tracing::error!(error, "thread ended");
            failed.get_or_insert(error);
        }
    }
    failed
}

fn spawn_core(
    thread: CoreThread<FileStorage>,
    cpu: Option<usize>,
    end: &Arc<AtomicBool>,
    stop: &Arc<AtomicBool>,
) -> Result<JoinHandle<Result<Journal<FileStorage>, String>>, NodeError> {
    let end = Arc::clone(end);
    spawn("core", stop, move || {
        if let Some(cpu) = cpu
            && let Err(error) = pin_current_thread(cpu)
        {
            tracing::warn!(%error, "core thread is not pinned");
        }
        let core = thread.run(&end)?;
        let decider = core.end().map_err(|error| error.to_string())?;
        Ok(decider.into_parts().1)
    })
}

/// Makes a sender for each venue, and starts a feed.
fn venues(
    shared: &mut Shared,
    machines: Machines,
    stages: &StageRecorder,
    stop: &Arc<AtomicBool>,
) -> Result<(Vec<Placed>, Vec<Worker>), NodeError> {
    let mut senders = Vec::new();
    let mut workers = Vec::new();
    for (id, orders, books, driver) in machines {
        let ends = shared.ends(stages.clone())?;
        senders.push(match orders {
            Orders::Binance(machine) => sender(id, *machine, &driver, ends)?,
            Orders::Kraken(machine) => sender(id, *machine, &driver, ends)?,
        });
        workers.push(match books {
            Books::Binance(machine) => feed(shared, id, *machine, &driver, stop)?,
            Books::Kraken(machine) => feed(shared, id, *machine, &driver, stop)?,
        });
    }
    Ok((senders, workers))
}

fn sender<M>(
    venue: VenueId,
    machine: M,
    config: &DriverConfig,
    ends: Ends,
) -> Result<Placed, NodeError>
where
    M: Machine<Command = VenueCommand, Emission = Input> + Send + 'static,
{
    let driver = Driver::new(machine, config.clone(), unix_ns)?;
    let reader = Reader { addressee: Addressee::Venue(venue), wake: driver.waker() };
    let sender = Sender::start(venue, config.name.clone(), driver, ends, unix_ns);
    Ok(Placed { name: format!("send-{}", config.name), station: Box::new(sender), reader })
}

fn feed<M>(
    shared: &mut Shared,
    venue: VenueId,
    machine: M,
    config: &DriverConfig,
    stop: &Arc<AtomicBool>,
) -> Result<Worker, NodeError>
where
    M: Machine<Command = rutter_feeds::FeedCommand, Emission = Input> + Send + 'static,
{
    let feed = {
        let driver = Driver::new(machine, config.clone(), unix_ns)?;
        Feed::start(config.name.clone(), driver, shared.writer(), shared.taps.tap(venue))
    };
    // Market data is not worth a spinning processor.
    let (waiter, until) = (Waiter::new(Profile::Shared), Arc::clone(stop));
    let name = format!("feed-{}", config.name);
    spawn(&name, stop, move || run_alone(Box::new(feed), waiter, &until))
}

fn clients(
    config: &Config,
    shared: &mut Shared,
    gateway: ClientGateway<MmapStore>,
    stages: StageRecorder,
    sources: &mut Sources,
) -> Result<Placed, NodeError> {
    let gateway_error = |error: &dyn std::fmt::Display| NodeError::Gateway(error.to_string());
    let mut server = GatewayServer::new(gateway, unix_ns).map_err(|error| gateway_error(&error))?;
    if let Some(address) = config.fix.listen {
        server.listen(address).map_err(|error| gateway_error(&error))?;
    }
    if let (Some(address), Some(tls)) = (config.fix.tls_listen, &config.fix.tls) {
        let tls = ServerTls::load(tls.files())?;
        server.listen_tls(address, tls, RELOAD_PERIOD).map_err(|error| gateway_error(&error))?;
    }
    server.recovered().map_err(|error| gateway_error(&error))?;
    let reader = Reader { addressee: Addressee::Clients, wake: server.waker() };
    let taps = std::mem::take(&mut shared.taps);
    let station = Clients::start(server, shared.ends(stages)?, taps, unix_ns);
    sources.gateway = station.gauges();
    Ok(Placed { name: "clients".to_owned(), station: Box::new(station), reader })
}

/// What metrics are made from. The gateway's and the feeds' come when those are made.
fn sources(config: &Config, core: &Core<FileStorage>, shared: &Shared) -> Sources {
    Sources {
        core: core.outputs.gauges(),
        gateway: Arc::default(),
        journal: core.decider.journal().watch(),
        taken: Arc::clone(&shared.taken),
        readers: shared.readers.iter().map(OutputReader::position).collect(),
        slots: [config.node.input_ring_slots, config.node.output_ring_slots],
        pulses: Vec::new(),
    }
}

/// Keeps the status up to date from the output ring.
struct ModelThread {
    /// Counts for metrics, and where they are shown.
    metrics: Option<(MetricsModel, Arc<Monitor>)>,
    model: ReadModel,
    outputs: OutputReader,
    status: Arc<Mutex<Status>>,
    gauges: Arc<CoreGauges>,
    release: ReleaseMark,
    stages: [(Path, StageHistograms); 2],
    stop: Arc<AtomicBool>,
}

impl ModelThread {
    fn run(mut self) {
        let mut publish_at = Instant::now();
        while !self.stop.load(Ordering::Relaxed) {
            let model = &mut self.model;
            let metrics = &mut self.metrics;
            self.outputs.drain(|envelope| {
                model.apply(envelope.seq, envelope.taken_ns, &envelope.output);
                if let Some((metrics, _)) = metrics {
                    metrics.apply(envelope);
                }
            });
            if let Some((metrics, _)) = metrics {
                metrics.look(unix_ns());
            }
            self.stages.iter_mut().for_each(|(_, histograms)| histograms.collect());
            let now = Instant::now();
            if now >= publish_at {
                publish_at = now + STATUS_PERIOD;
                self.publish();
            }
            std::thread::park_timeout(READ_MODEL_PERIOD);
        }
        // What the node ends for is seen by those who tell of it.
        self.publish();
    }

    fn publish(&self) {
        let mut status = self.model.status();
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
        if let Some((metrics, monitor)) = &self.metrics {
            monitor.show(metrics.snapshot(unix_ns(), &status, &self.stages));
        }
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }
}
