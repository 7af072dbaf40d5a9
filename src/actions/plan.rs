//! The table of actions, pure: entry, action and principal become one change, or none.

use std::time::Duration;

use super::listing::{has_sender, listed};
use super::{Action, Reach, Refusal};
use crate::clock::Timestamp;
use crate::mail::Reply;
use crate::policy::{Class, ListEntry, ListKind, Origin, Principal, Right, Role};
use crate::record::{
    Asked, Change, Door, Entry, Event, Job, JobKind, JobStep, Lesson, Lore, Shelf, State, Status,
};

/// What an action does to an entry from which it is possible.
struct Effect {
    to: State,
    job: bool,
    settles: bool,
    lore: Option<Lore>,
    status: Status,
    failed: Option<Reply>,
    listed: Option<ListEntry>,
    marked: bool,
    words: String,
}

impl Effect {
    fn new(to: State, status: Status) -> Self {
        Self {
            to,
            job: false,
            settles: false,
            lore: None,
            status,
            failed: None,
            listed: None,
            marked: false,
            words: String::new(),
        }
    }
}

/// Longest reason with which a request is denied, in octets.
const WHY_LONGEST: usize = 200;
/// What the owner's policy says of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    /// A release waits so long.
    pub undo: Duration,
    /// What waited in vain for its authorisation is delivered, marked as spam.
    pub marks: bool,
}

/// A release is not taken back in its last second: its job may be in somebody's hand.
const LAST_CALL: Duration = Duration::from_secs(1);

/// Decides. `Ok(None)` means that it has been done already.
///
/// # Errors
/// [`Refusal`], never `Failed`.
pub fn plan(
    entry: &Entry,
    action: &Action,
    by: &Principal,
    door: &Door,
    now: Timestamp,
    terms: Terms,
) -> Result<Option<Change>, Refusal> {
    allowed(entry, action, by)?;
    let Some(effect) = effect(entry, action, (by, door), now, terms)? else {
        return Ok(None);
    };
    let requested = matches!(action, Action::RequestRelease | Action::Appeal(_)).then(|| Asked {
        who: by.who.clone(),
        at: now,
        words: effect.words.clone(),
    });
    let event = Event::new(now, effect.status, &by.who, door.clone()).of(entry);
    let mut event = event.saying(effect.words);
    let leaves = now.after(terms.undo);
    event.client = entry.client.parse().ok();
    let job = if effect.job {
        JobStep::Owe(Job {
            due: leaves,
            ..Job::new(entry.id, entry.mail, JobKind::Release, now)
        })
    } else if effect.settles {
        JobStep::Settle
    } else {
        JobStep::Stay
    };
    let lesson = effect.lore.map(|lore| Lesson {
        mail: entry.mail,
        entry: Some(entry.id),
        lore,
        who: by.who.clone(),
        scope: by.scope.clone(),
        at: now,
    });
    Ok(Some(Change {
        entry: entry.id,
        from: entry.state,
        to: effect.to,
        job,
        lesson,
        failed: effect.failed,
        listed: effect.listed,
        answers: matches!(action, Action::DenyRequest(_)),
        leaves: (effect.job && !terms.undo.is_zero()).then_some(leaves),
        requested,
        marked: effect.marked,
        event,
    }))
}

/// Scope and rights.
fn allowed(entry: &Entry, action: &Action, by: &Principal) -> Result<(), Refusal> {
    if !by.scope.holds_address(&entry.owner) {
        return Err(Refusal::NotYours);
    }
    if !by.has(Right::Act) {
        return Err(Refusal::NeedsRight(Right::Act));
    }
    match action {
        Action::Release | Action::ReleaseAndTrain | Action::ReleaseAndAllow(_) => {
            if entry.verdict.class == Class::Malware && !by.has(Right::HandleMalware) {
                return Err(Refusal::NeedsRight(Right::HandleMalware));
            }
            if entry.direction == crate::mail::Direction::Outbound
                && !by.has(Right::ReleaseOutgoing)
            {
                return Err(Refusal::NeedsRight(Right::ReleaseOutgoing));
            }
        }
        Action::DenyRequest(_) if !by.has(Right::Administer) => {
            return Err(Refusal::NeedsRight(Right::Administer));
        }
        Action::Expire
        | Action::Evict
        | Action::Delivered(_)
        | Action::Returned(_)
        | Action::Appeal(_)
        | Action::Authorise
            if by.role != Role::House =>
        {
            return Err(Refusal::NotYours);
        }
        _ => {}
    }
    Ok(())
}

