//! The letter that asks the sender of pending mail to show that somebody is there (IW-06, IW-07): its
//! template, and where its page is.

use std::borrow::Cow;
use std::path::PathBuf;

use super::letter::Letter;
use super::template::{Template, TemplateFault, Variable};
use crate::clock::Timestamp;
use crate::mail::{Address, Domain, headers, subject, unlinked};
use crate::options::Span;

crate::options! {
    /// Pages for senders: where they show that somebody is there, if the policy `challenge` asks them,
    /// and where they ask for a refused message, if the policy `appeal` lets them.
    pub struct ChallengeOptions in "challenge" {
        /// Where senders reach these pages; may hold %%Recipient_Domain%%. Without one it is
        /// [web] url; without that, too, nobody is asked and no appeal is offered.
        pub url: Option<String> = None,
        /// A file with the letter: lines `From:` (may be left out) and `Subject:`, an empty line, and
        /// the text in UTF-8, in which %s stands for the link. Everywhere %%Sender%%, %%Recipient%%,
        /// %%Recipient_Domain%%, %%Subject%% and %%Expires%% are replaced. Without one it is our own.
        pub template: Option<PathBuf> = None,
        /// The reverse path of these letters; null without one, so that no program answers them.
        pub envelope_sender: Option<Address> = None,
        /// Letters to one address in a day, whomever it wrote to.
        pub per_sender_a_day: u32 = 3,
        /// Letters to one domain in an hour.
        pub per_domain_an_hour: u32 = 20,
        /// Letters in an hour.
        pub per_hour: u32 = 200,
        /// How long a link can be used; without it as long as the message waits.
        pub lifetime: Option<Span> = None,
    }
}

/// Longest template, in octets.
const LONGEST: u64 = 64 << 10;
/// Characters of a subject that the letter repeats.
const SUBJECT_MOST: usize = 80;
/// Octets of the name in a From field: one encoded word.
const NAME_MOST: usize = 40;
/// Longest Message-ID that is answered to, in octets.
const ID_MOST: usize = 250;
/// What the letter is, in the field `X-Quaranta-Notice`.
const KIND: &str = "challenge";

const LINK: &str = "Link";
const DOMAIN: &str = "Recipient_Domain";
const KNOWN: [Variable; 5] = [
    Variable::new("Sender"),
    Variable::new("Recipient"),
    Variable::new(DOMAIN),
    Variable::new("Subject"),
    Variable::new("Expires"),
];

impl ChallengeOptions {
    /// The letter; blocks on the file.
    ///
    /// # Errors
    /// Words for the administrator, with file and line.
    pub fn letter(&self) -> Result<ChallengeTemplate, String> {
        let Some(path) = &self.template else {
            return ChallengeTemplate::read("challenge.txt", include_str!("challenge.txt"));
        };
        let file = path.display().to_string();
        let large = std::fs::metadata(path).is_ok_and(|file| file.len() > LONGEST);
        if large {
            return Err(format!("{file} is larger than {LONGEST} octets"));
        }
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| format!("{file} cannot be read: {error}"))?;
        ChallengeTemplate::read(&file, &text)
    }

    /// Where the pages are, `web` being where the panel is.
    ///
    /// # Errors
    /// Words for the administrator.
    pub fn pages(&self, web: Option<&str>) -> Result<Option<PagesAt>, String> {
        match (&self.url, web) {
            (Some(url), _) => PagesAt::read("[challenge] url", url).map(Some),
            (None, Some(url)) => PagesAt::read("[web] url", url).map(Some),
            (None, None) => Ok(None),
        }
    }
}

/// Where the pages for senders are.
#[derive(Debug, Clone)]
pub struct PagesAt(Template);

