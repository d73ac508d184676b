//! `[[account]]`: a trading account and its limits.
//!
//! A line belongs here if it reads an account's keys. The keys of the limits and what they mean are
//! the core's table ([`LIMITS`]).

use std::collections::BTreeMap;
use std::fmt;

use rust_decimal::Decimal;
use rutter_admin::model::decimal;
use rutter_core::input::{
    AccountLimits, LIMITS, Limit, LimitKind, LimitValue, MARKET_WAIT_NS_DEFAULT, NoReference,
};
use rutter_core::number::{AMOUNT_DECIMALS, Amount};
use schemars::JsonSchema;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use super::bridge::BridgeConfig;
use super::decimal::amount;
use super::fee::AccountFeeConfig;
use super::owner::{OtherOwnersConfig, SelfMatchConfig};
use super::routing::RoutingConfig;
use super::schema;

/// Key of the account's name.
const NAME: &str = "name";
/// Key of what becomes of an order without a reference price.
const NO_REFERENCE: &str = "no_reference";
/// Key of the time that a market order may wait.
const MARKET_WAIT: &str = "market_wait_ms";
/// Key of the time that an IOC or FOK order may wait for a busy venue.
const BUSY_WAIT: &str = "busy_wait_ms";
/// Key of the owner's name.
const OWNER: &str = "owner";
/// Key of what becomes of two orders of one owner that would match.
const SELF_MATCH: &str = "self_match";
/// Key of what a resting order does for an order of another owner.
const OTHER_OWNERS: &str = "other_owners";
/// Key of the consent to shared children.
const SHARE_CHILDREN: &str = "share_children";
/// Key of the table of how orders choose between venues.
const ROUTING: &str = "routing";
/// Key of the account's own fees.
const FEE: &str = "fee";
/// Key of the account's bridges.
const BRIDGE: &str = "bridge";
/// Key of the slack.
const SLACK: &str = "price_slack_ppm";
/// The slack of an account that names none, in parts per million.
const SLACK_PPM_DEFAULT: u32 = 100;

/// `[[account]]`: a trading account and its limits.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(transform = schema::add_limits)]
pub struct AccountConfig {
    /// Name of the account, FIX `Account` (1): 1 to 12 printable ASCII characters.
    pub name: String,
    /// How far a child's limit may lie beyond the worst price level that the child is meant to
    /// take, in parts per million, within the order's limit. A larger slack fills more children
    /// on a book that has just moved, at a worse price.
    #[schemars(default = "slack_ppm", range(max = 1_000_000))]
    pub price_slack_ppm: u32,
    /// What becomes of an order that would take liquidity while the instrument has no reference
    /// price (`docs/routing.md`).
    #[schemars(default)]
    pub no_reference: NoReferenceConfig,
    /// How long a market order of the day may be open, in milliseconds; then its rest is cancelled.
    #[schemars(default = "market_wait_ms", range(min = 1, max = 86_400_000))]
    pub market_wait_ms: u64,
    /// How long an IOC or FOK order, market or limit, may wait for a busy venue, in milliseconds
    /// since its arrival (`docs/routing.md`). With 0 its rest is cancelled at once (`VenueBusy`).
    #[schemars(default, range(min = 0, max = 60_000))]
    pub busy_wait_ms: u64,
    /// Name of the account's owner, 1 to 12 printable ASCII characters. Accounts with the same
    /// owner are one party: see `self_match`. Without the key the account is an owner of its own,
    /// by its name.
    #[schemars(default)]
    pub owner: Option<String>,
    /// What becomes of an order of the account that would match a resting order of the same owner
    /// (`docs/routing.md`).
    #[schemars(default)]
    pub self_match: SelfMatchConfig,
    /// What a resting order of the account does when an order of another owner could take at its
    /// price at the same venue (`docs/routing.md`).
    #[schemars(default)]
    pub other_owners: OtherOwnersConfig,
    /// Whether orders of the account that wait for a busy venue may go there in one child with
    /// others, of the same account or of others that consent as well, also to rest there.
    /// Executions are shared in proportion. At a venue that does not reduce orders in place, an
    /// order that leaves costs the others their place in the queue (`docs/routing.md`).
    #[schemars(default)]
    pub share_children: bool,
    /// How the account's orders choose between venues.
    #[schemars(default)]
    pub routing: RoutingConfig,
    /// Fees of the account's own, in the place of those of listings and tiers.
    #[schemars(default, skip_serializing_if = "Vec::is_empty")]
    pub fee: Vec<AccountFeeConfig>,
    /// Instruments of the account that may fill at another one (`docs/routing.md`).
    #[schemars(default, skip_serializing_if = "Vec::is_empty")]
    pub bridge: Vec<BridgeConfig>,
    /// The limits, each by the key of its row.
    #[schemars(skip)]
    pub limits: AccountLimits,
}

