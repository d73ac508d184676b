//! The book that a subscriber of one depth has received, and the next update to send.
//!
//! A line belongs here if it needs two states of a book. Source: venue reference (Kraken), section
//! 5.1. A client applies entries in order, then cuts both sides to the subscribed depth. A level
//! that leaves the depth gets no delete. The checksum covers ten levels.

use std::cmp::Ordering;
use std::fmt::Write as _;

use super::number;

/// Depths that can be subscribed.
pub const DEPTHS: [usize; 5] = [10, 25, 100, 500, 1000];

/// Levels of each side that the checksum covers.
const CHECKSUM_LEVELS: usize = 10;

/// One level: price and total quantity.
pub type Level = (i64, i64);

/// Decimals of an instrument, as the checksum writes them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Precision {
    /// Decimals of prices.
    pub price: u32,
    /// Decimals of quantities.
    pub quantity: u32,
}

/// Both sides of a book, best first, at most `depth` levels each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Bids, highest first.
    pub bids: Vec<Level>,
    /// Asks, lowest first.
    pub asks: Vec<Level>,
}

impl View {
    /// CRC-32 over the best ten asks, then the best ten bids.
    ///
    /// The venue sums the padded text without its point and leading zeros. That is the mantissa
    /// with the instrument's decimals, written as an integer.
    pub fn checksum(&self) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        let mut text = String::with_capacity(64);
        for side in [&self.asks, &self.bids] {
            for (price, quantity) in side.iter().take(CHECKSUM_LEVELS) {
                text.clear();
                let _ = write!(text, "{price}{quantity}");
                hasher.update(text.as_bytes());
            }
        }
        hasher.finalize()
    }

    /// The entries that lead from `self` to `next` for a subscriber of `depth`.
    #[must_use]
    pub fn changes(&self, next: &Self, depth: usize) -> Self {
        Self {
            bids: side_changes(&self.bids, &next.bids, depth, |a, b| b.cmp(&a)),
            asks: side_changes(&self.asks, &next.asks, depth, |a, b| a.cmp(&b)),
        }
    }

    /// Whether the update is empty.
    pub fn is_empty(&self) -> bool {
        self.bids.is_empty() && self.asks.is_empty()
    }

    /// One element of a book message's `data`.
    pub fn json(&self, symbol: &str, precision: Precision, checksum: u32, time: &str) -> String {
        let mut text = String::with_capacity(128 + 40 * (self.bids.len() + self.asks.len()));
        let _ = write!(text, "{{\"symbol\":\"{symbol}\",\"bids\":[");
        levels_json(&self.bids, precision, &mut text);
        text.push_str("],\"asks\":[");
        levels_json(&self.asks, precision, &mut text);
        let _ = write!(text, "],\"checksum\":{checksum},\"timestamp\":\"{time}\"}}");
        text
    }
}

fn levels_json(levels: &[Level], precision: Precision, text: &mut String) {
    for (place, (price, quantity)) in levels.iter().enumerate() {
        let comma = if place == 0 { "" } else { "," };
        let price = number::float(i128::from(*price), precision.price);
        let quantity = number::float(i128::from(*quantity), precision.quantity);
        let _ = write!(text, "{comma}{{\"price\":{price},\"qty\":{quantity}}}");
    }
}