impl PagesAt {
    /// `option` names where `url` was set.
    ///
    /// # Errors
    /// Words for the administrator.
    pub fn read(option: &str, url: &str) -> Result<Self, String> {
        let known = [Variable::new(DOMAIN)];
        let plain = url.bytes().all(|b| b.is_ascii_graphic());
        if !plain || !(url.starts_with("https://") || url.starts_with("http://")) {
            return Err(format!(
                "{option}: write it as in \"https://quarantine.example.org\""
            ));
        }
        let read = Template::read(option, url.trim_end_matches('/'), &known);
        read.map(Self).map_err(|fault| fault.to_string())
    }

    /// The address of `path`, which begins with a slash, for mail to `domain`.
    #[must_use]
    pub fn at(&self, domain: &Domain, path: &str) -> String {
        let base = self
            .0
            .fill(&[Variable::new(DOMAIN)], |_| domain.as_str().into());
        base + path
    }
}

/// What a letter is about.
#[derive(Debug, Clone)]
pub struct About {
    /// To whom it goes.
    pub to: Address,
    /// Who is to be allowed.
    pub sender: Address,
    pub recipient: Address,
    pub subject: String,
    /// The Message-ID of the message, as [`message_id`] gives it.
    pub answers: Option<String>,
    pub expires: Timestamp,
}

/// The letter, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChallengeTemplate {
    from: Option<Template>,
    subject: Template,
    body: Template,
}

impl ChallengeTemplate {
    /// Reads `text`, which came from `file`.
    ///
    /// # Errors
    /// Words for the administrator, with file and line.
    pub fn read(file: &str, text: &str) -> Result<Self, String> {
        if file.ends_with(".html") {
            return Err(format!("{file}: the letter is plain text"));
        }
        let text = text.replace("\r\n", "\n");
        let (mut from, mut subject, mut line) = (None, None, 0);
        let mut rest = text.as_str();
        loop {
            line += 1;
            let (head, after) = rest.split_once('\n').unwrap_or((rest, ""));
            rest = after;
            if head.trim().is_empty() {
                break;
            }
            let (name, value) = head.split_once(':').unwrap_or((head, ""));
            // So that faults name the line.
            let value = format!("{}{}", "\n".repeat(line - 1), value.trim());
            let read = || Template::read(file, &value, &KNOWN).map_err(told);
            match name.trim().to_ascii_lowercase().as_str() {
                "from" if from.is_none() => from = Some(read()?),
                "subject" if subject.is_none() => subject = Some(read()?),
                _ => {
                    return Err(format!(
                        "{file}, line {line}: write From: and Subject:, each once, then an empty line, then the text"
                    ));
                }
            }
        }
        let subject = subject.ok_or_else(|| format!("{file}, line 1: Subject: is missing"))?;
        let template = Self {
            from,
            subject,
            body: body(file, rest, line)?,
        };
        template.try_from_field(file)?;
        Ok(template)
    }

    /// A From field must come out of it, whatever is put in.
    fn try_from_field(&self, file: &str) -> Result<(), String> {
        let Some(from) = &self.from else {
            return Ok(());
        };
        let filled = from.fill(&KNOWN, |_| "example.org".into());
        if mailbox(&filled).is_some() {
            return Ok(());
        }
        let before = filled.bytes().take_while(|b| *b == b'\n').count();
        Err(format!(
            "{file}, line {}: From: needs an address, as in From: Mail gate <gate@%%Recipient_Domain%%>",
            before + 1
        ))
    }

    /// The letter about one message, with its link.
    #[must_use]
    pub fn letter(&self, about: &About, link: &str) -> Letter {
        let fill = |template: &Template| {
            let known = [&KNOWN[..], &[Variable::new(LINK)]].concat();
            let text = template.fill(&known, |name| value(name, about, link));
            text.trim_start_matches('\n').to_owned()
        };
        let subject = fill(&self.subject);
        let until = about.expires;
        let mut letter = Letter::new(about.to.clone(), KIND, subject, fill(&self.body), until);
        letter.from = self.from.as_ref().and_then(|from| mailbox(&fill(from)));
        // RFC 3834 section 5: it answers a message.
        let answers = "auto-replied".to_owned();
        letter.fields.push(("Auto-Submitted", answers));
        if let Some(id) = about.answers.clone() {
            letter.fields.push(("In-Reply-To", id.clone()));
            letter.fields.push(("References", id));
        }
        letter.going_out().by_stranger()
    }
}

