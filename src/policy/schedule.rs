//! When digests are due: rhythm, weekdays and time zone become the next time, across changes of the
//! clock (SY-06).

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp as Instant};

use crate::clock::Timestamp;

/// The hour of `daily` and `weekly`.
const MORNING: i8 = 7;
/// Days looked at for the next time: a week, and more where a zone skips a day.
const DAYS_LOOKED: i32 = 16;
/// Longest name of a zone, in octets.
const ZONE_LONGEST: usize = 60;
/// A clock that went back by no more is believed to have been right before.
const WENT_BACK: Duration = Duration::from_secs(25 * 3600);
const HOUR_MS: u64 = 3_600_000;

/// How often.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Rhythm {
    #[default]
    Never,
    Hourly,
    /// At 7:00.
    Daily,
    /// At 7:00 on the first of the weekdays, which is Monday unless others are chosen.
    Weekly,
    /// At these hours of the day, ascending.
    Hours(Vec<i8>),
}

/// A text is not a rhythm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write never, hourly, daily, weekly, or hours of the day as in 7,12,17")]
pub struct RhythmError;

impl FromStr for Rhythm {
    type Err = RhythmError;

    fn from_str(text: &str) -> Result<Self, RhythmError> {
        let text = text.trim();
        Ok(match text.to_ascii_lowercase().as_str() {
            "never" => Rhythm::Never,
            "hourly" => Rhythm::Hourly,
            "daily" => Rhythm::Daily,
            "weekly" => Rhythm::Weekly,
            _ if text.len() > 100 => return Err(RhythmError),
            _ => {
                let hour = |text: &str| {
                    let hour = text.trim().parse().ok();
                    hour.filter(|hour| (0..24).contains(hour))
                };
                let hours: Option<Vec<i8>> = text.split(',').map(hour).collect();
                let mut hours = hours.ok_or(RhythmError)?;
                hours.sort_unstable();
                hours.dedup();
                Rhythm::Hours(hours)
            }
        })
    }
}

impl fmt::Display for Rhythm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rhythm::Never => f.write_str("never"),
            Rhythm::Hourly => f.write_str("hourly"),
            Rhythm::Daily => f.write_str("daily"),
            Rhythm::Weekly => f.write_str("weekly"),
            Rhythm::Hours(hours) => {
                let hours: Vec<String> = hours.iter().map(ToString::to_string).collect();
                f.write_str(&hours.join(","))
            }
        }
    }
}

/// Some days of the week; never none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weekdays(u8);

const DAYS: [(Weekday, &str); 7] = [
    (Weekday::Monday, "mon"),
    (Weekday::Tuesday, "tue"),
    (Weekday::Wednesday, "wed"),
    (Weekday::Thursday, "thu"),
    (Weekday::Friday, "fri"),
    (Weekday::Saturday, "sat"),
    (Weekday::Sunday, "sun"),
];

impl Weekdays {
    pub const ALL: Weekdays = Weekdays(0b111_1111);

    #[must_use]
    pub fn has(self, day: Weekday) -> bool {
        self.0 >> day.to_monday_zero_offset() & 1 == 1
    }

    /// The first of them alone.
    fn first(self) -> Self {
        Weekdays(1 << self.0.trailing_zeros())
    }

    /// The names that can be written, and whether each is among these.
    pub fn each(self) -> impl Iterator<Item = (&'static str, bool)> {
        DAYS.into_iter()
            .map(move |(day, name)| (name, self.has(day)))
    }
}

impl Default for Weekdays {
    fn default() -> Self {
        Self::ALL
    }
}

/// A text names no days of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write all, or days as in mon,tue,wed,thu,fri")]
pub struct WeekdaysError;

impl FromStr for Weekdays {
    type Err = WeekdaysError;

    fn from_str(text: &str) -> Result<Self, WeekdaysError> {
        if text.trim().eq_ignore_ascii_case("all") {
            return Ok(Self::ALL);
        }
        let mut days = 0;
        for word in text.split(',').take(DAYS.len() + 1) {
            let named = |(_, name): &(Weekday, &str)| name.eq_ignore_ascii_case(word.trim());
            days |= 1 << DAYS.iter().position(named).ok_or(WeekdaysError)?;
        }
        Ok(Weekdays(days))
    }
}

