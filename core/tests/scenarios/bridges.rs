//! Orders that fill at another instrument, and what becomes of the bridge asset.
//!
//! BTC/USD is instrument 0, BTC/USDT 1, USDT/USD 2; prices in 0.01, 0.01 and 0.0001, quantities in
//! 0.001. All venues list all three, with a taker fee of 0.2 %, unless a scenario says otherwise.

use crate::desk::{BTC, CLIENT, Desk, HALT, PAIR, RESUME, UNIT, USD};
use rutter_core::bridge::{BridgeWord, Exposure};
use rutter_core::id::*;
use rutter_core::input::*;
use rutter_core::number::*;
use rutter_core::output::{Notice, Output, Previewed, ReportKind};
use rutter_test_support::reference;

pub const USDT: AssetId = AssetId(2);
pub const VIA: InstrumentId = InstrumentId(1);
pub const RATE: InstrumentId = InstrumentId(2);
pub const FUND: AccountId = AccountId(0);
pub const HOUSE: AccountId = AccountId(1);

/// The usual bridge: 20 basis points, 10,000 USDT.
pub fn bridge() -> BridgeDef {
    BridgeDef {
        account: FUND,
        desk: HOUSE,
        instrument: PAIR,
        via: VIA,
        conversion: RATE,
        basis_ppm: 2_000,
        legging_max: Amount(10_000 * UNIT),
    }
}

/// A desk whose account has the bridge, with the taker fees of the three instruments in ppm.
pub fn bridged(venues: u8, fees: [i32; 3]) -> Desk {
    let mut desk = Desk::with_venues(venues);
    desk.input(Input::Asset(reference::asset(USDT.0, "USDT")));
    desk.input(Input::Instrument(reference::instrument(VIA.0, "BTC/USDT", BTC, USDT)));
    let rate = reference::instrument(RATE.0, "USDT/USD", USDT, USD);
    let order_qty_max = Qty(1_000_000_000);
    let rate = InstrumentDef { price_decimals: 4, order_qty_max, ..rate };
    desk.input(Input::Instrument(rate));
    desk.input(Input::Account(reference::account(HOUSE.0, "house")));
    for venue in (0..venues).map(VenueId) {
        for (instrument, fee) in [PAIR, VIA, RATE].into_iter().zip(fees) {
            let listing = ListingDef {
                taker_fee: FeePpm(fee),
                qty_max: Qty(1_000_000_000),
                ..reference::listing(venue, instrument)
            };
            desk.input(Input::Listing(listing));
        }
        let total = Amount(1_000_000 * UNIT);
        desk.input(Input::Balance { venue, asset: USDT, total });
    }
    desk.input(Input::Bridge(bridge()));
    desk.outputs.clear();
    desk
}

/// A book snapshot of any instrument.
pub fn book_of(
    desk: &mut Desk,
    (venue, instrument): (u8, InstrumentId),
    bids: &[(i64, i64)],
    asks: &[(i64, i64)],
) {
    let mut update = BookUpdate {
        venue: VenueId(venue),
        instrument,
        clear: true,
        last: true,
        ..BookUpdate::default()
    };
    for (side, levels) in [(Side::Buy, bids), (Side::Sell, asks)] {
        for &(price, qty) in levels {
            assert!(update.push(side, Level { price: Price(price), qty: Qty(qty) }), "few levels");
        }
    }
    desk.input(Input::Book(update));
}

/// Venue 0 asks 101.00 for BTC/USD, 99.00 USDT for BTC/USDT, and 1.0010 for USDT.
pub fn with_cheap_bridge() -> Desk {
    let mut desk = bridged(1, [0, 0, 0]);
    desk.book(0, &[(9_800, 1_000)], &[(10_100, 1_000)]);
    book_of(&mut desk, (0, VIA), &[(9_850, 1_000)], &[(9_900, 1_000)]);
    book_of(&mut desk, (0, RATE), &[(9_990, 50_000_000)], &[(10_010, 50_000_000)]);
    desk.outputs.clear();
    desk
}

