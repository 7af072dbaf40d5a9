//! Mail on its way out: who may send, from the door to intake (SE-18).

use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;

use super::auth::Credentials;
use super::holds;
use super::reception::{Reception, Refused};
use crate::accounts::{Login, LoginRefusal};
use crate::intake::Intake;
use crate::intake::outbound::{LoginBy, Options};
use crate::mail::{Address, Envelope, Mail, Peer, Reply};
use crate::policy::{Answer, Replies, Scope, not_now};
use crate::relay::{Carrier, SignIn};

/// What the door is called in the history.
const DOOR: &str = "submission";

/// What the reception of outbound mail is made of.
pub struct Submission {
    pub intake: Intake,
    pub carrier: Arc<dyn Carrier>,
    pub login: Login,
    /// Asks a destination's own AUTH.
    pub destination: Arc<dyn SignIn>,
    pub options: Options,
    /// Where the door listens: what comes from there, or from loopback, is ourselves.
    pub own: Vec<IpAddr>,
}

/// The reception of outbound mail.
pub struct Outbound(Submission);

/// Who may send something.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Client {
    Login(Scope),
    /// A mail server of ours.
    Relay,
    /// On this machine, without a login: it may hand in again what was released.
    Own,
}

impl Outbound {
    #[must_use]
    pub fn new(mut submission: Submission) -> Self {
        submission.intake = submission.intake.at(DOOR).outgoing();
        Self(submission)
    }

    fn client(&self, peer: &Peer) -> Option<Client> {
        if let Some(login) = &peer.login {
            return login.parse().ok().map(Client::Login);
        }
        if holds(&self.0.options.relay_from, peer.address) {
            return Some(Client::Relay);
        }
        self.is_own(peer).then_some(Client::Own)
    }

    fn is_own(&self, peer: &Peer) -> bool {
        let address = peer.address.to_canonical();
        address.is_loopback() || self.0.own.contains(&address)
    }

    async fn admit(&self, envelope: &Envelope) -> Result<(), Reply> {
        let (peer, from) = (&envelope.peer, envelope.from.as_ref());
        let options = &self.0.options;
        let any = match self.client(peer) {
            None => return Err(Reply::new(530, 7, 0, "Authentication required")),
            // All is asked at the end, of the token.
            Some(Client::Own) => return Ok(()),
            Some(Client::Relay) => options.any_sender,
            Some(Client::Login(scope)) => {
                if let Some(from) = from
                    && options.sender_must_match
                    && !scope.holds_address(from)
                {
                    let text = format!("<{from}> does not belong to your login");
                    return Err(Reply::new(553, 7, 1, text));
                }
                options.any_sender && !options.sender_must_match
            }
        };
        if let Some(from) = from
            && !any
            && !self.is_ours(from).await?
        {
            let text = format!("<{from}> is not in a domain of ours");
            return Err(Reply::new(553, 7, 1, text));
        }
        // What was released before its sender was locked may still go.
        if peer.login.is_none() && self.is_own(peer) {
            return Ok(());
        }
        self.0.intake.check_lock(peer, from).await
    }

    async fn is_ours(&self, from: &Address) -> Result<bool, Reply> {
        let served = self.0.intake.routes(from.domain()).await;
        let served = served.map_err(|error| {
            tracing::error!(%error, "the domains cannot be read");
            not_now("The sender cannot be checked now")
        })?;
        Ok(served.is_some())
    }

    /// True if the mail server of the login's domain takes the password.
    async fn ask_destination(&self, credentials: &Credentials) -> Result<bool, LoginRefusal> {
        let Ok(address) = credentials.name.parse::<Address>() else {
            return Ok(false);
        };
        let routes = self.0.intake.routes(address.domain()).await;
        let Some(routes) = routes.map_err(|_| LoginRefusal::Unavailable)? else {
            return Ok(false);
        };
        let (name, password) = (&credentials.name, &credentials.password);
        let asked = self.0.destination.sign_in(&routes, name, password).await;
        asked.map_err(|_| LoginRefusal::Unavailable)
    }

    async fn refused(&self, envelope: &Envelope, to: &[Address], reply: &Reply) {
        let (peer, from) = (&envelope.peer, envelope.from.as_ref());
        self.0.intake.not_accepted(peer, from, to, reply).await;
    }
}

#[async_trait]
impl Reception for Outbound {
    fn takes_logins(&self) -> bool {
        true
    }

    async fn login(&self, peer: &Peer, credentials: &Credentials) -> Result<(), Reply> {
        let Credentials { name, password } = credentials;
        let login = &self.0.login;
        let signed = match self.0.options.login {
            LoginBy::House => login.sign_in(name, password, peer.address, DOOR).await,
            LoginBy::Destination => {
                let check = self.ask_destination(credentials);
                login
                    .sign_in_elsewhere(name, peer.address, DOOR, check)
                    .await
            }
        };
        match signed {
            Ok(_) => Ok(()),
            Err(wrong @ LoginRefusal::Wrong) => Err(Reply::new(535, 7, 8, wrong.to_string())),
            Err(later) => Err(Reply::new(454, 7, 0, later.to_string())),
        }
    }

    async fn sender(&self, envelope: &Envelope, _size: Option<u64>) -> Result<(), Reply> {
        let admitted = self.admit(envelope).await;
        if let Err(reply) = &admitted {
            self.refused(envelope, &[], reply).await;
        }
        admitted
    }

    async fn recipient(&self, envelope: &Envelope, to: &Address) -> Result<(), Reply> {
        if self.client(&envelope.peer) == Some(Client::Own) {
            return Ok(());
        }
        let admitted = self.0.intake.admit_outgoing(to, envelope.smtputf8).await;
        if let Err(reply) = &admitted {
            self.refused(envelope, std::slice::from_ref(to), reply)
                .await;
        }
        admitted
    }

    async fn message(&self, mail: Mail, replies: Replies) -> Answer {
        let Submission {
            intake, carrier, ..
        } = &self.0;
        match self.client(&mail.envelope.peer) {
            Some(Client::Login(_) | Client::Relay) => {
                intake.receive(mail, replies, &**carrier).await
            }
            Some(Client::Own) | None => intake.receive_released(mail, replies, &**carrier).await,
        }
    }

    async fn not_accepted(&self, refused: &Refused) {
        let from = refused.from.as_ref().and_then(Option::as_ref);
        self.0
            .intake
            .not_accepted(&refused.peer, from, &refused.to, &refused.reply)
            .await;
    }
}
