//! A scenario as its line describes it, and as the core's tables.
//!
//! A line belongs here if it reads a scenario.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use rutter_core::behaviour::{Behaviour, COST_MAX_PPM, Measured};
use rutter_core::breaker::RATE_LIMIT_WAITS;
use rutter_core::heard::Heard;
use rutter_core::id::{AccountId, AssetId, InstrumentId, Name, Symbol, VenueId};
use rutter_core::input::{
    AssetDef, BehaviourCosts, BreakerTerms, BudgetDef, FeeTaken, Input, InstrumentDef, ListingDef,
    ReferenceTerms, ScoreWeights, Side, TimeInForce, VenueDef,
};
use rutter_core::ledger::Ledger;
use rutter_core::listed::{Books, place_of};
use rutter_core::number::{AMOUNT_DECIMALS, Amount, FeePpm, Price, Qty, UnixNanos};
use rutter_core::reference::{Reference, VENUES_MAX};
use rutter_core::reference_price::ReferencePrice;
use rutter_core::risk::collared;
use rutter_core::routing::{Plan, RouteRequest, Router, RoutingView, VenueState, best_price};
use rutter_core::strategy::Posting;
use rutter_core::ticks::{PRICE_DIGITS_MAX, TickBand, Ticks};
use rutter_core::venue_set::VenueSet;
use serde::Deserialize;
use serde_json::Value;

use super::BadScenario;
use super::bridges::{self, BRIDGES_MAX, Bridge};
use super::object::Object;
use super::rests::{self, Rest};
use crate::config::{FeeSource, ModeConfig, WeightsConfig, amount, is_plain, mantissa};

mod books;

/// The instrument of every scenario.
const PAIR: InstrumentId = InstrumentId(0);
const BASE: AssetId = AssetId(0);
const QUOTE: AssetId = AssetId(1);
/// Time of the decision, nanoseconds since the epoch. No answer depends on it.
pub(super) const NOW: UnixNanos = UnixNanos(1_000_000_000_000_000_000);
const SECOND_NS: u64 = 1_000_000_000;
/// Funds at a venue that says nothing of them: more than any order needs.
pub(super) const FUNDS: Amount = Amount(i128::MAX);

/// Costs that make the share of partial fills the cost of behaviour itself.
const ASKED: BehaviourCosts = BehaviourCosts { partial_ppm: 1_000_000, ..BehaviourCosts::NONE };

/// Factor that a value must have room for: nine decimals of fees, and fees of twice the price.
const MONEY_ROOM: i128 = 2_000_000_000;

/// The whole, in parts per million.
const PPM_MAX: u32 = 1_000_000;

/// A number: a decimal string, or a JSON number.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Number {
    Text(String),
    Number(serde_json::Number),
}

/// One line of a scenario file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    /// Returned with the answer.
    #[serde(default)]
    pub name: Value,
    venues: Vec<Object<Venue>>,
    order: Object<Order>,
    /// Where the order may fill as well.
    #[serde(default)]
    bridges: Vec<Object<Bridge>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Venue {
    name: String,
    #[serde(default)]
    bids: Vec<(Number, Number)>,
    #[serde(default)]
    asks: Vec<(Number, Number)>,
    /// Quantity that trades lately against each side.
    bids_traded: Option<Number>,
    asks_traded: Option<Number>,
    taker_fee_ppm: Option<Number>,
    maker_fee_ppm: Option<Number>,
    #[serde(default)]
    fee_taken: FeeSource,
    tick: Option<Number>,
    /// Larger ticks: above a price, the tick.
    #[serde(default)]
    ticks: Vec<(Number, Number)>,
    /// Significant digits of a price.
    price_digits: Option<Number>,
    lot: Option<Number>,
    qty_min: Option<Number>,
    qty_max: Option<Number>,
    notional_min: Option<Number>,
    /// Funds.
    base: Option<Number>,
    quote: Option<Number>,
    #[serde(default)]
    tier: Tier,
    /// What the venue's behaviour is expected to cost.
    behaviour_ppm: Option<Number>,
    /// Expected time to its answer.
    latency_us: Option<Number>,
    /// Shares of refusals and of fades.
    rejects_ppm: Option<Number>,
    faded_ppm: Option<Number>,
    /// Why the venue gets nothing, whatever its book shows.
    state: Option<State>,
    #[serde(default = "yes")]
    fok: bool,
    /// New orders that the venue's rate still takes.
    orders_left: Option<Number>,
    /// Our own resting orders.
    #[serde(default)]
    own: Vec<Object<Own>>,
}

