//! Many lives by seed: faults in store and network, retries, visitors who press twice, strangers.
//! After every life the promises of the house are checked; planted mutants prove that the check can fail.

mod house;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use house::{House, address, door, principal};
use parking_lot::Mutex;
use quaranta::actions::{Action, Outcome, Refusal};
use quaranta::clock::{Clock, Timestamp};
use quaranta::mail::{Address, EntryId, Mail, MailId};
use quaranta::policy::Scope;
use quaranta::record::{Change, Entry, Event, Job, KeptMail, Shelf, State};
use quaranta::store::{
    ChangeError, Entries, Flags, Held, Jobs, Notice, Row, Shown, Store, StoreError, View, in_memory,
};
use tokio::sync::broadcast;

/// Lives lived; each is another seed.
const LIVES: u64 = 400;
const STEPS: u32 = 40;
const RECIPIENTS: [&str; 4] = [
    "alice@example.org",
    "bob@example.org",
    "alice@tag.example.org",
    "carol@example.org",
];

/// xorshift64*: good enough to roll dice, and the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 33) % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

/// A planted fault of the house.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mutant {
    None,
    /// Says that a mail is stashed, and forgets it.
    ForgetsStash,
    /// Says that a delivery is owed, and forgets it.
    ForgetsOwed,
    /// Stores a release without its job.
    LosesJob,
    /// Never writes down that a job is settled or an entry released.
    ForgetsDelivered,
}

/// The store with faults: every so often an operation fails, and a mutant lies.
struct Faulty {
    inner: Store,
    mutant: Mutant,
    /// One operation in so many fails; 0 for never.
    fail_one_in: u64,
    dice: Mutex<Dice>,
    failed: AtomicU64,
}

impl Faulty {
    fn trip(&self) -> Result<(), StoreError> {
        if self.fail_one_in > 0 && self.dice.lock().one_in(self.fail_one_in) {
            self.failed.fetch_add(1, Ordering::SeqCst);
            return Err(StoreError::Failed("a planted fault".into()));
        }
        Ok(())
    }
}

#[async_trait]
impl Entries for Faulty {
    async fn entries_of(&self, mail: MailId) -> Result<Vec<EntryId>, StoreError> {
        self.inner.entries.entries_of(mail).await
    }
    async fn stash(
        &self,
        mail: &Mail,
        entries: Vec<Entry>,
        event: Event,
    ) -> Result<Vec<Entry>, StoreError> {
        self.trip()?;
        if self.mutant == Mutant::ForgetsStash {
            return Ok(entries);
        }
        self.inner.entries.stash(mail, entries, event).await
    }
    async fn entry(&self, id: EntryId) -> Result<Option<Entry>, StoreError> {
        self.inner.entries.entry(id).await
    }
    async fn entries(&self, ids: &[EntryId]) -> Result<Vec<Option<Entry>>, StoreError> {
        self.inner.entries.entries(ids).await
    }
    async fn mail(&self, id: MailId) -> Result<Option<KeptMail>, StoreError> {
        self.trip()?;
        self.inner.entries.mail(id).await
    }
    async fn mails(&self, ids: &[MailId]) -> Result<Vec<Option<KeptMail>>, StoreError> {
        self.inner.entries.mails(ids).await
    }
    async fn shown(&self, view: &View, after: u64, most: usize) -> Result<Vec<Shown>, StoreError> {
        self.inner.entries.shown(view, after, most).await
    }
    async fn uids(
        &self,
        view: &View,
        after: u64,
        most: usize,
    ) -> Result<Vec<(u64, EntryId)>, StoreError> {
        self.inner.entries.uids(view, after, most).await
    }
    async fn newest(
        &self,
        view: &View,
        before: u64,
        most: usize,
    ) -> Result<Vec<(u64, EntryId)>, StoreError> {
        self.inner.entries.newest(view, before, most).await
    }
    async fn rows(&self, scope: &Scope, ids: &[EntryId]) -> Result<Vec<Option<Row>>, StoreError> {
        self.inner.entries.rows(scope, ids).await
    }
    async fn flagged(&self, scope: &Scope, entries: Vec<Entry>) -> Result<Vec<Row>, StoreError> {
        self.inner.entries.flagged(scope, entries).await
    }
    async fn count(&self, view: &View) -> Result<u64, StoreError> {
        self.inner.entries.count(view).await
    }
    async fn held(&self, scope: &Scope) -> Result<Held, StoreError> {
        self.inner.entries.held(scope).await
    }
    async fn holders(
        &self,
        after: Option<&Scope>,
        most: usize,
    ) -> Result<Vec<(Scope, Held)>, StoreError> {
        self.inner.entries.holders(after, most).await
    }
    async fn last_uid(&self) -> Result<u64, StoreError> {
        self.inner.entries.last_uid().await
    }
    async fn apply(&self, mut changes: Vec<Change>) -> Vec<Result<Entry, ChangeError>> {
        if let Err(error) = self.trip() {
            return changes
                .iter()
                .map(|_| Err(ChangeError::Store(error.clone())))
                .collect();
        }
        if self.mutant == Mutant::LosesJob {
            for change in &mut changes {
                change.job = quaranta::record::JobStep::Stay;
            }
        }
        if self.mutant == Mutant::ForgetsDelivered
            && changes.iter().any(|c| c.to == State::Released)
        {
            return changes.iter().map(|_| Err(ChangeError::Gone)).collect();
        }
        self.inner.entries.apply(changes).await
    }
    async fn set_flags(
        &self,
        scope: &Scope,
        flags: Vec<(EntryId, Flags)>,
    ) -> Result<(), StoreError> {
        self.inner.entries.set_flags(scope, flags).await
    }
    async fn expiring(&self, now: Timestamp, most: usize) -> Result<Vec<Entry>, StoreError> {
        self.inner.entries.expiring(now, most).await
    }
    fn notices(&self) -> broadcast::Receiver<Notice> {
        self.inner.entries.notices()
    }
}

