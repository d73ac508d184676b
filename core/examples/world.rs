//! How much memory a world takes in the core, and what a simple order costs in it.
//!
//! `world VENUES LISTING INSTRUMENTS ACCOUNTS LEVELS ORDERS`: the first LISTING of the venues list
//! each instrument, each book has so many levels a side, each account has a session. The last
//! account sends IOC orders in the last instrument that take the best level of the first venue. The
//! second venue is up too, and the others are not, so that an order has the same plan in every
//! world.
//!
//! Two runs under `valgrind --tool=callgrind` that differ in ORDERS alone give the instructions of
//! an order. `docs/performance.md` has the numbers.

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

/// The child that an input has sent.
#[derive(Default)]
struct Sent(Option<SendNew>);

impl Sink for Sent {
    fn output(&mut self, output: &Output) {
        if let Output::SendNew(new) = output {
            self.0 = Some(*new);
        }
    }
}

/// The engine and the number of its last input.
struct World {
    engine: Engine,
    seq: u64,
    sent: Sent,
}

impl World {
    fn apply(&mut self, input: &Input) {
        self.seq += 1;
        let header = Header { seq: self.seq, time: UnixNanos(self.seq * 1_000) };
        self.engine.apply(header, input, &mut self.sent);
    }

    fn define(&mut self, venues: u8, listing: u8, instruments: u16, accounts: u32) {
        self.apply(&Input::Asset(reference::asset(BASE.0, "BTC")));
        self.apply(&Input::Asset(reference::asset(QUOTE.0, "USD")));
        for id in 0..instruments {
            self.apply(&Input::Instrument(reference::instrument(
                id,
                &format!("I{id}/USD"),
                BASE,
                QUOTE,
            )));
        }
        for id in 0..venues {
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
            for instrument in (0..instruments).filter(|_| id < listing) {
                let listing = reference::listing(venue, InstrumentId(instrument));
                self.apply(&Input::Listing(listing));
            }
        }
        for id in 0..accounts {
            let limits = AccountLimits {
                notional_max: FUNDS,
                rate_per_s: u32::MAX,
                open_orders_max: 200_000,
                ..reference::limits()
            };
            let account = reference::account(id as u16, &format!("a{id}"));
            self.apply(&Input::Account(AccountDef { limits, ..account }));
            let account = Some(AccountId(id as u16));
            self.apply(&Input::Session(reference::session(id as u16, &format!("S{id}"), account)));
        }
        self.apply(&Input::NodeStarted);
    }

    /// Fills a book; the venues' best prices differ.
    fn fill_book(&mut self, venue: VenueId, instrument: InstrumentId, levels: i64) {
        let empty = BookUpdate { venue, instrument, ..BookUpdate::default() };
        let mut update = BookUpdate { clear: true, ..empty };
        for level in 0..levels {
            let step = 4 * level + i64::from(venue.0 % 4);
            let prices = [(Side::Buy, 99_990 - step), (Side::Sell, 100_000 + step)];
            for (side, price) in prices {
                let level = Level { price: Price(price), qty: Qty(1_000_000) };
                if !update.push(side, level) {
                    self.apply(&Input::Book(update));
                    update = empty;
                    update.push(side, level);
                }
            }
        }
        self.apply(&Input::Book(BookUpdate { last: true, ..update }));
    }

    /// An order of the last account, its child's acceptance and its fill.
    fn trade(&mut self, nth: u64) {
        let reference = self.engine.reference();
        let session = SessionId((reference.sessions.len() - 1) as u16);
        let instrument = InstrumentId((reference.instruments.len() - 1) as u16);
        self.sent.0 = None;
        self.apply(&Input::NewOrder(NewOrder {
            session,
            client_seq: nth,
            instrument,
            price: Price(100_000),
            qty: Qty(5),
            tif: TimeInForce::Ioc,
            ..reference::buy(&format!("o{nth}"))
        }));
        let new = self.sent.0.expect("the order went to a venue");
        let SendNew { venue, child, qty, price, .. } = new;
        self.apply(&Input::ChildAccepted { venue, child, venue_order: VenueOrderId::EMPTY });
        self.apply(&Input::ChildFill(ChildFill {
            venue,
            child,
            exec: ExecId(u128::from(nth) + 1),
            instrument,
            side: Side::Buy,
            qty,
            price,
            fee: Amount(1),
            fee_asset: QUOTE,
            liquidity: Liquidity::Taker,
        }));
    }
}

/// Memory of the process that is resident, in KiB.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

fn main() {
    let args: Vec<u64> = std::env::args().skip(1).filter_map(|arg| arg.parse().ok()).collect();
    let &[venues, listing, instruments, accounts, levels, orders] = args.as_slice() else {
        eprintln!("world VENUES LISTING INSTRUMENTS ACCOUNTS LEVELS ORDERS");
        std::process::exit(2);
    };
    let genesis = Genesis {
        node_tag: 1,
        orders_log2: 12,
        children_log2: 12,
        executions_log2: 12,
        day_roll_s: 0,
        hash_seed: 42,
    };
    let engine = Engine::new(&genesis).expect("sizes within the range");
    let mut world = World { engine, seq: 0, sent: Sent::default() };
    let empty = resident_kib();
    world.define(venues as u8, listing as u8, instruments as u16, accounts as u32);
    let defined = resident_kib();
    // Two venues agree on a reference price.
    for venue in 0..2 {
        world.apply(&Input::VenueUp(VenueId(venue)));
    }
    for venue in 0..listing as u8 {
        for instrument in 0..instruments as u16 {
            world.fill_book(VenueId(venue), InstrumentId(instrument), levels as i64);
        }
    }
    let filled = resident_kib();
    for nth in 1..=orders {
        world.trade(nth);
    }
    let fills = world.engine.counts().fills;
    assert_eq!(fills, orders, "each order was filled once");
    println!(
        "{venues} venues, of which {listing} list {instruments} instruments, {accounts} accounts and sessions, {levels} \
         levels: {} KiB defined, {} KiB with the books, {} KiB after {orders} orders; \
         tables of orders before: {empty} KiB",
        defined - empty,
        filled - empty,
        resident_kib() - empty
    );
}
