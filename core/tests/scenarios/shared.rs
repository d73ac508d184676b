//! Orders that wait for a busy venue share a child: who goes together, and what each of them gets
//! of what becomes of it.

use rutter_core::child::{ChildState, Role};
use rutter_core::engine::{RESOLVE_AFTER_NS, SHARERS_MAX};
use rutter_core::id::{AccountId, AssetId, ChildId, ExecId, InstrumentId, SessionId, VenueId};
use rutter_core::input::*;
use rutter_core::number::{Amount, FeePpm, Price, Qty};
use rutter_core::output::{Notice, Output, PartOf, ReportKind};
use rutter_test_support::reference;

use crate::desk::{Desk, HALT, PAIR, USD, text};
use crate::waiting::waits;
use rutter_core::waiting::Waiting;

const SECOND: u64 = 1_000_000_000;
const WAIT_NS: u64 = 60 * SECOND;

/// Whether the orders of an account may share a child.
fn consents(desk: &mut Desk, account: u16, consents: bool) {
    desk.input(Input::Sharing(SharingDef { account: AccountId(account), consents }));
}

/// Two consenting accounts of two owners, each with a session, and venues that take one unanswered
/// order each and offer 100 at 100.10.
pub fn desk(venues: u8) -> Desk {
    furnished(Desk::with_venues(venues), venues)
}

fn furnished(mut desk: Desk, venues: u8) -> Desk {
    for at in [0, 1] {
        let mut account = reference::account(at, ["fund", "other"][usize::from(at)]);
        account.busy_wait_ns = WAIT_NS;
        desk.input(Input::Account(account));
        let name = ["DESK", "OTHER"][usize::from(at)];
        let session = reference::session(at, name, Some(AccountId(at)));
        desk.input(Input::Session(session));
        consents(&mut desk, at, true);
    }
    for venue in 0..venues {
        desk.venue_terms(venue, |terms| {
            (terms.unanswered_max, terms.stale_after_ns) = (1, u64::MAX / 2);
            terms.rate_orders = 100_000;
        });
        desk.book(venue, &[(9_990, 100)], &[(10_010, 100)]);
    }
    desk.outputs.clear();
    desk
}

pub fn from(desk: &mut Desk, session: u16, words: &str) {
    desk.session = SessionId(session);
    desk.client(words);
    desk.session = SessionId(0);
}

/// One order is with the only venue, and two of two accounts wait behind it; the answer to the
/// first sends the two in child 2.
fn shared() -> Desk {
    let mut desk = desk(1);
    desk.client("a buy 5 @ 10010 ioc").sent(&["v0 new buy 5 @ 10010 Ioc #1"]);
    desk.client("b buy 4 @ 10010 ioc");
    from(&mut desk, 1, "c buy 6 @ 10010 ioc");
    desk.sent(&[]).client_saw(&["a new", "b new", "c new"]);
    desk.venue(1, "fill 5 @ 10010").sent(&["v0 new buy 10 @ 10010 Ioc #2"]);
    desk.client_saw(&["a trade 5 @ 10010 leaves 0"]);
    desk
}

pub fn order_of(desk: &Desk, id: u64) -> rutter_core::order::Order {
    *desk.engine.order(rutter_core::id::OrderId(id)).expect("an order of this desk")
}

#[test]
fn orders_that_wait_for_room_share_one_child_and_its_fills_in_proportion() {
    let mut desk = shared();
    let told = desk.notices();
    for (order, qty, part) in [(2, 4, 3), (3, 6, 4)] {
        let (order, venue) = (rutter_core::id::OrderId(order), VenueId(0));
        let (child, part, qty) = (ChildId(2), ChildId(part), Qty(qty));
        let of = PartOf { order, venue, child, part, qty };
        assert!(told.contains(&Notice::Shares(of)), "{told:?}");
    }
    desk.venue(2, "accepted").sent(&[]).client_saw(&[]);
    // Two fifths and three fifths of three: the larger remainder has what is over.
    desk.venue(2, "fill 3 @ 10010");
    desk.client_saw(&["b trade 1 @ 10010 leaves 3", "c trade 2 @ 10010 leaves 4"]);
    desk.venue(2, "fill 7 @ 10009");
    desk.client_saw(&["b trade 3 @ 10009 leaves 0", "c trade 4 @ 10009 leaves 0"]);
    let positions = [0, 1].map(|at| desk.engine.ledger().position(AccountId(at), PAIR).base);
    assert_eq!(positions, [9, 6]);
    assert_eq!(desk.engine.open_orders(), 0);
}

