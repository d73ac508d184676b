//! The core alone: four venues, ten levels a side each, orders that take from two of them.
//!
//! Level k of venue v asks `10_000 + 4k + v` for 5 units, and bids mirror the asks. So an order for
//! 10 units takes the best free levels of two venues: two children. The core counts a taken level
//! as gone until its book changes, so at most [`UNDER_WAY_MAX`] orders go without such a change.
//! Buys and sells alternate, so funds last.

use rutter_core::Engine;
use rutter_core::id::{AccountId, AssetId, ClOrdId, ExecId, InstrumentId, SessionId, VenueId};
use rutter_core::input::{
    AccountDef, AccountLimits, BookUpdate, ChildFill, Genesis, Header, Input, Level, Liquidity,
    NewOrder, PublicTrade, Side, TimeInForce, VenueDef,
};
use rutter_core::number::{Amount, Price, Qty, Text, UnixNanos};
use rutter_core::output::{Output, SendNew, Sink};
use rutter_test_support::reference;

pub const VENUES: u8 = 4;
pub const LEVELS: i64 = 10;
/// Quantity of each level; an order takes two of them.
const LEVEL_QTY: i64 = 5;
/// Orders under way, or filled since the four books last changed: they use the upper half of the
/// levels at most.
pub const UNDER_WAY_MAX: u64 = 16;
/// The first level that book changes touch: below those that are taken.
const CHANGED_FROM: u64 = 6;
const CENTRE: i64 = 10_000;
const BASE: AssetId = AssetId(0);
const QUOTE: AssetId = AssetId(1);
const PAIR: InstrumentId = InstrumentId(0);
const CLIENT: SessionId = SessionId(0);
const FUNDS: Amount = Amount(1_000_000_000_000_000_000_000_000_000_000);
const NS_PER_INPUT: u64 = 1_000;

pub const GENESIS: Genesis = Genesis {
    node_tag: 1,
    orders_log2: 14,
    children_log2: 15,
    executions_log2: 16,
    day_roll_s: 0,
    hash_seed: 42,
};

/// The first inputs: reference data, venues up, one snapshot a book.
pub fn opening() -> Vec<Input> {
    let mut inputs = vec![
        Input::Asset(reference::asset(BASE.0, "BTC")),
        Input::Asset(reference::asset(QUOTE.0, "USD")),
        Input::Instrument(reference::instrument(PAIR.0, "BTC/USD", BASE, QUOTE)),
        Input::Account(AccountDef {
            slack_ppm: 100,
            limits: AccountLimits {
                notional_max: FUNDS,
                rate_per_s: u32::MAX,
                open_orders_max: 200_000,
                ..reference::limits()
            },
            ..reference::account(0, "fund")
        }),
        Input::Session(reference::session(CLIENT.0, "DESK", Some(AccountId(0)))),
    ];
    for index in 0..VENUES {
        let venue = VenueId(index);
        inputs.push(Input::Venue(VenueDef {
            stale_after_ns: u64::MAX / 4,
            rate_orders: u32::MAX,
            unanswered_max: u32::MAX,
            ..reference::venue(index, &format!("v{index}"))
        }));
        inputs.push(Input::Listing(reference::listing(venue, PAIR)));
        inputs.extend([BASE, QUOTE].map(|asset| Input::Balance { venue, asset, total: FUNDS }));
    }
    inputs.push(Input::NodeStarted);
    for index in 0..VENUES {
        inputs.push(Input::VenueUp(VenueId(index)));
        inputs.extend(book(VenueId(index)));
    }
    inputs
}

fn ask(venue: VenueId, level: i64) -> Level {
    Level { price: Price(CENTRE + 4 * level + i64::from(venue.0)), qty: Qty(LEVEL_QTY) }
}

fn bid(venue: VenueId, level: i64) -> Level {
    Level { price: Price(CENTRE - 10 - 4 * level - i64::from(venue.0)), qty: Qty(LEVEL_QTY) }
}

