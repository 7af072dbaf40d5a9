//! Changing an account that others may change at the same time.

use crate::policy::Scope;
use crate::record::{Account, Event};
use crate::store::{Settings, StoreError};

/// Looks at an account again so often when somebody else changed it meanwhile.
const TRIES: u32 = 16;

/// Gives the account of `scope` as it is now to `change`, and keeps what that makes of it. When
/// somebody else was quicker, `change` is asked again. Durable on return; `None` if `change`
/// changed nothing.
///
/// # Errors
/// What `change` refuses, and [`StoreError`].
pub async fn change_account<E: From<StoreError>>(
    settings: &dyn Settings,
    scope: &Scope,
    mut change: impl FnMut(Option<Account>) -> Result<Option<(Account, Event)>, E>,
) -> Result<Option<Account>, E> {
    for _ in 0..TRIES {
        let before = settings.account(scope).await?;
        let Some((after, event)) = change(before.clone())? else {
            return Ok(None);
        };
        let kept = settings.replace_account(before.as_ref(), after.clone(), event);
        if kept.await? {
            return Ok(Some(after));
        }
    }
    Err(StoreError::Failed(format!("the account {scope} is being changed by others")).into())
}
