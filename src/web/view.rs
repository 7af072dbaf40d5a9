//! How things are written for people: dates in their zone, sizes, scores, names without traps.

use jiff::Timestamp as Instant;
use jiff::tz::TimeZone;

use super::texts::Texts;
use crate::clock::Timestamp;
use crate::policy::Class;

pub(super) use crate::mail::harmless as plain;

/// A time as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct When {
    /// RFC 3339, for machines.
    pub(super) iso: String,
    /// Short: the time for today, the day for others.
    pub(super) short: String,
    /// The day alone, short.
    pub(super) day: String,
    /// In full, with the zone.
    pub(super) long: String,
}

impl When {
    pub(super) fn new(at: Timestamp, now: Timestamp, zone: &TimeZone, t: &Texts) -> Self {
        let zoned = |at: Timestamp| {
            let ms = i64::try_from(at.0).unwrap_or(i64::MAX);
            Instant::from_millisecond(ms)
                .unwrap_or(Instant::MAX)
                .to_zoned(zone.clone())
        };
        let (then, today) = (zoned(at), zoned(now));
        let short = if then.date() == today.date() {
            then.strftime("%H:%M").to_string()
        } else if then.year() == today.year() {
            then.strftime(t.day_this_year).to_string()
        } else {
            then.strftime(t.day_other_year).to_string()
        };
        Self {
            iso: then.timestamp().to_string(),
            short,
            day: then.strftime(t.day_only).to_string(),
            long: then.strftime("%Y-%m-%d %H:%M:%S %Z").to_string(),
        }
    }
}

/// `812 B`, `14 KB`, `2.1 MB`.
pub(super) fn size(octets: u64) -> String {
    const UNITS: [&str; 4] = ["KB", "MB", "GB", "TB"];
    if octets < 1000 {
        return format!("{octets} B");
    }
    // What an f64 rounds of a size is shown rounded anyway.
    let mut value = octets as f64;
    let mut unit = "B";
    for next in UNITS {
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = next;
    }
    if value < 9.95 {
        format!("{value:.1} {unit}")
    } else {
        format!("{value:.0} {unit}")
    }
}

/// The class in words.
pub(super) fn class(class: Class, t: &Texts) -> &'static str {
    match class {
        Class::Clean => t.class_clean,
        Class::Unsure => t.class_unsure,
        Class::Spam => t.class_spam,
        Class::Malware => t.class_malware,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (octets, want) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 KB"),
            (14_200, "14 KB"),
            (999_600, "1.0 MB"),
            (52_428_800, "52 MB"),
        ] {
            assert_eq!(size(octets), want);
        }
    }

    #[test]
    fn times_stand_in_the_readers_zone() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let at = Timestamp(1_795_255_200_000);
        let t = crate::web::texts::choose(None, None);
        let when = When::new(at, at, &zone, t);
        assert_eq!(when.iso, "2026-11-21T10:00:00Z");
        assert_eq!(when.short, "12:00");
        assert!(
            When::new(at, at.after_days(1), &zone, t)
                .short
                .contains("21 Nov")
        );
    }
}
