//! Reference data as inputs, and the first record of a journal.
//!
//! A line belongs here if it describes what a start of the node defines. What the core keeps of it,
//! and which definitions it takes, is `reference`.

use super::limits::{AccountLimits, LIMITS, get_limits, put_limits};
use crate::id::{AccountId, AssetId, InstrumentId, Name, SessionId, Symbol, VenueId};
use crate::number::{Amount, FeePpm, Qty};
use crate::reference::ListingFees;
use crate::ticks::Ticks;
use crate::wire::{Reader, Wire, WireError, Writer, wire_enum, wire_struct};

/// First record of every journal: the settings that must be equal for a replay to give equal
/// outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Genesis {
    /// Number of this journal, written into every order id at a venue, so that no order of another
    /// journal is taken for one of this journal's.
    pub node_tag: u32,
    /// Base-2 logarithm of the number of client orders held.
    pub orders_log2: u8,
    /// Base-2 logarithm of the number of children held.
    pub children_log2: u8,
    /// Base-2 logarithm of the number of execution ids remembered.
    pub executions_log2: u8,
    /// Seconds after midnight UTC at which day orders expire.
    pub day_roll_s: u32,
    /// Seed of the hash tables, so that nobody can aim at their collisions.
    pub hash_seed: u64,
}
wire_struct!(Genesis {
    node_tag,
    orders_log2,
    children_log2,
    executions_log2,
    day_roll_s,
    hash_seed
});

/// Definition of an asset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AssetDef {
    /// Id: the index in the list of definitions, from 0.
    pub id: AssetId,
    /// Name, such as `BTC`.
    pub name: Name,
}
wire_struct!(AssetDef { id, name });

/// An instrument over all venues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstrumentDef {
    /// Id: the index in the list of definitions, from 0.
    pub id: InstrumentId,
    /// Symbol, such as `BTC/USDT`.
    pub symbol: Symbol,
    /// The asset that is bought and sold.
    pub base: AssetId,
    /// The asset that prices are in.
    pub quote: AssetId,
    /// Decimals of [`Price`]; with `qty_decimals` at most 18.
    pub price_decimals: u8,
    /// Decimals of quantities ([`Qty`]), 0 to 18.
    pub qty_decimals: u8,
    /// Largest single order, above zero.
    pub order_qty_max: Qty,
    /// How the venues' prices are compared.
    pub reference: ReferenceTerms,
}
wire_struct!(InstrumentDef {
    id,
    symbol,
    base,
    quote,
    price_decimals,
    qty_decimals,
    order_qty_max,
    reference
});

/// How the mid prices of an instrument's venues become its reference price.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReferenceTerms {
    /// How far apart two mid prices may lie and still agree, and how far a book may lie from the
    /// reference price and still be trusted; in basis points.
    pub outlier_bps: u32,
    /// How long the last agreed price stands in for venues that do not agree, in nanoseconds.
    pub age_ns: u64,
}
wire_struct!(ReferenceTerms { outlier_bps, age_ns });

impl ReferenceTerms {
    /// 100 basis points, 5 seconds.
    pub const DEFAULT: Self = Self { outlier_bps: 100, age_ns: 5_000_000_000 };
}

/// When a venue's circuit breakers open, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerTerms {
    /// Failures in a row that open a breaker; zero: no run opens it.
    pub failures: u32,
    /// Failures per hundred outcomes in the window that open a breaker; zero: no share opens it.
    pub share_pct: u32,
    /// Outcomes in the window below which the share does not count.
    pub samples: u32,
    /// Length of the window, in nanoseconds. A window begins with the first outcome after the end
    /// of the window before it.
    pub window_ns: u64,
    /// How long a breaker is open at first, in nanoseconds. Each further time is twice as long,
    /// until a request has succeeded.
    pub open_ns: u64,
    /// How long a breaker is open at most, in nanoseconds.
    pub open_max_ns: u64,
}
wire_struct!(BreakerTerms { failures, share_pct, samples, window_ns, open_ns, open_max_ns });

impl BreakerTerms {
    /// The terms of a venue whose configuration names none.
    pub const DEFAULT: Self = Self {
        failures: 5,
        share_pct: 50,
        samples: 20,
        window_ns: 60_000_000_000,
        open_ns: 30_000_000_000,
        open_max_ns: 900_000_000_000,
    };
}

/// Definition of a venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VenueDef {
    /// Id: the index in the list of definitions, from 0.
    pub id: VenueId,
    /// Name in configuration, logs and reports.
    pub name: Name,
    /// A book is stale when its feed has been silent for longer than this, in nanoseconds.
    pub stale_after_ns: u64,
    /// New orders that may be sent per [`VenueDef::rate_window_ns`].
    pub rate_orders: u32,
    /// Length of the rate window, in nanoseconds.
    pub rate_window_ns: u64,
    /// New orders that the venue may leave unanswered; at this number it gets no more.
    pub unanswered_max: u32,
    /// Whether the venue takes fill-or-kill orders.
    pub fok: bool,
    /// When the venue's circuit breakers open, and for how long.
    pub breaker: BreakerTerms,
}
wire_struct!(VenueDef {
    id,
    name,
    stale_after_ns,
    rate_orders,
    rate_window_ns,
    unanswered_max,
    fok,
    breaker
});

