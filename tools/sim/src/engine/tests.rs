//! Tests of the matching engine: seeded random flow, and each rule by itself.

use std::sync::Arc;

use super::super::random::Random;
use super::*;

const UNIT: Amount = 10_000_000_000_000_000;
const BASE: AssetId = AssetId(0);
const QUOTE: AssetId = AssetId(1);
const PAIR: InstrumentId = InstrumentId(0);
const ANN: AccountId = AccountId(0);
const BOB: AccountId = AccountId(1);
const CAT: AccountId = AccountId(2);

/// Price with 2 decimals, quantity with 3; tick 0.05, lot 0.010, minimum notional 1.00.
fn instrument() -> InstrumentConfig {
    InstrumentConfig {
        symbol: "AB".to_owned(),
        base: "A".to_owned(),
        quote: "B".to_owned(),
        price_decimals: 2,
        quantity_decimals: 3,
        tick: 5,
        lot: 10,
        min_price: 5,
        max_price: 1_000_000,
        min_quantity: 10,
        max_quantity: 1_000_000,
        max_market_quantity: 500_000,
        min_notional: UNIT,
        price_band: None,
        max_open_orders: 50,
    }
}

fn exchange(fee_asset: FeeAsset) -> Exchange {
    let account = |name: &str| AccountConfig {
        name: name.to_owned(),
        balances: vec![("A".to_owned(), 1_000 * UNIT), ("B".to_owned(), 100_000 * UNIT)],
        background: false,
    };
    Exchange::new(ExchangeConfig {
        instruments: vec![instrument()],
        accounts: vec![account("ann"), account("bob"), account("cat")],
        maker_fee_ppm: 1_000,
        taker_fee_ppm: 2_500,
        fee_asset,
        fee_decimals: 8,
        post_only_cross: PostOnlyCross::Refuse,
        amend_rule: AmendRule::DownOnly,
        first_order_id: 1,
        first_trade_id: 1,
        first_exec_id: 1,
    })
    .unwrap()
}

fn limit(account: AccountId, side: Side, price: i64, quantity: i64) -> NewOrder {
    NewOrder {
        account,
        instrument: PAIR,
        client_id: Arc::from(""),
        side,
        kind: OrderKind::Limit,
        tif: Tif::Gtc,
        post_only: false,
        price,
        size: OrderSize::Base(quantity),
        stp: Stp::Allow,
        tag: 0,
    }
}

fn market(account: AccountId, side: Side, size: OrderSize) -> NewOrder {
    NewOrder { kind: OrderKind::Market, price: 0, size, ..limit(account, side, 0, 0) }
}

/// The reports as short texts: account, kind, last or remaining quantity.
fn reports(exchange: &mut Exchange) -> Vec<String> {
    let mut words = Vec::new();
    while let Some(event) = exchange.next_event() {
        if let Event::Report(r) = event {
            let word = match r.kind {
                ReportKind::Accepted => "new".to_owned(),
                ReportKind::Trade(f) => format!("{}@{}", f.quantity, f.price),
                ReportKind::Canceled => format!("canceled {:?}", r.order.end.unwrap()),
                ReportKind::Expired => format!("expired {:?}", r.order.end.unwrap()),
                ReportKind::Amended { .. } => format!("amended {}", r.order.quantity),
            };
            words.push(format!("{} {word}", r.order.account.0));
        }
    }
    words
}

#[test]
fn better_price_then_earlier_order_trades_first() {
    let mut e = exchange(FeeAsset::Received);
    e.place(1, &limit(ANN, Side::Sell, 1_005, 1_000)).unwrap();
    e.place(2, &limit(BOB, Side::Sell, 1_000, 1_000)).unwrap();
    e.place(3, &limit(ANN, Side::Sell, 1_000, 1_000)).unwrap();
    reports(&mut e);
    e.place(4, &limit(CAT, Side::Buy, 1_005, 2_500)).unwrap();
    let seen = reports(&mut e);
    let makers: Vec<_> = seen.iter().filter(|w| !w.starts_with('2')).collect();
    assert_eq!(makers, ["1 1000@1000", "0 1000@1000", "0 500@1005"]);
    assert_eq!(e.best(PAIR, Side::Sell), Some(1_005));
    assert_eq!(e.quantity_at(PAIR, Side::Sell, 1_005), 500);
}

