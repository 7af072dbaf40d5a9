//! What is asked of the alerts at the admin socket.

use serde_json::{Value, json};

use super::{Control, Request, value};
use crate::actions::Refusal;
use crate::notify::Alerts;
use crate::policy::Principal;

impl Control {
    /// With the alerts.
    #[must_use]
    pub fn alerting(mut self, alerts: Alerts) -> Self {
        self.alerts = Some(alerts);
        self
    }

    pub(super) async fn ask_alerts(
        &self,
        by: &Principal,
        request: Request,
    ) -> Result<Value, Refusal> {
        let Some(alerts) = &self.alerts else {
            return Err(Refusal::Bad("there are no alerts here".into()));
        };
        if matches!(request, Request::AlertList) {
            return value(&alerts.open());
        }
        let ways = alerts.test(&by.who).await.map_err(Refusal::Bad)?;
        let each = ways.into_iter();
        Ok(each
            .map(|(way, came)| json!({ "way": way, "failed": came.err() }))
            .collect())
    }
}
