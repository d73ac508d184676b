//! Orders that are reduced in their place (`amend_order`).

use super::*;
use rutter_core::output::SendReduce;

impl Desk {
    /// Reduces a child to 0.003 in all.
    fn reduce(&mut self, child: u64) -> &mut Self {
        let qty = Qty(300_000);
        self.command(VenueCommand::Reduce(SendReduce { of: Self::child(child), qty }))
    }

    /// The good answer to the last request, an amend.
    fn amend_taken(&mut self) -> &mut Self {
        let request = self.last_request();
        self.text(&format!(r#"{{"method":"amend_order","req_id":{request},"result":{{"amend_id":"TTW6PD-RC36L-ZZSWNU","order_id":"{ORDER}"}},"success":true,"time_in":"2024-07-26T13:39:04.922699Z","time_out":"2024-07-26T13:39:04.924912Z"}}"#))
    }
}

/// As the venue tells an amend of its user.
fn amended(qty: &str) -> String {
    format!(
        r#"{{"timestamp":"2023-09-22T10:41:05.709993Z","order_status":"new","exec_type":"amended","amended":true,"order_userref":0,"order_id":"{ORDER}","limit_price":26500.0,"order_qty":{qty},"reason":"User requested"}}"#
    )
}

/// Up, with an order of 0.005 that rests and an amend to 0.003 on its way.
fn amending() -> Desk {
    let mut desk = Desk::up();
    desk.rests(7).reduce(7);
    desk
}

#[test]
fn an_amend_names_the_order_by_the_venues_id_and_its_new_quantity_in_all() {
    amending().sent(&[
        r#"{"method":"amend_order","params":{"order_id":"OK4GJX-KSTLS-7DZZO5","order_qty":0.00300000,"token":"TOKEN"},"req_id":4}"#,
    ]);
}

#[test]
fn the_stream_tells_that_an_order_is_amended_and_the_answer_alone_tells_nothing() {
    let mut desk = amending();
    desk.amend_taken().told(&[]);
    desk.stream(&amended("0.003")).told(&["amended 7 300000"]).pass(20 * S).told(&[]);
    // The answer may come last.
    let mut desk = amending();
    desk.stream(&amended("0.003")).told(&["amended 7 300000"]).amend_taken().pass(20 * S).told(&[]);
}

#[test]
fn an_order_whose_number_is_not_known_is_named_by_our_id() {
    let mut desk = Desk::up();
    desk.send(7, TimeInForce::Gtc).sent(&["add_order"]);
    let by_ours = format!(r#""params":{{"cl_ord_id":"{}","order_qty":0.00300000"#, id(7));
    desk.reduce(7).sent(&[&by_ours]);
}

#[test]
fn an_amend_below_what_is_filled_ends_the_order_and_no_quantity_is_told() {
    let mut desk = amending();
    desk.amend_taken().stream(&small("canceled", 400_000)).told(&["done 7 400000"]);
    desk.pass(20 * S).told(&[]);
}

#[test]
fn a_good_answer_that_the_stream_does_not_bear_out_is_a_doubt() {
    let mut desk = amending();
    desk.amend_taken().pass(5 * S).told(&["doubt 7 NoAnswer"]);
}

#[test]
fn refused_amends_are_told_with_their_reason() {
    for (error, told) in [
        ("EOrder:Not enough leaves qty", "amend rejected 7 Filter"),
        ("EOrder:Unknown order", "amend rejected 7 UnknownOrder"),
        ("EOrder:Rate limit exceeded", "amend rejected 7 RateLimit"),
        ("EOrder:Order minimum not met", "amend rejected 7 Filter"),
        ("EGeneral:Internal error", "doubt 7 VenueUnsure"),
    ] {
        let mut desk = amending();
        desk.refuse("amend_order", error).told(&[told]);
        desk.refused(7, Refused::Amend, error);
        desk.pass(10 * S).told(&[]);
    }
}

#[test]
fn an_amend_without_an_answer_is_asked_about_and_the_answer_tells_the_quantity() {
    let mut desk = amending();
    desk.pass(5 * S).told(&["doubt 7 NoAnswer"]).query(7);
    let id = id(7);
    let open = format!(
        r#"{{"open":{{"{ORDER}":{{"cl_ord_id":"{id}","status":"open","opentm":1768039200.1,"vol":"0.00300000","vol_exec":"0"}}}}}}"#
    );
    desk.answer("OpenOrders", &open).told(&["amended 7 300000", "fate 7 Open 0"]);
    desk.pass(10 * S).query(7).answer("OpenOrders", &open).told(&["fate 7 Open 0"]);
}

#[test]
fn what_the_snapshot_shows_after_a_lost_link_is_told_where_it_is_news() {
    let mut desk = amending();
    desk.closed().told(&["down LinkLost"]).sent.clear();
    let shown = amended("0.003").replace("\"amended\",\"amended\":true", "\"status\"");
    desk.silence(2 * S).link().snapshots(&shown);
    desk.answer("BalanceEx", FUNDS);
    desk.told(&[
        "amended 7 300000",
        "fate 7 Open 0",
        "balance 0 1250000000000000000",
        "balance 1 1000500000000000000000",
        "up",
    ]);
}

#[test]
fn an_amend_that_cannot_be_sent_is_certainly_not_sent() {
    let mut desk = Desk::up();
    desk.rests(7).closed().told(&["down LinkLost"]);
    desk.reduce(7).sent(&[]).told(&["amend rejected 7 NotSent"]);
    let mut desk = Desk::up();
    desk.rests(7);
    let fine =
        SendReduce { of: ChildRef { instrument: InstrumentId(99), ..Desk::child(7) }, qty: Qty(1) };
    desk.command(VenueCommand::Reduce(fine)).sent(&[]).told(&["amend rejected 7 NotSent"]);
}

#[test]
fn an_amend_by_somebody_else_is_no_answer_to_ours() {
    let mut desk = amending();
    desk.stream(&amended("0.004")).told(&["amended 7 400000"]);
    desk.refuse("amend_order", "EOrder:Unknown order").told(&["amend rejected 7 UnknownOrder"]);
    let mut desk = amending();
    desk.stream(&amended("0.004")).told(&["amended 7 400000"]);
    desk.amend_taken().pass(5 * S).told(&["doubt 7 NoAnswer"]);
}
