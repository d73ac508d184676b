//! The claims about journal, clients and venues after a run whose orders are all over.

use std::collections::{BTreeMap, BTreeSet};

use rutter::node::decider::{RECORD_DIGEST, RECORD_INPUT, Replayer};
use rutter_clients::refusal::codes;
use rutter_core::Engine;
use rutter_core::id::{AccountId, InstrumentId, SessionId, VenueId};
use rutter_core::input::{Input, Liquidity, Refusal, Side};
use rutter_core::number::Amount;
use rutter_core::output::{Notice, Output, Sink};
use rutter_core::wire::decode;
use rutter_journal::{FileStorage, Reader};
use rutter_sim::Venue;
use rutter_tools::harness::VenueFill;

use super::desk::{Desk, Heard};
use super::run::Run;

/// The node's prices have two decimals here, the tools' eight.
const PRICE_TO_E8: i64 = 1_000_000;

/// From 10^-16 (a price times a quantity of the tools) to the core's 10^-18.
const CASH_TO_E18: i128 = 100;

/// What a replay of the whole journal, from its first record, yields.
#[derive(Default)]
struct Journal {
    replayer: Replayer,
    /// To clients.
    outputs: Vec<Output>,
    /// Notices that no run may have: fills without an owner, events out of order.
    alarms: Vec<Notice>,
    /// `ClOrdID`s of orders by session, each with market, side and quantity if it was readable.
    orders: BTreeMap<SessionId, Vec<(String, Option<Terms>)>>,
    /// Digest after each record at which a start of the node found its end.
    digests: BTreeMap<u64, u64>,
    /// The last record, if it is a digest.
    last_digest: Option<u64>,
}

/// Market, buy, quantity.
type Terms = (usize, bool, i64);

struct Keep<'a> {
    outputs: &'a mut Vec<Output>,
    alarms: &'a mut Vec<Notice>,
}

impl Sink for Keep<'_> {
    fn output(&mut self, output: &Output) {
        match output {
            Output::Report(_) | Output::CancelReject(_) | Output::MassCancelReport(_) => {
                self.outputs.push(*output);
            }
            Output::Notice(
                notice @ (Notice::OrphanFill(..) | Notice::Overfill(..) | Notice::IllegalEvent(..)),
            ) => self.alarms.push(*notice),
            Output::Notice(_)
            | Output::Command(..)
            | Output::Operator(_)
            | Output::Preview(..)
            | Output::SendNew(_)
            | Output::SendCancel(_)
            | Output::SendReduce(_)
            | Output::Query(_)
            | Output::ClientPreview(_)
            | Output::AskBalances(_) => {}
        }
    }
}

impl Journal {
    fn read(path: &std::path::Path, starts: &BTreeMap<u64, String>) -> Self {
        let storage = FileStorage::existing(path).expect("a journal");
        let mut reader = Reader::open(storage).expect("opens");
        let mut journal = Self::default();
        while let Some(record) = reader.next().expect("every record is sound") {
            let mut keep = Keep { outputs: &mut journal.outputs, alarms: &mut journal.alarms };
            journal.replayer.record(&record, &mut keep).expect("decides as before");
            let engine = journal.replayer.engine().expect("a genesis");
            if starts.contains_key(&record.sequence) {
                journal.digests.insert(record.sequence, engine.digest());
            }
            journal.last_digest = None;
            match record.kind {
                RECORD_INPUT => journal.input(&decode(record.body).expect("an input")),
                RECORD_DIGEST => {
                    let body = record.body.try_into().expect("eight bytes");
                    journal.last_digest = Some(u64::from_le_bytes(body));
                }
                kind => panic!("record of kind {kind}"),
            }
        }
        journal
    }

    fn input(&mut self, input: &Input) {
        match input {
            Input::NewOrder(new) => {
                let terms = (new.instrument.index(), new.side == Side::Buy, new.qty.0);
                let order = (new.cl_ord_id.to_string(), Some(terms));
                self.orders.entry(new.session).or_default().push(order);
            }
            Input::Unacceptable(bad) => {
                let order = (bad.cl_ord_id.to_string(), None);
                self.orders.entry(bad.session).or_default().push(order);
            }
            _ => {}
        }
    }

    fn engine(&self) -> &Engine {
        self.replayer.engine().expect("a genesis")
    }

