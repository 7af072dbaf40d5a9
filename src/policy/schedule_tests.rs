//! When digests are due, as tables: days, weeks, and all that clocks do.

use jiff::Timestamp as Instant;

use super::schedule::{Rhythm, Schedule, Weekdays, Zone};
use crate::clock::Timestamp;

fn at(text: &str) -> Timestamp {
    let at: Instant = text.parse().expect("RFC 3339");
    Timestamp(at.as_millisecond().unsigned_abs())
}

fn schedule(rhythm: &str, days: &str, zone: &str) -> Schedule {
    Schedule {
        rhythm: rhythm.parse().expect("rhythm"),
        days: days.parse().expect("days"),
        zone: zone.parse().expect("zone"),
    }
}

#[test]
fn sy06_the_table_of_times() {
    let berlin = "Europe/Berlin";
    for (rhythm, days, zone, after, want) in [
        // Plain days, and never the same time again.
        (
            "daily",
            "all",
            "UTC",
            "2026-11-21T06:59:59Z",
            "2026-11-21T07:00:00Z",
        ),
        (
            "daily",
            "all",
            "UTC",
            "2026-11-21T07:00:00Z",
            "2026-11-22T07:00:00Z",
        ),
        (
            "7,12,17",
            "all",
            "UTC",
            "2026-11-21T07:00:00Z",
            "2026-11-21T12:00:00Z",
        ),
        (
            "17,7,12",
            "all",
            "UTC",
            "2026-11-21T20:00:00Z",
            "2026-11-22T07:00:00Z",
        ),
        (
            "0",
            "all",
            "UTC",
            "2026-12-31T23:59:59Z",
            "2027-01-01T00:00:00Z",
        ),
        // 2026-11-21 is a Saturday.
        (
            "daily",
            "mon,tue,wed,thu,fri",
            "UTC",
            "2026-11-21T00:00:00Z",
            "2026-11-23T07:00:00Z",
        ),
        (
            "weekly",
            "all",
            "UTC",
            "2026-11-21T00:00:00Z",
            "2026-11-23T07:00:00Z",
        ),
        (
            "weekly",
            "all",
            "UTC",
            "2026-11-23T07:00:00Z",
            "2026-11-30T07:00:00Z",
        ),
        (
            "weekly",
            "fri,sun",
            "UTC",
            "2026-11-21T00:00:00Z",
            "2026-11-27T07:00:00Z",
        ),
        (
            "hourly",
            "all",
            "UTC",
            "2026-11-21T07:00:00Z",
            "2026-11-21T08:00:00Z",
        ),
        (
            "hourly",
            "all",
            "UTC",
            "2026-11-21T07:59:59.999Z",
            "2026-11-21T08:00:00Z",
        ),
        (
            "hourly",
            "mon",
            "UTC",
            "2026-11-21T07:30:00Z",
            "2026-11-23T00:00:00Z",
        ),
        (
            "hourly",
            "all",
            "Asia/Kathmandu",
            "2026-11-21T07:30:00Z",
            "2026-11-21T08:15:00Z",
        ),
        // 29 February.
        (
            "daily",
            "all",
            "UTC",
            "2028-02-28T08:00:00Z",
            "2028-02-29T07:00:00Z",
        ),
        (
            "daily",
            "all",
            "UTC",
            "2027-02-28T08:00:00Z",
            "2027-03-01T07:00:00Z",
        ),
        // Summer and winter.
        (
            "daily",
            "all",
            berlin,
            "2026-07-01T00:00:00Z",
            "2026-07-01T05:00:00Z",
        ),
        (
            "daily",
            "all",
            berlin,
            "2026-12-01T00:00:00Z",
            "2026-12-01T06:00:00Z",
        ),
        // 2:00 is skipped on 2026-03-29: the clock goes from 2:00 to 3:00 at 1:00 UTC.
        (
            "2",
            "all",
            berlin,
            "2026-03-29T00:59:00Z",
            "2026-03-29T01:00:00Z",
        ),
        (
            "2",
            "all",
            berlin,
            "2026-03-29T01:00:00Z",
            "2026-03-30T00:00:00Z",
        ),
        // Then 2:00 and 3:00 are one time.
        (
            "2,3",
            "all",
            berlin,
            "2026-03-29T01:00:00Z",
            "2026-03-30T00:00:00Z",
        ),
        (
            "hourly",
            "all",
            berlin,
            "2026-03-29T00:30:00Z",
            "2026-03-29T01:00:00Z",
        ),
        (
            "hourly",
            "all",
            berlin,
            "2026-03-29T01:00:00Z",
            "2026-03-29T02:00:00Z",
        ),
        // 2:00 comes twice on 2026-10-25, at 0:00 and 1:00 UTC: the first time counts.
        (
            "2",
            "all",
            berlin,
            "2026-10-24T23:30:00Z",
            "2026-10-25T00:00:00Z",
        ),
        (
            "2",
            "all",
            berlin,
            "2026-10-25T00:00:00Z",
            "2026-10-26T01:00:00Z",
        ),
        (
            "2,3",
            "all",
            berlin,
            "2026-10-25T00:00:00Z",
            "2026-10-25T02:00:00Z",
        ),
        // But who wants it hourly gets it each hour.
        (
            "hourly",
            "all",
            berlin,
            "2026-10-25T00:00:00Z",
            "2026-10-25T01:00:00Z",
        ),
        (
            "hourly",
            "all",
            berlin,
            "2026-10-25T01:00:00Z",
            "2026-10-25T02:00:00Z",
        ),
        // Half an hour of change.
        (
            "hourly",
            "all",
            "Australia/Lord_Howe",
            "2026-10-03T15:00:00Z",
            "2026-10-03T15:30:00Z",
        ),
        // Samoa had no 30 December 2011: its 7:00 came a day later.
        (
            "daily",
            "all",
            "Pacific/Apia",
            "2011-12-29T17:30:00Z",
            "2011-12-30T17:00:00Z",
        ),
        (
            "daily",
            "fri",
            "Pacific/Apia",
            "2011-12-29T17:30:00Z",
            "2011-12-30T17:00:00Z",
        ),
    ] {
        let due = schedule(rhythm, days, zone).next_due(at(after));
        assert_eq!(
            due.map(|due| due.to_string()),
            Some(want.to_owned()),
            "{rhythm} {days} {zone} {after}"
        );
    }
    assert_eq!(
        schedule("never", "all", "UTC").next_due(at("2026-01-01T00:00:00Z")),
        None
    );
    assert_eq!(
        schedule("daily", "all", "UTC").next_due(Timestamp(u64::MAX)),
        None
    );
}

