//! Addresses as they stand in a header field (RFC 5322 section 3.4), for ENVELOPE; lenient.

/// Most addresses shown of one field.
const ADDRESSES_MOST: usize = 1000;
/// Longest value looked at, in octets.
const VALUE_MOST: usize = 64 * 1024;

/// One address, or the start (`mailbox` is the group's name) or end of a group, as
/// RFC 3501 section 7.4.2 tells them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Addressee {
    One {
        name: Option<String>,
        mailbox: String,
        host: String,
    },
    GroupStart(String),
    GroupEnd,
}

#[derive(Default)]
struct Reading {
    phrase: String,
    comment: String,
    angle: Option<String>,
    found: Vec<Addressee>,
    in_group: bool,
}

/// Reads the addresses of an unfolded value.
pub(super) fn addresses(value: &str) -> Vec<Addressee> {
    let mut reading = Reading::default();
    let mut chars = value.char_indices().peekable();
    let mut in_angle = false;
    while let Some((at, c)) = chars.next() {
        if at > VALUE_MOST || reading.found.len() >= ADDRESSES_MOST {
            break;
        }
        match c {
            '"' => {
                let text = quoted(&mut chars);
                reading.words(in_angle).push_str(&text);
            }
            '(' => {
                let text = comment(&mut chars);
                reading.comment = text;
            }
            '<' if !in_angle => {
                in_angle = true;
                reading.angle = Some(String::new());
            }
            '>' if in_angle => in_angle = false,
            // Within a source route there are commas (RFC 5322 section 4.4).
            ',' if in_angle && reading.words(true).starts_with('@') => {
                reading.words(true).push(c);
            }
            ',' | ';' => {
                in_angle = false;
                reading.finish();
                if c == ';' && std::mem::take(&mut reading.in_group) {
                    reading.found.push(Addressee::GroupEnd);
                }
            }
            ':' if !in_angle && !reading.in_group && !reading.phrase.contains('@') => {
                let name = squeezed(&std::mem::take(&mut reading.phrase));
                reading.in_group = true;
                reading.found.push(Addressee::GroupStart(name));
            }
            _ => reading.words(in_angle).push(c),
        }
    }
    reading.finish();
    if reading.in_group {
        reading.found.push(Addressee::GroupEnd);
    }
    reading.found
}

impl Reading {
    fn words(&mut self, in_angle: bool) -> &mut String {
        match &mut self.angle {
            Some(angle) if in_angle => angle,
            _ => &mut self.phrase,
        }
    }

    /// An address ends.
    fn finish(&mut self) {
        let phrase = std::mem::take(&mut self.phrase);
        let comment = std::mem::take(&mut self.comment);
        let (name, address) = match self.angle.take() {
            Some(angle) => {
                let name = squeezed(&phrase);
                let name = if name.is_empty() { comment } else { name };
                (name, angle)
            }
            None => (comment, phrase),
        };
        let address: String = address.chars().filter(|c| !c.is_whitespace()).collect();
        // A source route (RFC 5322 section 4.4) says nothing about the mailbox.
        let address = match address
            .strip_prefix('@')
            .and_then(|rest| rest.split_once(':'))
        {
            Some((_, address)) => address.to_owned(),
            None => address,
        };
        if address.is_empty() && name.is_empty() {
            return;
        }
        let (mailbox, host) = address.rsplit_once('@').unwrap_or((address.as_str(), ""));
        self.found.push(Addressee::One {
            name: Some(name).filter(|name| !name.is_empty()),
            mailbox: mailbox.to_owned(),
            host: host.to_owned(),
        });
    }
}

fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

type Chars<'t> = std::iter::Peekable<std::str::CharIndices<'t>>;

fn quoted(chars: &mut Chars<'_>) -> String {
    let mut text = String::new();
    while let Some((_, c)) = chars.next() {
        match c {
            '"' => break,
            '\\' => text.extend(chars.next().map(|(_, c)| c)),
            _ => text.push(c),
        }
    }
    text
}

fn comment(chars: &mut Chars<'_>) -> String {
    let (mut text, mut depth) = (String::new(), 1_usize);
    while let Some((_, c)) = chars.next() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            '\\' => {
                text.extend(chars.next().map(|(_, c)| c));
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            break;
        }
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(value: &str) -> Vec<String> {
        addresses(value)
            .into_iter()
            .map(|found| match found {
                Addressee::One {
                    name,
                    mailbox,
                    host,
                } => format!("{}|{mailbox}|{host}", name.unwrap_or_default()),
                Addressee::GroupStart(name) => format!("[{name}"),
                Addressee::GroupEnd => "]".to_owned(),
            })
            .collect()
    }

    #[test]
    fn addresses_are_read_as_people_write_them() {
        assert_eq!(
            told("\"Doe, John\" <john@x.org>, jane@y.org (Jane), <@a,@b:c@z.org>"),
            ["Doe, John|john|x.org", "Jane|jane|y.org", "|c|z.org"]
        );
        assert_eq!(
            told("Friends: a@x.org, B <b@y.org>;, c@z.org"),
            ["[Friends", "|a|x.org", "B|b|y.org", "]", "|c|z.org"]
        );
        assert_eq!(
            told("undisclosed-recipients:;"),
            ["[undisclosed-recipients", "]"]
        );
        assert_eq!(told("nobody"), ["|nobody|"]);
        assert_eq!(told(""), [] as [&str; 0]);
        for odd in ["<", ">", "\"", "((", "<<>>", ":;:;", "a:b:c", ",,,", "\\"] {
            told(odd);
        }
    }
}