/// A whole book, in as many updates as it takes.
fn book(venue: VenueId) -> Vec<Input> {
    let empty = BookUpdate { venue, instrument: PAIR, ..BookUpdate::default() };
    let mut updates = vec![BookUpdate { clear: true, ..empty }];
    for level in 0..LEVELS {
        for (side, level) in [(Side::Buy, bid(venue, level)), (Side::Sell, ask(venue, level))] {
            let last = updates.len() - 1;
            if !updates[last].push(side, level) {
                let mut next = empty;
                next.push(side, level);
                updates.push(next);
            }
        }
    }
    let last = updates.len() - 1;
    updates[last].last = true;
    updates.into_iter().map(Input::Book).collect()
}

/// The nth change of a book: two levels get another quantity. Venues take turns.
pub fn book_change(nth: u64) -> Input {
    let venue = VenueId((nth % u64::from(VENUES)) as u8);
    let mut update = BookUpdate { venue, instrument: PAIR, last: true, ..BookUpdate::default() };
    let level = (CHANGED_FROM + nth / 4 % (LEVELS as u64 - CHANGED_FROM)) as i64;
    let qty = Qty(LEVEL_QTY + (nth / 64 % 3) as i64);
    update.push(Side::Buy, Level { qty, ..bid(venue, level) });
    update.push(Side::Sell, Level { qty, ..ask(venue, level) });
    Input::Book(update)
}

/// The nth change at the touch: the best levels of both sides get another quantity.
pub fn touch_change(nth: u64) -> Input {
    let venue = VenueId((nth % u64::from(VENUES)) as u8);
    let mut update = BookUpdate { venue, instrument: PAIR, last: true, ..BookUpdate::default() };
    let qty = Qty(LEVEL_QTY + (nth / 4 % 3) as i64);
    update.push(Side::Buy, Level { qty, ..bid(venue, 0) });
    update.push(Side::Sell, Level { qty, ..ask(venue, 0) });
    Input::Book(update)
}

/// A public trade at the best bid of a venue.
pub fn trade(nth: u64) -> Input {
    let venue = VenueId((nth % u64::from(VENUES)) as u8);
    let Level { price, qty } = bid(venue, 0);
    let taker = Some(Side::Sell);
    let (id, count, time, late) = (nth, 1, UnixNanos(u64::MAX), false);
    Input::Trade(PublicTrade { venue, instrument: PAIR, taker, price, qty, id, count, time, late })
}

/// The nth client order of those that rest below the books.
pub fn resting_order(nth: u64) -> Input {
    Input::NewOrder(NewOrder {
        session: CLIENT,
        client_seq: nth + 1,
        cl_ord_id: cl_ord_id(nth),
        instrument: PAIR,
        side: Side::Buy,
        tif: TimeInForce::Gtc,
        qty: Qty(LEVEL_QTY),
        price: Price(CENTRE - 500 - (nth % 100) as i64),
        trace: nth + 1,
        ..reference::buy("")
    })
}