fn effect(
    entry: &Entry,
    action: &Action,
    (by, door): (&Principal, &Door),
    now: Timestamp,
    terms: Terms,
) -> Result<Option<Effect>, Refusal> {
    let state = entry.state;
    let with_list = |effect, kind, reach| with_list(effect, (kind, reach), entry, by, now);
    if entry.shelf == Shelf::Pending {
        match action {
            // It was no mistake of the filter: who wants it authorises its sender (IW-02).
            Action::ReleaseAndTrain => {
                return with_list(release(entry, false)?, ListKind::Allow, Reach::Recipient);
            }
            Action::RemoveAsSpam | Action::TrainSpam if has_sender(entry) => {
                let effect = match action {
                    Action::TrainSpam => train(state, Status::TrainedSpam, Lore::Spam)?,
                    _ => remove(state, Status::TrainedSpam, Some(Lore::Spam))?,
                };
                return with_list(effect, ListKind::Block, Reach::Recipient);
            }
            Action::Expire | Action::Evict if terms.marks && entry.failed.is_none() => {
                return expire_marked(state);
            }
            _ => {}
        }
    }
    match action {
        Action::Release | Action::ReleaseAndTrain => {
            release(entry, *action == Action::ReleaseAndTrain)
        }
        Action::ReleaseAndAllow(reach) => {
            with_list(release(entry, false)?, ListKind::Allow, *reach)
        }
        Action::RemoveAndBlock(reach) => {
            let effect = remove(state, Status::Removed, None)?;
            with_list(effect, ListKind::Block, *reach)
        }
        Action::RequestRelease => request(entry, ""),
        Action::Appeal(words) => request(entry, words),
        Action::Authorise => authorise(entry, (by, door), now),
        Action::DenyRequest(why) => deny(entry, why),
        Action::TakeBack => take_back(entry, now),
        Action::Remove => remove(state, Status::Removed, None),
        Action::RemoveAsSpam => remove(state, Status::TrainedSpam, Some(Lore::Spam)),
        Action::RemoveAsHam => remove(state, Status::TrainedHam, Some(Lore::Ham)),
        Action::Expire => end(state, State::Expired, Status::Expired, None),
        Action::Evict => evict(state),
        Action::TrainSpam => train(state, Status::TrainedSpam, Lore::Spam),
        Action::TrainHam => train(state, Status::TrainedHam, Lore::Ham),
        Action::Delivered(reply) => delivered(state, reply),
        Action::Returned(reply) => returned(state, reply),
    }
}

fn delivered(state: State, reply: &Reply) -> Result<Option<Effect>, Refusal> {
    match state {
        State::Leaving => Ok(Some(Effect {
            settles: true,
            words: reply.to_string(),
            ..Effect::new(State::Released, Status::Delivered)
        })),
        State::Released => Ok(None),
        other => Err(Refusal::NotPossible(other)),
    }
}

fn returned(state: State, reply: &Reply) -> Result<Option<Effect>, Refusal> {
    match state {
        State::Leaving => Ok(Some(Effect {
            settles: true,
            failed: Some(reply.clone()),
            words: reply.to_string(),
            ..Effect::new(State::Held, Status::ReleaseFailed)
        })),
        State::Held => Ok(None),
        other => Err(Refusal::NotPossible(other)),
    }
}

/// The same, and the sender of the entry is listed.
fn with_list(
    effect: Option<Effect>,
    (kind, reach): (ListKind, Reach),
    entry: &Entry,
    by: &Principal,
    now: Timestamp,
) -> Result<Option<Effect>, Refusal> {
    let Some(effect) = effect else {
        return Ok(None);
    };
    let listed = listed(entry, kind, reach, by, now)?;
    Ok(Some(Effect {
        words: format!(
            "{} was put on the {kind} list of {}",
            listed.pattern, listed.scope
        ),
        listed: Some(listed),
        ..effect
    }))
}

