//! Signing in at somebody else's page (OpenID Connect): its options, and what holds whoever that is.

#[cfg(feature = "oidc")]
mod protocol;

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use aws_lc_rs::constant_time::verify_slices_are_equal;

use super::guesses::Hourly;
use super::second::Step;
use super::tickets::{Tickets, new_text};
use super::{Login, LoginRefusal};
use crate::mail::{Address, Domain};
use crate::net::network::Network;
use crate::options::Span;
use crate::record::Secret;

#[cfg(feature = "oidc")]
pub use protocol::{Oidc, OpenError};

/// How long somebody may be away at the provider's page.
pub const AWAY: Duration = Duration::from_secs(600);
/// People away at the same time; beyond that those who left first do not come back.
const AWAY_MOST: usize = 50_000;
/// Sign-ins that one client (IPv6: one /64 network) begins in an hour.
const BEGUN_PER_CLIENT: u32 = 1000;
/// What who begins too many is told to wait.
const WAIT: Duration = Duration::from_secs(3600);
/// Octets of a code that are passed on.
const CODE_LONGEST: usize = 4096;
/// Where the provider sends people back to, below the panel's own address.
pub const BACK: &str = "/sign-in/oidc/back";

crate::options! {
    /// Signing in to the panel at the page of an OpenID Connect provider. Its word for an address is
    /// a password's; an own second factor is asked for all the same. Needs a build with
    /// `--features oidc`, and the panel's own address in `[web] url`: register
    /// /sign-in/oidc/back below it as the redirect URI.
    pub struct Options in "oidc" {
        /// The provider, as in "https://id.example.org/realms/mail". Without one there is none.
        pub issuer: Option<String> = None,
        /// What we are called there.
        pub client_id: String = String::new(),
        /// A file that holds our secret there, readable for us alone; without one we have none.
        pub client_secret_file: Option<PathBuf> = None,
        /// Certificates of the authority that signed the provider's own, PEM, beside the public ones.
        pub ca_file: Option<PathBuf> = None,
        /// What people know the provider as: the button says "Sign in with" and this.
        pub label: String = "Single sign-on".to_owned(),
        /// What we ask to be told, besides who it is.
        pub scopes: Vec<String> = vec!["email".to_owned()],
        /// The claim that holds the mail address. With `email`, `email_verified` must be true; take
        /// another only if people cannot choose its value themselves.
        pub claim: String = "email".to_owned(),
        /// The domains for whose addresses its word is taken; without one, all of ours.
        pub domains: Vec<Domain> = Vec::new(),
        /// Make an account for an address of our domains that is not known here.
        pub makes_accounts: bool = true,
        /// How long it may take to answer a question.
        pub time: Span = Span::seconds(10),
    }
}

impl Options {
    /// What no single option can see; `url` is that of the panel.
    ///
    /// # Errors
    /// Names the option and the remedy.
    pub fn check(&self, url: Option<&str>) -> Result<(), String> {
        let Some(issuer) = &self.issuer else {
            return Ok(());
        };
        if !cfg!(feature = "oidc") {
            return Err(
                "[oidc] issuer: this build has no OpenID Connect; build it with `--features oidc`"
                    .to_owned(),
            );
        }
        #[cfg(feature = "oidc")]
        if !crate::net::fetch::may_ask(issuer) {
            return Err(format!(
                "[oidc] issuer: '{issuer}' must begin with https://, or be on this machine"
            ));
        }
        if self.client_id.is_empty() {
            return Err(format!("[oidc] client_id: what are we called at {issuer}?"));
        }
        if url.is_none() {
            return Err(format!(
                "[web] url: {issuer} must know where to send people back to; set the panel's own address"
            ));
        }
        Ok(())
    }
}

/// A provider that could not be asked, or cannot be understood; in its words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProviderError(pub String);

/// What of one sign-in stays here while somebody is at the provider's page.
#[derive(Debug, Clone)]
pub struct Kept {
    /// Must be in the token.
    pub nonce: Secret,
    /// Shows that who fetches the token is who asked for it (RFC 7636).
    pub verifier: Secret,
}

/// Knows people by a page of its own.
#[async_trait]
pub trait Provider: Send + Sync {
    /// What people know it as.
    fn label(&self) -> &str;

    /// True if its word is taken for addresses of this domain.
    fn covers(&self, domain: &Domain) -> bool;

    /// True if its word makes an account.
    fn makes_accounts(&self) -> bool;

