//! Fees that depend on our volume at the venue, on the account, or on a token.

use crate::desk::{BTC, CLIENT, Desk, PAIR, UNIT, USD};
use rutter_core::engine::fees::VOLUME_TOLD_EVERY_NS;
use rutter_core::id::{AccountId, AssetId, ExecId, InstrumentId, SessionId, VenueId};
use rutter_core::input::*;
use rutter_core::number::{Amount, FeePpm, Price, Qty, UnixNanos};
use rutter_core::output::{FeeState, Notice};
use rutter_core::reference::ListingFees;
use rutter_core::volume::{DAY_NS, VOLUME_DAYS, Volume, day_of};
use rutter_test_support::random::Random;
use rutter_test_support::{reference, seeds};

const V0: VenueId = VenueId(0);
const V1: VenueId = VenueId(1);
const BNB: AssetId = AssetId(2);
const EUR: AssetId = AssetId(3);
const BNB_USD: InstrumentId = InstrumentId(1);
const BTC_EUR: InstrumentId = InstrumentId(2);
const EUR_USD: InstrumentId = InstrumentId(3);
const CASES: u64 = 200;

/// From volumes in whole units on, with the taker fee; the maker fee is half of it.
type Tiers<'a> = &'a [(i128, i32)];

fn schedule() -> FeeScheduleDef {
    FeeScheduleDef { asset: USD, ..FeeScheduleDef::none(V0) }
}

fn tier(place: usize, from: i128, taker: i32) -> FeeTierDef {
    let (maker, taker) = (FeePpm(taker / 2), FeePpm(taker));
    FeeTierDef { venue: V0, place: place as u8, from: Amount(from * UNIT), maker, taker }
}

/// What a start of the node tells of v0's fees.
fn define(desk: &mut Desk, schedule: FeeScheduleDef, tiers: Tiers<'_>) {
    desk.listing(V0, |_| {});
    desk.input(Input::FeeSchedule(FeeScheduleDef { tiers: tiers.len() as u8, ..schedule }));
    for (place, (from, taker)) in tiers.iter().enumerate() {
        desk.input(Input::FeeTier(tier(place, *from, *taker)));
    }
    desk.input(Input::FeeByTier { venue: V0, instrument: PAIR });
}

/// Two venues; v0 has these tiers, v1 takes 1,000 ppm. Both offer 1,000 at 100.00.
fn desk_with(schedule: FeeScheduleDef, tiers: Tiers<'_>) -> Desk {
    let mut desk = Desk::with_venues(2);
    for (id, name) in [(BNB, "BNB"), (EUR, "EUR")] {
        desk.input(Input::Asset(reference::asset(id.0, name)));
    }
    for (id, symbol, base, quote) in [
        (BNB_USD, "BNB/USD", BNB, USD),
        (BTC_EUR, "BTC/EUR", BTC, EUR),
        (EUR_USD, "EUR/USD", EUR, USD),
    ] {
        desk.input(Input::Instrument(reference::instrument(id.0, symbol, base, quote)));
        desk.input(Input::Listing(reference::listing(V1, id)));
    }
    desk.listing(V1, |listing| listing.taker_fee = FeePpm(1_000));
    define(&mut desk, schedule, tiers);
    offer(&mut desk);
    desk
}

fn offer(desk: &mut Desk) {
    desk.book(0, &[(9_990, 1_000)], &[(10_000, 1_000)]);
    desk.book(1, &[(9_990, 1_000)], &[(10_000, 1_000)]);
}

/// A book of both venues for another instrument, with this mid price.
fn price_of(desk: &mut Desk, instrument: InstrumentId, mid: i64) {
    let mut update =
        BookUpdate { venue: V1, instrument, clear: true, last: true, ..BookUpdate::default() };
    for (side, price) in [(Side::Buy, mid - 1), (Side::Sell, mid + 1)] {
        assert!(update.push(side, Level { price: Price(price), qty: Qty(1_000_000) }));
    }
    desk.input(Input::Book(update));
}

