//! Grants: who gives whom which role, which right, and whose mail to look after.

use super::accounts::unknown;
use super::settings::{may, may_read};
use super::{Desk, Refusal};
use crate::accounts::change_account;
use crate::policy::{Principal, Right, Rights, Role, Scope};
use crate::record::{ApiKey, Door, Grant};

/// Grants of one account.
const GRANTS_MOST: usize = 50;

/// What is given, or taken back.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    pub role: Role,
    pub scope: Scope,
    /// On top of what the role gives.
    pub rights: Rights,
}

/// Keys hand nothing on: nobody could tell by whom it was done, or take it back with the key.
pub(super) fn may_hand_on(by: &Principal) -> Result<(), Refusal> {
    if ApiKey::is_meant_by(&by.who) {
        return Err(Refusal::Bad(
            "an API key gives no rights, sets no passwords and makes no keys; sign in for that"
                .into(),
        ));
    }
    Ok(())
}

/// True if `by` acts in the own mailbox, as the person whose it is.
fn is_owner(by: &Principal, scope: &Scope) -> bool {
    by.role == Role::Recipient && by.scope == *scope && by.is_itself()
}

fn may_grant(by: &Principal, to: &Scope, given: &Given) -> Result<(), Refusal> {
    may_hand_on(by)?;
    if !matches!(to, Scope::Recipient(_)) {
        return Err(Refusal::Bad(format!(
            "only an account whose login is an address is given rights; {to} has its own"
        )));
    }
    if !given.role.fits(&given.scope) {
        let words = format!("{} is no role within {}", given.role.name(), given.scope);
        return Err(Refusal::Bad(words));
    }
    if given.scope == *to && given.rights.is_empty() {
        return Err(Refusal::Bad(format!("{to} has that already")));
    }
    let all = Rights::of(given.role).and(given.rights);
    if !is_owner(by, &given.scope) || given.scope == *to {
        may(by, &given.scope)?;
    }
    if !by.covers(given.role, &given.scope, all) {
        return Err(Refusal::NeedsRight(Right::Administer));
    }
    // A stranger to the domain is let in by an administrator of the whole house only.
    let near = match (by.role, &by.scope, to) {
        (Role::Recipient, Scope::Recipient(own), Scope::Recipient(to)) => {
            own.domain() == to.domain()
        }
        _ => by.scope.holds(to),
    };
    if near {
        Ok(())
    } else {
        Err(Refusal::Bad(format!("{to} is not in your domain")))
    }
}

fn in_words(given: &Given) -> String {
    let rights: Vec<String> = given.rights.iter().map(|r| r.name().to_owned()).collect();
    let more = if rights.is_empty() {
        String::new()
    } else {
        format!(" with {}", rights.join(" "))
    };
    format!("{} of {}{more}", given.role.name(), given.scope)
}

impl Desk {
    /// Gives the account `to` a role within a scope, an address to act for (role `Recipient`), or
    /// more rights in its own scope. Administrators give within their scope, to accounts there,
    /// what they have themselves; a person gives the own mailbox to somebody of the same domain.
    /// What was given for the same role and scope before is replaced.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] if there is no such account, [`Refusal::Bad`] says what cannot be given.
    pub async fn grant(
        &self,
        by: &Principal,
        to: &Scope,
        given: Given,
        door: &Door,
    ) -> Result<(), Refusal> {
        may_grant(by, to, &given)?;
        if given.role == Role::Recipient && !is_owner(by, &given.scope) {
            self.may_look_through(by, to, &given.scope).await?;
        }
        let event = self.changed(
            by,
            &given.scope,
            door,
            format!("{to} was made {}", in_words(&given)),
        );
        let grant = Grant {
            role: given.role,
            scope: given.scope,
            rights: given.rights,
            by: by.who.clone(),
            at: event.at,
        };
        change_account(&*self.store.settings, to, |before| {
            let mut account = before.ok_or_else(|| unknown(to))?;
            let same = |g: &Grant| g.role == grant.role && g.scope == grant.scope;
            account.grants.retain(|g| !same(g));
            if account.grants.len() >= GRANTS_MOST {
                let words = format!("an account has at most {GRANTS_MOST} grants");
                return Err(Refusal::Bad(words));
            }
            account.grants.push(grant.clone());
            Ok(Some((account, event.clone())))
        })
        .await?;
        Ok(())
    }

    /// To act for somebody is to read their mail: an administrator of a domain gives that only where
    /// administrators may open mail.
    pub(super) async fn may_look_through(
        &self,
        by: &Principal,
        to: &Scope,
        scope: &Scope,
    ) -> Result<(), Refusal> {
        let Scope::Recipient(address) = scope else {
            return Ok(());
        };
        if by.scope == Scope::Global || scope == to {
            return Ok(());
        }
        if self.policy_of(address).await?.admin_bodies {
            Ok(())
        } else {
            Err(Refusal::NeedsRight(Right::SeeBodies))
        }
    }

    /// Takes back what was given to `from` as `role` within `scope`. It holds at once, also in
    /// sessions. Administrators take back within their scope, a person what concerns the own
    /// mailbox, and everybody may give up what was given to them.
    ///
    /// # Errors
    /// [`Refusal::Unknown`] if there is no such account or grant.
    pub async fn revoke(
        &self,
        by: &Principal,
        from: &Scope,
        role: Role,
        scope: &Scope,
        door: &Door,
    ) -> Result<(), Refusal> {
        may_hand_on(by)?;
        if !is_owner(by, scope) && !is_owner(by, from) {
            may(by, scope)?;
        }
        let words = format!("{from} is no longer {} of {scope}", role.name());
        let event = self.changed(by, scope, door, words);
        change_account(&*self.store.settings, from, |before| {
            let mut account = before.ok_or_else(|| unknown(from))?;
            let count = account.grants.len();
            account
                .grants
                .retain(|grant| grant.role != role || grant.scope != *scope);
            if account.grants.len() == count {
                let what = format!("grant {} of {scope} for {from}", role.name());
                return Err(Refusal::Unknown(what));
            }
            Ok(Some((account, event.clone())))
        })
        .await?;
        Ok(())
    }

    /// Who has been given something within `scope` exactly: for an address, who may act for it.
    ///
    /// # Errors
    /// [`Refusal`].
    pub async fn granted(
        &self,
        by: &Principal,
        scope: &Scope,
    ) -> Result<Vec<(Scope, Grant)>, Refusal> {
        may_read(by, scope)?;
        let mut found = Vec::new();
        for account in self.store.settings.accounts().await? {
            let login = account.scope;
            let here = account.grants.into_iter().filter(|g| g.scope == *scope);
            found.extend(here.map(|grant| (login.clone(), grant)));
        }
        Ok(found)
    }
}
