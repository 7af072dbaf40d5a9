//! Ids: a mail's, of its reverse path, octets and day; an entry's, of mail and owner.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest;

use super::{Address, Direction};

/// A text is not an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an id has 32 hexadecimal digits")]
pub struct IdError;

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_hex(text).map(Self)
            }
        }
        $crate::serde_as_text!($name);
    };
}

id_type!(
    /// Names a mail: 16 octets of SHA-256 over reverse path, octets and day, so that
    /// a client's retry on the same day is the same mail.
    MailId
);
id_type!(
    /// Names what one recipient has of a mail in the quarantine; of outgoing mail, what
    /// its sender has for one recipient.
    EntryId
);

/// Octets as hexadecimal digits, in lower case.
#[must_use]
pub fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn parse_hex(text: &str) -> Result<[u8; 16], IdError> {
    let mut id = [0; 16];
    if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(IdError);
    }
    for (i, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map_err(|_| IdError)?;
    }
    Ok(id)
}

fn first_half(hash: digest::Context) -> [u8; 16] {
    let mut id = [0; 16];
    id.copy_from_slice(&hash.finish().as_ref()[..16]);
    id
}

impl MailId {
    /// The id of a mail received on `day` (days since 1970-01-01 UTC).
    #[must_use]
    pub fn of(from: Option<&Address>, octets: &[u8], day: u64) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(from.map_or("", Address::key).as_bytes());
        hash.update(&[0]);
        hash.update(&day.to_be_bytes());
        hash.update(octets);
        Self(first_half(hash))
    }
}

impl EntryId {
    /// The id of the recipient `to`'s entry for an inbound `mail`.
    #[must_use]
    pub fn of(mail: MailId, to: &Address) -> Self {
        Self::going(Direction::Inbound, mail, to)
    }

    /// The id of the entry for `mail` to `to`. The same mail may come in and go out: these
    /// are two entries.
    #[must_use]
    pub fn going(direction: Direction, mail: MailId, to: &Address) -> Self {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(&mail.0);
        if direction == Direction::Outbound {
            // No address begins with NUL.
            hash.update(b"\0outgoing\0");
        }
        hash.update(to.key().as_bytes());
        Self(first_half(hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_text_and_tell_owners_apart() {
        let mail = MailId::of(None, b"x", 1);
        assert_eq!(mail.to_string().parse(), Ok(mail));
        assert_ne!(mail, MailId::of(None, b"x", 2));
        let owner = |t: &str| t.parse::<Address>().expect("address");
        assert_ne!(
            EntryId::of(mail, &owner("a@x.org")),
            EntryId::of(mail, &owner("b@x.org"))
        );
        let to = owner("a@x.org");
        assert_ne!(
            EntryId::of(mail, &to),
            EntryId::going(Direction::Outbound, mail, &to),
            "XX-01: what came in and what goes out are two entries"
        );
        assert!("zz".parse::<MailId>().is_err());
        assert!("é".repeat(16).parse::<MailId>().is_err());
        assert!("+1".repeat(16).parse::<MailId>().is_err());
    }
}
