//! Orders that are reduced in their place (Order Amend Keep Priority).

use rutter_core::number::Qty;
use rutter_core::output::SendReduce;
use rutter_transport::machine::Machine;
use rutter_transport::refusals::Refused;

use super::harness::{Desk, SECOND, accepted, child_ref, report, rest_order, traded};
use crate::VenueCommand;

const ORDER: &str = "/api/v3/order?symbol=BTCUSDT&origClientOrderId=r000000ab-";
const OPEN: &str = "/api/v3/openOrders?";
const XAK_1: &str = "35=XAK|11=r000000ab-1|37=76|38=0.3|55=BTCUSDT";

impl Desk {
    /// Reduces a child to 0.3 in all.
    fn reduce(&mut self, child: u64) -> &mut Self {
        let qty = Qty(30_000_000);
        self.command(&VenueCommand::Reduce(SendReduce { of: child_ref(child), qty }))
    }
}

/// Up, with an order of 0.5 that rests.
fn resting() -> Desk {
    let mut desk = Desk::up();
    desk.new_order(1).venue(&accepted(1)).saw(&["accepted 1 as 76"]).sent.clear();
    desk
}

/// As [`resting`], with an amend to 0.3 on its way.
fn amending() -> Desk {
    let mut desk = resting();
    desk.reduce(1).wrote(&[XAK_1]).saw(&[]);
    desk
}

/// The report of an amend, as in the verified frame: 41 is there when the id has changed.
fn amended(child: u64, more: &str, filled: &str) -> String {
    let more = format!("{more}39=0|14={filled}|17=106|32=0.00000000|151=0.30000000|636=Y|");
    report(child, "5", &more).replace("38=0.50000000", "38=0.30000000")
}

fn refusal(code: i64, text: &str) -> String {
    format!("35=XAR|11=r000000ab-1|37=76|55=BTCUSDT|38=0.3|25016={code}|58={text}|")
}

#[test]
fn an_order_is_amended_under_its_own_id_and_the_report_tells_the_new_quantity() {
    let mut desk = amending();
    desk.venue(&amended(1, "", "0.00000000")).saw(&["amended 1 to 30000000"]);
    desk.wait(20 * SECOND).saw(&[]);
    // The order goes on under the same ids.
    desk.sent.clear();
    desk.cancel(1).wrote(&["35=F|11=r000000ab-1-c1|37=76|55=BTCUSDT"]);
}

#[test]
fn an_order_without_the_venues_number_is_named_by_our_id() {
    let mut desk = Desk::up();
    desk.new_order(1).sent.clear();
    desk.reduce(1).wrote(&["35=XAK|11=r000000ab-1|41=r000000ab-1|38=0.3|55=BTCUSDT"]);
    desk.venue(&amended(1, "41=r000000ab-1|", "0.00000000")).saw(&["amended 1 to 30000000"]);
}

#[test]
fn an_amend_that_is_told_before_its_fills_leaves_room_for_them() {
    let mut desk = amending();
    desk.venue(&amended(1, "", "0.40000000")).saw(&["amended 1 to 40000000"]);
    desk.venue(&traded(1, 9001, "0.40000000", "0.40000000", '2'));
    desk.saw(&["fill 1 Buy 40000000@6000000 exec 9001 fee 200000000000000 of 0 Maker"]);
}

#[test]
fn a_refused_amend_has_its_reason_and_keeps_the_text() {
    for (code, text, told) in [
        (-2038, "Order amend (quantity increase) is not supported.", "no amend 1 Filter"),
        (-2038, "Order amend is not supported for this symbol.", "no amend 1 Filter"),
        (-2038, "Filter failure: MAX_NUM_ORDER_AMENDS", "no amend 1 Filter"),
        (-2038, "Unknown order sent.", "no amend 1 UnknownOrder"),
        (-1013, "Filter failure: LOT_SIZE", "no amend 1 Filter"),
        (-1015, "Too many new orders.", "no amend 1 RateLimit"),
        // An amend of ours may have done it.
        (-2038, "The requested action would change no state; rejecting", "doubt 1 VenueUnsure"),
        (-1007, "Timeout waiting for response.", "doubt 1 VenueUnsure"),
    ] {
        let mut desk = amending();
        desk.venue(&refusal(code, text)).saw(&[told]).wait(20 * SECOND).saw(&[]);
        let kept = desk.machine.refusals().and_then(|refusals| refusals.after(0).next());
        let kept = kept.map(|one| (one.order, one.request, one.text.clone()));
        assert_eq!(kept, Some((1, Refused::Amend, format!("{code} {text}"))));
        // The same by a session reject, which names only the number of our message.
        let mut desk = amending();
        let by_number = format!("35=3|45=3|371=38|372=XAK|373=5|25016={code}|58={text}|");
        desk.venue(&by_number).saw(&[told]);
    }
}

