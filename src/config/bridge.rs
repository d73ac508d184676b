//! `[[account.bridge]]`: an instrument of an account that may fill at another one.
//!
//! A line belongs here if it reads the keys of a bridge. What goes over it is the core's.

use rust_decimal::Decimal;
use rutter_core::id::AccountId;
use rutter_core::input::{BASIS_PPM_MAX, BridgeDef};
use rutter_core::number::Amount;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decimal::amount;
use super::finding::{Fault, Findings};
use super::{Config, InstrumentConfig, schema};
use crate::node::boot::Names;

/// `[[account.bridge]]`: an instrument of the account that may fill at another one.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BridgeConfig {
    /// Symbol of the orders' instrument, such as BTC/USD.
    pub instrument: String,
    /// Symbol of the bridge instrument, such as BTC/USDT: the same base asset, and as many decimals
    /// of a quantity.
    pub via: String,
    /// Symbol of the instrument that converts, such as USDT/USD: its base asset is the quote asset
    /// of the bridge instrument, and its quote asset that of the orders' instrument.
    pub conversion: String,
    /// Name of another account, which is yours: it trades in the bridge asset, trades with the
    /// client at the net price, and bears the price of the conversion.
    pub desk: String,
    /// The basis limit: how far the price of the conversion may lie beyond its reference price, in
    /// basis points.
    #[schemars(range(max = 1_000))]
    pub basis_bps: u32,
    /// The legging limit: bridge asset that the account's orders may leave unconverted at any
    /// moment, what is on its way included.
    #[schemars(schema_with = "schema::above_zero")]
    pub legging_max: Decimal,
}

impl BridgeConfig {
    /// What the core is told. `None` if a name is not known.
    pub fn definition(&self, account: AccountId, names: &Names) -> Option<BridgeDef> {
        Some(BridgeDef {
            account,
            desk: names.account(&self.desk)?,
            instrument: names.instrument(&self.instrument)?,
            via: names.instrument(&self.via)?,
            conversion: names.instrument(&self.conversion)?,
            basis_ppm: self.basis_bps.checked_mul(100)?,
            legging_max: Amount(amount(self.legging_max)?),
        })
    }
}

impl Config {
    /// Adds what is wrong with the bridges of accounts.
    pub(super) fn check_bridges(&self, findings: &mut Findings) {
        for (n, account) in self.account.iter().enumerate() {
            for (place, bridge) in account.bridge.iter().enumerate() {
                let at = format!("account[{n}].bridge[{place}]");
                self.check_bridge(findings, &at, (&account.name, bridge));
                let same = |one: &BridgeConfig| {
                    (&one.instrument, &one.via) == (&bridge.instrument, &bridge.via)
                };
                if account.bridge.iter().take(place).any(same) {
                    let reason = "the account has such a bridge already".to_owned();
                    findings.add(&format!("{at}.via"), Fault::Duplicate, reason);
                }
            }
        }
    }

    fn check_bridge(
        &self,
        findings: &mut Findings,
        at: &str,
        (account, bridge): (&str, &BridgeConfig),
    ) {
        let key = |name: &str| format!("{at}.{name}");
        if !self.account.iter().any(|known| known.name == bridge.desk) {
            let reason = format!("{:?} is no account", bridge.desk);
            findings.add(&key("desk"), Fault::NotDeclared, reason);
        }
        if account == bridge.desk {
            let reason = "the account itself; the bridge asset needs another one";
            findings.add(&key("desk"), Fault::Conflict, reason);
        }
        if u64::from(bridge.basis_bps) * 100 > u64::from(BASIS_PPM_MAX) {
            let reason = format!("at most {}", BASIS_PPM_MAX / 100);
            findings.add(&key("basis_bps"), Fault::OutOfRange, reason);
        }
        if amount(bridge.legging_max).is_none_or(|most| most <= 0) {
            let reason = "not above zero, too many decimals, or too large";
            findings.add(&key("legging_max"), Fault::OutOfRange, reason);
        }
        let names = [&bridge.instrument, &bridge.via, &bridge.conversion];
        let found = names.map(|name| self.instrument.iter().find(|one| one.symbol == **name));
        for ((name, symbol), known) in
            ["instrument", "via", "conversion"].into_iter().zip(names).zip(found)
        {
            if known.is_none() && !findings.is_damaged("instrument") {
                let reason = format!("{symbol:?} is no instrument");
                findings.add(&key(name), Fault::NotDeclared, reason);
            }
        }
        if let [Some(own), Some(via), Some(conversion)] = found {
            check_assets(findings, at, own, (via, conversion));
        }
    }
}

