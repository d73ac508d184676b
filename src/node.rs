//! Starting a node from its configuration and the files on disk.
//!
//! A start locks and replays the journal, makes the machines, and launches them. During the replay,
//! reports go to the clients' message stores, which skip the reports that they hold.

pub mod boot;
pub mod claim;
pub mod console;
pub mod decider;
pub mod error;
pub mod extend;
pub mod gate;
mod launch;
pub mod layout;
mod left_out;
pub mod link_watch;
pub mod names;
pub mod rings;
pub mod station;
pub mod stores;
pub mod tap;

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rutter_admin::{ReadModel, Sizes};
use rutter_clients::{ClientGateway, GatewayConfig};
use rutter_core::Engine;
use rutter_core::input::{Genesis, Header, Input};
use rutter_core::number::Text;
use rutter_core::output::{Output, Sink};
use rutter_core::wire::{INPUT_BYTES_MAX, encode};
use rutter_fix::store::{AtNeedStore, Preparer};
use rutter_journal::{FileStorage, Recovery};
use rutter_transport::driver::DriverConfig;
use rutter_transport::tls::ClientTls;

use crate::clock::unix_ns;
use crate::config::{Access, Config, Durability, SessionConfig};
use crate::venues;
use crate::watch::alerts::Alerter;
use crate::watch::fix_log::FixLog;
use crate::watch::metrics::MetricsServer;
use crate::watch::monitor::Monitor;
use boot::{Known, Names};
use decider::Decider;
use error::NodeError;
use launch::{Machines, NodeParts};
use station::gateway::is_for_clients;

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
/// The errors of [`run`].
pub fn run_until(config: &Config, stop: &Arc<AtomicBool>) -> Result<(), NodeError> {
    let journal_dir = config.node.data_dir.join("journal");
    make_data_folder(config, &journal_dir)?;
    let folder = claim::lock_soon(&config.node.data_dir)?;
    let monitor = Arc::new(Monitor::new(config, unix_ns()));
    let server = config.metrics.map(|at| MetricsServer::listen(at.listen, Arc::clone(&monitor)));
    // Ends with the node.
    let _server = server.transpose()?;
    let entropy = entropy();
    // What waits leaves when the node has ended.
    let (node, watched) = (&config.fix.sender_comp_id, &monitor);
    let alerter = config.alerts.as_ref().map(|to| Alerter::start(to, node, watched, entropy));
    let _alerter = alerter.transpose()?;
    let known = Known::read(&journal_dir)?;
    let (genesis, names) =
        (known.genesis.unwrap_or_else(|| boot::genesis(config, entropy)), known.names(config));
    // Ends with the node. Nothing is sent before.
    let _claim = claim::accounts(config, &genesis, folder)?;
    claim::tell(&claim::identify(&config.node.data_dir, &genesis)?);
    let preparer = Preparer::start().map_err(|error| NodeError::Thread(error.to_string()))?;
    let mut gateway = gateway(config, &names, genesis.node_tag, &preparer)?;
    // What waits is written when the node has ended.
    let comp_ids: Vec<&str> = config.session.iter().map(|one| one.comp_id.as_str()).collect();
    let fix_log = config.log.fix.as_ref().map(|folder| FixLog::start(folder, &comp_ids));
    let fix_log = fix_log.transpose()?;
    if let Some(log) = &fix_log {
        gateway.set_message_log(log.tap());
    }
    let market = boot::market(config, &names)
        .ok_or_else(|| NodeError::Configuration("a name is not defined".to_owned()))?;
    gateway.set_market(&market).map_err(|error| NodeError::Configuration(error.to_string()))?;
    let mut model = ReadModel::new(Sizes::of(&genesis));
    let (decider, recovery) = recover(config, &journal_dir, &genesis, &mut gateway, &mut model)?;
    tracing::info!(
        created = recovery.created,
        records = recovery.last_sequence,
        cut = recovery.cut.as_ref().map_or_else(|| "nothing".to_owned(), crate::replay::torn),
        digest = format!("{:016x}", decider.engine().digest()),
        "journal recovered"
    );
    let first = first_inputs(config, &known, &names, decider.engine())?;
    let machines = machines(config, &names, genesis.node_tag)?;
    let names = &names;
    // The ring does not carry reference data, so the model gets the first inputs directly.
    model.start_counting();
    for input in &first {
        model.define(input);
    }
    launch::run(
        NodeParts {
            config,
            names,
            decider,
            first,
            gateway,
            machines,
            monitor,
            model,
            preparer,
            logged: fix_log.as_ref().map(FixLog::names),
        },
        stop,
    )
}

