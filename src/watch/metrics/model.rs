//! Counts what only metrics need, as outputs tell it, and makes the snapshots.
//!
//! Runs on the read model's thread.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rutter_admin::Status;
use rutter_admin::model::Judged;
use rutter_core::id::{ChildId, InstrumentId, VenueId};
use rutter_core::input::VenueReject;
use rutter_core::number::Qty;
use rutter_core::output::{Notice, Output, ReportKind, SendNew};
use rutter_journal::Watch;

use crate::node::link_watch::VenueLinks;
use crate::node::rings::{InputPositions, OutputEnvelope, Position};
use crate::node::station::core::CoreGauges;
use crate::node::tap::UpdateCount;
use crate::watch::buckets::Buckets;
use crate::watch::gateway_counters::{GATEWAY, GatewayGauges};
use crate::watch::metrics::child_times::ChildTimes;
use crate::watch::snapshot::{
    FeedSnapshot, JournalSnapshot, LinksSnapshot, OrderMetrics, RingDepth, Snapshot, VenueCounts,
    execution_series,
};
use crate::watch::stages::{Path, StageHistograms};

/// Marks of how far the journal was written that wait for the disk.
const SYNC_MARKS_MAX: usize = 4_096;

/// Where the rest comes from.
#[derive(Debug)]
pub struct GaugeSources {
    /// Gauges of the core.
    pub core: Arc<CoreGauges>,
    /// Gauges of the client gateway.
    pub gateway: Arc<GatewayGauges>,
    /// Progress of the journal.
    pub journal: Watch,
    /// How far the input ring is read.
    pub taken: Arc<InputPositions>,
    /// How far the readers of the output ring are.
    pub readers: Vec<Position>,
    /// Slots of the input and of the output ring.
    pub slots: [usize; 2],
    /// The updates of each feed, by the index of its venue.
    pub updates: Vec<(usize, UpdateCount)>,
    /// Why each venue is not up.
    pub links: Vec<VenueLinks>,
}

/// Counts, and makes snapshots.
#[derive(Debug)]
pub struct MetricsModel {
    counted: OrderMetrics,
    children: ChildTimes,
    sources: GaugeSources,
    /// Sequence and time of written records that are not known to be on disk, oldest first.
    unsynced: VecDeque<(u64, u64)>,
    feeds: Vec<FeedSnapshot>,
    heard_ns: Vec<Option<u64>>,
}

impl MetricsModel {
    /// For venues and instruments by id.
    pub fn new(venues: &[String], instruments: &[String], sources: GaugeSources) -> Self {
        let counted = OrderMetrics {
            venues: venues.to_vec(),
            instruments: instruments.to_vec(),
            orders: vec![VenueCounts::default(); venues.len()],
            answer_latency: vec![Buckets::default(); venues.len()],
            ..OrderMetrics::default()
        };
        let feed = |(venue, _): &(usize, UpdateCount)| FeedSnapshot {
            venue: *venue,
            news: 0,
            age_ns: None,
        };
        Self {
            counted,
            children: ChildTimes::default(),
            feeds: sources.updates.iter().map(feed).collect(),
            heard_ns: vec![None; sources.updates.len()],
            sources,
            unsynced: VecDeque::new(),
        }
    }

    /// Takes one output in.
    pub fn apply(&mut self, envelope: &OutputEnvelope) {
        match &envelope.output {
            Output::SendNew(new) => self.sent(new, envelope.decided_ns),
            Output::SendCancel(child) => self.at(child.venue.index(), |v| v.cancel_sent += 1),
            Output::SendReduce(reduce) => {
                self.at(reduce.of.venue.index(), |v| v.amend_sent += 1);
            }
            Output::Report(report) => {
                if let Some(last) = report.last.filter(|_| report.kind == ReportKind::Trade) {
                    let instrument = report.instrument.map_or(usize::MAX, InstrumentId::index);
                    let fill = (last.venue, last.child, last.qty);
                    self.filled(fill, instrument, envelope.arrival.read_ns);
                }
            }
            Output::CancelReject(reject) => {
                let reason = format!("{:?}", reject.reason);
                *self.counted.cancels_refused.entry(reason).or_default() += 1;
            }
            Output::Notice(notice) => self.notice(*notice, envelope.arrival.read_ns),
            Output::MassCancelReport(_)
            | Output::Command(..)
            | Output::Operator(_)
            | Output::Preview(..)
            | Output::ClientPreview(_)
            | Output::Query(_)
            | Output::AskBalances(_) => {}
        }
    }

