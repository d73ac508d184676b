//! Operators at the desk of a core: every verb in every role, two persons, codes, dry runs.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};

use rutter_admin::console::TotpVerifier;
use rutter_admin::console::commands::{CommandSender, Decided, Replies};
use rutter_admin::console::frame::{Code, Failure, RawRequest};
use rutter_admin::console::handles::{About, Handles};
use rutter_admin::console::people::{Peer, Role};
use rutter_admin::console::service::{ConsoleService, TwoPerson};
use rutter_admin::console::sessions::{Lockout, SessionGauges};
use rutter_admin::console::snapshot::{NodeSnapshot, SnapshotCell};
use rutter_admin::console::socket::Service;
use rutter_admin::console::verb::{Kind, Verb};
use rutter_admin::model::ReadModel;
use rutter_core::Engine;
use rutter_core::id::*;
use rutter_core::input::*;
use rutter_core::number::*;
use rutter_core::output::{OperatorReport, Output, Previewed, Sink};
use rutter_test_support::reference::buy;
use serde_json::{Value, json};

use crate::world::{definitions, genesis, sizes, text};

/// The secret of RFC 6238, and its code at second 59.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
const CODE: &str = "287082";
const NOW_NS: u64 = 59 * 1_000_000_000;
/// The number of the first command that waits for a second person.
const FIRST: u64 = NOW_NS / 1_000_000;

/// Outputs go to the model, and the answer to the operator is kept.
struct Tee<'a>(&'a mut ReadModel, Vec<Previewed>, Option<OperatorReport>);

impl Sink for Tee<'_> {
    fn input(&mut self, header: Header, input: &Input) {
        self.0.input(header, input);
    }

    fn output(&mut self, output: &Output) {
        self.0.output(output);
        match output {
            Output::Preview(_, part) => self.1.push(*part),
            Output::Operator(report) => self.2 = Some(*report),
            _ => {}
        }
    }
}

struct Core {
    engine: Mutex<(Engine, u64)>,
    model: Arc<Mutex<ReadModel>>,
}

impl Core {
    fn new() -> Self {
        let core = Self {
            engine: Mutex::new((Engine::new(&genesis()).expect("sound"), 0)),
            model: Arc::new(Mutex::new(ReadModel::new(sizes()))),
        };
        let level = |price| Level { price: Price(price), qty: Qty(9) };
        let mut book = BookUpdate { clear: true, last: true, ..BookUpdate::default() };
        assert!(book.push(Side::Buy, level(99)) && book.push(Side::Sell, level(101)));
        let funds = |asset| Input::Balance {
            venue: VenueId(0),
            asset: AssetId(asset),
            total: Amount(1_000_000_000_000_000_000_000_000),
        };
        let rest = [funds(0), funds(2), Input::VenueUp(VenueId(0)), Input::Book(book)];
        for input in definitions().into_iter().chain(rest) {
            core.input(&input);
        }
        core
    }

    fn input(&self, input: &Input) -> Option<Decided> {
        let mut engine = self.engine.lock().expect("sound");
        engine.1 += 1;
        let seq = engine.1;
        let mut model = self.model.lock().expect("sound");
        let mut tee = Tee(&mut model, Vec::new(), None);
        let header = Header { seq, time: UnixNanos(NOW_NS + seq) };
        engine.0.apply(header, input, &mut tee);
        let Tee(_, preview, report) = tee;
        report.map(|report| Decided { seq, report, preview })
    }

    fn order(&self, id: &str) {
        self.input(&Input::NewOrder(NewOrder { qty: Qty(5), price: Price(100), ..buy(id) }));
    }

    fn seq(&self) -> u64 {
        self.engine.lock().expect("sound").1
    }

    fn model(&self) -> MutexGuard<'_, ReadModel> {
        self.model.lock().expect("sound")
    }
}

/// Handles to a core that decides on each command at once.
fn handles(core: &Arc<Core>) -> Handles {
    let (replies, decides) = (Arc::new(Replies::default()), Arc::clone(core));
    let told = Arc::clone(&replies);
    let put = move |operator| {
        let decided = decides.input(&Input::Operator(operator));
        told.decided(&decided.expect("each command is answered"));
        true
    };
    Handles {
        about: About {
            name: "TEST".to_owned(),
            node_tag: 7,
            child_of: Some(|tag, id| {
                let child = std::str::from_utf8(id).ok()?.strip_prefix(&format!("v{tag}-"))?;
                child.parse().ok().map(ChildId)
            }),
            ..About::default()
        },
        clock: || NOW_NS,
        model: Arc::clone(&core.model),
        snapshot: Arc::default(),
        sessions: Arc::new(SessionGauges::new([("S0".to_owned(), "trading")])),
        books: Arc::default(),
        commands: CommandSender::new(Box::new(put), replies, Arc::default()),
        extender: None,
    }
}

