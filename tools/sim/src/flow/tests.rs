//! Tests of the background market: seeded, moving, shared by venues.

use super::super::engine::{
    AccountConfig, AmendRule, Exchange, ExchangeConfig, FeeAsset, InstrumentConfig, PostOnlyCross,
};
use super::*;

const STEP_NS: u64 = 50_000_000;
const UNIT: i128 = 10_000_000_000_000_000;

fn venue(price_decimals: u32, tick: i64, salt: u64) -> (Exchange, Flow) {
    let account = |name: &str| AccountConfig {
        name: name.to_owned(),
        balances: vec![
            ("BTC".to_owned(), 1_000_000 * UNIT),
            ("USD".to_owned(), 100_000_000_000 * UNIT),
        ],
        background: true,
    };
    let exchange = Exchange::new(ExchangeConfig {
        instruments: vec![InstrumentConfig {
            symbol: "BTCUSD".to_owned(),
            base: "BTC".to_owned(),
            quote: "USD".to_owned(),
            price_decimals,
            quantity_decimals: 8,
            tick,
            lot: 1_000,
            min_price: tick,
            max_price: 10_000_000 * 10i64.pow(price_decimals),
            min_quantity: 1_000,
            max_quantity: 900_000_000_000,
            max_market_quantity: 900_000_000_000,
            min_notional: 0,
            price_band: None,
            max_open_orders: 200,
        }],
        accounts: vec![account("maker"), account("taker")],
        maker_fee_ppm: 0,
        taker_fee_ppm: 0,
        fee_asset: FeeAsset::Quote,
        fee_decimals: 8,
        post_only_cross: PostOnlyCross::Refuse,
        amend_rule: AmendRule::Any,
        first_order_id: 1,
        first_trade_id: 1,
        first_exec_id: 1,
    })
    .unwrap();
    let flow = Flow::new(FlowConfig {
        seed: 5,
        venue_salt: salt,
        start_ns: 1_000,
        step_ns: STEP_NS,
        maker: AccountId(0),
        taker: AccountId(1),
        instruments: vec![FlowInstrument {
            instrument: InstrumentId(0),
            fundamental: 1,
            start_price_e8: 60_000 * 100_000_000,
            volatility_ppm: 200,
            half_spread_ticks: 5 * 10i64.pow(price_decimals) / 10 / tick,
            noise_ticks: 3,
            levels: 10,
            deep_levels: 0,
            level_gap_ticks: 10i64.pow(price_decimals) / tick,
            quote_lots: (1_000, 100_000),
            refresh_ppm: 50_000,
            taker_ppm: 300_000,
            taker_lots: (100, 50_000),
        }],
    });
    (exchange, flow)
}

const PAIR: InstrumentId = InstrumentId(0);

/// The books of two venues of one seed stay near each other in money, although their ticks differ.
#[test]
fn venues_of_one_seed_quote_around_one_price() {
    let (mut a, mut flow_a) = venue(8, 1_000_000, 1);
    let (mut b, mut flow_b) = venue(1, 1, 2);
    let mut moved = std::collections::BTreeSet::new();
    for step in 0..400 {
        let now = 1_000 + step * STEP_NS;
        flow_a.on_timer(now, &mut a);
        flow_b.on_timer(now, &mut b);
        let true_price = flow_a.fundamental_e8(PAIR).unwrap();
        assert_eq!(Some(true_price), flow_b.fundamental_e8(PAIR));
        moved.insert(true_price);
        for (exchange, scale) in [(&a, 1), (&b, 10_000_000)] {
            let bid = exchange.best(PAIR, Side::Buy).unwrap() * scale;
            let ask = exchange.best(PAIR, Side::Sell).unwrap() * scale;
            assert!(bid < ask);
            assert!((bid - true_price).abs() < 20 * 100_000_000, "{bid} far from {true_price}");
        }
    }
    assert!(moved.len() > 300, "the price hardly moved");
    assert!(a.trades(PAIR).len() > 50 && b.trades(PAIR).len() > 50);
    assert_ne!(a.trades(PAIR).len(), b.trades(PAIR).len(), "the venues have takers of their own");
}

#[test]
fn a_late_timer_catches_up_to_the_same_price() {
    let (mut a, mut flow_a) = venue(1, 1, 1);
    let (mut b, mut flow_b) = venue(1, 1, 1);
    for step in 0..1_000 {
        flow_a.on_timer(1_000 + step * STEP_NS, &mut a);
    }
    flow_b.on_timer(1_000 + 999 * STEP_NS, &mut b);
    assert_eq!(flow_a.fundamental_e8(PAIR), flow_b.fundamental_e8(PAIR));
    assert_eq!(flow_a.next_ns(), flow_b.next_ns());
}

/// Deep quotes stay where they are while the middle moves, and are as many as asked for.
#[test]
fn a_deep_book_follows_the_middle_without_being_quoted_anew() {
    const DEEP: usize = 500;
    let (mut exchange, flow) = venue(8, 1_000_000, 1);
    let mut config = flow.config;
    config.instruments[0].deep_levels = DEEP as u32;
    let mut flow = Flow::new(config);
    let mut before = std::collections::BTreeMap::new();
    for step in 0..200 {
        flow.on_timer(1_000 + step * STEP_NS, &mut exchange);
        let mut now = std::collections::BTreeMap::new();
        for side in [Side::Buy, Side::Sell] {
            let levels = exchange.depth(PAIR, side, usize::MAX);
            assert!((DEEP..=DEEP + 10).contains(&levels.len()), "{} levels", levels.len());
            now.extend(levels.into_iter().skip(20));
        }
        let changed = now.iter().filter(|(price, qty)| before.get(*price) != Some(*qty)).count();
        assert!(step == 0 || changed < DEEP / 4, "step {step}: {changed} deep levels changed");
        before = now;
    }
    let (bid, ask) = (exchange.best(PAIR, Side::Buy), exchange.best(PAIR, Side::Sell));
    assert!(bid < ask);
}
