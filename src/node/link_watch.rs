//! Why a venue is not up, from the adapters' drivers to the log, the console and the metrics.
//!
//! A line belongs here if it follows one link's standing. The reasons are
//! [`rutter_transport::standing`].

use std::sync::{Arc, Mutex, PoisonError};

use rutter_transport::driver::Driver;
use rutter_transport::machine::Machine;
use rutter_transport::standing::{Standing, Why};

use crate::clock::unix_ns;

/// The newest standing of one link: a station stores it, the read model's thread loads it.
#[derive(Clone, Debug, Default)]
pub struct LinkGauge(Arc<Mutex<Standing>>);

impl LinkGauge {
    /// The newest standing.
    pub fn load(&self) -> Standing {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn store(&self, standing: Standing) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = standing;
    }
}

/// The links of a venue.
#[derive(Clone, Debug, Default)]
pub struct VenueLinks {
    /// Index of the venue.
    pub venue: usize,
    /// Order entry and private reports.
    pub orders: LinkGauge,
    /// Market data; `None` for a venue account that uses the books of another one.
    pub feed: Option<LinkGauge>,
}

/// Follows the standing of one link, for the log and for a gauge.
#[derive(Debug)]
pub struct LinkWatch {
    venue: String,
    /// `orders` or `feed`.
    link: &'static str,
    gauge: LinkGauge,
    /// Revision of the standing that was looked at last; `None` before the first look.
    revision: Option<u64>,
    /// Failures and the reason that were logged last.
    logged: (u32, Option<Why>),
    /// Messages that could not be read, of which the log has told.
    unread: u64,
}

impl LinkWatch {
    /// Follows the link of that name.
    pub const fn new(venue: String, link: &'static str, gauge: LinkGauge) -> Self {
        Self { venue, link, gauge, revision: None, logged: (0, None), unread: 0 }
    }

    /// Looks at the driver; costs one comparison while nothing changes.
    pub fn look<M: Machine>(&mut self, driver: &Driver<M>) {
        let Some(revision) = driver.machine().standing().map(|standing| standing.revision) else {
            return;
        };
        if self.revision != Some(revision) {
            self.revision = Some(revision);
            if let Some(standing) = driver.standing() {
                self.take(standing);
            }
        }
    }

    fn take(&mut self, standing: Standing) {
        let news = (standing.attempts, standing.why);
        if std::mem::replace(&mut self.logged, news) != news {
            self.log(&standing);
        }
        self.log_unread(&standing);
        self.gauge.store(standing);
    }

    /// Each message that could not be read, as it came. Of many at once only the newest are kept,
    /// and the log limits its lines.
    fn log_unread(&mut self, standing: &Standing) {
        let (venue, link, count) = (self.venue.as_str(), self.link, standing.unread.count());
        for unread in standing.unread.after(self.unread) {
            let (what, raw) = (unread.what.as_str(), unread.raw.as_str());
            tracing::warn!(venue, link, count, what, raw, "message not read");
        }
        self.unread = count;
    }

    fn log(&self, standing: &Standing) {
        let (venue, link, attempts) = (self.venue.as_str(), self.link, standing.attempts);
        let detail = standing.detail.as_str();
        let wait = standing.next_ns.map(|next_ns| next_ns.saturating_sub(unix_ns()) / 1_000_000);
        match standing.why {
            None => tracing::info!(venue, link, "link up"),
            Some(why) if why.is_progress() => {
                tracing::debug!(venue, link, reason = why.word(), attempts, "link comes up");
            }
            Some(why) => {
                let (reason, meaning) = (why.word(), why.help());
                let message = if standing.is_up { "link in trouble" } else { "link down" };
                tracing::warn!(
                    venue,
                    link,
                    reason,
                    meaning,
                    detail,
                    attempts,
                    retry_ms = wait,
                    "{message}"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_has_the_newest_standing() {
        let gauge = LinkGauge::default();
        assert_eq!(gauge.load().why, Some(Why::Connecting));
        let mut watch = LinkWatch::new("kraken".to_owned(), "orders", gauge.clone());
        let standing = Standing { why: Some(Why::WrongKey), attempts: 2, ..Standing::default() };
        watch.take(standing.clone());
        assert_eq!((gauge.load(), watch.logged), (standing, (2, Some(Why::WrongKey))));
    }

    #[test]
    fn the_runbook_has_a_row_for_each_reason_and_no_other() {
        let page = include_str!("../../docs/runbooks/RutterVenueDown.md");
        let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
        let told: Vec<(&str, &str)> =
            rows.filter_map(|(word, rest)| Some((word, rest.split_once(" | ")?.0))).collect();
        let all: Vec<_> = Why::ALL.iter().map(|why| (why.word(), why.help())).collect();
        assert_eq!(told, all);
    }
}
