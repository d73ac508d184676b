//! Id texts of orders, trades, amends, ledger rows and WebSocket tokens.
//!
//! A line belongs here if it makes or reads an id text. Each text is a bijection of a number. So
//! the same run gives the same texts, and the number of an order follows from its text without a
//! table.

/// 32 letters, five bits each.
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Multiplier that makes neighbouring numbers look different. It is odd, so the multiplication can
/// be undone.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// Inverse of [`SPREAD`] modulo 2^64.
const GATHER: u64 = inverse(SPREAD);

const fn inverse(odd: u64) -> u64 {
    let mut found = odd;
    let mut round = 0;
    while round < 6 {
        found = found.wrapping_mul(2u64.wrapping_sub(odd.wrapping_mul(found)));
        round += 1;
    }
    found
}

/// `OXXXXX-XXXXX-XXXXXX`: the id of an order.
pub fn order(id: u64) -> String {
    text('O', id)
}

/// `TXXXXX-XXXXX-XXXXXX`: the id of one side of a trade.
pub fn trade(exec_id: u64) -> String {
    text('T', exec_id)
}

/// Id of an amend.
pub fn amend(number: u64) -> String {
    text('T', number ^ (1 << 63))
}

/// Id of a ledger row.
pub fn ledger(number: u64) -> String {
    text('L', number)
}

/// A token for private WebSocket requests.
pub fn token(number: u64) -> String {
    let mut random = crate::random::Random::salted(number, 0x70_6b);
    let mut token = String::with_capacity(43);
    for _ in 0..43 {
        token.push(char::from(ALPHABET[random.below(32) as usize]));
    }
    token
}

/// The number of a text made by [`order`]; `None` for any other text.
pub fn parse_order(text: &str) -> Option<u64> {
    let letters: Vec<u8> = text.bytes().filter(|&byte| byte != b'-').collect();
    let mut spread: u64 = 0;
    for byte in letters.get(4..17)? {
        let digit = ALPHABET.iter().position(|letter| letter == byte)? as u64;
        spread = spread.checked_shl(5)? | digit;
    }
    let id = spread.wrapping_mul(GATHER);
    (order(id) == text).then_some(id)
}

fn text(prefix: char, number: u64) -> String {
    let spread = number.wrapping_mul(SPREAD);
    // 16 letters after the prefix: three of a checksum, thirteen of the number.
    let check = spread ^ (spread >> 32) ^ (spread >> 17);
    let mut letters = [0u8; 16];
    for (place, letter) in letters.iter_mut().enumerate() {
        let bits = if place < 3 { check >> (5 * place) } else { spread >> (5 * (15 - place)) } & 31;
        *letter = ALPHABET[bits as usize];
    }
    let mut text = String::with_capacity(19);
    text.push(prefix);
    for (place, letter) in letters.iter().enumerate() {
        if place == 5 || place == 10 {
            text.push('-');
        }
        text.push(char::from(*letter));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_text_leads_back_to_its_number() {
        for id in [0, 1, 2, 77, 1 << 40, u64::MAX] {
            let text = order(id);
            let parts: Vec<usize> = text.split('-').map(str::len).collect();
            assert_eq!(parts, [6, 5, 6], "{text}");
            assert_eq!(parse_order(&text), Some(id), "{text}");
        }
        for text in ["", "O", "OXXXXX-AAAAA-BBBBBB", "TAAAAA-AAAAA-AAAAAA", "\u{e9}\u{e9}"] {
            assert_eq!(parse_order(text), None, "{text}");
        }
        assert_eq!(parse_order(&trade(5)), None);
    }

    #[test]
    fn ids_of_a_kind_differ() {
        let all: std::collections::BTreeSet<String> = (0..10_000).map(order).collect();
        assert_eq!(all.len(), 10_000);
        assert_ne!(token(1), token(2));
        assert_ne!(amend(1), trade(1));
    }
}
