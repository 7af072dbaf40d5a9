//! A message's octets: made once at the door, with CRLF line ends only (RFC 5321 section 2.3.8).

use bytes::Bytes;

use super::budget::Share;

/// A CR or LF stands alone in the message: it is refused, because such octets
/// are read as different messages by different servers (SMTP smuggling).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("bare carriage return or line feed in the message")]
pub struct BareLineEnd;

/// A message (RFC 5322) as it was received after un-stuffing, without the final dot.
/// Every line ends in CRLF, the last one too. Its octets are counted in the
/// budget of all mail in flight for as long as it lives.
#[derive(Debug)]
pub struct Message {
    bytes: Bytes,
    /// Kept for its Drop, which gives the octets back.
    _share: Option<Share>,
}

impl Message {
    /// Takes the octets of a received message and the share of the budget that covers them.
    ///
    /// A last line without CRLF (possible with BDAT) is completed.
    ///
    /// # Errors
    /// [`BareLineEnd`] if a CR is not followed by LF, or an LF not preceded by CR.
    pub fn new(octets: impl Into<Bytes>, share: Option<Share>) -> Result<Self, BareLineEnd> {
        let mut bytes: Bytes = octets.into();
        if has_bare_line_end(&bytes) {
            return Err(BareLineEnd);
        }
        if !bytes.is_empty() && !bytes.ends_with(b"\r\n") {
            let mut whole = Vec::with_capacity(bytes.len() + 2);
            whole.extend_from_slice(&bytes);
            whole.extend_from_slice(b"\r\n");
            bytes = whole.into();
        }
        Ok(Self {
            bytes,
            _share: share,
        })
    }

    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Size in octets.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The header section with the CRLF of its last field, without the empty line.
    #[must_use]
    pub fn header(&self) -> &[u8] {
        &self.bytes[..super::headers::header_end(&self.bytes)]
    }
}

fn has_bare_line_end(octets: &[u8]) -> bool {
    // Every LF must follow a CR; if there are as many CRs, none of them stands alone.
    let mut lines = 0;
    for at in memchr::memchr_iter(b'\n', octets) {
        if at == 0 || octets[at - 1] != b'\r' {
            return true;
        }
        lines += 1;
    }
    memchr::memchr_iter(b'\r', octets).count() != lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_line_ends_are_refused_anywhere() {
        for octets in [
            "\n", "\r", "a\nb", "a\rb\r\n", "a\r\r\n", "a\r\n\n", "a\n\r", "\r\n\r",
        ] {
            assert!(Message::new(octets, None).is_err(), "{octets:?} was taken");
        }
        for octets in ["", "\r\n", "a\r\n\r\nb\r\n"] {
            assert!(Message::new(octets, None).is_ok(), "{octets:?} was refused");
        }
    }

    #[test]
    fn a_last_line_is_completed() {
        assert_eq!(
            Message::new("a", None).expect("message").bytes().as_ref(),
            b"a\r\n"
        );
    }
}
