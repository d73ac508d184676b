//! Turns the configuration into inputs of the core. A known name keeps its id; a new name gets the
//! next id.
//!
//! A line belongs here if it turns names into ids. The core checks the definitions.

use std::collections::{BTreeMap, HashMap};

use rutter_clients::market::{InstrumentTerms, ListingTerms, MarketConfig, MarketLimits};
use rutter_core::id::{AccountId, AssetId, InstrumentId, SessionId, VenueId};
use rutter_core::input::{
    AccountDef, AssetDef, BooksOfDef, BreakerTerms, BudgetDef, FeeScheduleDef, FeeTierDef, Genesis,
    Input, InstrumentDef, ListingDef, ReferenceTerms, SessionDef, SharingDef, VenueDef,
};
use rutter_core::number::{Amount, Qty, Text};
use rutter_core::reference::{BadReference, Reference};
use rutter_core::venue_set::VenueSet;
use rutter_core::wire::{SCHEMA, decode};
use rutter_journal::{FileStorage, OpenError, Reader};

use super::names::NameList;
use crate::config::{
    AccountConfig, Config, InstrumentConfig, ListingConfig, SessionConfig, VenueConfig,
};
use crate::config::{amount, mantissa};
use crate::node::decider::{RECORD_INPUT, ReplayError, StartError};

/// The names of a node: index is id.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Names of assets; the index is the id.
    pub assets: NameList,
    /// Symbols of instruments; the index is the id.
    pub instruments: NameList,
    /// Names of venues; the index is the id.
    pub venues: NameList,
    /// Names of accounts; the index is the id.
    pub accounts: NameList,
    /// `CompID`s of sessions; the index is the id.
    pub sessions: NameList,
    /// So many of the sessions are in the journal; they come first.
    journaled: usize,
    /// Venue accounts that use the books of another one, as the journal knows them.
    further: VenueSet,
}

impl Names {
    /// Appends the names that only the configuration has.
    pub fn add_config(&mut self, config: &Config) {
        for name in &config.assets {
            self.assets.add(name);
        }
        for instrument in &config.instrument {
            self.instruments.add(&instrument.symbol);
        }
        for venue in &config.venue {
            self.venues.add(&venue.name);
        }
        for account in &config.account {
            self.accounts.add(&account.name);
        }
        for session in &config.session {
            self.sessions.add(&session.comp_id);
        }
    }

    /// Id of an asset.
    pub fn asset(&self, name: &str) -> Option<AssetId> {
        self.assets.position(name).map(|at| AssetId(at as u16))
    }

    /// Id of an instrument.
    pub fn instrument(&self, name: &str) -> Option<InstrumentId> {
        self.instruments.position(name).map(|at| InstrumentId(at as u16))
    }

    /// Id of a venue.
    pub fn venue(&self, name: &str) -> Option<VenueId> {
        self.venues.position(name).map(|at| VenueId(at as u8))
    }

    /// Id of an account.
    pub fn account(&self, name: &str) -> Option<AccountId> {
        self.accounts.position(name).map(|at| AccountId(at as u16))
    }

    /// Whether the journal knows a session.
    pub fn is_journaled(&self, session: &str) -> bool {
        self.sessions.position(session).is_some_and(|at| at < self.journaled)
    }

    /// Id of a session.
    pub fn session(&self, name: &str) -> Option<SessionId> {
        self.sessions.position(name).map(|at| SessionId(at as u16))
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

/// The first record of a journal, if there is a journal that begins with one.
pub fn begun(journal: &std::path::Path) -> Option<Genesis> {
    let mut reader = Reader::open(FileStorage::existing(journal).ok()?).ok()?;
    match decode(reader.next().ok()??.body).ok()? {
        Input::Genesis(genesis) => Some(genesis),
        _ => None,
    }
}

/// The genesis and the newest definition of each name in a journal, without replaying it.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The first record; `None` if the journal has no record yet.
    pub genesis: Option<Genesis>,
    /// The definitions, by kind and id.
    definitions: BTreeMap<(u8, u32), Input>,
}

impl Known {
    /// Reads a journal.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn read(journal: &std::path::Path) -> Result<Self, StartError> {
        let mut known = Self::default();
        let storage = FileStorage::existing(journal).map_err(OpenError::from)?;
        let mut reader = Reader::open(storage).map_err(OpenError::from)?;
        while let Some(record) = reader.next().map_err(OpenError::from)? {
            if record.kind != RECORD_INPUT || record.schema != SCHEMA {
                continue;
            }
            let seq = record.sequence;
            known.keep(decode(record.body).map_err(|source| ReplayError::Input { seq, source })?);
        }
        Ok(known)
    }

