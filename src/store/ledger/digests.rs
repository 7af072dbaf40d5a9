//! What is known of digests, as the rooms above see it.

use async_trait::async_trait;

use super::ops::Op;
use super::rows::{Home, decode_setting, encode_setting, number};
use super::{Engine, Rooms, keys, value};
use crate::clock::Timestamp;
use crate::policy::Scope;
use crate::record::DigestState;
use crate::store::{Digests, StoreError};

#[async_trait]
impl<E: Engine> Digests for Rooms<E> {
    async fn digest(&self, of: &Scope) -> Result<Option<DigestState>, StoreError> {
        let row = value(self.0.index(), &keys::digest(of))?;
        row.map(|row| decode_setting(&row)).transpose()
    }

    async fn digests_due(
        &self,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<DigestState>, StoreError> {
        let end = keys::after_time(keys::DIGESTS_DUE, now);
        self.read(move |engine| states(engine, keys::DIGESTS_DUE, &end, most))
            .await
    }

    async fn digests_after(
        &self,
        late: Timestamp,
        most: usize,
    ) -> Result<Vec<DigestState>, StoreError> {
        let start = keys::after_time(keys::DIGESTS_DUE, late);
        let end = keys::end_of(keys::DIGESTS_DUE);
        self.read(move |engine| states(engine, &start, &end, most))
            .await
    }

    async fn set_digests(
        &self,
        states: Vec<DigestState>,
        seen: Option<u64>,
    ) -> Result<(), StoreError> {
        let mut rows = Vec::with_capacity(states.len() + 1);
        for state in states {
            rows.push((keys::digest(&state.of), encode_setting(&state)?));
        }
        let seen = seen.map(|seen| (keys::DIGESTS_SEEN.to_vec(), seen.to_be_bytes().to_vec()));
        rows.extend(seen);
        self.submit(Op::Note(rows)).await?;
        Ok(())
    }

    async fn digests_seen(&self) -> Result<u64, StoreError> {
        let row = value(self.0.index(), keys::DIGESTS_SEEN)?;
        Ok(number(row.as_deref()))
    }
}

/// What is to be looked at between two keys of the time index, the earliest first.
fn states<E: Engine>(
    engine: &E,
    start: &[u8],
    end: &[u8],
    most: usize,
) -> Result<Vec<DigestState>, StoreError> {
    let index = engine.index();
    let mut states = Vec::new();
    for (key, _) in index.range(start, end, most)? {
        if let Some(row) = index.get(&keys::digest_of(&key))? {
            states.push(decode_setting(Home::split(&row)?.1)?);
        }
    }
    Ok(states)
}
