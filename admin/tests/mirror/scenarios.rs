//! What an operator sees, scenario by scenario. Prices have two decimals, quantities three.

use rutter_admin::model::{
    FeeRow, OpenIn, OrderFilter, PositionRow, ROWS_MAX, ReadModel, ScopeRow, StateFilter,
};
use rutter_core::id::*;
use rutter_core::input::*;
use rutter_core::number::*;
use rutter_core::output::{Notice, Output};
use rutter_test_support::reference;

use crate::world::{World, sizes, text, words};

const PAIR: InstrumentId = InstrumentId(0);
const CLIENT: SessionId = SessionId(0);

/// A desk with a book that orders go to, and a worse one that confirms its price.
fn desk() -> World {
    let mut world = World::new(0);
    for (venue, bid, ask, qty) in [(0, 9_900, 10_000, 4), (1, 9_900, 10_100, 1)] {
        let venue = VenueId(venue);
        let mut update = BookUpdate { venue, clear: true, last: true, ..BookUpdate::default() };
        update.push(Side::Buy, Level { price: Price(bid), qty: Qty(10) });
        update.push(Side::Sell, Level { price: Price(ask), qty: Qty(qty) });
        world.input(Input::Book(update));
    }
    world
}

fn buy(world: &mut World, id: &str, qty: i64, price: i64) {
    world.input(Input::NewOrder(NewOrder {
        session: CLIENT,
        instrument: PAIR,
        qty: Qty(qty),
        price: Price(price),
        trace: 0xfeed,
        ..reference::buy(id)
    }));
}

fn fill(world: &mut World, child: u64, exec: u128, qty: i64) {
    world.input(Input::ChildFill(ChildFill {
        venue: VenueId(0),
        child: ChildId(child),
        instrument: PAIR,
        side: Side::Buy,
        exec: ExecId(exec),
        qty: Qty(qty),
        price: Price(10_000),
        fee: Amount(250_000_000_000_000_000),
        fee_asset: AssetId(2),
        liquidity: Liquidity::Taker,
    }));
}

fn operator(world: &mut World, command: OperatorCommand) {
    let (by, reason) = (text("alice"), text("drill"));
    world.input(Input::Operator(Operator { request: 1, by, reason, command }));
}

#[test]
fn an_order_shows_its_children_and_every_event_with_its_place_in_the_journal() {
    let mut world = desk();
    let first = world.journal.last().expect("begun").0.seq + 1;
    buy(&mut world, "a", 10, 10_000);
    fill(&mut world, 1, 1, 4);
    let (venue, child) = (VenueId(0), ChildId(2));
    world.input(Input::ChildAccepted {
        venue,
        child,
        venue_order: VenueOrderId::new(b"X1").expect("short"),
    });
    operator(&mut world, OperatorCommand::Cancel(OrderId(1)));
    let shown = world.model.order(OrderId(1)).expect("known");
    let expected = [
        "New 0.01 @ 100",
        "SendNew #1 0.004 @ 100 Ioc to v0",
        "SendNew #2 0.006 @ 100 Gtc to v0",
        "Trade #1 0.004 @ 100 on v0",
        "ChildAccepted #2 on v0",
        "CalledBack OperatorCancel",
        "SendCancel #2 to v0",
    ];
    assert_eq!(words(&shown.events), expected);
    let places: Vec<u64> = shown.events.iter().map(|event| event.seq - first).collect();
    assert_eq!(places, [0, 0, 0, 1, 2, 3, 3]);
    assert_eq!(shown.events_forgotten, 0);
    let order = &shown.order;
    assert_eq!(
        (order.state.as_str(), order.reason.as_deref()),
        ("PendingCancel", Some("OperatorCancel"))
    );
    let numbers = [&order.qty, &order.filled, &order.leaves].map(String::as_str);
    assert_eq!(numbers, ["0.01", "0.004", "0.006"]);
    assert_eq!((order.avg_px.as_deref(), order.venues.len()), (Some("100"), 1));
    let states: Vec<&str> = shown.children.iter().map(|child| child.state.as_str()).collect();
    assert_eq!(states, ["Filled", "PendingCancel"]);
    world.input(Input::ChildDone { venue, child, how: Ending::Canceled, filled: Qty(0) });
    let shown = world.model.order(OrderId(1)).expect("known").order;
    assert_eq!(
        (shown.state.as_str(), shown.reason.as_deref()),
        ("Canceled", Some("OperatorCancel"))
    );
    assert_eq!(world.model.status().ended.get("OperatorCancel"), Some(&1));
}

