//! What the venue tells of its symbols, and what becomes of it.

use rutter_transport::machine::HttpResponse;
use rutter_transport::standing::Why;

use super::machine_tests::{Desk, SECOND, info, symbols_of};

const FILTERS: &str = r#"{"filterType":"PRICE_FILTER","minPrice":"0.01","maxPrice":"1000000.0","tickSize":"0.05000000"},{"filterType":"LOT_SIZE","minQty":"0.00200000","maxQty":"9000.00000000","stepSize":"0.00100000"},{"filterType":"MARKET_LOT_SIZE","minQty":"0.0","maxQty":"76.7","stepSize":"0.0"},{"filterType":"NOTIONAL","minNotional":"5.00000000","applyMinToMarket":true,"maxNotional":"9000000.0","applyMaxToMarket":false,"avgPriceMins":5},{"filterType":"PERCENT_PRICE_BY_SIDE","bidMultiplierUp":"5","bidMultiplierDown":"0.2","askMultiplierUp":"5","askMultiplierDown":"0.2","avgPriceMins":5},{"filterType":"MAX_NUM_ORDERS","maxNumOrders":200},{"filterType":"OF_TOMORROW","of":[1,{"a":null}]}"#;

fn desk(symbols: &[&str]) -> Desk {
    let mut desk = Desk::new(symbols);
    desk.informs = false;
    let mut desk = desk.connected();
    desk.text(&format!("{{\"result\":null,\"id\":{}}}", symbols.len()));
    for _ in symbols {
        desk.snapshot(10);
    }
    desk
}

/// Time passes on a link that answers pings.
fn later(desk: &mut Desk, seconds: u64) {
    for _ in 0..seconds {
        desk.wait(SECOND);
        desk.text("{\"result\":[],\"id\":0}");
    }
}

fn ok(body: String) -> HttpResponse {
    HttpResponse::new(200, body)
}

