//! The keys about fees: from where a venue takes them, and what they depend on.
//!
//! A line belongs here if it reads, checks or passes on such a key. What follows from them is the
//! core's; `docs/routing.md` has the rules.

use jiff::civil::Date;
use rust_decimal::Decimal;
use rutter_core::id::{AccountId, VenueId};
use rutter_core::input::{
    AccountFeeDef, FEE_TIERS_MAX, FeeScheduleDef, FeeTaken, FeeTierDef, FeeTokenDef, Input,
};
use rutter_core::number::{Amount, FeePpm};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::decimal::amount;
use super::finding::{Fault, Findings};
use super::routing::RoutingConfig;
use super::{Config, ListingConfig, VenueConfig, schema};
use crate::node::boot::Names;

/// From where a venue takes the fee of an execution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum FeeSource {
    /// From the quote asset: a buy locks its value with the fee on top.
    #[default]
    Quote,
    /// From the asset that the execution brings: a buy locks its value and gets less of the base
    /// asset.
    Received,
    /// From a third asset, such as the venue's own token: a buy locks its value.
    Other,
}

impl From<FeeSource> for FeeTaken {
    fn from(source: FeeSource) -> Self {
        match source {
            FeeSource::Quote => Self::Quote,
            FeeSource::Received => Self::Received,
            FeeSource::Other => Self::Other,
        }
    }
}

/// `[venue.fees]`: what a venue's fees depend on.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FeesConfig {
    /// The asset in which the venue counts the traded volume, such as `USD`; needed with tiers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_asset: Option<String>,
    /// What the venue had counted of 30 days at the begin of `volume_date`, in `volume_asset`.
    #[schemars(schema_with = "schema::not_negative")]
    pub volume: Decimal,
    /// The day (UTC), such as `2026-11-30`, from whose begin on our own executions count, and
    /// `volume` loses a thirtieth a day. Needed with `volume`; without both all executions of the
    /// journal count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub volume_date: Option<String>,
    /// The token, such as `BNB`, in which the venue takes its fees at a discount.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The part of a fee above zero that is not charged in the token, parts per million. Needed
    /// with `token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub token_discount_ppm: Option<u32>,
    /// The discount is expected while the venue holds at least this much of the token for us; above
    /// zero, and more than the fees between two looks at it. Needed with `token`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::above_zero")]
    pub token_min: Option<Decimal>,
    /// The tiers, the one with the lowest volume first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = FEE_TIERS_MAX))]
    pub tier: Vec<FeeTierConfig>,
}

/// `[[venue.fees.tier]]`: a tier of a venue's fees.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FeeTierConfig {
    /// The tier holds from this volume of 30 days on, in `volume_asset`; 0 for the first tier.
    #[schemars(schema_with = "schema::not_negative")]
    pub volume: Decimal,
    /// Maker fee, parts per million; negative is a rebate.
    #[schemars(range(min = -999_999, max = 999_999))]
    pub maker_fee_ppm: i32,
    /// Taker fee, parts per million.
    #[schemars(range(min = -999_999, max = 999_999))]
    pub taker_fee_ppm: i32,
}

/// `[[account.fee]]`: fees of an account's own at a venue.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountFeeConfig {
    /// Name of the venue.
    pub venue: String,
    /// Symbol of the instrument; without the key all instruments at the venue that have no fee of
    /// their own here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instrument: Option<String>,
    /// Maker fee, parts per million; negative is a rebate.
    #[schemars(range(min = -999_999, max = 999_999))]
    pub maker_fee_ppm: i32,
    /// Taker fee, parts per million.
    #[schemars(range(min = -999_999, max = 999_999))]
    pub taker_fee_ppm: i32,
}

/// Days since 1970-01-01 of a date; `None` if the text is none, or the date is earlier.
fn day_of(date: &str) -> Option<u32> {
    let date: Date = date.parse().ok()?;
    let days = date.duration_since(Date::constant(1970, 1, 1)).as_hours() / 24;
    u32::try_from(days).ok()
}

