//! A venue as the rest of the program sees it: its entry in the table of venues, and the setup
//! that configuration and wiring hand to its adapters.
//!
//! A line belongs here if it is true of every venue. The values of one venue's entry are in that
//! venue's folder.

use core::fmt;
use std::collections::BTreeMap;

use rutter_core::id::{AssetId, ChildId, VenueId};
use rutter_core::input::{AmendDef, Input, WindowDef};
use rutter_feeds::FeedCommand;
use rutter_feeds::deep::Depth;
use rutter_transport::machine::{Endpoint, Framing, Machine};
use rutter_transport::secret::Secret;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::address::AddressBudget;
use crate::listing::Listing;
use crate::{VENUES, VenueCommand};

/// An adapter for order entry and private reports.
pub type Orders = Box<dyn Machine<Command = VenueCommand, Emission = Input> + Send>;

/// An adapter for market data.
pub type Feed = Box<dyn Machine<Command = FeedCommand, Emission = Input> + Send>;

/// One row of the table of venues, [`VENUES`].
pub struct Venue {
    /// The value of `venue.kind` in the configuration. It also names the venue in documents.
    pub kind: &'static str,
    /// The venue takes fill-or-kill orders.
    pub fill_or_kill: bool,
    /// Most levels a side of a book that the venue offers, at most
    /// [`BOOK_LEVELS_MAX`](rutter_core::book::BOOK_LEVELS_MAX).
    pub depth_max: u16,
    /// Keys of `[[venue]]` that only this venue reads.
    pub own_keys: &'static [OwnKey],
    /// The windows in which the venue's documents say that it counts requests.
    pub budget: fn(&OwnKeys) -> Result<Vec<WindowDef>, SettingError>,
    /// What the venue's amend does and costs, by the venue's documents. The id is the caller's.
    pub amend: AmendDef,
    /// The child whose order has that id at the venue, for the journal with that node tag.
    pub child_of: fn(u32, &[u8]) -> Option<ChildId>,
    /// Schemes that the address of order entry may have, with TLS first.
    pub order_schemes: &'static [&'static str],
    /// Makes the order-entry adapter.
    pub orders: fn(&Setup) -> Result<Orders, SettingError>,
    /// Makes the market-data adapter.
    pub feed: fn(&Setup) -> Result<Feed, SettingError>,
}

impl fmt::Debug for Venue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind)
    }
}

impl PartialEq for Venue {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl<'de> Deserialize<'de> for &'static Venue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let kind = String::deserialize(deserializer)?;
        VENUES.into_iter().find(|venue| venue.kind == kind).ok_or_else(|| {
            let known = VENUES.map(|venue| venue.kind).join(", ");
            D::Error::custom(format!("unknown kind {kind:?}, expected one of {known}"))
        })
    }
}

impl Serialize for Venue {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.kind)
    }
}

/// The share of a limit that new orders leave for cancels, in percent, where both count.
pub const CANCEL_RESERVE_PERCENT: u32 = 20;

/// The points of a limit that new orders leave for cancels, rounded up. One point at least is left
/// for new orders.
pub const fn cancel_reserve(limit: u32, percent: u32) -> u32 {
    let points = (limit as u64 * percent as u64).div_ceil(100);
    let most = limit.saturating_sub(1);
    if points < most as u64 { points as u32 } else { most }
}

/// The type of an own key's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnValue {
    /// A string.
    Text,
    /// A whole number from 0 to 4,294,967,295.
    Count,
}

impl OwnValue {
    const fn name(self) -> &'static str {
        match self {
            Self::Text => "a string",
            Self::Count => "a whole number from 0 to 4294967295",
        }
    }
}

/// A key of `[[venue]]` that only one venue reads.
#[derive(Clone, Copy, Debug)]
pub struct OwnKey {
    /// The key.
    pub name: &'static str,
    /// Type of the value.
    pub value: OwnValue,
    /// A configuration of this venue without the key is refused.
    pub is_required: bool,
    /// The number that the venue uses without the key.
    pub default: Option<u32>,
    /// What the key means, in one sentence with unit and range.
    pub help: &'static str,
}

