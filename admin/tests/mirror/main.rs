//! The model against the core that it follows, whatever that is told.
//!
//! `RUTTER_SEEDS=n` runs seeds 1 to n, `RUTTER_SEED=s` one of them, which is how a failure is
//! replayed.

mod bridges;
mod desk;
mod execution;
mod fees;
mod no_allocation;
mod scenarios;
mod world;

use std::collections::BTreeMap;

use rutter_admin::model::{ChildRow, OrderFilter, OrderRow, ReadModel, StateFilter, decimal};
use rutter_core::Engine;
use rutter_core::book::Trust;
use rutter_core::child::{Child, ChildState};
use rutter_core::hash::Rolling;
use rutter_core::id::{InstrumentId, OrderId, SessionId, VenueId};
use rutter_core::input::{Refusal, Scope};
use rutter_core::ledger::Ledger;
use rutter_core::order::{Order, OrderState};
use rutter_core::reference::Reference;
use rutter_test_support::counting::Counting;
use rutter_test_support::seeds;

use world::{INSTRUMENTS, SESSIONS, VENUES, World};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SEEDS_DEFAULT: u64 = 40;
const STEPS: usize = 4_000;
const STEPS_BETWEEN_LOOKS: usize = 20;

#[test]
fn whatever_the_core_is_told_the_model_is_what_the_core_is() {
    let seeds = seeds::chosen(SEEDS_DEFAULT);
    let mut seen = world::Seen::default();
    for seed in seeds.clone() {
        seen.add(&seeds::run(seed, "-p rutter-admin --test mirror", || run(seed)));
    }
    println!("seeds {seeds:?}: {seen:?}");
    if seeds.count() >= 10 {
        seen.check();
    }
}

fn run(seed: u64) -> world::Seen {
    let mut world = World::new(seed);
    for step in 0..STEPS {
        world.step();
        if step % STEPS_BETWEEN_LOOKS == 0 {
            compare(&world.engine, &world.model);
            counts(&world);
        }
    }
    compare(&world.engine, &world.model);
    // A restart: another model sees nothing but the replay.
    let mut engine = Engine::new(&world::genesis()).expect("sound");
    let mut model = ReadModel::new(world::sizes());
    for (header, input) in &world.journal {
        engine.apply(*header, input, &mut model);
    }
    assert_eq!(engine.digest(), world.engine.digest());
    compare(&engine, &model);
    let [live, replayed] = [&world.model, &model].map(|model| format!("{:?}", pages(model)));
    assert_eq!(live, replayed, "the live model and that of the replay");
    world.seen
}

/// Everything that the model shows of orders.
fn pages(model: &ReadModel) -> Vec<rutter_admin::model::OrderDetail> {
    let filter = OrderFilter { state: StateFilter::All, ..OrderFilter::default() };
    let page = model.orders(&filter);
    page.orders.iter().filter_map(|row| model.order(OrderId(row.id))).collect()
}

fn counts(world: &World) {
    let (status, counts) = (world.model.status(), world.engine.counts());
    assert_eq!(status.orders, counts.orders - world.before.orders);
    let refused: u64 = status.refused.values().sum();
    assert_eq!(refused, counts.refused - world.before.refused);
    execution::check(world);
    let children: u64 = status.venues.iter().map(|venue| venue.children).sum();
    assert_eq!(children, counts.children - world.before.children);
}

fn compare(engine: &Engine, model: &ReadModel) {
    orders(engine, model);
    lists(engine, model);
    children(engine, model);
    scopes(engine, model);
    let [ours, theirs] = [model.ledger(), engine.ledger()].map(digest);
    assert_eq!(ours, theirs, "positions, fees and funds: {:?}", model.ledger());
    assert_eq!(model.reference().accounts, engine.reference().accounts, "limits");
    let known = |of: &Reference| of.definitions().collect::<Vec<_>>();
    assert_eq!(known(model.reference()), known(engine.reference()), "as they were defined");
    for id in 0..SESSIONS {
        let (events, session) = (&model.sessions()[usize::from(id)].events, SessionId(id));
        assert_eq!(*events, engine.last_event(session));
    }
    for venue in (0..VENUES).map(VenueId) {
        assert_eq!(model.is_up(venue), engine.is_up(venue));
        assert_eq!(model.is_drained(venue), engine.is_drained(venue));
        let held = |of: &Reference| of.fees_at(venue).map(|fees| (fees.tier, fees.in_token));
        assert_eq!(held(model.reference()), held(engine.reference()), "tier and discount");
        for instrument in (0..INSTRUMENTS).map(InstrumentId) {
            let book = engine.book(venue, instrument).expect("defined");
            let trusted = matches!(book.trust, Trust::Proved | Trust::Changing);
            assert_eq!(model.is_trusted(venue, instrument), trusted);
        }
    }
}

