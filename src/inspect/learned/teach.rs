//! How far a lesson moves the model: logistic regression, trained on error and near-error.

use std::collections::{BTreeMap, HashMap};

use crate::clock::Timestamp;
use crate::policy::Scope;
use crate::record::Lore;

use super::model::{Model, POINT, Step, UNIT};
use super::vector::{LENGTH_SQUARED, Vector};

/// Mail in bulk: how far a mail that is all wrong moves the model, in steps of 1.
const RATE: f64 = 2.0;
/// Mail in bulk moves nothing once it is this sure, in logits.
const SURE: f64 = 3.0;
/// Times that mail in bulk is gone through.
pub const PASSES: u32 = 5;
/// Somebody's word: how sure the model shall be of such mail, in logits.
const CORRECTED: f64 = 7.0;
/// The largest step that one word makes.
const STEP_MOST: f64 = 2.0;
/// How much of a step goes on to the domain, and to everybody.
const TO_DOMAIN: f64 = 0.25;
const TO_ALL: f64 = 0.0625;
/// What one teacher moves others by, all lessons of [`WINDOW_DAYS`] days together, in steps of 1:
/// the others of the domain, and everybody. A step of 1 moves a mail's logit by 2.1 at most.
pub(super) const DOMAIN_MOST: f64 = 0.5;
pub(super) const ALL_MOST: f64 = 0.25;
const WINDOW_DAYS: u64 = 30;

/// 1 for spam, -1 for ham.
fn sign(lore: Lore) -> f64 {
    match lore {
        Lore::Spam => 1.0,
        Lore::Ham => -1.0,
    }
}

fn units(step: f64) -> Step {
    (step * UNIT).round() as Step
}

/// The probability that a logit stands for.
pub(super) fn probability(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// The step for one of many mails, where the layer says `logit` of it.
pub(super) fn in_bulk(logit: f64, lore: Lore) -> Step {
    let sign = sign(lore);
    if sign * logit >= SURE {
        return 0;
    }
    units(sign * RATE * (1.0 - probability(sign * logit)))
}

/// The step for a mail that somebody took in hand, where `logit` is what is said of it so far.
fn by_word(logit: f64, lore: Lore) -> Step {
    let sign = sign(lore);
    let step = (CORRECTED - sign * logit) / LENGTH_SQUARED;
    units(sign * step.clamp(0.0, STEP_MOST))
}

/// The scopes that a lesson of `scope` reaches, its own first.
pub(super) fn reached(scope: &Scope) -> Vec<Scope> {
    match scope {
        Scope::Global => vec![Scope::Global],
        Scope::Domain(_) => vec![scope.clone(), Scope::Global],
        Scope::Recipient(address) => {
            vec![
                scope.clone(),
                Scope::Domain(address.domain().clone()),
                Scope::Global,
            ]
        }
    }
}

/// What teachers moved others by, day by day: `[domain, everybody]`.
#[derive(Debug, Default)]
pub(super) struct Spent(HashMap<Scope, BTreeMap<u64, [u64; 2]>>);

/// Which of the two a step of a teacher counts for; `None` for the teacher's own layer.
fn account(teacher: &Scope, reached: &Scope) -> Option<usize> {
    match reached {
        own if own == teacher => None,
        Scope::Global => Some(1),
        _ => Some(0),
    }
}

impl Spent {
    /// Notes the steps of a lesson, or takes them back.
    pub(super) fn note(
        &mut self,
        teacher: &Scope,
        at: Timestamp,
        steps: &[(Scope, Step)],
        back: bool,
    ) {
        let outside = steps
            .iter()
            .filter_map(|(scope, step)| Some((account(teacher, scope)?, *step)));
        for (account, step) in outside.filter(|(_, step)| *step != 0) {
            let days = self.0.entry(teacher.clone()).or_default();
            let sum = &mut days.entry(at.day()).or_default()[account];
            let by = u64::from(step.unsigned_abs());
            *sum = if back {
                sum.saturating_sub(by)
            } else {
                sum.saturating_add(by)
            };
            while days.len() > WINDOW_DAYS as usize + 1 {
                days.pop_first();
            }
        }
    }

    /// What the teacher may still move `reached` by, now.
    fn left(&self, teacher: &Scope, reached: &Scope, now: Timestamp) -> f64 {
        let (account, most) = match account(teacher, reached) {
            None => return f64::MAX,
            Some(account) => (account, [DOMAIN_MOST, ALL_MOST][account]),
        };
        let since = now.day().saturating_sub(WINDOW_DAYS);
        let spent: u64 = self.0.get(teacher).map_or(0, |days| {
            days.range(since..).map(|(_, sums)| sums[account]).sum()
        });
        (most - spent as f64 / UNIT).max(0.0)
    }
}

/// The steps that somebody's word about a mail makes, in the teacher's own layer in full, in
/// wider ones within the teacher's bounds.
pub(super) fn steps(
    model: &Model,
    spent: &Spent,
    teacher: &Scope,
    lore: Lore,
    vector: &Vector,
    now: Timestamp,
) -> Vec<(Scope, Step)> {
    let scopes = reached(teacher);
    let says = match teacher {
        // The counts learn for themselves.
        Scope::Global => model.layer(teacher).map_or(0.0, |layer| layer.says(vector)),
        _ => model.says(&scopes, vector).unwrap_or_default() / POINT,
    };
    let own = by_word(says, lore);
    let mut steps = Vec::with_capacity(scopes.len());
    for scope in scopes {
        let share = match account(teacher, &scope) {
            None => 1.0,
            Some(0) => TO_DOMAIN,
            Some(_) => TO_ALL,
        };
        let wanted = f64::from(own) / UNIT * share;
        let bound = spent.left(teacher, &scope, now);
        let step = if model.has_room(&scope, vector) {
            units(wanted.clamp(-bound.min(STEP_MOST), bound.min(STEP_MOST)))
        } else {
            0
        };
        steps.push((scope, step));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sure_mail_moves_nothing_and_wrong_mail_most() {
        assert_eq!(in_bulk(3.1, Lore::Spam), 0);
        assert_eq!(in_bulk(-3.1, Lore::Ham), 0);
        assert!(in_bulk(-1.0, Lore::Spam) > in_bulk(1.0, Lore::Spam));
        assert_eq!(in_bulk(0.5, Lore::Spam), -in_bulk(-0.5, Lore::Ham));
        assert_eq!(by_word(7.5, Lore::Spam), 0);
        assert_eq!(by_word(-9.0, Lore::Spam), units(STEP_MOST));
    }

    #[test]
    fn a_teacher_moves_others_within_bounds() {
        let teacher: Scope = "a@one.example".parse().expect("scope");
        let mut spent = Spent::default();
        let model = Model::new();
        let now = Timestamp(0).after_days(100);
        let mut moved = [0.0; 2];
        for n in 0..50_u32 {
            let vector = Vector::new(&mut [vec![n << 12], vec![], vec![]]);
            let steps = steps(&model, &spent, &teacher, Lore::Spam, &vector, now);
            assert!(f64::from(steps[0].1) / UNIT > 1.9);
            moved[0] += f64::from(steps[1].1) / UNIT;
            moved[1] += f64::from(steps[2].1) / UNIT;
            spent.note(&teacher, now, &steps, false);
        }
        assert!((moved[0] - DOMAIN_MOST).abs() < 1e-5, "{moved:?}");
        assert!((moved[1] - ALL_MOST).abs() < 1e-5, "{moved:?}");
        let later = now.after_days(WINDOW_DAYS + 1);
        assert!(spent.left(&teacher, &Scope::Global, later) > 0.2);
    }
}