#[test]
fn each_side_pays_its_fee_out_of_what_it_receives() {
    let mut e = exchange(FeeAsset::Received);
    e.place(1, &limit(ANN, Side::Sell, 1_000, 2_000)).unwrap();
    e.place(2, &limit(BOB, Side::Buy, 1_000, 2_000)).unwrap();
    // 2 A for 20 B: the taker pays 0.25 % of 2 A, the maker 0.1 % of 20 B.
    assert_eq!(e.balance(BOB, BASE).free, 1_002 * UNIT - UNIT / 200);
    assert_eq!(e.balance(BOB, QUOTE).free, 99_980 * UNIT);
    assert_eq!(e.balance(ANN, QUOTE).free, 100_020 * UNIT - UNIT / 50);
    assert_eq!(e.balance(ANN, BASE), Balance { free: 998 * UNIT, locked: 0 });
}

#[test]
fn a_buyer_pays_quote_fees_on_top_and_locks_them_while_waiting() {
    let mut e = exchange(FeeAsset::Quote);
    e.place(1, &limit(BOB, Side::Buy, 1_000, 2_000)).unwrap();
    // 20 B plus 0.25 %.
    assert_eq!(e.balance(BOB, QUOTE).locked, 20 * UNIT + UNIT / 20);
    e.place(2, &limit(ANN, Side::Sell, 1_000, 2_000)).unwrap();
    assert_eq!(e.balance(BOB, QUOTE), Balance { free: 99_980 * UNIT - UNIT / 50, locked: 0 });
    assert_eq!(e.balance(BOB, BASE).free, 1_002 * UNIT);
    assert_eq!(e.balance(ANN, QUOTE).free, 100_020 * UNIT - UNIT / 20);
}

#[test]
fn ioc_takes_what_is_there_and_expires() {
    let mut e = exchange(FeeAsset::Received);
    e.place(1, &limit(ANN, Side::Sell, 1_000, 300)).unwrap();
    reports(&mut e);
    let ioc = NewOrder { tif: Tif::Ioc, ..limit(BOB, Side::Buy, 1_000, 500) };
    e.place(2, &ioc).unwrap();
    assert_eq!(reports(&mut e), ["1 new", "0 300@1000", "1 300@1000", "1 expired Ioc"]);
    assert_eq!(e.best(PAIR, Side::Buy), None);
    assert_eq!(e.balance(BOB, QUOTE).locked, 0);
}

#[test]
fn fok_fills_whole_or_touches_nothing() {
    let mut e = exchange(FeeAsset::Received);
    e.place(1, &limit(ANN, Side::Sell, 1_000, 300)).unwrap();
    reports(&mut e);
    let fok = |quantity| NewOrder { tif: Tif::Fok, ..limit(BOB, Side::Buy, 1_000, quantity) };
    e.place(2, &fok(310)).unwrap();
    assert_eq!(reports(&mut e), ["1 new", "1 expired Fok"]);
    assert_eq!(e.quantity_at(PAIR, Side::Sell, 1_000), 300);
    e.place(3, &fok(300)).unwrap();
    assert_eq!(reports(&mut e), ["1 new", "0 300@1000", "1 300@1000"]);
}