/// The values of the keys of one `[[venue]]` that are not common to all venues.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(transparent)]
pub struct OwnKeys(BTreeMap<String, serde_json::Value>);

/// Why a key cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct OwnKeyError {
    /// The key.
    pub key: String,
    /// The fault of the value.
    pub reason: String,
}

impl OwnKeys {
    /// The string of a key. `None` when the key is absent or has another type.
    pub fn text(&self, key: &OwnKey) -> Option<&str> {
        self.0.get(key.name)?.as_str()
    }

    /// The number of a key. `None` when the key is absent or has another type.
    pub fn count(&self, key: &OwnKey) -> Option<u32> {
        u32::try_from(self.0.get(key.name)?.as_u64()?).ok()
    }

    /// Whether a key is there.
    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// Adds the keys of `venue` that are absent and have a default.
    pub fn fill_in(&mut self, venue: &Venue) {
        for key in venue.own_keys {
            if let Some(default) = key.default
                && !self.has(key.name)
            {
                self.0.insert(key.name.to_owned(), default.into());
            }
        }
    }

    /// All faults: keys that no venue knows, values of the wrong type, and keys that `venue`
    /// requires and that are absent. A key of another venue is accepted and has no effect.
    pub fn faults(&self, venue: &Venue) -> Vec<OwnKeyError> {
        let mut faults = Vec::new();
        let mut wrong = |key: &str, reason: String| {
            faults.push(OwnKeyError { key: key.to_owned(), reason });
        };
        for name in self.0.keys() {
            let known = VENUES.into_iter().flat_map(|venue| venue.own_keys);
            let Some(key) = known.into_iter().find(|key| key.name == name) else {
                wrong(name, "no such key".to_owned());
                continue;
            };
            let fits = match key.value {
                OwnValue::Text => self.text(key).is_some(),
                OwnValue::Count => self.count(key).is_some(),
            };
            if !fits {
                wrong(name, format!("not {}", key.value.name()));
            }
        }
        for key in venue.own_keys.iter().filter(|key| key.is_required) {
            if !self.0.contains_key(key.name) {
                wrong(key.name, format!("needed for kind {}", venue.kind));
            }
        }
        faults
    }
}

/// A setting that an adapter refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key}: {reason}")]
pub struct SettingError {
    /// The key of `[[venue]]`.
    pub key: &'static str,
    /// A sentence about the value, without a secret.
    pub reason: String,
}

/// An address of a venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The connection uses TLS.
    pub tls: bool,
    /// Host name, which is also the TLS server name.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Path and query, `/` if none.
    pub target: String,
}

impl Address {
    /// The address as the endpoint of a WebSocket.
    pub fn web_socket(&self) -> Endpoint {
        let framing = Framing::WebSocket { target: self.target.clone() };
        Endpoint { host: self.host.clone(), port: self.port, tls: self.tls, framing }
    }

    /// The address as the base of REST requests, without path.
    pub fn rest_base(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}:{}", self.host, self.port)
    }
}

/// How long a lost link waits before it is made again, where the configuration says so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reconnect {
    /// The first wait, in nanoseconds; `None`: the venue's usual one.
    pub first_ns: Option<u64>,
    /// The longest wait, in nanoseconds; `None`: the venue's usual one.
    pub longest_ns: Option<u64>,
}

impl Reconnect {
    /// The first and the longest wait, with the venue's usual ones where none are set.
    pub fn or(self, first_ns: u64, longest_ns: u64) -> (u64, u64) {
        let first_ns = self.first_ns.unwrap_or(first_ns);
        (first_ns, self.longest_ns.unwrap_or(longest_ns).max(first_ns))
    }
}