/// What the core is told first: the configuration, and what has left the configuration.
fn first_inputs(
    config: &Config,
    known: &Known,
    names: &Names,
    engine: &Engine,
) -> Result<Vec<Input>, NodeError> {
    let mut first = boot::inputs(config, names)
        .ok_or_else(|| NodeError::Configuration("a name is not defined".to_owned()))?;
    check_definitions(known, &first, names)?;
    left_out::check_open(engine, &first, names)?;
    left_out::tell_sessions(engine, config, names);
    // The start of the node comes last.
    let started = first.pop();
    let withdrawn = left_out::withdrawn(engine, &first);
    first.extend(withdrawn);
    // What the core knows already is not journaled again.
    let known: HashSet<Vec<u8>> =
        engine.reference().definitions().map(|known| bytes_of(&known)).collect();
    first.retain(|definition| !known.contains(&bytes_of(definition)));
    first.extend(started);
    Ok(first)
}

/// An input as the journal has it.
fn bytes_of(input: &Input) -> Vec<u8> {
    let mut bytes = vec![0; INPUT_BYTES_MAX];
    let length = encode(input, &mut bytes);
    bytes.truncate(length);
    bytes
}

/// Refuses definitions that the core would refuse.
fn check_definitions(known: &Known, first: &[Input], names: &Names) -> Result<(), NodeError> {
    let refused = known.refused(first);
    if refused.is_empty() {
        return Ok(());
    }
    let refused: Vec<String> = refused.iter().map(|one| boot::describe(one, names)).collect();
    let reason = format!("not as the journal knows, or out of range: {}", refused.join(", "));
    Err(NodeError::Configuration(reason))
}

/// Makes the folders of the node's data, or closes them to others.
fn make_data_folder(config: &Config, journal_dir: &Path) -> Result<(), NodeError> {
    let data_dir = &config.node.data_dir;
    if let Some(readers) = config.node.readers()? {
        rutter_files::share_with(readers)
            .map_err(|source| NodeError::DataDir { path: data_dir.clone(), source })?;
    }
    // Others who are named in `[console]` pass through the folder to the socket in it.
    let is_passage = match &config.console {
        Some(console) if console.socket.starts_with(data_dir) => {
            console.people()?.has_others_than(rustix::process::geteuid().as_raw())
        }
        _ => false,
    };
    let make = if is_passage { rutter_files::make_passage } else { rutter_files::make_folder };
    make(data_dir).map_err(|source| NodeError::DataDir { path: data_dir.clone(), source })?;
    rutter_files::make_folder(journal_dir)
        .map_err(|source| NodeError::DataDir { path: journal_dir.to_owned(), source })
}

/// Something that differs between journals: the time and the process, mixed.
fn entropy() -> u64 {
    let mut mixed = rutter_core::hash::Rolling::new(u64::from(std::process::id()));
    mixed.word(unix_ns());
    mixed.value()
}

fn client_session(
    session: &SessionConfig,
    names: &Names,
) -> Result<rutter_clients::SessionConfig, NodeError> {
    let undefined = || NodeError::Configuration("a name is not defined".to_owned());
    let access = Access::of(session)?;
    // A drop copy has no account; each report that it gets says whose it is.
    let account = if session.is_drop_copy() { "drop-copy" } else { &session.account };
    let id = names.session(&session.comp_id).ok_or_else(undefined)?;
    let account = Text::new(account.as_bytes()).ok_or_else(undefined)?;
    Ok(rutter_clients::SessionConfig {
        proof: access.proof,
        certificate: access.certificate,
        heartbeat_s_range: (1, 3_600),
        version: session.begin_string.version(),
        username: session.username.clone(),
        checks: session.checks(),
        check_field_order: session.check_field_order,
        passport: session.latency_passport,
        next_expected: session.next_expected,
        resend_chunk: session.resend_chunk,
        kind: session.kind(|name| names.session(name)).ok_or_else(undefined)?,
        cancel_on_disconnect: session.cancel_on_disconnect(),
        schedule: session.schedule()?,
        requests_per_s_max: session.requests_per_s_max,
        time_precision: session.time_precision.of_codec(),
        ..rutter_clients::SessionConfig::trading(id, &session.comp_id, account)
    })
}