struct Office {
    core: Arc<Core>,
    service: ConsoleService,
    sessions: Arc<SessionGauges>,
    snapshot: Arc<SnapshotCell>,
}

const NOBODY_NEEDS_ANYBODY: TwoPerson =
    TwoPerson { cancel_all: false, limits_raise: false, reload: false };

impl Office {
    fn new(two_person: TwoPerson, codes: Option<TotpVerifier>) -> Self {
        let core = Arc::new(Core::new());
        let handles = handles(&core);
        let (sessions, snapshot) = (Arc::clone(&handles.sessions), Arc::clone(&handles.snapshot));
        let service = ConsoleService::new(handles, two_person, codes);
        Self { core, service, sessions, snapshot }
    }

    fn open() -> Self {
        Self::new(NOBODY_NEEDS_ANYBODY, None)
    }

    fn says(&self, uid: u32, role: Role, verb: &str, args: &Value) -> Result<Value, Failure> {
        let peer = Peer { uid, name: format!("u{uid}"), gids: BTreeSet::new() };
        let args = args.as_object().expect("an object").clone();
        self.service.answer(&peer, role, &RawRequest { id: 1, verb: verb.to_owned(), args })
    }

    fn admin(&self, verb: &str, args: &Value) -> Result<Value, Failure> {
        self.says(1, Role::Admin, verb, args)
    }

    fn code(&self, uid: u32, verb: &str, args: &Value) -> Option<Code> {
        self.says(uid, Role::Admin, verb, args).err().map(|failure| failure.code)
    }

    fn journaled_last(&self) -> (String, String, String) {
        let row = self.core.model().commands(1).remove(0);
        (row.by, row.reason, row.command)
    }
}

/// Arguments with which a verb means something here.
fn sound(verb: Verb) -> Value {
    let mut args = serde_json::Map::new();
    for arg in verb.own_args().filter(|arg| arg.required) {
        let value = match arg.kind {
            Kind::Venue => json!("v0"),
            Kind::Symbol => json!("BTC/USD"),
            Kind::Session => json!("S0"),
            Kind::Account => json!("fund0"),
            Kind::Level => json!("info"),
            Kind::Side => json!("buy"),
            Kind::Tif => json!("ioc"),
            Kind::Whole | Kind::OrderId | Kind::Order | Kind::Depth => json!(1),
            Kind::Flag | Kind::Switch => json!(true),
            Kind::Text
            | Kind::Reason
            | Kind::Command
            | Kind::Code
            | Kind::State
            | Kind::Strategy
            | Kind::Amount
            | Kind::Number => json!("1"),
        };
        args.insert(arg.name.to_owned(), value);
    }
    if matches!(verb, Verb::LockoutLift | Verb::RoutePreview) {
        args.insert("session".to_owned(), json!("S0"));
    }
    if verb.changes() {
        args.insert("reason".to_owned(), json!("a drill"));
    }
    Value::Object(args)
}

#[test]
fn an_order_is_found_by_its_number_the_clients_id_and_both_ids_at_a_venue() {
    let office = Office::open();
    for id in ["first", "2", "third"] {
        office.core.order(id);
    }
    let found = |id: Value| {
        let told = office.admin("order", &json!({"id": id}));
        told.map(|told| told["order"]["id"].as_u64().expect("a number"))
    };
    let by_number = found(json!(3)).expect("our id");
    for id in [json!("3"), json!("00000007-3"), json!("third")] {
        assert_eq!(found(id.clone()), Ok(by_number), "{id}");
    }
    let told = office.admin("order", &json!({"id": 3})).expect("an order");
    let child = told["children"][0]["id"].as_u64().expect("a child");
    assert_eq!(found(json!(format!("v7-{child}"))), Ok(by_number));
    assert_eq!(told["order"]["time"].as_str().map(str::len), Some(30), "{told}");
    office.core.input(&accepted(child, "OABC"));
    for id in ["OABC", "v0/OABC", &format!("v0/v7-{child}"), "S0/third"] {
        assert_eq!(found(json!(id)), Ok(by_number), "{id}");
    }
    let told = office.admin("order", &json!({"id": 3})).expect("an order");
    assert_eq!(told["children"][0]["venue_order"], "OABC");
    let others = ["v8-1", "fourth", "v1/OABC", &format!("v1/v7-{child}"), "S1/third", "99"];
    for unknown in others.map(|id| json!(id)).into_iter().chain([json!(99)]) {
        for verb in ["order", "cancel"] {
            let key = if verb == "order" { "id" } else { "order" };
            let args = json!({key: unknown, "reason": "x"});
            let args = if verb == "order" { json!({key: unknown}) } else { args };
            assert_eq!(office.code(1, verb, &args), Some(Code::UnknownOrder), "{verb} {args}");
        }
        let args = json!({"id": unknown});
        assert_eq!(office.code(1, "orders", &args), Some(Code::UnknownOrder), "{unknown}");
    }
}

