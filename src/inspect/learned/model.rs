//! The model: sums of whole numbers, one table for all and a sparse one for each domain and user.
//!
//! A lesson adds the same step to every slot of its mail, so that taking the step away again
//! leaves each weight as it would be without it, bit for bit, in whatever order that happens.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::policy::Scope;
use crate::record::Lore;

use super::counts::Counts;
use super::lesson::Base;
use super::vector::{SLOTS, Vector};

/// A step or a weight of 1.
pub(super) const UNIT: f64 = (1 << 20) as f64;
/// What a step adds to the weight that every mail has.
const COMMON: f64 = 0.05;
/// Lessons of each kind from which on a layer is trusted without reserve.
const ENOUGH: u32 = 20;
/// What a layer that knows one kind only must say at least before it is heard: two mails of one
/// language have about a quarter of their features in common, whatever they are.
const RESERVE: f64 = 2.5;
/// Slots that all sparse layers have together, and one of them: about 40 MB, and 4 MB.
const SPARSE_MOST: usize = 2_000_000;
const LAYER_MOST: usize = 200_000;

/// What a logit is worth in the score, near 0.
pub(super) const POINT: f64 = 1.25;
/// The logit beyond which more says little.
const BEND: f64 = 6.0;
/// The most that everybody's logits are worth in the score: alone, and beside the counts.
const ALONE_MOST: f64 = POINT * BEND;
const BESIDE_MOST: f64 = 4.8;
/// What a standard deviation of the counts is worth in the score.
const DEVIATION: f64 = 0.13;
/// The most that a domain's or a user's layer is worth in the score.
const NARROW_MOST: f64 = 15.0;

/// How far a lesson moves a layer, in [`UNIT`]s.
pub(super) type Step = i32;

/// A slot is spread evenly already.
#[derive(Debug, Default, Clone)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, octets: &[u8]) {
        for byte in octets {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }
    fn write_u32(&mut self, n: u32) {
        self.0 = u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// Weights by slot.
#[derive(Debug, Clone)]
enum Weights {
    Dense(Vec<i32>),
    Sparse(HashMap<u32, i32, BuildHasherDefault<Spread>>),
}

/// What one scope was taught.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    weights: Weights,
    common: i32,
    pub(super) spam: u32,
    pub(super) ham: u32,
}

impl Layer {
    fn dense() -> Self {
        Self {
            weights: Weights::Dense(vec![0; SLOTS]),
            common: 0,
            spam: 0,
            ham: 0,
        }
    }

    fn sparse() -> Self {
        Self {
            weights: Weights::Sparse(HashMap::default()),
            common: 0,
            spam: 0,
            ham: 0,
        }
    }

    /// How many slots it holds for itself.
    fn extent(&self) -> usize {
        match &self.weights {
            Weights::Dense(_) => 0,
            Weights::Sparse(weights) => weights.len(),
        }
    }

    pub(super) fn lessons(&self) -> u32 {
        self.spam + self.ham
    }

    /// What it says of a mail, in logits: above 0 for spam.
    pub(super) fn raw(&self, vector: &Vector) -> f64 {
        let mut sum = f64::from(self.common) * COMMON;
        for (factor, slots) in vector.groups() {
            let weights: i64 = match &self.weights {
                Weights::Dense(all) => slots
                    .iter()
                    .map(|slot| i64::from(all[*slot as usize]))
                    .sum(),
                Weights::Sparse(some) => slots
                    .iter()
                    .filter_map(|slot| some.get(slot))
                    .map(|weight| i64::from(*weight))
                    .sum(),
            };
            sum += weights as f64 * factor;
        }
        sum / UNIT
    }

    /// The same, with reserve as long as it was taught one kind of mail only.
    pub(super) fn says(&self, vector: &Vector) -> f64 {
        let raw = self.raw(vector);
        let known = f64::from(self.spam.min(self.ham).min(ENOUGH)) / f64::from(ENOUGH);
        raw.signum() * (raw.abs() - RESERVE * (1.0 - known)).max(0.0)
    }

    /// The weight of one slot, in logits for a mail that had nothing else in its group.
    pub(super) fn weight(&self, slot: u32) -> f64 {
        let weight = match &self.weights {
            Weights::Dense(all) => all.get(slot as usize).copied().unwrap_or_default(),
            Weights::Sparse(some) => some.get(&slot).copied().unwrap_or_default(),
        };
        f64::from(weight) / UNIT
    }

    /// Slots whose weight is not 0.
    fn slots(&self) -> Vec<(u32, i32)> {
        match &self.weights {
            Weights::Dense(all) => {
                let slots = (0_u32..).zip(all.iter().copied());
                slots.filter(|(_, weight)| *weight != 0).collect()
            }
            Weights::Sparse(some) => some.iter().map(|(slot, weight)| (*slot, *weight)).collect(),
        }
    }

    fn set(&mut self, slot: u32, weight: i32) {
        match &mut self.weights {
            Weights::Dense(all) => {
                if let Some(place) = all.get_mut(slot as usize) {
                    *place = weight;
                }
            }
            Weights::Sparse(some) => {
                some.insert(slot, weight);
            }
        }
    }

    fn add(&mut self, vector: &Vector, step: Step) {
        self.common = self.common.wrapping_add(step);
        for (factor, slots) in vector.groups() {
            let each = (f64::from(step) * factor).round() as i32;
            match &mut self.weights {
                Weights::Dense(all) => {
                    for slot in slots {
                        let weight = &mut all[*slot as usize];
                        *weight = weight.wrapping_add(each);
                    }
                }
                Weights::Sparse(some) => {
                    for slot in slots {
                        let weight = some.entry(*slot).or_default();
                        *weight = weight.wrapping_add(each);
                        if *weight == 0 {
                            some.remove(slot);
                        }
                    }
                }
            }
        }
    }
}

