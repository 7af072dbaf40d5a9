//! The release queue: what is owed to whom, what the next server said, tried now or cancelled.

use askama::Template;
use axum::extract::State;

use super::{Frame, told};
use crate::actions::{Outcome, OwedJob, OwedKind, Refusal};
use crate::mail::EntryId;
use crate::policy::{Principal, Right};
use crate::web::House;
use crate::web::answer::{Answer, Fault, page};
use crate::web::texts::{Texts, fill, messages};
use crate::web::view::{self, When};
use crate::web::visitor::{Flash, Pressed, Visitor};

const HERE: &str = "/jobs";

struct Line {
    id: EntryId,
    kind: &'static str,
    subject: String,
    /// It has a page of its own.
    has_entry: bool,
    from: String,
    to: String,
    since: When,
    tries: u32,
    due: When,
    said: String,
    remark: Option<String>,
    can_retry: bool,
    can_cancel: bool,
}

#[derive(Template)]
#[template(path = "jobs.html")]
struct Page {
    frame: Frame,
    count: String,
    rows: Vec<Line>,
    acts: bool,
}

/// `GET /jobs`
pub(in crate::web) async fn show(State(house): State<House>, visitor: Visitor) -> Answer {
    let by = visitor.principal.clone();
    let owed = house.desk.owed(&by).await?;
    let frame = Frame::new(visitor, HERE, house.desk.now());
    page(&Page {
        count: messages(frame.t(), owed.len() as u64),
        rows: owed.iter().map(|job| line(job, &by, &frame)).collect(),
        acts: by.has(Right::Act),
        frame,
    })
}

fn kind(kind: OwedKind, t: &Texts) -> &'static str {
    let w = t.audit;
    match kind {
        OwedKind::Release => w.job_release,
        OwedKind::Deliver => w.job_deliver,
        OwedKind::Send => w.job_send,
        OwedKind::Letter => w.job_letter,
    }
}

fn line(job: &OwedJob, by: &Principal, frame: &Frame) -> Line {
    let (t, w) = (frame.t(), frame.t().audit);
    let subject = view::plain(&job.subject);
    let to: Vec<String> = job.to.iter().map(ToString::to_string).collect();
    let from = job.from.as_ref().map(ToString::to_string);
    let remark = match job.undo_until.filter(|until| *until > frame.now) {
        _ if job.handed_over => Some(w.handed_over.to_owned()),
        Some(until) => Some(fill(w.can_undo, frame.when(until).long)),
        None => None,
    };
    let is_release = job.kind == OwedKind::Release;
    Line {
        id: job.id,
        kind: kind(job.kind, t),
        subject: if subject.trim().is_empty() {
            t.no_subject.to_owned()
        } else {
            subject
        },
        has_entry: is_release,
        from: view::plain(&from.unwrap_or_else(|| t.null_sender.to_owned())),
        to: view::plain(&to.join(", ")),
        since: frame.when(job.since),
        tries: job.tries,
        due: frame.when(job.due),
        said: view::plain(&job.last),
        remark,
        can_retry: by.has(Right::Act) && job.can_retry(frame.now),
        can_cancel: by.has(Right::Act)
            && !job.handed_over
            && (is_release || by.has(Right::Administer)),
    }
}

/// `POST /jobs`: one is tried now, or cancelled.
pub(in crate::web) async fn act(
    State(house): State<House>,
    Pressed { visitor, form }: Pressed,
) -> Answer {
    let (by, w, door) = (&visitor.principal, visitor.taste.t.audit, visitor.door());
    let asked = |name| form.get(name).map(str::parse::<EntryId>);
    let came = match (asked("retry"), asked("cancel")) {
        (Some(Ok(id)), None) => match house.desk.retry_job(by, id, &door).await {
            Ok(Outcome::Done(_)) => Ok(Flash::good(w.retried)),
            Ok(Outcome::Already(_)) => Ok(Flash::good(w.soon)),
            Err(refusal) => Err(refusal),
        },
        (None, Some(Ok(id))) => {
            let cancelled = house.desk.cancel_job(by, id, &door).await;
            cancelled.map(|_| Flash::good(w.cancelled))
        }
        _ => return Err(Fault::NotFound),
    };
    let came = match came {
        Err(Refusal::TooLate) => Ok(Flash::bad(w.too_late)),
        came => came,
    };
    told(&house, &visitor, HERE, came)
}