fn release(entry: &Entry, and_train: bool) -> Result<Option<Effect>, Refusal> {
    if entry.shelf == Shelf::TrainingRequested {
        return Err(Refusal::WasDelivered);
    }
    match entry.state {
        State::Held => {
            let (status, lore) = if and_train {
                (Status::ReleasedAndTrained, Some(Lore::Ham))
            } else {
                (Status::Released, None)
            };
            Ok(Some(Effect {
                job: true,
                lore,
                ..Effect::new(State::Leaving, status)
            }))
        }
        State::Leaving | State::Released => Ok(None),
        other => Err(Refusal::NotPossible(other)),
    }
}

/// Nobody authorised it in time: delivered all the same, marked as spam (IW-05).
fn expire_marked(state: State) -> Result<Option<Effect>, Refusal> {
    match state {
        State::Held => Ok(Some(Effect {
            job: true,
            marked: true,
            words: "nobody authorised it in time; it is delivered marked as spam".to_owned(),
            ..Effect::new(State::Leaving, Status::Expired)
        })),
        _ => Ok(None),
    }
}

/// The sender showed that somebody is there.
fn authorise(
    entry: &Entry,
    (by, door): (&Principal, &Door),
    now: Timestamp,
) -> Result<Option<Effect>, Refusal> {
    if entry.shelf != Shelf::Pending {
        return Err(Refusal::NotPossible(entry.state));
    }
    let allow = (ListKind::Allow, Reach::Recipient);
    let effect = with_list(release(entry, false)?, allow, entry, by, now)?;
    Ok(effect.map(|effect| Effect {
        words: format!(
            "authorised by challenge from {}; {}",
            door.peer, effect.words
        ),
        listed: effect.listed.map(|listed| ListEntry {
            origin: Origin::Challenge,
            ..listed
        }),
        ..effect
    }))
}

fn request(entry: &Entry, words: &str) -> Result<Option<Effect>, Refusal> {
    if entry.shelf == Shelf::TrainingRequested {
        return Err(Refusal::WasDelivered);
    }
    match entry.state {
        State::Held if entry.requested.is_some() => Ok(None),
        State::Held => Ok(Some(Effect {
            words: words.to_owned(),
            ..Effect::new(State::Held, Status::Requested)
        })),
        State::Leaving | State::Released => Ok(None),
        other => Err(Refusal::NotPossible(other)),
    }
}

/// A request is answered once: where there is none, it has been answered.
fn deny(entry: &Entry, why: &str) -> Result<Option<Effect>, Refusal> {
    if why.len() > WHY_LONGEST || why.chars().any(char::is_control) {
        return Err(Refusal::Bad(format!(
            "a reason has at most {WHY_LONGEST} octets and no control characters"
        )));
    }
    match (&entry.requested, entry.state) {
        (Some(_), State::Held) => Ok(Some(Effect {
            words: why.trim().to_owned(),
            ..Effect::new(State::Held, Status::Denied)
        })),
        _ => Ok(None),
    }
}

fn take_back(entry: &Entry, now: Timestamp) -> Result<Option<Effect>, Refusal> {
    match entry.state {
        State::Held => Ok(None),
        State::Leaving
            if entry
                .leaves
                .is_some_and(|leaves| now.after(LAST_CALL) <= leaves) =>
        {
            Ok(Some(Effect {
                settles: true,
                ..Effect::new(State::Held, Status::TakenBack)
            }))
        }
        State::Leaving => Err(Refusal::TooLate),
        other => Err(Refusal::NotPossible(other)),
    }
}

fn remove(state: State, status: Status, lore: Option<Lore>) -> Result<Option<Effect>, Refusal> {
    end(state, State::Removed, status, lore)
}

fn end(
    state: State,
    to: State,
    status: Status,
    lore: Option<Lore>,
) -> Result<Option<Effect>, Refusal> {
    match state {
        State::Held => Ok(Some(Effect {
            lore,
            ..Effect::new(to, status)
        })),
        State::Removed | State::Expired => Ok(None),
        other => Err(Refusal::NotPossible(other)),
    }
}

fn evict(state: State) -> Result<Option<Effect>, Refusal> {
    let effect = end(state, State::Expired, Status::Expired, None)?;
    Ok(effect.map(|effect| Effect {
        words: "the quarantine was over its quota".to_owned(),
        ..effect
    }))
}

fn train(state: State, status: Status, lore: Lore) -> Result<Option<Effect>, Refusal> {
    match state {
        State::Held => Ok(Some(Effect {
            lore: Some(lore),
            ..Effect::new(State::Held, status)
        })),
        other => Err(Refusal::NotPossible(other)),
    }
}
