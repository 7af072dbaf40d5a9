//! Who is at the other end: the address behind listed proxies, and whether the way there is secret.

use std::net::{IpAddr, SocketAddr};

use axum::http::HeaderMap;

use super::Options;

/// One connection's other end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    pub(super) tls: bool,
}

/// The visitor's machine, as far as we can know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) address: IpAddr,
    /// The visitor's way to us is under TLS, ours or a listed proxy's.
    pub(super) tls: bool,
}

impl Client {
    /// What counts as one visitor: an address, of IPv6 a /64 network.
    pub(super) fn network(&self) -> String {
        match self.address {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("{:x}", address.to_bits() >> 64),
        }
    }

    /// The peer, or what a listed proxy says of its client. Of a chain in X-Forwarded-For the last
    /// address counts that is no listed proxy: everything left of it may be made up.
    pub(super) fn of(peer: Peer, headers: &HeaderMap, options: &Options) -> Self {
        let direct = Self {
            address: peer.address.ip().to_canonical(),
            tls: peer.tls,
        };
        let listed = |address: IpAddr| options.proxies.iter().any(|p| p.holds(address));
        if !listed(direct.address) {
            return direct;
        }
        let mut address = direct.address;
        // As octets: a client's own part may be no text, and hides nothing of what stands behind it.
        let chain = headers.get_all("x-forwarded-for").iter().rev();
        let hops = chain.flat_map(|value| value.as_bytes().rsplit(|octet| *octet == b','));
        for hop in hops {
            let hop = std::str::from_utf8(hop).unwrap_or_default();
            let Ok(hop) = hop.trim().parse::<IpAddr>() else {
                break;
            };
            address = hop.to_canonical();
            if !listed(address) {
                break;
            }
        }
        let proto = headers.get("x-forwarded-proto");
        Self {
            address,
            tls: peer.tls || proto.is_some_and(|value| value.as_bytes() == b"https"),
        }
    }

    /// True for this machine, whose plain HTTP nobody else can read.
    pub(super) fn is_here(&self) -> bool {
        self.address.is_loopback()
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn client(peer: &str, forwarded: &[&str]) -> String {
        let options = Options {
            proxies: vec!["10.0.0.0/8".parse().expect("network")],
            ..Options::default()
        };
        let mut headers = HeaderMap::new();
        for value in forwarded {
            let value = HeaderValue::from_bytes(value.as_bytes());
            headers.append("x-forwarded-for", value.expect("value"));
        }
        headers.insert("x-forwarded-proto", "https".parse().expect("value"));
        let address = SocketAddr::new(peer.parse().expect("address"), 9);
        let client = Client::of(
            Peer {
                address,
                tls: false,
            },
            &headers,
            &options,
        );
        format!("{} {}", client.address, client.tls)
    }

    #[test]
    fn only_listed_proxies_are_believed() {
        assert_eq!(client("192.0.2.1", &["203.0.113.9"]), "192.0.2.1 false");
        assert_eq!(client("10.0.0.1", &["203.0.113.9"]), "203.0.113.9 true");
        assert_eq!(
            client("10.0.0.1", &["6.6.6.6, 203.0.113.9"]),
            "203.0.113.9 true"
        );
        assert_eq!(
            client("10.0.0.1", &["6.6.6.6", "203.0.113.9, 10.0.0.2"]),
            "203.0.113.9 true"
        );
        assert_eq!(client("10.0.0.1", &["nonsense"]), "10.0.0.1 true");
        // Nobody hides behind the proxy by sending what is no text.
        assert_eq!(
            client("10.0.0.1", &["\u{e9}, 203.0.113.9"]),
            "203.0.113.9 true"
        );
    }
}