/// An execution of a child, with a fee.
pub fn fill(desk: &mut Desk, child: u64, (qty, price): (i64, i64), fee: (AssetId, i128)) {
    let known = desk.child(child);
    let exec = ExecId(u128::from(child) << 32 | u128::from(desk.now.0 & 0xffff_ffff));
    desk.input(Input::ChildFill(ChildFill {
        venue: known.venue,
        child: ChildId(child),
        instrument: known.instrument,
        side: known.side,
        exec,
        qty: Qty(qty),
        price: Price(price),
        fee: Amount(fee.1),
        fee_asset: fee.0,
        liquidity: Liquidity::Taker,
    }));
}

/// What was sent, with its instrument: `1 buy 10 @ 9900 #1`.
pub fn sent(desk: &mut Desk) -> Vec<String> {
    let words = |output: &Output| match output {
        Output::SendNew(s) => Some(format!(
            "{} {:?} {} @ {} {:?} #{}",
            s.instrument.0, s.side, s.qty.0, s.price.0, s.tif, s.child.0
        )),
        _ => None,
    };
    let sent = desk.outputs.iter().filter_map(words).collect();
    desk.outputs.retain(|output| words(output).is_none());
    sent
}

pub fn exposure(desk: &Desk) -> Exposure {
    desk.engine.exposures()[0]
}

/// The exposure in thousandths of the bridge asset, and its word.
fn open(desk: &Desk) -> (i128, BridgeWord) {
    let exposure = exposure(desk);
    (exposure.amount.0 / (UNIT / 1_000), exposure.word)
}

/// What all accounts hold of an asset by their positions, with fees.
pub fn booked(desk: &Desk, asset: AssetId) -> i128 {
    let (ledger, reference) = (desk.engine.ledger(), desk.engine.reference());
    let mut sum = 0;
    for (_, instrument, position) in ledger.positions() {
        let def = &reference.instruments[instrument.index()];
        if def.base == asset {
            sum += position.base * UNIT / 1_000;
        }
        if def.quote == asset {
            sum += position.cash.0;
        }
    }
    for (_, of, fee) in ledger.all_fees() {
        sum -= if of == asset { fee.0 } else { 0 };
    }
    sum
}

fn position(desk: &Desk, account: AccountId, instrument: InstrumentId) -> (i128, i128) {
    let position = desk.engine.ledger().position(account, instrument);
    (position.base, position.cash.0 / (UNIT / 100_000))
}

#[test]
fn a_cheaper_bridge_is_taken_and_the_client_is_told_at_once_at_the_net_price() {
    let mut desk = with_cheap_bridge();
    desk.client("a buy 100 market ioc");
    assert_eq!(sent(&mut desk), ["1 Buy 100 @ 9900 Ioc #1"]);
    fill(&mut desk, 1, (100, 9_900), (USDT, 0));
    // 99.00 USDT at 1.0010 are 99.099, rounded up to the price's last decimal.
    desk.client_saw(&["a new", "a trade 100 @ 9910 leaves 0"]);
    assert_eq!(sent(&mut desk), ["2 Buy 9900 @ 10010 Ioc #2"], "9.9 USDT are bought back");
    assert_eq!(open(&desk), (-9_900, BridgeWord::Converting));
    fill(&mut desk, 2, (9_900, 10_010), (USD, 0));
    desk.client_saw(&[]);
    assert_eq!(open(&desk), (0, BridgeWord::Converted));
    assert_eq!(position(&desk, FUND, PAIR), (100, -991_000), "0.1 BTC for 9.91 USD");
    assert_eq!(position(&desk, HOUSE, PAIR), (-100, 991_000));
    assert_eq!(position(&desk, HOUSE, VIA), (100, -990_000));
    assert_eq!(position(&desk, HOUSE, RATE), (9_900, -990_990));
    assert_eq!((booked(&desk, USDT), booked(&desk, BTC)), (0, UNIT / 10));
}

