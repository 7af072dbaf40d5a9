//! The key layout: every key of the index is made and read here. Numbers are big-endian.
//!
//! Capital letters are rows of the log: they have a value of their own, and everything
//! else follows from them. Small letters are made from those rows. `!` is bookkeeping.
//!
//! | key | value |
//! |---|---|
//! | `M` mail | envelope and size; the octets lie where the row's home says |
//! | `E` entry | the entry |
//! | `J` entry | the job |
//! | `L` number | the lesson |
//! | `V` time, number | the event |
//! | `F` entry, scope | flags |
//! | `S` kind, name | a setting |
//! | `D` scope | what is known of somebody's digests; `D!` how far new entries were looked at for them |
//! | `v` scope, shelf, direction, uid | 1 if delivery was refused, entry: what is shown |
//! | `c` scope, shelf, direction | how many are shown |
//! | `x` expiry, entry | held entries |
//! | `e` time, entry | entries that ended |
//! | `d` due, entry | jobs |
//! | `n` mail, kind, id | who needs the mail's octets |
//! | `l` stage, time, number | lessons by age |
//! | `r` time, scope | digests to look at |
//! | `w` number | the time of an event that is not sealed |

use crate::clock::Timestamp;
use crate::mail::{Direction, EntryId, MailId};
use crate::policy::{ListKind, Pattern, Scope};
use crate::record::Shelf;
use crate::store::View;

/// The rows of which the log is made, by the first octet of their key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Mail,
    Entry,
    Job,
    Lesson,
    Event,
    Flags,
    Setting,
    Digest,
    /// A counter or the journal's edge; the start of each segment repeats them.
    Mark,
}

impl Kind {
    /// The kind of a key; `None` if it is no row of the log.
    pub(crate) fn of(key: &[u8]) -> Option<Kind> {
        Some(match key.first()? {
            b'M' => Kind::Mail,
            b'E' => Kind::Entry,
            b'J' => Kind::Job,
            b'L' => Kind::Lesson,
            b'V' => Kind::Event,
            b'F' => Kind::Flags,
            b'S' => Kind::Setting,
            b'D' => Kind::Digest,
            b'#' => Kind::Mark,
            _ => return None,
        })
    }
}

pub(crate) const LAST_UID: &[u8] = b"#u";
pub(crate) const LAST_LESSON: &[u8] = b"#l";
pub(crate) const LAST_EVENT: &[u8] = b"#v";
/// Events before this time are forgotten.
pub(crate) const JOURNAL_EDGE: &[u8] = b"#f";
/// Events up to this number are in sealed parts of the log of all mail.
pub(crate) const SEALED: &[u8] = b"#s";
/// The marks that a new segment starts with.
pub(crate) const MARKS: [&[u8]; 5] = [LAST_UID, LAST_LESSON, LAST_EVENT, JOURNAL_EDGE, SEALED];
/// The place in the log up to which the index knows it.
pub(crate) const APPLIED: &[u8] = b"!a";

/// What the index was before the changes that are being made to it.
pub(crate) const UNDO: &[u8] = b"!u";

pub(crate) const JOBS_DUE: &[u8] = b"d";
pub(crate) const HELD: &[u8] = b"h";
pub(crate) const EXPIRING: &[u8] = b"x";
pub(crate) const ENDED: &[u8] = b"e";
pub(crate) const DIGESTS_DUE: &[u8] = b"r";
/// Up to which uid new entries were looked at for digests.
pub(crate) const DIGESTS_SEEN: &[u8] = b"D!";
pub(crate) const EVENTS: &[u8] = b"V";
pub(crate) const EVENT_NUMBERS: &[u8] = b"w";
pub(crate) const LESSONS: &[u8] = b"L";
pub(crate) const ACCOUNTS: &[u8] = b"Sa";
pub(crate) const DOMAINS: &[u8] = b"Sd";
pub(crate) const POLICIES: &[u8] = b"Sp";
pub(crate) const LISTS: &[u8] = b"Sl";
pub(crate) const LOCKS: &[u8] = b"Sk";
pub(crate) const SECRETS: &[u8] = b"Ss";
pub(crate) const API_KEYS: &[u8] = b"Si";
/// The settings by kind, with the names that people read.
pub(crate) const SECTIONS: [(&[u8], &str); 7] = [
    (ACCOUNTS, "accounts"),
    (DOMAINS, "domains"),
    (POLICIES, "policies"),
    (LISTS, "lists"),
    (LOCKS, "locks"),
    (SECRETS, "secrets"),
    (API_KEYS, "api_keys"),
];

