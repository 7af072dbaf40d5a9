//! What is done with the messages that were ticked, on whatever page.

use axum::extract::State;

use super::filters::word;
use super::quarantine::{shelf_of, sieve_of};
use crate::actions::{Outcome, Reach, Refusal, Verb};
use crate::mail::EntryId;
use crate::record::State as EntryState;
use crate::web::House;
use crate::web::answer::{Answer, Fault, local, redirect};
use crate::web::form::Form;
use crate::web::texts::{Texts, fill};
use crate::web::visitor::{Flash, Pressed, Visitor};

/// Entries that one press acts on at most.
const ACT_MOST: usize = 50_000;
/// Ids that an undo remembers.
const UNDO_MOST: usize = 500;

/// `POST /quarantine/act`: one action for all rows that were ticked, or for all results of the
/// search.
pub(in crate::web) async fn act(
    State(house): State<House>,
    Pressed { visitor, form }: Pressed,
) -> Answer {
    let verb: Verb = named(form.get("verb"))?;
    let reach: Reach = match form.get("reach") {
        Some(_) => named(form.get("reach"))?,
        None => Reach::default(),
    };
    let by = visitor.principal.clone();
    let ids = if form.get("all").is_some() {
        let asked = Form::read(form.get("query").unwrap_or_default().as_bytes());
        let (_, place) = shelf_of(asked.get("shelf"));
        let (sieve, wrong) = sieve_of(&asked, &visitor.taste);
        if !wrong.is_empty() {
            return Err(Fault::Bad(visitor.taste.t.wrong_search.to_owned()));
        }
        house.desk.sifted(&by, place, &sieve, ACT_MOST).await?
    } else {
        let ids = form.all("id").filter_map(|id| id.parse().ok());
        ids.take(ACT_MOST).collect()
    };
    let why = form.get("why").unwrap_or_default();
    let results = house
        .desk
        .perform_all(&by, &verb.because(reach, why), &ids, &visitor.door())
        .await;
    let flash = told(&house, &visitor, verb, &ids, results).await;
    house.flashes.say(&visitor, flash);
    Ok(redirect(local(form.get("back").unwrap_or("/quarantine"))))
}

fn named<T: serde::de::DeserializeOwned>(name: Option<&str>) -> Result<T, Fault> {
    let known = name.and_then(word);
    known.ok_or_else(|| Fault::Bad("There is no such action.".to_owned()))
}

/// What came of it, in one line; and what can be taken back.
async fn told(
    house: &House,
    visitor: &Visitor,
    verb: Verb,
    ids: &[EntryId],
    results: Vec<Result<Outcome, Refusal>>,
) -> Flash {
    let t = visitor.taste.t;
    if results.is_empty() {
        return Flash::bad(t.nothing_chosen);
    }
    let (mut done, mut before, mut refused) = (Vec::new(), 0_u64, Vec::new());
    for (id, result) in ids.iter().zip(results) {
        match result {
            Ok(Outcome::Done(_)) => done.push(*id),
            Ok(Outcome::Already(_)) => before += 1,
            Err(refusal) => refused.push(refusal.to_string()),
        }
    }
    let mut words = Vec::new();
    if !done.is_empty() {
        words.push(fill(done_text(verb, t), done.len()));
    }
    if before > 0 {
        words.push(fill(t.done_before, before));
    }
    if !refused.is_empty() {
        let count = fill(t.done_refused, refused.len());
        refused.sort_unstable();
        refused.dedup();
        refused.truncate(3);
        words.push(format!("{count}: {}", refused.join("; ")));
    }
    Flash {
        words: words.join(" · "),
        bad: done.is_empty() && before == 0,
        undo: undoable(house, visitor, verb, &done).await,
        secret: None,
    }
}

fn done_text(verb: Verb, t: &Texts) -> &'static str {
    match verb {
        Verb::Release | Verb::ReleaseAndTrain | Verb::ReleaseAndAllow => t.done_release,
        Verb::Remove | Verb::RemoveAndBlock => t.done_remove,
        Verb::RequestRelease => t.done_request,
        Verb::DenyRequest => t.done_deny,
        Verb::TakeBack => t.done_take_back,
        Verb::TrainSpam | Verb::TrainHam | Verb::RemoveAsSpam | Verb::RemoveAsHam => t.done_train,
    }
}

/// Releases that have not left yet.
async fn undoable(house: &House, visitor: &Visitor, verb: Verb, done: &[EntryId]) -> Vec<String> {
    if !matches!(
        verb,
        Verb::Release | Verb::ReleaseAndTrain | Verb::ReleaseAndAllow
    ) || done.len() > UNDO_MOST
    {
        return Vec::new();
    }
    let rows = house.desk.rows(&visitor.principal, done).await;
    rows.unwrap_or_default()
        .into_iter()
        .flatten()
        .filter(|row| row.entry.state == EntryState::Leaving && row.entry.leaves.is_some())
        .map(|row| row.entry.id.to_string())
        .collect()
}