/// The venue accepts a child, and tells its own id.
fn accepted(child: u64, id: &str) -> Input {
    let (venue, child) = (VenueId(0), ChildId(child));
    Input::ChildAccepted { venue, child, venue_order: text(id) }
}

/// A cancel on a guess would cancel somebody else's order.
#[test]
fn an_id_of_several_orders_is_refused_with_a_list_and_each_can_be_named_otherwise() {
    let office = Office::open();
    for id in ["A", "1", "C"] {
        office.core.order(id);
    }
    let told = office.admin("order", &json!({"id": "C"})).expect("an order");
    let child = told["children"][0]["id"].as_u64().expect("a child");
    office.core.input(&accepted(child, "1"));
    let before = office.core.seq();
    for (verb, args) in
        [("order", json!({"id": "1"})), ("cancel", json!({"order": "1", "reason": "x"}))]
    {
        let failure = office.admin(verb, &args).expect_err("which one?");
        assert_eq!(failure.code, Code::AmbiguousOrder, "{failure:?}");
        let matches = failure.more["matches"].as_array().expect("a list");
        let found = matches.iter().map(|one| (one["id"].as_u64(), one["by"].as_str()));
        let expected = [(3, "venue"), (2, "client"), (1, "number")];
        let expected = expected.map(|(id, by)| (Some(id), Some(by)));
        assert!(found.eq(expected), "{matches:?}");
        let shown = "00000007-2 (found by a client's id; session S0, client's id 1), ";
        assert!(failure.message.contains(shown), "{failure:?}");
        assert!(failure.message.contains("type one of these ids: 00000007-3"), "{failure:?}");
    }
    assert_eq!(office.core.seq(), before, "nothing is cancelled");
    let page = office.admin("orders", &json!({"id": "1"})).expect("a page");
    assert_eq!(page["orders"].as_array().map(Vec::len), Some(3));
    for (name, order) in
        [(json!(1), 1), (json!("00000007-1"), 1), (json!("S0/1"), 2), (json!("v0/1"), 3)]
    {
        let told = office.admin("order", &json!({"id": name})).expect("one");
        assert_eq!(told["order"]["id"], order, "{name}");
    }
    let done = office.admin("cancel", &json!({"order": "S0/1", "reason": "x"})).expect("done");
    assert_eq!(done["order"], 2);
    assert_eq!(office.journaled_last().2, "cancel 2");
    // Named, an order is listed in every state, unless a state is asked for.
    let open = json!({"id": "1", "state": "over"});
    let over = office.admin("orders", &open).expect("a page");
    assert!(over["orders"].as_array().is_some_and(|rows| rows.len() < 3), "{over}");
}

#[test]
fn every_verb_in_every_role_is_answered_or_forbidden_and_who_is_forbidden_changes_nothing() {
    for verb in Verb::ALL.iter().copied() {
        for role in [Role::Viewer, Role::Operator, Role::Admin] {
            let office = Office::open();
            office.core.order("a");
            let before = office.core.seq();
            let told = office.says(1, role, verb.name(), &sound(verb));
            let code = told.as_ref().err().map(|failure| failure.code);
            let expected = match verb.name() {
                _ if role < verb.role() => Some(Code::Forbidden),
                "approve" | "reject" => Some(Code::UnknownPending),
                "resume" => Some(Code::NotHalted),
                "lockout-lift" => Some(Code::NotLocked),
                "reload" => Some(Code::NotAdditions),
                "resolve" => Some(Code::NeedsSecondPerson),
                "bridge-keep" => Some(Code::UnknownOrder),
                _ => None,
            };
            assert_eq!(code, expected, "{verb:?} as {role:?}: {told:?}");
            let changed = office.core.seq() > before;
            // The core answers a preview, so the question is journaled, and nothing else.
            let asks = verb.changes() || verb == Verb::RoutePreview;
            assert_eq!(changed, asks && expected.is_none(), "{verb:?} as {role:?}");
        }
    }
}

