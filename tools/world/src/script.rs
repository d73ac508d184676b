//! What the owner of a world adds to it: clients, faults, checks.
//!
//! A line belongs here if it is a point at which the world asks its owner.

use rutter_core::number::UnixNanos;
use rutter_core::output::Output;
use rutter_sim::front::{Front, FrontAction};

use crate::network::Network;
use crate::node::{Node, Survivors};

/// One run of the world. Without an answer nothing goes wrong.
pub trait Script {
    /// A simulated exchange.
    type Front: Front;
    /// A client of the node.
    type Client: Client;

    /// Starts the node from what survived the one before.
    fn start(&mut self, now_ns: u64, survivors: Survivors) -> Node;

    /// Whether the node dies before its next step.
    fn node_dies(&mut self, _network: &Network) -> bool {
        false
    }

    /// How long a node that died by [`Script::node_dies`] stays dead, in nanoseconds.
    fn down_ns(&mut self) -> u64 {
        0
    }

    /// Whether a call over HTTP gets no answer.
    fn loses_call(&mut self, _network: &Network) -> bool {
        false
    }

    /// A message is about to arrive at an exchange.
    fn arriving(
        &mut self,
        _now_ns: u64,
        _venue: usize,
        _front: &mut Self::Front,
        _out: &mut Vec<FrontAction>,
    ) {
    }

    /// The core has decided this.
    fn decided(&mut self, _now: UnixNanos, _output: &Output) {}

    /// The node sends these bytes to a venue.
    fn sent(&mut self, _venue: usize, _bytes: &[u8]) {}
}

/// A client of the node, as the world carries its bytes.
pub trait Client {
    /// The wire of its connection; `None` without one.
    fn wire(&mut self) -> &mut Option<u64>;

    /// The connection is open.
    fn opened(&mut self, now_ns: u64);

    /// The connection is lost, or was refused.
    fn closed(&mut self, now_ns: u64);

    /// Takes bytes; false when the client wants the connection closed.
    fn receive(&mut self, now_ns: u64, bytes: &[u8]) -> bool;

    /// The bytes to send; empty unless the connection is open.
    fn take_output(&mut self) -> Vec<u8>;
}
