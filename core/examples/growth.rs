//! What an order, its fill and a book change cost beside so many resting orders, and the longest
//! that one order takes while the table of orders comes round.
//!
//! `growth RESTING ORDERS`: RESTING sells of one account rest at 1,000 prices above the book of the
//! first venue. Then buys of the account take the best level there, ORDERS times. Each buy looks up
//! whether a resting order of its own stands in its way. A claim of a slot passes all slots of
//! living orders once in the time that the table takes to come round.
//!
//! `growth define INSTRUMENTS ACCOUNTS`: the time of all definitions.
//!
//! Times are of the clock, so compare them within a run. `docs/performance.md` has the numbers.

#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "it measures the core")]

use std::time::{Duration, Instant};

use rutter_core::Engine;
use rutter_core::id::{AccountId, AssetId, ExecId, InstrumentId, SessionId, VenueId, VenueOrderId};
use rutter_core::input::{
    AccountDef, AccountLimits, BookUpdate, ChildFill, Genesis, Header, Input, Level, Liquidity,
    NewOrder, Side, TimeInForce, VenueDef,
};
use rutter_core::number::{Amount, Price, Qty, UnixNanos};
use rutter_core::output::{Output, SendNew, Sink};
use rutter_test_support::reference;

const FUNDS: Amount = Amount(1_000_000_000_000_000_000_000_000_000_000);
const BASE: AssetId = AssetId(0);
const QUOTE: AssetId = AssetId(1);
const PAIR: InstrumentId = InstrumentId(0);
const ASK: i64 = 100_000;

#[derive(Default)]
struct Sent(Option<SendNew>);

impl Sink for Sent {
    fn output(&mut self, output: &Output) {
        if let Output::SendNew(new) = output {
            self.0 = Some(*new);
        }
    }
}

struct Desk {
    engine: Engine,
    seq: u64,
    sent: Sent,
}

impl Desk {
    fn new(orders_log2: u8) -> Self {
        let genesis = Genesis {
            node_tag: 1,
            orders_log2,
            children_log2: orders_log2,
            executions_log2: orders_log2,
            day_roll_s: 0,
            hash_seed: 42,
        };
        let engine = Engine::new(&genesis).expect("sizes within the range");
        Self { engine, seq: 0, sent: Sent::default() }
    }

    /// Applies an input. Returns how long that took.
    fn apply(&mut self, input: &Input) -> Duration {
        self.seq += 1;
        let header = Header { seq: self.seq, time: UnixNanos(self.seq * 1_000) };
        let from = Instant::now();
        self.engine.apply(header, input, &mut self.sent);
        from.elapsed()
    }

    fn define(&mut self, instruments: u16, accounts: u16) {
        self.apply(&Input::Asset(reference::asset(BASE.0, "BTC")));
        self.apply(&Input::Asset(reference::asset(QUOTE.0, "USD")));
        for id in 0..instruments {
            let name = format!("I{id}/USD");
            self.apply(&Input::Instrument(reference::instrument(id, &name, BASE, QUOTE)));
        }
        for id in 0..accounts {
            let limits = AccountLimits {
                notional_max: FUNDS,
                rate_per_s: u32::MAX,
                open_orders_max: u32::MAX,
                ..reference::limits()
            };
            let account = reference::account(id, &format!("a{id}"));
            self.apply(&Input::Account(AccountDef { limits, ..account }));
            let session = reference::session(id, &format!("S{id}"), Some(AccountId(id)));
            self.apply(&Input::Session(session));
        }
        for id in 0..2 {
            let venue = VenueId(id);
            self.apply(&Input::Venue(VenueDef {
                stale_after_ns: u64::MAX / 4,
                rate_orders: u32::MAX,
                unanswered_max: u32::MAX,
                ..reference::venue(id, &format!("v{id}"))
            }));
            for asset in [BASE, QUOTE] {
                self.apply(&Input::Balance { venue, asset, total: FUNDS });
            }
            for instrument in 0..instruments {
                let listing = reference::listing(venue, InstrumentId(instrument));
                self.apply(&Input::Listing(listing));
            }
        }
        self.apply(&Input::NodeStarted);
    }

