//! The keys with which a domain seals mail that we changed (RFC 8617).

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::mail::Domain;

/// Shortest RSA key, in octets of its modulus (RFC 8301 section 3.2: 2048 bits).
const MODULUS_LEAST: usize = 256;
/// Longest selector, in octets.
const SELECTOR_LONGEST: usize = 100;

/// How a key signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// Known to every verifier.
    Rsa,
    /// RFC 8463; many verifiers do not know it yet.
    Ed25519,
}

/// Where in the DNS a key is published, below `_domainkey` of its domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector(String);

crate::serde_as_text!(Selector);

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Selector {
    type Err = String;

    /// Labels of letters, digits and inner hyphens (RFC 6376 section 3.1).
    fn from_str(text: &str) -> Result<Self, String> {
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if text.len() <= SELECTOR_LONGEST && text.split('.').all(label) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err("a selector has letters, digits and hyphens, such as s2026".to_owned())
        }
    }
}

/// A private key of a domain. Its Debug shows no secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct SealingKey {
    pub domain: Domain,
    pub selector: Selector,
    pub algorithm: Algorithm,
    pub made: Timestamp,
    /// PKCS #8 in DER, in base64.
    secret: String,
}

impl fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKey")
            .field("domain", &self.domain)
            .field("selector", &self.selector)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// A key cannot be made, read or used; says why, without anything of the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct KeyFault(&'static str);

const NOT_MADE: KeyFault = KeyFault("the key cannot be made");
const NOT_USABLE: KeyFault = KeyFault("the kept key cannot be used");
const NOT_PEM: KeyFault =
    KeyFault("the file holds no private key in PEM, as `openssl genpkey -algorithm RSA` writes it");
const NOT_SOUND: KeyFault =
    KeyFault("the private key is neither RSA nor Ed25519, or it is damaged");
const TOO_SHORT: KeyFault = KeyFault("an RSA key needs at least 2048 bits (RFC 8301)");

enum Pair {
    Rsa(rsa::KeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SealingKey {
    fn of(
        domain: Domain,
        selector: Selector,
        algorithm: Algorithm,
        made: Timestamp,
        der: &[u8],
    ) -> Self {
        let secret = STANDARD.encode(der);
        Self {
            domain,
            selector,
            algorithm,
            made,
            secret,
        }
    }

    /// A new key: RSA with 2048 bits, or Ed25519.
    ///
    /// # Errors
    /// If the system has no random numbers to give.
    pub fn make(
        domain: Domain,
        selector: Selector,
        algorithm: Algorithm,
        now: Timestamp,
    ) -> Result<Self, KeyFault> {
        let der = match algorithm {
            Algorithm::Rsa => {
                let pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).map_err(|_| NOT_MADE)?;
                pkcs8(&pair)?
            }
            Algorithm::Ed25519 => Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
                .map_err(|_| NOT_MADE)?
                .as_ref()
                .to_vec(),
        };
        Ok(Self::of(domain, selector, algorithm, now, &der))
    }

    /// The key in a PEM file: PKCS #8, or PKCS #1 for RSA.
    ///
    /// # Errors
    /// [`KeyFault`] says what is wrong with it.
    pub fn read(
        domain: Domain,
        selector: Selector,
        pem: &str,
        now: Timestamp,
    ) -> Result<Self, KeyFault> {
        let rsa = match unwrapped(pem, "PRIVATE KEY") {
            Some(der) => match rsa::KeyPair::from_pkcs8(&der) {
                Ok(pair) => pair,
                Err(_) => {
                    Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| NOT_SOUND)?;
                    return Ok(Self::of(domain, selector, Algorithm::Ed25519, now, &der));
                }
            },
            None => {
                let der = unwrapped(pem, "RSA PRIVATE KEY").ok_or(NOT_PEM)?;
                rsa::KeyPair::from_der(&der).map_err(|_| NOT_SOUND)?
            }
        };
        if rsa.public_modulus_len() < MODULUS_LEAST {
            return Err(TOO_SHORT);
        }
        let der = pkcs8(&rsa)?;
        Ok(Self::of(domain, selector, Algorithm::Rsa, now, &der))
    }

    fn pair(&self) -> Result<Pair, KeyFault> {
        let der = STANDARD.decode(&self.secret).map_err(|_| NOT_USABLE)?;
        match self.algorithm {
            Algorithm::Rsa => rsa::KeyPair::from_pkcs8(&der).map(Pair::Rsa),
            Algorithm::Ed25519 => {
                Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map(Pair::Ed25519)
            }
        }
        .map_err(|_| NOT_USABLE)
    }