#[test]
fn a_sale_goes_over_the_bridge_and_its_proceeds_are_sold() {
    let mut desk = with_cheap_bridge();
    book_of(&mut desk, (0, VIA), &[(10_150, 1_000)], &[(10_200, 1_000)]);
    desk.client("a sell 100 @ 9600 ioc");
    assert_eq!(sent(&mut desk), ["1 Sell 100 @ 10150 Ioc #1"]);
    fill(&mut desk, 1, (100, 10_150), (USDT, 0));
    // 101.50 USDT at 0.9990 are 101.3985, rounded down.
    desk.client_saw(&["a new", "a trade 100 @ 10139 leaves 0"]);
    assert_eq!(open(&desk), (10_150, BridgeWord::Converting));
    assert_eq!(sent(&mut desk), ["2 Sell 10150 @ 9990 Ioc #2"]);
    fill(&mut desk, 2, (10_150, 9_990), (USD, 0));
    assert_eq!(open(&desk), (0, BridgeWord::Converted));
    assert_eq!((booked(&desk, USDT), booked(&desk, BTC)), (0, -UNIT / 10));
}

#[test]
fn the_order_is_split_where_the_bridge_becomes_dearer_than_its_own_instrument() {
    let mut desk = bridged(1, [0, 0, 0]);
    desk.book(0, &[(9_800, 1_000)], &[(9_950, 30), (10_100, 1_000)]);
    book_of(&mut desk, (0, VIA), &[(9_700, 1)], &[(9_900, 40), (9_945, 20), (10_400, 500)]);
    book_of(&mut desk, (0, RATE), &[(9_990, 50_000_000)], &[(10_000, 50_000_000)]);
    desk.outputs.clear();
    desk.client("a buy 100 market ioc");
    // 60 at most at 9,945 or better, 30 at 9,950, and 10 more at 10,100 rather than 10,400.
    let expected = ["0 Buy 40 @ 10100 Ioc #1", "1 Buy 60 @ 9945 Ioc #2"];
    assert_eq!(sent(&mut desk), expected);
}

#[test]
fn fees_and_the_spread_of_the_conversion_are_in_the_decision() {
    // Without the fees the bridge would be cheaper: 99.00 against 99.50.
    let books = |desk: &mut Desk, ask: i64| {
        desk.book(0, &[(9_800, 1_000)], &[(9_950, 1_000)]);
        book_of(desk, (0, VIA), &[(9_700, 1)], &[(9_900, 1_000)]);
        book_of(desk, (0, RATE), &[(9_990, 50_000_000)], &[(ask, 50_000_000)]);
        desk.outputs.clear();
        desk.client("a buy 100 market ioc");
        sent(desk)
    };
    assert_eq!(books(&mut bridged(1, [0, 0, 0]), 10_000), ["1 Buy 100 @ 9900 Ioc #1"]);
    let direct = ["0 Buy 100 @ 9950 Ioc #1"];
    assert_eq!(books(&mut bridged(1, [0, 6_000, 0]), 10_000), direct, "fee at the bridge");
    assert_eq!(books(&mut bridged(1, [0, 0, 6_000]), 10_000), direct, "fee of the conversion");
    // The middle is 1.0025, and the limit 1.0045.
    assert_eq!(books(&mut bridged(1, [0, 0, 0]), 10_060), direct, "its spread and the basis");
}

#[test]
fn the_clients_limit_holds_for_the_net_price() {
    let mut desk = with_cheap_bridge();
    desk.client("a buy 100 @ 9909 ioc");
    // 99.00 at 1.0010 is 99.099: above the limit. Nothing at the own instrument either.
    assert_eq!(sent(&mut desk), [""; 0]);
    desk.client_saw(&["a new", "a Canceled NoLiquidity filled 0"]);
    desk.client("b buy 100 @ 9910 ioc");
    assert_eq!(sent(&mut desk), ["1 Buy 100 @ 9900 Ioc #1"]);
}