impl VenueConfig {
    /// What the core is told of the venue's fees, after its listings. A venue without such keys is
    /// told to have none, so that what was defined before holds no more.
    pub fn fee_definitions(&self, names: &Names) -> Option<Vec<Input>> {
        let venue = names.venue(&self.name)?;
        let Some(fees) = &self.fees else {
            return Some(vec![Input::FeeSchedule(FeeScheduleDef::none(venue))]);
        };
        let mut all = vec![Input::FeeSchedule(fees.schedule(venue, names)?)];
        for (place, tier) in (0..).zip(&fees.tier) {
            let from = Amount(amount(tier.volume)?);
            let (maker, taker) = (FeePpm(tier.maker_fee_ppm), FeePpm(tier.taker_fee_ppm));
            all.push(Input::FeeTier(FeeTierDef { venue, place, from, maker, taker }));
        }
        for listing in self.listing.iter().filter(|listing| listing.fees().is_none()) {
            let instrument = names.instrument(&listing.instrument)?;
            all.push(Input::FeeByTier { venue, instrument });
        }
        Some(all)
    }

    /// The maker and taker fee of a listing: its own, or those of the venue's first tier.
    pub fn listing_fees(&self, listing: &ListingConfig) -> Option<(FeePpm, FeePpm)> {
        let first = || self.fees.as_ref()?.tier.first();
        let tier = || first().map(|tier| (tier.maker_fee_ppm, tier.taker_fee_ppm));
        listing.fees().or_else(tier).map(|(maker, taker)| (FeePpm(maker), FeePpm(taker)))
    }

    /// Adds what is wrong with the keys about fees.
    pub(super) fn check_fees(&self, findings: &mut Findings, at: &str, assets: &[String]) {
        // Tiers that cannot be read have a finding, and are tiers all the same.
        let has_tiers = self.fees.as_ref().is_some_and(|fees| !fees.tier.is_empty())
            || findings.is_damaged(&format!("{at}.fees.tier"));
        if let Some(fees) = &self.fees {
            fees.check(findings, &format!("{at}.fees"), assets);
        }
        for (n, listing) in self.listing.iter().enumerate() {
            let keys = [
                ("maker_fee_ppm", listing.maker_fee_ppm, listing.taker_fee_ppm),
                ("taker_fee_ppm", listing.taker_fee_ppm, listing.maker_fee_ppm),
            ];
            for (key, fee, other) in keys {
                if fee.is_none() && (other.is_some() || !has_tiers) {
                    let reason = "needed: a whole number from -999999 to 999999; only a venue with \
                                  tiers gives a listing its fees, both of them";
                    findings.add(&format!("{at}.listing[{n}].{key}"), Fault::MissingKey, reason);
                }
            }
        }
    }
}

impl ListingConfig {
    /// The maker and taker fee of its own.
    fn fees(&self) -> Option<(i32, i32)> {
        self.maker_fee_ppm.zip(self.taker_fee_ppm)
    }
}

impl FeesConfig {
    fn schedule(&self, venue: VenueId, names: &Names) -> Option<FeeScheduleDef> {
        let mut schedule = FeeScheduleDef::none(venue);
        schedule.tiers = u8::try_from(self.tier.len()).ok()?;
        if let Some(asset) = &self.volume_asset {
            schedule.asset = names.asset(asset)?;
        }
        schedule.volume = Amount(amount(self.volume)?);
        if let Some(date) = &self.volume_date {
            schedule.from_day = day_of(date)?;
        }
        if let Some(token) = &self.token {
            schedule.token = Some(FeeTokenDef {
                asset: names.asset(token)?,
                discount_ppm: self.token_discount_ppm?,
                least: Amount(amount(self.token_min?)?),
            });
        }
        Some(schedule)
    }

