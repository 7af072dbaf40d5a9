//! The watch: looks at what goes wrong, and hands it to the alerts.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc;

use super::Background;
use crate::clock::Timestamp;
use crate::inspect::Health;
use crate::net::listen::Closing;
use crate::net::tls::ServerTls;
use crate::notify::{Alert, AlertKind, Alerts};
use crate::policy::Scope;
use crate::record::Status;
use crate::store::{Query, Step, StoreError, Tally};

/// How often everything is looked at.
const EVERY: Duration = Duration::from_secs(30);
/// Rounds between two looks at what was held and released: the log is counted for it.
const COUNT_EVERY: u64 = 10;
/// Under this name the open alerts are kept.
const KEPT: &str = "alerts";
/// Under this name the watch proves that the store can write.
const PROOF: &str = "watch";
/// Jobs looked at.
const JOBS_MOST: usize = 1000;
/// Refused releases looked at, of the last hour.
const REFUSED_MOST: usize = 200;
/// Recipient domains whose refusals are told apart.
const DOMAINS_MOST: usize = 20;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 24 * HOUR_MS;
/// Days that the last hours are compared with.
const DAYS: u64 = 7;

/// The chore. Cheap to clone.
#[derive(Clone)]
pub struct Watch {
    pub house: Background,
    pub alerts: Alerts,
    pub checks: Option<Health>,
    pub tls: Option<ServerTls>,
    /// Where mail is kept.
    pub data_dir: PathBuf,
}

/// What one look found.
#[derive(Default)]
struct Look {
    seen: Vec<Alert>,
    looked: Vec<AlertKind>,
    fault: Option<StoreError>,
}

impl Look {
    fn add(&mut self, kind: AlertKind, found: Result<Vec<Alert>, StoreError>) {
        match found {
            Ok(alerts) => {
                self.looked.push(kind);
                self.seen.extend(alerts);
            }
            Err(error) => self.fault = Some(error),
        }
    }
}

impl Watch {
    /// Watches until the doors close; what is raised at `raised` is told at once.
    pub async fn run(self, mut raised: mpsc::Receiver<Alert>, mut stop: Closing) {
        self.restore().await;
        let mut round = 0;
        let mut next = tokio::time::Instant::now();
        loop {
            tokio::select! {
                () = stop.wait() => return,
                Some(alert) = raised.recv() => self.take_in(vec![alert], &[]).await,
                () = tokio::time::sleep_until(next) => {
                    self.look(round % COUNT_EVERY == 0).await;
                    round += 1;
                    next = tokio::time::Instant::now() + EVERY;
                }
            }
        }
    }

    /// What was open before a restart is not told anew.
    pub async fn restore(&self) {
        match self.house.store.settings.note(KEPT).await {
            Ok(Some(kept)) => self.alerts.restore(kept),
            Ok(None) => {}
            Err(error) => tracing::error!(%error, "the open alerts cannot be read"),
        }
    }

    async fn take_in(&self, seen: Vec<Alert>, looked: &[AlertKind]) {
        if self.alerts.see(seen, looked).await {
            let kept = Some(self.alerts.kept());
            if let Err(error) = self.house.store.settings.set_note(KEPT, kept).await {
                tracing::error!(%error, "the open alerts cannot be kept");
            }
        }
    }

    /// Looks at everything once; with `counts` at what was held and released as well.
    pub async fn look(&self, counts: bool) {
        let mut look = Look::default();
        look.add(AlertKind::QueueStuck, self.queue().await);
        look.add(AlertKind::ReinsertionRefused, self.refused().await);
        look.add(AlertKind::SenderLocked, self.locked().await);
        look.add(AlertKind::CheckUnavailable, Ok(self.checks()));
        look.add(AlertKind::CertificateEnds, Ok(self.certificate()));
        if let Some(disk) = self.disk().await {
            look.add(AlertKind::DiskLow, Ok(disk));
        }
        if counts {
            match self.tally().await {
                Ok(tally) => {
                    look.add(AlertKind::ManyHeld, Ok(self.held(&tally)));
                    look.add(AlertKind::ManyReleased, Ok(self.released(&tally)));
                }
                Err(error) => look.fault = Some(error),
            }
        }
        if let Err(error) = self.prove().await {
            look.fault = Some(error);
        }
        look.looked.push(AlertKind::StoreError);
        if let Some(error) = look.fault.take() {
            let words = format!("The store cannot do its work: {error}");
            look.seen
                .push(Alert::new(AlertKind::StoreError, "store", words));
        }
        self.take_in(look.seen, &look.looked).await;
    }

    /// A small durable write.
    async fn prove(&self) -> Result<(), StoreError> {
        let now = self.house.clock.now();
        let settings = &self.house.store.settings;
        settings.set_note(PROOF, Some(now.0.into())).await
    }

