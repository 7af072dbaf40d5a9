//! What goes wrong now, and how the checks are: for who looks after the house.

use super::Frame;
use crate::inspect::CheckHealth;
use crate::notify::{AlertKind, OpenAlert};
use crate::web::texts::{Texts, fill};
use crate::web::view::{self, When};

/// Alerts that are shown.
const ALERTS_MOST: usize = 50;

pub(super) struct AlertLine {
    pub(super) kind: &'static str,
    pub(super) subject: String,
    pub(super) words: String,
    pub(super) since: When,
    /// Nothing is wrong at the moment; soon it is over.
    pub(super) calm: bool,
}

pub(super) struct CheckLine {
    pub(super) name: &'static str,
    pub(super) answered: Option<When>,
    /// Of the last hour, in words.
    pub(super) share: String,
    pub(super) state: &'static str,
    pub(super) bad: bool,
    pub(super) since: Option<When>,
    pub(super) why: String,
}

/// The two boxes of the overview.
pub(super) struct Watched {
    pub(super) alerts: Vec<AlertLine>,
    pub(super) checks: Vec<CheckLine>,
}

pub(super) fn watched(alerts: &[OpenAlert], checks: &[CheckHealth], frame: &Frame) -> Watched {
    let t = frame.t();
    let alert = |alert: &OpenAlert| AlertLine {
        kind: kind(alert.kind, t),
        subject: view::plain(&alert.subject),
        words: view::plain(&alert.words),
        since: frame.when(alert.since),
        calm: alert.calm.is_some(),
    };
    Watched {
        alerts: alerts.iter().take(ALERTS_MOST).map(alert).collect(),
        checks: checks.iter().map(|one| check(one, frame)).collect(),
    }
}

fn check(check: &CheckHealth, frame: &Frame) -> CheckLine {
    let w = frame.t().watch;
    let (state, since) = match (check.rests, check.down) {
        (Some(since), _) => (w.rests, Some(since)),
        (None, Some(since)) => (w.down, Some(since)),
        (None, None) => (w.answers, None),
    };
    let percent = (check.failed * 100).div_ceil(check.asked.max(1));
    CheckLine {
        name: check.name,
        answered: check.answered.map(|at| frame.when(at)),
        share: match check.asked {
            0 => w.not_asked.to_owned(),
            asked => fill(w.share, format!("{percent} % / {asked}")),
        },
        state,
        bad: since.is_some(),
        since: since.map(|at| frame.when(at)),
        why: view::plain(&check.why),
    }
}

fn kind(kind: AlertKind, t: &Texts) -> &'static str {
    let w = t.watch;
    match kind {
        AlertKind::QueueStuck => w.queue_stuck,
        AlertKind::ReinsertionRefused => w.reinsertion_refused,
        AlertKind::CheckUnavailable => w.check_unavailable,
        AlertKind::DiskLow => w.disk_low,
        AlertKind::StoreError => w.store_error,
        AlertKind::SenderLocked => w.sender_locked,
        AlertKind::ManyHeld => w.many_held,
        AlertKind::ManyReleased => w.many_released,
        AlertKind::CertificateEnds => w.certificate_ends,
        AlertKind::HeldBack | AlertKind::Test => w.other,
    }
}
