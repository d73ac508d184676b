//! The model's money and exposures are the core's while orders go over a bridge.

use rutter_admin::model::{ReadModel, Sizes};
use rutter_core::Engine;
use rutter_core::bridge::{BridgeWord, Exposure};
use rutter_core::hash::Rolling;
use rutter_core::id::*;
use rutter_core::input::*;
use rutter_core::ledger::Ledger;
use rutter_core::number::*;
use rutter_test_support::reference;
use rutter_test_support::reference::UNIT;

const VENUE: VenueId = VenueId(0);
const FUND: AccountId = AccountId(0);
const HOUSE: AccountId = AccountId(1);

struct Node {
    engine: Engine,
    model: ReadModel,
    seq: u64,
}

impl Node {
    /// A venue, BTC/USD at 101, BTC/USDT at 99 and USDT/USD at 1, with a bridge.
    fn new() -> Self {
        let genesis = reference::genesis();
        let engine = Engine::new(&genesis).expect("sound");
        let mut node = Self { engine, model: ReadModel::new(Sizes::of(&genesis)), seq: 0 };
        let (btc, usd, usdt) = (AssetId(0), AssetId(1), AssetId(2));
        for (id, name) in (0..).zip(["BTC", "USD", "USDT"]) {
            node.input(&Input::Asset(reference::asset(id, name)));
        }
        let pairs = [("BTC/USD", btc, usd), ("BTC/USDT", btc, usdt), ("USDT/USD", usdt, usd)];
        for (id, (symbol, base, quote)) in (0..).zip(pairs) {
            node.input(&Input::Instrument(reference::instrument(id, symbol, base, quote)));
        }
        node.input(&Input::Venue(reference::venue(0, "v0")));
        for id in 0..3 {
            node.input(&Input::Listing(reference::listing(VENUE, InstrumentId(id))));
        }
        node.input(&Input::Account(reference::account(0, "fund")));
        node.input(&Input::Account(reference::account(1, "house")));
        node.input(&Input::Session(reference::session(0, "DESK", Some(FUND))));
        node.input(&Input::Bridge(BridgeDef {
            account: FUND,
            desk: HOUSE,
            instrument: InstrumentId(0),
            via: InstrumentId(1),
            conversion: InstrumentId(2),
            basis_ppm: 50_000,
            legging_max: Amount(1_000 * UNIT),
        }));
        node.input(&Input::NodeStarted);
        for asset in [btc, usd, usdt] {
            node.input(&Input::Balance { venue: VENUE, asset, total: Amount(1_000_000 * UNIT) });
        }
        node.input(&Input::VenueUp(VENUE));
        for (id, bid, ask) in [(0, 10_080, 10_100), (1, 9_890, 9_900), (2, 100, 100)] {
            let mut book = BookUpdate {
                venue: VENUE,
                instrument: InstrumentId(id),
                clear: true,
                last: true,
                ..BookUpdate::default()
            };
            let level = |price| Level { price: Price(price), qty: Qty(900_000) };
            assert!(book.push(Side::Buy, level(bid - i64::from(id == 2))));
            assert!(book.push(Side::Sell, level(ask)));
            node.input(&Input::Book(book));
        }
        node
    }

    /// Applies an input; the model is the core's copy after each.
    fn input(&mut self, input: &Input) {
        self.seq += 1;
        let header = Header { seq: self.seq, time: UnixNanos(1_000_000_000 + self.seq) };
        self.engine.apply(header, input, &mut self.model);
        let [ours, theirs] = [self.model.ledger(), self.engine.ledger()].map(digest);
        assert_eq!(ours, theirs, "{input:?}: {:?}", self.model.ledger());
        let told = |of: &Exposure| Exposure { tried_at: UnixNanos(0), ..*of };
        let open = |of: &&Exposure| of.amount != Amount::ZERO || of.pending != Amount::ZERO;
        let theirs: Vec<_> = self.engine.exposures().iter().filter(open).map(told).collect();
        assert_eq!(self.model.exposures().map(told).collect::<Vec<_>>(), theirs, "{input:?}");
    }

    fn fill(&mut self, child: u64, (qty, price): (i64, i64), fee: (u16, i128)) {
        let known = *self.engine.child(ChildId(child)).expect("sent");
        self.input(&Input::ChildFill(ChildFill {
            venue: VENUE,
            child: ChildId(child),
            instrument: known.instrument,
            side: known.side,
            exec: ExecId(u128::from(self.seq)),
            qty: Qty(qty),
            price: Price(price),
            fee: Amount(fee.1),
            fee_asset: AssetId(fee.0),
            liquidity: Liquidity::Taker,
        }));
    }
}

fn digest(ledger: &Ledger) -> u64 {
    let mut hash = Rolling::new(1);
    ledger.mix(&mut hash);
    hash.value()
}

#[test]
fn the_model_books_both_legs_and_shows_what_is_not_converted() {
    let mut node = Node::new();
    let (ord_type, tif, price) = (OrdType::Market, TimeInForce::Ioc, Price(0));
    let order = NewOrder { ord_type, tif, price, qty: Qty(100), ..reference::buy("a") };
    node.input(&Input::NewOrder(order));
    node.fill(1, (60, 9_900), (2, UNIT / 100));
    let rows = node.model.exposure_rows();
    assert_eq!((rows[0].id, rows[0].amount.as_str(), rows[0].side), (1, "5.95", "buy"));
    assert_eq!((rows[0].asset.as_str(), rows[0].account.as_str()), ("USDT", "fund"));
    assert_eq!(rows[0].why, BridgeWord::Converting.word());
    assert_eq!(node.model.status().exposures, rows);
    // One leg fills beyond its order, with a fee in the base asset; the other in two parts.
    node.fill(1, (70, 9_900), (0, UNIT / 1_000));
    node.fill(2, (2_000, 100), (1, UNIT / 10));
    node.fill(2, (3_950, 100), (2, UNIT / 50));
    assert!(node.model.exposure(1).is_some());
    assert_eq!(node.model.bridges().len(), 1);
}
