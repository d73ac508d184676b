//! Tests of REST against the venue reference.

use super::*;

const DOC_NS: u64 = 1_499_827_319_559_000_000;
const DOC_BODY: &str = "symbol=LTCBTC&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=0.1\
                        &recvWindow=5000&timestamp=1499827319559";
const DOC_HMAC: &str = "c8db56825ae71d6d79447849e617115f4a920fa2acdcab2b053c4b2838bd6b71";

fn code(reply: &HttpReply) -> i64 {
    json(&reply.body)["code"].as_i64().unwrap_or(0)
}

#[test]
fn the_documented_signature_is_accepted_wherever_the_parameters_are() {
    let (head, tail) = DOC_BODY.split_at(DOC_BODY.find("&quantity").unwrap() + 1);
    let _ = head;
    for (query, body) in [
        (String::new(), format!("{DOC_BODY}&signature={DOC_HMAC}")),
        (format!("{DOC_BODY}&signature={DOC_HMAC}"), String::new()),
        (String::new(), format!("{DOC_BODY}&signature={}", DOC_HMAC.to_uppercase())),
    ] {
        let mut desk = Desk::new();
        desk.now = DOC_NS;
        let reply = desk.http("POST", "/order", &query, &body, KEY);
        assert_eq!(reply.status, 200, "{}", reply.body);
        assert_eq!(json(&reply.body)["status"], "NEW");
    }
    assert!(tail.starts_with("quantity"));
}

#[test]
fn query_and_body_are_signed_as_one_text_without_a_separator() {
    let mut desk = Desk::new();
    let query = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC";
    let body = format!("quantity=1&price=50000&timestamp={}", desk.now / 1_000_000);
    let signature = hmac_hex(&format!("{query}{body}"), SECRET);
    let reply = desk.http("POST", "/order", query, &format!("{body}&signature={signature}"), KEY);
    assert_eq!(reply.status, 200, "{}", reply.body);
}

#[test]
fn one_changed_character_is_refused() {
    let mut desk = Desk::new();
    desk.now = DOC_NS;
    let changed = DOC_HMAC.replacen('c', "d", 1);
    let reply = desk.http("POST", "/order", "", &format!("{DOC_BODY}&signature={changed}"), KEY);
    assert_eq!((reply.status, code(&reply)), (400, -1022));
    let body = DOC_BODY.replace("quantity=1", "quantity=2");
    let reply = desk.http("POST", "/order", "", &format!("{body}&signature={DOC_HMAC}"), KEY);
    assert_eq!(code(&reply), -1022);
    let reply =
        desk.http("POST", "/order", "", &format!("{DOC_BODY}&signature={DOC_HMAC}"), "nobody");
    assert_eq!((reply.status, code(&reply)), (401, -2015));
    let reply = desk.http("POST", "/order", "", &format!("{DOC_BODY}&signature={DOC_HMAC}"), "");
    assert_eq!(code(&reply), -2014);
}

/// The full-width symbol of the reference: the signature holds, the symbol does not exist.
#[test]
fn the_documented_encoded_symbol_passes_the_signature() {
    let mut desk = Desk::new();
    desk.now = DOC_NS;
    let symbol = "symbol=%EF%BC%91%EF%BC%92%EF%BC%93%EF%BC%94%EF%BC%95%EF%BC%96";
    let body = DOC_BODY.replace("symbol=LTCBTC", symbol);
    let signature = "e1353ec6b14d888f1164ae9af8228a3dbd508bc82eb867db8ab6046442f33ef3";
    let reply = desk.http("POST", "/order", "", &format!("{body}&signature={signature}"), KEY);
    assert_eq!(code(&reply), -1121, "{}", reply.body);
}

#[test]
fn an_ed25519_key_signs_rest_too() {
    let mut desk = Desk::new();
    let payload = format!("timestamp={}", desk.now / 1_000_000);
    let signature = ed_sign(&payload).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let query = format!("{payload}&signature={signature}");
    assert_eq!(desk.http("GET", "/account", &query, "", ED_KEY).status, 200);
}

#[test]
fn stale_and_early_timestamps_are_refused() {
    for (offset_ms, window, expected) in [
        (0, 5_000, 200),
        (-5_000, 5_000, 200),
        (-5_001, 5_000, 400),
        (999, 5_000, 200),
        (1_000, 5_000, 400),
        (-20_000, 60_000, 200),
        (0, 60_001, 400),
    ] {
        let mut desk = Desk::new();
        let at = (desk.now / 1_000_000).saturating_add_signed(offset_ms);
        let payload = format!("recvWindow={window}&timestamp={at}");
        let query = format!("{payload}&signature={}", hmac_hex(&payload, SECRET));
        let reply = desk.http("GET", "/account", &query, "", KEY);
        assert_eq!(reply.status, expected, "{offset_ms} {window}: {}", reply.body);
    }
}