/// SY-06: what was sent is not due again because the clock went back; and none is lost.
#[test]
fn sy06_clocks_that_jump() {
    let seven = "2026-11-21T07:00:00Z";
    for (rhythm, last, now, want) in [
        (
            "daily",
            seven,
            "2026-11-21T07:00:05Z",
            "2026-11-22T07:00:00Z",
        ),
        // Back by minutes, by hours, and by a day.
        (
            "daily",
            seven,
            "2026-11-21T06:30:00Z",
            "2026-11-22T07:00:00Z",
        ),
        (
            "hourly",
            seven,
            "2026-11-21T04:10:00Z",
            "2026-11-21T08:00:00Z",
        ),
        (
            "daily",
            seven,
            "2026-11-20T06:30:00Z",
            "2026-11-22T07:00:00Z",
        ),
        // It had been far ahead.
        (
            "daily",
            "2027-11-21T07:00:00Z",
            "2026-11-21T06:30:00Z",
            seven,
        ),
        (
            "daily",
            "2026-11-23T07:00:00Z",
            "2026-11-21T06:30:00Z",
            seven,
        ),
        // Ahead: what was missed is one time, and the next comes as always.
        (
            "7,12,17",
            seven,
            "2026-11-25T09:00:00Z",
            "2026-11-25T12:00:00Z",
        ),
    ] {
        let due = schedule(rhythm, "all", "UTC").next_for(Some(at(last)), at(now));
        assert_eq!(due, Some(at(want)), "{rhythm} {last} {now}");
    }
}

/// SY-06: in a year with all its changes no time comes twice, and none is left out.
#[test]
fn sy06_a_year_in_every_rhythm() {
    let zones = [
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Tehran",
    ];
    for zone in zones {
        for (rhythm, days, count) in [
            ("daily", "all", 365),
            ("2", "all", 365),
            ("7,12,17", "all", 3 * 365),
            ("weekly", "all", 52),
            ("daily", "mon,wed,fri", 156),
        ] {
            let schedule = schedule(rhythm, days, zone);
            let start = at("2026-01-04T12:00:00Z");
            let (mut now, mut times) = (start, 0);
            while let Some(next) = schedule.next_due(now) {
                assert!(next > now);
                if next > start.after_days(365) {
                    break;
                }
                // From wherever somebody asks between the two, it is the same time.
                let between = Timestamp(now.0.midpoint(next.0));
                assert_eq!(schedule.next_due(between), Some(next), "{zone} {rhythm}");
                (now, times) = (next, times + 1);
            }
            assert!(
                (count - 1..=count + 1).contains(&times),
                "{zone} {rhythm}: {times}"
            );
        }
    }
}

#[test]
fn sy06_words_read_as_they_are_written() {
    for text in ["never", "hourly", "daily", "weekly", "7", "0,12,23"] {
        assert_eq!(text.parse::<Rhythm>().expect("rhythm").to_string(), text);
    }
    for bad in ["", "sometimes", "24", "-1", "7,", "7;8", &"1,".repeat(200)] {
        assert!(bad.parse::<Rhythm>().is_err(), "{bad}");
    }
    for text in ["all", "mon", "sat,sun"] {
        assert_eq!(text.parse::<Weekdays>().expect("days").to_string(), text);
    }
    for bad in ["", "mon,", "montag", "none"] {
        assert!(bad.parse::<Weekdays>().is_err(), "{bad}");
    }
    for text in ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"] {
        assert_eq!(text.parse::<Zone>().expect("zone").to_string(), text);
    }
    for bad in [
        "",
        "Mars/Olympus",
        "../../etc/passwd",
        "/etc/localtime",
        "Europe/Berlin\n x",
    ] {
        assert!(bad.parse::<Zone>().is_err(), "{bad}");
    }
}