/// The client gateway's part of the configuration.
///
/// # Errors
/// [`NodeError`], for a name that is not defined or a secret that cannot be read.
pub fn gateway_settings(
    config: &Config,
    names: &Names,
    node_tag: u32,
) -> Result<GatewayConfig, NodeError> {
    let undefined = || NodeError::Configuration("a name is not defined".to_owned());
    let sessions = config
        .session
        .iter()
        .map(|session| client_session(session, names))
        .collect::<Result<Vec<_>, NodeError>>()?;
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
    Ok(GatewayConfig {
        sender_comp_id: config.fix.sender_comp_id.clone(),
        sessions,
        instruments,
        venues: texts(&names.venues).ok_or_else(undefined)?,
        assets: texts(&names.assets).ok_or_else(undefined)?,
        node_tag,
        limits: config.fix.logon.limits(),
    })
}

fn gateway(
    config: &Config,
    names: &Names,
    node_tag: u32,
    preparer: &Preparer,
) -> Result<ClientGateway<AtNeedStore>, NodeError> {
    let settings = gateway_settings(config, names, node_tag)?;
    let stores = stores::open(config, names, node_tag, preparer)?;
    let mut gateway = ClientGateway::new(&settings, stores)
        .map_err(|error| NodeError::Gateway(error.to_string()))?;
    gateway.set_known(config.fix.logon.known()?);
    Ok(gateway)
}

/// Replays the journal; clients' reports go to the stores, which keep those they do not have.
fn recover(
    config: &Config,
    journal_dir: &Path,
    genesis: &Genesis,
    gateway: &mut ClientGateway<AtNeedStore>,
    model: &mut ReadModel,
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
    let mut catch_up = CatchUp { gateway, model };
    Ok(Decider::open(storage, settings, genesis, unix_ns(), &mut catch_up)?)
}

/// Gives replayed reports to the gateway, and everything to the read model.
struct CatchUp<'a> {
    gateway: &'a mut ClientGateway<AtNeedStore>,
    model: &'a mut ReadModel,
}

impl Sink for CatchUp<'_> {
    fn input(&mut self, header: Header, input: &Input) {
        self.model.input(header, input);
    }

    fn output(&mut self, output: &Output) {
        self.model.output(output);
        if !is_for_clients(output) {
            return;
        }
        // A session that the configuration no longer has cannot be told anything.
        if let Err(error) = self.gateway.on_output(unix_ns(), output)
            && !matches!(error, rutter_clients::OutputError::UnknownSession(_))
        {
            tracing::error!(%error, "a session is cut off until a restart");
        }
    }
}

fn machines(config: &Config, names: &Names, node_tag: u32) -> Result<Vec<Machines>, NodeError> {
    let mut machines = Vec::new();
    let mut addresses = BTreeMap::new();
    for venue in &config.venue {
        let id =
            names.venue(&venue.name).ok_or_else(|| NodeError::Configuration(venue.name.clone()))?;
        let mut setup = venues::setup(config, venue, names, node_tag)?;
        // All accounts of a venue at one address share what it allows to the address.
        let known = addresses.entry((venue.kind.kind, setup.rest.rest_base()));
        setup.address = known.or_insert_with(|| setup.address.clone()).clone();
        let orders = venues::orders(venue, &setup)?;
        let has_feed = venue.books_of.is_none();
        let feed = has_feed.then(|| venues::feed(venue, &setup)).transpose()?;
        let driver = DriverConfig {
            name: venue.name.clone(),
            tls: ClientTls::load(venue.ca_file.as_deref())?,
            connect_timeout: Duration::from_secs(5),
            http_timeout: Duration::from_secs(5),
        };
        let listings = venue.listing.len();
        machines.push(Machines { venue: id, listings, orders, feed, driver });
    }
    Ok(machines)
}
