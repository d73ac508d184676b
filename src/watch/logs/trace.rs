//! An order's way through the node, from its client's bytes to the venues' and back: lines at level
//! `debug`, all with the order's trace. `docs/logs.md` says how they are read.
//!
//! A line belongs here if it writes one of these lines. The stations call it between a ring and a
//! socket. Below level `debug` a call costs one check of the level and makes no text.

use std::fmt;

use rutter_clients::refusal::codes;
use rutter_core::id::{ChildId, OrderId, SessionId};
use rutter_core::input::{Input, NewOrder, Refusal};
use rutter_core::output::{
    CancelReject, ChildRef, Output, Report, ReportKind, SendNew, SendReduce,
};
use rutter_fix::store::SEQ_MAX;
use rutter_transport::refusals::{Refusals, Refused};
use rutter_venues::VenueCommand;
use tracing::field::{DisplayValue, display};
use tracing::{Level, debug, enabled};

/// What these lines are called in a level, as in `info,order=debug`.
pub const TARGET: &str = "order";

/// Number of children whose orders a sender remembers, a power of two. The lines of an older open
/// child have only the child's id.
pub const CHILDREN_MAX: usize = 1 << 16;

/// Whether these lines are written at present.
pub fn is_on() -> bool {
    enabled!(target: TARGET, Level::DEBUG)
}

/// A trace as it is written everywhere.
struct TraceText(u64);

impl fmt::Display for TraceText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        #[cfg(test)]
        tests::count_formatting();
        write!(f, "{:016x}", self.0)
    }
}

/// A trace, unless there is none.
fn shown(trace: u64) -> Option<DisplayValue<TraceText>> {
    (trace != 0).then(|| display(TraceText(trace)))
}

/// An id, unless there is none.
fn some(id: u64) -> Option<u64> {
    (id != 0).then_some(id)
}

/// `MsgSeqNum` of the client's message, unless there is none.
fn seq(client_seq: u64) -> Option<u64> {
    some(client_seq & SEQ_MAX)
}

/// A text, unless it is empty.
fn text(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

/// The word of a refusal, unless it is none.
fn word(refusal: Refusal) -> Option<&'static str> {
    (refusal != Refusal::None).then(|| codes(refusal).word)
}

/// The `CompID`s of the sessions.
#[derive(Debug)]
pub struct Sessions(Vec<String>);

impl Sessions {
    /// The names of sessions; the index is the session's id.
    pub fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    /// Adds the sessions with the next ids.
    pub fn add(&mut self, names: Vec<String>) {
        self.0.extend(names);
    }

    /// The name of a session; empty for an unknown one.
    pub fn name(&self, id: SessionId) -> &str {
        self.0.get(id.index()).map_or("", String::as_str)
    }

    /// A client's message was read and is on its way to the core.
    pub fn received(&self, input: &Input) {
        if !is_on() {
            return;
        }
        match input {
            Input::NewOrder(NewOrder { session, client_seq, cl_ord_id, trace, .. }) => debug!(
                target: TARGET,
                trace_id = shown(*trace),
                session = self.name(*session),
                seq = seq(*client_seq),
                cl_ord_id = cl_ord_id.as_str(),
                "order_received"
            ),
            Input::Unacceptable(order) if order.orig_cl_ord_id.is_empty() => debug!(
                target: TARGET,
                trace_id = shown(order.trace),
                session = self.name(order.session),
                seq = seq(order.client_seq),
                cl_ord_id = order.cl_ord_id.as_str(),
                "order_received"
            ),
            // Which order is meant, and with that its trace, the core's answer says.
            Input::Unacceptable(change) => {
                let of = [change.cl_ord_id.as_str(), change.orig_cl_ord_id.as_str()];
                self.change("replace_received", change.session, change.client_seq, of);
            }
            Input::Replace(change) => {
                let of = [change.order.cl_ord_id.as_str(), change.orig_cl_ord_id.as_str()];
                let order = &change.order;
                self.change("replace_received", order.session, order.client_seq, of);
            }
            Input::Cancel(change) => {
                let of = [change.cl_ord_id.as_str(), change.orig_cl_ord_id.as_str()];
                self.change("cancel_received", change.session, change.client_seq, of);
            }
            _ => {}
        }
    }

    fn change(&self, event: &str, session: SessionId, client_seq: u64, of: [&str; 2]) {
        let [cl_ord_id, orig_cl_ord_id] = of;
        debug!(
            target: TARGET,
            session = self.name(session),
            seq = seq(client_seq),
            cl_ord_id,
            orig_cl_ord_id,
            "{event}"
        );
    }

