//! A fixed zone: records written down, for tests and simulations.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;
use std::time::Instant;

use hickory_resolver::proto::op::ResponseCode;
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::resolver::ToFqdn;
use mail_auth::common::verify::DomainKey;
use mail_auth::dmarc::Dmarc;
use mail_auth::spf::Spf;
use mail_auth::{DnsError, DnssecStatus, Error, MX, RecordSet, ResolverCache, Txt};

/// A line of a zone cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "zone line {0}: write NAME TXT \"...\", NAME A address, NAME MX host, address PTR name or NAME FAIL"
)]
pub struct ZoneError(usize);

/// Records by name. A line is `NAME TYPE VALUE`: `example.org TXT "v=spf1 -all"`,
/// `mail.example.org A 192.0.2.1` (or AAAA), `example.org MX mail.example.org` (or `MX 20 host`),
/// `192.0.2.1 PTR mail.example.org`; `NAME FAIL` for a name whose TXT records cannot be
/// asked. In a fixed zone a name that is missing does not exist.
#[derive(Default)]
pub struct Zone {
    /// Not a fixed zone: whatever is asked, others must answer.
    fixed: bool,
    txt: HashMap<Box<str>, Txt>,
    ipv4: HashMap<Box<str>, Vec<Ipv4Addr>>,
    ipv6: HashMap<Box<str>, Vec<Ipv6Addr>>,
    mx: HashMap<Box<str>, Vec<MX>>,
    ptr: HashMap<IpAddr, Vec<Box<str>>>,
}

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(text: &str) -> Result<Self, ZoneError> {
        let mut zone = Zone {
            fixed: true,
            ..Zone::default()
        };
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if !line.is_empty() && !line.starts_with('#') {
                zone.add(line).ok_or(ZoneError(index + 1))?;
            }
        }
        Ok(zone)
    }
}

impl Zone {
    fn add(&mut self, line: &str) -> Option<()> {
        let (name, rest) = line.split_once(char::is_whitespace)?;
        let rest = rest.trim();
        let (kind, value) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let value = value.trim();
        let key: Box<str> = name.to_fqdn().into();
        match kind {
            "TXT" => {
                let strings: Vec<&str> = value.split('"').skip(1).step_by(2).collect();
                let record = txt(&key, strings.concat().as_bytes());
                self.txt.insert(key, record);
            }
            "FAIL" => {
                let lost = Error::Dns(DnsError::Resolver("no answer".to_owned()));
                self.txt.insert(key, Txt::Error(lost));
            }
            "A" => self.ipv4.entry(key).or_default().push(value.parse().ok()?),
            "AAAA" => self.ipv6.entry(key).or_default().push(value.parse().ok()?),
            "MX" => {
                let (preference, host) = match value.split_once(' ') {
                    Some((preference, host)) => (preference.parse().ok()?, host.trim()),
                    None => (10, value),
                };
                self.mx.entry(key).or_default().push(MX {
                    exchanges: Box::new([host.to_fqdn().into()]),
                    preference,
                });
            }
            "PTR" => {
                let names = self.ptr.entry(name.parse().ok()?).or_default();
                names.push(value.to_fqdn().into());
            }
            _ => return None,
        }
        Some(())
    }
}

/// A TXT record in the form that its name asks for.
fn txt(name: &str, record: &[u8]) -> Txt {
    if name.contains("._domainkey.") {
        DomainKey::parse(record).into()
    } else if name.starts_with("_dmarc.") {
        Dmarc::parse(record).into()
    } else {
        Spf::parse(record).into()
    }
}

fn records<T: Clone>(found: Option<&Vec<T>>) -> RecordSet<T> {
    RecordSet {
        rrset: found.cloned().unwrap_or_default().into(),
        dnssec_status: DnssecStatus::Indeterminate,
    }
}

/// What the authenticator asks before it asks the network; a fixed zone always knows.
macro_rules! answers {
    ($key:ty, $value:ty, $found:expr) => {
        impl ResolverCache<$key, $value> for Zone {
            fn get<Q>(&self, name: &Q) -> Option<$value>
            where
                $key: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                let found: fn(&Zone, &Q) -> $value = $found;
                self.fixed.then(|| found(self, name))
            }

            fn remove<Q>(&self, _: &Q) -> Option<$value>
            where
                $key: Borrow<Q>,
                Q: Hash + Eq + ?Sized,
            {
                None
            }

            fn insert(&self, _: $key, _: $value, _: Instant) {}
        }
    };
}

answers!(Box<str>, Txt, |zone, name| {
    let missing = || Txt::Error(Error::Dns(DnsError::RecordNotFound(ResponseCode::NXDomain)));
    zone.txt.get(name).cloned().unwrap_or_else(missing)
});
answers!(Box<str>, RecordSet<Ipv4Addr>, |zone, name| records(
    zone.ipv4.get(name)
));
answers!(Box<str>, RecordSet<Ipv6Addr>, |zone, name| records(
    zone.ipv6.get(name)
));
answers!(Box<str>, RecordSet<MX>, |zone, name| records(
    zone.mx.get(name)
));
answers!(IpAddr, RecordSet<Box<str>>, |zone, name| records(
    zone.ptr.get(name)
));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_line_is_named() {
        assert_eq!(
            "a TXT \"v=spf1 -all\"\n\nb WHAT x\n".parse::<Zone>().err(),
            Some(ZoneError(3))
        );
        assert_eq!("a A x".parse::<Zone>().err(), Some(ZoneError(1)));
        assert!("# words\na A 192.0.2.1\nb FAIL\n".parse::<Zone>().is_ok());
    }
}
