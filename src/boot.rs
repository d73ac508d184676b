//! The configuration as inputs of the core: what is known keeps its id, what is new gets the next.
//!
//! A line belongs here if it turns names into ids. The core checks what it is told.

use rutter_core::Engine;
use rutter_core::id::{AccountId, AssetId, InstrumentId, SessionId, VenueId};
use rutter_core::input::{
    AccountDef, AssetDef, Genesis, Input, InstrumentDef, ListingDef, SessionDef, VenueDef,
};
use rutter_core::number::{Amount, FeePpm, Price, Qty, Text};

use crate::config::{Config, InstrumentConfig, ListingConfig, VenueConfig, VenueKind};
use crate::config::{amount, mantissa};

/// The names of a node: index is id.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Assets.
    pub assets: Vec<String>,
    /// Instruments.
    pub instruments: Vec<String>,
    /// Venues.
    pub venues: Vec<String>,
    /// Accounts.
    pub accounts: Vec<String>,
    /// Sessions.
    pub sessions: Vec<String>,
}

fn position(names: &[String], name: &str) -> Option<usize> {
    names.iter().position(|known| known == name)
}

fn add_new<'a>(known: &mut Vec<String>, names: impl Iterator<Item = &'a String>) {
    for name in names {
        if position(known, name).is_none() {
            known.push(name.clone());
        }
    }
}

impl Names {
    /// What the engine knows, and behind it what the configuration adds.
    pub fn new(engine: &Engine, config: &Config) -> Self {
        let reference = engine.reference();
        let mut names = Self {
            assets: reference.assets.iter().map(|a| a.name.to_string()).collect(),
            instruments: reference.instruments.iter().map(|i| i.symbol.to_string()).collect(),
            venues: reference.venues.iter().map(|v| v.name.to_string()).collect(),
            accounts: reference.accounts.iter().map(|a| a.name.to_string()).collect(),
            sessions: reference.sessions.iter().map(|s| s.name.to_string()).collect(),
        };
        add_new(&mut names.assets, config.assets.iter());
        add_new(&mut names.instruments, config.instrument.iter().map(|i| &i.symbol));
        add_new(&mut names.venues, config.venue.iter().map(|v| &v.name));
        add_new(&mut names.accounts, config.account.iter().map(|a| &a.name));
        add_new(&mut names.sessions, config.session.iter().map(|s| &s.comp_id));
        names
    }

    /// Id of an asset.
    pub fn asset(&self, name: &str) -> Option<AssetId> {
        position(&self.assets, name).map(|at| AssetId(at as u16))
    }

    /// Id of an instrument.
    pub fn instrument(&self, name: &str) -> Option<InstrumentId> {
        position(&self.instruments, name).map(|at| InstrumentId(at as u16))
    }

    /// Id of a venue.
    pub fn venue(&self, name: &str) -> Option<VenueId> {
        position(&self.venues, name).map(|at| VenueId(at as u8))
    }

    /// Id of an account.
    pub fn account(&self, name: &str) -> Option<AccountId> {
        position(&self.accounts, name).map(|at| AccountId(at as u16))
    }

    /// Id of a session.
    pub fn session(&self, name: &str) -> Option<SessionId> {
        position(&self.sessions, name).map(|at| SessionId(at as u16))
    }
}

/// The first record of a new journal. `entropy` tells this journal's ids from all others'.
pub fn genesis(config: &Config, entropy: u64) -> Genesis {
    Genesis {
        node_tag: (entropy ^ entropy >> 32) as u32,
        orders_log2: config.node.orders_log2,
        children_log2: config.node.children_log2,
        executions_log2: config.node.executions_log2,
        day_roll_s: config.node.day_roll_utc_s,
        hash_seed: entropy,
    }
}