/// The execution of an order of nobody's, whose value is that of `qty` at 100.00.
fn traded(desk: &mut Desk, exec: u128, instrument: InstrumentId, qty: i64) {
    desk.input(Input::ChildFill(ChildFill {
        venue: V0,
        child: rutter_core::id::ChildId(900_000),
        instrument,
        side: Side::Buy,
        exec: ExecId(exec),
        qty: Qty(qty),
        price: Price(10_000),
        fee: Amount(7),
        fee_asset: USD,
        liquidity: Liquidity::Taker,
    }));
}

fn taker_at(desk: &Desk, venue: VenueId) -> i32 {
    desk.engine.reference().listing(PAIR, venue).expect("listed").taker_fee.0
}

fn fee_states(desk: &mut Desk) -> Vec<FeeState> {
    let told = desk.notices().into_iter().filter_map(|notice| match notice {
        Notice::Fees(V0, state) => Some(state),
        _ => None,
    });
    told.collect()
}

fn volume(desk: &mut Desk) -> i128 {
    let told = fee_states(desk);
    told.last().expect("told").volume.0 / UNIT
}

#[test]
fn a_tier_that_is_reached_in_the_middle_of_a_day_is_used_by_the_next_order() {
    let mut desk = desk_with(schedule(), &[(0, 2_000), (30, 500)]);
    desk.client("a buy 300 market ioc").sent(&["v1 new buy 300 @ 10000 Ioc #1"]);
    desk.book(1, &[(9_990, 10)], &[]);
    desk.client("b buy 300 market ioc").sent(&["v0 new buy 300 @ 10000 Ioc #2"]);
    desk.venue(2, "fill 299 @ 10000");
    assert_eq!(taker_at(&desk, V0), 2_000, "29.90 of 30 are traded");
    desk.notices();
    desk.venue(2, "fill 1 @ 10000");
    assert_eq!(taker_at(&desk, V0), 500);
    let state = FeeState { tier: 1, volume: Amount(30 * UNIT), ..FeeState::default() };
    assert_eq!(fee_states(&mut desk), [state]);
    offer(&mut desk);
    desk.client("c buy 300 market ioc").sent(&["v0 new buy 300 @ 10000 Ioc #3"]);
}

#[test]
fn a_tier_is_lost_at_the_begin_of_the_day_on_which_the_volume_leaves_the_window() {
    let mut desk = desk_with(schedule(), &[(0, 2_000), (30, 500)]);
    let first_day = day_of(desk.now);
    traded(&mut desk, 1, PAIR, 300);
    assert_eq!(taker_at(&desk, V0), 500);
    for day in first_day + 1..first_day + VOLUME_DAYS {
        desk.now = UnixNanos(day * DAY_NS);
        desk.input(Input::Tick);
        assert_eq!(taker_at(&desk, V0), 500, "{} days later", day - first_day);
    }
    let midnight = (first_day + VOLUME_DAYS) * DAY_NS;
    assert_eq!(desk.engine.next_timer(), Some(UnixNanos(midnight)), "the timer is due then");
    desk.now = UnixNanos(midnight - 2_000);
    desk.input(Input::Tick);
    assert_eq!(taker_at(&desk, V0), 500);
    desk.now = UnixNanos(midnight);
    desk.input(Input::Tick);
    assert_eq!(taker_at(&desk, V0), 2_000);
}

#[test]
fn a_stated_volume_holds_a_tier_and_ages_out() {
    let today = day_of(UnixNanos(1_700_000_000_000_000_000));
    let stated =
        FeeScheduleDef { volume: Amount(300 * UNIT), from_day: today as u32, ..schedule() };
    let mut desk = desk_with(stated, &[(0, 2_000), (100, 500), (1_000, 100)]);
    assert_eq!(taker_at(&desk, V0), 500);
    desk.wait_ns(20 * DAY_NS);
    assert_eq!(taker_at(&desk, V0), 500, "a third is left, 100");
    desk.wait_ns(DAY_NS);
    assert_eq!(taker_at(&desk, V0), 2_000);
    traded(&mut desk, 1, PAIR, 100);
    assert_eq!(taker_at(&desk, V0), 500, "90 are left, and 10 are traded");
}

