//! Launches a recovered node: rings, stations and threads; and ends it.
//!
//! Order of a start: journal the reference data and the start, then begin to connect and let
//! clients in. Order of an end: clients and venues out, core last, journal synced.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use disruptor::{MultiProducer, SingleConsumerBarrier};
use rutter_admin::ReadModel;
use rutter_admin::console::extend::Extender;
use rutter_admin::console::handles::Handles;
use rutter_admin::console::service::ConsoleService;
use rutter_admin::console::sessions::SessionGauges;
use rutter_admin::console::socket::Console;
use rutter_clients::server::RELOAD_PERIOD;
use rutter_clients::{ClientGateway, GatewayServer};
use rutter_core::id::VenueId;
use rutter_core::input::Input;
use rutter_fix::store::{AtNeedStore, Preparer};
use rutter_journal::{FileStorage, Journal, ReleaseMark};
use rutter_transport::driver::{Driver, DriverConfig};
use rutter_transport::tls::ServerTls;
use rutter_transport::wait::{Profile, Waiter, pin_current_thread, processors};
use rutter_transport::wake::WakeHandle;
use rutter_venues::venue::{Feed as FeedMachine, Orders};

use crate::clock::unix_ns;
use crate::config::{Config, SessionConfig};
use crate::node::boot::Names;
use crate::node::console::ConsoleFeed;
use crate::node::decider::Decider;
use crate::node::error::NodeError;
use crate::node::extend::{NodeExtender, Sharers};
use crate::node::gate::Gate;
use crate::node::layout::{CoreSleeper, CoreThread, Layout, run_alone};
use crate::node::link_watch::{LinkGauge, VenueLinks};
use crate::node::rings::{
    InputEnvelope, InputPositions, InputWriter, OutputReader, input_ring, output_ring,
};
use crate::node::station::added::AddedSessions;
use crate::node::station::core::{Core, Publisher, Recipient, WokenReader};
use crate::node::station::feed::Feed;
use crate::node::station::gateway::Gateway;
use crate::node::station::model::ModelStation;
use crate::node::station::sender::Sender;
use crate::node::station::{Station, StationHandles};
use crate::node::tap::{Tap, TapReader, UpdateCount};
use crate::watch::fix_log::LoggedNames;
use crate::watch::health::Phase;
use crate::watch::logs::notices::NoticeLog;
use crate::watch::logs::trace::Sessions;
use crate::watch::metrics::{GaugeSources, MetricsModel};
use crate::watch::monitor::Monitor;
use crate::watch::stages::{Path, StageHistograms, StageRecorder};
use crate::watch::trouble::{Hours, Watcher};

/// How often the main thread looks whether it is to end.
const MAIN_PERIOD: Duration = Duration::from_millis(50);

/// The adapters of one venue account.
pub struct Machines {
    /// The venue account.
    pub venue: VenueId,
    /// How many instruments it lists.
    pub listings: usize,
    /// Its order entry.
    pub orders: Orders,
    /// Its market data; `None` for one that uses the books of another one.
    pub feed: Option<FeedMachine>,
    /// How both reach the venue.
    pub driver: DriverConfig,
}

/// The parts of a node after recovery, before its threads start.
pub struct NodeParts<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// Names of all ids.
    pub names: &'a Names,
    /// Engine and journal, after the replay.
    pub decider: Decider<FileStorage>,
    /// Reference data and the start.
    pub first: Vec<Input>,
    /// The client gateway, with its message stores.
    pub gateway: ClientGateway<AtNeedStore>,
    /// The machines of each venue.
    pub machines: Vec<Machines>,
    /// The newest snapshot, for metrics, probes and alerts.
    pub monitor: Arc<Monitor>,
    /// The read model after the replay.
    pub model: ReadModel,
    /// Makes the files of message stores.
    pub preparer: Preparer,
    /// The names in the log of FIX messages, if there is one.
    pub logged: Option<LoggedNames>,
}

/// What all stations share.
struct SharedHandles {
    release: ReleaseMark,
    gate: Arc<Gate>,
    taken: Arc<InputPositions>,
    core: WakeHandle,
    producer: MultiProducer<InputEnvelope, SingleConsumerBarrier>,
    slots: usize,
    readers: Vec<OutputReader>,
    /// The gateway's end of the taps, until the gateway takes it.
    gateway_tap: TapReader,
    /// The console's end of the taps, until the read model's thread takes it; `None` without a
    /// console.
    console_tap: Option<TapReader>,
    /// The updates of each feed, by the index of its venue.
    updates: Vec<(usize, UpdateCount)>,
    /// Why each venue is not up.
    links: Vec<VenueLinks>,
}

impl SharedHandles {
    fn writer(&self) -> InputWriter {
        let taken = Arc::clone(&self.taken);
        InputWriter::new(self.producer.clone(), self.slots, taken, self.core.clone(), unix_ns)
    }

