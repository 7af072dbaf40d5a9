//! Who takes mail for a domain: MX records, or the domain's own address (RFC 5321 section 5.1).

use super::Dns;

/// A host that takes mail; lower preferences are tried first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    pub preference: u16,
    /// Without a trailing dot.
    pub host: String,
}

/// Why nobody is known who takes mail for a domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoExchange {
    /// Null MX (RFC 7505).
    #[error("the domain takes no mail")]
    TakesNoMail,
    #[error("there is no such domain")]
    NoDomain,
    /// It may be known later.
    #[error("{0}")]
    Unknown(String),
}

impl Dns {
    /// The hosts that take mail for `domain`, the preferred first: its MX records; without
    /// any the domain itself, if it has an address.
    ///
    /// # Errors
    /// [`NoExchange`].
    pub async fn exchanges(&self, domain: &str) -> Result<Vec<Exchange>, NoExchange> {
        let resolver = self.resolver().await.map_err(NoExchange::Unknown)?;
        let records = resolver.mx_lookup(domain, Some(self.zone())).await;
        let records = self.said(records).map_err(NoExchange::Unknown)?;
        let mut hosts: Vec<Exchange> = Vec::new();
        for record in &records {
            for host in &record.exchanges {
                hosts.push(Exchange {
                    preference: record.preference,
                    host: host.trim_end_matches('.').to_owned(),
                });
            }
        }
        if hosts.iter().any(|exchange| exchange.host.is_empty()) {
            hosts.retain(|exchange| !exchange.host.is_empty());
            if hosts.is_empty() {
                return Err(NoExchange::TakesNoMail);
            }
        }
        if hosts.is_empty() {
            if !self.has_address(domain).await? {
                return Err(NoExchange::NoDomain);
            }
            hosts.push(Exchange {
                preference: 0,
                host: domain.to_owned(),
            });
        }
        hosts.sort_by_key(|exchange| exchange.preference);
        Ok(hosts)
    }

    /// Asked one after the other, not by `exists`: that takes any answer of a zone for a yes.
    async fn has_address(&self, domain: &str) -> Result<bool, NoExchange> {
        let found = self.ipv4(domain).await.map_err(NoExchange::Unknown)?;
        if !found.is_empty() {
            return Ok(true);
        }
        let found = self.ipv6(domain).await.map_err(NoExchange::Unknown)?;
        Ok(!found.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn se18_exchanges_come_by_preference_or_are_the_domain_itself() {
        let dns = Dns::fixed(
            "two.test MX 20 b.test\ntwo.test MX 10 a.test\nnull.test MX .\nbare.test A 192.0.2.1\n\
             six.test AAAA 2001:db8::1\n",
        )
        .expect("zone");
        let hosts = async |domain: &str| -> Result<Vec<String>, NoExchange> {
            let all = dns.exchanges(domain).await?;
            Ok(all.into_iter().map(|exchange| exchange.host).collect())
        };
        for (domain, want) in [
            ("two.test", Ok(vec!["a.test", "b.test"])),
            ("null.test", Err(NoExchange::TakesNoMail)),
            ("bare.test", Ok(vec!["bare.test"])),
            ("six.test", Ok(vec!["six.test"])),
            ("none.test", Err(NoExchange::NoDomain)),
        ] {
            let want = want.map(|hosts| hosts.into_iter().map(str::to_owned).collect());
            assert_eq!(hosts(domain).await, want, "{domain}");
        }
        let off = Dns::off("no DNS").exchanges("two.test").await;
        assert_eq!(off, Err(NoExchange::Unknown("no DNS".to_owned())));
    }
}
