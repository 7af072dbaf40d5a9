//! Which short texts a pattern cannot match without, so that most patterns need not be run at all.

use regex_syntax::hir::{Class, Hir, HirKind};

/// Texts of one pattern; more of them would not be quicker than the pattern itself.
const TEXTS_MOST: usize = 400;
/// Variants of one stretch of a pattern.
const VARIANTS_MOST: usize = 64;
/// Octets of a text below which it stands nearly everywhere.
const LENGTH_LEAST: usize = 3;
/// Octets of a text; more would not make it rarer.
const LENGTH_MOST: usize = 16;

/// Texts in ASCII lower case. Whatever the pattern matches holds one of them, without regard to
/// ASCII case; `None` if no such texts are known.
pub(super) fn needed(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    let texts = needs(hir).filter(|texts| good(texts))?;
    // What holds another of them need not be looked for.
    let holds = |long: &[u8], short: &[u8]| {
        long.len() > short.len() && memchr::memmem::find(long, short).is_some()
    };
    let rare = texts
        .iter()
        .filter(|text| !texts.iter().any(|other| holds(text, other)));
    Some(rare.cloned().collect())
}

fn good(texts: &[Vec<u8>]) -> bool {
    !texts.is_empty() && texts.len() <= TEXTS_MOST && shortest(texts) >= LENGTH_LEAST
}

fn shortest(texts: &[Vec<u8>]) -> usize {
    texts.iter().map(Vec::len).min().unwrap_or(0)
}

/// Texts of which a match holds one.
fn needs(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    match hir.kind() {
        HirKind::Concat(parts) => best(parts),
        HirKind::Alternation(branches) => {
            let mut all = Vec::new();
            for branch in branches {
                all.extend(needs(branch).filter(|texts| good(texts))?);
            }
            all.sort();
            all.dedup();
            Some(all)
        }
        HirKind::Capture(capture) => needs(&capture.sub),
        HirKind::Repetition(repeated) if repeated.min > 0 => needs(&repeated.sub),
        _ => exact(hir),
    }
}

/// The stretch of a sequence whose texts are the longest.
fn best(parts: &[Hir]) -> Option<Vec<Vec<u8>>> {
    let mut found: Vec<Vec<Vec<u8>>> = Vec::new();
    let mut run = vec![Vec::new()];
    for part in parts {
        match exact(part).and_then(|texts| product(&run, &texts)) {
            Some(longer) => run = longer,
            None => {
                found.push(std::mem::replace(&mut run, vec![Vec::new()]));
                match exact(part) {
                    Some(texts) => run = texts,
                    None => found.extend(needs(part)),
                }
            }
        }
    }
    found.push(run);
    let worth = |texts: &Vec<Vec<u8>>| (shortest(texts).min(8), usize::MAX - texts.len());
    found
        .into_iter()
        .filter(|texts| good(texts))
        .max_by_key(worth)
}

/// All texts that this matches, if they are few.
fn exact(hir: &Hir) -> Option<Vec<Vec<u8>>> {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Some(vec![Vec::new()]),
        HirKind::Literal(literal) => Some(vec![literal.0.to_ascii_lowercase()]),
        HirKind::Class(Class::Bytes(class)) => {
            let mut texts: Vec<Vec<u8>> = Vec::new();
            for range in class.ranges() {
                if usize::from(range.end() - range.start()) > VARIANTS_MOST {
                    return None;
                }
                texts.extend((range.start()..=range.end()).map(|b| vec![b.to_ascii_lowercase()]));
            }
            texts.sort();
            texts.dedup();
            (texts.len() <= VARIANTS_MOST / 4).then_some(texts)
        }
        HirKind::Class(Class::Unicode(_)) => None,
        HirKind::Capture(capture) => exact(&capture.sub),
        HirKind::Repetition(repeated) => {
            let once = exact(&repeated.sub)?;
            let mut texts = Vec::new();
            let mut run = vec![Vec::new()];
            let most = repeated.max.filter(|most| *most <= 3)?;
            for times in 0..=most {
                if times >= repeated.min {
                    texts.extend(run.iter().cloned());
                }
                run = product(&run, &once)?;
            }
            texts.sort();
            texts.dedup();
            (texts.len() <= VARIANTS_MOST).then_some(texts)
        }
        HirKind::Concat(parts) => {
            let mut run = vec![Vec::new()];
            for part in parts {
                run = product(&run, &exact(part)?)?;
            }
            Some(run)
        }
        HirKind::Alternation(branches) => {
            let mut texts = Vec::new();
            for branch in branches {
                texts.extend(exact(branch)?);
            }
            texts.sort();
            texts.dedup();
            (texts.len() <= VARIANTS_MOST).then_some(texts)
        }
    }
}

/// Each of the first before each of the second; `None` if they are many or long.
fn product(first: &[Vec<u8>], second: &[Vec<u8>]) -> Option<Vec<Vec<u8>>> {
    if first.len() * second.len() > VARIANTS_MOST {
        return None;
    }
    let mut all = Vec::with_capacity(first.len() * second.len());
    for a in first {
        for b in second {
            let text = [a.as_slice(), b].concat();
            if text.len() > LENGTH_MOST {
                return None;
            }
            all.push(text);
        }
    }
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pattern: &str) -> Option<Vec<String>> {
        let parser = regex_syntax::ParserBuilder::new().utf8(false).build();
        let found = needed(&{ parser }.parse(pattern).ok()?)?.into_iter();
        Some(
            found
                .map(|text| String::from_utf8_lossy(&text).into_owned())
                .collect(),
        )
    }

    #[test]
    fn what_a_pattern_cannot_do_without() {
        let some = |all: &[&str]| Some(all.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(
            texts(r"(?i-u:\bclick (?:here|now)\b)"),
            some(&["click here", "click now"])
        );
        assert_eq!(
            texts(r"(?i-u:free|(?:no )?risks?)"),
            some(&["free", "risk"])
        );
        assert_eq!(texts(r"(?-u:a\d+ ?[Dd]ollars\w*)"), some(&["dollars"]));
        assert_eq!(texts(r"(?-u:xy|long)"), None);
        assert_eq!(texts(r"(?-u:(?:long)?\d)"), None);
        assert_eq!(texts(r"(?-u:[a-z]{5})"), None);
        assert_eq!(texts(r"(?i-u:(?:abc)+x{2,3}yz)"), some(&["xxyz"]));
    }
}