const fn slack_ppm() -> u32 {
    SLACK_PPM_DEFAULT
}

const fn market_wait_ms() -> u64 {
    MARKET_WAIT_NS_DEFAULT / 1_000_000
}

/// `no_reference`: what becomes of an order that needs a reference price while there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NoReferenceConfig {
    /// The order is refused with `NoReference`.
    #[default]
    Refuse,
    /// A day, GTC or GTD order waits for the price; an IOC or FOK order is refused.
    Wait,
}

impl From<NoReferenceConfig> for NoReference {
    fn from(config: NoReferenceConfig) -> Self {
        match config {
            NoReferenceConfig::Refuse => Self::Refuse,
            NoReferenceConfig::Wait => Self::Wait,
        }
    }
}

impl<'de> Deserialize<'de> for AccountConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AccountVisitor)
    }
}

/// The keys as a file has them. A limit that refuses nothing is left out.
impl Serialize for AccountConfig {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut keys = to.serialize_map(None)?;
        keys.serialize_entry(NAME, &self.name)?;
        keys.serialize_entry(SLACK, &self.price_slack_ppm)?;
        keys.serialize_entry(NO_REFERENCE, &self.no_reference)?;
        keys.serialize_entry(MARKET_WAIT, &self.market_wait_ms)?;
        keys.serialize_entry(BUSY_WAIT, &self.busy_wait_ms)?;
        if let Some(owner) = &self.owner {
            keys.serialize_entry(OWNER, owner)?;
        }
        keys.serialize_entry(SELF_MATCH, &self.self_match)?;
        keys.serialize_entry(OTHER_OWNERS, &self.other_owners)?;
        keys.serialize_entry(SHARE_CHILDREN, &self.share_children)?;
        for limit in LIMITS {
            let value = limit.get(&self.limits);
            match value {
                _ if !limit.is_required && value == limit.get(&AccountLimits::NONE) => {}
                LimitValue::Whole(whole) => keys.serialize_entry(limit.key, &whole)?,
                LimitValue::Amount(Amount(amount)) => {
                    keys.serialize_entry(limit.key, &decimal(amount, AMOUNT_DECIMALS))?;
                }
            }
        }
        // Last, for a table ends the keys of the one that it is in.
        keys.serialize_entry(ROUTING, &self.routing)?;
        if !self.fee.is_empty() {
            keys.serialize_entry(FEE, &self.fee)?;
        }
        if !self.bridge.is_empty() {
            keys.serialize_entry(BRIDGE, &self.bridge)?;
        }
        keys.end()
    }
}

struct AccountVisitor;