    /// The best levels of a venue's book, another quantity each time.
    fn change_book(&mut self, venue: VenueId, nth: u64) -> Duration {
        let clear = nth == 0;
        let mut update =
            BookUpdate { venue, instrument: PAIR, clear, last: true, ..BookUpdate::default() };
        let qty = Qty(1_000_000 + (nth % 7) as i64);
        let far = i64::from(venue.0);
        update.push(Side::Buy, Level { price: Price(ASK - 10 - far), qty });
        update.push(Side::Sell, Level { price: Price(ASK + far), qty });
        self.apply(&Input::Book(update))
    }

    /// A client's order and the venue's acceptance of its child. Returns the time of the order, and
    /// the child.
    fn order(&mut self, nth: u64, side: Side, price: i64, tif: TimeInForce) -> (Duration, SendNew) {
        self.sent.0 = None;
        let time = self.apply(&Input::NewOrder(NewOrder {
            session: SessionId(0),
            client_seq: nth,
            instrument: PAIR,
            side,
            price: Price(price),
            qty: Qty(5),
            tif,
            ..reference::buy(&format!("o{nth}"))
        }));
        let new = self.sent.0.expect("the order went to a venue");
        let SendNew { venue, child, .. } = new;
        self.apply(&Input::ChildAccepted { venue, child, venue_order: VenueOrderId::EMPTY });
        (time, new)
    }

    fn fill(&mut self, nth: u64, new: &SendNew) -> Duration {
        self.apply(&Input::ChildFill(ChildFill {
            venue: new.venue,
            child: new.child,
            exec: ExecId(u128::from(nth) + 1),
            instrument: PAIR,
            side: new.side,
            qty: new.qty,
            price: new.price,
            fee: Amount(1),
            fee_asset: QUOTE,
            liquidity: Liquidity::Taker,
        }))
    }
}

/// The middle one and the longest of some times.
fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |part: usize| times[(times.len() - 1) * part / 1_000];
    format!("p50 {:?}, p99.9 {:?}, longest {:?}", at(500), at(999), at(1_000))
}

fn grow(resting: u64, orders: u64) {
    let log2 = (2 * resting.max(1_024)).next_power_of_two().trailing_zeros() as u8;
    let mut desk = Desk::new(log2);
    desk.define(1, 1);
    for venue in [VenueId(0), VenueId(1)] {
        desk.apply(&Input::VenueUp(venue));
        desk.change_book(venue, 0);
    }
    for nth in 0..resting {
        let price = ASK + 500 + (nth % 1_000) as i64;
        desk.order(nth, Side::Sell, price, TimeInForce::Gtc);
    }
    assert_eq!(desk.engine.open_orders() as u64, resting, "all rest");
    let (mut taking, mut fills, mut changes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut claims, mut newest) = (Vec::new(), resting);
    for nth in 1..=orders {
        let (time, new) = desk.order(resting + nth, Side::Buy, ASK + 400, TimeInForce::Ioc);
        taking.push(time);
        let passed = new.order.0 - newest - 1;
        if passed > 0 {
            claims.push((passed, time));
        }
        newest = new.order.0;
        fills.push(desk.fill(nth, &new));
        changes.push(desk.change_book(VenueId((nth % 2) as u8), nth));
    }
    assert_eq!(desk.engine.counts().fills, orders, "each order was filled once");
    println!("{resting} resting, tables of 2^{log2}, {orders} orders:");
    println!("  order: {}", spread(taking));
    println!("  fill: {}", spread(fills));
    println!("  book change: {}", spread(changes));
    for (passed, time) in claims {
        println!("  the order whose claim passed {passed} living orders: {time:?}");
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| args.get(at).and_then(|arg| arg.parse::<u64>().ok());
    match (args.first().map(String::as_str), number(0), number(1), number(2)) {
        (Some("define"), _, Some(instruments), Some(accounts)) => {
            let mut desk = Desk::new(12);
            let from = Instant::now();
            desk.define(instruments as u16, accounts as u16);
            println!("{instruments} instruments, {accounts} accounts: {:?}", from.elapsed());
        }
        (_, Some(resting), Some(orders), _) => grow(resting, orders),
        _ => eprintln!("growth RESTING ORDERS | growth define INSTRUMENTS ACCOUNTS"),
    }
}
