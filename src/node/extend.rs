//! Accounts and sessions that a running node takes from its configuration file.
//!
//! The file is read again and compared with what the node runs with. Only new accounts and sessions
//! are taken, all of them or none: any other difference is refused by name. The definitions are
//! journaled as at a start, and behind them an operator's command that says who asked and why. When
//! the core has taken them, the client gateway lets the new sessions in.
//!
//! A line belongs here if it is about such an addition. Which inputs define an account or a session
//! is `boot`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use rutter_admin::ReadModel;
use rutter_admin::console::commands::Decided;
use rutter_admin::console::extend::{Extender, Plan, RefusedChange, Send};
use rutter_admin::console::frame::{Code, Failure};
use rutter_admin::console::handles::ShownConfig;
use rutter_admin::console::sessions::SessionGauges;
use rutter_core::hash::Rolling;
use rutter_core::input::{Extension, Input, Operator, Refusal};
use rutter_core::reference::{ACCOUNTS_MAX, SESSIONS_MAX};
use rutter_core::wire::{INPUT_BYTES_MAX, encode};
use rutter_fix::store::{AtNeedStore, Preparer};

use super::boot::{self, Names};
use super::rings::InputWriter;
use super::station::added::{AddedSessions, Addition};
use super::{client_session, console, stores};
use crate::config::{AccountConfig, Config, SessionConfig, shown};
use crate::preflight;
use crate::watch::fix_log::LoggedNames;
use crate::watch::monitor::config_hash;
use crate::watch::trouble::Hours;

/// How long definitions wait for room in the input ring.
const ROOM_TIMEOUT: Duration = Duration::from_secs(10);

/// How often a definition for which the ring has no room tries again.
const RETRY_PERIOD: Duration = Duration::from_millis(1);

/// How long the client gateway may take to take the sessions.
const GATEWAY_TIMEOUT: Duration = Duration::from_secs(5);

/// What the addition changes beside the core.
#[derive(Debug)]
pub struct Sharers {
    /// The way of the definitions into the core.
    pub inputs: InputWriter,
    /// The read model.
    pub model: Arc<Mutex<ReadModel>>,
    /// The connections of sessions that the console shows.
    pub sessions: Arc<SessionGauges>,
    /// The hours of the sessions.
    pub hours: Hours,
    /// The configuration that the console shows.
    pub shown: Arc<Mutex<ShownConfig>>,
    /// The names in the log of FIX messages, if there is one.
    pub logged: Option<LoggedNames>,
    /// The way of the sessions to the client gateway.
    pub added: Arc<AddedSessions<AtNeedStore>>,
}

/// What the node runs with.
struct Running {
    config: Config,
    names: Names,
    sharers: Sharers,
    /// The digest of an addition that was begun and whose end is not known. Its ids may be in the
    /// journal, so no other addition may take them.
    begun: Option<u64>,
}

/// See the module's text.
pub struct NodeExtender {
    file: PathBuf,
    node_tag: u32,
    preparer: Preparer,
    running: Mutex<Running>,
}

impl std::fmt::Debug for NodeExtender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodeExtender").field("file", &self.file).finish_non_exhaustive()
    }
}

/// A plan with what is needed to carry it out.
struct Prepared {
    plan: Plan,
    config: Config,
    names: Names,
    definitions: Vec<Input>,
}

impl NodeExtender {
    /// For a node that runs with a configuration; `None` if that comes from no file.
    pub fn new(
        config: &Config,
        names: &Names,
        node_tag: u32,
        preparer: &Preparer,
        sharers: Sharers,
    ) -> Option<Self> {
        let (config, names) = (config.clone(), names.clone());
        Some(Self {
            file: config.file.clone()?,
            node_tag,
            preparer: preparer.clone(),
            running: Mutex::new(Running { config, names, sharers, begun: None }),
        })
    }

    fn prepare(&self, running: &Running) -> Result<Prepared, Failure> {
        let text = Config::read(&self.file)
            .map_err(|error| Failure::new(Code::NotAdditions, error.to_string()))?;
        let config = preflight::additions(&self.file, &text)
            .map_err(|error| Failure::new(Code::NotAdditions, error.to_string()))?;
        let new = compare(running, &config)?;
        let mut names = running.names.clone();
        names.add_config(&config);
        let definitions = boot::additions(&new.accounts, &new.sessions, &config.venue, &names)
            .ok_or_else(|| Failure::new(Code::Internal, "a name is not defined"))?;
        let name = |account: &&AccountConfig| account.name.clone();
        let comp_id = |session: &&SessionConfig| session.comp_id.clone();
        let plan = Plan {
            accounts: new.accounts.iter().map(name).collect(),
            sessions: new.sessions.iter().map(comp_id).collect(),
            refused: new.refused,
            accounts_then: names.accounts.len() as u32,
            sessions_then: names.sessions.len() as u32,
            digest: digest(&text, &definitions),
        };
        Ok(Prepared { plan, config, names, definitions })
    }
}

