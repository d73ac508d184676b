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
        let bytes = text.as_bytes();
        self.word(bytes.len() as u64);
        let mut chunks = bytes.chunks_exact(16);
        for chunk in &mut chunks {
            self.pair(le_word(&chunk[..8]), le_word(&chunk[8..]));
        }
        let rest = chunks.remainder();
        if rest.len() > 8 {
            self.pair(le_word(&rest[..8]), le_word(&rest[8..]));
        } else if !rest.is_empty() {
            self.word(le_word(rest));
        }
    }
}

/// Up to eight bytes, little endian.
fn le_word(bytes: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..bytes.len()].copy_from_slice(bytes);
    u64::from_le_bytes(word)
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
