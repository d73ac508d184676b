//! Orders, cancels and what comes back.

use rutter_core::input::{Side, TimeInForce};
use rutter_core::number::Qty;
use rutter_transport::machine::Machine;
use rutter_transport::refusals::{Refusal, Refused};

use super::harness::{
    Desk, SECOND, accepted, child_ref, order, report, rest_order, rest_trade, traded,
};
use crate::VenueCommand;

const ORDER: &str = "/api/v3/order?symbol=BTCUSDT&origClientOrderId=r000000ab-1&";
const TRADES: &str = "/api/v3/myTrades?symbol=BTCUSDT&orderId=76&";
const NEW_1: &str = "35=D|25000=25000|11=r000000ab-1|38=0.5|40=2|44=60000.00|54=1|55=BTCUSDT|59=1";

#[test]
fn accepted_traded_and_cancelled() {
    let mut desk = Desk::up();
    desk.new_order(1).wrote(&[NEW_1]).saw(&[]);
    desk.venue(&accepted(1)).saw(&["accepted 1 as 76"]);
    desk.venue(&traded(1, 9001, "0.20000000", "0.20000000", '1'));
    desk.saw(&["fill 1 Buy 20000000@6000000 exec 9001 fee 200000000000000 of 0 Maker"]);
    desk.cancel(1).wrote(&["35=F|11=r000000ab-1-c1|37=76|55=BTCUSDT"]);
    let canceled = report(1, "4", "39=4|14=0.20000000|17=103|32=0.00000000|151=0.00000000|")
        .replace("11=r000000ab-1|", "11=r000000ab-1-c1|41=r000000ab-1|");
    desk.venue(&canceled).saw(&["done 1 filled 20000000"]);
    assert_eq!(desk.machine.load(), (0, 0));
    // Nothing is overdue any more.
    desk.wait(20 * SECOND).saw(&[]);
}

#[test]
fn sides_and_times_in_force_are_written() {
    let mut desk = Desk::up();
    let mut new = order(1);
    (new.side, new.tif) = (Side::Sell, TimeInForce::Ioc);
    desk.command(&VenueCommand::New(new))
        .wrote(&["35=D|25000=25000|11=r000000ab-1|38=0.5|40=2|44=60000.00|54=2|55=BTCUSDT|59=3"]);
    new = order(2);
    new.tif = TimeInForce::Fok;
    desk.command(&VenueCommand::New(new))
        .wrote(&["35=D|25000=25000|11=r000000ab-2|38=0.5|40=2|44=60000.00|54=1|55=BTCUSDT|59=4"]);
}

#[test]
fn an_order_that_fills_whole_needs_no_further_word() {
    let mut desk = Desk::up();
    desk.new_order(1);
    desk.venue(&traded(1, 9002, "0.50000000", "0.50000000", '2'));
    desk.saw(&["fill 1 Buy 50000000@6000000 exec 9002 fee 200000000000000 of 0 Maker"]);
    // The venue may answer out of order.
    desk.venue(&accepted(1)).saw(&["accepted 1 as 76"]);
    assert_eq!(desk.machine.load().0, 0);
    desk.wait(20 * SECOND).saw(&[]);
}

/// An amend has made the order smaller, and its report was lost with a link.
#[test]
fn an_order_that_is_filled_below_what_the_core_knows_is_over() {
    let mut desk = Desk::up();
    desk.new_order(1);
    desk.venue(&traded(1, 9002, "0.30000000", "0.30000000", '2'));
    desk.saw(&[
        "fill 1 Buy 30000000@6000000 exec 9002 fee 200000000000000 of 0 Maker",
        "done 1 filled 30000000",
    ]);
}

#[test]
fn an_ioc_that_finds_nothing_expires() {
    let mut desk = Desk::up();
    desk.new_order(5);
    desk.venue(&report(5, "C", "39=C|14=0.00000000|17=105|32=0.00000000|151=0.00000000|25056=5|"));
    desk.saw(&["expired 5 filled 0"]);
}

/// Status and type are those of any expiry; the fields of the prevention tell the difference.
#[test]
fn an_order_that_the_venue_ends_because_it_would_match_our_own_is_told_apart() {
    let mut desk = Desk::up();
    let told = "39=C|14=0.20000000|17=105|32=0.00000000|151=0.00000000|";
    for (child, field) in [(5, "25024=7|"), (6, "25030=0.30000000|")] {
        desk.new_order(child);
        desk.venue(&report(child, "C", &format!("{told}{field}")));
        desk.saw(&[&format!("self-matched {child} filled 20000000")]);
    }
}