#[test]
fn a_resolved_child_shows_who_stated_it_and_what_the_venue_told_later() {
    let mut world = desk();
    buy(&mut world, "a", 4, 10_000);
    let (venue, child) = (VenueId(0), ChildId(1));
    world.input(Input::ChildInDoubt { venue, child, doubt: Doubt::NoAnswer });
    assert_eq!(world.model.status().unknown_children, 1);
    world.wait(rutter_core::engine::RESOLVE_AFTER_NS);
    operator(&mut world, OperatorCommand::Cancel(OrderId(1)));
    let resolution = Resolution { child, filled: Qty(3), price: Price(9_950) };
    operator(&mut world, OperatorCommand::Resolve(resolution));
    fill(&mut world, 1, 1, 2);
    world.input(Input::ChildFate { venue, child, fate: Fate::Closed, filled: Qty(2) });
    let shown = world.model.order(OrderId(1)).expect("known");
    let events = words(&shown.events);
    let expected = [
        "ChildResolved #1 on v0",
        "ChildEnded #1 by an operator, at v0",
        "Trade #1 0.003 @ 99.5 on v0",
        "Canceled OperatorCancel",
        "Reconciled #1 0.002 @ 100 on v0, not booked again",
        "Contradicted #1 v0 tells 0.002 in all",
    ];
    assert_eq!(events[events.len() - expected.len()..], expected);
    let child = &shown.children[0];
    assert_eq!((child.state.as_str(), child.filled.as_str()), ("Canceled", "0.003"));
    let status = world.model.status();
    assert_eq!((status.unknown_children, status.reconciled, status.contradicted), (0, 1, 1));
    let given = world.model.commands(1).remove(0);
    assert_eq!(given.command, "resolve 1 filled 0.003 price 99.5");
}

#[test]
fn money_is_shown_in_decimals_of_its_asset() {
    let mut world = desk();
    buy(&mut world, "a", 4, 10_000);
    let bound = world.model.balances(Some(VenueId(0)));
    let usd = |rows: &[rutter_admin::model::BalanceRow]| {
        rows.iter().find(|row| row.asset == "USD").cloned().expect("told")
    };
    assert_eq!(usd(&bound).in_orders, "0.4008", "0.004 at 100, and the fee of 2000 ppm on top");
    fill(&mut world, 1, 1, 4);
    let shown = world.model.positions(Some(AccountId(0)));
    let [account, symbol] = ["fund0", "BTC/USD"].map(str::to_owned);
    let [base, cash] = ["0.004", "-0.4"].map(str::to_owned);
    let position = PositionRow { account: account.clone(), symbol, base, cash };
    assert_eq!(shown.positions, [position]);
    let [asset, paid] = ["USD", "0.25"].map(str::to_owned);
    assert_eq!(shown.fees, [FeeRow { account, asset, paid }]);
    assert!(world.model.positions(Some(AccountId(1))).positions.is_empty());
    let row = usd(&world.model.balances(Some(VenueId(0))));
    assert_eq!((row.total.as_str(), row.in_orders.as_str()), ("999999.35", "0"));
}

