//! Scenarios of what clients ask beside orders: replacing, many orders at once, what becomes of
//! orders when a connection is lost, ends, and instructions that are not carried out.

use crate::desk::{CLIENT, Desk, HALT, text};
use rutter_core::id::{ClOrdId, VenueId};
use rutter_core::input::{
    CancelOnDisconnect, CharSet, Input, MassCancel, MassScope, MassStatus, NewOrder, Operator,
    OperatorCommand, Refusal, ReplaceOrder, Side, TimeInForce,
};
use rutter_core::number::{Amount, Price, Qty, UnixNanos};
use rutter_core::output::{Output, ReportKind};

const SECOND: u64 = 1_000_000_000;

/// A desk of one venue with a resting order `a` of 10 at 9,900, which the venue has accepted.
fn with_a_resting_order() -> Desk {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_800, 10)], &[(10_000, 10)]).client("a buy 10 @ 9900 gtc");
    desk.venue(1, "accepted").sent(&["v0 new buy 10 @ 9900 Gtc #1"]).client_saw(&["a new"]);
    desk
}

fn insts(letters: &str) -> CharSet {
    letters.bytes().fold(CharSet::EMPTY, |set, byte| set.with(byte).expect("a letter"))
}

#[test]
fn another_price_calls_the_child_back_and_then_routes_anew() {
    let mut desk = with_a_resting_order();
    desk.client("replace a buy 10 @ 9950 gtc");
    desk.sent(&["v0 cancel #1"]).client_saw(&["a replacing"]);
    desk.venue(1, "done 0").sent(&["v0 new buy 10 @ 9950 Gtc #2"]);
    desk.client_saw(&["a is a-r2 10 @ 9950 leaves 10"]);
    desk.venue(2, "accepted").venue(2, "fill 10 @ 9950");
    desk.client_saw(&["a-r2 trade 10 @ 9950 leaves 0"]).position(10);
}

#[test]
fn more_at_the_same_price_leaves_the_child_its_place_in_the_book() {
    let mut desk = with_a_resting_order();
    desk.client("replace a buy 14 @ 9900 gtc").sent(&["v0 new buy 4 @ 9900 Gtc #2"]);
    desk.client_saw(&["a replacing", "a is a-r2 14 @ 9900 leaves 14"]);
}

#[test]
fn less_than_rests_is_called_back_whole_and_what_fills_meanwhile_counts() {
    let mut desk = with_a_resting_order();
    desk.client("replace a buy 6 @ 9900 gtc").sent(&["v0 cancel #1"]);
    desk.venue(1, "fill 2 @ 9900").venue(1, "done 2").sent(&["v0 new buy 4 @ 9900 Gtc #2"]);
    desk.client_saw(&["a replacing", "a trade 2 @ 9900 leaves 8", "a is a-r2 6 @ 9900 leaves 4"]);
}

#[test]
fn an_order_that_filled_more_than_its_replacement_wants_is_over_with_what_it_has() {
    let mut desk = with_a_resting_order();
    desk.client("replace a buy 6 @ 9900 gtc").sent(&["v0 cancel #1"]);
    desk.venue(1, "fill 8 @ 9900").venue(1, "done 8").sent(&[]);
    desk.client_saw(&["a replacing", "a trade 8 @ 9900 leaves 2", "a is a-r2 8 @ 9900 leaves 0"]);
    desk.client("status a-r2").client_saw(&["a-r2 is Filled"]);
}

#[test]
fn an_order_that_fills_first_cannot_be_replaced() {
    let mut desk = with_a_resting_order();
    desk.client("replace a buy 20 @ 9950 gtc").venue(1, "fill 10 @ 9900");
    desk.client_saw(&[
        "a replacing",
        "a trade 10 @ 9900 leaves 0",
        "a not replaced TooLateToCancel",
    ]);
    desk.sent(&["v0 cancel #1"]);
}

#[test]
fn a_cancel_overtakes_a_replace_that_is_under_way() {
    let mut desk = with_a_resting_order();
    desk.client("replace a buy 20 @ 9950 gtc").client("cancel a-r2").venue(1, "done 0");
    desk.client_saw(&[
        "a replacing",
        "a not replaced ClientRequest",
        "a canceling",
        "a Canceled ClientRequest filled 0",
    ]);
}

