//! Links: where they truly lead, and whether their text says so. They are shown, never followed.

use super::shown::{first, visible};

/// Characters of a target and of a text that are shown.
const TARGET_MOST: usize = 500;
const TEXT_MOST: usize = 200;
/// Octets of a text that are searched for names of hosts.
const SEARCHED_MOST: usize = 2000;
/// Octets of a host name (RFC 1035 section 2.3.4).
const HOST_MOST: usize = 253;

/// A link of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// What the reader sees, fit to be shown.
    pub text: String,
    /// Where it leads, fit to be shown.
    pub target: String,
    /// In lower case and without the colon; empty where the target names none.
    pub scheme: String,
    /// The host in its ASCII form, or the domain of an address.
    pub host: Option<String>,
    /// The host in Unicode, where that differs from its ASCII form.
    pub unicode_host: Option<String>,
    /// The text, or a user name before the host, shows another host than the target's.
    pub differs: bool,
    /// A label of the host mixes letters of several scripts.
    pub mixed_scripts: bool,
    /// It would run code or carry its own content: `javascript:`, `data:`, `vbscript:`, `file:`.
    pub dangerous: bool,
}

impl Link {
    /// True if a person should look twice.
    #[must_use]
    pub fn suspicious(&self) -> bool {
        self.differs || self.mixed_scripts || self.dangerous || self.unicode_host.is_some()
    }
}

/// Reads a link as browsers do (URL Standard): white space inside is passed over, and
/// backslashes are slashes.
pub(super) fn read(target: &str, text: &str) -> Link {
    let target = first(target, 8 << 10).trim_matches(|c: char| c <= ' ');
    let target: String = target
        .chars()
        .filter(|c| !matches!(c, '\t' | '\n' | '\r'))
        .collect();
    let (scheme, rest) = scheme(&target);
    let raw = match scheme.as_str() {
        "http" | "https" | "ftp" | "ws" | "wss" => host(rest),
        "" if rest.starts_with("//") || rest.starts_with(r"\\") => host(rest),
        "mailto" => rest
            .split(['?', ','])
            .next()
            .and_then(|a| a.rsplit_once('@'))
            .map(|a| a.1),
        _ => None,
    };
    let raw = raw.filter(|host| !host.is_empty() && host.len() <= HOST_MOST * 4);
    let (host, unicode_host) = raw.map_or((None, None), both_forms);
    let mixed_scripts = unicode_host.as_deref().is_some_and(mixes_scripts);
    Link {
        differs: differs(text, host.as_deref()) || differs(user(rest), host.as_deref()),
        text: visible(text.trim(), TEXT_MOST),
        target: visible(&target, TARGET_MOST),
        dangerous: matches!(
            scheme.as_str(),
            "javascript" | "data" | "vbscript" | "file" | "blob"
        ),
        scheme,
        host,
        unicode_host: unicode_host.map(|host| visible(&host, HOST_MOST)),
        mixed_scripts,
    }
}

fn scheme(target: &str) -> (String, &str) {
    let known = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.len() <= 32
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    };
    match target.split_once(':') {
        Some((name, rest)) if known(name) => (name.to_ascii_lowercase(), rest),
        _ => (String::new(), target),
    }
}

/// The host after any number of slashes, without user and port.
fn host(rest: &str) -> Option<&str> {
    let rest = rest.trim_start_matches(['/', '\\']);
    let authority = rest.split(['/', '\\', '?', '#']).next()?;
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    if host.starts_with('[') {
        return host.split_inclusive(']').next();
    }
    Some(host.split_once(':').map_or(host, |(host, _)| host))
}

/// What stands before the host, and may be made to look like one.
fn user(rest: &str) -> &str {
    let rest = rest.trim_start_matches(['/', '\\']);
    let authority = rest.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or("", |(user, _)| user)
}

/// A host in ASCII, and in Unicode where that differs.
fn both_forms(host: &str) -> (Option<String>, Option<String>) {
    let unescaped = unescape(host);
    let ascii = idna::domain_to_ascii(&unescaped)
        .unwrap_or_else(|_| visible(&unescaped, HOST_MOST).to_ascii_lowercase());
    let (unicode, _) = idna::domain_to_unicode(&ascii);
    let differs = unicode != ascii;
    (Some(visible(&ascii, HOST_MOST)), differs.then_some(unicode))
}