/// A part of the undo; the part 0 says that it is whole.
pub(crate) fn undo(part: u32) -> Vec<u8> {
    join(&[UNDO, &part.to_be_bytes()])
}

/// Octets of live rows in a segment.
pub(crate) fn live(segment: u64) -> Vec<u8> {
    join(&[b"!n", &segment.to_be_bytes()])
}

pub(crate) fn mail(id: MailId) -> Vec<u8> {
    join(&[b"M", &id.0])
}

pub(crate) fn entry(id: EntryId) -> Vec<u8> {
    join(&[b"E", &id.0])
}

pub(crate) fn job(id: EntryId) -> Vec<u8> {
    join(&[b"J", &id.0])
}

pub(crate) fn lesson(number: u64) -> Vec<u8> {
    join(&[b"L", &number.to_be_bytes()])
}

pub(crate) fn event(at: Timestamp, number: u64) -> Vec<u8> {
    join(&[b"V", &at.0.to_be_bytes(), &number.to_be_bytes()])
}

/// That the event of this number is not sealed.
pub(crate) fn event_number(number: u64) -> Vec<u8> {
    join(&[EVENT_NUMBERS, &number.to_be_bytes()])
}

/// Time and number of an event, from its key.
pub(crate) fn event_place(key: &[u8]) -> Option<(Timestamp, u64)> {
    let (rest, number) = last_number(key)?;
    let (_, at) = last_number(rest)?;
    Some((Timestamp(at), number))
}

pub(crate) fn digest(of: &Scope) -> Vec<u8> {
    with_scope(b"D", of)
}

/// That the digests in the row `digest` are to be looked at then.
pub(crate) fn digest_due(at: Timestamp, digest: &[u8]) -> Vec<u8> {
    let of = digest.get(1..).unwrap_or_default();
    join(&[DIGESTS_DUE, &at.0.to_be_bytes(), of])
}

/// The row of a key that [`digest_due`] made.
pub(crate) fn digest_of(due: &[u8]) -> Vec<u8> {
    join(&[b"D", due.get(9..).unwrap_or_default()])
}

pub(crate) fn all_flags(id: EntryId) -> Vec<u8> {
    join(&[b"F", &id.0])
}

pub(crate) fn flags(id: EntryId, scope: &Scope) -> Vec<u8> {
    let mut key = all_flags(id);
    push_scope(&mut key, scope);
    key
}

pub(crate) fn account(scope: &Scope) -> Vec<u8> {
    with_scope(ACCOUNTS, scope)
}

pub(crate) fn domain(name: &str) -> Vec<u8> {
    join(&[DOMAINS, name.as_bytes()])
}

pub(crate) fn layer(scope: &Scope) -> Vec<u8> {
    with_scope(POLICIES, scope)
}

/// All list entries of a scope.
pub(crate) fn list(scope: &Scope) -> Vec<u8> {
    with_scope(LISTS, scope)
}

/// The key that all entries of this entry's list begin with; `None` for other rows.
pub(crate) fn list_of(key: &[u8]) -> Option<&[u8]> {
    if !key.starts_with(LISTS) {
        return None;
    }
    let end = key.iter().position(|octet| *octet == 0)?;
    key.get(..=end)
}

pub(crate) fn listed(scope: &Scope, kind: ListKind, pattern: &Pattern) -> Vec<u8> {
    let mut key = list(scope);
    key.push(match kind {
        ListKind::Allow => b'a',
        ListKind::Block => b'b',
    });
    key.extend_from_slice(pattern.to_string().as_bytes());
    key
}

pub(crate) fn lock(sender: &Scope) -> Vec<u8> {
    with_scope(LOCKS, sender)
}

