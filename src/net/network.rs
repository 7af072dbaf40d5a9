//! An IP network as administrators write it: `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// A single address or a network with the length of its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    length: u8,
}

/// A text is not a network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not a network: write 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32")]
pub struct NetworkError(String);

impl Network {
    /// True if `client` is in the network; IPv4-mapped IPv6 addresses count as IPv4.
    #[must_use]
    pub fn holds(&self, client: IpAddr) -> bool {
        match (self.address, client.to_canonical()) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                let shift = 32 - u32::from(self.length);
                u64::from(a.to_bits()) >> shift == u64::from(b.to_bits()) >> shift
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                let mask = u128::MAX
                    .checked_shl(128 - u32::from(self.length))
                    .unwrap_or(0);
                a.to_bits() & mask == b.to_bits() & mask
            }
            _ => false,
        }
    }

    /// The first and the last address in it.
    #[must_use]
    pub fn ends(&self) -> (IpAddr, IpAddr) {
        match self.address {
            IpAddr::V4(v4) => {
                let low = u32::MAX.checked_shr(self.length.into()).unwrap_or(0);
                let first = v4.to_bits() & !low;
                (IpAddr::V4(first.into()), IpAddr::V4((first | low).into()))
            }
            IpAddr::V6(v6) => {
                let low = u128::MAX.checked_shr(self.length.into()).unwrap_or(0);
                let first = v6.to_bits() & !low;
                (IpAddr::V6(first.into()), IpAddr::V6((first | low).into()))
            }
        }
    }

    /// True if it holds every address there is of its kind.
    #[must_use]
    pub fn is_everywhere(&self) -> bool {
        self.length == 0
    }

    /// The network of this prefix length that holds `address`.
    #[must_use]
    pub fn around(address: IpAddr, ipv4: u8, ipv6: u8) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let length = ipv4.min(32);
                let mask = u32::MAX.checked_shl(32 - u32::from(length)).unwrap_or(0);
                Self {
                    address: IpAddr::V4((v4.to_bits() & mask).into()),
                    length,
                }
            }
            IpAddr::V6(v6) => {
                let length = ipv6.min(128);
                let mask = u128::MAX.checked_shl(128 - u32::from(length)).unwrap_or(0);
                Self {
                    address: IpAddr::V6((v6.to_bits() & mask).into()),
                    length,
                }
            }
        }
    }

    /// The network of `address` by which clients are counted: an IPv4 address
    /// alone, an IPv6 address with its whole /64.
    #[must_use]
    pub fn of_client(address: IpAddr) -> IpAddr {
        match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
            v4 => v4,
        }
    }
}

/// True for addresses of the internet: not private, local, or shared (RFC 6890).
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let shared = a == 100 && b & 0xc0 == 64;
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_broadcast()
                || shared
                || a == 0)
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local())
        }
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let fault = || NetworkError(text.chars().take(80).collect());
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| fault())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let length = match length {
            Some(length) => length.parse().map_err(|_| fault())?,
            None => most,
        };
        if length > most {
            return Err(fault());
        }
        Ok(Self { address, length })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

crate::serde_as_text!(Network);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_hold_their_addresses() {
        let table = [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("::/0", "2001:db8::1", true),
            ("::1", "::2", false),
        ];
        for (network, client, want) in table {
            let network: Network = network.parse().expect("network");
            assert_eq!(
                network.holds(client.parse().expect("address")),
                want,
                "{network} {client}"
            );
        }
        for bad in [
            "",
            "x",
            "192.0.2.0/33",
            "::/129",
            "192.0.2.0/",
            "192.0.2.0/-1",
        ] {
            assert!(bad.parse::<Network>().is_err(), "{bad:?}");
        }
    }
}