fn told(fault: TemplateFault) -> String {
    fault.to_string()
}

/// The text, in which `%s` is the link.
fn body(file: &str, text: &str, line: usize) -> Result<Template, String> {
    let mut marked = "\n".repeat(line);
    let (mut rest, mut links) = (text, 0);
    while let Some(at) = rest.find('%') {
        marked.push_str(&rest[..at]);
        rest = &rest[at..];
        let taken = match rest.strip_prefix("%%") {
            // What is in a variable, or is none, is for the template to judge.
            Some(after) => after.find("%%").map_or(rest.len(), |end| end + 4),
            None if rest.starts_with("%s") => {
                links += 1;
                marked.push_str("%%Link%%");
                rest = &rest[2..];
                continue;
            }
            None => 1,
        };
        marked.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    marked.push_str(rest);
    if links == 0 {
        return Err(format!(
            "{file}, line {}: the text needs %s, which stands for the link",
            line + 1
        ));
    }
    if text.contains("%%Link%%") {
        return Err(format!("{file}, line {}: write %s for the link", line + 1));
    }
    let known = [&KNOWN[..], &[Variable::new(LINK)]].concat();
    Template::read(file, &marked, &known).map_err(told)
}

fn value<'v>(name: &str, about: &About, link: &'v str) -> Cow<'v, str> {
    match name {
        LINK => link.into(),
        "Sender" => about.sender.to_string().into(),
        "Recipient" => about.recipient.to_string().into(),
        DOMAIN => about.recipient.domain().to_string().into(),
        "Expires" => about.expires.rfc5322().into(),
        // A stranger's words: no link among ours is made of them.
        _ => unlinked(&about.subject.chars().take(SUBJECT_MOST).collect::<String>()).into(),
    }
}

/// A mailbox for a From field (RFC 5322 section 3.4), all ASCII but for the address itself; `None` if
/// there is no address.
fn mailbox(text: &str) -> Option<String> {
    let text = text.trim();
    let (name, address) = match text.rsplit_once('<') {
        Some((name, rest)) => (name.trim(), rest.strip_suffix('>')?),
        None => ("", text),
    };
    let address: Address = address.trim().parse().ok()?;
    let mut plain = String::new();
    for c in name.chars() {
        let odd = c.is_control() || matches!(c, '"' | '\\' | '<' | '>');
        if !odd && plain.len() + c.len_utf8() <= NAME_MOST {
            plain.push(c);
        }
    }
    Some(match plain.trim() {
        "" => address.to_string(),
        name if name.is_ascii() => format!("\"{name}\" <{address}>"),
        name => format!("{} <{address}>", subject::encoded(name)),
    })
}

