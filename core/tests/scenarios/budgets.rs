//! A venue's limits of requests: never passed, whatever is planned, cancelled or changed, with room
//! for cancels that new orders do not take.

use crate::desk::{CLIENT, Desk, HALT, PAIR, RESUME, UNIT, text};
use rutter_core::id::{AssetId, ChildId, InstrumentId, VenueId};
use rutter_core::input::*;
use rutter_core::number::{Amount, Price, Qty};
use rutter_core::output::{Notice, Output, Paused};
use rutter_core::waiting::Waiting;
use rutter_test_support::reference;

const S: u64 = 1_000_000_000;
const V0: VenueId = VenueId(0);

/// A desk with these windows at its first venue, whose orders are not limited otherwise.
fn desk(venues: u8, windows: &[WindowDef]) -> Desk {
    let mut desk = Desk::with_venues(venues);
    for venue in 0..venues {
        desk.venue_terms(venue, |terms| {
            (terms.rate_orders, terms.unanswered_max) = (u32::MAX, 1_000);
            terms.stale_after_ns = 3_600 * S;
        });
        desk.book(venue, &[(9_990, 10_000)], &[(10_010, 10_000)]);
    }
    desk.account(|account| account.limits.open_orders_max = 4_000);
    budget(&mut desk, windows);
    desk
}

fn budget(desk: &mut Desk, windows: &[WindowDef]) {
    let def = BudgetDef::new(V0, 0, windows).expect("few windows");
    desk.input(Input::Budget(def));
}

fn window(kind: WindowKind, limit: u32, length_ns: u64) -> WindowDef {
    WindowDef { kind, ..WindowDef::orders(limit, length_ns) }
}

/// A counter of 60 points that falls by one a second. A cancel of an order below five seconds has
/// eight points, of an older one none. Twelve points are left for cancels.
fn decay() -> WindowDef {
    let mut young = [AgeStep::default(); AGE_STEPS_MAX];
    young[0] = AgeStep { below_s: 5, points: 8 };
    let kind = WindowKind::Decay;
    WindowDef { counted: Counted::Messages, reserved: 12, young, ..window(kind, 60, 60 * S) }
}

/// Sends orders that rest, one after the other, and returns how many went to a venue.
fn rest(desk: &mut Desk, letter: char, orders: usize) -> usize {
    for number in 0..orders {
        desk.client(&format!("{letter}{number} buy 1 @ 9000 gtc"));
    }
    sent(desk, "new")
}

/// Counts the new orders or cancels among the outputs, and forgets all outputs.
fn sent(desk: &mut Desk, what: &str) -> usize {
    let is_it = |output: &Output| match output {
        Output::SendNew(_) => what == "new",
        Output::SendCancel(_) => what == "cancel",
        _ => false,
    };
    desk.outputs.drain(..).filter(is_it).count()
}

/// Nineteen orders went within 50 ms at ten a second, when windows began with their first order.
#[test]
fn no_second_holds_more_than_ten_orders() {
    let mut desk = desk(1, &[window(WindowKind::Sliding, 10, S)]);
    assert_eq!(rest(&mut desk, 'a', 1), 1);
    desk.now.0 += S - 50_000_000;
    assert_eq!(rest(&mut desk, 'b', 20), 9);
    desk.now.0 += 60_000_000;
    assert_eq!(rest(&mut desk, 'c', 1), 1, "that of the first order");
    desk.now.0 += 800_000_000;
    assert_eq!(rest(&mut desk, 'd', 1), 0);
}

/// An order that takes and rests at one venue is two children.
#[test]
fn a_plan_takes_no_more_than_is_left() {
    for left in 0..=3 {
        let mut desk = desk(1, &[window(WindowKind::Sliding, left, S)]);
        desk.book(0, &[(9_990, 5)], &[(10_010, 3)]).client("a buy 10 @ 10010 gtc");
        let expected = usize::try_from(left).expect("small").min(2);
        assert_eq!(sent(&mut desk, "new"), expected, "{left} left");
        if expected < 2 {
            let order = desk.engine.orders().next().expect("an order");
            assert_eq!(order.waiting, Waiting::VenueBusy);
        }
        desk.wait_ns(S).wait_ns(S);
        let later = sent(&mut desk, "new");
        assert_eq!(expected + later, if left == 0 { 0 } else { 2 });
    }
}

