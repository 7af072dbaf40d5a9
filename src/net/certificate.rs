//! When a certificate ends (X.509, RFC 5280 section 4.1.2.5).

use x509_parser::parse_x509_certificate;

use crate::clock::Timestamp;

/// The end of validity of a certificate in DER; `None` if it cannot be read.
#[must_use]
pub fn ends(der: &[u8]) -> Option<Timestamp> {
    let (_, certificate) = parse_x509_certificate(der).ok()?;
    let seconds = certificate.validity().not_after.timestamp();
    // Before 1970 it has ended anyway.
    let seconds = u64::try_from(seconds).unwrap_or(0);
    Some(Timestamp(seconds.saturating_mul(1000)))
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
