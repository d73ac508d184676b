//! Bridges of a scenario: instruments where its order may fill as well, and what converts.
//!
//! A line belongs here if it reads a bridge of a scenario, or asks the router about it.

use rutter_core::bridge::BridgeWord;
use rutter_core::id::{AccountId, AssetId, InstrumentId, Name, Symbol, VenueId};
use rutter_core::input::{
    AccountDef, AccountLimits, AssetDef, BookUpdate, BridgeDef, FeeTaken, Input, InstrumentDef,
    Level, ListingDef, MARKET_WAIT_NS_DEFAULT, NoReference, ReferenceTerms, Side, TimeInForce,
};
use rutter_core::listed::place_of;
use rutter_core::number::{Amount, Price, Qty};
use rutter_core::output::BridgeLine;
use rutter_core::reference_price::ReferencePrice;
use rutter_core::routing::{BridgeAsk, BridgePlan, RouteRequest, Router};
use rutter_core::strategy::Posting;
use rutter_core::ticks::Ticks;
use serde::Deserialize;

use super::BadScenario;
use super::object::Object;
use super::scenario::{Decimals, FUNDS, NOW, Number, World, define, fee, out_of_range};
use crate::config::amount;

/// Bridges of a scenario at most.
pub(super) const BRIDGES_MAX: usize = 4;
/// The account of the order, and the one that bears the conversion.
const ACCOUNTS: [AccountId; 2] = [AccountId(0), AccountId(1)];
/// The base and quote asset of the order.
const BASE: AssetId = AssetId(0);
const QUOTE: AssetId = AssetId(1);

/// A bridge: an asset in the place of the quote asset.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bridge {
    asset: String,
    basis_bps: Number,
    /// Bridge asset that may still be left unconverted.
    legging_left: Option<Number>,
    venues: Vec<Object<BridgeVenue>>,
}

/// A venue of the scenario that lists the bridge instrument, the conversion, or both.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct BridgeVenue {
    name: String,
    #[serde(default)]
    bids: Vec<(Number, Number)>,
    #[serde(default)]
    asks: Vec<(Number, Number)>,
    taker_fee_ppm: Option<Number>,
    #[serde(default)]
    conversion_bids: Vec<(Number, Number)>,
    #[serde(default)]
    conversion_asks: Vec<(Number, Number)>,
    conversion_fee_ppm: Option<Number>,
    /// Funds in the bridge asset.
    funds: Option<Number>,
}

impl Bridge {
    /// Its levels at the bridge instrument, or of the conversion.
    fn levels(&self, of_conversion: bool) -> impl Iterator<Item = &(Number, Number)> {
        self.venues.iter().flat_map(move |Object(venue)| {
            if of_conversion {
                venue.conversion_bids.iter().chain(&venue.conversion_asks)
            } else {
                venue.bids.iter().chain(&venue.asks)
            }
        })
    }

    /// Decimals of the bridge instrument, whose quantities have those of the order's, or of the
    /// conversion.
    fn decimals(&self, of_conversion: bool, own: Decimals) -> Result<Decimals, BadScenario> {
        let mut decimals =
            Decimals { price: own.price, qty: if of_conversion { 0 } else { own.qty } };
        for (price, qty) in self.levels(of_conversion) {
            decimals.price = decimals.price.max(price.signed("price of a level")?.scale());
            if of_conversion {
                decimals.qty = decimals.qty.max(qty.signed("quantity of a level")?.scale());
            }
        }
        Ok(decimals)
    }

    /// The most decimals of a quantity at the bridge instrument.
    pub fn qty_decimals(&self) -> Result<u32, BadScenario> {
        self.levels(false)
            .try_fold(0, |most, (_, qty)| Ok(most.max(qty.signed("quantity of a level")?.scale())))
    }

    /// Adds the bridge to the core's tables.
    pub fn add_to(
        &self,
        world: &mut World,
        at: usize,
        id_of: impl Fn(&str, &str) -> Result<VenueId, BadScenario>,
    ) -> Result<(), BadScenario> {
        let (asset, via) = (AssetId(2 + at as u16), InstrumentId(1 + 2 * at as u16));
        let conversion = InstrumentId(via.0 + 1);
        let bad_name =
            || BadScenario::new("BadName", "a bridge's asset has 1 to 12 printable characters");
        let name = Name::new(self.asset.as_bytes()).filter(|name| !name.is_empty());
        let name = name.ok_or_else(bad_name)?;
        define(&mut world.reference, &Input::Asset(AssetDef { id: asset, name }), "a bridge")?;
        let pairs = [
            (via, format!("BASE/{}", self.asset), BASE, asset, false),
            (conversion, format!("{}/QUOTE", self.asset), asset, QUOTE, true),
        ];
        for (id, symbol, base, quote, of_conversion) in pairs {
            let decimals = self.decimals(of_conversion, world.decimals)?;
            let def = InstrumentDef {
                id,
                symbol: Symbol::new(symbol.as_bytes()).ok_or_else(bad_name)?,
                base,
                quote,
                price_decimals: decimals.price as u8,
                qty_decimals: decimals.qty as u8,
                order_qty_max: Qty(i64::MAX),
                reference: ReferenceTerms::DEFAULT,
            };
            define(&mut world.reference, &Input::Instrument(def), "a bridge's decimals")?;
            for Object(venue) in &self.venues {
                let known = id_of(&venue.name, "bridges.venues")?;
                venue.list(world, (known, id), of_conversion, decimals)?;
                let funds = venue.funds.as_ref().map(|funds| money(funds, "funds"));
                world.ledger.set_total(known, asset, funds.transpose()?.unwrap_or(FUNDS));
            }
        }
        let legging_max = self.legging_left.as_ref().map(|left| money(left, "legging_left"));
        let def = BridgeDef {
            account: ACCOUNTS[0],
            desk: ACCOUNTS[1],
            instrument: world.request.instrument,
            via,
            conversion,
            basis_ppm: self.basis_bps.whole::<u32>("basis_bps")?.saturating_mul(100),
            legging_max: legging_max.transpose()?.unwrap_or(FUNDS),
        };
        define(&mut world.reference, &Input::Bridge(def), "a bridge's basis_bps")
    }
}