    /// Takes in how the execution of an order was judged.
    pub fn judged(&mut self, order: Judged) {
        if let Some(took_ns) = order.took_ns {
            self.counted.order_duration.record(took_ns);
        }
    }

    fn at(&mut self, venue: usize, change: impl FnOnce(&mut VenueCounts)) {
        if let Some(venue) = self.counted.orders.get_mut(venue) {
            change(venue);
        }
    }

    fn sent(&mut self, new: &SendNew, sent_ns: u64) {
        self.at(new.venue.index(), |v| v.sent += 1);
        self.children.sent(new.child.0, sent_ns, new.qty.0);
    }

    fn filled(
        &mut self,
        (at, id, qty): (VenueId, ChildId, Qty),
        instrument: usize,
        arrived_ns: u64,
    ) {
        let (venue, child) = (at.index(), id.0);
        self.answered(at, id, arrived_ns);
        let Some(filled) = self.children.filled(child, qty.0, arrived_ns) else { return };
        if let Some(took_ns) = filled.first_ns
            && instrument < self.counted.instruments.len()
        {
            let known = &mut self.counted.execution_latency;
            let series = execution_series(known, (venue, instrument));
            known.entry(series).or_default().record(took_ns);
        }
        if filled.whole {
            self.at(venue, |v| v.filled += 1);
        }
    }

    /// The venue has said something about a child.
    fn answered(&mut self, venue: VenueId, child: ChildId, arrived_ns: u64) {
        if let Some(took_ns) = self.children.answered(child.0, arrived_ns)
            && let Some(times) = self.counted.answer_latency.get_mut(venue.index())
        {
            times.record(took_ns);
        }
    }

    fn notice(&mut self, notice: Notice, arrived_ns: u64) {
        match notice {
            Notice::ChildRejected(venue, child, why) => {
                self.at(venue.index(), |v| v.rejected += 1);
                if why == VenueReject::NotSent {
                    self.children.not_measured(child.0);
                }
                self.answered(venue, child, arrived_ns);
            }
            Notice::ChildUnknown(venue, child) => {
                self.at(venue.index(), |v| v.unknown += 1);
                self.children.not_measured(child.0);
            }
            // There is no report of it.
            Notice::Converted(_, fill) => {
                let instrument = fill.instrument.index();
                self.filled((fill.venue, fill.child, fill.qty), instrument, arrived_ns);
            }
            Notice::ChildAccepted(venue, child) | Notice::ChildEnded(venue, child, _) => {
                self.answered(venue, child, arrived_ns);
            }
            Notice::ChildAmended(venue, child, qty) => {
                if self.children.amended(child.0, qty.0) {
                    self.at(venue.index(), |v| v.filled += 1);
                }
            }
            Notice::BookDistrusted(venue, _, reason) => {
                let key = (venue.index(), distrust_name(reason));
                *self.counted.distrusts.entry(key).or_default() += 1;
            }
            Notice::Halted
            | Notice::Resumed
            | Notice::VenueUp(_)
            | Notice::VenueDown(_)
            | Notice::BookTrusted(..)
            | Notice::ReferenceFound(_)
            | Notice::ReferenceLost(_)
            | Notice::ChildResolved(..)
            | Notice::AmendRejected(..)
            | Notice::VenueOrder(..)
            | Notice::Shares(..)
            | Notice::OrphanFill(..)
            | Notice::Overfill(..)
            | Notice::Reconciled(..)
            | Notice::Contradicted(..)
            | Notice::IllegalEvent(..)
            | Notice::FoundAfterEnd(..)
            | Notice::CancelStuck(_)
            | Notice::CalledBack(..)
            | Notice::Waits(..)
            | Notice::Balance(..)
            // The read model has these.
            | Notice::Breaker(..)
            | Notice::Paused(..)
            | Notice::Barred(..)
            | Notice::Behaviour(..)
            | Notice::Fees(..)
            | Notice::FeeValue(..)
            | Notice::Bridged(..)
            | Notice::Exposure(_)
            | Notice::BadReference => {}
        }
    }

