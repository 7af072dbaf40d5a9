//! Settings as the rooms above see them.

use std::sync::Arc;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::ops::{Answer, Op};
use super::rows::{Home, decode_setting, encode_setting};
use super::{Engine, Rooms, keys, value};
use crate::mail::Domain;
use crate::policy::{Layer, ListEntry, ListKind, Pattern, Scope};
use crate::record::{Account, ApiKey, Challenge, DomainSettings, Event, ListUse, SenderLock};
use crate::store::{Settings, StoreError};

/// Rows of chores that are written in one record.
const NOTES_AT_ONCE: usize = 500;

impl<E: Engine> Rooms<E> {
    async fn note_all(
        &self,
        rows: Vec<(Vec<u8>, Option<Vec<u8>>)>,
        durable: bool,
    ) -> Result<(), StoreError> {
        self.submit(Op::Remember { rows, durable }).await?;
        Ok(())
    }

    fn setting<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        let row = value(self.0.index(), key)?;
        row.map(|row| decode_setting(&row)).transpose()
    }

    async fn all<T: DeserializeOwned + Send + 'static>(
        &self,
        prefix: Vec<u8>,
    ) -> Result<Vec<T>, StoreError> {
        self.read(move |engine| {
            let end = keys::end_of(&prefix);
            let pairs = engine.index().range(&prefix, &end, usize::MAX)?;
            pairs
                .iter()
                .map(|(_, row)| decode_setting(Home::split(row)?.1))
                .collect()
        })
        .await
    }

    /// Sets or removes; true if it was there.
    async fn set(
        &self,
        key: Vec<u8>,
        value: Option<Vec<u8>>,
        event: Event,
    ) -> Result<bool, StoreError> {
        let answer = self.submit(Op::Set(key, value, event)).await?;
        Ok(answer == Answer::Yes(true))
    }
}

impl<E: Engine> Rooms<E> {
    /// Sets what is still as `before`; true if it was.
    async fn replace<T: DeserializeOwned + Serialize + PartialEq + Sync>(
        &self,
        key: Vec<u8>,
        before: Option<&T>,
        after: &T,
        event: Event,
    ) -> Result<bool, StoreError> {
        let row = value(self.0.index(), &key)?;
        let there: Option<T> = row.as_deref().map(decode_setting).transpose()?;
        if there.as_ref() != before {
            return Ok(false);
        }
        // The committer compares once more: others may be quicker.
        let op = Op::Replace {
            key,
            before: row,
            after: encode_setting(after)?,
            event,
        };
        drop(there);
        Ok(self.submit(op).await? == Answer::Yes(true))
    }
}

#[async_trait]
impl<E: Engine> Settings for Rooms<E> {
    async fn account(&self, scope: &Scope) -> Result<Option<Account>, StoreError> {
        self.setting(&keys::account(scope))
    }

