//! Requests about accounts, what is granted to them, API keys, and where passwords are asked for.

use serde_json::{Value, json};

use super::{Control, Request, done, door, value};
use crate::actions::{Given, NewKey, Refusal};
use crate::clock::Timestamp;
use crate::policy::Principal;

impl Control {
    pub(super) async fn ask_accounts(
        &self,
        by: &Principal,
        request: Request,
    ) -> Result<Value, Refusal> {
        let (desk, door) = (&self.desk, &door());
        match request {
            Request::AccountShow { login } => value(&desk.account(by, &login).await?),
            Request::AccountGrant {
                login,
                role,
                scope,
                rights,
            } => {
                let given = Given {
                    role,
                    scope,
                    rights,
                };
                desk.grant(by, &login, given, door).await?;
                value(&desk.account(by, &login).await?)
            }
            Request::AccountRevoke { login, role, scope } => {
                desk.revoke(by, &login, role, &scope, door).await?;
                value(&desk.account(by, &login).await?)
            }
            Request::AccountSignOut { login } => done(desk.sign_out(by, &login, door).await),
            Request::SecondFactorReset { login } => {
                done(desk.reset_second_factor(by, &login, door).await)
            }
            Request::ApiKeyAdd {
                name,
                role,
                scope,
                rights,
                expires,
                networks,
            } => {
                let new = NewKey {
                    name,
                    role,
                    scope,
                    rights,
                    expires: expires.map(Timestamp),
                    networks,
                };
                let (shown, text) = desk.add_api_key(by, new, door).await?;
                Ok(json!({ "key": text, "made": shown }))
            }
            Request::ApiKeyList => value(&desk.api_keys(by).await?),
            Request::ApiKeyRemove { id } => done(desk.remove_api_key(by, &id, door).await),
            Request::DomainImap { domain, imap } => {
                done(desk.set_domain_imap(by, &domain, imap, door).await)
            }
            other => Err(Refusal::Bad(format!(
                "not a request about accounts: {other:?}"
            ))),
        }
    }
}