#[test]
fn an_order_goes_to_the_venue_that_has_room() {
    let mut desk = desk(2, &[window(WindowKind::Sliding, 1, S)]);
    desk.book(0, &[(9_990, 5)], &[(10_000, 5)]);
    desk.client("a buy 1 @ 10010 ioc").client("b buy 1 @ 10010 ioc");
    desk.sent(&["v0 new buy 1 @ 10000 Ioc #1", "v1 new buy 1 @ 10010 Ioc #2"]);
}

#[test]
fn all_windows_of_a_venue_hold() {
    let windows = [
        window(WindowKind::Sliding, 5, S),
        window(WindowKind::Fixed, 8, 10 * S),
        window(WindowKind::Decay, 20, 100 * S),
    ];
    let mut desk = desk(1, &windows);
    // The start is a multiple of ten seconds.
    assert_eq!(rest(&mut desk, 'a', 10), 5);
    desk.wait_ns(S + 1_000);
    assert_eq!(sent(&mut desk, "new"), 3, "the fixed window is used up");
    desk.wait_ns(9 * S);
    assert_eq!(sent(&mut desk, "new"), 2);
    assert_eq!(rest(&mut desk, 'b', 10), 3);
    desk.wait_ns(S + 1_000);
    assert_eq!(sent(&mut desk, "new"), 3);
    desk.wait_ns(10 * S);
    // Four of those that waited, and one more in this second.
    assert_eq!(rest(&mut desk, 'c', 10), 5);
    desk.wait_ns(S + 1_000);
    assert_eq!(sent(&mut desk, "new"), 3);
    // Twenty-four were sent in 30 s, in which the counter fell by six.
    desk.wait_ns(8 * S + S / 2);
    assert_eq!(sent(&mut desk, "new"), 2, "the counter is at its limit");
}

#[test]
fn new_orders_leave_room_for_cancels_and_a_cancel_beyond_it_waits_for_room() {
    let mut desk = desk(1, &[decay()]);
    assert_eq!(rest(&mut desk, 'a', 50), 48);
    for child in 1..=48 {
        desk.venue(child, "accepted");
    }
    desk.outputs.clear();
    desk.client("cancel a0").sent(&["v0 cancel #1"]);
    desk.client("cancel a1");
    let held = desk.outputs.iter().find_map(|output| match output {
        Output::Notice(Notice::Paused(V0, Paused::CancelBudget, until)) => Some(*until),
        _ => None,
    });
    let until = held.expect("operators are told");
    assert_eq!(sent(&mut desk, "cancel"), 0);
    assert!(until.since(desk.now) <= 4 * S, "four points have to go first");
    // No new order goes before the cancel.
    desk.wait_ns(3 * S);
    assert_eq!((sent(&mut desk, "new"), desk.engine.next_timer().is_some()), (0, true));
    desk.now = until;
    desk.input(Input::Tick).sent(&["v0 cancel #2"]);
    // Orders of five seconds cost nothing.
    desk.wait_ns(2 * S);
    desk.operator(HALT);
    assert_eq!(sent(&mut desk, "cancel"), 46);
}

#[test]
fn a_halt_calls_back_as_fast_as_the_venue_allows_and_forgets_no_order() {
    let mut desk = desk(
        1,
        &[window(WindowKind::Sliding, 40, S), {
            WindowDef {
                counted: Counted::Messages,
                reserved: 10,
                cancel: 1,
                ..window(WindowKind::Sliding, 50, S)
            }
        }],
    );
    assert_eq!(rest(&mut desk, 'a', 40), 40);
    for child in 1..=40 {
        desk.venue(child, "accepted");
    }
    desk.outputs.clear();
    let told = |desk: &Desk| -> Vec<bool> {
        let told = desk.outputs.iter().filter_map(|output| match output {
            Output::Notice(Notice::Paused(V0, Paused::CancelBudget, until)) => Some(until.0 > 0),
            _ => None,
        });
        told.collect()
    };
    desk.operator(HALT);
    assert_eq!(told(&desk), [true], "cancels wait, which is told once");
    assert_eq!(sent(&mut desk, "cancel"), 10);
    desk.wait_ns(S / 2);
    assert_eq!((told(&desk), sent(&mut desk, "cancel")), (vec![], 0));
    desk.wait_ns(S / 2 + 1);
    assert_eq!(told(&desk), [false], "no cancel waits any more");
    assert_eq!(sent(&mut desk, "cancel"), 30, "the new orders are over a second old");
    for child in 1..=40 {
        desk.venue(child, "done 0");
    }
    assert_eq!(desk.engine.open_orders(), 0);
    assert_eq!(told(&desk), [false; 0]);
    desk.operator(RESUME);
}

