//! What the network says of a client and of the domains in a mail: DNS lists, reverse names.
//! Every zone is tried at its test points first, so that a dead or hijacked one lists nobody.

mod client;
mod health;
mod options;
mod zone;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout, timeout_at};

use health::Health;

use super::breaker::Breaker;
use super::gap;
use super::measure::registered;
use crate::mail::{Direction, Domain, Envelope};
use crate::net::dns::Dns;
use crate::net::network::is_public;
use crate::policy::Finding;

pub use options::Options;
pub use zone::{Kind, ListZone, ListZoneError};

/// The names of these checks, where one could not run.
pub(super) const NAMES: [&str; 2] = [DNSBL, client::NAME];
const DNSBL: &str = "DNSBL";
/// Domains of one mail that are asked about.
const DOMAINS_MOST: usize = 20;
/// Octets of a name that is asked about: of 255 some are the list's own.
const NAME_MOST: usize = 180;
const LATE: &str = "it did not finish in time";

/// A list with what is known of it.
struct Asked {
    zone: ListZone,
    health: Health,
    breaker: Breaker,
}

/// The checks that ask the network.
pub(super) struct Network {
    dns: Arc<Dns>,
    options: Options,
    zones: Vec<Arc<Asked>>,
}

impl Network {
    pub(super) fn new(options: &Options, dns: Arc<Dns>) -> Self {
        let zones = options.lists.iter().cloned();
        Self {
            dns,
            zones: zones
                .map(|zone| {
                    Arc::new(Asked {
                        zone,
                        health: Health::default(),
                        breaker: Breaker::default(),
                    })
                })
                .collect(),
            options: options.clone(),
        }
    }

    /// The names of the checks that say something of such an envelope.
    pub(super) fn asked(&self, envelope: &Envelope) -> impl Iterator<Item = &'static str> {
        let stranger = envelope.direction == Direction::Inbound
            && is_public(envelope.peer.address.to_canonical());
        let asked = |zone: &Arc<Asked>| stranger || zone.zone.kind == Kind::Domain;
        self.zones.iter().any(asked).then_some(DNSBL).into_iter()
    }

    /// What is known of the client. Our own users' mail and private addresses are not asked about.
    pub(super) async fn client(&self, envelope: &Envelope, deadline: Instant) -> Vec<Finding> {
        let client = envelope.peer.address.to_canonical();
        if envelope.direction == Direction::Outbound || !is_public(client) {
            return Vec::new();
        }
        let deadline = self.own(deadline);
        let (mut found, names) = tokio::join!(
            self.listed(
                Kind::Client,
                client,
                vec![Subject::client(client)],
                deadline
            ),
            client::check(&self.dns, envelope, &self.options, deadline),
        );
        found.extend(names);
        found
    }

    /// What is known of the domains of sender, authors and links. Those of our own users'
    /// mail are asked about too: that is how stolen accounts are seen.
    pub(super) async fn domains(
        &self,
        envelope: &Envelope,
        named: &[String],
        deadline: Instant,
    ) -> Vec<Finding> {
        if !self
            .zones
            .iter()
            .any(|asked| asked.zone.kind == Kind::Domain)
        {
            return Vec::new();
        }
        let deadline = self.own(deadline);
        let sender = envelope.from.iter().map(|from| from.domain().as_str());
        let all = sender.chain(named.iter().map(String::as_str));
        let names: BTreeSet<String> = all.filter_map(subject).take(DOMAINS_MOST).collect();
        let subjects = names.into_iter().map(Subject::domain).collect();
        self.listed(Kind::Domain, envelope.peer.address, subjects, deadline)
            .await
    }

    /// The end of our own time, if it comes before `deadline`.
    fn own(&self, deadline: Instant) -> Instant {
        deadline.min(Instant::now() + self.options.time.0)
    }

    /// Asks about the mail of the client `sender`.
    async fn listed(
        &self,
        kind: Kind,
        sender: IpAddr,
        subjects: Vec<Subject>,
        deadline: Instant,
    ) -> Vec<Finding> {
        let zones = self.zones.iter().filter(|asked| asked.zone.kind == kind);
        let asked = zones.map(|asked| {
            let subjects = &subjects;
            async move {
                let name = &asked.zone.zone;
                asked
                    .breaker
                    .allows()
                    .map_err(|why| format!("{name}: {why}"))?;
                let answer = timeout_at(deadline, self.at(asked, subjects)).await;
                let answer = answer.unwrap_or_else(|_| Err(format!("{name}: {LATE}")));
                if asked.breaker.note(name, sender, answer.as_ref().err()) {
                    self.try_out(asked.clone());
                }
                answer
            }
        });
        let mut found = Vec::new();
        for answer in join_all(asked).await {
            match answer {
                Ok(finding) => found.extend(finding),
                Err(why) => found.push(gap(DNSBL, why)),
            }
        }
        found
    }

    /// Asks a list for its test points, which no sender chooses, beside the mail that waits no longer.
    fn try_out(&self, asked: Arc<Asked>) {
        let (dns, time) = (self.dns.clone(), self.options.time.0);
        tokio::spawn(async move {
            let result = timeout(time, health::tried(&dns, &asked.zone)).await;
            let result = result.unwrap_or_else(|_| Err(LATE.to_owned()));
            asked.breaker.tried(&asked.zone.zone, result);
        });
    }

    /// What one zone says: at most one finding, for the heaviest listing.
    async fn at(
        &self,
        Asked { zone, health, .. }: &Asked,
        subjects: &[Subject],
    ) -> Result<Option<Finding>, String> {
        if subjects.is_empty() {
            return Ok(None);
        }
        health.tested(&self.dns, zone).await?;
        let asked = subjects.iter().map(|subject| async move {
            let answers = self.dns.ipv4(&subject.question(zone)).await?;
            Ok::<_, String>((subject, zone.weight(&answers)?, answers))
        });
        let (mut heaviest, mut lost): (Option<(f32, Finding)>, _) = (None, None);
        for answer in join_all(asked).await {
            let (subject, weight, answers) = match answer {
                Ok((subject, Some(weight), answers)) => (subject, weight, answers),
                Ok((_, None, _)) => continue,
                Err(why) => {
                    lost = Some(why);
                    continue;
                }
            };
            if heaviest
                .as_ref()
                .is_none_or(|(heavy, _)| weight.abs() > heavy.abs())
            {
                let codes: Vec<String> = answers.iter().map(ToString::to_string).collect();
                let what = &subject.shown;
                let reason = format!("{what} is listed at {} ({}).", zone.zone, codes.join(", "));
                heaviest = Some((weight, Finding::seen(zone.finding(), weight, reason)));
            }
        }
        match (heaviest, lost) {
            (None, Some(why)) => Err(why),
            // A listing is known, whatever was not answered beside it.
            (heaviest, _) => Ok(heaviest.map(|(_, finding)| finding)),
        }
    }
}

