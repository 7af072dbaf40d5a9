//! Appeals: the sender of a refused mail asks its recipients for it (XX-07). No mail is sent by it.

use super::challenge::challenge_keys;
use super::{Action, Desk, Refusal};
use crate::clock::Timestamp;
use crate::mail::{Address, Direction, EntryId, MailId, harmless};
use crate::policy::{Class, LIST_BLOCKED, Principal, Right, Role, Scope};
use crate::record::{APPELLANT, Door, Entry, Event, Shelf, State, Status};
use crate::token::{appeal_mail, appeal_text};

/// Characters of what a sender may say.
const WORDS_MOST: usize = 300;
/// Appeals that reach one recipient in an hour.
const RECIPIENT_AN_HOUR: u32 = 10;
/// Recipients of one mail that are asked; a mail to more was written to nobody.
const ASKED_MOST: usize = 100;
const HOUR_MS: u64 = 3_600_000;

/// An appeal, as its page may speak of it: never to whom the mail went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appealed {
    Open,
    /// It was made.
    Made,
}

impl Desk {
    /// The text for a link by which the sender of `mail` can appeal.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn appeal_text(&self, mail: MailId) -> Result<Option<String>, Refusal> {
        let ring = challenge_keys(&*self.store.settings, self.clock.now()).await?;
        Ok(ring.current().map(|key| appeal_text(key, mail)))
    }

    /// What the page of this text may say.
    ///
    /// # Errors
    /// [`Refusal::NotYours`] alike for a text that is not ours and for mail that is held no more;
    /// [`Refusal::Failed`].
    pub async fn appeal(&self, text: &str) -> Result<Appealed, Refusal> {
        let entries = self.appealable(text).await?;
        let mut made = !entries.is_empty();
        for entry in &entries {
            made &= self.was_made(entry).await?;
        }
        match entries.is_empty() {
            true => Err(Refusal::NotYours),
            false if made => Ok(Appealed::Made),
            false => Ok(Appealed::Open),
        }
    }

    /// Asks the recipients of the mail for its release, once, with `words` from the sender.
    ///
    /// # Errors
    /// As [`Desk::appeal`]; [`Refusal::Bad`] if so many asked a recipient in this hour.
    pub async fn make_appeal(&self, text: &str, words: &str, door: &Door) -> Result<(), Refusal> {
        let entries = self.appealable(text).await?;
        if entries.is_empty() {
            return Err(Refusal::NotYours);
        }
        let words = fit(words);
        for entry in entries {
            if self.was_made(&entry).await? {
                continue;
            }
            if !self.counts(&entry.owner).await {
                return Err(Refusal::Bad("too many ask for mail now".to_owned()));
            }
            let by = appellant(&entry);
            let action = Action::Appeal(words.clone());
            self.perform(&by, &action, entry.id, door).await?;
        }
        Ok(())
    }

    /// The entries that the sender may ask for: held as spam, for recipients whose policy lets
    /// senders appeal, and who did not block the sender themselves.
    async fn appealable(&self, text: &str) -> Result<Vec<Entry>, Refusal> {
        let now = self.clock.now();
        let ring = challenge_keys(&*self.store.settings, now).await?;
        let Some(mail) = appeal_mail(&ring, text, now) else {
            return Ok(Vec::new());
        };
        let mut ids: Vec<EntryId> = self.store.entries.entries_of(mail).await?;
        ids.truncate(ASKED_MOST);
        let rows = self.store.entries.rows(&Scope::Global, &ids).await?;
        let mut open = Vec::new();
        for entry in rows.into_iter().flatten().map(|row| row.entry) {
            let mut because = entry.verdict.because.iter();
            let held = (entry.shelf, entry.state) == (Shelf::Caught, State::Held);
            if held
                && entry.direction == Direction::Inbound
                && entry.verdict.class == Class::Spam
                && !because.any(|finding| finding.name() == LIST_BLOCKED)
                && self.policy_of(&entry.owner).await?.appeal
            {
                open.push(entry);
            }
        }
        Ok(open)
    }

    /// True if somebody asks for it, or the sender did before, whatever was answered.
    async fn was_made(&self, entry: &Entry) -> Result<bool, Refusal> {
        let who = appellant(entry).who;
        if entry.requested.is_some() {
            return Ok(true);
        }
        let events = self.store.journal.history(entry.id).await?;
        let same = |event: &Event| event.status == Status::Requested && event.who == who;
        Ok(events.iter().any(same))
    }

    /// Counts one more appeal that reaches `owner`; false if there were too many in an hour.
    async fn counts(&self, owner: &Address) -> bool {
        let now = self.clock.now();
        let until = Timestamp(now.0.saturating_add(HOUR_MS));
        let key = format!("appeal {}", owner.key());
        let transient = &self.store.transient;
        transient.counts(&key, RECIPIENT_AN_HOUR, now, until).await
    }
}

/// Whoever has the link speaks for the sender, and can do nothing but ask.
fn appellant(entry: &Entry) -> Principal {
    let from = entry.from.as_ref().map(ToString::to_string);
    let who = format!("{APPELLANT}{}>", from.unwrap_or_default());
    let scope = Scope::Recipient(entry.owner.clone());
    Principal {
        rights: [Right::Act, Right::RequestRelease].into_iter().collect(),
        ..Principal::new(&who, Role::House, scope)
    }
}

/// Words on one line, without what is invisible or turns the direction of writing.
fn fit(words: &str) -> String {
    let marks = harmless(words).replace('\u{fffd}', " ");
    let mut line = String::new();
    for word in marks.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line.chars().take(WORDS_MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xx07_a_senders_words_are_one_plain_line() {
        assert_eq!(fit(" a\r\nb\u{202e}c\t\0 d "), "a b c d");
        assert_eq!(fit(&"\u{e9}".repeat(400)).chars().count(), WORDS_MOST);
    }
}