#[test]
fn each_execution_counts_once_and_its_fee_is_shared_to_the_last_unit() {
    let mut desk = shared();
    desk.venue(2, "fill 3 @ 10010 exec 77").venue(2, "fill 3 @ 10010 exec 77");
    let trades: Vec<_> = (desk.outputs.iter())
        .filter_map(|output| match output {
            Output::Report(report) if report.kind == ReportKind::Trade => Some(*report),
            _ => None,
        })
        .collect();
    let last: Vec<_> = trades.iter().filter_map(|report| report.last).collect();
    assert_eq!(last.iter().map(|last| last.qty.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(last.iter().map(|last| last.fee.0).sum::<i128>(), 7, "the fee of the execution");
    assert!(last.iter().all(|last| last.exec == ExecId(77) && last.child == ChildId(2)));
    assert_ne!(trades[0].exec, trades[1].exec, "each report has an id of its own");
}

#[test]
fn only_accounts_that_consent_share() {
    for withdraws in [0, 1] {
        let mut desk = desk(1);
        consents(&mut desk, withdraws, false);
        desk.client("a buy 5 @ 10010 ioc").client("b buy 4 @ 10010 ioc");
        from(&mut desk, 1, "c buy 6 @ 10010 ioc");
        desk.outputs.clear();
        desk.venue(1, "fill 5 @ 10010").sent(&["v0 new buy 4 @ 10010 Ioc #2"]);
        desk.venue(2, "fill 4 @ 10010").sent(&["v0 new buy 6 @ 10010 Ioc #3"]);
    }
}

#[test]
fn an_account_with_fees_of_its_own_shares_with_itself_only() {
    let mut desk = desk(1);
    let (account, venue, instrument) = (AccountId(1), VenueId(0), None);
    let (maker, taker) = (FeePpm(100), FeePpm(100));
    desk.input(Input::AccountFee(AccountFeeDef { account, venue, instrument, maker, taker }));
    desk.client("a buy 5 @ 10010 ioc");
    for name in ["b", "c"] {
        from(&mut desk, 1, &format!("{name} buy 4 @ 10010 ioc"));
    }
    desk.client("d buy 4 @ 10010 ioc").outputs.clear();
    desk.venue(1, "fill 5 @ 10010").sent(&["v0 new buy 8 @ 10010 Ioc #2"]);
    desk.venue(2, "fill 8 @ 10010").sent(&["v0 new buy 4 @ 10010 Ioc #5"]);
}

#[test]
fn an_order_shares_only_within_its_own_limit_and_terms() {
    let mut desk = desk(1);
    desk.client("a buy 5 @ 10010 ioc");
    // The first of the queue sets the limit. One that may go less far waits, as does one of other
    // terms; one that may go further comes along.
    desk.client("b buy 4 @ 10012 ioc").client("c buy 3 @ 10011 ioc").client("d buy 2 @ 10013 ioc");
    desk.client("e buy 1 @ 10015 fok");
    desk.instructed("f buy 6 @ 10015 ioc", |new| new.instructions.min_qty = Qty(2));
    desk.instructed("g buy 6 @ 10015 ioc", |new| new.instructions.only = Some(VenueId(0)));
    desk.outputs.clear();
    desk.venue(1, "fill 5 @ 10010").sent(&["v0 new buy 6 @ 10010 Ioc #2"]);
    let parts = desk.engine.children().filter(|child| child.role == Role::Part);
    assert_eq!(parts.map(|part| (part.order.0, part.qty.0)).collect::<Vec<_>>(), [(2, 4), (4, 2)]);
}

#[test]
fn no_more_go_together_than_the_books_show() {
    let mut desk = desk(1);
    desk.client("a buy 5 @ 10010 ioc");
    for name in ["b", "c", "d"] {
        desk.client(&format!("{name} buy 4 @ 10010 ioc"));
    }
    // Five of these are what the first order takes.
    desk.book(0, &[(9_990, 100)], &[(10_010, 15)]).outputs.clear();
    desk.venue(1, "fill 5 @ 10010").sent(&["v0 new buy 8 @ 10010 Ioc #2"]);
}

#[test]
fn an_order_goes_over_the_end_of_a_child_into_the_next_one() {
    let mut desk = desk(2);
    for venue in [0, 1] {
        desk.venue_terms(venue, |terms| {
            (terms.unanswered_max, terms.stale_after_ns) = (9, u64::MAX / 2);
            (terms.rate_orders, terms.rate_window_ns) = (1, SECOND);
        });
    }
    desk.client("a buy 5 @ 10010 ioc").client("x buy 5 @ 10010 ioc");
    for name in ["b", "c", "d", "e"] {
        desk.client(&format!("{name} buy 4 @ 10011 ioc"));
    }
    desk.venue(1, "fill 5 @ 10010").venue(2, "fill 5 @ 10010");
    desk.book(0, &[(9_990, 100)], &[(10_010, 10)]);
    desk.book(1, &[(9_990, 100)], &[(10_011, 100)]);
    desk.outputs.clear();
    desk.wait_ns(2 * SECOND);
    desk.sent(&["v0 new buy 10 @ 10010 Ioc #3", "v1 new buy 6 @ 10011 Ioc #7"]);
    assert_eq!([3, 4, 5, 6].map(|id| order_of(&desk, id).at_venues.0), [4; 4]);
    // The third order has a part in both.
    assert_eq!(order_of(&desk, 5).live_children, 2);
    desk.venue(3, "fill 10 @ 10010").venue(7, "fill 6 @ 10011");
    assert_eq!([3, 4, 5, 6].map(|id| order_of(&desk, id).filled.0), [4; 4]);
    assert_eq!(desk.engine.open_orders(), 0);
}

#[test]
fn what_a_shared_child_does_not_fill_is_routed_again_and_shares_again() {
    let mut desk = shared();
    desk.venue(2, "accepted").venue(2, "fill 5 @ 10010").outputs.clear();
    // The book has changed after the fade.
    desk.venue(2, "expired 5").sent(&[]);
    desk.client_saw(&["b Canceled NoLiquidity filled 2", "c Canceled NoLiquidity filled 3"]);
    let mut desk = shared();
    desk.venue(2, "rejected RateLimit 1000000000").sent(&[]);
    assert_eq!([2, 3].map(|id| waits(&mut desk, id)), [Waiting::VenueBusy; 2]);
    desk.wait_ns(2 * SECOND).sent(&["v0 new buy 10 @ 10010 Ioc #5"]);
}

#[test]
fn a_refusal_closes_the_venue_once_and_bars_each_order() {
    let mut desk = shared();
    desk.venue(2, "rejected Filter").sent(&[]);
    desk.client_saw(&["b Canceled VenuesRefused filled 0", "c Canceled VenuesRefused filled 0"]);
    let barred = desk.notices().into_iter().filter(|told| matches!(told, Notice::Barred(..)));
    assert_eq!(barred.count(), 2);
}

#[test]
fn a_cancel_of_one_waits_for_the_end_and_takes_nothing_from_the_other() {
    let mut desk = shared();
    desk.client("cancel b").sent(&[]).client_saw(&["b canceling"]);
    desk.venue(2, "fill 5 @ 10010");
    desk.client_saw(&["b trade 2 @ 10010 leaves 2", "c trade 3 @ 10010 leaves 3"]);
    desk.venue(2, "expired 5");
    desk.client_saw(&["b Canceled ClientRequest filled 2", "c Canceled NoLiquidity filled 3"]);
}

#[test]
fn a_halt_ends_each_order_when_the_child_has_ended() {
    let mut desk = shared();
    desk.operator(HALT).outputs.clear();
    desk.venue(2, "rejected NotSent").sent(&[]);
    desk.client_saw(&["b Canceled KillSwitch filled 0", "c Canceled KillSwitch filled 0"]);
}

#[test]
fn an_unknown_outcome_is_that_of_every_part_until_the_venue_answers() {
    for restart in [false, true] {
        let mut desk = shared();
        if restart {
            desk.input(Input::NodeStarted);
        } else {
            desk.venue(2, "unsure");
        }
        desk.sent(&["v0 query #2"]);
        let states = [2, 3, 4].map(|id| desk.child(id).state());
        assert_eq!(states, [ChildState::Unknown; 3]);
        // The venue tells that it is over with six filled: the executions are waited for.
        desk.outputs.clear();
        desk.venue(2, "gone 6").client_saw(&[]);
        desk.venue(2, "fill 5 @ 10010");
        desk.client_saw(&["b trade 2 @ 10010 leaves 2", "c trade 3 @ 10010 leaves 3"]);
        assert_eq!(desk.child(2).state(), ChildState::Unknown);
        desk.venue(2, "fill 1 @ 10010");
        assert_eq!(desk.child(2).state(), ChildState::Canceled);
        assert!([3, 4].iter().all(|id| desk.child(*id).state() == ChildState::Canceled));
        let filled = [2, 3].map(|id| order_of(&desk, id).filled.0);
        assert_eq!(filled.iter().sum::<i64>(), 6);
    }
}

#[test]
fn a_child_that_never_arrived_is_sent_again_under_another_id_only() {
    let mut desk = shared();
    desk.input(Input::VenueDown(VenueId(0), VenueDownReason::LinkLost));
    desk.sent(&["v0 query #2"]).venue(2, "never");
    desk.input(Input::VenueUp(VenueId(0)));
    desk.book(0, &[(9_990, 100)], &[(10_010, 100)]);
    // Each order avoids the venue that has not told for a moment.
    for id in [2, 3] {
        assert_eq!(order_of(&desk, id).at_venues, Qty::ZERO);
    }
    desk.sent(&[]);
}

#[test]
fn a_child_that_the_venue_has_filled_in_part_never_counts_as_never_arrived() {
    let mut desk = shared();
    desk.venue(2, "fill 5 @ 10010 exec 1").venue(2, "unsure").venue(2, "never");
    assert!([2, 3, 4].iter().all(|id| desk.child(*id).state() == ChildState::Unknown));
    let at_venues = |id| order_of(&desk, id).at_venues.0;
    assert_eq!(at_venues(2) + at_venues(3), 5, "what may still be filled counts");
}

#[test]
fn a_venue_that_finds_the_child_open_has_it_until_it_ends() {
    let mut desk = shared();
    desk.venue(2, "unsure").venue(2, "open 0").outputs.clear();
    assert!([2, 3, 4].iter().all(|id| desk.child(*id).state() == ChildState::Live));
    desk.venue(2, "fill 10 @ 10010");
    desk.client_saw(&["b trade 4 @ 10010 leaves 0", "c trade 6 @ 10010 leaves 0"]);
}

#[test]
fn operators_resolve_the_shared_child_and_not_a_part() {
    let mut desk = shared();
    desk.venue(2, "unsure").wait_ns(RESOLVE_AFTER_NS).outputs.clear();
    let resolve = |child, filled| {
        OperatorCommand::Resolve(Resolution {
            child: ChildId(child),
            filled: Qty(filled),
            price: Price(10_000),
        })
    };
    desk.operator(resolve(3, 1)).operator_saw(&[(0, Refusal::UnknownOrder)]);
    desk.operator(resolve(2, 5)).operator_saw(&[(1, Refusal::None)]);
    let filled = [2, 3].map(|id| order_of(&desk, id).filled.0);
    assert_eq!(filled, [2, 3]);
    assert!([2, 3, 4].iter().all(|id| desk.child(*id).state() == ChildState::Canceled));
    // What was stated comes late, and is not booked again.
    desk.outputs.clear();
    desk.venue(2, "fill 5 @ 9999").client_saw(&[]);
    assert_eq!([2, 3].map(|id| order_of(&desk, id).filled.0), [2, 3]);
}

/// The first order is filled, and its place in the table has been used again since.
#[test]
fn operators_resolve_a_shared_child_whose_first_order_is_forgotten() {
    let genesis = Genesis { orders_log2: 4, ..reference::genesis() };
    let mut desk = furnished(Desk::with_tables(1, &genesis), 1);
    desk.client("a buy 5 @ 10010 ioc").client("b buy 1 @ 10010 ioc");
    from(&mut desk, 1, "c buy 9 @ 10010 ioc");
    desk.outputs.clear();
    desk.venue(1, "fill 5 @ 10010").sent(&["v0 new buy 10 @ 10010 Ioc #2"]);
    desk.outputs.clear();
    desk.venue(2, "fill 6 @ 10010 exec 1");
    desk.client_saw(&["b trade 1 @ 10010 leaves 0", "c trade 5 @ 10010 leaves 4"]);
    desk.venue(2, "unsure");
    for number in 0..20 {
        desk.client(&format!("n{number} buy 1 @ 9000 ioc"));
    }
    desk.wait_ns(RESOLVE_AFTER_NS).outputs.clear();
    let resolution = Resolution { child: ChildId(2), filled: Qty(6), price: Price(10_000) };
    desk.operator(OperatorCommand::Resolve(resolution)).operator_saw(&[(1, Refusal::None)]);
    assert_eq!(desk.child(2).state(), ChildState::Canceled);
}

#[test]
fn after_a_refusal_each_order_keeps_away_from_the_venue_as_it_would_alone() {
    let mut desk = desk(2);
    desk.client("a buy 5 @ 10010 ioc").client("d buy 5 @ 10010 ioc");
    desk.sent(&["v0 new buy 5 @ 10010 Ioc #1", "v1 new buy 5 @ 10010 Ioc #2"]);
    desk.client("b buy 4 @ 10010 gtc");
    from(&mut desk, 1, "c buy 6 @ 10010 gtc");
    desk.venue(1, "fill 5 @ 10010").sent(&["v0 new buy 10 @ 10010 Ioc #3"]);
    desk.venue(3, "rejected Other").sent(&[]);
    for id in [3, 4] {
        assert_eq!(order_of(&desk, id).at_venues, Qty::ZERO, "the other venue has no room");
    }
}

/// A part's fee is compared by the value of that fee, not by the value of the whole one.
#[test]
fn what_a_fee_in_a_token_is_worth_is_told_for_each_part() {
    let mut desk = desk(1);
    let (venue, bnb, pair) = (VenueId(0), AssetId(2), InstrumentId(1));
    desk.input(Input::Asset(reference::asset(bnb.0, "BNB")));
    desk.input(Input::Instrument(reference::instrument(pair.0, "BNB/USD", bnb, USD)));
    desk.input(Input::Listing(reference::listing(venue, pair)));
    let token = FeeTokenDef { asset: bnb, discount_ppm: 250_000, least: Amount(1) };
    desk.input(Input::FeeSchedule(FeeScheduleDef {
        token: Some(token),
        ..FeeScheduleDef::none(venue)
    }));
    let mut update = BookUpdate { venue, instrument: pair, ..BookUpdate::default() };
    (update.clear, update.last) = (true, true);
    for (side, price) in [(Side::Buy, 59_999), (Side::Sell, 60_001)] {
        assert!(update.push(side, Level { price: Price(price), qty: Qty(1_000) }));
    }
    desk.input(Input::Book(update));
    desk.client("a buy 5 @ 10010 ioc").client("b buy 4 @ 10010 ioc");
    from(&mut desk, 1, "c buy 6 @ 10010 ioc");
    desk.venue(1, "fill 5 @ 10010").outputs.clear();
    desk.input(Input::ChildFill(ChildFill {
        venue,
        child: ChildId(2),
        instrument: PAIR,
        side: Side::Buy,
        exec: ExecId(9),
        qty: Qty(10),
        price: Price(10_010),
        fee: Amount(reference::UNIT / 1_000),
        fee_asset: bnb,
        liquidity: Liquidity::Taker,
    }));
    let told = desk.notices().into_iter().filter_map(|told| match told {
        Notice::FeeValue(ExecId(9), value) => Some(value),
        _ => None,
    });
    // 0.0004 and 0.0006 at 600.00.
    let worth = [24, 36].map(|hundredths| Amount(hundredths * reference::UNIT / 100));
    assert_eq!(told.collect::<Vec<_>>(), worth);
}

#[test]
fn a_late_fill_counts_for_each_part_and_one_beyond_is_told() {
    let mut desk = shared();
    desk.venue(2, "expired 0").outputs.clear();
    desk.venue(2, "fill 5 @ 10010");
    assert_eq!([2, 3].map(|id| order_of(&desk, id).filled.0), [2, 3]);
    desk.outputs.clear();
    desk.venue(2, "fill 9 @ 10010");
    let filled = [2, 3].map(|id| order_of(&desk, id).filled.0);
    assert_eq!(filled, [4, 6]);
    let beyond = desk.notices().into_iter().filter_map(|told| match told {
        Notice::Overfill(_, _, beyond) => Some(beyond.0),
        _ => None,
    });
    assert_eq!(beyond.sum::<i64>(), 4);
    // All that the venue filled is booked.
    let positions = [0, 1].map(|at| desk.engine.ledger().position(AccountId(at), PAIR).base);
    assert_eq!(positions.iter().sum::<i128>(), 5 + 5 + 9);
}

#[test]
fn a_fill_beyond_the_child_is_booked_to_the_first_of_them() {
    let mut desk = shared();
    desk.venue(2, "fill 12 @ 10010");
    assert_eq!([2, 3].map(|id| order_of(&desk, id).filled.0), [4, 6]);
    let positions = [0, 1].map(|at| desk.engine.ledger().position(AccountId(at), PAIR).base);
    assert_eq!(positions, [5 + 4 + 2, 6]);
    let told = desk.notices();
    assert!(told.iter().any(|told| matches!(told, Notice::Overfill(_, _, Qty(2)))), "{told:?}");
    // Nobody is left for one more.
    desk.venue(2, "fill 1 @ 10010");
    assert!(desk.notices().iter().any(|told| matches!(told, Notice::OrphanFill(_))));
}

#[test]
fn news_that_names_a_part_is_news_of_no_child() {
    let mut desk = shared();
    desk.outputs.clear();
    for words in ["accepted", "fill 1 @ 10010", "done 0", "rejected", "unsure", "gone 0"] {
        desk.venue(3, words);
        let told = desk.notices();
        let odd = |told: &Notice| matches!(told, Notice::IllegalEvent(..) | Notice::OrphanFill(_));
        assert!(told.iter().any(odd), "{words}: {told:?}");
    }
    assert_eq!(desk.child(3).state(), ChildState::Sent);
    desk.venue(2, "fill 10 @ 10010");
    assert_eq!([2, 3].map(|id| order_of(&desk, id).filled.0), [4, 6]);
}

#[test]
fn an_order_that_meets_our_own_goes_alone() {
    let mut desk = desk(1);
    let terms = OwnerDef::usual(AccountId(0), text("fund"));
    desk.input(Input::Owner(OwnerDef { self_match: SelfMatchPolicy::Allow, ..terms }));
    desk.client("r sell 5 @ 10010 gtc").venue(1, "accepted").outputs.clear();
    desk.client("a buy 5 @ 10010 ioc").client("b buy 4 @ 10010 ioc").client("c buy 6 @ 10010 ioc");
    desk.outputs.clear();
    desk.venue(2, "fill 5 @ 10010").sent(&["v0 new buy 4 @ 10010 Ioc #3"]);
}

#[test]
fn a_waiting_order_takes_with_others_and_its_rest_rests_alone() {
    let mut desk = desk(1);
    desk.client("a buy 5 @ 10010 ioc").client("b buy 4 @ 10010 gtc");
    from(&mut desk, 1, "c buy 6 @ 10010 ioc");
    desk.outputs.clear();
    desk.venue(1, "fill 5 @ 10010").sent(&["v0 new buy 10 @ 10010 Ioc #2"]);
    desk.venue(2, "fill 5 @ 10010").outputs.clear();
    desk.venue(2, "expired 5");
    desk.client_saw(&["c Canceled NoLiquidity filled 3"]);
    // The rest goes again a second after the venue has faded, and then rests.
    desk.wait_ns(2 * SECOND).sent(&["v0 new buy 2 @ 10010 Ioc #5"]);
    desk.book(0, &[(9_990, 100)], &[]).venue(5, "expired 0");
    desk.wait_ns(2 * SECOND).sent(&["v0 new buy 2 @ 10010 Gtc #6"]);
}

#[test]
fn a_child_has_so_many_parts_at_most_and_is_one_request_to_the_venue() {
    let mut desk = desk(1);
    desk.account(|account| {
        (account.limits.open_orders_max, account.limits.rate_per_s) = (1_000, 100_000);
        account.busy_wait_ns = WAIT_NS;
    });
    desk.client("a buy 5 @ 10010 ioc");
    for nth in 0..=SHARERS_MAX {
        desk.client(&format!("o{nth} buy 1 @ 10010 ioc"));
    }
    desk.outputs.clear();
    desk.venue(1, "fill 5 @ 10010").sent(&[&format!("v0 new buy {SHARERS_MAX} @ 10010 Ioc #2")]);
    let venue = desk.child(2);
    assert_eq!((venue.role, venue.leaves()), (Role::Shared, Qty(SHARERS_MAX as i64)));
    desk.venue(2, &format!("fill {SHARERS_MAX} @ 10010"));
    assert_eq!(desk.engine.open_orders(), 1);
}

#[test]
fn a_venue_that_is_halted_calls_back_every_order_of_a_shared_child() {
    let mut desk = shared();
    desk.operator(OperatorCommand::CancelAll(Scope::Venue(VenueId(0))));
    desk.operator_saw(&[(2, Refusal::None)]);
    desk.venue(2, "expired 0");
    desk.client_saw_last("c Canceled OperatorCancel filled 0");
    let funds = desk.engine.ledger().funds(VenueId(0), USD);
    assert_eq!(funds.available(desk.now), Amount(funds.total.0), "nothing is bound");
}
