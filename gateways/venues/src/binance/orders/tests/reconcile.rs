//! What became of children: after a lost link, and while up.

use rutter_transport::machine::Machine as _;

use super::harness::{Desk, SECOND, accepted, config, field, report, rest_order, rest_trade};
use crate::binance::config::BinanceConfig;

const ORDER: &str = "/api/v3/order?symbol=BTCUSDT&origClientOrderId=r000000ab-";
const OPEN: &str = "/api/v3/openOrders?";
const TRADES: &str = "/api/v3/myTrades?symbol=BTCUSDT&orderId=76&";
const NOT_FOUND: &str = r#"{"code":-2013,"msg":"Order does not exist."}"#;

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
    desk.wait(SECOND).connect().log_on();
    desk
}

#[test]
fn a_lost_link_is_reconciled_before_the_venue_is_up() {
    let mut desk = lost(&[1, 2, 3]);
    // 1 is open with a trade, 2 has filled, 3 was cancelled by the venue.
    desk.rest(OPEN, 200, &format!("[{}]", rest_order(1, "PARTIALLY_FILLED", "0.20000000")));
    desk.rest(TRADES, 200, &format!("[{}]", rest_trade(9001, "0.20000000")));
    desk.saw(&[
        "fill 1 Buy 20000000@6000000 exec 9001 fee 200000000000000 of 0 Maker",
        "fate 1 Open filled 20000000",
    ]);
    desk.rest(&format!("{ORDER}2&"), 200, &rest_order(2, "FILLED", "0.50000000"));
    desk.rest(&format!("{ORDER}3&"), 200, &rest_order(3, "CANCELED", "0.00000000"));
    desk.saw(&["fate 3 Closed filled 0"]);
    let trades = [rest_trade(9002, "0.30000000"), rest_trade(9003, "0.20000000")];
    desk.rest(TRADES, 200, &format!("[{}]", trades.join(",")));
    desk.saw(&[
        "fill 2 Buy 30000000@6000000 exec 9002 fee 200000000000000 of 0 Maker",
        "fill 2 Buy 20000000@6000000 exec 9003 fee 200000000000000 of 0 Maker",
        "fate 2 Closed filled 50000000",
    ]);
    desk.account().saw(&["balance 0 1500000000000000000", "balance 1 0", "up"]);
    assert_eq!(desk.machine.load(), (1, 0), "only what is open is remembered");
}

#[test]
fn every_state_of_an_order_has_its_fate() {
    for (status, told) in [
        ("NEW", "fate 1 Open filled 0"),
        ("PENDING_NEW", "fate 1 Open filled 0"),
        ("PENDING_CANCEL", "fate 1 Open filled 0"),
        ("CANCELED", "fate 1 Closed filled 0"),
        ("EXPIRED", "fate 1 Expired filled 0"),
        ("EXPIRED_IN_MATCH", "fate 1 SelfMatch filled 0"),
        ("REJECTED", "fate 1 Rejected filled 0"),
    ] {
        let mut desk = Desk::up();
        // Asked about an order of an earlier process, the venue also tells its quantity.
        let open = told.contains("Open").then_some("amended 1 to 50000000");
        let told: Vec<&str> = open.into_iter().chain([told]).collect();
        desk.query(1).rest(ORDER, 200, &rest_order(1, status, "0.00000000")).saw(&told);
    }
    let mut desk = Desk::up();
    desk.query(1).rest(ORDER, 200, &rest_order(1, "DREAMING", "0.00000000"));
    desk.saw(&[]);
    assert_eq!(desk.machine.last_rest_error(), Some("unknown order status"));
}

/// Found by the simulation: an answer about a neighbour was taken for the order's own.
#[test]
fn an_answer_about_another_order_is_no_answer() {
    let mut desk = Desk::up();
    desk.query(1).rest(ORDER, 200, &rest_order(2, "NEW", "0.00000000"));
    desk.saw(&[]);
    assert_eq!(desk.machine.last_rest_error(), Some("answer about another order"));
}