#[test]
fn what_operators_did_is_told_newest_first_and_holds() {
    let mut world = desk();
    let mut limits = reference::limits();
    limits.notional_max = Amount(5_500_000_000_000_000_000);
    (limits.collar_ppm, limits.rate_per_s, limits.open_orders_max) = (7, 8, 9);
    operator(&mut world, OperatorCommand::SetLimits(AccountId(0), limits));
    operator(&mut world, OperatorCommand::Halt(Scope::Instrument(PAIR)));
    operator(&mut world, OperatorCommand::DrainVenue(VenueId(1)));
    operator(&mut world, OperatorCommand::about_session(CLIENT, SessionCommand::Disable));
    operator(&mut world, OperatorCommand::Cancel(OrderId(77)));
    let shown = world.model.commands(3);
    let words: Vec<&str> = shown.iter().map(|row| row.command.as_str()).collect();
    assert_eq!(words, ["cancel 77", "session-disable S0", "venue-drain v1"]);
    assert_eq!(
        (shown[0].by.as_str(), shown[0].refusal.as_deref()),
        ("alice", Some("UnknownOrder"))
    );
    assert_eq!(world.model.commands(0).len(), 5);
    let row = &world.model.limits(Some(AccountId(0)))[0];
    assert_eq!(row.limits, limits);
    let shown = serde_json::to_string(row).expect("a row is JSON");
    assert!(shown.contains("\"notional_max\":\"5.5\"") && shown.contains("\"open_orders_max\":9"));
    let status = world.model.status();
    let symbol = Some("BTC/USD".to_owned());
    assert_eq!(status.halts, [ScopeRow { symbol, ..ScopeRow::default() }]);
    assert!(!status.halted && world.model.instruments()[0].halted);
    assert!(status.venues[1].drained && status.sessions[0].disabled);
}

#[test]
fn a_command_shows_the_values_before_and_after() {
    let mut world = desk();
    let before = world.model.limits(Some(AccountId(0)))[0].limits;
    let limits = AccountLimits { rate_per_s: before.rate_per_s + 1, ..before };
    let level = OperatorCommand::Node(NodeCommand::LogDebug);
    let changed = |world: &World| {
        let rows = world.model.commands(1).remove(0).changes;
        rows.into_iter().map(|row| (row.name, row.old, row.new)).collect::<Vec<_>>()
    };
    let of = |name, old: &str, new: &str| vec![(name, old.to_owned(), new.to_owned())];
    let (old, new) = (before.rate_per_s.to_string(), limits.rate_per_s.to_string());
    let commands = [
        (OperatorCommand::SetLimits(AccountId(0), limits), of("rate_per_s", &old, &new)),
        (OperatorCommand::Halt(Scope::All), of("halted", "false", "true")),
        (OperatorCommand::Halt(Scope::All), Vec::new()),
        (OperatorCommand::Resume(Scope::All), of("halted", "true", "false")),
        (OperatorCommand::ReduceOnly(Scope::All), of("reduce_only", "false", "true")),
        (OperatorCommand::DrainVenue(VenueId(1)), of("drained", "false", "true")),
        (OperatorCommand::EnableVenue(VenueId(1)), of("drained", "true", "false")),
        (
            OperatorCommand::Session(CLIENT, SessionCommand::Disable),
            of("disabled", "false", "true"),
        ),
        (OperatorCommand::Session(CLIENT, SessionCommand::Logout), Vec::new()),
        (OperatorCommand::Session(CLIENT, SessionCommand::Enable), of("disabled", "true", "false")),
        (level, of("log_level", "configured", "debug")),
        (OperatorCommand::Cancel(OrderId(77)), Vec::new()),
    ];
    for (command, expected) in commands {
        operator(&mut world, command);
        assert_eq!(changed(&world), expected, "{command:?}");
    }
    world.input(Input::NodeStarted);
    operator(&mut world, level);
    assert_eq!(changed(&world), of("log_level", "configured", "debug"), "a start forgets it");
}

#[test]
fn a_start_counts_anew_and_keeps_what_is_open() {
    let mut world = desk();
    buy(&mut world, "a", 10, 10_000);
    fill(&mut world, 1, 1, 4);
    buy(&mut world, "wrong", -1, 10_000);
    let before = world.model.status();
    assert_eq!((before.orders, before.fills, before.reports), (1, 1, 3));
    assert_eq!(before.refused.get("BadQuantity"), Some(&1));
    world.input(Input::NodeStarted);
    let after = world.model.status();
    assert_eq!((after.orders, after.fills, after.refused.len()), (0, 0, 0));
    assert_eq!((after.open_orders, after.open_children, after.unknown_children), (1, 1, 1));
    assert_eq!((after.venues[0].unknown, after.venues[0].books_trusted), (1, 0));
    assert_eq!(after.sessions[0].events, before.sessions[0].events);
}

