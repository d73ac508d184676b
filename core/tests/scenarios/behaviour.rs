//! What a venue's behaviour costs it: orders go elsewhere while the cost is higher than the gain.

use crate::desk::Desk;
use crate::preview::preview;
use rutter_core::behaviour::{HALF_LIFE_NS, Measured};
use rutter_core::id::VenueId;
use rutter_core::input::BehaviourCosts;
use rutter_core::output::Notice;

const V0: VenueId = VenueId(0);

/// Two venues with the same fees; v1 asks 100 ppm more than v0.
fn desk() -> Desk {
    let mut desk = Desk::with_venues(2);
    desk.venue_terms(1, |terms| terms.fok = true);
    books(&mut desk);
    desk
}

fn books(desk: &mut Desk) {
    desk.book(0, &[(9_990, 20)], &[(10_000, 20)]);
    desk.book(1, &[(9_990, 20)], &[(10_001, 20)]);
    desk.outputs.clear();
}

/// Sends an order of 4 to v0 alone, and tells what v0 says to it.
fn train(desk: &mut Desk, number: u64, answers: &[&str]) {
    books(desk);
    let words = format!("t{number} buy 4 @ 10000 ioc");
    desk.instructed(&words, |order| order.instructions.only = Some(V0));
    for answer in answers {
        desk.venue(number, answer);
    }
}

/// As [`train`], so many times.
fn train_all(desk: &mut Desk, count: u64, answers: &[&str]) {
    for number in 1..=count {
        train(desk, number, answers);
    }
    books(desk);
}

fn goes_to(desk: &mut Desk, tif: &str) -> String {
    // What is known is at most a second old.
    desk.wait_ns(1_000_000_000).outputs.clear();
    let told = preview(desk, &format!("buy 4 @ 10010 {tif}"));
    assert_eq!(told.sends.len(), 1, "{told:?}");
    told.sends[0][..2].to_owned()
}

#[test]
fn a_venue_that_fades_loses_orders_to_one_that_is_a_little_dearer() {
    let mut desk = desk();
    train_all(&mut desk, 19, &["done 0"]);
    assert_eq!(goes_to(&mut desk, "ioc"), "v0", "nineteen answers are too few to know");
    train(&mut desk, 20, &["done 0"]);
    books(&mut desk);
    assert_eq!(goes_to(&mut desk, "ioc"), "v1");
    assert_eq!(goes_to(&mut desk, "fok"), "v1");
    let told = preview(&mut desk, "buy 4 @ 10010 ioc");
    assert_eq!(told.verdicts, ["WorseBehaviour", "Taken"]);
    // 200 ppm of 10000 is 2: another price decides again.
    desk.book(0, &[], &[(9_998, 20)]);
    assert_eq!(goes_to(&mut desk, "ioc"), "v0");
    // What v1 does not show still comes from v0.
    books(&mut desk);
    desk.client("a buy 30 @ 10010 ioc")
        .sent(&["v0 new buy 10 @ 10000 Ioc #21", "v1 new buy 20 @ 10001 Ioc #22"]);
}

#[test]
fn a_sell_counts_the_cost_of_behaviour_like_a_buy() {
    let mut desk = desk();
    train_all(&mut desk, 20, &["done 0"]);
    desk.wait_ns(1_000_000_000);
    desk.book(1, &[(9_989, 20)], &[]);
    let told = preview(&mut desk, "sell 4 @ 9980 ioc");
    assert_eq!(
        (told.sends[0].as_str(), told.verdicts[0].as_str()),
        ("v1 new sell 4 @ 9989 Ioc", "WorseBehaviour")
    );
    desk.book(1, &[(9_987, 20)], &[]);
    assert_eq!(preview(&mut desk, "sell 4 @ 9980 ioc").verdicts, ["Taken", "WorsePrice"]);
}

#[test]
fn a_fade_is_forgotten_with_time_and_the_venue_is_tried_again() {
    let mut desk = desk();
    train_all(&mut desk, 20, &["done 0"]);
    assert_eq!(goes_to(&mut desk, "ioc"), "v1");
    desk.wait_ns(HALF_LIFE_NS);
    books(&mut desk);
    assert_eq!(goes_to(&mut desk, "ioc"), "v0");
}