    /// The reports that the session must have got, in order.
    fn said(&self, session: SessionId) -> Vec<Heard> {
        let venues = &self.engine().reference().venues;
        let venue = |id: VenueId| venues[id.index()].name.to_string();
        let mut said = Vec::new();
        for output in &self.outputs {
            match output {
                Output::Report(report) if report.session == session => said.push(Heard {
                    kind: char::from(report.kind as u8),
                    status: char::from(report.status as u8),
                    exec: report.exec,
                    order: report.order.0,
                    cl_ord_id: report.cl_ord_id.to_string(),
                    orig_cl_ord_id: report.orig_cl_ord_id.to_string(),
                    cum_e8: report.filled.0,
                    leaves_e8: report.leaves.0,
                    last: report.last.map(|last| {
                        let maker = last.liquidity == Liquidity::Maker;
                        (venue(last.venue), last.qty.0, last.price.0 * PRICE_TO_E8, maker)
                    }),
                    text: match report.reason {
                        Refusal::None => String::new(),
                        reason => codes(reason).word.to_owned(),
                    },
                }),
                Output::CancelReject(reject) if reject.session == session => said.push(Heard {
                    kind: 'x',
                    status: char::from(reject.status as u8),
                    exec: 0,
                    order: reject.order.0,
                    cl_ord_id: reject.cl_ord_id.to_string(),
                    orig_cl_ord_id: reject.orig_cl_ord_id.to_string(),
                    cum_e8: 0,
                    leaves_e8: 0,
                    last: None,
                    text: codes(reject.reason).word.to_owned(),
                }),
                _ => {}
            }
        }
        said
    }
}

/// Records and digest that each start of the node found, from its log.
fn starts(log: &str) -> BTreeMap<u64, String> {
    let value = |line: &str, name: &str| {
        let rest = &line[line.find(name)? + name.len()..];
        let end = rest.find([' ', '\n']).unwrap_or(rest.len());
        Some(rest[..end].trim_matches('"').to_owned())
    };
    let found = log.lines().filter(|line| line.contains("journal recovered"));
    found
        .map(|line| {
            let records = value(line, "records=").and_then(|text| text.parse().ok());
            (records.expect("a number"), value(line, "digest=").expect("a digest"))
        })
        .filter(|(records, _)| *records > 0)
        .collect()
}

/// Checks all claims about a run whose node has ended.
pub fn all(run: &Run, kills: u64) {
    let log = std::fs::read_to_string(run.node.log_path()).expect("log");
    assert!(!log.contains("panicked"), "no thread of the node panicked:\n{}", run.node.log_end());
    let starts = starts(&log);
    let journal = Journal::read(&run.node.journal(), &starts);
    assert!(journal.alarms.is_empty(), "{:?}", journal.alarms);
    digests(run, &journal, &starts);
    let reference = journal.engine().reference();
    let mut reports = 0;
    for desk in &run.desks {
        let session = reference.sessions.iter().find(|one| one.name.to_string() == desk.name);
        let session = session.expect("the journal knows the session").id;
        inputs(desk, journal.orders.get(&session).map_or(&[], Vec::as_slice));
        stream(desk, &journal.said(session));
        reports += desk.told.len();
    }
    execs(&run.desks);
    fills(run, &journal);
    let resent: u64 = run.desks.iter().map(|desk| desk.resent).sum();
    let logons: u64 = run.desks.iter().map(|desk| desk.logons).sum();
    let orders: usize = run.desks.iter().map(|desk| desk.orders.len()).sum();
    let cancels: u64 = run.desks.iter().map(|desk| desk.cancels).sum();
    println!(
        "{kills} kills, {} starts on a journal, {} inputs, {orders} orders, {cancels} cancels, \
         {reports} reports ({resent} resent), {} fills, {logons} logons: none lost, none invented",
        starts.len(),
        journal.replayer.inputs,
        run.booked.len(),
    );
    // A run that tests nothing must not pass.
    if kills >= 20 {
        assert!(orders as u64 > kills * 4 && run.booked.len() as u64 > kills, "too little load");
        assert!(resent > 0, "no kill lost anything on the wire");
        assert!(logons > kills * 4, "sessions come back");
    }
}

/// The journal is whole, and deciding again decides the same: in one go without a crash, as every
/// restart did up to where it found the end, and as the last process did live.
fn digests(run: &Run, journal: &Journal, starts: &BTreeMap<u64, String>) {
    let verified = run.node.journal_command("verify").expect("runs");
    let said = String::from_utf8_lossy(&verified.stdout);
    let complaint = String::from_utf8_lossy(&verified.stderr);
    assert!(verified.status.success() && said.contains("end clean"), "{said}{complaint}");
    let digest = journal.engine().digest();
    assert_eq!(journal.last_digest, Some(digest), "as decided live and journaled at the end");
    assert!(journal.replayer.digests > 0, "digests were journaled");
    for (records, found) in starts {
        let again = journal.digests.get(records).expect("the log names a record of the journal");
        assert_eq!(*found, format!("{again:016x}"), "as recovered after record {records}");
    }
    let replays: Vec<String> = (0..2)
        .map(|_| {
            let replayed = run.node.journal_command("replay").expect("runs");
            let complaint = String::from_utf8_lossy(&replayed.stderr);
            assert!(replayed.status.success(), "{complaint}");
            let said = String::from_utf8_lossy(&replayed.stdout);
            said.lines().filter(|line| !line.starts_with("rate ")).collect::<Vec<_>>().join("\n")
        })
        .collect();
    assert_eq!(replays[0], replays[1], "two replays say the same");
    assert!(replays[0].contains(&format!("\ndigest {digest:016x}")), "{}", replays[0]);
}

