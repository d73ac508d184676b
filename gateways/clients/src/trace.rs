//! The trace: the number by which an order is found in the logs of all stations.
//!
//! A line belongs here if it makes a trace. Writing traces to logs is the node's.

use rutter_core::hash::Rolling;
use rutter_core::id::SessionId;
use rutter_core::input::Input;

/// The trace of an order whose bytes came at `arrived_ns` (nanoseconds since the Unix epoch) in the
/// message `client_seq` ([`AppMessage::id`](rutter_fix::session::AppMessage::id)); never zero.
///
/// Equal messages have equal traces. Session and message tell the orders of one store apart; the
/// time tells orders apart after a store was begun anew; the node tag tells nodes apart.
pub const fn trace(node_tag: u32, session: SessionId, client_seq: u64, arrived_ns: u64) -> u64 {
    let mut hash = Rolling::new(0);
    // Both numbers in one word: small numbers that are hashed one after the other collide.
    hash.word((node_tag as u64) << 32 | session.0 as u64);
    hash.word(client_seq);
    hash.word(arrived_ns);
    if hash.value() == 0 { 1 } else { hash.value() }
}

/// Gives a new order its trace, also one that will be refused. Other requests name an order that
/// has a trace, or name none.
pub(crate) fn give(input: &mut Input, node_tag: u32, arrived_ns: u64) {
    match input {
        Input::NewOrder(order) => {
            order.trace = trace(node_tag, order.session, order.client_seq, arrived_ns);
        }
        Input::Unacceptable(order) if order.orig_cl_ord_id.is_empty() => {
            order.trace = trace(node_tag, order.session, order.client_seq, arrived_ns);
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn orders_of_all_nodes_sessions_messages_and_times_have_different_traces() {
        let mut seen = BTreeSet::new();
        let now_ns = 1_800_000_000_000_000_000;
        for node_tag in [0, 1, 0x8000_0000, u32::MAX] {
            for session in 0..8 {
                for seq in 1..=400 {
                    for arrived_ns in [now_ns, now_ns + 1, now_ns + 1_000] {
                        let made = trace(node_tag, SessionId(session), seq, arrived_ns);
                        assert_ne!(made, 0);
                        assert!(seen.insert(made), "{node_tag} {session} {seq} {arrived_ns}");
                    }
                }
            }
        }
        assert_eq!(seen.len(), 4 * 8 * 400 * 3);
    }
}