/// A venue account that uses the books of another one: a further key or sub-account of one venue.
///
/// [`VenueDef`] defines a venue account: what has its own balances, listings, budget and orders.
/// Each has books of its own unless this says otherwise. Comes after both definitions and before
/// the account's listings, and holds for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BooksOfDef {
    /// The venue account without books of its own.
    pub venue: VenueId,
    /// The venue account of the same venue whose books it uses.
    pub owner: VenueId,
}
wire_struct!(BooksOfDef { venue, owner });

/// From where a venue takes the fee of an execution, and so what it locks for a buy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum FeeTaken {
    /// From the quote asset. A buy locks its value with the fee on top.
    #[default]
    Quote = 0,
    /// From the asset that the execution brings. A buy locks its value and gets less of the base
    /// asset.
    Received = 1,
    /// From a third asset, such as the venue's own token. A buy locks its value.
    Other = 2,
}

impl FeeTaken {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Quote, Self::Received, Self::Other];
}

impl Wire for FeeTaken {
    fn put(&self, w: &mut Writer<'_>) {
        (*self as u8).put(w);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        Self::ALL.get(usize::from(u8::get(r)?)).copied().ok_or(WireError::Value)
    }
}

/// An instrument's terms at one venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListingDef {
    /// The instrument.
    pub instrument: InstrumentId,
    /// The venue.
    pub venue: VenueId,
    /// False: no order is routed to the listing.
    pub enabled: bool,
    /// Which prices the venue takes.
    pub ticks: Ticks,
    /// Quantity step, above zero.
    pub lot: Qty,
    /// Smallest quantity of an order.
    pub qty_min: Qty,
    /// Largest quantity of an order.
    pub qty_max: Qty,
    /// Smallest order value, in the quote asset.
    pub notional_min: Amount,
    /// Fee of an order that rested in the book; negative is a rebate.
    pub maker_fee: FeePpm,
    /// Fee of an order that took from the book; negative is a rebate.
    pub taker_fee: FeePpm,
    /// From where the venue takes its fees.
    pub fee_taken: FeeTaken,
}
wire_struct!(ListingDef {
    instrument,
    venue,
    enabled,
    ticks,
    lot,
    qty_min,
    qty_max,
    notional_min,
    maker_fee,
    taker_fee,
    fee_taken
});

impl ListingDef {
    /// The fees.
    #[inline]
    pub const fn fees(&self) -> ListingFees {
        ListingFees { maker: self.maker_fee, taker: self.taker_fee, taken: self.fee_taken }
    }
}

/// A trading account and its limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountDef {
    /// Id: the index in the list of definitions, from 0.
    pub id: AccountId,
    /// FIX `Account` (1).
    pub name: Name,
    /// How far a child's limit may lie beyond the worst price level that the child is meant to
    /// take, in parts per million; never beyond the order's own limit.
    pub slack_ppm: u32,
    /// The limits that the account's orders are held to.
    pub limits: AccountLimits,
    /// What becomes of an order that would take liquidity while there is no reference price.
    pub no_reference: NoReference,
    /// How long a day market order may be open, in nanoseconds; then its rest is cancelled.
    pub market_wait_ns: u64,
    /// How long an IOC or FOK order, market or limit, may wait for a busy venue, in nanoseconds
    /// since its arrival: 0 to [`BUSY_WAIT_NS_MAX`]. Zero gives the rest back at once.
    pub busy_wait_ns: u64,
}

/// The longest wait of an IOC or FOK order for a busy venue: one minute.
pub const BUSY_WAIT_NS_MAX: u64 = 60_000_000_000;

/// The usual [`AccountDef::market_wait_ns`]: one minute.
pub const MARKET_WAIT_NS_DEFAULT: u64 = 60_000_000_000;

/// What becomes of an order that needs a reference price while there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum NoReference {
    /// The order is refused.
    #[default]
    Refuse = 1,
    /// A day, GTC or GTD order waits for the price; an IOC or FOK order is refused.
    Wait = 2,
}
wire_enum!(NoReference { Refuse, Wait });

/// Limits of an account's definition that stand before its slack.
const LIMITS_BEFORE_SLACK: usize = 2;

impl Wire for AccountDef {
    fn put(&self, w: &mut Writer<'_>) {
        let (before, after) = LIMITS.split_at(LIMITS_BEFORE_SLACK);
        self.id.put(w);
        self.name.put(w);
        put_limits(before, &self.limits, w);
        self.slack_ppm.put(w);
        put_limits(after, &self.limits, w);
        self.no_reference.put(w);
        self.market_wait_ns.put(w);
        self.busy_wait_ns.put(w);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let (before, after) = LIMITS.split_at(LIMITS_BEFORE_SLACK);
        let (id, name) = (Wire::get(r)?, Wire::get(r)?);
        let mut limits = AccountLimits::NONE;
        get_limits(before, &mut limits, r)?;
        let slack_ppm = Wire::get(r)?;
        get_limits(after, &mut limits, r)?;
        let (no_reference, market_wait_ns) = (Wire::get(r)?, Wire::get(r)?);
        let busy_wait_ns = Wire::get(r)?;
        Ok(Self { id, name, slack_ppm, limits, no_reference, market_wait_ns, busy_wait_ns })
    }
}

/// Definition of a client session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionDef {
    /// Id: the index in the list of definitions, from 0.
    pub id: SessionId,
    /// `CompID` of the client.
    pub name: Name,
    /// The account that the session trades for; `None` if it only listens (a drop copy).
    pub account: Option<AccountId>,
}
wire_struct!(SessionDef { id, name, account });
