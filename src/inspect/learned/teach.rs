//! How far a lesson moves the model: logistic regression, trained on error and near-error.

use crate::record::Lore;

use super::model::{Step, UNIT};
use super::vector::LENGTH_SQUARED;

/// Mail in bulk: how far a mail that is all wrong moves the model, in steps of 1.
const RATE: f64 = 2.0;
/// Mail in bulk moves nothing once it is this sure, in logits.
const SURE: f64 = 3.0;
/// Times that mail in bulk is gone through.
pub(super) const PASSES: usize = 5;
/// Somebody's word: how sure the model shall be of such mail, in logits.
const CORRECTED: f64 = 7.0;
/// The largest step that one word makes.
const STEP_MOST: f64 = 2.0;

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

/// The step for a mail that somebody took in hand, where all layers together say `logit` of it.
pub(super) fn by_word(logit: f64, lore: Lore) -> Step {
    let sign = sign(lore);
    let step = (CORRECTED - sign * logit) / LENGTH_SQUARED;
    units(sign * step.clamp(0.0, STEP_MOST))
}