#[test]
fn requests_are_signed_and_stamped() {
    let mut desk = Desk::up();
    desk.query(1);
    let request = desk.take_request(ORDER);
    assert_eq!(request.headers, [("X-MBX-APIKEY".to_owned(), super::harness::API_KEY.to_owned())]);
    let (query, signature) = request.target.split_once("&signature=").expect("signed");
    assert_eq!(
        query,
        "/api/v3/order?symbol=BTCUSDT&origClientOrderId=r000000ab-1\
         &recvWindow=5000&timestamp=1719487045223"
    );
    let payload = query.split_once('?').expect("query").1;
    let key = rutter_transport::secret::Secret::from(super::harness::PEM);
    let signer = crate::signing::Ed25519Signer::from_pem(&key).expect("key");
    let mut expected = String::new();
    crate::signing::percent_encode(&mut expected, &signer.sign_base64(payload.as_bytes()));
    assert_eq!(signature, expected);
}

const OPEN_HERE: &str = "/api/v3/openOrders?symbol=BTCUSDT&";
const HISTORY: &str = "/api/v3/allOrders?symbol=BTCUSDT&";

/// Says "not found" wherever the adapter looks, until it has told something or so many seconds have
/// passed. Returns how often each source was asked.
fn nowhere(desk: &mut Desk, seconds: u64) -> [usize; 3] {
    let mut asked = [0; 3];
    let end = desk.now + seconds * SECOND;
    while desk.now < end && !desk.seen.iter().any(|seen| seen.contains("fate")) {
        match desk.requests.first().map(|request| request.target.clone()) {
            Some(target) if target.starts_with(ORDER) => {
                asked[0] += 1;
                desk.rest(ORDER, 400, NOT_FOUND);
            }
            Some(target) if target.starts_with(OPEN_HERE) => {
                asked[1] += 1;
                desk.rest(OPEN_HERE, 200, "[]");
            }
            Some(target) if target.starts_with(HISTORY) => {
                asked[2] += 1;
                desk.rest(HISTORY, 200, "[]");
            }
            Some(target) if target.starts_with("/api/v3/account") => {
                desk.account();
            }
            Some(target) => panic!("asked {target}"),
            None => {
                desk.wait(SECOND / 10).venue("35=0|");
            }
        }
    }
    asked
}

/// The order may still be on its way, or in work for 10 s: "not found" counts only after that, and
/// only from all sources, twice.
#[test]
fn not_found_counts_only_when_the_venue_must_be_done_and_from_every_source_twice() {
    let mut desk = lost(&[1]);
    desk.rest(OPEN, 200, "[]");
    let sent = super::harness::START;
    let asked = nowhere(&mut desk, 120);
    assert_eq!(asked[1..], [2, 2], "open orders and history");
    assert!((6..20).contains(&asked[0]), "{asked:?}");
    // 25 s window, 1 s clock, 10 s processing, 5 s lag, and 3 s between the two looks.
    assert!((44..60).contains(&((desk.now - sent) / SECOND)), "{}", desk.now - sent);
    let up = ["balance 0 1500000000000000000", "balance 1 0", "up"];
    // The venue is up meanwhile: one order in doubt does not keep it down.
    desk.saw(&[up[0], up[1], up[2], "fate 1 NeverArrived filled 0"]);
    desk.account().saw(&[up[0], up[1], "query Answered"]);
    assert_eq!(desk.machine.counters().never_arrived, 1);
}

/// A refusal that cannot be read is no sign that the venue ever had the order.
#[test]
fn an_order_of_which_only_an_unreadable_refusal_came_is_proved_absent_later() {
    let mut desk = Desk::up();
    desk.new_order(1);
    let id = field(desk.sent.last().expect("an order"), "11").to_owned();
    let refusal = "35=8|11={id}|37=76|38=0.5|40=2|54=7|55=BTCUSDT|150=8|39=8|14=0|151=0|";
    desk.venue(&refusal.replace("{id}", &id)).saw(&["doubt 1 VenueUnsure"]);
    desk.query(1);
    nowhere(&mut desk, 120);
    assert_eq!(desk.seen.pop().as_deref(), Some("fate 1 NeverArrived filled 0"));
}

