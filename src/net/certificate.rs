//! When a certificate ends: the one thing that we read of it ourselves (X.509, RFC 5280 section 4.1).

use crate::clock::Timestamp;

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The end of validity of a certificate in DER; `None` if it cannot be read.
#[must_use]
pub fn ends(der: &[u8]) -> Option<Timestamp> {
    let (certificate, _) = element(der, SEQUENCE)?;
    let (mut rest, _) = element(certificate, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        rest = any(rest)?.2;
    }
    // Serial number, signature algorithm, issuer.
    for _ in 0..3 {
        rest = any(rest)?.2;
    }
    let (validity, _) = element(rest, SEQUENCE)?;
    let (_, _, after) = any(validity)?;
    let (tag, text, _) = any(after)?;
    time(tag, std::str::from_utf8(text).ok()?)
}

/// The content of the first element, which must have this tag, and what follows it.
fn element(der: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (found, content, rest) = any(der)?;
    (found == tag).then_some((content, rest))
}

/// Tag and content of the first element, and what follows it.
fn any(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = der.split_first()?;
    let (first, mut rest) = rest.split_first()?;
    let mut length = usize::from(*first);
    if length >= 0x80 {
        let octets = length - 0x80;
        if octets == 0 || octets > 4 {
            return None;
        }
        let (long, after) = rest.split_at_checked(octets)?;
        length = long.iter().fold(0, |sum, b| sum << 8 | usize::from(*b));
        rest = after;
    }
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ` (RFC 5280 section 4.1.2.5).
fn time(tag: u8, text: &str) -> Option<Timestamp> {
    let digits = text.strip_suffix('Z')?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let year: i16 = digits[..2].parse().ok()?;
            (
                if year < 50 { 2000 + year } else { 1900 + year },
                &digits[2..],
            )
        }
        (GENERALIZED_TIME, 14) => (digits[..4].parse().ok()?, &digits[4..]),
        _ => return None,
    };
    let part = |at: usize| rest[at..at + 2].parse::<i8>().ok();
    let date =
        jiff::civil::DateTime::new(year, part(0)?, part(2)?, part(4)?, part(6)?, part(8)?, 0);
    let zoned = date.ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    // Before 1970 it has ended anyway.
    let ms = u64::try_from(zoned.timestamp().as_millisecond()).unwrap_or(0);
    Some(Timestamp(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sy06_the_end_of_a_certificate_is_read() {
        let certificate = |year| {
            let mut params = rcgen::CertificateParams::new(vec!["mx.example.org".to_owned()])
                .expect("parameters");
            params.not_after = rcgen::date_time_ymd(year, 3, 4);
            let key = rcgen::KeyPair::generate().expect("key");
            params
                .self_signed(&key)
                .expect("certificate")
                .der()
                .to_vec()
        };
        for (year, want) in [
            (2031, "2031-03-04"),
            (2049, "2049-03-04"),
            (2061, "2061-03-04"),
        ] {
            let der = certificate(year);
            let end = ends(&der).expect("an end");
            assert_eq!(end.to_string(), format!("{want}T00:00:00Z"));
            for cut in 0..der.len().min(200) {
                // Whatever is missing, nothing breaks.
                let _ = ends(&der[..cut]);
            }
        }
        assert_eq!(ends(b"\x30\x84\xff\xff\xff\xff"), None);
    }
}
