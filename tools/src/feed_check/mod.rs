//! `rutter-tools feed-check`: recordings of exchanges, played through the adapters' feeds, and
//! compared with what the exchange itself says.
//!
//! A line belongs here if it reads the files, or prints what was found. Playing is `replay`; what a
//! venue says independently of its books is the file of its name.

mod binance;
mod kraken;
mod replay;

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde::Serialize;

use crate::recording::{self, Fault, Line};
use replay::Replay;

/// Arguments of `feed-check`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Recordings; those of one venue are played together, in the order of their times.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The venue of all files, binance or kraken, where their addresses do not tell: a proxy, or a
    /// simulated venue.
    #[arg(long)]
    venue: Option<String>,
    /// Print one JSON object a venue.
    #[arg(long)]
    json: bool,
}

/// A message of a recording.
#[derive(Clone, Debug)]
pub struct Event {
    at_ns: u64,
    /// The file, by its place in the arguments: each is a connection of its own.
    file: usize,
    line: Line,
}

/// What was found at one venue.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Found {
    /// The venue.
    pub venue: &'static str,
    /// Instruments with a book or a trade.
    pub instruments: usize,
    /// Messages that were played.
    pub messages: u64,
    /// Changed levels that the core would have been told.
    pub levels: u64,
    /// Times that a book which was trusted was not any more, while the connection lasted.
    pub gaps: u64,
    /// Books that were never proved.
    pub unproved: u64,
    /// Trades that the core would have been told.
    pub trades: u64,
    /// Trades that cannot be read.
    pub unreadable_trades: u64,
    /// Numbers of trades that the recording leaves out.
    pub missing_trades: u64,
    /// Messages that the protocol forbids.
    pub protocol_errors: u64,
    /// Comparisons with the venue's own word, by kind.
    pub comparisons: Comparisons,
    /// Comparisons that failed.
    pub mismatches: u64,
    /// The first ones that failed.
    pub examples: Vec<String>,
    /// Messages a second through the feed, on one thread.
    pub messages_per_s: u64,
}

/// Comparisons by kind.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Comparisons {
    /// Best price and quantity of both sides, with the venue's ticker of the same update, or with
    /// the book that the venue's checksum proves.
    pub tickers: u64,
    /// Checksums of the venue.
    pub checksums: u64,
    /// Prices and volumes of trades, with the venue's candles.
    pub trades: u64,
}

/// Most examples that are kept.
const EXAMPLES_MAX: usize = 5;

impl Found {
    /// Counts a comparison of ours with the venue's word.
    fn compare<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, ours: &T, venue: &T) {
        if ours != venue {
            self.mismatches += 1;
            if self.examples.len() < EXAMPLES_MAX {
                self.examples.push(format!("{what}: ours {ours:?}, the venue's {venue:?}"));
            }
        }
    }

    const fn compared(&self) -> u64 {
        self.comparisons.tickers + self.comparisons.checksums + self.comparisons.trades
    }

    const fn is_good(&self) -> bool {
        self.mismatches == 0
            && self.gaps == 0
            && self.unproved == 0
            && self.protocol_errors == 0
            && self.unreadable_trades == 0
            && self.missing_trades == 0
    }

    fn print(&self) {
        println!(
            "{}: {} instruments, {} messages, {} levels, {} gaps, {} books unproved, \
             {} protocol errors, {} trades ({} unreadable, {} missing)",
            self.venue,
            self.instruments,
            self.messages,
            self.levels,
            self.gaps,
            self.unproved,
            self.protocol_errors,
            self.trades,
            self.unreadable_trades,
            self.missing_trades
        );
        let Comparisons { tickers, checksums, trades } = self.comparisons;
        println!(
            "{}: {} comparisons ({tickers} tickers, {checksums} checksums, {trades} trades), \
             {} mismatches, {} messages a second",
            self.venue,
            self.compared(),
            self.mismatches,
            self.messages_per_s
        );
        for example in &self.examples {
            println!("{}: mismatch: {example}", self.venue);
        }
    }
}

/// The instruments of a recording.
#[derive(Debug)]
pub struct Instruments {
    /// The venue's names, with the decimals of prices.
    symbols: Vec<(String, u8)>,
    /// Levels a side that were subscribed.
    depth: u16,
}

/// What is particular to a venue's recordings.
pub trait Truth {
    /// The texts that the feed gets for one of the recording, in order.
    fn dressed(&mut self, text: &str) -> Vec<String>;
    /// An answer of HTTP has come.
    fn answered(&mut self, _url: &str, _body: &str) {}
    /// A text has been played; the books are as the core was told them.
    fn played(&mut self, text: &str, replay: &Replay, found: &mut Found);
}

