//! Who else knows passwords: the IMAP server that a domain names, or a directory for many domains.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::credential::LONGEST;
use super::{Login, LoginRefusal};
use crate::mail::{Address, Domain};
use crate::policy::Scope;
use crate::record::ImapServer;

/// A directory that could not be asked, or says neither yes nor no; in its words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct DirectoryError(pub String);

/// Knows the passwords of many people.
#[async_trait]
pub trait Directory: Send + Sync {
    /// Where it is, as logs and the history show it.
    fn name(&self) -> &str;

    /// True if it is asked for those of this domain.
    fn covers(&self, domain: &Domain) -> bool;

    /// True if it takes `password` for `address`. Bounds its own time.
    ///
    /// # Errors
    /// [`DirectoryError`].
    async fn knows(&self, address: &Address, password: &str) -> Result<bool, DirectoryError>;
}

/// Somebody else who decides about a password.
pub(super) enum Elsewhere {
    Imap(ImapServer),
    Directory(Arc<dyn Directory>),
}

impl Elsewhere {
    /// What the history shows as the cause of an account.
    pub(super) fn chore(&self) -> &'static str {
        match self {
            Elsewhere::Imap(_) => "imap sign-in",
            Elsewhere::Directory(_) => "directory sign-in",
        }
    }
}

impl fmt::Display for Elsewhere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Elsewhere::Imap(server) => server.fmt(f),
            Elsewhere::Directory(directory) => f.write_str(directory.name()),
        }
    }
}

impl Login {
    /// Who decides about this login, if it is not the house: for addresses of our domains the IMAP
    /// server that the domain names, or else the directory.
    pub(super) async fn elsewhere(
        &self,
        scope: Option<&Scope>,
    ) -> Result<Option<Elsewhere>, LoginRefusal> {
        let Some(Scope::Recipient(address)) = scope else {
            return Ok(None);
        };
        let Some(settings) = self.settings.domain(address.domain()).await? else {
            return Ok(None);
        };
        if let Some(server) = settings.imap {
            return Ok(Some(Elsewhere::Imap(server)));
        }
        let covers = |directory: &&Arc<dyn Directory>| directory.covers(address.domain());
        let directory = self.directory.as_ref().filter(covers);
        Ok(directory.cloned().map(Elsewhere::Directory))
    }

    /// True if `elsewhere` takes the password; `scope` is what `name` means here.
    pub(super) async fn ask(
        &self,
        elsewhere: &Elsewhere,
        scope: Option<&Scope>,
        name: &str,
        password: &str,
    ) -> Result<bool, LoginRefusal> {
        // To be without a password is to be nobody (RFC 4513 section 5.1.2), and no proof.
        if password.is_empty() || password.len() > LONGEST {
            return Ok(false);
        }
        let unavailable = |error: &dyn fmt::Display| {
            tracing::warn!(server = %elsewhere, %error, "a server cannot be asked for a password");
            LoginRefusal::Unavailable
        };
        match (elsewhere, scope) {
            (Elsewhere::Imap(server), _) => {
                let imap = self.imap.as_ref().ok_or(LoginRefusal::Unavailable)?;
                let known = imap.knows(server, name, password).await;
                known.map_err(|error| unavailable(&error))
            }
            (Elsewhere::Directory(directory), Some(Scope::Recipient(address))) => {
                let known = directory.knows(address, password).await;
                known.map_err(|error| unavailable(&error))
            }
            (Elsewhere::Directory(_), _) => Ok(false),
        }
    }
}
