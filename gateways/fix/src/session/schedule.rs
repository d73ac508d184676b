//! Session hours: daily or weekly times in a time zone, and the periods that they make.
//!
//! A period is one run of sequence numbers, which start at 1 with it. A message that is sent while
//! the session is closed belongs to the next period: it is numbered, and can be asked for, there.
//!
//! Local time jumps twice a year. A skipped time is the moment of the jump; of a time that comes
//! twice the first one counts. So a later local time is never an earlier moment, and periods that
//! do not overlap on the local clock do not overlap at all. Hours that lie in a skipped stretch as
//! a whole begin at the jump and keep their length, so no period vanishes. Only hours that begin on
//! a date which the zone skips as a whole (a move over the date line) do not take place.
//!
//! A line belongs here if it needs a calendar and no session. The time zone data is compiled in, so
//! two machines agree whatever is installed on them.

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan};

/// A time of day, to the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay {
    seconds: u32,
}

impl TimeOfDay {
    /// `None` when there is no such time.
    pub const fn new(hour: u32, minute: u32, second: u32) -> Option<Self> {
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        Some(Self { seconds: hour * 3_600 + minute * 60 + second })
    }

    fn civil(self) -> Option<Time> {
        let part = |value: u32| i8::try_from(value % 60).ok();
        let hour = i8::try_from(self.seconds / 3_600).ok()?;
        Time::new(hour, part(self.seconds / 60)?, part(self.seconds)?, 0).ok()
    }
}

/// `HH:MM` or `HH:MM:SS`.
impl core::str::FromStr for TimeOfDay {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let wrong = || ScheduleError::TimeOfDay(text.to_owned());
        let part = |part: &str| {
            let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse::<u32>().ok()).flatten()
        };
        let parts: Option<Vec<u32>> = text.split(':').take(4).map(part).collect();
        let time = match parts.as_deref() {
            Some([hour, minute]) => Self::new(*hour, *minute, 0),
            Some([hour, minute, second]) => Self::new(*hour, *minute, *second),
            _ => None,
        };
        time.ok_or_else(wrong)
    }
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Day {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

impl Day {
    /// All days, Monday first.
    pub const ALL: [Self; 7] = [
        Self::Monday,
        Self::Tuesday,
        Self::Wednesday,
        Self::Thursday,
        Self::Friday,
        Self::Saturday,
        Self::Sunday,
    ];

    const fn weekday(self) -> Weekday {
        match self {
            Self::Monday => Weekday::Monday,
            Self::Tuesday => Weekday::Tuesday,
            Self::Wednesday => Weekday::Wednesday,
            Self::Thursday => Weekday::Thursday,
            Self::Friday => Weekday::Friday,
            Self::Saturday => Weekday::Saturday,
            Self::Sunday => Weekday::Sunday,
        }
    }
}

/// The English name, or its first three letters.
impl core::str::FromStr for Day {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let found = Self::ALL.into_iter().find(|day| {
            let name = format!("{day:?}");
            name.eq_ignore_ascii_case(text)
                || name.get(..3).is_some_and(|short| short.eq_ignore_ascii_case(text))
        });
        found.ok_or_else(|| ScheduleError::Day(text.to_owned()))
    }
}

/// Why a schedule is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// No IANA time zone has that name.
    #[error("unknown time zone {0}")]
    Zone(String),
    /// The text is not a time of the form `HH:MM` or `HH:MM:SS`.
    #[error("{0} is no time of day")]
    TimeOfDay(String),
    /// The text is not a day of the week.
    #[error("{0} is no day of the week")]
    Day(String),
    /// A daily schedule has no days.
    #[error("a schedule without days")]
    NoDays,
}

/// One run of sequence numbers, in nanoseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// When the session opens.
    pub start_ns: u64,
    /// When the session closes.
    pub end_ns: u64,
}

impl Period {
    /// Whether the session is open.
    pub const fn contains(&self, now_ns: u64) -> bool {
        self.start_ns <= now_ns && now_ns < self.end_ns
    }
}

/// Hours that repeat every week, in local time.
#[derive(Clone, Copy, Debug)]
struct Hours {
    day: Weekday,
    start: TimeOfDay,
    /// Days from the day of the start to the day of the end.
    days: i64,
    end: TimeOfDay,
}

/// When a session is open. A session without a schedule is always open, and its numbers go on.
#[derive(Clone, Debug)]
pub struct Schedule {
    zone: TimeZone,
    hours: Vec<Hours>,
}