impl BridgeVenue {
    fn list(
        &self,
        world: &mut World,
        (venue, instrument): (VenueId, InstrumentId),
        of_conversion: bool,
        decimals: Decimals,
    ) -> Result<(), BadScenario> {
        let (bids, asks, fee_ppm) = if of_conversion {
            (&self.conversion_bids, &self.conversion_asks, &self.conversion_fee_ppm)
        } else {
            (&self.bids, &self.asks, &self.taker_fee_ppm)
        };
        if bids.is_empty() && asks.is_empty() {
            return Ok(());
        }
        let taker_fee = fee(fee_ppm.as_ref(), "a fee of a bridge")?;
        let listing = ListingDef {
            instrument,
            venue,
            enabled: true,
            ticks: Ticks::fixed(Price(1)),
            lot: Qty(1),
            qty_min: Qty(0),
            qty_max: Qty(i64::MAX),
            notional_min: Amount(0),
            maker_fee: taker_fee,
            taker_fee,
            fee_taken: FeeTaken::Quote,
        };
        define(&mut world.reference, &Input::Listing(listing), "a term of a bridge")?;
        let at = place_of(instrument, venue);
        world.books.list(at);
        let update = BookUpdate { venue, instrument, ..BookUpdate::default() };
        let book = &mut world.books[at];
        book.update(&BookUpdate { clear: true, ..update }, NOW);
        for (side, levels) in [(Side::Buy, bids), (Side::Sell, asks)] {
            for (price, qty) in levels {
                let level = Level {
                    price: decimals.price(price, "price of a level")?,
                    qty: decimals.qty(qty, "quantity of a level")?,
                };
                let mut one = update;
                if level.price.0 <= 0 || level.qty.0 <= 0 || !one.push(side, level) {
                    return Err(BadScenario::new("BadLevel", "a level is above zero"));
                }
                book.update(&one, NOW);
            }
        }
        book.update(&BookUpdate { last: true, ..update }, NOW);
        Ok(())
    }
}

fn money(number: &Number, what: &str) -> Result<Amount, BadScenario> {
    amount(number.value(what)?).map(Amount).ok_or_else(|| out_of_range(what))
}

/// Defines the two accounts that a bridge is between.
pub(super) fn add_accounts(world: &mut World) -> Result<(), BadScenario> {
    for (id, name) in ACCOUNTS.into_iter().zip(["order", "desk"]) {
        let def = AccountDef {
            id,
            name: Name::new(name.as_bytes()).unwrap_or_default(),
            slack_ppm: 0,
            limits: AccountLimits::NONE,
            no_reference: NoReference::Refuse,
            market_wait_ns: MARKET_WAIT_NS_DEFAULT,
            busy_wait_ns: 0,
        };
        define(&mut world.reference, &Input::Account(def), "an account")?;
    }
    Ok(())
}

/// What became of each bridge, and the request for what goes over none.
pub(super) fn plan(world: &World, router: &mut Router) -> (Vec<BridgeLine>, RouteRequest) {
    let (mut plan, mut other) = (BridgePlan::default(), BridgePlan::default());
    let (mut lines, mut best) = (Vec::new(), None);
    let request = world.request;
    let market = request.limit.is_none() && request.tif != TimeInForce::Fok;
    let may = (request.tif == TimeInForce::Ioc || market)
        && request.posting == Posting::No
        && request.score.is_none()
        && request.min_fill.is_zero();
    for def in world.reference.bridges() {
        if !may {
            let (via, conversion) = (def.via, def.conversion);
            let word = BridgeWord::NotThisOrder;
            lines.push(BridgeLine { via, conversion, word, ..BridgeLine::default() });
            continue;
        }
        let reference = reference_price(world, def.conversion);
        let ask = BridgeAsk { def, reference, room: def.legging_max };
        let view = world.view();
        lines.push(router.try_bridge(&view, &request, &ask, &mut best, (&mut plan, &mut other)));
    }
    BridgeLine::keep_best(&mut lines, best);
    let bridged = lines.iter().filter(|line| line.word == BridgeWord::Taken);
    let bridged = bridged.fold(Qty::ZERO, |_, line| line.qty);
    let rest = RouteRequest { qty: request.qty.saturating_sub(bridged), ..request };
    (lines, rest)
}

/// The reference price of an instrument, as the node finds it.
fn reference_price(world: &World, instrument: InstrumentId) -> Option<Price> {
    let mut prices = ReferencePrice::default();
    for listing in world.reference.listings(instrument) {
        let mid = world.books[place_of(instrument, listing.venue)].mid();
        prices.set_mid(listing.venue, mid);
    }
    let barred = world.request.closed;
    let counted = prices.counted(&world.reference, world.heard(), instrument, barred);
    prices.find(counted, &ReferenceTerms::DEFAULT, NOW).price()
}
