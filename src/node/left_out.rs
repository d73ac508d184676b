//! What the journal knows and the configuration no longer has.
//!
//! A line belongs here if it compares the recovered core with the definitions of a start. A change
//! of what both have is `boot`.
//!
//! Nothing that was defined can be taken back: its ids stand in the journal. A listing that has
//! left the configuration is told to the core as disabled, so that its venue no longer counts where
//! venues are compared.

use std::collections::HashSet;

use rutter_core::Engine;
use rutter_core::id::{InstrumentId, VenueId};
use rutter_core::input::{BridgeDef, Input, ListingDef};
use rutter_core::number::Amount;

use super::boot::Names;
use super::error::NodeError;
use crate::config::Config;

/// The listings that the core takes orders for and the definitions do not have, each disabled.
pub fn withdrawn(engine: &Engine, definitions: &[Input]) -> Vec<Input> {
    let listed = listings(definitions);
    let known = engine.reference().all_listings();
    let left = known.filter(|def| def.enabled && !listed.contains(&(def.venue, def.instrument)));
    let left = left.map(|def| Input::Listing(ListingDef { enabled: false, ..*def }));
    left.chain(withdrawn_bridges(engine, definitions)).collect()
}

/// The bridges that are on and that the definitions do not have, each turned off.
fn withdrawn_bridges(engine: &Engine, definitions: &[Input]) -> impl Iterator<Item = Input> {
    let key = |input: &Input| match input {
        Input::Bridge(def) => Some(def.key()),
        _ => None,
    };
    let defined: HashSet<_> = definitions.iter().filter_map(key).collect();
    let known = engine.reference().bridges().iter();
    let left = known.filter(move |def| def.is_on() && !defined.contains(&def.key()));
    left.map(|def| Input::Bridge(BridgeDef { legging_max: Amount::ZERO, ..*def }))
}

/// Refuses definitions without a listing in which one of our orders is open at its venue: the venue
/// could not be asked about the order.
///
/// # Errors
/// [`NodeError::Configuration`], with the first such order.
pub fn check_open(engine: &Engine, definitions: &[Input], names: &Names) -> Result<(), NodeError> {
    let listed = listings(definitions);
    let mut open = engine.children().filter(|child| !child.state().is_over());
    let left = open.find(|child| !listed.contains(&(child.venue, child.instrument)));
    let Some(child) = left else { return Ok(()) };
    let of = |names: &[String], at: usize| names.get(at).cloned().unwrap_or_default();
    Err(NodeError::Configuration(format!(
        "order {} is open at venue {} in {}, which the configuration no longer has: put the \
         listing back, with enabled = false, until the order is over",
        child.order.0,
        of(&names.venues, child.venue.index()),
        of(&names.instruments, child.instrument.index()),
    )))
}

/// Logs each session that has left the configuration and has open orders.
pub fn tell_sessions(engine: &Engine, config: &Config, names: &Names) {
    let configured: HashSet<&str> = config.session.iter().map(|one| one.comp_id.as_str()).collect();
    for (index, name) in names.sessions.iter().enumerate() {
        if configured.contains(name.as_str()) {
            continue;
        }
        let of_session = |order: &&rutter_core::order::Order| order.session.index() == index;
        let open =
            engine.orders().filter(of_session).filter(|order| !order.state().is_over()).count();
        if open > 0 {
            tracing::warn!(
                session = name.as_str(),
                open_orders = open,
                "session is not in the configuration and has open orders; cancel-all ends them"
            );
        }
    }
}

