//! Copies of the client gateway's counters for other threads.

use std::sync::atomic::{AtomicU64, Ordering};

use rutter_clients::Counters;

/// One counter of the gateway: metric name (without `_total`), help text, and access to its value.
pub struct GatewayCounter {
    /// Name of the metric.
    pub name: &'static str,
    /// The help of the metric: what is counted.
    pub help: &'static str,
    /// Reads the counter.
    pub of: fn(&Counters) -> u64,
}

const fn counter(
    name: &'static str,
    help: &'static str,
    of: fn(&Counters) -> u64,
) -> GatewayCounter {
    GatewayCounter { name, help, of }
}

/// All counters of the gateway.
pub const GATEWAY: &[GatewayCounter] = &[
    counter("fix_connections", "Client connections taken", |c| c.connections),
    counter("fix_connections_refused", "Client connections refused for a limit", |c| {
        c.connections_refused
    }),
    counter("fix_connections_full", "Client connections refused because no place was free", |c| {
        c.connections_full
    }),
    counter("fix_accepts_failed", "Times that the system refused to accept a client", |c| {
        c.accepts_failed
    }),
    counter("fix_logons", "Logons that succeeded", |c| c.logons),
    counter("fix_logons_refused", "Connections closed before they were logged on", |c| {
        c.logons_refused
    }),
    counter("fix_credentials_refused", "Logons that did not prove what they must", |c| {
        c.credentials_refused
    }),
    counter("fix_logons_locked_out", "Logons refused for earlier wrong ones", |c| c.locked_out),
    counter("fix_lockouts", "Times that a source was locked out", |c| c.lockouts),
    counter("fix_tls_failures", "Connections with which TLS failed", |c| c.tls_failures),
    counter("fix_slow_consumers", "Clients cut off because they did not read", |c| {
        c.slow_consumers
    }),
    counter("fix_gaps", "Times that client messages were found missing and asked for", |c| c.gaps),
    counter("fix_resends", "Resend requests of clients that were carried out", |c| c.resends),
    counter("fix_inputs", "Inputs that clients gave to the core", |c| c.inputs),
    counter(
        "fix_input_stalls",
        "Times that reading stopped for a full input ring or a late journal",
        |c| c.stalls,
    ),
    counter("fix_reports", "Reports and cancel rejects stored for clients", |c| c.outputs),
    counter("fix_reports_repeated", "Outputs that were stored already", |c| c.outputs_repeated),
    counter("fix_reports_dropped", "Outputs for a session that has failed", |c| c.outputs_dropped),
    counter("fix_sessions_failed", "Sessions cut off until a restart", |c| c.sessions_failed),
    counter("fix_store_damages", "Damaged places found in message stores", |c| c.store_damages),
    counter(
        "fix_reports_possible_resends",
        "Reports repeated with PossResend because a message store had lost them",
        |c| c.reports_possible_resends,
    ),
    counter("fix_messages_rejected", "Client messages answered by a reject", |c| {
        c.messages_rejected
    }),
    counter("fix_peer_rejects", "Messages of ours that clients refused", |c| c.peer_rejects),
    counter("fix_throttled", "Requests refused because a session sent too many", |c| c.throttled),
    counter(
        "fix_log_missing",
        "Pieces of a connection that the raw FIX log had no room for",
        |c| c.messages_unlogged,
    ),
    counter("fix_notices_untold", "Notices about strangers that were only counted", |c| {
        c.notices_untold
    }),
    counter("fix_notices_lost", "Notices that nobody took in time", |c| c.notices_lost),
];

/// Copies of the gateway's counters, each stored separately: a reader may find some newer than
/// others, but none wrong.
#[derive(Debug, Default)]
pub struct GatewayGauges([AtomicU64; GATEWAY.len()]);

impl GatewayGauges {
    /// Copies the counters without a lock, in a few nanoseconds. Only one thread may call this.
    pub fn show(&self, counters: &Counters) {
        for (shown, counter) in self.0.iter().zip(GATEWAY) {
            let value = (counter.of)(counters);
            // A store of the same value would still take the cache line from its readers.
            if shown.load(Ordering::Relaxed) != value {
                shown.store(value, Ordering::Relaxed);
            }
        }
    }

    /// The copied values, in the order of [`GATEWAY`].
    pub fn shown(&self) -> [u64; GATEWAY.len()] {
        std::array::from_fn(|at| self.0[at].load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_counter_is_shown_under_its_own_name() {
        let gauges = GatewayGauges::default();
        gauges.show(&Counters { slow_consumers: 3, resends: 5, ..Counters::default() });
        let shown = gauges.shown();
        let at = |name| GATEWAY.iter().position(|counter| counter.name == name).expect("there");
        assert_eq!((shown[at("fix_slow_consumers")], shown[at("fix_resends")]), (3, 5));
        assert_eq!(shown.iter().sum::<u64>(), 8);
    }
}
