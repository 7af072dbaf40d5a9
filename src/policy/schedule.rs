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