#[test]
fn no_answer_in_time_is_a_doubt_and_the_query_tells_the_quantity() {
    let mut desk = amending();
    desk.wait(5 * SECOND - 1).saw(&[]).wait(1).saw(&["doubt 1 NoAnswer"]);
    let amended = rest_order(1, "NEW", "0.00000000").replace("\"0.50000000\"", "\"0.30000000\"");
    desk.query(1).rest(&format!("{ORDER}1&"), 200, &amended);
    desk.saw(&["amended 1 to 30000000", "fate 1 Open filled 0"]);
    // What the core knows is not told again.
    desk.query(1).wait(SECOND).rest(&format!("{ORDER}1&"), 200, &amended);
    desk.saw(&["fate 1 Open filled 0"]);
    // The refusal of what was in doubt comes too late.
    desk.venue(&refusal(-2038, "Unknown order sent.")).saw(&[]);
}

#[test]
fn an_amend_that_did_not_arrive_leaves_the_quantity_that_the_core_knows() {
    let mut desk = amending();
    desk.wait(5 * SECOND).saw(&["doubt 1 NoAnswer"]).query(1);
    desk.rest(&format!("{ORDER}1&"), 200, &rest_order(1, "NEW", "0.00000000"));
    desk.saw(&["fate 1 Open filled 0"]);
}

#[test]
fn after_a_lost_link_the_list_of_open_orders_tells_the_quantity() {
    let mut desk = amending();
    desk.lose_link().saw(&["down LinkLost"]).query(1).wait(SECOND).connect().log_on();
    let amended = rest_order(1, "NEW", "0.00000000").replace("\"0.50000000\"", "\"0.30000000\"");
    desk.rest(OPEN, 200, &format!("[{amended}]"));
    desk.saw(&["amended 1 to 30000000", "fate 1 Open filled 0"]);
}

#[test]
fn the_quantity_of_an_order_of_an_earlier_process_is_told() {
    let mut desk = Desk::new();
    desk.query(1).connect().log_on();
    desk.rest(OPEN, 200, &format!("[{}]", rest_order(1, "NEW", "0.00000000")));
    desk.saw(&["amended 1 to 50000000", "fate 1 Open filled 0"]);
}

#[test]
fn an_amend_that_cannot_be_sent_is_certainly_not_sent() {
    let mut desk = resting();
    desk.lose_link().saw(&["down LinkLost"]);
    desk.reduce(1).wrote(&[]).saw(&["no amend 1 NotSent"]);
}

#[test]
fn an_order_that_ends_under_an_amend_has_ended() {
    let mut desk = amending();
    desk.venue(&report(1, "C", "39=C|14=0.40000000|17=105|32=0.00000000|151=0.00000000|"));
    desk.saw(&["expired 1 filled 40000000"]);
    desk.venue(&refusal(-2038, "Unknown order sent.")).saw(&[]).wait(20 * SECOND).saw(&[]);
}

#[test]
fn an_amend_by_somebody_else_is_no_answer_to_ours() {
    let mut desk = amending();
    let by_hand = amended(1, "", "0.00000000").replace("38=0.30000000", "38=0.40000000");
    desk.venue(&by_hand).saw(&["amended 1 to 40000000"]);
    desk.venue(&refusal(-1013, "Filter failure: LOT_SIZE")).saw(&["no amend 1 Filter"]);
    let mut desk = amending();
    desk.venue(&by_hand).saw(&["amended 1 to 40000000"]);
    desk.wait(5 * SECOND).saw(&["doubt 1 NoAnswer"]);
}

/// The venue tells the end of an order while the request is on its way. What is kept for the answer
/// is dropped with the answer, or when none comes.
#[test]
fn requests_that_cross_the_end_of_their_orders_leave_nothing_behind() {
    let mut desk = Desk::up();
    for child in 1..=300_u64 {
        desk.new_order(child).venue(&accepted(child));
        desk.venue(&report(child, "C", "39=C|14=0.00000000|17=105|151=0.00000000|"));
        if child % 2 == 0 {
            desk.cancel(child);
        } else {
            desk.reduce(child);
        }
    }
    assert_eq!(desk.machine.load().0, 300);
    let numbered = desk.sent.iter().rev().find(|sent| sent.contains("35=F|"));
    let sent = numbered.expect("a cancel").clone();
    desk.seen.clear();
    let id = sent.split("|11=").nth(1).and_then(|rest| rest.split('|').next()).expect("an id");
    desk.venue(&format!("35=9|11={id}|55=BTCUSDT|434=1|25016=-2011|58=Unknown order sent.|"));
    desk.saw(&["no cancel 300 UnknownOrder"]);
    let amended = "35=XAR|11=r000000ab-12b|55=BTCUSDT|38=0.3|25016=-2038|58=Unknown order sent.|";
    desk.venue(amended).saw(&["no amend 299 UnknownOrder"]);
    assert_eq!(desk.machine.load().0, 298);
    desk.wait(6 * SECOND);
    assert_eq!(desk.machine.load().0, 0);
    // A further cancel of the same child has an id that was never used.
    desk.sent.clear();
    desk.cancel(300);
    assert!(!desk.sent[0].contains(&format!("|11={id}|")), "{:?}", desk.sent);
    desk.lose_link();
    assert_eq!(desk.machine.load().0, 0);
}