/// The example of `docs/routing.md`, with its numbers.
#[test]
fn the_worked_example_of_the_page_gives_its_tiers() {
    let from_day = 20_787; // 2026-11-30.
    let stated = FeeScheduleDef { volume: Amount(48_000 * UNIT), from_day, ..schedule() };
    let mut desk = Desk::with_venues(2);
    desk.now = UnixNanos(u64::from(from_day) * DAY_NS + DAY_NS / 2);
    define(&mut desk, stated, &[(0, 6_000), (10_000, 4_000), (50_000, 2_500)]);
    let held = |desk: &mut Desk| (volume(desk), taker_at(desk, V0));
    assert_eq!(held(&mut desk), (48_000, 4_000));
    traded(&mut desk, 1, PAIR, 20_000);
    assert_eq!(held(&mut desk), (50_000, 2_500));
    desk.wait_ns(DAY_NS);
    assert_eq!(held(&mut desk), (48_400, 4_000));
}

#[test]
fn a_changed_volume_is_told_once_a_second_and_its_last_value_by_the_timer() {
    let mut desk = desk_with(schedule(), &[(0, 2_000), (1_000, 500)]);
    desk.wait_ns(2 * VOLUME_TOLD_EVERY_NS);
    desk.notices();
    for exec in 0..5 {
        traded(&mut desk, exec, PAIR, 10);
    }
    assert_eq!(volume(&mut desk), 1, "the first one");
    let due = desk.engine.next_timer().expect("a timer");
    assert!(due.since(desk.now) <= VOLUME_TOLD_EVERY_NS);
    desk.now = due;
    desk.input(Input::Tick);
    assert_eq!(volume(&mut desk), 5, "the last one");
    desk.wait_ns(2 * VOLUME_TOLD_EVERY_NS);
    assert_eq!(fee_states(&mut desk), [], "nothing has changed");
}

#[test]
fn volume_in_another_quote_asset_counts_by_the_reference_price() {
    let mut desk = desk_with(schedule(), &[(0, 2_000), (1_000, 500)]);
    price_of(&mut desk, EUR_USD, 110);
    desk.wait_ns(2 * VOLUME_TOLD_EVERY_NS);
    traded(&mut desk, 1, BTC_EUR, 1_000);
    assert_eq!(volume(&mut desk), 110, "100 EUR at 1.10");
}

#[test]
fn volume_without_a_price_of_its_quote_asset_counts_by_the_price_of_the_base_asset() {
    let mut desk = desk_with(schedule(), &[(0, 2_000), (1_000, 500)]);
    desk.wait_ns(2 * VOLUME_TOLD_EVERY_NS);
    traded(&mut desk, 1, BTC_EUR, 1_000);
    assert_eq!(volume(&mut desk), 99, "1 BTC at 99.95");
}

#[test]
fn volume_without_any_price_is_not_counted_and_told() {
    let mut desk = desk_with(schedule(), &[(0, 2_000), (1_000, 500)]);
    for venue in [0, 1] {
        desk.book(venue, &[], &[]);
    }
    desk.wait_ns(6_000_000_000);
    desk.notices();
    traded(&mut desk, 1, BTC_EUR, 1_000);
    let state = FeeState { not_counted: 1, ..FeeState::default() };
    assert_eq!(fee_states(&mut desk), [state]);
}

#[test]
fn a_fee_of_the_account_stands_before_tier_and_listing_and_only_for_that_account() {
    let mut desk = desk_with(schedule(), &[(0, 2_000)]);
    desk.input(Input::Account(reference::account(1, "other")));
    desk.input(Input::Session(reference::session(1, "OTHER", Some(AccountId(1)))));
    let fee = |venue, instrument, taker| {
        let (account, maker) = (AccountId(1), FeePpm(0));
        Input::AccountFee(AccountFeeDef { account, venue, instrument, maker, taker: FeePpm(taker) })
    };
    desk.input(fee(V0, None, 5_000)).input(fee(V0, Some(PAIR), 900));
    desk.client("a buy 5 market ioc").sent(&["v1 new buy 5 @ 10000 Ioc #1"]);
    desk.session = SessionId(1);
    desk.client("b buy 5 market ioc").sent(&["v0 new buy 5 @ 10000 Ioc #2"]);
    let reserved = desk.engine.ledger().funds(V0, USD).reserved;
    assert_eq!(reserved, Amount(UNIT / 2).with_ppm_on_top(900), "its own fee is locked");
    desk.venue(2, "fill 5 @ 10000");
    assert_eq!(desk.engine.ledger().funds(V0, USD).reserved, Amount::ZERO);
    desk.input(fee(V1, None, 100));
    desk.client("c buy 5 market ioc").sent(&["v1 new buy 5 @ 10000 Ioc #3"]);
    desk.session = CLIENT;
    desk.client("d buy 5 market ioc").sent(&["v1 new buy 5 @ 10000 Ioc #4"]);
}

