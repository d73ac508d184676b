//! The fee of each execution beside the one that the configuration expects.
//!
//! A line belongs here if it compares a charged fee, or shows what fees depend on. The router plans
//! with the expected fee: a wrong one makes every plan wrong, so a difference is told.

use rutter_core::id::{AccountId, AssetId, InstrumentId, VenueId};
use rutter_core::input::{ChildFill, FeeTaken, InstrumentDef, Liquidity, Side};
use rutter_core::number::{Amount, Notional};
use rutter_core::output::FeeState;
use rutter_core::reference::{HeldFees, amount_of, base_amount};
use serde::Serialize;

use super::ReadModel;
use super::query::amount;

/// A charged fee may differ by this part of the expected fee, one in so many.
const TOLERATED_PART: i128 = 50;

/// A fee below this, in 10^-18 of its asset, may be rounded to nothing: 0.0001.
const ROUNDED_AWAY: i128 = 100_000_000_000_000;

/// Rounding changes a fee by this at most, in 10^-18 of its asset: 0.01.
const ROUNDED_MAX: i128 = 10_000_000_000_000_000;

/// Parts per million.
const PPM: i128 = 1_000_000;

/// How a charged fee compares with the expected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeeResult {
    /// The configured rate, in the configured asset.
    AsConfigured,
    /// Another rate or asset.
    Drifted,
    /// In an asset of its own, as configured: its value in the quote asset is not known.
    NotCompared,
}

impl FeeResult {
    /// All results.
    pub const ALL: [Self; 3] = [Self::AsConfigured, Self::Drifted, Self::NotCompared];

    /// The word of metrics and screens.
    pub const fn word(self) -> &'static str {
        match self {
            Self::AsConfigured => "as_configured",
            Self::Drifted => "drifted",
            Self::NotCompared => "not_compared",
        }
    }
}

/// A fee that was not the expected one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeeDrift {
    instrument: InstrumentId,
    liquidity: Liquidity,
    asset: AssetId,
    configured_ppm: i32,
    /// `None` for a fee in an asset whose value in the quote asset is not known.
    charged_ppm: Option<i64>,
}

/// The compared fees of one venue.
#[derive(Clone, Copy, Debug, Default)]
pub struct FeesCompared {
    counts: [u64; FeeResult::ALL.len()],
    newest: Option<FeeDrift>,
}

/// The compared fees of one venue, in names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FeesRow {
    /// Executions whose fee was the configured one.
    pub as_configured: u64,
    /// Executions whose fee had another rate or asset.
    pub drifted: u64,
    /// Executions whose fee was in an asset of its own.
    pub not_compared: u64,
    /// The newest fee that was not the configured one.
    pub newest_drift: Option<FeeDriftRow>,
}

/// A fee that was not the configured one, in names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FeeDriftRow {
    /// The instrument.
    pub symbol: String,
    /// `maker` or `taker`.
    pub liquidity: &'static str,
    /// The asset of the fee.
    pub asset: String,
    /// The configured rate, parts per million.
    pub configured_ppm: i32,
    /// The charged rate, parts per million of the value, rounded toward zero; `None` for an asset
    /// whose value in the quote asset is not known.
    pub charged_ppm: Option<i64>,
}

/// What a venue's fees depend on, and what holds now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FeeTermsRow {
    /// Place of the tier that holds, from 0; `None` without tiers, as for the next members.
    pub tier: Option<u8>,
    /// Number of tiers.
    pub tiers: u8,
    /// Maker fee of the tier, parts per million, before a discount.
    pub maker_fee_ppm: Option<i32>,
    /// Taker fee of the tier, likewise.
    pub taker_fee_ppm: Option<i32>,
    /// What we have traded there in 30 days.
    pub volume: Option<String>,
    /// The asset of `volume` and of `next_tier_from`.
    pub volume_asset: Option<String>,
    /// The volume from which the next tier holds; `None` at the last one.
    pub next_tier_from: Option<String>,
    /// Executions that are not in the volume, because their value was not known.
    pub not_counted: u64,
    /// The token in which the venue takes fees at a discount.
    pub token: Option<FeeTokenRow>,
}

/// A token in which a venue takes fees at a discount.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FeeTokenRow {
    /// The token.
    pub asset: String,
    /// The discount, parts per million of a fee.
    pub discount_ppm: u32,
    /// The discount is expected while the venue holds so much of the token.
    pub least: String,
    /// Whether the discount is expected now.
    pub in_use: bool,
}

impl FeesRow {
    /// The counts by result.
    pub const fn counts(&self) -> [(FeeResult, u64); FeeResult::ALL.len()] {
        [
            (FeeResult::AsConfigured, self.as_configured),
            (FeeResult::Drifted, self.drifted),
            (FeeResult::NotCompared, self.not_compared),
        ]
    }
}