const VENUES: [(&str, &str); 2] = [("binance.com", "binance"), ("kraken.com", "kraken")];

fn venue_of(url: &str) -> Option<&'static str> {
    let host = url.split_once("://")?.1.split(['/', ':', '?']).next()?;
    let is_of = |domain: &str| {
        host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    VENUES.iter().find(|(domain, _)| is_of(domain)).map(|(_, venue)| *venue)
}

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{}:{line}: {fault}", .file.display())]
pub struct BadFile {
    file: PathBuf,
    line: usize,
    fault: Fault,
}

/// Reads a file and finds its venue, unless it is `named`.
fn load(
    at: usize,
    file: &Path,
    named: Option<&'static str>,
) -> Result<(&'static str, Vec<Event>), BadFile> {
    let bad = |(fault, line)| BadFile { file: file.to_path_buf(), line, fault };
    let opened = File::open(file).map_err(|_| bad((Fault::UnreadableFile, 0)))?;
    let lines = recording::read(BufReader::new(opened)).map_err(bad)?;
    let (mut venue, mut is_open) = (None, false);
    let mut events = Vec::new();
    for (number, at_ns, line) in lines {
        let bad = |fault| BadFile { file: file.to_path_buf(), line: number, fault };
        let (url, json) = match &line {
            Line::Opened { url } | Line::Sent { url, .. } => (Some(url), None),
            Line::Http { url, body } => (Some(url), Some(body)),
            Line::Text(text) => (None, Some(text)),
        };
        if let Some(url) = url {
            let of = named.or_else(|| venue_of(url)).ok_or_else(|| bad(Fault::UnknownVenue))?;
            if *venue.get_or_insert(of) != of {
                return Err(bad(Fault::TwoVenues));
            }
        }
        is_open |= matches!(line, Line::Opened { .. });
        if matches!(line, Line::Text(_)) && !is_open {
            return Err(bad(Fault::NoConnection));
        }
        if json.is_some_and(|json| serde_json::from_str::<serde::de::IgnoredAny>(json).is_err()) {
            return Err(bad(Fault::BadJson));
        }
        events.push(Event { at_ns, file: at, line });
    }
    let venue = venue.ok_or_else(|| bad((Fault::UnknownVenue, 0)))?;
    Ok((venue, events))
}

fn check(venue: &'static str, mut events: Vec<Event>) -> Found {
    events.sort_by_key(|event| event.at_ns);
    if venue == "kraken" {
        let depth = kraken::depth(&events);
        let instruments = Instruments { symbols: kraken::symbols(&events), depth };
        replay::play(venue, &events, instruments, kraken::Kraken::new(depth))
    } else {
        let instruments = Instruments { symbols: binance::symbols(&events), depth: 1_000 };
        replay::play(venue, &events, instruments, binance::Binance::new())
    }
}

/// Plays the files, and prints what was found. The code of the process is 0 if all is well, 1 after
/// a mismatch, a gap or a message that cannot be read, and 2 for a file that cannot be used.
///
/// # Errors
/// The output cannot be written.
pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let named = match arguments.venue.as_deref() {
        None => None,
        Some(name) => match VENUES.iter().find(|(_, venue)| *venue == name) {
            Some((_, venue)) => Some(*venue),
            None => anyhow::bail!("--venue: {name} is neither binance nor kraken"),
        },
    };
    let mut of_venue: Vec<(&'static str, Vec<Event>)> = Vec::new();
    for (at, file) in arguments.files.iter().enumerate() {
        match load(at, file, named) {
            Ok((venue, events)) => match of_venue.iter_mut().find(|(name, _)| *name == venue) {
                Some((_, all)) => all.extend(events),
                None => of_venue.push((venue, events)),
            },
            Err(error) => {
                eprintln!("rutter-tools: {error}");
                return Ok(ExitCode::from(2));
            }
        }
    }
    let mut is_good = true;
    for (venue, events) in of_venue {
        let found = check(venue, events);
        if found.instruments == 0 {
            eprintln!("rutter-tools: {venue}: {}", Fault::NothingToCheck);
            return Ok(ExitCode::from(2));
        }
        if arguments.json {
            println!("{}", serde_json::to_string(&found)?);
        } else {
            found.print();
        }
        if found.compared() == 0 {
            eprintln!("rutter-tools: {venue}: {}", Fault::NothingCompared);
        }
        is_good &= found.is_good();
    }
    Ok(if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
