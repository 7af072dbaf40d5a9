//! The grammar of SMTP commands (RFC 5321 section 4.1, RFC 3030, RFC 6531, Postfix' XCLIENT and XFORWARD).
//!
//! Of our own making: smtp-proto 0.2 takes a bare LF for a line end, drops a CR
//! inside an address, refuses address literals, unquotes local parts, reads
//! `SIZE=99999999999999999999999` as 999 and cannot tell `<Postmaster>` from `<>`.

use crate::mail::{Address, AddressError, BodyType, Reply};

/// Longest path (RFC 5321 section 4.5.3.1.3), doubled for UTF-8.
const PATH_MOST: usize = 512;
/// Longest argument of EHLO that is kept, in octets.
const HELO_MOST: usize = 255;

/// A command that is right by the grammar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    Helo(String),
    Ehlo(String),
    /// LMTP's greeting (RFC 2033 section 4.1).
    Lhlo(String),
    Mail(MailFrom),
    Rcpt(Recipient),
    Data,
    Bdat {
        size: u64,
        last: bool,
    },
    Rset,
    Noop,
    Quit,
    Vrfy,
    Help,
    StartTls,
    /// Mechanism and initial response (RFC 4954).
    Auth(String, Option<String>),
    /// Names in upper case, values decoded; `None` for `[UNAVAILABLE]` and `[TEMPUNAVAIL]`.
    Xclient(Vec<(String, Option<String>)>),
    Xforward(Vec<(String, Option<String>)>),
}

/// MAIL FROM with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailFrom {
    /// `None` is the null reverse path, `<>`.
    pub from: Option<Address>,
    /// SIZE, in octets (RFC 1870).
    pub size: Option<u64>,
    pub body: BodyType,
    pub smtputf8: bool,
    /// AUTH was given (RFC 4954 section 5); what it says is nobody's proof.
    pub auth: bool,
    /// The client takes a reply for each recipient (draft-hall-prdr).
    pub prdr: bool,
    /// The path is not ASCII, which asks for SMTPUTF8.
    pub international: bool,
}

/// The mailbox of RCPT TO.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// With true, the path is not ASCII, which asks for SMTPUTF8.
    Mailbox(Address, bool),
    /// `<Postmaster>` without a domain (RFC 5321 section 4.5.1).
    Postmaster,
}

/// Reads one line, without its CRLF.
///
/// # Errors
/// The reply that says what is wrong: 500 for what is no command, 501 for a wrong
/// argument, 502 for what is not offered, 555 for an unknown parameter.
pub fn parse(line: &[u8]) -> Result<Command, Reply> {
    if line.iter().any(u8::is_ascii_control) {
        return Err(Reply::new(500, 5, 2, "Control character in the command"));
    }
    let line = std::str::from_utf8(line)
        .map_err(|_| Reply::new(500, 5, 2, "The command is neither ASCII nor UTF-8"))?;
    let line = line.trim_end_matches(' ');
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim_start_matches(' ');
    let verb = verb.to_ascii_uppercase();
    if !rest.is_ascii() && verb != "MAIL" && verb != "RCPT" {
        return Err(Reply::new(501, 5, 2, "Only addresses may be international"));
    }
    match verb.as_str() {
        "HELO" => helo(rest, "HELO").map(Command::Helo),
        "EHLO" => helo(rest, "EHLO").map(Command::Ehlo),
        "LHLO" => helo(rest, "LHLO").map(Command::Lhlo),
        "MAIL" => mail(rest).map(Command::Mail),
        "RCPT" => rcpt(rest).map(Command::Rcpt),
        "DATA" => alone(rest, Command::Data),
        "BDAT" => bdat(rest),
        "RSET" => alone(rest, Command::Rset),
        "NOOP" => Ok(Command::Noop),
        "QUIT" => alone(rest, Command::Quit),
        "VRFY" if rest.is_empty() => Err(syntax("VRFY name")),
        "VRFY" => Ok(Command::Vrfy),
        "HELP" => Ok(Command::Help),
        "STARTTLS" => alone(rest, Command::StartTls),
        "AUTH" => Ok(auth(rest)),
        "XCLIENT" => told("XCLIENT", &XCLIENT_NAMES, rest).map(Command::Xclient),
        "XFORWARD" => told("XFORWARD", &XFORWARD_NAMES, rest).map(Command::Xforward),
        "EXPN" | "TURN" | "ETRN" => {
            Err(Reply::new(502, 5, 1, format!("{verb} is not offered here")))
        }
        _ => Err(Reply::new(500, 5, 1, "Unknown command")),
    }
}

