//! Score mode: one venue by the highest score, the rest by the next score.

use crate::desk::Desk;
use crate::preview::preview;
use rutter_core::id::VenueId;
use rutter_core::input::{NewOrder, RoutingMode, ScoreWeights};
use rutter_core::number::FeePpm;
use rutter_core::strategy::{BY_COST, BY_SCORE};

const V0: VenueId = VenueId(0);

/// Two venues with the same fees. v0 is 100 ppm cheaper, and shows less.
fn desk() -> Desk {
    let mut desk = Desk::with_venues(2);
    desk.venue_terms(1, |terms| terms.fok = true);
    desk.routing(|terms| terms.mode = RoutingMode::Score);
    books(&mut desk);
    desk
}

fn books(desk: &mut Desk) {
    desk.book(0, &[(9_990, 20)], &[(10_000, 5)]);
    desk.book(1, &[(9_980, 20)], &[(10_001, 20)]);
    desk.outputs.clear();
}

fn weights(price: u8, latency: u8, reliability: u8, liquidity: u8) -> ScoreWeights {
    ScoreWeights { price, latency, reliability, liquidity }
}

/// The scores that a preview shows.
fn scores(desk: &mut Desk, words: &str) -> Vec<Option<u16>> {
    preview(desk, words).scores
}

#[test]
fn a_score_is_the_sum_of_the_points_by_their_weights() {
    let mut desk = desk();
    // Price 10000 and 9000 of 10000 points, liquidity 5 and 12 of 12; nothing is known of answers.
    assert_eq!(scores(&mut desk, "buy 12 @ 10010 ioc"), [Some(9_416), Some(9_600)]);
    desk.routing(|terms| (terms.mode, terms.weights) = (RoutingMode::Score, weights(100, 0, 0, 0)));
    assert_eq!(scores(&mut desk, "buy 12 @ 10010 ioc"), [Some(10_000), Some(9_000)]);
    // Beyond the limit there is neither price nor liquidity.
    assert_eq!(scores(&mut desk, "buy 12 @ 10000 ioc"), [Some(10_000), Some(0)]);
    desk.routing(|_| {});
    assert_eq!(scores(&mut desk, "buy 12 @ 10010 ioc"), [None, None], "in cost mode");
}

/// Prices that lie less than a millionth apart are no equals.
#[test]
fn the_points_of_a_price_are_exact_to_a_hundredth() {
    let mut desk = Desk::with_venues(2);
    desk.routing(|terms| (terms.mode, terms.weights) = (RoutingMode::Score, weights(100, 0, 0, 0)));
    for (behind, points) in [(0, 10_000), (5, 9_995), (7, 9_993), (1_234, 8_766), (9_999, 1)] {
        desk.book(0, &[(9_990_000, 20)], &[(10_000_000, 50)]);
        desk.book(1, &[(9_990_000, 20)], &[(10_000_000 + behind, 50)]);
        assert_eq!(
            scores(&mut desk, "buy 12 @ 10020000 ioc"),
            [Some(10_000), Some(points)],
            "{behind} in ten millionths"
        );
    }
}

#[test]
fn the_highest_score_gets_what_its_venue_takes_and_the_next_one_the_rest() {
    let mut desk = desk();
    assert_eq!(preview(&mut desk, "buy 12 @ 10010 ioc").verdicts, ["LowerScore", "Taken"]);
    // By cost 5 would go to v0.
    desk.client("a buy 12 @ 10010 ioc").sent(&["v1 new buy 12 @ 10001 Ioc #1"]);
    desk.client("b buy 22 @ 10010 ioc")
        .sent(&["v0 new buy 5 @ 10000 Ioc #2", "v1 new buy 8 @ 10001 Ioc #3"]);
}

#[test]
fn the_price_alone_decides_where_it_has_all_the_weight() {
    let mut desk = desk();
    desk.routing(|terms| (terms.mode, terms.weights) = (RoutingMode::Score, weights(100, 0, 0, 0)));
    desk.client("a buy 12 @ 10010 ioc")
        .sent(&["v0 new buy 5 @ 10000 Ioc #1", "v1 new buy 7 @ 10001 Ioc #2"]);
}

#[test]
fn a_fill_or_kill_order_goes_to_the_highest_score_that_fills_it() {
    let mut desk = desk();
    desk.book(0, &[], &[(10_000, 20)]);
    desk.routing(|terms| (terms.mode, terms.weights) = (RoutingMode::Score, weights(0, 0, 0, 100)));
    desk.client("a buy 12 @ 10010 fok").sent(&["v0 new buy 12 @ 10000 Fok #1"]);
    // 8 are left at v0, which is not enough.
    desk.client("b buy 12 @ 10010 fok").sent(&["v1 new buy 12 @ 10001 Fok #2"]);
}

