//! The feed: subscriptions, books, trades, own orders.

use super::*;

fn types(messages: &[Value]) -> Vec<&str> {
    messages.iter().map(|message| message["type"].as_str().unwrap()).collect()
}

#[test]
fn a_book_begins_with_a_snapshot_and_goes_on_with_absolute_sizes() {
    let mut desk = Desk::new();
    desk.bob(Side::Buy, 5_999_900, 10_000_000);
    let conn = desk.ws();
    desk.subscribe(conn, r#""level2","heartbeat""#);
    let heard = desk.heard(conn);
    assert_eq!(types(&heard), ["subscriptions", "snapshot"]);
    assert_eq!(heard[1]["bids"].to_string(), r#"[["59999.00","0.10000000"]]"#);
    desk.bob(Side::Buy, 5_999_900, 5_000_000);
    desk.bob(Side::Sell, 5_999_900, 15_000_000);
    let heard = desk.heard(conn);
    assert_eq!(types(&heard), ["l2update", "l2update"]);
    assert_eq!(heard[0]["changes"].to_string(), r#"[["buy","59999.00","0.15000000"]]"#);
    assert_eq!(heard[1]["changes"].to_string(), r#"[["buy","59999.00","0.00000000"]]"#);
    desk.wait_ms(1_000);
    let heard = desk.heard(conn);
    assert_eq!(types(&heard), ["heartbeat"]);
    assert_eq!(heard[0]["last_trade_id"], 9_002);
}

#[test]
fn books_need_a_signature_and_one_bad_product_fails_the_whole_message() {
    let mut desk = Desk::new();
    let conn = desk.ws();
    desk.say(conn, r#"{"type":"subscribe","product_ids":["BTC-USD"],"channels":["level2"]}"#);
    let heard = desk.heard(conn);
    assert!(heard[0]["reason"].as_str().unwrap().starts_with("level2, level3, and full channels"));
    let both = r#"{"type":"subscribe","product_ids":["BTC-USD","X-Y"],"channels":["ticker"]}"#;
    desk.say(conn, both);
    assert_eq!(desk.heard(conn)[0]["reason"], "X-Y is not a valid product");
    desk.say(conn, &both.replace(",\"X-Y\"", ""));
    assert_eq!(types(&desk.heard(conn)), ["subscriptions"]);
}

#[test]
fn a_connection_that_subscribes_nothing_is_closed_after_five_seconds() {
    let mut desk = Desk::new();
    let conn = desk.ws();
    desk.wait_ms(4_900);
    assert!(!desk.is_closed(conn));
    desk.wait_ms(200);
    assert!(desk.is_closed(conn));
}

#[test]
fn a_trade_is_told_with_the_makers_side_and_the_ticker_with_the_takers() {
    let mut desk = Desk::new();
    let conn = desk.ws();
    desk.subscribe(conn, r#""ticker","matches","user""#);
    desk.bob(Side::Sell, 6_000_000, 20_000_000);
    desk.heard(conn);
    let (_, order) = desk.buy("60000.00", "0.5", "");
    let heard = desk.heard(conn);
    assert_eq!(types(&heard), ["received", "match", "match", "open", "ticker"]);
    let of = |kind: &str| heard.iter().find(|message| message["type"] == kind).unwrap();
    assert_eq!(of("match")["side"], "sell");
    assert_eq!(
        (&of("ticker")["side"], &of("ticker")["best_bid"]),
        (&"buy".into(), &"60000.00".into())
    );
    assert_eq!(of("open")["remaining_size"], "0.30000000");
    let path = format!("/orders/{}", order["id"].as_str().unwrap());
    desk.signed("DELETE", &path, "");
    let heard = desk.heard(conn);
    assert_eq!((types(&heard), &heard[0]["reason"]), (vec!["done"], &"canceled".into()));
}

#[test]
fn an_injected_fault_crosses_the_next_update() {
    let mut desk = Desk::new();
    desk.bob(Side::Sell, 6_000_000, 20_000_000);
    let conn = desk.ws();
    desk.subscribe(conn, r#""level2""#);
    desk.heard(conn);
    desk.front.inject(desk.now, &Fault::CorruptBook, &mut desk.out);
    desk.bob(Side::Buy, 5_999_900, 5_000_000);
    let changes = desk.heard(conn)[0]["changes"].to_string();
    assert!(changes.contains(r#"["buy","60010.00","0.00000001"]"#), "{changes}");
}