fn invalid() -> HttpResponse {
    HttpResponse::new(400, r#"{"code":-1121,"msg":"Invalid symbol."}"#.to_owned())
}

#[test]
fn filters_and_status_are_told_at_the_start_and_then_only_when_they_change() {
    let mut desk = desk(&["BTCUSDT"]);
    assert_eq!(desk.infos.len(), 1, "asked for at once");
    desk.inform(&ok(info([("BTCUSDT", "TRADING", FILTERS)])));
    let terms = "1 tick 5 lot 1 qty 2..9000000 notional 5";
    assert_eq!(desk.markets, [terms, "1 open"]);
    desk.markets.clear();
    later(&mut desk, 31);
    desk.inform(&ok(info([("BTCUSDT", "TRADING", FILTERS)])));
    assert_eq!(desk.markets, [""; 0]);
    later(&mut desk, 31);
    let other = FILTERS.replace("0.05000000", "0.10000000");
    desk.inform(&ok(info([("BTCUSDT", "HALT", other.as_str())])));
    assert_eq!(desk.markets, ["1 tick 10 lot 1 qty 2..9000000 notional 5", "1 halted"]);
}

#[test]
fn only_a_symbol_that_trades_is_open() {
    let words = [
        ("TRADING", "1 open"),
        ("HALT", "1 halted"),
        ("BREAK", "1 halted"),
        ("END_OF_DAY", "1 halted"),
        ("CANCEL_ONLY", "1 cancel_only"),
        ("A_STATUS_OF_TOMORROW", "1 unknown_status"),
    ];
    for (status, told) in words {
        let mut desk = desk(&["BTCUSDT"]);
        desk.inform(&ok(info([("BTCUSDT", status, "")])));
        assert_eq!(desk.markets.last().map(String::as_str), Some(told));
    }
    let mut desk = desk(&["BTCUSDT"]);
    let body = info([("BTCUSDT", "TRADING", "")]);
    desk.inform(&ok(body.replace("Allowed\":true", "Allowed\":false")));
    assert_eq!(desk.markets.last().map(String::as_str), Some("1 halted"));
}

#[test]
fn a_symbol_that_does_not_exist_is_found_among_the_others_and_closes_alone() {
    let mut desk = desk(&["AUSDT", "BUSDT", "CUSDT", "GONE", "ZUSDT"]);
    // One unknown symbol spoils the answer about all that the request names.
    for _ in 0..20 {
        if desk.infos.is_empty() {
            break;
        }
        let asked: Vec<String> = symbols_of(&desk.infos[0]).collect();
        if asked.iter().any(|symbol| symbol == "GONE") {
            desk.inform(&invalid());
        } else {
            desk.inform(&ok(info(asked.iter().map(|symbol| (symbol, "TRADING", "")))));
        }
        desk.wait(1);
    }
    let mut words: Vec<&str> = desk.markets.iter().map(String::as_str).collect();
    words.retain(|word| !word.contains("tick"));
    words.sort_unstable();
    assert_eq!(words, ["1 open", "2 open", "3 open", "4 unlisted", "5 open"]);
}

#[test]
fn a_symbol_that_the_answer_leaves_out_is_not_listed() {
    let mut desk = desk(&["AUSDT", "BUSDT"]);
    desk.inform(&ok(info([("BUSDT", "TRADING", "")])));
    assert!(desk.markets.contains(&"1 unlisted".to_owned()), "{:?}", desk.markets);
}

#[test]
fn filters_that_cannot_be_read_close_the_market_and_say_so() {
    let mut desk = desk(&["BTCUSDT"]);
    let odd = FILTERS.replace("0.05000000", "five");
    desk.inform(&ok(info([("BTCUSDT", "TRADING", odd.as_str())])));
    assert_eq!(desk.markets, ["1 unknown_status"]);
    assert_eq!(desk.why().0, Some(Why::FiltersUnreadable));
    assert!(desk.why().1.starts_with("BTCUSDT: filters:"), "{:?}", desk.why());
    later(&mut desk, 31);
    desk.inform(&ok(info([("BTCUSDT", "TRADING", FILTERS)])));
    assert_eq!(desk.markets.last().map(String::as_str), Some("1 open"));
    assert_ne!(desk.why().0, Some(Why::FiltersUnreadable));
}

#[test]
fn a_round_that_fails_is_made_again_and_changes_nothing() {
    let mut desk = desk(&["BTCUSDT"]);
    later(&mut desk, 16);
    assert_eq!(desk.why().0, Some(Why::MetadataFailing), "no answer in time");
    desk.infos.remove(0);
    later(&mut desk, 2);
    assert_eq!(desk.infos.len(), 1);
    desk.inform(&ok("<html>".to_owned()));
    assert_eq!(desk.why().0, Some(Why::MetadataFailing));
    later(&mut desk, 3);
    assert_eq!((desk.infos.len(), desk.markets.len()), (1, 0));
}

#[test]
fn a_ban_stops_all_requests_of_the_feed_until_it_is_over() {
    let mut desk = desk(&["BTCUSDT"]);
    let headers = vec![("retry-after".to_owned(), "600".to_owned())];
    desk.inform(&HttpResponse { headers, ..HttpResponse::new(418, String::new()) });
    assert_eq!(desk.why().0, Some(Why::RestBanned));
    // The book breaks, so a snapshot is wanted as well.
    desk.change("BTCUSDT", 50, 51, "98", "1");
    later(&mut desk, 599);
    assert_eq!((desk.requests.len(), desk.infos.len()), (0, 0), "asked through a ban");
    later(&mut desk, 2);
    assert_eq!((desk.requests.len(), desk.infos.len()), (1, 1));
}

#[test]
fn what_others_use_of_the_address_is_left_to_them() {
    let mut desk = desk(&["BTCUSDT"]);
    let headers = vec![("x-mbx-used-weight-1m".to_owned(), "1990".to_owned())];
    let body = info([("BTCUSDT", "TRADING", "")]);
    desk.inform(&HttpResponse { headers, ..ok(body) });
    // The venue allows 4,000 a minute; the feed leaves half of that to questions about orders.
    desk.change("BTCUSDT", 50, 51, "98", "1");
    later(&mut desk, 5);
    assert_eq!(desk.requests.len(), 0);
    later(&mut desk, 61);
    assert!(!desk.requests.is_empty(), "the next minute");
}
