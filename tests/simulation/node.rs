//! The configuration of the node that is simulated.

use rutter_clients::{GatewayConfig, Limits, SessionConfig};
use rutter_core::id::{AccountId, SessionId, VenueId};
use rutter_core::input::{
    AccountDef, AccountLimits, Genesis, Input, InstrumentDef, OwnerDef, SelfMatchPolicy, SharingDef,
};
use rutter_core::number::Qty;
use rutter_fix::dictionary::Version;
use rutter_journal::{Config, Durability};
use rutter_test_support::reference::{self, text};
use rutter_world::node::{Machinery, Parts, Running};
pub use rutter_world::node::{Node, Survivors};

use super::venues::{BTC, NODE_TAG, PAIR, USDT, VENUES};

pub const CLIENTS: usize = 3;

/// The version that a client speaks: one of each, and again.
pub fn version_of(client: usize) -> Version {
    Version::ALL[(client + 1) % Version::ALL.len()]
}

pub fn client_name(client: usize) -> String {
    format!("CLIENT{client}")
}

/// Each client has an account of its own.
fn account_name(client: usize) -> String {
    format!("fund{client}")
}

/// The first two clients have one owner, with two policies; the third one is an owner of its own.
fn owner_of(client: usize) -> OwnerDef {
    let usual = OwnerDef::usual(AccountId(client as u16), text(&account_name(client)));
    match client {
        0 => OwnerDef { owner: text("house"), ..usual },
        1 => {
            let (owner, self_match) = (text("house"), SelfMatchPolicy::Decrement);
            OwnerDef { owner, self_match, ..usual }
        }
        _ => usual,
    }
}

fn gateway_config() -> GatewayConfig {
    GatewayConfig {
        sender_comp_id: "RUTTER".to_owned(),
        sessions: (0..CLIENTS)
            .map(|client| {
                let (id, name) = (SessionId(client as u16), client_name(client));
                let version = version_of(client);
                // FIX 4.2 has no password.
                let proof = match version {
                    Version::Fix42 => rutter_clients::Proof::Nothing,
                    _ => rutter_clients::Proof::Password("secret-enough".into()),
                };
                SessionConfig {
                    proof,
                    version,
                    checks: Some(rutter_fix::dictionary::Checks::default()),
                    ..SessionConfig::trading(id, &name, text(&account_name(client)))
                }
            })
            .collect(),
        instruments: vec![rutter_clients::InstrumentConfig {
            id: PAIR,
            symbol: text("BTC/USDT"),
            price_decimals: 2,
            qty_decimals: 8,
        }],
        venues: VENUES.iter().map(|venue| text(venue.name)).collect(),
        assets: vec![text("BTC"), text("USDT")],
        node_tag: NODE_TAG,
        limits: Limits::default(),
    }
}

fn definitions(counts: bool) -> Vec<Input> {
    let limits = AccountLimits {
        collar_ppm: 20_000,
        rate_per_s: 1_000,
        open_orders_max: 200,
        ..reference::limits()
    };
    let mut inputs = vec![
        Input::Asset(reference::asset(BTC.0, "BTC")),
        Input::Asset(reference::asset(USDT.0, "USDT")),
        Input::Instrument(InstrumentDef {
            qty_decimals: 8,
            order_qty_max: Qty(10_000_000_000),
            ..reference::instrument(PAIR.0, "BTC/USDT", BTC, USDT)
        }),
    ];
    let ids = || (0..).map(VenueId).zip(&VENUES);
    inputs.extend(ids().map(|(id, venue)| Input::Venue((venue.definition)(id))));
    inputs.extend(ids().map(|(id, venue)| Input::Amend(venue.amends(id))));
    if counts {
        inputs.extend(ids().map(|(id, venue)| Input::Budget(venue.budget(id))));
    }
    inputs.extend(ids().map(|(id, venue)| Input::Listing((venue.listing)(id))));
    for client in 0..CLIENTS {
        let usual = reference::account(client as u16, &account_name(client));
        let busy_wait_ns = 2_000_000_000;
        inputs.push(Input::Account(AccountDef { slack_ppm: 100, limits, busy_wait_ns, ..usual }));
    }
    inputs.extend((0..CLIENTS).map(|client| Input::Owner(owner_of(client))));
    // Orders that wait for the venue that takes few share a child.
    let sharing = |client| SharingDef { account: AccountId(client as u16), consents: true };
    inputs.extend((0..CLIENTS).map(|client| Input::Sharing(sharing(client))));
    for client in 0..CLIENTS {
        let account = Some(AccountId(client as u16));
        inputs.push(Input::Session(reference::session(
            client as u16,
            &client_name(client),
            account,
        )));
    }
    inputs.push(Input::NodeStarted);
    inputs
}

fn machines(seed: u64) -> Vec<Running> {
    let ids = || (0..).map(VenueId).zip(&VENUES);
    let orders = ids().map(|(id, venue)| (id, Machinery::Orders((venue.orders)(id, seed))));
    let feeds = ids().map(|(id, venue)| (id, Machinery::Feed((venue.feed)(id))));
    orders.chain(feeds).map(|(id, machine)| Running::new(machine, id.index())).collect()
}

pub fn genesis() -> Genesis {
    Genesis {
        node_tag: NODE_TAG,
        orders_log2: 12,
        children_log2: 13,
        executions_log2: 14,
        hash_seed: 7,
        ..reference::genesis()
    }
}

pub fn journal_config() -> Config {
    Config::new(Durability::Process).stepped().segment_bytes(256 << 10)
}

/// The node of this simulation, out of what survived the one before. A node that does not count
/// knows no limit of a venue's requests.
pub fn start(now_ns: u64, seed: u64, counts: bool, survivors: Survivors) -> Node {
    let parts = Parts {
        gateway: gateway_config(),
        genesis: genesis(),
        journal: journal_config(),
        definitions: definitions(counts),
        machines: machines(seed),
    };
    Node::start(now_ns, parts, survivors)
}