#[test]
fn filters_and_parameter_errors_carry_the_documented_codes() {
    for (change, expected, text) in [
        (("price=50000", "price=50000.001"), -1013, "Filter failure: PRICE_FILTER"),
        (("price=50000", "price=0"), -1013, "Filter failure: PRICE_FILTER"),
        (("quantity=1", "quantity=0.000001"), -1013, "Filter failure: LOT_SIZE"),
        (("quantity=1", "quantity=0.00001"), -1013, "Filter failure: NOTIONAL"),
        (("quantity=1", "quantity=0.123456789"), -1111, "too much precision"),
        (("quantity=1", "quantity=1e2"), -1100, "Illegal characters"),
        (("quantity=1", "x=1"), -1102, "'quantity'"),
        (("BTCUSDT", "BTCEUR"), -1121, "Invalid symbol."),
        (("LIMIT&timeInForce=GTC", "LIMIT"), -1102, "'timeInForce'"),
        (("GTC", "DAY"), -1115, "timeInForce"),
        (("BUY", "HOLD"), -1117, "side"),
        (("LIMIT", "STOP"), -1116, "orderType"),
        (("LIMIT", "LIMIT_MAKER"), -1106, "sent when not required"),
        (("GTC", "GTC&newClientOrderId=a.b"), -1100, "newClientOrderId"),
        (("GTC", "GTC&colour=red"), -1104, "Not all sent parameters were read"),
        (("GTC", "GTC&side=SELL"), -1101, "Duplicate values"),
        (("quantity=1", "quantity=21"), -2010, "insufficient balance"),
    ] {
        let mut desk = Desk::new();
        let params = limit_params("BUY", "1", "50000", "").replacen(change.0, change.1, 1);
        // `x=1` is unknown, but the error must name the missing parameter.
        desk.front.config.reject_unknown_parameters = !params.contains("x=1");
        let (status, body) = desk.signed("POST", "/order", &params);
        assert_eq!((status, body["code"].as_i64()), (400, Some(expected)), "{params} {body}");
        assert!(body["msg"].as_str().unwrap().contains(text), "{body}");
    }
}

#[test]
fn an_order_lives_fills_and_is_found_again() {
    let mut desk = Desk::new();
    let (_, placed) = desk.limit("BUY", "0.5", "60000", "rt-1");
    assert_eq!(placed["status"], "NEW");
    assert_eq!(placed["orderId"], 76);
    desk.bob_limit("SELL", "0.2", "60000");
    let (_, order) = desk.signed("GET", "/order", "symbol=BTCUSDT&origClientOrderId=rt-1");
    assert_eq!(order["status"], "PARTIALLY_FILLED");
    assert_eq!(order["executedQty"], "0.20000000");
    assert_eq!(order["cummulativeQuoteQty"], "12000.00000000");
    let (_, trades) = desk.signed("GET", "/myTrades", "symbol=BTCUSDT&fromId=9001");
    assert_eq!(trades[0]["commission"], "0.00020000");
    assert_eq!(trades[0]["commissionAsset"], "BTC");
    assert_eq!(trades[0]["isMaker"], true);
    let (_, none) = desk.signed("GET", "/myTrades", "symbol=BTCUSDT&fromId=9002");
    assert_eq!(none, json("[]"));
    let (_, account) = desk.signed("GET", "/account", "");
    let btc = &account["balances"].as_array().unwrap()[0];
    assert_eq!((btc["asset"].as_str(), btc["free"].as_str()), (Some("BTC"), Some("10.19980000")));
    let usdt = &account["balances"].as_array().unwrap()[1];
    assert_eq!(usdt["locked"], "18000.00000000");
    let (_, gone) = desk.signed("DELETE", "/order", "symbol=BTCUSDT&orderId=76");
    assert_eq!(gone["status"], "CANCELED");
    assert_eq!(gone["origClientOrderId"], "rt-1");
    let (status, again) = desk.signed("DELETE", "/order", "symbol=BTCUSDT&orderId=76");
    assert_eq!((status, again["code"].as_i64()), (400, Some(-2011)));
    let (_, all) = desk.signed("GET", "/allOrders", "symbol=BTCUSDT");
    assert_eq!(all.as_array().unwrap().len(), 1);
    let (_, missing) = desk.signed("GET", "/order", "symbol=BTCUSDT&orderId=1");
    assert_eq!(missing["code"], -2013);
}

