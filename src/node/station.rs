//! The stations: each does the work of one part of the node, a turn at a time.
//!
//! A line belongs here if every station needs it. One file a station: `core` decides, `gateway` is
//! the clients' side, `sender` a venue's order entry, `feed` a venue's market data, `model` the
//! read model. A station moves envelopes between rings and a machine's driver: protocols are the
//! machines' business, whose turn it is and who shares a thread is `layout`. Each station drains
//! the output ring into a bounded queue of its own first, so that the core never waits for a venue.

pub mod added;
pub mod core;
pub mod feed;
pub mod gateway;
pub mod model;
pub mod sender;

use std::os::fd::RawFd;
use std::sync::Arc;
use std::time::Duration;

use rutter_core::input::Input;
use rutter_journal::ReleaseMark;

use crate::node::gate::Gate;
use crate::node::rings::{InputWriter, OutputReader};
use crate::watch::stages::StageRecorder;
use rutter_transport::arrival::Arrival;

/// Moves envelopes between rings and sockets.
pub trait Station: Send {
    /// Moves all envelopes and bytes that are ready, without waiting. Returns true if any was
    /// moved.
    ///
    /// # Errors
    /// A fault after which the process must end.
    fn turn(&mut self) -> Result<bool, String>;

    /// Sleeps until there is something to do, at most [`PARK_MAX`]: for a station alone on its
    /// thread.
    ///
    /// # Errors
    /// The errors of [`Station::turn`].
    fn park(&mut self) -> Result<(), String>;

    /// Time until the station's next timer; zero if it has work already.
    fn idle_for(&self) -> Duration;

    /// A descriptor that becomes readable when a socket of the station is ready or a helper thread
    /// has answered.
    fn poll_fd(&self) -> RawFd;
}

/// A station's ends of the rings, and what else it shares with the core.
#[derive(Debug)]
pub struct StationHandles {
    /// Reader of the output ring.
    pub outputs: OutputReader,
    /// The station's end of the input ring.
    pub inputs: InputWriter,
    /// The sequence up to which outputs may be released.
    pub release: ReleaseMark,
    /// Orders that a halt has voided before they were sent.
    pub gate: Arc<Gate>,
    /// Records the latency of each stage.
    pub stages: StageRecorder,
}

/// Publishes an input from a venue's machine, and logs connections that open or close.
fn publish_news(inputs: &mut InputWriter, venue: &str, input: Input, arrival: Arrival) {
    match &input {
        Input::VenueUp(_) => tracing::info!(venue, "venue up"),
        Input::VenueDown(_, reason) => tracing::warn!(venue, ?reason, "venue down"),
        Input::BookDistrusted { instrument, reason, .. } => {
            tracing::warn!(venue, instrument = instrument.0, ?reason, "book not trusted");
        }
        _ => {}
    }
    inputs.push(&input, arrival);
}
