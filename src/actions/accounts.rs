//! What is done with accounts at the desk: made, changed, shown, signed out, removed.

use serde::Serialize;

use super::grants::may_hand_on;
use super::settings::{may, may_read};
use super::{Desk, Refusal};
use crate::accounts::{change_account, hash_password, new_password};
use crate::clock::Timestamp;
use crate::policy::{Principal, Right, Scope};
use crate::record::{Account, Door, Event, Grant};

/// An account as it may be shown: nothing in it is secret.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShownAccount {
    pub login: Scope,
    /// When it was made, or its password changed.
    pub changed: Timestamp,
    /// False if it signs in by a mailed link, or at its own mail server, only.
    pub has_password: bool,
    pub grants: Vec<Grant>,
    /// Since when it has a second factor.
    pub second_factor: Option<Timestamp>,
    /// Recovery codes that were not used yet.
    pub recovery_codes: usize,
}

impl From<Account> for ShownAccount {
    fn from(account: Account) -> Self {
        let second = account.second.as_ref();
        Self {
            changed: account.made,
            has_password: !account.hash.is_empty(),
            second_factor: second.map(|second| second.since),
            recovery_codes: second.map_or(0, |second| second.recovery.len()),
            login: account.scope,
            grants: account.grants,
        }
    }
}

/// An administrator's act upon an account: who sets its password can become all that it is,
/// so nobody acts upon an account that may do more than they.
pub(super) fn may_with(by: &Principal, account: &Account) -> Result<(), Refusal> {
    may(by, &account.scope)?;
    let covered = |p: Principal| by.covers(p.role, &p.scope, p.rights);
    if account.principals().into_iter().all(covered) {
        Ok(())
    } else {
        Err(Refusal::NeedsRight(Right::Administer))
    }
}

/// The same, or the person itself.
fn may_with_own(by: &Principal, account: &Account) -> Result<(), Refusal> {
    if by.scope == account.scope && by.is_itself() {
        return Ok(());
    }
    may_with(by, account)
}

pub(super) fn unknown(login: &Scope) -> Refusal {
    Refusal::Unknown(format!("account {login}"))
}