#[test]
fn orders_that_rest_or_are_filled_whole_and_accounts_without_a_bridge_never_bridge() {
    for order in ["a buy 100 @ 10100 gtc", "a buy 100 @ 10100 fok"] {
        let mut desk = with_cheap_bridge();
        desk.client(order);
        assert!(sent(&mut desk)[0].starts_with("0 Buy 100"), "{order}");
    }
    let mut desk = with_cheap_bridge();
    desk.input(Input::Bridge(BridgeDef { legging_max: Amount::ZERO, ..bridge() }));
    desk.client("a buy 100 market ioc");
    assert_eq!(sent(&mut desk), ["0 Buy 100 @ 10100 Ioc #1"]);
}

#[test]
fn no_more_than_the_legging_limit_goes_over_the_bridge() {
    let mut desk = with_cheap_bridge();
    desk.input(Input::Bridge(BridgeDef { legging_max: Amount(5 * UNIT), ..bridge() }));
    desk.outputs.clear();
    desk.client("a buy 100 market ioc");
    // 5 USDT pay for 0.05 BTC at 99; the rest goes directly.
    let expected = ["0 Buy 50 @ 10100 Ioc #1", "1 Buy 50 @ 9900 Ioc #2"];
    assert_eq!(sent(&mut desk), expected);
    assert_eq!(exposure(&desk).counted(), Amount(UNIT * 495 / 100));
    // What is on its way counts: the next order finds no room.
    desk.client("b buy 100 market ioc");
    assert_eq!(sent(&mut desk), ["0 Buy 100 @ 10100 Ioc #3"]);
    // What is filled and not converted counts; what is converted does not.
    fill(&mut desk, 2, (50, 9_900), (USDT, 0));
    assert_eq!(exposure(&desk).counted(), Amount(UNIT * 495 / 100));
    assert_eq!(sent(&mut desk), ["2 Buy 4950 @ 10010 Ioc #4"]);
    fill(&mut desk, 4, (4_950, 10_010), (USD, 0));
    assert_eq!(exposure(&desk).counted(), Amount::ZERO);
    desk.client("c buy 10 market ioc");
    assert_eq!(sent(&mut desk), ["1 Buy 10 @ 9900 Ioc #5"]);
}

#[test]
fn one_bad_price_of_the_conversion_converts_nothing() {
    let mut desk = with_cheap_bridge();
    desk.client("a buy 100 market ioc");
    sent(&mut desk);
    book_of(&mut desk, (0, RATE), &[(19_990, 50_000_000)], &[(20_010, 50_000_000)]);
    fill(&mut desk, 1, (100, 9_900), (USDT, 0));
    assert_eq!(sent(&mut desk), [""; 0], "twice the price of the decision");
    assert_eq!(open(&desk), (-9_900, BridgeWord::BasisTooWide));
    desk.wait_ns(2_000_000_000);
    assert_eq!(sent(&mut desk), [""; 0]);
    // The book is right again.
    book_of(&mut desk, (0, RATE), &[(9_990, 50_000_000)], &[(10_010, 50_000_000)]);
    desk.wait_ns(100_000_000);
    assert_eq!(sent(&mut desk), ["2 Buy 9900 @ 10010 Ioc #2"]);
}

#[test]
fn a_conversion_that_is_not_filled_is_tried_again_with_a_pause() {
    let mut desk = with_cheap_bridge();
    desk.client("a buy 100 market ioc");
    fill(&mut desk, 1, (100, 9_900), (USDT, 0));
    sent(&mut desk);
    fill(&mut desk, 2, (4_000, 10_010), (USD, 0));
    desk.venue(2, "done 4000");
    assert_eq!(open(&desk).0, -5_900);
    assert_eq!(sent(&mut desk), [""; 0], "not at once");
    book_of(&mut desk, (0, RATE), &[(9_990, 50_000_000)], &[(10_011, 50_000_000)]);
    desk.wait_ns(100_000_000);
    assert_eq!(sent(&mut desk), ["2 Buy 5900 @ 10011 Ioc #3"]);
    let (id, since) = (exposure(&desk).id, exposure(&desk).since);
    assert!(id == 1 && desk.now.since(since) > 100_000_000, "the same exposure, and its age");
}

