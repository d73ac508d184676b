//! One multiply-and-fold hash, for the tables and for the digest of the outputs.
//!
//! A line belongs here if it hashes words.
//!
//! Deterministic: the same words and seed give the same value on every machine and build.

use crate::number::{Amount, Notional, Text};

/// An odd constant with well spread bits: the fractional part of the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

const fn fold(a: u64, b: u64) -> u64 {
    let product = a as u128 * b as u128;
    product as u64 ^ (product >> 64) as u64
}

/// A rolling 64-bit hash over words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rolling(u64);

impl Rolling {
    /// Starts from a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed ^ GOLDEN)
    }

    /// The value so far.
    pub const fn value(self) -> u64 {
        self.0
    }

    /// Mixes a word in.
    #[inline]
    pub const fn word(&mut self, word: u64) {
        self.0 = fold(self.0 ^ word, GOLDEN).wrapping_add(word.rotate_left(23));
    }

    /// Mixes two words in at the price of one.
    #[inline]
    pub const fn pair(&mut self, a: u64, b: u64) {
        self.0 = fold(self.0 ^ a, b ^ GOLDEN).wrapping_add(a.rotate_left(29) ^ b);
    }

    /// Mixes a wide number in.
    #[inline]
    pub const fn wide(&mut self, value: i128) {
        self.pair(value as u64, (value >> 64) as u64);
    }

    /// Mixes an amount in.
    #[inline]
    pub const fn amount(&mut self, value: Amount) {
        self.wide(value.0);
    }

    /// Mixes a notional in.
    #[inline]
    pub const fn notional(&mut self, value: Notional) {
        self.wide(value.0);
    }

    /// Mixes a text in.
    #[inline]
    pub fn text<const N: usize>(&mut self, text: &Text<N>) {
        let len = text.as_bytes().len();
        self.word(len as u64);
        let mut at = 0;
        // Ends: each turn passes 16 bytes.
        while at < len {
            if len - at > 8 {
                self.pair(text.le_word(at), text.le_word(at + 8));
            } else {
                self.word(text.le_word(at));
            }
            at += 16;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[u64]) -> u64 {
        let mut hash = Rolling::new(7);
        for word in words {
            hash.word(*word);
        }
        hash.value()
    }

    #[test]
    fn order_and_value_of_words_matter() {
        assert_ne!(of(&[1, 2]), of(&[2, 1]));
        assert_ne!(of(&[1]), of(&[1, 0]));
        assert_ne!(of(&[0]), of(&[]));
    }

    /// Against the words cut out of the bytes, for each length.
    #[test]
    fn a_text_is_mixed_in_as_its_length_and_its_words() {
        fn word(bytes: &[u8]) -> u64 {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(word)
        }
        let all = b"abcdefghijklmnopqrstuvwxyz0123456789";
        for len in 0..=all.len() {
            let (mut hash, mut expected) = (Rolling::new(3), Rolling::new(3));
            hash.text(&Text::<36>::new(&all[..len]).unwrap_or_default());
            expected.word(len as u64);
            for chunk in all[..len].chunks(16) {
                match chunk.split_at_checked(8).filter(|(_, high)| !high.is_empty()) {
                    Some((low, high)) => expected.pair(word(low), word(high)),
                    None => expected.word(word(chunk)),
                }
            }
            assert_eq!(hash, expected, "{len} bytes");
        }
    }

    #[test]
    fn one_letter_changes_the_hash_of_a_text() {
        let hash = |bytes: &[u8]| {
            let mut hash = Rolling::new(1);
            hash.text(&Text::<36>::new(bytes).unwrap_or_default());
            hash.value()
        };
        assert_ne!(
            hash(b"a-client-order-id-of-some-length"),
            hash(b"a-client-order-id-of-some-lengtH")
        );
    }
}
