//! How far the system's clock is off, as `chronyd` measures it.
//!
//! A line belongs here if it asks `chronyd`. `doctor` judges the offset, metrics show it. Asking
//! starts a process, so metrics ask on the thread of a scrape, at most every [`KEPT_NS`].

use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// How long an answer is used again, nanoseconds.
pub const KEPT_NS: u64 = 30_000_000_000;

/// The last answer, and when it came.
#[derive(Debug, Default)]
pub struct ClockOffset(Mutex<Option<(u64, Option<f64>)>>);

impl ClockOffset {
    /// Seconds, without a sign; `None` where no chrony runs or it has no source.
    pub fn seconds(&self, now_ns: u64) -> Option<f64> {
        self.seconds_as(now_ns, || chrony_offset().ok().flatten())
    }

    fn seconds_as(&self, now_ns: u64, ask: impl FnOnce() -> Option<u64>) -> Option<f64> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = kept.filter(|(at_ns, _)| now_ns.saturating_sub(*at_ns) < KEPT_NS);
        let (_, offset) = *kept.insert(
            fresh.unwrap_or_else(|| (now_ns, ask().map(|offset_ns| offset_ns as f64 / 1e9))),
        );
        offset
    }
}

/// How far the clock is off, nanoseconds; `None` while chrony has no source.
///
/// # Errors
/// If chrony does not answer.
pub fn chrony_offset() -> std::io::Result<Option<u64>> {
    let said = Command::new("chronyc").args(["-n", "-c", "tracking"]).output()?;
    if !said.status.success() {
        return Err(std::io::ErrorKind::NotFound.into());
    }
    Ok(chrony_offset_ns(&String::from_utf8_lossy(&said.stdout)))
}

/// The fifth field of `chronyc -c tracking`: how far the system's clock is off, in seconds. `None`
/// while it has no source (stratum 0).
fn chrony_offset_ns(csv: &str) -> Option<u64> {
    let fields: Vec<&str> = csv.trim().split(',').collect();
    let stratum: u32 = fields.get(2)?.parse().ok()?;
    let offset_s: f64 = fields.get(4)?.parse().ok()?;
    (stratum > 0).then_some((offset_s.abs() * 1e9) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_asked_again_only_when_the_answer_is_old() {
        let clock = ClockOffset::default();
        assert_eq!(clock.seconds_as(5, || Some(2_000_000_000)), Some(2.0));
        assert_eq!(clock.seconds_as(4 + KEPT_NS, || panic!("too soon")), Some(2.0));
        assert_eq!(clock.seconds_as(5 + KEPT_NS, || None), None);
    }

    #[test]
    fn the_offset_is_what_chrony_says() {
        let line = "A29FC801,162.159.200.1,4,1700000000.1,-0.000012345,0.0001,0.001,1.0,0,0,0,0";
        assert_eq!(chrony_offset_ns(line), Some(12_345));
        assert_eq!(chrony_offset_ns("00000000,,0,0.0,0.0,0,0,0,0,0,0,0"), None);
        assert_eq!(chrony_offset_ns("506 Cannot talk to daemon"), None);
    }
}
