//! Whether an account's orders may share a child with orders of other accounts, as an input.
//!
//! A line belongs here if an account sets it and `engine::shared` follows it.

use crate::id::AccountId;
use crate::wire::wire_struct;

/// Whether an account's orders may go to a venue in one child with other orders, of the same
/// account or of others that consent as well. Holds from the input on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SharingDef {
    /// The account, which is defined before.
    pub account: AccountId,
    /// The account consents.
    pub consents: bool,
}
wire_struct!(SharingDef { account, consents });
