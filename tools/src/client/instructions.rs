//! What an order says beside its terms: where it may go, and how it is executed.
//!
//! A line belongs here if it reads such words from a line, or writes their fields. The meanings are
//! in `docs/fix/orders.md`.

use anyhow::{Context, bail};
use rutter_fix::codec::Encoder;
use rutter_fix::tags;

use super::message::{SCALE, parse_e8};

/// `StrategyParameterType` (959), which our tags do not name: the node needs it in no other place.
const STRATEGY_PARAMETER_TYPE: u32 = 959;

/// 959 of a time (UTC).
const UTC_TIME: u64 = 19;

/// The strategies by the words of the client, with their numbers (847).
const STRATEGIES: [(&str, u32); 8] = [
    ("all", 1000),
    ("post", 1001),
    ("cross", 1002),
    ("smart", 1003),
    ("score", 1010),
    ("cost", 1011),
    ("share", 1012),
    ("best", 1013),
];

/// What an order says beside its terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instructions {
    /// `ExDestination` (100).
    venue: Option<String>,
    /// `MinQty` (110), in 10^-8.
    min_qty_e8: Option<i64>,
    /// `TargetStrategy` (847).
    strategy: Option<u32>,
    /// `TargetStrategyParameters` (848).
    weights: Option<String>,
    /// The parameter `Deadline` (957 to 960).
    deadline: Option<String>,
}

impl Instructions {
    /// Nothing.
    pub const NONE: Self =
        Self { venue: None, min_qty_e8: None, strategy: None, weights: None, deadline: None };

    /// Reads one instruction from the words of a line. False if the first word begins none.
    ///
    /// # Errors
    /// The word has no value, or one that cannot be read.
    pub fn read(&mut self, words: &mut &[&str]) -> anyhow::Result<bool> {
        let [word, behind @ ..] = *words else { return Ok(false) };
        if !matches!(*word, "on" | "min" | "as" | "weights" | "until") {
            return Ok(false);
        }
        let [value, rest @ ..] = behind else { bail!("{word} needs a value") };
        match *word {
            "on" => self.venue = Some((*value).to_owned()),
            "min" => self.min_qty_e8 = Some(parse_e8(value).context("not a quantity")?),
            "as" => self.strategy = Some(strategy(value)?),
            "weights" => self.weights = Some((*value).to_owned()),
            _ => self.deadline = Some((*value).to_owned()),
        }
        *words = rest;
        Ok(true)
    }

    /// Writes the fields.
    pub(super) fn write(&self, out: &mut Encoder<'_>) {
        if let Some(venue) = &self.venue {
            out.text(tags::EX_DESTINATION, venue);
        }
        if let Some(least) = self.min_qty_e8 {
            out.decimal(tags::MIN_QTY, least, SCALE);
        }
        if let Some(strategy) = self.strategy {
            out.uint(tags::TARGET_STRATEGY, u64::from(strategy));
        }
        if let Some(weights) = &self.weights {
            out.text(tags::TARGET_STRATEGY_PARAMETERS, weights);
        }
        if let Some(deadline) = &self.deadline {
            out.uint(tags::NO_STRATEGY_PARAMETERS, 1);
            out.text(tags::STRATEGY_PARAMETER_NAME, "Deadline");
            out.uint(STRATEGY_PARAMETER_TYPE, UTC_TIME);
            out.text(tags::STRATEGY_PARAMETER_VALUE, deadline);
        }
    }
}

/// The number of a strategy, by its word or as a number.
fn strategy(word: &str) -> anyhow::Result<u32> {
    let known = STRATEGIES.iter().find(|(known, _)| *known == word).map(|(_, number)| *number);
    known.or_else(|| word.parse().ok()).with_context(|| {
        let words: Vec<&str> = STRATEGIES.iter().map(|(word, _)| *word).collect();
        format!("{word} is no strategy; there are {}, and numbers", words.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(line: &str) -> String {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let (mut rest, mut said) = (&words[..], Instructions::NONE);
        while said.read(&mut rest).expect(line) {}
        assert!(rest.is_empty(), "{rest:?}");
        let mut bytes = Vec::new();
        let mut out = Encoder::begin(&mut bytes, b"FIX.4.4", b"D");
        said.write(&mut out);
        out.finish().expect("a message");
        String::from_utf8(bytes).expect("ASCII").replace('\u{1}', "|")
    }

    #[test]
    fn each_instruction_is_the_field_that_the_node_reads() {
        for (line, expected) in [
            ("on kraken", "|100=kraken|"),
            ("min 0.25", "|110=0.25000000|"),
            ("as post", "|847=1001|"),
            ("as 1002", "|847=1002|"),
            ("as score weights price=60,latency=40", "|847=1010|848=price=60,latency=40|"),
            (
                "as smart until 20261201-12:00:00",
                "|847=1003|957=1|958=Deadline|959=19|960=20261201-12:00:00|",
            ),
        ] {
            assert!(fields(line).contains(expected), "{line}: {}", fields(line));
        }
        let mut said = Instructions::NONE;
        assert!(!said.read(&mut &["gtc"][..]).expect("no instruction"));
        for wrong in [&["on"][..], &["as", "fast"], &["min", "much"]] {
            assert!(said.read(&mut &wrong[..]).is_err(), "{wrong:?}");
        }
    }
}