    /// Its page for a sign-in that is called `state`, and what stays here meanwhile.
    ///
    /// # Errors
    /// [`ProviderError`].
    async fn begin(&self, state: &str) -> Result<(String, Kept), ProviderError>;

    /// The address of who came back with `code`; `None` if that proves nobody's.
    ///
    /// # Errors
    /// [`ProviderError`].
    async fn finish(&self, code: &str, kept: &Kept) -> Result<Option<Address>, ProviderError>;
}

/// Somebody who is at the provider's page.
struct Away {
    state: String,
    kept: Kept,
    next: String,
}

/// All who are; in memory.
pub(super) struct Journeys {
    away: Tickets<Away>,
    begun: Hourly<IpAddr>,
}

impl Default for Journeys {
    fn default() -> Self {
        Self {
            away: Tickets::new(AWAY_MOST),
            begun: Hourly::new(BEGUN_PER_CLIENT),
        }
    }
}

/// Where to send a browser, and what it keeps in a cookie until it comes back, within [`AWAY`].
pub struct Departure {
    pub page: String,
    pub cookie: String,
}

/// What a browser that comes back brings.
pub struct Return<'a> {
    pub cookie: &'a str,
    pub state: &'a str,
    pub code: &'a str,
}

impl Login {
    /// What people know the provider as, where there is one.
    #[must_use]
    pub fn provider(&self) -> Option<&str> {
        self.provider.as_ref().map(|provider| provider.label())
    }

    /// Begins a sign-in at the provider's page, which leads to `next`.
    ///
    /// # Errors
    /// [`LoginRefusal::Wait`], [`LoginRefusal::Unavailable`].
    pub async fn depart(&self, next: &str, from: IpAddr) -> Result<Departure, LoginRefusal> {
        let Some(provider) = &self.provider else {
            return Err(LoginRefusal::Unavailable);
        };
        let (place, now) = (Network::of_client(from), self.clock.now());
        self.check_wait(place)?;
        if !self.journeys.begun.counts(place, now) {
            return Err(LoginRefusal::Wait(WAIT));
        }
        let state = new_text()?;
        let (page, kept) = provider.begin(&state).await.map_err(unavailable)?;
        let away = Away {
            state,
            kept,
            next: next.to_owned(),
        };
        let until = now.after(AWAY);
        let cookie = self.journeys.away.issue(away, now, until)?;
        Ok(Departure { page, cookie })
    }

    /// Ends a sign-in that began here, in the same browser: what is still asked of its account, and
    /// where it leads. Each can be ended once.
    ///
    /// # Errors
    /// [`LoginRefusal::Wrong`] if it did not begin in this browser, ended, is too long ago, or if the
    /// provider's word is not one for an address of ours; [`LoginRefusal::Wait`],
    /// [`LoginRefusal::Unavailable`].
    pub async fn come_back(
        &self,
        brought: Return<'_>,
        from: IpAddr,
        door: &str,
    ) -> Result<(Step, String), LoginRefusal> {
        let check = async {
            let away = self.journeys.away.take(brought.cookie, self.clock.now());
            let same = |away: &Away| {
                verify_slices_are_equal(away.state.as_bytes(), brought.state.as_bytes()).is_ok()
            };
            let fits = brought.code.len() <= CODE_LONGEST;
            let (Some(away), Some(provider)) = (away.filter(same), &self.provider) else {
                return Ok(None);
            };
            if !fits {
                return Ok(None);
            }
            let found = provider.finish(brought.code, &away.kept).await;
            let Some(address) = found.map_err(unavailable)? else {
                return Ok(None);
            };
            if !provider.covers(address.domain()) {
                tracing::warn!(domain = %address.domain(), "the provider speaks for a domain that is not its own");
                return Ok(None);
            }
            let makes = provider.makes_accounts();
            let means = format!("{} knows it", provider.label());
            let found = self.account_of(address, makes, ("oidc sign-in", &means));
            Ok(found.await?.map(|account| (account, away.next)))
        };
        let name = "a sign-in elsewhere";
        let suspects = &self.suspects_elsewhere;
        let (account, next) = self.admit(name, (from, door), suspects, check).await?;
        Ok((self.step(&account, from, door).await?, next))
    }
}

fn unavailable(error: ProviderError) -> LoginRefusal {
    tracing::warn!(%error, "the OpenID Connect provider cannot be asked");
    LoginRefusal::Unavailable
}
