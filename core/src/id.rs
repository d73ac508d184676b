//! Identifiers: small dense numbers, given once and never used again for something else.
//!
//! A line belongs here if it is an identifier or a name.

use crate::number::Text;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($int:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $int);

        impl $name {
            /// The id as a position in a table.
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
    /// A trading account, which has limits and positions.
    AccountId(u16)
);
id!(
    /// A client session (one pair of `CompID`s).
    SessionId(u16)
);

/// A client order. Serial over a journal, with gaps, and never used again. Zero is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(pub u64);

/// A child order, which is sent to one venue for a client order. Serial like [`OrderId`]; the same
/// journal yields the same ids. Zero is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChildId(pub u64);

/// A venue's execution id, packed without loss: a number, or up to 20 characters of six bits below
/// [`ExecId::IS_TEXT`]. Unique together with the child.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecId(pub u128);

/// `A-Z` is 1 to 26, `0-9` 27 to 36, `-` 37, `a-z` 38 to 63.
const SIX_BITS: &[u8; 64] = b"?ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-abcdefghijklmnopqrstuvwxyz";

impl ExecId {
    /// The bit that is set when the rest is text.
    pub const IS_TEXT: u128 = 1 << 127;

    /// The bit that is set when an operator has stated the execution. No venue's id has the bit:
    /// a number has 64 bits, and a text of 20 characters has 120.
    pub const IS_STATED: u128 = 1 << 126;

    /// The id of the execution that an operator has stated of a child. A child has at most one.
    pub const fn stated(child: ChildId) -> Self {
        Self(Self::IS_STATED | child.0 as u128)
    }

    /// Packs text: 1 to 20 letters, digits and dashes; `None` for anything else.
    pub fn from_text(text: &[u8]) -> Option<Self> {
        if text.is_empty() || text.len() > 20 {
            return None;
        }
        let packed = text.iter().try_fold(0_u128, |packed, byte| {
            let code = SIX_BITS.iter().skip(1).position(|known| known == byte)? + 1;
            Some(packed << 6 | code as u128)
        })?;
        Some(Self(Self::IS_TEXT | packed))
    }

    /// Whether an operator has stated the execution.
    pub const fn is_stated(self) -> bool {
        self.0 & Self::IS_STATED != 0
    }

    /// The id as the venue wrote it. Of a stated execution: `_` and the number of its child.
    pub fn text(self) -> Text<20> {
        let mut bytes = [0; 20];
        let mut at = bytes.len();
        let is_text = self.0 & Self::IS_TEXT != 0;
        let is_stated = self.is_stated();
        let mut rest = self.0 & !Self::IS_TEXT & !Self::IS_STATED;
        while at > 0 && (rest > 0 || at == bytes.len()) {
            at -= 1;
            let base = if is_text { 64 } else { 10 };
            let digit = (rest % base) as usize;
            bytes[at] = if is_text { SIX_BITS[digit] } else { b'0' + digit as u8 };
            rest /= base;
        }
        if is_stated {
            at = at.saturating_sub(1);
            bytes[at] = b'_';
        }
        Text::new(&bytes[at..]).unwrap_or_default()
    }
}

/// FIX `ClOrdID` (11): chosen by the client, unique per session.
pub type ClOrdId = Text<36>;

pub use crate::venue_order::VenueOrderId;

/// Name of an asset, venue, account or session.
pub type Name = Text<12>;

/// Symbol of an instrument, such as `BTC/USDT`.
pub type Symbol = Text<20>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_id_is_given_back_as_the_venue_wrote_it() {
        for text in ["A", "TCCCTY-WE2O6-P3NB37", "ZZZZZZZZZZZZZZZZZZZZ", "zaz09-"] {
            let id = ExecId::from_text(text.as_bytes()).expect("packs");
            assert_eq!(id.text().as_bytes(), text.as_bytes());
        }
        for number in [0, 7, 1_234_567_890, u64::MAX] {
            assert_eq!(ExecId(u128::from(number)).text().as_bytes(), number.to_string().as_bytes());
        }
        let longest = ExecId::from_text(&[b'z'; 20]).expect("packs").0 & !ExecId::IS_TEXT;
        let stated = ExecId::stated(ChildId(17));
        assert!(longest < stated.0 && u128::from(u64::MAX) < stated.0, "no venue's id");
        assert_eq!(stated.text().as_bytes(), b"_17");
        for bad in ["", "a b", "ZZZZZZZZZZZZZZZZZZZZZ", "\u{e9}"] {
            assert_eq!(ExecId::from_text(bad.as_bytes()), None);
        }
    }
}
