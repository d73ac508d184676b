//! One moment of a run as the screen shows it, and what the moments add up to.
//!
//! A line belongs here if it is shown while the run goes on. Lines of text are `table`.

use std::collections::BTreeMap;

use rutter_sim::Venue;

use super::Arguments;
use super::crash::Crash;
use super::savings::Compared;
use super::trader::{Counts, Wait};
use crate::harness::USUAL;
use crate::quantiles::{Latencies, Quantiles};

/// Most samples of a run. Their distance grows with the length of the run.
const SAMPLES_MAX: usize = 500;

/// What the client's thread knows.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Time since the start of trading, nanoseconds.
    pub elapsed_ns: u64,
    /// End of trading, nanoseconds since its start.
    pub end_ns: u64,
    /// The run's options.
    pub arguments: Arguments,
    /// The client's counts.
    pub counts: Counts,
    /// Executions booked at each venue.
    pub fills_by_venue: BTreeMap<String, u64>,
    /// The comparison with single venues.
    pub compared: Compared,
    /// The kills.
    pub crashes: Vec<Crash>,
    /// Times of the orders answered since the last view.
    pub waits: Vec<Wait>,
}

/// One moment of the run, for charts.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// Time since the start of trading, nanoseconds.
    pub elapsed_ns: u64,
    /// Executions booked so far, by [`Venue::index`].
    pub fills: [u64; USUAL.len()],
    /// Open orders of the client.
    pub open: u64,
    /// Median time from order to first answer since the last sample; 0 without an answer.
    pub median_ns: u64,
}

/// How the node sees one venue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VenueView {
    /// Whether the venue is logged on and reconciled.
    pub up: bool,
    /// Number of books that orders are routed by.
    pub books: u64,
}

/// What the moments of a run add up to.
#[derive(Debug, Default)]
pub struct Watched {
    /// How the node sees each venue, by [`Venue::index`].
    pub venues: [VenueView; USUAL.len()],
    /// The node's own latencies by path and stage; empty if the node has none.
    pub stages: BTreeMap<String, Quantiles>,
    /// From sending to first answer.
    pub answers: Latencies,
    /// From intended time to sending.
    pub late: Latencies,
    /// At most [`SAMPLES_MAX`] moments.
    pub samples: Vec<Sample>,
    /// Answers since the last sample.
    since: Latencies,
}

impl Watched {
    /// Takes one moment.
    pub fn add(&mut self, view: &View) {
        for wait in &view.waits {
            self.answers.record(wait.answer_ns);
            self.since.record(wait.answer_ns);
            self.late.record(wait.late_ns);
        }
        let last_ns = self.samples.last().map(|sample| sample.elapsed_ns);
        let distance_ns = view.end_ns / SAMPLES_MAX as u64;
        if last_ns.is_none_or(|last_ns| view.elapsed_ns > last_ns + distance_ns)
            && self.samples.len() < SAMPLES_MAX
        {
            let fills = |venue: Venue| view.fills_by_venue.get(venue.name()).copied();
            self.samples.push(Sample {
                elapsed_ns: view.elapsed_ns,
                fills: USUAL.map(|venue| fills(venue).unwrap_or(0)),
                open: view.counts.sent - view.counts.over,
                median_ns: self.since.quantiles().p50,
            });
            self.since.clear();
        }
    }
}
