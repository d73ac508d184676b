//! Orders and cancels while the venue is up.

use super::*;

#[test]
fn an_order_carries_our_id_its_limits_and_its_deadline() {
    let mut desk = Desk::up();
    desk.send(0x2f, TimeInForce::Ioc);
    assert_eq!(
        desk.sent,
        [
            r#"{"method":"add_order","params":{"order_type":"limit","side":"sell","limit_price":26500.0,"order_qty":0.00500000,"symbol":"BTC/USD","time_in_force":"ioc","fee_preference":"quote","cl_ord_id":"000000ab00000000000000000000002f","deadline":"2026-01-10T10:00:05.000Z","token":"TOKEN"},"req_id":3}"#
        ]
    );
}

#[test]
fn the_documented_life_of_a_taker_is_told_once_and_in_order() {
    let mut desk = Desk::up();
    desk.send(7, TimeInForce::Gtc).ack(7, ORDER).told(&[&format!("accepted 7 {ORDER}")]);
    desk.stream(&pending_new(7)).stream(&small("new", 0)).told(&[]);
    desk.stream(&trade(EXEC)).told(&["fill 7 500000@2659990"]);
    assert_eq!(desk.fills, [fill(7)]);
    desk.stream(&small("filled", 500_000)).told(&["done 7 500000"]);
    // Nothing is left to be in doubt about.
    desk.pass(20 * S).told(&[]);
}

#[test]
fn the_answer_may_come_after_everything_else() {
    let mut desk = Desk::up();
    desk.send(7, TimeInForce::Gtc);
    desk.stream(&pending_new(7)).told(&[]);
    desk.stream(&trade(EXEC)).told(&[&format!("accepted 7 {ORDER}"), "fill 7 500000@2659990"]);
    desk.stream(&small("new", 0)).stream(&small("filled", 500_000)).told(&["done 7 500000"]);
    desk.ack(7, ORDER).stream(&small("new", 0)).told(&[]);
}

#[test]
fn what_is_left_of_an_ioc_expires_though_the_venue_calls_it_cancelled() {
    let mut desk = Desk::up();
    desk.send(7, TimeInForce::Ioc).ack(7, ORDER);
    desk.stream(&trade(EXEC)).stream(&small("canceled", 500_000));
    desk.told(&[&format!("accepted 7 {ORDER}"), "fill 7 500000@2659990", "expired 7 500000"]);
    // Of an order of an earlier process only the venue's reason tells.
    let ours = pending_new(9).replace(ORDER, "OB");
    let gone = small("canceled", 0).replace(ORDER, "OB").replace("User requested", "IOC order");
    desk.stream(&ours).stream(&gone).told(&["expired 9 0"]);
}

/// The text is not documented. An unknown one is told as an expiry.
#[test]
fn an_order_that_would_match_our_own_is_told_apart_by_the_venues_reason() {
    let mut desk = Desk::up();
    let gone = small("canceled", 0).replace("User requested", "Self trade prevention");
    desk.send(7, TimeInForce::Ioc).ack(7, ORDER).stream(&gone);
    desk.told(&[&format!("accepted 7 {ORDER}"), "self-matched 7 0"]);
}

