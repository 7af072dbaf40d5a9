//! The steps of a sign-in where there is a second factor, and how an account gets one.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use parking_lot::Mutex;

use super::book::change_account;
use super::guesses::{Guesses, Waits};
use super::tickets::Tickets;
use super::totp;
use super::{Login, LoginRefusal};
use crate::clock::Timestamp;
use crate::policy::Scope;
use crate::record::{Account, Door, Event, SecondFactor, Secret, Status};
use crate::token::NoRandom;

/// How long the second step may take.
const PENDING: Duration = Duration::from_secs(300);
/// Codes tried in one second step.
const TRIES: u32 = 5;
/// How long it may take to confirm a new second factor.
const ENROLMENT: Duration = Duration::from_secs(900);
/// Sign-ins between their steps, and enrolments, at the same time.
const PENDING_MOST: usize = 50_000;
/// What a device shows as the name of the house.
const ISSUER: &str = "Quaranta";

/// Somebody who proved who it is, in all steps that are asked of the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedIn {
    pub(super) login: Scope,
    pub(super) epoch: u64,
}

impl SignedIn {
    fn new(account: &Account) -> Self {
        Self {
            login: account.scope.clone(),
            epoch: account.epoch,
        }
    }

    /// Whose account it is.
    #[must_use]
    pub fn login(&self) -> &Scope {
        &self.login
    }
}

/// A sign-in that waits for its second factor, for five minutes and five tries.
#[derive(Clone, PartialEq, Eq)]
pub struct Pending(String);

impl Pending {
    /// What the visitor brings back with the code.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pending")
    }
}

/// Where a sign-in stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Done(SignedIn),
    SecondFactor(Pending),
}

/// A second factor that is offered: it holds once a code confirms it, within 15 minutes.
#[derive(Clone)]
pub struct Enrolment {
    /// Brought back with the code.
    pub ticket: String,
    /// Base32, to be typed.
    pub secret: String,
    /// `otpauth://`, for the same device.
    pub uri: String,
    /// The same as a picture (SVG), to be scanned.
    pub picture: String,
}

impl fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Enrolment")
    }
}

struct Waiting {
    login: Scope,
    epoch: u64,
    tries: u32,
}

/// What is known between steps; in memory.
pub(super) struct Seconds {
    pending: Tickets<Waiting>,
    enrolments: Tickets<(Scope, Secret)>,
    /// Wrong codes by account: who has the password of one cannot try from many places.
    guesses: Guesses<Scope>,
    /// The last step of which each account's code was taken. As many as there are accounts.
    used: Mutex<HashMap<Scope, u64>>,
}

impl Seconds {
    pub(super) fn new(waits: Waits) -> Self {
        Self {
            pending: Tickets::new(PENDING_MOST),
            enrolments: Tickets::new(PENDING_MOST),
            guesses: Guesses::new(waits),
            used: Mutex::default(),
        }
    }

    /// Takes a code of `secret`; each once. After a restart a code of the last half minute or so
    /// would be taken once more.
    fn takes(&self, login: &Scope, secret: &Secret, code: &str, now: Timestamp) -> bool {
        let mut used = self.used.lock();
        let last = used.get(login).copied();
        let Some(step) = totp::step_of(secret, code, now, last) else {
            return false;
        };
        used.insert(login.clone(), step);
        true
    }
}

impl From<NoRandom> for LoginRefusal {
    fn from(error: NoRandom) -> Self {
        tracing::error!(%error, "nobody can sign in");
        LoginRefusal::Unavailable
    }
}

impl Login {
    /// Signs in with a password, for visitors who can be asked for a second factor.
    ///
    /// # Errors
    /// [`LoginRefusal`]; failures are counted by address and written to the journal.
    pub async fn begin(
        &self,
        name: &str,
        password: &str,
        from: IpAddr,
        door: &str,
    ) -> Result<Step, LoginRefusal> {
        let account = self
            .by_password(name, password, from, door, |_| true)
            .await?;
        self.step(&account, from, door).await
    }