#[test]
fn a_halt_answers_the_replace_and_takes_the_order_back() {
    let mut desk = with_a_resting_order();
    desk.client("replace a buy 20 @ 9950 gtc").operator(HALT).venue(1, "done 0");
    desk.client_saw(&[
        "a replacing",
        "a not replaced KillSwitch",
        "a Canceled KillSwitch filled 0",
    ]);
    desk.client("replace a buy 20 @ 9950 gtc").client_saw(&["a not replaced Halted"]);
}

#[test]
fn a_replace_that_cannot_be_changes_nothing_and_says_why() {
    let mut desk = with_a_resting_order();
    desk.client("replace b buy 10 @ 9900 gtc").client_saw(&["b not replaced UnknownOrder"]);
    desk.client("replace a sell 10 @ 9900 gtc").client_saw(&["a not replaced NotReplaceable"]);
    desk.client("replace a buy 10 @ 9900 day").client_saw(&["a not replaced NotReplaceable"]);
    desk.client("replace a buy 10 market").client_saw(&["a not replaced NotReplaceable"]);
    desk.client("replace a buy 10 @ 20000 gtc").client_saw(&["a not replaced PriceCollar"]);
    desk.client("replace a buy 0 @ 9900 gtc").client_saw(&["a not replaced BelowFilled"]);
    desk.client("replace a buy 9 @ 9901 gtc").client("replace a buy 8 @ 9901 gtc");
    desk.client_saw(&["a replacing", "a not replaced AlreadyPending"]);
    desk.sent(&["v0 cancel #1"]);
}

#[test]
fn the_id_that_a_replaced_order_had_is_not_free_for_another_one() {
    let mut desk = with_a_resting_order();
    desk.client("replace a buy 14 @ 9900 gtc").client("a buy 1 @ 9900 gtc");
    desk.client("a-r2 buy 1 @ 9900 gtc").client("cancel a");
    desk.client_saw(&[
        "a replacing",
        "a is a-r2 14 @ 9900 leaves 14",
        "a refused DuplicateClOrdId",
        "a-r2 refused DuplicateClOrdId",
        "a not canceled UnknownOrder",
    ]);
}

fn mass_cancel(desk: &mut Desk, scope: MassScope) {
    let cl_ord_id = text("m");
    let refusal = Refusal::None;
    desk.input(Input::MassCancel(MassCancel {
        session: CLIENT,
        client_seq: 90,
        cl_ord_id,
        asked: b'7',
        scope,
        refusal,
    }));
}

#[test]
fn a_mass_cancel_takes_back_the_orders_of_its_scope_and_counts_them() {
    let mut desk = with_a_resting_order();
    desk.client("b sell 5 @ 10100 gtc").client("c buy 3 @ 9850 gtc");
    desk.sent(&["v0 new sell 5 @ 10100 Gtc #2", "v0 new buy 3 @ 9850 Gtc #3"]);
    mass_cancel(&mut desk, MassScope { instrument: None, side: Some(Side::Buy) });
    desk.sent(&["v0 cancel #1", "v0 cancel #3"]);
    desk.client_saw(&["b new", "c new", "mass cancel of 2 None"]);
    desk.venue(1, "done 0").venue(3, "done 0");
    desk.client_saw(&["a Canceled MassCancel filled 0", "c Canceled MassCancel filled 0"]);
    mass_cancel(&mut desk, MassScope::default());
    desk.sent(&["v0 cancel #2"]).client_saw(&["mass cancel of 1 None"]);
}