#[test]
fn a_dry_run_of_each_change_says_what_would_be_and_journals_nothing() {
    let office = Office::open();
    office.core.order("a");
    for verb in Verb::ALL.iter().copied().filter(|verb| verb.changes()) {
        let mut args = sound(verb);
        args["dry_run"] = json!(true);
        let before = office.core.seq();
        match office.admin(verb.name(), &args) {
            Ok(told) => assert_eq!(told["dry_run"], true, "{verb:?}"),
            Err(failure) => {
                let nothing_there = matches!(
                    failure.code,
                    Code::UnknownPending
                        | Code::NotHalted
                        | Code::NotLocked
                        | Code::NotAdditions
                        | Code::UnknownOrder
                );
                assert!(nothing_there, "{verb:?}: {failure:?}");
            }
        }
        assert_eq!(office.core.seq(), before, "{verb:?}");
    }
    let told = office.admin("halt", &json!({"dry_run": true, "symbol": "BTC/USD"})).expect("told");
    assert_eq!((&told["affected"], &told["would"]), (&json!(1), &json!("halt symbol BTC/USD")));
}

#[test]
fn an_answer_is_made_from_the_one_state_of_which_what_is_wrong_was_found() {
    let office = Office::open();
    let status = Some(office.core.model().status());
    office.snapshot.store(NodeSnapshot { status, ..NodeSnapshot::default() });
    // The halt comes after the list of what is wrong was made.
    office.admin("halt", &json!({"venue": "v1", "reason": "test"})).expect("done");
    let told = office.admin("status", &json!({})).expect("told");
    assert_eq!((&told["halts"], &told["venues"][1]["halted"]), (&json!([]), &json!(false)));
}

#[test]
fn a_session_that_is_not_configured_any_more_says_so() {
    let office = Office::open();
    let told = office.admin("sessions", &json!({})).expect("told");
    let rows = told["sessions"].as_array().expect("rows");
    let shown: Vec<_> = rows.iter().map(|row| (&row["name"], &row["configured"])).collect();
    let expected = [(&json!("S0"), &json!(true)), (&json!("S1"), &json!(false))];
    assert_eq!(shown[..2], expected);
}

#[test]
fn what_is_carried_out_is_journaled_with_who_and_why() {
    let office = Office::open();
    office.admin("halt", &json!({"venue": "v1", "reason": "fills look wrong"})).expect("done");
    let expected = ["u1", "fills look wrong", "halt venue v1"].map(str::to_owned);
    assert_eq!(office.journaled_last(), expected.into());
    let status = office.admin("status", &json!({})).expect("told");
    assert_eq!(status["halts"], json!([{"venue": "v1"}]));
    assert_eq!(status["venues"][1]["halted"], true);
    office.admin("shutdown", &json!({"reason": "x", "cancel_orders": true})).expect("done");
    assert_eq!(office.journaled_last().2, "shutdown cancel_orders");
    let status = office.admin("status", &json!({})).expect("told");
    assert_eq!(status["halted"], true, "nothing new while it ends");
}

/// The arguments of a preview, with some of them changed.
fn preview(change: &Value) -> Value {
    let mut args = json!({
        "session": "S0", "symbol": "BTC/USD", "side": "buy", "qty": "0.005", "tif": "ioc",
    });
    let args_of = |value: &Value| value.as_object().expect("an object").clone();
    args.as_object_mut().expect("an object").extend(args_of(change));
    args
}

fn ask_by_strategies(ask: &impl Fn(&Value) -> Value) {
    for (strategy, number) in [("post", 1001), ("1001", 1001), ("smart", 1003)] {
        let terms = json!({"strategy": strategy, "price": "1.01", "tif": "gtc"});
        let told = ask(&terms);
        assert_eq!(told["strategy"], json!(number), "{told}");
        assert_eq!(told["legs"][0]["kind"], "rest", "{strategy} rests at the touch: {told}");
    }
    let told = ask(&json!({"strategy": "7777"}));
    assert_eq!(told["refusal"], "UnsupportedStrategy", "{told}");
}