/// What the definitions list.
fn listings(definitions: &[Input]) -> HashSet<(VenueId, InstrumentId)> {
    let listing = |input: &Input| match input {
        Input::Listing(def) => Some((def.venue, def.instrument)),
        _ => None,
    };
    definitions.iter().filter_map(listing).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rutter_core::id::{AccountId, AssetId, SessionId};
    use rutter_core::input::{BookUpdate, CancelOnDisconnect, Header, Level, NewOrder, Side};
    use rutter_core::number::{Price, Qty, UnixNanos};
    use rutter_test_support::reference;

    #[test]
    fn a_bridge_that_has_left_the_configuration_is_turned_off() {
        let mut engine = Engine::new(&reference::genesis()).expect("sound");
        let bridge = BridgeDef {
            account: AccountId(0),
            desk: AccountId(1),
            instrument: InstrumentId(0),
            via: InstrumentId(1),
            conversion: InstrumentId(2),
            basis_ppm: 2_000,
            legging_max: Amount(1),
        };
        let (btc, usd, usdt) = (AssetId(0), AssetId(1), AssetId(2));
        let inputs = [
            Input::Asset(reference::asset(0, "BTC")),
            Input::Asset(reference::asset(1, "USD")),
            Input::Asset(reference::asset(2, "USDT")),
            Input::Instrument(reference::instrument(0, "BTC/USD", btc, usd)),
            Input::Instrument(reference::instrument(1, "BTC/USDT", btc, usdt)),
            Input::Instrument(reference::instrument(2, "USDT/USD", usdt, usd)),
            Input::Account(reference::account(0, "fund")),
            Input::Account(reference::account(1, "house")),
            Input::Bridge(bridge),
        ];
        let mut outputs: Vec<rutter_core::output::Output> = Vec::new();
        for (seq, input) in (1..).zip(inputs) {
            engine.apply(Header { seq, time: UnixNanos(seq) }, &input, &mut outputs);
        }
        assert_eq!(withdrawn(&engine, &[Input::Bridge(bridge)]), []);
        let off = Input::Bridge(BridgeDef { legging_max: Amount::ZERO, ..bridge });
        assert_eq!(withdrawn(&engine, &[]), [off]);
        engine.apply(Header { seq: 99, time: UnixNanos(99) }, &off, &mut outputs);
        assert_eq!(withdrawn(&engine, &[]), [], "once");
    }

    /// What a start defines with so many venues.
    fn definitions(venues: u8) -> Vec<Input> {
        let mut all = vec![
            Input::Asset(reference::asset(0, "BTC")),
            Input::Asset(reference::asset(1, "USD")),
            Input::Instrument(reference::instrument(0, "BTC/USD", AssetId(0), AssetId(1))),
        ];
        for venue in 0..venues {
            all.push(Input::Venue(reference::venue(venue, &format!("v{venue}"))));
            all.push(Input::Listing(reference::listing(VenueId(venue), InstrumentId(0))));
        }
        all.push(Input::Account(reference::account(0, "fund")));
        all.push(Input::Session(reference::session(0, "DESK", Some(AccountId(0)))));
        all
    }

    /// A node with two venues, of which v1 has an order.
    fn engine(with_order: bool) -> Engine {
        let mut engine = Engine::new(&reference::genesis()).expect("sound");
        let mut inputs = definitions(2);
        inputs.extend([
            Input::NodeStarted,
            Input::Balance { venue: VenueId(1), asset: AssetId(1), total: Amount(i128::MAX / 4) },
            Input::VenueUp(VenueId(1)),
            Input::SessionUp(SessionId(0), CancelOnDisconnect::default()),
        ]);
        let mut book = BookUpdate {
            venue: VenueId(1),
            instrument: InstrumentId(0),
            clear: true,
            last: true,
            ..BookUpdate::default()
        };
        book.push(Side::Buy, Level { price: Price(9_990), qty: Qty(5) });
        book.push(Side::Sell, Level { price: Price(10_010), qty: Qty(5) });
        inputs.push(Input::Book(book));
        if with_order {
            let price = Price(9_980);
            inputs.push(Input::NewOrder(NewOrder { price, ..reference::buy("a") }));
        }
        let mut outputs = Vec::new();
        for (seq, input) in (1..).zip(&inputs) {
            let header = Header { seq, time: UnixNanos(1_700_000_000_000_000_000 + seq) };
            engine.apply(header, input, &mut outputs);
        }
        assert_eq!(engine.children().count(), usize::from(with_order), "{outputs:?}");
        engine
    }

    fn names() -> Names {
        let mut names = Names::default();
        names.venues = ["v0", "v1"].into_iter().collect();
        names.instruments = ["BTC/USD"].into_iter().collect();
        names
    }

    #[test]
    fn a_venue_that_has_left_the_configuration_is_disabled_and_no_other() {
        let engine = engine(false);
        assert_eq!(withdrawn(&engine, &definitions(2)), []);
        let expected = reference::listing(VenueId(1), InstrumentId(0));
        let expected = Input::Listing(ListingDef { enabled: false, ..expected });
        assert_eq!(withdrawn(&engine, &definitions(1)), [expected]);
    }

    #[test]
    fn a_listing_with_an_open_order_may_be_disabled_and_may_not_leave() {
        let engine = engine(true);
        assert!(check_open(&engine, &definitions(2), &names()).is_ok());
        let refused = check_open(&engine, &definitions(1), &names()).expect_err("an open order");
        let words = "order 1 is open at venue v1 in BTC/USD";
        assert!(refused.to_string().contains(words), "{refused}");
    }
}