/// Percent escapes in a host are decoded by browsers.
pub(super) fn unescape(host: &str) -> String {
    let bytes = host.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let value = escaped
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        out.push(value.unwrap_or(bytes[at]));
        at += if value.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// True if a label has Latin letters beside those of another alphabet. Chinese, Japanese and
/// Korean stand beside Latin in honest names.
fn mixes_scripts(host: &str) -> bool {
    let latin =
        |c: char| c.is_alphabetic() && (c < '\u{250}' || ('\u{1e00}'..'\u{1f00}').contains(&c));
    let other = |c: char| c.is_alphabetic() && ('\u{250}'..'\u{1e00}').contains(&c);
    let mixed = |label: &str| label.chars().any(latin) && label.chars().any(other);
    host.split('.').any(mixed)
}

/// True if the text names a host under a public suffix that is neither the target's, nor
/// above or below it.
fn differs(text: &str, target: Option<&str>) -> bool {
    let text = first(text, SEARCHED_MOST).to_lowercase();
    let words = text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '.' | '-')));
    words.map(|word| word.trim_matches(['.', '-'])).any(|word| {
        if !word.contains('.') || word.len() > HOST_MOST {
            return false;
        }
        let Ok(named) = idna::domain_to_ascii(word) else {
            return false;
        };
        let known = psl::suffix(named.as_bytes()).is_some_and(|s| s.is_known());
        known && psl::domain(named.as_bytes()).is_some() && !target.is_some_and(|t| akin(&named, t))
    })
}

/// The same host, or one within the other's domain.
fn akin(a: &str, b: &str) -> bool {
    let base = |host| psl::domain_str(host).unwrap_or(host).to_owned();
    a == b || base(a) == base(b)
}

/// The targets in a plain text, at most `most`.
pub(super) fn in_text(text: &str, most: usize) -> Vec<Link> {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"'));
    words
        .filter(|word| {
            let start = first(word, 8).to_ascii_lowercase();
            start.starts_with("http://") || start == "https://"
        })
        .take(most)
        .map(|word| {
            let word = word.trim_end_matches(['.', ',', ')', ']', ';', '!', '?', '\'']);
            read(word, "")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_the_one_a_browser_would_ask() {
        for (target, host) in [
            ("https://Bank.Example.com/x", Some("bank.example.com")),
            ("https://bank.com@evil.test:8080/x", Some("evil.test")),
            ("https:\\\\evil.test\\bank.com", Some("evil.test")),
            ("https:/evil.test", Some("evil.test")),
            ("ht\ntps://ev\til.test", Some("evil.test")),
            (" //evil.test/x", Some("evil.test")),
            ("http://%65vil.test/", Some("evil.test")),
            ("http://[2001:db8::1]:80/", Some("[2001:db8::1]")),
            ("mailto:a@evil.test?subject=x", Some("evil.test")),
            ("http://bücher.example/", Some("xn--bcher-kva.example")),
            ("#top", None),
            ("javascript://evil.test/%0aalert(1)", None),
            ("http://", None),
        ] {
            assert_eq!(read(target, "").host.as_deref(), host, "{target}");
        }
    }

    #[test]
    fn code_and_own_content_is_dangerous() {
        for target in [
            "javascript:x",
            "JaVa\tScript:x",
            "\u{1}data:text/html,x",
            "vbscript:x",
            "file:///x",
        ] {
            assert!(read(target, "").dangerous, "{target}");
        }
        assert!(!read("https://example.com", "").dangerous);
    }

    #[test]
    fn a_text_that_shows_another_host_is_seen() {
        for (text, target, differs) in [
            (
                "https://www.bank.com/login",
                "https://evil.example.net/",
                true,
            ),
            ("bank.com", "https://bank.com.evil.example.net/", true),
            ("Go to www.bank.com now", "javascript:x", true),
            ("https://bank.com@x", "https://evil.example.net/", true),
            ("x", "https://www.bank.com@evil.example.net/", true),
            ("www.example.com", "https://click.example.com/", false),
            ("report.docx", "https://example.com/", false),
            ("click here", "https://example.com/", false),
            ("mail bob@example.com", "mailto:bob@example.com", false),
        ] {
            assert_eq!(read(target, text).differs, differs, "{text} -> {target}");
        }
    }

    #[test]
    fn lookalike_hosts_are_seen() {
        let mixed = read("https://p\u{430}ypal.com/", "paypal.com");
        assert!(mixed.mixed_scripts && mixed.differs && mixed.suspicious());
        assert_eq!(mixed.host.as_deref(), Some("xn--pypal-4ve.com"));
        assert!(read("https://xn--pypal-4ve.com/", "").mixed_scripts);
        assert!(!read("https://bücher.example/", "").mixed_scripts);
    }

    #[test]
    fn targets_are_found_in_text() {
        let found = in_text(
            "See <https://example.com/a>, or HTTP://x.example/b. Not ftp:y",
            9,
        );
        let targets: Vec<_> = found.iter().map(|l| l.target.as_str()).collect();
        assert_eq!(targets, ["https://example.com/a", "HTTP://x.example/b"]);
    }
}