/// The ring of events is small here: a busy order pushes a quiet one's events out.
#[test]
fn an_order_whose_events_were_overwritten_says_how_many() {
    let mut world = desk();
    buy(&mut world, "quiet", 3, 9_800);
    let known = world.model.order(OrderId(1)).expect("known").events.len() as u64;
    buy(&mut world, "busy", 3, 9_800);
    let (venue, child) = (VenueId(0), ChildId(2));
    for _ in 0..2_000 {
        world.input(Input::ChildInDoubt { venue, child, doubt: Doubt::NoAnswer });
        world.input(Input::ChildFate { venue, child, fate: Fate::Open, filled: Qty(0) });
    }
    let quiet = world.model.order(OrderId(1)).expect("it is open");
    assert_eq!((quiet.events.len(), quiet.events_forgotten), (0, known));
    let busy = world.model.order(OrderId(2)).expect("it is open");
    assert_eq!(busy.events.len(), 1 << sizes().events_log2);
    assert_eq!(busy.events_forgotten, known + 6_000 - busy.events.len() as u64);
    assert!(busy.events.len() <= ROWS_MAX);
}

#[test]
fn lists_are_cut_and_say_how_to_go_on() {
    let mut world = desk();
    (0..5).for_each(|n| buy(&mut world, &format!("o{n}"), 3, 9_800));
    let first = world.model.orders(&OrderFilter { limit: 2, ..OrderFilter::default() });
    let ids = |page: &rutter_admin::model::OrdersPage| -> Vec<u64> {
        page.orders.iter().map(|row| row.id).collect()
    };
    assert_eq!((ids(&first), first.more), (vec![5, 4], true));
    let before = first.before;
    let rest = world.model.orders(&OrderFilter { before, ..OrderFilter::default() });
    assert_eq!((ids(&rest), rest.more, rest.before), (vec![3, 2, 1], false, None));
    let session = Some(SessionId(1));
    let none = world.model.orders(&OrderFilter { session, ..OrderFilter::default() });
    assert!(none.orders.is_empty() && !none.more);
    let here = OpenIn { orders: 5, children: 5 };
    assert_eq!(world.model.open_in(Scope::Account(AccountId(0))), here);
    assert_eq!(world.model.open_in(Scope::Account(AccountId(1))), OpenIn::default());
}

#[test]
fn states_are_asked_for_by_group_or_by_name() {
    use rutter_core::output::OrdStatus;
    assert_eq!(StateFilter::parse("open"), Some(StateFilter::Open));
    let partly = Some(StateFilter::Is(OrdStatus::PartiallyFilled));
    assert_eq!(StateFilter::parse("partiallyfilled"), partly);
    assert_eq!(StateFilter::parse("PartiallyFilled"), partly);
    assert_eq!(StateFilter::parse("closed"), None);
}

/// Outputs come from our own core. Even so, nothing in them is a place to fall.
#[test]
fn outputs_about_what_is_not_known_change_nothing() {
    let mut world = desk();
    buy(&mut world, "a", 10, 10_000);
    fill(&mut world, 1, 1, 2);
    let mut outputs = world.outputs.clone();
    let (venue, child) = (VenueId(200), ChildId(u64::MAX));
    let instrument = InstrumentId(u16::MAX);
    outputs.extend(
        [
            Notice::VenueUp(venue),
            Notice::BookTrusted(venue, instrument),
            Notice::ChildUnknown(venue, child),
            Notice::ChildRejected(venue, child, VenueReject::Filter),
            Notice::CalledBack(OrderId(u64::MAX), Refusal::KillSwitch),
            Notice::CancelStuck(OrderId(0)),
            Notice::Balance(venue, AssetId(u16::MAX), Amount(1)),
        ]
        .map(Output::Notice),
    );
    let mut blank = ReadModel::new(sizes());
    for output in &outputs {
        blank.apply(1, 1, output);
    }
    assert!(blank.status().venues.is_empty() && blank.balances(None).is_empty());
    assert!(blank.order(OrderId(u64::MAX)).is_none());
    assert!(
        blank.orders(&OrderFilter { before: Some(0), ..OrderFilter::default() }).orders.is_empty()
    );
}