pub(crate) fn secret(name: &str) -> Vec<u8> {
    join(&[SECRETS, name.as_bytes()])
}

pub(crate) fn api_key(id: &str) -> Vec<u8> {
    join(&[API_KEYS, id.as_bytes()])
}

/// A setting's key as people read it.
pub(crate) fn setting_name(key: &[u8]) -> String {
    let name = String::from_utf8_lossy(key.get(2..).unwrap_or_default());
    if [DOMAINS, SECRETS, API_KEYS]
        .iter()
        .any(|kind| key.starts_with(kind))
    {
        return name.into_owned();
    }
    let (scope, rest) = name.split_once('\0').unwrap_or((&name, ""));
    let scope = match scope {
        "g" => "global",
        other => other.get(1..).unwrap_or_default(),
    };
    match (rest.get(..1), rest.get(1..)) {
        (Some("a"), Some(pattern)) => format!("{scope} allow {pattern}"),
        (Some("b"), Some(pattern)) => format!("{scope} block {pattern}"),
        _ => scope.to_owned(),
    }
}

/// All that is shown in a view, by uid.
pub(crate) fn view(view: &View) -> Vec<u8> {
    in_view(b"v", view)
}

pub(crate) fn shown(view: &View, uid: u64) -> Vec<u8> {
    let mut key = in_view(b"v", view);
    key.extend_from_slice(&uid.to_be_bytes());
    key
}

/// The value under [`shown`].
pub(crate) fn shown_value(failed: bool, id: EntryId) -> Vec<u8> {
    join(&[&[u8::from(failed)], &id.0])
}

/// If delivery was refused; `None` where the value does not say, in an index made before it did.
pub(crate) fn shown_failed(value: &[u8]) -> Option<bool> {
    match value {
        [failed, id @ ..] if id.len() == 16 => Some(*failed == 1),
        _ => None,
    }
}

pub(crate) fn count(view: &View) -> Vec<u8> {
    in_view(b"c", view)
}

/// What is held for a scope, of all shelves and directions.
pub(crate) fn held(scope: &Scope) -> Vec<u8> {
    with_scope(HELD, scope)
}

/// The scope of a key of [`held`].
pub(crate) fn held_by(key: &[u8]) -> Option<Scope> {
    let text = key.strip_prefix(HELD)?.strip_suffix(&[0])?;
    let (tag, name) = text.split_first()?;
    let name = std::str::from_utf8(name).ok()?;
    match tag {
        b'g' => Some(Scope::Global),
        b'd' => name.parse().ok().map(Scope::Domain),
        b'r' => name.parse().ok().map(Scope::Recipient),
        _ => None,
    }
}

pub(crate) fn expiring(at: Timestamp, id: EntryId) -> Vec<u8> {
    join(&[EXPIRING, &at.0.to_be_bytes(), &id.0])
}

pub(crate) fn ended(at: Timestamp, id: EntryId) -> Vec<u8> {
    join(&[ENDED, &at.0.to_be_bytes(), &id.0])
}

pub(crate) fn due(at: Timestamp, id: EntryId) -> Vec<u8> {
    join(&[JOBS_DUE, &at.0.to_be_bytes(), &id.0])
}

/// The first key of a prefix followed by a time after `at`.
pub(crate) fn after_time(prefix: &[u8], at: Timestamp) -> Vec<u8> {
    join(&[prefix, &at.0.saturating_add(1).to_be_bytes()])
}

/// All who need a mail's octets.
pub(crate) fn needs(mail: MailId) -> Vec<u8> {
    join(&[b"n", &mail.0])
}

/// That the row `by` needs the mail's octets.
pub(crate) fn need(mail: MailId, by: &[u8]) -> Vec<u8> {
    join(&[b"n", &mail.0, by])
}

/// The row that needs a mail's octets.
pub(crate) fn needed_by(key: &[u8]) -> &[u8] {
    key.get(17..).unwrap_or_default()
}

/// Lessons by age: those that hold octets, and those that no longer do.
pub(crate) fn lessons_by_age(holds: bool) -> &'static [u8] {
    if holds { b"lh" } else { b"lp" }
}