    async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        self.all(keys::ACCOUNTS.to_vec()).await
    }

    async fn set_account(&self, account: Account, event: Event) -> Result<(), StoreError> {
        let value = encode_setting(&account)?;
        self.set(keys::account(&account.scope), Some(value), event)
            .await?;
        Ok(())
    }

    async fn replace_account(
        &self,
        before: Option<&Account>,
        after: Account,
        event: Event,
    ) -> Result<bool, StoreError> {
        self.replace(keys::account(&after.scope), before, &after, event)
            .await
    }

    async fn remove_account(&self, scope: &Scope, event: Event) -> Result<bool, StoreError> {
        self.set(keys::account(scope), None, event).await
    }

    async fn domain(&self, domain: &Domain) -> Result<Option<DomainSettings>, StoreError> {
        self.setting(&keys::domain(domain.as_str()))
    }

    async fn domains(&self) -> Result<Vec<DomainSettings>, StoreError> {
        self.all(keys::DOMAINS.to_vec()).await
    }

    async fn set_domain(&self, domain: DomainSettings, event: Event) -> Result<(), StoreError> {
        let value = encode_setting(&domain)?;
        self.set(keys::domain(domain.domain.as_str()), Some(value), event)
            .await?;
        Ok(())
    }

    async fn remove_domain(&self, domain: &Domain, event: Event) -> Result<bool, StoreError> {
        self.set(keys::domain(domain.as_str()), None, event).await
    }

    async fn layer(&self, scope: &Scope) -> Result<Option<Layer>, StoreError> {
        self.setting(&keys::layer(scope))
    }

    async fn set_layer(&self, scope: &Scope, layer: Layer, event: Event) -> Result<(), StoreError> {
        let value = encode_setting(&layer)?;
        self.set(keys::layer(scope), Some(value), event).await?;
        Ok(())
    }

    async fn list(&self, scope: &Scope) -> Result<Arc<Vec<ListEntry>>, StoreError> {
        let lists = &self.0.news().lists;
        let changes = match lists.get(scope) {
            Ok(list) => return Ok(list),
            Err(changes) => changes,
        };
        let list = Arc::new(self.all(keys::list(scope)).await?);
        lists.keep(scope, &list, changes);
        Ok(list)
    }

    async fn set_listed(&self, entry: ListEntry, event: Event) -> Result<(), StoreError> {
        let value = encode_setting(&entry)?;
        let key = keys::listed(&entry.scope, entry.kind, &entry.pattern);
        self.set(key, Some(value), event).await?;
        Ok(())
    }

    async fn remove_listed(
        &self,
        scope: &Scope,
        kind: ListKind,
        pattern: &Pattern,
        event: Event,
    ) -> Result<bool, StoreError> {
        let key = keys::listed(scope, kind, pattern);
        let was_there = self.set(key, None, event).await?;
        let uses = vec![(keys::list_use(scope, kind, pattern), None)];
        self.note_all(uses, false).await?;
        Ok(was_there)
    }

    async fn listed_from(
        &self,
        from: Option<Vec<u8>>,
        most: usize,
    ) -> Result<(Vec<ListEntry>, Option<Vec<u8>>), StoreError> {
        self.read(move |engine| {
            let from = from.unwrap_or_else(|| keys::LISTS.to_vec());
            let pairs = engine
                .index()
                .range(&from, &keys::end_of(keys::LISTS), most)?;
            let last = pairs.last().filter(|_| pairs.len() == most);
            let next = last.map(|(key, _)| [key.as_slice(), &[0]].concat());
            let entries = pairs
                .iter()
                .map(|(_, row)| decode_setting(Home::split(row)?.1))
                .collect::<Result<_, _>>()?;
            Ok((entries, next))
        })
        .await
    }

    async fn list_uses(&self, scope: &Scope) -> Result<Vec<ListUse>, StoreError> {
        self.all(keys::list_uses(scope)).await
    }

    async fn count_uses(&self, uses: Vec<ListUse>) -> Result<(), StoreError> {
        for some in uses.chunks(NOTES_AT_ONCE) {
            let mut rows = Vec::with_capacity(some.len());
            for new in some {
                let listed = keys::listed(&new.scope, new.kind, &new.pattern);
                if value(self.0.index(), &listed)?.is_none() {
                    continue;
                }
                let key = keys::list_use(&new.scope, new.kind, &new.pattern);
                let before: Option<ListUse> = self.setting(&key)?;
                let times = before.as_ref().map_or(0, |before| before.times);
                let last = before.map_or(new.last, |before| before.last.max(new.last));
                let sum = ListUse {
                    times: times.saturating_add(new.times),
                    last,
                    ..new.clone()
                };
                rows.push((key, Some(encode_setting(&sum)?)));
            }
            self.note_all(rows, false).await?;
        }
        Ok(())
    }

    async fn note(&self, name: &str) -> Result<Option<Value>, StoreError> {
        self.setting(&keys::note(name))
    }

    async fn set_note(&self, name: &str, value: Option<Value>) -> Result<(), StoreError> {
        let value = value.as_ref().map(encode_setting).transpose()?;
        self.note_all(vec![(keys::note(name), value)], true).await
    }

    async fn lock(&self, sender: &Scope) -> Result<Option<SenderLock>, StoreError> {
        self.setting(&keys::lock(sender))
    }

    async fn locks(&self) -> Result<Vec<SenderLock>, StoreError> {
        self.all(keys::LOCKS.to_vec()).await
    }

    async fn set_lock(&self, lock: SenderLock, event: Event) -> Result<(), StoreError> {
        let value = encode_setting(&lock)?;
        self.set(keys::lock(&lock.sender), Some(value), event)
            .await?;
        Ok(())
    }

    async fn remove_lock(&self, sender: &Scope, event: Event) -> Result<bool, StoreError> {
        self.set(keys::lock(sender), None, event).await
    }

    async fn api_key(&self, id: &str) -> Result<Option<ApiKey>, StoreError> {
        self.setting(&keys::api_key(id))
    }

    async fn api_keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        self.all(keys::API_KEYS.to_vec()).await
    }

    async fn replace_api_key(
        &self,
        before: Option<&ApiKey>,
        after: ApiKey,
        event: Event,
    ) -> Result<bool, StoreError> {
        self.replace(keys::api_key(&after.id), before, &after, event)
            .await
    }

    async fn remove_api_key(&self, id: &str, event: Event) -> Result<bool, StoreError> {
        self.set(keys::api_key(id), None, event).await
    }

    async fn challenge(&self, place: &str) -> Result<Option<Challenge>, StoreError> {
        self.setting(&keys::challenge(place))
    }

    async fn challenges(&self) -> Result<Vec<Challenge>, StoreError> {
        self.all(keys::CHALLENGES.to_vec()).await
    }

    async fn replace_challenge(
        &self,
        before: Option<&Challenge>,
        after: Challenge,
        event: Event,
    ) -> Result<bool, StoreError> {
        self.replace(keys::challenge(&after.place), before, &after, event)
            .await
    }

    async fn remove_challenge(&self, place: &str, event: Event) -> Result<bool, StoreError> {
        self.set(keys::challenge(place), None, event).await
    }

    async fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        value(self.0.index(), &keys::secret(name))
    }

    async fn remove_secret(&self, name: &str, event: Event) -> Result<bool, StoreError> {
        self.set(keys::secret(name), None, event).await
    }

    async fn set_secret(&self, name: &str, value: Vec<u8>, event: Event) -> Result<(), StoreError> {
        self.set(keys::secret(name), Some(value), event).await?;
        Ok(())
    }
}