/// Tells a file and its definitions from others. Passwords and rights of sessions are in no
/// definition: so what one person asked for and another approves is the same text.
fn digest(text: &str, definitions: &[Input]) -> u64 {
    let mut hash = Rolling::new(definitions.len() as u64);
    for byte in text.bytes() {
        hash.word(u64::from(byte));
    }
    let mut bytes = [0; INPUT_BYTES_MAX];
    for definition in definitions {
        let length = encode(definition, &mut bytes);
        for byte in bytes.iter().take(length) {
            hash.word(u64::from(*byte));
        }
    }
    hash.value()
}

/// The differences between a file and what the node runs with.
struct Differences<'a> {
    accounts: Vec<&'a AccountConfig>,
    sessions: Vec<&'a SessionConfig>,
    refused: Vec<RefusedChange>,
}

impl Differences<'_> {
    fn refuse(&mut self, what: String, why: &str) {
        self.refused.push(RefusedChange { what, why: why.to_owned() });
    }
}

fn table(config: &Config) -> Result<toml::Table, Failure> {
    toml::Table::try_from(config)
        .map_err(|error| Failure::new(Code::Internal, format!("cannot be compared: {error}")))
}

/// Compares a file with what the node runs with.
fn compare<'a>(running: &Running, file: &'a Config) -> Result<Differences<'a>, Failure> {
    let mut new = Differences { accounts: Vec::new(), sessions: Vec::new(), refused: Vec::new() };
    let tables = (table(&running.config)?, table(file)?);
    compare_sections(running, file, (&tables.0, &tables.1), &mut new);
    compare_accounts(running, file, (&tables.0, &tables.1), &mut new);
    compare_sessions(running, file, (&tables.0, &tables.1), &mut new);
    let (accounts, sessions) = (new.accounts.len(), new.sessions.len());
    if running.names.accounts.len() + accounts > ACCOUNTS_MAX {
        new.refuse("account".to_owned(), "more accounts than there may be, with the journal's");
    }
    if running.names.sessions.len() + sessions > SESSIONS_MAX {
        new.refuse("session".to_owned(), "more sessions than there may be, with the journal's");
    }
    Ok(new)
}

/// The configuration before and after, as TOML.
type Tables<'a> = (&'a toml::Table, &'a toml::Table);

const CHANGED: &str = "its change is taken at a start only";
const KNOWN: &str = "the journal knows it: its return is taken at a start only";

fn compare_sections(
    running: &Running,
    file: &Config,
    (before, after): Tables<'_>,
    new: &mut Differences<'_>,
) {
    for key in before.keys().chain(after.keys().filter(|key| !before.contains_key(*key))) {
        let is_list = key == "account" || key == "session";
        if !is_list && before.get(key) != after.get(key) {
            new.refuse(key.clone(), CHANGED);
        }
    }
    for venue in &file.venue {
        // Keys are not shown, so a change of a key is not among the differences of sections.
        let known = running.config.venue.iter().find(|one| one.name == venue.name);
        if known.is_some_and(|known| known.api_key != venue.api_key) {
            new.refuse(format!("venue {}", venue.name), CHANGED);
        }
    }
}

fn compare_accounts<'a>(
    running: &Running,
    file: &'a Config,
    (before, after): Tables<'_>,
    new: &mut Differences<'a>,
) {
    let (before, after) = (rows(before, "account", "name"), rows(after, "account", "name"));
    for account in &file.account {
        let name = account.name.as_str();
        match before.get(name) {
            Some(known) if Some(known) == after.get(name) => {}
            Some(_) => new.refuse(format!("account {name}"), CHANGED),
            None if running.names.account(name).is_some() => {
                new.refuse(format!("account {name}"), KNOWN);
            }
            None => new.accounts.push(account),
        }
    }
    left(&before, &after, "account", new);
}

fn compare_sessions<'a>(
    running: &Running,
    file: &'a Config,
    (before, after): Tables<'_>,
    new: &mut Differences<'a>,
) {
    let (before, after) = (rows(before, "session", "comp_id"), rows(after, "session", "comp_id"));
    let known = running.config.session.iter().map(|one| (one.comp_id.as_str(), &one.password));
    let passwords: BTreeMap<_, _> = known.collect();
    for session in &file.session {
        let name = session.comp_id.as_str();
        // Passwords are not shown, so they are compared by themselves.
        let is_same = before.get(name) == after.get(name)
            && passwords.get(name).is_some_and(|known| **known == session.password);
        match before.get(name) {
            Some(_) if is_same => {}
            Some(_) => new.refuse(format!("session {name}"), CHANGED),
            None if running.names.session(name).is_some() => {
                new.refuse(format!("session {name}"), KNOWN);
            }
            None => new.sessions.push(session),
        }
    }
    left(&before, &after, "session", new);
}

/// The rows of a list by their names.
fn rows<'a>(table: &'a toml::Table, list: &str, name: &str) -> BTreeMap<&'a str, &'a toml::Value> {
    let rows = table.get(list).and_then(toml::Value::as_array).into_iter().flatten();
    rows.filter_map(|row| Some((row.get(name)?.as_str()?, row))).collect()
}

