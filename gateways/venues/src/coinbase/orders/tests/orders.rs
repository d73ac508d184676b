//! Orders, cancels, replaces and what comes back.

use rutter_core::input::{Side, TimeInForce};
use rutter_core::number::Qty;
use rutter_core::output::SendReduce;
use rutter_transport::machine::Machine as _;

use super::harness::{
    Desk, ORDER, SECOND, accepted, canceled, child_ref, id, order, report, traded,
};
use crate::VenueCommand;
use crate::coinbase::ids::Kind;

/// A new order of child 1 as we write it, from its quantity on.
const NEW: &str = "38=0.5|40=2|44=60000.00|54=1|55=BTC-USD|59=1|7928=N";
const FILL: &str = "fill 1 Buy 20000000@6000000 exec 30 fee 48000000000000000000 of 1 Maker";

fn new_1() -> String {
    format!("35=D|11={}|{NEW}", id(1, Kind::Order))
}

/// Up, with an order of 0.5 that rests.
fn resting() -> Desk {
    let mut desk = Desk::up();
    desk.new_order(1).venue(&accepted(1)).saw(&[&format!("accepted 1 as {ORDER}")]);
    desk.sent.clear();
    desk
}

fn reduce(desk: &mut Desk) -> &mut Desk {
    let qty = Qty(30_000_000);
    desk.command(&VenueCommand::Reduce(SendReduce { of: child_ref(1), qty }))
}

/// The answer to a replace of child 1: 11 is the new id.
fn replaced(number: u32, filled: &str, leaves: &str) -> String {
    let (new, old) = (id(1, Kind::Replace(number)), id(1, Kind::Order));
    report(1, "5", &format!("41={old}|39=5|14={filled}|151={leaves}|59=1|"))
        .replace(&format!("11={old}|37"), &format!("11={new}|37"))
        .replace("38=0.5", "38=0.3")
}

#[test]
fn accepted_traded_and_cancelled() {
    let mut desk = Desk::up();
    desk.new_order(1).wrote(&[&new_1()]).saw(&[]);
    desk.venue(&accepted(1)).saw(&[&format!("accepted 1 as {ORDER}")]);
    desk.venue(&traded(1, 30, "0.2", "0.2", '1')).saw(&[FILL]);
    let request = id(1, Kind::Cancel(1));
    desk.cancel(1).wrote(&[&format!("35=F|11={request}|37={ORDER}|55=BTC-USD")]);
    desk.venue(&canceled(1, "0.2", "User requested cancel")).saw(&["done 1 filled 20000000"]);
    assert_eq!(desk.machine.load(), (0, 0));
    // Nothing is overdue any more.
    desk.wait(20 * SECOND).saw(&[]);
}

#[test]
fn sides_times_in_force_and_post_only_are_written() {
    let mut desk = Desk::up();
    for (child, side, tif, post_only, wanted) in [
        (
            1,
            Side::Sell,
            TimeInForce::Ioc,
            false,
            NEW.replace("54=1", "54=2").replace("59=1", "59=3"),
        ),
        (2, Side::Buy, TimeInForce::Fok, false, NEW.replace("59=1", "59=4")),
        (3, Side::Buy, TimeInForce::Day, true, format!("18=A|{NEW}")),
    ] {
        let mut new = order(child);
        (new.side, new.tif, new.post_only) = (side, tif, post_only);
        desk.command(&VenueCommand::New(new));
        desk.wrote(&[&format!("35=D|11={}|{wanted}", id(child, Kind::Order))]);
    }
}

#[test]
fn an_order_ends_as_its_report_says() {
    for (report, told) in [
        (report(1, "C", "39=C|14=0.2|151=0|"), "expired 1 filled 20000000"),
        (canceled(1, "0", "102:Self Trade Prevention"), "self-matched 1 filled 0"),
        (canceled(1, "0", "103:Admin"), "done 1 filled 0"),
        (report(1, "8", "39=8|103=0|58=Insufficient funds|"), "rejected 1 InsufficientFunds"),
        (report(1, "8", "39=8|103=1|58=Product not found|"), "rejected 1 MarketClosed"),
        (report(1, "8", "39=8|103=0|58=post only|"), "rejected 1 WouldMatch"),
        (report(1, "8", "39=8|103=0|58=duplicate client_oid|"), "doubt 1 VenueUnsure"),
        (report(1, "8", "39=8|103=77|58=Something new|"), "doubt 1 VenueUnsure"),
        (report(1, "D", "39=0|14=0|151=0.3|378=5|"), "amended 1 to 30000000"),
        ("35=3|45=3|371=44|372=D|373=5|58=Value|".to_owned(), "rejected 1 Filter"),
        ("35=3|45=3|372=D|373=99|58=Other|".to_owned(), "doubt 1 VenueUnsure"),
        ("35=j|45=3|372=D|380=2|58=Unsupported|".to_owned(), "rejected 1 Filter"),
    ] {
        let mut desk = Desk::up();
        // The logon has number 1. A heartbeat has the second.
        desk.wait(31 * SECOND).new_order(1);
        let number = format!("45={}|", seq(&desk));
        desk.venue(&report.replace("45=3|", &number));
        desk.saw(&[told]);
    }
}

