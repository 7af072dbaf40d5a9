//! What signatures say of the Subject, and of the ARC chain: may we change the one, and seal the other?

use mail_auth::arc::ChainValidation;
use mail_auth::{ArcOutput, DkimOutput, DkimResult};

use super::{Outcome, SIGNATURES_MOST};
use crate::mail::headers;
use crate::policy::Chain;

/// Longest chain that may grow by a set (RFC 8617 section 4.2.1: 50 sets at most).
const SETS_BEFORE_LAST: usize = 49;
/// The fields of an ARC set (RFC 8617 section 4.1).
pub(super) const SEAL: &str = "ARC-Seal";
pub(super) const SIGNATURE: &str = "ARC-Message-Signature";
pub(super) const RESULTS: &str = "ARC-Authentication-Results";

/// What can be known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Cover {
    pub(crate) subject_signed: bool,
    pub(crate) chain: Chain,
}

/// What the header section alone says: signatures that were not checked count as valid.
pub(crate) fn unchecked(message: &[u8]) -> Cover {
    Cover {
        subject_signed: headers::fields(message)
            .filter(|field| field.is("DKIM-Signature"))
            .any(|field| lists_subject(field.value)),
        chain: match sealed(message) {
            true => Chain::Unchecked,
            false => Chain::None,
        },
    }
}

/// What was found out. `arc` may be of a message whose chain was not looked at.
pub(super) fn checked(
    message: &[u8],
    dkim: &Outcome<Vec<DkimOutput<'_>>>,
    arc: &Outcome<ArcOutput<'_>>,
) -> Cover {
    let plain = unchecked(message);
    let chain = match arc {
        _ if plain.chain == Chain::None => Chain::None,
        Ok(output) => chain(output),
        Err(_) => Chain::Unchecked,
    };
    let by_arc = matches!((chain, arc), (Chain::Pass, Ok(output)) if output
        .sets()
        .last()
        .is_some_and(|set| names_subject(&set.signature.header.h)));
    let by_dkim = match dkim {
        Ok(outputs) if outputs.len() < SIGNATURES_MOST => outputs.iter().any(|output| {
            let may_hold = matches!(output.result(), DkimResult::Pass | DkimResult::TempError(_));
            let signature = output.signature();
            may_hold && signature.is_some_and(|signature| names_subject(&signature.h))
        }),
        // Some of so many may not have been checked.
        Ok(_) | Err(_) => plain.subject_signed,
    };
    Cover {
        subject_signed: by_dkim || by_arc,
        chain,
    }
}

fn chain(output: &ArcOutput<'_>) -> Chain {
    let sets = output.sets();
    let closed = sets
        .last()
        .is_some_and(|set| set.seal.header.cv == ChainValidation::Fail);
    match output.result() {
        _ if closed || sets.len() > SETS_BEFORE_LAST => Chain::Closed,
        DkimResult::Pass => Chain::Pass,
        DkimResult::Fail(_) | DkimResult::Neutral(_) | DkimResult::PermError(_) => Chain::Fail,
        // There are fields of a chain, and they were not looked at.
        DkimResult::TempError(_) | DkimResult::None => Chain::Unchecked,
    }
}

fn sealed(message: &[u8]) -> bool {
    headers::fields(message)
        .any(|field| [SEAL, SIGNATURE, RESULTS].iter().any(|name| field.is(name)))
}

fn names_subject(names: &[String]) -> bool {
    names
        .iter()
        .any(|name| name.eq_ignore_ascii_case("Subject"))
}

/// True if the tag `h=` of a signature names the Subject.
fn lists_subject(value: &[u8]) -> bool {
    let names = tag(value, "h").unwrap_or_default();
    names
        .split(':')
        .any(|name| name.trim().eq_ignore_ascii_case("Subject"))
}

/// The value of a tag in a list of tags (RFC 6376 section 3.2).
pub(super) fn tag(value: &[u8], name: &str) -> Option<String> {
    let text = headers::unfold(value);
    text.split(';').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        (key.trim() == name).then(|| value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xx14_what_was_not_checked_counts_as_valid() {
        let table = [
            ("A: b", false, Chain::None),
            (
                "DKIM-Signature: v=1; h=From:\r\n\t SUBJECT : To; b=x",
                true,
                Chain::None,
            ),
            (
                "DKIM-Signature: v=1; h=From:To; bh=Subject; b=x",
                false,
                Chain::None,
            ),
            ("DKIM-Signature: nonsense", false, Chain::None),
            ("X-DKIM-Signature: h=subject", false, Chain::None),
            ("arc-seal: i=1", false, Chain::Unchecked),
        ];
        for (header, subject_signed, chain) in table {
            let want = Cover {
                subject_signed,
                chain,
            };
            let message = format!("{header}\r\n\r\nDKIM-Signature: h=subject\r\n");
            assert_eq!(unchecked(message.as_bytes()), want, "{header}");
        }
    }
}
