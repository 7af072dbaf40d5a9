//! Challenges: the sender of pending mail is asked once, and answers on a page (IW-06, IW-07).
//!
//! The text in the link has two halves. The first follows from sender and recipient and a secret of the
//! house: it is where the challenge is kept, so that nobody is asked twice. The second is random.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::listing::sender;
use super::pending::Newest;
use super::settings::{keys_named, may_read};
use super::{Action, Desk, Refusal};
use crate::clock::Timestamp;
use crate::mail::{Address, Direction, Domain, EntryId, hex};
use crate::policy::{ListEntry, ListKind, Origin, Pattern, Principal, Right, Role, Scope};
use crate::record::{Challenge, Door, Entry, Event, Shelf, State, Status};
use crate::store::{Settings, StoreError};
use crate::token::{Key, KeyRing, NoRandom, random};

/// The keys of challenges and appeals, among the secrets.
const KEYS: &str = "challenge-keys";
/// Octets of each half of a text, and its characters.
const HALF: usize = 16;
const HALF_LENGTH: usize = 22;
/// Wrong answers to one challenge; it is of no use any more then.
const TRIES_MOST: u32 = 50;
/// How long an answered challenge is known, in days: whoever comes again is told that it is done.
const ANSWERED_DAYS: u64 = 30;

/// The keys of challenges and appeals; made at the first call.
///
/// # Errors
/// [`StoreError`]; also if the system has no random numbers to give.
pub async fn challenge_keys(
    settings: &dyn Settings,
    now: Timestamp,
) -> Result<KeyRing, StoreError> {
    let words = "the key of challenges and appeals was made";
    keys_named(settings, KEYS, words, now).await
}

/// A challenge, as its page may speak of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Challenged {
    /// Something waits for the answer.
    Open(OpenChallenge),
    /// It was answered; the sender is allowed.
    Answered,
}

/// What is told to whoever has the link: not what the message is, nor to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenChallenge {
    /// The recipient's.
    pub domain: Domain,
    pub until: Timestamp,
}

