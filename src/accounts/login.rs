//! Signing in: the same answer and the same work whether the account exists or not,
//! and a growing wait for those who guess.

use std::collections::HashMap;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::credential::{LONGEST, hash_password, verify_password};
use crate::clock::{Clock, Timestamp};
use crate::net::network::Network;
use crate::options::Span;
use crate::policy::{Principal, Scope};
use crate::record::{Door, Event, Status};
use crate::store::{Journal, Settings};

crate::options! {
    /// Signing in, at every door.
    pub struct Options in "login" {
        /// Failures from one address (IPv6: one /64 network) before it has to wait.
        pub free_failures: u32 = 5,
        /// The first wait; it doubles with each further failure.
        pub first_wait: Span = Span::seconds(1),
        /// The longest wait.
        pub longest_wait: Span = Span::seconds(300),
        /// Passwords hashed at the same time; each takes 19 MB and some 20 ms of CPU.
        pub hashers: u32 = 2,
    }
}

/// Addresses remembered; when full, those that may try again first are forgotten.
const REMEMBERED: usize = 50_000;
/// Those who failed before have so many questions to others between them all at a time.
const SUSPECTS_ELSEWHERE: usize = 8;
/// Longest login looked at, in octets.
const NAME_LONGEST: usize = 400;

/// Why a visitor is not let in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginRefusal {
    /// Says nothing about which of both was wrong.
    #[error("login or password is wrong")]
    Wrong,
    #[error("too many failures; try again in {} s", .0.as_secs().max(1))]
    Wait(Duration),
    #[error("signing in is not possible now")]
    Unavailable,
}

#[derive(Clone, Copy)]
struct Failures {
    count: u32,
    /// No try before.
    until: Timestamp,
}

/// Lets visitors in. Cheap to clone.
#[derive(Clone)]
pub struct Login {
    settings: Arc<dyn Settings>,
    journal: Arc<dyn Journal>,
    clock: Clock,
    options: Arc<Options>,
    failures: Arc<Mutex<HashMap<IpAddr, Failures>>>,
    hashers: Arc<Semaphore>,
    /// Those who failed before have one hasher at a time between them all, so that
    /// others need not wait behind a crowd that guesses.
    suspects: Arc<Semaphore>,
    /// The same where somebody else is asked, who may be slow: nobody here waits behind that.
    suspects_elsewhere: Arc<Semaphore>,
    /// Verified against when there is no such account, so that it takes as long.
    decoy: Arc<str>,
}

impl Login {
    pub fn new(
        settings: Arc<dyn Settings>,
        journal: Arc<dyn Journal>,
        clock: Clock,
        options: Options,
    ) -> Self {
        let decoy = hash_password("no account has this one").unwrap_or_default();
        let hashers = Arc::new(Semaphore::new(options.hashers.max(1) as usize));
        Self {
            settings,
            journal,
            clock,
            options: Arc::new(options),
            failures: Arc::default(),
            hashers,
            suspects: Arc::new(Semaphore::new(1)),
            suspects_elsewhere: Arc::new(Semaphore::new(SUSPECTS_ELSEWHERE)),
            decoy: decoy.into(),
        }
    }

    /// Signs in: `name` is `global`, a domain, or an address (SE-06).
    ///
    /// # Errors
    /// [`LoginRefusal`]; failures are counted by address and written to the journal.
    pub async fn sign_in(
        &self,
        name: &str,
        password: &str,
        from: IpAddr,
        door: &str,
    ) -> Result<Principal, LoginRefusal> {
        let scope = scope_of(name);
        let check = self.check(scope.as_ref(), password);
        self.admit(name, scope.clone(), (from, door), &self.suspects, check)
            .await
    }

    /// The same where somebody else knows the password: `check` asks them, and is not
    /// begun while the visitor has to wait.
    ///
    /// # Errors
    /// [`LoginRefusal`], as for [`Login::sign_in`].
    pub async fn sign_in_elsewhere(
        &self,
        name: &str,
        from: IpAddr,
        door: &str,
        check: impl Future<Output = Result<bool, LoginRefusal>>,
    ) -> Result<Principal, LoginRefusal> {
        let suspects = &self.suspects_elsewhere;
        self.admit(name, scope_of(name), (from, door), suspects, check)
            .await
    }