#[test]
fn a_mass_status_tells_every_open_order_once() {
    let mut desk = with_a_resting_order();
    let ask = |desk: &mut Desk, refusal| {
        let (session, request) = (CLIENT, ClOrdId::new(b"all").expect("short"));
        let scope = MassScope::default();
        let request = MassStatus { session, client_seq: 90, request, scope, refusal };
        desk.input(Input::MassStatus(request));
    };
    desk.client("b sell 5 @ 10100 gtc").client("c buy 3 @ 9850 gtc").client("cancel c");
    desk.client_saw(&["b new", "c new", "c canceling"]).venue(2, "fill 2 @ 10100");
    ask(&mut desk, Refusal::None);
    desk.client_saw(&[
        "b trade 2 @ 10100 leaves 3",
        "a is New 1/3",
        "b is PartiallyFilled 2/3",
        "c is PendingCancel 3/3",
    ]);
    ask(&mut desk, Refusal::UnsupportedScope);
    desk.client_saw(&[" is Rejected"]);
}

fn up(desk: &mut Desk, all: bool, grace_ns: u64) {
    desk.input(Input::SessionUp(CLIENT, CancelOnDisconnect { all, grace_ns }));
}

#[test]
fn a_session_that_wants_it_so_loses_its_orders_with_its_connection_after_its_grace() {
    let mut desk = with_a_resting_order();
    up(&mut desk, true, 5 * SECOND);
    desk.input(Input::SessionDown(CLIENT)).wait_ns(4 * SECOND).sent(&[]);
    let due = desk.engine.next_timer().expect("the loss is due");
    assert!(due > desk.now && due.0 < desk.now.0 + 2 * SECOND);
    up(&mut desk, true, 5 * SECOND);
    desk.wait_ns(60 * SECOND).sent(&[]);
    desk.input(Input::SessionDown(CLIENT)).wait_ns(5 * SECOND).sent(&["v0 cancel #1"]);
    desk.venue(1, "done 0").client_saw(&["a Canceled ConnectionLost filled 0"]);
}

#[test]
fn orders_that_want_it_so_go_with_the_connection_or_with_the_node_and_others_stay() {
    let mut desk = with_a_resting_order();
    let with =
        |letters: &'static str| move |o: &mut NewOrder| o.instructions.exec_inst = insts(letters);
    desk.instructed("b buy 2 @ 9890 gtc", with("o")).instructed("c buy 3 @ 9880 gtc", with("Q"));
    desk.sent(&["v0 new buy 2 @ 9890 Gtc #2", "v0 new buy 3 @ 9880 Gtc #3"]);
    up(&mut desk, false, 0);
    desk.input(Input::SessionDown(CLIENT)).sent(&["v0 cancel #2"]);
    desk.venue(2, "done 0").input(Input::NodeStarted);
    desk.sent(&["v0 query #1", "v0 query #3"]);
    for child in [1, 3] {
        desk.venue(child, "open");
    }
    desk.input(Input::VenueUp(VenueId(0))).sent(&["v0 cancel #3"]);
    desk.venue(3, "done 0");
    desk.client_saw(&[
        "b new",
        "c new",
        "b Canceled ConnectionLost filled 0",
        "c Canceled SystemFailure filled 0",
    ]);
}

#[test]
fn a_node_that_was_down_counts_as_a_lost_connection() {
    let mut desk = with_a_resting_order();
    up(&mut desk, true, 5 * SECOND);
    desk.input(Input::NodeStarted).venue(1, "open").input(Input::VenueUp(VenueId(0)));
    desk.sent(&["v0 query #1"]).wait_ns(6 * SECOND).sent(&["v0 cancel #1"]);
}

#[test]
fn an_order_with_an_end_is_over_at_that_time_and_not_before() {
    let mut desk = with_a_resting_order();
    let end = UnixNanos(desk.now.0 + 60 * SECOND);
    desk.instructed("b buy 2 @ 9890 gtc", |order| {
        (order.tif, order.instructions.expire_at) = (TimeInForce::Gtd, end);
    });
    desk.wait_ns(59 * SECOND).client_saw(&["b new"]);
    assert_eq!(desk.engine.next_timer(), Some(end));
    desk.wait_ns(SECOND).sent(&["v0 new buy 2 @ 9890 Gtc #2", "v0 cancel #2"]);
    desk.venue(2, "done 0").client_saw(&["b Expired TimeExpired filled 0"]);
}