#[test]
fn a_cancel_names_the_order_by_the_venues_id_once_that_is_known() {
    let mut desk = Desk::up();
    desk.send(7, TimeInForce::Gtc).sent(&["add_order"]);
    desk.cancel(7);
    let by_ours = format!(r#""params":{{"cl_ord_id":["{}"],"token""#, id(7));
    desk.sent(&[&by_ours]);
    desk.stream(&pending_new(7)).stream(&small("new", 0)).cancel(7);
    desk.sent(&[r#""params":{"order_id":["OK4GJX-KSTLS-7DZZO5"],"token""#]);
    desk.stream(&small("canceled", 0));
    desk.told(&[&format!("accepted 7 {ORDER}"), "done 7 0"]).pass(20 * S).told(&[]);
}

#[test]
fn refusals_are_told_with_their_reason() {
    for (error, told) in [
        ("EOrder:Insufficient funds", "rejected 7 InsufficientFunds"),
        ("EOrder:Tick size check failed", "rejected 7 Filter"),
        ("EOrder:Rate limit exceeded", "rejected 7 RateLimit"),
        ("EService:Throttled:1768039203", "doubt 7 VenueUnsure"),
        ("EGeneral:Unknown error", "doubt 7 VenueUnsure"),
        ("EDatabase:Internal error", "doubt 7 VenueUnsure"),
        ("EService:Busy", "doubt 7 VenueUnsure"),
        ("EService:Market in cancel_only mode", "rejected 7 MarketClosed"),
        ("EService:Deadline elapsed", "doubt 7 VenueUnsure"),
        ("EGeneral:Invalid arguments:cl_ord_id", "doubt 7 VenueUnsure"),
        ("EGeneral:Internal error", "doubt 7 VenueUnsure"),
    ] {
        let mut desk = Desk::up();
        desk.send(7, TimeInForce::Gtc).refuse("add_order", error).told(&[told]);
        desk.refused(7, Refused::New, error);
        desk.pass(10 * S).told(&[]);
    }
    let mut desk = Desk::up();
    desk.rests(7).cancel(7).refuse("cancel_order", "EOrder:Unknown order");
    desk.told(&["cancel rejected 7 UnknownOrder"]);
    desk.refused(7, Refused::Cancel, "EOrder:Unknown order");
}

#[test]
fn a_pair_that_the_account_may_not_trade_closes_its_listing_and_nothing_else() {
    let mut desk = Desk::up();
    let error = "EAccount:Invalid permissions:STBL trading restricted for NL.";
    desk.send(7, TimeInForce::Gtc).refuse("add_order", error).told(&["rejected 7 MarketClosed"]);
    desk.send(8, TimeInForce::Gtc).sent(&["add_order", "add_order"]);
    assert_eq!(desk.machine.status(), Status::Up);
}

#[test]
fn a_refusal_that_repeats_our_token_is_kept_without_the_token() {
    let mut desk = Desk::up();
    desk.send(7, TimeInForce::Gtc).refuse("add_order", "EOrder:Weird words about TOKEN");
    desk.refused(7, Refused::New, "EOrder:Weird words about ***");
}

#[test]
fn a_refusal_never_undoes_what_the_executions_showed() {
    let mut desk = Desk::up();
    desk.send(7, TimeInForce::Gtc).stream(&pending_new(7)).stream(&small("new", 0));
    desk.refuse("add_order", "EGeneral:Internal error").told(&[&format!("accepted 7 {ORDER}")]);
    desk.cancel(7).stream(&small("canceled", 0)).told(&["done 7 0"]);
    desk.refuse("cancel_order", "EOrder:Unknown order").told(&[]);
}

#[test]
fn no_answer_in_time_is_doubt_and_told_once() {
    let mut desk = Desk::up();
    desk.send(7, TimeInForce::Gtc).pass(4 * S).told(&[]).pass(S).told(&["doubt 7 NoAnswer"]);
    desk.pass(30 * S).told(&[]);
    // The executions may still settle it.
    desk.stream(&pending_new(7)).stream(&small("new", 0)).told(&[&format!("accepted 7 {ORDER}")]);
    desk.cancel(7).pass(5 * S).told(&["doubt 7 NoAnswer"]);
}

#[test]
fn what_cannot_be_sent_is_certainly_not_sent() {
    let mut desk = Desk::up();
    let new = |child: u64| SendNew {
        venue: VENUE,
        child: ChildId(child),
        order: OrderId(1),
        trace: 1,
        instrument: BTC_USD,
        side: Side::Buy,
        tif: TimeInForce::Gtc,
        post_only: false,
        qty: Qty(1),
        price: Price(10),
    };
    desk.command(VenueCommand::New(SendNew { tif: TimeInForce::Fok, ..new(1) }));
    desk.command(VenueCommand::New(SendNew { instrument: InstrumentId(9), ..new(2) }));
    // The venue has one decimal of price, the core two.
    desk.command(VenueCommand::New(SendNew { price: Price(11), ..new(3) }));
    desk.command(VenueCommand::New(SendNew { qty: Qty(0), ..new(4) }));
    let told: Vec<_> = (1..=4).map(|child| format!("rejected {child} NotSent")).collect();
    assert_eq!(desk.told, told);
    desk.sent(&[]);
    let mut desk = Desk::new();
    desk.send(1, TimeInForce::Gtc).cancel(1);
    desk.told(&["rejected 1 NotSent", "cancel rejected 1 NotSent"]).sent(&[]);
}

#[test]
fn the_same_child_is_never_sent_twice() {
    let mut desk = Desk::up();
    desk.send(7, TimeInForce::Gtc).sent(&["add_order"]);
    desk.send(7, TimeInForce::Gtc).send(6, TimeInForce::Gtc).sent(&[]);
    assert_eq!(desk.machine.counters().repeated, 2);
    assert_eq!(desk.calls.len(), 1, "what became of it is asked instead");
}

#[test]
fn orders_that_are_not_ours_are_counted_and_never_adopted() {
    let mut desk = Desk::up();
    let other_tag = pending_new(7).replace("000000ab", "000000ac");
    let no_id = pending_new(7).replace("\"cl_ord_id\"", "\"x\"");
    desk.stream(&other_tag).stream(&trade(EXEC)).stream(&small("filled", 1));
    desk.stream(&no_id).stream(&small("canceled", 0)).told(&[]);
    assert_eq!(desk.machine.counters().not_ours, 5);
    let unlisted = pending_new(8).replace("BTC/USD", "ETH/USD");
    desk.stream(&unlisted).told(&[]);
    assert_eq!(desk.machine.counters().unlisted, 1);
}

#[test]
fn a_client_id_may_come_back_with_the_hyphens_of_a_uuid() {
    let mut desk = Desk::up();
    desk.send(7, TimeInForce::Gtc);
    let id = id(7);
    let hyphens = [&id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]].join("-");
    desk.stream(&pending_new(7).replace(&id, &hyphens)).stream(&small("new", 0));
    desk.told(&[&format!("accepted 7 {ORDER}")]);
}

#[test]
fn fees_of_two_assets_or_of_unknown_ones_are_counted() {
    let mut desk = Desk::up();
    desk.rests(7);
    let none = trade("T-1").replace(r#"{"asset":"USD","qty":0.3458}"#, "");
    let two = trade("T-2").replace(
        r#"{"asset":"USD","qty":0.3458}"#,
        r#"{"asset":"BTC","qty":1e-18},{"asset":"BTC","qty":-2e-18},{"asset":"USD","qty":1}"#,
    );
    let odd =
        trade("T-3").replace(r#""asset":"USD""#, r#""asset":"KFEE""#).replace("\"t\"", "\"m\"");
    desk.stream(&none).stream(&two).stream(&odd);
    let fees: Vec<_> = desk.fills.iter().map(|fill| (fill.fee.0, fill.fee_asset.0)).collect();
    assert_eq!(fees, [(0, 1), (-1, 0), (0, 1)]);
    assert_eq!(desk.fills[2].liquidity, Liquidity::Maker);
    assert_eq!(desk.machine.counters().unknown_fee_assets, 2);
}

#[test]
fn balances_are_told_as_they_change_spot_only() {
    let mut desk = Desk::up();
    desk.text(r#"{"channel":"balances","type":"update","data":[{"ledger_id":"A5KS77-LQRMP-SMMN4B","ref_id":"AGBB7L-HT5LX-J3BB4A","timestamp":"2023-09-22T10:33:05.710082Z","type":"trade","asset":"USD","asset_class":"currency","category":"trade","wallet_type":"spot","wallet_id":"main","amount":132.9995,"fee":0.3458,"balance":500}],"sequence":2}"#);
    desk.told(&["balance 1 500000000000000000000"]);
    desk.text(r#"{"channel":"balances","type":"update","data":[{"asset":"USD","wallet_type":"earn","balance":9},{"asset":"DOGE","wallet_type":"spot","balance":9}],"sequence":3}"#);
    desk.told(&[]);
    // A missing message is healed by asking for the totals; no need to go down.
    desk.text(r#"{"channel":"balances","type":"update","data":[{"asset":"BTC","wallet_type":"spot","balance":2}],"sequence":9}"#);
    desk.told(&["balance 0 2000000000000000000"]);
    desk.answer("BalanceEx", FUNDS);
    let totals = ["balance 0 1250000000000000000", "balance 1 1000500000000000000000"];
    desk.told(&[totals[0], totals[1], "query Answered"]);
    // The core asks for the balances, too.
    desk.command(VenueCommand::AskBalances(VENUE)).answer("BalanceEx", FUNDS);
    desk.told(&[totals[0], totals[1], "query Answered"]);
}

#[test]
fn amended_and_restated_orders_stay_open_with_another_quantity() {
    let mut desk = Desk::up();
    desk.rests(7);
    desk.stream(r#"{"timestamp":"2023-09-22T10:41:05.709993Z","order_status":"new","exec_type":"amended","amended":true,"order_userref":0,"order_id":"OK4GJX-KSTLS-7DZZO5","limit_price":26400.0,"order_qty":0.004,"reason":"User requested"}"#);
    desk.told(&["amended 7 400000"]);
    desk.stream(r#"{"timestamp":"2023-09-22T10:42:05.709993Z","order_status":"expired","exec_type":"expired","order_userref":0,"order_id":"OK4GJX-KSTLS-7DZZO5","cum_qty":0,"cum_cost":0,"fee_usd_equiv":0,"avg_price":0}"#);
    desk.told(&["expired 7 0"]);
}