    async fn admit(
        &self,
        name: &str,
        scope: Option<Scope>,
        (from, door): (IpAddr, &str),
        suspects: &Semaphore,
        check: impl Future<Output = Result<bool, LoginRefusal>>,
    ) -> Result<Principal, LoginRefusal> {
        let place = Network::of_client(from);
        self.check_wait(place)?;
        let suspect = self.failures.lock().contains_key(&place);
        let _turn = if suspect {
            let turn = suspects.acquire().await;
            // Others from there may have failed meanwhile.
            self.check_wait(place)?;
            turn.ok()
        } else {
            None
        };
        let now = self.clock.now();
        let matches = check.await?;
        let door = Door::new(door, from);
        match scope {
            Some(scope) if matches => {
                self.failures.lock().remove(&place);
                let principal = Principal::of(scope);
                self.note(Event::new(now, Status::SignedIn, &principal.who, door))
                    .await;
                Ok(principal)
            }
            _ => {
                self.failed(place, self.clock.now());
                let who: String = name.chars().take(80).collect();
                self.note(Event::new(now, Status::SignInFailed, &who, door))
                    .await;
                Err(LoginRefusal::Wrong)
            }
        }
    }

    /// True if there is such an account of the house with this password.
    async fn check(&self, scope: Option<&Scope>, password: &str) -> Result<bool, LoginRefusal> {
        let account = match scope {
            Some(scope) => self
                .settings
                .account(scope)
                .await
                .map_err(|_| LoginRefusal::Unavailable)?,
            None => None,
        };
        let known = account.is_some();
        let hash = account.map_or_else(|| self.decoy.to_string(), |account| account.hash);
        Ok(self.verify(password, hash).await? && known)
    }

    /// Those who must wait are told so.
    fn check_wait(&self, place: IpAddr) -> Result<(), LoginRefusal> {
        let now = self.clock.now();
        match self.failures.lock().get(&place) {
            Some(failures) if failures.until > now => {
                Err(LoginRefusal::Wait(failures.until.since(now)))
            }
            _ => Ok(()),
        }
    }

    async fn verify(&self, password: &str, hash: String) -> Result<bool, LoginRefusal> {
        if password.len() > LONGEST {
            return Ok(false);
        }
        let _turn = self
            .hashers
            .acquire()
            .await
            .map_err(|_| LoginRefusal::Unavailable)?;
        let password = password.to_owned();
        tokio::task::spawn_blocking(move || verify_password(&password, &hash))
            .await
            .map_err(|_| LoginRefusal::Unavailable)
    }

    async fn note(&self, event: Event) {
        if let Err(error) = self.journal.write(event).await {
            tracing::warn!(%error, "a sign-in could not be written to the journal");
        }
    }

    fn failed(&self, place: IpAddr, now: Timestamp) {
        let mut failures = self.failures.lock();
        if failures.len() >= REMEMBERED && !failures.contains_key(&place) {
            failures.retain(|_, f| f.until > now);
            if failures.len() >= REMEMBERED {
                failures.clear();
            }
        }
        let entry = failures.entry(place).or_insert(Failures {
            count: 0,
            until: now,
        });
        entry.count = entry.count.saturating_add(1);
        let beyond = entry
            .count
            .saturating_sub(self.options.free_failures.saturating_sub(1));
        if beyond > 0 {
            let wait = self
                .options
                .first_wait
                .0
                .saturating_mul(1 << (beyond - 1).min(20));
            entry.until = now.after(wait.min(self.options.longest_wait.0));
        }
    }
}

fn scope_of(name: &str) -> Option<Scope> {
    (name.len() <= NAME_LONGEST)
        .then(|| name.parse().ok())
        .flatten()
}