/// The message identifier, if it is one that may stand in a field of ours.
#[must_use]
pub fn message_id(message: &[u8]) -> Option<String> {
    let text = headers::first(message, "Message-ID")?.text();
    let sound = text.len() <= ID_MOST
        && text.starts_with('<')
        && text.ends_with('>')
        && text.bytes().all(|b| b.is_ascii_graphic());
    sound.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOUND: &str =
        "From: Gate <gate@%%Recipient_Domain%%>\nSubject: to %%Recipient%%\n\nsee %s\n";

    fn address(text: &str) -> Address {
        text.parse().expect("address")
    }

    fn about(subject: &str) -> About {
        About {
            to: address("bounce@remote.test"),
            sender: address("sender@remote.test"),
            recipient: address("alice@example.org"),
            subject: subject.to_owned(),
            answers: message_id(b"Message-ID: <1@remote.test>\r\n\r\n"),
            expires: Timestamp(1_000_000_000_000),
        }
    }

    #[test]
    fn iw07_a_template_is_filled() {
        let template = ChallengeTemplate::read("t", SOUND).expect("sound");
        let letter = template.letter(&about("x"), "https://q/c/1");
        assert_eq!(letter.text, "see https://q/c/1\n");
        assert_eq!(letter.subject, "to alice@example.org");
        assert_eq!(letter.from.as_deref(), Some("\"Gate\" <gate@example.org>"));
        assert_eq!((letter.sender, letter.outside), (None, true));
        let fields = [
            ("Auto-Submitted", "auto-replied".to_owned()),
            ("In-Reply-To", "<1@remote.test>".to_owned()),
            ("References", "<1@remote.test>".to_owned()),
        ];
        assert_eq!(letter.fields, fields);
        let own = ChallengeOptions::default().letter().expect("ours is sound");
        let letter = own.letter(&about("see https://evil.example"), "https://q/c/1");
        assert_eq!(
            letter.text.matches("https://").count(),
            1,
            "{}",
            letter.text
        );
        assert_eq!(
            letter
                .text
                .lines()
                .filter(|l| *l == "https://q/c/1")
                .count(),
            1
        );
    }

    #[test]
    fn iw07_a_bad_template_is_refused_with_file_and_line() {
        for (text, words) in [
            (
                "Subject: x\n\nno link\n",
                "t.txt, line 3: the text needs %s",
            ),
            (
                "Subject: %s\n\n100%%s\n",
                "t.txt, line 3: the text needs %s",
            ),
            ("Subject: x\n\n%%Subject%%s\n", "line 3: the text needs %s"),
            ("Subject: x\n\n%s %%Link%%\n", "line 3: write %s"),
            (
                "Subject: x\n\n%s\n\n%%Body%%\n",
                "t.txt, line 5: there is no variable %%Body%%",
            ),
            (
                "Subject: x\nBcc: all@remote.test\n\n%s\n",
                "t.txt, line 2: write From: and Subject:",
            ),
            ("Subject: x\nSubject: y\n\n%s\n", "line 2: write From:"),
            (
                "Subject: %%Sendr%%\n\n%s\n",
                "t.txt, line 1: there is no variable %%Sendr%%",
            ),
            (
                "From: x@y.z\nSubject: %%Sender\n\n%s",
                "t.txt, line 2: %% begins",
            ),
            (
                "From: nobody\nSubject: x\n\n%s\n",
                "line 1: From: needs an address",
            ),
            ("\n%s\n", "Subject: is missing"),
            ("", "Subject: is missing"),
            ("Subject: a\u{7}\n\n%s", "control characters"),
        ] {
            let fault = ChallengeTemplate::read("t.txt", text).expect_err(text);
            assert!(fault.contains(words), "{text:?}: {fault}");
        }
        assert!(ChallengeTemplate::read("t.html", SOUND).is_err());
    }

    #[test]
    fn iw07_values_make_no_header_field() {
        let text = "From: %%Subject%% <g@x.org>\nSubject: %%Subject%%\n\n%%Subject%% %s";
        let template = ChallengeTemplate::read("t", text).expect("sound");
        let evil = "a\r\nBcc: b@c.d\"<x@y.z>\u{202e}\u{e9}";
        let letter = template.letter(&about(evil), "l");
        let from = letter.from.expect("a From field");
        assert!(from.is_ascii() && from.ends_with(" <g@x.org>"), "{from}");
        for text in [&from, &letter.subject, &letter.text] {
            assert!(!text.contains(['\r', '\n', '\u{202e}']), "{text:?}");
        }
    }

    #[test]
    fn iw07_a_base_may_hold_the_domain() {
        let domain: Domain = "example.org".parse().expect("domain");
        let pages = PagesAt::read("url", "https://mx.%%Recipient_Domain%%/").expect("sound");
        assert_eq!(pages.at(&domain, "/c/x"), "https://mx.example.org/c/x");
        for bad in [
            "mx.example.org",
            "https://%%Sender%%",
            "https://a b",
            "ftp://x",
            "https://%%",
        ] {
            assert!(PagesAt::read("url", bad).is_err(), "{bad}");
        }
    }
}