    /// A report was given to its session. `journal_seq` is the input's that caused it.
    pub fn sent(&self, output: &Output, journal_seq: u64) {
        if !is_on() {
            return;
        }
        match output {
            Output::Report(report) => self.report(report, journal_seq),
            Output::CancelReject(reject) => self.cancel_reject(reject, journal_seq),
            _ => {}
        }
    }

    fn report(&self, report: &Report, journal_seq: u64) {
        debug!(
            target: TARGET,
            trace_id = shown(report.trace),
            order_id = some(report.order.0),
            session = self.name(report.session),
            seq = seq(report.client_seq),
            kind = kind(report.kind),
            reason = word(report.reason),
            cl_ord_id = text(report.cl_ord_id.as_str()),
            child_id = report.last.map(|last| last.child.0),
            exec_id = report.exec,
            journal_seq,
            "report_sent"
        );
    }

    fn cancel_reject(&self, reject: &CancelReject, journal_seq: u64) {
        debug!(
            target: TARGET,
            trace_id = shown(reject.trace),
            order_id = some(reject.order.0),
            session = self.name(reject.session),
            seq = seq(reject.client_seq),
            kind = if reject.of_replace { "replace_rejected" } else { "cancel_rejected" },
            reason = word(reject.reason),
            cl_ord_id = text(reject.cl_ord_id.as_str()),
            journal_seq,
            "report_sent"
        );
    }
}

/// FIX 150 in a word.
const fn kind(kind: ReportKind) -> &'static str {
    match kind {
        ReportKind::New => "new",
        ReportKind::Canceled => "canceled",
        ReportKind::Replaced => "replaced",
        ReportKind::PendingCancel => "pending_cancel",
        ReportKind::Rejected => "rejected",
        ReportKind::Expired => "expired",
        ReportKind::Restated => "restated",
        ReportKind::PendingReplace => "pending_replace",
        ReportKind::Trade => "trade",
        ReportKind::OrderStatus => "status",
    }
}

/// A child's order and trace; empty while its id is zero.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    child: ChildId,
    order: OrderId,
    trace: u64,
}

/// Orders and traces of one sender's children, for log lines. They are stored at every level, one
/// store per command, so a raised level also shows orders that are already open.
#[derive(Debug)]
pub struct Children {
    venue: String,
    places: Box<[Known]>,
    /// Refusals of the venue that the log has told.
    refusals_told: u64,
}

impl Children {
    /// An empty memory for the venue `venue`.
    pub fn new(venue: String) -> Self {
        let places = vec![Known::default(); CHILDREN_MAX].into_boxed_slice();
        Self { venue, places, refusals_told: 0 }
    }

    /// The venue's name.
    pub fn venue(&self) -> &str {
        &self.venue
    }

    /// Whose child a command is about.
    pub fn learn(&mut self, command: &VenueCommand) {
        let known = match command {
            VenueCommand::AskBalances(_) => return,
            VenueCommand::New(SendNew { child, order, trace, .. })
            | VenueCommand::Reduce(SendReduce {
                of: ChildRef { child, order, trace, .. }, ..
            })
            | VenueCommand::Cancel(ChildRef { child, order, trace, .. })
            | VenueCommand::Query(ChildRef { child, order, trace, .. }) => {
                Known { child: *child, order: *order, trace: *trace }
            }
        };
        self.places[known.child.0 as usize % CHILDREN_MAX] = known;
    }

    fn of(&self, child: ChildId) -> Known {
        let known = self.places[child.0 as usize % CHILDREN_MAX];
        if known.child == child { known } else { Known { child, ..Known::default() } }
    }

    /// The bytes of a command have been written. `journal_seq` is the input's that caused it.
    pub fn sent(&self, command: &VenueCommand, journal_seq: u64) {
        let (event, child) = match command {
            VenueCommand::AskBalances(_) => ("balances_asked", ChildId(0)),
            VenueCommand::New(new) => ("child_sent", new.child),
            VenueCommand::Cancel(child) => ("child_cancel_sent", child.child),
            VenueCommand::Reduce(reduce) => ("child_amend_sent", reduce.of.child),
            VenueCommand::Query(child) => ("child_queried", child.child),
        };
        let known = self.of(child);
        debug!(
            target: TARGET,
            trace_id = shown(known.trace),
            order_id = some(known.order.0),
            child_id = child.0,
            venue = self.venue,
            journal_seq,
            "{event}"
        );
    }

