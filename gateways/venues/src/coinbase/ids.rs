//! Order ids at Coinbase: `ClOrdID` (11) in FIX, `client_oid` in REST. Each is a UUID of version 4.
//!
//! A line belongs here if it writes or reads the text of such an id. The UUID holds the node tag (8
//! digits), the child (16 digits) and the number of a request (6 digits). Its variant says what is
//! named: 8 an order, 9 the request of a cancel, a the order after a replace.

use rutter_core::id::ChildId;

use crate::ids::{IdText, hex};

/// Bytes of the text of a UUID.
const UUID_BYTES: usize = 36;
/// Largest number of a request; beyond it numbers begin again.
pub(in crate::coinbase) const NUMBER_MAX: u32 = 0xff_ffff;

/// What an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::coinbase) enum Kind {
    /// The order, by its first id.
    Order,
    /// The cancel request with this number.
    Cancel(u32),
    /// The order after the replace with this number.
    Replace(u32),
}

/// The order or request that an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::coinbase) struct Named {
    /// The child.
    pub child: ChildId,
    /// What is named.
    pub kind: Kind,
}

/// The id of an order or request: `tttttttt-cccc-4ccc-vccc-ccccccnnnnnn`, with the tag, the child,
/// the variant and the number.
pub(in crate::coinbase) fn write(tag: u32, child: ChildId, kind: Kind) -> IdText {
    let (variant, number) = match kind {
        Kind::Order => (b'8', 0),
        Kind::Cancel(number) => (b'9', number),
        Kind::Replace(number) => (b'a', number),
    };
    let child = child.0;
    let mut text = IdText::empty();
    text.push_hex(u64::from(tag), 8);
    text.push(b'-');
    text.push_hex(child >> 48, 4);
    text.push(b'-');
    text.push(b'4');
    text.push_hex(child >> 36 & 0xfff, 3);
    text.push(b'-');
    text.push(variant);
    text.push_hex(child >> 24 & 0xfff, 3);
    text.push(b'-');
    text.push_hex(child & 0xff_ffff, 6);
    text.push_hex(u64::from(number & NUMBER_MAX), 6);
    text
}

/// Id of a child's order before any replace.
pub(in crate::coinbase) fn order(tag: u32, child: ChildId) -> IdText {
    write(tag, child, Kind::Order)
}

/// Reads the text of [`write`]; `None` when the text is not ours.
pub(in crate::coinbase) fn parse(tag: u32, text: &[u8]) -> Option<Named> {
    if text.len() != UUID_BYTES || hex(text.get(..8)?)? != u64::from(tag) {
        return None;
    }
    let part = |from: usize, to: usize| hex(text.get(from..to)?);
    if [8, 13, 18, 23].iter().any(|at| text.get(*at) != Some(&b'-')) || text.get(14) != Some(&b'4')
    {
        return None;
    }
    let high = part(9, 13)? << 48 | part(15, 18)? << 36;
    let child = ChildId(high | part(20, 23)? << 24 | part(24, 30)?);
    let number = u32::try_from(part(30, 36)?).ok()?;
    let kind = match text.get(19)? {
        b'8' if number == 0 => Kind::Order,
        b'9' => Kind::Cancel(number),
        b'a' => Kind::Replace(number),
        _ => return None,
    };
    (child.0 != 0).then_some(Named { child, kind })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_child_comes_back_from_its_uuid() {
        for tag in [0, 1, 0xdead_beef, u32::MAX] {
            for child in [1, 15, 0x1234, 0x00ff_0000_00ff, 0xffff_ffff_ffff, u64::MAX].map(ChildId)
            {
                for kind in
                    [Kind::Order, Kind::Cancel(0), Kind::Cancel(7), Kind::Replace(NUMBER_MAX)]
                {
                    let text = write(tag, child, kind);
                    assert_eq!(text.as_bytes().len(), UUID_BYTES);
                    assert_eq!(parse(tag, text.as_bytes()), Some(Named { child, kind }));
                    assert_eq!(parse(!tag, text.as_bytes()), None);
                }
            }
        }
        let text = order(0xab, ChildId(0x0123_4567_89ab_cdef));
        assert_eq!(text.as_str(), "000000ab-0123-4456-8789-abcdef000000");
    }

    #[test]
    fn another_shape_is_not_ours() {
        for text in [
            "",
            "000000ab",
            "000000ab-0000-4000-8000-000001000001",
            "000000ab-0000-4000-b000-000001000000",
            "000000ab-0000-1000-8000-000001000000",
            "000000ab-0000-4000-8000-000000000000",
            "000000AB-0000-4000-8000-000001000000",
            "000000ab-0000-4000-8000-00000100000",
            "000000ab00000-4000-8000-000001000000",
            "000000ab-0000-4000-8000-00000100é00",
        ] {
            assert_eq!(parse(0xab, text.as_bytes()), None, "{text}");
        }
    }
}