#[async_trait]
impl Jobs for Faulty {
    async fn owe(&self, mail: &Mail, jobs: Vec<Job>, event: Event) -> Result<(), StoreError> {
        self.trip()?;
        if self.mutant == Mutant::ForgetsOwed {
            return Ok(());
        }
        self.inner.jobs.owe(mail, jobs, event).await
    }
    async fn take(
        &self,
        now: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<Job>, StoreError> {
        self.inner.jobs.take(now, until, most).await
    }
    async fn settle(&self, id: EntryId, job: Option<Job>, event: Event) -> Result<(), StoreError> {
        self.trip()?;
        if self.mutant == Mutant::ForgetsDelivered {
            return Ok(());
        }
        self.inner.jobs.settle(id, job, event).await
    }
    async fn jobs(&self, most: usize) -> Result<Vec<Job>, StoreError> {
        self.inner.jobs.jobs(most).await
    }
    async fn owed(&self) {
        self.inner.jobs.owed().await;
    }
}

/// What a client was told about a mail to these recipients.
struct Told {
    body: String,
    to: Vec<Address>,
    code: u16,
    spam: bool,
}

struct Life {
    house: House,
    /// The sound store below the faults.
    sound: Store,
    faults: Arc<Faulty>,
    dice: Dice,
    told: Vec<Told>,
    sent: u64,
}

impl Life {
    async fn begin(seed: u64, mutant: Mutant) -> Self {
        let clock = Clock::by_hand(Timestamp(1_000_000_000_000));
        let sound = in_memory::open(clock.clone());
        // Every second life has a sound store: then nobody may get anything twice.
        let fail_one_in = if seed.is_multiple_of(2) { 0 } else { 8 };
        let faults = Arc::new(Faulty {
            inner: sound.clone(),
            mutant,
            fail_one_in,
            dice: Mutex::new(Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)),
            failed: AtomicU64::new(0),
        });
        let store = Store {
            entries: faults.clone(),
            jobs: faults.clone(),
            ..sound.clone()
        };
        let house = House::on(store, clock).await;
        Self {
            house,
            sound,
            faults,
            dice: Dice(seed | 1 << 40),
            told: Vec::new(),
            sent: 0,
        }
    }