/// True if the line is a BDAT command that cannot be read: nobody knows how many
/// octets of a chunk follow it, so that the dialogue cannot go on.
#[must_use]
pub fn is_bdat(line: &[u8]) -> bool {
    line.get(..4)
        .is_some_and(|verb| verb.eq_ignore_ascii_case(b"BDAT"))
}

fn syntax(form: &str) -> Reply {
    Reply::new(501, 5, 4, format!("Syntax: {form}"))
}

fn alone(rest: &str, command: Command) -> Result<Command, Reply> {
    if rest.is_empty() {
        Ok(command)
    } else {
        Err(Reply::new(501, 5, 4, "This command takes no argument"))
    }
}

fn auth(rest: &str) -> Command {
    let (mechanism, initial) = match rest.split_once(' ') {
        Some((mechanism, initial)) => (mechanism, Some(initial.trim_start_matches(' '))),
        None => (rest, None),
    };
    Command::Auth(mechanism.to_owned(), initial.map(str::to_owned))
}

fn helo(rest: &str, verb: &str) -> Result<String, Reply> {
    if rest.is_empty() || rest.len() > HELO_MOST {
        return Err(syntax(&format!("{verb} domain or address literal")));
    }
    Ok(rest.to_owned())
}

fn bdat(rest: &str) -> Result<Command, Reply> {
    let (size, last) = match rest.split_once(' ') {
        Some((size, word)) if word.trim().eq_ignore_ascii_case("LAST") => (size, true),
        None => (rest, false),
        Some(_) => return Err(syntax("BDAT size [LAST]")),
    };
    let size = number(size).ok_or_else(|| syntax("BDAT size [LAST]"))?;
    Ok(Command::Bdat { size, last })
}

/// Digits only, at most 20 of them (RFC 1870 section 5).
fn number(text: &str) -> Option<u64> {
    let plain = (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

fn mail(rest: &str) -> Result<MailFrom, Reply> {
    let form = "MAIL FROM:<reverse-path> [parameters]";
    let (path, rest) = path(rest, "FROM:").ok_or_else(|| syntax(form))?;
    let from = if path.is_empty() {
        None
    } else {
        Some(mailbox(path, 7)?)
    };
    let mut mail = MailFrom {
        from,
        size: None,
        body: BodyType::default(),
        smtputf8: false,
        auth: false,
        prdr: false,
        international: !path.is_ascii(),
    };
    let mut seen: Vec<String> = Vec::new();
    for parameter in rest.split(' ').filter(|p| !p.is_empty()) {
        let (name, value) = match parameter.split_once('=') {
            Some((name, value)) => (name.to_ascii_uppercase(), Some(value)),
            None => (parameter.to_ascii_uppercase(), None),
        };
        match (name.as_str(), value) {
            ("SIZE", Some(value)) => {
                mail.size = Some(number(value).ok_or_else(|| syntax("SIZE=octets"))?);
            }
            ("BODY", Some(value)) if value.eq_ignore_ascii_case("7BIT") => {}
            ("BODY", Some(value)) if value.eq_ignore_ascii_case("8BITMIME") => {
                mail.body = BodyType::EightBitMime;
            }
            ("SMTPUTF8", None) => mail.smtputf8 = true,
            ("AUTH", Some(value)) if !value.is_empty() => mail.auth = true,
            ("PRDR", None) => mail.prdr = true,
            ("SIZE" | "BODY" | "AUTH", None) | ("SMTPUTF8" | "PRDR", Some(_)) => {
                return Err(syntax(form));
            }
            _ => return Err(unknown(parameter)),
        }
        if seen.contains(&name) {
            return Err(Reply::new(501, 5, 4, format!("{name} is given twice")));
        }
        seen.push(name);
    }
    Ok(mail)
}

/// 555 for a parameter of MAIL or RCPT that is not offered.
pub(super) fn unknown(parameter: &str) -> Reply {
    let parameter: String = parameter.chars().take(60).collect();
    Reply::new(555, 5, 4, format!("Parameter not known: {parameter}"))
}

fn rcpt(rest: &str) -> Result<Recipient, Reply> {
    let form = "RCPT TO:<forward-path>";
    let (path, rest) = path(rest, "TO:").ok_or_else(|| syntax(form))?;
    if let Some(parameter) = rest.split(' ').find(|p| !p.is_empty()) {
        return Err(unknown(parameter));
    }
    if path.eq_ignore_ascii_case("postmaster") {
        return Ok(Recipient::Postmaster);
    }
    let international = !path.is_ascii();
    mailbox(path, 3).map(|to| Recipient::Mailbox(to, international))
}

/// What stands between the angle brackets behind `keyword`, without a source route,
/// and what follows them.
fn path<'l>(rest: &'l str, keyword: &str) -> Option<(&'l str, &'l str)> {
    let head = rest.get(..keyword.len())?;
    if !head.eq_ignore_ascii_case(keyword) {
        return None;
    }
    // A space behind the colon is wrong, and frequent.
    let rest = rest[keyword.len()..].trim_start_matches(' ');
    let inner = rest.strip_prefix('<')?;
    let end = closing_bracket(inner)?;
    let (path, after) = (&inner[..end], &inner[end + 1..]);
    if !(after.is_empty() || after.starts_with(' ')) {
        return None;
    }
    // A source route is to be ignored (RFC 5321 section 4.1.1.3).
    let path = match path.strip_prefix('@') {
        Some(route) => route.split_once(':')?.1,
        None => path,
    };
    Some((path, after))
}

/// The first `>` that is not inside a quoted string.
fn closing_bracket(text: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(at),
            _ => {}
        }
    }
    None
}