    fn keep(&mut self, input: Input) {
        match input {
            Input::Genesis(found) => self.genesis = self.genesis.or(Some(found)),
            // A listing has no name of its own. What fees depend on is told whole at each start.
            Input::Listing(_)
            | Input::FeeSchedule(_)
            | Input::FeeTier(_)
            | Input::FeeByTier { .. }
            | Input::AccountFee(_)
            | Input::Bridge(_) => {}
            _ => {
                if let Some(place) = place_of(&input) {
                    self.definitions.insert(place, input);
                }
            }
        }
    }

    /// All names, with the names that only the configuration has behind those of the journal.
    pub fn names(&self, config: &Config) -> Names {
        let mut names = Names::default();
        for input in self.definitions.values() {
            match input {
                Input::Asset(def) => names.assets.add(def.name.as_str()),
                Input::Instrument(def) => names.instruments.add(def.symbol.as_str()),
                Input::Venue(def) => names.venues.add(def.name.as_str()),
                Input::Account(def) => names.accounts.add(def.name.as_str()),
                Input::Session(def) => names.sessions.add(def.name.as_str()),
                Input::BooksOf(def) => names.further.insert(def.venue),
                _ => {}
            }
        }
        names.journaled = names.sessions.len();
        names.add_config(config);
        names
    }

    /// The definitions among `asked` that the core would refuse: the identity of a known id has
    /// changed, or a value is out of range.
    pub fn refused(&self, asked: &[Input]) -> Vec<Input> {
        let mut reference = Reference::default();
        for known in self.definitions.values() {
            // The terms of an account that has left the configuration may be older than a venue
            // account: the core has changed them since.
            let _taken = reference.define(known);
        }
        let uses_other_books = |input: &Input| match input {
            Input::Venue(def) if self.definitions.contains_key(&(VENUE_PLACE, def.id.0.into())) => {
                reference.book_owner(def.id) != book_owner(asked, def.id)
            }
            _ => false,
        };
        let mut refused: Vec<Input> =
            asked.iter().filter(|input| uses_other_books(input)).copied().collect();
        let definitions = asked.iter().filter(|input| place_of(input).is_some());
        refused.extend(
            definitions.filter(|input| reference.define(input) == Err(BadReference)).copied(),
        );
        refused
    }
}

/// Whose books a venue account uses by these definitions.
fn book_owner(definitions: &[Input], venue: VenueId) -> VenueId {
    let of = |input: &Input| match input {
        Input::BooksOf(def) if def.venue == venue => Some(def.owner),
        _ => None,
    };
    definitions.iter().find_map(of).unwrap_or(venue)
}

/// A definition in words, such as `instrument BTC/USDT`.
pub fn describe(input: &Input, names: &Names) -> String {
    let of = |names: &[String], at: usize| names.get(at).cloned().unwrap_or_default();
    match input {
        Input::Asset(def) => format!("asset {}", def.name),
        Input::Instrument(def) => format!("instrument {}", def.symbol),
        Input::Venue(def) => format!("venue {}", def.name),
        Input::Budget(def) => {
            format!("budget of venue {}", of(&names.venues, def.venue.index()))
        }
        Input::Amend(def) => {
            format!("amends at venue {}", of(&names.venues, def.venue.index()))
        }
        Input::BooksOf(def) => {
            format!("books of venue {}", of(&names.venues, def.venue.index()))
        }
        Input::Listing(def) => format!(
            "listing of {} at venue {}",
            of(&names.instruments, def.instrument.index()),
            of(&names.venues, def.venue.index())
        ),
        Input::Account(def) => format!("account {}", def.name),
        Input::Routing(def) => {
            format!("routing of account {}", of(&names.accounts, def.account.index()))
        }
        Input::Owner(def) => {
            format!("owner of account {}", of(&names.accounts, def.account.index()))
        }
        Input::Rest(def) => {
            format!("resting of account {}", of(&names.accounts, def.account.index()))
        }
        Input::Sharing(def) => {
            format!("sharing of account {}", of(&names.accounts, def.account.index()))
        }
        Input::Bridge(def) => {
            format!("bridge of account {}", of(&names.accounts, def.account.index()))
        }
        Input::Session(def) => format!("session {}", def.name),
        Input::FeeSchedule(FeeScheduleDef { venue, .. })
        | Input::FeeTier(FeeTierDef { venue, .. })
        | Input::FeeByTier { venue, .. } => {
            format!("fees of venue {}", of(&names.venues, venue.index()))
        }
        Input::AccountFee(def) => {
            format!("fee of account {}", of(&names.accounts, def.account.index()))
        }
        _ => String::new(),
    }
}