    async fn live(&mut self) -> Result<(), String> {
        for _ in 0..STEPS {
            match self.dice.roll(10) {
                0..=3 => self.send().await,
                4 | 5 => self.press().await?,
                6 => self.press_as_a_stranger().await?,
                7 => self.retry().await,
                _ => self.time_goes_by().await,
            }
            self.leaving_has_its_job().await?;
        }
        self.every_answer_was_true().await?;
        self.nobody_got_it_twice()
    }

    fn network(&mut self) {
        for to in RECIPIENTS {
            let codes: &[u16] = match self.dice.roll(8) {
                0 => &[451],
                1 => &[451, 451],
                2 => &[550],
                _ => &[],
            };
            self.house.carrying.destination.will_say(to, codes);
        }
    }

    async fn send(&mut self) {
        self.network();
        self.sent += 1;
        let spam = self.dice.one_in(2);
        let body = format!("mail-{} {}", self.sent, if spam { "XJUNK" } else { "" });
        let mut to: Vec<&str> = RECIPIENTS
            .into_iter()
            .filter(|_| self.dice.one_in(2))
            .collect();
        if to.is_empty() {
            to.push(RECIPIENTS[0]);
        }
        self.hand_in(body, &to, spam).await;
    }

    async fn hand_in(&mut self, body: String, to: &[&str], spam: bool) {
        let code = self.house.send(&to.join(" "), &body).await.code;
        self.told.push(Told {
            body,
            to: to.iter().map(|to| address(to)).collect(),
            code,
            spam,
        });
    }

    /// A client that was told "later" comes again with the same mail.
    async fn retry(&mut self) {
        let Some(at) = self
            .told
            .iter()
            .rposition(|told| (400..500).contains(&told.code))
        else {
            return;
        };
        let told = self.told.remove(at);
        let to: Vec<String> = told.to.iter().map(ToString::to_string).collect();
        let to: Vec<&str> = to.iter().map(String::as_str).collect();
        self.network();
        self.hand_in(told.body, &to, told.spam).await;
    }

    async fn somebody(&mut self) -> Option<(EntryId, Address)> {
        let all = self.house.caught("global").await;
        if all.is_empty() {
            return None;
        }
        let id = all[usize::try_from(self.dice.roll(all.len() as u64)).expect("small")];
        let entry = self.sound.entries.entry(id).await.expect("sound")?;
        Some((id, entry.owner))
    }

    async fn press(&mut self) -> Result<(), String> {
        let Some((id, owner)) = self.somebody().await else {
            return Ok(());
        };
        let by = principal(owner.key());
        let action = match self.dice.roll(4) {
            0 => Action::Remove,
            1 => Action::ReleaseAndTrain,
            _ => Action::Release,
        };
        let first = self.house.desk.perform(&by, &action, id, &door()).await;
        if self.dice.one_in(2) {
            let second = self.house.desk.perform(&by, &action, id, &door()).await;
            if first == Ok(Outcome::Done(id))
                && !matches!(second, Ok(Outcome::Already(_)) | Err(Refusal::Failed(_)))
            {
                return Err(format!("pressing {action:?} twice gave {second:?}"));
            }
        }
        Ok(())
    }

    async fn press_as_a_stranger(&mut self) -> Result<(), String> {
        let Some((id, _)) = self.somebody().await else {
            return Ok(());
        };
        for action in [Action::Release, Action::Remove, Action::TrainSpam] {
            let got = self
                .house
                .desk
                .perform(&principal("mallory@other.org"), &action, id, &door())
                .await;
            if got != Err(Refusal::NotYours) {
                return Err(format!("a stranger's {action:?} gave {got:?}"));
            }
        }
        Ok(())
    }

    async fn time_goes_by(&mut self) {
        self.network();
        let minutes = 1 + self.dice.roll(90);
        self.house.clock.forward(Duration::from_secs(60 * minutes));
        self.house.deliver().await;
    }

    /// Each entry that leaves has exactly one job; each job of a release has its entry.
    async fn leaving_has_its_job(&self) -> Result<(), String> {
        let jobs = self.sound.jobs.jobs(1000).await.expect("sound");
        for told in &self.told {
            for to in &told.to {
                let Some(entry) = self.entry(told, to).await else {
                    continue;
                };
                let owed = jobs.iter().filter(|job| job.id == entry.id).count();
                if entry.state == State::Leaving && owed != 1 {
                    return Err(format!("{} leaves with {owed} jobs", entry.id));
                }
            }
        }
        Ok(())
    }

