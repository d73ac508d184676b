//! The fee of each execution beside the one that the configuration expects.
//!
//! A line belongs here if it compares a charged fee. What the router expects of a venue is in its
//! listing: a wrong rate there makes every plan wrong, so a difference is told.

use rutter_core::id::{AssetId, InstrumentId};
use rutter_core::input::{ChildFill, FeeTaken, Liquidity, Side};
use rutter_core::number::{Amount, Notional};
use rutter_core::reference::{amount_of, base_amount};
use serde::Serialize;

use super::ReadModel;

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

/// Whether a charged fee is the expected one but for rounding, or differs by a fiftieth of the
/// expected fee at most. An amount does not say how many zeros the venue wrote: what counts as
/// rounding has an upper bound, and is below half of the expected fee.
fn is_near(expected: Amount, charged: Amount) -> bool {
    let difference = charged.minus(expected).0.abs();
    let whole = expected.0.abs();
    let is_rounding = if charged.0 == 0 {
        difference <= ROUNDED_AWAY
    } else {
        difference <= last_decimal(charged).min(ROUNDED_MAX) && difference < whole - difference
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

impl ReadModel {
    /// Compares the fee of an execution with that of its listing. What an operator has stated has
    /// no fee.
    pub(super) fn compare_fee(&mut self, fill: &ChildFill) {
        let Some(def) = self.reference.instruments.get(fill.instrument.index()) else { return };
        let Some(terms) = self.reference.listing(fill.instrument, fill.venue) else { return };
        if fill.exec.is_stated() {
            return;
        }
        let configured = match fill.liquidity {
            Liquidity::Maker => terms.maker_fee,
            Liquidity::Taker => terms.taker_fee,
        };
        let received = if fill.side == Side::Buy { def.base } else { def.quote };
        let is_asset = match terms.fee_taken {
            FeeTaken::Quote => fill.fee_asset == def.quote,
            FeeTaken::Received => fill.fee_asset == received,
            FeeTaken::Other => fill.fee_asset != def.quote && fill.fee_asset != def.base,
        };
        let on = match fill.fee_asset {
            asset if asset == def.quote => Some(amount_of(def, Notional::of(fill.price, fill.qty))),
            asset if asset == def.base => Some(base_amount(def, fill.qty)),
            _ => None,
        };
        let expected = on.map(|on| Amount(on.0.saturating_mul(i128::from(configured.0)) / PPM));
        let result = match (expected, is_asset) {
            (None, true) => FeeResult::NotCompared,
            // Nothing was charged and nothing was expected, in whatever asset.
            (Some(expected), false) if expected.0 == 0 && fill.fee.0 == 0 => {
                FeeResult::AsConfigured
            }
            (Some(expected), true) if is_near(expected, fill.fee) => FeeResult::AsConfigured,
            (_, _) => FeeResult::Drifted,
        };
        let charged = on.filter(|on| on.0 != 0).map(|on| {
            let ppm = fill.fee.0.saturating_mul(PPM) / on.0;
            i64::try_from(ppm).unwrap_or(i64::MAX)
        });
        let drift = FeeDrift {
            instrument: fill.instrument,
            liquidity: fill.liquidity,
            asset: fill.fee_asset,
            configured_ppm: configured.0,
            charged_ppm: charged,
        };
        let Some(venue) = self.counts.venues.get_mut(fill.venue.index()) else { return };
        venue.fees.counts[result as usize] += 1;
        if result == FeeResult::Drifted {
            venue.fees.newest = Some(drift);
        }
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
        let near = |expected: i128, charged: i128| is_near(Amount(expected), Amount(charged));
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
