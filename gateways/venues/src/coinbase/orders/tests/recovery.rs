//! What became of children: after a lost link, and while up.

use super::harness::{Desk, ORDER, SECOND, accepted, id, rest_fill, rest_order, traded};
use crate::coinbase::ids::Kind;

const OPEN: &str = "/orders?status=open&status=pending";
const FILLS: &str = "/fills?order_id=d50ec984-77a8-460a-b958-66f114b0de9b&limit=1000";
const LIST: &str = "/orders?product_id=BTC-USD&status=open";
const DONE: &str = "/orders?product_id=BTC-USD&status=done";
const NOT_FOUND: &str = r#"{"message":"NotFound"}"#;

fn by_client(child: u64) -> String {
    format!("/orders/client:{}", id(child, Kind::Order))
}

/// Up, with these children sent and the link lost just now; the core asks about them.
fn lost(children: &[u64]) -> Desk {
    let mut desk = Desk::up();
    for child in children {
        desk.new_order(*child);
    }
    desk.lose_link().saw(&["down LinkLost"]);
    for child in children {
        desk.query(*child);
    }
    assert!(desk.requests.is_empty(), "nothing is asked while down");
    desk.wait(2 * SECOND).connect().log_on();
    desk
}

#[test]
fn requests_are_signed_with_the_key_and_its_passphrase() {
    let mut desk = Desk::new();
    desk.connect().log_on();
    let request = desk.take_request(OPEN);
    let header = |name: &str| {
        let found = request.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    };
    assert_eq!(header("CB-ACCESS-KEY"), Some("my-api-key"));
    assert_eq!(header("CB-ACCESS-PASSPHRASE"), Some("my-pass"));
    assert_eq!(header("CB-ACCESS-TIMESTAMP"), Some("1719487045"));
    assert!(header("CB-ACCESS-SIGN").is_some_and(|signature| signature.len() == 44));
}

#[test]
fn a_lost_link_is_reconciled_before_the_venue_is_up() {
    let mut desk = lost(&[1, 2]);
    // 1 is open with a fill, 2 was cancelled with one.
    desk.rest(OPEN, 200, &format!("[{}]", rest_order(1, "open", "0.20000000")));
    desk.rest(FILLS, 200, &format!("[{}]", rest_fill(30, "0.20000000")));
    desk.saw(&[
        "fill 1 Buy 20000000@6000000 exec 30 fee 48000000000000000000 of 1 Maker",
        "fate 1 Open filled 20000000",
    ]);
    desk.rest(&by_client(2), 200, &rest_order(2, "done canceled", "0.10000000"));
    desk.rest(FILLS, 200, &format!("[{}]", rest_fill(31, "0.10000000")));
    desk.saw(&[
        "fill 2 Buy 10000000@6000000 exec 31 fee 48000000000000000000 of 1 Maker",
        "fate 2 Closed filled 10000000",
    ]);
    desk.account().saw(&["balance 0 1500000000000000000", "balance 1 0", "up"]);
    assert_eq!(desk.machine.load(), (1, 0), "only what is open is remembered");
}

#[test]
fn every_state_of_an_order_has_its_fate() {
    for (status, told) in [
        ("open", "fate 1 Open filled 0"),
        ("pending", "fate 1 Open filled 0"),
        ("active", "fate 1 Open filled 0"),
        ("done canceled", "fate 1 Closed filled 0"),
        ("rejected", "fate 1 Rejected filled 0"),
    ] {
        let mut desk = Desk::up();
        desk.new_order(1).query(1);
        desk.rest(&by_client(1), 200, &rest_order(1, status, "0.00000000")).saw(&[told]);
    }
    let mut desk = Desk::up();
    desk.query(1).rest(&by_client(1), 200, &rest_order(1, "dreaming", "0.00000000")).saw(&[]);
    assert_eq!(desk.machine.last_rest_error(), Some("unknown order status"));
    let mut desk = Desk::up();
    desk.query(1).rest(&by_client(1), 200, &rest_order(2, "open", "0.00000000")).saw(&[]);
    assert_eq!(desk.machine.last_rest_error(), Some("answer about another order"));
}