fn digest(ledger: &Ledger) -> u64 {
    let mut hash = Rolling::new(1);
    ledger.mix(&mut hash);
    hash.value()
}

/// Everything that the core still knows of orders, the model knows as well.
fn orders(engine: &Engine, model: &ReadModel) {
    let mut open = 0;
    for order in engine.orders() {
        let shown = model.order(order.id).expect("the core knows it");
        open += u32::from(!order.state().is_over());
        same_order(engine, order, &shown.order);
        let theirs = engine.children().filter(|child| child.order == order.id);
        let mut theirs: Vec<&Child> = theirs.collect();
        theirs.sort_unstable_by_key(|child| child.id);
        assert_eq!(shown.children.len(), theirs.len(), "children of {order:?}");
        for (ours, theirs) in shown.children.iter().zip(theirs) {
            same_child(engine, ours, theirs);
        }
        let events = shown.events.iter().map(|event| event.seq);
        assert!(events.is_sorted(), "events of {}", order.id.0);
        let begins = shown.events.first().is_some_and(|event| event.what == "New");
        assert_eq!(begins, shown.events_forgotten == 0, "{:?}", shown.events);
    }
    assert_eq!(model.open_in(Scope::All).orders, open);
    let waiting = engine.orders().filter(|o| !o.state().is_over() && o.waiting.word().is_some());
    assert_eq!(model.status().waiting.values().sum::<u64>(), waiting.count() as u64);
    assert_eq!(model.status().open_orders as usize, engine.open_orders());
}

fn same_order(engine: &Engine, order: &Order, row: &OrderRow) {
    let def = engine.reference().instruments[order.instrument.index()];
    let qty = |qty: i64| decimal(i128::from(qty), u32::from(def.qty_decimals));
    assert_eq!(row.state, format!("{:?}", order.status()), "{order:?}");
    let is_over = order.state().is_over();
    assert_eq!(row.waiting, order.waiting.word().filter(|_| !is_over), "{order:?}");
    // Whatever is not placed has a reason; a child of an IOC order that ends asks for the rest.
    let asks = order.live_children > 0 && !order.tif.waits();
    let has_reason = row.waiting.is_some() || order.unplaced().is_zero() || asks;
    assert!(order.state() != OrderState::Working || has_reason, "{order:?}");
    assert_eq!(row.cl_ord_id, order.cl_ord_id.as_str());
    assert_eq!(row.trace_id, format!("{:016x}", order.trace));
    assert_eq!(row.account, engine.reference().accounts[order.account.index()].name.as_str());
    let numbers = [&row.qty, &row.filled, &row.leaves];
    let expected = [order.qty.0, order.filled.0, order.leaves().0].map(qty);
    assert_eq!(numbers, [&expected[0], &expected[1], &expected[2]], "{order:?}");
    if order.state() == OrderState::PendingCancel {
        // A venue that gives nothing back turns a client's request into something else.
        let reason = format!("{:?}", order.cancel_reason.reason());
        let asked = format!("{:?}", Refusal::ClientRequest);
        let shown = row.reason.clone().expect("a reason");
        assert!(shown == reason || shown == asked, "{shown} is not {reason}");
    }
}

fn same_child(engine: &Engine, row: &ChildRow, child: &Child) {
    let def = engine.reference().instruments[child.instrument.index()];
    assert_eq!(row.id, child.id.0);
    assert_eq!(row.state, format!("{:?}", child.state()), "{child:?}");
    assert_eq!(row.filled, decimal(i128::from(child.filled.0), u32::from(def.qty_decimals)));
    assert_eq!(row.sent_ns, child.sent_at.0);
    assert_eq!(row.venue_order.as_deref().unwrap_or(""), child.venue_order.as_str());
}

