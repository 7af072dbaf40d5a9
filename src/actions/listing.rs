//! Whom an action puts on a list, and on whose: pure.

use super::{Reach, Refusal};
use crate::clock::Timestamp;
use crate::mail::{Address, Direction};
use crate::policy::{ListEntry, ListKind, Origin, Pattern, Principal, Right, Scope};
use crate::record::Entry;

impl Reach {
    /// The scope whose list is meant, for mail of `owner`.
    #[must_use]
    pub fn scope(self, owner: &Address) -> Scope {
        let [global, domain, recipient] = Scope::chain(owner);
        match self {
            Reach::Recipient => recipient,
            Reach::Domain => domain,
            Reach::Everybody => global,
        }
    }
}

/// Who is put on a list: the author who stands in the mail, or else the reverse path. Nobody, if there is
/// a `*` in the address: written down, it would stand for other people too.
pub(super) fn sender(entry: &Entry) -> Option<Address> {
    let author = entry.author.parse::<Address>().ok();
    let sender = author.or_else(|| entry.from.clone());
    sender.filter(|sender| !sender.local().contains('*'))
}

/// True if there is somebody who can be put on a list.
pub(super) fn has_sender(entry: &Entry) -> bool {
    sender(entry).is_some()
}

/// The list entry for the sender of `entry`.
///
/// # Errors
/// [`Refusal::Bad`] if there is no sender to list, [`Refusal::NotYours`] and
/// [`Refusal::NeedsRight`] if the list is not `by`'s to change.
pub(super) fn listed(
    entry: &Entry,
    kind: ListKind,
    reach: Reach,
    by: &Principal,
    now: Timestamp,
) -> Result<ListEntry, Refusal> {
    if entry.direction == Direction::Outbound {
        return Err(Refusal::Bad(
            "the sender of outgoing mail is one of ours and is not put on a list".into(),
        ));
    }
    let scope = reach.scope(&entry.owner);
    if !by.scope.holds(&scope) {
        return Err(Refusal::NotYours);
    }
    if reach != Reach::Recipient && !by.has(Right::Administer) {
        return Err(Refusal::NeedsRight(Right::Administer));
    }
    let Some(sender) = sender(entry) else {
        return Err(Refusal::Bad(
            "the message has no sender who could be put on a list".into(),
        ));
    };
    Ok(ListEntry {
        scope,
        kind,
        pattern: Pattern::Address(sender),
        by: by.who.clone(),
        made: now,
        note: String::new(),
        origin: Origin::Hand,
        expires: None,
    })
}