#[test]
fn names_lead_to_ids_and_back() {
    let model = desk().model;
    assert_eq!(model.venue("v2"), Some(VenueId(2)));
    assert_eq!(model.instrument("ETH/USD"), Some(InstrumentId(1)));
    assert_eq!(model.session("S3"), Some(SessionId(3)));
    assert_eq!(model.account("fund1"), Some(AccountId(1)));
    assert_eq!(model.account("fund9"), None);
    assert_eq!((model.venue_name(VenueId(2)), model.venue_name(VenueId(9))), ("v2", "?"));
}

#[test]
fn instruments_without_a_reference_price_are_named() {
    let mut world = desk();
    let missing = |world: &World| world.model.status().no_reference;
    assert_eq!(missing(&world), ["ETH/USD"], "no book yet");
    let reason = VenueDownReason::LinkLost;
    for venue in [1, 0] {
        world.input(Input::VenueDown(VenueId(venue), reason));
    }
    assert_eq!(missing(&world), ["BTC/USD", "ETH/USD"]);
    for venue in [0, 1] {
        world.input(Input::VenueUp(VenueId(venue)));
    }
    assert_eq!(missing(&world), ["ETH/USD"]);
    world.input(Input::NodeStarted);
    assert_eq!(missing(&world), ["BTC/USD", "ETH/USD"]);
}

#[test]
fn venues_follow_their_news() {
    let mut world = desk();
    let venue = VenueId(0);
    buy(&mut world, "a", 10, 10_000);
    let reason = VenueReject::Filter;
    let child = ChildId(1);
    world.input(Input::ChildRejected { venue, child, reason, retry_after_ns: 0 });
    world.input(Input::BookDistrusted { venue, instrument: PAIR, reason: Distrust::Gap });
    let shown = &world.model.status().venues[0];
    assert!(shown.up && shown.books_trusted == 0 && shown.books == 2);
    assert_eq!((shown.distrusts, shown.children, shown.open_children), (1, 2, 1));
    assert_eq!(shown.rejects.get("Filter"), Some(&1));
    world.input(Input::VenueDown(venue, VenueDownReason::LinkLost));
    let shown = &world.model.status().venues[0];
    assert!(!shown.up && shown.unknown == 1);
    let page = world.model.orders(&OrderFilter {
        state: StateFilter::Unknown,
        venue: Some(venue),
        ..OrderFilter::default()
    });
    assert_eq!(page.orders.len(), 1);
}

#[test]
fn a_fee_that_is_not_the_configured_one_is_told_with_both_rates() {
    let mut world = desk();
    buy(&mut world, "a", 4, 10_000);
    let mut execution = |exec: u128, fee: i128, fee_asset: u16| {
        world.input(Input::ChildFill(ChildFill {
            venue: VenueId(0),
            child: ChildId(1),
            instrument: PAIR,
            side: Side::Buy,
            exec: ExecId(exec),
            qty: Qty(1),
            price: Price(10_000),
            fee: Amount(fee),
            fee_asset: AssetId(fee_asset),
            liquidity: Liquidity::Taker,
        }));
        let fees = world.model.status().venues[0].fees.clone();
        (fees.as_configured, fees.drifted, fees.newest_drift)
    };
    // 0.001 at 100.00 is worth 0.1; 2000 ppm of it are 0.0002.
    let micro = 1_000_000_000_000;
    assert_eq!(execution(1, 200 * micro, 2), (1, 0, None));
    let (same, drifted, newest) = execution(2, 180 * micro + 1, 2);
    assert_eq!((same, drifted), (1, 1));
    let newest = newest.expect("told");
    assert_eq!((newest.symbol.as_str(), newest.liquidity), ("BTC/USD", "taker"));
    assert_eq!((newest.configured_ppm, newest.charged_ppm), (2_000, Some(1_800)));
    // The same rate out of the received asset, which is not the configured one.
    let (same, drifted, newest) = execution(3, 2 * micro, 0);
    assert_eq!((same, drifted), (1, 2));
    assert_eq!(newest.expect("told").asset, "BTC");
    let (_, drifted, newest) = execution(4, 200 * micro, 1);
    assert_eq!(
        (drifted, newest.expect("told").charged_ppm),
        (3, None),
        "a token of no known price"
    );
}
