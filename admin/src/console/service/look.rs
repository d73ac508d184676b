//! What each look is answered with.
//!
//! A line belongs here if it copies rows for an answer and changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use rutter_core::id::OrderId;
use serde_json::{Map, Value, json};

use super::super::books::{self, DEPTH_DEFAULT, DEPTH_MAX};
use super::super::frame::Failure;
use super::super::snapshot::{FIGURES_AGE_NS_MAX, NodeSnapshot, Trouble, members};
use super::super::totp::TRIES_MAX;
use super::super::verb::{self, Look, OrderArg, bad_argument};
use super::{
    Answer, ConsoleService, account_id, instrument_id, session_id, unknown_order, value, venue_id,
};
use crate::disk;
use crate::model::{OrderFilter, OrdersPage, ROWS_MAX, StateFilter, Status};

/// Rows of an answer if the request names no limit.
const ROWS_DEFAULT: usize = 100;

/// The filter of `orders`, in names.
struct OrderNames<'a> {
    id: Option<&'a OrderArg>,
    session: Option<&'a str>,
    account: Option<&'a str>,
    venue: Option<&'a str>,
    symbol: Option<&'a str>,
    state: Option<StateFilter>,
    before: Option<u64>,
    limit: Option<u64>,
}

fn rows_of(limit: Option<u64>) -> Result<usize, Failure> {
    match limit {
        None => Ok(ROWS_DEFAULT),
        Some(rows) if (1..=ROWS_MAX as u64).contains(&rows) => Ok(rows as usize),
        Some(_) => Err(bad_argument("limit", &format!("1 to {ROWS_MAX}"))),
    }
}

/// Puts more members into an object.
fn with(row: Value, more: &Map<String, Value>) -> Value {
    match row {
        Value::Object(mut row) => {
            row.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
            Value::Object(row)
        }
        row => row,
    }
}

/// Puts more members into each row whose `name` has some.
fn joined(rows: Value, more: &[(String, Map<String, Value>)]) -> Value {
    let Value::Array(rows) = rows else { return rows };
    let more: BTreeMap<&str, _> = more.iter().map(|(name, more)| (name.as_str(), more)).collect();
    let join = |row: Value| match row["name"].as_str().and_then(|name| more.get(name)) {
        Some(more) => with(row, more),
        None => row,
    };
    Value::Array(rows.into_iter().map(join).collect())
}

/// The stages of that name on that path; `None` stands for all.
fn latency(snapshot: &NodeSnapshot, stage: Option<&str>, path: Option<&str>) -> Answer {
    let rows = &snapshot.stages;
    known("stage", stage, rows.iter().map(|row| row.stage))?;
    known("path", path, rows.iter().map(|row| row.path))?;
    let is_wanted = |wanted: Option<&str>, name: &str| wanted.is_none_or(|wanted| wanted == name);
    let stages = snapshot.stages.iter();
    let rows: Vec<_> =
        stages.filter(|row| is_wanted(stage, row.stage) && is_wanted(path, row.path)).collect();
    Ok(json!({"stages": rows}))
}

/// Refuses a name that is none of some. Before the first figures, no name is known.
fn known(
    argument: &str,
    given: Option<&str>,
    names: impl Iterator<Item = &'static str>,
) -> Result<(), Failure> {
    let names: BTreeSet<&str> = names.collect();
    match given {
        Some(name) if !names.is_empty() && !names.contains(name) => {
            let names: Vec<&str> = names.into_iter().collect();
            Err(bad_argument(argument, &format!("none of {}", names.join(", "))))
        }
        _ => Ok(()),
    }
}

fn venues(status: &Status, snapshot: &NodeSnapshot) -> Value {
    let measured: Vec<_> =
        snapshot.venues.iter().map(|row| (row.name.clone(), members(value(row)))).collect();
    joined(value(&status.venues), &measured)
}