/// `order(a, b)` is `Less` when `a` is the better price.
fn side_changes(
    old: &[Level],
    new: &[Level],
    depth: usize,
    order: impl Fn(i64, i64) -> Ordering,
) -> Vec<Level> {
    let mut changes = Vec::new();
    // A level beyond this price needs no delete, because the client's own cut removes it.
    let scope = if new.len() >= depth { new.last().map(|level| level.0) } else { None };
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    loop {
        let side = match (old.peek(), new.peek()) {
            (None, None) => return changes,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(before), Some(after)) => order(before.0, after.0),
        };
        match side {
            Ordering::Less => {
                if let Some((price, _)) = old.next()
                    && scope.is_none_or(|worst| order(*price, worst) == Ordering::Less)
                {
                    changes.push((*price, 0));
                }
            }
            Ordering::Greater => changes.extend(new.next().copied()),
            Ordering::Equal => {
                let before = old.next();
                let after = new.next();
                if before != after {
                    changes.extend(after.copied());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decimal::parse;
    use crate::random::Random;

    fn levels(text: &str, precision: Precision) -> Vec<Level> {
        text.split(' ')
            .map(|level| {
                let (price, quantity) = level.split_once('x').expect("price x quantity");
                (
                    parse(price, precision.price).expect("price"),
                    parse(quantity, precision.quantity).expect("quantity"),
                )
            })
            .collect()
    }

    #[test]
    fn the_first_published_checksum_comes_out() {
        let precision = Precision { price: 1, quantity: 8 };
        let view = View {
            asks: levels(
                "45285.2x0.00100000 45286.4x1.54571953 45286.6x1.54571109 45289.6x1.54560911 \
                 45290.2x0.15890660 45291.8x1.54553491 45294.7x0.04454749 45296.1x0.35380000 \
                 45297.5x0.09945542 45299.5x0.18772827",
                precision,
            ),
            bids: levels(
                "45283.5x0.10000000 45283.4x1.54582015 45282.1x0.10000000 45281.0x0.10000000 \
                 45280.3x1.54592586 45279.0x0.07990000 45277.6x0.03310103 45277.5x0.30000000 \
                 45277.3x1.54602737 45276.6x0.15445238",
                precision,
            ),
        };
        assert_eq!(view.checksum(), 3_310_070_434);
    }

    #[test]
    fn the_second_published_checksums_come_out_before_and_after_the_update() {
        let precision = Precision { price: 4, quantity: 8 };
        let mut view = View {
            bids: levels(
                "0.5666x4831.75496356 0.5665x6658.22734739 0.5664x18724.91513344 \
                 0.5663x11563.92544914 0.5662x14006.65365711 0.5661x17454.85679807 \
                 0.5660x18097.15470000 0.5659x33644.89175666 0.5658x148.34640000 \
                 0.5657x606.70854372",
                precision,
            ),
            asks: levels(
                "0.5668x4410.79769741 0.5669x4655.40412487 0.5670x49844.89424998 \
                 0.5671x24306.41678000 0.5672x29783.25223475 0.5673x57234.71239278 \
                 0.5674x45065.04744000 0.5675x5912.76380354 0.5676x42514.92434778 \
                 0.5677x36304.08470220",
                precision,
            ),
        };
        assert_eq!(view.checksum(), 2_439_117_997);
        let json = view.json("MATIC/USD", precision, 0, "t");
        assert!(json.contains("{\"price\":0.567,\"qty\":49844.89424998}"), "{json}");
        view.bids[9].1 = parse("1098.3947558", 8).expect("quantity");
        assert_eq!(view.checksum(), 2_114_181_697);
    }

    /// Applies an update as a client does: entries in order, then the cut.
    fn apply(side: &mut Vec<Level>, changes: &[Level], depth: usize, descending: bool) {
        for &(price, quantity) in changes {
            side.retain(|level| level.0 != price);
            if quantity > 0 {
                side.push((price, quantity));
            }
        }
        side.sort_unstable();
        if descending {
            side.reverse();
        }
        side.truncate(depth);
    }

    #[test]
    fn a_subscriber_who_follows_the_rules_always_has_the_view() {
        let seed = 0x6b72_616b;
        println!("seed {seed}");
        let mut random = Random::new(seed);
        let mut full: std::collections::BTreeMap<i64, i64> = std::collections::BTreeMap::new();
        let (mut told, mut kept) = (View::default(), View::default());
        let mut deletes = 0;
        for _ in 0..20_000 {
            for _ in 0..random.between(1, 3) {
                let (price, quantity) = (random.between(1, 30), random.between(-4, 4).max(0));
                if quantity == 0 {
                    full.remove(&price);
                } else {
                    full.insert(price, quantity);
                }
            }
            let next = View {
                bids: full.iter().rev().take(10).map(|(p, q)| (*p, *q)).collect(),
                asks: full.iter().take(10).map(|(p, q)| (*p, *q)).collect(),
            };
            let changes = told.changes(&next, 10);
            deletes += changes.bids.iter().filter(|level| level.1 == 0).count();
            apply(&mut kept.bids, &changes.bids, 10, true);
            apply(&mut kept.asks, &changes.asks, 10, false);
            assert_eq!(kept, next);
            told = next;
        }
        assert!(deletes > 1000);
    }

    #[test]
    fn a_level_pushed_out_of_scope_gets_no_delete() {
        let side: Vec<Level> = (1..=10).map(|price| (price * 10, 1)).collect();
        let mut next = side.clone();
        next.insert(0, (5, 1));
        next.truncate(10);
        let (old, new) =
            (View { asks: side, ..View::default() }, View { asks: next, ..View::default() });
        assert_eq!(old.changes(&new, 10).asks, [(5, 1)]);
        assert_eq!(new.changes(&old, 10).asks, [(5, 0), (100, 1)], "the one that enters is sent");
    }
}
