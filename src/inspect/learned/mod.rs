//! The learner: what people said of mail, and what that says of other mail.

mod explain;
mod features;
mod model;
mod teach;
mod text;
mod vector;

use parking_lot::RwLock;

use crate::inspect::content::Content;
use crate::policy::{Finding, Scope};
use crate::record::Lore;

use model::Model;
pub use vector::Vector;

/// The learner. Its memory is bounded: 4 MB for all, and about 40 MB for the layers of domains
/// and users together.
pub struct Learner {
    model: RwLock<Model>,
}

impl Learner {
    /// A learner that forgets all at its end.
    #[must_use]
    pub fn in_memory() -> Self {
        Self {
            model: RwLock::new(Model::new()),
        }
    }

    /// True if it was taught nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.model.read().is_empty()
    }

    /// Learns mails for everybody, in this order and several times.
    pub fn train(&self, mails: &[(Lore, Vector)]) {
        let mut model = self.model.write();
        for pass in 0..teach::PASSES {
            for (lore, vector) in mails {
                let says = model
                    .layer(&Scope::Global)
                    .map_or(0.0, |layer| layer.raw(vector));
                model.add(&Scope::Global, vector, teach::in_bulk(says, *lore));
                if pass == 0 {
                    model.count(&Scope::Global, *lore, 1);
                }
            }
        }
    }

    /// What it says of a mail; `None` if it was taught nothing.
    pub(super) fn finding(&self, content: &Content<'_>, scopes: &[Scope]) -> Option<Finding> {
        let model = self.model.read();
        if model.is_empty() {
            return None;
        }
        let vector = features::features(content);
        let logit = model.says(scopes, &vector)?;
        explain::finding(logit, &explain::telling(&model, scopes, content, logit))
    }
}

pub(super) fn vector(content: &Content<'_>) -> Vector {
    features::features(content)
}