/// Whether a charged fee is the expected one but for rounding to `unit`, or differs by a fiftieth of
/// the expected fee at most. An amount does not say how many zeros the venue wrote: what counts as
/// rounding has an upper bound, and is below half of the expected fee.
fn is_near(expected: Amount, charged: Amount, unit: i128) -> bool {
    let difference = charged.minus(expected).0.abs();
    let whole = expected.0.abs();
    let is_rounding = if charged.0 == 0 {
        difference <= ROUNDED_AWAY
    } else {
        difference <= unit.min(ROUNDED_MAX) && difference < whole - difference
    };
    is_rounding || difference <= whole / TOLERATED_PART
}

/// The unit of the last decimal of an amount that is not zero.
const fn last_decimal(amount: Amount) -> i128 {
    let mut unit = 1;
    // Ends: an amount that is not zero has less than 39 decimal places.
    while amount.0 % (unit * 10) == 0 {
        unit *= 10;
    }
    unit
}

/// A fee in the asset in which it is compared.
#[derive(Clone, Copy, Debug)]
struct Charged {
    /// What the rate is of: the value, or the quantity for a fee in the base asset.
    on: Amount,
    /// The fee; `None` if its value is not known.
    fee: Option<Amount>,
    /// The unit of the last decimal that the venue wrote.
    unit: i128,
}

impl ReadModel {
    /// What a venue's fees are by now.
    pub(super) fn on_fees(&mut self, venue: VenueId, state: FeeState) {
        self.reference.hold_fees(venue, state.tier, state.in_token);
        if let Some(kept) = self.fee_states.get_mut(venue.index()) {
            *kept = state;
        }
    }

    /// Compares the fee of an execution with the one that holds for the account. What an operator
    /// has stated has no fee.
    pub(super) fn compare_fee(&mut self, fill: &ChildFill, account: Option<AccountId>) {
        let Some(def) = self.reference.instruments.get(fill.instrument.index()) else { return };
        let held = self.reference.held_fees(account, fill.instrument, fill.venue);
        let Some(HeldFees { full, token }) = held else { return };
        if fill.exec.is_stated() {
            return;
        }
        let rate = match fill.liquidity {
            Liquidity::Maker => full.maker,
            Liquidity::Taker => full.taker,
        };
        let received = if fill.side == Side::Buy { def.base } else { def.quote };
        let is_asset = match (token, full.taken) {
            (Some(token), _) => fill.fee_asset == token.asset,
            (None, FeeTaken::Quote) => fill.fee_asset == def.quote,
            (None, FeeTaken::Received) => fill.fee_asset == received,
            (None, FeeTaken::Other) => fill.fee_asset != def.quote && fill.fee_asset != def.base,
        };
        let charged = self.charged(fill, def);
        // A rebate is paid whole. In parts per million of parts per million: nothing is rounded.
        let discount = token.filter(|_| rate.0 > 0).map_or(0, |token| token.discount_ppm);
        let kept = PPM - i128::from(discount);
        let part = i128::from(rate.0) * kept;
        let expected = Amount(charged.on.0.saturating_mul(part) / (PPM * PPM));
        let result = match (charged.fee, is_asset) {
            (None, true) => FeeResult::NotCompared,
            // Nothing was charged and nothing was expected, in whatever asset.
            (Some(fee), false) if expected.0 == 0 && fee.0 == 0 => FeeResult::AsConfigured,
            (Some(fee), true) if is_near(expected, fee, charged.unit) => FeeResult::AsConfigured,
            (_, _) => FeeResult::Drifted,
        };
        let charged_ppm = charged.fee.filter(|_| charged.on.0 != 0).map(|fee| {
            let ppm = fee.0.saturating_mul(PPM) / charged.on.0;
            i64::try_from(ppm).unwrap_or(i64::MAX)
        });
        let drift = FeeDrift {
            instrument: fill.instrument,
            liquidity: fill.liquidity,
            asset: fill.fee_asset,
            // Rounded up, as the router does.
            configured_ppm: (part + PPM - 1).div_euclid(PPM) as i32,
            charged_ppm,
        };
        let Some(venue) = self.counts.venues.get_mut(fill.venue.index()) else { return };
        venue.fees.counts[result as usize] += 1;
        if result == FeeResult::Drifted {
            venue.fees.newest = Some(drift);
        }
    }

