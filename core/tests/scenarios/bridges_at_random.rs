//! Bridges while everything happens at random: books move, venues fill in part, refuse, fall silent
//! and come back, the node is halted and starts again, definitions change.
//!
//! Held after each input: never more is filled or out than was ordered; what is not converted stays
//! within the legging limit; each asset that the venues have moved is with some account.

use std::collections::BTreeMap;

use rutter_core::bridge::BridgeWord;
use rutter_core::id::{AssetId, ChildId, ExecId, InstrumentId, VenueId};
use rutter_core::input::*;
use rutter_core::number::{Amount, Qty};
use rutter_core::output::{Notice, Output};
use rutter_test_support::random::Random;
use rutter_test_support::seeds;

use crate::bridges::{FUND, HOUSE, RATE, USDT, VIA, book_of, booked, bridge, bridged};
use crate::desk::{BTC, Desk, HALT, PAIR, RESUME, UNIT, USD};

const CASES: u64 = 300;
const STEPS: u64 = 120;
const VENUES: u8 = 2;

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    bridged: u64,
    converted: u64,
    split: u64,
    unknown: u64,
    closed: u64,
}

struct World {
    desk: Desk,
    random: Random,
    /// Children that may fill still, with what is left of them.
    open: BTreeMap<u64, i64>,
    /// What the venues have moved, by asset.
    moved: BTreeMap<AssetId, i128>,
    legging_max: i128,
    ids: u64,
    execs: u64,
    seen: Seen,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let fees = [0, 1, 2].map(|_| random.pick(&[0, 100, 1_000]));
        let mut desk = bridged(VENUES, fees);
        let legging_max = random.pick(&[5, 50, 5_000]) * UNIT;
        desk.input(Input::Bridge(BridgeDef { legging_max: Amount(legging_max), ..bridge() }));
        desk.outputs.clear();
        let (open, moved) = (BTreeMap::new(), BTreeMap::new());
        let (ids, execs, seen) = (0, 0, Seen::default());
        let mut world = Self { desk, random, open, moved, legging_max, ids, execs, seen };
        for venue in 0..VENUES {
            for instrument in [PAIR, VIA, RATE] {
                world.quote(venue, instrument);
            }
        }
        world
    }

    fn quote(&mut self, venue: u8, instrument: InstrumentId) {
        let (middle, step, size) = match instrument {
            PAIR => (10_000, 10, 200),
            VIA => (9_950, 10, 200),
            _ => (10_000, 3, 40_000),
        };
        let middle = middle + self.random.below(7) as i64 * step - 3 * step;
        let mut side = |sign: i64| {
            let levels = 1 + self.random.below(3) as i64;
            let level = |at| (middle + sign * (at + 1) * step, 1 + self.random.below(size) as i64);
            (0..levels).map(level).collect::<Vec<_>>()
        };
        let (bids, asks) = (side(-1), side(1));
        book_of(&mut self.desk, (venue, instrument), &bids, &asks);
    }

    fn order(&mut self) {
        self.ids += 1;
        let side = self.random.pick(&["buy", "sell"]);
        let qty = 1 + self.random.below(400);
        let terms = match (self.random.below(4), side) {
            (0, _) => "market".to_owned(),
            (1, "buy") => format!("@ {} gtc", 9_900 + self.random.below(150)),
            (_, "buy") => format!("@ {} ioc", 9_950 + self.random.below(150)),
            (_, _) => format!("@ {} ioc", 9_850 + self.random.below(150)),
        };
        self.desk.client(&format!("o{} {side} {qty} {terms}", self.ids));
    }

    /// A venue fills a child at a price that its book showed when the child was sent.
    fn fill(&mut self, id: u64) {
        let child = self.desk.child(id);
        let left = self.open[&id];
        let qty = 1 + self.random.below(left as u64) as i64;
        let def = self.desk.engine.reference().instruments[child.instrument.index()];
        let fee_asset = self.random.pick(&[def.quote, def.quote, def.base]);
        let unit = if fee_asset == def.base { 1_000 } else { 100_000 };
        let fee = UNIT / unit / 1_000 * self.random.below(9) as i128;
        self.execs += 1;
        self.desk.input(Input::ChildFill(ChildFill {
            venue: child.venue,
            child: ChildId(id),
            instrument: child.instrument,
            side: child.side,
            exec: ExecId(u128::from(self.execs)),
            qty: Qty(qty),
            price: child.price,
            fee: Amount(fee),
            fee_asset,
            liquidity: Liquidity::Taker,
        }));
        let decimals = u32::from(def.price_decimals + def.qty_decimals);
        let value = i128::from(child.price.0 * qty) * 10_i128.pow(18 - decimals);
        let sign = if child.side == Side::Buy { 1 } else { -1 };
        *self.moved.entry(def.base).or_default() += sign * i128::from(qty) * UNIT / 1_000;
        *self.moved.entry(def.quote).or_default() -= sign * value;
        *self.moved.entry(fee_asset).or_default() -= fee;
        if left == qty {
            self.open.remove(&id);
        } else {
            self.open.insert(id, left - qty);
        }
    }

    fn news(&mut self) {
        let ids: Vec<u64> = self.open.keys().copied().collect();
        if ids.is_empty() {
            return;
        }
        let id = self.random.pick(&ids);
        let child = self.desk.child(id);
        match self.random.below(10) {
            0..=5 => self.fill(id),
            6 => {
                let gone = format!("done {}", child.filled.0);
                self.desk.venue(id, &gone);
                self.open.remove(&id);
            }
            7 if child.filled.is_zero() => {
                let why = self.random.pick(&["Filter", "Other", "RateLimit", "InsufficientFunds"]);
                self.desk.venue(id, &format!("rejected {why}"));
                self.open.remove(&id);
            }
            8 => {
                self.seen.unknown += 1;
                self.desk.venue(id, "unsure");
            }
            _ => {
                let gone = format!("gone {}", child.filled.0);
                self.desk.venue(id, &gone);
                self.open.remove(&id);
            }
        }
    }

    fn step(&mut self) {
        match self.random.below(20) {
            0..=3 => self.order(),
            4..=11 => self.news(),
            12..=15 => {
                let venue = self.random.below(u64::from(VENUES)) as u8;
                let instrument = self.random.pick(&[PAIR, VIA, RATE]);
                self.quote(venue, instrument);
            }
            16 => {
                let pause = self.random.pick(&[1_000_000, 150_000_000, 2_000_000_000]);
                self.desk.wait_ns(pause);
            }
            17 => {
                let command = self.random.pick(&[HALT, RESUME, RESUME, RESUME]);
                self.desk.operator(command);
            }
            18 => {
                let venue = VenueId(self.random.below(u64::from(VENUES)) as u8);
                for asset in [BTC, USD, USDT] {
                    let total = Amount(1_000_000 * UNIT);
                    self.desk.input(Input::Balance { venue, asset, total });
                }
            }
            _ if self.random.in_100(20) => self.restart(),
            _ => {
                let order = 1 + self.random.below(self.ids.max(1));
                if self.ids > 0 {
                    self.desk.client(&format!("cancel o{order}"));
                }
            }
        }
        self.look();
    }

    fn restart(&mut self) {
        self.desk.input(Input::NodeStarted);
        for venue in 0..VENUES {
            self.desk.input(Input::VenueUp(VenueId(venue)));
            for instrument in [PAIR, VIA, RATE] {
                self.quote(venue, instrument);
            }
        }
    }

    /// Takes in what was sent, and looks at all that must hold.
    fn look(&mut self) {
        let outputs = std::mem::take(&mut self.desk.outputs);
        let mut over = 0_u32;
        for output in &outputs {
            match output {
                Output::SendNew(send) => {
                    self.open.insert(send.child.0, send.qty.0);
                    over |= 1 << send.instrument.0;
                }
                Output::Notice(Notice::Bridged(..)) => self.seen.bridged += 1,
                Output::Notice(Notice::Converted(..)) => self.seen.converted += 1,
                Output::SendCancel(child) => {
                    // The venue gives it back at once.
                    let filled = self.desk.child(child.child.0).filled.0;
                    self.desk.venue(child.child.0, &format!("done {filled}"));
                    self.open.remove(&child.child.0);
                }
                _ => {}
            }
        }
        self.seen.split += u64::from(over & 3 == 3);
        let engine = &self.desk.engine;
        for order in engine.orders() {
            order.check();
            assert!(order.filled.0 + order.at_venues.0 <= order.qty.0, "{order:?}");
        }
        for exposure in engine.exposures() {
            let counted = exposure.counted().0;
            // A fee beyond the configured one is the venue's doing.
            assert!(counted <= self.legging_max + UNIT / 10, "{counted} {exposure:?}");
            let is_closed = exposure.word == BridgeWord::BelowMinimum;
            self.seen.closed += u64::from(is_closed);
        }
        for asset in [BTC, USD, USDT] {
            let moved = self.moved.get(&asset).copied().unwrap_or(0);
            assert_eq!(booked(&self.desk, asset), moved, "asset {}", asset.0);
        }
        self.check_exposure();
    }

    /// What the desk account is long or short of the bridge asset is what is to be converted.
    fn check_exposure(&self) {
        let ledger = self.desk.engine.ledger();
        let (via, rate) = (ledger.position(HOUSE, VIA), ledger.position(HOUSE, RATE));
        let held = via.cash.0 + rate.base * UNIT / 1_000 - ledger.fees(HOUSE, USDT).0;
        let amount = self.desk.engine.exposures()[0].amount.0;
        assert_eq!(held, amount, "the desk holds what is to be converted");
        assert_eq!(ledger.position(FUND, VIA).base, 0, "the client holds none of it");
        assert_eq!(ledger.fees(FUND, USDT), Amount::ZERO);
    }
}

fn run(seed: u64) -> Seen {
    let mut world = World::new(seed);
    for _ in 0..STEPS {
        world.step();
    }
    world.seen
}

#[test]
fn never_more_than_ordered_never_beyond_the_limit_and_every_asset_with_somebody() {
    let mut all = Seen::default();
    for seed in seeds::chosen(CASES) {
        let seen = seeds::run(seed, "scenarios bridges_at_random::", || run(seed));
        all.bridged += seen.bridged;
        all.converted += seen.converted;
        all.split += seen.split;
        all.unknown += seen.unknown;
        all.closed += seen.closed;
    }
    let counts = [all.bridged, all.converted, all.split, all.unknown, all.closed];
    assert!(counts.iter().all(|count| *count > 0), "{all:?}");
}