    fn check(&self, findings: &mut Findings, at: &str, assets: &[String]) {
        let key = |key: &str| format!("{at}.{key}");
        for (name, asset) in [("volume_asset", &self.volume_asset), ("token", &self.token)] {
            let Some(asset) = asset.as_ref().filter(|asset| !assets.contains(asset)) else {
                continue;
            };
            if !findings.is_damaged("assets") {
                let names = assets.join(", ");
                let reason = format!("{asset:?} is not among assets; there are {names}");
                findings.add(&key(name), Fault::NotDeclared, reason);
            }
        }
        let has_token = self.token.is_some();
        let pairs = [
            ("volume_asset", self.volume_asset.is_some(), !self.tier.is_empty(), "tier"),
            ("volume_date", self.volume_date.is_some(), !self.volume.is_zero(), "volume"),
            ("token_discount_ppm", self.token_discount_ppm.is_some(), has_token, "token"),
            ("token_min", self.token_min.is_some(), has_token, "token"),
        ];
        for (name, is_there, is_needed, by) in pairs {
            if is_needed && !is_there {
                findings.add(&key(name), Fault::MissingKey, format!("needed with {by}"));
            }
        }
        for (name, value) in [("volume", Some(self.volume)), ("token_min", self.token_min)] {
            check_amount(findings, &key(name), value);
        }
        if let Some(date) = self.volume_date.as_ref().filter(|date| day_of(date).is_none()) {
            let reason = format!("{date:?} is no date from 1970 on, such as 2026-11-30");
            findings.add(&key("volume_date"), Fault::WrongType, reason);
        }
        self.check_tiers(findings, at);
    }

    fn check_tiers(&self, findings: &mut Findings, at: &str) {
        for (n, tier) in self.tier.iter().enumerate() {
            let path = format!("{at}.tier[{n}].volume");
            check_amount(findings, &path, Some(tier.volume));
            let before = n.checked_sub(1).and_then(|before| self.tier.get(before));
            match before {
                None if !tier.volume.is_zero() => {
                    let reason = "the first tier holds from 0 on";
                    findings.add(&path, Fault::OutOfRange, reason);
                }
                Some(before) if tier.volume <= before.volume => {
                    let reason =
                        format!("not more than that of the tier before, {}", before.volume);
                    findings.add(&path, Fault::Conflict, reason);
                }
                None | Some(_) => {}
            }
        }
    }
}

fn check_amount(findings: &mut Findings, path: &str, value: Option<Decimal>) {
    if value.is_some_and(|value| amount(value).is_none()) {
        findings.add(path, Fault::OutOfRange, "too many decimals, or too large");
    }
}

impl AccountFeeConfig {
    /// What the core is told. `None` if a name is not known.
    pub fn definition(&self, account: AccountId, names: &Names) -> Option<AccountFeeDef> {
        let instrument = match &self.instrument {
            Some(symbol) => Some(names.instrument(symbol)?),
            None => None,
        };
        let venue = names.venue(&self.venue)?;
        let (maker, taker) = (FeePpm(self.maker_fee_ppm), FeePpm(self.taker_fee_ppm));
        Some(AccountFeeDef { account, venue, instrument, maker, taker })
    }
}

impl Config {
    /// Adds the dates of volumes that are still to come on a day, in days since 1970-01-01: until
    /// then nothing would count, and the tier would stay as it is.
    pub fn check_volume_dates(&self, findings: &mut Findings, today: u32) {
        for (n, venue) in self.venue.iter().enumerate() {
            let date = venue.fees.as_ref().and_then(|fees| fees.volume_date.as_ref());
            let Some(date) = date.filter(|date| day_of(date).is_some_and(|day| day > today)) else {
                continue;
            };
            let reason = format!("{date:?} is later than today (UTC)");
            findings.add(&format!("venue[{n}].fees.volume_date"), Fault::OutOfRange, reason);
        }
    }

    /// Adds what is wrong with the fees of accounts.
    pub(super) fn check_account_fees(&self, findings: &mut Findings) {
        for (n, account) in self.account.iter().enumerate() {
            for (place, fee) in account.fee.iter().enumerate() {
                let at = format!("account[{n}].fee[{place}]");
                self.check_account_fee(findings, &at, (&account.routing, fee));
                let same = |one: &AccountFeeConfig| {
                    (&one.venue, &one.instrument) == (&fee.venue, &fee.instrument)
                };
                if account.fee.iter().take(place).any(same) {
                    let reason = "the account has a fee there already".to_owned();
                    findings.add(&format!("{at}.venue"), Fault::Duplicate, reason);
                }
            }
        }
    }