#[test]
fn post_only_never_takes() {
    let mut e = exchange(FeeAsset::Received);
    e.place(1, &limit(ANN, Side::Sell, 1_000, 300)).unwrap();
    let post = |price| NewOrder { post_only: true, ..limit(BOB, Side::Buy, price, 300) };
    assert_eq!(e.place(2, &post(1_000)), Err(Refusal::WouldMatch));
    assert!(e.place(3, &post(995)).is_ok());
    reports(&mut e);
    e.config.post_only_cross = PostOnlyCross::Cancel;
    e.place(4, &post(1_000)).unwrap();
    assert_eq!(reports(&mut e), ["1 new", "1 canceled PostOnly"]);
}

#[test]
fn market_order_sized_in_quote_spends_whole_lots() {
    let mut e = exchange(FeeAsset::Received);
    e.place(1, &limit(ANN, Side::Sell, 1_000, 1_000)).unwrap();
    e.place(2, &limit(ANN, Side::Sell, 2_000, 5_000)).unwrap();
    reports(&mut e);
    // 10 B buy 1 A at 10, 5.25 B buy 0.26 A (26 lots of 0.01) at 20 and leave 0.05 B.
    let id = e.place(3, &market(BOB, Side::Buy, OrderSize::Quote(15 * UNIT + UNIT / 4))).unwrap();
    let order = e.order(BOB, OrderRef::Id(id)).unwrap();
    assert_eq!((order.status, order.filled), (OrderStatus::Filled, 1_260));
    assert_eq!(order.filled_quote, 15 * UNIT + UNIT / 5);
}

#[test]
fn market_order_beyond_the_book_expires_and_beyond_the_purse_is_refused() {
    let mut e = exchange(FeeAsset::Quote);
    e.place(1, &limit(ANN, Side::Sell, 1_000, 1_000)).unwrap();
    reports(&mut e);
    e.place(2, &market(BOB, Side::Buy, OrderSize::Base(1_500))).unwrap();
    let seen = reports(&mut e);
    assert_eq!(seen, ["1 new", "0 1000@1000", "1 1000@1000", "1 expired NoLiquidity"]);
    e.place(3, &limit(ANN, Side::Sell, 900_000, 100_000)).unwrap();
    let dear = market(BOB, Side::Buy, OrderSize::Base(100_000));
    assert_eq!(e.place(4, &dear), Err(Refusal::InsufficientBalance));
}

#[test]
fn what_the_instrument_forbids_is_refused_by_name() {
    let mut e = exchange(FeeAsset::Received);
    let mut refused = |order: &NewOrder| e.place(1, order).unwrap_err();
    assert_eq!(refused(&limit(ANN, Side::Buy, 1_001, 1_000)), Refusal::PriceFilter);
    assert_eq!(refused(&limit(ANN, Side::Buy, 0, 1_000)), Refusal::PriceFilter);
    assert_eq!(refused(&limit(ANN, Side::Buy, 1_000_005, 1_000)), Refusal::PriceFilter);
    assert_eq!(refused(&limit(ANN, Side::Buy, 1_000, 1_005)), Refusal::LotSize);
    assert_eq!(refused(&limit(ANN, Side::Buy, 1_000, -10)), Refusal::LotSize);
    assert_eq!(refused(&limit(ANN, Side::Buy, 1_000, 90)), Refusal::MinNotional);
    assert_eq!(refused(&limit(ANN, Side::Buy, 1_000_000, 11_000)), Refusal::InsufficientBalance);
    let big = market(ANN, Side::Buy, OrderSize::Base(500_010));
    assert_eq!(refused(&big), Refusal::MarketLotSize);
    let tiny = market(ANN, Side::Buy, OrderSize::Quote(UNIT / 2));
    assert_eq!(refused(&tiny), Refusal::MinNotional);
}