/// Every order that the client sent is in the journal once, as it was sent, and no other.
fn inputs(desk: &Desk, journaled: &[(String, Option<Terms>)]) {
    let mut seen = BTreeSet::new();
    for (id, terms) in journaled {
        assert!(seen.insert(id.as_str()), "{id} is journaled twice");
        let sent = desk.orders.get(id).unwrap_or_else(|| panic!("{id} was never sent"));
        if let Some(terms) = terms {
            assert_eq!(*terms, (sent.market, sent.buy, sent.qty_e8), "{id} as it was sent");
        }
    }
    for (id, order) in &desk.orders {
        assert!(seen.contains(id.as_str()), "{id} is not journaled");
        assert!(order.answered && order.over, "{id} has its answer: {order:?}");
    }
}

/// The client was told exactly what the journal decides, in that order: nothing missing, nothing
/// twice, nothing else. Numbers rise.
fn stream(desk: &Desk, said: &[Heard]) {
    for (at, ((_, heard), said)) in desk.told.iter().zip(said).enumerate() {
        assert_eq!(heard, said, "{}: message {at}", desk.name);
    }
    assert_eq!(desk.told.len(), said.len(), "{}: messages", desk.name);
    for pair in desk.told.windows(2) {
        assert!(pair[0].0 < pair[1].0, "{}: 34={} then {}", desk.name, pair[0].0, pair[1].0);
    }
}

/// `ExecID`s over all sessions are 1 to their number: none missing, none twice.
fn execs(desks: &[Desk]) {
    let told = desks.iter().flat_map(|desk| &desk.told);
    let mut execs: Vec<u64> = told.map(|(_, heard)| heard.exec).filter(|exec| *exec > 0).collect();
    execs.sort_unstable();
    for (exec, expected) in execs.iter().zip(1..) {
        assert_eq!(*exec, expected, "ExecIDs are dense");
    }
    let tags: BTreeSet<_> = desks.iter().filter_map(|desk| desk.tag.as_ref()).collect();
    assert_eq!(tags.len(), 1, "one journal has one tag");
}

/// Executions at the venues are those that the clients were told, one by one, and what the ledger
/// holds is their sum.
fn fills(run: &Run, journal: &Journal) {
    let mut balance: BTreeMap<VenueFill, i64> = BTreeMap::new();
    let mut sums = [(0_i128, 0_i128); 2];
    for fill in &run.booked {
        *balance.entry(VenueFill { trade_id: 0, ..*fill }).or_default() += 1;
        let sign = if fill.buy { 1 } else { -1 };
        let (qty, price) = (i128::from(fill.qty_e8), i128::from(fill.price_e8));
        sums[fill.market].0 += sign * qty;
        sums[fill.market].1 -= sign * qty * price * CASH_TO_E18;
    }
    for desk in &run.desks {
        for (_, heard) in desk.told.iter().filter(|(_, heard)| heard.kind == 'F') {
            let (venue, qty_e8, price_e8, maker) = heard.last.clone().expect("an execution");
            let about = match heard.orig_cl_ord_id.as_str() {
                "" => &heard.cl_ord_id,
                orig => orig,
            };
            let order = desk.orders[about];
            let fill = VenueFill {
                venue: Venue::from_name(&venue).expect("a venue of ours"),
                market: order.market,
                buy: order.buy,
                price_e8,
                qty_e8,
                maker,
                trade_id: 0,
            };
            *balance.entry(fill).or_default() -= 1;
        }
    }
    balance.retain(|_, count| *count != 0);
    assert!(balance.is_empty(), "booked (+) or told (-) only: {balance:?}");
    for (market, (base, cash)) in sums.into_iter().enumerate() {
        let instrument = InstrumentId(market as u16);
        let position = journal.engine().ledger().position(AccountId(0), instrument);
        assert_eq!((position.base, position.cash), (base, Amount(cash)), "position {market}");
    }
    assert_eq!(journal.engine().open_orders(), 0, "every order is over");
}