    fn check_account_fee(
        &self,
        findings: &mut Findings,
        at: &str,
        (routing, fee): (&RoutingConfig, &AccountFeeConfig),
    ) {
        let Some(venue) = self.venue.iter().find(|venue| venue.name == fee.venue) else {
            if !findings.is_damaged("venue") {
                let venues: Vec<&str> =
                    self.venue.iter().map(|venue| venue.name.as_str()).collect();
                let reason =
                    format!("{:?} is no venue; there are {}", fee.venue, venues.join(", "));
                findings.add(&format!("{at}.venue"), Fault::NotDeclared, reason);
            }
            return;
        };
        if let Some(other) = routing.account_at(&self.venue, &fee.venue)
            && other != fee.venue
        {
            let reason = format!("the account's orders go by {other:?} (routing.venue_accounts)");
            findings.add(&format!("{at}.venue"), Fault::Conflict, reason);
        }
        let Some(symbol) = &fee.instrument else { return };
        let listed = venue.listing.iter().any(|listing| listing.instrument == *symbol);
        if !listed && !findings.is_damaged("venue") {
            let reason = format!("{symbol:?} is not listed at {}", fee.venue);
            findings.add(&format!("{at}.instrument"), Fault::NotDeclared, reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str = include_str!("../../deploy/example.toml");

    const TIERS: &str = "[venue.fees]\nvolume_asset = \"USDT\"\nvolume = \"1500000.5\"\n\
        volume_date = \"2026-11-30\"\ntoken = \"BTC\"\ntoken_discount_ppm = 250000\n\
        token_min = \"0.1\"\n\
        [[venue.fees.tier]]\nvolume = 0\nmaker_fee_ppm = 1000\ntaker_fee_ppm = 1000\n\
        [[venue.fees.tier]]\nvolume = 1000000\nmaker_fee_ppm = 900\ntaker_fee_ppm = 950\n\
        [[venue.listing]]";

    /// The example, where the first venue has tiers and its listing has no fees of its own, and the
    /// account has a fee.
    fn with_tiers() -> String {
        SOUND
            .replacen("[[venue.listing]]", TIERS, 1)
            .replacen("maker_fee_ppm = 1000\ntaker_fee_ppm = 1000\nfee_taken", "fee_taken", 1)
            .replacen(
                "[[session]]",
                "[[account.fee]]\nvenue = \"kraken\"\ninstrument = \"BTC/USDT\"\n\
                 maker_fee_ppm = -10\ntaker_fee_ppm = 20\n[[session]]",
                1,
            )
    }

    fn definitions(text: &str) -> Vec<Input> {
        let config = Config::parse(text).unwrap_or_else(|error| panic!("{error}"));
        let mut names = Names::default();
        names.add_config(&config);
        crate::node::boot::inputs(&config, &names).expect("all names are known")
    }

    #[test]
    fn the_core_is_told_what_fees_depend_on_after_what_it_is_about() {
        let told = definitions(&with_tiers());
        let venue = VenueId(0);
        let place = |what: &dyn Fn(&Input) -> bool| told.iter().position(what).expect("told");
        let listing = place(&|input| matches!(input, Input::Listing(def) if def.venue == venue));
        let schedule = place(&|input| matches!(input, Input::FeeSchedule(def) if def.tiers == 2));
        let tiers = place(&|input| matches!(input, Input::FeeTier(FeeTierDef { place: 1, .. })));
        let by_tier = place(&|input| matches!(input, Input::FeeByTier { .. }));
        let account = place(&|input| matches!(input, Input::Account(_)));
        let own = place(&|input| matches!(input, Input::AccountFee(_)));
        assert!(listing < schedule && schedule < tiers && tiers < by_tier);
        assert!(schedule < own && account < own);
        let Input::FeeSchedule(def) = told[schedule] else { panic!("it is one") };
        assert_eq!(def.volume, Amount(1_500_000_500_000_000_000_000_000));
        assert_eq!(def.from_day, 20_787, "2026-11-30");
        let Input::Listing(def) = told[listing] else { panic!("it is one") };
        assert_eq!((def.maker_fee, def.taker_fee), (FeePpm(1_000), FeePpm(1_000)));
        let none = |input: &&Input| matches!(input, Input::FeeSchedule(def) if def.is_none());
        assert_eq!(told.iter().filter(none).count(), 1, "the other venue");
    }

    #[test]
    fn what_is_told_is_what_the_core_takes() {
        let mut reference = rutter_core::reference::Reference::default();
        for input in definitions(&with_tiers()) {
            let taken = reference.define(&input);
            assert!(taken.is_ok() || input == Input::NodeStarted, "{input:?}");
        }
    }

    #[test]
    fn each_relation_of_fees_that_cannot_hold_is_a_finding() {
        let sound = with_tiers();
        for (from, to, words) in [
            ("volume_asset = \"USDT\"", "volume_asset = \"EUR\"", "fees.volume_asset: \"EUR\" is"),
            ("volume_asset = \"USDT\"\n", "", "fees.volume_asset: needed with tier"),
            ("volume_date = \"2026-11-30\"\n", "", "fees.volume_date: needed with volume"),
            ("2026-11-30", "2026-13-30", "fees.volume_date: \"2026-13-30\" is no date"),
            ("token = \"BTC\"", "token = \"BNB\"", "fees.token: \"BNB\" is not among assets"),
            ("token_min = \"0.1\"\n", "", "fees.token_min: needed with token"),
            ("token_discount_ppm = 250000\n", "", "fees.token_discount_ppm: needed with token"),
            ("volume = 0\n", "volume = 1\n", "volume: the first tier holds from 0 on"),
            ("volume = 1000000\n", "volume = 0\n", "volume: not more than that of the tier before"),
            ("fee_taken", "taker_fee_ppm = 5\nfee_taken", "maker_fee_ppm: needed: a whole number"),
            ("venue = \"kraken\"", "venue = \"mars\"", "\"mars\" is no venue; there are"),
            (
                "instrument = \"BTC/USDT\"\nmaker",
                "instrument = \"X\"\nmaker",
                "\"X\" is not listed",
            ),
        ] {
            assert!(sound.contains(from), "{from}");
            let refused = Config::parse(&sound.replacen(from, to, 1)).expect_err(to).to_string();
            assert!(refused.contains(words), "{words}: {refused}");
        }
        let twice = sound.replacen(
            "[[session]]",
            "[[account.fee]]\nvenue = \"kraken\"\n\
             instrument = \"BTC/USDT\"\nmaker_fee_ppm = 0\ntaker_fee_ppm = 0\n[[session]]",
            1,
        );
        let refused = Config::parse(&twice).expect_err("twice").to_string();
        assert!(refused.contains("the account has a fee there already"), "{refused}");
        let many = "[[venue.fees.tier]]\nvolume = 1000000".to_owned();
        let tier = |n: usize| {
            format!(
                "[[venue.fees.tier]]\nvolume = {}\nmaker_fee_ppm = 1\ntaker_fee_ppm = 2\n",
                1_000 * (n + 1)
            )
        };
        let many_more = (0..FEE_TIERS_MAX).map(tier).collect::<String>() + &many;
        let refused = Config::parse(&sound.replacen(&many, &many_more, 1)).expect_err("many");
        assert_eq!(refused.findings.len(), 1, "only that they are too many: {refused}");
        let none = SOUND.replacen("maker_fee_ppm = 1000\ntaker_fee_ppm = 1000\n", "", 1);
        let refused = Config::parse(&none).expect_err("no fees").to_string();
        assert!(refused.contains("missing-key: venue.binance.listing.BTC/USDT.maker_fee_ppm"));
        assert!(refused.contains("missing-key: venue.binance.listing.BTC/USDT.taker_fee_ppm"));
    }

    #[test]
    fn a_volume_of_a_day_to_come_is_a_finding_and_one_of_today_is_none() {
        let config = Config::parse(&with_tiers()).expect("sound");
        for (today, count) in [(20_786, 1), (20_787, 0), (20_788, 0)] {
            let mut findings = Findings::default();
            config.check_volume_dates(&mut findings, today);
            let said = findings.into_result().map_or_else(|error| error.findings, |()| Vec::new());
            assert_eq!(said.len(), count, "{said:?}");
        }
    }

    #[test]
    fn the_configuration_that_is_shown_is_read_again() {
        let config = Config::parse(&with_tiers()).expect("sound");
        let shown = toml::to_string(&config.account[0]).expect("TOML");
        assert!(shown.contains("[[fee]]"), "{shown}");
        let shown = toml::to_string(&config.venue[0].fees).expect("TOML");
        let again: FeesConfig = toml::from_str(&shown).expect("read");
        assert_eq!(
            format!("{again:?}"),
            format!("{:?}", config.venue[0].fees.clone().expect("some"))
        );
    }
}