#[test]
fn an_order_goes_to_the_venue_that_its_client_named_and_to_no_other() {
    let mut desk = Desk::with_venues(2);
    desk.book(0, &[], &[(10_000, 10)]).book(1, &[], &[(10_020, 10)]);
    let to = |venue| move |order: &mut NewOrder| order.instructions.only = Some(VenueId(venue));
    desk.instructed("a buy 5 @ 10050 ioc", to(1)).sent(&["v1 new buy 5 @ 10020 Ioc #1"]);
    desk.instructed("b buy 5 @ 10010 gtc", to(1)).sent(&["v1 new buy 5 @ 10010 Gtc #2"]);
    desk.input(Input::VenueDown(VenueId(1), rutter_core::input::VenueDownReason::LinkLost));
    desk.instructed("c buy 5 @ 10050 ioc", to(1)).instructed("d buy 5 @ 10050 ioc", to(7));
    desk.client_saw(&[
        "a new",
        "b new",
        "c new",
        "c Canceled NoVenue filled 0",
        "d refused UnknownVenue",
    ]);
}

#[test]
fn what_is_not_carried_out_is_refused_by_name_and_never_passed_over() {
    type Say = fn(&mut NewOrder);
    let cases: [(Say, Refusal); 10] = [
        (|o| o.instructions.exec_inst = insts("G"), Refusal::UnsupportedExecInst),
        (|o| o.instructions.exec_inst = insts("o6"), Refusal::UnsupportedExecInst),
        (|o| o.instructions.strategy = 1, Refusal::UnsupportedStrategy),
        (|o| o.instructions.effective_at = UnixNanos(1), Refusal::UnsupportedSchedule),
        (|o| o.instructions.min_qty = Qty(1), Refusal::UnsupportedMinQty),
        (|o| o.instructions.display_qty = Qty(1), Refusal::UnsupportedDisplayQty),
        (|o| o.instructions.cash_qty = Amount(1), Refusal::UnsupportedCashQty),
        (|o| o.instructions.expire_at = UnixNanos(u64::MAX), Refusal::BadExpireTime),
        (|o| o.tif = TimeInForce::Gtd, Refusal::BadExpireTime),
        (
            |o| (o.tif, o.instructions.expire_at) = (TimeInForce::Gtd, UnixNanos(1)),
            Refusal::BadExpireTime,
        ),
    ];
    let mut desk = with_a_resting_order();
    for (say, refusal) in cases {
        desk.instructed("b buy 1 @ 9900 gtc", say);
        desk.client_saw(&[&format!("b refused {refusal:?}")]);
    }
    desk.instructed("b buy 1 @ 9900 gtc", |o| o.instructions.exec_inst = insts("1HK"));
    desk.client_saw(&["b new"]);
}

/// Found by whoever wrote the rules of engagement: the cancel was never answered.
#[test]
fn a_cancel_that_is_under_way_when_the_orders_time_comes_is_answered() {
    let mut desk = with_a_resting_order();
    let end = UnixNanos(desk.now.0 + 60 * SECOND);
    desk.instructed("b buy 2 @ 9890 gtc", |order| {
        (order.tif, order.instructions.expire_at) = (TimeInForce::Gtd, end);
    });
    desk.client("cancel b").wait_ns(61 * SECOND).venue(2, "done 0");
    desk.client_saw(&["b new", "b canceling", "b Canceled ClientRequest filled 0"]);
}

/// Found there too: the order went on, and would have been routed again during the halt.
#[test]
fn what_a_venue_does_not_give_back_in_a_halt_is_not_traded_on_and_somebody_is_told() {
    let mut desk = with_a_resting_order();
    desk.operator(HALT).client_saw(&[]);
    for _ in 0..8 {
        desk.venue(1, "cancel-rejected").venue(1, "open");
    }
    desk.client("status a").client_saw(&["a is PendingCancel"]);
    assert!(
        desk.notices().iter().any(|n| matches!(n, rutter_core::output::Notice::CancelStuck(_)))
    );
    desk.venue(1, "fill 4 @ 9900").venue(1, "done 4");
    desk.client_saw(&["a trade 4 @ 9900 leaves 6", "a Canceled KillSwitch filled 4"]);
}

