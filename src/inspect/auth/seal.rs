//! Puts an ARC set (RFC 8617) on a message as it leaves, edits included.
//!
//! The parts are written here, canonicalised by mail-auth: its own sealer knows only results that
//! it made itself, and signs the whole chain where RFC 8617 section 5.1.2 asks for the last
//! set alone, under `cv=fail`.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mail_auth::common::crypto::{HashContext, HashImpl, Sha256};
use mail_auth::common::headers::Writable;
use mail_auth::dkim::Canonicalization;

use super::cover::{RESULTS, SEAL, SIGNATURE, tag};
use crate::clock::Timestamp;
use crate::mail::{Edit, Edited, headers};
use crate::policy::Chain;
use crate::token::{Algorithm, KeyFault, SealingKey};

/// What is signed, where it is there (RFC 6376 section 5.4.1). Not what later hops change.
const SIGNED: [&str; 14] = [
    "From",
    "Reply-To",
    "Subject",
    "Date",
    "To",
    "Cc",
    "Message-ID",
    "In-Reply-To",
    "References",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
    "List-Unsubscribe",
    "DKIM-Signature",
];
/// Fields of one name that are signed; the lowest, where there are more.
const EACH_MOST: usize = 8;
/// Length of a line of base64, in octets.
const LINE: usize = 72;
/// Sets of a chain that is read; longer ones are not sealed.
const SETS_MOST: usize = 50;

/// What a set says, and who says it.
#[derive(Debug)]
pub struct Set<'s> {
    /// As in our Authentication-Results field: our name, then the results.
    pub authserv: &'s str,
    pub results: &'s str,
    /// The chain as it came.
    pub chain: Chain,
    pub key: &'s SealingKey,
    pub now: Timestamp,
}

/// A field of an existing chain, as it is signed.
struct Link {
    instance: usize,
    canonical: Vec<u8>,
}

/// The fields of one more ARC set for a message as it leaves, the topmost first.
/// `None` if the chain cannot be sealed.
///
/// # Errors
/// [`KeyFault`] if the key cannot be used.
pub fn seal(edited: &Edited, set: &Set<'_>) -> Result<Option<Vec<Edit>>, KeyFault> {
    let (header, body) = (&edited.header[..], &edited.body[..]);
    let (cv, before) = match set.chain {
        Chain::None => ("none", Some(Vec::new())),
        Chain::Pass => ("pass", chain_of(header)),
        Chain::Fail => ("fail", Some(Vec::new())),
        Chain::Closed | Chain::Unchecked => return Ok(None),
    };
    let instance = highest(header).saturating_add(1);
    let Some(before) = before.filter(|_| instance <= SETS_MOST) else {
        return Ok(None);
    };
    let algorithm = algorithm(set.key);
    let (domain, selector) = (&set.key.domain, &set.key.selector);
    let common = format!(
        "i={instance}; a={algorithm}; d={domain}; s={selector};\r\n\tt={}; ",
        set.now.0 / 1000
    );
    let results = match set.results.trim() {
        "" => "none",
        results => results,
    };
    let results = format!("i={instance}; {};\r\n\t{results}", set.authserv);

    let (names, mut data) = signed(header, &SIGNED);
    let mut signature = format!(
        "{common}c=relaxed/relaxed;\r\n\th={};\r\n\tbh=",
        fold(&names)
    );
    signature.push_str(&STANDARD.encode(body_hash(body)));
    signature.push_str(";\r\n\tb=");
    data.extend(unended(canonical(SIGNATURE, &signature)));
    signature.push_str(&wrapped(&set.key.sign(&data)?));

    let mut seal = format!("{common}cv={cv};\r\n\tb=");
    let mut data = before;
    data.extend(canonical(RESULTS, &results));
    data.extend(canonical(SIGNATURE, &signature));
    data.extend(unended(canonical(SEAL, &seal)));
    seal.push_str(&wrapped(&set.key.sign(&data)?));

    let add = |name: &str, value| Edit::Add {
        name: name.to_owned(),
        value,
    };
    Ok(Some(vec![
        add(SEAL, seal),
        add(SIGNATURE, signature),
        add(RESULTS, results),
    ]))
}

/// The tag a= of a signature by `key`.
pub(super) fn algorithm(key: &SealingKey) -> &'static str {
    match key.algorithm {
        Algorithm::Rsa => "rsa-sha256",
        Algorithm::Ed25519 => "ed25519-sha256",
    }
}

/// The highest instance in the header section; 0 if there is no chain.
fn highest(header: &[u8]) -> usize {
    links(header)
        .map(|(_, link)| link.instance)
        .max()
        .unwrap_or(0)
}