/// Twelve digits: no id comes twice.
fn cl_ord_id(nth: u64) -> ClOrdId {
    let mut digits = *b"o00000000000";
    let mut rest = nth;
    for digit in digits[1..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    ClOrdId::new(&digits).expect("twelve bytes")
}

/// The nth client order, for two children.
pub fn order(nth: u64) -> Input {
    let buys = nth.is_multiple_of(2);
    Input::NewOrder(NewOrder {
        session: CLIENT,
        client_seq: nth + 1,
        cl_ord_id: cl_ord_id(nth),
        instrument: PAIR,
        side: if buys { Side::Buy } else { Side::Sell },
        tif: TimeInForce::Ioc,
        qty: Qty(2 * LEVEL_QTY),
        price: Price(if buys { CENTRE + 50 } else { CENTRE - 60 }),
        trace: nth + 1,
        ..reference::buy("")
    })
}

/// A venue's answer: the child is filled whole at its limit.
pub fn fill(child: &SendNew, exec: u128) -> Input {
    Input::ChildFill(ChildFill {
        venue: child.venue,
        child: child.child,
        instrument: child.instrument,
        side: child.side,
        exec: ExecId(exec),
        qty: child.qty,
        price: child.price,
        fee: Amount(7),
        fee_asset: QUOTE,
        liquidity: Liquidity::Taker,
    })
}

/// Counts the outputs, and keeps the children that were sent.
#[derive(Debug, Default)]
pub struct Counting {
    pub outputs: u64,
    pub sent: Vec<SendNew>,
}

impl Sink for Counting {
    #[inline]
    fn output(&mut self, output: &Output) {
        self.outputs += 1;
        if let Output::SendNew(child) = output {
            self.sent.push(*child);
        }
    }
}

/// An engine with its world around it.
#[derive(Debug)]
pub struct Desk {
    pub engine: Engine,
    pub sink: Counting,
    header: Header,
    orders: u64,
    changes: u64,
    execs: u128,
}

impl Desk {
    pub fn new() -> Self {
        Self::with_tables(&GENESIS)
    }

    /// A desk where so many orders of the instrument rest, all accepted by their venues.
    pub fn with_resting(orders: u64) -> Self {
        let mut desk =
            Self::with_tables(&Genesis { orders_log2: 18, children_log2: 18, ..GENESIS });
        for _ in 0..orders {
            let input = resting_order(desk.orders);
            desk.orders += 1;
            desk.apply(&input);
            for child in std::mem::take(&mut desk.sink.sent) {
                let (venue, child) = (child.venue, child.child);
                let venue_order = Text::new(b"X").expect("short");
                desk.apply(&Input::ChildAccepted { venue, child, venue_order });
            }
        }
        assert_eq!(desk.engine.open_orders() as u64, orders, "all rest");
        desk
    }

    fn with_tables(genesis: &Genesis) -> Self {
        let mut desk = Self {
            engine: Engine::new(genesis).expect("sound genesis"),
            sink: Counting::default(),
            header: Header { seq: 0, time: UnixNanos(1_700_000_000_000_000_000) },
            orders: 0,
            changes: 0,
            execs: 0,
        };
        for input in opening() {
            desk.apply(&input);
        }
        // A first order proves that the world is as the module's text says.
        desk.order();
        assert_eq!(desk.sink.sent.len(), 2, "two children: {:?}", desk.sink.sent);
        desk.fills();
        assert_eq!(desk.engine.counts().fills, 2);
        assert_eq!(desk.engine.open_orders(), 0, "the order is filled");
        desk
    }

    #[inline]
    fn apply(&mut self, input: &Input) {
        self.header.seq += 1;
        self.header.time.0 += NS_PER_INPUT;
        self.engine.apply(self.header, input, &mut self.sink);
    }

    /// One new order: checked, routed, two children out.
    #[inline]
    pub fn order(&mut self) {
        let input = order(self.orders);
        self.orders += 1;
        self.apply(&input);
    }

    /// A fill for every child that is out; returns how many.
    #[inline]
    pub fn fills(&mut self) -> usize {
        let sent = std::mem::take(&mut self.sink.sent);
        for child in &sent {
            self.execs += 1;
            let input = fill(child, self.execs);
            self.apply(&input);
        }
        let count = sent.len();
        self.sink.sent = sent;
        self.sink.sent.clear();
        count
    }

    /// One change of each book, so that the core counts taken levels as available again.
    pub fn refresh(&mut self) {
        (0..VENUES).for_each(|_| self.book_change());
    }

    /// One change of one book.
    #[inline]
    pub fn book_change(&mut self) {
        let input = book_change(self.changes);
        self.changes += 1;
        self.apply(&input);
    }

    /// One change at the touch of one book.
    #[inline]
    pub fn touch_change(&mut self) {
        let input = touch_change(self.changes);
        self.changes += 1;
        self.apply(&input);
    }

    /// One public trade.
    #[inline]
    pub fn trade(&mut self) {
        let input = trade(self.changes);
        self.changes += 1;
        self.apply(&input);
    }

    /// Fails unless the engine took every order and fill that was measured.
    pub fn check(&self) {
        let counts = self.engine.counts();
        assert_eq!((counts.orders, counts.refused), (self.orders, 0));
        assert_eq!(counts.fills, u64::try_from(self.execs).expect("few"));
    }
}