#[test]
fn a_cancel_that_waits_goes_after_a_venue_was_down_and_obeys_the_venues_own_time_too() {
    let held = || {
        let mut desk = desk(1, &[decay()]);
        rest(&mut desk, 'a', 48);
        for child in 1..=48 {
            desk.venue(child, "accepted");
        }
        desk.client("cancel a0").client("cancel a1");
        assert_eq!(sent(&mut desk, "cancel"), 1);
        desk
    };
    let mut down = held();
    down.input(Input::VenueDown(V0, VenueDownReason::LinkLost)).wait_ns(4 * S + S / 2);
    assert_eq!(sent(&mut down, "cancel"), 0);
    down.venue(2, "open 0");
    down.input(Input::VenueUp(V0));
    assert_eq!(sent(&mut down, "cancel"), 1);

    let mut told = held();
    let (reason, retry_after_ns) = (VenueReject::RateLimit, 10 * S);
    told.input(Input::CancelRejected { venue: V0, child: ChildId(1), reason, retry_after_ns });
    told.wait_ns(5 * S);
    // There is room in the window; the venue's own time lasts.
    let ended = told.notices().into_iter().filter_map(|notice| match notice {
        Notice::Paused(_, what, until) if until.0 == 0 => Some(what),
        _ => None,
    });
    assert_eq!(ended.collect::<Vec<_>>(), [Paused::CancelBudget]);
    assert_eq!(sent(&mut told, "cancel"), 0);
    told.wait_ns(6 * S);
    assert_eq!(sent(&mut told, "cancel"), 1);
}

/// Each of these children has ended, and its venue has it open all the same.
#[test]
fn the_cancel_of_a_child_that_is_found_open_after_its_end_waits_for_room_too() {
    let ended = |children: u64| {
        let mut desk = desk(1, &[decay()]);
        rest(&mut desk, 'a', children as usize);
        for child in 1..=children {
            desk.venue(child, "accepted").venue(child, "done 0");
        }
        desk.outputs.clear();
        desk
    };
    // What is left of the counter, beside the orders, has room for one cancel.
    let mut held = ended(48);
    for child in [1, 2, 2, 3] {
        held.venue(child, "open 0");
    }
    assert_eq!(sent(&mut held, "cancel"), 1, "the others would break the venue's limit");
    let mut gone = 0;
    for _ in 0..20 {
        held.wait_ns(S);
        gone += sent(&mut held, "cancel");
    }
    assert_eq!(gone, 2, "each of the others once");

    // While the venue is away, none is sent.
    let mut down = ended(3);
    down.input(Input::VenueDown(V0, VenueDownReason::LinkLost)).venue(1, "open 0");
    assert_eq!(sent(&mut down, "cancel"), 0);
    down.input(Input::VenueUp(V0));
    assert_eq!(sent(&mut down, "cancel"), 1);

    // More than there are places for go at once, whatever the limit: none is forgotten.
    let most = rutter_core::engine::STRAYS_MAX as u64;
    let mut many = ended(48);
    for child in 1..=most + 4 {
        many.venue(child, "open 0");
    }
    assert_eq!(sent(&mut many, "cancel"), 4);
}

/// The counter of a pair says nothing of another pair.
#[test]
fn an_instrument_with_its_own_count_keeps_no_other_from_trading() {
    let mut desk =
        desk(1, &[WindowDef { per_instrument: true, ..window(WindowKind::Decay, 2, 60 * S) }]);
    let (other, eth) = (InstrumentId(1), AssetId(2));
    desk.input(Input::Asset(reference::asset(eth.0, "ETH")));
    desk.input(Input::Instrument(reference::instrument(other.0, "ETH/USD", eth, AssetId(1))));
    desk.input(Input::Listing(reference::listing(V0, other)));
    desk.input(Input::Balance { venue: V0, asset: eth, total: Amount(1_000 * UNIT) });
    let mut update =
        BookUpdate { instrument: other, clear: true, last: true, ..BookUpdate::default() };
    update.push(Side::Buy, Level { price: Price(9_990), qty: Qty(9) });
    update.push(Side::Sell, Level { price: Price(10_010), qty: Qty(9) });
    desk.input(Input::Book(update));
    assert_eq!(rest(&mut desk, 'a', 5), 2);
    for id in ["e", "f", "g"] {
        desk.instructed(&format!("{id} buy 1 @ 9000 gtc"), |new| new.instrument = other);
    }
    assert_eq!(sent(&mut desk, "new"), 2);
    assert_ne!(PAIR, other);
}

