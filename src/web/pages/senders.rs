//! Senders that may not send: why and since when, unlocked and locked by administrators.

use askama::Template;
use axum::extract::State;

use super::people::check_over;
use super::{Frame, told};
use crate::policy::{Right, Scope};
use crate::record::SenderLock;
use crate::web::House;
use crate::web::answer::{Answer, Fault, page};
use crate::web::texts::fill;
use crate::web::view::{self, When};
use crate::web::visitor::{Flash, Pressed, Visitor};

const HERE: &str = "/people/senders";

struct Line {
    sender: String,
    since: When,
    by: String,
    why: String,
}

#[derive(Template)]
#[template(path = "senders.html")]
struct Page {
    frame: Frame,
    rows: Vec<Line>,
}

/// `GET /people/senders`
pub(in crate::web) async fn show(State(house): State<House>, visitor: Visitor) -> Answer {
    let by = visitor.principal.clone();
    check_over(&by)?;
    let locks = house.desk.locked_senders(&by).await?;
    let frame = Frame::new(visitor, HERE, house.desk.now());
    let line = |lock: &SenderLock| Line {
        sender: lock.sender.to_string(),
        since: frame.when(lock.since),
        by: view::plain(&lock.by),
        why: view::plain(&lock.why),
    };
    page(&Page {
        rows: locks.iter().map(line).collect(),
        frame,
    })
}

/// `POST /people/senders`: a sender is locked or unlocked.
pub(in crate::web) async fn act(
    State(house): State<House>,
    Pressed { visitor, form }: Pressed,
) -> Answer {
    check_over(&visitor.principal)?;
    let (by, t, door) = (&visitor.principal, visitor.taste.t, visitor.door());
    if !by.has(Right::Administer) {
        return Err(Fault::NotFound);
    }
    let Ok(sender) = form.get("sender").unwrap_or_default().parse::<Scope>() else {
        return told(
            &house,
            &visitor,
            HERE,
            Ok(Flash::bad(t.people.sender_wrong)),
        );
    };
    let came = match form.get("do") {
        Some("lock") => {
            let why = form.get("why").unwrap_or_default().to_owned();
            let locked = house.desk.lock_sender(by, sender.clone(), why, &door);
            locked.await.map(|()| t.people.sender_locked)
        }
        Some("unlock") => {
            let unlocked = house.desk.unlock_sender(by, &sender, &door);
            unlocked.await.map(|()| t.people.sender_unlocked)
        }
        _ => return Err(Fault::NotFound),
    };
    let came = came.map(|words| Flash::good(fill(words, &sender)));
    told(&house, &visitor, HERE, came)
}