#[test]
fn a_viewer_asks_where_an_order_would_go_and_the_order_then_goes_there() {
    let office = Office::open();
    let venue = VenueId(1);
    let level = |price| Level { price: Price(price), qty: Qty(9) };
    let mut book = BookUpdate { venue, clear: true, last: true, ..BookUpdate::default() };
    assert!(book.push(Side::Buy, level(98)) && book.push(Side::Sell, level(102)));
    let total = Amount(1_000_000_000_000_000_000_000_000);
    let funds = Input::Balance { venue, asset: AssetId(2), total };
    for input in [funds, Input::VenueUp(venue), Input::Book(book)] {
        office.core.input(&input);
    }
    let before = office.admin("status", &json!({})).expect("told");
    let ask = |change: &Value| {
        let told = office.says(7, Role::Viewer, "route-preview", &preview(change));
        told.unwrap_or_else(|failure| panic!("{failure:?}"))
    };
    let told = ask(&json!({}));
    let leg = &told["legs"][0];
    assert_eq!((&leg["venue"], &leg["kind"]), (&json!("v0"), &json!("take")), "{told}");
    assert_eq!((&leg["qty"], &leg["fills"]), (&json!("0.005"), &json!("0.005")), "{told}");
    assert_eq!((&told["left"], &told["left_why"]), (&json!("0"), &json!("None")), "{told}");
    assert_eq!((&told["refusal"], &told["seq"]), (&Value::Null, &json!(office.core.seq())));
    assert_eq!(told["total"], "0.00505", "5 times 101, in units of 0.001 and 0.01");
    let verdicts = told["venues"].as_array().expect("one line a venue").iter();
    let verdicts: Vec<_> = verdicts.map(|line| line["verdict"].as_str()).collect();
    assert_eq!(verdicts, ["Taken", "WorsePrice", "VenueDown"].map(Some));

    let by_account = json!({"session": Value::Null, "account": "fund0"});
    let mut args = preview(&by_account);
    args.as_object_mut().expect("an object").remove("session");
    let same = office.admin("route-preview", &args).expect("told");
    assert_eq!(same["legs"], told["legs"], "the account's first session");

    ask_by_strategies(&ask);

    let too_much = ask(&json!({"qty": "0.020"}));
    assert_eq!((&too_much["filled"], &too_much["left"]), (&json!("0.018"), &json!("0.002")));
    assert_eq!(too_much["left_why"], "NoLiquidity");
    let rests = ask(&json!({"price": "1", "tif": "gtc"}));
    assert_eq!(rests["legs"][0]["kind"], "rest", "{rests}");
    let nowhere = ask(&json!({"price": "1", "tif": "gtc", "venue": "v2"}));
    let told_why = (&nowhere["left_why"], &nowhere["left_waits"]);
    assert_eq!(told_why, (&json!("NoVenue"), &json!(true)), "{nowhere}");

    let after = office.admin("status", &json!({})).expect("told");
    for count in ["orders", "open_orders", "reports", "refused", "open_children"] {
        assert_eq!(before[count], after[count], "{count}");
    }
    assert_eq!(office.admin("commands", &json!({})).expect("told")["commands"], json!([]));
    office.core.input(&Input::NewOrder(NewOrder {
        qty: Qty(5),
        ord_type: OrdType::Market,
        price: Price(0),
        tif: TimeInForce::Ioc,
        ..buy("a")
    }));
    let sent = office.admin("order", &json!({"id": 1})).expect("told")["children"].clone();
    assert_eq!(sent.as_array().map(Vec::len), Some(1), "{sent}");
    for (of_child, of_leg) in [("venue", "venue"), ("qty", "qty"), ("price", "limit")] {
        assert_eq!(sent[0][of_child], leg[of_leg], "{sent}");
    }
    office.admin("halt", &json!({"reason": "a drill"})).expect("done");
    let refused = ask(&json!({}));
    assert_eq!((&refused["refusal"], &refused["legs"]), (&json!("Halted"), &json!([])));
}

#[test]
fn names_that_are_not_known_and_scopes_that_contradict_themselves_are_refused() {
    let office = Office::open();
    for (verb, args, code) in [
        ("halt", json!({"venue": "v9", "reason": "x"}), Code::UnknownVenue),
        ("halt", json!({"symbol": "X", "reason": "x"}), Code::UnknownSymbol),
        ("halt", json!({"session": "X", "reason": "x"}), Code::UnknownSession),
        ("halt", json!({"account": "X", "reason": "x"}), Code::UnknownAccount),
        ("halt", json!({"venue": "v0", "account": "fund0", "reason": "x"}), Code::BadArgument),
        ("cancel", json!({"order": 99, "reason": "x"}), Code::UnknownOrder),
        ("order", json!({"id": 99}), Code::UnknownOrder),
        ("orders", json!({"state": "nearly"}), Code::BadArgument),
        ("orders", json!({"limit": 1_001}), Code::BadArgument),
        ("route-preview", preview(&json!({"symbol": "X"})), Code::UnknownSymbol),
        ("route-preview", preview(&json!({"session": "X"})), Code::UnknownSession),
        ("route-preview", preview(&json!({"venue": "v9"})), Code::UnknownVenue),
        ("route-preview", preview(&json!({"strategy": "fast"})), Code::BadArgument),
        ("route-preview", preview(&json!({"qty": "1e3"})), Code::BadArgument),
        ("route-preview", preview(&json!({"account": "fund0"})), Code::BadArgument),
        ("route-preview", preview(&json!({"qty": "0"})), Code::BadArgument),
        ("route-preview", preview(&json!({"qty": "0.0001"})), Code::BadArgument),
        ("route-preview", preview(&json!({"price": "-1"})), Code::BadArgument),
        ("route-preview", preview(&json!({"side": "both"})), Code::BadArgument),
        ("route-preview", preview(&json!({"tif": "gtd"})), Code::BadArgument),
        // Such an order is asked about over FIX: none is shown as if it had none.
        ("route-preview", preview(&json!({"min_qty": "1"})), Code::BadArgument),
        ("book", json!({"symbol": "X"}), Code::UnknownSymbol),
        ("book", json!({"symbol": "BTC/USD", "depth": 51}), Code::BadArgument),
        ("log-level", json!({"level": "loud", "reason": "x"}), Code::BadArgument),
        (
            "limits-set",
            json!({"account": "fund0", "rate_per_s": 1_u64 << 40, "reason": "x"}),
            Code::BadArgument,
        ),
        (
            "limits-set",
            json!({"account": "fund0", "notional_max": "0", "reason": "x"}),
            Code::BadArgument,
        ),
        (
            "limits-set",
            json!({"account": "fund0", "notional_max": "-1e5", "reason": "x"}),
            Code::BadArgument,
        ),
    ] {
        let before = office.core.seq();
        assert_eq!(office.code(1, verb, &args), Some(code), "{verb} {args}");
        assert_eq!(office.core.seq(), before, "{verb} {args}");
    }
}

