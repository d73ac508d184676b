//! Definitions and orders of the core with usual values.
//!
//! Each function takes what tells one definition from the next, and sets everything else to a value
//! that a test does not notice: limits far away, every venue fast. A test changes what it is about
//! by `..`: `AccountDef { collar_ppm: 7, ..account(0, "fund") }`.

use rutter_core::id::{AccountId, AssetId, InstrumentId, SessionId, VenueId};
use rutter_core::input::{
    AccountDef, AccountLimits, AssetDef, BreakerTerms, FeeTaken, Genesis, Instructions,
    InstrumentDef, ListingDef, MARKET_WAIT_NS_DEFAULT, NewOrder, NoReference, OrdType,
    ReferenceTerms, SessionDef, Side, TimeInForce, VenueDef,
};
use rutter_core::number::{Amount, FeePpm, Price, Qty, Text};
use rutter_core::ticks::Ticks;

/// One unit of an asset, as an [`Amount`].
pub const UNIT: i128 = 1_000_000_000_000_000_000;

const SECOND_NS: u64 = 1_000_000_000;

/// A text of the core.
///
/// # Panics
/// If the text is longer than `N` bytes.
pub fn text<const N: usize>(text: &str) -> Text<N> {
    Text::new(text.as_bytes()).expect("a short text")
}

/// Tables for 1,024 orders, 2,048 children and 4,096 executions. Day orders end at midnight UTC.
pub const fn genesis() -> Genesis {
    Genesis {
        node_tag: 1,
        orders_log2: 10,
        children_log2: 11,
        executions_log2: 12,
        day_roll_s: 0,
        hash_seed: 42,
    }
}

/// An asset.
pub fn asset(id: u16, name: &str) -> AssetDef {
    AssetDef { id: AssetId(id), name: text(name) }
}

/// An instrument with prices in 0.01 and quantities in 0.001; an order may have 1,000.
pub fn instrument(id: u16, symbol: &str, base: AssetId, quote: AssetId) -> InstrumentDef {
    InstrumentDef {
        id: InstrumentId(id),
        symbol: text(symbol),
        base,
        quote,
        price_decimals: 2,
        qty_decimals: 3,
        order_qty_max: Qty(1_000_000),
        reference: ReferenceTerms::DEFAULT,
    }
}

/// A venue that takes 1,000 orders a second and fill-or-kill orders. A book is stale after an hour.
pub fn venue(id: u8, name: &str) -> VenueDef {
    VenueDef {
        id: VenueId(id),
        name: text(name),
        stale_after_ns: 3_600 * SECOND_NS,
        rate_orders: 1_000,
        rate_window_ns: SECOND_NS,
        unanswered_max: 1_000,
        fok: true,
        breaker: BreakerTerms::DEFAULT,
    }
}

/// An instrument's terms at a venue: any price, quantities up to 1,000,000 units, maker fee 0.1 %,
/// taker fee 0.2 %.
pub const fn listing(venue: VenueId, instrument: InstrumentId) -> ListingDef {
    ListingDef {
        instrument,
        venue,
        enabled: true,
        ticks: Ticks::fixed(Price(1)),
        lot: Qty(1),
        qty_min: Qty(1),
        qty_max: Qty(1_000_000),
        notional_min: Amount(0),
        maker_fee: FeePpm(1_000),
        taker_fee: FeePpm(2_000),
        fee_taken: FeeTaken::Quote,
    }
}

/// An account with the limits of [`limits`], whose children stay within the level they take.
pub fn account(id: u16, name: &str) -> AccountDef {
    AccountDef {
        id: AccountId(id),
        name: text(name),
        slack_ppm: 0,
        limits: limits(),
        no_reference: NoReference::Refuse,
        market_wait_ns: MARKET_WAIT_NS_DEFAULT,
        busy_wait_ns: 0,
    }
}

/// The usual limits of an account: orders of 1,000,000 units of the quote asset, 5 % from the
/// market, 100,000 messages a second, 400 open orders.
pub const fn limits() -> AccountLimits {
    let mut limits = AccountLimits::NONE;
    limits.notional_max = Amount(1_000_000 * UNIT);
    limits.collar_ppm = 50_000;
    limits.rate_per_s = 100_000;
    limits.open_orders_max = 400;
    limits
}

/// A client session that trades for `account`; a drop copy without one.
pub fn session(id: u16, name: &str, account: Option<AccountId>) -> SessionDef {
    SessionDef { id: SessionId(id), name: text(name), account }
}

/// A limit order of session 0 to buy one unit of instrument 0 at price 1, good till cancelled,
/// without instructions.
#[inline]
pub fn buy(cl_ord_id: &str) -> NewOrder {
    NewOrder {
        session: SessionId(0),
        client_seq: 1,
        cl_ord_id: text(cl_ord_id),
        instrument: InstrumentId(0),
        side: Side::Buy,
        ord_type: OrdType::Limit,
        tif: TimeInForce::Gtc,
        qty: Qty(1),
        price: Price(1),
        instructions: Instructions::default(),
        poss_resend: false,
        trace: 1,
    }
}
