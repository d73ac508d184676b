//! The commands of the simulated venues: one line in, one answer out.
//!
//! A line belongs here if it reads or answers a command. Where the line came from is `doors` and
//! `page`; the effect of a fault is `rutter_sim::faults`.

use rutter_sim::Venue;
use rutter_sim::faults::{CutPoint, Fault};

use crate::harness::Venues;

const MS_NS: u64 = 1_000_000;

/// The commands; printed after the names of the venues.
const HELP: &str = "\
One command a line:
  disconnect VENUE              close all connections now
  halfopen VENUE                keep connections open, read and send nothing until heal
  heal VENUE                    end half-open states, disarm armed faults
  delay VENUE MS [FRAMES]       the next frames leave MS later (default 1 frame)
  drop VENUE [FRAMES]           the next frames are lost
  duplicate VENUE               the next frame comes twice
  reorder VENUE                 the next two frames change places
  cut VENUE before|unacked|acked
                                the next order's connection is cut: before the venue sees it,
                                after it with no answer, after the answer
  corrupt VENUE                 the next book update is wrong (checksum, or update ids)
  reject VENUE CODE TEXT        the next order is refused with this code and text
  maintenance VENUE SECONDS     a notice, then connections are closed and requests refused
  ratelimit VENUE SECONDS       requests are refused
  slow VENUE SECONDS            the next order waits in front of the engine (Binance)
  clock VENUE SECONDS           the venue's clock is so far behind ours
  counters                      connections and messages so far, as JSON
  help                          this
  quit                          end (so do SIGINT and SIGTERM)";

/// The answer to a line; `None` asks to end.
pub fn answer(venues: &Venues, line: &str) -> Option<String> {
    Some(match line.trim() {
        "" => String::new(),
        "quit" => return None,
        "help" => help(),
        "counters" => counters(venues),
        command => match inject(venues, command) {
            Ok(()) => "ok".to_owned(),
            Err(reason) => format!("error: {reason}; try help"),
        },
    })
}

/// All commands.
pub fn help() -> String {
    let names = Venue::ALL.map(Venue::name).join(", ");
    format!("VENUE is {names} or all. {HELP}")
}

fn counters(venues: &Venues) -> String {
    let Some(counters) = venues.server().counters() else {
        return "error: the simulated venues have ended".to_owned();
    };
    serde_json::json!({
        "accepted": counters.accepted, "refused": counters.refused, "open": counters.open,
        "messages_in": counters.messages_in, "messages_out": counters.messages_out,
        "slow_readers": counters.slow_readers,
    })
    .to_string()
}

fn inject(venues: &Venues, command: &str) -> Result<(), String> {
    let words: Vec<&str> = command.split_ascii_whitespace().collect();
    let at = words.get(1).ok_or("which venue?")?;
    let fault = fault(&words)?;
    let named = Venue::from_name(at).map(|venue| vec![venue]);
    let all = (*at == "all").then(|| Venue::ALL.to_vec());
    for venue in named.or(all).ok_or_else(|| format!("unknown venue {at}"))? {
        venues.inject(venue, fault.clone());
    }
    Ok(())
}

/// The fault that the words of a line ask for. The second word names the venue.
fn fault(words: &[&str]) -> Result<Fault, String> {
    let number = |place: usize, default: Option<u64>| match (words.get(place), default) {
        (Some(word), _) => word.parse::<u64>().map_err(|_| format!("{word} is no number")),
        (None, Some(default)) => Ok(default),
        (None, None) => Err("a number is missing".to_owned()),
    };
    let frames = |place| number(place, Some(1)).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    let seconds_ns = || Ok::<_, String>(number(2, None)?.saturating_mul(1_000 * MS_NS));
    Ok(match *words.first().unwrap_or(&"") {
        "disconnect" => Fault::Disconnect,
        "halfopen" => Fault::HalfOpen,
        "heal" => Fault::Heal,
        "delay" => {
            Fault::Delay { delay_ns: number(2, None)?.saturating_mul(MS_NS), frames: frames(3)? }
        }
        "drop" => Fault::Drop { frames: frames(2)? },
        "duplicate" => Fault::Duplicate,
        "reorder" => Fault::Reorder,
        "cut" => Fault::CutOnOrder(match words.get(2).copied() {
            Some("before") => CutPoint::BeforeProcessing,
            Some("unacked") => CutPoint::BeforeAck,
            Some("acked") => CutPoint::AfterAck,
            _ => return Err("before, unacked or acked?".to_owned()),
        }),
        "corrupt" => Fault::CorruptBook,
        "reject" => Fault::RejectNextOrder {
            code: words.get(2).and_then(|word| word.parse().ok()).ok_or("which code?")?,
            text: words.get(3..).unwrap_or(&[]).join(" "),
        },
        "maintenance" => Fault::Maintenance { for_ns: seconds_ns()? },
        "ratelimit" => Fault::RateLimit { for_ns: seconds_ns()? },
        "slow" => Fault::SlowEngine { for_ns: seconds_ns()? },
        "clock" => Fault::ClockBehind { by_ns: i64::try_from(seconds_ns()?).unwrap_or(i64::MAX) },
        other => return Err(format!("unknown command {other}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<Fault, String> {
        fault(&line.split(' ').collect::<Vec<_>>())
    }

    #[test]
    fn every_command_of_the_help_is_understood() {
        for line in [
            "disconnect all",
            "halfopen kraken",
            "heal kraken",
            "delay binance 20 3",
            "drop binance",
            "duplicate binance",
            "reorder binance",
            "cut binance unacked",
            "corrupt kraken",
            "reject binance -2010 no such luck",
            "maintenance kraken 5",
            "ratelimit kraken 5",
            "slow binance 12",
            "clock kraken 5",
        ] {
            let word = line.split(' ').next().expect("a word");
            assert!(HELP.contains(&format!("  {word} VENUE")), "{word}");
            assert!(read(line).is_ok(), "{line}");
        }
        let text = "no such luck".to_owned();
        let reject = Fault::RejectNextOrder { code: -2010, text };
        assert_eq!(read("reject binance -2010 no such luck"), Ok(reject));
    }

    #[test]
    fn what_is_no_command_is_refused_with_a_reason() {
        assert!(read("explode binance").is_err());
        assert!(read("delay binance soon").is_err());
        assert!(read("cut binance").is_err());
        assert!(read("maintenance kraken").is_err());
    }
}