#[test]
fn what_the_core_refuses_is_told_with_its_word_and_its_place_in_the_journal() {
    let office = Office::open();
    office.core.order("a");
    let cancel = json!({"order": 1, "reason": "x"});
    office.admin("cancel", &cancel).expect("done");
    let failure = office.admin("cancel", &cancel).expect_err("under way already");
    assert_eq!((failure.code, &failure.more["refusal"]), (Code::Refused, &json!("AlreadyPending")));
    assert_eq!(failure.more["seq"], office.core.seq());
}

#[test]
fn limits_that_are_not_named_stay() {
    let office = Office::open();
    let set = json!({"account": "fund1", "notional_max": "12.5", "reason": "smaller"});
    office.admin("limits-set", &set).expect("done");
    let shown = office.admin("limits", &json!({"account": "fund1"})).expect("told");
    let row = &shown["limits"][0];
    assert_eq!((&row["notional_max"], &row["rate_per_s"]), (&json!("12.5"), &json!(10_000)));
}

#[test]
fn wide_cancels_and_wider_limits_wait_for_another_person() {
    let office =
        Office::new(TwoPerson { cancel_all: true, limits_raise: true, reload: false }, None);
    let all = json!({"reason": "end of day"});
    let told = office.admin("cancel-all", &all).expect_err("waits");
    assert_eq!((told.code, &told.more["pending"]), (Code::NeedsSecondPerson, &json!(FIRST)));
    let agree = json!({"pending": FIRST, "reason": "seen"});
    assert_eq!(office.code(1, "approve", &agree), Some(Code::SamePerson));
    let viewer = office.says(2, Role::Viewer, "approve", &agree).expect_err("too weak");
    assert_eq!(viewer.code, Code::Forbidden);
    let before = office.core.seq();
    office.says(2, Role::Operator, "approve", &agree).expect("done");
    assert_eq!(office.core.seq(), before + 1);
    let expected = ["u1+u2", "end of day", "cancel-all everything"].map(str::to_owned);
    assert_eq!(office.journaled_last(), expected.into());
    assert_eq!(office.code(2, "approve", &agree), Some(Code::UnknownPending));

    let end = json!({"reason": "x", "cancel_orders": true});
    assert_eq!(office.code(1, "shutdown", &end), Some(Code::NeedsSecondPerson));
    office.admin("reject", &json!({"pending": FIRST + 1, "reason": "x"})).expect("dropped");

    // One session's orders are no wide cancel; smaller limits are no raise.
    office.admin("cancel-all", &json!({"session": "S0", "reason": "x"})).expect("done");
    let limits = |rate: u32| json!({"account": "fund0", "rate_per_s": rate, "reason": "x"});
    office.admin("limits-set", &limits(5)).expect("done");
    assert_eq!(office.code(1, "limits-set", &limits(6)), Some(Code::NeedsSecondPerson));
    // Who may not set limits may not agree to it.
    let agree = json!({"pending": FIRST + 2, "reason": "x"});
    let weak = office.says(2, Role::Operator, "approve", &agree).expect_err("too weak");
    assert_eq!(weak.code, Code::Forbidden);
    let dry = json!({"pending": FIRST + 2, "dry_run": true});
    let would = office.says(2, Role::Admin, "approve", &dry).expect("told");
    assert!(would["would"].as_str().is_some_and(|words| words.contains("rate_per_s 6")), "{would}");
    office.says(2, Role::Admin, "reject", &agree).expect("dropped");
    assert_eq!(office.admin("pending", &json!({})).expect("told"), json!({"pending": []}));
}

