//! The PROXY protocol, versions 1 and 2, as a front relay speaks it before the dialogue.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest header of version 1, with its CRLF.
const V1_MOST: usize = 107;
/// Longest address block with its additions of version 2 that we read, in octets.
const V2_MOST: usize = 1024;
const V2_SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
const V2_HEAD: usize = 16;

/// The octets are not a header of the PROXY protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no valid PROXY protocol header")]
pub struct ProxyError;

/// A header, as far as it is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// More octets are needed; at most [`HEADER_MOST`] in all.
    Partial,
    /// The header took so many octets; `None`: the front relay speaks for itself.
    Whole(usize, Option<IpAddr>),
}

/// Longest header of both versions.
pub const HEADER_MOST: usize = V2_HEAD + V2_MOST;

/// Reads a header at the front of `octets`.
///
/// # Errors
/// [`ProxyError`] as soon as it cannot become a header any more.
pub fn parse(octets: &[u8]) -> Result<Header, ProxyError> {
    let v2_part = octets.len().min(V2_SIGNATURE.len());
    if octets[..v2_part] == V2_SIGNATURE[..v2_part] {
        return version_2(octets);
    }
    let v1_part = octets.len().min(6);
    if octets[..v1_part] != b"PROXY "[..v1_part] {
        return Err(ProxyError);
    }
    version_1(octets)
}

fn version_1(octets: &[u8]) -> Result<Header, ProxyError> {
    let window = &octets[..octets.len().min(V1_MOST)];
    let Some(end) = window.windows(2).position(|pair| pair == b"\r\n") else {
        return if octets.len() >= V1_MOST {
            Err(ProxyError)
        } else {
            Ok(Header::Partial)
        };
    };
    let line = std::str::from_utf8(&window[..end]).map_err(|_| ProxyError)?;
    let words: Vec<&str> = line.split(' ').collect();
    let source: Option<IpAddr> = match words.as_slice() {
        ["PROXY", "UNKNOWN", ..] => None,
        ["PROXY", kind @ ("TCP4" | "TCP6"), source, target, from, to] => {
            let source: IpAddr = source.parse().map_err(|_| ProxyError)?;
            let target: IpAddr = target.parse().map_err(|_| ProxyError)?;
            let right = source.is_ipv4() == (*kind == "TCP4")
                && source.is_ipv4() == target.is_ipv4()
                && from.parse::<u16>().is_ok()
                && to.parse::<u16>().is_ok();
            if !right {
                return Err(ProxyError);
            }
            Some(source)
        }
        _ => return Err(ProxyError),
    };
    Ok(Header::Whole(end + 2, source))
}

fn version_2(octets: &[u8]) -> Result<Header, ProxyError> {
    if octets.len() < V2_HEAD {
        return Ok(Header::Partial);
    }
    let (command, family) = (octets[12], octets[13]);
    let length = usize::from(u16::from_be_bytes([octets[14], octets[15]]));
    if length > V2_MOST {
        return Err(ProxyError);
    }
    let Some(block) = octets.get(V2_HEAD..V2_HEAD + length) else {
        return Ok(Header::Partial);
    };
    let source = match (command, family) {
        // LOCAL: a health check of the front relay itself.
        (0x20, _) => None,
        (0x21, 0x11) => {
            let part: [u8; 4] = block.get(..12).ok_or(ProxyError)?[..4]
                .try_into()
                .map_err(|_| ProxyError)?;
            Some(IpAddr::V4(Ipv4Addr::from(part)))
        }
        (0x21, 0x21) => {
            let part: [u8; 16] = block.get(..36).ok_or(ProxyError)?[..16]
                .try_into()
                .map_err(|_| ProxyError)?;
            Some(IpAddr::V6(Ipv6Addr::from(part)))
        }
        // AF_UNSPEC: the receiver is to use the address of the connection.
        (0x21, 0x00) => None,
        _ => return Err(ProxyError),
    };
    Ok(Header::Whole(V2_HEAD + length, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2(command: u8, family: u8, block: &[u8]) -> Vec<u8> {
        let length = u16::try_from(block.len()).expect("length").to_be_bytes();
        [&V2_SIGNATURE[..], &[command, family], &length, block].concat()
    }

    /// Parsed whole with octets behind it, and fed one octet at a time.
    fn read(header: &[u8]) -> Result<Option<IpAddr>, ProxyError> {
        for cut in 0..header.len() {
            match parse(&header[..cut]) {
                Ok(Header::Partial) => {}
                Ok(Header::Whole(..)) => panic!("whole too early at {cut}: {header:?}"),
                Err(error) => return Err(error),
            }
        }
        let more = [header, b"EHLO x\r\n"].concat();
        match parse(&more)? {
            Header::Whole(taken, source) if taken == header.len() => Ok(source),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_versions_name_the_client() {
        let v4: IpAddr = "192.0.2.7".parse().expect("address");
        let v6: IpAddr = "2001:db8::7".parse().expect("address");
        assert_eq!(
            read(b"PROXY TCP4 192.0.2.7 192.0.2.1 5 25\r\n"),
            Ok(Some(v4))
        );
        assert_eq!(read(b"PROXY TCP6 2001:db8::7 ::1 5 25\r\n"), Ok(Some(v6)));
        assert_eq!(read(b"PROXY UNKNOWN\r\n"), Ok(None));
        let block4 = [192, 0, 2, 7, 192, 0, 2, 1, 0, 5, 0, 25];
        assert_eq!(read(&v2(0x21, 0x11, &block4)), Ok(Some(v4)));
        let mut block6 = [0; 40];
        block6[..16].copy_from_slice(&[0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]);
        assert_eq!(read(&v2(0x21, 0x21, &block6)), Ok(Some(v6)));
        assert_eq!(read(&v2(0x20, 0, &[])), Ok(None));
    }

    #[test]
    fn anything_else_is_refused_early() {
        for bad in [
            &b"EHLO x\r\n"[..],
            b"PROXY TCP4 2001:db8::7 ::1 5 25\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 5\r\n",
            b"PROXY TCP4 192.0.2.7 192.0.2.1 5 70000\r\n",
            &v2(0x21, 0x11, &[1, 2, 3]),
            &v2(0x31, 0x11, &[0; 12]),
            &v2(0x21, 0x31, &[0; 216]),
            &v2(0x21, 0x11, &[0; V2_MOST + 1]),
            &[&b"PROXY "[..], &[b'x'; 200]].concat(),
        ] {
            assert_eq!(read(bad), Err(ProxyError), "{bad:?}");
        }
    }
}
