//! Daily and weekly hours over the days on which the clock jumps, and sessions that keep them.

use std::path::Path;

use crate::desk::{Desk, SECOND, logon, memory};
use rutter_fix::codec::parse_timestamp_ns;
use rutter_fix::session::schedule::{Day, Period, Schedule, ScheduleError, TimeOfDay};
use rutter_fix::session::{Config, NoCredentials};
use rutter_fix::store::{MemStore, MessageStore, MmapConfig, MmapStore};

const HOUR: u64 = 3_600 * SECOND;

fn utc(text: &str) -> u64 {
    parse_timestamp_ns(text.as_bytes()).expect("a time")
}

fn time(text: &str) -> TimeOfDay {
    text.parse().expect("a time of day")
}

fn daily(zone: &str, start: &str, end: &str) -> Schedule {
    Schedule::daily(zone, &Day::ALL, time(start), time(end)).expect("a schedule")
}

#[track_caller]
fn expect(schedule: &Schedule, now: &str, start: &str, end: &str) {
    let expected = Period { start_ns: utc(start), end_ns: utc(end) };
    assert_eq!(schedule.period(utc(now)), Some(expected), "{now}");
}

#[test]
fn a_day_is_as_long_as_the_local_clock_says() {
    let office = daily("America/New_York", "08:00", "17:00");
    expect(&office, "20240308-15:00:00", "20240308-13:00:00", "20240308-22:00:00");
    // The clock went forward on the tenth of March 2024.
    expect(&office, "20240311-12:30:00", "20240311-12:00:00", "20240311-21:00:00");
    // Closed: the next one counts.
    expect(&office, "20240311-21:00:00", "20240312-12:00:00", "20240312-21:00:00");
    assert_eq!(office.next_boundary_ns(utc("20240311-11:00:00")), Some(utc("20240311-12:00:00")));
    assert_eq!(office.next_boundary_ns(utc("20240311-12:00:00")), Some(utc("20240311-21:00:00")));
}

#[test]
fn sessions_of_a_whole_day_follow_each_other_without_a_hole_all_year() {
    for zone in ["America/New_York", "Europe/Zurich", "Australia/Lord_Howe", "Asia/Tokyo", "UTC"] {
        for at in ["17:00", "02:30", "00:00"] {
            let schedule = daily(zone, at, at);
            let mut now = utc("20240101-12:00:00");
            let mut lengths = std::collections::BTreeMap::new();
            for _ in 0..366 {
                let period = schedule.period(now).expect("a period");
                assert!(period.contains(now), "{zone} {at}: a hole at {now}");
                *lengths.entry((period.end_ns - period.start_ns) / (HOUR / 2)).or_insert(0) += 1;
                assert_eq!(schedule.next_boundary_ns(now), Some(period.end_ns));
                now = period.end_ns;
            }
            assert!(lengths.keys().all(|half| (46..=50).contains(half)), "{zone} {lengths:?}");
            let jumps =
                lengths.iter().filter(|(half, _)| **half != 48).map(|(_, n)| n).sum::<i32>();
            let expected = if matches!(zone, "Asia/Tokyo" | "UTC") { 0 } else { 2 };
            // At 02:30, which one jump skips, three or four days are of another length.
            assert!(jumps >= expected && jumps <= expected * 2, "{zone} {at} {lengths:?}");
        }
    }
}

#[test]
fn a_time_that_is_skipped_is_the_jump_and_one_that_comes_twice_counts_once() {
    let night = daily("Europe/Zurich", "02:30", "04:00");
    // 31 March 2024, 01:00 UTC: 02:00 becomes 03:00.
    expect(&night, "20240331-00:30:00", "20240331-01:00:00", "20240331-02:00:00");
    // 27 October 2024, 01:00 UTC: 03:00 becomes 02:00; 02:30 is at 00:30 and at 01:30 UTC.
    expect(&night, "20241027-00:45:00", "20241027-00:30:00", "20241027-03:00:00");
    expect(&night, "20241027-01:45:00", "20241027-00:30:00", "20241027-03:00:00");
}