#[test]
fn a_fee_of_the_account_counts_where_its_order_rests_and_in_its_previews() {
    let mut desk = desk_with(schedule(), &[(0, 2_000)]);
    let (account, venue, instrument) = (AccountId(0), V1, None);
    let (maker, taker) = (FeePpm(-2_000), FeePpm(3_000));
    let asked = |desk: &mut Desk| {
        let told = desk.asked_about("p buy 5 @ 9990 gtc", |_| {});
        let rests = told.iter().find_map(|part| match part {
            rutter_core::output::Previewed::Venue { line, rest: Some(_), .. } => Some(line.venue),
            _ => None,
        });
        rests.expect("it rests")
    };
    desk.listing(V1, |listing| listing.maker_fee = FeePpm(1_001));
    assert_eq!(asked(&mut desk), V0);
    desk.input(Input::AccountFee(AccountFeeDef { account, venue, instrument, maker, taker }));
    assert_eq!(asked(&mut desk), V1);
    desk.client("a buy 5 @ 9990 gtc").sent(&["v1 new buy 5 @ 9990 Gtc #1"]);
}

fn with_token() -> FeeScheduleDef {
    let least = Amount(UNIT / 10);
    let token = FeeTokenDef { asset: BNB, discount_ppm: 250_000, least };
    FeeScheduleDef { token: Some(token), ..schedule() }
}

fn told_balance(desk: &mut Desk, total: i128) {
    desk.input(Input::Balance { venue: V0, asset: BNB, total: Amount(total) });
}

#[test]
fn a_discount_begins_with_the_token_and_ends_when_the_token_runs_out() {
    let mut desk = desk_with(with_token(), &[(0, 1_200)]);
    desk.client("a buy 5 market ioc").sent(&["v1 new buy 5 @ 10000 Ioc #1"]);
    told_balance(&mut desk, UNIT / 10);
    let fees = desk.engine.reference().listing(PAIR, V0).expect("listed").fees();
    let expected = ListingFees { maker: FeePpm(450), taker: FeePpm(900), taken: FeeTaken::Other };
    assert_eq!(fees, expected, "three quarters of 600 and 1,200, in the token");
    desk.client("b buy 500 market ioc").sent(&["v0 new buy 500 @ 10000 Ioc #2"]);
    assert_eq!(desk.engine.ledger().funds(V0, USD).reserved, Amount(50 * UNIT), "no fee on top");
    let before = desk.engine.ledger().fees(AccountId(0), BNB);
    desk.input(Input::ChildFill(ChildFill {
        venue: V0,
        child: rutter_core::id::ChildId(2),
        instrument: PAIR,
        side: Side::Buy,
        exec: ExecId(5),
        qty: Qty(500),
        price: Price(10_000),
        fee: Amount(UNIT / 1_000),
        fee_asset: BNB,
        liquidity: Liquidity::Taker,
    }));
    let paid = desk.engine.ledger().fees(AccountId(0), BNB).minus(before);
    assert_eq!(paid, Amount(UNIT / 1_000), "the fee is booked in the token");
    assert_eq!(taker_at(&desk, V0), 1_200, "less than a tenth of the token is left");
    assert!(fee_states(&mut desk).last().is_some_and(|state| !state.in_token));
    offer(&mut desk);
    desk.client("c buy 5 market ioc").sent(&["v1 new buy 5 @ 10000 Ioc #3"]);
}