#[test]
fn a_halt_between_the_legs_holds_the_conversion_and_a_resume_lets_it_go() {
    let mut desk = with_cheap_bridge();
    desk.client("a buy 100 market ioc");
    desk.operator(HALT);
    sent(&mut desk);
    fill(&mut desk, 1, (100, 9_900), (USDT, 0));
    desk.client_saw_last("a trade 100 @ 9910 leaves 0");
    assert_eq!(sent(&mut desk), [""; 0]);
    assert_eq!(open(&desk), (-9_900, BridgeWord::Halted));
    desk.operator(RESUME);
    assert_eq!(sent(&mut desk), ["2 Buy 9900 @ 10010 Ioc #2"]);
    // A halt of the client's account does not keep us from converting.
    let mut desk = with_cheap_bridge();
    desk.client("a buy 100 market ioc");
    desk.operator(OperatorCommand::Halt(Scope::Account(FUND)));
    sent(&mut desk);
    fill(&mut desk, 1, (100, 9_900), (USDT, 0));
    assert_eq!(sent(&mut desk), ["2 Buy 9900 @ 10010 Ioc #2"]);
}

#[test]
fn a_cancel_between_the_legs_keeps_what_was_filled_and_converts_it() {
    let mut desk = with_cheap_bridge();
    desk.client("a buy 100 market ioc");
    desk.client("cancel a");
    sent(&mut desk);
    fill(&mut desk, 1, (60, 9_900), (USDT, 0));
    desk.venue(1, "done 60");
    desk.client_saw(&[
        "a new",
        "a canceling",
        "a trade 60 @ 9910 leaves 40",
        "a Canceled ClientRequest filled 60",
    ]);
    assert_eq!(sent(&mut desk), ["2 Buy 5940 @ 10010 Ioc #2"]);
}

#[test]
fn an_unknown_leg_keeps_its_exposure_counted_until_its_venue_has_answered() {
    let mut desk = with_cheap_bridge();
    desk.client("a buy 100 market ioc");
    desk.venue(1, "unsure");
    assert_eq!(exposure(&desk).counted(), Amount(UNIT * 99 / 10));
    desk.input(Input::NodeStarted).input(Input::VenueUp(VenueId(0)));
    assert_eq!(exposure(&desk).counted(), Amount(UNIT * 99 / 10), "over a restart");
    desk.outputs.clear();
    fill(&mut desk, 1, (70, 9_900), (USDT, 0));
    desk.venue(1, "gone 70");
    assert_eq!(exposure(&desk).counted(), Amount(UNIT * 693 / 100));
    // The books come back after the start.
    book_of(&mut desk, (0, RATE), &[(9_990, 50_000_000)], &[(10_010, 50_000_000)]);
    assert_eq!(sent(&mut desk), ["2 Buy 6930 @ 10010 Ioc #2"]);
}

#[test]
fn an_unknown_conversion_is_never_sent_twice() {
    let mut desk = with_cheap_bridge();
    desk.client("a buy 100 market ioc");
    fill(&mut desk, 1, (100, 9_900), (USDT, 0));
    sent(&mut desk);
    desk.venue(2, "unsure");
    desk.wait_ns(5_000_000_000);
    book_of(&mut desk, (0, RATE), &[(9_990, 50_000_000)], &[(10_010, 50_000_000)]);
    desk.input(Input::NodeStarted).input(Input::VenueUp(VenueId(0)));
    book_of(&mut desk, (0, RATE), &[(9_990, 50_000_000)], &[(10_010, 50_000_000)]);
    assert_eq!(sent(&mut desk), [""; 0], "while its outcome is unknown");
    desk.operator(OperatorCommand::KeepExposure(1));
    desk.operator_saw(&[(0, Refusal::AlreadyPending)]);
    desk.venue(2, "never");
    desk.wait_ns(200_000_000);
    assert_eq!(sent(&mut desk), ["2 Buy 9900 @ 10010 Ioc #3"]);
    fill(&mut desk, 3, (9_900, 10_010), (USD, 0));
    assert_eq!(open(&desk), (0, BridgeWord::Converted));
}

