//! States of an alert (pending, firing, resolved), and the webhooks that get a message.
//!
//! A line belongs here if it decides that a message is sent. The result depends only on the given
//! time and findings: no clock, thread or network.
//!
//! Invariant: a webhook gets one message when an alert fires, one every `repeat_ns` while it keeps
//! firing, and one when it is over. Every webhook that got a firing message gets the resolved one.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::Serialize;

use super::conditions::{Condition, Finding, Severity};

const S: u64 = 1_000_000_000;

/// Firings within this time count as flapping.
pub const FLAP_WINDOW_NS: u64 = 3_600 * S;

/// Most doublings of the time until a flapping alert counts as over.
pub const FLAP_DOUBLINGS_MAX: usize = 4;

/// Which sinks get a message, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Time between two messages about an alert that keeps firing, nanoseconds.
    pub repeat_ns: u64,
    /// An alert is over when its condition has not held for this time, nanoseconds; longer for a
    /// flapping one.
    pub resolve_after_ns: u64,
    /// The routes, by sink.
    pub routes: Vec<Route>,
}

/// The messages that one sink gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// Severities whose alerts the webhook receives when they fire.
    pub severities: Vec<Severity>,
    /// Webhook that gets an alert of severity page too, and the delay in nanoseconds. An alert that
    /// is over or acknowledged by then does not escalate.
    pub escalation: Option<(usize, u64)>,
}

/// Why a message is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// The alert fires.
    Fired,
    /// The alert goes on firing.
    Repeated,
    /// Nobody has acknowledged the alert at the earlier webhook.
    Escalated,
    /// The alert is resolved.
    Resolved,
}

/// One message to a sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Why the message is sent.
    pub reason: Reason,
    /// The alert.
    pub condition: Condition,
    /// The subject; empty for the node as a whole.
    pub subject: String,
    /// When the condition began to hold.
    pub since_ns: u64,
    /// When the alert began to fire, nanoseconds since the Unix epoch.
    pub fired_ns: u64,
    /// When the message was made, nanoseconds since the Unix epoch.
    pub made_ns: u64,
    /// The value that was found last, for people.
    pub value: String,
    /// Sequence of the journal's last record at that time.
    pub journal_seq: u64,
}

impl Message {
    /// True if both messages are about the same alert.
    pub fn is_about(&self, other: &Self) -> bool {
        self.condition == other.condition && self.subject == other.subject
    }
}

/// A message and its webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Index of the sink.
    pub sink: usize,
    /// The message.
    pub message: Arc<Message>,
}

/// An acknowledgement of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// The alert.
    pub condition: Condition,
    /// The venue, ring or kind that the alert is about; empty for the whole node.
    pub subject: String,
    /// When the acknowledged firing began.
    pub fired_ns: u64,
}

#[derive(Clone, Debug)]
struct Firing {
    fired_ns: u64,
    acknowledged: bool,
    /// Time of the last firing message, nanoseconds.
    told_ns: u64,
    /// Time of the first message by webhook, nanoseconds.
    told: BTreeMap<usize, u64>,
}

#[derive(Clone, Debug)]
enum State {
    /// The condition holds, but not yet for its duration.
    Pending,
    /// The alert fires, and its sinks were told.
    Firing(Firing),
    /// The condition does not hold; kept to recognise flapping.
    Over,
}

#[derive(Clone, Debug)]
struct Alert {
    state: State,
    since_ns: u64,
    held_ns: u64,
    value: String,
    /// Start times of firings within [`FLAP_WINDOW_NS`].
    firings: VecDeque<u64>,
}

impl Alert {
    /// Time for which the condition must not hold until the alert is over.
    fn quiet_ns(&self, policy: &Policy) -> u64 {
        let doublings = self.firings.len().saturating_sub(1).min(FLAP_DOUBLINGS_MAX);
        policy.resolve_after_ns.saturating_mul(1 << doublings)
    }

    fn forget(&mut self, now_ns: u64) {
        let old = |at: &u64| now_ns.saturating_sub(*at) > FLAP_WINDOW_NS;
        while self.firings.front().is_some_and(old) {
            self.firings.pop_front();
        }
    }
}