    /// A fee in the base or the quote asset as it is; another one by the value that the core has
    /// told just before the execution.
    fn charged(&self, fill: &ChildFill, def: &InstrumentDef) -> Charged {
        let value = amount_of(def, Notional::of(fill.price, fill.qty));
        let told = self.fee_value.filter(|(exec, _)| *exec == fill.exec).map(|(_, value)| value);
        let (on, fee) = match fill.fee_asset {
            asset if asset == def.quote => (value, Some(fill.fee)),
            asset if asset == def.base => (base_amount(def, fill.qty), Some(fill.fee)),
            _ => (value, told),
        };
        let unit = match fee {
            Some(fee) if fee.0 != 0 && fill.fee.0 != 0 => {
                // The last decimal of the token, in the quote asset.
                let decimals = fill.fee.0 / last_decimal(fill.fee);
                (fee.0 / decimals).abs()
            }
            Some(_) | None => 0,
        };
        Charged { on, fee, unit }
    }

    /// What a venue's fees depend on; `None` if they are those of its listings.
    pub(super) fn fee_terms(&self, venue: VenueId) -> Option<FeeTermsRow> {
        let fees = self.reference.fees_at(venue).filter(|fees| !fees.schedule.is_none())?;
        let state = self.fee_states.get(venue.index())?;
        let schedule = &fees.schedule;
        let has_tiers = schedule.tiers > 0;
        Some(FeeTermsRow {
            tier: has_tiers.then_some(state.tier),
            tiers: schedule.tiers,
            maker_fee_ppm: fees.held().map(|tier| tier.maker.0),
            taker_fee_ppm: fees.held().map(|tier| tier.taker.0),
            volume: has_tiers.then(|| amount(state.volume)),
            volume_asset: has_tiers.then(|| self.asset_name(schedule.asset).to_owned()),
            next_tier_from: fees.next().map(|tier| amount(tier.from)),
            not_counted: state.not_counted,
            token: schedule.token.map(|token| FeeTokenRow {
                asset: self.asset_name(token.asset).to_owned(),
                discount_ppm: token.discount_ppm,
                least: amount(token.least),
                in_use: state.in_token,
            }),
        })
    }

    /// The compared fees in names.
    pub(super) fn fees_row(&self, fees: &FeesCompared) -> FeesRow {
        let [as_configured, drifted, not_compared] = fees.counts;
        let newest_drift = fees.newest.map(|drift| FeeDriftRow {
            symbol: self.symbol_of(drift.instrument).to_owned(),
            liquidity: match drift.liquidity {
                Liquidity::Maker => "maker",
                Liquidity::Taker => "taker",
            },
            asset: self.asset_name(drift.asset).to_owned(),
            configured_ppm: drift.configured_ppm,
            charged_ppm: drift.charged_ppm,
        });
        FeesRow { as_configured, drifted, not_compared, newest_drift }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: i128 = 1_000_000_000_000_000_000;

    #[test]
    fn a_fee_that_the_venue_has_rounded_is_near_and_another_tier_is_not() {
        let near = |expected: i128, charged: i128| {
            let unit = if charged == 0 { 0 } else { last_decimal(Amount(charged)) };
            is_near(Amount(expected), Amount(charged), unit)
        };
        // 0.3457987 is written as 0.3458 (Kraken's sample).
        assert!(near(UNIT * 3_457_987 / 10_000_000, UNIT * 3_458 / 10_000));
        assert!(near(UNIT / 20_000, 0), "0.00005 is rounded to nothing");
        assert!(!near(UNIT / 100, 0), "0.01 is not");
        assert!(!near(UNIT * 10, UNIT * 9_123_456 / 1_000_000), "a tenth less");
        assert!(near(UNIT * 10, UNIT * 10_123_456 / 1_000_000), "a hundredth more");
        for (expected, charged) in [(5_000, 10_000), (5_000, 1_000), (50, 100), (90, 1_000)] {
            let (expected, charged) = (UNIT * expected / 1_000, UNIT * charged / 1_000);
            assert!(!near(expected, charged), "{charged} has no decimals, and is no rounding");
        }
        assert!(!near(UNIT / 20_000, UNIT / 10_000), "0.0001 is twice as much");
        assert!(near(UNIT * 5_004 / 1_000, UNIT * 5), "5.00");
        assert!(near(-UNIT, -UNIT) && !near(-UNIT, UNIT * 1_000_001 / 1_000_000), "a rebate");
    }

    #[test]
    fn the_last_decimal_of_an_amount_is_found_for_any_sign() {
        assert_eq!(last_decimal(Amount(UNIT * 3_458 / 10_000)), UNIT / 10_000);
        assert_eq!(last_decimal(Amount(-1)), 1);
        assert_eq!(last_decimal(Amount(7 * UNIT)), UNIT);
    }
}
