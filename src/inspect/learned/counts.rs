//! How often each run of four octets stood in spam and in wanted mail, and what the rarest of them
//! say together (the method of Robinson and Fisher).

use crate::record::Lore;

use super::vector::{SLOTS, Vector};

/// Slots that are asked: those that speak most clearly.
const CLEAREST: usize = 100;
/// How far a share must be from one half to be asked.
const CLEAR: f64 = 0.1;
/// How many mails a slot counts as if half of them were spam.
const DOUBT: f64 = 0.03;
/// Shares are not believed to be closer to 0 or 1 than this.
const NEVER: f64 = 1e-9;

/// Numbers of mails: `[wanted, spam]`.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    seen: Vec<[u32; 2]>,
    mails: [u32; 2],
}

fn kind(lore: Lore) -> usize {
    usize::from(lore == Lore::Spam)
}

impl Counts {
    pub(super) fn new() -> Self {
        Self {
            seen: vec![[0; 2]; SLOTS],
            mails: [0; 2],
        }
    }

    /// Counts a mail in (`by` = 1) or out (-1).
    pub(super) fn add(&mut self, vector: &Vector, lore: Lore, by: i32) {
        let kind = kind(lore);
        self.mails[kind] = self.mails[kind].wrapping_add_signed(by);
        for slot in vector.octets() {
            let seen = &mut self.seen[*slot as usize][kind];
            *seen = seen.wrapping_add_signed(by);
        }
    }

    /// The fewer of the two kinds of mails counted.
    pub(super) fn known(&self) -> u32 {
        self.mails[0].min(self.mails[1])
    }

    /// How much the clearest slots speak for spam more than for wanted mail, in standard
    /// deviations; 0 if they say nothing.
    pub(super) fn says(&self, vector: &Vector) -> f64 {
        let [ham, spam] = self.mails.map(|count| f64::from(count.max(1)));
        let mut shares: Vec<f64> = Vec::with_capacity(vector.octets().len());
        for slot in vector.octets() {
            let [in_ham, in_spam] = self.seen[*slot as usize].map(f64::from);
            let seen = in_ham + in_spam;
            if seen > 0.0 {
                let share = in_spam / spam / (in_ham / ham + in_spam / spam);
                let believed = (DOUBT * 0.5 + seen * share) / (DOUBT + seen);
                if (believed - 0.5).abs() >= CLEAR {
                    shares.push(believed);
                }
            }
        }
        if shares.len() > CLEAREST {
            let clearer = |a: &f64, b: &f64| {
                (b - 0.5)
                    .abs()
                    .total_cmp(&(a - 0.5).abs())
                    .then(a.total_cmp(b))
            };
            shares.select_nth_unstable_by(CLEAREST, clearer);
            shares.truncate(CLEAREST);
            // The sum below must not depend on the order in which they were found.
            shares.sort_unstable_by(f64::total_cmp);
        }
        if shares.is_empty() {
            return 0.0;
        }
        let sum = |of: fn(f64) -> f64| -> f64 {
            shares.iter().map(|share| of(*share).max(NEVER).ln()).sum()
        };
        let freedom = 2.0 * shares.len() as f64;
        deviations(-2.0 * sum(|share| 1.0 - share), freedom)
            - deviations(-2.0 * sum(|share| share), freedom)
    }

    /// What is not 0, by slot, and the numbers of mails.
    pub(super) fn rows(&self) -> (Vec<(u32, [u32; 2])>, [u32; 2]) {
        let rows = (0_u32..).zip(self.seen.iter().copied());
        (
            rows.filter(|(_, seen)| *seen != [0; 2]).collect(),
            self.mails,
        )
    }

    /// Puts kept numbers in the place of what is there.
    pub(super) fn lay(&mut self, rows: &[(u32, [u32; 2])], mails: [u32; 2]) {
        self.seen.fill([0; 2]);
        self.mails = mails;
        for (slot, seen) in rows {
            if let Some(place) = self.seen.get_mut(*slot as usize) {
                *place = *seen;
            }
        }
    }
}

/// A value of the chi-squared distribution in standard deviations (Wilson and Hilferty).
fn deviations(value: f64, freedom: f64) -> f64 {
    let spread = 2.0 / (9.0 * freedom);
    ((value / freedom).cbrt() - (1.0 - spread)) / spread.sqrt()
}
