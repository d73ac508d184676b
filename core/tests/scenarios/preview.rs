//! A preview tells what its order would do at this moment, and leaves no trace.

use crate::desk::{CLIENT, Desk, HALT, PAIR, UNIT, USD, text};
use rutter_core::id::{ClOrdId, SessionId, VenueId};
use rutter_core::input::*;
use rutter_core::number::{Amount, FeePpm, Price, Qty};
use rutter_core::output::{ClientPreview, Output, Previewed, ReportKind};
use rutter_core::strategy::{BY_SCORE, Strategy};
use rutter_core::waiting::Waiting;
use rutter_test_support::reference;

/// What a preview told.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Told {
    refusal: String,
    given_back: String,
    pub waits: String,
    /// What would be sent, in the words of [`Desk::sent`] without the number of the child.
    pub sends: Vec<String>,
    pub verdicts: Vec<String>,
    pub scores: Vec<Option<u16>>,
}

/// Asks in the words of [`Desk::client`], and sees that nothing but an answer comes out.
pub fn preview(desk: &mut Desk, words: &str) -> Told {
    let words: Vec<&str> = words.split_whitespace().collect();
    let market = words[2] == "market";
    let tif = match words.last() {
        Some(&"ioc") => TimeInForce::Ioc,
        Some(&"fok") => TimeInForce::Fok,
        Some(&"gtc") => TimeInForce::Gtc,
        _ => TimeInForce::Day,
    };
    ask(desk, |asked| {
        asked.side = if words[0] == "buy" { Side::Buy } else { Side::Sell };
        asked.qty = Qty(words[1].parse().expect("quantity"));
        asked.price = Price(if market { 0 } else { words[3].parse().expect("price") });
        asked.tif = tif;
    })
}

/// What is asked about where a test does not say.
const USUAL: Preview = Preview {
    session: CLIENT,
    instrument: PAIR,
    side: Side::Buy,
    tif: TimeInForce::Ioc,
    qty: Qty(1),
    price: Price(0),
    only: None,
};

fn ask(desk: &mut Desk, change: impl FnOnce(&mut Preview)) -> Told {
    let mut asked = USUAL;
    change(&mut asked);
    let before = desk.outputs.len();
    let state = (desk.engine.state_digest(), desk.engine.open_orders(), desk.engine.next_timer());
    desk.operator(OperatorCommand::Preview(asked));
    let after = (desk.engine.state_digest(), desk.engine.open_orders(), desk.engine.next_timer());
    assert_eq!(state, after);
    let mut told = Told::default();
    let mut outputs = desk.outputs.split_off(before);
    let Some(Output::Operator(report)) = outputs.pop() else { panic!("no report") };
    assert_eq!((report.affected, report.refusal), (0, Refusal::None));
    let side = if asked.side == Side::Buy { "buy" } else { "sell" };
    let takes_by = if asked.tif == TimeInForce::Fok { "Fok" } else { "Ioc" };
    let mut rests = Vec::new();
    for output in outputs {
        match output {
            Output::Preview(1, Previewed::Order { refusal, given_back, waits, .. }) => {
                told.refusal = format!("{refusal:?}");
                told.given_back = format!("{given_back:?}");
                told.waits = format!("{waits:?}");
            }
            Output::Preview(1, Previewed::Venue { line, take, rest }) => {
                told.verdicts.push(format!("{:?}", line.verdict));
                told.scores.push(line.score);
                let words = |venue: VenueId, qty: Qty, price: Price, tif: &str| {
                    format!("v{} new {side} {} @ {} {tif}", venue.0, qty.0, price.0)
                };
                told.sends.extend(take.map(|c| words(c.venue, c.qty, c.price, takes_by)));
                rests.extend(rest.map(|c| words(c.venue, c.qty, c.price, "Gtc")));
            }
            other => panic!("a preview says nothing else: {other:?}"),
        }
    }
    told.sends.append(&mut rests);
    told
}

/// Two venues with different fees and depths.
fn desk() -> Desk {
    let mut desk = Desk::with_venues(2);
    desk.listing(VenueId(1), |l| l.taker_fee = FeePpm(500));
    desk.book(0, &[(9_990, 5)], &[(10_010, 5), (10_020, 20)]);
    desk.book(1, &[(9_980, 5)], &[(10_015, 8), (10_030, 20)]);
    desk.outputs.clear();
    desk
}

