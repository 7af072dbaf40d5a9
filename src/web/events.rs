//! News of what is held, as server-sent events: for programs, and for the panel's own page.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream::unfold;
use serde_json::json;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, sleep_until};

use super::House;
use super::answer::Answer;
use super::form::Form;
use super::pages::quarantine::{SHELVES, shelf_of};
use super::visitor::Visitor;
use crate::actions::{Notice, NoticeKind};
use crate::mail::Direction;
use crate::net::listen::Closing;
use crate::policy::Scope;
use crate::record::Shelf;

/// How often a silent line is shown to be alive.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What is told of an entry.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    IdAndShelf,
    /// That one came, and no more: the page asks for what it shows.
    Nothing,
}

/// Who listens.
pub(super) struct Listener {
    pub(super) scope: Scope,
    /// `None` for all shelves.
    pub(super) place: Option<(Shelf, Direction)>,
    pub(super) told: Told,
}

impl Listener {
    /// The event for a notice, if it is for this listener.
    fn event(&self, notice: &Notice) -> Option<String> {
        let place = (notice.shelf, notice.direction);
        if !self.scope.holds_address(&notice.owner) || self.place.is_some_and(|p| p != place) {
            return None;
        }
        let name = match notice.what {
            NoticeKind::Came => "came",
            NoticeKind::Went if self.told == Told::IdAndShelf => "went",
            NoticeKind::Went | NoticeKind::Flags(_) => return None,
        };
        let data = match self.told {
            Told::Nothing => json!({}),
            Told::IdAndShelf => {
                let shelf = SHELVES.iter().find(|(_, s, d)| (*s, *d) == place);
                json!({ "id": notice.id, "shelf": shelf.map(|(name, ..)| name) })
            }
        };
        Some(format!("event: {name}\ndata: {data}\n\n"))
    }
}

struct Line<F> {
    notices: Receiver<Notice>,
    closing: Closing,
    listener: Listener,
    holds: F,
    begun: bool,
    /// When it is shown to be alive next.
    beat: Instant,
}

/// A stream of events, until the doors close or `holds` says no; that is asked with each
/// heartbeat. A client that lags behind is told that it missed something.
pub(super) fn stream<F, A>(house: &House, listener: Listener, holds: F) -> Response
where
    F: Fn() -> A + Send + 'static,
    A: Future<Output = bool> + Send,
{
    let line = Line {
        notices: house.desk.notices(),
        closing: house.closing.clone(),
        listener,
        holds,
        begun: false,
        beat: Instant::now() + HEARTBEAT,
    };
    let events = unfold(line, async |mut line| {
        let text = next(&mut line).await?;
        Some((Ok::<_, Infallible>(Bytes::from(text)), line))
    });
    let fields = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (fields, Body::from_stream(events)).into_response()
}

async fn next<F, A>(line: &mut Line<F>) -> Option<String>
where
    F: Fn() -> A,
    A: Future<Output = bool>,
{
    if !line.begun {
        line.begun = true;
        return Some("retry: 5000\n\n".to_owned());
    }
    loop {
        tokio::select! {
            biased;
            () = line.closing.wait() => return None,
            () = sleep_until(line.beat) => {
                line.beat = Instant::now() + HEARTBEAT;
                return (line.holds)().await.then(|| ": still here\n\n".to_owned());
            }
            notice = line.notices.recv() => match notice {
                Ok(notice) => {
                    if let Some(text) = line.listener.event(&notice) {
                        return Some(text);
                    }
                }
                Err(RecvError::Lagged(_)) => {
                    return Some("event: missed\ndata: {}\n\n".to_owned());
                }
                Err(RecvError::Closed) => return None,
            },
        }
    }
}

/// `GET /events?shelf=caught|outgoing|training`: for the panel's page; `came` without content.
pub(super) async fn listen(
    State(house): State<House>,
    visitor: Visitor,
    RawQuery(query): RawQuery,
) -> Answer {
    let form = Form::read(query.unwrap_or_default().as_bytes());
    let (_, place) = shelf_of(form.get("shelf"));
    // Asked with each heartbeat: who signed out, or whose right was taken back, hears no more.
    let scope = visitor.principal.scope.clone();
    let listener = Listener {
        scope: scope.clone(),
        place: Some(place),
        told: Told::Nothing,
    };
    let (login, token) = (house.login.clone(), visitor.token);
    let holds = move || {
        let (login, token, scope) = (login.clone(), token.clone(), scope.clone());
        async move { login.still_acts(&token, &scope).await }
    };
    Ok(stream(&house, listener, holds))
}

#[cfg(test)]
mod tests {
    use tokio::sync::broadcast;

    use super::*;
    use crate::mail::EntryId;
    use crate::net::listen::closing;

    fn notice(owner: &str) -> Notice {
        Notice {
            id: EntryId([7; 16]),
            uid: 1,
            owner: owner.parse().expect("address"),
            shelf: Shelf::Caught,
            direction: Direction::Inbound,
            what: NoticeKind::Came,
        }
    }

    #[tokio::test]
    async fn se17_who_lags_behind_is_told_and_the_end_comes_with_the_doors() {
        let (sender, notices) = broadcast::channel(1);
        let (closer, closing) = closing();
        let mut line = Line {
            notices,
            closing,
            listener: Listener {
                scope: "example.org".parse().expect("scope"),
                place: None,
                told: Told::Nothing,
            },
            holds: async || true,
            begun: false,
            beat: Instant::now() + HEARTBEAT,
        };
        for owner in ["a@other.org", "b@example.org", "c@example.org"] {
            sender.send(notice(owner)).expect("sent");
        }
        let mut told = Vec::new();
        for _ in 0..3 {
            told.push(next(&mut line).await.expect("a line"));
        }
        let names: Vec<&str> = told.iter().filter_map(|text| text.lines().next()).collect();
        assert_eq!(names, ["retry: 5000", "event: missed", "event: came"]);
        assert!(!told[2].contains(&notice("c@example.org").id.to_string()));
        closer.close();
        assert_eq!(next(&mut line).await, None);
    }
}