/// What every start tells the core: all reference data, then that the node has started.
///
/// # Errors
/// A name that the configuration uses and does not define; `Config::check` lets none pass.
pub fn inputs(config: &Config, names: &Names) -> Option<Vec<Input>> {
    let mut inputs = Vec::new();
    let instruments = by_symbol(config);
    for name in &config.assets {
        inputs.push(Input::Asset(AssetDef { id: names.asset(name)?, name: text(name)? }));
    }
    for instrument in &config.instrument {
        inputs.push(Input::Instrument(instrument_def(instrument, names)?));
    }
    for venue in &config.venue {
        inputs.push(Input::Venue(venue_def(config, venue, names)?));
        if let Some(owner) = &venue.books_of {
            let (venue, owner) = (names.venue(&venue.name)?, names.venue(owner)?);
            inputs.push(Input::BooksOf(BooksOfDef { venue, owner }));
        }
        inputs.push(Input::Budget(budget_def(venue, names)?));
        inputs.push(Input::Amend(venue.amends(names.venue(&venue.name)?)));
        for listing in &venue.listing {
            inputs.push(Input::Listing(listing_def(&instruments, venue, listing, names)?));
        }
        inputs.extend(venue.fee_definitions(names)?);
    }
    for account in &config.account {
        inputs.extend(account_inputs(account, &config.venue, names)?);
    }
    for session in &config.session {
        inputs.push(session_input(session, names)?);
    }
    // Reference data must come in the order of ids, and known definitions come again.
    inputs.sort_by_key(place_of);
    inputs.push(Input::NodeStarted);
    Some(inputs)
}

/// The definitions of accounts and sessions that come to those of a running node, in the order in
/// which the core takes them.
///
/// `None`: a name that is used and not defined.
pub fn additions(
    accounts: &[&AccountConfig],
    sessions: &[&SessionConfig],
    venues: &[VenueConfig],
    names: &Names,
) -> Option<Vec<Input>> {
    let mut inputs = Vec::new();
    for account in accounts {
        inputs.extend(account_inputs(account, venues, names)?);
    }
    for session in sessions {
        inputs.push(session_input(session, names)?);
    }
    inputs.sort_by_key(place_of);
    Some(inputs)
}

fn account_inputs(
    account: &AccountConfig,
    venues: &[VenueConfig],
    names: &Names,
) -> Option<Vec<Input>> {
    let routing = &account.routing;
    let by_account = |name: &str| names.venue(routing.account_at(venues, name)?);
    let id = names.account(&account.name)?;
    let definition = AccountDef {
        id,
        name: text(&account.name)?,
        slack_ppm: account.price_slack_ppm,
        limits: account.limits,
        no_reference: account.no_reference.into(),
        market_wait_ns: account.market_wait_ms.checked_mul(1_000_000)?,
        busy_wait_ns: account.busy_wait_ms.checked_mul(1_000_000)?,
    };
    let mut inputs = vec![
        Input::Account(definition),
        Input::Routing(routing.definition(id, venues, names.further, |name| names.venue(name))?),
        Input::Owner(account.owner_definition(id)?),
        Input::Rest(routing.rest_definition(id, by_account)?),
        Input::Sharing(SharingDef { account: id, consents: account.share_children }),
    ];
    for fee in &account.fee {
        inputs.push(Input::AccountFee(fee.definition(id, names)?));
    }
    for bridge in &account.bridge {
        inputs.push(Input::Bridge(bridge.definition(id, names)?));
    }
    Some(inputs)
}

fn session_input(session: &SessionConfig, names: &Names) -> Option<Input> {
    let trades = !session.is_drop_copy();
    Some(Input::Session(SessionDef {
        id: names.session(&session.comp_id)?,
        name: text(&session.comp_id)?,
        account: if trades { Some(names.account(&session.account)?) } else { None },
    }))
}

/// Kind of a venue's definition.
const VENUE_PLACE: u8 = 2;