impl Desk {
    /// The accounts within `by`'s scope.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn accounts(&self, by: &Principal) -> Result<Vec<ShownAccount>, Refusal> {
        may_read(by, &by.scope)?;
        let mut accounts = self.store.settings.accounts().await?;
        accounts.retain(|account| by.scope.holds(&account.scope));
        Ok(accounts.into_iter().map(ShownAccount::from).collect())
    }

    /// One account.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] if there is none.
    pub async fn account(&self, by: &Principal, login: &Scope) -> Result<ShownAccount, Refusal> {
        may_read(by, login)?;
        let account = self.store.settings.account(login).await?;
        account
            .map(ShownAccount::from)
            .ok_or_else(|| unknown(login))
    }

    /// Makes an account; without a `password` one is made up. Returns the password that holds.
    ///
    /// # Errors
    /// [`Refusal::Bad`] if it is there already or the password is not taken, and for an API key;
    /// [`Refusal::NeedsRight`] if the account could do more than `by`.
    pub async fn add_account(
        &self,
        by: &Principal,
        scope: Scope,
        password: Option<String>,
        door: &Door,
    ) -> Result<String, Refusal> {
        may_hand_on(by)?;
        self.check_new(by, &scope).await?;
        let (password, hash) = hashed(password).await?;
        self.make_account(by, scope, hash, door).await?;
        Ok(password)
    }

    /// Makes an account that has no password of the house: its person signs in by a mailed link, or
    /// with the password of the own mail server. An API key may, because it cannot sign in so.
    ///
    /// # Errors
    /// [`Refusal::Bad`] if it is there already; [`Refusal::NeedsRight`] if it could do more than `by`.
    pub async fn add_account_without_password(
        &self,
        by: &Principal,
        scope: Scope,
        door: &Door,
    ) -> Result<ShownAccount, Refusal> {
        self.check_new(by, &scope).await?;
        self.make_account(by, scope, String::new(), door).await
    }

    async fn check_new(&self, by: &Principal, scope: &Scope) -> Result<(), Refusal> {
        let now = self.clock.now();
        may_with(by, &Account::new(scope.clone(), String::new(), now))?;
        match self.store.settings.account(scope).await? {
            Some(_) => Err(is_there(scope)),
            None => Ok(()),
        }
    }

    async fn make_account(
        &self,
        by: &Principal,
        scope: Scope,
        hash: String,
        door: &Door,
    ) -> Result<ShownAccount, Refusal> {
        let event = self.changed(by, &scope, door, format!("account {scope} was made"));
        let account = Account::anew(scope.clone(), hash, event.at);
        change_account(&*self.store.settings, &scope, |before| match before {
            Some(_) => Err(is_there(&scope)),
            None => Ok(Some((account.clone(), event.clone()))),
        })
        .await?;
        Ok(account.into())
    }

    /// Sets an account's password; without one it is made up. Returns the password that
    /// holds. Everybody may set their own. All sessions of the account end.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] if there is no such account, [`Refusal::Bad`] for a bad password, and
    /// for an API key: who sets a password can sign in with it.
    pub async fn set_password(
        &self,
        by: &Principal,
        scope: Scope,
        password: Option<String>,
        door: &Door,
    ) -> Result<String, Refusal> {
        if by.scope != scope || !by.is_itself() {
            may(by, &scope)?;
        }
        may_hand_on(by)?;
        if self.store.settings.account(&scope).await?.is_none() {
            return Err(unknown(&scope));
        }
        let (password, hash) = hashed(password).await?;
        let event = self.changed(
            by,
            &scope,
            door,
            format!("the password of {scope} was changed"),
        );
        self.alter(by, &scope, &event, |account| {
            account.hash.clone_from(&hash);
            account.made = event.at;
            account.epoch += 1;
        })
        .await?;
        Ok(password)
    }

    /// Ends all sessions of an account. Everybody may end their own.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] if there is no such account.
    pub async fn sign_out(
        &self,
        by: &Principal,
        login: &Scope,
        door: &Door,
    ) -> Result<(), Refusal> {
        let event = self.changed(
            by,
            login,
            door,
            format!("{login} was signed out everywhere"),
        );
        self.alter(by, login, &event, |account| account.epoch += 1)
            .await
    }

    /// Takes an account's second factor away, for a user who lost it; its sessions end.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] if there is no such account; [`Refusal::Bad`] for an API key.
    pub async fn reset_second_factor(
        &self,
        by: &Principal,
        login: &Scope,
        door: &Door,
    ) -> Result<(), Refusal> {
        may_hand_on(by)?;
        let words = format!("the second factor of {login} was taken away");
        let event = self.changed(by, login, door, words);
        self.alter(by, login, &event, |account| {
            account.second = None;
            account.epoch += 1;
        })
        .await
    }

    async fn alter(
        &self,
        by: &Principal,
        login: &Scope,
        event: &Event,
        change: impl Fn(&mut Account),
    ) -> Result<(), Refusal> {
        if by.scope != *login || !by.is_itself() {
            // Before it is said whether there is such an account.
            may(by, login)?;
        }
        change_account(&*self.store.settings, login, |before| {
            let mut account = before.ok_or_else(|| unknown(login))?;
            may_with_own(by, &account)?;
            change(&mut account);
            Ok::<_, Refusal>(Some((account, event.clone())))
        })
        .await?;
        Ok(())
    }

    /// Removes an account; its mail stays, its API keys go with it.
    ///
    /// # Errors
    /// [`Refusal::Unknown`]; [`Refusal::Bad`] for the account `global`.
    pub async fn remove_account(
        &self,
        by: &Principal,
        scope: &Scope,
        door: &Door,
    ) -> Result<(), Refusal> {
        may(by, scope)?;
        if *scope == Scope::Global {
            return Err(Refusal::Bad(
                "the account global cannot be removed; change its password instead".into(),
            ));
        }
        let account = self.store.settings.account(scope).await?;
        may_with(by, &account.ok_or_else(|| unknown(scope))?)?;
        // Keys first: whoever is given the address next does not find them holding again.
        for key in self.store.settings.api_keys().await? {
            if key.by == scope.to_string() {
                let words = format!("API key qk_{} was removed with its maker", key.id);
                let event = self.changed(by, &key.scope, door, words);
                self.store.settings.remove_api_key(&key.id, event).await?;
            }
        }
        let event = self.changed(by, scope, door, format!("account {scope} was removed"));
        if self.store.settings.remove_account(scope, event).await? {
            Ok(())
        } else {
            Err(unknown(scope))
        }
    }
}

fn is_there(login: &Scope) -> Refusal {
    Refusal::Bad(format!(
        "the account {login} is there already; change its password instead"
    ))
}

/// The password, made up where there is none, and its hash.
async fn hashed(password: Option<String>) -> Result<(String, String), Refusal> {
    let password = match password {
        Some(password) => password,
        None => new_password().map_err(|e| Refusal::Failed(e.to_string()))?,
    };
    let text = password.clone();
    let hash = tokio::task::spawn_blocking(move || hash_password(&text))
        .await
        .map_err(|e| Refusal::Failed(e.to_string()))?
        .map_err(|e| Refusal::Bad(e.to_string()))?;
    Ok((password, hash))
}