#[test]
fn an_order_that_is_perhaps_sent_again_is_answered_with_its_status() {
    let mut desk = with_a_resting_order();
    desk.instructed("a buy 10 @ 9900 gtc", |order| order.poss_resend = true);
    desk.client_saw(&["a is New"]).sent(&[]);
    desk.instructed("b buy 1 @ 9900 gtc", |order| order.poss_resend = true);
    desk.client_saw(&["b new"]);
}

/// The status of a known order is news to its client, whatever is refused now.
#[test]
fn an_order_that_is_perhaps_sent_again_is_answered_with_its_status_also_to_who_is_logged_out() {
    for shut in [Input::LogoutSent(CLIENT), with_a_halt()] {
        let mut desk = with_a_resting_order();
        desk.input(shut).outputs.clear();
        desk.instructed("a buy 10 @ 9900 gtc", |order| order.poss_resend = true);
        desk.instructed("b buy 1 @ 9900 gtc", |order| order.poss_resend = true).sent(&[]);
        let seen = desk.outputs.iter().filter_map(|output| match output {
            Output::Report(report) => Some((report.cl_ord_id, report.kind)),
            _ => None,
        });
        let seen: Vec<_> = seen.collect();
        let (status, refused) = (ReportKind::OrderStatus, ReportKind::Rejected);
        assert_eq!(seen, [(text("a"), status), (text("b"), refused)]);
    }
}

fn with_a_halt() -> Input {
    let (by, reason) = (text("ops"), text("drill"));
    Input::Operator(Operator { request: 1, by, reason, command: HALT })
}

#[test]
fn a_replace_that_is_perhaps_sent_again_is_answered_with_the_status_of_its_order() {
    let mut desk = with_a_resting_order();
    let replace = |desk: &mut Desk, id: &str, orig: &str, qty: i64| {
        let order = NewOrder {
            session: CLIENT,
            qty: Qty(qty),
            price: Price(9_900),
            poss_resend: true,
            ..rutter_test_support::reference::buy(id)
        };
        desk.input(Input::Replace(ReplaceOrder { orig_cl_ord_id: text(orig), order }));
    };
    replace(&mut desk, "b", "a", 14);
    desk.sent(&["v0 new buy 4 @ 9900 Gtc #2"])
        .client_saw(&["a replacing", "a is b 14 @ 9900 leaves 14"]);
    replace(&mut desk, "b", "a", 14);
    desk.client_saw(&["b is New"]).sent(&[]);
    replace(&mut desk, "c", "b", 20);
    desk.sent(&["v0 new buy 6 @ 9900 Gtc #3"])
        .client_saw(&["b replacing", "b is c 20 @ 9900 leaves 20"]);
    // The older one again: what it asked for is long over.
    replace(&mut desk, "b", "a", 14);
    desk.client_saw(&["c is New"]).sent(&[]);
}

#[test]
fn an_order_whose_cancel_is_under_way_goes_with_its_connection_too() {
    let mut desk = with_a_resting_order();
    up(&mut desk, true, 0);
    desk.client("cancel a").sent(&["v0 cancel #1"]);
    desk.input(Input::SessionDown(CLIENT));
    for _ in 0..8 {
        desk.venue(1, "cancel-rejected").venue(1, "open");
    }
    desk.client("status a");
    desk.client_saw(&["a canceling", "a not canceled VenueRefused", "a is PendingCancel"]);
}

#[test]
fn an_order_whose_cancel_is_under_way_goes_with_a_mass_cancel_too() {
    let mut desk = with_a_resting_order();
    desk.client("cancel a").sent(&["v0 cancel #1"]);
    mass_cancel(&mut desk, MassScope::default());
    for _ in 0..8 {
        desk.venue(1, "cancel-rejected").venue(1, "open");
    }
    desk.outputs.clear();
    desk.client("status a");
    desk.client_saw(&["a is PendingCancel"]);
}