#[test]
fn an_account_may_set_what_behaviour_costs() {
    let mut desk = desk();
    train_all(&mut desk, 20, &["done 0"]);
    desk.routing(|terms| terms.costs = BehaviourCosts::NONE).outputs.clear();
    assert_eq!(goes_to(&mut desk, "ioc"), "v0");
    desk.routing(|terms| terms.costs.fade_ppm = 90).outputs.clear();
    assert_eq!(goes_to(&mut desk, "ioc"), "v0", "90 ppm are less than the gain of 100");
    desk.routing(|terms| terms.costs.fade_ppm = 110).outputs.clear();
    assert_eq!(goes_to(&mut desk, "ioc"), "v1");
}

#[test]
fn a_venue_that_answers_late_or_refuses_is_dearer() {
    let (mut late, mut refusing) = (desk(), desk());
    for number in 1..=21 {
        train(&mut late, number, &[]);
        late.wait_ns(4_000_000_000).venue(number, "fill 4 @ 10000");
        let answer = if number % 3 == 0 { "rejected Other" } else { "fill 4 @ 10000" };
        train(&mut refusing, number, &[answer]);
    }
    for desk in [&mut late, &mut refusing] {
        books(desk);
    }
    // Four seconds at 50 ppm, and a third of 330 ppm.
    assert_eq!(goes_to(&mut late, "ioc"), "v1");
    refusing.routing(|terms| terms.costs.reject_ppm = 290).outputs.clear();
    assert_eq!(goes_to(&mut refusing, "ioc"), "v0");
    refusing.routing(|terms| terms.costs.reject_ppm = 330).outputs.clear();
    assert_eq!(goes_to(&mut refusing, "ioc"), "v1");
}

#[test]
fn an_order_that_is_accepted_late_counts_though_its_cancel_is_on_its_way() {
    let mut desk = desk();
    for number in 1..=21 {
        books(&mut desk);
        let words = format!("t{number} buy 4 @ 9000 gtc");
        desk.instructed(&words, |order| order.instructions.only = Some(V0));
        desk.client(&format!("cancel t{number}"));
        desk.wait_ns(4_000_000_000).venue(number, "accepted").venue(number, "done 0");
    }
    books(&mut desk);
    assert_eq!(goes_to(&mut desk, "ioc"), "v1", "four seconds at 50 ppm are more than 100 ppm");
}

#[test]
fn what_is_no_fault_of_the_venue_costs_nothing() {
    for answer in ["rejected Filter", "rejected SelfMatch", "self-matched 0", "fill 4 @ 10000"] {
        let mut desk = desk();
        for number in 1..=40 {
            train(&mut desk, number, &[answer]);
        }
        books(&mut desk);
        assert_eq!(goes_to(&mut desk, "ioc"), "v0", "{answer}");
    }
}

#[test]
fn a_record_is_told_when_it_is_known_and_once_a_second() {
    let told = |desk: &mut Desk| -> Vec<(VenueId, Measured)> {
        let notices = desk.notices().into_iter().filter_map(|notice| match notice {
            Notice::Behaviour(venue, known) => Some((venue, known)),
            _ => None,
        });
        notices.collect()
    };
    let partly = ["fill 3 @ 10000", "done 3"];
    let mut desk = desk();
    for number in 1..=19 {
        train(&mut desk, number, &partly);
    }
    desk.wait_ns(1_000_000_000);
    assert_eq!(told(&mut desk), [], "nineteen answers are too few to know");
    train(&mut desk, 20, &partly);
    assert_eq!(told(&mut desk), [], "it was worked out less than a second ago");
    desk.wait_ns(1_000_000_000);
    let first = told(&mut desk);
    let [(V0, known)] = first[..] else { panic!("{first:?}") };
    assert_eq!((known.answers, known.rejects_ppm), (20, 0));
    assert_eq!((known.faded_ppm, known.partial_ppm), (250_000, 1_000_000));
    desk.wait_ns(1_000_000_000);
    assert_eq!(told(&mut desk), [], "nothing has changed");
}