/// Adds what keeps three instruments from being a bridge.
fn check_assets(
    findings: &mut Findings,
    at: &str,
    own: &InstrumentConfig,
    (via, conversion): (&InstrumentConfig, &InstrumentConfig),
) {
    let mut wrong = |name: &str, reason: String| {
        findings.add(&format!("{at}.{name}"), Fault::Conflict, reason);
    };
    if own.symbol == via.symbol || own.base != via.base {
        wrong("via", format!("not another instrument with the base asset {}", own.base));
    }
    if own.qty_decimals != via.qty_decimals {
        wrong("via", format!("its quantities have not {} decimals", own.qty_decimals));
    }
    if (&via.quote, &own.quote) != (&conversion.base, &conversion.quote) {
        wrong("conversion", format!("not {}/{}", via.quote, own.quote));
    }
    if via.price_decimals + conversion.price_decimals < own.price_decimals {
        wrong("conversion", format!("its prices need more decimals for {}", own.symbol));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = include_str!("../../deploy/example.toml");

    /// The example with two more instruments, a second account, and a bridge of the first one.
    fn with_bridge(change: impl FnOnce(String) -> String) -> String {
        let instrument = |symbol: &str, base: &str, quote: &str| {
            format!(
                "[[instrument]]\nsymbol = \"{symbol}\"\nbase = \"{base}\"\nquote = \"{quote}\"\n\
                 price_decimals = 4\nqty_decimals = 8\norder_qty_max = \"100000\"\n\n"
            )
        };
        let more = instrument("BTC/USD", "BTC", "USD") + &instrument("USDT/USD", "USDT", "USD");
        let bridge = "[[account.bridge]]\ninstrument = \"BTC/USD\"\nvia = \"BTC/USDT\"\n\
            conversion = \"USDT/USD\"\ndesk = \"house\"\nbasis_bps = 20\nlegging_max = \"1000\"\n\n\
            [[account]]\nname = \"house\"\norder_notional_max = 1\nprice_collar_ppm = 1\n\
            orders_per_s_max = 1\nopen_orders_max = 1\n\n[[session]]";
        let text = SOUND
            .replacen("\"USDT\"]", "\"USDT\", \"USD\"]", 1)
            .replacen("[[venue]]", &format!("{more}[[venue]]"), 1)
            .replacen("[[session]]", &change(bridge.to_owned()), 1);
        assert_ne!(text, SOUND);
        text
    }

    fn findings(text: &str) -> String {
        match Config::parse(text) {
            Ok(_) => String::new(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_bridge_is_told_to_the_core_in_its_units() {
        let text = with_bridge(|bridge| bridge);
        let config = Config::parse(&text).map_err(|error| error.to_string()).expect("sound");
        let mut names = Names::default();
        names.add_config(&config);
        let def = config.account[0].bridge[0].definition(AccountId(0), &names).expect("known");
        assert_eq!((def.basis_ppm, def.legging_max), (2_000, Amount(1_000 * 10_i128.pow(18))));
        assert_eq!((def.account, def.desk), (AccountId(0), AccountId(1)));
    }

    #[test]
    fn what_cannot_be_a_bridge_is_named_with_its_key() {
        for (from, to, key) in [
            ("\"BTC/USDT\"", "\"BTC/USD\"", "via"),
            ("\"BTC/USDT\"", "\"ETH/DOGE\"", "via"),
            ("\"USDT/USD\"", "\"BTC/USD\"", "conversion"),
            ("desk = \"house\"", "desk = \"nobody\"", "desk"),
            ("basis_bps = 20", "basis_bps = 1001", "basis_bps"),
            ("\"1000\"", "\"0\"", "legging_max"),
        ] {
            let text = with_bridge(|bridge| bridge.replacen(from, to, 1));
            let told = findings(&text);
            assert!(told.contains(&format!("bridge[0].{key}")), "{from} {to}: {told}");
        }
    }
}
