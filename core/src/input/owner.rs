//! Who owns an account, and what becomes of its orders that meet other orders of ours, as an input.
//!
//! A line belongs here if an account sets it and `engine::own` follows it.

use crate::id::{AccountId, Name};
use crate::wire::{wire_enum, wire_struct};

/// Who owns an account, and what becomes of its orders that meet other orders of ours. Holds from
/// the input on, for open orders too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnerDef {
    /// The account, which is defined before.
    pub account: AccountId,
    /// Name of the owner. Accounts with equal names have one owner.
    pub owner: Name,
    /// What becomes of an order of the account that would match a resting order of the same owner.
    pub self_match: SelfMatchPolicy,
    /// What a resting order of the account does when an order of another owner could take at its
    /// price.
    pub other_owners: OtherOwners,
}
wire_struct!(OwnerDef { account, owner, self_match, other_owners });

impl OwnerDef {
    /// The terms of an account that sets none: the account is its own owner.
    pub fn usual(account: AccountId, name: Name) -> Self {
        Self {
            account,
            owner: name,
            self_match: SelfMatchPolicy::default(),
            other_owners: OtherOwners::default(),
        }
    }
}

/// What becomes of an order that would match a resting order of the same owner. The account of the
/// order that comes in decides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum SelfMatchPolicy {
    /// The resting order is cancelled. When its end is proved, the other one goes on.
    #[default]
    CancelResting = 1,
    /// The part of the order that comes in is cancelled that can go nowhere else.
    CancelIncoming = 2,
    /// Both orders lose the smaller of the two quantities, without a trade.
    Decrement = 3,
    /// The two may match.
    Allow = 4,
}
wire_enum!(SelfMatchPolicy { CancelResting, CancelIncoming, Decrement, Allow });

/// What a resting order does when an order of another owner could take at its price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum OtherOwners {
    /// The resting order is called back, the other one goes, and the first one is put back behind
    /// the orders that rest there already.
    #[default]
    Yield = 1,
    /// The resting order keeps its place, and the other one waits.
    Protect = 2,
}
wire_enum!(OtherOwners { Yield, Protect });
