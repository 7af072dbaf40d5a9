//! Forwarders whose word on DMARC is taken (RFC 8617 section 5.2): a list that changes a mail breaks
//! its signatures, and seals what it saw before.

use mail_auth::{ArcOutput, DkimResult};

use crate::mail::{Domain, headers};

/// The trusted domain that sealed last, if the chain passes and its results say that DMARC
/// passed for `author`, the domain of the From field as it is now.
pub(super) fn vouched_by(
    arc: &ArcOutput<'_>,
    author: &str,
    forwarders: &[Domain],
) -> Option<String> {
    if *arc.result() != DkimResult::Pass {
        return None;
    }
    let newest = arc.sets().last()?;
    let sealer = newest.seal.header.d.as_str();
    let trusted = forwarders
        .iter()
        .find(|domain| domain.as_str().eq_ignore_ascii_case(sealer))?;
    passed(newest.results.value, author).then(|| trusted.to_string())
}

/// True if the value of an ARC-Authentication-Results field has one result of DMARC, which is
/// a pass for `author` (RFC 8601 section 2.2).
fn passed(value: &[u8], author: &str) -> bool {
    let Some(plain) = plain(&headers::unfold(value)) else {
        return false;
    };
    // The instance comes first, then the name of who says so.
    let mut results = plain.split(';').skip(2).filter_map(dmarc);
    let (Some((word, of)), None) = (results.next(), results.next()) else {
        return false;
    };
    word.eq_ignore_ascii_case("pass") && of.is_some_and(|of| of.eq_ignore_ascii_case(author))
}

/// The result and the author's domain, if this part speaks of DMARC.
fn dmarc(part: &str) -> Option<(String, Option<String>)> {
    let words = part.replace('=', " = ");
    let words: Vec<&str> = words.split_ascii_whitespace().collect();
    let [method, "=", word, rest @ ..] = &words[..] else {
        return None;
    };
    let method = method.split('/').next().unwrap_or_default();
    if !method.eq_ignore_ascii_case("dmarc") {
        return None;
    }
    let of = rest.windows(3).find_map(|three| match three {
        [name, "=", value] if name.eq_ignore_ascii_case("header.from") => Some((*value).to_owned()),
        _ => None,
    });
    Some(((*word).to_owned(), of))
}

/// The same without comments and quotes; what is special inside quotes becomes `?`, so that
/// nothing a sender chose looks like a result. `None` if one does not end.
fn plain(text: &str) -> Option<String> {
    let (mut out, mut depth, mut quoted) = (String::with_capacity(text.len()), 0_u32, false);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' if quoted || depth > 0 => {
                let _escaped = chars.next();
                out.push('?');
            }
            '"' if depth == 0 => quoted = !quoted,
            '(' if !quoted => depth = depth.saturating_add(1),
            ')' if !quoted && depth > 0 => {
                depth -= 1;
                out.push(' ');
            }
            _ if depth > 0 => {}
            c if quoted && !(c.is_alphanumeric() || "-._@".contains(c)) => out.push('?'),
            c => out.push(c),
        }
    }
    (depth == 0 && !quoted).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_plain_pass_for_this_author_counts() {
        for (value, want) in [
            (
                "i=1; mx.list.test; dmarc=pass header.from=example.net",
                true,
            ),
            (
                "i=1; mx.list.test 1;\r\n\tspf=fail smtp.mailfrom=a@b.test;\r\n\tDMARC = Pass (p=REJECT; dis=NONE) header.from = Example.NET",
                true,
            ),
            (
                "i=2; list.test; dmarc=pass action=none header.from=\"example.net\";",
                true,
            ),
            (
                "i=1; mx.list.test; dmarc=pass header.from=other.test",
                false,
            ),
            ("i=1; mx.list.test; dmarc=pass", false),
            (
                "i=1; mx.list.test; dmarc=fail header.from=example.net",
                false,
            ),
            ("i=1; mx.list.test; dkim=pass header.d=example.net", false),
            ("i=1; mx.list.test; none", false),
            ("i=1; dmarc=pass header.from=example.net", false),
            (
                "i=1; mx; spf=pass smtp.mailfrom=\"a; dmarc=pass header.from=example.net\"@b.test",
                false,
            ),
            (
                "i=1; mx; spf=none (x; dmarc=pass header.from=example.net)",
                false,
            ),
            (
                "i=1; mx; spf=none (\\); dmarc=pass header.from=example.net",
                false,
            ),
            (
                "i=1; mx; dmarc=pass header.from=example.net; dmarc=fail header.from=example.net",
                false,
            ),
            ("", false),
        ] {
            assert_eq!(passed(value.as_bytes(), "example.net"), want, "{value}");
        }
    }
}