    async fn entry(&self, told: &Told, to: &Address) -> Option<Entry> {
        let from = Some(address("sender@remote.test"));
        let mail = house::mail(
            &self.house.clock,
            from.clone(),
            &told.to,
            &house::text(&told.body),
        );
        // Hours pass in a life, so the mail may be of yesterday or the day before.
        for back in 0..5 {
            let day = self.house.clock.now().day() - back;
            let id = EntryId::of(MailId::of(from.as_ref(), mail.message.bytes(), day), to);
            if let Some(entry) = self.sound.entries.entry(id).await.expect("sound") {
                return Some(entry);
            }
        }
        None
    }

    /// After 250 each recipient has it, has it stashed, or is owed it. After the 550 of
    /// spam nobody has it (but by a release), and there is a copy for each who wants one.
    async fn every_answer_was_true(&self) -> Result<(), String> {
        let jobs = self.sound.jobs.jobs(1000).await.expect("sound");
        for told in &self.told {
            for to in &told.to {
                let has = self
                    .house
                    .carrying
                    .destination
                    .got(to.key())
                    .iter()
                    .any(|text| holds(text, &told.body));
                let entry = self.entry(told, to).await;
                let mail = entry.as_ref().map(|e| e.mail);
                let owed = jobs.iter().any(|job| {
                    let owner = matches!(&job.kind, quaranta::record::JobKind::Deliver { to: t, .. } if t == to);
                    owner || Some(job.mail) == mail && entry.as_ref().is_some_and(|e| e.id == job.id)
                });
                if told.code == 250 && !has && entry.is_none() && !owed {
                    return Err(format!("250, and {to} lost {}", told.body));
                }
                let wants_copy = told.spam && to.domain().as_str() == "example.org";
                if told.code == 550 && wants_copy && entry.is_none() {
                    return Err(format!("550, and no copy of {} for {to}", told.body));
                }
                let released = entry.is_some_and(|e| {
                    matches!(e.state, State::Released | State::Leaving | State::Held)
                        && e.shelf == Shelf::Caught
                });
                if told.code == 550
                    && has
                    && !released
                    && self.faults.failed.load(Ordering::SeqCst) == 0
                {
                    return Err(format!("550, and {to} has {}", told.body));
                }
            }
        }
        Ok(())
    }

    fn nobody_got_it_twice(&self) -> Result<(), String> {
        if self.faults.failed.load(Ordering::SeqCst) > 0 {
            return Ok(());
        }
        let mut count: BTreeMap<(String, String), u32> = BTreeMap::new();
        for (to, text) in self.house.carrying.destination.delivered.lock().iter() {
            for told in self.told.iter().filter(|told| holds(text, &told.body)) {
                if !told.to.contains(to) {
                    return Err(format!("{to} got {}, which was for others", told.body));
                }
                *count
                    .entry((to.to_string(), told.body.clone()))
                    .or_default() += 1;
            }
        }
        match count.into_iter().find(|(_, n)| *n > 1) {
            Some(((to, body), n)) => Err(format!("{to} got {body} {n} times")),
            None => Ok(()),
        }
    }
}

fn holds(text: &str, body: &str) -> bool {
    text.contains(&format!("\r\n\r\n{body}\r\n"))
}

async fn lives(mutant: Mutant, count: u64) -> Result<(), String> {
    for seed in 1..=count {
        let mut life = Life::begin(seed, mutant).await;
        life.live()
            .await
            .map_err(|fault| format!("seed {seed}: {fault}"))?;
    }
    Ok(())
}

#[tokio::test]
async fn the_promises_hold_in_every_life() {
    assert_eq!(lives(Mutant::None, LIVES).await, Ok(()));
}

#[tokio::test]
async fn every_mutant_is_found() {
    for mutant in [
        Mutant::ForgetsStash,
        Mutant::ForgetsOwed,
        Mutant::LosesJob,
        Mutant::ForgetsDelivered,
    ] {
        assert!(
            lives(mutant, LIVES).await.is_err(),
            "{mutant:?} lived unseen"
        );
    }
}
