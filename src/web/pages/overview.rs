//! How things go: volumes and verdicts over time, who sends and receives most, what was let out again.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{RawQuery, State};

use super::quarantine::SHELVES;
use super::watched::{Watched, watched};
use super::{Choice, Frame};
use crate::actions::{Count, Step, Tally, Top};
use crate::clock::Timestamp;
use crate::mail::Direction;
use crate::policy::{Class, Right, Scope};
use crate::record::{Shelf, Status};
use crate::web::House;
use crate::web::answer::{Answer, page};
use crate::web::form::Form;
use crate::web::texts::Texts;
use crate::web::view;
use crate::web::visitor::Visitor;

const HOUR_MS: u64 = 3_600_000;
/// Rows of each list of the most frequent.
const TOP_MOST: usize = 8;

/// The size of a chart in its own units; it is drawn as wide as there is room.
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 44.0;
const BOTTOM: f64 = 24.0;
const TOP: f64 = 8.0;

/// A rectangle of a chart.
struct Bar {
    x: String,
    y: String,
    width: String,
    height: String,
    series: usize,
    title: String,
}

/// A text at an axis, and the line that belongs to it.
struct Mark {
    at: String,
    text: String,
}

struct Chart {
    title: &'static str,
    legend: Vec<&'static str>,
    bars: Vec<Bar>,
    across: Vec<Mark>,
    up: Vec<Mark>,
    /// The same as a table: the time, then a number for each series.
    table: Vec<(String, Vec<u64>)>,
}

struct Tile {
    number: u64,
    text: &'static str,
    href: String,
}

struct TopList {
    title: &'static str,
    rows: Vec<(String, u64, String)>,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    frame: Frame,
    ranges: Vec<Choice>,
    tiles: Vec<Tile>,
    charts: Vec<Chart>,
    tops: Vec<TopList>,
    owed: Option<u64>,
    watched: Option<Watched>,
}

/// `GET /overview`
pub(in crate::web) async fn show(
    State(house): State<House>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Answer {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    let (hours, step, name) = match form.get("range") {
        Some("week") => (7 * 24, Step::Hour, "week"),
        Some("month") => (30 * 24, Step::Day, "month"),
        _ => (24, Step::Hour, "day"),
    };
    let (by, t) = (visitor.principal.clone(), visitor.taste.t);
    let now = house.desk.now();
    let since = Timestamp(now.0.saturating_sub((hours - 1) * HOUR_MS));
    let tally = house.desk.tally(&by, since, now, step).await?;
    let owed = if by.scope == Scope::Global && by.has(Right::Administer) {
        let status = house.desk.status(&by).await?;
        Some(status.owed.len() as u64)
    } else {
        None
    };
    let mut tiles = Vec::new();
    for (shelf, kind, direction) in SHELVES {
        let number = house.desk.count(&by, kind, direction).await?;
        let text = match (kind, direction) {
            (Shelf::Caught, Direction::Inbound) => t.held_in,
            (Shelf::Caught, Direction::Outbound) => t.held_out,
            (Shelf::Pending, _) if number > 0 => t.pending_now,
            (Shelf::Pending | Shelf::TrainingRequested, _) => continue,
        };
        let href = format!("/quarantine?shelf={shelf}");
        tiles.push(Tile { number, text, href });
    }
    tiles.extend(volumes(&tally, t));
    let frame = Frame::new(visitor, "/overview", now);
    let watch = house.watch.as_ref().filter(|_| owed.is_some());
    let watched = watch.map(|(alerts, checks)| watched(&alerts.open(), &checks.shown(), &frame));
    let scale = Scale::new(since, now, step);
    let wrong = tally.counts.iter().filter(|count| was_held_as_bad(count));
    let wrong: Vec<Count> = wrong.cloned().collect();
    let charts = vec![
        chart(t.chart_mail, &VERDICTS, &tally.counts, &scale, &frame),
        chart(t.chart_released, &RELEASES, &wrong, &scale, &frame),
    ];
    page(&Page {
        ranges: ranges(name, t),
        tiles,
        charts,
        tops: vec![
            top(t.top_senders, "from", &tally.senders),
            top(t.top_recipients, "to", &tally.recipients),
            top(t.top_clients, "client", &tally.clients),
        ],
        owed,
        watched,
        frame,
    })
}

fn ranges(name: &str, t: &Texts) -> Vec<Choice> {
    [
        ("day", t.range_day),
        ("week", t.range_week),
        ("month", t.range_month),
    ]
    .map(|(value, text)| Choice {
        value,
        text,
        current: value == name,
    })
    .into()
}

fn volumes(tally: &Tally, t: &'static Texts) -> Vec<Tile> {
    let sum = |wanted: &[Status]| {
        let counts = tally.counts.iter();
        let fit = counts.filter(|count| wanted.contains(&count.status));
        fit.map(|count| count.events).sum::<u64>()
    };
    let tile = |text, status: &'static str, wanted: &[Status]| Tile {
        number: sum(wanted),
        text,
        href: format!("/log?status={status}"),
    };
    vec![
        tile(t.series_delivered, "accepted", &[Status::Accepted]),
        tile(t.series_marked, "tagged", &[Status::Tagged]),
        tile(t.series_held, "quarantined", &[Status::Quarantined]),
        tile(t.series_deferred, "deferred", &[Status::Deferred]),
        tile(
            t.series_refused,
            "refused",
            &[Status::Refused, Status::NotAccepted],
        ),
    ]
}

/// A series: its name, and what counts for it.
type Series = (fn(&Texts) -> &'static str, &'static [Status]);

