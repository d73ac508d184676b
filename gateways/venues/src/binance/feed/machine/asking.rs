//! Snapshots and instrument data: the requests for them, and their answers.
//!
//! A line belongs here if it asks for either over REST. Requests for missing trades are `trading`.

use rutter_core::input::{Distrust, Input};
use rutter_transport::machine::{HttpMethod, HttpRequest, HttpResponse, Outbox};
use rutter_transport::standing::Why;

use super::super::instruments::Failure;
use super::super::message::parse_snapshot;
use super::super::rest;
use super::{BinanceFeed, SNAPSHOT_TIMEOUT_NS, SNAPSHOTS_IN_FLIGHT_MAX, Slot, Snapshot};

impl BinanceFeed {
    pub(super) fn ask_snapshots(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        for at in 0..self.slots.len() {
            if self.wanted == 0 || self.in_flight >= SNAPSHOTS_IN_FLIGHT_MAX {
                return;
            }
            let due = matches!(self.slots[at].snapshot,
                Snapshot::Wanted { due_ns } if due_ns <= now_ns);
            if !due {
                continue;
            }
            let weight = rest::snapshot_weight(self.config.snapshot_limit);
            if self.pace.due_ns(now_ns) > now_ns || !self.may_ask(now_ns, weight) {
                return;
            }
            self.pace.take(now_ns);
            let id = self.next_http;
            self.next_http += 1;
            self.counters.snapshots += 1;
            let limit = self.config.snapshot_limit;
            let symbol = &self.slots[at].symbol;
            let until_ns = now_ns.saturating_add(SNAPSHOT_TIMEOUT_NS);
            out.http(HttpRequest {
                id,
                method: HttpMethod::Get,
                target: format!("/api/v3/depth?symbol={symbol}&limit={limit}"),
                headers: Vec::new(),
                body: String::new(),
            });
            self.set_snapshot(at, Snapshot::Asked { id, until_ns });
        }
    }

    pub(super) fn on_http(
        &mut self,
        now_ns: u64,
        id: u64,
        response: Option<&HttpResponse>,
        out: &mut Outbox<Input>,
    ) {
        if let Some(response) = response {
            rest::note(&self.config.address, now_ns, response);
        }
        if let Some(at) = self.trades.answers(id) {
            self.on_trades(now_ns, at, response, out);
            return;
        }
        if let Some(result) = self.instruments.answered(now_ns, id, response, out) {
            if let Some(limit) = self.instruments.weight_limit() {
                self.config.address.set_limit(limit);
            }
            self.on_instruments(result);
            self.ask_instruments(now_ns, out);
            return;
        }
        let asked = |slot: &Slot| matches!(slot.snapshot, Snapshot::Asked { id: i, .. } if i == id);
        let Some(at) = self.slots.iter().position(asked) else { return };
        match self.take_snapshot(now_ns, at, response) {
            Ok(()) => {
                if self.troubled.is_none_or(|troubled| troubled == at) {
                    self.troubled = None;
                    if !self.is_uninformed {
                        self.life.untroubled();
                    }
                }
                self.note_progress(now_ns);
            }
            Err((why, text)) => self.on_no_snapshot(now_ns, at, why, &text, out),
        }
        self.ask_snapshots(now_ns, out);
    }

    /// Takes the weight of a request out of the address's budget, if there is room.
    pub(super) fn may_ask(&mut self, now_ns: u64, weight: u32) -> bool {
        match self.config.address.take(now_ns, weight, rest::RESERVE_PERCENT) {
            Ok(()) => true,
            Err(from_ns) => {
                self.rest_from_ns = from_ns;
                self.instruments.not_before(from_ns);
                false
            }
        }
    }

    /// Asks for instrument data when that is due.
    pub(super) fn ask_instruments(&mut self, now_ns: u64, out: &mut Outbox<Input>) {
        if let Some(failure) = self.instruments.is_late(now_ns) {
            self.on_instruments(Err(failure));
        }
        if self.instruments.is_due(now_ns) && self.may_ask(now_ns, rest::INFO_WEIGHT) {
            self.instruments.ask(now_ns, self.next_http, out);
            self.next_http += 1;
        }
    }

    /// Tells people whether the venue tells its instruments.
    pub(super) fn on_instruments(&mut self, result: Result<(), Failure>) {
        match result {
            Ok(()) => {
                if core::mem::take(&mut self.is_uninformed) && self.troubled.is_none() {
                    self.life.untroubled();
                }
            }
            Err((why, text)) => {
                self.is_uninformed = true;
                self.life.troubled(why, &text, self.instruments.next_ns());
            }
        }
    }

    pub(super) fn on_no_snapshot(
        &mut self,
        now_ns: u64,
        at: usize,
        why: Why,
        text: &str,
        out: &mut Outbox<Input>,
    ) {
        self.counters.snapshots_failed += 1;
        self.resync(now_ns, at, Distrust::NoSnapshot, out);
        let Some(slot) = self.slots.get(at) else { return };
        self.troubled = Some(at);
        let next_ns = match slot.snapshot {
            Snapshot::Wanted { due_ns } => Some(due_ns),
            Snapshot::Unneeded | Snapshot::Asked { .. } | Snapshot::Taken => None,
        };
        // Only the carrier knows why there was no answer.
        let text = if text.is_empty() { text } else { &format!("{}: {text}", slot.symbol) };
        self.life.troubled(why, text, next_ns);
    }

    /// Puts a snapshot into its book, whose sequence is then proved.
    fn take_snapshot(
        &mut self,
        now_ns: u64,
        at: usize,
        response: Option<&HttpResponse>,
    ) -> Result<(), (Why, String)> {
        let response = response.ok_or((Why::RestFailing, String::new()))?;
        if response.status != 200 {
            return Err(rest::refused(response, Why::SnapshotFailing));
        }
        let unusable = |text: String| (Why::SnapshotFailing, text);
        let limit = usize::from(self.config.snapshot_limit);
        let levels = &mut self.levels;
        let Some(slot) = self.slots.get_mut(at) else { return Ok(()) };
        let id = parse_snapshot(&response.body, &slot.symbol, slot.decimals, levels)
            .map_err(|error| unusable(error.to_string()))?;
        slot.book
            .snapshot(id, levels, limit)
            .map_err(|_| unusable("does not meet the changes".to_owned()))?;
        if slot.trust.change() {
            self.changed.push(at);
        }
        slot.trust.begin(now_ns);
        self.set_snapshot(at, Snapshot::Taken);
        Ok(())
    }
}
