//! What the learner says, as a finding with its reason in plain words.

use crate::inspect::content::Content;
use crate::policy::{Finding, Scope};

use super::features::{Spot, word_hash};
use super::model::{Model, POINT};
use super::teach::probability;
use super::text::{fold, words};
use super::vector::SLOT_BITS;

/// The finding's name.
pub const NAME: &str = "LEARNED";
/// A weight below this is not worth a word.
const WEIGHT_LEAST: f64 = 0.05;
/// Words shown, and octets of text in which they are looked for.
const TELLING: usize = 3;
const TELLING_TEXT: usize = 4000;
/// Letters of a word that is shown.
const LETTERS_LEAST: usize = 4;

/// The finding for a weight; `None` if it says nothing.
pub(super) fn finding(weight: f64, telling: &[String]) -> Option<Finding> {
    if weight.abs() < WEIGHT_LEAST {
        return None;
    }
    let logit = weight / POINT;
    let (share, what) = if logit > 0.0 {
        (probability(logit), "spam")
    } else {
        (probability(-logit), "wanted")
    };
    // In words: a number would promise more than mail of another kind than was taught keeps.
    let sure = match share {
        0.95.. => "almost surely",
        0.75.. => "probably",
        _ => "perhaps",
    };
    let mut reason = format!("Going by what was learned, mail like this is {sure} {what}");
    for (index, word) in telling.iter().enumerate() {
        reason.push_str(if index == 0 { "; telling: " } else { ", " });
        reason.push('"');
        reason.push_str(word);
        reason.push('"');
    }
    reason.push('.');
    Some(Finding::seen(NAME, weight as f32, reason))
}

/// The words that speak most for what `weight` says, the strongest first.
pub(super) fn telling(
    model: &Model,
    scopes: &[Scope],
    content: &Content<'_>,
    weight: f64,
) -> Vec<String> {
    let layers: Vec<_> = scopes
        .iter()
        .filter_map(|scope| model.layer(scope))
        .collect();
    let mut best: Vec<(f64, Vec<u8>)> = Vec::new();
    let mut look = |text: &str, spot: Spot| {
        let mut folded = Vec::new();
        fold(text, TELLING_TEXT, &mut folded);
        for word in words(&folded).filter(|word| shown(word)) {
            let slot = word_hash(word, spot) >> (32 - SLOT_BITS);
            let says: f64 =
                layers.iter().map(|layer| layer.weight(slot)).sum::<f64>() * weight.signum();
            let weakest = best.last().map_or(0.0, |(says, _)| *says);
            if says <= 0.0
                || (best.len() == TELLING && says <= weakest)
                || best.iter().any(|(_, w)| w == word)
            {
                continue;
            }
            best.push((says, word.to_vec()));
            best.sort_by(|a, b| b.0.total_cmp(&a.0));
            best.truncate(TELLING);
        }
    };
    look(&content.subject, Spot::Subject);
    look(&content.text, Spot::Body);
    best.into_iter()
        .map(|(_, word)| String::from_utf8_lossy(&word).into_owned())
        .collect()
}

/// Letters only: no codes, no addresses, nothing that could break a field.
fn shown(word: &[u8]) -> bool {
    std::str::from_utf8(word).is_ok_and(|word| {
        word.chars().count() >= LETTERS_LEAST && word.chars().all(char::is_alphabetic)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_a_sentence() {
        let telling = ["watches".to_owned(), "golden".to_owned()];
        let spam = finding(3.0, &telling).expect("a finding");
        assert_eq!(
            spam.reason(),
            "Going by what was learned, mail like this is probably spam; telling: \"watches\", \"golden\"."
        );
        let ham = finding(-9.0, &[]).expect("a finding");
        assert_eq!(
            ham.reason(),
            "Going by what was learned, mail like this is almost surely wanted."
        );
        assert!(finding(0.01, &telling).is_none());
    }
}
