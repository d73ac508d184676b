//! The read model: counts and states as the outputs tell them.

use std::collections::{BTreeMap, BTreeSet};

use rutter_core::id::{InstrumentId, VenueId};
use rutter_core::input::{Refusal, VenueReject};
use rutter_core::output::{Notice, Output, Report, ReportKind};
use serde::Serialize;

/// One venue.
#[derive(Clone, Debug, Default, Serialize)]
pub struct VenueStatus {
    /// Its name.
    pub name: String,
    /// Logged on and reconciled.
    pub up: bool,
    /// Books that are trusted.
    pub books_trusted: usize,
    /// Times that a book lost its trust.
    pub distrusts: u64,
    /// Children sent.
    pub children: u64,
    /// Children refused, by reason.
    pub rejects: BTreeMap<String, u64>,
    /// Executions.
    pub fills: u64,
    /// Filled base quantity times price, summed per instrument in its own units, as text.
    pub filled_notional: String,
    /// Children whose fate is unknown at present.
    pub unknown: u64,
}

/// One client session.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SessionStatus {
    /// Its `CompID`.
    pub name: String,
    /// Number of its last event.
    pub events: u64,
}

/// One stage of one path, nanoseconds.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StageStatus {
    /// `order` or `report`.
    pub path: &'static str,
    /// `decode`, `input_ring`, `core`, `send`, `total`.
    pub stage: &'static str,
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
    /// 99.9th percentile.
    pub p999: u64,
    /// Longest.
    pub max: u64,
    /// How many.
    pub count: u64,
}

/// Everything, as one object.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Status {
    /// Inputs decided.
    pub inputs: u64,
    /// Journal sequence of the last input.
    pub journal_seq: u64,
    /// Sequence up to which outputs may leave.
    pub released_seq: u64,
    /// Orders accepted.
    pub orders: u64,
    /// Orders refused, by reason.
    pub refused: BTreeMap<String, u64>,
    /// Orders that are over, by how.
    pub ended: BTreeMap<String, u64>,
    /// Reports made, cancel rejects among them.
    pub reports: u64,
    /// Executions reported.
    pub fills: u64,
    /// Fills that were booked and could not be reported: late, or beyond their order.
    pub odd_fills: u64,
    /// Events that a child's state did not allow.
    pub illegal_events: u64,
    /// Children that were over and found open, and so called back.
    pub found_after_end: u64,
    /// Orders that have to end and that a venue does not give back.
    pub cancels_stuck: u64,
    /// Reference data that was not taken.
    pub bad_reference: u64,
    /// The kill switch is on.
    pub halted: bool,
    /// Times that the output ring was full.
    pub output_stalls: u64,
    /// By venue.
    pub venues: Vec<VenueStatus>,
    /// By session.
    pub sessions: Vec<SessionStatus>,
    /// Latency.
    pub stages: Vec<StageStatus>,
}

/// Keeps a [`Status`] up to date from outputs.
#[derive(Debug)]
pub struct ReadModel {
    status: Status,
    notional: Vec<i128>,
    trusted: BTreeSet<(VenueId, InstrumentId)>,
}

impl ReadModel {
    /// For venues and sessions by id.
    pub fn new(venues: &[String], sessions: &[String]) -> Self {
        let venue = |name: &String| VenueStatus { name: name.clone(), ..VenueStatus::default() };
        let session =
            |name: &String| SessionStatus { name: name.clone(), ..SessionStatus::default() };
        let status = Status {
            venues: venues.iter().map(venue).collect(),
            sessions: sessions.iter().map(session).collect(),
            ..Status::default()
        };
        Self { notional: vec![0; status.venues.len()], trusted: BTreeSet::new(), status }
    }

    /// Takes one output in.
    pub fn apply(&mut self, output: &Output) {
        match output {
            Output::Report(report) => self.report(report),
            Output::CancelReject(reject) => {
                self.status.reports += 1;
                self.session_event(reject.session.index(), reject.event);
            }
            Output::MassCancelReport(report) => {
                self.status.reports += 1;
                self.session_event(report.session.index(), report.event);
            }
            Output::SendNew(new) => {
                if let Some(venue) = self.status.venues.get_mut(new.venue.index()) {
                    venue.children += 1;
                }
            }
            Output::Command(..)
            | Output::Operator(_)
            | Output::SendCancel(_)
            | Output::Query(_) => {}
            Output::Notice(notice) => self.notice(*notice),
        }
    }

    fn session_event(&mut self, index: usize, event: u64) {
        if let Some(session) = self.status.sessions.get_mut(index) {
            session.events = event;
        }
    }