fn links(header: &[u8]) -> impl Iterator<Item = (usize, Link)> {
    headers::fields(header).filter_map(|field| {
        let order = [RESULTS, SIGNATURE, SEAL]
            .iter()
            .position(|name| field.is(name))?;
        let instance = tag(field.value, "i")?.parse().ok()?;
        let mut canonical = Vec::new();
        let value = [field.value, b"\r\n"].concat();
        Canonicalization::Relaxed
            .canonicalize_headers(std::iter::once((field.name, &value[..])), &mut canonical);
        Some((
            order,
            Link {
                instance,
                canonical,
            },
        ))
    })
}

/// A whole chain as its seals sign it: by instance, results, signature, seal (section 5.1.1).
/// `None` if it is not whole.
fn chain_of(header: &[u8]) -> Option<Vec<u8>> {
    let mut all: Vec<(usize, Link)> = links(header).collect();
    all.sort_by_key(|(order, link)| (link.instance, *order));
    let whole = all
        .iter()
        .enumerate()
        .all(|(at, (order, link))| link.instance == at / 3 + 1 && *order == at % 3);
    let whole = whole && all.len().is_multiple_of(3);
    whole.then(|| {
        all.into_iter()
            .flat_map(|(_, link)| link.canonical)
            .collect()
    })
}

/// Which fields are signed, and their octets: of one name the lowest first (RFC 6376 section 5.4.2).
pub(super) fn signed(header: &[u8], wanted: &[&'static str]) -> (Vec<&'static str>, Vec<u8>) {
    let (mut names, mut data) = (Vec::new(), Vec::new());
    for &name in wanted {
        let all: Vec<_> = headers::fields(header)
            .filter(|field| field.is(name))
            .collect();
        for field in all.iter().rev().take(EACH_MOST) {
            names.push(name);
            let value = [field.value, b"\r\n"].concat();
            Canonicalization::Relaxed
                .canonicalize_headers(std::iter::once((field.name, &value[..])), &mut data);
        }
    }
    (names, data)
}

/// `names` joined by colons, some on each line.
pub(super) fn fold(names: &[&str]) -> String {
    let mut text = String::new();
    for (at, name) in names.iter().enumerate() {
        let _infallible = match at {
            0 => write!(text, "{name}"),
            _ if at % 6 == 0 => write!(text, ":\r\n\t {name}"),
            _ => write!(text, ":{name}"),
        };
    }
    text
}

/// SHA-256 of the body behind the empty line, relaxed (RFC 6376 section 3.4.4).
pub(super) fn body_hash(body: &[u8]) -> Vec<u8> {
    let body = body.strip_prefix(b"\r\n").unwrap_or(body);
    let mut hasher = Sha256::hasher();
    Canonicalization::Relaxed
        .canonical_body(body, 0)
        .write(&mut hasher);
    hasher.complete().as_ref().to_vec()
}

/// A field of ours as it is signed.
pub(super) fn canonical(name: &str, value: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let value = format!("{value}\r\n");
    Canonicalization::Relaxed.canonicalize_headers(
        std::iter::once((name.as_bytes(), value.as_bytes())),
        &mut out,
    );
    out
}

/// The field that holds the signature is signed without its last CRLF.
pub(super) fn unended(mut field: Vec<u8>) -> Vec<u8> {
    field.truncate(field.len().saturating_sub(2));
    field
}

/// Base64 in lines.
pub(super) fn wrapped(octets: &[u8]) -> String {
    let text = STANDARD.encode(octets);
    let mut lines = String::new();
    for (at, c) in text.chars().enumerate() {
        if at > 0 && at % LINE == 0 {
            lines.push_str("\r\n\t ");
        }
        lines.push(c);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{Message, edited};

    #[test]
    fn xx14_a_chain_that_counts_to_the_end_of_numbers_is_not_sealed() {
        let selector = "s".parse().expect("selector");
        let domain = "example.org".parse().expect("domain");
        let key = SealingKey::make(domain, selector, Algorithm::Ed25519, Timestamp(0));
        let key = key.expect("key");
        for (instance, sealed) in [(u64::MAX.to_string(), false), (1.to_string(), true)] {
            let text = format!("ARC-Seal: i={instance}; cv=none\r\n\r\nx\r\n");
            let message = Message::new(text, None).expect("message");
            let set = Set {
                authserv: "mx.example.org",
                results: "",
                chain: Chain::Fail,
                key: &key,
                now: Timestamp(0),
            };
            let made = seal(&edited(&message, &[]), &set).expect("a good key");
            assert_eq!(made.is_some(), sealed, "{instance}");
        }
    }
}