/// The verdicts that a venue's state gives, by their words in a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
enum State {
    VenueDown,
    NotListed,
    Untrusted,
    Stale,
    Crossed,
    NoRate,
    Busy,
    Faded,
    Avoided,
    NotNamed,
    NotAllowed,
    Drained,
    BreakerOpen,
    Paused,
    MarketClosed,
    Outlier,
}

/// Whether a venue gets something only where no other can take it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Tier {
    #[default]
    Primary,
    Backup,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Own {
    side: OrderSide,
    price: Number,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    side: OrderSide,
    qty: Number,
    #[serde(rename = "type")]
    kind: OrderKind,
    price: Option<Number>,
    #[serde(default)]
    tif: OrderTif,
    /// How far a market order may go beyond the reference price; any distance if absent.
    collar_ppm: Option<Number>,
    /// The worst price of a market order, where it is known already.
    worst: Option<Number>,
    /// How far a child's limit may lie beyond the worst level that it takes.
    price_slack_ppm: Option<Number>,
    /// What the levels must show of the plan, or nothing is sent.
    min_qty: Option<Number>,
    #[serde(default)]
    strategy: OrderStrategy,
    /// The only venue that the order may go to.
    venue: Option<String>,
    /// The only venues that the account uses; empty: all.
    #[serde(default)]
    include: Vec<String>,
    /// Venues that the account does not use.
    #[serde(default)]
    exclude: Vec<String>,
    #[serde(default)]
    mode: ModeConfig,
    weights: Option<Object<WeightsConfig>>,
    /// What waits rests by share.
    rest: Option<Object<Rest>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OrderSide {
    Buy,
    Sell,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OrderKind {
    Limit,
    Market,
}

/// How the order is executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OrderStrategy {
    #[default]
    Cross,
    Post,
    Smart,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum OrderTif {
    Day,
    Gtc,
    Gtd,
    #[default]
    Ioc,
    Fok,
}

const fn yes() -> bool {
    true
}

impl From<OrderSide> for Side {
    fn from(side: OrderSide) -> Self {
        match side {
            OrderSide::Buy => Self::Buy,
            OrderSide::Sell => Self::Sell,
        }
    }
}

impl Number {
    /// The value, at least zero.
    pub fn value(&self, what: &str) -> Result<Decimal, BadScenario> {
        let value = self.signed(what)?;
        if value.is_sign_negative() && !value.is_zero() {
            return Err(BadScenario::new("BadNumber", format!("{what} is below zero")));
        }
        Ok(value)
    }

    pub fn signed(&self, what: &str) -> Result<Decimal, BadScenario> {
        let text = match self {
            Self::Text(text) => text.clone(),
            // A number with a point was read as a binary fraction, which is not what was written.
            Self::Number(number) if number.is_f64() => {
                let text = format!("{what} has decimals or an exponent: write a decimal string");
                return Err(BadScenario::new("BadNumber", text));
            }
            Self::Number(number) => number.to_string(),
        };
        let read = Decimal::from_str_exact(&text).ok().filter(|_| is_plain(&text));
        read.map(|value| value.normalize()).ok_or_else(|| {
            BadScenario::new("BadNumber", format!("{what} is no decimal: {text:.40}"))
        })
    }

    pub fn whole<T: TryFrom<i64>>(&self, what: &str) -> Result<T, BadScenario> {
        let value = mantissa(self.signed(what)?, 0).and_then(|value| T::try_from(value).ok());
        value.ok_or_else(|| BadScenario::new("BadNumber", format!("{what} is out of range")))
    }
}

/// A whole number; `none` if it is absent.
fn whole<T: TryFrom<i64>>(number: Option<&Number>, what: &str, none: T) -> Result<T, BadScenario> {
    number.map_or(Ok(none), |number| number.whole(what))
}

/// A share of a whole in parts per million; 0 if it is absent.
fn share(number: Option<&Number>, what: &str) -> Result<u32, BadScenario> {
    let share = whole(number, what, 0)?;
    if share > PPM_MAX { Err(out_of_range(what)) } else { Ok(share) }
}

/// A fee in parts per million; 0 if it is absent.
pub(super) fn fee(number: Option<&Number>, what: &str) -> Result<FeePpm, BadScenario> {
    let fee: i32 = whole(number, what, 0)?;
    if fee.unsigned_abs() >= PPM_MAX { Err(out_of_range(what)) } else { Ok(FeePpm(fee)) }
}

/// Decimals of prices and of quantities: as many as some number of the scenario has.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Decimals {
    pub price: u32,
    pub qty: u32,
}

impl Decimals {
    pub fn price(self, number: &Number, what: &str) -> Result<Price, BadScenario> {
        mantissa(number.value(what)?, self.price).map(Price).ok_or_else(|| out_of_range(what))
    }

    pub fn qty(self, number: &Number, what: &str) -> Result<Qty, BadScenario> {
        mantissa(number.value(what)?, self.qty).map(Qty).ok_or_else(|| out_of_range(what))
    }
}

pub(super) fn out_of_range(what: &str) -> BadScenario {
    BadScenario::new("BadNumber", format!("{what} is out of range"))
}

/// A scenario as the core's tables.
pub(super) struct World {
    pub decimals: Decimals,
    pub reference: Reference,
    pub books: Books,
    venues: Vec<VenueState>,
    pub ledger: Ledger,
    pub request: RouteRequest,
}

impl World {
    /// The plan of the core's router for a request.
    pub fn plan<'a>(&self, router: &'a mut Router, request: &RouteRequest) -> &'a Plan {
        router.make_plan(&self.view(), request)
    }

    /// The venues whose feeds have been heard.
    pub fn heard(&self) -> VenueSet {
        Heard::of(&self.reference, &self.venues, NOW).venues()
    }

    pub fn view(&self) -> RoutingView<'_> {
        RoutingView::new(&self.reference, &self.books, &self.venues, &self.ledger, NOW)
    }

    /// The limit of a market order. Where the venues do not agree on a reference price, the order
    /// is taken for one that reduces a position, which is measured from the best price.
    fn market_limit(&self, collar_ppm: u32) -> Price {
        let (view, side) = (self.view(), self.request.side);
        let barred = self.request.closed.union(self.request.left_out());
        let mut prices = ReferencePrice::default();
        for index in 0..self.venues.len() {
            prices.set_mid(VenueId(index as u8), self.books[index].mid());
        }
        let counted = prices.counted(&self.reference, self.heard(), PAIR, barred);
        let found = prices.find(counted, &ReferenceTerms::DEFAULT, NOW);
        let base = found.price().or_else(|| best_price(&view, PAIR, side, barred));
        base.map_or(Price(1), |base| collared(base, side, collar_ppm))
    }
}