    /// What is still asked of who proved to own `account` in one way.
    pub(super) async fn step(
        &self,
        account: &Account,
        from: IpAddr,
        door: &str,
    ) -> Result<Step, LoginRefusal> {
        if account.second.is_none() {
            self.signed_in(&account.scope.to_string(), from, door).await;
            return Ok(Step::Done(SignedIn::new(account)));
        }
        let now = self.clock.now();
        let waiting = Waiting {
            login: account.scope.clone(),
            epoch: account.epoch,
            tries: 0,
        };
        let text = self
            .seconds
            .pending
            .issue(waiting, now, now.after(PENDING))?;
        Ok(Step::SecondFactor(Pending(text)))
    }

    /// The second step: `code` of the device, or a recovery code, which is used up then.
    ///
    /// # Errors
    /// [`LoginRefusal::Wrong`] also if the first step is too long ago or was tried too often;
    /// [`LoginRefusal::Wait`] also where an account had too many wrong codes.
    pub async fn second(
        &self,
        pending: &str,
        code: &str,
        from: IpAddr,
        door: &str,
    ) -> Result<SignedIn, LoginRefusal> {
        let tickets = &self.seconds.pending;
        let found = tickets.with(pending, self.clock.now(), |waiting, _| {
            waiting.tries += 1;
            (waiting.login.clone(), waiting.epoch, waiting.tries)
        });
        let name = found
            .as_ref()
            .map_or("-".to_owned(), |(login, ..)| login.to_string());
        let check = async {
            let Some((login, epoch, tries)) = found else {
                return Ok(None);
            };
            let account = self.settings.account(&login).await?;
            let account = account.filter(|account| account.epoch == epoch);
            let Some(account) = account.filter(|_| tries <= TRIES) else {
                return Ok(None);
            };
            let taken = self.takes_code(&account, code, door, from).await?;
            Ok(taken.then_some(account))
        };
        let account = self
            .admit(&name, (from, door), &self.suspects, check)
            .await?;
        if tickets.take(pending, self.clock.now()).is_none() {
            // Two came with it at once.
            return Err(LoginRefusal::Wrong);
        }
        self.signed_in(&name, from, door).await;
        Ok(SignedIn::new(&account))
    }

    /// True if `code` is one of the account's device, or a recovery code, which is used up.
    pub(super) async fn takes_code(
        &self,
        account: &Account,
        code: &str,
        door: &str,
        from: IpAddr,
    ) -> Result<bool, LoginRefusal> {
        let (login, now) = (&account.scope, self.clock.now());
        if let Some(wait) = self.seconds.guesses.wait(login, now) {
            return Err(LoginRefusal::Wait(wait));
        }
        let Some(second) = &account.second else {
            return Ok(false);
        };
        let taken = self.seconds.takes(login, &second.secret, code, now)
            || self
                .takes_recovery(login, code, Door::new(door, from))
                .await?;
        if taken {
            self.seconds.guesses.succeeded(login);
        } else {
            self.seconds.guesses.failed(login.clone(), now);
        }
        Ok(taken)
    }

    async fn takes_recovery(
        &self,
        login: &Scope,
        code: &str,
        door: Door,
    ) -> Result<bool, LoginRefusal> {
        let hash = totp::recovery_hash(code);
        let now = self.clock.now();
        let used = change_account(&*self.settings, login, |before| {
            let Some(mut account) = before else {
                return Ok(None);
            };
            let Some(second) = &mut account.second else {
                return Ok(None);
            };
            let Some(place) = second.recovery.iter().position(|kept| *kept == hash) else {
                return Ok(None);
            };
            second.recovery.remove(place);
            let words = format!(
                "a recovery code was used; {} are left",
                second.recovery.len()
            );
            let event =
                Event::new(now, Status::Changed, &login.to_string(), door.clone()).about(login);
            Ok::<_, LoginRefusal>(Some((account, event.saying(words))))
        });
        Ok(used.await?.is_some())
    }

