//! The way out: which hosts take mail for a domain that is not ours.

use std::sync::Arc;

use crate::mail::{Domain, Reply};
use crate::net::dns::{Dns, Exchange, NoExchange};
use crate::net::network::is_public;
use crate::record::{Route, RouteTls};

/// Smart hosts, or the hosts that the DNS names. Cheap to clone.
#[derive(Clone)]
pub struct Outward {
    pub smart_hosts: Arc<Vec<Route>>,
    pub dns: Arc<Dns>,
    /// Our own name: an exchange that is ourselves would be a loop.
    pub hostname: String,
    /// The port of hosts that the DNS names: 25.
    pub port: u16,
    /// Hosts of one domain that are tried.
    pub hosts: usize,
}

impl Outward {
    /// The routes to `domain`.
    ///
    /// # Errors
    /// What the sender is told: 556 5.1.10 for a domain that takes no mail (RFC 7505),
    /// 550 5.1.2 for one that is not there or is an address within this network, 554 5.4.6 where the DNS sends it back to us,
    /// 451 4.4.3 where the DNS says nothing.
    pub async fn routes(&self, domain: &Domain) -> Result<Arc<Vec<Route>>, Reply> {
        if !self.smart_hosts.is_empty() {
            return Ok(self.smart_hosts.clone());
        }
        if let Some(literal) = literal(domain) {
            if literal.parse().is_ok_and(is_public) {
                return Ok(Arc::new(vec![self.route(literal, 0)]));
            }
            // A server in there may trust this machine more than it should trust our client.
            let text = format!("{domain}: mail for addresses within this network is not sent");
            return Err(Reply::new(550, 1, 2, text));
        }
        let exchanges = self.dns.exchanges(domain.as_str()).await;
        let exchanges = exchanges.map_err(|error| refusal(domain, &error))?;
        let count = exchanges.len();
        let exchanges = self.before_us(exchanges);
        if exchanges.is_empty() && count > 0 {
            let text = format!("{domain}: the DNS says that its mail is ours to take");
            return Err(Reply::new(554, 4, 6, text));
        }
        let routes = exchanges
            .iter()
            .take(self.hosts.max(1))
            .map(|exchange| self.route(&exchange.host, exchange.preference))
            .collect();
        Ok(Arc::new(routes))
    }

    /// Ourselves and all that are not preferred to us go (RFC 5321 section 5.1).
    fn before_us(&self, exchanges: Vec<Exchange>) -> Vec<Exchange> {
        let own = |exchange: &&Exchange| exchange.host.eq_ignore_ascii_case(&self.hostname);
        match exchanges.iter().find(own).map(|own| own.preference) {
            None => exchanges,
            Some(own) => exchanges
                .into_iter()
                .filter(|exchange| exchange.preference < own)
                .collect(),
        }
    }

    fn route(&self, host: &str, priority: u16) -> Route {
        Route {
            host: host.to_owned(),
            port: self.port,
            tls: RouteTls::Opportunistic,
            priority,
        }
    }
}

/// The address of an address literal.
fn literal(domain: &Domain) -> Option<&str> {
    let inner = domain.as_str().strip_prefix('[')?.strip_suffix(']')?;
    Some(inner.strip_prefix("ipv6:").unwrap_or(inner))
}

fn refusal(domain: &Domain, error: &NoExchange) -> Reply {
    let text = format!("{domain}: {error}");
    match error {
        NoExchange::TakesNoMail => Reply::new(556, 1, 10, text),
        NoExchange::NoDomain => Reply::new(550, 1, 2, text),
        NoExchange::Unknown(_) => Reply::new(451, 4, 3, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(outward: &Outward, domain: &str) -> String {
        match outward.routes(&domain.parse().expect("domain")).await {
            Ok(routes) => {
                let routes: Vec<String> = routes.iter().map(ToString::to_string).collect();
                routes.join(" ")
            }
            Err(reply) => format!("{} {}", reply.code, reply.enhanced.expect("code")),
        }
    }

    #[tokio::test]
    async fn se18_mail_goes_to_the_exchanges_and_never_back_to_us() {
        let zone = "two.test MX 20 b.test\ntwo.test MX 10 a.test\nmany.test MX 1 a.test\n\
            many.test MX 2 b.test\nmany.test MX 3 c.test\nnull.test MX .\nbare.test A 192.0.2.1\n\
            backup.test MX 10 a.test\nbackup.test MX 20 MX.Example.org\nbackup.test MX 30 c.test\n\
            ours.test MX 10 mx.example.org\nours.test MX 10 b.test\n";
        let mut outward = Outward {
            smart_hosts: Arc::default(),
            dns: Arc::new(Dns::fixed(zone).expect("zone")),
            hostname: "mx.example.org".to_owned(),
            port: 2525,
            hosts: 2,
        };
        for (domain, want) in [
            ("two.test", "a.test:2525 b.test:2525,priority=20"),
            ("many.test", "a.test:2525,priority=1 b.test:2525,priority=2"),
            ("bare.test", "bare.test:2525,priority=0"),
            ("backup.test", "a.test:2525"),
            ("ours.test", "554 5.4.6"),
            ("null.test", "556 5.1.10"),
            ("none.test", "550 5.1.2"),
            ("[192.0.2.7]", "192.0.2.7:2525,priority=0"),
            ("[IPv6:2001:db8::1]", "[2001:db8::1]:2525,priority=0"),
            ("[127.0.0.1]", "550 5.1.2"),
            ("[10.1.2.3]", "550 5.1.2"),
            ("[IPv6:::1]", "550 5.1.2"),
            ("[IPv6:::ffff:127.0.0.1]", "550 5.1.2"),
        ] {
            assert_eq!(ask(&outward, domain).await, want, "{domain}");
        }
        outward.dns = Arc::new(Dns::off("no DNS"));
        assert_eq!(ask(&outward, "two.test").await, "451 4.4.3");
        outward.smart_hosts = Arc::new(vec!["smart.test:587".parse().expect("route")]);
        assert_eq!(ask(&outward, "null.test").await, "smart.test:587");
    }
}
