//! A plan that looks at the nearest venues alone is the plan that looks at all: two engines with
//! the same inputs, one with a sink that takes no decisions and one with a sink that takes them.

use rutter_core::Engine;
use rutter_core::id::{AccountId, AssetId, ExecId, InstrumentId, SessionId, VenueId};
use rutter_core::input::*;
use rutter_core::number::{Amount, FeePpm, Price, Qty, UnixNanos};
use rutter_core::output::{Decision, Output, SendNew, Sink};
use rutter_test_support::random::Random;
use rutter_test_support::{reference, seeds};

const BTC: AssetId = AssetId(0);
const USD: AssetId = AssetId(1);
const PAIR: InstrumentId = InstrumentId(0);
const DESK: SessionId = SessionId(0);
const RICH: Amount = Amount(1_000_000 * reference::UNIT);
/// Less than a venue's fees are taken in.
const POOR: Amount = Amount(400 * reference::UNIT);
/// Time between two inputs.
const STEP_NS: u64 = 5_000_000;
const CASES: u64 = 60;
const STEPS: u64 = 250;

/// The children that were sent, and whether every decision tells of every venue.
#[derive(Default)]
struct Sent {
    wants_decisions: bool,
    venues: usize,
    decisions: u64,
    children: Vec<SendNew>,
}

impl Sink for Sent {
    fn output(&mut self, output: &Output) {
        if let Output::SendNew(child) = output {
            self.children.push(*child);
        }
    }

    fn wants_decisions(&self) -> bool {
        self.wants_decisions
    }

    fn decision(&mut self, decision: &Decision<'_>) {
        assert!(self.wants_decisions, "nobody has asked");
        assert_eq!(decision.venues.len(), self.venues, "a line for each venue");
        self.decisions += 1;
    }
}

/// Both engines, and the world around them.
struct Pair {
    engines: Vec<Engine>,
    sinks: [Sent; 2],
    header: Header,
    /// Children that have not ended.
    open: Vec<SendNew>,
    orders: u64,
    execs: u128,
}

impl Pair {
    fn new(venues: u8, random: &mut Random) -> Self {
        let engine = || Engine::new(&reference::genesis()).expect("sound");
        let sink = |wants_decisions| Sent {
            wants_decisions,
            venues: usize::from(venues),
            ..Sent::default()
        };
        let mut pair = Self {
            engines: vec![engine(), engine()],
            sinks: [sink(false), sink(true)],
            header: Header { seq: 0, time: UnixNanos(1_700_000_000_000_000_000) },
            open: Vec::new(),
            orders: 0,
            execs: 0,
        };
        pair.apply(&Input::Asset(reference::asset(BTC.0, "BTC")));
        pair.apply(&Input::Asset(reference::asset(USD.0, "USD")));
        pair.apply(&Input::Instrument(reference::instrument(PAIR.0, "BTC/USD", BTC, USD)));
        pair.apply(&Input::Account(reference::account(0, "fund")));
        pair.apply(&Input::Session(reference::session(DESK.0, "DESK", Some(AccountId(0)))));
        for index in 0..venues {
            let venue = VenueId(index);
            pair.apply(&Input::Venue(VenueDef {
                stale_after_ns: 2_000_000_000,
                ..reference::venue(index, &format!("v{index}"))
            }));
            if index > 1 && random.in_100(10) {
                let owner = VenueId(0);
                pair.apply(&Input::BooksOf(BooksOfDef { venue, owner }));
            }
            pair.apply(&listing(venue, random));
            if random.in_100(30) {
                let least = Amount(500 * reference::UNIT);
                let token = Some(FeeTokenDef { asset: BTC, discount_ppm: 500_000, least });
                let schedule = FeeScheduleDef { token, ..FeeScheduleDef::none(venue) };
                pair.apply(&Input::FeeSchedule(schedule));
            }
            for asset in [BTC, USD] {
                let total = random.pick(&[RICH, RICH, RICH, POOR]);
                pair.apply(&Input::Balance { venue, asset, total });
            }
        }
        if random.in_100(15) {
            let (account, venue) = (AccountId(0), VenueId(0));
            let (maker, taker) = (FeePpm(0), FeePpm(-900));
            pair.apply(&Input::AccountFee(AccountFeeDef {
                account,
                venue,
                instrument: None,
                maker,
                taker,
            }));
        }
        pair.apply(&Input::NodeStarted);
        for index in 0..venues {
            pair.apply(&Input::VenueUp(VenueId(index)));
            pair.snapshot(VenueId(index), random);
        }
        pair
    }

    /// Applies an input to both engines. They answer alike.
    fn apply(&mut self, input: &Input) {
        self.header.seq += 1;
        self.header.time.0 += STEP_NS;
        for (engine, sink) in self.engines.iter_mut().zip(&mut self.sinks) {
            engine.apply(self.header, input, sink);
        }
        let [few, all] = &mut self.sinks;
        assert_eq!(few.children, all.children, "of {input:?}");
        let digests = |at: usize| (self.engines[at].digest(), self.engines[at].state_digest());
        assert_eq!(digests(0), digests(1), "of {input:?}");
        self.open.append(&mut few.children);
        all.children.clear();
    }

    fn snapshot(&mut self, venue: VenueId, random: &mut Random) {
        let mut update = book_of(venue, true);
        for side in [Side::Buy, Side::Sell] {
            for _ in 0..random.below(4) {
                update.push(side, level(side, random));
            }
        }
        self.apply(&Input::Book(update));
    }

