//! The table of actions, pure: entry, action and principal become one change, or none.

use super::{Action, Refusal};
use crate::clock::Timestamp;
use crate::mail::Reply;
use crate::policy::{Class, Principal, Right, Role};
use crate::record::{
    Change, Door, Entry, Event, Job, JobKind, JobStep, Lesson, Lore, Shelf, State, Status,
};

/// What an action does to an entry from which it is possible.
struct Effect {
    to: State,
    job: bool,
    settles: bool,
    lore: Option<Lore>,
    status: Status,
    failed: Option<Reply>,
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
            words: String::new(),
        }
    }
}

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
) -> Result<Option<Change>, Refusal> {
    allowed(entry, action, by)?;
    let Some(effect) = effect(entry, action)? else {
        return Ok(None);
    };
    let mut event = Event::new(now, effect.status, &by.who, door.clone()).saying(effect.words);
    event.mail = Some(entry.mail);
    event.entry = Some(entry.id);
    event.direction = Some(entry.direction);
    event.from.clone_from(&entry.from);
    event.to.clone_from(&entry.to);
    event.subject.clone_from(&entry.subject);
    event.size = entry.size;
    event.class = Some(entry.verdict.class);
    event.score = Some(entry.verdict.score);
    event.client = entry.client.parse().ok();
    let job = if effect.job {
        JobStep::Owe(Job::new(entry.id, entry.mail, JobKind::Release, now))
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
        event,
    }))
}

/// Scope and rights.
fn allowed(entry: &Entry, action: &Action, by: &Principal) -> Result<(), Refusal> {
    if !by.scope.holds_address(&entry.owner) {
        return Err(Refusal::NotYours);
    }
    match action {
        Action::Release | Action::ReleaseAndTrain => {
            if entry.verdict.class == Class::Malware && !by.has(Right::HandleMalware) {
                return Err(Refusal::NeedsRight(Right::HandleMalware));
            }
            if entry.direction == crate::mail::Direction::Outbound
                && !by.has(Right::ReleaseOutgoing)
            {
                return Err(Refusal::NeedsRight(Right::ReleaseOutgoing));
            }
        }
        Action::Expire | Action::Delivered(_) | Action::Returned(_) if by.role != Role::House => {
            return Err(Refusal::NotYours);
        }
        _ => {}
    }
    Ok(())
}