impl ConsoleService {
    pub(super) fn look(&self, look: &Look) -> Answer {
        let snapshot = match look {
            Look::Status {} | Look::Venues {} | Look::Sessions {} => self.node.snapshot.fresh(),
            _ => self.node.snapshot.load(),
        };
        match look {
            Look::Help {} => Ok(verb::help()),
            Look::Status {} => Ok(self.status(&snapshot)),
            Look::Venues {} => Ok(json!({"venues": venues(&self.shown(&snapshot), &snapshot)})),
            Look::Instruments {} => {
                let rows = self.node.model().instruments();
                Ok(json!({"instruments": rows}))
            }
            Look::Book { symbol, venue, depth } => self.book(symbol, venue.as_deref(), *depth),
            Look::Orders { id, session, account, venue, symbol, state, before, limit } => self
                .orders(&OrderNames {
                    id: id.as_ref(),
                    session: session.as_deref(),
                    account: account.as_deref(),
                    venue: venue.as_deref(),
                    symbol: symbol.as_deref(),
                    state: *state,
                    before: *before,
                    limit: *limit,
                }),
            Look::Order { id } => self.order(id),
            Look::Sessions {} => Ok(json!({"sessions": self.sessions(&self.shown(&snapshot))})),
            Look::Bridges {} => {
                let model = self.node.model();
                Ok(json!({"bridges": model.bridges(), "exposures": model.exposure_rows()}))
            }
            Look::Positions { account } => {
                let model = self.node.model();
                let account =
                    account.as_deref().map(|name| account_id(&model, name)).transpose()?;
                let rows = model.positions(account);
                drop(model);
                Ok(value(rows))
            }
            Look::Balances { venue } => {
                let model = self.node.model();
                let venue = venue.as_deref().map(|name| venue_id(&model, name)).transpose()?;
                let rows = model.balances(venue);
                drop(model);
                Ok(json!({"balances": rows}))
            }
            Look::Limits { account } => {
                let model = self.node.model();
                let account =
                    account.as_deref().map(|name| account_id(&model, name)).transpose()?;
                let rows = model.limits(account);
                drop(model);
                Ok(json!({"limits": rows}))
            }
            Look::Latency { stage, path } => latency(&snapshot, stage.as_deref(), path.as_deref()),
            Look::Journal {} => Ok(self.journal(&snapshot)),
            Look::Config {} => {
                let about = &self.node.about;
                let config = about.config();
                Ok(json!({"text": config.text, "hash": config.hash}))
            }
            Look::Commands { limit } => {
                let limit = rows_of(*limit)?;
                let rows = self.node.model().commands(limit);
                Ok(json!({"commands": rows, "attempts": self.attempts().rows(limit)}))
            }
            Look::Lockouts {} => Ok(json!({"lockouts": self.lockouts()})),
            Look::Pending {} => Ok(json!({"pending": self.pending().rows(self.node.now_ns())})),
        }
    }

    /// The state of which the snapshot's figures and its list of what is wrong were made.
    fn shown(&self, snapshot: &NodeSnapshot) -> Status {
        snapshot.status.clone().unwrap_or_else(|| self.node.model().status())
    }

    fn status(&self, snapshot: &NodeSnapshot) -> Value {
        let status = self.shown(snapshot);
        let about = &self.node.about;
        let measured = members(json!({
            "node": about.name,
            "version": about.version,
            "config_hash": about.config().hash,
            "started_ns": about.started_ns,
            "now_ns": self.node.now_ns(),
            "made_ns": snapshot.made_ns,
            "turned_ns": snapshot.turned_ns,
            "inputs": snapshot.inputs,
            "journal_seq": snapshot.journal_seq,
            "released_seq": snapshot.released_seq,
            "durable_seq": snapshot.journal.durable_seq,
            "unsynced_bytes": snapshot.journal.unsynced_bytes,
            "sync_lag_ns": snapshot.journal.sync_lag_ns,
            "output_stalls": snapshot.output_stalls,
            "rings": snapshot.rings,
            "wrong": self.wrong(snapshot),
            "venues": venues(&status, snapshot),
            "sessions": self.sessions(&status),
            "stages": snapshot.stages,
        }));
        with(value(status), &measured)
    }

    /// What is wrong: the node's own list, and first that the list is too old to be believed.
    fn wrong(&self, snapshot: &NodeSnapshot) -> Vec<Trouble> {
        let age_ns = self.node.now_ns().saturating_sub(snapshot.made_ns);
        let old = match snapshot.made_ns {
            0 => Some("no figures yet: the node is starting".to_owned()),
            _ if age_ns > FIGURES_AGE_NS_MAX => {
                Some(format!("the figures are {} s old", age_ns / 1_000_000_000))
            }
            _ => None,
        };
        let old = old.map(|text| Trouble { word: "figures_old", severity: "page", text });
        old.into_iter().chain(snapshot.wrong.iter().cloned()).collect()
    }

