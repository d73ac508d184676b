//! Ids: UUIDs of orders, executions and accounts out of the engine's numbers, and the form of a
//! client's id.
//!
//! A line belongs here if it makes or reads the text of a UUID.

use std::sync::Arc;

/// Characters of a UUID with its hyphens.
const UUID_BYTES: usize = 36;
/// Beginning of the id of every order.
const ORDER: &str = "c01bba5e-0000-4000-8000-";
/// Beginning of the id of every execution.
const EXECUTION: &str = "e8ec0000-0000-4000-9000-";
/// Beginning of the id of every account of an asset.
const WALLET: &str = "ba1a4ce0-0000-4000-a000-";
/// The id of an order that was refused. The documents do not say what it is.
pub(super) const NO_ORDER: &str = "00000000-0000-0000-0000-000000000000";

pub(super) fn order(id: u64) -> String {
    format!("{ORDER}{id:012x}")
}

pub(super) fn execution(id: u64) -> String {
    format!("{EXECUTION}{id:012x}")
}

pub(super) fn wallet(account: u32, asset: u16) -> String {
    format!("{WALLET}{account:08x}{asset:04x}")
}

/// The profile of an account.
pub(super) fn profile(account: u32) -> String {
    format!("b0f11e00-0000-4000-b000-{account:012x}")
}

/// The engine's number of an order; `None` for an id that is none of ours.
pub(super) fn order_number(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix(ORDER)?, 16).ok()
}

/// Whether a text is a UUID in lower case with hyphens, version 4 and variant 1 (RFC 9562).
pub(super) fn is_client_id(text: &str) -> bool {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    text.len() == UUID_BYTES
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            14 => byte == b'4',
            19 => matches!(byte, b'8' | b'9' | b'a' | b'b'),
            _ => is_hex(byte),
        })
}

/// Whether a text is any UUID in lower case with hyphens.
pub(super) fn is_uuid(text: &str) -> bool {
    text.len() == UUID_BYTES
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
        })
}

/// A client's id over REST, where the hyphens may be missing; `None` if it is no UUID.
pub(super) fn rest_client_id(text: &str) -> Option<Arc<str>> {
    let digits: String = text.chars().filter(|letter| *letter != '-').collect();
    let digits = digits.to_ascii_lowercase();
    if digits.len() != 32 || !digits.is_ascii() {
        return None;
    }
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| digits.get(part).unwrap_or(""));
    let whole = parts.join("-");
    is_uuid(&whole).then(|| Arc::from(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_and_the_orders_come_back() {
        for number in [1, 0xffff, 0xffff_ffff_ffff] {
            assert!(is_client_id(&order(number)) && is_client_id(&execution(number)));
            assert_eq!(order_number(&order(number)), Some(number));
        }
        assert_eq!(order_number(NO_ORDER), None);
        assert!(is_uuid(NO_ORDER) && is_uuid(&wallet(1, 2)) && is_uuid(&profile(3)));
    }

    #[test]
    fn a_clients_id_is_a_uuid_of_version_four_in_lower_case() {
        let id = "1985ca2d-61ef-49f1-bfce-6c39d8462914";
        assert!(is_client_id(id));
        assert!(!is_client_id(&id.to_uppercase()) && !is_client_id(&id.replace('-', "")));
        assert!(!is_client_id(&id.replace("-49", "-59")) && !is_client_id(&id.replace("-b", "-c")));
        assert_eq!(rest_client_id(&id.replace('-', "")).as_deref(), Some(id));
        assert_eq!(rest_client_id("1985"), None);
    }
}