    /// Signs `data` as DKIM and ARC do: rsa-sha256 (RFC 6376 section 3.3.1) or
    /// ed25519-sha256 (RFC 8463 section 3).
    ///
    /// # Errors
    /// [`KeyFault`] if the kept key is damaged.
    pub fn sign(&self, data: &[u8]) -> Result<Vec<u8>, KeyFault> {
        match self.pair()? {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(
                    &RSA_PKCS1_SHA256,
                    &SystemRandom::new(),
                    data,
                    &mut signature,
                )
                .map_err(|_| NOT_USABLE)?;
                Ok(signature)
            }
            Pair::Ed25519(pair) => {
                let hash = digest(&SHA256, data);
                Ok(pair.sign(hash.as_ref()).as_ref().to_vec())
            }
        }
    }

    /// The name under which the key is published.
    #[must_use]
    pub fn record_name(&self) -> String {
        format!("{}._domainkey.{}", self.selector, self.domain)
    }

    /// The TXT record to publish there (RFC 6376 section 3.6.1).
    ///
    /// # Errors
    /// [`KeyFault`] if the kept key is damaged.
    pub fn record(&self) -> Result<String, KeyFault> {
        let (kind, public) = match self.pair()? {
            Pair::Rsa(pair) => {
                let der: PublicKeyX509Der<'_> =
                    pair.public_key().as_der().map_err(|_| NOT_USABLE)?;
                ("rsa", STANDARD.encode(der.as_ref()))
            }
            Pair::Ed25519(pair) => ("ed25519", STANDARD.encode(pair.public_key().as_ref())),
        };
        Ok(format!("v=DKIM1; k={kind}; p={public}"))
    }
}

fn pkcs8(pair: &rsa::KeyPair) -> Result<Vec<u8>, KeyFault> {
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| NOT_MADE)?;
    Ok(der.as_ref().to_vec())
}

/// What stands between the lines of PEM with this label (RFC 7468).
fn unwrapped(pem: &str, label: &str) -> Option<Vec<u8>> {
    let (_, rest) = pem.split_once(&format!("-----BEGIN {label}-----"))?;
    let (inner, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let inner: String = inner.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    STANDARD.decode(inner).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(algorithm: Algorithm) -> SealingKey {
        let (domain, selector) = ("example.org".parse(), "s2026".parse());
        SealingKey::make(
            domain.expect("domain"),
            selector.expect("selector"),
            algorithm,
            Timestamp(0),
        )
        .expect("key")
    }

    #[test]
    fn xx14_a_key_outlives_being_kept_and_shows_nothing() {
        for algorithm in [Algorithm::Rsa, Algorithm::Ed25519] {
            let key = make(algorithm);
            let kept = serde_json::to_string(&key).expect("JSON");
            let again: SealingKey = serde_json::from_str(&kept).expect("key");
            assert_eq!(key.record(), again.record());
            assert_eq!(key.sign(b"x"), again.sign(b"x"), "both are deterministic");
            assert!(!format!("{key:?}").contains(&key.secret[..20]));
            let pem = format!(
                "x\n-----BEGIN PRIVATE KEY-----\n{}\n{}\n-----END PRIVATE KEY-----\n",
                &key.secret[..64],
                &key.secret[64..]
            );
            let read =
                SealingKey::read(key.domain.clone(), key.selector.clone(), &pem, Timestamp(0));
            assert_eq!(read.expect("key").record(), key.record());
        }
    }

    #[test]
    fn damaged_keys_are_told() {
        let read = |pem: &str| {
            let selector = "s".parse().expect("selector");
            SealingKey::read(
                "example.org".parse().expect("domain"),
                selector,
                pem,
                Timestamp(0),
            )
            .map(|_| ())
        };
        assert_eq!(read(""), Err(NOT_PEM));
        let wrapped =
            |der: &str| format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----");
        assert_eq!(read(&wrapped("AAAA")), Err(NOT_SOUND));
        assert_eq!(read(&wrapped("!")), Err(NOT_PEM));
        for bad in ["", "-a", "a-", "a_b", "a b", "a..b", "\u{e4}"] {
            assert!(bad.parse::<Selector>().is_err(), "{bad}");
        }
    }
}
