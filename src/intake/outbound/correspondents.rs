//! Correspondents (IW-04): whom a user writes to, the user's allow list holds.

use futures_util::future::join_all;

use crate::intake::Intake;
use crate::intake::weigh::Judged;
use crate::mail::{Address, Mail, Reply, headers};
use crate::policy::{Answer, DeliverStep, ListEntry, ListKind, Origin, Pattern, Scope};
use crate::record::{Door, Event, Status};
use crate::store::StoreError;

/// Recipients of one message that become correspondents at most: a circular is no letter.
const OF_ONE_MAIL: usize = 50;

/// Those who get the mail: their host took it, or we owe it to them.
pub(in crate::intake) fn accepted<'s>(
    steps: &'s [DeliverStep],
    said: &[Reply],
    answer: &Answer,
) -> Vec<&'s Address> {
    let ours = matches!(answer, Answer::One(reply) if reply.is_positive());
    let taken = |reply: &Reply| reply.is_positive() || ours && !reply.is_permanent();
    let both = steps.iter().zip(said);
    both.filter(|(_, reply)| taken(reply))
        .map(|(step, _)| &step.to)
        .collect()
}

/// Nobody wrote it (RFC 3834 section 5): whoever makes a vacation notice come would be allowed.
fn is_automatic(mail: &Mail) -> bool {
    let field = headers::first(mail.message.bytes(), "Auto-Submitted");
    field.is_some_and(|field| !field.text().trim().to_ascii_lowercase().starts_with("no"))
}

impl Intake {
    /// Puts the recipients `to` on the allow list of the sender; a fault is logged, and the
    /// mail goes its way.
    pub(in crate::intake) async fn keep_correspondents(
        &self,
        mail: &Mail,
        judged: &Judged,
        to: &[&Address],
    ) {
        let wanted = |to: &&Address| judged.of(to).is_some_and(|d| d.policy.correspondents);
        if to.is_empty() || to.len() > OF_ONE_MAIL || !to.iter().all(wanted) || is_automatic(mail) {
            return;
        }
        let (Some(outbound), Some(from)) = (&self.outbound, &mail.envelope.from) else {
            return;
        };
        let login = mail.envelope.peer.login.as_ref();
        let proved = login.is_none_or(|login| {
            let scope = login.parse::<Scope>();
            scope.is_ok_and(|scope| scope.holds_address(from))
        });
        if proved {
            self.sent.note(from, mail, self.parts.clock.now()).await;
        }
        if proved
            && outbound.options.correspondents > 0
            && let Err(error) = self.note_letters(mail, from, to).await
        {
            tracing::warn!(%error, mail = %mail.id, "correspondents cannot be written down");
        }
    }

    /// Puts the author of an answer to `to` on the allow list of `to`.
    pub(in crate::intake) async fn note_answer(&self, mail: &Mail, to: &Address, author: &Address) {
        if let Err(error) = self.note_letters(mail, to, &[author]).await {
            tracing::warn!(%error, mail = %mail.id, "a correspondent cannot be written down");
        }
    }

    async fn note_letters(
        &self,
        mail: &Mail,
        from: &Address,
        to: &[&Address],
    ) -> Result<(), StoreError> {
        if !self.is_ours(from.domain()).await? {
            return Ok(());
        }
        let settings = &self.parts.store.settings;
        let scope = Scope::Recipient(from.clone());
        let list = settings.list(&scope).await?;
        let now = self.parts.clock.now();
        let mut news = Vec::new();
        // Written down, `*` would stand for other people too.
        for to in to.iter().filter(|to| !to.local().contains('*')) {
            let pattern = Pattern::Address((*to).clone());
            // What a person wrote stands, and a day's first letter is enough.
            let known = list.iter().any(|entry| {
                entry.pattern == pattern
                    && (entry.origin == Origin::Hand || entry.made.day() == now.day())
            });
            if !known && !self.is_ours(to.domain()).await? {
                news.push(ListEntry {
                    scope: scope.clone(),
                    kind: ListKind::Allow,
                    pattern,
                    by: "correspondents".to_owned(),
                    made: now,
                    note: String::new(),
                    origin: Origin::Correspondent,
                });
            }
        }
        let event = |verb: &str, pattern: &Pattern| {
            let door = Door::new(self.door, mail.envelope.peer.address);
            let words = format!("the allow list of {from} {verb} the correspondent {pattern}");
            Event::new(now, Status::Changed, "correspondents", door)
                .about(&scope)
                .saying(words)
        };
        for old in self.surplus(&list, &news) {
            let gone = event("lost", &old.pattern);
            settings
                .remove_listed(&scope, ListKind::Allow, &old.pattern, gone)
                .await?;
        }
        // Side by side: the store keeps them in one write.
        let writes = news.into_iter().map(|entry| {
            let event = event("gained", &entry.pattern);
            settings.set_listed(entry, event)
        });
        join_all(writes).await.into_iter().collect()
    }

    /// Correspondents that must go to make room, those not written to for longest.
    fn surplus<'l>(&self, list: &'l [ListEntry], news: &[ListEntry]) -> Vec<&'l ListEntry> {
        let most = self.outbound.as_ref().map(|o| o.options.correspondents);
        let again = |old: &ListEntry| news.iter().any(|new| new.pattern == old.pattern);
        let mut old: Vec<&ListEntry> = list
            .iter()
            .filter(|entry| entry.origin == Origin::Correspondent && !again(entry))
            .collect();
        old.sort_by_key(|entry| entry.made);
        let over = (old.len() + news.len()).saturating_sub(most.unwrap_or(usize::MAX));
        old.truncate(over);
        old
    }
}