impl Scenario {
    /// The core's tables.
    pub fn world(&self) -> Result<World, BadScenario> {
        if self.venues.is_empty() {
            return Err(BadScenario::new("NoVenues", "a scenario has at least one venue"));
        }
        if self.venues.len() > VENUES_MAX {
            return Err(BadScenario::new("TooManyVenues", format!("at most {VENUES_MAX}")));
        }
        let decimals = self.decimals()?;
        let mut world = World {
            decimals,
            reference: instruments(decimals)?,
            books: Books::new(),
            venues: vec![VenueState::default(); self.venues.len()],
            ledger: Ledger::default(),
            request: self.request(decimals)?,
        };
        world.ledger.grow(self.venues.len(), 0, 2 + self.bridges.len());
        let mut names = BTreeSet::new();
        for (id, Object(venue)) in self.venues.iter().enumerate() {
            if !names.insert(&venue.name) {
                return Err(BadScenario::new("BadName", format!("two venues {}", venue.name)));
            }
            venue.add_to(&mut world, VenueId(id as u8))?;
        }
        let Order { collar_ppm, worst, .. } = &self.order.0;
        let bad = |text: &str| Err(BadScenario::new("BadPrice", text));
        match (world.request.limit, worst, collar_ppm) {
            (None, Some(worst), None) => {
                world.request.worst = decimals.price(worst, "order.worst")?;
            }
            (None, None, collar_ppm) => {
                let collar_ppm = whole(collar_ppm.as_ref(), "order.collar_ppm", u32::MAX)?;
                world.request.worst = world.market_limit(collar_ppm);
            }
            (Some(_), None, None) => {}
            (None, Some(_), Some(_)) => return bad("worst stands in the place of collar_ppm"),
            (Some(_), Some(_), _) => return bad("a limit order has no worst price"),
            (Some(_), None, Some(_)) => return bad("a limit order has no collar_ppm"),
        }
        self.add_bridges(&mut world)?;
        Ok(world)
    }

