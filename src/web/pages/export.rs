//! The log as a file: rows are searched for as the client takes them (RFC 4180).

use std::io;
use std::time::Duration;

use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::IntoResponse;
use tokio::time::Instant;

use super::log::query_of;
use crate::actions::{Query, Refusal};
use crate::mail::Direction;
use crate::policy::Principal;
use crate::record::Event;
use crate::web::House;
use crate::web::answer::{Answer, Fault};
use crate::web::download::made;
use crate::web::form::Form;
use crate::web::visitor::Visitor;

/// Lines of one export.
const MOST: usize = 50_000;
/// Lines that are searched for at once, and wait in memory to be taken.
const PAGE: usize = 500;
/// The longest time of one export.
const LONGEST: Duration = Duration::from_secs(1200);

const HEAD: &str =
    "time,status,direction,from,to,subject,size,client,class,score,who,door,answer,mail,entry\r\n";

/// An export that goes on.
struct Export {
    house: House,
    by: Principal,
    /// What is left to look for; `None` at the end.
    wanted: Option<Query>,
    left: usize,
    until: Instant,
    /// Text that waits to be taken.
    text: String,
}

impl Export {
    /// Searches for the next lines.
    async fn search(&mut self) -> Result<(), Refusal> {
        let Some(mut wanted) = self.wanted.take() else {
            return Ok(());
        };
        let most = self.left.min(PAGE);
        let found = self.house.desk.log(&self.by, &wanted, most).await?;
        self.left = self.left.saturating_sub(found.rows.len());
        for event in &found.rows {
            csv_line(event, &mut self.text);
        }
        if self.left > 0 && found.next.is_some() {
            wanted.before = found.next;
            self.wanted = Some(wanted);
        }
        Ok(())
    }
}

/// What the client gets next.
async fn next(mut export: Export) -> io::Result<Option<(String, Export)>> {
    while export.text.is_empty() && export.wanted.is_some() {
        if Instant::now() > export.until {
            return Err(io::ErrorKind::TimedOut.into());
        }
        export.search().await.map_err(io::Error::other)?;
    }
    let text = std::mem::take(&mut export.text);
    Ok((!text.is_empty()).then_some((text, export)))
}

/// `GET /log.csv`: the same search as the page's, in the form of RFC 4180. What fails before the
/// first lines is told; what fails later ends the file before its end.
pub(in crate::web) async fn csv(
    State(house): State<House>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Answer {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    let (wanted, wrong) = query_of(&form, &visitor.taste);
    if !wrong.is_empty() {
        return Err(Fault::Bad(visitor.taste.t.wrong_search.to_owned()));
    }
    let stay = house.downloads.begin(&visitor.principal.who, 0)?;
    let mut export = Export {
        house,
        by: visitor.principal.clone(),
        wanted: Some(wanted),
        left: MOST,
        until: Instant::now() + LONGEST,
        text: HEAD.to_owned(),
    };
    export.search().await?;
    let fields = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"quaranta-log.csv\"",
        ),
    ];
    Ok((fields, made(export, stay, next)).into_response())
}

fn csv_line(event: &Event, out: &mut String) {
    let to: Vec<String> = event.to.iter().map(ToString::to_string).collect();
    let text = |value: Option<String>| value.unwrap_or_default();
    let direction = event.direction.map(|direction| match direction {
        Direction::Inbound => "inbound".to_owned(),
        Direction::Outbound => "outbound".to_owned(),
    });
    let cells = [
        event.at.utc().timestamp().to_string(),
        event.status.to_string(),
        text(direction),
        text(event.from.as_ref().map(ToString::to_string)),
        to.join(" "),
        event.subject.clone(),
        event.size.to_string(),
        text(event.client.map(|c| c.to_string())),
        text(event.class.map(|c| c.to_string())),
        text(event.score.map(|s| format!("{s:.1}"))),
        event.who.clone(),
        event.door.name.clone(),
        event.words.clone(),
        text(event.mail.map(|m| m.to_string())),
        text(event.entry.map(|e| e.to_string())),
    ];
    let cells: Vec<String> = cells.iter().map(|cell| csv_cell(cell)).collect();
    out.push_str(&cells.join(","));
    out.push_str("\r\n");
}

/// A cell that a spreadsheet takes for text: what begins like a formula gets a quote before it.
fn csv_cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '@', '\t', '\r'])
        || text.starts_with('-') && text.parse::<f64>().is_err();
    let text = if formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains(['"', ',', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_never_a_formula() {
        for (text, want) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"x\"\r\n", "\"say \"\"x\"\"\r\n\""),
            ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
            ("-1.5", "-1.5"),
            ("-1+1", "'-1+1"),
        ] {
            assert_eq!(csv_cell(text), want);
        }
    }
}
