//! What holds within a scope, and which wider scope says so (IW-09).

use super::settings::may_read;
use super::{Desk, Refusal};
use crate::policy::{Layer, Principal, Scope};

impl Desk {
    /// The layers that speak of `scope`, the widest first, its own last. What wider scopes set
    /// holds for `by`, too, and is no secret.
    ///
    /// # Errors
    /// [`Refusal::NotYours`], [`Refusal::NeedsRight`], [`Refusal::Failed`].
    pub async fn layers(
        &self,
        by: &Principal,
        scope: &Scope,
    ) -> Result<Vec<(Scope, Layer)>, Refusal> {
        may_read(by, scope)?;
        let chain = scope.with_wider();
        let mut layers = Vec::with_capacity(chain.len());
        for scope in chain {
            let layer = self.store.settings.layer(&scope).await?;
            layers.push((scope, layer.unwrap_or_default()));
        }
        Ok(layers)
    }
}
