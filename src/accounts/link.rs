//! Signing in by a mailed link that can be used once.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::guesses::Hourly;
use super::second::Step;
use super::tickets::Tickets;
use super::{Login, LoginRefusal, Options};
use crate::mail::Address;
use crate::net::network::Network;
use crate::notify::Letter;
use crate::policy::Scope;
use crate::record::Account;

/// Links that can be used at the same time; beyond that the oldest go.
const LINKS_MOST: usize = 50_000;
/// Letters written at the same time; more are not written.
const WRITERS: usize = 8;
/// Longest address looked at, in octets.
const ADDRESS_LONGEST: usize = 320;
/// What who asks too often is told to wait.
const WAIT: Duration = Duration::from_secs(3600);

/// Links that were mailed, in memory: a restart ends them.
pub(super) struct Links {
    tickets: Tickets<Address>,
    by_address: Hourly<Address>,
    by_client: Hourly<IpAddr>,
    writers: Arc<Semaphore>,
}

impl Links {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            tickets: Tickets::new(LINKS_MOST),
            by_address: Hourly::new(options.links_per_address),
            by_client: Hourly::new(options.links_per_client),
            writers: Arc::new(Semaphore::new(WRITERS)),
        }
    }
}

impl Login {
    /// Mails a link to `address` if it may sign in here; `base` is where the panel is reached, such
    /// as `https://mx.example.org`. The answer is the same and as quick whether there is
    /// such an address or not: what differs is done afterwards, and nobody waits for it.
    ///
    /// # Errors
    /// [`LoginRefusal::Wait`] if this client asks too often, for whatever address;
    /// [`LoginRefusal::Unavailable`] if no links are mailed here.
    pub fn ask_link(&self, address: &str, from: IpAddr, base: &str) -> Result<(), LoginRefusal> {
        if !self.options.link || self.post.is_none() {
            return Err(LoginRefusal::Unavailable);
        }
        let place = Network::of_client(from);
        self.check_wait(place)?;
        let (links, now) = (&self.links, self.clock.now());
        if !links.by_client.counts(place, now) {
            return Err(LoginRefusal::Wait(WAIT));
        }
        let Some(address) = address_of(address) else {
            return Ok(());
        };
        if !links.by_address.counts(address.clone(), now) {
            return Ok(());
        }
        let Ok(turn) = Arc::clone(&links.writers).try_acquire_owned() else {
            tracing::warn!("too many links are asked for at the same time; one was not mailed");
            return Ok(());
        };
        let (login, base) = (self.clone(), base.to_owned());
        tokio::spawn(async move {
            if let Err(error) = login.mail_link(&address, from, &base).await {
                tracing::warn!(%error, "a link to sign in with could not be mailed");
            }
            drop(turn);
        });
        Ok(())
    }

    async fn mail_link(
        &self,
        address: &Address,
        from: IpAddr,
        base: &str,
    ) -> Result<(), LoginRefusal> {
        let Some(post) = &self.post else {
            return Err(LoginRefusal::Unavailable);
        };
        if self.settings.domain(address.domain()).await?.is_none() {
            return Ok(());
        }
        let scope = Scope::Recipient(address.clone());
        let known = self.settings.account(&scope).await?.is_some();
        if !known && !self.options.link_makes_accounts {
            return Ok(());
        }
        let now = self.clock.now();
        let until = now.after(self.options.link_holds.0);
        let text = self.links.tickets.issue(address.clone(), now, until)?;
        let words = words(&text, from, base, self.options.link_holds.0);
        let subject = "Sign in to your quarantine";
        let letter = Letter::new(address.clone(), "sign-in", subject, words, until);
        post.send(letter).await.map_err(|error| {
            tracing::error!(%error, "a letter could not be kept");
            LoginRefusal::Unavailable
        })
    }

    /// Uses a mailed link: asked for when its page is confirmed, not when it is only looked at,
    /// because programs that check mail look at links. Makes the account where that is allowed.
    ///
    /// # Errors
    /// [`LoginRefusal::Wrong`] for a link that is unknown, used, or too old.
    pub async fn take_link(
        &self,
        text: &str,
        from: IpAddr,
        door: &str,
    ) -> Result<Step, LoginRefusal> {
        let check = async {
            let address = self.links.tickets.take(text, self.clock.now());
            match address {
                Some(address) => {
                    let makes = self.options.link_makes_accounts;
                    let means = ("mailed link", "a mailed link was used");
                    self.account_of(address, makes, means).await
                }
                None => Ok(None),
            }
        };
        let admitted = self.admit("a mailed link", (from, door), &self.suspects, check);
        let account = admitted.await?;
        self.step(&account, from, door).await
    }

    /// The account of who proved to have this address by `means`, made if it `makes` one.
    pub(super) async fn account_of(
        &self,
        address: Address,
        makes: bool,
        (chore, means): (&str, &str),
    ) -> Result<Option<Account>, LoginRefusal> {
        if self.settings.domain(address.domain()).await?.is_none() {
            return Ok(None);
        }
        let scope = Scope::Recipient(address);
        match self.settings.account(&scope).await? {
            Some(account) => Ok(Some(account)),
            None if makes => {
                let words = format!("account {scope} was made: {means}");
                self.made_by_itself(&scope, chore, words).await.map(Some)
            }
            None => Ok(None),
        }
    }
}

fn address_of(text: &str) -> Option<Address> {
    (text.len() <= ADDRESS_LONGEST)
        .then(|| text.trim().parse().ok())
        .flatten()
}

fn words(text: &str, from: IpAddr, base: &str, holds: Duration) -> String {
    let base = base.trim_end_matches('/');
    let minutes = (holds.as_secs() / 60).max(1);
    format!(
        "Somebody at {from} asked to sign in to your mail quarantine.\n\
         If it was you, open this page within {minutes} minutes:\n\
         \n\
         {base}/sign-in/link/{text}\n\
         \n\
         It can be used once. If it was not you, there is nothing to do:\n\
         without this mail nobody can sign in.\n"
    )
}