/// The number of our newest message.
fn seq(desk: &Desk) -> u64 {
    let newest = desk.sent.last().expect("a message");
    super::harness::field(newest, "34").parse().expect("a number")
}

#[test]
fn a_fee_that_is_a_share_of_the_value_is_an_amount_too() {
    let mut desk = Desk::up();
    desk.new_order(1);
    let share = traded(1, 30, "0.2", "0.2", '1').replace("137=48.00", "137=0.004");
    desk.venue(&share.replace("891=0", "891=2")).saw(&[FILL]);
}

#[test]
fn a_refused_cancel_leaves_the_order_and_says_why() {
    let mut desk = resting();
    desk.cancel(1);
    let reject = |text: &str| {
        let (request, order) = (id(1, Kind::Cancel(1)), id(1, Kind::Order));
        format!("35=9|11={request}|37={ORDER}|41={order}|39=8|102=1|434=1|58={text}|")
    };
    desk.venue(&reject("Order already done")).saw(&["no cancel 1 UnknownOrder"]);
    // The same answer once more is late.
    desk.venue(&reject("Order already done")).saw(&[]);
}

#[test]
fn an_order_is_reduced_by_a_replace_and_goes_on_under_its_new_id() {
    let mut desk = resting();
    let (old, new) = (id(1, Kind::Order), id(1, Kind::Replace(1)));
    let wanted = format!("35=G|11={new}|37={ORDER}|41={old}|38=0.3|40=2|44=60000.00|55=BTC-USD");
    reduce(&mut desk).wrote(&[&wanted]).saw(&[]);
    desk.venue(&replaced(1, "0", "0.3")).saw(&["amended 1 to 30000000"]);
    let filled = traded(1, 30, "0.3", "0.3", '2').replace(&old, &new);
    desk.venue(&filled);
    desk.saw(&["fill 1 Buy 30000000@6000000 exec 30 fee 48000000000000000000 of 1 Maker"]);
    assert_eq!(desk.machine.load().0, 0);
    desk.wait(20 * SECOND).saw(&[]);
}

#[test]
fn a_refused_replace_leaves_the_order_as_it_is() {
    let mut desk = resting();
    reduce(&mut desk);
    let (new, old) = (id(1, Kind::Replace(1)), id(1, Kind::Order));
    let reject = format!("35=9|11={new}|37={ORDER}|41={old}|39=8|102=1|434=2|58=order not found|");
    desk.venue(&reject).saw(&["no amend 1 UnknownOrder"]);
    desk.venue(&reject).saw(&[]);
}

#[test]
fn an_order_of_another_connection_is_not_replaced() {
    let mut desk = resting();
    desk.lose_link().wait(2 * SECOND).connect().log_on().reconcile_nothing();
    desk.seen.clear();
    desk.sent.clear();
    reduce(&mut desk).wrote(&[]).saw(&["no amend 1 NotSent"]);
}

#[test]
fn an_answer_that_does_not_come_is_a_doubt_and_no_order_is_sent_twice() {
    let mut desk = Desk::up();
    desk.new_order(1).sent.clear();
    desk.wait(4 * SECOND).venue("35=0|").wait(2 * SECOND).saw(&["doubt 1 NoAnswer"]);
    desk.sent.clear();
    desk.new_order(1).wrote(&[]).saw(&["doubt 1 VenueUnsure"]);
}

#[test]
fn a_report_of_ours_that_cannot_be_read_ends_the_session() {
    for bad in [
        traded(1, 30, "0", "0.2", '1'),
        traded(1, 30, "0.2", "0.2", '1').replace("1057=N|", ""),
        traded(1, 30, "0.2", "0.2", '1').replace("891=0", "891=1"),
        traded(1, 30, "0.000000001", "0.2", '1'),
    ] {
        let mut desk = Desk::up();
        desk.new_order(1).venue(&bad).saw(&["down Protocol"]);
    }
    let mut desk = Desk::up();
    desk.venue(&accepted(1).replace("000000ab-", "000000ac-")).saw(&[]);
    assert_eq!(desk.machine.counters().not_ours, 1);
    assert!(desk.machine.refusals().is_some());
}