#[test]
fn what_rests_rests_at_the_highest_score() {
    let mut desk = desk();
    desk.listing(V0, |listing| listing.maker_fee = FeePpm(0));
    desk.client("a buy 30 @ 9990 gtc").sent(&["v0 new buy 30 @ 9990 Gtc #1"]);
    // v1 alone has points for price and liquidity at this limit.
    desk.book(0, &[], &[(10_020, 5)]);
    desk.client("b buy 30 @ 10001 gtc")
        .sent(&["v1 new buy 20 @ 10001 Ioc #2", "v1 new buy 10 @ 10001 Gtc #3"]);
}

#[test]
fn a_venue_that_fades_falls_behind() {
    let mut desk = desk();
    desk.routing(|terms| (terms.mode, terms.weights) = (RoutingMode::Score, weights(50, 0, 50, 0)));
    for number in 1..=20_u64 {
        books(&mut desk);
        let words = format!("t{number} buy 4 @ 10000 ioc");
        desk.instructed(&words, |order| order.instructions.only = Some(V0));
        desk.venue(number, if number % 4 == 0 { "done 0" } else { "fill 4 @ 10000" });
    }
    desk.wait_ns(1_000_000_000);
    books(&mut desk);
    // A quarter faded: 12.5 % less for v0, and v1 is 100 ppm dearer, which is 5 % less.
    assert_eq!(scores(&mut desk, "buy 4 @ 10010 ioc"), [Some(8_750), Some(9_500)]);
    desk.client("a buy 4 @ 10010 ioc").sent(&["v1 new buy 4 @ 10001 Ioc #21"]);
}

/// In cost mode 5 go to v0 and 7 to v1; by score all go to v1.
#[test]
fn an_order_may_say_itself_how_it_chooses() {
    let by_cost = ["v0 new buy 5 @ 10000 Ioc #1", "v1 new buy 7 @ 10001 Ioc #2"];
    let by_score = ["v1 new buy 12 @ 10001 Ioc #1"];
    let by_price = Some(weights(100, 0, 0, 0));
    let cases = [
        (RoutingMode::Cost, 0, None, &by_cost[..]),
        (RoutingMode::Cost, BY_SCORE, None, &by_score),
        (RoutingMode::Cost, BY_SCORE, by_price, &by_cost),
        (RoutingMode::Score, 0, None, &by_score),
        (RoutingMode::Score, BY_COST, None, &by_cost),
        (RoutingMode::Score, 1002, None, &by_score),
    ];
    for (mode, strategy, weights, sent) in cases {
        let mut desk = desk();
        desk.routing(|terms| terms.mode = mode).outputs.clear();
        desk.instructed("a buy 12 @ 10010 ioc", |order| {
            (order.instructions.strategy, order.instructions.weights) = (strategy, weights);
        });
        desk.sent(sent);
    }
}

#[test]
fn weights_that_do_not_make_up_the_whole_or_have_no_use_are_refused() {
    let mut desk = desk();
    for (strategy, weights) in [
        (BY_SCORE, weights(40, 20, 30, 11)),
        (BY_SCORE, weights(0, 0, 0, 0)),
        (BY_COST, ScoreWeights::USUAL),
        (0, ScoreWeights::USUAL),
    ] {
        desk.instructed("a buy 12 @ 10010 ioc", |order| {
            (order.instructions.strategy, order.instructions.weights) = (strategy, Some(weights));
        });
        desk.client_saw(&["a refused UnsupportedStrategy"]);
    }
}

#[test]
fn a_replace_keeps_the_way_in_which_an_order_chooses() {
    let mut desk = desk();
    let say = |strategy: u32, weights: Option<ScoreWeights>| {
        move |order: &mut NewOrder| {
            (order.instructions.strategy, order.instructions.weights) = (strategy, weights);
        }
    };
    let usual = Some(ScoreWeights::USUAL);
    desk.instructed("a buy 12 @ 9900 gtc", say(BY_SCORE, usual)).client_saw(&["a new"]);
    for (strategy, said) in [(BY_COST, None), (1002, None), (BY_SCORE, Some(weights(100, 0, 0, 0)))]
    {
        desk.replaced("a buy 13 @ 9900 gtc", say(strategy, said));
        desk.client_saw(&["a not replaced NotReplaceable"]);
    }
    desk.replaced("a buy 13 @ 9900 gtc", say(BY_SCORE, None));
    desk.client_saw(&["a replacing", "a is a-r5 13 @ 9900 leaves 13"]);
}
