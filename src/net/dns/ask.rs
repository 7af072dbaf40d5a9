//! Questions of the checks: addresses of a name, names of an address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mail_auth::{DnsError, Error, RecordSet};

use super::Dns;

impl Dns {
    /// The IPv4 addresses of `name`; none if it has none, or does not exist.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    pub async fn ipv4(&self, name: &str) -> Result<Vec<Ipv4Addr>, String> {
        let resolver = self.asked(name).await?;
        self.said(resolver.ipv4_lookup(name, Some(self.zone())).await)
    }

    /// The IPv6 addresses of `name`; none if it has none, or does not exist.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    pub async fn ipv6(&self, name: &str) -> Result<Vec<Ipv6Addr>, String> {
        let resolver = self.asked(name).await?;
        self.said(resolver.ipv6_lookup(name, Some(self.zone())).await)
    }

    /// The names of `address` (PTR), without trailing dots; none if it has none.
    ///
    /// # Errors
    /// Why there is no answer, in words.
    pub async fn names(&self, address: IpAddr) -> Result<Vec<String>, String> {
        let resolver = self.asked("").await?;
        let names = self.said(resolver.ptr_lookup(address, Some(self.zone())).await)?;
        Ok(names
            .iter()
            .map(|name| name.trim_end_matches('.').to_owned())
            .collect())
    }

    async fn asked(&self, name: &str) -> Result<&mail_auth::MessageAuthenticator, String> {
        if self.zone().is_lost(name) {
            return Err("no answer".to_owned());
        }
        self.resolver().await
    }

    pub(super) fn said<T: Clone>(
        &self,
        answer: Result<RecordSet<T>, Error>,
    ) -> Result<Vec<T>, String> {
        match answer {
            Ok(found) => Ok(found.rrset.to_vec()),
            Err(Error::Dns(DnsError::RecordNotFound(_))) => Ok(Vec::new()),
            Err(error) => {
                self.unanswered();
                Err(format!("the DNS gave no answer: {error}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_fixed_zone_answers_all_or_is_lost() {
        let zone =
            "a.test A 192.0.2.1\na.test AAAA 2001:db8::1\n192.0.2.1 PTR a.test\nlost.test FAIL\n";
        let dns = Dns::fixed(zone).expect("zone");
        let client: IpAddr = "192.0.2.1".parse().expect("address");
        assert_eq!(
            dns.ipv4("a.test").await,
            Ok(vec![Ipv4Addr::new(192, 0, 2, 1)])
        );
        assert_eq!(dns.ipv6("a.test").await.map(|found| found.len()), Ok(1));
        assert_eq!(dns.names(client).await, Ok(vec!["a.test".to_owned()]));
        assert_eq!(dns.ipv4("none.test").await, Ok(Vec::new()));
        assert!(dns.ipv4("lost.test").await.is_err());
        assert!(Dns::off("off").ipv4("a.test").await.is_err());
    }
}
