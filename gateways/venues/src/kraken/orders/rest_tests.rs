//! Claims about signed requests and REST answers.

use super::*;
use crate::signing::base64_decode;

const SECRET: &str =
    "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg==";

#[test]
fn the_published_signatures_come_out() {
    let secret = base64_decode(SECRET).expect("base64");
    let body = "nonce=1616492376594&ordertype=limit&pair=XBTUSD&price=37500&type=buy&volume=1.25";
    assert_eq!(
        api_sign(&secret, "/0/private/AddOrder", 1_616_492_376_594, body),
        "4/dpxb3iT4tp/ZCVEwSnEsLxx0bqyhLpdfOpc6fn7OR8+UClSV5n9E6aSS8MPtnRfp32bAb0nmbRn6H8ndwLUQ=="
    );
    let request = request(7, &Call::Token, 1_616_492_376_594, &Secret::from("KEY"), &secret);
    assert_eq!((request.id, request.method), (7, HttpMethod::Post));
    assert_eq!(request.target, "/0/private/GetWebSocketsToken");
    assert_eq!(request.body, "nonce=1616492376594");
    assert_eq!(
        request.headers[1].1,
        "+mRDmY9Ks0Moc1zjv/BjfvYa98buO0x1yHChZR5onlfAzAUbfIYlLggUZzdQ0RsmXm4Sh+Q8iAIZdo2wSeHeiA=="
    );
}

#[test]
fn bodies_carry_what_the_call_needs() {
    let ids = vec!["OA".to_owned(), "OB".to_owned()];
    assert_eq!(Call::QueryOrders(ids).body(1), "nonce=1&txid=OA,OB");
    assert_eq!(Call::ClosedOrders("2f".to_owned()).body(2), "nonce=2&cl_ord_id=2f");
    let recent = Call::RecentOrders { start_s: 1_700_000_000, offset: 50 };
    assert_eq!(recent.body(2), "nonce=2&start=1700000000&ofs=50");
    let trades = Call::TradesHistory { start_s: 10, offset: 50 };
    assert_eq!(trades.body(3), "nonce=3&start=10&ofs=50&consolidate_taker=false");
    assert_eq!(trades.cost(), 2);
}

fn answer(body: &str) -> HttpResponse {
    HttpResponse::new(200, body.to_owned())
}

#[test]
fn answers_are_read_and_errors_are_named() {
    let good = answer(r#"{"error":[],"result":{"token":"abc+/=","expires":900}}"#);
    assert_eq!(token(Some(&good)), Ok("abc+/=".to_owned()));
    let quoted = answer(r#"{"error":[],"result":{"token":"a\"b","expires":900}}"#);
    assert_eq!(token(Some(&quoted)), Err(RestError::Shape));
    let refused = answer(r#"{"error":["EAPI:Invalid nonce"]}"#);
    assert_eq!(token(Some(&refused)), Err(RestError::Venue("EAPI:Invalid nonce".to_owned())));
    assert_eq!(token(None), Err(RestError::NoAnswer));
    let gateway = HttpResponse::new(502, "<html>".to_owned());
    assert_eq!(token(Some(&gateway)), Err(RestError::Status(502)));
    for body in ["", "{}", "[]", r#"{"error":[],"result":[]}"#, r#"{"error":{},"result":{}}"#] {
        assert_eq!(token(Some(&answer(body))), Err(RestError::Shape), "{body}");
    }
}

#[test]
fn orders_trades_and_balances_keep_their_digits() {
    let open = answer(
        r#"{"error":[],"result":{"open":{"OQCLML-BW3P3-BUCMWZ":{"refid":null,"userref":0,"cl_ord_id":"2f","status":"open","opentm":1688666559.8974,"descr":{"pair":"XBTUSD","type":"buy","ordertype":"limit","price":"30010.0"},"vol":"1.25","vol_exec":"0.375","cost":"11253.7","fee":"0.0","price":"30010.0","oflags":"fciq","reason":null}}}}"#,
    );
    let orders = open_orders(Some(&open)).expect("open orders");
    let order = &orders["OQCLML-BW3P3-BUCMWZ"];
    assert_eq!((order.status.as_ref(), order.cl_ord_id.as_deref()), ("open", Some("2f")));
    assert_eq!(order.vol_exec.map(RawValue::get), Some("\"0.375\""));
    let page = answer(
        r#"{"error":[],"result":{"trades":{"THVRQM-33VKH-UCI7BS":{"ordertxid":"OQCLML-BW3P3-BUCMWZ","pair":"XXBTZUSD","time":1688667796.8802,"type":"buy","ordertype":"limit","price":"30010.0","cost":"600.2","fee":"0.0","vol":"0.02","margin":"0.0","misc":"","trade_id":40274859,"maker":true}},"count":2346}}"#,
    );
    let page = trades(Some(&page)).expect("trades");
    assert_eq!(page.count, Some(2_346));
    assert_eq!(page.trades["THVRQM-33VKH-UCI7BS"].maker.map(RawValue::get), Some("true"));
    let all = answer(
        r#"{"error":[],"result":{"ZUSD":{"balance":"25435.21","hold_trade":"8249.76"},"XXBT":{"balance":"1.2435","hold_trade":"0.8423"}}}"#,
    );
    assert_eq!(
        balances(Some(&all)).expect("balances")["ZUSD"].balance.map(RawValue::get),
        Some("\"25435.21\"")
    );
    let closed = answer(r#"{"error":[],"result":{"closed":{},"count":0}}"#);
    assert!(closed_orders(Some(&closed)).expect("closed orders").is_empty());
}

#[test]
fn cut_damaged_and_deep_answers_are_errors_not_panics() {
    let text = r#"{"error":[],"result":{"trades":{"T-1":{"ordertxid":"O","type":"buy","price":"1","fee":"0","vol":"1"}},"count":1}}"#;
    for end in 0..text.len() {
        assert!(trades(Some(&answer(&text[..end]))).is_err());
    }
    let deep = format!(r#"{{"error":[],"result":{}"#, "[".repeat(200_000));
    assert_eq!(balances(Some(&answer(&deep))).err(), Some(RestError::Shape));
    let closed = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let deep = format!(r#"{{"error":[],"result":{{"open":{closed}}}}}"#);
    assert_eq!(open_orders(Some(&answer(&deep))).err(), Some(RestError::Shape));
}