#[test]
fn a_period_does_not_reach_into_the_next_one_over_a_jump() {
    // 31 March 2024, 01:00 UTC: 01:00 becomes 02:00, so 01:55 and 02:00 are the same moment.
    let london = daily("Europe/London", "02:00", "01:55");
    expect(&london, "20240330-12:00:00", "20240330-02:00:00", "20240331-01:00:00");
    expect(&london, "20240331-01:00:00", "20240331-01:00:00", "20240401-00:55:00");
    // 27 October 2024, 01:00 UTC: 02:00 becomes 01:00, and the first 01:55 is the end.
    expect(&london, "20241026-12:00:00", "20241026-01:00:00", "20241027-00:55:00");
    expect(&london, "20241027-00:55:00", "20241027-02:00:00", "20241028-01:55:00");
    // 10 March 2024, 07:00 UTC: 02:00 becomes 03:00.
    let overnight = daily("America/New_York", "03:30", "02:45");
    expect(&overnight, "20240310-06:00:00", "20240309-08:30:00", "20240310-07:00:00");
    expect(&overnight, "20240310-07:00:00", "20240310-07:30:00", "20240311-06:45:00");
}

#[test]
fn hours_within_or_around_the_skipped_stretch_take_place() {
    // 10 March 2024, 07:00 UTC: 02:00 becomes 03:00.
    let zone = "America/New_York";
    for (start, end, minutes) in [
        ("02:30", "03:15", 15),
        ("02:15", "02:45", 30),
        ("02:00", "03:00", 60),
        ("01:30", "02:30", 30),
    ] {
        let hours = daily(zone, start, end);
        let period = hours.period(utc("20240310-06:00:00")).expect("a period");
        assert_eq!((period.end_ns - period.start_ns) / (60 * SECOND), minutes, "{start}-{end}");
        assert!(period.end_ns <= utc("20240310-08:00:00"), "{start}-{end}");
    }
}

/// All zones, ten years. Periods are looked at around each jump of the local clock, where alone
/// they can go wrong.
#[test]
fn periods_never_overlap_and_never_vanish_in_any_zone() {
    let days_after = |now: u64, days: u64| now + days * 24 * HOUR;
    let (from, upto) = (utc("20200101-00:00:00"), utc("20300101-00:00:00"));
    let pairs = [
        ("02:00", "01:55"),
        ("02:30", "03:15"),
        ("03:30", "02:45"),
        ("02:15", "02:45"),
        ("01:30", "01:30"),
        ("23:30", "00:15"),
        ("00:00", "23:59:59"),
        ("00:15", "00:45"),
    ];
    let (mut zones, mut clocks) = (0, std::collections::BTreeSet::new());
    for zone in jiff::tz::db().available() {
        let name = zone.to_string();
        let Ok(tz) = jiff::tz::db().get(&name) else { continue };
        zones += 1;
        let first = jiff::Timestamp::from_nanosecond(i128::from(from)).expect("a time");
        let moments = tz.following(first).map(|jump| jump.timestamp().as_nanosecond());
        let moments = moments.map(|ns| u64::try_from(ns).expect("after 1970"));
        let moments: Vec<u64> = moments.take_while(|ns| *ns < upto).collect();
        let offsets = moments.iter().map(|ns| {
            let behind = jiff::Timestamp::from_nanosecond(i128::from(*ns)).expect("a time");
            tz.to_offset(behind).seconds()
        });
        // Many names are one clock.
        let offsets: Vec<i32> =
            std::iter::once(tz.to_offset(first).seconds()).chain(offsets).collect();
        if moments.is_empty() || !clocks.insert((moments.clone(), offsets)) {
            continue;
        }
        for (start, end) in pairs {
            let schedule = daily(&name, start, end);
            for moment in &moments {
                let mut last: Option<Period> = None;
                let (mut now, mut count) = (days_after(*moment, 0) - 72 * HOUR, 0);
                while now < days_after(*moment, 3) {
                    let period = schedule.period(now).expect("a period");
                    assert!(period.start_ns < period.end_ns, "{name} {start} {end} {now}");
                    if let Some(last) = last {
                        let apart = period.start_ns.checked_sub(last.end_ns);
                        let apart =
                            apart.unwrap_or_else(|| panic!("overlap: {name} {start} {end}"));
                        assert!(apart < 36 * HOUR, "one is missing: {name} {start} {end} {now}");
                    }
                    last = Some(period);
                    now = period.end_ns;
                    count += 1;
                }
                assert!((6..=8).contains(&count), "{name} {start} {end}: {count} in six days");
            }
        }
    }
    assert!(zones > 400 && clocks.len() > 50, "{zones} zones, {} clocks", clocks.len());
}

#[test]
fn a_date_that_a_zone_skips_has_no_hours() {
    // Samoa moved over the date line: 29 December 2011 was followed by the 31st, 10:00 UTC.
    let apia = daily("Pacific/Apia", "08:00", "17:00");
    expect(&apia, "20111229-12:00:00", "20111229-18:00:00", "20111230-03:00:00");
    expect(&apia, "20111230-04:00:00", "20111230-18:00:00", "20111231-03:00:00");
}

