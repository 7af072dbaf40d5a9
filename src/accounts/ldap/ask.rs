//! Asks the directory: find the one entry of a login, then sign in as that entry (RFC 4511).

use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use ldap3::{DerefAliases, LdapConnAsync, LdapConnSettings, LdapError, Scope, SearchEntry};
use ldap3::{SearchOptions, SearchResult, ldap_escape, parse_filter};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Options, Place};
use crate::accounts::{Directory, DirectoryError};
use crate::mail::{Address, Domain};
use crate::net::tls::TlsError;
use crate::net::tls_client::ClientTls;
use crate::record::Secret;

/// A server that has not let us go by then is left.
const LEAVE_TIME: Duration = Duration::from_millis(500);
/// No attributes of an entry (RFC 4511 section 4.5.1.8): its name is all we want.
const NO_ATTRIBUTES: [&str; 1] = ["1.1"];
/// One more than there may be.
const ENTRIES_MOST: i32 = 2;

/// Result codes of RFC 4511 appendix A.
mod code {
    pub(super) const SUCCESS: u32 = 0;
    pub(super) const SIZE_LIMIT_EXCEEDED: u32 = 4;
    /// What a server says to a sign-in that it does not grant: a wrong password, an entry without one,
    /// one that may not sign in, is locked, or must set another password first.
    pub(super) const NOT_GRANTED: [u32; 5] = [19, 48, 49, 50, 53];
}

/// Why the directory cannot be made ready to ask.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("[ldap] ca_file: {0}")]
    Tls(#[from] TlsError),
    #[error("[ldap] bind_password_file: cannot read {path}: {source}")]
    Password { path: PathBuf, source: io::Error },
    #[error("[ldap] bind_password_file: {0} is empty")]
    NoPassword(PathBuf),
    #[error("[ldap] filter: it cannot be read; write it as in \"(mail={{login}})\" (RFC 4515)")]
    Filter,
}

/// A directory, asked anew for each sign-in: no connection is kept.
pub struct Ldap {
    place: Place,
    name: String,
    options: Options,
    bind: Option<(String, Secret)>,
    tls: ClientTls,
    turns: Semaphore,
}

impl Ldap {
    /// The directory of these options; `None` if they name none.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(options: &Options) -> Result<Option<Self>, OpenError> {
        let Some(place) = options.url.clone() else {
            return Ok(None);
        };
        let bind = match (&options.bind_dn, &options.bind_password_file) {
            (Some(dn), Some(path)) => Some((dn.clone(), password(path)?)),
            _ => None,
        };
        // Anything may stand where the login will.
        if parse_filter(filled(&options.filter, "a@b", "a", "b")).is_err() {
            return Err(OpenError::Filter);
        }
        Ok(Some(Self {
            name: place.to_string(),
            place,
            bind,
            tls: ClientTls::new(options.ca_file.as_deref())?,
            turns: Semaphore::new(options.connections.max(1) as usize),
            options: options.clone(),
        }))
    }

    /// One connection: its work and its line, side by side, so that both end together.
    async fn ask(&self, address: &Address, password: &str) -> Result<bool, DirectoryError> {
        let settings = LdapConnSettings::new()
            .set_config(self.tls.checking())
            .set_starttls(!self.place.tls && !self.options.plain)
            .set_conn_timeout(self.options.time.0);
        let (line, mut ldap) = LdapConnAsync::with_settings(settings, &self.name)
            .await
            .map_err(said)?;
        let mut line = pin!(line.drive());
        let known = tokio::select! {
            known = self.sign_in(&mut ldap, address, password) => known,
            ended = &mut line => return Err(match ended {
                Ok(()) => DirectoryError("it closed the connection".to_owned()),
                Err(error) => said(error),
            }),
        };
        // What we heard holds, however we part.
        let leave = async { tokio::join!(ldap.unbind(), line) };
        let _left = timeout(LEAVE_TIME, leave).await;
        known
    }

    async fn sign_in(
        &self,
        ldap: &mut ldap3::Ldap,
        address: &Address,
        password: &str,
    ) -> Result<bool, DirectoryError> {
        if let Some((dn, secret)) = &self.bind {
            let bound = ldap.simple_bind(dn, &secret.0).await.map_err(said)?;
            if bound.rc != code::SUCCESS {
                return Err(refused("bind_dn may not sign in", bound.rc));
            }
        }
        let entry = self.find(ldap, address).await?;
        // Who is not there is tried for nothing, so that the answer takes as many steps.
        let dn = match &entry {
            Some(dn) => dn.clone(),
            None => format!("cn=nobody,{}", self.options.base),
        };
        let bound = ldap.simple_bind(&dn, password).await.map_err(said)?;
        match bound.rc {
            code::SUCCESS => Ok(entry.is_some()),
            _ if entry.is_none() => Ok(false),
            rc if code::NOT_GRANTED.contains(&rc) => Ok(false),
            rc => Err(refused("a sign-in was not answered", rc)),
        }
    }

    /// The name of the one entry of `address`; `None` if there is none, or more than one.
    async fn find(
        &self,
        ldap: &mut ldap3::Ldap,
        address: &Address,
    ) -> Result<Option<String>, DirectoryError> {
        let seconds = i32::try_from(self.options.time.0.as_secs().max(1)).unwrap_or(i32::MAX);
        let limits = SearchOptions::new()
            .deref(DerefAliases::Never)
            .sizelimit(ENTRIES_MOST)
            .timelimit(seconds);
        let login = address.to_string();
        let filter = filled(
            &self.options.filter,
            &login,
            address.local(),
            address.domain().as_str(),
        );
        let base = &self.options.base;
        let found = ldap
            .with_search_options(limits)
            .search(base, Scope::Subtree, &filter, NO_ATTRIBUTES)
            .await;
        let SearchResult(entries, result) = found.map_err(said)?;
        if ![code::SUCCESS, code::SIZE_LIMIT_EXCEEDED].contains(&result.rc) {
            return Err(refused("the search was refused", result.rc));
        }
        let mut names = entries
            .into_iter()
            .filter(|entry| !entry.is_ref() && !entry.is_intermediate())
            .map(|entry| SearchEntry::construct(entry).dn);
        match (names.next(), names.next()) {
            (_, Some(_)) => {
                let server = &self.name;
                tracing::warn!(%server, "a login has more than one entry in the directory; it is not let in");
                Ok(None)
            }
            // An empty name with a password would be nobody's sign-in.
            (name, None) => Ok(name.filter(|name| !name.is_empty())),
        }
    }
}