/// Sends the order that was asked about, and compares.
fn does(desk: &mut Desk, words: &str, told: &Told, first_child: u64) {
    let expected: Vec<String> = told
        .sends
        .iter()
        .zip(first_child..)
        .map(|(words, child)| format!("{words} #{child}"))
        .collect();
    let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    desk.client(&format!("x {words}")).sent(&expected);
}

#[test]
fn an_order_does_what_its_preview_has_told() {
    for words in [
        "buy 3 market ioc",
        "buy 20 market ioc",
        "buy 30 @ 10020 gtc",
        "buy 4 @ 9985 gtc",
        "sell 12 @ 9980 ioc",
        "sell 4 @ 10000 gtc",
        "buy 20 @ 10030 fok",
        "buy 21 @ 10012 fok",
        "buy 9 @ 9000 ioc",
        "buy 40 market",
    ] {
        let mut desk = desk();
        let told = preview(&mut desk, words);
        assert_eq!(told.refusal, "None", "{words}");
        assert_eq!(told.verdicts.len(), 2, "{words}");
        does(&mut desk, words, &told, 1);
        let ended = desk.outputs.iter().find_map(|output| match output {
            Output::Report(report) if report.reason != Refusal::None => Some(report.reason),
            _ => None,
        });
        if told.sends.is_empty() && told.waits == "Nothing" {
            assert_eq!(Some(told.given_back), ended.map(|why| format!("{why:?}")), "{words}");
        } else {
            assert_eq!(ended, None, "{words}");
        }
    }
}

#[test]
fn what_is_left_is_told_with_the_word_that_the_order_would_get() {
    let mut desk = desk();
    assert_eq!(preview(&mut desk, "buy 99 market ioc").given_back, "NoLiquidity");
    assert_eq!(preview(&mut desk, "buy 99 market fok").given_back, "FokNotFillable");
    for venue in [VenueId(0), VenueId(1)] {
        // Pays for less than one unit at 100.10.
        desk.input(Input::Balance { venue, asset: USD, total: Amount(UNIT / 100) });
    }
    assert_eq!(preview(&mut desk, "buy 9 market ioc").given_back, "InsufficientFunds");
    let told = preview(&mut desk, "buy 9 @ 10030 gtc");
    assert_eq!((told.given_back.as_str(), told.waits.as_str()), ("None", "NoFunds"));
    does(&mut desk, "buy 9 @ 10030 gtc", &told, 1);
    assert!(desk.engine.orders().any(|order| order.waiting == Waiting::NoFunds));
}

#[test]
fn a_preview_uses_no_rate_no_id_and_no_funds() {
    let mut desk = desk();
    desk.account(|account| account.limits.rate_per_s = 1);
    desk.outputs.clear();
    let first = preview(&mut desk, "buy 3 market ioc");
    for _ in 0..50 {
        assert_eq!(preview(&mut desk, "buy 3 market ioc"), first);
    }
    does(&mut desk, "buy 3 market ioc", &first, 1);
    assert_eq!(desk.engine.last_event(CLIENT), 1);
    // The account's one request of this second is used.
    assert_eq!(preview(&mut desk, "buy 3 market ioc").refusal, "RateExceeded");
}

#[test]
fn what_would_be_refused_is_told_with_the_word_of_the_refusal() {
    let mut desk = desk();
    for (words, refusal) in [
        ("buy 0 market ioc", "BadQuantity"),
        ("buy 1 @ 20000 gtc", "PriceCollar"),
        ("buy 1 market gtc", "UnsupportedType"),
    ] {
        let told = preview(&mut desk, words);
        assert_eq!(told.refusal, refusal, "{words}");
        desk.client(&format!("x {words}")).client_saw(&[&format!("x refused {refusal}")]);
        assert!(told.sends.is_empty() && told.verdicts.is_empty());
    }
    let unknown = ask(&mut desk, |asked| asked.instrument.0 = 9);
    assert_eq!(unknown.refusal, "UnknownSymbol");
    let unknown = ask(&mut desk, |asked| asked.only = Some(VenueId(9)));
    assert_eq!(unknown.refusal, "UnknownVenue");
    desk.operator(HALT).outputs.clear();
    assert_eq!(preview(&mut desk, "buy 3 market ioc").refusal, "Halted");
    let nobody = Preview { session: SessionId(9), ..USUAL };
    desk.operator(OperatorCommand::Preview(nobody));
    desk.operator_saw(&[(0, Refusal::UnsupportedScope)]);
}

#[test]
fn only_the_venue_that_is_named_is_asked() {
    let mut desk = desk();
    let told = ask(&mut desk, |asked| (asked.qty, asked.only) = (Qty(3), Some(VenueId(0))));
    assert_eq!(told.sends, ["v0 new buy 3 @ 10010 Ioc"]);
    assert_eq!(told.verdicts, ["Taken", "NotNamed"]);
}