#[test]
fn a_week_goes_from_sunday_to_friday_over_a_jump() {
    let week = Schedule::weekly(
        "America/New_York",
        (Day::Sunday, time("17:00")),
        (Day::Friday, time("17:00:00")),
    )
    .expect("a schedule");
    expect(&week, "20240306-12:00:00", "20240303-22:00:00", "20240308-22:00:00");
    // The pause reaches over the jump of the tenth.
    expect(&week, "20240309-12:00:00", "20240310-21:00:00", "20240315-21:00:00");
    let whole = Schedule::weekly("UTC", (Day::Sunday, time("00:00")), (Day::Sunday, time("00:00")));
    expect(&whole.expect("one"), "20240309-12:00:00", "20240303-00:00:00", "20240310-00:00:00");
}

#[test]
fn working_days_pause_at_the_weekend() {
    let days: Vec<Day> = ["Mon", "Tuesday", "wed", "THU", "fri"]
        .iter()
        .map(|day| day.parse().expect("a day"))
        .collect();
    let office = Schedule::daily("UTC", &days, time("22:00"), time("21:00")).expect("a schedule");
    expect(&office, "20240628-22:00:00", "20240628-22:00:00", "20240629-21:00:00");
    expect(&office, "20240629-21:00:00", "20240701-22:00:00", "20240702-21:00:00");
}

#[test]
fn what_is_no_schedule_is_told() {
    let at = time("08:00");
    let unknown = Schedule::daily("Mars/Olympus", &Day::ALL, at, at);
    assert!(matches!(unknown, Err(ScheduleError::Zone(zone)) if zone == "Mars/Olympus"));
    assert!(matches!(Schedule::daily("UTC", &[], at, at), Err(ScheduleError::NoDays)));
    for wrong in ["", "8:00", "24:00", "08:60", "08:00:60", "08:00:00:00", "08-00", "+8:00"] {
        assert_eq!(wrong.parse::<TimeOfDay>(), Err(ScheduleError::TimeOfDay(wrong.to_owned())));
    }
    assert!("Mo".parse::<Day>().is_err() && "".parse::<Day>().is_err());
}

fn config() -> Config {
    let schedule = Some(daily("America/New_York", "08:00", "17:00"));
    Config { schedule, ..Config::acceptor("RUTTER", "CLIENT") }
}

type Plain = Desk<MemStore, NoCredentials>;

fn desk_at(now: &str) -> Plain {
    let mut desk = Desk::new(config(), memory(), NoCredentials);
    desk.now = utc(now);
    desk
}

#[test]
fn a_logon_outside_the_hours_is_refused_with_the_time_of_the_next() {
    let mut desk = desk_at("20240627-11:59:59");
    desk.connect().gets(&logon(1));
    desk.says(["35=5|34=1|58=Session is closed until 20240627-12:00:00.000|"]);
    desk.sees(["gone: logon refused: outside session hours"]);
    desk.now += SECOND;
    // The refusal took no number of the period that begins now.
    desk.connect().gets(&logon(1)).says(["35=A|34=1|98=0|108=30|"]);
}

#[test]
fn a_stranger_learns_nothing_of_the_hours() {
    let mut desk = desk_at("20240627-11:59:59");
    desk.connect().gets_raw("35=A|34=1|49=OTHER|52=20240627-11:59:59|56=RUTTER|98=0|108=30|");
    desk.says([]).sees(["gone: CompID problem"]);
}

#[test]
fn the_end_of_the_hours_is_a_logout() {
    let mut desk = desk_at("20240627-20:59:50");
    desk.connect().gets(&logon(1)).wrote();
    assert_eq!(desk.session.next_deadline_ns(), Some(utc("20240627-21:00:00")));
    desk.waits(10 * SECOND).says(["35=5|34=2|58=Session hours are over|"]);
    desk.gets("35=5|34=2|").sees([
        "logged on, 30 s",
        "logout sent: outside session hours",
        "gone: logged out",
    ]);
    desk.connect().gets(&logon(3));
    desk.says(["35=5|34=1|58=Session is closed until 20240628-12:00:00.000|"]);
}

