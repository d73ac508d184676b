//! Order ids at Binance: `ClOrdID` (11) in FIX, `clientOrderId` in REST.
//!
//! A line belongs here if it writes or reads the text of an id in Binance's alphabet.

use rutter_core::id::ChildId;

use crate::ids::{IdText, hex, short_hex};

/// Id of a child's order: `r{tag:08x}-{child:x}`, at most 26 bytes of `[a-z0-9-]`.
pub(in crate::binance) fn order(tag: u32, child: ChildId) -> IdText {
    let mut text = IdText::empty();
    text.push(b'r');
    text.push_hex(u64::from(tag), 8);
    text.push(b'-');
    text.push_hex(child.0, 1);
    text
}

/// Id of the `attempt`-th cancel request of a child: the id of the order and `-c{attempt:x}`, at
/// most 36 bytes.
pub(in crate::binance) fn cancel_request(tag: u32, child: ChildId, attempt: u32) -> IdText {
    let mut text = order(tag, child);
    text.push(b'-');
    text.push(b'c');
    text.push_hex(u64::from(attempt), 1);
    text
}

/// The order or cancel request that an id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::binance) struct Named {
    /// The child.
    pub child: ChildId,
    /// Number of the cancel request; `None` for the order.
    pub cancel: Option<u32>,
}

/// Reads the text of [`order`] or [`cancel_request`]; `None` when the text is not ours.
pub(in crate::binance) fn parse(tag: u32, text: &[u8]) -> Option<Named> {
    let rest = text.strip_prefix(b"r")?;
    let (tag_text, rest) = rest.split_at_checked(8)?;
    if hex(tag_text)? != u64::from(tag) {
        return None;
    }
    let rest = rest.strip_prefix(b"-")?;
    let (child, cancel) = match rest.iter().position(|b| *b == b'-') {
        None => (rest, None),
        Some(at) => {
            let attempt = rest.get(at..)?.strip_prefix(b"-c")?;
            (rest.get(..at)?, Some(u32::try_from(short_hex(attempt)?).ok()?))
        }
    };
    let child = ChildId(short_hex(child)?);
    (child.0 != 0).then_some(Named { child, cancel })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ID_BYTES_MAX;

    const CHILDREN: [u64; 5] = [1, 15, 0x1234, 0xffff_ffff_ffff, u64::MAX];

    #[test]
    fn every_child_comes_back_from_its_text() {
        for tag in [0, 1, 0xdead_beef, u32::MAX] {
            for child in CHILDREN.map(ChildId) {
                let text = order(tag, child);
                assert_eq!(parse(tag, text.as_bytes()), Some(Named { child, cancel: None }));
                for attempt in [0, 1, u32::MAX] {
                    let text = cancel_request(tag, child, attempt);
                    assert!(text.as_bytes().len() <= ID_BYTES_MAX);
                    let named = Named { child, cancel: Some(attempt) };
                    assert_eq!(parse(tag, text.as_bytes()), Some(named));
                }
            }
        }
        assert_eq!(cancel_request(0xab, ChildId(0x2f), 1).as_str(), "r000000ab-2f-c1");
    }

    #[test]
    fn another_tag_or_shape_is_not_ours() {
        for text in [
            "",
            "r",
            "r000000ab",
            "r000000ab-",
            "r000000ab-0",
            "r000000ab-01",
            "r000000ac-1",
            "r000000AB-1",
            "x000000ab-1",
            "r000000ab-1-",
            "r000000ab-1-c",
            "r000000ab-1-d1",
            "r000000ab-1-c01",
            "r000000ab-1-c100000000",
            "r000000ab-1-c1-c1",
            "r000000ab-é",
            "r000000ab-11111111111111111",
            "web_123456",
        ] {
            assert_eq!(parse(0xab, text.as_bytes()), None, "{text}");
        }
    }
}