    /// The venue, or its adapter, says something about a child.
    pub fn news(&self, input: &Input) {
        if !is_on() {
            return;
        }
        match input {
            Input::ChildAccepted { child, venue_order, .. } => {
                self.told(*child, "accepted", Some(venue_order));
            }
            Input::ChildRejected { child, reason, .. } => {
                self.told(*child, "rejected", Some(&format_args!("{reason:?}")));
            }
            Input::ChildFill(fill) => {
                self.told(fill.child, "fill", Some(&fill.exec.text().as_str()));
            }
            Input::ChildDone { child, how, .. } => {
                self.told(*child, "done", Some(&format_args!("{how:?}")));
            }
            Input::ChildAmended { child, qty, .. } => {
                self.told(*child, "amended", Some(&qty.0));
            }
            Input::AmendRejected { child, reason, .. } => {
                self.told(*child, "amend_rejected", Some(&format_args!("{reason:?}")));
            }
            Input::CancelRejected { child, reason, .. } => {
                self.told(*child, "cancel_rejected", Some(&format_args!("{reason:?}")));
            }
            Input::ChildInDoubt { child, doubt, .. } => {
                self.told(*child, "in_doubt", Some(&format_args!("{doubt:?}")));
            }
            Input::ChildFate { child, fate, .. } => {
                self.told(*child, "fate", Some(&format_args!("{fate:?}")));
            }
            _ => {}
        }
    }

    /// The venue's own words about requests that it refused. The lines are limited like all lines
    /// that are not about single orders, since a venue may refuse everything for the same reason.
    pub fn refused(&mut self, refusals: Option<&Refusals>) {
        let Some(refusals) = refusals.filter(|one| one.count() != self.refusals_told) else {
            return;
        };
        let mut dropped = refusals.count() - self.refusals_told;
        for refusal in refusals.after(self.refusals_told) {
            dropped -= 1;
            let known = self.of(ChildId(refusal.order));
            tracing::info!(
                trace_id = shown(known.trace),
                order_id = some(known.order.0),
                child_id = refusal.order,
                venue = self.venue,
                request = match refusal.request {
                    Refused::New => "new",
                    Refused::Cancel => "cancel",
                    Refused::Amend => "amend",
                },
                text = refusal.text,
                "refused by venue"
            );
        }
        if dropped > 0 {
            tracing::info!(venue = self.venue, count = dropped, "more refused by venue");
        }
        self.refusals_told = refusals.count();
    }