    fn add_bridges(&self, world: &mut World) -> Result<(), BadScenario> {
        if self.bridges.len() > BRIDGES_MAX {
            let text = format!("at most {BRIDGES_MAX} bridges");
            return Err(BadScenario::new("TooManyBridges", text));
        }
        if !self.bridges.is_empty() {
            bridges::add_accounts(world)?;
        }
        for (at, Object(bridge)) in self.bridges.iter().enumerate() {
            bridge.add_to(world, at, |name, what| self.id_of(name, what))?;
        }
        Ok(())
    }

    fn decimals(&self) -> Result<Decimals, BadScenario> {
        let (mut price, mut qty) = (0, 0);
        let widen = |decimals: &mut u32, number: &Number, what: &str| {
            *decimals = (*decimals).max(number.signed(what)?.scale());
            Ok::<(), BadScenario>(())
        };
        for Object(venue) in &self.venues {
            for (at_price, at_qty) in venue.bids.iter().chain(&venue.asks) {
                widen(&mut price, at_price, "price of a level")?;
                widen(&mut qty, at_qty, "quantity of a level")?;
            }
            for Object(own) in &venue.own {
                widen(&mut price, &own.price, "own.price")?;
            }
            if let Some(tick) = &venue.tick {
                widen(&mut price, tick, "tick")?;
            }
            for (above, tick) in &venue.ticks {
                widen(&mut price, above, "ticks")?;
                widen(&mut price, tick, "ticks")?;
            }
            for number in [&venue.lot, &venue.qty_min, &venue.qty_max].into_iter().flatten() {
                widen(&mut qty, number, "lot, qty_min or qty_max")?;
            }
            for number in [&venue.bids_traded, &venue.asks_traded].into_iter().flatten() {
                widen(&mut qty, number, "bids_traded or asks_traded")?;
            }
        }
        for Object(bridge) in &self.bridges {
            qty = qty.max(bridge.qty_decimals()?);
        }
        let Object(order) = &self.order;
        widen(&mut qty, &order.qty, "order.qty")?;
        if let Some(least) = &order.min_qty {
            widen(&mut qty, least, "order.min_qty")?;
        }
        for number in [&order.price, &order.worst].into_iter().flatten() {
            widen(&mut price, number, "order.price")?;
        }
        if price + qty > AMOUNT_DECIMALS {
            let text = format!("prices and quantities have {price} + {qty} decimals; at most 18");
            return Err(BadScenario::new("TooManyDecimals", text));
        }
        Ok(Decimals { price, qty })
    }

    fn id_of(&self, name: &str, what: &str) -> Result<VenueId, BadScenario> {
        let found = self.venues.iter().position(|Object(venue)| venue.name == name);
        found
            .map(|id| VenueId(id as u8))
            .ok_or_else(|| BadScenario::new("UnknownVenue", format!("{what} {name:.40}")))
    }

    fn venues_with(&self, holds: impl Fn(&Venue) -> bool) -> VenueSet {
        let venues = self.venues.iter().enumerate().filter(|(_, Object(venue))| holds(venue));
        venues.map(|(id, _)| VenueId(id as u8)).collect()
    }