/// Each fee takes a little of the token, and the venue tells the balance again a moment later.
#[test]
fn a_balance_of_the_token_near_its_least_does_not_change_the_fees_with_each_execution() {
    let mut desk = desk_with(with_token(), &[(0, 1_200)]);
    let least = UNIT / 10;
    told_balance(&mut desk, least);
    assert_eq!(taker_at(&desk, V0), 900, "the first balance counts as it is");
    fee_states(&mut desk);
    let mut changes = 0;
    for nth in 0..50 {
        told_balance(&mut desk, least - 1 - nth % 3);
        told_balance(&mut desk, least + nth % 7);
        let states = fee_states(&mut desk);
        changes += states.iter().filter(|state| state.in_token).count();
    }
    assert_eq!((changes, taker_at(&desk, V0)), (0, 1_200));
    // With a tenth more the discount begins again, and ends below the least.
    told_balance(&mut desk, least * 11 / 10 - 1);
    assert_eq!(taker_at(&desk, V0), 1_200);
    told_balance(&mut desk, least * 11 / 10);
    assert_eq!(taker_at(&desk, V0), 900);
    told_balance(&mut desk, least);
    assert_eq!(taker_at(&desk, V0), 900);
    // New terms are judged by the balance alone.
    told_balance(&mut desk, least - 1);
    desk.input(Input::FeeSchedule(with_token()));
    told_balance(&mut desk, least);
    assert!(fee_states(&mut desk).last().is_some_and(|state| state.in_token));
}

#[test]
fn the_discount_is_of_every_fee_above_zero_and_of_no_rebate() {
    let mut desk = desk_with(with_token(), &[]);
    let (account, venue, instrument) = (AccountId(0), V0, None);
    let (maker, taker) = (FeePpm(-100), FeePpm(1_001));
    desk.input(Input::AccountFee(AccountFeeDef { account, venue, instrument, maker, taker }));
    told_balance(&mut desk, UNIT);
    let terms = desk.engine.reference().terms(AccountId(0), PAIR, V0).expect("listed");
    assert_eq!((terms.maker_fee, terms.taker_fee), (FeePpm(-100), FeePpm(751)), "rounded up");
    assert_eq!(taker_at(&desk, V0), 1_500, "of the listing: 2,000");
}

#[test]
fn what_a_fee_in_the_token_is_worth_is_told_before_the_execution() {
    let mut desk = desk_with(with_token(), &[]);
    told_balance(&mut desk, UNIT);
    price_of(&mut desk, BNB_USD, 60_000);
    desk.client("a buy 500 market ioc").notices();
    let fill = ChildFill {
        venue: V0,
        child: rutter_core::id::ChildId(1),
        instrument: PAIR,
        side: Side::Buy,
        exec: ExecId(5),
        qty: Qty(500),
        price: Price(10_000),
        fee: Amount(UNIT / 1_000),
        fee_asset: BNB,
        liquidity: Liquidity::Taker,
    };
    desk.input(Input::ChildFill(fill));
    let worth = Notice::FeeValue(ExecId(5), Amount(UNIT * 6 / 10));
    assert_eq!(desk.notices().first(), Some(&worth), "0.001 at 600.00");
}

#[test]
fn a_restart_keeps_the_tier_and_tells_nothing_new() {
    let mut desk = desk_with(schedule(), &[(0, 2_000), (30, 500)]);
    traded(&mut desk, 1, PAIR, 300);
    desk.notices();
    define(&mut desk, schedule(), &[(0, 2_000), (30, 500)]);
    assert_eq!(taker_at(&desk, V0), 500);
    desk.input(Input::NodeStarted);
    assert_eq!(fee_states(&mut desk), []);
    let known = desk.engine.reference().definitions().collect::<Vec<_>>();
    assert!(known.contains(&Input::FeeTier(tier(1, 30, 500))));
    assert!(known.contains(&Input::FeeByTier { venue: V0, instrument: PAIR }));
    assert!(known.contains(&Input::Listing(reference::listing(V0, PAIR))), "as it was defined");
}

