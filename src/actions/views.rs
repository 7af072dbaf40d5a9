//! Searches that somebody saved under a name, for the panel.

use super::{Desk, Refusal};
use crate::accounts::change_account;
use crate::policy::{Principal, Scope};
use crate::record::{Account, Door, SavedView};

/// Views of one account.
const VIEWS_MOST: usize = 30;
/// Longest name, in characters.
const NAME_LONGEST: usize = 60;
/// Longest query, in octets.
const QUERY_LONGEST: usize = 1000;

impl Desk {
    /// The searches that the person saved, in the order of their names.
    ///
    /// # Errors
    /// [`Refusal::Failed`].
    pub async fn views(&self, by: &Principal) -> Result<Vec<SavedView>, Refusal> {
        let Ok(login) = by.who.parse::<Scope>() else {
            return Ok(Vec::new());
        };
        let account = self.store.settings.account(&login).await?;
        Ok(account.map(|account| account.views).unwrap_or_default())
    }

    /// Saves a search under `name`, in place of one that has it; an empty `query` removes it.
    ///
    /// # Errors
    /// [`Refusal::Bad`] names the limit; [`Refusal::Failed`].
    pub async fn set_view(
        &self,
        by: &Principal,
        page: &str,
        name: &str,
        query: &str,
        door: &Door,
    ) -> Result<(), Refusal> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > NAME_LONGEST {
            return Err(Refusal::Bad(format!(
                "a name has 1 to {NAME_LONGEST} characters"
            )));
        }
        if query.len() > QUERY_LONGEST || name.chars().any(char::is_control) {
            return Err(Refusal::Bad("this search is too long to be saved".into()));
        }
        let login: Scope = by
            .who
            .parse()
            .map_err(|_| Refusal::Unknown(format!("account {}", by.who)))?;
        let words = format!("the saved search '{name}' was changed");
        let event = self.changed(by, &login, door, words);
        let view = SavedView {
            page: page.to_owned(),
            name: name.to_owned(),
            query: query.to_owned(),
        };
        change_account(&*self.store.settings, &login, |before| {
            let before = before.ok_or_else(|| Refusal::Unknown(format!("account {login}")))?;
            let mut account: Account = before;
            account
                .views
                .retain(|v| v.page != view.page || v.name != view.name);
            if !view.query.is_empty() {
                account.views.push(view.clone());
            }
            if account.views.len() > VIEWS_MOST {
                return Err(Refusal::Bad(format!(
                    "at most {VIEWS_MOST} searches are saved"
                )));
            }
            account.views.sort_by(|a, b| a.name.cmp(&b.name));
            Ok(Some((account, event.clone())))
        })
        .await?;
        Ok(())
    }
}