#[test]
fn a_leg_that_is_refused_or_fades_sends_the_rest_to_the_own_instrument() {
    for end in ["rejected Filter", "rejected Other", "done 0", "self-matched 0"] {
        let mut desk = with_cheap_bridge();
        desk.client("a buy 100 market ioc");
        sent(&mut desk);
        desk.venue(1, end);
        assert_eq!(sent(&mut desk), ["0 Buy 100 @ 10100 Ioc #2"], "{end}");
        assert_eq!(exposure(&desk).counted(), Amount::ZERO, "{end}");
    }
}

#[test]
fn an_operator_ends_an_exposure_and_the_desk_keeps_it() {
    let mut desk = with_cheap_bridge();
    desk.client("a buy 100 market ioc");
    book_of(&mut desk, (0, RATE), &[(19_990, 1_000)], &[(20_010, 1_000)]);
    fill(&mut desk, 1, (100, 9_900), (USDT, 0));
    desk.operator(OperatorCommand::KeepExposure(7));
    desk.operator_saw(&[(0, Refusal::UnknownOrder)]);
    desk.notices();
    desk.operator(OperatorCommand::KeepExposure(1));
    desk.operator_saw(&[(1, Refusal::None)]);
    let kept = |notice: &Notice| {
        matches!(notice, Notice::Exposure(Exposure { word: BridgeWord::Kept, id: 1, .. }))
    };
    assert!(desk.notices().iter().any(kept));
    assert_eq!(open(&desk).0, 0);
    book_of(&mut desk, (0, RATE), &[(9_990, 50_000_000)], &[(10_010, 50_000_000)]);
    desk.wait_ns(5_000_000_000);
    assert_eq!(sent(&mut desk)[1..], [""; 0], "nothing but the leg was sent");
    assert_eq!(position(&desk, HOUSE, VIA), (100, -990_000), "the desk is short of 9.9 USDT");
}

#[test]
fn a_fee_in_the_bridge_asset_is_converted_and_one_in_the_base_asset_is_the_clients() {
    let mut desk = with_cheap_bridge();
    desk.client("a buy 100 market ioc");
    fill(&mut desk, 1, (100, 9_900), (USDT, UNIT / 50));
    assert_eq!(open(&desk).0, -9_920, "the fee is bought back, too");
    assert_eq!(desk.engine.ledger().fees(HOUSE, USDT), Amount(UNIT / 50));
    assert_eq!(sent(&mut desk)[1], "2 Buy 9920 @ 10010 Ioc #2");
    // A venue that takes its fee out of the converted amount leaves a part to convert.
    fill(&mut desk, 2, (9_920, 10_010), (USDT, UNIT / 100));
    assert_eq!(open(&desk).0, -10);
    assert_eq!(booked(&desk, USDT), -UNIT / 100);
    let mut desk = with_cheap_bridge();
    desk.client("a buy 100 market ioc");
    fill(&mut desk, 1, (100, 9_900), (BTC, UNIT / 1_000));
    let ledger = desk.engine.ledger();
    assert_eq!(ledger.fees(FUND, BTC), Amount(UNIT / 1_000));
    assert_eq!(ledger.fees(HOUSE, BTC), Amount::ZERO);
    let fee = |output: &Output| match output {
        Output::Report(r) if r.kind == ReportKind::Trade => r.last.map(|last| last.fee),
        _ => None,
    };
    assert_eq!(desk.outputs.iter().find_map(fee), Some(Amount(UNIT / 1_000)));
    assert_eq!(open(&desk).0, -9_900);
}