    fn report(&mut self, report: &Report) {
        self.status.reports += 1;
        self.session_event(report.session.index(), report.event);
        match report.kind {
            ReportKind::New => self.status.orders += 1,
            ReportKind::Rejected => count(&mut self.status.refused, report.reason),
            ReportKind::Canceled | ReportKind::Expired => {
                count(&mut self.status.ended, report.reason);
            }
            ReportKind::Trade => {
                self.status.fills += 1;
                self.count_filled(report);
            }
            // Filled above what it is to be from now on.
            ReportKind::Replaced => self.count_filled(report),
            ReportKind::PendingCancel | ReportKind::PendingReplace | ReportKind::OrderStatus => {}
        }
        let Some(last) = &report.last else { return };
        let index = last.venue.index();
        if let Some(venue) = self.status.venues.get_mut(index) {
            venue.fills += 1;
            let value = i128::from(last.price.0).saturating_mul(i128::from(last.qty.0));
            self.notional[index] = self.notional[index].saturating_add(value);
            venue.filled_notional = self.notional[index].to_string();
        }
    }

    fn count_filled(&mut self, report: &Report) {
        if report.leaves.is_zero() {
            *self.status.ended.entry("Filled".to_owned()).or_default() += 1;
        }
    }

    fn notice(&mut self, notice: Notice) {
        let status = &mut self.status;
        match notice {
            Notice::VenueUp(id) => with(status, id.index(), |v| v.up = true),
            Notice::VenueDown(id) => with(status, id.index(), |v| v.up = false),
            Notice::BookTrusted(id, instrument) => {
                self.trusted.insert((id, instrument));
                self.count_trusted(id);
            }
            Notice::BookDistrusted(id, instrument, _) => {
                self.trusted.remove(&(id, instrument));
                with(status, id.index(), |v| v.distrusts += 1);
                self.count_trusted(id);
            }
            Notice::ChildUnknown(id, _) => with(status, id.index(), |v| v.unknown += 1),
            Notice::ChildResolved(id, _) => {
                with(status, id.index(), |v| v.unknown = v.unknown.saturating_sub(1));
            }
            Notice::ChildRejected(id, _, why) => {
                with(status, id.index(), |v| count_reject(&mut v.rejects, why));
            }
            Notice::OrphanFill(..) | Notice::Overfill(..) => status.odd_fills += 1,
            Notice::IllegalEvent(..) => status.illegal_events += 1,
            Notice::FoundAfterEnd(..) => status.found_after_end += 1,
            Notice::CancelStuck(_) => status.cancels_stuck += 1,
            Notice::ChildAccepted(..) | Notice::ChildEnded(..) | Notice::Balance(..) => {}
            Notice::BadReference => status.bad_reference += 1,
            Notice::Halted => status.halted = true,
            Notice::Resumed => status.halted = false,
        }
    }

    fn count_trusted(&mut self, venue: VenueId) {
        let trusted = self.trusted.iter().filter(|(v, _)| *v == venue).count();
        with(&mut self.status, venue.index(), |v| v.books_trusted = trusted);
    }

    /// The status so far.
    pub const fn status(&self) -> &Status {
        &self.status
    }
}

fn with(status: &mut Status, venue: usize, change: impl FnOnce(&mut VenueStatus)) {
    if let Some(venue) = status.venues.get_mut(venue) {
        change(venue);
    }
}

fn count(counts: &mut BTreeMap<String, u64>, reason: Refusal) {
    *counts.entry(format!("{reason:?}")).or_default() += 1;
}

fn count_reject(counts: &mut BTreeMap<String, u64>, reason: VenueReject) {
    *counts.entry(format!("{reason:?}")).or_default() += 1;
}

#[cfg(test)]
mod tests {
    use super::*;
    use rutter_core::id::ChildId;
    use rutter_core::input::Distrust;

    #[test]
    fn venues_follow_their_notices() {
        let mut model = ReadModel::new(&["a".to_owned(), "b".to_owned()], &[]);
        let (venue, book) = (VenueId(1), InstrumentId(0));
        for notice in [
            Notice::VenueUp(venue),
            Notice::BookTrusted(venue, book),
            Notice::BookDistrusted(venue, book, Distrust::Gap),
            Notice::ChildUnknown(venue, ChildId(1)),
            Notice::ChildRejected(venue, ChildId(2), VenueReject::Filter),
            Notice::VenueUp(VenueId(9)),
        ] {
            model.apply(&Output::Notice(notice));
        }
        let shown = &model.status().venues[1];
        assert!(shown.up && !model.status().venues[0].up);
        assert_eq!((shown.books_trusted, shown.distrusts, shown.unknown), (0, 1, 1));
        assert_eq!(shown.rejects.get("Filter"), Some(&1));
    }
}