#[async_trait]
impl Directory for Ldap {
    fn name(&self) -> &str {
        &self.name
    }

    fn covers(&self, domain: &Domain) -> bool {
        self.options.domains.is_empty() || self.options.domains.contains(domain)
    }

    async fn knows(&self, address: &Address, password: &str) -> Result<bool, DirectoryError> {
        if password.is_empty() {
            return Ok(false);
        }
        let (time, late) = (self.options.time.0, |_| {
            DirectoryError("no answer in time".to_owned())
        });
        let turn = timeout(time, self.turns.acquire()).await.map_err(late)?;
        let Ok(_turn) = turn else {
            return Ok(false);
        };
        let asked = Box::pin(self.ask(address, password));
        timeout(time, asked).await.map_err(late)?
    }
}

/// `filter` for this login, whose parts stand there as values and nothing else (RFC 4515 section 3).
fn filled(filter: &str, login: &str, local: &str, domain: &str) -> String {
    let mut out = String::with_capacity(filter.len() + login.len());
    let mut rest = filter;
    while let Some(at) = rest.find('{') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let values = [login, local, domain];
        let mut places = super::PLACEHOLDERS.iter().zip(values);
        match places.find(|(place, _)| from.starts_with(**place)) {
            Some((place, value)) => {
                out.push_str(&ldap_escape(value));
                rest = from.get(place.len()..).unwrap_or_default();
            }
            None => {
                out.push('{');
                rest = from.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}

/// The first line of the file.
fn password(path: &Path) -> Result<Secret, OpenError> {
    let text = std::fs::read_to_string(path).map_err(|source| OpenError::Password {
        path: path.to_owned(),
        source,
    })?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Secret(line.to_owned())),
        _ => Err(OpenError::NoPassword(path.to_owned())),
    }
}

fn said(error: LdapError) -> DirectoryError {
    DirectoryError(error.to_string())
}

fn refused(what: &str, code: u32) -> DirectoryError {
    DirectoryError(format!("{what} (result code {code})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_stays_a_value_in_the_filter() {
        let found = filled(
            "(&(mail={login})(uid={local})(o={domain}){x})",
            "*)(uid=*@b.test",
            "a\\{domain}\0",
            "b.test",
        );
        assert_eq!(
            found,
            "(&(mail=\\2a\\29\\28uid=\\2a@b.test)(uid=a\\5c{domain}\\00)(o=b.test){x})"
        );
    }
}