impl<'de> Visitor<'de> for AccountVisitor {
    type Value = AccountConfig;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an account")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AccountConfig, A::Error> {
        let (mut name, mut slack_ppm) = (None, SLACK_PPM_DEFAULT);
        let (mut no_reference, mut market_wait) = (NoReferenceConfig::default(), market_wait_ms());
        let (mut busy_wait, mut routing) = (0, RoutingConfig::default());
        let (mut owner, mut self_match) = (None, SelfMatchConfig::default());
        let (mut other_owners, mut share_children) = (OtherOwnersConfig::default(), false);
        let (mut fee, mut bridge) = (Vec::new(), Vec::new());
        let mut values = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                NAME => name = Some(map.next_value()?),
                SLACK => slack_ppm = map.next_value()?,
                NO_REFERENCE => no_reference = map.next_value()?,
                MARKET_WAIT => market_wait = map.next_value()?,
                BUSY_WAIT => busy_wait = map.next_value()?,
                OWNER => owner = Some(map.next_value()?),
                SELF_MATCH => self_match = map.next_value()?,
                OTHER_OWNERS => other_owners = map.next_value()?,
                SHARE_CHILDREN => share_children = map.next_value()?,
                ROUTING => routing = map.next_value()?,
                FEE => fee = map.next_value()?,
                BRIDGE => bridge = map.next_value()?,
                other => {
                    let limit = LIMITS.iter().find(|limit| limit.key == other);
                    let limit = limit.ok_or_else(|| unknown_key(other))?;
                    values.insert(limit.key, value(limit.kind, &mut map)?);
                }
            }
        }
        let name: String = name.ok_or_else(|| Error::missing_field(NAME))?;
        let limits = limits_of(LIMITS, &name, values)?;
        Ok(AccountConfig {
            name,
            price_slack_ppm: slack_ppm,
            no_reference,
            market_wait_ms: market_wait,
            busy_wait_ms: busy_wait,
            owner,
            self_match,
            other_owners,
            share_children,
            routing,
            fee,
            bridge,
            limits,
        })
    }
}

fn unknown_key<E: Error>(key: &str) -> E {
    let limits: Vec<&str> = LIMITS.iter().map(|limit| limit.key).collect();
    let known = limits.join("`, `");
    E::custom(format!(
        "unknown field `{key}`, expected one of `{NAME}`, `{SLACK}`, `{NO_REFERENCE}`, \
         `{MARKET_WAIT}`, `{BUSY_WAIT}`, `{OWNER}`, `{SELF_MATCH}`, `{OTHER_OWNERS}`, \
         `{SHARE_CHILDREN}`, `{ROUTING}`, `{FEE}`, `{BRIDGE}`, \
         `{known}`"
    ))
}

/// The limits of an account, from the values of their keys.
fn limits_of<E: Error>(
    rows: &[Limit],
    account: &str,
    mut values: BTreeMap<&str, LimitResult>,
) -> Result<AccountLimits, E> {
    let mut limits = AccountLimits::NONE;
    for limit in rows {
        match values.remove(limit.key) {
            Some(Ok(value)) => _ = limit.set(&mut limits, value),
            Some(Err(reason)) => {
                return Err(E::custom(format!("account.{account}.{}: {reason}", limit.key)));
            }
            None if limit.is_required => return Err(E::missing_field(limit.key)),
            None => {}
        }
    }
    Ok(limits)
}

/// A limit's value, or why the value is out of range.
type LimitResult = Result<LimitValue, &'static str>;

