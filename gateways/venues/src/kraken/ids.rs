//! Order ids at Kraken: `cl_ord_id`.
//!
//! A line belongs here if it writes or reads the text of an id in Kraken's alphabet.

use rutter_core::id::ChildId;

use crate::ids::{IdText, hex};

/// Id of a child's order: the 32 lower-case hex digits `{tag:08x}{0:08x}{child:016x}`.
pub(in crate::kraken) fn order(tag: u32, child: ChildId) -> IdText {
    let mut text = IdText::empty();
    text.push_hex(u64::from(tag), 8);
    text.push_hex(0, 8);
    text.push_hex(child.0, 16);
    text
}

/// Reads the text of [`order`]; `None` when the text is not ours.
pub(in crate::kraken) fn parse(tag: u32, text: &[u8]) -> Option<ChildId> {
    let (head, child) = text.split_at_checked(16)?;
    if child.len() != 16 || hex(head)? != u64::from(tag) << 32 {
        return None;
    }
    let child = ChildId(hex(child)?);
    (child.0 != 0).then_some(child)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHILDREN: [u64; 5] = [1, 15, 0x1234, 0xffff_ffff_ffff, u64::MAX];

    #[test]
    fn every_child_comes_back_from_its_text() {
        for tag in [0, 1, 0xdead_beef, u32::MAX] {
            for child in CHILDREN.map(ChildId) {
                assert_eq!(parse(tag, order(tag, child).as_bytes()), Some(child));
            }
        }
        assert_eq!(order(0xab, ChildId(0x2f)).as_str(), "000000ab00000000000000000000002f");
    }

    #[test]
    fn another_tag_or_shape_is_not_ours() {
        for text in [
            "",
            "000000ab0000000000000000000000",
            "000000ab000000000000000000000000",
            "000000ac00000000000000000000002f",
            "000000ab00000001000000000000002f",
            "000000ab00000000000000000000002F",
            "000000ab00000000000000000000002f0",
        ] {
            assert_eq!(parse(0xab, text.as_bytes()), None, "{text}");
        }
    }
}