/// Refuses each row that has left the file.
fn left(
    before: &BTreeMap<&str, &toml::Value>,
    after: &BTreeMap<&str, &toml::Value>,
    kind: &str,
    new: &mut Differences<'_>,
) {
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        new.refuse(format!("{kind} {name}"), "has left the file, which is taken at a start only");
    }
}

impl Extender for NodeExtender {
    fn plan(&self) -> Result<Plan, Failure> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(self.prepare(&running)?.plan)
    }

    fn carry_out(
        &self,
        extension: &Extension,
        operator: Operator,
        send: Send<'_>,
    ) -> Result<Decided, Failure> {
        let mut running = match self.running.try_lock() {
            Ok(running) => running,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                return Err(Failure::new(Code::Busy, "another reload is being carried out"));
            }
        };
        let prepared = self.prepare(&running)?;
        prepared.plan.check()?;
        if prepared.plan.command() != *extension {
            let message = "the configuration file adds something else by now";
            return Err(Failure::new(Code::PendingChanged, message));
        }
        let addition = self.sessions_of(&prepared)?;
        if running.begun.is_some_and(|digest| digest != extension.digest) {
            let message = "an earlier reload was not completed: a start takes this one";
            return Err(Failure::new(Code::NotAdditions, message));
        }
        running.begun = Some(extension.digest);
        define(&mut running.sharers.inputs, &prepared.definitions)?;
        let decided = send(operator)?;
        if decided.report.refusal == Refusal::None {
            running.begun = None;
            take(&mut running, prepared, addition)?;
        }
        Ok(decided)
    }
}

impl NodeExtender {
    /// The new sessions with their secrets and stores, in the order of their ids.
    fn sessions_of(
        &self,
        prepared: &Prepared,
    ) -> Result<Vec<(rutter_clients::SessionConfig, AtNeedStore)>, Failure> {
        let Prepared { plan, config, names, .. } = prepared;
        let of_file: BTreeMap<&str, &SessionConfig> =
            config.session.iter().map(|one| (one.comp_id.as_str(), one)).collect();
        let failed = |error: &super::NodeError| Failure::new(Code::NotAdditions, error.to_string());
        let mut all = Vec::new();
        for name in &plan.sessions {
            let Some(session) = of_file.get(name.as_str()) else { continue };
            let settings = client_session(session, names).map_err(|error| failed(&error))?;
            let store = stores::open_one(config, name, self.node_tag, &self.preparer, false);
            all.push((settings, store.map_err(|error| failed(&error))?));
        }
        all.sort_by_key(|(settings, _)| settings.id);
        Ok(all)
    }
}

/// The core has taken the definitions: so does everybody else.
fn take(
    running: &mut Running,
    prepared: Prepared,
    added: Vec<(rutter_clients::SessionConfig, AtNeedStore)>,
) -> Result<(), Failure> {
    let Prepared { config, names, definitions, .. } = prepared;
    let sharers = &running.sharers;
    let (sessions, stores): (Vec<_>, Vec<_>) = added.into_iter().unzip();
    {
        let mut model = sharers.model.lock().unwrap_or_else(PoisonError::into_inner);
        for definition in &definitions {
            model.define(definition);
        }
    }
    let comp_ids = || sessions.iter().map(|session| session.comp_id.clone());
    let kinds = sessions.iter().map(|one| (one.comp_id.clone(), console::kind_of(&one.kind)));
    sharers.sessions.add(kinds);
    let hours = sessions.iter().map(|session| session.schedule.clone());
    sharers.hours.lock().unwrap_or_else(PoisonError::into_inner).extend(hours);
    if let Some(logged) = &sharers.logged {
        logged.add(comp_ids());
    }
    let text = shown(&config).unwrap_or_else(|error| format!("# cannot be shown: {error}\n"));
    *sharers.shown.lock().unwrap_or_else(PoisonError::into_inner) =
        ShownConfig { text, hash: config_hash(&config) };
    tracing::info!(sessions = sessions.len(), "accounts and sessions are added");
    let (answer, told) = sync_channel(1);
    let count = sessions.len();
    sharers.added.add(Addition { sessions, stores, answer });
    (running.config, running.names) = (config, names);
    match told.recv_timeout(GATEWAY_TIMEOUT) {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => {
            let message = format!("journaled; the client gateway refuses them: {error}");
            Err(Failure::new(Code::Internal, message))
        }
        Err(_) => {
            let message = format!("journaled; the client gateway has not let {count} in yet");
            Err(Failure::new(Code::Timeout, message))
        }
    }
}

/// Puts definitions into the core's ring. They leave the room that cancels and halts need.
fn define(inputs: &mut InputWriter, definitions: &[Input]) -> Result<(), Failure> {
    let until = Instant::now() + ROOM_TIMEOUT;
    for definition in definitions {
        while !(inputs.has_room_for_orders() && inputs.try_push(definition)) {
            inputs.notify();
            if Instant::now() >= until {
                let message = "the input ring was full: repeat the reload of this same file";
                return Err(Failure::new(Code::Busy, message));
            }
            std::thread::park_timeout(RETRY_PERIOD);
        }
    }
    inputs.notify();
    Ok(())
}