/// A look must not keep an old price fresh: that price decides what later orders may do.
#[test]
fn a_preview_remembers_no_reference_price() {
    let answers = [false, true].map(|asks| {
        let mut desk = desk();
        for _ in 0..6 {
            desk.wait_ns(1_000_000_000);
            if asks {
                preview(&mut desk, "buy 3 market ioc");
            }
        }
        desk.book(0, &[(9_990, 5)], &[(10_010, 5)]);
        desk.outputs.clear();
        desk.client("x buy 3 market ioc");
        let reports = desk.outputs.iter().filter_map(|output| match output {
            Output::Report(report) => Some((report.kind, report.reason)),
            _ => None,
        });
        reports.collect::<Vec<_>>()
    });
    assert_eq!(answers[0], [(ReportKind::Rejected, Refusal::NoReference)]);
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn an_order_that_would_wait_for_a_reference_price_is_told_so() {
    let mut desk = desk();
    desk.account(|account| account.no_reference = NoReference::Wait);
    desk.wait_ns(20_000_000_000).book(0, &[(9_990, 5)], &[(10_010, 5)]);
    desk.outputs.clear();
    let told = preview(&mut desk, "buy 3 market");
    assert_eq!((told.refusal.as_str(), told.waits.as_str()), ("None", "NoReference"));
    assert!(told.sends.is_empty());
    does(&mut desk, "buy 3 market", &told, 1);
    assert!(desk.engine.orders().any(|order| order.waiting == Waiting::NoReference));
    let status = OrderStatus {
        session: CLIENT,
        client_seq: 900,
        cl_ord_id: ClOrdId::EMPTY,
        request: ClOrdId::EMPTY,
    };
    desk.outputs.clear();
    desk.input(Input::Status(status));
    let Some(Output::Report(report)) = desk.outputs.pop() else { panic!("no report") };
    assert_eq!(report.reason, Refusal::UnknownOrder, "no preview has left an order");
}

/// The parts of the answers to an operator, or to a client, without the age of the books.
fn parts(desk: &mut Desk, asks: &Input) -> Vec<Previewed> {
    let before = desk.outputs.len();
    desk.input(*asks);
    let told = desk.outputs.split_off(before);
    let mut parts: Vec<Previewed> = told
        .iter()
        .filter_map(|output| match output {
            Output::Preview(_, part) => Some(*part),
            Output::ClientPreview(told) => told.part,
            _ => None,
        })
        .collect();
    for part in &mut parts {
        if let Previewed::Venue { line, .. } = part {
            line.age_ns = 0;
        }
    }
    parts
}

#[test]
fn a_client_is_told_what_an_operator_is_told_and_then_that_this_was_all() {
    let mut desk = desk();
    let order = NewOrder {
        client_seq: 9,
        ord_type: OrdType::Market,
        tif: TimeInForce::Ioc,
        qty: Qty(20),
        price: Price(0),
        ..reference::buy("p")
    };
    let preview = Preview { qty: Qty(20), ..USUAL };
    let (by, reason) = (text("alice"), text("drill"));
    let command = OperatorCommand::Preview(preview);
    let by_operator = Input::Operator(Operator { request: 1, by, reason, command });
    let state = (desk.engine.state_digest(), desk.engine.next_timer());
    let [operator, client] =
        [by_operator, Input::Preview(order)].map(|asks| parts(&mut desk, &asks));
    assert_eq!(client, operator);
    assert_eq!(client.len(), 3, "the order and two venues");
    assert_eq!((desk.engine.state_digest(), desk.engine.next_timer()), state);
    desk.input(Input::Preview(order));
    let told: Vec<ClientPreview> = desk.outputs.iter().filter_map(client_part).collect();
    assert!(told.iter().all(|one| (one.session, one.client_seq) == (CLIENT, 9)));
    let end = told.last().expect("answered");
    assert_eq!((end.part, end.paid), (None, 0));
    // 5 at 100.10 with 2000 ppm at v0; 8 at 100.15 and 7 at 100.30 with 500 ppm at v1.
    let paid: Vec<i128> = told.iter().map(|one| one.paid).filter(|paid| *paid > 0).collect();
    let v0 = 5 * 10_010 * 1_002_000_000;
    let v1 = (8 * 10_015 + 7 * 10_030) * 1_000_500_000;
    assert_eq!(paid, [v0, v1]);
    desk.client("p buy 3 market ioc");
    assert!(desk.outputs.iter().any(|output| matches!(output, Output::SendNew(_))), "p is free");
}

fn client_part(output: &Output) -> Option<ClientPreview> {
    match output {
        Output::ClientPreview(told) => Some(*told),
        _ => None,
    }
}

/// A table of 16 orders has been used up more than once: each place has terms of an order that is
/// over, and of another kind.
fn worn_desk(say: impl Fn(&mut NewOrder)) -> Desk {
    let tables = Genesis { orders_log2: 4, ..reference::genesis() };
    let mut desk = Desk::with_tables(2, &tables);
    desk.book(0, &[(9_990, 50)], &[(10_000, 4)]).book(1, &[(9_990, 50)], &[(10_010, 6)]);
    for nth in 0..40 {
        desk.instructed(&format!("n{nth} buy 10 @ 9000 ioc"), &say);
    }
    desk.outputs.clear();
    desk
}

#[test]
fn a_preview_counts_its_own_minimum_and_not_that_of_another_order() {
    for others in [0, 1, 10] {
        let mut desk = worn_desk(|new| new.instructions.min_qty = Qty(others));
        for (least, sends) in [(9, true), (10, true), (11, false)] {
            let least = |new: &mut NewOrder| new.instructions.min_qty = Qty(least);
            let told = desk.asked_about("p buy 12 @ 10010 ioc", least);
            let Previewed::Order { given_back, .. } = told[0] else { panic!("no order") };
            let expected = if sends { Refusal::NoLiquidity } else { Refusal::MinQtyNotFillable };
            assert_eq!(given_back, expected);
            let takes =
                told.iter().any(|part| matches!(part, Previewed::Venue { take: Some(_), .. }));
            assert_eq!(takes, sends);
        }
        let least = |new: &mut NewOrder| new.instructions.min_qty = Qty(10);
        desk.instructed("p buy 12 @ 10010 ioc", least);
        desk.sent(&["v0 new buy 4 @ 10000 Ioc #1", "v1 new buy 6 @ 10010 Ioc #2"]);
    }
}

#[test]
fn a_preview_scores_with_the_weights_that_it_names() {
    let weights = |price, liquidity| ScoreWeights { price, latency: 0, reliability: 0, liquidity };
    let by = |weights| {
        move |new: &mut NewOrder| {
            (new.instructions.strategy, new.instructions.weights) = (BY_SCORE, Some(weights));
        }
    };
    let mut desk = worn_desk(by(weights(50, 50)));
    for (weights, first) in [(weights(100, 0), 0), (weights(0, 100), 1)] {
        let told = desk.asked_about("p buy 6 @ 10010 ioc", by(weights));
        let scores: Vec<u16> = told
            .iter()
            .filter_map(|part| match part {
                Previewed::Venue { line, .. } => line.score,
                Previewed::Order { .. } | Previewed::Bridge(_) => None,
            })
            .collect();
        assert_eq!(scores[first], 10_000, "{weights:?}");
        assert!(scores[1 - first] < 10_000, "{weights:?}");
    }
}

#[test]
fn a_preview_of_a_smart_order_rests_at_the_touch_though_other_orders_have_crossed() {
    let smart = |new: &mut NewOrder| new.instructions.strategy = Strategy::Smart.number();
    let tables = Genesis { orders_log2: 4, ..reference::genesis() };
    let mut desk = Desk::with_tables(1, &tables);
    // To rest is so dear that each order crosses at once.
    desk.listing(VenueId(0), |listing| listing.maker_fee = FeePpm(50_000));
    for nth in 1..=40 {
        desk.book(0, &[(9_990, 50)], &[(10_010, 50)]);
        desk.instructed(&format!("s{nth} buy 1 @ 10010 gtc"), smart);
        desk.sent(&[&format!("v0 new buy 1 @ 10010 Ioc #{nth}")]);
        desk.venue(nth, "fill 1 @ 10010");
    }
    desk.listing(VenueId(0), |_| {});
    desk.book(0, &[(9_990, 50)], &[(10_010, 50)]).outputs.clear();
    let told = desk.asked_about("p buy 4 @ 10010 gtc", smart);
    let Previewed::Venue { take, rest, .. } = told[1] else { panic!("no venue") };
    assert_eq!(
        (take, rest.map(|rest| (rest.qty, rest.price))),
        (None, Some((Qty(4), Price(9_990))))
    );
    desk.instructed("p buy 4 @ 10010 gtc", smart);
    desk.sent(&["v0 new buy 4 @ 9990 Gtc post #41"]);
}