#[test]
fn changed_terms_and_a_restart_forgive_nothing() {
    let mut desk = desk(1, &[window(WindowKind::Sliding, 5, 10 * S)]);
    assert_eq!(rest(&mut desk, 'a', 9), 5);
    budget(&mut desk, &[window(WindowKind::Sliding, 5, 10 * S)]);
    desk.input(Input::NodeStarted).input(Input::VenueUp(V0));
    desk.book(0, &[(9_990, 10_000)], &[(10_010, 10_000)]);
    desk.wait_ns(S);
    assert_eq!(sent(&mut desk, "new"), 0, "the same terms as before the start");
    budget(&mut desk, &[window(WindowKind::Decay, 6, 6 * S)]);
    desk.book(0, &[(9_990, 10_000)], &[(10_010, 9_000)]).wait_ns(100_000_000);
    assert_eq!(sent(&mut desk, "new"), 1, "five of the six are used");
    // Without a limit all go.
    budget(&mut desk, &[]);
    desk.wait_ns(200_000_000);
    assert_eq!(sent(&mut desk, "new"), 3);
}

/// A day's count is no count of a minute: it kept all cancels back for hours.
#[test]
fn an_added_window_keeps_a_halt_back_for_its_own_length_at_most() {
    let day = window(WindowKind::Fixed, 160_000, 86_400 * S);
    let mut desk = desk(1, &[day]);
    assert_eq!(rest(&mut desk, 'a', 400), 400);
    for child in 1..=400 {
        desk.venue(child, "accepted");
    }
    desk.wait_ns(3 * S);
    let minute = WindowDef {
        counted: Counted::Messages,
        cancel: 1,
        ..window(WindowKind::Decay, 60, 60 * S)
    };
    budget(&mut desk, &[day, minute]);
    desk.outputs.clear();
    desk.operator(HALT);
    assert_eq!(sent(&mut desk, "cancel"), 0, "the new window is full");
    for _ in 0..60 {
        desk.wait_ns(S);
    }
    assert_eq!(sent(&mut desk, "cancel"), 60);
}

#[test]
fn terms_that_cannot_be_counted_are_refused_and_change_nothing() {
    let mut desk = desk(1, &[window(WindowKind::Sliding, 1, S)]);
    let bad = [
        WindowDef { length_ns: 0, ..window(WindowKind::Fixed, 5, S) },
        WindowDef { reserved: 6, ..window(WindowKind::Decay, 5, S) },
    ];
    for window in bad {
        budget(&mut desk, &[window]);
        desk.outputs.clear();
    }
    let stranger = BudgetDef::new(VenueId(9), 0, &[]).expect("few windows");
    desk.input(Input::Budget(stranger));
    assert!(desk.outputs.iter().any(|o| matches!(o, Output::Notice(Notice::BadReference))));
    desk.outputs.clear();
    assert_eq!(rest(&mut desk, 'a', 3), 1);
}

/// A pause after a refusal and a breaker keep new orders out for their time, and the budget holds
/// when they end.
#[test]
fn a_pause_and_a_used_up_budget_both_hold() {
    let mut desk = desk(1, &[window(WindowKind::Sliding, 2, 10 * S)]);
    desk.client("a buy 1 @ 9000 gtc").venue(1, "rejected RateLimit 3000000000");
    desk.client("b buy 1 @ 9000 gtc");
    desk.wait_ns(2 * S);
    assert_eq!(sent(&mut desk, "new"), 1, "the pause lasts");
    desk.wait_ns(S + 1_000_000);
    assert_eq!(sent(&mut desk, "new"), 1, "on trial, and the last of the budget");
    desk.venue(2, "accepted").wait_ns(6 * S);
    assert_eq!(sent(&mut desk, "new"), 0);
    desk.wait_ns(S);
    assert_eq!(sent(&mut desk, "new"), 1);
}

#[test]
fn time_that_stands_still_or_goes_back_gives_no_room() {
    let mut desk = desk(1, &[window(WindowKind::Fixed, 3, S)]);
    let mut used = rest(&mut desk, 'a', 4);
    for step in 0..20 {
        desk.now.0 -= 10_000_000;
        used += rest(&mut desk, char::from(b'b' + step), 1);
    }
    assert_eq!(used, 3);
    let session = CLIENT;
    desk.input(Input::MassCancel(MassCancel {
        session,
        client_seq: 900,
        cl_ord_id: text("m"),
        asked: b'7',
        scope: MassScope::default(),
        refusal: Refusal::None,
    }));
    assert_eq!(sent(&mut desk, "cancel"), 3);
}
