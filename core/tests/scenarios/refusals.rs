//! Every check of a new order and of a replace refuses what it should, in the order of its table.

use crate::desk::{CLIENT, Desk, HALT, text};
use rutter_core::id::{InstrumentId, VenueId};
use rutter_core::input::{
    CharSet, Input, ListingDef, NewOrder, OperatorCommand, OrdType, Refusal, ReplaceOrder, Scope,
    SessionCommand, Side, TimeInForce,
};
use rutter_core::number::{Amount, Price, Qty, UnixNanos};
use rutter_core::output::Output;
use rutter_core::risk::{CHECKS, Check, CheckedFor};
use rutter_core::ticks::Ticks;

/// How a request comes to fail one check.
struct Breach {
    label: &'static str,
    /// Changes the world, before the request comes.
    world: fn(&mut Desk),
    /// Changes the request.
    request: fn(&mut NewOrder),
    /// A replace can be in this breach without failing an earlier check.
    for_replace: bool,
    refusal: Refusal,
}

const fn world(label: &'static str, refusal: Refusal, world: fn(&mut Desk)) -> Breach {
    Breach { label, world, request: |_| {}, for_replace: true, refusal }
}

const fn request(label: &'static str, refusal: Refusal, request: fn(&mut NewOrder)) -> Breach {
    Breach { label, world: |_| {}, request, for_replace: true, refusal }
}

impl Breach {
    /// An earlier check always refuses a replace that is in this breach.
    const fn not_for_replace(mut self) -> Self {
        self.for_replace = false;
        self
    }
}

/// Fills the table of orders.
fn fill_table(desk: &mut Desk) {
    desk.account(|account| account.limits.open_orders_max = u32::MAX);
    for number in 0..600 {
        desk.client(&format!("f{number} buy 1 @ 9800 gtc"));
    }
}

/// A breach for each row, in the order of the rows.
fn breaches() -> Vec<Breach> {
    use Refusal as R;
    vec![
        world("@R1", R::Halted, |desk| _ = desk.operator(HALT)),
        world("@R2", R::SessionDisabled, |desk| {
            desk.operator(OperatorCommand::LogOut(CLIENT, SessionCommand::Disable));
        }),
        world("@R3", R::RateExceeded, |desk| _ = desk.account(|a| a.limits.rate_per_s = 0)),
        request("@R4", R::DuplicateClOrdId, |new| new.cl_ord_id = text("a")),
        world("@R5", R::AlreadyPending, |desk| _ = desk.client("cancel a")),
        world("@R6", R::TooLateToCancel, |desk| _ = desk.client("cancel a").venue(1, "done 4")),
        request("@R7", R::NotReplaceable, |new| new.side = Side::Sell),
        request("@R8", R::BelowFilled, |new| new.qty = Qty(4)),
        request("@R9", R::UnsupportedType, |new| {
            (new.ord_type, new.tif, new.price) = (OrdType::Market, TimeInForce::Gtc, Price(0));
        }),
        request("@R10", R::UnknownVenue, |new| new.instructions.only = Some(VenueId(9))),
        request("@R11", R::UnsupportedExecInst, |new| {
            new.instructions.exec_inst = CharSet::EMPTY.with(b'Z').expect("a letter");
        }),
        request("@R12", R::UnsupportedStrategy, |new| new.instructions.strategy = 1),
        request("@R13", R::UnsupportedSchedule, |new| {
            new.instructions.effective_at = UnixNanos(9);
        }),
        request("@R14", R::BadExpireTime, |new| new.instructions.expire_at = UnixNanos(9)),
        // A replace that asks for a minimum fails @R7.
        request("@R15", R::UnsupportedMinQty, |new| new.instructions.min_qty = Qty(1)),
        request("@R16", R::UnsupportedDisplayQty, |new| new.instructions.display_qty = Qty(1)),
        request("@R17", R::UnsupportedCashQty, |new| new.instructions.cash_qty = Amount(1)),
        // A replace that names another instrument fails @R7, and one of no quantity @R8.
        request("@R18", R::UnknownSymbol, |new| new.instrument = InstrumentId(9)).not_for_replace(),
        world("@R19", R::NoVenue, |desk| _ = desk.listing(VenueId(0), |l| l.enabled = false)),
        request("@R20", R::BadQuantity, |new| new.qty = Qty(0)).not_for_replace(),
        request("@R21", R::QuantityTooLarge, |new| new.qty = Qty(1_000_001)),
        request("@R22", R::BadPrice, |new| new.price = Price(-5)),
        world("@R23", R::BadQuantity, |desk| _ = desk.listing(VenueId(0), |l| l.lot = Qty(7))),
        world("@R24", R::NotionalTooLarge, |desk| {
            desk.account(|account| account.limits.notional_max = Amount(1));
        }),
        request("@R25", R::PriceCollar, |new| new.price = Price(20_000)),
        world("@R26", R::TooManyOpenOrders, |desk| {
            _ = desk.account(|a| a.limits.open_orders_max = 1);
        }),
        // Reduce-only calls the order back, so a replace fails @R5; see `operator.rs`.
        world("@R27", R::ReduceOnly, |desk| {
            desk.operator(OperatorCommand::ReduceOnly(Scope::All));
        })
        .not_for_replace(),
        world("@R28", R::CapacityReached, fill_table),
    ]
}

