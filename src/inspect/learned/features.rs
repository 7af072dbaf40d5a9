//! Features of a mail: what it says, how it is built, and nothing of when and where it was kept.
//!
//! Left out on purpose: dates, Received, list and archive fields, other filters' fields, hosts of
//! Message-IDs, and the recipient's address. They tell corpora apart, and sites, not spam from ham.

use std::collections::HashSet;

use crate::inspect::content::{Content, decoded};
use crate::inspect::facts::FACTS;
use crate::inspect::measure::{host, registered};

use super::text::{fold, shape, words};
use super::vector::{GROUPS, Vector};

/// Octets of folded text whose runs of four are features.
const GRAMS_TEXT: usize = 2000;
/// Octets of folded text whose words are features.
const WORDS_TEXT: usize = 8000;
/// Octets of Subject and From.
const FIELD_TEXT: usize = 200;
/// Links whose octets are features, octets of each, and links whose hosts are.
const LINKS: usize = 20;
const LINK_TEXT: usize = 80;
const HOSTS: usize = 50;
/// Parts described.
const PARTS: usize = 50;
/// A word is paired with this many of those after it.
const WINDOW: usize = 2;

/// The group of octets, of structure, of words.
const OCTETS: usize = 0;
const BUILD: usize = 1;
const WORDS: usize = 2;

/// Where a text stands: the same word is another feature in another place.
#[derive(Clone, Copy)]
pub(super) enum Spot {
    Body = 0,
    From = 0x5bd1_e995,
    Link = 0x27d4_eb2f,
    Subject = 0x1656_67b1,
}

/// Fields that the sender's program writes, whose presence and absence are features.
const FIELDS: [&str; 31] = [
    "from",
    "reply-to",
    "to",
    "cc",
    "subject",
    "message-id",
    "mime-version",
    "content-type",
    "content-transfer-encoding",
    "content-disposition",
    "x-mailer",
    "user-agent",
    "x-priority",
    "importance",
    "priority",
    "x-msmail-priority",
    "x-mimeole",
    "in-reply-to",
    "references",
    "organization",
    "sender",
    "list-unsubscribe",
    "date",
    "disposition-notification-to",
    "content-language",
    "content-class",
    "thread-index",
    "thread-topic",
    "x-accept-language",
    "auto-submitted",
    "feedback-id",
];
/// Fields whose short value is a feature.
const VALUED: [&str; 5] = [
    "x-priority",
    "importance",
    "x-msmail-priority",
    "content-transfer-encoding",
    "precedence",
];
/// Facts that say where and when a mail passed rather than what it is.
const NOT_FACTS: [&str; 7] = [
    "received",
    "header-octets",
    "size",
    "date-behind",
    "date-ahead",
    "recipients",
    "addressees",
];

/// The features of a mail that was read with its facts.
pub(super) fn features(content: &Content<'_>) -> Vector {
    let mut hashes: [Vec<u32>; GROUPS] = Default::default();
    let [octets, build, of_words] = &mut hashes;
    let mut folded = Vec::with_capacity(WORDS_TEXT + 8);

    folded.push(b' ');
    fold(&content.subject, FIELD_TEXT, &mut folded);
    folded.push(b' ');
    grams(&folded, Spot::Body, octets);
    pairs(&folded, Spot::Subject, of_words);

    folded.clear();
    if let Some(from) = content.first("From") {
        fold(&decoded(from.value), FIELD_TEXT, &mut folded);
    }
    grams(&folded, Spot::From, octets);
    pairs(&folded, Spot::From, of_words);

    folded.clear();
    fold(&content.text, WORDS_TEXT, &mut folded);
    grams(&folded[..folded.len().min(GRAMS_TEXT)], Spot::Body, octets);
    pairs(&folded, Spot::Body, of_words);

    for link in content.links.iter().take(LINKS) {
        folded.clear();
        fold(link, LINK_TEXT, &mut folded);
        grams(&folded, Spot::Link, octets);
    }
    structure(content, build);
    Vector::new(&mut hashes)
}

fn mixed(mut n: u32) -> u32 {
    n ^= n >> 16;
    n = n.wrapping_mul(0x7feb_352d);
    n ^= n >> 15;
    n = n.wrapping_mul(0x846c_a68b);
    n ^ n >> 16
}

fn grams(folded: &[u8], spot: Spot, out: &mut Vec<u32>) {
    out.extend(
        folded
            .array_windows::<4>()
            .map(|w| mixed(u32::from_le_bytes(*w) ^ spot as u32)),
    );
}

/// The hash of one word where it stands.
pub(super) fn word_hash(word: &[u8], spot: Spot) -> u32 {
    mixed(hash(word, 0x811c_9dc5 ^ WORDS as u32) ^ spot as u32)
}

/// Words, and pairs of words that stand near each other (orthogonal sparse bigrams).
fn pairs(folded: &[u8], spot: Spot, out: &mut Vec<u32>) {
    let mut before = [0_u32; WINDOW];
    for (index, word) in words(folded).enumerate() {
        let own = word_hash(word, spot);
        out.push(own);
        for (gap, other) in before.iter().enumerate().take(index) {
            let gap = gap as u32 + 1;
            out.push(mixed(
                other
                    .wrapping_mul(0x85eb_ca6b)
                    .wrapping_add(own.wrapping_mul(gap * 2 + 1)),
            ));
        }
        before.rotate_right(1);
        before[0] = own;
    }
}