    /// The venues that the order's lists leave out.
    fn denied(&self) -> Result<VenueSet, BadScenario> {
        let set = |names: &[String], what: &str| {
            names.iter().map(|name| self.id_of(name, what)).collect::<Result<VenueSet, _>>()
        };
        let Order { include, exclude, .. } = &self.order.0;
        let included = set(include, "order.include")?;
        let all = include.is_empty();
        let others = if all { VenueSet::EMPTY } else { included.complement() };
        Ok(others.union(set(exclude, "order.exclude")?))
    }

    /// The weights of an order in score mode.
    fn score(&self) -> Result<Option<ScoreWeights>, BadScenario> {
        let bad = |text: &str| Err(BadScenario::new("BadWeights", text));
        let weights = match (self.order.0.mode, &self.order.0.weights) {
            (ModeConfig::Cost, None) => return Ok(None),
            (ModeConfig::Cost, Some(_)) => return bad("weights go with mode score"),
            (ModeConfig::Score, None) => WeightsConfig::default(),
            (ModeConfig::Score, Some(Object(weights))) => *weights,
        };
        let weights = ScoreWeights::from(weights);
        if weights.is_whole() { Ok(Some(weights)) } else { bad("the four weights make up 100") }
    }

    fn request(&self, decimals: Decimals) -> Result<RouteRequest, BadScenario> {
        let Object(order) = &self.order;
        let limit = match (order.kind, &order.price) {
            (OrderKind::Limit, Some(price)) => Some(decimals.price(price, "order.price")?),
            (OrderKind::Market, None) => None,
            (OrderKind::Limit, None) => {
                return Err(BadScenario::new("BadPrice", "a limit order has a price"));
            }
            (OrderKind::Market, Some(_)) => {
                return Err(BadScenario::new("BadPrice", "a market order has no price"));
            }
        };
        if limit.is_none() && matches!(order.tif, OrderTif::Gtc | OrderTif::Gtd) {
            return Err(BadScenario::new("BadTif", "a market order is day, ioc or fok"));
        }
        let qty = decimals.qty(&order.qty, "order.qty")?;
        if qty.is_zero() {
            return Err(BadScenario::new("BadNumber", "order.qty is not above zero"));
        }
        let min_fill = match &order.min_qty {
            None => Qty::ZERO,
            Some(least) => decimals.qty(least, "order.min_qty")?,
        };
        if !min_fill.is_zero() && !matches!(order.tif, OrderTif::Ioc) {
            let text = "order.min_qty goes with ioc only";
            return Err(BadScenario::new("BadMinQty", text));
        }
        if min_fill > qty {
            return Err(BadScenario::new("BadMinQty", "order.min_qty is above order.qty"));
        }
        let only = order.venue.as_ref().map(|name| self.id_of(name, "order.venue")).transpose()?;
        let in_state = |state| self.venues_with(|venue| venue.state == Some(state));
        let only = only.map_or(VenueSet::EMPTY, VenueSet::all_but);
        Ok(RouteRequest {
            account: AccountId(0),
            instrument: PAIR,
            side: order.side.into(),
            limit,
            // That of a market order follows from the books.
            worst: limit.unwrap_or(Price(0)),
            slack_ppm: share(order.price_slack_ppm.as_ref(), "order.price_slack_ppm")?,
            tif: match order.tif {
                OrderTif::Day => TimeInForce::Day,
                OrderTif::Gtc => TimeInForce::Gtc,
                OrderTif::Gtd => TimeInForce::Gtd,
                OrderTif::Ioc => TimeInForce::Ioc,
                OrderTif::Fok => TimeInForce::Fok,
            },
            qty,
            min_fill,
            posting: order.posting()?,
            avoided: in_state(State::Avoided),
            self_matched: VenueSet::EMPTY,
            excluded: in_state(State::NotNamed).union(only),
            denied: in_state(State::NotAllowed).union(self.denied()?),
            backup: self.venues_with(|venue| venue.tier == Tier::Backup),
            costs: ASKED,
            score: self.score()?,
            rest_shares: rests::shares(order.rest.as_ref(), |name, what| self.id_of(name, what))?,
            closed: in_state(State::Drained),
            faded: in_state(State::Faded),
            faded_at: NOW,
        })
    }
}