/// The value of a limit's key, or why the value is out of range.
fn value<'de, A: MapAccess<'de>>(kind: LimitKind, map: &mut A) -> Result<LimitResult, A::Error> {
    Ok(match kind {
        LimitKind::Whole => Ok(LimitValue::Whole(map.next_value()?)),
        LimitKind::Amount => match amount(map.next_value::<Decimal>()?) {
            Some(amount) if amount > 0 => Ok(LimitValue::Amount(Amount(amount))),
            Some(_) => Err("not above zero"),
            None => Err("too many decimals, or too large"),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::super::rest::RestConfig;
    use super::super::routing::MoveConfig;
    use super::*;

    const SOUND: &str = "name = \"fund\"\norder_notional_max = \"5.5\"\nprice_collar_ppm = 5\n\
                         orders_per_s_max = 6\nopen_orders_max = 7\n";

    #[test]
    fn the_keys_of_the_limits_are_those_of_the_table() {
        let account: AccountConfig = toml::from_str(SOUND).expect("sound");
        assert_eq!((account.name.as_str(), account.price_slack_ppm), ("fund", 100));
        assert_eq!(account.limits.notional_max, Amount(5_500_000_000_000_000_000));
        assert_eq!((account.limits.collar_ppm, account.limits.rate_per_s), (5, 6));
        assert_eq!(account.limits.open_orders_max, 7);
        assert_eq!(account.no_reference, NoReferenceConfig::Refuse);
        assert_eq!((account.market_wait_ms, account.busy_wait_ms), (60_000, 0));
        assert_eq!((account.owner(), account.self_match), ("fund", SelfMatchConfig::CancelResting));
        assert_eq!(account.other_owners, OtherOwnersConfig::Yield);
        assert!(!account.share_children);
        let more = "no_reference = \"wait\"\nmarket_wait_ms = 5\nbusy_wait_ms = 7\n\
                    owner = \"house\"\nself_match = \"cancel-incoming\"\n\
                    other_owners = \"protect\"\nshare_children = true\n\
                    [routing]\nexclude = [\"v0\"]\nbackup = [\"v1\"]\n\
                    move = \"better\"\nmove_gain_ppm = 9\n\
                    rest = \"share\"\nrest_places = 4\nrest_percent = { v0 = 30, v1 = 70 }\n";
        let more = format!("{SOUND}{more}");
        let account: AccountConfig = toml::from_str(&more).expect("sound");
        assert_eq!(account.no_reference, NoReferenceConfig::Wait);
        assert_eq!((account.market_wait_ms, account.busy_wait_ms), (5, 7));
        assert_eq!(
            (account.owner(), account.self_match),
            ("house", SelfMatchConfig::CancelIncoming)
        );
        assert_eq!(account.other_owners, OtherOwnersConfig::Protect);
        assert!(account.share_children);
        let routing = &account.routing;
        assert_eq!((routing.rest, routing.rest_places), (RestConfig::Share, 4));
        let shares: Vec<_> = routing.rest_percent.iter().map(|(v, p)| (v.as_str(), *p)).collect();
        assert_eq!(shares, [("v0", 30), ("v1", 70)]);
        let moves = (account.routing.moving, account.routing.move_gain_ppm);
        assert_eq!(moves, (MoveConfig::Better, 9));
        assert_eq!(
            (account.routing.exclude, account.routing.backup),
            (vec!["v0".to_owned()], vec!["v1".to_owned()])
        );
    }

    #[test]
    fn a_key_that_is_missing_unknown_or_out_of_range_is_named() {
        let refused = |from: &str, to: &str| {
            let text = SOUND.replacen(from, to, 1);
            toml::from_str::<AccountConfig>(&text).expect_err(&text).to_string()
        };
        for key in LIMITS.iter().map(|limit| limit.key) {
            assert!(refused(key, "# ").contains(key), "{key}");
        }
        assert!(refused("name = \"fund\"", "").contains("name"));
        assert!(refused("name", "surprise = 1\nname").contains("surprise"));
        assert!(
            refused("\"5.5\"", "\"0\"").contains("account.fund.order_notional_max: not above zero")
        );
        assert!(refused("\"5.5\"", "\"1e-19\"").contains("order_notional_max"));
        assert!(refused("= 5\n", "= -1\n").contains("price_collar_ppm"));
    }

    #[test]
    fn without_an_optional_key_the_limit_refuses_nothing() {
        let mut row = LIMITS[0];
        let limits = |row| limits_of::<toml::de::Error>(&[row], "fund", BTreeMap::new());
        assert!(limits(row).is_err());
        row.is_required = false;
        assert_eq!(limits(row).expect("optional"), AccountLimits::NONE);
    }
}