/// Kind and id of a definition, so that the core sees dense ids; `None` for any other input.
fn place_of(input: &Input) -> Option<(u8, u32)> {
    Some(match input {
        Input::Asset(def) => (0, u32::from(def.id.0)),
        Input::Instrument(def) => (1, u32::from(def.id.0)),
        Input::Venue(def) => (VENUE_PLACE, u32::from(def.id.0)),
        Input::BooksOf(def) => (3, u32::from(def.venue.0)),
        Input::Budget(def) => (4, u32::from(def.venue.0)),
        Input::Listing(def) => (5, u32::from(def.instrument.0) << 8 | u32::from(def.venue.0)),
        Input::Account(def) => (6, u32::from(def.id.0)),
        Input::Routing(def) => (7, u32::from(def.account.0)),
        Input::Owner(def) => (8, u32::from(def.account.0)),
        Input::Session(def) => (9, u32::from(def.id.0)),
        Input::Rest(def) => (10, u32::from(def.account.0)),
        Input::Sharing(def) => (16, u32::from(def.account.0)),
        Input::Amend(def) => (11, u32::from(def.venue.0)),
        Input::FeeSchedule(def) => (12, u32::from(def.venue.0)),
        Input::FeeTier(def) => (13, u32::from(def.venue.0) << 8 | u32::from(def.place)),
        Input::FeeByTier { venue, instrument } => {
            (14, u32::from(instrument.0) << 8 | u32::from(venue.0))
        }
        Input::Bridge(def) => (17, u32::from(def.account.0)),
        Input::AccountFee(def) => (15, u32::from(def.account.0)),
        _ => return None,
    })
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
        order_qty_max: Qty(mantissa(instrument.order_qty_max, u32::from(instrument.qty_decimals))?),
        reference: ReferenceTerms {
            outlier_bps: instrument.outlier_bps,
            age_ns: instrument.reference_age_ms.checked_mul(1_000_000)?,
        },
    })
}

fn venue_def(config: &Config, venue: &VenueConfig, names: &Names) -> Option<VenueDef> {
    let stale_after_ms = config.book_owner(venue)?.stale_after_ms?;
    Some(VenueDef {
        id: names.venue(&venue.name)?,
        name: text(&venue.name)?,
        stale_after_ns: stale_after_ms.checked_mul(1_000_000)?,
        rate_orders: venue.orders_per_window_max,
        rate_window_ns: venue.order_window_ms.checked_mul(1_000_000)?,
        unanswered_max: venue.orders_unanswered_max,
        fok: venue.kind.fill_or_kill,
        breaker: BreakerTerms {
            failures: venue.breaker_failures,
            share_pct: venue.breaker_share_percent,
            samples: venue.breaker_samples_min,
            window_ns: venue.breaker_window_ms.checked_mul(1_000_000)?,
            open_ns: venue.breaker_open_ms.checked_mul(1_000_000)?,
            open_max_ns: venue.breaker_open_max_ms.checked_mul(1_000_000)?,
        },
    })
}

fn budget_def(venue: &VenueConfig, names: &Names) -> Option<BudgetDef> {
    let slack_ns = venue.request_slack_ms.checked_mul(1_000_000)?;
    BudgetDef::new(names.venue(&venue.name)?, slack_ns, &venue.windows().ok()?)
}

/// The instruments of a configuration by symbol.
type BySymbol<'a> = HashMap<&'a str, &'a InstrumentConfig>;

fn by_symbol(config: &Config) -> BySymbol<'_> {
    config.instrument.iter().map(|one| (one.symbol.as_str(), one)).collect()
}

fn listing_def(
    instruments: &BySymbol<'_>,
    venue: &VenueConfig,
    listing: &ListingConfig,
    names: &Names,
) -> Option<ListingDef> {
    let instrument = instruments.get(listing.instrument.as_str())?;
    let qty = |value| mantissa(value, u32::from(instrument.qty_decimals)).map(Qty);
    let (maker_fee, taker_fee) = venue.listing_fees(listing)?;
    Some(ListingDef {
        instrument: names.instrument(&listing.instrument)?,
        venue: names.venue(&venue.name)?,
        enabled: listing.enabled,
        ticks: listing.price_steps(instrument.price_decimals)?,
        lot: qty(listing.lot)?,
        qty_min: qty(listing.qty_min)?,
        qty_max: qty(listing.qty_max)?,
        notional_min: Amount(amount(listing.notional_min)?),
        maker_fee,
        taker_fee,
        fee_taken: listing.fee_taken.into(),
    })
}

