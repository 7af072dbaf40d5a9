//! Mail on its way out: its listeners, its door, its way, and where what is released goes in again.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{Rooms, loopback_route};
use crate::background::Outgoing;
use crate::config::Config;
use crate::intake::Intake;
use crate::intake::outbound::Outbound;
use crate::mail::Direction;
use crate::net::listen::{Closing, bind};
use crate::notify::Alerts;
use crate::options::Span;
use crate::relay::Outward;
use crate::smtp;

/// The listeners of the outbound door; both kinds may be empty.
pub(super) struct Listeners {
    starttls: Vec<TcpListener>,
    tls: Vec<TcpListener>,
}

impl Listeners {
    pub(super) async fn bind(config: &Config) -> anyhow::Result<Self> {
        Ok(Self {
            starttls: bind(&config.outbound.listen).await?,
            tls: bind(&config.outbound.listen_tls).await?,
        })
    }

    /// Those with STARTTLS, and those with TLS.
    pub(super) fn addresses(&self) -> (Vec<SocketAddr>, Vec<SocketAddr>) {
        (
            super::addresses(&self.starttls),
            super::addresses(&self.tls),
        )
    }

    /// Lets clients in.
    pub(super) fn open(self, door: &smtp::Door, tasks: &mut JoinSet<()>, closing: &Closing) {
        for listener in self.starttls {
            tasks.spawn(door.clone().serve(listener, closing.clone()));
        }
        for listener in self.tls {
            tasks.spawn(door.clone().serve_tls(listener, closing.clone()));
        }
    }
}

/// The limits of the section smtp; but here nobody speaks for somebody else.
pub(super) fn door_options(options: &smtp::Options) -> smtp::Options {
    smtp::Options {
        proxy_protocol_from: Vec::new(),
        xclient_from: Vec::new(),
        // One sender, one policy: all recipients have the same reply but for their hosts' words.
        prdr: false,
        greet_pause: Span::seconds(0),
        ..options.clone()
    }
}

impl Rooms {
    fn outward(&self, config: &Config) -> Outward {
        let options = &config.outbound;
        Outward {
            smart_hosts: Arc::new(options.smart_hosts.clone()),
            dns: self.dns.clone(),
            hostname: self.hostname.clone(),
            port: options.mx_port,
            hosts: options.mx_hosts,
        }
    }

    /// The intake with all that mail needs on its way out.
    pub(super) fn sending(&self, config: &Config, intake: Intake, alerts: &Alerts) -> Intake {
        let (outward, alerts) = (self.outward(config), Some(alerts.clone()));
        intake.sending(Outbound::new(outward, config.outbound.clone(), alerts))
    }

    pub(super) fn outbound_door(&self, config: &Config, intake: Intake) -> smtp::Door {
        let listeners = [&config.outbound.listen, &config.outbound.listen_tls];
        let own = listeners.into_iter().flatten().map(SocketAddr::ip);
        let submission = smtp::Submission {
            intake,
            carrier: self.relay.clone(),
            login: self.login.clone(),
            destination: self.relay.clone(),
            options: config.outbound.clone(),
            own: own.map(|ip: IpAddr| ip.to_canonical()).collect(),
        };
        let setup = smtp::Setup {
            hostname: self.hostname.clone(),
            direction: Direction::Outbound,
            protocol: smtp::Protocol::Smtp,
            options: door_options(&config.smtp),
            tls: true,
            budget: self.budget.clone(),
            clock: self.clock.clone(),
        };
        let reception = Arc::new(smtp::Outbound::new(submission));
        smtp::Door::new(setup, Some(self.tls.clone()), reception)
    }

    /// For deliveries: `listening` are the listeners with STARTTLS.
    pub(super) fn outgoing(&self, config: &Config, listening: &[SocketAddr]) -> Outgoing {
        let options = &config.reinsertion;
        let reinsertion = if !options.outgoing_hosts.is_empty() {
            options.outgoing_hosts.clone()
        } else if listening.is_empty() && !config.milter.listen.is_empty() {
            // The relay in front asks us about its outgoing mail too.
            options.hosts.clone()
        } else {
            loopback_route(listening)
        };
        Outgoing {
            reinsertion: Arc::new(reinsertion),
            outward: self.outward(config),
        }
    }
}