#[test]
fn what_is_below_the_smallest_order_stays_until_more_comes() {
    let mut desk = with_cheap_bridge();
    let listing = ListingDef {
        qty_min: Qty(5_000),
        taker_fee: FeePpm(0),
        qty_max: Qty(1_000_000_000),
        ..reference::listing(VenueId(0), RATE)
    };
    desk.input(Input::Listing(listing));
    desk.outputs.clear();
    desk.client("a buy 100 market ioc");
    sent(&mut desk);
    fill(&mut desk, 1, (40, 9_900), (USDT, 0));
    assert_eq!(sent(&mut desk), [""; 0], "3.96 USDT are less than 5");
    assert_eq!(open(&desk), (-3_960, BridgeWord::BelowMinimum));
    assert!(!exposure(&desk).is_open(), "no alarm of dust");
    desk.wait_ns(100_000_000_000);
    fill(&mut desk, 1, (60, 9_900), (USDT, 0));
    desk.wait_ns(100_000_000);
    assert_eq!(sent(&mut desk), ["2 Buy 9900 @ 10010 Ioc #2"]);
    assert!(desk.now.since(exposure(&desk).since) < 1_000_000_000, "the age begins with more");
}

#[test]
fn purchases_and_sales_over_a_bridge_meet_before_anything_is_converted() {
    let mut desk = with_cheap_bridge();
    desk.client("a buy 100 market ioc");
    book_of(&mut desk, (0, VIA), &[(10_150, 1_000)], &[(10_200, 1_000)]);
    desk.client("b sell 50 market ioc");
    desk.outputs.clear();
    desk.operator(OperatorCommand::Halt(Scope::Account(HOUSE)));
    fill(&mut desk, 1, (100, 9_900), (USDT, 0));
    fill(&mut desk, 2, (50, 10_150), (USDT, 0));
    desk.operator(OperatorCommand::Resume(Scope::Account(HOUSE)));
    assert_eq!(sent(&mut desk), ["2 Buy 4825 @ 10010 Ioc #3"]);
}

/// The words of the bridges in a preview.
fn words(desk: &mut Desk, order: &str) -> Vec<BridgeWord> {
    let told = desk.asked_about(order, |_| {});
    let words = told.iter().filter_map(|part| match part {
        Previewed::Bridge(line) => Some(line.word),
        Previewed::Order { .. } | Previewed::Venue { .. } => None,
    });
    words.collect()
}

#[test]
fn a_preview_shows_the_bridge_and_each_reason_against_it() {
    let order = "a buy 100 market ioc";
    let one = |desk: &mut Desk| words(desk, order);
    assert_eq!(one(&mut with_cheap_bridge()), [BridgeWord::Taken]);
    assert_eq!(words(&mut with_cheap_bridge(), "a buy 1 @ 9000 gtc"), [BridgeWord::NotThisOrder]);
    let mut desk = with_cheap_bridge();
    desk.book(0, &[(9_800, 1_000)], &[(9_890, 1_000)]);
    assert_eq!(one(&mut desk), [BridgeWord::WorsePrice]);
    let mut desk = with_cheap_bridge();
    book_of(&mut desk, (0, VIA), &[(9_900, 1)], &[]);
    assert_eq!(one(&mut desk), [BridgeWord::NoVenue]);
    let mut desk = with_cheap_bridge();
    book_of(&mut desk, (0, RATE), &[(9_900, 50_000_000)], &[(10_100, 50_000_000)]);
    assert_eq!(one(&mut desk), [BridgeWord::BasisTooWide], "half of the spread is 1 %");
    let mut desk = with_cheap_bridge();
    let (venue, instrument, reason) = (VenueId(0), RATE, Distrust::Gap);
    desk.input(Input::BookDistrusted { venue, instrument, reason });
    assert_eq!(one(&mut desk), [BridgeWord::NoReference]);
    let mut desk = with_cheap_bridge();
    desk.input(Input::Balance { venue, asset: USD, total: Amount::ZERO });
    assert_eq!(one(&mut desk), [BridgeWord::NoConversion], "no USD to buy the USDT back");
    let mut desk = with_cheap_bridge();
    desk.input(Input::Bridge(BridgeDef { legging_max: Amount(1), ..bridge() }));
    assert_eq!(one(&mut desk), [BridgeWord::WorsePrice], "no lot fits under the legging limit");
    let mut desk = with_cheap_bridge();
    desk.input(Input::Bridge(BridgeDef { legging_max: Amount(5 * UNIT), ..bridge() }));
    desk.client("b buy 100 market ioc");
    fill(&mut desk, 2, (50, 9_900), (USDT, 0));
    desk.input(Input::Bridge(BridgeDef { legging_max: Amount(UNIT), ..bridge() }));
    assert_eq!(one(&mut desk), [BridgeWord::LeggingLimit]);
}