/// All layers.
#[derive(Debug, Clone)]
pub(super) struct Model {
    global: Layer,
    /// Mail that was sorted for everybody.
    counts: Counts,
    narrow: HashMap<Scope, Layer>,
    /// Slots of all sparse layers.
    extent: usize,
}

impl Model {
    pub(super) fn new() -> Self {
        Self {
            global: Layer::dense(),
            counts: Counts::new(),
            narrow: HashMap::new(),
            extent: 0,
        }
    }

    pub(super) fn layer(&self, scope: &Scope) -> Option<&Layer> {
        match scope {
            Scope::Global => Some(&self.global),
            narrow => self.narrow.get(narrow),
        }
    }

    /// True if a lesson for `scope` fits.
    pub(super) fn has_room(&self, scope: &Scope, vector: &Vector) -> bool {
        let own = self.narrow.get(scope).map_or(0, Layer::extent);
        *scope == Scope::Global
            || own + vector.len() <= LAYER_MOST && self.extent + vector.len() <= SPARSE_MOST
    }

    /// True if this scope was taught something of its own.
    pub(super) fn knows(&self, scope: &Scope) -> bool {
        self.layer(scope).is_some_and(|layer| layer.lessons() > 0)
    }

    /// True if nothing was taught.
    pub(super) fn is_empty(&self) -> bool {
        self.global.lessons() == 0 && self.narrow.is_empty()
    }

    /// True if its sparse layers are more than lessons can make them.
    pub(super) fn is_too_large(&self) -> bool {
        self.extent > SPARSE_MOST
    }

    /// Adds a step to what a scope was taught; a step of 0 counts as a lesson that was known.
    pub(super) fn add(&mut self, scope: &Scope, vector: &Vector, step: Step) {
        let layer = match scope {
            Scope::Global => &mut self.global,
            narrow => self
                .narrow
                .entry(narrow.clone())
                .or_insert_with(Layer::sparse),
        };
        self.extent -= layer.extent();
        if step != 0 {
            layer.add(vector, step);
        }
        self.extent += layer.extent();
    }

    /// Counts a lesson in (`by` = 1) or out (-1). A layer without lessons is forgotten.
    pub(super) fn count(&mut self, scope: &Scope, lore: Lore, by: i32) {
        let layer = match scope {
            Scope::Global => &mut self.global,
            narrow => self
                .narrow
                .entry(narrow.clone())
                .or_insert_with(Layer::sparse),
        };
        let count = match lore {
            Lore::Spam => &mut layer.spam,
            Lore::Ham => &mut layer.ham,
        };
        *count = count.saturating_add_signed(by);
        if layer.lessons() == 0 && layer.extent() == 0 && layer.common == 0 {
            self.narrow.remove(scope);
        }
    }

    /// Counts a mail that was sorted for everybody in (`by` = 1) or out (-1).
    pub(super) fn sort(&mut self, vector: &Vector, lore: Lore, by: i32) {
        self.counts.add(vector, lore, by);
    }

    /// What these scopes say of a mail together, as a weight in the score; `None` if none was
    /// taught. What everybody was taught has its bounds; what a domain or a user taught goes further, so
    /// that it can hold against the rest.
    pub(super) fn says(&self, scopes: &[Scope], vector: &Vector) -> Option<f64> {
        let taught = scopes
            .iter()
            .filter_map(|scope| Some((scope, self.layer(scope)?)));
        let each = taught
            .filter(|(_, layer)| layer.lessons() > 0)
            .map(|(scope, layer)| {
                let logit = layer.says(vector);
                if *scope != Scope::Global {
                    return (logit * POINT).clamp(-NARROW_MOST, NARROW_MOST);
                }
                let known = f64::from(self.counts.known().min(ENOUGH)) / f64::from(ENOUGH);
                let bound = ALONE_MOST + (BESIDE_MOST - ALONE_MOST) * known;
                let counted = if known > 0.0 {
                    known * DEVIATION * self.counts.says(vector)
                } else {
                    0.0
                };
                bound * (logit / BEND).tanh() + counted
            });
        each.reduce(|a, b| a + b)
    }

    /// Every layer as it is kept; the last numbers go with each.
    pub(super) fn bases(&self, number: u64, stored: u64) -> Vec<Base> {
        let global = (Scope::Global, &self.global);
        let narrow = self
            .narrow
            .iter()
            .map(|(scope, layer)| (scope.clone(), layer));
        let mut bases: Vec<Base> = std::iter::once(global)
            .chain(narrow)
            .map(|(scope, layer)| Base {
                seen: Vec::new(),
                mails: [0; 2],
                scope: Some(scope),
                common: layer.common,
                spam: layer.spam,
                ham: layer.ham,
                slots: layer.slots(),
                number,
                stored,
            })
            .collect();
        // Everybody's is the first.
        if let Some(first) = bases.first_mut() {
            (first.seen, first.mails) = self.counts.rows();
        }
        bases
    }

    /// Puts a layer that was kept in place of what is there.
    pub(super) fn lay(&mut self, base: Base) {
        let Some(scope) = base.scope else {
            return;
        };
        let mut layer = if scope == Scope::Global {
            Layer::dense()
        } else {
            Layer::sparse()
        };
        (layer.common, layer.spam, layer.ham) = (base.common, base.spam, base.ham);
        for (slot, weight) in base.slots {
            layer.set(slot, weight);
        }
        if scope == Scope::Global {
            self.counts.lay(&base.seen, base.mails);
            self.global = layer;
        } else {
            self.extent += layer.extent();
            if let Some(before) = self.narrow.insert(scope, layer) {
                self.extent -= before.extent();
            }
        }
    }
}