/// FNV-1a.
fn hash(octets: &[u8], seed: u32) -> u32 {
    octets
        .iter()
        .fold(seed, |h, b| (h ^ u32::from(*b)).wrapping_mul(0x0100_0193))
}

/// Collects features of structure, each a tag with a value.
struct Build<'o>(&'o mut Vec<u32>);

impl Build<'_> {
    fn add(&mut self, tag: &str, value: impl AsRef<[u8]>) {
        let tagged = hash(tag.as_bytes(), 0x811c_9dc5 ^ BUILD as u32);
        self.0
            .push(mixed(hash(value.as_ref(), tagged ^ OCTETS as u32)));
    }
}

fn structure(content: &Content<'_>, out: &mut Vec<u32>) {
    let mut build = Build(out);
    for name in FIELDS {
        let tag = if content.first(name).is_some() {
            "field"
        } else {
            "no field"
        };
        build.add(tag, name);
    }
    programs(content, &mut build);
    types(content, &mut build);
    people(content, &mut build);
    for part in content.structure.parts.iter().take(PARTS) {
        build.add("part", &part.kind);
        build.add(&part.kind, [part.encoding as u8]);
        if let Some(charset) = &part.charset {
            build.add(&part.kind, charset);
        }
        if let Some((_, extension)) = part.name.as_deref().and_then(|name| name.rsplit_once('.')) {
            build.add("file", extension.to_ascii_lowercase());
        }
    }
    for fact in FACTS.iter().filter(|fact| !NOT_FACTS.contains(&fact.name)) {
        let value = (fact.of)(&content.facts);
        let step = if value <= 0.0 {
            255
        } else {
            (value + 1.0).log2() as u8
        };
        build.add(fact.name, [step]);
    }
    let mut seen = HashSet::new();
    for link in content.links.iter().take(HOSTS) {
        let host = host(link);
        if host.contains('.') && seen.insert(host) {
            let domain = registered(host);
            build.add("link top", domain.rsplit('.').next().unwrap_or_default());
            build.add("link", domain);
        }
    }
}

/// What the sending program says of itself, and how it writes what it makes up.
fn programs(content: &Content<'_>, build: &mut Build<'_>) {
    let mut short = Vec::new();
    let mut valued = |build: &mut Build<'_>, name: &str, most: usize| {
        let field = content.first(name)?;
        short.clear();
        fold(&decoded(field.value), most, &mut short);
        build.add(name, &short);
        Some(short.clone())
    };
    for name in VALUED {
        valued(build, name, 40);
    }
    for name in ["x-mailer", "user-agent"] {
        let value = valued(build, name, 40).unwrap_or_default();
        for word in value
            .split(|b| !b.is_ascii_alphabetic())
            .filter(|w| w.len() > 2)
            .take(4)
        {
            build.add("program", word);
        }
    }
    if let Some(field) = content.first("Message-ID") {
        let id = field.value.trim_ascii();
        let id = id.strip_prefix(b"<").unwrap_or(id);
        let local = id
            .iter()
            .rposition(|b| *b == b'@')
            .map_or(id, |at| &id[..at]);
        build.add("id", shape(local));
    }
    if content
        .subject
        .get(..3)
        .is_some_and(|start| start.eq_ignore_ascii_case("re:"))
    {
        build.add("subject", "re");
    }
}

/// The type of the whole, and the shape of its boundary.
fn types(content: &Content<'_>, build: &mut Build<'_>) {
    let Some(field) = content.first("Content-Type") else {
        return;
    };
    let value = decoded(field.value);
    let mut parameters = value.split(';').map(str::trim);
    build.add(
        "type",
        parameters.next().unwrap_or_default().to_ascii_lowercase(),
    );
    for parameter in parameters.take(8) {
        let Some((name, value)) = parameter.split_once('=') else {
            continue;
        };
        let value = value.trim().trim_matches('"');
        if name.trim().eq_ignore_ascii_case("charset") {
            build.add("charset", value.to_ascii_lowercase());
        } else if name.trim().eq_ignore_ascii_case("boundary") {
            build.add("boundary", shape(value.as_bytes()));
        }
    }
}

/// How the author and the addressees are written. Of the addressees nothing else is taken.
fn people(content: &Content<'_>, build: &mut Build<'_>) {
    if let (Some(field), Some(author)) = (content.first("From"), content.authors.first()) {
        let mut written = shape(decoded(field.value).as_bytes());
        written.truncate(20);
        build.add("from", written);
        let domain = registered(author.domain());
        build.add("from top", domain.rsplit('.').next().unwrap_or_default());
        build.add("from domain", domain);
        if author.name.is_empty() {
            build.add("from", "bare");
        }
    }
    if let Some(field) = content.first("To") {
        let value = field.value;
        let has = |byte| memchr::memchr(byte, value).is_some();
        let how = match (has(b'<'), has(b'"'), has(b'@')) {
            (true, true, _) => "quoted",
            (true, false, _) => "named",
            (false, _, true) => "bare",
            (false, _, false) => "none",
        };
        build.add("to", how);
    }
}