/// What every start tells the core: all reference data, then that the node has started.
///
/// # Errors
/// A name that the configuration uses and does not define; `Config::check` lets none pass.
pub fn inputs(config: &Config, names: &Names) -> Option<Vec<Input>> {
    let mut inputs = Vec::new();
    for name in &config.assets {
        inputs.push(Input::Asset(AssetDef { id: names.asset(name)?, name: text(name)? }));
    }
    for instrument in &config.instrument {
        inputs.push(Input::Instrument(instrument_def(instrument, names)?));
    }
    for venue in &config.venue {
        inputs.push(Input::Venue(venue_def(venue, names)?));
        for listing in &venue.listing {
            inputs.push(Input::Listing(listing_def(config, venue, listing, names)?));
        }
    }
    for account in &config.account {
        inputs.push(Input::Account(AccountDef {
            id: names.account(&account.name)?,
            name: text(&account.name)?,
            notional_max: Amount(amount(account.order_notional_max)?),
            collar_ppm: account.price_collar_ppm,
            rate_per_s: account.orders_per_s_max,
            open_orders_max: account.open_orders_max,
        }));
    }
    for session in &config.session {
        inputs.push(Input::Session(SessionDef {
            id: names.session(&session.comp_id)?,
            name: text(&session.comp_id)?,
            account: names.account(&session.account)?,
        }));
    }
    // Reference data must come in the order of ids: what was known before comes again in place.
    inputs.sort_by_key(order_of);
    inputs.push(Input::NodeStarted);
    Some(inputs)
}

/// Kind and id, so that the core sees dense ids.
fn order_of(input: &Input) -> (u8, u32) {
    match input {
        Input::Asset(def) => (0, u32::from(def.id.0)),
        Input::Instrument(def) => (1, u32::from(def.id.0)),
        Input::Venue(def) => (2, u32::from(def.id.0)),
        Input::Listing(def) => (3, u32::from(def.instrument.0) << 8 | u32::from(def.venue.0)),
        Input::Account(def) => (4, u32::from(def.id.0)),
        Input::Session(def) => (5, u32::from(def.id.0)),
        _ => (6, 0),
    }
}

fn text<const N: usize>(name: &str) -> Option<Text<N>> {
    Text::new(name.as_bytes())
}

fn instrument_def(instrument: &InstrumentConfig, names: &Names) -> Option<InstrumentDef> {
    Some(InstrumentDef {
        id: names.instrument(&instrument.symbol)?,
        symbol: text(&instrument.symbol)?,
        base: names.asset(&instrument.base)?,
        quote: names.asset(&instrument.quote)?,
        price_decimals: instrument.price_decimals,
        qty_decimals: instrument.qty_decimals,
        order_qty_max: Qty(mantissa(
            instrument.order_qty_max,
            u32::from(instrument.qty_decimals),
        )?),
    })
}

fn venue_def(venue: &VenueConfig, names: &Names) -> Option<VenueDef> {
    Some(VenueDef {
        id: names.venue(&venue.name)?,
        name: text(&venue.name)?,
        stale_after_ns: venue.stale_after_ms.checked_mul(1_000_000)?,
        rate_orders: venue.orders_per_window_max,
        rate_window_ns: venue.order_window_ms.checked_mul(1_000_000)?,
        fok: venue.kind == VenueKind::Binance,
    })
}

fn listing_def(
    config: &Config,
    venue: &VenueConfig,
    listing: &ListingConfig,
    names: &Names,
) -> Option<ListingDef> {
    let instrument = config.instrument.iter().find(|i| i.symbol == listing.instrument)?;
    let qty = |value| mantissa(value, u32::from(instrument.qty_decimals)).map(Qty);
    Some(ListingDef {
        instrument: names.instrument(&listing.instrument)?,
        venue: names.venue(&venue.name)?,
        enabled: listing.enabled,
        tick: Price(mantissa(listing.tick, u32::from(instrument.price_decimals))?),
        lot: qty(listing.lot)?,
        qty_min: qty(listing.qty_min)?,
        qty_max: qty(listing.qty_max)?,
        notional_min: Amount(amount(listing.notional_min)?),
        maker_fee: FeePpm(listing.maker_fee_ppm),
        taker_fee: FeePpm(listing.taker_fee_ppm),
    })
}