#[test]
fn an_order_whose_cancel_is_under_way_does_not_outlive_what_an_operator_or_the_clock_wants() {
    for ends_by_time in [false, true] {
        let mut desk = with_a_resting_order();
        let end = UnixNanos(desk.now.0 + 60 * SECOND);
        desk.instructed("b buy 2 @ 9890 gtc", |order| {
            (order.tif, order.instructions.expire_at) = (TimeInForce::Gtd, end);
        });
        desk.venue(2, "accepted")
            .client("cancel b")
            .sent(&["v0 new buy 2 @ 9890 Gtc #2", "v0 cancel #2"]);
        if ends_by_time {
            desk.wait_ns(61 * SECOND);
        } else {
            let order = desk.child(2).order;
            desk.operator(OperatorCommand::Cancel(order)).operator_saw(&[(1, Refusal::None)]);
        }
        for _ in 0..8 {
            desk.venue(2, "cancel-rejected").venue(2, "open");
        }
        desk.venue(2, "done 0");
        let end = if ends_by_time { "b Expired TimeExpired" } else { "b Canceled OperatorCancel" };
        desk.client_saw(&[
            "b new",
            "b canceling",
            "b not canceled VenueRefused",
            &format!("{end} filled 0"),
        ]);
    }
}

#[test]
fn what_a_venue_did_not_give_back_is_asked_for_again_by_the_next_who_wants_it_back() {
    let refuse = |desk: &mut Desk| {
        for _ in 0..8 {
            desk.venue(1, "cancel-rejected").venue(1, "open");
        }
        desk.outputs.clear();
    };
    let mut desk = with_a_resting_order();
    mass_cancel(&mut desk, MassScope::default());
    desk.client("cancel a");
    desk.client_saw(&["mass cancel of 1 None", "a not canceled AlreadyPending"]);
    refuse(&mut desk);
    mass_cancel(&mut desk, MassScope::default());
    desk.sent(&["v0 cancel #1"]);
    refuse(&mut desk);
    let order = desk.child(1).order;
    desk.operator(OperatorCommand::Cancel(order)).operator_saw(&[(1, Refusal::None)]);
    desk.sent(&["v0 cancel #1"]);
    refuse(&mut desk);
    desk.client("cancel a").sent(&["v0 cancel #1"]).client_saw(&["a canceling"]);
    for _ in 0..8 {
        desk.venue(1, "cancel-rejected").venue(1, "open");
    }
    desk.client_saw(&["a not canceled VenueRefused"]).venue(1, "done 0");
    desk.client_saw(&["a Canceled MassCancel filled 0"]);
}

#[test]
fn an_order_that_is_perhaps_sent_again_after_it_was_replaced_is_answered_with_its_status() {
    let mut desk = with_a_resting_order();
    desk.client("replace a buy 14 @ 9900 gtc").sent(&["v0 new buy 4 @ 9900 Gtc #2"]);
    desk.outputs.clear();
    desk.instructed("a buy 10 @ 9900 gtc", |order| order.poss_resend = true);
    desk.client_saw(&["a-r2 is New"]).sent(&[]);
}

/// A child that is over gives its place away. What hung from it is called back all the same.
#[test]
fn a_cancel_reaches_children_that_are_older_than_forgotten_ones() {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_800, 10)], &[(10_000, 90)]);
    desk.client("a buy 10 @ 9900 gtc").venue(1, "accepted");
    desk.book(0, &[(9_800, 10)], &[(9_900, 5), (10_000, 90)]);
    desk.client("replace a buy 20 @ 9900 gtc");
    desk.venue(2, "fill 5 @ 9900").venue(3, "accepted");
    for round in 0..2_100 {
        desk.now.0 += 10_000_000;
        desk.book(0, &[(9_800, 10)], &[(10_000, 90)]);
        desk.outputs.clear();
        desk.client(&format!("o{round} buy 1 market ioc"));
        let sent = desk.outputs.iter().find_map(|output| match output {
            Output::SendNew(new) => Some(new.child.0),
            _ => None,
        });
        desk.venue(sent.expect("sent"), "fill 1 @ 10000");
    }
    assert!(desk.engine.child(rutter_core::id::ChildId(2)).is_none(), "its place was needed");
    desk.outputs.clear();
    desk.client("cancel a-r2").sent(&["v0 cancel #3", "v0 cancel #1"]);
}