#[test]
fn client_id_is_unique_among_open_orders_only() {
    let mut e = exchange(FeeAsset::Received);
    let named = NewOrder { client_id: Arc::from("x"), ..limit(ANN, Side::Buy, 1_000, 1_000) };
    let first = e.place(1, &named).unwrap();
    assert_eq!(e.place(2, &named), Err(Refusal::DuplicateClientId));
    let other = NewOrder { account: BOB, ..named.clone() };
    assert!(e.place(3, &other).is_ok(), "ids are each account's own");
    e.cancel(4, ANN, OrderRef::Client("x"), CancelOnly::Any, None).unwrap();
    assert_eq!(e.order(ANN, OrderRef::Client("x")).unwrap().id, first, "closed is still found");
    let second = e.place(5, &named).unwrap();
    assert_eq!(e.order(ANN, OrderRef::Client("x")).unwrap().id, second);
    assert!(e.order(ANN, OrderRef::Both(first, "x")).is_none());
    assert!(e.order(BOB, OrderRef::Id(second)).is_none(), "other accounts' orders are unseen");
}

#[test]
fn cancel_restrictions_look_at_fills() {
    let mut e = exchange(FeeAsset::Received);
    let id = e.place(1, &limit(ANN, Side::Sell, 1_000, 1_000)).unwrap();
    let cancel = |e: &mut Exchange, only| e.cancel(2, ANN, OrderRef::Id(id), only, None);
    let refused = cancel(&mut e, CancelOnly::PartiallyFilled).unwrap_err();
    assert_eq!(refused, Refusal::CancelRestricted);
    e.place(3, &limit(BOB, Side::Buy, 1_000, 500)).unwrap();
    assert_eq!(cancel(&mut e, CancelOnly::New).unwrap_err(), Refusal::CancelRestricted);
    let ended = cancel(&mut e, CancelOnly::PartiallyFilled).unwrap();
    assert_eq!((ended.status, ended.filled, ended.leaves()), (OrderStatus::Canceled, 500, 0));
    assert_eq!(cancel(&mut e, CancelOnly::Any).unwrap_err(), Refusal::UnknownOrder);
}

#[test]
fn amend_down_keeps_priority_and_frees_funds() {
    let mut e = exchange(FeeAsset::Received);
    let first = e.place(1, &limit(ANN, Side::Sell, 1_000, 1_000)).unwrap();
    e.place(2, &limit(BOB, Side::Sell, 1_000, 1_000)).unwrap();
    let to = |quantity| Amend { quantity: Some(quantity), ..Amend::default() };
    let amend = |e: &mut Exchange, a: &Amend| e.amend(3, ANN, OrderRef::Id(first), a);
    assert_eq!(amend(&mut e, &to(1_010)).unwrap_err(), Refusal::AmendIncrease);
    assert_eq!(amend(&mut e, &to(1_000)).unwrap_err(), Refusal::AmendNoChange);
    assert_eq!(amend(&mut e, &to(400)).unwrap().quantity, 400);
    assert_eq!(e.balance(ANN, BASE).locked, UNIT * 2 / 5);
    reports(&mut e);
    e.place(4, &limit(CAT, Side::Buy, 1_000, 400)).unwrap();
    assert_eq!(reports(&mut e)[1], "0 400@1000", "the amended order is still first");
}

#[test]
fn amend_of_price_loses_priority_and_may_take() {
    let mut e = exchange(FeeAsset::Quote);
    e.config.amend_rule = AmendRule::Any;
    e.place(1, &limit(BOB, Side::Sell, 1_050, 1_000)).unwrap();
    let id = e.place(2, &limit(ANN, Side::Buy, 1_000, 1_000)).unwrap();
    reports(&mut e);
    let amend = Amend { price: Some(1_050), quantity: Some(600), client_id: None };
    e.amend(3, ANN, OrderRef::Id(id), &amend).unwrap();
    assert_eq!(reports(&mut e), ["0 amended 600", "1 600@1050", "0 600@1050"]);
    let id = e.place(4, &limit(ANN, Side::Buy, 1_000, 1_000)).unwrap();
    e.place(5, &limit(CAT, Side::Sell, 1_000, 400)).unwrap();
    let amend = Amend { quantity: Some(400), ..Amend::default() };
    let ended = e.amend(6, ANN, OrderRef::Id(id), &amend).unwrap();
    assert_eq!((ended.status, ended.end), (OrderStatus::Canceled, Some(EndReason::Amend)));
}