/// The registered domain of a host as it is asked about, if it is one. Senders choose these
/// names, and what is no name would fail like a list that is down.
fn subject(host: &str) -> Option<String> {
    if !host.contains('.') || host.parse::<IpAddr>().is_ok() {
        return None;
    }
    let domain: Domain = host.parse().ok()?;
    let name = registered(domain.as_str());
    (name.len() <= NAME_MOST && !name.starts_with('[')).then_some(name)
}

/// Somebody who may be listed.
struct Subject {
    shown: String,
    client: Option<IpAddr>,
}

impl Subject {
    fn client(address: IpAddr) -> Self {
        Self {
            shown: address.to_string(),
            client: Some(address),
        }
    }

    fn domain(name: String) -> Self {
        Self {
            shown: name,
            client: None,
        }
    }

    fn question(&self, zone: &ListZone) -> String {
        match self.client {
            Some(address) => zone.question_for(address),
            None => format!("{}.{}", self.shown, zone.zone),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{BodyType, Peer};
    use std::time::Duration;

    const ZONE: &str = "2.0.0.127.bl.test A 127.0.0.2\ntest.dbl.test A 127.0.1.2\n\
        9.2.0.198.bl.test A 127.0.0.4\n20.2.0.198.bl.test A 127.0.0.4\n\
        21.2.0.198.bl.test A 127.0.0.4\n22.2.0.198.bl.test A 127.0.0.4\n23.2.0.198.bl.test A 127.0.0.4\nbad.example.dbl.test A 127.0.1.2\n\
        odd.example.dbl.test A 127.0.1.5\n9.2.0.198.dead.test A 127.0.0.2\n\
        2.0.0.127.refusing.test A 127.0.0.2\n9.2.0.198.refusing.test A 127.255.255.254\n\
        2.0.0.127.wide.test A 127.0.0.2\n1.0.0.127.wide.test A 127.0.0.2\n\
        9.2.0.198.wide.test A 127.0.0.2\n2.0.0.127.lost.test FAIL\n";

    fn network(lists: &[&str]) -> Network {
        let options = Options {
            lists: lists.iter().map(|l| l.parse().expect("list")).collect(),
            client: false,
            sender_domain: false,
            ..Options::default()
        };
        Network::new(&options, Arc::new(Dns::fixed(ZONE).expect("zone")))
    }

    fn envelope(client: &str, from: &str) -> Envelope {
        Envelope {
            peer: Peer::new(client.parse().expect("address")),
            direction: Direction::Inbound,
            from: from.parse().ok(),
            to: Vec::new(),
            body: BodyType::SevenBit,
            smtputf8: false,
        }
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(5)
    }

    #[tokio::test]
    async fn a_listed_client_is_found_and_a_private_one_not_asked_about() {
        let network = network(&["bl.test client 127.0.0.2-9=3"]);
        let found = network
            .client(&envelope("198.0.2.9", "a@b.test"), soon())
            .await;
        let reason = "198.0.2.9 is listed at bl.test (127.0.0.4).";
        assert_eq!(found, [Finding::seen("DNSBL_BL_TEST", 3.0, reason)]);
        for clean in ["198.0.2.8", "127.0.0.2", "10.0.0.1", "fe80::1"] {
            let found = network.client(&envelope(clean, "a@b.test"), soon()).await;
            assert_eq!(found, [], "{clean}");
        }
    }

    #[tokio::test]
    async fn xx06_a_dead_hijacked_or_refusing_list_lists_nobody() {
        for list in ["dead.test", "wide.test", "refusing.test", "lost.test"] {
            let network = network(&[&format!("{list} client *=3")]);
            let found = network
                .client(&envelope("198.0.2.9", "a@b.test"), soon())
                .await;
            assert!(
                matches!(&found[..], [Finding::Unavailable { name, why, .. }]
                    if name == DNSBL && why.contains(list)),
                "{list}: {found:?}"
            );
        }
    }

    #[tokio::test]
    async fn xx06_a_list_that_fails_again_and_again_rests() {
        let network = network(&["lost.test client *=3", "bl.test client *=3"]);
        for round in 0..4 {
            let found = network
                .client(
                    &envelope(&format!("198.0.2.{}", 20 + round), "a@b.test"),
                    soon(),
                )
                .await;
            let rests = found[0].reason().contains("it rests after failures");
            assert_eq!(rests, round == 3, "{found:?}");
            assert_eq!(found[1].name(), "DNSBL_BL_TEST", "the others go on");
        }
    }

    #[tokio::test]
    async fn xx06_a_list_that_fails_by_itself_rests_behind_a_single_relay() {
        let network = network(&["lost.test client *=3", "bl.test client *=3"]);
        let relay = envelope("198.0.2.20", "a@b.test");
        let resting = async || {
            let found = network.client(&relay, soon()).await;
            assert_eq!(found[1].name(), "DNSBL_BL_TEST", "the others go on");
            found[0].reason().contains("it rests after failures")
        };
        for _before_the_trial in 0..3 {
            assert!(!resting().await);
        }
        // The trial is a task of its own.
        for _turn in 0..1000 {
            if resting().await {
                return;
            }
            tokio::task::yield_now().await;
        }
        panic!("it never rests");
    }

    /// The names that a sender makes up fail, and the list does not.
    #[tokio::test]
    async fn xx06_one_client_cannot_put_a_list_to_rest() {
        let zone = "test.dbl.test A 127.0.1.2\nhard.example.dbl.test FAIL\n";
        let mut network = network(&["dbl.test domain *=3"]);
        network.dns = Arc::new(Dns::fixed(zone).expect("zone"));
        let hostile = envelope("198.0.2.20", "a@hard.example");
        for _time in 0..50 {
            let found = network.domains(&hostile, &[], soon()).await;
            assert!(!found[0].reason().contains("rests"), "{found:?}");
            for _turn in 0..5 {
                tokio::task::yield_now().await;
            }
        }
    }

    #[tokio::test]
    async fn domains_of_sender_and_links_are_asked_about_once() {
        let network = network(&["dbl.test domain 127.0.1.2-99=4 127.0.1.5=1"]);
        let named = ["www.odd.example", "x.bad.example", "192.0.2.1", "plain"].map(str::to_owned);
        let found = network
            .domains(&envelope("198.0.2.9", "a@good.example"), &named, soon())
            .await;
        let reason = "bad.example is listed at dbl.test (127.0.1.2).";
        assert_eq!(found, [Finding::seen("DNSBL_DBL_TEST", 4.0, reason)]);
        let long = format!("{}.example", "x".repeat(64));
        let named = [long.clone(), format!("a..{long}"), named[1].clone()];
        let found = network
            .domains(&envelope("198.0.2.9", "a@good.example"), &named, soon())
            .await;
        assert_eq!(
            found,
            [Finding::seen("DNSBL_DBL_TEST", 4.0, reason)],
            "what is no name"
        );
        let off = Network::new(&network.options, Arc::new(Dns::off("no DNS")));
        let found = off
            .domains(&envelope("198.0.2.9", "a@b.test"), &named, soon())
            .await;
        assert!(matches!(&found[..], [Finding::Unavailable { .. }]));
    }
}
