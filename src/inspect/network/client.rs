//! The client's reverse name and the sender's domain: do they exist, and lead back?

use std::net::IpAddr;

use tokio::time::{Instant, timeout_at};

use super::{LATE, Options};
use crate::inspect::gap;
use crate::mail::Envelope;
use crate::net::dns::{Dns, NoExchange};
use crate::policy::Finding;

/// The name of this check, where it could not run.
pub(super) const NAME: &str = "RDNS";
const NONE: f32 = 1.2;
const MISMATCH: f32 = 0.6;
const GENERIC: f32 = 0.8;
const NO_DOMAIN: f32 = 2.5;
/// Names of one address that are looked up.
const NAMES_MOST: usize = 5;

pub(super) async fn check(
    dns: &Dns,
    envelope: &Envelope,
    options: &Options,
    deadline: Instant,
) -> Vec<Finding> {
    let client = async {
        if options.client {
            reverse(dns, envelope.peer.address.to_canonical()).await
        } else {
            Ok(None)
        }
    };
    let sender = async {
        match &envelope.from {
            Some(from) if options.sender_domain => sender(dns, from.domain().as_str()).await,
            _ => Ok(None),
        }
    };
    let (client, sender) = tokio::join!(timeout_at(deadline, client), timeout_at(deadline, sender));
    [client, sender]
        .into_iter()
        .filter_map(|said| match said {
            Ok(Ok(finding)) => finding,
            Ok(Err(why)) => Some(gap(NAME, why)),
            Err(_) => Some(gap(NAME, LATE)),
        })
        .collect()
}

/// Forward-confirmed reverse DNS.
async fn reverse(dns: &Dns, client: IpAddr) -> Result<Option<Finding>, String> {
    let names = dns.names(client).await?;
    if names.is_empty() {
        let reason = format!("The client {client} has no name.");
        return Ok(Some(Finding::seen("RDNS_NONE", NONE, reason)));
    }
    for name in names.iter().take(NAMES_MOST) {
        let back = match client {
            IpAddr::V4(v4) => dns.ipv4(name).await?.contains(&v4),
            IpAddr::V6(v6) => dns.ipv6(name).await?.contains(&v6),
        };
        if back {
            let generic = is_generic(name, client).then(|| {
                let reason = format!("The client's name {name} is made of its address.");
                Finding::seen("RDNS_GENERIC", GENERIC, reason)
            });
            return Ok(generic);
        }
    }
    let name = names.first().map_or("", String::as_str);
    let reason = format!("The client's name {name} does not lead back to {client}.");
    Ok(Some(Finding::seen("RDNS_MISMATCH", MISMATCH, reason)))
}

/// Names that providers give to their customers' lines hold the address.
fn is_generic(name: &str, client: IpAddr) -> bool {
    let IpAddr::V4(v4) = client else {
        return false;
    };
    let numbers: Vec<u64> = name
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect();
    let octets = v4.octets().map(u64::from);
    let reversed = [octets[3], octets[2], octets[1], octets[0]];
    let holds = |wanted: &[u64]| numbers.windows(wanted.len()).any(|part| part == wanted);
    holds(&octets[1..]) || holds(&reversed[..3]) || holds(&octets[..3])
}

/// A domain that takes no mail cannot be answered to (RFC 5321 section 5.1).
async fn sender(dns: &Dns, domain: &str) -> Result<Option<Finding>, String> {
    let no = |why: &str| {
        let reason = format!("The sender's domain {domain} {why}.");
        Ok(Some(Finding::seen("SENDER_DOMAIN_NONE", NO_DOMAIN, reason)))
    };
    match dns.exchanges(domain).await {
        Ok(_) => Ok(None),
        Err(NoExchange::TakesNoMail) => no("takes no mail (null MX)"),
        Err(NoExchange::NoDomain) => no("does not exist"),
        Err(NoExchange::Unknown(why)) => Err(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn reverse_names_lead_back_or_not() {
        let dns = Dns::fixed(
            "198.0.2.1 PTR mail.good.test\nmail.good.test A 198.0.2.1\n\
             198.0.2.2 PTR mail.good.test\n198.0.2.3 PTR host-198-0-2-3.isp.test\n\
             host-198-0-2-3.isp.test A 198.0.2.3\n2001:db8::1 PTR six.test\nsix.test AAAA 2001:db8::1\n\
             198.0.2.4 PTR lost.test\nlost.test FAIL\n",
        )
        .expect("zone");
        for (client, want) in [
            ("198.0.2.1", None),
            ("198.0.2.2", Some("RDNS_MISMATCH")),
            ("198.0.2.3", Some("RDNS_GENERIC")),
            ("198.0.2.9", Some("RDNS_NONE")),
            ("2001:db8::1", None),
        ] {
            let found = reverse(&dns, client.parse().expect("address")).await;
            let name = found.expect("answers").map(|f| f.name().to_owned());
            assert_eq!(name.as_deref(), want, "{client}");
        }
        let lost = reverse(&dns, "198.0.2.4".parse().expect("address")).await;
        assert!(lost.is_err());
    }

    #[tokio::test]
    async fn a_sender_who_cannot_be_answered_is_found() {
        let dns =
            Dns::fixed("a.test MX mx.a.test\nb.test A 192.0.2.1\nc.test MX .\n").expect("zone");
        for (domain, known) in [
            ("a.test", true),
            ("b.test", true),
            ("c.test", false),
            ("d.test", false),
        ] {
            let found = sender(&dns, domain).await.expect("answers");
            assert_eq!(found.is_none(), known, "{domain}");
        }
    }

    #[test]
    fn names_made_of_the_address() {
        let client = "203.0.113.77".parse().expect("address");
        for (name, generic) in [
            ("77.113.0.203.dyn.isp.test", true),
            ("pool-203-0-113-77.isp.test", true),
            ("ip113-077.isp.test", false),
            ("mail77.example.org", false),
        ] {
            assert_eq!(is_generic(name, client), generic, "{name}");
        }
    }
}