/// The answer to a new order, or to a replace of a half-filled one, that breaches these checks. The
/// first of them is applied last, so that it holds where two change the same thing.
fn answer(is_replace: bool, breached: &[&Breach]) -> Refusal {
    let mut desk = Desk::with_venues(1);
    desk.book(0, &[(9_990, 50)], &[(10_010, 50)]);
    desk.client("a buy 10 @ 10000 gtc").venue(1, "fill 4 @ 10000");
    let mut order = None;
    Desk::with_venues(0).instructed("n buy 12 @ 10000 gtc", |new| order = Some(*new));
    let mut order = order.expect("made");
    for breach in breached.iter().rev() {
        (breach.world)(&mut desk);
        (breach.request)(&mut order);
    }
    desk.outputs.clear();
    desk.input(if is_replace {
        Input::Replace(ReplaceOrder { orig_cl_ord_id: text("a"), order })
    } else {
        Input::NewOrder(order)
    });
    match desk.outputs.first() {
        Some(Output::Report(report)) => report.reason,
        Some(Output::CancelReject(reject)) => reject.reason,
        other => panic!("{other:?}"),
    }
}

fn is_made(check: &Check, breach: &Breach, is_replace: bool) -> bool {
    check.checked_for.includes(is_replace) && (!is_replace || breach.for_replace)
}

#[test]
fn every_check_is_reached_and_refuses_by_its_own_words() {
    let breaches = breaches();
    assert_eq!(breaches.len(), CHECKS.len());
    for (check, breach) in CHECKS.iter().zip(&breaches) {
        assert_eq!(check.label, breach.label);
        assert!(check.refusals.contains(&breach.refusal), "{check:?}");
        for is_replace in [false, true] {
            if is_made(check, breach, is_replace) {
                assert_eq!(answer(is_replace, &[breach]), breach.refusal, "{check:?}");
            }
        }
    }
    for is_replace in [false, true] {
        assert_eq!(answer(is_replace, &[]), Refusal::None);
    }
}

#[test]
fn a_request_that_fails_two_checks_is_refused_by_the_first_of_them() {
    let breaches = breaches();
    for is_replace in [false, true] {
        let made = CHECKS.iter().zip(&breaches).filter(|(c, b)| is_made(c, b, is_replace));
        let made: Vec<&Breach> = made.map(|(_, breach)| breach).collect();
        for (at, first) in made.iter().enumerate() {
            for second in &made[at + 1..] {
                // An order that is over has nothing pending; a second order cannot make it so.
                if (first.label, second.label) == ("@R5", "@R6") {
                    continue;
                }
                let refusal = answer(is_replace, &[first, second]);
                assert_eq!(refusal, first.refusal, "{} and {}", first.label, second.label);
            }
        }
    }
}

#[test]
fn rows_are_numbered_and_say_why() {
    for (at, check) in CHECKS.iter().enumerate() {
        assert_eq!(check.label, format!("@R{}", at + 1));
        assert!(!check.name.is_empty() && !check.refusals.is_empty() && !check.reason.is_empty());
        assert!(!check.refusals.contains(&Refusal::None), "{check:?}");
    }
    assert!(CHECKS.iter().any(|check| check.checked_for == CheckedFor::Replace));
}

/// Lot, minimum and tick have one row; each has an answer of its own.
#[test]
fn the_listings_row_names_the_nearest_miss() {
    let with = |change: fn(&mut ListingDef)| {
        let mut desk = Desk::with_venues(1);
        desk.book(0, &[(9_990, 50)], &[(10_010, 50)]).listing(VenueId(0), change);
        desk.client("a buy 10 @ 10000 gtc");
        desk.outputs.clear();
        desk.client("b buy 10 @ 10000 gtc");
        match desk.outputs.first() {
            Some(Output::Report(report)) => report.reason,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(with(|l| l.lot = Qty(3)), Refusal::BadQuantity);
    assert_eq!(with(|l| l.qty_min = Qty(11)), Refusal::BelowMinimum);
    assert_eq!(with(|l| l.ticks = Ticks::fixed(Price(3))), Refusal::BadPrice);
    assert_eq!(with(|_| {}), Refusal::None);
}
