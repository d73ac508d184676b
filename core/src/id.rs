//! Names of things: small dense numbers, given once and never reused for something else.
//!
//! A line belongs here if it is an identifier. What the identified thing holds is elsewhere.

use crate::number::Text;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($int:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $int);

        impl $name {
            /// Position in a table sized at start.
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    };
}

id!(
    /// An asset, such as BTC.
    AssetId(u16)
);
id!(
    /// An instrument, such as BTC/USDT, over all venues that list it.
    InstrumentId(u16)
);
id!(
    /// A venue (exchange).
    VenueId(u8)
);
id!(
    /// A trading account of ours; limits and positions belong to it.
    AccountId(u16)
);
id!(
    /// A client session (one pair of `CompID`s).
    SessionId(u16)
);

/// A client order, for ever. Serial: the n-th accepted order of a journal, with gaps. Zero is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(pub u64);

/// A child order: what is sent to one venue for a client order. Serial like [`OrderId`]; the same
/// journal yields the same ids. Zero is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildId(pub u64);

/// A venue's execution id, packed without loss by the adapter (a number, or up to 20 characters of
/// six bits). Unique together with the child.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecId(pub u128);

/// FIX `ClOrdID` (11): chosen by the client, unique per session.
pub type ClOrdId = Text<36>;

/// The venue's own order id, as text.
pub type VenueOrderId = Text<20>;

/// Name of an asset, venue, account or session.
pub type Name = Text<12>;

/// Symbol of an instrument, such as `BTC/USDT`.
pub type Symbol = Text<20>;