#[test]
fn a_resume_wants_a_code_that_is_right_and_fresh() {
    let codes = TotpVerifier::new(SECRET, 0).unwrap_or_else(|error| panic!("{error}"));
    let office = Office::new(NOBODY_NEEDS_ANYBODY, Some(codes));
    office.admin("halt", &json!({"reason": "x"})).expect("a halt needs none");
    let with = |code: &str| json!({"reason": "x", "totp": code});
    assert_eq!(office.code(1, "resume", &json!({"reason": "x"})), Some(Code::TotpRequired));
    assert_eq!(office.code(1, "resume", &with("000000")), Some(Code::TotpWrong));
    office.admin("resume", &json!({"dry_run": true})).expect("a dry run needs none");
    office.admin("resume", &with(CODE)).expect("done");
    office.admin("halt", &json!({"reason": "x \u{2014} y"})).expect("whatever the reason");
    assert_eq!(office.journaled_last().1, "x ? y");
    assert_eq!(office.code(1, "resume", &with(CODE)), Some(Code::TotpWrong), "once");
    let (by, reason) = (text("u1"), text("x"));
    let command = OperatorCommand::Resume(Scope::All);
    office.core.input(&Input::Operator(Operator { request: 1, by, reason, command }));
    assert_eq!(office.admin("status", &json!({})).expect("told")["halted"], false);
}

/// While Alice's raise of one limit waits, Carol sets another one. Bob has read "rate 6".
#[test]
fn a_second_person_approves_the_words_that_were_asked_for_and_no_others() {
    let office =
        Office::new(TwoPerson { cancel_all: false, limits_raise: true, reload: false }, None);
    let set = |args: Value| {
        let mut args = args;
        (args["account"], args["reason"]) = (json!("fund0"), json!("x"));
        args
    };
    office.admin("limits-set", &set(json!({"rate_per_s": 5}))).expect("done");
    let raise = set(json!({"rate_per_s": 6}));
    assert_eq!(office.code(1, "limits-set", &raise), Some(Code::NeedsSecondPerson));
    let shown = office.admin("pending", &json!({})).expect("told")["pending"][0].clone();
    assert!(shown["command"].as_str().is_some_and(|words| words.contains("rate_per_s 6")));
    let other = json!({"pending": FIRST, "command": "cancel-all everything", "reason": "x"});
    assert_eq!(office.code(2, "approve", &other), Some(Code::PendingChanged));
    office.admin("limits-set", &set(json!({"open_orders_max": 3}))).expect("a smaller limit");
    let agree = json!({"pending": FIRST, "command": shown["command"], "reason": "x"});
    let before = office.core.seq();
    assert_eq!(office.code(2, "approve", &agree), Some(Code::PendingChanged));
    assert_eq!(office.core.seq(), before, "nothing is done");
    let back = office.core.model().limits(None)[0].limits.open_orders_max;
    assert_eq!(back, 3, "a forgotten value does not come back with an old command");
}

/// What an operator states is booked, so nobody states it alone, whatever the configuration says.
#[test]
fn a_resolution_needs_two_administrators_and_says_what_it_would_book() {
    let office = Office::open();
    office.core.order("a");
    let told = office.admin("order", &json!({"id": "a"})).expect("an order");
    let child = told["children"][0]["id"].as_u64().expect("a child");
    let with = |filled: &str, price: &str| json!({"child": child, "filled": filled, "price": price, "reason": "ticket 4711"});
    for (filled, price) in [("0.0001", "100"), ("-1", "100"), ("x", "1"), ("1", "1e9"), ("1", "")] {
        let code = office.code(1, "resolve", &with(filled, price));
        assert_eq!(code, Some(Code::BadArgument), "{filled} {price}");
    }
    let unknown = json!({"child": 99, "filled": "1", "reason": "x"});
    assert_eq!(office.code(1, "resolve", &unknown), Some(Code::UnknownOrder));
    let operator = office.says(3, Role::Operator, "resolve", &with("0.002", "1"));
    assert_eq!(operator.expect_err("too weak").code, Code::Forbidden);

    let (before, asked) = (office.core.seq(), with("0.002", "1.01"));
    let told = office.admin("resolve", &asked).expect_err("waits");
    let words = format!("resolve {child} filled 0.002 price 1.01");
    assert_eq!((told.code, &told.more["command"]), (Code::NeedsSecondPerson, &json!(words)));
    let agree = json!({"pending": FIRST, "reason": "seen"});
    assert_eq!(office.code(1, "approve", &agree), Some(Code::SamePerson));
    let operator = office.says(3, Role::Operator, "approve", &agree);
    assert_eq!(operator.expect_err("too weak").code, Code::Forbidden);
    assert_eq!(office.core.seq(), before, "nothing is done by one");
    // The child is not unknown, which the core says once two have asked.
    let refused = office.says(2, Role::Admin, "approve", &agree).expect_err("refused");
    assert_eq!((refused.code, &refused.more["refusal"]), (Code::Refused, &json!("NotUnknown")));
    assert_eq!(office.journaled_last(), ("u1+u2".to_owned(), "ticket 4711".to_owned(), words));
}