impl Order {
    fn posting(&self) -> Result<Posting, BadScenario> {
        let posting = match self.strategy {
            OrderStrategy::Cross => return Ok(Posting::No),
            OrderStrategy::Post => Posting::Always,
            OrderStrategy::Smart => Posting::WhileItSaves,
        };
        let waits = matches!(self.tif, OrderTif::Day | OrderTif::Gtc | OrderTif::Gtd);
        if !waits || self.kind == OrderKind::Market {
            let text = "post and smart go with limit, and with day, gtc or gtd";
            return Err(BadScenario::new("BadStrategy", text));
        }
        Ok(posting)
    }
}

fn instruments(decimals: Decimals) -> Result<Reference, BadScenario> {
    let mut reference = Reference::default();
    let text = |name: &str| Name::new(name.as_bytes()).unwrap_or_default();
    let definitions = [
        Input::Asset(AssetDef { id: BASE, name: text("BASE") }),
        Input::Asset(AssetDef { id: QUOTE, name: text("QUOTE") }),
        Input::Instrument(InstrumentDef {
            id: PAIR,
            symbol: Symbol::new(b"BASE/QUOTE").unwrap_or_default(),
            base: BASE,
            quote: QUOTE,
            price_decimals: decimals.price as u8,
            qty_decimals: decimals.qty as u8,
            order_qty_max: Qty(i64::MAX),
            reference: ReferenceTerms::DEFAULT,
        }),
    ];
    for definition in definitions {
        define(&mut reference, &definition, "decimals")?;
    }
    Ok(reference)
}

pub(super) fn define(
    reference: &mut Reference,
    input: &Input,
    what: &str,
) -> Result<(), BadScenario> {
    reference
        .define(input)
        .map_err(|_| BadScenario::new("BadNumber", format!("{what} is out of range")))
}