/// Answers whatever is asked about an order that the venue does not know, until something is told.
fn deny(desk: &mut Desk, by_id: &str) -> u32 {
    for rounds in 1..50 {
        desk.wait_for_request();
        desk.rest(by_id, 404, NOT_FOUND);
        while !desk.requests.is_empty() {
            if desk.requests[0].target == "/accounts" {
                desk.account();
                continue;
            }
            let target = if desk.requests[0].target.starts_with(LIST) { LIST } else { DONE };
            desk.rest(target, 200, "[]");
        }
        desk.seen.retain(|told| told.starts_with("fate") || told.starts_with("doubt"));
        if !desk.seen.is_empty() {
            return rounds;
        }
    }
    panic!("nothing was told");
}

#[test]
fn an_order_that_no_source_knows_never_arrived_once_that_is_certain() {
    let mut desk = Desk::up();
    let sent = desk.now;
    desk.new_order(1).query(1);
    let rounds = deny(&mut desk, &by_client(1));
    desk.saw(&["doubt 1 NoAnswer"]);
    let further = deny(&mut desk, &by_client(1));
    desk.saw(&["fate 1 NeverArrived filled 0"]);
    assert!(
        desk.now - sent >= 23 * SECOND,
        "5 s to arrive, 15 s of lag, two looks: {rounds} {further}"
    );
}

#[test]
fn an_order_that_was_shown_and_is_forgotten_was_cancelled_without_a_fill() {
    let mut desk = Desk::up();
    desk.new_order(1).venue(&accepted(1));
    desk.seen.clear();
    desk.query(1);
    deny(&mut desk, &format!("/orders/{ORDER}"));
    desk.saw(&["fate 1 Closed filled 0"]);
}

#[test]
fn an_order_with_a_fill_is_kept_by_the_venue_so_that_its_absence_says_nothing() {
    let mut desk = Desk::up();
    desk.new_order(1).venue(&traded(1, 30, "0.2", "0.2", '1'));
    desk.seen.clear();
    desk.query(1);
    for _ in 0..10 {
        desk.wait_for_request().rest("/orders/", 404, NOT_FOUND);
        desk.seen.clear();
    }
    assert_eq!(desk.machine.load().1, 1, "still in doubt");
}

/// A replace gives an order another id, by which alone the venue then knows it.
#[test]
fn an_order_that_an_earlier_process_replaced_is_found_in_the_lists() {
    let mut desk = Desk::up();
    desk.query(1);
    desk.rest(&by_client(1), 404, NOT_FOUND);
    let replaced = rest_order(1, "open", "0.00000000");
    let replaced = replaced.replace(&id(1, Kind::Order), &id(1, Kind::Replace(3)));
    for _ in 0..30 {
        desk.wait_for_request();
        if desk.requests[0].target.starts_with(LIST) {
            desk.rest(LIST, 200, &format!("[{replaced}]"));
            desk.saw(&["amended 1 to 50000000", "fate 1 Open filled 0"]);
            return;
        }
        desk.rest(&by_client(1), 404, NOT_FOUND);
    }
    panic!("the list was not asked for");
}

#[test]
fn a_page_of_a_proxy_and_a_rate_limit_say_nothing_of_an_order() {
    for (status, body) in [
        (404, "<html>not here</html>"),
        (429, r#"{"message":"Private rate limit exceeded"}"#),
        (502, "<html>bad gateway</html>"),
        (503, r#"{"message":"Exchange is under maintenance"}"#),
    ] {
        let mut desk = Desk::up();
        desk.new_order(1).query(1);
        desk.rest(&by_client(1), status, body);
        desk.seen.retain(|told| !told.starts_with("query"));
        desk.saw(&[]);
        assert_eq!(desk.machine.load().1, 1, "{status}");
    }
}