#[test]
fn self_trade_prevention_ends_the_side_that_the_taker_chose() {
    for (stp, taker, maker) in [
        (Stp::Allow, OrderStatus::Filled, OrderStatus::Filled),
        (Stp::ExpireTaker, OrderStatus::ExpiredInMatch, OrderStatus::New),
        (Stp::ExpireMaker, OrderStatus::New, OrderStatus::ExpiredInMatch),
        (Stp::ExpireBoth, OrderStatus::ExpiredInMatch, OrderStatus::ExpiredInMatch),
    ] {
        let mut e = exchange(FeeAsset::Received);
        let resting = e.place(1, &limit(ANN, Side::Sell, 1_000, 1_000)).unwrap();
        let order = NewOrder { stp, ..limit(ANN, Side::Buy, 1_000, 1_000) };
        let incoming = e.place(2, &order).unwrap();
        let status = |id| e.order(ANN, OrderRef::Id(id)).unwrap().status;
        assert_eq!((status(incoming), status(resting)), (taker, maker), "{stp:?}");
    }
}

#[test]
fn a_halted_market_takes_nothing_and_a_closing_one_only_cancels() {
    let mut e = exchange(FeeAsset::Received);
    let id = e.place(1, &limit(ANN, Side::Sell, 1_000, 1_000)).unwrap();
    e.set_trading(PAIR, Trading::Halted);
    let order = limit(BOB, Side::Buy, 1_000, 1_000);
    assert_eq!(e.place(2, &order), Err(Refusal::MarketClosed));
    e.set_trading(PAIR, Trading::CancelOnly);
    assert_eq!(e.place(2, &order), Err(Refusal::CancelOnly));
    assert!(e.cancel(3, ANN, OrderRef::Id(id), CancelOnly::Any, None).is_ok());
}

#[test]
fn open_orders_are_limited_per_instrument() {
    let mut e = exchange(FeeAsset::Received);
    for _ in 0..50 {
        e.place(1, &limit(ANN, Side::Buy, 1_000, 100)).unwrap();
    }
    assert_eq!(e.place(2, &limit(ANN, Side::Buy, 1_000, 100)), Err(Refusal::MaxOpenOrders));
    assert_eq!(e.cancel_all(3, ANN, None, None).len(), 50);
    assert_eq!(e.balance(ANN, QUOTE).locked, 0);
}

#[test]
fn a_configuration_that_could_overflow_is_refused() {
    let mut bad = instrument();
    bad.price_decimals = 14;
    let config = ExchangeConfig {
        instruments: vec![bad],
        accounts: Vec::new(),
        ..exchange(FeeAsset::Quote).config
    };
    assert!(matches!(Exchange::new(config), Err(ConfigError::Instrument(..))));
}

fn random_order(random: &mut Random) -> NewOrder {
    let account = AccountId(random.below(3) as u32);
    let side = if random.below(2) == 0 { Side::Buy } else { Side::Sell };
    let quantity = random.between(1, 60) * 50;
    let mut order = limit(account, side, random.between(180, 220) * 5, quantity);
    order.stp =
        [Stp::Allow, Stp::ExpireTaker, Stp::ExpireMaker, Stp::ExpireBoth][random.below(4) as usize];
    match random.below(8) {
        0 => order.tif = Tif::Ioc,
        1 => order.tif = Tif::Fok,
        2 => order.post_only = true,
        3 => order.kind = OrderKind::Market,
        4 => {
            order.kind = OrderKind::Market;
            order.size = OrderSize::Quote(Amount::from(random.between(1, 900)) * UNIT / 7);
        }
        _ => {}
    }
    order
}

