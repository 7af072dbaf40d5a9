//! What a layer of policy may hold: bounds that no door can leave out.

use super::Refusal;
use crate::policy::{Layer, QUOTA_MOST, Scope};

/// Longest Subject notation, in octets.
const TAG_LONGEST: usize = 100;
/// Longest keeping time, in days.
const KEEP_MOST: u64 = 3650;
/// Longest time that mail may be pending, in days.
const PEND_MOST: u64 = 365;
/// Longest time in which a release can be taken back, in seconds.
const UNDO_MOST: u64 = 3600;

/// Digests hold links that act: they stay within the domain.
pub(super) fn check_digests(scope: &Scope, layer: &Layer) -> Result<(), Refusal> {
    let Some(to) = &layer.digest_to else {
        return Ok(());
    };
    let home = match scope {
        Scope::Global => None,
        Scope::Domain(domain) => Some(domain),
        Scope::Recipient(address) => Some(address.domain()),
    };
    if home == Some(to.domain()) {
        return Ok(());
    }
    Err(Refusal::Bad(
        "digest_to is set for a domain or an address, and is an address of the same domain".into(),
    ))
}

pub(super) fn check_layer(layer: &Layer) -> Result<(), Refusal> {
    let bad = |text: String| Err(Refusal::Bad(text));
    for (name, value) in [
        ("spam_from", layer.spam_from),
        ("unsure_from", layer.unsure_from),
        ("outbound_spam_from", layer.outbound_spam_from),
    ] {
        if value.is_some_and(|v| !v.is_finite() || v.abs() > 1000.0) {
            return bad(format!("{name} lies between -1000 and 1000"));
        }
    }
    for (name, value) in [
        ("spam_tag", &layer.spam_tag),
        ("unsure_tag", &layer.unsure_tag),
    ] {
        if value
            .as_ref()
            .is_some_and(|tag| tag.len() > TAG_LONGEST || tag.chars().any(char::is_control))
        {
            return bad(format!(
                "{name} has at most {TAG_LONGEST} octets and no control characters"
            ));
        }
    }
    let numbers = [
        ("keep_days", layer.keep_days, 1, KEEP_MOST),
        ("malware_days", layer.malware_days, 1, KEEP_MOST),
        ("training_days", layer.training_days, 1, KEEP_MOST),
        ("pend_days", layer.pend_days, 1, PEND_MOST),
        ("undo_seconds", layer.undo_seconds, 0, UNDO_MOST),
        ("quota_messages", layer.quota_messages, 0, QUOTA_MOST),
        ("quota_megabytes", layer.quota_megabytes, 0, QUOTA_MOST),
        (
            "domain_quota_messages",
            layer.domain_quota_messages,
            0,
            QUOTA_MOST,
        ),
        (
            "domain_quota_megabytes",
            layer.domain_quota_megabytes,
            0,
            QUOTA_MOST,
        ),
    ];
    for (name, value, least, most) in numbers {
        if value.is_some_and(|value| !(least..=most).contains(&value)) {
            return bad(format!("{name} lies between {least} and {most}"));
        }
    }
    Ok(())
}