    fn reader(&mut self) -> Result<OutputReader, NodeError> {
        self.readers.pop().ok_or_else(|| NodeError::Thread("no reader is left".to_owned()))
    }

    fn handles(&mut self, stages: StageRecorder) -> Result<StationHandles, NodeError> {
        let (release, gate) = (self.release.clone(), Arc::clone(&self.gate));
        Ok(StationHandles { outputs: self.reader()?, inputs: self.writer(), release, gate, stages })
    }
}

/// A station of order flow that looks for a thread.
struct UnplacedStation {
    name: String,
    station: Box<dyn Station>,
    reader: WokenReader,
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
pub fn run(parts: NodeParts<'_>, stop: &Arc<AtomicBool>) -> Result<(), NodeError> {
    let NodeParts {
        config,
        names,
        decider,
        first,
        gateway,
        machines,
        monitor,
        model,
        preparer,
        logged,
    } = parts;
    let venue_count = machines.len();
    let layout = Layout::from_name(&config.node.layout, venue_count, processors())?;
    let profile = Profile::from_name(&config.node.wait_profile, layout.order_threads(venue_count))?;
    let sleeper = CoreSleeper::new().map_err(|error| NodeError::Thread(error.to_string()))?;
    let node_tag = decider.engine().genesis().node_tag;
    let (mut core, mut shared) =
        core_and_rings(config, decider, sleeper.wake_handle(), venue_count);
    let model = Arc::new(Mutex::new(model));
    let feed = config
        .console
        .as_ref()
        .map(|_| ConsoleFeed::new(config, Arc::clone(&model), Arc::clone(stop)));
    let hours = hours(config)?;
    let added = Arc::new(AddedSessions::default());
    let extended =
        Extended { names, node_tag, preparer: &preparer, hours: &hours, logged, added: &added };
    let handles = feed.as_ref().map(|feed| handles(config, feed, extended, &monitor, &shared));
    // A node that no operator could stop does not start.
    let console = console(config, handles)?;
    core.begin(&first).map_err(NodeError::Append)?;
    let mut sources = sources(config, &core, &shared);
    let (outputs, gauges) = (shared.reader()?, core.outputs.gauges());
    let stages = [Path::Order, Path::Report].map(|path| (path, StageHistograms::default()));
    let [order_path, report_path] = [0, 1].map(|path: usize| stages[path].1.recorder());
    shared.console_tap = feed.as_ref().map(|_| TapReader::default());
    let (senders, mut workers) = venues(&mut shared, machines, &order_path, stop)?;
    sources.updates = std::mem::take(&mut shared.updates);
    sources.links = std::mem::take(&mut shared.links);
    let sessions = feed.as_ref().map(|feed| Arc::clone(&feed.sessions));
    let gateway =
        clients(config, names, &mut shared, gateway, report_path, &mut sources, (sessions, added))?;
    let metrics = MetricsModel::new(&names.venues, &names.instruments, sources);
    let model = ModelStation {
        model,
        metrics,
        monitor: Arc::clone(&monitor),
        console: feed.zip(shared.console_tap.take()),
        watcher: Watcher::new(hours),
        notices: NoticeLog::default(),
        outputs,
        gauges,
        release: shared.release.clone(),
        stages,
        stop: Arc::clone(stop),
    };
    monitor.health.set_phase(Phase::Running);
    workers.push(spawn_model(model, stop)?);
    let wakes = wakes(&senders, &gateway);
    let waiter = Waiter::new(profile);
    let mut thread = CoreThread { core, gateway: None, senders: Vec::new(), waiter, sleeper };
    place(&mut thread, layout, gateway, senders, stop, &mut workers)?;
    let end_core = Arc::new(AtomicBool::new(false));
    let core = spawn_core(thread, config.node.core_cpu, &end_core, stop)?;
    running(config, layout, profile);
    let running = Running { workers, wakes, core, end_core, core_wake: &shared.core, console };
    running.until(stop, &monitor)
}

fn spawn_model(model: ModelStation, stop: &Arc<AtomicBool>) -> Result<Worker, NodeError> {
    spawn("read-model", stop, move || {
        model.run();
        Ok(())
    })
}

/// The threads of a node that runs.
struct Running<'a> {
    workers: Vec<Worker>,
    wakes: Vec<WakeHandle>,
    core: JoinHandle<Result<Journal<FileStorage>, String>>,
    end_core: Arc<AtomicBool>,
    core_wake: &'a WakeHandle,
    console: Option<Console>,
}