/// Lists are newest first, whole over their pages, and filtered as asked.
fn lists(engine: &Engine, model: &ReadModel) {
    let all = |filter: OrderFilter| {
        let (mut ids, mut before) = (Vec::new(), None);
        loop {
            let page = model.orders(&OrderFilter { before, limit: 3, ..filter });
            ids.extend(page.orders.iter().map(|row| row.id));
            before = page.before;
            if !page.more {
                return ids;
            }
        }
    };
    let newest_first = |is_meant: &dyn Fn(&Order) -> bool| {
        let mut ids: Vec<u64> =
            engine.orders().filter(|order| is_meant(order)).map(|order| order.id.0).collect();
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids
    };
    let is_open = |order: &Order| !order.state().is_over();
    assert_eq!(all(OrderFilter::default()), newest_first(&is_open));
    let lowest = model.newest_order().0.saturating_sub(31);
    let over = OrderFilter { state: StateFilter::Over, ..OrderFilter::default() };
    assert_eq!(all(over), newest_first(&|order| !is_open(order) && order.id.0 >= lowest));
    let every = OrderFilter { state: StateFilter::All, ..OrderFilter::default() };
    assert_eq!(all(every), newest_first(&|order| is_open(order) || order.id.0 >= lowest));
    for venue in (0..VENUES).map(VenueId) {
        let there = OrderFilter { venue: Some(venue), ..OrderFilter::default() };
        let is_there = |order: &Order| {
            engine.children().any(|child| {
                child.order == order.id && child.venue == venue && !child.state().is_over()
            })
        };
        let expected = newest_first(&is_there);
        assert_eq!(all(there), expected);
        assert_eq!(model.open_in(Scope::Venue(venue)).orders as usize, expected.len());
    }
    let unknown = OrderFilter { state: StateFilter::Unknown, ..OrderFilter::default() };
    let is_unknown = |order: &Order| {
        engine
            .children()
            .any(|child| child.order == order.id && child.state() == ChildState::Unknown)
    };
    assert_eq!(all(unknown), newest_first(&is_unknown));
    let pending = [OrderState::PendingCancel, OrderState::PendingReplace];
    let is_pending = |order: &Order| pending.contains(&order.state());
    let filter = OrderFilter { state: StateFilter::Pending, ..OrderFilter::default() };
    let expected = newest_first(&is_pending);
    assert_eq!(all(filter), expected);
    assert_eq!(model.status().pending_orders as usize, expected.len());
}

fn children(engine: &Engine, model: &ReadModel) {
    let mut by_venue: BTreeMap<usize, (u32, u64)> = BTreeMap::new();
    for child in engine.children().filter(|child| !child.state().is_over()) {
        let (open, unknown) = by_venue.entry(child.venue.index()).or_default();
        *open += 1;
        *unknown += u64::from(child.state() == ChildState::Unknown);
        let order = model.order(child.order).expect("what lives has an order");
        assert!(order.children.iter().any(|row| row.id == child.id.0), "{child:?}");
    }
    let status = model.status();
    for (at, venue) in status.venues.iter().enumerate() {
        let expected = by_venue.get(&at).copied().unwrap_or_default();
        assert_eq!((venue.open_children, venue.unknown), expected, "{}", venue.name);
    }
    let all: u32 = by_venue.values().map(|(open, _)| open).sum();
    assert_eq!((status.open_children, model.open_in(Scope::All).children), (all, all));
}

fn scopes(engine: &Engine, model: &ReadModel) {
    let rows = |scopes: Vec<Scope>| -> Vec<_> {
        scopes.into_iter().map(|scope| model.scope_row(scope)).collect()
    };
    let status = model.status();
    assert_eq!(status.halts, rows(engine.halts().collect()));
    assert_eq!(status.reduce_only, rows(engine.reduce_only_scopes().collect()));
    assert_eq!(status.halted, engine.is_halted());
    for session in (0..SESSIONS).map(SessionId) {
        let open = engine.orders().filter(|o| o.session == session && !o.state().is_over()).count();
        assert_eq!(model.open_in(Scope::Session(session)).orders as usize, open);
    }
}