/// What clients may ask about the market: the listings that are routed to, and limits.
///
/// `None`: a name that the configuration uses and does not define; `Config::check` lets none pass.
pub fn market(config: &Config, names: &Names) -> Option<MarketConfig> {
    let mut market = MarketConfig::default();
    let settings = &config.fix.market_data;
    market.limits = MarketLimits {
        update_interval_ns: settings.update_interval_us.checked_mul(1_000)?,
        session_streams_max: settings.session_streams_max,
        streams_max: settings.streams_max,
        ..market.limits
    };
    for instrument in &config.instrument {
        let def = instrument_def(instrument, names)?;
        market.instruments.push(InstrumentTerms {
            instrument: def.id,
            currency: text(&instrument.quote)?,
            order_qty_max: def.order_qty_max,
        });
    }
    let instruments = by_symbol(config);
    market.stale_after_ns = vec![u64::MAX; names.venues.len()];
    for venue in &config.venue {
        // What clients may ask is about books.
        if venue.books_of.is_some() {
            continue;
        }
        let def = venue_def(config, venue, names)?;
        *market.stale_after_ns.get_mut(def.id.index())? = def.stale_after_ns;
        for listing in venue.listing.iter().filter(|listing| listing.enabled) {
            let ListingDef { instrument, venue, ticks, lot, qty_min, qty_max, .. } =
                listing_def(&instruments, venue, listing, names)?;
            let terms =
                ListingTerms { instrument, venue, tick: ticks.least(), lot, qty_min, qty_max };
            market.listings.push(terms);
        }
    }
    Some(market)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Config {
        let text = include_str!("../../deploy/example.toml");
        Config::parse(text).expect("the example is sound")
    }

    /// What a journal knows whose node ran with this configuration.
    fn known_of(config: &Config) -> Known {
        let mut known = Known::default();
        let names = known.names(config);
        for input in inputs(config, &names).expect("the names are there") {
            known.keep(input);
        }
        known
    }

    #[test]
    fn a_session_keeps_its_number_when_the_one_before_it_leaves_the_configuration() {
        let mut config = example();
        assert!(config.session.len() > 1, "the example has several sessions");
        let known = known_of(&config);
        let numbers = known.names(&config);
        config.session.remove(0);
        let names = known.names(&config);
        assert_eq!(names.journaled, config.session.len() + 1);
        for session in &config.session {
            assert_eq!(names.session(&session.comp_id), numbers.session(&session.comp_id));
        }
    }

    #[test]
    fn each_definition_under_the_number_of_another_is_refused() {
        let config = example();
        let known = known_of(&config);
        let mut asked = inputs(&config, &known.names(&config)).expect("the names are there");
        assert_eq!(known.refused(&asked), []);
        let mut changed = 0;
        for input in &mut asked {
            match input {
                Input::Asset(def) => def.name = text("other").expect("short"),
                Input::Instrument(def) => def.symbol = text("other").expect("short"),
                Input::Venue(def) => def.name = text("other").expect("short"),
                Input::Account(def) => def.name = text("other").expect("short"),
                Input::Session(def) => def.name = text("other").expect("short"),
                _ => continue,
            }
            changed += 1;
        }
        assert_eq!(known.refused(&asked).len(), changed);
    }
    /// The example with a further account at its first venue, by which its account's orders go.
    fn with_further() -> Config {
        let mut config = example();
        let mut further = config.venue[0].clone();
        further.books_of = Some(further.name.clone());
        further.name = "further".to_owned();
        (further.feed_url, further.stale_after_ms) = (None, None);
        config.venue.push(further);
        config.account[0].routing.venue_accounts = vec!["further".to_owned()];
        config
    }

    #[test]
    fn whose_books_a_venue_account_uses_stays_for_the_life_of_the_journal() {
        let config = with_further();
        let known = known_of(&config);
        let refused = |config: &Config| {
            let names = known.names(config);
            let refused = known.refused(&inputs(config, &names).expect("the names are there"));
            refused.iter().map(|one| describe(one, &names)).collect::<Vec<_>>()
        };
        assert_eq!(refused(&config), Vec::<String>::new());
        // It gets a feed of its own.
        let mut own = with_further();
        let owner = own.venue[0].clone();
        let further = own.venue.last_mut().expect("there");
        (further.books_of, further.feed_url) = (None, owner.feed_url);
        further.stale_after_ms = owner.stale_after_ms;
        assert_eq!(refused(&own), ["venue further"]);
        // One that had books of its own uses those of another.
        let mut shares = with_further();
        shares.venue[1].books_of = Some(shares.venue[0].name.clone());
        assert_eq!(refused(&shares), [format!("venue {}", shares.venue[1].name)]);
    }

    #[test]
    fn a_venue_account_that_has_left_the_configuration_stays_closed_to_all_accounts() {
        let known = known_of(&with_further());
        let config = example();
        let names = known.names(&config);
        let asked = inputs(&config, &names).expect("the names are there");
        assert_eq!(known.refused(&asked), []);
        let further = names.venue("further").expect("in the journal");
        let is_denied = |input: &Input| match input {
            Input::Routing(def) => Some(def.denied.has(further)),
            _ => None,
        };
        assert!(asked.iter().filter_map(is_denied).all(|denied| denied));
    }
}