#[test]
fn a_schedule_and_fees_that_have_left_the_configuration_hold_no_more() {
    let mut desk = desk_with(schedule(), &[(0, 2_000), (30, 500)]);
    let (account, venue, instrument) = (AccountId(0), V0, None);
    let (maker, taker) = (FeePpm(1), FeePpm(2));
    desk.input(Input::AccountFee(AccountFeeDef { account, venue, instrument, maker, taker }));
    traded(&mut desk, 1, PAIR, 300);
    assert_eq!(fee_states(&mut desk).last().map(|state| state.tier), Some(1));
    desk.listing(V0, |listing| listing.taker_fee = FeePpm(777));
    desk.input(Input::FeeSchedule(FeeScheduleDef::none(V0)));
    let terms = desk.engine.reference().terms(AccountId(0), PAIR, V0).expect("listed");
    assert_eq!((taker_at(&desk, V0), terms.taker_fee), (777, FeePpm(777)));
    traded(&mut desk, 2, PAIR, 300);
    desk.wait_ns(DAY_NS);
    assert_eq!(fee_states(&mut desk), []);
}

#[test]
fn fees_that_contradict_themselves_are_refused() {
    let mut desk = desk_with(schedule(), &[(0, 2_000), (30, 500)]);
    desk.notices();
    let schedule = |def: FeeScheduleDef| Input::FeeSchedule(def);
    let token = |asset, discount_ppm, least| {
        let token = Some(FeeTokenDef { asset, discount_ppm, least: Amount(least) });
        schedule(FeeScheduleDef { token, ..FeeScheduleDef::none(V0) })
    };
    let account = |def| AccountFeeDef { account: AccountId(0), venue: V0, instrument: None, ..def };
    let (maker, taker) = (FeePpm(0), FeePpm(0));
    let usual = AccountFeeDef { account: AccountId(0), venue: V0, instrument: None, maker, taker };
    let bad = [
        schedule(FeeScheduleDef { venue: VenueId(2), ..FeeScheduleDef::none(V0) }),
        schedule(FeeScheduleDef { asset: AssetId(9), tiers: 1, ..FeeScheduleDef::none(V0) }),
        schedule(FeeScheduleDef { tiers: 17, ..FeeScheduleDef::none(V0) }),
        schedule(FeeScheduleDef { volume: Amount(-1), ..FeeScheduleDef::none(V0) }),
        token(AssetId(9), 1, 1),
        token(BNB, 1_000_001, 1),
        token(BNB, 1, 0),
        Input::FeeTier(tier(2, 50, 100)),
        Input::FeeByTier { venue: V0, instrument: BTC_EUR },
        Input::FeeByTier { venue: VenueId(40), instrument: PAIR },
        Input::AccountFee(account(AccountFeeDef { maker: FeePpm(1_000_000), ..usual })),
        Input::AccountFee(AccountFeeDef { account: AccountId(7), ..usual }),
        Input::AccountFee(AccountFeeDef { venue: VenueId(2), ..usual }),
        Input::AccountFee(AccountFeeDef { instrument: Some(InstrumentId(9)), ..usual }),
    ];
    for input in bad {
        desk.input(input);
        assert_eq!(desk.notices(), [Notice::BadReference], "{input:?}");
    }
    let two = FeeScheduleDef { tiers: 2, asset: USD, ..FeeScheduleDef::none(V0) };
    desk.input(schedule(two)).input(Input::FeeTier(tier(0, 1, 5)));
    assert_eq!(desk.notices(), [Notice::BadReference], "the first tier is from zero on");
    desk.input(Input::FeeTier(tier(0, 0, 5))).input(Input::FeeTier(tier(1, 0, 5)));
    assert_eq!(desk.notices(), [Notice::BadReference], "the tiers rise");
}

/// Volumes of days in the past, added up without a window.
struct Naive {
    traded: Vec<(u64, i128)>,
    stated: i128,
    from_day: u64,
}

impl Naive {
    fn total(&self, day: u64) -> i128 {
        let counts = |at: u64| at >= self.from_day && at <= day && day - at < VOLUME_DAYS;
        let own: i128 =
            self.traded.iter().filter(|(at, _)| counts(*at)).map(|(_, value)| value).sum();
        let passed = i128::from(day.saturating_sub(self.from_day)).min(30);
        own + self.stated * (30 - passed) / 30
    }
}