/// All alerts, one for each condition and subject.
#[derive(Clone, Debug)]
pub struct Alerts {
    policy: Policy,
    alerts: BTreeMap<(Condition, String), Alert>,
}

impl Alerts {
    /// No alerts.
    pub const fn new(policy: Policy) -> Self {
        Self { policy, alerts: BTreeMap::new() }
    }

    /// Number of firing alerts by severity.
    pub fn firing(&self) -> [(Severity, u64); Severity::ALL.len()] {
        Severity::ALL.map(|severity| {
            let counts = |((condition, _), alert): &(&(Condition, String), &Alert)| {
                condition.severity() == severity && matches!(alert.state, State::Firing(_))
            };
            (severity, self.alerts.iter().filter(counts).count() as u64)
        })
    }

    /// Stops the escalation of this firing.
    pub fn acknowledge(&mut self, told: &Acknowledged) {
        let alert = self.alerts.get_mut(&(told.condition, told.subject.clone()));
        if let Some(State::Firing(firing)) = alert.map(|alert| &mut alert.state)
            && firing.fired_ns == told.fired_ns
        {
            firing.acknowledged = true;
        }
    }

    /// Takes the conditions that hold, and returns the messages to send. `now_ns` never decreases
    /// between calls.
    pub fn step(&mut self, now_ns: u64, journal_seq: u64, holding: &[Finding]) -> Vec<Order> {
        for finding in holding {
            let key = (finding.condition, finding.subject.clone());
            let alert = self.alerts.entry(key).or_insert_with(|| Alert {
                state: State::Over,
                since_ns: now_ns,
                held_ns: now_ns,
                value: String::new(),
                firings: VecDeque::new(),
            });
            alert.held_ns = now_ns;
            alert.value.clone_from(&finding.value);
            if matches!(alert.state, State::Over) {
                (alert.state, alert.since_ns) = (State::Pending, now_ns);
            }
        }
        let mut orders = Vec::new();
        let holds: std::collections::BTreeSet<(Condition, &str)> =
            holding.iter().map(|one| (one.condition, one.subject.as_str())).collect();
        for ((condition, subject), alert) in &mut self.alerts {
            let told = Notification { condition: *condition, subject, now_ns, journal_seq };
            let holds = holds.contains(&(*condition, subject.as_str()));
            told.turn(&self.policy, alert, holds, &mut orders);
        }
        self.alerts
            .retain(|_, alert| !matches!(alert.state, State::Over) || !alert.firings.is_empty());
        orders
    }
}

/// The step of one alert.
struct Notification<'a> {
    condition: Condition,
    subject: &'a str,
    now_ns: u64,
    journal_seq: u64,
}

