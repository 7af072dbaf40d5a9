//! Inbound mail from the door to intake, and on by the carrier.

use std::sync::Arc;

use async_trait::async_trait;

use super::reception::{Reception, Refused};
use crate::intake::Intake;
use crate::mail::{Address, Envelope, Mail, Reply};
use crate::policy::{Answer, Replies};
use crate::relay::Carrier;

/// The reception of inbound mail.
pub struct Inbound {
    intake: Intake,
    carrier: Arc<dyn Carrier>,
}

impl Inbound {
    #[must_use]
    pub fn new(intake: Intake, carrier: Arc<dyn Carrier>) -> Self {
        Self { intake, carrier }
    }

    /// Writes a refusal into the log of all mail.
    async fn noted(
        &self,
        envelope: &Envelope,
        to: &Address,
        word: Result<(), Reply>,
    ) -> Result<(), Reply> {
        if let Err(reply) = &word {
            let to = std::slice::from_ref(to);
            self.intake
                .not_accepted(&envelope.peer, envelope.from.as_ref(), to, reply)
                .await;
        }
        word
    }
}

#[async_trait]
impl Reception for Inbound {
    async fn sender(&self, envelope: &Envelope, _size: Option<u64>) -> Result<(), Reply> {
        let admitted = self.intake.admit_client(envelope);
        if let Err(reply) = &admitted {
            self.intake
                .not_accepted(&envelope.peer, envelope.from.as_ref(), &[], reply)
                .await;
        }
        admitted
    }

    async fn recipient(&self, envelope: &Envelope, to: &Address) -> Result<(), Reply> {
        let admitted = self.intake.admit_recipient(to, envelope.smtputf8).await;
        self.noted(envelope, to, admitted).await
    }

    async fn together(&self, envelope: &Envelope, to: &Address) -> Result<(), Reply> {
        let word = self.intake.together(envelope, to).await;
        self.noted(envelope, to, word).await
    }

    async fn message(&self, mail: Mail, replies: Replies) -> Answer {
        self.intake.receive(mail, replies, &*self.carrier).await
    }

    async fn not_accepted(&self, refused: &Refused) {
        let from = refused.from.as_ref().and_then(Option::as_ref);
        self.intake
            .not_accepted(&refused.peer, from, &refused.to, &refused.reply)
            .await;
    }
}
