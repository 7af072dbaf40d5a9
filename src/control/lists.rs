//! What is asked of allow and block lists at the admin socket.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Control, Request, done, door, value};
use crate::actions::Refusal;
use crate::policy::{Principal, Scope};
use crate::record::ListUse;

impl Control {
    pub(super) async fn ask_lists(
        &self,
        by: &Principal,
        request: Request,
    ) -> Result<Value, Refusal> {
        let (desk, door) = (&self.desk, &door());
        match request {
            Request::ListAdd {
                scope,
                kind,
                pattern,
                note,
                days,
            } => {
                let more = (note, days.map(|days| desk.now().after_days(days)));
                done(
                    desk.add_listed_until(by, scope, (kind, pattern), more, door)
                        .await,
                )
            }
            Request::ListRemove {
                scope,
                kind,
                pattern,
            } => done(desk.remove_listed(by, &scope, kind, &pattern, door).await),
            Request::ListShow { scope } => self.show_list(by, &scope).await,
            other => Err(Refusal::Bad(format!(
                "not a request about lists: {other:?}"
            ))),
        }
    }

    /// A list, with how often each entry decided.
    async fn show_list(&self, by: &Principal, scope: &Scope) -> Result<Value, Refusal> {
        let uses = self.desk.list_uses(by, scope).await?;
        let uses: HashMap<String, &ListUse> = uses
            .iter()
            .map(|one| (format!("{} {}", one.kind, one.pattern), one))
            .collect();
        let mut each = Vec::new();
        for entry in self.desk.list(by, scope).await? {
            let own = uses.get(&format!("{} {}", entry.kind, entry.pattern));
            let mut shown = value(&entry)?;
            shown["times"] = json!(own.map_or(0, |own| own.times));
            shown["last"] = json!(own.map(|own| own.last));
            each.push(shown);
        }
        Ok(Value::Array(each))
    }
}