#[test]
fn the_window_is_the_sum_of_its_days_whatever_comes_when() {
    for seed in seeds::chosen(CASES) {
        seeds::run(seed, "-p rutter-core --test scenarios fees::the_window", || {
            let mut random = Random::new(seed);
            let mut day = 20_000 + random.below(100);
            let mut volume = Volume::default();
            let mut naive = Naive { traded: Vec::new(), stated: 0, from_day: 0 };
            for _ in 0..400 {
                match random.below(10) {
                    0 => day += random.below(50),
                    1..=3 => day += 1,
                    4 => {
                        let stated = i128::from(random.below(1_000_000));
                        // Executions that the window has left are not kept for a statement.
                        let from_day = day + 3 - random.below(20);
                        (naive.stated, naive.from_day) = (stated, from_day);
                        volume.state(Amount(stated), from_day);
                    }
                    _ => {
                        let value = i128::from(random.below(1_000_000));
                        naive.traded.push((day, value));
                        volume.add(day, Amount(value));
                    }
                }
                assert_eq!(volume.total(day), Amount(naive.total(day)), "day {day}");
            }
        });
    }
}

/// A journal of fills, days, balances and restarts.
fn random_inputs(random: &mut Random) -> Vec<(u64, Input)> {
    let tiers = [(0, 2_000), (20, 1_500), (60, 900), (200, 100)];
    let mut inputs = Vec::new();
    let mut now = 1_700_000_000_000_000_000;
    for exec in 0..200 {
        now += random.pick(&[1_000, 1_000_000_000, DAY_NS / 3, DAY_NS * 5]);
        let instrument = random.pick(&[PAIR, PAIR, BTC_EUR]);
        inputs.push((
            now,
            match random.below(8) {
                0 => Input::Tick,
                1 => {
                    let total = Amount(i128::from(random.below(3)) * UNIT / 10);
                    Input::Balance { venue: V0, asset: BNB, total }
                }
                2 => Input::FeeSchedule(FeeScheduleDef { tiers: 4, ..with_token() }),
                _ => Input::ChildFill(ChildFill {
                    venue: V0,
                    child: rutter_core::id::ChildId(900_000),
                    instrument,
                    side: random.pick(&[Side::Buy, Side::Sell]),
                    exec: ExecId(exec),
                    qty: Qty(1 + random.below(300) as i64),
                    price: Price(10_000),
                    fee: Amount(7),
                    fee_asset: random.pick(&[USD, BNB]),
                    liquidity: Liquidity::Taker,
                }),
            },
        ));
        if matches!(inputs.last(), Some((_, Input::FeeSchedule(_)))) {
            for (place, (from, taker)) in tiers.iter().enumerate() {
                inputs.push((now, Input::FeeTier(tier(place, *from, *taker))));
            }
            inputs.push((now, Input::FeeByTier { venue: V0, instrument: PAIR }));
        }
    }
    inputs
}

#[test]
fn equal_journals_give_equal_tiers_and_tell_them_alike() {
    for seed in seeds::chosen(CASES) {
        seeds::run(seed, "-p rutter-core --test scenarios fees::equal_journals", || {
            let inputs = random_inputs(&mut Random::new(seed));
            let run = || {
                let mut desk = desk_with(with_token(), &[(0, 2_000), (20, 1_500)]);
                for (now, input) in &inputs {
                    desk.now = UnixNanos((*now).max(desk.now.0));
                    desk.input(*input);
                    // What was told is what holds.
                    let fees = desk.engine.reference().fees_at(V0).expect("a venue");
                    let last = desk.outputs.iter().rev().find_map(|output| match output {
                        rutter_core::output::Output::Notice(Notice::Fees(V0, state)) => Some(state),
                        _ => None,
                    });
                    let told = last.map(|state| (state.tier, state.in_token));
                    let holds = (fees.tier, fees.in_token);
                    assert!(!fees.is_whole() || told == Some(holds), "{told:?} {holds:?}");
                }
                (desk.engine.digest(), taker_at(&desk, V0))
            };
            assert_eq!(run(), run());
        });
    }
}