fn effect(entry: &Entry, action: &Action) -> Result<Option<Effect>, Refusal> {
    let state = entry.state;
    match action {
        Action::Release | Action::ReleaseAndTrain => {
            release(entry, *action == Action::ReleaseAndTrain)
        }
        Action::Remove => end(state, State::Removed, Status::Removed, None),
        Action::RemoveAsSpam => end(state, State::Removed, Status::TrainedSpam, Some(Lore::Spam)),
        Action::RemoveAsHam => end(state, State::Removed, Status::TrainedHam, Some(Lore::Ham)),
        Action::Expire => end(state, State::Expired, Status::Expired, None),
        Action::TrainSpam => train(state, Status::TrainedSpam, Lore::Spam),
        Action::TrainHam => train(state, Status::TrainedHam, Lore::Ham),
        Action::Delivered(reply) => match state {
            State::Leaving => Ok(Some(Effect {
                settles: true,
                words: reply.to_string(),
                ..Effect::new(State::Released, Status::Delivered)
            })),
            State::Released => Ok(None),
            other => Err(Refusal::NotPossible(other)),
        },
        Action::Returned(reply) => match state {
            State::Leaving => Ok(Some(Effect {
                settles: true,
                failed: Some(reply.clone()),
                words: reply.to_string(),
                ..Effect::new(State::Held, Status::ReleaseFailed)
            })),
            State::Held => Ok(None),
            other => Err(Refusal::NotPossible(other)),
        },
    }
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

fn train(state: State, status: Status, lore: Lore) -> Result<Option<Effect>, Refusal> {
    match state {
        State::Held => Ok(Some(Effect {
            lore: Some(lore),
            ..Effect::new(State::Held, status)
        })),
        other => Err(Refusal::NotPossible(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{Direction, EntryId, MailId};
    use crate::policy::{Scope, Verdict};

    fn entry(state: State) -> Entry {
        let owner: crate::mail::Address = "alice@example.org".parse().expect("address");
        Entry {
            id: EntryId([1; 16]),
            mail: MailId([2; 16]),
            to: vec![owner.clone()],
            owner,
            from: None,
            direction: Direction::Inbound,
            shelf: Shelf::Caught,
            state,
            verdict: Verdict {
                class: Class::Spam,
                score: 9.0,
                because: Vec::new(),
            },
            arrived: Timestamp(0),
            expires: Timestamp(0),
            uid: 1,
            size: 1,
            subject: String::new(),
            author: String::new(),
            client: String::new(),
            failed: None,
        }
    }

    fn ask(entry: &Entry, action: &Action, by: &Principal) -> String {
        match plan(entry, action, by, &Door::new("test", ""), Timestamp(1)) {
            Ok(None) => "already".into(),
            Ok(Some(change)) => {
                let job = match change.job {
                    JobStep::Stay => "",
                    JobStep::Owe(_) => " owe",
                    JobStep::Settle => " settle",
                };
                let lore = match change.lesson.map(|lesson| lesson.lore) {
                    None => "",
                    Some(Lore::Ham) => " ham",
                    Some(Lore::Spam) => " spam",
                };
                format!("{}{job}{lore}", change.to)
            }
            Err(Refusal::NotPossible(state)) => format!("no: {state}"),
            Err(other) => other.to_string(),
        }
    }

    #[test]
    fn se10_xx04_the_table_row_by_row() {
        use State::{Expired, Held, Leaving, Released, Removed};
        let reply = Reply::plain(550, "no");
        let table = [
            (
                Action::Release,
                [
                    "leaving owe",
                    "already",
                    "already",
                    "no: removed",
                    "no: expired",
                ],
            ),
            (
                Action::ReleaseAndTrain,
                [
                    "leaving owe ham",
                    "already",
                    "already",
                    "no: removed",
                    "no: expired",
                ],
            ),
            (
                Action::Remove,
                [
                    "removed",
                    "no: leaving",
                    "no: released",
                    "already",
                    "already",
                ],
            ),
            (
                Action::RemoveAsSpam,
                [
                    "removed spam",
                    "no: leaving",
                    "no: released",
                    "already",
                    "already",
                ],
            ),
            (
                Action::RemoveAsHam,
                [
                    "removed ham",
                    "no: leaving",
                    "no: released",
                    "already",
                    "already",
                ],
            ),
            (
                Action::TrainSpam,
                [
                    "held spam",
                    "no: leaving",
                    "no: released",
                    "no: removed",
                    "no: expired",
                ],
            ),
            (
                Action::TrainHam,
                [
                    "held ham",
                    "no: leaving",
                    "no: released",
                    "no: removed",
                    "no: expired",
                ],
            ),
            (
                Action::Expire,
                [
                    "expired",
                    "no: leaving",
                    "no: released",
                    "already",
                    "already",
                ],
            ),
            (
                Action::Delivered(reply.clone()),
                [
                    "no: held",
                    "released settle",
                    "already",
                    "no: removed",
                    "no: expired",
                ],
            ),
            (
                Action::Returned(reply),
                [
                    "already",
                    "held settle",
                    "no: released",
                    "no: removed",
                    "no: expired",
                ],
            ),
        ];
        for (action, row) in table {
            for (state, want) in [Held, Leaving, Released, Removed, Expired]
                .into_iter()
                .zip(row)
            {
                assert_eq!(
                    ask(&entry(state), &action, &Principal::house("test")),
                    want,
                    "{action:?} {state}"
                );
            }
        }
    }

    #[test]
    fn se06_xx12_strangers_and_rights() {
        let of = |text: &str| Principal::of(text.parse::<Scope>().expect("scope"));
        let held = entry(State::Held);
        for stranger in ["bob@example.org", "other.org"] {
            for action in [Action::Release, Action::Remove, Action::TrainSpam] {
                assert_eq!(
                    ask(&held, &action, &of(stranger)),
                    Refusal::NotYours.to_string()
                );
            }
        }
        assert_eq!(
            ask(&held, &Action::Expire, &of("global")),
            Refusal::NotYours.to_string()
        );
        let mut outgoing = entry(State::Held);
        outgoing.direction = Direction::Outbound;
        let mut malware = entry(State::Held);
        malware.verdict.class = Class::Malware;
        for special in [outgoing, malware] {
            assert!(ask(&special, &Action::Release, &of("alice@example.org")).contains("right"));
            assert_eq!(
                ask(&special, &Action::Release, &of("example.org")),
                "leaving owe"
            );
        }
        let mut copy = entry(State::Held);
        copy.shelf = Shelf::TrainingRequested;
        assert_eq!(
            ask(&copy, &Action::Release, &of("global")),
            Refusal::WasDelivered.to_string()
        );
    }
}