#[test]
fn one_user_does_not_fill_the_table_of_commands_that_wait() {
    let office =
        Office::new(TwoPerson { cancel_all: true, limits_raise: true, reload: false }, None);
    let all = json!({"reason": "again"});
    for _ in 0..8 {
        assert_eq!(office.code(1, "cancel-all", &all), Some(Code::NeedsSecondPerson));
    }
    assert_eq!(office.code(1, "cancel-all", &all), Some(Code::Busy));
    assert_eq!(office.code(2, "cancel-all", &all), Some(Code::NeedsSecondPerson));
}

#[test]
fn commands_show_what_changed_and_which_attempts_were_refused() {
    let office = Office::open();
    let set = json!({"account": "fund0", "rate_per_s": 7, "reason": "slower"});
    office.admin("limits-set", &set).expect("done");
    let viewer = office.says(3, Role::Viewer, "halt", &json!({"reason": "let me"}));
    assert_eq!(viewer.expect_err("too weak").code, Code::Forbidden);
    assert_eq!(
        office.code(1, "resume", &json!({"reason": "x", "totp": "1"})),
        Some(Code::NotHalted)
    );
    let _dry = office.admin("resume", &json!({"dry_run": true}));
    let told = office.admin("commands", &json!({})).expect("told");
    let changes = &told["commands"][0]["changes"];
    assert_eq!(changes, &json!([{"name": "rate_per_s", "old": "10000", "new": "7"}]));
    let attempts = told["attempts"].as_array().expect("rows");
    assert_eq!(attempts.len(), 2, "a dry run is no attempt: {attempts:?}");
    assert_eq!(
        (&attempts[0]["verb"], &attempts[0]["code"]),
        (&json!("resume"), &json!("not_halted"))
    );
    assert_eq!(attempts[0]["args"], json!({"reason": "x"}), "no one-time code is kept");
    assert_eq!((&attempts[1]["by"], &attempts[1]["code"]), (&json!("u3"), &json!("forbidden")));
}

#[test]
fn lock_outs_are_shown_and_lifted_by_an_administrator_who_did_not_cause_them() {
    let codes = TotpVerifier::new(SECRET, 0).unwrap_or_else(|error| panic!("{error}"));
    let office = Office::new(NOBODY_NEEDS_ANYBODY, Some(codes));
    assert_eq!(office.admin("lockouts", &json!({})).expect("told"), json!({"lockouts": []}));
    let address = Some(std::net::IpAddr::from([192, 0, 2, 7]));
    let lockout = Lockout { place: 0, address, failures: 3, until_ns: NOW_NS + 9 };
    assert!(office.sessions.store_lockouts(|store| store(lockout)));
    office.admin("halt", &json!({"reason": "x"})).expect("done");
    for _ in 0..5 {
        let wrong = json!({"reason": "x", "totp": "000000"});
        assert_eq!(office.code(1, "resume", &wrong), Some(Code::TotpWrong));
    }
    let shown = office.says(9, Role::Viewer, "lockouts", &json!({})).expect("told");
    let rows = shown["lockouts"].as_array().expect("rows");
    assert_eq!((&rows[0]["what"], &rows[1]["what"]), (&json!("codes"), &json!("logon")));
    assert_eq!((&rows[1]["session"], &rows[1]["address"]), (&json!("S0"), &json!("192.0.2.7")));
    let status = office.admin("status", &json!({})).expect("told");
    assert_eq!(status["sessions"][0]["locked_out"], 1);

    let lift = json!({"codes": true, "reason": "his phone was slow"});
    assert_eq!(office.code(1, "lockout-lift", &lift), Some(Code::SamePerson));
    office.says(2, Role::Admin, "lockout-lift", &lift).expect("lifted");
    assert_eq!(office.journaled_last().2, "lockout-lift codes");
    office.admin("resume", &json!({"reason": "x", "totp": CODE})).expect("done");
    let both = json!({"codes": true, "session": "S0", "reason": "x"});
    assert_eq!(office.code(2, "lockout-lift", &both), Some(Code::BadArgument));
    let lift = json!({"session": "S0", "reason": "typo in the password"});
    office.admin("lockout-lift", &lift).expect("lifted");
    assert_eq!(office.journaled_last().2, "lockout-lift session S0");
}