impl Running<'_> {
    /// Waits for the end. Then ends the threads, the core last, and closes the journal.
    fn until(self, stop: &AtomicBool, monitor: &Monitor) -> Result<(), NodeError> {
        park_until(stop);
        tracing::info!("ending");
        monitor.health.set_phase(Phase::Ending);
        self.wakes.iter().for_each(WakeHandle::wake);
        let failed = join(self.workers);
        self.end_core.store(true, Ordering::SeqCst);
        self.core_wake.wake();
        let ended = self.core.join().unwrap_or_else(|_| Err("core panicked".to_owned()));
        drop(self.console);
        let last = ended.map_err(NodeError::Thread)?.close()?;
        tracing::info!(records = last, "journal closed");
        failed.map_or(Ok(()), |error| Err(NodeError::Thread(error)))
    }
}

/// What a reload of the configuration adds to.
struct Extended<'a> {
    names: &'a Names,
    node_tag: u32,
    preparer: &'a Preparer,
    hours: &'a Hours,
    logged: Option<LoggedNames>,
    added: &'a Arc<AddedSessions<AtNeedStore>>,
}

/// What the console holds of the node.
fn handles(
    config: &Config,
    feed: &ConsoleFeed,
    extended: Extended<'_>,
    monitor: &Monitor,
    shared: &SharedHandles,
) -> Handles {
    let Extended { names, node_tag, preparer, hours, logged, added } = extended;
    let mut handles = feed.handles(config, node_tag, monitor, shared.writer());
    let sharers = Sharers {
        inputs: shared.writer(),
        model: Arc::clone(&feed.model),
        sessions: Arc::clone(&feed.sessions),
        hours: Arc::clone(hours),
        shown: Arc::clone(&handles.about.config),
        logged,
        added: Arc::clone(added),
    };
    let extender = NodeExtender::new(config, names, node_tag, preparer, sharers);
    handles.extender = extender.map(|one| Arc::new(one) as Arc<dyn Extender>);
    handles
}

fn park_until(stop: &AtomicBool) {
    while !stop.load(Ordering::SeqCst) {
        std::thread::park_timeout(MAIN_PERIOD);
    }
}

/// The handles that wake the stations at the end.
fn wakes(senders: &[UnplacedStation], gateway: &UnplacedStation) -> Vec<WakeHandle> {
    senders.iter().chain([gateway]).map(|placed| placed.reader.wake.clone()).collect()
}

/// The hours of the sessions.
fn hours(config: &Config) -> Result<Hours, NodeError> {
    let hours = config.session.iter().map(SessionConfig::schedule);
    Ok(Arc::new(Mutex::new(hours.collect::<Result<Vec<_>, _>>()?)))
}

/// Logs where clients connect, and how the node runs.
fn running(config: &Config, layout: Layout, profile: Profile) {
    let address = |listen: Option<SocketAddr>| {
        listen.map_or_else(|| "none".to_owned(), |address| address.to_string())
    };
    let (listen, tls) = (address(config.fix.listen), address(config.fix.tls_listen));
    tracing::info!(listen, tls, layout = layout.name(), profile = profile.name(), "running");
}

fn core_and_rings(
    config: &Config,
    decider: Decider<FileStorage>,
    wake: WakeHandle,
    venues: usize,
) -> (Core<FileStorage>, SharedHandles) {
    let slots = config.node.input_ring_slots;
    let (inputs, producer) = input_ring(slots);
    // Read by each sender, the gateway and the read model.
    let (outputs, readers) = output_ring(config.node.output_ring_slots, venues + 2);
    let release = decider.journal().release_mark();
    let (taken, gate) = (Arc::new(InputPositions::default()), Arc::new(Gate::default()));
    let core = Core {
        decider,
        inputs,
        outputs: Publisher::new(outputs, unix_ns),
        readers: Vec::new(),
        taken: Arc::clone(&taken),
        gate: Arc::clone(&gate),
        clock: unix_ns,
    };
    let shared = SharedHandles {
        release,
        gate,
        taken,
        core: wake,
        producer,
        slots,
        readers,
        gateway_tap: TapReader::default(),
        console_tap: None,
        updates: Vec::new(),
        links: Vec::new(),
    };
    (core, shared)
}