    async fn queue(&self) -> Result<Vec<Alert>, StoreError> {
        let span = self.alerts.options().owed_for.0;
        if span.is_zero() {
            return Ok(Vec::new());
        }
        let now = self.house.clock.now();
        let jobs = self.house.store.jobs.jobs(JOBS_MOST).await?;
        let old = || jobs.iter().filter(|job| now.since(job.since) >= span);
        let Some(oldest) = old().min_by_key(|job| job.since) else {
            return Ok(Vec::new());
        };
        let count = old().count();
        let words = format!(
            "{count} deliveries are owed for long, the oldest since {}. The last answer to it was: {}",
            oldest.since, oldest.last
        );
        let alert = Alert::new(AlertKind::QueueStuck, "deliveries", words);
        Ok(vec![alert.with("count", count)])
    }

    async fn refused(&self) -> Result<Vec<Alert>, StoreError> {
        let now = self.house.clock.now();
        let query = Query {
            since: Some(Timestamp(now.0.saturating_sub(HOUR_MS))),
            statuses: vec![Status::ReleaseFailed],
            ..Query::default()
        };
        let journal = self.house.journal();
        let page = journal.search(&Scope::Global, &query, REFUSED_MOST).await?;
        let mut domains: BTreeMap<String, (u64, String)> = BTreeMap::new();
        // Only releases tell what the mail was held for; letters and owed mail do not.
        let releases = page.rows.iter().filter(|event| event.class.is_some());
        for event in releases {
            let domain = event.to.first().map(|to| to.domain().to_string());
            let domain = domain.unwrap_or_default();
            if domains.len() < DOMAINS_MOST || domains.contains_key(&domain) {
                // The newest comes first.
                let fresh = || (0, event.words.clone());
                domains.entry(domain).or_insert_with(fresh).0 += 1;
            }
        }
        let alert = |(domain, (count, said)): (String, (u64, String))| {
            let words = format!(
                "{count} releases for {domain} were refused in the last hour. The answer was: {said}"
            );
            Alert::new(AlertKind::ReinsertionRefused, domain, words).with("count", count)
        };
        Ok(domains.into_iter().map(alert).collect())
    }

    async fn locked(&self) -> Result<Vec<Alert>, StoreError> {
        let locks = self.house.store.settings.locks().await?;
        // What an administrator locked is no news to them.
        let tripped = locks.into_iter().filter(|lock| lock.by == "limits");
        let alert = |lock: crate::record::SenderLock| {
            let sender = lock.sender.to_string();
            let words = format!("{sender} sent {} and was locked", lock.why);
            Alert::new(AlertKind::SenderLocked, sender, words)
        };
        Ok(tripped.map(alert).collect())
    }

    fn checks(&self) -> Vec<Alert> {
        let span = self.alerts.options().check_down_for.0;
        let (Some(checks), false) = (&self.checks, span.is_zero()) else {
            return Vec::new();
        };
        let now = self.house.clock.now();
        let mut alerts = Vec::new();
        for check in checks.shown() {
            let Some(down) = check.down.filter(|down| now.since(*down) >= span) else {
                continue;
            };
            let words = format!(
                "The check {} gives no answer since {down}: {}",
                check.name, check.why
            );
            alerts.push(Alert::new(AlertKind::CheckUnavailable, check.name, words));
        }
        alerts
    }

    fn certificate(&self) -> Vec<Alert> {
        let days = self.alerts.options().certificate_days;
        let ends = self.tls.as_ref().and_then(ServerTls::ends);
        let near = |ends: &Timestamp| days > 0 && *ends <= self.house.clock.now().after_days(days);
        let alert = |ends: Timestamp| {
            let words = format!("The certificate that all listeners show ends at {ends}");
            Alert::new(AlertKind::CertificateEnds, "certificate", words)
                .with("ends", ends.to_string())
        };
        ends.filter(near).map(alert).into_iter().collect()
    }

    /// `None` if the file system does not say.
    async fn disk(&self) -> Option<Vec<Alert>> {
        let dir = self.data_dir.clone();
        let stat = tokio::task::spawn_blocking(move || nix::sys::statvfs::statvfs(&dir)).await;
        let stat = stat.ok()?.ok()?;
        let free = stat.blocks_available().saturating_mul(stat.fragment_size());
        let all = stat.blocks().saturating_mul(stat.fragment_size());
        let mut open = self.alerts.open().into_iter();
        let open = open.any(|alert| alert.kind == AlertKind::DiskLow);
        let options = self.alerts.options();
        let limits = (options.disk_free.0, options.disk_free_percent);
        if !is_low(free, all, limits, open) {
            return Some(Vec::new());
        }
        let dir = self.data_dir.display().to_string();
        let percent = free.saturating_mul(100) / all.max(1);
        let (free, least) = (free >> 20, options.disk_free.0 >> 20);
        let words = format!(
            "{free} MiB ({percent} %) are free where mail is kept; less than {least} MiB or {} % is an alert",
            options.disk_free_percent
        );
        Some(vec![
            Alert::new(AlertKind::DiskLow, dir, words).with("free_mib", free),
        ])
    }

