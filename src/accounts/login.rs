//! Signing in: the same answer and the same work whether the account exists or not,
//! and a growing wait for those who guess.

use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::book::change_account;
use super::credential::{LONGEST, hash_password, verify_password};
use super::elsewhere::{Directory, Elsewhere};
use super::guesses::{Guesses, Waits};
use super::imap_ask::ImapAsk;
use super::link::Links;
use super::oidc::{Journeys, Provider};
use super::options::Options;
use super::second::Seconds;
use super::session::Sessions;
use crate::clock::Clock;
use crate::net::network::Network;
use crate::notify::Post;
use crate::policy::{Principal, Scope};
use crate::record::{Account, Door, Event, Status};
use crate::store::{Journal, Settings, StoreError};

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

impl From<StoreError> for LoginRefusal {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "accounts cannot be read or written");
        LoginRefusal::Unavailable
    }
}

/// Lets visitors in. Cheap to clone.
#[derive(Clone)]
pub struct Login {
    pub(super) settings: Arc<dyn Settings>,
    journal: Arc<dyn Journal>,
    pub(super) clock: Clock,
    pub(super) options: Arc<Options>,
    /// Failures of clients.
    failures: Arc<Guesses<IpAddr>>,
    /// The same for one login: who has an account here, and signs in between, guesses no more of others'.
    of_login: Arc<Guesses<(IpAddr, Option<Scope>)>>,
    hashers: Arc<Semaphore>,
    /// Those who failed before have one hasher at a time between them all, so that
    /// others need not wait behind a crowd that guesses.
    pub(super) suspects: Arc<Semaphore>,
    /// The same where somebody else is asked, who may be slow: nobody here waits behind that.
    pub(super) suspects_elsewhere: Arc<Semaphore>,
    /// Verified against when there is no such account, so that it takes as long.
    decoy: Arc<str>,
    /// Asks the mail servers of domains that have their users' passwords.
    pub(super) imap: Option<Arc<ImapAsk>>,
    /// Knows the passwords of domains that name no mail server.
    pub(super) directory: Option<Arc<dyn Directory>>,
    /// Signs people in at a page of its own.
    pub(super) provider: Option<Arc<dyn Provider>>,
    pub(super) journeys: Arc<Journeys>,
    /// Sends letters with links.
    pub(super) post: Option<Post>,
    pub(super) links: Arc<Links>,
    pub(super) sessions: Arc<Sessions>,
    pub(super) seconds: Arc<Seconds>,
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
        let waits = Waits {
            free: options.free_failures,
            first: options.first_wait.0,
            longest: options.longest_wait.0,
        };
        Self {
            settings,
            journal,
            clock,
            failures: Arc::new(Guesses::new(waits)),
            of_login: Arc::new(Guesses::new(waits)),
            hashers,
            suspects: Arc::new(Semaphore::new(1)),
            suspects_elsewhere: Arc::new(Semaphore::new(SUSPECTS_ELSEWHERE)),
            decoy: decoy.into(),
            imap: None,
            directory: None,
            provider: None,
            journeys: Arc::default(),
            post: None,
            links: Arc::new(Links::new(&options)),
            sessions: Arc::default(),
            seconds: Arc::new(Seconds::new(waits)),
            options: Arc::new(options),
        }
    }

    /// With somebody who asks the IMAP servers of domains for their users' passwords.
    #[must_use]
    pub fn asking(mut self, imap: ImapAsk) -> Self {
        self.imap = Some(Arc::new(imap));
        self
    }

    /// With a directory that knows passwords.
    #[must_use]
    pub fn knowing(mut self, directory: Arc<dyn Directory>) -> Self {
        self.directory = Some(directory);
        self
    }

    /// With a provider at whose page people sign in to the panel.
    #[must_use]
    pub fn trusting(mut self, provider: Arc<dyn Provider>) -> Self {
        self.provider = Some(provider);
        self
    }

    /// With somebody who sends letters with links to sign in.
    #[must_use]
    pub fn writing(mut self, post: Post) -> Self {
        self.post = Some(post);
        self
    }

    /// Signs in with a password alone, as mail clients do: `name` is `global`, a domain, or an
    /// address (SE-06). An account with a second factor is let in too, unless
    /// `imap_with_second_factor` is off.
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
        let alone = self.options.imap_with_second_factor;
        let check = |account: &Account| alone || account.second.is_none();
        let account = self.by_password(name, password, from, door, check).await?;
        let principal = account.own();
        self.signed_in(&principal.who, from, door).await;
        Ok(principal)
    }

    /// The account that takes this password, and of which `also` is true.
    pub(super) async fn by_password(
        &self,
        name: &str,
        password: &str,
        from: IpAddr,
        door: &str,
        also: impl Fn(&Account) -> bool,
    ) -> Result<Account, LoginRefusal> {
        let scope = scope_of(name);
        let elsewhere = self.elsewhere(scope.as_ref()).await?;
        let suspects = match elsewhere {
            Some(_) => &self.suspects_elsewhere,
            None => &self.suspects,
        };
        let check = async {
            let account = self
                .check(scope.as_ref(), elsewhere, name, password)
                .await?;
            Ok(account.filter(|account| also(account)))
        };
        self.admit(name, (from, door), suspects, check).await
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
        let check = async { Ok(check.await?.then(|| scope_of(name)).flatten()) };
        let suspects = &self.suspects_elsewhere;
        let scope = self.admit(name, (from, door), suspects, check).await?;
        let principal = Principal::of(scope);
        self.signed_in(&principal.who, from, door).await;
        Ok(principal)
    }

    /// What `check` finds, unless the visitor has to wait; a failure is counted.
    pub(super) async fn admit<T>(
        &self,
        name: &str,
        (from, door): (IpAddr, &str),
        suspects: &Semaphore,
        check: impl Future<Output = Result<Option<T>, LoginRefusal>>,
    ) -> Result<T, LoginRefusal> {
        let place = Network::of_client(from);
        let who = (place, scope_of(name));
        let check_waits = || {
            self.check_wait(place)?;
            let wait = self.of_login.wait(&who, self.clock.now());
            wait.map_or(Ok(()), |wait| Err(LoginRefusal::Wait(wait)))
        };
        check_waits()?;
        let _turn = if self.failures.is_suspect(&place) {
            let turn = suspects.acquire().await;
            // Others from there may have failed meanwhile.
            check_waits()?;
            turn.ok()
        } else {
            None
        };
        if let Some(found) = check.await? {
            self.failures.succeeded(&place);
            self.of_login.succeeded(&who);
            return Ok(found);
        }
        self.failed(name, from, door).await;
        Err(LoginRefusal::Wrong)
    }

    /// Counts a failure and writes it down.
    pub(super) async fn failed(&self, name: &str, from: IpAddr, door: &str) {
        let now = self.clock.now();
        let place = Network::of_client(from);
        self.failures.failed(place, now);
        self.of_login.failed((place, scope_of(name)), now);
        let who: String = name.chars().take(80).collect();
        self.note(Event::new(
            now,
            Status::SignInFailed,
            &who,
            Door::new(door, from),
        ))
        .await;
    }

    /// Those who must wait are told so.
    pub(super) fn check_wait(&self, place: IpAddr) -> Result<(), LoginRefusal> {
        match self.failures.wait(&place, self.clock.now()) {
            Some(wait) => Err(LoginRefusal::Wait(wait)),
            None => Ok(()),
        }
    }

    pub(super) async fn signed_in(&self, who: &str, from: IpAddr, door: &str) {
        let now = self.clock.now();
        self.note(Event::new(
            now,
            Status::SignedIn,
            who,
            Door::new(door, from),
        ))
        .await;
    }

    /// The account with this password, if there is one.
    async fn check(
        &self,
        scope: Option<&Scope>,
        elsewhere: Option<Elsewhere>,
        name: &str,
        password: &str,
    ) -> Result<Option<Account>, LoginRefusal> {
        let account = match scope {
            Some(scope) => self.settings.account(scope).await?,
            None => None,
        };
        if let Some(elsewhere) = elsewhere {
            let known = self.ask(&elsewhere, scope, name, password).await?;
            return match (known, account, scope) {
                (false, _, _) | (true, None, None) => Ok(None),
                (true, Some(account), _) => Ok(Some(account)),
                (true, None, Some(scope)) if self.options.imap_makes_accounts => {
                    let words = format!("account {scope} was made: {elsewhere} knows it");
                    self.made_by_itself(scope, elsewhere.chore(), words)
                        .await
                        .map(Some)
                }
                (true, None, Some(_)) => Ok(None),
            };
        }
        let hash = account.as_ref().map_or("", |account| account.hash.as_str());
        let hash = if hash.is_empty() { &*self.decoy } else { hash };
        let matches = self.verify(password, hash.to_owned()).await?;
        Ok(account.filter(|account| matches && !account.hash.is_empty()))
    }

    /// An account without a password of the house, for somebody who proved to have the mailbox.
    pub(super) async fn made_by_itself(
        &self,
        scope: &Scope,
        chore: &str,
        words: String,
    ) -> Result<Account, LoginRefusal> {
        let now = self.clock.now();
        let door = Door::new("background", "");
        let event = Event::new(now, Status::Changed, chore, door)
            .about(scope)
            .saying(words);
        let new = Account::anew(scope.clone(), String::new(), now);
        let made = change_account(&*self.settings, scope, |before| {
            let made = before.is_none().then(|| (new.clone(), event.clone()));
            Ok::<_, StoreError>(made)
        })
        .await?;
        match made {
            Some(account) => Ok(account),
            // Somebody else was quicker.
            None => self
                .settings
                .account(scope)
                .await?
                .ok_or(LoginRefusal::Wrong),
        }
    }

    pub(super) async fn verify(&self, password: &str, hash: String) -> Result<bool, LoginRefusal> {
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

    pub(super) async fn note(&self, event: Event) {
        if let Err(error) = self.journal.write(event).await {
            tracing::warn!(%error, "a sign-in could not be written to the journal");
        }
    }
}

pub(super) fn scope_of(name: &str) -> Option<Scope> {
    (name.len() <= NAME_LONGEST)
        .then(|| name.parse().ok())
        .flatten()
}