    fn sessions(&self, status: &Status) -> Value {
        let mut rows =
            joined(value(&status.sessions), &self.node.sessions.rows(self.node.now_ns()));
        for row in rows.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
            row.entry("configured").or_insert(Value::Bool(false));
        }
        rows
    }

    fn lockouts(&self) -> Vec<Value> {
        let now_ns = self.node.now_ns();
        let logons = self.node.sessions.lockouts(now_ns).into_iter().map(|(session, one)| {
            let address = one.address.map(|address| address.to_string());
            json!({"what": "logon", "session": session, "address": address,
                   "failures": one.failures, "until_ns": one.until_ns})
        });
        let codes = self.codes().and_then(|codes| codes.locked_until_s(now_ns / 1_000_000_000));
        let codes = codes.map(|until_s| {
            json!({"what": "codes", "session": null, "address": null, "failures": TRIES_MAX,
                   "until_ns": until_s.saturating_mul(1_000_000_000)})
        });
        codes.into_iter().chain(logons).collect()
    }

    fn journal(&self, snapshot: &NodeSnapshot) -> Value {
        let folder = &self.node.about.journal_folder;
        let (segments, bytes) = disk::files_and_bytes(folder);
        let more = members(json!({
            "seq": snapshot.journal_seq,
            "released_seq": snapshot.released_seq,
            "segments": segments,
            "bytes": bytes,
            "free_bytes": disk::free_bytes(folder),
            "folder": folder.display().to_string(),
            "durability": self.node.about.durability,
        }));
        with(value(snapshot.journal), &more)
    }

    fn order(&self, name: &OrderArg) -> Answer {
        let id = self.order_named(name)?;
        let found = self.node.model().order(id);
        found.map(value).ok_or_else(|| unknown_order(name))
    }

    fn book(&self, symbol: &str, venue: Option<&str>, depth: Option<u64>) -> Answer {
        let model = self.node.model();
        let instrument = instrument_id(&model, symbol)?;
        let depth = match depth {
            None => DEPTH_DEFAULT,
            Some(depth) if (1..=DEPTH_MAX as u64).contains(&depth) => depth as usize,
            Some(_) => return Err(bad_argument("depth", &format!("1 to {DEPTH_MAX}"))),
        };
        let owner = venue.map(|name| venue_id(&model, name)).transpose()?;
        let owner = owner.map(|id| model.reference().book_owner(id));
        // A venue account without books of its own shows those that it uses.
        let venue = owner.map(|id| model.venue_name(id).to_owned());
        let venue = venue.as_deref();
        let rows = self.node.books().rows(&model, instrument);
        drop(model);
        if let Some(name) = venue.filter(|name| !rows.iter().any(|row| row.venue == **name)) {
            return Err(bad_argument("venue", &format!("{name} does not list {symbol}")));
        }
        Ok(books::answer(symbol, &rows, venue, depth, self.node.now_ns()))
    }

    fn orders(&self, names: &OrderNames<'_>) -> Answer {
        let model = self.node.model();
        let filter = OrderFilter {
            session: names.session.map(|name| session_id(&model, name)).transpose()?,
            account: names.account.map(|name| account_id(&model, name)).transpose()?,
            venue: names.venue.map(|name| venue_id(&model, name)).transpose()?,
            instrument: names.symbol.map(|name| instrument_id(&model, name)).transpose()?,
            // Whoever names an order wants the order, whatever became of it.
            state: names.state.unwrap_or(match names.id {
                Some(_) => StateFilter::All,
                None => StateFilter::Open,
            }),
            before: names.before,
            limit: rows_of(names.limit)?,
        };
        drop(model);
        if let Some(name) = names.id {
            return self.page_of(name, &filter).map(value);
        }
        let _one_at_a_time = self.long_look();
        let page = self.node.model().orders(&filter);
        Ok(value(page))
    }

    /// The selected ones of the orders that an id names.
    fn page_of(&self, name: &OrderArg, filter: &OrderFilter) -> Result<OrdersPage, Failure> {
        let mut ids = match name {
            OrderArg::Number(number) => vec![OrderId(*number)],
            OrderArg::Text(text) => {
                self.orders_named(text).into_iter().map(|named| named.order).collect()
            }
        };
        let model = self.node.model();
        ids.retain(|id| model.is_open(*id).is_some());
        if ids.is_empty() {
            return Err(unknown_order(name));
        }
        ids.retain(|id| filter.before.is_none_or(|before| id.0 < before));
        let mut orders = model.rows_of(&ids, filter);
        drop(model);
        let more = orders.len() > filter.limit;
        orders.truncate(filter.limit);
        let before = orders.last().filter(|_| more).map(|row| row.id);
        Ok(OrdersPage { orders, more, before })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::StageStatus;

    #[test]
    fn a_stage_or_path_that_is_none_is_refused_with_the_names_that_there_are() {
        let row =
            |path, stage| StageStatus { path, stage, p50: 1, p99: 1, p999: 1, max: 1, count: 1 };
        let stages = vec![row("order", "core"), row("order", "send"), row("report", "core")];
        let snapshot = NodeSnapshot { stages, ..NodeSnapshot::default() };
        let shown = |stage, path| {
            let answer = latency(&snapshot, stage, path);
            answer.map(|ok| ok["stages"].as_array().map_or(0, Vec::len))
        };
        assert_eq!(shown(None, None), Ok(3));
        assert_eq!(shown(Some("core"), None), Ok(2));
        assert_eq!(shown(Some("send"), Some("report")), Ok(0), "both are names");
        let refused = shown(Some("cor"), None).expect_err("no stage");
        assert!(refused.message.contains("none of core, send"), "{refused:?}");
        assert!(shown(None, Some("x")).is_err());
        assert!(latency(&NodeSnapshot::default(), Some("core"), None).is_ok(), "no figures yet");
    }
}