    fn told(&self, child: ChildId, kind: &str, detail: Option<&dyn fmt::Display>) {
        let known = self.of(child);
        debug!(
            target: TARGET,
            trace_id = shown(known.trace),
            order_id = some(known.order.0),
            kind,
            child_id = child.0,
            venue = self.venue,
            detail = detail.map(display),
            "venue_news"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::logs::kept::CapturedLogs;
    use std::cell::Cell;

    use rutter_core::id::{ClOrdId, InstrumentId, Symbol, VenueId};
    use rutter_core::input::{
        CancelOrder, Ending, Instructions, OrdType, ReplaceOrder, Side, TimeInForce, Unacceptable,
        VenueReject, WrittenTerms,
    };
    use rutter_core::number::{Price, Qty, UnixNanos};
    use rutter_core::output::OrdStatus;
    use rutter_transport::refusals::REFUSALS_MAX;
    use tracing_subscriber::layer::SubscriberExt;
    use tracing_subscriber::{EnvFilter, Layer, fmt as lines};

    use super::super::json::JsonLine;

    const TRACE: u64 = 0x00ab_cdef;

    thread_local! {
        static FORMATTED: Cell<u32> = const { Cell::new(0) };
    }

    pub(super) fn count_formatting() {
        FORMATTED.set(FORMATTED.get() + 1);
    }

    fn id(text: &str) -> ClOrdId {
        ClOrdId::new(text.as_bytes()).expect("short")
    }

    fn order() -> NewOrder {
        NewOrder {
            session: SessionId(1),
            client_seq: (3 << 48) + 17,
            cl_ord_id: id("a1"),
            instrument: InstrumentId(0),
            side: Side::Buy,
            ord_type: OrdType::Limit,
            tif: TimeInForce::Gtc,
            qty: Qty(1),
            price: Price(1),
            instructions: Instructions::default(),
            poss_resend: false,
            trace: TRACE,
        }
    }

    fn report() -> Report {
        Report {
            session: SessionId(1),
            event: 1,
            client_seq: (3 << 48) + 17,
            exec: 5,
            order: OrderId(9),
            trace: TRACE,
            kind: ReportKind::New,
            status: OrdStatus::New,
            cl_ord_id: id("a1"),
            tif: TimeInForce::Gtc,
            qty: Qty(1),
            price: Price(1),
            leaves: Qty(1),
            ..Report::BLANK
        }
    }

    fn child(child: u64) -> ChildRef {
        ChildRef {
            venue: VenueId(0),
            child: ChildId(child),
            order: OrderId(9),
            trace: TRACE,
            instrument: InstrumentId(0),
        }
    }

    /// One order's way, and what it is asked on the way.
    fn tell_all() {
        let sessions = Sessions::new(vec!["ALPHA".to_owned(), "BETA".to_owned()]);
        sessions.received(&Input::NewOrder(order()));
        let (session, client_seq) = (SessionId(1), 18);
        let (cl_ord_id, orig_cl_ord_id) = (id("c1"), id("a1"));
        let changed = NewOrder { client_seq, cl_ord_id, trace: 0, ..order() };
        sessions.received(&Input::Replace(ReplaceOrder { orig_cl_ord_id, order: changed }));
        let cancel = CancelOrder { session, client_seq, cl_ord_id, orig_cl_ord_id };
        sessions.received(&Input::Cancel(cancel));
        sessions.received(&Input::Tick);
        let mut children = Children::new("kraken".to_owned());
        children.learn(&VenueCommand::Query(child(4)));
        // The stations ask for themselves before they keep what is to be told.
        if is_on() {
            children.sent(&VenueCommand::Cancel(child(4)), 33);
        }
        let (venue, reason) = (VenueId(0), VenueReject::Late);
        let (child, retry_after_ns) = (ChildId(4), 0);
        children.news(&Input::CancelRejected { venue, child, reason, retry_after_ns });
        children.news(&Input::ChildDone {
            venue,
            child: ChildId(5),
            how: Ending::Expired,
            filled: Qty(0),
        });
        sessions.sent(&Output::Report(report()), 33);
        sessions.sent(
            &Output::CancelReject(CancelReject {
                session,
                event: 2,
                client_seq: 0,
                time: UnixNanos(1),
                order: OrderId(0),
                trace: 0,
                cl_ord_id,
                orig_cl_ord_id,
                status: OrdStatus::Rejected,
                of_replace: false,
                reason: Refusal::UnknownOrder,
            }),
            34,
        );
    }

    /// The lines without their time, and how many traces were made into text.
    fn written_at(level: &str) -> (Vec<String>, u32) {
        let kept = CapturedLogs::default();
        let layer = lines::layer().event_format(JsonLine).with_writer(kept.clone());
        let filter = EnvFilter::try_new(level).expect("a level");
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter));
        let before = FORMATTED.get();
        tracing::subscriber::with_default(subscriber, tell_all);
        let text = String::from_utf8(kept.0.lock().expect("free").clone()).expect("text");
        let without_time = |line: &str| line.split_once("\"level\"").expect("a level").1.to_owned();
        (text.lines().map(without_time).collect(), FORMATTED.get() - before)
    }