#[test]
fn a_shallow_conversion_bounds_what_goes_over_the_bridge() {
    let mut desk = with_cheap_bridge();
    book_of(&mut desk, (0, RATE), &[(9_990, 50_000_000)], &[(10_010, 1_980), (10_500, 50_000_000)]);
    desk.outputs.clear();
    desk.client("a buy 100 market ioc");
    // 1.98 USDT within the basis limit pay for 0.02 BTC.
    assert_eq!(sent(&mut desk), ["0 Buy 80 @ 10100 Ioc #1", "1 Buy 20 @ 9900 Ioc #2"]);
}

#[test]
fn the_better_of_two_bridges_is_taken() {
    let mut desk = with_cheap_bridge();
    let (usdc, via, rate) = (AssetId(3), InstrumentId(3), InstrumentId(4));
    desk.input(Input::Asset(reference::asset(usdc.0, "USDC")));
    desk.input(Input::Instrument(reference::instrument(via.0, "BTC/USDC", BTC, usdc)));
    let def = reference::instrument(rate.0, "USDC/USD", usdc, USD);
    desk.input(Input::Instrument(InstrumentDef { price_decimals: 4, ..def }));
    for instrument in [via, rate] {
        let listing = ListingDef {
            taker_fee: FeePpm(0),
            qty_max: Qty(1_000_000_000),
            ..reference::listing(VenueId(0), instrument)
        };
        desk.input(Input::Listing(listing));
    }
    let (venue, total) = (VenueId(0), Amount(1_000_000 * UNIT));
    desk.input(Input::Balance { venue, asset: usdc, total });
    desk.input(Input::Bridge(BridgeDef { via, conversion: rate, ..bridge() }));
    book_of(&mut desk, (0, via), &[(9_700, 1_000)], &[(9_890, 1_000)]);
    book_of(&mut desk, (0, rate), &[(9_990, 50_000_000)], &[(10_010, 50_000_000)]);
    desk.outputs.clear();
    assert_eq!(words(&mut desk, "a buy 9 market ioc"), [BridgeWord::WorsePrice, BridgeWord::Taken]);
    desk.client("a buy 100 market ioc");
    assert_eq!(sent(&mut desk), ["3 Buy 100 @ 9890 Ioc #1"]);
    assert_eq!(desk.session, CLIENT);
}

#[test]
fn a_definition_that_cannot_be_a_bridge_is_refused() {
    let wrong = [
        BridgeDef { desk: FUND, ..bridge() },
        BridgeDef { via: PAIR, ..bridge() },
        BridgeDef { via: RATE, ..bridge() },
        BridgeDef { conversion: VIA, ..bridge() },
        BridgeDef { basis_ppm: BASIS_PPM_MAX + 1, ..bridge() },
        BridgeDef { account: AccountId(9), ..bridge() },
        BridgeDef { legging_max: Amount(-1), ..bridge() },
    ];
    for def in wrong {
        let mut desk = with_cheap_bridge();
        desk.input(Input::Bridge(def));
        assert_eq!(desk.notices(), [Notice::BadReference], "{def:?}");
    }
}
