//! What a digest lists: the likeliest wanted first, no more than there is room for.

use super::{Herald, LINK_DAYS, PIECE, no_key};
use crate::actions::{DIGEST_SHELVES, digest_tells, link_keys};
use crate::clock::Timestamp;
use crate::mail::{Address, Direction};
use crate::notify::{Item, Likelihood, offers};
use crate::policy::{Class, Policy, Scope};
use crate::record::{Entry, Shelf};
use crate::store::{StoreError, View};
use crate::token::Link;

/// Entries of one shelf that are looked at for one digest, the newest.
const LOOKED_MOST: usize = 5_000;

/// What was found for one digest.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// In the order in which they are listed.
    pub(super) entries: Vec<Entry>,
    /// New ones, listed or not, but for malware.
    pub(super) new: u64,
    pub(super) listed_new: u64,
    /// New ones that hold malware.
    pub(super) malware: u64,
}

impl Herald {
    /// The new entries of `of`, those with uids in `new`, and likely wanted ones that expire before
    /// `horizon`.
    pub(super) async fn gather(
        &self,
        of: &Address,
        policy: &Policy,
        (after, reached): (u64, u64),
        horizon: Timestamp,
    ) -> Result<Found, StoreError> {
        let mut found = Found::default();
        for shelf in DIGEST_SHELVES {
            if !digest_tells(policy, shelf) {
                continue;
            }
            let view = View {
                scope: Scope::Recipient(of.clone()),
                shelf,
                direction: Direction::Inbound,
            };
            let (mut below, mut looked) = (reached.saturating_add(1), 0);
            while looked < LOOKED_MOST {
                let page = self.store.entries.newest(&view, below, PIECE).await?;
                let Some((last, _)) = page.last() else { break };
                below = *last;
                looked += page.len();
                let ids: Vec<_> = page.iter().map(|(_, id)| *id).collect();
                let entries = self.store.entries.entries(&ids).await?;
                for entry in entries.into_iter().flatten() {
                    let (is_new, soon) = (entry.uid > after, entry.expires <= horizon);
                    let malware = entry.verdict.class == Class::Malware;
                    found.malware += u64::from(malware && is_new);
                    found.new += u64::from(!malware && is_new);
                    if !malware && (is_new || soon && is_wanted(&entry, policy)) {
                        found.entries.push(entry);
                    }
                }
                order(&mut found.entries);
                found.entries.truncate(self.lines);
            }
        }
        let listed = found.entries.iter().filter(|entry| entry.uid > after);
        found.listed_new = listed.count() as u64;
        Ok(found)
    }

    /// The entries with their links.
    pub(super) async fn items(
        &self,
        entries: &[Entry],
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Vec<Item>, StoreError> {
        let ring = link_keys(&*self.store.settings, now).await?;
        let key = ring.current().ok_or_else(no_key)?;
        let latest = now.after_days(LINK_DAYS);
        let items = entries.iter().map(|entry| {
            let links = offers(entry.shelf).iter().map(|purpose| {
                let link = Link {
                    purpose: *purpose,
                    entry: Some(entry.id),
                    whose: Scope::Recipient(entry.owner.clone()),
                    expires: entry.expires.min(latest),
                };
                (
                    *purpose,
                    self.scribe.page(&format!("/l/{}", link.text(key))),
                )
            });
            Item {
                shelf: entry.shelf,
                author: entry.author.clone(),
                author_name: entry.author_name.clone(),
                subject: entry.subject.clone(),
                arrived: entry.arrived,
                expires: entry.expires,
                likelihood: likelihood(entry, policy),
                links: links.collect(),
            }
        });
        Ok(items.collect())
    }
}

/// The likeliest wanted first, then the newest.
fn order(entries: &mut [Entry]) {
    entries.sort_by(|a, b| {
        let scores = a.verdict.score.total_cmp(&b.verdict.score);
        scores.then(b.uid.cmp(&a.uid))
    });
}

fn likelihood(entry: &Entry, policy: &Policy) -> Likelihood {
    let score = entry.verdict.score;
    if entry.shelf == Shelf::Pending {
        Likelihood::Unknown
    } else if entry.verdict.class != Class::Spam || score < policy.spam_from {
        Likelihood::Likely
    } else if score < policy.spam_from * 2.0 {
        Likelihood::Unlikely
    } else {
        Likelihood::Surely
    }
}

fn is_wanted(entry: &Entry, policy: &Policy) -> bool {
    matches!(
        likelihood(entry, policy),
        Likelihood::Likely | Likelihood::Unknown
    )
}