    /// Looks at what changes between snapshots: how long records wait for the disk, and when feeds
    /// were last heard. Called every few milliseconds.
    pub fn look(&mut self, now_ns: u64) {
        let (written, durable) = (self.sources.journal.written(), self.sources.journal.durable());
        while self.unsynced.front().is_some_and(|(seq, _)| *seq <= durable) {
            self.unsynced.pop_front();
        }
        let newest = self.unsynced.back().map_or(durable, |(seq, _)| *seq);
        if written > newest && self.unsynced.len() < SYNC_MARKS_MAX {
            self.unsynced.push_back((written, now_ns));
        }
        let each = self.feeds.iter_mut().zip(&mut self.heard_ns).zip(&self.sources.updates);
        for ((feed, heard_ns), (_, count)) in each {
            let news = count.load(Ordering::Relaxed);
            if news != feed.news {
                (feed.news, *heard_ns) = (news, Some(now_ns));
            }
            feed.age_ns = heard_ns.map(|heard_ns| now_ns.saturating_sub(heard_ns));
        }
    }

    /// By venue: how long its feed has been silent.
    pub fn feeds(&self) -> &[FeedSnapshot] {
        &self.feeds
    }

    /// Makes a snapshot.
    pub fn snapshot(
        &self,
        now_ns: u64,
        status: &Status,
        stages: &[(Path, StageHistograms)],
    ) -> Snapshot {
        let each = stages.iter().flat_map(|(path, histograms)| {
            histograms.buckets().map(|(stage, times)| (path.name(), stage.name(), times))
        });
        let gateway = self.sources.gateway.shown();
        let stalls = GATEWAY.iter().position(|c| c.name == "fix_input_stalls");
        let [input_slots, output_slots] = self.sources.slots.map(|slots| slots as u64);
        let core = &self.sources.core;
        let published = core.published.load(Ordering::Relaxed);
        let read = self.sources.readers.iter().map(|p| p.load(Ordering::Relaxed)).min();
        Snapshot {
            made_ns: now_ns,
            turned_ns: core.turned_ns.load(Ordering::Relaxed),
            status: status.clone(),
            counted: self.counted.clone(),
            stages: each.collect(),
            stage_samples_dropped: stages.iter().map(|(_, of)| of.dropped()).sum(),
            gateway,
            input: RingDepth {
                depth: self.sources.taken.depth(),
                slots: input_slots,
                stalls: stalls.and_then(|at| gateway.get(at)).copied().unwrap_or(0),
            },
            output: RingDepth {
                depth: published.saturating_sub(read.unwrap_or(published)),
                slots: output_slots,
                stalls: core.output_stalls.load(Ordering::Relaxed),
            },
            journal: self.journal(now_ns),
            feeds: self.feeds.clone(),
            links: self.sources.links.iter().map(LinksSnapshot::of).collect(),
        }
    }

    fn journal(&self, now_ns: u64) -> JournalSnapshot {
        let watch = &self.sources.journal;
        // Reads the synced position first: the written position can then only be larger.
        let (durable, synced_bytes) = (watch.durable(), watch.synced_bytes());
        let written_bytes = watch.written_bytes();
        let oldest = self.unsynced.front().filter(|(seq, _)| *seq > durable);
        JournalSnapshot {
            written: watch.written(),
            durable,
            written_bytes,
            unsynced_bytes: written_bytes.saturating_sub(synced_bytes),
            sync_lag_ns: oldest.map_or(0, |(_, since)| now_ns.saturating_sub(*since)),
            sync_times: watch.sync_times(),
            stalls: watch.stalls(),
            failed: watch.has_failed(),
        }
    }
}

/// The word for it in labels.
const fn distrust_name(reason: rutter_core::input::Distrust) -> &'static str {
    use rutter_core::input::Distrust;
    match reason {
        Distrust::NoSnapshot => "no_snapshot",
        Distrust::Gap => "gap",
        Distrust::Checksum => "checksum",
        Distrust::Disconnected => "disconnected",
        Distrust::Protocol => "protocol",
        Distrust::Outlier => "outlier",
    }
}