#[test]
fn doubled_reports_are_passed_on_alike() {
    let mut desk = Desk::up();
    desk.new_order(1);
    let fill = traded(1, 9001, "0.20000000", "0.20000000", '1');
    let told = "fill 1 Buy 20000000@6000000 exec 9001 fee 200000000000000 of 0 Maker";
    desk.venue(&fill).venue(&fill).saw(&[told, told]);
}

#[test]
fn refusals_have_their_reason_and_keep_the_text() {
    for (code, text, told) in [
        (-2010, "Account has insufficient balance for requested action.", "InsufficientFunds"),
        (-1013, "Filter failure: LOT_SIZE", "Filter"),
        (
            -1015,
            "Too many new orders; current limit is 50 orders per 10 SECOND.",
            "RateLimit for 10000000000",
        ),
        (-1015, "Too many new orders.", "RateLimit"),
        (-2010, "Order would immediately match and take.", "WouldMatch"),
        (-2010, "This symbol is not permitted for this account.", "MarketClosed"),
        (-2010, "Market is closed.", "MarketClosed"),
    ] {
        let mut desk = Desk::up();
        desk.new_order(2);
        desk.venue(&report(2, "8", &format!("39=8|14=0.00000000|25016={code}|58={text}|")));
        desk.saw(&[&format!("rejected 2 {told}")]);
        let kept = desk.machine.refusals().and_then(|refusals| refusals.after(0).next());
        let wanted = Refusal { order: 2, request: Refused::New, text: format!("{code} {text}") };
        assert_eq!(kept, Some(&wanted));
        assert_eq!((desk.machine.counters().refusals, desk.machine.load().0), (1, 0));
        // The same by a session reject, which names only the number of our message.
        desk.new_order(3);
        desk.venue(&format!("35=3|45=3|371=44|372=D|373=5|25016={code}|58={text}|"));
        desk.saw(&[&format!("rejected 3 {told}")]);
    }
}

#[test]
fn what_is_about_our_key_or_account_refuses_the_order_and_ends_the_session() {
    for (code, text) in [
        (-2010, "This account may not place or cancel orders."),
        (-2015, "Invalid API-key, IP, or permissions for action."),
    ] {
        let mut desk = Desk::up();
        desk.new_order(1).venue(&accepted(1)).new_order(2);
        desk.seen.clear();
        desk.sent.clear();
        desk.venue(&format!("35=3|45=3|372=D|373=99|25016={code}|58={text}|"));
        desk.saw(&["rejected 2 Other", "down LogonRefused"]).wrote(&["35=5"]);
        // What was under way at the venue is still read.
        let fill = traded(1, 9001, "0.20000000", "0.20000000", '1');
        desk.venue(&fill)
            .saw(&["fill 1 Buy 20000000@6000000 exec 9001 fee 200000000000000 of 0 Maker"]);
        desk.new_order(3).saw(&["rejected 3 NotSent"]);
        let standing = desk.machine.standing().expect("told");
        assert!(standing.detail.contains(text), "{}", standing.detail);
    }
    let mut desk = Desk::up();
    desk.new_order(1).venue(&accepted(1)).cancel(1);
    desk.seen.clear();
    let refused = "35=9|11=r000000ab-1-c1|55=BTCUSDT|434=1|25016=-2010";
    desk.venue(&format!("{refused}|58=This account may not place or cancel orders.|"));
    desk.saw(&["no cancel 1 Other", "down LogonRefused"]);
}

#[test]
fn words_that_no_document_has_and_doubled_ids_are_doubts_and_never_refusals() {
    for (code, text) in [
        (-2010, "Duplicate order sent."),
        (-2010, "Words that no document has."),
        (-1999, "A new code."),
        (-1000, "An unknown error occurred while processing the request."),
        (-1008, "Server is currently overloaded with other requests."),
    ] {
        let mut desk = Desk::up();
        desk.new_order(1).venue(&report(1, "8", &format!("39=8|25016={code}|58={text}|")));
        desk.saw(&["doubt 1 VenueUnsure"]);
        assert_eq!(desk.machine.load().0, 1, "the child is remembered");
    }
}