fn random_step(e: &mut Exchange, now: u64, random: &mut Random) {
    let account = AccountId(random.below(3) as u32);
    let open: Vec<u64> = e.open_orders(account, None).map(|o| o.id).collect();
    let pick = open.get(random.below(open.len() as u64) as usize).copied().unwrap_or(0);
    match random.below(10) {
        0..=1 => drop(e.cancel(now, account, OrderRef::Id(pick), CancelOnly::Any, None)),
        2 => {
            let amend = Amend {
                quantity: Some(random.between(1, 60) * 50),
                price: (random.below(2) == 0).then(|| random.between(180, 220) * 5),
                client_id: None,
            };
            drop(e.amend(now, account, OrderRef::Id(pick), &amend));
        }
        _ => drop(e.place(now, &random_order(random))),
    }
}

/// Rebuilds the book from level changes.
#[derive(Default)]
struct Replica {
    bids: std::collections::BTreeMap<i64, i64>,
    asks: std::collections::BTreeMap<i64, i64>,
    last: u64,
}

impl Replica {
    fn apply(&mut self, change: &LevelChange) {
        assert_eq!(change.update_id, self.last + 1, "update ids have no gaps");
        self.last = change.update_id;
        let side = if change.side == Side::Buy { &mut self.bids } else { &mut self.asks };
        if change.quantity == 0 {
            side.remove(&change.price);
        } else {
            side.insert(change.price, change.quantity);
        }
    }
}

fn check(e: &Exchange, replica: &Replica, seed: u64) {
    for asset in [BASE, QUOTE] {
        let put_in = 3 * if asset == BASE { 1_000 } else { 100_000 } * UNIT;
        let now = e.total_held(asset) + e.fees_collected(asset);
        assert_eq!(now, put_in, "seed {seed}: money made or lost");
        for account in [ANN, BOB, CAT] {
            let balance = e.balance(account, asset);
            assert!(balance.free >= 0 && balance.locked >= 0, "seed {seed}: {balance:?}");
            let side = if asset == BASE { Side::Sell } else { Side::Buy };
            let held: Amount =
                e.open_orders(account, None).filter(|o| o.side == side).map(|o| o.locked).sum();
            assert_eq!(held, balance.locked, "seed {seed}: locked is what open orders hold");
        }
    }
    if let (Some(bid), Some(ask)) = (e.best(PAIR, Side::Buy), e.best(PAIR, Side::Sell)) {
        assert!(bid < ask, "seed {seed}: crossed {bid} {ask}");
    }
    let bids: Vec<_> = replica.bids.iter().rev().map(|(p, q)| (*p, *q)).collect();
    let asks: Vec<_> = replica.asks.iter().map(|(p, q)| (*p, *q)).collect();
    assert_eq!(e.depth(PAIR, Side::Buy, usize::MAX), bids, "seed {seed}");
    assert_eq!(e.depth(PAIR, Side::Sell, usize::MAX), asks, "seed {seed}");
}

#[test]
fn random_flow_keeps_money_book_and_update_ids_consistent() {
    for seed in 0..40 {
        let rule = if seed % 2 == 0 { AmendRule::Any } else { AmendRule::DownOnly };
        let fee = if seed % 4 < 2 { FeeAsset::Received } else { FeeAsset::Quote };
        let mut e = exchange(fee);
        e.config.amend_rule = rule;
        let mut random = Random::new(seed);
        let mut replica = Replica::default();
        for now in 0..400 {
            random_step(&mut e, now, &mut random);
            while let Some(event) = e.next_event() {
                if let Event::Level(change) = event {
                    replica.apply(&change);
                }
            }
            check(&e, &replica, seed);
        }
        assert!(e.last_price(PAIR).is_some(), "seed {seed}: nothing ever traded");
    }
}

#[test]
fn the_same_calls_give_the_same_events() {
    let run = || {
        let mut e = exchange(FeeAsset::Received);
        let mut random = Random::new(99);
        (0..500).for_each(|now| random_step(&mut e, now, &mut random));
        std::iter::from_fn(|| e.next_event()).map(|event| format!("{event:?}")).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}
