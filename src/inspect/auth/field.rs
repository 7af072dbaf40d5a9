//! The value of the Authentication-Results field behind the authserv-id (RFC 8601).

use mail_auth::{DkimResult, DmarcResult, SpfResult};

use crate::mail::Envelope;

use super::{Results, sender_domain};

/// Octets of one property; longer ones are cut.
const PROPERTY_MOST: usize = 200;

/// Results joined by `;`, a line each. Nothing a sender chose can leave its place.
pub(super) fn value(results: &Results<'_>, envelope: &Envelope) -> String {
    let mut lines = Vec::new();
    let spf = match &results.spf {
        None => "none",
        Some(Err(_)) => "temperror",
        Some(Ok(output)) => spf_word(output.result()),
    };
    lines.push(match &envelope.from {
        Some(from) => format!("spf={spf} smtp.mailfrom={}", property(&from.to_string())),
        None => format!("spf={spf} smtp.helo={}", property(sender_domain(envelope))),
    });
    dkim(results, &mut lines);
    let author = results.dmarc.as_ref().map_or("", |output| output.domain());
    let dmarc = match results.dmarc() {
        Ok((DmarcResult::Pass, _)) => "pass",
        Ok((DmarcResult::Fail(_), _)) => "fail",
        Ok((DmarcResult::PermError(_), _)) => "permerror",
        Ok((DmarcResult::None, _)) => "none",
        Ok((DmarcResult::TempError(_), _)) | Err(_) => "temperror",
    };
    lines.push(match author {
        "" => format!("dmarc={dmarc}"),
        _ => format!("dmarc={dmarc} header.from={}", property(author)),
    });
    let arc = results
        .arc
        .as_ref()
        .map_or("temperror", |output| dkim_word(output.result()));
    // "neutral" and "permerror" are not words of ARC (RFC 8617 section 4.1).
    let arc = if matches!(arc, "neutral" | "permerror") {
        "fail"
    } else {
        arc
    };
    lines.push(format!("arc={arc}"));
    lines.join(";\r\n\t")
}

fn dkim(results: &Results<'_>, lines: &mut Vec<String>) {
    let outputs = match &results.dkim {
        Ok(outputs) => outputs,
        Err(_) => return lines.push("dkim=temperror".to_owned()),
    };
    for output in outputs {
        let word = dkim_word(output.result());
        lines.push(match output.signature() {
            Some(signature) => {
                format!(
                    "dkim={word} header.d={} header.s={}",
                    property(&signature.d),
                    property(&signature.s)
                )
            }
            None => format!("dkim={word}"),
        });
    }
    if outputs.is_empty() {
        lines.push("dkim=none".to_owned());
    }
}

fn spf_word(result: SpfResult) -> &'static str {
    match result {
        SpfResult::Pass => "pass",
        SpfResult::Fail => "fail",
        SpfResult::SoftFail => "softfail",
        SpfResult::Neutral => "neutral",
        SpfResult::TempError => "temperror",
        SpfResult::PermError => "permerror",
        SpfResult::None => "none",
    }
}

fn dkim_word(result: &DkimResult) -> &'static str {
    match result {
        DkimResult::Pass => "pass",
        DkimResult::Neutral(_) => "neutral",
        DkimResult::Fail(_) => "fail",
        DkimResult::PermError(_) => "permerror",
        DkimResult::TempError(_) => "temperror",
        DkimResult::None => "none",
    }
}

/// A property's value: what is not plainly harmless becomes `?`, so that it ends
/// no value, no comment and no line.
fn property(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "!#$%&'*+-/^_`{|}~.@".contains(c);
    text.chars()
        .map(|c| if plain(c) { c } else { '?' })
        .take(PROPERTY_MOST)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_out_of_a_property() {
        assert_eq!(
            property("a@b.example; dkim=pass (x)\r\nX: \"y\""),
            "a@b.example??dkim?pass??x???X???y?"
        );
        assert_eq!(property(&"x".repeat(5000)).len(), PROPERTY_MOST);
    }
}