    /// Offers a second factor to the account `login`; nothing changes before it is confirmed.
    ///
    /// # Errors
    /// [`LoginRefusal::Unavailable`].
    pub fn enrol(&self, login: &Scope) -> Result<Enrolment, LoginRefusal> {
        let (secret, now) = (totp::new_secret()?, self.clock.now());
        let uri = totp::uri(&secret, &login.to_string(), ISSUER);
        let picture = totp::picture(&uri).unwrap_or_default();
        let offered = (login.clone(), secret.clone());
        let ticket = self
            .seconds
            .enrolments
            .issue(offered, now, now.after(ENROLMENT))?;
        Ok(Enrolment {
            ticket,
            secret: secret.0,
            uri,
            picture,
        })
    }

    /// Confirms an offer by a code of it; the second factor is asked for from now on, in place of
    /// one that was there. All other sessions of the account end. Returns the recovery
    /// codes, which are shown this once.
    ///
    /// # Errors
    /// [`LoginRefusal::Wrong`] for a wrong code (the offer stays), an offer to another account, or
    /// a session that has ended; [`LoginRefusal::Wait`], [`LoginRefusal::Unavailable`].
    pub async fn confirm(
        &self,
        session: &str,
        ticket: &str,
        code: &str,
        from: IpAddr,
        door: &str,
    ) -> Result<Vec<String>, LoginRefusal> {
        let entered = self.session(session).await?.ok_or(LoginRefusal::Wrong)?;
        let (login, now) = (entered.session.login, self.clock.now());
        let offers = &self.seconds.enrolments;
        let offered = offers.with(ticket, now, |offer, _| offer.clone());
        let check = async {
            let offered = offered.filter(|(to, _)| *to == login);
            Ok(offered.filter(|(_, secret)| self.seconds.takes(&login, secret, code, now)))
        };
        let name = login.to_string();
        let (_, secret) = self
            .admit(&name, (from, door), &self.suspects, check)
            .await?;
        offers.take(ticket, now);
        let words = format!("{login} set up a second factor");
        let codes = self.set_second(&login, words, Door::new(door, from), |_| {
            Some(secret.clone())
        });
        let codes = codes.await?;
        self.keep_session(session).await?;
        Ok(codes)
    }

    /// New recovery codes in place of those that were there; shown this once.
    ///
    /// # Errors
    /// [`LoginRefusal::Wrong`] if the account has no second factor.
    pub async fn new_recovery_codes(
        &self,
        session: &str,
        from: IpAddr,
        door: &str,
    ) -> Result<Vec<String>, LoginRefusal> {
        let entered = self.session(session).await?.ok_or(LoginRefusal::Wrong)?;
        let login = entered.session.login;
        let words = format!("{login} made new recovery codes");
        let same = |account: &Account| Some(account.second.as_ref()?.secret.clone());
        let codes = self.set_second(&login, words, Door::new(door, from), same);
        let codes = codes.await?;
        self.keep_session(session).await?;
        Ok(codes)
    }

    async fn set_second(
        &self,
        login: &Scope,
        words: String,
        door: Door,
        secret: impl Fn(&Account) -> Option<Secret>,
    ) -> Result<Vec<String>, LoginRefusal> {
        let (codes, kept) = totp::recovery_codes()?;
        let now = self.clock.now();
        let event = Event::new(now, Status::Changed, &login.to_string(), door)
            .about(login)
            .saying(words);
        change_account(&*self.settings, login, |before| {
            let mut account = before.ok_or(LoginRefusal::Wrong)?;
            let secret = secret(&account).ok_or(LoginRefusal::Wrong)?;
            account.second = Some(SecondFactor {
                secret,
                recovery: kept.clone(),
                since: now,
            });
            account.epoch += 1;
            Ok::<_, LoginRefusal>(Some((account, event.clone())))
        })
        .await?;
        Ok(codes)
    }
}
