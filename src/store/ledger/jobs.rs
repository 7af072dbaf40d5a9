//! Jobs and lessons as the rooms above see them.

use async_trait::async_trait;

use super::index::Index;
use super::ops::Op;
use super::rows::{Home, LessonRow, decode};
use super::{Engine, Lease, Rooms, keys, value};
use crate::clock::Timestamp;
use crate::mail::{EntryId, Mail};
use crate::record::{Event, Job, Lesson};
use crate::store::{Jobs, Lessons, StoreError};

#[async_trait]
impl<E: Engine> Jobs for Rooms<E> {
    async fn owe(&self, mail: &Mail, jobs: Vec<Job>, event: Event) -> Result<(), StoreError> {
        let keep = self.keep(mail).await?;
        self.submit(Op::Owe(keep, jobs, event)).await?;
        Ok(())
    }

    async fn take(
        &self,
        now: Timestamp,
        until: Timestamp,
        most: usize,
    ) -> Result<Vec<Job>, StoreError> {
        self.read(move |engine| {
            let mut leases = engine.news().leases.lock();
            leases.retain(|_, lease| lease.until > now);
            let end = keys::after_time(keys::JOBS_DUE, now);
            // Those that are given out may stand in front of all others.
            let look = most.saturating_add(leases.len());
            let due = jobs(engine.index(), keys::JOBS_DUE, &end, look)?;
            let free: Vec<Job> = due
                .into_iter()
                .filter(|job| leases.get(&job.id).is_none_or(|lease| lease.job != *job))
                .take(most)
                .collect();
            leases.extend(free.iter().map(|job| {
                let job = job.clone();
                (job.id, Lease { job, until })
            }));
            Ok(free)
        })
        .await
    }

    async fn settle(&self, id: EntryId, job: Option<Job>, event: Event) -> Result<(), StoreError> {
        self.submit(Op::Settle(id, job, event)).await?;
        Ok(())
    }

    async fn jobs(&self, most: usize) -> Result<Vec<Job>, StoreError> {
        let end = keys::end_of(keys::JOBS_DUE);
        self.read(move |engine| jobs(engine.index(), keys::JOBS_DUE, &end, most))
            .await
    }

    async fn owed(&self) {
        self.0.news().owed.notified().await;
    }
}

#[async_trait]
impl<E: Engine> Lessons for Rooms<E> {
    async fn teach(&self, mail: &Mail, lesson: Lesson, event: Event) -> Result<(), StoreError> {
        let keep = self.keep(mail).await?;
        self.submit(Op::Teach(keep, lesson, event)).await?;
        Ok(())
    }

    async fn lessons(&self, after: u64, most: usize) -> Result<Vec<(u64, Lesson)>, StoreError> {
        let Some(first) = after.checked_add(1) else {
            return Ok(Vec::new());
        };
        let (from, to) = (keys::lesson(first), keys::end_of(keys::LESSONS));
        self.read(move |engine| {
            let pairs = engine.index().range(&from, &to, most)?;
            pairs
                .iter()
                .filter_map(|(key, row)| Some((keys::last_number(key)?.1, row)))
                .map(|(number, row)| {
                    let row: LessonRow = decode(Home::split(row)?.1)?;
                    Ok((number, row.lesson))
                })
                .collect()
        })
        .await
    }
}

fn jobs(index: &dyn Index, from: &[u8], to: &[u8], most: usize) -> Result<Vec<Job>, StoreError> {
    let pairs = index.range(from, to, most)?;
    let mut jobs = Vec::with_capacity(pairs.len());
    for id in pairs.iter().filter_map(|(key, _)| keys::last_entry(key)) {
        // Settled between the two looks: it is simply not there.
        if let Some(row) = value(index, &keys::job(id))? {
            jobs.push(decode(&row)?);
        }
    }
    Ok(jobs)
}