    /// One thing happens.
    fn step(&mut self, venues: u8, random: &mut Random) {
        let venue = VenueId(random.below(u64::from(venues)) as u8);
        match random.below(100) {
            0..35 => self.order(venue, random),
            35..60 => {
                let mut update = book_of(venue, false);
                let side = random.pick(&[Side::Buy, Side::Sell]);
                let Level { price, qty } = level(side, random);
                let gone = random.in_100(40);
                update.push(side, Level { price, qty: if gone { Qty::ZERO } else { qty } });
                update.last = random.in_100(90);
                self.apply(&Input::Book(update));
            }
            60..66 => self.snapshot(venue, random),
            66..68 => {
                let (instrument, reason) = (PAIR, Distrust::Gap);
                self.apply(&Input::BookDistrusted { venue, instrument, reason });
            }
            68..70 => self.apply(&listing(venue, random)),
            70..72 => self.apply(&Input::FeedAlive(venue)),
            72 => {
                self.apply(&Input::VenueDown(venue, VenueDownReason::LinkLost));
                self.apply(&Input::VenueUp(venue));
            }
            73..76 => {
                // The discount of a token begins or ends.
                let (asset, total) = (BTC, random.pick(&[RICH, POOR]));
                self.apply(&Input::Balance { venue, asset, total });
            }
            _ => self.end_a_child(random),
        }
    }

    fn order(&mut self, venue: VenueId, random: &mut Random) {
        self.orders += 1;
        let side = random.pick(&[Side::Buy, Side::Sell]);
        let sign = if side == Side::Buy { 1 } else { -1 };
        let ord_type = random.pick(&[OrdType::Limit, OrdType::Limit, OrdType::Market]);
        let tif = random.pick(&[TimeInForce::Ioc, TimeInForce::Ioc, TimeInForce::Gtc]);
        let tif = if ord_type == OrdType::Market { TimeInForce::Ioc } else { tif };
        let limit = Price(10_000 + sign * random.pick(&[-4, 3, 12, 40]));
        let buy = reference::buy(&format!("o{}", self.orders));
        self.apply(&Input::NewOrder(NewOrder {
            session: DESK,
            client_seq: self.orders,
            instrument: PAIR,
            side,
            ord_type,
            tif,
            qty: Qty(1 + random.below(60) as i64),
            price: if ord_type == OrdType::Market { Price(0) } else { limit },
            instructions: Instructions {
                only: random.in_100(5).then_some(venue),
                ..Instructions::default()
            },
            ..buy
        }));
    }

    /// A child is filled whole, or ends without a fill.
    fn end_a_child(&mut self, random: &mut Random) {
        if self.open.is_empty() {
            return;
        }
        let child = self.open.swap_remove(random.below(self.open.len() as u64) as usize);
        let SendNew { venue, child: id, instrument, side, qty, price, .. } = child;
        if random.in_100(30) {
            let (how, filled) = (Ending::Canceled, Qty::ZERO);
            return self.apply(&Input::ChildDone { venue, child: id, how, filled });
        }
        self.execs += 1;
        self.apply(&Input::ChildFill(ChildFill {
            venue,
            child: id,
            instrument,
            side,
            exec: ExecId(self.execs),
            qty,
            price,
            fee: Amount(0),
            fee_asset: USD,
            liquidity: Liquidity::Taker,
        }));
    }
}

fn book_of(venue: VenueId, clear: bool) -> BookUpdate {
    BookUpdate { venue, instrument: PAIR, clear, last: true, ..BookUpdate::default() }
}

fn level(side: Side, random: &mut Random) -> Level {
    let sign = if side == Side::Buy { -1 } else { 1 };
    let (away, qty) = (1 + random.below(15) as i64, 1 + random.below(20) as i64);
    Level { price: Price(10_000 + sign * away), qty: Qty(qty) }
}

/// Terms with few fees, so that costs are often equal, and lots that bind at times.
fn listing(venue: VenueId, random: &mut Random) -> Input {
    let lot = random.pick(&[1, 1, 1, 1, 1, 4]);
    Input::Listing(ListingDef {
        lot: Qty(lot),
        qty_min: Qty(lot * random.pick(&[1, 1, 1, 1, 3])),
        qty_max: Qty(random.pick(&[1_000, 1_000, 12])),
        taker_fee: FeePpm(random.pick(&[0, 0, 100, 1_000, -100])),
        fee_taken: random.pick(&[FeeTaken::Quote, FeeTaken::Quote, FeeTaken::Received]),
        enabled: random.in_100(95),
        ..reference::listing(venue, PAIR)
    })
}

#[test]
fn the_nearest_venues_alone_give_the_plan_that_all_venues_give() {
    seeds::run_all(&seeds::chosen(CASES), "nearest", |seed| {
        let mut random = Random::new(seed);
        let venues = random.pick(&[1, 2, 4, 9, 20, 32]);
        let mut pair = Pair::new(venues, &mut random);
        for _ in 0..STEPS {
            pair.step(venues, &mut random);
        }
        assert_eq!(pair.sinks[0].decisions, 0);
        assert!(pair.sinks[1].decisions > 20, "orders are routed");
        assert!(pair.execs > 5, "children are filled");
    });
}