#[test]
fn numbers_start_anew_once_with_a_period_and_what_was_sent_before_it_waits_in_it() {
    let mut desk = desk_at("20240627-12:00:00");
    desk.connect().gets(&logon(1)).reports(1).gets("35=5|34=2|").wrote();
    assert_eq!((desk.session.next_in(), desk.session.next_out()), (3, 4));
    // A second connection in the same period goes on with the numbers.
    desk.now = utc("20240627-20:00:00");
    desk.connect().gets(&logon(3)).says(["35=A|34=4|98=0|108=30|"]).gets("35=5|34=4|").wrote();
    // Something happens at night: it has a number of the day that comes.
    desk.now = utc("20240627-23:00:00");
    desk.reports(2).says([]);
    desk.now = utc("20240628-12:00:01");
    desk.connect().gets(&logon(1)).says(["35=A|34=2|98=0|108=30|"]);
    desk.gets("35=2|34=2|7=1|16=1|");
    desk.says(["35=8|34=1|43=Y|122=20240627-23:00:00.000|58=event 2|"]);
    assert_eq!(desk.session.store().epoch(), 1, "once");
}

/// A client that is logged on when a session of 24 hours ends is logged out first.
#[test]
fn a_period_that_begins_with_the_end_of_the_last_waits_for_the_logout() {
    let schedule = Some(daily("America/New_York", "17:00", "17:00"));
    let config = Config { schedule, ..Config::acceptor("RUTTER", "CLIENT") };
    let mut desk = Desk::new(config, memory(), NoCredentials);
    desk.now = utc("20240627-20:59:59");
    desk.connect().gets(&logon(1)).wrote();
    desk.waits(SECOND).says(["35=5|34=2|58=Session hours are over|"]);
    desk.reports(1).says(["35=8|34=3|58=event 1|"]);
    assert_eq!(desk.session.store().epoch(), 0, "not while it is connected");
    desk.gets("35=5|34=2|").connect().gets(&logon(1)).says(["35=A|34=1|98=0|108=30|"]);
    assert_eq!(desk.session.store().epoch(), 1);
    // The connection is from before the end, the Logon from behind it.
    desk.gets("35=5|34=2|").wrote();
    desk.now = utc("20240628-20:59:59");
    desk.connect().now += 2 * SECOND;
    desk.gets(&logon(1)).says(["35=A|34=1|98=0|108=30|"]);
    assert_eq!(desk.session.store().epoch(), 2);
}

fn open(folder: &Path, now: &str) -> Desk<MmapStore, NoCredentials> {
    let store = MmapStore::open(folder, MmapConfig::default()).expect("opens");
    let mut desk = Desk::new(config(), store, NoCredentials);
    desk.now = utc(now);
    desk
}

/// The process is not there when a period begins, dies in it, and comes back.
#[test]
fn numbers_start_anew_once_even_when_nobody_was_there_at_the_time() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let mut desk = open(folder.path(), "20240627-12:00:00");
    desk.connect()
        .gets(&logon(1))
        .reports(1)
        .says(["35=A|34=1|98=0|108=30|", "35=8|34=2|58=event 1|"]);
    drop(desk);
    let mut desk = open(folder.path(), "20240627-15:00:00");
    desk.connect().gets(&logon(2)).says(["35=A|34=3|98=0|108=30|"]);
    drop(desk);
    for seq in 1..=3 {
        let mut desk = open(folder.path(), "20240702-12:30:00");
        let number = seq.to_string();
        desk.connect().gets(&logon(seq)).says([&format!("35=A|34={number}|98=0|108=30|")]);
        assert_eq!(desk.session.store().epoch(), 1, "once, however often it starts");
        assert_eq!(desk.session.last_event_no(), 1);
    }
}

#[test]
fn an_initiator_does_not_log_on_outside_the_hours() {
    let schedule = Some(daily("UTC", "08:00", "17:00"));
    let config = Config { schedule, ..Config::initiator("CLIENT", "RUTTER") };
    let mut desk = Desk::new(config, memory(), NoCredentials);
    desk.now = utc("20240627-07:59:59");
    assert_eq!(desk.session.closed_until_ns(desk.now), Some(utc("20240627-08:00:00")));
    desk.connect().says([]);
    assert_eq!(desk.session.next_deadline_ns(), Some(desk.now));
    assert_eq!(desk.session.closed_until_ns(desk.now), Some(utc("20240627-08:00:00")));
    desk.waits(0).says([]).sees(["gone: outside session hours"]);
    desk.now += SECOND;
    desk.connect().says(["35=A|34=1|98=0|108=30|"]);
}

/// A session without a schedule is never closed and never starts anew by itself.
#[test]
fn a_session_around_the_clock_goes_on_for_years() {
    let mut desk = Desk::new(Config::acceptor("RUTTER", "CLIENT"), memory(), NoCredentials);
    for day in 0..1_000 {
        desk.connect().gets(&logon(1 + 2 * day)).gets(&format!("35=5|34={}|", 2 + 2 * day));
        desk.now += 24 * HOUR;
    }
    assert_eq!((desk.session.next_in(), desk.session.next_out()), (2_001, 2_001));
}
