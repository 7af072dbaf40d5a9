//! What watches over the house: alerts and their ways, notices, digests, the upkeep of lists.

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Rooms;
use crate::background::{Background, ListKeeping, Notices, Watch};
use crate::config::Config;
use crate::control::Control;
use crate::intake::ListUses;
use crate::net::listen::Closing;
use crate::net::tls_client::ClientTls;
use crate::notify::{Alert, Alerts, Hook, Runner, Ways, Webhook, WebhookRunner};

/// The other ends of the alerts, to be run.
pub(super) struct Telling {
    raised: mpsc::Receiver<Alert>,
    hook: Option<Runner>,
    webhook: Option<WebhookRunner>,
}

impl Rooms {
    /// The admin socket.
    pub(super) fn control(&self, config: &Config, alerts: &Alerts) -> Control {
        let overlap = config.reinsertion.token_lifetime.0;
        Control::new(self.desk.clone(), overlap)
            .teaching(self.learner.clone())
            .alerting(alerts.clone())
    }

    /// The alerts, and what must run so that they are told.
    ///
    /// # Errors
    /// What is wrong with the webhook.
    pub(super) fn alerts(&self, config: &Config) -> anyhow::Result<(Alerts, Telling)> {
        let options = &config.outbound;
        let hook = Hook::new(&options.alert_command, options.alert_time.0);
        let (hook, hook_runner) = hook.unzip();
        let tls = ClientTls::new(config.relay.ca_file.as_deref())?;
        let webhook = Webhook::open(&config.alerts, tls, self.clock.clone());
        let (webhook, webhook_runner) = webhook.map_err(anyhow::Error::msg)?.unzip();
        let ways = Ways {
            post: Some(self.post.clone()),
            webhook,
            hook,
        };
        let (options, clock) = (config.alerts.clone(), self.clock.clone());
        let (alerts, raised) = Alerts::new(options, ways, &self.hostname, clock);
        let telling = Telling {
            raised,
            hook: hook_runner,
            webhook: webhook_runner,
        };
        Ok((alerts, telling))
    }

    /// Starts the watch, the notices and the upkeep of lists.
    pub(super) fn watch(
        &self,
        config: &Config,
        (alerts, telling): (Alerts, Telling),
        (house, uses): (Background, ListUses),
        tasks: &mut JoinSet<()>,
        closing: &Closing,
    ) {
        if let Some(runner) = telling.hook {
            tasks.spawn(runner.run(closing.clone()));
        }
        if let Some(runner) = telling.webhook {
            tasks.spawn(runner.run(closing.clone()));
        }
        let watch = Watch {
            house: house.clone(),
            alerts,
            checks: Some(self.panel.health()),
            tls: Some(self.tls.clone()),
            data_dir: config.server.data_dir.clone(),
        };
        tasks.spawn(watch.run(telling.raised, closing.clone()));
        let lists = ListKeeping {
            house: house.clone(),
            uses,
            unused_days: config.outbound.correspondents_unused_days,
        };
        tasks.spawn(lists.run(closing.clone()));
        let copies = config.alerts.copy_reported;
        let notices = Notices::new(house, self.post.clone(), config.web.url.clone(), copies);
        tasks.spawn(notices.run(closing.clone()));
    }
}
