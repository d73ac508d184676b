//! Charged fees beside those that hold, and what an operator sees of what fees depend on.

use rutter_admin::model::{FeeTermsRow, FeeTokenRow, FeesRow};
use rutter_core::id::*;
use rutter_core::input::*;
use rutter_core::number::*;
use rutter_test_support::reference::{self, UNIT};

use crate::world::World;

const V0: VenueId = VenueId(0);
const BTC: AssetId = AssetId(0);
const ETH: AssetId = AssetId(1);
const USD: AssetId = AssetId(2);
const PAIR: InstrumentId = InstrumentId(0);
const MICRO: i128 = UNIT / 1_000_000;

/// A book of two venues with this mid price, so that there is a reference price.
fn price_of(world: &mut World, instrument: InstrumentId, mid: i64) {
    for venue in [V0, VenueId(1)] {
        let mut update = BookUpdate { venue, instrument, ..BookUpdate::default() };
        (update.clear, update.last) = (true, true);
        update.push(Side::Buy, Level { price: Price(mid - 1), qty: Qty(1_000) });
        update.push(Side::Sell, Level { price: Price(mid + 1), qty: Qty(1_000) });
        world.input(Input::Book(update));
    }
}

/// An order of account 0 for 0.01 at v0, and what its fees depend on there.
fn world(tiers: &[(i128, i32)], token: Option<FeeTokenDef>) -> World {
    let mut world = World::new(0);
    price_of(&mut world, PAIR, 9_999);
    price_of(&mut world, InstrumentId(1), 200);
    let places = tiers.len() as u8;
    let schedule = FeeScheduleDef { asset: USD, tiers: places, token, ..FeeScheduleDef::none(V0) };
    world.input(Input::FeeSchedule(schedule));
    for (place, (from, taker)) in (0..).zip(tiers) {
        let (from, maker, taker) = (Amount(from * UNIT), FeePpm(-5), FeePpm(*taker));
        world.input(Input::FeeTier(FeeTierDef { venue: V0, place, from, maker, taker }));
    }
    if places > 0 {
        world.input(Input::FeeByTier { venue: V0, instrument: PAIR });
    }
    let (qty, price) = (Qty(10), Price(10_000));
    let instructions = Instructions { only: Some(V0), ..Instructions::default() };
    let order = NewOrder { qty, price, instructions, ..reference::buy("a") };
    world.input(Input::NewOrder(order));
    world
}

/// An execution of 0.001 at 100.00, which is worth 0.1.
fn execution(world: &mut World, exec: u128, fee: i128, fee_asset: AssetId) -> FeesRow {
    world.input(Input::ChildFill(ChildFill {
        venue: V0,
        child: ChildId(1),
        instrument: PAIR,
        side: Side::Buy,
        exec: ExecId(exec),
        qty: Qty(1),
        price: Price(10_000),
        fee: Amount(fee),
        fee_asset,
        liquidity: Liquidity::Taker,
    }));
    world.model.status().venues[0].fees.clone()
}

fn terms(world: &World) -> FeeTermsRow {
    world.model.status().venues[0].fee_terms.clone().expect("there are terms")
}

#[test]
fn the_fee_of_an_execution_that_reaches_a_tier_is_compared_with_the_tier_before() {
    let mut world = world(&[(0, 3_000), (1, 500)], None);
    for exec in 1..=10 {
        let fees = execution(&mut world, exec, 300 * MICRO, USD);
        assert_eq!((fees.as_configured, fees.drifted), (exec as u64, 0));
    }
    assert_eq!((terms(&world).tier, terms(&world).volume.as_deref()), (Some(1), Some("1")));
    let fees = execution(&mut world, 11, 50 * MICRO, USD);
    assert_eq!((fees.as_configured, fees.drifted), (11, 0), "0.00005 are 500 ppm");
    let fees = execution(&mut world, 12, 300 * MICRO, USD);
    let drift = fees.newest_drift.expect("the venue has not noticed");
    assert_eq!((drift.configured_ppm, drift.charged_ppm), (500, Some(3_000)));
}

