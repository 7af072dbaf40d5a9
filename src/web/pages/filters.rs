//! What is typed into the filters of a page: read, and where it cannot be, told beside the field.

use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::de::DeserializeOwned;

use crate::clock::Timestamp;
use crate::web::form::Form;
use crate::web::texts::Texts;

/// Fields that cannot be read, each with what is wrong.
#[derive(Debug, Default)]
pub(in crate::web) struct Wrong(Vec<(&'static str, &'static str)>);

impl Wrong {
    pub(in crate::web) fn add(&mut self, name: &'static str, words: &'static str) {
        self.0.push((name, words));
    }

    pub(in crate::web) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is wrong with a field.
    pub(super) fn of(&self, name: &str) -> Option<&'static str> {
        let (_, words) = self.0.iter().find(|(wrong, _)| *wrong == name)?;
        Some(words)
    }

    /// The type of a field that is of type `plain`: a browser drops from it what is not of that
    /// type, and what was typed is to stay.
    pub(super) fn kind(&self, name: &str, plain: &'static str) -> &'static str {
        self.of(name).map_or(plain, |_| "text")
    }
}

/// Reads fields, and keeps what is wrong.
pub(in crate::web) struct Reader<'a> {
    form: &'a Form,
    zone: &'a TimeZone,
    t: &'static Texts,
    pub(in crate::web) wrong: Wrong,
}

impl<'a> Reader<'a> {
    /// Days are days in `zone`.
    pub(in crate::web) fn new(form: &'a Form, zone: &'a TimeZone, t: &'static Texts) -> Self {
        Self {
            form,
            zone,
            t,
            wrong: Wrong::default(),
        }
    }

    fn keep<T>(
        &mut self,
        name: &'static str,
        words: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let found = read(self.form.get(name)?);
        if found.is_none() {
            self.wrong.add(name, words);
        }
        found
    }

    /// The beginning of a day.
    pub(in crate::web) fn since(&mut self) -> Option<Timestamp> {
        let zone = self.zone;
        self.keep("since", self.t.wrong_day, |day| start_of(day, zone, 0))
    }

    /// The end of a day.
    pub(in crate::web) fn until(&mut self) -> Option<Timestamp> {
        let zone = self.zone;
        let next = self.keep("until", self.t.wrong_day, |day| start_of(day, zone, 1))?;
        Some(Timestamp(next.0.saturating_sub(1)))
    }

    /// A finite number.
    pub(in crate::web) fn score(&mut self, name: &'static str) -> Option<f32> {
        self.keep(name, self.t.wrong_number, |text| {
            text.parse().ok().filter(|score: &f32| score.is_finite())
        })
    }

    /// One of the words that are offered.
    pub(in crate::web) fn word<T: DeserializeOwned>(&mut self, name: &'static str) -> Option<T> {
        self.keep(name, self.t.wrong_choice, word)
    }

    /// Some of the words that are offered.
    pub(in crate::web) fn words<T: DeserializeOwned>(&mut self, name: &'static str) -> Vec<T> {
        let asked = self.form.all(name).filter(|text| !text.is_empty());
        let read: Option<Vec<T>> = asked.map(word).collect();
        read.unwrap_or_else(|| {
            self.wrong.add(name, self.t.wrong_choice);
            Vec::new()
        })
    }

    /// What an address of ours carries, such as where a page begins.
    pub(in crate::web) fn of_ours<T: FromStr>(&mut self, name: &'static str) -> Option<T> {
        self.keep(name, self.t.wrong_choice, |text| text.parse().ok())
    }
}

/// The beginning of a day in a zone, or of the one `later` days after it.
pub(in crate::web) fn start_of(day: &str, zone: &TimeZone, later: i64) -> Option<Timestamp> {
    let day: Date = day.parse().ok()?;
    let day = day.checked_add(jiff::Span::new().days(later)).ok()?;
    let start = day.to_zoned(zone.clone()).ok()?;
    let ms = u64::try_from(start.timestamp().as_millisecond()).ok()?;
    Some(Timestamp(ms))
}

/// A word of ours, as forms and addresses carry it.
pub(in crate::web) fn word<T: DeserializeOwned>(word: &str) -> Option<T> {
    serde_json::from_value(word.into()).ok()
}