impl fmt::Display for Weekdays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ALL {
            return f.write_str("all");
        }
        let names: Vec<&str> = self
            .each()
            .filter(|(_, on)| *on)
            .map(|(name, _)| name)
            .collect();
        f.write_str(&names.join(","))
    }
}

/// A time zone by its name in the IANA database, as in `Europe/Berlin`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone(String);

/// A text names no time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this time zone is not known here; write it as in Europe/Berlin, or UTC")]
pub struct ZoneError;

impl Default for Zone {
    fn default() -> Self {
        Self("UTC".to_owned())
    }
}

impl Zone {
    /// The zone; UTC if the machine has lost it since.
    #[must_use]
    pub fn get(&self) -> TimeZone {
        TimeZone::get(&self.0).unwrap_or(TimeZone::UTC)
    }
}

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(text: &str) -> Result<Self, ZoneError> {
        let text = text.trim();
        let named = text.len() <= ZONE_LONGEST
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"/_+-".contains(&b));
        let zone = named.then(|| TimeZone::get(text).ok()).flatten();
        let name = zone.as_ref().and_then(TimeZone::iana_name);
        // As the database writes it.
        name.map(|name| Self(name.to_owned())).ok_or(ZoneError)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

crate::serde_as_text!(Rhythm, Weekdays, Zone);

/// When somebody's digests are due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    pub rhythm: Rhythm,
    pub days: Weekdays,
    pub zone: Zone,
}

impl Schedule {
    /// The first time after `after`; `None` for never. It is always later than `after`, so whoever asks
    /// with what was answered goes through all times, each once. An hour that the clock skips comes
    /// when the clock has moved on; one that it shows twice, the first time.
    #[must_use]
    pub fn next_due(&self, after: Timestamp) -> Option<Timestamp> {
        let zone = self.zone.get();
        let hours = match &self.rhythm {
            Rhythm::Never => return None,
            Rhythm::Hourly => return self.next_hour(&zone, after),
            Rhythm::Daily | Rhythm::Weekly => &[MORNING][..],
            Rhythm::Hours(hours) => hours,
        };
        let days = match self.rhythm {
            Rhythm::Weekly => self.days.first(),
            _ => self.days,
        };
        // From the day before on: where the clock skips a day, its hours come on the next one.
        let first = local(&zone, after).date().yesterday().ok()?;
        (0..DAYS_LOOKED)
            .filter_map(|later| first.checked_add(Span::new().days(later)).ok())
            .filter(|day| days.has(day.weekday()))
            .flat_map(|day| hours.iter().map(move |hour| (day, *hour)))
            .filter_map(|(day, hour)| instant(&zone, day, hour))
            .find(|at| *at > after)
    }

    /// The same for somebody whose digest that was due at `last` was sent already. Where the clock
    /// went back a little since, what was due then is not due again; where it had been far ahead, it
    /// is as if nothing had been sent.
    #[must_use]
    pub fn next_for(&self, last: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
        let went_back = |last: &Timestamp| *last > now && last.since(now) <= WENT_BACK;
        self.next_due(last.filter(went_back).unwrap_or(now))
    }

    /// The next full hour of the zone's clock, on one of the days.
    fn next_hour(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        let mut at = after;
        for _ in 0..DAYS_LOOKED * 24 {
            let here = local(zone, at);
            let past = (u64::from(here.minute().unsigned_abs()) * 60
                + u64::from(here.second().unsigned_abs()))
                * 1000
                + u64::from(here.millisecond().unsigned_abs());
            at = Timestamp(at.0.saturating_sub(past).saturating_add(HOUR_MS));
            if self.days.has(local(zone, at).weekday()) {
                return Some(at);
            }
        }
        None
    }
}

fn local(zone: &TimeZone, at: Timestamp) -> jiff::Zoned {
    let at = i64::try_from(at.0).ok();
    let at = at.and_then(|at| Instant::from_millisecond(at).ok());
    at.unwrap_or(Instant::MAX).to_zoned(zone.clone())
}

fn instant(zone: &TimeZone, day: Date, hour: i8) -> Option<Timestamp> {
    let at = zone.to_ambiguous_zoned(day.at(hour, 0, 0, 0));
    let at = at.compatible().ok()?.timestamp().as_millisecond();
    u64::try_from(at).ok().map(Timestamp)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
