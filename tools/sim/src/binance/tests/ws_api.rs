//! Tests of the WebSocket API against the venue reference.

use super::super::super::faults::CutPoint;
use super::*;

const DOC_PARAMS: &str = r#""symbol":"BTCUSDT","side":"SELL","type":"LIMIT","timeInForce":"GTC",
    "quantity":"0.01000000","price":"52000.00","recvWindow":100,"timestamp":1645423376532,
    "apiKey":"vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A""#;
const DOC_SIGNATURE: &str = "aa1b5712c094bc4e57c05a1a5c1fd8d88dcd628338ea863fec7b88e59fe2db24";

fn request(method: &str, params: &str) -> String {
    format!(r#"{{"id":"1","method":"{method}","params":{{{params}}}}}"#)
}

/// A request signed with Alice's HMAC key; `params` are pairs sorted by name, without the key.
fn signed(desk: &Desk, method: &str, params: &[(&str, &str)]) -> String {
    let now = (desk.now / 1_000_000).to_string();
    let mut all: Vec<(&str, &str)> = params.to_vec();
    all.extend([("apiKey", KEY), ("timestamp", now.as_str())]);
    all.sort_unstable();
    let payload: Vec<String> = all.iter().map(|(n, v)| format!("{n}={v}")).collect();
    let signature = hmac_hex(&payload.join("&"), SECRET);
    all.push(("signature", &signature));
    let members: Vec<String> = all.iter().map(|(n, v)| format!(r#""{n}":"{v}""#)).collect();
    request(method, &members.join(","))
}

const ORDER: [(&str, &str); 6] = [
    ("price", "60000"),
    ("quantity", "0.5"),
    ("side", "BUY"),
    ("symbol", "BTCUSDT"),
    ("timeInForce", "GTC"),
    ("type", "LIMIT"),
];

#[test]
fn the_documented_request_is_accepted_and_one_changed_character_is_not() {
    for (signature, status) in
        [(DOC_SIGNATURE.to_owned(), 200), (DOC_SIGNATURE.replacen("aa", "ab", 1), 400)]
    {
        let mut desk = Desk::new();
        desk.now = 1_645_423_376_532_000_000;
        let conn = desk.ws("/ws-api/v3");
        let params = format!(r#"{DOC_PARAMS},"signature":"{signature}""#);
        desk.say(conn, &request("order.place", &params));
        let answer = desk.heard(conn).remove(0);
        assert_eq!(answer["status"], status, "{answer}");
        if status == 400 {
            assert_eq!(answer["error"]["code"], -1022);
        }
    }
}

#[test]
fn the_documented_full_width_symbol_is_signed_raw() {
    let mut desk = Desk::new();
    desk.now = 1_645_423_376_532_000_000;
    let conn = desk.ws("/ws-api/v3");
    let params = DOC_PARAMS
        .replace("BTCUSDT", "\u{ff11}\u{ff12}\u{ff13}\u{ff14}\u{ff15}\u{ff16}")
        .replace("SELL", "BUY")
        .replace("0.01000000", "1.00000000")
        .replace("52000.00", "0.10000000")
        .replace("\"recvWindow\":100", "\"recvWindow\":5000");
    let signature = "b33892ae8e687c939f4468c6268ddd4c40ac1af18ad19a064864c47bae0752cd";
    let params = format!(r#"{params},"signature":"{signature}""#);
    desk.say(conn, &request("order.place", &params));
    assert_eq!(desk.heard(conn)[0]["error"]["code"], -1121);
}

#[test]
fn logon_takes_the_ed25519_vector_and_then_needs_no_signature() {
    let mut desk = Desk::new();
    desk.now = 1_649_729_878_532_000_000;
    let conn = desk.ws("/ws-api/v3?returnRateLimits=false");
    let signature = "QkxRSX10rV71REvvMibSfvHCKvHoDFDweKdzKXhHhcKIGkHoZPXAPVNsZYgJtf0CuKIm+cVrCqO\
                     07JHjZCVpAg==";
    let logon = |signature: &str| {
        let params =
            format!(r#""apiKey":"{ED_KEY}","timestamp":1649729878532,"signature":"{signature}""#);
        request("session.logon", &params)
    };
    desk.say(conn, &logon(&signature.replacen('Q', "R", 1)));
    desk.say(conn, &logon(signature));
    desk.say(conn, &request("account.status", r#""timestamp":1649729878532"#));
    desk.say(conn, &request("account.status", ""));
    desk.say(conn, &request("userDataStream.subscribe", ""));
    desk.say(conn, &request("userDataStream.subscribe", ""));
    let heard = desk.heard(conn);
    assert_eq!(heard[0]["error"]["code"], -1022);
    assert_eq!(heard[1]["result"]["apiKey"], ED_KEY);
    assert_eq!(heard[2]["result"]["accountType"], "SPOT");
    assert!(heard[2].get("rateLimits").is_none());
    assert_eq!(heard[3]["error"]["code"], -1102, "a timestamp is still needed");
    assert_eq!(heard[4]["result"]["subscriptionId"], 0);
    assert_eq!(heard[5]["error"]["code"], -2035);
}

#[test]
fn an_hmac_key_cannot_log_on() {
    let mut desk = Desk::new();
    let conn = desk.ws("/ws-api/v3");
    let text = signed(&desk, "session.logon", &[]);
    desk.say(conn, &text);
    assert_eq!(desk.heard(conn)[0]["status"], 400);
}

fn members(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// A new order, a partial fill and a cancel have the members of the samples; a position follows
/// each.
#[test]
fn user_data_tells_every_step_of_an_order() {
    let mut desk = Desk::new();
    let conn = desk.ws("/ws-api/v3");
    let text = signed(&desk, "userDataStream.subscribe.signature", &[]);
    desk.say(conn, &text);
    assert_eq!(desk.heard(conn)[0]["result"]["subscriptionId"], 0);
    let order = [&[("newClientOrderId", "rt-1")], &ORDER[..]].concat();
    let text = signed(&desk, "order.place", &order);
    desk.say(conn, &text);
    desk.bob_limit("SELL", "0.2", "60000");
    let cancel =
        [("newClientOrderId", "rt-1-c"), ("origClientOrderId", "rt-1"), ("symbol", "BTCUSDT")];
    let text = signed(&desk, "order.cancel", &cancel);
    desk.say(conn, &text);
    let heard = desk.heard(conn);
    let events: Vec<&Value> = heard.iter().filter_map(|m| m.get("event")).collect();
    let kinds: Vec<_> = events.iter().map(|e| e["e"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["executionReport", "outboundAccountPosition"].repeat(3));
    let mut always = vec![
        "e", "E", "s", "c", "S", "o", "f", "q", "p", "P", "F", "g", "C", "x", "X", "r", "i", "l",
        "z", "L", "n", "N", "T", "t", "I", "w", "m", "M", "O", "Z", "Y", "Q", "W", "V",
    ];
    always.sort_unstable();
    for (event, x, status) in [
        (events[0], "NEW", "NEW"),
        (events[2], "TRADE", "PARTIALLY_FILLED"),
        (events[4], "CANCELED", "CANCELED"),
    ] {
        assert_eq!(members(event), always);
        assert_eq!((event["x"].as_str(), event["X"].as_str()), (Some(x), Some(status)));
    }
    assert_eq!((&events[2]["n"], &events[2]["N"]), (&json("\"0.00020000\""), &json("\"BTC\"")));
    assert_eq!((&events[4]["c"], &events[4]["C"]), (&json("\"rt-1-c\""), &json("\"rt-1\"")));
    assert_eq!(events[3]["B"][0]["f"], "10.19980000");
    assert_eq!(events[5]["B"][1]["l"], "0.00000000");
}

#[test]
fn an_unfilled_ioc_is_told_new_and_expired_without_a_working_time() {
    let mut desk = Desk::new();
    let conn = desk.ws("/ws-api/v3");
    let text = signed(&desk, "userDataStream.subscribe.signature", &[]);
    desk.say(conn, &text);
    let mut order = ORDER;
    order[4].1 = "IOC";
    let text = signed(&desk, "order.place", &order);
    desk.say(conn, &text);
    let heard = desk.heard(conn);
    assert_eq!(heard[1]["result"]["status"], "EXPIRED");
    let expired = &heard[4]["event"];
    assert_eq!(expired["eR"], "UNFILLED_IOC_QUANTITY_EXPIRED");
    assert!(expired.get("W").is_none());
}

#[test]
fn cuts_around_an_order_leave_it_where_the_fault_says() {
    for (point, processed, answered) in [
        (CutPoint::BeforeProcessing, false, false),
        (CutPoint::BeforeAck, true, false),
        (CutPoint::AfterAck, true, true),
    ] {
        let mut desk = Desk::new();
        let conn = desk.ws("/ws-api/v3");
        desk.inject(&Fault::CutOnOrder(point));
        let text = signed(&desk, "order.place", &ORDER);
        desk.say(conn, &text);
        assert!(desk.closed(conn));
        assert_eq!(!desk.heard(conn).is_empty(), answered, "{point:?}");
        let (_, open) = desk.signed("GET", "/openOrders", "symbol=BTCUSDT");
        assert_eq!(!open.as_array().unwrap().is_empty(), processed, "{point:?}");
    }
}

#[test]
fn broken_requests_get_an_error_and_not_a_panic() {
    let mut desk = Desk::new();
    let conn = desk.ws("/ws-api/v3");
    for text in [
        "",
        "[]",
        "{\"id\":1}",
        "{\"id\":[1],\"method\":\"ping\"}",
        "{\"id\":1,\"method\":\"no.such\"}",
        "{\"id\":1,\"method\":\"depth\",\"params\":[]}",
        "{\"id\":1,\"method\":\"order.place\",\"params\":{\"apiKey\":{}}}",
    ] {
        desk.say(conn, text);
        let heard = desk.heard(conn);
        assert!(heard.len() == 1 && heard[0]["status"] != 200, "{text}: {heard:?}");
    }
}
