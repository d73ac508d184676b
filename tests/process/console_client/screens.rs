//! What each verb looks like on a terminal, held as text.

use rutter_admin::console::verb::Verb;
use rutter_cli::render::{Look, answer};
use rutter_cli::text::painted;
use serde_json::{Value, json};

use super::answers::{NOW_NS, of, session, status, venue};

fn shown(verb: &str, ok: &Value, width: usize) -> String {
    let verb = Verb::find(verb).expect("a verb");
    painted(&answer(verb, ok, &Look { width, now_ns: NOW_NS }), false)
}

/// The screens of 80 columns, and one of 120.
const SCREENS: &[(&str, usize, &str)] = &[
    (
        "status",
        80,
        r"RUTTER 0.1.0  running  up 3 h 12 min
nothing is wrong
orders   12 open, 1 pending; 14 children open
started  since then 41,000 orders, 2,200 fills, 84,000 reports; before 52,000 orders, 3,100 fills
refused  since the start: rate 12, collar 3
ended    since the start: filled 40,000, canceled 988
success  99.92 % of 40,042 that could be filled; not: venue_busy 30, no_liquidity 2
journal  at 120,345, 45 not on the disk yet (4.50 KiB)

venues
venue    state  trusted  unknown  p50 µs  p99 µs  open  feed age ms  why not up
BINANCE  up         4/4        0     812   3,420     7         12.4
KRAKEN   up         4/4        0     812   3,420     7         12.4
(a wider terminal has: rejects, fills, notional, p99.9 µs, distrusts, children, behaviour)

sessions
session  kind    state          open  backlog B  next in  next out  heard ms
DESK-1   client  connected        12          0    1,201     2,402     2,000
DESK-2   client  outside hours    12          0    1,201     2,402     2,000
(a wider terminal has: account, events)

stages
path   stage   p50 µs  p99 µs  p99.9 µs  max µs   count
order  decode   0.900    2.10      9.00    80.0  41,000
order  apply     1.40    4.30      14.2     120  41,000

rings
ring    used   slots
input      3  32,768
output     0  32,768
",
    ),
    (
        "venues",
        80,
        r"venue    state  trusted  unknown  p50 µs  p99 µs  open  feed age ms  why not up
BINANCE  up         4/4        0     812   3,420     7         12.4
KRAKEN   up         4/4        0     812   3,420     7         12.4
(a wider terminal has: rejects, fills, notional, p99.9 µs, distrusts, children, behaviour)
",
    ),
    (
        "sessions",
        80,
        r"session  kind    state          open  backlog B  next in  next out  heard ms
DESK-1   client  connected        12          0    1,201     2,402     2,000
DESK-2   client  outside hours    12          0    1,201     2,402     2,000
(a wider terminal has: account, events)
",
    ),
    (
        "latency",
        80,
        r"path   stage   p50 µs  p99 µs  p99.9 µs  max µs   count
order  decode   0.900    2.10      9.00    80.0  41,000
order  apply     1.40    4.30      14.2     120  41,000
",
    ),
    (
        "journal",
        80,
        r"written     120,345
released    120,345 (0 behind)
on the disk 120,300 (45 behind, 4.50 KiB)
sync lag    4.00 ms
a sync      900 µs
size        192 MiB in 3 segments
free        50.0 GiB
durability  process
folder      data/journal
",
    ),
    (
        "instruments",
        80,
        r"symbol    state        venue    there        tick    lot  qty min  taker ppm
BTC/USDT  reduce-only  BINANCE  trusted      0.01  0.001    0.001       1000
BTC/USDT  reduce-only  KRAKEN   NOT TRUSTED   0.1  0.001    0.001       2600
(a wider terminal has: notional min, maker ppm)
",
    ),
    (
        "book",
        80,
        r"BTC/USDT
BINANCE trusted, 12.4 ms old
KRAKEN NOT TRUSTED: a gap, 3.00 s old
         price    qty  venue
ask  65,000.20  1.000  BINANCE
ask  65,000.10  0.750  BINANCE
bid  64,999.90  2.000  BINANCE
",
    ),
    (
        "orders",
        80,
        r"order  symbol    side    qty      price  filled  state    age s  unknown
41000  BTC/USDT  buy   1.500  65,000.10   0.500  working   61.0        0
40999  BTC/USDT  buy   1.500  65,000.10   0.500  working   61.0        0
(a wider terminal has: session, venues, reason, type, tif, avg px, client's id, account)
there are more: --before 40999
",
    ),
    (
        "order",
        80,
        r"order 41000  buy 1.500 BTC/USDT limit gtc at 65,000.10  working
filled 0.500 at 64,999.90, 1.000 left; 0 of unknown fate
session DESK-1, account DESK, client's id c-41000, taken 13:45:26.123; reason -

child  venue    side    qty      price  filled  state            sent  reason
    7  BINANCE  buy   1.000  65,000.10   0.500  working  13:45:27.123  -
(a wider terminal has: tif, venue's id)

journal    time (UTC)  what       child  text
 120001  13:45:26.123  submitted  -      -
 120009  13:45:27.123  sent       7      BINANCE buy 1.000 at 65000.10
earlier events: rutter replay JOURNAL --order 41000
",
    ),
    (
        "positions",
        80,
        r"account  symbol      base       cash
DESK     BTC/USDT  -1.500  97,500.15

account  asset  fees paid
DESK     USDT       97.50
",
    ),
    (
        "bridges",
        80,
        r"exposure  account  desk   why           converts  amount  counted  since ms
       7  DESK     HOUSE  BasisTooWide  buy USDT    9.90     9.90     3,000

account  symbol   via       conversion  desk   basis bps  legging max
DESK     BTC/USD  BTC/USDT  USDT/USD    HOUSE         20        1,000
",
    ),
    (
        "balances",
        80,
        r"venue   asset      total  in orders  told ms
KRAKEN  USDT   1,000,000  32,500.05    3,000
",
    ),
    (
        "limits",
        80,
        r"account  open  open max  notional max  collar ppm  rate/s
DESK       12        12     1,000,000      50,000     100
",
    ),
    (
        "config",
        80,
        r#"# hash 9f2c
[node]
data_dir = "data"
"#,
    ),
    (
        "commands",
        80,
        r#"journal               time (UTC)  by         command            refused  reason
 119000  2025-11-20 09:59:47.123  alice+bob  halt venue KRAKEN           drill
(a wider terminal has: changed, affected)
refused by the console, since the start:
             time (UTC)  by   verb    refused     arguments
2025-11-20 12:46:27.123  eve  resume  totp_wrong  {"reason":"why not"}
"#,
    ),
    (
        "lockouts",
        80,
        r"what   session  address    failures   until (UTC)
codes  -        -                 5  13:47:27.123
logon  DESK-1   192.0.2.7         6  13:47:27.123
",
    ),
    (
        "pending",
        80,
        r"pending  by   command                reason       until (UTC)
      4  bob  cancel-all everything  fat finger  13:47:27.123
",
    ),
    (
        "route-preview",
        80,
        r"buy 3 BTC/USDT limit 65,000.2 ioc  nothing is sent
fills 1.75 at 65,000.157142857 on average, 65,065.157300000 with fees
1.25 is given back: NoLiquidity

leg   venue     qty     limit  fills        total       with fees
take  BINANCE  1.75  65,000.2   1.75  113,750.275  113,864.025275

venue    verdict    gets      best  best with fees
BINANCE  Taken      1.75  65,000.1     65,065.1001
KRAKEN   Untrusted     -         -               -
",
    ),
    (
        "help",
        80,
        r"looks, any role
  status              what the node is doing
changes
  venue drain         nothing new goes there (operator)
VERB --help tells the arguments of each
",
    ),
    (
        "orders",
        120,
        r"order  symbol    side    qty      price  filled  state    age s  session  venues          unknown  type   tif  reason
41000  BTC/USDT  buy   1.500  65,000.10   0.500  working   61.0  DESK-1   BINANCE KRAKEN        0  limit  gtc  -
40999  BTC/USDT  buy   1.500  65,000.10   0.500  working   61.0  DESK-1   BINANCE KRAKEN        0  limit  gtc  -
(a wider terminal has: avg px, client's id, account)
there are more: --before 40999
",
    ),
];

#[test]
fn every_verb_that_looks_has_a_screen_that_a_person_can_read() {
    let differing: Vec<String> = SCREENS
        .iter()
        .filter_map(|(verb, width, screen)| {
            let found = shown(verb, &of(verb, &json!({})).expect(verb), *width);
            let differs = found != *screen;
            differs.then(|| format!("{verb} at {width} looks like this:\n{found}"))
        })
        .collect();
    assert!(differing.is_empty(), "{}", differing.join("\n"));
}

#[test]
fn what_is_wrong_is_marked_without_colour() {
    let mut bad = status();
    bad["halted"] = json!(true);
    bad["halts"] = json!([{}, {"venue": "KRAKEN"}]);
    bad["reduce_only"] = json!([{"account": "DESK"}]);
    bad["unknown_children"] = json!(3);
    bad["wrong"] = json!([
        {"word": "no_venue", "severity": "page", "text": "no venue is up: 0 of 1 are up"},
        {"word": "cancel_stuck", "severity": "page", "text": "cancel stuck since the start: 1"},
    ]);
    let mut down = venue("KRAKEN");
    down["up"] = json!(false);
    down["books_trusted"] = json!(1);
    down["unknown"] = json!(3);
    down["feed_age_ns"] = Value::Null;
    bad["venues"] = json!([down]);
    bad["sessions"] = json!([session("A", false)]);
    bad["sessions"][0]["in_hours"] = json!(true);
    bad["sessions"][0]["last_in_ns"] = json!(0);
    let screen = shown("status", &bad, 80);
    for mark in [
        "HALTED: everything, venue KRAKEN",
        "reduce-only: account DESK",
        "\n! no venue is up: 0 of 1 are up\n! cancel stuck since the start: 1\n",
        "KRAKEN  DOWN       1/4      ! 3",
        "AWAY",
        "never",
    ] {
        assert!(screen.contains(mark), "no {mark:?} in\n{screen}");
    }
    assert!(!screen.contains("nothing is wrong"), "{screen}");
    let silent = shown("status", &json!({"node": "OLD"}), 80);
    assert!(silent.contains("the node does not tell what is wrong"), "{silent}");
}

#[test]
fn no_calm_screen_is_wider_than_eighty_columns() {
    for (verb, width, screen) in SCREENS {
        let table = screen.lines().filter(|line| !line.starts_with('('));
        let widest = table.map(|line| line.chars().count()).max();
        // Sentences may wrap; tables must not.
        let most = if *verb == "status" || *verb == "order" { 100 } else { *width };
        assert!(widest.unwrap_or(0) <= most, "{verb}: {widest:?}");
    }
}

#[test]
fn an_answer_with_nothing_known_in_it_is_shown_all_the_same() {
    for (verb, _, _) in SCREENS {
        for odd in [json!({}), json!({"venues": 1, "sessions": [1, null, []], "orders": [{}]})] {
            assert!(!shown(verb, &odd, 80).is_empty(), "{verb}");
        }
    }
    let approve =
        json!({"verb": "approve", "role": "operator", "changes": false, "help": "agrees"});
    let help = shown("help", &json!({"verbs": [approve]}), 80);
    assert!(help.contains("changes\n  approve             agrees (operator)\n"), "{help}");
    assert_eq!(shown("reject", &json!({"a": 1}), 80), "{\"a\":1}\n");
    assert_eq!(
        shown("halt", &json!({"seq": 5, "time_ns": NOW_NS, "affected": 2}), 80),
        "done: journaled as 5 at 13:46:27.123 UTC; 2 being called back\n"
    );
}