impl Desk {
    /// The keys that sign what is put on pages for senders.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn challenge_keys(&self) -> Result<KeyRing, Refusal> {
        Ok(challenge_keys(&*self.store.settings, self.clock.now()).await?)
    }

    /// The challenge of the sender of this pending entry, open or answered.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn challenge_of(&self, entry: &Entry) -> Result<Option<Challenge>, Refusal> {
        let Some(sender) = sender(entry) else {
            return Ok(None);
        };
        let place = self.place(&entry.owner, &sender).await?;
        let kept = self.store.settings.challenge(&place).await?;
        Ok(kept.filter(|kept| kept.expires > self.clock.now()))
    }

    async fn place(&self, owner: &Address, sender: &Address) -> Result<String, Refusal> {
        let ring = self.challenge_keys().await?;
        let key = ring.current().ok_or_else(no_key)?;
        Ok(place(key, owner, sender))
    }

    /// Makes the challenge of the sender of this entry; the text for the link, or `None` if the
    /// sender has one.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn open_challenge(
        &self,
        entry: &Entry,
        expires: Timestamp,
    ) -> Result<Option<String>, Refusal> {
        let Some(sender) = sender(entry) else {
            return Ok(None);
        };
        let now = self.clock.now();
        let place = self.place(&entry.owner, &sender).await?;
        let before = self.store.settings.challenge(&place).await?;
        if before.as_ref().is_some_and(|known| known.expires > now) {
            return Ok(None);
        }
        let secret = URL_SAFE_NO_PAD.encode(random::<HALF>().map_err(no_random)?);
        let text = format!("{place}{secret}");
        let challenge = Challenge {
            hash: hash(&text),
            place,
            scope: Scope::Recipient(entry.owner.clone()),
            entry: entry.id,
            made: now,
            expires,
            tries: 0,
            answered: None,
            sender,
        };
        let words = format!(
            "{} was asked to show that somebody is there",
            challenge.sender
        );
        let door = Door::new("background", "");
        let event = self.of_challenge(&challenge, &door, words);
        let settings = &self.store.settings;
        let made = settings.replace_challenge(before.as_ref(), challenge, event);
        Ok(made.await?.then_some(text))
    }

    /// Lets go of the challenge with this text: its letter could not be sent.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn drop_challenge(&self, text: &str) -> Result<(), Refusal> {
        let Some(kept) = self.kept(text).await? else {
            return Ok(());
        };
        let words = "the letter could not be sent; the sender may be asked later";
        let event = self.of_challenge(&kept, &Door::new("background", ""), words.to_owned());
        let settings = &self.store.settings;
        settings.remove_challenge(&kept.place, event).await?;
        Ok(())
    }

    /// What the page of this text may say.
    ///
    /// # Errors
    /// [`Refusal::NotYours`] alike for a text that is unknown, guessed, too old, or of mail that
    /// waits no more; [`Refusal::Failed`].
    pub async fn challenge(&self, text: &str) -> Result<Challenged, Refusal> {
        let kept = self.kept(text).await?.ok_or(Refusal::NotYours)?;
        if kept.answered.is_some() {
            return Ok(Challenged::Answered);
        }
        if self.first_pending(&kept).await?.is_none() {
            // Who presses twice asks while it is being written down that it is answered.
            return match self.was_let_in(&kept).await? {
                true => Ok(Challenged::Answered),
                false => Err(Refusal::NotYours),
            };
        }
        match kept.scope {
            Scope::Recipient(owner) => Ok(Challenged::Open(OpenChallenge {
                domain: owner.domain().clone(),
                until: kept.expires,
            })),
            Scope::Global | Scope::Domain(_) => Err(Refusal::NotYours),
        }
    }

    /// Notes a wrong answer.
    ///
    /// # Errors
    /// [`Refusal::NotYours`], [`Refusal::Failed`].
    pub async fn challenge_failed(&self, text: &str, door: &Door) -> Result<(), Refusal> {
        let kept = self.kept(text).await?.ok_or(Refusal::NotYours)?;
        let after = Challenge {
            tries: kept.tries.saturating_add(1),
            ..kept.clone()
        };
        let event = self.of_challenge(&kept, door, "a challenge was answered wrongly".to_owned());
        let settings = &self.store.settings;
        // Who fails at the same time fails once.
        settings
            .replace_challenge(Some(&kept), after, event)
            .await?;
        Ok(())
    }

    /// The sender showed that somebody is there: the sender is allowed, and what is pending from
    /// there is released. To answer twice is no fault.
    ///
    /// # Errors
    /// As [`Desk::challenge`].
    pub async fn answer_challenge(&self, text: &str, door: &Door) -> Result<(), Refusal> {
        let mut kept = self.kept(text).await?.ok_or(Refusal::NotYours)?;
        if kept.answered.is_some() {
            return Ok(());
        }
        let id = self.first_pending(&kept).await?.ok_or(Refusal::NotYours)?;
        let rights = [Right::Act].into_iter().collect();
        let by = Principal {
            rights,
            ..Principal::new("challenge", Role::House, kept.scope.clone())
        };
        self.perform(&by, &Action::Authorise, id, door).await?;
        let now = self.clock.now();
        // Who fails at the same time changes it, too, but not so often.
        for _ in 0..TRIES_MOST {
            let after = Challenge {
                answered: Some(now),
                expires: kept.expires.max(now.after_days(ANSWERED_DAYS)),
                ..kept.clone()
            };
            let event = self.of_challenge(&kept, door, "a challenge was answered".to_owned());
            let settings = &self.store.settings;
            let made = settings.replace_challenge(Some(&kept), after, event);
            if made.await? {
                break;
            }
            match self.kept(text).await? {
                Some(other) if other.answered.is_none() => kept = other,
                _ => break,
            }
        }
        Ok(())
    }

    /// True if a challenge put its sender on the recipient's allow list.
    async fn was_let_in(&self, challenge: &Challenge) -> Result<bool, Refusal> {
        let list = self.store.settings.list(&challenge.scope).await?;
        let sender = Pattern::Address(challenge.sender.clone());
        let by_challenge =
            |one: &ListEntry| (one.kind, one.origin) == (ListKind::Allow, Origin::Challenge);
        Ok(list
            .iter()
            .any(|one| by_challenge(one) && one.pattern == sender))
    }

    /// The challenges within `by`'s scope that are open or answered, the newest first.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn challenges(&self, by: &Principal) -> Result<Vec<Challenge>, Refusal> {
        may_read(by, &by.scope)?;
        let mut all = self.store.settings.challenges().await?;
        let now = self.clock.now();
        all.retain(|one| one.expires > now && by.scope.holds(&one.scope));
        all.sort_by_key(|one| std::cmp::Reverse(one.made));
        Ok(all)
    }

    /// Lets go of challenges whose time is over.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn sweep_challenges(&self) -> Result<(), Refusal> {
        let now = self.clock.now();
        let door = Door::new("background", "");
        for old in self.store.settings.challenges().await? {
            if old.expires <= now {
                let event = self.of_challenge(&old, &door, "a challenge expired".to_owned());
                let settings = &self.store.settings;
                settings.remove_challenge(&old.place, event).await?;
            }
        }
        Ok(())
    }

    /// The challenge with exactly this text, if it is of use.
    async fn kept(&self, text: &str) -> Result<Option<Challenge>, Refusal> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if text.len() != 2 * HALF_LENGTH || !text.bytes().all(plain) {
            return Ok(None);
        }
        let kept = self.store.settings.challenge(&text[..HALF_LENGTH]).await?;
        let hash = hash(text);
        let now = self.clock.now();
        Ok(kept.filter(|kept| {
            let same = verify_slices_are_equal(kept.hash.as_bytes(), hash.as_bytes()).is_ok();
            let tired = kept.answered.is_none() && kept.tries >= TRIES_MOST;
            same && kept.expires > now && !tired
        }))
    }

    /// An entry of the sender that waits for the recipient, and is vouched for.
    async fn first_pending(&self, challenge: &Challenge) -> Result<Option<EntryId>, Refusal> {
        let waits = |entry: &Entry| {
            (entry.shelf, entry.state) == (Shelf::Pending, State::Held)
                && entry.aligned
                && sender(entry).as_ref() == Some(&challenge.sender)
        };
        let entries = &self.store.entries;
        if entries
            .entry(challenge.entry)
            .await?
            .is_some_and(|e| waits(&e))
        {
            return Ok(Some(challenge.entry));
        }
        let mut newest = Newest::pending(&challenge.scope);
        while let Some(piece) = newest.piece(&**entries).await? {
            if let Some(entry) = piece.into_iter().find(waits) {
                return Ok(Some(entry.id));
            }
        }
        Ok(None)
    }

    fn of_challenge(&self, challenge: &Challenge, door: &Door, words: String) -> Event {
        let now = self.clock.now();
        let mut event = Event::new(now, Status::Challenged, "challenge", door.clone());
        event.entry = Some(challenge.entry);
        event.direction = Some(Direction::Inbound);
        event.from = Some(challenge.sender.clone());
        if let Scope::Recipient(owner) = &challenge.scope {
            event.to = vec![owner.clone()];
        }
        event.saying(words)
    }
}

fn place(key: &Key, owner: &Address, sender: &Address) -> String {
    let parts = [
        b"quaranta challenge 1",
        owner.key().as_bytes(),
        sender.key().as_bytes(),
    ];
    URL_SAFE_NO_PAD.encode(&key.sign(&parts)[..HALF])
}

fn hash(text: &str) -> String {
    hex(digest(&SHA256, text.as_bytes()).as_ref())
}

fn no_key() -> Refusal {
    Refusal::Failed("there is no key for challenges".to_owned())
}

fn no_random(error: NoRandom) -> Refusal {
    Refusal::Failed(error.to_string())
}