#[test]
fn thousands_of_open_orders_are_listed_whole() {
    let mut desk = Desk::of(config(), 5_000);
    for n in 0..2_500 {
        let (status, body) = desk.limit("SELL", "0.0001", "60000", &format!("many-{n}"));
        assert_eq!(status, 200, "{body}");
        if n % 20 == 19 {
            // Stays below the venue's rates of orders and of requests.
            desk.wait_ms(10_000);
        }
    }
    desk.wait_ms(60_000);
    let (status, open) = desk.signed("GET", "/openOrders", "");
    let rows = open.as_array().expect("rows");
    assert_eq!((status, rows.len()), (200, 2_500));
    assert!(open.to_string().len() > 1 << 20, "longer than one output of a connection");
}

#[test]
fn duplicate_ids_and_post_only_crosses_are_rejected() {
    let mut desk = Desk::new();
    desk.limit("SELL", "0.5", "60000", "same");
    let (status, body) = desk.limit("SELL", "0.5", "60000", "same");
    assert_eq!((status, body["code"].as_i64()), (400, Some(-2010)));
    assert_eq!(body["msg"], "Duplicate order sent.");
    let maker = "symbol=BTCUSDT&side=BUY&type=LIMIT_MAKER&quantity=1&price=60000";
    let (_, body) = desk.signed("POST", "/order", maker);
    assert_eq!(body["msg"], "Order would immediately match and take.");
    let (_, open) = desk.signed("GET", "/openOrders", "symbol=BTCUSDT");
    assert_eq!(open.as_array().unwrap().len(), 1);
    let (_, ended) = desk.signed("DELETE", "/openOrders", "symbol=BTCUSDT");
    assert_eq!(ended[0]["status"], "CANCELED");
    let (_, nothing) = desk.signed("DELETE", "/openOrders", "symbol=BTCUSDT");
    assert_eq!(nothing["code"], -2011);
}

#[test]
fn market_orders_answer_with_their_fills() {
    let mut desk = Desk::new();
    desk.limit("SELL", "0.1", "60000", "");
    desk.limit("SELL", "0.1", "60001", "");
    let params = "symbol=BTCUSDT&side=BUY&type=MARKET&quantity=0.15";
    let (_, body) = desk.signed_as("bob", "bobs", "POST", "/order", params);
    assert_eq!(body["status"], "FILLED");
    let fills = body["fills"].as_array().unwrap();
    assert_eq!(fills.len(), 2);
    assert_eq!(
        (&fills[0]["price"], &fills[1]["qty"]),
        (&Value::from("60000.00000000"), &Value::from("0.05000000"))
    );
}

#[test]
fn cancel_replace_tells_the_fate_of_both_halves() {
    let mut desk = Desk::new();
    desk.limit("BUY", "0.5", "60000", "a");
    let params = |cancel: &str, mode: &str, price: &str| {
        let new = limit_params("BUY", "0.5", price, "");
        format!("{new}&cancelReplaceMode={mode}&cancelOrigClientOrderId={cancel}")
    };
    let mut replace = |p: String| desk.signed("POST", "/order/cancelReplace", &p);
    let (status, body) = replace(params("none", "STOP_ON_FAILURE", "60001"));
    assert_eq!((status, body["code"].as_i64()), (400, Some(-2022)));
    assert_eq!(body["data"]["newOrderResult"], "NOT_ATTEMPTED");
    let (status, body) = replace(params("none", "ALLOW_FAILURE", "50000"));
    assert_eq!((status, body["code"].as_i64()), (409, Some(-2021)));
    assert_eq!(body["data"]["newOrderResponse"]["status"], "NEW");
    let (status, body) = replace(params("a", "STOP_ON_FAILURE", "60001"));
    assert_eq!((status, body["newOrderResult"].as_str()), (200, Some("SUCCESS")));
}

#[test]
fn amend_keeps_the_order_and_takes_only_less() {
    let mut desk = Desk::new();
    desk.limit("BUY", "0.5", "60000", "a");
    let path = "/order/amend/keepPriority";
    let amend = |desk: &mut Desk, quantity: &str| {
        desk.signed("PUT", path, &format!("symbol=BTCUSDT&orderId=76&newQty={quantity}"))
    };
    let (_, body) = amend(&mut desk, "0.4");
    assert_eq!(body["amendedOrder"]["qty"], "0.40000000");
    assert_eq!(body["amendedOrder"]["origClientOrderId"], "a");
    assert!(body["executionId"].as_u64().unwrap() > 101);
    assert_eq!(amend(&mut desk, "0.5").1["code"], -2038);
    assert_eq!(amend(&mut desk, "0.4").1["code"], -2038);
    // The sample of the filter allows ten amends of an order.
    for nth in 1..10 {
        assert_eq!(amend(&mut desk, &format!("0.3{}", 9 - nth)).0, 200);
    }
    let (_, body) = amend(&mut desk, "0.2");
    assert_eq!(body["code"], -2038);
    assert_eq!(body["msg"], "Filter failure: MAX_NUM_ORDER_AMENDS");
    let unknown = "symbol=BTCUSDT&orderId=7777&newQty=0.1";
    let (_, body) = desk.signed("PUT", path, unknown);
    assert_eq!(
        (body["code"].as_i64(), body["msg"].as_str()),
        (Some(-2038), Some("Unknown order sent."))
    );
}

