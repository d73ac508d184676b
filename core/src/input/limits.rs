//! The limits of a trading account that configuration and operators set, each defined once.
//!
//! A line belongs here if it says what a limit is: its name, its unit and what it means. The check
//! that holds orders to a limit is `risk`.
//!
//! The table drives the bytes of an input, the configuration, the console's arguments and screens
//! and the comparison of two sets of limits, so that a new limit is one row here.

use crate::number::Amount;
use crate::wire::{Reader, Wire, WireError, Writer};

/// The type of a limit's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitKind {
    /// An amount of the quote asset, above zero.
    Amount,
    /// A whole number, in the unit that [`Limit::help`] tells.
    Whole,
}

/// The value of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LimitValue {
    /// Of [`LimitKind::Amount`].
    Amount(Amount),
    /// Of [`LimitKind::Whole`].
    Whole(u32),
}

/// One limit.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// Name on the console, in its answers and in the code.
    pub name: &'static str,
    /// Key in the configuration's `[[account]]`.
    pub key: &'static str,
    /// Whether each `[[account]]` has to have the key. Without an optional key the limit refuses
    /// nothing.
    pub is_required: bool,
    /// The type of the value.
    pub kind: LimitKind,
    /// What the limit means, in one sentence with the unit.
    pub help: &'static str,
    get: fn(&AccountLimits) -> LimitValue,
    set: fn(&mut AccountLimits, LimitValue) -> bool,
}

impl Limit {
    /// The limit's value in a set of limits.
    pub fn get(&self, limits: &AccountLimits) -> LimitValue {
        (self.get)(limits)
    }

    /// Sets the limit; false, without a change, for a value of another kind.
    pub fn set(&self, limits: &mut AccountLimits, value: LimitValue) -> bool {
        (self.set)(limits, value)
    }
}

/// A type that a limit may have.
trait Value: Sized {
    const MAX: Self;
    const KIND: LimitKind;
    fn into_value(self) -> LimitValue;
    fn from_value(value: LimitValue) -> Option<Self>;
}

impl Value for Amount {
    const MAX: Self = Self(i128::MAX);
    const KIND: LimitKind = LimitKind::Amount;

    fn into_value(self) -> LimitValue {
        LimitValue::Amount(self)
    }

    fn from_value(value: LimitValue) -> Option<Self> {
        match value {
            LimitValue::Amount(amount) => Some(amount),
            LimitValue::Whole(_) => None,
        }
    }
}

impl Value for u32 {
    const MAX: Self = Self::MAX;
    const KIND: LimitKind = LimitKind::Whole;

    fn into_value(self) -> LimitValue {
        LimitValue::Whole(self)
    }

    fn from_value(value: LimitValue) -> Option<Self> {
        match value {
            LimitValue::Whole(whole) => Some(whole),
            LimitValue::Amount(_) => None,
        }
    }
}

macro_rules! limits {
    ($($name:ident: $type:ty, $key:literal $presence:ident, $help:literal;)+) => {
        /// The limits of an account. A larger value allows more, for every limit.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct AccountLimits {
            $(#[doc = $help] pub $name: $type,)+
        }

        /// All limits, in the order of their bytes in an input.
        pub const LIMITS: &[Limit] = &[$(Limit {
            name: stringify!($name),
            key: $key,
            is_required: $presence,
            kind: <$type as Value>::KIND,
            help: $help,
            get: |limits| limits.$name.into_value(),
            set: |limits, value| match <$type>::from_value(value) {
                Some(value) => {
                    limits.$name = value;
                    true
                }
                None => false,
            },
        }),+];

        impl AccountLimits {
            /// Every limit at the end of its range, where it refuses nothing.
            pub const NONE: Self = Self { $($name: <$type as Value>::MAX),+ };
        }
    };
}

/// Written in a row whose key has to be in the configuration; `false` stands in any other.
const REQUIRED: bool = true;

limits! {
    notional_max: Amount, "order_notional_max" REQUIRED,
        "Largest value of one order, in the quote asset.";
    collar_ppm: u32, "price_collar_ppm" REQUIRED,
        "How far a price may lie beyond the reference price, in parts per million.";
    rate_per_s: u32, "orders_per_s_max" REQUIRED,
        "New orders, replaces and cancels per second.";
    open_orders_max: u32, "open_orders_max" REQUIRED,
        "Orders that may be open at once.";
}

impl AccountLimits {
    /// Whether any limit allows more than it does in `other`.
    pub fn allow_more_than(&self, other: &Self) -> bool {
        LIMITS.iter().any(|limit| limit.get(self) > limit.get(other))
    }
}

/// A limit has the bytes of its value; its row says which kind that is.
pub(super) fn put_limits(rows: &[Limit], limits: &AccountLimits, w: &mut Writer<'_>) {
    for limit in rows {
        match limit.get(limits) {
            LimitValue::Amount(amount) => amount.put(w),
            LimitValue::Whole(whole) => whole.put(w),
        }
    }
}

pub(super) fn get_limits(
    rows: &[Limit],
    limits: &mut AccountLimits,
    r: &mut Reader<'_>,
) -> Result<(), WireError> {
    for limit in rows {
        let value = match limit.kind {
            LimitKind::Amount => LimitValue::Amount(Wire::get(r)?),
            LimitKind::Whole => LimitValue::Whole(Wire::get(r)?),
        };
        limit.set(limits, value);
    }
    Ok(())
}

impl Wire for AccountLimits {
    fn put(&self, w: &mut Writer<'_>) {
        put_limits(LIMITS, self, w);
    }
    fn get(r: &mut Reader<'_>) -> Result<Self, WireError> {
        let mut limits = Self::NONE;
        get_limits(LIMITS, &mut limits, r)?;
        Ok(limits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_is_set_and_read_by_its_row_and_by_no_other() {
        for limit in LIMITS {
            let mut limits = AccountLimits::NONE;
            let less = match limit.kind {
                LimitKind::Amount => LimitValue::Amount(Amount(7)),
                LimitKind::Whole => LimitValue::Whole(7),
            };
            assert!(limit.set(&mut limits, less), "{}", limit.name);
            for other in LIMITS {
                let changed = other.get(&limits) != other.get(&AccountLimits::NONE);
                assert_eq!(changed, other.name == limit.name, "{} {}", limit.name, other.name);
            }
            assert!(AccountLimits::NONE.allow_more_than(&limits));
            assert!(!limits.allow_more_than(&AccountLimits::NONE));
        }
    }

    #[test]
    fn a_limit_takes_no_value_of_another_kind() {
        for limit in LIMITS {
            let mut limits = AccountLimits::NONE;
            let other = match limit.kind {
                LimitKind::Amount => LimitValue::Whole(1),
                LimitKind::Whole => LimitValue::Amount(Amount(1)),
            };
            assert!(!limit.set(&mut limits, other));
            assert_eq!(limits, AccountLimits::NONE);
        }
    }
}