#[test]
fn a_fee_of_the_account_is_what_its_executions_are_compared_with() {
    let mut world = world(&[(0, 3_000)], None);
    let (account, instrument, maker) = (AccountId(0), None, FeePpm(0));
    let taker = FeePpm(700);
    let def = AccountFeeDef { account, venue: V0, instrument, maker, taker };
    world.input(Input::AccountFee(def));
    let fees = execution(&mut world, 1, 70 * MICRO, USD);
    assert_eq!((fees.as_configured, fees.drifted), (1, 0));
    let fees = execution(&mut world, 2, 300 * MICRO, USD);
    assert_eq!(fees.newest_drift.expect("drifted").configured_ppm, 700);
}

#[test]
fn a_fee_in_the_token_is_compared_by_its_value() {
    let token = FeeTokenDef { asset: ETH, discount_ppm: 250_000, least: Amount(UNIT) };
    let mut world = world(&[], Some(token));
    // 2,000 ppm of 0.1 less a quarter are 0.00015, which are 0.000075 at a price of 2.00.
    let fees = execution(&mut world, 1, 75 * MICRO, ETH);
    assert_eq!((fees.as_configured, fees.drifted, fees.not_compared), (1, 0, 0));
    let fees = execution(&mut world, 2, 76 * MICRO, ETH);
    assert_eq!((fees.as_configured, fees.drifted), (2, 0), "within a fiftieth");
    let fees = execution(&mut world, 3, 101 * MICRO, ETH);
    let drift = fees.newest_drift.expect("no discount was given");
    assert_eq!((drift.configured_ppm, drift.charged_ppm), (1_500, Some(2_020)));
    let fees = execution(&mut world, 4, MICRO * 3 / 2, BTC);
    let drift = fees.newest_drift.expect("the rate is right, and the asset is not");
    assert_eq!((drift.asset.as_str(), drift.charged_ppm), ("BTC", Some(1_500)));
}

#[test]
fn without_a_price_of_the_token_its_fee_is_not_compared() {
    let token = FeeTokenDef { asset: ETH, discount_ppm: 250_000, least: Amount(UNIT) };
    let mut world = world(&[], Some(token));
    for venue in (0..crate::world::VENUES).map(VenueId) {
        let (instrument, reason) = (InstrumentId(1), Distrust::Gap);
        world.input(Input::BookDistrusted { venue, instrument, reason });
    }
    world.now += 6_000_000_000;
    let fees = execution(&mut world, 1, 75 * MICRO, ETH);
    assert_eq!((fees.as_configured, fees.drifted, fees.not_compared), (0, 0, 1));
}

#[test]
fn when_the_token_has_run_out_the_whole_fee_is_expected_where_the_listing_takes_it() {
    let token = FeeTokenDef { asset: ETH, discount_ppm: 250_000, least: Amount(UNIT) };
    let mut world = world(&[(0, 3_000), (9_000, 100)], Some(token));
    let row = FeeTokenRow {
        asset: "ETH".to_owned(),
        discount_ppm: 250_000,
        least: "1".to_owned(),
        in_use: true,
    };
    let expected = FeeTermsRow {
        tier: Some(0),
        tiers: 2,
        maker_fee_ppm: Some(-5),
        taker_fee_ppm: Some(3_000),
        volume: Some("0".to_owned()),
        volume_asset: Some("USD".to_owned()),
        next_tier_from: Some("9000".to_owned()),
        not_counted: 0,
        token: Some(row.clone()),
    };
    assert_eq!(terms(&world), expected);
    world.input(Input::Balance { venue: V0, asset: ETH, total: Amount(UNIT - 1) });
    assert_eq!(terms(&world).token, Some(FeeTokenRow { in_use: false, ..row }));
    let fees = execution(&mut world, 1, 300 * MICRO, USD);
    assert_eq!((fees.as_configured, fees.drifted), (1, 0));
    let fees = execution(&mut world, 2, 112 * MICRO, ETH);
    assert_eq!((fees.as_configured, fees.drifted), (1, 1), "a discount that was not expected");
}