const VERDICTS: [Series; 4] = [
    (|t| t.series_delivered, &[Status::Accepted]),
    (
        |t| t.series_marked_or_deferred,
        &[Status::Tagged, Status::Deferred],
    ),
    (|t| t.series_held, &[Status::Quarantined, Status::Pending]),
    (
        |t| t.series_refused,
        &[Status::Refused, Status::NotAccepted],
    ),
];

/// What was held and is wanted after all: the false positives that people told us of.
const RELEASES: [Series; 2] = [
    (
        |t| t.series_released,
        &[Status::Released, Status::ReleasedAndTrained],
    ),
    (|t| t.series_reported, &[Status::TrainedHam]),
];

/// False for pending mail, and for copies of what was delivered: nobody had called them spam.
fn was_held_as_bad(count: &Count) -> bool {
    !matches!(count.class, Some(Class::Clean | Class::Unsure))
}

/// The steps of time that a chart has.
struct Scale {
    first: u64,
    steps: u64,
    length: u64,
    step: Step,
}

impl Scale {
    fn new(since: Timestamp, until: Timestamp, step: Step) -> Self {
        let length = step.hours() * HOUR_MS;
        let first = since.0 / length;
        Self {
            first,
            steps: until.0 / length - first + 1,
            length,
            step,
        }
    }

    fn place(&self, at: Timestamp) -> Option<u64> {
        let step = (at.0 / self.length).checked_sub(self.first)?;
        (step < self.steps).then_some(step)
    }

    fn start(&self, step: u64) -> Timestamp {
        Timestamp((self.first + step) * self.length)
    }

    /// How a step is written at the axis.
    fn text(&self, step: u64, frame: &Frame) -> String {
        let when = frame.when(self.start(step));
        match self.step {
            Step::Hour => when.short,
            Step::Day => when.day,
        }
    }
}

fn chart(
    title: &'static str,
    series: &[Series],
    counts: &[Count],
    scale: &Scale,
    frame: &Frame,
) -> Chart {
    let t = frame.t();
    let mut numbers: BTreeMap<u64, Vec<u64>> = (0..scale.steps)
        .map(|step| (step, vec![0; series.len()]))
        .collect();
    for Count {
        at, status, events, ..
    } in counts
    {
        let row = scale.place(*at).and_then(|step| numbers.get_mut(&step));
        let which = series.iter().position(|(_, fit)| fit.contains(status));
        if let (Some(row), Some(which)) = (row, which) {
            row[which] += events;
        }
    }
    let sums = numbers.values().map(|row| row.iter().sum::<u64>());
    let highest = nice(sums.max().unwrap_or(0));
    let legend: Vec<&'static str> = series.iter().map(|(name, _)| name(t)).collect();
    let every = (scale.steps / 8).max(1);
    Chart {
        title,
        bars: bars(&numbers, highest, scale, &legend, frame),
        across: (0..scale.steps)
            .step_by(usize::try_from(every).unwrap_or(1))
            .map(|step| Mark {
                at: format!("{:.1}", x(step, scale)),
                text: scale.text(step, frame),
            })
            .collect(),
        up: (0..=4)
            .map(|quarter| Mark {
                at: format!("{:.1}", y(highest * quarter / 4, highest)),
                text: (highest * quarter / 4).to_string(),
            })
            .collect(),
        table: numbers
            .into_iter()
            .filter(|(_, row)| row.iter().any(|n| *n > 0))
            .map(|(step, row)| (frame.when(scale.start(step)).long, row))
            .collect(),
        legend,
    }
}

/// The end of an axis: the next number that four steps lead to well.
fn nice(most: u64) -> u64 {
    let mut unit = 1_u64;
    loop {
        for factor in [4, 8, 12, 16, 20, 24, 28, 32, 36] {
            if unit.saturating_mul(factor) >= most {
                return unit.saturating_mul(factor);
            }
        }
        unit = unit.saturating_mul(10);
    }
}

// Counts of mail are far below what an f64 tells apart.
fn x(step: u64, scale: &Scale) -> f64 {
    LEFT + (WIDTH - LEFT) * step as f64 / scale.steps as f64
}

fn y(number: u64, highest: u64) -> f64 {
    let share = number as f64 / highest as f64;
    TOP + (HEIGHT - BOTTOM - TOP) * (1.0 - share)
}

fn bars(
    numbers: &BTreeMap<u64, Vec<u64>>,
    highest: u64,
    scale: &Scale,
    legend: &[&'static str],
    frame: &Frame,
) -> Vec<Bar> {
    let wide = (WIDTH - LEFT) / scale.steps as f64;
    let mut bars = Vec::new();
    for (step, row) in numbers {
        let mut below = 0;
        for (series, number) in row.iter().enumerate().filter(|(_, n)| **n > 0) {
            let (low, high) = (y(below, highest), y(below + number, highest));
            below += number;
            bars.push(Bar {
                x: format!("{:.1}", x(*step, scale) + wide * 0.1),
                y: format!("{high:.1}"),
                width: format!("{:.1}", wide * 0.8),
                height: format!("{:.1}", low - high),
                series,
                title: format!("{}: {} {number}", scale.text(*step, frame), legend[series]),
            });
        }
    }
    bars
}

fn top<T: ToString>(title: &'static str, field: &str, top: &[Top<T>]) -> TopList {
    let rows = top.iter().take(TOP_MOST).map(|one| {
        let what = one.what.to_string();
        let query = Form::default().with(field, &what);
        (view::plain(&what), one.events, format!("/log?{query}"))
    });
    TopList {
        title,
        rows: rows.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_number_that_four_steps_lead_to() {
        for (most, end) in [
            (0, 4),
            (4, 4),
            (5, 8),
            (9, 12),
            (37, 40),
            (81, 120),
            (1999, 2000),
        ] {
            assert_eq!(nice(most), end, "{most}");
        }
        assert!(nice(u64::MAX) > 0);
    }
}
