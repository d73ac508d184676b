//! How Kraken counts requests about orders.
//!
//! A line belongs here if it is a number of Kraken's trading limits. Source: Spot Trading Limits
//! (docs.kraken.com, exchange/guides/general/ratelimits): a counter for each pair, shared by all
//! protocols. A new order adds 1. A cancel adds nothing but for the youth of its order.

use rutter_core::id::VenueId;
use rutter_core::input::{
    AGE_STEPS_MAX, AgeStep, AmendDef, Amending, Counted, WindowDef, WindowKind,
};

use crate::venue::{
    CANCEL_RESERVE_PERCENT, OwnKey, OwnKeys, OwnValue, SettingError, cancel_reserve,
};

/// `tier`: the account's level of verification, which sets the limits.
pub(super) const TIER: OwnKey = OwnKey {
    name: "tier",
    value: OwnValue::Text,
    is_required: false,
    default: None,
    help: "The account's level of verification, which sets its trading limits: \"starter\" (if \
           absent), \"intermediate\" or \"pro\".",
};

/// Tier, threshold of the counter, and the time in which it falls from there to zero, rounded up:
/// it falls by 1, 2.34 or 3.75 a second.
const TIERS: [(&str, u32, u64); 3] = [
    ("starter", 60, 60_000_000_000),
    ("intermediate", 125, 53_419_000_000),
    ("pro", 180, 48_000_000_000),
];

/// Points of a cancel, by the age of the order.
const YOUNG: [AgeStep; AGE_STEPS_MAX] = [
    AgeStep { below_s: 5, points: 8 },
    AgeStep { below_s: 10, points: 6 },
    AgeStep { below_s: 15, points: 5 },
    AgeStep { below_s: 45, points: 4 },
    AgeStep { below_s: 90, points: 2 },
    AgeStep { below_s: 300, points: 1 },
];

/// Points of an amend, by the age of the order since its creation or its last amend: 1 for each,
/// and more for the young ones.
pub(super) const AMEND: AmendDef = AmendDef {
    venue: VenueId(0),
    amending: Amending::ReduceKeepsPriority,
    points: 1,
    young: {
        let mut young = [AgeStep { below_s: 0, points: 0 }; AGE_STEPS_MAX];
        young[0] = AgeStep { below_s: 5, points: 4 };
        young[1] = AgeStep { below_s: 10, points: 3 };
        young[2] = AgeStep { below_s: 15, points: 2 };
        young
    },
};

/// The windows of an account.
pub(super) fn windows(keys: &OwnKeys) -> Result<Vec<WindowDef>, SettingError> {
    let tier = keys.text(&TIER).unwrap_or(TIERS[0].0);
    let row = TIERS.into_iter().find(|(name, _, _)| *name == tier);
    let (_, limit, length_ns) = row.ok_or_else(|| SettingError {
        key: TIER.name,
        reason: format!("{tier:.40?} is not one of {}", TIERS.map(|(name, _, _)| name).join(", ")),
    })?;
    Ok(vec![WindowDef {
        kind: WindowKind::Decay,
        counted: Counted::Messages,
        per_instrument: true,
        limit,
        length_ns,
        reserved: cancel_reserve(limit, CANCEL_RESERVE_PERCENT),
        cancel: 0,
        young: YOUNG,
    }])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str) -> Result<Vec<WindowDef>, SettingError> {
        windows(&serde_json::from_str(json).expect("a map"))
    }

    #[test]
    fn each_tier_has_its_threshold_and_falls_no_faster_than_the_venue_says() {
        assert_eq!(of("{}"), of(r#"{"tier":"starter"}"#));
        for (tier, limit, centi_per_s) in
            [("starter", 60, 100), ("intermediate", 125, 234), ("pro", 180, 375)]
        {
            let found = of(&format!(r#"{{"tier":"{tier}"}}"#)).expect("a tier")[0];
            assert_eq!(found.limit, limit);
            let falls = u128::from(limit) * 100 * 1_000_000_000 / u128::from(found.length_ns);
            assert!((centi_per_s - 1..=centi_per_s).contains(&falls), "{tier}: {falls}");
        }
        let error = of(r#"{"tier":"Pro"}"#).expect_err("no tier").to_string();
        assert_eq!(error, "tier: \"Pro\" is not one of starter, intermediate, pro");
    }

    /// The documents' own example: an order is amended after 7 seconds and cancelled 36 seconds
    /// after that: 1 + 3 + 4.
    #[test]
    fn amends_weigh_as_in_the_table_of_the_documents() {
        let at = |age_s: u64| AMEND.points_at(age_s * 1_000_000_000);
        assert_eq!([0, 4, 5, 7, 9, 10, 14, 15, 100_000].map(at), [4, 4, 3, 3, 3, 2, 2, 1, 1]);
        let cancel = of("{}").expect("a tier")[0].cancel_points(36_000_000_000);
        assert_eq!(1 + at(7) + cancel, 8);
    }

    /// An order that is cancelled after 36 seconds costs 1 + 4.
    #[test]
    fn cancels_weigh_as_in_the_table_of_the_documents() {
        let window = of("{}").expect("a tier")[0];
        let at = |age_s: u64| window.cancel_points(age_s * 1_000_000_000);
        assert_eq!([0, 4, 5, 9, 10, 14, 15, 36, 44].map(at), [8, 8, 6, 6, 5, 5, 4, 4, 4]);
        assert_eq!([45, 89, 90, 299, 300, 100_000].map(at), [2, 2, 1, 1, 0, 0]);
    }
}