#[test]
fn order_rate_and_weight_are_limited_and_come_back() {
    let mut config = config();
    config.limits.orders_per_10s = 3;
    config.limits.weight_per_minute = 100;
    let mut desk = Desk::with(config);
    for _ in 0..3 {
        assert_eq!(desk.limit("BUY", "0.1", "60000", "").0, 200);
    }
    let (status, body) = desk.limit("BUY", "0.1", "60000", "");
    assert_eq!((status, body["code"].as_i64()), (429, Some(-1015)));
    let text = "Too many new orders; current limit is 3 orders per 10 SECOND.";
    assert_eq!(body["msg"], text);
    desk.wait_ms(10_000);
    assert_eq!(desk.limit("BUY", "0.1", "60000", "").0, 200);
    // A filled order no longer counts.
    desk.bob_limit("SELL", "0.1", "60000");
    let (_, rows) = desk.signed("GET", "/rateLimit/order", "");
    assert_eq!(rows[0]["count"], 0, "{rows}");
    for _ in 0..2 {
        desk.http("GET", "/exchangeInfo", "", "", "");
    }
    let reply = desk.http("GET", "/exchangeInfo", "", "", "");
    assert_eq!((reply.status, code(&reply)), (429, -1003));
    assert!(reply.headers.iter().any(|(name, _)| name == "Retry-After"));
    desk.wait_ms(60_000);
    assert_eq!(desk.http("GET", "/ping", "", "", "").status, 200);
}

#[test]
fn metadata_shows_the_instrument_table() {
    let mut desk = Desk::new();
    let info = desk.get("/exchangeInfo", "symbol=BTCUSDT");
    let symbol = &info["symbols"][0];
    assert_eq!(symbol["status"], "TRADING");
    assert_eq!(symbol["filters"][0]["tickSize"], "0.01000000");
    assert_eq!(symbol["filters"][1]["stepSize"], "0.00001000");
    assert_eq!(symbol["filters"][3]["minNotional"], "5.00000000");
    assert_eq!(desk.get("/exchangeInfo", "symbol=NOPE")["code"], -1121);
    assert_eq!(desk.get("/time", "")["serverTime"], desk.now / 1_000_000);
    assert_eq!(desk.http("GET", "/nothing", "", "", "").status, 404);
}

#[test]
fn public_trades_are_told_singly_and_by_taker() {
    let mut desk = Desk::new();
    desk.limit("SELL", "0.1", "60000", "");
    desk.limit("SELL", "0.1", "60000", "");
    desk.limit("SELL", "0.1", "60010", "");
    desk.bob_limit("BUY", "0.3", "60010");
    assert_eq!(desk.get("/trades", "symbol=BTCUSDT").as_array().unwrap().len(), 3);
    let agg = desk.get("/aggTrades", "symbol=BTCUSDT");
    assert_eq!(agg.as_array().unwrap().len(), 2);
    assert_eq!(
        (&agg[0]["q"], &agg[0]["f"], &agg[0]["l"]),
        (&Value::from("0.20000000"), &Value::from(9_001), &Value::from(9_002))
    );
    assert_eq!(agg[0]["m"], false, "the buyer took");
    let ticker = desk.get("/ticker/24hr", "symbol=BTCUSDT");
    assert_eq!(ticker["volume"], "0.30000000");
    assert_eq!(ticker["weightedAvgPrice"], "60003.33333333");
    assert_eq!(ticker["priceChangePercent"], "0.016");
}

#[test]
fn faults_reject_cut_and_limit_as_told() {
    let mut desk = Desk::new();
    desk.inject(&Fault::RejectNextOrder { code: -1013, text: "Filter failure: X".to_owned() });
    assert_eq!(desk.limit("BUY", "0.1", "60000", "").1["msg"], "Filter failure: X");
    assert_eq!(desk.limit("BUY", "0.1", "60000", "").0, 200);
    desk.inject(&Fault::RateLimit { for_ns: 5_000_000_000 });
    assert_eq!(desk.limit("BUY", "0.1", "60000", "").0, 429);
    desk.wait_ms(5_000);
    assert_eq!(desk.limit("BUY", "0.1", "60000", "").0, 200);
}