    async fn tally(&self) -> Result<Tally, StoreError> {
        let now = self.house.clock.now();
        let since = Timestamp(now.0.saturating_sub(DAYS * DAY_MS + HOUR_MS));
        let journal = self.house.journal();
        journal.tally(&Scope::Global, since, now, Step::Hour).await
    }

    fn held(&self, tally: &Tally) -> Vec<Alert> {
        let options = self.alerts.options();
        let now = self.house.clock.now();
        let wanted = [Status::Quarantined];
        let held = in_two_hours(tally, &wanted, now);
        let mut before = Vec::new();
        for day in 1..=DAYS {
            let then = Timestamp(now.0.saturating_sub(day * DAY_MS));
            if in_two_hours(tally, &[], then) > 0 {
                before.push(in_two_hours(tally, &wanted, then));
            }
        }
        let mut open = self.alerts.open().into_iter();
        let open = open.any(|alert| alert.kind == AlertKind::ManyHeld);
        if !is_spike(held, &before, options.held_times, options.held_least, open) {
            return Vec::new();
        }
        let usual = before.iter().sum::<u64>() / before.len().max(1) as u64;
        let words = format!(
            "{held} messages were held in two hours; on other days it is {usual} at this time. \
             Look whether they are held rightly."
        );
        vec![Alert::new(AlertKind::ManyHeld, "held", words).with("count", held)]
    }

    fn released(&self, tally: &Tally) -> Vec<Alert> {
        let most = self.alerts.options().released_most;
        let wanted = [Status::Released, Status::ReleasedAndTrained];
        let count = in_two_hours(tally, &wanted, self.house.clock.now());
        if most == 0 || count < most {
            return Vec::new();
        }
        let words = format!(
            "{count} messages were released in two hours: too much may be held. \
             Look at what they have in common."
        );
        vec![Alert::new(AlertKind::ManyReleased, "released", words).with("count", count)]
    }
}

/// Events of these statuses, or of any, in the hour of `at` and the one before.
fn in_two_hours(tally: &Tally, statuses: &[Status], at: Timestamp) -> u64 {
    let hour = at.0 / HOUR_MS;
    let counts = tally.counts.iter().filter(|count| {
        let own = count.at.0 / HOUR_MS;
        (own == hour || own + 1 == hour)
            && (statuses.is_empty() || statuses.contains(&count.status))
    });
    counts.map(|count| count.events).sum()
}

/// True if `held` is many times what is usual; one that is open ends at half of that.
fn is_spike(held: u64, before: &[u64], times: u32, least: u64, open: bool) -> bool {
    if times == 0 || before.is_empty() {
        return false;
    }
    let sum: u64 = before.iter().sum();
    let limit = sum.saturating_mul(times.into()) / before.len() as u64;
    let limit = limit.max(least);
    held >= if open { limit.div_ceil(2) } else { limit }
}

/// True if too little of `all` is free; one that is open ends a tenth above the limits.
fn is_low(free: u64, all: u64, (least, percent): (u64, u32), open: bool) -> bool {
    let share = all / 100 * u64::from(percent.min(100));
    let limit = least.max(share);
    free < if open {
        limit.saturating_add(limit / 10)
    } else {
        limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SY-06: what is a spike, and when it ends.
    #[test]
    fn sy06_a_spike_is_many_times_the_usual_and_no_small_number() {
        for (held, before, open, want) in [
            (100, &[20, 20][..], false, true),
            (99, &[20, 20], false, false),
            (50, &[20, 20], true, true),
            (49, &[20, 20], true, false),
            (49, &[0, 0, 0], false, false),
            (50, &[0, 0, 0], false, true),
            (10_000, &[], false, false),
            (500, &[700, 0, 0, 0, 0, 0, 0], false, true),
        ] {
            let spike = is_spike(held, before, 5, 50, open);
            assert_eq!(spike, want, "{held} {before:?} {open}");
        }
        assert!(!is_spike(10_000, &[1], 0, 50, false));
    }

    #[test]
    fn sy06_a_disk_is_low_by_octets_or_percent() {
        for (free, limits, open, want) in [
            (99, (100, 0), false, true),
            (100, (100, 0), false, false),
            (105, (100, 0), true, true),
            (110, (100, 0), true, false),
            (499, (100, 5), false, true),
            (500, (100, 5), false, false),
            (0, (0, 0), false, false),
        ] {
            assert_eq!(
                is_low(free, 10_000, limits, open),
                want,
                "{free} {limits:?}"
            );
        }
    }
}