/// Found by the simulation: the lists were read anew for each child, which took a minute for
/// eighty, and their quantities went out again too late.
#[test]
fn children_that_never_arrived_share_the_lists_that_prove_it() {
    let children: Vec<u64> = (1..=100).collect();
    let mut desk = lost(&children);
    desk.rest(OPEN, 200, "[]");
    let (mut lists, mut over) = (0, 0);
    let end = desk.now + 70 * SECOND;
    while desk.now < end && over < 100 {
        match desk.requests.first().map(|request| request.target.clone()) {
            Some(target) if target.starts_with(ORDER) => desk.rest(ORDER, 400, NOT_FOUND),
            Some(target) if target.starts_with(OPEN_HERE) => {
                lists += 1;
                desk.rest(OPEN_HERE, 200, "[]")
            }
            Some(target) if target.starts_with(HISTORY) => {
                lists += 1;
                desk.rest(HISTORY, 200, "[]")
            }
            Some(_) => desk.account(),
            None => desk.wait(SECOND / 10).venue("35=0|"),
        };
        over = desk.seen.iter().filter(|seen| seen.contains("NeverArrived")).count();
    }
    assert_eq!(over, 100, "44 s are the least, for one child");
    // Four rounds at once begin without each other's look; each child needs two looks.
    assert!(lists <= 2 * 4 * 2 * 2, "{lists}");
}

/// A look at the lists proves nothing about a child that may have arrived since.
#[test]
fn a_look_that_is_older_than_the_proof_of_a_child_is_not_its_proof() {
    let mut desk = lost(&[1]);
    desk.rest(OPEN, 200, "[]");
    nowhere(&mut desk, 120);
    desk.account().seen.clear();
    desk.new_order(2);
    desk.lose_link().query(2).wait(SECOND).connect().log_on().rest(OPEN, 200, "[]");
    assert_eq!(nowhere(&mut desk, 120)[1..], [2, 2], "two looks of its own");
}

/// The venue may take 10 s, say -1007, and have the order in its books after that. Found by a
/// review: the quantity went out again, and was bought twice.
#[test]
fn a_slow_order_whose_outcome_the_venue_does_not_know_is_never_taken_for_never_arrived() {
    let mut desk = Desk::up();
    desk.new_order(1).wait(5 * SECOND).saw(&["doubt 1 NoAnswer"]);
    desk.query(1);
    nowhere(&mut desk, 25);
    desk.venue(&report(1, "8", "39=8|25016=-1007|58=Timeout waiting for response.|"));
    desk.saw(&["doubt 1 VenueUnsure"]);
    desk.query(1);
    assert_eq!(nowhere(&mut desk, 14)[1..], [0, 0], "not before 10 s and the lag are over");
    desk.saw(&[]);
    desk.venue(&accepted(1)).saw(&["accepted 1 as 76"]);
    // What the venue has shown has arrived, however often it denies that.
    nowhere(&mut desk, 60);
    desk.saw(&[]);
}

#[test]
fn an_order_that_only_the_history_knows_is_found_there() {
    let mut desk = lost(&[1]);
    desk.rest(OPEN, 200, "[]");
    // Not before the proof begins: 25 s window, 1 s clock, 10 s processing, 5 s lag.
    for _ in 0..1_000 {
        match desk.requests.first().map(|request| request.target.clone()) {
            Some(target) if target.starts_with(ORDER) => desk.rest(ORDER, 400, NOT_FOUND),
            Some(target) if target.starts_with("/api/v3/account") => desk.account(),
            Some(target) if target.starts_with(OPEN_HERE) => desk.rest(OPEN_HERE, 200, "[]"),
            Some(_) => break,
            None => desk.wait(SECOND / 10).venue("35=0|"),
        };
    }
    let foreign = rest_order(9, "DREAMING", "x").replace("r000000ab-9", "web_1");
    let ours = rest_order(1, "CANCELED", "0.00000000");
    desk.seen.clear();
    desk.rest(HISTORY, 200, &format!("[{foreign},{ours}]"));
    desk.saw(&["fate 1 Closed filled 0"]);
}