#[test]
fn an_outcome_that_the_venue_does_not_know_is_a_doubt() {
    let mut desk = Desk::up();
    desk.new_order(1);
    desk.venue(&report(1, "8", "39=8|25016=-1007|58=Timeout waiting for response.|"));
    desk.saw(&["doubt 1 VenueUnsure"]);
    desk.wait(20 * SECOND).saw(&[]);
    desk.cancel(1);
    desk.venue("35=9|11=r000000ab-1-c1|55=BTCUSDT|434=1|25016=-1006|58=execution status unknown.|");
    desk.saw(&["doubt 1 VenueUnsure"]);
}

#[test]
fn no_answer_in_time_is_a_doubt_told_once() {
    let mut desk = Desk::up();
    desk.new_order(1);
    desk.wait(5 * SECOND - 1).saw(&[]);
    desk.wait(1).saw(&["doubt 1 NoAnswer"]);
    desk.wait(10 * SECOND).saw(&[]);
    // A late answer is still news.
    desk.venue(&accepted(1)).saw(&["accepted 1 as 76"]);
    desk.cancel(1).wait(5 * SECOND).saw(&["doubt 1 NoAnswer"]);
    assert_eq!(desk.machine.counters().unanswered, 2);
}

#[test]
fn a_cancel_may_be_refused_and_tried_again_under_another_id() {
    let mut desk = Desk::up();
    desk.new_order(3).venue(&accepted(3));
    desk.seen.clear();
    desk.sent.clear();
    desk.cancel(3).wrote(&["35=F|11=r000000ab-3-c1|37=76|55=BTCUSDT"]);
    desk.venue("35=9|11=r000000ab-3-c1|37=76|55=BTCUSDT|434=1|25016=-2011|58=Unknown order sent.|");
    desk.saw(&["no cancel 3 UnknownOrder"]);
    desk.cancel(3).wrote(&["35=F|11=r000000ab-3-c2|37=76|55=BTCUSDT"]);
    // An answer to the first, doubled, is not one to the second.
    desk.venue("35=9|11=r000000ab-3-c1|37=76|55=BTCUSDT|434=1|25016=-2011|58=Unknown order sent.|");
    desk.saw(&[]);
    desk.venue("35=3|45=4|372=F|373=5|25016=-1102|58=Field value was empty or malformed.|");
    desk.saw(&["no cancel 3 Filter"]);
}

#[test]
fn an_order_whose_number_is_unknown_is_cancelled_by_our_id() {
    let mut desk = Desk::up();
    desk.cancel(0x99).wrote(&["35=F|11=r000000ab-99-c1|41=r000000ab-99|55=BTCUSDT"]);
}

#[test]
fn a_cancel_by_somebody_else_is_told() {
    let mut desk = Desk::up();
    desk.new_order(1);
    let canceled = report(1, "4", "39=4|14=0.00000000|17=103|151=0.00000000|")
        .replace("11=r000000ab-1|", "11=web_4711|41=r000000ab-1|");
    desk.venue(&canceled).saw(&["done 1 filled 0"]);
}

#[test]
fn nothing_is_sent_while_the_link_is_not_up() {
    let mut desk = Desk::new();
    desk.new_order(1).cancel(1).saw(&["rejected 1 NotSent", "no cancel 1 NotSent"]);
    desk.connect().new_order(2).saw(&["rejected 2 NotSent"]);
    desk.log_on().sent.clear();
    // A cancel may go as soon as we are logged on, an order not before all is reconciled.
    desk.new_order(3).cancel(9).saw(&["rejected 3 NotSent"]);
    desk.wrote(&["35=F|11=r000000ab-9-c1|41=r000000ab-9|55=BTCUSDT"]);
    assert_eq!(desk.machine.counters().not_sent, 4);
}

#[test]
fn what_cannot_be_written_exactly_is_not_sent() {
    let mut desk = Desk::up();
    let mut new = order(1);
    new.qty = Qty(50_000_001);
    desk.command(&VenueCommand::New(new)).saw(&["rejected 1 NotSent"]).wrote(&[]);
    new = order(2);
    new.instrument.0 = 77;
    desk.command(&VenueCommand::New(new)).saw(&["rejected 2 NotSent"]).wrote(&[]);
    // No sequence number was used up by them.
    desk.new_order(3);
    assert!(desk.sent[0].contains("|34=2|"), "{:?}", desk.sent);
    let mut cancel = child_ref(3);
    cancel.instrument.0 = 77;
    desk.command(&VenueCommand::Cancel(cancel)).saw(&["no cancel 3 NotSent"]);
}