/// `detail` is that of the enhanced code: 7 for a sender, 3 for a recipient.
fn mailbox(path: &str, detail: u16) -> Result<Address, Reply> {
    if path.len() > PATH_MOST {
        return Err(Reply::new(501, 1, detail, "The path is too long"));
    }
    path.parse()
        .map_err(|error: AddressError| Reply::new(501, 1, detail, format!("Bad address: {error}")))
}

/// What a front relay tells of its client: names, and values in xtext.
fn told(verb: &str, names: &[&str], rest: &str) -> Result<Vec<(String, Option<String>)>, Reply> {
    let form = format!("{verb} name=value ...");
    let mut attributes = Vec::new();
    for attribute in rest.split(' ').filter(|a| !a.is_empty()) {
        let (name, value) = attribute.split_once('=').ok_or_else(|| syntax(&form))?;
        let name = name.to_ascii_uppercase();
        if !names.contains(&name.as_str()) {
            return Err(Reply::new(501, 5, 4, format!("Unknown {verb} attribute")));
        }
        let value = match value.to_ascii_uppercase().as_str() {
            "[UNAVAILABLE]" | "[TEMPUNAVAIL]" => None,
            _ => Some(xtext(value).ok_or_else(|| syntax(&form))?),
        };
        attributes.push((name, value));
    }
    if attributes.is_empty() {
        return Err(syntax(&form));
    }
    Ok(attributes)
}

/// The attributes a front relay may tell.
pub const XCLIENT_NAMES: [&str; 8] = [
    "NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT",
];

/// The attributes of XFORWARD, by which a proxy passes on what it was told.
pub const XFORWARD_NAMES: [&str; 7] = ["NAME", "ADDR", "PORT", "PROTO", "HELO", "IDENT", "SOURCE"];

/// Decodes xtext (RFC 3461 section 4): `+41` is `A`. Control characters are refused.
fn xtext(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'+' {
            let pair = [bytes.next()?, bytes.next()?];
            let pair = std::str::from_utf8(&pair).ok()?;
            if pair.starts_with('+') {
                return None;
            }
            out.push(u8::from_str_radix(pair, 16).ok()?);
        } else {
            out.push(byte);
        }
    }
    let text = String::from_utf8(out).ok()?;
    (!text.chars().any(char::is_control)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_apart_outside_of_quotes() {
        for (text, want) in [
            ("FROM:<a@x.org>", Some(("a@x.org", ""))),
            ("from:<a@x.org> SIZE=1", Some(("a@x.org", " SIZE=1"))),
            (r#"FROM:<"a>b"@x.org> X"#, Some((r#""a>b"@x.org"#, " X"))),
            (r#"FROM:<"a\">b"@x.org>"#, Some((r#""a\">b"@x.org"#, ""))),
            ("FROM:<@a,@b:c@x.org>", Some(("c@x.org", ""))),
            ("FROM:<@a>", None),
            (r#"FROM:<"a@x.org>"#, None),
            ("FROM:<a@x.org>x", None),
            ("FROM:", None),
            ("FRO", None),
            ("\u{e4}\u{e4}\u{e4}", None),
        ] {
            assert_eq!(path(text, "FROM:"), want, "{text}");
        }
    }

    #[test]
    fn numbers_and_xtext_have_limits() {
        assert_eq!(number("18446744073709551615"), Some(u64::MAX));
        for bad in [
            "",
            "18446744073709551616",
            "+1",
            "-1",
            "1 ",
            "000000000000000000001",
        ] {
            assert_eq!(number(bad), None, "{bad:?}");
        }
        assert_eq!(xtext("a+2Bb").as_deref(), Some("a+b"));
        for bad in ["+", "+4", "+zz", "++1", "+0D", "+FF", "+\u{e4}"] {
            assert_eq!(xtext(bad), None, "{bad:?}");
        }
    }
}