    #[test]
    fn an_orders_way_is_told_with_its_trace_and_session_and_number() {
        let (told, formatted) = written_at("info,order=debug");
        let order = r#""order_id":9"#;
        let trace = r#""trace_id":"0000000000abcdef""#;
        let message = r#""session":"BETA","seq":17,"target":"order""#;
        let change = r#""session":"BETA","seq":18,"target":"order","cl_ord_id":"c1""#;
        let kraken = r#""venue":"kraken""#;
        let target = r#""target":"order""#;
        let expected = [
            format!(r#""order_received",{trace},{message},"cl_ord_id":"a1""#),
            format!(r#""replace_received",{change},"orig_cl_ord_id":"a1""#),
            format!(r#""cancel_received",{change},"orig_cl_ord_id":"a1""#),
            [
                &format!(r#""child_cancel_sent",{trace},{order},{target},"child_id":4,"#),
                kraken,
                r#","journal_seq":33"#,
            ]
            .concat(),
            [
                &format!(r#""venue_news",{trace},{order},{target},"kind":"cancel_rejected","#),
                r#""child_id":4,"#,
                kraken,
                r#","detail":"Late""#,
            ]
            .concat(),
            // A child that it was never told of.
            [
                r#""venue_news","target":"order","kind":"done","child_id":5,"#,
                kraken,
                r#","detail":"Expired""#,
            ]
            .concat(),
            [
                &format!(
                    r#""report_sent",{trace},{order},{message},"kind":"new","cl_ord_id":"a1","#
                ),
                r#""exec_id":5,"journal_seq":33"#,
            ]
            .concat(),
            [
                r#""report_sent","session":"BETA","target":"order","kind":"cancel_rejected","#,
                r#""reason":"UnknownOrder","cl_ord_id":"c1","journal_seq":34"#,
            ]
            .concat(),
        ]
        .map(|line| format!(r#":"debug","event":{line}}}"#));
        assert_eq!(told, expected);
        assert_eq!(formatted, 4);
    }

    #[test]
    fn a_venues_words_about_a_refusal_are_a_line_at_info_once_and_what_was_dropped_is_counted() {
        let kept = CapturedLogs::default();
        let lines =
            tracing_subscriber::fmt().event_format(JsonLine).with_writer(kept.clone()).finish();
        let mut children = Children::new("kraken".to_owned());
        children.learn(&VenueCommand::Cancel(child(4)));
        let mut refusals = Refusals::default();
        refusals.add(4, Refused::New, "EOrder:Weird-words", &[]);
        tracing::subscriber::with_default(lines, || {
            children.refused(None);
            children.refused(Some(&refusals));
            children.refused(Some(&refusals));
            for _ in 0..REFUSALS_MAX + 5 {
                refusals.add(5, Refused::Cancel, "no", &[]);
            }
            children.refused(Some(&refusals));
        });
        let text = String::from_utf8(kept.0.lock().expect("free").clone()).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 1 + REFUSALS_MAX + 1, "{text}");
        let first = r#""level":"info","event":"refused by venue","trace_id":"0000000000abcdef","#;
        let rest = r#""child_id":4,"venue":"kraken","request":"new","text":"EOrder:Weird-words"}"#;
        assert!(lines[0].contains(first) && lines[0].ends_with(rest), "{text}");
        assert!(lines[1 + REFUSALS_MAX].contains(r#""count":5}"#), "{text}");
    }

    #[test]
    fn below_debug_nothing_is_written_and_nothing_made_into_text() {
        for level in ["info", "off", "debug,order=info", "trace,order=warn"] {
            assert_eq!(written_at(level), (Vec::new(), 0), "{level}");
        }
    }

    #[test]
    fn an_order_that_is_refused_by_its_words_has_a_trace_and_a_refused_change_has_none() {
        let refused = Unacceptable {
            session: SessionId(0),
            client_seq: 1,
            cl_ord_id: id("a1"),
            symbol: Symbol::EMPTY,
            written: WrittenTerms::NONE,
            orig_cl_ord_id: ClOrdId::EMPTY,
            refusal: Refusal::UnknownSymbol,
            trace: TRACE,
        };
        let change = Unacceptable { orig_cl_ord_id: id("a0"), trace: 0, ..refused };
        let kept = CapturedLogs::default();
        let lines =
            tracing_subscriber::fmt().with_max_level(Level::DEBUG).with_writer(kept.clone());
        let sessions = Sessions::new(Vec::new());
        tracing::subscriber::with_default(lines.finish(), || {
            sessions.received(&Input::Unacceptable(refused));
            sessions.received(&Input::Unacceptable(change));
        });
        let text = String::from_utf8(kept.0.lock().expect("free").clone()).expect("text");
        assert_eq!(text.matches("trace_id").count(), 1, "{text}");
        assert!(text.contains("order_received") && text.contains("replace_received"), "{text}");
    }

    #[test]
    fn a_newer_child_takes_the_place_of_an_old_one_and_not_its_trace() {
        let mut children = Children::new("kraken".to_owned());
        children.learn(&VenueCommand::Cancel(child(1)));
        let newer = child(1 + CHILDREN_MAX as u64);
        assert_eq!(children.of(ChildId(1)).trace, TRACE);
        assert_eq!(children.of(newer.child).trace, 0);
        children.learn(&VenueCommand::Cancel(newer));
        assert_eq!(children.of(ChildId(1)).trace, 0);
        assert_eq!(children.of(newer.child).trace, TRACE);
    }
}