impl Venue {
    fn add_to(&self, world: &mut World, id: VenueId) -> Result<(), BadScenario> {
        let name = Name::new(self.name.as_bytes()).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| {
            BadScenario::new("BadName", "a venue's name has 1 to 12 printable ASCII characters")
        })?;
        let left: Option<u32> =
            self.orders_left.as_ref().map(|left| left.whole("orders_left")).transpose()?;
        let venue = VenueDef {
            id,
            name,
            stale_after_ns: SECOND_NS,
            rate_orders: match self.state {
                Some(State::NoRate) => 0,
                _ => left.unwrap_or(u32::MAX),
            },
            rate_window_ns: SECOND_NS,
            unanswered_max: if self.state == Some(State::Busy) { 0 } else { u32::MAX },
            fok: self.fok,
            breaker: BreakerTerms::DEFAULT,
        };
        define(&mut world.reference, &Input::Venue(venue), "a venue")?;
        let listing = self.listing(world.decimals, id)?;
        define(
            &mut world.reference,
            &Input::Listing(listing),
            &format!("a term of {}", self.name),
        )?;
        world.books.list(place_of(PAIR, id));
        for (asset, funds) in [(BASE, &self.base), (QUOTE, &self.quote)] {
            let total = match funds {
                Some(funds) => amount(funds.value("base or quote")?)
                    .map(Amount)
                    .ok_or_else(|| out_of_range("base or quote"))?,
                None => FUNDS,
            };
            world.ledger.set_total(id, asset, total);
        }
        self.set_state(&mut world.venues[id.index()], &venue);
        world.venues[id.index()].behaviour = Behaviour::of(self.measured()?);
        self.count_trades(world, id)?;
        self.fill_book(world, id)
    }

    fn count_trades(&self, world: &mut World, id: VenueId) -> Result<(), BadScenario> {
        let traded = [(Side::Buy, &self.bids_traded), (Side::Sell, &self.asks_traded)];
        for (side, traded) in traded {
            if let Some(traded) = traded {
                let qty = world.decimals.qty(traded, "bids_traded or asks_traded")?;
                world.books[id.index()].count_trade(side, qty, NOW, NOW);
            }
        }
        Ok(())
    }

    fn measured(&self) -> Result<Measured, BadScenario> {
        let partial_ppm = whole(self.behaviour_ppm.as_ref(), "behaviour_ppm", 0)?;
        if u64::from(partial_ppm) > COST_MAX_PPM {
            return Err(out_of_range("behaviour_ppm"));
        }
        let latency_us = whole(self.latency_us.as_ref(), "latency_us", 0)?;
        Ok(Measured {
            answers: 0,
            p50_us: latency_us,
            p99_us: latency_us,
            rejects_ppm: share(self.rejects_ppm.as_ref(), "rejects_ppm")?,
            faded_ppm: share(self.faded_ppm.as_ref(), "faded_ppm")?,
            partial_ppm,
            known_until: UnixNanos(u64::MAX),
        })
    }

    fn set_state(&self, state: &mut VenueState, venue: &VenueDef) {
        state.budget.set(venue, &BudgetDef::none(venue.id), 1, NOW);
        state.up = self.state != Some(State::VenueDown);
        if self.state != Some(State::Stale) {
            state.feed_alive_at = NOW;
        }
        if self.state == Some(State::BreakerOpen) {
            for _ in 0..venue.breaker.failures {
                state.breakers[0].failed(NOW, &venue.breaker);
            }
        }
        if self.state == Some(State::Paused) {
            state.paused.extend(NOW, SECOND_NS, RATE_LIMIT_WAITS);
        }
    }

    fn ticks(&self, decimals: Decimals) -> Result<Ticks, BadScenario> {
        let price = |number| decimals.price(number, "tick");
        let bad = |text: &str| BadScenario::new("BadTicks", format!("{} of {}", text, self.name));
        let least = self.tick.as_ref().map(price).transpose()?.unwrap_or(Price(1));
        if least == Price(0) {
            return Err(bad("a tick is above zero: tick"));
        }
        let band = |(above, tick)| Ok(TickBand { above: price(above)?, tick: price(tick)? });
        let bands = self.ticks.iter().map(|(above, tick)| band((above, tick)));
        let bands = bands.collect::<Result<Vec<_>, BadScenario>>()?;
        let Some(digits) = &self.price_digits else {
            let ticks = Ticks::banded(least, &bands);
            return ticks.ok_or_else(|| bad("the ticks contradict each other: ticks"));
        };
        if !bands.is_empty() {
            return Err(bad("price_digits and ticks exclude each other: ticks"));
        }
        let digits: i64 = digits.whole("price_digits")?;
        let digits = u8::try_from(digits).ok().filter(|some| (1..=PRICE_DIGITS_MAX).contains(some));
        let digits = digits.ok_or_else(|| bad("not from 1 to 18: price_digits"))?;
        let ticks = Ticks::significant(least, digits);
        ticks.ok_or_else(|| bad("with price_digits a tick is a power of ten: tick"))
    }

    fn listing(&self, decimals: Decimals, venue: VenueId) -> Result<ListingDef, BadScenario> {
        let qty = |number: &Option<Number>, what, none| {
            number.as_ref().map_or(Ok(Qty(none)), |number| decimals.qty(number, what))
        };
        let notional_min = match &self.notional_min {
            Some(least) => {
                amount(least.value("notional_min")?).ok_or_else(|| out_of_range("notional_min"))?
            }
            None => 0,
        };
        let lot = qty(&self.lot, "lot", 1)?;
        if lot.is_zero() {
            return Err(out_of_range(&format!("lot of {}", self.name)));
        }
        let (qty_min, qty_max) =
            (qty(&self.qty_min, "qty_min", 0)?, qty(&self.qty_max, "qty_max", i64::MAX)?);
        if qty_min > qty_max {
            let text = format!("qty_min of {} is above its qty_max", self.name);
            return Err(BadScenario::new("BadNumber", text));
        }
        Ok(ListingDef {
            instrument: PAIR,
            venue,
            enabled: self.state != Some(State::NotListed),
            ticks: self.ticks(decimals)?,
            lot,
            qty_min,
            qty_max,
            notional_min: Amount(notional_min),
            maker_fee: fee(self.maker_fee_ppm.as_ref(), "maker_fee_ppm")?,
            taker_fee: fee(self.taker_fee_ppm.as_ref(), "taker_fee_ppm")?,
            fee_taken: FeeTaken::from(self.fee_taken),
        })
    }
}
