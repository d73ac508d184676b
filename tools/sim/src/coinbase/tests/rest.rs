//! REST: signatures, orders, what is forgotten, limits.

use super::*;

#[test]
fn the_signature_of_the_reference_is_taken_and_any_other_refused() {
    let mut desk = Desk::new();
    desk.now = 1_700_000_000_000_000_000;
    let body = r#"{"price":"1.0","size":"1.0","side":"buy","product_id":"BTC-USD"}"#;
    let mut request = desk.request("POST", "/orders", body);
    assert_eq!(request.headers[1].1, "AJxtYREBthwtGV+XfVtymDFg80gUIUAszgsdqzPxF5A=");
    let (status, order) = desk.http(&request);
    assert_eq!((status, order["status"].as_str()), (200, Some("pending")));
    for (at, value, text) in [
        (1, "AAAA", "invalid signature"),
        (0, "another", "Invalid API Key"),
        (3, "another", "Invalid Passphrase"),
        (2, "1699999960", "request timestamp expired"),
        (2, "soon", "invalid timestamp"),
    ] {
        let before = std::mem::replace(&mut request.headers[at].1, value.to_owned());
        let (status, error) = desk.http(&request);
        assert!(matches!(status, 400 | 401) && error["message"] == text, "{error}");
        request.headers[at].1 = before;
    }
}

#[test]
fn an_order_is_placed_found_by_both_ids_and_cancelled() {
    let mut desk = Desk::new();
    let (_, before) = desk.signed("GET", "/accounts", "");
    let oid = "0f8c3a52-4b5e-4a6b-8a57-0a4a2d2f6b11";
    let (status, order) = desk.buy("50.00", "1", &format!(r#","client_oid":"{oid}""#));
    assert_eq!((status, order["size"].as_str()), (200, Some("1.00000000")));
    let id = order["id"].as_str().unwrap().to_owned();
    for path in [format!("/orders/{id}"), format!("/orders/client:{oid}")] {
        let (status, order) = desk.signed("GET", &path, "");
        assert_eq!((status, order["status"].as_str()), (200, Some("open")), "{path}");
    }
    let (_, open) = desk.signed("GET", "/orders?status=open", "");
    assert_eq!(open[0]["client_oid"], oid);
    let (_, held) = desk.signed("GET", "/accounts", "");
    // Price times size, and the highest fee.
    assert_eq!(held[1]["hold"], "50.3000000000000000");
    let (status, gone) = desk.signed("DELETE", &format!("/orders/{id}"), "");
    assert_eq!((status, gone.as_str()), (200, Some(id.as_str())));
    let (_, after) = desk.signed("GET", "/accounts", "");
    assert_eq!(before, after);
}

#[test]
fn a_cancelled_order_is_forgotten_unless_it_has_a_fill() {
    let mut desk = Desk::new();
    let (_, empty) = desk.buy("50.00", "1", "");
    let (_, filled) = desk.buy("60000.00", "0.5", "");
    desk.bob(Side::Sell, 6_000_000, 20_000_000);
    let mut path = |order: &Value| {
        let path = format!("/orders/{}", order["id"].as_str().unwrap());
        desk.signed("DELETE", &path, "");
        desk.signed("GET", &path, "")
    };
    assert_eq!(path(&empty).0, 404);
    let (status, order) = path(&filled);
    assert_eq!((status, order["done_reason"].as_str()), (200, Some("canceled")));
    assert_eq!(order["filled_size"], "0.20000000");
    let target = format!("/fills?order_id={}", filled["id"].as_str().unwrap());
    let (_, fills) = desk.signed("GET", &target, "");
    assert_eq!((&fills[0]["size"], &fills[0]["liquidity"]), (&"0.20000000".into(), &"M".into()));
    assert_eq!(fills[0]["fee"], "48.0000000000000000");
}

#[test]
fn products_times_and_books_are_public() {
    let mut desk = Desk::new();
    desk.bob(Side::Sell, 6_000_000, 20_000_000);
    let mut get = |target: &str| {
        let mut request = desk.request("GET", target, "");
        request.headers.clear();
        desk.http(&request)
    };
    assert_eq!(get("/products").1[0]["quote_increment"], "0.01");
    assert_eq!(get("/products/BTC-USD/book?level=2").1["asks"][0][1], "0.20000000");
    assert_eq!(get("/time").1["epoch"].to_string(), "1719487045.223");
    assert_eq!(get("/products/BTC-EUR").1["message"], "Product not found");
    assert_eq!(get("/orders").1["message"], "Unauthorized.");
}

#[test]
fn requests_above_the_rate_are_refused_until_tokens_are_earned() {
    let mut desk = Desk::new();
    let statuses: Vec<u16> = (0..31).map(|_| desk.signed("GET", "/fees", "").0).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 30);
    let (status, error) = desk.signed("GET", "/fees", "");
    assert_eq!((status, error["message"].as_str()), (429, Some("Private rate limit exceeded")));
    desk.wait_ms(67);
    assert_eq!(desk.signed("GET", "/fees", "").0, 200);
}

#[test]
fn an_injected_refusal_has_its_text_and_maintenance_closes_the_venue() {
    let mut desk = Desk::new();
    let conn = desk.logged_on("");
    let reject = Fault::RejectNextOrder { code: 0, text: "Cancel only mode".to_owned() };
    desk.front.inject(desk.now, &reject, &mut desk.out);
    assert_eq!(desk.buy("50.00", "1", "").1["message"], "Cancel only mode");
    let fault = Fault::Maintenance { for_ns: 1_000_000_000 };
    desk.front.inject(desk.now, &fault, &mut desk.out);
    assert!(desk.told(conn)[0].contains("|35=5|") && desk.is_closed(conn));
    assert_eq!(desk.buy("50.00", "1", "").0, 503);
    desk.wait_ms(1_100);
    assert_eq!(desk.buy("50.00", "1", "").0, 200);
}