#[test]
fn an_archived_order_has_ended_without_an_execution() {
    let mut desk = Desk::up();
    let archived = r#"{"code":-2026,"msg":"Order was canceled or expired with no executed qty."}"#;
    desk.query(1).rest(ORDER, 400, archived).saw(&["fate 1 Closed filled 0"]);
}

/// A price finer than our decimals, a status word that is new, a symbol that is gone: the venue is
/// up without the child, which stays in doubt.
#[test]
fn one_child_that_cannot_be_read_does_not_keep_the_venue_down() {
    for (status, body) in [
        (200, rest_order(1, "DREAMING", "0.00000000")),
        (200, rest_order(1, "FILLED", "0.000000001")),
        (400, r#"{"code":-1121,"msg":"Invalid symbol."}"#.to_owned()),
    ] {
        let mut desk = lost(&[1]);
        desk.rest(OPEN, 200, &format!("[{}]", rest_order(1, "DREAMING", "0.00000000")));
        for _ in 0..3 {
            desk.wait_for_request().rest(ORDER, status, &body).saw(&[]);
        }
        desk.account().saw(&["balance 0 1500000000000000000", "balance 1 0", "up"]);
        let standing = desk.machine.standing().expect("told");
        assert!(standing.is_up, "{standing:?}");
        desk.wait_for_request().rest(ORDER, 200, &rest_order(1, "NEW", "0.00000000"));
        desk.saw(&["fate 1 Open filled 0"]);
    }
}

#[test]
fn an_order_that_arrives_within_its_window_is_found() {
    let mut desk = lost(&[1]);
    desk.rest(OPEN, 200, "[]").rest(ORDER, 400, NOT_FOUND).saw(&[]);
    desk.wait(SECOND);
    desk.rest(ORDER, 200, &rest_order(1, "NEW", "0.00000000")).saw(&["fate 1 Open filled 0"]);
}

/// Sent by an earlier process: at the latest when this connection was made.
#[test]
fn a_child_of_an_earlier_life_counts_from_the_connection() {
    let mut desk = Desk::new();
    desk.query(0x55);
    desk.connect().log_on().rest(OPEN, 200, "[]");
    let connected = desk.now;
    nowhere(&mut desk, 120);
    assert!(desk.now >= connected + 44 * SECOND);
    assert_eq!(desk.seen.last().map(String::as_str), Some("fate 85 NeverArrived filled 0"));
}

#[test]
fn an_order_that_the_venue_has_shown_never_counts_as_never_arrived() {
    let mut desk = Desk::up();
    desk.new_order(1).venue(&accepted(1)).saw(&["accepted 1 as 76"]);
    for _ in 0..40 {
        desk.wait(SECOND).venue("35=0|");
    }
    desk.query(1);
    for _ in 0..60 {
        if !desk.requests.is_empty() {
            desk.rest(ORDER, 400, NOT_FOUND);
        }
        desk.wait(SECOND).venue("35=0|");
    }
    desk.saw(&[]);
    desk.wait_for_request();
    desk.rest(ORDER, 200, &rest_order(1, "CANCELED", "0.00000000"));
    desk.saw(&["fate 1 Closed filled 0"]);
}

/// Open orders with our tag that nobody asked about are told, so that the core can cancel them.
#[test]
fn an_order_that_nobody_asked_about_is_told_and_can_be_cancelled() {
    let mut desk = Desk::new();
    desk.connect().log_on();
    let foreign = rest_order(2, "NEW", "0.00000000").replace("r000000ab-2", "web_1");
    let other_tag = rest_order(3, "NEW", "0.00000000").replace("000000ab", "000000ac");
    let unlisted = rest_order(4, "NEW", "0.00000000").replace("BTCUSDT", "DOGEUSDT");
    let zombie = rest_order(0x10, "NEW", "0.00000000");
    desk.rest(OPEN, 200, &format!("[{foreign},{other_tag},{unlisted},{zombie}]"));
    desk.saw(&["amended 16 to 50000000", "fate 16 Open filled 0"]);
    desk.sent.clear();
    desk.cancel(0x10).wrote(&["35=F|11=r000000ab-10-c1|41=r000000ab-10|55=BTCUSDT"]);
    desk.account();
    assert_eq!(desk.seen.last().map(String::as_str), Some("up"));
    let counters = desk.machine.counters();
    assert_eq!((counters.not_ours, counters.unlisted), (2, 1));
}

#[test]
fn trades_that_lag_behind_the_state_are_waited_for() {
    let mut desk = Desk::up();
    desk.query(1).rest(ORDER, 200, &rest_order(1, "CANCELED", "0.50000000"));
    desk.rest(TRADES, 200, &format!("[{}]", rest_trade(9001, "0.20000000")));
    let first = "fill 1 Buy 20000000@6000000 exec 9001 fee 200000000000000 of 0 Maker";
    desk.saw(&[first]);
    desk.wait(SECOND).rest(ORDER, 200, &rest_order(1, "CANCELED", "0.50000000"));
    let trades = [rest_trade(9001, "0.20000000"), rest_trade(9002, "0.30000000")];
    desk.rest(TRADES, 200, &format!("[{}]", trades.join(",")));
    desk.saw(&[
        first,
        "fill 1 Buy 30000000@6000000 exec 9002 fee 200000000000000 of 0 Maker",
        "fate 1 Closed filled 50000000",
    ]);
}

#[test]
fn more_trades_than_a_page_are_all_fetched() {
    let mut desk = Desk::up();
    desk.query(1).rest(ORDER, 200, &rest_order(1, "FILLED", "0.00001005"));
    let page: Vec<String> = (1..=1_000).map(|n| rest_trade(n, "0.00000001")).collect();
    assert!(desk.requests[0].target.contains("&limit=1000&"));
    desk.rest(TRADES, 200, &format!("[{}]", page.join(",")));
    assert!(desk.requests[0].target.contains("&fromId=1001&limit=1000&"));
    let rest: Vec<String> = (1_001..=1_005).map(|n| rest_trade(n, "0.00000001")).collect();
    desk.rest(TRADES, 200, &format!("[{}]", rest.join(",")));
    assert_eq!(desk.seen.len(), 1_006);
    assert_eq!(desk.seen[1_005], "fate 1 Closed filled 1005");
}

#[test]
fn failures_are_tried_again_until_there_is_an_answer() {
    let mut desk = Desk::up();
    desk.query(1);
    for n in 0..30 {
        match n % 5 {
            0 => desk.rest_fails(ORDER),
            1 => desk.rest(ORDER, 500, "oops"),
            2 => desk.rest(ORDER, 200, "{\"symbol\":\"BTCUSDT\""),
            3 => desk.rest(ORDER, 400, r#"{"code":-1021,"msg":"Timestamp"}"#),
            _ => desk.rest(ORDER, 200, &rest_order(1, "NEW", "0").replace("BTCUSDT", "ETHUSDT")),
        };
        // What is wrong with one answer says nothing of the venue.
        let told: &[&str] = match n % 5 {
            0 => &["query NoAnswer"],
            1 | 3 => &["query Refused"],
            _ => &[],
        };
        desk.saw(told);
        let failed = desk.now;
        desk.wait_for_request();
        assert!(desk.now - failed <= 11 * SECOND, "try {n}");
    }
    desk.rest(ORDER, 200, &rest_order(1, "NEW", "0.00000000"));
    desk.saw(&["amended 1 to 50000000", "fate 1 Open filled 0"]);
    assert_eq!(desk.machine.counters().rest_failures, 30);
}

#[test]
fn a_ban_is_respected() {
    for (status, pause) in [(429, 10), (418, 120)] {
        let mut desk = Desk::up();
        desk.query(1).rest(ORDER, status, r#"{"code":-1003,"msg":"Too much request weight used"}"#);
        for _ in 0..pause - 1 {
            desk.wait(SECOND).venue("35=0|");
        }
        assert!(desk.requests.is_empty());
        desk.wait(2 * SECOND);
        assert_eq!(desk.requests.len(), 1);
    }
}

#[test]
fn a_request_without_an_answer_is_made_again_and_its_late_answer_ignored() {
    let mut desk = Desk::up();
    desk.query(1);
    let first = desk.take_request(ORDER);
    desk.wait(12 * SECOND);
    let body = rest_order(1, "CANCELED", "0.00000000");
    let response = rutter_transport::machine::HttpResponse::new(200, body);
    desk.event(rutter_transport::machine::Event::Http(first.id, Some(&response)));
    desk.saw(&["query NoAnswer"]);
    desk.rest(ORDER, 200, &rest_order(1, "NEW", "0.00000000"));
    desk.saw(&["amended 1 to 50000000", "fate 1 Open filled 0"]);
}

#[test]
fn a_link_lost_while_reconciling_starts_over() {
    let mut desk = lost(&[1]);
    desk.rest(OPEN, 200, "[]");
    let stale = desk.take_request(ORDER);
    desk.lose_link().saw(&["down LinkLost"]);
    let body = rest_order(1, "NEW", "0.00000000");
    let response = rutter_transport::machine::HttpResponse::new(200, body);
    desk.event(rutter_transport::machine::Event::Http(stale.id, Some(&response))).saw(&[]);
    desk.query(1).wait(SECOND).connect().log_on();
    desk.rest(OPEN, 200, &format!("[{}]", rest_order(1, "NEW", "0.00000000")));
    desk.saw(&["fate 1 Open filled 0"]).account();
    assert_eq!(desk.seen.last().map(String::as_str), Some("up"));
}

#[test]
fn a_question_that_comes_during_the_balances_is_answered_before_them() {
    let mut desk = Desk::new();
    desk.connect().log_on().rest(OPEN, 200, "[]").query(1).account().saw(&[]);
    desk.rest(ORDER, 200, &rest_order(1, "NEW", "0.00000000"));
    desk.saw(&["amended 1 to 50000000", "fate 1 Open filled 0"]);
    desk.account().saw(&["balance 0 1500000000000000000", "balance 1 0", "up"]);
}

#[test]
fn many_questions_are_asked_a_few_at_a_time_and_within_the_venues_limit() {
    let asked = asked_in_a_minute(1);
    assert!((1_300..=1_400).contains(&asked), "weight 4 each, 6000 a minute: {asked}");
}

#[test]
fn accounts_at_one_address_share_the_weight_that_the_venue_allows_to_it() {
    let asked = asked_in_a_minute(4);
    assert!((310..=350).contains(&asked), "a fourth of what one account asks: {asked}");
}

/// Questions that one of so many accounts at an address asks in a minute, of 1,500.
fn asked_in_a_minute(accounts_at_address: u32) -> u64 {
    let mut desk = Desk::up_with(BinanceConfig { accounts_at_address, ..config() });
    for child in 1..=1_500 {
        desk.query(child).query(child);
    }
    assert_eq!((desk.requests.len(), desk.machine.load().1), (4, 1_500));
    let start = desk.now;
    let mut asked = 0;
    while desk.now < start + 60 * SECOND {
        while !desk.requests.is_empty() {
            let rest = desk.requests[0].target.strip_prefix(ORDER).expect("about an order");
            let id = rest.split_once('&').expect("an id").0;
            let child = u64::from_str_radix(id, 16).expect("ours");
            desk.rest(ORDER, 200, &rest_order(child, "CANCELED", "0.00000000"));
            asked += 1;
        }
        desk.wait(SECOND / 10).venue("35=0|");
    }
    asked
}

#[test]
fn thousands_of_open_orders_are_read_in_one_list() {
    let mut desk = Desk::new();
    desk.connect().log_on();
    let rows: Vec<String> =
        (1..=3_000).map(|child| rest_order(child, "NEW", "0.00000000")).collect();
    desk.rest(OPEN, 200, &format!("[{}]", rows.join(",")));
    assert_eq!(desk.seen.len(), 2 * 3_000, "quantity and state of each");
    desk.seen.clear();
    desk.account().saw(&["balance 0 1500000000000000000", "balance 1 0", "up"]);
}