#[test]
fn an_order_is_never_sent_twice() {
    let mut desk = Desk::up();
    desk.new_order(7)
        .wrote(&["35=D|25000=25000|11=r000000ab-7|38=0.5|40=2|44=60000.00|54=1|55=BTCUSDT|59=1"]);
    desk.new_order(7).new_order(6).wrote(&[]).saw(&["doubt 7 VenueUnsure", "doubt 6 VenueUnsure"]);
    assert_eq!(desk.machine.counters().repeated, 2);
}

#[test]
fn fees_in_an_unlisted_asset_do_not_hide_the_trade() {
    let mut desk = Desk::up();
    desk.new_order(1);
    let fill = traded(1, 9001, "0.20000000", "0.20000000", '1').replace("138=BTC", "138=BNB");
    desk.venue(&fill).saw(&["fill 1 Buy 20000000@6000000 exec 9001 fee 0 of 0 Maker"]);
    assert_eq!(desk.machine.counters().unknown_fee_assets, 1);
}

#[test]
fn takers_and_sellers_are_told_apart() {
    let mut desk = Desk::up();
    desk.new_order(1);
    let fill = traded(1, 9001, "0.20000000", "0.20000000", '1')
        .replace("1057=N", "1057=Y")
        .replace("54=1", "54=2");
    desk.venue(&fill);
    desk.saw(&["fill 1 Sell 20000000@6000000 exec 9001 fee 200000000000000 of 0 Taker"]);
}

#[test]
fn a_report_that_cannot_be_read_is_a_doubt_that_is_kept_and_told_and_no_link_is_lost() {
    for (from, to) in [
        ("31=60000.00000000", "31=60000.00100000"),
        ("32=0.20000000", "32=0.200000001"),
        ("32=0.20000000", "32=0"),
        ("137=0.00020000", "137=x"),
        ("1003=9001|", ""),
        ("1057=N|", ""),
        ("54=1", "54=7"),
    ] {
        let mut desk = Desk::up();
        desk.new_order(1);
        desk.venue(&traded(1, 9001, "0.20000000", "0.20000000", '1').replace(from, to));
        desk.saw(&["doubt 1 VenueUnsure"]);
        assert_eq!(desk.machine.counters().protocol_errors, 0);
        let standing = desk.machine.standing().expect("told");
        let kept = standing.unread.last().expect("kept");
        assert!(standing.is_up && standing.unread.count() == 1, "{standing:?}");
        assert!(kept.raw.contains("|150=F|") && !kept.what.is_empty(), "{kept:?}");
        // What the venue answers then is the execution, which counts once.
        desk.query(1).rest(ORDER, 200, &rest_order(1, "PARTIALLY_FILLED", "0.20000000"));
        desk.rest(TRADES, 200, &format!("[{}]", rest_trade(9001, "0.20000000")));
        let fill = "fill 1 Buy 20000000@6000000 exec 9001 fee 200000000000000 of 0 Maker";
        desk.saw(&[fill, "fate 1 Open filled 20000000"]);
    }
}

/// A fee in two assets is more than one execution of the core can hold.
#[test]
fn a_fee_in_two_assets_is_a_doubt() {
    let mut desk = Desk::up();
    desk.new_order(1);
    let one = "136=1|137=0.00020000|138=BTC|139=4|";
    let two = "136=2|137=0.00020000|138=BTC|139=4|137=0.00010000|138=BNB|139=4|";
    let report = traded(1, 9001, "0.20000000", "0.20000000", '1');
    assert!(report.contains(one), "{report}");
    desk.venue(&report.replace(one, two)).saw(&["doubt 1 VenueUnsure"]);
    let standing = desk.machine.standing().expect("told");
    let kept = standing.unread.last().map(|kept| kept.what.as_str());
    assert_eq!((standing.is_up, kept), (true, Some("fees in several assets")));
}

#[test]
fn an_unusual_report_of_ours_is_a_doubt() {
    let mut desk = Desk::up();
    desk.new_order(1);
    // `TRADE_CANCEL`, which no order of ours can get.
    desk.venue(&report(1, "H", "39=0|14=0.00000000|151=0.40000000|"));
    desk.saw(&["doubt 1 VenueUnsure"]);
}