impl Notification<'_> {
    fn turn(&self, policy: &Policy, alert: &mut Alert, holds: bool, orders: &mut Vec<Order>) {
        alert.forget(self.now_ns);
        match &alert.state {
            State::Pending if !holds => alert.state = State::Over,
            State::Pending => {
                let held_ns = self.now_ns.saturating_sub(alert.since_ns);
                if held_ns >= self.condition.hold_s() * S {
                    self.fire(policy, alert, orders);
                }
            }
            State::Firing(firing) if !holds => {
                if self.now_ns.saturating_sub(alert.held_ns) >= alert.quiet_ns(policy) {
                    let sinks: Vec<usize> = firing.told.keys().copied().collect();
                    self.tell(Reason::Resolved, alert, firing.fired_ns, sinks, orders);
                    alert.state = State::Over;
                }
            }
            State::Firing(_) => self.go_on(policy, alert, orders),
            State::Over => {}
        }
    }

    fn fire(&self, policy: &Policy, alert: &mut Alert, orders: &mut Vec<Order>) {
        let takes = |route: &Route| route.severities.contains(&self.condition.severity());
        let sinks: Vec<usize> =
            (0..policy.routes.len()).filter(|at| takes(&policy.routes[*at])).collect();
        let told = sinks.iter().map(|sink| (*sink, self.now_ns)).collect();
        let (fired_ns, told_ns) = (self.now_ns, self.now_ns);
        self.tell(Reason::Fired, alert, fired_ns, sinks, orders);
        alert.firings.push_back(fired_ns);
        if alert.firings.len() > FLAP_DOUBLINGS_MAX + 1 {
            alert.firings.pop_front();
        }
        alert.state = State::Firing(Firing { fired_ns, acknowledged: false, told_ns, told });
    }

    /// Adds due repetitions and escalations.
    fn go_on(&self, policy: &Policy, alert: &mut Alert, orders: &mut Vec<Order>) {
        let State::Firing(firing) = &alert.state else { return };
        let mut firing = firing.clone();
        if self.now_ns.saturating_sub(firing.told_ns) >= policy.repeat_ns {
            firing.told_ns = self.now_ns;
            let sinks: Vec<usize> = firing.told.keys().copied().collect();
            self.tell(Reason::Repeated, alert, firing.fired_ns, sinks, orders);
        }
        if self.condition.severity() == Severity::Page && !firing.acknowledged {
            let due = |(sink, told_ns): (&usize, &u64)| {
                let (to, after_ns) = policy.routes.get(*sink)?.escalation?;
                let waited_ns = self.now_ns.saturating_sub(*told_ns);
                (waited_ns >= after_ns && !firing.told.contains_key(&to)).then_some(to)
            };
            let mut further: Vec<usize> = firing.told.iter().filter_map(due).collect();
            further.sort_unstable();
            further.dedup();
            firing.told.extend(further.iter().map(|sink| (*sink, self.now_ns)));
            self.tell(Reason::Escalated, alert, firing.fired_ns, further, orders);
        }
        alert.state = State::Firing(firing);
    }

    fn tell(
        &self,
        reason: Reason,
        alert: &Alert,
        fired_ns: u64,
        sinks: Vec<usize>,
        orders: &mut Vec<Order>,
    ) {
        let message = Arc::new(Message {
            reason,
            condition: self.condition,
            subject: self.subject.to_owned(),
            since_ns: alert.since_ns,
            fired_ns,
            made_ns: self.now_ns,
            value: alert.value.clone(),
            journal_seq: self.journal_seq,
        });
        let order = |sink| Order { sink, message: Arc::clone(&message) };
        orders.extend(sinks.into_iter().map(order));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_000_000 * S;

    /// Sink 0 takes warn and page, sink 1 info, and page after a minute; sink 2 after two more.
    fn policy() -> Policy {
        let route = |severities: &[Severity], escalation| Route {
            severities: severities.to_vec(),
            escalation,
        };
        Policy {
            repeat_ns: 600 * S,
            resolve_after_ns: 10 * S,
            routes: vec![
                route(&[Severity::Warn, Severity::Page], Some((1, 60 * S))),
                route(&[Severity::Info], Some((2, 120 * S))),
                route(&[], None),
            ],
        }
    }

    fn found(condition: Condition, subject: &str) -> Finding {
        Finding { condition, subject: subject.to_owned(), value: "found".to_owned() }
    }

    /// A second after the other: what holds, and (second, sink, reason) of what was told.
    fn run(
        alerts: &mut Alerts,
        seconds: std::ops::Range<u64>,
        holds: impl Fn(u64) -> Option<Condition>,
    ) -> Vec<(u64, usize, Reason)> {
        let mut told = Vec::new();
        for second in seconds {
            let holding: Vec<Finding> =
                holds(second).map(|one| found(one, "kraken")).into_iter().collect();
            for order in alerts.step(NOW + second * S, 7, &holding) {
                told.push((second, order.sink, order.message.reason));
            }
        }
        told
    }

    #[test]
    fn an_alert_is_told_once_when_its_time_is_up_then_every_repeat_then_once_that_it_is_over() {
        let mut alerts = Alerts::new(policy());
        let told = run(&mut alerts, 0..2_000, |at| (at < 1_300).then_some(Condition::VenueDown));
        assert_eq!(
            told,
            [
                (10, 0, Reason::Fired),
                (610, 0, Reason::Repeated),
                (1_210, 0, Reason::Repeated),
                (1_309, 0, Reason::Resolved),
            ]
        );
    }

    #[test]
    fn what_does_not_hold_for_long_enough_is_never_told() {
        let mut alerts = Alerts::new(policy());
        let told = run(&mut alerts, 0..500, |at| (at % 12 < 10).then_some(Condition::VenueDown));
        assert_eq!(told, []);
        assert!(alerts.alerts.len() <= 1);
    }

    #[test]
    fn a_page_goes_from_sink_to_sink_until_it_is_over_and_all_of_them_are_told_so() {
        let mut alerts = Alerts::new(policy());
        let told = run(&mut alerts, 0..300, |at| (at < 200).then_some(Condition::JournalFailed));
        assert_eq!(
            told,
            [
                (0, 0, Reason::Fired),
                (60, 1, Reason::Escalated),
                (180, 2, Reason::Escalated),
                (209, 0, Reason::Resolved),
                (209, 1, Reason::Resolved),
                (209, 2, Reason::Resolved),
            ]
        );
    }

    #[test]
    fn a_page_that_is_acknowledged_goes_to_nobody_else_and_an_old_acknowledgement_is_nothing() {
        let mut alerts = Alerts::new(policy());
        let page = |_| Some(Condition::JournalFailed);
        assert_eq!(run(&mut alerts, 0..30, page).len(), 1);
        let acknowledged = |fired_ns| Acknowledged {
            condition: Condition::JournalFailed,
            subject: "kraken".to_owned(),
            fired_ns,
        };
        alerts.acknowledge(&acknowledged(NOW));
        assert_eq!(run(&mut alerts, 30..500, page), []);
        assert_eq!(run(&mut alerts, 500..530, |_| None), [(509, 0, Reason::Resolved)]);
        assert_eq!(run(&mut alerts, 530..540, page), [(530, 0, Reason::Fired)]);
        alerts.acknowledge(&acknowledged(NOW));
        assert_eq!(run(&mut alerts, 540..600, page), [(590, 1, Reason::Escalated)]);
    }

    #[test]
    fn a_warning_does_not_escalate() {
        let mut alerts = Alerts::new(policy());
        let told = run(&mut alerts, 0..500, |_| Some(Condition::Halted));
        assert_eq!(told, [(0, 0, Reason::Fired)]);
    }

    #[test]
    fn each_subject_is_an_alert_of_its_own_and_each_severity_goes_to_those_who_take_it() {
        let mut alerts = Alerts::new(policy());
        let all = [
            found(Condition::RingFull, "input"),
            found(Condition::RingFull, "output"),
            found(Condition::FixGaps, ""),
        ];
        let orders = alerts.step(NOW, 7, &all);
        let mut told: Vec<(&str, usize)> =
            orders.iter().map(|one| (one.message.subject.as_str(), one.sink)).collect();
        told.sort_unstable();
        assert_eq!(told, [("", 1), ("input", 0), ("output", 0)]);
        let firing = [(Severity::Info, 1), (Severity::Warn, 2), (Severity::Page, 0)];
        assert_eq!(alerts.firing(), firing);
    }

    #[test]
    fn an_alert_that_flaps_is_told_of_less_and_less_often_and_forgiven_after_an_hour() {
        let mut alerts = Alerts::new(policy());
        // On once in twenty seconds: gone for longer than it takes to be over at first.
        let flaps = |at: u64| at.is_multiple_of(20).then_some(Condition::Halted);
        let told = run(&mut alerts, 0..590, flaps);
        assert_eq!(
            told,
            [(0, 0, Reason::Fired), (10, 0, Reason::Resolved), (20, 0, Reason::Fired)],
            "the second time it has to be gone for twenty seconds, and never is"
        );
        assert_eq!(run(&mut alerts, 590..700, |_| None), [(600, 0, Reason::Resolved)]);
        assert_eq!(run(&mut alerts, 700..4_300, |_| None), []);
        assert!(alerts.alerts.is_empty(), "nothing is kept of what is long over");
        let on = |at: u64| (at == 4_300).then_some(Condition::Halted);
        let told = run(&mut alerts, 4_300..4_400, on);
        assert_eq!(told, [(4_300, 0, Reason::Fired), (4_310, 0, Reason::Resolved)]);
    }
}