pub(crate) fn lesson_age(holds: bool, at: Timestamp, number: u64) -> Vec<u8> {
    join(&[
        lessons_by_age(holds),
        &at.0.to_be_bytes(),
        &number.to_be_bytes(),
    ])
}

/// The entry at the end of a key.
pub(crate) fn last_entry(key: &[u8]) -> Option<EntryId> {
    key.last_chunk::<16>().copied().map(EntryId)
}

/// The mail of a mail's key.
pub(crate) fn mail_of(key: &[u8]) -> Option<MailId> {
    key.last_chunk::<16>().copied().map(MailId)
}

/// The number at the end of a key, and what stands before it.
pub(crate) fn last_number(key: &[u8]) -> Option<(&[u8], u64)> {
    let (rest, number) = key.split_last_chunk::<8>()?;
    Some((rest, u64::from_be_bytes(*number)))
}

/// The first key after all that start with `prefix`.
pub(crate) fn end_of(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return end;
        }
    }
    // No prefix here is made of 0xff alone; all keys start with a letter.
    vec![u8::MAX; 2]
}

fn in_view(prefix: &[u8], view: &View) -> Vec<u8> {
    let mut key = with_scope(prefix, &view.scope);
    key.push(match view.shelf {
        Shelf::Caught => b'c',
        Shelf::Pending => b'p',
        Shelf::TrainingRequested => b't',
    });
    key.push(match view.direction {
        Direction::Inbound => b'i',
        Direction::Outbound => b'o',
    });
    key
}

fn with_scope(prefix: &[u8], scope: &Scope) -> Vec<u8> {
    let mut key = prefix.to_vec();
    push_scope(&mut key, scope);
    key
}

/// Domains and addresses hold no NUL, so it ends them: no scope is another's prefix.
fn push_scope(key: &mut Vec<u8>, scope: &Scope) {
    let (tag, text) = match scope {
        Scope::Global => (b'g', ""),
        Scope::Domain(domain) => (b'd', domain.as_str()),
        Scope::Recipient(address) => (b'r', address.key()),
    };
    key.push(tag);
    key.extend_from_slice(text.as_bytes());
    key.push(0);
}

fn join(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_view_is_another_views_prefix() {
        let scopes = ["global", "a.org", "a.orgs", "x@a.org", "x@a.orgs"];
        let mut prefixes: Vec<Vec<u8>> = Vec::new();
        for scope in scopes {
            for shelf in [Shelf::Caught, Shelf::Pending, Shelf::TrainingRequested] {
                for direction in [Direction::Inbound, Direction::Outbound] {
                    let scope = scope.parse().expect("scope");
                    prefixes.push(view(&View {
                        scope,
                        shelf,
                        direction,
                    }));
                }
            }
        }
        for (i, a) in prefixes.iter().enumerate() {
            for (j, b) in prefixes.iter().enumerate() {
                assert!(i == j || !a.starts_with(b), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn what_is_held_knows_its_scope() {
        for text in ["global", "a.org", "x@a.org"] {
            let scope: Scope = text.parse().expect("scope");
            assert_eq!(held_by(&held(&scope)), Some(scope));
        }
        assert_eq!(held_by(LAST_UID), None);
    }

    #[test]
    fn an_entry_knows_its_list() {
        let scope: Scope = "x@a.org".parse().expect("scope");
        let pattern: Pattern = "b@b.org".parse().expect("pattern");
        let key = listed(&scope, ListKind::Allow, &pattern);
        assert_eq!(list_of(&key), Some(list(&scope).as_slice()));
        assert_eq!(list_of(&account(&scope)), None);
    }

    #[test]
    fn the_end_of_a_prefix_is_after_all_of_it() {
        assert_eq!(end_of(b"ab"), b"ac");
        assert_eq!(end_of(&[b'a', 0xff]), b"b");
        assert!(end_of(b"ab") > [b"ab".as_slice(), &[0xff; 40]].concat());
    }

    #[test]
    fn events_know_their_place() {
        let key = event(Timestamp(5), 9);
        assert_eq!(event_place(&key), Some((Timestamp(5), 9)));
        assert_eq!(event_place(b"V"), None);
    }
}