/// Puts the stations of order flow where the layout wants them.
fn place(
    thread: &mut CoreThread<FileStorage>,
    layout: Layout,
    gateway: UnplacedStation,
    senders: Vec<UnplacedStation>,
    stop: &Arc<AtomicBool>,
    workers: &mut Vec<Worker>,
) -> Result<(), NodeError> {
    match layout {
        Layout::Fused => {
            thread.gateway = Some(gateway.station);
            thread.senders = senders.into_iter().map(|placed| placed.station).collect();
        }
        Layout::Threads => {
            for UnplacedStation { name, station, reader } in senders.into_iter().chain([gateway]) {
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

/// Makes a sender for each venue account, and starts the feeds.
fn venues(
    shared: &mut SharedHandles,
    machines: Vec<Machines>,
    stages: &StageRecorder,
    stop: &Arc<AtomicBool>,
) -> Result<(Vec<UnplacedStation>, Vec<Worker>), NodeError> {
    let mut senders = Vec::new();
    let mut workers = Vec::new();
    for Machines { venue, listings, orders, feed: books, driver } in machines {
        let handles = shared.handles(stages.clone())?;
        let mut links = VenueLinks { venue: venue.index(), ..VenueLinks::default() };
        senders.push(sender(venue, orders, &driver, handles, links.orders.clone())?);
        if let Some(books) = books {
            let link = links.feed.insert(LinkGauge::default()).clone();
            let tap = Tap::new(venue, listings);
            workers.push(feed(shared, tap, books, &driver, (stop, link))?);
        }
        shared.links.push(links);
    }
    Ok((senders, workers))
}

fn sender(
    venue: VenueId,
    machine: Orders,
    config: &DriverConfig,
    handles: StationHandles,
    link: LinkGauge,
) -> Result<UnplacedStation, NodeError> {
    let driver = Driver::new(machine, config.clone(), unix_ns)?;
    let reader = WokenReader { recipient: Recipient::Venue(venue), wake: driver.waker() };
    let sender = Sender::start(venue, config.name.clone(), driver, handles, link, unix_ns);
    Ok(UnplacedStation { name: format!("send-{}", config.name), station: Box::new(sender), reader })
}

fn feed(
    shared: &mut SharedHandles,
    mut tap: Tap,
    machine: FeedMachine,
    config: &DriverConfig,
    (stop, link): (&Arc<AtomicBool>, LinkGauge),
) -> Result<Worker, NodeError> {
    let feed = {
        let driver = Driver::new(machine, config.clone(), unix_ns)?;
        tap.connect(&mut shared.gateway_tap);
        if let Some(reader) = &mut shared.console_tap {
            tap.connect(reader);
        }
        shared.updates.push((tap.venue().index(), tap.count()));
        Feed::start(config.name.clone(), driver, shared.writer(), tap, link)
    };
    // Market data is not worth a spinning processor.
    let (waiter, until) = (Waiter::new(Profile::Shared), Arc::clone(stop));
    let name = format!("feed-{}", config.name);
    spawn(&name, stop, move || run_alone(Box::new(feed), waiter, &until))
}

fn clients(
    config: &Config,
    names: &Names,
    shared: &mut SharedHandles,
    gateway: ClientGateway<AtNeedStore>,
    stages: StageRecorder,
    sources: &mut GaugeSources,
    (sessions, added): (Option<Arc<SessionGauges>>, Arc<AddedSessions<AtNeedStore>>),
) -> Result<UnplacedStation, NodeError> {
    let gateway_error = |error: &dyn std::fmt::Display| NodeError::Gateway(error.to_string());
    let mut server = GatewayServer::new(gateway, unix_ns).map_err(|error| gateway_error(&error))?;
    if let Some(address) = config.fix.listen {
        server.listen(address).map_err(|error| gateway_error(&error))?;
    }
    if let (Some(address), Some(tls)) = (config.fix.tls_listen, &config.fix.tls) {
        let tls = ServerTls::load(tls.files())?;
        server.listen_tls(address, tls, RELOAD_PERIOD).map_err(|error| gateway_error(&error))?;
    }
    server.recovered();
    let reader = WokenReader { recipient: Recipient::Clients, wake: server.waker() };
    let tap = std::mem::take(&mut shared.gateway_tap);
    let logged = Sessions::new(names.sessions.to_vec());
    let mut station = Gateway::start(server, shared.handles(stages)?, tap, logged, unix_ns);
    if let Some(sessions) = sessions {
        station.show_sessions(sessions);
    }
    station.take_sessions_from(added);
    sources.gateway = station.gauges();
    Ok(UnplacedStation { name: "clients".to_owned(), station: Box::new(station), reader })
}

/// Starts the console.
fn console(config: &Config, handles: Option<Handles>) -> Result<Option<Console>, NodeError> {
    let (Some(settings), Some(handles)) = (&config.console, handles) else { return Ok(None) };
    let service = ConsoleService::new(handles, settings.two_person(), settings.codes()?);
    Ok(Some(Console::listen(&settings.socket, settings.people()?, Arc::new(service))?))
}

/// What metrics are made from. The gateway's and the feeds' come when those are made.
fn sources(config: &Config, core: &Core<FileStorage>, shared: &SharedHandles) -> GaugeSources {
    GaugeSources {
        core: core.outputs.gauges(),
        gateway: Arc::default(),
        journal: core.decider.journal().watch(),
        taken: Arc::clone(&shared.taken),
        readers: shared.readers.iter().map(OutputReader::position).collect(),
        slots: [config.node.input_ring_slots, config.node.output_ring_slots],
        updates: Vec::new(),
        links: Vec::new(),
    }
}