/// Days that are looked at before and after now: the longest period is a week, the longest pause is
/// less than one.
const DAYS_AROUND: i64 = 8;

impl Schedule {
    /// Hours on every one of `days`, from `start` to `end`. An end that is not after the start is
    /// on the next day, so equal times are a session of 24 hours. `zone` is an IANA name, such as
    /// `America/New_York`.
    ///
    /// # Errors
    /// [`ScheduleError::Zone`], [`ScheduleError::NoDays`].
    pub fn daily(
        zone: &str,
        days: &[Day],
        start: TimeOfDay,
        end: TimeOfDay,
    ) -> Result<Self, ScheduleError> {
        if days.is_empty() {
            return Err(ScheduleError::NoDays);
        }
        let overnight = i64::from(end <= start);
        let mut days = days.to_vec();
        days.sort_unstable();
        days.dedup();
        let hours = |day: &Day| Hours { day: day.weekday(), start, days: overnight, end };
        Ok(Self { zone: zone_of(zone)?, hours: days.iter().map(hours).collect() })
    }

    /// Hours once a week; equal days and times are a session of a whole week.
    ///
    /// # Errors
    /// [`ScheduleError::Zone`].
    pub fn weekly(
        zone: &str,
        (start_day, start): (Day, TimeOfDay),
        (end_day, end): (Day, TimeOfDay),
    ) -> Result<Self, ScheduleError> {
        let days = (end_day as i64 - start_day as i64).rem_euclid(7);
        let days = if days == 0 && end <= start { 7 } else { days };
        let hours = vec![Hours { day: start_day.weekday(), start, days, end }];
        Ok(Self { zone: zone_of(zone)?, hours })
    }

    /// The period that contains a time, or the next one if the session is closed. `None` beyond the
    /// calendar.
    pub fn period(&self, now_ns: u64) -> Option<Period> {
        let today = Timestamp::from_nanosecond(i128::from(now_ns)).ok()?;
        let today = self.zone.to_datetime(today).date();
        let days =
            (-DAYS_AROUND..=DAYS_AROUND).filter_map(|day| today.checked_add(day.days()).ok());
        let periods = days.flat_map(|date| {
            self.hours
                .iter()
                .filter(move |hours| hours.day == date.weekday())
                .filter_map(move |hours| self.period_on(date, hours))
        });
        periods.filter(|period| now_ns < period.end_ns).min_by_key(|period| period.start_ns)
    }

    /// The next opening or closing after a time.
    pub fn next_boundary_ns(&self, now_ns: u64) -> Option<u64> {
        let period = self.period(now_ns)?;
        Some(if now_ns < period.start_ns { period.start_ns } else { period.end_ns })
    }

    /// The hours that begin on a day.
    fn period_on(&self, date: Date, hours: &Hours) -> Option<Period> {
        let last = date.checked_add(hours.days.days()).ok()?;
        let (start, end) =
            (date.to_datetime(hours.start.civil()?), last.to_datetime(hours.end.civil()?));
        let (start_ns, mut end_ns) = (self.instant(start)?, self.instant(end)?);
        if start_ns == end_ns {
            if self.is_skipped(date) {
                return None;
            }
            let length = end.duration_since(start).as_nanos();
            end_ns = start_ns.checked_add(u64::try_from(length).ok()?)?;
        }
        (start_ns < end_ns).then_some(Period { start_ns, end_ns })
    }

    /// Whether the zone has no moment of this date.
    fn is_skipped(&self, date: Date) -> bool {
        let midnight = |date: Date| self.instant(date.to_datetime(Time::midnight()));
        let next = date.tomorrow().ok().and_then(midnight);
        next.is_some() && midnight(date) == next
    }

    /// The moment of a local time: for a skipped one, that of the jump.
    fn instant(&self, local: DateTime) -> Option<u64> {
        let ambiguous = self.zone.to_ambiguous_timestamp(local);
        let instant = match ambiguous.offset() {
            AmbiguousOffset::Gap { .. } => {
                let before = ambiguous.earlier().ok()?;
                self.zone.following(before).next()?.timestamp()
            }
            AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => {
                ambiguous.earlier().ok()?
            }
        };
        u64::try_from(instant.as_nanosecond()).ok()
    }
}

fn zone_of(name: &str) -> Result<TimeZone, ScheduleError> {
    jiff::tz::db().get(name).map_err(|_| ScheduleError::Zone(name.to_owned()))
}