/// Settings of one venue's adapters.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The core's id of the venue.
    pub venue: VenueId,
    /// Distinguishes this journal's order ids from those of every other journal.
    pub node_tag: u32,
    /// Seed of the jitter of reconnects.
    pub seed: u64,
    /// Order entry.
    pub order_entry: Address,
    /// Market data.
    pub market_data: Address,
    /// REST.
    pub rest: Address,
    /// Public part of the API key.
    pub api_key: Secret,
    /// Secret part of the API key, as it stands in its file.
    pub api_secret: Secret,
    /// Accounts of the venue that the node has at one address, this one among them.
    pub accounts_at_address: u32,
    /// How long the venue may take a message after it was sent, in milliseconds.
    pub validity_ms: u64,
    /// An order or cancel without an answer for this long is in doubt, in milliseconds.
    pub answer_timeout_ms: u64,
    /// A feed that is silent for this long is given up, in nanoseconds; a venue may do so earlier.
    pub silence_ns: u64,
    /// How long a lost link waits.
    pub reconnect: Reconnect,
    /// What the address may ask over REST. Clones share one budget.
    pub address: AddressBudget,
    /// How much of the venue's books the core is told.
    pub depth: Depth,
    /// The venue's own keys; checked by [`OwnKeys::faults`].
    pub own_keys: OwnKeys,
    /// Instruments traded at the venue.
    pub listings: Vec<Listing>,
    /// All assets, by the names of the configuration.
    pub assets: Vec<(AssetId, String)>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(json: &str) -> OwnKeys {
        serde_json::from_str(json).expect("a map")
    }

    #[test]
    fn a_kind_is_found_in_the_table_and_a_stranger_is_told_what_there_is() {
        for venue in VENUES {
            let found: &'static Venue =
                serde_json::from_str(&format!("\"{}\"", venue.kind)).expect("registered");
            assert_eq!(found, venue);
        }
        let error = serde_json::from_str::<&'static Venue>("\"nowhere\"").expect_err("unknown");
        let said = error.to_string();
        assert!(VENUES.iter().all(|venue| said.contains(venue.kind)), "{said}");
    }

    #[test]
    fn a_reserve_is_rounded_up_and_leaves_an_order() {
        let cases =
            [(60, 20, 12), (9_900, 20, 1_980), (4, 20, 1), (4, 0, 0), (1, 90, 0), (0, 9, 0)];
        for (limit, percent, points) in cases {
            assert_eq!(cancel_reserve(limit, percent), points, "{percent} % of {limit}");
        }
        assert_eq!(cancel_reserve(u32::MAX, 100), u32::MAX - 1);
    }

    #[test]
    fn kinds_are_unique_and_keys_of_one_name_have_one_type() {
        for (at, venue) in VENUES.iter().enumerate() {
            let before = &VENUES[..at];
            assert!(before.iter().all(|other| other.kind != venue.kind));
            for key in venue.own_keys {
                let mut others = before.iter().flat_map(|other| other.own_keys);
                assert!(others.all(|o| o.name != key.name || o.value == key.value), "{}", key.name);
            }
        }
    }

    #[test]
    fn an_own_key_is_known_of_its_type_and_there_when_it_is_needed() {
        const NAME: OwnKey = OwnKey {
            name: "comp_id",
            value: OwnValue::Text,
            is_required: true,
            default: None,
            help: "",
        };
        let needy = VENUES.into_iter().find(|v| v.own_keys.iter().any(|k| k.is_required));
        let needy = needy.expect("one venue needs a key");
        let refused = |json: &str| {
            let faults = keys(json).faults(needy);
            faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
        };
        assert_eq!(refused("{}"), format!("comp_id: needed for kind {}", needy.kind));
        assert_eq!(refused(r#"{"comp_id":7}"#), "comp_id: not a string");
        let both = format!("comp_idd: no such key; comp_id: needed for kind {}", needy.kind);
        assert_eq!(refused(r#"{"comp_idd":"A"}"#), both);
        let wrong = refused(r#"{"comp_id":"A","rest_counter_max":-1}"#);
        assert_eq!(wrong, "rest_counter_max: not a whole number from 0 to 4294967295");
        let sound = keys(r#"{"comp_id":"A","rest_counter_max":3}"#);
        assert_eq!(sound.faults(needy), []);
        assert_eq!(sound.text(&NAME), Some("A"));
    }

    #[test]
    fn an_address_is_an_endpoint_and_a_base() {
        let address = Address { tls: true, host: "h".to_owned(), port: 9, target: "/t".to_owned() };
        assert_eq!(address.rest_base(), "https://h:9");
        let framing = Framing::WebSocket { target: "/t".to_owned() };
        assert_eq!(address.web_socket().framing, framing);
    }
}
